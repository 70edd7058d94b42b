/*
 * test_writers.c: what keras_write and onnx_write make of chains of layers: Keras files come back the
 * same, ONNX graphs are whole and hold the weights in ONNX's order, the same model gives the same
 * bytes, and what a format cannot say is refused by name. What Keras and ONNX Runtime make of the same
 * models, tests/tools/check_frameworks.py sees.
 */
#include "faults.h"
#include "files.h"
#include "suites.h"
#include "support.h"
#include "tools/chain_models.h"
#include "tools/chain_run.h"
#include "tools/chain_text.h"

#include "graph/graph_compare.h"
#include "graph/session.h"
#include "io/hdf5_file.h"
#include "io/keras.h"
#include "io/layers_of.h"
#include "io/onnx.h"
#include "io/zip_entry.h"

#ifdef WITH_PROTOBUF
#include "onnx.pb-c.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct graph *make(const char *text, uint64_t seed) {
    struct graph *graph = NULL;
    ok(chain_graph(&graph, text, seed));
    return graph;
}

/* ---- Keras ----------------------------------------------------------------------------------- */

#ifdef WITH_HDF5

START_TEST(keras_comes_back) {
    const char *name = chain_models[_i].name, *text = chain_models[_i].text;
    const int merged = (chain_models[_i].flags & CHAIN_MERGE) != 0;
    const struct write_options options = {.merge_bias = merged};
    struct graph *graph = make(text, (uint64_t)_i + 1), *back = NULL;
    unsigned char *bytes = NULL, *again = NULL;
    size_t size = 0, size_again = 0;
    if (!(chain_models[_i].flags & CHAIN_KERAS)) {
        fails(keras_write(&bytes, &size, graph, &options), FORMAT, "");
        ck_assert_ptr_null(bytes);
        graph_free(graph);
        return;
    }
    ok(keras_write(&bytes, &size, graph, &options));
    ok(keras_write(&again, &size_again, graph, &options));
    ck_assert_msg(size == size_again && memcmp(bytes, again, size) == 0, "%s: other bytes", name);
    free(again);
    ok(keras_read(&back, bytes, size, name));
    ok(graph_compare(graph, back, merged));
    /* An x with time first is another x. */
    if (!merged && graph->batch_axis == 0 && strcmp(name, "embedding_alone") != 0) {
        chain_same(graph, back, NULL, name);
    }
    free(bytes);
    graph_free(back);
    graph_free(graph);
}
END_TEST

/* An archive is stored, dated 1980-01-01, and its entries stand in Keras's order. */
START_TEST(keras_archive_is_stored) {
    static const char *const names[] = {"metadata.json", "config.json", "model.weights.h5"};
    struct graph *graph = make("x 3 | lstm 2 single | dense 2", 1);
    unsigned char *bytes = NULL;
    size_t size = 0, at = 0;
    ok(keras_write(&bytes, &size, graph, NULL));
    for (int i = 0; i < 3; i++) {
        const unsigned char *header = bytes + at;
        ck_assert_int_eq(memcmp(header, "PK\3\4", 4), 0);
        ck_assert_int_eq(header[8] | header[9] << 8, 0);    /* stored */
        ck_assert_int_eq(header[10] | header[11] << 8, 0);  /* 00:00:00 */
        ck_assert_int_eq(header[12] | header[13] << 8, 33); /* 1980-01-01 */
        const size_t length = header[26], extra = header[28];
        ck_assert_uint_eq(length, strlen(names[i]));
        ck_assert_int_eq(memcmp(header + 30, names[i], length), 0);
        size_t data = 0;
        for (int k = 0; k < 8; k++) { /* of the zip64 field */
            data |= (size_t)header[30 + length + 4 + (size_t)k] << 8 * k;
        }
        at += 30 + length + extra + data;
        ck_assert_uint_lt(at, size);
    }
    /* in another second, too */
    const time_t now = time(NULL);
    while (time(NULL) == now) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    unsigned char *again = NULL;
    size_t size_again = 0;
    ok(keras_write(&again, &size_again, graph, NULL));
    ck_assert(size == size_again && memcmp(bytes, again, size) == 0);
    free(again);
    free(bytes);
    graph_free(graph);
}
END_TEST

#endif

/* ---- refusals -------------------------------------------------------------------------------- */

