/*
 * rows.cl: the only reader of the row table, the mask and the packed layout, and the vectors of the
 * work space.
 *
 * Work space, each vector [N][stride]:
 *     0, 1   h of the step before and of this step, by the parity of the step: H_BEFORE, H_AFTER
 *     2      what the first of two phases publishes
 *     3      c
 *     4      words that a phase leaves for the next phase of the same step
 *     5      the last output, under a mask
 */
#define WORK_H 0
#define WORK_PUBLISHED 2
#define WORK_C 3
#define WORK_CARRY 4
#define WORK_O 5

/* A group that takes ROWS rows through all steps may keep them in local memory (WORK_LOCAL), all but outputs under
 * a mask, which each item has of its own units alone: [WORK_VECTORS][ROWS][WORK_STRIDE], 0 behind the units, those
 * vectors that the cell has; and what the row table says of the rows. */
#ifdef WORK_LOCAL
#define WORK LOCAL
#define WORK_ARRAY kept
#define ROWS_ARRAY near_rows
#else
#define WORK GLOBAL
#define WORK_ARRAY work
#define ROWS_ARRAY rows
#endif

#if defined(WORK_LOCAL) && !defined(WORDS)
/* A barrier stands between the product, which reads h, and the cell, which replaces it: one vector does. */
#define H_BEFORE(step) WORK_H
#define H_AFTER(step) WORK_H
#define LOCAL_HS 1
#else
#define H_BEFORE(step) (WORK_H + ((step)&1))
#define H_AFTER(step) (WORK_H + (((step) + 1) & 1))
#define LOCAL_HS 2
#endif
#define LOCAL_PUBLISHED LOCAL_HS
#define LOCAL_C (LOCAL_PUBLISHED + (PHASES > 1))
#define LOCAL_CARRY (LOCAL_C + (STATES == 2))
#define WORK_VECTORS (LOCAL_CARRY + CARRIES) /* local_vectors of tile_register.c counts them too */

/* The arguments of every kernel, in this order; the launch's own numbers follow. PARAMS points to the
 * params, which OpenCL hands over as a value. */
#define KERNEL_ARRAYS                                                                              \
    PARAMS_ARGUMENT, GLOBAL const struct row *restrict rows, GLOBAL const float *restrict x,       \
        GLOBAL const float *restrict w, GLOBAL const float *restrict b, GLOBAL float *state,       \
        GLOBAL float *work, GLOBAL float *y, GLOBAL float *hiddens, GLOBAL float *cells,           \
        GLOBAL float *gates, GLOBAL const uchar *mask, GLOBAL const wide *starts
#define PASS_OF(step, scratch)                                                                     \
    {                                                                                              \
        ROWS_ARRAY, x, w, b, state, WORK_ARRAY, work, y, hiddens, cells, gates, mask, starts,      \
            scratch, step, 0, 0 PASS_WORDS                                                         \
    }
#ifdef WORDS
#define WORDS_FIRST 32 /* of the flags: words begin behind a cache line or two */
#define PASS_WORDS , (GLOBAL uint *)flags + WORDS_FIRST, (int)GROUP_ID(1)
#else
#define PASS_WORDS
#endif

/* What every part of a kernel hands on: the arrays of the launch and the step it is in. */
typedef struct {
    WORK const struct row *rows; /* [N]; or those of this group */
    GLOBAL const float *x;       /* x; or x_proj [steps N][columns] in the recurrence */
    GLOBAL const float *w;       /* packed weights */
    GLOBAL const float *b;       /* biases [gates][stride], then constants [.][stride] */
    GLOBAL float *state;         /* h, c, o of all slots */
    WORK float *work;            /* the vectors above */
    GLOBAL float *far_work;      /* those that are not local */
    GLOBAL float *y, *hiddens, *cells, *gates;
    GLOBAL const uchar *mask;  /* [N][T], 0: masked */
    GLOBAL const wide *starts; /* [T] rows before a step's first, in packed arrays */
    LOCAL float *scratch;      /* the tile's own */
    int step;                  /* of the way: 0 is the first one computed */
    wide first_row;            /* of the batch: where local vectors begin */
    int next;                  /* the block of units that comes after this one */
#ifdef WORDS
    GLOBAL uint *words; /* in which groups hand numbers to each other: words.cl */
    int part;           /* of the units: the group's */
#endif
} pass;

#ifdef WORDS
#define PART (a->part)
#else
#define PART 0
#endif

/* Of the groups that share a row, one stores what all of them would. */
static inline int is_first_part(const pass *a) {
    (void)a;
    return PART == 0;
}

/* A row of a tile in one step. */
struct place {
    WORK const struct row *row;
    wide n;       /* of the tile's rows: in the batch; the projection's: of all steps */
    wide time, x; /* the step's time, and where x_proj of it lies, in floats */
    wide y;       /* and its output, in a plain call */
    int step;     /* of the way */
    int end;      /* of the row's steps in this piece */
};

