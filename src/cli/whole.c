/*
 * whole.c: the user's files as the inputs of a whole model. What is wrong with them is said here, with
 * the file's name and the numbers, before the library sees them.
 */
#include "cli/whole.h"

#include "cli/deliver.h"
#include "cli/report.h"
#include "cli/workload.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Everything that has to be known of the model and of x while files are read. */
typedef struct intake {
    whole *load;
    const options *opts;
    clrnn_model_info info;
    clrnn_port_info *ports; /* [count] */
    size_t count;
    const char **files;   /* [count] what each was read from; NULL: not given */
    int is_flat;          /* x is one sequence */
    int64_t steps, batch; /* of x where the model has a layout; else 0 */
} intake;

const char *whole_names(const clrnn_model *model, int of_outputs, char *text, size_t size) {
    const size_t count =
        of_outputs ? clrnn_model_output_count(model) : clrnn_model_input_count(model);
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < count && used + 8 < size; i++) {
        clrnn_port_info port;
        if ((of_outputs ? clrnn_model_output(&port, model, i)
                        : clrnn_model_input(&port, model, i)) == CLRNN_STATUS_OK) {
            used += (size_t)snprintf(text + used, size - used, "%s%.60s", used > 0 ? ", " : "",
                                     port.name);
        }
    }
    return text;
}

/* ---- ports ----------------------------------------------------------------------------------- */

