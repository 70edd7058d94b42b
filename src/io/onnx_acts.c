/* onnx_acts.c: the activations of a recurrent node. */
#include "io/onnx_recurrent.h"

#ifdef WITH_PROTOBUF

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* takes: how many of alpha and beta; their defaults are clrnn.h's. */
static const struct form {
    const char *name;
    clrnn_act act;
    int takes;
} forms[] = {
    {"Tanh", CLRNN_ACT_TANH, 0},
    {"Sigmoid", CLRNN_ACT_SIGMOID, 0},
    {"Relu", CLRNN_ACT_RELU, 0},
    {"Softsign", CLRNN_ACT_SOFTSIGN, 0},
    {"Softplus", CLRNN_ACT_SOFTPLUS, 0},
    {"LeakyRelu", CLRNN_ACT_LEAKY_RELU, 1},
    {"ThresholdedRelu", CLRNN_ACT_THRESHOLDED_RELU, 1},
    {"Elu", CLRNN_ACT_ELU, 1},
    {"Affine", CLRNN_ACT_AFFINE, 2},
    {"ScaledTanh", CLRNN_ACT_SCALED_TANH, 2},
    {"HardSigmoid", CLRNN_ACT_HARD_SIGMOID, 2},
};
enum { FORM_COUNT = sizeof forms / sizeof forms[0] };

/* Numbers that go in order to the activations that take one. */
struct supply {
    const Onnx__AttributeProto *attribute; /* NULL: is not there */
    size_t used;
};

static int take(float *out, struct supply *supply) {
    if (supply->attribute == NULL || supply->used >= supply->attribute->n_floats) {
        return 0;
    }
    *out = supply->attribute->floats[supply->used++];
    return 1;
}

/* Letter case is not told apart, as in ONNX Runtime. */
static const struct form *find_form(const ProtobufCBinaryData *text) {
    for (int i = 0; i < FORM_COUNT; i++) {
        if (strlen(forms[i].name) == text->len &&
            strncasecmp(forms[i].name, (const char *)text->data, text->len) == 0) {
            return &forms[i];
        }
    }
    return NULL;
}

static clrnn_status read_one(clrnn_activation *out, struct onnx_node *node,
                             const ProtobufCBinaryData *text, struct supply *alphas,
                             struct supply *betas) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct form *form = find_form(text);
    /* beta alone: alpha is its default, which must be said then */
    const float alpha = form != NULL && form->act == CLRNN_ACT_HARD_SIGMOID ? 0.2f : 1.0f;
    REQUIRE(form != NULL, FORMAT, "%s: the activation '%.*s' is not supported", node->label,
            (int)(text->len < 60 ? text->len : 60), (const char *)text->data);
    *out = (clrnn_activation){.kind = form->act};
    if (form->takes > 0 && take(&out->alpha, alphas)) {
        out->parameters = 1;
    }
    if (form->takes > 1 && take(&out->beta, betas)) {
        out->alpha = out->parameters == 1 ? out->alpha : alpha;
        out->parameters = 2;
    }
out:
    return status;
}

static int is_same(const clrnn_activation *a, const clrnn_activation *b) {
    return a->kind == b->kind && a->parameters == b->parameters &&
           memcmp(&a->alpha, &b->alpha, sizeof a->alpha) == 0 &&
           memcmp(&a->beta, &b->beta, sizeof a->beta) == 0;
}

/* Slots of the layer for each activation of ONNX: LSTM f, g, h -> i, f, g, o, h; GRU f, g -> r, z, n. */
static const int slots[][CLRNN_MAX_ACTS] = {
    [CLRNN_CELL_RNN] = {0}, [CLRNN_CELL_LSTM] = {0, 0, 1, 0, 2}, [CLRNN_CELL_GRU] = {0, 0, 1}};
static const int slot_counts[] = {
    [CLRNN_CELL_RNN] = 1, [CLRNN_CELL_LSTM] = 5, [CLRNN_CELL_GRU] = 3};
static const clrnn_act defaults[][3] = {
    [CLRNN_CELL_RNN] = {CLRNN_ACT_TANH},
    [CLRNN_CELL_LSTM] = {CLRNN_ACT_SIGMOID, CLRNN_ACT_TANH, CLRNN_ACT_TANH},
    [CLRNN_CELL_GRU] = {CLRNN_ACT_SIGMOID, CLRNN_ACT_TANH}};

/* What is the cell's own, or in the second direction as in the first, is left at the default, so that
 * a layer whose exporter says the usual ones is a plain layer. */
clrnn_status onnx_acts_read(clrnn_layer_desc *layer, struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int directions = clrnn_layer_directions(layer);
    const int each = layer->cell == CLRNN_CELL_LSTM ? 3 : layer->cell == CLRNN_CELL_GRU ? 2 : 1;
    const Onnx__AttributeProto *names;
    struct supply alphas = {0}, betas = {0};
    clrnn_activation given[2][3] = {0};
    TRY(onnx_attribute(&names, node, "activations", ONNX_STRINGS));
    TRY(onnx_attribute(&alphas.attribute, node, "activation_alpha", ONNX_FLOATS));
    TRY(onnx_attribute(&betas.attribute, node, "activation_beta", ONNX_FLOATS));
    if (names != NULL) {
        REQUIRE(names->n_strings == (size_t)(each * directions), FORMAT,
                "%s: needs %d activations, got %zu", node->label, each * directions,
                names->n_strings);
        for (int i = 0; i < each * directions; i++) {
            TRY(read_one(&given[i / each][i % each], node, &names->strings[i], &alphas, &betas));
        }
    }
    REQUIRE(alphas.attribute == NULL || alphas.used == alphas.attribute->n_floats, FORMAT,
            "%s: activation_alpha has %zu numbers, its activations take %zu", node->label,
            alphas.attribute->n_floats, alphas.used);
    REQUIRE(betas.attribute == NULL || betas.used == betas.attribute->n_floats, FORMAT,
            "%s: activation_beta has %zu numbers, its activations take %zu", node->label,
            betas.attribute->n_floats, betas.used);
    for (int direction = 0; direction < directions; direction++) {
        for (int slot = 0; slot < slot_counts[layer->cell]; slot++) {
            const int which = slots[layer->cell][slot];
            const clrnn_activation usual = {.kind = defaults[layer->cell][which]};
            const clrnn_activation act = names != NULL ? given[direction][which] : usual;
            const clrnn_activation *expected =
                direction == 0 || names == NULL ? &usual : &given[0][which];
            if (!is_same(&act, expected)) {
                layer->acts[direction][slot] = act;
            }
        }
    }
out:
    return status;
}

#endif
