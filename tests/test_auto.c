/*
 * test_auto.c: the engine that is left to the library: each plan takes the faster one, says why, and
 * gives the bits of either; a state goes along with plans of both.
 */
#include "cli_program.h"
#include "core/plan.h"
#include "core/tuning.h"
#include "memory.h"
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What auto has to choose from: 0: the cpu engine alone. */
static int compute_units(void) {
    clrnn_device_info info = {0};
    size_t count = 0;
    ok(clrnn_devices(&count, &info, 1));
    return count > 0 && info.usable ? info.compute_units : 0;
}

static void expect_text(const clrnn_plan *plan, const char *part) {
    ck_assert_msg(strstr(clrnn_plan_describe(plan), part) != NULL, "expected \"%s\" in\n%s", part,
                  clrnn_plan_describe(plan));
}

static clrnn_context *open_engine(clrnn_engine engine) {
    clrnn_context *context = NULL;
    ok(clrnn_context_create(&context,
                            &(clrnn_context_desc){.engine = engine, .profile = 1, .threads = 1}));
    return context;
}

/* The same bits on any device. */
static clrnn_context *open_strict(clrnn_engine engine) {
    clrnn_context *context = NULL;
    ok(clrnn_context_create(
        &context,
        &(clrnn_context_desc){.engine = engine, .profile = 1, .strict = 1, .threads = 1}));
    return context;
}

/* ---- which, and the same bits ---------------------------------------------------------------- */

/* Runs the case by auto and holds it against each engine alone. */
static void same_as_alone(const struct test_case *test, const char *engine, const char *chosen) {
    clrnn_context *context = open_strict(CLRNN_ENGINE_AUTO);
    const clrnn_plan_desc desc = test_plan_desc(test, NULL);
    clrnn_plan *plan = test_plan(test, context, &desc);
    struct test_outcome got, alone;
    clrnn_profile profile;
    size_t bytes = 0;
    test_run_plan(&got, test, plan);
    ok(clrnn_plan_profile(&profile, plan));
    ck_assert(profile.total_us > 0);
    ok(clrnn_plan_workspace_size(&bytes, context, test->net, &desc));
    ck_assert_uint_eq(bytes, profile.workspace_bytes);
    expect_text(plan, engine);
    expect_text(plan, chosen);
    for (int id = CLRNN_ENGINE_OPENCL; id <= CLRNN_ENGINE_CPU; id++) {
        clrnn_context *one = open_strict((clrnn_engine)id);
        test_run(&alone, test, one, NULL);
        test_same(test, &got, &alone, clrnn_engine_name((clrnn_engine)id));
        test_result_free(&alone);
        clrnn_context_free(one);
    }
    test_result_free(&got);
    clrnn_plan_free(plan);
    clrnn_context_free(context);
}

START_TEST(small_takes_cpu) {
    const struct test_problem problem = test_cell_problem(_i, 10, 1, 4, 8, 3);
    struct test_case *test = test_case_make(&problem);
    if (compute_units() > 0) {
        same_as_alone(test, "engine: cpu\ndevice: cpu (", "chosen: cpu, estimated ");
    }
    test_case_free(test);
}
END_TEST

START_TEST(large_takes_opencl) {
    const struct test_problem problem = test_cell_problem(_i, 50, 32, 128, 128, 3);
    struct test_case *test = test_case_make(&problem);
    if (compute_units() > 1) {
        same_as_alone(test, "engine: opencl\n", "chosen: opencl, estimated ");
    }
    test_case_free(test);
}
END_TEST

START_TEST(context_is_of_the_device) {
    clrnn_context *context = open_engine(CLRNN_ENGINE_AUTO);
    const int has = compute_units() > 0;
    ck_assert_int_eq(clrnn_context_engine(context), has ? CLRNN_ENGINE_OPENCL : CLRNN_ENGINE_CPU);
    ck_assert_int_eq(clrnn_context_device(context)->index, has ? 0 : -1);
    clrnn_context_free(context);
}
END_TEST

/* ---- what keeps opencl ----------------------------------------------------------------------- */

static void expect_plan(clrnn_context *context, const clrnn_net *net, const clrnn_plan_desc *desc,
                        const char *part) {
    clrnn_plan *plan = NULL;
    clrnn_profile profile;
    size_t bytes = 0;
    ok(clrnn_plan_create(&plan, context, net, desc));
    expect_text(plan, part);
    ok(clrnn_plan_profile(&profile, plan));
    ok(clrnn_plan_workspace_size(&bytes, context, net, desc));
    ck_assert_uint_eq(bytes, profile.workspace_bytes);
    clrnn_plan_free(plan);
}

