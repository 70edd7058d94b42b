/*
 * plan_args.c: the caller's arrays of a forward: their shapes, and how they lie before the kernels.
 */
#include "core/plan_args.h"

#include "core/tensor.h"

#include <stdlib.h>
#include <string.h>

/* ---- one array ------------------------------------------------------------------------------- */

static clrnn_status check_floats(const clrnn_tensor *tensor, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(tensor_check(tensor, name));
    REQUIRE(tensor->dtype == CLRNN_DTYPE_F32, ARGUMENT, "forward: %s must be float32, got %s", name,
            clrnn_dtype_name(tensor->dtype));
out:
    return status;
}

/* Where the engine has it, and what it takes from there. */
static void settle(struct engine_array *out, const clrnn_plan *plan, const clrnn_tensor *tensor,
                   int features) {
    const int stages = plan->context->engine->stages_host;
    out->tensor = tensor;
    out->features = features;
    out->floats = clrnn_tensor_count(tensor);
    out->home = stages && tensor->data != NULL ? ARRAY_STAGED : ARRAY_CALLER;
    out->base = tensor->buffer != NULL ? (int64_t)(tensor->offset / sizeof(float)) : 0;
}

/* [T][N][features] or [N][T][features] */
static clrnn_status lay_out_steps(struct engine_array *out, const clrnn_plan *plan,
                                  const struct engine_call *call, const clrnn_tensor *tensor,
                                  const char *name, int features) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    const int batch_first = plan->desc.batch_first;
    const int64_t outer = batch_first ? call->batch : call->steps;
    const int64_t inner = batch_first ? call->steps : call->batch;
    TRY(check_floats(tensor, name));
    REQUIRE(tensor->rank == 3 && tensor->shape[0] == outer && tensor->shape[1] == inner &&
                tensor->shape[2] == features,
            SHAPE, "forward: %s needs [%lld][%lld][%d] (%s first), got %s", name, (long long)outer,
            (long long)inner, features, batch_first ? "batch" : "time",
            tensor_text(tensor, got, sizeof got));
    *out = (struct engine_array){.batch_first = batch_first};
    settle(out, plan, tensor, features);
    if (out->home == ARRAY_STAGED) {
        out->at_step = batch_first ? features : (int64_t)call->batch * features;
        out->at_row = batch_first ? (int64_t)call->steps * features : features;
    } else {
        out->at_step = tensor_stride(tensor, batch_first ? 1 : 0);
        out->at_row = tensor_stride(tensor, batch_first ? 0 : 1);
    }
out:
    return status;
}

/* [rows][features]: packed, or (last) one row for each of the batch */
static clrnn_status lay_out_rows(struct engine_array *out, const clrnn_plan *plan,
                                 const clrnn_tensor *tensor, const char *name, int64_t rows,
                                 int features, int packed) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    TRY(check_floats(tensor, name));
    REQUIRE(tensor->rank == 2 && tensor->shape[0] == rows && tensor->shape[1] == features, SHAPE,
            "forward: %s needs [%lld][%d]%s, got %s", name, (long long)rows, features,
            packed ? " (packed)" : "", tensor_text(tensor, got, sizeof got));
    *out = (struct engine_array){.packed = packed, .last = !packed};
    settle(out, plan, tensor, features);
    out->at_row = out->home == ARRAY_STAGED ? features : tensor_stride(tensor, 0);
out:
    return status;
}

/* ---- x --------------------------------------------------------------------------------------- */

clrnn_status args_check_extents(struct engine_call *call, const clrnn_plan *plan, int64_t steps,
                                int64_t batch) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(steps >= 1 && steps <= plan->desc.steps, SHAPE,
            "forward: x has %lld steps, the plan takes 1 to %d", (long long)steps,
            plan->desc.steps);
    REQUIRE(batch >= 1 && batch <= plan->desc.batch, SHAPE,
            "forward: x has %lld rows, the plan takes 1 to %d", (long long)batch, plan->desc.batch);
    call->steps = (int)steps;
    call->batch = (int)batch;
out:
    return status;
}

