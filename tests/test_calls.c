/*
 * test_calls.c: what a repeated forward costs beside computing, by counts of calls: no allocation,
 * nothing created or built, one wait, no transfer of what is lent, and no argument of a kernel set to
 * what it is. With the same arrays as the call before, and with others.
 */
#include "faults.h"
#include "suites.h"
#include "support.h"

#include "cl/cl_plan.h"
#include "core/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 3, INPUTS = 100, HIDDEN = 131, LAYERS = 2, CHUNK = 5, ALGORITHMS = 16, PLACES = 16 };
/* x and y of so many steps are copied to a CPU device, or lent to it. */
enum { FEW = 12, MANY = 70 };

/* How a program calls. */
struct habit {
    const char *name;
    int steps, is_stack, is_ragged, is_chunked;
    int has_state, has_start, has_mask, is_packed;
};
static const struct habit habits[] = {
    {"one layer", .steps = FEW},
    {"large arrays", .steps = MANY},
    {"a bidirectional stack", .steps = MANY, .is_stack = 1},
    {"ragged lengths", .steps = FEW, .is_ragged = 1},
    {"a state", .steps = MANY, .has_state = 1},
    {"start states", .steps = FEW, .has_start = 1},
    {"pieces", .steps = FEW, .is_chunked = 1},
    {"a stack in pieces", .steps = FEW, .is_chunked = 1, .is_stack = 1},
    {"a mask", .steps = FEW, .has_mask = 1},
    {"packed steps", .steps = FEW, .is_packed = 1},
};
enum { HABITS = sizeof habits / sizeof habits[0] };

static const clrnn_cell cells[] = {CLRNN_CELL_RNN, CLRNN_CELL_LSTM, CLRNN_CELL_GRU};
enum { CELLS = sizeof cells / sizeof cells[0] };

/* A caller's arrays: x, y, h_0, c_0, h_n, c_n. */
struct arrays {
    float *x, *y, *states[4];
};

struct scene {
    const struct habit *habit;
    clrnn_context *context;
    const char *algorithm;
    clrnn_net *net;
    clrnn_plan *plan;
    clrnn_state *state;
    struct arrays arrays[2];
    int layers, strands, kernels;
    char where[256];
};

static int32_t lengths[BATCH] = {7, FEW, 3};
static int32_t batch_sizes[FEW] = {3, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1};
static uint8_t mask[BATCH][FEW];

/* ---- a scene --------------------------------------------------------------------------------- */

static float *floats(size_t count, uint64_t *seed) {
    float *values = malloc(count * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < count; i++) {
        values[i] = test_uniform(seed, 1.0);
    }
    return values;
}

static int width_of(const struct scene *s) {
    return s->habit->is_stack ? 2 * HIDDEN : HIDDEN;
}

static void make_net(struct scene *s, clrnn_cell cell) {
    clrnn_layer_desc layers[LAYERS] = {{.cell = cell, .hidden = HIDDEN},
                                       {.cell = cell, .hidden = HIDDEN}};
    s->layers = s->habit->is_stack ? LAYERS : 1;
    s->strands = s->habit->is_stack ? 2 * LAYERS : 1;
    if (s->habit->is_stack) {
        layers[0].direction = layers[1].direction = CLRNN_DIRECTION_BIDIRECTIONAL;
    }
    s->net = test_net(
        &(clrnn_net_desc){.inputs = INPUTS, .num_layers = s->layers, .layers = layers}, 41, 0.1);
}

static clrnn_plan_desc plan_desc(const struct habit *habit, const char *algorithm) {
    return (clrnn_plan_desc){.algorithm = algorithm,
                             .steps = habit->steps,
                             .batch = BATCH,
                             .projection = CLRNN_PROJECTION_OWN,
                             .chunk = habit->is_chunked ? CHUNK : 0};
}

static void open_scene(struct scene *s) {
    const clrnn_plan_desc desc = plan_desc(s->habit, s->algorithm);
    const size_t rows = (size_t)s->habit->steps * BATCH;
    uint64_t seed = 990;
    for (int i = 0; i < 2; i++) {
        s->arrays[i].x = floats(rows * INPUTS, &seed);
        s->arrays[i].y = floats(rows * (size_t)width_of(s), &seed);
        for (int k = 0; k < 4; k++) {
            s->arrays[i].states[k] = floats((size_t)BATCH * HIDDEN, &seed);
        }
    }
    memset(mask, 1, sizeof mask);
    mask[0][3] = mask[2][0] = 0;
    faults_forget();
    faults_enter((struct faults){0});
    const clrnn_status status = clrnn_plan_create(&s->plan, s->context, s->net, &desc);
    faults_leave();
    ok(status);
    s->kernels = faults_calls("clCreateKernel");
    if (s->habit->has_state) {
        ok(clrnn_state_create(&s->state, s->context, s->net, BATCH));
    }
}

