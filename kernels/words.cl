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

/* Another group has the unit, `own` being this group's first one, and the row this step. */
static inline int is_awaited(const pass *a, int row, int unit, int count, int own, int units,
                             int total) {
    return row < count && unit < total && (unit < own || unit >= own + units) &&
           a->step < a->rows[row].length;
}

/* The words of an item: TAKEN of each row, GROUP_ITEMS apart, so that nothing is divided. */
#define FOR_WORDS(row, j)                                                                          \
    UNROLL for (int row = 0; row < ROWS; row++) UNROLL for (int j = 0; j < TAKEN; j++)
#define WORD_UNIT(j) (LOCAL_ID + (j)*GROUP_ITEMS)

/* The numbers that a phase of this step has for rows n_first .. n_first + count - 1, but those of this
 * group's own units, into the vector that the next product reads; 0: a group gave up. The loads of an
 * item are all on their way before the first one is waited for. */
INLINED static inline int words_take(const struct params *p, const pass *a, int phase, int vector,
                                     int units, int total, int count, GLOBAL uint *given_up,
                                     uint epoch) {
    const int own = a->part * units;
    uint got[ROWS][TAKEN];
    int waits = 0;
    FOR_WORDS(row, j) {
        got[row][j] = 0;
        if (is_awaited(a, row, WORD_UNIT(j), count, own, units, total)) {
            got[row][j] = word_read(word_of(p, a, phase, a->first_row + row, WORD_UNIT(j)));
        }
    }
    FOR_WORDS(row, j) { /* in the loop above it would be asked before the next load */
        waits |= got[row][j] == EMPTY;
    }
    for (int outer = 0; outer < p->patience && waits; outer++) {
        for (int inner = 0; inner < 1024 && waits; inner++) {
            waits = 0;
            FOR_WORDS(row, j) {
                if (got[row][j] == EMPTY) {
                    got[row][j] = word_read(word_of(p, a, phase, a->first_row + row, WORD_UNIT(j)));
                    waits |= got[row][j] == EMPTY;
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
    FOR_WORDS(row, j) {
        if (is_awaited(a, row, WORD_UNIT(j), count, own, units, total)) {
            work_row(p, a, vector, a->first_row + row)[WORD_UNIT(j)] = as_float(got[row][j]);
        }
    }
    return 1;
}
