/* steps_graph.c: from steps to a graph. */
#include "core/net.h"
#include "io/model_graph.h"
#include "io/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chain as it is put together. */
struct build {
    struct graph *graph;
    struct steps *steps;
    const char *label;
    int x, mask, lengths; /* values; -1: none */
    int rank;             /* of x */
    int64_t features;     /* of x; 0: integers */
    int recurrent;        /* recurrent steps in all */
    int number;           /* and so far */
    int second;           /* a second output of the model, beside x; -1: none */
};

static struct graph_port *newest_input(struct graph *graph) {
    return &graph->inputs[graph->input_count - 1];
}

static int makes_mask(const struct steps *steps) {
    for (int i = 0; i < steps->count; i++) {
        if (steps->steps[i].kind == STEP_MASKING || steps->steps[i].mask_zero) {
            return 1;
        }
    }
    return 0;
}

static clrnn_status add_inputs(struct build *build) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph *graph = build->graph;
    const struct steps *steps = build->steps;
    const int time = steps->batch_first ? 1 : 0;
    graph->batch_axis = 1 - time;
    TRY(graph_add_input(&build->x, graph, steps->input));
    build->features = steps->inputs;
    build->rank = steps->inputs > 0 ? 3 : 2;
    struct graph_port *port = newest_input(graph);
    port->dtype = steps->inputs > 0 ? CLRNN_DTYPE_F32 : CLRNN_DTYPE_I32;
    port->rank = build->rank;
    port->shape[1 - time] = -1;
    port->shape[time] = steps->length > 0 ? steps->length : -1;
    port->shape[2] = steps->inputs;
    const int is_embedded = steps->steps[0].kind == STEP_EMBEDDING && steps->steps[0].mask_zero;
    if (build->recurrent > 0 && !is_embedded) {
        TRY(graph_add_input(&build->mask, graph, "mask"));
        port = newest_input(graph);
        port->dtype = CLRNN_DTYPE_BOOL;
        port->rank = 2;
        port->shape[0] = port->shape[1] = -1;
        port->optional = 1;
    }
    if (build->recurrent > 0 && steps->takes_lengths && !makes_mask(steps)) {
        TRY(graph_add_input(&build->lengths, graph, "lengths"));
        port = newest_input(graph);
        port->dtype = CLRNN_DTYPE_I64;
        port->rank = 1;
        port->shape[0] = -1;
        port->optional = 1;
    }
out:
    return status;
}

/* "h_0" of one recurrent step, "h_2" of the third of several; the end of one is "h_n". */
static const char *state_name(const struct build *build, char letter, int is_end, char name[24]) {
    if (build->recurrent == 1) {
        snprintf(name, 24, "%c_%c", letter, is_end ? 'n' : '0');
    } else {
        snprintf(name, 24, "%c_%d", letter, build->number);
    }
    return name;
}

static clrnn_status add_end(struct build *build, char letter, int value, int strands, int width) {
    clrnn_status status = CLRNN_STATUS_OK;
    char name[24];
    TRY(graph_add_output(build->graph, state_name(build, letter, 1, name), value));
    struct graph_port *port = &build->graph->outputs[build->graph->output_count - 1];
    port->dtype = CLRNN_DTYPE_F32;
    port->rank = 3;
    port->shape[0] = strands;
    port->shape[1] = -1;
    port->shape[2] = width;
    port->is_state = 1;
out:
    return status;
}

static int runs_back(const clrnn_net *net) {
    for (int i = 0; i < net->strand_count; i++) {
        if (net->strands[i].reverse) {
            return 1;
        }
    }
    return 0;
}

