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
#include "io/json_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEPTH = 6, /* config, layers, layer, activations, list, activation */
    MAX_NAME = 127,
    MAX_WHERE = 320 /* "file: config: layers[3].activations.forward[0].alpha" */
};

/* ---- values ---------------------------------------------------------------------------------- */

static clrnn_status unexpected(const char *where, const char *expected, const json_t *got) {
    char shown[JSON_TEXT_SHOWN];
    return status_fail(CLRNN_STATUS_FORMAT, 0, "%s: expected %s, got %s", where, expected,
                       json_text_show(shown, got));
}

static clrnn_status read_count(int *out, const json_t *value, int least, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > NET_MAX_FEATURES) {
        char expected[48];
        snprintf(expected, sizeof expected, "an integer, %d to %d", least, NET_MAX_FEATURES);
        TRY(unexpected(where, expected, value));
    }
    *out = (int)json_integer_value(value);
out:
    return status;
}

static clrnn_status read_flag(int *out, const json_t *value, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!json_is_boolean(value)) {
        TRY(unexpected(where, "true or false", value));
    }
    *out = json_is_true(value);
out:
    return status;
}

static clrnn_status read_real(float *out, const json_t *value, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!json_is_number(value) || fabs(json_number_value(value)) > (double)FLT_MAX) {
        TRY(unexpected(where, "a number that float32 can hold", value));
    }
    *out = (float)json_number_value(value);
out:
    return status;
}

/* A copy. Names end up in listings, so they are printable. */
static clrnn_status read_name(char **out, const json_t *value, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    int printable = 1;
    for (const char *at = text; *at != '\0'; at++) {
        printable &= (unsigned char)*at >= 0x20 && *at != 0x7f;
    }
    if (text[0] == '\0' || strlen(text) > MAX_NAME || !printable) {
        TRY(unexpected(where, "a printable name of 1 to 127 bytes", value));
    }
    *out = strdup(text);
    REQUIRE(*out != NULL, MEMORY, "%s: out of memory", where);
out:
    return status;
}

static clrnn_status read_choice(int *out, const json_t *value, const char *const *choices,
                                const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    char expected[96] = "";
    for (int i = 0; choices[i] != NULL; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), choices[i]) == 0) {
            *out = i;
            goto out;
        }
        const char *between = i == 0 ? "" : choices[i + 1] == NULL ? " or " : ", ";
        const size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s'%s'", between, choices[i]);
    }
    TRY(unexpected(where, expected, value));
out:
    return status;
}

static size_t find_key(const char *key, const char *const *keys, size_t count) {
    size_t i = 0;
    while (i < count && strcmp(key, keys[i]) != 0) {
        i++;
    }
    return i;
}

static clrnn_status unknown_key(const char *where, const char *key, const char *const *keys,
                                size_t count) {
    const char *nearest = json_text_nearest(key, keys, count);
    return status_fail(CLRNN_STATUS_FORMAT, 0, "%s: unknown key '%.40s'%s%s%s", where, key,
                       nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
                       nearest != NULL ? "'?" : "");
}

/* ---- activations ----------------------------------------------------------------------------- */

static clrnn_status read_kind(clrnn_activation *act, const json_t *value, const char *where) {
#define ACT_NAME(name, value, text, parameters, alpha, beta) text,
    static const char *const names[] = {CLRNN_ACT_LIST(ACT_NAME) "silu", "default", "custom"};
#undef ACT_NAME
    clrnn_status status = CLRNN_STATUS_OK;
    const char *name = json_is_string(value) ? json_string_value(value) : NULL;
    if (name == NULL) {
        TRY(unexpected(where, "the name of an activation", value));
    }
    act->kind = clrnn_act_find(name);
    if (act->kind == CLRNN_ACT_DEFAULT && strcmp(name, clrnn_act_name(CLRNN_ACT_DEFAULT)) != 0) {
        const char *nearest = json_text_nearest(name, names, sizeof names / sizeof names[0]);
        REQUIRE(0, FORMAT, "%s: unknown activation '%.40s'%s%s%s", where, name,
                nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
                nearest != NULL ? "'?" : "");
    }
out:
    return status;
}

/* The parameter that is not given has its default, so that beta can stand alone. */
static void fill_parameters(clrnn_activation *act, int has_alpha, int has_beta) {
    static const struct {
        clrnn_act kind;
        float alpha, beta;
    } defaults[] = {
#define ACT_DEFAULTS(name, value, text, parameters, alpha, beta) {CLRNN_ACT_##name, alpha, beta},
        CLRNN_ACT_LIST(ACT_DEFAULTS)
#undef ACT_DEFAULTS
    };
    act->parameters = has_beta ? 2 : has_alpha;
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        if (has_beta && !has_alpha && defaults[i].kind == act->kind) {
            act->alpha = defaults[i].alpha;
        }
    }
}

/* A file names the code of a custom activation, and of no other. */
static clrnn_status check_source(const clrnn_activation *act, const char *slot, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int is_custom = act->kind == CLRNN_ACT_CUSTOM;
    REQUIRE(!is_custom || act->source != NULL, FORMAT,
            "%s: the activation of %s is custom and needs a source", where, slot);
    REQUIRE(is_custom || act->source == NULL, FORMAT,
            "%s: a source is for a custom activation, got it with %s", where,
            clrnn_act_name(act->kind));
out:
    return status;
}

