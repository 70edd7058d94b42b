/*
 * chain.c: a config of version 2 and its arrays as steps, and back.
 *
 *     {"format": "clrnn", "version": 2, "inputs": 12, "batch_first": true, "steps": 29, "input": "x",
 *      "chain": [{"type": "masking", "name": "mask", "value": 0}, ...]}
 *
 * Each entry is a step (steps.h) with a name and a type; what else belongs to it is in the table of
 * keys below. `layers` of a recurrent entry are those of version 1, and are read and written by it. The
 * arrays are called as PyTorch calls the parameters of modules with the entries' names.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/chain.h"

#include "core/net.h"
#include "core/tensor.h"
#include "io/arrays.h"
#include "io/config_values.h"
#include "io/json_text.h"
#include "io/model_options.h"
#include "io/model_weights.h"
#include "io/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 2, DEPTH = 8 };

/* Keys that an entry of each type may have behind type, name and class. */
static const char *const keys_of[STEP_KINDS][6] = {
    [STEP_MASKING] = {"value"},
    [STEP_EMBEDDING] = {"vocabulary", "features", "mask_zero"},
    [STEP_RECURRENT] = {"layers", "return_sequences", "flip"},
    [STEP_DENSE] = {"features", "bias", "activation"},
    [STEP_ACTIVATION] = {"activation"},
    [STEP_SOFTMAX] = {"axis"},
    [STEP_LOG_SOFTMAX] = {"axis"},
};

/* ---- reading --------------------------------------------------------------------------------- */

/* A chain as it is read. The texts belong to the JSON. */
struct reading {
    json_t *json;
    const struct model_source *source;
    const clrnn_model_options *options;
    struct model_asked asked; /* of the options by all recurrent entries */
    char label[ARRAYS_LABEL];
    struct steps steps;
    clrnn_arrays *scratch; /* tables as float32 */
    char *used;            /* [arrays] 1: taken by a step */
    int64_t features;      /* of what goes into the next step */
};

clrnn_status chain_probe(int *out, const struct model_source *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *text = clrnn_arrays_find(source->arrays, "config");
    char label[ARRAYS_LABEL];
    json_t *json = NULL;
    *out = 0;
    if (text == NULL || text->dtype != CLRNN_DTYPE_TEXT) {
        goto out;
    }
    arrays_label(label, source->path, "config");
    TRY(json_text_read(&json, text->data, strlen(text->data), DEPTH, label));
    const json_t *version = json_object_get(json, "version");
    *out = json_is_integer(version) && json_integer_value(version) == VERSION;
out:
    json_decref(json);
    return status;
}

/* The array NAME.WHAT, which must be there and is marked as used. */
static clrnn_status find_array(const clrnn_tensor **out, struct reading *reading, const char *name,
                               const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    char full[200];
    char label[ARRAYS_LABEL];
    snprintf(full, sizeof full, "%s.%s", name, what);
    *out = NULL;
    for (size_t i = 0; i < clrnn_arrays_count(reading->source->arrays); i++) {
        if (strcmp(clrnn_arrays_name(reading->source->arrays, i), full) == 0) {
            *out = clrnn_arrays_at(reading->source->arrays, i);
            reading->used[i] = 1;
        }
    }
    arrays_label(label, reading->source->path, full);
    REQUIRE(*out != NULL, FORMAT, "%s: is missing, but the config asks for it", label);
out:
    return status;
}

/* [rows] or, with columns, [rows][columns], as float32 that the reading keeps. */
static clrnn_status take_array(clrnn_tensor *out, struct reading *reading, const char *name,
                               const char *what, int64_t rows, int64_t columns) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *found;
    char full[200];
    char label[ARRAYS_LABEL];
    snprintf(full, sizeof full, "%s.%s", name, what);
    TRY(find_array(&found, reading, name, what));
    arrays_label(label, reading->source->path, full);
    TRY(model_check_shape(label, found, columns > 0 ? 2 : 1, rows, columns, ""));
    TRY(clrnn_arrays_convert(out, reading->scratch, full, CLRNN_DTYPE_F32, found));
out:
    return status;
}

static clrnn_status read_embedding(struct step *step, struct reading *reading, const json_t *json,
                                   const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *mask = json_object_get(json, "mask_zero");
    char inner[CONFIG_WHERE];
    int vocabulary = 0, features = 0;
    snprintf(inner, sizeof inner, "%s.vocabulary", where);
    TRY(config_read_count(&vocabulary, json_object_get(json, "vocabulary"), 1, inner));
    snprintf(inner, sizeof inner, "%s.features", where);
    TRY(config_read_count(&features, json_object_get(json, "features"), 1, inner));
    snprintf(inner, sizeof inner, "%s.mask_zero", where);
    if (mask != NULL) {
        TRY(config_read_flag(&step->mask_zero, mask, inner));
    }
    TRY(take_array(&step->table, reading, step->name, "weight", vocabulary, features));
    reading->features = features;
out:
    return status;
}

