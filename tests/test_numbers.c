/*
 * test_numbers.c: what the equations say exactly: zeros that extend a net, order of units,
 * symmetry, scale, saturation, cells that keep, NaN and infinities, and tanh and sigmoid over all
 * exponents.
 */
#include "suites.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static float *floats(const struct test_case *test, const char *name) {
    return test_weight(test, name).data;
}

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* ---- wider nets, other orders ---------------------------------------------------------------- */

/* Sets the weights of `wide` so that unit u of `test` is its unit place[u], input i its input i,
 * and all else is 0. */
static void embed(const struct test_case *wide, const struct test_case *test, const int *place) {
    const int gates = test_gates(test);
    const int h = test->problem.hidden, hw = wide->problem.hidden;
    const int in = test->problem.inputs, in_wide = wide->problem.inputs;
    static const char *const names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    for (int i = 0; i < 4; i++) {
        test_fill_weight(wide, names[i], -1, 0.0f);
    }
    for (int g = 0; g < gates; g++) {
        for (int u = 0; u < h; u++) {
            const int from = g * h + u, to = g * hw + place[u];
            for (int k = 0; k < in; k++) {
                floats(wide, "weight_ih")[to * in_wide + k] =
                    floats(test, "weight_ih")[from * in + k];
            }
            for (int k = 0; k < h; k++) {
                floats(wide, "weight_hh")[to * hw + place[k]] =
                    floats(test, "weight_hh")[from * h + k];
            }
            floats(wide, "bias_ih")[to] = floats(test, "bias_ih")[from];
            floats(wide, "bias_hh")[to] = floats(test, "bias_hh")[from];
        }
    }
    for (int n = 0; n < test->problem.batch; n++) {
        for (int t = 0; t < test->problem.steps; t++) {
            /* the further inputs keep their random values: their weights are 0 */
            memcpy(test_row(&wide->problem, wide->x, in_wide, t, n),
                   test_row(&test->problem, test->x, in, t, n), (size_t)in * sizeof(float));
        }
        for (int u = 0; u < hw; u++) {
            wide->h_0[n * hw + u] = wide->c_0[n * hw + u] = 0.0f;
        }
        for (int u = 0; u < h; u++) {
            wide->h_0[n * hw + place[u]] = test->h_0[n * h + u];
            wide->c_0[n * hw + place[u]] = test->c_0[n * h + u];
        }
    }
}

static void check_embedded(const struct test_case *test, const struct test_outcome *whole,
                           clrnn_context *context, const char *algorithm, const char *where,
                           int inputs, int hidden, const int *place) {
    struct test_problem problem = test->problem;
    problem.inputs = inputs;
    problem.hidden = hidden;
    struct test_case *wide = test_case_make(&problem);
    struct test_outcome result;
    embed(wide, test, place);
    test_run(&result, wide, context, algorithm);
    for (int n = 0; n < problem.batch; n++) {
        for (int t = 0; t < problem.steps; t++) {
            const float *expected = test_row(&test->problem, whole->y, test->problem.hidden, t, n);
            const float *got = test_row(&problem, result.y, hidden, t, n);
            for (int u = 0; u < test->problem.hidden; u++) {
                ck_assert_msg(bits_of(expected[u]) == bits_of(got[place[u]]),
                              "%s in I=%d, H=%d: %s: y[%d][%d][%d] is %.9g, expected %.9g",
                              test->text, inputs, hidden, where, t, n, u, got[place[u]],
                              expected[u]);
            }
        }
    }
    test_result_free(&result);
    test_case_free(wide);
}

/* Below 64 units a sum is one chain, which zeros at its end do not change. */
static void extended(const struct test_case *test, const struct test_outcome *whole,
                     clrnn_context *context, const char *algorithm, const char *where) {
    int same[64];
    for (int u = 0; u < 64; u++) {
        same[u] = u;
    }
    check_embedded(test, whole, context, algorithm, where, 9, 7, same);
    check_embedded(test, whole, context, algorithm, where, 4, 19, same);
    if (getenv("CLRNN_LONG") != NULL) {
        check_embedded(test, whole, context, algorithm, where, 9, 45, same);
    }
}

START_TEST(zeros_extend_a_net) {
    const struct test_problem problem = test_cell_problem(_i, 5, 3, 4, 7, 300);
    test_hold(extended, &problem, 1);
}
END_TEST

/* On integers every sum is exact, so that neither the order of units nor slices matter. Not for gru
 * with reset before: its second sum is over r h. */
