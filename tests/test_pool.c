/*
 * test_pool.c: streams: a sequence fed step by step, in pieces or at once gives the same bits; and a
 * pool of them, where rows join and leave at any call, each with a slot of its own, is as good as a
 * plan for each. On every place, by every algorithm, for stacks of every kind of cell.
 */
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STREAMS = 7, INPUTS = 3, OUTPUTS = 6, LONGEST = 23 };

/* Layers of different cells and sizes; every one that a stream may have. */
static const clrnn_layer_desc stacks[][3] = {
    {{.cell = CLRNN_CELL_LSTM, .hidden = 9, .projection = 4, .peepholes = 1},
     {.cell = CLRNN_CELL_GRU, .hidden = 17, .reset = CLRNN_RESET_BEFORE},
     {.cell = CLRNN_CELL_RNN, .hidden = OUTPUTS}},
    {{.cell = CLRNN_CELL_GRU, .hidden = 5},
     {.cell = CLRNN_CELL_LSTM, .hidden = 65, .cell_clip = 0.5f, .couple = CLRNN_COUPLE_FORGET},
     {.cell = CLRNN_CELL_LSTM, .hidden = OUTPUTS, .forget_bias = 1.0f}},
};
enum { STACKS = sizeof stacks / sizeof stacks[0] };

static clrnn_net *net_of(const clrnn_layer_desc *layers) {
    return test_net(&(clrnn_net_desc){.inputs = INPUTS, .num_layers = 3, .layers = layers}, 41,
                    0.5);
}

/* Step t of a stream: the same whoever asks. */
static void input_of(float *x, int stream, int t) {
    uint64_t seed = (uint64_t)(1000 * stream + t);
    for (int i = 0; i < INPUTS; i++) {
        x[i] = test_uniform(&seed, 1.0);
    }
}

static int length_of(int stream) {
    return 1 + (stream * 11 + 5) % LONGEST;
}

/* A stream masks one step in three, if masks are on. */
static unsigned char live(int stream, int t) {
    return (stream + t) % 3 != 2;
}

struct streams {
    float y[STREAMS][LONGEST][OUTPUTS];
};

/* Each stream by itself, at once. */
static void run_alone(struct streams *out, const clrnn_net *net, clrnn_context *context,
                      const char *algorithm, int masked) {
    clrnn_plan *plan = NULL;
    ok(clrnn_plan_create(&plan, context, net,
                         &(clrnn_plan_desc){.algorithm = algorithm, .steps = LONGEST, .batch = 1}));
    for (int stream = 0; stream < STREAMS; stream++) {
        const int steps = length_of(stream);
        float x[LONGEST][INPUTS];
        unsigned char mask[LONGEST];
        for (int t = 0; t < steps; t++) {
            input_of(x[t], stream, t);
            mask[t] = live(stream, t);
        }
        clrnn_forward_args args = {
            .x = test_tensor(x, CLRNN_DTYPE_F32, 3, steps, 1, INPUTS),
            .y = test_tensor(out->y[stream], CLRNN_DTYPE_F32, 3, steps, 1, OUTPUTS)};
        if (masked) {
            args.mask = test_tensor(mask, CLRNN_DTYPE_BOOL, 2, 1, steps, 0);
        }
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    }
    clrnn_plan_free(plan);
}

/* All of them in a pool of slots: at each call some streams take 1 to 3 steps each, in any order; one
 * that ends frees its slot for the next. */
static void run_pool(struct streams *out, const clrnn_net *net, clrnn_context *context,
                     const char *algorithm, int masked) {
    enum { SLOTS = 3, MOST = 3 };
    int stream_of[SLOTS] = {0, 1, 2}, next = SLOTS, done[STREAMS] = {0};
    clrnn_state *state = NULL;
    clrnn_plan *plan = NULL;
    uint64_t seed = 99;
    ok(clrnn_state_create(&state, context, net, SLOTS));
    ok(clrnn_plan_create(
        &plan, context, net,
        &(clrnn_plan_desc){
            .algorithm = algorithm, .steps = MOST, .batch = SLOTS, .batch_first = 1}));
    for (int left = STREAMS; left > 0;) {
        float x[SLOTS][MOST][INPUTS], y[SLOTS][MOST][OUTPUTS];
        unsigned char mask[SLOTS][MOST];
        int32_t slots[SLOTS], lengths[SLOTS];
        int rows = 0;
        const int first = (int)(test_random(&seed) % SLOTS);
        for (int i = 0; i < SLOTS; i++) {
            const int slot = (first + i) % SLOTS, stream = stream_of[slot];
            if (stream < 0 || (test_random(&seed) % 3 == 0 && rows > 0)) {
                continue; /* nobody there, or it has nothing to say now */
            }
            const int rest = length_of(stream) - done[stream];
            const int count = 1 + (int)(test_random(&seed) % MOST);
            slots[rows] = slot;
            lengths[rows] = count < rest ? count : rest;
            for (int t = 0; t < MOST; t++) {
                input_of(x[rows][t], stream, done[stream] + t);
                mask[rows][t] = live(stream, done[stream] + t);
            }
            rows++;
        }
        clrnn_forward_args args = {.state = state,
                                   .slots = slots,
                                   .x = test_tensor(x, CLRNN_DTYPE_F32, 3, rows, MOST, INPUTS),
                                   .y = test_tensor(y, CLRNN_DTYPE_F32, 3, rows, MOST, OUTPUTS),
                                   .lengths = test_tensor(lengths, CLRNN_DTYPE_I32, 1, rows, 0, 0)};
        if (masked) {
            args.mask = test_tensor(mask, CLRNN_DTYPE_BOOL, 2, rows, MOST, 0);
        }
        if (rows == 0) {
            continue;
        }
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        for (int row = 0; row < rows; row++) {
            const int slot = slots[row], stream = stream_of[slot];
            memcpy(out->y[stream][done[stream]], y[row],
                   (size_t)lengths[row] * OUTPUTS * sizeof(float));
            done[stream] += lengths[row];
            if (done[stream] == length_of(stream)) {
                left--;
                stream_of[slot] = next < STREAMS ? next++ : -1;
                ok(clrnn_state_reset(state, slot));
            }
        }
    }
    clrnn_plan_free(plan);
    clrnn_state_free(state);
}

