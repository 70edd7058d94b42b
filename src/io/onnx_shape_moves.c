/* onnx_shape_moves.c: shapes of what moves data, and of lists of integers that are made so. */
#include "io/onnx_shape.h"

#ifdef WITH_PROTOBUF

#include <string.h>

/* The list of an input that gives axes, marked; 0: is not known. */
static int mark_axes(int marked[CLRNN_MAX_RANK], int *count, const struct shape_query *query,
                     int slot, int rank) {
    const struct fuse_value *axes = shape_input(query, slot);
    memset(marked, 0, CLRNN_MAX_RANK * sizeof *marked);
    if (axes == NULL || axes->list_count < 0) {
        return 0;
    }
    *count = axes->list_count;
    for (int i = 0; i < axes->list_count; i++) {
        const int axis = shape_axis(axes->list[i], rank);
        if (axis < 0 || marked[axis]) {
            return 0;
        }
        marked[axis] = 1;
    }
    return 1;
}

void shape_of_transpose(struct shape_query *query) {
    const struct graph_node *node = query->node;
    const int rank = query->x->rank;
    if (rank < 0 || (node->list_count > 0 && node->list_count != rank)) {
        return;
    }
    for (int axis = 0; axis < rank; axis++) {
        const int from =
            node->list_count > 0 ? shape_axis(node->list[axis], rank) : rank - 1 - axis;
        if (from < 0) {
            return;
        }
        query->y->shape[axis] = query->x->shape[from];
    }
    query->y->rank = rank;
    query->y->is_zero = query->x->is_zero;
}

void shape_of_squeeze(struct shape_query *query) {
    int marked[CLRNN_MAX_RANK], count, rank = 0;
    query->y->is_zero = query->x->is_zero;
    shape_pass_list(query);
    if (query->x->rank < 0 || !mark_axes(marked, &count, query, 1, query->x->rank)) {
        return;
    }
    for (int axis = 0; axis < query->x->rank; axis++) {
        if (!marked[axis]) {
            query->y->shape[rank++] = query->x->shape[axis];
        }
    }
    query->y->rank = rank;
}

void shape_of_unsqueeze(struct shape_query *query) {
    const struct fuse_value *axes = shape_input(query, 1);
    int marked[CLRNN_MAX_RANK], count, from = 0;
    query->y->is_zero = query->x->is_zero;
    const int rank = query->x->rank >= 0 && axes != NULL && axes->list_count >= 0
                         ? query->x->rank + axes->list_count
                         : -1;
    if (rank < 0 || rank > CLRNN_MAX_RANK || !mark_axes(marked, &count, query, 1, rank)) {
        return;
    }
    if (rank <= 1) {
        shape_pass_list(query);
    }
    for (int axis = 0; axis < rank; axis++) {
        query->y->shape[axis] = marked[axis] ? 1 : query->x->shape[from++];
    }
    query->y->rank = rank;
}

/* What the axis of -1 is: the extents of x without those of y, where they are found in it. */
static int64_t left_over(const struct fuse_value *x, const struct fuse_value *y, int open) {
    int used[CLRNN_MAX_RANK] = {0};
    int64_t above = 1, below = 1, symbol = 0;
    int symbols = 0;
    for (int axis = 0; axis < y->rank; axis++) {
        int found = axis == open || shape_is_number(y->shape[axis]);
        if (axis != open && shape_is_number(y->shape[axis])) {
            below = shape_times(below, y->shape[axis]);
        }
        for (int k = 0; !found && k < x->rank; k++) {
            found = !used[k] && x->shape[k] == y->shape[axis];
            used[k] |= found;
        }
        if (!found) {
            return FUSE_UNKNOWN;
        }
    }
    for (int k = 0; k < x->rank; k++) {
        if (shape_is_number(x->shape[k])) {
            above = shape_times(above, x->shape[k]);
        } else if (!used[k]) {
            symbol = x->shape[k];
            symbols++;
        }
    }
    if (above <= 0 || below <= 0 || above % below != 0 || symbols > 1) {
        return FUSE_UNKNOWN;
    }
    return symbols == 0 ? above / below : above == below ? symbol : FUSE_UNKNOWN;
}

