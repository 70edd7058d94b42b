/* onnx_emit.c: nodes and constants that a node of the file becomes. */
#include "io/onnx_read.h"

#ifdef WITH_PROTOBUF

#include <stdlib.h>
#include <string.h>

int onnx_input(const struct onnx_node *node, int input) {
    return input < node->input_count ? node->inputs[input] : -1;
}

int onnx_wants_output(const struct onnx_node *node, int output) {
    return output < node->output_count && node->proto->output[output][0] != '\0';
}

int onnx_take_weights(struct onnx_reader *reader, int64_t count) {
    if ((uint64_t)count > reader->nets_left / sizeof(float)) {
        return 0;
    }
    reader->nets_left -= (size_t)count * sizeof(float);
    return 1;
}

clrnn_status onnx_bind(struct onnx_node *node, int output, int value) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (onnx_wants_output(node, output)) {
        const char *text = node->proto->output[output];
        struct onnx_name *name = onnx_names_find(&node->reader->names, text);
        REQUIRE(name != NULL, FORMAT, "%s: output '%.80s' has no place", node->label, text);
        name->value = value;
        struct graph_value *bound = value >= 0 ? &node->reader->graph->values[value] : NULL;
        if (bound != NULL && bound->name == NULL) {
            const size_t size = strlen(text) + 1;
            bound->name = malloc(size);
            REQUIRE(bound->name != NULL, MEMORY, "%s: out of memory for a name", node->label);
            memcpy(bound->name, text, size);
        }
    }
out:
    return status;
}

/* ---- constants ------------------------------------------------------------------------------- */

clrnn_status onnx_add_list(int *out, struct onnx_node *node, const int64_t *list, int count) {
    const clrnn_tensor tensor = {
        .data = (void *)list, .dtype = CLRNN_DTYPE_I64, .rank = 1, .shape = {count}};
    return graph_add_constant(out, node->reader->graph, NULL, &tensor);
}

clrnn_status onnx_add_float(int *out, struct onnx_node *node, float value) {
    const clrnn_tensor tensor = {.data = &value, .dtype = CLRNN_DTYPE_F32};
    return graph_add_constant(out, node->reader->graph, NULL, &tensor);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* What running a node takes, in elements, roughly; 0: its inputs are not all known. */
static size_t cost_of(const struct graph *graph, const struct graph_node *node) {
    size_t cost = 1;
    for (int i = 0; i < node->input_count; i++) {
        const clrnn_tensor *tensor = graph_constant(graph, node->inputs[i]);
        if (tensor == NULL && node->inputs[i] >= 0) {
            return 0;
        }
        cost += tensor != NULL ? (size_t)clrnn_tensor_count(tensor) : 0;
    }
    if (node->op == GRAPH_MATMUL && node->input_count == 2) {
        const clrnn_tensor *a = graph_constant(graph, node->inputs[0]);
        const clrnn_tensor *b = graph_constant(graph, node->inputs[1]);
        if (a != NULL && b != NULL && b->rank > 0) {
            const size_t columns = (size_t)b->shape[b->rank - 1], count = cost;
            cost = columns > 0 && count > SIZE_MAX / columns ? SIZE_MAX : count * columns;
        }
    }
    return cost;
}

/* What is known is computed now, as long as that takes no more than the file's size allows. */
static clrnn_status fold(struct onnx_node *node, const int *outputs, int output_count) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_reader *reader = node->reader;
    struct graph *graph = reader->graph;
    const size_t cost = cost_of(graph, &graph->nodes[graph->node_count - 1]);
    int folded = 0;
    if (cost == 0 || cost > reader->work_left) {
        goto out;
    }
    reader->work_left -= cost;
    status = graph_fold_last(&folded, graph, reader->bytes_left);
    REQUIRE(status == CLRNN_STATUS_OK || status == CLRNN_STATUS_MEMORY, FORMAT, "%s: %s",
            node->reader->label, clrnn_last_error()->message);
    TRY(status);
    for (int i = 0; folded && i < output_count; i++) {
        const clrnn_tensor *tensor = graph_constant(graph, outputs[i]);
        const size_t bytes =
            tensor != NULL ? (size_t)clrnn_tensor_count(tensor) * clrnn_dtype_size(tensor->dtype)
                           : 0;
        reader->bytes_left -= bytes < reader->bytes_left ? bytes : reader->bytes_left;
    }
out:
    return status;
}

clrnn_status onnx_emit(int *outputs, struct onnx_node *node, const struct graph_node *like,
                       const int *inputs, int input_count, int output_count) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *added;
    TRY(graph_add_node(&added, node->reader->graph, like->op, node->name, inputs, input_count,
                       output_count));
    added->axis = like->axis;
    memcpy(added->list, like->list, sizeof added->list);
    added->list_count = like->list_count;
    added->flag = like->flag;
    added->act = like->act;
    added->to = like->to;
    added->layer = onnx_op_number(node->op);
    for (int i = 0; i < output_count; i++) {
        outputs[i] = added->outputs[i];
    }
    TRY(fold(node, outputs, output_count));
out:
    return status;
}

clrnn_status onnx_emit_one(int *output, struct onnx_node *node, const struct graph_node *like,
                           const int *inputs, int input_count) {
    return onnx_emit(output, node, like, inputs, input_count, 1);
}

#endif
