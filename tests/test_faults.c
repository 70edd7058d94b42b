/*
 * test_faults.c: each call of OpenCL and each allocation that the library makes fails in turn, on every
 * engine and by every algorithm: one clean error, nothing left behind, no memory freed that the device
 * may touch yet, and the same call without the fault gives the bits that it must.
 *
 * A scene is what a program does with the library, step by step. For each step and for n = 1, 2, ...
 * the scene is played up to the step, whose nth call fails, and then to its end; until the step is
 * done before the nth call. In a second round every call from the nth on fails, as those of a device
 * that was lost.
 */
#include "faults.h"
#include "memory.h"
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEPS = 4,
    BATCH = 3,
    INPUTS = 3,
    LAYERS = 3,
    WIDTH = 20,
    ROOM = 4096,
    ALGORITHMS = 16,
};

/* How a scene is played. */
struct setting {
    clrnn_engine engine;
    const char *algorithm; /* NULL: chosen */
    int fresh;             /* its own context, strict: programs are built in it */
    int top;               /* 1: the top layer alone */
    int first, stride;     /* without CLRNN_LONG: only every so many calls, from that one on */
    int own_queue;         /* of the tester's; x and y lie in buffers, and an event is given */
    int views;             /* x and y have gaps, and time is cut */
    uint64_t timeout_ms;
    char name[64];
};

struct scene {
    const struct setting *setting;
    struct test_device device;
    clrnn_context *context;
    clrnn_net *net;
    clrnn_plan *plan;
    clrnn_state *state;
    size_t algorithms, workspace;
    int allowed[ALGORITHMS];
    clrnn_forward_args args;
    clrnn_layer_arrays layers[LAYERS];
    clrnn_layer_arrays start, end[LAYERS];
    cl_mem x, y;
    cl_event gate, done;
    size_t used;
    float values[ROOM]; /* the caller's arrays, one after the other */
};

/* Every kind of phase, state and direction, and more than one block of units, which may be split; the
 * top layer ends a state. */
static const clrnn_layer_desc stack[LAYERS] = {
    {.cell = CLRNN_CELL_LSTM,
     .hidden = 18,
     .projection = 17,
     .peepholes = 1,
     .direction = CLRNN_DIRECTION_BIDIRECTIONAL,
     .merge = CLRNN_MERGE_SUM},
    {.cell = CLRNN_CELL_GRU, .hidden = 19, .reset = CLRNN_RESET_BEFORE},
    {.hidden = WIDTH, .direction = CLRNN_DIRECTION_REVERSE},
};
static int layers_of(const struct setting *setting) {
    return setting->top ? 1 : LAYERS;
}

static const clrnn_layer_desc *stack_of(const struct setting *setting) {
    return stack + LAYERS - layers_of(setting);
}

static int32_t lengths[BATCH] = {4, 2, 3};
static uint8_t mask[BATCH][STEPS] = {{1, 0, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 1}};

/* ---- a scene --------------------------------------------------------------------------------- */

/* An array of the caller's, poisoned; with gaps if it is a view. */
static clrnn_tensor take(struct scene *s, int view, int64_t a, int64_t b, int64_t c) {
    clrnn_tensor tensor = test_tensor(s->values + s->used, CLRNN_DTYPE_F32, 3, a, b, c);
    const int64_t row = c + view, outer = row * b + 2 * view;
    if (view) {
        tensor.strides[0] = outer;
        tensor.strides[1] = row;
        tensor.strides[2] = 1;
    }
    s->used += (size_t)(outer * a);
    ck_assert_uint_le(s->used, ROOM);
    return tensor;
}

