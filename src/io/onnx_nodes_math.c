/* onnx_nodes_math.c: ops that compute, and those that make constants. */
#include "io/onnx_nodes.h"

#ifdef WITH_PROTOBUF

#include <stdlib.h>
#include <string.h>

/* ---- activations ----------------------------------------------------------------------------- */

/* Those with parameters say them by these names; what is not said has ONNX's default, which is
 * clrnn.h's. */
clrnn_status onnx_nodes_activation(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node like = {.op = GRAPH_ACTIVATION, .act = {.kind = node->op->act}};
    const clrnn_act kind = node->op->act;
    const char *second = kind == CLRNN_ACT_SELU ? "gamma" : "beta";
    const int has_second = kind == CLRNN_ACT_SELU || kind == CLRNN_ACT_HARD_SIGMOID;
    const int has_first = has_second || kind == CLRNN_ACT_LEAKY_RELU || kind == CLRNN_ACT_ELU ||
                          kind == CLRNN_ACT_CELU || kind == CLRNN_ACT_THRESHOLDED_RELU;
    /* ONNX's defaults */
    const float alpha = kind == CLRNN_ACT_SELU           ? 1.67326319217681884765625f
                        : kind == CLRNN_ACT_HARD_SIGMOID ? 0.2f
                        : kind == CLRNN_ACT_LEAKY_RELU   ? 0.01f
                                                         : 1.0f;
    const float beta = kind == CLRNN_ACT_SELU ? 1.05070102214813232421875f : 0.5f;
    if (has_first) {
        TRY(onnx_get_float(&like.act.alpha, node, "alpha", alpha));
        like.act.parameters = 1;
    }
    if (has_second) {
        TRY(onnx_get_float(&like.act.beta, node, second, beta));
        like.act.parameters = 2;
    }
    TRY(onnx_nodes_emit(node, &like, node->inputs, 1));
out:
    return status;
}

static int is_text(const Onnx__AttributeProto *attribute, const char *text) {
    return attribute->s.len == strlen(text) && memcmp(attribute->s.data, text, strlen(text)) == 0;
}

clrnn_status onnx_nodes_gelu(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node like = {.op = GRAPH_ACTIVATION, .act = {.kind = CLRNN_ACT_GELU}};
    const Onnx__AttributeProto *how;
    TRY(onnx_attribute(&how, node, "approximate", ONNX_STRING));
    if (how != NULL) {
        REQUIRE(is_text(how, "none") || is_text(how, "tanh"), FORMAT,
                "%s: approximate must be none or tanh, got '%.*s'", node->label,
                (int)(how->s.len < 60 ? how->s.len : 60), (const char *)how->s.data);
        like.act.kind = is_text(how, "tanh") ? CLRNN_ACT_GELU_TANH : CLRNN_ACT_GELU;
    }
    TRY(onnx_nodes_emit(node, &like, node->inputs, 1));
out:
    return status;
}

/* min(max(x, low), high); a bound that is left out is none. */
clrnn_status onnx_nodes_clip(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    static const char *const names[] = {"min", "max"};
    const struct graph_node likes[] = {{.op = GRAPH_MAX}, {.op = GRAPH_MIN}};
    int value = node->inputs[0];
    for (int i = 0; i < 2; i++) {
        const Onnx__AttributeProto *bound = NULL;
        int inputs[2] = {value, onnx_input(node, i + 1)};
        if (node->reader->opset < 11) {
            REQUIRE(node->input_count == 1, FORMAT, "%s: its bounds are attributes before opset 11",
                    node->label);
            TRY(onnx_attribute(&bound, node, names[i], ONNX_FLOAT));
        }
        if (bound != NULL) {
            TRY(onnx_add_float(&inputs[1], node, bound->f));
        }
        if (inputs[1] >= 0) {
            TRY(onnx_emit_one(&value, node, &likes[i], inputs, 2));
        }
    }
    TRY(onnx_bind(node, 0, value));
out:
    return status;
}

/* Before opset 13 all axes from `axis` on are one: flattened, and brought back. */
clrnn_status onnx_nodes_softmax(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int is_old = node->reader->opset < 13;
    struct graph_node like = {.op = node->op->op};
    int64_t axis;
    TRY(onnx_get_int(&axis, node, "axis", is_old ? 1 : -1));
    like.axis = is_old ? -1 : axis;
    if (!is_old || axis == -1) {
        TRY(onnx_nodes_emit(node, &like, node->inputs, 1));
        goto out;
    }
    const struct graph_node shape = {.op = GRAPH_SHAPE};
    const struct graph_node flatten = {.op = GRAPH_FLATTEN, .axis = axis};
    const struct graph_node back = {.op = GRAPH_RESHAPE};
    int flat, result[2]; /* and its shape */
    TRY(onnx_emit_one(&result[1], node, &shape, node->inputs, 1));
    TRY(onnx_emit_one(&flat, node, &flatten, node->inputs, 1));
    TRY(onnx_emit_one(&result[0], node, &like, &flat, 1));
    TRY(onnx_nodes_emit(node, &back, result, 2));
out:
    return status;
}

