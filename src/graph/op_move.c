/*
 * op_move.c: ops that move elements and change none: each output is a dense copy of a strided view.
 */
#include "graph/graph_ops.h"
#include "graph/op_walk.h"

#include "core/tensor.h"

#include <string.h>

/* ---- copying views --------------------------------------------------------------------------- */

/* Copies `count` elements, each `step` after the one before, to where they lie side by side. */
#define STRIDED_COPY(bits)                                                                         \
    static void copy_##bits(void *to, const void *from, int64_t count, int64_t step) {             \
        uint##bits##_t *out = to;                                                                  \
        const uint##bits##_t *in = from;                                                           \
        for (int64_t i = 0; i < count; i++) {                                                      \
            out[i] = in[i * step];                                                                 \
        }                                                                                          \
    }
STRIDED_COPY(8)
STRIDED_COPY(16)
STRIDED_COPY(32)
STRIDED_COPY(64)
#undef STRIDED_COPY

static void copy_run(void *to, const void *from, int64_t count, int64_t step, size_t item) {
    if (step == 1) {
        memcpy(to, from, (size_t)count * item);
        return;
    }
    switch (item) {
    case 1:
        copy_8(to, from, count, step);
        break;
    case 2:
        copy_16(to, from, count, step);
        break;
    case 4:
        copy_32(to, from, count, step);
        break;
    default:
        copy_64(to, from, count, step);
        break;
    }
}

/* A view of input 0, whose first element is number `first`, as an output. */
static clrnn_status copy_view(struct graph_call *call, int output, int rank, const int64_t *shape,
                              int64_t first, const struct op_strides *strides) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const size_t item = clrnn_dtype_size(x->dtype);
    const char *from = tensor_host(x);
    struct op_walk walk;
    void *data;
    TRY(graph_op_output(&data, call, output, x->dtype, rank, shape));
    op_walk_begin(&walk, rank, shape, 1, strides);
    if (data != NULL && walk.run > 0) {
        char *to = data;
        do {
            copy_run(to, from + (first + walk.at[0]) * (int64_t)item, walk.run, walk.step[0], item);
            to += (size_t)walk.run * item;
        } while (op_walk_next(&walk));
    }
out:
    return status;
}

/* ---- one view -------------------------------------------------------------------------------- */

clrnn_status op_move_flip(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    struct op_strides strides;
    int axis = 0;
    TRY(graph_op_axis(&axis, call, call->node->axis, x->rank));
    op_walk_dense(&strides, x->rank, x->shape);
    const int64_t last = x->shape[axis] > 0 ? (x->shape[axis] - 1) * strides.of[axis] : 0;
    strides.of[axis] = -strides.of[axis];
    TRY(copy_view(call, 0, x->rank, x->shape, last, &strides));
out:
    return status;
}

clrnn_status op_move_transpose(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const struct graph_node *node = call->node;
    struct op_strides dense, strides;
    int64_t shape[CLRNN_MAX_RANK];
    int used[CLRNN_MAX_RANK] = {0};
    REQUIRE(node->list_count == 0 || node->list_count == x->rank, SHAPE,
            "%s: perm must have %d axes, got %d", call->label, x->rank, node->list_count);
    op_walk_dense(&dense, x->rank, x->shape);
    for (int axis = 0; axis < x->rank; axis++) {
        int from = x->rank - 1 - axis;
        if (node->list_count > 0) {
            TRY(graph_op_axis(&from, call, node->list[axis], x->rank));
        }
        REQUIRE(!used[from], SHAPE, "%s: perm must name each axis once, got %d twice", call->label,
                from);
        used[from] = 1;
        shape[axis] = x->shape[from];
        strides.of[axis] = dense.of[from];
    }
    TRY(copy_view(call, 0, x->rank, shape, 0, &strides));
out:
    return status;
}

