/*
 * test_cli.c: the built program as a user meets it: exit codes, both output streams, files.
 *
 * Most command lines say -e cpu, so that they hold on a machine without a driver.
 */
#include "cli_bench.h"
#include "cli_files.h"
#include "cli_program.h"
#include "cli_readme.h"
#include "cli_selftest.h"
#include "cli_stacks.h"
#include "cli_tables.h"
#include "cli_tune.h"
#include "clrnn.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *cli_suite(void);

/* ---- errors ---------------------------------------------------------------------------------- */

START_TEST(errors_are_said) {
    program_drop("TMP/y.npy");
    const outcome *got = program_run(errors[_i].words);
    program_expect_code(got, errors[_i].code, errors[_i].words);
    program_expect_contains(got, got->err, errors[_i].message, errors[_i].words);
    ck_assert_str_eq(got->out, "");
    ck_assert_msg(strncmp(got->err, "clrnn: ", 7) == 0, "%s", got->err);
    ck_assert_msg(!program_exists("TMP/y.npy"), "'%s' left a file", errors[_i].words);
}
END_TEST

/* ---- what works ------------------------------------------------------------------------------ */

START_TEST(answers_are_given) {
    const outcome *got = program_run(answers[_i].words);
    program_expect_code(got, answers[_i].code, answers[_i].words);
    program_expect_contains(got, got->out, answers[_i].out, answers[_i].words);
    ck_assert_str_eq(got->err, "");
}
END_TEST

#define VOWELS "DATA/simple_rnn.npz -i DATA/x_test.npy --batch-first -l DATA/lengths_test.npy "

START_TEST(pytorch_results_hold) {
    const outcome *got = program_run("check " VOWELS "--expect DATA/expected_simple_rnn.npz");
    program_expect_code(got, 0, "check");
    program_expect_contains(got, got->out, "expected ", "check");
    got = program_run(
        "check TMP/off.npz -i DATA/x_test.npy --batch-first -l DATA/lengths_test.npy -e cpu "
        "--expect DATA/expected_simple_rnn.npz");
    program_expect_code(got, 5, "check of a wrong weight");
    program_expect_contains(got, got->err, "clrnn: check: mismatch: expected: y of step", "check");
    program_expect_contains(got, got->out, "MISMATCH", "check");
    got = program_run("check " VOWELS "-e cpu --rows 3:9 --expect DATA/expected_simple_rnn.npz");
    program_expect_code(got, 0, "check of some rows");
}
END_TEST

START_TEST(chunks_change_nothing) {
    program_expect_code(program_run("run " VOWELS "-e cpu -o TMP/whole.npz"), 0, "whole");
    program_expect_code(program_run("run " VOWELS "-e cpu -o TMP/pieces.npz --chunk 7"), 0,
                        "pieces");
    cli_expect_same("TMP/whole.npz", "TMP/pieces.npz", "output");
    cli_expect_same("TMP/whole.npz", "TMP/pieces.npz", "h_n");
    const outcome *got = program_run("run " VOWELS "-e cpu --chunk 7 -v");
    program_expect_contains(got, got->err, "pieces: 7 steps", "what -v says of pieces");
}
END_TEST

/* The end of one run is the start of the next; h_n of two halves is h_n of the whole. */
START_TEST(streams_go_on) {
    cli_cut("TMP/first.npy", "DATA/seed_x.npy", 0, 0, 5);
    cli_cut("TMP/second.npy", "DATA/seed_x.npy", 0, 5, 5);
    program_expect_code(program_run("run " SEED "-o TMP/all.npz"), 0, "whole");
    program_expect_code(
        program_run("run DATA/seed_numpy.npz -i TMP/first.npy -e cpu --final-state TMP/s.npz"), 0,
        "first");
    program_expect_code(
        program_run("run DATA/seed_numpy.npz -i TMP/second.npy -e cpu --initial-state TMP/s.npz "
                    "--final-state TMP/s.npz"),
        0, "second");
    cli_expect_same("TMP/all.npz", "TMP/s.npz", "h_n");
}
END_TEST

