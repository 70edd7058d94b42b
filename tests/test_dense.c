/*
 * test_dense.c: the cell without a recurrence: y = act(W_ih x + b_ih), every step by itself. Its h is
 * what it gave last.
 */
#include "suites.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct test_problem dense_problem(int steps, int batch, int inputs, int hidden,
                                         uint64_t seed) {
    return (struct test_problem){.cell = CLRNN_CELL_DENSE,
                                 .steps = steps,
                                 .batch = batch,
                                 .inputs = inputs,
                                 .hidden = hidden,
                                 .gain = 1,
                                 .seed = seed};
}

static const int sizes[] = {1, 2, 7, 15, 16, 17, 33, 128, 257};
enum { SIZES = sizeof sizes / sizeof sizes[0] };

/* Judged right on every place by every algorithm, with the same bits. */
START_TEST(is_right_everywhere) {
    static const int batches[] = {1, 3, 8, 100};
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++) {
        const struct test_problem problem =
            dense_problem(b % 2 == 0 ? 3 : 1, batches[b], sizes[_i],
                          sizes[(_i * 4 + (int)b) % SIZES], 700 + (uint64_t)_i);
        struct test_case *test = test_case_make(&problem);
        struct test_outcome first = {0};
        for (size_t place = 0; place < count; place++) {
            clrnn_algorithm_info infos[16];
            const size_t algorithms = test_algorithms(infos, 16, places[place].context, test);
            ck_assert_uint_gt(algorithms, 0);
            for (size_t i = 0; i < algorithms; i++) {
                struct test_outcome result;
                test_run(&result, test, places[place].context, infos[i].name);
                test_judge(test, &result, places[place].name);
                if (first.y == NULL) {
                    first = result;
                    continue;
                }
                test_same(test, &first, &result, places[place].name);
                test_result_free(&result);
            }
        }
        test_result_free(&first);
        test_case_free(test);
    }
    test_places_free(places, count);
}
END_TEST

/* Plain sums in float64 of small integers, which float32 has exactly. */
START_TEST(integers_are_exact) {
    enum { ROWS = 2000, INPUTS = 37, OUTPUTS = 19 };
    static float x[ROWS * INPUTS], w[OUTPUTS * INPUTS], bias[OUTPUTS], y[ROWS * OUTPUTS];
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    const clrnn_net_desc desc = {
        .inputs = INPUTS,
        .layer = {.cell = CLRNN_CELL_DENSE, .hidden = OUTPUTS, .bias = CLRNN_BIAS_SINGLE}};
    clrnn_net *net = NULL;
    for (int i = 0; i < ROWS * INPUTS; i++) {
        x[i] = (float)(i * 7 % 23 - 11);
    }
    for (int i = 0; i < OUTPUTS * INPUTS; i++) {
        w[i] = (float)(i * 5 % 17 - 8);
    }
    for (int i = 0; i < OUTPUTS; i++) {
        bias[i] = (float)(i - 9);
    }
    ok(clrnn_net_create(&net, &desc));
    ok(clrnn_net_set_weight(net, "weight_ih_l0",
                            &(clrnn_tensor){.data = w, .rank = 2, .shape = {OUTPUTS, INPUTS}}));
    ok(clrnn_net_set_weight(net, "bias_ih_l0",
                            &(clrnn_tensor){.data = bias, .rank = 1, .shape = {OUTPUTS}}));
    fails(clrnn_net_set_weight(net, "weight_hh_l0",
                               &(clrnn_tensor){.data = w, .rank = 2, .shape = {OUTPUTS, OUTPUTS}}),
          ARGUMENT, "weight_hh_l0");
    for (size_t place = 0; place < count; place++) {
        clrnn_plan *plan = NULL;
        const clrnn_plan_desc plan_desc = {.steps = 1, .batch = ROWS};
        const clrnn_forward_args args = {.x = {.data = x, .rank = 3, .shape = {1, ROWS, INPUTS}},
                                         .y = {.data = y, .rank = 3, .shape = {1, ROWS, OUTPUTS}}};
        ok(clrnn_plan_create(&plan, places[place].context, net, &plan_desc));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        for (int n = 0; n < ROWS; n++) {
            for (int o = 0; o < OUTPUTS; o++) {
                double sum = bias[o];
                for (int k = 0; k < INPUTS; k++) {
                    sum += (double)x[n * INPUTS + k] * (double)w[o * INPUTS + k];
                }
                ck_assert_msg((double)y[n * OUTPUTS + o] == sum,
                              "%s: row %d, output %d: %g, not %g", places[place].name, n, o,
                              (double)y[n * OUTPUTS + o], sum);
            }
        }
        clrnn_plan_free(plan);
    }
    clrnn_net_free(net);
    test_places_free(places, count);
}
END_TEST

