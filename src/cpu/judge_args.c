/*
 * judge_args.c: what clrnn_judge is given, checked and laid out as views. Nothing is judged here.
 */
#include "cpu/judge.h"

#include "core/tensor.h"
#include "cpu/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROWS = 1 << 30 };

const float *judge_view_at(const struct judge_view *view, int64_t t, int64_t row) {
    if (view->data == NULL) {
        return NULL;
    }
    return view->starts != NULL ? view->data + (view->starts[t] + row) * view->at_row
                                : view->data + t * view->at_step + row * view->at_row;
}

/* ---- one array ------------------------------------------------------------------------------- */

static clrnn_status check_host(const clrnn_tensor *tensor, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(tensor_check(tensor, name));
    REQUIRE(tensor->data != NULL, ARGUMENT, "judge: %s must lie in host memory, got a buffer",
            name);
out:
    return status;
}

static clrnn_status check_floats(const clrnn_tensor *tensor, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(check_host(tensor, name));
    REQUIRE(tensor->dtype == CLRNN_DTYPE_F32, ARGUMENT, "judge: %s must be float32, got %s", name,
            clrnn_dtype_name(tensor->dtype));
out:
    return status;
}

/* An int32 or int64 vector of `count` values, or of any number where count is negative. */
static clrnn_status check_integers(const clrnn_tensor *tensor, const char *name, int64_t count) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    TRY(check_host(tensor, name));
    REQUIRE(tensor->dtype == CLRNN_DTYPE_I32 || tensor->dtype == CLRNN_DTYPE_I64, ARGUMENT,
            "judge: %s must be int32 or int64, got %s", name, clrnn_dtype_name(tensor->dtype));
    REQUIRE(tensor->rank == 1, SHAPE, "judge: %s must be a vector, got %s", name,
            tensor_text(tensor, got, sizeof got));
    REQUIRE(count < 0 || tensor->shape[0] == count, SHAPE, "judge: %s needs [%lld], got %s", name,
            (long long)count, tensor_text(tensor, got, sizeof got));
out:
    return status;
}

static int64_t integer_at(const clrnn_tensor *tensor, int64_t index) {
    const void *values = tensor_host(tensor);
    const int64_t at = index * tensor_stride(tensor, 0);
    return tensor->dtype == CLRNN_DTYPE_I32 ? ((const int32_t *)values)[at]
                                            : ((const int64_t *)values)[at];
}

static struct judge_view view_steps(const clrnn_tensor *tensor, int batch_first) {
    return (struct judge_view){tensor_host(tensor), tensor_stride(tensor, batch_first ? 1 : 0),
                               tensor_stride(tensor, batch_first ? 0 : 1), NULL};
}

static struct judge_view view_packed(const clrnn_tensor *tensor, const int64_t *starts) {
    return (struct judge_view){tensor_host(tensor), 0, tensor_stride(tensor, 0), starts};
}

/* [T][N][features] or [N][T][features] */
static clrnn_status check_steps(struct judge_view *view, const struct judge_args *j,
                                const clrnn_tensor *tensor, const char *name, int features) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    char needed[96];
    const int64_t outer = j->batch_first ? j->batch : j->steps;
    const int64_t inner = j->batch_first ? j->steps : j->batch;
    TRY(check_floats(tensor, name));
    snprintf(needed, sizeof needed, "[%lld][%lld][%d] (%s first)", (long long)outer,
             (long long)inner, features, j->batch_first ? "batch" : "time");
    REQUIRE(tensor->rank != 2, UNSUPPORTED,
            "judge: %s must hold all steps, %s: the last outputs are h_n, got %s", name, needed,
            tensor_text(tensor, got, sizeof got));
    REQUIRE(tensor->rank == 3 && tensor->shape[0] == outer && tensor->shape[1] == inner &&
                tensor->shape[2] == features,
            SHAPE, "judge: %s needs %s, got %s", name, needed,
            tensor_text(tensor, got, sizeof got));
    *view = view_steps(tensor, j->batch_first);
out:
    return status;
}

static int is_packed(const struct judge_args *j, const clrnn_tensor *tensor, int features) {
    return j->starts != NULL && tensor->rank == 2 && tensor->shape[0] == j->starts[j->steps] &&
           tensor->shape[1] == features;
}

/* ---- x, lengths, mask ------------------------------------------------------------------------ */

static clrnn_status set_extents(struct judge_args *j, int64_t steps, int64_t batch) {
    clrnn_status status = CLRNN_STATUS_OK;
    j->steps = steps;
    j->batch = batch;
    j->lengths = calloc((size_t)batch, sizeof *j->lengths);
    REQUIRE(j->lengths != NULL, MEMORY, "judge: out of memory for %lld rows", (long long)batch);
    for (int64_t row = 0; row < batch; row++) {
        j->lengths[row] = steps;
    }
out:
    return status;
}

