/* onnx_fuse_layers.c: rules that make dense layers and embeddings of products and tables. */
#include "io/onnx_fuse.h"

#ifdef WITH_PROTOBUF

#include "core/net.h"

#include <stdlib.h>
#include <string.h>

/* ---- dense layers ---------------------------------------------------------------------------- */

/* weight [F][I], bias [F] or NULL */
static clrnn_status make_dense(clrnn_net **out, int64_t inputs, int64_t features,
                               const float *weight, const float *bias,
                               const clrnn_activation *act) {
    const clrnn_tensor matrix = {
        .data = (void *)weight, .dtype = CLRNN_DTYPE_F32, .rank = 2, .shape = {features, inputs}};
    const clrnn_tensor vector = {
        .data = (void *)bias, .dtype = CLRNN_DTYPE_F32, .rank = 1, .shape = {features}};
    return net_make_dense(out, &matrix, bias != NULL ? &vector : NULL, act);
}

/* x W with a constant W [I][F] */
static clrnn_status product(struct fuse *fuse, struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *w = graph_constant(fuse->graph, node->inputs[1]);
    float *weight = NULL;
    if (w == NULL || w->rank != 2 || w->dtype != CLRNN_DTYPE_F32 || w->shape[0] < 1 ||
        w->shape[1] < 1 || w->shape[0] > NET_MAX_FEATURES || w->shape[1] > NET_MAX_FEATURES ||
        graph_constant(fuse->graph, node->inputs[0]) != NULL ||
        !onnx_take_weights(fuse->reader,
                           clrnn_tensor_count(w))) { /* one for many stays a product */
        goto out;
    }
    const int64_t inputs = w->shape[0], features = w->shape[1];
    const float *from = w->data;
    weight = malloc((size_t)(inputs * features) * sizeof *weight);
    REQUIRE(weight != NULL, MEMORY, "%s: out of memory for weights", fuse->reader->label);
    for (int64_t i = 0; i < inputs; i++) {
        for (int64_t f = 0; f < features; f++) {
            weight[f * inputs + i] = from[i * features + f];
        }
    }
    TRY(make_dense(&node->net, inputs, features, weight, NULL, NULL));
    node->op = GRAPH_DENSE;
    fuse_rewire(fuse, node, 1, -1);
    node->input_count = 1;
out:
    free(weight);
    return status;
}

/* A dense layer that this node alone takes, and that has no activation yet. */
static struct graph_node *find_dense(const struct fuse *fuse, int value) {
    struct graph_node *dense = fuse_only_user(fuse, value, GRAPH_DENSE);
    const clrnn_layer_desc *layer = dense != NULL ? clrnn_net_get_desc(dense->net)->layers : NULL;
    return layer != NULL && layer->acts[0][0].kind == CLRNN_ACT_DEFAULT ? dense : NULL;
}

/* `node` becomes the dense layer before it, with more of what follows a product. */
static clrnn_status grow_dense(struct fuse *fuse, struct graph_node *node, struct graph_node *dense,
                               const float *bias, const clrnn_activation *act) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_layer_desc *layer = clrnn_net_get_desc(dense->net)->layers;
    clrnn_tensor weight, old = {0};
    clrnn_net *net;
    TRY(clrnn_net_get_weight(&weight, dense->net, "weight_ih_l0"));
    if (!onnx_take_weights(fuse->reader, clrnn_tensor_count(&weight))) {
        goto out;
    }
    if (layer->bias == CLRNN_BIAS_SINGLE) {
        TRY(clrnn_net_get_weight(&old, dense->net, "bias_ih_l0"));
        bias = old.data;
    }
    TRY(make_dense(&net, weight.shape[1], weight.shape[0], weight.data, bias, act));
    node->op = GRAPH_DENSE;
    node->net = net;
    node->layer = dense->layer;
    char *name = node->name; /* it goes by the name of the product */
    node->name = dense->name;
    dense->name = name;
    fuse_rewire(fuse, node, 0, dense->inputs[0]);
    for (int i = 1; i < node->input_count; i++) {
        fuse_rewire(fuse, node, i, -1);
    }
    node->input_count = 1;
    memset(&node->act, 0, sizeof node->act);
out:
    return status;
}

/* A constant that is added to each row of F features: [F], or with axes of 1 before, where the rows
 * have as many axes. */
static const float *find_bias(const struct fuse *fuse, int value, const struct graph_node *dense) {
    const clrnn_layer_desc *layer = clrnn_net_get_desc(dense->net)->layers;
    const clrnn_tensor *tensor = graph_constant(fuse->graph, value);
    const int rank = fuse->values[dense->outputs[0]].rank;
    const int is_gemm = dense->layer == onnx_op_number(onnx_op_find("Gemm"));
    const int most = rank > 1 ? rank : is_gemm ? 2 : 1;
    const int fits = tensor != NULL && tensor->dtype == CLRNN_DTYPE_F32 && tensor->rank >= 1 &&
                     tensor->rank <= most && clrnn_tensor_count(tensor) == layer->hidden &&
                     tensor->shape[tensor->rank - 1] == layer->hidden;
    return fits && layer->bias == CLRNN_BIAS_NONE ? tensor->data : NULL;
}

