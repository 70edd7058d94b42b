/*
 * keras_weights.h: Keras's kernels as PyTorch's weights.
 *
 *     kernel [I][G H], recurrent_kernel [H][G H], bias [G H]; a reset-after GRU's bias is [2][3 H]
 *     gates of an LSTM i, f, c, o; of a GRU z, r, h
 */
#ifndef CLRNN_IO_KERAS_WEIGHTS_H
#define CLRNN_IO_KERAS_WEIGHTS_H

#include "io/keras_file.h"

/* Sets the weights of a net's layer and direction from a part of the layer in hand; is_frozen: as
 * keras_file_take has it. */
clrnn_status keras_weights_cell(clrnn_net *net, int layer, int direction, struct keras_file *file,
                                const char *part, int is_frozen);
/* Of a net of one dense layer: kernel [I][F], bias [F]. */
clrnn_status keras_weights_dense(clrnn_net *net, struct keras_file *file, const char *part);

#endif
