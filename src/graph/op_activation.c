/*
 * op_activation.c: functions of floats: the activations, e^x and its like, softmax and its logarithm.
 *
 * In double precision, straight from their formulas, at infinities the limit; rounded once.
 */
#include "graph/graph_ops.h"

#include "core/tensor.h"

#include <math.h>

#define SQRT_HALF 0.70710678118654752440
#define SQRT_2_OVER_PI 0.79788456080286535588

/* An activation with its parameters, or a function of C's. */
struct function {
    double (*plain)(double); /* NULL: is an activation */
    clrnn_act kind;
    double alpha, beta;
};

/* ---- one number ------------------------------------------------------------------------------ */

static double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double relu(double x) {
    return x > 0 || x != x ? x : 0;
}

/* log(1 + e^x) without a large e^x */
static double softplus(double x) {
    return relu(x) + log1p(exp(-fabs(x)));
}

static double hold(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

/* x times a share of it: where that is 0, x may be infinite. */
static double times(double x, double share) {
    return share == 0 ? 0 : x * share;
}

static double evaluate(const struct function *f, double x) {
    if (f->plain != NULL) {
        return f->plain(x);
    }
    switch (f->kind) {
    case CLRNN_ACT_TANH:
        return tanh(x);
    case CLRNN_ACT_SIGMOID:
        return sigmoid(x);
    case CLRNN_ACT_RELU:
        return relu(x);
    case CLRNN_ACT_LINEAR:
        return x;
    case CLRNN_ACT_HARD_SIGMOID:
        return hold(fma(f->alpha, x, f->beta), 0, 1);
    case CLRNN_ACT_ELU:
        return x < 0 ? f->alpha * expm1(x) : x;
    case CLRNN_ACT_SELU:
        return f->beta * (x < 0 ? f->alpha * expm1(x) : x);
    case CLRNN_ACT_SOFTSIGN:
        return isinf(x) ? copysign(1, x) : x / (1 + fabs(x));
    case CLRNN_ACT_SOFTPLUS:
        return softplus(x);
    case CLRNN_ACT_LEAKY_RELU:
        return x < 0 ? f->alpha * x : x;
    case CLRNN_ACT_THRESHOLDED_RELU:
        return x > f->alpha || x != x ? x : 0;
    case CLRNN_ACT_AFFINE:
        return fma(f->alpha, x, f->beta);
    case CLRNN_ACT_SCALED_TANH:
        return f->alpha * tanh(f->beta * x);
    case CLRNN_ACT_GELU: /* erfc: 1 + erf would lose the tail */
        return times(x, erfc(-x * SQRT_HALF) / 2);
    case CLRNN_ACT_GELU_TANH: /* (1 + tanh(u)) / 2 = sigmoid(2 u) */
        return times(x, sigmoid(2 * SQRT_2_OVER_PI * (x + 0.044715 * x * x * x)));
    case CLRNN_ACT_SWISH: /* alpha = 0 halves an infinity too */
        return times(x, sigmoid(f->alpha == 0 ? 0 : f->alpha * x));
    case CLRNN_ACT_EXPONENTIAL:
        return exp(x);
    case CLRNN_ACT_RELU6:
        return hold(x, 0, 6);
    case CLRNN_ACT_CELU:
        return x < 0 ? f->alpha * expm1(x / f->alpha) : x;
    case CLRNN_ACT_HARD_TANH:
        return hold(x, -1, 1);
    case CLRNN_ACT_LOG_SIGMOID:
        return -softplus(-x);
    case CLRNN_ACT_MISH:
        return times(x, tanh(softplus(x)));
    case CLRNN_ACT_DEFAULT:
    case CLRNN_ACT_CUSTOM:
        break;
    }
    return NAN;
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static clrnn_status apply(struct graph_call *call, const struct function *f) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    void *data;
    if (x->dtype != CLRNN_DTYPE_F32 && x->dtype != CLRNN_DTYPE_F64) {
        TRY(graph_op_unsupported(call, x->dtype));
    }
    TRY(graph_op_output(&data, call, 0, x->dtype, x->rank, x->shape));
    const int64_t count = data != NULL ? clrnn_tensor_count(x) : 0;
    if (x->dtype == CLRNN_DTYPE_F32) {
        const float *from = tensor_host(x);
        for (int64_t i = 0; i < count; i++) {
            ((float *)data)[i] = graph_op_settle(evaluate(f, (double)from[i]));
        }
    } else {
        const double *from = tensor_host(x);
        for (int64_t i = 0; i < count; i++) {
            ((double *)data)[i] = graph_op_settle_wide(evaluate(f, from[i]));
        }
    }
out:
    return status;
}

clrnn_status op_activation_apply(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    static const struct function defaults[] = {
#define ACT_ROW(name, value, text, parameters, alpha, beta)                                        \
    {NULL, CLRNN_ACT_##name, (double)(alpha), (double)(beta)},
        CLRNN_ACT_LIST(ACT_ROW)
#undef ACT_ROW
    };
    const clrnn_activation *act = &call->node->act;
    const struct function *known = NULL;
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        known = defaults[i].kind == act->kind ? &defaults[i] : known;
    }
    REQUIRE(known != NULL, UNSUPPORTED, "%s: must be one of the built-in activations, got %s",
            call->label, clrnn_act_name(act->kind));
    const struct function f = {
        .kind = act->kind,
        .alpha = act->parameters > 0 ? (double)act->alpha : known->alpha,
        .beta = act->parameters > 1 ? (double)act->beta : known->beta,
    };
    TRY(apply(call, &f));
out:
    return status;
}

clrnn_status op_activation_function(struct graph_call *call) {
    static double (*const functions[GRAPH_OP_COUNT])(double) = {
        [GRAPH_EXP] = exp, [GRAPH_LOG] = log, [GRAPH_SQRT] = sqrt, [GRAPH_ERF] = erf};
    const struct function f = {.plain = functions[call->node->op]};
    return apply(call, &f);
}

/* ---- softmax --------------------------------------------------------------------------------- */

/* Elements of an axis, `step` apart. */
struct line {
    const void *from;
    void *to;
    int64_t count, step;
};

/* e^x / sum e^x, or x - log(sum e^x), with the largest x taken off first, so that nothing is too
 * large. Its own share of the sum is 1, and the rest is kept apart: where that is small, its digits
 * are all that log(1 + rest) is made of. NaN, and an infinity that is the largest, make the line NaN. */
#define SOFTMAX_LINE(name, type, settle)                                                           \
    static void softmax_##name(const struct line *line, int is_log) {                              \
        const type *from = line->from;                                                             \
        type *to = line->to;                                                                       \
        double largest = -INFINITY;                                                                \
        int64_t where = 0;                                                                         \
        for (int64_t i = 0; i < line->count; i++) {                                                \
            const double x = (double)from[i * line->step];                                         \
            where = x > largest ? i : where;                                                       \
            largest = x > largest ? x : largest;                                                   \
        }                                                                                          \
        double rest = largest - largest; /* of an infinity NaN */                                  \
        for (int64_t i = 0; i < line->count; i++) {                                                \
            rest += i == where ? 0 : exp((double)from[i * line->step] - largest);                  \
        }                                                                                          \
        const double logarithm = log1p(rest);                                                      \
        for (int64_t i = 0; i < line->count; i++) {                                                \
            const double x = (double)from[i * line->step] - largest;                               \
            to[i * line->step] = settle(is_log ? x - logarithm : exp(x) / (1 + rest));             \
        }                                                                                          \
    }
