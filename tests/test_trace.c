/*
 * test_trace.c: what `clrnn run --trace` writes: one JSON object whose spans nest, add up and say the
 * same as --profile, on the cpu engine and, where there is a device, on opencl.
 *
 * Times are only compared with times of the same file, so that a busy machine changes nothing.
 */
#include "cli_files.h"
#include "cli_program.h"
#include "faults.h"
#include "suites.h"
#include "support.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 20, MOST_SPANS = 4096, MOST_OPEN = 16, NO_DEVICE = 3 };
#define ROUNDING_US 1.0

static const char *const engines[] = {"cpu", "opencl"};

/* strands: layers x directions; by_piece: a piece goes through all of them */
static const struct {
    const char *model, *options;
    int strands, pieces, by_piece;
} cases[] = {
    {"one.npz", "", 1, 1, 0},
    {"one.npz", "--chunk 7", 1, 3, 1},
    {"stack.npz", "--chunk 6", 2, 4, 1},
    {"stack.npz", "--initial-state TMP/start.npz", 2, 1, 0},
    {"both.npz", "", 4, 1, 0},
    {"both.npz", "--chunk 8 --batch-first", 4, 3, 0},
};
enum { CASES = sizeof cases / sizeof cases[0], ENGINES = 2 };

struct span {
    const char *name, *category;
    double start, end;
    int track, parent; /* of the host's track; -1: none */
    const json_t *args;
};

struct traced {
    json_t *file, *result; /* the trace, and what --json said */
    struct span spans[MOST_SPANS];
    int count;
    char where[160];
};

static void make_files(void) {
    program_open();
    cli_save_model("TMP/one.npz", "cell=gru,I=12,H=96", 0);
    cli_save_model("TMP/stack.npz", "cell=lstm+gru,I=12,H=20+16,layers=2", 0);
    cli_save_model("TMP/both.npz", "cell=lstm,I=12,H=16,layers=2,dir=bi", 0);
    cli_save_one("TMP/x.npy", "", CLRNN_DTYPE_F32, SHAPE(STEPS, STEPS, 12), 5, 1);
    clrnn_arrays *start = NULL;
    ok(clrnn_arrays_create(&start));
    cli_add(start, "h_0_l0", CLRNN_DTYPE_F32, SHAPE(1, STEPS, 20), 0, 1);
    cli_add(start, "c_0_l0", CLRNN_DTYPE_F32, SHAPE(1, STEPS, 20), 0, 1);
    cli_add(start, "h_0_l1", CLRNN_DTYPE_F32, SHAPE(1, STEPS, 16), 0, 1);
    cli_save(start, "TMP/start.npz");
}

/* ---- reading --------------------------------------------------------------------------------- */

/* NULL: not a span, but the name of a track. */
static void read_span(struct traced *t, const json_t *event) {
    if (strcmp(json_string_value(json_object_get(event, "ph")), "X") != 0) {
        ck_assert_str_eq(json_string_value(json_object_get(event, "ph")), "M");
        return;
    }
    ck_assert_int_lt(t->count, MOST_SPANS);
    struct span *span = &t->spans[t->count++];
    const json_t *start = json_object_get(event, "ts"), *duration = json_object_get(event, "dur");
    ck_assert(json_is_number(start) && json_is_number(duration));
    *span = (struct span){.name = json_string_value(json_object_get(event, "name")),
                          .category = json_string_value(json_object_get(event, "cat")),
                          .start = json_number_value(start),
                          .end = json_number_value(start) + json_number_value(duration),
                          .track = (int)json_integer_value(json_object_get(event, "tid")),
                          .parent = -1,
                          .args = json_object_get(event, "args")};
    ck_assert(span->name != NULL && span->category != NULL && json_is_object(span->args));
    ck_assert_msg(span->start >= 0 && span->end >= span->start, "%s: %s ends before it begins",
                  t->where, span->name);
}

