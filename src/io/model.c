/*
 * model.c: nets from files, by a table of formats.
 *
 * A row of `formats` looks at the names of a file's arrays and says whether it knows them; its
 * reader then accounts for every array. Nothing in a file is skipped: an array that a reader does
 * not use is an error with its name.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/model.h"

#include "core/tensor.h"
#include "io/arrays.h"
#include "io/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ONLY "this version reads one layer and one direction"
#define READS "this version reads .npz"

enum { MAX_FEATURES = 1 << 20, MAX_SHAPE_TEXT = 64 };

/* The weights of a net, in the order of a file. */
enum role { W_IH, W_HH, B_IH, B_HH, ROLES };
static const char *const role_names[ROLES] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};

struct source {
    const clrnn_arrays *arrays;
    const char *path;
    clrnn_nonlinearity nonlinearity;
};

struct model_format {
    const char *name;
    int (*probe)(const clrnn_arrays *arrays);
    clrnn_status (*read)(clrnn_model *model, const struct source *source);
    clrnn_status (*write)(clrnn_arrays *into, const clrnn_model *model);
};

/* ---- shared by the formats ------------------------------------------------------------------- */

/* [rows] of rank 1, [rows][columns] of rank 2; columns -1: any, which messages call I. */
static clrnn_status check_shape(const char *label, const clrnn_tensor *tensor, int rank,
                                int64_t rows, int64_t columns) {
    clrnn_status status = CLRNN_STATUS_OK;
    char expected[MAX_SHAPE_TEXT] = "";
    char got[128];
    if (rank == 2 && columns >= 0) {
        snprintf(expected, sizeof expected, "[%lld][%lld]", (long long)rows, (long long)columns);
    } else {
        snprintf(expected, sizeof expected, "[%lld]%s", (long long)rows, rank == 2 ? "[I]" : "");
    }
    tensor_text(tensor, got, sizeof got);
    REQUIRE(tensor->dtype == CLRNN_DTYPE_F32 || tensor->dtype == CLRNN_DTYPE_F64 ||
                tensor->dtype == CLRNN_DTYPE_F16,
            FORMAT, "%s: weights must be float16, float32 or float64, got %s", label, got);
    REQUIRE(tensor->rank == rank && tensor->shape[0] == rows &&
                (rank == 1 || columns < 0 || tensor->shape[1] == columns),
            FORMAT, "%s: expected %s, got %s", label, expected, got);
    REQUIRE(rank == 1 || (tensor->shape[1] >= 1 && tensor->shape[1] <= MAX_FEATURES), FORMAT,
            "%s: the columns must be 1 to %d, got %s", label, MAX_FEATURES, got);
out:
    return status;
}

static void net_name(char name[MAX_SHAPE_TEXT], const clrnn_net *net, enum role role) {
    const int reverse = clrnn_net_get_desc(net)->direction == CLRNN_DIRECTION_REVERSE;
    snprintf(name, MAX_SHAPE_TEXT, "%s_l0%s", role_names[role], reverse ? "_reverse" : "");
}

/* Makes the net of tensors whose shapes fit; NULL: not in the file. */
static clrnn_status build_net(clrnn_model *model, const clrnn_net_desc *desc,
                              const clrnn_tensor *const weights[ROLES]) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_arrays *scratch = NULL;
    TRY(clrnn_arrays_create(&scratch));
    TRY(clrnn_net_create(&model->net, desc));
    for (enum role role = 0; role < ROLES; role++) {
        if (weights[role] != NULL) {
            char name[MAX_SHAPE_TEXT];
            clrnn_tensor tensor = *weights[role];
            net_name(name, model->net, role);
            if (tensor.dtype == CLRNN_DTYPE_F16) {
                TRY(clrnn_arrays_convert(&tensor, scratch, name, CLRNN_DTYPE_F32, weights[role]));
            }
            TRY(clrnn_net_set_weight(model->net, name, &tensor));
            model->params += clrnn_tensor_count(&tensor);
        }
    }
out:
    clrnn_arrays_free(scratch);
    return status;
}

