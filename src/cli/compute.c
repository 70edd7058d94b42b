/*
 * compute.c: how run and check drive the library.
 *
 * The one idea to know is the chunk: a piece of the sequence is a view of x and y in time, with the
 * lengths that are left of it, from the state that the piece before ended in. A row that is over
 * has length 0 there and keeps its state. A reverse layer takes the pieces from the last to the
 * first.
 */
#include "cli/compute.h"

#include "cli/report.h"
#include "cli/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Longest wait for the device: two minutes, and what the slowest useful one would take. */
#define TIMEOUT_MS 120000.0
#define SLOWEST_FLOPS_A_MS 1e5

int compute_configure(compute_setup *out, const options *opts) {
    const char *engine = opts->value[OPTION_ENGINE];
    const char *environment = getenv("CLRNN_DEVICE");
    memset(out, 0, sizeof *out);
    int is_cpu = engine != NULL && strcmp(engine, "cpu") == 0;
    if (is_cpu && opts->value[OPTION_DEVICE] != NULL) {
        (void)report_fail(REPORT_USAGE, "-d %s: the cpu engine runs on no OpenCL device",
                          opts->value[OPTION_DEVICE]);
        report_hint("-e opencl -d %s", opts->value[OPTION_DEVICE]);
        return REPORT_USAGE;
    }
    out->device = opts->value[OPTION_DEVICE];
    if (out->device == NULL && environment != NULL && environment[0] != 0 && !is_cpu) {
        out->device = environment;
        out->from_environment = 1;
    }
    out->engine = is_cpu                                            ? CLRNN_ENGINE_CPU
                  : engine != NULL && strcmp(engine, "opencl") == 0 ? CLRNN_ENGINE_OPENCL
                  : out->device != NULL                             ? CLRNN_ENGINE_OPENCL
                                                                    : CLRNN_ENGINE_AUTO;
    out->algorithm = opts->value[OPTION_ALGORITHM];
    if (out->algorithm != NULL && strcmp(out->algorithm, "auto") == 0) {
        out->algorithm = NULL;
    }
    out->strict = opts->given[OPTION_STRICT] != 0;
    out->with_profile = opts->given[OPTION_PROFILE] != 0;
    return options_integer(&out->chunk, opts, OPTION_CHUNK, 1, INT64_C(1) << 30, 0);
}

clrnn_status compute_open(clrnn_context **out, const compute_setup *setup, const workload *load) {
    const clrnn_net_desc *net = clrnn_net_get_desc(load->net);
    double flops = 2.0 * clrnn_cell_gates(net->cell) * net->hidden *
                   ((double)net->inputs + net->hidden) * (double)load->steps * (double)load->batch;
    clrnn_context_desc desc = {
        .device = setup->device,
        .engine = setup->engine,
        .profile = setup->with_profile,
        .strict = setup->strict,
        .timeout_ms = (uint64_t)(TIMEOUT_MS + flops / SLOWEST_FLOPS_A_MS),
    };
    return clrnn_context_create(out, &desc);
}

int compute_has_device(void) {
    clrnn_device_info best = {0}; /* usable ones come first */
    size_t count = 0;
    return clrnn_devices(&count, &best, 1) == CLRNN_STATUS_OK && count > 0 && best.usable;
}

const char *compute_open_reason(void) {
    const char *message = clrnn_last_error()->message;
    return message + (strncmp(message, "device: ", 8) == 0 ? 8 : 0);
}

int compute_fail_open(const compute_setup *setup, const char *doing) {
    const char *said = setup->from_environment ? " that CLRNN_DEVICE names" : "";
    if (clrnn_last_error()->status != CLRNN_STATUS_NO_DEVICE) {
        return report_fail_library(0, "%s%s", doing, said);
    }
    (void)report_fail(REPORT_NO_DEVICE, "%s%s: %s", doing, said, compute_open_reason());
    size_t count = 0;
    int has_driver = clrnn_devices(&count, NULL, 0) == CLRNN_STATUS_OK && count > 0;
    report_hint("%s", has_driver ? "clrnn devices lists them" : REPORT_NO_DRIVER_HINT);
    return REPORT_NO_DEVICE;
}