static void close_scene(struct scene *s) {
    clrnn_state_free(s->state);
    clrnn_plan_free(s->plan);
    for (int i = 0; i < 2; i++) {
        free(s->arrays[i].x);
        free(s->arrays[i].y);
        for (int k = 0; k < 4; k++) {
            free(s->arrays[i].states[k]);
        }
    }
    s->state = NULL;
    s->plan = NULL;
}

static clrnn_forward_args args_of(const struct scene *s, const struct arrays *arrays) {
    static const int32_t slots[BATCH] = {2, 0, 1};
    const struct habit *habit = s->habit;
    const int steps = habit->steps, width = width_of(s);
    clrnn_forward_args args = {
        .state = s->state,
        .slots = s->state != NULL ? slots : NULL,
        .x = test_tensor(arrays->x, CLRNN_DTYPE_F32, 3, steps, BATCH, INPUTS),
        .y = test_tensor(arrays->y, CLRNN_DTYPE_F32, 3, steps, BATCH, width)};
    if (habit->is_ragged) {
        args.lengths = test_tensor(lengths, CLRNN_DTYPE_I32, 1, BATCH, 0, 0);
    }
    if (habit->has_mask) {
        args.mask = test_tensor(mask, CLRNN_DTYPE_BOOL, 2, BATCH, FEW, 0);
    }
    if (habit->is_packed) {
        int rows = 0;
        for (int t = 0; t < FEW; t++) {
            rows += batch_sizes[t];
        }
        args.batch_sizes = test_tensor(batch_sizes, CLRNN_DTYPE_I32, 1, FEW, 0, 0);
        args.x = test_tensor(arrays->x, CLRNN_DTYPE_F32, 2, rows, INPUTS, 0);
        args.y = test_tensor(arrays->y, CLRNN_DTYPE_F32, 2, rows, width, 0);
    }
    if (habit->has_start) {
        clrnn_tensor *const of[] = {&args.h_0, &args.h_n, &args.c_0, &args.c_n};
        const int count = clrnn_net_get_desc(s->net)->layers[0].cell == CLRNN_CELL_LSTM ? 4 : 2;
        for (int i = 0; i < count; i++) {
            *of[i] = test_tensor(arrays->states[i], CLRNN_DTYPE_F32, 3, 1, BATCH, HIDDEN);
        }
    }
    return args;
}

static void call(const struct scene *s, const struct arrays *arrays) {
    const clrnn_forward_args args = args_of(s, arrays);
    faults_enter((struct faults){0});
    const clrnn_status status = clrnn_forward(s->plan, &args, 0, NULL, NULL);
    faults_leave();
    ok(status);
}

/* ---- what a call may make -------------------------------------------------------------------- */

static int allocations(void) {
    return faults_calls("malloc") + faults_calls("calloc") + faults_calls("realloc") +
           faults_calls("aligned_alloc");
}

/* Commands that move bytes; to map what is lent moves none. */
static int transfers(void) {
    return faults_calls("clEnqueueWrite") + faults_calls("clEnqueueRead") +
           faults_calls("clEnqueueCopy") + faults_calls("clEnqueueFill");
}

static int waits(void) {
    return faults_calls("clWaitForEvents") + faults_calls(FAULTS_BLOCKING);
}

static int begins(const struct scene *s, const char *schedule) {
    return strncmp(s->algorithm, schedule, strlen(schedule)) == 0;
}

static int is_opencl(const struct scene *s) {
    return clrnn_context_engine(s->context) == CLRNN_ENGINE_OPENCL;
}

/* Does the device work in x and y themselves? */
static int lends(const struct scene *s) {
    const struct cl_engine_context *device = s->context->device;
    return s->habit->steps == MANY && device->in_host_memory;
}

static int pieces_of(const struct scene *s) {
    return s->habit->is_chunked ? (FEW + CHUNK - 1) / CHUNK : 1;
}

