/*
 * test_invariance.c: what must not change a bit: the order and the size of the batch, where time is
 * cut, what lies behind a length, how arrays are laid out, how often and with which plan it runs.
 *
 * Each property takes one case on one way to run (place and algorithm) and runs a changed case
 * there.
 */
#include "memory.h"
#include "suites.h"
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A small problem, reverse, and a forward one with slices (H >= 64), batch first. */
static void hold(test_property *property, int cell, enum lengths lengths) {
    struct test_problem problems[] = {test_cell_problem(cell, 7, 8, 3, 19, 100),
                                      test_cell_problem(cell, 5, 5, 17, 67, 110)};
    problems[0].direction = CLRNN_DIRECTION_REVERSE;
    problems[0].gain = 1.5;
    problems[1].batch_first = 1;
    problems[0].lengths = problems[1].lengths = lengths;
    test_hold(property, problems, 2);
}

/* Gives the row the length that it has in another case. */
static void copy_length(struct test_case *to, int n_to, const struct test_case *from, int n_from) {
    to->lengths[n_to] = from->lengths[n_from];
}

static void permuted(const struct test_case *test, const struct test_outcome *whole,
                     clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    struct test_case *other = test_case_like(test, p->steps, p->batch);
    struct test_outcome result;
    for (int n = 0; n < p->batch; n++) {
        test_copy_row(other, 0, (n * 3 + 2) % p->batch, test, 0, n, p->steps);
        copy_length(other, (n * 3 + 2) % p->batch, test, n);
    }
    test_run(&result, other, context, algorithm);
    for (int n = 0; n < p->batch; n++) {
        const int moved = (n * 3 + 2) % p->batch;
        test_same_steps(test, whole, 0, n, other, &result, 0, moved, p->steps, where);
        test_same_final(test, whole, n, &result, moved, where);
    }
    test_result_free(&result);
    test_case_free(other);
}

START_TEST(batch_order) {
    hold(permuted, _i, LENGTHS_RAGGED);
}
END_TEST

/* Rows alone, whole or cut to their own length. */
static void rows_alone(const struct test_case *test, const struct test_outcome *whole,
                       clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    for (int n = 0; n < p->batch; n++) {
        const int length = p->lengths == LENGTHS_NONE ? p->steps : test->lengths[n];
        if (length == 0) {
            continue; /* there is no call without steps; zero_length has it */
        }
        struct test_case *alone = test_case_like(test, length, 1);
        struct test_outcome result;
        alone->problem.lengths = LENGTHS_NONE;
        test_copy_row(alone, 0, 0, test, 0, n, length);
        test_run(&result, alone, context, algorithm);
        test_same_steps(test, whole, 0, n, alone, &result, 0, 0, length, where);
        test_same_final(test, whole, n, &result, 0, where);
        test_result_free(&result);
        test_case_free(alone);
    }
}

START_TEST(batch_is_its_rows) {
    hold(rows_alone, _i, LENGTHS_NONE);
}
END_TEST

START_TEST(ragged_is_separate_runs) {
    hold(rows_alone, _i, LENGTHS_RAGGED);
}
END_TEST

/* h_n, c_n of a piece are h_0, c_0 of the next; a reverse layer takes the pieces from the end. */
static void cut_in_time(const struct test_case *test, const struct test_outcome *whole,
                        clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    const size_t words = (size_t)p->batch * (size_t)p->hidden;
    for (int size = 1; size <= 3; size += 2) {
        float *h = malloc(words * sizeof *h), *c = malloc(words * sizeof *c);
        memcpy(h, test->h_0, words * sizeof *h);
        memcpy(c, test->c_0, words * sizeof *c);
        for (int done = 0; done < p->steps; done += size) {
            const int rest = p->steps - done, count = rest < size ? rest : size;
            const int first = p->direction == CLRNN_DIRECTION_REVERSE ? rest - count : done;
            struct test_case *piece = test_case_like(test, count, p->batch);
            struct test_outcome result;
            for (int n = 0; n < p->batch; n++) {
                test_copy_row(piece, 0, n, test, first, n, count);
            }
            memcpy(piece->h_0, h, words * sizeof *h);
            memcpy(piece->c_0, c, words * sizeof *c);
            test_run(&result, piece, context, algorithm);
            for (int n = 0; n < p->batch; n++) {
                test_same_steps(test, whole, first, n, piece, &result, 0, n, count, where);
                if (rest == count) {
                    test_same_final(test, whole, n, &result, n, where);
                }
            }
            memcpy(h, result.h_n, words * sizeof *h);
            memcpy(c, result.c_n, words * sizeof *c);
            test_result_free(&result);
            test_case_free(piece);
        }
        free(h);
        free(c);
    }
}

