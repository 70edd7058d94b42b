/*
 * cli_tune.c: `clrnn tune` and --tuning: where the file is, what is said of it, and what it holds,
 * never how fast anything was. Lines say -e cpu, so that they hold on a machine without a driver.
 */
#include "cli_tune.h"

#include "cli_files.h"
#include "cli_program.h"
#include "support.h"
#include "tunings.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN "run DATA/seed_numpy.npz -i DATA/seed_x.npy -e cpu -v "
#define NO_TUNING "{\"schema\": \"clrnn-tuning-1\"}"
#define PASSED_OVER "clrnn: run: the tuning is passed over: "

/* A file that says of this machine's cpu engine what is usual. */
static void put_tuning(const char *path) {
    clrnn_context *context = NULL;
    char *expanded = program_expand(path);
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    const struct tuning tuning = tunings_of(context);
    ok(tunings_put(expanded, &tuning, 1));
    clrnn_context_free(context);
    free(expanded);
}

static void make_folder(const char *path) {
    char command[300];
    char *expanded = program_expand(path);
    (void)snprintf(command, sizeof command, "mkdir -p '%.250s'", expanded);
    ck_assert_int_eq(system(command), 0);
    free(expanded);
}

static const outcome *expect_said(call from, const char *part) {
    const outcome *got = program_run_call(from);
    program_expect_code(got, 0, from.words);
    program_expect_contains(got, got->err, part, from.words);
    return got;
}

/* ---- which file ------------------------------------------------------------------------------ */

START_TEST(runs_say_which) {
    put_tuning("TMP/here.json");
    (void)expect_said((call){.words = RUN}, "\ntuning: usual speeds\n");
    (void)expect_said((call){.words = RUN "--tuning none"}, "\ntuning: usual speeds\n");
    (void)expect_said((call){.words = RUN "--tuning TMP/here.json"},
                      "\ntuning: speeds measured on 2026-11-25\n");
    (void)expect_said((call){.words = "check cell=rnn,T=3,H=4 -e cpu --tuning TMP/here.json"}, "");
    const outcome *got =
        program_run("bench --hidden 8 --steps 3 --runs 3 -e cpu --json --tuning TMP/here.json");
    program_expect_code(got, 0, "bench --tuning");
    ck_assert_str_eq(got->err, "");
}
END_TEST

/* XDG_DATA_HOME, if it is an absolute path; else ~/.local/share; else none. */
START_TEST(usual_file_is_where_the_rules_say) {
    static const char used[] = "\ntuning: speeds measured on 2026-11-25\n";
    static const char unused[] = "\ntuning: usual speeds\n";
    make_folder("TMP/data/clrnn");
    make_folder("TMP/home/.local/share/clrnn");
    put_tuning("TMP/data/clrnn/tuning.json");
    (void)expect_said((call){.words = RUN, .variable = "XDG_DATA_HOME=TMP/data HOME=TMP/home"},
                      used);
    (void)expect_said((call){.words = RUN, .variable = "XDG_DATA_HOME=TMP/data HOME"}, used);
    (void)expect_said((call){.words = RUN, .variable = "XDG_DATA_HOME HOME=TMP/home"}, unused);
    put_tuning("TMP/home/.local/share/clrnn/tuning.json");
    (void)expect_said((call){.words = RUN, .variable = "XDG_DATA_HOME HOME=TMP/home"}, used);
    (void)expect_said((call){.words = RUN, .variable = "XDG_DATA_HOME= HOME=TMP/home"}, used);
    (void)expect_said((call){.words = RUN, .variable = "XDG_DATA_HOME=data HOME=TMP/home"}, used);
    (void)expect_said((call){.words = RUN, .variable = "XDG_DATA_HOME HOME"}, unused);
    (void)expect_said((call){.words = RUN, .variable = "XDG_DATA_HOME HOME=home"}, unused);
    (void)expect_said(
        (call){.words = RUN "--tuning none", .variable = "XDG_DATA_HOME=TMP/data HOME=TMP/home"},
        unused);
    const outcome *got =
        program_run_call((call){.words = "tune -e cpu", .variable = "XDG_DATA_HOME HOME"});
    program_expect_code(got, 2, "tune without a home");
    program_expect_contains(
        got, got->err,
        "there is no folder for the tuning: neither HOME nor XDG_DATA_HOME is set "
        "to an absolute path",
        "tune");
    program_expect_contains(got, got->err, "hint: set XDG_DATA_HOME=FOLDER, or --tuning FILE says",
                            "tune");
}
END_TEST

/* ---- bad files ------------------------------------------------------------------------------- */

static int count_of(const char *text, const char *part) {
    int count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        count++;
    }
    return count;
}

START_TEST(bad_named_files_end_the_run) {
    static const char *const lines[] = {
        "run DATA/seed_numpy.npz -i DATA/seed_x.npy -e cpu ", "check cell=rnn,T=3,H=4 -e cpu ",
        "bench --hidden 8 --steps 3 --runs 3 -e cpu ", "tune -e cpu "};
    cli_write_text("TMP/bad.json", NO_TUNING);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char words[200];
        (void)snprintf(words, sizeof words, "%s--tuning TMP/bad.json", lines[i]);
        const outcome *got = program_run(words);
        program_expect_code(got, 4, words);
        program_expect_contains(got, got->err, "bad.json: is no tuning file: it has no \"devices\"",
                                words);
        ck_assert_msg(count_of(got->err, "bad.json") == 1, "%s", got->err);
        ck_assert_str_eq(got->out, "");
    }
}
END_TEST

