/*
 * keras_write_weights.c: model.weights.h5 as keras/src/saving/saving_lib.py lays it out:
 *
 *     layers/lstm_1/cell/vars/0            kernel (I, G H), 1: recurrent_kernel (H, G H), 2: bias
 *     layers/bidirectional/forward_layer/cell/vars/0, .../backward_layer/...
 *     layers/dense/vars/0, layers/embedding/vars/0
 *
 * where a layer goes by its class in small letters and its number among those of its class, and its
 * name is an attribute of its vars. No time stamps: a model gives the same bytes every time.
 */
#ifdef WITH_HDF5

#include "io/keras_write.h"

#include "io/hdf5_turn.h"
#include "io/keras_names.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROWTH = 1 << 16 };

struct store {
    hid_t file, group_plan, dataset_plan; /* property lists without time stamps */
};

static clrnn_status failed(const char *what) {
    return status_fail(CLRNN_STATUS_MEMORY, 0, "keras: HDF5 cannot make %s in memory", what);
}

/* ---- groups and arrays ----------------------------------------------------------------------- */

static clrnn_status put_name(hid_t group, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), attribute = -1;
    if (type >= 0 && space >= 0 && H5Tset_size(type, strlen(name) > 0 ? strlen(name) : 1) >= 0 &&
        H5Tset_cset(type, H5T_CSET_UTF8) >= 0 && H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0) {
        attribute = H5Acreate2(group, "name", type, space, H5P_DEFAULT, H5P_DEFAULT);
    }
    if (attribute < 0 || H5Awrite(attribute, type, name) < 0) {
        status = failed("an attribute");
    }
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
    return status;
}

/* A group, to be closed by the caller. */
static clrnn_status open_group(hid_t *out, const struct store *store, hid_t within,
                               const char *name) {
    *out = H5Gcreate2(within, name, H5P_DEFAULT, store->group_plan, H5P_DEFAULT);
    return *out >= 0 ? CLRNN_STATUS_OK : failed("a group");
}

/* `vars` of an object, with its name; to be closed by the caller. */
static clrnn_status open_vars(hid_t *out, const struct store *store, hid_t within,
                              const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(open_group(out, store, within, "vars"));
    TRY(put_name(*out, name));
out:
    return status;
}

/* data: [rows][columns], or [columns] with rows 0 */
static clrnn_status put_array(const struct store *store, hid_t vars, const char *name, int64_t rows,
                              int64_t columns, const float *data) {
    clrnn_status status = CLRNN_STATUS_OK;
    const hsize_t both[2] = {(hsize_t)rows, (hsize_t)columns}, one[1] = {(hsize_t)columns};
    hid_t space = H5Screate_simple(rows > 0 ? 2 : 1, rows > 0 ? both : one, NULL), array = -1;
    if (space >= 0) {
        array = H5Dcreate2(vars, name, H5T_IEEE_F32LE, space, H5P_DEFAULT, store->dataset_plan,
                           H5P_DEFAULT);
    }
    if (array < 0 || H5Dwrite(array, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
        status = failed("an array");
    }
    H5Dclose(array);
    H5Sclose(space);
    return status;
}

/* ---- weights in Keras's order ---------------------------------------------------------------- */

/* Which gate of ours is gate g of Keras's: i, f, c, o and z, r, h. */
static int gate_of(const struct strand *strand, int g) {
    return strand->desc->cell == CLRNN_CELL_GRU && g < 2 ? 1 - g : g;
}

/* to: [columns][G H] from [G H][columns], gates in Keras's order */
static void turn(float *to, const float *from, const struct strand *strand, int64_t columns) {
    const int64_t hidden = strand->hidden, wide = strand->gates * hidden;
    for (int g = 0; g < strand->gates; g++) {
        for (int64_t unit = 0; unit < hidden; unit++) {
            const float *row = from + (gate_of(strand, g) * hidden + unit) * columns;
            for (int64_t k = 0; k < columns; k++) {
                to[k * wide + g * hidden + unit] = row[k];
            }
        }
    }
}

static clrnn_status put_matrix(const struct store *store, hid_t vars, const char *name,
                               const struct strand *strand, const float *from, int64_t columns) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int64_t wide = (int64_t)strand->gates * strand->hidden;
    float *turned = malloc((size_t)(wide * columns) * sizeof *turned);
    REQUIRE(turned != NULL, MEMORY, "keras: out of memory for weights of %lld x %lld",
            (long long)wide, (long long)columns);
    turn(turned, from, strand, columns);
    TRY(put_array(store, vars, name, columns, wide, turned));
out:
    free(turned);
    return status;
}

