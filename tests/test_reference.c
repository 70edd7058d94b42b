/*
 * test_reference.c: the fp64 reference and its bounds.
 *
 * The one idea: the reference is held against what knows nothing of it: formulas written out by
 * hand, stored results of NumPy, and inputs moved by up to their errors, whose results must stay
 * within the bounds.
 */
#include "core/net.h"
#include "cpu/reference.h"
#include "nets.h"
#include "suites.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- formulas by hand ------------------------------------------------------------------------ */

static double sigmoid(double a) {
    return 1 / (1 + exp(-a));
}

/* One step from h (and c) with I = 1 and H = 2, in the words of the equations. Row `k` of gate g
 * and unit j is 2 g + j; w is net_of's list. */
static void by_hand(const clrnn_net_desc *desc, const float *w, double x, double h[2],
                    double c[2]) {
    const int rows = 2 * clrnn_cell_gates(desc->cell);
    const float *u = w + rows, *bi = w + 3 * rows, *bh = w + 4 * rows;
    const double a = h[0], b = h[1];
#define GX(k) ((double)w[k] * x + (double)bi[k])
#define GH(k) ((double)u[2 * (k)] * a + (double)u[2 * (k) + 1] * b + (double)bh[k])
    const double was[2] = {a, b};
    for (int j = 0; j < 2; j++) {
        if (desc->cell == CLRNN_CELL_LSTM) {
            c[j] = sigmoid(GX(2 + j) + GH(2 + j)) * c[j] +
                   sigmoid(GX(j) + GH(j)) * tanh(GX(4 + j) + GH(4 + j));
            h[j] = sigmoid(GX(6 + j) + GH(6 + j)) * tanh(c[j]);
        } else if (desc->cell == CLRNN_CELL_GRU) {
            const double z = sigmoid(GX(2 + j) + GH(2 + j));
            const double r[2] = {sigmoid(GX(0) + GH(0)), sigmoid(GX(1) + GH(1))};
            const double n = desc->reset == CLRNN_RESET_AFTER
                                 ? tanh(GX(4 + j) + r[j] * GH(4 + j))
                                 : tanh(GX(4 + j) + (double)u[8 + 2 * j] * r[0] * a +
                                        (double)u[9 + 2 * j] * r[1] * b + (double)bh[4 + j]);
            h[j] = (1 - z) * n + z * was[j];
        } else if (desc->nonlinearity == CLRNN_NONLINEARITY_RELU) {
            h[j] = fmax(0, GX(j) + GH(j));
        } else {
            h[j] = tanh(GX(j) + GH(j));
        }
    }
#undef GX
#undef GH
}

START_TEST(reference_is_the_formula) {
    const clrnn_net_desc desc = kind_of(_i, 1, 2);
    float w[40]; /* 8 rows of at most 5 numbers, all different and of either sign */
    for (int i = 0; i < 40; i++) {
        w[i] = (i % 3 == 1 ? -0.0625f : 0.03125f) * (float)(i + 7);
    }
    const float x[3] = {0.75f, -1.5f, 0.3125f};
    const double h_0[2] = {0.4375, -0.8125}, c_0[2] = {1.25, -0.375};
    clrnn_net *net = net_of(&desc, w);
    double y[6], cells[6], h_n[2], c_n[2] = {0};
    const struct reference_sequence sequence = {.steps = 3,
                                                .batch = 1,
                                                .x = x,
                                                .x_step = 1,
                                                .h_0 = h_0,
                                                .c_0 = c_0,
                                                .y = y,
                                                .cells = cells,
                                                .h_n = h_n,
                                                .c_n = c_n};
    ck_assert_int_eq(reference_forward(net, &sequence), CLRNN_STATUS_OK);
    double h[2] = {h_0[0], h_0[1]}, c[2] = {c_0[0], c_0[1]};
    for (int step = 0; step < 3; step++) {
        const int t = desc.direction == CLRNN_DIRECTION_REVERSE ? 2 - step : step;
        by_hand(&desc, w, (double)x[t], h, c);
        for (int j = 0; j < 2; j++) {
            ck_assert_double_eq_tol(y[2 * t + j], h[j], 1e-15);
            if (desc.cell == CLRNN_CELL_LSTM) {
                ck_assert_double_eq_tol(cells[2 * t + j], c[j], 1e-15);
            }
        }
    }
    ck_assert_double_eq_tol(h_n[1], h[1], 1e-15);
    ck_assert(desc.cell != CLRNN_CELL_LSTM || fabs(c_n[1] - c[1]) < 1e-15);
    clrnn_net_free(net);
}
END_TEST