/* An int32 or int64 vector in host memory. */
static clrnn_status check_integers(const clrnn_tensor *tensor, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    TRY(tensor_check(tensor, name));
    REQUIRE(tensor->data != NULL, ARGUMENT, "forward: %s must lie in host memory", name);
    REQUIRE(tensor->dtype == CLRNN_DTYPE_I32 || tensor->dtype == CLRNN_DTYPE_I64, ARGUMENT,
            "forward: %s must be int32 or int64, got %s", name, clrnn_dtype_name(tensor->dtype));
    REQUIRE(tensor->rank == 1, SHAPE, "forward: %s must be a vector, got %s", name,
            tensor_text(tensor, got, sizeof got));
out:
    return status;
}

static int64_t integer_at(const clrnn_tensor *tensor, int64_t index) {
    const void *values = tensor_host(tensor);
    const int64_t at = index * tensor_stride(tensor, 0);
    return tensor->dtype == CLRNN_DTYPE_I32 ? ((const int32_t *)values)[at]
                                            : ((const int64_t *)values)[at];
}

/* starts[t]: rows of a packed array before step t; behind the last, all. */
static clrnn_status read_batch_sizes(clrnn_plan *plan, struct engine_call *call,
                                     const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *sizes = &args->batch_sizes;
    TRY(check_integers(sizes, "batch_sizes"));
    REQUIRE(!tensor_is_set(&args->lengths), ARGUMENT,
            "forward: batch_sizes say the lengths, got lengths too");
    REQUIRE(!plan->desc.batch_first, ARGUMENT,
            "forward: packed arrays are time first, the plan is batch first");
    REQUIRE(sizes->shape[0] >= 1, SHAPE, "forward: batch_sizes are empty");
    TRY(args_check_extents(call, plan, sizes->shape[0], integer_at(sizes, 0)));
    if (plan->starts == NULL) {
        plan->starts = calloc((size_t)plan->desc.steps + 1, sizeof *plan->starts);
        REQUIRE(plan->starts != NULL, MEMORY, "forward: out of memory for %d steps",
                plan->desc.steps);
    }
    int64_t before = call->batch;
    for (int t = 0; t < call->steps; t++) {
        const int64_t size = integer_at(sizes, t);
        REQUIRE(size >= 1 && size <= before, ARGUMENT,
                "forward: batch_sizes must never rise and stay above 0: step %d has %lld after "
                "%lld",
                t, (long long)size, (long long)before);
        plan->starts[t + 1] = plan->starts[t] + size;
        before = size;
    }
    call->starts = plan->starts;
out:
    return status;
}

clrnn_status args_lay_out_input(clrnn_plan *plan, struct engine_call *call,
                                const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = &args->x;
    const int inputs = plan->net->desc.inputs;
    char got[128];
    if (tensor_is_set(&args->batch_sizes)) {
        TRY(read_batch_sizes(plan, call, args));
        TRY(lay_out_rows(&call->x, plan, x, "x", call->starts[call->steps], inputs, 1));
    } else {
        TRY(check_floats(x, "x"));
        REQUIRE(x->rank == 3, SHAPE, "forward: x must be %s, got %s",
                plan->desc.batch_first ? "[N][T][features]" : "[T][N][features]",
                tensor_text(x, got, sizeof got));
        const int step_axis = plan->desc.batch_first ? 1 : 0;
        TRY(args_check_extents(call, plan, x->shape[step_axis], x->shape[1 - step_axis]));
        TRY(lay_out_steps(&call->x, plan, call, x, "x", inputs));
    }
out:
    return status;
}

/* ---- lengths and mask ------------------------------------------------------------------------ */

clrnn_status args_length(int *out, const clrnn_forward_args *args, int row, int steps) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (tensor_is_set(&args->lengths)) {
        const int64_t length = integer_at(&args->lengths, row);
        REQUIRE(length >= 0 && length <= steps, ARGUMENT,
                "forward: length of row %d must be 0 to %d, got %lld", row, steps,
                (long long)length);
        *out = (int)length;
    } else if (tensor_is_set(&args->batch_sizes)) {
        int length = 0; /* batch_sizes never rise: the steps that have the row */
        int end = (int)args->batch_sizes.shape[0];
        while (length < end) {
            const int middle = length + (end - length) / 2;
            if (integer_at(&args->batch_sizes, middle) > row) {
                length = middle + 1;
            } else {
                end = middle;
            }
        }
        *out = length;
    }