/* ---- Gemm ------------------------------------------------------------------------------------ */

static clrnn_status scale(int *value, struct onnx_node *node, float by) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (by != 1.0f) {
        const struct graph_node like = {.op = GRAPH_MUL};
        int inputs[2] = {*value, -1};
        TRY(onnx_add_float(&inputs[1], node, by));
        TRY(onnx_emit_one(value, node, &like, inputs, 2));
    }
out:
    return status;
}

/* alpha A B + beta C. What is constant is multiplied here and now, so that a Gemm of exporters is a
 * product and a sum. */
clrnn_status onnx_nodes_gemm(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph_node transpose = {.op = GRAPH_TRANSPOSE, .list = {1, 0}, .list_count = 2};
    const struct graph_node multiply = {.op = GRAPH_MATMUL}, add = {.op = GRAPH_ADD};
    int product[2] = {node->inputs[0], node->inputs[1]};
    int sum[2] = {-1, onnx_input(node, 2)};
    int turned[2];
    float alpha, beta;
    TRY(onnx_get_float(&alpha, node, "alpha", 1.0f));
    TRY(onnx_get_float(&beta, node, "beta", 1.0f));
    TRY(onnx_get_flag(&turned[0], node, "transA", 0));
    TRY(onnx_get_flag(&turned[1], node, "transB", 0));
    for (int i = 0; i < 2; i++) {
        const clrnn_tensor *known = graph_constant(node->reader->graph, product[i]);
        REQUIRE(known == NULL || known->rank == 2, FORMAT, "%s: %s must have 2 axes, got %d",
                node->label, i == 0 ? "A" : "B", known->rank);
        if (turned[i]) {
            TRY(onnx_emit_one(&product[i], node, &transpose, &product[i], 1));
        }
    }
    REQUIRE(sum[1] >= 0 || node->reader->opset >= 11, FORMAT, "%s: needs C before opset 11",
            node->label);
    const int is_constant = graph_constant(node->reader->graph, product[1]) != NULL;
    TRY(scale(&product[is_constant ? 1 : 0], node, alpha));
    if (sum[1] < 0 || beta == 0.0f) {
        TRY(onnx_nodes_emit(node, &multiply, product, 2));
        goto out;
    }
    TRY(onnx_emit_one(&sum[0], node, &multiply, product, 2));
    TRY(scale(&sum[1], node, beta));
    TRY(onnx_nodes_emit(node, &add, sum, 2));
out:
    return status;
}

/* ---- Dropout --------------------------------------------------------------------------------- */

/* Does nothing but in training; its mask would be all true. */
clrnn_status onnx_nodes_dropout(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { RATIO = 1, TRAINING = 2, MASK = 1 };
    const clrnn_tensor *training = graph_constant(node->reader->graph, onnx_input(node, TRAINING));
    float ratio;
    int64_t seed;
    REQUIRE(onnx_input(node, TRAINING) < 0 ||
                (training != NULL && training->dtype == CLRNN_DTYPE_BOOL &&
                 clrnn_tensor_count(training) == 1 && *(const unsigned char *)training->data == 0),
            FORMAT, "%s: training is not supported, training_mode must be false", node->label);
    if (node->reader->opset < 12) {
        REQUIRE(node->input_count == 1, FORMAT, "%s: takes one input before opset 12", node->label);
        TRY(onnx_get_float(&ratio, node, "ratio", 0.5f));
    } else {
        TRY(onnx_get_int(&seed, node, "seed", 0));
    }
    TRY(onnx_bind(node, 0, node->inputs[0]));
    TRY(onnx_bind(node, MASK, ONNX_NO_MASK));
out:
    return status;
}

/* ---- constants ------------------------------------------------------------------------------- */

static clrnn_status own(struct onnx_node *node, clrnn_tensor *tensor) {
    clrnn_status status = CLRNN_STATUS_OK;
    int value;
    TRY(graph_own_constant(&value, node->reader->graph, NULL, tensor));
    tensor->data = NULL;
    TRY(onnx_bind(node, 0, value));
out:
    return status;
}

