/*
 * test_onnx.c: ONNX models through sessions on the cpu engine: those of tests/data/onnx (made by
 * tests/tools/make_onnx_models.py) give what ONNX Runtime gives, and the standard's own vectors what
 * they say; exporters' graphs become the chains of layers that they mean.
 */
#include "files.h"
#include "suites.h"

#include "io/arrays.h"
#include "io/model.h"
#include "io/onnx.h"
#include "io/onnx_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "tests/data/onnx/"

#ifdef WITH_PROTOBUF

/* Both are float32, each rounds every step's sums of some tens of products once or more, 2^-24 of
 * their size, and a few steps pass that on: 64 such roundings of the largest value are far more than
 * that, and a weight that is 1e-3 off is far more still (test_wrong_weight). */
static const double apart = 0x1p-18;

/* ---- running --------------------------------------------------------------------------------- */

static clrnn_context *open_cpu(void) {
    const clrnn_context_desc desc = {.engine = CLRNN_ENGINE_CPU, .threads = 1};
    clrnn_context *context;
    EXPECT_OK(clrnn_context_create(&context, &desc));
    return context;
}

static double number(const clrnn_tensor *tensor, int64_t i) {
    switch (tensor->dtype) {
    case CLRNN_DTYPE_F32:
        return (double)((const float *)tensor->data)[i];
    case CLRNN_DTYPE_F64:
        return ((const double *)tensor->data)[i];
    case CLRNN_DTYPE_I32:
        return ((const int32_t *)tensor->data)[i];
    case CLRNN_DTYPE_I64:
        return (double)((const int64_t *)tensor->data)[i];
    default:
        return ((const unsigned char *)tensor->data)[i];
    }
}

/* The largest difference, in what may be: 1 or less is fine. */
static double compare(const clrnn_tensor *got, const clrnn_tensor *wanted, const char *what) {
    double most = 0, scale = 0;
    ck_assert_msg(got != NULL, "%s: is not given", what);
    ck_assert_msg(got->dtype == wanted->dtype && got->rank == wanted->rank,
                  "%s: %s of rank %d, not %s of rank %d", what, clrnn_dtype_name(got->dtype),
                  got->rank, clrnn_dtype_name(wanted->dtype), wanted->rank);
    for (int axis = 0; axis < got->rank; axis++) {
        ck_assert_msg(got->shape[axis] == wanted->shape[axis], "%s: axis %d is %lld, not %lld",
                      what, axis, (long long)got->shape[axis], (long long)wanted->shape[axis]);
    }
    for (int64_t i = 0; i < clrnn_tensor_count(wanted); i++) {
        const double difference = fabs(number(got, i) - number(wanted, i));
        most = difference <= most ? most : difference; /* NaN counts */
        scale = fmax(scale, fabs(number(wanted, i)));
    }
    return most == 0 ? 0 : most / (wanted->dtype == CLRNN_DTYPE_F32 ? apart * scale : 0);
}

struct line {
    char model[96], inputs[96], outputs[96];
};

/* How far the worst output is off. */
static double run(clrnn_context *context, const clrnn_model *model, const clrnn_arrays *inputs,
                  const clrnn_arrays *outputs, const char *what) {
    clrnn_session *session;
    clrnn_binding bindings[16];
    const size_t count = clrnn_arrays_count(inputs);
    double worst = 0;
    ck_assert_uint_le(count, 16);
    for (size_t i = 0; i < count; i++) {
        bindings[i] = (clrnn_binding){clrnn_arrays_name(inputs, i), *clrnn_arrays_at(inputs, i)};
    }
    EXPECT_OK(clrnn_session_create(&session, context, model, NULL));
    const clrnn_status status = clrnn_session_run(session, count, bindings);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: %s", what, clrnn_last_error()->message);
    ck_assert_uint_eq(clrnn_model_output_count(model), clrnn_arrays_count(outputs));
    for (size_t i = 0; i < clrnn_model_output_count(model); i++) {
        clrnn_port_info port;
        char label[256];
        EXPECT_OK(clrnn_model_output(&port, model, i));
        snprintf(label, sizeof label, "%s: %s", what, port.name);
        const clrnn_tensor *wanted = clrnn_arrays_find(outputs, port.name);
        ck_assert_msg(wanted != NULL, "%s: is not in the file", label);
        worst = fmax(worst, compare(clrnn_session_output(session, i), wanted, label));
    }
    clrnn_session_free(session);
    return worst;
}

