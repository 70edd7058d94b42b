/*
 * onnx_shape.c: shapes, and lists of integers made from shapes, with symbols for what only a run
 * knows.
 *
 * An input's extent is a number where the file gives one, as a session holds its user to that, else a
 * symbol of its own. What is not understood is unknown: then a rule does not fit, nothing is wrong.
 */
#include "io/onnx_shape.h"

#ifdef WITH_PROTOBUF

#include "core/net.h"

#include <string.h>

/* ---- what both parts share -------------------------------------------------------------------- */

int shape_is_number(int64_t extent) {
    return extent > FUSE_SYMBOL;
}

void shape_copy(struct fuse_value *to, const struct fuse_value *from) {
    to->rank = from->rank;
    memcpy(to->shape, from->shape, sizeof to->shape);
}

const struct fuse_value *shape_input(const struct shape_query *query, int slot) {
    return slot < query->node->input_count && query->node->inputs[slot] >= 0
               ? &query->fuse->values[query->node->inputs[slot]]
               : NULL;
}

int shape_axis(int64_t axis, int rank) {
    const int64_t from_front = axis < 0 ? axis + rank : axis;
    return from_front >= 0 && from_front < rank ? (int)from_front : -1;
}

int64_t shape_times(int64_t a, int64_t b) {
    return a > 0 && b > 0 && a <= INT32_MAX && b <= INT32_MAX ? a * b : 0;
}

static int64_t broadcast_extent(int64_t a, int64_t b) {
    return a == b || b == 1              ? a
           : a == 1                      ? b
           : shape_is_number(a) && a > 1 ? a /* the other is the same or 1, or it is an error */
           : shape_is_number(b) && b > 1 ? b
                                         : FUSE_UNKNOWN;
}

void shape_broadcast(struct fuse_value *to, const struct fuse_value *with) {
    struct fuse_value wide = *to;
    if (to->rank < 0 || with == NULL || with->rank < 0) {
        to->rank = -1;
        return;
    }
    wide.rank = to->rank > with->rank ? to->rank : with->rank;
    for (int back = 1; back <= wide.rank; back++) {
        const int64_t a = back <= to->rank ? to->shape[to->rank - back] : 1;
        const int64_t b = back <= with->rank ? with->shape[with->rank - back] : 1;
        wide.shape[wide.rank - back] = broadcast_extent(a, b);
    }
    shape_copy(to, &wide);
}

void shape_pass_list(struct shape_query *query) {
    query->y->list_count = query->x->list_count;
    memcpy(query->y->list, query->x->list, sizeof query->y->list);
}

static int64_t new_symbol(struct fuse *fuse) {
    return FUSE_SYMBOL - fuse->symbols++; /* there are far fewer than FUSE_SYMBOL of them */
}

static void forget(struct fuse_value *value) {
    value->rank = value->list_count = -1;
    value->is_zero = 0;
}

int fuse_same_shape(const struct fuse_value *a, const struct fuse_value *b) {
    if (a->rank < 0 || a->rank != b->rank) {
        return 0;
    }
    for (int axis = 0; axis < a->rank; axis++) {
        if (a->shape[axis] == FUSE_UNKNOWN || a->shape[axis] != b->shape[axis]) {
            return 0;
        }
    }
    return 1;
}

/* ---- before the first node ------------------------------------------------------------------- */

static int is_all_zero(const clrnn_tensor *tensor) {
    const unsigned char *bytes = tensor->data;
    const size_t size = (size_t)clrnn_tensor_count(tensor) * sizeof(float);
    return tensor->dtype == CLRNN_DTYPE_F32 && size > 0 && bytes[0] == 0 &&
           memcmp(bytes, bytes + 1, size - 1) == 0;
}

void fuse_infer_start(struct fuse *fuse) {
    const struct graph *graph = fuse->graph;
    for (int i = 0; i < graph->value_count; i++) {
        struct fuse_value *value = &fuse->values[i];
        const clrnn_tensor *tensor = graph_constant(graph, i);
        forget(value);
        if (tensor != NULL) {
            value->rank = tensor->rank;
            memcpy(value->shape, tensor->shape, sizeof value->shape);
            if (!fuse_list(value->list, &value->list_count, fuse, i)) {
                value->list_count = -1;
            }
            value->is_zero = is_all_zero(tensor);
        }
    }
    for (int i = 0; i < graph->input_count; i++) {
        const struct graph_port *port = &graph->inputs[i];
        struct fuse_value *value = &fuse->values[port->value];
        value->rank = port->rank;
        for (int axis = 0; axis < port->rank; axis++) {
            value->shape[axis] = port->shape[axis] >= 0 ? port->shape[axis] : new_symbol(fuse);
        }
    }
}

/* ---- what computes --------------------------------------------------------------------------- */

/* Products of single extents, as in a reshape that makes one axis of two. */
static void multiply_lists(struct shape_query *query) {
    const struct fuse_value *a = query->x, *b = shape_input(query, 1);
    struct fuse_value *y = query->y;
    if (query->node->op != GRAPH_MUL || b == NULL || a->list_count != 1 || b->list_count != 1) {
        return;
    }
    const int64_t product = a->list[0] == 1   ? b->list[0]
                            : b->list[0] == 1 ? a->list[0]
                                              : shape_times(a->list[0], b->list[0]);
    y->list_count = product != 0 ? 1 : -1;
    y->list[0] = product;
}