void shape_of_reshape(struct shape_query *query) {
    const struct fuse_value *x = query->x, *wanted = shape_input(query, 1);
    struct fuse_value *y = query->y;
    int open = -1;
    y->is_zero = x->is_zero;
    if (wanted == NULL || wanted->list_count < 0) {
        return;
    }
    if (wanted->list_count <= 1) {
        shape_pass_list(query);
    }
    y->rank = wanted->list_count;
    for (int axis = 0; axis < y->rank; axis++) {
        const int64_t extent = wanted->list[axis];
        y->shape[axis] = extent;
        if (extent == 0 && !query->node->flag) {
            y->shape[axis] = axis < x->rank ? x->shape[axis] : FUSE_UNKNOWN;
        } else if (shape_is_number(extent) && extent < 0) {
            open = open < 0 ? axis : open;
            y->shape[axis] = FUSE_UNKNOWN;
        }
    }
    if (open >= 0 && x->rank >= 0) {
        y->shape[open] = left_over(x, y, open);
    }
}

void shape_of_shape(struct shape_query *query) {
    const struct graph_node *node = query->node;
    const int rank = query->x->rank;
    struct fuse_value *y = query->y;
    y->rank = 1;
    y->shape[0] = FUSE_UNKNOWN;
    if (rank < 0) {
        return;
    }
    int64_t ends[2] = {0, rank};
    for (int i = 0; i < 2 && i < node->list_count; i++) {
        const int64_t end = node->list[i] < 0 ? node->list[i] + rank : node->list[i];
        ends[i] = end < 0 ? 0 : end > rank ? rank : end;
    }
    y->list_count = 0;
    for (int64_t axis = ends[0]; axis < ends[1]; axis++) {
        y->list[y->list_count++] = query->x->shape[axis];
    }
    y->shape[0] = y->list_count;
}

void shape_of_gather(struct shape_query *query) {
    const struct fuse_value *x = query->x, *at = shape_input(query, 1);
    struct fuse_value *y = query->y;
    const int axis = x->rank >= 0 ? shape_axis(query->node->axis, x->rank) : -1;
    y->is_zero = x->is_zero;
    if (axis < 0 || at == NULL || at->rank < 0 || x->rank - 1 + at->rank > CLRNN_MAX_RANK) {
        return;
    }
    y->rank = 0;
    for (int k = 0; k < axis; k++) {
        y->shape[y->rank++] = x->shape[k];
    }
    for (int k = 0; k < at->rank; k++) {
        y->shape[y->rank++] = at->shape[k];
    }
    for (int k = axis + 1; k < x->rank; k++) {
        y->shape[y->rank++] = x->shape[k];
    }
    if (x->rank == 1 && x->list_count >= 0 && at->list_count >= 0) {
        y->list_count = at->list_count;
        for (int i = 0; i < at->list_count; i++) {
            const int from = shape_axis(at->list[i], x->list_count);
            if (from < 0) {
                y->list_count = -1;
                return;
            }
            y->list[i] = x->list[from];
        }
    }
}

/* An extent from start to end, of which numbers are known. */
static int64_t slice_extent(int64_t extent, int64_t start, int64_t end, int64_t step) {
    if (start == 0 && end >= INT32_MAX && step == 1) {
        return extent;
    }
    if (!shape_is_number(extent) || !shape_is_number(start) || !shape_is_number(end) || step != 1) {
        return FUSE_UNKNOWN;
    }
    start = start < 0 ? start + extent : start;
    end = end < 0 ? end + extent : end;
    start = start < 0 ? 0 : start > extent ? extent : start;
    end = end < 0 ? 0 : end > extent ? extent : end;
    return end > start ? end - start : 0;
}

