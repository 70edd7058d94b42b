/*
 * cmd_check.c: `clrnn check`: the opencl and the cpu engine, and results from elsewhere, held
 * against the equations. The data is the user's (MODEL and -i) or a problem's.
 */
#include "cli/check_whole.h"
#include "cli/commands.h"
#include "cli/compute.h"
#include "cli/expect.h"
#include "cli/last.h"
#include "cli/modelfile.h"
#include "cli/problem.h"
#include "cli/report.h"
#include "cli/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ENGINES 2

typedef struct check_job {
    options opts; /* with the engine and the algorithm of the problem */
    workload load;
    clrnn_model *model;           /* of more than a net; else NULL */
    problem task;                 /* where title is not "" */
    char title[PROBLEM_MAX_TEXT]; /* the problem, or "" */
    compute_setup setup;          /* what both engines share */
    expectation expected;
    int num_results;
    compute_result results[MAX_ENGINES];
    verdict verdicts[MAX_ENGINES + 1]; /* the last one may be the expectation's */
    int num_verdicts;
    verdict_difference between; /* our two results */
    verdict_difference to_expected;
    compute_result in_fp32; /* with --weights: of the weights as they were */
    verdict_difference rounding;
} check_job;

/* ---- what is checked ------------------------------------------------------------------------- */

/* Options that set a key of the problem. */
static const struct {
    option_id id;
    const char *key;
    int is_problem_only; /* it makes no sense with a MODEL */
} key_options[] = {
    {OPTION_CELL, "cell", 1},
    {OPTION_STEPS, "T", 1},
    {OPTION_BATCH, "N", 1},
    {OPTION_INPUTS, "I", 1},
    {OPTION_HIDDEN, "H", 1},
    {OPTION_LAYERS, "layers", 1},
    {OPTION_DIRECTION, "dir", 1},
    {OPTION_LENGTHS, "lengths", 0},
    {OPTION_MASK, "mask", 0},
    {OPTION_START, "start", 1},
    {OPTION_GAIN, "gain", 1},
    {OPTION_CHUNK, "chunk", 0},
    {OPTION_MEMORY_LIMIT, "memory", 0},
    {OPTION_SEED, "seed", 0},
    {OPTION_ENGINE, "engine", 0},
    {OPTION_ALGORITHM, "algorithm", 0},
};
#define NUM_KEY_OPTIONS (sizeof key_options / sizeof key_options[0])

static const option_id model_only[] = {OPTION_INPUT, OPTION_INITIAL_STATE, OPTION_NONLINEARITY,
                                       OPTION_SNIPPET};

static int is_problem(const options *opts) {
    const char *argument = opts->num_arguments > 0 ? opts->arguments[0] : NULL;
    return argument == NULL || (strchr(argument, '=') != NULL && access(argument, F_OK) != 0);
}

static int fail_problem(const problem_error *error, const char *where) {
    (void)report_fail(REPORT_USAGE, "%s: %s", where, error->message);
    if (error->hint[0] != 0) {
        report_hint("%s", error->hint);
    }
    return REPORT_USAGE;
}

/* 1 if a problem has the key, which is then no option's to set. */
static int has_key(const char *text, const char *key) {
    const size_t length = strlen(key);
    for (const char *item = text; item != NULL; item = strchr(item, ',')) {
        item += item[0] == ',';
        if (strncmp(item, key, length) == 0 && item[length] == '=') {
            return 1;
        }
    }
    return 0;
}

/* What the problem says and an option too. */
static int refuse_twice(const options *opts) {
    static const struct {
        option_id id;
        const char *key;
    } flags[] = {{OPTION_BATCH_FIRST, "batch-first"},
                 {OPTION_TIME_FIRST, "batch-first"},
                 {OPTION_STRICT, "strict"}};
    const char *text = opts->num_arguments > 0 ? opts->arguments[0] : "";
    for (size_t i = 0; i < NUM_KEY_OPTIONS; i++) {
        const char *value = opts->value[key_options[i].id];
        const char *key = key_options[i].key;
        if (value != NULL && has_key(text, key) && strcmp(value, "list") != 0) {
            return report_fail(REPORT_USAGE, "%s is given twice: by the problem and by --%s %s",
                               key, options_name(key_options[i].id), value);
        }
    }
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (opts->given[flags[i].id] && has_key(text, flags[i].key)) {
            return report_fail(REPORT_USAGE, "%s is given twice: by the problem and by --%s",
                               flags[i].key, options_name(flags[i].id));
        }
    }
    return REPORT_FINE;
}