static void infer_elements(struct shape_query *query) {
    shape_copy(query->y, query->x);
    for (int i = 1; i < query->node->input_count; i++) {
        shape_broadcast(query->y, shape_input(query, i));
    }
    multiply_lists(query);
}

static void infer_product(struct shape_query *query) {
    const struct fuse_value *b = shape_input(query, 1);
    const int64_t columns = query->node->op == GRAPH_DENSE
                                ? clrnn_layer_outputs(clrnn_net_get_desc(query->node->net)->layers)
                            : b != NULL && b->rank == 2 ? b->shape[1]
                                                        : FUSE_UNKNOWN;
    if (query->x->rank >= 1 && columns != FUSE_UNKNOWN) {
        shape_copy(query->y, query->x);
        query->y->shape[query->x->rank - 1] = columns;
    }
}

static void infer_embedding(struct shape_query *query) {
    const struct fuse_value *table = shape_input(query, 1);
    if (query->x->rank >= 0 && query->x->rank < CLRNN_MAX_RANK && table != NULL) {
        shape_copy(query->y, query->x);
        query->y->shape[query->y->rank++] = table->rank == 2 ? table->shape[1] : FUSE_UNKNOWN;
    }
}

static void infer_net(struct shape_query *query) {
    const struct graph_node *node = query->node;
    const clrnn_layer_desc *layer = clrnn_net_get_desc(node->net)->layers;
    const int is_known = query->x->rank == 3;
    const int64_t batch = is_known ? query->x->shape[node->batch_first ? 0 : 1] : FUSE_UNKNOWN;
    struct fuse_value *y = query->y;
    if (node->last_only) {
        y->rank = 2;
        y->shape[0] = batch;
    } else {
        y->rank = 3;
        y->shape[0] = is_known ? query->x->shape[0] : FUSE_UNKNOWN;
        y->shape[1] = is_known ? query->x->shape[1] : FUSE_UNKNOWN;
    }
    y->shape[y->rank - 1] = clrnn_layer_outputs(layer);
    for (int i = 1; i < node->output_count; i++) {
        struct fuse_value *state = &query->fuse->values[node->outputs[i]];
        state->rank = 3;
        state->shape[0] = clrnn_layer_directions(layer);
        state->shape[1] = batch;
        state->shape[2] = layer->hidden;
    }
}

/* What is unknown is some number for each value, which those behind it may carry on. */
static void name_unknown(struct fuse *fuse, const struct graph_node *node) {
    for (int i = 0; i < node->output_count; i++) {
        struct fuse_value *value = &fuse->values[node->outputs[i]];
        for (int axis = 0; axis < value->rank; axis++) {
            if (value->shape[axis] == FUSE_UNKNOWN) {
                value->shape[axis] = new_symbol(fuse);
            }
        }
    }
}

void fuse_infer(struct fuse *fuse, const struct graph_node *node) {
    for (int i = 0; i < node->output_count; i++) {
        forget(&fuse->values[node->outputs[i]]);
    }
    if (node->input_count == 0 || node->inputs[0] < 0) {
        return;
    }
    struct shape_query query = {fuse, node, &fuse->values[node->inputs[0]],
                                &fuse->values[node->outputs[0]]};
    switch (node->op) {
    case GRAPH_NET:
        infer_net(&query);
        break;
    case GRAPH_DENSE:
    case GRAPH_MATMUL:
        infer_product(&query);
        break;
    case GRAPH_EMBEDDING:
        infer_embedding(&query);
        break;
    case GRAPH_TRANSPOSE:
        shape_of_transpose(&query);
        break;
    case GRAPH_SQUEEZE:
        shape_of_squeeze(&query);
        break;
    case GRAPH_UNSQUEEZE:
        shape_of_unsqueeze(&query);
        break;
    case GRAPH_RESHAPE:
        shape_of_reshape(&query);
        break;
    case GRAPH_FLATTEN:
        shape_of_flatten(&query);
        break;
    case GRAPH_EXPAND:
        shape_of_expand(&query);
        break;
    case GRAPH_CONCAT:
        shape_of_concat(&query);
        break;
    case GRAPH_SLICE:
        shape_of_slice(&query);
        break;
    case GRAPH_GATHER:
        shape_of_gather(&query);
        break;
    case GRAPH_SHAPE:
        shape_of_shape(&query);
        break;
    case GRAPH_CONSTANT_OF_SHAPE:
        shape_of_constant_of_shape(&query);
        break;
    case GRAPH_CAST:
        shape_copy(query.y, query.x);
        if (node->to == CLRNN_DTYPE_I32 || node->to == CLRNN_DTYPE_I64) {
            shape_pass_list(&query); /* extents fit both */
        }
        break;
    case GRAPH_ACTIVATION:
    case GRAPH_SOFTMAX:
    case GRAPH_LOG_SOFTMAX:
    case GRAPH_NOT:
    case GRAPH_ABS:
    case GRAPH_NEG:
    case GRAPH_EXP:
    case GRAPH_LOG:
    case GRAPH_SQRT:
    case GRAPH_ERF:
    case GRAPH_POW:
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV:
    case GRAPH_MIN:
    case GRAPH_MAX:
    case GRAPH_WHERE:
        infer_elements(&query);
        break;
    default:
        break; /* unknown */
    }
    name_unknown(fuse, node);
}

#endif
