/*
 * layers_of.c: the way from a graph's output back to its input, then forward over it: what each layer
 * takes, whose mask it heeds, and in which order its axes stand.
 */
#include "io/layers_of.h"

#include "core/net.h"
#include "io/layers_walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- steps ----------------------------------------------------------------------------------- */

const char *layer_label(char text[LAYER_LABEL], const struct layer_step *step) {
    if (step->name != NULL && step->name[0] != '\0') {
        snprintf(text, LAYER_LABEL, "layer '%.80s'", step->name);
    } else {
        snprintf(text, LAYER_LABEL, "a layer without a name (%s)", graph_op_name(step->node->op));
    }
    return text;
}

int layer_outputs(const struct layer_step *step) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(step->net);
    const int width = clrnn_layer_outputs(&desc->layers[desc->num_layers - 1]);
    const int both = step->reverse != NULL && step->merge == CLRNN_MERGE_CONCAT;
    return both ? width + clrnn_layer_outputs(&clrnn_net_get_desc(step->reverse)->layers[0])
                : width;
}

void layers_free(struct layer_chain *chain) {
    free(chain->steps);
    chain->steps = NULL;
    chain->count = 0;
}

/* ---- axes ------------------------------------------------------------------------------------ */

/* Where the axes of a value stand while the walk goes forward. Which of x's first two axes, 'a' or
 * 'b', is the batch, a net tells. */
struct flow {
    struct layer_chain *chain;
    const struct layer_walk *walk;
    struct layer_axes axes; /* of the value */
    char batch;             /* 'a', 'b'; 0: not known yet */
};

/* The axes a layer takes: all but features of x, in either order, then features. */
static clrnn_status check_rank(const struct flow *flow, const struct layer_step *step, int rank) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    const struct layer_axes *axes = &flow->axes;
    const int is_x = axes->rank == rank && memchr(axes->is, '1', (size_t)rank) == NULL &&
                     memchr(axes->is, 'D', (size_t)rank) == NULL;
    const int at = rank == 3 || step->kind != LAYER_EMBEDDING ? rank - 1 : -1;
    REQUIRE(is_x && (at < 0 || axes->is[at] == 'F'), FORMAT,
            "%s: must take %s, got another order or number of axes (%d)", layer_label(label, step),
            rank == 3                       ? "steps of rows"
            : step->kind == LAYER_EMBEDDING ? "steps of whole numbers"
                                            : "rows",
            axes->rank);
out:
    return status;
}

static clrnn_status know_batch(struct flow *flow, const struct layer_step *step, char is) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    REQUIRE(flow->batch == 0 || flow->batch == is, FORMAT,
            "%s: takes steps along the axis that is the batch before it", layer_label(label, step));
    flow->batch = is;
out:
    return status;
}

static clrnn_status check_features(struct flow *flow, struct layer_step *step, int wanted) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    REQUIRE(flow->axes.features <= 0 || flow->axes.features == wanted, FORMAT,
            "%s: takes %d features, the layer before it gives %d", layer_label(label, step), wanted,
            flow->axes.features);
    step->features = wanted;
out:
    return status;
}

/* An axis of a node by its meaning. */
static clrnn_status name_axis(enum layer_axis *out, const struct flow *flow,
                              const struct layer_step *step, int64_t axis) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    const int rank = flow->axes.rank;
    const int64_t at = axis < 0 ? axis + rank : axis;
    REQUIRE(at >= 0 && at < rank, FORMAT, "%s: axis must be -%d .. %d, got %lld",
            layer_label(label, step), rank, rank - 1, (long long)axis);
    const char is = flow->axes.is[at], batch = flow->batch != 0 ? flow->batch : 'a';
    *out = is == 'F' ? LAYER_AXIS_FEATURES : is == batch ? LAYER_AXIS_BATCH : LAYER_AXIS_TIME;
out:
    return status;
}

/* ---- what steps take ------------------------------------------------------------------------- */

