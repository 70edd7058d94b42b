/*
 * graph_ops.h: between the op table (graph_op.c) and the ops themselves (op_*.c).
 *
 * An op checks what it got, asks for each output by graph_op_output, and fills what it is given. It
 * never sees a wrong number of inputs or one without memory: graph_op.c has looked at both.
 */
#ifndef CLRNN_GRAPH_GRAPH_OPS_H
#define CLRNN_GRAPH_GRAPH_OPS_H

#include "graph/graph_op.h"

enum {
    GRAPH_OP_LABEL = 120, /* of a node in messages; a long name loses its front */
    GRAPH_OP_SHOWN = 200  /* a dtype and CLRNN_MAX_RANK extents of 19 digits */
};

/* A node that runs. */
struct graph_call {
    const struct graph_node *node;
    const clrnn_tensor *const *inputs;  /* [node->input_count] */
    struct graph_array *const *outputs; /* [node->output_count] */
    size_t limit;                       /* bytes that all outputs may take */
    size_t taken;                       /* bytes that they take so far */
    char label[GRAPH_OP_LABEL];         /* "Slice '/rnn/Slice'" */
};

/* As graph_op_run; outputs that take more than `limit` bytes are FORMAT. */
clrnn_status graph_op_run_within(const struct graph_node *node, const clrnn_tensor *const *inputs,
                                 struct graph_array *const *outputs, size_t limit);

/* Bytes of an array; 0 where they are more than memory can hold, even with its zero extents as 1, so
 * that strides do not overflow; else 1. */
int graph_array_bytes(size_t *out, clrnn_dtype dtype, int rank, const int64_t *shape);

/* NULL: left out. */
const clrnn_tensor *graph_op_input(const struct graph_call *call, int input);
/* Memory for an output, or *data = NULL where nobody takes it. */
clrnn_status graph_op_output(void **data, struct graph_call *call, int output, clrnn_dtype dtype,
                             int rank, const int64_t *shape);
/* 0 .. rank - 1 from -rank .. rank - 1 */
clrnn_status graph_op_axis(int *out, const struct graph_call *call, int64_t axis, int rank);
/* The input as a list of int32 or int64, a scalar as a list of one; `what` is for messages. */
clrnn_status graph_op_list(int64_t *list, int *count, const struct graph_call *call, int input,
                           int most, const char *what);
/* The two have one dtype. */
clrnn_status graph_op_same_dtype(const struct graph_call *call, const clrnn_tensor *a,
                                 const clrnn_tensor *b);
/* The op has no arithmetic of this dtype: always fails. */
clrnn_status graph_op_unsupported(const struct graph_call *call, clrnn_dtype dtype);
/* The shape that all of them broadcast to; shape has CLRNN_MAX_RANK extents. */
clrnn_status graph_op_broadcast(int *rank, int64_t *shape, const struct graph_call *call,
                                const clrnn_tensor *const *tensors, int count);

/* Element `index` of an int32 or int64 array. */
int64_t graph_op_integer(const clrnn_tensor *tensor, int64_t index);
/* The product of the extents from axis `from` to before `to`. */
int64_t graph_op_extent(const clrnn_tensor *tensor, int from, int to);

/* What a float op gives for NaN is the one pattern 0x7fc00000, and its like in float64. */
float graph_op_settle(double value);
double graph_op_settle_wide(double value);

typedef clrnn_status graph_op_function(struct graph_call *call);

/* op_layers.c */
graph_op_function op_layers_embedding, op_layers_masking;
/* op_activation.c */
graph_op_function op_activation_apply, op_activation_softmax, op_activation_function;
/* op_shape.c */
graph_op_function op_shape_squeeze, op_shape_unsqueeze, op_shape_reshape, op_shape_flatten,
    op_shape_shape, op_shape_constant, op_shape_range;
/* op_move.c */
graph_op_function op_move_flip, op_move_transpose, op_move_slice, op_move_expand, op_move_split,
    op_move_concat, op_move_gather, op_move_where;
/* op_cast.c */
graph_op_function op_cast_cast;
/* op_math.c */
graph_op_function op_math_binary, op_math_not, op_math_sign;
/* op_matmul.c */
graph_op_function op_matmul_matmul;
/* op_reduce.c */
graph_op_function op_reduce_reduce;

#endif
