/*
 * selftest_answers.c: known answers: every cell by every algorithm that the device allows. What the
 * equations say is known to the judge, which bits are right to the cpu engine.
 *
 * A case is run three times: by the cpu engine, by the device as a user gets it (judged, as check
 * does), and by the device under --strict (compared). Shapes share H where they can, so that programs
 * are built once.
 */
#include "cli/selftest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With an H whose weights are more than the registers of as many groups as may meet. */
static const struct {
    const char *name, *far;
} cells[] = {{"rnn", "2048"}, {"lstm", "1024"}, {"gru", "1024"}, {"gru-before", "1024"}};

/* Lengths, masks, start states and both directions; one row and many; H that is a multiple of no
 * tile, one that is, and one that several groups share; is_far: the
 * cell's own H, behind the text. */
static const struct {
    const char *text;
    int is_large, is_far;
} shapes[] = {
    {"T=21,N=3,I=5,H=40,lengths=ragged,start=random,seed=1", 0, 0},
    {"T=9,N=3,I=40,H=40,dir=bi,mask=holes,start=random,seed=2", 0, 0},
    {"T=16,N=1,I=128,H=128,seed=3", 1, 0},
    {"T=5,N=18,I=17,H=200,lengths=zeros,seed=4", 1, 0},
    {"T=4,N=2,I=8,start=random,seed=6,H=", 1, 1},
};

/* Some drivers end loops after 65,535 rounds, and launches of more steps than that. */
static const char longest[] = "cell=rnn,T=70000,N=1,I=1,H=4,seed=5";

/* What the tests of a child share. */
typedef struct answers_job {
    selftest_pen *pen;
    clrnn_context *plain, *strict, *cpu;
    const char *text; /* the problem */
    int is_large;
    workload load;
    compute_result expected; /* the cpu engine's; not there until a test needs it */
    int has_expected;
} answers_job;

static json_t *make_row(const answers_job *job, const char *algorithm) {
    return json_pack("{s:s,s:s}", "problem", job->text, "algorithm", algorithm);
}

/* The cpu engine's own answer, once for a problem. */
static int expect(answers_job *job) {
    const compute_setup setup = {.for_judge = 1, .engine = CLRNN_ENGINE_CPU};
    if (!job->has_expected) {
        job->has_expected =
            compute_run(&job->expected, job->cpu, &job->load, &setup) == REPORT_FINE;
    }
    return job->has_expected;
}

static void test_cpu(answers_job *job) {
    json_t *row = make_row(job, "cpu engine");
    if (!expect(job)) {
        selftest_put_error(job->pen, "answers", row);
        return;
    }
    selftest_judge(row, &job->load, &job->expected);
    selftest_put(job->pen, "answers", row);
}

static void put_unpromised(answers_job *job, json_t *row, const char *why) {
    (void)json_object_set_new(row, "bits", json_string("not promised"));
    (void)json_object_set_new(row, "why", report_json_text(why));
    selftest_put(job->pen, "answers", row);
}

/* Why --strict does not allow the algorithm here; "" where it does. */
static void find_refusal(char *out, size_t size, const answers_job *job,
                         const compute_setup *setup) {
    clrnn_algorithm_info *infos = NULL;
    size_t count = 0;
    out[0] = 0;
    if (compute_algorithms(&infos, &count, job->strict, &job->load, setup) == REPORT_FINE) {
        for (size_t i = 0; i < count; i++) {
            if (strcmp(infos[i].name, setup->algorithm) == 0 && !infos[i].allowed) {
                (void)snprintf(out, size, "%s", infos[i].reason);
            }
        }
    }
    free(infos);
}

/* Under --strict: the cpu engine's bits, or a refusal. */
static void test_bits(answers_job *job, json_t *row, const compute_setup *setup) {
    compute_result result = {0};
    char refusal[256];
    find_refusal(refusal, sizeof refusal, job, setup);
    if (refusal[0] != 0) {
        put_unpromised(job, row, refusal);
    } else if (!expect(job)) {
        selftest_put_error(job->pen, "answers", row);
    } else if (compute_run(&result, job->strict, &job->load, setup) == REPORT_FINE) {
        selftest_compare(row, &result, &job->expected);
        selftest_put(job->pen, "answers", row);
        compute_free(&result);
    } else if (clrnn_last_error()->status == CLRNN_STATUS_UNSUPPORTED) {
        put_unpromised(job, row, clrnn_last_error()->message); /* as the arithmetic is another */
    } else {
        selftest_put_error(job->pen, "answers", row);
    }
}