static void arrange_layer(struct scene *s, int layer) {
    const clrnn_layer_desc *desc = &stack_of(s->setting)[layer];
    const int directions = clrnn_layer_directions(desc), width = clrnn_layer_width(desc);
    clrnn_layer_arrays *arrays = &s->layers[layer], *end = &s->end[layer];
    end->h_n = take(s, 0, directions, BATCH, width);
    end->o_n = take(s, 0, directions, BATCH, width);
    if (desc->cell == CLRNN_CELL_LSTM) {
        end->c_n = take(s, 0, directions, BATCH, desc->hidden);
    }
    if (!s->setting->own_queue) {
        arrays->h_n = take(s, 0, directions, BATCH, width);
        arrays->hiddens = take(s, s->setting->views, STEPS, BATCH, directions * width);
    }
}

/* All arrays, the same in every scene of a setting. */
static void arrange(struct scene *s) {
    uint64_t seed = 77;
    for (size_t i = 0; i < ROOM; i++) {
        s->values[i] = -777.5f;
    }
    s->args.x = take(s, s->setting->views, STEPS, BATCH, INPUTS);
    s->start.h_0 = take(s, 0, s->setting->top ? 1 : 2, BATCH, s->setting->top ? WIDTH : 17);
    s->start.c_0 = take(s, 0, 2, BATCH, 18);
    for (size_t i = 0; i < s->used; i++) {
        s->values[i] = test_uniform(&seed, 1.0);
    }
    s->args.y = take(s, s->setting->views, STEPS, BATCH, WIDTH);
    for (int layer = 0; layer < layers_of(s->setting); layer++) {
        arrange_layer(s, layer);
    }
    s->args.layers = s->layers;
    s->args.lengths = test_tensor(lengths, CLRNN_DTYPE_I32, 1, BATCH, 0, 0);
    s->args.mask = test_tensor(mask, CLRNN_DTYPE_BOOL, 2, BATCH, STEPS, 0);
}

static void to_device(struct scene *s) {
    cl_int code = CL_SUCCESS;
    const size_t bytes = STEPS * BATCH * INPUTS * sizeof(float);
    s->x = test_device_memory(&s->device, bytes);
    s->y = test_device_memory(&s->device, STEPS * BATCH * WIDTH * sizeof(float));
    ck_assert_int_eq(clEnqueueWriteBuffer(s->device.queue, s->x, CL_TRUE, 0, bytes, s->args.x.data,
                                          0, NULL, NULL),
                     CL_SUCCESS);
    s->gate = clCreateUserEvent(s->device.context, &code);
    ck_assert_int_eq(clSetUserEventStatus(s->gate, CL_COMPLETE), CL_SUCCESS);
    s->args.x.buffer = s->x;
    s->args.y.buffer = s->y;
    s->args.x.data = s->args.y.data = NULL;
}

/* `context`: one for many scenes, or NULL. */
static void scene_open(struct scene *s, const struct setting *setting, clrnn_context *context) {
    memset(s, 0, sizeof *s);
    s->setting = setting;
    s->context = context;
    arrange(s);
    if (setting->own_queue) {
        ck_assert(test_device_open(&s->device, 0));
        to_device(s);
    }
    faults_forget();
}

static void drop_event(struct scene *s) {
    faults_enter((struct faults){0});
    if (s->done != NULL) {
        clReleaseEvent(s->done);
        s->done = NULL;
    }
    faults_leave();
}

static void scene_close(struct scene *s) {
    drop_event(s);
    faults_enter((struct faults){0});
    clrnn_state_free(s->state);
    clrnn_plan_free(s->plan);
    clrnn_net_free(s->net);
    if (s->setting->fresh) {
        clrnn_context_free(s->context);
    }
    faults_leave();
    if (s->setting->own_queue) {
        clReleaseMemObject(s->x);
        clReleaseMemObject(s->y);
        clReleaseEvent(s->gate);
        test_device_close(&s->device);
    }
}

/* ---- its steps ------------------------------------------------------------------------------- */

static clrnn_status open_context(struct scene *s) {
    const clrnn_context_desc desc = {.engine = s->setting->engine,
                                     .queue = s->device.queue,
                                     .strict = s->setting->fresh,
                                     .timeout_ms = s->setting->timeout_ms};
    return clrnn_context_create(&s->context, &desc);
}

