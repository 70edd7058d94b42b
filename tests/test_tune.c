/*
 * test_tune.c: what a tuning changes: speeds are found again from the times that they give; plans
 * choose engines, algorithms and lanes by them; and no bit of a result depends on it. Tunings here are
 * made up, so that the machine's own speed does not matter; test_tune_measure.c measures.
 */
#include "core/plan.h"
#include "files.h"
#include "suite_cases.h"
#include "suites.h"
#include "support.h"
#include "tunings.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the fit --------------------------------------------------------------------------------- */

static const struct device_desc host = {
    .kind = DEVICE_HOST, .compute_units = 2, .vector_width = 16, .has_flags = 1};

/* T, N, I, H: calls and steps that cost next to nothing, weights that are near and far. */
static const int sizes[][4] = {
    {1, 1, 4, 8},        {10, 1, 4, 8},      {400, 1, 4, 8},     {400, 1, 4, 32},
    {50, 16, 4, 32},     {100, 1, 64, 64},   {50, 1, 128, 128},  {50, 1, 256, 256},
    {20, 32, 256, 256},  {50, 1, 512, 512},  {10, 64, 512, 512}, {20, 1, 1024, 1024},
    {5, 16, 1024, 1024}, {16, 64, 1024, 16}, {100, 16, 64, 64},  {1, 64, 512, 16},
};
static const char *const cells[] = {"rnn", "lstm", "gru_after"};
static const char *const algorithms[] = {"single/panel", "persist/panel"};
enum { MOST_ROWS = COUNT(sizes) * COUNT(cells) * COUNT(algorithms) };

static const struct cell *cell_called(const char *name) {
    size_t i = 0;
    while (strcmp(cell_at(i)->name, name) != 0) {
        i++;
    }
    return cell_at(i);
}

/* 0: the algorithm refuses the size. */
static int make_row(struct tune_row *row, const char *cell, const int *size,
                    const char *algorithm) {
    const struct problem problem = {.cell = *cell_called(cell),
                                    .steps = size[0],
                                    .batch = size[1],
                                    .inputs = size[2],
                                    .hidden = size[3],
                                    .width = size[3],
                                    .has_projection = 1};
    *row = (struct tune_row){.algorithm = algorithm};
    if (algo_configure(&row->config, &host, &problem, algorithm) != CLRNN_STATUS_OK) {
        return 0;
    }
    row->job = (struct estimate_job){.configs = &row->config,
                                     .strand_count = 1,
                                     .features = size[2] + size[3],
                                     .steps = size[0],
                                     .batch = size[1],
                                     .chunk = size[0]};
    return 1;
}