/* The mask and batch_sizes, which may change from call to call without a sign, go to the device each
 * time. The row table goes where it differs. */
static int tables_of(const struct scene *s) {
    return s->habit->has_mask + s->habit->is_packed;
}

static int transfers_of(const struct scene *s) {
    const int by_piece = s->habit->is_chunked && !s->habit->is_stack;
    const int arrays = lends(s) ? 0 : by_piece ? 2 * pieces_of(s) : 2;
    const int states = !s->habit->has_start                                            ? 0
                       : clrnn_net_get_desc(s->net)->layers[0].cell == CLRNN_CELL_LSTM ? 4
                                                                                       : 2;
    const int given_up = begins(s, "persist"); /* one number: did all parts meet? */
    return arrays + states + tables_of(s) + given_up;
}

/* Launches that meet count on where the ones before ended: a launch and who finishes it, and of those whose numbers
 * are their own flags who clears them. */
static int epochs_of(const struct scene *s) {
    const int launches = begins(s, "persist/panel") ? 2 : begins(s, "persist") ? 3 : 0;
    return launches * s->strands * pieces_of(s);
}

/* Those that differ from what the kernel had: params of another piece, the steps of a launch. */
static int arguments_new(const struct scene *s) {
    const int cuts = pieces_of(s) > 1;
    const int launches = faults_calls("clEnqueueNDRange") - s->strands * pieces_of(s);
    return cuts * pieces_of(s) * s->kernels +
           (begins(s, "step") ? s->strands * s->habit->steps : cuts * 2 * launches) + epochs_of(s);
}

/* x and y of each kernel, where the device works in others than in the call before. */
static int arguments_moved(const struct scene *s, int moved) {
    return moved && lends(s) ? pieces_of(s) * (s->kernels + s->strands) : 0;
}

static void expect(const struct scene *s, const char *what, int got, int expected) {
    ck_assert_msg(got == expected, "%s: %s: %d, expected %d", s->where, what, got, expected);
}

static void expect_most(const struct scene *s, const char *what, int got, int most) {
    ck_assert_msg(got <= most, "%s: %s: %d, expected at most %d", s->where, what, got, most);
}

/* A call after the first one; `moved`: with other arrays than the call before. */
static void hold_call(const struct scene *s, int moved) {
    call(s, &s->arrays[moved]);
    if (!is_opencl(s)) {
        expect(s, "allocations", allocations(), 0);
        expect(s, "calls of OpenCL", faults_calls("cl"), 0);
        return;
    }
    expect(s, "allocations", allocations(), 0);
    expect(s, "objects created", faults_calls("clCreate"), moved && lends(s) ? 2 : 0);
    expect(s, "programs built", faults_calls("clBuildProgram"), 0);
    expect(s, "waits", waits(), 1);
    expect(s, "transfers", transfers(), transfers_of(s));
    expect_most(s, "arguments set", faults_calls("clSetKernelArg"),
                arguments_new(s) + arguments_moved(s, moved));
    if (!moved || !lends(s)) { /* a new buffer may be where one was */
        expect(s, "arguments set again", faults_arguments_again(), 0);
    }
}

static void hold_scene(struct scene *s) {
    open_scene(s);
    call(s, &s->arrays[0]);
    hold_call(s, 0);
    hold_call(s, 0);
    hold_call(s, 1);
    close_scene(s);
}

static void hold_habit(const struct test_place *place, const struct habit *habit, clrnn_cell cell) {
    clrnn_algorithm_info infos[ALGORITHMS];
    struct scene s = {.habit = habit, .context = place->context};
    const clrnn_plan_desc desc = plan_desc(habit, NULL);
    size_t count = 0;
    make_net(&s, cell);
    ok(clrnn_plan_algorithms(&count, infos, ALGORITHMS, s.context, s.net, &desc));
    for (size_t i = 0; i < count && i < ALGORITHMS; i++) {
        if (test_takes(&infos[i], s.net)) {
            s.algorithm = infos[i].name;
            snprintf(s.where, sizeof s.where, "%.80s %.40s, %s, %s", place->name, s.algorithm,
                     clrnn_cell_name(cell), habit->name);
            hold_scene(&s);
        }
    }
    clrnn_net_free(s.net);
}

static void hold_places(const struct habit *habit, size_t first, size_t end) {
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    for (size_t place = first; place < count && place < end; place++) {
        for (int cell = 0; cell < CELLS; cell++) {
            hold_habit(&places[place], habit, cells[cell]);
        }
    }
    test_places_free(places, count);
}

