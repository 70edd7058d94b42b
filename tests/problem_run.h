/*
 * problem_run.h: runs of problems (cli/generate.h), whatever their nets are and however their arrays lie:
 * everything that a net gives, judged, compared, and as one number.
 */
#ifndef CLRNN_TESTS_PROBLEM_RUN_H
#define CLRNN_TESTS_PROBLEM_RUN_H

#include "cli/generate.h"
#include "clrnn.h"

/* Arrays of all layers in their order; they are poisoned until a run writes them. */
struct problem_outcome {
    clrnn_arrays *arrays;
    clrnn_layer_arrays layers[PROBLEM_MAX_LAYERS];
    clrnn_forward_args args;
};

/* Problem and data of a text. */
void problem_made(problem *p, generated *made, const char *text);
clrnn_plan_desc problem_plan_desc(const problem *p, const char *algorithm);
/* Algorithms that take it; they are at most 16. */
size_t problem_algorithms(clrnn_algorithm_info infos[16], const problem *p, const generated *made,
                          const clrnn_context *context);

/* Each fails with the text and its own reason. `where`: the place and the algorithm. */
void problem_run_plan(struct problem_outcome *out, const problem *p, const generated *made,
                      clrnn_plan *plan, const char *text);
void problem_run(struct problem_outcome *out, const problem *p, const generated *made,
                 clrnn_context *context, const char *algorithm, const char *text);
void problem_outcome_free(struct problem_outcome *out);

/* Every number was written. */
void problem_written(const struct problem_outcome *out, const char *text, const char *where);
/* Within the bounds that the data give. */
void problem_judged(const struct problem_outcome *out, const problem *p, const generated *made,
                    const char *text, const char *where);
/* The same bits; else `message` says where not, and 0. */
int problem_same(const struct problem_outcome *expected, const struct problem_outcome *got,
                 char *message, size_t size);
/* FNV-1a of all bits, arrays in their order. */
uint64_t problem_checksum(const struct problem_outcome *out);

#endif
