/*
 * test_model.c: nets from .npz files: what is read, what is refused and with which words, and that
 * a saved model is the file that was loaded.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "files.h"
#include "suites.h"

#include "clrnn.h"
#include "io/arrays.h"
#include "io/model.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ARRAYS = 8 };

/* A test leaves nothing in its folder but the model that it saved. */
static void close_folder(void) {
    unlink(in_folder("m.npz"));
    ck_assert_int_eq(count_files(), 0);
    remove_folder();
}

static void expect_same_file(const char *a, const char *b) {
    unsigned char *bytes[2] = {NULL, NULL};
    size_t sizes[2];
    EXPECT_OK(arrays_read_file(&bytes[0], &sizes[0], a));
    EXPECT_OK(arrays_read_file(&bytes[1], &sizes[1], b));
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
}

/* An array of a made-up file; rows 0: a scalar, columns 0: a vector. */
struct made {
    const char *name;
    int64_t rows;
    int64_t columns;
    clrnn_dtype dtype;
};

/* Element i of array number k is k + i / 1024, exact in every float type for small sizes. */
static float made_value(int k, int64_t i) {
    return (float)k + (float)i / 1024.0f;
}

static clrnn_arrays *make_arrays(const struct made *made) {
    clrnn_arrays *arrays;
    clrnn_arrays *floats;
    EXPECT_OK(clrnn_arrays_create(&arrays));
    EXPECT_OK(clrnn_arrays_create(&floats));
    for (int k = 0; k < MAX_ARRAYS && made[k].name != NULL; k++) {
        const int64_t shape[] = {made[k].rows, made[k].columns};
        const int rank = made[k].rows == 0 ? 0 : made[k].columns == 0 ? 1 : 2;
        clrnn_tensor source;
        clrnn_tensor out;
        EXPECT_OK(clrnn_arrays_add(&source, floats, made[k].name, CLRNN_DTYPE_F32, rank, shape));
        for (int64_t i = 0; i < clrnn_tensor_count(&source); i++) {
            const int whole = made[k].dtype == CLRNN_DTYPE_I32;
            ((float *)source.data)[i] = whole ? (float)i : made_value(k, i);
        }
        EXPECT_OK(clrnn_arrays_convert(&out, arrays, made[k].name, made[k].dtype, &source));
    }
    clrnn_arrays_free(floats);
    return arrays;
}

/* ---- files of others ------------------------------------------------------------------------- */

START_TEST(reads_the_lesson) {
    clrnn_model *model;
    clrnn_layer_info layer;
    clrnn_tensor value;
    clrnn_arrays *arrays;
    EXPECT_OK(clrnn_model_load(&model, "tests/data/seed_numpy.npz", CLRNN_NONLINEARITY_TANH));
    EXPECT_OK(clrnn_arrays_load(&arrays, "tests/data/seed_numpy.npz"));
    const clrnn_net_desc *desc = clrnn_net_get_desc(clrnn_model_net(model));
    ck_assert_int_eq(desc->cell, CLRNN_CELL_RNN);
    ck_assert_int_eq(desc->nonlinearity, CLRNN_NONLINEARITY_TANH);
    ck_assert_int_eq(desc->inputs, 4);
    ck_assert_int_eq(desc->hidden, 8);
    ck_assert_uint_eq(clrnn_model_layer_count(model), 1);
    EXPECT_OK(clrnn_model_layer(&layer, model, 0));
    ck_assert_str_eq(layer.name, "rnn");
    ck_assert_str_eq(layer.type, "RNN");
    ck_assert_int_eq(layer.outputs, 8);
    ck_assert_int_eq(layer.params, 104);
    expect_failure(clrnn_model_layer(&layer, model, 1), CLRNN_STATUS_ARGUMENT,
                   "less than 1, got 1");

    EXPECT_OK(clrnn_net_get_weight(&value, clrnn_model_net(model), "weight_ih_l0"));
    ck_assert_mem_eq(value.data, clrnn_arrays_find(arrays, "Wx")->data, 8 * 4 * sizeof(float));
    EXPECT_OK(clrnn_net_get_weight(&value, clrnn_model_net(model), "weight_hh_l0"));
    ck_assert_mem_eq(value.data, clrnn_arrays_find(arrays, "Wh")->data, 8 * 8 * sizeof(float));
    EXPECT_OK(clrnn_net_get_weight(&value, clrnn_model_net(model), "bias_ih_l0"));
    ck_assert_mem_eq(value.data, clrnn_arrays_find(arrays, "b")->data, 8 * sizeof(float));
    EXPECT_OK(clrnn_net_get_weight(&value, clrnn_model_net(model), "bias_hh_l0"));
    for (int i = 0; i < 8; i++) {
        ck_assert_float_eq(((float *)value.data)[i], 0);
    }
    clrnn_arrays_free(arrays);
    clrnn_model_free(model);
    expect_failure(clrnn_model_load(&model, "tests/data/seed_numpy.npz", CLRNN_NONLINEARITY_RELU),
                   CLRNN_STATUS_ARGUMENT, "Wx Wh b is a tanh layer, got nonlinearity relu");
}
END_TEST

