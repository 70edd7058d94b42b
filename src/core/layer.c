/* layer.c: descs of layers: rules, sizes, activations. */
#include "core/layer.h"

#include "core/net.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ---- names and sizes ------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int gates, states, slots;
    clrnn_act acts[CLRNN_MAX_ACTS]; /* defaults */
} cells[] = {
    [CLRNN_CELL_RNN] = {"rnn", 1, 1, 1, {CLRNN_ACT_TANH}},
    [CLRNN_CELL_LSTM] = {"lstm",
                         4,
                         2,
                         5,
                         {CLRNN_ACT_SIGMOID, CLRNN_ACT_SIGMOID, CLRNN_ACT_TANH, CLRNN_ACT_SIGMOID,
                          CLRNN_ACT_TANH}},
    [CLRNN_CELL_GRU] = {"gru", 3, 1, 3, {CLRNN_ACT_SIGMOID, CLRNN_ACT_SIGMOID, CLRNN_ACT_TANH}},
    [CLRNN_CELL_CUSTOM] = {"custom", 0, 0, 0, {CLRNN_ACT_DEFAULT}},
    [CLRNN_CELL_DENSE] = {"dense", 1, 1, 1, {CLRNN_ACT_LINEAR}},
};
enum { CELL_COUNT = sizeof cells / sizeof cells[0] };

