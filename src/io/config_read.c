/*
 * config_read.c: the text of a config, read strictly. What values the options of a layer may have
 * together is said in core/layer.c alone.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "core/layer.h"
#include "core/net.h"
#include "io/config.h"
#include "io/config_fields.h"
#include "io/config_values.h"
#include "io/json_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 6 }; /* config, layers, layer, activations, list, activation */

/* ---- activations ----------------------------------------------------------------------------- */

/* What the activations of a cell are for, in their order. */
static const char *const slots[][CLRNN_MAX_ACTS] = {[CLRNN_CELL_RNN] = {"h"},
                                                    [CLRNN_CELL_LSTM] = {"i", "f", "g", "o", "h"},
                                                    [CLRNN_CELL_GRU] = {"r", "z", "n"},
                                                    [CLRNN_CELL_CUSTOM] = {NULL},
                                                    [CLRNN_CELL_DENSE] = {"y"}};

/* " (i, f, g, o, h)", or nothing where the cell has none. */
static void slot_names(char out[32], clrnn_cell cell) {
    size_t used = 0;
    out[0] = '\0';
    for (int slot = 0; slot < CLRNN_MAX_ACTS && slots[cell][slot] != NULL; slot++) {
        used += (size_t)snprintf(out + used, 32 - used, "%s%s", slot == 0 ? " (" : ", ",
                                 slots[cell][slot]);
    }
    snprintf(out + used, 32 - used, "%s", used > 0 ? ")" : "");
}

static clrnn_status read_act_list(clrnn_layer_desc *layer, int direction, const json_t *list,
                                  const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    char all[32];
    if (!json_is_array(list)) {
        TRY(config_unexpected(where, "a list of activations", list));
    }
    slot_names(all, layer->cell);
    REQUIRE(json_array_size(list) == (size_t)layer_slots(layer), FORMAT,
            "%s: %s has %d activation%s%s, got %zu", where, clrnn_cell_name(layer->cell),
            layer_slots(layer), layer_slots(layer) == 1 ? "" : "s", all, json_array_size(list));
    for (int slot = 0; slot < layer_slots(layer); slot++) {
        char inner[CONFIG_WHERE];
        snprintf(inner, sizeof inner, "%s[%d]", where, slot);
        TRY(config_read_activation(&layer->acts[direction][slot],
                                   json_array_get(list, (size_t)slot), inner));
        TRY(config_check_source(&layer->acts[direction][slot], slots[layer->cell][slot], inner));
    }
out:
    return status;
}

static clrnn_status read_activations(clrnn_layer_desc *layer, json_t *json, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *key;
    json_t *value;
    if (!json_is_object(json)) {
        TRY(read_act_list(layer, 0, json, where));
        goto out;
    }
    REQUIRE(layer->direction == CLRNN_DIRECTION_BIDIRECTIONAL, FORMAT,
            "%s: the layer has one direction, expected one list of activations", where);
    json_object_foreach(json, key, value) {
        char inner[CONFIG_WHERE];
        const int direction = strcmp(key, config_directions[0]) != 0;
        if (direction == 1 && strcmp(key, config_directions[1]) != 0) {
            TRY(config_unknown_key(where, key, config_directions, 2));
        }
        snprintf(inner, sizeof inner, "%s.%s", where, key);
        TRY(read_act_list(layer, direction, value, inner));
    }
out:
    return status;
}

/* ---- layers and the whole -------------------------------------------------------------------- */

static clrnn_status read_field(clrnn_layer_desc *layer, const struct field *field,
                               const json_t *value, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *member = (char *)layer + field->offset;
    int number = 0;
    float real = 0;
    switch (field->kind) {
    case CHOICE:
        TRY(config_read_choice(&number, value, field->choices, where));
        break;
    case COUNT:
    case SIZE:
        TRY(config_read_count(&number, value, field->kind == SIZE, where));
        break;
    case FLAG:
        TRY(config_read_flag(&number, value, where));
        break;
    case REAL:
        TRY(config_read_real(&real, value, where));
        break;
    }
    if (field->kind == REAL) {
        memcpy(member, &real, sizeof real);
    } else {
        memcpy(member, &number, sizeof number);
    }
out:
    return status;
}

static clrnn_status read_layer(clrnn_layer_desc *layer, char **name, json_t *json,
                               const char *where) {
    static const char *const specials[] = {"name", "source", "activations"};
    enum { KEYS = FIELD_COUNT + sizeof specials / sizeof specials[0] };
    clrnn_status status = CLRNN_STATUS_OK;
    const char *keys[KEYS];
    char inner[CONFIG_WHERE];
    const char *key;
    json_t *value;
    if (!json_is_object(json)) {
        TRY(config_unexpected(where, "an object", json));
    }
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        keys[i] = config_fields[i].key;
    }
    memcpy(keys + FIELD_COUNT, specials, sizeof specials);
    for (size_t i = 0; i < REQUIRED_FIELDS; i++) {
        REQUIRE(json_object_get(json, keys[i]) != NULL, FORMAT, "%s: has no %s", where, keys[i]);
    }
    json_object_foreach(json, key, value) {
        snprintf(inner, sizeof inner, "%s.%.24s", where, key);
        const size_t known = config_find_key(key, keys, KEYS);
        if (known < FIELD_COUNT) {
            TRY(read_field(layer, &config_fields[known], value, inner));
        } else if (strcmp(key, "name") == 0) {
            TRY(config_read_name(name, value, inner));
        } else if (strcmp(key, "source") == 0) {
            TRY(config_read_name((char **)&layer->source, value, inner));
        } else if (known == KEYS) {
            TRY(config_unknown_key(where, key, keys, KEYS));
        }
    }
    /* Their number is the cell's, which may stand behind them. */
    if (json_object_get(json, "activations") != NULL) {
        snprintf(inner, sizeof inner, "%s.activations", where);
        TRY(read_activations(layer, json_object_get(json, "activations"), inner));
    }
