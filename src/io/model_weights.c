/* model_weights.c: names, shapes and values of weights in files. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/model_weights.h"

#include "core/tensor.h"
#include "io/arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SHAPE_TEXT = 64, MAX_WEIGHT_NAME = 48 };

clrnn_status model_check_shape(const char *label, const clrnn_tensor *tensor, int rank,
                               int64_t rows, int64_t columns, const char *more) {
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
            FORMAT, "%s: expected %s, got %s%s", label, expected, got, more);
    REQUIRE(rank == 1 ||
                (tensor->shape[1] >= 1 && (columns >= 0 || tensor->shape[1] <= NET_MAX_FEATURES)),
            FORMAT, "%s: the columns must be 1 to %d, got %s", label, NET_MAX_FEATURES, got);
out:
    return status;
}

clrnn_status model_weight_name(char **out, const struct model_format *format, const char *prefix,
                               size_t prefix_size, const struct strand *strand,
                               enum weight_role role) {
    clrnn_status status = CLRNN_STATUS_OK;
    char own[MAX_WEIGHT_NAME];
    const char *stem = format->role_names != NULL ? format->role_names[role]
                                                  : strand_weight_name(strand, role, own);
    *out = malloc(prefix_size + strlen(stem) + 1);
    REQUIRE(*out != NULL, MEMORY, "model: out of memory");
    memcpy(*out, prefix, prefix_size);
    strcpy(*out + prefix_size, stem);
out:
    return status;
}

clrnn_status model_refuse(const char *label, const char *name, const char *otherwise) {
    const char *dot = strrchr(name, '.');
    const char *stem = dot != NULL ? dot + 1 : name;
    const int is_linear = strcmp(stem, "weight") == 0 || strcmp(stem, "bias") == 0;
    return status_fail(CLRNN_STATUS_FORMAT, 0, "%s: %s", label,
                       is_linear ? "is a further layer, whose place a config must say" : otherwise);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct named {
    const char *name;
    size_t at;
};

struct reading {
    const struct config *config;
    const struct model_format *format;
    const struct model_source *source;
    char *used;            /* array by array: is a weight */
    struct named *by_name; /* the arrays sorted by name: a file may hold thousands */
};

static int compare_names(const void *a, const void *b) {
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static clrnn_status sort_names(struct reading *reading) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_arrays *arrays = reading->source->arrays;
    reading->by_name = malloc((arrays->count + 1) * sizeof *reading->by_name);
    REQUIRE(reading->by_name != NULL, MEMORY, "model: out of memory");
    for (size_t i = 0; i < arrays->count; i++) {
        reading->by_name[i] = (struct named){arrays->entries[i]->name, i};
    }
    qsort(reading->by_name, arrays->count, sizeof *reading->by_name, compare_names);
out:
    return status;
}

/* The number of an array, or the count of all where none is called so. */
static size_t find_name(const struct reading *reading, const char *name) {
    const struct named key = {name, 0};
    const size_t count = reading->source->arrays->count;
    const struct named *found = bsearch(&key, reading->by_name, count, sizeof key, compare_names);
    return found != NULL ? found->at : count;
}

/* The array that is this weight, with the right shape. */
static clrnn_status find_weight(const clrnn_tensor **out, const struct reading *reading,
                                const struct strand *strand, enum weight_role role) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_arrays *arrays = reading->source->arrays;
    const char *prefix = reading->config->prefix;
    char label[ARRAYS_LABEL];
    char *name = NULL;
    int64_t rows, columns;
    TRY(model_weight_name(&name, reading->format, prefix, strlen(prefix), strand, role));
    arrays_label(label, reading->source->path, name);
    const size_t at = find_name(reading, name);
    REQUIRE(at < arrays->count, FORMAT, "%s: %s", label, reading->format->missing);
    *out = &arrays->entries[at]->tensor;
    strand_weight_shape(strand, role, &rows, &columns);
    const int is_alike = strand->layer > 0 && reading->format == &model_torch;
    TRY(model_check_shape(label, *out, columns > 0 ? 2 : 1, rows, columns,
                          is_alike ? MODEL_UNLIKE : ""));
    reading->used[at] = 1;
out:
    free(name);
    return status;
}

