/*
 * test_overlap.c: the projection of the next piece on a second queue, beside the recurrence of this one:
 * the same bits as on one queue, the order that events must keep, what a repeated call costs, memory, and
 * what becomes of both queues when something fails or hangs.
 *
 * CPU devices have no second queue by themselves, since there is nothing idle to run it: these tests give
 * them one.
 */
#include "faults.h"
#include "memory.h"
#include "personalities.h"
#include "stacks.h"
#include "suites.h"
#include "support.h"

#include "cl/cl_plan.h"
#include "core/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PLACES = 16 };

static int is_opencl(const clrnn_context *context) {
    return clrnn_context_engine(context) == CLRNN_ENGINE_OPENCL;
}

static struct cl_engine_context *device_of(const clrnn_context *context) {
    return context->device;
}

static void overlap(clrnn_context *context, int on) {
    if (on && device_of(context)->second == NULL) {
        ok(cl_second_open(device_of(context)));
    }
    context->desc.overlaps = on;
}

static int says_overlap(const clrnn_plan *plan) {
    return strstr(clrnn_plan_describe(plan), "\noverlap: the next projection") != NULL;
}

/* ---- the same bits --------------------------------------------------------------------------- */

/* Groups that wait for each other have their cores to themselves. */
static int may_overlap(const char *algorithm) {
    return strncmp(algorithm, "persist", strlen("persist")) != 0;
}

static void in_pieces(const struct test_case *test, const struct test_outcome *whole,
                      clrnn_context *context, const char *algorithm, const char *where) {
    const int chunks[] = {1, 2, 3, test->problem.steps - 1};
    for (int i = 0; i < 4 && is_opencl(context); i++) {
        clrnn_plan_desc desc = test_plan_desc(test, algorithm);
        desc.chunk = chunks[i];
        overlap(context, 1);
        clrnn_plan *plan = test_plan(test, context, &desc);
        overlap(context, 0);
        ck_assert_int_eq(says_overlap(plan), may_overlap(algorithm));
        for (int again = 0; again < 2; again++) {
            test_runs_same(test, plan, whole, where);
        }
        clrnn_plan_free(plan);
    }
}

START_TEST(pieces_are_the_whole) {
    struct test_problem problems[] = {test_cell_problem(_i, 7, 5, 3, 19, 700),
                                      test_cell_problem(_i, 6, 3, 4, 66, 710)};
    problems[0].lengths = LENGTHS_RAGGED;
    problems[1].direction = CLRNN_DIRECTION_REVERSE;
    problems[1].batch_first = 1;
    test_hold(in_pieces, problems, 2);
}
END_TEST

/* Stacks, directions, masks, and a piece of all steps beside the other direction's. */
static const char *const stacks[] = {
    "cell=rnn+lstm+gru,T=7,N=4,I=3,H=9+16+7,lengths=zeros,mask=holes,start=random,chunk=2,seed=61",
    ("cell=gru+lstm,T=6,N=5,I=3,H=9+17,P=7,dir=bi+reverse,merge=ave,mask=ends,zeromask=1,"
     "lengths=ties,start=random,chunk=2,seed=62"),
    "cell=lstm+rnn,T=8,N=3,I=5,H=18+9,dir=bi+bi,batch-first=1,lengths=random,chunk=3,seed=63",
    "cell=gru,T=5,N=4,I=3,H=18,dir=bi,lengths=random,chunk=5,seed=64",
};
enum { STACKED = sizeof stacks / sizeof stacks[0] };

static void hold_stack(const struct stack_way *on, const struct sample *whole, int chunk) {
    static const struct stack_scope scope = {.map = stack_as_is, .what = "with a second queue"};
    struct sample s = stack_of(on->text);
    clrnn_plan *plan = NULL;
    const clrnn_plan_desc desc = {.algorithm = on->algorithm,
                                  .steps = s.steps,
                                  .batch = s.batch,
                                  .batch_first = s.batch_first,
                                  .chunk = chunk};
    ok(clrnn_plan_create(&plan, on->context, s.net, &desc));
    ck_assert(says_overlap(plan));
    for (int again = 0; again < 2; again++) {
        stack_run_plan(&s, plan, on);
        stack_same(whole, &s, &scope, on);
    }
    clrnn_plan_free(plan);
    free_sample(&s);
}

