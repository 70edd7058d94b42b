/*
 * range.cl: how a group that stays with its rows goes through a step: what `single` and `persist`
 * share. A range is rows_group rows of the batch, the last one fewer.
 */

/* One past the last row of the range that begins at n_first. */
static inline wide range_end(const struct params *p, wide n_first) {
    const wide rest = p->batch - n_first;
    return n_first + (rest < p->rows_group ? rest : p->rows_group);
}

/* One past the last step that any of these rows has, below step_end. */
static inline int range_last(const pass *a, wide n_first, wide n_end, int step_end) {
    int last = 0;
    for (wide n = n_first; n < n_end; n++) {
        last = row_of(a, n)->length > last ? row_of(a, n)->length : last;
    }
    return last < step_end ? last : step_end;
}

/* Blocks first .. end - 1 of phase P for rows n_first .. n_end - 1, to and fro: a step begins with
 * the weights that the step before left in the cache, so that of weights that are too large for it
 * as much as fits is found there. */
#define RANGE_RUN(P, first, end)                                                                   \
    for (int i = first; i < end; i++) {                                                            \
        const int block = a.step & 1 ? first + end - 1 - i : i;                                    \
        const int rows_most = ROWS * p->turns;                                                     \
        for (wide n = n_first; n < n_end; n += rows_most) {                                        \
            const wide rest = n_end - n;                                                           \
            const int on = rest <= rows_most && i + 1 < (end);                                     \
            a.next = !on ? block : a.step & 1 ? block - 1 : block + 1;                             \
            CAT(tile_run_, P)(p, &a, block, n, rest < rows_most ? (int)rest : rows_most);          \
        }                                                                                          \
    }
