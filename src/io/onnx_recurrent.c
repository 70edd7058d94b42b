/*
 * onnx_recurrent.c: RNN, LSTM and GRU: one node is a net of one layer.
 *
 * ONNX's gates stand in another order than PyTorch's, its weights of both directions in one array. Y
 * has the direction as an axis of its own, which a net's y has not: a node or two behind the net put
 * it in, and fusing takes them out again where the exporter's next nodes do the same.
 */
#include "io/onnx_recurrent.h"

#ifdef WITH_PROTOBUF

#include "core/net.h"
#include "core/tensor.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { X, W, R, B, LENGTHS, H_0, C_0, P }; /* inputs */
enum { Y, Y_H, Y_C, OUTPUTS };

/* The gate of ONNX for each of PyTorch's: i, o, f, c -> i, f, g, o; z, r, h -> r, z, n. */
static const int gate_from[][4] = {
    [CLRNN_CELL_RNN] = {0}, [CLRNN_CELL_LSTM] = {0, 2, 3, 1}, [CLRNN_CELL_GRU] = {1, 0, 2}};
/* P: i, o, f */
static const struct {
    enum weight_role role;
    int at;
} peepholes[] = {{WEIGHT_CI, 0}, {WEIGHT_CF, 2}, {WEIGHT_CO, 1}};

struct recurrent {
    struct onnx_node *node;
    clrnn_layer_desc layer;
    int directions; /* D */
    int gates;      /* G */
    int64_t hidden; /* H */
    int64_t inputs; /* I */
    int layout;     /* 1: the batch comes first */
    clrnn_net *net;
};

/* ---- what it is told ------------------------------------------------------------------------- */

static int is_text(const Onnx__AttributeProto *attribute, const char *text) {
    return attribute->s.len == strlen(text) && memcmp(attribute->s.data, text, strlen(text)) == 0;
}

static clrnn_status read_direction(struct recurrent *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    const Onnx__AttributeProto *direction;
    TRY(onnx_attribute(&direction, what->node, "direction", ONNX_STRING));
    if (direction == NULL || is_text(direction, "forward")) {
        what->layer.direction = CLRNN_DIRECTION_FORWARD;
    } else if (is_text(direction, "reverse")) {
        what->layer.direction = CLRNN_DIRECTION_REVERSE;
    } else {
        REQUIRE(is_text(direction, "bidirectional"), FORMAT,
                "%s: direction must be forward, reverse or bidirectional, got '%.*s'",
                what->node->label, (int)(direction->s.len < 60 ? direction->s.len : 60),
                (const char *)direction->s.data);
        what->layer.direction = CLRNN_DIRECTION_BIDIRECTIONAL;
    }
    what->directions = clrnn_layer_directions(&what->layer);
out:
    return status;
}

static clrnn_status read_options(struct recurrent *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_node *node = what->node;
    const Onnx__AttributeProto *clip;
    int flag = 0;
    TRY(read_direction(what));
    TRY(onnx_attribute(&clip, node, "clip", ONNX_FLOAT));
    if (clip != NULL) {
        REQUIRE(isfinite(clip->f) && clip->f >= 0, FORMAT,
                "%s: clip must be a number above 0, got %g", node->label, (double)clip->f);
        what->layer.gate_clip = clip->f; /* 0: none, as in ONNX Runtime */
    }
    if (what->layer.cell == CLRNN_CELL_GRU) {
        TRY(onnx_get_flag(&flag, node, "linear_before_reset", 0));
        what->layer.reset = flag ? CLRNN_RESET_AFTER : CLRNN_RESET_BEFORE;
    } else if (what->layer.cell == CLRNN_CELL_LSTM) {
        TRY(onnx_get_flag(&flag, node, "input_forget", 0));
        what->layer.couple = flag ? CLRNN_COUPLE_FORGET : CLRNN_COUPLE_NONE;
    }
    if (node->reader->opset >= 14) {
        TRY(onnx_get_flag(&what->layout, node, "layout", 0));
    }
    TRY(onnx_acts_read(&what->layer, node));
out:
    return status;
}

/* ---- weights --------------------------------------------------------------------------------- */

/* A float32 constant [D][rows] or [D][rows][columns]; -1: any, to be taken from the tensor. */
static clrnn_status find_weight(const clrnn_tensor **out, const struct recurrent *what, int input,
                                const char *name, int64_t rows, int64_t columns) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct onnx_node *node = what->node;
    const int rank = columns == 0 ? 2 : 3;
    char wanted[96], got[128];
    clrnn_tensor shape = {.rank = rank, .shape = {what->directions, rows, columns}};
    const clrnn_tensor *found = graph_constant(node->reader->graph, onnx_input(node, input));
    REQUIRE(found != NULL, FORMAT, "%s: %s must be an initializer or fold to a constant",
            node->label, name);
    tensor_text(found, got, sizeof got);
    REQUIRE(found->dtype == CLRNN_DTYPE_F32, FORMAT, "%s: %s must be float32, got %s", node->label,
            name, got);
    int fits = found->rank == rank;
    for (int axis = 0; fits && axis < rank; axis++) {
        fits = shape.shape[axis] < 0 || found->shape[axis] == shape.shape[axis];
    }
    REQUIRE(fits, FORMAT, "%s: %s must be %s (-1: any), got %s", node->label, name,
            tensor_text(&shape, wanted, sizeof wanted), got);
    *out = found;
