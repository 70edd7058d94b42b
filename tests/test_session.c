/*
 * test_session.c: whole models through sessions: the same bits on every place, whether values stay on the
 * device between layers or not; numbers moved by roundings; nothing allocated, built or sent again in a second run; streams cut in
 * pieces; inputs that are wrong.
 */
#include "faults.h"
#include "files.h"
#include "suites.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KERAS "tests/data/keras_cases/"

/* Dense between recurrent layers; masks; both directions; integers; everything behind a last output. */
static const char *const models[] = {"dense",          "mask_passes",    "both_then", "twice",
                                     "embedding_mask", "backwards_mask", "stacked",   "both_dense"};
enum { MODELS = sizeof models / sizeof models[0], PLACES = 16 };

static clrnn_model *load(const char *name, clrnn_arrays **values, clrnn_binding *x) {
    clrnn_model *model = NULL;
    char path[160], array[64];
    snprintf(path, sizeof path, KERAS "%s.keras", name);
    snprintf(array, sizeof array, "%s.x", name);
    ok(clrnn_model_load(&model, path, NULL));
    ok(clrnn_arrays_load(values, KERAS "values.npz"));
    *x = (clrnn_binding){.value = *clrnn_arrays_find(*values, array)};
    return model;
}

static void same_output(const clrnn_session *session, const clrnn_tensor *expected,
                        const char *where) {
    const clrnn_tensor *y = clrnn_session_output(session, 0);
    ck_assert_ptr_nonnull(y);
    ck_assert_int_eq(clrnn_tensor_count(y), clrnn_tensor_count(expected));
    ck_assert_msg(memcmp(y->data, expected->data, (size_t)clrnn_tensor_count(y) * sizeof(float)) ==
                      0,
                  "%s: other bits", where);
}

static clrnn_session *run(clrnn_context *context, const clrnn_model *model,
                          const clrnn_session_desc *desc, const clrnn_binding *x) {
    clrnn_session *session = NULL;
    ok(clrnn_session_create(&session, context, model, desc));
    ok(clrnn_session_run(session, 1, x));
    return session;
}

START_TEST(is_the_same_everywhere) {
    struct test_place places[PLACES];
    size_t count = test_places(places, PLACES - 1);
    clrnn_arrays *values = NULL;
    clrnn_binding x;
    clrnn_model *model = load(models[_i], &values, &x);
    ok(clrnn_context_create(&places[count].context, &(clrnn_context_desc){0}));
    snprintf(places[count++].name, sizeof places->name, "auto");
    clrnn_session *first = run(places[0].context, model, NULL, &x);
    const clrnn_tensor *y = clrnn_session_output(first, 0);
    for (size_t place = 0; place < count; place++) {
        /* as it is, in pieces, and judged, where every value comes to the host */
        const clrnn_session_desc descs[] = {{0}, {.chunk = 2}, {.judge = 1}};
        for (int i = 0; i < COUNT(descs); i++) {
            clrnn_session *session = run(places[place].context, model, &descs[i], &x);
            same_output(session, y, places[place].name);
            for (size_t k = 0; descs[i].judge && k < clrnn_session_layer_count(session); k++) {
                clrnn_judgement judgement;
                ok(clrnn_session_judgement(&judgement, session, k));
                ck_assert_msg(judgement.bad == 0 && judgement.checked > 0, "%s: %s: layer %s",
                              models[_i], places[place].name, clrnn_session_layer_name(session, k));
            }
            ok(clrnn_session_run(session, 1, &x));
            same_output(session, y, "again");
            clrnn_session_free(session);
        }
    }
    clrnn_session_free(first);
    clrnn_model_free(model);
    clrnn_arrays_free(values);
    test_places_free(places, count);
}
END_TEST

static double largest_difference(const clrnn_tensor *a, const clrnn_tensor *b) {
    double most = 0;
    for (int64_t i = 0; i < clrnn_tensor_count(a); i++) {
        most = fmax(
            most, fabs((double)((const float *)a->data)[i] - (double)((const float *)b->data)[i]));
    }
    return most;
}

/* Numbers moved by roundings move outputs by little, in another way for each seed and in the same one on
 * every place. A mask at a value is where it was. */
