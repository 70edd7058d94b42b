/* onnx_fuse.c: rounds of rules over the nodes, dropping what nobody takes, and the list of layers. */
#include "io/onnx_fuse.h"

#ifdef WITH_PROTOBUF

#include "core/net.h"

#include <stdlib.h>
#include <string.h>

/* ---- what rules ask for ---------------------------------------------------------------------- */

struct graph_node *fuse_producer(const struct fuse *fuse, int value, int slot) {
    const struct fuse_value *known = value >= 0 ? &fuse->values[value] : NULL;
    return known != NULL && known->producer >= 0 && known->slot == slot &&
                   !fuse->is_dropped[known->producer]
               ? &fuse->graph->nodes[known->producer]
               : NULL;
}

struct graph_node *fuse_only_user(const struct fuse *fuse, int value, enum graph_op op) {
    struct graph_node *node = fuse_producer(fuse, value, 0);
    return node != NULL && node->op == op && fuse->values[value].uses == 1 ? node : NULL;
}

static int resolve(struct fuse *fuse, int value) {
    return value >= 0 && fuse->values[value].alias >= 0 ? fuse->values[value].alias : value;
}

static void drop(struct fuse *fuse, int node) {
    const struct graph_node *dropped = &fuse->graph->nodes[node];
    for (int i = 0; i < dropped->input_count; i++) {
        if (dropped->inputs[i] >= 0) {
            fuse->values[dropped->inputs[i]].uses--;
        }
    }
    fuse->is_dropped[node] = 1;
    fuse->has_changed = 1;
}

void fuse_bypass(struct fuse *fuse, int node, int value) {
    const int output = fuse->graph->nodes[node].outputs[0];
    fuse->values[output].alias = value;
    fuse->values[value].uses += fuse->values[output].uses;
    fuse->values[output].uses = 0;
    drop(fuse, node);
}

void fuse_rewire(struct fuse *fuse, struct graph_node *node, int input, int value) {
    if (node->inputs[input] >= 0) {
        fuse->values[node->inputs[input]].uses--;
    }
    if (value >= 0) {
        fuse->values[value].uses++;
    }
    node->inputs[input] = value;
    fuse->has_changed = 1;
}

static void know_constant(struct fuse *fuse, int value) {
    const clrnn_tensor *tensor = graph_constant(fuse->graph, value);
    struct fuse_value *known = &fuse->values[value];
    *known = (struct fuse_value){.producer = -1, .alias = -1, .rank = tensor->rank};
    memcpy(known->shape, tensor->shape, sizeof known->shape);
    if (!fuse_list(known->list, &known->list_count, fuse, value)) {
        known->list_count = -1; /* 0 would say: an empty list */
    }
}

clrnn_status fuse_add_list(int *out, struct fuse *fuse, const int64_t *list, int count) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor tensor = {
        .data = (void *)list, .dtype = CLRNN_DTYPE_I64, .rank = 1, .shape = {count}};
    TRY(graph_add_constant(out, fuse->graph, NULL, &tensor));
    if (*out >= fuse->value_room) {
        const int wider = 2 * *out + 8;
        void *moved = realloc(fuse->values, (size_t)wider * sizeof *fuse->values);
        REQUIRE(moved != NULL, MEMORY, "%s: out of memory", fuse->reader->label);
        fuse->values = moved;
        fuse->value_room = wider;
    }
    know_constant(fuse, *out);
out:
    return status;
}

int fuse_list(int64_t list[CLRNN_MAX_RANK], int *count, const struct fuse *fuse, int value) {
    const clrnn_tensor *tensor = graph_constant(fuse->graph, value);
    if (tensor == NULL || tensor->rank > 1 || clrnn_tensor_count(tensor) > CLRNN_MAX_RANK ||
        (tensor->dtype != CLRNN_DTYPE_I32 && tensor->dtype != CLRNN_DTYPE_I64)) {
        return 0;
    }
    *count = (int)clrnn_tensor_count(tensor);
    for (int i = 0; i < *count; i++) {
        list[i] = tensor->dtype == CLRNN_DTYPE_I32 ? ((const int32_t *)tensor->data)[i]
                                                   : ((const int64_t *)tensor->data)[i];
    }
    return 1;
}

