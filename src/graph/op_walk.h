/*
 * op_walk.h: through arrays of one shape and different strides, run by run.
 *
 * Axes that every array goes through as if they were one are made one, axes of 1 are left out, and
 * what remains last is the run: a loop with one step an array, which is 1 or 0 wherever the arrays
 * are dense or broadcast. So equal shapes are one run, a trailing vector is a run a row, and so on.
 */
#ifndef CLRNN_GRAPH_OP_WALK_H
#define CLRNN_GRAPH_OP_WALK_H

#include "clrnn.h"

enum { OP_WALK_ARRAYS = 3 };

/* Strides in elements, from the first axis to the last. */
struct op_strides {
    int64_t of[CLRNN_MAX_RANK];
};

struct op_walk {
    int64_t run;                  /* elements of a run; 0: there is nothing to do */
    int64_t step[OP_WALK_ARRAYS]; /* from one element of the run to the next */
    int64_t at[OP_WALK_ARRAYS];   /* where this run begins, from where the walk began */
    /* private */
    int arrays, rank; /* axes outside the run */
    int64_t shape[CLRNN_MAX_RANK], index[CLRNN_MAX_RANK];
    struct op_strides strides[OP_WALK_ARRAYS];
};

/* On the first run of `arrays` arrays of this shape. */
void op_walk_begin(struct op_walk *walk, int rank, const int64_t *shape, int arrays,
                   const struct op_strides *strides);
/* To the next run; 0: that was the last. */
int op_walk_next(struct op_walk *walk);

/* Of a dense array. */
void op_walk_dense(struct op_strides *out, int rank, const int64_t *shape);
/* Of a dense array that is broadcast to `rank` axes: 0 where it has 1 or no axis. */
void op_walk_broadcast(struct op_strides *out, const clrnn_tensor *tensor, int rank);

#endif
