/*
 * test_tune_measure.c: clrnn_tune itself: what it refuses before it measures, and what its file then
 * has, whatever the times were.
 */
#include "core/plan.h"
#include "files.h"
#include "suite_cases.h"
#include "support.h"
#include "tunings.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Kernels that no compiler optimized take minutes. */
static int may_measure(void) {
#ifdef __OPTIMIZE__
    return 1;
#else
    return getenv("CLRNN_LONG") != NULL;
#endif
}

static clrnn_context *open_context(clrnn_engine engine) {
    clrnn_context *context = NULL;
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = engine, .threads = 2}));
    return context;
}

/* ---- progress -------------------------------------------------------------------------------- */

/* What was told: of each device lanes first, then the shapes one after the other. */
struct told {
    char device[2][128];
    int lanes[2], shapes[2];
    int devices;
};

static void tell(void *user, const char *device, int done, int count) {
    struct told *told = user;
    if (told->devices == 0 || strcmp(told->device[told->devices - 1], device) != 0) {
        ck_assert_int_lt(told->devices, 2);
        ck_assert(told->devices == 0 || told->shapes[told->devices - 1] == TUNE_SHAPES);
        snprintf(told->device[told->devices++], sizeof told->device[0], "%s", device);
    }
    const int now = told->devices - 1;
    if (count == 0) {
        ck_assert_int_eq(told->shapes[now], 0);
        ck_assert_int_eq(done, 0);
        told->lanes[now]++;
    } else {
        ck_assert_int_eq(count, TUNE_SHAPES);
        ck_assert_int_eq(done, told->shapes[now]);
        told->shapes[now]++;
    }
}

static int lanes_of(const clrnn_context *context) {
    int count = 0;
    for (int lanes = 4; lanes <= 16; lanes *= 2) {
        count += context->engine->takes_lanes(context->device, lanes);
    }
    return count;
}

static void expect_told(const struct told *told, int index, const clrnn_context *context) {
    ck_assert_str_eq(told->device[index], context->info.name);
    ck_assert_int_eq(told->lanes[index], lanes_of(context));
    ck_assert_int_eq(told->shapes[index], TUNE_SHAPES);
}

/* ---- the file -------------------------------------------------------------------------------- */

static const char *text(const json_t *object, const char *key) {
    const char *value = json_string_value(json_object_get(object, key));
    ck_assert_msg(value != NULL, "%s is no text", key);
    return value;
}

static double number(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_number(value) && json_number_value(value) > 0, "%s is no number", key);
    return json_number_value(value);
}

static void expect_algorithm(const char *name) {
    for (size_t i = 0; i < algo_count(); i++) {
        if (strcmp(name, algo_name(i)) == 0) {
            return;
        }
    }
    ck_abort_msg("%s is no algorithm", name);
}

static void expect_rows(const json_t *entry) {
    size_t i = 0;
    const json_t *row;
    const json_t *rows = json_object_get(entry, "measured");
    ck_assert_uint_ge(json_array_size(rows), TUNE_SHAPES);
    json_array_foreach(rows, i, row) {
        expect_algorithm(text(row, "algorithm"));
        ck_assert(number(row, "measured_us") > 0 && number(row, "estimated_us") > 0);
        ck_assert(number(row, "usual_us") > 0 && number(row, "steps") > 0);
        ck_assert(number(row, "spread") >= 1);
    }
}

/* "cpu single/panel": of an engine that was measured. */
static void expect_choice(const json_t *choice, const char *key, int is_auto) {
    const char *name = text(choice, key);
    const char *blank = strchr(name, ' ');
    ck_assert_ptr_nonnull(blank);
    const int is_cpu = strncmp(name, "cpu ", 4) == 0;
    ck_assert(is_cpu || (is_auto && strncmp(name, "opencl ", 7) == 0));
    expect_algorithm(blank + 1);
}

/* What is chosen was measured, and nothing was quicker than the quickest. */
static void expect_choices(const json_t *choices, int is_auto) {
    size_t i = 0;
    const json_t *choice;
    ck_assert_uint_eq(json_array_size(choices), TUNE_SHAPES);
    json_array_foreach(choices, i, choice) {
        expect_choice(choice, "before", is_auto);
        expect_choice(choice, "after", is_auto);
        expect_choice(choice, "best", is_auto);
        ck_assert(number(choice, "best_us") <= number(choice, "before_us"));
        ck_assert(number(choice, "best_us") <= number(choice, "after_us"));
        ck_assert(number(choice, "hidden") > 0);
    }
}