static clrnn_status read_batch_sizes(struct judge_args *j, const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *sizes = &args->batch_sizes;
    TRY(check_integers(sizes, "batch_sizes", -1));
    REQUIRE(!tensor_is_set(&args->lengths), ARGUMENT,
            "judge: batch_sizes say the lengths, got lengths too");
    REQUIRE(!j->batch_first, ARGUMENT,
            "judge: packed arrays are time first, got batch_sizes and batch first");
    REQUIRE(sizes->shape[0] >= 1, SHAPE, "judge: batch_sizes are empty");
    const int64_t steps = sizes->shape[0];
    int64_t before = integer_at(sizes, 0);
    REQUIRE(before >= 1 && before <= MAX_ROWS, ARGUMENT,
            "judge: batch_sizes must begin with 1 to %d, got %lld", MAX_ROWS, (long long)before);
    TRY(set_extents(j, steps, before));
    j->starts = calloc((size_t)steps + 1, sizeof *j->starts);
    REQUIRE(j->starts != NULL, MEMORY, "judge: out of memory for %lld steps", (long long)steps);
    for (int64_t t = 0; t < steps; t++) {
        const int64_t size = integer_at(sizes, t);
        REQUIRE(size >= 1 && size <= before, ARGUMENT,
                "judge: batch_sizes must never rise and stay above 0: step %lld has %lld after "
                "%lld",
                (long long)t, (long long)size, (long long)before);
        for (int64_t row = size; row < before; row++) {
            j->lengths[row] = t;
        }
        j->starts[t + 1] = j->starts[t] + size;
        before = size;
    }
out:
    return status;
}

static clrnn_status read_x(struct judge_args *j, const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = &args->x;
    const int inputs = j->net->desc.inputs;
    char got[128];
    TRY(check_floats(x, "x"));
    if (tensor_is_set(&args->batch_sizes)) {
        TRY(read_batch_sizes(j, args));
        REQUIRE(is_packed(j, x, inputs), SHAPE, "judge: x needs [%lld][%d] (packed), got %s",
                (long long)j->starts[j->steps], inputs, tensor_text(x, got, sizeof got));
        j->x = view_packed(x, j->starts);
    } else {
        REQUIRE(x->rank == 3 && x->shape[2] == inputs, SHAPE, "judge: x needs %s[%d], got %s",
                j->batch_first ? "[N][T]" : "[T][N]", inputs, tensor_text(x, got, sizeof got));
        REQUIRE(x->shape[0] > 0 && x->shape[1] > 0, SHAPE,
                "judge: x needs at least one step and one row, got %s",
                tensor_text(x, got, sizeof got));
        TRY(set_extents(j, x->shape[j->batch_first ? 1 : 0], x->shape[j->batch_first ? 0 : 1]));
        j->x = view_steps(x, j->batch_first);
    }
out:
    return status;
}

static clrnn_status read_lengths(struct judge_args *j, const clrnn_tensor *lengths) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!tensor_is_set(lengths)) {
        return status;
    }
    TRY(check_integers(lengths, "lengths", j->batch));
    for (int64_t row = 0; row < j->batch; row++) {
        j->lengths[row] = integer_at(lengths, row);
        REQUIRE(j->lengths[row] >= 0 && j->lengths[row] <= j->steps, ARGUMENT,
                "judge: lengths must be 0 to %lld, got %lld in row %lld", (long long)j->steps,
                (long long)j->lengths[row], (long long)row);
    }
out:
    return status;
}

static clrnn_status read_mask(struct judge_args *j, const clrnn_tensor *mask) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    if (!tensor_is_set(mask)) {
        return status;
    }
    TRY(check_host(mask, "mask"));
    REQUIRE(mask->dtype == CLRNN_DTYPE_BOOL, ARGUMENT, "judge: the mask must be bool, got %s",
            clrnn_dtype_name(mask->dtype));
    REQUIRE(mask->rank == 2 && mask->shape[0] == j->batch && mask->shape[1] == j->steps, SHAPE,
            "judge: the mask needs [%lld][%lld] (batch first), got %s", (long long)j->batch,
            (long long)j->steps, tensor_text(mask, got, sizeof got));
    REQUIRE(tensor_is_dense(mask), ARGUMENT, "judge: the mask must be dense");
    j->mask = tensor_host(mask);
out:
    return status;
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* What the caller gave of each layer, by whichever way: [L]. */
struct given {
    const struct judge_args *j;
    clrnn_layer_arrays *layers;
};

