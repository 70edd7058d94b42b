/*
 * config_write.c: the text of a config. Defaults are left out.
 */
#include "core/layer.h"
#include "io/config.h"
#include "io/config_fields.h"
#include "io/config_values.h"
#include "io/json_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Up to 9 digits are enough for all. */
json_t *config_real_json(float value) {
    enum { DIGITS = 9 };
    double shortest = (double)value;
    for (int digits = 1; digits <= DIGITS; digits++) {
        char text[32];
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        shortest = strtod(text, NULL);
        if ((float)shortest >= value && (float)shortest <= value) {
            break;
        }
    }
    return json_real(shortest);
}

json_t *config_activation_json(const clrnn_activation *act) {
    if (act->parameters == 0 && act->source == NULL) {
        return json_string(clrnn_act_name(act->kind));
    }
    json_t *json = json_object();
    int failed = json_object_set_new(json, "name", json_string(clrnn_act_name(act->kind)));
    if (act->parameters > 0) {
        failed |= json_object_set_new(json, "alpha", config_real_json(act->alpha));
    }
    if (act->parameters > 1) {
        failed |= json_object_set_new(json, "beta", config_real_json(act->beta));
    }
    if (act->source != NULL) {
        failed |= json_object_set_new(json, "source", json_string(act->source));
    }
    if (failed) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

static json_t *act_list_json(const clrnn_layer_desc *layer, int direction) {
    json_t *list = json_array();
    for (int slot = 0; slot < layer_slots(layer); slot++) {
        if (json_array_append_new(list, config_activation_json(&layer->acts[direction][slot])) !=
            0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int has_acts(const clrnn_layer_desc *layer, int direction) {
    for (int slot = 0; slot < CLRNN_MAX_ACTS; slot++) {
        if (layer->acts[direction][slot].kind != CLRNN_ACT_DEFAULT) {
            return 1;
        }
    }
    return 0;
}

static int set_activations(json_t *into, const clrnn_layer_desc *layer) {
    if (!has_acts(layer, 0) && !has_acts(layer, 1)) {
        return 0;
    }
    if (!has_acts(layer, 1)) {
        return json_object_set_new(into, "activations", act_list_json(layer, 0));
    }
    json_t *both = json_object();
    int failed = 0;
    for (int direction = 0; direction < 2; direction++) {
        failed |= json_object_set_new(both, config_directions[direction],
                                      act_list_json(layer, direction));
    }
    return json_object_set_new(into, "activations", both) | failed;
}

static int set_field(json_t *into, const clrnn_layer_desc *layer, const struct field *field,
                     int required) {
    const char *member = (const char *)layer + field->offset;
    int number = 0;
    float real = 0;
    if (field->kind == REAL) {
        memcpy(&real, member, sizeof real);
    } else {
        memcpy(&number, member, sizeof number);
    }
    if (number == 0 && !(real > 0) && !(real < 0) && !required) {
        return 0;
    }
    json_t *value = field->kind == CHOICE ? json_string(field->choices[number])
                    : field->kind == COUNT || field->kind == SIZE ? json_integer(number)
                    : field->kind == FLAG                         ? json_boolean(number)
                                                                  : config_real_json(real);
    return json_object_set_new(into, field->key, value);
}

/* NULL: out of memory. */
static json_t *layer_json(const clrnn_layer_desc *layer, const char *name) {
    json_t *json = json_object();
    int failed = name != NULL && json_object_set_new(json, "name", json_string(name));
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        failed |= set_field(json, layer, &config_fields[i], i < REQUIRED_FIELDS);
    }
    if (layer->source != NULL) {
        failed |= json_object_set_new(json, "source", json_string(layer->source));
    }
    failed |= set_activations(json, layer);
    if (failed) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

clrnn_status config_write(char **out, const struct config *config) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_t *layers = json_array();
    json_t *json = json_pack("{s:s, s:i, s:i}", "format", "clrnn", "version", CONFIG_VERSION,
                             "inputs", config->desc.inputs);
    int failed = 0;
    if (config->has_layout) {
        failed |= json_object_set_new(json, "batch_first", json_boolean(config->batch_first));
    }
    if (config->last_only) {
        failed |= json_object_set_new(json, "return_sequences", json_false());
    }
    if (config->prefix[0] != '\0') {
        failed |= json_object_set_new(json, "prefix", json_string(config->prefix));
    }
    for (int i = 0; i < config->desc.num_layers; i++) {
        failed |=
            json_array_append_new(layers, layer_json(&config->desc.layers[i], config->names[i]));
    }
    failed |= json_object_set(json, "layers", layers);
    if (failed) {
        json_decref(json);
        json = NULL;
    }
    status = config_print(out, json);
    json_decref(layers);
    return status;
}

/* Into memory of its own: where the text grows in jansson's, running out of it loses keys in silence. */
clrnn_status config_print(char **out, json_t *json) {
    clrnn_status status = CLRNN_STATUS_OK;
    /* 9 digits: what config_real_json came down to, and not the digits of its double. */
    const size_t flags = JSON_REAL_PRECISION(9);
    const size_t size = json != NULL ? json_dumpb(json, NULL, 0, flags) : 0;
    *out = size > 0 ? malloc(size + 1) : NULL;
    REQUIRE(*out != NULL && json_dumpb(json, *out, size, flags) == size, MEMORY,
            "config: out of memory");
    (*out)[size] = '\0';
    REQUIRE(size <= JSON_TEXT_MAX, ARGUMENT, "config: would have %zu bytes, at most %d are read",
            size, JSON_TEXT_MAX);
out:
    if (status != CLRNN_STATUS_OK) {
        free(*out);
        *out = NULL;
    }
    json_decref(json);
    return status;
}

int config_is_plain(const clrnn_net_desc *desc) {
    const clrnn_layer_desc *first = &desc->layers[0];
    const int both = first->direction == CLRNN_DIRECTION_BIDIRECTIONAL;
    const clrnn_layer_desc plain = {
        .cell = first->cell,
        .hidden = first->hidden,
        .projection = first->projection,
        .direction = both ? CLRNN_DIRECTION_BIDIRECTIONAL : CLRNN_DIRECTION_FORWARD,
        .bias = first->bias == CLRNN_BIAS_NONE ? CLRNN_BIAS_NONE : CLRNN_BIAS_DOUBLE};
    json_t *expected = layer_json(&plain, NULL);
    int is_plain = first->cell != CLRNN_CELL_CUSTOM;
    for (int i = 0; i < desc->num_layers && is_plain; i++) {
        json_t *layer = layer_json(&desc->layers[i], NULL);
        is_plain = json_equal(layer, expected);
        json_decref(layer);
    }
    json_decref(expected);
    return is_plain;
}
