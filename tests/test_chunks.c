/*
 * test_chunks.c: time cut into pieces by the plan, because it is told to or because memory is short,
 * gives the bits of the whole: on every place, by every algorithm, wherever arrays lie; and a plan
 * never holds more memory than it may.
 */
#include "memory.h"
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Forward and reverse, time first and batch first, all lengths and ragged ones with slices. */
static void hold(test_property *property, int cell) {
    struct test_problem problems[] = {test_cell_problem(cell, 7, 5, 3, 19, 500),
                                      test_cell_problem(cell, 6, 3, 4, 67, 510)};
    problems[0].lengths = LENGTHS_RAGGED;
    problems[1].direction = CLRNN_DIRECTION_REVERSE;
    problems[1].batch_first = 1;
    test_hold(property, problems, 2);
    problems[0].direction = CLRNN_DIRECTION_REVERSE;
    problems[1].direction = CLRNN_DIRECTION_FORWARD;
    test_hold(property, problems, 2);
}

static clrnn_plan *make_plan(const struct test_case *test, clrnn_context *context,
                             const char *algorithm, int chunk, uint64_t memory_limit) {
    clrnn_plan_desc desc = test_plan_desc(test, algorithm);
    desc.chunk = chunk;
    desc.memory_limit = memory_limit;
    return test_plan(test, context, &desc);
}

/* Steps of a piece, as the plan says. */
static int chunk_of(const clrnn_plan *plan) {
    const char *line = strstr(clrnn_plan_describe(plan), "\npieces: ");
    int chunk = 0;
    ck_assert_ptr_nonnull(line);
    ck_assert(sscanf(line, "\npieces: %d steps", &chunk) == 1 ||
              sscanf(line, "\npieces: all %d steps", &chunk) == 1);
    return chunk;
}

/* ---- pieces that stay in caches --------------------------------------------------------------- */

static int is_on_cpu(const clrnn_context *context) {
    return strcmp(clrnn_context_device(context)->type, "CPU") == 0;
}

/* An lstm with H = 64 has 1 KiB of x_proj a step: 4096 steps are near, and 9000 three pieces. */
START_TEST(long_sequences_stay_near) {
    enum { STEPS = 9000, PIECE = 3000 };
    struct test_problem problem = test_cell_problem(TEST_LSTM, STEPS, 1, 3, 64, 520);
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    problem.direction = _i ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
    struct test_case *test = test_case_make(&problem);
    struct test_outcome whole, near;
    for (size_t i = 0; i < count; i++) {
        clrnn_plan *plan = make_plan(test, places[i].context, NULL, STEPS, 0);
        ck_assert_int_eq(chunk_of(plan), STEPS);
        test_run_plan(&whole, test, plan);
        clrnn_plan_free(plan);
        plan = make_plan(test, places[i].context, NULL, 0, 0);
        ck_assert_int_eq(chunk_of(plan), is_on_cpu(places[i].context) ? PIECE : STEPS);
        test_run_plan(&near, test, plan);
        test_same(test, &whole, &near, places[i].name);
        clrnn_plan_free(plan);
        test_result_free(&whole);
        test_result_free(&near);
    }
    test_case_free(test);
    test_places_free(places, count);
}
END_TEST

/* On a driver in the host's memory layers go one after the other, so that x and y may be lent. */
START_TEST(long_stacks_stay_near) {
    const clrnn_layer_desc layers[] = {{.cell = CLRNN_CELL_LSTM, .hidden = 64},
                                       {.cell = CLRNN_CELL_GRU, .hidden = 8}};
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    uint64_t seed = 6;
    clrnn_net *net = NULL;
    ok(clrnn_net_create(&net, &(clrnn_net_desc){.inputs = 3, .num_layers = 2, .layers = layers}));
    test_fill_net(net, 0.4, &seed);
    for (size_t i = 0; i < count; i++) {
        clrnn_plan *plan = NULL;
        const clrnn_context *context = places[i].context;
        const int is_engine = clrnn_context_engine(context) == CLRNN_ENGINE_CPU;
        ok(clrnn_plan_create(&plan, places[i].context, net,
                             &(clrnn_plan_desc){.steps = 9000, .batch = 1}));
        const char *line = strstr(clrnn_plan_describe(plan), "each through all layers");
        ck_assert_int_eq(line != NULL, is_engine);
        ck_assert_int_eq(chunk_of(plan), is_on_cpu(context) ? 3000 : 9000);
        clrnn_plan_free(plan);
        ok(clrnn_plan_create(&plan, places[i].context, net,
                             &(clrnn_plan_desc){.steps = 100, .batch = 128}));
        ck_assert_int_eq(chunk_of(plan),
                         100); /* 64 steps are near: two pieces would be too short */
        clrnn_plan_free(plan);
    }
    clrnn_net_free(net);
    test_places_free(places, count);
}
END_TEST

