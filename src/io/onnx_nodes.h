/* onnx_nodes.h: how nodes round recurrent layers are read; the table of them is in onnx_ops.c. */
#ifndef CLRNN_IO_ONNX_NODES_H
#define CLRNN_IO_ONNX_NODES_H

#include "io/onnx_read.h"

#ifdef WITH_PROTOBUF

/* One node with one output, which is the first of the file's node. */
clrnn_status onnx_nodes_emit(struct onnx_node *node, const struct graph_node *like,
                             const int *inputs, int input_count);

clrnn_status onnx_nodes_plain(struct onnx_node *node); /* takes no attribute */
clrnn_status onnx_nodes_identity(struct onnx_node *node);
clrnn_status onnx_nodes_concat(struct onnx_node *node);
clrnn_status onnx_nodes_gather(struct onnx_node *node);
clrnn_status onnx_nodes_flatten(struct onnx_node *node);
clrnn_status onnx_nodes_transpose(struct onnx_node *node);
clrnn_status onnx_nodes_reshape(struct onnx_node *node);
clrnn_status onnx_nodes_cast(struct onnx_node *node);
clrnn_status onnx_nodes_squeeze(struct onnx_node *node); /* and unsqueeze */
clrnn_status onnx_nodes_slice(struct onnx_node *node);
clrnn_status onnx_nodes_split(struct onnx_node *node);
clrnn_status onnx_nodes_reduce(struct onnx_node *node);

clrnn_status onnx_nodes_activation(struct onnx_node *node);
clrnn_status onnx_nodes_gelu(struct onnx_node *node);
clrnn_status onnx_nodes_clip(struct onnx_node *node);
clrnn_status onnx_nodes_softmax(struct onnx_node *node); /* and its logarithm */
clrnn_status onnx_nodes_gemm(struct onnx_node *node);
clrnn_status onnx_nodes_dropout(struct onnx_node *node);
clrnn_status onnx_nodes_constant(struct onnx_node *node);
clrnn_status onnx_nodes_constant_of_shape(struct onnx_node *node);
clrnn_status onnx_nodes_shape(struct onnx_node *node);
clrnn_status onnx_nodes_size(struct onnx_node *node);

#endif
#endif
