/* onnx_fuse_moves.c: rules for nodes that move data, which mostly undo each other. */
#include "io/onnx_fuse.h"

#ifdef WITH_PROTOBUF

#include "core/net.h"

#include <stdlib.h>
#include <string.h>

static int is_identity(const int64_t *perm, int count) {
    for (int i = 0; i < count; i++) {
        if (perm[i] != i) {
            return 0;
        }
    }
    return count > 0;
}

static int is_perm(const int64_t *perm, int count) {
    int seen[CLRNN_MAX_RANK] = {0};
    for (int i = 0; i < count; i++) {
        if (perm[i] < 0 || perm[i] >= count || seen[perm[i]]) {
            return 0;
        }
        seen[perm[i]] = 1;
    }
    return count > 0;
}

/* Unsqueeze, then Transpose: an Unsqueeze at another axis, if the other axes stay in order. */
static clrnn_status unsqueeze_elsewhere(struct fuse *fuse, struct graph_node *node,
                                        const struct graph_node *before) {
    clrnn_status status = CLRNN_STATUS_OK;
    int64_t list[CLRNN_MAX_RANK], last = -1, place = -1;
    int count, constant;
    if (!fuse_list(list, &count, fuse, before->inputs[1]) || count != 1) {
        goto out;
    }
    const int64_t axis = list[0] < 0 ? list[0] + node->list_count : list[0];
    for (int i = 0; i < node->list_count; i++) {
        if (node->list[i] == axis) {
            place = i;
        } else if (node->list[i] < last) {
            goto out;
        } else {
            last = node->list[i];
        }
    }
    if (place < 0) {
        goto out;
    }
    TRY(fuse_add_list(&constant, fuse, &place, 1));
    int *inputs = realloc(node->inputs, 2 * sizeof *inputs);
    REQUIRE(inputs != NULL, MEMORY, "%s: out of memory", fuse->reader->label);
    inputs[1] = -1;
    node->inputs = inputs;
    node->input_count = 2;
    node->op = GRAPH_UNSQUEEZE;
    node->list_count = 0;
    memset(node->list, 0, sizeof node->list);
    fuse_rewire(fuse, node, 0, before->inputs[0]);
    fuse_rewire(fuse, node, 1, constant);
out:
    return status;
}

static clrnn_status transpose(struct fuse *fuse, int number) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *node = &fuse->graph->nodes[number];
    const struct graph_node *before = fuse_producer(fuse, node->inputs[0], 0);
    if (!is_perm(node->list, node->list_count)) {
        goto out;
    }
    if (before != NULL && before->op == GRAPH_TRANSPOSE && before->list_count == node->list_count &&
        is_perm(before->list, before->list_count)) {
        int64_t both[CLRNN_MAX_RANK];
        for (int i = 0; i < node->list_count; i++) {
            both[i] = before->list[node->list[i]];
        }
        memcpy(node->list, both, sizeof both[0] * (size_t)node->list_count);
        fuse_rewire(fuse, node, 0, before->inputs[0]);
    } else if (before != NULL && before->op == GRAPH_UNSQUEEZE) {
        TRY(unsqueeze_elsewhere(fuse, node, before));
    }
    if (node->op == GRAPH_TRANSPOSE && is_identity(node->list, node->list_count)) {
        fuse_bypass(fuse, number, node->inputs[0]);
    }
out:
    return status;
}

/* Squeeze and Unsqueeze of the same axes; both count them in the shape that has them. */
static int undoes(const struct fuse *fuse, const struct graph_node *node,
                  const struct graph_node *before) {
    int64_t a[CLRNN_MAX_RANK], b[CLRNN_MAX_RANK];
    int count, other;
    const int fits =
        before != NULL && ((node->op == GRAPH_SQUEEZE && before->op == GRAPH_UNSQUEEZE) ||
                           (node->op == GRAPH_UNSQUEEZE && before->op == GRAPH_SQUEEZE));
    return fits && node->input_count == 2 && before->input_count == 2 &&
           fuse_list(a, &count, fuse, node->inputs[1]) &&
           fuse_list(b, &other, fuse, before->inputs[1]) && count == other &&
           memcmp(a, b, (size_t)count * sizeof *a) == 0;
}

static int keeps_order(const struct graph_node *node) {
    return node != NULL && (node->op == GRAPH_RESHAPE || node->op == GRAPH_SQUEEZE ||
                            node->op == GRAPH_UNSQUEEZE || node->op == GRAPH_FLATTEN);
}

