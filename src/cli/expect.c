/*
 * expect.c: see expect.h. The files hold output (and output_l0, output_l1, ...: of each layer), h_n
 * and c_n by the names of states.h. Axes of extent 1 may be there or not; with --rows the files may
 * hold those rows or the whole batch.
 */
#include "cli/expect.h"

#include "cli/last.h"
#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1 if the shapes are the same but for axes of extent 1. */
static int fits(const clrnn_tensor *found, const int64_t shape[3]) {
    int axis = 0;
    for (int i = 0; i < 3; i++) {
        if (shape[i] == 1) {
            continue;
        }
        while (axis < found->rank && found->shape[axis] == 1) {
            axis++;
        }
        if (axis == found->rank || found->shape[axis] != shape[i]) {
            return 0;
        }
        axis++;
    }
    while (axis < found->rank && found->shape[axis] == 1) {
        axis++;
    }
    return axis == found->rank;
}

/* 1 if it fits with these rows or with the whole batch, which *is_whole says. */
static int fits_rows(const clrnn_tensor *found, const workload *load, const int64_t shape[3],
                     int batch_axis, int *is_whole) {
    int64_t whole[3] = {shape[0], shape[1], shape[2]};
    *is_whole = 0;
    if (fits(found, shape)) {
        return 1;
    }
    whole[batch_axis] = load->whole_batch;
    *is_whole = load->whole_batch > 0 && fits(found, whole);
    return *is_whole;
}

/* Keeps a float32 copy, shaped `shape`, of an array that fits it; batch_axis is where N stands. */
static int keep(clrnn_tensor *out, expectation *expected, const workload *load, const char *name,
                const clrnn_tensor *found, const int64_t shape[3], int batch_axis,
                const char *path) {
    char got[256];
    char rows[64];
    int64_t there[3] = {shape[0], shape[1], shape[2]};
    clrnn_tensor copy;
    int is_whole = 0;
    if (!fits_rows(found, load, shape, batch_axis, &is_whole)) {
        return report_fail(REPORT_INPUT, "%s: %s is %s, ours is [%lld][%lld][%lld]", path, name,
                           workload_shape(found, got, sizeof got), (long long)shape[0],
                           (long long)shape[1], (long long)shape[2]);
    }
    if (found->dtype == CLRNN_DTYPE_TEXT) {
        return report_fail(REPORT_INPUT, "%s: holds text, numbers are needed", path);
    }
    if (clrnn_arrays_convert(&copy, expected->arrays, name, CLRNN_DTYPE_F32, found) !=
        CLRNN_STATUS_OK) {
        return report_fail_file(1, "reading", path);
    }
    there[batch_axis] = is_whole ? load->whole_batch : load->batch;
    *out = workload_view(&copy, 3, there);
    if (is_whole) {
        (void)snprintf(rows, sizeof rows, "%s of rows", name);
        return workload_take_rows(out, expected->arrays, rows, batch_axis, load->first_row,
                                  load->batch);
    }
    return REPORT_FINE;
}

/* ---- outputs --------------------------------------------------------------------------------- */

/* Packed data has no batch axis: [sum][F]. */
static int keep_packed(clrnn_tensor *out, expectation *expected, const workload *load,
                       const clrnn_tensor *found, const char *path) {
    const int64_t shape[3] = {1, load->packed_rows, load->outputs};
    int code = keep(out, expected, load, "output", found, shape, 1, path);
    if (code == REPORT_FINE) {
        *out = workload_view(out, 2, shape + 1);
    }
    return code;
}

static int keep_output(expectation *expected, const workload *load, const clrnn_tensor *found,
                       const char *path) {
    int64_t shape[3];
    const int64_t last[3] = {1, load->batch, load->outputs};
    const int axis = load->batch_first ? 0 : 1;
    int is_whole;
    workload_steps_shape(load, load->outputs, shape);
    if (load->packed_rows > 0) {
        return keep_packed(&expected->output, expected, load, found, path);
    }
    if (load->last_only && !fits_rows(found, load, shape, axis, &is_whole)) {
        int code = keep(&expected->last, expected, load, "output", found, last, 1, path);
        return code != REPORT_FINE
                   ? code
                   : last_split(&expected->ends, load, expected->arrays, &expected->last);
    }
    return keep(&expected->output, expected, load, "output", found, shape, axis, path);
}

/* output_l0, output_l1, ... */
static int keep_layers(expectation *expected, const workload *load, const clrnn_arrays *file,
                       const char *path) {
    const clrnn_net_desc *net = clrnn_net_get_desc(load->net);
    int code = REPORT_FINE;
    for (int i = 0; i + 1 < load->layers; i++) {
        char name[32];
        int64_t shape[3];
        (void)snprintf(name, sizeof name, "output_l%d", i);
        const clrnn_tensor *found = clrnn_arrays_find(file, name);
        if (found != NULL) {
            workload_steps_shape(load, clrnn_layer_outputs(&net->layers[i]), shape);
            TRY(keep(&expected->layers[i].y, expected, load, name, found, shape,
                     load->batch_first ? 0 : 1, path));
        }
    }
out:
    return code;
}

