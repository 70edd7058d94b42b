/*
 * sched_single.cl: one launch for the whole sequence. Each group takes rows of the batch through
 * all their steps by itself: groups never meet, so any number of them may run at a time.
 *
 * What a group writes and reads again lies in its own rows of the work space, and a barrier of the
 * group stands between.
 */

#define SINGLE_RUN(P)                                                                              \
    {                                                                                              \
        const int blocks = CAT(tile_blocks_, P)(p);                                                \
        RANGE_RUN(P, 0, blocks)                                                                    \
    }                                                                                              \
    GROUP_BARRIER; /* what this phase published is complete before the next phase reads it */

/* Steps `step` .. `step_end` - 1 of the rows of group GROUP_ID(0). */
KERNEL GROUP_SHAPE void single_forward(KERNEL_ARRAYS, const int step,
                                       const int step_end GROUP_PARAMS) {
    const struct params *p = PARAMS;
    LOCAL float scratch[SCRATCH_FLOATS];
    pass a = PASS_OF(step, scratch);
    const wide n_first = GROUP_ID(0) * p->rows_group;
    const wide n_end = range_end(p, n_first);

    int last = 0;
    for (wide n = n_first; n < n_end; n++) {
        last = rows[n].length > last ? rows[n].length : last;
        if (step == p->first) {
            rows_begin(p, &a, n);
        }
    }
    last = last < step_end ? last : step_end;
    GROUP_BARRIER; /* the states are loaded before the first product reads them */
    for (; a.step < last; a.step++) {
        FOR_PHASES(SINGLE_RUN)
    }
}