/* All rows that there are, with the times that the speeds give. */
static struct tune_row *make_rows(int *count, const struct estimate_speeds *speeds) {
    struct tune_row *rows = calloc(MOST_ROWS, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    *count = 0;
    for (int cell = 0; cell < COUNT(cells); cell++) {
        for (int size = 0; size < COUNT(sizes); size++) {
            for (int i = 0; i < COUNT(algorithms); i++) {
                struct tune_row *row = &rows[*count];
                if (make_row(row, cells[cell], sizes[size], algorithms[i])) {
                    row->measured_us = estimate_forward(speeds, &row->job);
                    ++*count;
                }
            }
        }
    }
    ck_assert_int_gt(*count, 60);
    return rows;
}

/* The usual ones times 0.5 to 2 each. */
static struct estimate_speeds other_speeds(uint64_t seed) {
    struct estimate_speeds speeds = estimate_speeds_of(&host);
    for (int field = 0; field < ESTIMATE_FIELDS; field++) {
        *estimate_field_at(&speeds, field) *= exp2((double)test_uniform(&seed, 1));
    }
    return speeds;
}

static double factor_off(const struct estimate_speeds *speeds, const struct tune_row *row,
                         double us) {
    return exp(fabs(log(estimate_forward(speeds, &row->job) / us)));
}

START_TEST(fit_finds_the_speeds) {
    const struct estimate_speeds known = other_speeds((uint64_t)_i);
    struct estimate_speeds speeds = estimate_speeds_of(&host);
    int count = 0;
    struct tune_row *rows = make_rows(&count, &known);
    tune_fit(&speeds, rows, count);
    for (int i = 0; i < count; i++) {
        const double off = factor_off(&speeds, &rows[i], rows[i].measured_us);
        ck_assert_msg(off < 1.03, "seed %d, row %d (%s, T=%d, N=%d, H=%d): off by %.3f", _i, i,
                      rows[i].config.cell.name, rows[i].job.steps, rows[i].job.batch,
                      rows[i].config.params.units[0], off);
    }
    free(rows);
}
END_TEST

/* A neighbour disturbs some rows; the others are estimated as well. */
START_TEST(fit_bears_disturbed_rows) {
    const struct estimate_speeds known = other_speeds((uint64_t)_i);
    struct estimate_speeds speeds = estimate_speeds_of(&host);
    int count = 0;
    struct tune_row *rows = make_rows(&count, &known);
    for (int i = _i; i < count; i += 10) {
        rows[i].measured_us *= 3;
    }
    tune_fit(&speeds, rows, count);
    for (int i = 0; i < count; i++) {
        const double off = factor_off(&speeds, &rows[i], estimate_forward(&known, &rows[i].job));
        ck_assert_msg(i % 10 == _i || off < 1.1, "seed %d, row %d: off by %.3f", _i, i, off);
    }
    free(rows);
}
END_TEST

/* However long it took, no speed is believed to be ten times another. */
START_TEST(fit_stays_near) {
    const double factor = _i ? 1e4 : 1e-4;
    struct estimate_speeds usual = estimate_speeds_of(&host), speeds = usual;
    int count = 0, moved = 0;
    struct tune_row *rows = make_rows(&count, &usual);
    for (int i = 0; i < count; i++) {
        rows[i].measured_us *= factor;
    }
    tune_fit(&speeds, rows, count);
    for (int field = 0; field < ESTIMATE_FIELDS; field++) {
        const double before = *estimate_field_at(&usual, field);
        const double ratio = before > 0 ? *estimate_field_at(&speeds, field) / before : 1;
        ck_assert_msg(ratio > 0.1 && ratio < 10, "%s: %g", estimate_fields[field].name, ratio);
        moved += ratio > 5 || ratio < 0.2;
    }
    ck_assert_int_gt(moved, 3);
    free(rows);
}
END_TEST

/* What is free stays free, and a speed stays where it is that nothing was learnt of. */
START_TEST(fit_leaves_what_it_cannot_know) {
    struct estimate_speeds usual = estimate_speeds_of(&host), known = usual, speeds = usual;
    int count = 0, small = 0;
    known.call_us *= 2;
    known.step_us *= 2;
    struct tune_row *rows = make_rows(&count, &known);
    for (int i = 0; i < count; i++) {
        if (rows[i].config.params.units[0] <= 64 && rows[i].config.flags == 0) {
            rows[small++] = rows[i];
            rows[small - 1].job.configs = &rows[small - 1].config;
        }
    }
    tune_fit(&speeds, rows, small);
    ck_assert_double_eq(speeds.copy_gbps, 0);
    ck_assert_double_eq(speeds.far_gbps, usual.far_gbps);
    ck_assert_double_eq(speeds.meet_us, usual.meet_us);
    ck_assert_int_eq(speeds.cores, usual.cores);
    ck_assert(speeds.call_us > usual.call_us && speeds.step_us > 1.5 * usual.step_us);
    /* nothing to learn: nothing moves */
    for (int i = 0; i < small; i++) {
        rows[i].measured_us = estimate_forward(&usual, &rows[i].job);
    }
    speeds = usual;
    tune_fit(&speeds, rows, small);
    ck_assert_int_eq(memcmp(&speeds, &usual, sizeof usual), 0);
    free(rows);
}
END_TEST

/* ---- a busy machine -------------------------------------------------------------------------- */

START_TEST(varying_rows_are_counted) {
    const struct tune_row rows[] = {
        {.spread = 1}, {.spread = 1.25}, {.spread = 1.26}, {.spread = 9}};
    ck_assert_double_eq(tune_varying(rows, 0), 0);
    ck_assert_double_eq(tune_varying(rows, 2), 0);
    ck_assert_double_eq(tune_varying(rows, 3), 1.0 / 3);
    ck_assert_double_eq(tune_varying(rows, 4), 0.5);
}
END_TEST

/* ---- contexts -------------------------------------------------------------------------------- */

static int has_opencl(void) {
    clrnn_device_info info = {0};
    size_t count = 0;
    ok(clrnn_devices(&count, &info, 1));
    return count > 0 && info.usable;
}

static clrnn_context *open_context(clrnn_engine engine, int strict, const char *tuning) {
    clrnn_context *context = NULL;
    ok(clrnn_context_create(
        &context,
        &(clrnn_context_desc){.engine = engine, .strict = strict, .threads = 2, .tuning = tuning}));
    return context;
}

/* Of the engine's device, and of an AUTO context's cpu engine. */
static void usual_tunings(struct tuning out[2], clrnn_engine engine) {
    clrnn_context *context = open_context(engine, 0, NULL);
    out[0] = tunings_of(context);
    out[1] = tunings_of(context->sibling != NULL ? context->sibling : context);
    clrnn_context_free(context);
}

static void expect_description(clrnn_engine engine, const char *tuning, const char *part) {
    const struct test_problem problem = test_cell_problem(TEST_RNN, 3, 1, 4, 8, 1);
    struct test_case *test = test_case_make(&problem);
    clrnn_context *context = open_context(engine, 0, tuning);
    const clrnn_plan_desc desc = test_plan_desc(test, NULL);
    clrnn_plan *plan = test_plan(test, context, &desc);
    const char *text = clrnn_plan_describe(plan);
    if (part != NULL) {
        ck_assert_msg(strstr(text, part) != NULL, "expected \"%s\" in\n%s", part, text);
    } else {
        ck_assert_msg(strstr(text, "tuning") == NULL, "%s", text);
    }
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    test_case_free(test);
}

START_TEST(plans_say_which) {
    const clrnn_engine engine = _i ? CLRNN_ENGINE_OPENCL : CLRNN_ENGINE_CPU;
    const char *path = in_folder("t.json");
    struct tuning tunings[2], other;
    char words[200];
    if (_i && !has_opencl()) {
        return;
    }
    usual_tunings(tunings, engine);
    expect_description(engine, NULL, "\ntuning: usual speeds\n");
    ok(tunings_put(path, NULL, 0));
    expect_description(engine, path, "\ntuning: usual speeds, the tuning is of other devices\n");
    other = tunings[0];
    other.device.compute_units = 77;
    ok(tunings_put(path, &other, 1));
    (void)snprintf(words, sizeof words,
                   "\ntuning: usual speeds, the tuning is of 77 compute units, there are %d\n",
                   tunings[0].device.compute_units);
    expect_description(engine, path, words);
    ok(tunings_put(path, tunings, 1));
    expect_description(engine, path, "\ntuning: speeds measured on 2026-11-25\n");
    tunings[0].busy = 1;
    ok(tunings_put(path, tunings, 1));
    expect_description(engine, path,
                       "\ntuning: speeds measured on 2026-11-25, on a busy machine\n");
    (void)remove(path);
    other = tunings[0];
    strcpy(other.device.driver, "0.0");
    ok(tunings_put(path, &other, 1));
    (void)snprintf(words, sizeof words,
                   "\ntuning: usual speeds, the tuning is of driver 0.0, this is %.40s\n",
                   tunings[0].device.driver);
    expect_description(engine, path, words);
}
END_TEST

START_TEST(bad_tunings_open_nothing) {
    clrnn_context *context = NULL;
    clrnn_context_desc desc = {.engine = _i ? CLRNN_ENGINE_AUTO : CLRNN_ENGINE_CPU,
                               .tuning = in_folder("none.json")};
    fails(clrnn_context_create(&context, &desc), IO, "none.json: cannot be opened: No such file");
    ck_assert_ptr_null(context);
    desc.tuning = folder;
    fails(clrnn_context_create(&context, &desc), FORMAT, "is no tuning file: it is a directory");
    desc.tuning = "tests/data/simple_rnn.npz";
    fails(clrnn_context_create(&context, &desc), FORMAT, "simple_rnn.npz: ");
    ck_assert_ptr_null(context);
    /* nothing to choose: not even read */
    desc.engine = CLRNN_ENGINE_REFERENCE;
    desc.tuning = in_folder("none.json");
    ok(clrnn_context_create(&context, &desc));
    clrnn_context_free(context);
    expect_description(CLRNN_ENGINE_REFERENCE, in_folder("none.json"), NULL);
}
END_TEST

/* ---- choices --------------------------------------------------------------------------------- */

static void expect_chosen(clrnn_engine engine, const struct test_problem *problem,
                          const struct tuning *tunings, int count, const char *first,
                          const char *second) {
    const char *path = in_folder("t.json");
    struct test_case *test = test_case_make(problem);
    ok(tunings_put(path, tunings, count));
    clrnn_context *context = open_context(engine, 0, path);
    const clrnn_plan_desc desc = test_plan_desc(test, NULL);
    clrnn_plan *plan = test_plan(test, context, &desc);
    const char *text = clrnn_plan_describe(plan);
    ck_assert_msg(strstr(text, first) != NULL && strstr(text, second) != NULL,
                  "expected \"%s\" and \"%s\" in\n%s", first, second, text);
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    test_case_free(test);
}

/* Small is the cpu engine's and large the device's, unless a file says otherwise. */
START_TEST(engines_are_chosen_by_the_file) {
    static const char cpu[] = "engine: cpu\n", opencl[] = "engine: opencl\n";
    static const char measured[] = "tuning: speeds measured on 2026-11-25\n";
    const struct test_problem small = test_cell_problem(_i, 10, 1, 4, 8, 3);
    const struct test_problem large = test_cell_problem(_i, 40, 32, 64, 64, 3);
    struct tuning tunings[2], slow[2];
    if (!has_opencl()) {
        return;
    }
    usual_tunings(tunings, CLRNN_ENGINE_AUTO);
    expect_chosen(CLRNN_ENGINE_AUTO, &small, tunings, 2, cpu, measured);
    for (int is_cpu = 0; is_cpu < 2; is_cpu++) {
        const char *left = is_cpu ? opencl : cpu;
        memcpy(slow, tunings, sizeof slow);
        slow[is_cpu].speeds.call_us = 1e9;
        expect_chosen(CLRNN_ENGINE_AUTO, &small, slow, 2, left, "estimated ");
        expect_chosen(CLRNN_ENGINE_AUTO, &large, slow, 2, left, "estimated ");
        /* of one engine alone; the other has its usual speeds */
        expect_chosen(CLRNN_ENGINE_AUTO, &large, &slow[is_cpu], 1, left, "estimated ");
        memcpy(slow, tunings, sizeof slow);
        slow[is_cpu].speeds.launch_us = 1e9;
        expect_chosen(CLRNN_ENGINE_AUTO, &large, slow, 2, left, measured);
    }
}
END_TEST

/* Both threads at every step or one alone: by how long it takes to meet. */
START_TEST(algorithms_are_chosen_by_the_file) {
    const clrnn_engine engine = _i ? CLRNN_ENGINE_OPENCL : CLRNN_ENGINE_CPU;
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 20, 1, 128, 128, 3);
    struct tuning tunings[2];
    if (_i && !has_opencl()) {
        return;
    }
    usual_tunings(tunings, engine);
    if (tunings[0].device.compute_units < 2) {
        return;
    }
    tunings[0].speeds.meet_us = 1e6;
    expect_chosen(engine, &problem, tunings, 1, "algorithm: single/panel\n", "tuning: speeds");
    tunings[0].speeds.meet_us = 0;
    tunings[0].speeds.near_gbps = tunings[0].speeds.far_gbps = 0.01;
    expect_chosen(engine, &problem, tunings, 1, "algorithm: persist/panel\n", "tuning: speeds");
    /* a second launch ends what the first left undone */
    tunings[0].speeds.launch_us = 1e9;
    expect_chosen(engine, &problem, tunings, 1, "algorithm: single/panel\n", "tuning: speeds");
}
END_TEST

