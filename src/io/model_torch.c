/*
 * model_torch.c: PyTorch's names without a config: PREFIX weight_ih_l0, weight_hh_l0, ... of
 * torch.nn.RNN, LSTM or GRU.
 *
 * The names say layers, directions, biases and projections, and must say so of every layer; the
 * shapes of layer 0 say the rest. Names with _reverse alone are layers that run backwards, which
 * PyTorch does not have.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "core/net.h"
#include "core/tensor.h"
#include "io/arrays.h"
#include "io/model.h"
#include "io/model_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a name says: PREFIX ROLE_lLAYER or PREFIX ROLE_lLAYER_reverse. */
struct torch_name {
    size_t prefix_size;
    enum weight_role role;
    int layer;
    int reverse;
};

/* What all names of a file say, with an example of each, or NULL. */
struct torch_seen {
    const char *directions[2]; /* forward, reverse */
    const char *bias;
    const char *projection;
    const char *deepest;
    size_t prefix_size;
    int num_layers;
};

/* ---- names ----------------------------------------------------------------------------------- */

/* The number of a layer as PyTorch writes it, without zeros in front; -1: it is none. */
static int parse_layer(const char *digits, size_t count) {
    enum { MAX_DIGITS = 4 };
    if (count == 0 || count > MAX_DIGITS || (digits[0] == '0' && count > 1)) {
        return -1;
    }
    const int layer = (int)strtol(digits, NULL, 10);
    return layer < NET_MAX_LAYERS ? layer : -1;
}

static int parse_name(struct torch_name *out, const char *name) {
    static const char *const roles[WEIGHT_ROLES] = {
        [WEIGHT_IH] = "weight_ih_l", [WEIGHT_HH] = "weight_hh_l", [BIAS_IH] = "bias_ih_l",
        [BIAS_HH] = "bias_hh_l",     [WEIGHT_HR] = "weight_hr_l", [WEIGHT_CI] = "weight_ci_l",
        [WEIGHT_CF] = "weight_cf_l", [WEIGHT_CO] = "weight_co_l"};
    const char *dot = strrchr(name, '.');
    const char *stem = dot != NULL ? dot + 1 : name;
    *out = (struct torch_name){.prefix_size = (size_t)(stem - name), .layer = -1};
    for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
        const size_t length = strlen(roles[role]);
        if (strncmp(stem, roles[role], length) == 0) {
            const char *digits = stem + length;
            const size_t count = strspn(digits, "0123456789");
            out->role = role;
            out->layer = parse_layer(digits, count);
            out->reverse = strcmp(digits + count, "_reverse") == 0;
            return out->layer >= 0 && (digits[count] == '\0' || out->reverse);
        }
    }
    return 0;
}

static int probe(const clrnn_arrays *arrays) {
    struct torch_name name;
    for (size_t i = 0; i < clrnn_arrays_count(arrays); i++) {
        if (parse_name(&name, clrnn_arrays_name(arrays, i))) {
            return 1;
        }
    }
    return 0;
}

int model_torch_owns(const char *name) {
    struct torch_name parsed;
    return parse_name(&parsed, name);
}

static void note(const char **first, const char *name) {
    *first = *first == NULL ? name : *first;
}

static clrnn_status see_names(struct torch_seen *seen, const struct model_source *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *first = clrnn_arrays_name(source->arrays, 0);
    for (size_t i = 0; i < clrnn_arrays_count(source->arrays); i++) {
        char label[ARRAYS_LABEL];
        const char *full = clrnn_arrays_name(source->arrays, i);
        struct torch_name name;
        arrays_label(label, source->path, full);
        if (!parse_name(&name, full)) {
            TRY(model_refuse(label, full, model_torch.unknown));
        }
        REQUIRE(name.role < WEIGHT_CI, FORMAT, "%s: is a peephole, which needs a config", label);
        seen->prefix_size = i == 0 ? name.prefix_size : seen->prefix_size;
        REQUIRE(name.prefix_size == seen->prefix_size &&
                    strncmp(full, first, seen->prefix_size) == 0,
                FORMAT, "%s: has another prefix than '%.*s'", label,
                (int)(seen->prefix_size < 60 ? seen->prefix_size : 60), first);
        note(&seen->directions[name.reverse], full);
        if (name.role == BIAS_IH || name.role == BIAS_HH) {
            note(&seen->bias, full);
        } else if (name.role == WEIGHT_HR) {
            note(&seen->projection, full);
        }
        if (name.layer >= seen->num_layers) {
            seen->num_layers = name.layer + 1;
            seen->deepest = full;
        }
    }
out:
    return status;
}

/* ---- the net --------------------------------------------------------------------------------- */

/* Every layer has what any layer has: NULL, or an array that says that this one is missing. */
static const char *expecting(const struct torch_seen *seen, int layer, int reverse,
                             enum weight_role role) {
    switch (role) {
    case BIAS_IH:
    case BIAS_HH:
        return seen->bias;
    case WEIGHT_HR:
        return seen->projection;
    default:
        return role >= WEIGHT_CI              ? NULL
               : layer + 1 < seen->num_layers ? seen->deepest
                                              : seen->directions[reverse];
    }
}

