/*
 * test_sizes.c: sizes at which something could give way: steps and rows about 65,536, where drivers
 * stop loops and count groups in 16 bits, and arrays of more than 2^31 elements.
 *
 * What is long is held against what is short: a row alone, or the sequence in two calls.
 */
#include "cl/cl_internal.h"
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int edges[] = {65535, 65536, 65537};
enum { EDGES = sizeof edges / sizeof edges[0] };

static clrnn_net *small_net(clrnn_cell cell, int hidden) {
    return test_net(&(clrnn_net_desc){.inputs = 1, .layer = {.cell = cell, .hidden = hidden}}, 77,
                    0.7);
}

static float *inputs_of(int64_t count) {
    float *values = malloc((size_t)count * sizeof *values);
    uint64_t seed = 5;
    ck_assert_ptr_nonnull(values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = test_uniform(&seed, 1.0);
    }
    return values;
}

static clrnn_plan *plan_of(clrnn_context *context, const clrnn_net *net, const char *algorithm,
                           int steps, int batch) {
    clrnn_plan *plan = NULL;
    ok(clrnn_plan_create(
        &plan, context, net,
        &(clrnn_plan_desc){.algorithm = algorithm, .steps = steps, .batch = batch}));
    return plan;
}

/* Every algorithm that takes the problem, on every place. */
typedef void sizes_property(clrnn_context *context, const char *algorithm, const char *where,
                            int size);

static void hold_sizes(sizes_property *property, int size, int steps, int batch) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    clrnn_net *net = small_net(CLRNN_CELL_GRU, 2);
    for (size_t place = 0; place < count; place++) {
        clrnn_algorithm_info infos[16];
        size_t algorithms = 0;
        ok(clrnn_plan_algorithms(&algorithms, infos, 16, places[place].context, net,
                                 &(clrnn_plan_desc){.steps = steps, .batch = batch}));
        for (size_t i = 0; i < algorithms; i++) {
            char where[256];
            snprintf(where, sizeof where, "%.200s %.40s", places[place].name, infos[i].name);
            if (test_takes(&infos[i], net)) {
                property(places[place].context, infos[i].name, where, size);
            }
        }
    }
    clrnn_net_free(net);
    test_places_free(places, count);
}

/* All steps at once are the first ones, then the others. */
static void steps_in_two_calls(clrnn_context *context, const char *algorithm, const char *where,
                               int steps) {
    const int hidden = 2, first = 40000;
    clrnn_net *net = small_net(CLRNN_CELL_GRU, hidden);
    float *x = inputs_of(steps);
    float *whole = malloc((size_t)(steps * hidden) * sizeof *whole);
    float *parts = malloc((size_t)(steps * hidden) * sizeof *parts);
    clrnn_state *state = NULL;
    clrnn_plan *plan = plan_of(context, net, algorithm, steps, 1);
    size_t at = 0;
    ok(clrnn_forward(
        plan,
        &(clrnn_forward_args){.x = test_tensor(x, CLRNN_DTYPE_F32, 3, steps, 1, 1),
                              .y = test_tensor(whole, CLRNN_DTYPE_F32, 3, steps, 1, hidden)},
        0, NULL, NULL));
    ok(clrnn_state_create(&state, context, net, 1));
    for (int done = 0; done < steps; done += first) {
        const int count = steps - done < first ? steps - done : first;
        ok(clrnn_forward(
            plan,
            &(clrnn_forward_args){
                .state = state,
                .x = test_tensor(x + done, CLRNN_DTYPE_F32, 3, count, 1, 1),
                .y = test_tensor(parts + done * hidden, CLRNN_DTYPE_F32, 3, count, 1, hidden)},
            0, NULL, NULL));
    }
    ck_assert_msg(test_same_bits(whole, parts, (size_t)(steps * hidden), &at),
                  "T=%d on %s: y[%zu] is %.9g, in two calls %.9g", steps, where, at, whole[at],
                  parts[at]);
    ck_assert_msg(whole[steps * hidden - 1] != 0.0f, "T=%d on %s: the last step is 0", steps,
                  where);
    clrnn_plan_free(plan);
    clrnn_state_free(state);
    clrnn_net_free(net);
    free(x);
    free(whole);
    free(parts);
}

START_TEST(steps_about_65536) {
    hold_sizes(steps_in_two_calls, edges[_i], edges[_i], 1);
}
END_TEST

