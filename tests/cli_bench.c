/*
 * cli_bench.c: `clrnn bench`: what it prints, never how fast it was. Most lines say -e cpu, so that
 * they hold on a machine without a driver.
 */
#include "cli_bench.h"

#include "cli_files.h"
#include "cli_program.h"
#include "clrnn.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUICK " --steps 3 --runs 3 "

/* Runs a line that must succeed, and gives its JSON; json_decref it. */
static json_t *run_json(const char *words) {
    json_error_t error;
    const outcome *got = program_run(words);
    program_expect_code(got, 0, words);
    json_t *value = json_loads(got->out, 0, &error);
    ck_assert_msg(value != NULL, "'%s' is no JSON: %s", words, error.text);
    return value;
}

static double number(const json_t *row, const char *key) {
    const json_t *value = json_object_get(row, key);
    ck_assert_msg(json_is_number(value), "%s is no number", key);
    return json_number_value(value);
}

static const char *text(const json_t *row, const char *key) {
    const char *value = json_string_value(json_object_get(row, key));
    ck_assert_msg(value != NULL, "%s is no text", key);
    return value;
}

static void expect_header(const json_t *header) {
    ck_assert_str_eq(text(header, "version"), clrnn_version());
    ck_assert_int_gt((int)strlen(text(header, "commit")), 0);
    ck_assert_int_gt((int)strlen(text(header, "device")), 0);
    (void)text(header, "driver");
    const json_t *peak = json_object_get(json_object_get(header, "peaks"), "cpu");
    ck_assert(number(peak, "gflops") > 0);
    ck_assert_uint_eq(json_array_size(json_object_get(peak, "bandwidth")), 5);
}

static void expect_row(const json_t *row) {
    const double median = number(row, "median_us");
    const double flops = 2 * number(row, "steps") * number(row, "batch") * number(row, "hidden") *
                         (number(row, "inputs") + number(row, "hidden"));
    ck_assert(number(row, "min_us") > 0);
    ck_assert(number(row, "min_us") <= median);
    ck_assert(median <= number(row, "p90_us"));
    ck_assert(number(row, "p90_us") <= number(row, "p99_us"));
    ck_assert(fabs(number(row, "gflops") / (1e-3 * flops / median) - 1) < 1e-6);
    ck_assert(number(row, "projection_us") >= 0);
    ck_assert(number(row, "recurrence_us") > 0);
    ck_assert(number(row, "transfer_us") >= 0);
    ck_assert(number(row, "peak_fraction") > 0);
    ck_assert_int_eq((int)number(row, "runs"), 3);
    ck_assert_str_eq(text(row, "cell"), "rnn");
    ck_assert_str_eq(text(row, "direction"), "forward");
    ck_assert_int_eq((int)number(row, "layers"), 1);
    ck_assert_str_eq(text(row, "engine"), "cpu");
    ck_assert_str_eq(text(row, "runs_on"), "cpu");
    ck_assert_str_eq(text(row, "asked"), "auto");
    (void)text(row, "algorithm");
    (void)text(row, "device");
}

START_TEST(json_holds_every_number) {
    json_t *all = run_json("bench --hidden 8,16 --inputs 4 -e cpu --format json" QUICK);
    const json_t *rows = json_object_get(all, "cases");
    expect_header(all);
    ck_assert_uint_eq(json_array_size(rows), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *row = json_array_get(rows, i);
        expect_row(row);
        ck_assert_int_eq((int)number(row, "hidden"), i == 0 ? 8 : 16);
        ck_assert_int_eq((int)number(row, "inputs"), 4);
    }
    ck_assert_str_eq(text(json_array_get(rows, 1), "problem"), "cell=rnn,T=3,N=1,I=4,H=16");
    json_decref(all);
    all = run_json("bench --hidden 8 -e cpu --json" QUICK);
    ck_assert_uint_eq(json_array_size(json_object_get(all, "cases")), 1);
    json_decref(all);
}
END_TEST

