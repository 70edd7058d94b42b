/*
 * sched_step.cl: one launch a step and phase; a group computes one tile. The launches of a queue
 * follow each other, and that is all the order between groups that there is.
 *
 * The projection runs here too: as one launch, its rows being those of all steps.
 */

#ifndef STEP_ROWS /* rows of a launch */
#define STEP_ROWS p->batch
#endif

/* Makes row GROUP_ID(0) ready for its first step of the piece. */
KERNEL GROUP_SHAPE void step_begin(KERNEL_ARRAYS, const int step, const int phase GROUP_PARAMS) {
    const struct params *p = PARAMS;
    const pass a = PASS_OF(step, 0);
    (void)phase;
    rows_begin(p, &a, GROUP_ID(0));
}

#define STEP_RUN(P)                                                                                \
    if (phase == P) {                                                                              \
        CAT(tile_run_, P)(p, &a, (int)GROUP_ID(1), n, count);                                      \
    }

/* Groups: tiles of rows (of the batch; the projection: of all steps) x blocks of units. Rows come
 * first, since some drivers take no more than 65,535 groups in the second dimension. */
KERNEL GROUP_SHAPE void step_forward(KERNEL_ARRAYS, const int step, const int phase GROUP_PARAMS) {
    const struct params *p = PARAMS;
    LOCAL float scratch[SCRATCH_FLOATS];
    const pass a = PASS_OF(step, scratch);
    const wide n = GROUP_ID(0) * ROWS;
    const wide rest = STEP_ROWS - n;
    const int count = rest < ROWS ? (int)rest : ROWS;
    FOR_PHASES(STEP_RUN)
}
