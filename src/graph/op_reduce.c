/*
 * op_reduce.c: sums, means, and the largest and least along axes.
 *
 * Floats are added as doubles, in the order in which they lie, and rounded once; whole numbers wrap
 * round in 64 bits, and their mean drops the fraction. NaN is the largest and the least. Of nothing
 * the sum is 0, the mean NaN, the largest the least number that the dtype has, and the least the
 * largest.
 */
#include "graph/graph_ops.h"
#include "graph/op_walk.h"

#include "core/tensor.h"

#include <math.h>
#include <string.h>

/* What was met so far: in `real` for floats, in `whole` for others. */
struct total {
    double real;
    int64_t whole;
};

/* Takes a run of elements, `step` apart. */
typedef void gather(struct total *total, const void *from, int64_t count, int64_t step);

#define SUM_REAL(name, type)                                                                       \
    static void sum_##name(struct total *total, const void *from, int64_t count, int64_t step) {   \
        double sum = total->real;                                                                  \
        for (int64_t i = 0; i < count; i++) {                                                      \
            sum += (double)((const type *)from)[i * step];                                         \
        }                                                                                          \
        total->real = sum;                                                                         \
    }
#define SUM_WHOLE(name, type)                                                                      \
    static void sum_##name(struct total *total, const void *from, int64_t count, int64_t step) {   \
        uint64_t sum = (uint64_t)total->whole;                                                     \
        for (int64_t i = 0; i < count; i++) {                                                      \
            sum += (uint64_t)((const type *)from)[i * step];                                       \
        }                                                                                          \
        total->whole = (int64_t)sum;                                                               \
    }
SUM_REAL(f32, float)
SUM_REAL(f64, double)
SUM_WHOLE(i32, int32_t)
SUM_WHOLE(i64, int64_t)
#undef SUM_REAL
#undef SUM_WHOLE

/* x != x: a NaN; once it is there, no comparison is true. */
#define EXTREME(what, name, type, wide, field, better)                                             \
    static void what##_##name(struct total *total, const void *from, int64_t count,                \
                              int64_t step) {                                                      \
        wide best = total->field;                                                                  \
        for (int64_t i = 0; i < count; i++) {                                                      \
            const wide x = (wide)((const type *)from)[i * step];                                   \
            best = x better best || x != x ? x : best;                                             \
        }                                                                                          \
        total->field = best;                                                                       \
    }
#define EXTREMES(name, type, wide, field)                                                          \
    EXTREME(max, name, type, wide, field, >)                                                       \
    EXTREME(min, name, type, wide, field, <)
EXTREMES(f32, float, double, real)
EXTREMES(f64, double, double, real)
EXTREMES(i32, int32_t, int64_t, whole)
EXTREMES(i64, int64_t, int64_t, whole)
EXTREMES(bool, unsigned char, int64_t, whole)
#undef EXTREMES
#undef EXTREME

static int is_real(clrnn_dtype dtype) {
    return dtype == CLRNN_DTYPE_F32 || dtype == CLRNN_DTYPE_F64;
}

static gather *gather_of(enum graph_op op, clrnn_dtype dtype) {
    static gather *const sums[CLRNN_DTYPE_TEXT] = {[CLRNN_DTYPE_F32] = sum_f32,
                                                   [CLRNN_DTYPE_F64] = sum_f64,
                                                   [CLRNN_DTYPE_I32] = sum_i32,
                                                   [CLRNN_DTYPE_I64] = sum_i64};
    static gather *const largest[CLRNN_DTYPE_TEXT] = {[CLRNN_DTYPE_F32] = max_f32,
                                                      [CLRNN_DTYPE_F64] = max_f64,
                                                      [CLRNN_DTYPE_I32] = max_i32,
                                                      [CLRNN_DTYPE_I64] = max_i64,
                                                      [CLRNN_DTYPE_BOOL] = max_bool};
    static gather *const least[CLRNN_DTYPE_TEXT] = {[CLRNN_DTYPE_F32] = min_f32,
                                                    [CLRNN_DTYPE_F64] = min_f64,
                                                    [CLRNN_DTYPE_I32] = min_i32,
                                                    [CLRNN_DTYPE_I64] = min_i64,
                                                    [CLRNN_DTYPE_BOOL] = min_bool};
    return op == GRAPH_REDUCE_MAX   ? largest[dtype]
           : op == GRAPH_REDUCE_MIN ? least[dtype]
                                    : sums[dtype];
}

