/* cell.c: the table of cells. */
#include "core/cell.h"

#define TANH ACT_ID_TANH
#define SIGMOID ACT_ID_SIGMOID

enum { CELL_RNN, CELL_LSTM, CELL_GRU_AFTER, CELL_GRU_BEFORE, CELL_RNN_BACKWARD, CELL_COUNT };

/* name, file, phases {rows, gate}, gates, words, states, activations */
static const struct cell cells[CELL_COUNT] = {
    [CELL_RNN] = {"rnn", "cell_rnn.cl", 1, {{1, 0}}, 1, 1, 1, 1, {TANH}},
    [CELL_LSTM] = {"lstm", "cell_lstm.cl", 1, {{4, 0}}, 4, 4, 2, 3, {SIGMOID, TANH, TANH}},
    [CELL_GRU_AFTER] = {"gru_after", "cell_gru_after.cl", 1, {{3, 0}}, 3, 3, 1, 2, {SIGMOID, TANH}},
    [CELL_GRU_BEFORE] =
        {"gru_before", "cell_gru_before.cl", 2, {{2, 0}, {1, 2}}, 3, 3, 1, 2, {SIGMOID, TANH}},
    [CELL_RNN_BACKWARD] = {"rnn_backward", "cell_rnn_backward.cl", 1, {{1, 0}}, 1, 2, 1, 0, {0}},
};

const struct cell *cell_at(size_t index) {
    return index < CELL_COUNT ? &cells[index] : 0;
}

struct cell cell_of(const clrnn_net_desc *desc) {
    switch (desc->cell) {
    case CLRNN_CELL_LSTM:
        return cells[CELL_LSTM];
    case CLRNN_CELL_GRU:
        return cells[desc->reset == CLRNN_RESET_BEFORE ? CELL_GRU_BEFORE : CELL_GRU_AFTER];
    case CLRNN_CELL_RNN:
        break;
    }
    struct cell rnn = cells[CELL_RNN];
    if (desc->nonlinearity == CLRNN_NONLINEARITY_RELU) {
        rnn.acts[0] = ACT_ID_RELU;
    }
    return rnn;
}
