/*
 * test_model.c: nets from .npz and .safetensors files: what is read, what is refused and with which
 * words, that a saved model is the file that was loaded, and that no option of a net is lost.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "files.h"
#include "suites.h"

#include "clrnn.h"
#include "core/net.h"
#include "io/arrays.h"
#include "io/model.h"
#include "io/safetensors.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ARRAYS = 12 };

/* A test leaves nothing in its folder but the model that it saved. */
static void close_folder(void) {
    unlink(in_folder("m.npz"));
    unlink(in_folder("m.safetensors"));
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

/* Every weight of two nets, bit for bit. */
static void expect_same_weights(const clrnn_net *a, const clrnn_net *b) {
    size_t count = 0;
    for (; clrnn_net_weight_name(a, count) != NULL; count++) {
        char name[64];
        clrnn_tensor values[2];
        snprintf(name, sizeof name, "%s", clrnn_net_weight_name(a, count));
        EXPECT_OK(clrnn_net_get_weight(&values[0], a, name));
        EXPECT_OK(clrnn_net_get_weight(&values[1], b, name));
        ck_assert_int_eq(values[0].rank, values[1].rank);
        ck_assert_mem_eq(values[0].shape, values[1].shape,
                         (size_t)values[0].rank * sizeof(int64_t));
        ck_assert_mem_eq(values[0].data, values[1].data,
                         (size_t)clrnn_tensor_count(&values[0]) * sizeof(float));
    }
    ck_assert_ptr_null(clrnn_net_weight_name(b, count));
}

static void expect_same_net(const clrnn_net *a, const clrnn_net *b) {
    const clrnn_net_desc *left = clrnn_net_get_desc(a);
    const clrnn_net_desc *right = clrnn_net_get_desc(b);
    ck_assert_int_eq(left->inputs, right->inputs);
    ck_assert_int_eq(left->num_layers, right->num_layers);
    for (int i = 0; i < left->num_layers; i++) {
        ck_assert_msg(same_layer(&left->layers[i], &right->layers[i]), "layer %d differs", i);
    }
    expect_same_weights(a, b);
}

/* ---- files of others ------------------------------------------------------------------------- */

static const clrnn_model_options relu = {.nonlinearity = CLRNN_ACT_RELU};

START_TEST(reads_the_lesson) {
    clrnn_model *model;
    clrnn_layer_info layer;
    clrnn_tensor value;
    clrnn_arrays *arrays;
    EXPECT_OK(clrnn_model_load(&model, "tests/data/seed_numpy.npz", NULL));
    EXPECT_OK(clrnn_arrays_load(&arrays, "tests/data/seed_numpy.npz"));
    const clrnn_net_desc *desc = clrnn_net_get_desc(clrnn_model_net(model));
    ck_assert_int_eq(desc->inputs, 4);
    ck_assert_int_eq(desc->num_layers, 1);
    ck_assert_int_eq(desc->layers[0].cell, CLRNN_CELL_RNN);
    ck_assert_int_eq(desc->layers[0].acts[0][0].kind, CLRNN_ACT_TANH);
    ck_assert_int_eq(desc->layers[0].hidden, 8);
    ck_assert_int_eq(desc->layers[0].bias, CLRNN_BIAS_SINGLE);
    ck_assert_uint_eq(clrnn_model_layer_count(model), 1);
    EXPECT_OK(clrnn_model_layer(&layer, model, 0));
    ck_assert_str_eq(layer.name, "rnn");
    ck_assert_str_eq(layer.type, "RNN");
    ck_assert_int_eq(layer.outputs, 8);
    ck_assert_int_eq(layer.params, 104);
    expect_failure(clrnn_model_layer(&layer, model, 1), CLRNN_STATUS_ARGUMENT,
                   "less than 1, got 1");
    const clrnn_model_info info = clrnn_model_get_info(model);
    ck_assert_str_eq(info.format, "lesson");
    ck_assert(!info.has_layout && !info.batch_first && !info.last_only);

    EXPECT_OK(clrnn_net_get_weight(&value, clrnn_model_net(model), "weight_ih_l0"));
    ck_assert_mem_eq(value.data, clrnn_arrays_find(arrays, "Wx")->data, 8 * 4 * sizeof(float));
    EXPECT_OK(clrnn_net_get_weight(&value, clrnn_model_net(model), "weight_hh_l0"));
    ck_assert_mem_eq(value.data, clrnn_arrays_find(arrays, "Wh")->data, 8 * 8 * sizeof(float));
    EXPECT_OK(clrnn_net_get_weight(&value, clrnn_model_net(model), "bias_ih_l0"));
    ck_assert_mem_eq(value.data, clrnn_arrays_find(arrays, "b")->data, 8 * sizeof(float));
    ck_assert_int_eq(clrnn_net_get_weight(&value, clrnn_model_net(model), "bias_hh_l0"),
                     CLRNN_STATUS_ARGUMENT);
    clrnn_arrays_free(arrays);
    clrnn_model_free(model);
    EXPECT_OK(clrnn_model_load(&model, "tests/data/seed_numpy.npz",
                               &(clrnn_model_options){.nonlinearity = CLRNN_ACT_TANH}));
    clrnn_model_free(model);
    expect_failure(clrnn_model_load(&model, "tests/data/seed_numpy.npz", &relu),
                   CLRNN_STATUS_ARGUMENT, "layer 0 is tanh in the file, got nonlinearity relu");
}
END_TEST

START_TEST(reads_two_directions) {
    static const char path[] = "tests/data/torch_bilstm.safetensors";
    clrnn_model *model;
    clrnn_layer_info layer;
    EXPECT_OK(clrnn_model_load(&model, path, NULL));
    const clrnn_net_desc *desc = clrnn_net_get_desc(clrnn_model_net(model));
    const clrnn_layer_desc expected = {
        .cell = CLRNN_CELL_LSTM, .direction = CLRNN_DIRECTION_BIDIRECTIONAL, .hidden = 24};
    ck_assert_int_eq(desc->inputs, 12);
    ck_assert_int_eq(desc->num_layers, 2);
    ck_assert(same_layer(&desc->layers[0], &expected));
    ck_assert(same_layer(&desc->layers[1], &expected));
    EXPECT_OK(clrnn_model_layer(&layer, model, 0));
    ck_assert_str_eq(layer.name, "rnn_l0");
    ck_assert_str_eq(layer.type, "Bidirectional LSTM");
    ck_assert_int_eq(layer.outputs, 48);
    ck_assert_int_eq(layer.params, 2 * 96 * (12 + 24 + 2));
    EXPECT_OK(clrnn_model_layer(&layer, model, 1));
    ck_assert_str_eq(layer.name, "rnn_l1");
    ck_assert_int_eq(layer.params, 2 * 96 * (48 + 24 + 2));
    ck_assert_str_eq(clrnn_model_get_info(model).format, "torch");
    clrnn_model_free(model);
    expect_failure(clrnn_model_load(&model, path, &relu), CLRNN_STATUS_ARGUMENT,
                   "nonlinearity relu is for rnn, the file holds lstm");
}
END_TEST

START_TEST(saves_what_it_loaded) {
    static const char *const files[][2] = {
        {"tests/data/seed_numpy.npz", "m.npz"},
        {"tests/data/simple_rnn.npz", "m.npz"},
        {"tests/data/torch_bilstm.safetensors", "m.safetensors"}};
    make_folder();
    for (int i = 0; i < COUNT(files); i++) {
        clrnn_model *model;
        EXPECT_OK(clrnn_model_load(&model, files[i][0], NULL));
        EXPECT_OK(clrnn_model_save(model, in_folder(files[i][1]), NULL));
        expect_same_file(files[i][0], in_folder(files[i][1]));
        expect_failure(
            clrnn_model_save(model, "m.txt", NULL), CLRNN_STATUS_ARGUMENT,
            "m.txt: models are written as .npz, .safetensors, .keras or .onnx, got .txt");
        expect_failure(clrnn_model_save(model, "/dev/full", NULL), CLRNN_STATUS_IO,
                       "No space left");
        clrnn_model_free(model);
    }
    close_folder();
}
END_TEST

/* tanh is what the names mean: saying so needs no config. */
START_TEST(says_no_more_than_it_loaded) {
    const clrnn_model_options options = {.nonlinearity = CLRNN_ACT_TANH};
    clrnn_model *model;
    make_folder();
    EXPECT_OK(clrnn_model_load(&model, "tests/data/simple_rnn.npz", &options));
    EXPECT_OK(clrnn_model_save(model, in_folder("m.npz"), NULL));
    expect_same_file("tests/data/simple_rnn.npz", in_folder("m.npz"));
    clrnn_model_free(model);
    close_folder();
}
END_TEST

/* Through the other format and back: the same weights, and the same file. */
START_TEST(converts_files) {
    static const struct {
        const char *path, *other, *back;
        int same_file;
    } files[] = {{"tests/data/seed_numpy.npz", "m.safetensors", "m.npz", 0},
                 {"tests/data/simple_rnn.npz", "m.safetensors", "m.npz", 1},
                 {"tests/data/torch_bilstm.safetensors", "m.npz", "m.safetensors", 1}};
    make_folder();
    for (int i = 0; i < COUNT(files); i++) {
        clrnn_model *models[3];
        EXPECT_OK(clrnn_model_load(&models[0], files[i].path, NULL));
        EXPECT_OK(clrnn_model_save(models[0], in_folder(files[i].other), NULL));
        EXPECT_OK(clrnn_model_load(&models[1], in_folder(files[i].other), NULL));
        EXPECT_OK(clrnn_model_save(models[1], in_folder(files[i].back), NULL));
        EXPECT_OK(clrnn_model_load(&models[2], in_folder(files[i].back), NULL));
        expect_same_net(clrnn_model_net(models[0]), clrnn_model_net(models[1]));
        expect_same_net(clrnn_model_net(models[0]), clrnn_model_net(models[2]));
        if (files[i].same_file) {
            expect_same_file(files[i].path, in_folder(files[i].back));
        }
        for (int k = 0; k < 3; k++) {
            clrnn_model_free(models[k]);
        }
    }
    close_folder();
}
END_TEST

START_TEST(refuses_files) {
    clrnn_model *model;
    const clrnn_snippet snippet = {"a", "x = x;"};
    const clrnn_snippet twice[] = {snippet, snippet};
    const clrnn_snippet nameless = {NULL, "x = x;"};
    const clrnn_snippet empty = {"a", NULL};
    const struct {
        clrnn_model_options options;
        const char *error;
    } options[] = {
        {{.nonlinearity = (clrnn_act)77}, "nonlinearity must be tanh or relu, got unknown"},
        {{.nonlinearity = CLRNN_ACT_ELU}, "nonlinearity must be tanh or relu, got elu"},
        {{.num_snippets = 1}, "1 snippets need a list, got NULL"},
        {{.num_snippets = 1, .snippets = &nameless}, "snippet 0 needs a name and a source"},
        {{.num_snippets = 1, .snippets = &empty}, "snippet 0 needs a name and a source"},
        {{.num_snippets = 2, .snippets = twice}, "two snippets are called 'a'"},
        {{.num_snippets = 1, .snippets = &snippet},
         "does not ask for the snippet 'a', but for none"},
    };
    for (int i = 0; i < COUNT(options); i++) {
        expect_failure(clrnn_model_load(&model, "tests/data/seed_numpy.npz", &options[i].options),
                       CLRNN_STATUS_ARGUMENT, options[i].error);
    }
    expect_failure(clrnn_model_load(&model, "/nonexistent.npz", NULL), CLRNN_STATUS_IO,
                   "No such file");
    expect_failure(clrnn_model_load(&model, "tests/data/seed_x.npy", NULL), CLRNN_STATUS_FORMAT,
                   "is one .npy array; models are .npz, .safetensors, .keras, .h5 and .onnx files");
    expect_failure(clrnn_model_load(&model, "/dev/null", NULL), CLRNN_STATUS_FORMAT,
                   "is an empty file; models are .npz, .safetensors, .keras, .h5 and .onnx files");
    expect_failure(clrnn_model_load(&model, "tests/data/expected_simple_rnn.npz", NULL),
                   CLRNN_STATUS_FORMAT, "output: is no weight this version knows");
    expect_failure(clrnn_model_load(&model, NULL, NULL), CLRNN_STATUS_ARGUMENT, "NULL");
    expect_failure(clrnn_model_load(NULL, "x", NULL), CLRNN_STATUS_ARGUMENT, "NULL");
    expect_failure(clrnn_model_save(NULL, "x", NULL), CLRNN_STATUS_ARGUMENT, "a model and a path");
    expect_failure(clrnn_model_create(&model, NULL, 0), CLRNN_STATUS_ARGUMENT, "NULL");
    clrnn_model_free(NULL);
    ck_assert_ptr_null(clrnn_model_net(NULL));
    ck_assert_uint_eq(clrnn_model_layer_count(NULL), 0);
    ck_assert_str_eq(clrnn_model_get_info(NULL).format, "");
}
END_TEST

/* Files of others are named by their beginning, or by what stands in their archive. */
static const struct {
    const char *name, *bytes;
    size_t size;
    const char *error;
} foreign[] = {
    {"m.pt", "PK\3\4m/data.pkl", 14, "m.pt: is a PyTorch checkpoint; models are .npz"},
    {"m.keras", "PK\3\4model.weights.h5", 20, "is a Keras model; models are .npz"},
    {"m.keras", "PK\3\4metadata.json config.json", 29, "is not a whole zip file"},
    {"m.keras", "PK\3\4config.json", 15, "is not a whole zip file"},
    {"m.h5", "\x89HDF\r\n\x1a\n", 8, "is a damaged HDF5 file"},
    {"m.onnx", "\x08\x07\x12\x07pytorch", 11, "holds no graph"},
    {"m.bin", "\x08\x07\x12\x07pytorch", 11, "holds no graph"},
    {"m.safetensors", "\x02\0\0\0\0\0\0\0{}", 10, "m.safetensors: holds no arrays"},
    {"m.safetensors", "\x09\0\0\0\0\0\0\0{}", 10, "header: needs 9 bytes, the file has 2"},
    {"m.pkl", "\x80\x04\x95\0\0\0\0\0", 8, "is a Python pickle"},
    {"m.txt", "{\"a\": 1}\n", 9,
     "is a text; models are .npz, .safetensors, .keras, .h5 and .onnx files"},
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
    expect_failure(clrnn_model_load(&model, path, NULL), CLRNN_STATUS_FORMAT, foreign[_i].error);
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
#define TANH CLRNN_ACT_DEFAULT
#define RELU CLRNN_ACT_RELU
#define FORWARD CLRNN_DIRECTION_FORWARD
#define REVERSE CLRNN_DIRECTION_REVERSE
#define BOTH CLRNN_DIRECTION_BIDIRECTIONAL
#define DOUBLE CLRNN_BIAS_DOUBLE
#define SINGLE CLRNN_BIAS_SINGLE
#define NONE CLRNN_BIAS_NONE

static const struct {
    struct made arrays[MAX_ARRAYS];
    clrnn_act nonlinearity;
    clrnn_cell cell;
    clrnn_direction direction;
    clrnn_bias bias;
    int layers, inputs, hidden, projection, outputs;
    const char *name, *type; /* of the last layer */
    int64_t params;
} good[] = {
    {{{"weight_ih_l0", 12, 2, F32}, {"weight_hh_l0", 12, 3, F32}, {"bias_ih_l0", 12, 0, F32},
      {"bias_hh_l0", 12, 0, F32}}, TANH, CLRNN_CELL_LSTM, FORWARD, DOUBLE, 1, 2, 3, 0, 3, "lstm",
      "LSTM", 84},
    {{{"bias_hh_l0", 9, 0, F64}, {"weight_hh_l0", 9, 3, F16}, {"bias_ih_l0", 9, 0, F32},
      {"weight_ih_l0", 9, 2, F64}}, TANH, CLRNN_CELL_GRU, FORWARD, DOUBLE, 1, 2, 3, 0, 3, "gru",
      "GRU", 63},
    {{{"a.rnn.weight_ih_l0", 3, 2, F32}, {"a.rnn.weight_hh_l0", 3, 3, F32}}, RELU, CLRNN_CELL_RNN,
      FORWARD, NONE, 1, 2, 3, 0, 3, "a.rnn", "RNN", 15},
    {{{"r.weight_ih_l0_reverse", 4, 1, F32}, {"r.weight_hh_l0_reverse", 4, 1, F32},
      {"r.bias_ih_l0_reverse", 4, 0, F32}, {"r.bias_hh_l0_reverse", 4, 0, F32}}, TANH,
      CLRNN_CELL_LSTM, REVERSE, DOUBLE, 1, 1, 1, 0, 1, "r", "LSTM", 16},
    {{{"b", 3, 0, F64}, {"Wh", 3, 3, F16}, {"Wx", 3, 5, F64}}, TANH, CLRNN_CELL_RNN, FORWARD,
      SINGLE, 1, 5, 3, 0, 3, "rnn", "RNN", 27},
    {{{"weight_ih_l0", 3, 2, F32}, {"weight_hh_l0", 3, 3, F32}, {"weight_ih_l1", 3, 3, F32},
      {"weight_hh_l1", 3, 3, F32}}, RELU, CLRNN_CELL_RNN, FORWARD, NONE, 2, 2, 3, 0, 3, "rnn_1",
      "RNN", 18},
    {{{"g.weight_ih_l1_reverse", 3, 2, F32}, {"g.weight_hh_l1_reverse", 3, 1, F32},
      {"g.weight_ih_l1", 3, 2, F32}, {"g.weight_hh_l1", 3, 1, F32},
      {"g.weight_ih_l0_reverse", 3, 4, F32}, {"g.weight_hh_l0_reverse", 3, 1, F32},
      {"g.weight_ih_l0", 3, 4, F32}, {"g.weight_hh_l0", 3, 1, F32}}, TANH, CLRNN_CELL_GRU, BOTH,
      NONE, 2, 4, 1, 0, 2, "g_l1", "Bidirectional GRU", 18},
    {{{"weight_ih_l0", 12, 2, F32}, {"weight_hh_l0", 12, 1, F32}, {"weight_hr_l0", 1, 3, F32},
      {"weight_ih_l1", 12, 1, F32}, {"weight_hh_l1", 12, 1, F32}, {"weight_hr_l1", 1, 3, F32}},
      TANH, CLRNN_CELL_LSTM, FORWARD, NONE, 2, 2, 3, 1, 1, "lstm_1", "LSTM", 27},
    {{{"weight_ih_l0_reverse", 1, 2, F32}, {"weight_hh_l0_reverse", 1, 1, F32},
      {"weight_ih_l1_reverse", 1, 1, F32}, {"weight_hh_l1_reverse", 1, 1, F32}}, TANH,
      CLRNN_CELL_RNN, REVERSE, NONE, 2, 2, 1, 0, 1, "rnn_1", "RNN", 2},
};

#define RNN_WEIGHTS {"weight_ih_l0", 3, 2, F32}, {"weight_hh_l0", 3, 3, F32}
#define GRU_WEIGHTS {"weight_ih_l0", 9, 2, F32}, {"weight_hh_l0", 9, 3, F32}
#define LSTM_WEIGHTS {"weight_ih_l0", 12, 2, F32}, {"weight_hh_l0", 12, 2, F32}
#define FURTHER "is a further layer, whose place a config must say"

static const struct {
    struct made arrays[MAX_ARRAYS];
    clrnn_act nonlinearity;
    clrnn_status status;
    const char *error;
} bad[] = {
    {{{NULL, 0, 0, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: holds no arrays"},
    {{{"rnn/kernel", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: rnn/kernel is one of Keras's weights"},
    {{{"config", 0, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: config: must be a 0-d text, got float32"},
    {{RNN_WEIGHTS, {"config", 0, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: config: must be a 0-d text"},
    {{RNN_WEIGHTS, {"fc.weight", 9, 4, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: linear layers follow 3 features in no order that fits: fc [9][4]"},
    {{RNN_WEIGHTS, {"bias", 9, 0, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: bias: " FURTHER},
    {{RNN_WEIGHTS, {"x", 9, 3, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: x: is not a name"},
    {{RNN_WEIGHTS, {"weight_ih_l0_rev", 9, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l0_rev: is not a name"},
    {{RNN_WEIGHTS, {"weight_ih_l", 9, 3, F32}}, TANH, CLRNN_STATUS_FORMAT, "is not a name"},
    {{RNN_WEIGHTS, {"weight_ih_l00", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l00: is not a name"},
    {{RNN_WEIGHTS, {"weight_ih_l1024", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l1024: is not a name"},
    {{RNN_WEIGHTS, {"weight_ih_l4294967296", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "is not a name"},
    {{RNN_WEIGHTS, {"weight_ih_l1", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hh_l1: is missing, but weight_ih_l0 is there"},
    {{RNN_WEIGHTS, {"weight_ih_l2", 3, 3, F32}, {"weight_hh_l2", 3, 3, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: weight_ih_l1: is missing, but weight_ih_l2 is there; layers that are not alike"},
    {{RNN_WEIGHTS, {"weight_ih_l1023", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l1: is missing, but weight_ih_l1023 is there"},
    {{RNN_WEIGHTS, {"weight_ih_l0_reverse", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hh_l0_reverse: is missing, but weight_ih_l0_reverse is there"},
    {{RNN_WEIGHTS, {"weight_ih_l1_reverse", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l0_reverse: is missing, but weight_ih_l1_reverse is there"},
    {{RNN_WEIGHTS, {"weight_ih_l1", 3, 2, F32}, {"weight_hh_l1", 3, 3, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: weight_ih_l1: expected [3][3], got float32 [3][2]"},
    {{RNN_WEIGHTS, {"weight_ih_l1", 9, 3, F32}, {"weight_hh_l1", 9, 3, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: weight_ih_l1: expected [3][3], got float32 [9][3]; layers that"},
    {{RNN_WEIGHTS, {"weight_ih_l0_reverse", 3, 2, F32}, {"weight_hh_l0_reverse", 2, 3, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: weight_hh_l0_reverse: expected [3][3], got float32 [2][3]"},
    {{RNN_WEIGHTS, {"weight_hr_l0", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hh_l0: rows must be 1 (rnn), 3 (gru) or 4 (lstm) x columns of weight_hr, got"},
    {{RNN_WEIGHTS, {"weight_hr_l0", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: layer 0: projection is for lstm, got it with rnn"},
    {{LSTM_WEIGHTS, {"weight_hr_l0", 2, 3, F32}, {"weight_ih_l1", 12, 2, F32},
      {"weight_hh_l1", 12, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hr_l1: is missing, but weight_hr_l0 is there"},
    {{LSTM_WEIGHTS, {"weight_hr_l0", 1, 3, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hr_l0: expected [2][3], got float32 [1][3]"},
    {{LSTM_WEIGHTS, {"weight_hr_l0", 6, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hr_l0: expected [P][H], got float32 [6]"},
    {{{"weight_ih_l0", 8, 2, F32}, {"weight_hh_l0", 8, 2, F32}, {"weight_hr_l0", 2, 2, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: layer 0: projection must be 0 (none) to hidden - 1 = 1, got 2"},
    {{LSTM_WEIGHTS, {"weight_ci_l0", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ci_l0: is a peephole, which needs a config"},
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
    {{GRU_WEIGHTS}, CLRNN_ACT_TANH, CLRNN_STATUS_ARGUMENT, "tanh is for rnn, the file holds gru"},
    {{{"Wx", 3, 2, F32}, {"Wh", 3, 3, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: b: is missing"},
    {{RNN_WEIGHTS, {"Wx", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: mixes two naming schemes, Wx Wh b and PyTorch's weight_ih_l0 ..."},
    {{{"Wx", 3, 2, F32}, {"b", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT, "m: Wh: is missing"},
    {{{"Wx", 3, 2, F32}, {"Wh", 3, 3, F32}, {"b", 3, 0, F32}, {"x", 3, 0, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: x: is not known beside Wx, Wh, b"},
    {{{"Wx", 3, 2, F32}, {"Wh", 3, 3, F32}, {"b", 3, 0, F32}, {"fc.bias", 3, 0, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: fc.bias: " FURTHER},
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
    ck_assert_int_eq(desc->inputs, good[row].inputs);
    ck_assert_int_eq(desc->num_layers, good[row].layers);
    for (int i = 0; i < good[row].layers; i++) {
        const clrnn_layer_desc *got = &desc->layers[i];
        clrnn_layer_desc expected = {.cell = good[row].cell,
                                     .direction = good[row].direction,
                                     .bias = good[row].bias,
                                     .hidden = good[row].hidden,
                                     .projection = good[row].projection};
        const int lesson = good[row].bias == SINGLE;
        expected.acts[0][0].kind = lesson ? CLRNN_ACT_TANH : good[row].nonlinearity;
        ck_assert(same_layer(got, &expected));
    }
    EXPECT_OK(clrnn_model_layer(&layer, model, (size_t)good[row].layers - 1));
    ck_assert_int_eq(layer.outputs, good[row].outputs);
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

/* Saved in either format, a model needs no option to be what it was. */
START_TEST(reads_models) {
    static const char *const saved[] = {"m.npz", "m.safetensors"};
    const clrnn_model_options options = {.nonlinearity = good[_i].nonlinearity};
    clrnn_arrays *arrays = make_arrays(good[_i].arrays);
    clrnn_model *model;
    make_folder();
    EXPECT_OK(clrnn_arrays_save(arrays, in_folder("m.npz")));
    EXPECT_OK(clrnn_model_load(&model, in_folder("m.npz"), &options));
    check_good(model, _i);
    for (int i = 0; i < COUNT(saved); i++) {
        clrnn_model *again;
        EXPECT_OK(clrnn_model_save(model, in_folder(saved[i]), NULL));
        EXPECT_OK(clrnn_model_load(&again, in_folder(saved[i]), NULL));
        check_good(again, _i);
        clrnn_model_free(again);
        EXPECT_OK(clrnn_model_load(&again, in_folder(saved[i]), &options));
        check_good(again, _i);
        clrnn_model_free(again);
    }
    clrnn_model_free(model);
    clrnn_arrays_free(arrays);
    close_folder();
}
END_TEST

START_TEST(refuses_models) {
    const clrnn_model_options options = {.nonlinearity = bad[_i].nonlinearity};
    clrnn_arrays *arrays = make_arrays(bad[_i].arrays);
    clrnn_model *model = NULL;
    expect_failure(model_read(&model, arrays, "m", &options), bad[_i].status, bad[_i].error);
    ck_assert_ptr_null(model);
    clrnn_arrays_free(arrays);
}
END_TEST

/* ---- files with a config --------------------------------------------------------------------- */

static void add_config(clrnn_arrays *arrays, const char *text) {
    clrnn_tensor tensor = {.data = strdup(text), .dtype = CLRNN_DTYPE_TEXT};
    ck_assert_ptr_nonnull(tensor.data);
    EXPECT_OK(arrays_insert(arrays, "config", &tensor));
}

#define CONFIG(rest) "{\"format\": \"clrnn\", \"version\": 1, \"inputs\": 2, " rest "}"
#define ONE_RNN CONFIG("\"layers\": [{\"cell\": \"rnn\", \"hidden\": 3, \"bias\": \"none\"}]")
#define ONE_RELU                                                                                   \
    CONFIG("\"layers\": [{\"cell\": \"rnn\", \"hidden\": 3, \"bias\": \"none\", "                  \
           "\"activations\": [\"relu\"]}]")
#define PEEPHOLES                                                                                  \
    CONFIG("\"layers\": [{\"cell\": \"lstm\", \"hidden\": 3, \"bias\": \"none\", "                 \
           "\"peepholes\": true}]")
#define LARGE CONFIG("\"layers\": [{\"cell\": \"lstm\", \"hidden\": 1048576}]")
#define TWO_CELLS                                                                                  \
    CONFIG("\"layers\": [{\"cell\": \"gru\", \"hidden\": 3}, "                                     \
           "{\"cell\": \"lstm\", \"hidden\": 2}, {\"cell\": \"gru\", \"hidden\": 3}]")
#define SNIPPETS                                                                                   \
    CONFIG("\"layers\": [{\"cell\": \"rnn\", \"hidden\": 3, \"bias\": \"none\", "                  \
           "\"activations\": [{\"name\": \"custom\", \"source\": \"leak\"}]}]")
#define PEEPHOLE_WEIGHTS                                                                           \
    {"weight_ih_l0", 12, 2, F32}, {                                                                \
        "weight_hh_l0", 12, 3, F32                                                                 \
    }

/* clang-format off */
static const struct {
    const char *config;
    struct made arrays[MAX_ARRAYS];
    clrnn_act nonlinearity;
    clrnn_status status;
    const char *error; /* "": fine */
} configs[] = {
    {ONE_RNN, {RNN_WEIGHTS}, TANH, CLRNN_STATUS_OK, ""},
    {ONE_RNN, {RNN_WEIGHTS}, RELU, CLRNN_STATUS_OK, ""},
    {ONE_RELU, {RNN_WEIGHTS}, RELU, CLRNN_STATUS_OK, ""},
    {ONE_RELU, {RNN_WEIGHTS}, CLRNN_ACT_TANH, CLRNN_STATUS_ARGUMENT,
      "m: layer 0 is relu in the file, got nonlinearity tanh"},
    {"{}", {RNN_WEIGHTS}, TANH, CLRNN_STATUS_FORMAT,
      "m: config: format: expected 'clrnn', got none"},
    {ONE_RNN, {{"weight_ih_l0", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_hh_l0: is missing, but the config asks for it"},
    {ONE_RNN, {{"a.weight_ih_l0", 3, 2, F32}, {"a.weight_hh_l0", 3, 3, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: weight_ih_l0: is missing, but the config asks for it"},
    {ONE_RNN, {RNN_WEIGHTS, {"bias_ih_l0", 3, 0, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: bias_ih_l0: is not a weight of the config's net"},
    {ONE_RNN, {RNN_WEIGHTS, {"Wx", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: Wx: is not a weight of the config's net"},
    {ONE_RNN, {RNN_WEIGHTS, {"fc.weight", 3, 2, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: fc.weight: " FURTHER},
    {ONE_RNN, {{"weight_ih_l0", 3, 3, F32}, {"weight_hh_l0", 3, 3, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: weight_ih_l0: expected [3][2], got float32 [3][3]"},
    {ONE_RNN, {{"weight_ih_l0", 3, 2, I32}, {"weight_hh_l0", 3, 3, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: weight_ih_l0: weights must be float16, float32 or float64"},
    {PEEPHOLES, {PEEPHOLE_WEIGHTS, {"weight_ci_l0", 3, 0, F32}, {"weight_cf_l0", 3, 0, F32},
      {"weight_co_l0", 3, 0, F32}}, TANH, CLRNN_STATUS_OK, ""},
    {PEEPHOLES, {PEEPHOLE_WEIGHTS, {"weight_ci_l0", 3, 0, F32}, {"weight_cf_l0", 3, 0, F32}}, TANH,
      CLRNN_STATUS_FORMAT, "m: weight_co_l0: is missing, but the config asks for it"},
    {PEEPHOLES, {PEEPHOLE_WEIGHTS, {"weight_ci_l0", 3, 0, F32}, {"weight_cf_l0", 3, 0, F32},
      {"weight_co_l0", 3, 1, F32}}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_co_l0: expected [3], got float32 [3][1]"},
    {PEEPHOLES, {PEEPHOLE_WEIGHTS}, RELU, CLRNN_STATUS_ARGUMENT,
      "m: nonlinearity relu is for rnn, the file holds lstm"},
    {TWO_CELLS, {LSTM_WEIGHTS}, RELU, CLRNN_STATUS_ARGUMENT,
      "m: nonlinearity relu is for rnn, the file holds gru and lstm"},
    {LARGE, {LSTM_WEIGHTS}, TANH, CLRNN_STATUS_FORMAT,
      "m: weight_ih_l0: expected [4194304][2], got float32 [12][2]"},
    {SNIPPETS, {RNN_WEIGHTS}, TANH, CLRNN_STATUS_FORMAT,
      "m: layer 0 needs the OpenCL C snippet 'leak', which was not given"},
};
/* clang-format on */

START_TEST(reads_configs) {
    const clrnn_model_options options = {.nonlinearity = configs[_i].nonlinearity};
    clrnn_arrays *arrays = make_arrays(configs[_i].arrays);
    clrnn_model *model = NULL;
    add_config(arrays, configs[_i].config);
    const clrnn_status status = model_read(&model, arrays, "m", &options);
    if (configs[_i].status != CLRNN_STATUS_OK) {
        expect_failure(status, configs[_i].status, configs[_i].error);
        ck_assert_ptr_null(model);
    } else {
        EXPECT_OK(status);
        const clrnn_layer_desc *layer = &clrnn_net_get_desc(clrnn_model_net(model))->layers[0];
        ck_assert_int_eq(layer->acts[0][0].kind, configs[_i].nonlinearity);
        ck_assert_str_eq(clrnn_model_get_info(model).format, "config");
    }
    clrnn_model_free(model);
    clrnn_arrays_free(arrays);
}
END_TEST

/* What the config says of x, y and names is kept when the model is saved. */
START_TEST(keeps_what_the_config_says) {
    static const char config[] =
        CONFIG("\"batch_first\": true, \"return_sequences\": false, \"prefix\": \"a.\", "
               "\"layers\": [{\"name\": \"first\", \"cell\": \"rnn\", \"hidden\": 3, \"bias\": "
               "\"none\"}, {\"cell\": \"rnn\", \"hidden\": 3, \"bias\": \"none\"}]");
    static const struct made weights[MAX_ARRAYS] = {{"a.weight_ih_l0", 3, 2, F32},
                                                    {"a.weight_hh_l0", 3, 3, F32},
                                                    {"a.weight_ih_l1", 3, 3, F32},
                                                    {"a.weight_hh_l1", 3, 3, F32}};
    static const char *const saved[] = {"m.npz", "m.safetensors"};
    clrnn_arrays *arrays = make_arrays(weights);
    clrnn_model *model;
    add_config(arrays, config);
    EXPECT_OK(model_read(&model, arrays, "m", NULL));
    make_folder();
    for (int i = 0; i < COUNT(saved); i++) {
        clrnn_model *again;
        clrnn_layer_info layer;
        EXPECT_OK(clrnn_model_save(model, in_folder(saved[i]), NULL));
        EXPECT_OK(clrnn_model_load(&again, in_folder(saved[i]), NULL));
        const clrnn_model_info info = clrnn_model_get_info(again);
        ck_assert_str_eq(info.format, "config");
        ck_assert(info.has_layout && info.batch_first && info.last_only);
        EXPECT_OK(clrnn_model_layer(&layer, again, 0));
        ck_assert_str_eq(layer.name, "first");
        EXPECT_OK(clrnn_model_layer(&layer, again, 1));
        ck_assert_str_eq(layer.name, "a_l1");
        expect_same_net(clrnn_model_net(model), clrnn_model_net(again));
        clrnn_model_free(again);
    }
    clrnn_model_free(model);
    clrnn_arrays_free(arrays);
    close_folder();
}
END_TEST

/* ---- nets of every option -------------------------------------------------------------------- */

#define BIDIRECTIONAL .direction = CLRNN_DIRECTION_BIDIRECTIONAL
#define LEAKY                                                                                      \
    { .kind = CLRNN_ACT_LEAKY_RELU, .parameters = 1, .alpha = 0.1f }
#define HARD                                                                                       \
    { .kind = CLRNN_ACT_HARD_SIGMOID, .parameters = 2, .alpha = 0.3f, .beta = 0.4f }

enum { MAX_LAYERS = 3 };
static const clrnn_layer_desc nets[][MAX_LAYERS] = {
    {{.cell = CLRNN_CELL_RNN, .hidden = 3}},
    {{.cell = CLRNN_CELL_RNN, .hidden = 3, .acts = {{{.kind = CLRNN_ACT_RELU}}}}},
    {{.cell = CLRNN_CELL_RNN, .hidden = 3, .direction = CLRNN_DIRECTION_REVERSE, .zero_masked = 1}},
    {{.cell = CLRNN_CELL_GRU, .hidden = 2, .reset = CLRNN_RESET_BEFORE, .gate_clip = 3.3f}},
    {{.cell = CLRNN_CELL_LSTM, .hidden = 4, .projection = 2, .bias = CLRNN_BIAS_NONE}},
    {{.cell = CLRNN_CELL_LSTM, .hidden = 4, .projection = 3, .peepholes = 1, BIDIRECTIONAL}},
    {{.cell = CLRNN_CELL_LSTM, .hidden = 2, .couple = CLRNN_COUPLE_FORGET, .forget_bias = 0.7f}},
    {{.cell = CLRNN_CELL_LSTM, .hidden = 2, .couple = CLRNN_COUPLE_INPUT, .cell_clip = 0.1f}},
    {{.cell = CLRNN_CELL_LSTM,
      .hidden = 2,
      BIDIRECTIONAL,
      .bias = CLRNN_BIAS_SINGLE,
      .acts = {{LEAKY, HARD, {.kind = CLRNN_ACT_DEFAULT}, HARD, LEAKY}}}},
    {{.cell = CLRNN_CELL_GRU,
      .hidden = 2,
      BIDIRECTIONAL,
      .merge = CLRNN_MERGE_SUM,
      .acts = {{HARD, HARD, LEAKY}, {LEAKY, {.kind = CLRNN_ACT_DEFAULT}, HARD}}}},
    {{.cell = CLRNN_CELL_GRU, .hidden = 2, BIDIRECTIONAL, .merge = CLRNN_MERGE_MUL},
     {.cell = CLRNN_CELL_RNN, .hidden = 5, BIDIRECTIONAL, .merge = CLRNN_MERGE_AVE},
     {.cell = CLRNN_CELL_LSTM, .hidden = 1, .bias = CLRNN_BIAS_NONE}},
    {{.cell = CLRNN_CELL_RNN, .hidden = 2, .direction = CLRNN_DIRECTION_REVERSE},
     {.cell = CLRNN_CELL_RNN, .hidden = 2}},
    {{.cell = CLRNN_CELL_CUSTOM, .hidden = 2, .gates = 2, .states = 2, .source = "h = gx[0];"},
     {.cell = CLRNN_CELL_GRU,
      .hidden = 2,
      BIDIRECTIONAL,
      .acts =
          {{{.kind = CLRNN_ACT_CUSTOM, .source = "x = -x;"}, LEAKY, LEAKY},
           {LEAKY,
            HARD,
            {.kind = CLRNN_ACT_CUSTOM, .parameters = 1, .alpha = 2, .source = "x *= alpha;"}}}}},
};
static const clrnn_snippet snippets[] = {
    {"layer1_reverse_act2", "x *= alpha;"}, {"layer1_act0", "x = -x;"}, {"layer0", "h = gx[0];"}};

/* A net whose weights have random bits, NaN and infinity among them. */
static clrnn_net *make_net(const clrnn_net_desc *desc) {
    clrnn_net *net;
    uint64_t seed = 1;
    char name[64];
    EXPECT_OK(clrnn_net_create(&net, desc));
    for (size_t i = 0; clrnn_net_weight_name(net, i) != NULL; i++) {
        clrnn_tensor value;
        snprintf(name, sizeof name, "%s", clrnn_net_weight_name(net, i));
        EXPECT_OK(clrnn_net_get_weight(&value, net, name));
        const int64_t count = clrnn_tensor_count(&value);
        uint32_t *bits = malloc((size_t)count * sizeof *bits);
        ck_assert_ptr_nonnull(bits);
        for (int64_t k = 0; k < count; k++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bits[k] = k % 7 == 0 ? 0x7fc00000u : (uint32_t)(seed >> 32);
        }
        value.data = bits;
        EXPECT_OK(clrnn_net_set_weight(net, name, &value));
        free(bits);
    }
    return net;
}

START_TEST(saves_nets) {
    static const char *const saved[] = {"m.npz", "m.safetensors"};
    clrnn_net_desc desc = {.inputs = 3, .layers = nets[_i]};
    clrnn_model_options options = {0};
    clrnn_model *model;
    while (desc.num_layers < MAX_LAYERS && nets[_i][desc.num_layers].hidden > 0) {
        desc.num_layers++;
    }
    if (nets[_i][0].source != NULL) {
        options = (clrnn_model_options){.num_snippets = COUNT(snippets), .snippets = snippets};
    }
    clrnn_net *net = make_net(&desc);
    EXPECT_OK(clrnn_model_create(&model, net, _i % 2));
    expect_same_net(net, clrnn_model_net(model));
    make_folder();
    for (int i = 0; i < COUNT(saved); i++) {
        clrnn_model *again;
        EXPECT_OK(clrnn_model_save(model, in_folder(saved[i]), NULL));
        EXPECT_OK(clrnn_model_load(&again, in_folder(saved[i]), &options));
        expect_same_net(net, clrnn_model_net(again));
        const clrnn_model_info info = clrnn_model_get_info(again);
        ck_assert(info.has_layout && info.batch_first == _i % 2 && !info.last_only);
        /* The same file once more, from what was read. */
        EXPECT_OK(clrnn_model_save(again, in_folder("again.npz"), NULL));
        EXPECT_OK(clrnn_model_save(model, in_folder("m.npz"), NULL));
        expect_same_file(in_folder("m.npz"), in_folder("again.npz"));
        unlink(in_folder("again.npz"));
        clrnn_model_free(again);
    }
    clrnn_model_free(model);
    clrnn_net_free(net);
    close_folder();
}
END_TEST

START_TEST(keeps_code_out_of_files) {
    const clrnn_net_desc desc = {.inputs = 3, .num_layers = 2, .layers = nets[COUNT(nets) - 1]};
    clrnn_net *net = make_net(&desc);
    clrnn_model *model;
    size_t size;
    EXPECT_OK(clrnn_model_create(&model, net, 0));
    make_folder();
    EXPECT_OK(clrnn_model_save(model, in_folder("m.safetensors"), NULL));
    clrnn_model_free(model);
    unsigned char *bytes = read_whole(in_folder("m.safetensors"), &size);
    ck_assert_ptr_null(memmem(bytes, size, "gx[0]", 5));
    ck_assert_ptr_null(memmem(bytes, size, "x = -x", 6));
    ck_assert_ptr_nonnull(memmem(bytes, size, "layer1_act0", 11));
    free(bytes);
    for (size_t given = 0; given < COUNT(snippets); given++) {
        const clrnn_model_options options = {.num_snippets = given, .snippets = snippets};
        expect_failure(clrnn_model_load(&model, in_folder("m.safetensors"), &options),
                       CLRNN_STATUS_FORMAT, "a file brings no code of its own");
    }
    clrnn_net_free(net);
    close_folder();
}
END_TEST

START_TEST(creates_from_whole_nets) {
    clrnn_net *net;
    clrnn_model *model;
    EXPECT_OK(clrnn_net_create(
        &net, &(clrnn_net_desc){.inputs = 2, .layer = {.cell = CLRNN_CELL_GRU, .hidden = 3}}));
    expect_failure(clrnn_model_create(&model, net, 0), CLRNN_STATUS_ARGUMENT,
                   "weight_ih_l0 was never set");
    ck_assert_ptr_null(model);
    clrnn_net_free(net);
}
END_TEST

/* Names of layers: made from long prefixes too, without a character cut in two. */
START_TEST(names_layers) {
    char prefix[400];
    char name[500];
    clrnn_model *model;
    clrnn_layer_info layer;
    for (size_t i = 0; i + 2 < sizeof prefix; i += 2) {
        strcpy(prefix + i, "\xc3\xa9");
    }
    memmove(prefix + 1, prefix, 301);
    prefix[0] = 'a';
    prefix[301] = '\0';
    struct made weights[MAX_ARRAYS] = {{NULL, 3, 2, F32}, {NULL, 3, 3, F32}};
    char hh[500];
    snprintf(name, sizeof name, "%s.weight_ih_l0", prefix);
    snprintf(hh, sizeof hh, "%s.weight_hh_l0", prefix);
    weights[0].name = name;
    weights[1].name = hh;
    clrnn_arrays *arrays = make_arrays(weights);
    EXPECT_OK(model_read(&model, arrays, "m", NULL));
    EXPECT_OK(clrnn_model_layer(&layer, model, 0));
    ck_assert_uint_eq(strlen(layer.name), 99);
    ck_assert_int_eq(strncmp(layer.name, prefix, 99), 0);
    make_folder();
    EXPECT_OK(clrnn_model_save(model, in_folder("m.safetensors"), NULL));
    clrnn_model_free(model);
    EXPECT_OK(clrnn_model_load(&model, in_folder("m.safetensors"), NULL));
    clrnn_model_free(model);
    clrnn_arrays_free(arrays);
    close_folder();
}
END_TEST

/* ---- hostile files --------------------------------------------------------------------------- */

static void read_hostile(const unsigned char *bytes, size_t size) {
    clrnn_arrays *arrays = NULL;
    clrnn_model *model;
    clrnn_status status;
    if (arrays_probe(bytes, size) == ARRAYS_SAFETENSORS) {
        EXPECT_OK(clrnn_arrays_create(&arrays));
        status = safetensors_read(arrays, bytes, size, "m");
    } else {
        status = arrays_parse(&arrays, bytes, size, "m");
    }
    if (status == CLRNN_STATUS_OK && model_read(&model, arrays, "m", NULL) == CLRNN_STATUS_OK) {
        clrnn_model_free(model);
    }
    clrnn_arrays_free(arrays);
}

/* A file changed at one byte is read or refused, whatever it says. */
static void survive(const char *path) {
    static const unsigned char flips[] = {0x01, 0x03, 0x80};
    size_t size;
    unsigned char *bytes = read_whole(path, &size);
    for (size_t at = 0; at < size; at++) {
        for (int i = 0; i < COUNT(flips); i++) {
            bytes[at] ^= flips[i];
            read_hostile(bytes, size);
            bytes[at] ^= flips[i];
        }
        read_hostile(bytes, at);
    }
    free(bytes);
}

START_TEST(survives_hostile_models) {
    const clrnn_net_desc desc = {.inputs = 1, .layer = {.cell = CLRNN_CELL_GRU, .hidden = 2}};
    clrnn_net *net = make_net(&desc);
    clrnn_model *model;
    survive("tests/data/seed_numpy.npz");
    EXPECT_OK(clrnn_model_create(&model, net, 1));
    make_folder();
    EXPECT_OK(clrnn_model_save(model, in_folder("m.npz"), NULL));
    EXPECT_OK(clrnn_model_save(model, in_folder("m.safetensors"), NULL));
    survive(in_folder("m.npz"));
    survive(in_folder("m.safetensors"));
    clrnn_model_free(model);
    clrnn_net_free(net);
    close_folder();
}
END_TEST

Suite *model_suite(void) {
    Suite *suite = suite_create("model");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 120);
    tcase_add_test(files, reads_the_lesson);
    tcase_add_test(files, reads_two_directions);
    tcase_add_test(files, saves_what_it_loaded);
    tcase_add_test(files, says_no_more_than_it_loaded);
    tcase_add_test(files, converts_files);
    tcase_add_test(files, refuses_files);
    tcase_add_loop_test(files, names_foreign_files, 0, COUNT(foreign));
    tcase_add_loop_test(files, reads_models, 0, COUNT(good));
    tcase_add_loop_test(files, refuses_models, 0, COUNT(bad));
    tcase_add_loop_test(files, reads_configs, 0, COUNT(configs));
    tcase_add_test(files, keeps_what_the_config_says);
    tcase_add_loop_test(files, saves_nets, 0, COUNT(nets));
    tcase_add_test(files, keeps_code_out_of_files);
    tcase_add_test(files, creates_from_whole_nets);
    tcase_add_test(files, names_layers);
    tcase_add_test(files, survives_hostile_models);
    suite_add_tcase(suite, files);
    return suite;
}
