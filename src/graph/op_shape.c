/*
 * op_shape.c: ops that give the same elements another shape, and those that make an array of a shape
 * or a shape of an array.
 */
#include "graph/graph_ops.h"

#include "core/tensor.h"

#include <math.h>
#include <string.h>

/* ---- the same elements ----------------------------------------------------------------------- */

static clrnn_status copy_as(struct graph_call *call, int rank, const int64_t *shape) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const size_t bytes = (size_t)clrnn_tensor_count(x) * clrnn_dtype_size(x->dtype);
    void *data;
    TRY(graph_op_output(&data, call, 0, x->dtype, rank, shape));
    if (data != NULL && bytes > 0) {
        memcpy(data, tensor_host(x), bytes);
    }
out:
    return status;
}

/* Marks the axes that input 1 names, each once. */
static clrnn_status read_axes(int marked[CLRNN_MAX_RANK], int *count, const struct graph_call *call,
                              int rank) {
    clrnn_status status = CLRNN_STATUS_OK;
    int64_t axes[CLRNN_MAX_RANK];
    TRY(graph_op_list(axes, count, call, 1, CLRNN_MAX_RANK, "axes"));
    for (int i = 0; i < *count; i++) {
        int axis = 0;
        TRY(graph_op_axis(&axis, call, axes[i], rank));
        REQUIRE(!marked[axis], SHAPE, "%s: axes must differ, got %d twice", call->label, axis);
        marked[axis] = 1;
    }
out:
    return status;
}

clrnn_status op_shape_squeeze(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    int marked[CLRNN_MAX_RANK] = {0};
    int64_t shape[CLRNN_MAX_RANK];
    int count = 0;
    int rank = 0;
    const int given = graph_op_input(call, 1) != NULL;
    if (given) {
        TRY(read_axes(marked, &count, call, x->rank));
    }
    for (int axis = 0; axis < x->rank; axis++) {
        REQUIRE(!marked[axis] || x->shape[axis] == 1, SHAPE,
                "%s: axis %d must be 1 to be taken out, got %lld", call->label, axis,
                (long long)x->shape[axis]);
        if (given ? !marked[axis] : x->shape[axis] != 1) {
            shape[rank++] = x->shape[axis];
        }
    }
    TRY(copy_as(call, rank, shape));
out:
    return status;
}

clrnn_status op_shape_unsqueeze(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    int marked[CLRNN_MAX_RANK] = {0};
    int64_t list[CLRNN_MAX_RANK];
    int64_t shape[CLRNN_MAX_RANK];
    int count = 0;
    TRY(graph_op_list(list, &count, call, 1, CLRNN_MAX_RANK, "axes"));
    const int rank = x->rank + count;
    REQUIRE(rank <= CLRNN_MAX_RANK, SHAPE, "%s: the result's rank must be 0 to %d, got %d",
            call->label, CLRNN_MAX_RANK, rank);
    TRY(read_axes(marked, &count, call, rank));
    for (int axis = 0, from = 0; axis < rank; axis++) {
        shape[axis] = marked[axis] ? 1 : x->shape[from++];
    }
    TRY(copy_as(call, rank, shape));
out:
    return status;
}