static clrnn_status write_weight(clrnn_arrays *into, const clrnn_model *model, enum role role,
                                 const char *file_name) {
    clrnn_status status = CLRNN_STATUS_OK;
    char name[MAX_SHAPE_TEXT];
    clrnn_tensor value;
    clrnn_tensor copy;
    net_name(name, model->net, role);
    TRY(clrnn_net_get_weight(&value, model->net, name));
    TRY(clrnn_arrays_convert(&copy, into, file_name, CLRNN_DTYPE_F32, &value));
out:
    return status;
}

/* ---- Wx Wh b: h = tanh(Wx x + Wh h + b) ------------------------------------------------------ */

static const char *const lesson_names[] = {[W_IH] = "Wx", [W_HH] = "Wh", [B_IH] = "b"};
enum { LESSON_ROLES = B_IH + 1 };

static int lesson_probe(const clrnn_arrays *arrays) {
    return clrnn_arrays_find(arrays, "Wx") != NULL || clrnn_arrays_find(arrays, "Wh") != NULL;
}

static clrnn_status lesson_read(clrnn_model *model, const struct source *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    char labels[LESSON_ROLES][ARRAYS_LABEL];
    const clrnn_tensor *weights[ROLES] = {NULL};
    for (int role = 0; role < LESSON_ROLES; role++) {
        weights[role] = clrnn_arrays_find(source->arrays, lesson_names[role]);
        arrays_label(labels[role], source->path, lesson_names[role]);
        REQUIRE(weights[role] != NULL, FORMAT, "%s: is missing beside Wx, Wh, b", labels[role]);
    }
    for (size_t i = 0; i < clrnn_arrays_count(source->arrays); i++) {
        char label[ARRAYS_LABEL];
        const clrnn_tensor *tensor = clrnn_arrays_at(source->arrays, i);
        arrays_label(label, source->path, clrnn_arrays_name(source->arrays, i));
        REQUIRE(tensor == weights[W_IH] || tensor == weights[W_HH] || tensor == weights[B_IH],
                FORMAT, "%s: is not known beside Wx, Wh, b", label);
    }
    char file[ARRAYS_LABEL];
    char got[128];
    arrays_label(file, source->path, NULL);
    REQUIRE(weights[W_HH]->rank == 2, FORMAT, "%s: expected [H][H], got %s", labels[W_HH],
            tensor_text(weights[W_HH], got, sizeof got));
    const int64_t hidden = weights[W_HH]->shape[1];
    TRY(check_shape(labels[W_HH], weights[W_HH], 2, hidden, hidden));
    TRY(check_shape(labels[W_IH], weights[W_IH], 2, hidden, -1));
    TRY(check_shape(labels[B_IH], weights[B_IH], 1, hidden, 0));
    REQUIRE(source->nonlinearity == CLRNN_NONLINEARITY_TANH, ARGUMENT,
            "%s: Wx Wh b is a tanh layer, got nonlinearity relu", file);
    const clrnn_net_desc desc = {
        .cell = CLRNN_CELL_RNN, .inputs = (int)weights[W_IH]->shape[1], .hidden = (int)hidden};
    TRY(build_net(model, &desc, weights));
    model->has_bias = 1;
out:
    return status;
}

static clrnn_status lesson_write(clrnn_arrays *into, const clrnn_model *model) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (enum role role = W_IH; role <= B_IH; role++) {
        TRY(write_weight(into, model, role, lesson_names[role]));
    }
out:
    return status;
}

/* ---- PyTorch's names ------------------------------------------------------------------------- */

/* PREFIX.ROLE_lLAYER or PREFIX.ROLE_lLAYER_reverse */
struct torch_name {
    enum role role;    /* ROLES: a projection, weight_hr */
    const char *stem;  /* behind the prefix */
    const char *layer; /* its digits */
    size_t layer_digits;
    int reverse;
};