START_TEST(wishes_keep_opencl) {
    const clrnn_layer_desc own = {
        .cell = CLRNN_CELL_CUSTOM, .hidden = 8, .gates = 1, .states = 1, .source = "h = gx[0];"};
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 10, 1, 4, 8, 3);
    const clrnn_plan_desc desc = {.steps = 10, .batch = 1};
    if (compute_units() == 0) {
        return;
    }
    struct test_case *test = test_case_make(&problem);
    clrnn_net *custom = test_net(&(clrnn_net_desc){.inputs = 4, .layer = own}, 3, 0.1);
    clrnn_context *context = open_engine(CLRNN_ENGINE_AUTO);
    clrnn_plan_desc wish = desc;
    expect_plan(context, test->net, &wish, "chosen: cpu, estimated");
    expect_plan(context, custom, &wish, "chosen: opencl, a custom cell is OpenCL C");
    wish.memory_limit = 1 << 20;
    expect_plan(context, test->net, &wish, "chosen: opencl, memory_limit");
    wish = desc;
    wish.projection = CLRNN_PROJECTION_OWN;
    expect_plan(context, test->net, &wish, "chosen: opencl, the projection is named");
    wish = desc;
    wish.algorithm = "single/stream";
    expect_plan(context, test->net, &wish, "chosen: opencl, which has the named algorithm");
    clrnn_context_free(context);
    clrnn_net_free(custom);
    test_case_free(test);
}
END_TEST

static void expect_opencl_alone(const clrnn_context_desc *desc) {
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 10, 1, 4, 8, 3);
    struct test_case *test = test_case_make(&problem);
    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    ok(clrnn_context_create(&context, desc));
    ok(clrnn_plan_create(&plan, context, test->net, &(clrnn_plan_desc){.steps = 10, .batch = 1}));
    expect_text(plan, "engine: opencl\n");
    ck_assert_ptr_null(strstr(clrnn_plan_describe(plan), "chosen:"));
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    test_case_free(test);
}

START_TEST(queue_or_device_is_opencl_alone) {
    struct test_device mine;
    if (test_device_open(&mine, 0)) {
        expect_opencl_alone(&(clrnn_context_desc){.queue = mine.queue});
        expect_opencl_alone(&(clrnn_context_desc){.device = "0"});
        test_device_close(&mine);
    }
}
END_TEST

/* ---- the choice itself, for devices that are not here ---------------------------------------- */

static struct clrnn_context host = {
    .desc = {.kind = DEVICE_HOST, .compute_units = 1, .vector_width = 16}, .id = CLRNN_ENGINE_CPU};
static struct clrnn_context gpu = {.desc = {.kind = DEVICE_GPU,
                                            .compute_units = 40,
                                            .vector_width = 8,
                                            .max_group = 1024,
                                            .local_memory = 49152,
                                            .max_alloc = 1 << 30},
                                   .id = CLRNN_ENGINE_OPENCL,
                                   .sibling = &host};
static struct clrnn_context driver = {.desc = {.kind = DEVICE_CPU,
                                               .compute_units = 8,
                                               .vector_width = 16,
                                               .max_group = 4096,
                                               .local_memory = 262144,
                                               .max_alloc = 1 << 30},
                                      .id = CLRNN_ENGINE_OPENCL,
                                      .sibling = &host};

static void take_usual_speeds(void) {
    tuning_reset(&host);
    tuning_reset(&gpu);
    tuning_reset(&driver);
}

static void expect_choice(const clrnn_context *context, const clrnn_net *net,
                          const clrnn_plan_desc *desc, int is_cpu, const char *why) {
    struct plan_choice choice;
    ok(plan_choose(&choice, context, net, desc));
    ck_assert_msg(choice.is_sibling == is_cpu && strstr(choice.why, why) != NULL,
                  "expected %s (%s), got \"%s\"", is_cpu ? "cpu" : "opencl", why, choice.why);
}

/* Microseconds "estimated A us against B us": of the engine that was chosen, and of the other. */
static void estimates(double us[2], const clrnn_context *context, const clrnn_net *net, int steps,
                      int batch) {
    struct plan_choice choice;
    ok(plan_choose(&choice, context, net, &(clrnn_plan_desc){.steps = steps, .batch = batch}));
    ck_assert_int_eq(
        sscanf(strchr(choice.why, ','), ", estimated %lf us against %lf us", &us[0], &us[1]), 2);
}

