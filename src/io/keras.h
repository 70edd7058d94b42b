/*
 * keras.h: Keras models: .keras archives (Keras 3) and HDF5 files as Keras 2 and 3 write them.
 */
#ifndef CLRNN_IO_KERAS_H
#define CLRNN_IO_KERAS_H

#include "graph/graph.h"
#include "io/write_options.h"

/* 1: a zip with model.weights.h5 or config.json and metadata.json, or an HDF5 file. */
int keras_probe(const unsigned char *bytes, size_t size);

/* The model in a file's bytes; `path` is for messages. Errors: FORMAT (what is wrong or which layer,
 * option or activation is not supported, by name), MEMORY, UNSUPPORTED (built without HDF5). */
clrnn_status keras_read(struct graph **out, const unsigned char *bytes, size_t size,
                        const char *path);

/* A .keras archive of a graph that is one chain of layers, to be freed by the caller. Errors: FORMAT
 * (what Keras has no equivalent for, by name), MEMORY, UNSUPPORTED. */
clrnn_status keras_write(unsigned char **out, size_t *size, const struct graph *graph,
                         const struct write_options *options);

#endif
