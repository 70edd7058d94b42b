/* model_graph.c: the graph of a net, and its ports. */
#include "io/model_graph.h"

#include "core/net.h"

static void shape_port(struct graph_port *port, clrnn_dtype dtype, int rank, int64_t first,
                       int64_t second, int64_t third) {
    const int64_t shape[3] = {first, second, third};
    port->dtype = dtype;
    port->rank = rank;
    for (int axis = 0; axis < rank; axis++) {
        port->shape[axis] = shape[axis];
    }
}

static struct graph_port *newest_input(struct graph *graph) {
    return &graph->inputs[graph->input_count - 1];
}

static struct graph_port *newest_output(struct graph *graph) {
    return &graph->outputs[graph->output_count - 1];
}

clrnn_status model_graph_add_state(int *value, struct graph *graph, const char *name, int strands,
                                   int width) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(graph_add_input(value, graph, name));
    struct graph_port *port = newest_input(graph);
    shape_port(port, CLRNN_DTYPE_F32, 3, strands, -1, width);
    port->optional = 1;
    port->is_state = 1;
out:
    return status;
}

static clrnn_status add_optional(int *value, struct graph *graph, const char *name,
                                 clrnn_dtype dtype, int rank) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(graph_add_input(value, graph, name));
    shape_port(newest_input(graph), dtype, rank, -1, -1, -1);
    newest_input(graph)->optional = 1;
out:
    return status;
}

static clrnn_status give(struct graph *graph, const char *name, int value, int rank, int64_t first,
                         int64_t last, int is_state) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(graph_add_output(graph, name, value));
    if (rank == 2) {
        shape_port(newest_output(graph), CLRNN_DTYPE_F32, 2, first, last, 0);
    } else {
        shape_port(newest_output(graph), CLRNN_DTYPE_F32, 3, first, -1, last);
    }
    newest_output(graph)->is_state = is_state;
out:
    return status;
}

clrnn_status model_graph_of_net(struct graph **out, clrnn_net *net, const struct config *config,
                                int batch_first) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { X, MASK, LENGTHS, H_0, C_0, INPUTS };
    struct graph *graph = NULL;
    struct graph_node *node = NULL;
    int inputs[INPUTS] = {-1, -1, -1, -1, -1};
    const clrnn_layer_desc *last = &net->desc.layers[net->desc.num_layers - 1];
    const int features = clrnn_layer_outputs(last);
    const int is_uniform = net_is_uniform(net);
    const int has_cells = is_uniform && clrnn_layer_states(last) == 2;
    TRY(graph_create(&graph));
    graph->batch_axis = batch_first ? 0 : 1;
    TRY(graph_add_input(&inputs[X], graph, "x"));
    shape_port(newest_input(graph), CLRNN_DTYPE_F32, 3, -1, -1, net->desc.inputs);
    TRY(add_optional(&inputs[MASK], graph, "mask", CLRNN_DTYPE_BOOL, 2));
    TRY(add_optional(&inputs[LENGTHS], graph, "lengths", CLRNN_DTYPE_I64, 1));
    if (is_uniform) {
        TRY(model_graph_add_state(&inputs[H_0], graph, "h_0", net->strand_count,
                                  clrnn_layer_width(last)));
    }
    if (has_cells) {
        TRY(model_graph_add_state(&inputs[C_0], graph, "c_0", net->strand_count, last->hidden));
    }
    TRY(graph_add_node(&node, graph, GRAPH_NET, NULL, inputs, INPUTS, has_cells ? 3 : 2));
    node->batch_first = batch_first;
    node->last_only = config->last_only;
    TRY(give(graph, "output", node->outputs[0], config->last_only ? 2 : 3, -1, features, 0));
    if (is_uniform) {
        TRY(give(graph, "h_n", node->outputs[1], 3, net->strand_count, clrnn_layer_width(last), 1));
    }
    if (has_cells) {
        TRY(give(graph, "c_n", node->outputs[2], 3, net->strand_count, last->hidden, 1));
    }
    node->net = net;
    *out = graph;
    graph = NULL;
out:
    graph_free(graph);
    return status;
}