static void hold_streams(const struct streams *expected, const struct streams *got,
                         const char *where, int masked) {
    for (int stream = 0; stream < STREAMS; stream++) {
        for (int t = 0; t < length_of(stream); t++) {
            size_t at = 0;
            ck_assert_msg(test_same_bits(expected->y[stream][t], got->y[stream][t], OUTPUTS, &at),
                          "%s%s: stream %d step %d unit %zu is %.9g, alone %.9g", where,
                          masked ? ", masked" : "", stream, t, at, (double)got->y[stream][t][at],
                          (double)expected->y[stream][t][at]);
        }
    }
}

START_TEST(a_pool_is_its_streams) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    clrnn_net *net = net_of(stacks[_i]);
    for (size_t place = 0; place < count; place++) {
        clrnn_algorithm_info infos[16];
        size_t algorithms = 0;
        ok(clrnn_plan_algorithms(&algorithms, infos, 16, places[place].context, net,
                                 &(clrnn_plan_desc){.steps = LONGEST, .batch = STREAMS}));
        for (size_t i = 0; i < 2 * algorithms; i++) {
            static struct streams expected, got;
            const int masked = i % 2 != 0;
            char where[256];
            snprintf(where, sizeof where, "%.200s %.40s", places[place].name, infos[i / 2].name);
            if (test_takes(&infos[i / 2], net)) {
                run_alone(&expected, net, places[place].context, infos[i / 2].name, masked);
                run_pool(&got, net, places[place].context, infos[i / 2].name, masked);
                hold_streams(&expected, &got, where, masked);
            }
        }
    }
    clrnn_net_free(net);
    test_places_free(places, count);
}
END_TEST

/* 10^5 calls of one step are one call of 10^5 steps. */
START_TEST(single_steps_are_one_call) {
    enum { STEPS = 100000 };
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    clrnn_net *net = net_of(stacks[_i]);
    for (size_t place = 0; place < count; place++) {
        const int steps = getenv("CLRNN_LONG") != NULL ||
                                  clrnn_context_engine(places[place].context) == CLRNN_ENGINE_CPU
                              ? STEPS
                              : STEPS / 50;
        float *x = malloc((size_t)steps * INPUTS * sizeof *x);
        float *whole = malloc((size_t)steps * OUTPUTS * sizeof *whole);
        float *parts = malloc((size_t)steps * OUTPUTS * sizeof *parts);
        clrnn_plan *plan = NULL, *one = NULL;
        clrnn_state *state = NULL;
        size_t at = 0;
        for (int t = 0; t < steps; t++) {
            input_of(x + t * INPUTS, 1, t);
        }
        ok(clrnn_plan_create(&plan, places[place].context, net,
                             &(clrnn_plan_desc){.steps = steps, .batch = 1}));
        ok(clrnn_plan_create(&one, places[place].context, net,
                             &(clrnn_plan_desc){.steps = 1, .batch = 1}));
        ok(clrnn_state_create(&state, places[place].context, net, 1));
        ok(clrnn_forward(
            plan,
            &(clrnn_forward_args){.x = test_tensor(x, CLRNN_DTYPE_F32, 3, steps, 1, INPUTS),
                                  .y = test_tensor(whole, CLRNN_DTYPE_F32, 3, steps, 1, OUTPUTS)},
            0, NULL, NULL));
        for (int t = 0; t < steps; t++) {
            ok(clrnn_forward(
                one,
                &(clrnn_forward_args){
                    .state = state,
                    .x = test_tensor(x + t * INPUTS, CLRNN_DTYPE_F32, 3, 1, 1, INPUTS),
                    .y = test_tensor(parts + t * OUTPUTS, CLRNN_DTYPE_F32, 3, 1, 1, OUTPUTS)},
                0, NULL, NULL));
        }
        ck_assert_msg(test_same_bits(whole, parts, (size_t)steps * OUTPUTS, &at),
                      "%s: %d single steps: y[%zu] is %.9g, in one call %.9g", places[place].name,
                      steps, at, (double)parts[at], (double)whole[at]);
        clrnn_plan_free(plan);
        clrnn_plan_free(one);
        clrnn_state_free(state);
        free(x);
        free(whole);
        free(parts);
    }
    clrnn_net_free(net);
    test_places_free(places, count);
}
END_TEST

Suite *pool_suite(void) {
    Suite *suite = suite_create("pool");
    TCase *each = tcase_create("stacks");
    tcase_set_timeout(each, 1800);
    tcase_add_loop_test(each, a_pool_is_its_streams, 0, STACKS);
    tcase_add_loop_test(each, single_steps_are_one_call, 0, STACKS);
    suite_add_tcase(suite, each);
    return suite;
}
