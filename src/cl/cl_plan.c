/*
 * cl_plan.c: the executor: runs any config on an OpenCL device. It knows launches, buffers and
 * arguments, and neither cells nor time.
 *
 * What a plan needs is made when it is opened; only the copies of host arrays (x, y, cells) are
 * made at their first use. A repeated forward allocates and builds nothing, and nothing of a step
 * comes back to the host.
 */
#include "cl/cl_plan.h"
#include "core/clock.h"
#include "core/tensor.h"

#include <stdlib.h>
#include <string.h>

/* Arguments of every kernel: see KERNEL_ARRAYS in kernels/rows.cl. */
enum {
    ARG_PARAMS,
    ARG_ROWS,
    ARG_X,
    ARG_W,
    ARG_B,
    ARG_STATE,
    ARG_WORK,
    ARG_Y,
    ARG_CELLS,
    ARG_FIRST,
    ARG_SECOND
};

/* Groups that set the biases for CLBlast, each for many rows: enough for any device, and far from
 * the 2^31 work-items that some drivers count wrong. */
enum { BIAS_GROUPS = 4096 };

/* Launches between two flushes: the device starts early, the queue is not pushed at every step. */
enum { FLUSH_EVERY = 32 };

static void release(cl_mem memory) {
    if (memory != NULL) {
        clReleaseMemObject(memory);
    }
}

static void release_kernel(cl_kernel kernel) {
    if (kernel != NULL) {
        clReleaseKernel(kernel);
    }
}

void cl_plan_close(void *engine_plan) {
    struct cl_plan *plan = engine_plan;
    if (plan == NULL) {
        return;
    }
    for (int i = 0; i < ALGO_LAUNCHES; i++) {
        release_kernel(plan->launches[i]);
    }
    release_kernel(plan->projection);
    release_kernel(plan->projection_bias);
    release(plan->w_hh);
    release(plan->w_ih);
    release(plan->b_ih);
    release(plan->b_hh);
    release(plan->x_proj);
    release(plan->work);
    release(plan->workspace);
    release(plan->rows);
    cl_stage_free(&plan->x, plan->context);
    cl_stage_free(&plan->y, plan->context);
    cl_stage_free(&plan->cells, plan->context);
    free(plan);
}

static clrnn_status upload_weights(struct cl_plan *plan, const struct clrnn_net *net) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->config;
    struct engine_weights weights = {0};
    const cl_mem_flags flags = CL_MEM_READ_ONLY;
    TRY(engine_pack(&weights, config, net));
    TRY(cl_buffer_make(&plan->w_hh, plan->context, flags, config->weight_floats * sizeof(float),
                       weights.recurrent, "weight_hh"));
    TRY(cl_buffer_make(&plan->b_hh, plan->context, flags, weights.bias_floats * sizeof(float),
                       weights.b_hh, "bias_hh"));
    TRY(cl_buffer_make(&plan->b_ih, plan->context, flags, weights.bias_floats * sizeof(float),
                       weights.b_ih, "bias_ih"));
    if (weights.projection != NULL) {
        TRY(cl_buffer_make(&plan->w_ih, plan->context, flags,
                           config->projection_floats * sizeof(float), weights.projection,
                           "weight_ih"));
    }
out:
    /* The packed copies must live until the device has read them: for ever, if it hangs. */
    if (cl_settle(plan->context, &status)) {
        engine_unpack(&weights);
    }
    return status;
}

static clrnn_status cut(cl_mem *out, cl_mem whole, size_t origin, size_t bytes) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    const cl_buffer_region region = {origin, bytes};
    *out =
        clCreateSubBuffer(whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    TRY_CL("plan", code);
out:
    return status;
}

static clrnn_status make_workspace(struct cl_plan *plan, cl_mem given) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->config;
    const size_t needed = algo_workspace_bytes(config);
    if (given != NULL) {
        size_t size = 0;
        TRY_CL("plan", clGetMemObjectInfo(given, CL_MEM_SIZE, sizeof size, &size, NULL));
        REQUIRE(size >= needed, SHAPE, "plan: the work space needs %zu bytes, got %zu", needed,
                size);
        TRY_CL("plan", clRetainMemObject(given));
        plan->workspace = given;
    } else {
        TRY(cl_buffer_make(&plan->workspace, plan->context, CL_MEM_READ_WRITE, needed, NULL,
                           "work space"));
    }
    TRY(cut(&plan->x_proj, plan->workspace, 0, config->x_proj_bytes));
    TRY(cut(&plan->work, plan->workspace, algo_work_offset(config), config->work_bytes));