static int torch_parse(struct torch_name *out, const char *name) {
    const char *dot = strrchr(name, '.');
    *out = (struct torch_name){.stem = dot != NULL ? dot + 1 : name};
    for (enum role role = 0; role <= ROLES; role++) {
        const char *role_name = role < ROLES ? role_names[role] : "weight_hr";
        const size_t length = strlen(role_name);
        if (strncmp(out->stem, role_name, length) == 0 &&
            strncmp(out->stem + length, "_l", 2) == 0) {
            out->role = role;
            out->layer = out->stem + length + 2;
            out->layer_digits = strspn(out->layer, "0123456789");
            const char *rest = out->layer + out->layer_digits;
            out->reverse = strcmp(rest, "_reverse") == 0;
            return out->layer_digits > 0 && (*rest == '\0' || out->reverse);
        }
    }
    return 0;
}

static int torch_probe(const clrnn_arrays *arrays) {
    struct torch_name name;
    for (size_t i = 0; i < clrnn_arrays_count(arrays); i++) {
        if (torch_parse(&name, clrnn_arrays_name(arrays, i))) {
            return 1;
        }
    }
    return 0;
}

static clrnn_status refuse_name(const char *label, const struct torch_name *name) {
    const char *what = "is not a name of PyTorch's RNN, LSTM or GRU";
    if (strcmp(name->stem, "weight") == 0 || strcmp(name->stem, "bias") == 0) {
        what = "is a further layer; " ONLY;
    } else if (strcmp(name->stem, "config") == 0) {
        what = "is a config, which is not read yet";
    }
    return status_fail(CLRNN_STATUS_FORMAT, 0, "%s: %s", label, what);
}

/* Sorts the arrays into `weights`; all must be of one layer, one direction and one prefix. */
static clrnn_status torch_collect(const clrnn_tensor *weights[ROLES], clrnn_direction *direction,
                                  clrnn_model *model, const struct source *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    int reverse = -1;
    for (size_t i = 0; i < clrnn_arrays_count(source->arrays); i++) {
        const char *full = clrnn_arrays_name(source->arrays, i);
        char label[ARRAYS_LABEL];
        struct torch_name name;
        arrays_label(label, source->path, full);
        if (!torch_parse(&name, full)) {
            TRY(refuse_name(label, &name));
        }
        REQUIRE(name.role != ROLES, FORMAT, "%s: is a projection, which is not read", label);
        REQUIRE(name.layer_digits == 1 && name.layer[0] == '0', FORMAT,
                "%s: is of layer %.*s; " ONLY, label, (int)name.layer_digits, name.layer);
        const size_t length = (size_t)(name.stem - full);
        if (model->prefix == NULL) {
            model->prefix = strndup(full, length);
            REQUIRE(model->prefix != NULL, MEMORY, "%s: out of memory", label);
            reverse = name.reverse;
        }
        REQUIRE(strlen(model->prefix) == length && strncmp(model->prefix, full, length) == 0,
                FORMAT, "%s: has another prefix than '%.60s'", label, model->prefix);
        REQUIRE(name.reverse == reverse, FORMAT, "%s: is of the second direction; " ONLY, label);
        weights[name.role] = clrnn_arrays_at(source->arrays, i);
    }
    *direction = reverse == 1 ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
out:
    return status;
}