static void reordered(const struct test_case *test, const struct test_outcome *whole,
                      clrnn_context *context, const char *algorithm, const char *where) {
    const int h = test->problem.hidden;
    int turned[8], spread[8];
    for (int u = 0; u < h; u++) {
        turned[u] = (u * 3 + 5) % h;
        spread[u] = (u * 3 + 5) % h * 11; /* over all slices of 67 units */
    }
    check_embedded(test, whole, context, algorithm, where, 4, h, turned);
    check_embedded(test, whole, context, algorithm, where, 4, 67, spread);
}

START_TEST(units_in_another_order) {
    /* only relu keeps integers integers; 4 steps of 7 units stay below 2^24 */
    struct test_problem problem = test_cell_problem(_i, _i == TEST_RELU ? 4 : 1, 3, 4, 7, 300);
    problem.integers = 1;
    test_hold(reordered, &problem, 1);
}
END_TEST

/* ---- symmetry and scale ---------------------------------------------------------------------- */

static void check_scaled(struct test_case *test, float factor) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    const struct test_problem *p = &test->problem;
    test_fill_weight(test, "bias_ih", -1, 0.0f);
    test_fill_weight(test, "bias_hh", -1, 0.0f);
    struct test_case *other = test_case_make(p);
    test_fill_weight(other, "bias_ih", -1, 0.0f);
    test_fill_weight(other, "bias_hh", -1, 0.0f);
    for (int i = 0; i < p->steps * p->batch * p->inputs; i++) {
        other->x[i] = factor * test->x[i];
    }
    for (int i = 0; i < p->batch * p->hidden; i++) {
        other->h_0[i] = factor * test->h_0[i];
    }
    for (size_t place = 0; place < count; place++) {
        clrnn_algorithm_info algorithms[8];
        const size_t ways = test_algorithms(algorithms, 8, places[place].context, test);
        for (size_t way = 0; way < ways; way++) {
            struct test_outcome a, b;
            test_run(&a, test, places[place].context, algorithms[way].name);
            test_run(&b, other, places[place].context, algorithms[way].name);
            for (size_t i = 0; i < a.y_count; i++) {
                ck_assert_msg(a.y[i] * factor == b.y[i], "%s x %g: %s %s: y[%zu] %.9g and %.9g",
                              test->text, factor, places[place].name, algorithms[way].name, i,
                              a.y[i], b.y[i]);
            }
            test_result_free(&a);
            test_result_free(&b);
        }
    }
    test_case_free(other);
    test_places_free(places, count);
}

START_TEST(tanh_net_is_odd) {
    struct test_problem problem = test_cell_problem(TEST_RNN, 6, 3, 5, 19, 300);
    problem.gain = 1.5;
    struct test_case *test = test_case_make(&problem);
    check_scaled(test, -1.0f);
    test_case_free(test);
}
END_TEST

START_TEST(relu_net_is_homogeneous) {
    const float factors[] = {0x1p-10f, 0x1p20f};
    struct test_problem problem = test_cell_problem(TEST_RELU, 6, 3, 5, 19, 300);
    struct test_case *test = test_case_make(&problem);
    check_scaled(test, factors[_i]);
    test_case_free(test);
}
END_TEST

/* ---- nets whose answer is known -------------------------------------------------------------- */

/* R = 0: the same input gives the same output at every step, whatever came before. */
static void forgets_prepare(struct test_case *test) {
    const struct test_problem *p = &test->problem;
    test_fill_weight(test, "weight_hh", -1, 0.0f);
    for (int n = 0; n < p->batch; n++) {
        memcpy(test_row(p, test->x, p->inputs, p->steps - 1, n),
               test_row(p, test->x, p->inputs, 1, n), (size_t)p->inputs * sizeof(float));
    }
}

static void forgets_check(const struct test_case *test, const struct test_outcome *result,
                          const char *where) {
    for (int n = 0; n < test->problem.batch; n++) {
        test_same_steps(test, result, 1, n, test, result, test->problem.steps - 1, n, 1, where);
    }
}

START_TEST(no_recurrence_forgets_time) {
    const struct test_known known = {forgets_prepare, forgets_check};
    struct test_problem problem = test_cell_problem(_i, 5, 3, 5, 19, 300);
    problem.direction = _i ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
    test_hold_known(&known, &problem);
}
END_TEST

/* Unit u hands its value to unit u + 1 at each step, and unit 0 takes the input: a delay line. It
 * finds R for R transposed, steps off by one, and ends of tiles. */
