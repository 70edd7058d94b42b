/* compute.c: how run and check drive the library. */
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
    const char *weights = opts->value[OPTION_WEIGHTS];
    for (int kind = CLRNN_WEIGHTS_FP16; weights != NULL && kind <= CLRNN_WEIGHTS_BF16; kind++) {
        if (strcmp(weights, clrnn_weights_name((clrnn_weights)kind)) == 0) {
            out->weights = (clrnn_weights)kind;
        }
    }
    out->with_profile = opts->given[OPTION_PROFILE] != 0;
    int code = REPORT_FINE;
    TRY(tuned_find(&out->tuning, opts));
    TRY(options_size(&out->memory_limit, opts, OPTION_MEMORY_LIMIT));
    TRY(options_integer(&out->chunk, opts, OPTION_CHUNK, 1, INT64_C(1) << 30, 0));
out:
    return code;
}

/* Of a forward pass, nearly. */
static double count_flops(const workload *load) {
    const clrnn_net_desc *net = clrnn_net_get_desc(load->net);
    double inputs = net->inputs;
    double sum = 0;
    for (int i = 0; i < net->num_layers; i++) {
        const clrnn_layer_desc *layer = &net->layers[i];
        sum += 2.0 * clrnn_layer_directions(layer) * clrnn_layer_gates(layer) * layer->hidden *
               (inputs + layer->hidden);
        inputs = clrnn_layer_outputs(layer);
    }
    return sum * (double)load->steps * (double)load->batch;
}

clrnn_status compute_open(clrnn_context **out, const compute_setup *setup, const workload *load) {
    return compute_open_for(out, setup, count_flops(load) / 2);
}

clrnn_status compute_open_for(clrnn_context **out, const compute_setup *setup, double work) {
    clrnn_context_desc desc = {
        .device = setup->device,
        .engine = setup->engine,
        .profile = setup->with_profile,
        .trace = setup->trace,
        .strict = setup->strict,
        .timeout_ms = (uint64_t)(TIMEOUT_MS + 2 * work / SLOWEST_FLOPS_A_MS),
    };
    return tuned_open(out, &desc, &setup->tuning);
}

const char *compute_open_reason(void) {
    const char *message = clrnn_last_error()->message;
    return message + (strncmp(message, "device: ", 8) == 0 ? 8 : 0);
}

int compute_fail_open(const compute_setup *setup, const char *doing) {
    const char *said = setup->from_environment ? " that CLRNN_DEVICE names" : "";
    if (tuned_is_at_fault(&setup->tuning)) {
        return report_fail_file(1, "reading", setup->tuning.path);
    }
    if (clrnn_last_error()->status != CLRNN_STATUS_NO_DEVICE) {
        return report_fail_library(0, "%s%s", doing, said);
    }
    (void)report_fail(REPORT_NO_DEVICE, "%s%s: %s", doing, said, compute_open_reason());
    size_t count = 0;
    int has_driver = clrnn_devices(&count, NULL, 0) == CLRNN_STATUS_OK && count > 0;
    report_hint("%s", has_driver ? "clrnn devices lists them" : REPORT_NO_DRIVER_HINT);
    return REPORT_NO_DEVICE;
}

clrnn_plan_desc compute_plan(const workload *load, const compute_setup *setup) {
    clrnn_plan_desc desc = {
        .algorithm = setup->algorithm,
        .steps = (int)load->steps,
        .batch = (int)load->batch,
        .batch_first = load->batch_first,
        .chunk = (int)setup->chunk,
        .memory_limit = setup->memory_limit,
        .weights = setup->weights,
    };
    return desc;
}

/* ---- algorithms ------------------------------------------------------------------------------ */

int compute_algorithms(clrnn_algorithm_info **out, size_t *count, const clrnn_context *context,
                       const workload *load, const compute_setup *setup) {
    clrnn_plan_desc desc = compute_plan(load, setup);
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

void compute_print_algorithms(const clrnn_algorithm_info *infos, size_t count) {
    for (size_t i = 0; i < count; i++) {
        (void)printf("%-16s %-4s %s\n", infos[i].name, infos[i].allowed ? "yes" : "no",
                     infos[i].reason);
    }
}

json_t *compute_algorithms_json(const clrnn_algorithm_info *infos, size_t count) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(
            list, json_pack("{s:o,s:b,s:o}", "name", report_json_text(infos[i].name), "allowed",
                            infos[i].allowed, "reason", report_json_text(infos[i].reason)));
    }
    return list;
}

int compute_is_list(const compute_setup *setup) {
    return setup->algorithm != NULL && strcmp(setup->algorithm, "list") == 0;
}