out:
    return status;
}

static clrnn_status read_layers(struct config *config, const json_t *list, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int i = 0; i < config->desc.num_layers; i++) {
        char where[CONFIG_WHERE];
        snprintf(where, sizeof where, "%s: layers[%d]", label, i);
        TRY(read_layer((clrnn_layer_desc *)&config->desc.layers[i], &config->names[i],
                       json_array_get(list, (size_t)i), where));
        for (int before = 0; before < i && config->names[i] != NULL; before++) {
            REQUIRE(config->names[before] == NULL ||
                        strcmp(config->names[before], config->names[i]) != 0,
                    FORMAT, "%s.name: layers[%d] is called %s too", where, before,
                    config->names[i]);
        }
    }
out:
    return status;
}

/* What the text is at all, before anything else is looked at. */
static clrnn_status check_format(const json_t *json, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *format = json_object_get(json, "format");
    const json_t *version = json_object_get(json, "version");
    char got[JSON_TEXT_SHOWN] = "none";
    REQUIRE(json_is_string(format) && strcmp(json_string_value(format), "clrnn") == 0, FORMAT,
            "%s: format: expected 'clrnn', got %s", label,
            format != NULL ? json_text_show(got, format) : got);
    REQUIRE(json_is_integer(version) && json_integer_value(version) == CONFIG_VERSION, FORMAT,
            "%s: version: this version of clRNN reads %d and 2, got %s", label, CONFIG_VERSION,
            version != NULL ? json_text_show(got, version) : got);
    REQUIRE(json_object_get(json, "inputs") != NULL, FORMAT, "%s: has no inputs", label);
    REQUIRE(json_object_get(json, "layers") != NULL, FORMAT, "%s: has no layers", label);
out:
    return status;
}

static clrnn_status read_layer_count(int *out, const json_t *layers, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!json_is_array(layers)) {
        TRY(config_unexpected(where, "a list of objects", layers));
    }
    REQUIRE(json_array_size(layers) >= 1 && json_array_size(layers) <= NET_MAX_LAYERS, FORMAT,
            "%s: must have 1 to %d layers, got %zu", where, NET_MAX_LAYERS,
            json_array_size(layers));
    *out = (int)json_array_size(layers);
out:
    return status;
}

static clrnn_status read_root(struct config *config, json_t *json, const char *label) {
    static const char *const keys[] = {"format",           "version", "inputs", "batch_first",
                                       "return_sequences", "prefix",  "layers"};
    enum { KEYS = sizeof keys / sizeof keys[0] };
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *prefix = json_object_get(json, "prefix");
    const json_t *layers = json_object_get(json, "layers");
    char where[CONFIG_WHERE];
    int count = 0;
    int sequences = 1;
    const char *key;
    json_t *value;
    snprintf(where, sizeof where, "%s: layers", label);
    TRY(read_layer_count(&count, layers, where));
    snprintf(where, sizeof where, "%s: prefix", label);
    if (prefix != NULL && !json_is_string(prefix)) {
        TRY(config_unexpected(where, "a text", prefix));
    }
    const char *text = prefix != NULL ? json_string_value(prefix) : "";
    TRY(config_create(config, count, text, strlen(text)));
    json_object_foreach(json, key, value) {
        snprintf(where, sizeof where, "%s: %.20s", label, key);
        if (strcmp(key, "inputs") == 0) {
            TRY(config_read_count(&config->desc.inputs, value, 1, where));
        } else if (strcmp(key, "batch_first") == 0) {
            TRY(config_read_flag(&config->batch_first, value, where));
            config->has_layout = 1;
        } else if (strcmp(key, "return_sequences") == 0) {
            TRY(config_read_flag(&sequences, value, where));
            config->last_only = !sequences;
        } else if (config_find_key(key, keys, KEYS) == KEYS) {
            TRY(config_unknown_key(label, key, keys, KEYS));
        }
    }
    TRY(read_layers(config, layers, label));
out:
    return status;
}

clrnn_status config_read_json(struct config *out, json_t *json, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = (struct config){0};
    TRY(check_format(json, label));
    TRY(read_root(out, json, label));
    TRY(config_check(out, label));
out:
    if (status != CLRNN_STATUS_OK) {
        config_free(out);
    }
    return status;
}

clrnn_status config_read(struct config *out, const char *text, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_t *json = NULL;
    *out = (struct config){0};
    TRY(json_text_read(&json, text, strlen(text), DEPTH, label));
    TRY(config_read_json(out, json, label));
out:
    json_decref(json);
    return status;
}
