/* tensor.c: what can be said of a clrnn_tensor without a device. */
#include "core/tensor.h"

#include <stdio.h>
#include <string.h>

static const struct {
    size_t size;
    const char *name;
} dtypes[] = {
    [CLRNN_DTYPE_F32] = {4, "float32"}, [CLRNN_DTYPE_F64] = {8, "float64"},
    [CLRNN_DTYPE_F16] = {2, "float16"}, [CLRNN_DTYPE_I32] = {4, "int32"},
    [CLRNN_DTYPE_I64] = {8, "int64"},   [CLRNN_DTYPE_BOOL] = {1, "bool"},
    [CLRNN_DTYPE_TEXT] = {1, "text"},
};
enum { DTYPE_COUNT = sizeof dtypes / sizeof dtypes[0] };

size_t clrnn_dtype_size(clrnn_dtype dtype) {
    return (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].size : 0;
}

const char *clrnn_dtype_name(clrnn_dtype dtype) {
    return (unsigned)dtype < DTYPE_COUNT ? dtypes[dtype].name : "unknown";
}

int64_t clrnn_tensor_count(const clrnn_tensor *tensor) {
    int64_t count = 1;
    for (int axis = 0; axis < tensor->rank; axis++) {
        count *= tensor->shape[axis];
    }
    return count;
}

int tensor_is_set(const clrnn_tensor *tensor) {
    return tensor->data != NULL || tensor->buffer != NULL;
}

static int has_strides(const clrnn_tensor *tensor) {
    for (int axis = 0; axis < tensor->rank; axis++) {
        if (tensor->strides[axis] != 0) {
            return 1;
        }
    }
    return 0;
}

int64_t tensor_stride(const clrnn_tensor *tensor, int axis) {
    if (has_strides(tensor)) {
        return tensor->strides[axis];
    }
    int64_t stride = 1;
    for (int inner = axis + 1; inner < tensor->rank; inner++) {
        stride *= tensor->shape[inner];
    }
    return stride;
}

int tensor_is_dense(const clrnn_tensor *tensor) {
    int64_t expected = 1;
    for (int axis = tensor->rank - 1; axis >= 0; axis--) {
        if (tensor->shape[axis] != 1 && tensor_stride(tensor, axis) != expected) {
            return 0;
        }
        expected *= tensor->shape[axis];
    }
    return 1;
}

int64_t tensor_span(const clrnn_tensor *tensor) {
    int64_t last = 0;
    for (int axis = 0; axis < tensor->rank; axis++) {
        if (tensor->shape[axis] == 0) {
            return 0;
        }
        last += (tensor->shape[axis] - 1) * tensor_stride(tensor, axis);
    }
    return last + 1;
}

void *tensor_host(const clrnn_tensor *tensor) {
    return (char *)tensor->data + tensor->offset;
}

const char *tensor_text(const clrnn_tensor *tensor, char *text, size_t size) {
    size_t at = (size_t)snprintf(text, size, "%s ", clrnn_dtype_name(tensor->dtype));
    if (tensor->rank == 0) {
        snprintf(text + at, size - at, "scalar");
    }
    for (int axis = 0; axis < tensor->rank && axis < CLRNN_MAX_RANK && at < size; axis++) {
        at += (size_t)snprintf(text + at, size - at, "[%lld]", (long long)tensor->shape[axis]);
    }
    return text;
}

clrnn_status tensor_check(const clrnn_tensor *tensor, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(tensor_is_set(tensor), ARGUMENT, "%s: needs data or a buffer, got neither", name);
    REQUIRE(tensor->data == NULL || tensor->buffer == NULL, ARGUMENT,
            "%s: needs data or a buffer, got both", name);
    REQUIRE((unsigned)tensor->dtype < DTYPE_COUNT, ARGUMENT, "%s: unknown dtype %d", name,
            (int)tensor->dtype);
    REQUIRE(tensor->rank >= 0 && tensor->rank <= CLRNN_MAX_RANK, SHAPE,
            "%s: rank must be 0 to %d, got %d", name, CLRNN_MAX_RANK, tensor->rank);
    int64_t count = 1;
    for (int axis = 0; axis < tensor->rank; axis++) {
        const int64_t extent = tensor->shape[axis];
        REQUIRE(extent >= 0, SHAPE, "%s: axis %d must not be negative, got %lld", name, axis,
                (long long)extent);
        REQUIRE(extent == 0 || count <= (INT64_MAX >> 4) / extent, SHAPE,
                "%s: has more elements than memory can hold", name);
        count *= extent == 0 ? 1 : extent;
    }
    if (tensor->rank > 0 && has_strides(tensor)) {
        const int last = tensor->rank - 1;
        REQUIRE(tensor->strides[last] == 1 || tensor->shape[last] <= 1, SHAPE,
                "%s: the last stride must be 1, got %lld", name, (long long)tensor->strides[last]);
        for (int axis = 0; axis < last; axis++) {
            const int64_t stride = tensor->strides[axis];
            REQUIRE(stride >= 0 && (tensor->shape[axis] <= 1 ||
                                    stride <= (INT64_MAX >> 8) / tensor->shape[axis]),
                    SHAPE, "%s: stride of axis %d must be 0 or more and stay in memory, got %lld",
                    name, axis, (long long)stride);
        }
    }
    REQUIRE(tensor->offset % clrnn_dtype_size(tensor->dtype) == 0, ARGUMENT,
            "%s: offset must be a multiple of %zu bytes, got %zu", name,
            clrnn_dtype_size(tensor->dtype), tensor->offset);
out:
    return status;
}
