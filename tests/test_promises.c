/*
 * test_promises.c: what the public functions promise of devices, deadlines, processes, threads and
 * work space.
 */
#include "api_fixture.h"
#include "core/aligned.h"
#include "suites.h"
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* An OpenCL device, or 0 where there is none: the test then has nothing to hold. */
static int open_opencl(void) {
    clrnn_device_info info;
    size_t count = 0;
    ok(clrnn_devices(&count, &info, 1));
    if (count == 0 || !info.usable) {
        return 0;
    }
    set_up(CLRNN_ENGINE_OPENCL, CLRNN_CELL_LSTM);
    return 1;
}

/* ---- OpenCL ---------------------------------------------------------------------------------- */

static cl_device_id device_of(const clrnn_device_info *info) {
    cl_platform_id platforms[16];
    cl_device_id devices[16];
    clGetPlatformIDs(16, platforms, NULL);
    clGetDeviceIDs(platforms[info->platform], CL_DEVICE_TYPE_ALL, 16, devices, NULL);
    return devices[info->device];
}

START_TEST(opencl_refusals) {
    clrnn_context *strict = NULL, *refused = (clrnn_context *)&strict;
    clrnn_plan *plan = NULL;
    size_t bytes = 0;
    cl_int code = CL_SUCCESS;
    if (!open_opencl()) {
        return;
    }
    const cl_device_id device = device_of(clrnn_context_device(it.context));
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    cl_command_queue unordered =
        clCreateCommandQueue(context, device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (code == CL_SUCCESS) {
        fails(clrnn_context_create(&refused, &(clrnn_context_desc){.queue = unordered}), ARGUMENT,
              "queue must be in order");
        ck_assert_ptr_null(refused);
        clReleaseCommandQueue(unordered);
    }
    cl_command_queue queue = clCreateCommandQueue(context, device, 0, &code);
    ok(clrnn_context_create(&strict, &(clrnn_context_desc){.queue = queue, .strict = 1}));
    clrnn_plan_desc desc = it.desc;
    desc.projection = CLRNN_PROJECTION_CLBLAST;
    fails(clrnn_plan_create(&plan, strict, it.test->net, &desc), UNSUPPORTED, "clblast");
    desc = it.desc;
    ok(clrnn_plan_workspace_size(&bytes, strict, it.test->net, &desc));
    desc.workspace = clCreateBuffer(context, CL_MEM_READ_WRITE, bytes - 4, NULL, &code);
    fails(clrnn_plan_create(&plan, strict, it.test->net, &desc), SHAPE, "the work space needs ");
    ck_assert_ptr_null(plan);
    clReleaseMemObject(desc.workspace);
    clrnn_context_free(strict);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    tear_down();
}
END_TEST

/* A call that OpenCL refuses: the next one gives what a fresh plan gives. */
START_TEST(opencl_plan_works_after_a_failure) {
    struct test_outcome fresh;
    if (!open_opencl()) {
        return;
    }
    fails(clrnn_forward(it.plan, &it.args, 1, NULL, NULL), OPENCL, "forward: ");
    ck_assert_int_ne(clrnn_last_error()->cl_code, 0);
    ok(clrnn_forward(it.plan, &it.args, 0, NULL, NULL));
    test_run(&fresh, it.test, it.context, NULL);
    test_same(it.test, &fresh, &it.result, "after a failure");
    test_result_free(&fresh);
    tear_down();
}
END_TEST

/* Sizes of buffers are checked as those of arrays: nothing outside of one is touched. */
START_TEST(opencl_buffers_too_small) {
    cl_int code = CL_SUCCESS;
    cl_context mine = NULL;
    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    if (!open_opencl()) {
        return;
    }
    const cl_device_id device = device_of(clrnn_context_device(it.context));
    mine = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    cl_command_queue queue = clCreateCommandQueue(mine, device, 0, &code);
    cl_mem small = clCreateBuffer(mine, CL_MEM_READ_WRITE, 16, NULL, &code);
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.queue = queue}));
    ok(clrnn_plan_create(&plan, context, it.test->net, &it.desc));
    for (int i = 0; i < TEST_TENSORS; i++) {
        clrnn_tensor *tensor = test_tensor_at(&it.args, i);
        const clrnn_tensor before = *tensor;
        tensor->data = NULL;
        tensor->buffer = small;
        fails(clrnn_forward(plan, &it.args, 0, NULL, NULL), SHAPE, "16");
        *tensor = before;
        ok(clrnn_forward(plan, &it.args, 0, NULL, NULL));
    }
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    clReleaseMemObject(small);
    clReleaseCommandQueue(queue);
    clReleaseContext(mine);
    tear_down();
}
END_TEST

