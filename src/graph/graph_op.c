/*
 * graph_op.c: the table of ops that need no device, and what all of them check: how many inputs there
 * are, that each is a dense host array, dtypes, axes, broadcasting, the size of outputs.
 */
#include "graph/graph_ops.h"

#include "core/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ANY = 1 << 24 }; /* as many as there are */

/* The first `needed` inputs must be there, all of an op that takes any number. */
static const struct rule {
    graph_op_function *run; /* NULL: runs on the device */
    int needed, most;       /* inputs */
    int outputs;            /* at most */
} rules[GRAPH_OP_COUNT] = {
    [GRAPH_EMBEDDING] = {op_layers_embedding, 2, 2, 2},
    [GRAPH_MASKING] = {op_layers_masking, 1, 2, 2},
    [GRAPH_ACTIVATION] = {op_activation_apply, 1, 1, 1},
    [GRAPH_SOFTMAX] = {op_activation_softmax, 1, 1, 1},
    [GRAPH_LOG_SOFTMAX] = {op_activation_softmax, 1, 1, 1},
    [GRAPH_FLIP] = {op_move_flip, 1, 1, 1},
    [GRAPH_TRANSPOSE] = {op_move_transpose, 1, 1, 1},
    [GRAPH_SQUEEZE] = {op_shape_squeeze, 1, 2, 1},
    [GRAPH_UNSQUEEZE] = {op_shape_unsqueeze, 2, 2, 1},
    [GRAPH_RESHAPE] = {op_shape_reshape, 2, 2, 1},
    [GRAPH_FLATTEN] = {op_shape_flatten, 1, 1, 1},
    [GRAPH_EXPAND] = {op_move_expand, 2, 2, 1},
    [GRAPH_CONCAT] = {op_move_concat, 1, ANY, 1},
    [GRAPH_SLICE] = {op_move_slice, 3, 5, 1},
    [GRAPH_GATHER] = {op_move_gather, 2, 2, 1},
    [GRAPH_SPLIT] = {op_move_split, 1, 2, ANY},
    [GRAPH_SHAPE] = {op_shape_shape, 1, 1, 1},
    [GRAPH_CONSTANT_OF_SHAPE] = {op_shape_constant, 1, 2, 1},
    [GRAPH_RANGE] = {op_shape_range, 3, 3, 1},
    [GRAPH_CAST] = {op_cast_cast, 1, 1, 1},
    [GRAPH_MATMUL] = {op_matmul_matmul, 2, 2, 1},
    [GRAPH_ADD] = {op_math_binary, 2, 2, 1},
    [GRAPH_SUB] = {op_math_binary, 2, 2, 1},
    [GRAPH_MUL] = {op_math_binary, 2, 2, 1},
    [GRAPH_DIV] = {op_math_binary, 2, 2, 1},
    [GRAPH_POW] = {op_math_binary, 2, 2, 1},
    [GRAPH_MIN] = {op_math_binary, 1, ANY, 1},
    [GRAPH_MAX] = {op_math_binary, 1, ANY, 1},
    [GRAPH_LESS] = {op_math_binary, 2, 2, 1},
    [GRAPH_LESS_OR_EQUAL] = {op_math_binary, 2, 2, 1},
    [GRAPH_GREATER] = {op_math_binary, 2, 2, 1},
    [GRAPH_GREATER_OR_EQUAL] = {op_math_binary, 2, 2, 1},
    [GRAPH_EQUAL] = {op_math_binary, 2, 2, 1},
    [GRAPH_AND] = {op_math_binary, 2, 2, 1},
    [GRAPH_OR] = {op_math_binary, 2, 2, 1},
    [GRAPH_NOT] = {op_math_not, 1, 1, 1},
    [GRAPH_WHERE] = {op_move_where, 3, 3, 1},
    [GRAPH_ABS] = {op_math_sign, 1, 1, 1},
    [GRAPH_NEG] = {op_math_sign, 1, 1, 1},
    [GRAPH_EXP] = {op_activation_function, 1, 1, 1},
    [GRAPH_LOG] = {op_activation_function, 1, 1, 1},
    [GRAPH_SQRT] = {op_activation_function, 1, 1, 1},
    [GRAPH_ERF] = {op_activation_function, 1, 1, 1},
    [GRAPH_REDUCE_SUM] = {op_reduce_reduce, 1, 2, 1},
    [GRAPH_REDUCE_MEAN] = {op_reduce_reduce, 1, 2, 1},
    [GRAPH_REDUCE_MAX] = {op_reduce_reduce, 1, 2, 1},
    [GRAPH_REDUCE_MIN] = {op_reduce_reduce, 1, 2, 1},
};

