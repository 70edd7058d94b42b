/*
 * check_whole.c: a whole model on both engines. Every layer that runs on an engine is judged by the
 * equations with what it was given there; the outputs are held against each other bit for bit, and, to
 * inform, against a run of all layers in double precision. An expected result is held against that run,
 * too (expect_whole.h).
 */
#include "cli/check_whole.h"

#include "cli/expect_whole.h"
#include "cli/report.h"
#include "cli/verdict.h"
#include "cli/whole.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ENGINES = 2 };

typedef struct whole_check {
    whole load;
    int count;     /* of engines that ran */
    int is_listed; /* -a list: nothing more to do */
    whole_result results[ENGINES];
    verdict verdicts[ENGINES];
    char algorithms[ENGINES][64];
    char devices[ENGINES][128];
    int is_cpu[ENGINES];
    whole_result exact; /* the reference engine's */
    verdict_difference between;
    whole_expected expected;
    verdict of_expected;
    verdict_difference to_expected;
} whole_check;

/* The worst of an engine's layers stands for it. */
static int judge_layers(verdict *out, const whole_result *result) {
    for (size_t i = 0; i < clrnn_session_layer_count(result->session); i++) {
        clrnn_judgement one;
        if (clrnn_session_judgement(&one, result->session, i) != CLRNN_STATUS_OK) {
            continue; /* it had nothing to do */
        }
        const int64_t checked = out->judgement.checked + one.checked;
        const int64_t bad = out->judgement.bad + one.bad;
        if (out->layer == NULL || !(one.ratio <= out->judgement.ratio)) {
            out->judgement = one;
            out->layer = clrnn_session_layer_name(result->session, i);
        }
        out->judgement.checked = checked;
        out->judgement.bad = bad;
        report_detail("%s: layer %s: ratio %.4g of %lld values", out->name,
                      clrnn_session_layer_name(result->session, i), one.ratio,
                      (long long)one.checked);
    }
    return REPORT_FINE;
}

static int run_engine(whole_check *job, compute_setup setup, int is_both, int as_json) {
    clrnn_context *context = NULL;
    whole_result *result = &job->results[job->count];
    verdict *one = &job->verdicts[job->count];
    compute_result named = {0};
    int code = REPORT_FINE;
    setup.for_judge = 1;
    setup.with_states = job->expected.with_states;
    const clrnn_status status = compute_open_for(&context, &setup, job->load.work);
    if (status == CLRNN_STATUS_NO_DEVICE && is_both && setup.device == NULL &&
        setup.engine == CLRNN_ENGINE_OPENCL) {
        report_note("the cpu engine alone is checked: %s", compute_open_reason());
        goto out;
    }
    if (status != CLRNN_STATUS_OK) {
        code = compute_fail_open(&setup, "opening an engine");
        goto out;
    }
    if (compute_is_list(&setup)) {
        code = whole_list(context, &job->load, &setup, as_json);
        job->is_listed = 1;
        goto out;
    }
    code = whole_compute(result, context, &job->load, &setup);
    if (code != REPORT_FINE) {
        whole_result_free(result);
        goto out;
    }
    compute_name(&named, context, clrnn_session_describe(result->session, 0));
    (void)snprintf(job->algorithms[job->count], sizeof job->algorithms[0], "%s", named.algorithm);
    (void)snprintf(job->devices[job->count], sizeof job->devices[0], "%s", named.device);
    job->is_cpu[job->count] = strcmp(named.device_type, "CPU") == 0;
    *one = (verdict){.name = clrnn_engine_name(setup.engine),
                     .algorithm = job->algorithms[job->count],
                     .device = job->devices[job->count],
                     .names_layer = 1};
    TRY(judge_layers(one, result));
    job->count++;
    /* sessions outlive their contexts no more: what is needed of this one is copied */
    clrnn_session_free(result->session);
    result->session = NULL;
out:
    clrnn_context_free(context);
    return code;
}

static int run_exact(whole_check *job) {
    const compute_setup setup = {.engine = CLRNN_ENGINE_REFERENCE,
                                 .with_states = job->expected.with_states};
    clrnn_context *context = NULL;
    int code = REPORT_FINE;
    if (compute_open_for(&context, &setup, job->load.work) != CLRNN_STATUS_OK) {
        return compute_fail_open(&setup, "opening the reference");
    }
    code = whole_compute(&job->exact, context, &job->load, &setup);
    clrnn_session_free(job->exact.session);
    job->exact.session = NULL;
    clrnn_context_free(context);
    return code;
}

static double ulp_of(float value) {
    const float magnitude = fabsf(value);
    return (double)nextafterf(magnitude, INFINITY) - (double)magnitude;
}

/* max abs and max ulp of the outputs against the run in double precision. */
static void inform(verdict *one, const whole_result *result, const whole_result *exact) {
    one->judgement.max_abs = one->judgement.max_ulp = 0;
    for (size_t i = 0; i < clrnn_arrays_count(result->outputs); i++) {
        const clrnn_tensor *a = clrnn_arrays_at(result->outputs, i);
        const clrnn_tensor *b = clrnn_arrays_at(exact->outputs, i);
        for (int64_t k = 0; a->dtype == CLRNN_DTYPE_F32 && k < clrnn_tensor_count(a); k++) {
            const float ours = ((const float *)a->data)[k], theirs = ((const float *)b->data)[k];
            const double apart = fabs((double)ours - (double)theirs);
            const double ulps = apart / ulp_of(theirs);
            one->judgement.max_abs =
                apart > one->judgement.max_abs ? apart : one->judgement.max_abs;
            one->judgement.max_ulp = ulps > one->judgement.max_ulp ? ulps : one->judgement.max_ulp;
        }
    }
}

