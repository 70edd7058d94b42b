/*
 * test_special.c: values at the edge: NaN and infinities, and tanh and sigmoid over all exponents.
 */
#include "suites.h"
#include "support.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- NaN and infinities ---------------------------------------------------------------------- */

enum { NAN_ROW = 1, NAN_STEP = 2 };
static const uint32_t nan_patterns[] = {0x7fc00000, 0xffc00000, 0x7fc12345, 0xffffffff, 0x7f800001};

/* A NaN at one input: its row is NaN from there on (in the order of steps), in one pattern; every
 * other value is as without it. */
static void nan_in_x(const struct test_case *test, const struct test_outcome *whole,
                     clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    const int reverse = p->direction == CLRNN_DIRECTION_REVERSE;
    const int lstm = p->cell == CLRNN_CELL_LSTM;
    for (size_t i = 0; i < sizeof nan_patterns / sizeof nan_patterns[0]; i++) {
        struct test_case *other = test_case_like(test, p->steps, p->batch);
        struct test_outcome result;
        test_row(p, other->x, p->inputs, NAN_STEP, NAN_ROW)[i % (size_t)p->inputs] =
            float_of(nan_patterns[i]);
        test_run(&result, other, context, algorithm);
        for (int n = 0; n < p->batch; n++) {
            for (int t = 0; t < p->steps; t++) {
                if (n != NAN_ROW || (reverse ? t > NAN_STEP : t < NAN_STEP)) {
                    test_same_steps(test, whole, t, n, other, &result, t, n, 1, where);
                    continue;
                }
                for (int u = 0; u < p->hidden; u++) {
                    const float y = test_row(p, result.y, p->hidden, t, n)[u];
                    const float h = test_row(p, result.hiddens, p->hidden, t, n)[u];
                    const float c = test_row(p, result.cells, p->hidden, t, n)[u];
                    ck_assert_msg(bits_of(y) == 0x7fc00000 && bits_of(h) == 0x7fc00000 &&
                                      (!lstm || bits_of(c) == 0x7fc00000),
                                  "%s: %s: NaN %08x gives y %08x, h %08x, c %08x at [%d][%d][%d]",
                                  test->text, where, nan_patterns[i], bits_of(y), bits_of(h),
                                  bits_of(c), t, n, u);
                }
                for (int u = 0; u < test_gates(test) * p->hidden; u++) {
                    const float gate =
                        test_row(p, result.gates, test_gates(test) * p->hidden, t, n)[u];
                    ck_assert_msg(gate == gate || bits_of(gate) == 0x7fc00000,
                                  "%s: %s: NaN %08x gives gate %08x at [%d][%d][%d]", test->text,
                                  where, nan_patterns[i], bits_of(gate), t, n, u);
                }
            }
            if (n != NAN_ROW) {
                test_same_final(test, whole, n, &result, n, where);
            }
        }
        for (int u = 0; u < p->hidden; u++) {
            ck_assert_uint_eq(bits_of(result.h_n[NAN_ROW * p->hidden + u]), 0x7fc00000);
        }
        test_result_free(&result);
        test_case_free(other);
    }
}

START_TEST(nan_stays_in_its_row) {
    struct test_problem problem = test_cell_problem(_i, 5, 5, 4, 19, 300);
    problem.direction = _i % 2 ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
    test_hold(nan_in_x, &problem, 1);
}
END_TEST

/* The same from a NaN in h_0, even where a step before it could hide it. */
static void nan_in_h(const struct test_case *test, const struct test_outcome *whole,
                     clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    struct test_case *other = test_case_like(test, p->steps, p->batch);
    struct test_outcome result;
    for (int u = 0; u < p->hidden; u++) {
        other->h_0[NAN_ROW * p->hidden + u] =
            float_of(nan_patterns[(size_t)u % (sizeof nan_patterns / sizeof nan_patterns[0])]);
    }
    test_run(&result, other, context, algorithm);
    for (int n = 0; n < p->batch; n++) {
        if (n != NAN_ROW) {
            test_same_steps(test, whole, 0, n, other, &result, 0, n, p->steps, where);
            continue;
        }
        for (int t = 0; t < p->steps; t++) {
            for (int u = 0; u < p->hidden; u++) {
                const uint32_t bits = bits_of(test_row(p, result.y, p->hidden, t, n)[u]);
                ck_assert_msg(bits == 0x7fc00000, "%s: %s: y[%d][%d][%d] is %08x", test->text,
                              where, t, n, u, bits);
            }
        }
    }
    test_result_free(&result);
    test_case_free(other);
}

START_TEST(nan_in_the_start_state) {
    const struct test_problem problem = test_cell_problem(_i, 4, 5, 4, 19, 300);
    test_hold(nan_in_h, &problem, 1);
}
END_TEST

