/*
 * judge_count.c: one value held against what it must be, and counted. The largest residual / bound
 * is kept with its place.
 */
#include "cpu/judge_count.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Counts one value whose residual is `ratio` times its bound. */
static void count(clrnn_judgement *result, double ratio, double residual, double bound,
                  const struct judge_place *place) {
    result->checked++;
    result->bad += ratio > 1;
    if (ratio > result->ratio || result->what[0] == '\0') {
        result->ratio = ratio;
        result->residual = residual;
        result->bound = bound;
        result->layer = place->layer;
        result->direction = place->direction;
        result->step = place->step;
        result->row = place->row;
        result->unit = place->unit;
        snprintf(result->what, sizeof result->what, "%s", place->what);
    }
}

void judge_bound(clrnn_judgement *result, float got, double value, double bound,
                 const struct judge_place *place) {
    if (isinf(bound)) {
        return;
    }
    const double residual = fabs((double)got - value);
    double ratio = residual / bound;
    if ((isnan(got) && isnan(value)) || (double)got == value) {
        count(result, 0, 0, bound, place);
        return;
    }
    if (isnan(ratio)) {
        ratio = INFINITY;
    }
    count(result, ratio, residual, bound, place);
}

int judge_is_same(float a, float b) {
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

void judge_same(clrnn_judgement *result, float got, float expected,
                const struct judge_place *place) {
    const int same = judge_is_same(got, expected);
    count(result, same ? 0 : INFINITY, same ? 0 : fabs((double)got - (double)expected), 0, place);
}

void judge_zero(clrnn_judgement *result, float got, const struct judge_place *place) {
    judge_same(result, got == 0 ? 0.0f : got, 0.0f, place);
}

void judge_compare(clrnn_judgement *result, float got, double value) {
    if ((isnan(got) && isnan(value)) || (double)got == value) {
        return;
    }
    double apart = fabs((double)got - value);
    double ulps = INFINITY;
    if (isfinite(apart)) {
        const int exponent = value == 0 ? -126 : ilogb(value); /* -126: of the smallest normal */
        ulps = apart / ldexp(1.0, (exponent < -126 ? -126 : exponent) - 23);
    } else {
        apart = INFINITY;
    }
    result->max_abs = fmax(result->max_abs, apart);
    result->max_ulp = fmax(result->max_ulp, ulps);
}