/* NULL: is taken */
static const struct {
    const char *text, *keras, *onnx;
} refusals[] = {
    {"x 3 | lstm 2", "layer 'lstm_1': has two biases, and a Keras LSTM has one", NULL},
    {"x 3 | gru 2 before", "layer 'gru_1': has two biases, and a Keras GRU has one", NULL},
    {"x 3 | rnn 2 bi", "layer 'rnn_1': has two biases, and a Keras SimpleRNN has one", NULL},
    {"x 3 | gru 2 | lstm 2 hh0 peep", "layer 'lstm_2': Keras has no peepholes", NULL},
    {"x 3 | lstm 3 proj=2", "Keras has no projections", "ONNX has no projections"},
    {"x 3 | lstm 2 hh0 couple", "Keras has no coupled gates (f = 1 - i)", NULL},
    {"x 3 | lstm 2 couple_input", "Keras has no coupled gates (i = 1 - f)",
     "ONNX has no coupled gates i = 1 - f (only f = 1 - i)"},
    {"x 3 | lstm 2 forget_bias=1", "Keras has no forget_bias beside the biases",
     "ONNX has no forget_bias beside the biases"},
    {"x 3 | gru 2 clip=1", "Keras has no clips of gates", NULL},
    {"x 3 | lstm 2 cell_clip=1", "Keras has no clips of cells", "ONNX has no clips of cells"},
    {"x 3 | gru 2 acts=sigmoid,tanh,tanh", "Keras has one activation for the gates r and z",
     "ONNX has one activation for the gates r and z"},
    {"x 3 | lstm 2 hh0 acts=sigmoid,tanh,tanh,sigmoid,tanh",
     "Keras has one activation for the gates i, f and o, and one for g and the output",
     "ONNX has one activation for the gates i, f and o"},
    {"x 3 | lstm 2 hh0 acts=sigmoid,sigmoid,tanh,sigmoid,relu",
     "Keras has one activation for the gates i, f and o, and one for g and the output", NULL},
    {"x 3 | rnn 2 hh0 acts=hard_sigmoid", "Keras has no activation hard_sigmoid with alpha 0.2",
     NULL},
    {"x 3 | rnn 2 hh0 acts=leaky_relu", "Keras has no activation leaky_relu with alpha 0.01", NULL},
    {"x 3 | rnn 2 hh0 acts=gelu", NULL, "layer 'rnn_1': ONNX's RNN knows no activation gelu"},
    {"x 3 | dense 2 act=elu:0.5", "layer 'dense_1': Keras has no activation elu with alpha 0.5",
     NULL},
    {"x 3 | act affine:2:1", "layer 'act_1': Keras has no activation affine with alpha 2", NULL},
    {"x 3 | gru 2 rev", "layer 'gru_1': runs backwards and gives its steps forwards", NULL},
    {"x 3 | gru 2 rev layers=2 | flip",
     "layer 'gru_1': runs backwards and gives its steps forwards", NULL},
    {"x 3 | gru 2 | flip", "layer 'gru_1': Keras has no layer that turns time round", NULL},
    {"x 3 | flip | gru 2", "Keras has no layer that turns time round", NULL},
    {"x 3 | masking 0 | gru 2", "layer 'gru_2': goes over masked steps", NULL},
    {"x 3 | masking 0 | gru 2 masked | masking 1 | dense 2", NULL, NULL},
    {"x 3 | masking 0 | gru 2 bi masked", "layer 'gru_2': a Keras Bidirectional gives 0 at masked",
     "layer 'gru_2': repeats outputs at masked steps in two directions"},
    {"x 3 | masking 0 | gru 2 bi zero masked last", "layer 'gru_2': a Keras Bidirectional gives 0",
     "layer 'gru_2': its last output is 0 where the last step is masked"},
    {"x 3 | masking 0 | gru 2 masked | softmax 1", "only Softmax layers without a mask", NULL},
    {"x 3 | masking inf | gru 2 masked", "layer 'masking_1': the masked value must be finite",
     NULL},
    {"x 3 time | masking 0 | gru 2 masked", "layer 'masking_1': takes steps along the axis",
     "layer 'masking_1': takes steps along the axis"},
    {"ids 5 time | embedding 2 | gru 2 masked", NULL, "layer 'embedding_1': makes a mask"},
    {"x 3 | gru 2 last | gru 2", "layer 'gru_2': must take steps of rows",
     "layer 'gru_2': must take steps of rows"},
};

static void expect(clrnn_status status, const char *refusal, const char *text) {
    ck_assert_msg(status == (refusal != NULL ? CLRNN_STATUS_FORMAT : CLRNN_STATUS_OK), "%s: %s: %s",
                  text, clrnn_status_name(status), clrnn_last_error()->message);
    ck_assert_msg(refusal == NULL || strstr(clrnn_last_error()->message, refusal) != NULL,
                  "%s: expected \"%s\" in \"%s\"", text, refusal != NULL ? refusal : "",
                  clrnn_last_error()->message);
}

START_TEST(refuses_by_name) {
    struct graph *graph = make(refusals[_i].text, 3);
    unsigned char *bytes = NULL;
    size_t size = 0;
    (void)bytes;
    (void)size;
#ifdef WITH_HDF5
    expect(keras_write(&bytes, &size, graph, NULL), refusals[_i].keras, refusals[_i].text);
    free(bytes);
    bytes = NULL;
#endif
#ifdef WITH_PROTOBUF
    expect(onnx_write(&bytes, &size, graph, NULL), refusals[_i].onnx, refusals[_i].text);
    free(bytes);
#endif
    graph_free(graph);
}
END_TEST

/* ---- ONNX ------------------------------------------------------------------------------------ */

#ifdef WITH_PROTOBUF

static Onnx__ModelProto *write_onnx(const struct graph *graph) {
    unsigned char *bytes = NULL, *again = NULL;
    size_t size = 0, size_again = 0;
    ok(onnx_write(&bytes, &size, graph, NULL));
    ok(onnx_write(&again, &size_again, graph, NULL));
    ck_assert_msg(size == size_again && memcmp(bytes, again, size) == 0, "other bytes");
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, bytes);
    ck_assert_ptr_nonnull(model);
    free(bytes);
    free(again);
    return model;
}

