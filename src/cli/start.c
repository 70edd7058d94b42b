/*
 * start.c: see start.h. What --final-state wrote is read as it stands: h_n as h_0, c_n as c_0, o_n
 * as o_0; what -o wrote too, with its output passed over. Any other name is an error.
 *
 * A masked step gives the output before it. In the middle of a stream that is o_n, or else h_n:
 * both are the same unless all steps so far were masked. Before the first step it is 0.
 */
#include "cli/start.h"

#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The names that a state may bear: of a start, and of the end of a piece. */
typedef struct start_names {
    state_list points[2]; /* by state_point */
} start_names;

/* h, c or o: [S][N][W], N of all rows or of those that --rows names; of a single sequence also
 * [S][W]. */
static int keep_state(clrnn_tensor *out, workload *load, const state_array *array, const char *name,
                      const clrnn_tensor *found, const char *path) {
    char shape[256];
    char whole[96] = "";
    char rows[48];
    const int is_state =
        found->rank == 3 && found->shape[0] == array->strands && found->shape[2] == array->width;
    const int is_right = is_state && found->shape[1] == load->batch;
    const int is_whole =
        is_state && !is_right && load->whole_batch > 0 && found->shape[1] == load->whole_batch;
    const int is_flat = load->is_flat && found->rank == 2 && found->shape[0] == array->strands &&
                        found->shape[1] == array->width;
    if (!is_right && !is_flat && !is_whole) {
        if (load->whole_batch > load->batch) {
            (void)snprintf(whole, sizeof whole, " of these rows or [%d][%lld][%d] of all",
                           array->strands, (long long)load->whole_batch, array->width);
        }
        return report_fail(REPORT_INPUT, "%s: %s is %s, needs [%d][%lld][%d]%s", path, name,
                           workload_shape(found, shape, sizeof shape), array->strands,
                           (long long)load->batch, array->width, whole);
    }
    if (found->dtype == CLRNN_DTYPE_TEXT) {
        return report_fail(REPORT_INPUT, "%s: holds text, numbers are needed", path);
    }
    if (clrnn_arrays_convert(out, load->arrays, array->name, CLRNN_DTYPE_F32, found) !=
        CLRNN_STATUS_OK) {
        return report_fail_file(1, "reading", path);
    }
    if (is_whole) {
        (void)snprintf(rows, sizeof rows, "%s of rows", array->name);
        return workload_take_rows(out, load->arrays, rows, 1, load->first_row, load->batch);
    }
    return REPORT_FINE;
}

/* output, y, output_l0, ...: what stands beside a state in a file of -o. */
static int is_output(const char *name) {
    size_t digits = strspn(name + (strncmp(name, "output_l", 8) == 0 ? 8 : 0), "0123456789");
    return strcmp(name, "output") == 0 || strcmp(name, "y") == 0 ||
           (strncmp(name, "output_l", 8) == 0 && digits > 0 && name[8 + digits] == 0);
}

static int is_known(const char *name, const void *context) {
    const start_names *names = context;
    return is_output(name) || states_find(&names->points[STATE_START], name) != NULL ||
           states_find(&names->points[STATE_END], name) != NULL;
}

/* Says what is wrong with arrays that the net has no use for. */
static int refuse_names(const workload *load, const start_names *names, const clrnn_arrays *file,
                        const char *path) {
    char found[256];
    char needed[256];
    const clrnn_net_desc *net = clrnn_net_get_desc(load->net);
    workload_names(file, is_known, names, found, sizeof found);
    if (found[0] == 0) {
        return REPORT_FINE;
    }
    if (net->num_layers == 1 && (strcmp(found, "c_0") == 0 || strcmp(found, "c_n") == 0)) {
        return report_fail(REPORT_INPUT, "%s: holds %s, a %s has no cell state", path, found,
                           clrnn_cell_name(net->layers[0].cell));
    }
    (void)report_fail(REPORT_INPUT, "%s: holds %s, which is no part of a state", path, found);
    report_hint("a state is %s; output may stand beside",
                states_names(&names->points[STATE_START], needed, sizeof needed));
    return REPORT_INPUT;
}

