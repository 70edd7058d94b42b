/*
 * model.h: a net from a file, and what must be remembered to write the file again.
 *
 * One layer and one direction. What the arrays of a file are called decides which reader takes it.
 */
#ifndef CLRNN_IO_MODEL_H
#define CLRNN_IO_MODEL_H

#include "core/status.h"

struct model_format;

struct clrnn_model {
    clrnn_net *net;
    const struct model_format *format;
    char *prefix; /* of the names in the file, with its '.': "rnn." or "" */
    int has_bias;
    int64_t params; /* numbers stored in the file */
};

/* As clrnn_model_load, from arrays in memory; `path` is for messages. */
clrnn_status model_read(clrnn_model **out, const clrnn_arrays *arrays, const char *path,
                        clrnn_nonlinearity nonlinearity);

#endif