static void expect_file(const char *path, const clrnn_context *context) {
    json_t *root = json_load_file(path, 0, NULL);
    const clrnn_context *both[] = {context, context->sibling};
    const int count = context->sibling != NULL ? 2 : 1;
    const json_t *devices = json_object_get(root, "devices");
    ck_assert_int_eq((int)json_array_size(devices), count);
    for (int i = 0; i < count; i++) {
        const json_t *entry = json_array_get(devices, (size_t)i);
        struct tuning now = tunings_of(both[i]);
        const int lanes = lanes_of(both[i]) > 0 ? both[i]->desc.vector_width : 0;
        now.speeds = both[i]->speeds;
        now.lanes = lanes;
        now.busy = json_is_true(json_object_get(entry, "busy"));
        snprintf(now.version, sizeof now.version, "%s", clrnn_version());
        snprintf(now.date, sizeof now.date, "%s", text(entry, "date"));
        tunings_expect(path, &now);
        ck_assert_uint_eq(strlen(now.date), strlen("2026-11-25"));
        expect_rows(entry);
    }
    expect_choices(json_object_get(json_array_get(devices, 0), "choices"), count == 2);
    json_decref(root);
}

/* The context plans by what was measured, and so does the next one that is given the file. */
static void expect_used(clrnn_context *context) {
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 3, 1, 4, 8, 1);
    struct test_case *test = test_case_make(&problem);
    const clrnn_plan_desc desc = test_plan_desc(test, NULL);
    clrnn_plan *plan = test_plan(test, context, &desc);
    const char *said = strstr(clrnn_plan_describe(plan), "\ntuning: speeds measured on 20");
    ck_assert_msg(said != NULL, "%s", clrnn_plan_describe(plan));
    clrnn_plan_free(plan);
    test_case_free(test);
}

static void tune(clrnn_engine engine) {
    const char *path = in_folder("t.json");
    clrnn_context *context = open_context(engine), *next = NULL;
    struct told told = {0};
    ok(clrnn_tune(context, &(clrnn_tune_desc){.path = path, .progress = tell, .user = &told}));
    expect_told(&told, 0, context);
    ck_assert_int_eq(told.devices, context->sibling != NULL ? 2 : 1);
    if (context->sibling != NULL) {
        expect_told(&told, 1, context->sibling);
    }
    expect_file(path, context);
    expect_used(context);
    clrnn_context_free(context);
    ok(clrnn_context_create(&next,
                            &(clrnn_context_desc){.engine = engine, .threads = 2, .tuning = path}));
    expect_used(next);
    clrnn_context_free(next);
    ck_assert_int_eq(count_files(), 1);
}

START_TEST(cpu_is_measured) {
    if (may_measure()) {
        tune(CLRNN_ENGINE_CPU);
    }
}
END_TEST

START_TEST(both_are_measured) {
    if (getenv("CLRNN_LONG") != NULL) {
        tune(CLRNN_ENGINE_AUTO);
    }
}
END_TEST

/* ---- what the context has of it -------------------------------------------------------------- */

static void expect_as_before(const clrnn_context *context, const clrnn_context *before) {
    ck_assert_int_eq(memcmp(&context->speeds, &before->speeds, sizeof before->speeds), 0);
    ck_assert_int_eq(context->desc.vector_width, before->desc.vector_width);
    ck_assert_int_eq(context->desc.runs_together, before->desc.runs_together);
    ck_assert_str_eq(context->tuned, before->tuned);
}

/* The last thing before the file is written. */
static void bar_the_file(void *user, const char *device, int done, int count) {
    (void)user;
    (void)device;
    if (count > 0 && done == count - 1) {
        ck_assert_int_eq(mkdir(in_folder("t.json"), 0755), 0);
    }
}

/* What is not in the file does not count: a context plans as before. */
START_TEST(failed_writes_change_nothing) {
    clrnn_context *context = open_context(CLRNN_ENGINE_CPU);
    const clrnn_context before = *context;
    const char *path = in_folder("t.json");
    const clrnn_tune_desc desc = {.path = path, .progress = bar_the_file};
    if (may_measure()) {
        fails(clrnn_tune(context, &desc), FORMAT, "t.json: is no tuning file: it is a directory");
        expect_as_before(context, &before);
        ck_assert_int_eq(rmdir(path), 0);
    }
    clrnn_context_free(context);
}
END_TEST

/* "Untuned" is what the built-in rules take, with the lanes that they take, though the context was tuned
 * before; its time is of those lanes too. Nothing is measured here: the times are made up. */
