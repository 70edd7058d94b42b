/*
 * cmd_bench.c: `clrnn bench`: times of whole forward passes, beside the peak of what they ran on.
 *
 * Everything that can be refused is refused before anything is timed. Rows are printed as they come:
 * what an interrupt leaves is whole rows.
 */
#include "cli/bench_old.h"
#include "cli/bench_table.h"
#include "cli/bench_time.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/suggest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_SECONDS 0.5
#define MAX_SECONDS 86400.0
#define MAX_RUNS 1000000

typedef struct bench_job {
    bench_grid grid;
    bench_words engines;    /* of --engine; none: what the problem says */
    bench_words algorithms; /* of --algorithm, alike */
    bench_limits limits;
    bench_table table;
} bench_job;

static int read_format(bench_job *job, const options *opts) {
    static const char *const names[] = {"md", "csv", "json", "jsonl"};
    const char *given = opts->value[OPTION_FORMAT];
    const char *name = given != NULL ? given : opts->given[OPTION_JSON] ? "json" : "md";
    if (opts->given[OPTION_JSON] && strcmp(name, "json") != 0) {
        return report_fail(REPORT_USAGE, "--json and --format %s: only one can hold", given);
    }
    while (strcmp(names[job->table.format], name) != 0) {
        job->table.format++;
    }
    return REPORT_FINE;
}

/* "2s", "500ms", "1.5": seconds. */
static int read_duration(double *out, const char *text) {
    char *end = NULL;
    const int is_number = text[0] >= '0' && text[0] <= '9' && strpbrk(text, "xXpP") == NULL;
    *out = is_number ? strtod(text, &end) : 0;
    if (is_number && strcmp(end, "ms") == 0) {
        *out *= 1e-3;
        end += 2;
    } else if (is_number && strcmp(end, "s") == 0) {
        end++;
    }
    if (!is_number || *end != 0 || !(*out > 0) || *out > MAX_SECONDS) {
        return report_fail(REPORT_USAGE,
                           "--duration %s: needs a time above 0 and up to a day, as 2s or 500ms",
                           options_shown(text));
    }
    return REPORT_FINE;
}

static int read_limits(bench_job *job, const options *opts) {
    const char *duration = opts->value[OPTION_DURATION];
    job->limits.seconds = DEFAULT_SECONDS;
    if (duration != NULL && opts->given[OPTION_RUNS]) {
        return report_fail(REPORT_USAGE, "--runs and --duration: only one can hold");
    }
    if (duration != NULL) {
        return read_duration(&job->limits.seconds, duration);
    }
    return options_integer(&job->limits.runs, opts, OPTION_RUNS, 1, MAX_RUNS, 0);
}

static int check_engines(const bench_words *engines) {
    static const char *const names[] = {"auto", "opencl", "cpu"};
    for (int i = 0; i < engines->count; i++) {
        const char *name = engines->words[i];
        int is_known = 0;
        for (int k = 0; k < BENCH_ENGINES; k++) {
            is_known |= strcmp(name, names[k]) == 0;
        }
        if (!is_known) {
            const char *nearest = suggest_nearest(name, names, BENCH_ENGINES);
            (void)report_fail(REPORT_USAGE, "--engine %s: must be of auto, opencl, cpu", name);
            if (strcasecmp(name, "gpu") == 0) {
                report_hint("-e opencl -d gpu");
            } else if (nearest != NULL) {
                report_hint("did you mean %s?", nearest);
            }
            return REPORT_USAGE;
        }
        for (int k = 0; k < i; k++) {
            if (strcmp(name, engines->words[k]) == 0) {
                return report_fail(REPORT_USAGE, "--engine: %s stands there twice", name);
            }
        }
    }
    return REPORT_FINE;
}

