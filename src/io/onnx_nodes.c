/*
 * onnx_nodes.c: ops that move data, brought into the form of graph_op.h.
 *
 * Older opsets say as attributes what newer ones take as inputs; here it always becomes an input.
 */
#include "io/onnx_nodes.h"

#ifdef WITH_PROTOBUF

#include <stdlib.h>
#include <string.h>

clrnn_status onnx_nodes_emit(struct onnx_node *node, const struct graph_node *like,
                             const int *inputs, int input_count) {
    clrnn_status status = CLRNN_STATUS_OK;
    int output;
    TRY(onnx_emit_one(&output, node, like, inputs, input_count));
    TRY(onnx_bind(node, 0, output));
out:
    return status;
}

/* ---- as they are ----------------------------------------------------------------------------- */

clrnn_status onnx_nodes_plain(struct onnx_node *node) {
    const struct graph_node like = {.op = node->op->op};
    return onnx_nodes_emit(node, &like, node->inputs, node->input_count);
}

clrnn_status onnx_nodes_identity(struct onnx_node *node) {
    return onnx_bind(node, 0, node->inputs[0]);
}

/* Concat must be told its axis, others have a default. */
clrnn_status onnx_nodes_concat(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node like = {.op = node->op->op};
    const Onnx__AttributeProto *axis;
    TRY(onnx_attribute(&axis, node, "axis", ONNX_INT));
    REQUIRE(axis != NULL, FORMAT, "%s: needs the attribute axis", node->label);
    like.axis = axis->i;
    TRY(onnx_nodes_emit(node, &like, node->inputs, node->input_count));
out:
    return status;
}

clrnn_status onnx_nodes_gather(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node like = {.op = node->op->op};
    TRY(onnx_get_int(&like.axis, node, "axis", 0));
    TRY(onnx_nodes_emit(node, &like, node->inputs, node->input_count));
out:
    return status;
}

clrnn_status onnx_nodes_flatten(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node like = {.op = node->op->op};
    TRY(onnx_get_int(&like.axis, node, "axis", 1));
    TRY(onnx_nodes_emit(node, &like, node->inputs, node->input_count));
out:
    return status;
}

clrnn_status onnx_nodes_transpose(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node like = {.op = node->op->op};
    TRY(onnx_get_ints(like.list, &like.list_count, node, "perm"));
    like.list_count = like.list_count < 0 ? 0 : like.list_count;
    TRY(onnx_nodes_emit(node, &like, node->inputs, node->input_count));
out:
    return status;
}

clrnn_status onnx_nodes_reshape(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node like = {.op = node->op->op};
    TRY(onnx_get_flag(&like.flag, node, "allowzero", 0));
    TRY(onnx_nodes_emit(node, &like, node->inputs, node->input_count));
out:
    return status;
}

clrnn_status onnx_nodes_cast(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { FLOAT16 = 10 };
    struct graph_node like = {.op = node->op->op};
    const Onnx__AttributeProto *to;
    int saturate; /* is for types of 8 bits, which are not supported */
    TRY(onnx_attribute(&to, node, "to", ONNX_INT));
    REQUIRE(to != NULL, FORMAT, "%s: needs the attribute to", node->label);
    REQUIRE(to->i >= 0 && to->i <= INT32_MAX, FORMAT, "%s: there is no type %lld", node->label,
            (long long)to->i);
    TRY(onnx_dtype(&like.to, (int32_t)to->i, node->label, "to"));
    REQUIRE(to->i < FLOAT16 || like.to != CLRNN_DTYPE_F32, FORMAT,
            "%s: rounding to %s is not supported", node->label, onnx_type_name((int32_t)to->i));
    if (node->reader->opset >= 19) {
        TRY(onnx_get_flag(&saturate, node, "saturate", 1));
    }
    TRY(onnx_nodes_emit(node, &like, node->inputs, node->input_count));
out:
    return status;
}

/* ---- attributes that became inputs ----------------------------------------------------------- */

/* The list that is an attribute up to the opset before `since`, and then an input: its value in
 * *out, -1: it is not there. */