clrnn_status op_move_expand(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    clrnn_tensor wanted = {.dtype = x->dtype};
    struct op_strides strides;
    int64_t shape[CLRNN_MAX_RANK];
    int rank = 0;
    TRY(graph_op_list(wanted.shape, &wanted.rank, call, 1, CLRNN_MAX_RANK, "shape"));
    for (int axis = 0; axis < wanted.rank; axis++) {
        REQUIRE(wanted.shape[axis] >= 0, SHAPE, "%s: an extent must be 0 or more, got %lld",
                call->label, (long long)wanted.shape[axis]);
    }
    TRY(graph_op_broadcast(&rank, shape, call, (const clrnn_tensor *const[]){x, &wanted}, 2));
    op_walk_broadcast(&strides, x, rank);
    TRY(copy_view(call, 0, rank, shape, 0, &strides));
out:
    return status;
}

/* ---- slice ----------------------------------------------------------------------------------- */

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value > high ? high : value < low ? low : value;
}

/* Start and count of what [start : end : step] takes of an axis, clamped as ONNX says: with a step
 * below 0, a start before the axis is its first element. Opset 10 asked for the largest number as the
 * end of an axis of unknown length, and did not say that it is the other end with a step below 0:
 * there it is, as in ONNX Runtime, since else it could only mean nothing at all. */
static void slice_axis(int64_t *start, int64_t *count, int64_t end, int64_t step, int64_t extent) {
    const int64_t last = step < 0; /* 1: from the last element on, not from behind it */
    const int64_t before = -last;  /* where an end may be: before the first element */
    const int is_open = end == INT32_MAX || end == INT64_MAX;
    const uint64_t size = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    *start = clamp(*start < 0 ? *start + extent : *start, 0, extent - last);
    end = clamp(end < 0 ? end + extent : end, before, extent - last);
    end = is_open && step < 0 ? before : end;
    const int64_t span = step < 0 ? *start - end : end - *start;
    *count = extent > 0 && span > 0 ? (int64_t)((uint64_t)(span - 1) / size) + 1 : 0;
}

clrnn_status op_move_slice(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { STARTS, ENDS, AXES, STEPS, LISTS };
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    const clrnn_tensor *x = call->inputs[0];
    int64_t list[LISTS][CLRNN_MAX_RANK];
    int64_t shape[CLRNN_MAX_RANK];
    int used[CLRNN_MAX_RANK] = {0};
    struct op_strides strides;
    int64_t first = 0;
    int count = 0;
    op_walk_dense(&strides, x->rank, x->shape);
    memcpy(shape, x->shape, sizeof shape);
    for (int k = 0; k < LISTS; k++) {
        int length = 0;
        if (graph_op_input(call, k + 1) == NULL) {
            for (int i = 0; i < count; i++) {
                list[k][i] = k == AXES ? i : 1;
            }
            continue;
        }
        TRY(graph_op_list(list[k], &length, call, k + 1, CLRNN_MAX_RANK, names[k]));
        REQUIRE(k == STARTS || length == count, SHAPE,
                "%s: %s must be as many as starts, %d, got %d", call->label, names[k], count,
                length);
        count = length;
    }
    for (int i = 0; i < count; i++) {
        const int64_t step = list[STEPS][i];
        int axis = 0;
        TRY(graph_op_axis(&axis, call, list[AXES][i], x->rank));
        REQUIRE(!used[axis], SHAPE, "%s: axes must differ, got %d twice", call->label, axis);
        REQUIRE(step != 0, ARGUMENT, "%s: a step must not be 0, got that for axis %d", call->label,
                axis);
        used[axis] = 1;
        int64_t start = list[STARTS][i];
        slice_axis(&start, &shape[axis], list[ENDS][i], step, x->shape[axis]);
        if (shape[axis] > 0) {
            first += start * strides.of[axis];
        }
        /* a step beyond the axis is never taken */
        strides.of[axis] = shape[axis] > 1 ? strides.of[axis] * step : 0;
    }
    TRY(copy_view(call, 0, x->rank, shape, first, &strides));
out:
    return status;
}

/* ---- split, concat --------------------------------------------------------------------------- */

/* The sizes of equal parts: all but the last are the same, rounded up. */
static int64_t equal_part(int64_t extent, int parts, int part) {
    const int64_t size = extent / parts + (extent % parts != 0);
    return part < parts - 1 ? size : extent - size * (parts - 1);
}