/* One bias, the sum where there are two; or (2, G H). */
static clrnn_status put_bias(const struct store *store, hid_t vars, const struct strand *strand) {
    clrnn_status status = CLRNN_STATUS_OK;
    const float *first = strand->weights[BIAS_IH], *second = strand->weights[BIAS_HH];
    const int64_t hidden = strand->hidden, wide = strand->gates * hidden;
    const int is_double = keras_has_two_biases(strand);
    float *bias = calloc((size_t)wide * 2, sizeof *bias);
    REQUIRE(bias != NULL, MEMORY, "keras: out of memory for a bias of %lld", (long long)wide);
    for (int64_t i = 0; i < wide; i++) {
        const int64_t from = gate_of(strand, (int)(i / hidden)) * hidden + i % hidden;
        const float more = second != NULL ? second[from] : 0;
        bias[i] = is_double || more == 0 ? first[from] : first[from] + more;
        bias[wide + i] = more;
    }
    TRY(put_array(store, vars, "2", is_double ? 2 : 0, wide, bias));
out:
    free(bias);
    return status;
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* The `cell` of a layer and its arrays. */
static clrnn_status put_cell(const struct store *store, hid_t layer, const struct strand *strand) {
    clrnn_status status = CLRNN_STATUS_OK;
    hid_t cell = -1, vars = -1;
    const char *name = strand->desc->cell == CLRNN_CELL_LSTM  ? "lstm_cell"
                       : strand->desc->cell == CLRNN_CELL_GRU ? "gru_cell"
                                                              : "simple_rnn_cell";
    TRY(open_group(&cell, store, layer, "cell"));
    TRY(open_vars(&vars, store, cell, name));
    TRY(put_matrix(store, vars, "0", strand, strand->weights[WEIGHT_IH], strand->inputs));
    TRY(put_matrix(store, vars, "1", strand, strand->weights[WEIGHT_HH], strand->width));
    if (strand->weights[BIAS_IH] != NULL) {
        TRY(put_bias(store, vars, strand));
    }
out:
    H5Gclose(vars);
    H5Gclose(cell);
    return status;
}

static clrnn_status put_half(const struct store *store, hid_t layer, const struct strand *strand,
                             const char *group, const char *prefix, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    hid_t half = -1, vars = -1;
    char text[KERAS_NAME + 16];
    snprintf(text, sizeof text, "%s_%s", prefix, name);
    TRY(open_group(&half, store, layer, group));
    TRY(open_vars(&vars, store, half, text));
    TRY(put_cell(store, half, strand));
out:
    H5Gclose(vars);
    H5Gclose(half);
    return status;
}

static clrnn_status put_layer(const struct store *store, hid_t layers,
                              const struct keras_layer *layer, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    hid_t group = -1, vars = -1;
    const struct layer_step *step = layer->step;
    TRY(open_group(&group, store, layers, path));
    TRY(open_vars(&vars, store, group, layer->name));
    if (step->kind == LAYER_RECURRENT && layer->back == NULL) {
        TRY(put_cell(store, group, layer->half));
    } else if (step->kind == LAYER_RECURRENT) {
        TRY(put_half(store, group, layer->half, "forward_layer", "forward", layer->name));
        TRY(put_half(store, group, layer->back, "backward_layer", "backward", layer->name));
    } else if (step->kind == LAYER_DENSE) {
        const struct strand *strand = layer->half;
        TRY(put_matrix(store, vars, "0", strand, strand->weights[WEIGHT_IH], strand->inputs));
        if (strand->weights[BIAS_IH] != NULL) {
            TRY(put_array(store, vars, "1", 0, strand->hidden, strand->weights[BIAS_IH]));
        }
    } else if (step->kind == LAYER_EMBEDDING) {
        const clrnn_tensor *table = step->table;
        TRY(put_array(store, vars, "0", table->shape[0], table->shape[1],
                      (const float *)((const char *)table->data + table->offset)));
    }
out:
    H5Gclose(vars);
    H5Gclose(group);
    return status;
}

static clrnn_status put_layers(const struct store *store, const struct keras_model *model) {
    clrnn_status status = CLRNN_STATUS_OK;
    hid_t vars = -1, layers = -1;
    json_t *numbers = json_object(); /* how many of a class there were */
    REQUIRE(numbers != NULL, MEMORY, "keras: out of memory for names");
    TRY(open_vars(&vars, store, store->file, "sequential"));
    TRY(open_group(&layers, store, store->file, "layers"));
    for (int i = 0; i < model->count; i++) {
        const struct keras_layer *layer = &model->layers[i];
        const json_int_t number = json_integer_value(json_object_get(numbers, layer->class_name));
        char path[KERAS_STORED];
        keras_stored_name(path, layer->class_name, (int)number);
        REQUIRE(json_object_set_new(numbers, layer->class_name, json_integer(number + 1)) == 0,
                MEMORY, "keras: out of memory for names");
        TRY(put_layer(store, layers, layer, path));
    }
out:
    H5Gclose(layers);
    H5Gclose(vars);
    json_decref(numbers);
    return status;
}

/* ---- the file -------------------------------------------------------------------------------- */

static clrnn_status open_store(struct store *store) {
    clrnn_status status = CLRNN_STATUS_OK;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_FILE_CREATE);
    store->group_plan = H5Pcreate(H5P_GROUP_CREATE);
    store->dataset_plan = H5Pcreate(H5P_DATASET_CREATE);
    const int is_set = H5Pset_fapl_core(access, GROWTH, 0) >= 0 &&
                       H5Pset_obj_track_times(create, 0) >= 0 &&
                       H5Pset_obj_track_times(store->group_plan, 0) >= 0 &&
                       H5Pset_obj_track_times(store->dataset_plan, 0) >= 0;
    store->file = is_set ? H5Fcreate("model.weights.h5", H5F_ACC_TRUNC, create, access) : -1;
    if (store->file < 0) {
        status = failed("a file");
    }
    H5Pclose(access);
    H5Pclose(create);
    return status;
}