static clrnn_status take_list(int *out, struct onnx_node *node, const char *name, int input,
                              int since) {
    clrnn_status status = CLRNN_STATUS_OK;
    int64_t list[CLRNN_MAX_RANK];
    int count;
    *out = onnx_input(node, input);
    if (node->reader->opset < since) {
        REQUIRE(*out < 0, FORMAT, "%s: %s is an attribute before opset %d, got an input",
                node->label, name, since);
        TRY(onnx_get_ints(list, &count, node, name));
        if (count >= 0) {
            TRY(onnx_add_list(out, node, list, count));
        }
    }
out:
    return status;
}

/* As few inputs as say the same. */
static int without_trailing(const int *inputs, int count) {
    while (count > 0 && inputs[count - 1] < 0) {
        count--;
    }
    return count;
}

clrnn_status onnx_nodes_squeeze(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph_node like = {.op = node->op->op};
    int inputs[2] = {node->inputs[0], -1};
    TRY(take_list(&inputs[1], node, "axes", 1, 13));
    REQUIRE(inputs[1] >= 0 || node->op->op == GRAPH_SQUEEZE, FORMAT, "%s: needs axes", node->label);
    TRY(onnx_nodes_emit(node, &like, inputs, without_trailing(inputs, 2)));
out:
    return status;
}

clrnn_status onnx_nodes_slice(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { X, STARTS, ENDS, AXES, STEPS, INPUTS };
    const struct graph_node like = {.op = node->op->op};
    int inputs[INPUTS] = {node->inputs[0], -1, -1, -1, onnx_input(node, STEPS)};
    TRY(take_list(&inputs[STARTS], node, "starts", STARTS, 10));
    TRY(take_list(&inputs[ENDS], node, "ends", ENDS, 10));
    TRY(take_list(&inputs[AXES], node, "axes", AXES, 10));
    REQUIRE(inputs[STARTS] >= 0 && inputs[ENDS] >= 0, FORMAT, "%s: needs starts and ends",
            node->label);
    REQUIRE(inputs[STEPS] < 0 || node->reader->opset >= 10, FORMAT,
            "%s: has no steps before opset 10", node->label);
    TRY(onnx_nodes_emit(node, &like, inputs, without_trailing(inputs, INPUTS)));
out:
    return status;
}

clrnn_status onnx_nodes_split(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node like = {.op = node->op->op};
    int inputs[2] = {node->inputs[0], -1};
    int64_t parts = node->output_count;
    int *outputs = calloc((size_t)node->output_count, sizeof *outputs);
    REQUIRE(outputs != NULL, MEMORY, "%s: out of memory", node->label);
    TRY(onnx_get_int(&like.axis, node, "axis", 0));
    TRY(take_list(&inputs[1], node, "split", 1, 13));
    if (node->reader->opset >= 18) {
        TRY(onnx_get_int(&parts, node, "num_outputs", parts));
    }
    REQUIRE(parts == node->output_count, FORMAT, "%s: num_outputs is %lld, but it has %d",
            node->label, (long long)parts, node->output_count);
    TRY(onnx_emit(outputs, node, &like, inputs, without_trailing(inputs, 2), node->output_count));
    for (int i = 0; i < node->output_count; i++) {
        TRY(onnx_bind(node, i, outputs[i]));
    }
out:
    free(outputs);
    return status;
}

clrnn_status onnx_nodes_reduce(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node like = {.op = node->op->op};
    const int since = like.op == GRAPH_REDUCE_SUM ? 13 : 18;
    int inputs[2] = {node->inputs[0], -1};
    int noop = 0;
    TRY(onnx_get_flag(&like.flag, node, "keepdims", 1));
    TRY(take_list(&inputs[1], node, "axes", 1, since));
    if (node->reader->opset >= since) {
        TRY(onnx_get_flag(&noop, node, "noop_with_empty_axes", 0));
    }
    const clrnn_tensor *axes = graph_constant(node->reader->graph, inputs[1]);
    REQUIRE(inputs[1] < 0 || axes != NULL, FORMAT, "%s: axes that are computed are not supported",
            node->label);
    if (axes != NULL && clrnn_tensor_count(axes) == 0) {
        inputs[1] = -1;
    }
    if (noop && inputs[1] < 0) {
        TRY(onnx_bind(node, 0, inputs[0]));
    } else {
        TRY(onnx_nodes_emit(node, &like, inputs, without_trailing(inputs, 2)));
    }
out:
    return status;
}

#endif
