/*
 * op_math.c: arithmetic, comparisons and logic, element by element, with broadcasting.
 *
 * A kernel goes through a run of two arrays, each with its step: 1, or 0 where it is broadcast. Whole
 * numbers wrap round: they are added, negated and multiplied as unsigned ones. Float32 is computed in
 * itself: one of these operations rounds the same from double precision; but for powers.
 */
#include "graph/graph_ops.h"
#include "graph/op_walk.h"

#include "core/tensor.h"

#include <math.h>
#include <string.h>

typedef void kernel(void *to, const void *x, const void *y, int64_t count, int64_t x_step,
                    int64_t y_step);

/* ---- two numbers ----------------------------------------------------------------------------- */

/* What C leaves open, or gives for NaN, is settled here. */
#define REALS(type, name)                                                                          \
    static inline type settle_##name(type a) {                                                     \
        return a == a ? a : (type)NAN;                                                             \
    }                                                                                              \
    static inline type add_##name(type a, type b) {                                                \
        return settle_##name(a + b);                                                               \
    }                                                                                              \
    static inline type sub_##name(type a, type b) {                                                \
        return settle_##name(a - b);                                                               \
    }                                                                                              \
    static inline type mul_##name(type a, type b) {                                                \
        return settle_##name(a * b);                                                               \
    }                                                                                              \
    static inline type div_##name(type a, type b) {                                                \
        return settle_##name(a / b);                                                               \
    }                                                                                              \
    static inline type pow_##name(type a, type b) {                                                \
        return settle_##name((type)pow((double)a, (double)b));                                     \
    }                                                                                              \
    static inline type min_##name(type a, type b) {                                                \
        return a != a || b != b ? (type)NAN : b < a ? b : a;                                       \
    }                                                                                              \
    static inline type max_##name(type a, type b) {                                                \
        return a != a || b != b ? (type)NAN : b > a ? b : a;                                       \
    }                                                                                              \
    static inline type neg_##name(type a) {                                                        \
        return settle_##name(-a);                                                                  \
    }                                                                                              \
    static inline type abs_##name(type a) {                                                        \
        return settle_##name(a < 0 ? -a : a + 0); /* + 0: of -0 too */                             \
    }
REALS(float, f32)
REALS(double, f64)
#undef REALS

#define WHOLES(type, wrapped, name)                                                                \
    static inline type add_##name(type a, type b) {                                                \
        return (type)((wrapped)a + (wrapped)b);                                                    \
    }                                                                                              \
    static inline type sub_##name(type a, type b) {                                                \
        return (type)((wrapped)a - (wrapped)b);                                                    \
    }                                                                                              \
    static inline type mul_##name(type a, type b) {                                                \
        return (type)((wrapped)a * (wrapped)b);                                                    \
    }                                                                                              \
    static inline type neg_##name(type a) {                                                        \
        return (type)((wrapped)0 - (wrapped)a);                                                    \
    }                                                                                              \
    static inline type abs_##name(type a) {                                                        \
        return a < 0 ? neg_##name(a) : a;                                                          \
    }                                                                                              \
    /* b is not 0: check_divisor */                                                                \
    static inline type div_##name(type a, type b) {                                                \
        return b == -1 ? neg_##name(a) : a / b;                                                    \
    }                                                                                              \
    static inline type min_##name(type a, type b) {                                                \
        return b < a ? b : a;                                                                      \
    }                                                                                              \
    static inline type max_##name(type a, type b) {                                                \
        return b > a ? b : a;                                                                      \
    }
WHOLES(int32_t, uint32_t, i32)
WHOLES(int64_t, uint64_t, i64)
#undef WHOLES

/* Any byte but 0 is true. */
static inline unsigned char equal_bool(unsigned char a, unsigned char b) {
    return !a == !b;
}

static inline unsigned char and_bool(unsigned char a, unsigned char b) {
    return a && b;
}

static inline unsigned char or_bool(unsigned char a, unsigned char b) {
    return a || b;
}

/* ---- runs of them ---------------------------------------------------------------------------- */

#define KERNEL(kernel_name, type, result, expression)                                              \
    static void kernel_name(void *to, const void *x, const void *y, int64_t count, int64_t x_step, \
                            int64_t y_step) {                                                      \
        const type *xs = x, *ys = y;                                                               \
        result *out = to;                                                                          \
        if (x_step == 1 && y_step == 1) {                                                          \
            for (int64_t i = 0; i < count; i++) {                                                  \
                const type a = xs[i], b = ys[i];                                                   \
                out[i] = expression;                                                               \
            }                                                                                      \
        } else if (x_step == 1 && y_step == 0) {                                                   \
            const type b = ys[0];                                                                  \
            for (int64_t i = 0; i < count; i++) {                                                  \
                const type a = xs[i];                                                              \
                out[i] = expression;                                                               \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < count; i++) {                                                  \
                const type a = xs[i * x_step], b = ys[i * y_step];                                 \
                out[i] = expression;                                                               \
            }                                                                                      \
        }                                                                                          \
    }

