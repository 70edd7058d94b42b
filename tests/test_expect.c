/*
 * test_expect.c: `clrnn check --expect` on whole models. What Keras and ONNX Runtime gave is accepted; a value
 * moved by a ten-thousandth, gates, steps, rows or outputs in each other's place are not.
 */
#include "cli_files.h"
#include "cli_program.h"
#include "files.h"
#include "suites.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RNN "DATA/speaker/speaker_rnn.keras -i DATA/x_test.npy "
#define RNN_GAVE "DATA/speaker/expected_speaker_rnn.npy"
#define STACK "DATA/speaker/speaker_stack.keras -i DATA/x_test.npy "
#define CASES "DATA/keras_cases/"
#define LSTM CASES "lstm.keras -i TMP/x.npy "

static void check(const char *line, int code, const char *said) {
    char words[1200];
    snprintf(words, sizeof words, "check -e cpu %s", line);
    const outcome *got = program_run(words);
    program_expect_code(got, code, words);
    program_expect_contains(got, code == 0 ? got->out : got->err, said, words);
}

/* NAME.WHAT of the values of tests/data/keras_cases as a file of its own; 0: there is none. */
static int save_value(const char *to, const char *name, const char *what) {
    char full[160];
    snprintf(full, sizeof full, "%s.%s", name, what);
    clrnn_arrays *values = cli_load(CASES "values.npz");
    const int is_there = clrnn_arrays_find(values, full) != NULL;
    clrnn_arrays_free(values);
    if (is_there) {
        cli_copy(to, CASES "values.npz", NAMES(full));
    }
    return is_there;
}

/* The largest value of the first array of reals moves by a ten-thousandth; 0: there is none but 0. */
static int move_largest(const char *to, const char *from) {
    clrnn_arrays *arrays = cli_load(from);
    float *largest = NULL;
    for (size_t i = 0; i < clrnn_arrays_count(arrays) && largest == NULL; i++) {
        const clrnn_tensor *tensor = clrnn_arrays_at(arrays, i);
        for (int64_t k = 0; tensor->dtype == CLRNN_DTYPE_F32 && k < clrnn_tensor_count(tensor);
             k++) {
            float *value = (float *)tensor->data + k;
            largest = *value != 0 && (largest == NULL || fabsf(*value) > fabsf(*largest)) ? value
                                                                                          : largest;
        }
    }
    if (largest != NULL) {
        *largest *= 1.0001f;
    }
    cli_save(arrays, to);
    return largest != NULL;
}

START_TEST(keras_is_accepted) {
    check(RNN "--expect " RNN_GAVE, 0, "expected  -");
    check("DATA/speaker/speaker_rnn.h5 -i DATA/x_test.npy --expect " RNN_GAVE, 0,
          "cpu and expected differ in ");
    check(STACK "--expect DATA/speaker/expected_speaker_stack.npy", 0, "  ok\n");
    check("DATA/speaker/seed_simple_rnn.keras -i DATA/speaker/seed_simple_rnn_x.npy --expect "
          "DATA/speaker/expected_seed_simple_rnn.npy",
          0, "  ok\n");
    const outcome *got = program_run("check " RNN "--json --expect " RNN_GAVE);
    program_expect_code(got, 0, "--json");
    program_expect_contains(got, got->out, "\"place\": \"output[", "--json");
    program_expect_contains(got, got->out, "\"to_expected\": {", "--json");
}
END_TEST

/* One of a recurrence of exponentials: each step puts what it rounds into an exponent, and a ten-thousandth
 * is what comes of it. */
static const char *const loose[] = {"acts8"};

START_TEST(every_keras_model_is_judged) {
    char line[1000], name[64], words[400];
    FILE *list = fopen("tests/data/keras_cases/index.txt", "r");
    int count = 0;
    ck_assert_ptr_nonnull(list);
    while (fgets(line, sizeof line, list) != NULL) {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(line, "."), line);
        ck_assert_msg(save_value("TMP/x.npy", name, "x"), "%s", name);
        ck_assert_msg(save_value("TMP/y.npy", name, "output"), "%s", name);
        const int masked = save_value("TMP/mask.npy", name, "mask");
        if (save_value("TMP/second.npy", name, "output_1")) {
            continue; /* y alone would be the first of two */
        }
        snprintf(words, sizeof words, CASES "%.*s -i TMP/x.npy %s --expect TMP/y.npy",
                 (int)strcspn(line, " "), line, masked ? "-m TMP/mask.npy" : "");
        check(words, 0, "  ok\n");
        int is_loose = 0;
        for (int i = 0; i < COUNT(loose); i++) {
            is_loose |= strcmp(loose[i], name) == 0;
        }
        if (!is_loose && move_largest("TMP/y.npy", "TMP/y.npy")) {
            check(words, 5, "clrnn: check: mismatch: expected: output[");
        }
        count++;
    }
    fclose(list);
    ck_assert_int_ge(count, 80);
}
END_TEST

