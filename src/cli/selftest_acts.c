/*
 * selftest_acts.c: the library's own tanh and sigmoid on the device against double precision: a dense
 * layer of one unit with weight 1 gives act(x), step by step.
 */
#include "cli/selftest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 4096 };

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static const struct {
    clrnn_act act;
    double (*of)(double x);
    double ulps; /* 1.94 and 2.49 are the worst of all floats: kernels/activation.cl */
} acts[] = {
    {CLRNN_ACT_TANH, tanh, 2.0},
    {CLRNN_ACT_SIGMOID, sigmoid, 2.5},
};

/* Half of them uniform in +-12, half by magnitude from 2^-30 to 2^4. */
static void fill(float *x) {
    for (int i = 0; i < SAMPLES; i++) {
        const double part = (i / 2 + 0.5) / (SAMPLES / 2);
        const double size = exp2(34 * part - 30);
        x[i] = (float)(i % 2 == 0 ? 24 * part - 12 : i % 4 == 1 ? size : -size);
    }
}

/* The distance to the right value in units of its last place. */
static double ulps_off(double right, float got) {
    int exponent = 0;
    (void)frexp(right, &exponent);
    return fabs((double)got - right) / ldexp(1.0, exponent > -125 ? exponent - 24 : -149);
}

static clrnn_status run(float *y, clrnn_context *context, clrnn_act act, float *x) {
    float one = 1.0f;
    clrnn_net *net = NULL;
    clrnn_plan *plan = NULL;
    const clrnn_net_desc desc = {
        .inputs = 1,
        .layer = {.cell = CLRNN_CELL_DENSE,
                  .hidden = 1,
                  .bias = CLRNN_BIAS_NONE,
                  .acts[0][0] = {.kind = act}},
    };
    const clrnn_plan_desc plan_desc = {
        .steps = SAMPLES, .batch = 1, .projection = CLRNN_PROJECTION_OWN};
    const clrnn_tensor weight = {.data = &one, .rank = 2, .shape = {1, 1}};
    const clrnn_forward_args args = {
        .x = {.data = x, .rank = 3, .shape = {SAMPLES, 1, 1}},
        .y = {.data = y, .rank = 3, .shape = {SAMPLES, 1, 1}},
    };
    clrnn_status status = clrnn_net_create(&net, &desc);
    if (status == CLRNN_STATUS_OK) {
        status = clrnn_net_set_weight(net, "weight_ih_l0", &weight);
    }
    if (status == CLRNN_STATUS_OK) {
        status = clrnn_plan_create(&plan, context, net, &plan_desc);
    }
    if (status == CLRNN_STATUS_OK) {
        status = clrnn_forward(plan, &args, 0, NULL, NULL);
    }
    clrnn_plan_free(plan);
    clrnn_net_free(net);
    return status;
}

void selftest_acts(selftest_pen *pen, clrnn_context *context) {
    static float x[SAMPLES], y[SAMPLES];
    fill(x);
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        const char *name = clrnn_act_name(acts[i].act);
        double worst = 0;
        float where = 0;
        if (!selftest_begin(pen, "probe: %s", name)) {
            continue;
        }
        if (run(y, context, acts[i].act, x) != CLRNN_STATUS_OK) {
            selftest_put_error(pen, "probes", json_pack("{s:s}", "name", name));
            continue;
        }
        for (int k = 0; k < SAMPLES; k++) {
            const double off = ulps_off(acts[i].of((double)x[k]), y[k]);
            if (!(off <= worst)) { /* NaN is the worst of all */
                worst = off;
                where = x[k];
            }
        }
        json_t *row = json_pack("{s:s,s:s,s:o,s:f}", "name", name, "status",
                                worst <= acts[i].ulps ? SELFTEST_FINE : SELFTEST_WRONG, "ulps",
                                report_json_number(worst), "allowed", acts[i].ulps);
        char message[128];
        (void)snprintf(message, sizeof message,
                       "at most %.3g ulp off in %d samples, at %.9g; %.3g are allowed", worst,
                       SAMPLES, (double)where, acts[i].ulps);
        (void)json_object_set_new(row, "message", json_string(message));
        selftest_put(pen, "probes", row);
    }
}