/* One launch for all steps of a piece, and one for each step and phase. */
START_TEST(stacks_are_the_same) {
    static const char *const algorithms[] = {"single/panel", "step/stream"};
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    int chunk = 0;
    ck_assert_int_eq(sscanf(strstr(stacks[_i], "chunk="), "chunk=%d", &chunk), 1);
    for (size_t place = 1; place < count; place++) {
        for (int k = 0; k < 2; k++) {
            struct stack_way on = {places[place].context, algorithms[k], 0, stacks[_i], ""};
            struct sample whole = stack_of(stacks[_i]);
            snprintf(on.name, sizeof on.name, "%.100s %s", places[place].name, algorithms[k]);
            overlap(on.context, 0);
            stack_run(&whole, &on);
            overlap(on.context, 1);
            hold_stack(&on, &whole, chunk);
            free_sample(&whole);
        }
    }
    test_places_free(places, count);
}
END_TEST

/* ---- what waits for what --------------------------------------------------------------------- */

/* Three pieces, one launch for a projection, and one for a recurrence. */
enum { STEPS = 9, PIECE = 3, BATCH = 2, INPUTS = 3, HIDDEN = 18, LAUNCHES = 6 };
static const char order[] = "PPRPRR"; /* as they are enqueued */
enum { P0, P1, R0, P2, R1, R2 };

/* A gate before a launch: its queue goes no further until the gate opens. Before each launch is a mark,
 * behind what the launch waits for. */
static struct {
    cl_command_queue queues[2];
    cl_event gate;
    int gated, failing; /* launches, by number; -1: none */
    int seen;
    cl_event marks[2 * LAUNCHES];
} way;

static cl_int at_launch(cl_kernel kernel, cl_uint dims, const size_t *local) {
    (void)kernel, (void)dims, (void)local;
    const int i = way.seen++;
    cl_command_queue queue = way.queues[order[i % LAUNCHES] == 'P'];
    ck_assert_int_lt(i, 2 * LAUNCHES);
    if (i == way.gated) {
        ck_assert_int_eq(clEnqueueBarrierWithWaitList(queue, 1, &way.gate, NULL), CL_SUCCESS);
    }
    ck_assert_int_eq(clEnqueueMarkerWithWaitList(queue, 0, NULL, &way.marks[i]), CL_SUCCESS);
    return i == way.failing ? CL_OUT_OF_RESOURCES : CL_SUCCESS;
}

/* A scene: a queue of the tester's, arrays in buffers, a plan that overlaps. */
struct scene {
    struct test_device device;
    clrnn_context *context;
    struct test_case *test;
    clrnn_plan *plan;
    struct test_outcome expected, result;
    clrnn_forward_args home, args;
};

static void scene_plan(struct scene *s, clrnn_plan_desc desc) {
    desc.algorithm = "single/panel";
    desc.chunk = PIECE;
    overlap(s->context, 1);
    s->plan = test_plan(s->test, s->context, &desc);
    ck_assert(says_overlap(s->plan));
    way.queues[0] = device_of(s->context)->queue;
    way.queues[1] = device_of(s->context)->second;
    ck_assert_ptr_eq(way.queues[0], s->device.queue);
    ck_assert_ptr_ne(way.queues[1], s->device.queue);
}

static const struct faults_pretence pretence = {.launch = at_launch, .max_alloc = SIZE_MAX};