/* ---- pieces of every size -------------------------------------------------------------------- */

static void in_pieces(const struct test_case *test, const struct test_outcome *whole,
                      clrnn_context *context, const char *algorithm, const char *where) {
    const int chunks[] = {1, 2, 3, test->problem.steps - 1, test->problem.steps + 5};
    for (int i = 0; i < 5; i++) {
        clrnn_plan *plan = make_plan(test, context, algorithm, chunks[i], 0);
        const int steps = test->problem.steps;
        ck_assert_int_eq(chunk_of(plan), chunks[i] < steps ? chunks[i] : steps);
        test_runs_same(test, plan, whole, where);
        clrnn_plan_free(plan);
    }
}

START_TEST(pieces_are_the_whole) {
    hold(in_pieces, _i);
}
END_TEST

/* Calls of fewer steps and rows than the plan takes: less than a piece, one, and one and a rest. */
static void shorter(const struct test_case *test, const struct test_outcome *whole,
                    clrnn_context *context, const char *algorithm, const char *where) {
    clrnn_plan *plan = make_plan(test, context, algorithm, 3, 0);
    for (int steps = 2; steps <= 4; steps++) {
        struct test_case *other = test_case_like(test, steps, 2);
        struct test_outcome alone, result;
        test_run(&alone, other, context, algorithm);
        test_runs_same(other, plan, &alone, where);
        test_run_plan(&result, test, plan);
        test_same(test, whole, &result, where);
        test_result_free(&result);
        test_result_free(&alone);
        test_case_free(other);
    }
    clrnn_plan_free(plan);
}

START_TEST(shorter_calls) {
    hold(shorter, _i);
}
END_TEST

/* A state of the caller's whose slots are in another order, and y of rank 2 alone. */
static void with_a_state(const struct test_case *test, const struct test_outcome *whole,
                         clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    const size_t hidden = (size_t)p->hidden;
    clrnn_plan *plan = make_plan(test, context, algorithm, 2, 0);
    clrnn_state *state = NULL;
    int32_t slots[16];
    float *h = malloc(((size_t)p->batch + 1) * hidden * sizeof *h);
    float *last = malloc((size_t)p->batch * hidden * sizeof *last);
    clrnn_tensor h_tensor = test_tensor(h, CLRNN_DTYPE_F32, 2, p->batch + 1, p->hidden, 0);
    struct test_outcome result;
    size_t at = 0;
    for (int n = 0; n < p->batch; n++) {
        slots[n] = p->batch - n;
    }
    test_result_make(&result, test);
    ok(clrnn_state_create(&state, context, test->net, p->batch + 1));
    clrnn_forward_args args = test_args(test, &result);
    args.state = state;
    args.slots = slots;
    args.hiddens = args.gates = args.cells = (clrnn_tensor){0};
    args.y = test_tensor(last, CLRNN_DTYPE_F32, 2, p->batch, p->hidden, 0);
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    ok(clrnn_state_read(state, 0, &h_tensor, NULL, NULL));
    ck_assert_msg(test_same_bits(last, whole->h_n, (size_t)p->batch * hidden, &at),
                  "%s: %s: last outputs differ at %zu", test->text, where, at);
    for (int n = 0; n < p->batch; n++) {
        test_same_final(test, whole, n, &result, n, where);
        ck_assert_msg(test_same_bits(h + (size_t)slots[n] * hidden, whole->h_n + (size_t)n * hidden,
                                     hidden, &at),
                      "%s: %s: slot %d differs at %zu", test->text, where, slots[n], at);
    }
    test_result_free(&result);
    clrnn_state_free(state);
    clrnn_plan_free(plan);
    free(h);
    free(last);
}

START_TEST(pieces_with_a_state) {
    hold(with_a_state, _i);
}
END_TEST

/* Without a start, which is 0 in the first piece alone, after a call that left other states. */
static void from_nothing(const struct test_case *test, const struct test_outcome *whole,
                         clrnn_context *context, const char *algorithm, const char *where) {
    clrnn_plan *once = make_plan(test, context, algorithm, 0, 0);
    clrnn_plan *plan = make_plan(test, context, algorithm, 2, 0);
    struct test_outcome expected, result;
    test_result_make(&expected, test);
    clrnn_forward_args args = test_args(test, &expected);
    args.h_0 = args.c_0 = (clrnn_tensor){0};
    ok(clrnn_forward(once, &args, 0, NULL, NULL));
    test_run_plan(&result, test, plan);
    test_same(test, whole, &result, where);
    args = test_args(test, &result);
    args.h_0 = args.c_0 = (clrnn_tensor){0};
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    test_same(test, &expected, &result, where);
    test_result_free(&result);
    test_result_free(&expected);
    clrnn_plan_free(plan);
    clrnn_plan_free(once);
}