/* A step is masked where x is -1.5: no moved x may lose that, or no bound would mean a thing. */
START_TEST(masks_stay_where_they_are) {
    static const char *const names[] = {"rnn_mask_last", "lstm_mask_last", "gru_mask_last"};
    for (int i = 0; i < COUNT(names); i++) {
        char array[64], words[200];
        snprintf(array, sizeof array, "%s.x", names[i]);
        cli_copy("TMP/x.npy", "DATA/keras_cases/values.npz", NAMES(array));
        snprintf(array, sizeof array, "%s.output", names[i]);
        cli_copy("TMP/y.npy", "DATA/keras_cases/values.npz", NAMES(array));
        snprintf(words, sizeof words, "DATA/keras_cases/%s.keras -i TMP/x.npy --expect TMP/y.npy",
                 names[i]);
        check(words, 0, "  ok\n");
        ck_assert(move_largest("TMP/y.npy", "TMP/y.npy"));
        check(words, 5, "mismatch: expected: output[");
    }
}
END_TEST

#ifdef WITH_PROTOBUF
START_TEST(every_graph_is_judged) {
    char model[96], inputs[96], outputs[96], path[160], words[600];
    FILE *list = fopen("tests/data/onnx/index.txt", "r");
    int count = 0;
    ck_assert_ptr_nonnull(list);
    while (fscanf(list, "%95s %95s %95s", model, inputs, outputs) == 3) {
        snprintf(words, sizeof words, "DATA/onnx/%s -i DATA/onnx/%s --expect DATA/onnx/%s", model,
                 inputs, outputs);
        check(words, 0, "  ok\n");
        snprintf(path, sizeof path, "DATA/onnx/%s", outputs);
        if (move_largest("TMP/y.npz", path)) {
            snprintf(words, sizeof words, "DATA/onnx/%s -i DATA/onnx/%s --expect TMP/y.npz", model,
                     inputs);
            check(words, 5, "mismatch: expected: ");
        }
        count++;
    }
    fclose(list);
    ck_assert_int_ge(count, 80);
}
END_TEST

/* Whole numbers and truths are the same or wrong. */
START_TEST(whole_numbers_are_equal) {
    static const char *const names[] = {"tail", "back", "equal"};
    for (int i = 0; i < COUNT(names); i++) {
        clrnn_arrays *arrays = cli_load("DATA/onnx/glue_latest18_out.npz");
        const clrnn_tensor *tensor = clrnn_arrays_find(arrays, names[i]);
        ck_assert_ptr_nonnull(tensor);
        ((unsigned char *)tensor->data)[0] ^= 1; /* the lowest bit of the first */
        char said[80];
        snprintf(said, sizeof said, "mismatch: expected: %s[0] is off by 1.000e+00, the bound is 0",
                 names[i]);
        cli_save(arrays, "TMP/y.npz");
        check("DATA/onnx/glue_latest18.onnx -i DATA/onnx/glue_latest18_in.npz --expect TMP/y.npz",
              5, said);
    }
}
END_TEST
#endif

/* In three rows the likeliest speaker is a ten-thousandth likelier. */
START_TEST(moved_values_are_seen) {
    static const int64_t rows[] = {0, 100, 369};
    for (int i = 0; i < COUNT(rows); i++) {
        char said[80];
        clrnn_arrays *arrays = cli_load(RNN_GAVE);
        const clrnn_tensor *y = clrnn_arrays_at(arrays, 0);
        float *row = (float *)y->data + rows[i] * y->shape[1];
        int64_t best = 0;
        for (int64_t k = 1; k < y->shape[1]; k++) {
            best = row[k] > row[best] ? k : best;
        }
        row[best] *= 1.0001f;
        cli_save(arrays, "TMP/y.npy");
        snprintf(said, sizeof said, "mismatch: expected: output[%lld][%lld] is off by ",
                 (long long)rows[i], (long long)best);
        check(RNN "--expect TMP/y.npy", 5, said);
        check(RNN "--expect TMP/y.npy", 5, "; 1 of 3330 values are bad\n");
    }
    clrnn_arrays *arrays = cli_load(RNN_GAVE);
    ((float *)clrnn_arrays_at(arrays, 0)->data)[9 * 7 + 2] = NAN;
    cli_save(arrays, "TMP/y.npy");
    check(RNN "--expect TMP/y.npy", 5, "output[7][2] is off by inf");
}
END_TEST

