/*
 * workload.c: the user's files as a workload. What is wrong with them is said here, with the file's
 * name and the numbers, before the library sees them.
 */
#include "cli/workload.h"

#include "cli/commands.h"
#include "cli/report.h"
#include "cli/start.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_EXTENT (INT64_C(1) << 30) /* the API's limit on T and N */

/* ---- shapes ---------------------------------------------------------------------------------- */

const char *workload_shape(const clrnn_tensor *tensor, char *text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    if (tensor->rank == 0) {
        (void)snprintf(text, size, "a single value");
    }
    for (int axis = 0; axis < tensor->rank && used + 24 < size; axis++) {
        used +=
            (size_t)snprintf(text + used, size - used, "[%lld]", (long long)tensor->shape[axis]);
    }
    return text;
}

static clrnn_tensor view(const clrnn_tensor *array, int64_t a, int64_t b, int64_t c) {
    clrnn_tensor out = *array;
    memset(out.strides, 0, sizeof out.strides);
    memset(out.shape, 0, sizeof out.shape);
    out.rank = 3;
    out.shape[0] = a;
    out.shape[1] = b;
    out.shape[2] = c;
    return out;
}

clrnn_tensor workload_state_view(const workload *load, const clrnn_tensor *array) {
    return view(array, 1, load->batch, load->hidden);
}

clrnn_tensor workload_output_view(const workload *load, const clrnn_tensor *array) {
    return load->batch_first ? view(array, load->batch, load->steps, load->hidden)
                             : view(array, load->steps, load->batch, load->hidden);
}

int workload_state_shape(const workload *load, int64_t shape[3]) {
    int rank = 0;
    shape[rank++] = 1;
    if (!load->is_flat) {
        shape[rank++] = load->batch;
    }
    shape[rank++] = load->hidden;
    return rank;
}

int workload_output_shape(const workload *load, int64_t shape[3]) {
    int rank = 0;
    if (load->is_flat) {
        shape[rank++] = load->steps;
    } else {
        shape[rank++] = load->batch_first ? load->batch : load->steps;
        shape[rank++] = load->batch_first ? load->steps : load->batch;
    }
    shape[rank++] = load->hidden;
    return rank;
}

const char *workload_names(const clrnn_arrays *file, int (*is_known)(const char *name), char *text,
                           size_t size) {
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < clrnn_arrays_count(file); i++) {
        const char *name = clrnn_arrays_name(file, i);
        if (is_known != NULL && is_known(name)) {
            continue;
        }
        if (used + 48 > size) {
            (void)snprintf(text + used, size - used, ", ...");
            break;
        }
        int length = snprintf(text + used, size - used, "%s%.40s", used > 0 ? ", " : "", name);
        used += length > 0 ? (size_t)length : 0;
    }
    return text;
}

/* ---- files ----------------------------------------------------------------------------------- */

int workload_read(clrnn_arrays **out, const char *path, const char *what) {
    static const char *reader; /* who took standard input */
    if (path[0] == 0) {
        return report_fail(REPORT_USAGE, "%s: the name of the file is ''", what);
    }
    if (strcmp(path, "-") == 0) {
        if (reader != NULL) {
            return report_fail(REPORT_USAGE, "%s: standard input is read by %s already", what,
                               reader);
        }
        reader = what;
    }
    if (clrnn_arrays_load(out, path) != CLRNN_STATUS_OK) {
        return report_fail_file(1, "reading", path);
    }
    return REPORT_FINE;
}

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

static int is_input_name(const char *name) {
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
        if (is_input_name(clrnn_arrays_name(file, i))) {
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
                       workload_names(file, is_input_name, names, sizeof names));
}

static int load_input(workload *load, const char *value, const char *model) {
    char name[64];
    char shape[256];
    clrnn_arrays *file = NULL;
    const clrnn_tensor *found = NULL;
    clrnn_tensor x;
    int code = REPORT_FINE;
    const char *path = split_input(value, name, sizeof name);
    if (name[0] != 0 && !is_input_name(name)) {
        (void)report_fail(REPORT_USAGE, "-i %s: %s has no input of that name", name, model);
        report_hint("its one input is called input");
        return REPORT_USAGE;
    }
    TRY(workload_read(&file, path, "--input"));
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
    load->x = load->batch_first ? view(&x, load->batch, load->steps, load->inputs)
                                : view(&x, load->steps, load->batch, load->inputs);
out:
    clrnn_arrays_free(file);
    return code;
}

static int64_t length_at(const clrnn_tensor *lengths, int64_t row) {
    const char *data = (const char *)lengths->data + lengths->offset;
    if (lengths->dtype == CLRNN_DTYPE_I64) {
        return ((const int64_t *)(const void *)data)[row];
    }
    return ((const int32_t *)(const void *)data)[row];
}