/* Finds the span round each of the host's, which stands before it in the file. */
static void find_parents(struct traced *t) {
    int open[MOST_OPEN], depth = 0;
    for (int i = 0; i < t->count; i++) {
        struct span *span = &t->spans[i];
        if (span->track != CLRNN_TRACK_HOST) {
            continue;
        }
        while (depth > 0 && t->spans[open[depth - 1]].end < span->end) {
            depth--;
        }
        if (depth > 0) {
            const struct span *round = &t->spans[open[depth - 1]];
            span->parent = span->start < round->end ? open[depth - 1] : -1;
            ck_assert_msg(span->start >= round->start - ROUNDING_US, "%s: %s begins before %s",
                          t->where, span->name, round->name);
        }
        ck_assert_int_lt(depth, MOST_OPEN);
        open[depth++] = i;
    }
}

/* 0: there is no such engine here. */
static int trace_run(struct traced *t, int which, const char *engine) {
    char words[512];
    json_error_t error;
    *t = (struct traced){0};
    (void)snprintf(t->where, sizeof t->where, "%s %s -e %s", cases[which].model,
                   cases[which].options, engine);
    (void)snprintf(words, sizeof words,
                   "run TMP/%s -i TMP/x.npy %s -e %s --json --profile --trace TMP/t.json "
                   "-o TMP/traced.npz",
                   cases[which].model, cases[which].options, engine);
    const outcome *got = program_run(words);
    if (got->code == NO_DEVICE) {
        return 0;
    }
    program_expect_code(got, 0, words);
    t->result = json_loads(got->out, 0, &error);
    ck_assert_msg(t->result != NULL, "%s: %s", words, error.text);
    char *path = program_expand("TMP/t.json");
    t->file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(t->file != NULL, "%s: %s", words, error.text);
    free(path);
    const json_t *events = json_object_get(t->file, "traceEvents");
    ck_assert_str_eq(json_string_value(json_object_get(t->file, "displayTimeUnit")), "ms");
    for (size_t i = 0; i < json_array_size(events); i++) {
        read_span(t, json_array_get(events, i));
    }
    find_parents(t);
    return 1;
}

static void forget(struct traced *t) {
    json_decref(t->file);
    json_decref(t->result);
}

static int is_a(const struct span *span, const char *category) {
    return strcmp(span->category, category) == 0;
}

/* -1 where it has none */
static json_int_t arg(const struct span *span, const char *key) {
    const json_t *value = json_object_get(span->args, key);
    return value != NULL ? json_integer_value(value) : -1;
}

static const struct span *parent(const struct traced *t, const struct span *span) {
    return span->parent >= 0 ? &t->spans[span->parent] : NULL;
}

/* 1 if the span, or one round it, is of the category. */
static int is_within(const struct traced *t, const struct span *span, const char *category) {
    for (; span != NULL; span = parent(t, span)) {
        if (is_a(span, category)) {
            return 1;
        }
    }
    return 0;
}

static const struct span *only(const struct traced *t, const char *category) {
    const struct span *found = NULL;
    for (int i = 0; i < t->count; i++) {
        if (is_a(&t->spans[i], category) && t->spans[i].track == CLRNN_TRACK_HOST) {
            ck_assert_msg(found == NULL, "%s: more than one %s", t->where, category);
            found = &t->spans[i];
        }
    }
    ck_assert_msg(found != NULL, "%s: no %s", t->where, category);
    return found;
}

/* What is summed of the host's spans of a category within another. */
static json_int_t sum(const struct traced *t, const char *category, const char *within,
                      const char *key) {
    json_int_t total = 0;
    for (int i = 0; i < t->count; i++) {
        const struct span *span = &t->spans[i];
        if (span->track == CLRNN_TRACK_HOST && is_a(span, category) && is_within(t, span, within)) {
            total += key != NULL ? arg(span, key) : 1;
        }
    }
    return total;
}

static json_int_t profiled(const struct traced *t, const char *key) {
    return json_integer_value(json_object_get(json_object_get(t->result, "profile"), key));
}

/* ---- what holds ------------------------------------------------------------------------------ */

