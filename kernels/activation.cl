/*
 * activation.cl: the activations of a `real`, and what they are made of: exp, log, a normal
 * distribution's tail, reciprocal; by fma, rounding by addition and moves of bits alone: no library,
 * so each compiler gives the same bits. A device that divides quickly and rounds quotients once
 * (HAS_DIVISION) divides; what the others do instead gives the same bits.
 *
 * An activation is act_NAME(x, alpha, beta); those without parameters have no use for the two, and
 * they are finite. NaN stays NaN, and at +-infinity stands the limit. The polynomials are minimax
 * fits (Remez exchange, in 40 digits) rounded to float.
 */

/* ---- parts ----------------------------------------------------------------------------------- */

static inline real absolute(real x) {
    return AS_REAL(AS_WHOLE(x) & SPLAT_WHOLE(0x7fffffff));
}

/* The magnitude of a number that is not negative, with the sign of x. */
static inline real with_sign_of(real magnitude, real x) {
    return AS_REAL(AS_WHOLE(magnitude) | (AS_WHOLE(x) & SPLAT_WHOLE((int)0x80000000u)));
}

/* x held in +-limit, and NaN stays NaN. */
static inline real hold_in(real x, float limit) {
    const real low = R(0.0f) - SPLAT(limit);
    return PICK(x > SPLAT(limit), SPLAT(limit), PICK(x < low, low, x));
}

/* e^x is 2^n e^r with x = n ln 2 + r, |r| <= ln 2 / 2. This is n + 1.5 2^23: adding that rounds to
 * a whole number and leaves n in the low bits. */
static inline real exp_shifted(real x) {
    return FMA(x, R(1.44269504f), R(12582912.0f));
}

/* n as an integer; 0x4b400000 are the bits of 1.5 2^23. */
static inline whole exp_power(real shifted) {
    return AS_WHOLE(shifted) - SPLAT_WHOLE(0x4b400000);
}

/* r; ln 2 in two parts, the first with 9 zero bits at its end. */
static inline real exp_remainder(real x, real shifted) {
    const real n = shifted - R(12582912.0f);
    const real r = FMA(n, R(-6.931457520e-1f), x);
    return FMA(n, R(-1.428606820e-6f), r);
}

/* e^r - 1 = r + r^2 q(r), error 3.2e-9 */
static inline real exp_fraction(real r) {
    real q = R(1.395048341e-3f);
    q = FMA(q, r, R(8.368884213e-3f));
    q = FMA(q, r, R(4.166620597e-2f));
    q = FMA(q, r, R(1.666651815e-1f));
    q = FMA(q, r, R(0.5f));
    return FMA(q, r * r, r);
}

/* 2^n for n in [-126, 127], of the shifted x itself: n moves up to where the exponent stands. */
static inline real exp_scale(real shifted) {
    return AS_REAL((AS_WHOLE(shifted) << 23) + SPLAT_WHOLE(0x3f800000));
}

/* 2^n for n in [-126, 127], and 0 for -127 */
static inline real power_of_two(whole n) {
    return AS_REAL((n + SPLAT_WHOLE(127)) << 23);
}

/* y 2^n for n in [-252, 254], rounded once: by halves, so that no factor leaves the normal numbers
 * and the first product is exact, unless y is tiny itself. */
static inline real scaled(real y, whole n) {
    const whole halved = n >> 1;
    return y * power_of_two(halved) * power_of_two(n - halved);
}

/* e^x for x in [-174, 89], at most 1.1 ulp off: above 88.7 infinity, below -103.9 zero, denormal
 * numbers between. */
static inline real exp_any(real x) {
    const real shifted = exp_shifted(x);
    return scaled(exp_fraction(exp_remainder(x, shifted)) + R(1.0f), exp_power(shifted));
}

/* e^x - 1 for every x, NaN aside. With e^x = 2^n (1 + f) it is 2 (2^(n - 1) f + 2^(n - 1) - 1 / 2),
 * since 2^n itself may be too large. -87 and 89: beyond them the result is -1 and infinity. Near 0
 * it is x, to the last denormal bit, which the halves would lose. */
