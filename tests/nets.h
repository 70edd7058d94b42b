/*
 * nets.h: what the suites of the reference and of the judge share: nets of every kind with inputs
 * and results, a plain float32 evaluation of them, and stored arrays.
 *
 * The one idea: the evaluation is by sequential sums and the C library's functions; nothing of what
 * is tested computes in it.
 */
#ifndef CLRNN_TESTS_NETS_H
#define CLRNN_TESTS_NETS_H

#include "clrnn.h"

#include <stddef.h>
#include <stdint.h>

/* The seed of all that is random here. */
extern uint64_t random_state;
/* xorshift64*, in -1 .. 1 */
float uniform(void);

/* A net with inputs and results. Everything is dense; lengths hold 0, all T, and others. */
struct sample {
    clrnn_net *net;
    int steps, batch, batch_first;
    float *x, *h_0, *c_0;         /* inputs; h_0 or c_0 NULL: 0 */
    int32_t *lengths;             /* NULL: all T */
    float *y, *h_n, *c_n, *cells; /* results */
};

clrnn_tensor tensor_of(clrnn_dtype dtype, void *data, int rank, int64_t a, int64_t b, int64_t c);

/* Every kind of net, by number. */
enum { KINDS = 10 };
clrnn_net_desc kind_of(int kind, int inputs, int hidden);
/* weights: w_ih, w_hh, b_ih, b_hh one behind the other */
clrnn_net *net_of(const clrnn_net_desc *desc, float *weights);
/* The spectral radius of W_hh is about gain: entries of variance gain^2 / H. */
clrnn_net *random_net(const clrnn_net_desc *desc, float gain);

/* Takes the net over; free_sample frees it. */
struct sample sample_of(clrnn_net *net, int steps, int batch, int batch_first);
/* T = 6, N = 4, I = 5, H = 9, lengths 6, 0, 1, 4. */
struct sample small_sample(int kind);
void free_sample(struct sample *s);
clrnn_forward_args args_of(const struct sample *s);
/* Which row of x, y or cells is step t of row n. */
size_t at(const struct sample *s, int t, int n);

/* Runs the sample by `net`, which may differ from its own. */
void plain_forward(struct sample *s, const clrnn_net *net);
clrnn_judgement judge(const clrnn_net *net, const struct sample *s);

#define DATA "tests/data/"

clrnn_arrays *load(const char *path);
clrnn_model *load_model(const char *path);
const clrnn_tensor *find(const clrnn_arrays *arrays, const char *name);

#endif