clrnn_status op_move_split(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const clrnn_tensor *sizes = graph_op_input(call, 1);
    const int parts = call->node->output_count;
    char text[GRAPH_OP_SHOWN];
    struct op_strides strides;
    int64_t shape[CLRNN_MAX_RANK];
    int axis = 0;
    TRY(graph_op_axis(&axis, call, call->node->axis, x->rank));
    const int64_t extent = x->shape[axis];
    if (sizes != NULL) {
        REQUIRE((sizes->dtype == CLRNN_DTYPE_I32 || sizes->dtype == CLRNN_DTYPE_I64) &&
                    sizes->rank == 1 && sizes->shape[0] == parts,
                SHAPE, "%s: sizes must be int64 [%d], one for each output, got %s", call->label,
                parts, tensor_text(sizes, text, sizeof text));
    }
    int64_t left = extent;
    for (int i = 0; i < parts; i++) {
        const int64_t size =
            sizes != NULL ? graph_op_integer(sizes, i) : equal_part(extent, parts, i);
        REQUIRE(size >= 0 && size <= left, SHAPE,
                "%s: part %d of axis %d must be 0 to %lld, got %lld", call->label, i, axis,
                (long long)left, (long long)size);
        left -= size;
    }
    REQUIRE(left == 0, SHAPE, "%s: sizes must add up to the extent of axis %d, %lld, got %lld",
            call->label, axis, (long long)extent, (long long)(extent - left));
    op_walk_dense(&strides, x->rank, x->shape);
    memcpy(shape, x->shape, sizeof shape);
    int64_t first = 0;
    for (int i = 0; i < parts; i++) {
        shape[axis] = sizes != NULL ? graph_op_integer(sizes, i) : equal_part(extent, parts, i);
        TRY(copy_view(call, i, x->rank, shape, first, &strides));
        first += shape[axis] * strides.of[axis];
    }
out:
    return status;
}

/* The inputs, one behind the other along an axis. */
clrnn_status op_move_concat(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const size_t item = clrnn_dtype_size(x->dtype);
    char text[2][GRAPH_OP_SHOWN];
    int64_t shape[CLRNN_MAX_RANK];
    int axis = 0;
    void *data;
    TRY(graph_op_axis(&axis, call, call->node->axis, x->rank));
    memcpy(shape, x->shape, sizeof shape);
    for (int i = 1; i < call->node->input_count; i++) {
        const clrnn_tensor *part = call->inputs[i];
        TRY(graph_op_same_dtype(call, x, part));
        int fits = part->rank == x->rank;
        for (int k = 0; fits && k < x->rank; k++) {
            fits = k == axis || part->shape[k] == x->shape[k];
        }
        REQUIRE(fits && part->shape[axis] <= INT64_MAX - shape[axis], SHAPE,
                "%s: shapes must be equal but for axis %d, got %s and %s", call->label, axis,
                tensor_text(x, text[0], sizeof text[0]),
                tensor_text(part, text[1], sizeof text[1]));
        shape[axis] += part->shape[axis];
    }
    TRY(graph_op_output(&data, call, 0, x->dtype, x->rank, shape));
    if (data == NULL || clrnn_tensor_count(&call->outputs[0]->tensor) == 0) {
        goto out;
    }
    const int64_t outer = graph_op_extent(x, 0, axis);
    const size_t inner = (size_t)graph_op_extent(x, axis + 1, x->rank) * item;
    const size_t row = (size_t)shape[axis] * inner;
    char *to = data;
    for (int i = 0; i < call->node->input_count; i++) {
        const size_t part = (size_t)call->inputs[i]->shape[axis] * inner;
        const char *from = tensor_host(call->inputs[i]);
        for (int64_t k = 0; part > 0 && k < outer; k++) {
            memcpy(to + (size_t)k * row, from + (size_t)k * part, part);
        }
        to += part;
    }
out:
    return status;
}

/* ---- gather, where --------------------------------------------------------------------------- */