static inline real exp_minus_one(real x) {
    const real above = PICK(x > R(-87.0f), x, R(-87.0f));
    const real capped = PICK(above < R(89.0f), above, R(89.0f));
    const real shifted = exp_shifted(capped);
    const real fraction = exp_fraction(exp_remainder(capped, shifted));
    const real halved = power_of_two(exp_power(shifted) - SPLAT_WHOLE(1));
    const real result = R(2.0f) * FMA(fraction, halved, halved - R(0.5f));
    return PICK(absolute(x) < R(1e-8f), x, result);
}

/* log(1 + t) for t in [0, 1]: u + u^2 q(u), error 4.3e-9, with u = t; above 0.4142
 * log 2 + log(1 + u) with 1 + u = (1 + t) / 2, whose last bits are finer. */
static inline real log_one_plus(real t) {
    const real u = PICK(t > R(0.4142f), FMA(R(0.5f), t, R(-0.5f)), t);
    real q = R(-7.623552531e-2f);
    q = FMA(q, u, R(1.290666461e-1f));
    q = FMA(q, u, R(-1.324340850e-1f));
    q = FMA(q, u, R(1.418153793e-1f));
    q = FMA(q, u, R(-1.660900563e-1f));
    q = FMA(q, u, R(2.000198811e-1f));
    q = FMA(q, u, R(-2.500158846e-1f));
    q = FMA(q, u, R(3.333332539e-1f));
    q = FMA(q, u, R(-4.999998808e-1f));
    const real result = FMA(q, u * u, u);
    return PICK(t > R(0.4142f), result + R(6.931471825e-1f), result);
}

/* 1 / d for d in [1, 2], rounded once. Where division itself is rounded so, it is the quickest; else
 * the best straight line, three Newton steps (0.086^8 is below 1e-8) and a last correction of the
 * rounding, which is right for every d but one. */
static inline real reciprocal(real d) {
#ifdef HAS_DIVISION
    return R(1.0f) / d;
#else
    real y = FMA(R(-0.5f), d, R(1.45710678f));
    y = y * FMA(R(0.0f) - d, y, R(2.0f));
    y = y * FMA(R(0.0f) - d, y, R(2.0f));
    y = y * FMA(R(0.0f) - d, y, R(2.0f));
    y = FMA(y, FMA(R(0.0f) - d, y, R(1.0f)), y);
    return PICK(d == R(0x1.fffffep0f), R(0x1.000002p-1f), y);
#endif
}

/* n / d for n in [0, 1] and d in [1, 2], rounded once: by the reciprocal, and what is left of n. Exact
 * where d is a power of two: what is left is not representable below 2^-100. */
static inline real ratio(real n, real d) {
#ifdef HAS_DIVISION
    return n / d;
#else
    const real y = reciprocal(d);
    const real quotient = n * y;
    return FMA(FMA(R(0.0f) - quotient, d, n), y, quotient);
#endif
}

/* 1 / d for d in [1, 2^125], rounded once: of the fraction, and the exponents subtracted. */
static inline real reciprocal_any(real d) {
#ifdef HAS_DIVISION
    return R(1.0f) / d;
#else
    const whole exponent = (AS_WHOLE(d) & SPLAT_WHOLE(0x7f800000)) - SPLAT_WHOLE(0x3f800000);
    return AS_REAL(AS_WHOLE(reciprocal(AS_REAL(AS_WHOLE(d) - exponent))) - exponent);
#endif
}

/* x / alpha for finite alpha other than 0. alpha = 2^e m with m in [1, 2); x / m by its reciprocal,
 * with the rounding corrected where that is finite; then 2^-e, which a float need not hold. A
 * denormal alpha is taken 2^64 times. */
