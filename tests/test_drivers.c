/*
 * test_drivers.c: one number for each problem, whatever compiler made the kernels.
 *
 * A line of tests/data/checksums.txt is a checksum and a problem, as `clrnn check` takes it. The number is of
 * everything that the net gives (y, states, and h, c and gates of each step and layer), as the cpu engine
 * had it. It must be that of the cpu engine's kernels of each instruction set, and of every algorithm
 * on each OpenCL device: as a CPU, where it is one, and as a GPU, CPUs under the limits of a small one.
 * Nothing in the table is a denormal, so that it holds for devices that flush them, too.
 *
 * Problems are so small that a simulator takes them. Programs are what takes time: devices run the first
 * few, but with CLRNN_LONG all, or the one whose text is CLRNN_PROBLEM, and then say what they ran.
 * CLRNN_WRITE_CHECKSUMS prints the table anew.
 */
#include "problem_run.h"

#include "cl/cl_plan.h"
#include "core/plan.h"
#include "faults.h"
#include "personalities.h"
#include "suites.h"
#include "support.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE "tests/data/checksums.txt"

enum { QUICK_LINES = 5 }; /* every cell once */

struct line {
    uint64_t checksum;
    char text[256];
};

/* A place where lines are run, and what came of it. */
struct job {
    clrnn_context *context;
    char where[160];
    int quick;        /* the first lines, and no program that takes long to build */
    int by_clblast;   /* the projection */
    int launch_steps; /* of a launch at most, or 0: the plan's own */
    int problems, runs, wrong;
    uint64_t launches, expected_launches;
    int met, given_up; /* launches whose groups wait for each other, by plans */
};

/* A problem on all that its place allows. */
typedef void hold_line(struct job *job, const struct line *line, const struct problem_desc *p,
                       const generated *made);

/* ---- the table ------------------------------------------------------------------------------- */

/* The next line; 0: there is none. */
static int next_line(struct line *line, FILE *table) {
    char text[300];
    if (fgets(text, sizeof text, table) == NULL) {
        return 0;
    }
    ck_assert_msg(sscanf(text, "%16" SCNx64 " %255s", &line->checksum, line->text) == 2,
                  TABLE ": expected a checksum and a problem, got: %s", text);
    return 1;
}

static int is_long(void) {
    return getenv("CLRNN_LONG") != NULL || getenv("CLRNN_PROBLEM") != NULL;
}

static void judge_job(const struct job *job) {
    if (is_long()) {
        printf("drivers: %s: %d problems, %d runs, %d wrong, %" PRIu64 " launches of %" PRIu64
               " expected, groups met in %d plans and gave up in %d\n",
               job->where, job->problems, job->runs, job->wrong, job->launches,
               job->expected_launches, job->met, job->given_up);
        fflush(stdout);
    }
    ck_assert_msg(job->wrong == 0, "%s: %d of %d runs are wrong", job->where, job->wrong,
                  job->runs);
    ck_assert_msg(job->launches == job->expected_launches,
                  "%s: expected %" PRIu64 " launches, got %" PRIu64, job->where,
                  job->expected_launches, job->launches);
}