START_TEST(pieces_from_nothing) {
    hold(from_nothing, _i);
}
END_TEST

/* Everything in buffers: what is not copied is cut where it lies. */
START_TEST(pieces_in_buffers) {
    struct test_device device;
    for (int index = 0; test_device_open(&device, index); index++) {
        clrnn_context *context = NULL;
        clrnn_algorithm_info algorithms[8];
        ok(clrnn_context_create(&context, &(clrnn_context_desc){.queue = device.queue}));
        for (int kind = 0; kind < 4; kind++) {
            struct test_problem problem = test_cell_problem(_i, 7, 5, 3, 19, 520);
            problem.direction = kind & 1 ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
            problem.batch_first = kind / 2;
            problem.lengths = kind == 3 ? LENGTHS_NONE : LENGTHS_RAGGED;
            struct test_case *test = test_case_make(&problem);
            const size_t count = test_algorithms(algorithms, 8, context, test);
            for (size_t i = 0; i < count; i++) {
                struct test_outcome whole, result;
                clrnn_plan *plan = make_plan(test, context, algorithms[i].name, 2 + kind % 2, 0);
                test_run(&whole, test, context, algorithms[i].name);
                test_result_make(&result, test);
                const clrnn_forward_args home = test_args(test, &result);
                clrnn_forward_args args = home;
                cl_event done = NULL;
                test_to_buffers(&device, &args);
                ok(clrnn_forward(plan, &args, 0, NULL, &done));
                ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
                clReleaseEvent(done);
                test_from_buffers(&device, &args, &home);
                test_same(test, &whole, &result, algorithms[i].name);
                test_result_free(&whole);
                test_result_free(&result);
                clrnn_plan_free(plan);
            }
            test_case_free(test);
        }
        clrnn_context_free(context);
        test_device_close(&device);
    }
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

/* Runs with what a limit counts: x, y and states in host memory. */
static void run_lean(struct test_outcome *result, const struct test_case *test, clrnn_plan *plan) {
    test_result_make(result, test);
    clrnn_forward_args args = test_args(test, result);
    args.hiddens = args.cells = args.gates = (clrnn_tensor){0};
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
}

static void same_lean(const struct test_case *test, const struct test_outcome *a,
                      const struct test_outcome *b, const char *where) {
    size_t at = 0;
    ck_assert_msg(test_same_bits(a->y, b->y, a->y_count, &at), "%s: %s: y[%zu] %.9g and %.9g",
                  test->text, where, at, a->y[at], b->y[at]);
    for (int n = 0; n < test->problem.batch; n++) {
        test_same_final(test, a, n, b, n, where);
    }
}

/* The plan's own word on the memory that it holds. */
static void check_profile(const clrnn_plan *plan, const struct test_case *test,
                          clrnn_context *context, const clrnn_plan_desc *desc, const char *where) {
    clrnn_profile profile;
    size_t bytes = 0;
    ok(clrnn_plan_profile(&profile, plan));
    ok(clrnn_plan_workspace_size(&bytes, context, test->net, desc));
    ck_assert_uint_gt(profile.workspace_bytes, 0);
    ck_assert_msg(profile.workspace_bytes == bytes,
                  "%s: %s: workspace_size is %zu, the profile %zu", test->text, where, bytes,
                  (size_t)profile.workspace_bytes);
    ck_assert_msg(profile.memory_bytes >= bytes &&
                      (desc->memory_limit == 0 || profile.memory_bytes <= desc->memory_limit),
                  "%s: %s: holds %zu bytes, %zu of them work space, and may hold %zu", test->text,
                  where, (size_t)profile.memory_bytes, bytes, (size_t)desc->memory_limit);
}

/* The least limit, as a refusal names it. */
static size_t least_limit(const struct test_case *test, clrnn_context *context,
                          clrnn_plan_desc desc) {
    clrnn_plan *plan = (clrnn_plan *)&desc;
    size_t least = 0, bytes = 1;
    desc.memory_limit = 1;
    fails(clrnn_plan_create(&plan, context, test->net, &desc), MEMORY,
          "plan: memory_limit must be at least ");
    ck_assert_ptr_null(plan);
    const char *at_least = strstr(clrnn_last_error()->message, "at least ");
    ck_assert_int_eq(sscanf(at_least, "at least %zu bytes", &least), 1);
    desc.memory_limit = least - 1;
    fails(clrnn_plan_create(&plan, context, test->net, &desc), MEMORY, "at least ");
    fails(clrnn_plan_workspace_size(&bytes, context, test->net, &desc), MEMORY, "at least ");
    ck_assert_uint_eq(bytes, 0);
    return least;
}

/* From the least limit, a step a piece, to as much as is wanted. */
static void within_limits(const struct test_case *test, const struct test_outcome *whole,
                          clrnn_context *context, const char *algorithm, const char *where) {
    clrnn_plan_desc desc = test_plan_desc(test, algorithm);
    const size_t least = least_limit(test, context, desc);
    int chunk = 0;
    for (size_t limit = least; chunk < test->problem.steps; limit += limit / 4) {
        struct test_outcome result;
        desc.memory_limit = limit;
        clrnn_plan *plan = test_plan(test, context, &desc);
        /* where y is kept whole, alignment leaves room for more steps than one */
        const int forward = test->problem.direction == CLRNN_DIRECTION_FORWARD;
        const int finest = forward ? 1 : test->problem.steps - 1;
        ck_assert_msg(limit > least || chunk_of(plan) <= finest,
                      "%s: %s: %d steps a piece by the least", test->text, where, chunk_of(plan));
        ck_assert_int_ge(chunk_of(plan), chunk);
        chunk = chunk_of(plan);
        run_lean(&result, test, plan);
        same_lean(test, whole, &result, where);
        check_profile(plan, test, context, &desc, where);
        test_result_free(&result);
        clrnn_plan_free(plan);
    }
    desc.memory_limit = 0;
    clrnn_plan *plan = test_plan(test, context, &desc);
    check_profile(plan, test, context, &desc, where);
    clrnn_plan_free(plan);
}

START_TEST(limits_are_kept) {
    struct test_problem problems[] = {test_cell_problem(_i, 60, 5, 3, 19, 530),
                                      test_cell_problem(_i, 60, 3, 9, 67, 540)};
    problems[0].lengths = LENGTHS_RAGGED;
    problems[1].batch_first = 1;
    test_hold(within_limits, problems, 2);
    problems[0].direction = problems[1].direction = CLRNN_DIRECTION_REVERSE;
    test_hold(within_limits, problems, 2);
}
END_TEST

/* The chooser refuses a limit as a named algorithm does. */
START_TEST(limit_too_small_for_all) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 9, 2, 3, 5, 550);
    struct test_case *test = test_case_make(&problem);
    for (size_t place = 0; place < count; place++) {
        clrnn_plan_desc desc = test_plan_desc(test, NULL);
        desc.memory_limit = least_limit(test, places[place].context, desc);
        clrnn_plan *plan = test_plan(test, places[place].context, &desc);
        ck_assert_int_eq(chunk_of(plan), 1);
        clrnn_plan_free(plan);
    }
    test_case_free(test);
    test_places_free(places, count);
}
END_TEST

