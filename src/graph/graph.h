/*
 * graph.h: a whole model: values that flow through nodes, in the order in which nodes run.
 *
 * Readers of formats (src/io) make one, session.h runs it, writers look at it. A model of layers is a
 * graph, too: each node takes what the one before gave. Masks are values of their own, which a reader
 * leads from where they are made to the layers that heed them.
 *
 * A reader puts nodes down in an order in which they can run: inputs before the node. What a format
 * says in an older or another way it brings into the one form that graph_op.h describes. Every array
 * is dense and in host memory here.
 */
#ifndef CLRNN_GRAPH_GRAPH_H
#define CLRNN_GRAPH_GRAPH_H

#include "core/status.h"

/* An op takes inputs and gives outputs by place; what each of them is, graph_op.h says. */
#define GRAPH_OP_LIST(X)                                                                           \
    /* layers */                                                                                   \
    X(NET, "recurrent layers")                                                                     \
    X(DENSE, "dense layer")                                                                        \
    X(EMBEDDING, "embedding")                                                                      \
    X(MASKING, "masking")                                                                          \
    X(ACTIVATION, "activation")                                                                    \
    X(SOFTMAX, "softmax")                                                                          \
    X(LOG_SOFTMAX, "log softmax")                                                                  \
    X(FLIP, "flip")                                                                                \
    /* what stands round them in ONNX graphs */                                                    \
    X(TRANSPOSE, "Transpose")                                                                      \
    X(SQUEEZE, "Squeeze")                                                                          \
    X(UNSQUEEZE, "Unsqueeze")                                                                      \
    X(RESHAPE, "Reshape")                                                                          \
    X(FLATTEN, "Flatten")                                                                          \
    X(EXPAND, "Expand")                                                                            \
    X(CONCAT, "Concat")                                                                            \
    X(SLICE, "Slice")                                                                              \
    X(GATHER, "Gather")                                                                            \
    X(SPLIT, "Split")                                                                              \
    X(SHAPE, "Shape")                                                                              \
    X(CONSTANT_OF_SHAPE, "ConstantOfShape")                                                        \
    X(RANGE, "Range")                                                                              \
    X(CAST, "Cast")                                                                                \
    X(MATMUL, "MatMul")                                                                            \
    X(ADD, "Add")                                                                                  \
    X(SUB, "Sub")                                                                                  \
    X(MUL, "Mul")                                                                                  \
    X(DIV, "Div")                                                                                  \
    X(POW, "Pow")                                                                                  \
    X(MIN, "Min")                                                                                  \
    X(MAX, "Max")                                                                                  \
    X(LESS, "Less")                                                                                \
    X(LESS_OR_EQUAL, "LessOrEqual")                                                                \
    X(GREATER, "Greater")                                                                          \
    X(GREATER_OR_EQUAL, "GreaterOrEqual")                                                          \
    X(EQUAL, "Equal")                                                                              \
    X(AND, "And")                                                                                  \
    X(OR, "Or")                                                                                    \
    X(NOT, "Not")                                                                                  \
    X(WHERE, "Where")                                                                              \
    X(ABS, "Abs")                                                                                  \
    X(NEG, "Neg")                                                                                  \
    X(EXP, "Exp")                                                                                  \
    X(LOG, "Log")                                                                                  \
    X(SQRT, "Sqrt")                                                                                \
    X(ERF, "Erf")                                                                                  \
    X(REDUCE_SUM, "ReduceSum")                                                                     \
    X(REDUCE_MEAN, "ReduceMean")                                                                   \
    X(REDUCE_MAX, "ReduceMax")                                                                     \
    X(REDUCE_MIN, "ReduceMin")

enum graph_op {
#define GRAPH_OP_ENUM(name, text) GRAPH_##name,
    GRAPH_OP_LIST(GRAPH_OP_ENUM)
#undef GRAPH_OP_ENUM
        GRAPH_OP_COUNT
};

const char *graph_op_name(enum graph_op op);

/* What flows along an edge. */
struct graph_value {
    char *name;            /* NULL: has none */
    clrnn_tensor constant; /* data (owned): known from the file; NULL: computed, or an input */
};

/* What a user gives or gets, by name. */
struct graph_port {
    char *name;
    int value;
    clrnn_dtype dtype;
    int rank;                      /* -1: unknown */
    int64_t shape[CLRNN_MAX_RANK]; /* -1: any */
    int optional;                  /* input: a node that takes it does without */
    int is_state;                  /* input: a state to start from; output: one to go on with */
};

struct graph_node {
    enum graph_op op;
    char *name;            /* as the file calls it, for messages: "lstm_1", "/rnn/GRU" */
    int layer;             /* in graph->layers; -1: of none */
    int *inputs, *outputs; /* values; -1: left out */
    int input_count, output_count;
    /* What the op is told; what an op does not know stays 0. */
    clrnn_net *net;  /* owned */
    int batch_first; /* NET: x is [N][T][I] and y [N][T][F]; else [T][N][.] */
    int last_only;   /* NET: y is [N][F], the last output of each row and direction */
    clrnn_activation act;
    float value;
    int64_t axis;
    int64_t list[CLRNN_MAX_RANK];
    int list_count;
    int flag;
    clrnn_dtype to;
};

/* A layer as the file and its users see it, for summaries. */
struct graph_layer {
    char *name, *type;             /* "both_ways", "Bidirectional" */
    int rank;                      /* of its output; -1: unknown */
    int64_t shape[CLRNN_MAX_RANK]; /* -1: any, as None in Keras */
    int64_t params, trainable;
};

struct graph {
    struct graph_value *values;
    struct graph_node *nodes;
    struct graph_port *inputs, *outputs;
    struct graph_layer *layers;
    int value_count, node_count, input_count, output_count, layer_count;
    int value_room, node_room, input_room, output_room, layer_room; /* allocated */
    /* The first input is a batch of sequences, [N][T] or [T][N] and perhaps features: one sequence
     * alone, of a rank less, is taken too, and gives outputs without that axis. Else -1. */
    int batch_axis;
};

clrnn_status graph_create(struct graph **out);
void graph_free(struct graph *graph);

/* Each gives the number of what it adds. Names may be NULL; texts and arrays are copied. */
clrnn_status graph_add_value(int *out, struct graph *graph, const char *name);
clrnn_status graph_add_constant(int *out, struct graph *graph, const char *name,
                                const clrnn_tensor *tensor);
/* Takes over tensor->data when it succeeds. */
clrnn_status graph_own_constant(int *out, struct graph *graph, const char *name,
                                const clrnn_tensor *tensor);
/* A port of a new value; its dtype, rank, shape and flags are the caller's to fill in. */
clrnn_status graph_add_input(int *value, struct graph *graph, const char *name);
clrnn_status graph_add_output(struct graph *graph, const char *name, int value);
clrnn_status graph_add_layer(int *out, struct graph *graph, const char *name, const char *type);
/* A node of the newest layer (-1 where there is none yet), which takes `inputs` and gives
 * output_count new values. *out is valid until the next node. */
clrnn_status graph_add_node(struct graph_node **out, struct graph *graph, enum graph_op op,
                            const char *name, const int *inputs, int input_count, int output_count);

/* A constant's view, or NULL where the value (or -1) is none. */
const clrnn_tensor *graph_constant(const struct graph *graph, int value);
/* How many nodes and outputs take a value. */
int graph_uses(const struct graph *graph, int value);

#endif