/* A deadline: the call says how long it waited, later calls say that the context is lost. */
START_TEST(opencl_deadline) {
    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    cl_int code = CL_SUCCESS;
    cl_context mine = NULL;
    cl_command_queue queue = NULL;
    if (!open_opencl()) {
        return;
    }
    const cl_device_id device = device_of(clrnn_context_device(it.context));
    mine = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    queue = clCreateCommandQueue(mine, device, 0, &code);
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.queue = queue, .timeout_ms = 50}));
    ok(clrnn_plan_create(&plan, context, it.test->net, &it.desc));
    cl_event gate = clCreateUserEvent(mine, &code);
    fails(clrnn_forward(plan, &it.args, 1, &gate, NULL), TIMEOUT, "did not finish within 50 ms");
    fails(clrnn_forward(plan, &it.args, 0, NULL, NULL), LOST, "hung or was lost");
    clSetUserEventStatus(gate, CL_COMPLETE);
    clFinish(queue);
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    clReleaseEvent(gate);
    clReleaseCommandQueue(queue);
    clReleaseContext(mine);
    tear_down();
}
END_TEST

/* ---- processes and threads ------------------------------------------------------------------- */

/* In the child: each call that reaches the context is LOST. */
static int lost_everywhere(void) {
    clrnn_plan *plan = NULL;
    clrnn_state *state = NULL;
    clrnn_tensor h = it.args.h_n;
    return clrnn_forward(it.plan, &it.args, 0, NULL, NULL) == CLRNN_STATUS_LOST &&
           strstr(clrnn_last_error()->message, "used by its child") != NULL &&
           clrnn_plan_create(&plan, it.context, it.test->net, &it.desc) == CLRNN_STATUS_LOST &&
           clrnn_state_create(&state, it.context, it.test->net, 1) == CLRNN_STATUS_LOST &&
           clrnn_state_reset(it.state, 0) == CLRNN_STATUS_LOST &&
           clrnn_state_write(it.state, 0, &h, NULL, NULL) == CLRNN_STATUS_LOST &&
           clrnn_state_read(it.state, 0, &h, NULL, NULL) == CLRNN_STATUS_LOST;
}

static void check_child(int frees) {
    int status = 0;
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(20); /* a hang ends by a signal */
        const int lost = lost_everywhere();
        if (frees) {
            clrnn_state_free(it.state);
            clrnn_plan_free(it.plan);
            clrnn_context_free(it.context);
        }
        _exit(lost ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %#x",
                  (unsigned)status);
    ok(clrnn_forward(it.plan, &it.args, 0, NULL, NULL));
}

START_TEST(child_of_a_cpu_context) {
    check_child(1);
}
END_TEST

START_TEST(child_of_an_opencl_context) {
    if (open_opencl()) {
        ok(clrnn_forward(it.plan, &it.args, 0, NULL, NULL));
        check_child(_i);
        tear_down();
    }
}
END_TEST

static void *other_thread(void *unused) {
    (void)unused;
    if (clrnn_last_error()->status != CLRNN_STATUS_OK || clrnn_last_error()->message[0] != '\0') {
        return "the new thread has an error";
    }
    clrnn_state_reset(NULL, 0);
    return clrnn_last_error()->status == CLRNN_STATUS_ARGUMENT ? NULL : "the error was not kept";
}