/* The step whose mask a value is; -1: it is none, or the user's own, which does not count here. */
static clrnn_status find_mask(int *out, const struct flow *flow, const struct layer_step *step,
                              int value) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    const int mask = layer_walk_given(flow->walk, value);
    *out = -1;
    for (int i = 0; mask >= 0 && flow->chain->steps + i < step; i++) {
        const struct layer_step *maker = &flow->chain->steps[i];
        if ((maker->kind == LAYER_MASKING || maker->kind == LAYER_EMBEDDING) &&
            maker->marks == mask) {
            *out = i;
        }
    }
    REQUIRE(mask < 0 || *out >= 0, FORMAT,
            "%s: its mask comes from neither a Masking nor an Embedding layer before it",
            layer_label(label, step));
out:
    return status;
}

static clrnn_status take_net(struct flow *flow, struct layer_step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { X, MASK, LENGTHS, H_0 };
    static const char *const inputs[] = {"x", "mask", "lengths", "h_0", "c_0", "o_0"};
    const struct graph_node *node = step->node;
    const clrnn_layer_desc *last = &node->net->desc.layers[node->net->desc.num_layers - 1];
    char label[LAYER_LABEL];
    TRY(check_rank(flow, step, 3));
    TRY(check_features(flow, step, node->net->desc.inputs));
    TRY(know_batch(flow, step, flow->axes.is[node->batch_first ? 0 : 1]));
    if (node->input_count > MASK) {
        TRY(find_mask(&step->mask, flow, step, node->inputs[MASK]));
    }
    const int lengths =
        node->input_count > LENGTHS ? layer_walk_given(flow->walk, node->inputs[LENGTHS]) : -1;
    if (lengths >= 0 && step->mask < 0) {
        REQUIRE(step->lengths_of >= 0, FORMAT,
                "%s: takes lengths from within the model, which a chain of layers cannot say",
                layer_label(label, step));
        TRY(find_mask(&step->mask, flow, step, step->lengths_of));
    }
    for (int slot = H_0; slot < node->input_count; slot++) {
        const int value = layer_walk_given(flow->walk, node->inputs[slot]);
        REQUIRE(value < 0 || layer_walk_is_zero(flow->walk, value), FORMAT,
                "%s: takes %s from within the model, which a chain of layers cannot say",
                layer_label(label, step), inputs[slot < 6 ? slot : 5]);
    }
    flow->axes.features = layer_outputs(step);
    flow->axes.halves =
        step->reverse == NULL &&
        clrnn_layer_outputs(last) == 2 * clrnn_layer_width(last); /* concat of both directions */
    if (step->from_end) {
        /* Under a mask with zeros the last output is another one. */
        REQUIRE(step->mask < 0 || step->lengths_of >= 0, FORMAT,
                "%s: gives its end state under a mask", layer_label(label, step));
        flow->axes = (struct layer_axes){.rank = 3,
                                         .is = {flow->axes.halves ? 'D' : '1', flow->batch, 'F'},
                                         .features = flow->axes.features,
                                         .halves = flow->axes.halves};
    } else if (step->last_only) {
        flow->axes = (struct layer_axes){.rank = 2,
                                         .is = {flow->batch, 'F'},
                                         .features = flow->axes.features,
                                         .halves = flow->axes.halves};
    }
out:
    return status;
}

static clrnn_status take_embedding(struct flow *flow, struct layer_step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    step->table = step->node->input_count > 1
                      ? graph_constant(flow->walk->graph, step->node->inputs[1])
                      : NULL;
    REQUIRE(step->table != NULL && step->table->rank == 2 &&
                step->table->dtype == CLRNN_DTYPE_F32 && step->table->shape[0] <= INT32_MAX &&
                step->table->shape[1] <= NET_MAX_FEATURES,
            FORMAT, "%s: needs a table [V][E] of float32 that is known", layer_label(label, step));
    REQUIRE(step == flow->chain->steps, FORMAT, "%s: an embedding must be the first layer",
            layer_label(label, step));
    TRY(check_rank(flow, step, 2));
    flow->axes.is[flow->axes.rank++] = 'F';
    flow->axes.features = (int)step->table->shape[1];
out:
    return status;
}

