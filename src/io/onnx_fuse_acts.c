/*
 * onnx_fuse_acts.c: rules that make one activation of the nodes that exporters spell it with, onnx_write
 * among them.
 */
#include "io/onnx_fuse.h"

#ifdef WITH_PROTOBUF

#include <math.h>
#include <string.h>

/* ---- what is looked for ---------------------------------------------------------------------- */

static struct graph_node *made_by(const struct fuse *fuse, int value, enum graph_op op) {
    struct graph_node *node = fuse_producer(fuse, value, 0);
    return node != NULL && node->op == op ? node : NULL;
}

static struct graph_node *activation(const struct fuse *fuse, int value, clrnn_act kind) {
    struct graph_node *node = made_by(fuse, value, GRAPH_ACTIVATION);
    return node != NULL && node->act.kind == kind ? node : NULL;
}

/* The same, but for the last digits that exporters write of a constant. */
static int is_near(float value, double constant) {
    return fabs((double)value - constant) <= fabs(constant) * 0x1p-20;
}

/* ---- products -------------------------------------------------------------------------------- */

enum { MOST_FACTORS = 4 };

/* factor f[0] f[1] ..., of a tree of Mul and of Div by numbers */
struct product {
    float factor;
    int factors[MOST_FACTORS];
    int count; /* more than MOST_FACTORS: too many */
};

static void multiply_out(struct product *product, const struct fuse *fuse, int value, int depth) {
    enum { DEPTH = 4 };
    const struct graph_node *node = fuse_producer(fuse, value, 0);
    const int is_mul = node != NULL && node->op == GRAPH_MUL;
    float number;
    if (fuse_is_scalar(&number, fuse, value)) {
        product->factor *= number;
    } else if (is_mul && depth < DEPTH) {
        multiply_out(product, fuse, node->inputs[0], depth + 1);
        multiply_out(product, fuse, node->inputs[1], depth + 1);
    } else if (node != NULL && node->op == GRAPH_DIV && depth < DEPTH &&
               fuse_is_scalar(&number, fuse, node->inputs[1])) {
        product->factor /= number;
        multiply_out(product, fuse, node->inputs[0], depth + 1);
    } else {
        if (product->count < MOST_FACTORS) {
            product->factors[product->count] = value;
        }
        product->count++;
    }
}

static struct product product_of(const struct fuse *fuse, int value) {
    struct product product = {.factor = 1};
    multiply_out(&product, fuse, value, 0);
    return product;
}

/* factor x, of one x */
static int is_scaled(float *factor, int *x, const struct fuse *fuse, int value) {
    const struct product product = product_of(fuse, value);
    *factor = product.factor;
    *x = product.factors[0];
    return product.count == 1;
}

/* The value of f in f + 1; -1: it is something else. */
static int plus_one(const struct fuse *fuse, int value) {
    const struct graph_node *sum = made_by(fuse, value, GRAPH_ADD);
    float one;
    int f;
    return sum != NULL && fuse_has_scalar(&one, &f, fuse, sum) && is_near(one, 1) ? f : -1;
}

/* 1 + erf(x / sqrt 2) */
static int is_erf_gate(const struct fuse *fuse, int gate, int x) {
    const struct graph_node *erf = made_by(fuse, plus_one(fuse, gate), GRAPH_ERF);
    float factor;
    int of;
    return erf != NULL && is_scaled(&factor, &of, fuse, erf->inputs[0]) && of == x &&
           is_near(factor, 0.70710678118654752440);
}

/* a x^3, as products or as a power */
static int is_cube(float *a, const struct fuse *fuse, int value, int x) {
    const struct product product = product_of(fuse, value);
    *a = product.factor;
    if (product.count == 1) {
        const struct graph_node *power = made_by(fuse, product.factors[0], GRAPH_POW);
        float three;
        return power != NULL && power->inputs[0] == x &&
               fuse_is_scalar(&three, fuse, power->inputs[1]) && is_near(three, 3);
    }
    return product.count == 3 && product.factors[0] == x && product.factors[1] == x &&
           product.factors[2] == x;
}

/* 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)) */
static int is_tanh_gate(const struct fuse *fuse, int gate, int x) {
    const struct graph_node *tanh_of = activation(fuse, plus_one(fuse, gate), CLRNN_ACT_TANH);
    float factor, cubic;
    int inner;
    if (tanh_of == NULL || !is_scaled(&factor, &inner, fuse, tanh_of->inputs[0]) ||
        !is_near(factor, 0.79788456080286535588)) {
        return 0;
    }
    const struct graph_node *sum = made_by(fuse, inner, GRAPH_ADD);
    for (int slot = 0; sum != NULL && slot < 2; slot++) {
        if (sum->inputs[slot] == x && is_cube(&cubic, fuse, sum->inputs[1 - slot], x) &&
            is_near(cubic, 0.044715)) {
            return 1;
        }
    }
    return 0;
}

