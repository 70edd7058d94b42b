/* expect.c: see expect.h. Axes of extent 1 may be there or not; with --rows the files may hold
 * those rows or the whole batch. */
#include "cli/expect.h"

#include "cli/report.h"

#include <stdio.h>
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

/* Keeps a float32 copy, shaped `shape`, of an array that fits it; batch_axis is where N stands. */
static int keep(clrnn_tensor *out, expectation *expected, const workload *load, const char *name,
                const clrnn_tensor *found, int64_t shape[3], int batch_axis, const char *path) {
    char got[256];
    char rows[32];
    clrnn_tensor copy;
    int is_whole = 0;
    if (!fits(found, shape) && load->whole_batch > 0) {
        shape[batch_axis] = load->whole_batch;
        is_whole = fits(found, shape);
        shape[batch_axis] = is_whole ? load->whole_batch : load->batch;
    }
    if (!fits(found, shape)) {
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
    memset(copy.shape, 0, sizeof copy.shape);
    memset(copy.strides, 0, sizeof copy.strides);
    copy.rank = 3;
    memcpy(copy.shape, shape, 3 * sizeof shape[0]);
    *out = copy;
    if (is_whole) {
        (void)snprintf(rows, sizeof rows, "%s of rows", name);
        return workload_take_rows(out, expected->arrays, rows, batch_axis, load->first_row,
                                  load->batch);
    }
    return REPORT_FINE;
}

static int keep_output(expectation *expected, const workload *load, const clrnn_tensor *found,
                       const char *path) {
    int64_t shape[3] = {load->steps, load->batch, load->hidden};
    if (load->batch_first) {
        shape[0] = load->batch;
        shape[1] = load->steps;
    }
    return keep(&expected->output, expected, load, "output", found, shape,
                load->batch_first ? 0 : 1, path);
}

static int keep_states(expectation *expected, const workload *load, const clrnn_arrays *file,
                       const char *path) {
    const clrnn_tensor *h = clrnn_arrays_find(file, "h_n");
    const clrnn_tensor *c = clrnn_arrays_find(file, "c_n");
    int code = REPORT_FINE;
    int64_t shape[3] = {1, load->batch, load->hidden};
    if (c != NULL && !load->is_lstm) {
        return report_fail(REPORT_INPUT, "%s: holds c_n, the net has no cell state", path);
    }
    if (h != NULL) {
        TRY(keep(&expected->h_n, expected, load, "h_n", h, shape, 1, path));
    }
    shape[1] = load->batch;
    if (c != NULL) {
        TRY(keep(&expected->c_n, expected, load, "c_n", c, shape, 1, path));
    }
out:
    return code;
}

static int load_states(expectation *expected, const workload *load, const char *path) {
    clrnn_arrays *file = NULL;
    int code = REPORT_FINE;
    TRY(workload_read(&file, path, "--expect-state"));
    if (clrnn_arrays_find(file, "h_n") == NULL) {
        code = report_fail(REPORT_INPUT, "%s: holds no h_n", path);
        goto out;
    }
    TRY(keep_states(expected, load, file, path));
out:
    clrnn_arrays_free(file);
    return code;
}

int expect_load(expectation *out, const workload *load, const options *opts) {
    const char *path = opts->value[OPTION_EXPECT];
    const char *state_path = opts->value[OPTION_EXPECT_STATE];
    char names[256];
    clrnn_arrays *file = NULL;
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
    if (clrnn_arrays_create(&out->arrays) != CLRNN_STATUS_OK) {
        return report_fail_library(0, "starting");
    }
    TRY(workload_read(&file, path, "--expect"));
    const clrnn_tensor *found = clrnn_arrays_find(file, "output");
    int has_state =
        clrnn_arrays_find(file, "h_n") != NULL || clrnn_arrays_find(file, "c_n") != NULL;
    if (found == NULL && has_state) {
        code = report_fail(REPORT_INPUT, "%s: output is missing beside %s", path,
                           workload_names(file, NULL, names, sizeof names));
        report_hint("a state is judged by the steps that lead to it");
        goto out;
    }
    if (found == NULL && clrnn_arrays_count(file) == 1) {
        found = clrnn_arrays_at(file, 0);
    }
    if (found == NULL) {
        code = report_fail(REPORT_INPUT, "%s: of its %zu arrays none is called output", path,
                           clrnn_arrays_count(file));
        goto out;
    }
    TRY(keep_output(out, load, found, path));
    if (state_path != NULL) {
        TRY(load_states(out, load, state_path));
    } else {
        TRY(keep_states(out, load, file, path));
    }
out:
    clrnn_arrays_free(file);
    return code;
}

void expect_free(expectation *expected) {
    clrnn_arrays_free(expected->arrays);
    memset(expected, 0, sizeof *expected);
}
