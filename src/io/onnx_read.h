/*
 * onnx_read.h: what the parts of the reader of ONNX models share.
 *
 * Nodes are read in the file's order, which must be one in which they can run. Each becomes one or
 * more nodes of the graph, in the form that graph_op.h describes; whatever is known from the file
 * alone is computed at once (onnx_emit), so that weights behind a Transpose are constants. What is
 * not understood is refused by name: an op, an attribute, a type.
 */
#ifndef CLRNN_IO_ONNX_READ_H
#define CLRNN_IO_ONNX_READ_H

#ifdef WITH_PROTOBUF

#include "graph/graph_op.h"

#include "onnx.pb-c.h"

/* ---- names ----------------------------------------------------------------------------------- */

enum { ONNX_LATER = -1, ONNX_NO_MASK = -2 };

/* A name and the value that it stands for: a number, or ONNX_LATER: what defines it has not been
 * read yet; ONNX_NO_MASK: the mask of a Dropout, which is not computed. */
struct onnx_name {
    const char *text; /* the file's */
    int value;
    int is_output; /* of the model */
};

/* Every name that a graph defines, sorted: no choice of names makes looking one up slow. */
struct onnx_names {
    struct onnx_name *list;
    size_t count;
};

/* Errors: FORMAT (a name that is defined twice), MEMORY. */
clrnn_status onnx_names_make(struct onnx_names *out, const Onnx__GraphProto *proto,
                             const char *label);
void onnx_names_free(struct onnx_names *names);
/* NULL: nothing defines it. */
struct onnx_name *onnx_names_find(const struct onnx_names *names, const char *text);

/* ---- the reader ------------------------------------------------------------------------------ */

struct onnx_reader {
    struct graph *graph;
    const Onnx__GraphProto *proto;
    const char *label; /* of the file */
    int64_t opset;
    struct onnx_names names;
    size_t bytes_left; /* that folded constants may still take */
    size_t work_left;  /* elements that folding may still touch */
    size_t nets_left;  /* bytes that weights of nets may still take: each net has its own */
};

enum { ONNX_LABEL = 240, ONNX_MAX_ATTRIBUTES = 64 };

/* A node of the file while it is read. */
struct onnx_node {
    struct onnx_reader *reader;
    const Onnx__NodeProto *proto;
    const struct onnx_op *op;
    const char *name;       /* for messages and listings: its own, or that of its first output */
    char label[ONNX_LABEL]; /* "model.onnx: GRU '/rnn/GRU'" */
    int *inputs;            /* values; -1: left out */
    int input_count;        /* without those left out at the end */
    int output_count;
    uint64_t seen; /* bits: attributes that were asked for */
};

/* How an op of ONNX is read. */
struct onnx_op {
    const char *type;                             /* "Gemm" */
    clrnn_status (*read)(struct onnx_node *node); /* binds the node's outputs */
    enum graph_op op;                             /* of most */
    int since;                                    /* opset in which it appeared */
    int needed, most;                             /* inputs; most -1: any number */
    int outputs;                                  /* at most; -1: any number */
    clrnn_act act;                                /* of activations */
};

/* NULL: is not supported. */
const struct onnx_op *onnx_op_find(const char *type);
/* By number, for the fuse pass: graph_node.layer holds it until layers are made. */
const struct onnx_op *onnx_op_at(int number);
int onnx_op_number(const struct onnx_op *op);

clrnn_status onnx_read_rnn(struct onnx_node *node);
clrnn_status onnx_read_lstm(struct onnx_node *node);
clrnn_status onnx_read_gru(struct onnx_node *node);

/* ---- attributes: onnx_attributes.c ----------------------------------------------------------- */

/* Types of attributes, as files number them. */
enum onnx_type {
    ONNX_FLOAT = 1,
    ONNX_INT,
    ONNX_STRING,
    ONNX_TENSOR,
    ONNX_FLOATS = 6,
    ONNX_INTS,
    ONNX_STRINGS
};

/* *out NULL: is not there. Errors: FORMAT (is of another type). */
clrnn_status onnx_attribute(const Onnx__AttributeProto **out, struct onnx_node *node,
                            const char *name, enum onnx_type type);
clrnn_status onnx_get_int(int64_t *out, struct onnx_node *node, const char *name, int64_t fallback);
clrnn_status onnx_get_float(float *out, struct onnx_node *node, const char *name, float fallback);
/* 0 or 1. */
clrnn_status onnx_get_flag(int *out, struct onnx_node *node, const char *name, int fallback);
/* At most CLRNN_MAX_RANK numbers; *count -1: is not there. */
clrnn_status onnx_get_ints(int64_t *list, int *count, struct onnx_node *node, const char *name);
/* Refuses attributes that nobody asked for, and names that come twice. */
clrnn_status onnx_attributes_done(struct onnx_node *node);

/* ---- tensors: onnx_tensor.c ------------------------------------------------------------------ */

/* "FLOAT16" */
const char *onnx_type_name(int32_t type);
/* How values of a type are kept: 16-bit floats as float32. Errors: FORMAT. */
clrnn_status onnx_dtype(clrnn_dtype *out, int32_t type, const char *label, const char *what);
/* A dense array, its data to be freed by the caller. Errors: FORMAT, MEMORY. */
clrnn_status onnx_tensor_read(clrnn_tensor *out, const Onnx__TensorProto *proto, const char *label,
                              const char *what);

/* ---- putting the graph together: onnx_emit.c ------------------------------------------------- */

/* Adds a node with what `like` is told (axis, list, flag, act, to), folds it where it can, and gives
 * its output_count values. */
clrnn_status onnx_emit(int *outputs, struct onnx_node *node, const struct graph_node *like,
                       const int *inputs, int input_count, int output_count);
/* One output. */
clrnn_status onnx_emit_one(int *output, struct onnx_node *node, const struct graph_node *like,
                           const int *inputs, int input_count);
/* A constant list of int64 (rank 1), and a constant float32 without axes. */
clrnn_status onnx_add_list(int *out, struct onnx_node *node, const int64_t *list, int count);
clrnn_status onnx_add_float(int *out, struct onnx_node *node, float value);
/* The name of an output now stands for a value. An output that is left out is passed over. */
clrnn_status onnx_bind(struct onnx_node *node, int output, int value);
/* 1: a net may have this many weights, and has been counted. A file may give one array to any number
 * of nodes, and be small. */
int onnx_take_weights(struct onnx_reader *reader, int64_t count);
/* The number of an input, -1: left out. */
int onnx_input(const struct onnx_node *node, int input);
int onnx_wants_output(const struct onnx_node *node, int output);

/* ---- after reading: onnx_fuse.c -------------------------------------------------------------- */

/* Brings exporters' ways of saying things into plain chains of layers, drops what nobody takes, and
 * lists the layers. Values stay the same. */
clrnn_status onnx_fuse(struct onnx_reader *reader);

#endif
#endif
