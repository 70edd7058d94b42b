/*
 * reference.h: the cells in double precision, straight from their equations: the oracle.
 *
 * Here: one step of one row with a running error bound, and whole sequences by repeating that step.
 * Not here: judging a result (judge.c), and anything that the float32 engines use: no code, no
 * table and no constant is shared, so that a mistake cannot agree with itself.
 *
 * The one idea: beside each number goes its error, an upper limit of what a float32 evaluation of
 * the same equation from the same inputs may differ by, in any order of summation, with or without
 * fma, with or without denormals. An error of INFINITY means that float32 may overflow on the way,
 * so that anything, NaN included, is right.
 */
#ifndef CLRNN_CPU_REFERENCE_H
#define CLRNN_CPU_REFERENCE_H

#include "core/net.h"

/* One step of one row. Results must not overlap inputs. */
struct reference_step {
    const float *x;             /* [I] */
    const double *h_prev;       /* [H] */
    const double *h_prev_error; /* [H], or NULL: h_prev is exact */
    const double *c_prev;       /* [H], lstm only */
    const double *c_prev_error; /* [H], or NULL: c_prev is exact */
    double *h;                  /* [H] */
    double *h_error;            /* [H], or NULL: no bounds wanted, then c_error is ignored too */
    double *c;                  /* [H], lstm only */
    double *c_error;            /* [H], lstm only */
    double *scratch;            /* [reference_scratch_size(net)] */
};

/* How many doubles reference_evaluate needs as scratch. */
size_t reference_scratch_size(const struct clrnn_net *net);

void reference_evaluate(const struct clrnn_net *net, const struct reference_step *step);

/* The state of one row on its way through a sequence, without bounds. It stays in double precision
 * from step to step; what float32 cannot hold becomes infinite, as it does there. */
struct reference_walk {
    double *memory;
    double *h, *h_next; /* [H] */
    double *c, *c_next; /* [H], 0 but for lstm */
    double *scratch;
};

/* Errors: MEMORY. A zeroed walk may be closed. */
clrnn_status reference_walk_open(struct reference_walk *out, const struct clrnn_net *net);
void reference_walk_close(struct reference_walk *walk);
/* x: [I] */
void reference_walk_step(struct reference_walk *walk, const struct clrnn_net *net, const float *x);

/* Whole sequences, each row a walk. */
struct reference_sequence {
    int64_t steps;          /* T */
    int64_t batch;          /* N */
    int batch_first;        /* y and cells: 1: [N][T][H], 0: [T][N][H] */
    int last_only;          /* y: [N][H] */
    const float *x;         /* x_t of row n begins at x + t x_step + n x_row */
    int64_t x_step;         /* floats */
    int64_t x_row;          /* floats */
    const int64_t *lengths; /* [N], 0 .. T, or NULL: all T */
    const double *h_0;      /* [N][H], or NULL: 0 */
    const double *c_0;      /* [N][H], or NULL: 0; lstm only */
    double *y;              /* results, each may be NULL */
    double *cells;          /* as y without last_only; lstm only */
    double *h_n;            /* [N][H]; may be h_0 */
    double *c_n;            /* [N][H]; may be c_0; lstm only */
};

/* Errors: MEMORY. Outputs past a row's length are 0. */
clrnn_status reference_forward(const struct clrnn_net *net,
                               const struct reference_sequence *sequence);

/* The time of step number `step` (0 is the first one computed) of a row with `length` steps. */
int64_t reference_time(const struct clrnn_net *net, int64_t step, int64_t length);

/* Rounds to float32; NaN becomes the one pattern 0x7fc00000. */
float reference_round(double value);

#endif