/* 0: there is no device for it. */
static int scene_open(struct scene *s, uint64_t timeout_ms) {
    cl_int code = CL_SUCCESS;
    memset(s, 0, sizeof *s);
    memset(&way, 0, sizeof way);
    way.gated = way.failing = -1;
    if (!test_device_open(&s->device, 0)) {
        return 0;
    }
    const struct test_problem problem =
        test_cell_problem(TEST_LSTM, STEPS, BATCH, INPUTS, HIDDEN, 720);
    s->test = test_case_make(&problem);
    ok(clrnn_context_create(
        &s->context, &(clrnn_context_desc){.queue = s->device.queue, .timeout_ms = timeout_ms}));
    test_run(&s->expected, s->test, s->context, "single/panel");
    scene_plan(s, test_plan_desc(s->test, NULL));
    test_result_make(&s->result, s->test);
    s->home = s->args = test_args(s->test, &s->result);
    way.gate = clCreateUserEvent(s->device.context, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    faults_pretend(&pretence);
    return 1;
}

static void to_buffers(struct scene *s) {
    test_to_buffers(&s->device, &s->args);
}

static void open_gate(void) {
    ck_assert_int_eq(clSetUserEventStatus(way.gate, CL_COMPLETE), CL_SUCCESS);
}

static void scene_close(struct scene *s) {
    faults_pretend(NULL);
    clFinish(way.queues[1]);
    clFinish(way.queues[0]);
    for (int i = 0; i < way.seen; i++) {
        clReleaseEvent(way.marks[i]);
    }
    clReleaseEvent(way.gate);
    clrnn_plan_free(s->plan);
    test_result_free(&s->expected);
    test_result_free(&s->result);
    test_case_free(s->test);
    clrnn_context_free(s->context);
    test_device_close(&s->device);
}

static void rest_ms(long ms) {
    nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static int is_done(cl_event event) {
    return cl_event_state(event) == CL_COMPLETE;
}

static void comes(int launch) {
    for (int tries = 0; tries < 20000 && !is_done(way.marks[launch]); tries++) {
        rest_ms(1);
    }
    ck_assert_msg(is_done(way.marks[launch]),
                  "launch %d waits for launch %d, behind which it is not", launch, way.gated);
}

/* Long enough for all that does not wait. */
static void stays(int launch) {
    rest_ms(100);
    ck_assert_msg(!is_done(way.marks[launch]), "launch %d does not wait for launch %d", launch,
                  way.gated);
}

/* What goes on, and what does not, while a launch is held back. */
static const struct {
    int gated, comes, stays;
} holds[] = {
    {P0, -1, R0}, /* the first steps need the first x_proj */
    {P1, R0, R1}, /* the first steps run beside the second projection, the second ones behind it */
    {R0, P1, P2}, /* the second projection runs beside the first steps; the third takes their x_proj */
    {R1, P2, R2}, {R0, P1, R1},
};
enum { HOLDS = sizeof holds / sizeof holds[0] };

START_TEST(queues_wait_for_each_other) {
    struct scene s;
    cl_event done = NULL;
    if (!scene_open(&s, 0)) {
        return;
    }
    to_buffers(&s);
    way.gated = holds[_i].gated;
    ok(clrnn_forward(s.plan, &s.args, 0, NULL, &done));
    ck_assert_int_eq(way.seen, LAUNCHES);
    if (holds[_i].comes >= 0) {
        comes(holds[_i].comes);
    }
    stays(holds[_i].stays);
    ck_assert(!is_done(done));
    open_gate();
    ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
    ck_assert_int_eq(clReleaseEvent(done), CL_SUCCESS);
    test_from_buffers(&s.device, &s.args, &s.home);
    test_same(s.test, &s.expected, &s.result, "held back");
    scene_close(&s);
}
END_TEST

/* Nobody waits between two calls with buffers: the second one's first projection takes the x_proj that
 * the first one's last steps read. */
START_TEST(calls_wait_for_each_other) {
    struct scene s;
    if (!scene_open(&s, 0)) {
        return;
    }
    to_buffers(&s);
    way.gated = R2;
    ok(clrnn_forward(s.plan, &s.args, 0, NULL, NULL));
    ok(clrnn_forward(s.plan, &s.args, 0, NULL, NULL));
    ck_assert_int_eq(way.seen, 2 * LAUNCHES);
    comes(R1);
    stays(LAUNCHES + P0);
    open_gate();
    ck_assert_int_eq(clFinish(s.device.queue), CL_SUCCESS);
    test_from_buffers(&s.device, &s.args, &s.home);
    test_same(s.test, &s.expected, &s.result, "two calls");
    scene_close(&s);
}
END_TEST

/* ---- failures -------------------------------------------------------------------------------- */

/* Each call of OpenCL and each allocation of a forward fails in turn. */
static int nth_fails(const struct test_case *test, const struct test_outcome *expected, int nth) {
    struct test_outcome result;
    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    clrnn_plan_desc desc = test_plan_desc(test, "single/panel");
    desc.chunk = PIECE;
    test_result_make(&result, test);
    const clrnn_forward_args args = test_args(test, &result);
    faults_forget();
    faults_enter((struct faults){0});
    clrnn_status status =
        clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_OPENCL});
    overlap(context, 1);
    status =
        status == CLRNN_STATUS_OK ? clrnn_plan_create(&plan, context, test->net, &desc) : status;
    faults_leave();
    ok(status);
    faults_enter((struct faults){nth, CL_OUT_OF_RESOURCES, 0});
    status = clrnn_forward(plan, &args, 0, NULL, NULL);
    const char *struck = faults_leave();
    const int has_failed = status != CLRNN_STATUS_OK;
    ck_assert_msg(has_failed == (struck != NULL), "call %d, %s: %s", nth,
                  struck != NULL ? struck : "none", clrnn_status_name(status));
    ck_assert(!has_failed || clrnn_last_error()->message[0] != '\0');
    faults_enter((struct faults){0});
    const int is_lost = device_of(context)->poisoned;
    status = clrnn_forward(plan, &args, 0, NULL, NULL);
    faults_leave();
    ck_assert_msg(status == (is_lost ? CLRNN_STATUS_LOST : CLRNN_STATUS_OK), "call %d, %s: then %s",
                  nth, struck != NULL ? struck : "none", clrnn_last_error()->message);
    if (is_lost) { /* nobody waited for what writes into the arrays, which are to be freed */
        ck_assert_int_eq(clFinish(device_of(context)->second), CL_SUCCESS);
        ck_assert_int_eq(clFinish(device_of(context)->queue), CL_SUCCESS);
    } else {
        ck_assert_int_eq(device_of(context)->is_apart, 0);
        test_same(test, expected, &result, "after a failure");
    }
    faults_enter((struct faults){0});
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    faults_leave();
    ck_assert_msg(faults_objects() == 0, "call %d, %s: %d objects are left", nth,
                  struck != NULL ? struck : "none", faults_objects());
    ck_assert(is_lost || faults_memory(0) == 0);
    ck_assert_ptr_null(faults_freed_early());
    test_result_free(&result);
    return struck != NULL;
}

