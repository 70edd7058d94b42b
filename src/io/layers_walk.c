/* layers_walk.c: from the output back to the input, through what each node takes its data from. */
#include "io/layers_walk.h"

#include "core/net.h"

#include <stdlib.h>
#include <string.h>

const struct graph_node *layer_walk_producer(const struct layer_walk *walk, int value) {
    const int at = value >= 0 ? walk->producers[value] : -1;
    return at >= 0 ? &walk->graph->nodes[at] : NULL;
}

static const char *label_of(const struct graph_node *node) {
    return node->name != NULL ? node->name : "";
}

static clrnn_status refuse(const struct layer_walk *walk, const struct graph_node *node) {
    const char *layer = node->layer >= 0 ? walk->graph->layers[node->layer].name : NULL;
    return status_fail(CLRNN_STATUS_FORMAT, 0,
                       "node '%.80s' (%s) of layer '%.80s' is no part of one chain of layers",
                       label_of(node), graph_op_name(node->op), layer != NULL ? layer : "");
}

/* ---- values ---------------------------------------------------------------------------------- */

static const struct graph_port *port_of(const struct graph *graph, int value) {
    for (int i = 0; i < graph->input_count; i++) {
        if (graph->inputs[i].value == value) {
            return &graph->inputs[i];
        }
    }
    return NULL;
}

static int is_zero_tensor(const clrnn_tensor *tensor) {
    const unsigned char *bytes = (const unsigned char *)tensor->data + tensor->offset;
    const size_t size = (size_t)clrnn_tensor_count(tensor) * clrnn_dtype_size(tensor->dtype);
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return 0;
        }
    }
    return 1;
}

int layer_walk_given(const struct layer_walk *walk, int value) {
    return value < 0 ? -1 : walk->given[value];
}

int layer_walk_is_zero(const struct layer_walk *walk, int value) {
    return walk->zero[value];
}

/* Of a node's outputs, from what is known of its inputs: nodes stand in the order in which they run. */
static void know_outputs(struct layer_walk *walk, const struct graph_node *node) {
    const struct graph *graph = walk->graph;
    const int first = node->input_count > 0 ? node->inputs[0] : -1;
    int given = node->output_count > 0 ? node->outputs[0] : -1;
    unsigned char zero = 0;
    const clrnn_tensor *constant;
    switch (node->op) {
    case GRAPH_AND: /* of a mask and the user's own */
        if (node->input_count == 2) {
            const int a = layer_walk_given(walk, first);
            const int b = layer_walk_given(walk, node->inputs[1]);
            given = a < 0 ? b : b < 0 ? a : given;
        }
        break;
    case GRAPH_CONSTANT_OF_SHAPE:
        constant = node->input_count > 1 ? graph_constant(graph, node->inputs[1]) : NULL;
        zero = node->input_count < 2 || node->inputs[1] < 0 ||
               (constant != NULL && is_zero_tensor(constant));
        break;
    case GRAPH_CAST:
    case GRAPH_RESHAPE:
    case GRAPH_SQUEEZE:
    case GRAPH_UNSQUEEZE:
    case GRAPH_TRANSPOSE:
        given = layer_walk_given(walk, first) < 0 ? -1 : given;
        zero = first >= 0 && walk->zero[first];
        break;
    case GRAPH_EXPAND:
    case GRAPH_SLICE:
    case GRAPH_GATHER:
    case GRAPH_SPLIT:
        zero = first >= 0 && walk->zero[first];
        break;
    default:
        break;
    }
    for (int k = 0; k < node->output_count; k++) {
        if (node->outputs[k] >= 0) {
            walk->given[node->outputs[k]] = k == 0 ? given : node->outputs[k];
            walk->zero[node->outputs[k]] = zero;
        }
    }
}

