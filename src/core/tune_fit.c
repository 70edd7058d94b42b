/*
 * tune_fit.c: from times to speeds. An estimate is a pure function of twelve speeds, so that the
 * speeds are those which miss the times least: one after the other is moved up and down by a factor
 * that shrinks, until none improves.
 */
#include "core/tune.h"

#include <math.h>

/* Factors by which a speed is moved: 2^(1/2), 2^(1/4), ... 2^(1/64); and rounds of one factor at
 * most. */
enum { HALVINGS = 6, ROUNDS = 60 };

/* Beyond a factor of e^0.25 = 1.28 a miss pulls the less the larger it is: a neighbour on the machine
 * disturbs some rows and must not bend the rest. */
#define TOLERATED 0.25

/* A speed no row depends on stays where it is: to move one by a factor of 2 costs as much as to miss
 * one row by 7 %. */
#define ANCHOR 0.01

/* Of a speed, at most: the model says what else would be. */
#define FARTHEST 10.0

static double miss(double estimated, double measured) {
    const double off = log(estimated / measured) / TOLERATED;
    return TOLERATED * TOLERATED * log1p(off * off);
}

/* usual: where the fit began. */
static double cost(struct estimate_speeds *speeds, struct estimate_speeds *usual,
                   const struct tune_row *rows, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum += miss(estimate_forward(speeds, &rows[i].job), rows[i].measured_us);
    }
    for (int field = 0; field < ESTIMATE_FIELDS; field++) {
        const double before = *estimate_field_at(usual, field);
        if (before > 0) {
            const double moved = log(*estimate_field_at(speeds, field) / before);
            sum += fabs(moved) < log(FARTHEST) ? ANCHOR * moved * moved : INFINITY;
        }
    }
    return sum;
}

/* Moves each speed that is not 0 by the factor, where that helps: 1 if any did. */
static int move_all(struct estimate_speeds *speeds, struct estimate_speeds *usual, double *least,
                    double factor, const struct tune_row *rows, int count) {
    int moved = 0;
    for (int field = 0; field < ESTIMATE_FIELDS; field++) {
        for (int down = 0; down < 2; down++) {
            struct estimate_speeds tried = *speeds;
            *estimate_field_at(&tried, field) *= down ? 1 / factor : factor;
            const double here = cost(&tried, usual, rows, count);
            if (here < *least) {
                *least = here;
                *speeds = tried;
                moved = 1;
            }
        }
    }
    return moved;
}

void tune_fit(struct estimate_speeds *speeds, const struct tune_row *rows, int count) {
    struct estimate_speeds usual = *speeds;
    double least = cost(speeds, &usual, rows, count);
    for (int halving = 0; halving < HALVINGS; halving++) {
        const double factor = exp2(1.0 / (2 << halving));
        for (int round = 0; round < ROUNDS; round++) {
            if (!move_all(speeds, &usual, &least, factor, rows, count)) {
                break;
            }
        }
    }
}