/* 0: the input's extent, unless allowzero; -1: what is left. */
clrnn_status op_shape_reshape(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const int64_t count = clrnn_tensor_count(x);
    char text[2][GRAPH_OP_SHOWN];
    clrnn_tensor wanted = {.dtype = x->dtype};
    int open = -1; /* the axis that is -1 */
    int zeros = 0;
    TRY(graph_op_list(wanted.shape, &wanted.rank, call, 1, CLRNN_MAX_RANK, "shape"));
    tensor_text(&wanted, text[0], sizeof text[0]); /* as it is asked for */
    for (int axis = 0; axis < wanted.rank; axis++) {
        int64_t *extent = &wanted.shape[axis];
        REQUIRE(*extent >= -1, SHAPE, "%s: an extent must be -1 or more, got %lld for axis %d",
                call->label, (long long)*extent, axis);
        if (*extent == -1) {
            REQUIRE(open < 0, SHAPE, "%s: one axis may be -1, got axes %d and %d", call->label,
                    open, axis);
            open = axis;
            *extent = 1;
        } else if (*extent == 0 && !call->node->flag) {
            REQUIRE(axis < x->rank, SHAPE, "%s: axis %d is 0, the input's own, but that is %s",
                    call->label, axis, tensor_text(x, text[1], sizeof text[1]));
            *extent = x->shape[axis];
        }
        zeros += *extent == 0;
    }
    REQUIRE(open < 0 || zeros == 0, SHAPE, "%s: -1 beside an axis of 0 may be anything, got %s",
            call->label, text[0]);
    size_t bytes = 0;
    REQUIRE(graph_array_bytes(&bytes, CLRNN_DTYPE_BOOL, wanted.rank, wanted.shape), SHAPE,
            "%s: %s is more than memory can hold", call->label, text[0]);
    if (open >= 0 && count % (int64_t)bytes == 0) {
        wanted.shape[open] = count / (int64_t)bytes;
        bytes = (size_t)count;
    }
    REQUIRE((int64_t)bytes == count, SHAPE, "%s: cannot turn %s into %s", call->label,
            tensor_text(x, text[1], sizeof text[1]), text[0]);
    TRY(copy_as(call, wanted.rank, wanted.shape));
out:
    return status;
}

