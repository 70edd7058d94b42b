/*
 * intake.c: the user's files as a workload: model, x, lengths, mask. What is wrong with them is
 * said here, with the file's name and the numbers, before the library sees them.
 */
#include "cli/commands.h"
#include "cli/modelfile.h"
#include "cli/report.h"
#include "cli/start.h"
#include "cli/workload.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_EXTENT (INT64_C(1) << 30) /* the API's limit on T and N */

/* ---- x --------------------------------------------------------------------------------------- */

/* A dense float32 copy of `source`, kept by the workload. */
static int keep(clrnn_tensor *out, workload *load, const char *name, const clrnn_tensor *source,
                const char *path) {
    if (source->dtype == CLRNN_DTYPE_TEXT) {
        return report_fail(REPORT_INPUT, "%s: holds text, numbers are needed", path);
    }
    if (clrnn_arrays_convert(out, load->arrays, name, CLRNN_DTYPE_F32, source) != CLRNN_STATUS_OK) {
        return report_fail_file(1, "reading", path);
    }
    return REPORT_FINE;
}

/* As workload_read; `hint` is how to save the array in a type that is read. */
static int read_array(clrnn_arrays **out, const char *path, const char *what, const char *hint) {
    int code = workload_read(out, path, what);
    if (code == REPORT_INPUT && strstr(clrnn_last_error()->message, "is not read") != NULL) {
        report_hint("%s", hint);
    }
    return code;
}

/* NAME=FILE gives the name; a file whose own name has a '=' does not. */
static const char *split_input(const char *value, char *name, size_t size) {
    const char *equals = strchr(value, '=');
    size_t length = equals != NULL ? (size_t)(equals - value) : 0;
    name[0] = 0;
    if (length == 0 || length >= size || access(value, F_OK) == 0) {
        return value;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)value[i]) && strchr("_.:", value[i]) == NULL) {
            return value;
        }
    }
    (void)snprintf(name, size, "%.*s", (int)length, value);
    return equals + 1;
}

static int is_input_name(const char *name, const void *context) {
    (void)context;
    return strcmp(name, "input") == 0 || strcmp(name, "x") == 0;
}

/* The one array of the file, or the one that bears the input's name. */
static int pick_input(const clrnn_tensor **out, const clrnn_arrays *file, const char *path) {
    size_t count = clrnn_arrays_count(file);
    *out = NULL;
    if (count == 1) {
        *out = clrnn_arrays_at(file, 0);
        return REPORT_FINE;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_input_name(clrnn_arrays_name(file, i), NULL)) {
            if (*out != NULL) {
                return report_fail(REPORT_USAGE, "%s: holds both input and x, one is needed", path);
            }
            *out = clrnn_arrays_at(file, i);
        }
    }
    if (*out == NULL) {
        (void)report_fail(REPORT_USAGE, "%s: of its %zu arrays none is called input or x", path,
                          count);
        report_hint("one array alone may have any name");
        return REPORT_USAGE;
    }
    char names[256];
    return report_fail(REPORT_USAGE, "%s: holds %s beside the model's one input", path,
                       workload_names(file, is_input_name, NULL, names, sizeof names));
}

static int load_input(workload *load, const char *value, const char *model) {
    char name[64];
    char shape[256];
    clrnn_arrays *file = NULL;
    const clrnn_tensor *found = NULL;
    clrnn_tensor x;
    int64_t extents[3];
    int code = REPORT_FINE;
    const char *path = split_input(value, name, sizeof name);
    if (name[0] != 0 && !is_input_name(name, NULL)) {
        (void)report_fail(REPORT_USAGE, "-i %s: %s has no input of that name", name, model);
        report_hint("its one input is called input");
        return REPORT_USAGE;
    }
    TRY(read_array(&file, path, "--input", "numpy.save('x.npy', x.astype('float32'))"));
    TRY(pick_input(&found, file, path));
    workload_shape(found, shape, sizeof shape);
    if (found->rank != 2 && found->rank != 3) {
        code = report_fail(REPORT_INPUT, "%s: x is %s, needs %s or one sequence [T][%d]", path,
                           shape, load->batch_first ? "[N][T][I]" : "[T][N][I]", (int)load->inputs);
        goto out;
    }
    if (found->shape[found->rank - 1] != load->inputs) {
        code = report_fail(REPORT_INPUT, "%s: x is %s, %s takes %d features", path, shape, model,
                           (int)load->inputs);
        goto out;
    }
    load->is_flat = found->rank == 2;
    int64_t first = found->shape[0];
    int64_t second = load->is_flat ? 1 : found->shape[1];
    int swap = load->batch_first && !load->is_flat;
    load->steps = swap ? second : first;
    load->batch = swap ? first : second;
    if (load->steps == 0 || load->batch == 0) {
        code = report_fail(REPORT_INPUT, "%s: x is %s, no %s to run on", path, shape,
                           load->steps == 0 ? "time step" : "row");
        goto out;
    }
    if (load->steps > MAX_EXTENT || load->batch > MAX_EXTENT) {
        code = report_fail(REPORT_INPUT, "%s: x is %s, at most %lld steps and rows are possible",
                           path, shape, (long long)MAX_EXTENT);
        goto out;
    }
    TRY(keep(&x, load, "x", found, path));
    workload_steps_shape(load, load->inputs, extents);
    load->x = workload_view(&x, 3, extents);
out:
    clrnn_arrays_free(file);
    return code;
}

