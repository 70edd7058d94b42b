/*
 * test_whole.c: the program on whole models, as a user calls it: run, check, summary and convert of what
 * Keras trained, with the same bits from every format and engine.
 */
#include "files.h"
#include "suites.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPEAKER "tests/data/speaker/"

enum { OUTPUT = 1 << 16 };

/* Runs "clrnn LINE", with TMP as the test's folder; its exit status. */
static int clrnn(char *output, const char *line) {
    char command[2000];
    size_t at = (size_t)snprintf(command, sizeof command, "%s/clrnn ",
                                 getenv("CLRNN_BUILD") != NULL ? getenv("CLRNN_BUILD") : "build");
    for (; *line != '\0' && at + 80 < sizeof command; line++) {
        if (strncmp(line, "TMP", 3) == 0) {
            at += (size_t)snprintf(command + at, sizeof command - at, "%s", folder);
            line += 2;
        } else {
            command[at++] = *line;
        }
    }
    snprintf(command + at, sizeof command - at, " 2>&1");
    return run_command(command, output, OUTPUT);
}

static void expect(const char *line, int status, const char *said) {
    static char output[OUTPUT];
    const int got = clrnn(output, line);
    ck_assert_msg(got == status && strstr(output, said) != NULL,
                  "%s: exit status %d, expected %d and \"%s\", said: %s", line, got, status, said,
                  output);
}

/* What --sha256 prints of the output. */
static void digest(char out[80], const char *line) {
    static char output[OUTPUT];
    ck_assert_msg(clrnn(output, line) == 0, "%s: %s", line, output);
    const char *found = strstr(output, "SHA256 (output) = ");
    ck_assert_msg(found != NULL, "%s: %s", line, output);
    snprintf(out, 80, "%.64s", found + strlen("SHA256 (output) = "));
}

/* Within 2e-6 of what Keras gave, a probability at most 1. */
static void check_against(const char *path, const char *expected_path) {
    clrnn_arrays *ours = NULL, *theirs = NULL;
    EXPECT_OK(clrnn_arrays_load(&ours, path));
    EXPECT_OK(clrnn_arrays_load(&theirs, expected_path));
    const clrnn_tensor *a = clrnn_arrays_at(ours, 0), *b = clrnn_arrays_at(theirs, 0);
    ck_assert_int_eq(clrnn_tensor_count(a), clrnn_tensor_count(b));
    ck_assert_int_eq(a->shape[0], b->shape[0]);
    for (int64_t i = 0; i < clrnn_tensor_count(a); i++) {
        ck_assert(fabs((double)((const float *)a->data)[i] - (double)((const float *)b->data)[i]) <=
                  2e-6);
    }
    clrnn_arrays_free(ours);
    clrnn_arrays_free(theirs);
}

START_TEST(gives_the_expected_probabilities) {
    static const struct {
        const char *model, *x, *expected;
    } models[] = {
        {"speaker_rnn.keras", "tests/data/x_test.npy", "expected_speaker_rnn.npy"},
        {"speaker_rnn.h5", "tests/data/x_test.npy", "expected_speaker_rnn.npy"},
        {"speaker_stack.keras", "tests/data/x_test.npy", "expected_speaker_stack.npy"},
        {"seed_simple_rnn.keras", SPEAKER "seed_simple_rnn_x.npy", "expected_seed_simple_rnn.npy"}};
    static const char *const engines[] = {"-e cpu", "-e auto", "-e cpu --strict"};
    for (int i = 0; i < COUNT(models); i++) {
        for (int k = 0; k < COUNT(engines); k++) {
            char line[600], path[200];
            snprintf(line, sizeof line, "run %s " SPEAKER "%s -i %s -o TMP/p.npy", engines[k],
                     models[i].model, models[i].x);
            expect(line, 0, "");
            snprintf(path, sizeof path, SPEAKER "%s", models[i].expected);
            check_against(in_folder("p.npy"), path);
        }
    }
}
END_TEST