/* What is read stays as it is, by whatever name it would be written over, standard input too. */
START_TEST(inputs_are_not_outputs) {
    static const char *const lines[] = {"run DATA/simple_rnn.npz -e cpu -i - -o TMP/both.npy",
                                        "run DATA/simple_rnn.npz -e cpu -i - --trace TMP/both.npy"};
    cli_save(cli_load("TMP/x.npy"), "TMP/both.npy");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const outcome *got = program_run_call((call){.words = lines[i], .input = "TMP/both.npy"});
        program_expect_code(got, 2, lines[i]);
        program_expect_contains(got, got->err, "is also the input of -i", lines[i]);
        cli_expect_same("TMP/both.npy", "TMP/x.npy", "");
    }
}
END_TEST

START_TEST(sums_are_of_the_bytes) {
    const outcome *got = program_run("run " SEED "--sha256 -o TMP/sum.npy");
    program_expect_code(got, 0, "sha256");
    ck_assert_int_eq(strncmp(got->out, "SHA256 (output) = ", 18), 0);
    ck_assert_int_eq((int)strcspn(got->out + 18, "\n"), 64);
    ck_assert_ptr_nonnull(strstr(got->out, "\nSHA256 (h_n) = "));
}
END_TEST

START_TEST(streams_are_standard) {
    call from = {.words = "run DATA/seed_numpy.npz -i - -e cpu -o -",
                 .input = "DATA/seed_x.npy",
                 .output = "TMP/piped.npy"};
    program_expect_code(program_run_call(from), 0, "- to -");
    program_expect_code(program_run("run " SEED "-o TMP/filed.npy"), 0, "file");
    cli_expect_same("TMP/piped.npy", "TMP/filed.npy", "");
    from.words = "run DATA/seed_numpy.npz -i - -l - -e cpu";
    from.output = NULL;
    const outcome *got = program_run_call(from);
    program_expect_code(got, 2, "- twice");
    program_expect_contains(got, got->err, "standard input is read by --input already", "- twice");
    from = (call){.words = "run - -i - -e cpu", .input = "DATA/seed_numpy.npz"};
    got = program_run_call(from);
    program_expect_code(got, 2, "model and x");
    program_expect_contains(got, got->err, "--input: standard input is read by the model already",
                            "model and x");
}
END_TEST

START_TEST(lost_output_is_no_success) {
    program_drop("TMP/y.npy");
    call from = {.words = "run " SEED "--sha256 -o TMP/y.npy", .output = "/dev/full"};
    const outcome *got = program_run_call(from);
    program_expect_code(got, 1, "full");
    program_expect_contains(got, got->err, "clrnn: run: writing standard output: No space left",
                            "full");
    ck_assert(!program_exists("TMP/y.npy"));
    from.words = "run " SEED "-o -";
    program_expect_code(program_run_call(from), 1, "-o - to a full device");
    from.words = "help";
    program_expect_code(program_run_call(from), 1, "help to a full device");
    from.output = "";
    got = program_run_call(from);
    program_expect_code(got, 1, "help to a closed stream");
    ck_assert_str_eq(got->err, "clrnn: help: writing standard output: Bad file descriptor\n");
    from.words = "run " SEED "-o TMP/y.npy";
    got = program_run_call(from);
    program_expect_code(got, 0, "nothing to say to a closed stream");
    ck_assert(program_exists("TMP/y.npy"));
    program_drop("TMP/y.npy");
    got = program_run("run " SEED "-o /dev/full");
    program_expect_code(got, 1, "-o /dev/full");
    ck_assert(program_exists("/dev/full"));
}
END_TEST

