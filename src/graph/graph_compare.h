/*
 * graph_compare.h: do two graphs hold the same layers with the same weights?
 *
 * What a conversion must keep, whatever stands round the layers in either format: recurrent and dense
 * layers and embeddings, in their order, bit for bit. A stack may be one node or several.
 */
#ifndef CLRNN_GRAPH_GRAPH_COMPARE_H
#define CLRNN_GRAPH_GRAPH_COMPARE_H

#include "graph/graph.h"

/* FORMAT with the first difference. Biases that are not there count as 0; with merged, the sum of both
 * biases is compared. */
clrnn_status graph_compare(const struct graph *a, const struct graph *b, int merged);

#endif
