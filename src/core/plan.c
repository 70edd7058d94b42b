/*
 * plan.c: from the caller's arrays to one engine call: checks shapes, lays out the row table, finds
 * the state, and hands over. It decides nothing about the device and computes nothing itself.
 */
#include "core/plan.h"

#include "core/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct problem plan_problem(const clrnn_net *net, const clrnn_plan_desc *desc) {
    return (struct problem){.cell = cell_of(&net->desc),
                            .inputs = net->desc.inputs,
                            .hidden = net->desc.hidden,
                            .steps = desc->steps,
                            .batch = desc->batch,
                            .reverse = net->desc.direction == CLRNN_DIRECTION_REVERSE,
                            .has_projection = 1,
                            .projection = desc->projection};
}

clrnn_status plan_check_desc(const clrnn_context *context, const clrnn_net *net,
                             const clrnn_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(context != NULL && net != NULL && desc != NULL, ARGUMENT,
            "plan: needs a context, a net and a desc");
    REQUIRE(desc->steps >= 1 && desc->steps <= PLAN_MAX_EXTENT, SHAPE,
            "plan: steps must be 1 to %d, got %d", PLAN_MAX_EXTENT, desc->steps);
    REQUIRE(desc->batch >= 1 && desc->batch <= PLAN_MAX_EXTENT, SHAPE,
            "plan: batch must be 1 to %d, got %d", PLAN_MAX_EXTENT, desc->batch);
    REQUIRE(desc->projection >= CLRNN_PROJECTION_AUTO &&
                desc->projection <= CLRNN_PROJECTION_CLBLAST,
            ARGUMENT, "plan: unknown projection %d", (int)desc->projection);
    TRY(net_require_complete(net));
out:
    return status;
}

/* The cell's name in a problem string. */
static const char *problem_cell(const clrnn_net_desc *net) {
    if (net->cell == CLRNN_CELL_GRU && net->reset == CLRNN_RESET_BEFORE) {
        return "gru-before";
    }
    if (net->cell == CLRNN_CELL_RNN && net->nonlinearity == CLRNN_NONLINEARITY_RELU) {
        return "rnn-relu";
    }
    return clrnn_cell_name(net->cell);
}

static void describe(clrnn_plan *plan) {
    const struct algo_config *config = &plan->config;
    const clrnn_net_desc *net = &plan->net->desc;
    char *text = plan->text;
    size_t size = sizeof plan->text;
    const int reference = plan->context->id == CLRNN_ENGINE_REFERENCE;
    const int used = snprintf(
        text, size, "engine: %s\ndevice: %s\nproblem: cell=%s,T=%d,N=%d,I=%d,H=%d%s%s%s\n",
        clrnn_engine_name(plan->context->id), plan->context->info.name, problem_cell(net),
        plan->desc.steps, plan->desc.batch, net->inputs, net->hidden,
        net->direction == CLRNN_DIRECTION_REVERSE ? ",dir=reverse" : "",
        plan->desc.batch_first ? ",batch-first=1" : "", plan->desc.last_only ? ",last=1" : "");
    text += used;
    size -= (size_t)used;
    if (reference) {
        snprintf(text, size, "algorithm: loops in double precision, from the equations\n");
        return;
    }
    snprintf(text, size,
             "algorithm: %s\n"
             "reason: %s\n"
             "tile: %d rows x %d units, %d lanes, %d items a group\n"
             "projection: %s\n"
             "sums: %d slices of %d\n"
             "workspace: %zu bytes\n",
             config->algorithm, config->reason, config->tile.rows, config->tile.block[0],
             config->tile.vector_width, config->tile.items,
             config->projection == CLRNN_PROJECTION_CLBLAST ? "clblast" : "own",
             config->params.slices, config->params.slice, algo_workspace_bytes(config));
}