static void compare(whole_check *job) {
    const clrnn_arrays *a = job->results[0].outputs, *b = job->results[1].outputs;
    for (size_t i = 0; i < clrnn_arrays_count(a); i++) {
        if (clrnn_arrays_at(a, i)->dtype == CLRNN_DTYPE_F32) {
            verdict_compare(&job->between, clrnn_arrays_at(a, i), clrnn_arrays_at(b, i));
        }
    }
}

static int judge_expected(whole_check *job) {
    int code = REPORT_FINE;
    job->of_expected = (verdict){.name = "expected", .algorithm = "", .device = ""};
    TRY(expect_whole_measure(&job->expected, &job->load, &job->exact));
    TRY(expect_whole_judge(&job->of_expected, &job->expected, &job->load));
    TRY(expect_whole_compare(&job->to_expected, &job->expected, &job->results[0]));
out:
    return code;
}

static int print_json(const whole_check *job, int is_fine) {
    json_t *results = json_array();
    for (int i = 0; i < job->count; i++) {
        (void)json_array_append_new(results, verdict_json(&job->verdicts[i]));
    }
    if (expect_whole_is_given(&job->expected)) {
        (void)json_array_append_new(results, verdict_json(&job->of_expected));
    }
    json_t *object =
        json_pack("{s:o,s:o}", "model", report_json_text(job->load.path), "results", results);
    if (job->count == ENGINES) {
        (void)json_object_set_new(object, "opencl_to_cpu", verdict_difference_json(&job->between));
    }
    if (expect_whole_is_given(&job->expected)) {
        (void)json_object_set_new(object, "to_expected",
                                  verdict_difference_json(&job->to_expected));
    }
    (void)json_object_set_new(object, "ok", json_boolean(is_fine));
    return report_json(object);
}

static void print_text(const whole_check *job) {
    const int has_expected = expect_whole_is_given(&job->expected);
    verdict_print_header();
    for (int i = 0; i < job->count; i++) {
        verdict_print(&job->verdicts[i]);
    }
    if (has_expected) {
        verdict_print(&job->of_expected);
    }
    if (job->count == ENGINES) {
        verdict_print_difference("opencl", "cpu", &job->between);
    }
    if (has_expected) {
        (void)printf("%s and expected differ in %lld of %lld values, at most by %.3e\n",
                     job->verdicts[0].name, (long long)job->to_expected.differ,
                     (long long)job->to_expected.values, job->to_expected.max_abs);
    }
}

static int conclude(const whole_check *job, const options *opts, int strict) {
    const int is_promised = strict || job->is_cpu[0];
    const int bits_differ = is_promised && job->between.differ > 0;
    int is_fine = !bits_differ;
    int code = REPORT_FINE;
    for (int i = 0; i < job->count; i++) {
        is_fine &= verdict_is_fine(&job->verdicts[i]);
    }
    is_fine &= verdict_is_fine(&job->of_expected); /* all 0 where there is none */
    if (opts->given[OPTION_JSON]) {
        TRY(print_json(job, is_fine));
    } else {
        print_text(job);
    }
    for (int i = 0; i < job->count; i++) {
        const int one = verdict_report(&job->verdicts[i]);
        code = one != REPORT_FINE ? one : code;
    }
    const int expected = verdict_report(&job->of_expected);
    code = expected != REPORT_FINE ? expected : code;
    if (bits_differ) {
        code = verdict_report_bits(&job->between);
    }
out:
    return code;
}

int check_whole(const clrnn_model *model, const options *opts, const compute_setup *setup) {
    static const clrnn_engine engines[ENGINES] = {CLRNN_ENGINE_OPENCL, CLRNN_ENGINE_CPU};
    const char *named = opts->value[OPTION_ENGINE];
    const int is_both = named == NULL || strcmp(named, "auto") == 0;
    whole_check job = {0};
    int code = REPORT_FINE;
    TRY(whole_load(&job.load, model, opts->arguments[0], opts));
    TRY(expect_whole_load(&job.expected, &job.load, opts));
    if (expect_whole_is_given(&job.expected) && setup->weights != CLRNN_WEIGHTS_FP32) {
        code = report_fail(REPORT_USAGE,
                           "--weights %s and --expect: a result from elsewhere is held "
                           "against the weights as they are",
                           clrnn_weights_name(setup->weights));
        goto out;
    }
    for (int i = 0; i < ENGINES; i++) {
        compute_setup one = *setup;
        one.engine = engines[i];
        if (engines[i] == CLRNN_ENGINE_CPU) {
            one.device = NULL;
        }
        if (is_both || engines[i] == setup->engine) {
            TRY(run_engine(&job, one, is_both, opts->given[OPTION_JSON] != 0));
        }
        if (job.is_listed) {
            goto out;
        }
    }
    TRY(run_exact(&job));
    for (int i = 0; i < job.count; i++) {
        inform(&job.verdicts[i], &job.results[i], &job.exact);
    }
    if (job.count == ENGINES) {
        compare(&job);
    }
    if (expect_whole_is_given(&job.expected)) {
        TRY(judge_expected(&job));
    }
    TRY(conclude(&job, opts, setup->strict));
out:
    for (int i = 0; i < ENGINES; i++) {
        whole_result_free(&job.results[i]);
    }
    whole_result_free(&job.exact);
    expect_whole_free(&job.expected);
    whole_free(&job.load);
    return code;
}