/* The usual file was not asked for: a note, once, and the run goes on. */
START_TEST(bad_usual_files_are_noted) {
    call from = {.words = RUN, .variable = "XDG_DATA_HOME=TMP/bad"};
    make_folder("TMP/bad/clrnn");
    cli_write_text("TMP/bad/clrnn/tuning.json", NO_TUNING);
    const outcome *got = expect_said(from, PASSED_OVER);
    program_expect_contains(got, got->err, "tuning.json: is no tuning file", from.words);
    program_expect_contains(got, got->err, "\ntuning: usual speeds\n", from.words);
    program_expect_contains(got, got->out, "output  float32 [10][8]", from.words);
    from.words = "run DATA/seed_numpy.npz -i DATA/seed_x.npy -e cpu -q";
    got = expect_said(from, "");
    ck_assert_str_eq(got->err, "");
    from.words = "bench --hidden 8 --steps 3 --runs 3 -e cpu --json";
    got = expect_said(from, "the tuning is passed over: ");
    ck_assert_int_eq(count_of(got->err, "passed over"), 1);
    from.words = RUN "--tuning none";
    got = expect_said(from, "\ntuning: usual speeds\n");
    ck_assert_int_eq(count_of(got->err, "passed over"), 0);
    from.words = "tune -e cpu";
    got = program_run_call(from);
    program_expect_code(got, 4, from.words);
    program_expect_contains(got, got->err, "tuning.json: is no tuning file", from.words);
}
END_TEST

START_TEST(folders_are_made) {
    call from = {.words = "tune -d no-device-is-called-so",
                 .variable = "XDG_DATA_HOME HOME=TMP/new"};
    program_expect_code(program_run_call(from), 3, from.words);
    ck_assert(program_exists("TMP/new/.local/share/clrnn"));
    ck_assert(!program_exists("TMP/new/.local/share/clrnn/tuning.json"));
    from.variable = "XDG_DATA_HOME=TMP/text.npy";
    const outcome *got = program_run_call(from);
    program_expect_code(got, 1, from.words);
    program_expect_contains(got, got->err, "clrnn: tune: making the folder ", from.words);
    program_expect_contains(got, got->err, "text.npy/clrnn: Not a directory", from.words);
}
END_TEST

/* ---- measuring ------------------------------------------------------------------------------- */

/* Kernels that no compiler optimized take minutes. */
static int may_measure(void) {
#ifdef __OPTIMIZE__
    return 1;
#else
    return getenv("CLRNN_LONG") != NULL;
#endif
}

static void expect_json(const outcome *got) {
    json_t *value = json_loads(got->out, 0, NULL);
    const json_t *path = json_object_get(value, "path");
    const json_t *devices = json_object_get(value, "devices");
    const json_t *entry = json_array_get(devices, 0);
    ck_assert_ptr_nonnull(strstr(json_string_value(path), "/made/clrnn/tuning.json"));
    ck_assert_uint_eq(json_array_size(devices), 1);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "engine")), "cpu");
    ck_assert_str_ne(json_string_value(json_object_get(entry, "device")), "another device");
    ck_assert_uint_eq(json_object_size(json_object_get(entry, "speeds")), ESTIMATE_FIELDS);
    ck_assert_uint_eq(json_array_size(json_object_get(entry, "choices")), TUNE_SHAPES);
    json_decref(value);
}

static void put_another(const char *path) {
    struct tuning other = {.device = {"cpu", "another device", "", "1", 1},
                           .speeds = {.gflops = 1, .near_gbps = 1, .far_gbps = 1}};
    char *expanded = program_expand(path);
    ok(tunings_put(expanded, &other, 1));
    free(expanded);
}

/* Told as JSON and as text: what was measured now, not what the file had; runs take it from then on. */
START_TEST(this_machine_is_measured) {
    call from = {.words = "tune -e cpu --json --progress always",
                 .variable = "XDG_DATA_HOME=TMP/made"};
    if (!may_measure()) {
        return;
    }
    make_folder("TMP/made/clrnn");
    put_another("TMP/made/clrnn/tuning.json");
    const outcome *got = expect_said(from, "clrnn: tune: written to ");
    program_expect_contains(got, got->err, ": choosing lanes...", from.words);
    program_expect_contains(got, got->err, ": shape 26 of 26", from.words);
    expect_json(got);
    (void)expect_said((call){.words = RUN, .variable = from.variable},
                      "\ntuning: speeds measured on 20");
    from.words = "tune -e cpu -q";
    got = expect_said(from, "");
    ck_assert_str_eq(got->err, "");
    ck_assert_ptr_eq(strstr(got->out, "cpu: cpu ("), got->out);
    program_expect_contains(got, got->out, "  gflops ", from.words);
    program_expect_contains(got, got->out, "  by the measured speeds: half of ", from.words);
    program_expect_contains(got, got->out, "gru   10,1,1024,1024     cpu ", from.words);
    program_expect_contains(got, got->out, "\ntuned, auto takes ", from.words);
    ck_assert_int_eq(count_of(got->out, "another device"), 0);
}
END_TEST

TCase *cli_tune(void) {
    TCase *tune = tcase_create("tune");
    tcase_set_timeout(tune, 1200);
    tcase_add_unchecked_fixture(tune, cli_files_open, program_close);
    tcase_add_test(tune, runs_say_which);
    tcase_add_test(tune, usual_file_is_where_the_rules_say);
    tcase_add_test(tune, bad_named_files_end_the_run);
    tcase_add_test(tune, bad_usual_files_are_noted);
    tcase_add_test(tune, folders_are_made);
    tcase_add_test(tune, this_machine_is_measured);
    return tune;
}
