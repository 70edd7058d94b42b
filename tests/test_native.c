/*
 * test_native.c: the native form of whole models, a config of version 2 with its arrays: what is written
 * is read back the same, from .safetensors and from .npz; what a config cannot say is refused when it is
 * written; what a hostile file says is refused when it is read, by name and without a leak. And linear
 * layers behind PyTorch's names, whose order no config says.
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
#include "io/arrays.h"
#include "io/chain.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const endings[] = {"safetensors", "npz"};

static struct graph *make(const char *text, uint64_t seed) {
    struct graph *graph = NULL;
    ok(chain_graph(&graph, text, seed));
    return graph;
}

/* A path in the folder with one of the endings. */
static const char *path_of(const char *stem, int ending) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", stem, endings[ending]);
    return in_folder(name);
}

/* The graph's own config and arrays as a file. */
static clrnn_status write_graph(const struct graph *graph, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_arrays *arrays = NULL;
    TRY(clrnn_arrays_create(&arrays));
    TRY(chain_write(arrays, graph, NULL));
    TRY(clrnn_arrays_save(arrays, path));
out:
    clrnn_arrays_free(arrays);
    return status;
}

static void same_files(const char *a, const char *b, const char *what) {
    size_t size_a, size_b;
    unsigned char *bytes_a = read_whole(a, &size_a), *bytes_b = read_whole(b, &size_b);
    ck_assert_msg(size_a == size_b && memcmp(bytes_a, bytes_b, size_a) == 0, "%s: other bytes",
                  what);
    free(bytes_a);
    free(bytes_b);
}

/* ---- there and back -------------------------------------------------------------------------- */

/* What a config of version 2 does not say. */
static const struct {
    const char *name, *refusal;
} unsaid[] = {
    {"lstm_halves", "layer 'lstm_1': its two directions are not alike"},
    {"lstm_halves_ave", "layer 'lstm_1': its two directions are not alike"},
    {"lstm_halves_sum", "layer 'lstm_1': its two directions are not alike"},
    {"lstm_halves_mul", "layer 'lstm_1': its two directions are not alike"},
    {"mask_halves", "layer 'gru_2': its two directions are not alike"},
    {"mask_unheeded", "layer gru_2: does not heed the mask before it"},
    {"mask_then_not", "layer gru_3: does not heed the mask before it"},
};

static const char *refusal_of(const char *name) {
    for (int i = 0; i < COUNT(unsaid); i++) {
        if (strcmp(unsaid[i].name, name) == 0) {
            return unsaid[i].refusal;
        }
    }
    return NULL;
}

/* Written, read, written again: the same bytes and the same y. */
static void goes_round(const struct graph *graph, const char *what) {
    for (int ending = 0; ending < COUNT(endings); ending++) {
        clrnn_model *model = NULL;
        const char *first = path_of("first", ending), *second = path_of("second", ending);
        ok(write_graph(graph, first));
        ok(clrnn_model_load(&model, first, NULL));
        ok(graph_compare(graph, model->graph, 0));
        ok(clrnn_model_save(model, second, NULL));
        same_files(first, second, what);
        chain_same(graph, model->graph, NULL, what);
        clrnn_model_free(model);
    }
}

START_TEST(comes_back) {
    const char *name = chain_models[_i].name, *refusal = refusal_of(name);
    struct graph *graph = make(chain_models[_i].text, (uint64_t)_i + 1);
    if (refusal != NULL) {
        fails(write_graph(graph, path_of("first", 0)), FORMAT, refusal);
        ck_assert_int_eq(count_files(), 0);
    } else {
        goes_round(graph, name);
    }
    graph_free(graph);
}
END_TEST

/* Turned round twice is not turned round; a batch is an axis of its own behind a last output, whatever
 * the order of x; the length of a row is none of its features. */
START_TEST(comes_back_as_it_is) {
    static const char *const texts[] = {
        "x 5 | rnn 4 rev | flip | flip | gru 3",
        "x 5 time | gru 4 last | softmax 0",
        "x 5 time | gru 4 | softmax 0",
        "x 5 | gru 4 | softmax 0",
        "x 5 | dense 4 act=tanh softmax",
        "x 5 | rnn 2 | rnn 3 rev | dense 2 | rnn 2 bi last",
    };
    struct graph *graph = make(texts[_i], 5);
    goes_round(graph, texts[_i]);
    graph_free(graph);
}
END_TEST

START_TEST(rows_have_no_steps) {
    struct graph *graph = make("x 5 | dense 4", 5);
    graph->inputs[0].rank = 2; /* [N][I] */
    graph->inputs[0].shape[1] = 5;
    clrnn_arrays *arrays = NULL;
    clrnn_model *model = NULL;
    ok(clrnn_arrays_create(&arrays));
    ok(chain_write(arrays, graph, NULL));
    ok(model_read(&model, arrays, "m", NULL));
    ck_assert_int_eq(model->graph->inputs[0].shape[1], -1);
    clrnn_model_free(model);
    clrnn_arrays_free(arrays);
    graph_free(graph);
    graph = make("x 5 | softmax 0", 5); /* which would be a row alone, read as steps of one */
    graph->inputs[0].rank = 2;
    graph->inputs[0].shape[1] = 5;
    fails(write_graph(graph, path_of("first", 0)), FORMAT,
          "layer 'softmax_1': goes over a batch of rows, which a chain has as steps");
    graph_free(graph);
}
END_TEST

/* ---- names ----------------------------------------------------------------------------------- */

static void rename_layer(struct graph *graph, int layer, const char *name) {
    free(graph->layers[layer].name);
    graph->layers[layer].name = name != NULL ? strdup(name) : NULL;
}