static inline real divided_by(real x, real alpha) {
    const real large =
        PICK(absolute(alpha) < R(1.17549435e-38f), R(18446744073709551616.0f), R(1.0f));
    const whole bits = AS_WHOLE(absolute(alpha * large));
    const whole fraction = (bits & SPLAT_WHOLE(0x007fffff)) | SPLAT_WHOLE(0x3f800000);
    const real y = reciprocal(AS_REAL(fraction));
    const real quotient = x * y;
    const real rest = FMA(R(0.0f) - quotient, AS_REAL(fraction), x);
    const real corrected =
        PICK(absolute(x) <= R(3.402823466e+38f), FMA(rest, y, quotient), quotient);
    const real result = scaled(corrected, SPLAT_WHOLE(127) - (bits >> 23)) * large;
    return PICK(alpha < R(0.0f), R(0.0f) - result, result);
}

/* x sigmoid(v + rest) where rest is the small part of an exact v: x for v >= 174 and for v = NaN,
 * which 0 times infinity is; 0 for v <= -174 as the result is below 2^-123 there. sigmoid(v) is
 * 1 / (1 + e) for v >= 0, e / (1 + e) below, e = exp(-|v|). e may be less than a float holds and
 * the result not, so x is scaled with it. */
static inline real times_sigmoid(real x, real v, real rest) {
    const real a = absolute(v);
    const real capped = R(0.0f) - PICK(a < R(174.0f), a, R(174.0f));
    const real shifted = exp_shifted(capped);
    const real lost = PICK(v < R(0.0f), rest, R(0.0f) - rest);
    const real beside = PICK(a < R(174.0f), lost, R(0.0f));
    const real fraction = exp_fraction(exp_remainder(capped, shifted) + beside);
    const whole n = exp_power(shifted);
    const real e = scaled(R(1.0f) + fraction, n);
    const real d = R(1.0f) + e;
    const real rough = reciprocal(d); /* and the rounding of d, with the slope -1 / d^2 */
    const real r = FMA(R(0.0f) - rough * rough, e - (d - R(1.0f)), rough);
    const whole halved = n >> 1;
    const real part = x * power_of_two(halved) * r;
    const real low = FMA(part, fraction, part) * power_of_two(n - halved);
    const real high = x * r;
    const real inner = PICK(v < R(0.0f), low, high);
    return PICK(v >= R(174.0f), x, PICK(v <= R(-174.0f), R(0.0f), inner));
}

/* ---- activations ----------------------------------------------------------------------------- */

/* tanh(x) = -m / (2 + m) with m = e^(-2 |x|) - 1 = 2^n (1 + f) - 1, at most 1.94 ulp off; it never
 * falls, and is never beyond x. From 10 on m is -1. NaN stays NaN: it is in f. */
static inline real act_tanh(real x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    const real a = R(-2.0f) * LESSER(R(10.0f), absolute(x));
    const real shifted = exp_shifted(a);
    const real f = exp_fraction(exp_remainder(a, shifted));
    const real power = exp_scale(shifted);
    const real m = FMA(f, power, power - R(1.0f));
    const real quotient = ratio(absolute(m), FMA(f, power, power + R(1.0f)));
    return with_sign_of(LESSER(absolute(x), quotient), x);
}

/* sigmoid(x) = 1 / (1 + e), e = e^-x = 2^n (1 + f), at most 2.49 ulp off. |x| is capped at 87, where the
 * result is 1.6e-38 and still a normal number. NaN stays NaN: it is in f. */
static inline real act_sigmoid(real x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    const real capped = LESSER(R(87.0f), GREATER(R(-87.0f), R(0.0f) - x));
    const real shifted = exp_shifted(capped);
    const real f = exp_fraction(exp_remainder(capped, shifted));
    const real power = exp_scale(shifted);
    return reciprocal_any(FMA(f, power, power) + R(1.0f));
}

/* max(x, 0), and NaN stays NaN: fmax would lose it. */
static inline real act_relu(real x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    return PICK(x > R(0.0f), x, PICK(x != x, x, R(0.0f)));
}

/* x */
static inline real act_linear(real x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    return x;
}

/* alpha x + beta */
static inline real act_affine(real x, float alpha, float beta) {
    return FMA(SPLAT(alpha), x, SPLAT(beta));
}

/* max(0, min(1, alpha x + beta)) */
static inline real act_hard_sigmoid(real x, float alpha, float beta) {
    const real y = act_affine(x, alpha, beta);
    return PICK(y > R(1.0f), R(1.0f), PICK(y < R(0.0f), R(0.0f), y));
}