START_TEST(lines_are_objects) {
    outcome *got = program_run("bench --hidden 8,16 -e cpu --format jsonl" QUICK);
    char *rest = NULL;
    int count = 0;
    program_expect_code(got, 0, "jsonl");
    for (char *line = strtok_r(got->out, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        json_t *value = json_loads(line, 0, NULL);
        ck_assert_msg(value != NULL, "no JSON: %s", line);
        if (count++ == 0) {
            expect_header(value);
        } else {
            expect_row(value);
        }
        json_decref(value);
    }
    ck_assert_int_eq(count, 3);
}
END_TEST

static int count_of(const char *line, char what) {
    int count = 0;
    for (; *line != 0; line++) {
        count += *line == what;
    }
    return count;
}

/* "cpu (v4, 16 lanes)" has a comma and stands in quotes. */
START_TEST(tables_are_rectangular) {
    outcome *got = program_run("bench --hidden 8,16 -e cpu --format csv" QUICK);
    char *rest = NULL;
    int rows = 0;
    int columns = 0;
    program_expect_code(got, 0, "csv");
    for (char *line = strtok_r(got->out, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char *quote = NULL;
        while ((quote = strchr(line, '"')) != NULL) {
            char *end = strchr(quote + 1, '"');
            ck_assert_ptr_nonnull(end);
            memmove(quote, end + 1, strlen(end + 1) + 1);
        }
        columns = rows++ == 0 ? count_of(line, ',') : columns;
        ck_assert_int_eq(count_of(line, ','), columns);
    }
    ck_assert_int_eq(rows, 3);
    ck_assert_int_eq(columns, 22);
    got = program_run("bench --hidden 8,16 -e cpu" QUICK);
    program_expect_code(got, 0, "md");
    program_expect_contains(got, got->out, "GFLOP/s", "md");
    rows = 0;
    for (char *line = strtok_r(got->out, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        if (line[0] == '|') {
            columns = rows++ == 0 ? count_of(line, '|') : columns;
            ck_assert_int_eq(count_of(line, '|'), columns);
        }
    }
    ck_assert_int_eq(rows, 4);
}
END_TEST

START_TEST(ranges_multiply_out) {
    static const char *const expected[] = {
        "cell=rnn,T=3,N=1,I=4,H=8",  "cell=rnn,T=3,N=1,I=4,H=16",  "cell=rnn,T=3,N=1,I=4,H=32",
        "cell=rnn,T=3,N=5,I=4,H=8",  "cell=rnn,T=3,N=5,I=4,H=16",  "cell=rnn,T=3,N=5,I=4,H=32",
        "cell=rnn,T=3,N=8,I=4,H=8",  "cell=rnn,T=3,N=8,I=4,H=16",  "cell=rnn,T=3,N=8,I=4,H=32",
        "cell=lstm,T=3,N=1,I=4,H=8", "cell=lstm,T=3,N=1,I=4,H=16", "cell=lstm,T=3,N=1,I=4,H=32",
        "cell=lstm,T=3,N=5,I=4,H=8", "cell=lstm,T=3,N=5,I=4,H=16", "cell=lstm,T=3,N=5,I=4,H=32",
        "cell=lstm,T=3,N=8,I=4,H=8", "cell=lstm,T=3,N=8,I=4,H=16", "cell=lstm,T=3,N=8,I=4,H=32"};
    const size_t count = sizeof expected / sizeof expected[0];
    json_t *all = run_json("bench --cell rnn,lstm --batch 1,5-9+3 --inputs 4 --hidden 8-63*2 "
                           "-e cpu --json" QUICK);
    const json_t *rows = json_object_get(all, "cases");
    ck_assert_uint_eq(json_array_size(rows), count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_str_eq(text(json_array_get(rows, i), "problem"), expected[i]);
    }
    json_decref(all);
    all = run_json("bench --layers 1-2+1 --direction forward,bidirectional --hidden 4 -e cpu "
                   "--json" QUICK);
    rows = json_object_get(all, "cases");
    ck_assert_uint_eq(json_array_size(rows), 4);
    const json_t *last = json_array_get(rows, 3);
    ck_assert_int_eq((int)number(last, "layers"), 2);
    ck_assert_str_eq(text(last, "direction"), "bidirectional");
    json_decref(all);
}
END_TEST

/* A problem as check takes it: flops count valid steps alone. */
START_TEST(problems_are_timed) {
    json_t *all = run_json("bench cell=lstm+gru,T=4,N=3,I=4,H=8+6,lengths=ties,seed=7 "
                           "cell=rnn,T=3,H=8,engine=cpu -e cpu --json --runs 3");
    const json_t *rows = json_object_get(all, "cases");
    ck_assert_uint_eq(json_array_size(rows), 2);
    const json_t *row = json_array_get(rows, 0);
    ck_assert_str_eq(text(row, "cell"), "lstm+gru");
    ck_assert_str_eq(text(row, "hidden"), "8+6");
    ck_assert_str_eq(text(row, "problem"), "cell=lstm+gru,T=4,N=3,I=4,H=8+6,lengths=ties,seed=7");
    const double flops = 2.0 * (4 + 4 + 2) * (32 * (4 + 8) + 18 * (8 + 6));
    ck_assert(fabs(number(row, "gflops") / (1e-3 * flops / number(row, "median_us")) - 1) < 1e-6);
    ck_assert_str_eq(text(json_array_get(rows, 1), "engine"), "cpu");
    json_decref(all);
}
END_TEST

static const struct {
    const char *words;
    int code;
    const char *message;
} errors[] = {
    {"", 2, "clrnn: bench: nothing to time"},
    {"--hidden 128-64*2", 2, "--hidden 128-64*2: a range rises, got 128 to 64"},
    {"--hidden 64-128", 2, "--hidden 64-128: a range needs a factor or a step"},
    {"--hidden 64-128*1", 2, "a factor is at least 2"},
    {"--hidden 0-128*2", 2, "a factor is at least 2 and begins at 1 or more"},
    {"--hidden 64-128+0", 2, "a step is at least 1; got 64+0"},
    {"--hidden 64-128+2x", 2, "--hidden 64-128+2x: needs a number or a range"},
    {"--hidden 64-x*2", 2, "--hidden 64-x*2: needs a number or a range"},
    {"--hidden x", 2, "--hidden x: needs a number or a range"},
    {"--hidden -1", 2, "--hidden -1: needs a number or a range"},
    {"--hidden 8,,9", 2, "--hidden 8,,9: an entry of the list is empty"},
    {"--hidden 8,", 2, "an entry of the list is empty"},
    {"--hidden 0", 2, "--hidden: H=0: needs a whole number from 1 to 1048576"},
    {"--hidden 99999999999999999999", 2, "--hidden: H=99999999999999999999"},
    {"--hidden 1-9999999+1", 2, "--hidden: has more than 10000 values"},
    {"--steps 1-1000+1 --batch 1-1000+1", 2, "the lists multiply to more than 10000 cases"},
    {"--cell elman", 2, "--cell: cell=elman: must be one of rnn"},
    {"--direction up", 2, "--direction: dir=up: must be one of"},
    {"--hidden 8 -e gpu", 2, "hint: -e opencl -d gpu"},
    {"--hidden 8 -e opencll", 2, "did you mean opencl?"},
    {"--hidden 8 -e cpu,cpu", 2, "--engine: cpu stands there twice"},
    {"--hidden 8 -e cpu -d 0", 2, "-d 0: the cpu engine runs on no OpenCL device"},
    {"--hidden 8 -e cpu -a single/panl", 2, "did you mean single/panel?"},
    {"--hidden 8 --runs 0", 2, "--runs 0: needs a whole number from 1"},
    {"--hidden 8 --runs 1.5", 2, "--runs 1.5: needs a whole number from 1"},
    {"--hidden 8 --duration 2h", 2, "--duration 2h: needs a time above 0"},
    {"--hidden 8 --duration 0s", 2, "--duration 0s: needs a time above 0"},
    {"--hidden 8 --duration 1s --runs 3", 2, "--runs and --duration: only one can hold"},
    {"--hidden 8 --format xml", 2, "must be one of md|csv|json|jsonl"},
    {"--hidden 8 --format md --json", 2, "--json and --format md: only one can hold"},
    {"--hidden 8 --training", 2, "--training: this version does not have it yet"},
    {"--hidden 8 --chunk 3", 2, "--chunk: not an option of this command"},
    {"cell=rnn,H=8 --hidden 8", 2, "--hidden: a problem says that itself: cell=rnn,H=8"},
    {"cell=rnn,H=8,T=x", 2, "clrnn: bench: problem: T=x"},
    {"--hidden 8 -e cpu --compare TMP/none.json", 4, "none.json: cannot be opened: No such file"},
    {"--hidden 8 -e cpu --compare TMP/text.json", 4, "text.json: is no JSON"},
    {"--hidden 8 -e cpu --compare TMP/empty.json", 4, "needs rows of bench --format json or jsonl"},
};

START_TEST(errors_are_said) {
    char words[256];
    cli_write_text("TMP/text.json", "| case | engine |\n");
    cli_write_text("TMP/empty.json", "{\"version\": \"0.2.0\"}\n");
    (void)snprintf(words, sizeof words, "bench %s", errors[_i].words);
    const outcome *got = program_run(words);
    program_expect_code(got, errors[_i].code, words);
    program_expect_contains(got, got->err, errors[_i].message, words);
    ck_assert_str_eq(got->out, "");
    ck_assert_msg(strncmp(got->err, "clrnn: bench: ", 14) == 0, "%s", got->err);
}
END_TEST

/* Old rows and new ones side by side, whichever of the two formats the old ones have. */
START_TEST(runs_are_compared) {
    static const char *const formats[] = {"json", "jsonl"};
    for (size_t i = 0; i < 2; i++) {
        char words[256];
        (void)snprintf(words, sizeof words, "bench --hidden 8,16 -e cpu --format %s" QUICK,
                       formats[i]);
        const call from = {.words = words, .output = "TMP/old.json"};
        program_expect_code(program_run_call(from), 0, words);
        const outcome *got =
            program_run("bench --hidden 16,32 -e cpu --json --compare TMP/old.json" QUICK);
        program_expect_code(got, 0, "--compare");
        program_expect_contains(got, got->err, "old.json: has no cell=rnn,T=3,N=1,I=32,H=32 on cpu",
                                "--compare");
        program_expect_contains(
            got, got->err,
            "old.json: cell=rnn,T=3,N=1,I=8,H=8 on cpu, algorithm auto was not timed this time",
            "--compare");
        json_t *all = json_loads(got->out, 0, NULL);
        ck_assert_ptr_nonnull(all);
        const json_t *same = json_array_get(json_object_get(all, "cases"), 0);
        const json_t *added = json_array_get(json_object_get(all, "cases"), 1);
        const double ratio = number(same, "old_median_us") / number(same, "median_us");
        ck_assert(fabs(number(same, "old_to_new") / ratio - 1) < 1e-6);
        ck_assert(json_is_null(json_object_get(added, "old_to_new")));
        json_decref(all);
    }
    const outcome *got = program_run("bench --hidden 16 -e cpu --compare TMP/old.json" QUICK);
    program_expect_code(got, 0, "--compare as md");
    program_expect_contains(got, got->out, "| old/new |", "--compare as md");
}
END_TEST

/* Rows that name their sizes alone, as any program may write them. */
START_TEST(sizes_name_a_case) {
    cli_write_text("TMP/sizes.json",
                   "{\"cell\": \"rnn\", \"steps\": 3, \"batch\": 1, \"inputs\": 8, \"hidden\": 8, "
                   "\"layers\": 2, \"direction\": \"bidirectional\", \"engine\": \"cpu\", "
                   "\"median_us\": 1e6}\n");
    json_t *all = run_json("bench --hidden 8 --layers 2 --direction bidirectional -e cpu --json "
                           "--compare TMP/sizes.json" QUICK);
    ck_assert(number(json_array_get(json_object_get(all, "cases"), 0), "old_to_new") > 1);
    json_decref(all);
}
END_TEST

static int has_device(void) {
    clrnn_device_info best = {0};
    size_t count = 0;
    return clrnn_devices(&count, &best, 1) == CLRNN_STATUS_OK && count > 0 && best.usable;
}

START_TEST(engines_take_turns) {
    static const char *const engines[] = {"auto", "cpu", "opencl"};
    const char *words = "bench --hidden 8,16 -e auto,cpu,opencl --json" QUICK;
    call bare = {.words = words, .variable = "OCL_ICD_VENDORS=TMP/"};
    if (has_device()) {
        json_t *all = run_json(words);
        const json_t *rows = json_object_get(all, "cases");
        ck_assert_uint_eq(json_array_size(rows), 6);
        for (size_t i = 0; i < 6; i++) {
            const json_t *row = json_array_get(rows, i);
            ck_assert_str_eq(text(row, "engine"), engines[i % 3]);
            ck_assert_int_eq((int)number(row, "runs"), 3);
            ck_assert(number(row, "peak_fraction") > 0);
        }
        ck_assert_str_eq(text(json_array_get(rows, 2), "runs_on"), "opencl");
        json_decref(all);
    }
    const outcome *got = program_run_call(bare);
    program_expect_code(got, 0, "no driver");
    program_expect_contains(got, got->err, "the opencl engine is not timed: ", "no driver");
    json_t *all = json_loads(got->out, 0, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(all, "cases")), 4);
    json_decref(all);
    bare.words = "bench --hidden 8 -e opencl" QUICK;
    got = program_run_call(bare);
    program_expect_code(got, 3, "no driver at all");
    program_expect_contains(got, got->err, "opening the opencl engine: there is no OpenCL driver",
                            "no driver at all");
}
END_TEST

START_TEST(algorithms_take_turns) {
    json_t *all = run_json("bench --hidden 8 -e cpu -a auto,all --json" QUICK);
    const json_t *rows = json_object_get(all, "cases");
    ck_assert_uint_ge(json_array_size(rows), 2);
    ck_assert_str_eq(text(json_array_get(rows, 0), "asked"), "auto");
    const json_t *named = json_array_get(rows, 1);
    ck_assert_str_eq(text(named, "asked"), text(named, "algorithm"));
    json_decref(all);
    all = run_json("bench cell=rnn,T=3,H=8,algorithm=single/panel -e cpu --json --runs 3");
    named = json_array_get(json_object_get(all, "cases"), 0);
    ck_assert_str_eq(text(named, "asked"), "single/panel");
    ck_assert_str_eq(text(named, "problem"), "cell=rnn,T=3,N=1,I=8,H=8");
    json_decref(all);
    if (has_device()) {
        /* the cpu engine has no step/stream: its row is passed over */
        const char *words = "bench --hidden 8 -e opencl,cpu -a step/stream --json" QUICK;
        const outcome *got = program_run(words);
        program_expect_code(got, 0, words);
        program_expect_contains(got, got->err,
                                "step/stream on the cpu engine is passed over: ", words);
        all = json_loads(got->out, 0, NULL);
        ck_assert_uint_eq(json_array_size(json_object_get(all, "cases")), 1);
        json_decref(all);
    }
}
END_TEST

START_TEST(time_is_limited) {
    json_t *all = run_json("bench --hidden 8 --steps 3 -e cpu --duration 20ms --json");
    ck_assert(number(json_array_get(json_object_get(all, "cases"), 0), "runs") >= 5);
    json_decref(all);
    const outcome *got = program_run("bench --hidden 8,16 -e cpu --progress always" QUICK);
    program_expect_code(got, 0, "--progress");
    program_expect_contains(got, got->err, "2 of 2: cell=rnn,T=3,N=1,I=16,H=16", "--progress");
    got = program_run("bench --help");
    program_expect_contains(got, got->out, "roofline = max(flops / FMA peak", "bench --help");
    program_expect_contains(got, got->out, "--runs N", "bench --help");
}
END_TEST

TCase *cli_bench(void) {
    TCase *bench = tcase_create("bench");
    tcase_add_unchecked_fixture(bench, program_open, program_close);
    tcase_add_test(bench, json_holds_every_number);
    tcase_add_test(bench, lines_are_objects);
    tcase_add_test(bench, tables_are_rectangular);
    tcase_add_test(bench, ranges_multiply_out);
    tcase_add_test(bench, problems_are_timed);
    tcase_add_loop_test(bench, errors_are_said, 0, (int)(sizeof errors / sizeof errors[0]));
    tcase_add_test(bench, runs_are_compared);
    tcase_add_test(bench, sizes_name_a_case);
    tcase_add_test(bench, engines_take_turns);
    tcase_add_test(bench, algorithms_take_turns);
    tcase_add_test(bench, time_is_limited);
    return bench;
}
