/* generate.h: a problem as a net and its data. It prints nothing and needs the library alone. */
#ifndef CLRNN_CLI_GENERATE_H
#define CLRNN_CLI_GENERATE_H

#include "cli/problem.h"
#include "clrnn.h"

typedef struct generated {
    clrnn_net *net;
    clrnn_arrays *arrays;       /* own all that is below */
    clrnn_tensor x;             /* [T][N][I], [N][T][I], or packed [sum][I] */
    clrnn_tensor lengths;       /* [N] int32, or zeroed: full, or packed */
    clrnn_tensor mask;          /* [N][T], or zeroed */
    clrnn_tensor batch_sizes;   /* packed: [T] int32, or zeroed */
    clrnn_layer_arrays *layers; /* [L]: h_0, c_0, o_0 where start=random */
    int num_layers;
} generated;

/* `from` is a finished problem. On failure nothing is kept and clrnn_last_error has the reason
 * (but for MEMORY, which may come from here). */
clrnn_status generate(generated *out, const problem *from);
void generate_free(generated *made);
/* About what the problem takes to be run, in bytes: as double, it may be any number. */
double generate_bytes(const problem *from);
/* A layer of the problem's net. */
clrnn_layer_desc generate_layer(const problem *from, int layer);

#endif
