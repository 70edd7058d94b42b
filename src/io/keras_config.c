/* keras_config.c: options and activations of Keras's layers. */
#include "io/keras_config.h"

#include "core/net.h"
#include "io/json_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *keras_text(const json_t *json, const char *key) {
    return json_string_value(json_object_get(json, key));
}

int keras_is_frozen(const json_t *config) {
    return json_is_false(json_object_get(config, "trainable"));
}

clrnn_status keras_layer_within(struct keras_layer *out, const struct keras_layer *layer,
                                const char *key, const json_t *inner) {
    clrnn_status status = CLRNN_STATUS_OK;
    out->version = layer->version;
    out->type = keras_text(inner, "class_name");
    out->config = json_object_get(inner, "config");
    out->is_frozen = keras_is_frozen(out->config) || (layer->version < 3 && layer->is_frozen);
    REQUIRE(out->type != NULL && json_is_object(out->config), FORMAT, "%s: %s: is no layer",
            layer->label, key);
    snprintf(out->label, sizeof out->label, "%.200s: %s", layer->label, key);
out:
    return status;
}

static const json_t *value_of(const struct keras_layer *layer, const char *key) {
    const json_t *value = json_object_get(layer->config, key);
    return json_is_null(value) ? NULL : value;
}

static clrnn_status unexpected(const struct keras_layer *layer, const char *key,
                               const char *expected, const json_t *got) {
    char shown[JSON_TEXT_SHOWN];
    return status_fail(CLRNN_STATUS_FORMAT, 0, "%s: %s: expected %s, got %s", layer->label, key,
                       expected, got != NULL ? json_text_show(shown, got) : "none");
}

clrnn_status keras_flag(int *out, const struct keras_layer *layer, const char *key, int fallback) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *value = value_of(layer, key);
    if (value != NULL && !json_is_boolean(value)) {
        TRY(unexpected(layer, key, "true or false", value));
    }
    *out = value != NULL ? json_is_true(value) : fallback;
out:
    return status;
}

clrnn_status keras_count(int *out, const struct keras_layer *layer, const char *key) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *value = value_of(layer, key);
    if (!json_is_integer(value) || json_integer_value(value) < 1 ||
        json_integer_value(value) > NET_MAX_FEATURES) {
        TRY(unexpected(layer, key, "an integer, 1 to 1048576", value));
    }
    *out = (int)json_integer_value(value);
out:
    return status;
}

clrnn_status keras_real(float *out, const struct keras_layer *layer, const char *key,
                        float fallback) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *value = value_of(layer, key);
    if (value != NULL &&
        (!json_is_number(value) || fabs(json_number_value(value)) > (double)FLT_MAX)) {
        TRY(unexpected(layer, key, "a number", value));
    }
    *out = value != NULL ? (float)json_number_value(value) : fallback;
out:
    return status;
}

/* ---- activations ----------------------------------------------------------------------------- */

/* Of Keras 3; the parameters that its functions have by default. */
static const struct {
    const char *name;
    clrnn_activation act;
} activations[] = {
    {"linear", {.kind = CLRNN_ACT_LINEAR}},
    {"relu", {.kind = CLRNN_ACT_RELU}},
    {"relu6", {.kind = CLRNN_ACT_RELU6}},
    {"leaky_relu", {.kind = CLRNN_ACT_LEAKY_RELU, .parameters = 1, .alpha = 0.2f}},
    {"elu", {.kind = CLRNN_ACT_ELU}},
    {"selu", {.kind = CLRNN_ACT_SELU}},
    {"celu", {.kind = CLRNN_ACT_CELU}},
    {"gelu", {.kind = CLRNN_ACT_GELU}},
    {"silu", {.kind = CLRNN_ACT_SWISH}},
    {"swish", {.kind = CLRNN_ACT_SWISH}},
    {"tanh", {.kind = CLRNN_ACT_TANH}},
    {"sigmoid", {.kind = CLRNN_ACT_SIGMOID}},
    {"hard_sigmoid",
     {.kind = CLRNN_ACT_HARD_SIGMOID, .parameters = 2, .alpha = 1.0f / 6.0f, .beta = 0.5f}},
    {"hard_tanh", {.kind = CLRNN_ACT_HARD_TANH}},
    {"softplus", {.kind = CLRNN_ACT_SOFTPLUS}},
    {"softsign", {.kind = CLRNN_ACT_SOFTSIGN}},
    {"exponential", {.kind = CLRNN_ACT_EXPONENTIAL}},
    {"log_sigmoid", {.kind = CLRNN_ACT_LOG_SIGMOID}},
    {"mish", {.kind = CLRNN_ACT_MISH}},
};
enum { ACTIVATIONS = sizeof activations / sizeof activations[0] };

/* "tanh", or {"class_name": "function", "config": "tanh"}; NULL: neither. */
static const char *activation_name(const json_t *value) {
    if (json_is_string(value)) {
        return json_string_value(value);
    }
    const json_t *type = json_object_get(value, "class_name");
    const json_t *name = json_object_get(value, "config");
    const int is_function =
        json_is_string(type) && strcmp(json_string_value(type), "function") == 0;
    return is_function && json_is_string(name) ? json_string_value(name) : NULL;
}

