/*
 * cell_rnn_backward.cl: the backward recurrence of the vanilla tanh cell, in the same frame.
 *
 *     da_t = (dy_t + W_hh^T da_{t+1}) (1 - h_t^2)
 *
 * Time runs in reverse, the weights are packed transposed, and the unit's row of projected input
 * holds what the forward pass saved: dy_t and h_t. What it publishes is da_t, the gradient at the
 * gates; dW_hh, dW_ih, db and dx are products over all steps afterwards.
 */
#define PHASES 1
#define STATES 1
#define CARRIES 0
#define GATES 0 /* no values to give */
#define PHASE_ROWS_0 1
#define PHASE_GATE_0 0
#define PHASE_WORDS_0 2

static inline real cell_phase_0(const struct params *p, GLOBAL const float *constants,
                                const real *gx, const real *gh, real *state, real *carry,
                                real *gates) {
    (void)p;
    (void)constants;
    (void)gates;
    (void)state;
    (void)carry;
    /* da = (dy + gh) (1 - h^2) */
    return (gx[0] + gh[0]) * FMA(R(0.0f) - gx[1], gx[1], R(1.0f));
}