static clrnn_status make_net(struct scene *s) {
    static float weights[2048];
    clrnn_status status = CLRNN_STATUS_OK;
    const char *name;
    uint64_t seed = 5;
    clrnn_net_free(s->net); /* of an attempt that failed later on */
    status = clrnn_net_create(&s->net, &(clrnn_net_desc){.inputs = INPUTS,
                                                         .num_layers = layers_of(s->setting),
                                                         .layers = stack_of(s->setting)});
    for (size_t i = 0;
         status == CLRNN_STATUS_OK && (name = clrnn_net_weight_name(s->net, i)) != NULL; i++) {
        clrnn_tensor weight;
        char own[64];
        snprintf(own, sizeof own, "%s", name);
        status = clrnn_net_get_weight(&weight, s->net, own);
        for (int64_t k = 0; k < clrnn_tensor_count(&weight); k++) {
            weights[k] = test_uniform(&seed, 0.6);
        }
        weight.data = weights;
        status = status == CLRNN_STATUS_OK ? clrnn_net_set_weight(s->net, own, &weight) : status;
    }
    return status;
}

static clrnn_plan_desc plan_desc(const struct scene *s) {
    return (clrnn_plan_desc){.algorithm = s->setting->algorithm,
                             .steps = STEPS,
                             .batch = BATCH,
                             .chunk = s->setting->views ? 3 : 0};
}

/* What may be asked before a plan is made. */
static clrnn_status ask(struct scene *s) {
    const clrnn_plan_desc desc = plan_desc(s);
    clrnn_algorithm_info infos[ALGORITHMS];
    clrnn_status status = clrnn_plan_workspace_size(&s->workspace, s->context, s->net, &desc);
    if (status == CLRNN_STATUS_OK) {
        status =
            clrnn_plan_algorithms(&s->algorithms, infos, ALGORITHMS, s->context, s->net, &desc);
    }
    for (size_t i = 0; status == CLRNN_STATUS_OK && i < s->algorithms && i < ALGORITHMS; i++) {
        s->allowed[i] = infos[i].allowed;
    }
    return status;
}

static clrnn_status make_plan(struct scene *s) {
    const clrnn_plan_desc desc = plan_desc(s);
    return clrnn_plan_create(&s->plan, s->context, s->net, &desc);
}

static clrnn_status make_state(struct scene *s) {
    return clrnn_state_create(&s->state, s->context, s->net, BATCH);
}

static clrnn_status write_state(struct scene *s) {
    const clrnn_status status = clrnn_state_reset(s->state, -1);
    return status == CLRNN_STATUS_OK
               ? clrnn_state_write(s->state, 0, &s->start.h_0,
                                   s->setting->top ? NULL : &s->start.c_0, NULL)
               : status;
}

static clrnn_status forward(struct scene *s) {
    s->args.state = s->state;
    return s->setting->own_queue ? clrnn_forward(s->plan, &s->args, 1, &s->gate, &s->done)
                                 : clrnn_forward(s->plan, &s->args, 0, NULL, NULL);
}

static clrnn_status read_state(struct scene *s) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int layer = 0; layer < layers_of(s->setting) && status == CLRNN_STATUS_OK; layer++) {
        clrnn_layer_arrays *end = &s->end[layer];
        status = clrnn_state_read(s->state, layer, &end->h_n,
                                  end->c_n.data != NULL ? &end->c_n : NULL, &end->o_n);
    }
    return status;
}

enum step { CONTEXT, NET, ASK, PLAN, STATE, WRITE, FORWARD, READ, SCENE_STEPS };
static const struct {
    const char *name;
    clrnn_status (*run)(struct scene *s);
} steps[SCENE_STEPS] = {{"context", open_context}, {"net", make_net},     {"ask", ask},
                        {"plan", make_plan},       {"state", make_state}, {"write", write_state},
                        {"forward", forward},      {"read", read_state}};

