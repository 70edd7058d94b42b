/*
 * keras_read.c: a Sequential model, or a functional one that is one chain, as steps.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/keras_read.h"

#include "core/net.h"
#include "io/keras.h"
#include "io/keras_chain.h"
#include "io/keras_config.h"
#include "io/keras_weights.h"
#include "io/steps.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 1024, MOST_CELLS = 64 };

struct reading {
    struct keras_file *file;
    struct steps steps;
    int64_t features; /* of what goes into the next layer; 0: integers */
    int has_input;
    int64_t batch; /* N as the file fixes it for its summary, else -1 */
    int is_functional;
    json_t *seen;               /* class in small letters -> how many so far */
    float *tables[MOST_LAYERS]; /* of embeddings, to be freed */
    int table_count;
    /* layers with no step of their own, before step `before`: Keras lists them */
    struct {
        const char *name, *type;
        int before;
    } silent[MOST_LAYERS];
    int silent_count;
    int has_order; /* the layer in hand is trained, so that .h5 keeps its frozen parts behind */
    struct {
        const char *name; /* of a layer */
        int64_t params;   /* of it that are not trained */
    } frozen[MOST_LAYERS];
    int frozen_count;
};

static const char *text_of(const json_t *json, const char *key) {
    const json_t *value = json_object_get(json, key);
    return json_is_string(value) ? json_string_value(value) : NULL;
}

/* "TimeDistributed" as "time_distributed", "SimpleRNN" as "simple_rnn", "LSTM" as "lstm". */
static void snake(char *out, size_t size, const char *name) {
    size_t at = 0;
    for (size_t i = 0; name[i] != '\0' && at + 3 < size; i++) {
        const int upper = isupper((unsigned char)name[i]);
        const int before =
            i > 0 && (islower((unsigned char)name[i - 1]) || isdigit((unsigned char)name[i - 1]));
        const int after = i > 0 && name[i + 1] != '\0' && islower((unsigned char)name[i + 1]) &&
                          isupper((unsigned char)name[i - 1]);
        if (upper && (before || after)) {
            out[at++] = '_';
        }
        out[at++] = (char)tolower((unsigned char)name[i]);
    }
    out[at] = '\0';
}

/* What an archive calls the layer: its class, and a number from the second one on. */
static clrnn_status name_stored(char *out, size_t size, struct reading *reading, const char *type) {
    clrnn_status status = CLRNN_STATUS_OK;
    char base[128];
    snake(base, sizeof base, type);
    const json_t *count = json_object_get(reading->seen, base);
    const json_int_t number = count != NULL ? json_integer_value(count) + 1 : 0;
    if (number == 0) {
        snprintf(out, size, "%s", base);
    } else {
        snprintf(out, size, "%s_%d", base, (int)number);
    }
    REQUIRE(json_object_set_new(reading->seen, base, json_integer(number)) == 0, MEMORY,
            "%s: out of memory", reading->file->label);
out:
    return status;
}

static int is_frozen(const json_t *config) {
    return json_is_false(json_object_get(config, "trainable"));
}

/* Notes parameters of the layer in hand that are not trained. */
static void count_frozen(struct reading *reading, const char *name, int64_t params) {
    const int last = reading->frozen_count - 1;
    if (last < 0 || strcmp(reading->frozen[last].name, name) != 0) {
        reading->frozen[reading->frozen_count].name = name;
        reading->frozen[reading->frozen_count++].params = 0;
    }
    reading->frozen[reading->frozen_count - 1].params += params;
}

static struct step *add_step(struct reading *reading, enum step_kind kind,
                             const struct keras_layer *layer) {
    struct step *step = &reading->steps.steps[reading->steps.count++];
    *step = (struct step){.kind = kind,
                          .name = text_of(layer->config, "name"),
                          .type = layer->type,
                          .is_own_layer = 1};
    return step;
}

/* ---- recurrent layers ------------------------------------------------------------------------ */

/* Options of a cell, whether it stands alone or in a layer. */
#define CELL_KEYS "units", "activation", "recurrent_activation", "use_bias", "reset_after"
#define LAYER_KEYS "return_sequences", "go_backwards", "zero_output_for_mask"

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