static int find_port(const intake *in, const char *name) {
    for (size_t i = 0; i < in->count; i++) {
        if (strcmp(in->ports[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* The one that must be there, or -1 where there are several. */
static int sole_port(const intake *in) {
    int found = -1;
    for (size_t i = 0; i < in->count; i++) {
        if (!in->ports[i].optional) {
            if (found >= 0) {
                return -1;
            }
            found = (int)i;
        }
    }
    return found;
}

/* "float32 [N][T][12]" */
static const char *port_text(const intake *in, int index, char *text, size_t size) {
    const clrnn_port_info *port = &in->ports[index];
    const char *axes = !in->info.has_layout || index > 0 ? "" : in->info.batch_first ? "NT" : "TN";
    size_t at = (size_t)snprintf(text, size, "%s ", clrnn_dtype_name(port->dtype));
    for (int axis = 0; axis < port->rank && at < size; axis++) {
        if (port->shape[axis] >= 0) {
            at += (size_t)snprintf(text + at, size - at, "[%lld]", (long long)port->shape[axis]);
        } else if (axis < (int)strlen(axes)) {
            at += (size_t)snprintf(text + at, size - at, "[%c]", axes[axis]);
        } else {
            at += (size_t)snprintf(text + at, size - at, "[any]");
        }
    }
    return text;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

/* Reals that an input of integers takes must be whole. */
static int check_whole(const clrnn_tensor *found, clrnn_dtype dtype, const char *path) {
    const int to_integer =
        dtype == CLRNN_DTYPE_I32 || dtype == CLRNN_DTYPE_I64 || dtype == CLRNN_DTYPE_BOOL;
    clrnn_arrays *scratch = NULL;
    clrnn_tensor reals;
    int code = REPORT_FINE;
    if (!to_integer || clrnn_arrays_create(&scratch) != CLRNN_STATUS_OK ||
        clrnn_arrays_convert(&reals, scratch, "reals", CLRNN_DTYPE_F64, found) != CLRNN_STATUS_OK) {
        goto out;
    }
    const double limit = dtype == CLRNN_DTYPE_BOOL  ? 1
                         : dtype == CLRNN_DTYPE_I32 ? 2147483647.0
                                                    : 9.0e15;
    for (int64_t i = 0; i < clrnn_tensor_count(&reals); i++) {
        const double value = ((const double *)reals.data)[i];
        if (!(value == floor(value) && fabs(value) <= limit)) {
            code = report_fail(REPORT_INPUT, "%s: value %lld is %g, the input takes %s", path,
                               (long long)i, value, clrnn_dtype_name(dtype));
            goto out;
        }
    }
out:
    clrnn_arrays_free(scratch);
    return code;
}

/* Does the array have the port's shape, or that of one sequence? */
static int fits(const intake *in, int index, const clrnn_tensor *found, int *is_flat) {
    const clrnn_port_info *port = &in->ports[index];
    const int may_be_flat = in->info.has_layout && (index == 0 || in->is_flat);
    int axis_left = -1;
    *is_flat = 0;
    if (port->rank < 0) {
        return 1;
    }
    if (found->rank == port->rank - 1 && may_be_flat) {
        axis_left = index == 0 ? !in->info.batch_first : port->is_state ? 1 : 0;
        *is_flat = 1;
    } else if (found->rank != port->rank) {
        return 0;
    }
    for (int axis = 0, at = 0; axis < port->rank; axis++) {
        if (axis != axis_left) {
            const int64_t extent = found->shape[at++];
            if (port->shape[axis] >= 0 && port->shape[axis] != extent) {
                return 0;
            }
        }
    }
    return 1;
}

static int keep(intake *in, int index, const clrnn_tensor *found, const char *path) {
    char wanted[160];
    char shape[256];
    int is_flat;
    clrnn_tensor copy;
    const clrnn_port_info *port = &in->ports[index];
    int code = REPORT_FINE;
    if (in->files[index] != NULL) {
        return report_fail(REPORT_USAGE, "%s: input %s was read from %s already", path, port->name,
                           in->files[index]);
    }
    if (found->dtype == CLRNN_DTYPE_TEXT) {
        return report_fail(REPORT_INPUT, "%s: holds text, numbers are needed", path);
    }
    if (!fits(in, index, found, &is_flat)) {
        return report_fail(REPORT_INPUT, "%s: is %s, input %s of %s needs %s%s", path,
                           workload_shape(found, shape, sizeof shape), port->name, in->load->path,
                           port_text(in, index, wanted, sizeof wanted),
                           in->info.has_layout && index == 0 ? ", or one sequence" : "");
    }
    for (int axis = 0; axis < found->rank && in->info.has_layout; axis++) {
        if (found->shape[axis] == 0) {
            return report_fail(REPORT_INPUT, "%s: is %s, nothing to run on", path,
                               workload_shape(found, shape, sizeof shape));
        }
    }
    TRY(check_whole(found, port->dtype, path));
    if (clrnn_arrays_convert(&copy, in->load->arrays, port->name, port->dtype, found) !=
        CLRNN_STATUS_OK) {
        code = report_fail_file(1, "reading", path);
        goto out;
    }
    in->files[index] = path;
    if (index == 0 && in->info.has_layout) {
        const int batch = in->info.batch_first ? 0 : 1;
        in->is_flat = is_flat;
        in->batch = is_flat ? 1 : copy.shape[batch];
        in->steps = is_flat ? copy.shape[0] : copy.shape[1 - batch];
    }
out:
    return code;
}

/* ---- -i -------------------------------------------------------------------------------------- */

static int refuse_name(const intake *in, const char *doing, const char *name) {
    char names[512];
    (void)report_fail(REPORT_USAGE, "%s: %s has no input %s", doing, in->load->path, name);
    report_hint("its inputs are %s", whole_names(in->load->model, 0, names, sizeof names));
    return REPORT_USAGE;
}

/* NAME=FILE gives the name's port; a file whose own name has a '=' does not. */
static int split_input(const intake *in, const char *value, const char **path, int *index) {
    const char *equals = strchr(value, '=');
    char name[128];
    *path = value;
    *index = -1;
    if (equals == NULL || equals == value || (size_t)(equals - value) >= sizeof name) {
        return REPORT_FINE;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)(equals - value), value);
    *index = find_port(in, name);
    if (*index < 0 && (strcmp(name, "x") == 0 || strcmp(name, "input") == 0)) {
        *index = sole_port(in);
    }
    if (*index >= 0) {
        *path = equals + 1;
        return REPORT_FINE;
    }
    return access(value, F_OK) == 0 ? REPORT_FINE : refuse_name(in, "-i", name);
}

static int refuse_unnamed(const intake *in, const char *path) {
    char names[512];
    (void)report_fail(REPORT_USAGE, "-i %s: %s has several inputs, which is it?", path,
                      in->load->path);
    report_hint("-i NAME=FILE; the inputs are %s",
                whole_names(in->load->model, 0, names, sizeof names));
    return REPORT_USAGE;
}

static int load_input(intake *in, const char *value) {
    clrnn_arrays *file = NULL;
    const char *path = NULL;
    int index = -1;
    int code = REPORT_FINE;
    TRY(split_input(in, value, &path, &index));
    TRY(workload_read(&file, path, "--input"));
    const size_t count = clrnn_arrays_count(file);
    if (count == 1) {
        const int named = find_port(in, clrnn_arrays_name(file, 0));
        index = index >= 0 ? index : named >= 0 ? named : sole_port(in);
        code =
            index >= 0 ? keep(in, index, clrnn_arrays_at(file, 0), path) : refuse_unnamed(in, path);
        goto out;
    }
    if (index >= 0) {
        code = report_fail(REPORT_USAGE, "-i %s: holds %zu arrays, input %s is one", path, count,
                           in->ports[index].name);
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        index = find_port(in, clrnn_arrays_name(file, i));
        if (index < 0) {
            code = refuse_name(in, path, clrnn_arrays_name(file, i));
            goto out;
        }
        TRY(keep(in, index, clrnn_arrays_at(file, i), path));
    }
out:
    clrnn_arrays_free(file);
    return code;
}

static int load_inputs(intake *in) {
    const options *opts = in->opts;
    int code = REPORT_FINE;
    for (int i = 0; i < opts->num_inputs; i++) {
        TRY(load_input(in, opts->inputs[i]));
    }
    for (size_t i = 0; i < in->count; i++) {
        if (!in->ports[i].optional && in->files[i] == NULL) {
            char text[160];
            code = report_fail(REPORT_USAGE, "%s needs input %s, which was not given",
                               in->load->path, in->ports[i].name);
            report_hint("-i %s=FILE, %s", in->ports[i].name,
                        port_text(in, (int)i, text, sizeof text));
            goto out;
        }
    }
out:
    return code;
}

/* ---- lengths and masks ----------------------------------------------------------------------- */

/* [N] lengths as a right-padded mask [N][T]. */
static int lengths_to_mask(intake *in, const clrnn_tensor *found, int index, const char *path) {
    clrnn_arrays *scratch = NULL;
    clrnn_tensor lengths, mask;
    const int64_t shape[2] = {in->batch, in->steps};
    int code = REPORT_FINE;
    if (clrnn_arrays_create(&scratch) != CLRNN_STATUS_OK ||
        clrnn_arrays_convert(&lengths, scratch, "lengths", CLRNN_DTYPE_I64, found) !=
            CLRNN_STATUS_OK ||
        clrnn_arrays_add(&mask, scratch, "mask", CLRNN_DTYPE_BOOL, 2, shape) != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "making a mask of %s", path);
        goto out;
    }
    for (int64_t n = 0; n < in->batch; n++) {
        const int64_t length = ((const int64_t *)lengths.data)[n];
        memset((char *)mask.data + n * in->steps, 1, (size_t)length);
    }
    TRY(keep(in, index, &mask, path));
out:
    clrnn_arrays_free(scratch);
    return code;
}

static int check_lengths(const intake *in, const clrnn_tensor *found, const char *path) {
    char shape[256];
    clrnn_arrays *scratch = NULL;
    clrnn_tensor lengths;
    int code = REPORT_FINE;
    if (found->dtype != CLRNN_DTYPE_I32 && found->dtype != CLRNN_DTYPE_I64) {
        return report_fail(REPORT_INPUT, "%s: lengths are %s, integers are needed", path,
                           clrnn_dtype_name(found->dtype));
    }
    if (!in->info.has_layout) {
        return REPORT_FINE; /* the layer that takes them knows N and T */
    }
    if (found->rank != 1 || found->shape[0] != in->batch) {
        return report_fail(REPORT_INPUT, "%s: lengths are %s, needs [N], which is [%lld]", path,
                           workload_shape(found, shape, sizeof shape), (long long)in->batch);
    }
    if (clrnn_arrays_create(&scratch) != CLRNN_STATUS_OK ||
        clrnn_arrays_convert(&lengths, scratch, "lengths", CLRNN_DTYPE_I64, found) !=
            CLRNN_STATUS_OK) {
        code = report_fail_file(1, "reading", path);
        goto out;
    }
    for (int64_t n = 0; n < in->batch; n++) {
        const int64_t length = ((const int64_t *)lengths.data)[n];
        if (length < 0 || length > in->steps) {
            code = report_fail(REPORT_INPUT, "%s: row %lld has length %lld, needs 0..%lld", path,
                               (long long)n, (long long)length, (long long)in->steps);
            goto out;
        }
    }
out:
    clrnn_arrays_free(scratch);
    return code;
}

static int load_lengths(intake *in, const char *path) {
    static const char *const names[] = {"lengths", "sequence_lens", "seq_lens", "seq_lengths"};
    clrnn_arrays *file = NULL;
    int code = REPORT_FINE;
    int index = -1;
    const int mask = find_port(in, "mask");
    for (size_t i = 0; i < sizeof names / sizeof names[0] && index < 0; i++) {
        index = find_port(in, names[i]);
    }
    if (index < 0 && (mask < 0 || !in->info.has_layout)) {
        (void)report_fail(REPORT_USAGE, "-l %s: %s takes no lengths", path, in->load->path);
        if (strcmp(in->info.format, "onnx") == 0) {
            report_hint("an ONNX graph takes them where it has an input sequence_lens");
        }
        return REPORT_USAGE;
    }
    TRY(workload_read(&file, path, "--lengths"));
    if (clrnn_arrays_count(file) != 1) {
        code = report_fail(REPORT_INPUT, "%s: holds %zu arrays, one is needed", path,
                           clrnn_arrays_count(file));
        goto out;
    }
    TRY(check_lengths(in, clrnn_arrays_at(file, 0), path));
    code = index >= 0 ? keep(in, index, clrnn_arrays_at(file, 0), path)
                      : lengths_to_mask(in, clrnn_arrays_at(file, 0), mask, path);
out:
    clrnn_arrays_free(file);
    return code;
}

static int load_mask(intake *in, const char *path) {
    char shape[256];
    clrnn_arrays *file = NULL;
    int code = REPORT_FINE;
    const int index = find_port(in, "mask");
    if (index < 0 || !in->info.has_layout || strcmp(in->info.format, "torch") == 0) {
        return report_fail(REPORT_USAGE, "-m %s: %s takes no mask", path, in->load->path);
    }
    TRY(workload_read(&file, path, "--mask"));
    if (clrnn_arrays_count(file) != 1) {
        code = report_fail(REPORT_INPUT, "%s: holds %zu arrays, one is needed", path,
                           clrnn_arrays_count(file));
        goto out;
    }
    const clrnn_tensor *found = clrnn_arrays_at(file, 0);
    const int is_row = in->is_flat && found->rank == 1 && found->shape[0] == in->steps;
    if (!is_row &&
        (found->rank != 2 || found->shape[0] != in->batch || found->shape[1] != in->steps)) {
        code = report_fail(
            REPORT_INPUT, "%s: the mask is %s, x needs [N][T], which is [%lld][%lld]", path,
            workload_shape(found, shape, sizeof shape), (long long)in->batch, (long long)in->steps);
        goto out;
    }
    TRY(keep(in, index, found, path));
out:
    clrnn_arrays_free(file);
    return code;
}

/* ---- states ---------------------------------------------------------------------------------- */

/* "h_n" is read as "h_0". */
static int find_state(const intake *in, const char *name) {
    char start[128];
    (void)snprintf(start, sizeof start, "%s", name);
    if (strlen(start) == 3 && strcmp(start + 1, "_n") == 0) {
        start[2] = '0';
    }
    const int index = find_port(in, start);
    return index >= 0 && in->ports[index].is_state ? index : -1;
}

static int load_state(intake *in, const char *path) {
    clrnn_arrays *file = NULL;
    int code = REPORT_FINE;
    int has_any = 0;
    for (size_t i = 0; i < in->count; i++) {
        has_any |= in->ports[i].is_state;
    }
    if (!has_any) {
        return report_fail(REPORT_USAGE, "--initial-state %s: %s takes no state", path,
                           in->load->path);
    }
    TRY(workload_read(&file, path, "--initial-state"));
    for (size_t i = 0; i < clrnn_arrays_count(file); i++) {
        const char *name = clrnn_arrays_name(file, i);
        const int index = find_state(in, name[0] == 0 ? "h_0" : name);
        if (index >= 0) {
            TRY(keep(in, index, clrnn_arrays_at(file, i), path));
        } else if (strncmp(name, "output", 6) != 0) {
            code = report_fail(REPORT_INPUT, "%s: holds %s, which is no state of %s", path, name,
                               in->load->path);
            goto out;
        }
    }
out:
    clrnn_arrays_free(file);
    return code;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* --rows of everything that has the batch's axis. */
static int take_rows(intake *in, clrnn_binding *binding, int index, int64_t first, int64_t count) {
    const clrnn_port_info *port = &in->ports[index];
    const int axis = index == 0 ? !in->info.batch_first : port->is_state ? 1 : 0;
    char name[160];
    (void)snprintf(name, sizeof name, "%s of rows", port->name);
    return workload_take_rows(&binding->value, in->load->arrays, name, axis, first, count);
}

static int bind_all(intake *in) {
    whole *load = in->load;
    const char *rows = in->opts->value[OPTION_ROWS];
    int64_t first = 0, end = in->batch;
    int code = REPORT_FINE;
    if (rows != NULL && (!in->info.has_layout || in->is_flat)) {
        return report_fail(REPORT_USAGE, "--rows %s: %s", rows,
                           in->is_flat ? "x is one sequence"
                                       : "a graph does not say where rows are");
    }
    if (rows != NULL) {
        TRY(workload_parse_rows(&first, &end, rows, in->batch));
        load->first_row = first;
        load->whole_batch = in->batch;
    }
    for (size_t i = 0; i < in->count; i++) {
        if (in->files[i] == NULL) {
            continue;
        }
        clrnn_binding *binding = &load->bindings[load->count++];
        for (size_t k = 0; k < clrnn_arrays_count(load->arrays); k++) {
            if (strcmp(clrnn_arrays_name(load->arrays, k), in->ports[i].name) == 0) {
                binding->name = clrnn_arrays_name(load->arrays, k);
                binding->value = *clrnn_arrays_at(load->arrays, k);
            }
        }
        if (rows != NULL) {
            TRY(take_rows(in, binding, (int)i, first, end - first));
        }
    }
out:
    return code;
}

/* A device may take so long for it: every parameter once for each number that goes in. */
static double count_work(const intake *in) {
    double params = 0, numbers = 1;
    for (size_t i = 0; i < clrnn_model_layer_count(in->load->model); i++) {
        clrnn_layer_info layer;
        if (clrnn_model_layer(&layer, in->load->model, i) == CLRNN_STATUS_OK) {
            params += (double)layer.params;
        }
    }
    for (size_t i = 0; i < in->load->count; i++) {
        numbers += (double)clrnn_tensor_count(&in->load->bindings[i].value);
    }
    return params * numbers;
}

int whole_load(whole *out, const clrnn_model *model, const char *path, const options *opts) {
    intake in = {.load = out, .opts = opts, .info = clrnn_model_get_info(model)};
    int code = REPORT_FINE;
    *out = (whole){.model = model, .path = path};
    in.count = clrnn_model_input_count(model);
    in.ports = calloc(in.count + 1, sizeof *in.ports);
    in.files = calloc(in.count + 1, sizeof *in.files);
    out->bindings = calloc(in.count + 1, sizeof *out->bindings);
    if (in.ports == NULL || in.files == NULL || out->bindings == NULL ||
        clrnn_arrays_create(&out->arrays) != CLRNN_STATUS_OK) {
        code = report_fail(REPORT_FAILED, "out of memory");
        goto out;
    }
    for (size_t i = 0; i < in.count; i++) {
        (void)clrnn_model_input(&in.ports[i], model, i);
    }
    TRY(load_inputs(&in));
    if (opts->value[OPTION_LENGTHS] != NULL) {
        TRY(load_lengths(&in, opts->value[OPTION_LENGTHS]));
    }
    if (opts->value[OPTION_MASK] != NULL) {
        TRY(load_mask(&in, opts->value[OPTION_MASK]));
    }
    if (opts->value[OPTION_INITIAL_STATE] != NULL) {
        TRY(load_state(&in, opts->value[OPTION_INITIAL_STATE]));
    }
    TRY(bind_all(&in));
    out->work = count_work(&in);
out:
    free(in.ports);
    free((void *)in.files);
    return code;
}

int whole_check_outputs(const whole *load, const deliver_file *files) {
    char names[256] = "";
    size_t used = 0;
    int count = 0;
    for (size_t i = 0; i < clrnn_model_output_count(load->model); i++) {
        clrnn_port_info port;
        if (clrnn_model_output(&port, load->model, i) == CLRNN_STATUS_OK && port.is_state &&
            used + 68 < sizeof names) {
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%.60s",
                                     count > 0 ? ", " : "", port.name);
            count++;
        }
    }
    if (files[1].path != NULL && count == 0) {
        return report_fail(REPORT_USAGE, "--final-state %s: %s gives no state", files[1].path,
                           load->path);
    }
    return deliver_check(files, 3, count > 1 ? 1 : -1, names);
}

void whole_free(whole *load) {
    free(load->bindings);
    clrnn_arrays_free(load->arrays);
    memset(load, 0, sizeof *load);
}
