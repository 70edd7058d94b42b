/*
 * test_backward.c: the backward recurrence of the vanilla cell runs in the same frame as a forward
 * one: time reversed, weights transposed, saved values as projected input. This is what training
 * will stand on; the library does not offer it yet.
 *
 * Held against da_t = (dy_t + W_hh^T da_{t+1}) (1 - h_t^2) in double precision step by step, and
 * its sum over all steps against finite differences of the whole forward pass.
 */
#include "suites.h"
#include "support.h"

#include "core/net.h"
#include "core/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct backward {
    int steps, batch, hidden;
    float *w, *h, *dy; /* [H][H], [T][N][H], [T][N][H] */
    double *x_proj;    /* [T][N][H]: what made h */
};

static size_t volume(const struct backward *b) {
    return (size_t)b->steps * (size_t)b->batch * (size_t)b->hidden;
}

static size_t at(const struct backward *b, int t, int n, int unit) {
    return ((size_t)t * (size_t)b->batch + (size_t)n) * (size_t)b->hidden + (size_t)unit;
}

/* h_t = tanh(x_proj_t + shift + W h_{t-1}), in double precision. Returns sum dy h. */
static double forward_loss(const struct backward *b, double *h, int shifted_unit, double shift) {
    double loss = 0;
    for (int t = 0; t < b->steps; t++) {
        for (int n = 0; n < b->batch; n++) {
            for (int unit = 0; unit < b->hidden; unit++) {
                double sum = b->x_proj[at(b, t, n, unit)] + (unit == shifted_unit ? shift : 0.0);
                for (int k = 0; k < b->hidden && t > 0; k++) {
                    sum += (double)b->w[unit * b->hidden + k] * h[at(b, t - 1, n, k)];
                }
                h[at(b, t, n, unit)] = tanh(sum);
                loss += (double)b->dy[at(b, t, n, unit)] * h[at(b, t, n, unit)];
            }
        }
    }
    return loss;
}

static void make(struct backward *b, int steps, int batch, int hidden, uint64_t seed) {
    *b = (struct backward){.steps = steps, .batch = batch, .hidden = hidden};
    b->w = malloc(sizeof(float) * (size_t)hidden * (size_t)hidden);
    b->h = malloc(sizeof(float) * volume(b));
    b->dy = malloc(sizeof(float) * volume(b));
    b->x_proj = malloc(sizeof(double) * volume(b));
    double *h = malloc(sizeof(double) * volume(b));
    for (int i = 0; i < hidden * hidden; i++) {
        b->w[i] = test_uniform(&seed, 1.2 / sqrt((double)hidden));
    }
    for (size_t i = 0; i < volume(b); i++) {
        b->x_proj[i] = (double)test_uniform(&seed, 1.0);
        b->dy[i] = test_uniform(&seed, 1.0);
    }
    forward_loss(b, h, -1, 0.0);
    for (size_t i = 0; i < volume(b); i++) {
        b->h[i] = (float)h[i];
    }
    free(h);
}

static void destroy(struct backward *b) {
    free(b->w);
    free(b->h);
    free(b->dy);
    free(b->x_proj);
}

static void run_backward(const struct backward *b, clrnn_context *context, const char *algorithm,
                         int chunk, float *da) {
    const clrnn_net_desc net_desc = {
        .inputs = 1, .layer = {.hidden = b->hidden, .direction = CLRNN_DIRECTION_REVERSE}};
    const clrnn_plan_desc desc = {
        .algorithm = algorithm, .steps = b->steps, .batch = b->batch, .chunk = chunk};
    clrnn_net *net = NULL;
    clrnn_plan *plan = NULL;
    const clrnn_tensor w = test_tensor(b->w, CLRNN_DTYPE_F32, 2, b->hidden, b->hidden, 0);
    ok(clrnn_net_create(&net, &net_desc));
    ok(clrnn_net_set_weight(net, "weight_hh_l0_reverse", &w));
    const struct cell *cell = NULL;
    for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
        if (strcmp(cell->name, "rnn_backward") == 0) {
            break;
        }
    }
    ck_assert_ptr_nonnull(cell);
    const struct problem problem = {.cell = *cell,
                                    .inputs = 1,
                                    .hidden = b->hidden,
                                    .width = b->hidden,
                                    .steps = b->steps,
                                    .batch = b->batch,
                                    .reverse = 1,
                                    .transposed = 1};
    ok(plan_create(&plan, context, net, &desc, &problem));

    /* [T][N][dy, h][H] in the order of the way: the last step first */
    float *saved = malloc(sizeof(float) * 2 * volume(b));
    for (int t = 0; t < b->steps; t++) {
        for (int n = 0; n < b->batch; n++) {
            float *row = saved + 2 * at(b, b->steps - 1 - t, n, 0);
            memcpy(row, b->dy + at(b, t, n, 0), sizeof(float) * (size_t)b->hidden);
            memcpy(row + b->hidden, b->h + at(b, t, n, 0), sizeof(float) * (size_t)b->hidden);
        }
    }
    clrnn_tensor x_proj = test_tensor(saved, CLRNN_DTYPE_F32, 4, b->steps, b->batch, 2);
    x_proj.shape[3] = b->hidden;
    const clrnn_forward_args args = {
        .y = test_tensor(da, CLRNN_DTYPE_F32, 3, b->steps, b->batch, b->hidden)};
    ok(plan_forward_projected(plan, &x_proj, &args));
    free(saved);
    clrnn_plan_free(plan);
    clrnn_net_free(net);
}

