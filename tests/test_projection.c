/*
 * test_projection.c: the input projection by CLBlast, within the same bounds as our own. CLBlast
 * takes 10 s to compile on a CPU driver, where a plan never chooses it: only with CLRNN_LONG=1.
 */
#include "files.h"
#include "stacks.h"
#include "suites.h"
#include "support.h"
#include "tunings.h"

#include "cl/cl_plan.h"
#include "core/plan.h"

#include <jansson.h>
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

/* ---- its parameters -------------------------------------------------------------------------- */

/* Every value of XgemmDirect, by the order of its names; the last is WGD. */
static void write_tuning(clrnn_context *context, int wgd) {
    static const int values[] = {2, 8, 8, 8, 8, 1, 1, 1, 1};
    const struct tuning tuning = tunings_of(context);
    ok(tunings_put(in_folder("t.json"), &tuning, 1));
    json_t *root = json_load_file(in_folder("t.json"), 0, NULL);
    json_t *direct = json_object(), *routine = json_object(), *kernels = json_object();
    for (size_t i = 0; i < library_kernels[1].count; i++) {
        const int value = i < sizeof values / sizeof values[0] ? values[i] : wgd;
        json_object_set_new(direct, library_kernels[1].parameters[i], json_integer(value));
    }
    /* a row is direct, all rows are not */
    json_object_set_new(routine, "XGEMM_MIN_INDIRECT_SIZE", json_integer(20));
    json_object_set_new(kernels, "XgemmDirect", direct);
    json_object_set_new(kernels, "GemmRoutine", routine);
    json_object_set_new(json_array_get(json_object_get(root, "devices"), 0), "clblast", kernels);
    ck_assert_int_eq(json_dump_file(root, in_folder("t.json"), 0), 0);
    json_decref(root);
}

static void run_tuned(const struct test_case *test, clrnn_context *context) {
    static const char *const said[] = {"\nclblast: compiled in ", "\nclblast: ready in "};
    clrnn_plan_desc desc = test_plan_desc(test, NULL);
    desc.projection = CLRNN_PROJECTION_CLBLAST;
    for (int again = 0; again < 2; again++) {
        struct test_outcome result;
        clrnn_plan *plan = test_plan(test, context, &desc);
        const struct cl_plan *device = plan->engine_plan;
        const size_t bytes = device->gemm.bytes;
        ck_assert_ptr_nonnull(strstr(clrnn_plan_describe(plan), said[again]));
        ck_assert_uint_gt(bytes, 0);
        test_run_plan(&result, test, plan);
        test_judge(test, &result, "tuned clblast");
        ck_assert_uint_eq(device->gemm.bytes, bytes);
        clrnn_plan_free(plan);
        test_result_free(&result);
    }
}

/* CLBlast takes those of the tuning file, says when it compiled, and its copies are made with the plan.
 * Parameters by which it computes something else are refused; strict takes no CLBlast, whatever the file
 * says. */
START_TEST(clblast_takes_parameters) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    if (getenv("CLRNN_LONG") == NULL || strstr(clrnn_build_info(), "clblast: yes") == NULL ||
        count < 2) {
        test_places_free(places, count);
        return;
    }
    const struct test_problem problem = test_cell_problem(TEST_GRU, 9, 5, 21, 19, 4);
    struct test_case *test = test_case_make(&problem);
    for (int is_wrong = 0; is_wrong < 2; is_wrong++) {
        clrnn_context *context = NULL;
        clrnn_context_desc desc = {.engine = CLRNN_ENGINE_OPENCL, .tuning = in_folder("t.json")};
        clrnn_plan_desc plan_desc = test_plan_desc(test, NULL);
        clrnn_plan *plan = NULL;
        plan_desc.projection = CLRNN_PROJECTION_CLBLAST;
        write_tuning(places[1].context, is_wrong ? 7 : 8);
        ok(clrnn_context_create(&context, &desc));
        if (is_wrong) {
            fails(clrnn_plan_create(&plan, context, test->net, &plan_desc), UNSUPPORTED,
                  "plan: CLBlast with the tuning file's parameters must give ");
            fails(clrnn_plan_create(&plan, places[1].context, test->net, &plan_desc), UNSUPPORTED,
                  "plan: CLBlast has wrong parameters in this process");
        } else {
            run_tuned(test, context);
        }
        clrnn_context_free(context);
        desc.strict = 1;
        ok(clrnn_context_create(&context, &desc));
        fails(clrnn_plan_create(&plan, context, test->net, &plan_desc), UNSUPPORTED,
              "clblast cannot keep strict's promise");
        clrnn_context_free(context);
    }
    test_case_free(test);
    test_places_free(places, count);
}
END_TEST

