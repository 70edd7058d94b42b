/*
 * model.c: nets from files and into files: the table of formats, and the public functions.
 *
 * A row of `formats` looks at the names of a file's arrays and says whether it knows them. Nothing
 * in a file is skipped: an array that is not used is an error with its name.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/model.h"

#include "core/net.h"
#include "io/arrays.h"
#include "io/foreign.h"
#include "io/model_options.h"
#include "io/model_weights.h"
#include "io/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READS "this version reads .npz and .safetensors"

/* A config decides, whatever the weights are called. */
static const struct model_format *const formats[] = {&model_config, &model_lesson, &model_torch};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

/* ---- reading --------------------------------------------------------------------------------- */

static clrnn_status find_format(const struct model_format **out,
                                const struct model_source *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    arrays_label(label, source->path, NULL);
    *out = NULL;
    REQUIRE(clrnn_arrays_count(source->arrays) > 0, FORMAT,
            "%s: holds no arrays, expected a model's", label);
    for (size_t i = 0; i < FORMAT_COUNT && *out != &model_config; i++) {
        if (formats[i]->probe(source->arrays)) {
            REQUIRE(*out == NULL, FORMAT, "%s: mixes two naming schemes, %s and %s", label,
                    (*out)->title, formats[i]->title);
            *out = formats[i];
        }
    }
    arrays_label(label, source->path, clrnn_arrays_name(source->arrays, 0));
    REQUIRE(
        *out != NULL, FORMAT,
        "%s: is no weight this version knows, expected Wx Wh b, PyTorch's weight_ih_l0 ... or a "
        "config",
        label);
out:
    return status;
}

clrnn_status model_read(clrnn_model **out, const clrnn_arrays *arrays, const char *path,
                        const clrnn_model_options *options) {
    static const clrnn_model_options none = {0};
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    const struct model_source source = {arrays, path};
    clrnn_net_desc desc = {0};
    clrnn_layer_desc *layers = NULL;
    clrnn_model *model = calloc(1, sizeof *model);
    options = options != NULL ? options : &none;
    arrays_label(label, path, NULL);
    REQUIRE(model != NULL, MEMORY, "%s: out of memory", label);
    TRY(model_options_check(options));
    TRY(find_format(&model->format, &source));
    TRY(model->format->read(&model->config, &source));
    TRY(model_options_apply(&desc, &model->config, options, label));
    layers = (clrnn_layer_desc *)desc.layers;
    TRY(model_read_weights(&model->net, &desc, &model->config, model->format, &source));
    *out = model;
    model = NULL;
out:
    free(layers);
    clrnn_model_free(model);
    return status;
}

static clrnn_status parse_file(clrnn_arrays **out, const unsigned char *bytes, size_t size,
                               const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    arrays_label(label, path, NULL);
    switch (arrays_probe(bytes, size)) {
    case ARRAYS_ZIP:
        return arrays_parse(out, bytes, size, path);
    case ARRAYS_SAFETENSORS:
        TRY(clrnn_arrays_create(out));
        TRY(safetensors_read(*out, bytes, size, path));
        break;
    default:
        REQUIRE(size > 0, FORMAT, "%s: is an empty file; " READS, label);
        REQUIRE(0, FORMAT, "%s: is no model file, starts with byte 0x%02x; " READS, label,
                bytes[0]);
    }
out:
    return status;
}

clrnn_status clrnn_model_load(clrnn_model **out, const char *path,
                              const clrnn_model_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    unsigned char *bytes = NULL;
    size_t size = 0;
    clrnn_arrays *arrays = NULL;
    REQUIRE(out != NULL, ARGUMENT, "model: needs a place for the result, got NULL");
    *out = NULL;
    REQUIRE(path != NULL, ARGUMENT, "model: load needs a path, got NULL");
    TRY(arrays_read_file(&bytes, &size, path));
    status = parse_file(&arrays, bytes, size, path);
    const char *foreign = status == CLRNN_STATUS_FORMAT ? foreign_name(bytes, size, path) : NULL;
    REQUIRE(foreign == NULL, FORMAT, "%s: is %s; " READS, arrays_label(label, path, NULL), foreign);
    TRY(status);
    TRY(model_read(out, arrays, path, options));
out:
    clrnn_arrays_free(arrays);
    free(bytes);
    return status;
}

/* ---- making and writing ---------------------------------------------------------------------- */

clrnn_status clrnn_model_create(clrnn_model **out, const clrnn_net *net, int batch_first) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_model *model = NULL;
    const char *name;
    REQUIRE(out != NULL, ARGUMENT, "model: needs a place for the result, got NULL");
    *out = NULL;
    REQUIRE(net != NULL, ARGUMENT, "model: create needs a net, got NULL");
    TRY(net_require_complete(net));
    model = calloc(1, sizeof *model);
    REQUIRE(model != NULL, MEMORY, "model: out of memory");
    model->format = &model_config;
    TRY(config_from_desc(&model->config, clrnn_net_get_desc(net)));
    model->config.has_layout = 1;
    model->config.batch_first = batch_first != 0;
    TRY(clrnn_net_create(&model->net, clrnn_net_get_desc(net)));
    for (size_t i = 0; (name = clrnn_net_weight_name(net, i)) != NULL; i++) {
        clrnn_tensor value;
        TRY(clrnn_net_get_weight(&value, net, name));
        TRY(clrnn_net_set_weight(model->net, name, &value));
    }
    *out = model;
    model = NULL;