static void swap_rows(float *values, int64_t a, int64_t b, int64_t width) {
    for (int64_t k = 0; k < width; k++) {
        const float kept = values[a * width + k];
        values[a * width + k] = values[b * width + k];
        values[b * width + k] = kept;
    }
}

/* What a net gives whose gates i and f are exchanged is not what this one gives; in each of its weights. */
START_TEST(swapped_gates_are_seen) {
    static const char *const weights[] = {"lstm.weight_ih_l0", "lstm.weight_hh_l0",
                                          "lstm.bias_ih_l0"};
    save_value("TMP/x.npy", "lstm", "x");
    for (int i = 0; i < COUNT(weights); i++) {
        program_expect_code(program_run("convert " CASES "lstm.keras TMP/a.npz"), 0, "convert");
        clrnn_arrays *arrays = cli_load("TMP/a.npz");
        const clrnn_tensor *weight = clrnn_arrays_find(arrays, weights[i]);
        ck_assert_ptr_nonnull(weight);
        const int64_t hidden = weight->shape[0] / 4;
        for (int64_t unit = 0; unit < hidden; unit++) {
            swap_rows(weight->data, unit, hidden + unit, weight->rank == 2 ? weight->shape[1] : 1);
        }
        cli_save(arrays, "TMP/a.npz");
        program_expect_code(program_run("run -e cpu TMP/a.npz -i TMP/x.npy -o TMP/y.npy"), 0,
                            weights[i]);
        check(LSTM "--expect TMP/y.npy", 5, "mismatch: expected: output[");
    }
    program_expect_code(program_run("run -e cpu " LSTM "-o TMP/y.npy"), 0, "the net itself");
    check(LSTM "--expect TMP/y.npy", 0, "  ok\n");
}
END_TEST

/* x from its end to its start, and two steps exchanged; two rows of y. */
START_TEST(swapped_steps_and_rows_are_seen) {
    for (int both = 0; both < 2; both++) {
        save_value("TMP/x.npy", "lstm", "x");
        clrnn_arrays *arrays = cli_load("TMP/x.npy");
        const clrnn_tensor *x = clrnn_arrays_at(arrays, 0);
        const int64_t steps = x->shape[1], width = x->shape[2];
        for (int64_t n = 0; n < x->shape[0]; n++) {
            float *row = (float *)x->data + n * steps * width;
            for (int64_t t = 0; t < (both ? steps / 2 : 1); t++) {
                swap_rows(row, t, both ? steps - 1 - t : 1, width);
            }
        }
        cli_save(arrays, "TMP/turned.npy");
        program_expect_code(
            program_run("run -e cpu " CASES "lstm.keras -i TMP/turned.npy -o TMP/y.npy"), 0,
            "turned");
        check(LSTM "--expect TMP/y.npy", 5, "mismatch: expected: output[");
    }
    clrnn_arrays *arrays = cli_load(RNN_GAVE);
    swap_rows(clrnn_arrays_at(arrays, 0)->data, 0, 1, 9);
    cli_save(arrays, "TMP/y.npy");
    check(RNN "--expect TMP/y.npy", 5, "; 18 of 3330 values are bad\n");
}
END_TEST

/* The rows of --rows alone, or all; counted from the first of the file. */
START_TEST(takes_rows) {
    check(RNN "--rows 4:9 --expect " RNN_GAVE, 0, "  ok\n");
    cli_cut("TMP/y.npy", RNN_GAVE, 0, 4, 5);
    check(RNN "--rows 4:9 --expect TMP/y.npy", 0, "  ok\n");
    check(RNN "--rows 5:10 --expect TMP/y.npy", 5, "mismatch: expected: output[");
    ck_assert(move_largest("TMP/y.npy", "TMP/y.npy"));
    const outcome *got = program_run("check -e cpu " RNN "--rows 4:9 --expect TMP/y.npy");
    const char *place = strstr(got->err, "output[");
    program_expect_code(got, 5, "--rows");
    ck_assert(place != NULL && atoi(place + 7) >= 4 && atoi(place + 7) < 9);
    check(RNN "--rows 4:8 --expect TMP/y.npy", 4, "the expected output is [5][9], ours is [4][9]");
}
END_TEST

