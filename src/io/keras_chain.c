/* keras_chain.c: who takes what in a functional model, as Keras 2 and 3 say it. */
#include "io/keras_chain.h"

#include "io/keras_config.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_OPS = 256 };

/* An op of a mask: of != value, for each feature, or (any) for a step as a whole. */
struct mask {
    const char *name; /* of the op; of the chain's own mask NULL */
    const char *of;   /* the layer that gives what is compared */
    double value;
    int any;
};

struct chain {
    const char *label;
    struct mask ops[MOST_OPS];
    int op_count;
    struct mask mask;   /* what the chain has at this point; of NULL: none */
    const char *before; /* the chain's last layer so far */
};

static const char *name_of(const json_t *layer) {
    const char *name = keras_text(json_object_get(layer, "config"), "name");
    return name != NULL ? name : "";
}

/* The layer whose one output a tensor is: {"class_name": "__keras_tensor__", ...} of Keras 3, or
 * ["masking", 0, 0, {...}] of Keras 2. NULL: it is none, or a second output, or of a second call. */
static const char *source_of(const json_t *tensor) {
    const json_t *history =
        json_is_array(tensor) ? tensor
                              : json_object_get(json_object_get(tensor, "config"), "keras_history");
    const json_t *node = json_array_get(history, 1), *output = json_array_get(history, 2);
    const int is_first = json_is_integer(node) && json_integer_value(node) == 0 &&
                         json_is_integer(output) && json_integer_value(output) == 0;
    return is_first ? json_string_value(json_array_get(history, 0)) : NULL;
}

/* The one call of a layer: what it takes, and its options. */
static clrnn_status call_of(const json_t **args, const json_t **options, const struct chain *chain,
                            const json_t *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *nodes = json_object_get(layer, "inbound_nodes");
    const json_t *node = json_array_get(nodes, 0);
    REQUIRE(json_array_size(nodes) == 1, FORMAT,
            "%s: layer '%.60s' is called %zu times: a functional model must be one chain",
            chain->label, name_of(layer), json_array_size(nodes));
    if (json_is_object(node)) {
        *args = json_object_get(node, "args");
        *options = json_object_get(node, "kwargs");
    } else {
        *args = node;
        *options = json_array_get(json_array_get(node, 0), 3);
    }
out:
    return status;
}

static const struct mask *find_op(const struct chain *chain, const char *name) {
    for (int i = 0; name != NULL && i < chain->op_count; i++) {
        if (strcmp(chain->ops[i].name, name) == 0) {
            return &chain->ops[i];
        }
    }
    return NULL;
}

/* 1: the layer is NotEqual or Any and was taken as part of a mask. */
static clrnn_status take_op(int *taken, struct chain *chain, const json_t *layer,
                            const char *type) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *args, *options, *config = json_object_get(layer, "config");
    const int is_any = strcmp(type, "Any") == 0;
    *taken = is_any || strcmp(type, "NotEqual") == 0;
    if (!*taken) {
        goto out;
    }
    TRY(call_of(&args, &options, chain, layer));
    REQUIRE(chain->op_count < MOST_OPS, FORMAT, "%s: more than %d masks", chain->label, MOST_OPS);
    const char *source = source_of(json_array_get(args, 0));
    const json_t *value = json_array_get(args, 1);
    const struct mask *before = find_op(chain, source);
    struct mask op = {.name = name_of(layer), .any = is_any};
    if (is_any) {
        const json_t *axis = json_object_get(config, "axis");
        REQUIRE(before != NULL && !before->any && json_is_integer(axis) &&
                    json_integer_value(axis) == -1 &&
                    !json_is_true(json_object_get(config, "keepdims")),
                FORMAT, "%s: layer '%.60s': an Any that makes no mask is not supported",
                chain->label, op.name);
        op.of = before->of;
        op.value = before->value;
    } else {
        REQUIRE(source != NULL && before == NULL && json_array_size(args) == 2 &&
                    json_is_number(value),
                FORMAT, "%s: layer '%.60s': a NotEqual that makes no mask is not supported",
                chain->label, op.name);
        op.of = source;
        op.value = json_number_value(value);
    }
    chain->ops[chain->op_count++] = op;
out:
    return status;
}

