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

enum { NETS_LAYERS = 3 }; /* the most layers of a net here */

/* Arrays of one layer; o_0 counts under a mask only. */
struct sample_layer {
    float *h_0, *c_0, *o_0; /* [D][N][.]; NULL: 0 */
    float *h_n, *c_n, *o_n;
    float *y;                       /* rows of F, as x */
    float *last;                    /* [N][F] */
    float *hiddens, *cells, *gates; /* rows of D W, D H, D G H, never packed */
};

/* A net with inputs and results. Everything is dense; lengths hold 0, all T, and others. */
struct sample {
    clrnn_net *net;
    int steps, batch, batch_first;
    float *x;             /* rows of I by x_row */
    int32_t *lengths;     /* NULL: all T */
    int32_t *batch_sizes; /* [T] NULL: nothing is packed */
    uint8_t *mask;        /* [N][T], or NULL */
    struct sample_layer of[NETS_LAYERS];
    clrnn_layer_arrays arrays[NETS_LAYERS]; /* args_of's */
};

clrnn_tensor tensor_of(clrnn_dtype dtype, void *data, int rank, int64_t a, int64_t b, int64_t c);

/* Every kind of net, by number: one layer of each cell with each option in either direction (all of
 * it of `hidden`), then bidirectional layers and stacks (upper layers are wider by one each). */
enum { VARIANTS = 15, SINGLES = 2 * VARIANTS, STACKS = 8, KINDS = SINGLES + STACKS };
struct net_kind {
    clrnn_layer_desc layers[NETS_LAYERS];
    clrnn_net_desc desc; /* its layers are to be set to the array above */
};
struct net_kind kind_of(int kind, int inputs, int hidden);
clrnn_net *net_of(const struct net_kind *kind);
/* The spectral radius of W_hh is about gain: entries of variance gain^2 / W. */
void fill_net(clrnn_net *net, float gain);
clrnn_net *random_net(const struct net_kind *kind, float gain);
/* The same net with its own copy of the weights, its layers changed to those of `kind`, which must
 * have as many weights of the same shapes. */
clrnn_net *copy_net(const clrnn_net *net, const struct net_kind *kind);
struct net_kind kind_of_net(const clrnn_net *net);

/* Takes the net over; free_sample frees it. */
struct sample sample_of(clrnn_net *net, int steps, int batch, int batch_first);
/* T = 6, N = 4, I = 5, H = 9, lengths 6, 0, 1, 4; computed by the plain evaluation. */
struct sample small_sample(int kind);
/* How a sample lies before the judge. PACKED: time first, lengths fall from T on and none is 0.
 * MASKED: row 0 has holes, row 2 is masked throughout, row 3 begins and ends masked. */
enum lie { DENSE, PACKED, MASKED, LIES };
void lay_sample(struct sample *s, enum lie lie);
void free_sample(struct sample *s);
/* Everything the sample has; of the arrays given layer by layer, a view in s->arrays. */
clrnn_forward_args args_of(struct sample *s);
/* Which row of hiddens, cells or gates is step t of row n; and of x and y, which may be packed. */
size_t at(const struct sample *s, int t, int n);
size_t x_row(const struct sample *s, int t, int n);
int length_of(const struct sample *s, int n);
int is_masked(const struct sample *s, int t, int n);

double plain_activation(const clrnn_activation *act, double x);
/* Runs the sample by `net`, which may differ from its own. */
void plain_forward(struct sample *s, const clrnn_net *net);

clrnn_judgement judge_args(const clrnn_net *net, const struct sample *s,
                           const clrnn_forward_args *args);
/* Of everything the sample has. */
clrnn_judgement judge(const clrnn_net *net, struct sample *s);

/* What of a result is shown to the judge. */
enum shown {
    SHOW_Y = 0,       /* of the last layer, and the final states */
    SHOW_HIDDENS = 1, /* of every layer */
    SHOW_CELLS = 2,   /* of every layer */
    SHOW_BELOW = 4,   /* y of the layers below */
    SHOW_ALL = 7,
};
clrnn_forward_args args_showing(struct sample *s, int shown);

#define DATA "tests/data/"

clrnn_arrays *load(const char *path);
clrnn_model *load_model(const char *path);
const clrnn_tensor *find(const clrnn_arrays *arrays, const char *name);

#endif