/* Which array is the last layer's output. */
static int pick_output(const clrnn_tensor **out, const workload *load, const clrnn_arrays *file,
                       const char *path) {
    char names[256];
    char own[32];
    int has_state = 0;
    (void)snprintf(own, sizeof own, "output_l%d", load->layers - 1);
    *out = clrnn_arrays_find(file, "output");
    if (*out != NULL && clrnn_arrays_find(file, own) != NULL) {
        return report_fail(REPORT_INPUT, "%s: holds output and %s, which are the same", path, own);
    }
    *out = *out != NULL ? *out : clrnn_arrays_find(file, own);
    for (size_t i = 0; i < clrnn_arrays_count(file); i++) {
        const char *name = clrnn_arrays_name(file, i);
        has_state |= strncmp(name, "h_n", 3) == 0 || strncmp(name, "c_n", 3) == 0;
    }
    if (*out == NULL && has_state) {
        (void)report_fail(REPORT_INPUT, "%s: output is missing beside %s", path,
                          workload_names(file, NULL, NULL, names, sizeof names));
        report_hint("a state is judged by the steps that lead to it");
        return REPORT_INPUT;
    }
    if (*out == NULL && clrnn_arrays_count(file) == 1 &&
        strncmp(clrnn_arrays_name(file, 0), "output_l", 8) != 0) {
        *out = clrnn_arrays_at(file, 0);
    }
    if (*out == NULL) {
        return report_fail(REPORT_INPUT, "%s: of its %zu arrays none is called output", path,
                           clrnn_arrays_count(file));
    }
    return REPORT_FINE;
}

/* ---- states ---------------------------------------------------------------------------------- */

/* A c_n that the net has no use for. */
static int refuse_surplus(const state_list *list, const clrnn_arrays *file, const char *path) {
    char needed[256];
    for (size_t i = 0; i < clrnn_arrays_count(file); i++) {
        const char *name = clrnn_arrays_name(file, i);
        const int is_state = strncmp(name, "h_n", 3) == 0 || strncmp(name, "c_n", 3) == 0;
        if (is_state && states_find(list, name) == NULL) {
            return report_fail(REPORT_INPUT, "%s: holds %s, the state of the net is %s", path, name,
                               states_names(list, needed, sizeof needed));
        }
    }
    return REPORT_FINE;
}

static int keep_states(expectation *expected, const workload *load, const state_list *list,
                       const clrnn_arrays *file, const char *path) {
    int code = REPORT_FINE;
    TRY(refuse_surplus(list, file, path));
    for (int i = 0; i < list->count; i++) {
        const state_array *array = &list->arrays[i];
        const clrnn_tensor *found = clrnn_arrays_find(file, array->name);
        const int64_t shape[3] = {array->strands, load->batch, array->width};
        clrnn_tensor copy;
        if (found != NULL) {
            TRY(keep(&copy, expected, load, array->name, found, shape, 1, path));
            states_bind(expected->layers, load->net, array, STATE_END, &copy, load->batch);
            expected->has_states = 1;
        }
    }
out:
    return code;
}

static int load_states(expectation *expected, const workload *load, const state_list *list,
                       const char *path) {
    clrnn_arrays *file = NULL;
    int code = REPORT_FINE;
    TRY(workload_read(&file, path, "--expect-state"));
    TRY(keep_states(expected, load, list, file, path));
    if (!expected->has_states) {
        code = report_fail(REPORT_INPUT, "%s: holds no %s", path, list->arrays[0].name);
    }
out:
    clrnn_arrays_free(file);
    return code;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int expect_load(expectation *out, const workload *load, const options *opts) {
    const char *path = opts->value[OPTION_EXPECT];
    const char *state_path = opts->value[OPTION_EXPECT_STATE];
    clrnn_arrays *file = NULL;
    const clrnn_tensor *found = NULL;
    state_list list = {0};
    int code = REPORT_FINE;
    memset(out, 0, sizeof *out);
    if (path == NULL && state_path != NULL) {
        (void)report_fail(REPORT_USAGE, "--expect-state %s: --expect is missing", state_path);
        report_hint("a state is judged by the steps that lead to it");
        return REPORT_USAGE;
    }
    if (path == NULL) {
        return REPORT_FINE;
    }
    out->layers = calloc((size_t)load->layers, sizeof *out->layers);
    if (out->layers == NULL || states_list(&list, load->net, STATE_END, 0) != CLRNN_STATUS_OK) {
        code = report_fail(REPORT_FAILED, "out of memory");
        goto out;
    }
    if (clrnn_arrays_create(&out->arrays) != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "starting");
        goto out;
    }
    TRY(workload_read(&file, path, "--expect"));
    TRY(pick_output(&found, load, file, path));
    TRY(keep_output(out, load, found, path));
    TRY(keep_layers(out, load, file, path));
    if (state_path != NULL) {
        TRY(load_states(out, load, &list, state_path));
    } else {
        TRY(keep_states(out, load, &list, file, path));
    }
out:
    states_free(&list);
    clrnn_arrays_free(file);
    return code;
}

int expect_is_given(const expectation *expected) {
    return expected->output.data != NULL || expected->last.data != NULL;
}

void expect_free(expectation *expected) {
    clrnn_arrays_free(expected->arrays);
    free(expected->layers);
    memset(expected, 0, sizeof *expected);
}