/* Which names the file has: *point; every h must be there. */
static int pick_point(state_point *point, const start_names *names, const clrnn_arrays *file,
                      const char *path) {
    char found[256];
    int has[2] = {0};
    for (int p = 0; p < 2; p++) {
        for (int i = 0; i < names->points[p].count; i++) {
            has[p] |= clrnn_arrays_find(file, names->points[p].arrays[i].name) != NULL;
        }
    }
    if (has[STATE_START] && has[STATE_END]) {
        return report_fail(REPORT_INPUT, "%s: holds %s, needs h_0 and c_0 or h_n and c_n", path,
                           workload_names(file, NULL, NULL, found, sizeof found));
    }
    *point = has[STATE_END] ? STATE_END : STATE_START;
    const state_list *list = &names->points[*point];
    for (int i = 0; i < list->count && list->arrays[i].kind == STATE_H; i++) {
        if (clrnn_arrays_find(file, list->arrays[i].name) != NULL) {
            continue;
        }
        workload_names(file, NULL, NULL, found, sizeof found);
        if (has[*point]) {
            return report_fail(REPORT_INPUT, "%s: holds no %s, but %s", path, list->arrays[i].name,
                               found);
        }
        (void)report_fail(REPORT_INPUT, "%s: holds neither %s nor %s, but %s", path,
                          list->arrays[i].name, names->points[STATE_END].arrays[i].name, found);
        if (!list->is_joint) {
            char needed[256];
            report_hint("layers of unlike states have their own: %s",
                        states_names(list, needed, sizeof needed));
        }
        return REPORT_INPUT;
    }
    return REPORT_FINE;
}

/* Binds every array of the file; last outputs where a mask asks for them. */
static int keep_all(workload *load, const start_names *names, state_point point,
                    const clrnn_arrays *file, const char *path) {
    const state_list *list = &names->points[point];
    const state_list *starts = &names->points[STATE_START];
    int code = REPORT_FINE;
    for (int i = 0; i < list->count; i++) {
        const state_array *array = &starts->arrays[i];
        const clrnn_tensor *found = clrnn_arrays_find(file, list->arrays[i].name);
        clrnn_tensor copy;
        if (found == NULL && array->kind == STATE_C) {
            report_note("%s: holds no %s: %s is 0", path, list->arrays[i].name, array->name);
        }
        if (found == NULL || (array->kind == STATE_O && load->mask.data == NULL)) {
            continue;
        }
        TRY(keep_state(&copy, load, array, list->arrays[i].name, found, path));
        states_bind(load->starts, load->net, array, STATE_START, &copy, load->batch);
    }
out:
    return code;
}

/* The last output of a piece that was run without a mask. */
static void carry_outputs(workload *load) {
    const clrnn_net_desc *net = clrnn_net_get_desc(load->net);
    for (int i = 0; i < load->layers; i++) {
        clrnn_layer_arrays *start = &load->starts[i];
        if (start->o_0.data == NULL && !net->layers[i].zero_masked) {
            start->o_0 = start->h_0;
        }
    }
}

/* A .npy: h_0 alone. */
static int keep_unnamed(workload *load, const start_names *names, const clrnn_arrays *file,
                        const char *path) {
    const state_list *starts = &names->points[STATE_START];
    char needed[256];
    clrnn_tensor copy;
    if (!starts->is_joint) {
        return report_fail(REPORT_INPUT, "%s: holds one array, a state of these layers is %s", path,
                           states_names(starts, needed, sizeof needed));
    }
    int code = keep_state(&copy, load, &starts->arrays[0], "h_0", clrnn_arrays_at(file, 0), path);
    if (code == REPORT_FINE) {
        states_bind(load->starts, load->net, &starts->arrays[0], STATE_START, &copy, load->batch);
    }
    if (code == REPORT_FINE && states_find(starts, "c_0") != NULL) {
        report_note("%s: holds h_0 alone: c_0 is 0", path);
    }
    return code;
}

int start_load(workload *load, const char *path) {
    clrnn_arrays *file = NULL;
    start_names names = {0};
    state_point point = STATE_START;
    int code = REPORT_FINE;
    for (int p = 0; p < 2; p++) {
        if (states_list(&names.points[p], load->net, (state_point)p, 1) != CLRNN_STATUS_OK) {
            code = report_fail(REPORT_FAILED, "out of memory");
            goto out;
        }
    }
    TRY(workload_read(&file, path, "--initial-state"));
    if (clrnn_arrays_count(file) == 1 && clrnn_arrays_name(file, 0)[0] == 0) {
        code = keep_unnamed(load, &names, file, path);
        goto out;
    }
    TRY(pick_point(&point, &names, file, path));
    TRY(refuse_names(load, &names, file, path));
    if (point == STATE_END && states_end_there(load->net)) {
        code = report_fail(REPORT_INPUT,
                           "%s: h_n is the end of a piece, and a reverse layer cannot go on from "
                           "there",
                           path);
        report_hint("a start state of its own is called h_0; --chunk cuts a sequence for you");
        goto out;
    }
    TRY(keep_all(load, &names, point, file, path));
    if (point == STATE_END && load->mask.data != NULL) {
        carry_outputs(load);
    }
out:
    states_free(&names.points[STATE_START]);
    states_free(&names.points[STATE_END]);
    clrnn_arrays_free(file);
    return code;
}