/* ---- bounds ---------------------------------------------------------------------------------- */

/* Inputs moved by up to their errors give results within the bound. */
START_TEST(bounds_enclose) {
    static const double errors[] = {1e-6, 1e-3, 0.1, 2};
    const clrnn_net_desc desc = kind_of(_i, 3, 7);
    double h_error[7], c_error[7], h[7], c[7] = {0}, h_bound[7], c_bound[7] = {0}, scratch[32];
    double moved_h[7], moved_c[7], new_h[7], new_c[7] = {0};
    for (int try = 0; try < 400; try++) {
        random_state = (uint64_t)(1 + 10 * try + _i);
        clrnn_net *net = random_net(&desc, 1);
        float x[3];
        double h_prev[7], c_prev[7];
        for (int j = 0; j < 7; j++) {
            x[j % 3] = uniform();
            h_prev[j] = (double)uniform();
            c_prev[j] = 3 * (double)uniform();
            h_error[j] = c_error[j] = errors[try % 4];
            moved_h[j] = h_prev[j] + (uniform() > 0 ? h_error[j] : -h_error[j]);
            moved_c[j] = c_prev[j] + (uniform() > 0 ? c_error[j] : -c_error[j]);
        }
        ck_assert_uint_le(reference_scratch_size(net), 32);
        struct reference_step step = {x, h_prev,  h_error, c_prev,  c_error,
                                      h, h_bound, c,       c_bound, scratch};
        reference_evaluate(net, &step);
        step = (struct reference_step){.x = x,
                                       .h_prev = moved_h,
                                       .c_prev = moved_c,
                                       .h = new_h,
                                       .c = new_c,
                                       .scratch = scratch};
        reference_evaluate(net, &step);
        for (int j = 0; j < 7; j++) {
            ck_assert_msg(fabs(new_h[j] - h[j]) <= h_bound[j] &&
                              fabs(new_c[j] - c[j]) <= c_bound[j],
                          "try %d unit %d: %g over %g, %g over %g", try, j, fabs(new_h[j] - h[j]),
                          h_bound[j], fabs(new_c[j] - c[j]), c_bound[j]);
        }
        clrnn_net_free(net);
    }
}
END_TEST

/* A value a little inside its bound is fine, a little outside it is bad. */
START_TEST(bounds_are_the_limit) {
    const clrnn_net_desc desc = kind_of(_i, 5, 9);
    random_state = (uint64_t)(99 + _i);
    struct sample s = sample_of(random_net(&desc, 1), 1, 1, 0);
    double h_prev[9], c_prev[9], h[9], h_error[9], c[9], c_error[9], scratch[32];
    for (int j = 0; j < 9; j++) {
        h_prev[j] = s.h_0[j];
        c_prev[j] = s.c_0[j];
    }
    const struct reference_step step = {s.x, h_prev,  NULL, c_prev,  NULL,
                                        h,   h_error, c,    c_error, scratch};
    reference_evaluate(s.net, &step);
    plain_forward(&s, s.net);
    clrnn_forward_args args = args_of(&s);
    args.h_n = args.c_n = args.cells = (clrnn_tensor){0};
    clrnn_judgement j;
    for (int unit = 0; unit < 9; unit++) {
        if (desc.nonlinearity == CLRNN_NONLINEARITY_RELU && h[unit] == 0) {
            continue; /* its bound is below what float32 can show */
        }
        const float kept = s.y[unit];
        s.y[unit] = (float)(h[unit] + 0.8 * h_error[unit]);
        ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
        ck_assert_msg(j.bad == 0, "unit %d: ratio %g", unit, j.ratio);
        s.y[unit] = (float)(h[unit] + 1.2 * h_error[unit]);
        ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
        ck_assert_msg(j.bad == 1 && j.ratio < 1.4, "unit %d: ratio %g", unit, j.ratio);
        s.y[unit] = kept;
    }
    free_sample(&s);
}
END_TEST

