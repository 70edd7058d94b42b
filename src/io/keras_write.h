/*
 * keras_write.h: inside keras_write: a chain of layers as the layers of a Keras Sequential model.
 *
 * One step of the chain is one layer there, but for stacks, of which each layer is one, and for a
 * softmax that belongs to the dense layer before it.
 */
#ifndef CLRNN_IO_KERAS_WRITE_H
#define CLRNN_IO_KERAS_WRITE_H

#include "core/net.h"
#include "io/layers_of.h"
#include "io/write_options.h"

#include <jansson.h>

enum { KERAS_NAME = 128 };
#define KERAS_INPUT "input_layer" /* name of the layer before all others */

struct keras_layer {
    const struct layer_step *step;
    const char *class_name;    /* "LSTM", "Bidirectional" */
    char name[KERAS_NAME];     /* none twice */
    const char *activation;    /* DENSE, ACTIVATION */
    const struct strand *half; /* recurrent and dense: its weights */
    const struct strand *back; /* Bidirectional: the backward layer's; else NULL */
    clrnn_merge merge;
    int return_sequences, go_backwards, zero_output, mask_zero;
};

struct keras_model {
    const struct layer_chain *chain;
    struct keras_layer *layers;
    int count;
    int merge_bias;
    json_t *names; /* that are taken */
};

/* Errors: FORMAT (what Keras has no equivalent for), MEMORY. */
clrnn_status keras_model_of(struct keras_model *out, const struct layer_chain *chain,
                            const struct write_options *options);
void keras_model_free(struct keras_model *model);

/* Keras's name of an activation with these parameters; NULL: has none. */
const char *keras_act_name(const clrnn_activation *act);
/* "LSTM", "GRU", "SimpleRNN" */
const char *keras_cell_class(const struct strand *strand);
/* GRU with both biases, (2, 3H). */
int keras_has_two_biases(const struct strand *strand);

/* config.json, to be freed by the caller. */
clrnn_status keras_config_text(char **out, const struct keras_model *model);
/* model.weights.h5, to be freed by the caller. */
clrnn_status keras_weights_image(unsigned char **out, size_t *size,
                                 const struct keras_model *model);

#endif