static void delay_prepare(struct test_case *test) {
    const struct test_problem *p = &test->problem;
    static const char *const names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    for (int i = 0; i < 4; i++) {
        test_fill_weight(test, names[i], -1, 0.0f);
    }
    floats(test, "weight_ih")[0] = 1.0f;
    for (int u = 1; u < p->hidden; u++) {
        floats(test, "weight_hh")[u * p->hidden + u - 1] = 1.0f;
    }
    for (int i = 0; i < p->steps * p->batch * p->inputs; i++) {
        test->x[i] = fabsf(test->x[i]);
    }
    for (int i = 0; i < p->batch * p->hidden; i++) {
        test->h_0[i] = fabsf(test->h_0[i]);
    }
}

static void delay_check(const struct test_case *test, const struct test_outcome *result,
                        const char *where) {
    const struct test_problem *p = &test->problem;
    const int reverse = p->direction == CLRNN_DIRECTION_REVERSE;
    for (int n = 0; n < p->batch; n++) {
        for (int step = 0; step < p->steps; step++) {
            const int t = reverse ? p->steps - 1 - step : step;
            const float *y = test_row(p, result->y, p->hidden, t, n);
            for (int u = 0; u < p->hidden; u++) {
                const int from = reverse ? t + u : t - u;
                const float expected = u <= step ? *test_row(p, test->x, 1, from, n)
                                                 : test->h_0[n * p->hidden + u - step - 1];
                ck_assert_msg(y[u] == expected, "%s: %s: y[%d][%d][%d] is %.9g, expected %.9g",
                              test->text, where, t, n, u, y[u], expected);
            }
        }
    }
}

START_TEST(delay_line) {
    static const int hidden[] = {7, 16, 67, 131};
    const struct test_known known = {delay_prepare, delay_check};
    struct test_problem problem =
        test_cell_problem(TEST_RELU, 80, _i == 1 ? 1 : 5, 1, hidden[_i], 300);
    problem.direction = _i % 2 ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
    problem.batch_first = _i / 2;
    test_hold_known(&known, &problem);
}
END_TEST

/* Sums far out: tanh is +-1, the gates 0 or 1, exactly. lstm: o = 1, h = tanh(c). */
static void saturates_prepare(struct test_case *test) {
    const struct test_problem *p = &test->problem;
    for (int i = 0; i < test_gates(test) * p->hidden; i++) {
        floats(test, "bias_ih")[i] = i % 2 ? 1e4f : -1e4f;
    }
    if (p->cell != CLRNN_CELL_RNN) {
        test_fill_weight(test, "bias_ih", 1, -1e30f); /* f or z: 0 */
    }
    if (p->cell == CLRNN_CELL_LSTM) {
        test_fill_weight(test, "bias_ih", 0, 1e30f); /* i: 1, so that c' = g */
        test_fill_weight(test, "bias_ih", 3, 1e30f);
    }
}

static void saturates_check(const struct test_case *test, const struct test_outcome *result,
                            const char *where) {
    const struct test_problem *p = &test->problem;
    const float *values = p->cell == CLRNN_CELL_LSTM ? result->cells : result->y;
    const int gate = p->cell == CLRNN_CELL_RNN ? 0 : 2;
    for (size_t i = 0; i < result->y_count; i++) {
        const int unit = (int)(i % (size_t)p->hidden) + gate * p->hidden;
        const float expected = unit % 2 ? 1.0f : -1.0f;
        ck_assert_msg(values[i] == expected, "%s: %s: [%zu] is %.9g, expected %g", test->text,
                      where, i, values[i], expected);
    }
}

START_TEST(saturation_is_exact) {
    static const int cells[] = {TEST_RNN, TEST_LSTM, TEST_GRU, TEST_GRU_BEFORE};
    const struct test_known known = {saturates_prepare, saturates_check};
    const struct test_problem problem = test_cell_problem(cells[_i], 4, 3, 5, 19, 300);
    test_hold_known(&known, &problem);
}
END_TEST

/* lstm with f = 1 and i = 0 keeps c; gru with z = 1 keeps h. */
static void keeps_prepare(struct test_case *test) {
    test_fill_weight(test, "bias_ih", 1, 1e30f);
    if (test->problem.cell == CLRNN_CELL_LSTM) {
        test_fill_weight(test, "bias_ih", 0, -1e30f);
    }
}

static void keeps_check(const struct test_case *test, const struct test_outcome *result,
                        const char *where) {
    const struct test_problem *p = &test->problem;
    const int lstm = p->cell == CLRNN_CELL_LSTM;
    for (int n = 0; n < p->batch; n++) {
        for (int t = 0; t < p->steps; t++) {
            const float *got = test_row(p, lstm ? result->cells : result->y, p->hidden, t, n);
            for (int u = 0; u < p->hidden; u++) {
                const float expected = (lstm ? test->c_0 : test->h_0)[n * p->hidden + u];
                ck_assert_msg(got[u] == expected, "%s: %s: [%d][%d][%d] is %.9g, expected %.9g",
                              test->text, where, t, n, u, got[u], expected);
            }
        }
    }
}