static clrnn_status add_recurrent(struct build *build, struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { X, MASK, LENGTHS, H_0, C_0, O_0, INPUTS };
    struct graph *graph = build->graph;
    clrnn_net *net = step->net;
    const clrnn_layer_desc *last = &net->desc.layers[net->desc.num_layers - 1];
    const int width = clrnn_layer_width(last), strands = net->strand_count;
    const int has_state = net_is_uniform(net);
    const int has_cells = has_state && clrnn_layer_states(last) == 2;
    const int has_last = has_state && net->desc.num_layers == 1 && build->mask >= 0;
    int inputs[INPUTS] = {build->x, build->mask, build->lengths, -1, -1, -1};
    struct graph_node *node;
    char name[24];
    REQUIRE(build->rank == 3 && net->desc.inputs == build->features, FORMAT,
            "%s: layer %.60s takes sequences of %d features, gets %s of %lld", build->label,
            step->name, net->desc.inputs, build->rank == 3 ? "sequences" : "rows",
            (long long)build->features);
    if (has_state && !runs_back(net)) {
        TRY(model_graph_add_state(&inputs[H_0], graph, state_name(build, 'h', 0, name), strands,
                                  width));
        if (has_cells) {
            TRY(model_graph_add_state(&inputs[C_0], graph, state_name(build, 'c', 0, name), strands,
                                      last->hidden));
        }
        if (has_last) {
            TRY(model_graph_add_state(&inputs[O_0], graph, state_name(build, 'o', 0, name), strands,
                                      width));
        }
    }
    TRY(graph_add_node(&node, graph, GRAPH_NET, step->name, inputs, INPUTS, 4));
    node->batch_first = build->steps->batch_first;
    node->last_only = step->last_only;
    const int ends[4] = {node->outputs[0], node->outputs[1], node->outputs[2], node->outputs[3]};
    node->net = net;
    step->net = NULL; /* the graph's from here on */
    build->x = ends[0];
    build->features = clrnn_layer_outputs(last);
    if (has_state) {
        TRY(add_end(build, 'h', ends[1], strands, width));
    }
    if (has_cells) {
        TRY(add_end(build, 'c', ends[2], strands, last->hidden));
    }
    if (has_last) {
        TRY(add_end(build, 'o', ends[3], strands, width));
    }
    build->number++;
    if (step->last_only) {
        build->rank = 2;
        build->mask = build->lengths = -1;
    } else if (step->flip) {
        TRY(graph_add_node(&node, graph, GRAPH_FLIP, step->name, &build->x, 1, 1));
        node->axis = build->steps->batch_first ? 1 : 0;
        build->x = node->outputs[0];
    }
out:
    return status;
}

/* One net of two over the same x; ends: its y, h_n and c_n. */
static clrnn_status add_half(struct build *build, struct step *step, clrnn_net **net, int flip,
                             int ends[3]) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { INPUTS = 6, STATES = 3 };
    const int inputs[INPUTS] = {build->x, build->mask, build->lengths, -1, -1, -1};
    struct graph_node *node;
    REQUIRE(build->rank == 3 && (*net)->desc.inputs == build->features, FORMAT,
            "%s: layer %.60s takes sequences of %d features, gets %s of %lld", build->label,
            step->name, (*net)->desc.inputs, build->rank == 3 ? "sequences" : "rows",
            (long long)build->features);
    TRY(graph_add_node(&node, build->graph, GRAPH_NET, step->name, inputs, INPUTS, STATES));
    node->batch_first = build->steps->batch_first;
    node->last_only = step->last_only;
    node->net = *net;
    *net = NULL; /* the graph's from here on */
    memcpy(ends, node->outputs, STATES * sizeof *ends);
    if (flip) {
        TRY(graph_add_node(&node, build->graph, GRAPH_FLIP, step->name, ends, 1, 1));
        node->axis = build->steps->batch_first ? 1 : 0;
        ends[0] = node->outputs[0];
    }
out:
    return status;
}

/* out = a op b */
static clrnn_status add_two(int *out, struct build *build, const struct step *step,
                            enum graph_op op, int a, int b, int axis) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int inputs[2] = {a, b};
    struct graph_node *node;
    TRY(graph_add_node(&node, build->graph, op, step->name, inputs, 2, 1));
    node->axis = axis;
    *out = node->outputs[0];
out:
    return status;
}

static clrnn_status join(struct build *build, const struct step *step, const int y[2]) {
    static const enum graph_op ops[] = {[CLRNN_MERGE_CONCAT] = GRAPH_CONCAT,
                                        [CLRNN_MERGE_SUM] = GRAPH_ADD,
                                        [CLRNN_MERGE_MUL] = GRAPH_MUL,
                                        [CLRNN_MERGE_AVE] = GRAPH_ADD};
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(add_two(&build->x, build, step, ops[step->merge], y[0], y[1], -1));
    if (step->merge == CLRNN_MERGE_AVE) {
        float half = 0.5f;
        const clrnn_tensor factor = {.data = &half, .dtype = CLRNN_DTYPE_F32};
        int constant;
        TRY(graph_add_constant(&constant, build->graph, NULL, &factor));
        TRY(add_two(&build->x, build, step, GRAPH_MUL, build->x, constant, 0));
    }
out:
    return status;
}

/* Two nets that one cannot be: unlike each other, or stacks of cells. Nothing is given to start from: one of
 * them comes from the end. */
