/*
 * keras_write_layers.c: what Keras can say of a chain of layers, and what it cannot.
 *
 * Keras leads masks on by itself: from Masking or Embedding through every layer up to the first that
 * gives its last output alone. A chain whose layers heed other masks than these is none for Keras.
 */
#include "io/keras_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- activations ----------------------------------------------------------------------------- */

static const struct {
    clrnn_act kind;
    const char *name;
    int parameters; /* that must have Keras's values */
    float alpha, beta;
} acts[] = {
    {CLRNN_ACT_TANH, "tanh", 0, 0, 0},
    {CLRNN_ACT_SIGMOID, "sigmoid", 0, 0, 0},
    {CLRNN_ACT_RELU, "relu", 0, 0, 0},
    {CLRNN_ACT_LINEAR, "linear", 0, 0, 0},
    {CLRNN_ACT_HARD_SIGMOID, "hard_sigmoid", 2, 1.0f / 6.0f, 0.5f}, /* Keras 3: relu6(x + 3) / 6 */
    {CLRNN_ACT_ELU, "elu", 1, 1, 0},
    {CLRNN_ACT_SELU, "selu", 2, 1.67326319217681884765625f, 1.05070102214813232421875f},
    {CLRNN_ACT_SOFTSIGN, "softsign", 0, 0, 0},
    {CLRNN_ACT_SOFTPLUS, "softplus", 0, 0, 0},
    {CLRNN_ACT_LEAKY_RELU, "leaky_relu", 1, 0.2f, 0},
    {CLRNN_ACT_AFFINE, "linear", 2, 1, 0},
    {CLRNN_ACT_SCALED_TANH, "tanh", 2, 1, 1},
    {CLRNN_ACT_GELU, "gelu", 0, 0, 0},
    {CLRNN_ACT_SWISH, "silu", 1, 1, 0},
    {CLRNN_ACT_EXPONENTIAL, "exponential", 0, 0, 0},
    {CLRNN_ACT_RELU6, "relu6", 0, 0, 0},
    {CLRNN_ACT_CELU, "celu", 1, 1, 0},
    {CLRNN_ACT_HARD_TANH, "hard_tanh", 0, 0, 0},
    {CLRNN_ACT_LOG_SIGMOID, "log_sigmoid", 0, 0, 0},
    {CLRNN_ACT_MISH, "mish", 0, 0, 0},
};

const char *keras_act_name(const clrnn_activation *act) {
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (acts[i].kind == act->kind && (acts[i].parameters < 1 || acts[i].alpha == act->alpha) &&
            (acts[i].parameters < 2 || acts[i].beta == act->beta)) {
            return acts[i].name;
        }
    }
    return NULL;
}

static clrnn_status check_act(const struct layer_step *step, const clrnn_activation *act) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    REQUIRE(keras_act_name(act) != NULL, FORMAT,
            "%s: Keras has no activation %s with alpha %g and beta %g", layer_label(label, step),
            clrnn_act_name(act->kind), (double)act->alpha, (double)act->beta);
out:
    return status;
}

static int same_act(const clrnn_activation *a, const clrnn_activation *b) {
    return a->kind == b->kind && a->alpha == b->alpha && a->beta == b->beta;
}

/* ---- cells ----------------------------------------------------------------------------------- */

const char *keras_cell_class(const struct strand *strand) {
    return strand->desc->cell == CLRNN_CELL_LSTM  ? "LSTM"
           : strand->desc->cell == CLRNN_CELL_GRU ? "GRU"
                                                  : "SimpleRNN";
}

int keras_has_two_biases(const struct strand *strand) {
    return strand->desc->cell == CLRNN_CELL_GRU && strand->desc->reset == CLRNN_RESET_AFTER;
}