clrnn_status op_shape_flatten(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const int64_t axis = call->node->axis;
    REQUIRE(axis >= -x->rank && axis <= x->rank, SHAPE,
            "%s: an axis of rank %d is %d to %d, got %lld", call->label, x->rank, -x->rank, x->rank,
            (long long)axis);
    const int before = (int)(axis < 0 ? axis + x->rank : axis);
    const int64_t shape[] = {graph_op_extent(x, 0, before), graph_op_extent(x, before, x->rank)};
    TRY(copy_as(call, 2, shape));
out:
    return status;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

/* As in Python, an end beyond the shape is the shape's own. */
static int shape_end(int64_t end, int rank) {
    const int64_t from_front = end < 0 ? end + rank : end;
    return (int)(from_front < 0 ? 0 : from_front > rank ? rank : from_front);
}

clrnn_status op_shape_shape(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const struct graph_node *node = call->node;
    const int start = node->list_count > 0 ? shape_end(node->list[0], x->rank) : 0;
    const int end = node->list_count > 1 ? shape_end(node->list[1], x->rank) : x->rank;
    const int64_t count = end > start ? end - start : 0;
    void *data;
    TRY(graph_op_output(&data, call, 0, CLRNN_DTYPE_I64, 1, &count));
    if (data != NULL && count > 0) {
        memcpy(data, x->shape + start, (size_t)count * sizeof *x->shape);
    }
out:
    return status;
}

clrnn_status op_shape_constant(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    static const float zero = 0;
    const clrnn_tensor *value = graph_op_input(call, 1);
    const clrnn_dtype dtype = value != NULL ? value->dtype : CLRNN_DTYPE_F32;
    char text[GRAPH_OP_SHOWN];
    int64_t shape[CLRNN_MAX_RANK];
    int rank = 0;
    void *data;
    TRY(graph_op_list(shape, &rank, call, 0, CLRNN_MAX_RANK, "shape"));
    REQUIRE(value == NULL || clrnn_tensor_count(value) == 1, SHAPE,
            "%s: its value must be one number, got %s", call->label,
            tensor_text(value, text, sizeof text));
    TRY(graph_op_output(&data, call, 0, dtype, rank, shape));
    if (data != NULL) {
        const size_t item = clrnn_dtype_size(dtype);
        const size_t bytes = (size_t)clrnn_tensor_count(&call->outputs[0]->tensor) * item;
        if (bytes > 0) {
            memcpy(data, value != NULL ? tensor_host(value) : &zero, item);
        }
        for (size_t done = item; done < bytes;) { /* what is there already, once more */
            const size_t part = done < bytes - done ? done : bytes - done;
            memcpy((char *)data + done, data, part);
            done += part;
        }
    }
out:
    return status;
}

/* ---- range ----------------------------------------------------------------------------------- */

/* How many whole numbers from start on before limit. */
static uint64_t count_whole(int64_t start, int64_t limit, int64_t delta) {
    const uint64_t up = (uint64_t)limit - (uint64_t)start;
    if (delta > 0) {
        return limit > start ? (up - 1) / (uint64_t)delta + 1 : 0;
    }
    return limit < start ? (0 - up - 1) / (0 - (uint64_t)delta) + 1 : 0;
}

static clrnn_status range_whole(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_dtype dtype = call->inputs[0]->dtype;
    int64_t part[3]; /* start, limit, delta */
    void *data;
    for (int i = 0; i < 3; i++) {
        part[i] = graph_op_integer(call->inputs[i], 0);
    }
    REQUIRE(part[2] != 0, ARGUMENT, "%s: delta must not be 0", call->label);
    const uint64_t many = count_whole(part[0], part[1], part[2]);
    const int64_t count = many > INT64_MAX ? INT64_MAX : (int64_t)many; /* too many anyhow */
    TRY(graph_op_output(&data, call, 0, dtype, 1, &count));
    for (int64_t i = 0; data != NULL && i < count; i++) {
        const int64_t value = (int64_t)((uint64_t)part[0] + (uint64_t)i * (uint64_t)part[2]);
        if (dtype == CLRNN_DTYPE_I32) {
            ((int32_t *)data)[i] = (int32_t)value;
        } else {
            ((int64_t *)data)[i] = value;
        }
    }
out:
    return status;
}

static clrnn_status range_real(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_dtype dtype = call->inputs[0]->dtype;
    double part[3]; /* start, limit, delta */
    void *data;
    for (int i = 0; i < 3; i++) {
        const void *from = tensor_host(call->inputs[i]);
        part[i] = dtype == CLRNN_DTYPE_F32 ? (double)*(const float *)from : *(const double *)from;
        REQUIRE(isfinite(part[i]), ARGUMENT, "%s: start, limit and delta must be finite, got %g",
                call->label, part[i]);
    }
    REQUIRE(part[2] != 0, ARGUMENT, "%s: delta must not be 0", call->label);
    const double many = ceil((part[1] - part[0]) / part[2]);
    REQUIRE(many < 0x1p62, SHAPE, "%s: from %g to %g by %g is more than memory can hold",
            call->label, part[0], part[1], part[2]);
    const int64_t count = many > 0 ? (int64_t)many : 0;
    TRY(graph_op_output(&data, call, 0, dtype, 1, &count));
    for (int64_t i = 0; data != NULL && i < count; i++) {
        const double value = part[0] + (double)i * part[2];
        if (dtype == CLRNN_DTYPE_F32) {
            ((float *)data)[i] = (float)value;
        } else {
            ((double *)data)[i] = value;
        }
    }
out:
    return status;
}

clrnn_status op_shape_range(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    char text[GRAPH_OP_SHOWN];
    for (int i = 0; i < 3; i++) {
        TRY(graph_op_same_dtype(call, call->inputs[0], call->inputs[i]));
        REQUIRE(clrnn_tensor_count(call->inputs[i]) == 1, SHAPE,
                "%s: input %d must be one number, got %s", call->label, i,
                tensor_text(call->inputs[i], text, sizeof text));
    }
    switch (call->inputs[0]->dtype) {
    case CLRNN_DTYPE_I32:
    case CLRNN_DTYPE_I64:
        TRY(range_whole(call));
        break;
    case CLRNN_DTYPE_F32:
    case CLRNN_DTYPE_F64:
        TRY(range_real(call));
        break;
    default:
        TRY(graph_op_unsupported(call, call->inputs[0]->dtype));
    }
out:
    return status;
}
