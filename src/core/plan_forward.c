/*
 * plan_forward.c: from the caller's arrays to one engine call: checks shapes, lays out arrays and
 * the row table, finds the states, and hands over. It decides nothing about the device and computes
 * nothing itself.
 */
#include "core/plan.h"
#include "core/rows.h"

#include "core/plan_args.h"
#include "core/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows ------------------------------------------------------------------------------------ */

static int is_spent(const clrnn_state *state, int slot) {
    for (int i = 0; state->spent != NULL && i < state->strand_count; i++) {
        if (state->spent[(size_t)i * (size_t)state->slots + (size_t)slot]) {
            return 1;
        }
    }
    return 0;
}

static clrnn_status fill_rows(clrnn_plan *plan, struct engine_call *call,
                              const clrnn_forward_args *args, clrnn_state *state) {
    clrnn_status status = CLRNN_STATUS_OK;
    state->calls++;
    for (int n = 0; n < call->batch; n++) {
        struct row *row = &plan->next_rows[n];
        const int slot = args->slots != NULL ? args->slots[n] : n;
        int length = call->steps;
        REQUIRE(slot >= 0 && slot < state->slots, ARGUMENT,
                "forward: slot of row %d must be 0 to %d, got %d", n, state->slots - 1, slot);
        REQUIRE(state->stamps[slot] != state->calls, ARGUMENT,
                "forward: row %d has slot %d, which an earlier row has too", n, slot);
        REQUIRE(state == plan->scratch || !is_spent(state, slot), ARGUMENT,
                "forward: slot %d of row %d ended with a reverse direction: reset it, or write h "
                "(and c) of every layer that has one",
                slot, n);
        state->stamps[slot] = state->calls;
        TRY(args_length(&length, args, n, call->steps));
        *row = (struct row){.slot = slot, .length = length, .at = n};
    }
    rows_order(plan->next_rows, plan->spare_rows, call->batch,
               algo_rows_group(&plan->configs[0], call->batch));
    const size_t bytes = (size_t)call->batch * sizeof *plan->rows;
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

static void spend(const struct engine_call *call, const clrnn_net *net, clrnn_state *state) {
    for (int i = 0; state->spent != NULL && i < net->strand_count; i++) {
        const struct strand *strand = &net->strands[i];
        unsigned char *spent = state->spent + (size_t)i * (size_t)state->slots;
        for (int n = 0; strand->reverse && n < call->batch; n++) {
            spent[call->rows[n].slot] = strand->states == 2 ? SPENT_H | SPENT_C : SPENT_H;
        }
    }
}

/* ---- states ---------------------------------------------------------------------------------- */

static clrnn_status check_state(const clrnn_plan *plan, const clrnn_state *state,
                                const clrnn_forward_args *args, int batch) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_state *own = plan->scratch;
    REQUIRE(state->context == plan->context || state->context->sibling == plan->context, ARGUMENT,
            "forward: the state belongs to another context");
    REQUIRE(state->strand_count == own->strand_count, SHAPE,
            "forward: the state has %d layers x directions, the net has %d", state->strand_count,
            own->strand_count);
    for (int i = 0; i < own->strand_count; i++) {
        const struct state_strand *a = &state->strands[i], *b = &own->strands[i];
        REQUIRE(a->width == b->width && a->hidden == b->hidden && a->states == b->states, SHAPE,
                "forward: the state has H=%d and %d arrays, the net needs H=%d and %d", a->hidden,
                a->states, b->hidden, b->states);
    }
    REQUIRE(args->slots == NULL || args->state != NULL, ARGUMENT,
            "forward: slots need a state to point into");
    REQUIRE(args->slots != NULL || batch <= state->slots, SHAPE,
            "forward: a batch of %d needs as many slots, the state has %d", batch, state->slots);
out:
    return status;
}

/* One of a strand's states, of the caller's rows. */
static clrnn_status add_move(struct engine_move *list, int *count, const clrnn_tensor *tensor,
                             const struct strand *strand, int batch, int width, int64_t at,
                             const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!tensor_is_set(tensor)) {
        return status;
    }
    TRY(net_check_state(tensor, clrnn_layer_directions(strand->desc), batch, width, name));
    struct engine_move *move = &list[(*count)++];
    *move = (struct engine_move){.tensor = *tensor, .at = at, .width = width};
    if (tensor->rank == 3) {
        move->tensor.offset +=
            (size_t)(strand->direction * tensor_stride(tensor, 0)) * sizeof(float);
    }
    move->tensor.rank = 2;
    move->tensor.shape[0] = batch;
    move->tensor.shape[1] = width;
    move->tensor.strides[0] = tensor_stride(tensor, tensor->rank - 2);
    move->tensor.strides[1] = 1;
out:
    return status;
}