static clrnn_status take_image(unsigned char **out, size_t *size, const struct store *store) {
    clrnn_status status = CLRNN_STATUS_OK;
    unsigned char *bytes = NULL;
    const ssize_t wanted =
        H5Fflush(store->file, H5F_SCOPE_GLOBAL) >= 0 ? H5Fget_file_image(store->file, NULL, 0) : -1;
    bytes = wanted > 0 ? malloc((size_t)wanted) : NULL;
    REQUIRE(bytes != NULL, MEMORY, "keras: out of memory for %lld bytes of weights",
            (long long)wanted);
    if (H5Fget_file_image(store->file, bytes, (size_t)wanted) != wanted) {
        status = failed("an image of the file");
        goto out;
    }
    *out = bytes;
    *size = (size_t)wanted;
    bytes = NULL;
out:
    free(bytes);
    return status;
}

clrnn_status keras_weights_image(unsigned char **out, size_t *size,
                                 const struct keras_model *model) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct store store = {-1, -1, -1};
    hdf5_turn_begin();
    TRY(open_store(&store));
    TRY(put_layers(&store, model));
    TRY(take_image(out, size, &store));
out:
    H5Fclose(store.file);
    H5Pclose(store.group_plan);
    H5Pclose(store.dataset_plan);
    hdf5_turn_end();
    return status;
}

#else
typedef int keras_write_weights_without_hdf5;
#endif