START_TEST(moved_by_roundings) {
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    clrnn_arrays *values = NULL;
    clrnn_binding x;
    clrnn_model *model = load(models[_i], &values, &x);
    clrnn_session *still = run(places[0].context, model, NULL, &x), *refused = NULL;
    clrnn_session *first = run(places[0].context, model, &(clrnn_session_desc){.moved = 1}, &x);
    clrnn_session *other = run(places[0].context, model, &(clrnn_session_desc){.moved = 2}, &x);
    const clrnn_tensor *y = clrnn_session_output(still, 0);
    const clrnn_tensor *moved = clrnn_session_output(first, 0);
    const double apart = largest_difference(y, moved);
    ck_assert_msg(apart > 0 && apart < 1e-5, "%s: %g apart", models[_i], apart);
    ck_assert(largest_difference(moved, clrnn_session_output(other, 0)) > 0);
    ck_assert(clrnn_session_roundings(still) > 10 && clrnn_session_roundings(still) < 1000);
    ck_assert(clrnn_session_roundings(still) == clrnn_session_roundings(first));
    ck_assert(clrnn_session_roundings(NULL) == 0);
    for (size_t place = 0; place < count; place++) {
        const clrnn_session_desc desc = {.moved = 1};
        clrnn_session *session = run(places[place].context, model, &desc, &x);
        same_output(session, moved, places[place].name);
        ok(clrnn_session_run(session, 1, &x));
        same_output(session, moved, "again");
        clrnn_session_free(session);
    }
    fails(clrnn_session_create(&refused, places[0].context, model,
                               &(clrnn_session_desc){.moved = 1, .judge = 1}),
          ARGUMENT, "not moved ones");
    clrnn_session_free(still);
    clrnn_session_free(first);
    clrnn_session_free(other);
    clrnn_model_free(model);
    clrnn_arrays_free(values);
    test_places_free(places, count);
}
END_TEST

/* One summand more is a rounding more; a step is three of a recurrent layer. */
START_TEST(roundings_are_counted) {
    clrnn_context *context = NULL;
    clrnn_net *net = NULL;
    clrnn_model *model = NULL;
    enum { INPUTS = 5, HIDDEN = 3, MOST = 9 };
    static float weights[4 * HIDDEN * INPUTS], x[MOST * INPUTS];
    const clrnn_layer_desc layer = {
        .cell = CLRNN_CELL_LSTM, .hidden = HIDDEN, .bias = CLRNN_BIAS_NONE};
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    ok(clrnn_net_create(&net,
                        &(clrnn_net_desc){.inputs = INPUTS, .num_layers = 1, .layers = &layer}));
    ok(clrnn_net_set_weight(
        net, "weight_ih_l0",
        &(clrnn_tensor){.data = weights, .rank = 2, .shape = {4 * HIDDEN, INPUTS}}));
    ok(clrnn_net_set_weight(
        net, "weight_hh_l0",
        &(clrnn_tensor){.data = weights, .rank = 2, .shape = {4 * HIDDEN, HIDDEN}}));
    ok(clrnn_model_create(&model, net, 0));
    for (int steps = 1; steps <= MOST; steps += 4) {
        const clrnn_binding input = {.value = {.data = x, .rank = 3, .shape = {steps, 1, INPUTS}}};
        clrnn_session *session = run(context, model, NULL, &input);
        ck_assert(clrnn_session_roundings(session) == INPUTS + HIDDEN + 32 + 3 * steps);
        clrnn_session_free(session);
    }
    clrnn_model_free(model);
    clrnn_net_free(net);
    clrnn_context_free(context);
}
END_TEST

/* What clrnn_plan_algorithms says of a layer's net, once its sizes are known. */
START_TEST(lists_algorithms) {
    clrnn_context *context = NULL;
    clrnn_arrays *values = NULL;
    clrnn_binding x;
    clrnn_model *model = load("dense", &values, &x);
    clrnn_session *session = NULL;
    clrnn_algorithm_info infos[16];
    size_t count = 0;
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    ok(clrnn_session_create(&session, context, model, NULL));
    fails(clrnn_session_algorithms(&count, infos, COUNT(infos), session, 0), ARGUMENT,
          "layer 0 did not run");
    ok(clrnn_session_run(session, 1, &x));
    for (size_t i = 0; i < clrnn_session_layer_count(session); i++) {
        int allowed = 0;
        ok(clrnn_session_algorithms(&count, NULL, 0, session, i));
        ck_assert(count >= 1 && count <= COUNT(infos));
        ok(clrnn_session_algorithms(&count, infos, COUNT(infos), session, i));
        for (size_t k = 0; k < count; k++) {
            allowed += infos[k].allowed;
        }
        ck_assert_int_ge(allowed, 1);
    }
    fails(clrnn_session_algorithms(&count, infos, COUNT(infos), session, 99), ARGUMENT,
          "layer 99 did not run");
    clrnn_session_free(session);
    clrnn_model_free(model);
    clrnn_context_free(context);
    clrnn_arrays_free(values);
}
END_TEST