static clrnn_status check_biases(const struct layer_step *step, const struct strand *strand,
                                 int merge_bias) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    const float *second = strand->weights[BIAS_HH];
    const int64_t count = (int64_t)strand->gates * strand->hidden;
    int is_zero = 1;
    for (int64_t i = 0; second != NULL && i < count; i++) {
        is_zero = is_zero && second[i] == 0;
    }
    REQUIRE(is_zero || merge_bias || keras_has_two_biases(strand), FORMAT,
            "%s: has two biases, and a Keras %s has one: their sum would be rounded, which "
            "--merge-bias allows",
            layer_label(label, step), keras_cell_class(strand));
out:
    return status;
}

/* What a layer of ours may ask for and Keras has not; NULL: nothing. */
static const char *foreign_option(const clrnn_layer_desc *desc) {
    return desc->cell == CLRNN_CELL_CUSTOM       ? "cells of one's own"
           : desc->cell == CLRNN_CELL_DENSE      ? "dense layers within a stack"
           : desc->projection > 0                ? "projections"
           : desc->peepholes                     ? "peepholes"
           : desc->couple == CLRNN_COUPLE_FORGET ? "coupled gates (f = 1 - i)"
           : desc->couple == CLRNN_COUPLE_INPUT  ? "coupled gates (i = 1 - f)"
           : desc->forget_bias != 0              ? "forget_bias beside the biases"
           : desc->gate_clip > 0                 ? "clips of gates"
           : desc->cell_clip > 0                 ? "clips of cells"
                                                 : NULL;
}

static clrnn_status check_strand(const struct layer_step *step, const struct strand *strand,
                                 int merge_bias) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    const char *option = foreign_option(strand->desc);
    REQUIRE(option == NULL, FORMAT, "%s: Keras has no %s", layer_label(label, step), option);
    for (int slot = 0; slot < strand->act_count; slot++) {
        TRY(check_act(step, &strand->acts[slot]));
    }
    const clrnn_activation *act = strand->acts;
    const int is_lstm = strand->desc->cell == CLRNN_CELL_LSTM;
    REQUIRE(!is_lstm || (same_act(&act[0], &act[1]) && same_act(&act[0], &act[3]) &&
                         same_act(&act[2], &act[4])),
            FORMAT,
            "%s: Keras has one activation for the gates i, f and o, and one for g and the output",
            layer_label(label, step));
    REQUIRE(strand->desc->cell != CLRNN_CELL_GRU || same_act(&act[0], &act[1]), FORMAT,
            "%s: Keras has one activation for the gates r and z", layer_label(label, step));
    TRY(check_biases(step, strand, merge_bias));
out:
    return status;
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* Fills in a layer's name: the step's own, of what Keras and TensorFlow take in names, or the class's;
 * with a number behind it where it is taken. */
static clrnn_status name_layer(struct keras_model *model, const char *wanted) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_layer *layer = &model->layers[model->count];
    enum { ROOM = KERAS_NAME - 16 }; /* for the number */
    char base[ROOM];
    size_t used = 0;
    const char *from = wanted != NULL && wanted[0] != '\0' ? wanted : layer->class_name;
    for (; *from != '\0' && used + 1 < sizeof base; from++) {
        const char c = *from;
        const int is_plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (is_plain || (used > 0 && strchr("_.-", c) != NULL)) {
            base[used++] = c;
        } else if (used > 0) {
            base[used++] = '_';
        }
    }
    base[used] = '\0';
    snprintf(layer->name, sizeof layer->name, "%s", used > 0 ? base : "layer");
    /* Of each name that was wanted before: the number behind the last one. */
    json_t *last = json_object_get(model->names, layer->name);
    json_int_t number = json_integer_value(last);
    if (last != NULL) {
        char text[KERAS_NAME];
        snprintf(text, sizeof text, "%s", layer->name);
        do {
            snprintf(layer->name, sizeof layer->name, "%.*s_%lld", ROOM - 1, text,
                     (long long)++number);
        } while (json_object_get(model->names, layer->name) != NULL);
        json_integer_set(last, number);
    }
    REQUIRE(json_object_set_new(model->names, layer->name, json_integer(0)) == 0, MEMORY,
            "keras: out of memory for names");