START_TEST(failures_are_clean) {
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    const struct test_problem problem =
        test_cell_problem(TEST_LSTM, STEPS, BATCH, INPUTS, HIDDEN, 730);
    struct test_case *test = test_case_make(&problem);
    struct test_outcome expected;
    int nth = 1;
    test_run(&expected, test, places[0].context, NULL);
    test_places_free(places, count);
    while (count > 1 && nth_fails(test, &expected, nth)) {
        nth++;
    }
    ck_assert(count <= 1 || nth > 4 * LAUNCHES);
    test_result_free(&expected);
    test_case_free(test);
}
END_TEST

/* A launch of the first queue fails while the second one is held back: the call gives up only when that
 * is done too, or, as here, says that the device is lost. */
START_TEST(a_failure_waits_for_both_queues) {
    struct scene s;
    if (!scene_open(&s, 300)) {
        return;
    }
    way.gated = P1;
    way.failing = R0;
    fails(clrnn_forward(s.plan, &s.args, 0, NULL, NULL), OPENCL, "CL_OUT_OF_RESOURCES");
    ck_assert(device_of(s.context)->poisoned);
    open_gate();
    scene_close(&s);
}
END_TEST

/* What hangs on the second queue is seen in time. */
START_TEST(a_hang_of_the_second_queue_is_seen) {
    struct scene s;
    if (!scene_open(&s, 300)) {
        return;
    }
    way.gated = P2;
    fails(clrnn_forward(s.plan, &s.args, 0, NULL, NULL), TIMEOUT, "did not finish within 300 ms");
    fails(clrnn_forward(s.plan, &s.args, 0, NULL, NULL), LOST, "hung");
    open_gate();
    scene_close(&s);
}
END_TEST

/* ---- what a call costs ----------------------------------------------------------------------- */