/* A limit on file sizes is a write that fails, not the end by a signal. */
START_TEST(size_limits_are_said) {
    struct rlimit before;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit small = {.rlim_cur = 256, .rlim_max = before.rlim_max};
    program_drop("TMP/y.npy");
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    const outcome *got = program_run("run " SEED TO_FILE);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    program_expect_code(got, 1, "a limit of 256 bytes");
    program_expect_contains(got, got->err, "y.npy: cannot be written: File too large", "limit");
    ck_assert(!program_exists("TMP/y.npy"));
}
END_TEST

/* The final state of some rows starts the same rows again. */
START_TEST(rows_go_on) {
    program_expect_code(
        program_run("run " SIMPLE "--rows 1:2 --final-state TMP/rows.npz -o TMP/r.npy"), 0, "rows");
    program_expect_code(program_run("run " SIMPLE "--rows 1:2 --initial-state TMP/rows.npz"), 0,
                        "rows again");
    const outcome *got = program_run("check " SIMPLE "--rows 1:2 --json");
    program_expect_code(got, 0, "check of row 1");
    program_expect_contains(got, got->out, "\"row\": 1", "the user's row number");
    ck_assert_str_eq(got->err, "");
    got = program_run("check " SIMPLE "-v");
    program_expect_contains(got, got->err, "they decide nothing", "the footer of -v");
}
END_TEST

/* A reader that goes away: `clrnn | true`. */
START_TEST(broken_pipes_are_quiet) {
    static const char *const lines[] = {"help run", "run " SEED "-o -", "run " SEED "--json"};
    char *path = program_expand("TMP/pipe");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        call from = {.words = lines[i], .output = "TMP/pipe", .input = "TMP/gate"};
        /* the program waits for its input until the reader has come and gone */
        char *gate = program_expand("TMP/gate");
        ck_assert_int_eq(mkfifo(gate, 0600), 0);
        pid_t child = program_start(&from);
        int reader = open(path, O_RDONLY);
        (void)close(reader);
        int writer = open(gate, O_WRONLY);
        (void)close(writer);
        const outcome *got = program_finish(&from, child);
        program_expect_code(got, 1, lines[i]);
        ck_assert_str_eq(got->err, "");
        (void)unlink(gate);
        free(gate);
    }
    free(path);
}
END_TEST

START_TEST(interrupts_leave_nothing) {
    char *path = program_expand("TMP/waiting");
    call from = {.words = "run DATA/seed_numpy.npz -i TMP/waiting -e cpu -o TMP/y.npy"};
    program_drop("TMP/y.npy");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    pid_t child = program_start(&from);
    int writer = open(path, O_WRONLY); /* returns when the program reads, and nothing comes */
    ck_assert_int_eq(kill(child, SIGINT), 0);
    const outcome *got = program_finish(&from, child);
    (void)close(writer);
    program_expect_code(got, 130, "SIGINT");
    ck_assert_str_eq(got->err, "");
    ck_assert(!program_exists("TMP/y.npy"));
    free(path);
}
END_TEST

/* A folder without drivers stands for a machine without any. */
START_TEST(no_driver_is_said) {
    call from = {.words = "devices", .variable = "OCL_ICD_VENDORS=TMP/"};
    const outcome *got = program_run_call(from);
    program_expect_code(got, 3, "devices");
    ck_assert_str_eq(got->out, "");
    program_expect_contains(got, got->err, "clrnn: devices: there is no OpenCL driver", "devices");
    from.words = "devices --json";
    got = program_run_call(from);
    program_expect_code(got, 3, "devices --json");
    ck_assert_str_eq(got->out, "[]\n");
    from.words = "run DATA/seed_numpy.npz -i DATA/seed_x.npy -e opencl -o TMP/y.npy";
    got = program_run_call(from);
    program_expect_code(got, 3, from.words);
    program_expect_contains(got, got->err,
                            "opening a device: there is no OpenCL driver\nhint: ", from.words);
    from.words = "run DATA/seed_numpy.npz -i DATA/seed_x.npy -d nvidia";
    got = program_run_call(from);
    program_expect_code(got, 3, from.words);
    program_expect_contains(got, got->err, "there is no OpenCL driver\nhint: ", from.words);
    from.words = "run DATA/seed_numpy.npz -i DATA/seed_x.npy";
    got = program_run_call(from);
    program_expect_code(got, 0, from.words);
    ck_assert_str_eq(got->err, "clrnn: run: no OpenCL device, running on the cpu engine\n");
    from.words = "run DATA/seed_numpy.npz -i DATA/seed_x.npy -q";
    got = program_run_call(from);
    program_expect_code(got, 0, from.words);
    ck_assert_str_eq(got->err, "");
    from.words = "run DATA/seed_numpy.npz -i DATA/seed_x.npy -v";
    got = program_run_call(from);
    program_expect_code(got, 0, from.words);
    program_expect_contains(got, got->err, "engine: cpu\n", from.words);
    from.words = "check cell=rnn,T=3,H=4";
    got = program_run_call(from);
    program_expect_code(got, 0, from.words);
    program_expect_contains(got, got->err, "alone is checked: there is no OpenCL driver\n",
                            from.words);
}
END_TEST