/* The lines of index.txt one by one; 0: there is none any more. */
static int next_line(struct line *line, FILE *file) {
    return fscanf(file, "%95s %95s %95s", line->model, line->inputs, line->outputs) == 3;
}

static const char *path_of(const char *name) {
    static char paths[4][160];
    static int next;
    next = (next + 1) % 4;
    snprintf(paths[next], sizeof paths[next], FOLDER "%s", name);
    return paths[next];
}

START_TEST(test_models) {
    clrnn_context *context = open_cpu();
    FILE *file = fopen(FOLDER "index.txt", "r");
    struct line line;
    int count = 0;
    ck_assert_ptr_nonnull(file);
    while (next_line(&line, file)) {
        clrnn_model *model;
        clrnn_arrays *inputs, *outputs;
        const clrnn_status status = clrnn_model_load(&model, path_of(line.model), NULL);
        ck_assert_msg(status == CLRNN_STATUS_OK, "%s", clrnn_last_error()->message);
        EXPECT_OK(clrnn_arrays_load(&inputs, path_of(line.inputs)));
        EXPECT_OK(clrnn_arrays_load(&outputs, path_of(line.outputs)));
        const double worst = run(context, model, inputs, outputs, line.model);
        ck_assert_msg(worst <= 1, "%s: is off by %g of what may be", line.model, worst);
        clrnn_arrays_free(inputs);
        clrnn_arrays_free(outputs);
        clrnn_model_free(model);
        count++;
    }
    fclose(file);
    ck_assert_int_ge(count, 80);
    clrnn_context_free(context);
}
END_TEST

/* Whether it is seen that a weight is 1e-3 off. */
static int is_seen(clrnn_context *context, const clrnn_model *model, clrnn_net *net,
                   const char *name, const clrnn_arrays *inputs, const clrnn_arrays *outputs) {
    clrnn_tensor weight;
    EXPECT_OK(clrnn_net_get_weight(&weight, net, name));
    const int64_t count = clrnn_tensor_count(&weight);
    float *changed = malloc((size_t)count * sizeof *changed);
    float *kept = malloc((size_t)count * sizeof *kept);
    memcpy(kept, weight.data, (size_t)count * sizeof *kept);
    for (int64_t i = 0; i < count; i++) {
        changed[i] = kept[i] + (i % 3 == 1 ? -1e-3f : 1e-3f); /* a softmax does not see a sum */
    }
    weight.data = changed;
    EXPECT_OK(clrnn_net_set_weight(net, name, &weight));
    const int seen = run(context, model, inputs, outputs, name) > 1;
    weight.data = kept;
    EXPECT_OK(clrnn_net_set_weight(net, name, &weight));
    free(changed);
    free(kept);
    return seen;
}

/* Else the comparison above says nothing. One weight is not used: the peephole of a forget gate that
 * is coupled to the input gate. */
