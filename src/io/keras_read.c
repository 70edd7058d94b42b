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
#include "io/keras_names.h"
#include "io/keras_reading.h"

#include <stdlib.h>
#include <string.h>

/* What an archive calls the layer. */
static clrnn_status name_stored(char out[KERAS_STORED], struct keras_reading *reading,
                                const char *type) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_int_t number = json_integer_value(json_object_get(reading->seen, type));
    keras_stored_name(out, type, (int)number);
    REQUIRE(json_object_set_new(reading->seen, type, json_integer(number + 1)) == 0, MEMORY,
            "%s: out of memory", reading->file->label);
out:
    return status;
}

/* x and its shape: [null, T or null, I], or [null, T or null] of integers. */
static clrnn_status take_shape(struct keras_reading *reading, const json_t *shape,
                               const char *label) {
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

/* Keras makes x of the dtype first: of numbers float64 alone leaves what float32 can hold. */
static clrnn_status take_dtype(struct keras_reading *reading, const struct keras_layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    reading->dtype = keras_dtype(layer->config);
    REQUIRE(keras_dtype_whole(reading->dtype) > 0, FORMAT, "%s: its dtype %.60s is not supported",
            layer->label, reading->dtype);
    REQUIRE(reading->features == 0 || strcmp(reading->dtype, "float32") == 0 ||
                strcmp(reading->dtype, "float64") == 0,
            FORMAT,
            "%s: its dtype is %.60s, to which Keras would round x: float32 and float64 are "
            "supported",
            layer->label, reading->dtype);
out:
    return status;
}

static clrnn_status add_layer(struct keras_reading *reading, const json_t *json) {
    static const struct {
        const char *type;
        clrnn_status (*add)(struct keras_reading *reading, const struct keras_layer *layer);
    } types[] = {
        {"SimpleRNN", keras_add_recurrent},
        {"LSTM", keras_add_recurrent},
        {"GRU", keras_add_recurrent},
        {"RNN", keras_add_recurrent},
        {"Bidirectional", keras_add_bidirectional},
        {"Dense", keras_add_dense},
        {"TimeDistributed", keras_add_time_distributed},
        {"Embedding", keras_add_embedding},
        {"Masking", keras_add_masking},
        {"Activation", keras_add_activation},
        {"Softmax", keras_add_softmax},
        {"ReLU", keras_add_unit},
        {"LeakyReLU", keras_add_unit},
        {"ELU", keras_add_unit},
    };
    static const char *const identities[] = {"Dropout",       "SpatialDropout1D",
                                             "GaussianNoise", "GaussianDropout",
                                             "AlphaDropout",  "ActivityRegularization"};
    static const char *const none[] = {"l1", "l2", "data_format", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    char stored[KERAS_STORED];
    struct keras_layer layer = {.config = json_object_get(json, "config"),
                                .type = keras_text(json, "class_name"),
                                .version = reading->file->version};
    const char *name = keras_text(layer.config, "name");
    REQUIRE(layer.type != NULL && json_is_object(layer.config) && name != NULL && name[0] != '\0',
            FORMAT, "%s: a layer without class_name, config or name", reading->file->label);
    snprintf(layer.label, sizeof layer.label, "%s: layer '%.60s'", reading->file->label, name);
    layer.is_frozen = keras_is_frozen(layer.config);
    reading->has_order = !layer.is_frozen;
    TRY(name_stored(stored, reading, layer.type));
    const json_t *shape = json_object_get(layer.config, "batch_shape");
    TRY(take_shape(reading,
                   shape != NULL ? shape : json_object_get(layer.config, "batch_input_shape"),
                   layer.label));
    if (strcmp(layer.type, "InputLayer") == 0) {
        TRY(keras_check_keys(&layer, none));
        TRY(take_dtype(reading, &layer));
        reading->steps.input = name;
        goto out;
    }
    REQUIRE(reading->has_input, FORMAT, "%s: the model does not say what its input is",
            reading->file->label);
    TRY(keras_file_begin(reading->file, name, stored));
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

clrnn_status keras_read_file(struct graph **out, struct keras_file *file) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_reading *reading = calloc(1, sizeof *reading);
    struct graph *graph = NULL;
    json_t *chain = NULL;
    int outputs = 0; /* that a functional model says it has */
    const char *type = keras_text(file->config, "class_name");
    const json_t *model = json_object_get(file->config, "config");
    /* Keras 1 and early 2: the layers themselves */
    const json_t *layers = json_is_array(model) ? model : json_object_get(model, "layers");
    REQUIRE(reading != NULL, MEMORY, "%s: out of memory", file->label);
    reading->file = file;
    reading->steps = (struct steps){.length = -1, .input = "x", .batch_first = 1};
    reading->dtype = "float32";
    reading->seen = json_object();
    REQUIRE(type != NULL, FORMAT, "%s: its config has no class_name", file->label);
    reading->is_functional = strcmp(type, "Functional") == 0 || strcmp(type, "Model") == 0;
    REQUIRE(strcmp(type, "Sequential") == 0 || reading->is_functional, FORMAT,
            "%s: is a %.60s, Sequential and Functional models are supported", file->label, type);
    REQUIRE(json_is_array(layers) && json_array_size(layers) >= 1 &&
                json_array_size(layers) <= KERAS_MOST_LAYERS,
            FORMAT, "%s: needs 1 to %d layers, got %zu", file->label, KERAS_MOST_LAYERS,
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
    TRY(keras_file_finish(file));
    REQUIRE(reading->steps.count > 0, FORMAT, "%s: has no layer that computes anything",
            file->label);
    const int made = reading->steps.steps[reading->steps.count - 1].is_apart ? 2 : 1;
    REQUIRE(!reading->is_functional || outputs == made, FORMAT,
            "%s: gives %d outputs of its last layer, which has %d", file->label, outputs, made);
    TRY(steps_to_graph(&graph, &reading->steps, file->label));
    TRY(keras_summary_silent(graph, reading));
    keras_summary_frozen(graph, reading, keras_is_frozen(model));
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
