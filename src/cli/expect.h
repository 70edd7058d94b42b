/* expect.h: a result from elsewhere (--expect, --expect-state), to be judged beside our own. */
#ifndef CLRNN_CLI_EXPECT_H
#define CLRNN_CLI_EXPECT_H

#include "cli/workload.h"

typedef struct expectation {
    clrnn_arrays *arrays;
    clrnn_tensor output;        /* all steps; zeroed: not given */
    clrnn_tensor last;          /* [N][F], of a model that gives the last output alone */
    clrnn_layer_arrays ends;    /* the same as h_n or o_n of the last layer */
    clrnn_layer_arrays *layers; /* [L]: y of layers below, h_n, c_n where given */
    int has_states;
} expectation;

int expect_load(expectation *out, const workload *load, const options *opts);
/* 1 if there is something to be judged. */
int expect_is_given(const expectation *expected);
void expect_free(expectation *expected);

#endif