static clrnn_status add_pair(struct build *build, struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_net *nets[2] = {step->net, step->second};
    const clrnn_layer_desc *last[2];
    int ends[2][3];
    for (int i = 0; i < 2; i++) {
        last[i] = &nets[i]->desc.layers[nets[i]->desc.num_layers - 1];
    }
    const int width = clrnn_layer_width(last[0]);
    const int has_state = nets[0]->strand_count == 1 && nets[1]->strand_count == 1 &&
                          width == clrnn_layer_width(last[1]);
    const int has_cells =
        has_state && clrnn_layer_states(last[0]) == 2 && clrnn_layer_states(last[1]) == 2;
    REQUIRE(step->is_apart || step->merge == CLRNN_MERGE_CONCAT ||
                clrnn_layer_outputs(last[0]) == clrnn_layer_outputs(last[1]),
            FORMAT, "%s: layer %.60s joins %d and %d features", build->label, step->name,
            clrnn_layer_outputs(last[0]), clrnn_layer_outputs(last[1]));
    TRY(add_half(build, step, &step->net, step->flip, ends[0]));
    TRY(add_half(build, step, &step->second, step->second_flip, ends[1]));
    if (step->is_apart) {
        build->x = ends[0][0];
        build->second = ends[1][0];
    } else {
        const int y[2] = {ends[0][0], ends[1][0]};
        TRY(join(build, step, y));
    }
    build->features = clrnn_layer_outputs(last[0]);
    if (!step->is_apart && step->merge == CLRNN_MERGE_CONCAT) {
        build->features += clrnn_layer_outputs(last[1]);
    }
    int both;
    if (has_state) {
        TRY(add_two(&both, build, step, GRAPH_CONCAT, ends[0][1], ends[1][1], 0));
        TRY(add_end(build, 'h', both, 2, width));
    }
    if (has_cells) {
        TRY(add_two(&both, build, step, GRAPH_CONCAT, ends[0][2], ends[1][2], 0));
        TRY(add_end(build, 'c', both, 2, last[0]->hidden));
    }
    build->number++;
    if (step->last_only) {
        build->rank = 2;
        build->mask = build->lengths = -1;
    }
out:
    return status;
}

/* What a net gives of both directions side by side, as two outputs. */
static clrnn_status set_apart(struct build *build, const struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *node;
    TRY(graph_add_node(&node, build->graph, GRAPH_SPLIT, step->name, &build->x, 1, 2));
    node->axis = -1;
    build->x = node->outputs[0];
    build->second = node->outputs[1];
    build->features /= 2;
out:
    return status;
}

/* A mask is [N][T], whatever x is. */
static clrnn_status check_layout(const struct build *build, const struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(build->steps->batch_first, FORMAT,
            "%s: layer %.60s makes a mask of [N][T], x is [T][N]", build->label, step->name);
out:
    return status;
}

static clrnn_status add_embedding(struct build *build, const struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *node;
    int inputs[2] = {build->x, -1};
    REQUIRE(build->features == 0, FORMAT, "%s: layer %.60s takes integers, gets %lld features",
            build->label, step->name, (long long)build->features);
    if (step->mask_zero) {
        TRY(check_layout(build, step));
    }
    TRY(graph_add_constant(&inputs[1], build->graph, NULL, &step->table));
    TRY(graph_add_node(&node, build->graph, GRAPH_EMBEDDING, step->name, inputs, 2,
                       step->mask_zero ? 2 : 1));
    build->x = node->outputs[0];
    build->mask = step->mask_zero ? node->outputs[1] : build->mask;
    build->rank++;
    build->features = step->table.shape[1];
out:
    return status;
}

static clrnn_status add_dense(struct build *build, struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *node;
    const clrnn_net_desc *desc = clrnn_net_get_desc(step->net);
    REQUIRE(desc->inputs == build->features, FORMAT, "%s: layer %.60s takes %d features, gets %lld",
            build->label, step->name, desc->inputs, (long long)build->features);
    TRY(graph_add_node(&node, build->graph, GRAPH_DENSE, step->name, &build->x, 1, 1));
    build->x = node->outputs[0];
    build->features = clrnn_layer_outputs(&desc->layers[desc->num_layers - 1]);
    node->net = step->net;
    step->net = NULL;
out:
    return status;
}

static clrnn_status add_masking(struct build *build, const struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(check_layout(build, step));
    struct graph_node *node;
    const int inputs[2] = {build->x, build->mask};
    REQUIRE(build->rank == 3 && build->features > 0, FORMAT,
            "%s: layer %.60s masks steps of sequences, gets %s", build->label, step->name,
            build->rank == 3 ? "integers" : "rows");
    TRY(graph_add_node(&node, build->graph, GRAPH_MASKING, step->name, inputs, 2, 2));
    node->value = step->value;
    build->x = node->outputs[0];
    build->mask = node->outputs[1];
out:
    return status;
}

