/*
 * keras_config.h: reading the config of a Keras layer: options by key, activations by name. A key that is
 * not known to be harmless is refused: nothing is ignored in silence.
 */
#ifndef CLRNN_IO_KERAS_CONFIG_H
#define CLRNN_IO_KERAS_CONFIG_H

#include "core/status.h"
#include "io/steps.h"

#include <jansson.h>

/* A layer's config and what messages begin with: "model.keras: layer 'lstm'". */
struct keras_layer {
    const json_t *config;
    const char *type; /* its class */
    char label[320];
    int version; /* of Keras */
    /* Weights of its own are not trained. In Keras 3 only its own `trainable` counts; in Keras 2 those
     * of the layers round it, too. */
    int is_frozen;
};

/* NULL: there is no such key, or no text. */
const char *keras_text(const json_t *json, const char *key);
int keras_is_frozen(const json_t *config);
/* A layer within a layer: {"class_name": ..., "config": ...}. */
clrnn_status keras_layer_within(struct keras_layer *out, const struct keras_layer *layer,
                                const char *key, const json_t *inner);
clrnn_status keras_flag(int *out, const struct keras_layer *layer, const char *key, int fallback);
clrnn_status keras_count(int *out, const struct keras_layer *layer, const char *key);
clrnn_status keras_real(float *out, const struct keras_layer *layer, const char *key,
                        float fallback);
/* An activation by its name or object; *over (NULL: refused) is SOFTMAX or LOG_SOFTMAX where it is one of
 * all features, else ACTIVATION. */
clrnn_status keras_activation(clrnn_activation *out, enum step_kind *over,
                              const struct keras_layer *layer, const char *key,
                              const char *fallback);
/* The name of a layer's dtype or of its policy, "float32" where it says none; "" where it has no name. */
const char *keras_dtype(const json_t *config);
/* The largest n that the dtype has with all whole numbers below it; 0: it is not known. */
int64_t keras_dtype_whole(const char *name);
/* Every key is among the layer's own (a list that ends with NULL) or harmless. */
clrnn_status keras_check_keys(const struct keras_layer *layer, const char *const *own);

#endif