static int load_lengths(workload *load, const char *path) {
    char shape[256];
    clrnn_arrays *file = NULL;
    int code = REPORT_FINE;
    TRY(workload_read(&file, path, "--lengths"));
    if (clrnn_arrays_count(file) != 1) {
        code = report_fail(REPORT_INPUT, "%s: holds %zu arrays, lengths are one", path,
                           clrnn_arrays_count(file));
        goto out;
    }
    const clrnn_tensor *found = clrnn_arrays_at(file, 0);
    if (found->dtype != CLRNN_DTYPE_I32 && found->dtype != CLRNN_DTYPE_I64) {
        code = report_fail(REPORT_INPUT, "%s: lengths are %s, need int32 or int64", path,
                           clrnn_dtype_name(found->dtype));
        report_hint("numpy.save('lengths.npy', lengths.astype('int32'))");
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
        int64_t length = length_at(found, row);
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

int workload_load(workload *load, const char *model, const options *opts) {
    int code = REPORT_FINE;
    memset(load, 0, sizeof *load);
    clrnn_nonlinearity nonlinearity = CLRNN_NONLINEARITY_TANH;
    if (opts->value[OPTION_NONLINEARITY] != NULL &&
        strcmp(opts->value[OPTION_NONLINEARITY], "relu") == 0) {
        nonlinearity = CLRNN_NONLINEARITY_RELU;
    }
    if (opts->value[OPTION_INPUT] == NULL) {
        (void)report_fail(REPORT_USAGE, "no input: -i FILE gives x");
        report_hint("clrnn %s %s -i x.npy", opts->command->name, model);
        return REPORT_USAGE;
    }
    if (opts->repeated[OPTION_INPUT] > 1) {
        return report_fail(REPORT_USAGE, "-i is given %d times, %s has one input",
                           opts->repeated[OPTION_INPUT], model);
    }
    if (clrnn_arrays_create(&load->arrays) != CLRNN_STATUS_OK) {
        return report_fail_library(0, "starting");
    }
    clrnn_status status = clrnn_model_load(&load->model, model, nonlinearity);
    if (status != CLRNN_STATUS_OK) {
        code = report_fail_model(model);
        return status == CLRNN_STATUS_ARGUMENT ? REPORT_USAGE : code; /* --nonlinearity */
    }
    load->net = clrnn_model_net(load->model);
    const clrnn_net_desc *desc = clrnn_net_get_desc(load->net);
    if (opts->value[OPTION_NONLINEARITY] != NULL && desc->cell != CLRNN_CELL_RNN) {
        return report_fail(REPORT_USAGE, "--nonlinearity is for a vanilla rnn, %s is a %s", model,
                           clrnn_cell_name(desc->cell));
    }
    load->inputs = desc->inputs;
    load->hidden = desc->hidden;
    load->is_lstm = desc->cell == CLRNN_CELL_LSTM;
    load->batch_first = options_batch_first(opts);
    TRY(load_input(load, opts->value[OPTION_INPUT], model));
    if (opts->value[OPTION_LENGTHS] != NULL) {
        TRY(load_lengths(load, opts->value[OPTION_LENGTHS]));
    }
    TRY(workload_select(load, opts));
    if (opts->value[OPTION_INITIAL_STATE] != NULL) {
        TRY(start_load(load, opts->value[OPTION_INITIAL_STATE]));
    }
out:
    return code;
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* "A:B", ":B", "A:" into first and one past the last row. */
static int parse_rows(const char *text, int64_t batch, int64_t *first, int64_t *end) {
    char *rest = NULL;
    *first = 0;
    *end = batch;
    if (text[0] == 0 || strspn(text, "0123456789:") != strlen(text)) {
        return 0;
    }
    if (text[0] != ':') {
        *first = strtoll(text, &rest, 10);
        text = rest;
    }
    if (text[0] != ':') {
        return 0;
    }
    text++;
    if (text[0] != 0) {
        *end = strtoll(text, &rest, 10);
        text = rest;
    }
    return text[0] == 0;
}

int workload_take_rows(clrnn_tensor *tensor, clrnn_arrays *keeper, const char *name, int axis,
                       int64_t first, int64_t count) {
    clrnn_tensor part = *tensor;
    int64_t stride = 1;
    if (tensor->data == NULL) {
        return REPORT_FINE;
    }
    for (int i = tensor->rank - 1; i >= 0; i--) {
        part.strides[i] = stride;
        stride *= tensor->shape[i];
    }
    part.offset += (size_t)(first * part.strides[axis]) * clrnn_dtype_size(tensor->dtype);
    part.shape[axis] = count;
    if (clrnn_arrays_convert(tensor, keeper, name, tensor->dtype, &part) != CLRNN_STATUS_OK) {
        return report_fail_library(0, "taking rows");
    }
    return REPORT_FINE;
}

int workload_select(workload *load, const options *opts) {
    const char *text = opts->value[OPTION_ROWS];
    int64_t first;
    int64_t end;
    int code = REPORT_FINE;
    if (text == NULL) {
        return REPORT_FINE;
    }
    if (!parse_rows(text, load->batch, &first, &end)) {
        return report_fail(REPORT_USAGE, "--rows %s: needs A:B, two whole numbers", text);
    }
    if (first >= end || end > load->batch) {
        return report_fail(REPORT_USAGE, "--rows %s: the batch has the rows 0:%lld", text,
                           (long long)load->batch);
    }
    TRY(workload_take_rows(&load->x, load->arrays, "x of rows", load->batch_first ? 0 : 1, first,
                           end - first));
    TRY(workload_take_rows(&load->lengths, load->arrays, "lengths of rows", 0, first, end - first));
    TRY(workload_take_rows(&load->h_0, load->arrays, "h_0 of rows", 1, first, end - first));
    TRY(workload_take_rows(&load->c_0, load->arrays, "c_0 of rows", 1, first, end - first));
    load->whole_batch = load->batch;
    load->first_row = first;
    load->batch = end - first;
out:
    return code;
}

void workload_free(workload *load) {
    clrnn_arrays_free(load->arrays);
    clrnn_net_free(load->own_net);
    clrnn_model_free(load->model);
    memset(load, 0, sizeof *load);
}