static clrnn_status torch_read(clrnn_model *model, const struct source *source) {
    static const clrnn_cell cells[] = {CLRNN_CELL_RNN, CLRNN_CELL_GRU, CLRNN_CELL_LSTM};
    clrnn_status status = CLRNN_STATUS_OK;
    char labels[ROLES][ARRAYS_LABEL];
    char file[ARRAYS_LABEL];
    char got[128];
    const clrnn_tensor *weights[ROLES] = {NULL};
    clrnn_net_desc desc = {.nonlinearity = source->nonlinearity};
    TRY(torch_collect(weights, &desc.direction, model, source));
    const char *suffix = desc.direction == CLRNN_DIRECTION_REVERSE ? "_reverse" : "";
    for (enum role role = 0; role < ROLES; role++) {
        char name[ARRAYS_LABEL];
        snprintf(name, sizeof name, "%.40s%s_l0%s", model->prefix, role_names[role], suffix);
        arrays_label(labels[role], source->path, name);
    }
    REQUIRE(weights[W_IH] != NULL, FORMAT, "%s: is missing", labels[W_IH]);
    REQUIRE(weights[W_HH] != NULL, FORMAT, "%s: is missing", labels[W_HH]);
    const enum role absent = weights[B_IH] == NULL ? B_IH : B_HH;
    const enum role other = absent == B_IH ? B_HH : B_IH;
    REQUIRE((weights[B_IH] == NULL) == (weights[B_HH] == NULL), FORMAT,
            "%s: is missing, but %s_l0%s is there", labels[absent], role_names[other], suffix);

    const clrnn_tensor *w_hh = weights[W_HH];
    REQUIRE(w_hh->rank == 2, FORMAT, "%s: expected [G H][H], got %s", labels[W_HH],
            tensor_text(w_hh, got, sizeof got));
    const int64_t rows = w_hh->shape[0];
    const int64_t hidden = w_hh->shape[1];
    TRY(check_shape(labels[W_HH], w_hh, 2, rows, hidden));
    int known = 0;
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        if (rows == clrnn_cell_gates(cells[i]) * hidden) {
            desc.cell = cells[i];
            known = 1;
        }
    }
    REQUIRE(known, FORMAT, "%s: rows must be 1 (rnn), 3 (gru) or 4 (lstm) x columns, got %s",
            labels[W_HH], tensor_text(w_hh, got, sizeof got));
    TRY(check_shape(labels[W_IH], weights[W_IH], 2, rows, -1));
    model->has_bias = weights[B_IH] != NULL;
    for (enum role role = B_IH; model->has_bias && role < ROLES; role++) {
        TRY(check_shape(labels[role], weights[role], 1, rows, 0));
    }
    REQUIRE(source->nonlinearity == CLRNN_NONLINEARITY_TANH || desc.cell == CLRNN_CELL_RNN,
            ARGUMENT, "%s: nonlinearity relu is for rnn, the file holds %s",
            arrays_label(file, source->path, NULL), clrnn_cell_name(desc.cell));
    desc.inputs = (int)weights[W_IH]->shape[1];
    desc.hidden = (int)hidden;
    TRY(build_net(model, &desc, weights));
out:
    return status;
}

static clrnn_status torch_write(clrnn_arrays *into, const clrnn_model *model) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *name = malloc(strlen(model->prefix) + MAX_SHAPE_TEXT);
    REQUIRE(name != NULL, MEMORY, "model: out of memory");
    for (enum role role = 0; role < (model->has_bias ? ROLES : B_IH); role++) {
        const size_t length = strlen(model->prefix);
        memcpy(name, model->prefix, length);
        net_name(name + length, model->net, role);
        TRY(write_weight(into, model, role, name));
    }
out:
    free(name);
    return status;
}

/* ---- the table and the public functions ------------------------------------------------------ */

static const struct model_format formats[] = {
    {"Wx Wh b", lesson_probe, lesson_read, lesson_write},
    {"PyTorch's weight_ih_l0 ...", torch_probe, torch_read, torch_write},
};

clrnn_status model_read(clrnn_model **out, const clrnn_arrays *arrays, const char *path,
                        clrnn_nonlinearity nonlinearity) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    const struct source source = {arrays, path, nonlinearity};
    clrnn_model *model = calloc(1, sizeof *model);
    arrays_label(label, path, NULL);
    REQUIRE(model != NULL, MEMORY, "%s: out of memory", label);
    REQUIRE(nonlinearity == CLRNN_NONLINEARITY_TANH || nonlinearity == CLRNN_NONLINEARITY_RELU,
            ARGUMENT, "model: unknown nonlinearity %d", (int)nonlinearity);
    REQUIRE(clrnn_arrays_count(arrays) > 0, FORMAT, "%s: holds no arrays, expected a model's",
            label);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (formats[i].probe(arrays)) {
            REQUIRE(model->format == NULL, FORMAT, "%s: mixes two naming schemes, %s and %s", label,
                    model->format->name, formats[i].name);
            model->format = &formats[i];
        }
    }
    arrays_label(label, path, clrnn_arrays_name(arrays, 0));
    REQUIRE(model->format != NULL, FORMAT,
            "%s: is no weight this version knows, expected Wx Wh b or PyTorch's weight_ih_l0 ...",
            label);
    TRY(model->format->read(model, &source));
    *out = model;
    model = NULL;