out:
    return status;
}

/* Hidden features are the columns of R; hidden_size may say them once more. */
static clrnn_status read_sizes(struct recurrent *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *w, *r;
    int64_t said;
    what->gates = clrnn_layer_gates(&what->layer);
    TRY(find_weight(&r, what, R, "R", -1, -1));
    what->hidden = r->shape[2];
    REQUIRE(what->hidden >= 1 && what->hidden <= NET_MAX_FEATURES, FORMAT,
            "%s: R must have 1 to %d columns, got %lld", what->node->label, NET_MAX_FEATURES,
            (long long)what->hidden);
    TRY(find_weight(&r, what, R, "R", what->gates * what->hidden, what->hidden));
    TRY(find_weight(&w, what, W, "W", what->gates * what->hidden, -1));
    what->inputs = w->shape[2];
    REQUIRE(what->inputs >= 1 && what->inputs <= NET_MAX_FEATURES, FORMAT,
            "%s: W must have 1 to %d columns, got %lld", what->node->label, NET_MAX_FEATURES,
            (long long)what->inputs);
    TRY(onnx_get_int(&said, what->node, "hidden_size", what->hidden));
    REQUIRE(said == what->hidden, FORMAT, "%s: hidden_size is %lld, but R has %lld columns",
            what->node->label, (long long)said, (long long)what->hidden);
    what->layer.hidden = (int)what->hidden;
out:
    return status;
}

static clrnn_status set(struct recurrent *what, int direction, enum weight_role role,
                        const float *data, int64_t rows, int64_t columns) {
    char name[48];
    const clrnn_tensor value = {.data = (void *)data,
                                .dtype = CLRNN_DTYPE_F32,
                                .rank = columns > 0 ? 2 : 1,
                                .shape = {rows, columns}};
    strand_weight_name(net_strand(what->net, 0, direction), role, name);
    return clrnn_net_set_weight(what->net, name, &value);
}

/* from: [G][H][columns] in ONNX's order of gates; columns 0: a vector. */
static clrnn_status set_gates(struct recurrent *what, int direction, enum weight_role role,
                              const float *from, int64_t columns) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t part = (size_t)what->hidden * (size_t)(columns > 0 ? columns : 1);
    float *ordered = malloc((size_t)what->gates * part * sizeof *ordered);
    REQUIRE(ordered != NULL, MEMORY, "%s: out of memory for weights", what->node->label);
    for (int gate = 0; gate < what->gates; gate++) {
        const int source = gate_from[what->layer.cell][gate];
        memcpy(ordered + (size_t)gate * part, from + (size_t)source * part, part * sizeof *from);
    }
    TRY(set(what, direction, role, ordered, what->gates * what->hidden, columns));
out:
    free(ordered);
    return status;
}

static clrnn_status make_net(struct recurrent *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_node *node = what->node;
    const int64_t rows = what->gates * what->hidden; /* G H */
    const clrnn_tensor *w, *r, *b = NULL, *p = NULL;
    TRY(find_weight(&w, what, W, "W", rows, what->inputs));
    TRY(find_weight(&r, what, R, "R", rows, what->hidden));
    if (onnx_input(node, B) >= 0) {
        TRY(find_weight(&b, what, B, "B", 2 * rows, 0));
    }
    if (onnx_input(node, P) >= 0) {
        TRY(find_weight(&p, what, P, "P", 3 * what->hidden, 0));
    }
    const int64_t count = clrnn_tensor_count(w) + clrnn_tensor_count(r) +
                          (b != NULL ? clrnn_tensor_count(b) : 0) +
                          (p != NULL ? clrnn_tensor_count(p) : 0);
    REQUIRE(onnx_take_weights(node->reader, count), FORMAT,
            "%s: its %lld weights, with those of the nodes before, are too many for a file of this "
            "size",
            node->label, (long long)count);
    what->layer.bias = b != NULL ? CLRNN_BIAS_DOUBLE : CLRNN_BIAS_NONE;
    what->layer.peepholes = p != NULL;
    const clrnn_net_desc desc = {.inputs = (int)what->inputs, .layer = what->layer};
    TRY(clrnn_net_create(&what->net, &desc));
    for (int d = 0; d < what->directions; d++) {
        TRY(set_gates(what, d, WEIGHT_IH, (const float *)w->data + d * rows * what->inputs,
                      what->inputs));
        TRY(set_gates(what, d, WEIGHT_HH, (const float *)r->data + d * rows * what->hidden,
                      what->hidden));
        if (b != NULL) {
            const float *both = (const float *)b->data + d * 2 * rows;
            TRY(set_gates(what, d, BIAS_IH, both, 0));
            TRY(set_gates(what, d, BIAS_HH, both + rows, 0));
        }
        for (size_t k = 0; p != NULL && k < sizeof peepholes / sizeof peepholes[0]; k++) {
            const float *from = (const float *)p->data + (d * 3 + peepholes[k].at) * what->hidden;
            TRY(set(what, d, peepholes[k].role, from, what->hidden, 0));
        }
    }
out:
    return status;
}