/* Before anything was met. */
static struct total nothing(enum graph_op op, clrnn_dtype dtype) {
    struct total total = {0, 0};
    const int is_max = op == GRAPH_REDUCE_MAX;
    if (is_max || op == GRAPH_REDUCE_MIN) {
        total.real = is_max ? -INFINITY : INFINITY;
        total.whole = dtype == CLRNN_DTYPE_BOOL  ? !is_max
                      : dtype == CLRNN_DTYPE_I32 ? (is_max ? INT32_MIN : INT32_MAX)
                      : is_max                   ? INT64_MIN
                                                 : INT64_MAX;
    }
    return total;
}

static void finish(void *to, int64_t i, clrnn_dtype dtype, const struct total *total) {
    switch (dtype) {
    case CLRNN_DTYPE_F32:
        ((float *)to)[i] = graph_op_settle(total->real);
        break;
    case CLRNN_DTYPE_F64:
        ((double *)to)[i] = graph_op_settle_wide(total->real);
        break;
    case CLRNN_DTYPE_I32:
        ((int32_t *)to)[i] = (int32_t)total->whole;
        break;
    case CLRNN_DTYPE_I64:
        ((int64_t *)to)[i] = total->whole;
        break;
    default:
        ((unsigned char *)to)[i] = total->whole != 0;
        break;
    }
}

/* The axes that stay, and those that are reduced: extents and strides. */
struct axes {
    int rank;
    int64_t shape[CLRNN_MAX_RANK];
    struct op_strides strides;
};

static void add_axis(struct axes *axes, int64_t extent, int64_t stride) {
    axes->shape[axes->rank] = extent;
    axes->strides.of[axes->rank++] = stride;
}

static clrnn_status mark_axes(int reduced[CLRNN_MAX_RANK], const struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    int64_t list[CLRNN_MAX_RANK];
    int count = 0;
    if (graph_op_input(call, 1) != NULL) {
        TRY(graph_op_list(list, &count, call, 1, CLRNN_MAX_RANK, "axes"));
    }
    for (int axis = 0; axis < x->rank; axis++) {
        reduced[axis] = count == 0;
    }
    for (int i = 0; i < count; i++) {
        int axis = 0;
        TRY(graph_op_axis(&axis, call, list[i], x->rank));
        REQUIRE(!reduced[axis], SHAPE, "%s: axes must differ, got %d twice", call->label, axis);
        reduced[axis] = 1;
    }
out:
    return status;
}

clrnn_status op_reduce_reduce(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const enum graph_op op = call->node->op;
    const clrnn_tensor *x = call->inputs[0];
    const int64_t item = (int64_t)clrnn_dtype_size(x->dtype);
    gather *run = gather_of(op, x->dtype);
    int reduced[CLRNN_MAX_RANK];
    struct op_strides dense;
    struct axes kept = {0};
    struct axes gone = {0};
    int64_t shape[CLRNN_MAX_RANK];
    int64_t many = 1; /* elements for one of the result */
    int rank = 0;
    void *data;
    if (run == NULL) {
        TRY(graph_op_unsupported(call, x->dtype));
    }
    TRY(mark_axes(reduced, call));
    op_walk_dense(&dense, x->rank, x->shape);
    for (int axis = 0; axis < x->rank; axis++) {
        add_axis(reduced[axis] ? &gone : &kept, x->shape[axis], dense.of[axis]);
        many *= reduced[axis] ? x->shape[axis] : 1;
        if (!reduced[axis] || call->node->flag) {
            shape[rank++] = reduced[axis] ? 1 : x->shape[axis];
        }
    }
    TRY(graph_op_output(&data, call, 0, x->dtype, rank, shape));
    if (data == NULL || clrnn_tensor_count(&call->outputs[0]->tensor) == 0) {
        goto out;
    }
    REQUIRE(op != GRAPH_REDUCE_MEAN || many > 0 || is_real(x->dtype), ARGUMENT,
            "%s: whole numbers have no mean of nothing", call->label);
    struct op_walk outside, inside;
    op_walk_begin(&outside, kept.rank, kept.shape, 1, &kept.strides);
    op_walk_begin(&inside, gone.rank, gone.shape, 1, &gone.strides);
    int64_t done = 0;
    do {
        for (int64_t i = 0; i < outside.run; i++) {
            const char *from =
                (const char *)tensor_host(x) + (outside.at[0] + i * outside.step[0]) * item;
            struct total total = nothing(op, x->dtype);
            struct op_walk walk = inside;
            if (walk.run > 0) {
                do {
                    run(&total, from + walk.at[0] * item, walk.run, walk.step[0]);
                } while (op_walk_next(&walk));
            }
            if (op == GRAPH_REDUCE_MEAN) {
                total.real /= (double)many;
                total.whole = many > 0 ? total.whole / many : 0;
            }
            finish(data, done++, x->dtype, &total);
        }
    } while (op_walk_next(&outside));
out:
    return status;
}