/* ---- lengths and mask ------------------------------------------------------------------------ */

/* The one array of a file; `what` is what it should be. */
static int pick_one(const clrnn_tensor **out, const clrnn_arrays *file, const char *path,
                    const char *what) {
    if (clrnn_arrays_count(file) != 1) {
        return report_fail(REPORT_INPUT, "%s: holds %zu arrays, %s", path, clrnn_arrays_count(file),
                           what);
    }
    *out = clrnn_arrays_at(file, 0);
    return REPORT_FINE;
}

/* What a value of a whole-number or boolean array says. */
static int64_t whole_at(const clrnn_tensor *array, int64_t i) {
    const char *data = (const char *)array->data + array->offset;
    if (array->dtype == CLRNN_DTYPE_I64) {
        return ((const int64_t *)(const void *)data)[i];
    }
    if (array->dtype == CLRNN_DTYPE_BOOL) {
        return ((const uint8_t *)data)[i];
    }
    return ((const int32_t *)(const void *)data)[i];
}

static int load_lengths(workload *load, const char *path) {
    static const char hint[] = "numpy.save('lengths.npy', lengths.astype('int32'))";
    char shape[256];
    clrnn_arrays *file = NULL;
    const clrnn_tensor *found = NULL;
    int code = REPORT_FINE;
    TRY(read_array(&file, path, "--lengths", hint));
    TRY(pick_one(&found, file, path, "lengths are one"));
    if (found->dtype != CLRNN_DTYPE_I32 && found->dtype != CLRNN_DTYPE_I64) {
        code = report_fail(REPORT_INPUT, "%s: lengths are %s, need int32 or int64", path,
                           clrnn_dtype_name(found->dtype));
        report_hint("%s", hint);
        goto out;
    }
    if (found->rank != 1 || found->shape[0] != load->batch) {
        code = report_fail(REPORT_INPUT, "%s: lengths are %s, the batch needs [%lld]", path,
                           workload_shape(found, shape, sizeof shape), (long long)load->batch);
        if (found->rank == 1 && found->shape[0] == load->steps && !load->is_flat) {
            report_hint("with %s x would be %lld rows of %lld steps",
                        load->batch_first ? "--time-first" : "--batch-first",
                        (long long)load->steps, (long long)load->batch);
        }
        goto out;
    }
    for (int64_t row = 0; row < load->batch; row++) {
        int64_t length = whole_at(found, row);
        if (length < 0 || length > load->steps) {
            code = report_fail(REPORT_INPUT, "%s: row %lld has length %lld, needs 0 to %lld", path,
                               (long long)row, (long long)length, (long long)load->steps);
            goto out;
        }
    }
    if (clrnn_arrays_convert(&load->lengths, load->arrays, "lengths", CLRNN_DTYPE_I32, found) !=
        CLRNN_STATUS_OK) {
        code = report_fail_file(1, "reading", path);
    }
out:
    clrnn_arrays_free(file);
    return code;
}