static void add_zeros(struct engine_call *call, struct engine_move *list, int width, int64_t at) {
    list[call->load_count++] = (struct engine_move){.at = at, .width = width};
}

/* What is loaded into a strand's state. Where the state is the plan's own, what of the start is not
 * given is 0; o counts only where it is asked for. */
static clrnn_status add_loads(struct engine_call *call, struct engine_move *list,
                              const struct strand *strand, const clrnn_layer_arrays *given,
                              const struct state_strand *in, int is_own) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int needs_o = call->mask != NULL || tensor_is_set(&given->o_n);
    TRY(add_move(list, &call->load_count, &given->h_0, strand, call->batch, in->width, in->h,
                 "h_0"));
    TRY(add_move(list, &call->load_count, &given->c_0, strand, call->batch, in->hidden, in->c,
                 "c_0"));
    TRY(add_move(list, &call->load_count, &given->o_0, strand, call->batch, in->width, in->o,
                 "o_0"));
    if (is_own && !tensor_is_set(&given->h_0)) {
        add_zeros(call, list, in->width, in->h);
    }
    if (is_own && !tensor_is_set(&given->c_0) && in->states == 2) {
        add_zeros(call, list, in->hidden, in->c);
    }
    if (is_own && !tensor_is_set(&given->o_0) && needs_o) {
        add_zeros(call, list, in->width, in->o);
    }
out:
    return status;
}

static clrnn_status add_stores(struct engine_call *call, struct engine_move *list,
                               const struct strand *strand, const clrnn_layer_arrays *given,
                               const struct state_strand *in) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(add_move(list, &call->store_count, &given->h_n, strand, call->batch, in->width, in->h,
                 "h_n"));
    TRY(add_move(list, &call->store_count, &given->c_n, strand, call->batch, in->hidden, in->c,
                 "c_n"));
    TRY(add_move(list, &call->store_count, &given->o_n, strand, call->batch, in->width, in->o,
                 "o_n"));
out:
    return status;
}

static int has_start(const clrnn_plan *plan) {
    int has = 0;
    for (int layer = 0; layer < plan->net->desc.num_layers; layer++) {
        const clrnn_layer_arrays *given = &plan->given[layer];
        has |=
            tensor_is_set(&given->h_0) || tensor_is_set(&given->c_0) || tensor_is_set(&given->o_0);
    }
    return has;
}

static clrnn_status add_moves(clrnn_plan *plan, struct engine_call *call,
                              const clrnn_state *state) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct engine_move *loads = plan->moves, *stores = plan->moves + 3 * call->strand_count;
    const int is_own = state == plan->scratch;
    call->from_zero = is_own && !has_start(plan);
    for (int i = 0; i < call->strand_count; i++) {
        const struct strand *strand = &plan->net->strands[i];
        const clrnn_layer_arrays *given = &plan->given[strand->layer];
        REQUIRE(strand->states == 2 || (!tensor_is_set(&given->c_0) && !tensor_is_set(&given->c_n)),
                ARGUMENT, "forward: %s is for lstm, layer %d is %s",
                tensor_is_set(&given->c_0) ? "c_0" : "c_n", strand->layer,
                clrnn_cell_name(strand->desc->cell));
        TRY(add_loads(call, loads, strand, given, &state->strands[i], is_own && !call->from_zero));
        TRY(add_stores(call, stores, strand, given, &state->strands[i]));
    }
    call->loads = loads;
    call->stores = stores;
out:
    return status;
}

/* ---- strands --------------------------------------------------------------------------------- */

static narrow merge_of(const struct strand *strand) {
    if (strand->direction == 0) {
        return MERGE_STORE; /* the first one stores, the second one joins it */
    }
    switch (strand->desc->merge) {
    case CLRNN_MERGE_SUM:
        return MERGE_SUM;
    case CLRNN_MERGE_MUL:
        return MERGE_MUL;
    case CLRNN_MERGE_AVE:
        return MERGE_AVE;
    case CLRNN_MERGE_CONCAT:
        break;
    }
    return MERGE_STORE;
}