START_TEST(untuned_is_by_the_usual_rules) {
    enum { SINGLE_US = 10, PERSIST_US = 20, UNTUNED_US = 7 };
    clrnn_context *context = open_context(CLRNN_ENGINE_CPU);
    struct tune_choice found[TUNE_SHAPES], usual[TUNE_SHAPES], choices[TUNE_SHAPES];
    struct tune_row rows[2 * TUNE_SHAPES] = {0};
    struct tune_result result = {.tuning = tunings_of(context), .usual = context->speeds};
    int persists = 0;
    for (int i = 0; i < TUNE_SHAPES; i++) {
        result.untuned[i] = (struct tune_untuned){"single/panel", UNTUNED_US};
    }
    ok(tune_choices(found, context, &result, 1)); /* which shapes there are */
    for (int i = 0; i < TUNE_SHAPES; i++) {
        rows[2 * i] = (struct tune_row){found[i].shape, "single/panel", .measured_us = SINGLE_US};
        rows[2 * i + 1] =
            (struct tune_row){found[i].shape, "persist/panel", .measured_us = PERSIST_US};
    }
    result.rows = rows;
    result.count = 2 * TUNE_SHAPES;
    ok(tune_choices(usual, context, &result, 1));
    result.tuning.speeds.meet_us = 0;
    result.tuning.speeds.near_gbps = result.tuning.speeds.far_gbps = 0.01;
    result.tuning.lanes = context->desc.vector_width == 4 ? 8 : 4;
    tuning_apply(context, &result.tuning);
    const clrnn_context before = *context;
    ok(tune_choices(choices, context, &result, 1));
    expect_as_before(context, &before);
    for (int i = 0; i < TUNE_SHAPES; i++) {
        const struct tune_choice *choice = &choices[i];
        const int is_single = strcmp(choice->before, "cpu single/panel") == 0;
        const int is_persist = strcmp(choice->after, "cpu persist/panel") == 0;
        ck_assert_str_eq(choice->before, usual[i].before);
        ck_assert_double_eq(choice->before_us, is_single ? UNTUNED_US : 0);
        ck_assert_double_eq(choice->after_us, is_persist ? PERSIST_US : SINGLE_US);
        ck_assert_str_eq(choice->best, "cpu single/panel");
        ck_assert_double_eq(choice->best_us, UNTUNED_US);
        persists += is_persist;
    }
    ck_assert_int_gt(persists, 0);
    clrnn_context_free(context);
}
END_TEST

/* ---- refused --------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *content) {
    FILE *file = fopen(path, "wb");
    ck_assert(file != NULL && fputs(content, file) >= 0 && fclose(file) == 0);
}

static void must_not_begin(void *user, const char *device, int done, int count) {
    (void)user;
    ck_abort_msg("%s is measured: %d of %d", device, done, count);
}

/* Before anything was measured; the context is as it was. */
START_TEST(bad_calls_measure_nothing) {
    clrnn_context *context = open_context(CLRNN_ENGINE_CPU), *other = NULL;
    const struct estimate_speeds before = context->speeds;
    clrnn_tune_desc desc = {.progress = must_not_begin};
    fails(clrnn_tune(NULL, &desc), ARGUMENT, "tune: needs a context and a desc with a path");
    fails(clrnn_tune(context, NULL), ARGUMENT, "tune: needs a context and a desc with a path");
    fails(clrnn_tune(context, &desc), ARGUMENT, "tune: needs a context and a desc with a path");
    desc.path = in_folder("bad.json");
    write_file(desc.path, "{\"schema\": \"clrnn-tuning-1\"}");
    fails(clrnn_tune(context, &desc), FORMAT, "bad.json: is no tuning file: it has no \"devices\"");
    write_file(desc.path, "{\"schema\": \"clrnn-tuning-1\", \"devices\": [{}]}");
    fails(clrnn_tune(context, &desc), FORMAT, "bad.json: a device's engine must be a text");
    desc.path = folder;
    fails(clrnn_tune(context, &desc), FORMAT, "is no tuning file: it is a directory");
    desc.path = in_folder("none/t.json");
    fails(clrnn_tune(context, &desc), IO, "t.json: cannot be written: No such file");
    desc.path = "-";
    fails(clrnn_tune(context, &desc), IO, "a tuning must be a file with a name");
    desc.path = in_folder("t.json");
    ok(clrnn_context_create(&other, &(clrnn_context_desc){.engine = CLRNN_ENGINE_REFERENCE}));
    fails(clrnn_tune(other, &desc), UNSUPPORTED, "tune: the reference engine chooses nothing");
    ck_assert_int_eq(memcmp(&context->speeds, &before, sizeof before), 0);
    ck_assert_str_eq(context->tuned, "usual speeds");
    ck_assert_int_eq(count_files(), 1);
    clrnn_context_free(other);
    clrnn_context_free(context);
}
END_TEST

TCase *tune_measure_case(void) {
    TCase *measure = tcase_create("measure");
    tcase_set_timeout(measure, 1200);
    tcase_add_checked_fixture(measure, make_folder, remove_folder);
    tcase_add_test(measure, cpu_is_measured);
    tcase_add_test(measure, both_are_measured);
    tcase_add_test(measure, failed_writes_change_nothing);
    tcase_add_test(measure, untuned_is_by_the_usual_rules);
    tcase_add_test(measure, bad_calls_measure_nothing);
    return measure;
}