/* Judges one value: y of a net of H = 1, one step, or the cells where given. */
static int64_t bad_of(const clrnn_net *net, float *x, float *h_0, float *c_0, float *y,
                      float *cells) {
    clrnn_judgement j;
    clrnn_forward_args args = {.x = tensor_of(CLRNN_DTYPE_F32, x, 3, 1, 1, net->desc.inputs),
                               .h_0 = tensor_of(CLRNN_DTYPE_F32, h_0, 2, 1, 1, 0),
                               .y = tensor_of(CLRNN_DTYPE_F32, y, 3, 1, 1, 1)};
    if (c_0 != NULL) {
        args.c_0 = tensor_of(CLRNN_DTYPE_F32, c_0, 2, 1, 1, 0);
        args.cells = tensor_of(CLRNN_DTYPE_F32, cells, 3, 1, 1, 1);
    }
    ck_assert_int_eq(clrnn_judge(&j, net, 0, &args), CLRNN_STATUS_OK);
    return j.bad;
}

/* What float32 does at its ends, and double precision does not. */
START_TEST(ends_of_float32) {
    float none[1] = {0}, y[1], cells[1];
    const clrnn_net_desc tanh_desc = {.inputs = 2, .hidden = 1};
    float weights[6] = {2, -2, 0, 0, 0, 0};
    clrnn_net *net = net_of(&tanh_desc, weights);
    /* 6e38 - 6e38 is 0, and NaN in float32 */
    float x[2] = {3e38f, 3e38f};
    y[0] = NAN;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 0);
    x[1] = 1;
    y[0] = 1;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 0);
    clrnn_net_free(net);
    /* 1e30 times a denormal, on a device that flushes it */
    weights[0] = 1e30f;
    net = net_of(&tanh_desc, weights);
    x[0] = 1e-39f;
    x[1] = 0;
    y[0] = 0;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 0);
    y[0] = 1e-8f;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 1);
    clrnn_net_free(net);

    /* lstm with nothing but biases: i, f, g, o */
    const clrnn_net_desc lstm_desc = {.cell = CLRNN_CELL_LSTM, .inputs = 1, .hidden = 1};
    float biases[16] = {[8] = -100, [9] = -100, [10] = 0, [11] = 0};
    net = net_of(&lstm_desc, biases);
    /* f = sigmoid(-100) = 4e-44, or 1.6e-38 where exp stops, or 0 */
    float c_0[1] = {1e30f};
    for (int i = 0; i < 3; i++) {
        cells[0] = i == 0 ? 0 : i == 1 ? 1.6e-8f : 1e-6f;
        y[0] = 0.5f * cells[0];
        ck_assert_int_eq(bad_of(net, x, none, c_0, y, cells), i == 2 ? 2 : 0);
    }
    /* 4e-44 times infinity: infinity, or NaN where f was flushed */
    c_0[0] = INFINITY;
    for (int i = 0; i < 2; i++) {
        cells[0] = i == 0 ? INFINITY : NAN;
        y[0] = i == 0 ? 0.5f : NAN;
        ck_assert_int_eq(bad_of(net, x, none, c_0, y, cells), 0);
    }
    clrnn_net_free(net);
    /* 1 FLT_MAX + 1: infinity is as right as FLT_MAX; 1 infinity + 1 is nothing else */
    biases[8] = biases[9] = biases[10] = biases[11] = 30;
    net = net_of(&lstm_desc, biases);
    y[0] = 1;
    for (int i = 0; i < 4; i++) {
        c_0[0] = i < 2 ? FLT_MAX : INFINITY;
        cells[0] = i % 2 ? FLT_MAX : INFINITY;
        ck_assert_int_eq(bad_of(net, x, none, c_0, y, cells), i == 3);
    }
    clrnn_net_free(net);
}
END_TEST

/* A state that float32 cannot hold is infinite in the steps that follow. */
START_TEST(reference_overflows_as_float32) {
    const clrnn_net_desc desc = {.nonlinearity = CLRNN_NONLINEARITY_RELU, .inputs = 1, .hidden = 2};
    float weights[10] = {0, 0, 1e20f, 0, 0, 0, 0, 0, 0, 0};
    clrnn_net *net = net_of(&desc, weights);
    const float x[3] = {0};
    const double h_0[2] = {1e10, 0};
    double y[6];
    const struct reference_sequence sequence = {
        .steps = 3, .batch = 1, .x = x, .x_step = 1, .h_0 = h_0, .y = y};
    ck_assert_int_eq(reference_forward(net, &sequence), CLRNN_STATUS_OK);
    ck_assert(isfinite(y[0]) && isinf(y[2]) && y[3] == 0 && isinf(y[4]) && isnan(y[5]));
    clrnn_net_free(net);
}
END_TEST

