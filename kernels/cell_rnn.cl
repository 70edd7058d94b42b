/*
 * cell_rnn.cl: the vanilla (Elman) cell.
 *
 *     h' = act(gx + gh)      gx = W_ih x + b_ih,  gh = W_hh h + b_hh
 *
 * A cell is a list of phases. A phase has PHASE_ROWS_p sums a unit, made of W . v; its unit
 * function takes the unit's constants, gx (words PHASE_GATE_p ... of the unit's projected input), gh
 * (those sums), the unit's own state and the words carried from the phase before. It publishes one
 * word, the next v, and leaves the values of its gates.
 */
#define PHASES 1
#define STATES 1
#define CARRIES 0
#define GATES 1
#define PHASE_ROWS_0 1
#define PHASE_GATE_0 0
#define PHASE_WORDS_0 1

/* Formula: h' = act(gx + gh) */
static inline real cell_phase_0(const struct params *p, GLOBAL const float *constants,
                                const real *gx, const real *gh, real *state, real *carry,
                                real *gates) {
    (void)constants;
    (void)state;
    (void)carry;
    gates[0] = GATE(0, gx[0] + gh[0]);
    return gates[0];
}