START_TEST(test_wrong_weight) {
    clrnn_context *context = open_cpu();
    FILE *file = fopen(FOLDER "index.txt", "r");
    struct line line;
    int count = 0;
    ck_assert_ptr_nonnull(file);
    while (next_line(&line, file)) {
        clrnn_model *model;
        clrnn_arrays *inputs, *outputs;
        if (strncmp(line.model, "guard", 5) == 0) {
            continue; /* parts of outputs, to which not every weight leads */
        }
        EXPECT_OK(clrnn_model_load(&model, path_of(line.model), NULL));
        EXPECT_OK(clrnn_arrays_load(&inputs, path_of(line.inputs)));
        EXPECT_OK(clrnn_arrays_load(&outputs, path_of(line.outputs)));
        for (int i = 0; i < model->graph->node_count; i++) {
            clrnn_net *net = model->graph->nodes[i].net;
            const char *name;
            for (size_t k = 0; net != NULL && (name = clrnn_net_weight_name(net, k)) != NULL; k++) {
                const int one = is_seen(context, model, net, name, inputs, outputs);
                const int is_coupled = strstr(line.model, "couple") != NULL;
                const int is_unused = is_coupled && strncmp(name, "weight_cf", 9) == 0;
                ck_assert_msg(one != is_unused, "%s: %s is %s", line.model, name,
                              one ? "seen" : "not seen");
                count++;
            }
        }
        clrnn_arrays_free(inputs);
        clrnn_arrays_free(outputs);
        clrnn_model_free(model);
    }
    fclose(file);
    ck_assert_int_ge(count, 500);
    clrnn_context_free(context);
}
END_TEST

/* ---- what graphs become ---------------------------------------------------------------------- */

/* "NET/NL ave DENSE/relu mish": batch first N or T, last output L, how directions are joined but by
 * concat; a dense layer's activation; an activation. */
static void write_chain(char *text, size_t size, const struct graph *graph) {
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < graph->node_count && at < size; i++) {
        const struct graph_node *node = &graph->nodes[i];
        const char *space = i > 0 ? " " : "";
        if (node->op == GRAPH_NET) {
            static const char *const merges[] = {[CLRNN_MERGE_CONCAT] = "",
                                                 [CLRNN_MERGE_SUM] = " sum",
                                                 [CLRNN_MERGE_MUL] = " mul",
                                                 [CLRNN_MERGE_AVE] = " ave"};
            at += (size_t)snprintf(text + at, size - at, "%sNET/%s%s%s", space,
                                   node->batch_first ? "N" : "T", node->last_only ? "L" : "",
                                   merges[clrnn_net_get_desc(node->net)->layers[0].merge]);
        } else if (node->op == GRAPH_ACTIVATION) {
            at += (size_t)snprintf(text + at, size - at, "%s%s", space,
                                   clrnn_act_name(node->act.kind));
        } else if (node->op == GRAPH_DENSE) {
            const clrnn_layer_desc *layer = clrnn_net_get_desc(node->net)->layers;
            at += (size_t)snprintf(text + at, size - at, "%sDENSE/%s", space,
                                   clrnn_act_name(layer->acts[0][0].kind));
        } else {
            at += (size_t)snprintf(text + at, size - at, "%s%s", space, graph_op_name(node->op));
        }
    }
}