static int read_problem(problem *out, const options *opts) {
    problem_error error;
    problem_init(out);
    if (opts->num_arguments > 0 && strpbrk(opts->arguments[0], " \t\n") != NULL) {
        (void)report_fail(REPORT_USAGE, "problem: '%s': blanks are not allowed",
                          opts->arguments[0]);
        report_hint("a problem looks like cell=lstm,T=50,N=3,I=40,H=128");
        return REPORT_USAGE;
    }
    if (opts->num_arguments > 0 && !problem_apply(out, opts->arguments[0], &error)) {
        return fail_problem(&error, "problem");
    }
    for (size_t i = 0; i < NUM_KEY_OPTIONS; i++) {
        const char *value = opts->value[key_options[i].id];
        const char *name = options_name(key_options[i].id);
        int is_list =
            key_options[i].id == OPTION_ALGORITHM && value != NULL && strcmp(value, "list") == 0;
        if (value != NULL && !is_list && !problem_set(out, key_options[i].key, value, &error)) {
            char where[64];
            (void)snprintf(where, sizeof where, "--%s", name);
            return fail_problem(&error, where);
        }
    }
    out->batch_first = options_batch_first(opts, (int)out->batch_first);
    out->strict |= opts->given[OPTION_STRICT] != 0;
    if (!problem_finish(out, &error)) {
        return fail_problem(&error, "problem");
    }
    return REPORT_FINE;
}

static int make_problem(check_job *job) {
    static const char *const engines[] = {"auto", "opencl", "cpu"};
    options *opts = &job->opts;
    problem *task = &job->task;
    int code = REPORT_FINE;
    int is_named = opts->num_arguments > 0;
    for (size_t i = 0; i < NUM_KEY_OPTIONS; i++) {
        is_named |= key_options[i].is_problem_only && opts->given[key_options[i].id];
    }
    if (!is_named) {
        (void)report_fail(REPORT_USAGE, "nothing to check: %s", opts->command->synopsis);
        report_hint("clrnn check cell=lstm,T=50,H=128");
        return REPORT_USAGE;
    }
    for (size_t i = 0; i < sizeof model_only / sizeof model_only[0]; i++) {
        if (opts->given[model_only[i]]) {
            return report_fail(REPORT_USAGE, "--%s needs a MODEL, a problem makes its own data",
                               options_name(model_only[i]));
        }
    }
    TRY(refuse_twice(opts));
    TRY(read_problem(task, opts));
    opts->value[OPTION_ENGINE] = engines[task->engine];
    if (opts->value[OPTION_ALGORITHM] == NULL && task->algorithm[0] != 0) {
        opts->value[OPTION_ALGORITHM] = task->algorithm;
    }
    (void)problem_print(task, job->title, sizeof job->title);
    TRY(workload_generate(&job->load, task));
    TRY(workload_select(&job->load, opts));
out:
    return code;
}

static int make_workload(check_job *job) {
    const char *argument = job->opts.arguments[0];
    if (is_problem(&job->opts)) {
        return make_problem(job);
    }
    if (access(argument, F_OK) != 0 && strcmp(argument, "-") != 0 &&
        !job->opts.given[OPTION_INPUT]) {
        (void)report_fail(REPORT_USAGE, "%s: is neither a file nor a problem, which is key=value",
                          argument);
        report_hint("clrnn check cell=%s", strstr(argument, "gru") != NULL   ? "gru"
                                           : strstr(argument, "rnn") != NULL ? "rnn"
                                                                             : "lstm");
        return REPORT_USAGE;
    }
    int code = options_seed(&job->opts);
    if (code != REPORT_FINE) {
        return code;
    }
    for (size_t i = 0; i < NUM_KEY_OPTIONS; i++) {
        if (key_options[i].is_problem_only && job->opts.given[key_options[i].id]) {
            return report_fail(REPORT_USAGE, "--%s is for problems, %s has its own",
                               options_name(key_options[i].id), job->opts.arguments[0]);
        }
    }
    code = workload_check_options(argument, &job->opts);
    if (code == REPORT_FINE) {
        code = modelfile_open(&job->model, argument, &job->opts);
    }
    if (code == REPORT_FINE && clrnn_model_net(job->model) != NULL) {
        clrnn_model *model = job->model;
        job->model = NULL; /* the workload's */
        code = workload_load(&job->load, model, argument, &job->opts);
    }
    return code;
}

