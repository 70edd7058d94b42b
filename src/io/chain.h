/*
 * chain.h: a chain of layers in named arrays: a config of version 2 and PyTorch's names; and linear
 * layers behind a PyTorch module, without a config.
 */
#ifndef CLRNN_IO_CHAIN_H
#define CLRNN_IO_CHAIN_H

#include "graph/graph.h"
#include "io/model.h"

/* 1: the arrays have a config of version 2. */
int chain_probe(const clrnn_arrays *arrays);
/* Its graph. The layout is the config's unless the options say otherwise. */
clrnn_status chain_read(struct graph **out, const struct model_source *source,
                        const clrnn_model_options *options);
/* Adds the config and the weights of a graph that is one chain of layers. Errors: FORMAT (which node
 * does not fit). */
clrnn_status chain_write(clrnn_arrays *into, const struct graph *graph);

/* 1: PyTorch's names of one recurrent module, and matrices beside it that are none of its own. */
int torch_linear_probe(const clrnn_arrays *arrays);
clrnn_status torch_linear_read(struct graph **out, const struct model_source *source,
                               const clrnn_model_options *options);

#endif