/* A limit counts the caller's work space too, and what is more than x and y is refused when it comes,
 * without harm. */
START_TEST(limit_in_buffers) {
    struct test_device device;
    for (int index = 0; test_device_open(&device, index); index++) {
        clrnn_context *context = NULL;
        clrnn_algorithm_info algorithms[8];
        /* a step of the gates is more than what alignment leaves unused */
        const struct test_problem problem = test_cell_problem(TEST_LSTM, 10, 64, 3, 19, 560);
        struct test_case *test = test_case_make(&problem);
        ok(clrnn_context_create(&context, &(clrnn_context_desc){.queue = device.queue}));
        const size_t count = test_algorithms(algorithms, 8, context, test);
        for (size_t i = 0; i < count; i++) {
            struct test_outcome whole, result;
            size_t bytes = 0;
            clrnn_plan_desc desc = test_plan_desc(test, algorithms[i].name);
            desc.memory_limit = least_limit(test, context, desc);
            ok(clrnn_plan_workspace_size(&bytes, context, test->net, &desc));
            desc.workspace = test_device_memory(&device, bytes);
            clrnn_plan *plan = test_plan(test, context, &desc);
            clReleaseMemObject(desc.workspace);
            test_run(&whole, test, context, algorithms[i].name);
            test_result_make(&result, test);
            const clrnn_forward_args args = test_args(test, &result);
            fails(clrnn_forward(plan, &args, 0, NULL, NULL), MEMORY, "memory_limit is ");
            test_result_free(&result);
            run_lean(&result, test, plan);
            same_lean(test, &whole, &result, algorithms[i].name);
            check_profile(plan, test, context, &desc, algorithms[i].name);
            test_result_free(&result);
            test_result_free(&whole);
            clrnn_plan_free(plan);
        }
        test_case_free(test);
        clrnn_context_free(context);
        test_device_close(&device);
    }
}
END_TEST