/* c' = c + 0.1 for 1,000 steps, known by y alone: the carried bound grows as the rounding does. Row
 * 0 loses its bound by overflow and must not take that of row 1 with it. */
START_TEST(carried_cell_state) {
    const clrnn_net_desc desc = {.cell = CLRNN_CELL_LSTM, .inputs = 1, .hidden = 1};
    float biases[16] = {[8] = 30, [9] = 30, [10] = 0.10033535f, [11] = 0};
    struct sample s = sample_of(net_of(&desc, biases), 1000, 2, 0);
    s.lengths[1] = 1000;
    s.c_0[0] = FLT_MAX;
    plain_forward(&s, s.net);
    clrnn_forward_args args = args_of(&s);
    args.cells = (clrnn_tensor){0};
    clrnn_judgement j;
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
    ck_assert_msg(j.bad == 0, "%s: ratio %g", j.what, j.ratio);
    ck_assert_int_eq(j.checked, 1000 + 2 + 1); /* y and c_n of row 1, h_n of both */
    s.c_n[1] += 0.1f;
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
    ck_assert_int_eq(j.bad, 1);
    free_sample(&s);
}
END_TEST

/* The reference's own results, rounded, are fine: it may serve as an engine. */
START_TEST(rounded_reference_is_fine) {
    struct sample s = small_sample(_i);
    int64_t lengths[4];
    double h_0[36], c_0[36], h_n[36], c_n[36], y[216], cells[216], last[36];
    for (int n = 0; n < 4; n++) {
        lengths[n] = s.lengths[n];
    }
    for (int i = 0; i < 36; i++) {
        h_0[i] = s.h_0[i];
        c_0[i] = s.c_0[i];
    }
    struct reference_sequence sequence = {.steps = 6,
                                          .batch = 4,
                                          .batch_first = s.batch_first,
                                          .x = s.x,
                                          .x_step = (s.batch_first ? 1 : 4) * 5,
                                          .x_row = (s.batch_first ? 6 : 1) * 5,
                                          .lengths = lengths,
                                          .h_0 = h_0,
                                          .c_0 = c_0,
                                          .y = y,
                                          .cells = cells,
                                          .h_n = h_n,
                                          .c_n = c_n};
    ck_assert_int_eq(reference_forward(s.net, &sequence), CLRNN_STATUS_OK);
    for (int i = 0; i < 216; i++) {
        s.y[i] = reference_round(y[i]);
        s.cells[i] = s.net->desc.cell == CLRNN_CELL_LSTM ? reference_round(cells[i]) : 0;
    }
    for (int i = 0; i < 36; i++) {
        s.h_n[i] = reference_round(h_n[i]);
        s.c_n[i] = s.net->desc.cell == CLRNN_CELL_LSTM ? reference_round(c_n[i]) : 0;
    }
    clrnn_forward_args args = args_of(&s);
    args.lengths = tensor_of(CLRNN_DTYPE_I64, lengths, 1, 4, 0, 0);
    clrnn_judgement j;
    ck_assert_int_eq(clrnn_judge(&j, s.net, s.batch_first, &args), CLRNN_STATUS_OK);
    ck_assert_msg(j.bad == 0 && j.max_ulp <= 0.5, "ratio %g, %g ulp", j.ratio, j.max_ulp);
    sequence.y = last;
    sequence.last_only = 1;
    ck_assert_int_eq(reference_forward(s.net, &sequence), CLRNN_STATUS_OK);
    ck_assert_mem_eq(last, h_n, sizeof last);
    free_sample(&s);
}
END_TEST

/* ---- stored results -------------------------------------------------------------------------- */

/* Our fp64 results against those of another fp64 implementation: a few roundings of 1e-16 a step.
 */
static double largest_difference(const double *a, const double *b, int64_t count) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(a[i] - b[i]));
    }
    return largest;
}

