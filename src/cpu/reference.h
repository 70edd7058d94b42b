/*
 * reference.h: the cells in double precision, straight from their equations: the oracle.
 *
 * Here: one step of one row of a strand with a running error bound (reference_cell.c), and whole
 * nets by repeating that step (reference.c). Not here: judging a result (judge.c), and anything that
 * the float32 engines use: no code, no table and no constant is shared, so that a mistake cannot
 * agree with itself.
 *
 * The one idea: beside each number goes its error, an upper limit of what a float32 evaluation of
 * the same equation from the same inputs may differ by, in any order of summation, with or without
 * fma, with or without denormals. An error of INFINITY means that float32 may overflow on the way,
 * so that anything, NaN included, is right. The rules: reference_arithmetic.c.
 */
#ifndef CLRNN_CPU_REFERENCE_H
#define CLRNN_CPU_REFERENCE_H

#include "core/net.h"
#include "cpu/reference_arithmetic.h"

/* Errors: UNSUPPORTED where a cell or an activation is OpenCL C. */
clrnn_status reference_check_net(const clrnn_net *net);

/* ---- a step ---------------------------------------------------------------------------------- */

/* One step of one row. Results must not overlap inputs; an error of NULL: that input is exact. */
struct reference_step {
    const double *x;            /* [I] */
    const double *x_error;      /* [I] */
    const double *h_prev;       /* [W] */
    const double *h_prev_error; /* [W] */
    const double *c_prev;       /* [H], lstm only */
    const double *c_prev_error; /* [H] */
    double *h;                  /* [W] */
    double *h_error;            /* [W], or NULL: no bounds wanted, then c_error is ignored too */
    double *c;                  /* [H], lstm only */
    double *c_error;            /* [H], lstm only */
    double *gates;              /* [G H], or NULL: not wanted */
    double *gates_error;        /* [G H], or NULL: no bounds wanted */
    double *scratch;            /* [reference_scratch_size(strand)] */
};

/* How many doubles reference_evaluate needs as scratch. */
size_t reference_scratch_size(const struct strand *strand);

/* Not for a custom cell or activation. */
void reference_evaluate(const struct strand *strand, const struct reference_step *step);

/* How a bidirectional layer joins two outputs; not for CONCAT. */
struct number reference_merge(clrnn_merge merge, struct number f, struct number r);

/* ---- a walk ---------------------------------------------------------------------------------- */

/* The state of one row on its way through a sequence. It stays in double precision from step to
 * step; what float32 cannot hold becomes infinite, as it does there. */
struct reference_walk {
    double *memory;
    double *h, *h_next; /* [W] */
    double *c, *c_next; /* [H], 0 but for lstm */
    double *gates;      /* [G H] of the last step */
    /* [W] and [H]: how far a float32 trajectory from the same start may be; NULL: not wanted */
    double *h_error, *h_error_next, *c_error, *c_error_next;
    double *gates_error; /* [G H] of the last step, or NULL as above */
    double *scratch;
};

/* At first all 0. Errors: MEMORY. A zeroed walk may be closed. */
clrnn_status reference_walk_open(struct reference_walk *out, const struct strand *strand,
                                 int with_errors);
void reference_walk_close(struct reference_walk *walk);
/* x: [I]; x_error: [I], or NULL: x is exact */
void reference_walk_step(struct reference_walk *walk, const struct strand *strand, const double *x,
                         const double *x_error);

/* The time of step number `step` (0 is the first one computed) of a row with `length` steps. */
int64_t reference_time(const struct strand *strand, int64_t step, int64_t length);

/* What float32 cannot hold is infinite there. */
void reference_overflow(double *values, int64_t count);

/* Rounds to float32; NaN becomes the one pattern 0x7fc00000. */
float reference_round(double value);

/* ---- a net ----------------------------------------------------------------------------------- */

/* What a layer takes and gives, dense, time first; each may be NULL: a start is 0, a result is not
 * wanted. A result at the end may be the start that it continues (h_n = h_0). */
struct reference_layer {
    const double *h_0; /* [D][N][W] */
    const double *c_0; /* [D][N][H]; lstm */
    const double *o_0; /* [D][N][W]; under a mask */
    double *h_n;       /* [D][N][W] */
    double *c_n;       /* [D][N][H]; lstm */
    double *o_n;       /* [D][N][W]; o_0 or 0 where the length is 0 */
    double *y;         /* [T][N][F] */
    double *last;      /* [N][F] */
    double *hiddens;   /* [T][N][D W] */
    double *cells;     /* [T][N][D H]; lstm */
    double *gates;     /* [T][N][D G H] */
};

struct reference_call {
    int64_t steps;          /* T */
    int64_t batch;          /* N */
    const float *x;         /* x_t of row n begins at x + t x_step + n x_row */
    int64_t x_step;         /* floats */
    int64_t x_row;          /* floats */
    const int64_t *starts;  /* [T] packed: at x + (starts[t] + n) x_row; NULL: not packed */
    const int64_t *lengths; /* [N], 0 .. T, or NULL: all T */
    const uint8_t *mask;    /* [N][T], 0: the step keeps the state; or NULL */
    const struct reference_layer *layers; /* [L] */
};

/* Rows do not depend on each other. Errors: MEMORY, UNSUPPORTED. */
clrnn_status reference_forward(const clrnn_net *net, const struct reference_call *call);

#endif
