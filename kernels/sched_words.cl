/*
 * sched_words.cl: one launch for the whole sequence, the units of every step split over groups that hold
 * their weights in registers and hand their numbers to each other (words.cl).
 *
 * Groups: rows of the batch, ROWS each, x parts of the units. Two barriers of the group a phase: the sums of
 * a tile are complete, and the vector that the next product reads is.
 *
 * Nothing promises that all groups run at a time. A group that waits too long says so for all and ends.
 * States are stored in the work space at first; the launch that follows (words_finish, one group for each
 * range of rows) brings them to the state's memory, or does all of the piece by itself, from the state
 * that is still there, if one gave up or none ran.
 */
#define WORDS_GIVEN_UP 0 /* of the flags: the epoch in which a group gave up */
#define WORDS_RUN 1      /* the epoch in which words were cleared */

#define WORDS_ARGUMENTS                                                                            \
    KERNEL_ARRAYS, const int step, const int step_end, GLOBAL int *flags, const int epoch,         \
        const int finish GROUP_PARAMS

#if PHASES == 1
#define UNITS_H UNITS_0
#else
#define UNITS_H UNITS_1
#endif

static inline int words_upto(int units, int end) {
    return units < end ? units : end;
}

/* Vectors of 0, then the rows' states; outputs under a mask of the units of parts first .. end - 1. */
INLINED static inline void words_begin(const struct params *p, const pass *a, LOCAL float *kept,
                                       LOCAL struct row *near_rows, GLOBAL const struct row *rows,
                                       wide n_first, wide n_end, int first, int end) {
    rows_near(p, kept, near_rows, rows, n_first);
    for (wide n = n_first; n < n_end; n++) {
        rows_begin(p, a, n, first * UNITS_H, words_upto(end * UNITS_H, p->width));
    }
    FAR_BARRIER; /* the states are loaded before the first product reads them */
}

/* Every word is EMPTY. */
KERNEL GROUP_SHAPE void words_clear(WORDS_ARGUMENTS) {
    const struct params *p = PARAMS;
    GLOBAL uint *words = (GLOBAL uint *)flags + WORDS_FIRST;
    const wide total = (wide)p->count * PHASES * p->batch * p->stride;
    const wide group = GROUP_ID(0) * p->parts + GROUP_ID(1);
    const wide groups = (wide)get_num_groups(0) * p->parts;
    for (wide at = group * GROUP_ITEMS + LOCAL_ID; at < total; at += groups * GROUP_ITEMS) {
        words[at] = EMPTY;
    }
    if (group == 0 && LOCAL_ID == 0) {
        flags[WORDS_RUN] = epoch;
    }
}

/* Where a phase's numbers go. */
#define WORDS_VECTOR(P) ((P) + 1 < PHASES ? WORK_PUBLISHED : H_AFTER(a.step))

#define WORDS_HOLD(P)                                                                              \
    struct CAT(held_, P) CAT(held, P);                                                             \
    CAT(tile_hold_, P)(p, &a, &CAT(held, P));

/* The last numbers of the last step go to nobody. */
#define WORDS_STEP(P, plain)                                                                            \
    CAT(tile_step_, P)(p, &a, &CAT(held, P), plain);                                                    \
    if (((P) + 1 < PHASES || a.step + 1 < last) &&                                                      \
        !words_take(p, &a, P, WORDS_VECTOR(P), CAT(UNITS_, P), CAT(TOTAL_, P),                          \
                    (int)(n_end - n_first), given_up, (uint)epoch)) {                                   \
        lost[0] = 1;                                                                                    \
    }                                                                                                   \
    GROUP_BARRIER; /* the vector is complete before the next product reads it, the sums have been     \
                      added before new ones are stored, and all see whether one has waited in vain */ \
    if (lost[0]) {                                                                                      \
        return;                                                                                         \
    }

#define WORDS_PLAIN(P) WORDS_STEP(P, 1)
#define WORDS_ANY(P) WORDS_STEP(P, IS_PLAIN)

/* What the rows leave behind, the units of parts first .. end - 1. */
INLINED static inline void words_end(const struct params *p, const pass *a, wide n_first,
                                     wide n_end, int first, int end) {
    for (wide n = n_first; n < n_end; n++) {
        rows_end(p, a, n, first * UNITS_H, words_upto(end * UNITS_H, p->width), first * UNITS_0,
                 words_upto(end * UNITS_0, p->hidden));
    }
}

