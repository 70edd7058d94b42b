/*
 * onnx_fuse.h: what the parts of the fuse pass share.
 *
 * Nodes are looked at in their order, each once in a round, and each rule looks from a node back to
 * those that give its inputs. Nodes and values keep their numbers until all rounds are over; what a
 * rule makes useless it drops, and a sweep between rounds drops what only led there.
 */
#ifndef CLRNN_IO_ONNX_FUSE_H
#define CLRNN_IO_ONNX_FUSE_H

#include "io/onnx_read.h"

#ifdef WITH_PROTOBUF

/* An extent, or an element of a list of integers: a number, or a symbol for one that each run knows,
 * or FUSE_UNKNOWN. Equal symbols are equal numbers. */
#define FUSE_UNKNOWN INT64_MIN
#define FUSE_SYMBOL (INT64_MIN / 2) /* and below, down to FUSE_UNKNOWN + 1 */

/* What is known of a value. */
struct fuse_value {
    int producer; /* node; -1: a constant or an input */
    int slot;     /* which of its outputs; of an input: which of the graph's */
    int uses;     /* by nodes and outputs */
    int alias;    /* the value that is the same; -1: is its own */
    int rank;     /* -1: unknown */
    int64_t shape[CLRNN_MAX_RANK];
    int list_count; /* integers, of a rank up to 1; -1: unknown */
    int64_t list[CLRNN_MAX_RANK];
    int is_zero; /* float32, all +0 */
};

struct fuse {
    struct onnx_reader *reader;
    struct graph *graph;
    struct fuse_value *values; /* [value_count] */
    int value_room;
    unsigned char *is_dropped; /* [node_count] */
    int64_t symbols;           /* given so far */
    int has_changed;           /* in this round */
};

/* ---- onnx_fuse.c ----------------------------------------------------------------------------- */

/* The node that gives a value, NULL: none; only as its output `slot`. */
struct graph_node *fuse_producer(const struct fuse *fuse, int value, int slot);
/* The same, if it is of this op and nobody else takes the value. */
struct graph_node *fuse_only_user(const struct fuse *fuse, int value, enum graph_op op);
/* Whoever takes output 0 of this node takes `value` instead; the node is dropped. */
void fuse_bypass(struct fuse *fuse, int node, int value);
/* A node's input becomes another value. */
void fuse_rewire(struct fuse *fuse, struct graph_node *node, int input, int value);
clrnn_status fuse_add_list(int *out, struct fuse *fuse, const int64_t *list, int count);
/* A constant list of whole numbers, such as axes; 0: is none. */
int fuse_list(int64_t list[CLRNN_MAX_RANK], int *count, const struct fuse *fuse, int value);
/* Whether an input of a node is the constant list of one number. */
int fuse_is_axis(const struct fuse *fuse, const struct graph_node *node, int input, int64_t axis);
/* A constant that is one float and adds no axes. */
int fuse_is_scalar(float *out, const struct fuse *fuse, int value);
/* One of two inputs is such a constant, *other the other one. */
int fuse_has_scalar(float *out, int *other, const struct fuse *fuse, const struct graph_node *node);
int fuse_is_perm(const struct graph_node *node, const int64_t *perm, int count);

/* ---- onnx_shape.c ---------------------------------------------------------------------------- */

/* Of inputs and constants, before the first node of a round; of a node's outputs. */
void fuse_infer_start(struct fuse *fuse);
void fuse_infer(struct fuse *fuse, const struct graph_node *node);
int fuse_same_shape(const struct fuse_value *a, const struct fuse_value *b);

/* ---- rules: each does nothing where it does not fit ------------------------------------------- */

clrnn_status fuse_moves(struct fuse *fuse, int node);  /* onnx_fuse_moves.c */
clrnn_status fuse_nets(struct fuse *fuse, int node);   /* onnx_fuse_nets.c */
void fuse_acts(struct fuse *fuse, int node);           /* onnx_fuse_acts.c */
clrnn_status fuse_layers(struct fuse *fuse, int node); /* onnx_fuse_layers.c */

#endif
#endif
