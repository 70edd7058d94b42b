/*
 * tile_stream.cl: the product on any device. A work-group of BLOCK x SPLIT items computes ROWS rows
 * of the batch times BLOCK units; weights stream from global memory, v passes through local memory.
 *
 * Item (u, q) sums unit u over slice q of k: neighbours read neighbouring weights, and the items of
 * a wave read the same word of v. Where there are more slices than SPLIT they take turns. Packed
 * weights as in tile_panel.cl, the block being BLOCK units wide. Local memory, one after the other:
 *
 *     staged[q][k of the chunk][row]      v of a chunk of CHUNK columns of each slice
 *     partial[q][row][r][u]               the sums of the slices, where SPLIT > 1
 */
#ifndef ROWS /* rows of the batch in a tile */
#define ROWS 1
#endif
#ifndef BLOCK /* units of a work-group: a power of two, at least a wave */
#define BLOCK 64
#endif
#ifndef SPLIT /* slices of k side by side; divides S */
#define SPLIT 1
#endif
#ifndef CHUNK /* columns of v in local memory at once, of each slice */
#define CHUNK 64
#endif

static inline int PHASE_NAME(tile_blocks_)(const struct params *p) {
    return (PHASE_UNITS + BLOCK - 1) / BLOCK;
}

/* Rows n .. n + count - 1 (count <= ROWS) times block `block`, from product to finish. All items of
 * the group come here together. */
static inline void PHASE_NAME(tile_run_)(const struct params *p, const pass *a, int block, wide n,
                                         int count) {
    int over = 0;
    for (int i = 0; i < count; i++) {
        const struct place at = PHASE_NAME(phase_place_)(p, a, n + i);
        over += is_over(&at);
    }
    if (over == count) {
        return; /* the same for every item: no barrier is left half reached */
    }
    const int u = LOCAL_ID % BLOCK, q = LOCAL_ID / BLOCK;
    const int unit = block * BLOCK + u;
    GLOBAL const float *restrict w =
        PHASE_WEIGHTS + (wide)block * PHASE_K * (PHASE_ROWS * BLOCK) + u;
    LOCAL float *scratch = a->scratch;
    float sums[ROWS * PHASE_ROWS];
    UNROLL
    for (int r = 0; r < PHASE_ROWS; r++) {
        const float bias = unit < PHASE_UNITS ? PHASE_BIASES[r * PHASE_BIAS_STRIDE + unit] : 0.0f;
        UNROLL
        for (int i = 0; i < ROWS; i++) {
            sums[i * PHASE_ROWS + r] = bias;
        }
    }

    for (int first = 0; first < PHASE_SLICES; first += SPLIT) {
        float chain[ROWS * PHASE_ROWS];
        UNROLL
        for (int i = 0; i < ROWS * PHASE_ROWS; i++) {
            chain[i] = 0.0f;
        }
        for (int start = 0; start < PHASE_SLICE; start += CHUNK) {
            barrier(CLK_LOCAL_MEM_FENCE); /* what scratch held before has been read by everyone */
            for (int at = LOCAL_ID; at < SPLIT * ROWS * CHUNK; at += GROUP_ITEMS) {
                const int column = at % CHUNK, i = at / CHUNK % ROWS, slice = at / (CHUNK * ROWS);
                const int k = (first + slice) * PHASE_SLICE + start + column;
                float v = 0.0f;
                if (i < count && start + column < PHASE_SLICE && k < PHASE_K) {
                    const struct place at = PHASE_NAME(phase_place_)(p, a, n + i);
                    v = PHASE_NAME(phase_source_)(p, a, &at)[k];
                }
                scratch[(slice * CHUNK + column) * ROWS + i] = v;
            }
            barrier(CLK_LOCAL_MEM_FENCE); /* the chunk is complete before it is read below */
            const int k_first = (first + q) * PHASE_SLICE + start;
            int columns = PHASE_SLICE - start < CHUNK ? PHASE_SLICE - start : CHUNK;
            columns = PHASE_K - k_first < columns ? PHASE_K - k_first : columns;
            LOCAL const float *v = scratch + q * CHUNK * ROWS;
            for (int column = 0; column < columns; column++) {
                GLOBAL const float *wk = w + (wide)(k_first + column) * (PHASE_ROWS * BLOCK);
                UNROLL
                for (int r = 0; r < PHASE_ROWS; r++) {
                    const float weight = wk[r * BLOCK];
                    UNROLL
                    for (int i = 0; i < ROWS; i++) {
                        chain[i * PHASE_ROWS + r] =
                            fma(v[column * ROWS + i], weight, chain[i * PHASE_ROWS + r]);
                    }
                }
            }
        }
#if SPLIT == 1
        UNROLL
        for (int i = 0; i < ROWS * PHASE_ROWS; i++) {
            sums[i] = sums[i] + chain[i];
        }
#else
        barrier(CLK_LOCAL_MEM_FENCE); /* the last chunk has been read: scratch takes the sums */
        UNROLL
        for (int i = 0; i < ROWS * PHASE_ROWS; i++) {
            scratch[(q * (ROWS * PHASE_ROWS) + i) * BLOCK + u] = chain[i];
        }
        barrier(CLK_LOCAL_MEM_FENCE); /* all slices' sums are there before they are added */
        UNROLL
        for (int i = 0; i < ROWS * PHASE_ROWS; i++) {
            UNROLL
            for (int slice = 0; slice < SPLIT; slice++) {
                sums[i] = sums[i] + scratch[(slice * (ROWS * PHASE_ROWS) + i) * BLOCK + u];
            }
        }
#endif
    }
    /* Every item of a unit holds the same sums; item (u, q) finishes rows q, q + SPLIT, ... */
    UNROLL
    for (int i = 0; i < ROWS; i++) {
        if (i % SPLIT == q && i < count && unit < PHASE_UNITS) {
            const struct place at = PHASE_NAME(phase_place_)(p, a, n + i);
            real gx[PHASE_WORDS + 1];
            PHASE_NAME(phase_load_)(p, a, &at, unit, gx);
            PHASE_NAME(phase_finish_)(p, a, &at, unit, gx, sums + i * PHASE_ROWS, 0);
        }
    }
}