START_TEST(reference_agrees_with_numpy) {
    clrnn_arrays *x = load(DATA "x_test.npy"), *lengths = load(DATA "lengths_test.npy");
    clrnn_arrays *expected = load(DATA "expected_simple_rnn_f64.npz");
    clrnn_model *model = load_model(DATA "simple_rnn.npz");
    const int64_t rows = 370, steps = 29, hidden = 32;
    int64_t lengths_wide[370];
    double *y = calloc((size_t)(rows * steps * hidden), sizeof *y);
    double *h_n = calloc((size_t)(rows * hidden), sizeof *h_n);
    for (int n = 0; n < rows; n++) {
        lengths_wide[n] = ((const int32_t *)find(lengths, "")->data)[n];
    }
    const struct reference_sequence sequence = {.steps = steps,
                                                .batch = rows,
                                                .batch_first = 1,
                                                .x = find(x, "")->data,
                                                .x_step = 12,
                                                .x_row = steps * 12,
                                                .lengths = lengths_wide,
                                                .y = y,
                                                .h_n = h_n};
    ck_assert_int_eq(reference_forward(clrnn_model_net(model), &sequence), CLRNN_STATUS_OK);
    const clrnn_tensor *kept = find(expected, "rows");
    const double *output = find(expected, "output")->data;
    ck_assert_int_gt(kept->shape[0], 90);
    for (int64_t i = 0; i < kept->shape[0]; i++) {
        const int64_t n = kept->dtype == CLRNN_DTYPE_I64 ? ((const int64_t *)kept->data)[i]
                                                         : ((const int32_t *)kept->data)[i];
        const double apart =
            largest_difference(y + n * steps * hidden, output + i * steps * hidden, steps * hidden);
        ck_assert_msg(apart < 1e-12, "row %d is %g off", (int)n, apart);
    }
    ck_assert(largest_difference(h_n, find(expected, "h_n")->data, rows * hidden) < 1e-12);
    free(y);
    free(h_n);
    clrnn_model_free(model);
    clrnn_arrays_free(expected);
    clrnn_arrays_free(lengths);
    clrnn_arrays_free(x);
}
END_TEST

START_TEST(reference_agrees_with_the_lesson) {
    clrnn_arrays *x = load(DATA "seed_x.npy"), *expected = load(DATA "expected_seed_numpy.npy");
    clrnn_arrays *expected_f64 = load(DATA "expected_seed_numpy_f64.npy");
    clrnn_model *model = load_model(DATA "seed_numpy.npz");
    clrnn_forward_args args = {.x = *find(x, ""), .y = *find(expected, "")};
    double y[80];
    const struct reference_sequence sequence = {
        .steps = 10, .batch = 1, .x = args.x.data, .x_step = 4, .y = y};
    ck_assert_int_eq(reference_forward(clrnn_model_net(model), &sequence), CLRNN_STATUS_OK);
    ck_assert(largest_difference(y, find(expected_f64, "")->data, 80) < 1e-14);
    args.x = tensor_of(CLRNN_DTYPE_F32, args.x.data, 3, 10, 1, 4);
    args.y = tensor_of(CLRNN_DTYPE_F32, args.y.data, 3, 10, 1, 8);
    clrnn_judgement j;
    ck_assert_int_eq(clrnn_judge(&j, clrnn_model_net(model), 0, &args), CLRNN_STATUS_OK);
    ck_assert_int_eq(j.bad, 0);
    ck_assert_int_eq(j.checked, 80);
    clrnn_model_free(model);
    clrnn_arrays_free(expected_f64);
    clrnn_arrays_free(expected);
    clrnn_arrays_free(x);
}
END_TEST

Suite *reference_suite(void) {
    Suite *suite = suite_create("reference");
    TCase *equations = tcase_create("equations");
    tcase_add_loop_test(equations, reference_is_the_formula, 0, KINDS);
    tcase_add_test(equations, reference_agrees_with_numpy);
    tcase_add_test(equations, reference_agrees_with_the_lesson);
    tcase_add_loop_test(equations, rounded_reference_is_fine, 0, KINDS);
    tcase_add_test(equations, reference_overflows_as_float32);
    suite_add_tcase(suite, equations);
    TCase *bounds = tcase_create("bounds");
    tcase_add_loop_test(bounds, bounds_enclose, 0, KINDS);
    tcase_add_loop_test(bounds, bounds_are_the_limit, 0, KINDS);
    tcase_add_test(bounds, ends_of_float32);
    tcase_add_test(bounds, carried_cell_state);
    suite_add_tcase(suite, bounds);
    return suite;
}