static void fill_strand(clrnn_plan *plan, const struct engine_call *call, const clrnn_state *state,
                        int index) {
    const struct strand *strand = &plan->net->strands[index];
    const struct algo_config *config = &plan->configs[index];
    const struct engine_layer *layer = &plan->layers[strand->layer];
    const struct engine_array *x = engine_input(call, strand->layer);
    const int is_top = strand->layer == call->layer_count - 1;
    plan->strands[index] = (struct engine_strand){
        .layer = strand->layer, .direction = strand->direction, .params = config->params};
    struct params *p = &plan->strands[index].params;
    p->batch = call->batch;
    p->work_vector = (wide)call->batch * p->stride;
    p->rows_group = algo_rows_group(config, call->batch);
    p->state_h = state->strands[index].h;
    p->state_c = state->strands[index].c;
    p->state_o = state->strands[index].o;
    p->y_mode = layer->y.home == ARRAY_NONE ? Y_NONE : is_top && layer->y.last ? Y_LAST : Y_ALL;
    p->merge = merge_of(strand);
    p->has_hiddens = layer->hiddens.home != ARRAY_NONE;
    p->has_cells = layer->cells.home != ARRAY_NONE;
    p->has_gates = layer->gates.home != ARRAY_NONE;
    p->masked = call->mask != NULL;
    p->zero_masked = strand->desc->zero_masked;
    p->mask_row = call->steps;
    p->x_packed = x->packed;
    p->y_packed = layer->y.packed;
    p->by_time = config->projection == CLRNN_PROJECTION_CLBLAST;
    p->plain = p->y_mode == Y_ALL && p->merge == MERGE_STORE && !layer->y.packed && !p->masked &&
               !p->has_hiddens && !p->has_cells && !p->has_gates && !(p->by_time && x->packed);
    /* in the order of the way; by time as x lies, so that a library can make all of it at once */
    const int rows_first = p->by_time && x->batch_first;
    p->x_rows = x->packed ? call->starts[call->steps] : (wide)call->steps * call->batch;
    p->g.step = (wide)p->columns * (rows_first ? 1 : call->batch);
    p->g.row = (wide)p->columns * (rows_first ? call->steps : 1);
}

/* ---- forward --------------------------------------------------------------------------------- */

/* What the cpu engine does not take is news to who left the engine to us: says so. */
static clrnn_status run_engine(clrnn_plan *plan, const struct engine_call *call) {
    const clrnn_status status = plan->context->engine->plan_run(plan->engine_plan, call);
    if (status == CLRNN_STATUS_ARGUMENT && plan->chosen[0] != 0 &&
        plan->context->id == CLRNN_ENGINE_CPU) {
        return status_fail(status, 0, "%.300s; auto chose it: ask for opencl, or give a queue",
                           clrnn_last_error()->message);
    }
    return status;
}

static clrnn_status run(clrnn_plan *plan, struct engine_call *call,
                        const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_state *state = args->state != NULL ? args->state : plan->scratch;
    TRY(check_state(plan, state, args, call->batch));
    TRY(add_moves(plan, call, state));
    for (int i = 0; i < call->strand_count; i++) {
        fill_strand(plan, call, state, i);
    }
    plan_memory_fit(plan, call);
    TRY(fill_rows(plan, call, args, state));
    TRY(state_bring(&call->state, state, plan->context));
    status = run_engine(plan, call);
    /* where the device failed, nobody knows how far the states went */
    if (status != CLRNN_STATUS_ARGUMENT && status != CLRNN_STATUS_SHAPE &&
        status != CLRNN_STATUS_UNSUPPORTED) {
        spend(call, plan->net, state);
    }
out:
    if (status != CLRNN_STATUS_OK) {
        plan->last_batch = 0; /* nobody knows whether the engine has this row table */
    }
    return status;
}

static struct engine_call call_of(clrnn_plan *plan) {
    return (struct engine_call){.chunk = plan->memory.chunk,
                                .by_piece = plan->memory.by_piece,
                                .layers = plan->layers,
                                .strands = plan->strands,
                                .layer_count = plan->net->desc.num_layers,
                                .strand_count = plan->net->strand_count};
}

clrnn_status plan_forward_projected(clrnn_plan *plan, const clrnn_tensor *x_proj,
                                    const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct engine_call call = call_of(plan);
    const struct algo_config *config = &plan->configs[0];
    call.x_proj = x_proj;
    REQUIRE(x_proj->rank == 4 && x_proj->shape[2] == config->cell.words &&
                x_proj->shape[3] == config->params.hidden,
            SHAPE, "forward: x_proj needs [T][N][%d][%d]", config->cell.words,
            config->params.hidden);
    TRY(args_check_extents(&call, plan, x_proj->shape[0], x_proj->shape[1]));
    TRY(args_lay_out(plan, &call, args));
    TRY(run(plan, &call, args));
out:
    return status;
}

static clrnn_status lay_out_and_run(clrnn_plan *plan, struct engine_call *call,
                                    const clrnn_forward_args *args, size_t span) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(args_lay_out_input(plan, call, args));
    TRY(args_lay_out(plan, call, args));
    trace_tell(plan->context->trace, span,
               TRACE_ARGS({"steps", call->steps, NULL}, {"rows", call->batch, NULL}));
    TRY(run(plan, call, args));
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
    struct engine_call call = call_of(plan);
    call.num_wait = num_wait;
    call.wait = wait;
    call.done = done;
    const size_t span = trace_begin(plan->context->trace, "forward", NULL, "forward");
    status = lay_out_and_run(plan, &call, args, span);
    trace_end(plan->context->trace, span);
out:
    return status;
}
