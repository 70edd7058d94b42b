/* graph_array.c: memory of the values that nodes compute. */
#include "graph/graph_ops.h"

#include "core/tensor.h"

#include <stdlib.h>
#include <string.h>

int graph_array_bytes(size_t *out, clrnn_dtype dtype, int rank, const int64_t *shape) {
    const uint64_t most = PTRDIFF_MAX / clrnn_dtype_size(dtype);
    uint64_t count = 1;
    int empty = 0;
    for (int axis = 0; axis < rank; axis++) {
        const uint64_t extent = (uint64_t)shape[axis];
        empty |= extent == 0;
        if (extent > 0 && count > most / extent) {
            return 0;
        }
        count *= extent > 0 ? extent : 1;
    }
    *out = empty ? 0 : (size_t)count * clrnn_dtype_size(dtype);
    return 1;
}

clrnn_status graph_array_make(struct graph_array *out, clrnn_dtype dtype, int rank,
                              const int64_t *shape) {
    clrnn_status status = CLRNN_STATUS_OK;
    char text[GRAPH_OP_SHOWN];
    size_t bytes = 0;
    clrnn_tensor tensor = {.dtype = dtype, .rank = rank};
    memset(&out->tensor, 0, sizeof out->tensor);
    REQUIRE(clrnn_dtype_size(dtype) > 0, ARGUMENT, "array: unknown dtype %d", (int)dtype);
    REQUIRE(rank >= 0 && rank <= CLRNN_MAX_RANK, SHAPE, "array: rank must be 0 to %d, got %d",
            CLRNN_MAX_RANK, rank);
    for (int axis = 0; axis < rank; axis++) {
        REQUIRE(shape[axis] >= 0, SHAPE, "array: axis %d must not be negative, got %lld", axis,
                (long long)shape[axis]);
        tensor.shape[axis] = shape[axis];
    }
    REQUIRE(graph_array_bytes(&bytes, dtype, rank, shape), SHAPE,
            "array: %s is more than memory can hold", tensor_text(&tensor, text, sizeof text));
    if (out->memory == NULL || out->capacity < bytes) {
        free(out->memory);
        out->capacity = 0;
        out->memory = malloc(bytes > 0 ? bytes : 1); /* NULL would say that there is no array */
        REQUIRE(out->memory != NULL, MEMORY, "array: out of memory for %s, %zu bytes",
                tensor_text(&tensor, text, sizeof text), bytes);
        out->capacity = bytes;
    }
    tensor.data = out->memory;
    out->tensor = tensor;
out:
    return status;
}

void graph_array_free(struct graph_array *array) {
    free(array->memory);
    memset(array, 0, sizeof *array);
}