static void test_algorithm(answers_job *job, const char *algorithm) {
    const compute_setup setup = {
        .for_judge = 1, .algorithm = algorithm, .engine = CLRNN_ENGINE_OPENCL};
    json_t *row = make_row(job, algorithm);
    const clrnn_plan_desc desc = compute_plan(&job->load, &setup);
    compute_result result = {0};
    selftest_build(job->pen, job->plain, job->load.net, &desc);
    selftest_build(job->pen, job->strict, job->load.net, &desc);
    if (compute_run(&result, job->plain, &job->load, &setup) != REPORT_FINE) {
        selftest_put_error(job->pen, "answers", row);
        return;
    }
    selftest_judge(row, &job->load, &result);
    compute_free(&result);
    test_bits(job, row, &setup);
}

/* What is refused here says why, and is no test. */
static void put_refused(answers_job *job, const clrnn_algorithm_info *info) {
    json_t *row = make_row(job, info->name);
    (void)json_object_set_new(row, "status", json_string(SELFTEST_REFUSED));
    (void)json_object_set_new(row, "message", report_json_text(info->reason));
    selftest_put(job->pen, "answers", row);
}

static int is_on_cpu(const answers_job *job) {
    return strcmp(clrnn_context_device(job->plain)->type, "CPU") == 0;
}

/* A CPU driver compiles a large tile of streamed weights for minutes, and no plan chooses it there. */
static int is_too_slow(const answers_job *job, const char *algorithm) {
    return job->is_large && strstr(algorithm, "/stream") != NULL && is_on_cpu(job);
}

static void test_algorithms(answers_job *job) {
    const compute_setup setup = {0};
    clrnn_algorithm_info *infos = NULL;
    size_t count = 0;
    if (compute_algorithms(&infos, &count, job->plain, &job->load, &setup) != REPORT_FINE) {
        selftest_put_error(job->pen, "answers", make_row(job, "all"));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (is_too_slow(job, infos[i].name)) {
            continue;
        }
        char name[160];
        (void)snprintf(name, sizeof name, "check %s,engine=opencl,algorithm=%s", job->text,
                       infos[i].name);
        if (selftest_begin_row(job->pen, "answers", make_row(job, infos[i].name), name)) {
            if (infos[i].allowed) {
                test_algorithm(job, infos[i].name);
            } else {
                put_refused(job, &infos[i]);
            }
        }
    }
    free(infos);
}

static void test_problem(answers_job *job, const char *text) {
    problem task;
    problem_error error;
    job->text = text;
    if (!problem_parse(&task, text, &error) ||
        workload_generate(&job->load, &task) != REPORT_FINE) {
        selftest_put_error(job->pen, "answers", make_row(job, "all"));
        return;
    }
    char name[160];
    (void)snprintf(name, sizeof name, "check %s,engine=cpu", text);
    if (selftest_begin_row(job->pen, "answers", make_row(job, "cpu engine"), name)) {
        test_cpu(job);
    }
    test_algorithms(job);
    compute_free(&job->expected);
    job->has_expected = 0;
    workload_free(&job->load);
}

void selftest_answers(FILE *out, void *context) {
    selftest_pen pen = *(const selftest_pen *)context;
    answers_job job = {.pen = &pen};
    const clrnn_context_desc cpu = {.engine = CLRNN_ENGINE_CPU};
    pen.out = out;
    job.plain = selftest_open(&pen, 0, 0);
    job.strict = selftest_open(&pen, 1, 0);
    if (clrnn_context_create(&job.cpu, &cpu) != CLRNN_STATUS_OK) {
        selftest_put_error(&pen, "answers", json_pack("{s:s}", "algorithm", "cpu engine"));
        return;
    }
    for (size_t i = 0; i < sizeof cells / sizeof cells[0]; i++) {
        for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
            char text[256];
            if (shapes[k].is_far && is_on_cpu(&job)) {
                continue;
            }
            const char *end = shapes[k].is_far ? cells[i].far : "";
            (void)snprintf(text, sizeof text, "cell=%s,%s%s", cells[i].name, shapes[k].text, end);
            job.is_large = shapes[k].is_large;
            test_problem(&job, text);
        }
    }
    job.is_large = 0;
    test_problem(&job, longest);
    clrnn_context_free(job.cpu);
    clrnn_context_free(job.strict);
    clrnn_context_free(job.plain);
}
