/* onnx_write_act.c: activations, as ONNX's nodes and as the names that recurrent nodes take. */
#ifdef WITH_PROTOBUF

#include "io/onnx_write.h"

const char *onnx_act_name(int *parameters, const clrnn_activation *act) {
    static const struct {
        clrnn_act kind;
        const char *name;
        int parameters;
    } acts[] = {
        {CLRNN_ACT_TANH, "Tanh", 0},
        {CLRNN_ACT_SIGMOID, "Sigmoid", 0},
        {CLRNN_ACT_RELU, "Relu", 0},
        {CLRNN_ACT_HARD_SIGMOID, "HardSigmoid", 2},
        {CLRNN_ACT_ELU, "Elu", 1},
        {CLRNN_ACT_SOFTSIGN, "Softsign", 0},
        {CLRNN_ACT_SOFTPLUS, "Softplus", 0},
        {CLRNN_ACT_LEAKY_RELU, "LeakyRelu", 1},
        {CLRNN_ACT_THRESHOLDED_RELU, "ThresholdedRelu", 1},
        {CLRNN_ACT_AFFINE, "Affine", 2},
        {CLRNN_ACT_LINEAR, "Affine", 2}, /* 1 x + 0 */
        {CLRNN_ACT_SCALED_TANH, "ScaledTanh", 2},
    };
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        if (acts[i].kind == act->kind) {
            *parameters = acts[i].parameters;
            return acts[i].name;
        }
    }
    return NULL;
}

static const char *with_floats(struct onnx_build *build, const char *op, const char *x,
                               const char *first, float alpha, const char *second, float beta) {
    const char *const inputs[] = {x, NULL};
    Onnx__NodeProto *node = x != NULL && !build->failed ? onnx_node(build, op, op, inputs) : NULL;
    if (node != NULL) {
        onnx_add_output(build, node, "act_output");
        onnx_float(build, node, first, alpha);
        if (second != NULL) {
            onnx_float(build, node, second, beta);
        }
    }
    return onnx_output(node, 0);
}

/* x bounded to low .. high; Clip, unlike ONNX's own limits, takes them as inputs. */
static const char *clipped(struct onnx_build *build, const char *x, float low, float high) {
    return onnx_op(build, "Clip", x, onnx_scalar(build, "low", low),
                   onnx_scalar(build, "high", high));
}

static const char *scaled(struct onnx_build *build, const char *x, float factor) {
    return factor == 1 ? x : onnx_op(build, "Mul", x, onnx_scalar(build, "factor", factor), NULL);
}

static const char *shifted(struct onnx_build *build, const char *x, float term) {
    return term == 0 ? x : onnx_op(build, "Add", x, onnx_scalar(build, "term", term), NULL);
}

/* x (1 + f) / 2 */
static const char *halved_gate(struct onnx_build *build, const char *x, const char *f) {
    return scaled(build, onnx_op(build, "Mul", x, shifted(build, f, 1), NULL), 0.5f);
}

static const char *gelu(struct onnx_build *build, const char *x) {
    const float root = 0.707106781186547524f; /* 1 / sqrt 2 */
    return halved_gate(build, x, onnx_op(build, "Erf", scaled(build, x, root), NULL, NULL));
}

/* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
static const char *gelu_tanh(struct onnx_build *build, const char *x) {
    const char *square = onnx_op(build, "Mul", x, x, NULL);
    const char *cube = scaled(build, onnx_op(build, "Mul", square, x, NULL), 0.044715f);
    const char *inner = scaled(build, onnx_op(build, "Add", x, cube, NULL), 0.797884560802865356f);
    return halved_gate(build, x, onnx_op(build, "Tanh", inner, NULL, NULL));
}

clrnn_status onnx_act(const char **out, struct onnx_build *build, const clrnn_activation *act,
                      const char *x, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const float alpha = act->alpha, beta = act->beta;
    const char *y = NULL;
    switch (act->kind) {
    case CLRNN_ACT_LINEAR:
        y = x;
        break;
    case CLRNN_ACT_TANH:
        y = onnx_op(build, "Tanh", x, NULL, NULL);
        break;
    case CLRNN_ACT_SIGMOID:
        y = onnx_op(build, "Sigmoid", x, NULL, NULL);
        break;
    case CLRNN_ACT_RELU:
        y = onnx_op(build, "Relu", x, NULL, NULL);
        break;
    case CLRNN_ACT_SOFTSIGN:
        y = onnx_op(build, "Softsign", x, NULL, NULL);
        break;
    case CLRNN_ACT_SOFTPLUS:
        y = onnx_op(build, "Softplus", x, NULL, NULL);
        break;
    case CLRNN_ACT_EXPONENTIAL:
        y = onnx_op(build, "Exp", x, NULL, NULL);
        break;
    case CLRNN_ACT_HARD_SIGMOID:
        y = with_floats(build, "HardSigmoid", x, "alpha", alpha, "beta", beta);
        break;
    case CLRNN_ACT_ELU:
        y = with_floats(build, "Elu", x, "alpha", alpha, NULL, 0);
        break;
    case CLRNN_ACT_SELU:
        y = with_floats(build, "Selu", x, "alpha", alpha, "gamma", beta);
        break;
    case CLRNN_ACT_CELU:
        y = with_floats(build, "Celu", x, "alpha", alpha, NULL, 0);
        break;
    case CLRNN_ACT_LEAKY_RELU:
        y = with_floats(build, "LeakyRelu", x, "alpha", alpha, NULL, 0);
        break;
    case CLRNN_ACT_THRESHOLDED_RELU:
        y = with_floats(build, "ThresholdedRelu", x, "alpha", alpha, NULL, 0);
        break;
    case CLRNN_ACT_AFFINE:
        y = shifted(build, scaled(build, x, alpha), beta);
        break;
    case CLRNN_ACT_SCALED_TANH:
        y = scaled(build, onnx_op(build, "Tanh", scaled(build, x, beta), NULL, NULL), alpha);
        break;
    case CLRNN_ACT_GELU:
        y = gelu(build, x);
        break;
    case CLRNN_ACT_GELU_TANH:
        y = gelu_tanh(build, x);
        break;
    case CLRNN_ACT_SWISH:
        y = onnx_op(build, "Mul", x, onnx_op(build, "Sigmoid", scaled(build, x, alpha), NULL, NULL),
                    NULL);
        break;
    case CLRNN_ACT_RELU6:
        y = clipped(build, x, 0, 6);
        break;
    case CLRNN_ACT_HARD_TANH:
        y = clipped(build, x, -1, 1);
        break;
    case CLRNN_ACT_LOG_SIGMOID: {
        const char *minus = onnx_op(build, "Neg", x, NULL, NULL);
        y = onnx_op(build, "Neg", onnx_op(build, "Softplus", minus, NULL, NULL), NULL, NULL);
        break;
    }
    case CLRNN_ACT_MISH: {
        const char *gate = onnx_op(build, "Softplus", x, NULL, NULL);
        y = onnx_op(build, "Mul", x, onnx_op(build, "Tanh", gate, NULL, NULL), NULL);
        break;
    }
    default:
        REQUIRE(0, FORMAT, "%s: ONNX has no activation %s", label, clrnn_act_name(act->kind));
    }
    *out = y;
out:
    return status;
}

#else
typedef int onnx_write_act_without_protobuf;
#endif
