/*
 * graph_cases.h: a node with its inputs and what it must give, as a line of text:
 *
 *     SLICE axis=0 name=cut : f32[2,3]{1,2,3,4,5,6} i64[1]@4 - : ~f32[1,3]@9
 *
 * the op, what it is told, inputs, outputs. An array has its numbers in braces, of which the last is
 * repeated, or in a pool of its dtype from an element on; without either it is zeros. `-`: left out.
 * `~`: float64 numbers which float32 (or float64) must be the rounding of.
 */
#ifndef CLRNN_TESTS_GRAPH_CASES_H
#define CLRNN_TESTS_GRAPH_CASES_H

#include "graph/graph_op.h"

enum { GRAPH_CASE_ARRAYS = 8 };

struct graph_case {
    struct graph_node node;
    clrnn_tensor inputs[GRAPH_CASE_ARRAYS];
    clrnn_tensor outputs[GRAPH_CASE_ARRAYS];      /* float64 where rounded */
    const clrnn_tensor *given[GRAPH_CASE_ARRAYS]; /* inputs, or NULL */
    clrnn_dtype dtypes[GRAPH_CASE_ARRAYS];        /* of the outputs */
    int rounded[GRAPH_CASE_ARRAYS];
    int places[GRAPH_CASE_ARRAYS]; /* 0, 1, ...: values for a node that is only run */
    char name[256];
    const char *line; /* for messages */
};

/* The line ends with the text or a '\n'. Each array is memory of exactly its size, so that a read
 * past the end is seen. pools may be NULL. */
void graph_case_read(struct graph_case *test, const char *line, const clrnn_arrays *pools);
void graph_case_free(struct graph_case *test);

/* Runs it into memory that was there before, and with nobody to take the outputs; fails unless the
 * results are as they must be. */
void graph_case_hold(const struct graph_case *test);
/* The same, by folding it in a graph of constants, with just enough bytes and with one too few. */
void graph_case_fold(const struct graph_case *test);

#endif