/* ---- stacks ---------------------------------------------------------------------------------- */

enum { STACK_STEPS = 6, STACK_BATCH = 4, STACK_INPUTS = 3, STACK_LAYERS = 3 };

/* A piece goes through all layers, or, as soon as one is reverse, each layer through all pieces. */
static const struct {
    int count;
    clrnn_layer_desc layers[STACK_LAYERS];
} stacks[] = {
    {3,
     {{.cell = CLRNN_CELL_LSTM, .hidden = 9, .projection = 4, .peepholes = 1},
      {.cell = CLRNN_CELL_GRU, .hidden = 17, .reset = CLRNN_RESET_BEFORE},
      {.hidden = 5}}},
    {3,
     {{.cell = CLRNN_CELL_GRU, .hidden = 9, .direction = CLRNN_DIRECTION_BIDIRECTIONAL},
      {.cell = CLRNN_CELL_LSTM,
       .hidden = 7,
       .direction = CLRNN_DIRECTION_BIDIRECTIONAL,
       .merge = CLRNN_MERGE_SUM},
      {.hidden = 5}}},
    {2, {{.hidden = 5, .zero_masked = 1}, {.hidden = 66, .direction = CLRNN_DIRECTION_REVERSE}}},
};
enum { STACKS = sizeof stacks / sizeof stacks[0] };

enum form { FORM_WHOLE, FORM_LENGTHS, FORM_MASK, FORM_PACKED, FORM_LAST, FORM_LEAN, FORMS };

static const int32_t stack_lengths[STACK_BATCH] = {6, 0, 2, 5};
static const int32_t stack_sizes[STACK_STEPS] = {4, 3, 3, 2, 1, 1};
enum { STACK_PACKED = 14 };

struct stack_run {
    clrnn_layer_arrays layers[STACK_LAYERS];
    clrnn_forward_args args;
    float *values; /* of all outputs, one array after the other */
    size_t count;
};

static void take(clrnn_tensor *out, struct stack_run *run, int rank, int64_t a, int64_t b,
                 int64_t c) {
    *out = test_tensor(run->values + run->count, CLRNN_DTYPE_F32, rank, a, b, c);
    run->count += (size_t)clrnn_tensor_count(out);
}

static void take_layer(struct stack_run *run, const clrnn_layer_desc *layer, int64_t outer,
                       int64_t inner, clrnn_layer_arrays *out) {
    const int directions = clrnn_layer_directions(layer), width = clrnn_layer_width(layer);
    take(&out->h_n, run, 3, directions, STACK_BATCH, width);
    take(&out->o_n, run, 3, directions, STACK_BATCH, width);
    take(&out->hiddens, run, 3, outer, inner, directions * width);
    take(&out->gates, run, 3, outer, inner, directions * clrnn_layer_gates(layer) * layer->hidden);
    if (layer->cell == CLRNN_CELL_LSTM) {
        take(&out->c_n, run, 3, directions, STACK_BATCH, layer->hidden);
        take(&out->cells, run, 3, outer, inner, directions * layer->hidden);
    }
}

/* All that a stack gives in a form; LEAN: y alone. */
static void stack_outputs(struct stack_run *run, int stack, enum form form, int batch_first) {
    const int count = stacks[stack].count;
    const int outputs = clrnn_layer_outputs(&stacks[stack].layers[count - 1]);
    const int64_t outer = batch_first ? STACK_BATCH : STACK_STEPS;
    const int64_t inner = batch_first ? STACK_STEPS : STACK_BATCH;
    enum { ROOM = 1 << 16 };
    memset(run, 0, sizeof *run);
    run->values = malloc(ROOM * sizeof *run->values);
    for (int i = 0; i < ROOM; i++) {
        run->values[i] = -777.5f;
    }
    if (form == FORM_LAST) {
        take(&run->args.y, run, 2, STACK_BATCH, outputs, 0);
    } else if (form == FORM_PACKED) {
        take(&run->args.y, run, 2, STACK_PACKED, outputs, 0);
    } else {
        take(&run->args.y, run, 3, outer, inner, outputs);
    }
    for (int i = 0; i < count && form != FORM_LEAN; i++) {
        take_layer(run, &stacks[stack].layers[i], outer, inner, &run->layers[i]);
        if (i + 1 < count && i % 2 == 0) {
            take(&run->layers[i].y, run, 3, outer, inner,
                 clrnn_layer_outputs(&stacks[stack].layers[i]));
        }
    }
    ck_assert_uint_le(run->count, ROOM);
    run->args.layers = run->layers;
}

