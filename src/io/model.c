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
#include "io/chain.h"
#include "io/foreign.h"
#include "io/keras.h"
#include "io/model_graph.h"
#include "io/model_options.h"
#include "io/model_weights.h"
#include "io/onnx.h"
#include "io/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READS "models are .npz, .safetensors, .keras, .h5 and .onnx files"

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
    for (size_t i = 0; i < clrnn_arrays_count(source->arrays) && *out == NULL; i++) {
        const char *name = clrnn_arrays_name(source->arrays, i);
        REQUIRE(
            strstr(name, "kernel") == NULL, FORMAT,
            "%s: %.60s is one of Keras's weights, and there is no config: what layers they are of, "
            "their activations and masks are missing; save the model as .keras",
            label, name);
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

/* The net becomes the model's graph. */
static clrnn_status take_net(clrnn_model *model, clrnn_net **net, clrnn_layout layout) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int batch_first = layout == CLRNN_LAYOUT_DEFAULT ? model->config.batch_first
                                                           : layout == CLRNN_LAYOUT_BATCH_FIRST;
    TRY(model_graph_of_net(&model->graph, *net, &model->config, batch_first));
    model->name = model->format->name;
    model->net = *net;
    *net = NULL;
out:
    return status;
}

/* The snippets of a chain, whose graph holds their texts and not their names. */
static clrnn_status keep_snippets(clrnn_model *model, const clrnn_model_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    model->snippets = calloc(options->num_snippets + 1, sizeof *model->snippets);
    REQUIRE(model->snippets != NULL, MEMORY, "model: out of memory");
    for (size_t i = 0; i < options->num_snippets; i++) {
        clrnn_snippet *copy = &model->snippets[model->snippet_count++];
        copy->name = strdup(options->snippets[i].name);
        copy->source = strdup(options->snippets[i].source);
        REQUIRE(copy->name != NULL && copy->source != NULL, MEMORY, "model: out of memory");
    }
out:
    return status;
}

/* A chain of layers in named arrays; *out NULL: they are a net and no more. */
static clrnn_status read_chain(clrnn_model **out, const struct model_source *source,
                               const clrnn_model_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_model *model = NULL;
    int has_config;
    *out = NULL;
    TRY(chain_probe(&has_config, source));
    if (!has_config && !torch_linear_probe(source->arrays)) {
        goto out;
    }
    model = calloc(1, sizeof *model);
    REQUIRE(model != NULL, MEMORY, "model: out of memory");
    model->name = has_config ? "config" : "torch";
    TRY(has_config ? chain_read(&model->graph, source, options)
                   : torch_linear_read(&model->graph, source, options));
    TRY(keep_snippets(model, options));
    *out = model;
    model = NULL;
out:
    clrnn_model_free(model);
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
    clrnn_net *net = NULL;
    clrnn_model *model = calloc(1, sizeof *model);
    options = options != NULL ? options : &none;
    arrays_label(label, path, NULL);
    REQUIRE(model != NULL, MEMORY, "%s: out of memory", label);
    TRY(model_options_check(options));
    TRY(read_chain(out, &source, options));
    if (*out != NULL) {
        goto out;
    }
    TRY(find_format(&model->format, &source));
    TRY(model->format->read(&model->config, &source));
    TRY(model_options_apply(&desc, &model->config, options, label));
    layers = (clrnn_layer_desc *)desc.layers;
    TRY(model_read_weights(&net, &desc, &model->config, model->format, &source));
    TRY(take_net(model, &net, options->layout));
    *out = model;
    model = NULL;
out:
    free(layers);
    clrnn_net_free(net);
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

/* ---- files ----------------------------------------------------------------------------------- */

static int is_known(const unsigned char *bytes, size_t size) {
    return arrays_probe(bytes, size) != ARRAYS_UNKNOWN || keras_probe(bytes, size) ||
           onnx_probe(bytes, size);
}

/* What says everything itself takes no options. */
static clrnn_status refuse_options(const clrnn_model_options *options, const char *label,
                                   const char *format) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(options->nonlinearity == CLRNN_ACT_DEFAULT, ARGUMENT,
            "%s: %s says its activations itself, got nonlinearity %s", label, format,
            clrnn_act_name(options->nonlinearity));
    REQUIRE(options->num_snippets == 0, ARGUMENT, "%s: %s asks for no snippets, got '%.60s'", label,
            format, options->snippets[0].name);
    REQUIRE(options->layout == CLRNN_LAYOUT_DEFAULT, ARGUMENT,
            "%s: %s says itself how x lies, got a layout", label, format);
out:
    return status;
}

