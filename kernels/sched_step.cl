/*
 * sched_step.cl: one launch a step and phase; a group computes one tile. The launches of a queue
 * follow each other, and that is all the order between groups that there is.
 *
 * The projection runs here too: as one launch, its rows being those of all steps.
 */

#ifndef STEP_ROWS /* rows of a launch, and blocks of a group */
#define STEP_ROWS p->batch
#define STEP_BLOCKS 1
#endif

/* Makes row GROUP_ID(0) ready for its first step of the piece. */
KERNEL GROUP_SHAPE void step_begin(KERNEL_ARRAYS, const int step, const int phase GROUP_PARAMS) {
    const struct params *p = PARAMS;
    const pass a = PASS_OF(step, 0);
    (void)phase;
    rows_begin(p, &a, GROUP_ID(0), 0, p->width);
}

struct step_group {
    wide tile;
    int block;
};

#ifdef STEP_RUNS
/* Floats of rows that stay in the second cache while all blocks go by, and rows of such a run at least:
 * as many as make a panel worth its way. */
#define RUN_FLOATS (64 << 10)
#define RUN_ROWS 128

/* What group number l does: of runs of tiles, one after the other, all blocks, and of a block all tiles.
 * Where all rows stay near, groups do what their numbers say. */
static inline struct step_group step_place(const struct params *p, struct step_group at) {
    const wide tiles = (STEP_ROWS + ROWS - 1) / ROWS;
    const wide blocks = (tile_blocks_0(p) + STEP_BLOCKS - 1) / STEP_BLOCKS; /* a group's are one */
    if (STEP_ROWS <= RUN_ROWS || STEP_ROWS * p->inputs <= RUN_FLOATS || tiles * blocks >> 31 != 0) {
        return at;
    }
    const int l = at.block * (int)tiles + (int)at.tile;
    const int rows = RUN_FLOATS / p->inputs > RUN_ROWS ? RUN_FLOATS / p->inputs : RUN_ROWS;
    const int run = rows / ROWS, before = l / (run * (int)blocks) * run;
    const int rest = (int)tiles - before, size = rest < run ? rest : run;
    const int within = l - before * (int)blocks;
    at.block = within / size;
    at.tile = before + within % size;
    return at;
}
#else
#define step_place(p, at) at
#endif

#define STEP_RUN(P)                                                                                \
    if (phase == P) {                                                                              \
        CAT(tile_run_, P)(p, &a, at.block * STEP_BLOCKS, n, count);                                \
    }

/* Groups: tiles of rows (of the batch; the projection: of all steps) x blocks of units. Rows come
 * first, since some drivers take no more than 65,535 groups in the second dimension. */
KERNEL GROUP_SHAPE void step_forward(KERNEL_ARRAYS, const int step, const int phase GROUP_PARAMS) {
    const struct params *p = PARAMS;
    LOCAL float scratch[SCRATCH_FLOATS];
    const pass a = PASS_OF(step, scratch);
    const struct step_group here = {GROUP_ID(0), (int)GROUP_ID(1)}, at = step_place(p, here);
    const wide n = at.tile * ROWS;
    const wide rest = STEP_ROWS - n;
    const int count = rest < ROWS ? (int)rest : ROWS;
    FOR_PHASES(STEP_RUN)
}
