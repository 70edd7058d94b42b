/*
 * keras_reading.h: inside keras_read: a model that is being read, layer by layer, and what adds a layer of
 * each class to it.
 */
#ifndef CLRNN_IO_KERAS_READING_H
#define CLRNN_IO_KERAS_READING_H

#include "graph/graph.h"
#include "io/keras_config.h"
#include "io/keras_file.h"
#include "io/steps.h"

#include <jansson.h>

enum { KERAS_MOST_LAYERS = 1024 };

struct keras_reading {
    struct keras_file *file;
    struct steps steps;
    int64_t features; /* of what goes into the next layer; 0: integers */
    int has_input;
    const char *dtype; /* of x */
    int64_t batch;     /* N as the file fixes it for its summary, else -1 */
    int is_functional;
    json_t *seen;                     /* class -> how many so far */
    float *tables[KERAS_MOST_LAYERS]; /* of embeddings, to be freed */
    int table_count;
    /* layers with no step of their own, before step `before`: Keras lists them */
    struct {
        const char *name, *type;
        int before;
    } silent[KERAS_MOST_LAYERS];
    int silent_count;
    int has_order; /* the layer in hand is trained, so that .h5 keeps its frozen parts behind */
    struct {
        const char *name; /* of a layer */
        int64_t params;   /* of it that are not trained */
    } frozen[KERAS_MOST_LAYERS];
    int frozen_count;
};

/* Notes parameters of the layer in hand that are not trained. */
void keras_reading_frozen(struct keras_reading *reading, const char *name, int64_t params);
/* The next step, which is a layer of its own. */
struct step *keras_reading_step(struct keras_reading *reading, enum step_kind kind,
                                const struct keras_layer *layer);
/* FORMAT where integers go into the layer. */
clrnn_status keras_reading_numbers(const struct keras_reading *reading,
                                   const struct keras_layer *layer);
/* 1: a layer before made a mask, and it still goes on. */
int keras_reading_is_masked(const struct keras_reading *reading);

/* A layer in hand as the next step or steps; FORMAT names what is not supported. keras_recurrent.c */
clrnn_status keras_add_recurrent(struct keras_reading *reading, const struct keras_layer *layer);
clrnn_status keras_add_bidirectional(struct keras_reading *reading,
                                     const struct keras_layer *layer);
/* keras_layers.c */
clrnn_status keras_add_dense(struct keras_reading *reading, const struct keras_layer *layer);
clrnn_status keras_add_time_distributed(struct keras_reading *reading,
                                        const struct keras_layer *layer);
clrnn_status keras_add_embedding(struct keras_reading *reading, const struct keras_layer *layer);
clrnn_status keras_add_masking(struct keras_reading *reading, const struct keras_layer *layer);
clrnn_status keras_add_activation(struct keras_reading *reading, const struct keras_layer *layer);
clrnn_status keras_add_softmax(struct keras_reading *reading, const struct keras_layer *layer);
clrnn_status keras_add_unit(struct keras_reading *reading, const struct keras_layer *layer);

/* keras_summary.c. Layers that compute nothing stand in Keras's summary, too; a functional model's begins
 * with its input. */
clrnn_status keras_summary_silent(struct graph *graph, const struct keras_reading *reading);
/* Parameters that are not trained count apart; has_none: the whole model is not. */
void keras_summary_frozen(struct graph *graph, const struct keras_reading *reading, int has_none);

#endif