static clrnn_plan_desc describe_plan(const workload *load, const compute_setup *setup) {
    int64_t steps = setup->chunk > 0 && setup->chunk < load->steps ? setup->chunk : load->steps;
    clrnn_plan_desc desc = {
        .algorithm = setup->algorithm,
        .steps = (int)steps,
        .batch = (int)load->batch,
        .batch_first = load->batch_first,
        .last_only = setup->last_only,
    };
    return desc;
}

/* ---- algorithms ------------------------------------------------------------------------------ */

int compute_algorithms(clrnn_algorithm_info **out, size_t *count, const clrnn_context *context,
                       const workload *load, const compute_setup *setup) {
    clrnn_plan_desc desc = describe_plan(load, setup);
    desc.algorithm = NULL;
    *out = NULL;
    clrnn_status status = clrnn_plan_algorithms(count, NULL, 0, context, load->net, &desc);
    size_t capacity = *count;
    if (status == CLRNN_STATUS_OK) {
        *out = calloc(capacity + 1, sizeof **out);
        if (*out == NULL) {
            return report_fail(REPORT_FAILED, "out of memory");
        }
        status = clrnn_plan_algorithms(count, *out, capacity, context, load->net, &desc);
        *count = *count < capacity ? *count : capacity;
    }
    return status == CLRNN_STATUS_OK ? REPORT_FINE
                                     : report_fail_library(0, "listing the algorithms");
}

int compute_list(const clrnn_context *context, const workload *load, const compute_setup *setup,
                 int as_json) {
    clrnn_algorithm_info *infos = NULL;
    size_t count = 0;
    int code = REPORT_FINE;
    TRY(compute_algorithms(&infos, &count, context, load, setup));
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (as_json) {
            (void)json_array_append_new(
                list, json_pack("{s:o,s:b,s:o}", "name", report_json_text(infos[i].name), "allowed",
                                infos[i].allowed, "reason", report_json_text(infos[i].reason)));
        } else {
            (void)printf("%-16s %-4s %s\n", infos[i].name, infos[i].allowed ? "yes" : "no",
                         infos[i].reason);
        }
    }
    if (as_json) {
        code = report_json(list);
    } else {
        json_decref(list);
    }
out:
    free(infos);
    return code;
}

/* Says by name what is wrong with a forced algorithm. */
static int check_algorithm(const clrnn_context *context, const workload *load,
                           const compute_setup *setup) {
    clrnn_algorithm_info *infos = NULL;
    const char **names = NULL;
    size_t count = 0;
    int code = REPORT_FINE;
    if (setup->algorithm == NULL) {
        return REPORT_FINE;
    }
    TRY(compute_algorithms(&infos, &count, context, load, setup));
    names = calloc(count + 1, sizeof *names);
    if (names == NULL) {
        code = report_fail(REPORT_FAILED, "out of memory");
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        names[i] = infos[i].name;
        if (strcmp(infos[i].name, setup->algorithm) == 0) {
            if (!infos[i].allowed) {
                code = report_fail(REPORT_FAILED, "algorithm %s is refused: %s", infos[i].name,
                                   infos[i].reason);
                report_hint("-a list shows what this device and shape allow");
            }
            goto out;
        }
    }
    const char *nearest = suggest_nearest(setup->algorithm, names, count);
    code = report_fail(REPORT_USAGE, "-a %s: the %s engine has no such algorithm", setup->algorithm,
                       clrnn_engine_name(clrnn_context_engine(context)));
    if (nearest != NULL) {
        report_hint("did you mean %s?", nearest);
    } else {
        report_hint("-a list shows them");
    }
out:
    free(names);
    free(infos);
    return code;
}

/* ---- forward --------------------------------------------------------------------------------- */

/* The steps from `start` on of x, y or cells. */
static clrnn_tensor cut_steps(const clrnn_tensor *whole, int batch_first, int64_t start,
                              int64_t steps) {
    clrnn_tensor part = *whole;
    int axis = batch_first ? 1 : 0;
    if (whole->data == NULL || whole->rank != 3 || whole->shape[axis] == steps) {
        return part;
    }
    part.strides[2] = 1;
    part.strides[1] = whole->shape[2];
    part.strides[0] = whole->shape[1] * whole->shape[2];
    part.shape[axis] = steps;
    part.offset += (size_t)(start * part.strides[axis]) * sizeof(float);
    return part;
}