static const Onnx__TensorProto *initializer(const Onnx__GraphProto *graph, const char *name) {
    for (size_t i = 0; i < graph->n_initializer; i++) {
        if (strcmp(graph->initializer[i]->name, name) == 0) {
            return graph->initializer[i];
        }
    }
    return NULL;
}

/* Is the name given before node `at`? With at = n_node: anywhere. */
static int is_given(const Onnx__GraphProto *graph, const char *name, size_t at) {
    int given = strcmp(graph->input[0]->name, name) == 0 || initializer(graph, name) != NULL;
    for (size_t i = 0; i < at; i++) {
        for (size_t k = 0; k < graph->node[i]->n_output; k++) {
            given += strcmp(graph->node[i]->output[k], name) == 0;
        }
    }
    return given;
}

/* Every value is given once, before it is taken, and initializers have the bytes of their dims. */
START_TEST(onnx_is_whole) {
    struct graph *graph = make(chain_models[_i].text, (uint64_t)_i + 1);
    if (!(chain_models[_i].flags & CHAIN_ONNX)) {
        unsigned char *bytes = NULL;
        size_t size;
        fails(onnx_write(&bytes, &size, graph, NULL), FORMAT, "");
        ck_assert_ptr_null(bytes);
        graph_free(graph);
        return;
    }
    Onnx__ModelProto *model = write_onnx(graph);
    const Onnx__GraphProto *inside = model->graph;
    ck_assert_int_eq(model->ir_version, 8);
    ck_assert_int_eq(model->opset_import[0]->version, 17);
    ck_assert_str_eq(model->producer_name, "clrnn");
    ck_assert_uint_eq(inside->n_input, 1);
    ck_assert_uint_eq(inside->n_output, 1);
    ck_assert_str_eq(inside->input[0]->name, "x");
    ck_assert_str_eq(inside->output[0]->name, "output");
    ck_assert_int_eq(is_given(inside, "output", inside->n_node), 1);
    for (size_t i = 0; i < inside->n_node; i++) {
        const Onnx__NodeProto *node = inside->node[i];
        for (size_t k = 0; k < node->n_input; k++) {
            ck_assert_msg(node->input[k][0] == '\0' || is_given(inside, node->input[k], i) == 1,
                          "%s: %s takes %s", chain_models[_i].name, node->name, node->input[k]);
        }
        for (size_t k = 0; k < node->n_output; k++) {
            ck_assert_msg(node->output[k][0] == '\0' ||
                              is_given(inside, node->output[k], inside->n_node) == 1,
                          "%s: %s gives %s", chain_models[_i].name, node->name, node->output[k]);
        }
    }
    for (size_t i = 0; i < inside->n_initializer; i++) {
        const Onnx__TensorProto *tensor = inside->initializer[i];
        size_t bytes = tensor->data_type == 1 ? sizeof(float) : sizeof(int64_t);
        for (size_t k = 0; k < tensor->n_dims; k++) {
            bytes *= (size_t)tensor->dims[k];
        }
        ck_assert_uint_eq(tensor->raw_data.len, bytes);
    }
    onnx__model_proto__free_unpacked(model, NULL);
    graph_free(graph);
}
END_TEST

static float masked_value(const struct graph *graph) {
    for (int i = 0; i < graph->node_count; i++) {
        if (graph->nodes[i].op == GRAPH_MASKING) {
            return graph->nodes[i].value;
        }
    }
    return -1;
}

/* y of two graphs where masks are padding. */
static void same_output(const struct graph *a, const struct graph *b, const char *name) {
    const float padding = masked_value(a);
    chain_same(a, b, &padding, name);
}

/* The same layers by the same names: a softmax or an activation of a layer's own becomes one of itself. */
static void same_names(const struct graph *a, const struct graph *b, const char *name) {
    struct layer_chain x = {0}, y = {0};
    ok(layers_of(&x, a));
    ok(layers_of(&y, b));
    for (int i = 0, k = 0; i < x.count && k < y.count; i++, k++) {
        const char *wanted = x.steps[i].name;
        if (x.steps[i].kind == LAYER_ACTIVATION &&
            x.steps[i].node->act.kind == CLRNN_ACT_LINEAR) { /* nobody can tell it from none */
            k--;
            continue;
        }
        ck_assert_msg(strncmp(y.steps[k].name, wanted, strlen(wanted)) == 0,
                      "%s: layer %s came back as %s", name, wanted, y.steps[k].name);
        /* the layers of a stack, one by one */
        while (x.steps[i].kind == LAYER_RECURRENT && k + 1 < y.count &&
               y.steps[k + 1].kind == LAYER_RECURRENT &&
               strncmp(y.steps[k + 1].name, wanted, strlen(wanted)) == 0) {
            k++;
        }
    }
    layers_free(&x);
    layers_free(&y);
}