START_TEST(saves_what_it_loaded) {
    static const char *const files[] = {"tests/data/seed_numpy.npz", "tests/data/simple_rnn.npz"};
    make_folder();
    for (int i = 0; i < COUNT(files); i++) {
        clrnn_model *model;
        EXPECT_OK(clrnn_model_load(&model, files[i], CLRNN_NONLINEARITY_TANH));
        EXPECT_OK(clrnn_model_save(model, in_folder("m.npz")));
        expect_same_file(files[i], in_folder("m.npz"));
        expect_failure(clrnn_model_save(model, "m.onnx"), CLRNN_STATUS_ARGUMENT,
                       "m.onnx: models are written as .npz, got .onnx");
        expect_failure(clrnn_model_save(model, "/dev/full"), CLRNN_STATUS_IO, "No space left");
        clrnn_model_free(model);
    }
    close_folder();
}
END_TEST

START_TEST(refuses_files) {
    clrnn_model *model;
    const clrnn_nonlinearity tanh = CLRNN_NONLINEARITY_TANH;
    expect_failure(clrnn_model_load(&model, "/nonexistent.npz", tanh), CLRNN_STATUS_IO,
                   "No such file");
    expect_failure(clrnn_model_load(&model, "tests/data/seed_x.npy", tanh), CLRNN_STATUS_FORMAT,
                   "is one .npy array; this version reads .npz");
    expect_failure(clrnn_model_load(&model, "/dev/null", tanh), CLRNN_STATUS_FORMAT,
                   "is an empty file; this version reads .npz");
    expect_failure(clrnn_model_load(&model, "tests/data/expected_simple_rnn.npz", tanh),
                   CLRNN_STATUS_FORMAT, "output: is no weight this version knows");
    expect_failure(clrnn_model_load(&model, NULL, tanh), CLRNN_STATUS_ARGUMENT, "NULL");
    expect_failure(clrnn_model_load(NULL, "x", tanh), CLRNN_STATUS_ARGUMENT, "NULL");
    expect_failure(clrnn_model_load(&model, "tests/data/seed_numpy.npz", (clrnn_nonlinearity)7),
                   CLRNN_STATUS_ARGUMENT, "unknown nonlinearity 7");
    clrnn_model_free(NULL);
    ck_assert_ptr_null(clrnn_model_net(NULL));
    ck_assert_uint_eq(clrnn_model_layer_count(NULL), 0);
}
END_TEST

/* Files of others are named by their beginning, or by what stands in their archive. */
static const struct {
    const char *name, *bytes;
    size_t size;
    const char *error;
} foreign[] = {
    {"m.pt", "PK\3\4m/data.pkl", 14, "m.pt: is a PyTorch checkpoint; this version reads .npz"},
    {"m.keras", "PK\3\4model.weights.h5", 20, "is a Keras model; this version reads .npz"},
    {"m.keras", "PK\3\4metadata.json config.json", 29, "is a Keras model"},
    {"m.keras", "PK\3\4config.json", 15, "is not a whole zip file"},
    {"m.h5", "\x89HDF\r\n\x1a\n", 8, "is an HDF5 file"},
    {"m.onnx", "\x08\x07\x12\x07pytorch", 11, "is an ONNX model"},
    {"m.bin", "\x08\x07\x12\x07pytorch", 11, "is no model file, starts with byte 0x08"},
    {"m.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "is a safetensors file"},
    {"m.pkl", "\x80\x04\x95\0\0\0\0\0", 8, "is a Python pickle"},
    {"m.txt", "{\"a\": 1}\n", 9, "is a text; this version reads .npz"},
};

START_TEST(names_foreign_files) {
    clrnn_model *model = NULL;
    make_folder();
    char path[TEXT];
    snprintf(path, sizeof path, "%s", in_folder(foreign[_i].name));
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(foreign[_i].bytes, 1, foreign[_i].size, file), foreign[_i].size);
    fclose(file);
    expect_failure(clrnn_model_load(&model, path, CLRNN_NONLINEARITY_TANH), CLRNN_STATUS_FORMAT,
                   foreign[_i].error);
    unlink(path);
    close_folder();
}
END_TEST