START_TEST(calls_of_the_cpu_engine) {
    hold_places(&habits[_i], 0, 1);
}
END_TEST

/* Nothing is held where there is no device. */
START_TEST(calls_of_devices) {
    hold_places(&habits[_i], 1, PLACES);
}
END_TEST

/* ---- what calls with buffers alone learn -------------------------------------------------------- */

/* Launches of a call with buffers alone, and its event waited for, as its caller does. */
static uint64_t launches_with_buffers(clrnn_plan *plan, const struct test_case *test,
                                      const cl_mem buffers[2]) {
    cl_event done = NULL;
    clrnn_profile profile;
    clrnn_forward_args args = {.x = test_x(test)};
    args.y = args.x;
    args.y.shape[2] = test->problem.hidden;
    args.x.data = args.y.data = NULL;
    args.x.buffer = buffers[0];
    args.y.buffer = buffers[1];
    faults_enter((struct faults){0});
    const clrnn_status status = clrnn_forward(plan, &args, 0, NULL, &done);
    faults_leave();
    ok(status);
    ck_assert_int_eq(waits(), 0);
    ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
    ck_assert_int_eq(clReleaseEvent(done), CL_SUCCESS);
    /* what was asked of the device stands behind `done` */
    ck_assert_int_eq(clFinish(((struct cl_plan *)plan->engine_plan)->context->queue), CL_SUCCESS);
    ok(clrnn_plan_profile(&profile, plan));
    return profile.launches;
}

/* Groups that give up are known at the next call, which does not try again, as where the host waits; after
 * as many calls one does. Another plan is freed while what it asked may not be answered yet. */
static void hold_learning(clrnn_context *context, const struct test_case *test) {
    const struct test_problem *p = &test->problem;
    const clrnn_plan_desc desc = test_plan_desc(test, "persist/panel");
    struct cl_engine_context *device = context->device;
    cl_mem buffers[2] = {NULL, NULL};
    const size_t rows = (size_t)p->steps * (size_t)p->batch * sizeof(float);
    cl_int code;
    buffers[0] = clCreateBuffer(device->context, CL_MEM_COPY_HOST_PTR, rows * (size_t)p->inputs,
                                test->x, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    buffers[1] = clCreateBuffer(device->context, 0, rows * (size_t)p->hidden, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    faults_forget();
    clrnn_plan *plan = test_plan(test, context, &desc);
    plan->configs[0].params.patience = 0;
    const uint64_t tried = launches_with_buffers(plan, test, buffers);
    const uint64_t alone = launches_with_buffers(plan, test, buffers);
    ck_assert_uint_lt(alone, tried);
    ck_assert_uint_eq(launches_with_buffers(plan, test, buffers), tried);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(launches_with_buffers(plan, test, buffers), alone);
    }
    ck_assert_uint_eq(launches_with_buffers(plan, test, buffers), tried);
    clrnn_plan_free(plan);
    ck_assert_ptr_null(faults_freed_early());
    clReleaseMemObject(buffers[0]);
    clReleaseMemObject(buffers[1]);
}

START_TEST(buffers_learn_to_go_alone) {
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    const struct test_problem problem = test_cell_problem(TEST_RNN, 9, 1, 5, 131, 980);
    struct test_case *test = test_case_make(&problem);
    for (size_t place = 1; place < count; place++) {
        clrnn_algorithm_info infos[ALGORITHMS];
        const size_t takes = test_algorithms(infos, ALGORITHMS, places[place].context, test);
        for (size_t i = 0; i < takes; i++) {
            if (strcmp(infos[i].name, "persist/panel") == 0) {
                hold_learning(places[place].context, test);
            }
        }
    }
    test_case_free(test);
    test_places_free(places, count);
}
END_TEST

Suite *calls_suite(void) {
    Suite *suite = suite_create("calls");
    TCase *host = tcase_create("host"), *opencl = tcase_create("opencl");
    tcase_set_timeout(host, 120);
    tcase_set_timeout(opencl, 600);
    tcase_add_loop_test(host, calls_of_the_cpu_engine, 0, HABITS);
    tcase_add_loop_test(opencl, calls_of_devices, 0, HABITS);
    tcase_add_test(opencl, buffers_learn_to_go_alone);
    suite_add_tcase(suite, host);
    suite_add_tcase(suite, opencl);
    return suite;
}
