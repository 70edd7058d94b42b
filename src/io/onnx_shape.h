/* onnx_shape.h: what the parts of onnx_shape.c share. */
#ifndef CLRNN_IO_ONNX_SHAPE_H
#define CLRNN_IO_ONNX_SHAPE_H

#include "io/onnx_fuse.h"

#ifdef WITH_PROTOBUF

/* A node and what is known of its inputs; NULL: left out. */
struct shape_query {
    struct fuse *fuse;
    const struct graph_node *node;
    const struct fuse_value *x;
    struct fuse_value *y; /* output 0 */
};

/* Not a symbol. */
int shape_is_number(int64_t extent);
void shape_copy(struct fuse_value *to, const struct fuse_value *from);
const struct fuse_value *shape_input(const struct shape_query *query, int slot);
/* 0 .. rank - 1, or -1: is none. */
int shape_axis(int64_t axis, int rank);
/* 0 where a factor is none that a shape could have, or was so before. */
int64_t shape_times(int64_t a, int64_t b);
/* `with` NULL or unknown: `to` is unknown then. */
void shape_broadcast(struct fuse_value *to, const struct fuse_value *with);
/* y is the same list of integers as x. */
void shape_pass_list(struct shape_query *query);

/* onnx_shape_moves.c: of ops that move data. */
void shape_of_transpose(struct shape_query *query);
void shape_of_squeeze(struct shape_query *query);
void shape_of_unsqueeze(struct shape_query *query);
void shape_of_reshape(struct shape_query *query);
void shape_of_shape(struct shape_query *query);
void shape_of_gather(struct shape_query *query);
void shape_of_slice(struct shape_query *query);
void shape_of_concat(struct shape_query *query);
void shape_of_expand(struct shape_query *query);
void shape_of_constant_of_shape(struct shape_query *query);
void shape_of_flatten(struct shape_query *query);

#endif
#endif