START_TEST(gates_that_keep) {
    const struct test_known known = {keeps_prepare, keeps_check};
    const struct test_problem problem = test_cell_problem(TEST_LSTM + _i, 50, 3, 5, 19, 300);
    test_hold_known(&known, &problem);
}
END_TEST

/* ---- gates ----------------------------------------------------------------------------------- */

/* What the gates that are given make of the state before, by the kernels' own operations: h of rnn and
 * gru, c of lstm, whose h is o tanh(c). */
static void check_gates(const struct test_case *test, const struct test_outcome *whole, int t,
                        int n, const float *h, const float *c, const char *where) {
    const struct test_problem *p = &test->problem;
    const float *gates = test_row(p, whole->gates, test_gates(test) * p->hidden, t, n);
    const float *h_next = test_row(p, whole->hiddens, p->hidden, t, n);
    const float *c_next = test_row(p, whole->cells, p->hidden, t, n);
    for (int u = 0; u < p->hidden; u++) {
        const float a = gates[u]; /* h; i; r */
        float expected = a, got = h_next[u];
        if (p->cell == CLRNN_CELL_LSTM) {
            const float f = gates[p->hidden + u], g = gates[2 * p->hidden + u];
            const double o = (double)gates[3 * p->hidden + u];
            expected = fmaf(f, c[u], a * g);
            got = c_next[u];
            ck_assert_double_eq_tol((double)h_next[u], o * tanh((double)got), 2e-7);
        } else if (p->cell == CLRNN_CELL_GRU) {
            const float z = gates[p->hidden + u], new = gates[2 * p->hidden + u];
            expected = fmaf(z, h[u], fmaf(-z, new, new));
            ck_assert_msg(a > 0.0f && a < 1.0f, "%s: %s: r is %g", test->text, where, a);
        }
        ck_assert_msg(bits_of(expected) == bits_of(got),
                      "%s: %s: the gates at [%d][%d][%d] make %.9g, the result is %.9g", test->text,
                      where, t, n, u, expected, got);
    }
}

static void gates_make(const struct test_case *test, const struct test_outcome *whole,
                       clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    const int reverse = p->direction == CLRNN_DIRECTION_REVERSE;
    (void)context;
    (void)algorithm;
    for (int n = 0; n < p->batch; n++) {
        const float *h = test->h_0 + n * p->hidden, *c = test->c_0 + n * p->hidden;
        const int length = p->lengths == LENGTHS_NONE ? p->steps : test->lengths[n];
        for (int step = 0; step < length; step++) {
            const int t = reverse ? length - 1 - step : step;
            check_gates(test, whole, t, n, h, c, where);
            h = test_row(p, whole->hiddens, p->hidden, t, n);
            c = test_row(p, whole->cells, p->hidden, t, n);
        }
    }
}

START_TEST(gates_make_the_state) {
    struct test_problem problems[] = {test_cell_problem(_i, 6, 5, 4, 19, 300),
                                      test_cell_problem(_i, 4, 3, 4, 67, 300)};
    problems[0].lengths = LENGTHS_RAGGED;
    problems[0].direction = CLRNN_DIRECTION_REVERSE;
    problems[1].batch_first = 1;
    test_hold(gates_make, problems, 2);
}
END_TEST

Suite *numbers_suite(void) {
    Suite *suite = suite_create("numbers");
    TCase *each = tcase_create("each cell");
    tcase_set_timeout(each, 600);
    tcase_add_loop_test(each, zeros_extend_a_net, 0, TEST_CELLS);
    tcase_add_loop_test(each, units_in_another_order, 0, TEST_CELLS - 1);
    tcase_add_test(each, tanh_net_is_odd);
    tcase_add_loop_test(each, relu_net_is_homogeneous, 0, 2);
    tcase_add_loop_test(each, no_recurrence_forgets_time, 0, 2);
    tcase_add_loop_test(each, delay_line, 0, 4);
    tcase_add_loop_test(each, saturation_is_exact, 0, 4);
    tcase_add_loop_test(each, gates_that_keep, 0, 3);
    tcase_add_loop_test(each, gates_make_the_state, 0, TEST_CELLS);
    suite_add_tcase(suite, each);
    return suite;
}
