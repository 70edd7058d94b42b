/* judge_count.h: holds single values and counts them in a judgement. */
#ifndef CLRNN_CPU_JUDGE_COUNT_H
#define CLRNN_CPU_JUDGE_COUNT_H

#include "clrnn.h"

/* Where a value stands and what it is. */
struct judge_place {
    const char *what;
    int layer, direction;
    int64_t step, row, unit;
};

/* Holds a float against the fp64 value and its bound. NaN must be NaN and infinity infinity; an
 * infinite bound allows anything and is not counted. */
void judge_bound(clrnn_judgement *result, float got, double value, double bound,
                 const struct judge_place *place);

/* Holds a float that must be the very same as another one. */
void judge_same(clrnn_judgement *result, float got, float expected,
                const struct judge_place *place);
int judge_is_same(float a, float b);

/* 0 of either sign */
void judge_zero(clrnn_judgement *result, float got, const struct judge_place *place);

/* Holds a result against the fp64 trajectory: what a reader asks first, though it proves nothing.
 */
void judge_compare(clrnn_judgement *result, float got, double value);

#endif
