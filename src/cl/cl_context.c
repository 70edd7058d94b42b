/* cl_context.c: opening a device, and waiting for it. */
#include "cl/cl_internal.h"
#include "cl/cl_plan.h"
#include "core/clock.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Some drivers count work-items wrong from 2^31 on, some take 65,535 groups in the second dimension. */
enum { LAUNCH_ITEMS = 1 << 30, LAUNCH_GROUPS = 65535 };

static clrnn_status adopt_queue(struct cl_engine_context *context, cl_command_queue queue) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_command_queue_properties properties = 0;
    TRY_CL("context",
           clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL));
    REQUIRE(!(properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE), ARGUMENT,
            "context: the queue must be in order, got an out-of-order one");
    TRY_CL("context", clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof context->device,
                                            &context->device, NULL));
    TRY_CL("context", clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context->context,
                                            &context->context, NULL));
    TRY(cl_device_of(&context->found, context->device));
    REQUIRE(context->found.info.usable, NO_DEVICE,
            "context: the queue's device %s cannot be used: %s", context->found.info.name,
            context->found.info.reason);
    context->has_stamps = (properties & CL_QUEUE_PROFILING_ENABLE) != 0;
    TRY_CL("context", clRetainCommandQueue(queue));
    context->queue = queue;
    TRY_CL("context", clRetainContext(context->context));
out:
    if (status != CLRNN_STATUS_OK) {
        context->context = NULL; /* never retained */
    }
    return status;
}

/* It times its commands where the first one does, for the trace. */
clrnn_status cl_second_open(struct cl_engine_context *context) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    context->second =
        clCreateCommandQueue(context->context, context->device,
                             context->has_stamps ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
    if (code != CL_SUCCESS) {
        context->second = NULL;
        TRY(status_fail(CLRNN_STATUS_OPENCL, code, "context: %s gives no second queue: %s (%d)",
                        context->found.info.name, cl_code_name(code), code));
    }
out:
    return status;
}

static clrnn_status open_device(struct cl_engine_context *context, const char *which) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    TRY(cl_device_select(&context->found, which));
    context->device = context->found.device;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM,
                                                (cl_context_properties)context->found.platform, 0};
    context->context = clCreateContext(properties, 1, &context->device, NULL, NULL, &code);
    REQUIRE(code == CL_SUCCESS, NO_DEVICE, "context: %s does not open: %s (%d)",
            context->found.info.name, cl_code_name(code), code);
    context->has_stamps = context->trace != NULL;
    context->queue =
        clCreateCommandQueue(context->context, context->device,
                             context->has_stamps ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
    REQUIRE(code == CL_SUCCESS, NO_DEVICE, "context: %s gives no queue: %s (%d)",
            context->found.info.name, cl_code_name(code), code);
out:
    return status;
}

static void context_close(void *device) {
    struct cl_engine_context *context = device;
    if (context == NULL) {
        return;
    }
    cl_trace_close(context);
    if (context->gather != NULL) {
        clReleaseKernel(context->gather);
    }
    cl_program_free_all(context);
    if (context->second != NULL) {
        clReleaseCommandQueue(context->second);
    }
    if (context->queue != NULL) {
        clReleaseCommandQueue(context->queue);
    }
    if (context->context != NULL) {
        clReleaseContext(context->context);
    }
    free(context);
}

/* OpenCL 3.0's names, which the headers of 1.2 do not have. */
enum { DEVICE_OPENCL_C_FEATURES = 0x106f, FEATURES_MOST = 64 };
struct named_version {
    cl_uint version;
    char name[64];
};

/* The -cl-std by which groups of a launch can meet: acquire and release at device scope are a part of
 * OpenCL C 2.0 and features of 3.0. NULL: they cannot. */
static const char *flag_standard(const struct cl_found *device) {
    static const char *const needed[] = {"__opencl_c_atomic_order_acq_rel",
                                         "__opencl_c_atomic_scope_device"};
    struct named_version features[FEATURES_MOST];
    size_t size = 0, found = 0;
    int major = 0;
    if (sscanf(device->info.version, "OpenCL %d", &major) != 1 || major < 2) {
        return NULL;
    }
    if (major == 2) {
        return "CL2.0";
    }
    if (clGetDeviceInfo(device->device, DEVICE_OPENCL_C_FEATURES, sizeof features, features,
                        &size) != CL_SUCCESS) {
        return NULL;
    }
    for (size_t i = 0; i < size / sizeof features[0]; i++) {
        for (size_t k = 0; k < sizeof needed / sizeof needed[0]; k++) {
            found += strncmp(features[i].name, needed[k], sizeof features[i].name) == 0;
        }
    }
    return found == sizeof needed / sizeof needed[0] ? "CL3.0" : NULL;
}

