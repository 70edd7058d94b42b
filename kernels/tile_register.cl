/*
 * tile_register.cl: the product with the weights in registers. One work-group takes ROWS rows of the
 * batch through all steps; W is read once, before the first of them, as far as it has room.
 *
 * Rows of W are numbered unit R + r, so that the sums of a unit are neighbours. An item holds HELD of
 * them times one slice of k:
 *
 *     item  = slice LINES + line                  line holds rows line HELD .. line HELD + HELD - 1
 *     packed [SLICE / VEC][HELD][GROUP_ITEMS][VEC]    -0 where a slice, a line or the items end: what
 *                                                 it adds to a sum is -0, which changes none
 *     partial[slice][row of the batch][LINES HELD]    the slices' sums, in local memory
 *     bias[R units]                                   there too, from BIAS on
 *
 * Of the SLICE / VEC vectors of k that an item has, the first STAY are in registers, NEAR further ones in
 * local memory, from NEAR_AT of the scratch on, and the rest is read again in every step, from the cache that
 * all compute units share: AHEAD vectors at once, while those before them are multiplied, and the first ones
 * of the next step while groups meet. Whatever their home, products are added in ascending k.
 *
 * With weights of 16 bits (WEIGHTS) two that are neighbours in k share a register, if VEC is even; they are
 * widened anew in every step.
 *
 * With several groups a row (WORDS) each has PART's units alone, and W one such array for each part.
 *
 * h, c and what phases publish lie in local memory, too (WORK_LOCAL); x_proj of the next step is asked for
 * before the product begins: a load from far may take longer than that.
 * Every index of `held` is a constant once loops are unrolled: else it would be memory. A template,
 * once for each phase.
 */
#ifndef ROWS /* rows of the batch in a group */
#define ROWS 1
#endif

/* AMD's GPUs that multiply two pairs at once: clang pairs the weights of each loop anew, and two loops then
 * take the registers of both (rnn 192: 346 of 256; with one loop 216). */
#if defined(__gfx90a__) || defined(__gfx940__) || defined(__gfx941__) || defined(__gfx942__) ||    \
    defined(__gfx950__)
#undef PLAIN_LOOP
#endif

/* What the loop over the steps of any call knows of it. On GPUs, where its questions take 5 to 10 % of a step,
 * plain calls have a loop of their own (PLAIN_LOOP); CPU drivers would build the longer text for a
 * second more. */
#ifndef IS_PLAIN
#ifdef PLAIN_LOOP
#define IS_PLAIN 0
#else
#define IS_PLAIN p->plain
#endif
#endif

#define HELD PHASE_NAME(HELD_)   /* rows of W in an item */
#define LINES PHASE_NAME(LINES_) /* items that share a slice */
#define SPLIT PHASE_NAME(SPLIT_) /* S */
#define SLICE PHASE_NAME(SLICE_) /* k of a slice: S of them may go beyond k */
#define VEC PHASE_NAME(VEC_)     /* words of v that are read at once: divides the slice */
#define UNITS PHASE_NAME(UNITS_) /* of a part */
#define BIAS PHASE_NAME(BIAS_)   /* where biases begin in the scratch */
#define VECTORS (SLICE / VEC)
#define STAY PHASE_NAME(STAY_)
#define NEAR PHASE_NAME(NEAR_)
#define FAR (VECTORS - STAY - NEAR) /* a multiple of 2 AHEAD, or AHEAD where all are far */
#define NEAR_AT PHASE_NAME(NEAR_AT_)
#define AHEAD PHASE_NAME(AHEAD_)
/* Pairs of a row of the batch and a unit that an item finishes at most: GROUP_ITEMS apart. */
#define OUTS ((ROWS * UNITS + GROUP_ITEMS - 1) / GROUP_ITEMS)
#ifdef WORDS /* the last part may have fewer units */
#define IS_UNIT(unit) ((unit) < PHASE_NAME(TOTAL_))
#else
#define IS_UNIT(unit) 1
#endif
#define HELD_WORDS (PHASE_WORDS > 0 ? PHASE_WORDS : 1)

#if VEC == 1
typedef float PHASE_NAME(loaded_);
#else
typedef CAT(float, VEC) PHASE_NAME(loaded_);
#endif