static const struct {
    const char *model, *chain, *layers; /* types and numbers of parameters */
} chains[] = {
    {"torch_gru", "NET/N Gather DENSE/default", "GRU 2736 Gemm 225"},
    {"torch_gru_legacy", "NET/N Gather DENSE/default", "GRU 2736 Gemm 225"},
    {"gru_onnx_lengths", "NET/T Unsqueeze", "GRU 2736"},
    {"torch_script_gru1n_last", "NET/NL DENSE/default", "GRU 108 Gemm 10"},
    {"torch_script_gru1n_state", "NET/NL DENSE/relu", "GRU 108 Gemm 10"},
    {"torch_script_gru2bn_all", "NET/N NET/N DENSE/default softmax", "GRU 216 GRU 336 MatMul 18"},
    {"torch_script_lstm1t_none", "NET/T", "LSTM 144"},
    {"torch_script_lstm2bt_none", "NET/T NET/T Concat Concat", "LSTM 288 LSTM 448"},
    {"torch_script_lstm1bn_both", "NET/NL DENSE/default", "LSTM 288 Gemm 18"},
    {"torch_script_rnn1n_state", "NET/NL DENSE/relu", "RNN 36 Gemm 10"},
    {"torch_script_rnn2t_last", "NET/T NET/TL DENSE/default", "RNN 36 RNN 40 Gemm 10"},
    {"torch_script_lstm2n_last", "NET/N NET/NL DENSE/default", "LSTM 144 LSTM 160 Gemm 10"},
    {"torch_script_embed", "embedding NET/NL DENSE/default", "Gather 21 GRU 108 Gemm 10"},
    {"torch_script_fixed", "NET/N", "LSTM 288"},
    {"torch_dynamo_gru1n_last", "NET/NL DENSE/default", "GRU 108 Gemm 10"},
    {"torch_dynamo_gru1n_state", "NET/NL DENSE/relu", "GRU 108 Gemm 10"},
    {"torch_dynamo_gru2bn_all", "NET/N NET/N DENSE/default softmax", "GRU 216 GRU 336 MatMul 18"},
    {"torch_dynamo_gru1bt_none", "NET/T", "GRU 216"},
    {"torch_dynamo_lstm2n_last", "NET/N NET/NL DENSE/default", "LSTM 144 LSTM 160 Gemm 10"},
    {"torch_dynamo_embed", "embedding NET/NL DENSE/default", "Gather 21 GRU 108 Gemm 10"},
    {"torch_dynamo_fixed", "NET/N", "LSTM 288"},
    {"keras_lstm", "NET/NL DENSE/default", "LSTM 144 MatMul 10"},
    {"keras_gru", "NET/N DENSE/default softmax", "GRU 108 MatMul 10"},
    {"keras_both", "NET/N NET/NL DENSE/tanh", "LSTM 288 LSTM 224 MatMul 10"},
    {"keras_embed", "embedding NET/NL DENSE/default", "Gather 18 GRU 108 MatMul 10"},
    {"rnn_for_full", "NET/T Unsqueeze", "RNN 36"},
    {"rnn_for_layout", "Transpose NET/N Unsqueeze Transpose", "RNN 36"},
    {"lstm_bid_acts", "NET/T Reshape Transpose", "LSTM 288"},
    {"torch_script_gru2bn_both", "NET/N NET/NL DENSE/default", "GRU 216 GRU 336 Gemm 18"},
    {"torch_dynamo_gru2bn_both", "NET/N NET/NL DENSE/default", "GRU 216 GRU 336 Gemm 18"},
    {"torch_script_lstm2n_state", "NET/N NET/NL DENSE/relu", "LSTM 144 LSTM 160 Gemm 10"},
    {"torch_dynamo_lstm2n_state", "NET/N NET/NL DENSE/relu", "LSTM 144 LSTM 160 Gemm 10"},
    {"halves_concat", "NET/T", "LSTM 288"},
    {"halves_concat_last", "NET/TL", "GRU 216"},
    {"halves_concat_swapped", "NET/T NET/T Concat", "GRU 108 GRU 108"},
    {"halves_sum", "NET/T sum", "GRU 216"},
    {"halves_mul_last", "NET/TL mul", "LSTM 288"},
    {"halves_ave", "NET/T ave", "RNN 72"},
    {"halves_ave_div", "NET/TL ave", "LSTM 288"},
    {"halves_doubled", "NET/T sum Mul", "LSTM 288"},
    {"halves_other_acts", "NET/T sum", "RNN 72"},
    {"halves_other_x", "Neg NET/T NET/T Add", "GRU 108 GRU 108"},
    {"halves_same_way", "NET/T NET/T Add", "GRU 108 GRU 108"},
    {"spelled_acts18",
     "gelu Div Erf Mul gelu Add Mul Mul Mul Mul gelu_tanh gelu_tanh Add Mul tanh Add Mul sigmoid "
     "swish "
     "Mul Mul swish softplus mish softplus tanh Mul log_sigmoid Neg relu6 hard_tanh Max Min Min "
     "Max "
     "exponential Erf Abs Sqrt Log Pow Pow celu celu thresholded_relu thresholded_relu mish",
     ""},
};