static void run_stack(struct stack_run *run, int stack, enum form form, clrnn_context *context,
                      const clrnn_net *net, const clrnn_plan_desc *desc) {
    float x[STACK_STEPS * STACK_BATCH * STACK_INPUTS];
    uint8_t mask[STACK_BATCH][STACK_STEPS];
    uint64_t seed = 3;
    clrnn_plan *plan = NULL;
    stack_outputs(run, stack, form, desc->batch_first);
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        x[i] = test_uniform(&seed, 1.0);
    }
    for (int i = 0; i < STACK_BATCH * STACK_STEPS; i++) {
        mask[i / STACK_STEPS][i % STACK_STEPS] = test_random(&seed) % 3 != 0;
    }
    run->args.x = desc->batch_first
                      ? test_tensor(x, CLRNN_DTYPE_F32, 3, STACK_BATCH, STACK_STEPS, STACK_INPUTS)
                      : test_tensor(x, CLRNN_DTYPE_F32, 3, STACK_STEPS, STACK_BATCH, STACK_INPUTS);
    if (form == FORM_PACKED) {
        run->args.x = test_tensor(x, CLRNN_DTYPE_F32, 2, STACK_PACKED, STACK_INPUTS, 0);
        run->args.batch_sizes =
            test_tensor((void *)stack_sizes, CLRNN_DTYPE_I32, 1, STACK_STEPS, 0, 0);
    } else if (form != FORM_WHOLE) {
        run->args.lengths =
            test_tensor((void *)stack_lengths, CLRNN_DTYPE_I32, 1, STACK_BATCH, 0, 0);
    }
    if (form == FORM_MASK || form == FORM_LAST) {
        run->args.mask = test_tensor(mask, CLRNN_DTYPE_BOOL, 2, STACK_BATCH, STACK_STEPS, 0);
    }
    ok(clrnn_plan_create(&plan, context, net, desc));
    ok(clrnn_forward(plan, &run->args, 0, NULL, NULL));
    clrnn_plan_free(plan);
    for (size_t i = 0; i < run->count; i++) {
        ck_assert_msg(run->values[i] != -777.5f, "stack %d, form %d: value %zu was not written",
                      stack, (int)form, i);
    }
}

static void check_stack(int stack, enum form form, const struct test_place *place,
                        int batch_first) {
    uint64_t seed = 5;
    clrnn_net *net = NULL;
    clrnn_algorithm_info infos[8];
    size_t count = 0;
    struct stack_run whole;
    clrnn_plan_desc desc = {.steps = STACK_STEPS, .batch = STACK_BATCH, .batch_first = batch_first};
    ok(clrnn_net_create(&net, &(clrnn_net_desc){.inputs = STACK_INPUTS,
                                                .num_layers = stacks[stack].count,
                                                .layers = stacks[stack].layers}));
    test_fill_net(net, 0.4, &seed);
    ok(clrnn_plan_algorithms(&count, infos, 8, place->context, net, &desc));
    run_stack(&whole, stack, form, place->context, net, &desc);
    for (size_t i = 0; i < count; i++) {
        const int takes = test_takes(&infos[i], net);
        for (int chunk = 1; takes && chunk < STACK_STEPS; chunk += 2 + chunk % 2) {
            struct stack_run pieces;
            size_t at = 0;
            desc.algorithm = infos[i].name;
            desc.chunk = chunk; /* 1, 4 */
            run_stack(&pieces, stack, form, place->context, net, &desc);
            ck_assert_msg(test_same_bits(whole.values, pieces.values, whole.count, &at),
                          "stack %d, form %d, batch first %d, %s %s, chunk %d: value %zu of %zu is "
                          "%.9g, expected %.9g",
                          stack, (int)form, batch_first, place->name, infos[i].name, chunk, at,
                          whole.count, pieces.values[at], whole.values[at]);
            free(pieces.values);
        }
    }
    free(whole.values);
    clrnn_net_free(net);
}

START_TEST(stacks_in_pieces) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (size_t place = 0; place < count; place++) {
        for (int form = 0; form < FORMS; form++) {
            check_stack(_i, (enum form)form, &places[place], 0);
            if (form != FORM_PACKED) {
                check_stack(_i, (enum form)form, &places[place], 1);
            }
        }
    }
    test_places_free(places, count);
}
END_TEST