static void hold_table(struct job *job, hold_line *hold) {
    const char *wanted = getenv("CLRNN_PROBLEM");
    FILE *table = fopen(TABLE, "r");
    struct line line;
    ck_assert_msg(table != NULL, TABLE " cannot be read");
    for (int number = 0; next_line(&line, table); number++) {
        struct problem_desc p;
        generated made;
        if (wanted != NULL ? strcmp(wanted, line.text) != 0 : job->quick && number >= QUICK_LINES) {
            continue;
        }
        job->problems++;
        problem_made(&p, &made, line.text);
        hold(job, &line, &p, &made);
        generate_free(&made);
    }
    fclose(table);
    ck_assert_msg(job->problems > 0, "%s: the table has no problem %s", job->where,
                  wanted != NULL ? wanted : "at all");
    judge_job(job);
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* Of each direction of each layer, for each piece: one for the projection, then one for all its steps,
 * or one that begins and one a step and phase; where groups meet, one that finishes, and where they do
 * by words, one that clears these. */
static uint64_t launches_of(const struct problem_desc *p, const generated *made,
                            const char *algorithm) {
    const clrnn_net_desc *net = clrnn_net_get_desc(made->net);
    const int64_t chunk = p->chunk > 0 && p->chunk < p->steps ? p->chunk : p->steps;
    const int64_t pieces = (p->steps + chunk - 1) / chunk;
    int64_t count = 0;
    for (int i = 0; i < net->num_layers; i++) {
        const clrnn_layer_desc *layer = &net->layers[i];
        const int phases = layer->reset == CLRNN_RESET_BEFORE || layer->projection > 0 ? 2 : 1;
        const int64_t strand = strncmp(algorithm, "step/", 5) == 0 ? 2 * pieces + p->steps * phases
                               : strcmp(algorithm, "persist/panel") == 0    ? 3 * pieces
                               : strcmp(algorithm, "persist/register") == 0 ? 4 * pieces
                                                                            : 2 * pieces;
        count += clrnn_layer_directions(layer) * strand;
    }
    return (uint64_t)count;
}

/* Not the table's number: says what is not as on the cpu engine. */
static void explain(const struct line *line, const struct problem_desc *p, const generated *made,
                    const struct problem_outcome *got, const char *place) {
    struct problem_outcome expected;
    clrnn_context *cpu = NULL;
    char message[256];
    ok(clrnn_context_create(&cpu, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    problem_run(&expected, p, made, cpu, NULL, line->text);
    const int is_same = problem_same(&expected, got, message, sizeof message);
    fprintf(stderr, "%s: on %s: checksum %016" PRIx64 ", expected %016" PRIx64 ": %s\n", line->text,
            place, problem_checksum(got), line->checksum,
            is_same ? "the cpu engine has these bits, too" : message);
    problem_outcome_free(&expected);
    clrnn_context_free(cpu);
}

static clrnn_context *open_device(const char *device) {
    clrnn_context *context = NULL;
    ok(clrnn_context_create(
        &context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_OPENCL, .device = device}));
    return context;
}

/* patience: of groups that meet by words; 0: the plan's own. */
static void run(struct job *job, const struct line *line, const struct problem_desc *p,
                const generated *made, const char *algorithm, int patience) {
    const int is_opencl = clrnn_context_engine(job->context) == CLRNN_ENGINE_OPENCL;
    struct problem_outcome got;
    clrnn_plan *plan = NULL;
    clrnn_profile profile;
    char place[200];
    snprintf(place, sizeof place, "%s %s", job->where, algorithm);
    clrnn_plan_desc desc = problem_plan_desc(p, algorithm);
    desc.projection = job->by_clblast ? CLRNN_PROJECTION_CLBLAST : CLRNN_PROJECTION_OWN;
    const clrnn_status status = clrnn_plan_create(&plan, job->context, made->net, &desc);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: on %s: plan: %s", line->text, place,
                  clrnn_last_error()->message);
    for (int i = 0; i < plan->net->strand_count && patience > 0; i++) {
        plan->configs[i].params.patience = patience;
    }
    for (int i = 0; i < plan->net->strand_count && job->launch_steps > 0; i++) {
        plan->configs[i].chunk_steps = job->launch_steps;
    }
    problem_run_plan(&got, p, made, plan, line->text);
    problem_written(&got, line->text, place);
    job->runs++;
    if (problem_checksum(&got) != line->checksum) {
        job->wrong++;
        explain(line, p, made, &got, place);
    }
    if (is_opencl && job->launch_steps == 0) {
        ok(clrnn_plan_profile(&profile, plan));
        job->launches += profile.launches;
        job->expected_launches += launches_of(p, made, algorithm);
    }
    if (is_opencl && strncmp(algorithm, "persist/", 8) == 0) {
        const struct cl_plan *meets = plan->engine_plan;
        const int gave_up = *(const int *)meets->given_up.at > 0;
        job->given_up += gave_up;
        job->met += !gave_up;
    }
    problem_outcome_free(&got);
    clrnn_plan_free(plan);
}

/* By every algorithm whose name has the part. */
static void run_all(struct job *job, const struct line *line, const struct problem_desc *p,
                    const generated *made, const char *part, int patience) {
    clrnn_algorithm_info infos[16];
    const size_t count = problem_algorithms(infos, p, made, job->context);
    for (size_t i = 0; i < count; i++) {
        if (strstr(infos[i].name, part) != NULL) {
            run(job, line, p, made, infos[i].name, patience);
        }
    }
}

/* ---- the cpu engine -------------------------------------------------------------------------- */

static void normal(const clrnn_arrays *arrays, const char *text) {
    for (size_t i = 0; i < clrnn_arrays_count(arrays); i++) {
        const clrnn_tensor *array = clrnn_arrays_at(arrays, i);
        const int64_t count = array->dtype == CLRNN_DTYPE_F32 ? clrnn_tensor_count(array) : 0;
        for (int64_t k = 0; k < count; k++) {
            const float value = ((const float *)array->data)[k];
            if (fpclassify(value) != FP_NORMAL && value != 0) {
                ck_abort_msg("%s: the table takes normal numbers: %s [%lld] is %a", text,
                             clrnn_arrays_name(arrays, i), (long long)k, (double)value);
            }
        }
    }
}

/* What the table is made of: within its bounds, and normal. */
static void hold_first(struct job *job, const struct line *line, const struct problem_desc *p,
                       const generated *made) {
    struct problem_outcome got;
    problem_run(&got, p, made, job->context, NULL, line->text);
    problem_written(&got, line->text, job->where);
    problem_judged(&got, p, made, line->text, job->where);
    normal(made->arrays, line->text);
    normal(got.arrays, line->text);
    job->runs++;
    if (getenv("CLRNN_WRITE_CHECKSUMS") != NULL) {
        fprintf(stderr, "%016" PRIx64 " %s\n", problem_checksum(&got), line->text);
    } else if (problem_checksum(&got) != line->checksum) {
        job->wrong++;
        explain(line, p, made, &got, job->where);
    }
    problem_outcome_free(&got);
}

static void hold_every_way(struct job *job, const struct line *line, const struct problem_desc *p,
                           const generated *made) {
    run_all(job, line, p, made, "", 0);
}

START_TEST(cpu_engine_has_the_numbers) {
    struct job job = {.where = "cpu"};
    ok(clrnn_context_create(&job.context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    hold_table(&job, hold_first);
    clrnn_context_free(job.context);
}
END_TEST

/* Kernels of 4, 8 and 16 lanes are compiled for an instruction set each. */
START_TEST(every_instruction_set_has_them) {
    clrnn_context *context = NULL;
    ok(clrnn_context_create(&context,
                            &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU, .threads = 2}));
    for (int lanes = 4; lanes <= 16; lanes *= 2) {
        struct job job = {.context = context};
        if (context->engine->takes_lanes(context->device, lanes)) {
            snprintf(job.where, sizeof job.where, "cpu, %d lanes", lanes);
            context->desc.vector_width = lanes;
            hold_table(&job, hold_every_way);
        }
    }
    clrnn_context_free(context);
}
END_TEST

/* ---- OpenCL devices -------------------------------------------------------------------------- */

static int answer_bytes(const void *from, size_t bytes, size_t size, void *value, size_t *needed) {
    memcpy(value, from, bytes < size ? bytes : size);
    *needed = bytes;
    return 1;
}

/* Oclgrind calls itself a GPU, and interprets vectors number by number. */
static int answer_as_cpu(cl_device_info what, size_t size, void *value, size_t *needed) {
    const cl_device_type type = CL_DEVICE_TYPE_CPU;
    const cl_uint width = 4;
    return what == CL_DEVICE_TYPE ? answer_bytes(&type, sizeof type, size, value, needed)
           : what == CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT
               ? answer_bytes(&width, sizeof width, size, value, needed)
               : 0;
}

static void hold_cpu(struct job *job, const struct line *line, const struct problem_desc *p,
                     const generated *made) {
    run_all(job, line, p, made, "/panel", 0);
}

static void hold_gpu(struct job *job, const struct line *line, const struct problem_desc *p,
                     const generated *made) {
    /* Looks at words that together are fewer rounds than a driver takes that stops loops. */
    enum { FEW_LOOKS = 4 };
    const struct device_desc own = job->context->desc;
    run_all(job, line, p, made, "single/register", 0);
    job->launch_steps = 1; /* what a launch keeps near waits for the next one in the work space */
    run_all(job, line, p, made, "single/register", 0);
    job->launch_steps = 0;
    run_all(job, line, p, made, "step/stream", 0);
    if (job->quick) {
        return; /* PoCL builds each of what follows for seconds, the suite `persist` has words */
    }
    run_all(job, line, p, made, "single/stream", 0);
    /* two groups, which may run at a time on any two threads */
    job->context->desc.compute_units = 2;
    job->context->desc.loop_limit = 0;
    run_all(job, line, p, made, "persist/register", own.loop_limit > 0 ? FEW_LOOKS : 0);
    job->context->desc = own;
}

/* CLBlast adds no more than a few products in the order that is ours. */
static void hold_clblast(struct job *job, const struct line *line, const struct problem_desc *p,
                         const generated *made) {
    if (job->context->desc.has_clblast && p->chunk == 0 && p->inputs <= 3) {
        run_all(job, line, p, made, "step/stream", 0);
    }
}

static int has(const clrnn_device_info *info, const char *name) {
    return strstr(info->name, name) != NULL;
}

enum way { AS_CPU, AS_GPU, BY_CLBLAST };

static void hold_device(const clrnn_device_info *info, enum way way) {
    static const struct faults_pretence cpu = {.answer = answer_as_cpu, .max_alloc = (size_t)-1};
    static const char *const names[] = {"a CPU", "a GPU", "a GPU with CLBlast"};
    struct job job = {.by_clblast = way == BY_CLBLAST, .quick = !is_long()};
    char which[24];
    snprintf(which, sizeof which, "%d:%d", info->platform, info->device);
    snprintf(job.where, sizeof job.where, "%s as %s", info->name, names[way]);
    if (way == AS_CPU) {
        faults_pretend(has(info, "Oclgrind") ? &cpu : NULL);
    } else if (strcmp(info->type, "CPU") == 0 || has(info, "Oclgrind")) {
        personality_wear(personality_named("apple-m1"));
    }
    faults_write_whole(has(info, "Oclgrind"));
    job.context = open_device(which);
    hold_table(&job, way == AS_CPU ? hold_cpu : way == AS_GPU ? hold_gpu : hold_clblast);
    clrnn_context_free(job.context);
    faults_write_whole(0);
    personality_wear(NULL);
}

static void hold_devices(enum way way) {
    clrnn_device_info infos[16];
    size_t count = 0;
    ok(clrnn_devices(&count, infos, 16));
    for (size_t i = 0; i < count && i < 16; i++) {
        const int is_cpu = strcmp(infos[i].type, "CPU") == 0 || has(&infos[i], "Oclgrind");
        if (infos[i].usable && (is_cpu || way != AS_CPU)) {
            hold_device(&infos[i], way);
        }
    }
}

START_TEST(devices_have_them_as_cpus) {
    hold_devices(AS_CPU);
}
END_TEST

START_TEST(devices_have_them_as_gpus) {
    hold_devices(AS_GPU);
}
END_TEST

START_TEST(devices_have_them_with_clblast) {
    if (is_long()) { /* its programs take 7 s */
        hold_devices(BY_CLBLAST);
    }
}
END_TEST

Suite *drivers_suite(void) {
    const struct {
        const char *name;
        const TTest *test;
    } cases[] = {{"cpu engine", cpu_engine_has_the_numbers},
                 {"instruction sets", every_instruction_set_has_them},
                 {"as a CPU", devices_have_them_as_cpus},
                 {"as a GPU", devices_have_them_as_gpus},
                 {"with CLBlast", devices_have_them_with_clblast}};
    Suite *suite = suite_create("drivers");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        TCase *of = tcase_create(cases[i].name);
        tcase_set_timeout(of, 3600);
        tcase_add_test(of, cases[i].test);
        suite_add_tcase(suite, of);
    }
    return suite;
}