/* Who is round whom. */
static void check_places(const struct traced *t, int which) {
    static const struct {
        const char *category, *within[2];
    } places[] = {{"piece", {"forward", "forward"}}, {"layer", {"piece", "plan"}},
                  {"phase", {"layer", "layer"}},     {"launch", {"phase", "warm up"}},
                  {"program", {"layer", "layer"}},   {"weights", {"layer", "layer"}}};
    for (int i = 0; i < t->count; i++) {
        const struct span *span = &t->spans[i], *round = parent(t, span);
        for (size_t k = 0; k < sizeof places / sizeof places[0]; k++) {
            if (span->track == CLRNN_TRACK_HOST && is_a(span, places[k].category)) {
                ck_assert_msg(round != NULL && (is_a(round, places[k].within[0]) ||
                                                is_a(round, places[k].within[1])),
                              "%s: a %s is within %s", t->where, span->category,
                              round != NULL ? round->category : "nothing");
            }
        }
        ck_assert_msg(span->track != CLRNN_TRACK_HOST || is_within(t, span, "plan") ||
                          is_within(t, span, "forward"),
                      "%s: %s is on its own", t->where, span->name);
    }
    const int pieces = cases[which].pieces, strands = cases[which].strands;
    ck_assert_int_eq(sum(t, "piece", "forward", NULL),
                     cases[which].by_piece ? pieces : pieces * strands);
    ck_assert_int_eq(sum(t, "layer", "forward", NULL), pieces * strands);
    ck_assert_int_eq(sum(t, "layer", "forward", "steps"), (json_int_t)strands * STEPS);
    ck_assert_int_eq(sum(t, "layer", "plan", NULL), strands);
    ck_assert_int_eq(sum(t, "phase", "forward", NULL), 2 * (json_int_t)pieces * strands);
}

/* Each launch says what, of which layer and steps, and how large. */
static void check_args(const struct traced *t) {
    static const char *const keys[] = {"layer", "direction", "first", "steps", "rows", "groups"};
    json_int_t recurred = 0;
    for (int i = 0; i < t->count; i++) {
        const struct span *span = &t->spans[i], *round = parent(t, span);
        if (!is_a(span, "launch") || (round != NULL && is_a(round, "warm up"))) {
            continue;
        }
        ck_assert(json_is_string(json_object_get(span->args, "kernel")));
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            ck_assert_msg(arg(span, keys[k]) >= 0, "%s: a launch has no %s", t->where, keys[k]);
        }
        ck_assert_msg(round == NULL || strcmp(span->name, round->name) == 0, "%s: %s within %s",
                      t->where, span->name, round != NULL ? round->name : "");
        recurred += span->track == CLRNN_TRACK_HOST && strcmp(span->name, "recurrence") == 0;
    }
    ck_assert_int_gt(recurred, 0);
}

/* Siblings do not overlap, so the phases are within the forward; and it is what was profiled. */
static void check_sums(const struct traced *t) {
    const struct span *forward = only(t, "forward");
    double phases = 0;
    for (int i = 0; i < t->count; i++) {
        phases += is_a(&t->spans[i], "phase") ? t->spans[i].end - t->spans[i].start : 0;
    }
    const double total = forward->end - forward->start;
    const json_t *profile = json_object_get(t->result, "profile");
    ck_assert(arg(forward, "steps") == STEPS && arg(forward, "rows") == STEPS);
    ck_assert_msg(phases > 0 && phases <= total + ROUNDING_US, "%s: phases %.1f of %.1f us",
                  t->where, phases, total);
    ck_assert_msg(json_number_value(json_object_get(profile, "total_us")) <= total + ROUNDING_US,
                  "%s: the profile is longer than the forward", t->where);
}

