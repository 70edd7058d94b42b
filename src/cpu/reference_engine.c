/*
 * reference_engine.c: the fp64 reference as an engine: the same calls, rows and states, each row
 * walked through its steps in double precision. Slow, and no plan changes what it does.
 */
#include "core/engine.h"
#include "core/tensor.h"
#include "cpu/cpu_state.h"
#include "cpu/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reference_plan {
    const struct clrnn_net *net;
};

static clrnn_status context_open(void **out, const clrnn_context_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(desc->queue == NULL, ARGUMENT, "context: the reference engine takes no OpenCL queue");
    REQUIRE(desc->device == NULL, ARGUMENT, "context: the reference engine takes no device, got %s",
            desc->device);
    *out = NULL;
out:
    return status;
}

static void context_close(void *context) {
    (void)context;
}

static void describe(void *context, struct device_desc *desc, clrnn_device_info *info) {
    (void)context;
    *desc = (struct device_desc){.kind = DEVICE_HOST, .compute_units = 1, .vector_width = 4};
    info->index = -1;
    info->usable = 1;
    info->compute_units = 1;
    snprintf(info->type, sizeof info->type, "CPU");
    snprintf(info->name, sizeof info->name, "reference (double precision)");
    snprintf(info->driver, sizeof info->driver, "clrnn %s", clrnn_version());
    snprintf(info->reason, sizeof info->reason, "loops from the equations, for checking");
}

static clrnn_status plan_open(void **out, void *context, const struct algo_config *config,
                              const struct clrnn_net *net, cl_mem workspace) {
    clrnn_status status = CLRNN_STATUS_OK;
    (void)context;
    (void)config;
    REQUIRE(workspace == NULL, ARGUMENT, "plan: the reference engine takes no OpenCL work space");
    struct reference_plan *plan = calloc(1, sizeof *plan);
    REQUIRE(plan != NULL, MEMORY, "plan: out of memory");
    plan->net = net;
    *out = plan;
out:
    return status;
}

static void plan_close(void *plan) {
    free(plan);
}

static void round_into(float *to, const double *from, int count) {
    for (int unit = 0; unit < count; unit++) {
        to[unit] = reference_round(from[unit]);
    }
}

static void store_outputs(const struct engine_call *call, const struct row *row, int64_t time,
                          const double *h, const double *c) {
    const int hidden = call->params.hidden;
    if (call->y.tensor != NULL) {
        float *y = tensor_host(call->y.tensor);
        round_into(y + row->y + time * row->y_stride, h, hidden);
    }
    if (call->cells.tensor != NULL) {
        float *cells = tensor_host(call->cells.tensor);
        round_into(cells + row->c + time * row->c_stride, c, hidden);
    }
}

static void run_row(struct reference_walk *walk, const struct reference_plan *plan,
                    const struct engine_call *call, const struct row *row, float *h, float *c) {
    const int hidden = call->params.hidden;
    const float *x = tensor_host(call->x.tensor);
    for (int unit = 0; unit < hidden; unit++) {
        walk->h[unit] = call->params.from_zero ? 0.0 : (double)h[unit];
        if (c != NULL) {
            walk->c[unit] = call->params.from_zero ? 0.0 : (double)c[unit];
        }
    }
    for (int step = 0; step < row->length; step++) {
        const int64_t time = reference_time(plan->net, step, row->length);
        reference_walk_step(walk, plan->net, x + row->x + time * row->x_stride);
        store_outputs(call, row, time, walk->h, walk->c);
    }
    if (call->params.last_only && row->length == 0) {
        store_outputs(call, row, 0, walk->h, walk->c);
    }
    round_into(h, walk->h, hidden);
    if (c != NULL) {
        round_into(c, walk->c, hidden);
    }
}

static void clear_padding(const struct engine_call *call, const struct row *row) {
    const size_t bytes = (size_t)call->params.hidden * sizeof(float);
    for (int64_t time = row->length; time < call->steps; time++) {
        if (call->y.tensor != NULL && !call->params.last_only) {
            memset((float *)tensor_host(call->y.tensor) + row->y + time * row->y_stride, 0, bytes);
        }
        if (call->cells.tensor != NULL) {
            memset((float *)tensor_host(call->cells.tensor) + row->c + time * row->c_stride, 0,
                   bytes);
        }
    }
}

static clrnn_status plan_run(void *engine_plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct reference_plan *plan = engine_plan;
    struct cpu_state *state = call->state;
    struct reference_walk walk = {0};
    TRY(cpu_state_check_call(call, "reference"));
    REQUIRE(call->x_proj == NULL, UNSUPPORTED,
            "forward: the reference engine starts from x, got a projected input");
    TRY(reference_walk_open(&walk, plan->net));
    cpu_state_load(state, call, call->h_0, 0);
    cpu_state_load(state, call, call->c_0, call->state_words);
    for (int n = 0; n < call->batch; n++) {
        const struct row *row = &call->rows[n];
        float *h = state->values + (int64_t)row->slot * call->params.hidden;
        float *c = plan->net->desc.cell == CLRNN_CELL_LSTM ? h + call->state_words : NULL;
        clear_padding(call, row);
        run_row(&walk, plan, call, row, h, c);
    }
    cpu_state_store(state, call, call->h_n, 0);
    cpu_state_store(state, call, call->c_n, call->state_words);
out:
    reference_walk_close(&walk);
    return status;
}

static void plan_profile(void *plan, clrnn_profile *out) {
    (void)plan;
    (void)out;
}

const struct engine engine_reference = {
    .id = CLRNN_ENGINE_REFERENCE,
    .context_open = context_open,
    .context_close = context_close,
    .describe = describe,
    .plan_open = plan_open,
    .plan_close = plan_close,
    .plan_run = plan_run,
    .plan_profile = plan_profile,
    .state_open = cpu_state_open,
    .state_close = cpu_state_close,
    .state_write = cpu_state_write,
    .state_read = cpu_state_read,
    .stages_host = 0,
};