/* ---- the node and what stands behind it ------------------------------------------------------ */

/* [N][D][H] <-> [D][N][H] */
static clrnn_status swap_state(int *value, const struct recurrent *what) {
    const struct graph_node like = {.op = GRAPH_TRANSPOSE, .list = {1, 0, 2}, .list_count = 3};
    return *value >= 0 && what->layout ? onnx_emit_one(value, what->node, &like, value, 1)
                                       : CLRNN_STATUS_OK;
}

/* [T][N][D H] -> [T][D][N][H], or [N][T][D H] -> [N][T][D][H] */
static clrnn_status split_directions(int *value, const struct recurrent *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_node *node = what->node;
    const struct graph_node unsqueeze = {.op = GRAPH_UNSQUEEZE}, reshape = {.op = GRAPH_RESHAPE};
    const struct graph_node transpose = {
        .op = GRAPH_TRANSPOSE, .list = {0, 2, 1, 3}, .list_count = 4};
    const int64_t axis = what->layout ? 2 : 1;
    const int64_t shape[4] = {0, 0, 2, what->hidden};
    int inputs[2] = {*value, -1};
    if (what->directions == 1) {
        TRY(onnx_add_list(&inputs[1], node, &axis, 1));
        TRY(onnx_emit_one(value, node, &unsqueeze, inputs, 2));
        goto out;
    }
    TRY(onnx_add_list(&inputs[1], node, shape, 4));
    TRY(onnx_emit_one(value, node, &reshape, inputs, 2));
    if (!what->layout) {
        TRY(onnx_emit_one(value, node, &transpose, value, 1));
    }
out:
    return status;
}

static clrnn_status add_net(struct recurrent *what, int outputs[OUTPUTS]) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { NET_X, NET_MASK, NET_LENGTHS, NET_H_0, NET_C_0, NET_O_0, NET_INPUTS };
    struct onnx_node *node = what->node;
    const int count = what->layer.cell == CLRNN_CELL_LSTM ? 3 : 2;
    int inputs[NET_INPUTS] = {onnx_input(node, X),   -1, onnx_input(node, LENGTHS),
                              onnx_input(node, H_0), -1, -1};
    struct graph_node *added;
    if (what->layer.cell == CLRNN_CELL_LSTM) {
        inputs[NET_C_0] = onnx_input(node, C_0);
    }
    TRY(swap_state(&inputs[NET_H_0], what));
    TRY(swap_state(&inputs[NET_C_0], what));
    TRY(graph_add_node(&added, node->reader->graph, GRAPH_NET, node->name, inputs, NET_INPUTS,
                       count));
    added->net = what->net;
    what->net = NULL; /* the graph's from here on */
    added->batch_first = what->layout;
    added->layer = onnx_op_number(node->op);
    for (int i = 0; i < count; i++) {
        outputs[i] = added->outputs[i];
    }
out:
    return status;
}

static clrnn_status read_recurrent(struct onnx_node *node, clrnn_cell cell) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct recurrent what = {.node = node, .layer = {.cell = cell}};
    int outputs[OUTPUTS] = {-1, -1, -1};
    TRY(read_options(&what));
    TRY(read_sizes(&what));
    status = make_net(&what);
    /* What a net is refused for is the file's fault here. */
    REQUIRE(status == CLRNN_STATUS_OK || status == CLRNN_STATUS_MEMORY ||
                status == CLRNN_STATUS_FORMAT,
            FORMAT, "%s: %s", node->label, clrnn_last_error()->message);
    TRY(status);
    TRY(add_net(&what, outputs));
    if (onnx_wants_output(node, Y)) {
        TRY(split_directions(&outputs[Y], &what));
        TRY(onnx_bind(node, Y, outputs[Y]));
    }
    for (int i = Y_H; i < OUTPUTS; i++) {
        if (onnx_wants_output(node, i)) {
            TRY(swap_state(&outputs[i], &what));
            TRY(onnx_bind(node, i, outputs[i]));
        }
    }
out:
    clrnn_net_free(what.net);
    return status;
}

clrnn_status onnx_read_rnn(struct onnx_node *node) {
    return read_recurrent(node, CLRNN_CELL_RNN);
}

clrnn_status onnx_read_lstm(struct onnx_node *node) {
    return read_recurrent(node, CLRNN_CELL_LSTM);
}

clrnn_status onnx_read_gru(struct onnx_node *node) {
    return read_recurrent(node, CLRNN_CELL_GRU);
}

#endif