START_TEST(blanks_and_closed_streams_are_said) {
    call from = {.words = "run " SEED "-o -", .output = ""};
    const outcome *got = program_run_call(from);
    program_expect_code(got, 1, "-o - to a closed stream");
    program_expect_contains(got, got->err, "writing standard output: ", "-o - when closed");
    got = program_run("check T=5,\tN=2");
    program_expect_code(got, 2, "a blank");
    program_expect_contains(got, got->err, "blanks are not allowed", "a blank");
}
END_TEST

START_TEST(environment_names_the_device) {
    call from = {.words = "run DATA/seed_numpy.npz -i DATA/seed_x.npy",
                 .variable = "CLRNN_DEVICE=no-device-is-called-so"};
    const outcome *got = program_run_call(from);
    program_expect_code(got, 3, "CLRNN_DEVICE");
    program_expect_contains(got, got->err,
                            "opening a device that CLRNN_DEVICE names: ", "CLRNN_DEVICE");
    from.words = "run " SEED;
    program_expect_code(program_run_call(from), 0, "CLRNN_DEVICE with -e cpu");
}
END_TEST

/* Notes: what is taken for a reason that is easily missed. */
START_TEST(notes_are_given) {
    static const struct {
        const char *words, *note;
    } notes[] = {
        {"run TMP/lstm.npz -i TMP/x.npy -e cpu --initial-state TMP/hc_lstm.npz",
         "hc_lstm.npz: holds no c_0: c_0 is 0\n"},
        {"run TMP/lstm.npz -i TMP/x.npy -e cpu --initial-state TMP/h_lstm.npy",
         "h_lstm.npy: holds h_0 alone: c_0 is 0\n"},
        {"run TMP/mixed.npz -i TMP/x.npy -e cpu --initial-state TMP/h_ends.npz",
         "h_ends.npz: holds no c_n_l0: c_0_l0 is 0\n"},
        {"check " SIMPLE "-l TMP/l_zeros.npy",
         "clrnn: check: every length is 0: no step is computed, and none is judged\n"},
    };
    clrnn_arrays *arrays = NULL;
    ck_assert_int_eq(clrnn_arrays_create(&arrays), CLRNN_STATUS_OK);
    cli_add(arrays, "h_n_l0", CLRNN_DTYPE_F32, SHAPE(1, 2, 8), 0, 1);
    cli_add(arrays, "h_n_l1", CLRNN_DTYPE_F32, SHAPE(1, 2, 6), 0, 1);
    cli_save(arrays, "TMP/h_ends.npz");
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        char words[256];
        const outcome *got = program_run(notes[i].words);
        program_expect_code(got, 0, notes[i].words);
        program_expect_contains(got, got->err, notes[i].note, notes[i].words);
        /* of -v and -q the last one counts */
        (void)snprintf(words, sizeof words, "%s -v -q", notes[i].words);
        got = program_run(words);
        program_expect_code(got, 0, words);
        ck_assert_str_eq(got->err, "");
        (void)snprintf(words, sizeof words, "%s -qv", notes[i].words);
        got = program_run(words);
        program_expect_contains(got, got->err, notes[i].note, words);
        program_expect_contains(got, got->err, "engine: cpu", words);
    }
    const outcome *got = program_run("check " SIMPLE "-l TMP/l.npy");
    ck_assert_str_eq(got->err, "");
}
END_TEST

