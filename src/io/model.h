/*
 * model.h: what is in a model file, and what must be remembered to write the file again.
 *
 * Keras and ONNX files, chains of a config and linear layers behind a PyTorch module are graphs, made by
 * readers of their own. Any other file is a net: what its arrays are called decides which row of the
 * table of formats reads it: the format says what net it is (a config, in the sense of config.h),
 * model_options.h takes what the caller adds, and model_weights.h the weights.
 */
#ifndef CLRNN_IO_MODEL_H
#define CLRNN_IO_MODEL_H

#include "graph/graph.h"
#include "io/config.h"

struct model_source {
    const clrnn_arrays *arrays;
    const char *path; /* for messages */
};

struct model_format {
    const char *name;  /* of clrnn_model_info */
    const char *title; /* for messages */
    int (*probe)(const clrnn_arrays *arrays);
    /* Which net the arrays are the weights of. */
    clrnn_status (*read)(struct config *config, const struct model_source *source);
    const char *const
        *role_names; /* of the weights by role; NULL: the prefix and PyTorch's names */
    const char *missing, *unknown; /* what is wrong with an array of the net that is not in the
                                      file, and with one of the file that the net does not have */
};

extern const struct model_format model_config, model_lesson, model_torch;

/* "LSTM", "Bidirectional GRU": the type of a layer, for listings. */
const char *model_type_name(clrnn_cell cell, int both);

/* 1: PyTorch calls a weight of a recurrent module so. */
int model_torch_owns(const char *name);

struct clrnn_model {
    const char *name;                  /* of clrnn_model_info.format */
    const struct model_format *format; /* of a net from named arrays; else NULL */
    struct config config;              /* of such a net */
    struct graph *graph;               /* always */
    clrnn_net *net;          /* the graph's, where it is that net and no more; else NULL */
    clrnn_snippet *snippets; /* of a chain: copies of what its reader was given */
    size_t snippet_count;
};

/* As clrnn_model_load, from arrays in memory; `path` is for messages. */
clrnn_status model_read(clrnn_model **out, const clrnn_arrays *arrays, const char *path,
                        const clrnn_model_options *options);

#endif