void shape_of_slice(struct shape_query *query) {
    const struct fuse_value *x = query->x, *starts = shape_input(query, 1),
                            *ends = shape_input(query, 2);
    const struct fuse_value *axes = shape_input(query, 3), *steps = shape_input(query, 4);
    struct fuse_value *y = query->y;
    y->is_zero = x->is_zero;
    if (x->rank < 0 || starts == NULL || ends == NULL || starts->list_count < 0 ||
        ends->list_count != starts->list_count ||
        (axes != NULL && axes->list_count != starts->list_count) ||
        (steps != NULL && steps->list_count != starts->list_count)) {
        return;
    }
    shape_copy(y, x);
    for (int i = 0; i < starts->list_count; i++) {
        const int axis = shape_axis(axes != NULL ? axes->list[i] : i, x->rank);
        const int64_t step = steps != NULL ? steps->list[i] : 1;
        if (axis < 0) {
            y->rank = -1;
            return;
        }
        y->shape[axis] = slice_extent(x->shape[axis], starts->list[i], ends->list[i], step);
        if (x->rank == 1 && x->list_count >= 0 && shape_is_number(y->shape[0]) &&
            y->shape[0] >= 0 && starts->list_count == 1) {
            const int64_t start = starts->list[0];
            const int64_t from = start < 0 ? start + x->list_count : start;
            y->list_count = 0;
            for (int64_t k = from < 0 ? 0 : from; k < x->list_count && y->list_count < y->shape[0];
                 k++) {
                y->list[y->list_count++] = x->list[k];
            }
        }
    }
}

void shape_of_concat(struct shape_query *query) {
    struct fuse_value *y = query->y;
    const int axis = query->x->rank >= 0 ? shape_axis(query->node->axis, query->x->rank) : -1;
    if (axis < 0) {
        return;
    }
    shape_copy(y, query->x);
    y->list_count = 0;
    y->is_zero = 1;
    y->shape[axis] = 0;
    for (int i = 0; i < query->node->input_count; i++) {
        const struct fuse_value *part = shape_input(query, i);
        const int64_t extent = part->rank == y->rank ? part->shape[axis] : FUSE_UNKNOWN;
        y->is_zero &= part->is_zero;
        y->shape[axis] = shape_is_number(y->shape[axis]) && shape_is_number(extent) &&
                                 extent >= 0 && extent <= INT32_MAX && y->shape[axis] <= INT32_MAX
                             ? y->shape[axis] + extent
                             : FUSE_UNKNOWN;
        if (part->list_count < 0 || y->list_count < 0 ||
            y->list_count + part->list_count > CLRNN_MAX_RANK) {
            y->list_count = -1;
        } else {
            memcpy(y->list + y->list_count, part->list, (size_t)part->list_count * sizeof *y->list);
            y->list_count += part->list_count;
        }
    }
}

void shape_of_expand(struct shape_query *query) {
    const struct fuse_value *wanted = shape_input(query, 1);
    struct fuse_value shape = {.rank = wanted != NULL ? wanted->list_count : -1};
    query->y->is_zero = query->x->is_zero;
    shape_copy(query->y, query->x);
    if (shape.rank >= 0) {
        memcpy(shape.shape, wanted->list, sizeof shape.shape);
    }
    shape_broadcast(query->y, &shape);
}

void shape_of_constant_of_shape(struct shape_query *query) {
    const struct fuse_value *value = shape_input(query, 1);
    query->y->is_zero = value == NULL || value->is_zero;
    query->y->rank = query->x->list_count;
    if (query->x->list_count >= 0) {
        memcpy(query->y->shape, query->x->list, sizeof query->y->shape);
    }
}

void shape_of_flatten(struct shape_query *query) {
    const struct fuse_value *x = query->x;
    const int64_t given = query->node->axis;
    const int64_t axis = given < 0 ? given + x->rank : given;
    query->y->is_zero = x->is_zero;
    if (x->rank < 0 || axis < 0 || axis > x->rank) {
        return;
    }
    query->y->rank = 2;
    query->y->shape[0] = query->y->shape[1] = 1;
    for (int k = 0; k < x->rank; k++) {
        int64_t *product = &query->y->shape[k >= axis];
        const int64_t extent = x->shape[k];
        const int64_t both = shape_times(*product, extent);
        *product = *product == 1 ? extent : extent == 1 ? *product : both > 0 ? both : FUSE_UNKNOWN;
    }
}

#endif
