/*
 * start.c: see start.h. What --final-state wrote is read as it stands: h_n as h_0, c_n as c_0; what
 * -o wrote too, with its output passed over. Any other name is an error.
 */
#include "cli/start.h"

#include "cli/report.h"

#include <stdio.h>
#include <string.h>

/* h or c: [1][N][H], N of all rows or of those that --rows names; of a single sequence also [1][H].
 */
static int keep_state(clrnn_tensor *out, workload *load, const char *name,
                      const clrnn_tensor *found, const char *path) {
    char shape[256];
    char whole[96] = "";
    char rows[32];
    clrnn_tensor copy;
    int is_state = found->rank == 3 && found->shape[0] == 1 && found->shape[2] == load->hidden;
    int is_right = is_state && found->shape[1] == load->batch;
    int is_whole =
        is_state && !is_right && load->whole_batch > 0 && found->shape[1] == load->whole_batch;
    int is_flat = load->is_flat && found->rank == 2 && found->shape[0] == 1 &&
                  found->shape[1] == load->hidden;
    if (!is_right && !is_flat && !is_whole) {
        if (load->whole_batch > load->batch) {
            (void)snprintf(whole, sizeof whole, " of these rows or [1][%lld][%lld] of all",
                           (long long)load->whole_batch, (long long)load->hidden);
        }
        return report_fail(REPORT_INPUT, "%s: %s is %s, needs [1][%lld][%lld]%s", path, name,
                           workload_shape(found, shape, sizeof shape), (long long)load->batch,
                           (long long)load->hidden, whole);
    }
    if (found->dtype == CLRNN_DTYPE_TEXT) {
        return report_fail(REPORT_INPUT, "%s: holds text, numbers are needed", path);
    }
    if (clrnn_arrays_convert(&copy, load->arrays, name, CLRNN_DTYPE_F32, found) !=
        CLRNN_STATUS_OK) {
        return report_fail_file(1, "reading", path);
    }
    if (is_whole) {
        (void)snprintf(rows, sizeof rows, "%s of rows", name);
        int code = workload_take_rows(&copy, load->arrays, rows, 1, load->first_row, load->batch);
        if (code != REPORT_FINE) {
            return code;
        }
    }
    *out = workload_state_view(load, &copy);
    return REPORT_FINE;
}

static int is_known(const char *name) {
    static const char *const names[] = {"h_0", "c_0", "h_n", "c_n", "output", "y"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Finds h and c by name; *is_end: they are h_n and c_n. */
static int pick(const clrnn_tensor **h, const clrnn_tensor **c, int *is_end,
                const clrnn_arrays *file, const char *path) {
    char names[256];
    int has_start = 0;
    *h = clrnn_arrays_find(file, "h_n");
    *c = clrnn_arrays_find(file, "c_n");
    *is_end = *h != NULL || *c != NULL;
    has_start = clrnn_arrays_find(file, "h_0") != NULL || clrnn_arrays_find(file, "c_0") != NULL;
    if (clrnn_arrays_count(file) == 1 && clrnn_arrays_name(file, 0)[0] == 0) {
        *h = clrnn_arrays_at(file, 0);
        return REPORT_FINE;
    }
    if (*is_end && has_start) {
        return report_fail(REPORT_INPUT, "%s: holds %s, needs h_0 and c_0 or h_n and c_n", path,
                           workload_names(file, NULL, names, sizeof names));
    }
    if (has_start) {
        *h = clrnn_arrays_find(file, "h_0");
        *c = clrnn_arrays_find(file, "c_0");
    }
    if (*h == NULL) {
        return report_fail(REPORT_INPUT, "%s: holds neither h_0 nor h_n, but %s", path,
                           workload_names(file, NULL, names, sizeof names));
    }
    if (workload_names(file, is_known, names, sizeof names)[0] != 0) {
        (void)report_fail(REPORT_INPUT, "%s: holds %s, which is no part of a state", path, names);
        report_hint("a state is h_0 and c_0, or h_n and c_n; output may stand beside them");
        return REPORT_INPUT;
    }
    return REPORT_FINE;
}

int start_load(workload *load, const char *path) {
    clrnn_arrays *file = NULL;
    const clrnn_tensor *h = NULL;
    const clrnn_tensor *c = NULL;
    int is_end = 0;
    int code = REPORT_FINE;
    const clrnn_net_desc *net = clrnn_net_get_desc(load->net);
    TRY(workload_read(&file, path, "--initial-state"));
    TRY(pick(&h, &c, &is_end, file, path));
    if (is_end && net->direction == CLRNN_DIRECTION_REVERSE) {
        code = report_fail(REPORT_USAGE,
                           "--initial-state %s: h_n is the end of a piece, and a reverse layer "
                           "cannot go on from there",
                           path);
        report_hint("a start state of its own is called h_0; --chunk cuts a sequence for you");
        goto out;
    }
    if (c != NULL && !load->is_lstm) {
        code = report_fail(REPORT_INPUT, "%s: holds %s, a %s has no cell state", path,
                           is_end ? "c_n" : "c_0", clrnn_cell_name(net->cell));
        goto out;
    }
    TRY(keep_state(&load->h_0, load, "h_0", h, path));
    if (c != NULL) {
        TRY(keep_state(&load->c_0, load, "c_0", c, path));
    }
out:
    clrnn_arrays_free(file);
    return code;
}
