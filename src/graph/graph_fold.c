/* graph_fold.c: nodes that give the same on every run, run once as the graph is put together. */
#include "graph/graph_ops.h"

#include <stdlib.h>
#include <string.h>

/* A node without inputs has nothing that could be constant. */
static int is_constant(const struct graph *graph, const struct graph_node *node) {
    int constants = 0;
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] >= 0 && graph_constant(graph, node->inputs[i]) == NULL) {
            return 0;
        }
        constants += node->inputs[i] >= 0;
    }
    return constants > 0 && node->op != GRAPH_NET && node->op != GRAPH_DENSE;
}

static void drop_last(struct graph *graph) {
    struct graph_node *node = &graph->nodes[--graph->node_count];
    free(node->name);
    free(node->inputs);
    free(node->outputs);
    memset(node, 0, sizeof *node);
}

clrnn_status graph_fold_last(int *folded, struct graph *graph, size_t limit) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor **inputs = NULL;
    struct graph_array *arrays = NULL;
    struct graph_array **outputs = NULL;
    int output_count = 0;
    *folded = 0;
    if (graph->node_count == 0 || !is_constant(graph, &graph->nodes[graph->node_count - 1])) {
        goto out;
    }
    const struct graph_node *node = &graph->nodes[graph->node_count - 1];
    inputs = calloc((size_t)node->input_count + 1, sizeof *inputs);
    arrays = calloc((size_t)node->output_count + 1, sizeof *arrays);
    outputs = calloc((size_t)node->output_count + 1, sizeof *outputs);
    REQUIRE(inputs != NULL && arrays != NULL && outputs != NULL, MEMORY,
            "graph: out of memory for a node of %d inputs and %d outputs", node->input_count,
            node->output_count);
    output_count = node->output_count;
    for (int i = 0; i < node->input_count; i++) {
        inputs[i] = graph_constant(graph, node->inputs[i]);
    }
    for (int i = 0; i < output_count; i++) {
        outputs[i] = node->outputs[i] >= 0 ? &arrays[i] : NULL;
    }
    status = graph_op_run_within(node, inputs, outputs, limit);
    /* All of it is from a file, so that is what is wrong. */
    REQUIRE(status == CLRNN_STATUS_OK || status == CLRNN_STATUS_MEMORY, FORMAT, "%s",
            clrnn_last_error()->message);
    TRY(status);
    for (int i = 0; i < output_count; i++) {
        if (outputs[i] != NULL) {
            graph->values[node->outputs[i]].constant = arrays[i].tensor;
            memset(&arrays[i], 0, sizeof arrays[i]); /* the graph has it now */
        }
    }
    drop_last(graph);
    *folded = 1;
out:
    for (int i = 0; i < output_count; i++) {
        graph_array_free(&arrays[i]);
    }
    free(inputs);
    free(arrays);
    free(outputs);
    return status;
}