/* A chain of layers is one again out of ONNX, masks and all: with the same bits where masks are padding. */
START_TEST(onnx_comes_back) {
    const char *name = chain_models[_i].name;
    const int flags = chain_models[_i].flags;
    struct graph *graph = make(chain_models[_i].text, (uint64_t)_i + 1), *back = NULL;
    unsigned char *bytes = NULL;
    size_t size = 0;
    if (!(flags & CHAIN_ONNX) || strcmp(name, "act_linear") == 0) {
        graph_free(graph);
        return;
    }
    ok(onnx_write(&bytes, &size, graph, NULL));
    ok(onnx_read(&back, bytes, size, name));
    free(bytes);
    ok(graph_compare(graph, back, 0));
    same_output(graph, back, name);
    if (strcmp(name, "acts_onnx") != 0) { /* a x + b is no layer there */
        same_names(graph, back, name);
    }
    bytes = NULL;
#ifdef WITH_HDF5
    struct graph *again = NULL;
    const struct write_options options = {.merge_bias = (flags & CHAIN_MERGE) != 0};
    if (flags & CHAIN_KERAS) {
        ok(keras_write(&bytes, &size, back, &options));
        ok(keras_read(&again, bytes, size, name));
        ok(graph_compare(graph, again, options.merge_bias));
        if (!options.merge_bias && graph->batch_axis == 0) {
            same_output(graph, again, name);
        }
    }
    graph_free(again);
#endif
    free(bytes);
    graph_free(back);
    graph_free(graph);
}
END_TEST

static const struct {
    const char *text, *ops;
} sequences[] = {
    {"x 3 time | lstm 2", "LSTM Squeeze"},
    {"x 3 | lstm 2", "Transpose LSTM Squeeze Transpose"},
    {"x 3 | lstm 2 last", "Transpose LSTM Squeeze"},
    {"x 3 time | gru 2 bi", "GRU Transpose Reshape"},
    {"x 3 time | gru 2 bi last", "GRU Transpose Reshape"},
    {"x 3 time | gru 2 bi sum", "GRU Squeeze GRU Squeeze Add"},
    {"x 3 time | gru 2 bi ave", "GRU Squeeze GRU Squeeze Add Mul"},
    {"x 3 time | gru 2 halves", "GRU Squeeze GRU Squeeze Concat"},
    {"x 3 time | rnn 2 layers=2", "RNN Squeeze RNN Squeeze"},
    {"x 3 time | rnn 2 rev | flip", "RNN Squeeze Slice"},
    {"x 3 | rnn 2 | dense 2 act=relu | softmax",
     "Transpose RNN Squeeze MatMul Add Relu Softmax Transpose"},
    {"x 3 | rnn 2 last | dense 2 nobias", "Transpose RNN Squeeze Gemm"},
    {"ids 5 | embedding 2", "Gather"},
    {"x 3 | act linear", "Identity"},
    /* who heeds the mask, does not need what is past a length; who does not, sees it repeated */
    {"x 3 | masking 0 | rnn 2 masked | rnn 2 masked last",
     "Equal Not Cast ReduceMax Shape Squeeze Range Add Mul ReduceMax Cast Transpose RNN Squeeze "
     "RNN "
     "Squeeze"},
    {"x 3 | masking 0 | rnn 2 masked",
     "Equal Not Cast ReduceMax Shape Squeeze Range Add Mul ReduceMax Cast Transpose RNN Squeeze "
     "Unsqueeze Unsqueeze Less Where Transpose"},
    {"x 3 | masking 0 | rnn 2 masked | rnn 2 last",
     "Equal Not Cast ReduceMax Shape Squeeze Range Add Mul ReduceMax Cast Transpose RNN Squeeze "
     "Unsqueeze Unsqueeze Less Where RNN Squeeze"},
    {"x 3 | masking 0 | rnn 2 masked zero",
     "Equal Not Cast ReduceMax Shape Squeeze Range Add Mul ReduceMax Cast Transpose RNN Squeeze "
     "Transpose"},
};

START_TEST(onnx_ops) {
    struct graph *graph = make(sequences[_i].text, 5);
    Onnx__ModelProto *model = write_onnx(graph);
    char ops[512] = "";
    for (size_t i = 0; i < model->graph->n_node; i++) {
        snprintf(ops + strlen(ops), sizeof ops - strlen(ops), "%s%s", i > 0 ? " " : "",
                 model->graph->node[i]->op_type);
    }
    ck_assert_str_eq(ops, sequences[_i].ops);
    onnx__model_proto__free_unpacked(model, NULL);
    graph_free(graph);
}
END_TEST

static float at(const Onnx__TensorProto *tensor, int64_t i) {
    float value;
    memcpy(&value, tensor->raw_data.data + (size_t)i * sizeof value, sizeof value);
    return value;
}

static const Onnx__AttributeProto *attribute(const Onnx__NodeProto *node, const char *name) {
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (strcmp(node->attribute[i]->name, name) == 0) {
            return node->attribute[i];
        }
    }
    return NULL;
}

