/* keras_summary.c: what Keras's summary shows of a model and a chain of steps does not have. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/keras_reading.h"

#include <string.h>

/* Puts a layer that has no step among the others, with the shape of the one before it or of the input. */
static clrnn_status insert_layer(struct graph *graph, int at, const char *name, const char *type) {
    clrnn_status status = CLRNN_STATUS_OK;
    int index;
    TRY(graph_add_layer(&index, graph, name, type));
    struct graph_layer added = graph->layers[index];
    memmove(graph->layers + at + 1, graph->layers + at,
            (size_t)(index - at) * sizeof *graph->layers);
    const struct graph_port *x = &graph->inputs[0];
    const struct graph_layer *before = &graph->layers[at > 0 ? at - 1 : 0];
    added.rank = at > 0 ? before->rank : x->rank;
    memcpy(added.shape, at > 0 ? before->shape : x->shape, sizeof added.shape);
    graph->layers[at] = added;
    for (int node = 0; node < graph->node_count; node++) {
        graph->nodes[node].layer += graph->nodes[node].layer >= at;
    }
out:
    return status;
}

/* Layers that compute nothing stand in Keras's summary, too; a functional model's begins with its input. */
clrnn_status keras_summary_silent(struct graph *graph, const struct keras_reading *reading) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int i = 0; i < reading->silent_count; i++) {
        /* the layers that were added before, and how many layers the steps before it make */
        int at = i;
        for (int step = 0; step < reading->silent[i].before; step++) {
            at += reading->steps.steps[step].is_own_layer;
        }
        TRY(insert_layer(graph, at, reading->silent[i].name, reading->silent[i].type));
    }
    if (reading->is_functional) {
        TRY(insert_layer(graph, 0, reading->steps.input, "InputLayer"));
    }
out:
    return status;
}

/* Parameters that are not trained count apart. */
void keras_summary_frozen(struct graph *graph, const struct keras_reading *reading, int has_none) {
    for (int k = 0; k < graph->layer_count; k++) {
        struct graph_layer *layer = &graph->layers[k];
        for (int i = 0; i < reading->frozen_count; i++) {
            if (strcmp(layer->name, reading->frozen[i].name) == 0) {
                layer->trainable = layer->params - reading->frozen[i].params;
            }
        }
        layer->trainable = has_none ? 0 : layer->trainable;
    }
}
