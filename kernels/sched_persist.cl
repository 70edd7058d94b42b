/*
 * sched_persist.cl: one launch for the whole sequence, the units of every step split over groups
 * that meet after each phase: each core keeps its part of the weights in its own cache.
 *
 * Groups: rows of the batch (as in `single`) x parts of the units. A part counts what it has done in
 * a flag of its own, from `epoch` on: 1 once the rows are ready, then 1 for each phase of each step;
 * so nothing of an earlier launch must be cleared. It then waits until the other parts of its rows
 * have come as far.
 *
 * Nothing promises that all groups run at a time. A part that waits too long says so for all and
 * ends, and parts are then at most one phase apart: whoever waits has not gone on. The launch that
 * follows (`finish`, one group for each range of rows) does what is left, from the flags; that is
 * nothing where all went well.
 */
#ifdef __OPENCL_C_VERSION__
#if defined(__opencl_c_atomic_order_acq_rel) && defined(__opencl_c_atomic_scope_device)
#elif __OPENCL_C_VERSION__ >= 200 && __OPENCL_C_VERSION__ < 300
#else
#error persist needs acquire and release between groups of a launch
#endif

typedef volatile __global atomic_int *flag_pointer;

static inline int flag_read(GLOBAL int *flag) {
    return atomic_load_explicit((flag_pointer)flag, memory_order_acquire, memory_scope_device);
}

/* Everything that this group wrote before is seen by whoever reads the value. */
static inline void flag_write(GLOBAL int *flag, int value) {
    atomic_store_explicit((flag_pointer)flag, value, memory_order_release, memory_scope_device);
}
#endif /* in C they are in cpu_language.h */

/* Apart by two cache lines, since processors fetch lines in pairs. */
#define FLAG_STRIDE 32

/* Waits until every part has counted to `done`; 0: in vain, and every part is told. The outer rounds
 * ask whether another part has given up. */
static inline int parts_meet(const struct params *p, GLOBAL int *flags, GLOBAL int *given_up,
                             int epoch, int done) {
    const int parts = p->parts;
    int met = 0;
    for (int outer = 0; outer < p->patience; outer++) {
        for (int inner = 0; inner < 1024; inner++) {
            while (met < parts && flag_read(flags + met * FLAG_STRIDE) - epoch >= done) {
                met++;
            }
            if (met == parts) {
                return 1;
            }
        }
        if (flag_read(given_up) == epoch) {
            return 0;
        }
    }
    flag_write(given_up, epoch);
    return 0;
}

/* Phase P of a step, blocks of the part alone. */
#define PERSIST_RUN(P)                                                                             \
    if (phase == P) {                                                                              \
        const int blocks = CAT(tile_blocks_, P)(p);                                                \
        const int block_first = (int)((wide)blocks * part / p->parts);                             \
        const int block_end = (int)((wide)blocks * (part + 1) / p->parts);                         \
        RANGE_RUN(P, block_first, block_end)                                                       \
    }

/* Steps `step` .. `step_end` - 1 of the rows of group GROUP_ID(0); of part GROUP_ID(1), or, to
 * `finish`, of all parts. flags: [ranges of rows][parts] [FLAG_STRIDE], behind the one that says who
 * gave up. */
KERNEL GROUP_SHAPE void persist_forward(KERNEL_ARRAYS, const int step, const int step_end,
                                        GLOBAL int *flags, const int epoch,
                                        const int finish GROUP_PARAMS) {
    const struct params *p = PARAMS;
    LOCAL float scratch[SCRATCH_FLOATS];
    pass a = PASS_OF(step, scratch);
    const wide n_first = GROUP_ID(0) * p->rows_group;
    const wide n_end = range_end(p, n_first);
    GLOBAL int *given_up = flags;
    GLOBAL int *mine = flags + (1 + GROUP_ID(0) * p->parts) * FLAG_STRIDE;
    const int part_first = finish ? 0 : (int)GROUP_ID(1);
    const int part_end = finish ? p->parts : part_first + 1;

    const int last = range_last(&a, n_first, n_end, step_end);
    const int total = last > step ? 1 + (last - step) * PHASES : 1;
    int done = finish ? total : 0;
    for (int part = 0; part < p->parts && finish; part++) {
        const int count = flag_read(mine + part * FLAG_STRIDE) - epoch;
        done = count < done ? count : done;
    }
    if (!finish && flag_read(given_up) == epoch) {
        return;
    }
    for (done = done > 0 ? done : 0; done < total; done++) {
        const int phase = done > 0 ? (done - 1) % PHASES : 0;
        a.step = done > 0 ? step + (done - 1) / PHASES : step;
        for (int part = part_first; part < part_end; part++) {
            if (finish && flag_read(mine + part * FLAG_STRIDE) - epoch > done) {
                continue;
            }
            if (done > 0) {
                FOR_PHASES(PERSIST_RUN)
            } else if (part == 0 && step == p->first) {
                for (wide n = n_first; n < n_end; n++) {
                    rows_begin(p, &a, n, 0, p->width);
                }
            }
        }
        if (!finish) {
            flag_write(mine + part_first * FLAG_STRIDE, epoch + done + 1);
            if (!parts_meet(p, mine, given_up, epoch, done + 1)) {
                return;
            }
        }
    }
}