/* A model may come from standard input; run's help does not speak of a seed. */
START_TEST(models_may_be_piped) {
    const call from = {.words = "run - -i DATA/seed_x.npy -e cpu -o TMP/piped",
                       .input = "DATA/seed_numpy.npz"};
    program_expect_code(program_run_call(from), 0, "MODEL -");
    program_expect_code(program_run("run " SEED "-o TMP/filed.npy"), 0, "MODEL");
    cli_expect_same("TMP/piped", "TMP/filed.npy", "");
    ck_assert_ptr_null(strstr(program_run("run --help")->out, "--seed"));
    ck_assert_ptr_nonnull(strstr(program_run("check --help")->out, "--seed"));
}
END_TEST

START_TEST(names_are_escaped) {
    const outcome *got = program_run("summary TMP/a\nb\033[31m.npz");
    program_expect_code(got, 4, "a name with control characters");
    program_expect_contains(got, got->err, "a\\nb\\x1b[31m.npz", "a name with control characters");
    ck_assert_ptr_eq(strchr(got->err, '\n'), got->err + strlen(got->err) - 1);
    got = program_run("summary no\xff\tfile.npz");
    program_expect_code(got, 4, "a name that is no UTF-8");
    program_expect_contains(got, got->err, "clrnn: summary: reading no\\xff", "no UTF-8");
    ck_assert_ptr_nonnull(strstr(got->err, "file.npz: cannot"));
    ck_assert_ptr_eq(strstr(got->err, "file.npz"), strstr(got->err, "file.npz: cannot"));
}
END_TEST

Suite *cli_suite(void) {
    Suite *suite = suite_create("cli");
    TCase *tables = tcase_create("tables");
    TCase *behaviour = tcase_create("behaviour");
    tcase_add_unchecked_fixture(tables, cli_files_open, program_close);
    tcase_add_loop_test(tables, errors_are_said, 0, (int)(sizeof errors / sizeof errors[0]));
    tcase_add_loop_test(tables, answers_are_given, 0, (int)(sizeof answers / sizeof answers[0]));
    tcase_add_unchecked_fixture(behaviour, cli_files_open, program_close);
    tcase_add_test(behaviour, pytorch_results_hold);
    tcase_add_test(behaviour, chunks_change_nothing);
    tcase_add_test(behaviour, streams_go_on);
    tcase_add_test(behaviour, inputs_are_not_outputs);
    tcase_add_test(behaviour, sums_are_of_the_bytes);
    tcase_add_test(behaviour, streams_are_standard);
    tcase_add_test(behaviour, lost_output_is_no_success);
    tcase_add_test(behaviour, size_limits_are_said);
    tcase_add_test(behaviour, rows_go_on);
    tcase_add_test(behaviour, broken_pipes_are_quiet);
    tcase_add_test(behaviour, interrupts_leave_nothing);
    tcase_add_test(behaviour, no_driver_is_said);
    tcase_add_test(behaviour, blanks_and_closed_streams_are_said);
    tcase_add_test(behaviour, environment_names_the_device);
    tcase_add_test(behaviour, notes_are_given);
    tcase_add_test(behaviour, models_may_be_piped);
    tcase_add_test(behaviour, names_are_escaped);
    suite_add_tcase(suite, tables);
    suite_add_tcase(suite, behaviour);
    suite_add_tcase(suite, cli_stacks());
    suite_add_tcase(suite, cli_readme());
    suite_add_tcase(suite, cli_bench());
    suite_add_tcase(suite, cli_tune());
    suite_add_tcase(suite, cli_selftest());
    return suite;
}
