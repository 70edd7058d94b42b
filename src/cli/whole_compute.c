/* whole_compute.c: a whole model through one engine: a session, its outputs, what its layers say. */
#include "cli/report.h"
#include "cli/whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* PyTorch's modules give their states as outputs; elsewhere a state is what --final-state is for. */
static int is_output(const whole *load, const clrnn_port_info *port) {
    return !port->is_state || strcmp(clrnn_model_get_info(load->model).format, "torch") == 0;
}

static int copy_outputs(whole_result *out, const whole *load) {
    int code = REPORT_FINE;
    clrnn_tensor copy;
    clrnn_status status = clrnn_arrays_create(&out->outputs);
    if (status == CLRNN_STATUS_OK) {
        status = clrnn_arrays_create(&out->states);
    }
    for (size_t i = 0; i < clrnn_model_output_count(load->model) && status == CLRNN_STATUS_OK;
         i++) {
        const clrnn_tensor *found = clrnn_session_output(out->session, i);
        clrnn_port_info port;
        status = clrnn_model_output(&port, load->model, i);
        if (found != NULL && status == CLRNN_STATUS_OK && is_output(load, &port)) {
            status = clrnn_arrays_convert(&copy, out->outputs, port.name, found->dtype, found);
        }
        if (found != NULL && status == CLRNN_STATUS_OK && port.is_state) {
            status = clrnn_arrays_convert(&copy, out->states, port.name, found->dtype, found);
        }
    }
    if (status != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "keeping the outputs");
    }
    return code;
}

int whole_compute(whole_result *out, clrnn_context *context, const whole *load,
                  const compute_setup *setup) {
    const clrnn_session_desc desc = {
        .algorithm = setup->algorithm,
        .chunk = (int)setup->chunk,
        .memory_limit = setup->memory_limit,
        .weights = setup->weights,
        .states =
            setup->with_states || strcmp(clrnn_model_get_info(load->model).format, "torch") == 0,
        .judge = setup->for_judge,
        .moved = setup->moved,
    };
    const char *engine = clrnn_engine_name(clrnn_context_engine(context));
    int code = REPORT_FINE;
    memset(out, 0, sizeof *out);
    report_progress("running...");
    clrnn_status status = clrnn_session_create(&out->session, context, load->model, &desc);
    const double started = now_seconds();
    if (status == CLRNN_STATUS_OK) {
        status = clrnn_session_run(out->session, load->count, load->bindings);
    }
    out->seconds = now_seconds() - started;
    out->roundings = clrnn_session_roundings(out->session);
    if (status != CLRNN_STATUS_OK) {
        /* what does not go together here stands in the user's files */
        const int is_input = status == CLRNN_STATUS_SHAPE || status == CLRNN_STATUS_ARGUMENT;
        code = report_fail_library(is_input, "running %s on the %s engine", load->path, engine);
        goto out;
    }
    TRY(copy_outputs(out, load));
out:
    report_progress_end();
    return code;
}

const clrnn_tensor *whole_find(const whole_result *result, const char *name) {
    const clrnn_tensor *found = clrnn_arrays_find(result->outputs, name);
    return found != NULL ? found : clrnn_arrays_find(result->states, name);
}

/* What layer i could run; count 0: it had nothing to do. */
static int list_layer(clrnn_algorithm_info **out, size_t *count, const clrnn_session *session,
                      size_t i) {
    *out = NULL;
    *count = 0;
    if (clrnn_session_algorithms(count, NULL, 0, session, i) != CLRNN_STATUS_OK) {
        return REPORT_FINE;
    }
    *out = calloc(*count + 1, sizeof **out);
    if (*out == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    return clrnn_session_algorithms(count, *out, *count, session, i) == CLRNN_STATUS_OK
               ? REPORT_FINE
               : report_fail_library(0, "listing the algorithms");
}

int whole_list(clrnn_context *context, const whole *load, const compute_setup *setup, int as_json) {
    compute_setup plain = *setup;
    whole_result ran = {0};
    clrnn_algorithm_info *infos = NULL;
    size_t count = 0;
    json_t *layers = json_array();
    int code = REPORT_FINE;
    plain.algorithm = NULL;
    plain.for_judge = 0;
    TRY(whole_compute(&ran, context, load, &plain));
    for (size_t i = 0; i < clrnn_session_layer_count(ran.session); i++) {
        const char *name = clrnn_session_layer_name(ran.session, i);
        char escaped[160];
        TRY(list_layer(&infos, &count, ran.session, i));
        if (as_json) {
            (void)json_array_append_new(layers, json_pack("{s:o,s:o}", "layer",
                                                          report_json_text(name), "algorithms",
                                                          compute_algorithms_json(infos, count)));
        } else {
            (void)printf("%s%s%s\n", report_bold(), report_escape(escaped, sizeof escaped, name),
                         report_plain());
            compute_print_algorithms(infos, count);
        }
        free(infos);
        infos = NULL;
    }
    if (as_json) {
        code = report_json(json_incref(layers));
    }
out:
    json_decref(layers);
    free(infos);
    whole_result_free(&ran);
    return code;
}

void whole_explain(const whole_result *result, const clrnn_context *context) {
    report_detail("device: %s", clrnn_context_device(context)->name);
    for (size_t i = 0; i < clrnn_session_layer_count(result->session); i++) {
        const char *line = clrnn_session_describe(result->session, i);
        while (line != NULL && line[0] != 0) {
            const size_t length = strcspn(line, "\n");
            report_detail("%s: %.*s", clrnn_session_layer_name(result->session, i), (int)length,
                          line);
            line += length;
            line += line[0] == '\n';
        }
    }
    report_detail("time: %.3f ms", result->seconds * 1e3);
}

void whole_result_free(whole_result *result) {
    clrnn_session_free(result->session);
    clrnn_arrays_free(result->outputs);
    clrnn_arrays_free(result->states);
    memset(result, 0, sizeof *result);
}