/* ---- running --------------------------------------------------------------------------------- */

static void make_label(char label[GRAPH_OP_LABEL], const struct graph_node *node) {
    enum { SHOWN = 80 };
    const char *op = graph_op_name(node->op);
    if (node->name == NULL || node->name[0] == '\0') {
        snprintf(label, GRAPH_OP_LABEL, "%s", op);
        return;
    }
    const size_t length = strlen(node->name);
    const int cut = length > SHOWN;
    snprintf(label, GRAPH_OP_LABEL, "%s '%s%s'", op, cut ? "..." : "",
             node->name + (cut ? length - SHOWN : 0));
}

static clrnn_status check_input(const struct graph_call *call, int input) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *tensor = call->inputs[input];
    char name[GRAPH_OP_LABEL + 32];
    char text[GRAPH_OP_SHOWN];
    snprintf(name, sizeof name, "%s: input %d", call->label, input);
    TRY(tensor_check(tensor, name));
    REQUIRE(tensor->dtype != CLRNN_DTYPE_TEXT, UNSUPPORTED, "%s: must be numbers, got text", name);
    REQUIRE(tensor->data != NULL && tensor_is_dense(tensor), ARGUMENT,
            "%s: must be dense and in host memory, got %s", name,
            tensor_text(tensor, text, sizeof text));
out:
    return status;
}

clrnn_status graph_op_run_within(const struct graph_node *node, const clrnn_tensor *const *inputs,
                                 struct graph_array *const *outputs, size_t limit) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_call call = {.node = node, .inputs = inputs, .outputs = outputs, .limit = limit};
    REQUIRE((unsigned)node->op < GRAPH_OP_COUNT, ARGUMENT, "graph: no op %d", (int)node->op);
    make_label(call.label, node);
    const struct rule *rule = &rules[node->op];
    REQUIRE(rule->run != NULL, ARGUMENT, "%s: runs on a device only", call.label);
    REQUIRE(node->input_count >= rule->needed && node->input_count <= rule->most, ARGUMENT,
            "%s: takes %d to %d inputs, got %d", call.label, rule->needed, rule->most,
            node->input_count);
    REQUIRE(node->output_count >= 1 && node->output_count <= rule->outputs, ARGUMENT,
            "%s: gives 1 to %d outputs, got %d", call.label, rule->outputs, node->output_count);
    REQUIRE(node->list_count >= 0 && node->list_count <= CLRNN_MAX_RANK, ARGUMENT,
            "%s: takes a list of 0 to %d numbers, got %d", call.label, CLRNN_MAX_RANK,
            node->list_count);
    const int needed = rule->most == ANY ? node->input_count : rule->needed;
    for (int i = 0; i < node->input_count; i++) {
        REQUIRE(inputs[i] != NULL || i >= needed, ARGUMENT, "%s: input %d must not be left out",
                call.label, i);
        if (inputs[i] != NULL) {
            TRY(check_input(&call, i));
        }
    }
    TRY(rule->run(&call));
out:
    return status;
}

clrnn_status graph_op_run(const struct graph_node *node, const clrnn_tensor *const *inputs,
                          struct graph_array *const *outputs) {
    return graph_op_run_within(node, inputs, outputs, SIZE_MAX);
}

/* ---- what ops ask for ------------------------------------------------------------------------ */

const clrnn_tensor *graph_op_input(const struct graph_call *call, int input) {
    return input < call->node->input_count ? call->inputs[input] : NULL;
}

clrnn_status graph_op_output(void **data, struct graph_call *call, int output, clrnn_dtype dtype,
                             int rank, const int64_t *shape) {
    clrnn_status status = CLRNN_STATUS_OK;
    size_t bytes = 0;
    *data = NULL;
    REQUIRE(rank >= 0 && rank <= CLRNN_MAX_RANK, SHAPE,
            "%s: the result's rank must be 0 to %d, got %d", call->label, CLRNN_MAX_RANK, rank);
    clrnn_tensor wanted = {.dtype = dtype, .rank = rank};
    for (int axis = 0; axis < rank; axis++) {
        REQUIRE(shape[axis] >= 0, SHAPE, "%s: the result's axis %d must not be negative, got %lld",
                call->label, axis, (long long)shape[axis]);
        wanted.shape[axis] = shape[axis];
    }
    char text[GRAPH_OP_SHOWN];
    tensor_text(&wanted, text, sizeof text);
    REQUIRE(graph_array_bytes(&bytes, dtype, rank, shape), SHAPE,
            "%s: the result, %s, is more than memory can hold", call->label, text);
    if (output < call->node->output_count && call->outputs[output] != NULL) {
        REQUIRE(bytes <= call->limit - call->taken, FORMAT,
                "%s: its constants may take %zu bytes, got %s, %zu bytes, and %zu before",
                call->label, call->limit, text, bytes, call->taken);
        call->taken += bytes;
        TRY(graph_array_make(call->outputs[output], dtype, rank, shape));
        *data = call->outputs[output]->tensor.data;
    }
out:
    return status;
}

