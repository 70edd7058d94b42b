/*
 * test_persist.c: groups that meet at every step, and what happens where they cannot: the launch
 * that finishes leaves the same bits, whoever gave up and when.
 */
#include "suites.h"
#include "support.h"

#include "cl/cl_plan.h"
#include "core/plan.h"

#include <stdio.h>
#include <string.h>

/* Whose groups count what they have done, and whose numbers are their own flags. */
enum { KINDS = 2 };
static const char *const persists[KINDS] = {"persist/panel", "persist/register"};

/* A net whose units are several blocks, so that there is something to split. */
static struct test_problem split_problem(int cell, int batch, uint64_t seed) {
    struct test_problem problem = test_cell_problem(cell, 9, batch, 5, 131, seed);
    problem.lengths = LENGTHS_RAGGED;
    problem.direction = batch % 2 == 0 ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
    return problem;
}

/* Is the algorithm taken here? Then everything of the case by another one. */
static int whole_of(struct test_outcome *whole, const struct test_case *test,
                    clrnn_context *context, const char *persist) {
    clrnn_algorithm_info infos[8];
    size_t count = 0;
    const clrnn_plan_desc desc = test_plan_desc(test, NULL);
    ok(clrnn_plan_algorithms(&count, infos, 8, context, test->net, &desc));
    for (size_t i = 0; i < count; i++) {
        if (infos[i].allowed && strcmp(infos[i].name, persist) == 0) {
            test_run(whole, test, context, "single/panel");
            return 1;
        }
    }
    return 0;
}

/* With the patience of each strand, unless that is below 0; calls in a row, as states of the flags
 * follow each other. */
static void runs_the_same(const struct test_case *test, clrnn_context *context, const char *persist,
                          int patience, int calls, int epoch, const char *where) {
    struct test_outcome whole, result;
    if (!whole_of(&whole, test, context, persist)) {
        return;
    }
    clrnn_plan_desc desc = test_plan_desc(test, persist);
    clrnn_plan *plan = test_plan(test, context, &desc);
    for (int i = 0; i < plan->net->strand_count && patience >= 0; i++) {
        plan->configs[i].params.patience = patience;
    }
    if (epoch > 0 && clrnn_context_engine(context) == CLRNN_ENGINE_OPENCL) {
        ((struct cl_plan *)plan->engine_plan)->epoch = epoch;
    }
    for (int call = 0; call < calls; call++) {
        char text[256];
        snprintf(text, sizeof text, "%s, %s, %d cores, patience %d, call %d", where, persist,
                 context->desc.compute_units, patience, call);
        test_run_plan(&result, test, plan);
        test_same(test, &whole, &result, text);
        test_result_free(&result);
    }
    clrnn_plan_free(plan);
    test_result_free(&whole);
}

static void hold_persist(int cell, const int *cores, size_t core_count, const int *patience,
                         size_t patience_count) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (int batch = 1; batch <= 6; batch += 5) {
        const struct test_problem problem = split_problem(cell, batch, 900 + (uint64_t)batch);
        struct test_case *test = test_case_make(&problem);
        for (size_t place = 0; place < count; place++) {
            const int units = places[place].context->desc.compute_units;
            for (size_t i = 0; i < core_count; i++) {
                places[place].context->desc.compute_units = cores[i] > 0 ? cores[i] : units;
                for (size_t k = 0; k < patience_count * KINDS; k++) {
                    const int kind = (int)(k % KINDS);
                    /* each of its sizes is a program that takes long to build */
                    if (kind == 0 || (batch > 1) == (cores[i] > 3)) {
                        runs_the_same(test, places[place].context, persists[kind],
                                      patience[k / KINDS], 3, 0, places[place].name);
                    }
                }
            }
            places[place].context->desc.compute_units = units;
        }
        test_case_free(test);
    }
    test_places_free(places, count);
}

/* As many parts as cores. */
START_TEST(parts_meet) {
    hold_persist(_i, (const int[]){0}, 1, (const int[]){-1}, 1);
}
END_TEST

/* Parts that wait not at all, or hardly, end somewhere in the middle. */
START_TEST(parts_give_up) {
    hold_persist(_i, (const int[]){0}, 1, (const int[]){0, 1}, 2);
}
END_TEST

/* More parts than threads: they cannot all run at a time, whatever the driver does. */
START_TEST(parts_that_never_meet) {
    hold_persist(_i, (const int[]){3, 7}, 2, (const int[]){2}, 1);
}
END_TEST

