/*
 * cell_lstm.cl: long short-term memory, gates i, f, g, o in PyTorch's order.
 *
 *     i = sigmoid(gx_i + gh_i)    f = sigmoid(gx_f + gh_f)
 *     g = tanh(gx_g + gh_g)       o = sigmoid(gx_o + gh_o)
 *     c' = f c + i g              h' = o tanh(c')
 *
 * With a projection (LSTM_PROJECTED) o tanh(c') is what a second phase multiplies: h' = W_hr m.
 * Constants of a unit: the peepholes w_ci, w_cf, w_co.
 */
#define STATES 2
#define CARRIES 0
#define GATES 4
#define PHASE_ROWS_0 4
#define PHASE_GATE_0 0
#define PHASE_WORDS_0 4
#ifdef LSTM_PROJECTED
#define PHASES 2
#define PHASE_ROWS_1 1
#define PHASE_GATE_1 4 /* a row of zeros among the biases */
#define PHASE_WORDS_1 0
#else
#define PHASES 1
#endif

static inline real cell_phase_0(const struct params *p, GLOBAL const float *constants,
                                const real *gx, const real *gh, real *state, real *carry,
                                real *gates) {
    (void)carry;
    real a_i = gx[0] + gh[0], a_f = gx[1] + gh[1], a_o = gx[3] + gh[3];
    if (HAS(OPTION_PEEPHOLES)) {
        a_i = FMA(VLOAD(constants), state[1], a_i);
        a_f = FMA(VLOAD(constants + p->stride), state[1], a_f);
    }
    if (HAS(OPTION_FORGET_BIAS)) {
        a_f = a_f + R(p->forget_bias);
    }
    /* i = sigmoid(gx_i + gh_i + w_ci c) */
    real i = GATE(0, a_i);
    /* f = sigmoid(gx_f + gh_f + w_cf c + forget_bias) */
    real f = GATE(1, a_f);
    /* coupled: f = 1 - i, or i = 1 - f */
    if (HAS(OPTION_COUPLE_FORGET)) {
        f = R(1.0f) - i;
    }
    if (HAS(OPTION_COUPLE_INPUT)) {
        i = R(1.0f) - f;
    }
    /* g = tanh(gx_g + gh_g) */
    const real g = GATE(2, gx[2] + gh[2]);
    /* c' = f c + i g */
    real c = FMA(f, state[1], i * g);
    if (HAS(OPTION_CELL_CLIP)) {
        c = hold_in(c, p->cell_clip);
    }
    if (HAS(OPTION_PEEPHOLES)) {
        a_o = FMA(VLOAD(constants + 2 * p->stride), c, a_o);
    }
    /* o = sigmoid(gx_o + gh_o + w_co c') */
    const real o = GATE(3, a_o);
    state[1] = c;
    gates[0] = i;
    gates[1] = f;
    gates[2] = g;
    gates[3] = o;
    /* h' = o tanh(c') */
    return o * ACT(4, c);
}

#ifdef LSTM_PROJECTED
/* Formula: h' = W_hr m */
static inline real cell_phase_1(const struct params *p, GLOBAL const float *constants,
                                const real *gx, const real *gh, real *state, real *carry,
                                real *gates) {
    (void)p;
    (void)constants;
    (void)gx;
    (void)state;
    (void)carry;
    (void)gates;
    return gh[0];
}
#endif
