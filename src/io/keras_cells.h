/* keras_cells.h: what the config of a recurrent layer of Keras's says: its cells, and how it runs. */
#ifndef CLRNN_IO_KERAS_CELLS_H
#define CLRNN_IO_KERAS_CELLS_H

#include "core/net.h"
#include "io/keras_config.h"

/* Options of a cell, whether it stands alone or in a layer. */
#define KERAS_CELL_KEYS "units", "activation", "recurrent_activation", "use_bias", "reset_after"
#define KERAS_RUN_KEYS "return_sequences", "go_backwards", "zero_output_for_mask"

enum { KERAS_MOST_CELLS = 64 };

/* What a recurrent layer is made of: its cells, in their order, and how it runs. */
struct keras_recurrent {
    clrnn_layer_desc cells[KERAS_MOST_CELLS];
    char parts[KERAS_MOST_CELLS][96]; /* of the layer's weights: "cell/cells/lstm_cell_1" */
    int frozen[KERAS_MOST_CELLS];     /* 1: not trained */
    int count;
    int sequences, backwards, zero_masked;
};

/* A SimpleRNN, LSTM, GRU or RNN; FORMAT names what is not supported. */
clrnn_status keras_cells_read(struct keras_recurrent *out, const struct keras_layer *layer);
/* Arrays of the cells that are trained. */
int keras_cells_trained(const struct keras_recurrent *recurrent);

#endif