out:
    return status;
}

static clrnn_status add_layer(struct keras_layer **out, struct keras_model *model,
                              const struct layer_step *step, const char *class_name,
                              const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_layer *layer = &model->layers[model->count];
    *layer = (struct keras_layer){.step = step, .class_name = class_name};
    TRY(name_layer(model, name));
    model->count++;
    *out = layer;
out:
    return status;
}

/* One layer of a stack, or a bidirectional one of two nets. */
static clrnn_status add_recurrent(struct keras_model *model, const struct layer_step *step,
                                  int index, int is_flipped, int is_masked) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    struct keras_layer *layer;
    const clrnn_layer_desc *desc = &step->net->desc.layers[index];
    const int is_both = step->reverse != NULL || clrnn_layer_directions(desc) == 2;
    const struct strand *half = net_strand(step->net, index, 0);
    const struct strand *back = step->reverse != NULL ? net_strand(step->reverse, 0, 0)
                                : is_both             ? net_strand(step->net, index, 1)
                                                      : NULL;
    const int last = step->net->desc.num_layers - 1;
    TRY(check_strand(step, half, model->merge_bias));
    if (back != NULL) {
        TRY(check_strand(step, back, model->merge_bias));
    }
    TRY(add_layer(&layer, model, step, is_both ? "Bidirectional" : keras_cell_class(half),
                  step->name != NULL ? step->name : step->node->name));
    layer->half = half;
    layer->back = back;
    layer->merge = step->reverse != NULL ? step->merge : desc->merge;
    layer->return_sequences = index < last || !step->last_only;
    layer->go_backwards = !is_both && half->reverse;
    layer->zero_output = layer_zero_masked(step, index);
    REQUIRE(!layer->go_backwards || !layer->return_sequences || (is_flipped && index == last),
            FORMAT,
            "%s: runs backwards and gives its steps forwards; Keras gives them in the order in "
            "which they are computed",
            layer_label(label, step));
    if (is_both && is_masked) {
        /* Bidirectional sets zero_output_for_mask of its layers to return_sequences. */
        REQUIRE(!!layer->zero_output == layer->return_sequences, FORMAT,
                "%s: a Keras Bidirectional gives 0 at masked steps of a sequence, and the output "
                "before where it gives the last one alone",
                layer_label(label, step));
    }
    if (is_both) {
        layer->zero_output = layer->return_sequences;
    }
out:
    return status;
}

static const char *softmax_name(const struct layer_step *step) {
    return step->kind == LAYER_SOFTMAX ? "softmax" : "log_softmax";
}

static clrnn_status add_dense(struct keras_model *model, const struct layer_step *step,
                              const struct layer_step *softmax) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_layer *layer;
    const struct strand *strand = net_strand(step->net, 0, 0);
    TRY(check_act(step, &strand->acts[0]));
    TRY(add_layer(&layer, model, step, "Dense", step->name));
    layer->half = strand;
    layer->activation = softmax != NULL ? softmax_name(softmax) : keras_act_name(&strand->acts[0]);
out:
    return status;
}

/* A softmax that is a dense layer's own activation, or no layer at all, as in ONNX. */
static int is_own_softmax(const struct layer_step *step, const struct layer_step *next) {
    return step->kind == LAYER_DENSE &&
           (next->kind == LAYER_SOFTMAX || next->kind == LAYER_LOG_SOFTMAX) &&
           next->axis == LAYER_AXIS_FEATURES &&
           (next->node->layer < 0 || next->node->layer == step->node->layer) &&
           net_strand(step->net, 0, 0)->acts[0].kind == CLRNN_ACT_LINEAR;
}

/* Takes one step, with what belongs to it of the next, and says how many it took. `mask` is the step
 * whose mask Keras leads here. */
