/*
 * test_forward.c: every cell x direction x shape, on every engine, device and algorithm: within the
 * bound that the data gives, and the same bits everywhere.
 */
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sizes on both sides of a tile's edges: 4 rows, 8 and 16 lanes, 64 units, slices from H = 64 on.
 */
static const struct {
    int steps, batch, inputs, hidden;
    enum lengths lengths;
    double gain;
} shapes[] = {
    {1, 1, 1, 1, LENGTHS_NONE, 1.0},      {2, 1, 3, 2, LENGTHS_NONE, 0.0},
    {5, 3, 7, 15, LENGTHS_RAGGED, 1.0},   {6, 4, 16, 16, LENGTHS_TIES, 1.5},
    {7, 5, 17, 17, LENGTHS_ZEROS, 0.5},   {9, 2, 31, 33, LENGTHS_RAGGED, 3.0},
    {4, 1, 12, 63, LENGTHS_NONE, 1.0},    {4, 9, 64, 64, LENGTHS_RAGGED, 1.0},
    {3, 1, 65, 65, LENGTHS_NONE, 1.5},    {3, 7, 5, 127, LENGTHS_TIES, 1.0},
    {2, 17, 9, 130, LENGTHS_RAGGED, 1.0}, {2, 1, 129, 257, LENGTHS_NONE, 1.0},
};
enum { SHAPE_COUNT = sizeof shapes / sizeof shapes[0] };

static struct test_problem problem_of(int cell, size_t shape, clrnn_direction direction) {
    struct test_problem problem =
        test_cell_problem(cell, shapes[shape].steps, shapes[shape].batch, shapes[shape].inputs,
                          shapes[shape].hidden, 1 + shape);
    problem.direction = direction;
    problem.lengths = shapes[shape].lengths;
    problem.gain = shapes[shape].gain;
    problem.batch_first = (int)shape % 2;
    return problem;
}

static void run_everywhere(const struct test_problem *problem, struct test_place *places,
                           size_t place_count) {
    struct test_case *test = test_case_make(problem);
    struct test_outcome first;
    int have_first = 0;
    for (size_t place = 0; place < place_count; place++) {
        clrnn_algorithm_info algorithms[8];
        const size_t count = test_algorithms(algorithms, 8, places[place].context, test);
        ck_assert_msg(count > 0, "%s: no algorithm on %s", test->text, places[place].name);
        for (size_t i = 0; i < count; i++) {
            struct test_outcome result;
            char where[256];
            snprintf(where, sizeof where, "%s %s", places[place].name, algorithms[i].name);
            test_run(&result, test, places[place].context, algorithms[i].name);
            test_judge(test, &result, where);
            if (!problem->last_only) { /* one direction, no mask: y is h */
                size_t at = 0;
                ck_assert_msg(test_same_bits(result.y, result.hiddens, result.y_count, &at),
                              "%s: %s: y[%zu] is not h", test->text, where, at);
            }
            if (have_first) {
                test_same(test, &first, &result, where);
                test_result_free(&result);
            } else {
                first = result;
                have_first = 1;
            }
        }
    }
    test_result_free(&first);
    test_case_free(test);
}

static void run_cell(int cell, clrnn_direction direction) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (size_t shape = 0; shape < SHAPE_COUNT; shape++) {
        const struct test_problem problem = problem_of(cell, shape, direction);
        run_everywhere(&problem, places, count);
    }
    test_places_free(places, count);
}

START_TEST(every_cell_forward) {
    run_cell(_i, CLRNN_DIRECTION_FORWARD);
}
END_TEST

START_TEST(every_cell_reverse) {
    run_cell(_i, CLRNN_DIRECTION_REVERSE);
}
END_TEST

START_TEST(every_cell_last_only) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (size_t shape = 2; shape < 6; shape++) {
        struct test_problem problem =
            problem_of(_i, shape, shape % 2 ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD);
        problem.last_only = 1;
        run_everywhere(&problem, places, count);
    }
    test_places_free(places, count);
}
END_TEST

/* A y of rank 2 is h_n, whatever the lengths. */
START_TEST(last_is_the_final_state) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (size_t place = 0; place < count; place++) {
        struct test_problem problem = problem_of(_i, 4, CLRNN_DIRECTION_FORWARD);
        problem.last_only = 1;
        struct test_case *test = test_case_make(&problem);
        struct test_outcome result;
        size_t at = 0;
        test_run(&result, test, places[place].context, NULL);
        ck_assert_msg(test_same_bits(result.y, result.h_n, result.state_count, &at),
                      "%s: y[%zu] is not h_n", test->text, at);
        test_result_free(&result);
        test_case_free(test);
    }
    test_places_free(places, count);
}
END_TEST

Suite *forward_suite(void) {
    Suite *suite = suite_create("forward");
    TCase *every = tcase_create("every cell");
    tcase_set_timeout(every, 1200);
    tcase_add_loop_test(every, every_cell_forward, 0, TEST_CELLS);
    tcase_add_loop_test(every, every_cell_reverse, 0, TEST_CELLS);
    tcase_add_loop_test(every, every_cell_last_only, 0, TEST_CELLS);
    tcase_add_loop_test(every, last_is_the_final_state, 0, TEST_CELLS);
    suite_add_tcase(suite, every);
    return suite;
}
