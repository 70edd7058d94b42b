/*
 * test_lending.c: large arrays, which a CPU device takes where they lie: the same bits as by copies,
 * whatever the caller does with his arrays between two calls.
 */
#include "cl/cl_internal.h"
#include "faults.h"
#include "suites.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 40, BATCH = 20, INPUTS = 33, HIDDEN = 40, PLACES = 16 }; /* x and y beyond 100 KB */

struct large {
    clrnn_net *net;
    float *x[2], *y[2]; /* two of each, with a float before and behind */
    float *expected;
};

static size_t floats_of(int features) {
    return (size_t)STEPS * BATCH * (size_t)features;
}

static void fill(float *x, size_t count, uint64_t *seed) {
    for (size_t i = 0; i < count; i++) {
        x[i] = test_uniform(seed, 1.0);
    }
}

static void open_large(struct large *large, clrnn_cell cell) {
    uint64_t seed = 970;
    const clrnn_layer_desc layer = {.cell = cell, .hidden = HIDDEN};
    ok(clrnn_net_create(&large->net,
                        &(clrnn_net_desc){.inputs = INPUTS, .num_layers = 1, .layers = &layer}));
    test_fill_net(large->net, 0.4, &seed);
    for (int i = 0; i < 2; i++) {
        large->x[i] = calloc(floats_of(INPUTS) + 2, sizeof(float));
        large->y[i] = calloc(floats_of(HIDDEN) + 2, sizeof(float));
        fill(large->x[i] + 1, floats_of(INPUTS), &seed);
    }
    large->expected = calloc(floats_of(HIDDEN), sizeof(float));
}

static void close_large(struct large *large) {
    for (int i = 0; i < 2; i++) {
        free(large->x[i]);
        free(large->y[i]);
    }
    free(large->expected);
    clrnn_net_free(large->net);
}

static void run(clrnn_plan *plan, const float *x, float *y) {
    const clrnn_forward_args args = {
        .x = test_tensor((void *)x, CLRNN_DTYPE_F32, 3, STEPS, BATCH, INPUTS),
        .y = test_tensor(y, CLRNN_DTYPE_F32, 3, STEPS, BATCH, HIDDEN)};
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
}

static void expect_same(const struct large *large, const float *y, const char *where) {
    size_t at = 0;
    ck_assert_msg(test_same_bits(large->expected, y, floats_of(HIDDEN), &at),
                  "%s: y[%zu] is %.9g, expected %.9g", where, at, y[at], large->expected[at]);
}

/* By pieces, whose copies are small. */
static clrnn_plan *copying_plan(clrnn_context *context, const struct large *large) {
    clrnn_plan *plan = NULL;
    ok(clrnn_plan_create(&plan, context, large->net,
                         &(clrnn_plan_desc){.steps = STEPS, .batch = BATCH, .chunk = 1}));
    return plan;
}

static clrnn_plan *lending_plan(clrnn_context *context, const struct large *large) {
    clrnn_plan *plan = NULL;
    ok(clrnn_plan_create(&plan, context, large->net,
                         &(clrnn_plan_desc){.steps = STEPS, .batch = BATCH}));
    return plan;
}

/* The same arrays again, with other values; other arrays; and back. */
static void alternate(const struct large *large, clrnn_context *context, const char *where) {
    clrnn_plan *plan = lending_plan(context, large), *copying = copying_plan(context, large);
    uint64_t seed = 980;
    for (int call = 0; call < 6; call++) {
        float *x = large->x[call / 2 % 2] + 1, *y = large->y[call % 2] + 1;
        fill(x, floats_of(INPUTS), &seed);
        run(copying, x, large->expected);
        y[-1] = y[floats_of(HIDDEN)] = 77.0f;
        run(plan, x, y);
        expect_same(large, y, where);
        ck_assert(y[-1] == 77.0f && y[floats_of(HIDDEN)] == 77.0f);
        memset(y, 0, floats_of(HIDDEN) * sizeof *y); /* it is the caller's again */
    }
    clrnn_plan_free(copying);
    clrnn_plan_free(plan);
}

/* y where x lies, or a part of it. */
static void overlap(const struct large *large, clrnn_context *context, const char *where) {
    clrnn_plan *plan = lending_plan(context, large), *copying = copying_plan(context, large);
    float *both = calloc(floats_of(INPUTS + HIDDEN), sizeof *both);
    const size_t begins[] = {0, 17, floats_of(INPUTS) - 1, floats_of(INPUTS)};
    run(copying, large->x[0] + 1, large->expected);
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        memcpy(both, large->x[0] + 1, floats_of(INPUTS) * sizeof *both);
        run(plan, both, both + begins[i]);
        expect_same(large, both + begins[i], where);
    }
    free(both);
    clrnn_plan_free(copying);
    clrnn_plan_free(plan);
}

/* A driver that does not take the caller's memory: copies, the same bits, and a line that says so, once. */
static void refused(const struct large *large, clrnn_context *context, const char *where) {
    static const struct faults_pretence refusing = {.max_alloc = SIZE_MAX,
                                                    .host_memory = CL_INVALID_HOST_PTR};
    static const char said[] =
        "\narrays: copied, the driver refuses the caller's memory: an OpenCL error (-37)\n";
    struct cl_engine_context *device = context->device;
    if (!device->in_host_memory) {
        return;
    }
    faults_pretend(&refusing);
    clrnn_plan *plan = lending_plan(context, large), *copying = copying_plan(context, large);
    ck_assert_ptr_null(strstr(clrnn_plan_describe(plan), "arrays: "));
    for (int call = 0; call < 3; call++) {
        const float *x = large->x[call % 2] + 1;
        run(copying, x, large->expected);
        run(plan, x, large->y[0]);
        expect_same(large, large->y[0], where);
        const char *line = strstr(clrnn_plan_describe(plan), said);
        ck_assert_msg(line != NULL, "%s: no such line in \"%s\"", where, clrnn_plan_describe(plan));
        ck_assert_ptr_null(strstr(line + 2, "arrays: copied"));
    }
    faults_pretend(NULL);
    clrnn_plan_free(copying);
    clrnn_plan_free(plan);
    device->refused[0] = 0;
}

static void hold(void (*property)(const struct large *, clrnn_context *, const char *),
                 int opencl_alone) {
    static const clrnn_cell cells[] = {CLRNN_CELL_RNN, CLRNN_CELL_LSTM, CLRNN_CELL_GRU};
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        struct large large;
        open_large(&large, cells[i]);
        for (size_t place = 0; place < count; place++) {
            if (!opencl_alone ||
                clrnn_context_engine(places[place].context) == CLRNN_ENGINE_OPENCL) {
                property(&large, places[place].context, places[place].name);
            }
        }
        close_large(&large);
    }
    test_places_free(places, count);
}

START_TEST(arrays_change) {
    hold(alternate, 0);
}
END_TEST

/* The cpu engine works in the caller's arrays, which must not overlap. */
START_TEST(arrays_overlap) {
    hold(overlap, 1);
}
END_TEST

START_TEST(arrays_refused) {
    hold(refused, 1);
}
END_TEST

Suite *lending_suite(void) {
    Suite *suite = suite_create("lending");
    TCase *tcase = tcase_create("lending");
    tcase_add_test(tcase, arrays_change);
    tcase_add_test(tcase, arrays_overlap);
    tcase_add_test(tcase, arrays_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