out:
    return status;
}

/* A kernel with the arguments that never change. Its group size is in its text (GROUP_SHAPE), so a
 * compiler that cannot grant it fails to build; CL_KERNEL_WORK_GROUP_SIZE is not asked, since
 * rusticl answers 32 for kernels that it runs with 256. */
static clrnn_status make_kernel(cl_kernel *out, struct cl_plan *plan,
                                const struct algo_program *program, const char *name, cl_mem w,
                                cl_mem b, cl_mem work) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(cl_program_kernel(out, plan->context, program, name));
    TRY_CL("plan", clSetKernelArg(*out, ARG_ROWS, sizeof plan->rows, &plan->rows));
    TRY_CL("plan", clSetKernelArg(*out, ARG_W, sizeof w, &w));
    TRY_CL("plan", clSetKernelArg(*out, ARG_B, sizeof b, &b));
    TRY_CL("plan", clSetKernelArg(*out, ARG_WORK, sizeof work, &work));
out:
    return status;
}

static clrnn_status make_kernels(struct cl_plan *plan) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->config;
    for (int i = 0; i < config->launch_count; i++) {
        TRY(make_kernel(&plan->launches[i], plan, &config->program, config->launches[i].kernel,
                        plan->w_hh, plan->b_hh, plan->work));
        TRY_CL("plan",
               clSetKernelArg(plan->launches[i], ARG_X, sizeof plan->x_proj, &plan->x_proj));
    }
    if (plan->w_ih != NULL) {
        TRY(make_kernel(&plan->projection, plan, &config->projection_program,
                        config->projection_launch.kernel, plan->w_ih, plan->b_ih, plan->x_proj));
    }
    if (config->projection == CLRNN_PROJECTION_CLBLAST) {
        TRY(make_kernel(&plan->projection_bias, plan, &config->projection_program, "project_bias",
                        plan->w_ih, plan->b_ih, plan->x_proj));
    }
out:
    return status;
}

/* ---- launches -------------------------------------------------------------------------------- */

static clrnn_status enqueue(struct cl_plan *plan, cl_kernel kernel, const size_t groups[2],
                            int items, int first, int second) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t global[2] = {groups[0] * (size_t)items, groups[1]};
    const size_t local[2] = {(size_t)items, 1};
    TRY_CL("forward", clSetKernelArg(kernel, ARG_FIRST, sizeof first, &first));
    TRY_CL("forward", clSetKernelArg(kernel, ARG_SECOND, sizeof second, &second));
    TRY_CL("forward", clEnqueueNDRangeKernel(plan->context->queue, kernel, 2, NULL, global, local,
                                             0, NULL, NULL));
    plan->profile.launches++;
    if (plan->profile.launches % FLUSH_EVERY == 0) {
        TRY_CL("forward", clFlush(plan->context->queue));
    }
out:
    return status;
}

static clrnn_status bind(cl_kernel kernel, const struct engine_call *call, cl_mem state, cl_mem y,
                         cl_mem cells) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY_CL("forward", clSetKernelArg(kernel, ARG_PARAMS, sizeof call->params, &call->params));
    TRY_CL("forward", clSetKernelArg(kernel, ARG_STATE, sizeof state, &state));
    TRY_CL("forward", clSetKernelArg(kernel, ARG_Y, sizeof y, &y));
    TRY_CL("forward", clSetKernelArg(kernel, ARG_CELLS, sizeof cells, &cells));
out:
    return status;
}

/* One of the kernels that make x_proj. */
static clrnn_status run_projection(struct cl_plan *plan, cl_kernel kernel,
                                   const struct engine_call *call, cl_mem x,
                                   const size_t groups[2]) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(bind(kernel, call, plan->work, plan->work, plan->work)); /* it has no use for them */
    TRY_CL("forward", clSetKernelArg(kernel, ARG_X, sizeof x, &x));
    TRY(enqueue(plan, kernel, groups, plan->config.projection_tile.items, 0, 0));
