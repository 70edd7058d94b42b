/*
 * cell_dense.cl: a layer without recurrence, one phase over nothing: k is 0 and gh the sum of no
 * products.
 *
 *     h' = act(gx + 0)      gx = W_ih x + b_ih
 */
#define PHASES 1
#define STATES 1
#define CARRIES 0
#define GATES 1
#define PHASE_ROWS_0 1
#define PHASE_GATE_0 0
#define PHASE_WORDS_0 1

/* Formula: h' = act(gx + 0); what a layer gives is never -0. */
static inline real cell_phase_0(const struct params *p, GLOBAL const float *constants,
                                const real *gx, const real *gh, real *state, real *carry,
                                real *gates) {
    (void)constants;
    (void)state;
    (void)carry;
    gates[0] = GATE(0, gx[0] + gh[0]);
    return gates[0];
}