/* Options of a call: a mask must be the one that goes along the chain, and nothing may train. */
static clrnn_status check_options(const struct chain *chain, const json_t *layer,
                                  const json_t *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)options, key, value) {
        const int is_off = json_is_null(value) || json_is_false(value);
        if (strcmp(key, "mask") == 0 && !is_off) {
            const struct mask *mask = find_op(chain, source_of(value));
            REQUIRE(mask != NULL && chain->mask.of != NULL &&
                        strcmp(mask->of, chain->mask.of) == 0 && mask->any == chain->mask.any &&
                        !(mask->value < chain->mask.value) && !(mask->value > chain->mask.value),
                    FORMAT, "%s: layer '%.60s': is called with a mask of its own, not the chain's",
                    chain->label, name_of(layer));
        } else {
            REQUIRE(is_off, FORMAT,
                    "%s: layer '%.60s': is called with %.40s, which is not supported", chain->label,
                    name_of(layer), key);
        }
    }
out:
    return status;
}

/* What masks the steps behind a layer of the chain; `before` gives what it takes. */
static void follow_mask(struct chain *chain, const json_t *layer, const char *type) {
    const json_t *config = json_object_get(layer, "config");
    if (strcmp(type, "Masking") == 0) {
        chain->mask = (struct mask){
            .of = chain->before,
            .value = json_number_value(json_object_get(config, "mask_value")),
            .any = 1,
        };
    } else if (strcmp(type, "Embedding") == 0 &&
               json_is_true(json_object_get(config, "mask_zero"))) {
        chain->mask = (struct mask){.of = chain->before};
    }
}

static clrnn_status add_layer(json_t *out, struct chain *chain, json_t *layer, const char *type) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *args, *options;
    if (chain->before == NULL) {
        REQUIRE(json_array_size(json_object_get(layer, "inbound_nodes")) == 0, FORMAT,
                "%s: layer '%.60s' is the first and takes what another gives", chain->label,
                name_of(layer));
    } else {
        REQUIRE(strcmp(type, "InputLayer") != 0, FORMAT,
                "%s: layer '%.60s' is a second input: a functional model must be one chain",
                chain->label, name_of(layer));
        TRY(call_of(&args, &options, chain, layer));
        const char *source = source_of(json_array_get(args, 0));
        REQUIRE(json_array_size(args) == 1 && source != NULL && strcmp(source, chain->before) == 0,
                FORMAT,
                "%s: layer '%.60s' does not take what the layer before it gives, and nothing more: "
                "a functional model must be one chain",
                chain->label, name_of(layer));
        TRY(check_options(chain, layer, options));
        follow_mask(chain, layer, type);
    }
    chain->before = name_of(layer);
    REQUIRE(json_array_append(out, layer) == 0, MEMORY, "%s: out of memory", chain->label);
out:
    return status;
}

/* ["dense", 0, 0], or a list of such: the outputs of the last layer, in their order. */
static clrnn_status check_outputs(int *count, const json_t *outputs, const struct chain *chain) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int is_one = json_is_string(json_array_get(outputs, 0));
    *count = is_one ? 1 : (int)json_array_size(outputs);
    REQUIRE(*count == 1 || *count == 2, FORMAT,
            "%s: a chain has 1 output, or 2 of one layer, got %d", chain->label, *count);
    for (int i = 0; i < *count; i++) {
        const json_t *tensor = is_one ? outputs : json_array_get(outputs, (size_t)i);
        const char *name = json_string_value(json_array_get(tensor, 0));
        REQUIRE(name != NULL && strcmp(name, chain->before) == 0, FORMAT,
                "%s: its output is that of '%.60s', not of its last layer '%.60s'", chain->label,
                name != NULL ? name : "", chain->before);
        const json_t *number = json_array_get(tensor, 2);
        REQUIRE(json_is_integer(number) && json_integer_value(number) == i, FORMAT,
                "%s: its output %d is another output of layer '%.60s'", chain->label, i, name);
    }
out:
    return status;
}

clrnn_status keras_chain(json_t **out, int *outputs, const json_t *model, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *layers = json_object_get(model, "layers");
    json_t *found = json_array();
    struct chain *chain = calloc(1, sizeof *chain);
    REQUIRE(found != NULL && chain != NULL, MEMORY, "%s: out of memory", label);
    chain->label = label;
    for (size_t i = 0; i < json_array_size(layers); i++) {
        json_t *layer = json_array_get(layers, i);
        const char *type = keras_text(layer, "class_name");
        int is_op = 0;
        REQUIRE(type != NULL && name_of(layer)[0] != '\0', FORMAT,
                "%s: layer %zu has no class_name or no name", label, i);
        TRY(take_op(&is_op, chain, layer, type));
        if (!is_op) {
            TRY(add_layer(found, chain, layer, type));
        }
    }
    REQUIRE(chain->before != NULL, FORMAT, "%s: has no layers", label);
    TRY(check_outputs(outputs, json_object_get(model, "output_layers"), chain));
    *out = found;
    found = NULL;
out:
    json_decref(found);
    free(chain);
    return status;
}