/* Pair o of an item is unit UNIT_OF(o) of row PAIR_OF(o) / UNITS of the group's. */
#define PAIR_OF(o) (LOCAL_ID + (o)*GROUP_ITEMS)
#define UNIT_OF(o) (PART * UNITS + PAIR_OF(o) % UNITS)

#if WEIGHTS != 0 && VEC > 1
#define PAIRED 1
typedef uint PHASE_NAME(word_); /* the first one in its lower half */
#define WORDS_OF_VEC (VEC / 2)
#if VEC == 2
typedef uint PHASE_NAME(words_);
#else
typedef uint2 PHASE_NAME(words_);
#endif
#else
#define PAIRED 0
typedef float PHASE_NAME(word_);
#define WORDS_OF_VEC VEC
typedef PHASE_NAME(loaded_) PHASE_NAME(words_);
#endif

struct PHASE_NAME(held_) {
#if STAY > 0
    PHASE_NAME(word_) w[STAY][HELD][WORDS_OF_VEC] __attribute__((aligned(16)));
#endif
#if FAR > 0
    /* of those that do not stay, what comes next */
    PHASE_NAME(word_) far[AHEAD][HELD][WORDS_OF_VEC] __attribute__((aligned(16)));
#endif
    float x[OUTS][HELD_WORDS]; /* x_proj of this step */
    struct place at[OUTS];     /* where the pairs' rows are; over where there is no such pair */
};

/* x_proj of a pair in the step of `at`; 0 behind the row's last step. */
INLINED static inline void PHASE_NAME(tile_ask_)(const struct params *p, const pass *a,
                                                 const struct place *at, int unit, float *x) {
    UNROLL
    for (int word = 0; word < HELD_WORDS; word++) {
        x[word] = 0.0f;
    }
    if (PHASE_WORDS > 0 && !is_over(at)) {
        PHASE_NAME(phase_load_)(p, a, at, unit, x);
    }
}

/* The item's first weights. A part without units, which has none of its own, reads the first part's. */
INLINED static inline GLOBAL const weight *PHASE_NAME(tile_weights_)(const struct params *p,
                                                                     const pass *a) {
    const wide block = IS_UNIT(PART * UNITS) ? PART : 0;
    return PHASE_WEIGHTS + block * (SLICE * HELD * GROUP_ITEMS) + LOCAL_ID * VEC;
}

/* Vector j of k, of all rows of W that the item has. */
INLINED static inline void PHASE_NAME(tile_read_)(PHASE_NAME(word_) (*to)[WORDS_OF_VEC],
                                                  GLOBAL const weight *w, int j) {
    UNROLL
    for (int r = 0; r < HELD; r++) {
        GLOBAL const weight *from = w + (wide)(j * HELD + r) * (GROUP_ITEMS * VEC);
#if VEC == 1
        to[r][0] = WLOAD(from);
#else
        *(PHASE_NAME(words_) *)to[r] = *(GLOBAL const PHASE_NAME(words_) *)from;
#endif
    }
}

#if NEAR > 0
/* Where the item has row r of the j-th vector in local memory. */
INLINED static inline LOCAL PHASE_NAME(words_) *
    PHASE_NAME(tile_near_)(const pass *a, int j, int r) {
    return (LOCAL PHASE_NAME(words_) *)(a->scratch + NEAR_AT) +
           ((j * HELD + r) * GROUP_ITEMS + LOCAL_ID);
}
#endif

/* chain[i][r] + the products of vector j of k; `from`: the item's slice. zero: 0, as widen_pair wants it. */
INLINED static inline void PHASE_NAME(tile_multiply_)(const struct params *p, const pass *a,
                                                      int from, int j,
                                                      PHASE_NAME(word_) (*w)[WORDS_OF_VEC],
                                                      uint zero, float (*chain)[HELD]) {
    (void)zero;
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        const struct place at = {a->rows, a->first_row + i, 0, 0, 0, 0, 0};
        /* the items of a wave read the same words */
        LOCAL const PHASE_NAME(loaded_) *words =
            (LOCAL const PHASE_NAME(loaded_) *)(PHASE_NAME(phase_source_)(p, a, &at) + from);
        float v[VEC] __attribute__((aligned(16)));
        *(PHASE_NAME(loaded_) *)v = words[j];
        UNROLL
        for (int r = 0; r < HELD; r++) {
            UNROLL
            for (int e = 0; e < WORDS_OF_VEC; e++) {
#if PAIRED
                const float2 two = widen_pair(w[r][e], zero);
                chain[i][r] = fma(v[2 * e], two.x, chain[i][r]);
                chain[i][r] = fma(v[2 * e + 1], two.y, chain[i][r]);
#else
                chain[i][r] = fma(v[e], w[r][e], chain[i][r]);
#endif
            }
        }
    }
}

