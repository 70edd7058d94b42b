/*
 * words.cl: vectors of a row between the groups that each compute a part of its units.
 *
 * Each number has a word in global memory for each step, which holds EMPTY until its group stores it. So
 * the number is its own flag: whoever needs it loads the word until it is another, and no order between
 * words is asked of the device. EMPTY is a NaN; numbers that are shared have the one NaN 0x7fc00000.
 *
 *     words[step of the piece][phase][row of the batch][stride]
 *
 * With OpenCL C 1.2 words are exchanged, and loaded by an or with 0; where later versions promise atomics
 * of the device's scope, relaxed ones do. (Intel's compiler names that feature of 3.0 in 1.2, too, where it
 * has no such types.)
 */
#define EMPTY 0xffffffffu

#if (__OPENCL_C_VERSION__ >= 200 && __OPENCL_C_VERSION__ < 300) ||                                 \
    (__OPENCL_C_VERSION__ >= 300 && defined(__opencl_c_atomic_scope_device))
typedef volatile __global atomic_uint *word_pointer;

static inline uint word_read(GLOBAL uint *word) {
    return atomic_load_explicit((word_pointer)word, memory_order_relaxed, memory_scope_device);
}

static inline void word_write(GLOBAL uint *word, uint value) {
    atomic_store_explicit((word_pointer)word, value, memory_order_relaxed, memory_scope_device);
}
#else
static inline uint word_read(GLOBAL uint *word) {
    return atomic_or((volatile GLOBAL uint *)word, 0u);
}

static inline void word_write(GLOBAL uint *word, uint value) {
    (void)atomic_xchg((volatile GLOBAL uint *)word, value);
}
#endif

/* Where a phase of this step has a unit of row n. */
static inline GLOBAL uint *word_of(const struct params *p, const pass *a, int phase, wide n,
                                   int unit) {
    return a->words + (((wide)(a->step - p->first) * PHASES + phase) * p->batch + n) * p->stride +
           unit;
}

/* The unit's number is there for the other groups. */
#define SHARE(phase, n, unit, value)                                                               \
    word_write(word_of(p, a, phase, n, unit), as_uint(one_nan(value)))

/* Another group has the unit, and the row this step. */
static inline int is_awaited(const pass *a, int row, int unit, int count, int units) {
    return row < count && unit / units != a->part && a->step < a->rows[row].length;
}

/* The numbers that a phase of this step has for rows n_first .. n_first + count - 1, but those of this
 * group's own units, into the vector that the next product reads; 0: a group gave up. The loads of an
 * item are all on their way before the first one is waited for. */
INLINED static inline int words_take(const struct params *p, const pass *a, int phase, int vector,
                                     int units, int total, int count, GLOBAL uint *given_up,
                                     uint epoch) {
    uint got[TAKEN];
    int waits = 0;
    UNROLL
    for (int j = 0; j < TAKEN; j++) {
        const int i = LOCAL_ID + j * GROUP_ITEMS, unit = i % total, row = i / total;
        got[j] = 0;
        if (is_awaited(a, row, unit, count, units)) {
            got[j] = word_read(word_of(p, a, phase, a->first_row + row, unit));
        }
    }
    UNROLL
    for (int j = 0; j < TAKEN; j++) { /* in the loop above it would be asked before the next load */
        waits |= got[j] == EMPTY;
    }
    for (int outer = 0; outer < p->patience && waits; outer++) {
        for (int inner = 0; inner < 1024 && waits; inner++) {
            waits = 0;
            UNROLL
            for (int j = 0; j < TAKEN; j++) {
                const int i = LOCAL_ID + j * GROUP_ITEMS;
                if (got[j] == EMPTY) {
                    got[j] = word_read(word_of(p, a, phase, a->first_row + i / total, i % total));
                    waits |= got[j] == EMPTY;
                }
            }
        }
        if (waits && word_read(given_up) == epoch) {
            return 0;
        }
    }
    if (waits) {
        word_write(given_up, epoch);
        return 0;
    }
    UNROLL
    for (int j = 0; j < TAKEN; j++) {
        const int i = LOCAL_ID + j * GROUP_ITEMS, unit = i % total, row = i / total;
        if (is_awaited(a, row, unit, count, units)) {
            work_row(p, a, vector, a->first_row + row)[unit] = as_float(got[j]);
        }
    }
    return 1;
}