/* Of an array of all layers, [S][N][.], each layer's part. */
static clrnn_status spread(const struct given *g, const clrnn_tensor *tensor, size_t field,
                           const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    const clrnn_net *net = g->j->net;
    int64_t first = 0;
    if (!tensor_is_set(tensor)) {
        return status;
    }
    TRY(check_host(tensor, name));
    REQUIRE(net_is_uniform(net), ARGUMENT,
            "judge: layers differ in their states, give %s layer by layer", name);
    REQUIRE((tensor->rank == 3 && tensor->shape[0] == net->strand_count) ||
                (tensor->rank == 2 && net->strand_count == 1),
            SHAPE, "judge: %s needs [%d][%lld][.] (layers x directions), got %s", name,
            net->strand_count, (long long)g->j->batch, tensor_text(tensor, got, sizeof got));
    for (int layer = 0; layer < net->desc.num_layers; layer++) {
        const int count = clrnn_layer_directions(&net->desc.layers[layer]);
        clrnn_tensor *to = (clrnn_tensor *)((char *)&g->layers[layer] + field);
        REQUIRE(!tensor_is_set(to), ARGUMENT,
                "judge: %s is given twice, for all layers and for layer %d", name, layer);
        *to = *tensor;
        if (tensor->rank == 3) {
            for (int axis = 0; axis < 3; axis++) {
                to->strides[axis] = tensor_stride(tensor, axis);
            }
            to->offset += (size_t)(first * to->strides[0]) * sizeof(float);
            to->shape[0] = count;
        }
        first += count;
    }
out:
    return status;
}

/* An array of the only layer, or y of the last one. */
static clrnn_status hand_down(const clrnn_tensor *tensor, clrnn_tensor *to, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (tensor_is_set(tensor)) {
        REQUIRE(!tensor_is_set(to), ARGUMENT, "judge: %s of the last layer is given twice", name);
        *to = *tensor;
    }
out:
    return status;
}

static clrnn_status collect(const struct given *g, const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int count = g->j->net->desc.num_layers;
    clrnn_layer_arrays *top = &g->layers[count - 1];
    if (args->layers != NULL) {
        memcpy(g->layers, args->layers, (size_t)count * sizeof *g->layers);
    }
    TRY(spread(g, &args->h_0, offsetof(clrnn_layer_arrays, h_0), "h_0"));
    TRY(spread(g, &args->c_0, offsetof(clrnn_layer_arrays, c_0), "c_0"));
    TRY(spread(g, &args->h_n, offsetof(clrnn_layer_arrays, h_n), "h_n"));
    TRY(spread(g, &args->c_n, offsetof(clrnn_layer_arrays, c_n), "c_n"));
    REQUIRE(count == 1 || (!tensor_is_set(&args->hiddens) && !tensor_is_set(&args->cells) &&
                           !tensor_is_set(&args->gates)),
            ARGUMENT,
            "judge: hiddens, cells and gates of a net of %d layers are given layer by layer",
            count);
    TRY(hand_down(&args->hiddens, &top->hiddens, "hiddens"));
    TRY(hand_down(&args->cells, &top->cells, "cells"));
    TRY(hand_down(&args->gates, &top->gates, "gates"));
    TRY(hand_down(&args->y, &top->y, "y"));
out:
    return status;
}

static clrnn_status read_state(struct judge_view *view, const struct judge_args *j,
                               const clrnn_tensor *tensor, int layer, int width, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int directions = clrnn_layer_directions(&j->net->desc.layers[layer]);
    if (tensor_is_set(tensor)) {
        TRY(check_host(tensor, name));
        TRY(net_check_state(tensor, directions, j->batch, width, name));
        *view = (struct judge_view){tensor_host(tensor),
                                    tensor->rank == 3 ? tensor_stride(tensor, 0) : 0,
                                    tensor_stride(tensor, tensor->rank - 2), NULL};
    }
out:
    return status;
}

/* "cells", or of more layers "cells of layer 1" */
static const char *full_name(char name[40], const struct judge_args *j, const char *stem,
                             int layer) {
    if (j->net->desc.num_layers == 1) {
        snprintf(name, 40, "%s", stem);
    } else {
        snprintf(name, 40, "%s of layer %d", stem, layer);
    }
    return name;
}

/* An lstm's own, asked for of another cell. */
static clrnn_status refuse_cells(const struct judge_args *j, const clrnn_layer_arrays *given,
                                 int layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_cell cell = j->net->desc.layers[layer].cell;
    const struct {
        const clrnn_tensor *tensor;
        const char *name;
    } of_lstm[] = {{&given->c_0, "c_0"}, {&given->c_n, "c_n"}, {&given->cells, "cells"}};
    for (size_t i = 0; i < sizeof of_lstm / sizeof of_lstm[0]; i++) {
        REQUIRE(cell == CLRNN_CELL_LSTM || !tensor_is_set(of_lstm[i].tensor), ARGUMENT,
                "judge: %s is for lstm, layer %d is %s", of_lstm[i].name, layer,
                clrnn_cell_name(cell));
    }
out:
    return status;
}

