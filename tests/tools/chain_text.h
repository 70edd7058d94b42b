/*
 * chain_text.h: graphs of layers from one line of text, for the tests of writers:
 *
 *     x 5 | masking -1 | lstm 4 bi sum masked zero | dense 3 act=relu | softmax
 *
 *     x I [time]             features of x; [N][T][I], or [T][N][I]
 *     ids V [short]          whole numbers 0 .. V - 1, [N][T], of 64 or 32 bits
 *     masking VALUE · embedding E · act NAME · softmax [AXIS] · log_softmax [AXIS] · flip
 *     dense F                act=NAME, nobias, softmax (its own)
 *     rnn, lstm, gru H       fwd, rev, bi; concat, sum, mul, ave; last; layers=L; single, nobias,
 *                            hh0 (bias_hh is 0); before; masked, zero; peep, couple, couple_input,
 *                            clip=C, cell_clip=C, forget_bias=B, proj=P; acts=A,B,..; back=A,B,.. (of
 *                            the reverse direction); halves (a net for each direction)
 *
 * NAME, A, B: an activation, with alpha and beta behind it: hard_sigmoid:0.2:0.5. Weights come from a
 * seed. tests/tools/check_frameworks.py reads the same text.
 */
#ifndef CLRNN_TESTS_CHAIN_TEXT_H
#define CLRNN_TESTS_CHAIN_TEXT_H

#include "core/net.h"
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHAIN_WORDS = 24, CHAIN_WORD = 160 };

struct chain_maker {
    struct graph *graph;
    int value, mask; /* what the next layer takes; -1: there is no mask */
    int features, vocabulary, time_first, rank;
    uint64_t random;
    char words[CHAIN_WORDS][CHAIN_WORD];
    int count;
    int number; /* of the layer */
};

static inline float chain_random(struct chain_maker *make) {
    make->random = make->random * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(make->random >> 40) / (1 << 24) - 0.5);
}

static inline int chain_has(const struct chain_maker *make, const char *word) {
    for (int i = 1; i < make->count; i++) {
        if (strcmp(make->words[i], word) == 0) {
            return 1;
        }
    }
    return 0;
}

/* What stands behind "key=", or NULL. */
static inline const char *chain_get(const struct chain_maker *make, const char *key) {
    const size_t length = strlen(key);
    for (int i = 1; i < make->count; i++) {
        if (strncmp(make->words[i], key, length) == 0 && make->words[i][length] == '=') {
            return make->words[i] + length + 1;
        }
    }
    return NULL;
}

static inline double chain_number(const struct chain_maker *make, const char *key, double without) {
    const char *text = chain_get(make, key);
    return text != NULL ? strtod(text, NULL) : without;
}

/* NAME[:alpha[:beta]] up to a comma; returns what is behind it. */
static inline const char *chain_act(clrnn_activation *out, const char *text) {
    char name[32];
    const size_t length = strcspn(text, ":,");
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    *out = (clrnn_activation){.kind = clrnn_act_find(name)};
    text += length;
    for (; *text == ':'; out->parameters++) {
        char *end;
        *(out->parameters == 0 ? &out->alpha : &out->beta) = strtof(text + 1, &end);
        text = end;
    }
    return *text == ',' ? text + 1 : text;
}

static inline void chain_acts(clrnn_activation *out, const char *text) {
    for (int slot = 0; text != NULL && *text != '\0' && slot < CLRNN_MAX_ACTS; slot++) {
        text = chain_act(&out[slot], text);
    }
}

/* An activation with its parameters, as a reader gives it. */
static inline clrnn_activation chain_resolved(const char *text) {
    static const struct {
        float alpha, beta;
        int parameters;
    } own[] = {
#define CHAIN_ACT(name, value, word, parameters, alpha, beta) {alpha, beta, parameters},
        CLRNN_ACT_LIST(CHAIN_ACT)
#undef CHAIN_ACT
    };
    clrnn_activation act;
    chain_act(&act, text);
    const int row = act.kind > 0 && act.kind < CLRNN_ACT_CUSTOM ? (int)act.kind - 1 : 0;
    act.alpha = act.parameters > 0 ? act.alpha : own[row].alpha;
    act.beta = act.parameters > 1 ? act.beta : own[row].beta;
    act.parameters = own[row].parameters;
    return act;
}