clrnn_status plan_create(clrnn_plan **out, clrnn_context *context, const clrnn_net *net,
                         const clrnn_plan_desc *desc, const struct problem *problem) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_plan *plan = calloc(1, sizeof *plan);
    REQUIRE(plan != NULL, MEMORY, "plan: out of memory");
    plan->context = context;
    plan->net = net;
    plan->desc = *desc;
    plan->problem = *problem;
    plan->net_version = net->version;
    TRY(algo_configure(&plan->config, &context->desc, problem, desc->algorithm));
    plan->rows = calloc((size_t)desc->batch, sizeof *plan->rows);
    plan->next_rows = calloc((size_t)desc->batch, sizeof *plan->next_rows);
    REQUIRE(plan->rows && plan->next_rows, MEMORY, "plan: out of memory for %d rows", desc->batch);
    TRY(context->engine->plan_open(&plan->engine_plan, context->device, &plan->config, net,
                                   desc->workspace));
    TRY(state_create(&plan->scratch, context, problem->hidden, plan->config.cell.states,
                     desc->batch));
    plan->desc.algorithm = plan->config.algorithm;
    describe(plan);
    *out = plan;
    plan = NULL;
out:
    clrnn_plan_free(plan);
    return status;
}

void clrnn_plan_free(clrnn_plan *plan) {
    if (plan == NULL) {
        return;
    }
    clrnn_state_free(plan->scratch);
    if (plan->engine_plan != NULL) {
        plan->context->engine->plan_close(plan->engine_plan);
    }
    free(plan->rows);
    free(plan->next_rows);
    free(plan);
}

static const clrnn_tensor *wanted(const clrnn_tensor *tensor) {
    return tensor_is_set(tensor) ? tensor : NULL;
}

/* Checks one of x, y, cells and says how it lies before the kernels. extents: {T, N} as required;
 * for x they are read instead. */
static clrnn_status lay_out(struct engine_array *out, const clrnn_tensor *tensor, const char *name,
                            int batch_first, int features, int64_t *steps, int64_t *batch,
                            int stages_host) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    const int step_axis = batch_first ? 1 : 0;
    TRY(tensor_check(tensor, name));
    REQUIRE(tensor->dtype == CLRNN_DTYPE_F32, ARGUMENT, "forward: %s must be float32, got %s", name,
            clrnn_dtype_name(tensor->dtype));
    REQUIRE(tensor->rank == 3, SHAPE, "forward: %s must be %s, got %s", name,
            batch_first ? "[N][T][features]" : "[T][N][features]",
            tensor_text(tensor, got, sizeof got));
    if (*steps < 0) {
        *steps = tensor->shape[step_axis];
        *batch = tensor->shape[1 - step_axis];
    }
    REQUIRE(tensor->shape[step_axis] == *steps && tensor->shape[1 - step_axis] == *batch &&
                tensor->shape[2] == features,
            SHAPE, "forward: %s needs [%lld][%lld][%d] (%s), got %s", name,
            (long long)(batch_first ? *batch : *steps), (long long)(batch_first ? *steps : *batch),
            features, batch_first ? "batch first" : "time first",
            tensor_text(tensor, got, sizeof got));
    const int staged = stages_host && tensor->data != NULL;
    out->tensor = tensor;
    out->dense_bytes = clrnn_tensor_count(tensor) * (int64_t)sizeof(float);
    if (staged) {
        out->at_step = batch_first ? features : *batch * features;
        out->at_row = batch_first ? *steps * features : features;
    } else {
        out->at_step = tensor_stride(tensor, step_axis);
        out->at_row = tensor_stride(tensor, 1 - step_axis);
    }
out:
    return status;
}