/* W, R, B and P of a node in ONNX's order: which gate of ours is where. */
static void check_weights(const char *text, const char *op, const int *order, int gates) {
    enum { I = 3, H = 2 };
    struct graph *graph = make(text, 11);
    const clrnn_net *net = graph->nodes[0].net;
    Onnx__ModelProto *model = write_onnx(graph);
    const Onnx__GraphProto *inside = model->graph;
    ck_assert_str_eq(inside->node[0]->op_type, op);
    const Onnx__TensorProto *w = initializer(inside, inside->node[0]->input[1]);
    const Onnx__TensorProto *r = initializer(inside, inside->node[0]->input[2]);
    const Onnx__TensorProto *b = initializer(inside, inside->node[0]->input[3]);
    ck_assert_int_eq(w->dims[0], 2);
    ck_assert_int_eq(w->dims[1], gates * H);
    ck_assert_int_eq(w->dims[2], I);
    ck_assert_int_eq(b->dims[1], 2 * gates * H);
    for (int d = 0; d < 2; d++) {
        const struct strand *strand = net_strand(net, 0, d);
        for (int row = 0; row < gates * H; row++) {
            const int from = order[row / H] * H + row % H, to = d * gates * H + row;
            for (int k = 0; k < I; k++) {
                ck_assert(at(w, to * I + k) == strand->weights[WEIGHT_IH][from * I + k]);
            }
            for (int k = 0; k < H; k++) {
                ck_assert(at(r, to * H + k) == strand->weights[WEIGHT_HH][from * H + k]);
            }
            const int bias = 2 * d * gates * H + row;
            ck_assert(at(b, bias) == strand->weights[BIAS_IH][from]);
            ck_assert(at(b, bias + gates * H) == strand->weights[BIAS_HH][from]);
        }
        if (strand->desc->peepholes) {
            static const enum weight_role roles[] = {WEIGHT_CI, WEIGHT_CO, WEIGHT_CF};
            const Onnx__TensorProto *p = initializer(inside, inside->node[0]->input[7]);
            for (int i = 0; i < 3 * H; i++) {
                ck_assert(at(p, d * 3 * H + i) == strand->weights[roles[i / H]][i % H]);
            }
        }
    }
    onnx__model_proto__free_unpacked(model, NULL);
    graph_free(graph);
}

START_TEST(onnx_weights_in_order) {
    check_weights("x 3 time | rnn 2 bi", "RNN", (const int[]){0}, 1);
    check_weights("x 3 time | gru 2 bi", "GRU", (const int[]){1, 0, 2}, 3);
    check_weights("x 3 time | lstm 2 bi peep", "LSTM", (const int[]){0, 3, 1, 2}, 4);
}
END_TEST

START_TEST(onnx_attributes) {
    struct graph *graph = make("x 3 time | lstm 2 bi couple clip=0.5 "
                               "acts=hard_sigmoid:0.3:0.4,hard_sigmoid:0.3:0.4,linear,"
                               "hard_sigmoid:0.3:0.4,leaky_relu:0.1 "
                               "back=sigmoid,sigmoid,tanh,sigmoid,affine:2:3",
                               1);
    static const char *const names[] = {"HardSigmoid", "Affine", "LeakyRelu",
                                        "Sigmoid",     "Tanh",   "Affine"};
    static const float alphas[] = {0.3f, 1, 0.1f, 2}, betas[] = {0.4f, 0, 3};
    Onnx__ModelProto *model = write_onnx(graph);
    const Onnx__NodeProto *node = model->graph->node[0];
    const Onnx__AttributeProto *acts = attribute(node, "activations");
    const Onnx__AttributeProto *alpha = attribute(node, "activation_alpha");
    const Onnx__AttributeProto *beta = attribute(node, "activation_beta");
    ck_assert_uint_eq(acts->n_strings, 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_uint_eq(acts->strings[i].len, strlen(names[i]));
        ck_assert_int_eq(memcmp(acts->strings[i].data, names[i], strlen(names[i])), 0);
    }
    ck_assert_uint_eq(alpha->n_floats, 4);
    ck_assert_int_eq(memcmp(alpha->floats, alphas, sizeof alphas), 0);
    ck_assert_uint_eq(beta->n_floats, 3);
    ck_assert_int_eq(memcmp(beta->floats, betas, sizeof betas), 0);
    ck_assert_int_eq(attribute(node, "input_forget")->i, 1);
    ck_assert(attribute(node, "clip")->f == 0.5f);
    ck_assert_int_eq(attribute(node, "hidden_size")->i, 2);
    ck_assert_int_eq(memcmp(attribute(node, "direction")->s.data, "bidirectional", 13), 0);
    onnx__model_proto__free_unpacked(model, NULL);
    graph_free(graph);
    for (int after = 0; after < 2; after++) {
        graph = make(after ? "x 3 time | gru 2" : "x 3 time | gru 2 before", 1);
        model = write_onnx(graph);
        node = model->graph->node[0];
        ck_assert_int_eq(attribute(node, "linear_before_reset")->i, after);
        ck_assert_ptr_null(attribute(node, "activations"));
        onnx__model_proto__free_unpacked(model, NULL);
        graph_free(graph);
    }
}
END_TEST

#endif

/* ---- the weights of a Keras file ------------------------------------------------------------- */

#ifdef WITH_HDF5