out:
    return status;
}

static clrnn_status check_rows(struct engine_call *call, const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    if (tensor_is_set(&args->lengths)) {
        TRY(check_integers(&args->lengths, "lengths"));
        REQUIRE(args->lengths.shape[0] == call->batch, SHAPE, "forward: lengths needs [%d], got %s",
                call->batch, tensor_text(&args->lengths, got, sizeof got));
    }
    if (tensor_is_set(&args->mask)) {
        const clrnn_tensor *mask = &args->mask;
        TRY(tensor_check(mask, "mask"));
        REQUIRE(mask->data != NULL && tensor_is_dense(mask), ARGUMENT,
                "forward: the mask must be a dense host array");
        REQUIRE(mask->dtype == CLRNN_DTYPE_BOOL, ARGUMENT, "forward: the mask must be bool, got %s",
                clrnn_dtype_name(mask->dtype));
        REQUIRE(mask->rank == 2 && mask->shape[0] == call->batch && mask->shape[1] == call->steps,
                SHAPE, "forward: the mask needs [%d][%d] (batch first), got %s", call->batch,
                call->steps, tensor_text(mask, got, sizeof got));
        call->mask = tensor_host(mask);
    }
out:
    return status;
}

/* ---- what a layer takes and gives ------------------------------------------------------------ */

/* The strands' part of an array of all layers: [count][N][.] from strand `first` on. */
static void cut_strands(clrnn_tensor *out, const clrnn_tensor *whole, int first, int count) {
    *out = *whole;
    if (whole->rank == 3) {
        for (int axis = 0; axis < 3; axis++) {
            out->strides[axis] = tensor_stride(whole, axis);
        }
        out->offset += (size_t)(first * out->strides[0]) * sizeof(float);
        out->shape[0] = count;
    }
}

static clrnn_status spread(clrnn_plan *plan, const struct engine_call *call,
                           const clrnn_tensor *tensor, size_t field, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    const clrnn_net *net = plan->net;
    if (!tensor_is_set(tensor)) {
        return status;
    }
    REQUIRE(net_is_uniform(net), ARGUMENT,
            "forward: layers differ in their states, give %s layer by layer", name);
    TRY(tensor_check(tensor, name));
    REQUIRE((tensor->rank == 3 && tensor->shape[0] == net->strand_count) ||
                (tensor->rank == 2 && net->strand_count == 1),
            SHAPE, "forward: %s needs [%d][%d][.] (layers x directions), got %s", name,
            net->strand_count, call->batch, tensor_text(tensor, got, sizeof got));
    int first = 0;
    for (int layer = 0; layer < call->layer_count; layer++) {
        const int count = clrnn_layer_directions(&net->desc.layers[layer]);
        clrnn_tensor *to = (clrnn_tensor *)((char *)&plan->given[layer] + field);
        REQUIRE(!tensor_is_set(to), ARGUMENT,
                "forward: %s is given twice, for all layers and for "
                "layer %d",
                name, layer);
        cut_strands(to, tensor, first, count);
        first += count;
    }
out:
    return status;
}

/* An array of the only layer, given without `layers`. */
static clrnn_status hand_down(clrnn_plan *plan, const struct engine_call *call,
                              const clrnn_tensor *tensor, size_t field, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_tensor *to = (clrnn_tensor *)((char *)&plan->given[0] + field);
    if (tensor_is_set(tensor)) {
        REQUIRE(call->layer_count == 1, ARGUMENT,
                "forward: %s of a net of %d layers is given layer by layer", name,
                call->layer_count);
        REQUIRE(!tensor_is_set(to), ARGUMENT, "forward: %s is given twice", name);
        *to = *tensor;
    }
out:
    return status;
}