/* Code of the user's own has no equations here; -a list judges nothing. */
static int refuse_custom(const check_job *job) {
    const clrnn_net_desc *net = clrnn_net_get_desc(job->load.net);
    const char *algorithm = job->opts.value[OPTION_ALGORITHM];
    if (algorithm != NULL && strcmp(algorithm, "list") == 0) {
        return REPORT_FINE;
    }
    for (int i = 0; i < net->num_layers; i++) {
        const clrnn_activation *acts = &net->layers[i].acts[0][0];
        int is_custom = net->layers[i].cell == CLRNN_CELL_CUSTOM;
        const char *what = is_custom ? "is a custom cell" : "has a custom activation";
        for (int act = 0; act < 2 * CLRNN_MAX_ACTS; act++) {
            is_custom |= acts[act].kind == CLRNN_ACT_CUSTOM;
        }
        if (is_custom) {
            (void)report_fail(REPORT_FAILED, "layer %d %s, which has no equations to be judged by",
                              i, what);
            report_hint("clrnn run runs it");
            return REPORT_FAILED;
        }
    }
    return REPORT_FINE;
}

/* Rows without a step are fine whatever computes them. */
static void note_no_steps(const workload *load) {
    const clrnn_tensor *lengths = &load->lengths;
    const char *data = (const char *)lengths->data + lengths->offset;
    if (lengths->data == NULL) {
        return;
    }
    for (int64_t row = 0; row < load->batch; row++) {
        const int64_t length = lengths->dtype == CLRNN_DTYPE_I64
                                   ? ((const int64_t *)(const void *)data)[row]
                                   : ((const int32_t *)(const void *)data)[row];
        if (length > 0) {
            return;
        }
    }
    report_note("every length is 0: no step is computed, and none is judged");
}

/* With --weights: runs the net as it is, to know what rounding costs, then rounds it: from here on all
 * of it is about the rounded net. */
static int round_weights(check_job *job) {
    compute_setup plain = job->setup;
    clrnn_context *context = NULL;
    int code = REPORT_FINE;
    if (plain.weights == CLRNN_WEIGHTS_FP32 || compute_is_list(&plain)) {
        return code;
    }
    if (expect_is_given(&job->expected)) {
        return report_fail(REPORT_USAGE,
                           "--weights %s and --expect: a result from elsewhere is held "
                           "against the weights as they are",
                           clrnn_weights_name(plain.weights));
    }
    plain.weights = CLRNN_WEIGHTS_FP32;
    plain.algorithm = NULL;
    if (compute_open(&context, &plain, &job->load) != CLRNN_STATUS_OK) {
        code = compute_fail_open(&plain, "opening an engine");
        goto out;
    }
    TRY(compute_run(&job->in_fp32, context, &job->load, &plain));
    /* the workload owns its net, and lends it as const */
    if (clrnn_net_round_weights((clrnn_net *)job->load.net, job->setup.weights) !=
        CLRNN_STATUS_OK) {
        code = report_fail_library(0, "rounding the weights");
    }
out:
    clrnn_context_free(context);
    return code;
}

/* ---- computing and judging ------------------------------------------------------------------- */

