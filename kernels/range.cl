/*
 * range.cl: how a group that stays with its rows goes through a step: what `single` and `persist`
 * share. A range is rows_group rows of the batch, the last one fewer.
 */

/* One past the last row of the range that begins at n_first. */
static inline wide range_end(const struct params *p, wide n_first) {
    const wide rest = p->batch - n_first;
    return n_first + (rest < p->rows_group ? rest : p->rows_group);
}

/* Blocks first .. end - 1 of phase P for rows n_first .. n_end - 1, to and fro: a step begins with
 * the weights that the step before left in the cache, so that of weights that are too large for it
 * as much as fits is found there. */
#define RANGE_RUN(P, first, end)                                                                   \
    for (int i = first; i < end; i++) {                                                            \
        const int block = a.step & 1 ? first + end - 1 - i : i;                                    \
        for (wide n = n_first; n < n_end; n += ROWS) {                                             \
            CAT(tile_run_, P)(p, &a, block, n, n_end - n < ROWS ? (int)(n_end - n) : ROWS);        \
        }                                                                                          \
    }