/* Of `rows` rows of what the model takes. */
static clrnn_binding some_rows(const clrnn_binding *x, int64_t rows) {
    clrnn_binding some = *x;
    some.value.shape[0] = rows;
    return some;
}

/* Rows of a dense layer are steps where there are many: it gives each the same bits as among few, and what
 * it needs beside x W does not grow with them. */
START_TEST(rows_are_steps) {
    enum { MANY = 90, F = 8, LANES = 16 };
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    clrnn_arrays *values = NULL;
    clrnn_binding few;
    clrnn_model *model = load("dense", &values, &few);
    const int64_t each = clrnn_tensor_count(&few.value) / few.value.shape[0];
    float *x = malloc((size_t)(MANY * each) * sizeof *x);
    for (int64_t n = 0; n < MANY; n++) {
        const float *from = (const float *)few.value.data + n % few.value.shape[0] * each;
        memcpy(x + n * each, from, (size_t)each * sizeof *x);
    }
    for (size_t place = 0; place < count; place++) {
        clrnn_session *a = run(places[place].context, model, NULL, &few), *b = NULL;
        const clrnn_tensor *y = clrnn_session_output(a, 0);
        const int64_t wide = clrnn_tensor_count(y) / few.value.shape[0];
        for (int64_t n = MANY - 1; n <= MANY; n++) {
            clrnn_binding many = few;
            many.value.data = x;
            many.value.shape[0] = n;
            b = run(places[place].context, model, NULL, &many);
            const clrnn_tensor *of_many = clrnn_session_output(b, 0);
            for (int64_t i = 0; i < n; i++) {
                const float *one = (const float *)y->data + i % few.value.shape[0] * wide;
                ck_assert_msg(memcmp((const float *)of_many->data + i * wide, one,
                                     (size_t)wide * sizeof *one) == 0,
                              "%s: row %d of %d", places[place].name, (int)i, (int)n);
            }
            const int64_t rows = n * few.value.shape[1];
            for (size_t layer = 0; layer < clrnn_session_layer_count(b); layer++) {
                clrnn_profile profile;
                ok(clrnn_session_profile(&profile, b, layer));
                ck_assert_msg(strncmp(clrnn_session_layer_name(b, layer), "dense", 5) != 0 ||
                                  profile.workspace_bytes <
                                      4 * (uint64_t)(rows * F + 8 * 128 * (F + LANES)),
                              "%s: %llu bytes for %d rows", places[place].name,
                              (unsigned long long)profile.workspace_bytes, (int)rows);
            }
            clrnn_session_free(b);
        }
        clrnn_session_free(a);
    }
    free(x);
    clrnn_model_free(model);
    clrnn_arrays_free(values);
    test_places_free(places, count);
}
END_TEST

START_TEST(a_second_run_makes_nothing) {
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    clrnn_arrays *values = NULL;
    clrnn_binding x;
    clrnn_model *model = load(models[_i], &values, &x);
    for (size_t place = 0; place < count; place++) {
        static const char *const makes[] = {"malloc",        "calloc",   "realloc",
                                            "aligned_alloc", "clCreate", "clBuildProgram"};
        faults_forget();
        clrnn_session *session = run(places[place].context, model, NULL, &x);
        ok(clrnn_session_run(session, 1, &x));
        faults_enter((struct faults){0});
        const clrnn_status status = clrnn_session_run(session, 1, &x);
        const clrnn_binding fewer = some_rows(&x, 2);
        const clrnn_status again = clrnn_session_run(session, 1, &fewer);
        faults_leave();
        ok(status);
        ok(again);
        for (int i = 0; i < COUNT(makes); i++) {
            ck_assert_msg(faults_calls(makes[i]) == 0, "%s: %s: %d calls of %s", models[_i],
                          places[place].name, faults_calls(makes[i]), makes[i]);
        }
        clrnn_session_free(session);
    }
    clrnn_model_free(model);
    clrnn_arrays_free(values);
    test_places_free(places, count);
}
END_TEST