/* max(-1, min(1, x)) */
static inline real act_hard_tanh(real x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    return hold_in(x, 1.0f);
}

/* max(0, min(6, x)) */
static inline real act_relu6(real x, float alpha, float beta) {
    const real y = act_relu(x, alpha, beta);
    return PICK(y > R(6.0f), R(6.0f), y);
}

/* x above 0, alpha x below */
static inline real act_leaky_relu(real x, float alpha, float beta) {
    (void)beta;
    return PICK(x > R(0.0f), x, SPLAT(alpha) * x);
}

/* x above alpha, else 0 */
static inline real act_thresholded_relu(real x, float alpha, float beta) {
    (void)beta;
    return PICK(x > SPLAT(alpha), x, PICK(x != x, x, R(0.0f)));
}

/* x above 0, alpha (e^x - 1) below */
static inline real act_elu(real x, float alpha, float beta) {
    (void)beta;
    const real below = SPLAT(alpha) * exp_minus_one(x);
    return PICK(x < R(0.0f), below, x);
}

/* beta x above 0, beta alpha (e^x - 1) below */
static inline real act_selu(real x, float alpha, float beta) {
    return SPLAT(beta) * act_elu(x, alpha, beta);
}

/* x above 0, alpha (e^(x / alpha) - 1) below */
static inline real act_celu(real x, float alpha, float beta) {
    (void)beta;
    const real v = divided_by(x, SPLAT(alpha));
    const real below = PICK(absolute(v) < R(1e-8f), x, SPLAT(alpha) * exp_minus_one(v));
    return PICK(x < R(0.0f), below, x);
}

/* x / (1 + |x|) with r = 1 / (1 + a), a = |x|: 1 - r for a > 1; below, a r with its rounding
 * corrected. From 2^25 on it is 1. Never falls. */
static inline real act_softsign(real x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    const real size = absolute(x);
    const real a = PICK(size < R(33554432.0f), size, R(33554432.0f));
    const real r = reciprocal_any(R(1.0f) + a);
    const real quotient = a * r;
    const real rest = FMA(R(0.0f) - quotient, a, a - quotient);
    const real result = PICK(a > R(1.0f), R(1.0f) - r, FMA(rest, r, quotient));
    return PICK(x != x, x, with_sign_of(result, x));
}

/* log(1 + e^x) = max(x, 0) + log(1 + e^-|x|); e^-104 is below half the smallest denormal number. */
static inline real act_softplus(real x, float alpha, float beta) {
    const real a = absolute(x);
    const real capped = PICK(a < R(104.0f), a, R(104.0f));
    return act_relu(x, alpha, beta) + log_one_plus(exp_any(R(0.0f) - capped));
}

/* -log(1 + e^-x) */
static inline real act_log_sigmoid(real x, float alpha, float beta) {
    return R(0.0f) - act_softplus(R(0.0f) - x, alpha, beta);
}

/* e^x */
static inline real act_exponential(real x, float alpha, float beta) {
    (void)alpha;
    (void)beta;
    const real above = PICK(x > R(-104.0f), x, R(-104.0f));
    const real capped = PICK(above < R(89.0f), above, R(89.0f));
    return PICK(x != x, x, exp_any(capped));
}

/* alpha tanh(beta x) */
static inline real act_scaled_tanh(real x, float alpha, float beta) {
    return SPLAT(alpha) * act_tanh(SPLAT(beta) * x, alpha, beta);
}

/* x sigmoid(alpha x); the rounding of alpha x counts where e^(alpha x) is small. */
static inline real act_swish(real x, float alpha, float beta) {
    (void)beta;
    const real v = SPLAT(alpha) * x;
    return times_sigmoid(x, v, FMA(SPLAT(alpha), x, R(0.0f) - v));
}