/* Each step again in double precision from the result's own da of the step after. */
static void check_steps(const struct backward *b, const float *da, const char *where) {
    const double u = 0x1p-24;
    for (int t = 0; t < b->steps; t++) {
        for (int n = 0; n < b->batch; n++) {
            for (int unit = 0; unit < b->hidden; unit++) {
                const double h = (double)b->h[at(b, t, n, unit)];
                double sum = (double)b->dy[at(b, t, n, unit)], magnitude = fabs(sum);
                for (int k = 0; k < b->hidden && t + 1 < b->steps; k++) {
                    const double term =
                        (double)b->w[k * b->hidden + unit] * (double)da[at(b, t + 1, n, k)];
                    sum += term;
                    magnitude += fabs(term);
                }
                const double slope = 1 - h * h;
                /* the sum's rounding, then that of 1 - h^2 and of the product */
                const double bound = 2 * sqrt((double)b->hidden + 2) * u * magnitude * fabs(slope) +
                                     u * fabs(sum) * 2 + 1e-37;
                const double residual = fabs(sum * slope - (double)da[at(b, t, n, unit)]);
                ck_assert_msg(residual <= bound,
                              "%s: T=%d,N=%d,H=%d: da[%d][%d][%d] is off by %g, bound %g", where,
                              b->steps, b->batch, b->hidden, t, n, unit, residual, bound);
            }
        }
    }
}

/* d(sum dy h) / d(bias of a unit) is the sum of its da over all steps and rows. */
static void check_differences(const struct backward *b, const float *da, const char *where) {
    const double step = 1e-5;
    double *h = malloc(sizeof(double) * volume(b));
    for (int unit = 0; unit < b->hidden; unit += 3) {
        const double difference =
            (forward_loss(b, h, unit, step) - forward_loss(b, h, unit, -step)) / (2 * step);
        double sum = 0, magnitude = 0;
        for (int t = 0; t < b->steps; t++) {
            for (int n = 0; n < b->batch; n++) {
                sum += (double)da[at(b, t, n, unit)];
                magnitude += fabs((double)da[at(b, t, n, unit)]);
            }
        }
        /* truncation of the difference: step^2 times a third derivative of order 1 a term */
        ck_assert_msg(fabs(difference - sum) <= 1e-5 * (magnitude + 1),
                      "%s: gradient of unit %d is %g, finite differences say %g", where, unit, sum,
                      difference);
    }
    free(h);
}

START_TEST(backward_is_the_gradient) {
    static const struct {
        int steps, batch, hidden;
    } shapes[] = {{1, 1, 1}, {6, 3, 17}, {5, 5, 64}, {4, 1, 130}};
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (size_t shape = 0; shape < sizeof shapes / sizeof shapes[0]; shape++) {
        struct backward b;
        make(&b, shapes[shape].steps, shapes[shape].batch, shapes[shape].hidden, 11 + shape);
        float *first = malloc(sizeof(float) * volume(&b)), *da = malloc(sizeof(float) * volume(&b));
        run_backward(&b, places[0].context, NULL, 0, first);
        for (size_t place = 0; place < count; place++) {
            static const char *const algorithms[] = {"single/panel", "single/stream",
                                                     "step/stream"};
            const size_t tried = strcmp(places[place].name, "cpu") == 0 ? 1 : 3;
            for (size_t i = 0; i < tried; i++) {
                char where[256];
                size_t differs = 0;
                snprintf(where, sizeof where, "%s %s", places[place].name, algorithms[i]);
                for (int chunk = 0; chunk <= 2; chunk += 2) {
                    run_backward(&b, places[place].context, algorithms[i], chunk, da);
                    check_steps(&b, da, where);
                    check_differences(&b, da, where);
                    ck_assert_msg(test_same_bits(first, da, volume(&b), &differs),
                                  "%s: da[%zu] %.9g and %.9g", where, differs, first[differs],
                                  da[differs]);
                }
            }
        }
        free(first);
        free(da);
        destroy(&b);
    }
    test_places_free(places, count);
}
END_TEST

Suite *backward_suite(void) {
    Suite *suite = suite_create("backward");
    TCase *gradient = tcase_create("gradient");
    tcase_set_timeout(gradient, 600);
    tcase_add_test(gradient, backward_is_the_gradient);
    suite_add_tcase(suite, gradient);
    return suite;
}