/* A dense layer's net: weight [F][I], bias [F]. */
static clrnn_status make_dense(struct step *step, struct reading *reading, int features,
                               int has_bias) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_tensor weight, bias;
    TRY(take_array(&weight, reading, step->name, "weight", features, reading->features));
    if (has_bias) {
        TRY(take_array(&bias, reading, step->name, "bias", features, 0));
    }
    TRY(net_make_dense(&step->net, &weight, has_bias ? &bias : NULL, &step->act));
    reading->features = features;
out:
    return status;
}

/* Of a layer of its own kind: the rules of layers hold for it. */
static clrnn_status read_act(clrnn_activation *out, json_t *json, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    char inner[CONFIG_WHERE];
    snprintf(inner, sizeof inner, "%s.activation", where);
    if (json_object_get(json, "activation") != NULL) {
        TRY(config_read_activation(out, json_object_get(json, "activation"), inner));
    }
    REQUIRE(out->source == NULL && out->kind != CLRNN_ACT_CUSTOM, FORMAT,
            "%s: custom activations are for recurrent layers", inner);
    const clrnn_layer_desc layer = {.cell = CLRNN_CELL_DENSE, .hidden = 1, .acts = {{*out}}};
    TRY(config_check(&(struct config){.desc = {.num_layers = 1, .layers = &layer}}, inner));
    out->kind = out->kind == CLRNN_ACT_DEFAULT ? CLRNN_ACT_LINEAR : out->kind;
out:
    free((char *)out->source);
    out->source = NULL;
    return status;
}

static clrnn_status read_dense(struct step *step, struct reading *reading, json_t *json,
                               const char *where, int *has_softmax) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *bias = json_object_get(json, "bias");
    const json_t *act = json_object_get(json, "activation");
    char inner[CONFIG_WHERE];
    int features = 0, has_bias = 1;
    snprintf(inner, sizeof inner, "%s.features", where);
    TRY(config_read_count(&features, json_object_get(json, "features"), 1, inner));
    snprintf(inner, sizeof inner, "%s.bias", where);
    if (bias != NULL) {
        TRY(config_read_flag(&has_bias, bias, inner));
    }
    *has_softmax = json_is_string(act) && strcmp(json_string_value(act), "softmax") == 0;
    if (!*has_softmax) {
        TRY(read_act(&step->act, json, where));
    }
    TRY(make_dense(step, reading, features, has_bias));
out:
    return status;
}

/* The arrays of one recurrent entry, as views with their whole names. */
static clrnn_status subset(clrnn_arrays **out, struct reading *reading, const char *prefix) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_arrays *all = reading->source->arrays;
    TRY(clrnn_arrays_create(out));
    for (size_t i = 0; i < clrnn_arrays_count(all); i++) {
        const char *name = clrnn_arrays_name(all, i);
        clrnn_tensor copy;
        if (strncmp(name, prefix, strlen(prefix)) == 0 &&
            strchr(name + strlen(prefix), '.') == NULL) {
            const clrnn_tensor *found = clrnn_arrays_at(all, i);
            REQUIRE(found->dtype != CLRNN_DTYPE_TEXT, FORMAT, "%s: %s is a text", reading->label,
                    name);
            TRY(clrnn_arrays_convert(&copy, *out, name, found->dtype, found));
            reading->used[i] = 1;
        }
    }
out:
    return status;
}

/* As a config of version 1 of its own, which says everything. */
static clrnn_status read_recurrent(struct step *step, struct reading *reading, json_t *json,
                                   const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *sequences = json_object_get(json, "return_sequences");
    const json_t *flip = json_object_get(json, "flip");
    char inner[CONFIG_WHERE], prefix[160];
    struct config config = {0};
    clrnn_net_desc desc = {0};
    clrnn_arrays *arrays = NULL;
    json_t *whole = NULL;
    int all_steps = 1;
    REQUIRE(json_object_get(json, "layers") != NULL, FORMAT, "%s: has no layers", where);
    REQUIRE(reading->features > 0, FORMAT,
            "%s: takes numbers, gets integers: embedding comes first", where);
    snprintf(inner, sizeof inner, "%s.return_sequences", where);
    if (sequences != NULL) {
        TRY(config_read_flag(&all_steps, sequences, inner));
    }
    snprintf(inner, sizeof inner, "%s.flip", where);
    if (flip != NULL) {
        TRY(config_read_flag(&step->flip, flip, inner));
    }
    REQUIRE(!step->flip || all_steps, FORMAT, "%s: a last output has nothing to turn round", inner);
    step->last_only = !all_steps;
    snprintf(prefix, sizeof prefix, "%s.", step->name);
    whole = json_pack("{s:s, s:i, s:I, s:s, s:O}", "format", "clrnn", "version", 1, "inputs",
                      (json_int_t)reading->features, "prefix", prefix, "layers",
                      json_object_get(json, "layers"));
    REQUIRE(whole != NULL, MEMORY, "%s: out of memory", where);
    TRY(config_read_json(&config, whole, where));
    model_options_ask(&reading->asked, &config);
    TRY(model_options_give(&desc, &config, reading->options, where));
    TRY(subset(&arrays, reading, prefix));
    const struct model_source source = {arrays, reading->source->path};
    TRY(model_read_weights(&step->net, &desc, &config, &model_torch, &source));
    reading->features = clrnn_layer_outputs(&desc.layers[desc.num_layers - 1]);
out:
    free((clrnn_layer_desc *)desc.layers);
    clrnn_arrays_free(arrays);
    config_free(&config);
    json_decref(whole);
    return status;
}

