/*
 * keras_file.h: what a Keras file holds, whichever of its formats it is: the model's config, and the
 * weights of one layer after the other.
 *
 *     .keras   a zip: metadata.json, config.json, and model.weights.h5 with LAYER/PART/vars/0, 1, ...,
 *              where layers are called by their class in small letters, and numbered
 *     .h5      attributes model_config and keras_version, and model_weights/NAME with the attribute
 *              weight_names: paths in the order of the layer's weights
 */
#ifndef CLRNN_IO_KERAS_FILE_H
#define CLRNN_IO_KERAS_FILE_H

#include "io/arrays.h"
#include "io/hdf5_file.h"

#include <jansson.h>

struct keras_file {
    char label[ARRAYS_LABEL];
    json_t *config;            /* {"class_name": "Sequential", "config": {...}} */
    int version;               /* of Keras: 2 or 3 */
    struct hdf5_file *weights; /* NULL: there are none, and zeros stand for them (fuzzing) */
    int is_archive;
    unsigned char *bytes; /* of the weights' file within an archive */
    json_t *all_taken;    /* paths of the arrays that were */
    /* the layer in hand */
    char name[160]; /* what messages call it */
    char path[320]; /* of its group */
    char **names;   /* of its weights, where is_archive is 0: those that are trained come first */
    int count, taken;
    int trained, frozen; /* where the others begin, and how many of them were taken */
};

int keras_file_probe(const unsigned char *bytes, size_t size);
clrnn_status keras_file_open(struct keras_file *out, const unsigned char *bytes, size_t size,
                             const char *path);
void keras_file_close(struct keras_file *file);

/* Begins with a layer; `stored` is what an archive calls it ("lstm_1"). */
clrnn_status keras_file_begin(struct keras_file *file, const char *name, const char *stored);
/* Of the layer's weights so many are trained, as its config says: .h5 keeps them before the others,
 * whatever part of the layer they belong to. Without this call all are taken in one order. */
void keras_file_split(struct keras_file *file, int trained);
/* Weight number i of `count` of a part of the layer ("cell", "forward_layer/cell", ""), of shape
 * [rows][columns], or [rows] with columns 0. is_frozen: the part is not trained, and keras_file_split was
 * told. Floats, to be freed. */
clrnn_status keras_file_take(float **out, struct keras_file *file, const char *part, int i,
                             int count, int is_frozen, int64_t rows, int64_t columns);
/* Every weight of the layer was taken. */
clrnn_status keras_file_end(struct keras_file *file);
/* After all layers: there is no array of a layer that was not taken, but for what drops out at random. FORMAT
 * names it. An optimizer's arrays and those of metrics lie elsewhere. */
clrnn_status keras_file_finish(const struct keras_file *file);

#endif
