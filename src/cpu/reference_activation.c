/*
 * reference_activation.c: the activations of the oracle; see reference_activation.h.
 *
 * The rules of the error, with u = 2^-24 and a +- e what is known of the argument:
 *
 *     f(a) as one function     the largest |f'| in a +- e, times e, + 3 ulp of f(a). Where f has
 *                              kinks or a jump: the most that f changes in a +- e
 *     x s(x)                   the same slope, + |x| times 3 ulp of s, + u |x s| of the product; of
 *                              both gelus + u |x|, for s as the sum that the formula writes
 *     alpha x + beta           |alpha| e + u (|alpha x| + |alpha x + beta|)
 *     a parameter's product    u of it: alpha (e^x - 1), alpha x within swish, x / alpha
 *
 * and 8 x 2^-126 for results that a device flushes to 0.
 */
#include "cpu/reference_activation.h"
#include "cpu/reference_arithmetic.h"

#include <float.h>
#include <math.h>

/* u: the largest relative error of one float32 rounding. */
#define ROUNDING 0x1p-24
/* The smallest normal float32. Below it a device may flush to 0. */
#define SMALLEST_NORMAL 0x1p-126
/* The most that an activation may be off, in ulp: our own stay below, good libraries too. */
#define ACTIVATION_ULPS 3.0
/* 9.4e-38, the absolute error of an activation: one that stops at e^-87 = 1.6e-38 where the true
 * value is less, or that flushes a result and what it multiplies, is still right. */
#define ACTIVATION_FLOOR (8 * SMALLEST_NORMAL)

#define SQRT_HALF 0.70710678118654752440
#define SQRT_2_OVER_PI 0.79788456080286535588
#define GELU_CUBE 0.044715

/* An activation with its parameters. */
struct function {
    clrnn_act kind;
    double alpha, beta;
};

static double value_of(const struct function *f, double x) {
    return reference_function(f->kind, f->alpha, f->beta, x);
}

/* Distance of the float32 numbers around value. */
static double ulp(double value) {
    if (!(fabs(value) > SMALLEST_NORMAL)) {
        return 0x1p-149;
    }
    return ldexp(1.0, ilogb(value) - 23);
}

static double activation_error(double value, double slope, double incoming) {
    return slope * incoming + ACTIVATION_ULPS * ulp(value) + ACTIVATION_FLOOR;
}

/* What rounding does to the product of two finite numbers; a device may flush a factor. */
static double product_error(double a, double b) {
    const double size = fabs(a * b);
    const int flushed = fabs(a) < SMALLEST_NORMAL || fabs(b) < SMALLEST_NORMAL;
    return ROUNDING * size + SMALLEST_NORMAL + (flushed ? size : 0);
}

/* The point of a +- error that is nearest to 0, where tanh and sigmoid are steepest. */
static double nearest_zero(struct number a) {
    return fmax(0, fabs(a.value) - a.error);
}

/* ---- values ---------------------------------------------------------------------------------- */

static double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double relu(double x) {
    return x > 0 || isnan(x) ? x : 0;
}

static double softplus(double x) {
    return relu(x) + log1p(exp(-fabs(x)));
}