/* x = +inf with every W_ih 1, R = 0 and no biases: gates 1, tanh 1, relu inf. */
static void infinite_prepare(struct test_case *test) {
    test_fill_weight(test, "weight_ih", -1, 1.0f);
    test_fill_weight(test, "weight_hh", -1, 0.0f);
    test_fill_weight(test, "bias_ih", -1, 0.0f);
    test_fill_weight(test, "bias_hh", -1, 0.0f);
    test->x[0] = INFINITY;
    for (int u = 0; u < test->problem.hidden; u++) {
        test->h_0[u] = test->c_0[u] = 0.0f;
    }
}

static void infinite_check(const struct test_case *test, const struct test_outcome *result,
                           const char *where) {
    const struct test_problem *p = &test->problem;
    for (int u = 0; u < p->hidden; u++) {
        if (p->cell == CLRNN_CELL_LSTM) {
            ck_assert_msg(result->cells[u] == 1.0f, "%s: %s: c is %g", test->text, where,
                          result->cells[u]);
            ck_assert_double_eq_tol(result->y[u], tanh(1.0), 1e-7);
        } else if (p->cell == CLRNN_CELL_GRU) {
            /* z = 1: h' = h_0 */
            ck_assert_msg(result->y[u] == 0.0f, "%s: %s: h is %g", test->text, where, result->y[u]);
        } else {
            const float expected = p->act == CLRNN_ACT_RELU ? INFINITY : 1.0f;
            ck_assert_msg(result->y[u] == expected, "%s: %s: h is %g", test->text, where,
                          result->y[u]);
        }
    }
}

START_TEST(infinite_input) {
    const struct test_known known = {infinite_prepare, infinite_check};
    const struct test_problem problem = test_cell_problem(_i, 1, 2, 3, 7, 300);
    test_hold_known(&known, &problem);
}
END_TEST

/* Two directions whose outputs are no number together: infinity less infinity, infinity times 0. */
static void merge_to_nan(clrnn_context *context, clrnn_merge merge, const char *where) {
    enum { HIDDEN = 19 };
    const clrnn_layer_desc layer = {
        .hidden = HIDDEN,
        .direction = CLRNN_DIRECTION_BIDIRECTIONAL,
        .merge = merge,
        .bias = CLRNN_BIAS_NONE,
        .acts = {{{.kind = CLRNN_ACT_LINEAR}},
                 {{.kind = merge == CLRNN_MERGE_MUL ? CLRNN_ACT_RELU : CLRNN_ACT_LINEAR}}}};
    clrnn_net *net = NULL;
    clrnn_plan *plan = NULL;
    float x = INFINITY, y[HIDDEN], weights[HIDDEN * HIDDEN];
    ok(clrnn_net_create(&net, &(clrnn_net_desc){.inputs = 1, .layer = layer}));
    for (int reverse = 0; reverse < 2; reverse++) {
        for (int i = 0; i < HIDDEN; i++) {
            weights[i] = reverse ? -1.0f : 1.0f;
        }
        const clrnn_tensor w_ih = test_tensor(weights, CLRNN_DTYPE_F32, 2, HIDDEN, 1, 0);
        ok(clrnn_net_set_weight(net, reverse ? "weight_ih_l0_reverse" : "weight_ih_l0", &w_ih));
        memset(weights, 0, sizeof weights);
        const clrnn_tensor w_hh = test_tensor(weights, CLRNN_DTYPE_F32, 2, HIDDEN, HIDDEN, 0);
        ok(clrnn_net_set_weight(net, reverse ? "weight_hh_l0_reverse" : "weight_hh_l0", &w_hh));
    }
    ok(clrnn_plan_create(&plan, context, net, &(clrnn_plan_desc){.steps = 1, .batch = 1}));
    const clrnn_forward_args args = {.x = test_tensor(&x, CLRNN_DTYPE_F32, 3, 1, 1, 1),
                                     .y = test_tensor(y, CLRNN_DTYPE_F32, 3, 1, 1, HIDDEN)};
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    for (int u = 0; u < HIDDEN; u++) {
        ck_assert_msg(bits_of(y[u]) == 0x7fc00000, "%s: merge %d: y[%d] is %08x", where, (int)merge,
                      u, bits_of(y[u]));
    }
    clrnn_plan_free(plan);
    clrnn_net_free(net);
}

START_TEST(merged_nan_is_one_pattern) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (size_t place = 0; place < count; place++) {
        merge_to_nan(places[place].context, CLRNN_MERGE_SUM, places[place].name);
        merge_to_nan(places[place].context, CLRNN_MERGE_MUL, places[place].name);
        merge_to_nan(places[place].context, CLRNN_MERGE_AVE, places[place].name);
    }
    test_places_free(places, count);
}
END_TEST

/* ---- tanh and sigmoid ------------------------------------------------------------------------ */

enum { SWEEP = 100000, SWEEP_ROWS = 1000 };

/* All exponents and both signs: the bit patterns up to the largest finite float, in equal steps. */
static float sweep(int i) {
    const uint32_t steps = SWEEP / 2, largest = 0x7f7fffff;
    const uint32_t bits = (uint32_t)((uint64_t)((uint32_t)i % steps) * largest / (steps - 1));
    return float_of(bits | ((uint32_t)i >= steps ? 0x80000000u : 0u));
}

