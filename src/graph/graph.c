/* graph.c: putting a graph together, and taking it apart. */
#include "graph/graph.h"

#include "core/tensor.h"

#include <stdlib.h>
#include <string.h>

const char *graph_op_name(enum graph_op op) {
    static const char *const names[] = {
#define GRAPH_OP_TEXT(name, text) [GRAPH_##name] = text,
        GRAPH_OP_LIST(GRAPH_OP_TEXT)
#undef GRAPH_OP_TEXT
    };
    return (unsigned)op < GRAPH_OP_COUNT ? names[op] : "unknown";
}

clrnn_status graph_create(struct graph **out) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = calloc(1, sizeof **out);
    REQUIRE(*out != NULL, MEMORY, "graph: out of memory");
    (*out)->batch_axis = -1;
out:
    return status;
}

static void free_port(struct graph_port *port) {
    free(port->name);
}

void graph_free(struct graph *graph) {
    if (graph == NULL) {
        return;
    }
    for (int i = 0; i < graph->value_count; i++) {
        free(graph->values[i].name);
        free(graph->values[i].constant.data);
    }
    for (int i = 0; i < graph->node_count; i++) {
        struct graph_node *node = &graph->nodes[i];
        free(node->name);
        free(node->inputs);
        free(node->outputs);
        clrnn_net_free(node->net);
    }
    for (int i = 0; i < graph->input_count; i++) {
        free_port(&graph->inputs[i]);
    }
    for (int i = 0; i < graph->output_count; i++) {
        free_port(&graph->outputs[i]);
    }
    for (int i = 0; i < graph->layer_count; i++) {
        free(graph->layers[i].name);
        free(graph->layers[i].type);
    }
    free(graph->values);
    free(graph->nodes);
    free(graph->inputs);
    free(graph->outputs);
    free(graph->layers);
    free(graph);
}

/* Room for one more item at the end of a list, zeroed. */
static clrnn_status grow(void **items, int count, int *room, size_t size) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { MOST = 1 << 24 }; /* far more than any file within its size limits describes */
    if (count == *room) {
        const int wider = *room > 0 ? 2 * *room : 8;
        REQUIRE(wider <= MOST, SHAPE, "graph: more than %d items", MOST);
        void *moved = realloc(*items, (size_t)wider * size);
        REQUIRE(moved != NULL, MEMORY, "graph: out of memory for %d items", wider);
        *items = moved;
        *room = wider;
    }
    memset((char *)*items + (size_t)count * size, 0, size);
out:
    return status;
}

static clrnn_status copy_name(char **out, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = NULL;
    if (name != NULL) {
        const size_t size = strlen(name) + 1;
        *out = malloc(size);
        REQUIRE(*out != NULL, MEMORY, "graph: out of memory for a name");
        memcpy(*out, name, size);
    }
out:
    return status;
}

clrnn_status graph_add_value(int *out, struct graph *graph, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(grow((void **)&graph->values, graph->value_count, &graph->value_room,
             sizeof *graph->values));
    TRY(copy_name(&graph->values[graph->value_count].name, name));
    *out = graph->value_count++;
out:
    return status;
}

clrnn_status graph_own_constant(int *out, struct graph *graph, const char *name,
                                const clrnn_tensor *tensor) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(graph_add_value(out, graph, name));
    graph->values[*out].constant = *tensor;
out:
    return status;
}

clrnn_status graph_add_constant(int *out, struct graph *graph, const char *name,
                                const clrnn_tensor *tensor) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t bytes = (size_t)clrnn_tensor_count(tensor) * clrnn_dtype_size(tensor->dtype);
    clrnn_tensor copy = {.dtype = tensor->dtype, .rank = tensor->rank};
    memcpy(copy.shape, tensor->shape, sizeof copy.shape);
    copy.data = malloc(bytes > 0 ? bytes : 1);
    REQUIRE(copy.data != NULL, MEMORY, "graph: out of memory for a constant of %zu bytes", bytes);
    if (bytes > 0) {
        memcpy(copy.data, (const char *)tensor->data + tensor->offset, bytes);
    }
    TRY(graph_own_constant(out, graph, name, &copy));
    copy.data = NULL;
out:
    free(copy.data);
    return status;
}

clrnn_status graph_add_input(int *value, struct graph *graph, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(graph_add_value(value, graph, name));
    TRY(grow((void **)&graph->inputs, graph->input_count, &graph->input_room,
             sizeof *graph->inputs));
    struct graph_port *port = &graph->inputs[graph->input_count];
    TRY(copy_name(&port->name, name));
    port->value = *value;
    port->rank = -1;
    graph->input_count++;
out:
    return status;
}

clrnn_status graph_add_output(struct graph *graph, const char *name, int value) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(grow((void **)&graph->outputs, graph->output_count, &graph->output_room,
             sizeof *graph->outputs));
    struct graph_port *port = &graph->outputs[graph->output_count];
    TRY(copy_name(&port->name, name));
    port->value = value;
    port->rank = -1;
    graph->output_count++;
out:
    return status;
}

clrnn_status graph_add_layer(int *out, struct graph *graph, const char *name, const char *type) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(grow((void **)&graph->layers, graph->layer_count, &graph->layer_room,
             sizeof *graph->layers));
    struct graph_layer *layer = &graph->layers[graph->layer_count];
    layer->rank = -1;
    TRY(copy_name(&layer->name, name));
    *out = graph->layer_count++; /* graph_free has the name from here on */
    TRY(copy_name(&layer->type, type));
out:
    return status;
}

clrnn_status graph_add_node(struct graph_node **out, struct graph *graph, enum graph_op op,
                            const char *name, const int *inputs, int input_count,
                            int output_count) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(grow((void **)&graph->nodes, graph->node_count, &graph->node_room, sizeof *graph->nodes));
    struct graph_node *node = &graph->nodes[graph->node_count++]; /* graph_free has it now */
    node->op = op;
    node->layer = graph->layer_count - 1;
    TRY(copy_name(&node->name, name));
    node->inputs = calloc((size_t)input_count + 1, sizeof *node->inputs);
    node->outputs = calloc((size_t)output_count + 1, sizeof *node->outputs);
    REQUIRE(node->inputs != NULL && node->outputs != NULL, MEMORY,
            "graph: out of memory for a node of %d inputs and %d outputs", input_count,
            output_count);
    for (int i = 0; i < input_count; i++) {
        node->inputs[i] = inputs[i];
    }
    node->input_count = input_count;
    for (int i = 0; i < output_count; i++) {
        TRY(graph_add_value(&node->outputs[i], graph, NULL));
        node->output_count = i + 1;
    }
    *out = node;
out:
    return status;
}

const clrnn_tensor *graph_constant(const struct graph *graph, int value) {
    return value >= 0 && graph->values[value].constant.data != NULL ? &graph->values[value].constant
                                                                    : NULL;
}

int graph_uses(const struct graph *graph, int value) {
    int uses = 0;
    for (int i = 0; i < graph->node_count; i++) {
        for (int k = 0; k < graph->nodes[i].input_count; k++) {
            uses += graph->nodes[i].inputs[k] == value;
        }
    }
    for (int i = 0; i < graph->output_count; i++) {
        uses += graph->outputs[i].value == value;
    }
    return uses;
}