#define LONG                                                                                       \
    "0123456789012345678901234567890123456789012345678901234567890123456789"                       \
    "01234567890123456789012345678901234567890123456789012345"

START_TEST(names_are_made) {
    static const struct {
        const char *given[4], *written[4];
    } cases[] = {
        {{"a", "b", "c", "d"}, {"a", "b", "c", "d"}},
        {{NULL, NULL, NULL, NULL}, {"recurrent", "dense", "dense_3", "recurrent_4"}},
        {{"", "", "x", ""}, {"recurrent", "dense", "x", "recurrent_4"}},
        {{"a", "a", "a", "a"}, {"a", "a_2", "a_3", "a_4"}},
        {{"a", "a", "a_2", "a_3"}, {"a", "a_4", "a_2", "a_3"}},
        {{"/rnn/GRU", "a.b", "a\nb", "a_b"}, {"/rnn/GRU", "a.b", "a_b_3", "a_b"}},
        {{"\x1b[31m", "\x7f", "\xff\xfe", "\xc3\xa9"}, {"_[31m", "_", "__", "\xc3\xa9"}},
        {{LONG "a", LONG "ab", LONG "\xc3\xa9", LONG "ac"}, {LONG "a", "", LONG, ""}},
    };
    struct graph *graph = make("x 3 | gru 2 | dense 4 softmax | dense 4 | lstm 2 last", 5);
    const char *what = cases[_i].written[0];
    for (int i = 0; i < 4; i++) {
        rename_layer(graph, i, cases[_i].given[i]);
    }
    clrnn_model *model = NULL;
    goes_round(graph, what);
    ok(clrnn_model_load(&model, path_of("first", 0), NULL));
    ck_assert_uint_eq(clrnn_model_layer_count(model), 4);
    for (size_t i = 0; i < 4; i++) {
        clrnn_layer_info layer;
        const char *written = cases[_i].written[i];
        ok(clrnn_model_layer(&layer, model, i));
        ck_assert_msg(written[0] == '\0' || strcmp(layer.name, written) == 0, "%s, not %s",
                      layer.name, written);
        ck_assert_uint_le(strlen(layer.name), 127);
    }
    clrnn_model_free(model);
    graph_free(graph);
}
END_TEST

/* The name of x, too, and what listings call a layer. */
START_TEST(texts_are_cleaned) {
    struct graph *graph = make("x 3 | gru 2 | dense 4", 5);
    free(graph->inputs[0].name);
    graph->inputs[0].name = strdup("a\tb");
    free(graph->layers[1].type);
    graph->layers[1].type = strdup("\xff\n");
    goes_round(graph, "texts");
    graph_free(graph);
}
END_TEST

/* ---- limits ---------------------------------------------------------------------------------- */

START_TEST(writes_no_more_than_is_read) {
    struct graph *graph = make("ids 1048576 | embedding 1 | rnn 2 last", 5);
    graph->inputs[0].shape[1] = 1 << 20;
    clrnn_model *model = NULL;
    ok(write_graph(graph, path_of("first", 0)));
    ok(clrnn_model_load(&model, path_of("first", 0), NULL));
    ok(graph_compare(graph, model->graph, 0));
    clrnn_model_free(model);
    graph->inputs[0].shape[1]++;
    fails(write_graph(graph, path_of("second", 0)), FORMAT,
          "model: a config's steps are 1 to 1048576, got 1048577");
    graph_free(graph);
    graph = make("ids 1048577 | embedding 1 | rnn 2 last", 5);
    fails(write_graph(graph, path_of("second", 0)), FORMAT,
          "layer embedding_1: a config's vocabulary are 1 to 1048576, got 1048577");
    graph_free(graph);
    graph = make("x 5 | act tanh", 5);
    graph->inputs[0].shape[2] = -1;
    fails(write_graph(graph, path_of("second", 0)), FORMAT, "model: a config's inputs are 1 to");
    graph_free(graph);
}
END_TEST

START_TEST(writes_no_longer_chain_than_is_read) {
    char text[12000] = "x 1";
    for (int i = 0; i < 1024; i++) {
        strcat(text, "| act relu");
    }
    struct graph *graph = make(text, 5);
    goes_round(graph, "1024 layers");
    graph_free(graph);
    strcat(text, "| act relu");
    graph = make(text, 5);
    fails(write_graph(graph, path_of("third", 0)), FORMAT, "1 to 1024 entries, got 1025");
    graph_free(graph);
}
END_TEST