START_TEST(time_cut_by_hand) {
    hold(cut_in_time, _i, LENGTHS_NONE);
}
END_TEST

/* The other direction on x turned round: each row within its length. */
static void flipped(const struct test_case *test, const struct test_outcome *whole,
                    clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    struct test_problem turned = *p;
    turned.direction =
        p->direction == CLRNN_DIRECTION_REVERSE ? CLRNN_DIRECTION_FORWARD : CLRNN_DIRECTION_REVERSE;
    struct test_case *other = test_case_make(&turned);
    struct test_outcome result;
    for (int n = 0; n < p->batch; n++) {
        copy_length(other, n, test, n);
        for (int t = 0; t < test->lengths[n]; t++) {
            test_copy_row(other, test->lengths[n] - 1 - t, n, test, t, n, 1);
        }
        test_copy_row(other, 0, n, test, 0, n, 0);
    }
    test_run(&result, other, context, algorithm);
    for (int n = 0; n < p->batch; n++) {
        for (int t = 0; t < test->lengths[n]; t++) {
            test_same_steps(test, whole, t, n, other, &result, test->lengths[n] - 1 - t, n, 1,
                            where);
        }
        test_same_final(test, whole, n, &result, n, where);
    }
    test_result_free(&result);
    test_case_free(other);
}

START_TEST(reverse_is_flipped_forward) {
    hold(flipped, _i, LENGTHS_NONE);
}
END_TEST

START_TEST(reverse_is_flipped_forward_ragged) {
    hold(flipped, _i, LENGTHS_RAGGED);
}
END_TEST

static void check_padding(const struct test_case *test, float *values, int width, int t, int n,
                          const char *where) {
    const float *row = test_row(&test->problem, values, width, t, n);
    for (int u = 0; u < width; u++) {
        ck_assert_msg(row[u] == 0.0f && !signbit(row[u]), "%s: %s: padding is %g", test->text,
                      where, row[u]);
    }
}

/* NaN and infinities past a length change nothing; outputs there are +0. */
static void padded(const struct test_case *test, const struct test_outcome *whole,
                   clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    const float nothing[3] = {NAN, INFINITY, -INFINITY};
    struct test_case *other = test_case_like(test, p->steps, p->batch);
    struct test_outcome result;
    for (int n = 0; n < p->batch; n++) {
        for (int t = test->lengths[n]; t < p->steps; t++) {
            for (int i = 0; i < p->inputs; i++) {
                test_row(p, other->x, p->inputs, t, n)[i] = nothing[(t + n + i) % 3];
            }
        }
    }
    test_run(&result, other, context, algorithm);
    test_same(test, whole, &result, where);
    for (int n = 0; n < p->batch; n++) {
        for (int t = test->lengths[n]; t < p->steps; t++) {
            check_padding(test, result.y, p->hidden, t, n, where);
            check_padding(test, result.hiddens, p->hidden, t, n, where);
            check_padding(test, result.gates, test_gates(test) * p->hidden, t, n, where);
            if (p->cell == CLRNN_CELL_LSTM) {
                check_padding(test, result.cells, p->hidden, t, n, where);
            }
        }
    }
    test_result_free(&result);
    test_case_free(other);
}

START_TEST(padding_changes_nothing) {
    hold(padded, _i, LENGTHS_RAGGED);
}
END_TEST