/* Some rows of a large batch are those rows alone. */
static void rows_alone(clrnn_context *context, const char *algorithm, const char *where,
                       int batch) {
    const int hidden = 2, steps = 2;
    clrnn_net *net = small_net(CLRNN_CELL_GRU, hidden);
    float *x = inputs_of((int64_t)steps * batch);
    float *y = malloc((size_t)(steps * batch * hidden) * sizeof *y);
    clrnn_plan *plan = plan_of(context, net, algorithm, steps, batch);
    clrnn_plan *lone = plan_of(context, net, algorithm, steps, 1);
    const int rows[] = {0, 1, 32767, 32768, 65533, 65534, batch - 1};
    ok(clrnn_forward(
        plan,
        &(clrnn_forward_args){.x = test_tensor(x, CLRNN_DTYPE_F32, 3, steps, batch, 1),
                              .y = test_tensor(y, CLRNN_DTYPE_F32, 3, steps, batch, hidden)},
        0, NULL, NULL));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float alone[4];
        float own[2] = {x[rows[i]], x[batch + rows[i]]};
        ok(clrnn_forward(
            lone,
            &(clrnn_forward_args){.x = test_tensor(own, CLRNN_DTYPE_F32, 3, steps, 1, 1),
                                  .y = test_tensor(alone, CLRNN_DTYPE_F32, 3, steps, 1, hidden)},
            0, NULL, NULL));
        for (int t = 0; t < steps; t++) {
            size_t at = 0;
            const float *got = y + (t * batch + rows[i]) * hidden;
            ck_assert_msg(test_same_bits(got, alone + t * hidden, (size_t)hidden, &at),
                          "N=%d on %s: row %d step %d is %.9g, alone %.9g", batch, where, rows[i],
                          t, got[at], alone[t * hidden + (int)at]);
        }
    }
    clrnn_plan_free(plan);
    clrnn_plan_free(lone);
    clrnn_net_free(net);
    free(x);
    free(y);
}

START_TEST(rows_about_65536) {
    hold_sizes(rows_alone, edges[_i], 2, edges[_i]);
}
END_TEST

/* ---- more groups and bytes than a driver takes ----------------------------------------------- */

enum { MANY_STEPS = 3, MANY_ROWS = 37, MANY_HIDDEN = 70, MANY_INPUTS = 300 };
enum { MANY = MANY_STEPS * MANY_ROWS * MANY_HIDDEN };

/* y of a call, and the launches it took. */
static uint64_t run_many(float *y, clrnn_context *context, const char *algorithm, int hidden) {
    clrnn_net *net =
        test_net(&(clrnn_net_desc){.inputs = MANY_INPUTS,
                                   .layer = {.cell = CLRNN_CELL_GRU, .hidden = hidden}},
                 77, 0.2);
    float *x = inputs_of((int64_t)MANY_STEPS * MANY_ROWS * MANY_INPUTS);
    clrnn_plan *plan = plan_of(context, net, algorithm, MANY_STEPS, MANY_ROWS);
    clrnn_profile profile;
    memset(y, 0, MANY * sizeof *y);
    ok(clrnn_forward(
        plan,
        &(clrnn_forward_args){
            .x = test_tensor(x, CLRNN_DTYPE_F32, 3, MANY_STEPS, MANY_ROWS, MANY_INPUTS),
            .y = test_tensor(y, CLRNN_DTYPE_F32, 3, MANY_STEPS, MANY_ROWS, hidden)},
        0, NULL, NULL));
    ok(clrnn_plan_profile(&profile, plan));
    clrnn_plan_free(plan);
    clrnn_net_free(net);
    free(x);
    return profile.launches;
}

/* A driver that takes 3 groups by 2 gets the launches in parts, one that gives 120,000 bytes at once
 * (x has 133,200) gets the steps in pieces; the bits are the same. */
static void in_parts(clrnn_context *context, const char *algorithm, const char *where, int way) {
    static float whole[MANY], parts[MANY];
    struct cl_engine_context *device = context->device;
    size_t at = 0;
    if (context->id != CLRNN_ENGINE_OPENCL) {
        return;
    }
    const struct cl_engine_context before = *device;
    const size_t max_alloc = context->desc.max_alloc;
    const int hidden = way == 0 ? MANY_HIDDEN : 5;
    const uint64_t one = run_many(whole, context, algorithm, hidden);
    if (way == 0) {
        device->launch_items = (size_t)3 * 256;
        device->launch_groups = 2;
    } else {
        context->desc.max_alloc = 120000;
    }
    const uint64_t many = run_many(parts, context, algorithm, hidden);
    device->launch_items = before.launch_items;
    device->launch_groups = before.launch_groups;
    context->desc.max_alloc = max_alloc;
    ck_assert_msg(test_same_bits(whole, parts, MANY, &at), "%s: y[%zu] is %.9g, in parts %.9g",
                  where, at, (double)whole[at], (double)parts[at]);
    ck_assert_msg(many > one, "%s: %d launches in parts, %d whole", where, (int)many, (int)one);
}

START_TEST(launches_in_parts) {
    hold_sizes(in_parts, _i, MANY_STEPS, MANY_ROWS);
}
END_TEST

/* ---- more than 2^31 elements, with real memory ----------------------------------------------- */

/* y has 2^31 + 2^26 floats, 8.9 GB; x and work space are small: the projection goes by pieces. The last
 * rows of the last steps must be what they are alone. */