static inline WORK const struct row *row_of(const pass *a, wide n) {
#ifdef WORK_LOCAL
    return a->rows + (int)(n - a->first_row);
#else
    return a->rows + n;
#endif
}

static inline int is_over(const struct place *at) {
    return at->step >= at->end;
}

/* One past a row's last step in this piece. */
static inline int end_of_row(const struct params *p, WORK const struct row *row) {
    const int piece_end = p->first + p->count;
    return row->length < piece_end ? row->length : piece_end;
}

static inline wide time_of(const struct params *p, WORK const struct row *row, int step) {
    return p->reverse ? row->length - 1 - step : step;
}

/* Does the row take part in this step, or does it keep what it has? */
static inline int is_live(const struct params *p, const pass *a, WORK const struct row *row,
                          wide time) {
    return !p->masked || a->mask[row->at * p->mask_row + time];
}

/* Where an array has a row's step. */
static inline wide place_of(const struct layout *array, wide time, WORK const struct row *row) {
    return array->at + time * array->step + row->at * array->row;
}

static inline wide place_packed(const struct layout *array, const pass *a, int packed, wide time,
                                WORK const struct row *row) {
    return packed ? array->at + (a->starts[time] + row->at) * array->row
                  : place_of(array, time, row);
}

/* Other groups need the number: words.cl. */
#ifndef WORDS
#define SHARE(phase, n, unit, value)
#endif

static inline WORK float *work_row(const struct params *p, const pass *a, int vector, wide n) {
#ifdef WORK_LOCAL
    (void)p;
    const int at = vector == WORK_PUBLISHED ? LOCAL_PUBLISHED
                   : vector == WORK_C       ? LOCAL_C
                   : vector == WORK_CARRY   ? LOCAL_CARRY
                                            : vector;
    return a->work + (at * ROWS + (int)(n - a->first_row)) * WORK_STRIDE;
#else
    return a->work + vector * p->work_vector + n * p->stride;
#endif
}

static inline GLOBAL float *far_row(const struct params *p, const pass *a, int vector, wide n) {
    return a->far_work + vector * p->work_vector + n * p->stride;
}

/* Where h, c or o of row n lies once its last step is done: with groups that meet not yet in the state, from
 * which all is done again if one gave up. */
#ifdef WORDS
#define END_OF(vector, first, width) far_row(p, a, vector, n)
#else
#define END_OF(vector, first, width) (a->state + (first) + (wide)row->slot * (width))
#endif

/* Every NaN as the one pattern 0x7fc00000. */
static inline real one_nan(real x) {
    return PICK(x != x, AS_REAL(SPLAT_WHOLE(0x7fc00000)), x);
}

#ifdef WORK_LOCAL
/* Vectors of 0, and what the table says of the group's rows; all items see them. */
static inline void rows_near(const struct params *p, LOCAL float *vectors, LOCAL struct row *to,
                             GLOBAL const struct row *rows, wide first) {
    for (int at = LOCAL_ID; at < WORK_VECTORS * ROWS * WORK_STRIDE; at += GROUP_ITEMS) {
        vectors[at] = 0.0f;
    }
    for (int i = LOCAL_ID; i < ROWS; i += GROUP_ITEMS) {
        if (first + i < p->batch) {
            to[i] = rows[first + i];
        }
    }
    GROUP_BARRIER; /* nothing behind the units is read before it is 0, and no row before it is there */
}
#endif

/* ---- units: VECTOR_WIDTH of them from `unit` on, those below `end` ---------------------------- */

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

/* 0 from `end` on. */
static inline real load_units(GLOBAL const float *from, int unit, int end) {
#if VECTOR_WIDTH == 1
    return unit < end ? from[unit] : 0.0f;
#else
    float lanes[VECTOR_WIDTH];
    if (unit + VECTOR_WIDTH <= end) {
        return VLOAD(from + unit);
    }
    for (int lane = 0; lane < VECTOR_WIDTH; lane++) {
        lanes[lane] = lane < end - unit ? from[unit + lane] : 0.0f;
    }
    return VLOAD(lanes);
#endif
}

/* A direction's output r of one step; the second direction joins it with the first one's f. */
static inline void put_output(const struct params *p, const pass *a, real r, wide time,
                              WORK const struct row *row, int unit) {
    GLOBAL float *to = a->y + place_packed(&p->y, a, p->y_packed, time, row);
    if (p->merge != MERGE_STORE) {
        const real f = load_units(to, unit, p->width);
        if (p->merge == MERGE_SUM) {
            r = f + r;
        } else if (p->merge == MERGE_MUL) {
            r = f * r;
        } else {
            r = (f + r) * R(0.5f);
        }
        r = one_nan(r);
    }
    store_units(r, to, unit, p->width);
}

/* ---- the beginning of a piece ---------------------------------------------------------------- */