/* GPUs that round quotients once take as many instructions for it as kernels/activation.cl does. */
static int has_division(const struct cl_engine_context *context) {
    cl_device_fp_config config = 0;
    return context->in_host_memory &&
           clGetDeviceInfo(context->device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof config, &config,
                           NULL) == CL_SUCCESS &&
           (config & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
}

static clrnn_status context_open(void **out, const clrnn_context_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_engine_context *context = calloc(1, sizeof *context);
    REQUIRE(context != NULL, MEMORY, "context: out of memory");
    context->timeout_ms = desc->timeout_ms;
    context->profile = desc->profile;
    context->trace = desc->trace;
    context->strict = desc->strict;
    context->launch_items = LAUNCH_ITEMS;
    context->launch_groups = LAUNCH_GROUPS;
    if (desc->queue != NULL) {
        TRY(adopt_queue(context, desc->queue));
    } else {
        TRY(open_device(context, desc->device));
    }
    context->current = context->queue;
    context->flag_standard = flag_standard(&context->found);
    context->in_host_memory = strcmp(context->found.info.type, "CPU") == 0;
    context->has_division = has_division(context);
    if (strcmp(context->found.info.type, "GPU") == 0 && !context->profile) {
        cl_second_open(context); /* without it nothing overlaps, and no more */
    }
    *out = context;
    context = NULL;
out:
    context_close(context);
    return status;
}

/* Lanes of a float vector for panels. Drivers report what they like to hear, so the answer is kept
 * within what every CPU driver compiles well. */
static int panel_width(cl_device_id device) {
    cl_uint width = 0;
    if (clGetDeviceInfo(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof width, &width, NULL) !=
        CL_SUCCESS) {
        width = 0;
    }
    return width >= 16 ? 16 : width == 4 ? 4 : 8;
}

static int takes_lanes(void *device, int lanes) {
    const struct cl_engine_context *context = device;
    return context->in_host_memory && (lanes == 4 || lanes == 8 || lanes == 16);
}

static void take_library(void *device, const struct tuning_library *library) {
    struct cl_engine_context *context = device;
    context->library = *library;
}

/* llvmpipe counts the rounds of all loops of a kernel together and silently leaves them after
 * 65,535 (seen with Mesa 22.3.6: a long `single` launch ended early with wrong results and no
 * error). */
enum { LLVMPIPE_ROUNDS = 65000 };

/* Arm's driver says which GPU it is, not whose (a Mali-G52: 0x72120000). */
static unsigned vendor_of(const struct cl_found *device) {
    const char *name = device->info.vendor;
    cl_uint vendor = 0;
    if (strcmp(name, "ARM") == 0 || strcmp(name, "Arm") == 0) {
        return VENDOR_ARM;
    }
    return clGetDeviceInfo(device->device, CL_DEVICE_VENDOR_ID, sizeof vendor, &vendor, NULL) ==
                   CL_SUCCESS
               ? vendor
               : 0;
}

static int is_rusticl(const clrnn_device_info *info) {
    return strcmp(info->platform_name, "rusticl") == 0;
}

/* Compilers for CPUs that do not have clang's __builtin_prefetch, though they are made of clang: Oclgrind
 * 21.10 interprets what clang gives, but not that ("undefined external function"), and rusticl makes
 * SPIR-V of it, which has no such thing: its translator ends the whole process (Mesa 22.3.6:
 * "Unexpected llvm intrinsic: llvm.prefetch.p0i8"). */
static int lacks_fetch(const clrnn_device_info *info) {
    return is_rusticl(info) || strstr(info->name, "Oclgrind") != NULL;
}

/* rusticl counts each local array of a kernel twice (Mesa 22.3.6: CL_KERNEL_LOCAL_MEM_SIZE is 8,000 for one of
 * 4,000 bytes), so that a kernel may have half. */
static size_t local_memory(const clrnn_device_info *info) {
    return (size_t)info->local_memory / (is_rusticl(info) ? 2 : 1);
}

static void describe(void *device, struct device_desc *desc, clrnn_device_info *info) {
    const struct cl_engine_context *context = device;
    *info = context->found.info;
    memset(desc, 0, sizeof *desc);
    desc->kind = strcmp(info->type, "GPU") == 0           ? DEVICE_GPU
                 : strcmp(info->type, "accelerator") == 0 ? DEVICE_ACCELERATOR
                                                          : DEVICE_CPU;
    desc->compute_units = info->compute_units > 0 ? info->compute_units : 1;
    desc->vector_width = panel_width(context->device);
    desc->max_group = (size_t)info->max_group_size;
    desc->local_memory = local_memory(info);
    desc->max_alloc = (size_t)info->max_alloc;
    desc->held = tile_register_words(desc->kind, vendor_of(&context->found));
    desc->loop_limit = strstr(info->name, "llvmpipe") != NULL ? LLVMPIPE_ROUNDS : 0;
    desc->has_clblast = cl_gemm_is_built();
    desc->has_fetch = desc->kind == DEVICE_CPU && !lacks_fetch(info);
    desc->has_division = context->has_division;
    desc->has_flags = context->flag_standard != NULL;
    desc->overlaps = context->second != NULL;
}

clrnn_status cl_check_alive(const struct cl_engine_context *context) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(!context->poisoned, LOST, "context: %s hung or was lost in an earlier call",
            context->found.info.name);
out:
    return status;
}