static clrnn_status add_function(struct build *build, const struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *node;
    const enum graph_op op = step->kind == STEP_ACTIVATION ? GRAPH_ACTIVATION
                             : step->kind == STEP_SOFTMAX  ? GRAPH_SOFTMAX
                                                           : GRAPH_LOG_SOFTMAX;
    REQUIRE(build->features > 0, FORMAT, "%s: layer %.60s takes numbers, gets integers",
            build->label, step->name);
    REQUIRE(step->axis >= -build->rank && step->axis < build->rank, FORMAT,
            "%s: layer %.60s: axis %lld, but there are %d", build->label, step->name,
            (long long)step->axis, build->rank);
    TRY(graph_add_node(&node, build->graph, op, step->name, &build->x, 1, 1));
    node->act = step->act;
    node->axis = step->axis;
    build->x = node->outputs[0];
out:
    return status;
}

static void describe(const struct build *build, int64_t params) {
    struct graph_layer *layer = &build->graph->layers[build->graph->layer_count - 1];
    const int time = build->steps->batch_first ? 1 : 0;
    layer->params += params;
    layer->trainable += params;
    layer->rank = build->rank;
    layer->shape[0] = layer->shape[1] = -1;
    if (build->rank == 3) {
        layer->shape[time] = build->steps->length > 0 ? build->steps->length : -1;
    }
    if (build->features > 0) {
        layer->shape[build->rank - 1] = build->features;
    }
}

static clrnn_status add_step(struct build *build, struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_net *net = step->net, *second = step->second;
    int layer;
    REQUIRE(build->second < 0, FORMAT, "%s: layer %.60s takes one input, gets two", build->label,
            step->name);
    if (step->is_own_layer || build->graph->layer_count == 0) {
        TRY(graph_add_layer(&layer, build->graph, step->name, step->type));
    }
    switch (step->kind) {
    case STEP_MASKING:
        TRY(add_masking(build, step));
        break;
    case STEP_EMBEDDING:
        TRY(add_embedding(build, step));
        break;
    case STEP_RECURRENT:
        TRY(step->second != NULL ? add_pair(build, step) : add_recurrent(build, step));
        if (step->is_apart && build->second < 0) {
            TRY(set_apart(build, step));
        }
        break;
    case STEP_DENSE:
        TRY(add_dense(build, step));
        break;
    default:
        TRY(add_function(build, step));
    }
    step->rank = build->rank;
    step->features = build->features;
    int64_t params = step->kind == STEP_EMBEDDING ? clrnn_tensor_count(&step->table) : 0;
    params += net != NULL ? net_count_params(net, -1) : 0;
    params += second != NULL ? net_count_params(second, -1) : 0;
    describe(build, params);
out:
    return status;
}

/* The first output is what a .npy file gets: outputs come before the states' ends. */
static clrnn_status give_outputs(struct build *build) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph *graph = build->graph;
    const int values[2] = {build->x, build->second};
    static const char *const names[2] = {"output", "output_1"};
    for (int i = 0; i < (build->second >= 0 ? 2 : 1); i++) {
        TRY(graph_add_output(graph, names[i], values[i]));
        struct graph_port *ports = graph->outputs;
        const int count = graph->output_count;
        struct graph_port output = ports[count - 1];
        memmove(ports + i + 1, ports + i, (size_t)(count - 1 - i) * sizeof *ports);
        output.dtype = CLRNN_DTYPE_F32;
        output.rank = build->rank;
        output.shape[0] = output.shape[1] = output.shape[2] = -1;
        output.shape[build->rank - 1] = build->features;
        ports[i] = output;
    }
out:
    return status;
}

clrnn_status steps_to_graph(struct graph **out, struct steps *steps, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct build build = {
        .steps = steps, .label = label, .x = -1, .mask = -1, .lengths = -1, .second = -1};
    TRY(graph_create(&build.graph));
    for (int i = 0; i < steps->count; i++) {
        build.recurrent += steps->steps[i].kind == STEP_RECURRENT;
    }
    TRY(add_inputs(&build));
    for (int i = 0; i < steps->count; i++) {
        TRY(add_step(&build, &steps->steps[i]));
    }
    REQUIRE(build.features > 0, FORMAT, "%s: integers go in and come out: there is no embedding",
            label);
    TRY(give_outputs(&build));
    *out = build.graph;
    build.graph = NULL;
out:
    graph_free(build.graph);
    return status;
}