clrnn_status graph_op_axis(int *out, const struct graph_call *call, int64_t axis, int rank) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(axis >= -rank && axis < rank, SHAPE, "%s: an axis of rank %d is %d to %d, got %lld",
            call->label, rank, -rank, rank - 1, (long long)axis);
    *out = (int)(axis < 0 ? axis + rank : axis);
out:
    return status;
}

clrnn_status graph_op_list(int64_t *list, int *count, const struct graph_call *call, int input,
                           int most, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *tensor = graph_op_input(call, input);
    char text[GRAPH_OP_SHOWN];
    REQUIRE((tensor->dtype == CLRNN_DTYPE_I32 || tensor->dtype == CLRNN_DTYPE_I64) &&
                tensor->rank <= 1,
            ARGUMENT, "%s: %s must be a list of int64, got %s", call->label, what,
            tensor_text(tensor, text, sizeof text));
    const int64_t length = clrnn_tensor_count(tensor);
    REQUIRE(length <= most, SHAPE, "%s: %s must be at most %d numbers, got %lld", call->label, what,
            most, (long long)length);
    for (int i = 0; i < (int)length; i++) {
        list[i] = graph_op_integer(tensor, i);
    }
    *count = (int)length;
out:
    return status;
}

clrnn_status graph_op_same_dtype(const struct graph_call *call, const clrnn_tensor *a,
                                 const clrnn_tensor *b) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(a->dtype == b->dtype, ARGUMENT, "%s: all must be of one dtype, got %s and %s",
            call->label, clrnn_dtype_name(a->dtype), clrnn_dtype_name(b->dtype));
out:
    return status;
}

clrnn_status graph_op_unsupported(const struct graph_call *call, clrnn_dtype dtype) {
    return status_fail(CLRNN_STATUS_UNSUPPORTED, 0, "%s: cannot be done with %s", call->label,
                       clrnn_dtype_name(dtype));
}

clrnn_status graph_op_broadcast(int *rank, int64_t *shape, const struct graph_call *call,
                                const clrnn_tensor *const *tensors, int count) {
    clrnn_status status = CLRNN_STATUS_OK;
    char text[2][GRAPH_OP_SHOWN];
    clrnn_tensor wide = {.dtype = tensors[0]->dtype};
    for (int i = 0; i < count; i++) {
        wide.rank = tensors[i]->rank > wide.rank ? tensors[i]->rank : wide.rank;
    }
    for (int axis = 0; axis < wide.rank; axis++) {
        wide.shape[axis] = 1;
    }
    for (int i = 0; i < count; i++) {
        for (int axis = 0; axis < tensors[i]->rank; axis++) {
            const int64_t extent = tensors[i]->shape[axis];
            int64_t *widest = &wide.shape[wide.rank - tensors[i]->rank + axis];
            REQUIRE(extent == 1 || *widest == 1 || extent == *widest, SHAPE,
                    "%s: extents must be equal or 1, from the last axis on, got %s and %s",
                    call->label, tensor_text(&wide, text[0], sizeof text[0]),
                    tensor_text(tensors[i], text[1], sizeof text[1]));
            *widest = extent != 1 ? extent : *widest;
        }
    }
    *rank = wide.rank;
    memcpy(shape, wide.shape, sizeof wide.shape);
out:
    return status;
}

int64_t graph_op_integer(const clrnn_tensor *tensor, int64_t index) {
    return tensor->dtype == CLRNN_DTYPE_I32 ? ((const int32_t *)tensor_host(tensor))[index]
                                            : ((const int64_t *)tensor_host(tensor))[index];
}

int64_t graph_op_extent(const clrnn_tensor *tensor, int from, int to) {
    int64_t product = 1;
    for (int axis = from; axis < to; axis++) {
        product *= tensor->shape[axis];
    }
    return product;
}

float graph_op_settle(double value) {
    return value == value ? (float)value : NAN;
}

double graph_op_settle_wide(double value) {
    return value == value ? value : (double)NAN;
}
