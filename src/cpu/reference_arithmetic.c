/*
 * reference_arithmetic.c: the arithmetic of the reference, each result with its error.
 *
 * The rules of the error, with u = 2^-24 (half an ulp of 1 in float32):
 *
 *     sum of K terms     2 sqrt(K) u sum|terms| + what the factors bring along. Rounding errors of
 *                        a sum behave like a random walk and 2 is the margin over it; only equal
 *                        terms in one long chain go beyond (1,000 times 0.1: 2.5 times)
 *     sum of w v         brings along sum |w| ev, or 2 sqrt(sum (w ev)^2) where that is less: errors
 *                        of different units are taken for independent, with the same margin
 *     product a b        |a| eb + |b| ea + ea eb + u |a b|
 *     a + b              ea + eb + u |a + b|
 *     a held in +-k      what the interval a +- ea becomes: a kink never adds
 *
 * Those of the activations: reference_activation.c.
 *
 * Where no state is carried from step to step, what a sum inherits is that of r h and o act(c')
 * alone. A carried state needs the independence: sum |w| ev grows by a factor each step, to 3e-4 in
 * 29 steps of an lstm of 24 units with PyTorch's weights, and past all bounds with 128 units; the
 * root stays at 3e-6 and 7e-6, and float32 itself is 1e-7 off. Rows of W_hh that are all the same make
 * the errors of all units one: only then, over hundreds of steps, the root may be too little.
 */
#include "cpu/reference_arithmetic.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

/* u: the largest relative error of one float32 rounding. */
#define ROUNDING 0x1p-24
/* The smallest normal float32. Below it a device may flush to 0. */
#define SMALLEST_NORMAL 0x1p-126

struct number number_settle(struct number n) {
    if (isnan(n.error) || isinf(n.error)) {
        n.error = INFINITY;
    } else if (!isfinite(n.value)) {
        n.error = 0;
    } else if (fabs(n.value) + n.error > (double)FLT_MAX) {
        n.error = INFINITY;
    }
    return n;
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* The finite |w v| alone, for rows in which some are not. */
static double finite_size(const float *w, const double *v, int count) {
    double size = 0;
    for (int k = 0; k < count; k++) {
        const double term = fabs((double)w[k] * v[k]);
        size += isfinite(term) ? term : 0;
    }
    return size;
}

void sum_products(struct sum *sum, const float *w, const double *v, const double *v_error,
                  int count) {
    double value = sum->value;
    double size = 0;
    double flushed = 0;
    for (int k = 0; k < count; k++) {
        const double weight = w[k];
        const double term = weight * v[k];
        value += term;
        size += fabs(term);
        if (fabs(weight) < SMALLEST_NORMAL || fabs(v[k]) < SMALLEST_NORMAL) {
            flushed += fabs(term);
        }
    }
    if (!isfinite(size)) {
        size = finite_size(w, v, count);
        flushed = isnan(flushed) ? 0 : flushed; /* infinity times a denormal stays: no bound */
    }
    sum->value = value;
    sum->size += size;
    sum->flushed += flushed;
    sum->terms += count;
    for (int k = 0; v_error != NULL && k < count; k++) {
        const double inherited = fabs((double)w[k]) * v_error[k];
        sum->inherited += inherited;
        sum->squares += inherited * inherited;
    }
}

void sum_product(struct sum *sum, float w, struct number v) {
    sum_products(sum, &w, &v.value, &v.error, 1);
}

void sum_term(struct sum *sum, float term) {
    sum->value += term;
    sum->size += isfinite(term) ? fabs((double)term) : 0;
    sum->terms++;
}

struct number sum_finish(const struct sum *sum) {
    const double rounding = 2 * sqrt(sum->terms) * ROUNDING * sum->size;
    /* each product and each partial sum may be flushed */
    const double underflow = 2 * sum->terms * SMALLEST_NORMAL + sum->flushed;
    const double inherited = fmin(sum->inherited, 2 * sqrt(sum->squares)); /* NaN if both are */
    struct number n = {sum->value, rounding + underflow + inherited};
    if (sum->size + n.error > (double)FLT_MAX) {
        n.error = INFINITY; /* a partial sum may overflow, whatever the whole is */
    }
    return number_settle(n);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static int may_be_zero(struct number n) {
    return fabs(n.value) <= n.error;
}

struct number number_multiply(struct number a, struct number b) {
    struct number n = {.value = a.value * b.value};
    if (isinf(a.error) || isinf(b.error) || (isinf(a.value) && may_be_zero(b)) ||
        (isinf(b.value) && may_be_zero(a))) {
        n.error = INFINITY; /* infinity times what may round to 0 may be NaN */
    } else if (isfinite(a.value) && isfinite(b.value)) {
        n.error = fabs(a.value) * b.error + fabs(b.value) * a.error + a.error * b.error +
                  ROUNDING * fabs(n.value) + SMALLEST_NORMAL;
    }
    return number_settle(n);
}

struct number number_add(struct number a, struct number b) {
    struct number n = {.value = a.value + b.value, .error = a.error + b.error};
    if (isfinite(n.value)) {
        n.error += ROUNDING * fabs(n.value) + SMALLEST_NORMAL;
    }
    return number_settle(n);
}

struct number number_halve(struct number a) {
    struct number n = {.value = a.value / 2, .error = a.error / 2};
    if (isfinite(n.value)) {
        n.error += SMALLEST_NORMAL;
    }
    return number_settle(n);
}

struct number number_complement(struct number a) {
    const struct number one = {1, 0};
    a.value = -a.value;
    return number_add(one, a);
}

/* Evaluated as it stands it rounds 1 - z, two products and their sum; as n + z (h - n), a
 * difference, a product and a sum. The larger of both counts. An error of z acts through h - n. */
struct number number_blend(struct number z, struct number n, struct number h) {
    const double keep = 1 - z.value;
    struct number out = {.value = keep * n.value + z.value * h.value};
    if (isinf(z.error) || isinf(n.error) || isinf(h.error) || isinf(z.value) || isinf(n.value) ||
        (isinf(h.value) && may_be_zero(z))) {
        out.error = INFINITY; /* infinity less infinity on one of the ways */
    } else if (isfinite(out.value)) {
        const double apart = fabs(h.value - n.value);
        const double as_it_stands = 2 * fabs(keep) * fabs(n.value) + fabs(z.value) * fabs(h.value);
        const double by_difference = 2 * fabs(z.value) * apart;
        out.error = apart * z.error + fabs(keep) * n.error + fabs(z.value) * h.error +
                    z.error * (n.error + h.error) +
                    ROUNDING * (fmax(as_it_stands, by_difference) + fabs(out.value)) +
                    4 * SMALLEST_NORMAL;
    }
    return number_settle(out);
}

static double hold(double value, double limit) {
    return value > limit ? limit : value < -limit ? -limit : value; /* NaN stays NaN */
}

struct number number_clip(struct number a, float limit) {
    if (limit > 0 && !isnan(a.value)) {
        const struct number n = {.value = hold(a.value, (double)limit)};
        const double above = hold(a.value + a.error, (double)limit) - n.value;
        const double below = n.value - hold(a.value - a.error, (double)limit);
        a.error = isinf(a.error) ? a.error : fmax(above, below); /* what may be NaN stays so */
        a.value = n.value;
    }
    return a;
}