static clrnn_status read_states(struct judge_args *j, const clrnn_layer_arrays *given, int layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_layer_desc *desc = &j->net->desc.layers[layer];
    struct judge_layer *to = &j->layers[layer];
    const int width = clrnn_layer_width(desc);
    char name[40];
    const struct {
        const clrnn_tensor *tensor;
        struct judge_view *view;
        const char *name;
        int width;
    } states[] = {
        {&given->h_0, &to->h_0, "h_0", width},        {&given->h_n, &to->h_n, "h_n", width},
        {&given->o_0, &to->o_0, "o_0", width},        {&given->o_n, &to->o_n, "o_n", width},
        {&given->c_0, &to->c_0, "c_0", desc->hidden}, {&given->c_n, &to->c_n, "c_n", desc->hidden}};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        TRY(read_state(states[i].view, j, states[i].tensor, layer, states[i].width,
                       full_name(name, j, states[i].name, layer)));
    }
out:
    return status;
}

/* What every step gives. Of these y alone may be packed. */
static clrnn_status read_steps(struct judge_args *j, const clrnn_layer_arrays *given, int layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_layer_desc *desc = &j->net->desc.layers[layer];
    struct judge_layer *to = &j->layers[layer];
    const int directions = clrnn_layer_directions(desc), outputs = clrnn_layer_outputs(desc);
    char name[40];
    const struct {
        const clrnn_tensor *tensor;
        struct judge_view *view;
        const char *name;
        int features;
    } arrays[] = {
        {&given->y, &to->y, "y", outputs},
        {&given->hiddens, &to->hiddens, "hiddens", directions * clrnn_layer_width(desc)},
        {&given->cells, &to->cells, "cells", directions * desc->hidden},
        {&given->gates, &to->gates, "gates", directions * clrnn_layer_gates(desc) * desc->hidden}};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        const clrnn_tensor *tensor = arrays[i].tensor;
        full_name(name, j, arrays[i].name, layer);
        if (tensor == &given->y && tensor_is_set(tensor) && is_packed(j, tensor, outputs)) {
            TRY(check_floats(tensor, name));
            to->y = view_packed(tensor, j->starts);
        } else if (tensor_is_set(tensor)) {
            TRY(check_steps(arrays[i].view, j, tensor, name, arrays[i].features));
        }
    }
out:
    return status;
}

static clrnn_status read_layers(struct judge_args *j, const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int count = j->net->desc.num_layers;
    struct given given = {.j = j, .layers = calloc((size_t)count, sizeof *given.layers)};
    int seen = 0;
    j->layers = calloc((size_t)count, sizeof *j->layers);
    REQUIRE(given.layers != NULL && j->layers != NULL, MEMORY, "judge: out of memory for %d layers",
            count);
    TRY(collect(&given, args));
    for (int layer = 0; layer < count; layer++) {
        const struct judge_layer *of = &j->layers[layer];
        TRY(refuse_cells(j, &given.layers[layer], layer));
        TRY(read_states(j, &given.layers[layer], layer));
        TRY(read_steps(j, &given.layers[layer], layer));
        seen |= of->y.data != NULL || of->hiddens.data != NULL || of->cells.data != NULL ||
                of->gates.data != NULL || of->h_n.data != NULL || of->c_n.data != NULL ||
                of->o_n.data != NULL;
    }
    REQUIRE(seen, ARGUMENT, "judge: there is no result among the arguments");
out:
    free(given.layers);
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

clrnn_status judge_args_open(struct judge_args *out, const clrnn_net *net, int batch_first,
                             const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = (struct judge_args){.net = net, .batch_first = batch_first != 0};
    REQUIRE(args->state == NULL, ARGUMENT, "judge: state must be NULL: give h_0 and c_0");
    REQUIRE(args->slots == NULL, ARGUMENT, "judge: slots must be NULL");
    TRY(reference_check_net(net));
    TRY(net_require_complete(net));
    TRY(read_x(out, args));
    TRY(read_lengths(out, &args->lengths));
    TRY(read_mask(out, &args->mask));
    TRY(read_layers(out, args));
out:
    return status;
}

void judge_args_close(struct judge_args *args) {
    free(args->lengths);
    free(args->starts);
    free(args->layers);
    *args = (struct judge_args){0};
}
