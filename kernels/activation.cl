/*
 * activation.cl: exp, reciprocal, tanh, sigmoid, relu of a `real`, by fma, rounding by addition and
 * moves of bits alone: no division, no library, so each compiler gives the same bits.
 *
 * The polynomials are minimax fits (Remez exchange, in 40 digits) rounded to float.
 */

/* e^x for x in [-87.3, 0], at most 1 ulp off. x = n ln 2 + r, |r| <= ln 2 / 2; n by adding 1.5
 * 2^23, which leaves n in the low bits; ln 2 in two parts, the first with 9 zero bits at its end.
 * The result is a normal number, so n may be added to the exponent as an integer. */
static inline real exp_nonpositive(real x) {
    const real shifted = FMA(x, R(1.44269504f), R(12582912.0f));
    const real n = shifted - R(12582912.0f);
    real r = FMA(n, R(-6.931457520e-1f), x);
    r = FMA(n, R(-1.428606820e-6f), r);
    /* e^r = 1 + r + r^2 q(r), error 3.2e-9 */
    real q = R(1.395048341e-3f);
    q = FMA(q, r, R(8.368884213e-3f));
    q = FMA(q, r, R(4.166620597e-2f));
    q = FMA(q, r, R(1.666651815e-1f));
    q = FMA(q, r, R(0.5f));
    const real e = FMA(q, r * r, r) + R(1.0f);
    return AS_REAL(AS_WHOLE(e) + (AS_WHOLE(shifted) << 23));
}

/* 1 / d for d in [1, 2]: the best straight line, three Newton steps (0.086^8 is below 1e-8), and a
 * last correction of the rounding. */
static inline real reciprocal(real d) {
    real y = FMA(R(-0.5f), d, R(1.45710678f));
    y = y * FMA(R(0.0f) - d, y, R(2.0f));
    y = y * FMA(R(0.0f) - d, y, R(2.0f));
    y = y * FMA(R(0.0f) - d, y, R(2.0f));
    return FMA(y, FMA(R(0.0f) - d, y, R(1.0f)), y);
}

static inline real absolute(real x) {
    return AS_REAL(AS_WHOLE(x) & SPLAT_WHOLE(0x7fffffff));
}

/* The magnitude of a number that is not negative, with the sign of x. */
static inline real with_sign_of(real magnitude, real x) {
    return AS_REAL(AS_WHOLE(magnitude) | (AS_WHOLE(x) & SPLAT_WHOLE((int)0x80000000u)));
}

/* tanh(x) = x + x^3 q(x^2) below 0.625; 1 - 2 e / (1 + e) with e = exp(-2 |x|) above; 1 from 9.1
 * on, where the difference is below half an ulp. NaN stays NaN. */
static inline real act_tanh(real x) {
    const real a = absolute(x);
    const real z = x * x;
    real q = R(-5.717045628e-3f);
    q = FMA(q, z, R(2.065058798e-2f));
    q = FMA(q, z, R(-5.374349654e-2f));
    q = FMA(q, z, R(1.333149076e-1f));
    q = FMA(q, z, R(-3.333328366e-1f));
    const real small = FMA(x * z, q, x);
    const real capped = PICK(a < R(9.1f), a, R(9.1f));
    const real e = exp_nonpositive(R(-2.0f) * capped);
    const real large = FMA(R(-2.0f) * e, reciprocal(R(1.0f) + e), R(1.0f));
    const real signed_large = with_sign_of(PICK(a < R(9.1f), large, R(1.0f)), x);
    const real result = PICK(a < R(0.625f), small, signed_large);
    return PICK(x != x, x, result);
}

/* sigmoid(x) = 1 / (1 + e) for x >= 0, e / (1 + e) below, e = exp(-|x|). |x| is capped at 87, where
 * the result is 1.6e-38 and still a normal number. NaN stays NaN. */
static inline real act_sigmoid(real x) {
    const real a = absolute(x);
    const real capped = PICK(a < R(87.0f), a, R(87.0f));
    const real e = exp_nonpositive(R(0.0f) - capped);
    const real r = reciprocal(R(1.0f) + e);
    const real result = PICK(x < R(0.0f), e * r, r);
    return PICK(x != x, x, result);
}

/* max(x, 0), and NaN stays NaN: fmax would lose it. */
static inline real act_relu(real x) {
    return PICK(x > R(0.0f), x, PICK(x != x, x, R(0.0f)));
}

/* Every NaN as the one pattern 0x7fc00000. */
static inline real one_nan(real x) {
    return PICK(x != x, AS_REAL(SPLAT_WHOLE(0x7fc00000)), x);
}

/* ACT(slot, x): the activation that the plan put in a slot of the cell. */
#ifdef __OPENCL_C_VERSION__
#define ACT(slot, x) ACT_##slot(x)
#else
static inline real act_pick(narrow act, real x) {
    switch (act) {
    case ACT_ID_SIGMOID:
        return act_sigmoid(x);
    case ACT_ID_RELU:
        return act_relu(x);
    default:
        return act_tanh(x);
    }
}
#define ACT(slot, x) act_pick(p->act[slot], x)
#endif