static clrnn_status take_masking(struct flow *flow, struct layer_step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    TRY(check_rank(flow, step, 3));
    TRY(know_batch(flow, step, flow->axes.is[0]));
    const struct graph_node *node = step->node;
    REQUIRE(node->op != GRAPH_MASKING || node->input_count < 2 ||
                layer_walk_given(flow->walk, node->inputs[1]) < 0,
            FORMAT, "%s: adds to the mask of a layer before it", layer_label(label, step));
out:
    return status;
}

static clrnn_status take_dense(struct flow *flow, struct layer_step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(check_rank(flow, step, flow->axes.rank == 3 ? 3 : 2));
    TRY(check_features(flow, step, step->net->desc.inputs));
    flow->axes.features = step->net->desc.layers[0].hidden;
    flow->axes.halves = 0;
out:
    return status;
}

static clrnn_status take_flip(struct flow *flow, const struct layer_step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    enum layer_axis axis;
    TRY(name_axis(&axis, flow, step, step->turned));
    REQUIRE(flow->axes.rank == 3 && axis == LAYER_AXIS_TIME, FORMAT,
            "%s: turns round another axis than time", layer_label(label, step));
out:
    return status;
}

/* What a step takes and what comes out of it. */
static clrnn_status take(struct flow *flow, struct layer_step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    step->rank = flow->axes.rank;
    step->features = flow->axes.features;
    switch (step->kind) {
    case LAYER_EMBEDDING:
        TRY(take_embedding(flow, step));
        break;
    case LAYER_MASKING:
        TRY(take_masking(flow, step));
        break;
    case LAYER_RECURRENT:
        TRY(take_net(flow, step));
        break;
    case LAYER_DENSE:
        TRY(take_dense(flow, step));
        break;
    case LAYER_SOFTMAX:
    case LAYER_LOG_SOFTMAX:
        TRY(check_rank(flow, step, flow->axes.rank == 3 ? 3 : 2));
        TRY(name_axis(&step->axis, flow, step, step->node->axis));
        break;
    case LAYER_FLIP:
        TRY(take_flip(flow, step));
        break;
    case LAYER_ACTIVATION:
        break;
    }
out:
    return status;
}

/* ---- masked steps ---------------------------------------------------------------------------- */

int layer_is_seen(const struct layer_chain *chain, int at, int mask) {
    for (int i = at + 1; i < chain->count; i++) {
        const struct layer_step *step = &chain->steps[i];
        if (step->kind == LAYER_RECURRENT) {
            return step->mask != mask;
        }
        if (step->kind != LAYER_DENSE && step->kind != LAYER_ACTIVATION &&
            (step->axis != LAYER_AXIS_FEATURES ||
             (step->kind != LAYER_SOFTMAX && step->kind != LAYER_LOG_SOFTMAX))) {
            return 1;
        }
    }
    return 1;
}

int layer_zero_masked(const struct layer_step *step, int index) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(step->net);
    return index + 1 == desc->num_layers ? step->zero_masked : desc->layers[index].zero_masked;
}

/* Beyond lengths there are zeros, unless the last output was put there. Where nobody sees it, the layer
 * has what Keras would give it: zeros in two directions alone. */
