/*
 * op_cast.c: from one dtype to another.
 *
 * By way of a double where a float is on either side, which holds each value of the other float types
 * and int32, and of an int64 between whole numbers; int64 to float32 is rounded once, directly. Float
 * to whole drops the fraction; what is then out of range, for which ONNX has no rule, is the nearest
 * number that is in range, and NaN is 0.
 */
#include "graph/graph_ops.h"

#include "core/half.h"
#include "core/tensor.h"

#include <string.h>

static int is_whole(clrnn_dtype dtype) {
    return dtype == CLRNN_DTYPE_I32 || dtype == CLRNN_DTYPE_I64 || dtype == CLRNN_DTYPE_BOOL;
}

static double read_real(clrnn_dtype dtype, const void *from, int64_t i) {
    switch (dtype) {
    case CLRNN_DTYPE_F32:
        return (double)((const float *)from)[i];
    case CLRNN_DTYPE_F64:
        return ((const double *)from)[i];
    default:
        return half_to_double(((const uint16_t *)from)[i]);
    }
}

static int64_t read_whole(clrnn_dtype dtype, const void *from, int64_t i) {
    switch (dtype) {
    case CLRNN_DTYPE_I32:
        return ((const int32_t *)from)[i];
    case CLRNN_DTYPE_I64:
        return ((const int64_t *)from)[i];
    default:
        return ((const unsigned char *)from)[i] != 0;
    }
}

/* low and high are powers of two: -2^n, and 2^n, the first that is too large. */
static int64_t truncate_to(double value, double low, double high, int64_t least, int64_t most) {
    return value != value ? 0 : value <= low ? least : value >= high ? most : (int64_t)value;
}

static void write_real(clrnn_dtype dtype, void *to, int64_t i, double value) {
    switch (dtype) {
    case CLRNN_DTYPE_F32:
        ((float *)to)[i] = graph_op_settle(value);
        break;
    case CLRNN_DTYPE_F64:
        ((double *)to)[i] = graph_op_settle_wide(value);
        break;
    case CLRNN_DTYPE_F16:
        ((uint16_t *)to)[i] = half_from_double(graph_op_settle_wide(value));
        break;
    case CLRNN_DTYPE_I32:
        ((int32_t *)to)[i] = (int32_t)truncate_to(value, -0x1p31, 0x1p31, INT32_MIN, INT32_MAX);
        break;
    case CLRNN_DTYPE_I64:
        ((int64_t *)to)[i] = truncate_to(value, -0x1p63, 0x1p63, INT64_MIN, INT64_MAX);
        break;
    default:
        ((unsigned char *)to)[i] = value != 0;
        break;
    }
}

static void write_whole(clrnn_dtype dtype, void *to, int64_t i, int64_t value) {
    switch (dtype) {
    case CLRNN_DTYPE_F32:
        ((float *)to)[i] = (float)value;
        break;
    case CLRNN_DTYPE_I32:
        ((int32_t *)to)[i] = (int32_t)value;
        break;
    case CLRNN_DTYPE_I64:
        ((int64_t *)to)[i] = value;
        break;
    case CLRNN_DTYPE_BOOL:
        ((unsigned char *)to)[i] = value != 0;
        break;
    default: /* exact as a double, or beyond every half */
        write_real(dtype, to, i, (double)value);
        break;
    }
}

clrnn_status op_cast_cast(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const clrnn_dtype from = x->dtype;
    const clrnn_dtype to = call->node->to;
    void *data;
    REQUIRE((unsigned)to < CLRNN_DTYPE_TEXT, UNSUPPORTED, "%s: cannot cast to %s", call->label,
            clrnn_dtype_name(to));
    TRY(graph_op_output(&data, call, 0, to, x->rank, x->shape));
    const int64_t count = data != NULL ? clrnn_tensor_count(x) : 0;
    if (is_whole(from)) {
        for (int64_t i = 0; i < count; i++) {
            write_whole(to, data, i, read_whole(from, tensor_host(x), i));
        }
    } else {
        for (int64_t i = 0; i < count; i++) {
            write_real(to, data, i, read_real(from, tensor_host(x), i));
        }
    }
out:
    return status;
}