/* A row of length 0 ends in the state it starts with, bit for bit. */
static void zero_length(const struct test_case *test, const struct test_outcome *whole,
                        clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    (void)context;
    (void)algorithm;
    for (int n = 0; n < p->batch; n++) {
        size_t at = 0;
        const size_t row = (size_t)n * (size_t)p->hidden, count = (size_t)p->hidden;
        if (test->lengths[n] == 0) {
            ck_assert_msg(test_same_bits(whole->h_n + row, test->h_0 + row, count, &at),
                          "%s: %s: h_n of row %d is not h_0", test->text, where, n);
            ck_assert_msg(p->cell != CLRNN_CELL_LSTM ||
                              test_same_bits(whole->c_n + row, test->c_0 + row, count, &at),
                          "%s: %s: c_n of row %d is not c_0", test->text, where, n);
        }
    }
}

START_TEST(zero_lengths_keep_the_state) {
    hold(zero_length, _i, LENGTHS_ZEROS);
}
END_TEST

static void transposed(const struct test_case *test, const struct test_outcome *whole,
                       clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    struct test_problem turned = *p;
    turned.batch_first = !p->batch_first;
    struct test_case *other = test_case_make(&turned);
    struct test_outcome result;
    for (int n = 0; n < p->batch; n++) {
        test_copy_row(other, 0, n, test, 0, n, p->steps);
        copy_length(other, n, test, n);
    }
    test_run(&result, other, context, algorithm);
    for (int n = 0; n < p->batch; n++) {
        test_same_steps(test, whole, 0, n, other, &result, 0, n, p->steps, where);
        test_same_final(test, whole, n, &result, n, where);
    }
    test_result_free(&result);
    test_case_free(other);
}

START_TEST(batch_first_is_transposed) {
    hold(transposed, _i, LENGTHS_RAGGED);
}
END_TEST

/* ---- views ----------------------------------------------------------------------------------- */

static clrnn_plan *make_plan(const struct test_case *test, clrnn_context *context,
                             const char *algorithm, int steps, int batch) {
    clrnn_plan_desc desc = test_plan_desc(test, algorithm);
    desc.steps = steps;
    desc.batch = batch;
    return test_plan(test, context, &desc);
}

static void strided(const struct test_case *test, const struct test_outcome *whole,
                    clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    clrnn_plan *plan = make_plan(test, context, algorithm, p->steps, p->batch);
    struct test_outcome result;
    test_run_views(&result, test, plan);
    test_same(test, whole, &result, where);
    test_result_free(&result);
    clrnn_plan_free(plan);
}

START_TEST(views_with_gaps) {
    hold(strided, _i, LENGTHS_RAGGED);
}
END_TEST

/* ---- plans and repetition -------------------------------------------------------------------- */

/* One plan for more steps and rows than any call; between the runs a call of another size. */
static void reused(const struct test_case *test, const struct test_outcome *whole,
                   clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    clrnn_plan *plan = make_plan(test, context, algorithm, p->steps + 4, p->batch + 3);
    for (int run = 0; run < 3; run++) {
        struct test_case *other = test_case_like(test, 1 + run, 1 + 2 * run);
        struct test_outcome result, others;
        test_run_plan(&result, test, plan);
        test_same(test, whole, &result, where);
        test_run_plan(&others, other, plan);
        test_result_free(&result);
        test_run(&result, other, context, algorithm);
        test_same(other, &result, &others, where);
        test_result_free(&result);
        test_result_free(&others);
        test_case_free(other);
    }
    clrnn_plan_free(plan);
}

START_TEST(plan_reused_for_less) {
    hold(reused, _i, LENGTHS_RAGGED);
}
END_TEST

static void five_times(const struct test_case *test, const struct test_outcome *whole,
                       clrnn_context *context, const char *algorithm, const char *where) {
    clrnn_plan *plan =
        make_plan(test, context, algorithm, test->problem.steps, test->problem.batch);
    for (int run = 0; run < 5; run++) {
        struct test_outcome result;
        test_run_plan(&result, test, plan);
        test_same(test, whole, &result, where);
        test_result_free(&result);
    }
    clrnn_plan_free(plan);
}

START_TEST(five_runs_agree) {
    hold(five_times, _i, LENGTHS_NONE);
}
END_TEST