START_TEST(test_chain) {
    clrnn_model *model;
    char name[128], text[512], layers[256] = "";
    size_t at = 0;
    snprintf(name, sizeof name, "%s.onnx", chains[_i].model);
    EXPECT_OK(clrnn_model_load(&model, path_of(name), NULL));
    write_chain(text, sizeof text, model->graph);
    ck_assert_msg(strcmp(text, chains[_i].chain) == 0, "%s: is %s, not %s", name, text,
                  chains[_i].chain);
    for (int i = 0; i < model->graph->layer_count; i++) {
        const struct graph_layer *layer = &model->graph->layers[i];
        at += (size_t)snprintf(layers + at, sizeof layers - at, "%s%s %lld", i > 0 ? " " : "",
                               layer->type, (long long)layer->params);
    }
    ck_assert_str_eq(layers, chains[_i].layers);
    clrnn_model_free(model);
}
END_TEST

/* A net whose activations are said but usual is a plain one. */
START_TEST(test_usual_activations) {
    clrnn_model *model;
    EXPECT_OK(clrnn_model_load(&model, path_of("keras_both.onnx"), NULL));
    const clrnn_layer_desc *layer = clrnn_net_get_desc(model->graph->nodes[0].net)->layers;
    const clrnn_layer_desc plain = {.cell = CLRNN_CELL_LSTM,
                                    .direction = CLRNN_DIRECTION_BIDIRECTIONAL,
                                    .hidden = layer->hidden};
    ck_assert(same_layer(layer, &plain));
    clrnn_model_free(model);
}
END_TEST

/* ---- the standard's own vectors -------------------------------------------------------------- */

#define NODE_TESTS "/usr/share/libonnx-testdata/data/node/"

static const char *const node_tests[] = {
    "test_gru_batchwise",          "test_gru_defaults",        "test_gru_seq_length",
    "test_gru_with_initial_bias",  "test_lstm_batchwise",      "test_lstm_defaults",
    "test_lstm_with_initial_bias", "test_lstm_with_peepholes", "test_rnn_seq_length",
    "test_simple_rnn_batchwise",   "test_simple_rnn_defaults", "test_simple_rnn_with_initial_bias"};

static Onnx__TensorProto *read_tensor(const char *test, const char *kind, size_t number) {
    char path[256];
    size_t size;
    snprintf(path, sizeof path, NODE_TESTS "%s/test_data_set_0/%s_%zu.pb", test, kind, number);
    unsigned char *bytes = read_whole(path, &size);
    Onnx__TensorProto *tensor = onnx__tensor_proto__unpack(NULL, size, bytes);
    ck_assert_ptr_nonnull(tensor);
    free(bytes);
    return tensor;
}

static clrnn_arrays *take_tensor(clrnn_arrays *arrays, const char *name,
                                 const Onnx__TensorProto *proto) {
    clrnn_tensor tensor, made;
    EXPECT_OK(onnx_tensor_read(&tensor, proto, "test", name));
    EXPECT_OK(clrnn_arrays_add(&made, arrays, name, tensor.dtype, tensor.rank, tensor.shape));
    memcpy(made.data, tensor.data,
           (size_t)clrnn_tensor_count(&tensor) * clrnn_dtype_size(tensor.dtype));
    free(tensor.data);
    return arrays;
}

static char *copy_text(const char *text) {
    char *copy = malloc(strlen(text) + 1);
    strcpy(copy, text);
    return copy;
}

