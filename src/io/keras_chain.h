/*
 * keras_chain.h: the layers of a functional model that is one chain, in its order.
 *
 * Keras 3 puts masks into a functional model as ops of their own (NotEqual, Any), and names one wherever a
 * layer takes it. Here they are held against the mask that the chain has there anyway, and left out.
 */
#ifndef CLRNN_IO_KERAS_CHAIN_H
#define CLRNN_IO_KERAS_CHAIN_H

#include "core/status.h"

#include <jansson.h>

/* A list of the layers, to be released; `outputs`: how many the model gives of its last layer, 1 or 2. FORMAT
 * names the layer that is no part of a chain, or is called with what would change its results. */
clrnn_status keras_chain(json_t **out, int *outputs, const json_t *model, const char *label);

#endif