static inline clrnn_status chain_fill(struct chain_maker *make, clrnn_net *net) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *name;
    float *data = NULL;
    for (size_t i = 0; (name = clrnn_net_weight_name(net, i)) != NULL; i++) {
        clrnn_tensor view;
        TRY(clrnn_net_get_weight(&view, net, name));
        const int64_t count = clrnn_tensor_count(&view);
        data = realloc(data, (size_t)count * sizeof *data);
        REQUIRE(data != NULL, MEMORY, "chain: out of memory");
        const int is_zero = strncmp(name, "bias_hh", 7) == 0 && chain_has(make, "hh0");
        for (int64_t k = 0; k < count; k++) {
            data[k] = is_zero ? 0 : chain_random(make);
        }
        view.data = data;
        view.offset = 0;
        TRY(clrnn_net_set_weight(net, name, &view));
    }
out:
    free(data);
    return status;
}

static inline clrnn_status chain_net(struct chain_maker *make, clrnn_direction direction, int zero,
                                     const char *acts, clrnn_net **out) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { MOST = 8 };
    clrnn_layer_desc layers[MOST] = {{0}};
    const char *cell = make->words[0];
    const int count = (int)chain_number(make, "layers", 1);
    const clrnn_layer_desc layer = {
        .cell = strcmp(cell, "lstm") == 0    ? CLRNN_CELL_LSTM
                : strcmp(cell, "gru") == 0   ? CLRNN_CELL_GRU
                : strcmp(cell, "dense") == 0 ? CLRNN_CELL_DENSE
                                             : CLRNN_CELL_RNN,
        .reset = chain_has(make, "before") ? CLRNN_RESET_BEFORE : CLRNN_RESET_AFTER,
        .direction = direction,
        .merge = chain_has(make, "sum")   ? CLRNN_MERGE_SUM
                 : chain_has(make, "mul") ? CLRNN_MERGE_MUL
                 : chain_has(make, "ave") ? CLRNN_MERGE_AVE
                                          : CLRNN_MERGE_CONCAT,
        .bias = chain_has(make, "nobias")                                 ? CLRNN_BIAS_NONE
                : chain_has(make, "single") || strcmp(cell, "dense") == 0 ? CLRNN_BIAS_SINGLE
                                                                          : CLRNN_BIAS_DOUBLE,
        .hidden = (int)strtol(make->words[1], NULL, 10),
        .projection = (int)chain_number(make, "proj", 0),
        .peepholes = chain_has(make, "peep"),
        .couple = chain_has(make, "couple")         ? CLRNN_COUPLE_FORGET
                  : chain_has(make, "couple_input") ? CLRNN_COUPLE_INPUT
                                                    : CLRNN_COUPLE_NONE,
        .forget_bias = (float)chain_number(make, "forget_bias", 0),
        .gate_clip = (float)chain_number(make, "clip", 0),
        .cell_clip = (float)chain_number(make, "cell_clip", 0),
        .zero_masked = zero};
    for (int i = 0; i < count && i < MOST; i++) {
        layers[i] = layer;
        layers[i].merge = direction == CLRNN_DIRECTION_BIDIRECTIONAL ? layer.merge : 0;
        chain_acts(layers[i].acts[0], acts);
        if (direction == CLRNN_DIRECTION_BIDIRECTIONAL) {
            chain_acts(layers[i].acts[1], chain_get(make, "back"));
        }
    }
    TRY(clrnn_net_create(
        out, &(clrnn_net_desc){.inputs = make->features, .num_layers = count, .layers = layers}));
    TRY(chain_fill(make, *out));
out:
    return status;
}

static inline clrnn_status chain_recurrent_node(struct chain_maker *make, struct graph_node **out,
                                                clrnn_direction direction, const char *acts) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int mask = chain_has(make, "masked") ? make->mask : -1;
    const int inputs[2] = {make->value, mask};
    clrnn_net *net = NULL;
    TRY(chain_net(make, direction, chain_has(make, "zero"), acts, &net));
    TRY(graph_add_node(out, make->graph, GRAPH_NET, NULL, inputs, 2, 2));
    (*out)->net = net;
    net = NULL;
    (*out)->batch_first = !make->time_first;
    (*out)->last_only = chain_has(make, "last");