/* That would be chosen without a limit. */
static const char *first_algorithm(const clrnn_context *context, const clrnn_net *net) {
    static clrnn_algorithm_info infos[8];
    const clrnn_plan_desc desc = {.steps = 1, .batch = 1};
    size_t count = 0, i = 0;
    ok(clrnn_plan_algorithms(&count, infos, 8, context, net, &desc));
    while (i < count && !infos[i].allowed) {
        i++;
    }
    ck_assert_uint_lt(i, count);
    return infos[i].name;
}

/* The least limit of a stack holds for x and y; a mask and the begins of packed steps come on top. */
START_TEST(limits_of_stacks) {
    static const enum form forms[] = {FORM_LEAN, FORM_PACKED, FORM_MASK};
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    uint64_t seed = 5;
    clrnn_net *net = NULL;
    ok(clrnn_net_create(&net, &(clrnn_net_desc){.inputs = STACK_INPUTS,
                                                .num_layers = stacks[_i].count,
                                                .layers = stacks[_i].layers}));
    test_fill_net(net, 0.4, &seed);
    enum { STEPS = 4000 };
    float *x = calloc(STEPS * STACK_INPUTS, sizeof *x);
    float *y = calloc(STEPS * 66, sizeof *y), *whole = calloc(STEPS * 66, sizeof *y);
    uint8_t *mask = calloc(STEPS, 1);
    int32_t *sizes = calloc(STEPS, sizeof *sizes);
    const int outputs = clrnn_layer_outputs(&stacks[_i].layers[stacks[_i].count - 1]);
    for (int i = 0; i < STEPS; i++) {
        x[i * STACK_INPUTS] = test_uniform(&seed, 1.0);
        mask[i] = i % 3 != 1;
        sizes[i] = 1;
    }
    for (size_t place = 0; place < count; place++) {
        const char *chosen = first_algorithm(places[place].context, net);
        for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
            clrnn_plan_desc desc = {.steps = STEPS, .batch = 1, .memory_limit = 1};
            clrnn_plan *plan = NULL;
            clrnn_profile profile;
            size_t least = 0, at = 0;
            clrnn_forward_args args = {
                .x = test_tensor(x, CLRNN_DTYPE_F32, 3, STEPS, 1, STACK_INPUTS),
                .y = test_tensor(whole, CLRNN_DTYPE_F32, 3, STEPS, 1, outputs)};
            if (forms[f] == FORM_PACKED) {
                args.x = test_tensor(x, CLRNN_DTYPE_F32, 2, STEPS, STACK_INPUTS, 0);
                args.y = test_tensor(whole, CLRNN_DTYPE_F32, 2, STEPS, outputs, 0);
                args.batch_sizes = test_tensor(sizes, CLRNN_DTYPE_I32, 1, STEPS, 0, 0);
            } else if (forms[f] == FORM_MASK) {
                args.mask = test_tensor(mask, CLRNN_DTYPE_BOOL, 2, 1, STEPS, 0);
            }
            desc.algorithm = chosen;
            fails(clrnn_plan_create(&plan, places[place].context, net, &desc), MEMORY, "at least");
            ck_assert_int_eq(
                sscanf(strstr(clrnn_last_error()->message, "at least"), "at least %zu", &least), 1);
            desc.memory_limit = 0;
            ok(clrnn_plan_create(&plan, places[place].context, net, &desc));
            ok(clrnn_forward(plan, &args, 0, NULL, NULL));
            clrnn_plan_free(plan);
            const size_t more = forms[f] == FORM_MASK     ? STEPS
                                : forms[f] == FORM_PACKED ? (STEPS + 1) * sizeof(int64_t)
                                                          : 0;
            args.y.data = y;
            desc.memory_limit = least + more;
            ok(clrnn_plan_create(&plan, places[place].context, net, &desc));
            ok(clrnn_forward(plan, &args, 0, NULL, NULL));
            ck_assert_msg(test_same_bits(whole, y, (size_t)STEPS * (size_t)outputs, &at),
                          "stack %d, form %d, %s: y[%zu] is %.9g, expected %.9g", _i, (int)forms[f],
                          places[place].name, at, y[at], whole[at]);
            ok(clrnn_plan_profile(&profile, plan));
            ck_assert_uint_le(profile.memory_bytes, desc.memory_limit);
            clrnn_plan_free(plan);
        }
    }
    free(x);
    free(y);
    free(whole);
    free(mask);
    free(sizes);
    clrnn_net_free(net);
    test_places_free(places, count);
}
END_TEST