/* .keras and .h5, converted to .npz and .safetensors, and these into each other. */
START_TEST(every_format_gives_the_same_bits) {
    static const char *const converted[] = {
        "convert " SPEAKER "speaker_rnn.keras TMP/a.npz",
        "convert " SPEAKER "speaker_rnn.h5 TMP/b.safetensors",
        "convert TMP/a.npz TMP/c.safetensors",
        "convert TMP/b.safetensors TMP/d.npz",
        "convert TMP/c.safetensors TMP/e.onnx",
    };
    static const char *const models[] = {
        SPEAKER "speaker_rnn.keras", SPEAKER "speaker_rnn.h5", "TMP/a.npz",
        "TMP/b.safetensors",         "TMP/c.safetensors",      "TMP/d.npz"};
    char first[80], other[80], line[300];
    for (int i = 0; i < COUNT(converted); i++) {
        expect(converted[i], 0, "1737 parameters, read back bit for bit");
    }
    digest(first, "run -e cpu " SPEAKER "speaker_rnn.keras -i tests/data/x_test.npy --sha256");
    for (int i = 0; i < COUNT(models); i++) {
        for (int engine = 0; engine < 2; engine++) {
            snprintf(line, sizeof line, "run -e %s %s -i tests/data/x_test.npy --sha256",
                     engine == 0 ? "cpu" : "auto", models[i]);
            digest(other, line);
            ck_assert_msg(strcmp(first, other) == 0, "%s: %s, not %s", line, other, first);
        }
        if (strstr(models[i], ".onnx") != NULL) {
            continue; /* whose nodes have names of their own */
        }
        snprintf(line, sizeof line, "summary %s", models[i]);
        expect(line, 0,
               " rnn (SimpleRNN)                (None, 32)                         1,440\n");
    }
    digest(other, "run " SPEAKER "speaker_rnn.keras -i tests/data/x_test.npy "
                  "-l tests/data/lengths_test.npy --sha256");
    ck_assert_str_eq(first, other); /* the mask by value is the mask by length */
}
END_TEST

static const char *const round_models[] = {
    "rnn",        "lstm_acts", "lstm_no_bias", "gru_before",     "stacked_last",  "dense",
    "both_dense", "both_sum",  "both_mul",     "lstm_backwards", "backwards_last"};

/* .keras to .safetensors to .onnx to .keras: each step is compared by the program; the last file gives what
 * the first one gives. */
START_TEST(goes_round_the_formats) {
    char line[300], name[64], first[80], last[80];
    clrnn_arrays *values = NULL, *x = NULL;
    clrnn_tensor copy;
    snprintf(name, sizeof name, "%s.x", round_models[_i]);
    EXPECT_OK(clrnn_arrays_load(&values, "tests/data/keras_cases/values.npz"));
    EXPECT_OK(clrnn_arrays_create(&x));
    EXPECT_OK(
        clrnn_arrays_convert(&copy, x, "x", CLRNN_DTYPE_F32, clrnn_arrays_find(values, name)));
    EXPECT_OK(clrnn_arrays_save(x, in_folder("x.npy")));
    snprintf(line, sizeof line, "convert tests/data/keras_cases/%s.keras TMP/a.safetensors",
             round_models[_i]);
    expect(line, 0, "read back bit for bit");
    expect("convert TMP/a.safetensors TMP/b.onnx", 0, "read back bit for bit");
    expect("convert TMP/b.onnx TMP/c.keras", 0, "read back bit for bit");
    snprintf(line, sizeof line, "run tests/data/keras_cases/%s.keras -i TMP/x.npy --sha256",
             round_models[_i]);
    digest(first, line);
    digest(last, "run TMP/c.keras -i TMP/x.npy --sha256");
    ck_assert_str_eq(first, last);
    digest(last, "run TMP/b.onnx -i TMP/x.npy --sha256");
    ck_assert_str_eq(first, last);
    clrnn_arrays_free(values);
    clrnn_arrays_free(x);
}
END_TEST

START_TEST(says_what_keras_says) {
    expect("summary " SPEAKER "seed_simple_rnn.keras", 0,
           " simple_rnn (SimpleRNN)         (None, 3)                             42\n");
    expect("summary " SPEAKER "seed_simple_rnn.keras", 0, "Total params: 42 (168.00 B)");
    expect("summary --json " SPEAKER "speaker_stack.keras", 0, "\"total_params\": 12657");
    expect("summary tests/data/keras_cases/frozen.keras", 0, "Non-trainable params: 96 (384.00 B)");
}
END_TEST

START_TEST(checks_every_layer) {
    expect("check -e cpu " SPEAKER "speaker_stack.keras -i tests/data/x_test.npy", 0, "  ok\n");
    expect("check " SPEAKER "seed_simple_rnn.keras -i " SPEAKER "seed_simple_rnn_x.npy --json", 0,
           "\"ok\": true\n}");
}
END_TEST

