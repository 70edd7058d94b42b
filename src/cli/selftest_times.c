/*
 * selftest_times.c: how long a step takes by every algorithm that the device allows. A call is a
 * forward of STEPS steps with profiling on; of some calls the quickest counts, as others were disturbed.
 */
#include "cli/selftest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const cells[] = {"rnn", "lstm"};
static const int hiddens[] = {64, 128, 224, 256, 512, 1024};

enum { STEPS = 50, CALLS_LEAST = 2, CALLS_MOST = 200 };
#define ENOUGH 0.1 /* seconds of calls, after the first one */

typedef struct times_job {
    selftest_pen *pen;
    clrnn_context *context;
    const char *cell;
    int hidden;
    workload load;
} times_job;

static json_t *make_row(const times_job *job, const char *algorithm) {
    return json_pack("{s:s,s:i,s:i,s:s}", "cell", job->cell, "hidden", job->hidden, "steps", STEPS,
                     "algorithm", algorithm);
}

/* The quickest recurrence and the quickest whole call, in us. */
static clrnn_status time_plan(double *step_us, double *call_us, clrnn_plan *plan,
                              const clrnn_forward_args *args) {
    clrnn_status status = clrnn_forward(plan, args, 0, NULL, NULL); /* warms up */
    const double start = supervise_now();
    *step_us = *call_us = INFINITY;
    for (int i = 0; status == CLRNN_STATUS_OK && i < CALLS_MOST &&
                    (i < CALLS_LEAST || supervise_now() - start < ENOUGH);
         i++) {
        clrnn_profile phases;
        status = clrnn_forward(plan, args, 0, NULL, NULL);
        if (status == CLRNN_STATUS_OK) {
            status = clrnn_plan_profile(&phases, plan);
        }
        if (status == CLRNN_STATUS_OK) {
            *step_us = fmin(*step_us, phases.recurrence_us / STEPS);
            *call_us = fmin(*call_us, phases.total_us);
        }
    }
    return status;
}

static void test_algorithm(times_job *job, const clrnn_algorithm_info *info) {
    const clrnn_plan_desc desc = {.algorithm = info->name, .steps = STEPS, .batch = 1};
    clrnn_forward_args args = {.x = job->load.x, .y = job->load.x}; /* as I = H */
    clrnn_plan *plan = NULL;
    double step_us = 0;
    double call_us = 0;
    json_t *row = make_row(job, info->name);
    args.y.offset = 0;
    args.y.data = calloc((size_t)clrnn_tensor_count(&args.y), sizeof(float));
    clrnn_status status = args.y.data != NULL ? CLRNN_STATUS_OK : CLRNN_STATUS_MEMORY;
    if (status == CLRNN_STATUS_OK) {
        selftest_build(job->pen, job->context, job->load.net, &desc);
        status = clrnn_plan_create(&plan, job->context, job->load.net, &desc);
    }
    if (status == CLRNN_STATUS_OK) {
        status = time_plan(&step_us, &call_us, plan, &args);
    }
    if (status != CLRNN_STATUS_OK) {
        selftest_put_error(job->pen, "times", row);
    } else {
        (void)json_object_set_new(row, "status", json_string(SELFTEST_FINE));
        (void)json_object_set_new(row, "step_us", report_json_number(step_us));
        (void)json_object_set_new(row, "call_us", report_json_number(call_us));
        selftest_put(job->pen, "times", row);
    }
    clrnn_plan_free(plan);
    free(args.y.data);
}

static void test_shape(times_job *job) {
    const compute_setup setup = {0};
    clrnn_algorithm_info *infos = NULL;
    size_t count = 0;
    char text[96];
    problem task;
    problem_error error;
    (void)snprintf(text, sizeof text, "cell=%s,T=%d,N=1,H=%d", job->cell, STEPS, job->hidden);
    if (!problem_parse(&task, text, &error) ||
        workload_generate(&job->load, &task) != REPORT_FINE ||
        compute_algorithms(&infos, &count, job->context, &job->load, &setup) != REPORT_FINE) {
        selftest_put_error(job->pen, "times", make_row(job, "all"));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char name[160];
        (void)snprintf(name, sizeof name, "bench %s -e opencl -a %s", text, infos[i].name);
        if (infos[i].allowed &&
            selftest_begin_row(job->pen, "times", make_row(job, infos[i].name), name)) {
            test_algorithm(job, &infos[i]);
        }
    }
    free(infos);
    workload_free(&job->load);
}

void selftest_times(FILE *out, void *context) {
    selftest_pen pen = *(const selftest_pen *)context;
    times_job job = {.pen = &pen};
    pen.out = out;
    job.context = selftest_open(&pen, 0, 1);
    selftest_speeds(&pen, job.context);
    for (size_t k = 0; k < sizeof hiddens / sizeof hiddens[0]; k++) {
        for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
            job.cell = cells[i];
            job.hidden = hiddens[k];
            test_shape(&job);
        }
    }
    clrnn_context_free(job.context);
}