static clrnn_status know_values(struct layer_walk *walk) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph *graph = walk->graph;
    const size_t count = (size_t)graph->value_count + 1;
    walk->producers = malloc(count * sizeof *walk->producers);
    walk->given = malloc(count * sizeof *walk->given);
    walk->zero = calloc(count, 1);
    REQUIRE(walk->producers != NULL && walk->given != NULL && walk->zero != NULL, MEMORY,
            "layers: out of memory for %d values", graph->value_count);
    for (int i = 0; i < graph->value_count; i++) {
        const clrnn_tensor *constant = graph_constant(graph, i);
        walk->producers[i] = -1;
        walk->given[i] = i;
        walk->zero[i] = constant != NULL && is_zero_tensor(constant);
    }
    for (int i = 0; i < graph->input_count; i++) {
        if (graph->inputs[i].optional) {
            walk->given[graph->inputs[i].value] = -1;
        }
    }
    for (int i = 0; i < graph->node_count; i++) {
        for (int k = 0; k < graph->nodes[i].output_count; k++) {
            if (graph->nodes[i].outputs[k] >= 0) {
                walk->producers[graph->nodes[i].outputs[k]] = i;
            }
        }
        know_outputs(walk, &graph->nodes[i]);
    }
out:
    return status;
}

/* ---- two nets that are one layer ------------------------------------------------------------- */

static int is_reverse(const struct graph_node *node) {
    return node->net->desc.layers[0].direction == CLRNN_DIRECTION_REVERSE;
}

/* The node that a value comes from, of a net whose end state it is seen through what takes the axis of
 * directions out; *from_end says so. */
static const struct graph_node *source(int *from_end, const struct layer_walk *walk, int value) {
    const struct graph_node *node = layer_walk_producer(walk, value);
    *from_end = 0;
    if (node != NULL && node->op == GRAPH_SQUEEZE && node->input_count > 1) {
        const struct graph_node *net = layer_walk_producer(walk, node->inputs[0]);
        const clrnn_tensor *axes = graph_constant(walk->graph, node->inputs[1]);
        if (net != NULL && net->op == GRAPH_NET && net->output_count > 1 &&
            net->outputs[1] == node->inputs[0] && axes != NULL && clrnn_tensor_count(axes) == 1 &&
            axes->dtype == CLRNN_DTYPE_I64 &&
            *(const int64_t *)((const char *)axes->data + axes->offset) == 0) {
            *from_end = 1;
            return net;
        }
    }
    return node != NULL && node->op == GRAPH_NET && node->outputs[0] != value ? NULL : node;
}

static int is_half(const struct graph_node *node) {
    return node != NULL && node->op == GRAPH_NET && node->net->desc.num_layers == 1 &&
           clrnn_layer_directions(&node->net->desc.layers[0]) == 1;
}

enum { NET_MASK = 1, NET_LENGTHS = 2 };

/* An input of a node, -1 where it is left out or only the user may give it. */
static int given_input(const struct layer_walk *walk, const struct graph_node *node, int slot) {
    return slot < node->input_count ? layer_walk_given(walk, node->inputs[slot]) : -1;
}

/* A forward and a backward net that read the same. */
static int are_halves(const struct layer_walk *walk, const struct graph_node *a,
                      const struct graph_node *b) {
    return is_half(a) && is_half(b) && !is_reverse(a) && is_reverse(b) &&
           a->inputs[0] == b->inputs[0] && a->batch_first == b->batch_first &&
           given_input(walk, a, NET_MASK) == given_input(walk, b, NET_MASK) &&
           given_input(walk, a, NET_LENGTHS) == given_input(walk, b, NET_LENGTHS);
}

/* The factor that MUL or DIV multiplies with; 0: it is another one. *other is what it multiplies. */
static float factor(int *other, const struct graph *graph, const struct graph_node *node) {
    for (int slot = 0; slot < 2; slot++) {
        const clrnn_tensor *constant = graph_constant(graph, node->inputs[slot]);
        if (constant != NULL && constant->dtype == CLRNN_DTYPE_F32 &&
            clrnn_tensor_count(constant) == 1 && (slot == 1 || node->op == GRAPH_MUL)) {
            const float value = *(const float *)((const char *)constant->data + constant->offset);
            *other = node->inputs[1 - slot];
            return node->op == GRAPH_DIV ? 1 / value : value;
        }
    }
    return 0;
}

