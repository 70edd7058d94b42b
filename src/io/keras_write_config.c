/* keras_write_config.c: config.json, as keras.saving writes it and reads it back. */
#include "io/json_text.h"
#include "io/keras_write.h"

#include <stdio.h>
#include <string.h>

/* {"module": ..., "class_name": ..., "config": config, "registered_name": null}; takes over config,
 * which may be NULL where making it failed: then so is this. */
static json_t *object_of(const char *module, const char *class_name, json_t *config) {
    return config == NULL ? NULL
                          : json_pack("{s:s, s:s, s:o, s:n}", "module", module, "class_name",
                                      class_name, "config", config, "registered_name");
}

static json_t *policy(void) {
    return object_of("keras", "DTypePolicy", json_pack("{s:s}", "name", "float32"));
}

/* What every layer has. */
static json_t *layer_config(const char *name) {
    return json_pack("{s:s, s:b, s:o}", "name", name, "trainable", 1, "dtype", policy());
}

static int put(json_t *config, const char *key, json_t *value) {
    return json_object_set_new(config, key, value);
}

/* A cell's layer: alone, or one of the two of a Bidirectional. */
static json_t *recurrent_config(const struct keras_layer *layer, const struct strand *strand,
                                const char *name, int go_backwards) {
    json_t *config = layer_config(name);
    const int is_lstm = strand->desc->cell == CLRNN_CELL_LSTM;
    const int is_gru = strand->desc->cell == CLRNN_CELL_GRU;
    const clrnn_activation *act = &strand->acts[strand->act_count - 1]; /* of h, of n */
    int failed = config == NULL;
    failed = failed || put(config, "return_sequences", json_boolean(layer->return_sequences));
    failed = failed || put(config, "return_state", json_false());
    failed = failed || put(config, "go_backwards", json_boolean(go_backwards));
    failed = failed || put(config, "stateful", json_false());
    failed = failed || put(config, "unroll", json_false());
    failed = failed || put(config, "zero_output_for_mask", json_boolean(layer->zero_output));
    failed = failed || put(config, "units", json_integer(strand->hidden));
    failed = failed || put(config, "activation", json_string(keras_act_name(act)));
    if (is_lstm || is_gru) {
        failed = failed ||
                 put(config, "recurrent_activation", json_string(keras_act_name(strand->acts)));
    }
    failed = failed || put(config, "use_bias", json_boolean(strand->weights[BIAS_IH] != NULL));
    if (is_lstm) {
        failed = failed || put(config, "unit_forget_bias", json_true());
    }
    failed = failed || put(config, "dropout", json_real(0));
    failed = failed || put(config, "recurrent_dropout", json_real(0));
    if (is_gru) {
        const int is_after = strand->desc->reset == CLRNN_RESET_AFTER;
        failed = failed || put(config, "reset_after", json_boolean(is_after));
    }
    return json_text_unless(failed, config);
}

static json_t *half_of(const struct keras_layer *layer, const struct strand *strand,
                       const char *prefix, int go_backwards) {
    char name[KERAS_NAME + 16];
    const char *class_name = keras_cell_class(strand);
    snprintf(name, sizeof name, "%s_%s", prefix, layer->name);
    return object_of("keras.layers", class_name,
                     recurrent_config(layer, strand, name, go_backwards));
}

static json_t *bidirectional_config(const struct keras_layer *layer) {
    static const char *const merges[] = {[CLRNN_MERGE_CONCAT] = "concat",
                                         [CLRNN_MERGE_SUM] = "sum",
                                         [CLRNN_MERGE_MUL] = "mul",
                                         [CLRNN_MERGE_AVE] = "ave"};
    json_t *config = layer_config(layer->name);
    int failed = config == NULL;
    failed = failed || put(config, "merge_mode", json_string(merges[layer->merge]));
    failed = failed || put(config, "layer", half_of(layer, layer->half, "forward", 0));
    failed = failed || put(config, "backward_layer", half_of(layer, layer->back, "backward", 1));
    return json_text_unless(failed, config);
}

static json_t *config_of(const struct keras_layer *layer) {
    const struct layer_step *step = layer->step;
    json_t *config;
    int failed;
    if (step->kind == LAYER_RECURRENT) {
        return layer->back != NULL
                   ? bidirectional_config(layer)
                   : recurrent_config(layer, layer->half, layer->name, layer->go_backwards);
    }
    config = layer_config(layer->name);
    failed = config == NULL;
    switch (step->kind) {
    case LAYER_EMBEDDING:
        failed = failed || put(config, "input_dim", json_integer(step->table->shape[0]));
        failed = failed || put(config, "output_dim", json_integer(step->table->shape[1]));
        failed = failed || put(config, "mask_zero", json_boolean(layer->mask_zero));
        break;
    case LAYER_MASKING:
        failed = failed || put(config, "mask_value", json_real((double)step->masked));
        break;
    case LAYER_DENSE:
        failed = failed || put(config, "units", json_integer(layer->half->hidden));
        failed = failed || put(config, "activation", json_string(layer->activation));
        failed =
            failed || put(config, "use_bias", json_boolean(layer->half->weights[BIAS_IH] != NULL));
        break;
    default:
        if (layer->activation != NULL && strcmp(layer->class_name, "Softmax") != 0) {
            failed = failed || put(config, "activation", json_string(layer->activation));
        } else {
            const int last = step->axis == LAYER_AXIS_FEATURES;
            failed = failed || put(config, "axis",
                                   json_integer(last                            ? -1
                                                : step->axis == LAYER_AXIS_TIME ? 1
                                                                                : 0));
        }
    }
    return json_text_unless(failed, config);
}

/* [null, null, 12], with what the file said of the extents. */
static json_t *batch_shape(const struct layer_chain *chain) {
    json_t *shape = json_array();
    int failed = shape == NULL;
    for (int axis = 0; axis < chain->rank; axis++) {
        const int is_features = axis == chain->rank - 1 && chain->steps[0].kind != LAYER_EMBEDDING;
        json_t *extent =
            is_features && chain->features > 0 ? json_integer(chain->features) : json_null();
        failed = failed || json_array_append_new(shape, extent);
    }
    return json_text_unless(failed, shape);
}

static json_t *input_layer(const struct keras_model *model) {
    const char *type = model->chain->steps[0].kind == LAYER_EMBEDDING ? "int32" : "float32";
    return object_of("keras.layers", "InputLayer",
                     json_pack("{s:o, s:s, s:b, s:b, s:s}", "batch_shape",
                               batch_shape(model->chain), "dtype", type, "sparse", 0, "ragged", 0,
                               "name", KERAS_INPUT));
}

clrnn_status keras_config_text(char **out, const struct keras_model *model) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_t *layers = json_array(), *root = NULL;
    int failed = layers == NULL || json_array_append_new(layers, input_layer(model));
    for (int i = 0; i < model->count; i++) {
        const struct keras_layer *layer = &model->layers[i];
        failed =
            failed || json_array_append_new(
                          layers, object_of("keras.layers", layer->class_name, config_of(layer)));
    }
    root = failed ? NULL
                  : object_of("keras", "Sequential",
                              json_pack("{s:s, s:b, s:o, s:O}", "name", "sequential", "trainable",
                                        1, "dtype", policy(), "layers", layers));
    *out = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    REQUIRE(*out != NULL, MEMORY, "keras: out of memory for the config");
out:
    json_decref(layers);
    json_decref(root);
    return status;
}