static clrnn_status lay_out_last(struct engine_array *out, const clrnn_tensor *y, int hidden,
                                 int64_t batch, int stages_host) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    TRY(tensor_check(y, "y"));
    REQUIRE(y->dtype == CLRNN_DTYPE_F32, ARGUMENT, "forward: y must be float32, got %s",
            clrnn_dtype_name(y->dtype));
    REQUIRE(y->rank == 2 && y->shape[0] == batch && y->shape[1] == hidden, SHAPE,
            "forward: y needs [%lld][%d] (last only), got %s", (long long)batch, hidden,
            tensor_text(y, got, sizeof got));
    out->tensor = y;
    out->dense_bytes = clrnn_tensor_count(y) * (int64_t)sizeof(float);
    out->at_step = 0;
    out->at_row = stages_host && y->data != NULL ? hidden : tensor_stride(y, 0);
out:
    return status;
}

static int64_t base_of(const struct engine_array *array) {
    return array->tensor != NULL && array->tensor->buffer != NULL
               ? (int64_t)(array->tensor->offset / sizeof(float))
               : 0;
}

static clrnn_status length_of(int *out, const clrnn_tensor *lengths, int row, int64_t steps) {
    clrnn_status status = CLRNN_STATUS_OK;
    const void *values = tensor_host(lengths);
    const int64_t at = row * tensor_stride(lengths, 0);
    const int64_t length = lengths->dtype == CLRNN_DTYPE_I32 ? ((const int32_t *)values)[at]
                                                             : ((const int64_t *)values)[at];
    REQUIRE(length >= 0 && length <= steps, ARGUMENT,
            "forward: length of row %d must be 0 to %lld, got %lld", row, (long long)steps,
            (long long)length);
    *out = (int)length;
out:
    return status;
}

static clrnn_status check_lengths(const clrnn_tensor *lengths, int64_t batch) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    TRY(tensor_check(lengths, "lengths"));
    REQUIRE(lengths->data != NULL, ARGUMENT, "forward: lengths must lie in host memory");
    REQUIRE(lengths->dtype == CLRNN_DTYPE_I32 || lengths->dtype == CLRNN_DTYPE_I64, ARGUMENT,
            "forward: lengths must be int32 or int64, got %s", clrnn_dtype_name(lengths->dtype));
    REQUIRE(lengths->rank == 1 && lengths->shape[0] == batch, SHAPE,
            "forward: lengths needs [%lld], got %s", (long long)batch,
            tensor_text(lengths, got, sizeof got));
out:
    return status;
}

static clrnn_status slot_of(int *out, const clrnn_forward_args *args, clrnn_state *state, int row) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int slot = args->slots != NULL ? args->slots[row] : row;
    REQUIRE(slot >= 0 && slot < state->slots, ARGUMENT,
            "forward: slot of row %d must be 0 to %d, got %d", row, state->slots - 1, slot);
    REQUIRE(state->stamps[slot] != state->calls, ARGUMENT, "forward: rows share slot %d", slot);
    state->stamps[slot] = state->calls;
    *out = slot;
out:
    return status;
}

/* The row table of a call, in plan->next_rows; kept as plan->rows if it is another than before. */
static clrnn_status fill_rows(clrnn_plan *plan, struct engine_call *call,
                              const clrnn_forward_args *args, clrnn_state *state) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int64_t steps = call->steps, batch = call->batch;
    const int64_t columns = call->params.columns;
    const clrnn_tensor *lengths = wanted(&args->lengths);
    if (lengths != NULL) {
        TRY(check_lengths(lengths, batch));
    }
    state->calls++;
    memset(plan->next_rows, 0, (size_t)batch * sizeof *plan->next_rows);
    for (int n = 0; n < call->batch; n++) {
        struct row *row = &plan->next_rows[n];
        int slot = 0, length = call->steps;
        if (lengths != NULL) {
            TRY(length_of(&length, lengths, n, steps));
        }
        TRY(slot_of(&slot, args, state, n));
        row->slot = slot;
        row->length = length;
        row->reverse = plan->problem.reverse;
        row->x = base_of(&call->x) + n * call->x.at_row;
        row->x_stride = call->x.at_step;
        row->y = base_of(&call->y) + n * call->y.at_row;
        row->y_stride = call->y.at_step;
        row->c = base_of(&call->cells) + n * call->cells.at_row;
        row->c_stride = call->cells.at_step;
        /* x_proj lies in the order of x, so that one product can make all of it */
        row->g = (plan->desc.batch_first ? n * steps : n) * columns;
        row->g_stride = (plan->desc.batch_first ? 1 : batch) * columns;
    }
    const size_t bytes = (size_t)batch * sizeof *plan->rows;
    if (plan->last_batch != call->batch || memcmp(plan->rows, plan->next_rows, bytes) != 0) {
        struct row *swap = plan->rows;
        plan->rows = plan->next_rows;
        plan->next_rows = swap;
        plan->last_batch = call->batch;
        call->rows_changed = 1;
    }
    call->rows = plan->rows;
