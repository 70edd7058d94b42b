/*
 * onnx.h: ONNX models, opset 7 to 22.
 */
#ifndef CLRNN_IO_ONNX_H
#define CLRNN_IO_ONNX_H

#include "graph/graph.h"
#include "io/write_options.h"

/* 1: the beginning of a ModelProto. */
int onnx_probe(const unsigned char *bytes, size_t size);

/* The model in a file's bytes; `path` is for messages. Errors: FORMAT (what is wrong, or which op or
 * attribute is not supported, by name), MEMORY, UNSUPPORTED (built without protobuf-c). */
clrnn_status onnx_read(struct graph **out, const unsigned char *bytes, size_t size,
                       const char *path);

/* A ModelProto of a graph, to be freed by the caller. Errors: FORMAT (what ONNX has no equivalent for,
 * by name), MEMORY, UNSUPPORTED. */
clrnn_status onnx_write(unsigned char **out, size_t *size, const struct graph *graph,
                        const struct write_options *options);

#endif
