/*
 * tile_panel.cl: the product on a CPU core. One work-item computes ROWS rows of the batch times one
 * panel of units, with its sums in named vector registers.
 *
 * Packed weights of a panel, BLOCK = TILE_VECTORS x VECTOR_WIDTH units wide:
 *
 *     k = 0 | row 0: unit 0 .. BLOCK-1 | row 1: unit 0 .. BLOCK-1 | ... row R-1 |
 *     k = 1 | ...                                                               |
 *
 * so that the loop over k reads them once, in order, and the R sums of a unit end in the same lane:
 * the cell runs on registers. A template, once for each phase.
 */
#ifndef ROWS /* rows of the batch in a tile, 1 .. 8 */
#define ROWS 1
#endif

#define TILE_VECTORS PHASE_NAME(TILE_VECTORS_)
#define BLOCK (TILE_VECTORS * VECTOR_WIDTH)
#define COLS PHASE_NAME(TILE_COLS_) /* R x TILE_VECTORS, as a plain number */
#define REPEAT_COLS(M, a) JOIN(COLS_, COLS)(M, a)

/* Where the weights do not stay near, tiles of rows take turns with each slice of them. */
#if ROWS > 1 && PHASE_TURNS
#define TILE_TURNS TURNS
#else
#define TILE_TURNS 1
#endif

#define TILE_POINT(i, unused)                                                                      \
    GLOBAL const float *restrict v##i = PHASE_NAME(phase_source_)(p, a, &at[i]);
#define TILE_ZERO(i, j) real a##i##_##j = SPLAT(0.0f);
#define TILE_ZEROS(i, unused) REPEAT_COLS(TILE_ZERO, i)
#define TILE_LOAD(unused, j) const real w##j = WLOAD(wk + (j)*VECTOR_WIDTH);
#define TILE_NEXT(unused, j)                                                                       \
    if ((j) < fetches) {                                                                           \
        FETCH_FAR(far + (j)*VECTOR_WIDTH);                                                         \
    }