out:
    clrnn_net_free(net);
    return status;
}

static inline int chain_width(const struct graph_node *node) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(node->net);
    return clrnn_layer_outputs(&desc->layers[desc->num_layers - 1]);
}

static inline clrnn_status chain_halves(struct chain_maker *make) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *node;
    const char *acts = chain_get(make, "acts"), *back = chain_get(make, "back");
    int both[2];
    TRY(chain_recurrent_node(make, &node, CLRNN_DIRECTION_FORWARD, acts));
    both[0] = node->outputs[0];
    int width = chain_width(node);
    TRY(chain_recurrent_node(make, &node, CLRNN_DIRECTION_REVERSE, back != NULL ? back : acts));
    both[1] = node->outputs[0];
    const int is_concat =
        !chain_has(make, "sum") && !chain_has(make, "mul") && !chain_has(make, "ave");
    width += is_concat ? chain_width(node) : 0;
    TRY(graph_add_node(&node, make->graph,
                       is_concat                ? GRAPH_CONCAT
                       : chain_has(make, "mul") ? GRAPH_MUL
                                                : GRAPH_ADD,
                       NULL, both, 2, 1));
    node->axis = -1;
    make->value = node->outputs[0];
    if (chain_has(make, "ave")) {
        float half = 0.5f;
        int scaled[2] = {make->value};
        TRY(graph_add_constant(&scaled[1], make->graph, NULL, &(clrnn_tensor){.data = &half}));
        TRY(graph_add_node(&node, make->graph, GRAPH_MUL, NULL, scaled, 2, 1));
        make->value = node->outputs[0];
    }
    make->features = width;
out:
    return status;
}

static inline clrnn_status chain_recurrent(struct chain_maker *make) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *node;
    if (chain_has(make, "halves")) {
        TRY(chain_halves(make));
    } else {
        TRY(chain_recurrent_node(make, &node,
                                 chain_has(make, "rev")  ? CLRNN_DIRECTION_REVERSE
                                 : chain_has(make, "bi") ? CLRNN_DIRECTION_BIDIRECTIONAL
                                                         : CLRNN_DIRECTION_FORWARD,
                                 chain_get(make, "acts")));
        make->value = node->outputs[0];
        make->features = chain_width(node);
    }
    make->rank = chain_has(make, "last") ? 2 : 3;
out:
    return status;
}

/* A layer of one node of one input and output. */
static inline clrnn_status chain_simple(struct chain_maker *make, enum graph_op op,
                                        struct graph_node **out) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(graph_add_node(out, make->graph, op, NULL, &make->value, 1, op == GRAPH_MASKING ? 2 : 1));
    make->value = (*out)->outputs[0];
out:
    return status;
}

static inline clrnn_status chain_dense(struct chain_maker *make) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *node;
    clrnn_net *net = NULL;
    TRY(chain_net(make, CLRNN_DIRECTION_FORWARD, 0,
                  chain_get(make, "act") != NULL ? chain_get(make, "act") : "linear", &net));
    TRY(chain_simple(make, GRAPH_DENSE, &node));
    node->net = net;
    net = NULL;
    make->features = chain_width(node);
    if (chain_has(make, "softmax")) {
        TRY(chain_simple(make, GRAPH_SOFTMAX, &node));
        node->axis = -1;
    }
out:
    clrnn_net_free(net);
    return status;
}

static inline clrnn_status chain_embedding(struct chain_maker *make) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *node;
    const int64_t width = strtol(make->words[1], NULL, 10);
    clrnn_tensor table = {.rank = 2, .shape = {make->vocabulary, width}};
    int inputs[2] = {make->value};
    float *data = malloc((size_t)(make->vocabulary * width) * sizeof *data);
    REQUIRE(data != NULL, MEMORY, "chain: out of memory");
    for (int64_t i = 0; i < make->vocabulary * width; i++) {
        data[i] = chain_random(make);
    }
    table.data = data;
    TRY(graph_add_constant(&inputs[1], make->graph, NULL, &table));
    TRY(graph_add_node(&node, make->graph, GRAPH_EMBEDDING, NULL, inputs, 2, 2));
    make->value = node->outputs[0];
    make->mask = node->outputs[1];
    make->features = (int)width;
    make->rank = 3;