START_TEST(errors_of_each_thread) {
    pthread_t thread;
    void *failure = NULL;
    fails(clrnn_state_reset(it.state, 99), ARGUMENT, "got 99");
    ck_assert_int_eq(pthread_create(&thread, NULL, other_thread, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, &failure), 0);
    ck_assert_msg(failure == NULL, "%s", (const char *)failure);
    ck_assert_ptr_nonnull(strstr(clrnn_last_error()->message, "got 99"));
}
END_TEST

/* ---- what is known of a plan ----------------------------------------------------------------- */

static void check_plan_facts(void) {
    static const char *const lines[] = {"engine: ",
                                        "\ndevice: ",
                                        "\nalgorithm: ",
                                        "\nprojection: ",
                                        "\nworkspace: ",
                                        "\npieces: all 4 steps",
                                        "\nlayer 0 forward: cell lstm, I=5, H=7"};
    clrnn_profile profile;
    size_t bytes = 0;
    char expected[64];
    const char *text = clrnn_plan_describe(it.plan);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        ck_assert_msg(strstr(text, lines[i]) != NULL, "no \"%s\" in \"%s\"", lines[i], text);
    }
    ok(clrnn_forward(it.plan, &it.args, 0, NULL, NULL));
    ok(clrnn_plan_workspace_size(&bytes, it.context, it.test->net, &it.desc));
    ok(clrnn_plan_profile(&profile, it.plan));
    ck_assert_uint_gt(bytes, 0);
    ck_assert_msg(profile.workspace_bytes == bytes, "%s: workspace_size says %zu, the profile %zu",
                  clrnn_engine_name(clrnn_context_engine(it.context)), bytes,
                  (size_t)profile.workspace_bytes);
    ck_assert_uint_ge(profile.memory_bytes, profile.workspace_bytes);
    ck_assert_uint_ge(profile.weight_bytes, 4 * (4 * 7 * (5 + 7 + 2))); /* beside padding */
    snprintf(expected, sizeof expected, "workspace: %zu bytes", bytes);
    ck_assert_msg(strstr(text, expected) != NULL, "no \"%s\" in \"%s\"", expected, text);
}

START_TEST(facts_of_a_cpu_plan) {
    check_plan_facts();
}
END_TEST

/* What clrnn.h says that allocations of the cpu engine have more than is counted. */
START_TEST(allocations_are_rounded_as_is_said) {
    static const size_t floats[] = {
        0, 1, 15, 16, 17, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 40 << 20, 12345678};
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        const size_t counted = floats[i] * sizeof(float), taken = aligned_bytes(floats[i]);
        ck_assert_uint_gt(taken, counted);
        ck_assert_uint_le(taken - counted, counted < 8 << 20 ? 64 : 2 << 20);
    }
}
END_TEST

START_TEST(facts_of_an_opencl_plan) {
    if (open_opencl()) {
        check_plan_facts();
        tear_down();
    }
}
END_TEST

Suite *promises_suite(void) {
    Suite *suite = suite_create("promises");
    TCase *cpu = tcase_create("cpu");
    TCase *opencl = tcase_create("opencl");
    tcase_add_checked_fixture(cpu, open_lstm, tear_down);
    tcase_add_test(cpu, child_of_a_cpu_context);
    tcase_add_test(cpu, errors_of_each_thread);
    tcase_add_test(cpu, facts_of_a_cpu_plan);
    tcase_add_test(cpu, allocations_are_rounded_as_is_said);
    tcase_set_timeout(opencl, 120);
    tcase_add_test(opencl, opencl_refusals);
    tcase_add_test(opencl, opencl_plan_works_after_a_failure);
    tcase_add_test(opencl, opencl_buffers_too_small);
    tcase_add_test(opencl, opencl_deadline);
    tcase_add_loop_test(opencl, child_of_an_opencl_context, 0, 2);
    tcase_add_test(opencl, facts_of_an_opencl_plan);
    suite_add_tcase(suite, cpu);
    suite_add_tcase(suite, opencl);
    return suite;
}