#define TILE_FMA(i, j) a##i##_##j = FMA(v, w##j, a##i##_##j);
#define TILE_ROW(i, unused)                                                                        \
    {                                                                                              \
        const real v = SPLAT(v##i[k]);                                                             \
        REPEAT_COLS(TILE_FMA, i)                                                                   \
    }
#define TILE_ADD(i, j) sums[(i)*COLS + (j)] = sums[(i)*COLS + (j)] + a##i##_##j;
#define TILE_ADDS(i, unused) REPEAT_COLS(TILE_ADD, i)

static inline int PHASE_NAME(tile_blocks_)(const struct params *p) {
    return (PHASE_UNITS + BLOCK - 1) / BLOCK;
}

/* Finds rows n .. n + count - 1 (count <= ROWS) and begins their sums with the bias; 1: all rows are
 * over. */
INLINED static inline int PHASE_NAME(tile_begin_)(const struct params *p, const pass *a, int unit,
                                                  wide n, int count, struct place *at,
                                                  real *sums) {
    int over = 0;
    UNROLL
    for (int i = 0; i < ROWS; i++) { /* a row that is not there computes row n again */
        at[i] = PHASE_NAME(phase_place_)(p, a, i < count ? n + i : n);
        over += is_over(&at[i]);
    }
    if (over == ROWS) {
        return 1;
    }
    for (int i = 0; i < count; i++) {
        UNROLL
        for (int vector = 0; vector < TILE_VECTORS; vector++) {
            PHASE_NAME(phase_fetch_)(p, a, &at[i], unit + vector * VECTOR_WIDTH);
        }
    }
    UNROLL
    for (int r = 0; r < PHASE_ROWS; r++) {
        UNROLL
        for (int vector = 0; vector < TILE_VECTORS; vector++) {
            const int from = unit + vector * VECTOR_WIDTH;
            const real bias = from < PHASE_UNITS
                                  ? VLOAD(PHASE_BIASES + r * PHASE_BIAS_STRIDE + from)
                                  : SPLAT(0.0f);
            UNROLL
            for (int i = 0; i < ROWS; i++) {
                sums[i * COLS + r * TILE_VECTORS + vector] = bias;
            }
        }
    }
    return 0;
}

/* Adds the chain of k .. end - 1 to the sums; its weights begin at wk. For each k, `fetches` vectors
 * from `far` on are asked for towards the second cache. */
INLINED static inline void
PHASE_NAME(tile_slice_)(const struct params *p, const pass *a, const struct place *at,
                        GLOBAL const weight *restrict wk, int k, int end, GLOBAL const weight *far,
                        int far_step, const int fetches, real *sums) {
    REPEAT_ROWS(TILE_POINT, 0)
    REPEAT_ROWS(TILE_ZEROS, 0)
    for (; k < end; k++, wk += COLS * VECTOR_WIDTH, far += far_step) {
        REPEAT_COLS(TILE_LOAD, 0)
        REPEAT_COLS(TILE_NEXT, 0)
        REPEAT_ROWS(TILE_ROW, 0)
    }
    REPEAT_ROWS(TILE_ADDS, 0)
}

INLINED static inline void PHASE_NAME(tile_finish_)(const struct params *p, const pass *a, int unit,
                                                    int count, const struct place *at,
                                                    const real *sums) {
    for (int i = 0; i < count; i++) {
        UNROLL
        for (int vector = 0; vector < TILE_VECTORS; vector++) {
            const int from = unit + vector * VECTOR_WIDTH;
            real gh[PHASE_ROWS];
            UNROLL
            for (int r = 0; r < PHASE_ROWS; r++) {
                gh[r] = sums[i * COLS + r * TILE_VECTORS + vector];
            }
            if (from < PHASE_UNITS) {
                real gx[PHASE_WORDS + 1];
                PHASE_NAME(phase_load_)(p, a, &at[i], from, gx);
                if (p->plain) {
                    PHASE_NAME(phase_finish_)(p, a, &at[i], from, gx, gh, 1);
                } else {
                    PHASE_NAME(phase_finish_)(p, a, &at[i], from, gx, gh, 0);
                }
            }
        }
    }
}

/* tile_run of `turns` tiles: a constant where it is 1. */
INLINED static inline void PHASE_NAME(tile_turns_)(const struct params *p, const pass *a, int block,
                                                   wide n, int count, const int turns) {
    struct place at[TILE_TURNS * ROWS];
    real sums[TILE_TURNS * ROWS * COLS];
    int over[TILE_TURNS];
    const int unit = block * BLOCK;
    const wide panel = (wide)PHASE_K * (COLS * VECTOR_WIDTH);
    const wide column = (wide)PHASE_SLICE * VECTOR_WIDTH; /* a slice's weights, one vector wide */
    GLOBAL const weight *w = PHASE_WEIGHTS + block * panel;
    int rest = turns; /* tiles that are not over */
    for (int turn = 0; turn < turns; turn++) {
        const int first = turn * ROWS, left = count - first;
        over[turn] = PHASE_NAME(tile_begin_)(p, a, unit, n + first, left < ROWS ? left : ROWS,
                                             at + first, sums + first * COLS);
        rest -= over[turn];
    }
    if (rest == 0) {
        return;
    }
    /* Each slice is a chain from +0; the slices are added to the bias in ascending order. */
    for (int slice = 0; slice < PHASE_SLICES; slice++, w += column * COLS) {
        const int k = slice * PHASE_SLICE;
        const int end = k + PHASE_SLICE < PHASE_K ? k + PHASE_SLICE : PHASE_K;
        GLOBAL const weight *next =
            slice + 1 < PHASE_SLICES ? w + column * COLS : PHASE_WEIGHTS + a->next * panel;
        for (int turn = 0; turn < turns; turn++) {
            const int first = turn * ROWS;
            if (turns == 1) { /* of the projection: the same place in the next panel */
                PHASE_NAME(tile_slice_)(p, a, at, w, k, end, w + panel, COLS * VECTOR_WIDTH,
                                        PHASE_FAR ? COLS : 0, sums);
            } else if (!over[turn]) { /* together, two vectors each, the slice that comes next */
                const int asks = 2 * turn < COLS;
                PHASE_NAME(tile_slice_)(p, a, at + first, w, k, end,
                                        asks ? next + 2 * turn * column : w,
                                        asks ? 2 * VECTOR_WIDTH : 0, 2, sums + first * COLS);
            }
        }
    }
    for (int turn = 0; turn < turns; turn++) {
        const int first = turn * ROWS, left = count - first;
        if (!over[turn]) {
            PHASE_NAME(tile_finish_)(p, a, unit, left < ROWS ? left : ROWS, at + first,
                                     sums + first * COLS);
        }
    }
}

/* Rows n .. n + count - 1 (count <= ROWS x p->turns) times panel `block`, from product to finish. */
static inline void PHASE_NAME(tile_run_)(const struct params *p, const pass *a, int block, wide n,
                                         int count) {
    if (TILE_TURNS > 1 && count > ROWS) {
        PHASE_NAME(tile_turns_)(p, a, block, n, count, (count + ROWS - 1) / ROWS);
    } else {
        PHASE_NAME(tile_turns_)(p, a, block, n, count, 1);
    }
}

#undef TILE_TURNS
#undef TILE_POINT
#undef TILE_ZERO
#undef TILE_ZEROS
#undef TILE_LOAD
#undef TILE_NEXT
#undef TILE_FMA
#undef TILE_ROW
#undef TILE_ADD
#undef TILE_ADDS
#undef REPEAT_COLS
#undef COLS
#undef BLOCK
#undef TILE_VECTORS