static clrnn_tensor stored(const struct hdf5_file *file, const char *path, int64_t rows,
                           int64_t columns) {
    clrnn_tensor tensor;
    ok(hdf5_file_read(&tensor, file, path));
    ck_assert_int_eq(tensor.rank, rows > 0 ? 2 : 1);
    ck_assert_int_eq(tensor.shape[0], rows > 0 ? rows : columns);
    ck_assert_int_eq(tensor.shape[tensor.rank - 1], columns);
    return tensor;
}

/* Arrays of a cell, which gate of ours being where. */
static void check_cell(const struct hdf5_file *file, const char *path, const struct strand *strand,
                       const int *order, int two_biases) {
    enum { I = 3, H = 2 };
    const int across = strand->gates * H;
    char name[128];
    for (int role = 0; role < 2; role++) {
        const int columns = role == 0 ? I : H;
        snprintf(name, sizeof name, "%s/vars/%d", path, role);
        clrnn_tensor tensor = stored(file, name, columns, across);
        for (int k = 0; k < columns; k++) {
            for (int i = 0; i < across; i++) {
                const float *from = strand->weights[role == 0 ? WEIGHT_IH : WEIGHT_HH];
                ck_assert(((float *)tensor.data)[k * across + i] ==
                          from[(order[i / H] * H + i % H) * columns + k]);
            }
        }
        free(tensor.data);
    }
    snprintf(name, sizeof name, "%s/vars/2", path);
    clrnn_tensor bias = stored(file, name, two_biases ? 2 : 0, across);
    for (int i = 0; i < across; i++) {
        const int from = order[i / H] * H + i % H;
        const float ih = strand->weights[BIAS_IH][from], hh = strand->weights[BIAS_HH][from];
        ck_assert(((float *)bias.data)[i] == (two_biases ? ih : ih + hh));
        ck_assert(!two_biases || ((float *)bias.data)[across + i] == hh);
    }
    free(bias.data);
}

START_TEST(keras_weights_in_order) {
    static const struct {
        const char *text, *path;
        int order[4], two_biases;
    } cases[] = {
        {"x 3 | rnn 2", "layers/simple_rnn/cell", {0}, 0},
        {"x 3 | lstm 2", "layers/lstm/cell", {0, 1, 2, 3}, 0},
        {"x 3 | gru 2", "layers/gru/cell", {1, 0, 2}, 1},
        {"x 3 | gru 2 before", "layers/gru/cell", {1, 0, 2}, 0},
        {"x 3 | gru 2 bi", "layers/bidirectional/forward_layer/cell", {1, 0, 2}, 1},
        {"x 3 | lstm 2 halves", "layers/bidirectional/forward_layer/cell", {0, 1, 2, 3}, 0},
    };
    const struct write_options options = {.merge_bias = 1};
    for (int i = 0; i < COUNT(cases); i++) {
        struct graph *graph = make(cases[i].text, 21);
        unsigned char *bytes = NULL, *weights = NULL;
        size_t size = 0;
        struct zip_archive zip = {0};
        struct hdf5_file *file = NULL;
        ok(keras_write(&bytes, &size, graph, &options));
        ok(zip_entry_open(&zip, bytes, size, "m.keras"));
        ok(zip_entry_read(&weights, &size, &zip, "model.weights.h5", 1 << 20, "m.keras"));
        ok(hdf5_file_open(&file, weights, size, "m.keras"));
        check_cell(file, cases[i].path, net_strand(graph->nodes[0].net, 0, 0), cases[i].order,
                   cases[i].two_biases);
        if (strstr(cases[i].path, "forward") != NULL) {
            const struct strand *back = strstr(cases[i].text, "halves") != NULL
                                            ? net_strand(graph->nodes[1].net, 0, 0)
                                            : net_strand(graph->nodes[0].net, 0, 1);
            check_cell(file, "layers/bidirectional/backward_layer/cell", back, cases[i].order,
                       cases[i].two_biases);
        }
        hdf5_file_close(file);
        zip_entry_close(&zip);
        free(weights);
        free(bytes);
        graph_free(graph);
    }
}
END_TEST

#endif

/* ---- chains ---------------------------------------------------------------------------------- */

/* A graph to which nodes are added behind what is there. */
static struct graph_node *add(struct graph *graph, enum graph_op op, int value, const int64_t *list,
                              int count) {
    int inputs[2] = {value, -1};
    struct graph_node *node;
    const int is_listed = op == GRAPH_SQUEEZE || op == GRAPH_UNSQUEEZE || op == GRAPH_RESHAPE;
    if (is_listed) {
        int64_t copy[8];
        memcpy(copy, list, (size_t)count * sizeof *copy);
        ok(graph_add_constant(
            &inputs[1], graph, NULL,
            &(clrnn_tensor){.data = copy, .dtype = CLRNN_DTYPE_I64, .rank = 1, .shape = {count}}));
    }
    ok(graph_add_node(&node, graph, op, "mover", inputs, 1 + is_listed, 1));
    for (int i = 0; !is_listed && i < count; i++) {
        node->list[i] = list[i];
        node->list_count = count;
    }
    return node;
}