/* ---- the rules ------------------------------------------------------------------------------- */

/* The node becomes an activation of x. */
static void become(struct fuse *fuse, struct graph_node *node, const clrnn_activation *act, int x) {
    node->op = GRAPH_ACTIVATION;
    node->act = *act;
    fuse_rewire(fuse, node, 0, x);
    for (int i = 1; i < node->input_count; i++) {
        fuse_rewire(fuse, node, i, -1);
    }
    node->input_count = 1;
}

static void become_kind(struct fuse *fuse, struct graph_node *node, clrnn_act kind, int x) {
    become(fuse, node, &(clrnn_activation){.kind = kind}, x);
}

/* x sigmoid(alpha x), x tanh(softplus(x)), x (1 + f(x)) / 2 */
static void gate(struct fuse *fuse, struct graph_node *node) {
    const struct product product = product_of(fuse, node->outputs[0]);
    for (int slot = 0; product.count == 2 && slot < 2; slot++) {
        const int x = product.factors[slot], by = product.factors[1 - slot];
        const struct graph_node *sigmoid = activation(fuse, by, CLRNN_ACT_SIGMOID);
        const struct graph_node *tanh_of = activation(fuse, by, CLRNN_ACT_TANH);
        const struct graph_node *softplus =
            tanh_of != NULL ? activation(fuse, tanh_of->inputs[0], CLRNN_ACT_SOFTPLUS) : NULL;
        float alpha;
        int of;
        if (is_near(product.factor, 0.5) && is_erf_gate(fuse, by, x)) {
            become_kind(fuse, node, CLRNN_ACT_GELU, x);
        } else if (is_near(product.factor, 0.5) && is_tanh_gate(fuse, by, x)) {
            become_kind(fuse, node, CLRNN_ACT_GELU_TANH, x);
        } else if (is_near(product.factor, 1) && softplus != NULL && softplus->inputs[0] == x) {
            become_kind(fuse, node, CLRNN_ACT_MISH, x);
        } else if (is_near(product.factor, 1) && sigmoid != NULL &&
                   is_scaled(&alpha, &of, fuse, sigmoid->inputs[0]) && of == x) {
            const clrnn_activation swish = {
                .kind = CLRNN_ACT_SWISH, .parameters = 1, .alpha = alpha};
            become(fuse, node, &swish, x);
        } else {
            continue;
        }
        break;
    }
}

/* min(max(x, 0), 6), min(max(x, -1), 1) */
static void bound(struct fuse *fuse, struct graph_node *node) {
    float high, low;
    int lower, x;
    if (node->input_count != 2 || !fuse_has_scalar(&high, &lower, fuse, node)) {
        return;
    }
    const struct graph_node *max = made_by(fuse, lower, GRAPH_MAX);
    if (max == NULL || max->input_count != 2 || !fuse_has_scalar(&low, &x, fuse, max)) {
        return;
    }
    if (low == 0 && high == 6) {
        become_kind(fuse, node, CLRNN_ACT_RELU6, x);
    } else if (low == -1 && high == 1) {
        become_kind(fuse, node, CLRNN_ACT_HARD_TANH, x);
    }
}

/* -softplus(-x) */
static void log_sigmoid(struct fuse *fuse, struct graph_node *node) {
    const struct graph_node *softplus = activation(fuse, node->inputs[0], CLRNN_ACT_SOFTPLUS);
    const struct graph_node *minus =
        softplus != NULL ? made_by(fuse, softplus->inputs[0], GRAPH_NEG) : NULL;
    if (minus != NULL) {
        become_kind(fuse, node, CLRNN_ACT_LOG_SIGMOID, minus->inputs[0]);
    }
}

void fuse_acts(struct fuse *fuse, int number) {
    struct graph_node *node = &fuse->graph->nodes[number];
    switch (node->op) {
    case GRAPH_MUL:
    case GRAPH_DIV:
        gate(fuse, node);
        break;
    case GRAPH_MIN:
        bound(fuse, node);
        break;
    case GRAPH_NEG:
        log_sigmoid(fuse, node);
        break;
    case GRAPH_EXP:
        become_kind(fuse, node, CLRNN_ACT_EXPONENTIAL, node->inputs[0]);
        break;
    default:
        break;
    }
}

#endif