static void check_bytes(const struct traced *t, int is_opencl) {
    json_int_t weights = sum(t, "weights", "plan", "bytes");
    for (int i = 0; is_opencl && i < t->count; i++) {
        const struct span *span = &t->spans[i];
        const int is_weight = strncmp(span->name, "upload weight", 13) == 0 ||
                              strncmp(span->name, "upload bias", 11) == 0;
        weights = i == 0 ? 0 : weights;
        weights += span->track == CLRNN_TRACK_HOST && is_weight ? arg(span, "bytes") : 0;
    }
    ck_assert_int_eq(weights, profiled(t, "weight_bytes"));
    ck_assert_int_eq(sum(t, "upload", "forward", "bytes"), profiled(t, "bytes_to_device"));
    ck_assert_int_eq(sum(t, "download", "forward", "bytes"), profiled(t, "bytes_from_device"));
    if (is_opencl) {
        ck_assert_int_gt(profiled(t, "bytes_from_device"), 0);
        ck_assert_int_eq(sum(t, "launch", "forward", NULL), profiled(t, "launches"));
        ck_assert_int_gt(sum(t, "program", "plan", NULL), 0);
        ck_assert_int_lt(sum(t, "program", "plan", "cached"), sum(t, "program", "plan", NULL));
        ck_assert_int_gt(sum(t, "wait", "forward", NULL), 0);
    }
}

static int is_command(const struct span *span) {
    return is_a(span, "launch") || is_a(span, "upload") || is_a(span, "download") ||
           is_a(span, "copy") || is_a(span, "lend");
}

/* Every command that the host enqueued is on the device's track once, in the same order, one behind
 * the other, and no earlier than the call, by what is known of its clock. */
static void check_device(const struct traced *t) {
    int next = 0;
    double busy_until = 0;
    for (int i = 0; i < t->count; i++) {
        const struct span *command = &t->spans[i];
        if (command->track != CLRNN_TRACK_HOST || !is_command(command)) {
            continue;
        }
        while (next < t->count && t->spans[next].track != CLRNN_TRACK_DEVICE) {
            next++;
        }
        ck_assert_msg(next < t->count, "%s: %s is not on the device's track", t->where,
                      command->name);
        const struct span *span = &t->spans[next++];
        const double error = (double)arg(span, "error_ns") * 1e-3;
        ck_assert_str_eq(span->name, command->name);
        ck_assert_int_eq(arg(span, "bytes"), arg(command, "bytes"));
        ck_assert_int_ne(arg(span, "offset_ns"), -1);
        ck_assert_msg(error >= 0 && span->start >= command->start - error - ROUNDING_US,
                      "%s: %s runs %.1f us before it is enqueued, which is known to %.1f", t->where,
                      span->name, command->start - span->start, error);
        ck_assert_msg(!is_within(t, command, "forward") ||
                          span->end <= only(t, "forward")->end + error + ROUNDING_US,
                      "%s: %s ends behind the forward", t->where, span->name);
        ck_assert_msg(span->start >= busy_until - error - ROUNDING_US, "%s: %s overlaps", t->where,
                      span->name);
        busy_until = span->end;
    }
    while (next < t->count && t->spans[next].track != CLRNN_TRACK_DEVICE) {
        next++;
    }
    ck_assert_int_eq(next, t->count);
}

/* What threads did is within a launch of the host's. */
static void check_threads(const struct traced *t) {
    const struct span *launch = NULL;
    for (int i = 0; i < t->count; i++) {
        const struct span *span = &t->spans[i];
        ck_assert_int_ne(span->track, CLRNN_TRACK_DEVICE);
        launch = span->track == CLRNN_TRACK_HOST ? span : launch;
        if (span->track >= CLRNN_TRACK_THREADS) {
            ck_assert_msg(launch != NULL && is_a(launch, "launch") &&
                              span->start >= launch->start - ROUNDING_US &&
                              span->end <= launch->end + ROUNDING_US,
                          "%s: thread %d is not within a launch", t->where, span->track);
            ck_assert_int_gt(arg(span, "tasks"), 0);
        }
    }
}

START_TEST(traces_say_when) {
    static struct traced t;
    const int which = _i % CASES, is_opencl = _i / CASES;
    if (!trace_run(&t, which, engines[is_opencl])) {
        return;
    }
    check_places(&t, which);
    check_args(&t);
    check_sums(&t);
    check_bytes(&t, is_opencl);
    if (is_opencl) {
        check_device(&t);
    } else {
        check_threads(&t);
    }
    forget(&t);
}
END_TEST