out:
    clrnn_model_free(model);
    return status;
}

static clrnn_status add_config(clrnn_arrays *into, const struct config *config) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *text = NULL;
    TRY(config_write(&text, config));
    TRY(arrays_insert(into, "config", &(clrnn_tensor){.data = text, .dtype = CLRNN_DTYPE_TEXT}));
    text = NULL;
out:
    free(text);
    return status;
}

clrnn_status clrnn_model_save(const clrnn_model *model, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_arrays *arrays = NULL;
    REQUIRE(model != NULL && path != NULL, ARGUMENT, "model: save needs a model and a path");
    const char *slash = strrchr(path, '/');
    const char *suffix = strrchr(slash != NULL ? slash : path, '.');
    const int safe = suffix != NULL && strcmp(suffix, ".safetensors") == 0;
    REQUIRE(suffix == NULL || safe || strcmp(suffix, ".npz") == 0, ARGUMENT,
            "%s: models are written as .npz or .safetensors, got %s", path, suffix);
    TRY(clrnn_arrays_create(&arrays));
    if (model->format == &model_lesson && !safe) {
        TRY(model_write_weights(arrays, model->net, "", &model_lesson));
    } else {
        /* PyTorch's names say nothing of a relu, for example, which would be lost. */
        if (model->format == &model_config || !config_is_plain(&model->config.desc)) {
            TRY(add_config(arrays, &model->config));
        }
        TRY(model_write_weights(arrays, model->net, model->config.prefix, &model_torch));
    }
    TRY(arrays_write(arrays, path, safe ? ARRAYS_SAFETENSORS : ARRAYS_ZIP));
out:
    clrnn_arrays_free(arrays);
    return status;
}

void clrnn_model_free(clrnn_model *model) {
    if (model == NULL) {
        return;
    }
    clrnn_net_free(model->net);
    config_free(&model->config);
    free(model);
}

/* ---- what it is ------------------------------------------------------------------------------ */

const clrnn_net *clrnn_model_net(const clrnn_model *model) {
    return model != NULL ? model->net : NULL;
}

clrnn_model_info clrnn_model_get_info(const clrnn_model *model) {
    clrnn_model_info info = {0};
    if (model != NULL) {
        info.has_layout = model->config.has_layout;
        info.batch_first = model->config.batch_first;
        info.last_only = model->config.last_only;
        snprintf(info.format, sizeof info.format, "%s", model->format->name);
    }
    return info;
}

size_t clrnn_model_layer_count(const clrnn_model *model) {
    return model != NULL ? (size_t)model->config.desc.num_layers : 0;
}

/* The config's name; else the prefix, with the layer where there are several; else the cell, with a
 * number from the second of its kind on. */
static void name_layer(char *name, size_t size, const struct config *config, int layer) {
    enum { LONGEST = 100 };
    const char *prefix = config->prefix;
    const clrnn_cell cell = config->desc.layers[layer].cell;
    size_t length = strlen(prefix);
    int before = 0;
    length -= length > 0 && prefix[length - 1] == '.';
    length = length < LONGEST ? length : LONGEST;
    while (length > 0 && (prefix[length] & 0xc0) == 0x80) {
        length--;
    }
    for (int i = 0; i < layer; i++) {
        before += config->desc.layers[i].cell == cell;
    }
    if (config->names[layer] != NULL) {
        snprintf(name, size, "%s", config->names[layer]);
    } else if (length > 0 && config->desc.num_layers == 1) {
        snprintf(name, size, "%.*s", (int)length, prefix);
    } else if (length > 0) {
        snprintf(name, size, "%.*s_l%d", (int)length, prefix, layer);
    } else if (before == 0) {
        snprintf(name, size, "%s", clrnn_cell_name(cell));
    } else {
        snprintf(name, size, "%s_%d", clrnn_cell_name(cell), before);
    }
}

static int64_t count_params(const clrnn_net *net, int layer) {
    int64_t params = 0;
    for (int i = 0; i < net->strand_count; i++) {
        const struct strand *strand = &net->strands[i];
        for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
            int64_t rows, columns;
            strand_weight_shape(strand, role, &rows, &columns);
            if (strand->layer == layer && strand->weights[role] != NULL) {
                params += rows * (columns > 0 ? columns : 1);
            }
        }
    }
    return params;
}

clrnn_status clrnn_model_layer(clrnn_layer_info *out, const clrnn_model *model, size_t layer) {
    static const char *const types[] = {[CLRNN_CELL_RNN] = "RNN",
                                        [CLRNN_CELL_LSTM] = "LSTM",
                                        [CLRNN_CELL_GRU] = "GRU",
                                        [CLRNN_CELL_CUSTOM] = "Custom"};
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(out != NULL && model != NULL, ARGUMENT,
            "model: layer needs a place for the result and a model");
    REQUIRE(layer < clrnn_model_layer_count(model), ARGUMENT,
            "model: layer must be less than %zu, got %zu", clrnn_model_layer_count(model), layer);
    const clrnn_layer_desc *desc = &model->config.desc.layers[layer];
    *out = (clrnn_layer_info){.outputs = clrnn_layer_outputs(desc),
                              .params = count_params(model->net, (int)layer)};
    name_layer(out->name, sizeof out->name, &model->config, (int)layer);
    snprintf(out->type, sizeof out->type, "%s%s",
             desc->direction == CLRNN_DIRECTION_BIDIRECTIONAL ? "Bidirectional " : "",
             types[desc->cell]);
out:
    return status;
}
