/*
 * phase.cl: what a tile needs to know of phase PHASE of the cell, and what is done with its sums.
 *
 * A template: the program holds it once for each phase, with PHASE defined. A tile multiplies:
 *     sums[R] of unit u = b[r][u] + sum over k of W[r][u][k] v[k]
 * v comes from phase_source, and phase_finish takes the sums: it alone calls the cell.
 */
#define PHASE_NAME(stem) CAT(stem, PHASE)
#define PHASE_ROWS PHASE_NAME(PHASE_ROWS_)
#define PHASE_BLOCK_END(block) ((block) + 1)
#define PHASE_TURNS 1 /* weights may stay near from step to step, or be too large for that */
#if PHASE_ROWS > 1
#define PHASE_CALLED CALLED
#define PHASE_UNROLL UNROLL_CALLED
#else /* so short that a call would cost more */
#define PHASE_CALLED INLINED static inline
#define PHASE_UNROLL UNROLL
#endif
#define PHASE_GATE PHASE_NAME(PHASE_GATE_)
#define PHASE_WORDS PHASE_NAME(PHASE_WORDS_)

/* k of a product, S, and units including those that pad the last vector. */
#define PHASE_K (p->k[PHASE])
#define PHASE_SLICES (p->slices[PHASE])
#define PHASE_SLICE (p->slice[PHASE])
#define PHASE_UNITS (p->units[PHASE])
#define PHASE_WEIGHTS ((GLOBAL const weight *)a->w + p->w_phase[PHASE])
#define PHASE_BIASES (a->b + PHASE_GATE * p->stride)
#define PHASE_BIAS_STRIDE (p->stride)

/* Where row n is in this step, and where it has x_proj of the phase's first gate. */
static inline struct place PHASE_NAME(phase_place_)(const struct params *p, const pass *a, wide n) {
    WORK const struct row *row = row_of(a, n);
    struct place at = {row, n, time_of(p, row, a->step), 0, 0, a->step, end_of_row(p, row)};
    if (PHASE_WORDS > 0 && !is_over(&at)) { /* a packed array has nothing past a row's length */
        at.x =
            PHASE_GATE * p->stride + (p->by_time ? place_packed(&p->g, a, p->x_packed, at.time, row)
                                                 : place_of(&p->g, a->step - p->first, row));
    }
    if (PHASE + 1 == PHASES) {
        at.y = place_of(&p->y, at.time, row);
    }
    return at;
}

/* Where the same row has x_proj and y of the step behind this one: a plain call has them at equal distances. */
INLINED static inline struct place PHASE_NAME(phase_next_)(const struct params *p, const pass *a,
                                                           const struct place *at,
                                                           const int plain) {
    struct place next = *at;
    if (plain) {
        next.x += p->x_way;
        next.y += p->y_way;
        next.step = a->step + 1;
    } else if (at->end > 0) { /* else it may be no row at all */
        pass later = *a;
        later.step = a->step + 1;
        next = PHASE_NAME(phase_place_)(p, &later, at->n);
    }
    return next;
}

/* v of a row: h of the step before, or what the phase before published. */
static inline WORK const float *PHASE_NAME(phase_source_)(const struct params *p, const pass *a,
                                                          const struct place *at) {
#if PHASE == 0
    return work_row(p, a, H_BEFORE(a->step), at->n);
#else
    return work_row(p, a, WORK_PUBLISHED, at->n);
#endif
}

/* x_proj of units from `unit` on comes from far, and once: it is asked for before the product begins,
 * so that it is there when the product ends. */
INLINED static inline void PHASE_NAME(phase_fetch_)(const struct params *p, const pass *a,
                                                    const struct place *at, int unit) {
    if (!is_over(at)) {
        UNROLL
        for (int word = 0; word < PHASE_WORDS; word++) {
            FETCH(a->x + at->x + word * p->stride + unit);
        }
    }
}

/* x_proj of VECTOR_WIDTH units from `unit` on. */
INLINED static inline void PHASE_NAME(phase_load_)(const struct params *p, const pass *a,
                                                   const struct place *at, int unit, real *gx) {
    UNROLL
    for (int word = 0; word < PHASE_WORDS; word++) {
        gx[word] = VLOAD(a->x + at->x + (word * p->stride + unit)); /* else Intel's compiler dies */
    }
}

