/*
 * onnx_write.h: inside onnx_write: a ModelProto while it is put together.
 *
 * All of it lies in an arena and is freed at once. Functions that make something return NULL where
 * memory is out, take NULL for what an earlier one gave, and the build remembers it: who builds looks
 * at the end alone (onnx_build_pack).
 */
#ifndef CLRNN_IO_ONNX_WRITE_H
#define CLRNN_IO_ONNX_WRITE_H

#include "core/net.h"
#include "io/layers_of.h"

#include "onnx.pb-c.h"

#include <jansson.h>

enum { ONNX_OPSET = 17, ONNX_IR = 8, ONNX_NAME = 160 };
/* TensorProto.DataType */
enum { ONNX_FLOAT = 1, ONNX_INT32 = 6, ONNX_INT64 = 7, ONNX_BOOL = 9 };

struct onnx_build {
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    size_t node_room, initializer_room;
    void **blocks; /* the arena */
    size_t block_count, block_room;
    json_t *names;     /* that are taken */
    int failed;        /* memory was out */
    const char *scope; /* what new names begin with: the layer's */
};

void onnx_build_start(struct onnx_build *build);
void onnx_build_free(struct onnx_build *build);
/* The bytes of the model, to be freed by the caller. Errors: MEMORY. */
clrnn_status onnx_build_pack(unsigned char **out, size_t *size, struct onnx_build *build);

/* Zeroed memory of the arena. */
void *onnx_alloc(struct onnx_build *build, size_t count, size_t size);
/* The name, with a number behind it where it is taken; taken from now on. */
char *onnx_name(struct onnx_build *build, const char *wanted);

/* A node with its name and one output, "scope/what"; what is NULL: the scope itself. Inputs end at
 * NULL; "" is one left out. */
Onnx__NodeProto *onnx_node(struct onnx_build *build, const char *op, const char *what,
                           const char *const *inputs);
/* The same with up to three inputs, and of it its output. */
const char *onnx_op(struct onnx_build *build, const char *op, const char *a, const char *b,
                    const char *c);
const char *onnx_output(const Onnx__NodeProto *node, size_t i);
/* One more output; "" where it is not wanted. */
void onnx_add_output(struct onnx_build *build, Onnx__NodeProto *node, const char *what);

void onnx_int(struct onnx_build *build, Onnx__NodeProto *node, const char *name, int64_t value);
void onnx_float(struct onnx_build *build, Onnx__NodeProto *node, const char *name, float value);
void onnx_text(struct onnx_build *build, Onnx__NodeProto *node, const char *name,
               const char *value);
void onnx_ints(struct onnx_build *build, Onnx__NodeProto *node, const char *name, size_t count,
               const int64_t *values);
void onnx_floats(struct onnx_build *build, Onnx__NodeProto *node, const char *name, size_t count,
                 const float *values);
void onnx_texts(struct onnx_build *build, Onnx__NodeProto *node, const char *name, size_t count,
                const char *const *values);

/* Initializers "scope/what"; *data is theirs to fill. */
const char *onnx_weights(float **data, struct onnx_build *build, const char *what, int rank,
                         const int64_t *shape);
const char *onnx_scalar(struct onnx_build *build, const char *what, float value);
/* rank 1, or a scalar with count 0 */
const char *onnx_list(struct onnx_build *build, const char *what, size_t count,
                      const int64_t *values);

/* An input or output of the graph; an extent is a number, or a name where the number is 0. */
void onnx_port(struct onnx_build *build, int is_output, const char *name, int type, int rank,
               const int64_t *shape, const char *const *names);

/* act(x), as nodes. Errors: FORMAT (custom). */
clrnn_status onnx_act(const char **out, struct onnx_build *build, const clrnn_activation *act,
                      const char *x, const char *label);
/* Of activations within recurrent nodes, with how many of alpha, beta they take; NULL: ONNX has none. */
const char *onnx_act_name(int *parameters, const clrnn_activation *act);

/* A recurrent node of one direction or both: X is [T][N][I]. */
struct onnx_recurrent {
    const struct strand *strands[2];
    int count;
    const char *x, *lengths; /* lengths: int32 [N], or NULL */
    int wants_y, wants_h;
};
/* y: [T][D][N][H], h: [D][N][H]. Errors: FORMAT (what ONNX has no equivalent for), MEMORY. */
clrnn_status onnx_recurrent(const char **y, const char **h, struct onnx_build *build,
                            const struct onnx_recurrent *what, const char *label);

#endif