/* h_0 and c_0 of zeros, one of them or none given: the same, after a call that left other states.
 */
static void absent(const struct test_case *test, const struct test_outcome *whole,
                   clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    const size_t bytes = (size_t)p->batch * (size_t)p->hidden * sizeof(float);
    clrnn_plan *plan = make_plan(test, context, algorithm, p->steps, p->batch);
    struct test_case *zero = test_case_like(test, p->steps, p->batch);
    struct test_outcome given, result;
    (void)whole;
    memset(zero->h_0, 0, bytes);
    memset(zero->c_0, 0, bytes);
    test_run(&given, zero, context, algorithm);
    for (int missing = 1; missing <= 3; missing++) {
        test_result_make(&result, test);
        const clrnn_forward_args before = test_args(test, &result);
        ok(clrnn_forward(plan, &before, 0, NULL, NULL));
        clrnn_forward_args args = test_args(zero, &result);
        args.h_0 = missing & 1 ? (clrnn_tensor){0} : args.h_0;
        args.c_0 = missing & 2 ? (clrnn_tensor){0} : args.c_0;
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        test_same(zero, &given, &result, where);
        test_result_free(&result);
    }
    test_result_free(&given);
    test_case_free(zero);
    clrnn_plan_free(plan);
}

START_TEST(absent_start_is_zero) {
    hold(absent, _i, LENGTHS_ZEROS);
}
END_TEST

/* A y of rank 2 is h_n; the other outputs do not notice it. */
static void last(const struct test_case *test, const struct test_outcome *whole,
                 clrnn_context *context, const char *algorithm, const char *where) {
    struct test_problem problem = test->problem;
    problem.last_only = 1;
    struct test_case *other = test_case_make(&problem);
    struct test_outcome result;
    size_t at = 0;
    test_run(&result, other, context, algorithm);
    ck_assert_msg(test_same_bits(result.y, whole->h_n, result.state_count, &at),
                  "%s: %s: y[%zu] is not the final state", other->text, where, at);
    ck_assert_msg(test_same_bits(result.hiddens, whole->hiddens, whole->cells_count, &at),
                  "%s: %s: hiddens[%zu] differs", other->text, where, at);
    for (int n = 0; n < problem.batch; n++) {
        test_same_final(other, whole, n, &result, n, where);
    }
    test_result_free(&result);
    test_case_free(other);
}

START_TEST(last_only_is_the_final_state) {
    hold(last, _i, LENGTHS_ZEROS);
}
END_TEST

Suite *invariance_suite(void) {
    Suite *suite = suite_create("invariance");
    TCase *each = tcase_create("each cell");
    tcase_set_timeout(each, 600);
    tcase_add_loop_test(each, batch_order, 0, TEST_CELLS);
    tcase_add_loop_test(each, batch_is_its_rows, 0, TEST_CELLS);
    tcase_add_loop_test(each, ragged_is_separate_runs, 0, TEST_CELLS);
    tcase_add_loop_test(each, time_cut_by_hand, 0, TEST_CELLS);
    tcase_add_loop_test(each, reverse_is_flipped_forward, 0, TEST_CELLS);
    tcase_add_loop_test(each, reverse_is_flipped_forward_ragged, 0, TEST_CELLS);
    tcase_add_loop_test(each, padding_changes_nothing, 0, TEST_CELLS);
    tcase_add_loop_test(each, zero_lengths_keep_the_state, 0, TEST_CELLS);
    tcase_add_loop_test(each, batch_first_is_transposed, 0, TEST_CELLS);
    tcase_add_loop_test(each, views_with_gaps, 0, TEST_CELLS);
    tcase_add_loop_test(each, plan_reused_for_less, 0, TEST_CELLS);
    tcase_add_loop_test(each, five_runs_agree, 0, TEST_CELLS);
    tcase_add_loop_test(each, absent_start_is_zero, 0, TEST_CELLS);
    tcase_add_loop_test(each, last_only_is_the_final_state, 0, TEST_CELLS);
    suite_add_tcase(suite, each);
    return suite;
}