/* ---- lanes, and the same bits ---------------------------------------------------------------- */

static void run_tuned(struct test_outcome *out, const struct test_case *test, clrnn_engine engine,
                      int strict, const char *tuning, const char *part) {
    clrnn_context *context = open_context(engine, strict, tuning);
    const clrnn_plan_desc desc = test_plan_desc(test, NULL);
    clrnn_plan *plan = test_plan(test, context, &desc);
    ck_assert_msg(strstr(clrnn_plan_describe(plan), part) != NULL, "expected \"%s\" in\n%s", part,
                  clrnn_plan_describe(plan));
    test_run_plan(out, test, plan);
    clrnn_plan_free(plan);
    clrnn_context_free(context);
}

static int takes_lanes(clrnn_engine engine, int lanes) {
    clrnn_context *context = open_context(engine, 0, NULL);
    const int takes = context->engine->takes_lanes(context->device, lanes);
    clrnn_context_free(context);
    return takes;
}

/* Each number of lanes, by one core and by all, with the bits that nobody tuned. */
static void same_bits(const struct test_case *test, clrnn_engine engine, int strict) {
    const char *path = in_folder("t.json");
    struct test_outcome untuned, tuned;
    struct tuning tunings[2];
    char part[40];
    run_tuned(&untuned, test, engine, strict, NULL, "tuning: usual speeds\n");
    usual_tunings(tunings, engine);
    for (int lanes = 4; lanes <= 16; lanes *= 2) {
        for (int meets = 0; meets < 2; meets++) {
            if (!takes_lanes(engine, lanes)) {
                continue;
            }
            tunings[0].lanes = lanes;
            tunings[0].speeds.meet_us = meets ? 0 : 1e6;
            tunings[0].speeds.near_gbps = tunings[0].speeds.far_gbps = meets ? 0.01 : 100;
            ok(tunings_put(path, tunings, 1));
            (void)snprintf(part, sizeof part, ", %d lanes, ", lanes);
            run_tuned(&tuned, test, engine, strict, path, part);
            test_same(test, &untuned, &tuned, part);
            test_result_free(&tuned);
        }
    }
    test_result_free(&untuned);
}

