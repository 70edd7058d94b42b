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
 * the cell runs on registers. Where registers do not hold the sums of all R rows for several rows of
 * the batch, the panel lies in strips of COLS vectors, one after the other, each for all k: the batch
 * goes through strip after strip, and sums wait in memory until the cell takes them. A template, once
 * for each phase.
 */
#ifndef ROWS /* rows of the batch in a tile, 1 .. 8 */
#define ROWS 1
#endif

#define TILE_VECTORS PHASE_NAME(TILE_VECTORS_)
#define BLOCK (TILE_VECTORS * VECTOR_WIDTH)
#define SUMS (PHASE_ROWS * TILE_VECTORS) /* of a row of the batch, in vectors */
#define COLS PHASE_NAME(TILE_COLS_)      /* of them in registers at a time, as a plain number */
#define STRIPS (SUMS / COLS)
#define REPEAT_COLS(M, a) JOIN(COLS_, COLS)(M, a)

/* Tiles of rows take turns with each strip, and where the weights do not stay near with each slice of
 * them. */
#if ROWS > 1 && PHASE_TURNS
#define TILE_TURNS TURNS
#else
#define TILE_TURNS 1
#endif

#define TILE_POINT(i, unused)                                                                      \
    GLOBAL const float *restrict v##i = PHASE_NAME(phase_source_)(p, a, &at[(i) < count ? (i) : 0]);
#define TILE_ZERO(i, j) real a##i##_##j = SPLAT(0.0f);
#define TILE_ZEROS(i, unused) REPEAT_COLS(TILE_ZERO, i)
/* A column of k. What there is less of, rows or columns, is held, and the others come one by one: as many registers
 * as `fits` of tile_panel.c counts. With all of 4 columns held beside 3 rows LLVM spilled: half the rate. */
#if ROWS < COLS
#define TILE_VALUE(i, unused) const real x##i = SPLAT(v##i[k]);
#define TILE_FMA(i, j) a##i##_##j = FMA(x##i, wj, a##i##_##j);
#define TILE_COL(unused, j)                                                                        \
    {                                                                                              \
        const real wj = WLOAD(wk + (j)*VECTOR_WIDTH);                                              \
        REPEAT_ROWS(TILE_FMA, j)                                                                   \
    }
#define TILE_FMAS                                                                                  \
    REPEAT_ROWS(TILE_VALUE, 0)                                                                     \
    REPEAT_COLS(TILE_COL, 0)
#else
#define TILE_LOAD(unused, j) const real w##j = WLOAD(wk + (j)*VECTOR_WIDTH);
#define TILE_FMA(i, j) a##i##_##j = FMA(v, w##j, a##i##_##j);
#define TILE_ROW(i, unused)                                                                        \
    {                                                                                              \
        const real v = SPLAT(v##i[k]);                                                             \
        REPEAT_COLS(TILE_FMA, i)                                                                   \
    }
#define TILE_FMAS                                                                                  \
    REPEAT_COLS(TILE_LOAD, 0)                                                                      \
    REPEAT_ROWS(TILE_ROW, 0)
#endif
#define TILE_ADD(i, j) sums[(i)*SUMS + (j)] = sums[(i)*SUMS + (j)] + a##i##_##j;
#define TILE_ADDS(i, unused) REPEAT_COLS(TILE_ADD, i)

static inline int PHASE_NAME(tile_blocks_)(const struct params *p) {
    return (PHASE_UNITS + BLOCK - 1) / BLOCK;
}

/* Finds rows n .. n + rows - 1 (rows <= ROWS); 1: all are over. */
INLINED static inline int PHASE_NAME(tile_find_)(const struct params *p, const pass *a, wide n,
                                                 int rows, struct place *at) {
    int over = 0;
    UNROLL
    for (int i = 0; i < ROWS; i++) { /* a row that is not there computes row n again */
        at[i] = PHASE_NAME(phase_place_)(p, a, i < rows ? n + i : n);
        over += is_over(&at[i]);
    }
    return over == ROWS;
}

/* The rows' sums begin with the bias. */
INLINED static inline void PHASE_NAME(tile_begin_)(const struct params *p, const pass *a, int unit,
                                                   real *sums) {
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
                sums[i * SUMS + r * TILE_VECTORS + vector] = bias;
            }
        }
    }
}