#define KERNELS_OF(type, name)                                                                     \
    KERNEL(run_add_##name, type, type, add_##name(a, b))                                           \
    KERNEL(run_sub_##name, type, type, sub_##name(a, b))                                           \
    KERNEL(run_mul_##name, type, type, mul_##name(a, b))                                           \
    KERNEL(run_div_##name, type, type, div_##name(a, b))                                           \
    KERNEL(run_min_##name, type, type, min_##name(a, b))                                           \
    KERNEL(run_max_##name, type, type, max_##name(a, b))                                           \
    KERNEL(run_less_##name, type, unsigned char, a < b)                                            \
    KERNEL(run_less_or_equal_##name, type, unsigned char, a <= b)                                  \
    KERNEL(run_greater_##name, type, unsigned char, a > b)                                         \
    KERNEL(run_greater_or_equal_##name, type, unsigned char, a >= b)                               \
    KERNEL(run_equal_##name, type, unsigned char, a == b)
KERNELS_OF(float, f32)
KERNELS_OF(double, f64)
KERNEL(run_pow_f32, float, float, pow_f32(a, b))
KERNEL(run_pow_f64, double, double, pow_f64(a, b))
KERNELS_OF(int32_t, i32)
KERNELS_OF(int64_t, i64)
KERNEL(run_equal_bool, unsigned char, unsigned char, equal_bool(a, b))
KERNEL(run_and_bool, unsigned char, unsigned char, and_bool(a, b))
KERNEL(run_or_bool, unsigned char, unsigned char, or_bool(a, b))
#undef KERNELS_OF
#undef KERNEL

#define NUMBERS(name)                                                                              \
    {                                                                                              \
        [CLRNN_DTYPE_F32] = name##_f32, [CLRNN_DTYPE_F64] = name##_f64,                            \
        [CLRNN_DTYPE_I32] = name##_i32, [CLRNN_DTYPE_I64] = name##_i64                             \
    }

static kernel *const kernels[GRAPH_OP_COUNT][CLRNN_DTYPE_TEXT] = {
    [GRAPH_ADD] = NUMBERS(run_add),
    [GRAPH_SUB] = NUMBERS(run_sub),
    [GRAPH_MUL] = NUMBERS(run_mul),
    [GRAPH_DIV] = NUMBERS(run_div),
    [GRAPH_POW] = {[CLRNN_DTYPE_F32] = run_pow_f32, [CLRNN_DTYPE_F64] = run_pow_f64},
    [GRAPH_MIN] = NUMBERS(run_min),
    [GRAPH_MAX] = NUMBERS(run_max),
    [GRAPH_LESS] = NUMBERS(run_less),
    [GRAPH_LESS_OR_EQUAL] = NUMBERS(run_less_or_equal),
    [GRAPH_GREATER] = NUMBERS(run_greater),
    [GRAPH_GREATER_OR_EQUAL] = NUMBERS(run_greater_or_equal),
    [GRAPH_EQUAL] = {[CLRNN_DTYPE_F32] = run_equal_f32,
                     [CLRNN_DTYPE_F64] = run_equal_f64,
                     [CLRNN_DTYPE_I32] = run_equal_i32,
                     [CLRNN_DTYPE_I64] = run_equal_i64,
                     [CLRNN_DTYPE_BOOL] = run_equal_bool},
    [GRAPH_AND] = {[CLRNN_DTYPE_BOOL] = run_and_bool},
    [GRAPH_OR] = {[CLRNN_DTYPE_BOOL] = run_or_bool},
};

/* ---- two arrays ------------------------------------------------------------------------------ */

/* One op, whose result has this dense shape, with y broadcast to it, and x too; x may be the result
 * itself. */
struct operation {
    kernel *run;
    size_t item, result; /* bytes of an element */
    int rank;
    const int64_t *shape;
};

static void operate(const struct operation *operation, void *to, const clrnn_tensor *x,
                    const clrnn_tensor *y) {
    struct op_strides strides[2];
    struct op_walk walk;
    op_walk_broadcast(&strides[0], x, operation->rank);
    op_walk_broadcast(&strides[1], y, operation->rank);
    op_walk_begin(&walk, operation->rank, operation->shape, 2, strides);
    if (walk.run > 0) {
        const int64_t item = (int64_t)operation->item;
        char *out = to;
        do {
            operation->run(out, (const char *)tensor_host(x) + walk.at[0] * item,
                           (const char *)tensor_host(y) + walk.at[1] * item, walk.run, walk.step[0],
                           walk.step[1]);
            out += (size_t)walk.run * operation->result;
        } while (op_walk_next(&walk));
    }
}

/* Each element of a divisor is used. */
static clrnn_status check_divisor(const struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *divisor = call->inputs[1];
    const int whole = divisor->dtype == CLRNN_DTYPE_I32 || divisor->dtype == CLRNN_DTYPE_I64;
    const int64_t count = whole ? clrnn_tensor_count(divisor) : 0;
    for (int64_t i = 0; i < count; i++) {
        REQUIRE(graph_op_integer(divisor, i) != 0, ARGUMENT,
                "%s: whole numbers cannot be divided by 0, got that as element %lld", call->label,
                (long long)i);
    }
out:
    return status;
}

/* Min and Max take any number of inputs: the result so far, with the next. */
clrnn_status op_math_binary(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const enum graph_op op = call->node->op;
    const clrnn_tensor *const *in = call->inputs;
    const int count = call->node->input_count;
    const clrnn_dtype dtype = in[0]->dtype;
    const int is_number = op >= GRAPH_ADD && op <= GRAPH_MAX;
    int64_t shape[CLRNN_MAX_RANK];
    int rank = 0;
    void *data;
    for (int i = 1; i < count; i++) {
        TRY(graph_op_same_dtype(call, in[0], in[i]));
    }
    struct operation operation = {.run = kernels[op][dtype], .item = clrnn_dtype_size(dtype)};
    if (operation.run == NULL) {
        TRY(graph_op_unsupported(call, dtype));
    }
    TRY(graph_op_broadcast(&rank, shape, call, in, count));
    operation.result = is_number ? operation.item : 1;
    operation.rank = rank;
    operation.shape = shape;
    TRY(graph_op_output(&data, call, 0, is_number ? dtype : CLRNN_DTYPE_BOOL, rank, shape));
    if (data == NULL || clrnn_tensor_count(&call->outputs[0]->tensor) == 0) {
        goto out;
    }
    if (op == GRAPH_DIV) {
        TRY(check_divisor(call));
    }
    operate(&operation, data, in[0], in[count > 1]);
    for (int i = 2; i < count; i++) {
        operate(&operation, data, &call->outputs[0]->tensor, in[i]);
    }
out:
    return status;
}

/* ---- one array ------------------------------------------------------------------------------- */

clrnn_status op_math_not(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const unsigned char *from = tensor_host(x);
    void *data;
    if (x->dtype != CLRNN_DTYPE_BOOL) {
        TRY(graph_op_unsupported(call, x->dtype));
    }
    TRY(graph_op_output(&data, call, 0, CLRNN_DTYPE_BOOL, x->rank, x->shape));
    const int64_t count = data != NULL ? clrnn_tensor_count(x) : 0;
    unsigned char *to = data;
    for (int64_t i = 0; i < count; i++) {
        to[i] = !from[i];
    }
out:
    return status;
}

#define SIGN(type, name)                                                                           \
    static void run_neg_##name(void *to, const void *from, int64_t count) {                        \
        for (int64_t i = 0; i < count; i++) {                                                      \
            ((type *)to)[i] = neg_##name(((const type *)from)[i]);                                 \
        }                                                                                          \
    }                                                                                              \
    static void run_abs_##name(void *to, const void *from, int64_t count) {                        \
        for (int64_t i = 0; i < count; i++) {                                                      \
            ((type *)to)[i] = abs_##name(((const type *)from)[i]);                                 \
        }                                                                                          \
    }
SIGN(float, f32)
SIGN(double, f64)
SIGN(int32_t, i32)
SIGN(int64_t, i64)
#undef SIGN

clrnn_status op_math_sign(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    static void (*const runs[2][CLRNN_DTYPE_TEXT])(void *, const void *,
                                                   int64_t) = {NUMBERS(run_neg), NUMBERS(run_abs)};
    const clrnn_tensor *x = call->inputs[0];
    const int is_abs = call->node->op == GRAPH_ABS;
    void *data;
    if (runs[is_abs][x->dtype] == NULL) {
        TRY(graph_op_unsupported(call, x->dtype));
    }
    TRY(graph_op_output(&data, call, 0, x->dtype, x->rank, x->shape));
    if (data != NULL) {
        runs[is_abs][x->dtype](data, tensor_host(x), clrnn_tensor_count(x));
    }
out:
    return status;
}