/* ---- made-up files --------------------------------------------------------------------------- */

/* clang-format off */
#define F32 CLRNN_DTYPE_F32
#define F64 CLRNN_DTYPE_F64
#define F16 CLRNN_DTYPE_F16
#define I32 CLRNN_DTYPE_I32
#define TANH CLRNN_NONLINEARITY_TANH
#define RELU CLRNN_NONLINEARITY_RELU
#define FORWARD CLRNN_DIRECTION_FORWARD
#define REVERSE CLRNN_DIRECTION_REVERSE

static const struct {
    struct made arrays[MAX_ARRAYS];
    clrnn_nonlinearity nonlinearity;
    clrnn_cell cell;
    clrnn_direction direction;
    int inputs, hidden;
    const char *name, *type;
    int64_t params;
} good[] = {
    {{{"weight_ih_l0", 12, 2, F32}, {"weight_hh_l0", 12, 3, F32}, {"bias_ih_l0", 12, 0, F32},
      {"bias_hh_l0", 12, 0, F32}}, TANH, CLRNN_CELL_LSTM, FORWARD, 2, 3, "lstm", "LSTM", 84},
    {{{"bias_hh_l0", 9, 0, F64}, {"weight_hh_l0", 9, 3, F16}, {"bias_ih_l0", 9, 0, F32},
      {"weight_ih_l0", 9, 2, F64}}, TANH, CLRNN_CELL_GRU, FORWARD, 2, 3, "gru", "GRU", 63},
    {{{"a.rnn.weight_ih_l0", 3, 2, F32}, {"a.rnn.weight_hh_l0", 3, 3, F32}}, RELU, CLRNN_CELL_RNN,
      FORWARD, 2, 3, "a.rnn", "RNN", 15},
    {{{"r.weight_ih_l0_reverse", 4, 1, F32}, {"r.weight_hh_l0_reverse", 4, 1, F32},
      {"r.bias_ih_l0_reverse", 4, 0, F32}, {"r.bias_hh_l0_reverse", 4, 0, F32}}, TANH,
      CLRNN_CELL_LSTM, REVERSE, 1, 1, "r", "LSTM", 16},
    {{{"b", 3, 0, F64}, {"Wh", 3, 3, F16}, {"Wx", 3, 5, F64}}, TANH, CLRNN_CELL_RNN, FORWARD, 5, 3,
      "rnn", "RNN", 27},
};

#define RNN_WEIGHTS {"weight_ih_l0", 3, 2, F32}, {"weight_hh_l0", 3, 3, F32}
#define GRU_WEIGHTS {"weight_ih_l0", 9, 2, F32}, {"weight_hh_l0", 9, 3, F32}
#define ONLY "; this version reads one layer and one direction"