START_TEST(again_makes_nothing) {
    struct scene s;
    if (!scene_open(&s, 0)) {
        return;
    }
    faults_pretend(NULL);
    for (int with_buffers = 0; with_buffers < 2; with_buffers++) {
        if (with_buffers) {
            to_buffers(&s);
        }
        ok(clrnn_forward(s.plan, &s.args, 0, NULL, NULL));
        for (int again = 0; again < 2; again++) {
            faults_forget();
            faults_enter((struct faults){0});
            const clrnn_status status = clrnn_forward(s.plan, &s.args, 0, NULL, NULL);
            faults_leave();
            ok(status);
            ck_assert_int_eq(faults_calls("malloc") + faults_calls("calloc") +
                                 faults_calls("realloc") + faults_calls("aligned_alloc"),
                             0);
            ck_assert_int_eq(faults_calls("clCreate"), 0);
            ck_assert_int_eq(faults_calls("clBuildProgram"), 0);
            ck_assert_int_eq(faults_calls("clWaitForEvents") + faults_calls(FAULTS_BLOCKING),
                             !with_buffers);
            ck_assert_int_eq(faults_objects(), 0); /* its events are given back */
            /* buffers of the caller's are set each time */
            ck_assert(with_buffers || faults_arguments_again() == 0);
        }
    }
    ck_assert_int_eq(clFinish(s.device.queue), CL_SUCCESS);
    test_from_buffers(&s.device, &s.args, &s.home);
    test_same(s.test, &s.expected, &s.result, "again");
    scene_close(&s);
}
END_TEST

/* With profile phases are timed one after the other: nothing runs beside them. */
START_TEST(profiled_phases_are_alone) {
    struct test_device device;
    clrnn_context *context = NULL;
    clrnn_profile profile;
    struct test_outcome whole, result;
    if (!test_device_open(&device, 0)) {
        return;
    }
    const struct test_problem problem = test_cell_problem(TEST_GRU, STEPS, BATCH, INPUTS, 9, 740);
    struct test_case *test = test_case_make(&problem);
    clrnn_plan_desc desc = test_plan_desc(test, "single/panel");
    desc.chunk = PIECE;
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.queue = device.queue, .profile = 1}));
    test_run(&whole, test, context, "single/panel");
    overlap(context, 1);
    clrnn_plan *plan = test_plan(test, context, &desc);
    faults_enter((struct faults){0});
    test_run_plan(&result, test, plan);
    faults_leave();
    test_same(test, &whole, &result, "profiled");
    ck_assert_int_eq(faults_calls("clEnqueueBarrier"), 0);
    ok(clrnn_plan_profile(&profile, plan));
    ck_assert(profile.projection_us > 0 && profile.recurrence_us > 0);
    clrnn_plan_free(plan);
    test_result_free(&whole);
    test_result_free(&result);
    test_case_free(test);
    clrnn_context_free(context);
    test_device_close(&device);
}
END_TEST

/* ---- traces ---------------------------------------------------------------------------------- */