/* Weights into registers and local memory, biases into local memory, where the pairs' rows begin, and x_proj of
 * the first step. */
INLINED static inline void PHASE_NAME(tile_hold_)(const struct params *p, const pass *a,
                                                  struct PHASE_NAME(held_) * held) {
    GLOBAL const weight *w = PHASE_NAME(tile_weights_)(p, a);
#if STAY > 0
    UNROLL
    for (int j = 0; j < STAY; j++) {
        PHASE_NAME(tile_read_)(held->w[j], w, j);
    }
#endif
#if NEAR > 0 /* each item reads what it has stored itself: no barrier */
    for (int j = 0; j < NEAR; j++) {
        PHASE_NAME(word_) words[HELD][WORDS_OF_VEC] __attribute__((aligned(16)));
        PHASE_NAME(tile_read_)(words, w, STAY + j);
        UNROLL
        for (int r = 0; r < HELD; r++) {
            *PHASE_NAME(tile_near_)(a, j, r) = *(PHASE_NAME(words_) *)words[r];
        }
    }
#endif
#if FAR > 0
    UNROLL
    for (int n = 0; n < AHEAD; n++) {
        PHASE_NAME(tile_read_)(held->far[n], w, STAY + NEAR + n);
    }
#endif
    for (int at = LOCAL_ID; at < PHASE_ROWS * UNITS; at += GROUP_ITEMS) {
        const int unit = PART * UNITS + at / PHASE_ROWS;
        a->scratch[BIAS + at] =
            IS_UNIT(unit) ? PHASE_BIASES[at % PHASE_ROWS * PHASE_BIAS_STRIDE + unit] : 0.0f;
    }
    UNROLL
    for (int o = 0; o < OUTS; o++) {
        const int i = PAIR_OF(o) / UNITS; /* of the group's rows, fewer than ROWS in a small call */
        const wide n = a->first_row + i;
        held->at[o] = (struct place){a->rows, a->first_row, 0, 0, 0, a->step, 0};
        if (i < ROWS && i < p->rows_group && n < p->batch && IS_UNIT(UNIT_OF(o))) {
            held->at[o] = PHASE_NAME(phase_place_)(p, a, n);
        }
        PHASE_NAME(tile_ask_)(p, a, &held->at[o], UNIT_OF(o), held->x[o]);
    }
}

/* A step of the group's rows. All its items come here together; `plain`: as in phase_finish. */
INLINED static inline void PHASE_NAME(tile_step_)(const struct params *p, const pass *a,
                                                  struct PHASE_NAME(held_) * held,
                                                  const int plain) {
    /* Items past the last slice compute with -0 and store where nobody reads: no item goes another way
     * before a barrier (PoCL 3.1 gave wrong results when some did). */
    const int slice = LOCAL_ID / LINES, line = LOCAL_ID % LINES;
    const int from = (slice < SPLIT ? slice : SPLIT - 1) * SLICE;
    /* 0: steps count from 0. No compiler knows, so that none widens pairs before the loop over time, where
     * all of them would take the registers of floats, nor reads there what does not stay. */
    const uint zero = (uint)(a->step >> 31);
    LOCAL float *partial = a->scratch;
    struct place next[OUTS];
    float x[OUTS][HELD_WORDS];
    UNROLL
    for (int o = 0; o < OUTS; o++) {
        next[o] = PHASE_NAME(phase_next_)(p, a, &held->at[o], plain);
        UNROLL
        for (int word = 0; word < HELD_WORDS; word++) {
            x[o][word] = held->x[o][word];
        }
        PHASE_NAME(tile_ask_)(p, a, &next[o], UNIT_OF(o), held->x[o]);
    }

    float chain[ROWS][HELD];
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        UNROLL
        for (int r = 0; r < HELD; r++) {
            chain[i][r] = 0.0f;
        }
    }