static clrnn_status run_step(struct scene *s, int step, struct faults faults, const char **struck) {
    faults_enter(faults);
    const clrnn_status status = steps[step].run(s);
    const char *what = faults_leave();
    if (struck != NULL) {
        *struck = what;
    }
    return status;
}

/* Steps `from` to before `end`, without a fault. */
static void run_clean(struct scene *s, int from, int end, const char *where) {
    for (int step = from; step < end; step++) {
        if (step != CONTEXT || s->setting->fresh) {
            const clrnn_status status = run_step(s, step, (struct faults){0}, NULL);
            ck_assert_msg(status == CLRNN_STATUS_OK, "%s: %s, without a fault: %s", where,
                          steps[step].name, clrnn_last_error()->message);
        }
    }
}

/* ---- what must hold -------------------------------------------------------------------------- */

/* What buffers hold, once the call's event says that it is done. */
static void from_device(struct scene *s) {
    float *y = (float *)s->start.c_0.data + 2 * BATCH * 18;
    if (s->setting->own_queue) {
        ck_assert_int_eq(clWaitForEvents(1, &s->done), CL_SUCCESS);
        ck_assert_int_eq(clEnqueueReadBuffer(s->device.queue, s->y, CL_TRUE, 0,
                                             STEPS * BATCH * WIDTH * sizeof(float), y, 0, NULL,
                                             NULL),
                         CL_SUCCESS);
    }
}

static void same_outcome(struct scene *s, const struct scene *expected, int same_device,
                         const char *where) {
    size_t at = 0;
    from_device(s);
    ck_assert_msg(test_same_bits(s->values, expected->values, ROOM, &at),
                  "%s: value %zu of %zu is %.9g, expected %.9g", where, at, s->used,
                  (double)s->values[at], (double)expected->values[at]);
    ck_assert(!same_device || s->workspace == expected->workspace);
    ck_assert_msg(!same_device || memcmp(s->allowed, expected->allowed, sizeof s->allowed) == 0,
                  "%s: other algorithms are allowed", where);
}

static void clean_error(clrnn_status status, const char *struck, const char *where) {
    const clrnn_error *error = clrnn_last_error();
    const int allocates = strncmp(struck, "cl", 2) != 0;
    ck_assert_msg(error->status == status && error->message[0] != '\0' &&
                      strchr(error->message, '\n') == NULL,
                  "%s: %s and the message \"%s\" of %s", where, clrnn_status_name(status),
                  error->message, clrnn_status_name(error->status));
    ck_assert_msg(allocates ? status == CLRNN_STATUS_MEMORY
                            : status == CLRNN_STATUS_MEMORY || status == CLRNN_STATUS_OPENCL ||
                                  status == CLRNN_STATUS_BUILD || status == CLRNN_STATUS_NO_DEVICE,
                  "%s: %s: %s", where, clrnn_status_name(status), error->message);
}

