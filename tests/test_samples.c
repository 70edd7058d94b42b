/*
 * test_samples.c: the programs in tests/samples, compiled as a user would (the public header and
 * the shared library, warnings as errors), run, and held against what they say that they print.
 *
 * It runs from the root of the repository; CLRNN_BUILD names another build folder than `build`.
 */
#include "files.h"
#include "suites.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NO_OPENCL = 77 };

static const struct {
    const char *name, *output;
} samples[] = {
    {"first_forward", "1 3 6 10\n"},
    {"streaming", "slot 1: 1\nslot 0: 2\nslot 1: 4\nslot 0: 6\nslot 1: 5\nslot 0: 12\n"},
    {"own_queue", "1 3 6 10\n"},
};
enum { SAMPLE_COUNT = sizeof samples / sizeof samples[0] };

START_TEST(sample) {
    const char *build = getenv("CLRNN_BUILD") != NULL ? getenv("CLRNN_BUILD") : "build";
    char library[300], program[64] = "/tmp/clrnn-sample-XXXXXX", command[1200], output[4096];
    snprintf(library, sizeof library, "%.256s/libclrnn.so", build);
    if (run_command("command -v cc", output, sizeof output) != 0 || access(library, R_OK) != 0) {
        printf("samples: %s not run: no cc, or no %s\n", samples[_i].name, library);
        return;
    }
    const int file = mkstemp(program);
    ck_assert_int_ge(file, 0);
    close(file);
    snprintf(command, sizeof command,
             "cc -std=c11 -Wall -Wextra -Werror -Iinclude tests/samples/%s.c -o %s "
             "-L%.256s -lclrnn -lOpenCL -Wl,-rpath,\"$(cd %.256s && pwd)\" 2>&1",
             samples[_i].name, program, build, build);
    const int compiled = run_command(command, output, sizeof output);
    ck_assert_msg(compiled == 0, "%s: %s", samples[_i].name, output);
    const int ran = run_command(program, output, sizeof output);
    unlink(program);
    if (ran == NO_OPENCL) {
        printf("samples: %s not run: no OpenCL device\n", samples[_i].name);
        return;
    }
    ck_assert_msg(ran == 0, "%s: exit status %d", samples[_i].name, ran);
    ck_assert_str_eq(output, samples[_i].output);
}
END_TEST

Suite *samples_suite(void) {
    Suite *suite = suite_create("samples");
    TCase *each = tcase_create("each sample");
    tcase_set_timeout(each, 120);
    tcase_add_loop_test(each, sample, 0, SAMPLE_COUNT);
    suite_add_tcase(suite, each);
    return suite;
}