out:
    return status;
}

static clrnn_status project(struct cl_plan *plan, const struct engine_call *call, cl_mem x) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->config;
    size_t groups[2] = {BIAS_GROUPS, 1};
    if (config->projection == CLRNN_PROJECTION_CLBLAST) {
        const size_t m = (size_t)call->steps * (size_t)call->batch;
        const clrnn_tensor *tensor = call->x.tensor;
        groups[0] = m < BIAS_GROUPS ? m : BIAS_GROUPS;
        TRY(run_projection(plan, plan->projection_bias, call, x, groups));
        TRY(cl_gemm(plan->context->queue, m, (size_t)config->params.columns,
                    (size_t)config->params.inputs, x,
                    tensor->buffer != NULL ? tensor->offset / sizeof(float) : 0, plan->w_ih,
                    plan->x_proj));
    } else {
        algo_launch_groups(groups, config, &config->projection_launch, &config->projection_tile,
                           call->steps, call->batch);
        TRY(run_projection(plan, plan->projection, call, x, groups));
    }
out:
    return status;
}

static clrnn_status recur(struct cl_plan *plan, const struct engine_call *call, cl_mem y,
                          cl_mem cells) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->config;
    const struct cl_state *state = call->state;
    const int items = config->tile.items;
    size_t groups[ALGO_LAUNCHES][2];
    int by_step = 0;
    for (int i = 0; i < config->launch_count; i++) {
        const struct algo_launch *launch = &config->launches[i];
        TRY(bind(plan->launches[i], call, state->buffer, y, cells));
        algo_launch_groups(groups[i], config, launch, &config->tile, call->steps, call->batch);
        by_step |= launch->repeat == ALGO_EACH_STEP;
        if (launch->repeat == ALGO_ONCE) {
            TRY(enqueue(plan, plan->launches[i], groups[i], items, 0, launch->phase));
        }
    }
    const int stride = by_step ? 1 : config->chunk_steps;
    for (int first = 0; first < call->steps; first += stride) {
        const int end = call->steps - first < stride ? call->steps : first + stride;
        for (int i = 0; i < config->launch_count; i++) {
            const struct algo_launch *launch = &config->launches[i];
            if (launch->repeat != ALGO_ONCE) {
                TRY(enqueue(plan, plan->launches[i], groups[i], items, first,
                            by_step ? launch->phase : end));
            }
        }
    }
out:
    return status;
}

/* With profiling on: waits, and gives the time since *since. */
static clrnn_status lap(struct cl_plan *plan, double *since, double *out) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (plan->context->profile) {
        TRY(cl_wait(plan->context, "forward"));
        const double now = clock_us();
        *out += now - *since;
        *since = now;
    }
out:
    return status;
}

/* Runs every kernel once on a row of no steps: some drivers compile a kernel only when it is first
 * launched, and CLBlast compiles at its first call. That belongs to the plan, not to a forward. */
static clrnn_status warm_up(struct cl_plan *plan) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->config;
    const size_t groups[2] = {1, 1};
    struct engine_call call = {.params = config->params};
    call.params.batch = call.params.steps = call.params.rows_group = 1;
    call.params.work_vector = call.params.stride;
    call.params.from_zero = 1;   /* the work space stands in for the state, and holds nothing yet */
    static const struct row row; /* no steps; it outlives the write */
    TRY_CL("plan", clEnqueueWriteBuffer(plan->context->queue, plan->rows, CL_FALSE, 0, sizeof row,
                                        &row, 0, NULL, NULL));
    for (int i = 0; i < config->launch_count; i++) {
        TRY(bind(plan->launches[i], &call, plan->work, plan->work, plan->work));
        TRY(enqueue(plan, plan->launches[i], groups, config->tile.items, 0, 0));
    }
    if (plan->projection != NULL) {
        TRY(run_projection(plan, plan->projection, &call, plan->work, groups));
    }
    if (plan->projection_bias != NULL) {
        TRY(run_projection(plan, plan->projection_bias, &call, plan->work, groups));
        /* its own weights stand in for x: one row of as many floats is there */
        TRY(cl_gemm(plan->context->queue, 1, (size_t)config->params.columns,
                    (size_t)config->params.inputs, plan->w_ih, 0, plan->w_ih, plan->x_proj));
    }
    TRY(cl_wait(plan->context, "plan"));