/* Between two layers on a device a value is neither read nor written by the host. */
START_TEST(values_stay_on_the_device) {
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    clrnn_arrays *values = NULL;
    clrnn_binding x;
    clrnn_model *model = load("dense", &values, &x);
    for (size_t place = 0; place < count; place++) {
        if (clrnn_context_engine(places[place].context) != CLRNN_ENGINE_OPENCL) {
            continue;
        }
        clrnn_session *session = run(places[place].context, model, NULL, &x);
        ok(clrnn_session_run(session, 1, &x));
        faults_forget();
        faults_enter((struct faults){0});
        const clrnn_status status = clrnn_session_run(session, 1, &x);
        faults_leave();
        ok(status);
        /* three layers: x of the first up, y of the last down; a transfer in between would be more */
        const int moves = faults_calls("clEnqueueRead") + faults_calls("clEnqueueMap");
        ck_assert_msg(moves <= 1, "%s: %d reads, %d maps, %d writes", places[place].name,
                      faults_calls("clEnqueueRead"), faults_calls("clEnqueueMap"),
                      faults_calls("clEnqueueWrite"));
        clrnn_session_free(session);
    }
    clrnn_model_free(model);
    clrnn_arrays_free(values);
    test_places_free(places, count);
}
END_TEST

/* One sequence alone is a row of the batch, without that axis. */
START_TEST(a_sequence_alone) {
    clrnn_context *context = NULL;
    clrnn_arrays *values = NULL;
    clrnn_binding x;
    clrnn_model *model = load(models[_i], &values, &x);
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    clrnn_session *whole = run(context, model, NULL, &x), *session = NULL;
    const clrnn_tensor *y = clrnn_session_output(whole, 0);
    const int64_t part = clrnn_tensor_count(y) / y->shape[0];
    ok(clrnn_session_create(&session, context, model, NULL));
    for (int64_t n = 0; n < x.value.shape[0]; n++) {
        clrnn_binding row = x;
        row.value.rank--;
        memmove(row.value.shape, x.value.shape + 1, (size_t)row.value.rank * sizeof(int64_t));
        const size_t bytes =
            (size_t)clrnn_tensor_count(&row.value) * clrnn_dtype_size(row.value.dtype);
        row.value.offset = (size_t)n * bytes;
        ok(clrnn_session_run(session, 1, &row));
        const clrnn_tensor *one = clrnn_session_output(session, 0);
        ck_assert_int_eq(one->rank, y->rank - 1);
        ck_assert_int_eq(clrnn_tensor_count(one), part);
        ck_assert_int_eq(
            memcmp(one->data, (const float *)y->data + n * part, (size_t)part * sizeof(float)), 0);
    }
    clrnn_session_free(session);
    clrnn_session_free(whole);
    clrnn_model_free(model);
    clrnn_context_free(context);
    clrnn_arrays_free(values);
}
END_TEST

/* A stream in two pieces, the state of the first given to the second, ends as the whole. */
START_TEST(a_stream_goes_on) {
    enum { ROWS = 4, STEPS = 7, FIRST = 4, INPUTS = 4, HIDDEN = 3 };
    clrnn_context *context = NULL;
    clrnn_arrays *values = NULL;
    clrnn_binding x;
    clrnn_model *model = load("functional_any_length", &values, &x);
    clrnn_session *whole, *session = NULL;
    float part[ROWS * STEPS * INPUTS], state[ROWS * HIDDEN] = {0};
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    ok(clrnn_session_create(&session, context, model, &(clrnn_session_desc){.states = 1}));
    whole = run(context, model, NULL, &x);
    ck_assert_ptr_null(clrnn_session_output(whole, 1)); /* a state that nobody asked for */
    for (int piece = 0; piece < 2; piece++) {
        const int first = piece == 0 ? 0 : FIRST, steps = piece == 0 ? FIRST : STEPS - FIRST;
        clrnn_port_info port;
        for (int n = 0; n < ROWS; n++) {
            memcpy(part + n * steps * INPUTS,
                   (const float *)x.value.data + (n * STEPS + first) * INPUTS,
                   (size_t)(steps * INPUTS) * sizeof(float));
        }
        const clrnn_binding inputs[2] = {
            {.value = {.data = part, .rank = 3, .shape = {ROWS, steps, INPUTS}}},
            {.name = "h_0", .value = {.data = state, .rank = 3, .shape = {1, ROWS, HIDDEN}}}};
        ok(clrnn_session_run(session, piece == 0 ? 1 : 2, inputs));
        ok(clrnn_model_output(&port, model, 1));
        ck_assert_str_eq(port.name, "h_n");
        ck_assert_int_eq(port.is_state, 1);
        memcpy(state, clrnn_session_output(session, 1)->data, sizeof state);
    }
    same_output(session, clrnn_session_output(whole, 0), "two pieces");
    clrnn_session_free(session);
    clrnn_session_free(whole);
    clrnn_model_free(model);
    clrnn_context_free(context);
    clrnn_arrays_free(values);
}
END_TEST