/* Fills in a bidirectional step if the node joins two halves; else step->net stays NULL. */
static void find_halves(struct layer_step *step, const struct layer_walk *walk,
                        const struct graph_node *node) {
    const int is_scaled = node->op == GRAPH_DIV || node->op == GRAPH_MUL;
    int joined = -1;
    const struct graph_node *join = node;
    clrnn_merge merge = node->op == GRAPH_MUL   ? CLRNN_MERGE_MUL
                        : node->op == GRAPH_ADD ? CLRNN_MERGE_SUM
                                                : CLRNN_MERGE_CONCAT;
    if (is_scaled && factor(&joined, walk->graph, node) == 0.5f) {
        join = layer_walk_producer(walk, joined);
        merge = CLRNN_MERGE_AVE;
        if (join == NULL || join->op != GRAPH_ADD) {
            return;
        }
    }
    if (join->input_count != 2 || join->op == GRAPH_DIV) {
        return;
    }
    int a_end, b_end;
    const struct graph_node *a = source(&a_end, walk, join->inputs[0]);
    const struct graph_node *b = source(&b_end, walk, join->inputs[1]);
    if (merge != CLRNN_MERGE_CONCAT && is_half(a) && is_half(b) && is_reverse(a)) {
        const struct graph_node *other = a; /* a sum has no order */
        a = b;
        b = other;
    }
    const int last_only = a_end || (a != NULL && a->last_only), rank = last_only ? 2 : 3;
    if (!are_halves(walk, a, b) || last_only != (b_end || b->last_only)) {
        return;
    }
    /* Under a mask with zeros the last output is another one than the end state. */
    if ((a_end || b_end) && given_input(walk, a, NET_MASK) >= 0) {
        return;
    }
    const int wide_a = clrnn_layer_outputs(&a->net->desc.layers[0]);
    const int wide_b = clrnn_layer_outputs(&b->net->desc.layers[0]);
    if (merge == CLRNN_MERGE_CONCAT ? join->axis != -1 && join->axis != rank - 1
                                    : wide_a != wide_b) {
        return;
    }
    *step = (struct layer_step){.kind = LAYER_RECURRENT,
                                .node = a,
                                .net = a->net,
                                .reverse = b->net,
                                .merge = merge,
                                .last_only = last_only,
                                .mask = -1,
                                .marks = -1,
                                .lengths_of = -1};
}

/* ---- the way back ---------------------------------------------------------------------------- */

static clrnn_status add_link(struct layer_walk *walk, const struct layer_link *link) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (walk->count == walk->room) {
        const int wider = walk->room > 0 ? 2 * walk->room : 16;
        struct layer_link *moved = realloc(walk->links, (size_t)wider * sizeof *moved);
        REQUIRE(moved != NULL, MEMORY, "layers: out of memory for %d nodes", wider);
        walk->links = moved;
        walk->room = wider;
    }
    walk->links[walk->count++] = *link;
out:
    return status;
}

/* h_n of one layer, which is the last output of each direction. */
static int is_end_of_net(const struct graph_node *node, int value) {
    if (node->op != GRAPH_NET || node->output_count < 2 || node->outputs[1] != value ||
        node->net->desc.num_layers != 1) {
        return 0;
    }
    const clrnn_layer_desc *desc = &node->net->desc.layers[0];
    return clrnn_layer_directions(desc) == 1 || desc->merge == CLRNN_MERGE_CONCAT;
}

/* Slice of one axis, all of it from the end to the front. */
static int is_turn(int64_t *axis, const struct graph *graph, const struct graph_node *node) {
    int64_t values[4]; /* starts, ends, axes, steps */
    for (int slot = 1; node->input_count == 5 && slot < 5; slot++) {
        const clrnn_tensor *list = graph_constant(graph, node->inputs[slot]);
        if (list == NULL || list->dtype != CLRNN_DTYPE_I64 || clrnn_tensor_count(list) != 1) {
            return 0;
        }
        values[slot - 1] = *(const int64_t *)((const char *)list->data + list->offset);
    }
    if (node->input_count != 5 || values[0] != -1 || values[1] > -INT32_MAX || values[3] != -1) {
        return 0;
    }
    *axis = values[2];
    return 1;
}