START_TEST(says_what_is_wrong) {
    expect("run " SPEAKER "speaker_rnn.npz -i tests/data/x_test.npy", 4,
           "rnn/kernel is one of Keras's weights, and there is no config");
    expect("run " SPEAKER "speaker_rnn.keras", 2, "no input: -i FILE gives x");
    expect("run " SPEAKER "speaker_rnn.keras -i tests/data/seed_x.npy", 4,
           "seed_x.npy: is [10][4], input input_layer of " SPEAKER
           "speaker_rnn.keras needs float32 [N][T][12], or one sequence");
    expect("run " SPEAKER "speaker_rnn.keras -i y=tests/data/x_test.npy", 2,
           "speaker_rnn.keras has no input y");
    expect("run " SPEAKER "speaker_rnn.keras -i tests/data/x_test.npy --batch-first", 2,
           "a Keras model says itself how x lies");
    expect("run " SPEAKER "speaker_rnn.keras -i tests/data/x_test.npy -i tests/data/x_test.npy", 2,
           "was read from tests/data/x_test.npy already");
    expect("run " SPEAKER "speaker_rnn.keras -i tests/data/x_test.npy -o " SPEAKER
           "speaker_rnn.keras",
           2, "");
    expect("convert " SPEAKER "speaker_rnn.keras TMP/none/a.npz", 1, "cannot");
    expect("convert tests/data/x_test.npy TMP/a.npz", 4, "is one .npy array");
    ck_assert_int_eq(count_files(), 0); /* nothing half written is left */
}
END_TEST

/* libhdf5 crashes on some damaged files, and hangs on others: the program says so. */
START_TEST(survives_damaged_files) {
    enum { FILES = 60 };
    char line[200];
    static char output[OUTPUT];
    size_t size;
    unsigned char *bytes = read_whole(SPEAKER "speaker_rnn.h5", &size);
    uint64_t state = 7;
    for (int i = 0; i < FILES; i++) {
        FILE *file = fopen(in_folder("damaged.h5"), "wb");
        unsigned char kept[4];
        size_t at[4];
        for (int k = 0; k < 4; k++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            at[k] = (size_t)(state >> 33) % (i % 2 == 0 ? 2000 : size);
            kept[k] = bytes[at[k]];
            bytes[at[k]] ^= (unsigned char)(1u << (state >> 30 & 7));
        }
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
        fclose(file);
        for (int k = 3; k >= 0; k--) {
            bytes[at[k]] = kept[k];
        }
        snprintf(line, sizeof line, "summary TMP/damaged.h5");
        const int status = clrnn(output, line);
        ck_assert_msg(status == 0 || status == 4, "file %d: exit status %d: %s", i, status, output);
    }
    free(bytes);
}
END_TEST

/* --rows and a state go with the model's own layout. */
START_TEST(takes_rows_and_states) {
    char all[80], rows[80];
    expect("run " SPEAKER "speaker_rnn.keras -i tests/data/x_test.npy -o TMP/all.npz "
           "--final-state TMP/s.npz",
           0, "");
    expect("run " SPEAKER "speaker_rnn.keras -i tests/data/x_test.npy --initial-state TMP/s.npz", 0,
           "output  float32 [370][9]");
    digest(all, "run " SPEAKER "speaker_rnn.keras -i tests/data/x_test.npy --rows 4:9 --sha256");
    digest(rows, "run " SPEAKER "speaker_rnn.keras -i tests/data/x_test.npy --rows 4:9 --sha256 "
                 "--chunk 5");
    ck_assert_str_eq(all, rows);
    expect("run " SPEAKER "speaker_rnn.keras -i tests/data/x_test.npy --rows 4:999", 2,
           "the batch has the rows 0:370");
}
END_TEST

Suite *whole_suite(void) {
    Suite *suite = suite_create("whole");
    TCase *program = tcase_create("program");
    tcase_set_timeout(program, 300);
    tcase_add_checked_fixture(program, make_folder, remove_folder);
    tcase_add_test(program, gives_the_expected_probabilities);
    tcase_add_test(program, every_format_gives_the_same_bits);
    tcase_add_loop_test(program, goes_round_the_formats, 0, COUNT(round_models));
    tcase_add_test(program, says_what_keras_says);
    tcase_add_test(program, checks_every_layer);
    tcase_add_test(program, says_what_is_wrong);
    tcase_add_test(program, survives_damaged_files);
    tcase_add_test(program, takes_rows_and_states);
    suite_add_tcase(suite, program);
    return suite;
}