static const struct {
    clrnn_act act;
    const char *name;
    int parameters;
    float alpha, beta;
} acts[] = {
#define ACT_ROW(name, value, text, parameters, alpha, beta)                                        \
    {CLRNN_ACT_##name, text, parameters, alpha, beta},
    CLRNN_ACT_LIST(ACT_ROW)
#undef ACT_ROW
        {CLRNN_ACT_DEFAULT, "default", 0, 0, 0},
    {CLRNN_ACT_CUSTOM, "custom", 2, 0, 0},
};
enum { ACT_COUNT = sizeof acts / sizeof acts[0] };

static size_t act_index(clrnn_act act) {
    size_t i = 0;
    while (i < ACT_COUNT && acts[i].act != act) {
        i++;
    }
    return i;
}

const char *clrnn_act_name(clrnn_act act) {
    const size_t i = act_index(act);
    return i < ACT_COUNT ? acts[i].name : "unknown";
}

clrnn_act clrnn_act_find(const char *name) {
    if (strcmp(name, "silu") == 0) {
        return CLRNN_ACT_SWISH;
    }
    for (size_t i = 0; i < ACT_COUNT; i++) {
        if (strcmp(acts[i].name, name) == 0) {
            return acts[i].act;
        }
    }
    return CLRNN_ACT_DEFAULT;
}

static int is_known(clrnn_cell cell) {
    return (unsigned)cell < CELL_COUNT;
}

const char *clrnn_cell_name(clrnn_cell cell) {
    return is_known(cell) ? cells[cell].name : "unknown";
}

int clrnn_layer_gates(const clrnn_layer_desc *layer) {
    return layer->cell == CLRNN_CELL_CUSTOM ? layer->gates
           : is_known(layer->cell)          ? cells[layer->cell].gates
                                            : 0;
}

int clrnn_layer_states(const clrnn_layer_desc *layer) {
    return layer->cell == CLRNN_CELL_CUSTOM ? layer->states
           : is_known(layer->cell)          ? cells[layer->cell].states
                                            : 0;
}

int clrnn_layer_directions(const clrnn_layer_desc *layer) {
    return layer->direction == CLRNN_DIRECTION_BIDIRECTIONAL ? 2 : 1;
}

int clrnn_layer_width(const clrnn_layer_desc *layer) {
    return layer->projection > 0 ? layer->projection : layer->hidden;
}

int clrnn_layer_outputs(const clrnn_layer_desc *layer) {
    const int both =
        layer->direction == CLRNN_DIRECTION_BIDIRECTIONAL && layer->merge == CLRNN_MERGE_CONCAT;
    return clrnn_layer_width(layer) * (both ? 2 : 1);
}

int layer_slots(const clrnn_layer_desc *layer) {
    return cells[layer->cell].slots;
}

void layer_resolve_acts(clrnn_activation out[CLRNN_MAX_ACTS], const clrnn_layer_desc *layer,
                        int direction) {
    for (int slot = 0; slot < layer_slots(layer); slot++) {
        const clrnn_activation *act = &layer->acts[direction][slot];
        if (act->kind == CLRNN_ACT_DEFAULT) {
            act = &layer->acts[0][slot];
        }
        out[slot] = *act;
        if (act->kind == CLRNN_ACT_DEFAULT) {
            out[slot] = (clrnn_activation){.kind = cells[layer->cell].acts[slot]};
        }
        const size_t row = act_index(out[slot].kind);
        out[slot].alpha = out[slot].parameters > 0 ? out[slot].alpha : acts[row].alpha;
        out[slot].beta = out[slot].parameters > 1 ? out[slot].beta : acts[row].beta;
        out[slot].parameters = acts[row].parameters;
    }
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* Options that only some cells have: given with another one, they are refused by name. */
static clrnn_status check_belongs(const clrnn_layer_desc *layer, int index) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct {
        int given;
        clrnn_cell cell;
        const char *name;
    } options[] = {
        {layer->reset != CLRNN_RESET_AFTER, CLRNN_CELL_GRU, "reset"},
        {layer->projection != 0, CLRNN_CELL_LSTM, "projection"},
        {layer->peepholes != 0, CLRNN_CELL_LSTM, "peepholes"},
        {layer->couple != CLRNN_COUPLE_NONE, CLRNN_CELL_LSTM, "couple"},
        {layer->forget_bias != 0, CLRNN_CELL_LSTM, "forget_bias"},
        {layer->cell_clip != 0, CLRNN_CELL_LSTM, "cell_clip"},
        {layer->source != NULL, CLRNN_CELL_CUSTOM, "source"},
        {layer->gates != 0, CLRNN_CELL_CUSTOM, "gates"},
        {layer->states != 0, CLRNN_CELL_CUSTOM, "states"},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        REQUIRE(!options[i].given || layer->cell == options[i].cell, ARGUMENT,
                "net: layer %d: %s is for %s, got it with %s", index, options[i].name,
                cells[options[i].cell].name, cells[layer->cell].name);
    }
    REQUIRE(layer->gate_clip == 0 || layer->cell != CLRNN_CELL_CUSTOM, ARGUMENT,
            "net: layer %d: gate_clip is not for a custom cell, whose source can clip", index);
    REQUIRE(layer->merge == CLRNN_MERGE_CONCAT || layer->direction == CLRNN_DIRECTION_BIDIRECTIONAL,
            ARGUMENT, "net: layer %d: merge is for bidirectional layers", index);
out:
    return status;
}

static clrnn_status check_enums(const clrnn_layer_desc *layer, int index) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct {
        const char *name;
        int value, last;
    } enums[] = {
        {"cell", (int)layer->cell, CLRNN_CELL_DENSE},
        {"reset", (int)layer->reset, CLRNN_RESET_BEFORE},
        {"direction", (int)layer->direction, CLRNN_DIRECTION_BIDIRECTIONAL},
        {"merge", (int)layer->merge, CLRNN_MERGE_AVE},
        {"bias", (int)layer->bias, CLRNN_BIAS_NONE},
        {"couple", (int)layer->couple, CLRNN_COUPLE_INPUT},
    };
    for (size_t i = 0; i < sizeof enums / sizeof enums[0]; i++) {
        REQUIRE(enums[i].value >= 0 && enums[i].value <= enums[i].last, ARGUMENT,
                "net: layer %d: unknown %s %d", index, enums[i].name, enums[i].value);
    }
out:
    return status;
}

