/*
 * test_strict.c: the promise of --strict, as a user meets it: every fixture gives one SHA-256 of
 * its output on both engines, by every algorithm, whole or in pieces; and a row alone is that row.
 *
 * Which driver runs is the environment's choice: `make check-long` runs this suite on others too.
 */
#include "cli_program.h"
#include "clrnn.h"
#include "suites.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *model_and_input;
    const char *row; /* --rows, and the name of the array it is a row of; NULL: one sequence */
} fixtures[] = {
    {"DATA/seed_numpy.npz -i DATA/seed_x.npy", NULL},
    {"DATA/simple_rnn.npz --batch-first -i DATA/x_test.npy -l DATA/lengths_test.npy", "5:6"},
    {"DATA/torch_bilstm.safetensors --batch-first -i DATA/x_test.npy -l DATA/lengths_test.npy",
     "5:6"},
};
enum { FIXTURES = sizeof fixtures / sizeof fixtures[0] };

/* "SHA256 (output) = ..." of every output, as run prints them. */
static void hashes(char text[1024], const char *options, const char *fixture, int code) {
    char words[512];
    snprintf(words, sizeof words, "run %s --strict --sha256 -q %s", fixture, options);
    const outcome *got = program_run(words);
    program_expect_code(got, code, words);
    text[0] = '\0';
    for (const char *line = got->out; line != NULL && *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        if (strncmp(line, "SHA256 (", 8) == 0) {
            const size_t used = strlen(text);
            ck_assert_uint_lt(used + length + 2, 1024);
            snprintf(text + used, 1024 - used, "%.*s\n", (int)length, line);
        }
        line += length + (line[length] == '\n');
    }
    ck_assert_msg(code != 0 || text[0] != '\0', "%s printed no SHA256", words);
}

/* A usable device; strict may still be refused on it. */
static const char *device_name(void) {
    static clrnn_device_info info;
    size_t count = 0;
    ck_assert_int_eq(clrnn_devices(&count, &info, 1), CLRNN_STATUS_OK);
    return count > 0 && info.usable ? info.name : NULL;
}

START_TEST(one_hash_everywhere) {
    static const char *const ways[] = {
        "", "--chunk 1", "--chunk 7", "-a single/panel", "-a single/stream", "-a step/stream"};
    const char *device = device_name();
    const char *fixture = fixtures[_i].model_and_input;
    char expected[1024], got[1024], options[64];
    program_open();
    hashes(expected, "-e cpu", fixture, 0);
    for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
        if (way < 3) {
            snprintf(options, sizeof options, "-e cpu %s", ways[way]);
            hashes(got, options, fixture, 0);
            ck_assert_msg(strcmp(expected, got) == 0, "%s %s:\n%s-e cpu:\n%s", fixture, options,
                          got, expected);
        }
        if (device != NULL) {
            snprintf(options, sizeof options, "-e opencl %s", ways[way]);
            hashes(got, options, fixture, 0);
            ck_assert_msg(strcmp(expected, got) == 0, "%s %s on %s:\n%s-e cpu:\n%s", fixture,
                          options, device, got, expected);
        }
    }
    program_close();
}
END_TEST

/* Row `at` of an output of the whole batch is that output of --rows at:at+1. */
static void hold_row(const clrnn_arrays *whole, const clrnn_arrays *alone, const char *name,
                     int axis, int at, const char *words) {
    const clrnn_tensor *all = clrnn_arrays_find(whole, name);
    const clrnn_tensor *one = clrnn_arrays_find(alone, name);
    ck_assert_msg(all != NULL && one != NULL, "%s: no %s", words, name);
    const int64_t outer = axis == 0 ? 1 : all->shape[0];
    const int64_t batch = all->shape[axis];
    const int64_t inner = clrnn_tensor_count(all) / outer / batch;
    ck_assert_int_eq(clrnn_tensor_count(one), outer * inner);
    for (int64_t i = 0; i < outer; i++) {
        ck_assert_msg(memcmp((const float *)all->data + (i * batch + at) * inner,
                             (const float *)one->data + i * inner,
                             (size_t)inner * sizeof(float)) == 0,
                      "%s: row %d of %s differs", words, at, name);
    }
}

START_TEST(a_row_alone_is_that_row) {
    static const char *const engines[] = {"-e cpu", "-e opencl"};
    const char *fixture = fixtures[_i].model_and_input;
    if (fixtures[_i].row == NULL) {
        return;
    }
    for (int engine = 0; engine < (device_name() != NULL ? 2 : 1); engine++) {
        clrnn_arrays *whole = NULL, *alone = NULL;
        char words[512];
        program_open();
        char *all = program_expand("TMP/whole.npz"), *one = program_expand("TMP/alone.npz");
        snprintf(words, sizeof words, "run %s --strict -q %s -o TMP/whole.npz", fixture,
                 engines[engine]);
        program_expect_code(program_run(words), 0, words);
        snprintf(words, sizeof words, "run %s --strict -q %s --rows %s -o TMP/alone.npz", fixture,
                 engines[engine], fixtures[_i].row);
        program_expect_code(program_run(words), 0, words);
        ck_assert_int_eq(clrnn_arrays_load(&whole, all), CLRNN_STATUS_OK);
        ck_assert_int_eq(clrnn_arrays_load(&alone, one), CLRNN_STATUS_OK);
        hold_row(whole, alone, "output", 0, atoi(fixtures[_i].row), words);
        hold_row(whole, alone, "h_n", 1, atoi(fixtures[_i].row), words);
        clrnn_arrays_free(whole);
        clrnn_arrays_free(alone);
        free(all);
        free(one);
        program_close();
    }
}
END_TEST

Suite *strict_suite(void) {
    Suite *suite = suite_create("strict");
    TCase *each = tcase_create("fixtures");
    tcase_set_timeout(each, 600);
    tcase_add_loop_test(each, one_hash_everywhere, 0, FIXTURES);
    tcase_add_loop_test(each, a_row_alone_is_that_row, 0, FIXTURES);
    suite_add_tcase(suite, each);
    return suite;
}