/* Asks for what the sums are added to. */
INLINED static inline void PHASE_NAME(tile_fetch_)(const struct params *p, const pass *a, int unit,
                                                   int rows, const struct place *at) {
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int vector = 0; vector < TILE_VECTORS; vector++) {
            PHASE_NAME(phase_fetch_)(p, a, &at[i], unit + vector * VECTOR_WIDTH);
        }
    }
}

/* What comes of a row's sums. In C a function with the cell in it, once for calls that are plain and once for
 * others: no number of a vector then passes through memory on its way. */
INLINED static inline void PHASE_NAME(tile_row_)(const struct params *p, const pass *a,
                                                 const struct place *at, int unit, const real *sums,
                                                 const int plain) {
    PHASE_UNROLL
    for (int vector = 0; vector < TILE_VECTORS; vector++) {
        const int from = unit + vector * VECTOR_WIDTH;
        if (from < PHASE_UNITS) {
            real gx[PHASE_WORDS + 1], gh[PHASE_ROWS];
            UNROLL
            for (int r = 0; r < PHASE_ROWS; r++) {
                gh[r] = sums[r * TILE_VECTORS + vector];
            }
            PHASE_NAME(phase_load_)(p, a, at, from, gx);
            PHASE_NAME(phase_finish_)(p, a, at, from, gx, gh, plain);
        }
    }
}

PHASE_CALLED void PHASE_NAME(tile_row_plain_)(const struct params *p, const pass *a,
                                              const struct place *at, int unit, const real *sums) {
    PHASE_NAME(tile_row_)(p, a, at, unit, sums, 1);
}

PHASE_CALLED void PHASE_NAME(tile_row_any_)(const struct params *p, const pass *a,
                                            const struct place *at, int unit, const real *sums) {
    PHASE_NAME(tile_row_)(p, a, at, unit, sums, 0);
}

INLINED static inline void PHASE_NAME(tile_finish_)(const struct params *p, const pass *a, int unit,
                                                    int rows, const struct place *at,
                                                    const real *sums) {
    for (int i = 0; i < rows; i++) {
        if (p->plain) {
            PHASE_NAME(tile_row_plain_)(p, a, &at[i], unit, sums + i * SUMS);
        } else {
            PHASE_NAME(tile_row_any_)(p, a, &at[i], unit, sums + i * SUMS);
        }
    }
}

#if TILE_TURNS > 1
/* Of each k a tile asks for two cache lines of 16 lanes, for one of fewer lanes, that lie `ahead`, towards the
 * second cache. */
#define LINE 16 /* floats */
#define LINES (VECTOR_WIDTH > 8 ? 2 : 1)
#define TILE_NEXT(unused, j)                                                                       \
    if ((j) < LINES) {                                                                             \
        FETCH_FAR(wk + ahead + (j)*LINE);                                                          \
    }

#define TILE_TURN_POINT(i, unused)                                                                 \
    GLOBAL const float *restrict v##i = PHASE_NAME(phase_source_)(p, a, &at[first + (i)]);

/* tile_run of more than ROWS rows, or of several strips: tiles that take turns with each slice of a strip's
 * weights. */
