/* expect.h: a result from elsewhere (--expect, --expect-state), to be judged beside our own. */
#ifndef CLRNN_CLI_EXPECT_H
#define CLRNN_CLI_EXPECT_H

#include "cli/workload.h"

typedef struct expectation {
    clrnn_arrays *arrays;
    clrnn_tensor output; /* zeroed: no expectation */
    clrnn_tensor h_n;    /* zeroed: not given */
    clrnn_tensor c_n;
} expectation;

int expect_load(expectation *out, const workload *load, const options *opts);
void expect_free(expectation *expected);

#endif