static clrnn_status check_act(const clrnn_activation *act, int index, int slot) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t row = act_index(act->kind);
    REQUIRE(row < ACT_COUNT, ARGUMENT, "net: layer %d: unknown activation %d in slot %d", index,
            (int)act->kind, slot);
    REQUIRE(act->parameters >= 0 && act->parameters <= acts[row].parameters, ARGUMENT,
            "net: layer %d: %s takes %d parameters, got %d", index, acts[row].name,
            acts[row].parameters, act->parameters);
    REQUIRE((act->parameters < 1 || isfinite(act->alpha)) &&
                (act->parameters < 2 || isfinite(act->beta)),
            ARGUMENT, "net: layer %d: %s needs finite parameters, got %g, %g", index,
            acts[row].name, (double)act->alpha, (double)act->beta);
    REQUIRE(act->kind != CLRNN_ACT_CELU || act->parameters < 1 || act->alpha != 0, ARGUMENT,
            "net: layer %d: celu divides by alpha, got 0", index);
    REQUIRE((act->kind == CLRNN_ACT_CUSTOM) == (act->source != NULL), ARGUMENT,
            "net: layer %d: slot %d: a source and the kind custom go together", index, slot);
out:
    return status;
}

static clrnn_status check_acts(const clrnn_layer_desc *layer, int index) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int direction = 0; direction < 2; direction++) {
        for (int slot = 0; slot < CLRNN_MAX_ACTS; slot++) {
            const clrnn_activation *act = &layer->acts[direction][slot];
            REQUIRE(act->kind == CLRNN_ACT_DEFAULT || slot < layer_slots(layer), ARGUMENT,
                    "net: layer %d: %s has %d activations, got one in slot %d", index,
                    cells[layer->cell].name, layer_slots(layer), slot);
            REQUIRE(act->kind == CLRNN_ACT_DEFAULT || direction == 0 ||
                        layer->direction == CLRNN_DIRECTION_BIDIRECTIONAL,
                    ARGUMENT, "net: layer %d: has one direction, got activations of a second",
                    index);
            TRY(check_act(act, index, slot));
        }
    }
out:
    return status;
}

clrnn_status layer_check(const clrnn_layer_desc *layer, int index) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(check_enums(layer, index));
    TRY(check_belongs(layer, index));
    REQUIRE(layer->hidden >= 1 && layer->hidden <= NET_MAX_FEATURES, SHAPE,
            "net: layer %d: hidden must be 1 to %d, got %d", index, NET_MAX_FEATURES,
            layer->hidden);
    REQUIRE(layer->projection >= 0 && layer->projection < layer->hidden, SHAPE,
            "net: layer %d: projection must be 0 (none) to hidden - 1 = %d, got %d", index,
            layer->hidden - 1, layer->projection);
    REQUIRE(isfinite(layer->forget_bias), ARGUMENT,
            "net: layer %d: forget_bias must be finite, got %g", index, (double)layer->forget_bias);
    REQUIRE(layer->gate_clip >= 0 && isfinite(layer->gate_clip), ARGUMENT,
            "net: layer %d: gate_clip must be 0 (none) or above, got %g", index,
            (double)layer->gate_clip);
    REQUIRE(layer->cell_clip >= 0 && isfinite(layer->cell_clip), ARGUMENT,
            "net: layer %d: cell_clip must be 0 (none) or above, got %g", index,
            (double)layer->cell_clip);
    if (layer->cell == CLRNN_CELL_CUSTOM) {
        REQUIRE(layer->gates >= 1 && layer->gates <= CLRNN_MAX_GATES, ARGUMENT,
                "net: layer %d: a custom cell has 1 to %d gates, got %d", index, CLRNN_MAX_GATES,
                layer->gates);
        REQUIRE(layer->states == 1 || layer->states == 2, ARGUMENT,
                "net: layer %d: a custom cell has 1 (h) or 2 states (h, c), got %d", index,
                layer->states);
        REQUIRE(layer->source != NULL, ARGUMENT, "net: layer %d: a custom cell needs a source",
                index);
    }
    TRY(check_acts(layer, index));
out:
    return status;
}
