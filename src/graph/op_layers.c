/* op_layers.c: Keras' layers that make masks: a table of rows, and steps that are to be skipped. */
#include "graph/graph_ops.h"

#include "core/half.h"
#include "core/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- embedding ------------------------------------------------------------------------------- */

/* An id as a double: exact up to 2^53, which is more than any table has rows; above it stays too
 * large. */
static double read_id(const clrnn_tensor *ids, int64_t i) {
    switch (ids->dtype) {
    case CLRNN_DTYPE_F32:
        return (double)((const float *)tensor_host(ids))[i];
    case CLRNN_DTYPE_F64:
        return ((const double *)tensor_host(ids))[i];
    case CLRNN_DTYPE_F16:
        return half_to_double(((const uint16_t *)tensor_host(ids))[i]);
    case CLRNN_DTYPE_BOOL:
        return ((const unsigned char *)tensor_host(ids))[i] != 0;
    default:
        return (double)graph_op_integer(ids, i);
    }
}

/* "[0][3]" */
static const char *position_text(char text[GRAPH_OP_SHOWN], const clrnn_tensor *tensor,
                                 int64_t index) {
    size_t at = 0;
    text[0] = '\0';
    for (int axis = 0; axis < tensor->rank; axis++) {
        const int64_t inner = graph_op_extent(tensor, axis + 1, tensor->rank);
        at += (size_t)snprintf(text + at, GRAPH_OP_SHOWN - at, "[%lld]",
                               (long long)(index / inner % tensor->shape[axis]));
    }
    return text;
}

/* x [...][E] = table [V][E] at ids [...] */
clrnn_status op_layers_embedding(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *ids = call->inputs[0];
    const clrnn_tensor *table = call->inputs[1];
    const int64_t count = clrnn_tensor_count(ids);
    char text[GRAPH_OP_SHOWN];
    int64_t shape[CLRNN_MAX_RANK + 1];
    void *rows, *mask;
    REQUIRE(table->rank == 2, SHAPE, "%s: its table must be [V][E], got %s", call->label,
            tensor_text(table, text, sizeof text));
    const int64_t vocabulary = table->shape[0];
    for (int64_t i = 0; i < count; i++) {
        const double id = read_id(ids, i);
        REQUIRE(id >= 0 && id < (double)vocabulary && id == floor(id), ARGUMENT,
                "%s: ids must be whole numbers, 0 to %lld, got %.17g at %s", call->label,
                (long long)vocabulary - 1, id, position_text(text, ids, i));
    }
    memcpy(shape, ids->shape, sizeof ids->shape);
    shape[ids->rank] = table->shape[1];
    TRY(graph_op_output(&rows, call, 0, table->dtype, ids->rank + 1, shape));
    TRY(graph_op_output(&mask, call, 1, CLRNN_DTYPE_BOOL, ids->rank, ids->shape));
    const size_t row = (size_t)table->shape[1] * clrnn_dtype_size(table->dtype);
    const char *from = tensor_host(table);
    for (int64_t i = 0; i < count; i++) {
        const size_t id = (size_t)read_id(ids, i);
        if (rows != NULL && row > 0) {
            memcpy((char *)rows + (size_t)i * row, from + id * row, row);
        }
        if (mask != NULL) {
            ((unsigned char *)mask)[i] = id != 0;
        }
    }
out:
    return status;
}

/* ---- masking --------------------------------------------------------------------------------- */

/* 1: one of a step's features is another than `value`. Nothing equals NaN. */
static int is_step_kept(const float *x, int64_t features, float value) {
    for (int64_t i = 0; i < features; i++) {
        if (x[i] != value) {
            return 1;
        }
    }
    return 0;
}

/* x [N][T][I], mask [N][T] */
clrnn_status op_layers_masking(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const clrnn_tensor *before = graph_op_input(call, 1);
    char text[2][GRAPH_OP_SHOWN];
    void *values, *mask;
    REQUIRE(x->dtype == CLRNN_DTYPE_F32 && x->rank == 3, SHAPE,
            "%s: takes float32 [N][T][I], got %s", call->label,
            tensor_text(x, text[0], sizeof text[0]));
    REQUIRE(before == NULL || (before->dtype == CLRNN_DTYPE_BOOL && before->rank == 2 &&
                               before->shape[0] == x->shape[0] && before->shape[1] == x->shape[1]),
            SHAPE, "%s: the mask of %s must be bool [N][T], got %s", call->label,
            tensor_text(x, text[0], sizeof text[0]), tensor_text(before, text[1], sizeof text[1]));
    TRY(graph_op_output(&values, call, 0, CLRNN_DTYPE_F32, 3, x->shape));
    TRY(graph_op_output(&mask, call, 1, CLRNN_DTYPE_BOOL, 2, x->shape));
    const int64_t steps = graph_op_extent(x, 0, 2);
    const int64_t features = x->shape[2];
    const unsigned char *given = before != NULL ? tensor_host(before) : NULL;
    const float *from = tensor_host(x);
    for (int64_t i = 0; i < steps; i++) {
        const float *step = from + i * features;
        const int kept =
            (given == NULL || given[i]) && is_step_kept(step, features, call->node->value);
        if (mask != NULL) {
            ((unsigned char *)mask)[i] = (unsigned char)kept;
        }
        for (int64_t k = 0; values != NULL && k < features; k++) {
            ((float *)values)[i * features + k] = kept ? step[k] : 0;
        }
    }
out:
    return status;
}
