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

Suite *projection_suite(void) {
    Suite *suite = suite_create("projection");
    TCase *library = tcase_create("clblast");
    tcase_set_timeout(library, 1200);
    tcase_add_test(library, clblast_is_within_the_bound);
    suite_add_tcase(suite, library);
    return suite;
}