static int judge(check_job *job, const char *name, const clrnn_forward_args *args) {
    verdict *one = &job->verdicts[job->num_verdicts];
    one->name = name;
    one->algorithm = "";
    one->device = "";
    one->first_row = job->load.first_row;
    one->names_layer = job->load.layers > 1 || states_end_there(job->load.net);
    report_progress("judging %s...", name);
    clrnn_status status = clrnn_judge(&one->judgement, job->load.net, job->load.batch_first, args);
    report_progress_end();
    if (status != CLRNN_STATUS_OK) {
        return report_fail_library(0, "judging the %s result", name);
    }
    job->num_verdicts++;
    return REPORT_FINE;
}

/* Runs it again for the last outputs alone. */
static int check_last(check_job *job, clrnn_context *context, const compute_setup *setup,
                      const compute_result *whole, verdict *one) {
    compute_result last = {0};
    compute_setup last_setup = *setup;
    clrnn_tensor merged = {0};
    verdict_difference difference = {0};
    int code = REPORT_FINE;
    last_setup.last_only = 1;
    last_setup.for_judge = 0;
    TRY(compute_run(&last, context, &job->load, &last_setup));
    TRY(last_merge(&merged, &job->load, whole));
    verdict_compare(&difference, &last.args.y, &merged);
    one->last_differs = difference.differ > 0;
out:
    free(merged.data);
    compute_free(&last);
    return code;
}

/* 1 if the engine can run what -a names. */
static int has_algorithm(const check_job *job, const clrnn_context *context,
                         const compute_setup *setup, int *code) {
    clrnn_algorithm_info *infos = NULL;
    size_t count = 0;
    int is_there = 0;
    *code = compute_algorithms(&infos, &count, context, &job->load, setup);
    for (size_t i = 0; *code == REPORT_FINE && i < count; i++) {
        is_there |= infos[i].allowed && strcmp(infos[i].name, setup->algorithm) == 0;
    }
    free(infos);
    return is_there;
}

static int run_engine(check_job *job, compute_setup setup, int is_both) {
    compute_result *result = &job->results[job->num_results];
    clrnn_context *context = NULL;
    int code = REPORT_FINE;
    setup.for_judge = 1;
    clrnn_status status = compute_open(&context, &setup, &job->load);
    if (status == CLRNN_STATUS_NO_DEVICE && is_both && setup.device == NULL &&
        setup.engine == CLRNN_ENGINE_OPENCL) {
        report_note("the cpu engine alone is checked: %s", compute_open_reason());
        goto out;
    }
    if (status != CLRNN_STATUS_OK) {
        char doing[64];
        (void)snprintf(doing, sizeof doing, "opening the %s engine%s",
                       clrnn_engine_name(setup.engine),
                       setup.from_environment ? " on the device" : "");
        code = compute_fail_open(&setup, doing);
        goto out;
    }
    if (compute_is_list(&setup)) {
        code = compute_list(context, &job->load, &setup, job->opts.given[OPTION_JSON] != 0);
        job->num_results = code == REPORT_FINE ? MAX_ENGINES : 0; /* nothing more to do */
        goto out;
    }
    if (setup.algorithm != NULL && job->num_results > 0 &&
        !has_algorithm(job, context, &setup, &code) && code == REPORT_FINE) {
        report_note("the %s engine does not run %s here: it takes its own choice",
                    clrnn_engine_name(setup.engine), setup.algorithm);
        setup.algorithm = NULL;
    }
    TRY(code);
    TRY(compute_run(result, context, &job->load, &setup));
    compute_explain(result);
    job->num_results++;
    verdict *one = &job->verdicts[job->num_verdicts];
    TRY(judge(job, clrnn_engine_name(setup.engine), &result->args));
    one->algorithm = result->algorithm;
    one->device = result->device;
    if (job->load.check_last || job->load.last_only) {
        TRY(check_last(job, context, &setup, result, one));
    }
out:
    clrnn_context_free(context);
    return code;
}

/* The options, and what the problem says where they do not. */
static int configure(check_job *job) {
    int code = compute_configure(&job->setup, &job->opts);
    if (code == REPORT_FINE && job->title[0] != 0) {
        job->setup.chunk = job->task.chunk;
        job->setup.memory_limit = job->task.memory;
        job->setup.strict = (int)job->task.strict;
    }
    return code;
}