static const struct {
    struct made arrays[MAX_ARRAYS];
    clrnn_nonlinearity nonlinearity;
    clrnn_status status;
    const char *error;
} bad[] = {
    {{{NULL, 0, 0, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: holds no arrays"},
    {{{"rnn/kernel", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: rnn/kernel: is no weight"},
    {{{"config", 0, 0, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: config: is no weight"},
    {{RNN_WEIGHTS, {"config", 0, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: config: is a config, which is not read yet"},
    {{RNN_WEIGHTS, {"fc.weight", 9, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: fc.weight: is a further layer" ONLY},
    {{RNN_WEIGHTS, {"x", 9, 3, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: x: is not a name"},
    {{RNN_WEIGHTS, {"weight_ih_l0_rev", 9, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l0_rev: is not a name"},
    {{RNN_WEIGHTS, {"weight_ih_l", 9, 3, F32}}, TANH, CLRNN_STATUS_FORMAT, "is not a name"},
    {{RNN_WEIGHTS, {"weight_ih_l1", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l1: is of layer 1" ONLY},
    {{RNN_WEIGHTS, {"weight_ih_l00", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT, "is of layer 00"},
    {{RNN_WEIGHTS, {"weight_ih_l0_reverse", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l0_reverse: is of the second direction" ONLY},
    {{RNN_WEIGHTS, {"weight_hr_l0", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hr_l0: is a projection, which is not read"},
    {{RNN_WEIGHTS, {"a.bias_ih_l0", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: a.bias_ih_l0: has another prefix than ''"},
    {{{"a.weight_ih_l0", 3, 2, F32}, {"b.weight_hh_l0", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: b.weight_hh_l0: has another prefix than 'a.'"},
    {{{"weight_ih_l0", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: weight_hh_l0: is missing"},
    {{{"a.weight_hh_l0_reverse", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: a.weight_ih_l0_reverse: is missing"},
    {{RNN_WEIGHTS, {"bias_ih_l0", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: bias_hh_l0: is missing, but bias_ih_l0 is there"},
    {{RNN_WEIGHTS, {"bias_hh_l0", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: bias_ih_l0: is missing, but bias_hh_l0 is there"},
    {{RNN_WEIGHTS, {"bias_ih_l0", 4, 0, F32}, {"bias_hh_l0", 3, 0, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: bias_ih_l0: expected [3], got float32 [4]"},
    {{RNN_WEIGHTS, {"bias_ih_l0", 3, 0, F32}, {"bias_hh_l0", 3, 1, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: bias_hh_l0: expected [3], got float32 [3][1]"},
    {{RNN_WEIGHTS, {"bias_ih_l0", 3, 0, I32}, {"bias_hh_l0", 3, 0, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "must be float16, float32 or float64, got int32 [3]"},
    {{{"weight_ih_l0", 4, 2, F32}, {"weight_hh_l0", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l0: expected [3][I], got float32 [4][2]"},
    {{{"weight_ih_l0", 3, 0, F32}, {"weight_hh_l0", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l0: expected [3][I], got float32 [3]"},
    {{{"weight_ih_l0", 6, 2, F32}, {"weight_hh_l0", 6, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hh_l0: rows must be 1 (rnn), 3 (gru) or 4 (lstm) x columns, got float32 [6][3]"},
    {{{"weight_ih_l0", 3, 2, F32}, {"weight_hh_l0", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hh_l0: expected [G H][H], got float32 [3]"},
    {{{"weight_ih_l0", 3, 2, F32}, {"weight_hh_l0", 3, 3, I32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hh_l0: weights must be float16, float32 or float64, got int32 [3][3]"},
    {{{"weight_ih_l0", 1, 1048577, F32}, {"weight_hh_l0", 1, 1, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l0: the columns must be 1 to 1048576, got float32 [1][1048577]"},
    {{GRU_WEIGHTS}, RELU, CLRNN_STATUS_ARGUMENT, "relu is for rnn, the file holds gru"},
    {{{"weight_ih_l0", 4, 2, F32}, {"weight_hh_l0", 4, 1, F32}}, RELU, CLRNN_STATUS_ARGUMENT,
      "relu is for rnn, the file holds lstm"},
    {{{"Wx", 3, 2, F32}, {"Wh", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: b: is missing"},
    {{RNN_WEIGHTS, {"Wx", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: mixes two naming schemes, Wx Wh b and PyTorch's weight_ih_l0 ..."},
    {{{"Wx", 3, 2, F32}, {"b", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: Wh: is missing"},
    {{{"Wx", 3, 2, F32}, {"Wh", 3, 3, F32}, {"b", 3, 0, F32}, {"x", 3, 0, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: x: is not known beside Wx, Wh, b"},
    {{{"Wx", 2, 3, F32}, {"Wh", 3, 3, F32}, {"b", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: Wx: expected [3][I], got float32 [2][3]"},
    {{{"Wx", 3, 2, F32}, {"Wh", 4, 3, F32}, {"b", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: Wh: expected [3][3], got float32 [4][3]"},
    {{{"Wx", 3, 2, F32}, {"Wh", 3, 0, F32}, {"b", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: Wh: expected [H][H], got float32 [3]"},
    {{{"Wx", 3, 2, F32}, {"Wh", 3, 3, F32}, {"b", 3, 1, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: b: expected [3], got float32 [3][1]"},
    {{{"Wx", 3, 2, I32}, {"Wh", 3, 3, F32}, {"b", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: Wx: weights must be float16, float32 or float64, got int32 [3][2]"},
};
/* clang-format on */

/* The name that a net has for an array of a file. */
static void net_name(char *to, size_t size, const char *file_name) {
    static const char *const lesson[][2] = {
        {"Wx", "weight_ih_l0"}, {"Wh", "weight_hh_l0"}, {"b", "bias_ih_l0"}};
    const char *dot = strrchr(file_name, '.');
    snprintf(to, size, "%s", dot != NULL ? dot + 1 : file_name);
    for (int i = 0; i < COUNT(lesson); i++) {
        if (strcmp(file_name, lesson[i][0]) == 0) {
            snprintf(to, size, "%s", lesson[i][1]);
        }
    }
}

static void check_good(const clrnn_model *model, int row) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(clrnn_model_net(model));
    clrnn_layer_info layer;
    EXPECT_OK(clrnn_model_layer(&layer, model, 0));
    ck_assert_int_eq(desc->cell, good[row].cell);
    ck_assert_int_eq(desc->reset, CLRNN_RESET_AFTER);
    ck_assert_int_eq(desc->nonlinearity, good[row].nonlinearity);
    ck_assert_int_eq(desc->direction, good[row].direction);
    ck_assert_int_eq(desc->inputs, good[row].inputs);
    ck_assert_int_eq(desc->hidden, good[row].hidden);
    ck_assert_int_eq(layer.outputs, good[row].hidden);
    ck_assert_str_eq(layer.name, good[row].name);
    ck_assert_str_eq(layer.type, good[row].type);
    ck_assert_int_eq(layer.params, good[row].params);
    for (int k = 0; k < MAX_ARRAYS && good[row].arrays[k].name != NULL; k++) {
        char name[64];
        clrnn_tensor value;
        net_name(name, sizeof name, good[row].arrays[k].name);
        EXPECT_OK(clrnn_net_get_weight(&value, clrnn_model_net(model), name));
        for (int64_t i = 0; i < clrnn_tensor_count(&value); i++) {
            ck_assert_float_eq(((float *)value.data)[i], made_value(k, i));
        }
    }
}

START_TEST(reads_models) {
    clrnn_arrays *arrays = make_arrays(good[_i].arrays);
    clrnn_model *model;
    clrnn_model *again;
    make_folder();
    EXPECT_OK(clrnn_arrays_save(arrays, in_folder("m.npz")));
    EXPECT_OK(clrnn_model_load(&model, in_folder("m.npz"), good[_i].nonlinearity));
    check_good(model, _i);
    EXPECT_OK(clrnn_model_save(model, in_folder("m.npz")));
    EXPECT_OK(clrnn_model_load(&again, in_folder("m.npz"), good[_i].nonlinearity));
    check_good(again, _i);
    clrnn_model_free(again);
    clrnn_model_free(model);
    clrnn_arrays_free(arrays);
    close_folder();
}
END_TEST

START_TEST(refuses_models) {
    clrnn_arrays *arrays = make_arrays(bad[_i].arrays);
    clrnn_model *model = NULL;
    expect_failure(model_read(&model, arrays, "m", bad[_i].nonlinearity), bad[_i].status,
                   bad[_i].error);
    ck_assert_ptr_null(model);
    clrnn_arrays_free(arrays);
}
END_TEST

/* A file changed at one byte is read or refused, whatever it says. */
START_TEST(survives_hostile_models) {
    static const unsigned char flips[] = {0x01, 0x03, 0x80};
    unsigned char *bytes;
    size_t size;
    EXPECT_OK(arrays_read_file(&bytes, &size, "tests/data/seed_numpy.npz"));
    for (size_t at = 0; at < size; at++) {
        for (int i = 0; i < COUNT(flips); i++) {
            clrnn_arrays *arrays;
            clrnn_model *model;
            bytes[at] ^= flips[i];
            if (arrays_parse(&arrays, bytes, size, "m") == CLRNN_STATUS_OK) {
                if (model_read(&model, arrays, "m", TANH) == CLRNN_STATUS_OK) {
                    clrnn_model_free(model);
                }
                clrnn_arrays_free(arrays);
            }
            bytes[at] ^= flips[i];
        }
    }
    free(bytes);
}
END_TEST

Suite *model_suite(void) {
    Suite *suite = suite_create("model");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 120);
    tcase_add_test(files, reads_the_lesson);
    tcase_add_test(files, saves_what_it_loaded);
    tcase_add_test(files, refuses_files);
    tcase_add_loop_test(files, names_foreign_files, 0, COUNT(foreign));
    tcase_add_loop_test(files, reads_models, 0, COUNT(good));
    tcase_add_loop_test(files, refuses_models, 0, COUNT(bad));
    tcase_add_test(files, survives_hostile_models);
    suite_add_tcase(suite, files);
    return suite;
}
