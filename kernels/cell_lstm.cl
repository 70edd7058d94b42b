/*
 * cell_lstm.cl: long short-term memory, gates i, f, g, o in PyTorch's order.
 *
 *     i = sigmoid(gx_i + gh_i)    f = sigmoid(gx_f + gh_f)
 *     g = tanh(gx_g + gh_g)       o = sigmoid(gx_o + gh_o)
 *     c' = f c + i g              h' = o tanh(c')
 */
#define PHASES 1
#define STATES 2
#define CARRIES 0
#define PHASE_ROWS_0 4
#define PHASE_GATE_0 0
#define PHASE_WORDS_0 4

static inline real cell_phase_0(const struct params *p, const real *gx, const real *gh, real *state,
                                real *carry) {
    (void)carry;
    /* i = sigmoid(gx_i + gh_i) */
    const real i = ACT(0, gx[0] + gh[0]);
    /* f = sigmoid(gx_f + gh_f) */
    const real f = ACT(0, gx[1] + gh[1]);
    /* g = tanh(gx_g + gh_g) */
    const real g = ACT(1, gx[2] + gh[2]);
    /* o = sigmoid(gx_o + gh_o) */
    const real o = ACT(0, gx[3] + gh[3]);
    /* c' = f c + i g */
    state[1] = FMA(f, state[1], i * g);
    /* h' = o tanh(c') */
    return o * ACT(2, state[1]);
}