int compute_list(const clrnn_context *context, const workload *load, const compute_setup *setup,
                 int as_json) {
    clrnn_algorithm_info *infos = NULL;
    size_t count = 0;
    int code = REPORT_FINE;
    TRY(compute_algorithms(&infos, &count, context, load, setup));
    if (as_json) {
        code = report_json(compute_algorithms_json(infos, count));
    } else {
        compute_print_algorithms(infos, count);
    }
out:
    free(infos);
    return code;
}

/* The name that begins or ends with a word: "panel" of "single/panel". */
static const char *find_part(const char *word, const char *const *names, size_t count) {
    const size_t length = strlen(word);
    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(names[i], '/');
        if (slash != NULL &&
            (strcmp(slash + 1, word) == 0 ||
             (slash == names[i] + length && strncmp(names[i], word, length) == 0))) {
            return names[i];
        }
    }
    return NULL;
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
    const char *nearest = find_part(setup->algorithm, names, count);
    nearest = nearest != NULL ? nearest : suggest_nearest(setup->algorithm, names, count);
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

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Adds an array; *out is a view of it with the shape that the library takes. */
static clrnn_status add(clrnn_tensor *out, clrnn_arrays *arrays, const char *name, int rank,
                        const int64_t *shape, int view_rank, const int64_t *view_shape) {
    clrnn_tensor array;
    clrnn_status status = clrnn_arrays_add(&array, arrays, name, CLRNN_DTYPE_F32, rank, shape);
    if (status == CLRNN_STATUS_OK) {
        *out = workload_view(&array, view_rank, view_shape);
    }
    return status;
}

static clrnn_status make_output(compute_result *out, const workload *load,
                                const compute_setup *setup) {
    int64_t shape[3];
    int64_t whole[3];
    const int rank = workload_output_shape(load, setup->last_only, shape);
    if (setup->last_only) {
        const int64_t last[2] = {load->batch, load->outputs};
        return add(&out->args.y, out->outputs, "output", rank, shape, 2, last);
    }
    if (load->packed_rows > 0) {
        return add(&out->args.y, out->outputs, "output", rank, shape, rank, shape);
    }
    workload_steps_shape(load, load->outputs, whole);
    return add(&out->args.y, out->outputs, "output", rank, shape, 3, whole);
}

/* h_n and c_n, and with a mask the last outputs. */
static clrnn_status make_states(compute_result *out, const workload *load) {
    state_list list;
    clrnn_status status = states_list(&list, load->net, STATE_END, load->mask.data != NULL);
    for (int i = 0; i < list.count && status == CLRNN_STATUS_OK; i++) {
        const state_array *array = &list.arrays[i];
        clrnn_tensor made;
        int64_t shape[3];
        const int rank = workload_state_shape(load, array, shape);
        status = clrnn_arrays_add(&made, array->kind == STATE_O ? out->carried : out->outputs,
                                  array->name, CLRNN_DTYPE_F32, rank, shape);
        if (status == CLRNN_STATUS_OK) {
            states_bind(out->layers, load->net, array, STATE_END, &made, load->batch);
        }
    }
    states_free(&list);
    return status;
}

static clrnn_status make_steps(clrnn_tensor *out, compute_result *result, const workload *load,
                               const char *what, int layer, int64_t features) {
    char name[32];
    int64_t shape[3];
    (void)snprintf(name, sizeof name, "%s_l%d", what, layer);
    workload_steps_shape(load, features, shape);
    return add(out, result->judged, name, 3, shape, 3, shape);
}

/* What the judge takes the state before a step from: outputs of layers below the last, every h
 * where an output is not h, every c. And with a mask the last output of each layer. */
static clrnn_status make_judged(compute_result *out, const workload *load) {
    const clrnn_net_desc *net = clrnn_net_get_desc(load->net);
    clrnn_status status = CLRNN_STATUS_OK;
    for (int i = 0; i < load->layers && status == CLRNN_STATUS_OK; i++) {
        const clrnn_layer_desc *layer = &net->layers[i];
        clrnn_layer_arrays *arrays = &out->layers[i];
        const int64_t directions = clrnn_layer_directions(layer);
        const int is_merged = directions == 2 && layer->merge != CLRNN_MERGE_CONCAT;
        if (i + 1 < load->layers) {
            status = make_steps(&arrays->y, out, load, "output", i, clrnn_layer_outputs(layer));
        }
        if (status == CLRNN_STATUS_OK && (is_merged || load->mask.data != NULL)) {
            status = make_steps(&arrays->hiddens, out, load, "hiddens", i,
                                directions * clrnn_layer_width(layer));
        }
        if (status == CLRNN_STATUS_OK && load->mask.data != NULL && arrays->o_n.data == NULL) {
            const int64_t shape[3] = {directions, load->batch, clrnn_layer_width(layer)};
            char name[32];
            (void)snprintf(name, sizeof name, "o_n_l%d", i);
            status = add(&arrays->o_n, out->judged, name, 3, shape, 3, shape);
        }
        if (status == CLRNN_STATUS_OK && clrnn_layer_states(layer) == 2) {
            status = make_steps(&arrays->cells, out, load, "cells", i, directions * layer->hidden);
        }
    }
    return status;
}