static int read_job(bench_job *job, const options *opts) {
    const char *engines = opts->value[OPTION_ENGINE];
    const char *algorithms = opts->value[OPTION_ALGORITHM];
    int code = REPORT_FINE;
    TRY(read_format(job, opts));
    TRY(read_limits(job, opts));
    TRY(bench_grid_read(&job->grid, opts));
    if (engines != NULL) {
        TRY(bench_words_read(&job->engines, "engine", engines, 0));
        TRY(check_engines(&job->engines));
    }
    if (algorithms != NULL) {
        TRY(bench_words_read(&job->algorithms, "algorithm", algorithms, 0));
    }
    job->table.old_path = opts->value[OPTION_COMPARE];
    if (job->table.old_path != NULL) {
        TRY(bench_old_load(&job->table.old, &job->table.old_header, job->table.old_path));
    }
out:
    return code;
}

/* The engines of a case: those of the command line, or its own. */
static bench_words engines_of(const bench_job *job, const problem *task, char **one) {
    static char names[BENCH_ENGINES][8] = {"auto", "opencl", "cpu"};
    *one = names[task->engine];
    return job->engines.count > 0 ? job->engines : (bench_words){.count = 1, .words = one};
}

static bench_words algorithms_of(const bench_job *job, problem *task, char **one) {
    static char any[] = "auto";
    *one = task->algorithm[0] != 0 ? task->algorithm : any;
    return job->algorithms.count > 0 ? job->algorithms : (bench_words){.count = 1, .words = one};
}

static int check_algorithms(const bench_engines *engines, const bench_job *job) {
    int code = REPORT_FINE;
    for (int i = 0; i < job->algorithms.count; i++) {
        TRY(bench_engines_check(engines, job->algorithms.words[i]));
    }
    for (int i = 0; i < job->grid.count && job->algorithms.count == 0; i++) {
        const char *own = job->grid.cases[i].algorithm;
        TRY(bench_engines_check(engines, own[0] != 0 ? own : "auto"));
    }
out:
    return code;
}

/* Opens what the cases need, so that peaks are known before the first row. */
static int open_engines(bench_engines *engines, const bench_job *job) {
    int code = REPORT_FINE;
    for (int i = 0; i < job->grid.count; i++) {
        const problem *task = &job->grid.cases[i];
        char *one = NULL;
        const bench_words names = engines_of(job, task, &one);
        for (int k = 0; k < names.count; k++) {
            bench_engine *engine = NULL;
            TRY(bench_engine_open(&engine, engines, names.words[k], (int)task->strict,
                                  names.count > 1));
            if (strcmp(names.words[k], "auto") == 0) { /* may take this one, which has a peak too */
                TRY(bench_engine_open(&engine, engines, "cpu", (int)task->strict, 1));
            }
        }
    }
out:
    return code;
}

static int time_cases(bench_engines *engines, bench_job *job) {
    int code = REPORT_FINE;
    for (int i = 0; i < job->grid.count; i++) {
        problem *task = &job->grid.cases[i];
        char text[PROBLEM_MAX_TEXT];
        char *one_engine = NULL;
        char *one_algorithm = NULL;
        const bench_words names = engines_of(job, task, &one_engine);
        const bench_words algorithms = algorithms_of(job, task, &one_algorithm);
        report_progress("%d of %d: %s", i + 1, job->grid.count,
                        problem_print(task, text, sizeof text));
        TRY(bench_time_case(task, engines, &names, &algorithms, &job->limits, bench_table_row,
                            &job->table));
    }
out:
    report_progress_end();
    return code;
}

int cmd_bench(const options *opts) {
    bench_job job = {0};
    bench_engines engines;
    int code = REPORT_FINE;
    bench_engines_init(&engines, opts);
    TRY(read_job(&job, opts));
    TRY(open_engines(&engines, &job));
    TRY(check_algorithms(&engines, &job));
    TRY(bench_table_begin(&job.table, &engines));
    TRY(time_cases(&engines, &job));
    TRY(bench_table_end(&job.table));
    if (job.table.count == 0) {
        code = report_fail(REPORT_FAILED, "no engine could run any case with these algorithms");
    }
out:
    bench_table_free(&job.table);
    bench_engines_free(&engines);
    bench_words_free(&job.engines);
    bench_words_free(&job.algorithms);
    bench_grid_free(&job.grid);
    return code;
}