/* A graph of a file; *out NULL: the file holds arrays, whose names say what they are. */
static clrnn_status read_graph(clrnn_model **out, const unsigned char *bytes, size_t size,
                               const char *path, const clrnn_model_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    const int is_keras = keras_probe(bytes, size);
    clrnn_model *model = NULL;
    *out = NULL;
    arrays_label(label, path, NULL);
    if (!is_keras && !(arrays_probe(bytes, size) == ARRAYS_UNKNOWN && onnx_probe(bytes, size))) {
        goto out;
    }
    model = calloc(1, sizeof *model);
    REQUIRE(model != NULL, MEMORY, "%s: out of memory", label);
    TRY(model_options_check(options));
    TRY(refuse_options(options, label, is_keras ? "a Keras model" : "an ONNX model"));
    model->name = is_keras ? "keras" : "onnx";
    TRY(is_keras ? keras_read(&model->graph, bytes, size, path)
                 : onnx_read(&model->graph, bytes, size, path));
    *out = model;
    model = NULL;
out:
    clrnn_model_free(model);
    return status;
}

clrnn_status clrnn_model_load(clrnn_model **out, const char *path,
                              const clrnn_model_options *options) {
    static const clrnn_model_options none = {0};
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    unsigned char *bytes = NULL;
    size_t size = 0;
    clrnn_arrays *arrays = NULL;
    REQUIRE(out != NULL, ARGUMENT, "model: needs a place for the result, got NULL");
    *out = NULL;
    REQUIRE(path != NULL, ARGUMENT, "model: load needs a path, got NULL");
    TRY(arrays_read_known(&bytes, &size, path, is_known));
    TRY(read_graph(out, bytes, size, path, options != NULL ? options : &none));
    if (*out != NULL) {
        goto out;
    }
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

/* ---- making ----------------------------------------------------------------------------------- */

clrnn_status clrnn_model_create(clrnn_model **out, const clrnn_net *net, int batch_first) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_model *model = NULL;
    clrnn_net *copy = NULL;
    const char *name;
    REQUIRE(out != NULL, ARGUMENT, "model: needs a place for the result, got NULL");
    *out = NULL;
    REQUIRE(net != NULL, ARGUMENT, "model: create needs a net, got NULL");
    TRY(net_require_complete(net));
    model = calloc(1, sizeof *model);
    REQUIRE(model != NULL, MEMORY, "model: out of memory");
    model->format = &model_config;
    TRY(config_from_desc(&model->config, clrnn_net_get_desc(net), &(struct config_code){0}));
    model->config.has_layout = 1;
    model->config.batch_first = batch_first != 0;
    TRY(clrnn_net_create(&copy, clrnn_net_get_desc(net)));
    for (size_t i = 0; (name = clrnn_net_weight_name(net, i)) != NULL; i++) {
        clrnn_tensor value;
        TRY(clrnn_net_get_weight(&value, net, name));
        TRY(clrnn_net_set_weight(copy, name, &value));
    }
    TRY(take_net(model, &copy, CLRNN_LAYOUT_DEFAULT));
    *out = model;
    model = NULL;
out:
    clrnn_net_free(copy);
    clrnn_model_free(model);
    return status;
}

void clrnn_model_free(clrnn_model *model) {
    if (model == NULL) {
        return;
    }
    graph_free(model->graph); /* and the net with it */
    config_free(&model->config);
    for (size_t i = 0; i < model->snippet_count; i++) {
        free((char *)model->snippets[i].name);
        free((char *)model->snippets[i].source);
    }
    free(model->snippets);
    free(model);
}