START_TEST(refuses_what_json_cannot_say) {
    static const struct {
        const char *text, *refusal;
    } cases[] = {
        {"x 3 | masking inf | gru 2 masked", "layer masking_1: masks inf"},
        {"x 3 | act elu:inf", "layer act_1: elu of inf, 0, which JSON cannot say"},
        {"x 3 | dense 2 clip=1", "layer dense_1: a clip"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        struct graph *graph = make(cases[i].text, 5);
        fails(write_graph(graph, path_of("first", 0)), FORMAT, cases[i].refusal);
        graph_free(graph);
    }
}
END_TEST

/* ---- files ----------------------------------------------------------------------------------- */

/* A config and arrays "a.weight 4 3, a.bias 4", of small numbers. */
static clrnn_arrays *arrays_of(const char *config, const char *weights) {
    clrnn_arrays *arrays = NULL;
    uint64_t random = 11;
    ok(clrnn_arrays_create(&arrays));
    ok(arrays_insert(arrays, "config",
                     &(clrnn_tensor){.data = strdup(config), .dtype = CLRNN_DTYPE_TEXT}));
    while (*weights != '\0') {
        char name[64];
        int64_t shape[2] = {0};
        int used = 0;
        clrnn_tensor view;
        ck_assert_int_eq(sscanf(weights, " %63[^ ]%n", name, &used), 1);
        weights += used;
        int rank = 0;
        for (char *end; *weights != '\0' && *weights != ','; weights = end) {
            shape[rank++] = strtol(weights, &end, 10);
        }
        weights += *weights == ',';
        ok(clrnn_arrays_add(&view, arrays, name, CLRNN_DTYPE_F32, rank, shape));
        for (int64_t i = 0; i < clrnn_tensor_count(&view); i++) {
            ((float *)view.data)[i] = test_uniform(&random, 1);
        }
    }
    return arrays;
}

#define CHAIN(rest) "{\"format\": \"clrnn\", \"version\": 2, \"inputs\": 3, \"chain\": [" rest "]}"
#define RNN(name, rest)                                                                            \
    "{\"type\": \"recurrent\", \"name\": \"" name                                                  \
    "\", \"layers\": [{\"cell\": \"rnn\", \"hidden\": 3, \"bias\": \"none\"" rest "}]}"
#define LSTM(name)                                                                                 \
    "{\"type\": \"recurrent\", \"name\": \"" name                                                  \
    "\", \"layers\": [{\"cell\": \"lstm\", \"hidden\": 3, \"bias\": \"none\"}]}"
#define CUSTOM(name, source)                                                                       \
    "{\"type\": \"recurrent\", \"name\": \"" name                                                  \
    "\", \"layers\": [{\"cell\": \"custom\", \"gates\": 1, \"states\": 1, \"hidden\": 3, "         \
    "\"bias\": \"none\", \"source\": \"" source "\"}]}"
#define BEND(name, source)                                                                         \
    RNN(name, ", \"activations\": [{\"name\": \"custom\", \"source\": \"" source "\"}]")
#define DENSE(name, rest)                                                                          \
    "{\"type\": \"dense\", \"name\": \"" name "\", \"features\": 3, \"bias\": false" rest "}"
#define OF_RNN(name) #name ".weight_ih_l0 3 3, " #name ".weight_hh_l0 3 3"
#define OF_LSTM(name) #name ".weight_ih_l0 12 3, " #name ".weight_hh_l0 12 3"

/* An option is of the whole chain. */
START_TEST(options_are_of_the_chain) {
    static const struct {
        const char *config, *weights, *refusal;
    } cases[] = {
        {CHAIN(LSTM("a") ", " RNN("b", "")), OF_LSTM(a) ", " OF_RNN(b), NULL},
        {CHAIN(RNN("a", "") ", " LSTM("b") ", " RNN("c", ", \"activations\": [\"relu\"]")),
         OF_RNN(a) ", " OF_LSTM(b) ", " OF_RNN(c), NULL},
        {CHAIN(LSTM("a") ", " DENSE("b", "")), OF_LSTM(a) ", b.weight 3 3",
         "m: config: nonlinearity relu is for rnn, the file holds lstm"},
        {CHAIN(DENSE("b", "")), "b.weight 3 3",
         "m: config: nonlinearity relu is for rnn, the file holds no recurrent layer"},
        {CHAIN(RNN("a", "") ", " RNN("b", ", \"activations\": [\"tanh\"]")),
         OF_RNN(a) ", " OF_RNN(b),
         "m: config: chain[1]: layer 0 is tanh in the file, got nonlinearity relu"},
    };
    const clrnn_model_options options = {.nonlinearity = CLRNN_ACT_RELU};
    for (int i = 0; i < COUNT(cases); i++) {
        clrnn_arrays *arrays = arrays_of(cases[i].config, cases[i].weights);
        clrnn_model *model = NULL;
        faults_forget();
        faults_enter((struct faults){0});
        const clrnn_status status = model_read(&model, arrays, "m", &options);
        faults_leave();
        if (cases[i].refusal != NULL) {
            fails(status, ARGUMENT, cases[i].refusal);
            ck_assert_uint_eq(faults_memory(0), 0);
        } else {
            ok(status);
        }
        for (int k = 0; status == CLRNN_STATUS_OK && k < model->graph->node_count; k++) {
            const clrnn_layer_desc *layer = &model->graph->nodes[k].net->desc.layers[0];
            ck_assert(layer->cell != CLRNN_CELL_RNN || layer->acts[0][0].kind == CLRNN_ACT_RELU);
        }
        clrnn_model_free(model);
        clrnn_arrays_free(arrays);
    }
}
END_TEST

static const char *code_of(const clrnn_model *model, int node) {
    const clrnn_layer_desc *layer = &model->graph->nodes[node].net->desc.layers[0];
    return layer->source != NULL ? layer->source : layer->acts[0][0].source;
}

/* Code has the names that the file gave it. */
START_TEST(snippets_are_of_the_chain) {
    static const clrnn_snippet snippets[] = {
        {"one", "h = gx[0];"}, {"two", "h = gh[0];"}, {"bend", "x = -x;"}, {"more", "x = x;"}};
    clrnn_arrays *arrays =
        arrays_of(CHAIN(CUSTOM("a", "one") ", " BEND("b", "bend") ", " CUSTOM("c", "two")),
                  OF_RNN(a) ", " OF_RNN(b) ", " OF_RNN(c));
    clrnn_model_options options = {.snippets = snippets, .num_snippets = 3};
    clrnn_model *model = NULL, *back = NULL;
    for (int ending = 0; ending < COUNT(endings); ending++) {
        const char *first = path_of("first", ending), *second = path_of("second", ending);
        ok(model_read(&model, arrays, "m", &options));
        ok(clrnn_model_save(model, first, NULL));
        ok(clrnn_model_load(&back, first, &options));
        ok(clrnn_model_save(back, second, NULL));
        same_files(first, second, "snippets");
        for (int i = 0; i < 3; i++) {
            ck_assert_str_eq(code_of(model, i), code_of(back, i));
        }
        ck_assert_str_eq(code_of(back, 0), "h = gx[0];");
        ck_assert_str_eq(code_of(back, 2), "h = gh[0];");
        clrnn_model_free(model);
        clrnn_model_free(back);
    }
    options.num_snippets = 4;
    fails(model_read(&model, arrays, "m", &options), ARGUMENT,
          "m: config: does not ask for the snippet 'more', but for 'one', 'bend', 'two'");
    options.num_snippets = 1;
    fails(model_read(&model, arrays, "m", &options), FORMAT,
          "m: config: chain[1]: layer 0 needs the OpenCL C snippet 'bend', which was not given");
    options.num_snippets = 0;
    fails(model_read(&model, arrays, "m", &options), FORMAT,
          "m: config: chain[0]: layer 0 needs the OpenCL C snippet 'one', which was not given");
    clrnn_arrays_free(arrays);
}
END_TEST

/* Where nobody named the code, each layer's has a name of its own. */
START_TEST(code_has_names_of_its_own) {
    static const clrnn_snippet snippets[] = {
        {"one", "h = gx[0];"}, {"two", "h = gh[0];"}, {"bend", "x = -x;"}};
    static const clrnn_snippet made_up[] = {
        {"layer0", "h = gx[0];"}, {"layer2", "h = gh[0];"}, {"layer1_act0", "x = -x;"}};
    clrnn_arrays *arrays =
        arrays_of(CHAIN(CUSTOM("a", "one") ", " BEND("b", "bend") ", " CUSTOM("c", "two")),
                  OF_RNN(a) ", " OF_RNN(b) ", " OF_RNN(c));
    clrnn_model_options options = {.snippets = snippets, .num_snippets = 3};
    clrnn_model *model = NULL, *back = NULL;
    ok(model_read(&model, arrays, "m", &options));
    ok(write_graph(model->graph, path_of("first", 0)));
    options.snippets = made_up;
    ok(clrnn_model_load(&back, path_of("first", 0), &options));
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(code_of(model, i), code_of(back, i));
    }
    clrnn_model_free(model);
    clrnn_model_free(back);
    clrnn_arrays_free(arrays);
}
END_TEST