/* The outputs as users get them, and the views of them that forward and the judge take. */
static clrnn_status make_outputs(compute_result *out, const workload *load,
                                 const compute_setup *setup) {
    clrnn_arrays **const sets[] = {&out->outputs, &out->carried, &out->judged};
    clrnn_status status = CLRNN_STATUS_OK;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0] && status == CLRNN_STATUS_OK; i++) {
        status = clrnn_arrays_create(sets[i]);
    }
    memcpy(out->layers, load->starts, (size_t)load->layers * sizeof *out->layers);
    out->args = (clrnn_forward_args){
        .x = load->x,
        .lengths = load->lengths,
        .mask = load->mask,
        .batch_sizes = load->batch_sizes,
        .layers = out->layers,
    };
    if (status == CLRNN_STATUS_OK) {
        status = make_output(out, load, setup);
    }
    if (status == CLRNN_STATUS_OK) {
        status = make_states(out, load);
    }
    if (status == CLRNN_STATUS_OK && setup->for_judge) {
        status = make_judged(out, load);
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

/* Where the plan runs: the context's engine, or the cpu engine beside it. */
static void name_engine(compute_result *out, const clrnn_context *context, const char *text) {
    const clrnn_device_info *device = clrnn_context_device(context);
    const char *opened = clrnn_engine_name(clrnn_context_engine(context));
    find_line(out->engine, sizeof out->engine, text, "engine", opened);
    find_line(out->device, sizeof out->device, text, "device", device->name);
    const int is_opened = strcmp(out->engine, opened) == 0;
    (void)snprintf(out->device_type, sizeof out->device_type, "%s",
                   is_opened ? device->type : "CPU");
}

void compute_name(compute_result *out, const clrnn_context *context, const char *description) {
    name_engine(out, context, description);
    find_line(out->algorithm, sizeof out->algorithm, description, "algorithm", "");
}

int compute_run(compute_result *out, clrnn_context *context, const workload *load,
                const compute_setup *setup) {
    clrnn_plan *plan = NULL;
    clrnn_plan_desc desc = compute_plan(load, setup);
    int code = REPORT_FINE;
    memset(out, 0, sizeof *out);
    name_engine(out, context, NULL);
    TRY(check_algorithm(context, load, setup));
    report_progress("building kernels...");
    clrnn_status status = clrnn_plan_create(&plan, context, load->net, &desc);
    if (status != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "planning on the %s engine", out->engine);
        /* the user's own OpenCL C is input as the model is */
        code = status == CLRNN_STATUS_BUILD && load->has_snippets ? REPORT_INPUT : code;
        goto out;
    }
    const char *description = clrnn_plan_describe(plan);
    name_engine(out, context, description);
    find_line(out->algorithm, sizeof out->algorithm, description, "algorithm",
              setup->algorithm != NULL ? setup->algorithm : "");
    out->layers = calloc((size_t)load->layers, sizeof *out->layers);
    if (out->layers == NULL) {
        code = report_fail(REPORT_FAILED, "out of memory");
        goto out;
    }
    if (make_outputs(out, load, setup) != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "reserving the outputs");
        goto out;
    }
    double started = now_seconds();
    report_progress("running...");
    status = clrnn_forward(plan, &out->args, 0, NULL, NULL);
    out->seconds = now_seconds() - started;
    if (status != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "running on the %s engine", out->engine);
        goto out;
    }
    description = clrnn_plan_describe(plan); /* with what the run added */
    out->description = description != NULL ? strdup(description) : NULL;
    if (setup->with_profile) {
        out->has_profile = clrnn_plan_profile(&out->profile, plan) == CLRNN_STATUS_OK;
        code = out->has_profile ? REPORT_FINE : report_fail_library(0, "--profile");
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
    clrnn_arrays_free(result->carried);
    clrnn_arrays_free(result->judged);
    free(result->layers);
    free(result->description);
    memset(result, 0, sizeof *result);
}
