/* onnx_write_cell.c: one layer as a node RNN, LSTM or GRU, with its weights in ONNX's order. */
#ifdef WITH_PROTOBUF

#include "io/onnx_write.h"

#include <string.h>

enum { MOST_ACTS = 6, SLOTS = 3 }; /* of both directions, of one */

/* Which gate of ours is gate g of ONNX's: i, o, f, c and z, r, h. */
static int gate_of(const struct strand *strand, int g) {
    static const int lstm[] = {0, 3, 1, 2}, gru[] = {1, 0, 2};
    return strand->desc->cell == CLRNN_CELL_LSTM  ? lstm[g]
           : strand->desc->cell == CLRNN_CELL_GRU ? gru[g]
                                                  : g;
}

static const char *op_of(const struct strand *strand) {
    return strand->desc->cell == CLRNN_CELL_LSTM  ? "LSTM"
           : strand->desc->cell == CLRNN_CELL_GRU ? "GRU"
                                                  : "RNN";
}

/* What a layer of ours may ask for and ONNX has not; NULL: nothing. */
static const char *foreign_option(const clrnn_layer_desc *desc) {
    return desc->cell == CLRNN_CELL_CUSTOM      ? "cells of one's own"
           : desc->cell == CLRNN_CELL_DENSE     ? "dense layers within a stack"
           : desc->projection > 0               ? "projections"
           : desc->couple == CLRNN_COUPLE_INPUT ? "coupled gates i = 1 - f (only f = 1 - i)"
           : desc->forget_bias != 0             ? "forget_bias beside the biases"
           : desc->cell_clip > 0                ? "clips of cells"
                                                : NULL;
}

/* to: [G][H][columns] of one direction, gates in ONNX's order */
static void order_gates(float *to, const float *from, const struct strand *strand,
                        int64_t columns) {
    const size_t block = (size_t)(strand->hidden * columns);
    for (int g = 0; g < strand->gates; g++) {
        const float *gate = from + (size_t)gate_of(strand, g) * block;
        memcpy(to + (size_t)g * block, gate, block * sizeof *to);
    }
}

/* W or R: [D][G H][columns] */
static const char *put_matrices(struct onnx_build *build, const struct onnx_recurrent *what,
                                const char *name, enum weight_role role, int64_t columns) {
    const struct strand *first = what->strands[0];
    const int64_t rows = (int64_t)first->gates * first->hidden;
    const int64_t shape[3] = {what->count, rows, columns};
    float *data;
    const char *out = onnx_weights(&data, build, name, 3, shape);
    for (int d = 0; data != NULL && d < what->count; d++) {
        order_gates(data + d * rows * columns, what->strands[d]->weights[role], what->strands[d],
                    columns);
    }
    return out;
}

/* B: [D][2 G H], Wb then Rb; "" where no direction has a bias */
static const char *put_biases(struct onnx_build *build, const struct onnx_recurrent *what) {
    const struct strand *first = what->strands[0];
    const int64_t rows = (int64_t)first->gates * first->hidden;
    const int64_t shape[2] = {what->count, 2 * rows};
    const int is_any = first->weights[BIAS_IH] != NULL ||
                       (what->count > 1 && what->strands[1]->weights[BIAS_IH] != NULL);
    float *data = NULL;
    const char *out = is_any ? onnx_weights(&data, build, "B", 2, shape) : "";
    for (int d = 0; data != NULL && d < what->count; d++) {
        const struct strand *strand = what->strands[d];
        for (int second = 0; second < 2; second++) {
            const float *bias = strand->weights[second ? BIAS_HH : BIAS_IH];
            if (bias != NULL) {
                order_gates(data + (2 * d + second) * rows, bias, strand, 1);
            }
        }
    }
    return out;
}

/* P: [D][3 H], of i, o, f; "" without peepholes */
static const char *put_peepholes(struct onnx_build *build, const struct onnx_recurrent *what) {
    static const enum weight_role roles[] = {WEIGHT_CI, WEIGHT_CO, WEIGHT_CF};
    const int64_t hidden = what->strands[0]->hidden;
    const int64_t shape[2] = {what->count, 3 * hidden};
    float *data = NULL;
    const char *out =
        what->strands[0]->desc->peepholes ? onnx_weights(&data, build, "P", 2, shape) : "";
    for (int d = 0; data != NULL && d < what->count; d++) {
        for (int part = 0; part < 3; part++) {
            memcpy(data + (3 * d + part) * hidden, what->strands[d]->weights[roles[part]],
                   (size_t)hidden * sizeof *data);
        }
    }
    return out;
}

/* ---- activations ----------------------------------------------------------------------------- */

static int same_act(const clrnn_activation *a, const clrnn_activation *b) {
    return a->kind == b->kind && a->alpha == b->alpha && a->beta == b->beta;
}