START_TEST(custom_activations_are_of_recurrent_layers) {
    struct graph *graph = make("x 3 | act tanh", 5);
    graph->nodes[0].act = (clrnn_activation){.kind = CLRNN_ACT_CUSTOM, .source = "x = -x;"};
    fails(write_graph(graph, path_of("first", 0)), FORMAT,
          "layer act_1: its activation is custom, which a config has of recurrent layers alone");
    graph->nodes[0].act = (clrnn_activation){0};
    graph_free(graph);
    graph = make("x 3 | dense 2", 5);
    clrnn_net_desc desc = {.inputs = 3,
                           .layer = {.cell = CLRNN_CELL_DENSE,
                                     .hidden = 2,
                                     .acts = {{{.kind = CLRNN_ACT_CUSTOM, .source = "x = -x;"}}}}};
    clrnn_net_free(graph->nodes[0].net);
    graph->nodes[0].net = test_net(&desc, 5, 1);
    fails(write_graph(graph, path_of("first", 0)), FORMAT,
          "layer dense_1: its activation is custom");
    graph_free(graph);
}
END_TEST

/* ---- hostile files --------------------------------------------------------------------------- */

/* Everything that a config may say. */
static const char whole[] =
    "{\"format\": \"clrnn\", \"version\": 2, \"inputs\": 3, \"batch_first\": true, "
    "\"steps\": 7, \"input\": \"x\", \"chain\": ["
    "{\"type\": \"masking\", \"name\": \"m\", \"value\": -1.5}, "
    "{\"type\": \"recurrent\", \"name\": \"r\", \"class\": \"GRU\", \"flip\": true, "
    "\"return_sequences\": true, \"layers\": [{\"cell\": \"gru\", \"hidden\": 3, "
    "\"direction\": \"reverse\", \"activations\": [\"sigmoid\", \"sigmoid\", "
    "{\"name\": \"elu\", \"alpha\": 0.5}]}]}, " DENSE(
        "d",
        ", \"activation\": \"softmax\"") ", "
                                         "{\"type\": \"activation\", \"name\": \"a\", "
                                         "\"activation\": \"leaky_relu\"}, "
                                         "{\"type\": \"softmax\", \"name\": \"s\", \"axis\": -1}]}";
static const char whole_weights[] =
    "r.weight_ih_l0_reverse 9 3, r.weight_hh_l0_reverse 9 3, r.bias_ih_l0_reverse 9, "
    "r.bias_hh_l0_reverse 9, d.weight 3 3";

/* Read with what the library allocates counted: nothing is left of what failed. */
static clrnn_status read_counted(const clrnn_arrays *arrays, const char *what) {
    clrnn_model *model = NULL;
    faults_forget();
    faults_enter((struct faults){0});
    const clrnn_status status = model_read(&model, arrays, "m", NULL);
    clrnn_model_free(model);
    faults_leave();
    ck_assert_msg(faults_memory(0) == 0, "%.200s: leaks", what);
    return status;
}

static void refused(const char *config, const char *weights, const char *message) {
    clrnn_arrays *arrays = arrays_of(config, weights);
    const clrnn_status status = read_counted(arrays, config);
    ck_assert_msg(status == CLRNN_STATUS_FORMAT, "%.200s: %s (%s)", config,
                  clrnn_status_name(status), clrnn_last_error()->message);
    ck_assert_msg(strstr(clrnn_last_error()->message, message) != NULL,
                  "%.200s: expected \"%s\" in \"%s\"", config, message,
                  clrnn_last_error()->message);
    clrnn_arrays_free(arrays);
}