/* Under a limit a call that asks for more than x and y goes by shorter pieces, and gives back what the
 * next one does not need. */
START_TEST(limits_fit_every_call) {
    enum { STEPS = 4000, WIDTH = 17, GATES = 3 * WIDTH, TOP = 5, CALLS = 4 };
    static float x[STEPS * STACK_INPUTS], y[STEPS * TOP], h[STEPS * WIDTH], g[STEPS * GATES];
    static float y_whole[STEPS * TOP], h_whole[STEPS * WIDTH], g_whole[STEPS * GATES];
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    uint64_t seed = 5;
    clrnn_net *net = NULL;
    ok(clrnn_net_create(
        &net,
        &(clrnn_net_desc){.inputs = STACK_INPUTS, .num_layers = 3, .layers = stacks[0].layers}));
    test_fill_net(net, 0.4, &seed);
    for (int i = 0; i < STEPS * STACK_INPUTS; i++) {
        x[i] = test_uniform(&seed, 1.0);
    }
    for (size_t place = 0; place < count; place++) {
        clrnn_plan_desc desc = {
            .algorithm = first_algorithm(places[place].context, net), .steps = STEPS, .batch = 1};
        clrnn_layer_arrays layers[3];
        clrnn_forward_args args = {.x = test_tensor(x, CLRNN_DTYPE_F32, 3, STEPS, 1, STACK_INPUTS),
                                   .y = test_tensor(y_whole, CLRNN_DTYPE_F32, 3, STEPS, 1, TOP),
                                   .layers = layers};
        clrnn_plan *plan = NULL;
        clrnn_profile profile;
        size_t at = 0;
        memset(layers, 0, sizeof layers);
        layers[1].hiddens = test_tensor(h_whole, CLRNN_DTYPE_F32, 3, STEPS, 1, WIDTH);
        layers[1].gates = test_tensor(g_whole, CLRNN_DTYPE_F32, 3, STEPS, 1, GATES);
        ok(clrnn_plan_create(&plan, places[place].context, net, &desc));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        clrnn_plan_free(plan);
        desc.memory_limit = 300000;
        ok(clrnn_plan_create(&plan, places[place].context, net, &desc));
        for (int call = 0; call < CALLS; call++) {
            const int all = call % 2; /* beside y */
            memset(y, 0, sizeof y);
            memset(h, 0, sizeof h);
            memset(g, 0, sizeof g);
            args.y.data = y;
            layers[1].hiddens.data = all ? h : NULL;
            layers[1].gates.data = all ? g : NULL;
            ok(clrnn_forward(plan, &args, 0, NULL, NULL));
            ck_assert(test_same_bits(y, y_whole, STEPS * TOP, &at));
            ck_assert(!all || test_same_bits(h, h_whole, STEPS * WIDTH, &at));
            ck_assert(!all || test_same_bits(g, g_whole, STEPS * GATES, &at));
            ok(clrnn_plan_profile(&profile, plan));
            ck_assert_uint_le(profile.memory_bytes, desc.memory_limit);
        }
        clrnn_plan_free(plan);
    }
    clrnn_net_free(net);
    test_places_free(places, count);
}
END_TEST

Suite *chunks_suite(void) {
    Suite *suite = suite_create("chunks");
    TCase *each = tcase_create("each cell"), *stack = tcase_create("stacks");
    tcase_set_timeout(each, 600);
    tcase_set_timeout(stack, 600);
    tcase_add_loop_test(each, pieces_are_the_whole, 0, TEST_CELLS);
    tcase_add_loop_test(each, shorter_calls, 0, TEST_CELLS);
    tcase_add_loop_test(each, pieces_with_a_state, 0, TEST_CELLS);
    tcase_add_loop_test(each, pieces_from_nothing, 0, TEST_CELLS);
    tcase_add_loop_test(each, pieces_in_buffers, 0, TEST_CELLS);
    tcase_add_loop_test(each, limits_are_kept, 0, TEST_CELLS);
    tcase_add_loop_test(each, long_sequences_stay_near, 0, 2);
    tcase_add_test(each, limit_too_small_for_all);
    tcase_add_test(each, limit_in_buffers);
    tcase_add_loop_test(stack, stacks_in_pieces, 0, STACKS);
    tcase_add_loop_test(stack, limits_of_stacks, 0, STACKS);
    tcase_add_test(stack, limits_fit_every_call);
    tcase_add_test(stack, long_stacks_stay_near);
    suite_add_tcase(suite, each);
    suite_add_tcase(suite, stack);
    return suite;
}
