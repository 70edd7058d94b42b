/*
 * cmd_run.c: `clrnn run`: the user's model on the user's data.
 *
 * Order matters: what can be refused is refused before anything is computed, and standard output is
 * written out before the files are, so that a failure leaves no file behind.
 */
#include "cli/commands.h"
#include "cli/compute.h"
#include "cli/deliver.h"
#include "cli/modelfile.h"
#include "cli/report.h"
#include "cli/whole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_standard_output(const options *opts) {
    const char *path = opts->value[OPTION_OUTPUT];
    const char *other = opts->given[OPTION_JSON]     ? "--json"
                        : opts->given[OPTION_SHA256] ? "--sha256"
                                                     : NULL;
    if (path != NULL && strcmp(path, "-") == 0 && other != NULL) {
        return report_fail(REPORT_USAGE, "-o - and %s both want standard output", other);
    }
    return REPORT_FINE;
}

/* The state alone, for --final-state: all but the first output, and what is carried beside. */
static int make_state(clrnn_arrays **out, const compute_result *result) {
    const clrnn_arrays *const sets[] = {result->outputs, result->carried};
    clrnn_status status = clrnn_arrays_create(out);
    for (int k = 0; k < 2; k++) {
        for (size_t i = k == 0 ? 1 : 0;
             i < clrnn_arrays_count(sets[k]) && status == CLRNN_STATUS_OK; i++) {
            clrnn_tensor copy;
            status = clrnn_arrays_convert(&copy, *out, clrnn_arrays_name(sets[k], i),
                                          CLRNN_DTYPE_F32, clrnn_arrays_at(sets[k], i));
        }
    }
    return status == CLRNN_STATUS_OK ? REPORT_FINE
                                     : report_fail_library(0, "copying the final state");
}

/* More arrays than one need an .npz. */
static int check_state_file(const deliver_file *files, int count, const workload *load) {
    char names[128];
    state_list list;
    if (states_list(&list, load->net, STATE_END, load->mask.data != NULL) != CLRNN_STATUS_OK) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    states_names(&list, names, sizeof names);
    int code = deliver_check(files, count, list.count > 1 ? 1 : -1, names);
    states_free(&list);
    return code;
}

static int make_trace(clrnn_trace **out, const options *opts) {
    if (opts->value[OPTION_TRACE] == NULL) {
        return REPORT_FINE;
    }
    return clrnn_trace_create(out) == CLRNN_STATUS_OK ? REPORT_FINE
                                                      : report_fail_library(0, "--trace");
}

static void print_profile(const clrnn_profile *profile) {
    (void)fprintf(
        stderr,
        "projection  %12.1f us\nrecurrence  %12.1f us\ntransfer    %12.1f us\n"
        "total       %12.1f us\n"
        "launches    %12llu\nto device   %12llu bytes\nfrom device %12llu bytes\n"
        "work space  %12llu bytes\nmemory      %12llu bytes\nweights     %12llu bytes\n",
        profile->projection_us, profile->recurrence_us, profile->transfer_us, profile->total_us,
        (unsigned long long)profile->launches, (unsigned long long)profile->bytes_to_device,
        (unsigned long long)profile->bytes_from_device,
        (unsigned long long)profile->workspace_bytes, (unsigned long long)profile->memory_bytes,
        (unsigned long long)profile->weight_bytes);
}

static int print_json(const compute_result *result, const options *opts) {
    const clrnn_profile *profile = &result->profile;
    json_t *outputs = json_array();
    for (size_t i = 0; i < clrnn_arrays_count(result->outputs); i++) {
        (void)json_array_append_new(outputs,
                                    deliver_describe_json(clrnn_arrays_name(result->outputs, i),
                                                          clrnn_arrays_at(result->outputs, i),
                                                          opts->given[OPTION_SHA256] != 0));
    }
    json_t *object = json_pack(
        "{s:o,s:o,s:o,s:o,s:f,s:o}", "model", report_json_text(opts->arguments[0]), "engine",
        report_json_text(result->engine), "device", report_json_text(result->device), "algorithm",
        report_json_text(result->algorithm), "milliseconds", result->seconds * 1e3, "outputs",
        outputs);
    if (result->has_profile) {
        (void)json_object_set_new(
            object, "profile",
            json_pack("{s:f,s:f,s:f,s:f,s:I,s:I,s:I,s:I,s:I,s:I}", "projection_us",
                      profile->projection_us, "recurrence_us", profile->recurrence_us,
                      "transfer_us", profile->transfer_us, "total_us", profile->total_us,
                      "launches", (json_int_t)profile->launches, "bytes_to_device",
                      (json_int_t)profile->bytes_to_device, "bytes_from_device",
                      (json_int_t)profile->bytes_from_device, "workspace_bytes",
                      (json_int_t)profile->workspace_bytes, "memory_bytes",
                      (json_int_t)profile->memory_bytes, "weight_bytes",
                      (json_int_t)profile->weight_bytes));
    }
    return report_json(object);
}

static int print_text(const compute_result *result, const options *opts) {
    for (size_t i = 0; i < clrnn_arrays_count(result->outputs); i++) {
        const char *name = clrnn_arrays_name(result->outputs, i);
        const clrnn_tensor *array = clrnn_arrays_at(result->outputs, i);
        if (opts->value[OPTION_OUTPUT] == NULL) {
            deliver_describe(name, array);
        }
        if (opts->given[OPTION_SHA256]) {
            deliver_print_sha256(name, array);
        }
    }
    return REPORT_FINE;
}

/* ---- whole models ---------------------------------------------------------------------------- */

