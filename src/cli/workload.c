/* workload.c: shapes of a workload, its rows, and the workload of a problem. */
#include "cli/workload.h"

#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

clrnn_tensor workload_view(const clrnn_tensor *array, int rank, const int64_t *shape) {
    clrnn_tensor out = *array;
    memset(out.strides, 0, sizeof out.strides);
    memset(out.shape, 0, sizeof out.shape);
    out.rank = rank;
    memcpy(out.shape, shape, (size_t)rank * sizeof shape[0]);
    return out;
}

void workload_steps_shape(const workload *load, int64_t features, int64_t shape[3]) {
    shape[0] = load->batch_first ? load->batch : load->steps;
    shape[1] = load->batch_first ? load->steps : load->batch;
    shape[2] = features;
}

int workload_output_shape(const workload *load, int last, int64_t shape[3]) {
    int rank = 0;
    if (last) {
        if (!load->is_flat) {
            shape[rank++] = load->batch;
        }
    } else if (load->is_flat) {
        shape[rank++] = load->steps;
    } else if (load->packed_rows > 0) {
        shape[rank++] = load->packed_rows;
    } else {
        workload_steps_shape(load, load->outputs, shape);
        rank = 2;
    }
    shape[rank++] = load->outputs;
    return rank;
}

int workload_state_shape(const workload *load, const state_array *array, int64_t shape[3]) {
    int rank = 0;
    shape[rank++] = array->strands;
    if (!load->is_flat) {
        shape[rank++] = load->batch;
    }
    shape[rank++] = array->width;
    return rank;
}

/* ---- files ----------------------------------------------------------------------------------- */

const char *workload_names(const clrnn_arrays *file,
                           int (*is_known)(const char *name, const void *context),
                           const void *context, char *text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < clrnn_arrays_count(file); i++) {
        const char *name = clrnn_arrays_name(file, i);
        if (is_known != NULL && is_known(name, context)) {
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

int workload_claim(const char *path, const char *what) {
    static const char *reader; /* who took standard input */
    if (strcmp(path, "-") == 0) {
        if (reader != NULL) {
            return report_fail(REPORT_USAGE, "%s: standard input is read by %s already", what,
                               reader);
        }
        reader = what;
    }
    return REPORT_FINE;
}

int workload_read(clrnn_arrays **out, const char *path, const char *what) {
    int code = REPORT_FINE;
    if (path[0] == 0) {
        return report_fail(REPORT_USAGE, "%s: the name of the file is ''", what);
    }
    TRY(workload_claim(path, what));
    if (clrnn_arrays_load(out, path) != CLRNN_STATUS_OK) {
        code = report_fail_file(1, "reading", path);
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

/* The start states that are there before the rows are chosen: a problem's. */
static int take_starts(workload *load, int64_t first, int64_t count) {
    int code = REPORT_FINE;
    for (int i = 0; i < load->layers; i++) {
        clrnn_layer_arrays *start = &load->starts[i];
        char name[48];
        (void)snprintf(name, sizeof name, "h_0 of rows, layer %d", i);
        TRY(workload_take_rows(&start->h_0, load->arrays, name, 1, first, count));
        name[0] = 'c';
        TRY(workload_take_rows(&start->c_0, load->arrays, name, 1, first, count));
        name[0] = 'o';
        TRY(workload_take_rows(&start->o_0, load->arrays, name, 1, first, count));
    }
out:
    return code;
}

int workload_parse_rows(int64_t *first, int64_t *end, const char *text, int64_t batch) {
    if (!parse_rows(text, batch, first, end)) {
        return report_fail(REPORT_USAGE, "--rows %s: needs A:B, two whole numbers", text);
    }
    if (*first >= *end || *end > batch) {
        return report_fail(REPORT_USAGE, "--rows %s: the batch has the rows 0:%lld", text,
                           (long long)batch);
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
    if (load->packed_rows > 0) {
        return report_fail(REPORT_USAGE, "--rows %s: packed rows lie step by step", text);
    }
    TRY(workload_parse_rows(&first, &end, text, load->batch));
    TRY(workload_take_rows(&load->x, load->arrays, "x of rows", load->batch_first ? 0 : 1, first,
                           end - first));
    TRY(workload_take_rows(&load->lengths, load->arrays, "lengths of rows", 0, first, end - first));
    TRY(workload_take_rows(&load->mask, load->arrays, "mask of rows", 0, first, end - first));
    TRY(take_starts(load, first, end - first));
    load->whole_batch = load->batch;
    load->first_row = first;
    load->batch = end - first;
out:
    return code;
}

/* ---- problems -------------------------------------------------------------------------------- */

/* A slip of a few zeros must not bring the machine down: zeroed memory is granted before it is
 * there. */
static int refuse_giant(const problem *from) {
    double needed = generate_bytes(from);
    double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (there > 0 && needed > there) {
        return report_fail(REPORT_FAILED, "the problem takes about %.0f MiB, this machine has %.0f",
                           needed / 1048576, there / 1048576);
    }
    return REPORT_FINE;
}

int workload_generate(workload *out, const problem *from) {
    memset(out, 0, sizeof *out);
    int code = refuse_giant(from);
    if (code != REPORT_FINE) {
        return code;
    }
    clrnn_status status = clrnn_arrays_create(&out->arrays);
    if (status == CLRNN_STATUS_OK) {
        status = generate(&out->made, from);
    }
    if (status != CLRNN_STATUS_OK) {
        return report_fail_library(0, "making the problem's data");
    }
    const clrnn_net_desc *desc = clrnn_net_get_desc(out->made.net);
    out->net = out->made.net;
    out->x = out->made.x;
    out->lengths = out->made.lengths;
    out->mask = out->made.mask;
    out->batch_sizes = out->made.batch_sizes;
    out->starts = out->made.layers;
    out->batch_first = (int)from->batch_first;
    out->check_last = (int)from->last_only;
    out->steps = from->steps;
    out->batch = from->batch;
    out->packed_rows = from->packed ? out->x.shape[0] : 0;
    out->inputs = from->inputs;
    out->layers = desc->num_layers;
    out->outputs = clrnn_layer_outputs(&desc->layers[out->layers - 1]);
    return REPORT_FINE;
}

void workload_free(workload *load) {
    clrnn_arrays_free(load->arrays);
    if (load->starts != load->made.layers) {
        free(load->starts);
    }
    generate_free(&load->made);
    clrnn_model_free(load->model);
    memset(load, 0, sizeof *load);
}
