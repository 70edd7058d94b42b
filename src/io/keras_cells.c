/* keras_cells.c: units, activations, biases and stacks of cells. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/keras_cells.h"

#include "io/keras_names.h"

#include <stdio.h>
#include <string.h>

static int cell_of(clrnn_cell *out, const char *type) {
    static const struct {
        const char *type;
        clrnn_cell cell;
    } cells[] = {{"SimpleRNN", CLRNN_CELL_RNN}, {"SimpleRNNCell", CLRNN_CELL_RNN},
                 {"LSTM", CLRNN_CELL_LSTM},     {"LSTMCell", CLRNN_CELL_LSTM},
                 {"GRU", CLRNN_CELL_GRU},       {"GRUCell", CLRNN_CELL_GRU}};
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        if (strcmp(cells[i].type, type) == 0) {
            *out = cells[i].cell;
            return 1;
        }
    }
    return 0;
}

/* units, activations, biases: everything but the direction. */
static clrnn_status read_cell(clrnn_layer_desc *out, const struct keras_layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_activation act = {0}, gate = {0};
    int has_bias, reset_after;
    TRY(keras_count(&out->hidden, layer, "units"));
    TRY(keras_flag(&has_bias, layer, "use_bias", 1));
    TRY(keras_flag(&reset_after, layer, "reset_after", layer->version >= 3));
    TRY(keras_activation(&act, NULL, layer, "activation", "tanh"));
    TRY(keras_activation(&gate, NULL, layer, "recurrent_activation",
                         layer->version >= 3 ? "sigmoid" : "hard_sigmoid"));
    out->bias = !has_bias ? CLRNN_BIAS_NONE : CLRNN_BIAS_SINGLE;
    switch (out->cell) {
    case CLRNN_CELL_LSTM:
        for (int slot = 0; slot < 5; slot++) {
            out->acts[0][slot] = slot == 2 || slot == 4 ? act : gate;
        }
        break;
    case CLRNN_CELL_GRU:
        out->acts[0][0] = out->acts[0][1] = gate;
        out->acts[0][2] = act;
        out->reset = reset_after ? CLRNN_RESET_AFTER : CLRNN_RESET_BEFORE;
        out->bias = has_bias && reset_after ? CLRNN_BIAS_DOUBLE : out->bias;
        break;
    default:
        out->acts[0][0] = act;
    }
out:
    return status;
}

static clrnn_status read_cells(struct keras_recurrent *out, const struct keras_layer *layer,
                               const struct keras_layer *cell, const char *part) {
    static const char *const keys[] = {KERAS_CELL_KEYS, NULL};
    static const char *const stack_keys[] = {"cells", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    if (cell_of(&out->cells[out->count].cell, cell->type)) {
        REQUIRE(out->count < KERAS_MOST_CELLS - 1, FORMAT, "%s: more than %d cells", layer->label,
                KERAS_MOST_CELLS - 1);
        TRY(keras_check_keys(cell, keys));
        TRY(read_cell(&out->cells[out->count], cell));
        snprintf(out->parts[out->count], sizeof out->parts[0], "%s", part);
        out->frozen[out->count++] = cell->is_frozen;
        goto out;
    }
    REQUIRE(strcmp(cell->type, "StackedRNNCells") == 0 && strcmp(part, "cell") == 0, FORMAT,
            "%s: is a %.60s, which is not supported", cell->label, cell->type);
    TRY(keras_check_keys(cell, stack_keys));
    const json_t *cells = json_object_get(cell->config, "cells");
    int seen[3] = {0};
    REQUIRE(json_is_array(cells) && json_array_size(cells) >= 1, FORMAT, "%s: cells: has none",
            cell->label);
    for (size_t i = 0; i < json_array_size(cells); i++) {
        struct keras_layer inner;
        char name[KERAS_STORED], inner_part[96];
        clrnn_cell kind = CLRNN_CELL_RNN;
        TRY(keras_layer_within(&inner, cell, "cells", json_array_get(cells, i)));
        (void)cell_of(&kind, inner.type);
        keras_stored_name(name, inner.type, seen[kind % 3]++);
        (void)snprintf(inner_part, sizeof inner_part, "cell/cells/%.80s", name);
        TRY(read_cells(out, layer, &inner, inner_part));
    }
out:
    return status;
}

clrnn_status keras_cells_read(struct keras_recurrent *out, const struct keras_layer *layer) {
    static const char *const keys[] = {KERAS_CELL_KEYS, KERAS_RUN_KEYS, NULL};
    static const char *const rnn_keys[] = {KERAS_RUN_KEYS, "cell", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    *out = (struct keras_recurrent){0};
    TRY(keras_flag(&out->sequences, layer, "return_sequences", 0));
    TRY(keras_flag(&out->backwards, layer, "go_backwards", 0));
    TRY(keras_flag(&out->zero_masked, layer, "zero_output_for_mask", 0));
    if (strcmp(layer->type, "RNN") == 0) {
        struct keras_layer cell;
        TRY(keras_check_keys(layer, rnn_keys));
        TRY(keras_layer_within(&cell, layer, "cell", json_object_get(layer->config, "cell")));
        TRY(read_cells(out, layer, &cell, "cell"));
    } else {
        REQUIRE(cell_of(&out->cells[0].cell, layer->type), FORMAT,
                "%s: is a %.60s, which is not supported", layer->label, layer->type);
        TRY(keras_check_keys(layer, keys));
        TRY(read_cell(&out->cells[0], layer));
        snprintf(out->parts[0], sizeof out->parts[0], "cell");
        out->frozen[0] = layer->is_frozen;
        out->count = 1;
    }
    for (int i = 0; i < out->count; i++) {
        out->cells[i].direction =
            out->backwards ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
        out->cells[i].zero_masked = out->zero_masked;
    }
out:
    return status;
}

/* Arrays of the cells that are trained. */
int keras_cells_trained(const struct keras_recurrent *recurrent) {
    int count = 0;
    for (int i = 0; i < recurrent->count; i++) {
        const int own = recurrent->cells[i].bias == CLRNN_BIAS_NONE ? 2 : 3;
        count += recurrent->frozen[i] ? 0 : own;
    }
    return count;
}
