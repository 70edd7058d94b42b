/*
 * last.h: the last outputs alone, y [N][F], and how they follow from the state at the end: of one
 * direction it is h_n (with a mask o_n, but for a row of length 0), of two it is both of
 * them merged.
 */
#ifndef CLRNN_CLI_LAST_H
#define CLRNN_CLI_LAST_H

#include "cli/compute.h"

/* What y of the last outputs must be, from a result of all steps that is for the judge; out->data
 * is to be freed. Gives the exit code. */
int last_merge(clrnn_tensor *out, const workload *load, const compute_result *whole);
/* A foreign y of last outputs as the state that the judge takes; kept by `keeper`. */
int last_split(clrnn_layer_arrays *out, const workload *load, clrnn_arrays *keeper,
               const clrnn_tensor *last);

#endif
