/*
 * test_projection.c: the input projection by CLBlast, within the same bounds as our own. CLBlast
 * takes 10 s to compile on a CPU driver, where a plan never chooses it: only with CLRNN_LONG=1.
 */
#include "suites.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

START_TEST(clblast_is_within_the_bound) {
    if (getenv("CLRNN_LONG") == NULL || strstr(clrnn_build_info(), "clblast: yes") == NULL) {
        return;
    }
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (size_t place = 1; place < count; place++) {
        for (int batch_first = 0; batch_first <= 1; batch_first++) {
            const struct test_problem problem = {.cell = CLRNN_CELL_LSTM,
                                                 .steps = 7,
                                                 .batch = 5,
                                                 .inputs = 13,
                                                 .hidden = 21,
                                                 .lengths = LENGTHS_RAGGED,
                                                 .batch_first = batch_first,
                                                 .gain = 1,
                                                 .seed = 3};
            struct test_case *test = test_case_make(&problem);
            struct test_outcome result;
            clrnn_plan_desc desc = test_plan_desc(test, NULL);
            desc.projection = CLRNN_PROJECTION_CLBLAST;
            clrnn_plan *plan = test_plan(test, places[place].context, &desc);
            ck_assert_ptr_nonnull(strstr(clrnn_plan_describe(plan), "projection: clblast"));
            test_run_plan(&result, test, plan);
            test_judge(test, &result, "clblast");
            clrnn_plan_free(plan);
            test_result_free(&result);
            test_case_free(test);
        }
    }
    test_places_free(places, count);
}
END_TEST

/* More rows than stay near: groups go in runs of them, and each does its part once. The last run is
 * shorter, the last tile not full. */
START_TEST(rows_go_in_runs) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    const struct test_problem problem = {.cell = CLRNN_CELL_GRU,
                                         .steps = 23,
                                         .batch = 13,
                                         .inputs = 401,
                                         .hidden = 37,
                                         .lengths = LENGTHS_RAGGED,
                                         .gain = 1,
                                         .seed = 5};
    struct test_case *test = test_case_make(&problem);
    struct test_outcome first, result;
    test_run(&first, test, places[0].context, "single/panel");
    test_judge(test, &first, places[0].name);
    for (size_t place = 1; place < count; place++) {
        test_run(&result, test, places[place].context, NULL);
        test_same(test, &first, &result, places[place].name);
        test_result_free(&result);
    }
    test_result_free(&first);
    test_case_free(test);
    test_places_free(places, count);
}
END_TEST

Suite *projection_suite(void) {
    Suite *suite = suite_create("projection");
    TCase *own = tcase_create("own");
    tcase_add_test(own, rows_go_in_runs);
    suite_add_tcase(suite, own);
    TCase *library = tcase_create("clblast");
    tcase_set_timeout(library, 1200);
    tcase_add_test(library, clblast_is_within_the_bound);
    suite_add_tcase(suite, library);
    return suite;
}