/* With a trace and without: the same bits. */
START_TEST(traces_change_nothing) {
    program_expect_code(program_run("run TMP/both.npz -i TMP/x.npy -e cpu -o TMP/a.npz"), 0, "a");
    const outcome *got =
        program_run("run TMP/both.npz -i TMP/x.npy -e cpu -o TMP/b.npz --trace TMP/b.json");
    program_expect_code(got, 0, "b");
    ck_assert_str_eq(got->err, ""); /* the profile was not asked for */
    cli_expect_same("TMP/a.npz", "TMP/b.npz", "output");
    cli_expect_same("TMP/a.npz", "TMP/b.npz", "h_n");
}
END_TEST

/* ---- the library ----------------------------------------------------------------------------- */

static void open_traced(clrnn_trace **trace, clrnn_context **context) {
    ok(clrnn_trace_create(trace));
    ok(clrnn_context_create(context,
                            &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU, .trace = *trace}));
}

static clrnn_trace *trace_of(const struct test_case *test, const clrnn_plan_desc *desc,
                             int forwards) {
    clrnn_trace *trace = NULL;
    clrnn_context *context = NULL;
    struct test_outcome result;
    open_traced(&trace, &context);
    clrnn_plan *plan = test_plan(test, context, desc);
    for (int i = 0; i < forwards; i++) {
        test_run_plan(&result, test, plan);
        test_result_free(&result);
    }
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    return trace;
}

/* A span that a failure left open ends with the one round it, and the next forward is beside it. */
START_TEST(failures_leave_no_span_open) {
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 4, 3, 5, 7, 1000);
    struct test_case *test = test_case_make(&problem);
    const clrnn_plan_desc desc = test_plan_desc(test, NULL);
    clrnn_trace *trace = NULL;
    clrnn_context *context = NULL;
    struct test_outcome result;
    open_traced(&trace, &context);
    clrnn_plan *plan = test_plan(test, context, &desc);
    clrnn_forward_args wrong = {.x = test_x(test)};
    wrong.x.shape[0]++;
    ck_assert_int_ne(clrnn_forward(plan, &wrong, 0, NULL, NULL), CLRNN_STATUS_OK);
    const size_t before = clrnn_trace_count(trace);
    test_run_plan(&result, test, plan);
    const clrnn_trace_span *failed = clrnn_trace_at(trace, before - 1);
    const clrnn_trace_span *next = clrnn_trace_at(trace, before);
    ck_assert_str_eq(failed->name, "forward");
    ck_assert_str_eq(next->name, "forward");
    ck_assert(next->start_us >= failed->end_us);
    ck_assert_ptr_null(clrnn_trace_at(trace, clrnn_trace_count(trace)));
    test_result_free(&result);
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    clrnn_trace_free(trace);
    test_case_free(test);
}
END_TEST

static int has_arg(const clrnn_trace_span *span, const char *key) {
    int at = 0;
    while (at < span->num_args && strcmp(span->args[at].key, key) != 0) {
        at++;
    }
    return at < span->num_args;
}