/* Every activation, without a bias and with lengths, judged. */
START_TEST(takes_every_activation) {
    enum { STEPS = 3, ROWS = 5, INPUTS = 9, OUTPUTS = 18 };
    static float x[STEPS * ROWS * INPUTS], w[OUTPUTS * INPUTS], y[STEPS * ROWS * OUTPUTS];
    static const int32_t lengths[ROWS] = {3, 1, 0, 2, 3};
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    clrnn_net *net = NULL;
    for (int i = 0; i < STEPS * ROWS * INPUTS; i++) {
        x[i] = (float)sin(i * 1.7);
    }
    for (int i = 0; i < OUTPUTS * INPUTS; i++) {
        w[i] = (float)cos(i * 2.3);
    }
    clrnn_net_desc desc = {
        .inputs = INPUTS,
        .layer = {.cell = CLRNN_CELL_DENSE, .hidden = OUTPUTS, .bias = CLRNN_BIAS_NONE}};
    desc.layer.acts[0][0].kind = (clrnn_act)_i;
    ok(clrnn_net_create(&net, &desc));
    ok(clrnn_net_set_weight(net, "weight_ih_l0",
                            &(clrnn_tensor){.data = w, .rank = 2, .shape = {OUTPUTS, INPUTS}}));
    for (size_t place = 0; place < count; place++) {
        clrnn_plan *plan = NULL;
        clrnn_judgement judgement;
        const clrnn_plan_desc plan_desc = {.steps = STEPS, .batch = ROWS};
        const clrnn_forward_args args = {
            .x = {.data = x, .rank = 3, .shape = {STEPS, ROWS, INPUTS}},
            .y = {.data = y, .rank = 3, .shape = {STEPS, ROWS, OUTPUTS}},
            .lengths = {
                .data = (void *)lengths, .dtype = CLRNN_DTYPE_I32, .rank = 1, .shape = {ROWS}}};
        ok(clrnn_plan_create(&plan, places[place].context, net, &plan_desc));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        ok(clrnn_judge(&judgement, net, 0, &args));
        ck_assert_msg(judgement.bad == 0 && judgement.ratio <= 1, "%s: %s: ratio %g",
                      places[place].name, clrnn_act_name((clrnn_act)_i), judgement.ratio);
        y[7] += 1e-3f;
        ok(clrnn_judge(&judgement, net, 0, &args));
        ck_assert_int_eq(judgement.bad, 1);
        clrnn_plan_free(plan);
    }
    clrnn_net_free(net);
    test_places_free(places, count);
}
END_TEST

/* What a row gives depends on no other row, and NaN stays in its own. */
START_TEST(rows_are_alone) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    const struct test_problem problem = dense_problem(2, 9, 33, 40, 750);
    struct test_case *test = test_case_make(&problem);
    for (size_t place = 0; place < count; place++) {
        struct test_outcome clean, result;
        test_run(&clean, test, places[place].context, NULL);
        const float kept = test->x[4 * 33 + 2]; /* step 0, row 4 */
        test->x[4 * 33 + 2] = NAN;
        test_run(&result, test, places[place].context, NULL);
        test->x[4 * 33 + 2] = kept;
        for (int i = 0; i < 2 * 9 * 40; i++) {
            const int is_hit = i / 40 == 4;
            ck_assert_msg(is_hit ? isnan(result.y[i]) : result.y[i] == clean.y[i], "%s: value %d",
                          places[place].name, i);
        }
        test_result_free(&clean);
        test_result_free(&result);
    }
    test_case_free(test);
    test_places_free(places, count);
}
END_TEST

/* It looks back at nothing, so that nothing is kept in registers or split at every step. */
START_TEST(refuses_what_is_for_recurrences) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    const struct test_problem problem = dense_problem(2, 4, 128, 128, 760);
    struct test_case *test = test_case_make(&problem);
    for (size_t place = 0; place < count; place++) {
        clrnn_plan *plan = NULL;
        clrnn_plan_desc desc = test_plan_desc(test, "persist/panel");
        ck_assert_int_eq(clrnn_plan_create(&plan, places[place].context, test->net, &desc),
                         CLRNN_STATUS_UNSUPPORTED);
        desc.algorithm = "single/register";
        ck_assert_int_eq(clrnn_plan_create(&plan, places[place].context, test->net, &desc),
                         CLRNN_STATUS_UNSUPPORTED);
    }
    test_case_free(test);
    test_places_free(places, count);
}
END_TEST

Suite *dense_suite(void) {
    Suite *suite = suite_create("dense");
    TCase *layers = tcase_create("layers");
    tcase_add_loop_test(layers, is_right_everywhere, 0, SIZES);
    tcase_add_test(layers, integers_are_exact);
    tcase_add_loop_test(layers, takes_every_activation, CLRNN_ACT_TANH, CLRNN_ACT_MISH + 1);
    tcase_add_test(layers, rows_are_alone);
    tcase_add_test(layers, refuses_what_is_for_recurrences);
    suite_add_tcase(suite, layers);
    return suite;
}
