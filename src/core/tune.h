/*
 * tune.h: measures forwards of a device, finds the speeds that estimate them best, and sees what plans
 * choose by them.
 */
#ifndef CLRNN_CORE_TUNE_H
#define CLRNN_CORE_TUNE_H

#include "core/tuning.h"

/* A forward of one layer, x and y in host memory, I = H unless said. */
struct tune_shape {
    clrnn_cell cell;
    int steps, batch, inputs, hidden;
};

/* One algorithm with one shape. */
struct tune_row {
    const struct tune_shape *shape;
    const char *algorithm;
    double measured_us;  /* median */
    double spread;       /* as in struct timing of tune.c */
    double estimated_us; /* by the new speeds */
    double usual_us;     /* by the usual ones */
    struct algo_config config;
    struct estimate_job job; /* of the config */
};

/* What an untuned plan takes, and its time with the usual lanes. */
struct tune_untuned {
    const char *algorithm;
    double us;
};

enum { TUNE_SHAPES = 26 };

struct tune_result {
    struct tuning tuning;
    struct estimate_speeds usual;
    struct tune_row *rows;
    int count;
    double varying; /* the part of the rows whose calls take unlike times */
    struct tune_untuned untuned[TUNE_SHAPES];
};

double tune_varying(const struct tune_row *rows, int count);

/* What plans of an engine, or of both of an AUTO context, would choose. us 0: it was not measured. */
struct tune_choice {
    const struct tune_shape *shape;
    char before[40], after[40], best[40]; /* "cpu single/panel" */
    double before_us, after_us, best_us;
};

/* Of the context's own device; `done` and `count` of the progress are rows. The context is as it was
 * afterwards. Errors: those of a plan and a forward. */
clrnn_status tune_measure(struct tune_result *out, clrnn_context *context,
                          const clrnn_tune_desc *desc);
void tune_result_free(struct tune_result *result);

/* The choices for all shapes; results: of the context and, of an AUTO one, of its sibling, which are as they
 * were afterwards. */
clrnn_status tune_choices(struct tune_choice choices[TUNE_SHAPES], clrnn_context *context,
                          const struct tune_result *results, int result_count);

/* tune_fit.c: moves the speeds until they estimate the rows as well as they can. */
void tune_fit(struct estimate_speeds *speeds, const struct tune_row *rows, int count);

#endif
