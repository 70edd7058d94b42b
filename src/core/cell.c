/* cell.c: the table of cells. */
#include "core/cell.h"

enum {
    CELL_RNN,
    CELL_LSTM,
    CELL_LSTM_PROJECTED,
    CELL_GRU_AFTER,
    CELL_GRU_BEFORE,
    CELL_CUSTOM,
    CELL_RNN_BACKWARD,
    CELL_DENSE,
    CELL_COUNT
};

/* rows, gate: sums over h */
#define OVER_H(rows, gate)                                                                         \
    { rows, gate, WEIGHT_HH, gate, SIZE_WIDTH, SIZE_HIDDEN }

static const struct cell cells[CELL_COUNT] = {
    [CELL_RNN] = {.name = "rnn",
                  .file = "cell_rnn.cl",
                  .phase_count = 1,
                  .phases = {OVER_H(1, 0)},
                  .gates = 1,
                  .bias_rows = 1,
                  .words = 1,
                  .states = 1},
    [CELL_LSTM] = {.name = "lstm",
                   .file = "cell_lstm.cl",
                   .phase_count = 1,
                   .phases = {OVER_H(4, 0)},
                   .gates = 4,
                   .bias_rows = 4,
                   .words = 4,
                   .states = 2,
                   .constants = 3},
    [CELL_LSTM_PROJECTED] = {.name = "lstm_projected",
                             .file = "cell_lstm.cl",
                             .define = "LSTM_PROJECTED",
                             .phase_count = 2,
                             .phases = {OVER_H(4, 0),
                                        {1, 4, WEIGHT_HR, 0, SIZE_HIDDEN, SIZE_WIDTH}},
                             .gates = 4,
                             .bias_rows = 5,
                             .words = 4,
                             .states = 2,
                             .constants = 3},
    [CELL_GRU_AFTER] = {.name = "gru_after",
                        .file = "cell_gru_after.cl",
                        .phase_count = 1,
                        .phases = {OVER_H(3, 0)},
                        .gates = 3,
                        .bias_rows = 3,
                        .words = 3,
                        .states = 1},
    [CELL_GRU_BEFORE] = {.name = "gru_before",
                         .file = "cell_gru_before.cl",
                         .phase_count = 2,
                         .phases = {OVER_H(2, 0), OVER_H(1, 2)},
                         .gates = 3,
                         .bias_rows = 3,
                         .words = 3,
                         .states = 1,
                         .carries = 1},
    [CELL_CUSTOM] = {.name = "custom",
                     .file = "cell_custom.cl",
                     .phase_count = 1,
                     .phases = {OVER_H(1, 0)},
                     .gates = 1,
                     .bias_rows = 1,
                     .words = 1,
                     .states = 1},
    [CELL_RNN_BACKWARD] = {.name = "rnn_backward",
                           .file = "cell_rnn_backward.cl",
                           .phase_count = 1,
                           .phases = {OVER_H(1, 0)},
                           .gates = 1,
                           .bias_rows = 1,
                           .words = 2,
                           .states = 1},
    [CELL_DENSE] = {.name = "dense",
                    .file = "cell_dense.cl",
                    .phase_count = 1,
                    .phases = {{1, 0, WEIGHT_HH, 0, SIZE_NONE, SIZE_HIDDEN}},
                    .gates = 1,
                    .bias_rows = 1,
                    .words = 1,
                    .states = 1},
};

const struct cell *cell_at(size_t index) {
    return index < CELL_COUNT ? &cells[index] : 0;
}

static const struct cell *row_of(const clrnn_layer_desc *layer) {
    switch (layer->cell) {
    case CLRNN_CELL_LSTM:
        return &cells[layer->projection > 0 ? CELL_LSTM_PROJECTED : CELL_LSTM];
    case CLRNN_CELL_GRU:
        return &cells[layer->reset == CLRNN_RESET_BEFORE ? CELL_GRU_BEFORE : CELL_GRU_AFTER];
    case CLRNN_CELL_CUSTOM:
        return &cells[CELL_CUSTOM];
    case CLRNN_CELL_DENSE:
        return &cells[CELL_DENSE];
    case CLRNN_CELL_RNN:
        break;
    }
    return &cells[CELL_RNN];
}

static int options_of(const clrnn_layer_desc *layer) {
    return (layer->peepholes ? OPTION_PEEPHOLES : 0) |
           (layer->couple == CLRNN_COUPLE_FORGET ? OPTION_COUPLE_FORGET : 0) |
           (layer->couple == CLRNN_COUPLE_INPUT ? OPTION_COUPLE_INPUT : 0) |
           (layer->forget_bias != 0 ? OPTION_FORGET_BIAS : 0) |
           (layer->gate_clip > 0 ? OPTION_GATE_CLIP : 0) |
           (layer->cell_clip > 0 ? OPTION_CELL_CLIP : 0);
}

struct cell cell_of(const struct strand *strand) {
    const clrnn_layer_desc *layer = strand->desc;
    struct cell cell = *row_of(layer);
    if (layer->cell == CLRNN_CELL_CUSTOM) {
        cell.phases[0].rows = cell.gates = cell.bias_rows = cell.words = strand->gates;
        cell.states = strand->states;
        cell.source = layer->source;
    }
    cell.act_count = strand->act_count;
    for (int slot = 0; slot < cell.act_count; slot++) {
        cell.acts[slot] = strand->acts[slot];
    }
    cell.options = options_of(layer);
    cell.gate_clip = layer->gate_clip;
    cell.cell_clip = layer->cell_clip;
    cell.forget_bias = layer->forget_bias;
    return cell;
}