out:
    free(data);
    return status;
}

static inline clrnn_status chain_input(struct chain_maker *make) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int is_ids = strcmp(make->words[0], "ids") == 0;
    const int size = (int)strtol(make->words[1], NULL, 10);
    make->time_first = chain_has(make, "time");
    make->rank = is_ids ? 2 : 3;
    *(is_ids ? &make->vocabulary : &make->features) = size;
    TRY(graph_add_input(&make->value, make->graph, "x"));
    struct graph_port *port = &make->graph->inputs[0];
    port->dtype = !is_ids                    ? CLRNN_DTYPE_F32
                  : chain_has(make, "short") ? CLRNN_DTYPE_I32
                                             : CLRNN_DTYPE_I64;
    port->rank = make->rank;
    port->shape[0] = port->shape[1] = -1;
    port->shape[2] = size;
    make->graph->batch_axis = make->time_first;
out:
    return status;
}

static inline clrnn_status chain_layer(struct chain_maker *make) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *what = make->words[0];
    struct graph_node *node;
    char name[CHAIN_WORD + 16];
    int layer;
    const int is_softmax = strcmp(what, "softmax") == 0 || strcmp(what, "log_softmax") == 0;
    if (strcmp(what, "x") == 0 || strcmp(what, "ids") == 0) {
        TRY(chain_input(make));
        goto out;
    }
    if (strcmp(what, "flip") != 0) { /* it belongs to the layer before it */
        snprintf(name, sizeof name, "%s_%d", what, ++make->number);
        TRY(graph_add_layer(&layer, make->graph, name, what));
    }
    if (strcmp(what, "rnn") == 0 || strcmp(what, "lstm") == 0 || strcmp(what, "gru") == 0) {
        TRY(chain_recurrent(make));
    } else if (strcmp(what, "dense") == 0) {
        TRY(chain_dense(make));
    } else if (strcmp(what, "embedding") == 0) {
        TRY(chain_embedding(make));
    } else if (strcmp(what, "masking") == 0) {
        TRY(chain_simple(make, GRAPH_MASKING, &node));
        node->value = strtof(make->words[1], NULL);
        make->mask = node->outputs[1];
    } else if (strcmp(what, "act") == 0) {
        TRY(chain_simple(make, GRAPH_ACTIVATION, &node));
        node->act = chain_resolved(make->words[1]);
    } else if (is_softmax) {
        TRY(chain_simple(make, what[0] == 's' ? GRAPH_SOFTMAX : GRAPH_LOG_SOFTMAX, &node));
        node->axis = make->count > 1 ? strtol(make->words[1], NULL, 10) : -1;
    } else {
        REQUIRE(strcmp(what, "flip") == 0, ARGUMENT, "chain: no layer is called %s", what);
        TRY(chain_simple(make, GRAPH_FLIP, &node));
        node->axis = !make->time_first;
    }
out:
    return status;
}

static inline clrnn_status chain_graph(struct graph **out, const char *text, uint64_t seed) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct chain_maker make = {.mask = -1, .random = seed * 2654435761u + 1};
    TRY(graph_create(&make.graph));
    while (*text != '\0') {
        const size_t length = strcspn(text, "|");
        make.count = 0;
        for (size_t at = 0; at < length && make.count < CHAIN_WORDS;) {
            const size_t word = strcspn(text + at, " |");
            if (word > 0) {
                snprintf(make.words[make.count++], CHAIN_WORD, "%.*s", (int)word, text + at);
            }
            at += word + 1;
        }
        TRY(chain_layer(&make));
        text += length + (text[length] == '|');
    }
    TRY(graph_add_output(make.graph, "output", make.value));
    *out = make.graph;
    make.graph = NULL;
out:
    graph_free(make.graph);
    return status;
}

#endif
