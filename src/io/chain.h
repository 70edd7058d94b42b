/*
 * chain.h: a chain of layers in named arrays: a config of version 2 and PyTorch's names; and linear
 * layers behind a PyTorch module, without a config.
 */
#ifndef CLRNN_IO_CHAIN_H
#define CLRNN_IO_CHAIN_H

#include "graph/graph.h"
#include "io/model.h"

enum { CHAIN_MOST = 1024 }; /* entries */
#define CHAIN_ENTRIES "a list of 1 to 1024 entries"

/* 1: the arrays have a config of version 2. Errors: FORMAT (a config that is no JSON), MEMORY. */
clrnn_status chain_probe(int *out, const struct model_source *source);
/* Its graph. The layout is the config's unless the options say otherwise. */
clrnn_status chain_read(struct graph **out, const struct model_source *source,
                        const clrnn_model_options *options);
/* Adds the config and the weights of a graph that is one chain of layers; `code` has the names of what
 * custom parts run, or is NULL. Names that no config could have, or two, are made into others. Errors:
 * FORMAT (which node does not fit), ARGUMENT (a config of more than is read). */
clrnn_status chain_write(clrnn_arrays *into, const struct graph *graph,
                         const struct config_code *code);

/* 1: PyTorch's names of one recurrent module, and matrices beside it that are none of its own. */
int torch_linear_probe(const clrnn_arrays *arrays);
clrnn_status torch_linear_read(struct graph **out, const struct model_source *source,
                               const clrnn_model_options *options);

#endif
