/* keras_read.h: the layers of a Keras model, from a file that has been opened. */
#ifndef CLRNN_IO_KERAS_READ_H
#define CLRNN_IO_KERAS_READ_H

#include "graph/graph.h"
#include "io/keras_file.h"

clrnn_status keras_read_file(struct graph **out, struct keras_file *file);

#endif