/* Weights are inputs there; here they become initializers, as in any model. */
START_TEST(test_node_vectors) {
    const char *test = node_tests[_i];
    static const char *const weights[] = {"W", "R", "B", "P"};
    char path[256];
    size_t size;
    clrnn_context *context = open_cpu();
    clrnn_arrays *inputs, *outputs;
    clrnn_model *model;
    snprintf(path, sizeof path, NODE_TESTS "%s/model.onnx", test);
    unsigned char *bytes = read_whole(path, &size);
    Onnx__ModelProto *proto = onnx__model_proto__unpack(NULL, size, bytes);
    ck_assert_ptr_nonnull(proto);
    free(bytes);
    Onnx__GraphProto *graph = proto->graph;
    EXPECT_OK(clrnn_arrays_create(&inputs));
    EXPECT_OK(clrnn_arrays_create(&outputs));
    graph->initializer = calloc(graph->n_input, sizeof(Onnx__TensorProto *));
    for (size_t i = 0; i < graph->n_input; i++) {
        Onnx__TensorProto *tensor = read_tensor(test, "input", i);
        int is_weight = 0;
        for (int k = 0; k < COUNT(weights); k++) {
            is_weight |= strcmp(graph->input[i]->name, weights[k]) == 0;
        }
        if (is_weight) {
            free(tensor->name);
            tensor->name = copy_text(graph->input[i]->name);
            graph->initializer[graph->n_initializer++] = tensor;
        } else {
            take_tensor(inputs, graph->input[i]->name, tensor);
            onnx__tensor_proto__free_unpacked(tensor, NULL);
        }
    }
    for (size_t i = 0; i < graph->n_output; i++) {
        Onnx__TensorProto *tensor = read_tensor(test, "output", i);
        take_tensor(outputs, graph->output[i]->name, tensor);
        onnx__tensor_proto__free_unpacked(tensor, NULL);
    }
    make_folder();
    unsigned char *packed = malloc(onnx__model_proto__get_packed_size(proto));
    const size_t packed_size = onnx__model_proto__pack(proto, packed);
    FILE *file = fopen(in_folder("model.onnx"), "wb");
    ck_assert_uint_eq(fwrite(packed, 1, packed_size, file), packed_size);
    fclose(file);
    free(packed);
    onnx__model_proto__free_unpacked(proto, NULL);
    const clrnn_status status = clrnn_model_load(&model, in_folder("model.onnx"), NULL);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: %s", test, clrnn_last_error()->message);
    const double worst = run(context, model, inputs, outputs, test);
    ck_assert_msg(worst <= 1, "%s: is off by %g of what may be", test, worst);
    remove_folder();
    clrnn_model_free(model);
    clrnn_arrays_free(inputs);
    clrnn_arrays_free(outputs);
    clrnn_context_free(context);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

/* Exporters' models with what is not supported, by name. */
START_TEST(test_refused_models) {
    FILE *file = fopen(FOLDER "refused.txt", "r");
    char line[256];
    int count = 0;
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof line, file) != NULL) {
        clrnn_model *model;
        char *space = strchr(line, ' ');
        ck_assert_ptr_nonnull(space);
        *space = '\0';
        space[strcspn(space + 1, "\n") + 1] = '\0';
        expect_failure(clrnn_model_load(&model, path_of(line), NULL), CLRNN_STATUS_FORMAT,
                       space + 1);
        count++;
    }
    fclose(file);
    ck_assert_int_ge(count, 2);
}
END_TEST

#else

START_TEST(test_not_built) {
    struct graph *graph = NULL;
    expect_failure(onnx_read(&graph, (const unsigned char *)"", 0, "x.onnx"),
                   CLRNN_STATUS_UNSUPPORTED, "x.onnx: needs protobuf-c");
}
END_TEST

#endif

Suite *onnx_suite(void) {
    Suite *suite = suite_create("onnx");
    TCase *models = tcase_create("models");
#ifdef WITH_PROTOBUF
    tcase_add_test(models, test_models);
    tcase_add_test(models, test_wrong_weight);
    tcase_add_loop_test(models, test_chain, 0, COUNT(chains));
    tcase_add_test(models, test_usual_activations);
    tcase_add_test(models, test_refused_models);
    FILE *known = fopen(NODE_TESTS "test_gru_defaults/model.onnx", "rb");
    if (known != NULL) { /* Debian: libonnx-testdata */
        fclose(known);
        tcase_add_loop_test(models, test_node_vectors, 0, COUNT(node_tests));
    }
#else
    tcase_add_test(models, test_not_built);
#endif
    suite_add_tcase(suite, models);
    return suite;
}
