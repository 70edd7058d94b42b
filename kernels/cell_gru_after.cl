/*
 * cell_gru_after.cl: gated recurrent unit, reset after the product (PyTorch, cuDNN, Keras), gates
 * r, z, n in PyTorch's order.
 *
 *     r = sigmoid(gx_r + gh_r)          z = sigmoid(gx_z + gh_z)
 *     n = tanh(gx_n + r gh_n)           h' = (1 - z) n + z h
 *
 * gh_n = W_hn h + b_hn alone is multiplied by r: this is why gx and gh stay apart everywhere.
 */
#define PHASES 1
#define STATES 1
#define CARRIES 0
#define GATES 3
#define PHASE_ROWS_0 3
#define PHASE_GATE_0 0
#define PHASE_WORDS_0 3

static inline real cell_phase_0(const struct params *p, GLOBAL const float *constants,
                                const real *gx, const real *gh, real *state, real *carry,
                                real *gates) {
    (void)constants;
    (void)carry;
    /* r = sigmoid(gx_r + gh_r) */
    const real r = GATE(0, gx[0] + gh[0]);
    /* z = sigmoid(gx_z + gh_z) */
    const real z = GATE(1, gx[1] + gh[1]);
    /* n = tanh(gx_n + r gh_n) */
    const real n = GATE(2, FMA(r, gh[2], gx[2]));
    gates[0] = r;
    gates[1] = z;
    gates[2] = n;
    /* h' = (1 - z) n + z h, exactly h where z = 1 and n where z = 0 */
    return FMA(z, state[0], FMA(-z, n, n));
}