static void know_masked(struct layer_chain *chain, int at) {
    struct layer_step *step = &chain->steps[at];
    const clrnn_net_desc *desc = clrnn_net_get_desc(step->net);
    const clrnn_layer_desc *last = &desc->layers[desc->num_layers - 1];
    const int is_both = step->reverse != NULL || clrnn_layer_directions(last) == 2;
    step->zero_masked = step->lengths_of < 0                   ? last->zero_masked
                        : step->last_only || step->is_repeated ? 0
                        : is_both                              ? 1
                        : net_strand(step->net, desc->num_layers - 1, 0)->reverse
                            ? 0
                            : layer_is_seen(chain, at, step->mask);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* The axes of x, as far as its port and the first layer say. */
static clrnn_status start(struct flow *flow, const struct layer_link *first) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph_port *port = flow->walk->input;
    struct layer_axes *axes = &flow->axes;
    const int is_ids = first != NULL && !first->is_layout && first->step.kind == LAYER_EMBEDDING;
    const int rank = port->rank >= 0 ? port->rank : is_ids ? 2 : 3;
    REQUIRE(first != NULL, FORMAT, "layers: the model has no layers");
    REQUIRE(rank == 2 || (rank == 3 && !is_ids), FORMAT,
            "input '%.80s': must have %s axes to be that of a chain of layers, got %d", port->name,
            is_ids ? "2" : "2 or 3", rank);
    const int64_t features = is_ids || port->rank < 0 ? 0 : port->shape[rank - 1];
    *axes = (struct layer_axes){
        .rank = rank, .features = features > 0 && features <= NET_MAX_FEATURES ? (int)features : 0};
    memcpy(axes->is, rank == 3 ? "abF" : is_ids ? "ab" : "aF", (size_t)rank);
    const int batch_axis = flow->walk->graph->batch_axis;
    flow->batch = batch_axis == 0 || (rank == 2 && !is_ids) ? 'a' : batch_axis == 1 ? 'b' : 0;
    flow->chain->input = port;
    flow->chain->rank = rank;
out:
    return status;
}

static clrnn_status go_forward(struct flow *flow) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct layer_walk *walk = flow->walk;
    struct layer_chain *chain = flow->chain;
    TRY(start(flow, walk->count > 0 ? &walk->links[0] : NULL));
    for (int i = 0; i < walk->count; i++) {
        if (walk->links[i].is_layout) {
            TRY(layer_axes_move(&flow->axes, walk->graph, walk->links[i].step.node));
            continue;
        }
        chain->steps[chain->count] = walk->links[i].step;
        TRY(take(flow, &chain->steps[chain->count]));
        chain->count++;
    }
    /* What does not care how many features it takes, takes what the next layer does. */
    for (int i = chain->count - 2; i >= 0; i--) {
        struct layer_step *step = &chain->steps[i];
        step->features = step->features > 0 || step->kind == LAYER_EMBEDDING
                             ? step->features
                             : chain->steps[i + 1].features;
    }
    for (int i = 0; i < chain->count; i++) {
        if (chain->steps[i].kind == LAYER_RECURRENT) {
            know_masked(chain, i);
        }
    }
    REQUIRE(chain->count > 0, FORMAT, "layers: the model has no layers");
    TRY(check_rank(flow, &chain->steps[chain->count - 1], flow->axes.rank == 3 ? 3 : 2));
    chain->features = chain->steps[0].features;
    chain->output = walk->output->name;
    chain->batch_first = flow->batch != 'b';
    chain->out_batch_first = flow->axes.is[0] == (flow->batch == 'b' ? 'b' : 'a');
    chain->out_rank = flow->axes.rank;
    chain->out_features = flow->axes.features;
out:
    return status;
}

clrnn_status layers_of(struct layer_chain *out, const struct graph *graph) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct layer_walk walk = {0};
    struct flow flow = {.chain = out, .walk = &walk};
    *out = (struct layer_chain){0};
    TRY(layer_walk_back(&walk, graph));
    out->steps = calloc((size_t)walk.count + 1, sizeof *out->steps);
    REQUIRE(out->steps != NULL, MEMORY, "layers: out of memory for %d layers", walk.count);
    TRY(go_forward(&flow));
out:
    layer_walk_free(&walk);
    if (status != CLRNN_STATUS_OK) {
        layers_free(out);
    }
    return status;
}
