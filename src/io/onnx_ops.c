/* onnx_ops.c: the table of ops: what reads each, how many inputs it needs and takes. */
#include "io/onnx_nodes.h"

#ifdef WITH_PROTOBUF

#include <string.h>

enum { ANY = -1 };

/* clang-format off */
static const struct onnx_op ops[] = {
    /* type               read                          op                        since needed most outputs */
    {"RNN",               onnx_read_rnn,                GRAPH_NET,                1,    3, 6, 2, 0},
    {"LSTM",              onnx_read_lstm,               GRAPH_NET,                1,    3, 8, 3, 0},
    {"GRU",               onnx_read_gru,                GRAPH_NET,                1,    3, 6, 2, 0},
    {"Transpose",         onnx_nodes_transpose,         GRAPH_TRANSPOSE,          1,    1, 1, 1, 0},
    {"Squeeze",           onnx_nodes_squeeze,           GRAPH_SQUEEZE,            1,    1, 2, 1, 0},
    {"Unsqueeze",         onnx_nodes_squeeze,           GRAPH_UNSQUEEZE,          1,    1, 2, 1, 0},
    {"Reshape",           onnx_nodes_reshape,           GRAPH_RESHAPE,            5,    2, 2, 1, 0},
    {"Flatten",           onnx_nodes_flatten,           GRAPH_FLATTEN,            1,    1, 1, 1, 0},
    {"Concat",            onnx_nodes_concat,            GRAPH_CONCAT,             4,    1, ANY, 1, 0},
    {"Slice",             onnx_nodes_slice,             GRAPH_SLICE,              1,    1, 5, 1, 0},
    {"Gather",            onnx_nodes_gather,            GRAPH_GATHER,             1,    2, 2, 1, 0},
    {"Split",             onnx_nodes_split,             GRAPH_SPLIT,              2,    1, 2, ANY, 0},
    {"Expand",            onnx_nodes_plain,             GRAPH_EXPAND,             8,    2, 2, 1, 0},
    {"Gemm",              onnx_nodes_gemm,              GRAPH_MATMUL,             1,    2, 3, 1, 0},
    {"MatMul",            onnx_nodes_plain,             GRAPH_MATMUL,             1,    2, 2, 1, 0},
    {"Add",               onnx_nodes_plain,             GRAPH_ADD,                7,    2, 2, 1, 0},
    {"Sub",               onnx_nodes_plain,             GRAPH_SUB,                7,    2, 2, 1, 0},
    {"Mul",               onnx_nodes_plain,             GRAPH_MUL,                7,    2, 2, 1, 0},
    {"Div",               onnx_nodes_plain,             GRAPH_DIV,                7,    2, 2, 1, 0},
    {"Pow",               onnx_nodes_plain,             GRAPH_POW,                7,    2, 2, 1, 0},
    {"Min",               onnx_nodes_plain,             GRAPH_MIN,                6,    1, ANY, 1, 0},
    {"Max",               onnx_nodes_plain,             GRAPH_MAX,                6,    1, ANY, 1, 0},
    {"Softmax",           onnx_nodes_softmax,           GRAPH_SOFTMAX,            1,    1, 1, 1, 0},
    {"LogSoftmax",        onnx_nodes_softmax,           GRAPH_LOG_SOFTMAX,        1,    1, 1, 1, 0},
    {"Relu",              onnx_nodes_activation,        GRAPH_ACTIVATION,         6,    1, 1, 1, CLRNN_ACT_RELU},
    {"Tanh",              onnx_nodes_activation,        GRAPH_ACTIVATION,         6,    1, 1, 1, CLRNN_ACT_TANH},
    {"Sigmoid",           onnx_nodes_activation,        GRAPH_ACTIVATION,         6,    1, 1, 1, CLRNN_ACT_SIGMOID},
    {"LeakyRelu",         onnx_nodes_activation,        GRAPH_ACTIVATION,         6,    1, 1, 1, CLRNN_ACT_LEAKY_RELU},
    {"Elu",               onnx_nodes_activation,        GRAPH_ACTIVATION,         6,    1, 1, 1, CLRNN_ACT_ELU},
    {"Selu",              onnx_nodes_activation,        GRAPH_ACTIVATION,         6,    1, 1, 1, CLRNN_ACT_SELU},
    {"HardSigmoid",       onnx_nodes_activation,        GRAPH_ACTIVATION,         6,    1, 1, 1, CLRNN_ACT_HARD_SIGMOID},
    {"Softplus",          onnx_nodes_activation,        GRAPH_ACTIVATION,         1,    1, 1, 1, CLRNN_ACT_SOFTPLUS},
    {"Softsign",          onnx_nodes_activation,        GRAPH_ACTIVATION,         1,    1, 1, 1, CLRNN_ACT_SOFTSIGN},
    {"Celu",              onnx_nodes_activation,        GRAPH_ACTIVATION,         12,   1, 1, 1, CLRNN_ACT_CELU},
    {"ThresholdedRelu",   onnx_nodes_activation,        GRAPH_ACTIVATION,         10,   1, 1, 1, CLRNN_ACT_THRESHOLDED_RELU},
    {"Mish",              onnx_nodes_activation,        GRAPH_ACTIVATION,         18,   1, 1, 1, CLRNN_ACT_MISH},
    {"Gelu",              onnx_nodes_gelu,              GRAPH_ACTIVATION,         20,   1, 1, 1, CLRNN_ACT_GELU},
    {"Identity",          onnx_nodes_identity,          GRAPH_OP_COUNT,           1,    1, 1, 1, 0},
    {"Dropout",           onnx_nodes_dropout,           GRAPH_OP_COUNT,           7,    1, 3, 2, 0},
    {"Constant",          onnx_nodes_constant,          GRAPH_OP_COUNT,           1,    0, 0, 1, 0},
    {"ConstantOfShape",   onnx_nodes_constant_of_shape, GRAPH_CONSTANT_OF_SHAPE,  9,    1, 1, 1, 0},
    {"Shape",             onnx_nodes_shape,             GRAPH_SHAPE,              1,    1, 1, 1, 0},
    {"Size",              onnx_nodes_size,              GRAPH_SHAPE,              1,    1, 1, 1, 0},
    {"Cast",              onnx_nodes_cast,              GRAPH_CAST,               6,    1, 1, 1, 0},
    {"Less",              onnx_nodes_plain,             GRAPH_LESS,               7,    2, 2, 1, 0},
    {"LessOrEqual",       onnx_nodes_plain,             GRAPH_LESS_OR_EQUAL,      12,   2, 2, 1, 0},
    {"Greater",           onnx_nodes_plain,             GRAPH_GREATER,            7,    2, 2, 1, 0},
    {"GreaterOrEqual",    onnx_nodes_plain,             GRAPH_GREATER_OR_EQUAL,   12,   2, 2, 1, 0},
    {"Equal",             onnx_nodes_plain,             GRAPH_EQUAL,              7,    2, 2, 1, 0},
    {"And",               onnx_nodes_plain,             GRAPH_AND,                7,    2, 2, 1, 0},
    {"Or",                onnx_nodes_plain,             GRAPH_OR,                 7,    2, 2, 1, 0},
    {"Not",               onnx_nodes_plain,             GRAPH_NOT,                1,    1, 1, 1, 0},
    {"Where",             onnx_nodes_plain,             GRAPH_WHERE,              9,    3, 3, 1, 0},
    {"Abs",               onnx_nodes_plain,             GRAPH_ABS,                6,    1, 1, 1, 0},
    {"Neg",               onnx_nodes_plain,             GRAPH_NEG,                6,    1, 1, 1, 0},
    {"Exp",               onnx_nodes_plain,             GRAPH_EXP,                6,    1, 1, 1, 0},
    {"Log",               onnx_nodes_plain,             GRAPH_LOG,                6,    1, 1, 1, 0},
    {"Sqrt",              onnx_nodes_plain,             GRAPH_SQRT,               6,    1, 1, 1, 0},
    {"Erf",               onnx_nodes_plain,             GRAPH_ERF,                9,    1, 1, 1, 0},
    {"Clip",              onnx_nodes_clip,              GRAPH_MIN,                6,    1, 3, 1, 0},
    {"ReduceSum",         onnx_nodes_reduce,            GRAPH_REDUCE_SUM,         1,    1, 2, 1, 0},
    {"ReduceMean",        onnx_nodes_reduce,            GRAPH_REDUCE_MEAN,        1,    1, 2, 1, 0},
    {"ReduceMax",         onnx_nodes_reduce,            GRAPH_REDUCE_MAX,         1,    1, 2, 1, 0},
    {"ReduceMin",         onnx_nodes_reduce,            GRAPH_REDUCE_MIN,         1,    1, 2, 1, 0},
    {"Range",             onnx_nodes_plain,             GRAPH_RANGE,              11,   3, 3, 1, 0},
};
/* clang-format on */
enum { OP_COUNT = sizeof ops / sizeof ops[0] };

const struct onnx_op *onnx_op_find(const char *type) {
    for (int i = 0; i < OP_COUNT; i++) {
        if (strcmp(ops[i].type, type) == 0) {
            return &ops[i];
        }
    }
    return NULL;
}

const struct onnx_op *onnx_op_at(int number) {
    return number >= 0 && number < OP_COUNT ? &ops[number] : NULL;
}

int onnx_op_number(const struct onnx_op *op) {
    return (int)(op - ops);
}

#endif
