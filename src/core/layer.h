/* layer.h: what a layer's desc means: its sizes, its activations, and what it may not ask for. */
#ifndef CLRNN_CORE_LAYER_H
#define CLRNN_CORE_LAYER_H

#include "core/status.h"

/* Refuses options that the cell does not have and values out of range; `index` is for messages. */
clrnn_status layer_check(const clrnn_layer_desc *layer, int index);

/* Activations of the cell: rnn 1, lstm 5, gru 3, custom 0. */
int layer_slots(const clrnn_layer_desc *layer);

/* The activations of a direction (0: the first), DEFAULT and missing parameters filled in. */
void layer_resolve_acts(clrnn_activation out[CLRNN_MAX_ACTS], const clrnn_layer_desc *layer,
                        int direction);

#endif