static void PHASE_NAME(tile_turns_)(const struct params *p, const pass *a, int block, wide n,
                                    int count) {
    struct place at[TILE_TURNS * ROWS];
    real sums_all[TILE_TURNS * ROWS * SUMS];
    int over[TILE_TURNS];
    const int unit = block * BLOCK, turns = (count + ROWS - 1) / ROWS;
    const wide strip = (wide)PHASE_K * (COLS * VECTOR_WIDTH);
    const wide chunk = (wide)PHASE_SLICE * (COLS * VECTOR_WIDTH); /* a slice of a strip */
    const wide end = strip - (PHASE_SLICES - 1) * chunk; /* from the last slice to the next strip */
    GLOBAL const weight *panel = PHASE_WEIGHTS + block * STRIPS * strip;
    int rest = turns; /* tiles that are not over */
    for (int turn = 0; turn < turns; turn++) {
        const int first = turn * ROWS, left = count - first;
        over[turn] = PHASE_NAME(tile_find_)(p, a, n + first, left < ROWS ? left : ROWS, at + first);
        if (!over[turn]) {
            PHASE_NAME(tile_begin_)(p, a, unit, sums_all + first * SUMS);
        }
        rest -= over[turn];
    }
    const int pieces = STRIPS * PHASE_SLICES;
    for (int piece = 0; piece < pieces && rest > 0; piece++) {
        const int of_strip = piece / PHASE_SLICES, slice = piece % PHASE_SLICES;
        const int k_first = slice * PHASE_SLICE;
        const int k_end = k_first + PHASE_SLICE < PHASE_K ? k_first + PHASE_SLICE : PHASE_K;
        GLOBAL const weight *w = panel + of_strip * strip + slice * chunk;
        const wide next = slice + 1 < PHASE_SLICES ? chunk
                          : of_strip + 1 < STRIPS  ? end
                                                   : end + (a->next - block - 1) * STRIPS * strip;
        for (int turn = 0; turn < turns; turn++) {
            const int first = turn * ROWS, left = count - first;
            const int rows = left < ROWS ? left : ROWS;
            real *const sums = sums_all + first * SUMS + of_strip * COLS;
            const int here = turn * LINES * LINE;
            GLOBAL const weight *restrict wk = w;
            if (!over[turn]) {
                if (piece == pieces - 1) {
                    PHASE_NAME(tile_fetch_)(p, a, unit, rows, at + first);
                }
                REPEAT_ROWS(TILE_TURN_POINT, 0)
                REPEAT_ROWS(TILE_ZEROS, 0)
                if (p->ahead && here < COLS * VECTOR_WIDTH) {
                    const wide ahead = next + here;
                    for (int k = k_first; k < k_end; k++, wk += COLS * VECTOR_WIDTH) {
                        REPEAT_COLS(TILE_NEXT, 0)
                        TILE_FMAS
                    }
                } else {
                    for (int k = k_first; k < k_end; k++, wk += COLS * VECTOR_WIDTH) {
                        TILE_FMAS
                    }
                }
                REPEAT_ROWS(TILE_ADDS, 0)
                if (piece == pieces - 1) {
                    PHASE_NAME(tile_finish_)
                    (p, a, unit, rows, at + first, sums_all + first * SUMS);
                }
            }
        }
    }
}
#undef TILE_TURN_POINT
#undef TILE_NEXT
#undef LINES
#undef LINE
#endif

/* Rows n .. n + count - 1 (count <= ROWS x p->turns) times panel `block`, from product to finish; the
 * projection's rows, which take long to find, times more of the panels that follow it. */
static inline void PHASE_NAME(tile_run_)(const struct params *p, const pass *a, int block, wide n,
                                         int count) {
#if STRIPS > 1
    PHASE_NAME(tile_turns_)(p, a, block, n, count);
#else
#if TILE_TURNS > 1
    if (count > ROWS) {
        PHASE_NAME(tile_turns_)(p, a, block, n, count);
        return;
    }
#endif
    struct place at[ROWS];
    if (PHASE_NAME(tile_find_)(p, a, n, count, at)) {
        return;
    }
    GLOBAL const weight *restrict wk =
        PHASE_WEIGHTS + block * ((wide)PHASE_K * (COLS * VECTOR_WIDTH));
    REPEAT_ROWS(TILE_POINT, 0)
    const int block_end = PHASE_BLOCK_END(block);
    for (; block < block_end; block++) {
        const int unit = block * BLOCK;
        real sums[ROWS * SUMS];
        PHASE_NAME(tile_fetch_)(p, a, unit, count, at);
        PHASE_NAME(tile_begin_)(p, a, unit, sums);
        /* Each slice is a chain from +0; the slices are added to the bias in ascending order. */
        int k = 0;
        for (int slice = 0; slice < PHASE_SLICES; slice++) {
            const int slice_end = (slice + 1) * PHASE_SLICE;
            const int end = slice_end < PHASE_K ? slice_end : PHASE_K;
            REPEAT_ROWS(TILE_ZEROS, 0)
            for (; k < end; k++, wk += COLS * VECTOR_WIDTH) {
                TILE_FMAS
            }
            REPEAT_ROWS(TILE_ADDS, 0)
        }
        PHASE_NAME(tile_finish_)(p, a, unit, count, at, sums);
    }
#endif
}

#undef TILE_POINT
#undef TILE_ZERO
#undef TILE_ZEROS
#undef TILE_VALUE
#undef TILE_LOAD
#undef TILE_FMA
#undef TILE_COL
#undef TILE_ROW
#undef TILE_FMAS
#undef TILE_ADD
#undef TILE_ADDS
#undef REPEAT_COLS
#undef STRIPS
#undef COLS
#undef SUMS
#undef BLOCK
#undef TILE_TURNS
#undef TILE_VECTORS