out:
    return status;
}

static clrnn_status check_state(const clrnn_plan *plan, const clrnn_tensor *tensor, int64_t batch,
                                const char *name, int needs_cell) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (tensor != NULL) {
        REQUIRE(!needs_cell || plan->config.cell.states == 2, ARGUMENT,
                "forward: %s is for lstm, the net is %s", name, plan->config.cell.name);
        TRY(net_check_state(plan->net, tensor, batch, name));
    }
out:
    return status;
}

/* What of the start state is not given is 0. */
static clrnn_status prepare_scratch(const clrnn_plan *plan, struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine *engine = plan->context->engine;
    const size_t words = (size_t)call->state_words;
    if (call->h_0 == NULL && call->c_0 == NULL) {
        call->params.from_zero = 1;
    } else if (call->h_0 == NULL) {
        TRY(engine->state_write(call->state, 0, words, NULL));
    } else if (call->c_0 == NULL && plan->config.cell.states == 2) {
        TRY(engine->state_write(call->state, words, words, NULL));
    }
out:
    return status;
}

static clrnn_status run(clrnn_plan *plan, struct engine_call *call,
                        const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine *engine = plan->context->engine;
    clrnn_state *state = args->state != NULL ? args->state : plan->scratch;
    call->h_0 = wanted(&args->h_0);
    call->c_0 = wanted(&args->c_0);
    call->h_n = wanted(&args->h_n);
    call->c_n = wanted(&args->c_n);
    TRY(check_state(plan, call->h_0, call->batch, "h_0", 0));
    TRY(check_state(plan, call->c_0, call->batch, "c_0", 1));
    TRY(check_state(plan, call->h_n, call->batch, "h_n", 0));
    TRY(check_state(plan, call->c_n, call->batch, "c_n", 1));
    REQUIRE(args->state == NULL || args->state->context == plan->context, ARGUMENT,
            "forward: the state belongs to another context");
    REQUIRE(state->hidden == plan->problem.hidden && state->states == plan->config.cell.states,
            SHAPE, "forward: the state has H=%d and %d arrays, the net needs H=%d and %d",
            state->hidden, state->states, plan->problem.hidden, plan->config.cell.states);
    REQUIRE(args->slots == NULL || args->state != NULL, ARGUMENT,
            "forward: slots need a state to point into");
    REQUIRE(args->slots != NULL || call->batch <= state->slots, SHAPE,
            "forward: a batch of %d needs as many slots, the state has %d", call->batch,
            state->slots);
    call->params = plan->config.params;
    call->params.batch = call->batch;
    call->params.steps = call->steps;
    call->params.work_vector = (wide)call->batch * call->params.stride;
    call->params.state_words = (wide)state->slots * state->hidden;
    call->params.rows_group = algo_rows_group(&plan->config, call->batch);
    call->params.last_only = plan->desc.last_only;
    call->params.has_y = call->y.tensor != NULL;
    call->params.cells = call->cells.tensor != NULL;
    call->state = state->engine_state;
    call->state_words = call->params.state_words;
    TRY(fill_rows(plan, call, args, state));
    if (args->state == NULL) {
        TRY(prepare_scratch(plan, call));
    }
    TRY(engine->plan_run(plan->engine_plan, call));
out:
    if (status != CLRNN_STATUS_OK) {
        plan->last_batch = 0; /* nobody knows whether the engine has this row table */
    }
    return status;
}

