/*
 * sched_single.cl: one launch for the whole sequence. Each group takes rows of the batch through
 * all their steps by itself: groups never meet, so any number of them may run at a time.
 *
 * What a group writes and reads again lies in its own rows of the work space, and a barrier of the
 * group stands between.
 */

#ifdef WORK_LOCAL
/* A tile that holds its weights, and its rows in local memory. */
#define SINGLE_HOLD(P)                                                                             \
    struct CAT(held_, P) CAT(held, P);                                                             \
    CAT(tile_hold_, P)(p, &a, &CAT(held, P));
#define SINGLE_STEP(P, plain)                                                                      \
    CAT(tile_step_, P)(p, &a, &CAT(held, P), plain);                                               \
    GROUP_BARRIER; /* what this phase published is complete before the next phase reads it, and the  \
                      sums have been added before new ones are stored */
#define SINGLE_PLAIN(P) SINGLE_STEP(P, 1)
#define SINGLE_ANY(P) SINGLE_STEP(P, IS_PLAIN)

/* The rows' vectors, between their place in local memory and that in `work`, where they wait from one
 * launch of a piece to the next. */
static inline void rows_move(const struct params *p, const pass *a, GLOBAL float *work, wide n,
                             int stores) {
    for (int at = LOCAL_ID; at < WORK_VECTORS * p->stride; at += GROUP_ITEMS) {
        const int vector = at / p->stride, unit = at % p->stride;
        WORK float *here = a->work + (vector * ROWS + (int)(n - a->first_row)) * WORK_STRIDE + unit;
        GLOBAL float *there = work + vector * p->work_vector + n * p->stride + unit;
        if (stores) {
            *there = *here;
        } else {
            *here = *there;
        }
    }
}
#else
#define SINGLE_HOLD(P)
#define SINGLE_ANY(P)                                                                              \
    {                                                                                              \
        const int blocks = CAT(tile_blocks_, P)(p);                                                \
        RANGE_RUN(P, 0, blocks)                                                                    \
    }                                                                                              \
    GROUP_BARRIER; /* what this phase published is complete before the next phase reads it */
#endif

/* Steps `step` .. `step_end` - 1 of the rows of group GROUP_ID(0). */
KERNEL GROUP_SHAPE void single_forward(KERNEL_ARRAYS, const int step,
                                       const int step_end GROUP_PARAMS) {
    const struct params *p = PARAMS;
    LOCAL float scratch[SCRATCH_FLOATS] __attribute__((aligned(16)));
#ifdef WORK_LOCAL
    LOCAL float kept[WORK_VECTORS * ROWS * WORK_STRIDE] __attribute__((aligned(16)));
    LOCAL struct row near_rows[ROWS];
#endif
    pass a = PASS_OF(step, scratch);
    const wide n_first = GROUP_ID(0) * p->rows_group;
    const wide n_end = range_end(p, n_first);
    a.first_row = n_first;
#ifdef WORK_LOCAL
    rows_near(p, kept, near_rows, rows, n_first);
#endif

    const int last = range_last(&a, n_first, n_end, step_end);
    for (wide n = n_first; n < n_end; n++) {
        if (step == p->first) {
            rows_begin(p, &a, n, 0, p->width);
        }
#ifdef WORK_LOCAL
        else {
            rows_move(p, &a, work, n, 0);
        }
#endif
    }
    FAR_BARRIER; /* the states are loaded before the first product reads them */
    FOR_PHASES(SINGLE_HOLD)
#ifdef PLAIN_LOOP
    if (p->plain) {
        for (; a.step < last; a.step++) {
            FOR_PHASES(SINGLE_PLAIN)
        }
    }
#endif
    for (; a.step < last; a.step++) {
        FOR_PHASES(SINGLE_ANY)
    }
#ifdef WORK_LOCAL
    FAR_BARRIER; /* outputs under a mask are complete before other items load them */
    const int goes_on = step_end < p->first + p->count; /* in another launch */
    for (wide n = n_first; n < n_end; n++) {
        if (goes_on) {
            rows_move(p, &a, work, n, 1);
        } else {
            rows_end(p, &a, n, 0, p->width, 0, p->hidden);
        }
    }
#endif
}