int fuse_is_axis(const struct fuse *fuse, const struct graph_node *node, int input, int64_t axis) {
    int64_t list[CLRNN_MAX_RANK];
    int count;
    return input < node->input_count && fuse_list(list, &count, fuse, node->inputs[input]) &&
           count == 1 && list[0] == axis;
}

int fuse_is_scalar(float *out, const struct fuse *fuse, int value) {
    const clrnn_tensor *tensor = graph_constant(fuse->graph, value);
    if (tensor == NULL || tensor->dtype != CLRNN_DTYPE_F32 || tensor->rank > 1 ||
        clrnn_tensor_count(tensor) != 1) {
        return 0;
    }
    *out = *(const float *)tensor->data;
    return 1;
}

int fuse_has_scalar(float *out, int *other, const struct fuse *fuse,
                    const struct graph_node *node) {
    for (int slot = 0; slot < 2; slot++) {
        if (fuse_is_scalar(out, fuse, node->inputs[slot])) {
            *other = node->inputs[1 - slot];
            return 1;
        }
    }
    return 0;
}

int fuse_is_perm(const struct graph_node *node, const int64_t *perm, int count) {
    return node != NULL && node->op == GRAPH_TRANSPOSE && node->list_count == count &&
           memcmp(node->list, perm, (size_t)count * sizeof *perm) == 0;
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static clrnn_status start(struct fuse *fuse) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph *graph = fuse->graph;
    fuse->value_room = graph->value_count + 8;
    fuse->values = calloc((size_t)fuse->value_room, sizeof *fuse->values);
    fuse->is_dropped = calloc((size_t)graph->node_count + 1, 1);
    REQUIRE(fuse->values != NULL && fuse->is_dropped != NULL, MEMORY, "%s: out of memory",
            fuse->reader->label);
    for (int i = 0; i < graph->value_count; i++) {
        fuse->values[i] = (struct fuse_value){.producer = -1, .alias = -1, .rank = -1};
    }
    for (int i = 0; i < graph->input_count; i++) {
        fuse->values[graph->inputs[i].value].slot = i;
    }
    for (int i = 0; i < graph->node_count; i++) {
        const struct graph_node *node = &graph->nodes[i];
        for (int k = 0; k < node->output_count; k++) {
            fuse->values[node->outputs[k]].producer = i;
            fuse->values[node->outputs[k]].slot = k;
        }
        for (int k = 0; k < node->input_count; k++) {
            if (node->inputs[k] >= 0) {
                fuse->values[node->inputs[k]].uses++;
            }
        }
    }
    for (int i = 0; i < graph->output_count; i++) {
        fuse->values[graph->outputs[i].value].uses++;
    }
out:
    return status;
}

/* Inputs come before a node, so that going back once drops whole chains. */
static void sweep(struct fuse *fuse) {
    for (int i = fuse->graph->node_count - 1; i >= 0; i--) {
        const struct graph_node *node = &fuse->graph->nodes[i];
        int uses = 0;
        for (int k = 0; k < node->output_count; k++) {
            uses += fuse->values[node->outputs[k]].uses;
        }
        if (uses == 0 && !fuse->is_dropped[i]) {
            drop(fuse, i);
        }
    }
}

static clrnn_status run_round(struct fuse *fuse) {
    clrnn_status status = CLRNN_STATUS_OK;
    sweep(fuse);
    fuse->has_changed = 0;
    fuse_infer_start(fuse);
    for (int i = 0; i < fuse->graph->node_count; i++) {
        struct graph_node *node = &fuse->graph->nodes[i];
        for (int k = 0; k < node->input_count; k++) {
            node->inputs[k] = resolve(fuse, node->inputs[k]);
        }
        if (!fuse->is_dropped[i]) {
            fuse_infer(fuse, node);
            TRY(fuse_moves(fuse, i));
        }
        if (!fuse->is_dropped[i]) {
            fuse_acts(fuse, i);
        }
        if (!fuse->is_dropped[i]) {
            TRY(fuse_layers(fuse, i));
        }
        if (!fuse->is_dropped[i]) {
            TRY(fuse_nets(fuse, i));
        }
        if (!fuse->is_dropped[i]) {
            fuse_infer(fuse, node);
        }
    }
    for (int i = 0; i < fuse->graph->output_count; i++) {
        fuse->graph->outputs[i].value = resolve(fuse, fuse->graph->outputs[i].value);
    }
    /* Everybody who took one takes the other now. */
    for (int i = 0; i < fuse->graph->value_count; i++) {
        fuse->values[i].alias = -1;
    }
out:
    return status;
}