/* f (of gates), g, h of a direction, as ONNX groups them. */
static clrnn_status group_acts(const clrnn_activation *out[SLOTS], int *count,
                               const struct strand *strand, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_activation *act = strand->acts;
    const int is_lstm = strand->desc->cell == CLRNN_CELL_LSTM;
    const int is_gru = strand->desc->cell == CLRNN_CELL_GRU;
    REQUIRE(!is_lstm || (same_act(&act[0], &act[1]) && same_act(&act[0], &act[3])), FORMAT,
            "%s: ONNX has one activation for the gates i, f and o", label);
    REQUIRE(!is_gru || same_act(&act[0], &act[1]), FORMAT,
            "%s: ONNX has one activation for the gates r and z", label);
    out[0] = &act[0];
    out[1] = is_lstm || is_gru ? &act[2] : NULL;
    out[2] = is_lstm ? &act[4] : NULL;
    *count = is_lstm ? 3 : is_gru ? 2 : 1;
out:
    return status;
}

/* The attributes that say them, where they are not ONNX's own. */
static clrnn_status put_acts(struct onnx_build *build, Onnx__NodeProto *node,
                             const struct onnx_recurrent *what, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *names[MOST_ACTS];
    float alphas[MOST_ACTS], betas[MOST_ACTS];
    size_t count = 0, alpha_count = 0, beta_count = 0;
    int is_plain = 1;
    for (int d = 0; d < what->count; d++) {
        const clrnn_activation *acts[SLOTS];
        int slots = 0;
        TRY(group_acts(acts, &slots, what->strands[d], label));
        for (int slot = 0; slot < slots; slot++) {
            int parameters = 0;
            names[count] = onnx_act_name(&parameters, acts[slot]);
            REQUIRE(names[count] != NULL, FORMAT, "%s: ONNX's %s knows no activation %s", label,
                    op_of(what->strands[d]), clrnn_act_name(acts[slot]->kind));
            const int is_linear = acts[slot]->kind == CLRNN_ACT_LINEAR;
            if (parameters > 0) {
                alphas[alpha_count++] = is_linear ? 1 : acts[slot]->alpha;
            }
            if (parameters > 1) {
                betas[beta_count++] = is_linear ? 0 : acts[slot]->beta;
            }
            const clrnn_act own = slots > 1 && slot == 0 ? CLRNN_ACT_SIGMOID : CLRNN_ACT_TANH;
            is_plain = is_plain && acts[slot]->kind == own;
            count++;
        }
    }
    if (!is_plain) {
        onnx_texts(build, node, "activations", count, names);
    }
    if (alpha_count > 0) {
        onnx_floats(build, node, "activation_alpha", alpha_count, alphas);
    }
    if (beta_count > 0) {
        onnx_floats(build, node, "activation_beta", beta_count, betas);
    }
out:
    return status;
}

/* ---- the node -------------------------------------------------------------------------------- */

clrnn_status onnx_recurrent(const char **y, const char **h, struct onnx_build *build,
                            const struct onnx_recurrent *what, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct strand *strand = what->strands[0];
    const clrnn_layer_desc *desc = strand->desc;
    const char *option = foreign_option(desc);
    Onnx__NodeProto *node;
    REQUIRE(option == NULL, FORMAT, "%s: ONNX has no %s", label, option);
    const char *w = put_matrices(build, what, "W", WEIGHT_IH, strand->inputs);
    const char *r = put_matrices(build, what, "R", WEIGHT_HH, strand->width);
    const char *peepholes = put_peepholes(build, what), *biases = put_biases(build, what);
    const char *lengths = what->lengths != NULL ? what->lengths : "";
    REQUIRE(!build->failed && peepholes != NULL && biases != NULL, MEMORY,
            "%s: out of memory for its weights", label);
    /* X, W, R, B, sequence_lens, initial_h, initial_c, P; what is left out at the end is not there */
    const char *inputs[] = {what->x, w, r, biases, lengths, "", "", peepholes, NULL};
    for (int last = 7; last > 2 && inputs[last][0] == '\0'; last--) {
        inputs[last] = NULL;
    }
    node = onnx_node(build, op_of(strand), NULL, inputs);
    REQUIRE(node != NULL, MEMORY, "%s: out of memory for its node", label);
    onnx_add_output(build, node, what->wants_y ? "Y" : "");
    if (what->wants_h) {
        onnx_add_output(build, node, "Y_h");
    }
    onnx_text(build, node, "direction",
              what->count == 2  ? "bidirectional"
              : strand->reverse ? "reverse"
                                : "forward");
    onnx_int(build, node, "hidden_size", strand->hidden);
    TRY(put_acts(build, node, what, label));
    if (desc->gate_clip > 0) {
        onnx_float(build, node, "clip", desc->gate_clip);
    }
    if (desc->couple == CLRNN_COUPLE_FORGET) {
        onnx_int(build, node, "input_forget", 1);
    }
    if (desc->cell == CLRNN_CELL_GRU) {
        onnx_int(build, node, "linear_before_reset", desc->reset == CLRNN_RESET_AFTER);
    }
    *y = onnx_output(node, 0);
    *h = onnx_output(node, 1);
out:
    return status;
}

#else
typedef int onnx_write_cell_without_protobuf;
#endif