static int run_engines(check_job *job) {
    static const clrnn_engine engines[MAX_ENGINES] = {CLRNN_ENGINE_OPENCL, CLRNN_ENGINE_CPU};
    const char *named = job->opts.value[OPTION_ENGINE];
    int code = REPORT_FINE;
    int is_both = named == NULL || strcmp(named, "auto") == 0;
    for (int i = 0; i < MAX_ENGINES && job->num_results < MAX_ENGINES; i++) {
        compute_setup one = job->setup;
        one.engine = engines[i];
        if (engines[i] == CLRNN_ENGINE_CPU) {
            one.device = NULL;
        }
        if (is_both || engines[i] == job->setup.engine) {
            TRY(run_engine(job, one, is_both));
        }
    }
out:
    return code;
}

static void compare_sets(verdict_difference *sum, const clrnn_arrays *a, const clrnn_arrays *b) {
    for (size_t i = 0; i < clrnn_arrays_count(a); i++) {
        verdict_compare(sum, clrnn_arrays_at(a, i), clrnn_arrays_at(b, i));
    }
}

static void compare_results(check_job *job) {
    const compute_result *a = &job->results[0];
    const compute_result *b = &job->results[1];
    compare_sets(&job->between, a->outputs, b->outputs);
    compare_sets(&job->between, a->carried, b->carried);
    compare_sets(&job->between, a->judged, b->judged);
}

static void compare_rounding(check_job *job) {
    if (job->in_fp32.outputs != NULL) {
        compare_sets(&job->rounding, job->results[0].outputs, job->in_fp32.outputs);
    }
}

/* What the file gives is compared with ours, the rest of our results is left out. */
static void take_expected(verdict_difference *sum, clrnn_tensor *ours, const clrnn_tensor *file) {
    if (file->data != NULL) {
        verdict_compare(sum, ours, file);
    }
    *ours = *file;
}

/* The last outputs as the state at the end of the last layer, which may be given beside them. */
static void take_last(clrnn_layer_arrays *layer, const clrnn_layer_arrays *ends,
                      verdict_difference *twice) {
    if (layer->h_n.data != NULL && ends->h_n.data != NULL) {
        verdict_compare(twice, &layer->h_n, &ends->h_n);
    } else if (ends->h_n.data != NULL) {
        layer->h_n = ends->h_n;
    }
    layer->o_n = ends->o_n;
}