/* gx: x_proj; gh[R]: the sums of VECTOR_WIDTH units from `unit` on, of the row at a place. Most calls want y of
 * every step and no more: `plain`, a constant, says so, and the questions are answered beforehand. */
INLINED static inline void PHASE_NAME(phase_finish_)(const struct params *p, const pass *a,
                                                     const struct place *at, int unit,
                                                     const real *gx, const real *gh,
                                                     const int plain) {
    WORK const struct row *row = at->row;
    const wide n = at->n, time = at->time;
    if (is_over(at)) {
        return;
    }
    const int masked = !plain && p->masked;
    const int live = !masked || is_live(p, a, row, time);
    /* the row's last step in this piece leaves its state behind: at once, or with rows_end */
#ifdef WORK_LOCAL
    const int is_last = 0;
#else
    const int is_last = a->step == at->end - 1;
#endif
    real state[STATES], carry[1], gates[PHASE_ROWS];
    state[0] = VLOAD(work_row(p, a, H_BEFORE(a->step), n) + unit);
#if STATES == 2
    state[1] = VLOAD(work_row(p, a, WORK_C, n) + unit);
#endif
#if CARRIES == 1 && PHASE > 0
    carry[0] = VLOAD(work_row(p, a, WORK_CARRY, n) + unit);
#endif
    const real h_before = state[0];
    const real published =
        PHASE_NAME(cell_phase_)(p, a->b + p->constants + unit, gx, gh, state, carry, gates);

#if PHASE_GATE < GATES
    if (!plain && p->has_gates) {
        GLOBAL float *to = a->gates + place_of(&p->gates, time, row) + PHASE_GATE * p->hidden;
        UNROLL
        for (int r = 0; r < PHASE_ROWS; r++) {
            store_units(live ? one_nan(gates[r]) : R(0.0f), to + r * p->hidden, unit, p->hidden);
        }
    }
#else
    (void)gates;
#endif
#if STATES == 2 && PHASE == 0
    real c = one_nan(state[1]);
    if (live) {
        VSTORE(c, work_row(p, a, WORK_C, n) + unit);
    } else {
        c = VLOAD(work_row(p, a, WORK_C, n) + unit);
    }
    if (!plain && p->has_cells) {
        store_units(c, a->cells + place_of(&p->cells, time, row), unit, p->hidden);
    }
    if (is_last) {
        store_units(c, END_OF(WORK_C, p->state_c, p->hidden), unit, p->hidden);
    }
#endif

#if PHASE + 1 < PHASES
    VSTORE(published, work_row(p, a, WORK_PUBLISHED, n) + unit);
    SHARE(PHASE, n, unit, published);
#if CARRIES == 1
    VSTORE(carry[0], work_row(p, a, WORK_CARRY, n) + unit);
#endif
    (void)h_before;
    (void)is_last;
#else
    real h = h_before;
    if (live) {
        h = one_nan(published);
    }
    real o = h;
    VSTORE(h, work_row(p, a, H_AFTER(a->step), n) + unit);
    SHARE(PHASE, n, unit, h);
    if (masked) {
        GLOBAL float *o_work = far_row(p, a, WORK_O, n) + unit;
        if (!live) {
            o = VLOAD(o_work);
            if (p->zero_masked) {
                o = R(0.0f);
            }
        }
        VSTORE(o, o_work);
    }
    if (!plain && p->has_hiddens) {
        store_units(h, a->hiddens + place_of(&p->hiddens, time, row), unit, p->width);
    }
    if (plain) {
        store_units(o, a->y + at->y, unit, p->width);
    } else if (p->y_mode == Y_ALL || (p->y_mode == Y_LAST && a->step == row->length - 1)) {
        put_output(p, a, o, time, row, unit);
    }
    if (is_last) {
        store_units(h, END_OF(WORK_H, p->state_h, p->width), unit, p->width);
        store_units(o, END_OF(WORK_O, p->state_o, p->width), unit, p->width);
    }
#endif
}