START_TEST(choices_for_any_device) {
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 10, 1, 64, 64, 3);
    struct test_case *test = test_case_make(&problem);
    const clrnn_plan_desc small = {.steps = 10, .batch = 1}, large = {.steps = 100, .batch = 128};
    struct clrnn_context lone = driver, tiny = driver;
    expect_choice(&driver, test->net, &small, 1, "cpu, estimated");
    expect_choice(&driver, test->net, &large, 0, "opencl, estimated");
    expect_choice(&gpu, test->net, &small, 1, "cpu, estimated");
    expect_choice(&gpu, test->net, &large, 0, "opencl, estimated");
    lone.desc.compute_units = 1; /* the same work on as many cores, with shorter vectors */
    lone.desc.vector_width = 8;
    tuning_reset(&lone);
    expect_choice(&lone, test->net, &large, 1, "cpu, estimated");
    tiny.desc.max_alloc = 64;
    expect_choice(&tiny, test->net, &large, 1, "cpu, opencl refuses: the work space needs");
    lone.sibling = NULL;
    expect_choice(&lone, test->net, &large, 0, "");
    test_case_free(test);
}
END_TEST

/* Lanes differ, and with them the work space. */
START_TEST(workspace_is_of_the_chosen_one) {
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 10, 1, 4, 8, 3);
    struct test_case *test = test_case_make(&problem);
    clrnn_plan_desc desc = {.steps = 10, .batch = 1};
    size_t chosen = 0, cpu = 0, opencl = 0;
    ok(clrnn_plan_workspace_size(&chosen, &gpu, test->net, &desc));
    ok(clrnn_plan_workspace_size(&cpu, &host, test->net, &desc));
    ck_assert_uint_eq(chosen, cpu);
    desc.algorithm = "single/stream";
    ok(clrnn_plan_workspace_size(&opencl, &gpu, test->net, &desc));
    ck_assert_uint_lt(opencl, cpu);
    test_case_free(test);
}
END_TEST

START_TEST(estimates_are_of_the_right_size) {
    const struct test_problem problem = test_cell_problem(TEST_RNN, 10, 1, 4, 8, 3);
    struct test_case *test = test_case_make(&problem);
    double us[2], more[2];
    estimates(us, &driver, test->net, 10, 1); /* measured: 1 on the cpu engine, 15 to 80 */
    ck_assert(us[0] > 0.3 && us[0] < 3 && us[1] > 15 && us[1] < 80);
    estimates(more, &driver, test->net, 100, 1);
    ck_assert(more[0] > 4 && more[0] < 8 && more[1] > us[1] + 3); /* measured: 5 */
    estimates(more, &driver, test->net, 10, 8);
    ck_assert(more[0] > 2 * us[0] && more[0] < 8 * us[0]);
    test_case_free(test);
}
END_TEST

/* A name is asked of the device, then of the cpu engine; the list says the same. */
START_TEST(names_are_of_either_engine) {
    const struct test_problem problem = test_cell_problem(TEST_GRU, 10, 1, 4, 8, 3);
    struct test_case *test = test_case_make(&problem);
    clrnn_plan_desc desc = {.algorithm = "single/panel", .steps = 10, .batch = 1};
    clrnn_algorithm_info infos[16];
    size_t count = 0, allowed = 0;
    expect_choice(&gpu, test->net, &desc, 1, "cpu, opencl refuses: panels are for CPU drivers");
    expect_choice(&driver, test->net, &desc, 0, "opencl, which has the named algorithm");
    desc.algorithm = "no/such";
    expect_choice(&gpu, test->net, &desc, 0, "");
    desc.algorithm = NULL;
    ok(clrnn_plan_algorithms(&count, infos, 16, &gpu, test->net, &desc));
    for (size_t i = 0; i < count; i++) {
        allowed += (size_t)infos[i].allowed;
        ck_assert(strcmp(infos[i].name, "single/panel") != 0 || infos[i].allowed);
    }
    ck_assert_uint_eq(allowed, 3); /* single/panel, single/stream, step/stream */
    test_case_free(test);
}
END_TEST

/* ---- states ---------------------------------------------------------------------------------- */

/* More floats than move at once. */
enum { SLOTS = 1500, HIDDEN = 64, INPUTS = 8, LONG = 50, WIDE = 32 };

/* What a life of a state gave: outputs of all calls, then h, c and o as they were read. */
struct life {
    float y[2][LONG * WIDE * HIDDEN], x[LONG * WIDE * INPUTS];
    float short_y[2][HIDDEN];
    float h[2][SLOTS * HIDDEN], c[2][SLOTS * HIDDEN], o[2][SLOTS * HIDDEN];
};