/* The sum over layers. */
static int add_profiles(clrnn_profile *sum, const clrnn_session *session) {
    memset(sum, 0, sizeof *sum);
    for (size_t i = 0; i < clrnn_session_layer_count(session); i++) {
        clrnn_profile one;
        if (clrnn_session_profile(&one, session, i) != CLRNN_STATUS_OK) {
            continue; /* a layer that had nothing to do */
        }
        sum->projection_us += one.projection_us;
        sum->recurrence_us += one.recurrence_us;
        sum->transfer_us += one.transfer_us;
        sum->total_us += one.total_us;
        sum->launches += one.launches;
        sum->bytes_to_device += one.bytes_to_device;
        sum->bytes_from_device += one.bytes_from_device;
        sum->workspace_bytes += one.workspace_bytes;
        sum->memory_bytes += one.memory_bytes;
        sum->weight_bytes += one.weight_bytes;
    }
    return 1;
}

/* What the printers of a run take: the first layer stands for the algorithm. */
static void as_result(compute_result *out, const whole_result *ran, const clrnn_context *context,
                      int with_profile) {
    memset(out, 0, sizeof *out);
    out->outputs = ran->outputs;
    out->seconds = ran->seconds;
    compute_name(out, context, clrnn_session_describe(ran->session, 0));
    out->has_profile = with_profile && add_profiles(&out->profile, ran->session);
}

static int run_whole(const clrnn_model *model, const options *opts, const compute_setup *setup,
                     deliver_file *files) {
    whole load = {0};
    whole_result ran = {0};
    compute_result shown = {0};
    clrnn_context *context = NULL;
    const int as_json = opts->given[OPTION_JSON] != 0;
    int code = REPORT_FINE;
    compute_setup wanted = *setup;
    wanted.with_states = files[1].path != NULL;
    TRY(whole_load(&load, model, opts->arguments[0], opts));
    TRY(whole_check_outputs(&load, files));
    if (compute_open_for(&context, setup, load.work) != CLRNN_STATUS_OK) {
        code = compute_fail_open(setup, "opening a device");
        goto out;
    }
    if (setup->engine == CLRNN_ENGINE_AUTO && clrnn_context_engine(context) == CLRNN_ENGINE_CPU) {
        report_note("no OpenCL device, running on the cpu engine");
    }
    if (compute_is_list(setup)) {
        code = whole_list(context, &load, setup, as_json);
        goto out;
    }
    TRY(whole_compute(&ran, context, &load, &wanted));
    whole_explain(&ran, context);
    as_result(&shown, &ran, context, setup->with_profile);
    if (shown.has_profile && !as_json) {
        print_profile(&shown.profile);
    }
    TRY(as_json ? print_json(&shown, opts) : print_text(&shown, opts));
    TRY(report_finish_output());
    files[0].arrays = ran.outputs;
    files[1].arrays = ran.states;
    TRY(deliver_save(files, 3));
out:
    whole_result_free(&ran);
    clrnn_context_free(context);
    whole_free(&load);
    return code;
}

/* ---- all of it ------------------------------------------------------------------------------- */

int cmd_run(const options *opts) {
    workload load = {0};
    clrnn_model *model = NULL;
    compute_setup setup;
    compute_result result = {0};
    clrnn_context *context = NULL;
    clrnn_arrays *state = NULL;
    clrnn_trace *trace = NULL;
    int as_json = opts->given[OPTION_JSON] != 0;
    int code = REPORT_FINE;
    deliver_file files[] = {
        {.option = "-o", .path = opts->value[OPTION_OUTPUT]},
        {.option = "--final-state", .path = opts->value[OPTION_FINAL_STATE]},
        {.option = "--trace", .path = opts->value[OPTION_TRACE]},
    };
    TRY(compute_configure(&setup, opts));
    TRY(check_standard_output(opts));
    TRY(options_seed(opts));
    TRY(make_trace(&trace, opts));
    files[2].trace = setup.trace = trace;
    TRY(deliver_check(files, 3, -1, NULL));
    TRY(deliver_check_inputs(files, 3, opts, setup.tuning.path));
    TRY(deliver_check_places(files, 3));
    TRY(workload_check_options(opts->arguments[0], opts));
    TRY(modelfile_open(&model, opts->arguments[0], opts));
    if (clrnn_model_net(model) == NULL) {
        code = run_whole(model, opts, &setup, files);
        goto out;
    }
    code = workload_load(&load, model, opts->arguments[0], opts);
    model = NULL; /* the workload's */
    TRY(code);
    TRY(check_state_file(files, 3, &load));
    setup.last_only = load.last_only;
    if (compute_open(&context, &setup, &load) != CLRNN_STATUS_OK) {
        code = compute_fail_open(&setup, "opening a device");
        goto out;
    }
    if (setup.engine == CLRNN_ENGINE_AUTO && clrnn_context_engine(context) == CLRNN_ENGINE_CPU) {
        report_note("no OpenCL device, running on the cpu engine");
    }
    if (compute_is_list(&setup)) {
        code = compute_list(context, &load, &setup, as_json);
        goto out;
    }
    TRY(compute_run(&result, context, &load, &setup));
    compute_explain(&result);
    if (result.has_profile && !as_json) {
        print_profile(&result.profile);
    }
    TRY(as_json ? print_json(&result, opts) : print_text(&result, opts));
    TRY(report_finish_output());
    if (files[1].path != NULL) {
        TRY(make_state(&state, &result));
    }
    files[0].arrays = result.outputs;
    files[1].arrays = state;
    TRY(deliver_save(files, 3));
out:
    clrnn_arrays_free(state);
    compute_free(&result);
    clrnn_context_free(context);
    clrnn_trace_free(trace); /* which the context wrote to */
    workload_free(&load);
    clrnn_model_free(model);
    return code;
}
