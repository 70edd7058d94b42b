/*
 * layers_axes.c: nodes that only move axes, as exporters put them round recurrent layers: all that
 * counts is whether the axes a layer wants are there again in the end.
 */
#include "io/layers_walk.h"

#include <string.h>

static clrnn_status refuse(const struct graph_node *node, const char *why) {
    return status_fail(CLRNN_STATUS_FORMAT, 0, "node '%.80s' (%s): %s in one chain of layers",
                       node->name != NULL ? node->name : "", graph_op_name(node->op), why);
}

static int64_t constant_at(const clrnn_tensor *tensor, int64_t i) {
    const char *data = (const char *)tensor->data + tensor->offset;
    return tensor->dtype == CLRNN_DTYPE_I64 ? ((const int64_t *)data)[i]
                                            : ((const int32_t *)data)[i];
}

/* A list of whole numbers that is the node's second input; NULL: is not known. */
static const clrnn_tensor *list_of(const struct graph *graph, const struct graph_node *node) {
    const clrnn_tensor *list =
        node->input_count > 1 ? graph_constant(graph, node->inputs[1]) : NULL;
    return list != NULL && (list->dtype == CLRNN_DTYPE_I64 || list->dtype == CLRNN_DTYPE_I32) &&
                   clrnn_tensor_count(list) <= CLRNN_MAX_RANK
               ? list
               : NULL;
}

static clrnn_status transpose(struct layer_axes *axes, const struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct layer_axes to = *axes;
    int used = 0;
    if (node->list_count != 0 && node->list_count != axes->rank) {
        status = refuse(node, "takes another number of axes");
        goto out;
    }
    for (int i = 0; i < axes->rank; i++) {
        const int64_t from = node->list_count == 0 ? axes->rank - 1 - i : node->list[i];
        if (from < 0 || from >= axes->rank || (used >> from & 1) != 0) {
            status = refuse(node, "is no order of axes");
            goto out;
        }
        used |= 1 << from;
        to.is[i] = axes->is[from];
    }
    *axes = to;
out:
    return status;
}

/* Takes axes of extent 1 out; without a list all of them. */
static clrnn_status squeeze(struct layer_axes *axes, const struct graph *graph,
                            const struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *list = list_of(graph, node);
    const int64_t count = list != NULL ? clrnn_tensor_count(list) : 0;
    unsigned out_of = 0;
    int rank = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = constant_at(list, i);
        const int64_t axis = at < 0 ? at + axes->rank : at;
        if (axis < 0 || axis >= axes->rank || axes->is[axis] != '1') {
            status = refuse(node, "takes out an axis that must stay");
            goto out;
        }
        out_of |= 1u << axis;
    }
    for (int i = 0; i < axes->rank; i++) {
        const int goes = list != NULL ? (out_of >> i & 1) != 0 : axes->is[i] == '1';
        axes->is[rank] = axes->is[i];
        rank += !goes;
    }
    axes->rank = rank;
out:
    return status;
}

static clrnn_status unsqueeze(struct layer_axes *axes, const struct graph *graph,
                              const struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *list = list_of(graph, node);
    const int64_t count = list != NULL ? clrnn_tensor_count(list) : 0;
    struct layer_axes to = *axes;
    unsigned added = 0;
    to.rank = axes->rank + (int)count;
    if (list == NULL || to.rank > CLRNN_MAX_RANK) {
        status = refuse(node, "adds axes that are not known");
        goto out;
    }
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = constant_at(list, i);
        const int64_t axis = at < 0 ? at + to.rank : at;
        if (axis < 0 || axis >= to.rank || (added >> axis & 1) != 0) {
            status = refuse(node, "adds an axis that cannot be");
            goto out;
        }
        added |= 1u << axis;
    }
    for (int i = 0, from = 0; i < to.rank; i++) {
        to.is[i] = (added >> i & 1) != 0 ? '1' : axes->is[from++];
    }
    *axes = to;
out:
    return status;
}

/* Matches the new extents with the axes that are there, from left to right. */
static clrnn_status reshape(struct layer_axes *axes, const struct graph *graph,
                            const struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *list = list_of(graph, node);
    const int64_t count = list != NULL ? clrnn_tensor_count(list) : 0;
    const int64_t half = axes->halves ? axes->features / 2 : 0;
    struct layer_axes to = {.features = axes->features, .halves = axes->halves};
    const int is_split = memchr(axes->is, 'D', (size_t)axes->rank) != NULL;
    int at = 0;
    for (int64_t i = 0; i < count; i++) {
        const int64_t extent = constant_at(list, i);
        const int64_t next = i + 1 < count ? constant_at(list, i + 1) : 0;
        while (at < axes->rank && axes->is[at] == '1' && extent != 1 && !(extent == 0 && i == at)) {
            at++;
        }
        const char is = at < axes->rank ? axes->is[at] : 0;
        const int ends = i + 1 == count;
        if (is == 'D' && at + 1 < axes->rank && axes->is[at + 1] == 'F' && extent != 2 &&
            extent != 0 && (extent == -1 || extent == axes->features)) {
            to.is[to.rank++] = 'F';
            at += 2;
        } else if (is == 'F' && !is_split && half > 0 && extent == 2 && !ends &&
                   (next == half || next == -1)) {
            to.is[to.rank++] = 'D';
            to.is[to.rank++] = 'F';
            at++;
            i++;
        } else if (extent == 1 && is != '1') {
            to.is[to.rank++] = '1';
        } else if (is != 0 &&
                   (is != 'F' || extent <= 0 || axes->features == 0 ||
                    extent == (is_split ? half : axes->features)) &&
                   (is != 'D' || extent <= 0 || extent == 2) && (extent != 0 || i == at)) {
            to.is[to.rank++] = is;
            at++;
        } else {
            to.rank = CLRNN_MAX_RANK;
        }
        if (to.rank >= CLRNN_MAX_RANK - 1) { /* two may be added at once */
            status = refuse(node, "takes axes apart that belong together");
            goto out;
        }
    }
    while (at < axes->rank && axes->is[at] == '1') {
        at++;
    }
    if (list == NULL || at < axes->rank || node->flag) {
        status = refuse(node, "gives a shape that is not known");
        goto out;
    }
    *axes = to;
out:
    return status;
}

clrnn_status layer_axes_move(struct layer_axes *axes, const struct graph *graph,
                             const struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    switch (node->op) {
    case GRAPH_TRANSPOSE:
        TRY(transpose(axes, node));
        break;
    case GRAPH_SQUEEZE:
        TRY(squeeze(axes, graph, node));
        break;
    case GRAPH_UNSQUEEZE:
        TRY(unsqueeze(axes, graph, node));
        break;
    case GRAPH_RESHAPE:
        TRY(reshape(axes, graph, node));
        break;
    default:
        status = refuse(node, "is no mover of axes");
    }
out:
    return status;
}
