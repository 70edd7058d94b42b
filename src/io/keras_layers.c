/* keras_layers.c: the layers of Keras's that are not recurrent, as steps. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/keras_reading.h"

#include "core/net.h"
#include "io/keras_weights.h"

#include <stdlib.h>
#include <string.h>

/* part: where a wrapper keeps it. */
static clrnn_status add_dense(struct keras_reading *reading, const struct keras_layer *layer,
                              const struct keras_layer *dense, const char *part) {
    static const char *const keys[] = {"units", "activation", "use_bias", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_net_desc desc = {.inputs = (int)reading->features};
    clrnn_net *net = NULL;
    enum step_kind over;
    int has_bias;
    TRY(keras_check_keys(dense, keys));
    TRY(keras_reading_numbers(reading, layer));
    desc.layer.cell = CLRNN_CELL_DENSE;
    TRY(keras_count(&desc.layer.hidden, dense, "units"));
    TRY(keras_flag(&has_bias, dense, "use_bias", 1));
    TRY(keras_activation(&desc.layer.acts[0][0], &over, dense, "activation", "linear"));
    desc.layer.bias = has_bias ? CLRNN_BIAS_SINGLE : CLRNN_BIAS_NONE;
    TRY(clrnn_net_create(&net, &desc));
    TRY(keras_weights_dense(net, reading->file, part));
    if (dense->is_frozen) {
        const int64_t columns = desc.inputs + (has_bias ? 1 : 0);
        keras_reading_frozen(reading, keras_text(layer->config, "name"),
                             columns * desc.layer.hidden);
    }
    TRY(keras_file_end(reading->file));
    struct step *step = keras_reading_step(reading, STEP_DENSE, layer);
    step->net = net;
    net = NULL;
    reading->features = desc.layer.hidden;
    if (over != STEP_ACTIVATION) {
        step = keras_reading_step(reading, over, layer);
        step->is_own_layer = 0;
        step->axis = -1;
    }
out:
    clrnn_net_free(net);
    return status;
}

clrnn_status keras_add_dense(struct keras_reading *reading, const struct keras_layer *layer) {
    return add_dense(reading, layer, layer, "");
}

clrnn_status keras_add_time_distributed(struct keras_reading *reading,
                                        const struct keras_layer *layer) {
    static const char *const keys[] = {"layer", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_layer inner;
    TRY(keras_check_keys(layer, keys));
    TRY(keras_layer_within(&inner, layer, "layer", json_object_get(layer->config, "layer")));
    REQUIRE(strcmp(inner.type, "Dense") == 0, FORMAT,
            "%s: of a %.60s is not supported, of a Dense it is", layer->label, inner.type);
    TRY(add_dense(reading, layer, &inner, "layer"));
out:
    return status;
}

clrnn_status keras_add_embedding(struct keras_reading *reading, const struct keras_layer *layer) {
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
    REQUIRE(vocabulary - 1 <= keras_dtype_whole(reading->dtype), FORMAT,
            "%s: its input_dim is %d, and the %s that go into it hold no id above %lld",
            layer->label, vocabulary, reading->dtype, (long long)keras_dtype_whole(reading->dtype));
    TRY(keras_file_take(&table, reading->file, "", 0, 1, 0, vocabulary, features));
    if (layer->is_frozen) {
        keras_reading_frozen(reading, keras_text(layer->config, "name"),
                             (int64_t)vocabulary * features);
    }
    TRY(keras_file_end(reading->file));
    reading->tables[reading->table_count++] = table;
    struct step *step = keras_reading_step(reading, STEP_EMBEDDING, layer);
    step->table = (clrnn_tensor){.data = table, .rank = 2, .shape = {vocabulary, features}};
    step->mask_zero = mask_zero;
    table = NULL;
    reading->steps.inputs = 0;
    reading->features = features;
out:
    free(table);
    return status;
}

clrnn_status keras_add_masking(struct keras_reading *reading, const struct keras_layer *layer) {
    static const char *const keys[] = {"mask_value", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    float value;
    TRY(keras_check_keys(layer, keys));
    TRY(keras_real(&value, layer, "mask_value", 0));
    /* Keras forgets the mask before it, where a step's output may be anything. */
    REQUIRE(!keras_reading_is_masked(reading), FORMAT,
            "%s: a Masking where a mask is already is not supported", layer->label);
    keras_reading_step(reading, STEP_MASKING, layer)->value = value;
out:
    return status;
}

clrnn_status keras_add_activation(struct keras_reading *reading, const struct keras_layer *layer) {
    static const char *const keys[] = {"activation", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_activation act = {0};
    enum step_kind over;
    TRY(keras_check_keys(layer, keys));
    TRY(keras_activation(&act, &over, layer, "activation", "linear"));
    struct step *step = keras_reading_step(reading, over, layer);
    step->act = act;
    step->axis = -1;
out:
    return status;
}

clrnn_status keras_add_softmax(struct keras_reading *reading, const struct keras_layer *layer) {
    static const char *const keys[] = {"axis", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *axis = json_object_get(layer->config, "axis");
    TRY(keras_check_keys(layer, keys));
    REQUIRE(axis == NULL || (json_is_integer(axis) && json_integer_value(axis) >= -8 &&
                             json_integer_value(axis) < 8),
            FORMAT, "%s: axis: expected one integer", layer->label);
    /* Under one, Keras takes masked elements out of the sum, or fails. */
    REQUIRE(!keras_reading_is_masked(reading), FORMAT,
            "%s: a Softmax layer under a mask is not supported, as an activation it is",
            layer->label);
    keras_reading_step(reading, STEP_SOFTMAX, layer)->axis =
        axis != NULL ? json_integer_value(axis) : -1;
out:
    return status;
}

/* ReLU, LeakyReLU, ELU with one parameter each. */
clrnn_status keras_add_unit(struct keras_reading *reading, const struct keras_layer *layer) {
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
    keras_reading_step(reading, STEP_ACTIVATION, layer)->act = act;
out:
    return status;
}