static void giant(clrnn_context *context, const char *where) {
    const int hidden = 64, steps = 33, batch = 1 << 20;
    const size_t floats = (size_t)steps * (size_t)batch * (size_t)hidden;
    clrnn_net *net = small_net(CLRNN_CELL_RNN, hidden);
    float *x = inputs_of((int64_t)steps * batch);
    float *y = malloc(floats * sizeof *y);
    clrnn_plan *plan = NULL, *lone = plan_of(context, net, NULL, steps, 1);
    ck_assert_uint_gt(floats, (size_t)1 << 31);
    ck_assert_ptr_nonnull(y);
    ok(clrnn_plan_create(
        &plan, context, net,
        &(clrnn_plan_desc){.steps = steps, .batch = batch, .memory_limit = (uint64_t)3 << 30}));
    ok(clrnn_forward(
        plan,
        &(clrnn_forward_args){.x = test_tensor(x, CLRNN_DTYPE_F32, 3, steps, batch, 1),
                              .y = test_tensor(y, CLRNN_DTYPE_F32, 3, steps, batch, hidden)},
        0, NULL, NULL));
    const int rows[] = {0, 12345, batch / 2, batch - 1};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float own[33], alone[33 * 64];
        for (int t = 0; t < steps; t++) {
            own[t] = x[(size_t)t * (size_t)batch + (size_t)rows[i]];
        }
        ok(clrnn_forward(
            lone,
            &(clrnn_forward_args){.x = test_tensor(own, CLRNN_DTYPE_F32, 3, steps, 1, 1),
                                  .y = test_tensor(alone, CLRNN_DTYPE_F32, 3, steps, 1, hidden)},
            0, NULL, NULL));
        for (int t = 0; t < steps; t++) {
            size_t at = 0;
            const float *got = y + ((size_t)t * (size_t)batch + (size_t)rows[i]) * (size_t)hidden;
            ck_assert_msg(test_same_bits(got, alone + t * hidden, (size_t)hidden, &at),
                          "%s: row %d step %d unit %zu is %.9g, alone %.9g", where, rows[i], t, at,
                          got[at], alone[t * hidden + (int)at]);
        }
    }
    clrnn_plan_free(plan);
    clrnn_plan_free(lone);
    clrnn_net_free(net);
    free(x);
    free(y);
}

START_TEST(more_than_two_to_the_31_elements) {
    struct test_place places[16];
    const size_t count = getenv("CLRNN_LONG") != NULL ? test_places(places, 16) : 0;
    for (size_t place = 0; place < count; place++) {
        giant(places[place].context, places[place].name);
    }
    test_places_free(places, count);
}
END_TEST

/* ---- long sequences and large batches, judged ------------------------------------------------- */

static const struct { int steps, batch, hidden; } lengthy[] = {{100000, 1, 64}, {10, 4096, 128}};
enum { LENGTHY = sizeof lengthy / sizeof lengthy[0] };

/* Every algorithm gives the cpu engine's bits, and these are within their bounds. */
static void judge_everywhere(const struct test_case *test, const struct test_place *places,
                             size_t place_count) {
    struct test_outcome whole, result;
    test_run(&whole, test, places[0].context, NULL);
    test_judge(test, &whole, places[0].name);
    for (size_t place = 0; place < place_count; place++) {
        clrnn_algorithm_info infos[16];
        const size_t count = test_algorithms(infos, 16, places[place].context, test);
        for (size_t i = 0; i < count; i++) {
            char where[256];
            snprintf(where, sizeof where, "%.200s %.40s", places[place].name, infos[i].name);
            test_run(&result, test, places[place].context, infos[i].name);
            test_same(test, &whole, &result, where);
            test_result_free(&result);
        }
    }
    test_result_free(&whole);
}

START_TEST(many_steps_and_many_rows) {
    static const int cells[] = {TEST_RNN, TEST_LSTM, TEST_GRU};
    struct test_place places[16];
    const size_t count = getenv("CLRNN_LONG") != NULL ? test_places(places, 16) : 0;
    for (size_t i = 0; count > 0 && i < sizeof cells / sizeof cells[0]; i++) {
        const struct test_problem problem =
            test_cell_problem(cells[i], lengthy[_i].steps, lengthy[_i].batch, lengthy[_i].hidden,
                              lengthy[_i].hidden, 970 + (uint64_t)i);
        struct test_case *test = test_case_make(&problem);
        judge_everywhere(test, places, count);
        test_case_free(test);
    }
    test_places_free(places, count);
}
END_TEST

Suite *sizes_suite(void) {
    Suite *suite = suite_create("sizes");
    TCase *edge = tcase_create("edges");
    tcase_set_timeout(edge, 900);
    tcase_add_loop_test(edge, steps_about_65536, 0, EDGES);
    tcase_add_loop_test(edge, rows_about_65536, 0, EDGES);
    tcase_add_loop_test(edge, launches_in_parts, 0, 2);
    tcase_add_test(edge, more_than_two_to_the_31_elements);
    suite_add_tcase(suite, edge);
    TCase *judged = tcase_create("judged");
    tcase_set_timeout(judged, 900);
    tcase_add_loop_test(judged, many_steps_and_many_rows, 0, LENGTHY);
    suite_add_tcase(suite, judged);
    return suite;
}