/* ---- masks ----------------------------------------------------------------------------------- */

/* The mask that the walk has met lengths of is this one: its maker is found. */
static void meet_mask(struct layer_walk *walk, struct layer_step *step, int value) {
    step->marks = value;
    if (walk->mask.value == value) {
        walk->mask = (struct layer_mask){0};
    }
}

/* From here on back there must be what makes the mask that a net's lengths are computed from. */
static clrnn_status look_for_mask(struct layer_walk *walk, struct layer_step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int lengths = given_input(walk, step->node, NET_LENGTHS);
    const struct layer_mask mask =
        lengths >= 0 ? layer_mask_of_lengths(walk, lengths) : (struct layer_mask){0};
    if (mask.maker == NULL) {
        goto out;
    }
    if (walk->mask.maker != NULL && walk->mask.value != mask.value) {
        status = refuse(walk, step->node);
        goto out;
    }
    walk->mask = mask;
    step->lengths_of = mask.value;
out:
    return status;
}

/* A masking layer whose zeros nobody would look at is there as lengths alone. */
static clrnn_status add_masking(struct layer_walk *walk, int value) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct layer_mask *mask = &walk->mask;
    if (mask->maker != NULL && !mask->is_ids && mask->x == value) {
        const struct layer_link link = {.step = {.kind = LAYER_MASKING,
                                                 .node = mask->maker,
                                                 .name = mask->maker->name,
                                                 .mask = -1,
                                                 .marks = mask->value,
                                                 .masked = mask->masked}};
        TRY(add_link(walk, &link));
        walk->mask = (struct layer_mask){0};
    }
out:
    return status;
}

/* ---- one node -------------------------------------------------------------------------------- */

/* A Where is a masking layer, or repeats a net's last output at masked steps. */
static clrnn_status take_where(int *value, struct layer_walk *walk, const struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { CONDITION, X };
    const struct layer_mask mask = layer_mask_of_where(walk, node);
    const struct graph_node *net = layer_repeated(walk, node);
    if (mask.maker != NULL) {
        struct layer_link link = {.step = {.kind = LAYER_MASKING,
                                           .node = mask.maker,
                                           .name = mask.maker->name,
                                           .mask = -1,
                                           .masked = mask.masked}};
        meet_mask(walk, &link.step, mask.value);
        TRY(add_link(walk, &link));
    } else if (net != NULL) {
        walk->repeated = net;
    } else {
        status = refuse(walk, node);
        goto out;
    }
    *value = node->inputs[X];
out:
    return status;
}

/* What a layer that is one node has of its own. */
static clrnn_status know_step(struct layer_step *step, struct layer_walk *walk) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph_node *node = step->node;
    const int gives_mask = node->output_count > 1 && node->outputs[1] >= 0;
    switch (step->kind) {
    case LAYER_RECURRENT:
        TRY(look_for_mask(walk, step));
        step->is_repeated = walk->repeated == node;
        break;
    case LAYER_EMBEDDING:
        step->marks =
            gives_mask && graph_uses(walk->graph, node->outputs[1]) > 0 ? node->outputs[1] : -1;
        if (walk->mask.maker != NULL && walk->mask.is_ids && walk->mask.x == node->inputs[0]) {
            meet_mask(walk, step, walk->mask.value);
        }
        break;
    case LAYER_MASKING:
        step->marks = gives_mask ? node->outputs[1] : -1;
        step->masked = node->value;
        break;
    default:
        break;
    }
out:
    return status;
}