/* Tiles of rows take turns with the weights, as where those come from memory, which nets of this size
 * are not asked for: two, three and more tiles, the last one not full, and more than a pass takes. */
START_TEST(tiles_take_turns) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (int batch = 12; batch <= 48; batch += 9) {
        const struct test_problem problem = split_problem(_i, batch, 970 + (uint64_t)batch);
        struct test_case *test = test_case_make(&problem);
        for (size_t place = 0; place < count; place++) {
            struct test_outcome whole, result;
            char text[256];
            if (!whole_of(&whole, test, places[place].context, persists[0])) {
                continue;
            }
            clrnn_plan_desc desc = test_plan_desc(test, persists[0]);
            clrnn_plan *plan = test_plan(test, places[place].context, &desc);
            for (int i = 0; i < plan->net->strand_count; i++) {
                ck_assert_int_gt(plan->configs[i].tile.rows, 1);
                plan->configs[i].params.turns = TURNS;
            }
            snprintf(text, sizeof text, "%s, turns, N=%d", places[place].name, batch);
            test_run_plan(&result, test, plan);
            test_same(test, &whole, &result, text);
            test_result_free(&result);
            clrnn_plan_free(plan);
            test_result_free(&whole);
        }
        test_case_free(test);
    }
    test_places_free(places, count);
}
END_TEST

/* The flags begin anew before they leave their type, and nothing of the old ones is taken for new. */
START_TEST(flags_begin_anew) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    const struct test_problem problem = split_problem(TEST_GRU_BEFORE, 2, 950);
    struct test_case *test = test_case_make(&problem);
    for (size_t place = 0; place < count; place++) {
        for (int i = 0; i < KINDS; i++) {
            runs_the_same(test, places[place].context, persists[i], -1, 3, (1 << 30) - 30,
                          places[place].name);
        }
    }
    test_case_free(test);
    test_places_free(places, count);
}
END_TEST

/* Where a launch gave up, the next calls do not try again, and then one does. */
START_TEST(calls_go_alone) {
    const char *persist = persists[_i];
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    const struct test_problem problem = split_problem(TEST_RNN, 1, 960);
    struct test_case *test = test_case_make(&problem);
    for (size_t place = 0; place < count; place++) {
        struct test_outcome whole, result;
        clrnn_profile profile;
        uint64_t launches[3];
        if (clrnn_context_engine(places[place].context) != CLRNN_ENGINE_OPENCL ||
            !whole_of(&whole, test, places[place].context, persist)) {
            continue; /* threads of our own do not give up for longer */
        }
        clrnn_plan_desc desc = test_plan_desc(test, persist);
        clrnn_plan *plan = test_plan(test, places[place].context, &desc);
        plan->configs[0].params.patience = 0;
        for (int call = 0; call < 3; call++) {
            if (call == 2) {
                ((struct cl_plan *)plan->engine_plan)->alone = 0;
            }
            test_run_plan(&result, test, plan);
            test_same(test, &whole, &result, places[place].name);
            test_result_free(&result);
            ok(clrnn_plan_profile(&profile, plan));
            launches[call] = profile.launches;
        }
        uint64_t left_out = 0;
        for (int i = 0; i < plan->configs[0].launch_count; i++) {
            left_out += !plan->configs[0].launches[i].finish;
        }
        ck_assert_uint_eq(launches[1], launches[0] - left_out);
        ck_assert_uint_eq(launches[2], launches[0]);
        clrnn_plan_free(plan);
        test_result_free(&whole);
    }
    test_case_free(test);
    test_places_free(places, count);
}
END_TEST

Suite *persist_suite(void) {
    Suite *suite = suite_create("persist");
    TCase *cells = tcase_create("each cell");
    tcase_add_loop_test(cells, parts_meet, 0, TEST_CELLS);
    tcase_add_loop_test(cells, parts_give_up, 0, TEST_CELLS);
    tcase_add_loop_test(cells, parts_that_never_meet, 0, TEST_CELLS);
    tcase_add_loop_test(cells, tiles_take_turns, 0, TEST_CELLS);
    suite_add_tcase(suite, cells);
    TCase *flags = tcase_create("flags");
    tcase_add_test(flags, flags_begin_anew);
    tcase_add_loop_test(flags, calls_go_alone, 0, KINDS);
    suite_add_tcase(suite, flags);
    return suite;
}