/* ---- in pieces ------------------------------------------------------------------------------- */

/* A piece at a time beside the recurrence of the piece before: within the bounds, wherever x lies, and the
 * same bits as one after the other, in the same pieces. */
static void hold_pieces(clrnn_context *context, enum lie lie) {
    enum { TOP = 1, WIDTH = 9 };
    static const char text[] = "cell=gru+lstm,T=96,N=4,I=21,H=19+9,lengths=random,seed=71";
    struct cl_engine_context *device = context->device;
    struct sample beside = stack_of(text), alone = stack_of(text);
    const clrnn_plan_desc desc = {.algorithm = "single/panel",
                                  .steps = beside.steps,
                                  .batch = beside.batch,
                                  .projection = CLRNN_PROJECTION_CLBLAST};
    clrnn_plan *plan = NULL;
    lay_sample(&beside, lie);
    lay_sample(&alone, lie);
    ok(clrnn_plan_create(&plan, context, beside.net, &desc));
    ck_assert_int_eq(plan->memory.chunk, 48);
    ck_assert_int_eq(plan->memory.by_piece, 0);
    ck_assert_ptr_nonnull(strstr(clrnn_plan_describe(plan), "\noverlap: "));
    ck_assert_ptr_nonnull(strstr(clrnn_plan_describe(plan), "\nprojection: clblast"));
    const size_t bytes = ((struct cl_plan *)plan->engine_plan)->gemm.bytes;
    clrnn_forward_args args = args_of(&beside);
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    ck_assert_uint_eq(((struct cl_plan *)plan->engine_plan)->gemm.bytes, bytes);
    const clrnn_judgement result = judge(beside.net, &beside);
    ck_assert_msg(result.bad == 0, "lie %d: %s of layer %d is off by %g (bound %g)", (int)lie,
                  result.what, result.layer, result.residual, result.bound);
    cl_command_queue second = device->second;
    device->second = NULL;
    args = args_of(&alone);
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    device->second = second;
    for (int n = 0; n < beside.batch; n++) {
        for (int t = 0; t < length_of(&beside, n); t++) {
            const size_t at_row = x_row(&beside, t, n) * WIDTH;
            ck_assert_msg(memcmp(beside.of[TOP].y + at_row, alone.of[TOP].y + at_row,
                                 WIDTH * sizeof(float)) == 0,
                          "lie %d: y differs at t=%d n=%d", (int)lie, t, n);
        }
    }
    clrnn_plan_free(plan);
    free_sample(&beside);
    free_sample(&alone);
}

START_TEST(clblast_takes_pieces) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    if (getenv("CLRNN_LONG") != NULL && strstr(clrnn_build_info(), "clblast: yes") != NULL &&
        count > 1) {
        clrnn_context *context = places[1].context;
        ok(cl_second_open(context->device));
        context->desc.overlaps = 1;
        /* queues that wait for nothing, on a device with idle cores */
        context->speeds.launch_us = 0;
        context->speeds.cores = 1024;
        hold_pieces(context, DENSE);
        hold_pieces(context, PACKED);
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
    tcase_add_checked_fixture(library, make_folder, remove_folder);
    tcase_add_test(library, clblast_is_within_the_bound);
    tcase_add_test(library, clblast_takes_parameters);
    tcase_add_test(library, clblast_takes_pieces);
    suite_add_tcase(suite, library);
    return suite;
}