START_TEST(refuses_wrong_inputs) {
    clrnn_context *context = NULL;
    clrnn_arrays *values = NULL;
    clrnn_binding x;
    clrnn_model *model = load("rnn", &values, &x);
    clrnn_session *session = NULL;
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    ok(clrnn_session_create(&session, context, model, NULL));
    ck_assert_ptr_null(clrnn_session_output(session, 0));
    fails(clrnn_session_run(session, 0, NULL), ARGUMENT, "which was not given");
    const clrnn_binding twice[2] = {x, x};
    fails(clrnn_session_run(session, 2, twice), ARGUMENT, "is given twice");
    clrnn_binding wrong = x;
    wrong.name = "y";
    fails(clrnn_session_run(session, 1, &wrong), ARGUMENT, "has no input y");
    wrong = x;
    wrong.value.shape[2] = 3;
    fails(clrnn_session_run(session, 1, &wrong), SHAPE,
          "float32 [any][7][4], got float32 [4][7][3]");
    wrong.value.dtype = CLRNN_DTYPE_I32;
    fails(clrnn_session_run(session, 1, &wrong), SHAPE, "needs float32");
    wrong = x;
    wrong.value.shape[0] = 0;
    fails(clrnn_session_run(session, 1, &wrong), SHAPE, "needs 1 to");
    fails(clrnn_session_create(NULL, context, model, NULL), ARGUMENT, "a place for the result");
    ok(clrnn_session_run(session, 1, &x)); /* as if nothing had been */
    clrnn_session_free(session);
    clrnn_session_free(NULL);
    clrnn_model_free(model);
    clrnn_context_free(context);
    clrnn_arrays_free(values);
}
END_TEST

/* A net from PyTorch's names is a graph of one node: what a forward gives, a session gives. */
START_TEST(nets_have_sessions) {
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    clrnn_model *model = NULL;
    clrnn_arrays *arrays = NULL, *expected = NULL;
    int64_t lengths[370];
    ok(clrnn_model_load(&model, "tests/data/torch_bilstm.safetensors",
                        &(clrnn_model_options){.layout = CLRNN_LAYOUT_BATCH_FIRST}));
    ok(clrnn_arrays_load(&arrays, "tests/data/x_test.npy"));
    ok(clrnn_arrays_load(&expected, "tests/data/lengths_test.npy"));
    for (int n = 0; n < 370; n++) {
        lengths[n] = ((const int32_t *)clrnn_arrays_at(expected, 0)->data)[n];
    }
    const clrnn_tensor *x = clrnn_arrays_at(arrays, 0);
    static float y[370 * 29 * 48];
    for (size_t place = 0; place < count; place++) {
        clrnn_plan *plan = NULL;
        clrnn_session *session = NULL;
        const clrnn_tensor of_lengths = {
            .data = lengths, .dtype = CLRNN_DTYPE_I64, .rank = 1, .shape = {370}};
        const clrnn_plan_desc desc = {.steps = 29, .batch = 370, .batch_first = 1};
        const clrnn_forward_args args = {
            .x = *x, .y = {.data = y, .rank = 3, .shape = {370, 29, 48}}, .lengths = of_lengths};
        const clrnn_binding inputs[2] = {{.name = "x", .value = *x},
                                         {.name = "lengths", .value = of_lengths}};
        ok(clrnn_plan_create(&plan, places[place].context, clrnn_model_net(model), &desc));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        ok(clrnn_session_create(&session, places[place].context, model, NULL));
        ok(clrnn_session_run(session, 2, inputs));
        same_output(session, &args.y, places[place].name);
        clrnn_session_free(session);
        clrnn_plan_free(plan);
    }
    clrnn_model_free(model);
    clrnn_arrays_free(arrays);
    clrnn_arrays_free(expected);
    test_places_free(places, count);
}
END_TEST

Suite *session_suite(void) {
    Suite *suite = suite_create("session");
    TCase *whole = tcase_create("whole");
    tcase_add_loop_test(whole, is_the_same_everywhere, 0, MODELS);
    tcase_add_loop_test(whole, moved_by_roundings, 0, MODELS);
    tcase_add_test(whole, roundings_are_counted);
    tcase_add_test(whole, lists_algorithms);
    tcase_add_test(whole, rows_are_steps);
    tcase_add_loop_test(whole, a_second_run_makes_nothing, 0, MODELS);
    tcase_add_test(whole, values_stay_on_the_device);
    tcase_add_loop_test(whole, a_sequence_alone, 0, MODELS);
    tcase_add_test(whole, a_stream_goes_on);
    tcase_add_test(whole, refuses_wrong_inputs);
    tcase_add_test(whole, nets_have_sessions);
    suite_add_tcase(suite, whole);
    return suite;
}