/* The matrices bound everything else that a net has, so they are looked at before it is made. */
static clrnn_status check_matrices(const struct reading *reading) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_net_desc *desc = &reading->config->desc;
    int inputs = desc->inputs;
    for (int i = 0; i < desc->num_layers; i++) {
        const clrnn_layer_desc *layer = &desc->layers[i];
        for (int direction = 0; direction < clrnn_layer_directions(layer); direction++) {
            const clrnn_tensor *tensor;
            const struct strand strand = {.desc = layer,
                                          .layer = i,
                                          .direction = direction,
                                          .reverse = direction == 1 ||
                                                     layer->direction == CLRNN_DIRECTION_REVERSE,
                                          .inputs = inputs,
                                          .hidden = layer->hidden,
                                          .width = clrnn_layer_width(layer),
                                          .gates = clrnn_layer_gates(layer)};
            TRY(find_weight(&tensor, reading, &strand, WEIGHT_IH));
            if (layer->cell != CLRNN_CELL_DENSE) {
                TRY(find_weight(&tensor, reading, &strand, WEIGHT_HH));
            }
        }
        inputs = clrnn_layer_outputs(layer);
    }
out:
    return status;
}

static clrnn_status set_weight(clrnn_net *net, const struct strand *strand, enum weight_role role,
                               const clrnn_tensor *value) {
    clrnn_status status = CLRNN_STATUS_OK;
    char name[MAX_WEIGHT_NAME];
    clrnn_arrays *scratch = NULL;
    clrnn_tensor floats = *value;
    if (value->dtype == CLRNN_DTYPE_F16) {
        TRY(clrnn_arrays_create(&scratch));
        TRY(clrnn_arrays_convert(&floats, scratch, "weight", CLRNN_DTYPE_F32, value));
    }
    TRY(clrnn_net_set_weight(net, strand_weight_name(strand, role, name), &floats));
out:
    clrnn_arrays_free(scratch);
    return status;
}

clrnn_status model_read_weights(clrnn_net **out, const clrnn_net_desc *desc,
                                const struct config *config, const struct model_format *format,
                                const struct model_source *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_net *net = NULL;
    const size_t count = clrnn_arrays_count(source->arrays);
    struct reading reading = {config, format, source, calloc(count + 1, 1), NULL};
    REQUIRE(reading.used != NULL, MEMORY, "model: out of memory");
    TRY(sort_names(&reading));
    TRY(check_matrices(&reading));
    TRY(clrnn_net_create(&net, desc));
    for (int i = 0; i < net->strand_count; i++) {
        const struct strand *strand = &net->strands[i];
        for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
            const clrnn_tensor *value;
            if (strand->weights[role] != NULL) {
                TRY(find_weight(&value, &reading, strand, role));
                TRY(set_weight(net, strand, role, value));
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = clrnn_arrays_name(source->arrays, i);
        char label[ARRAYS_LABEL];
        /* The config itself is the one array that is no weight. */
        if (!reading.used[i] && !(format == &model_config && strcmp(name, "config") == 0)) {
            arrays_label(label, source->path, name);
            TRY(model_refuse(label, name, format->unknown));
        }
    }
    *out = net;
    net = NULL;
out:
    clrnn_net_free(net);
    free(reading.used);
    free(reading.by_name);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

clrnn_status model_write_weights(clrnn_arrays *into, const clrnn_net *net, const char *prefix,
                                 const struct model_format *format) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *name = NULL;
    for (int i = 0; i < net->strand_count; i++) {
        const struct strand *strand = &net->strands[i];
        for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
            int64_t rows, columns;
            clrnn_tensor copy;
            if (strand->weights[role] == NULL) {
                continue;
            }
            strand_weight_shape(strand, role, &rows, &columns);
            const clrnn_tensor value = {.data = strand->weights[role],
                                        .rank = columns > 0 ? 2 : 1,
                                        .shape = {rows, columns}};
            TRY(model_weight_name(&name, format, prefix, strlen(prefix), strand, role));
            TRY(clrnn_arrays_convert(&copy, into, name, CLRNN_DTYPE_F32, &value));
            free(name);
            name = NULL;
        }
    }
out:
    free(name);
    return status;
}