/* x Phi(x), Phi(x) = (1 + erf(x / sqrt 2)) / 2 = 1 / 2 + x s(x^2). Below 0.6 that is
 * x / 2 + x^2 s, error 2.8e-8 of s. Above, where 1 + erf would lose the tail, max(x, 0) - a Phi(-a)
 * with a = |x|, Phi(-a) = e^(-a^2 / 2) p(t) / (a + k), t = (a - k) / (a + k), error 1.1e-8; with
 * k = 3.625 p(0) is nearly a float. From 14.5 on Phi(-a) is nothing. */
static inline real act_gelu(real x, float alpha, float beta) {
    const real size = absolute(x);
    const real z = x * x;
    real s = R(1.069350474e-4f);
    s = FMA(s, z, R(-1.184571302e-3f));
    s = FMA(s, z, R(9.973187000e-3f));
    s = FMA(s, z, R(-6.649038196e-2f));
    s = FMA(s, z, R(3.989422917e-1f));
    const real small = FMA(z, s, R(0.5f) * x);
    const real a = PICK(size < R(14.5f), size, R(14.5f));
    /* 1 / (a + k) = r (1 + lost); t and exp take the factor along */
    const real r = reciprocal_any(a + R(3.625f));
    const real lost = FMA(R(0.0f) - r, a, FMA(R(-3.625f), r, R(1.0f)));
    real t = (a - R(3.625f)) * r;
    t = FMA(t, lost, t);
    real p = R(4.430180416e-4f);
    p = FMA(p, t, R(3.655602995e-5f));
    p = FMA(p, t, R(-3.823760431e-3f));
    p = FMA(p, t, R(4.263476469e-3f));
    p = FMA(p, t, R(2.703372017e-2f));
    p = FMA(p, t, R(-1.337984502e-1f));
    p = FMA(p, t, R(3.346082270e-1f));
    p = FMA(p, t, R(-5.772708654e-1f));
    p = FMA(p, t, R(7.474779487e-1f));
    /* -a^2 / 2 and its rounding */
    const real square = a * a;
    const real beside = R(-0.5f) * FMA(a, a, R(0.0f) - square);
    const real exponent = R(-0.5f) * square;
    const real shifted = exp_shifted(exponent);
    const real fraction = exp_fraction(exp_remainder(exponent, shifted) + (beside + lost));
    /* a r p = part + rounding */
    const real ratio = r * p;
    const real part = a * ratio;
    const real rounding = FMA(a, FMA(r, p, R(0.0f) - ratio), FMA(a, ratio, R(0.0f) - part));
    const real tail = scaled(part + FMA(part, fraction, rounding), exp_power(shifted));
    const real positive = act_relu(x, alpha, beta);
    const real inner = PICK(size < R(0.6f), small, positive - tail);
    return PICK(size < R(14.5f), inner, positive);
}

/* x (1 + tanh(u)) / 2, u = sqrt(2 / pi) (x + 0.044715 x^3), which is x sigmoid(2 u).
 * 2 u = x (c + d x^2), c = 1.59576912, d = 0.0713548163; its rounding counts where e^(2 u) is
 * small. So c and d are two numbers each, and of c + d x^2 the first part has 12 bits, as c's first
 * part has, so that their difference is exact. From 11 on x e^(-2 |u|) is nothing. */
static inline real act_gelu_tanh(real x, float alpha, float beta) {
    const real square = x * x;
    const real square_rest = FMA(x, x, R(0.0f) - square);
    const real sum = FMA(R(7.135481387e-2f), square, R(1.595769167f));
    const real first = AS_REAL(AS_WHOLE(sum) & SPLAT_WHOLE((int)0xfffff000u));
    const real small =
        FMA(R(7.135481387e-2f), square_rest, FMA(R(2.398832466e-9f), square, R(6.599660264e-5f)));
    const real second = FMA(R(7.135481387e-2f), square, R(1.595703125f) - first) + small;
    const real v = x * first;
    const real rest = FMA(x, second, FMA(x, first, R(0.0f) - v));
    return PICK(absolute(x) < R(11.0f), times_sigmoid(x, v, rest), act_relu(x, alpha, beta));
}