/* One node and the value that its data come from. */
static clrnn_status step_back(int *value, struct layer_walk *walk, const struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    static const struct {
        enum graph_op op;
        enum layer_kind kind;
    } plain[] = {{GRAPH_NET, LAYER_RECURRENT},           {GRAPH_DENSE, LAYER_DENSE},
                 {GRAPH_EMBEDDING, LAYER_EMBEDDING},     {GRAPH_MASKING, LAYER_MASKING},
                 {GRAPH_ACTIVATION, LAYER_ACTIVATION},   {GRAPH_SOFTMAX, LAYER_SOFTMAX},
                 {GRAPH_LOG_SOFTMAX, LAYER_LOG_SOFTMAX}, {GRAPH_FLIP, LAYER_FLIP}};
    struct layer_link link = {.step = {.node = node, .mask = -1, .marks = -1, .lengths_of = -1}};
    struct layer_step *step = &link.step;
    int is_found = node->outputs[0] == *value && node->input_count > 0;
    if (node->op == GRAPH_WHERE) {
        TRY(take_where(value, walk, node));
        goto out;
    }
    step->turned = node->axis;
    link.is_layout = node->op == GRAPH_TRANSPOSE || node->op == GRAPH_SQUEEZE ||
                     node->op == GRAPH_UNSQUEEZE || node->op == GRAPH_RESHAPE;
    if (node->op == GRAPH_CONCAT || node->op == GRAPH_ADD || node->op == GRAPH_MUL ||
        node->op == GRAPH_DIV) {
        find_halves(step, walk, node);
        is_found = step->net != NULL;
    } else if (node->op == GRAPH_SLICE) {
        step->kind = LAYER_FLIP;
        is_found = is_found && is_turn(&step->turned, walk->graph, node);
    } else if (is_end_of_net(node, *value)) {
        step->kind = LAYER_RECURRENT;
        step->net = node->net;
        step->last_only = step->from_end = is_found = 1;
    } else if (!link.is_layout) {
        size_t row = 0;
        const size_t rows = sizeof plain / sizeof plain[0];
        while (row < rows && plain[row].op != node->op) {
            row++;
        }
        is_found = is_found && row < rows;
        step->kind = is_found ? plain[row].kind : LAYER_FLIP;
        step->net = node->net;
        step->last_only = node->last_only;
    }
    if (!is_found) {
        status = refuse(walk, node);
        goto out;
    }
    if (!link.is_layout) {
        TRY(know_step(step, walk));
    }
    step->name =
        step->node->layer >= 0 ? walk->graph->layers[step->node->layer].name : step->node->name;
    *value = step->node->inputs[0];
    TRY(add_link(walk, &link));
out:
    return status;
}

static clrnn_status find_output(struct layer_walk *walk) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int i = 0; i < walk->graph->output_count; i++) {
        const struct graph_port *port = &walk->graph->outputs[i];
        REQUIRE(port->is_state || walk->output == NULL, FORMAT,
                "output '%.80s': one chain of layers has one output, '%.80s' is there already",
                port->name, walk->output->name);
        walk->output = port->is_state ? walk->output : port;
    }
    REQUIRE(walk->output != NULL, FORMAT, "layers: the model has no output but states");
out:
    return status;
}

clrnn_status layer_walk_back(struct layer_walk *walk, const struct graph *graph) {
    clrnn_status status = CLRNN_STATUS_OK;
    walk->graph = graph;
    TRY(know_values(walk));
    TRY(find_output(walk));
    int value = walk->output->value;
    while (layer_walk_producer(walk, value) != NULL) {
        TRY(step_back(&value, walk, layer_walk_producer(walk, value)));
        TRY(add_masking(walk, value));
    }
    walk->input = port_of(graph, value);
    REQUIRE(walk->input != NULL, FORMAT, "layers: the first layer does not take the model's input");
    for (int i = 0; i < graph->input_count; i++) {
        const struct graph_port *port = &graph->inputs[i];
        REQUIRE(port == walk->input || port->optional, FORMAT,
                "input '%.80s': one chain of layers has one input, '%.80s' is there already",
                port->name, walk->input->name);
    }
    for (int i = 0; i < walk->count / 2; i++) {
        const struct layer_link link = walk->links[i];
        walk->links[i] = walk->links[walk->count - 1 - i];
        walk->links[walk->count - 1 - i] = link;
    }
out:
    return status;
}

void layer_walk_free(struct layer_walk *walk) {
    free(walk->producers);
    free(walk->given);
    free(walk->zero);
    free(walk->links);
    *walk = (struct layer_walk){0};
}