static clrnn_status read_axis(struct step *step, const json_t *json, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *axis = json_object_get(json, "axis");
    char inner[CONFIG_WHERE];
    step->axis = -1;
    snprintf(inner, sizeof inner, "%s.axis", where);
    if (axis != NULL) {
        if (!json_is_integer(axis) || json_integer_value(axis) < -3 ||
            json_integer_value(axis) > 2) {
            TRY(config_unexpected(inner, "an axis, -3 to 2", axis));
        }
        step->axis = json_integer_value(axis);
    }
out:
    return status;
}

static clrnn_status check_keys(json_t *json, enum step_kind kind, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *keys[9] = {"type", "name", "class"};
    size_t count = 3;
    const char *key;
    json_t *value;
    for (size_t i = 0; keys_of[kind][i] != NULL; i++) {
        keys[count++] = keys_of[kind][i];
    }
    json_object_foreach(json, key, value) {
        if (config_find_key(key, keys, count) == count) {
            TRY(config_unknown_key(where, key, keys, count));
        }
    }
out:
    return status;
}

/* Names become the beginnings of arrays' names. */
static clrnn_status read_names(struct step *step, struct reading *reading, const json_t *json,
                               const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    char inner[CONFIG_WHERE];
    char *copy = NULL;
    const json_t *name = json_object_get(json, "name"), *type = json_object_get(json, "class");
    snprintf(inner, sizeof inner, "%s.name", where);
    TRY(config_read_name(&copy, name, inner)); /* its rules; the JSON keeps the text */
    for (int i = 0; i < reading->steps.count; i++) {
        REQUIRE(strcmp(reading->steps.steps[i].name, copy) != 0, FORMAT,
                "%s: an entry before is called %s, too", inner, copy);
    }
    step->name = json_string_value(name);
    step->type = "";
    snprintf(inner, sizeof inner, "%s.class", where);
    if (type != NULL) {
        free(copy);
        copy = NULL;
        TRY(config_read_name(&copy, type, inner));
        step->type = json_string_value(type);
    }
out:
    free(copy);
    return status;
}

static clrnn_status read_step(struct reading *reading, json_t *json, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *kinds[STEP_KINDS + 1] = {NULL};
    char inner[CONFIG_WHERE];
    int kind = 0, has_softmax = 0;
    if (!json_is_object(json)) {
        TRY(config_unexpected(where, "an object", json));
    }
    for (int i = 0; i < STEP_KINDS; i++) {
        kinds[i] = step_kind_name((enum step_kind)i);
    }
    snprintf(inner, sizeof inner, "%s.type", where);
    TRY(config_read_choice(&kind, json_object_get(json, "type"), kinds, inner));
    TRY(check_keys(json, (enum step_kind)kind, where));
    struct step *step = &reading->steps.steps[reading->steps.count];
    *step = (struct step){.kind = (enum step_kind)kind, .is_own_layer = 1};
    TRY(read_names(step, reading, json, where));
    reading->steps.count++; /* steps' nets are freed from here on */
    switch (step->kind) {
    case STEP_MASKING:
        snprintf(inner, sizeof inner, "%s.value", where);
        if (json_object_get(json, "value") != NULL) {
            TRY(config_read_real(&step->value, json_object_get(json, "value"), inner));
        }
        break;
    case STEP_EMBEDDING:
        TRY(read_embedding(step, reading, json, where));
        break;
    case STEP_RECURRENT:
        TRY(read_recurrent(step, reading, json, where));
        break;
    case STEP_DENSE:
        TRY(read_dense(step, reading, json, where, &has_softmax));
        break;
    case STEP_ACTIVATION:
        TRY(read_act(&step->act, json, where));
        break;
    default:
        TRY(read_axis(step, json, where));
    }
    step->type = step->type[0] != '\0' ? step->type : step_class(step);
    if (has_softmax) {
        step[1] =
            (struct step){.kind = STEP_SOFTMAX, .name = step->name, .type = step->type, .axis = -1};
        reading->steps.count++;
    }
out:
    return status;
}