static clrnn_status collect(clrnn_plan *plan, const struct engine_call *call,
                            const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t bytes = (size_t)call->layer_count * sizeof *plan->given;
    if (args->layers != NULL) {
        memcpy(plan->given, args->layers, bytes);
    } else {
        memset(plan->given, 0, bytes);
    }
    TRY(spread(plan, call, &args->h_0, offsetof(clrnn_layer_arrays, h_0), "h_0"));
    TRY(spread(plan, call, &args->c_0, offsetof(clrnn_layer_arrays, c_0), "c_0"));
    TRY(spread(plan, call, &args->h_n, offsetof(clrnn_layer_arrays, h_n), "h_n"));
    TRY(spread(plan, call, &args->c_n, offsetof(clrnn_layer_arrays, c_n), "c_n"));
    TRY(hand_down(plan, call, &args->hiddens, offsetof(clrnn_layer_arrays, hiddens), "hiddens"));
    TRY(hand_down(plan, call, &args->cells, offsetof(clrnn_layer_arrays, cells), "cells"));
    TRY(hand_down(plan, call, &args->gates, offsetof(clrnn_layer_arrays, gates), "gates"));
    if (tensor_is_set(&args->y)) {
        clrnn_layer_arrays *top = &plan->given[call->layer_count - 1];
        REQUIRE(!tensor_is_set(&top->y), ARGUMENT, "forward: y of the last layer is given twice");
        top->y = args->y;
    }
out:
    return status;
}

static clrnn_status lay_out_y(clrnn_plan *plan, const struct engine_call *call, int layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *y = &plan->given[layer].y;
    struct engine_array *out = &plan->layers[layer].y;
    const int features = clrnn_layer_outputs(&plan->net->desc.layers[layer]);
    const int is_top = layer == call->layer_count - 1;
    if (tensor_is_set(y) && y->rank == 2) {
        const int packed = call->starts != NULL && y->shape[0] == call->starts[call->steps];
        REQUIRE(packed || is_top, SHAPE,
                "forward: y of layer %d must have all steps, layers above need them; its last "
                "states are h_n",
                layer);
        TRY(lay_out_rows(out, plan, y, "y", packed ? y->shape[0] : call->batch, features, packed));
    } else if (tensor_is_set(y)) {
        TRY(lay_out_steps(out, plan, call, y, "y", features));
    } else if (!is_top) {
        *out = (struct engine_array){.home = ARRAY_BETWEEN,
                                     .features = features,
                                     .between = layer % ENGINE_BETWEENS,
                                     .at_step = (int64_t)call->batch * features,
                                     .at_row = features};
    }
out:
    return status;
}

static clrnn_status lay_out_layer(clrnn_plan *plan, const struct engine_call *call, int layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_layer_desc *desc = &plan->net->desc.layers[layer];
    const clrnn_layer_arrays *given = &plan->given[layer];
    struct engine_layer *out = &plan->layers[layer];
    const int directions = clrnn_layer_directions(desc);
    memset(out, 0, sizeof *out);
    TRY(lay_out_y(plan, call, layer));
    if (tensor_is_set(&given->hiddens)) {
        TRY(lay_out_steps(&out->hiddens, plan, call, &given->hiddens, "hiddens",
                          directions * clrnn_layer_width(desc)));
    }
    if (tensor_is_set(&given->cells)) {
        REQUIRE(clrnn_layer_states(desc) == 2, ARGUMENT,
                "forward: cells is for lstm, layer %d is %s", layer, clrnn_cell_name(desc->cell));
        TRY(lay_out_steps(&out->cells, plan, call, &given->cells, "cells",
                          directions * desc->hidden));
    }
    if (tensor_is_set(&given->gates)) {
        REQUIRE(desc->cell != CLRNN_CELL_CUSTOM, ARGUMENT,
                "forward: layer %d is a custom cell, whose gates have no values of their own",
                layer);
        TRY(lay_out_steps(&out->gates, plan, call, &given->gates, "gates",
                          directions * clrnn_layer_gates(desc) * desc->hidden));
    }
out:
    return status;
}

clrnn_status args_lay_out(clrnn_plan *plan, struct engine_call *call,
                          const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(check_rows(call, args));
    TRY(collect(plan, call, args));
    for (int layer = 0; layer < call->layer_count; layer++) {
        TRY(lay_out_layer(plan, call, layer));
    }
out:
    return status;
}
