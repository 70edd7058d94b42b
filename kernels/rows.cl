/*
 * rows.cl: the only reader of the row table, and the vectors of the work space.
 *
 * Work space, each vector [N][stride]:
 *     0, 1   h of the step before and of this step, by the parity of the step
 *     2      what the first of two phases publishes
 *     3      c
 *     4      words that a phase leaves for the next phase of the same step
 */
#define WORK_H 0
#define WORK_PUBLISHED 2
#define WORK_C 3
#define WORK_CARRY 4

/* The arguments of every kernel, in this order; the launch's own numbers follow. */
#define KERNEL_ARRAYS                                                                              \
    const struct params p, GLOBAL const struct row *restrict rows, GLOBAL const float *restrict x, \
        GLOBAL const float *restrict w, GLOBAL const float *restrict b, GLOBAL float *state,       \
        GLOBAL float *work, GLOBAL float *y, GLOBAL float *cells
#define PASS_OF(step, scratch)                                                                     \
    { rows, x, w, b, state, work, y, cells, scratch, step }

/* What every part of a kernel hands on: the arrays of the launch and the step it is in. */
typedef struct {
    GLOBAL const struct row *rows; /* [N] */
    GLOBAL const float *x;         /* x; or x_proj [T N][columns] in the recurrence */
    GLOBAL const float *w;         /* packed weights */
    GLOBAL const float *b;         /* biases [columns] */
    GLOBAL float *state;           /* h [slots][H], then c */
    GLOBAL float *work;            /* the vectors above */
    GLOBAL float *y;
    GLOBAL float *cells;
    LOCAL float *scratch; /* the tile's own */
    int step;
} pass;

static inline wide time_of(GLOBAL const struct row *row, int step) {
    return row->reverse ? row->length - 1 - step : step;
}

static inline GLOBAL float *work_row(const struct params *p, const pass *a, int vector, wide n) {
    return a->work + vector * p->work_vector + (wide)n * p->stride;
}

/* Stores the lanes of a vector that stand for units below `end`. */
static inline void store_units(real value, GLOBAL float *to, int unit, int end) {
#if VECTOR_WIDTH == 1
    if (unit < end) {
        to[unit] = value;
    }
#else
    if (unit + VECTOR_WIDTH <= end) {
        VSTORE(value, to + unit);
    } else {
        float lanes[VECTOR_WIDTH];
        VSTORE(value, lanes);
        for (int lane = 0; lane < end - unit; lane++) {
            to[unit + lane] = lanes[lane];
        }
    }
#endif
}

/* Makes row n ready for its first step: its state into the work space, 0 into every output past its
 * length. The items of the group share the units. */
static inline void rows_begin(const struct params *p, const pass *a, wide n) {
    GLOBAL const struct row *row = a->rows + n;
    GLOBAL float *h = a->state + (wide)row->slot * p->hidden;
    GLOBAL float *h_work = work_row(p, a, WORK_H, n);
#if STATES == 2
    GLOBAL float *c = h + p->state_words;
    GLOBAL float *c_work = work_row(p, a, WORK_C, n);
#endif
    for (int unit = LOCAL_ID; unit < p->stride; unit += GROUP_ITEMS) {
        const int inside = unit < p->hidden;
        const int read = inside && !p->from_zero;
        const int clear = inside && p->from_zero && row->length == 0; /* ends where it starts */
        const float h_0 = read ? h[unit] : 0.0f;
        /* every vector that a product may read, so that rows which do not take part are defined */
        h_work[unit] = h_0;
        h_work[p->work_vector + unit] = h_0;
#if PHASES > 1
        work_row(p, a, WORK_PUBLISHED, n)[unit] = 0.0f;
#endif
        if (clear) {
            h[unit] = 0.0f;
        }
#if STATES == 2
        c_work[unit] = read ? c[unit] : 0.0f;
        if (clear) {
            c[unit] = 0.0f;
        }
#endif
        if (inside && p->has_y) {
            if (!p->last_only) {
                for (int t = row->length; t < p->steps; t++) {
                    a->y[row->y + t * row->y_stride + unit] = 0.0f;
                }
            } else if (row->length == 0) {
                a->y[row->y + unit] = h_0;
            }
        }
#if STATES == 2
        if (inside && p->cells) {
            for (int t = row->length; t < p->steps; t++) {
                a->cells[row->c + t * row->c_stride + unit] = 0.0f;
            }
        }
#endif
    }
}
