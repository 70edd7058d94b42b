/*
 * onnx_tensor.c: a TensorProto as a dense array.
 *
 * The data lies in raw_data, little-endian, or in the typed field of its type. There is as much of it
 * as the shape says before anything is allocated.
 */
#include "io/onnx_read.h"

#ifdef WITH_PROTOBUF

#include "core/half.h"
#include "io/arrays.h"
#include "io/bytes.h"

#include <stdlib.h>
#include <string.h>

/* As files number them. */
enum {
    FLOAT = 1,
    INT32 = 6,
    INT64 = 7,
    BOOL = 9,
    FLOAT16 = 10,
    DOUBLE = 11,
    BFLOAT16 = 16,
    TYPE_COUNT
};
enum { EXTERNAL = 1 }; /* of data_location */

static const char *const type_names[TYPE_COUNT] = {
    "no type", "FLOAT",  "UINT8",     "INT8",       "UINT16",  "INT16",
    "INT32",   "INT64",  "STRING",    "BOOL",       "FLOAT16", "DOUBLE",
    "UINT32",  "UINT64", "COMPLEX64", "COMPLEX128", "BFLOAT16"};

static const struct {
    int item; /* bytes in raw_data; 0: not supported */
    clrnn_dtype dtype;
} types[TYPE_COUNT] = {
    [FLOAT] = {4, CLRNN_DTYPE_F32},    [INT32] = {4, CLRNN_DTYPE_I32},
    [INT64] = {8, CLRNN_DTYPE_I64},    [BOOL] = {1, CLRNN_DTYPE_BOOL},
    [FLOAT16] = {2, CLRNN_DTYPE_F32},  [DOUBLE] = {8, CLRNN_DTYPE_F64},
    [BFLOAT16] = {2, CLRNN_DTYPE_F32},
};

const char *onnx_type_name(int32_t type) {
    return type >= 0 && type < TYPE_COUNT ? type_names[type] : "an unknown type";
}

clrnn_status onnx_dtype(clrnn_dtype *out, int32_t type, const char *label, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(type >= 0 && type < TYPE_COUNT && types[type].item > 0, FORMAT,
            "%s: %.80s: type %d, %s, is not supported, FLOAT, DOUBLE, FLOAT16, BFLOAT16, INT32, "
            "INT64 and BOOL are",
            label, what, (int)type, onnx_type_name(type));
    *out = types[type].dtype;
out:
    return status;
}

/* ---- raw_data -------------------------------------------------------------------------------- */

static void take_raw(clrnn_tensor *out, const unsigned char *raw, int64_t count, int32_t type) {
    const int item = types[type].item;
    const size_t bytes = (size_t)count * (size_t)item;
    float *floats = out->data;
    unsigned char *flags = out->data;
    if (type == FLOAT16 || type == BFLOAT16) {
        for (int64_t i = 0; i < count; i++) {
            const uint16_t bits = (uint16_t)bytes_get(raw + 2 * i, 2);
            floats[i] = type == FLOAT16 ? (float)half_to_double(bits) : brain_to_float(bits);
        }
        return;
    }
    if (bytes > 0) {
        memcpy(out->data, raw, bytes);
    }
    if (type == BOOL) {
        for (int64_t i = 0; i < count; i++) {
            flags[i] = flags[i] != 0;
        }
    } else if (bytes_host_is_big()) {
        bytes_swap(out->data, (size_t)count, (size_t)item);
    }
}

/* ---- typed fields ---------------------------------------------------------------------------- */

static size_t typed_count(const Onnx__TensorProto *proto, int32_t type) {
    switch (type) {
    case FLOAT:
        return proto->n_float_data;
    case DOUBLE:
        return proto->n_double_data;
    case INT64:
        return proto->n_int64_data;
    default:
        return proto->n_int32_data;
    }
}

static void take_typed(clrnn_tensor *out, const Onnx__TensorProto *proto, int64_t count,
                       int32_t type) {
    const size_t bytes = (size_t)count * clrnn_dtype_size(out->dtype);
    const void *from = type == FLOAT    ? (const void *)proto->float_data
                       : type == DOUBLE ? (const void *)proto->double_data
                       : type == INT64  ? (const void *)proto->int64_data
                                        : (const void *)proto->int32_data;
    float *floats = out->data;
    unsigned char *flags = out->data;
    if (type == FLOAT || type == DOUBLE || type == INT64 || type == INT32) {
        if (bytes > 0) {
            memcpy(out->data, from, bytes);
        }
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        const int32_t bits = proto->int32_data[i];
        if (type == BOOL) {
            flags[i] = bits != 0;
        } else {
            floats[i] = type == FLOAT16 ? (float)half_to_double((uint16_t)bits)
                                        : brain_to_float((uint16_t)bits);
        }
    }
}

/* ---- both ------------------------------------------------------------------------------------ */

clrnn_status onnx_tensor_read(clrnn_tensor *out, const Onnx__TensorProto *proto, const char *label,
                              const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int32_t type = proto->has_data_type ? proto->data_type : 0;
    int64_t
        extents[CLRNN_MAX_RANK]; /* without zeros: no product of some of them overflows, either */
    size_t bytes = 0;
    *out = (clrnn_tensor){.rank = (int)(proto->n_dims <= CLRNN_MAX_RANK ? proto->n_dims : 0)};
    TRY(onnx_dtype(&out->dtype, type, label, what));
    REQUIRE(proto->n_external_data == 0 &&
                !(proto->has_data_location && proto->data_location == EXTERNAL),
            FORMAT, "%s: %.80s: its data lies in another file, which is not supported", label,
            what);
    REQUIRE(proto->n_dims <= CLRNN_MAX_RANK, FORMAT, "%s: %.80s: may have %d axes, got %zu", label,
            what, CLRNN_MAX_RANK, proto->n_dims);
    for (int axis = 0; axis < out->rank; axis++) {
        REQUIRE(proto->dims[axis] >= 0, FORMAT, "%s: %.80s: axis %d must be 0 or more, got %lld",
                label, what, axis, (long long)proto->dims[axis]);
        out->shape[axis] = proto->dims[axis];
        extents[axis] = proto->dims[axis] > 0 ? proto->dims[axis] : 1;
    }
    REQUIRE(arrays_bytes(&bytes, 8, out->rank, extents), FORMAT,
            "%s: %.80s: its shape is more than memory can hold", label, what);
    const int64_t count = clrnn_tensor_count(out);
    const size_t item = (size_t)types[type].item;
    if (proto->has_raw_data) {
        REQUIRE(proto->raw_data.len == (size_t)count * item, FORMAT,
                "%s: %.80s: its shape needs %lld bytes, got %zu", label, what,
                (long long)count * (long long)item, proto->raw_data.len);
    } else {
        REQUIRE(typed_count(proto, type) == (size_t)count, FORMAT,
                "%s: %.80s: its shape needs %lld numbers of %s, got %zu", label, what,
                (long long)count, onnx_type_name(type), typed_count(proto, type));
    }
    const size_t size = (size_t)count * clrnn_dtype_size(out->dtype);
    out->data = malloc(size > 0 ? size : 1);
    REQUIRE(out->data != NULL, MEMORY, "%s: %.80s: out of memory for %zu bytes", label, what, size);
    if (proto->has_raw_data) {
        take_raw(out, proto->raw_data.data, count, type);
    } else {
        take_typed(out, proto, count, type);
    }
out:
    return status;
}

#endif