/* A row's valid steps within a piece. */
static void cut_lengths(int32_t *out, const workload *load, int64_t start, int64_t steps) {
    const int32_t *lengths =
        (const int32_t *)(const void *)((const char *)load->lengths.data + load->lengths.offset);
    for (int64_t row = 0; row < load->batch; row++) {
        int64_t left = lengths[row] - start;
        out[row] = (int32_t)(left < 0 ? 0 : left > steps ? steps : left);
    }
}

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void add_profile(compute_result *out, const clrnn_plan *plan) {
    clrnn_profile part;
    if (clrnn_plan_profile(&part, plan) != CLRNN_STATUS_OK) {
        return;
    }
    out->has_profile = 1;
    out->profile.projection_us += part.projection_us;
    out->profile.recurrence_us += part.recurrence_us;
    out->profile.transfer_us += part.transfer_us;
    out->profile.total_us += part.total_us;
    out->profile.launches += part.launches;
    out->profile.bytes_to_device += part.bytes_to_device;
    out->profile.bytes_from_device += part.bytes_from_device;
    out->profile.workspace_bytes = part.workspace_bytes;
}

static clrnn_status forward_pieces(compute_result *out, clrnn_plan *plan, const workload *load,
                                   const compute_setup *setup) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_tensor carry[2][2]; /* [piece & 1][h, c] */
    clrnn_tensor lengths = {0};
    int64_t piece = setup->chunk;
    int64_t pieces = (load->steps + piece - 1) / piece;
    int is_reverse = clrnn_net_get_desc(load->net)->direction == CLRNN_DIRECTION_REVERSE;
    const int64_t shape[] = {1, load->batch, load->hidden};
    static const char *const names[2][2] = {{"h even", "c even"}, {"h odd", "c odd"}};
    for (int i = 0; i < 4 && status == CLRNN_STATUS_OK; i++) {
        status = clrnn_arrays_add(&carry[i / 2][i % 2], out->scratch, names[i / 2][i % 2],
                                  CLRNN_DTYPE_F32, 3, shape);
    }
    if (status == CLRNN_STATUS_OK && load->lengths.data != NULL) {
        status =
            clrnn_arrays_add(&lengths, out->scratch, "lengths", CLRNN_DTYPE_I32, 1, &load->batch);
    }
    for (int64_t i = 0; i < pieces && status == CLRNN_STATUS_OK; i++) {
        int64_t start = (is_reverse ? pieces - 1 - i : i) * piece;
        int64_t steps = load->steps - start < piece ? load->steps - start : piece;
        clrnn_forward_args args = out->args;
        if (pieces > 1) {
            report_progress("chunk %lld of %lld", (long long)i + 1, (long long)pieces);
        }
        args.x = cut_steps(&out->args.x, load->batch_first, start, steps);
        args.y = cut_steps(&out->args.y, load->batch_first, start, steps);
        args.cells = cut_steps(&out->args.cells, load->batch_first, start, steps);
        if (lengths.data != NULL) {
            cut_lengths(lengths.data, load, start, steps);
            args.lengths = lengths;
        }
        if (i > 0) {
            args.h_0 = carry[i & 1][0];
        }
        if (i > 0 && load->is_lstm) {
            args.c_0 = carry[i & 1][1];
        }
        if (i + 1 < pieces) {
            args.h_n = carry[(i + 1) & 1][0];
        }
        if (i + 1 < pieces && load->is_lstm) {
            args.c_n = carry[(i + 1) & 1][1];
        }
        status = clrnn_forward(plan, &args, 0, NULL, NULL);
        if (status == CLRNN_STATUS_OK && setup->with_profile) {
            add_profile(out, plan);
        }
    }
    return status;
}