/* Nodes that move axes behind "x 3 | lstm 2 bi" (y [N][T][4]), and what comes of it. */
static const struct {
    const char *text;
    struct {
        enum graph_op op;
        int count;
        int64_t list[5];
    } nodes[5];
    int count;
    const char *refusal;
    int batch_first; /* of y, where it is taken */
} movers[] = {
    {"x 3 | lstm 2 bi", {{GRAPH_TRANSPOSE, 3, {1, 0, 2}}}, 1, NULL, 0},
    {"x 3 | lstm 2 bi",
     {{GRAPH_TRANSPOSE, 3, {1, 0, 2}}, {GRAPH_TRANSPOSE, 3, {1, 0, 2}}},
     2,
     NULL,
     1},
    {"x 3 time | lstm 2 bi",
     {{GRAPH_RESHAPE, 4, {0, 0, 2, -1}}, /* [T][N][D][H], as ONNX gives it and takes it back */
      {GRAPH_TRANSPOSE, 4, {0, 2, 1, 3}},
      {GRAPH_TRANSPOSE, 4, {0, 2, 1, 3}},
      {GRAPH_RESHAPE, 3, {0, 0, -1}}},
     4,
     NULL,
     0},
    {"x 3 time | lstm 2 bi",
     {{GRAPH_RESHAPE, 4, {0, 0, 2, 2}}, {GRAPH_RESHAPE, 3, {0, 0, 4}}},
     2,
     NULL,
     0},
    {"x 3 time | lstm 2", {{GRAPH_UNSQUEEZE, 1, {1}}, {GRAPH_SQUEEZE, 1, {1}}}, 2, NULL, 0},
    {"x 3 time | lstm 2", {{GRAPH_UNSQUEEZE, 1, {1}}, {GRAPH_RESHAPE, 3, {0, -1, 2}}}, 2, NULL, 0},
    {"x 3 | lstm 2 bi last",
     {{GRAPH_RESHAPE, 3, {0, 2, -1}}, {GRAPH_RESHAPE, 2, {0, -1}}},
     2,
     NULL,
     1},
    {"x 3 | lstm 2 bi", {{GRAPH_TRANSPOSE, 3, {0, 2, 1}}}, 1, "must take steps of rows", 0},
    {"x 3 | lstm 2 bi", {{GRAPH_TRANSPOSE, 3, {0, 0, 1}}}, 1, "is no order of axes", 0},
    {"x 3 | lstm 2 bi", {{GRAPH_UNSQUEEZE, 1, {1}}}, 1, "number of axes", 0},
    {"x 3 | lstm 2 bi", {{GRAPH_UNSQUEEZE, 1, {9}}}, 1, "adds an axis that cannot be", 0},
    {"x 3 | lstm 2 bi", {{GRAPH_SQUEEZE, 1, {0}}}, 1, "takes out an axis that must stay", 0},
    {"x 3 | lstm 4", {{GRAPH_RESHAPE, 4, {0, 0, 2, 2}}}, 1, "takes axes apart", 0},
    {"x 3 | lstm 2 bi", {{GRAPH_RESHAPE, 2, {-1, 4}}}, 1, "gives a shape that is not known", 0},
    {"x 3 | lstm 2 bi",
     {{GRAPH_RESHAPE, 4, {0, 0, 2, -1}},
      {GRAPH_TRANSPOSE, 4, {0, 1, 3, 2}},
      {GRAPH_RESHAPE, 3, {0, 0, 4}}},
     3,
     "takes axes apart",
     0},
    {"x 3 | lstm 2 bi",
     {{GRAPH_UNSQUEEZE, 5, {0, 1, 2, 3, 4}}, {GRAPH_UNSQUEEZE, 1, {0}}},
     2,
     "adds axes that are not known",
     0},
    {"x 3 | lstm 2 bi", {{GRAPH_FLATTEN, 0, {0}}}, 1, "no part of one chain of layers", 0},
};

START_TEST(chain_sees_through_movers) {
    struct graph *graph = make(movers[_i].text, 1);
    struct layer_chain chain = {0};
    for (int i = 0; i < movers[_i].count; i++) {
        struct graph_node *node = add(graph, movers[_i].nodes[i].op, graph->outputs[0].value,
                                      movers[_i].nodes[i].list, movers[_i].nodes[i].count);
        graph->outputs[0].value = node->outputs[0];
    }
    expect(layers_of(&chain, graph), movers[_i].refusal, movers[_i].text);
    if (movers[_i].refusal == NULL) {
        ck_assert_int_eq(chain.count, 1);
        ck_assert_int_eq(chain.out_batch_first, movers[_i].batch_first);
        ck_assert_int_eq(chain.out_features, strstr(movers[_i].text, "bi") != NULL ? 4 : 2);
    }
    layers_free(&chain);
    graph_free(graph);
}
END_TEST