cl_int cl_event_state(cl_event event) {
    cl_int state = CL_COMPLETE;
    if (event != NULL && clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state,
                                        &state, NULL) != CL_SUCCESS) {
        state = CL_QUEUED;
    }
    return state;
}

/* What is done within this many us is not slept for: a sleep of 20 takes 70 and more. */
enum { WATCHED_US = 300 };

/* Polls, at first without a pause, then with sleeps that grow from 20 us to 1 ms. */
static clrnn_status wait_until(struct cl_engine_context *context, cl_event event,
                               const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    const double begin = clock_us();
    const double deadline = begin + 1e3 * (double)context->timeout_ms;
    long pause_ns = 20000;
    for (;;) {
        cl_int state = CL_COMPLETE;
        TRY_CL(what, clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state,
                                    NULL));
        if (state < 0) {
            context->poisoned = 1;
        }
        REQUIRE(state >= 0, OPENCL, "%s: %s reports %s (%d)", what, context->found.info.name,
                cl_code_name(state), state);
        if (state == CL_COMPLETE) {
            break;
        }
        if (clock_us() > deadline) {
            context->poisoned = 1;
        }
        REQUIRE(!context->poisoned, TIMEOUT, "%s: %s did not finish within %llu ms", what,
                context->found.info.name, (unsigned long long)context->timeout_ms);
        if (clock_us() < begin + WATCHED_US) {
            sched_yield();
            continue;
        }
        nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
        pause_ns = pause_ns < 500000 ? pause_ns * 2 : 1000000;
    }
out:
    return status;
}

clrnn_status cl_mark(cl_event *event, cl_command_queue queue, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY_CL(what, clEnqueueMarkerWithWaitList(queue, 0, NULL, event));
    TRY_CL(what, clFlush(queue));
out:
    return status;
}

/* The first queue waits for what the second one has. */
static clrnn_status join_second(struct cl_engine_context *context, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_event event = NULL;
    TRY(cl_mark(&event, context->second, what));
    TRY_CL(what, clEnqueueBarrierWithWaitList(context->queue, 1, &event, NULL));
out:
    if (event != NULL) {
        clReleaseEvent(event);
    }
    return status;
}

static clrnn_status wait_for_all(struct cl_engine_context *context, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_event event = NULL;
    if (context->is_apart) {
        TRY(join_second(context, what));
    }
    TRY(cl_mark(&event, context->queue, what));
    if (context->timeout_ms > 0) {
        TRY(wait_until(context, event, what));
    } else {
        const cl_int code = clWaitForEvents(1, &event);
        context->poisoned = code != CL_SUCCESS;
        TRY_CL(what, code);
    }
    context->is_apart = 0;
out:
    if (event != NULL) {
        clReleaseEvent(event);
    }
    return status;
}

/* Who waits frees then what the device used: where a wait fails, it is tried once more, and if that
 * fails too nobody knows what the device does. */
clrnn_status cl_wait(struct cl_engine_context *context, const char *what) {
    const size_t span = trace_begin(context->trace, "wait", NULL, "wait");
    const clrnn_status status = wait_for_all(context, what);
    trace_end(context->trace, span);
    if (status != CLRNN_STATUS_OK && !context->poisoned) {
        const clrnn_error error = *clrnn_last_error();
        context->poisoned |= wait_for_all(context, what) != CLRNN_STATUS_OK;
        status_fail(error.status, error.cl_code, "%s", error.message);
    }
    return status;
}

int cl_settle(struct cl_engine_context *context, clrnn_status *status) {
    if (*status == CLRNN_STATUS_OK) {
        *status = cl_wait(context, "plan");
    } else if (!context->poisoned) {
        const clrnn_error error = *clrnn_last_error();
        cl_wait(context, "plan");
        status_fail(error.status, error.cl_code, "%s", error.message);
    }
    return !context->poisoned;
}

const struct engine engine_opencl = {
    .id = CLRNN_ENGINE_OPENCL,
    .context_open = context_open,
    .context_close = context_close,
    .describe = describe,
    .plan_open = cl_plan_open,
    .plan_close = cl_plan_close,
    .plan_run = cl_plan_run,
    .plan_profile = cl_plan_profile,
    .state_open = cl_state_open,
    .state_close = cl_state_close,
    .state_write = cl_state_write,
    .state_read = cl_state_read,
    .state_buffer = cl_state_buffer,
    .gather = cl_gather,
    .takes_lanes = takes_lanes,
    .take_library = take_library,
    .stages_host = 1,
};