/* No span is round a reset: what failed in it is over, and a plan that is made then has none of its args. */
START_TEST(failed_resets_leave_no_span_open) {
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 4, 3, 5, 7, 1020);
    clrnn_trace *trace = NULL;
    clrnn_context *context = NULL;
    clrnn_state *state = NULL;
    ok(clrnn_trace_create(&trace));
    const clrnn_context_desc traced = {.engine = CLRNN_ENGINE_OPENCL, .trace = trace};
    if (clrnn_context_create(&context, &traced) != CLRNN_STATUS_OK) {
        ck_assert_int_eq(clrnn_last_error()->status, CLRNN_STATUS_NO_DEVICE);
        clrnn_trace_free(trace);
        return;
    }
    struct test_case *test = test_case_make(&problem);
    const clrnn_plan_desc desc = test_plan_desc(test, NULL);
    ok(clrnn_state_create(&state, context, test->net, 2));
    faults_enter((struct faults){.nth = 1, .code = CL_OUT_OF_RESOURCES});
    const clrnn_status failed = clrnn_state_reset(state, 1);
    ck_assert_str_eq(faults_leave(), "clEnqueueWriteBuffer");
    ck_assert_int_ne(failed, CLRNN_STATUS_OK);
    const size_t before = clrnn_trace_count(trace);
    ck_assert_str_eq(clrnn_trace_at(trace, before - 1)->name, "upload zeros");
    ck_assert(has_arg(clrnn_trace_at(trace, before - 1), "bytes"));
    clrnn_plan_free(test_plan(test, context, &desc));
    ck_assert_str_eq(clrnn_trace_at(trace, before)->name, "plan");
    ck_assert(!has_arg(clrnn_trace_at(trace, before), "bytes"));
    clrnn_state_free(state);
    clrnn_context_free(context);
    clrnn_trace_free(trace);
    test_case_free(test);
}
END_TEST

/* A launch has its own steps, not those of the forward beside them. */
static void check_keys(const clrnn_trace *trace) {
    for (size_t i = 0; i < clrnn_trace_count(trace); i++) {
        const clrnn_trace_span *span = clrnn_trace_at(trace, i);
        ck_assert_int_le(span->num_args, CLRNN_TRACE_ARGS);
        for (int a = 0; a < span->num_args; a++) {
            for (int b = 0; b < a; b++) {
                ck_assert_msg(strcmp(span->args[a].key, span->args[b].key) != 0, "%s has %s twice",
                              span->name, span->args[a].key);
            }
        }
    }
}

START_TEST(repeated_forwards_are_alike) {
    const struct test_problem problem = test_cell_problem(TEST_GRU, 9, 3, 5, 7, 1010);
    struct test_case *test = test_case_make(&problem);
    const clrnn_plan_desc desc = test_plan_desc(test, NULL);
    size_t counts[3];
    for (int forwards = 0; forwards < 3; forwards++) {
        clrnn_trace *trace = trace_of(test, &desc, forwards);
        counts[forwards] = clrnn_trace_count(trace);
        check_keys(trace);
        clrnn_trace_free(trace);
    }
    ck_assert_uint_gt(counts[1], counts[0]);
    ck_assert_uint_eq(counts[2] - counts[1], counts[1] - counts[0]);
    test_case_free(test);
}
END_TEST

START_TEST(arguments_are_checked) {
    clrnn_trace *trace = NULL;
    fails(clrnn_trace_create(NULL), ARGUMENT, "needs a place for the result");
    fails(clrnn_trace_save(NULL, "t.json"), ARGUMENT, "save needs a trace and a path");
    ok(clrnn_trace_create(&trace));
    fails(clrnn_trace_save(trace, NULL), ARGUMENT, "save needs a trace and a path");
    fails(clrnn_trace_save(trace, "/no/such/folder/t.json"), IO, "t.json: cannot be written");
    ck_assert_uint_eq(clrnn_trace_count(trace), 0);
    ck_assert_uint_eq(clrnn_trace_count(NULL), 0);
    ck_assert_ptr_null(clrnn_trace_at(trace, 0));
    clrnn_trace_free(trace);
    clrnn_trace_free(NULL);
}
END_TEST

Suite *trace_suite(void) {
    Suite *suite = suite_create("trace");
    TCase *program = tcase_create("program"), *library = tcase_create("library");
    tcase_add_unchecked_fixture(program, make_files, program_close);
    tcase_add_loop_test(program, traces_say_when, 0, CASES * ENGINES);
    tcase_add_test(program, traces_change_nothing);
    suite_add_tcase(suite, program);
    tcase_add_test(library, failures_leave_no_span_open);
    tcase_add_test(library, failed_resets_leave_no_span_open);
    tcase_add_test(library, repeated_forwards_are_alike);
    tcase_add_test(library, arguments_are_checked);
    suite_add_tcase(suite, library);
    return suite;
}