/* out[before][indices][after] = x[before][index][after] */
clrnn_status op_move_gather(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const clrnn_tensor *indices = call->inputs[1];
    const int64_t count = clrnn_tensor_count(indices);
    int64_t shape[2 * CLRNN_MAX_RANK];
    int axis = 0;
    void *data;
    TRY(graph_op_axis(&axis, call, call->node->axis, x->rank));
    REQUIRE(indices->dtype == CLRNN_DTYPE_I32 || indices->dtype == CLRNN_DTYPE_I64, ARGUMENT,
            "%s: indices must be int32 or int64, got %s", call->label,
            clrnn_dtype_name(indices->dtype));
    const int64_t extent = x->shape[axis];
    for (int64_t i = 0; i < count; i++) {
        const int64_t index = graph_op_integer(indices, i);
        REQUIRE(index >= -extent && index < extent, ARGUMENT,
                "%s: indices of axis %d must be %lld to %lld, got %lld as number %lld", call->label,
                axis, -(long long)extent, (long long)extent - 1, (long long)index, (long long)i);
    }
    int rank = 0;
    for (int k = 0; k < axis; k++) {
        shape[rank++] = x->shape[k];
    }
    for (int k = 0; k < indices->rank; k++) {
        shape[rank++] = indices->shape[k];
    }
    for (int k = axis + 1; k < x->rank; k++) {
        shape[rank++] = x->shape[k];
    }
    TRY(graph_op_output(&data, call, 0, x->dtype, rank, shape));
    if (data == NULL || clrnn_tensor_count(&call->outputs[0]->tensor) == 0) {
        goto out;
    }
    const int64_t before = graph_op_extent(x, 0, axis);
    const size_t inner = (size_t)graph_op_extent(x, axis + 1, x->rank) * clrnn_dtype_size(x->dtype);
    const char *from = tensor_host(x);
    char *to = data;
    for (int64_t k = 0; k < before; k++) {
        for (int64_t i = 0; i < count; i++) {
            const int64_t index = graph_op_integer(indices, i);
            const int64_t row = index < 0 ? index + extent : index;
            memcpy(to, from + (size_t)row * inner, inner);
            to += inner;
        }
        from += (size_t)extent * inner;
    }
out:
    return status;
}

#define PICKING(bits)                                                                              \
    static void pick_##bits(void *to, const void *which, const void *yes, const void *no,          \
                            int64_t count, const int64_t *step) {                                  \
        const unsigned char *first = which;                                                        \
        const uint##bits##_t *a = yes, *b = no;                                                    \
        uint##bits##_t *out = to;                                                                  \
        for (int64_t i = 0; i < count; i++) {                                                      \
            out[i] = first[i * step[0]] ? a[i * step[1]] : b[i * step[2]];                         \
        }                                                                                          \
    }
PICKING(8)
PICKING(16)
PICKING(32)
PICKING(64)
#undef PICKING

clrnn_status op_move_where(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    static void (*const pick[])(void *, const void *, const void *, const void *, int64_t,
                                const int64_t *) = {
        [1] = pick_8, [2] = pick_16, [4] = pick_32, [8] = pick_64};
    const clrnn_tensor *const *in = call->inputs;
    const size_t item = clrnn_dtype_size(in[1]->dtype);
    struct op_strides strides[3];
    struct op_walk walk;
    int64_t shape[CLRNN_MAX_RANK];
    int rank = 0;
    void *data;
    REQUIRE(in[0]->dtype == CLRNN_DTYPE_BOOL, ARGUMENT, "%s: the condition must be bool, got %s",
            call->label, clrnn_dtype_name(in[0]->dtype));
    TRY(graph_op_same_dtype(call, in[1], in[2]));
    TRY(graph_op_broadcast(&rank, shape, call, in, 3));
    TRY(graph_op_output(&data, call, 0, in[1]->dtype, rank, shape));
    for (int i = 0; i < 3; i++) {
        op_walk_broadcast(&strides[i], in[i], rank);
    }
    op_walk_begin(&walk, rank, shape, 3, strides);
    if (data != NULL && walk.run > 0) {
        char *to = data;
        do {
            pick[item](to, (const char *)tensor_host(in[0]) + walk.at[0],
                       (const char *)tensor_host(in[1]) + walk.at[1] * (int64_t)item,
                       (const char *)tensor_host(in[2]) + walk.at[2] * (int64_t)item, walk.run,
                       walk.step);
            to += (size_t)walk.run * item;
        } while (op_walk_next(&walk));
    }
out:
    return status;
}
