/*
 * model_graph.h: a net as a graph of one node, so that sessions and writers know graphs alone.
 */
#ifndef CLRNN_IO_MODEL_GRAPH_H
#define CLRNN_IO_MODEL_GRAPH_H

#include "graph/graph.h"
#include "io/model.h"

/* Inputs x, lengths, mask (of a config), h_0, c_0; outputs output, h_n, c_n. Takes over the net when it
 * succeeds. Layers are left out: clrnn_model_layer knows more of a net than a graph says. */
clrnn_status model_graph_of_net(struct graph **out, clrnn_net *net, const struct config *config,
                                int batch_first);

/* A port of states [S][N][width] for both ends, is_state. */
clrnn_status model_graph_add_state(int *value, struct graph *graph, const char *name, int strands,
                                   int width);

#endif