/* Calls without whose answer the library can do: then it knows less of the device, and waits. */
static int is_dispensable(const char *struck) {
    static const char *const names[] = {"clGetPlatformIDs", "clGetPlatformInfo", "clGetDeviceIDs",
                                        "clGetDeviceInfo", "clSetEventCallback"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(struck, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* After one of these nobody knows what the device does: the context may be lost. */
static int may_lose(const char *struck, struct faults faults) {
    return faults.forever || strcmp(struck, "clWaitForEvents") == 0 ||
           strcmp(struck, "clGetEventInfo") == 0 || strcmp(struck, "clFlush") == 0 ||
           strcmp(struck, "clEnqueueMarkerWithWaitList") == 0;
}

static void nothing_is_made(const struct scene *s, int step, const char *where) {
    ck_assert_msg((step != CONTEXT || s->context == NULL) && (step != PLAN || s->plan == NULL) &&
                      (step != STATE || s->state == NULL),
                  "%s: it failed and gave an object", where);
    ck_assert_msg(step != FORWARD || s->done == NULL, "%s: it failed and gave an event", where);
}

static void nothing_is_left(int lost, const char *where) {
    /* what a lost device may touch yet is never freed */
    const size_t memory = lost ? 0 : faults_memory(0);
    ck_assert_msg(memory == 0, "%s: %zu allocations are left", where, memory);
    ck_assert_msg(faults_objects() == 0, "%s: OpenCL objects made less released: %d", where,
                  faults_objects());
    ck_assert_msg(faults_freed_early() == NULL,
                  "%s: freed while the device may still be reading or writing it: %s", where,
                  faults_freed_early());
}

/* A state of which a call failed: it has come to its end, or is what it was. It never goes on from
 * what the reverse direction left. */
static void is_spent_or_whole(struct scene *s, const struct scene *expected, const char *where) {
    const clrnn_status status = run_step(s, FORWARD, (struct faults){0}, NULL);
    ck_assert_msg(status == CLRNN_STATUS_OK || status == CLRNN_STATUS_ARGUMENT ||
                      status == CLRNN_STATUS_LOST,
                  "%s: again: %s", where, clrnn_last_error()->message);
    if (status == CLRNN_STATUS_OK && !s->setting->own_queue) {
        size_t at = 0;
        ck_assert_msg(test_same_bits(s->args.y.data,
                                     expected->values + ((float *)s->args.y.data - s->values),
                                     STEPS * BATCH * WIDTH, &at),
                      "%s: the state went through a reverse direction, and the next call goes on "
                      "from there",
                      where);
    }
    drop_event(s);
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* After a failure: the step again, and the rest. 1: the context was lost. */
static int go_on(struct scene *s, const struct scene *expected, int step, struct faults faults,
                 const char *struck, const char *where) {
    const int touched = faults_under_way(s->values, sizeof s->values);
    clrnn_status status = CLRNN_STATUS_OK;
    if (step == FORWARD) {
        is_spent_or_whole(s, expected, where);
        faults_enter((struct faults){0});
        status = write_state(s);
        faults_leave();
    }
    if (status == CLRNN_STATUS_OK) {
        status = run_step(s, step, (struct faults){0}, NULL);
    }
    if (status == CLRNN_STATUS_LOST && may_lose(struck, faults)) {
        return 1;
    }
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: once more, without the fault: %s", where,
                  clrnn_last_error()->message);
    ck_assert_msg(!touched, "%s: the call is over, and the device may touch its arrays yet", where);
    run_clean(s, step + 1, SCENE_STEPS, where);
    same_outcome(s, expected, 1, where);
    return 0;
}

struct run {
    const struct setting *setting;
    clrnn_context *context; /* of all scenes, or NULL */
    struct scene expected;
    int struck; /* faults so far */
};

static void play(struct run *run) {
    struct scene s;
    scene_open(&s, run->setting, run->context);
    run_clean(&s, CONTEXT, SCENE_STEPS, run->setting->name);
    same_outcome(&s, &run->expected, 1, run->setting->name);
    scene_close(&s);
}

static void open_shared(struct run *run) {
    if (!run->setting->fresh) {
        ok(clrnn_context_create(&run->context,
                                &(clrnn_context_desc){.engine = run->setting->engine,
                                                      .timeout_ms = run->setting->timeout_ms}));
    }
}

/* One fault. 0: the step was done before it came. */
static int strike(struct run *run, int step, struct faults faults) {
    struct scene s;
    const char *struck = NULL;
    char where[256];
    int lost = 0;
    scene_open(&s, run->setting, run->context);
    snprintf(where, sizeof where, "%s", run->setting->name);
    run_clean(&s, CONTEXT, step, where);
    const clrnn_status status = run_step(&s, step, faults, &struck);
    snprintf(where, sizeof where, "%s: %s, call %d%s (%s) fails with %d", run->setting->name,
             steps[step].name, faults.nth, faults.forever ? " and all after it" : "",
             struck != NULL ? struck : "none", faults.code);
    if (status != CLRNN_STATUS_OK) {
        ck_assert_msg(struck != NULL, "%s: %s", where, clrnn_last_error()->message);
        clean_error(status, struck, where);
        nothing_is_made(&s, step, where);
        lost = go_on(&s, &run->expected, step, faults, struck, where);
    } else {
        run_clean(&s, step + 1, SCENE_STEPS, where);
        same_outcome(&s, &run->expected, struck == NULL, where);
        ck_assert_msg(struck == NULL || is_dispensable(struck), "%s, and nobody is told", where);
    }
    scene_close(&s);
    nothing_is_left(lost, where);
    if (lost) {
        clrnn_context_free(run->context);
        run->context = NULL;
        open_shared(run);
        play(run);
    }
    return struck != NULL;
}

/* Every call of a step in turn, or, forever, it and all after it. */
static void hold_step(struct run *run, int step, int forever) {
    static const cl_int codes[] = {CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_RESOURCES,
                                   CL_OUT_OF_HOST_MEMORY, CL_BUILD_PROGRAM_FAILURE,
                                   CL_INVALID_COMMAND_QUEUE};
    const int all = getenv("CLRNN_LONG") != NULL;
    const int stride = (all ? 1 : run->setting->stride) * (forever ? 9 : 1);
    for (int n = all ? 1 : run->setting->first, more = 1; more; n += stride) {
        more = strike(
            run, step,
            (struct faults){n, codes[(size_t)n % (sizeof codes / sizeof codes[0])], forever});
        run->struck += more;
    }
}

/* Where programs are built for each fault: the steps that differ from those of a shared context. */
static int is_worth_it(const struct setting *setting, int step) {
    return setting->engine != CLRNN_ENGINE_OPENCL || !setting->fresh || step == CONTEXT ||
           step == PLAN || step == FORWARD || getenv("CLRNN_LONG") != NULL;
}

static void hold_faults(const struct setting *setting) {
    struct run run = {.setting = setting};
    open_shared(&run);
    for (int twice = 0; twice < 2; twice++) { /* a context keeps the programs of the first */
        scene_open(&run.expected, setting, run.context);
        run_clean(&run.expected, CONTEXT, SCENE_STEPS, setting->name);
        from_device(&run.expected);
        scene_close(&run.expected);
    }
    nothing_is_left(0, setting->name);
    for (int step = setting->fresh ? CONTEXT : NET; step < SCENE_STEPS; step++) {
        for (int forever = 0; forever < 2 && is_worth_it(setting, step); forever++) {
            hold_step(&run, step, forever);
        }
    }
    ck_assert_int_gt(run.struck, 0);
    clrnn_context_free(run.context);
}

START_TEST(host_engines_fail_cleanly) {
    const struct setting settings[] = {
        {CLRNN_ENGINE_CPU, .fresh = 1, .first = 1, .stride = 1, .name = "cpu"},
        {CLRNN_ENGINE_CPU, .fresh = 1, .views = 1, .first = 1, .stride = 1,
         .name = "cpu in pieces"},
        {CLRNN_ENGINE_REFERENCE, .fresh = 1, .first = 1, .stride = 1, .name = "reference"}};
    hold_faults(&settings[_i]);
}
END_TEST

static int has_opencl(void) {
    clrnn_device_info info;
    size_t count = 0;
    ok(clrnn_devices(&count, &info, 1));
    return count > 0 && info.usable;
}

/* Algorithm `index` of the first device; 0: it has none or refuses. */
static int find_algorithm(char name[32], size_t index) {
    clrnn_context *context = NULL;
    clrnn_algorithm_info infos[ALGORITHMS];
    size_t count = 0;
    const clrnn_plan_desc desc = {.steps = STEPS, .batch = BATCH};
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_OPENCL}));
    clrnn_net *net = test_net(
        &(clrnn_net_desc){.inputs = INPUTS, .num_layers = LAYERS, .layers = stack}, 5, 0.5);
    ok(clrnn_plan_algorithms(&count, infos, ALGORITHMS, context, net, &desc));
    clrnn_net_free(net);
    clrnn_context_free(context);
    if (index >= count || !infos[index].allowed) {
        return 0;
    }
    snprintf(name, 32, "%s", infos[index].name);
    return 1;
}