/* 0 into `count` floats of every step of an array that is past the row's length, in this piece. The
 * items of the group share the floats. */
INLINED static inline void clear_past(const struct params *p, const pass *a, GLOBAL float *array,
                                      const struct layout *layout, int packed, int count,
                                      WORK const struct row *row) {
    const int from = row->length > p->first ? row->length : p->first;
    for (int unit = LOCAL_ID; unit < count && !packed && is_first_part(a); unit += GROUP_ITEMS) {
        for (int t = from; t < p->first + p->count; t++) {
            array[place_of(layout, t, row) + unit] = 0.0f;
        }
    }
}

/* Makes row n ready for its first step of the piece: its state into the work space, 0 into every
 * output past its length; outputs under a mask of units o_first .. o_end - 1, where no other group has them.
 * The items of the group share the units. */
INLINED static inline void rows_begin(const struct params *p, const pass *a, wide n, int o_first,
                                      int o_end) {
    WORK const struct row *row = row_of(a, n);
    GLOBAL float *h = a->state + p->state_h + (wide)row->slot * p->width;
    GLOBAL float *o = a->state + p->state_o + (wide)row->slot * p->width;
    WORK float *h_work = work_row(p, a, H_BEFORE(0), n);
    WORK float *h_next = work_row(p, a, H_AFTER(0), n);
    GLOBAL float *o_work = far_row(p, a, WORK_O, n);
    const int clear = p->from_zero && row->length == 0; /* ends where it starts */
    for (int unit = LOCAL_ID; unit < p->stride; unit += GROUP_ITEMS) {
        const int inside = unit < p->width;
        const int read = inside && !p->from_zero;
        const float h_0 = read ? h[unit] : 0.0f;
        /* every vector that a product may read, so that rows which do not take part are defined */
        h_work[unit] = h_0;
        h_next[unit] = h_0;
#if PHASES > 1
        work_row(p, a, WORK_PUBLISHED, n)[unit] = 0.0f;
#endif
        if (p->masked && unit >= o_first && unit < o_end) {
            o_work[unit] = read ? o[unit] : 0.0f;
        }
        if (inside && clear && is_first_part(a)) {
            h[unit] = 0.0f;
            o[unit] = 0.0f;
        }
#if STATES == 2
        GLOBAL float *c = a->state + p->state_c + (wide)row->slot * p->hidden;
        work_row(p, a, WORK_C, n)[unit] = unit < p->hidden && !p->from_zero ? c[unit] : 0.0f;
        if (unit < p->hidden && clear && is_first_part(a)) {
            c[unit] = 0.0f;
        }
#endif
    }
    if (p->y_mode == Y_ALL && p->merge == MERGE_STORE) {
        clear_past(p, a, a->y, &p->y, p->y_packed, p->width, row);
    }
    if (p->y_mode == Y_LAST && row->length == 0 && p->first == 0 && is_first_part(a)) {
        for (int unit = LOCAL_ID * VECTOR_WIDTH; unit < p->width;
             unit += GROUP_ITEMS * VECTOR_WIDTH) {
            const real last = p->from_zero ? R(0.0f) : load_units(h, unit, p->width);
            put_output(p, a, last, 0, row, unit);
        }
    }
    if (p->has_hiddens) {
        clear_past(p, a, a->hiddens, &p->hiddens, 0, p->width, row);
    }
    if (p->has_cells) {
        clear_past(p, a, a->cells, &p->cells, 0, p->hidden, row);
    }
    if (p->has_gates) {
        clear_past(p, a, a->gates, &p->gates, 0, GATES * p->hidden, row);
    }
}

#ifdef WORK_LOCAL
/* ---- the end of a piece ---------------------------------------------------------------------- */

/* What row n leaves behind if it had a step in the piece: units h_first .. h_end - 1 of h and o, c_first ..
 * c_end - 1 of c. The items of the group share them. */
INLINED static inline void rows_end(const struct params *p, const pass *a, wide n, int h_first,
                                    int h_end, int c_first, int c_end) {
    WORK const struct row *row = row_of(a, n);
    if (row->length <= p->first) {
        return;
    }
    WORK const float *h = work_row(p, a, H_AFTER(end_of_row(p, row) - 1), n);
    GLOBAL const float *o = far_row(p, a, WORK_O, n);
    for (int unit = h_first + LOCAL_ID; unit < h_end; unit += GROUP_ITEMS) {
        END_OF(WORK_H, p->state_h, p->width)[unit] = h[unit];
        END_OF(WORK_O, p->state_o, p->width)[unit] = p->masked ? o[unit] : h[unit];
    }
#if STATES == 2
    WORK const float *c = work_row(p, a, WORK_C, n);
    for (int unit = c_first + LOCAL_ID; unit < c_end; unit += GROUP_ITEMS) {
        END_OF(WORK_C, p->state_c, p->hidden)[unit] = c[unit];
    }
#endif
}
#endif