static clrnn_status check_names(const struct torch_seen *seen, const struct model_source *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *prefix = seen->deepest;
    char *name = NULL;
    for (int layer = 0; layer < seen->num_layers; layer++) {
        for (int reverse = 0; reverse < 2; reverse++) {
            for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
                const struct strand strand = {.layer = layer, .reverse = reverse};
                const char *other = expecting(seen, layer, reverse, role);
                char label[ARRAYS_LABEL];
                if (seen->directions[reverse] == NULL || other == NULL) {
                    continue;
                }
                TRY(model_weight_name(&name, &model_torch, prefix, seen->prefix_size, &strand,
                                      role));
                REQUIRE(clrnn_arrays_find(source->arrays, name) != NULL, FORMAT,
                        "%s: is missing, but %.80s is there%s",
                        arrays_label(label, source->path, name), other,
                        layer > 0 ? MODEL_UNLIKE : "");
                free(name);
                name = NULL;
            }
        }
    }
out:
    free(name);
    return status;
}

/* An array of layer 0 that is there, and what messages call it. */
static clrnn_status find_first(const clrnn_tensor **out, char label[ARRAYS_LABEL],
                               const struct torch_seen *seen, const struct model_source *source,
                               enum weight_role role) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct strand strand = {.reverse = seen->directions[0] == NULL};
    char *name = NULL;
    TRY(model_weight_name(&name, &model_torch, seen->deepest, seen->prefix_size, &strand, role));
    *out = clrnn_arrays_find(source->arrays, name);
    arrays_label(label, source->path, name);
out:
    free(name);
    return status;
}

/* Cell, hidden, projection and inputs from the shapes of layer 0. */
static clrnn_status read_shapes(clrnn_layer_desc *layer, int *inputs, const struct torch_seen *seen,
                                const struct model_source *source) {
    static const clrnn_cell cells[] = {CLRNN_CELL_RNN, CLRNN_CELL_GRU, CLRNN_CELL_LSTM};
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *w_ih, *w_hh, *w_hr;
    char label[ARRAYS_LABEL], hr_label[ARRAYS_LABEL];
    char got[128];
    const int projected = seen->projection != NULL;
    int known = 0;
    TRY(find_first(&w_hh, label, seen, source, WEIGHT_HH));
    TRY(find_first(&w_hr, hr_label, seen, source, WEIGHT_HR));
    tensor_text(w_hh, got, sizeof got);
    REQUIRE(w_hh->rank == 2, FORMAT, "%s: expected [G H][%s], got %s", label, projected ? "P" : "H",
            got);
    const int64_t rows = w_hh->shape[0];
    const int64_t width = w_hh->shape[1];
    int64_t hidden = width;
    TRY(model_check_shape(label, w_hh, 2, rows, width, ""));
    if (projected) {
        char hr_got[128];
        REQUIRE(w_hr->rank == 2, FORMAT, "%s: expected [P][H], got %s", hr_label,
                tensor_text(w_hr, hr_got, sizeof hr_got));
        hidden = w_hr->shape[1];
        TRY(model_check_shape(hr_label, w_hr, 2, width, hidden, ""));
    }
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        const clrnn_layer_desc candidate = {.cell = cells[i]};
        if (rows == clrnn_layer_gates(&candidate) * hidden) {
            layer->cell = cells[i];
            known = 1;
        }
    }
    REQUIRE(known, FORMAT, "%s: rows must be 1 (rnn), 3 (gru) or 4 (lstm) x columns%s, got %s",
            label, projected ? " of weight_hr" : "", got);
    TRY(find_first(&w_ih, label, seen, source, WEIGHT_IH));
    TRY(model_check_shape(label, w_ih, 2, rows, -1, ""));
    layer->hidden = (int)hidden;
    layer->projection = projected ? (int)width : 0;
    *inputs = (int)w_ih->shape[1];
out:
    return status;
}

static clrnn_status read_torch(struct config *config, const struct model_source *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct torch_seen seen = {0};
    clrnn_layer_desc layer = {0};
    char label[ARRAYS_LABEL];
    TRY(see_names(&seen, source));
    TRY(check_names(&seen, source));
    TRY(config_create(config, seen.num_layers, seen.deepest, seen.prefix_size));
    TRY(read_shapes(&layer, &config->desc.inputs, &seen, source));
    layer.bias = seen.bias != NULL ? CLRNN_BIAS_DOUBLE : CLRNN_BIAS_NONE;
    layer.direction = seen.directions[0] == NULL   ? CLRNN_DIRECTION_REVERSE
                      : seen.directions[1] == NULL ? CLRNN_DIRECTION_FORWARD
                                                   : CLRNN_DIRECTION_BIDIRECTIONAL;
    for (int i = 0; i < seen.num_layers; i++) {
        ((clrnn_layer_desc *)config->desc.layers)[i] = layer;
    }
    TRY(config_check(config, arrays_label(label, source->path, NULL)));
out:
    return status;
}

const struct model_format model_torch = {
    .name = "torch",
    .title = "PyTorch's weight_ih_l0 ...",
    .probe = probe,
    .read = read_torch,
    .missing = "is missing",
    .unknown = "is not a name of PyTorch's RNN, LSTM or GRU",
};