START_TEST(algorithms_fail_cleanly) {
    char name[32];
    if (has_opencl() && find_algorithm(name, (size_t)_i)) {
        struct setting setting = {.engine = CLRNN_ENGINE_OPENCL,
                                  .algorithm = name,
                                  .first = 1 + _i,
                                  .stride = _i == 0 ? 5 : 11};
        snprintf(setting.name, sizeof setting.name, "opencl %s", name);
        hold_faults(&setting);
    }
}
END_TEST

START_TEST(opencl_fails_cleanly) {
    const struct setting settings[] = {
        {CLRNN_ENGINE_OPENCL, .views = 1, .timeout_ms = 60000, .first = 2, .stride = 11,
         .name = "opencl in pieces"},
        {CLRNN_ENGINE_OPENCL, .fresh = 1, .top = 1, .first = 2, .stride = 11, .name = "opencl"},
        {CLRNN_ENGINE_OPENCL, .fresh = 1, .top = 1, .own_queue = 1, .first = 5, .stride = 11,
         .name = "opencl buffers"}};
    if (has_opencl()) {
        hold_faults(&settings[_i]);
    }
}
END_TEST

/* A state that came to its end goes on from what was written, not from what was to be. */
START_TEST(failed_writes_renew_nothing) {
    const struct setting setting = {CLRNN_ENGINE_OPENCL, .fresh = 1, .top = 1, .name = "opencl"};
    const char *struck = "";
    if (!has_opencl()) {
        return;
    }
    for (int n = 1; struck != NULL; n++) {
        struct scene s;
        scene_open(&s, &setting, NULL);
        run_clean(&s, CONTEXT, SCENE_STEPS, setting.name);
        faults_enter((struct faults){n, CL_OUT_OF_RESOURCES, 0});
        const clrnn_status status = clrnn_state_write(s.state, 0, &s.start.h_0, NULL, NULL);
        struck = faults_leave();
        ck_assert_int_eq(status == CLRNN_STATUS_OK, struck == NULL);
        const clrnn_status again = run_step(&s, FORWARD, (struct faults){0}, NULL);
        ck_assert_msg(again == (struck == NULL ? CLRNN_STATUS_OK : CLRNN_STATUS_ARGUMENT) ||
                          again == CLRNN_STATUS_LOST,
                      "call %d of a write (%s) fails, and the next forward is %s", n, struck,
                      clrnn_status_name(again));
        scene_close(&s);
    }
}
END_TEST

Suite *faults_suite(void) {
    Suite *suite = suite_create("faults");
    TCase *host = tcase_create("host"), *opencl = tcase_create("opencl");
    TCase *algorithms = tcase_create("algorithms");
    tcase_set_timeout(host, 600);
    tcase_set_timeout(opencl, 3600);
    tcase_add_loop_test(host, host_engines_fail_cleanly, 0, 3);
    tcase_set_timeout(algorithms, 3600);
    tcase_add_loop_test(algorithms, algorithms_fail_cleanly, 0, 4);
    tcase_add_loop_test(opencl, opencl_fails_cleanly, 0, 3);
    tcase_add_test(opencl, failed_writes_renew_nothing);
    suite_add_tcase(suite, host);
    suite_add_tcase(suite, algorithms);
    suite_add_tcase(suite, opencl);
    return suite;
}