#define ROOT(version, rest) "{\"format\": \"clrnn\", \"version\": " version ", " rest "}"
#define ENTRY(rest) CHAIN("{" rest "}")
#define TYPE(type, rest) ENTRY("\"type\": \"" type "\", \"name\": \"a\"" rest)

START_TEST(hostile_configs_are_refused) {
    static const struct {
        const char *config, *weights, *message;
    } cases[] = {
        {"", "", "m: config: is not JSON"},
        {"[]", "", "m: config: must be an object"},
        {"{\"version\": 2}", "", "m: config: format: expected 'clrnn'"},
        {"{\"version\": 2, \"version\": 2}", "", "duplicate object key"},
        {ROOT("3", "\"chain\": []"), "", "reads 1 and 2, got 3"},
        {ROOT("2", "\"inputs\": 3"), "", "m: config: chain: expected a list of 1 to 1024 entries"},
        {ROOT("2", "\"chain\": []"), "", "m: config: chain: expected a list of 1 to 1024 entries"},
        {ROOT("2", "\"chain\": {}"), "", "m: config: chain: expected a list of 1 to 1024 entries"},
        {ROOT("2", "\"chain\": [3]"), "", "m: config: inputs: is missing"},
        {CHAIN("3"), "", "m: config: chain[0]: expected an object, got 3"},
        {CHAIN("[[[[[[[]]]]]]]"), "", "m: config: must be nested at most 8 deep"},
        {CHAIN("{}"), "", "m: config: chain[0].type: expected 'masking', "},
        {TYPE("lstm", ""), "", "m: config: chain[0].type: expected 'masking', "},
        {ENTRY("\"type\": [\"dense\"]"), "", "m: config: chain[0].type: expected 'masking', "},
        {ENTRY("\"type\": \"dense\""), "", "m: config: chain[0].name: expected a printable name"},
        {ENTRY("\"type\": \"dense\", \"name\": 3"), "", "chain[0].name: expected a printable name"},
        {ENTRY("\"type\": \"dense\", \"name\": \"\""), "", "chain[0].name: expected a printable"},
        {ENTRY("\"type\": \"dense\", \"name\": \"a\\u0007\""), "", "chain[0].name: expected a"},
        {ENTRY("\"type\": \"dense\", \"name\": \"a\\u0000\""), "", "m: config: is not JSON"},
        {ENTRY("\"type\": \"dense\", \"name\": \"" LONG "ab\""), "", "name: expected a printable"},
        {TYPE("dense", ", \"class\": []"), "", "chain[0].class: expected a printable name"},
        {TYPE("dense", ", \"size\": 3"), "", "m: config: chain[0]: unknown key 'size'"},
        {TYPE("dense", ", \"value\": 3"), "", "m: config: chain[0]: unknown key 'value'"},
        {TYPE("dense", ""), "", "chain[0].features: expected an integer, 1 to 1048576, got none"},
        {TYPE("dense", ", \"features\": 1.5"), "", "chain[0].features: expected an integer"},
        {TYPE("dense", ", \"features\": 0"), "", "chain[0].features: expected an integer"},
        {TYPE("dense", ", \"features\": 1048577"), "", "chain[0].features: expected an integer"},
        {TYPE("dense", ", \"features\": 9223372036854775807"), "", "features: expected an integer"},
        {TYPE("dense", ", \"features\": 9223372036854775808"), "", "m: config: is not JSON"},
        {TYPE("dense", ", \"features\": 1048576"), "a.weight 3 3",
         "m: a.weight: expected [1048576][3], got float32 [3][3]"},
        {TYPE("dense", ", \"features\": 4, \"bias\": 0"), "", "chain[0].bias: expected true or"},
        {TYPE("dense", ", \"features\": 4"), "a.weight 4 3", "m: a.bias: is missing"},
        {TYPE("dense", ", \"features\": 4"), "a.weight 4 3, a.bias 3", "m: a.bias: expected [4]"},
        {CHAIN(DENSE("a", ", \"activation\": \"sofmax\"")), "a.weight 3 3",
         "chain[0].activation: unknown activation 'sofmax'"},
        {CHAIN(DENSE("a", ", \"activation\": {\"name\": \"tanh\", \"alpha\": 1}")), "a.weight 3 3",
         "m: config: chain[0].activation: layer 0: tanh takes 0 parameters, got 1"},
        {CHAIN(DENSE("a", ", \"activation\": {\"name\": \"custom\", \"source\": \"s\"}")), "",
         "chain[0].activation: custom activations are for recurrent layers"},
        {CHAIN(DENSE("a", ", \"activation\": {\"name\": \"tanh\", \"source\": \"s\"}")), "",
         "chain[0].activation: custom activations are for recurrent layers"},
        {CHAIN(DENSE("a", "") ", " DENSE("a", "")), "a.weight 3 3",
         "m: config: chain[1].name: an entry before is called a, too"},
        {CHAIN(DENSE("a", "")), "a.weight 3 3, b.weight 3 3",
         "m: b.weight: is no weight of the config's layers"},
        {CHAIN(DENSE("a", "") ", " RNN("b", "")), "a.weight 3 3, b.weight_ih_l0 3 3",
         "m: b.weight_hh_l0: is missing"},
        {CHAIN(RNN("b", "")), "b.weight_ih_l0 3 3, b.weight_hh_l0 3 4", "m: b.weight_hh_l0: "},
        {TYPE("activation", ", \"activation\": {\"name\": \"celu\", \"alpha\": 0}"), "",
         "m: config: chain[0].activation: layer 0: celu divides by alpha, got 0"},
        {TYPE("activation", ", \"activation\": [\"tanh\"]"), "",
         "chain[0].activation: expected the name of an activation, got a list"},
        {TYPE("softmax", ", \"axis\": 3"), "", "chain[0].axis: expected an axis, -3 to 2, got 3"},
        {TYPE("masking", ", \"value\": 1e39"), "",
         "chain[0].value: expected a number that float32 can hold"},
        {TYPE("masking", ", \"value\": \"0\""), "", "chain[0].value: expected a number"},
        {TYPE("recurrent", ""), "", "m: config: chain[0]: has no layers"},
        {TYPE("recurrent", ", \"layers\": []"), "", "chain[0]: layers: must have 1 to 1024 layers"},
        {TYPE("recurrent", ", \"layers\": 3"), "", "chain[0]: layers: expected a list of objects"},
        {TYPE("recurrent", ", \"layers\": [{\"cell\": \"lstm\"}]"), "",
         "m: config: chain[0]: layers[0]: has no hidden"},
        {TYPE("recurrent", ", \"layers\": [{\"cell\": \"lstm\", \"hidden\": 1048576}]"),
         "a.weight_ih_l0 4 3", "m: a.weight_ih_l0: expected [4194304][3]"},
        {TYPE("recurrent", ", \"layers\": [{\"cell\": \"rnn\", \"hidden\": 1}], "
                           "\"return_sequences\": false, \"flip\": true"),
         "", "chain[0].flip: a last output has nothing to turn round"},
        {TYPE("embedding", ", \"vocabulary\": 3, \"features\": 3"), "a.weight 3 3",
         "m: config: inputs: an embedding takes integers"},
        {CHAIN(DENSE("b", "") ", {\"type\": \"embedding\", \"name\": \"a\", \"vocabulary\": 3, "
                              "\"features\": 3}"),
         "a.weight 3 3, b.weight 3 3", "m: config: layer a takes integers, gets 3 features"},
        {ROOT("2", "\"chain\": [{\"type\": \"embedding\", \"name\": \"a\", \"features\": 3, "
                   "\"vocabulary\": 1048577}]"),
         "a.weight 3 3", "chain[0].vocabulary: expected an integer, 1 to 1048576, got 1048577"},
        {ROOT("2", "\"chain\": [{\"type\": \"embedding\", \"name\": \"a\", \"features\": 3, "
                   "\"vocabulary\": 4}]"),
         "a.weight 3 3", "m: a.weight: expected [4][3], got float32 [3][3]"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        refused(cases[i].config, cases[i].weights, cases[i].message);
    }
}
END_TEST

START_TEST(roots_are_strict) {
    static const struct {
        const char *keys, *message;
    } cases[] = {
        {"\"inputs\": 0", "m: config: inputs: expected an integer, 1 to 1048576, got 0"},
        {"\"inputs\": true", "m: config: inputs: expected an integer"},
        {"\"inputs\": 3, \"steps\": 1048577", "m: config: steps: expected an integer"},
        {"\"inputs\": 3, \"batch_first\": \"yes\"", "m: config: batch_first: expected true or"},
        {"\"inputs\": 3, \"input\": \"\"", "m: config: input: expected a printable name"},
        {"\"inputs\": 3, \"layers\": []", "m: config: unknown key 'layers'"},
        {"\"inputs\": 3, \"input\": \"\\n\"", "m: config: input: expected a printable name"},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        char config[400];
        snprintf(config, sizeof config,
                 "{\"format\": \"clrnn\", \"version\": 2, %s, \"chain\": [" DENSE("a", "") "]}",
                 cases[i].keys);
        refused(config, "a.weight 3 3", cases[i].message);
    }
}
END_TEST

/* A config cut anywhere, or with a byte of another kind in any place, is read or refused with a message. */
START_TEST(damaged_configs_are_refused) {
    static const char bytes[] = "}]{[\",:0x";
    char text[sizeof whole];
    clrnn_arrays *arrays = arrays_of(whole, whole_weights);
    ok(read_counted(arrays, whole));
    char *config = clrnn_arrays_find(arrays, "config")->data;
    for (size_t at = 0; at < sizeof whole - 1; at++) {
        for (int i = 0; i < COUNT(bytes); i++) { /* the last one ends the text */
            memcpy(text, whole, sizeof text);
            text[at] = bytes[i];
            strcpy(config, text);
            const clrnn_status status = read_counted(arrays, text);
            ck_assert_msg(status == CLRNN_STATUS_OK || status == CLRNN_STATUS_FORMAT, "%s: %s (%s)",
                          text, clrnn_status_name(status), clrnn_last_error()->message);
        }
    }
    clrnn_arrays_free(arrays);
}
END_TEST

/* Neither a deep nor a long text is taken apart before it is held against the limits. */
START_TEST(huge_configs_are_refused) {
    enum { SIZE = 4 << 20 };
    char *text = malloc(SIZE + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, '[', 1 << 20);
    text[1 << 20] = '\0';
    refused(text, "", "m: config: must be nested at most 8 deep");
    memset(text, ' ', SIZE);
    memcpy(text, whole, sizeof whole - 1);
    text[SIZE] = '\0';
    refused(text, whole_weights, "m: config: must be at most 1048576 bytes, got 4194304");
    free(text);
}
END_TEST

/* ---- faults ---------------------------------------------------------------------------------- */

static void *json_memory(size_t size) {
    return malloc(size);
}

static void json_release(void *memory) {
    free(memory);
}

/* Every allocation fails once: writing and reading say so, and leave nothing behind. Those of jansson fail
 * when it writes; its parser does not tell that from a text that is no JSON. */
START_TEST(memory_may_run_out) {
    clrnn_arrays *file = arrays_of(whole, whole_weights);
    clrnn_model *model = NULL;
    struct graph *tables = make("ids 7 short | embedding 5 | lstm 4 masked hh0 last", 5);
    json_malloc_t own_memory;
    json_free_t own_release;
    json_get_alloc_funcs(&own_memory, &own_release);
    ok(model_read(&model, file, "m", NULL));
    for (int what = 0; what < 3; what++) {
        json_set_alloc_funcs(what < 2 ? json_memory : own_memory,
                             what < 2 ? json_release : own_release);
        const char *struck = "";
        for (int n = 1; struck != NULL; n++) {
            clrnn_arrays *arrays = NULL;
            clrnn_model *back = NULL;
            faults_forget();
            faults_enter((struct faults){n, 0, 0});
            clrnn_status status = what < 2 ? clrnn_arrays_create(&arrays) : CLRNN_STATUS_OK;
            if (status == CLRNN_STATUS_OK) {
                status = what == 2 ? model_read(&back, file, "m", NULL)
                                   : chain_write(arrays, what == 0 ? model->graph : tables, NULL);
            }
            struck = faults_leave();
            clrnn_arrays_free(arrays);
            clrnn_model_free(back);
            ck_assert_msg(status == (struck != NULL ? CLRNN_STATUS_MEMORY : CLRNN_STATUS_OK),
                          "%d: %s %d: %s (%s)", what, struck != NULL ? struck : "none", n,
                          clrnn_status_name(status), clrnn_last_error()->message);
            ck_assert_msg(faults_memory(0) == 0, "%d: %s %d: leaks", what,
                          struck != NULL ? struck : "none", n);
        }
    }
    graph_free(tables);
    clrnn_model_free(model);
    clrnn_arrays_free(file);
}
END_TEST

/* ---- linear layers without a config ---------------------------------------------------------- */

enum { MOST_LINEARS = 32, FEW = 6 };

struct linears {
    int count, hidden;
    int shapes[MOST_LINEARS][2]; /* [F][I] */
};

/* An rnn of that many features, and the layers "l0", "l1", ... */
static clrnn_arrays *arrays_of_linears(const struct linears *linears) {
    clrnn_arrays *arrays = NULL;
    clrnn_tensor view;
    char name[32];
    ok(clrnn_arrays_create(&arrays));
    ok(clrnn_arrays_add(&view, arrays, "rnn.weight_ih_l0", CLRNN_DTYPE_F32, 2,
                        (int64_t[]){linears->hidden, 2}));
    ok(clrnn_arrays_add(&view, arrays, "rnn.weight_hh_l0", CLRNN_DTYPE_F32, 2,
                        (int64_t[]){linears->hidden, linears->hidden}));
    for (int i = 0; i < linears->count; i++) {
        snprintf(name, sizeof name, "l%d.weight", i);
        ok(clrnn_arrays_add(&view, arrays, name, CLRNN_DTYPE_F32, 2,
                            (int64_t[]){linears->shapes[i][0], linears->shapes[i][1]}));
    }
    return arrays;
}

/* How many orders there are, tried one by one; `order` is the last of them. */
static int count_orders(const struct linears *linears, int features, unsigned taken, int depth,
                        int path[FEW], int order[FEW]) {
    int orders = 0;
    if (depth == linears->count) {
        memcpy(order, path, FEW * sizeof *order);
        return 1;
    }
    for (int i = 0; i < linears->count; i++) {
        if ((taken >> i & 1u) == 0 && linears->shapes[i][1] == features) {
            path[depth] = i;
            orders += count_orders(linears, linears->shapes[i][0], taken | 1u << i, depth + 1, path,
                                   order);
        }
    }
    return orders;
}

static void expect_orders(const struct linears *linears, int orders, const int order[FEW]) {
    clrnn_arrays *arrays = arrays_of_linears(linears);
    clrnn_model *model = NULL;
    const clrnn_status status = model_read(&model, arrays, "m", NULL);
    if (orders == 1) {
        ok(status);
        for (int i = 0; order != NULL && i < linears->count; i++) {
            char name[32];
            clrnn_layer_info layer;
            snprintf(name, sizeof name, "l%d", order[i]);
            ok(clrnn_model_layer(&layer, model, (size_t)i + 1));
            ck_assert_str_eq(layer.name, name);
        }
    } else {
        fails(status, FORMAT, orders == 0 ? "in no order that fits" : "in more than one order");
        fails(status, FORMAT, "a config says it");
    }
    clrnn_model_free(model);
    clrnn_arrays_free(arrays);
}

START_TEST(one_order_is_found) {
    uint64_t random = 17;
    int seen[3] = {0};
    for (int round = 0; round < 3000; round++) {
        struct linears linears = {.count = 1 + (int)(test_random(&random) % FEW),
                                  .hidden = 1 + (int)(test_random(&random) % 3)};
        int path[FEW], order[FEW] = {0};
        int features = linears.hidden;
        for (int i = 0; i < linears.count; i++) { /* most of them follow each other */
            linears.shapes[i][1] =
                test_random(&random) % 8 == 0 ? 1 + (int)(test_random(&random) % 4) : features;
            features = linears.shapes[i][0] = 1 + (int)(test_random(&random) % 4);
        }
        for (int i = linears.count - 1; i > 0; i--) {
            const int other = (int)(test_random(&random) % (unsigned)(i + 1));
            int kept[2];
            memcpy(kept, linears.shapes[i], sizeof kept);
            memcpy(linears.shapes[i], linears.shapes[other], sizeof kept);
            memcpy(linears.shapes[other], kept, sizeof kept);
        }
        const int orders = count_orders(&linears, linears.hidden, 0, 0, path, order);
        expect_orders(&linears, orders, order);
        seen[orders < 2 ? orders : 2]++;
    }
    ck_assert(seen[0] > 100 && seen[1] > 100 && seen[2] > 100);
}
END_TEST

/* There are more orders to try than anybody waits for. */
START_TEST(many_layers_are_soon_judged) {
    struct linears linears = {.count = MOST_LINEARS, .hidden = 3};
    for (int i = 0; i < MOST_LINEARS; i++) {
        linears.shapes[i][0] = linears.shapes[i][1] = 3;
    }
    expect_orders(&linears, 2, NULL);
    linears.shapes[31][1] = 9;
    expect_orders(&linears, 0, NULL);
    /* 3 4 5 ... 19 and, for each of them, one layer beside it that leads nowhere */
    for (int i = 0; i < MOST_LINEARS; i++) {
        linears.shapes[i][1] = 3 + i / 2;
        linears.shapes[i][0] = i % 2 == 0 ? 4 + i / 2 : 100;
    }
    expect_orders(&linears, 0, NULL);
    /* one way through all of them */
    for (int i = 0; i < MOST_LINEARS; i++) {
        linears.shapes[i][1] = 3 + (i * 7) % MOST_LINEARS;
        linears.shapes[i][0] = 4 + (i * 7) % MOST_LINEARS;
    }
    expect_orders(&linears, 1, NULL);
}
END_TEST

/* A weight is a number with a fraction; a layer has features. */
START_TEST(linear_weights_are_floats) {
    static const struct {
        const char *name;
        clrnn_dtype dtype;
        int rank;
        int64_t rows, columns;
        const char *message;
    } cases[] = {
        {"fc.weight", CLRNN_DTYPE_I32, 2, 4, 3,
         "m: fc.weight: weights must be float16, float32 or float64, got int32 [4][3]"},
        {"fc.weight", CLRNN_DTYPE_BOOL, 2, 4, 3, "m: fc.weight: weights must be float16"},
        {"fc.weight", CLRNN_DTYPE_F32, 2, 0, 3, "m: fc.weight: "},
        {"emb.weight", CLRNN_DTYPE_I64, 2, 9, 2, "m: emb.weight: weights must be float16"},
        {"emb.weight", CLRNN_DTYPE_F32, 2, 0, 2, "m: emb.weight: "},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        const struct linears none = {.hidden = 3};
        clrnn_arrays *arrays = arrays_of_linears(&none);
        clrnn_tensor view;
        ok(clrnn_arrays_add(&view, arrays, cases[i].name, cases[i].dtype, cases[i].rank,
                            (int64_t[]){cases[i].rows, cases[i].columns}));
        const clrnn_status status = read_counted(arrays, cases[i].message);
        fails(status, FORMAT, cases[i].message);
        clrnn_arrays_free(arrays);
    }
}
END_TEST

/* An integer bias is none either; and of a chain's or a net's weights. */
START_TEST(weights_of_configs_are_floats) {
    static const char *const configs[] = {
        CHAIN(DENSE("a", "")), CHAIN(RNN("a", "")),
        ROOT("1", "\"inputs\": 3, \"prefix\": \"a.\", \"layers\": [{\"cell\": \"rnn\", "
                  "\"hidden\": 3, \"bias\": \"none\"}]")};
    for (int i = 0; i < COUNT(configs); i++) {
        clrnn_arrays *arrays = arrays_of(configs[i], "");
        clrnn_tensor view;
        ok(clrnn_arrays_add(&view, arrays, i == 0 ? "a.weight" : "a.weight_ih_l0", CLRNN_DTYPE_I32,
                            2, (int64_t[]){3, 3}));
        ok(clrnn_arrays_add(&view, arrays, "a.weight_hh_l0", CLRNN_DTYPE_F32, 2,
                            (int64_t[]){3, 3}));
        fails(read_counted(arrays, configs[i]), FORMAT, "weights must be float16, float32");
        clrnn_arrays_free(arrays);
    }
}
END_TEST

Suite *native_suite(void) {
    Suite *suite = suite_create("native");
    TCase *round = tcase_create("round"), *files = tcase_create("files");
    TCase *linear = tcase_create("linear");
    tcase_set_timeout(round, 120);
    tcase_add_checked_fixture(round, make_folder, remove_folder);
    tcase_add_loop_test(round, comes_back, 0, CHAIN_MODELS);
    tcase_add_loop_test(round, comes_back_as_it_is, 0, 6);
    tcase_add_test(round, rows_have_no_steps);
    tcase_add_loop_test(round, names_are_made, 0, 8);
    tcase_add_test(round, texts_are_cleaned);
    tcase_add_test(round, writes_no_more_than_is_read);
    tcase_add_test(round, writes_no_longer_chain_than_is_read);
    tcase_add_test(round, refuses_what_json_cannot_say);
    suite_add_tcase(suite, round);
    tcase_set_timeout(files, 120);
    tcase_add_checked_fixture(files, make_folder, remove_folder);
    tcase_add_test(files, options_are_of_the_chain);
    tcase_add_test(files, snippets_are_of_the_chain);
    tcase_add_test(files, code_has_names_of_its_own);
    tcase_add_test(files, custom_activations_are_of_recurrent_layers);
    tcase_add_test(files, hostile_configs_are_refused);
    tcase_add_test(files, roots_are_strict);
    tcase_add_test(files, damaged_configs_are_refused);
    tcase_add_test(files, huge_configs_are_refused);
    tcase_add_test(files, memory_may_run_out);
    suite_add_tcase(suite, files);
    tcase_set_timeout(linear, 120);
    tcase_add_test(linear, one_order_is_found);
    tcase_add_test(linear, many_layers_are_soon_judged);
    tcase_add_test(linear, linear_weights_are_floats);
    tcase_add_test(linear, weights_of_configs_are_floats);
    suite_add_tcase(suite, linear);
    return suite;
}