/* What else a graph may have beside a chain, and may not. */
START_TEST(chain_of_states_and_masks) {
    struct graph *graph = make("x 3 | lstm 2", 1);
    struct graph_node *node = &graph->nodes[0];
    struct layer_chain chain = {0};
    float zeros[2] = {0, 0};
    int more[4] = {graph->inputs[0].value, -1, -1, -1}, value;
    /* the user's own mask and lengths do not count */
    for (int slot = 1; slot < 3; slot++) {
        ok(graph_add_input(&more[slot], graph, slot == 1 ? "mask" : "lengths"));
        graph->inputs[slot].optional = 1;
    }
    /* zeros to start from are none */
    ok(graph_add_constant(&more[3], graph, NULL,
                          &(clrnn_tensor){.data = zeros, .rank = 3, .shape = {1, 1, 2}}));
    int *inputs = malloc(sizeof more);
    memcpy(inputs, more, sizeof more);
    free(node->inputs);
    node->inputs = inputs;
    node->input_count = 4;
    ok(layers_of(&chain, graph));
    ck_assert_int_eq(chain.count, 1);
    ck_assert_int_eq(chain.steps[0].mask, -1);
    layers_free(&chain);
    ((float *)graph->values[more[3]].constant.data)[1] = 1;
    fails(layers_of(&chain, graph), FORMAT, "layer 'lstm_1': takes h_0 from within the model");
    ((float *)graph->values[more[3]].constant.data)[1] = 0;
    /* a mask of no layer */
    ok(graph_add_value(&value, graph, NULL));
    inputs[1] = value;
    fails(layers_of(&chain, graph), FORMAT, "layer 'lstm_1': its mask comes from neither");
    inputs[1] = -1;
    inputs[2] = value;
    fails(layers_of(&chain, graph), FORMAT, "layer 'lstm_1': takes lengths from within the model");
    inputs[2] = -1;
    /* a state that is given out does not count, another output does */
    ok(graph_add_output(graph, "h_n", graph->nodes[0].outputs[1]));
    graph->outputs[1].is_state = 1;
    ok(layers_of(&chain, graph));
    layers_free(&chain);
    graph->outputs[1].is_state = 0;
    fails(layers_of(&chain, graph), FORMAT, "output 'h_n': one chain of layers has one output");
    graph->outputs[1].is_state = 1;
    graph->inputs[1].optional = 0;
    fails(layers_of(&chain, graph), FORMAT, "input 'mask': one chain of layers has one input");
    graph_free(graph);
}
END_TEST

/* Memory that runs out at any place: one clean error, nothing left behind. */
START_TEST(memory_runs_out) {
    static const char *const texts[] = {
        "x 3 | masking 0 | lstm 2 bi sum masked zero | gru 2 masked layers=2 | dense 3 softmax",
        "ids 5 | embedding 2 | rnn 2 halves | act gelu | dense 2"};
    const struct write_options options = {.merge_bias = 1};
    for (int i = 0; i < 2 * COUNT(texts); i++) {
        struct graph *graph = make(texts[i / 2], 1);
        const int as_keras = i % 2;
        clrnn_status status = CLRNN_STATUS_MEMORY;
        for (int nth = 1; status != CLRNN_STATUS_OK; nth++) {
            unsigned char *bytes = NULL;
            size_t size = 0;
            faults_forget();
            faults_enter((struct faults){.nth = nth});
            status = as_keras ? keras_write(&bytes, &size, graph, &options)
                              : onnx_write(&bytes, &size, graph, &options);
            const char *failed = faults_leave();
            ck_assert_int_lt(nth, 10000);
            if (status == CLRNN_STATUS_OK && failed == NULL) {
                free(bytes);
                break;
            }
            ck_assert_msg(status == CLRNN_STATUS_MEMORY || status == CLRNN_STATUS_UNSUPPORTED,
                          "%s: call %d: %s", texts[i / 2], nth, clrnn_last_error()->message);
            ck_assert_ptr_null(bytes);
            ck_assert_uint_eq(faults_memory(0), 0);
            if (status == CLRNN_STATUS_UNSUPPORTED) {
                break;
            }
        }
        graph_free(graph);
    }
}
END_TEST

Suite *writers_suite(void) {
    Suite *suite = suite_create("writers");
    TCase *both = tcase_create("both");
    tcase_add_loop_test(both, refuses_by_name, 0, COUNT(refusals));
    tcase_add_loop_test(both, chain_sees_through_movers, 0, COUNT(movers));
    tcase_add_test(both, chain_of_states_and_masks);
    tcase_add_test(both, memory_runs_out);
    suite_add_tcase(suite, both);
#ifdef WITH_HDF5
    TCase *keras = tcase_create("keras");
    tcase_add_loop_test(keras, keras_comes_back, 0, CHAIN_MODELS);
    tcase_add_test(keras, keras_archive_is_stored);
    tcase_add_test(keras, keras_weights_in_order);
    suite_add_tcase(suite, keras);
#endif
#ifdef WITH_PROTOBUF
    TCase *onnx = tcase_create("onnx");
    tcase_add_loop_test(onnx, onnx_is_whole, 0, CHAIN_MODELS);
    tcase_add_loop_test(onnx, onnx_comes_back, 0, CHAIN_MODELS);
    tcase_add_loop_test(onnx, onnx_ops, 0, COUNT(sequences));
    tcase_add_test(onnx, onnx_weights_in_order);
    tcase_add_test(onnx, onnx_attributes);
    suite_add_tcase(suite, onnx);
#endif
    return suite;
}