out:
    clrnn_model_free(model);
    return status;
}

clrnn_status clrnn_model_load(clrnn_model **out, const char *path,
                              clrnn_nonlinearity nonlinearity) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    unsigned char *bytes = NULL;
    size_t size = 0;
    clrnn_arrays *arrays = NULL;
    REQUIRE(out != NULL, ARGUMENT, "model: needs a place for the result, got NULL");
    *out = NULL;
    REQUIRE(path != NULL, ARGUMENT, "model: load needs a path, got NULL");
    TRY(arrays_read_file(&bytes, &size, path));
    arrays_label(label, path, NULL);
    REQUIRE(size > 0, FORMAT, "%s: is an empty file; " READS, label);
    if (arrays_probe(bytes, size) == ARRAYS_ZIP) {
        status = arrays_parse(&arrays, bytes, size, path);
    } else {
        status =
            status_fail(CLRNN_STATUS_FORMAT, 0,
                        "%s: is no model file, starts with byte 0x%02x; " READS, label, bytes[0]);
    }
    const char *foreign = status == CLRNN_STATUS_FORMAT ? foreign_name(bytes, size, path) : NULL;
    REQUIRE(foreign == NULL, FORMAT, "%s: is %s; " READS, label, foreign);
    TRY(status);
    TRY(model_read(out, arrays, path, nonlinearity));
out:
    clrnn_arrays_free(arrays);
    free(bytes);
    return status;
}

clrnn_status clrnn_model_save(const clrnn_model *model, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_arrays *arrays = NULL;
    REQUIRE(model != NULL && path != NULL, ARGUMENT, "model: save needs a model and a path");
    const char *slash = strrchr(path, '/');
    const char *suffix = strrchr(slash != NULL ? slash : path, '.');
    REQUIRE(suffix == NULL || strcmp(suffix, ".npz") == 0, ARGUMENT,
            "%s: models are written as .npz, got %s", path, suffix);
    TRY(clrnn_arrays_create(&arrays));
    TRY(model->format->write(arrays, model));
    TRY(arrays_write(arrays, path, 1));
out:
    clrnn_arrays_free(arrays);
    return status;
}

void clrnn_model_free(clrnn_model *model) {
    if (model == NULL) {
        return;
    }
    clrnn_net_free(model->net);
    free(model->prefix);
    free(model);
}

const clrnn_net *clrnn_model_net(const clrnn_model *model) {
    return model != NULL ? model->net : NULL;
}

size_t clrnn_model_layer_count(const clrnn_model *model) {
    return model != NULL ? 1 : 0;
}

clrnn_status clrnn_model_layer(clrnn_layer_info *out, const clrnn_model *model, size_t layer) {
    static const char *const types[] = {
        [CLRNN_CELL_RNN] = "RNN", [CLRNN_CELL_LSTM] = "LSTM", [CLRNN_CELL_GRU] = "GRU"};
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(out != NULL && model != NULL, ARGUMENT,
            "model: layer needs a place for the result and a model");
    REQUIRE(layer < clrnn_model_layer_count(model), ARGUMENT,
            "model: layer must be less than %zu, got %zu", clrnn_model_layer_count(model), layer);
    const clrnn_net_desc *desc = clrnn_net_get_desc(model->net);
    const size_t length = model->prefix != NULL ? strlen(model->prefix) : 0;
    *out = (clrnn_layer_info){.outputs = desc->hidden, .params = model->params};
    if (length > 1) {
        snprintf(out->name, sizeof out->name, "%.*s", (int)(length - 1), model->prefix);
    } else {
        snprintf(out->name, sizeof out->name, "%s", clrnn_cell_name(desc->cell));
    }
    snprintf(out->type, sizeof out->type, "%s", types[desc->cell]);
out:
    return status;
}