static clrnn_status add(struct fuse *fuse, struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int i = 0; i < 2; i++) {
        struct graph_node *dense = find_dense(fuse, node->inputs[i]);
        const float *bias = dense != NULL ? find_bias(fuse, node->inputs[1 - i], dense) : NULL;
        if (bias != NULL) {
            TRY(grow_dense(fuse, node, dense, bias, NULL));
            break;
        }
    }
out:
    return status;
}

static clrnn_status activate(struct fuse *fuse, struct graph_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_activation act = node->act;
    struct graph_node *dense = find_dense(fuse, node->inputs[0]);
    if (dense != NULL) {
        TRY(grow_dense(fuse, node, dense, NULL, &act));
    }
out:
    return status;
}

/* Exporters of TensorFlow bring x [...][I] into rows, multiply, and bring the rows back. */
static void multiply_in_place(struct fuse *fuse, struct graph_node *node) {
    struct graph_node *dense = find_dense(fuse, node->inputs[0]);
    const struct graph_node *rows = dense != NULL ? fuse_producer(fuse, dense->inputs[0], 0) : NULL;
    if (rows == NULL || rows->op != GRAPH_RESHAPE) {
        return;
    }
    const struct fuse_value *x = &fuse->values[rows->inputs[0]];
    const clrnn_net_desc *desc = clrnn_net_get_desc(dense->net);
    struct fuse_value wanted = *x;
    if (x->rank < 1 || x->shape[x->rank - 1] != desc->inputs) {
        return;
    }
    wanted.shape[x->rank - 1] = desc->layers->hidden;
    if (!fuse_same_shape(&wanted, &fuse->values[node->outputs[0]])) {
        return;
    }
    node->op = GRAPH_DENSE;
    node->net = dense->net;
    dense->net = NULL; /* and nobody takes what it gives: it goes with the next sweep */
    dense->op = GRAPH_FLATTEN;
    node->layer = dense->layer;
    char *name = node->name;
    node->name = dense->name;
    dense->name = name;
    fuse_rewire(fuse, node, 0, rows->inputs[0]);
    fuse_rewire(fuse, node, 1, -1);
    node->input_count = 1;
}

/* ---- embeddings, softmax --------------------------------------------------------------------- */

/* What has no node and is no constant, the user gives. */
static int is_given(const struct fuse *fuse, int value) {
    return fuse->values[value].producer < 0 && graph_constant(fuse->graph, value) == NULL;
}

/* Rows of a constant table by numbers that the user gives. */
static void look_up(struct fuse *fuse, struct graph_node *node) {
    const clrnn_tensor *table = graph_constant(fuse->graph, node->inputs[0]);
    if (table == NULL || table->rank != 2 || table->dtype != CLRNN_DTYPE_F32 || node->axis != 0) {
        return;
    }
    const struct graph_node *cast = fuse_producer(fuse, node->inputs[1], 0);
    const int ids = cast != NULL && cast->op == GRAPH_CAST ? cast->inputs[0] : node->inputs[1];
    if (ids >= 0 && is_given(fuse, ids)) {
        const clrnn_dtype from = fuse->graph->inputs[fuse->values[ids].slot].dtype;
        if (ids != node->inputs[1] &&
            (cast->to == from || (cast->to == CLRNN_DTYPE_I64 && from == CLRNN_DTYPE_I32))) {
            fuse_rewire(fuse, node, 1, ids); /* which an embedding takes as they are */
        }
        const int swapped = node->inputs[0];
        node->op = GRAPH_EMBEDDING;
        node->inputs[0] = node->inputs[1];
        node->inputs[1] = swapped;
        fuse->has_changed = 1;
    }
}

/* The old softmax over all axes from one on, where that one is the last. */
static void unflatten(struct fuse *fuse, struct graph_node *node) {
    struct graph_node *soft = fuse_producer(fuse, node->inputs[0], 0);
    if (soft == NULL || (soft->op != GRAPH_SOFTMAX && soft->op != GRAPH_LOG_SOFTMAX) ||
        fuse->values[node->inputs[0]].uses != 1 || (soft->axis != -1 && soft->axis != 1)) {
        return;
    }
    const struct graph_node *flat = fuse_producer(fuse, soft->inputs[0], 0);
    if (flat == NULL || flat->op != GRAPH_FLATTEN) {
        return;
    }
    const struct fuse_value *x = &fuse->values[flat->inputs[0]];
    if ((flat->axis == -1 || (x->rank > 0 && flat->axis == x->rank - 1)) &&
        fuse_same_shape(x, &fuse->values[node->outputs[0]])) {
        node->op = soft->op;
        node->axis = -1;
        fuse_rewire(fuse, node, 0, flat->inputs[0]);
        fuse_rewire(fuse, node, 1, -1);
        node->input_count = 1;
    }
}

clrnn_status fuse_layers(struct fuse *fuse, int number) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node *node = &fuse->graph->nodes[number];
    switch (node->op) {
    case GRAPH_MATMUL:
        TRY(product(fuse, node));
        break;
    case GRAPH_ADD:
        TRY(add(fuse, node));
        break;
    case GRAPH_ACTIVATION:
        TRY(activate(fuse, node));
        break;
    case GRAPH_GATHER:
        look_up(fuse, node);
        break;
    case GRAPH_RESHAPE:
        unflatten(fuse, node);
        if (node->op == GRAPH_RESHAPE) {
            multiply_in_place(fuse, node);
        }
        break;
    default:
        break;
    }
out:
    return status;
}

#endif