/* x tanh(log(1 + e^x)), with e = e^-|x|: x (1 - q), q = 2 e^2 / (2 e^2 + 2 e + 1) for x >= 0,
 * x e (1 - q), q = (e^2 + e) / (e^2 + 2 e + 2) below. At 174 e is nothing; e may be less than a
 * float holds and the result not, so that e (1 - q) is 2^n (1 + f) (1 - q) = 2^n (1 + w). */
static inline real act_mish(real x, float alpha, float beta) {
    const real a = absolute(x);
    const real capped = R(0.0f) - PICK(a < R(174.0f), a, R(174.0f));
    const real shifted = exp_shifted(capped);
    const real fraction = exp_fraction(exp_remainder(capped, shifted));
    const real one = R(1.0f) + fraction;
    const whole n = exp_power(shifted);
    const real e = scaled(one, n);
    const real twice = e + e;
    const real above = PICK(x < R(0.0f), e + R(1.0f), twice);
    const real below = PICK(x < R(0.0f), e, twice) + R(2.0f);
    const real denominator = FMA(e, below, PICK(x < R(0.0f), R(2.0f), R(1.0f)));
    const real q = e * above * reciprocal_any(denominator);
    const real w = FMA(R(0.0f) - q, one, fraction);
    const real low = scaled(FMA(x, w, x), n);
    const real inner = PICK(x < R(0.0f), low, FMA(R(0.0f) - x, q, x));
    return PICK(a < R(174.0f), inner, act_relu(x, alpha, beta));
}

/* ACT(slot, x): the activation that the plan put in a slot of the cell. */
#ifdef __OPENCL_C_VERSION__
#define ACT(slot, x) ACT_##slot(x, p->alpha[slot], p->beta[slot])
#else
static SELDOM real act_pick_seldom(narrow act, real x, float alpha, float beta) {
    switch (act) {
    case ACT_ID_RELU:
        return act_relu(x, alpha, beta);
    case ACT_ID_LINEAR:
        return act_linear(x, alpha, beta);
    case ACT_ID_HARD_SIGMOID:
        return act_hard_sigmoid(x, alpha, beta);
    case ACT_ID_ELU:
        return act_elu(x, alpha, beta);
    case ACT_ID_SELU:
        return act_selu(x, alpha, beta);
    case ACT_ID_SOFTSIGN:
        return act_softsign(x, alpha, beta);
    case ACT_ID_SOFTPLUS:
        return act_softplus(x, alpha, beta);
    case ACT_ID_LEAKY_RELU:
        return act_leaky_relu(x, alpha, beta);
    case ACT_ID_THRESHOLDED_RELU:
        return act_thresholded_relu(x, alpha, beta);
    case ACT_ID_AFFINE:
        return act_affine(x, alpha, beta);
    case ACT_ID_SCALED_TANH:
        return act_scaled_tanh(x, alpha, beta);
    case ACT_ID_GELU:
        return act_gelu(x, alpha, beta);
    case ACT_ID_GELU_TANH:
        return act_gelu_tanh(x, alpha, beta);
    case ACT_ID_SWISH:
        return act_swish(x, alpha, beta);
    case ACT_ID_EXPONENTIAL:
        return act_exponential(x, alpha, beta);
    case ACT_ID_RELU6:
        return act_relu6(x, alpha, beta);
    case ACT_ID_CELU:
        return act_celu(x, alpha, beta);
    case ACT_ID_HARD_TANH:
        return act_hard_tanh(x, alpha, beta);
    case ACT_ID_LOG_SIGMOID:
        return act_log_sigmoid(x, alpha, beta);
    case ACT_ID_MISH:
        return act_mish(x, alpha, beta);
    default:
        return x; /* not reached: the plan takes no other numbers */
    }
}

static inline real act_pick(narrow act, real x, float alpha, float beta) {
    return act == ACT_ID_SIGMOID ? act_sigmoid(x, alpha, beta)
           : act == ACT_ID_TANH ? act_tanh(x, alpha, beta)
                                : act_pick_seldom(act, x, alpha, beta);
}
#define ACT(slot, x) act_pick(p->act[slot], x, p->alpha[slot], p->beta[slot])
#endif