static void sweep_prepare(struct test_case *test, const char *bias, int gate) {
    static const char *const names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    for (int i = 0; i < 4; i++) {
        test_fill_weight(test, names[i], -1, 0.0f);
    }
    test_fill_weight(test, "weight_ih", gate, 1.0f);
    if (bias != NULL) {
        test_fill_weight(test, bias, 0, -1e30f);
    }
    for (int i = 0; i < SWEEP; i++) {
        test->x[i] = sweep(i);
    }
    for (int n = 0; n < test->problem.batch; n++) {
        test->c_0[n] = 1.0f;
    }
}

/* Difference in units of the last place of the expected float. */
static double ulps(float got, double expected) {
    int exponent = 0;
    frexp(expected, &exponent);
    const double ulp = ldexp(1.0, exponent - 24 > -149 ? exponent - 24 : -149);
    return fabs((double)got - expected) / ulp;
}

static void tanh_prepare(struct test_case *test) {
    sweep_prepare(test, NULL, 0);
}

static void tanh_check(const struct test_case *test, const struct test_outcome *result,
                       const char *where) {
    double worst = 0.0;
    float at = 0.0f;
    for (int i = 0; i < SWEEP; i++) {
        const float x = test->x[i], y = result->y[i];
        if (fabsf(x) < FLT_MIN && y == 0.0f) {
            continue; /* a device may flush denormals; strict refuses it */
        }
        const double off = ulps(y, tanh((double)x));
        if (!(off <= worst)) {
            worst = off;
            at = x;
        }
        ck_assert_msg(fabsf(x) > 0x1p-26f || y == x, "%s: tanh(%a) is %a", where, x, y);
        ck_assert_msg(fabsf(y) <= fabsf(x), "%s: tanh(%a) is %a", where, x, y);
        ck_assert_msg(fabsf(y) <= 1.0f && (fabsf(x) < 9.1f || fabsf(y) == 1.0f),
                      "%s: tanh(%a) is %a", where, x, y);
        if (i >= SWEEP / 2) {
            ck_assert_msg(y == -result->y[i - SWEEP / 2], "%s: tanh(%a) is not odd", where, x);
        } else if (i > 0) {
            ck_assert_msg(y >= result->y[i - 1], "%s: tanh falls at %a", where, x);
        }
    }
    ck_assert_msg(worst <= 1.94, "%s: tanh(%a) is %.3g ulp off", where, at, worst);
}

START_TEST(tanh_over_all_exponents) {
    const struct test_known known = {tanh_prepare, tanh_check};
    const struct test_problem problem =
        test_cell_problem(TEST_RNN, SWEEP / SWEEP_ROWS, SWEEP_ROWS, 1, 1, 300);
    test_hold_known(&known, &problem);
}
END_TEST

/* f alone sees x, g is tanh(0) = 0, and c starts at 1: one step gives c' = sigmoid(x). */
static void sigmoid_prepare(struct test_case *test) {
    sweep_prepare(test, "bias_ih", 1);
}

static void sigmoid_check(const struct test_case *test, const struct test_outcome *result,
                          const char *where) {
    double worst = 0.0;
    float at = 0.0f;
    for (int i = 0; i < SWEEP; i++) {
        const float x = test->x[i], y = result->cells[i];
        const double off = fabsf(x) < 80.0f ? ulps(y, 1.0 / (1.0 + exp(-(double)x))) : 0.0;
        if (!(off <= worst)) {
            worst = off;
            at = x;
        }
        ck_assert_msg(y > 0.0f && y <= 1.0f, "%s: sigmoid(%a) is %a", where, x, y);
        ck_assert_msg(x < 80.0f || y == 1.0f, "%s: sigmoid(%a) is %a", where, x, y);
        ck_assert_msg(x > -80.0f || y < 1e-34f, "%s: sigmoid(%a) is %a", where, x, y);
        ck_assert_msg(x != 0.0f || y == 0.5f, "%s: sigmoid(0) is %a", where, y);
    }
    ck_assert_msg(worst <= 2.49, "%s: sigmoid(%a) is %.3g ulp off", where, at, worst);
}

START_TEST(sigmoid_over_all_exponents) {
    const struct test_known known = {sigmoid_prepare, sigmoid_check};
    struct test_problem problem = test_cell_problem(TEST_LSTM, 1, SWEEP, 1, 1, 300);
    test_hold_known(&known, &problem);
}
END_TEST

Suite *special_suite(void) {
    Suite *suite = suite_create("special");
    TCase *each = tcase_create("each cell");
    tcase_set_timeout(each, 600);
    tcase_add_loop_test(each, nan_stays_in_its_row, 0, TEST_CELLS);
    tcase_add_loop_test(each, nan_in_the_start_state, 0, TEST_CELLS);
    tcase_add_loop_test(each, infinite_input, 0, TEST_CELLS);
    tcase_add_test(each, merged_nan_is_one_pattern);
    tcase_add_test(each, tanh_over_all_exponents);
    tcase_add_test(each, sigmoid_over_all_exponents);
    suite_add_tcase(suite, each);
    return suite;
}