START_TEST(judges_states) {
    program_expect_code(program_run("run -e cpu " STACK "-o TMP/all.npz --final-state TMP/s.npz"),
                        0, "run");
    check(STACK "--expect-state TMP/s.npz", 0, "  ok\n");
    check(STACK "--expect TMP/all.npz --expect-state TMP/s.npz", 0, "expected  -");
    cli_copy("TMP/h.npz", "TMP/s.npz", NAMES("h_1"));
    check(STACK "--expect TMP/h.npz", 0, "h_1[0][");
    ck_assert(move_largest("TMP/h.npz", "TMP/h.npz"));
    check(STACK "--expect-state TMP/h.npz", 5, "mismatch: expected: h_1[0][");
}
END_TEST

START_TEST(says_what_does_not_fit) {
    check(RNN "--expect TMP/none.npy", 4, "none.npy");
    check(RNN "--expect DATA/x_test.npy", 4,
          "clrnn: check: the expected output is [370][29][12], ours is [370][9]\n");
    cli_save_one("TMP/other.npz", "other", CLRNN_DTYPE_F32, SHAPE(370, 9), 0, 1);
    check(RNN "--expect TMP/other.npz", 5,
          "mismatch: expected: output["); /* the one array there is */
    clrnn_arrays *arrays = cli_load("TMP/other.npz");
    cli_add(arrays, "output", CLRNN_DTYPE_F32, SHAPE(370, 9), 0, 1);
    cli_save(arrays, "TMP/two.npz");
    check(RNN "--expect TMP/two.npz", 4, "two.npz: holds other, which is no output of ");
    check(RNN "--expect-state TMP/other.npz", 4, "other.npz: holds other, which is no state of ");
    check(RNN "--expect-state TMP/two.npz --expect " RNN_GAVE, 4, "which is no state of ");
    check(RNN "--weights fp16 --expect " RNN_GAVE, 2, "against the weights as they are");
    cli_copy("TMP/s.npz", "TMP/two.npz", NAMES("output"));
    check(RNN "--expect-state TMP/s.npz", 4, "s.npz: holds no state of ");
}
END_TEST

/* -a list: the layers by name, and of each the table. */
START_TEST(lists_each_layer) {
    static const char *const commands[] = {"run", "check"};
    for (int i = 0; i < COUNT(commands); i++) {
        char words[200];
        snprintf(words, sizeof words, "%s -e cpu " STACK "-a list", commands[i]);
        const outcome *got = program_run(words);
        program_expect_code(got, 0, words);
        program_expect_contains(got, got->out, "both_ways\nsingle/panel     yes  ", words);
        program_expect_contains(got, got->out, "\ngru\nsingle/panel     yes  ", words);
        program_expect_contains(got, got->out, "\ndense\nsingle/panel     yes  ", words);
        program_expect_contains(got, got->out, "persist/panel    no   a dense layer has no steps",
                                words);
        strcat(words, " --json");
        got = program_run(words);
        program_expect_contains(got, got->out, "\"layer\": \"gru\",\n    \"algorithms\": [", words);
    }
}
END_TEST

Suite *expect_suite(void) {
    Suite *suite = suite_create("expect");
    TCase *program = tcase_create("program");
    tcase_set_timeout(program, 300);
    tcase_add_checked_fixture(program, program_open, program_close);
    tcase_add_test(program, keras_is_accepted);
    tcase_add_test(program, every_keras_model_is_judged);
    tcase_add_test(program, masks_stay_where_they_are);
#ifdef WITH_PROTOBUF
    tcase_add_test(program, every_graph_is_judged);
    tcase_add_test(program, whole_numbers_are_equal);
#endif
    tcase_add_test(program, moved_values_are_seen);
    tcase_add_test(program, swapped_gates_are_seen);
    tcase_add_test(program, swapped_steps_and_rows_are_seen);
    tcase_add_test(program, takes_rows);
    tcase_add_test(program, judges_states);
    tcase_add_test(program, says_what_does_not_fit);
    tcase_add_test(program, lists_each_layer);
    suite_add_tcase(suite, program);
    return suite;
}