static double hold(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

/* x times s, which is between 0 and 1, and which wins where both are at their limit. */
static double times(double x, double s) {
    return s == 0 ? 0 : x * s;
}

/* 2 sqrt(2 / pi) (x + 0.044715 x^3) */
static double gelu_argument(double x) {
    return 2 * SQRT_2_OVER_PI * (x + GELU_CUBE * x * x * x);
}

/* s of the activations x s(x) */
static double share(const struct function *f, double x) {
    switch (f->kind) {
    case CLRNN_ACT_GELU:
        return erfc(-x * SQRT_HALF) / 2;
    case CLRNN_ACT_GELU_TANH:
        return sigmoid(gelu_argument(x));
    case CLRNN_ACT_MISH:
        return tanh(softplus(x));
    default: /* swish; alpha = 0 halves an infinity too */
        return sigmoid(f->alpha == 0 ? 0 : f->alpha * x);
    }
}

double reference_function(clrnn_act kind, double alpha, double beta, double x) {
    const struct function f = {kind, alpha, beta};
    switch (kind) {
    case CLRNN_ACT_DEFAULT:
    case CLRNN_ACT_CUSTOM:
        return NAN;
    case CLRNN_ACT_TANH:
        return tanh(x);
    case CLRNN_ACT_SIGMOID:
        return sigmoid(x);
    case CLRNN_ACT_RELU:
        return relu(x);
    case CLRNN_ACT_LINEAR:
        return x;
    case CLRNN_ACT_HARD_SIGMOID:
        return hold(alpha * x + beta, 0, 1);
    case CLRNN_ACT_ELU:
        return x < 0 ? alpha * expm1(x) : x;
    case CLRNN_ACT_SELU:
        return beta * (x < 0 ? alpha * expm1(x) : x);
    case CLRNN_ACT_SOFTSIGN:
        return isinf(x) ? copysign(1, x) : x / (1 + fabs(x));
    case CLRNN_ACT_SOFTPLUS:
        return softplus(x);
    case CLRNN_ACT_LEAKY_RELU:
        return x < 0 ? alpha * x : x;
    case CLRNN_ACT_THRESHOLDED_RELU:
        return x > alpha || isnan(x) ? x : 0;
    case CLRNN_ACT_AFFINE:
        return alpha * x + beta;
    case CLRNN_ACT_SCALED_TANH:
        return alpha * tanh(beta * x);
    case CLRNN_ACT_GELU:
    case CLRNN_ACT_GELU_TANH:
    case CLRNN_ACT_SWISH:
    case CLRNN_ACT_MISH:
        return times(x, share(&f, x));
    case CLRNN_ACT_EXPONENTIAL:
        return exp(x);
    case CLRNN_ACT_RELU6:
        return hold(x, 0, 6);
    case CLRNN_ACT_CELU:
        return x < 0 ? alpha * expm1(x / alpha) : x;
    case CLRNN_ACT_HARD_TANH:
        return hold(x, -1, 1);
    case CLRNN_ACT_LOG_SIGMOID:
        return -softplus(-x);
    }
    return NAN;
}

/* ---- smooth activations ---------------------------------------------------------------------- */

/* f'(x) of the activations x s(x): s + x s'. */
static double share_slope(const struct function *f, double x) {
    const double s = share(f, x);
    switch (f->kind) {
    case CLRNN_ACT_GELU:
        /* s' = exp(-x^2 / 2) / sqrt(2 pi) */
        return s + times(x, exp(-x * x / 2) * SQRT_2_OVER_PI / 2);
    case CLRNN_ACT_GELU_TANH:
        /* s' = s (1 - s) 2 sqrt(2 / pi) (1 + 3 0.044715 x^2) */
        return s + times(x, s * sigmoid(-gelu_argument(x)) * 2 * SQRT_2_OVER_PI *
                                (1 + 3 * GELU_CUBE * x * x));
    case CLRNN_ACT_MISH:
        /* s' = (1 - s^2) sigmoid(x), 1 - s^2 = 1 / cosh^2 */
        return s + times(x, sigmoid(x) / pow(cosh(softplus(x)), 2));
    default:
        return s + times(f->alpha * x, s * sigmoid(-f->alpha * x));
    }
}

/* The most of |f'| in a +- error: at an end, or where f'' = 0. */
static double share_steepest(const struct function *f, struct number a) {
    double turns[2] = {0, 0};
    switch (f->kind) {
    case CLRNN_ACT_GELU: /* f'' = (2 - x^2) exp(-x^2 / 2) / sqrt(2 pi) */
        turns[0] = -1.4142135623730950488;
        turns[1] = 1.4142135623730950488;
        break;
    case CLRNN_ACT_GELU_TANH:
        turns[0] = -1.4185040087908283555;
        turns[1] = 1.4185040087908283555;
        break;
    case CLRNN_ACT_MISH:
        turns[0] = -2.2563763963607931;
        turns[1] = 1.4905711794854285;
        break;
    default: /* v tanh(v / 2) = 2 with v = alpha x */
        turns[0] = -2.3993572805154677 / f->alpha;
        turns[1] = 2.3993572805154677 / f->alpha;
        break;
    }
    double most =
        fmax(fabs(share_slope(f, a.value - a.error)), fabs(share_slope(f, a.value + a.error)));
    for (int i = 0; i < 2; i++) {
        if (fabs(turns[i] - a.value) <= a.error) {
            most = fmax(most, fabs(share_slope(f, turns[i])));
        }
    }
    return most;
}

/* x s(x): s is an activation of its own, which a device may flush to 0, and then there is the
 * product. Within swish alpha x is rounded too. Of the gelus others evaluate s as it is written,
 * (1 + erf) / 2 or (1 + tanh) / 2: where s is small the sum cancels, and what is left of the rounding
 * of erf or tanh is no ulp of s but 2^-24 of 1. */
static struct number apply_share(const struct function *f, struct number a) {
    const double s = share(f, a.value);
    const double size = fabs(a.value);
    struct number n = {.value = value_of(f, a.value)};
    n.error = share_steepest(f, a) * a.error +
              size * (ACTIVATION_ULPS * ulp(s) + fmin(s, SMALLEST_NORMAL)) +
              ROUNDING * fabs(n.value) + ACTIVATION_FLOOR;
    if (f->kind == CLRNN_ACT_SWISH) {
        const double slope = s * sigmoid(-f->alpha * a.value);
        n.error += size * slope * product_error(f->alpha, a.value);
    } else if (f->kind == CLRNN_ACT_GELU || f->kind == CLRNN_ACT_GELU_TANH) {
        n.error += ROUNDING * size;
    }
    return n;
}

/* Formula: tanh(a); slope 1 - tanh^2 = 4 e / (1 + e)^2 with e = exp(-2 |a|) */
static struct number apply_tanh(struct number a) {
    const double e = exp(-2 * nearest_zero(a));
    const double value = tanh(a.value);
    return (struct number){value, activation_error(value, 4 * e / ((1 + e) * (1 + e)), a.error)};
}

/* Formula: 1 / (1 + exp(-a)); slope e / (1 + e)^2 with e = exp(-|a|) */
static struct number apply_sigmoid(struct number a) {
    const double e = exp(-nearest_zero(a));
    const double value = sigmoid(a.value);
    return (struct number){value, activation_error(value, e / ((1 + e) * (1 + e)), a.error)};
}

/* Formula: alpha tanh(beta a) */
static struct number apply_scaled_tanh(const struct function *f, struct number a) {
    const struct number inner = {f->beta * a.value,
                                 fabs(f->beta) * a.error + product_error(f->beta, a.value)};
    const struct number t = apply_tanh(inner);
    return (struct number){f->alpha * t.value,
                           fabs(f->alpha) * t.error + product_error(f->alpha, t.value)};
}

/* ---- activations with kinks ------------------------------------------------------------------ */

/* The most that f changes in a +- error: between its kinks and its jump it rises or falls. */
static double variation(const struct function *f, struct number a) {
    const double value = value_of(f, a.value);
    const double low = a.value - a.error;
    const double high = a.value + a.error;
    double most = fmax(fabs(value_of(f, low) - value), fabs(value_of(f, high) - value));
    if (low < 0 && high > 0) {
        most = fmax(most, fabs(value_of(f, 0) - value));
    }
    if (f->kind == CLRNN_ACT_THRESHOLDED_RELU && low <= f->alpha && high > f->alpha) {
        most = fmax(most, fabs(f->alpha - value)); /* right above the jump */
    }
    return most;
}

/* What rounding does to alpha (e^v - 1) */
static double elu_error(double alpha, double v) {
    const double value = expm1(v);
    if (value > (double)FLT_MAX || fabs(alpha * value) > (double)FLT_MAX) {
        return INFINITY;
    }
    return fabs(alpha) * activation_error(value, 0, 0) + product_error(alpha, value);
}

/* What rounding does to f below 0, at x */
static double error_below(const struct function *f, double x) {
    const double alpha = f->alpha;
    switch (f->kind) {
    case CLRNN_ACT_LEAKY_RELU:
        return product_error(alpha, x);
    case CLRNN_ACT_ELU:
        return elu_error(alpha, x);
    case CLRNN_ACT_SELU:
        return fabs(f->beta) * elu_error(alpha, x) + product_error(f->beta, alpha * expm1(x));
    case CLRNN_ACT_CELU:
        /* x / alpha, by way of 1 / alpha too, is rounded twice; nobody promises it for a denormal
         * alpha. */
        if (fabs(alpha) < SMALLEST_NORMAL) {
            return INFINITY;
        }
        return elu_error(alpha, x / alpha) + 2 * ROUNDING * fabs(x) * exp(x / alpha);
    default:
        return SMALLEST_NORMAL;
    }
}

static struct number apply_kinked(const struct function *f, struct number a) {
    const double low = a.value - a.error;
    const double high = a.value + a.error;
    double rounding = SMALLEST_NORMAL;
    if (f->kind == CLRNN_ACT_SELU && high > 0) {
        rounding = product_error(f->beta, high);
    }
    if (low < 0) {
        rounding = fmax(rounding, error_below(f, low));
    }
    return (struct number){value_of(f, a.value), variation(f, a) + rounding};
}

/* Formula: alpha a + beta */
static struct number apply_affine(const struct function *f, struct number a) {
    const double product = f->alpha * a.value;
    struct number n = {.value = product + f->beta};
    n.error = fabs(f->alpha) * a.error + product_error(f->alpha, a.value) +
              ROUNDING * fabs(n.value) + SMALLEST_NORMAL;
    if (fabs(product) + n.error > (double)FLT_MAX) {
        n.error = INFINITY; /* the product may overflow, whatever the sum is */
    }
    return n;
}

/* Formula: max(0, min(1, alpha a + beta)) */
static struct number apply_hard_sigmoid(const struct function *f, struct number a) {
    const struct number inner = apply_affine(f, a);
    struct number n = {.value = hold(inner.value, 0, 1)};
    n.error = fmax(hold(inner.value + inner.error, 0, 1) - n.value,
                   n.value - hold(inner.value - inner.error, 0, 1)) +
              SMALLEST_NORMAL;
    return n;
}

/* ---- all ------------------------------------------------------------------------------------- */

static struct number apply_finite(const struct function *f, struct number a) {
    const double value = value_of(f, a.value);
    switch (f->kind) {
    case CLRNN_ACT_TANH:
        return apply_tanh(a);
    case CLRNN_ACT_SIGMOID:
        return apply_sigmoid(a);
    case CLRNN_ACT_HARD_SIGMOID:
        return apply_hard_sigmoid(f, a);
    case CLRNN_ACT_AFFINE:
        return apply_affine(f, a);
    case CLRNN_ACT_SCALED_TANH:
        return apply_scaled_tanh(f, a);
    case CLRNN_ACT_GELU:
    case CLRNN_ACT_GELU_TANH:
    case CLRNN_ACT_SWISH:
    case CLRNN_ACT_MISH:
        return apply_share(f, a);
    case CLRNN_ACT_SOFTSIGN: /* slope 1 / (1 + |a|)^2 */
        return (struct number){value,
                               activation_error(value, pow(1 + nearest_zero(a), -2), a.error)};
    case CLRNN_ACT_SOFTPLUS: /* slope sigmoid(a) */
        return (struct number){value, activation_error(value, sigmoid(a.value + a.error), a.error)};
    case CLRNN_ACT_LOG_SIGMOID: /* slope sigmoid(-a); min(a, 0) and the log are added */
        return (struct number){value,
                               ROUNDING * fabs(value) +
                                   activation_error(value, sigmoid(a.error - a.value), a.error)};
    case CLRNN_ACT_EXPONENTIAL: /* slope exp(a) */
        return (struct number){value, activation_error(value, exp(a.value + a.error), a.error)};
    default:
        return apply_kinked(f, a);
    }
}

struct number reference_activate(clrnn_act kind, float alpha, float beta, struct number a) {
    const struct function f = {kind, alpha, beta};
    struct number n = {.value = value_of(&f, a.value)};
    if (isinf(a.error) || kind == CLRNN_ACT_DEFAULT || kind == CLRNN_ACT_CUSTOM) {
        n.error = INFINITY;
    } else if (isnan(a.value)) {
        n = a;
    } else if (isinf(a.value)) {
        n.error = isfinite(n.value) ? activation_error(n.value, 0, 0) : 0;
    } else {
        a.error *= 1 + 16 * ROUNDING; /* what is rounded may be f at the far end of a +- e */
        n = apply_finite(&f, a);
        n.error = isfinite(n.value) ? n.error : INFINITY; /* it overflowed */
    }
    return number_settle(n);
}