static int judge_expected(check_job *job) {
    const expectation *expected = &job->expected;
    const compute_result *ours = &job->results[0];
    clrnn_forward_args args = ours->args;
    clrnn_tensor merged = {0};
    verdict_difference twice = {0}; /* output and h_n of one file, which must be the same */
    int code = REPORT_FINE;
    clrnn_layer_arrays *layers = calloc((size_t)job->load.layers, sizeof *layers);
    if (layers == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    memcpy(layers, ours->layers, (size_t)job->load.layers * sizeof *layers);
    args.layers = layers;
    take_expected(&job->to_expected, &args.y, &expected->output);
    for (int i = 0; i < job->load.layers; i++) {
        const clrnn_layer_arrays *file = &expected->layers[i];
        const clrnn_tensor none = {0};
        take_expected(&job->to_expected, &layers[i].y, &file->y);
        take_expected(&job->to_expected, &layers[i].h_n, &file->h_n);
        take_expected(&job->to_expected, &layers[i].c_n, &file->c_n);
        layers[i].o_n = layers[i].hiddens = layers[i].cells = none;
    }
    if (expected->last.data != NULL) {
        TRY(last_merge(&merged, &job->load, ours));
        verdict_compare(&job->to_expected, &merged, &expected->last);
        take_last(&layers[job->load.layers - 1], &expected->ends, &twice);
    }
    TRY(judge(job, "expected", &args));
    job->verdicts[job->num_verdicts - 1].last_differs = twice.differ > 0;
out:
    free(merged.data);
    free(layers);
    return code;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void print_text(const check_job *job) {
    const char *first = job->verdicts[0].name;
    if (job->title[0] != 0) {
        (void)printf("%s\n", job->title);
    }
    verdict_print_header();
    for (int i = 0; i < job->num_verdicts; i++) {
        verdict_print(&job->verdicts[i]);
    }
    if (job->num_results == MAX_ENGINES) {
        verdict_print_difference("opencl", "cpu", &job->between);
    }
    if (job->rounding.values > 0) {
        (void)printf("weights in %s change %lld of %lld values, at most by %.3e\n",
                     clrnn_weights_name(job->setup.weights), (long long)job->rounding.differ,
                     (long long)job->rounding.values, job->rounding.max_abs);
    }
    if (expect_is_given(&job->expected)) {
        (void)printf("%s and expected differ in %lld of %lld values, at most by %.3e\n", first,
                     (long long)job->to_expected.differ, (long long)job->to_expected.values,
                     job->to_expected.max_abs);
    }
}

static int print_json(const check_job *job, int is_fine) {
    json_t *object = json_object();
    json_t *results = json_array();
    if (job->title[0] != 0) {
        (void)json_object_set_new(object, "problem", json_string(job->title));
    } else {
        (void)json_object_set_new(object, "model", report_json_text(job->opts.arguments[0]));
    }
    for (int i = 0; i < job->num_verdicts; i++) {
        (void)json_array_append_new(results, verdict_json(&job->verdicts[i]));
    }
    (void)json_object_set_new(object, "results", results);
    if (job->num_results == MAX_ENGINES) {
        (void)json_object_set_new(object, "opencl_to_cpu", verdict_difference_json(&job->between));
    }
    if (expect_is_given(&job->expected)) {
        (void)json_object_set_new(object, "to_expected",
                                  verdict_difference_json(&job->to_expected));
    }
    if (job->rounding.values > 0) {
        (void)json_object_set_new(object, "weights",
                                  json_string(clrnn_weights_name(job->setup.weights)));
        (void)json_object_set_new(object, "to_fp32_weights",
                                  verdict_difference_json(&job->rounding));
    }
    (void)json_object_set_new(object, "ok", json_boolean(is_fine));
    return report_json(object);
}

static int conclude(const check_job *job) {
    int code = REPORT_FINE;
    int is_fine = 1;
    /* What every engine promises on CPU devices, and on any with --strict. */
    int is_promised = job->setup.strict || strcmp(job->results[0].device_type, "CPU") == 0;
    int bits_differ = is_promised && job->between.differ > 0;
    for (int i = 0; i < job->num_verdicts; i++) {
        is_fine &= verdict_is_fine(&job->verdicts[i]);
    }
    if (job->opts.given[OPTION_JSON]) {
        TRY(print_json(job, is_fine && !bits_differ));
    } else {
        print_text(job);
        report_detail("ratio is residual / bound at the worst value and decides: at most 1 is ok");
        report_detail("max abs and max ulp are against a run in double precision, ulp of near-zero "
                      "values can be large; they decide nothing");
    }
    for (int i = 0; i < job->num_verdicts; i++) {
        int one = verdict_report(&job->verdicts[i]);
        code = one != REPORT_FINE ? one : code;
    }
    if (bits_differ) {
        code = verdict_report_bits(&job->between);
    }
out:
    return code;
}

int cmd_check(const options *opts) {
    int code = REPORT_FINE;
    check_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    job->opts = *opts;
    TRY(make_workload(job));
    TRY(configure(job));
    if (job->model != NULL) {
        code = check_whole(job->model, &job->opts, &job->setup);
        goto out;
    }
    TRY(refuse_custom(job));
    note_no_steps(&job->load);
    TRY(expect_load(&job->expected, &job->load, &job->opts));
    TRY(round_weights(job));
    TRY(run_engines(job));
    if (job->num_verdicts == 0) {
        goto out; /* -a list */
    }
    if (job->num_results == MAX_ENGINES) {
        compare_results(job);
    }
    compare_rounding(job);
    if (expect_is_given(&job->expected)) {
        TRY(judge_expected(job));
    }
    TRY(conclude(job));
out:
    for (int i = 0; i < MAX_ENGINES; i++) {
        compute_free(&job->results[i]);
    }
    compute_free(&job->in_fp32);
    expect_free(&job->expected);
    workload_free(&job->load);
    clrnn_model_free(job->model);
    free(job);
    return code;
}