START_TEST(bits_are_the_same) {
    struct test_problem problem = test_cell_problem(_i, 7, 5, 13, 83, 3);
    problem.lengths = LENGTHS_RAGGED;
    struct test_case *test = test_case_make(&problem);
    for (int strict = 0; strict < 2; strict++) {
        same_bits(test, CLRNN_ENGINE_CPU, strict);
        if (has_opencl() && strict == (_i == TEST_LSTM)) {
            same_bits(test, CLRNN_ENGINE_OPENCL, strict);
        }
    }
    test_case_free(test);
}
END_TEST

static int takes_eight(void *device, int lanes) {
    (void)device;
    return lanes == 8;
}

/* A file from a wider machine, or a hand that wrote it. */
START_TEST(lanes_that_a_device_lacks_are_left) {
    const struct engine engine = {.takes_lanes = takes_eight};
    struct clrnn_context context = {
        .engine = &engine, .desc = {.kind = DEVICE_HOST, .compute_units = 3, .vector_width = 4}};
    struct tuning tuning = {.date = "2026-11-25", .lanes = 16, .speeds = {.call_us = 5}};
    tuning_apply(&context, &tuning);
    ck_assert_int_eq(context.desc.vector_width, 4);
    ck_assert_double_eq(context.speeds.call_us, 5);
    ck_assert_int_eq(context.speeds.cores, 3);
    tuning.lanes = 0;
    tuning_apply(&context, &tuning);
    ck_assert_int_eq(context.desc.vector_width, 4);
    tuning.lanes = 8;
    tuning_apply(&context, &tuning);
    ck_assert_int_eq(context.desc.vector_width, 8);
}
END_TEST

