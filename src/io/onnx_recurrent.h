/* onnx_recurrent.h: what the parts of reading RNN, LSTM and GRU share. */
#ifndef CLRNN_IO_ONNX_RECURRENT_H
#define CLRNN_IO_ONNX_RECURRENT_H

#include "io/onnx_read.h"

#ifdef WITH_PROTOBUF

/* activations, activation_alpha, activation_beta of a layer whose cell and direction are set. */
clrnn_status onnx_acts_read(clrnn_layer_desc *layer, struct onnx_node *node);

#endif
#endif