static clrnn_status read_activation(clrnn_activation *act, json_t *json, const char *where) {
    static const char *const keys[] = {"name", "alpha", "beta", "source"};
    clrnn_status status = CLRNN_STATUS_OK;
    const char *key;
    json_t *value;
    if (!json_is_object(json)) {
        TRY(read_kind(act, json, where));
        goto out;
    }
    REQUIRE(json_object_get(json, "name") != NULL, FORMAT, "%s: has no name", where);
    json_object_foreach(json, key, value) {
        char inner[MAX_WHERE];
        snprintf(inner, sizeof inner, "%s.%.20s", where, key);
        if (strcmp(key, "name") == 0) {
            TRY(read_kind(act, value, inner));
        } else if (strcmp(key, "alpha") == 0) {
            TRY(read_real(&act->alpha, value, inner));
        } else if (strcmp(key, "beta") == 0) {
            TRY(read_real(&act->beta, value, inner));
        } else if (strcmp(key, "source") == 0) {
            TRY(read_name((char **)&act->source, value, inner));
        } else {
            TRY(unknown_key(where, key, keys, sizeof keys / sizeof keys[0]));
        }
    }
    fill_parameters(act, json_object_get(json, "alpha") != NULL,
                    json_object_get(json, "beta") != NULL);
out:
    return status;
}

/* What the activations of a cell are for, in their order. */
static const char *const slots[][CLRNN_MAX_ACTS] = {[CLRNN_CELL_RNN] = {"h"},
                                                    [CLRNN_CELL_LSTM] = {"i", "f", "g", "o", "h"},
                                                    [CLRNN_CELL_GRU] = {"r", "z", "n"},
                                                    [CLRNN_CELL_CUSTOM] = {NULL}};

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
        TRY(unexpected(where, "a list of activations", list));
    }
    slot_names(all, layer->cell);
    REQUIRE(json_array_size(list) == (size_t)layer_slots(layer), FORMAT,
            "%s: %s has %d activation%s%s, got %zu", where, clrnn_cell_name(layer->cell),
            layer_slots(layer), layer_slots(layer) == 1 ? "" : "s", all, json_array_size(list));
    for (int slot = 0; slot < layer_slots(layer); slot++) {
        char inner[MAX_WHERE];
        snprintf(inner, sizeof inner, "%s[%d]", where, slot);
        TRY(read_activation(&layer->acts[direction][slot], json_array_get(list, (size_t)slot),
                            inner));
        TRY(check_source(&layer->acts[direction][slot], slots[layer->cell][slot], inner));
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
        char inner[MAX_WHERE];
        const int direction = strcmp(key, config_directions[0]) != 0;
        if (direction == 1 && strcmp(key, config_directions[1]) != 0) {
            TRY(unknown_key(where, key, config_directions, 2));
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
        TRY(read_choice(&number, value, field->choices, where));
        break;
    case COUNT:
    case SIZE:
        TRY(read_count(&number, value, field->kind == SIZE, where));
        break;
    case FLAG:
        TRY(read_flag(&number, value, where));
        break;
    case REAL:
        TRY(read_real(&real, value, where));
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
    char inner[MAX_WHERE];
    const char *key;
    json_t *value;
    if (!json_is_object(json)) {
        TRY(unexpected(where, "an object", json));
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
        const size_t known = find_key(key, keys, KEYS);
        if (known < FIELD_COUNT) {
            TRY(read_field(layer, &config_fields[known], value, inner));
        } else if (strcmp(key, "name") == 0) {
            TRY(read_name(name, value, inner));
        } else if (strcmp(key, "source") == 0) {
            TRY(read_name((char **)&layer->source, value, inner));
        } else if (known == KEYS) {
            TRY(unknown_key(where, key, keys, KEYS));
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
        char where[MAX_WHERE];
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
            "%s: version: this version of clRNN reads %d, got %s", label, CONFIG_VERSION,
            version != NULL ? json_text_show(got, version) : got);
    REQUIRE(json_object_get(json, "inputs") != NULL, FORMAT, "%s: has no inputs", label);
    REQUIRE(json_object_get(json, "layers") != NULL, FORMAT, "%s: has no layers", label);
out:
    return status;
}

static clrnn_status read_layer_count(int *out, const json_t *layers, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!json_is_array(layers)) {
        TRY(unexpected(where, "a list of objects", layers));
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
    char where[MAX_WHERE];
    int count = 0;
    int sequences = 1;
    const char *key;
    json_t *value;
    snprintf(where, sizeof where, "%s: layers", label);
    TRY(read_layer_count(&count, layers, where));
    snprintf(where, sizeof where, "%s: prefix", label);
    if (prefix != NULL && !json_is_string(prefix)) {
        TRY(unexpected(where, "a text", prefix));
    }
    const char *text = prefix != NULL ? json_string_value(prefix) : "";
    TRY(config_create(config, count, text, strlen(text)));
    json_object_foreach(json, key, value) {
        snprintf(where, sizeof where, "%s: %.20s", label, key);
        if (strcmp(key, "inputs") == 0) {
            TRY(read_count(&config->desc.inputs, value, 1, where));
        } else if (strcmp(key, "batch_first") == 0) {
            TRY(read_flag(&config->batch_first, value, where));
            config->has_layout = 1;
        } else if (strcmp(key, "return_sequences") == 0) {
            TRY(read_flag(&sequences, value, where));
            config->last_only = !sequences;
        } else if (find_key(key, keys, KEYS) == KEYS) {
            TRY(unknown_key(label, key, keys, KEYS));
        }
    }
    TRY(read_layers(config, layers, label));
out:
    return status;
}

clrnn_status config_read(struct config *out, const char *text, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_t *json = NULL;
    *out = (struct config){0};
    TRY(json_text_read(&json, text, strlen(text), DEPTH, label));
    TRY(check_format(json, label));
    TRY(read_root(out, json, label));
    TRY(config_check(out, label));
out:
    json_decref(json);
    if (status != CLRNN_STATUS_OK) {
        config_free(out);
    }
    return status;
}