static clrnn_status copy(struct onnx_node *node, clrnn_dtype dtype, int rank, size_t count,
                         const void *data) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor tensor = {
        .data = (void *)data, .dtype = dtype, .rank = rank, .shape = {(int64_t)count}};
    int value;
    TRY(graph_add_constant(&value, node->reader->graph, NULL, &tensor));
    TRY(onnx_bind(node, 0, value));
out:
    return status;
}

clrnn_status onnx_nodes_constant(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { VALUE, ONE_FLOAT, ONE_INT, FLOATS, INTS, FORMS };
    static const struct {
        const char *name;
        enum onnx_type type;
    } forms[FORMS] = {
        [VALUE] = {"value", ONNX_TENSOR},    [ONE_FLOAT] = {"value_float", ONNX_FLOAT},
        [ONE_INT] = {"value_int", ONNX_INT}, [FLOATS] = {"value_floats", ONNX_FLOATS},
        [INTS] = {"value_ints", ONNX_INTS},
    };
    const Onnx__AttributeProto *found[FORMS];
    clrnn_tensor tensor = {0};
    int count = 0;
    for (int i = 0; i < FORMS; i++) {
        TRY(onnx_attribute(&found[i], node, forms[i].name, forms[i].type));
        count += found[i] != NULL;
    }
    TRY(onnx_attributes_done(node)); /* strings and sparse tensors */
    REQUIRE(count == 1, FORMAT, "%s: needs one value, got %d", node->label, count);
    if (found[VALUE] != NULL) {
        TRY(onnx_tensor_read(&tensor, found[VALUE]->t, node->label, "value"));
        TRY(own(node, &tensor));
    } else if (found[ONE_FLOAT] != NULL) {
        TRY(copy(node, CLRNN_DTYPE_F32, 0, 1, &found[ONE_FLOAT]->f));
    } else if (found[ONE_INT] != NULL) {
        TRY(copy(node, CLRNN_DTYPE_I64, 0, 1, &found[ONE_INT]->i));
    } else if (found[FLOATS] != NULL) {
        TRY(copy(node, CLRNN_DTYPE_F32, 1, found[FLOATS]->n_floats, found[FLOATS]->floats));
    } else {
        TRY(copy(node, CLRNN_DTYPE_I64, 1, found[INTS]->n_ints, found[INTS]->ints));
    }
out:
    free(tensor.data);
    return status;
}

clrnn_status onnx_nodes_constant_of_shape(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph_node like = {.op = GRAPH_CONSTANT_OF_SHAPE};
    const Onnx__AttributeProto *value;
    clrnn_tensor tensor = {0};
    int inputs[2] = {node->inputs[0], -1};
    TRY(onnx_attribute(&value, node, "value", ONNX_TENSOR));
    if (value != NULL) {
        TRY(onnx_tensor_read(&tensor, value->t, node->label, "value"));
        REQUIRE(clrnn_tensor_count(&tensor) == 1, FORMAT, "%s: value must be one number, got %lld",
                node->label, (long long)clrnn_tensor_count(&tensor));
        TRY(graph_own_constant(&inputs[1], node->reader->graph, NULL, &tensor));
        tensor.data = NULL;
    }
    TRY(onnx_nodes_emit(node, &like, inputs, value != NULL ? 2 : 1));
out:
    free(tensor.data);
    return status;
}

clrnn_status onnx_nodes_shape(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph_node like = {.op = GRAPH_SHAPE};
    if (node->reader->opset >= 15) {
        TRY(onnx_get_int(&like.list[0], node, "start", 0));
        TRY(onnx_get_int(&like.list[1], node, "end", INT64_MAX));
        like.list_count = like.list[0] != 0 || like.list[1] != INT64_MAX ? 2 : 0;
    }
    TRY(onnx_nodes_emit(node, &like, node->inputs, 1));
out:
    return status;
}

/* How many elements: the columns of x as one row, without an axis. */
clrnn_status onnx_nodes_size(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph_node flatten = {.op = GRAPH_FLATTEN, .axis = 0};
    const struct graph_node shape = {.op = GRAPH_SHAPE, .list = {1, 2}, .list_count = 2};
    const struct graph_node squeeze = {.op = GRAPH_SQUEEZE};
    int value;
    TRY(onnx_emit_one(&value, node, &flatten, node->inputs, 1));
    TRY(onnx_emit_one(&value, node, &shape, &value, 1));
    TRY(onnx_nodes_emit(node, &squeeze, &value, 1));
out:
    return status;
}

#endif