/* Steps `step` .. `step_end` - 1 of the rows of group GROUP_ID(0), the units of part GROUP_ID(1). */
KERNEL GROUP_SHAPE void words_forward(WORDS_ARGUMENTS) {
    const struct params *p = PARAMS;
    LOCAL float scratch[SCRATCH_FLOATS] __attribute__((aligned(16)));
    LOCAL float kept[WORK_VECTORS * ROWS * WORK_STRIDE] __attribute__((aligned(16)));
    LOCAL struct row near_rows[ROWS];
    LOCAL int lost[1];
    pass a = PASS_OF(step, scratch);
    GLOBAL uint *given_up = (GLOBAL uint *)flags + WORDS_GIVEN_UP;
    const wide n_first = GROUP_ID(0) * p->rows_group;
    const wide n_end = range_end(p, n_first);
    a.first_row = n_first;
    if (LOCAL_ID == 0) {
        lost[0] = word_read(given_up) == (uint)epoch;
    }
    words_begin(p, &a, kept, near_rows, rows, n_first, n_end, a.part, a.part + 1);
    const int last = range_last(&a, n_first, n_end, step_end);
    if (lost[0]) {
        return;
    }
    FOR_PHASES(WORDS_HOLD)
#ifdef PLAIN_LOOP
    if (p->plain) {
        for (; a.step < last; a.step++) {
            FOR_PHASES(WORDS_PLAIN)
        }
    }
#endif
    for (; a.step < last; a.step++) {
        FOR_PHASES(WORDS_ANY)
    }
    FAR_BARRIER; /* outputs under a mask are complete before other items load them */
    words_end(p, &a, n_first, n_end, a.part, a.part + 1);
}

/* All parts one after the other, whose weights do not stay. */
#define WORDS_ALONE(P)                                                                              \
    for (a.part = 0; a.part < p->parts; a.part++) {                                                 \
        WORDS_HOLD(P)                                                                               \
        CAT(tile_step_, P)(p, &a, &CAT(held, P), 0);                                                \
        GROUP_BARRIER; /* what was published is complete, and the sums and biases are free again */ \
    }

KERNEL GROUP_SHAPE void words_finish(WORDS_ARGUMENTS) {
    const struct params *p = PARAMS;
    LOCAL float scratch[SCRATCH_FLOATS] __attribute__((aligned(16)));
    LOCAL float kept[WORK_VECTORS * ROWS * WORK_STRIDE] __attribute__((aligned(16)));
    LOCAL struct row near_rows[ROWS];
    pass a = PASS_OF(step, scratch);
    const wide n_first = GROUP_ID(0) * p->rows_group;
    const wide n_end = range_end(p, n_first);
    a.first_row = n_first;
    if (flags[WORDS_GIVEN_UP] == epoch || flags[WORDS_RUN] != epoch) {
        words_begin(p, &a, kept, near_rows, rows, n_first, n_end, 0, p->parts);
        const int last = range_last(&a, n_first, n_end, step_end);
        for (; a.step < last; a.step++) {
            FOR_PHASES(WORDS_ALONE)
        }
        FAR_BARRIER; /* outputs under a mask are complete before other items load them */
        words_end(p, &a, n_first, n_end, 0, p->parts);
        FAR_BARRIER; /* ends are stored before other items load them */
    }
    for (wide n = n_first; n < n_end; n++) {
        GLOBAL const struct row *row = rows + n;
        if (row->length > p->first) { /* else it had no step in this piece */
            GLOBAL const float *from = work + n * p->stride;
            GLOBAL float *h = state + p->state_h + (wide)row->slot * p->width;
            GLOBAL float *o = state + p->state_o + (wide)row->slot * p->width;
            for (int unit = LOCAL_ID; unit < p->width; unit += GROUP_ITEMS) {
                h[unit] = from[WORK_H * p->work_vector + unit];
                o[unit] = from[WORK_O * p->work_vector + unit];
            }
#if STATES == 2
            GLOBAL float *c = state + p->state_c + (wide)row->slot * p->hidden;
            for (int unit = LOCAL_ID; unit < p->hidden; unit += GROUP_ITEMS) {
                c[unit] = from[WORK_C * p->work_vector + unit];
            }
#endif
        }
    }
}