clrnn_status keras_activation(clrnn_activation *out, enum step_kind *over,
                              const struct keras_layer *layer, const char *key,
                              const char *fallback) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *value = json_object_get(layer->config, key);
    const char *name = value == NULL         ? fallback
                       : json_is_null(value) ? "linear"
                                             : activation_name(value);
    size_t i = 0;
    if (name == NULL) {
        const json_t *type = json_object_get(value, "class_name");
        REQUIRE(0, FORMAT, "%s: %s is %.60s, which is not supported", layer->label, key,
                json_is_string(type) ? json_string_value(type) : "no name");
    }
    if (over != NULL) {
        *over = strcmp(name, "softmax") == 0       ? STEP_SOFTMAX
                : strcmp(name, "log_softmax") == 0 ? STEP_LOG_SOFTMAX
                                                   : STEP_ACTIVATION;
        if (*over != STEP_ACTIVATION) {
            *out = (clrnn_activation){.kind = CLRNN_ACT_LINEAR};
            goto out;
        }
    }
    while (i < ACTIVATIONS && strcmp(activations[i].name, name) != 0) {
        i++;
    }
    REQUIRE(i < ACTIVATIONS, FORMAT, "%s: %s '%.60s' is not supported", layer->label, key, name);
    *out = activations[i].act;
    if (layer->version == 2 && out->kind == CLRNN_ACT_HARD_SIGMOID) {
        out->alpha = 0.2f; /* max(0, min(1, 0.2 x + 0.5)) */
    }
out:
    return status;
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* What does not change what a trained layer computes. */
static const char *const harmless[] = {"name",
                                       "trainable",
                                       "batch_input_shape",
                                       "batch_shape",
                                       "input_shape",
                                       "dropout",
                                       "recurrent_dropout",
                                       "seed",
                                       "implementation",
                                       "unroll",
                                       "stateful",
                                       "unit_forget_bias",
                                       "activity_regularizer",
                                       "kernel_initializer",
                                       "recurrent_initializer",
                                       "bias_initializer",
                                       "embeddings_initializer",
                                       "kernel_regularizer",
                                       "recurrent_regularizer",
                                       "bias_regularizer",
                                       "embeddings_regularizer",
                                       "kernel_constraint",
                                       "recurrent_constraint",
                                       "bias_constraint",
                                       "embeddings_constraint",
                                       "input_length",
                                       "input_dim",
                                       "optional",
                                       "noise_shape",
                                       "rate",
                                       "stddev",
                                       "supports_masking"};

/* Keys that must have the one value with which nothing changes: null, false or 0. */
static const char *const off[] = {
    "return_state", "time_major",    "lora_rank", "quantization_config",
    "weights",      "sparse_output", "sparse",    "ragged"};

static int is_among(const char *key, const char *const *keys, size_t count) {
    for (size_t i = 0; i < count && keys[i] != NULL; i++) {
        if (strcmp(key, keys[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

const char *keras_dtype(const json_t *config) {
    const json_t *dtype = json_object_get(config, "dtype");
    const char *name = json_is_object(dtype) ? keras_text(json_object_get(dtype, "config"), "name")
                                             : json_string_value(dtype);
    return dtype == NULL || json_is_null(dtype) ? "float32" : name != NULL ? name : "";
}

int64_t keras_dtype_whole(const char *name) {
    static const struct {
        const char *name;
        int64_t whole;
    } dtypes[] = {
        {"float32", 1 << 24}, {"float64", INT64_C(1) << 53},
        {"float16", 1 << 11}, {"bfloat16", 1 << 8},
        {"int8", INT8_MAX},   {"uint8", UINT8_MAX},
        {"int16", INT16_MAX}, {"uint16", UINT16_MAX},
        {"int32", INT32_MAX}, {"uint32", UINT32_MAX},
        {"int64", INT64_MAX}, {"uint64", INT64_MAX},
    };
    int64_t whole = 0;
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        whole = strcmp(dtypes[i].name, name) == 0 ? dtypes[i].whole : whole;
    }
    return whole;
}

clrnn_status keras_check_keys(const struct keras_layer *layer, const char *const *own) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)layer->config, key, value) {
        if (strcmp(key, "dtype") == 0) {
            const char *dtype = keras_dtype(layer->config);
            REQUIRE(strcmp(layer->type, "InputLayer") == 0 || strcmp(dtype, "float32") == 0, FORMAT,
                    "%s: its dtype is not float32 but %.60s, which is not supported", layer->label,
                    dtype[0] != '\0' ? dtype : "one without a name");
        } else if (is_among(key, off, sizeof off / sizeof off[0])) {
            REQUIRE(json_is_null(value) || json_is_false(value), FORMAT, "%s: %s is not supported",
                    layer->label, key);
        } else {
            REQUIRE(is_among(key, own, 32) ||
                        is_among(key, harmless, sizeof harmless / sizeof harmless[0]),
                    FORMAT, "%s: option %.60s is not known, so that it cannot be ignored",
                    layer->label, key);
        }
    }
out:
    return status;
}
