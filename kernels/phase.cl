/*
 * phase.cl: what a tile needs to know of phase PHASE of the cell, and what is done with its sums.
 *
 * A template: the program holds it once for each phase, with PHASE defined. A tile multiplies:
 *     sums[R] of unit u = b[r][u] + sum over k of W[r][u][k] v[k]
 * v comes from phase_source, and phase_finish takes the sums: it alone calls the cell.
 */
#define PHASE_NAME(stem) CAT(stem, PHASE)
#define PHASE_ROWS PHASE_NAME(PHASE_ROWS_)
#define PHASE_GATE PHASE_NAME(PHASE_GATE_)
#define PHASE_WORDS PHASE_NAME(PHASE_WORDS_)

/* k of a product, S, and units including those that pad the last vector. */
#define PHASE_K (p->hidden)
#define PHASE_SLICES (p->slices)
#define PHASE_SLICE (p->slice)
#define PHASE_UNITS (p->stride)
#define PHASE_WEIGHTS (a->w + p->w_phase[PHASE])
#define PHASE_BIASES (a->b + PHASE_GATE * p->stride)

/* Is any of `count` rows from n on still in its valid steps? */
static inline int PHASE_NAME(phase_live_)(const struct params *p, const pass *a, wide n,
                                          int count) {
    (void)p;
    for (int i = 0; i < count; i++) {
        if (a->step < a->rows[n + i].length) {
            return 1;
        }
    }
    return 0;
}

/* v of row n: h of the step before, or what the phase before published. */
static inline GLOBAL const float *PHASE_NAME(phase_source_)(const struct params *p, const pass *a,
                                                            wide n) {
#if PHASE == 0
    return work_row(p, a, WORK_H + (a->step & 1), n);
#else
    return work_row(p, a, WORK_PUBLISHED, n);
#endif
}

/* gh[R]: the sums of VECTOR_WIDTH units from `unit` on, of row n. */
static inline void PHASE_NAME(phase_finish_)(const struct params *p, const pass *a, wide n,
                                             int unit, const real *gh) {
    GLOBAL const struct row *row = a->rows + n;
    if (a->step >= row->length) {
        return;
    }
    const wide time = time_of(row, a->step);
    GLOBAL const float *g = a->x + row->g + time * row->g_stride + PHASE_GATE * p->stride + unit;
    real gx[PHASE_WORDS], state[STATES], carry[1];
    UNROLL
    for (int word = 0; word < PHASE_WORDS; word++) {
        gx[word] = VLOAD(g + word * p->stride);
    }
    state[0] = VLOAD(work_row(p, a, WORK_H + (a->step & 1), n) + unit);
#if STATES == 2
    state[1] = VLOAD(work_row(p, a, WORK_C, n) + unit);
#endif
#if CARRIES == 1 && PHASE > 0
    carry[0] = VLOAD(work_row(p, a, WORK_CARRY, n) + unit);
#endif
    const real published = PHASE_NAME(cell_phase_)(p, gx, gh, state, carry);

#if PHASE + 1 < PHASES
    VSTORE(published, work_row(p, a, WORK_PUBLISHED, n) + unit);
#if CARRIES == 1
    VSTORE(carry[0], work_row(p, a, WORK_CARRY, n) + unit);
#endif
#else
    const real h = one_nan(published);
    VSTORE(h, work_row(p, a, WORK_H + ((a->step + 1) & 1), n) + unit);
#if STATES == 2
    const real c = one_nan(state[1]);
    VSTORE(c, work_row(p, a, WORK_C, n) + unit);
    if (p->cells) {
        store_units(c, a->cells + row->c + time * row->c_stride, unit, p->hidden);
    }
#endif
    if (p->has_y) {
        store_units(h, a->y + row->y + time * row->y_stride, unit, p->hidden);
    }
    if (a->step == row->length - 1) {
        GLOBAL float *final = a->state + (wide)row->slot * p->hidden;
        store_units(h, final, unit, p->hidden);
#if STATES == 2
        store_units(c, final + p->state_words, unit, p->hidden);
#endif
    }
#endif
}
