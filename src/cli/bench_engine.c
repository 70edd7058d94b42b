/* bench_engine.c: see bench_engine.h. */
#include "cli/bench_engine.h"

#include "cli/compute.h"
#include "cli/report.h"
#include "cli/suggest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEAK_OPENCL, PEAK_CPU };

void bench_engines_init(bench_engines *out, const options *opts) {
    static const char *const names[BENCH_ENGINES] = {"auto", "opencl", "cpu"};
    memset(out, 0, sizeof *out);
    out->opts = opts;
    for (int i = 0; i < BENCH_ENGINES; i++) {
        out->list[i].name = names[i];
    }
}

void bench_engines_free(bench_engines *engines) {
    for (int i = 0; i < BENCH_ENGINES; i++) {
        for (int strict = 0; strict < 2; strict++) {
            clrnn_context_free(engines->list[i].timed[strict]);
            clrnn_context_free(engines->list[i].profiling[strict]);
        }
    }
    memset(engines, 0, sizeof *engines);
}

/* The setup of one engine: -d is for those beside it that have a device. */
static int configure(compute_setup *out, const options *opts, const char *name,
                     int is_one_of_many) {
    options one = *opts;
    one.value[OPTION_ENGINE] = name;
    one.value[OPTION_ALGORITHM] = NULL;
    if (is_one_of_many && strcmp(name, "cpu") == 0) {
        one.value[OPTION_DEVICE] = NULL;
    }
    return compute_configure(out, &one);
}

static int open_contexts(bench_engine *engine, const bench_engines *engines, int strict,
                         int may_miss) {
    compute_setup setup;
    int code = REPORT_FINE;
    TRY(configure(&setup, engines->opts, engine->name, may_miss));
    for (int profile = 0; profile < 2; profile++) {
        clrnn_context **context = profile ? &engine->profiling[strict] : &engine->timed[strict];
        /* no timeout: a wait that has one polls with sleeps, which would be timed with short calls */
        const clrnn_context_desc desc = {
            .device = setup.device, .engine = setup.engine, .profile = profile, .strict = strict};
        if (tuned_open(context, &desc, &setup.tuning) == CLRNN_STATUS_OK) {
            continue;
        }
        if (may_miss && clrnn_last_error()->status == CLRNN_STATUS_NO_DEVICE) {
            engine->is_missing = 1;
            report_note("the %s engine is not timed: %s", engine->name, compute_open_reason());
            goto out;
        }
        char doing[64];
        (void)snprintf(doing, sizeof doing, "opening the %s engine%s", engine->name,
                       setup.from_environment ? " on the device" : "");
        code = compute_fail_open(&setup, doing);
        goto out;
    }
out:
    return code;
}

static void measure(bench_engines *engines, const clrnn_context *context) {
    const int is_cpu = clrnn_context_engine(context) == CLRNN_ENGINE_CPU;
    const int which = is_cpu ? PEAK_CPU : PEAK_OPENCL;
    const char *call = NULL;
    if (engines->is_measured[which]) {
        return;
    }
    engines->is_measured[which] = 1;
    report_progress("measuring the peak of %s...", clrnn_context_device(context)->name);
    if (is_cpu) {
        bench_peak_cpu(&engines->peaks[which], clrnn_context_device(context)->compute_units);
    } else if (!bench_peak_opencl(&engines->peaks[which], clrnn_context_device(context), &call)) {
        report_note("the peak of %s is not known: %s failed", clrnn_context_device(context)->name,
                    call);
    }
    report_progress_end();
}

int bench_engine_open(bench_engine **out, bench_engines *engines, const char *name, int strict,
                      int may_miss) {
    bench_engine *engine = &engines->list[0];
    int code = REPORT_FINE;
    *out = NULL;
    while (strcmp(engine->name, name) != 0) {
        engine++;
    }
    if (engine->is_missing && may_miss) {
        return REPORT_FINE;
    }
    if (engine->timed[strict] == NULL) {
        TRY(open_contexts(engine, engines, strict, may_miss));
        if (!engine->is_missing) {
            measure(engines, engine->timed[strict]);
        }
    }
    *out = engine->is_missing ? NULL : engine;
out:
    return code;
}

enum { MAX_NAMES = 64, NAME_SIZE = 32 };

/* Adds the names of a context's algorithms, whatever it would allow. */
static int add_names(char names[MAX_NAMES][NAME_SIZE], size_t *known, const clrnn_context *context,
                     const workload *any) {
    const compute_setup setup = {0};
    clrnn_algorithm_info *infos = NULL;
    size_t count = 0;
    const int code = compute_algorithms(&infos, &count, context, any, &setup);
    for (size_t i = 0; i < count && *known < MAX_NAMES && code == REPORT_FINE; i++) {
        (void)snprintf(names[(*known)++], NAME_SIZE, "%s", infos[i].name);
    }
    free(infos);
    return code;
}

static int list_names(char names[MAX_NAMES][NAME_SIZE], size_t *known,
                      const bench_engines *engines) {
    problem task;
    problem_error error;
    workload any = {0};
    int code = REPORT_FINE;
    if (!problem_parse(&task, "T=1,H=4", &error)) {
        return report_fail(REPORT_FAILED, "%s", error.message);
    }
    TRY(workload_generate(&any, &task));
    for (int i = 0; i < BENCH_ENGINES; i++) {
        for (int strict = 0; strict < 2; strict++) {
            if (engines->list[i].timed[strict] != NULL) {
                TRY(add_names(names, known, engines->list[i].timed[strict], &any));
            }
        }
    }
out:
    workload_free(&any);
    return code;
}

int bench_engines_check(const bench_engines *engines, const char *algorithm) {
    char names[MAX_NAMES][NAME_SIZE];
    const char *words[MAX_NAMES];
    size_t known = 0;
    int code = REPORT_FINE;
    if (strcmp(algorithm, "auto") == 0 || strcmp(algorithm, "all") == 0) {
        return REPORT_FINE;
    }
    TRY(list_names(names, &known, engines));
    for (size_t i = 0; i < known; i++) {
        words[i] = names[i];
        if (strcmp(names[i], algorithm) == 0) {
            goto out;
        }
    }
    const char *nearest = suggest_nearest(algorithm, words, known);
    code = report_fail(REPORT_USAGE, "-a %s: no engine that is timed has such an algorithm",
                       algorithm);
    if (nearest != NULL) {
        report_hint("did you mean %s?", nearest);
    } else {
        report_hint("-a all takes every one that a case allows");
    }
out:
    return code;
}

const bench_peak *bench_engine_peak(bench_engines *engines, const char *runs_on) {
    const int which = strcmp(runs_on, "cpu") == 0 ? PEAK_CPU : PEAK_OPENCL;
    return engines->peaks[which].gflops > 0 ? &engines->peaks[which] : NULL;
}

const clrnn_device_info *bench_engines_device(const bench_engines *engines) {
    const clrnn_device_info *found = NULL;
    for (int i = 0; i < BENCH_ENGINES; i++) {
        for (int strict = 0; strict < 2; strict++) {
            const clrnn_context *context = engines->list[i].timed[strict];
            if (context != NULL && (found == NULL || found->index < 0)) {
                found = clrnn_context_device(context);
            }
        }
    }
    return found;
}