out:
    return status;
}

clrnn_status cl_plan_open(void **out, void *context, const struct algo_config *config,
                          const struct clrnn_net *net, cl_mem workspace) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_plan *plan = calloc(1, sizeof *plan);
    REQUIRE(plan != NULL, MEMORY, "plan: out of memory");
    plan->context = context;
    plan->config = *config;
    TRY(cl_check_alive(plan->context));
    if (plan->context->strict && !plan->context->probed) {
        TRY(cl_probe(plan->context));
        plan->context->probed = 1;
    }
    const size_t table = (size_t)config->batch * sizeof(struct row);
    TRY(cl_buffer_make(&plan->rows, plan->context, CL_MEM_READ_ONLY, table, NULL, "the row table"));
    TRY(upload_weights(plan, net));
    TRY(make_workspace(plan, workspace));
    TRY(make_kernels(plan));
    TRY(warm_up(plan));
    *out = plan;
    plan = NULL;
out:
    cl_plan_close(plan);
    return status;
}

clrnn_status cl_plan_run(void *engine_plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_plan *plan = engine_plan;
    struct cl_engine_context *context = plan->context;
    cl_mem x = NULL, y = NULL, cells = NULL;
    int enqueued = 0;
    if (call->done != NULL) {
        *call->done = NULL;
    }
    TRY(cl_check_alive(context));
    TRY(cl_check_call(plan, call));
    memset(&plan->profile, 0, sizeof plan->profile);
    const double start = clock_us();
    double since = start;
    if (call->num_wait > 0) {
        TRY_CL("forward",
               clEnqueueBarrierWithWaitList(context->queue, call->num_wait, call->wait, NULL));
    }
    enqueued = 1;
    TRY(cl_place_output(plan, &call->y, &plan->y, "y", &y));
    TRY(cl_place_output(plan, &call->cells, &plan->cells, "cells", &cells));
    TRY(cl_send_rows(plan, call));
    TRY(cl_move_rows(plan, call, call->h_0, 0, 1));
    TRY(cl_move_rows(plan, call, call->c_0, call->state_words, 1));
    if (call->x_proj != NULL) {
        TRY(cl_send_projected(plan, call));
        TRY(lap(plan, &since, &plan->profile.transfer_us));
    } else {
        TRY(cl_send_x(plan, call, &x));
        TRY(lap(plan, &since, &plan->profile.transfer_us));
        TRY(project(plan, call, x));
        TRY(lap(plan, &since, &plan->profile.projection_us));
    }
    TRY(recur(plan, call, y, cells));
    TRY(lap(plan, &since, &plan->profile.recurrence_us));
    TRY(cl_fetch_output(plan, &call->y, &plan->y));
    TRY(cl_fetch_output(plan, &call->cells, &plan->cells));
    TRY(cl_move_rows(plan, call, call->h_n, 0, 0));
    TRY(cl_move_rows(plan, call, call->c_n, call->state_words, 0));
    if (call->done != NULL) {
        TRY_CL("forward", clEnqueueMarkerWithWaitList(context->queue, 0, NULL, call->done));
    }
    if (cl_has_host_array(call)) {
        TRY(cl_wait(context, "forward"));
        cl_scatter_output(&call->y, &plan->y);
        cl_scatter_output(&call->cells, &plan->cells);
    } else {
        TRY_CL("forward", clFlush(context->queue));
    }
    TRY(lap(plan, &since, &plan->profile.transfer_us));
    plan->profile.total_us = clock_us() - start;
out:
    if (enqueued && status != CLRNN_STATUS_OK) {
        cl_settle(context, &status); /* what was enqueued may still read the caller's arrays */
        if (call->done != NULL && *call->done != NULL) {
            clReleaseEvent(*call->done);
            *call->done = NULL;
        }
    }
    return status;
}

void cl_plan_profile(void *engine_plan, clrnn_profile *out) {
    const struct cl_plan *plan = engine_plan;
    *out = plan->profile;
    out->workspace_bytes = algo_workspace_bytes(&plan->config);
}