SOFTMAX_LINE(f32, float, graph_op_settle)
SOFTMAX_LINE(f64, double, graph_op_settle_wide)
#undef SOFTMAX_LINE

clrnn_status op_activation_softmax(struct graph_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->inputs[0];
    const int is_log = call->node->op == GRAPH_LOG_SOFTMAX;
    int axis = 0;
    void *data;
    if (x->dtype != CLRNN_DTYPE_F32 && x->dtype != CLRNN_DTYPE_F64) {
        TRY(graph_op_unsupported(call, x->dtype));
    }
    TRY(graph_op_axis(&axis, call, call->node->axis, x->rank));
    TRY(graph_op_output(&data, call, 0, x->dtype, x->rank, x->shape));
    if (data == NULL || clrnn_tensor_count(x) == 0) {
        goto out;
    }
    const int64_t outer = graph_op_extent(x, 0, axis);
    const int64_t inner = graph_op_extent(x, axis + 1, x->rank);
    const size_t item = clrnn_dtype_size(x->dtype);
    struct line line = {.count = x->shape[axis], .step = inner};
    for (int64_t i = 0; i < outer; i++) {
        for (int64_t k = 0; k < inner; k++) {
            const size_t at = (size_t)(i * line.count * inner + k) * item;
            line.from = (const char *)tensor_host(x) + at;
            line.to = (char *)data + at;
            if (x->dtype == CLRNN_DTYPE_F32) {
                softmax_f32(&line, is_log);
            } else {
                softmax_f64(&line, is_log);
            }
        }
    }
out:
    return status;
}