/* Each queue has a track, on which commands follow each other; a projection says of which steps it is. */
START_TEST(traces_have_both_queues) {
    struct test_place places[PLACES];
    const size_t count = test_places(places, PLACES);
    clrnn_trace *trace = NULL;
    clrnn_context *context = NULL;
    test_places_free(places, count);
    if (count <= 1) {
        return;
    }
    const struct test_problem problem = test_cell_problem(TEST_LSTM, STEPS, BATCH, INPUTS, 9, 750);
    struct test_case *test = test_case_make(&problem);
    struct test_outcome result;
    clrnn_plan_desc desc = test_plan_desc(test, "single/panel");
    desc.chunk = PIECE;
    ok(clrnn_trace_create(&trace));
    ok(clrnn_context_create(&context,
                            &(clrnn_context_desc){.engine = CLRNN_ENGINE_OPENCL, .trace = trace}));
    overlap(context, 1);
    clrnn_plan *plan = test_plan(test, context, &desc);
    test_run_plan(&result, test, plan);
    double busy[CLRNN_TRACK_THREADS] = {0};
    int projections = 0, uploads = 0, others = 0, first = 0;
    for (size_t i = 0; i < clrnn_trace_count(trace); i++) {
        const clrnn_trace_span *span = clrnn_trace_at(trace, i);
        ck_assert_int_lt(span->track, CLRNN_TRACK_THREADS);
        if (span->track == CLRNN_TRACK_HOST) {
            continue;
        }
        ck_assert(span->end_us >= span->start_us && span->start_us >= busy[span->track] - 1);
        busy[span->track] = span->end_us;
        if (span->track != CLRNN_TRACK_SECOND) {
            continue;
        }
        const int is_projection = strcmp(span->name, "projection") == 0;
        for (int k = 0; is_projection && k < span->num_args; k++) {
            if (strcmp(span->args[k].key, "first") == 0) {
                ck_assert_int_eq(span->args[k].value, first);
                first += PIECE;
            }
        }
        projections += is_projection;
        uploads += strcmp(span->name, "upload x") == 0;
        others += !is_projection && strcmp(span->name, "upload x") != 0;
    }
    ck_assert_int_eq(projections, STEPS / PIECE);
    ck_assert_int_eq(uploads, STEPS / PIECE);
    ck_assert_int_eq(first, STEPS);
    ck_assert_int_eq(others, 0);
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    clrnn_trace_free(trace);
    test_result_free(&result);
    test_case_free(test);
}
END_TEST

/* ---- memory ---------------------------------------------------------------------------------- */

/* Both x_proj are within the limit; the least limit is what one of them takes, and is still kept. */
static void within_limits(const struct test_case *test, const struct test_outcome *whole,
                          clrnn_context *context, const char *algorithm, const char *where) {
    clrnn_plan_desc desc = test_plan_desc(test, algorithm);
    struct test_outcome result;
    clrnn_plan *plan = NULL;
    clrnn_profile profile;
    size_t least = 0, bytes = 0;
    const struct estimate_speeds speeds = context->speeds;
    int twice = 0, once = 0;
    if (!is_opencl(context)) {
        return;
    }
    for (int on = 0; on < 2; on++) {
        size_t named = 0;
        overlap(context, on);
        desc.memory_limit = 1;
        fails(clrnn_plan_create(&plan, context, test->net, &desc), MEMORY, "must be at least ");
        const char *text = strstr(clrnn_last_error()->message, "at least ");
        ck_assert_int_eq(sscanf(text, "at least %zu bytes", &named), 1);
        ck_assert(!on || named == least);
        least = named;
    }
    /* queues that wait for nothing, on a device with idle cores: it pays wherever it can be */
    context->speeds.launch_us = 0;
    context->speeds.cores = 1024;
    for (size_t limit = least; limit < 60 * least; limit += limit / 2) {
        desc.memory_limit = limit;
        plan = test_plan(test, context, &desc);
        twice += says_overlap(plan);
        once += !says_overlap(plan);
        test_result_make(&result, test);
        clrnn_forward_args args = test_args(test, &result);
        args.hiddens = args.cells = args.gates = (clrnn_tensor){0};
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        size_t at = 0;
        ck_assert_msg(test_same_bits(whole->y, result.y, result.y_count, &at), "%s: y[%zu]", where,
                      at);
        ok(clrnn_plan_profile(&profile, plan));
        ok(clrnn_plan_workspace_size(&bytes, context, test->net, &desc));
        ck_assert_uint_eq(profile.workspace_bytes, bytes);
        ck_assert_msg(profile.memory_bytes <= limit, "%s: holds %zu bytes of %zu", where,
                      (size_t)profile.memory_bytes, limit);
        test_result_free(&result);
        clrnn_plan_free(plan);
    }
    overlap(context, 0);
    context->speeds = speeds;
    ck_assert_msg(once > 0 && (twice > 0) == may_overlap(algorithm), "%s: %d twice, %d once", where,
                  twice, once);
}

START_TEST(limits_are_kept) {
    struct test_problem problem = test_cell_problem(TEST_LSTM, 400, 5, 3, 19, 760);
    problem.lengths = LENGTHS_RAGGED;
    test_hold(within_limits, &problem, 1);
}
END_TEST

