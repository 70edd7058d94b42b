/* expect_whole.h: outputs of a whole model from elsewhere (--expect, --expect-state), held against a run in
 * double precision, within what rounding can do to this model on this data. */
#ifndef CLRNN_CLI_EXPECT_WHOLE_H
#define CLRNN_CLI_EXPECT_WHOLE_H

#include "cli/verdict.h"
#include "cli/whole.h"

typedef struct whole_expected {
    clrnn_arrays
        *arrays;         /* by the outputs' names; float64, or int64 where both are whole numbers */
    clrnn_arrays *exact; /* ours of the same names and dtypes */
    clrnn_arrays *spreads; /* float64: how far each value moved at most */
    int with_states;       /* some are states */
    double roundings;
} whole_expected;

/* Reads the files; nothing is computed yet. */
int expect_whole_load(whole_expected *out, const whole *load, const options *opts);
int expect_whole_is_given(const whole_expected *expected);
/* Refuses what has not the shape of ours, then runs the model with moved numbers. `exact` is the run in
 * double precision. */
int expect_whole_measure(whole_expected *expected, const whole *load, const whole_result *exact);
/* Fills in the verdict's judgement and place. */
int expect_whole_judge(verdict *out, const whole_expected *expected, const whole *load);
/* One of our results beside it. */
int expect_whole_compare(verdict_difference *sum, const whole_expected *expected,
                         const whole_result *ours);
void expect_whole_free(whole_expected *expected);

#endif