/* Through nodes that only give the same numbers another shape, back to one that has this shape. */
static void shape_again(struct fuse *fuse, int number) {
    enum { FAR = 8 };
    const struct graph_node *node = &fuse->graph->nodes[number];
    const struct graph_node *before = node;
    if (undoes(fuse, node, fuse_producer(fuse, node->inputs[0], 0))) {
        fuse_bypass(fuse, number, fuse_producer(fuse, node->inputs[0], 0)->inputs[0]);
        return;
    }
    for (int i = 0; i < FAR && keeps_order(before); i++) {
        const int value = before->inputs[0];
        if (fuse_same_shape(&fuse->values[node->outputs[0]], &fuse->values[value])) {
            fuse_bypass(fuse, number, value);
            return;
        }
        before = fuse_producer(fuse, value, 0);
    }
}

/* Y [T][2][N][H] of a net whose y [T][N][2 H] has been brought into that shape; its y, -1: is not. */
static int find_y(const struct fuse *fuse, int value) {
    static const int64_t perm[] = {0, 2, 1, 3};
    const struct graph_node *turn = fuse_producer(fuse, value, 0);
    const struct graph_node *split =
        fuse_is_perm(turn, perm, 4) ? fuse_producer(fuse, turn->inputs[0], 0) : NULL;
    const struct graph_node *net = split != NULL && split->op == GRAPH_RESHAPE
                                       ? fuse_producer(fuse, split->inputs[0], 0)
                                       : NULL;
    if (net == NULL || net->op != GRAPH_NET || net->last_only || net->batch_first) {
        return -1;
    }
    const clrnn_layer_desc *layer = clrnn_net_get_desc(net->net)->layers;
    int64_t list[CLRNN_MAX_RANK];
    int count;
    const int fits = fuse_list(list, &count, fuse, split->inputs[1]) && count == 4 &&
                     list[0] == 0 && list[1] == 0 && list[2] == 2 && list[3] == layer->hidden &&
                     !split->flag && layer->direction == CLRNN_DIRECTION_BIDIRECTIONAL;
    return fits ? split->inputs[0] : -1;
}

/* A part of a Concat: direction `d` of Y, [T][N][H]; gives Y, -1: is something else. */
static int find_direction(const struct fuse *fuse, int value, int64_t d) {
    const struct graph_node *squeeze = fuse_producer(fuse, value, 0);
    const struct graph_node *slice =
        squeeze != NULL && squeeze->op == GRAPH_SQUEEZE && fuse_is_axis(fuse, squeeze, 1, 1)
            ? fuse_producer(fuse, squeeze->inputs[0], 0)
            : NULL;
    const int fits = slice != NULL && slice->op == GRAPH_SLICE && slice->input_count == 4 &&
                     fuse_is_axis(fuse, slice, 1, d) && fuse_is_axis(fuse, slice, 2, d + 1) &&
                     fuse_is_axis(fuse, slice, 3, 1);
    return fits ? slice->inputs[0] : -1;
}

/* tf2onnx takes Y apart and joins its directions. */
static void join_directions(struct fuse *fuse, int number) {
    const struct graph_node *node = &fuse->graph->nodes[number];
    if (node->input_count != 2 || (node->axis != 2 && node->axis != -1)) {
        return;
    }
    const int first = find_direction(fuse, node->inputs[0], 0);
    const int second = find_direction(fuse, node->inputs[1], 1);
    const int y = first >= 0 && first == second ? find_y(fuse, first) : -1;
    if (y >= 0) {
        fuse_bypass(fuse, number, y);
    }
}

clrnn_status fuse_moves(struct fuse *fuse, int node) {
    clrnn_status status = CLRNN_STATUS_OK;
    switch (fuse->graph->nodes[node].op) {
    case GRAPH_TRANSPOSE:
        TRY(transpose(fuse, node));
        break;
    case GRAPH_SQUEEZE:
    case GRAPH_UNSQUEEZE:
    case GRAPH_RESHAPE:
    case GRAPH_FLATTEN:
        shape_again(fuse, node);
        break;
    case GRAPH_EXPAND:
    case GRAPH_SLICE: /* shapes are known of steps of 1 alone */
        if (fuse_same_shape(&fuse->values[fuse->graph->nodes[node].outputs[0]],
                            &fuse->values[fuse->graph->nodes[node].inputs[0]])) {
            fuse_bypass(fuse, node, fuse->graph->nodes[node].inputs[0]);
        }
        break;
    case GRAPH_CONCAT:
        join_directions(fuse, node);
        break;
    default:
        break;
    }
out:
    return status;
}

#endif
