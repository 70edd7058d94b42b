/*
 * op_matmul.c: products of matrices, with the axes before the last two broadcast.
 *
 * Each sum is one accumulator that takes k in ascending order: a double, or a whole number of 64 bits
 * that wraps round. A row of accumulators goes through b row by row, so that it is read as it lies.
 */
#include "graph/graph_ops.h"
#include "graph/op_walk.h"

#include "core/tensor.h"

#include <string.h>

/* a [M][K], b [K][N] */
struct product {
    int64_t rows, columns, depth; /* M, N, K */
};

enum { TILE = 64 }; /* accumulators: they stay in the nearest cache, or in registers */

#define PRODUCT(name, type, total, settle)                                                         \
    static void multiply_##name(const struct product *p, void *to, const void *x, const void *y) { \
        for (int64_t i = 0; i < p->rows; i++) {                                                    \
            const type *a = (const type *)x + i * p->depth;                                        \
            type *out = (type *)to + i * p->columns;                                               \
            for (int64_t first = 0; first < p->columns; first += TILE) {                           \
                const int64_t left = p->columns - first;                                           \
                const int64_t width = left < TILE ? left : TILE;                                   \
                total sums[TILE] = {0};                                                            \
                for (int64_t k = 0; k < p->depth; k++) {                                           \
                    const type *b = (const type *)y + k * p->columns + first;                      \
                    for (int64_t j = 0; j < width; j++) {                                          \
                        sums[j] += (total)a[k] * (total)b[j];                                      \
                    }                                                                              \
                }                                                                                  \
                for (int64_t j = 0; j < width; j++) {                                              \
                    out[first + j] = settle(sums[j]);                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
PRODUCT(f32, float, double, graph_op_settle)
PRODUCT(f64, double, double, graph_op_settle_wide)
PRODUCT(i32, int32_t, uint64_t, (int32_t))
PRODUCT(i64, int64_t, uint64_t, (int64_t))
#undef PRODUCT

typedef void multiply(const struct product *, void *, const void *, const void *);

/* A vector as a matrix: [K] is [1][K] on the left, [K][1] on the right. */
static clrnn_tensor as_matrix(const clrnn_tensor *tensor, int is_left) {
    clrnn_tensor matrix = *tensor;
    if (tensor->rank == 1) {
        matrix.rank = 2;
        matrix.shape[0] = is_left ? 1 : tensor->shape[0];
        matrix.shape[1] = is_left ? tensor->shape[0] : 1;
    }
    return matrix;
}

/* What stands before the last two axes. */
static clrnn_tensor batch_of(const clrnn_tensor *matrix) {
    clrnn_tensor batch = *matrix;
    batch.rank -= 2;
    return batch;
}

clrnn_status op_matmul_matmul(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    static multiply *const multiplies[CLRNN_DTYPE_TEXT] = {
        [CLRNN_DTYPE_F32] = multiply_f32,
        [CLRNN_DTYPE_F64] = multiply_f64,
        [CLRNN_DTYPE_I32] = multiply_i32,
        [CLRNN_DTYPE_I64] = multiply_i64,
    };
    const clrnn_tensor *x = call->inputs[0];
    const clrnn_tensor *y = call->inputs[1];
    char text[2][GRAPH_OP_SHOWN];
    int64_t batches[CLRNN_MAX_RANK];
    int64_t shape[CLRNN_MAX_RANK];
    int rank = 0;
    void *data;
    TRY(graph_op_same_dtype(call, x, y));
    if (multiplies[x->dtype] == NULL) {
        TRY(graph_op_unsupported(call, x->dtype));
    }
    REQUIRE(x->rank > 0 && y->rank > 0, SHAPE, "%s: takes no scalars, got %s and %s", call->label,
            tensor_text(x, text[0], sizeof text[0]), tensor_text(y, text[1], sizeof text[1]));
    const clrnn_tensor a = as_matrix(x, 1);
    const clrnn_tensor b = as_matrix(y, 0);
    const struct product product = {a.shape[a.rank - 2], b.shape[b.rank - 1], a.shape[a.rank - 1]};
    REQUIRE(product.depth == b.shape[b.rank - 2], SHAPE,
            "%s: columns of the first must be rows of the second, got %s and %s", call->label,
            tensor_text(x, text[0], sizeof text[0]), tensor_text(y, text[1], sizeof text[1]));
    const clrnn_tensor batch_a = batch_of(&a);
    const clrnn_tensor batch_b = batch_of(&b);
    TRY(graph_op_broadcast(&rank, batches, call, (const clrnn_tensor *const[]){&batch_a, &batch_b},
                           2));
    const int batch_rank = rank;
    memcpy(shape, batches, sizeof shape);
    if (x->rank > 1) {
        shape[rank++] = product.rows;
    }
    if (y->rank > 1) {
        shape[rank++] = product.columns;
    }
    TRY(graph_op_output(&data, call, 0, x->dtype, rank, shape));
    if (data == NULL || clrnn_tensor_count(&call->outputs[0]->tensor) == 0) {
        goto out;
    }
    const size_t item = clrnn_dtype_size(x->dtype);
    const int64_t size_a = product.rows * product.depth * (int64_t)item;
    const int64_t size_b = product.depth * product.columns * (int64_t)item;
    const size_t size = (size_t)(product.rows * product.columns) * item;
    struct op_strides strides[2];
    struct op_walk walk;
    op_walk_broadcast(&strides[0], &batch_a, batch_rank);
    op_walk_broadcast(&strides[1], &batch_b, batch_rank);
    op_walk_begin(&walk, batch_rank, batches, 2, strides);
    char *to = data;
    do {
        for (int64_t i = 0; i < walk.run; i++) {
            const int64_t at_a = walk.at[0] + i * walk.step[0];
            const int64_t at_b = walk.at[1] + i * walk.step[1];
            multiplies[x->dtype](&product, to, (const char *)tensor_host(x) + at_a * size_a,
                                 (const char *)tensor_host(y) + at_b * size_b);
            to += size;
        }
    } while (op_walk_next(&walk));
out:
    return status;
}
