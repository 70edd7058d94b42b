/*
 * graph_op.h: what each op of a graph does, on host memory.
 *
 * Layers that have a net (NET, DENSE) run on the device: session.h. All others are here.
 *
 *     op                inputs                                outputs
 *     NET               x, mask, lengths, h_0, c_0, o_0       y, h_n, c_n, o_n
 *                       of `net`, laid out by batch_first, last_only. mask [N][T] bool, lengths [N] of
 *                       int32 or int64; states [L D][N][W] (c: [L D][N][H]). All but x and y may be
 *                       left out: o is the last output, which belongs to the state with a mask
 *     DENSE             x [...][I]                            y [...][F]
 *                       of `net`, one layer of the cell dense
 *     EMBEDDING         ids [...], table [V][E] (constant)    y [...][E], mask [...] of bool
 *                       row ids[.] of the table; whole numbers 0 .. V - 1 of any dtype. mask: ids != 0
 *     MASKING           x [N][T][I], mask (may be left out)   y, mask [N][T]
 *                       a step is masked where each x is `value`, or where it was; there y is 0
 *     ACTIVATION        x                                     act(x), element by element
 *     SOFTMAX,
 *     LOG_SOFTMAX       x                                     over `axis`
 *     FLIP              x                                     turned round along `axis`
 *
 * The others are ONNX's ops as of opset 18, where axes, shapes and the like are inputs; what is an
 * attribute there is here:
 *
 *     TRANSPOSE `list` perm (list_count 0: all axes turned round) · CONCAT, GATHER, SPLIT, FLATTEN
 *     `axis` · SPLIT: list_count 0, output_count equal parts where there is no second input ·
 *     RESHAPE `flag` allowzero · CAST `to` · REDUCE_* `flag` keepdims, axes as second input (absent or
 *     empty: all) · SHAPE `list` {start, end} (list_count 0: all) · CONSTANT_OF_SHAPE: a second input
 *     of one element, the value (absent: float32 0)
 *
 * An axis may be negative, as in ONNX. ADD .. MAX, LESS .. OR and WHERE broadcast.
 *
 * Dtypes: float32, float64, float16 (moved, cast), int32, int64, bool. Integers divide towards 0, wrap
 * round, and their division by 0 is an error. Functions of floats are computed in double precision and
 * rounded once, so that all engines give the same bits; sums of MATMUL, REDUCE_SUM and REDUCE_MEAN
 * too. Where ONNX has no rule, a float out of an integer's range is cast to the nearest integer in it,
 * and NaN to 0; a SLICE with a negative step that ends at INT32_MAX or INT64_MAX goes on to the first
 * element, as in ONNX Runtime. NaN is float32 0x7fc00000 (and its like) where it is computed.
 */
#ifndef CLRNN_GRAPH_GRAPH_OP_H
#define CLRNN_GRAPH_GRAPH_OP_H

#include "graph/graph.h"

/* A value while it is computed. Memory stays for the next run, and grows where it must. */
struct graph_array {
    clrnn_tensor tensor; /* dense; data is within `memory`, or lent by the caller of a session */
    void *memory;        /* owned */
    size_t capacity;     /* bytes of memory */
};

/* A dense host array of zero bytes or more, uninitialised. Errors: MEMORY, SHAPE (more than memory can
 * hold). */
clrnn_status graph_array_make(struct graph_array *out, clrnn_dtype dtype, int rank,
                              const int64_t *shape);
void graph_array_free(struct graph_array *array);

/* Runs a node that has no net. inputs: [input_count], NULL where left out, dense host arrays; outputs:
 * [output_count], NULL where nobody takes it. Errors: SHAPE and ARGUMENT with the node's name, the rule
 * and what it got; MEMORY; UNSUPPORTED (a dtype). */
clrnn_status graph_op_run(const struct graph_node *node, const clrnn_tensor *const *inputs,
                          struct graph_array *const *outputs);

/* If every input of the newest node is constant or left out, runs it, makes its outputs constants and
 * takes it out of the graph: *folded is 1. `limit` is what all its outputs may take in bytes: beyond
 * it is FORMAT, as is whatever else is wrong but MEMORY: it is the file that says so. Nodes with a net
 * stay, and nodes without inputs. */
clrnn_status graph_fold_last(int *folded, struct graph *graph, size_t limit);

#endif