/* The outputs as users get them, and the views of them that forward and the judge take. */
static clrnn_status make_outputs(compute_result *out, const workload *load,
                                 const compute_setup *setup) {
    clrnn_tensor array;
    int64_t shape[3];
    int rank;
    clrnn_status status = clrnn_arrays_create(&out->outputs);
    if (status == CLRNN_STATUS_OK) {
        status = clrnn_arrays_create(&out->scratch);
    }
    if (status == CLRNN_STATUS_OK) {
        out->args.x = load->x;
        out->args.lengths = load->lengths;
        out->args.h_0 = load->h_0;
        out->args.c_0 = load->c_0;
        rank = workload_output_shape(load, shape);
        if (setup->last_only) {
            rank = 2;
            shape[0] = load->batch;
            shape[1] = load->hidden;
        }
        status = clrnn_arrays_add(&array, out->outputs, "output", CLRNN_DTYPE_F32, rank, shape);
    }
    if (status == CLRNN_STATUS_OK) {
        out->args.y = setup->last_only ? array : workload_output_view(load, &array);
        rank = workload_state_shape(load, shape);
        status = clrnn_arrays_add(&array, out->outputs, "h_n", CLRNN_DTYPE_F32, rank, shape);
    }
    if (status == CLRNN_STATUS_OK) {
        out->args.h_n = workload_state_view(load, &array);
    }
    if (status == CLRNN_STATUS_OK && load->is_lstm) {
        status = clrnn_arrays_add(&array, out->outputs, "c_n", CLRNN_DTYPE_F32, rank, shape);
        out->args.c_n = workload_state_view(load, &array);
    }
    if (status == CLRNN_STATUS_OK && load->is_lstm && setup->with_cells) {
        rank = workload_output_shape(load, shape);
        status = clrnn_arrays_add(&array, out->scratch, "cells", CLRNN_DTYPE_F32, rank, shape);
        out->args.cells = workload_output_view(load, &array);
    }
    return status;
}

/* The value of "KEY: value" in a description, or `fallback`. */
static void find_line(char *out, size_t size, const char *text, const char *key,
                      const char *fallback) {
    size_t length = strlen(key);
    (void)snprintf(out, size, "%s", fallback);
    for (const char *line = text; line != NULL && line[0] != 0;) {
        if (strncmp(line, key, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1;
            value += strspn(value, " ");
            (void)snprintf(out, size, "%.*s", (int)strcspn(value, "\n"), value);
            return;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
}

int compute_run(compute_result *out, clrnn_context *context, const workload *load,
                const compute_setup *setup) {
    clrnn_plan *plan = NULL;
    compute_setup pieces = *setup;
    clrnn_plan_desc desc = describe_plan(load, setup);
    const clrnn_device_info *device = clrnn_context_device(context);
    int code = REPORT_FINE;
    memset(out, 0, sizeof *out);
    const char *engine = clrnn_engine_name(clrnn_context_engine(context));
    (void)snprintf(out->engine, sizeof out->engine, "%s", engine);
    (void)snprintf(out->device, sizeof out->device, "%s", device->name);
    (void)snprintf(out->device_type, sizeof out->device_type, "%s", device->type);
    TRY(check_algorithm(context, load, setup));
    report_progress("building kernels...");
    clrnn_status status = clrnn_plan_create(&plan, context, load->net, &desc);
    if (status != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "planning on the %s engine", engine);
        goto out;
    }
    const char *description = clrnn_plan_describe(plan);
    find_line(out->algorithm, sizeof out->algorithm, description, "algorithm",
              setup->algorithm != NULL ? setup->algorithm : "");
    out->description = description != NULL ? strdup(description) : NULL;
    if (make_outputs(out, load, setup) != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "reserving the outputs");
        goto out;
    }
    if (pieces.chunk == 0 || pieces.chunk > load->steps) {
        pieces.chunk = load->steps;
    }
    double started = now_seconds();
    report_progress("running...");
    status = forward_pieces(out, plan, load, &pieces);
    out->seconds = now_seconds() - started;
    if (status != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "running on the %s engine", engine);
        goto out;
    }
    if (setup->with_profile && !out->has_profile) {
        code = report_fail_library(0, "--profile");
    }
out:
    report_progress_end();
    clrnn_plan_free(plan);
    if (code != REPORT_FINE) {
        compute_free(out);
    }
    return code;
}

void compute_explain(const compute_result *result) {
    report_detail("engine: %s", result->engine);
    report_detail("device: %s", result->device);
    for (const char *line = result->description; line != NULL && line[0] != 0;) {
        size_t length = strcspn(line, "\n");
        int is_said = strncmp(line, "engine:", 7) == 0 || strncmp(line, "device:", 7) == 0;
        if (!is_said) {
            report_detail("%.*s", (int)length, line);
        }
        line += length;
        line += line[0] == '\n';
    }
    report_detail("time: %.3f ms", result->seconds * 1e3);
}

void compute_free(compute_result *result) {
    clrnn_arrays_free(result->outputs);
    clrnn_arrays_free(result->scratch);
    free(result->description);
    memset(result, 0, sizeof *result);
}