static void pass(clrnn_plan *plan, clrnn_state *state, struct life *life, float *y, int steps,
                 int batch, int first_slot) {
    static unsigned char mask[LONG * WIDE];
    int32_t slots[WIDE];
    for (int i = 0; i < LONG * WIDE; i++) {
        mask[i] = i % 5 != 4;
    }
    for (int n = 0; n < batch; n++) {
        slots[n] = first_slot + 40 * n;
    }
    ok(clrnn_forward(
        plan,
        &(clrnn_forward_args){.state = state,
                              .slots = slots,
                              .x = test_tensor(life->x, CLRNN_DTYPE_F32, 3, steps, batch, INPUTS),
                              .y = test_tensor(y, CLRNN_DTYPE_F32, 3, steps, batch, HIDDEN),
                              .mask = test_tensor(mask, CLRNN_DTYPE_BOOL, 2, batch, steps, 0)},
        0, NULL, NULL));
}

static void read_state(const clrnn_state *state, struct life *life, int at) {
    clrnn_tensor h = test_tensor(life->h[at], CLRNN_DTYPE_F32, 2, SLOTS, HIDDEN, 0), c = h, o = h;
    c.data = life->c[at];
    o.data = life->o[at];
    ok(clrnn_state_read(state, 0, &h, &c, &o));
}

/* Plans of one step of one row and of many take turns; in between the state is reset, read and
 * written. */
static void live(struct life *life, const clrnn_net *net, clrnn_engine engine, int takes_turns) {
    const clrnn_plan_desc one = {.steps = 1, .batch = 1}, many = {.steps = LONG, .batch = WIDE};
    clrnn_context *context = open_strict(engine);
    clrnn_plan *small = NULL, *large = NULL;
    clrnn_state *state = NULL;
    uint64_t seed = 5;
    for (int i = 0; i < LONG * WIDE * INPUTS; i++) {
        life->x[i] = test_uniform(&seed, 1.0);
    }
    ok(clrnn_plan_create(&small, context, net, &one));
    ok(clrnn_plan_create(&large, context, net, &many));
    ok(clrnn_state_create(&state, context, net, SLOTS));
    if (takes_turns) {
        expect_text(small, "engine: cpu\n");
        expect_text(large, "engine: opencl\n");
    }
    pass(small, state, life, life->short_y[0], 1, 1, 40);
    pass(large, state, life, life->y[0], LONG, WIDE, 0);
    ok(clrnn_state_reset(state, 80));
    pass(small, state, life, life->short_y[1], 1, 1, 120);
    ok(clrnn_state_reset(state, 160));
    read_state(state, life, 0);
    life->h[0][0] += 0.25f;
    const clrnn_tensor h = test_tensor(life->h[0], CLRNN_DTYPE_F32, 2, SLOTS, HIDDEN, 0);
    ok(clrnn_state_write(state, 0, &h, NULL, NULL));
    pass(large, state, life, life->y[1], LONG, WIDE, 0);
    read_state(state, life, 1);
    clrnn_state_free(state);
    clrnn_plan_free(small);
    clrnn_plan_free(large);
    clrnn_context_free(context);
}

START_TEST(state_goes_along) {
    const clrnn_net_desc desc = {.inputs = INPUTS,
                                 .layer = {.cell = CLRNN_CELL_LSTM, .hidden = HIDDEN}};
    struct life *got = calloc(1, sizeof *got), *alone = calloc(1, sizeof *alone);
    clrnn_net *net = test_net(&desc, 9, 0.2);
    ck_assert(got != NULL && alone != NULL);
    live(got, net, CLRNN_ENGINE_AUTO, compute_units() > 1);
    live(alone, net, CLRNN_ENGINE_CPU, 0);
    ck_assert_mem_eq(got, alone, sizeof *got);
    if (compute_units() > 0) {
        memset(alone, 0, sizeof *alone);
        live(alone, net, CLRNN_ENGINE_OPENCL, 0);
        ck_assert_mem_eq(got, alone, sizeof *got);
    }
    free(got);
    free(alone);
    clrnn_net_free(net);
}
END_TEST