#if STAY > 0
    UNROLL
    for (int j = 0; j < STAY; j++) {
        PHASE_NAME(tile_multiply_)(p, a, from, j, held->w[j], zero, chain);
    }
#endif
#if NEAR > 0
    UNROLL_TWICE
    for (int j = 0; j < NEAR; j++) {
        PHASE_NAME(word_) w[HELD][WORDS_OF_VEC];
        UNROLL
        for (int r = 0; r < HELD; r++) {
            *(PHASE_NAME(words_) *)w[r] = *PHASE_NAME(tile_near_)(a, j, r);
        }
        PHASE_NAME(tile_multiply_)(p, a, from, STAY + j, w, zero, chain);
    }
#endif
#if FAR > 0
    GLOBAL const weight *far = PHASE_NAME(tile_weights_)(p, a) + zero;
    /* an even number of times: what was asked for needs no move */
    UNROLL_TWICE
    for (int j = STAY + NEAR; j < VECTORS; j += AHEAD) {
        const int next = j + AHEAD < VECTORS ? j + AHEAD : STAY + NEAR;
        PHASE_NAME(word_) w[AHEAD][HELD][WORDS_OF_VEC];
        UNROLL
        for (int n = 0; n < AHEAD; n++) {
            UNROLL
            for (int r = 0; r < HELD; r++) {
                UNROLL
                for (int e = 0; e < WORDS_OF_VEC; e++) {
                    w[n][r][e] = held->far[n][r][e];
                }
            }
            PHASE_NAME(tile_read_)(held->far[n], far, next + n);
        }
        UNROLL
        for (int n = 0; n < AHEAD; n++) {
            PHASE_NAME(tile_multiply_)(p, a, from, j + n, w[n], zero, chain);
        }
    }
#endif
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        UNROLL
        for (int r = 0; r < HELD; r++) {
            partial[(slice * ROWS + i) * (LINES * HELD) + line * HELD + r] = chain[i][r];
        }
    }
    /* all slices' sums are there before they are added, and v has been read before a new one is stored */
    barrier(CLK_LOCAL_MEM_FENCE);
    UNROLL
    for (int o = 0; o < OUTS; o++) {
        if (!is_over(&held->at[o])) {
            /* of the pair; all else is constant, so that no address takes a register of its own */
            LOCAL const float *bias = a->scratch + BIAS + PAIR_OF(o) % UNITS * PHASE_ROWS;
            LOCAL const float *slices = partial +
                                        (ROWS > 1 ? PAIR_OF(o) / UNITS * (LINES * HELD) : 0) +
                                        PAIR_OF(o) % UNITS * PHASE_ROWS;
            float sums[PHASE_ROWS];
            UNROLL
            for (int r = 0; r < PHASE_ROWS; r++) {
                sums[r] = bias[r];
                UNROLL
                for (int q = 0; q < SPLIT; q++) {
                    sums[r] = sums[r] + slices[q * (ROWS * LINES * HELD) + r];
                }
            }
            if (plain) {
                PHASE_NAME(phase_finish_)(p, a, &held->at[o], UNIT_OF(o), x[o], sums, 1);
            } else { /* a place kept over the product takes registers: ptxas spills lstm 112 */
                const struct place at = PHASE_NAME(phase_place_)(p, a, held->at[o].n);
                PHASE_NAME(phase_finish_)(p, a, &at, UNIT_OF(o), x[o], sums, 0);
            }
        }
        held->at[o] = next[o];
    }
}

#undef PAIRED
#undef WORDS_OF_VEC
#undef HELD
#undef LINES
#undef SPLIT
#undef SLICE
#undef VEC
#undef UNITS
#undef BIAS
#undef VECTORS
#undef STAY
#undef NEAR
#undef FAR
#undef NEAR_AT
#undef AHEAD
#undef OUTS
#undef PAIR_OF
#undef UNIT_OF
#undef IS_UNIT
#undef HELD_WORDS
