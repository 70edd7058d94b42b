/* cli_files.c: see cli_files.h. */
#include "cli_files.h"

#include "cli/generate.h"
#include "cli_program.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- arrays ---------------------------------------------------------------------------------- */

void cli_save(clrnn_arrays *arrays, const char *path) {
    char *expanded = program_expand(path);
    ck_assert_msg(clrnn_arrays_save(arrays, expanded) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    clrnn_arrays_free(arrays);
    free(expanded);
}

clrnn_arrays *cli_load(const char *path) {
    char *expanded = program_expand(path);
    clrnn_arrays *arrays = NULL;
    ck_assert_msg(clrnn_arrays_load(&arrays, expanded) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    free(expanded);
    return arrays;
}

static clrnn_arrays *create(void) {
    clrnn_arrays *arrays = NULL;
    ck_assert_int_eq(clrnn_arrays_create(&arrays), CLRNN_STATUS_OK);
    return arrays;
}

void cli_add(clrnn_arrays *arrays, const char *name, clrnn_dtype dtype, const int64_t *shape,
             int64_t at, int value) {
    clrnn_tensor made;
    int rank = 0;
    while (shape[rank] >= 0) {
        rank++;
    }
    ck_assert_int_eq(clrnn_arrays_add(&made, arrays, name, dtype, rank, shape), CLRNN_STATUS_OK);
    if (at >= 0 && dtype == CLRNN_DTYPE_F32) {
        ((float *)made.data)[at] = (float)value;
    } else if (at >= 0 && dtype == CLRNN_DTYPE_I32) {
        ((int32_t *)made.data)[at] = value;
    } else if (at >= 0 && dtype == CLRNN_DTYPE_I64) {
        ((int64_t *)made.data)[at] = value;
    } else if (at >= 0 && dtype == CLRNN_DTYPE_BOOL) {
        ((uint8_t *)made.data)[at] = (uint8_t)value;
    }
}

void cli_save_one(const char *path, const char *name, clrnn_dtype dtype, const int64_t *shape,
                  int64_t at, int value) {
    clrnn_arrays *arrays = create();
    cli_add(arrays, name, dtype, shape, at, value);
    cli_save(arrays, path);
}

/* Arrays of one shape, zeros but for the first value. */
static void save_names(const char *path, const char *const *names, const int64_t *shape) {
    clrnn_arrays *arrays = create();
    for (; *names != NULL; names++) {
        cli_add(arrays, *names, CLRNN_DTYPE_F32, shape, 0, 1);
    }
    cli_save(arrays, path);
}

void cli_copy(const char *to, const char *from, const char *const *names) {
    clrnn_arrays *source = cli_load(from);
    clrnn_arrays *arrays = create();
    for (; *names != NULL; names++) {
        clrnn_tensor copy;
        const clrnn_tensor *found = clrnn_arrays_find(source, *names);
        ck_assert_msg(found != NULL, "%s: holds no %s", from, *names);
        ck_assert_int_eq(clrnn_arrays_convert(&copy, arrays, *names, found->dtype, found),
                         CLRNN_STATUS_OK);
    }
    cli_save(arrays, to);
    clrnn_arrays_free(source);
}

void cli_cut(const char *to, const char *from, int axis, int64_t first, int64_t count) {
    clrnn_arrays *source = cli_load(from);
    clrnn_arrays *arrays = create();
    clrnn_tensor part = *clrnn_arrays_at(source, 0);
    clrnn_tensor copy;
    int64_t stride = 1;
    for (int i = part.rank - 1; i >= 0; i--) {
        part.strides[i] = stride;
        stride *= part.shape[i];
    }
    part.offset += (size_t)(first * part.strides[axis]) * clrnn_dtype_size(part.dtype);
    part.shape[axis] = count;
    ck_assert_int_eq(clrnn_arrays_convert(&copy, arrays, "", part.dtype, &part), CLRNN_STATUS_OK);
    cli_save(arrays, to);
    clrnn_arrays_free(source);
}

void cli_write_text(const char *path, const char *text) {
    char *expanded = program_expand(path);
    FILE *file = fopen(expanded, "w");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    (void)fclose(file);
    free(expanded);
}

const float *cli_values(const clrnn_arrays *arrays, const char *name, int64_t *count) {
    const clrnn_tensor *found = clrnn_arrays_find(arrays, name);
    ck_assert_msg(found != NULL, "there is no %s", name);
    *count = clrnn_tensor_count(found);
    return found->data;
}

void cli_expect_same(const char *a_path, const char *b_path, const char *name) {
    int64_t a_count, b_count;
    clrnn_arrays *a = cli_load(a_path);
    clrnn_arrays *b = cli_load(b_path);
    const float *x = cli_values(a, name, &a_count);
    const float *y = cli_values(b, name, &b_count);
    ck_assert_int_eq(a_count, b_count);
    ck_assert_msg(memcmp(x, y, (size_t)a_count * sizeof *x) == 0, "%s: %s and %s differ", name,
                  a_path, b_path);
    clrnn_arrays_free(a);
    clrnn_arrays_free(b);
}

/* ---- models ---------------------------------------------------------------------------------- */

static generated make(const char *problem_text) {
    problem task;
    problem_error error;
    generated made;
    ck_assert_msg(problem_parse(&task, problem_text, &error), "%s: %s", problem_text,
                  error.message);
    ck_assert_msg(generate(&made, &task) == CLRNN_STATUS_OK, "%s", clrnn_last_error()->message);
    return made;
}

static void save_net(const char *path, const clrnn_net *net, int batch_first) {
    char *expanded = program_expand(path);
    clrnn_model *model = NULL;
    ck_assert_msg(clrnn_model_create(&model, net, batch_first) == CLRNN_STATUS_OK &&
                      clrnn_model_save(model, expanded, NULL) == CLRNN_STATUS_OK,
                  "%s: %s", path, clrnn_last_error()->message);
    clrnn_model_free(model);
    free(expanded);
}

void cli_save_model(const char *path, const char *problem_text, int batch_first) {
    generated made = make(problem_text);
    save_net(path, made.net, batch_first);
    generate_free(&made);
}

/* A cell and an activation of one's own; the config calls them layer0 and layer1_act0. */
static void save_custom(const char *path) {
    clrnn_layer_desc layers[2] = {
        {.cell = CLRNN_CELL_CUSTOM, .hidden = 4, .gates = 1, .states = 1, .source = "h = gx[0];"},
        {.cell = CLRNN_CELL_RNN,
         .hidden = 4,
         .acts[0][0] = {.kind = CLRNN_ACT_CUSTOM, .source = "x = x;"}},
    };
    clrnn_net_desc desc = {.inputs = 12, .num_layers = 2, .layers = layers};
    clrnn_net *net = NULL;
    float *zeros = calloc(64, sizeof *zeros);
    ck_assert_msg(clrnn_net_create(&net, &desc) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    for (size_t i = 0; clrnn_net_weight_name(net, i) != NULL; i++) {
        clrnn_tensor weight;
        char name[64];
        (void)snprintf(name, sizeof name, "%s", clrnn_net_weight_name(net, i));
        ck_assert_int_eq(clrnn_net_get_weight(&weight, net, name), CLRNN_STATUS_OK);
        weight.data = zeros;
        ck_assert_int_eq(clrnn_net_set_weight(net, name, &weight), CLRNN_STATUS_OK);
    }
    save_net(path, net, 0);
    clrnn_net_free(net);
    free(zeros);
}

void cli_save_safetensors(const char *path, const clrnn_net *net, const char *config) {
    char header[4096];
    size_t used = (size_t)snprintf(header, sizeof header,
                                   "{\"__metadata__\":{\"clrnn.config\":\"%s\"}", config);
    size_t offset = 0;
    for (size_t i = 0; clrnn_net_weight_name(net, i) != NULL; i++) {
        clrnn_tensor weight;
        const char *name = clrnn_net_weight_name(net, i);
        ck_assert_int_eq(clrnn_net_get_weight(&weight, net, name), CLRNN_STATUS_OK);
        const size_t end = offset + (size_t)clrnn_tensor_count(&weight) * sizeof(float);
        used += (size_t)snprintf(header + used, sizeof header - used,
                                 ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%lld", name,
                                 (long long)weight.shape[0]);
        if (weight.rank == 2) {
            used += (size_t)snprintf(header + used, sizeof header - used, ",%lld",
                                     (long long)weight.shape[1]);
        }
        used += (size_t)snprintf(header + used, sizeof header - used,
                                 "],\"data_offsets\":[%zu,%zu]}", offset, end);
        offset = end;
    }
    used += (size_t)snprintf(header + used, sizeof header - used, "}");
    ck_assert(used < sizeof header);
    char *expanded = program_expand(path);
    FILE *file = fopen(expanded, "wb");
    ck_assert_ptr_nonnull(file);
    for (int i = 0; i < 8; i++) {
        (void)fputc((int)(used >> (8 * i) & 0xff), file);
    }
    (void)fwrite(header, 1, used, file);
    for (size_t i = 0; clrnn_net_weight_name(net, i) != NULL; i++) {
        clrnn_tensor weight;
        ck_assert_int_eq(clrnn_net_get_weight(&weight, net, clrnn_net_weight_name(net, i)),
                         CLRNN_STATUS_OK);
        (void)fwrite(weight.data, sizeof(float), (size_t)clrnn_tensor_count(&weight), file);
    }
    ck_assert_int_eq(fclose(file), 0);
    free(expanded);
}

static void save_safetensors(const char *path, const char *problem_text, const char *config) {
    generated made = make(problem_text);
    cli_save_safetensors(path, made.net, config);
    generate_free(&made);
}

/* ---- all of them ----------------------------------------------------------------------------- */

#define CONFIG_OF(rest)                                                                            \
    "{\\\"format\\\":\\\"clrnn\\\",\\\"version\\\":1,\\\"inputs\\\":12," rest "}"
#define LAST_ONLY "\\\"return_sequences\\\":false,\\\"batch_first\\\":true,"
#define ENCODER "{\\\"name\\\":\\\"encoder\\\",\\\"cell\\\":\\\"gru\\\",\\\"hidden\\\":5,"

/* x.npy is [3][2][12] for all of them. */
static void make_models(void) {
    cli_save_model("TMP/stack.npz", "cell=lstm,layers=2,dir=bi,I=12,H=8", 0);
    cli_save_model("TMP/stack.safetensors", "cell=lstm,layers=2,dir=bi,I=12,H=8", 0);
    cli_save_model("TMP/mixed.npz", "cell=lstm+gru,I=12,H=8+6,seed=1", 0);
    cli_save_model("TMP/projected.safetensors", "cell=lstm,I=12,H=8,P=3,seed=2", 0);
    cli_save_model("TMP/batch.npz", "cell=gru,I=12,H=8,seed=3", 1);
    cli_save_model("TMP/masked.npz", "cell=gru+rnn,I=12,H=8,seed=4", 0);
    cli_save_model("TMP/zeroed.npz", "cell=gru,I=12,H=8,mask=ones,zeromask=1,seed=4", 0);
    cli_save_model("TMP/merged.npz", "cell=lstm,dir=bi,merge=sum,I=12,H=8,seed=5", 0);
    cli_save_model("TMP/relu.npz", "cell=rnn-relu,I=12,H=8,seed=5", 0);
    save_custom("TMP/custom.npz");
    save_safetensors("TMP/last.safetensors", "cell=gru,dir=bi,I=12,H=5",
                     CONFIG_OF(LAST_ONLY "\\\"layers\\\":[" ENCODER
                                         "\\\"direction\\\":\\\"bidirectional\\\"}]"));
    save_safetensors("TMP/last_sum.safetensors", "cell=gru,dir=bi,I=12,H=5",
                     CONFIG_OF(LAST_ONLY "\\\"layers\\\":[" ENCODER
                                         "\\\"direction\\\":\\\"bidirectional\\\","
                                         "\\\"merge\\\":\\\"sum\\\"}]"));
    cli_write_text("TMP/cell.cl", "h = act_tanh(gx[0] + gh[0], 0.0f, 0.0f);\n");
    cli_write_text("TMP/act.cl", "x = x * R(0.5f);\n");
    cli_write_text("TMP/wrong.cl", "this is no OpenCL C\n");
    cli_write_text("TMP/empty.cl", "");
    /* a custom activation without a name for its code */
    save_safetensors("TMP/sourceless.safetensors", "cell=lstm,I=12,H=5",
                     CONFIG_OF("\\\"layers\\\":[{\\\"cell\\\":\\\"lstm\\\",\\\"hidden\\\":5,"
                               "\\\"activations\\\":[\\\"custom\\\",\\\"default\\\","
                               "\\\"default\\\",\\\"default\\\",\\\"default\\\"]}]"));
}

/* [2][3] of a type that the library does not write. */
static void write_bytes(const char *path) {
    char *expanded = program_expand(path);
    FILE *file = fopen(expanded, "wb");
    ck_assert_ptr_nonnull(file);
    (void)fprintf(file, "\x93NUMPY\x01%c\x76%c%-117s\n", 0, 0,
                  "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }");
    (void)fwrite("\1\0\1\1\0\0", 1, 6, file);
    ck_assert_int_eq(fclose(file), 0);
    free(expanded);
}

static void make_masks(void) {
    cli_save_one("TMP/m.npy", "", CLRNN_DTYPE_BOOL, SHAPE(2, 3), 1, 1);
    cli_save_one("TMP/m_int.npy", "", CLRNN_DTYPE_I64, SHAPE(2, 3), 1, 1);
    cli_save_one("TMP/m_two.npy", "", CLRNN_DTYPE_I32, SHAPE(2, 3), 4, 2);
    cli_save_one("TMP/m_float.npy", "", CLRNN_DTYPE_F32, SHAPE(2, 3), 4, 1);
    write_bytes("TMP/m_u1.npy");
    cli_save_one("TMP/m_turned.npy", "", CLRNN_DTYPE_BOOL, SHAPE(3, 2), 4, 1);
    cli_save_one("TMP/m_short.npy", "", CLRNN_DTYPE_BOOL, SHAPE(2, 2), 1, 1);
    cli_save_one("TMP/m_flat.npy", "", CLRNN_DTYPE_BOOL, SHAPE(5), 1, 1);
    cli_save_one("TMP/m_last.npy", "", CLRNN_DTYPE_BOOL, SHAPE(3, 2), 3, 1);
    cli_save_one("TMP/last_sum.npy", "", CLRNN_DTYPE_F32, SHAPE(3, 5), 3, 1);
    cli_save_one("TMP/x_flat.npy", "", CLRNN_DTYPE_F32, SHAPE(5, 12), 1, 1);
}

/* Everything the tables need that is not in DATA/. simple_rnn has I=12, H=32; seed_numpy 4, 8. */
static void make_arrays(void) {
    cli_save_one("TMP/x13.npy", "", CLRNN_DTYPE_F32, SHAPE(3, 2, 13), -1, 0);
    cli_save_one("TMP/x.npy", "", CLRNN_DTYPE_F32, SHAPE(3, 2, 12), 5, 1);
    cli_save_one("TMP/x1d.npy", "", CLRNN_DTYPE_F32, SHAPE(12), -1, 0);
    cli_save_one("TMP/x_no_steps.npy", "", CLRNN_DTYPE_F32, SHAPE(0, 2, 12), -1, 0);
    cli_save_one("TMP/x_no_rows.npy", "", CLRNN_DTYPE_F32, SHAPE(3, 0, 12), -1, 0);
    cli_save_one("TMP/l_float.npy", "", CLRNN_DTYPE_F32, SHAPE(2), 0, 1);
    cli_save_one("TMP/l_three.npy", "", CLRNN_DTYPE_I32, SHAPE(3), 0, 1);
    cli_save_one("TMP/l_big.npy", "", CLRNN_DTYPE_I64, SHAPE(2), 1, 4);
    cli_save_one("TMP/l_negative.npy", "", CLRNN_DTYPE_I32, SHAPE(2), 0, -1);
    cli_save_one("TMP/l.npy", "", CLRNN_DTYPE_I64, SHAPE(2), 1, 3);
    cli_save_one("TMP/h.npy", "", CLRNN_DTYPE_F32, SHAPE(1, 2, 32), 3, 1);
    cli_save_one("TMP/h_wrong.npy", "", CLRNN_DTYPE_F32, SHAPE(1, 3, 32), 3, 1);
    cli_save_one("TMP/h_one.npy", "", CLRNN_DTYPE_F32, SHAPE(1, 1, 32), 3, 1);
    cli_save_one("TMP/h_none.npy", "", CLRNN_DTYPE_F32, SHAPE(1, 0, 32), -1, 0);
    save_names("TMP/h_odd.npz", NAMES("h_0", "h0", "x"), SHAPE(1, 2, 32));
    save_names("TMP/h_mixed.npz", NAMES("h_0", "h_n"), SHAPE(1, 2, 32));
    save_names("TMP/h_end.npz", NAMES("h_n"), SHAPE(1, 2, 32));
    save_names("TMP/beside.npz", NAMES("a", "x", "b"), SHAPE(3, 2, 12));
    cli_save_one("TMP/hc_lstm.npz", "h_0", CLRNN_DTYPE_F32, SHAPE(1, 2, 8), 5, 1);
    cli_save_one("TMP/h_lstm.npy", "", CLRNN_DTYPE_F32, SHAPE(1, 2, 8), 5, 1);
    cli_save_one("TMP/l_zeros.npy", "", CLRNN_DTYPE_I64, SHAPE(2), 1, 0);
    cli_save_one("TMP/named.npz", "x", CLRNN_DTYPE_F32, SHAPE(3, 2, 12), 5, 1);
    save_names("TMP/hc.npz", NAMES("h_0", "c_0"), SHAPE(1, 2, 32));
    save_names("TMP/two.npz", NAMES("a", "b"), SHAPE(3, 2, 12));
    /* states of stacks */
    save_names("TMP/hc_bi.npz", NAMES("h_0", "c_0"), SHAPE(4, 2, 8));
    save_names("TMP/hc_bi_end.npz", NAMES("h_n", "c_n"), SHAPE(4, 2, 8));
    save_names("TMP/h_l0.npz", NAMES("h_0_l0"), SHAPE(1, 2, 8));
    save_names("TMP/h_0.npz", NAMES("h_0"), SHAPE(1, 2, 8));
    save_names("TMP/h_both.npz", NAMES("h_0_l0", "h_0_l1"), SHAPE(1, 2, 8));
}

/* The first bytes of a file. */
static void cut_file(const char *to, const char *from, size_t size) {
    char bytes[4096];
    char *expanded = program_expand(from);
    FILE *file = fopen(expanded, "rb");
    ck_assert(file != NULL && size <= sizeof bytes);
    ck_assert_uint_eq(fread(bytes, 1, size, file), size);
    (void)fclose(file);
    free(expanded);
    expanded = program_expand(to);
    file = fopen(expanded, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    free(expanded);
}

static void make_old_models(void) {
    clrnn_arrays *arrays = create();
    cli_add(arrays, "weight_ih_l0", CLRNN_DTYPE_F32, SHAPE(32, 12), 0, 1);
    cli_add(arrays, "weight_hh_l0", CLRNN_DTYPE_F32, SHAPE(32, 8), 0, 1);
    cli_add(arrays, "bias_ih_l0", CLRNN_DTYPE_F32, SHAPE(32), 0, 1);
    cli_add(arrays, "bias_hh_l0", CLRNN_DTYPE_F32, SHAPE(32), 0, 1);
    cli_save(arrays, "TMP/lstm.npz");
    /* a gru on an lstm, and a file that was cut off */
    arrays = cli_load("TMP/lstm.npz");
    cli_add(arrays, "weight_ih_l1", CLRNN_DTYPE_F32, SHAPE(24, 8), 0, 1);
    cli_add(arrays, "weight_hh_l1", CLRNN_DTYPE_F32, SHAPE(24, 8), 0, 1);
    cli_add(arrays, "bias_ih_l1", CLRNN_DTYPE_F32, SHAPE(24), 0, 1);
    cli_add(arrays, "bias_hh_l1", CLRNN_DTYPE_F32, SHAPE(24), 0, 1);
    cli_save(arrays, "TMP/unlike.npz");
    cut_file("TMP/cut.npz", "TMP/lstm.npz", 1000);
    /* the trained model with one weight that is 1e-3 off */
    arrays = cli_load("DATA/simple_rnn.npz");
    for (size_t i = 0; i < clrnn_arrays_count(arrays); i++) {
        if (strstr(clrnn_arrays_name(arrays, i), "weight_hh_l0") != NULL) {
            ((float *)clrnn_arrays_at(arrays, i)->data)[37] += 1e-3f;
        }
    }
    cli_save(arrays, "TMP/off.npz");
}

void cli_files_open(void) {
    char *path;
    program_open();
    make_arrays();
    make_masks();
    make_old_models();
    make_models();
    cli_write_text("TMP/text.npy", "this is no array");
    cli_write_text("TMP/m.pt", "PK\3\4archive/data.pkl");
    path = program_expand("TMP/fifo");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    free(path);
    path = program_expand("TMP/link.npz");
    ck_assert_int_eq(symlink("y.npz", path), 0);
    free(path);
    path = program_expand("TMP/astray.npy");
    ck_assert_int_eq(symlink("none/y.npy", path), 0);
    free(path);
    path = program_expand("TMP/x.npy");
    char *hard = program_expand("TMP/hard.npy");
    ck_assert_int_eq(link(path, hard), 0);
    free(hard);
    free(path);
    path = program_expand("TMP/link2.npz");
    ck_assert_int_eq(symlink("./link.npz", path), 0);
    free(path);
}