static int load_mask(workload *load, const char *path) {
    static const char hint[] = "numpy.save('mask.npy', mask.astype(bool))";
    char shape[256];
    clrnn_arrays *file = NULL;
    const clrnn_tensor *found = NULL;
    const int64_t extents[2] = {load->batch, load->steps};
    int code = REPORT_FINE;
    TRY(read_array(&file, path, "--mask", hint));
    TRY(pick_one(&found, file, path, "a mask is one"));
    if (found->dtype != CLRNN_DTYPE_BOOL && found->dtype != CLRNN_DTYPE_I32 &&
        found->dtype != CLRNN_DTYPE_I64) {
        code = report_fail(REPORT_INPUT, "%s: the mask is %s, needs bool, int32 or int64", path,
                           clrnn_dtype_name(found->dtype));
        report_hint("%s", hint);
        goto out;
    }
    const int is_row = load->is_flat && found->rank == 1 && found->shape[0] == load->steps;
    if (!is_row &&
        (found->rank != 2 || found->shape[0] != load->batch || found->shape[1] != load->steps)) {
        code =
            report_fail(REPORT_INPUT, "%s: the mask is %s, x needs [N][T], which is [%lld][%lld]",
                        path, workload_shape(found, shape, sizeof shape), (long long)load->batch,
                        (long long)load->steps);
        if (found->rank == 2 && found->shape[0] == load->steps && found->shape[1] == load->batch) {
            report_hint("a mask is [N][T] in either layout: mask.T");
        }
        goto out;
    }
    for (int64_t i = 0; i < load->batch * load->steps; i++) {
        int64_t value = whole_at(found, i);
        if (value != 0 && value != 1) {
            code = report_fail(REPORT_INPUT, "%s: row %lld, step %lld is %lld, needs 0 or 1", path,
                               (long long)(i / load->steps), (long long)(i % load->steps),
                               (long long)value);
            goto out;
        }
    }
    if (clrnn_arrays_convert(&load->mask, load->arrays, "mask", CLRNN_DTYPE_BOOL, found) !=
        CLRNN_STATUS_OK) {
        code = report_fail_file(1, "reading", path);
        goto out;
    }
    load->mask = workload_view(&load->mask, 2, extents);
out:
    clrnn_arrays_free(file);
    return code;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int workload_check_options(const char *model, const options *opts) {
    if (opts->value[OPTION_INPUT] == NULL) {
        (void)report_fail(REPORT_USAGE, "no input: -i FILE gives x");
        report_hint("clrnn %s %s -i x.npy", opts->command->name, model);
        return REPORT_USAGE;
    }
    return REPORT_FINE;
}

/* What the model says of itself. */
static int look_at_model(workload *load, const char *model, const options *opts) {
    const clrnn_model_info info = clrnn_model_get_info(load->model);
    load->net = clrnn_model_net(load->model);
    const clrnn_net_desc *desc = clrnn_net_get_desc(load->net);
    load->inputs = desc->inputs;
    load->layers = desc->num_layers;
    load->outputs = clrnn_layer_outputs(&desc->layers[load->layers - 1]);
    load->last_only = info.last_only;
    load->has_snippets = opts->num_snippets > 0;
    load->batch_first = options_batch_first(opts, info.has_layout && info.batch_first);
    load->starts = calloc((size_t)load->layers, sizeof *load->starts);
    if (load->starts == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    if (opts->value[OPTION_MASK] != NULL && strcmp(info.format, "config") != 0) {
        (void)report_fail(REPORT_USAGE, "-m %s: %s has no config, so it knows no masks",
                          opts->value[OPTION_MASK], model);
        report_hint("a config says how masks work; -l gives the valid steps of each row");
        return REPORT_USAGE;
    }
    return REPORT_FINE;
}

int workload_load(workload *load, clrnn_model *model, const char *path, const options *opts) {
    int code = REPORT_FINE;
    memset(load, 0, sizeof *load);
    load->model = model;
    if (opts->num_inputs > 1) {
        return report_fail(REPORT_USAGE, "-i is given %d times, %s has one input", opts->num_inputs,
                           path);
    }
    if (clrnn_arrays_create(&load->arrays) != CLRNN_STATUS_OK) {
        return report_fail_library(0, "starting");
    }
    TRY(look_at_model(load, path, opts));
    TRY(load_input(load, opts->value[OPTION_INPUT], path));
    if (opts->value[OPTION_LENGTHS] != NULL) {
        TRY(load_lengths(load, opts->value[OPTION_LENGTHS]));
    }
    if (opts->value[OPTION_MASK] != NULL) {
        TRY(load_mask(load, opts->value[OPTION_MASK]));
    }
    TRY(workload_select(load, opts));
    if (opts->value[OPTION_INITIAL_STATE] != NULL) {
        TRY(start_load(load, opts->value[OPTION_INITIAL_STATE]));
    }
out:
    return code;
}