/* ---- after the last round -------------------------------------------------------------------- */

static void free_node(struct graph_node *node) {
    free(node->name);
    free(node->inputs);
    free(node->outputs);
    clrnn_net_free(node->net);
}

static void compact(struct fuse *fuse) {
    struct graph *graph = fuse->graph;
    int kept = 0;
    for (int i = 0; i < graph->node_count; i++) {
        if (fuse->is_dropped[i]) {
            free_node(&graph->nodes[i]);
        } else {
            graph->nodes[kept++] = graph->nodes[i];
        }
    }
    graph->node_count = kept;
    for (int i = 0; i < graph->value_count; i++) {
        if (fuse->values[i].uses == 0) {
            free(graph->values[i].constant.data);
            graph->values[i].constant = (clrnn_tensor){0};
        }
    }
}

static int64_t count_net(const clrnn_net *net) {
    int64_t count = 0;
    clrnn_tensor weight;
    const char *name;
    for (size_t i = 0; (name = clrnn_net_weight_name(net, i)) != NULL; i++) {
        if (clrnn_net_get_weight(&weight, net, name) == CLRNN_STATUS_OK) {
            count += clrnn_tensor_count(&weight);
        }
    }
    return count;
}

/* Tables and vectors of numbers that a node computes with; a single one is no parameter. */
static int64_t count_params(const struct graph *graph, const struct graph_node *node) {
    int64_t count = 0;
    switch (node->op) {
    case GRAPH_NET:
    case GRAPH_DENSE:
        return count_net(node->net);
    case GRAPH_EMBEDDING:
    case GRAPH_MATMUL:
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV:
    case GRAPH_GATHER:
        for (int i = 0; i < node->input_count; i++) {
            const clrnn_tensor *tensor = graph_constant(graph, node->inputs[i]);
            if (tensor != NULL && tensor->dtype == CLRNN_DTYPE_F32 &&
                clrnn_tensor_count(tensor) > 1) {
                count += clrnn_tensor_count(tensor);
            }
        }
        return count;
    default:
        return 0;
    }
}

/* Until now node->layer is the number of the op that the file says. */
static clrnn_status list_layers(struct fuse *fuse) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph *graph = fuse->graph;
    for (int i = 0; i < graph->node_count; i++) {
        struct graph_node *node = &graph->nodes[i];
        const struct onnx_op *op = onnx_op_at(node->layer);
        const struct fuse_value *y = &fuse->values[node->outputs[0]];
        const int64_t params = count_params(graph, node);
        node->layer = -1;
        if (params > 0) {
            TRY(graph_add_layer(&node->layer, graph, node->name, op != NULL ? op->type : "node"));
            struct graph_layer *layer = &graph->layers[node->layer];
            layer->params = layer->trainable = params;
            layer->rank = y->rank;
            for (int axis = 0; axis < y->rank; axis++) {
                layer->shape[axis] = y->shape[axis] >= 0 ? y->shape[axis] : -1;
            }
        }
    }
out:
    return status;
}

clrnn_status onnx_fuse(struct onnx_reader *reader) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { ROUNDS = 8 }; /* each rule needs one or two; more are for stacks of many kinds */
    struct fuse fuse = {.reader = reader, .graph = reader->graph};
    TRY(start(&fuse));
    for (int i = 0; i < ROUNDS && (i == 0 || fuse.has_changed); i++) {
        TRY(run_round(&fuse));
    }
    sweep(&fuse);
    compact(&fuse);
    TRY(list_layers(&fuse));
out:
    free(fuse.values);
    free(fuse.is_dropped);
    return status;
}

#endif