static clrnn_status add_step(int *taken, struct keras_model *model, int at, int *mask) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct layer_chain *chain = model->chain;
    const struct layer_step *step = &chain->steps[at];
    const struct layer_step *next = at + 1 < chain->count ? step + 1 : NULL;
    struct keras_layer *layer;
    char label[LAYER_LABEL];
    *taken = 1;
    switch (step->kind) {
    case LAYER_EMBEDDING:
        TRY(add_layer(&layer, model, step, "Embedding", step->name));
        for (int i = at + 1; i < chain->count; i++) {
            layer->mask_zero = layer->mask_zero || chain->steps[i].mask == at;
        }
        *mask = layer->mask_zero ? at : -1;
        break;
    case LAYER_MASKING:
        REQUIRE(isfinite(step->masked), FORMAT, "%s: the masked value must be finite, got %g",
                layer_label(label, step), (double)step->masked);
        TRY(add_layer(&layer, model, step, "Masking", step->name));
        *mask = at;
        break;
    case LAYER_RECURRENT:
        REQUIRE(step->mask == *mask, FORMAT,
                "%s: %s, which Keras cannot say of a layer behind one that masks",
                layer_label(label, step),
                step->mask < 0 ? "goes over masked steps" : "heeds an earlier mask");
        *taken = next != NULL && next->kind == LAYER_FLIP ? 2 : 1;
        for (int i = 0; i < step->net->desc.num_layers; i++) {
            TRY(add_recurrent(model, step, i, *taken == 2, *mask >= 0));
        }
        REQUIRE(*taken == 1 || model->layers[model->count - 1].go_backwards, FORMAT,
                "%s: Keras has no layer that turns time round", layer_label(label, next));
        *mask = step->last_only ? -1 : *mask;
        break;
    case LAYER_DENSE:
        *taken = next != NULL && is_own_softmax(step, next) ? 2 : 1;
        TRY(add_dense(model, step, *taken == 2 ? next : NULL));
        break;
    case LAYER_ACTIVATION:
        TRY(check_act(step, &step->node->act));
        TRY(add_layer(&layer, model, step, "Activation", step->name));
        layer->activation = keras_act_name(&step->node->act);
        break;
    case LAYER_SOFTMAX:
    case LAYER_LOG_SOFTMAX: {
        /* A Softmax layer would take the mask for its own. */
        const int is_act = step->kind == LAYER_LOG_SOFTMAX || *mask >= 0;
        REQUIRE(!is_act || step->axis == LAYER_AXIS_FEATURES, FORMAT,
                "%s: in Keras only Softmax layers without a mask take another axis than the last",
                layer_label(label, step));
        TRY(add_layer(&layer, model, step, is_act ? "Activation" : "Softmax", step->name));
        layer->activation = softmax_name(step);
        break;
    }
    case LAYER_FLIP:
        REQUIRE(0, FORMAT, "%s: Keras has no layer that turns time round",
                layer_label(label, step));
    }
out:
    return status;
}

clrnn_status keras_model_of(struct keras_model *out, const struct layer_chain *chain,
                            const struct write_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    size_t most = 1;
    int mask = -1;
    for (int i = 0; i < chain->count; i++) {
        most += chain->steps[i].kind == LAYER_RECURRENT
                    ? (size_t)chain->steps[i].net->desc.num_layers
                    : 1;
    }
    *out =
        (struct keras_model){.chain = chain, .merge_bias = options != NULL && options->merge_bias};
    out->layers = calloc(most, sizeof *out->layers);
    out->names = json_object();
    REQUIRE(out->layers != NULL && out->names != NULL &&
                json_object_set_new(out->names, KERAS_INPUT, json_integer(0)) == 0,
            MEMORY, "keras: out of memory for %zu layers", most);
    for (int i = 0, taken = 0; i < chain->count; i += taken) {
        TRY(add_step(&taken, out, i, &mask));
    }
out:
    if (status != CLRNN_STATUS_OK) {
        keras_model_free(out);
    }
    return status;
}

void keras_model_free(struct keras_model *model) {
    free(model->layers);
    json_decref(model->names);
    model->names = NULL;
    model->layers = NULL;
    model->count = 0;
}