static clrnn_status read_root(struct reading *reading) {
    static const char *const keys[] = {"format", "version",     "inputs", "input",
                                       "steps",  "batch_first", "chain"};
    enum { KEYS = sizeof keys / sizeof keys[0] };
    clrnn_status status = CLRNN_STATUS_OK;
    struct steps *steps = &reading->steps;
    const json_t *chain = json_object_get(reading->json, "chain");
    const json_t *format = json_object_get(reading->json, "format");
    char where[CONFIG_WHERE];
    char *name = NULL;
    int number = 0;
    const char *key;
    json_t *value;
    REQUIRE(json_is_string(format) && strcmp(json_string_value(format), "clrnn") == 0, FORMAT,
            "%s: format: expected 'clrnn'", reading->label);
    *steps = (struct steps){.length = -1, .input = "x", .takes_lengths = 1};
    snprintf(where, sizeof where, "%s: chain", reading->label);
    if (!json_is_array(chain) || json_array_size(chain) < 1 ||
        json_array_size(chain) > CHAIN_MOST) {
        TRY(config_unexpected(where, CHAIN_ENTRIES, chain));
    }
    json_object_foreach(reading->json, key, value) {
        snprintf(where, sizeof where, "%s: %.20s", reading->label, key);
        if (strcmp(key, "inputs") == 0) {
            TRY(config_read_count(&number, value, 1, where));
            steps->inputs = number;
        } else if (strcmp(key, "steps") == 0) {
            TRY(config_read_count(&number, value, 1, where));
            steps->length = number;
        } else if (strcmp(key, "batch_first") == 0) {
            TRY(config_read_flag(&steps->batch_first, value, where));
        } else if (strcmp(key, "input") == 0) {
            TRY(config_read_name(&name, value, where));
            steps->input = json_string_value(value);
        } else if (config_find_key(key, keys, KEYS) == KEYS) {
            TRY(config_unknown_key(reading->label, key, keys, KEYS));
        }
    }
    const json_t *first = json_object_get(json_array_get(chain, 0), "type");
    const int is_embedded =
        json_is_string(first) && strcmp(json_string_value(first), "embedding") == 0;
    REQUIRE(is_embedded == (steps->inputs == 0), FORMAT, "%s: inputs: %s", reading->label,
            is_embedded ? "an embedding takes integers, which have no features" : "is missing");
    if (reading->options->layout != CLRNN_LAYOUT_DEFAULT) {
        steps->batch_first = reading->options->layout == CLRNN_LAYOUT_BATCH_FIRST;
    }
    reading->features = steps->inputs;
    steps->steps = calloc(2 * json_array_size(chain), sizeof *steps->steps);
    REQUIRE(steps->steps != NULL, MEMORY, "%s: out of memory", reading->label);
    for (size_t i = 0; i < json_array_size(chain); i++) {
        snprintf(where, sizeof where, "%s: chain[%zu]", reading->label, i);
        TRY(read_step(reading, json_array_get(chain, i), where));
    }
out:
    free(name);
    return status;
}

static clrnn_status refuse_surplus(const struct reading *reading) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    for (size_t i = 0; i < clrnn_arrays_count(reading->source->arrays); i++) {
        const char *name = clrnn_arrays_name(reading->source->arrays, i);
        arrays_label(label, reading->source->path, name);
        REQUIRE(reading->used[i] || strcmp(name, "config") == 0, FORMAT,
                "%s: is no weight of the config's layers", label);
    }
out:
    return status;
}

clrnn_status chain_read(struct graph **out, const struct model_source *source,
                        const clrnn_model_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct reading reading = {.source = source, .options = options};
    const clrnn_tensor *text = clrnn_arrays_find(source->arrays, "config");
    arrays_label(reading.label, source->path, "config");
    reading.used = calloc(clrnn_arrays_count(source->arrays) + 1, 1);
    REQUIRE(reading.used != NULL, MEMORY, "%s: out of memory", reading.label);
    TRY(json_text_read(&reading.json, text->data, strlen(text->data), DEPTH, reading.label));
    TRY(clrnn_arrays_create(&reading.scratch));
    TRY(model_options_begin(&reading.asked, options, reading.label));
    TRY(read_root(&reading));
    TRY(model_options_finish(&reading.asked, reading.label));
    TRY(refuse_surplus(&reading));
    TRY(steps_to_graph(out, &reading.steps, reading.label));
out:
    for (int i = 0; i < reading.steps.count; i++) {
        clrnn_net_free(reading.steps.steps[i].net);
    }
    steps_free(&reading.steps);
    model_options_free(&reading.asked);
    clrnn_arrays_free(reading.scratch);
    free(reading.used);
    json_decref(reading.json);
    return status;
}
