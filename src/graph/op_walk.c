/* op_walk.c: see op_walk.h. */
#include "graph/op_walk.h"

#include <string.h>

void op_walk_dense(struct op_strides *out, int rank, const int64_t *shape) {
    int64_t stride = 1;
    for (int axis = rank - 1; axis >= 0; axis--) {
        out->of[axis] = stride;
        stride *= shape[axis];
    }
}

void op_walk_broadcast(struct op_strides *out, const clrnn_tensor *tensor, int rank) {
    const int missing = rank - tensor->rank;
    struct op_strides dense;
    op_walk_dense(&dense, tensor->rank, tensor->shape);
    for (int axis = 0; axis < rank; axis++) {
        out->of[axis] =
            axis < missing || tensor->shape[axis - missing] == 1 ? 0 : dense.of[axis - missing];
    }
}

/* Does each array go from `outer` to `inner` as if both were one axis? */
static int is_one_axis(const struct op_walk *walk, int outer, const struct op_strides *strides,
                       int inner, int64_t extent) {
    for (int i = 0; i < walk->arrays; i++) {
        if (walk->strides[i].of[outer] != strides[i].of[inner] * extent) {
            return 0;
        }
    }
    return 1;
}

void op_walk_begin(struct op_walk *walk, int rank, const int64_t *shape, int arrays,
                   const struct op_strides *strides) {
    memset(walk, 0, sizeof *walk);
    walk->arrays = arrays;
    for (int axis = 0; axis < rank; axis++) {
        if (shape[axis] == 0) {
            return; /* run is 0 */
        }
    }
    int count = 0;
    for (int axis = 0; axis < rank; axis++) {
        if (shape[axis] == 1) {
            continue;
        }
        if (count > 0 && is_one_axis(walk, count - 1, strides, axis, shape[axis])) {
            walk->shape[count - 1] *= shape[axis];
        } else {
            walk->shape[count++] = shape[axis];
        }
        for (int i = 0; i < arrays; i++) {
            walk->strides[i].of[count - 1] = strides[i].of[axis];
        }
    }
    walk->rank = count > 0 ? count - 1 : 0;
    walk->run = count > 0 ? walk->shape[count - 1] : 1;
    for (int i = 0; i < arrays; i++) {
        walk->step[i] = count > 0 ? walk->strides[i].of[count - 1] : 0;
    }
}

int op_walk_next(struct op_walk *walk) {
    for (int axis = walk->rank - 1; axis >= 0; axis--) {
        walk->index[axis]++;
        const int carry = walk->index[axis] == walk->shape[axis];
        for (int i = 0; i < walk->arrays; i++) {
            const int64_t stride = walk->strides[i].of[axis];
            walk->at[i] += carry ? stride * (1 - walk->shape[axis]) : stride;
        }
        if (!carry) {
            return 1;
        }
        walk->index[axis] = 0;
    }
    return 0;
}
