/*
 * cell_rnn.cl: the vanilla (Elman) cell.
 *
 *     h' = act(gx + gh)      gx = W_ih x + b_ih,  gh = W_hh h + b_hh
 *
 * A cell is a list of phases. A phase has PHASE_ROWS_p sums a unit, made of W . v; its unit
 * function takes gx (words PHASE_GATE_p ... of the unit's projected input), gh (those sums), the
 * unit's own state and the words carried from the phase before, and publishes one word: the next v.
 */
#define PHASES 1
#define STATES 1
#define CARRIES 0
#define PHASE_ROWS_0 1
#define PHASE_GATE_0 0
#define PHASE_WORDS_0 1

/* Formula: h' = act(gx + gh) */
static inline real cell_phase_0(const struct params *p, const real *gx, const real *gh, real *state,
                                real *carry) {
    (void)state;
    (void)carry;
    return ACT(0, gx[0] + gh[0]);
}