/* A layer within a layer: {"class_name": ..., "config": ...}. */
static clrnn_status enter(struct keras_layer *out, const struct keras_layer *layer, const char *key,
                          const json_t *inner) {
    clrnn_status status = CLRNN_STATUS_OK;
    out->version = layer->version;
    out->type = text_of(inner, "class_name");
    out->config = json_object_get(inner, "config");
    out->is_frozen = is_frozen(out->config) || (layer->version < 3 && layer->is_frozen);
    REQUIRE(out->type != NULL && json_is_object(out->config), FORMAT, "%s: %s: is no layer",
            layer->label, key);
    snprintf(out->label, sizeof out->label, "%.200s: %s", layer->label, key);
out:
    return status;
}

/* What a recurrent layer is made of: its cells, in their order, and how it runs. */
struct recurrent {
    clrnn_layer_desc cells[MOST_CELLS];
    char parts[MOST_CELLS][96]; /* of the layer's weights: "cell/cells/lstm_cell_1" */
    int frozen[MOST_CELLS];     /* 1: not trained */
    int count;
    int sequences, backwards, zero_masked;
};

static clrnn_status read_cells(struct recurrent *out, const struct keras_layer *layer,
                               const struct keras_layer *cell, const char *part) {
    static const char *const keys[] = {CELL_KEYS, NULL};
    static const char *const stack_keys[] = {"cells", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    if (cell_of(&out->cells[out->count].cell, cell->type)) {
        REQUIRE(out->count < MOST_CELLS - 1, FORMAT, "%s: more than %d cells", layer->label,
                MOST_CELLS - 1);
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
        char base[64], inner_part[96];
        clrnn_cell kind = CLRNN_CELL_RNN;
        TRY(enter(&inner, cell, "cells", json_array_get(cells, i)));
        snake(base, sizeof base, inner.type);
        (void)cell_of(&kind, inner.type);
        const int number = seen[kind % 3]++;
        if (number == 0) {
            snprintf(inner_part, sizeof inner_part, "cell/cells/%s", base);
        } else {
            snprintf(inner_part, sizeof inner_part, "cell/cells/%s_%d", base, number);
        }
        TRY(read_cells(out, layer, &inner, inner_part));
    }
out:
    return status;
}

static clrnn_status read_recurrent(struct recurrent *out, const struct keras_layer *layer) {
    static const char *const keys[] = {CELL_KEYS, LAYER_KEYS, NULL};
    static const char *const rnn_keys[] = {LAYER_KEYS, "cell", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    *out = (struct recurrent){0};
    TRY(keras_flag(&out->sequences, layer, "return_sequences", 0));
    TRY(keras_flag(&out->backwards, layer, "go_backwards", 0));
    TRY(keras_flag(&out->zero_masked, layer, "zero_output_for_mask", 0));
    if (strcmp(layer->type, "RNN") == 0) {
        struct keras_layer cell;
        TRY(keras_check_keys(layer, rnn_keys));
        TRY(enter(&cell, layer, "cell", json_object_get(layer->config, "cell")));
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
static int count_trained(const struct recurrent *recurrent) {
    int count = 0;
    for (int i = 0; i < recurrent->count; i++) {
        const int own = recurrent->cells[i].bias == CLRNN_BIAS_NONE ? 2 : 3;
        count += recurrent->frozen[i] ? 0 : own;
    }
    return count;
}

static int64_t params_of(const struct strand *strand) {
    const int64_t biases = (strand->weights[BIAS_IH] != NULL) + (strand->weights[BIAS_HH] != NULL);
    return (int64_t)strand->gates * strand->hidden * (strand->inputs + strand->hidden + biases);
}

/* The net of a recurrent layer, whose weights are read part by part; the parts of a second direction,
 * which is like `second`, begin with another word. */
static clrnn_status make_net(clrnn_net **out, struct reading *reading,
                             const struct keras_layer *layer, const struct recurrent *recurrent,
                             const struct recurrent *second, const char *const *prefixes) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_net_desc desc = {.inputs = (int)reading->features,
                                 .num_layers = recurrent->count,
                                 .layers = recurrent->cells};
    TRY(clrnn_net_create(out, &desc));
    for (int direction = 0; direction < (prefixes[1] != NULL ? 2 : 1); direction++) {
        for (int i = 0; i < recurrent->count; i++) {
            const struct recurrent *from = direction == 1 ? second : recurrent;
            char part[160];
            snprintf(part, sizeof part, "%s%s", prefixes[direction], from->parts[i]);
            TRY(keras_weights_cell(*out, i, direction, reading->file, part,
                                   reading->has_order && from->frozen[i]));
            if (from->frozen[i]) {
                count_frozen(reading, text_of(layer->config, "name"),
                             params_of(net_strand(*out, i, direction)));
            }
        }
    }
out:
    return status;
}

/* What it gives: of two nets, or of both directions apart. */
static int64_t features_of(const struct step *step) {
    const clrnn_net_desc *desc = &step->net->desc;
    int64_t features = clrnn_layer_outputs(&desc->layers[desc->num_layers - 1]);
    if (step->second != NULL && !step->is_apart && step->merge == CLRNN_MERGE_CONCAT) {
        desc = &step->second->desc;
        features += clrnn_layer_outputs(&desc->layers[desc->num_layers - 1]);
    }
    return step->second == NULL && step->is_apart ? features / 2 : features;
}

static clrnn_status finish_recurrent(struct reading *reading, const struct keras_layer *layer,
                                     const struct recurrent *recurrent, clrnn_net **net) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct step *step = add_step(reading, STEP_RECURRENT, layer);
    step->net = *net;
    *net = NULL;
    step->last_only = !recurrent->sequences;
    step->flip = recurrent->sequences && recurrent->backwards;
    reading->features = features_of(step);
    TRY(keras_file_end(reading->file));
out:
    return status;
}

static clrnn_status need_numbers(const struct reading *reading, const struct keras_layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(reading->features > 0, FORMAT, "%s: takes numbers, gets integers", layer->label);
out:
    return status;
}

static clrnn_status add_recurrent(struct reading *reading, const struct keras_layer *layer) {
    static const char *const prefixes[2] = {"", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    struct recurrent *recurrent = malloc(sizeof *recurrent);
    clrnn_net *net = NULL;
    REQUIRE(recurrent != NULL, MEMORY, "%s: out of memory", layer->label);
    TRY(need_numbers(reading, layer));
    TRY(read_recurrent(recurrent, layer));
    keras_file_split(reading->file, count_trained(recurrent));
    TRY(make_net(&net, reading, layer, recurrent, NULL, prefixes));
    TRY(finish_recurrent(reading, layer, recurrent, &net));
out:
    clrnn_net_free(net);
    free(recurrent);
    return status;
}

/* Both layers of a Bidirectional, alike but for the direction. */
static int are_alike(const struct recurrent *a, const struct recurrent *b) {
    int alike = a->count == b->count && a->sequences == b->sequences;
    for (int i = 0; alike && i < a->count; i++) {
        clrnn_layer_desc turned = b->cells[i];
        turned.direction = a->cells[i].direction;
        alike = memcmp(&turned, &a->cells[i], sizeof turned) == 0;
    }
    return alike;
}

/* merge_mode None: two outputs. */
static clrnn_status read_merge(clrnn_merge *out, int *is_apart, const struct keras_layer *layer) {
    static const char *const names[] = {"concat", "sum", "mul", "ave"};
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *value = json_object_get(layer->config, "merge_mode");
    const char *name = value == NULL ? "concat" : json_string_value(value);
    int i = 0;
    *is_apart = json_is_null(value);
    *out = CLRNN_MERGE_CONCAT;
    if (!*is_apart) {
        while (i < 4 && name != NULL && strcmp(name, names[i]) != 0) {
            i++;
        }
        REQUIRE(name != NULL && i < 4, FORMAT, "%s: merge_mode '%.40s' is not supported",
                layer->label, name != NULL ? name : "no text");
        *out = (clrnn_merge)i;
    }
out:
    return status;
}

/* The two layers of a Bidirectional, with the directions they have in the end. */
static clrnn_status read_both(struct recurrent both[2], const struct keras_layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_layer inner;
    const json_t *backward = json_object_get(layer->config, "backward_layer");
    TRY(enter(&inner, layer, "layer", json_object_get(layer->config, "layer")));
    TRY(read_recurrent(&both[0], &inner));
    if (backward != NULL && !json_is_null(backward)) {
        TRY(enter(&inner, layer, "backward_layer", backward));
        TRY(read_recurrent(&both[1], &inner));
    } else {
        both[1] = both[0];
        both[1].backwards = !both[0].backwards;
    }
    REQUIRE(both[0].backwards != both[1].backwards, FORMAT,
            "%s: of the two layers one must go backwards", layer->label);
    REQUIRE(both[0].sequences == both[1].sequences, FORMAT,
            "%s: both layers must have the same return_sequences", layer->label);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < both[i].count; k++) {
            clrnn_layer_desc *cell = &both[i].cells[k];
            cell->direction = both[i].backwards ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
            cell->zero_masked = both[i].sequences; /* as Keras does of its own accord */
        }
    }
out:
    return status;
}

/* One net of both directions where it can be, or two. */
static clrnn_status add_bidirectional(struct reading *reading, const struct keras_layer *layer) {
    static const char *const keys[] = {"layer", "backward_layer", "merge_mode", LAYER_KEYS, NULL};
    static const char *const prefixes[2] = {"forward_layer/", "backward_layer/"};
    clrnn_status status = CLRNN_STATUS_OK;
    struct recurrent *both = malloc(2 * sizeof *both);
    clrnn_net *nets[2] = {NULL, NULL};
    clrnn_merge merge = CLRNN_MERGE_CONCAT;
    int is_apart = 0;
    REQUIRE(both != NULL, MEMORY, "%s: out of memory", layer->label);
    TRY(keras_check_keys(layer, keys));
    TRY(need_numbers(reading, layer));
    TRY(read_merge(&merge, &is_apart, layer));
    TRY(read_both(both, layer));
    keras_file_split(reading->file, count_trained(&both[0]) + count_trained(&both[1]));
    const int is_one = !both[0].backwards && both[0].count == 1 && are_alike(&both[0], &both[1]);
    if (is_one) {
        both[0].cells[0].direction = CLRNN_DIRECTION_BIDIRECTIONAL;
        both[0].cells[0].merge = merge;
        TRY(make_net(&nets[0], reading, layer, &both[0], &both[1], prefixes));
    } else {
        for (int i = 0; i < 2; i++) {
            const char *const prefix[2] = {prefixes[i], NULL};
            TRY(make_net(&nets[i], reading, layer, &both[i], NULL, prefix));
        }
    }
    TRY(finish_recurrent(reading, layer, &both[0], &nets[0]));
    struct step *step = &reading->steps.steps[reading->steps.count - 1];
    step->second = nets[1];
    nets[1] = NULL;
    step->second_flip =
        both[1].sequences && !both[1].backwards; /* Keras turns it round at the end */
    step->merge = merge;
    step->is_apart = is_apart;
    reading->features = features_of(step);
out:
    clrnn_net_free(nets[0]);
    clrnn_net_free(nets[1]);
    free(both);
    return status;
}

/* ---- other layers ---------------------------------------------------------------------------- */

/* part: where a wrapper keeps it. */
static clrnn_status add_dense(struct reading *reading, const struct keras_layer *layer,
                              const struct keras_layer *dense, const char *part) {
    static const char *const keys[] = {"units", "activation", "use_bias", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_net_desc desc = {.inputs = (int)reading->features};
    clrnn_net *net = NULL;
    int has_bias, softmax = 0;
    TRY(keras_check_keys(dense, keys));
    TRY(need_numbers(reading, layer));
    desc.layer.cell = CLRNN_CELL_DENSE;
    TRY(keras_count(&desc.layer.hidden, dense, "units"));
    TRY(keras_flag(&has_bias, dense, "use_bias", 1));
    TRY(keras_activation(&desc.layer.acts[0][0], &softmax, dense, "activation", "linear"));
    desc.layer.bias = has_bias ? CLRNN_BIAS_SINGLE : CLRNN_BIAS_NONE;
    TRY(clrnn_net_create(&net, &desc));
    TRY(keras_weights_dense(net, reading->file, part));
    if (dense->is_frozen) {
        const int64_t columns = desc.inputs + (has_bias ? 1 : 0);
        count_frozen(reading, text_of(layer->config, "name"), columns * desc.layer.hidden);
    }
    TRY(keras_file_end(reading->file));
    struct step *step = add_step(reading, STEP_DENSE, layer);
    step->net = net;
    net = NULL;
    reading->features = desc.layer.hidden;
    if (softmax) {
        step = add_step(reading, STEP_SOFTMAX, layer);
        step->is_own_layer = 0;
        step->axis = -1;
    }
out:
    clrnn_net_free(net);
    return status;
}

static clrnn_status add_time_distributed(struct reading *reading, const struct keras_layer *layer) {
    static const char *const keys[] = {"layer", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_layer inner;
    TRY(keras_check_keys(layer, keys));
    TRY(enter(&inner, layer, "layer", json_object_get(layer->config, "layer")));
    REQUIRE(strcmp(inner.type, "Dense") == 0, FORMAT,
            "%s: of a %.60s is not supported, of a Dense it is", layer->label, inner.type);
    TRY(add_dense(reading, layer, &inner, "layer"));
out:
    return status;
}

static clrnn_status add_embedding(struct reading *reading, const struct keras_layer *layer) {
    static const char *const keys[] = {"input_dim", "output_dim", "mask_zero", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    int vocabulary, features, mask_zero;
    float *table = NULL;
    TRY(keras_check_keys(layer, keys));
    TRY(keras_count(&vocabulary, layer, "input_dim"));
    TRY(keras_count(&features, layer, "output_dim"));
    TRY(keras_flag(&mask_zero, layer, "mask_zero", 0));
    REQUIRE(reading->steps.count == 0, FORMAT, "%s: takes integers and must come first",
            layer->label);
    TRY(keras_file_take(&table, reading->file, "", 0, 1, 0, vocabulary, features));
    if (layer->is_frozen) {
        count_frozen(reading, text_of(layer->config, "name"), (int64_t)vocabulary * features);
    }
    TRY(keras_file_end(reading->file));
    reading->tables[reading->table_count++] = table;
    struct step *step = add_step(reading, STEP_EMBEDDING, layer);
    step->table = (clrnn_tensor){.data = table, .rank = 2, .shape = {vocabulary, features}};
    step->mask_zero = mask_zero;
    table = NULL;
    reading->steps.inputs = 0;
    reading->features = features;
out:
    free(table);
    return status;
}

/* 1: a layer before made a mask, and it still goes on. */
static int is_masked(const struct reading *reading) {
    int masked = 0;
    for (int i = 0; i < reading->steps.count; i++) {
        const struct step *step = &reading->steps.steps[i];
        masked |= step->kind == STEP_MASKING || step->mask_zero;
        masked &= !step->last_only;
    }
    return masked;
}

static clrnn_status add_masking(struct reading *reading, const struct keras_layer *layer) {
    static const char *const keys[] = {"mask_value", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    float value;
    TRY(keras_check_keys(layer, keys));
    TRY(keras_real(&value, layer, "mask_value", 0));
    /* Keras forgets the mask before it, where a step's output may be anything. */
    REQUIRE(!is_masked(reading), FORMAT, "%s: a Masking where a mask is already is not supported",
            layer->label);
    add_step(reading, STEP_MASKING, layer)->value = value;
out:
    return status;
}

static clrnn_status add_activation(struct reading *reading, const struct keras_layer *layer) {
    static const char *const keys[] = {"activation", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_activation act = {0};
    int softmax = 0;
    TRY(keras_check_keys(layer, keys));
    TRY(keras_activation(&act, &softmax, layer, "activation", "linear"));
    struct step *step = add_step(reading, softmax ? STEP_SOFTMAX : STEP_ACTIVATION, layer);
    step->act = act;
    step->axis = -1;
out:
    return status;
}

static clrnn_status add_softmax(struct reading *reading, const struct keras_layer *layer) {
    static const char *const keys[] = {"axis", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *axis = json_object_get(layer->config, "axis");
    TRY(keras_check_keys(layer, keys));
    REQUIRE(axis == NULL || (json_is_integer(axis) && json_integer_value(axis) >= -8 &&
                             json_integer_value(axis) < 8),
            FORMAT, "%s: axis: expected one integer", layer->label);
    /* Under one, Keras takes masked elements out of the sum, or fails. */
    REQUIRE(!is_masked(reading), FORMAT,
            "%s: a Softmax layer under a mask is not supported, as an activation it is",
            layer->label);
    add_step(reading, STEP_SOFTMAX, layer)->axis = axis != NULL ? json_integer_value(axis) : -1;
out:
    return status;
}

/* ReLU, LeakyReLU, ELU with one parameter each. */
static clrnn_status add_unit(struct reading *reading, const struct keras_layer *layer) {
    static const char *const keys[] = {"negative_slope", "alpha", "max_value", "threshold", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    const int is_relu = strcmp(layer->type, "ReLU") == 0;
    const int is_leaky = strcmp(layer->type, "LeakyReLU") == 0;
    clrnn_activation act = {.kind = is_relu    ? CLRNN_ACT_RELU
                                    : is_leaky ? CLRNN_ACT_LEAKY_RELU
                                               : CLRNN_ACT_ELU,
                            .parameters = !is_relu};
    float slope, threshold;
    TRY(keras_check_keys(layer, keys));
    TRY(keras_real(&act.alpha, layer, "alpha", is_leaky ? 0.3f : 1.0f));
    TRY(keras_real(&slope, layer, "negative_slope", is_leaky ? act.alpha : 0));
    TRY(keras_real(&threshold, layer, "threshold", 0));
    const json_t *most = json_object_get(layer->config, "max_value");
    REQUIRE(!is_relu || ((most == NULL || json_is_null(most)) && !(slope > 0) && !(slope < 0) &&
                         !(threshold > 0) && !(threshold < 0)),
            FORMAT, "%s: max_value, negative_slope and threshold are not supported", layer->label);
    act.alpha = is_leaky ? slope : act.alpha;
    add_step(reading, STEP_ACTIVATION, layer)->act = act;
out:
    return status;
}

/* x and its shape: [null, T or null, I], or [null, T or null] of integers. */
static clrnn_status take_shape(struct reading *reading, const json_t *shape, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t rank = json_array_size(shape);
    const json_t *steps = json_array_get(shape, 1), *last = json_array_get(shape, rank - 1);
    if (!json_is_array(shape) || reading->has_input) {
        goto out;
    }
    REQUIRE(rank == 3 || rank == 2, FORMAT,
            "%s: its input has %zu axes, [batch][steps][features] has 3", label, rank);
    REQUIRE(json_is_null(steps) || (json_is_integer(steps) && json_integer_value(steps) >= 1),
            FORMAT, "%s: the steps of its input must be null or a number", label);
    reading->steps.length = json_is_integer(steps) ? json_integer_value(steps) : -1;
    if (rank == 3) {
        REQUIRE(json_is_integer(last) && json_integer_value(last) >= 1 &&
                    json_integer_value(last) <= NET_MAX_FEATURES,
                FORMAT, "%s: the features of its input must be a number", label);
        reading->steps.inputs = json_integer_value(last);
    }
    const json_t *batch = json_array_get(shape, 0);
    reading->batch =
        json_is_integer(batch) && json_integer_value(batch) > 0 ? json_integer_value(batch) : -1;
    reading->features = reading->steps.inputs;
    reading->has_input = 1;
out:
    return status;
}

static clrnn_status add_layer(struct reading *reading, const json_t *json) {
    static const struct {
        const char *type;
        clrnn_status (*add)(struct reading *reading, const struct keras_layer *layer);
    } types[] = {
        {"SimpleRNN", add_recurrent},
        {"LSTM", add_recurrent},
        {"GRU", add_recurrent},
        {"RNN", add_recurrent},
        {"Bidirectional", add_bidirectional},
        {"TimeDistributed", add_time_distributed},
        {"Embedding", add_embedding},
        {"Masking", add_masking},
        {"Activation", add_activation},
        {"Softmax", add_softmax},
        {"ReLU", add_unit},
        {"LeakyReLU", add_unit},
        {"ELU", add_unit},
    };
    static const char *const identities[] = {"Dropout",       "SpatialDropout1D",
                                             "GaussianNoise", "GaussianDropout",
                                             "AlphaDropout",  "ActivityRegularization"};
    static const char *const none[] = {"l1", "l2", "data_format", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    char stored[160];
    struct keras_layer layer = {.config = json_object_get(json, "config"),
                                .type = text_of(json, "class_name"),
                                .version = reading->file->version};
    const char *name = text_of(layer.config, "name");
    REQUIRE(layer.type != NULL && json_is_object(layer.config) && name != NULL && name[0] != '\0',
            FORMAT, "%s: a layer without class_name, config or name", reading->file->label);
    snprintf(layer.label, sizeof layer.label, "%s: layer '%.60s'", reading->file->label, name);
    layer.is_frozen = is_frozen(layer.config);
    reading->has_order = !layer.is_frozen;
    TRY(name_stored(stored, sizeof stored, reading, layer.type));
    const json_t *shape = json_object_get(layer.config, "batch_shape");
    TRY(take_shape(reading,
                   shape != NULL ? shape : json_object_get(layer.config, "batch_input_shape"),
                   layer.label));
    if (strcmp(layer.type, "InputLayer") == 0) {
        TRY(keras_check_keys(&layer, none));
        reading->steps.input = name;
        goto out;
    }
    REQUIRE(reading->has_input, FORMAT, "%s: the model does not say what its input is",
            reading->file->label);
    TRY(keras_file_begin(reading->file, name, stored));
    if (strcmp(layer.type, "Dense") == 0) {
        TRY(add_dense(reading, &layer, &layer, ""));
        goto out;
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(layer.type, types[i].type) == 0) {
            TRY(types[i].add(reading, &layer));
            goto out;
        }
    }
    for (size_t i = 0; i < sizeof identities / sizeof identities[0]; i++) {
        if (strcmp(layer.type, identities[i]) == 0) {
            TRY(keras_check_keys(&layer, none));
            reading->silent[reading->silent_count].name = name;
            reading->silent[reading->silent_count].type = layer.type;
            reading->silent[reading->silent_count++].before = reading->steps.count;
            goto out;
        }
    }
    REQUIRE(0, FORMAT, "%s: is a %.60s, which is not supported", layer.label, layer.type);
out:
    return status;
}

/* ---- models ---------------------------------------------------------------------------------- */

/* Puts a layer that has no step among the others, with the shape of the one before it or of the input. */
static clrnn_status insert_layer(struct graph *graph, int at, const char *name, const char *type) {
    clrnn_status status = CLRNN_STATUS_OK;
    int index;
    TRY(graph_add_layer(&index, graph, name, type));
    struct graph_layer added = graph->layers[index];
    memmove(graph->layers + at + 1, graph->layers + at,
            (size_t)(index - at) * sizeof *graph->layers);
    const struct graph_port *x = &graph->inputs[0];
    const struct graph_layer *before = &graph->layers[at > 0 ? at - 1 : 0];
    added.rank = at > 0 ? before->rank : x->rank;
    memcpy(added.shape, at > 0 ? before->shape : x->shape, sizeof added.shape);
    graph->layers[at] = added;
    for (int node = 0; node < graph->node_count; node++) {
        graph->nodes[node].layer += graph->nodes[node].layer >= at;
    }
out:
    return status;
}

/* Layers that compute nothing stand in Keras's summary, too; a functional model's begins with its input. */
static clrnn_status list_silent(struct graph *graph, const struct reading *reading) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int i = 0; i < reading->silent_count; i++) {
        /* the layers that were added before, and how many layers the steps before it make */
        int at = i;
        for (int step = 0; step < reading->silent[i].before; step++) {
            at += reading->steps.steps[step].is_own_layer;
        }
        TRY(insert_layer(graph, at, reading->silent[i].name, reading->silent[i].type));
    }
    if (reading->is_functional) {
        TRY(insert_layer(graph, 0, reading->steps.input, "InputLayer"));
    }
out:
    return status;
}

/* Parameters that are not trained count apart. */
static void mark_frozen(struct graph *graph, const struct reading *reading, int has_none) {
    for (int k = 0; k < graph->layer_count; k++) {
        struct graph_layer *layer = &graph->layers[k];
        for (int i = 0; i < reading->frozen_count; i++) {
            if (strcmp(layer->name, reading->frozen[i].name) == 0) {
                layer->trainable = layer->params - reading->frozen[i].params;
            }
        }
        layer->trainable = has_none ? 0 : layer->trainable;
    }
}

clrnn_status keras_read_file(struct graph **out, struct keras_file *file) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct reading *reading = calloc(1, sizeof *reading);
    struct graph *graph = NULL;
    json_t *chain = NULL;
    int outputs = 0; /* that a functional model says it has */
    const char *type = text_of(file->config, "class_name");
    const json_t *model = json_object_get(file->config, "config");
    /* Keras 1 and early 2: the layers themselves */
    const json_t *layers = json_is_array(model) ? model : json_object_get(model, "layers");
    REQUIRE(reading != NULL, MEMORY, "%s: out of memory", file->label);
    reading->file = file;
    reading->steps = (struct steps){.length = -1, .input = "x", .batch_first = 1};
    reading->seen = json_object();
    REQUIRE(type != NULL, FORMAT, "%s: its config has no class_name", file->label);
    reading->is_functional = strcmp(type, "Functional") == 0 || strcmp(type, "Model") == 0;
    REQUIRE(strcmp(type, "Sequential") == 0 || reading->is_functional, FORMAT,
            "%s: is a %.60s, Sequential and Functional models are supported", file->label, type);
    REQUIRE(json_is_array(layers) && json_array_size(layers) >= 1 &&
                json_array_size(layers) <= MOST_LAYERS,
            FORMAT, "%s: needs 1 to %d layers, got %zu", file->label, MOST_LAYERS,
            json_array_size(layers));
    if (reading->is_functional) {
        TRY(keras_chain(&chain, &outputs, model, file->label));
        layers = chain;
    }
    reading->steps.steps = calloc(2 * json_array_size(layers), sizeof *reading->steps.steps);
    REQUIRE(reading->steps.steps != NULL && reading->seen != NULL, MEMORY, "%s: out of memory",
            file->label);
    const json_t *built = json_object_get(model, "build_input_shape");
    for (size_t i = 0; i < json_array_size(layers); i++) {
        if (i == 0 && json_is_array(built) &&
            json_object_get(json_object_get(json_array_get(layers, 0), "config"), "batch_shape") ==
                NULL) {
            TRY(take_shape(reading, built, file->label));
        }
        TRY(add_layer(reading, json_array_get(layers, i)));
    }
    REQUIRE(reading->steps.count > 0, FORMAT, "%s: has no layer that computes anything",
            file->label);
    const int made = reading->steps.steps[reading->steps.count - 1].is_apart ? 2 : 1;
    REQUIRE(!reading->is_functional || outputs == made, FORMAT,
            "%s: gives %d outputs of its last layer, which has %d", file->label, outputs, made);
    TRY(steps_to_graph(&graph, &reading->steps, file->label));
    TRY(list_silent(graph, reading));
    mark_frozen(graph, reading, is_frozen(model));
    for (int i = 0; i < graph->layer_count; i++) {
        graph->layers[i].shape[0] = reading->batch;
    }
    *out = graph;
    graph = NULL;
out:
    graph_free(graph);
    for (int i = 0; reading != NULL && i < reading->steps.count; i++) {
        clrnn_net_free(reading->steps.steps[i].net);
        clrnn_net_free(reading->steps.steps[i].second);
    }
    if (reading != NULL) {
        for (int i = 0; i < reading->table_count; i++) {
            free(reading->tables[i]);
        }
        steps_free(&reading->steps);
        json_decref(reading->seen);
    }
    json_decref(chain);
    free(reading);
    return status;
}

int keras_probe(const unsigned char *bytes, size_t size) {
    return keras_file_probe(bytes, size);
}

clrnn_status keras_read(struct graph **out, const unsigned char *bytes, size_t size,
                        const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_file file = {0};
    TRY(keras_file_open(&file, bytes, size, path));
    TRY(keras_read_file(out, &file));
out:
    keras_file_close(&file);
    return status;
}