Suite *tune_suite(void) {
    Suite *suite = suite_create("tune");
    TCase *fit = tcase_create("fit"), *choice = tcase_create("choice");
    tcase_set_timeout(fit, 600);
    tcase_add_loop_test(fit, fit_finds_the_speeds, 0, 5);
    tcase_add_loop_test(fit, fit_bears_disturbed_rows, 0, 5);
    tcase_add_loop_test(fit, fit_stays_near, 0, 2);
    tcase_add_test(fit, fit_leaves_what_it_cannot_know);
    tcase_add_test(fit, varying_rows_are_counted);
    tcase_set_timeout(choice, 600);
    tcase_add_checked_fixture(choice, make_folder, remove_folder);
    tcase_add_loop_test(choice, plans_say_which, 0, 2);
    tcase_add_loop_test(choice, bad_tunings_open_nothing, 0, 2);
    tcase_add_loop_test(choice, engines_are_chosen_by_the_file, 0, TEST_CELLS);
    tcase_add_loop_test(choice, algorithms_are_chosen_by_the_file, 0, 2);
    tcase_add_loop_test(choice, bits_are_the_same, 0, TEST_CELLS);
    tcase_add_test(choice, lanes_that_a_device_lacks_are_left);
    suite_add_tcase(suite, fit);
    suite_add_tcase(suite, choice);
    suite_add_tcase(suite, tuning_file_case());
    suite_add_tcase(suite, tune_measure_case());
    return suite;
}
