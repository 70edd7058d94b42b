/*
 * cell_gru_before.cl: gated recurrent unit, reset before the product (ONNX's default), gates
 * r, z, n. It takes two phases, since the second product needs every unit's r h:
 *
 *     phase 0    r = sigmoid(gx_r + gh_r)    z = sigmoid(gx_z + gh_z)    publishes r h, carries z
 *     phase 1    n = tanh(gx_n + W_hn (r h) + b_hn)                      h' = (1 - z) n + z h
 */
#define PHASES 2
#define STATES 1
#define CARRIES 1
#define GATES 3
#define PHASE_ROWS_0 2
#define PHASE_GATE_0 0
#define PHASE_WORDS_0 2
#define PHASE_ROWS_1 1
#define PHASE_GATE_1 2
#define PHASE_WORDS_1 1

static inline real cell_phase_0(const struct params *p, GLOBAL const float *constants,
                                const real *gx, const real *gh, real *state, real *carry,
                                real *gates) {
    (void)constants;
    /* r = sigmoid(gx_r + gh_r) */
    const real r = GATE(0, gx[0] + gh[0]);
    /* z = sigmoid(gx_z + gh_z) */
    const real z = GATE(1, gx[1] + gh[1]);
    gates[0] = r;
    gates[1] = z;
    carry[0] = z;
    return r * state[0];
}

static inline real cell_phase_1(const struct params *p, GLOBAL const float *constants,
                                const real *gx, const real *gh, real *state, real *carry,
                                real *gates) {
    (void)constants;
    const real z = carry[0];
    /* n = tanh(gx_n + W_hn (r h) + b_hn) */
    const real n = GATE(2, gx[0] + gh[0]);
    gates[0] = n;
    /* h' = (1 - z) n + z h, exactly h where z = 1 and n where z = 0 */
    return FMA(z, state[0], FMA(-z, n, n));
}