static clrnn_status check_extents(const clrnn_plan *plan, int64_t steps, int64_t batch) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(steps >= 1 && steps <= plan->desc.steps, SHAPE,
            "forward: x has %lld steps, the plan takes 1 to %d", (long long)steps,
            plan->desc.steps);
    REQUIRE(batch >= 1 && batch <= plan->desc.batch, SHAPE,
            "forward: x has %lld rows, the plan takes 1 to %d", (long long)batch, plan->desc.batch);
out:
    return status;
}

/* y and cells, once T and N are known. */
static clrnn_status lay_out_outputs(const clrnn_plan *plan, struct engine_call *call,
                                    const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    int64_t steps = call->steps, batch = call->batch;
    const int hidden = plan->problem.hidden;
    const int stages = plan->context->engine->stages_host;
    if (wanted(&args->y) != NULL && plan->desc.last_only) {
        TRY(lay_out_last(&call->y, &args->y, hidden, batch, stages));
    } else if (wanted(&args->y) != NULL) {
        TRY(lay_out(&call->y, &args->y, "y", plan->desc.batch_first, hidden, &steps, &batch,
                    stages));
    }
    if (wanted(&args->cells) != NULL) {
        REQUIRE(plan->config.cell.states == 2, ARGUMENT,
                "forward: cells is for lstm, the net is %s", plan->config.cell.name);
        TRY(lay_out(&call->cells, &args->cells, "cells", plan->desc.batch_first, hidden, &steps,
                    &batch, stages));
    }
out:
    return status;
}

static clrnn_status plan_forward(clrnn_plan *plan, const clrnn_forward_args *args, cl_uint num_wait,
                                 const cl_event *wait, cl_event *done) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct engine_call call = {.num_wait = num_wait, .wait = wait, .done = done};
    int64_t steps = -1, batch = -1;
    TRY(lay_out(&call.x, &args->x, "x", plan->desc.batch_first, plan->problem.inputs, &steps,
                &batch, plan->context->engine->stages_host));
    TRY(check_extents(plan, steps, batch));
    call.steps = (int)steps;
    call.batch = (int)batch;
    TRY(lay_out_outputs(plan, &call, args));
    TRY(run(plan, &call, args));
out:
    return status;
}

clrnn_status plan_forward_projected(clrnn_plan *plan, const clrnn_tensor *x_proj,
                                    const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct engine_call call = {.x_proj = x_proj};
    REQUIRE(x_proj->rank == 4 && x_proj->shape[2] == plan->config.cell.words &&
                x_proj->shape[3] == plan->problem.hidden,
            SHAPE, "forward: x_proj needs [T][N][%d][%d]", plan->config.cell.words,
            plan->problem.hidden);
    TRY(check_extents(plan, x_proj->shape[0], x_proj->shape[1]));
    call.steps = (int)x_proj->shape[0];
    call.batch = (int)x_proj->shape[1];
    TRY(lay_out_outputs(plan, &call, args));
    TRY(run(plan, &call, args));
out:
    return status;
}

clrnn_status clrnn_forward(clrnn_plan *plan, const clrnn_forward_args *args, cl_uint num_wait,
                           const cl_event *wait, cl_event *done) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(plan != NULL && args != NULL, ARGUMENT, "forward: needs a plan and arguments");
    TRY(context_check_process(plan->context));
    REQUIRE(plan->net_version == plan->net->version, ARGUMENT,
            "forward: the net's weights changed after the plan was made");
    TRY(plan_forward(plan, args, num_wait, wait, done));
out:
    return status;
}