START_TEST(state_is_of_its_context) {
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 10, 1, 4, 8, 3);
    struct test_case *test = test_case_make(&problem);
    clrnn_context *context = open_engine(CLRNN_ENGINE_AUTO), *other = open_engine(CLRNN_ENGINE_CPU);
    clrnn_plan_desc desc = test_plan_desc(test, NULL);
    clrnn_plan *plan = test_plan(test, context, &desc);
    clrnn_state *state = NULL;
    struct test_outcome result;
    test_result_make(&result, test);
    clrnn_forward_args args = test_args(test, &result);
    ok(clrnn_state_create(&state, other, test->net, 1));
    args.state = state;
    fails(clrnn_forward(plan, &args, 0, NULL, NULL), ARGUMENT, "another context");
    test_result_free(&result);
    clrnn_state_free(state);
    clrnn_plan_free(plan);
    clrnn_context_free(other);
    clrnn_context_free(context);
    test_case_free(test);
}
END_TEST

/* Who left the engine to us learns why a buffer is not taken. */
START_TEST(buffers_and_events_are_refused_with_the_reason) {
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 10, 1, 4, 8, 3);
    if (compute_units() == 0) {
        return;
    }
    struct test_case *test = test_case_make(&problem);
    clrnn_context *context = open_engine(CLRNN_ENGINE_AUTO);
    clrnn_plan_desc desc = test_plan_desc(test, NULL);
    clrnn_plan *plan = test_plan(test, context, &desc);
    struct test_outcome result;
    cl_event done = NULL;
    test_result_make(&result, test);
    clrnn_forward_args args = test_args(test, &result);
    fails(clrnn_forward(plan, &args, 0, NULL, &done), ARGUMENT,
          "the cpu engine takes no events; auto chose it: ask for opencl, or give a queue");
    args.x.data = NULL;
    args.x.buffer = (cl_mem)&done; /* looked at by nobody */
    fails(clrnn_forward(plan, &args, 0, NULL, NULL), ARGUMENT,
          "got an OpenCL buffer; auto chose it: ask for opencl, or give a queue");
    test_result_free(&result);
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    test_case_free(test);
}
END_TEST

/* ---- the program ----------------------------------------------------------------------------- */

#define RUN "run DATA/seed_numpy.npz -i DATA/seed_x.npy "

static void expect_run(call from, const char *part, const char *other) {
    const outcome *got = program_run_call(from);
    program_expect_code(got, 0, from.words);
    program_expect_contains(got, got->err, part, from.words);
    ck_assert_msg(strstr(got->err, other) == NULL, "%s: %s", from.words, got->err);
}

START_TEST(program_says_which) {
    const int has = compute_units() > 0;
    expect_run((call){.words = RUN "-v", .variable = "OCL_ICD_VENDORS=TMP/"}, "engine: cpu\n",
               "chosen:");
    expect_run((call){.words = RUN "-e cpu -v"}, "engine: cpu\n", "chosen:");
    if (has) {
        expect_run((call){.words = RUN "-v"}, "engine: cpu\n", "engine: opencl");
        expect_run((call){.words = RUN "-v"}, "chosen: cpu, estimated ", "no OpenCL device");
        expect_run((call){.words = RUN "-e auto -v --memory-limit 1M"}, "engine: opencl\n",
                   "engine: cpu");
        expect_run((call){.words = RUN "-d 0 -v"}, "engine: opencl\n", "chosen:");
        expect_run((call){.words = RUN "-v -a single/stream"}, "engine: opencl\n", "engine: cpu");
    }
}
END_TEST

Suite *auto_suite(void) {
    Suite *suite = suite_create("auto");
    TCase *choice = tcase_create("choice"), *program = tcase_create("program");
    tcase_set_timeout(choice, 600);
    tcase_add_checked_fixture(choice, take_usual_speeds, NULL);
    tcase_add_loop_test(choice, small_takes_cpu, 0, TEST_CELLS);
    tcase_add_loop_test(choice, large_takes_opencl, 0, TEST_CELLS);
    tcase_add_test(choice, context_is_of_the_device);
    tcase_add_test(choice, wishes_keep_opencl);
    tcase_add_test(choice, queue_or_device_is_opencl_alone);
    tcase_add_test(choice, choices_for_any_device);
    tcase_add_test(choice, workspace_is_of_the_chosen_one);
    tcase_add_test(choice, estimates_are_of_the_right_size);
    tcase_add_test(choice, names_are_of_either_engine);
    tcase_add_test(choice, state_goes_along);
    tcase_add_test(choice, state_is_of_its_context);
    tcase_add_test(choice, buffers_and_events_are_refused_with_the_reason);
    suite_add_tcase(suite, choice);
    tcase_add_checked_fixture(program, program_open, program_close);
    tcase_set_timeout(program, 600);
    tcase_add_test(program, program_says_which);
    suite_add_tcase(suite, program);
    return suite;
}