/* ---- when ------------------------------------------------------------------------------------ */

/* Of a GPU that is not here: what is cut for the sake of the overlap alone, by the estimates. */
static struct plan_memory planned(clrnn_cell cell, int steps, int batch, int inputs, int hidden,
                                  uint64_t memory_limit, int overlaps) {
    struct algo_config config;
    struct plan_memory memory;
    clrnn_context context = {.id = CLRNN_ENGINE_OPENCL,
                             .desc = personality_desc(personality_named("sm_80"))};
    const clrnn_layer_desc layer = {.cell = cell, .hidden = hidden};
    clrnn_net *net =
        test_net(&(clrnn_net_desc){.inputs = inputs, .num_layers = 1, .layers = &layer}, 1, 0.1);
    const clrnn_plan_desc desc = {.steps = steps,
                                  .batch = batch,
                                  .projection = CLRNN_PROJECTION_OWN,
                                  .memory_limit = memory_limit};
    context.desc.overlaps = overlaps;
    context.speeds = estimate_speeds_of(&context.desc);
    ok(plan_configure(&config, &memory, &context, net, &desc, NULL));
    clrnn_net_free(net);
    return memory;
}

START_TEST(sequences_are_cut_where_it_pays) {
    struct plan_memory memory = planned(CLRNN_CELL_LSTM, 1000, 32, 512, 96, 0, 1);
    ck_assert_int_eq(memory.chunk, 125);
    ck_assert_uint_eq(memory.space.second_bytes, memory.space.x_proj_bytes);
    ck_assert_uint_ge(memory.space.second_at, memory.space.work_at + memory.space.work_bytes);
    ck_assert_uint_eq(memory.space.bytes, memory.space.second_at + memory.space.second_bytes);
    ck_assert_int_eq(memory.by_piece, 0); /* x and y stay whole */
    memory = planned(CLRNN_CELL_LSTM, 1000, 32, 512, 96, 0, 0);
    ck_assert_int_eq(memory.chunk, 1000);
    ck_assert_uint_eq(memory.space.second_bytes, 0);
    memory = planned(CLRNN_CELL_LSTM, 20, 32, 512, 96, 0, 1); /* pieces of a few steps */
    ck_assert_uint_eq(memory.space.second_bytes, 0);
    memory = planned(CLRNN_CELL_LSTM, 1000, 1, 8, 96, 0, 1); /* a projection of no time */
    ck_assert_uint_eq(memory.space.second_bytes, 0);
    memory = planned(CLRNN_CELL_LSTM, 1000, 1, 96, 96, 0, 1); /* less than the queues' waits */
    ck_assert_uint_eq(memory.space.second_bytes, 0);
    memory = planned(CLRNN_CELL_LSTM, 1000, 4096, 512, 96, 0, 1); /* no core is idle */
    ck_assert_uint_eq(memory.space.second_bytes, 0);
}
END_TEST

Suite *overlap_suite(void) {
    Suite *suite = suite_create("overlap");
    TCase *bits = tcase_create("bits");
    tcase_set_timeout(bits, 600);
    tcase_add_loop_test(bits, pieces_are_the_whole, 0, TEST_CELLS);
    tcase_add_loop_test(bits, stacks_are_the_same, 0, STACKED);
    tcase_add_test(bits, limits_are_kept);
    suite_add_tcase(suite, bits);
    TCase *waits = tcase_create("order");
    tcase_set_timeout(waits, 300);
    tcase_add_loop_test(waits, queues_wait_for_each_other, 0, HOLDS);
    tcase_add_test(waits, calls_wait_for_each_other);
    tcase_add_test(waits, failures_are_clean);
    tcase_add_test(waits, a_failure_waits_for_both_queues);
    tcase_add_test(waits, a_hang_of_the_second_queue_is_seen);
    tcase_add_test(waits, again_makes_nothing);
    tcase_add_test(waits, profiled_phases_are_alone);
    tcase_add_test(waits, traces_have_both_queues);
    suite_add_tcase(suite, waits);
    TCase *when = tcase_create("when");
    tcase_add_test(when, sequences_are_cut_where_it_pays);
    suite_add_tcase(suite, when);
    return suite;
}
