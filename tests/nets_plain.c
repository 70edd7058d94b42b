/*
 * nets_plain.c: the plain float32 evaluation of a sample: sequential sums, a formula a line, the C
 * library's functions in double precision rounded once.
 */
#include "core/net.h"
#include "nets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- activations ----------------------------------------------------------------------------- */

double plain_activation(const clrnn_activation *act, double x) {
    const double a = (double)act->alpha, b = (double)act->beta;
    if (isnan(x)) {
        return x;
    }
    switch (act->kind) {
    case CLRNN_ACT_TANH:
        return tanh(x);
    case CLRNN_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case CLRNN_ACT_RELU:
        return x > 0 ? x : 0;
    case CLRNN_ACT_LINEAR:
        return x;
    case CLRNN_ACT_HARD_SIGMOID:
        return fmin(fmax(a * x + b, 0), 1);
    case CLRNN_ACT_ELU:
        return x < 0 ? a * expm1(x) : x;
    case CLRNN_ACT_SOFTSIGN:
        return isinf(x) ? copysign(1, x) : x / (1 + fabs(x));
    case CLRNN_ACT_LEAKY_RELU:
        return x < 0 ? a * x : x;
    case CLRNN_ACT_SCALED_TANH:
        return a * tanh(b * x);
    case CLRNN_ACT_GELU:
        return x < -40 ? 0 : x * erfc(-x / sqrt(2)) / 2;
    default:
        abort(); /* none of the kinds has it */
    }
}

static float apply(const struct strand *strand, int slot, float a) {
    return (float)plain_activation(&strand->acts[slot], (double)a);
}

static float held(float a, float limit) {
    return limit > 0 && a > limit ? limit : limit > 0 && a < -limit ? -limit : a;
}

/* ---- a step ---------------------------------------------------------------------------------- */

/* w v + bias, from left to right */
static float plain_sum(const float *w, const float *v, int count, const float *bias) {
    float sum = 0;
    for (int k = 0; k < count; k++) {
        sum += w[k] * v[k];
    }
    return bias != NULL ? sum + *bias : sum;
}

/* The row of a matrix with `columns`, or of a vector that may be missing. */
static const float *row_of(const struct strand *strand, enum weight_role role, int row,
                           int columns) {
    const float *weights = strand->weights[role];
    return weights != NULL ? weights + (size_t)row * (size_t)columns : NULL;
}

static float peeped(const struct strand *strand, enum weight_role role, int j, float c) {
    return strand->weights[role] != NULL ? strand->weights[role][j] * c : 0;
}

/* gates: [G H] what activations take, then what they give; m: [H] */
static void plain_lstm(const struct strand *strand, const float *gx, const float *gh, float *c,
                       float *gates, float *m) {
    const clrnn_layer_desc *desc = strand->desc;
    const int hidden = strand->hidden;
    for (int j = 0; j < hidden; j++) {
        float a[4];
        for (int g = 0; g < 4; g++) {
            a[g] = gx[g * hidden + j] + gh[g * hidden + j];
        }
        a[0] += peeped(strand, WEIGHT_CI, j, c[j]);
        a[1] += peeped(strand, WEIGHT_CF, j, c[j]) + desc->forget_bias;
        float i = apply(strand, 0, held(a[0], desc->gate_clip));
        float f = apply(strand, 1, held(a[1], desc->gate_clip));
        const float g = apply(strand, 2, held(a[2], desc->gate_clip));
        f = desc->couple == CLRNN_COUPLE_FORGET ? 1.0f - i : f;
        i = desc->couple == CLRNN_COUPLE_INPUT ? 1.0f - f : i;
        c[j] = held(f * c[j] + i * g, desc->cell_clip);
        a[3] += peeped(strand, WEIGHT_CO, j, c[j]);
        const float o = apply(strand, 3, held(a[3], desc->gate_clip));
        m[j] = o * apply(strand, 4, c[j]);
        gates[j] = i;
        gates[hidden + j] = f;
        gates[2 * hidden + j] = g;
        gates[3 * hidden + j] = o;
    }
}

static void plain_gru(const struct strand *strand, const float *gx, const float *gh, float *h,
                      float *gates) {
    const clrnn_layer_desc *desc = strand->desc;
    const int hidden = strand->hidden;
    float *r = gates, *z = gates + hidden, *n = gates + 2 * hidden;
    float *reset = malloc((size_t)hidden * sizeof *reset);
    for (int j = 0; j < hidden; j++) {
        r[j] = apply(strand, 0, held(gx[j] + gh[j], desc->gate_clip));
        z[j] = apply(strand, 1, held(gx[hidden + j] + gh[hidden + j], desc->gate_clip));
        reset[j] = r[j] * h[j];
    }
    for (int j = 0; j < hidden; j++) {
        const int row = 2 * hidden + j;
        const float before = plain_sum(row_of(strand, WEIGHT_HH, row, hidden), reset, hidden,
                                       row_of(strand, BIAS_HH, row, 1));
        const float part = desc->reset == CLRNN_RESET_BEFORE ? before : r[j] * gh[row];
        n[j] = apply(strand, 2, held(gx[row] + part, desc->gate_clip));
    }
    for (int j = 0; j < hidden; j++) {
        h[j] = (1.0f - z[j]) * n[j] + z[j] * h[j];
    }
    free(reset);
}

/* One step; h: [W] and c: [H] change in place. */
static void plain_step(const struct strand *strand, const float *x, float *h, float *c,
                       float *gates) {
    const int inputs = strand->inputs, width = strand->width, hidden = strand->hidden;
    const int rows = strand->gates * hidden;
    float *gx = malloc((size_t)(2 * rows + hidden) * sizeof *gx), *gh = gx + rows;
    float *m = gh + rows;
    for (int row = 0; row < rows; row++) {
        gx[row] = plain_sum(row_of(strand, WEIGHT_IH, row, inputs), x, inputs,
                            row_of(strand, BIAS_IH, row, 1));
        gh[row] = plain_sum(row_of(strand, WEIGHT_HH, row, width), h, width,
                            row_of(strand, BIAS_HH, row, 1));
    }
    switch (strand->desc->cell) {
    case CLRNN_CELL_RNN:
        for (int j = 0; j < hidden; j++) {
            gates[j] = h[j] = apply(strand, 0, held(gx[j] + gh[j], strand->desc->gate_clip));
        }
        break;
    case CLRNN_CELL_GRU:
        plain_gru(strand, gx, gh, h, gates);
        break;
    default:
        plain_lstm(strand, gx, gh, c, gates, m);
        for (int j = 0; j < width; j++) {
            h[j] = strand->desc->projection > 0
                       ? plain_sum(row_of(strand, WEIGHT_HR, j, hidden), m, hidden, NULL)
                       : m[j];
        }
        break;
    }
    free(gx);
}

/* ---- sequences ------------------------------------------------------------------------------- */

/* A direction's row of an array that has one for each: [D][size] */
static void put(float *array, size_t row, const struct strand *strand, const float *values,
                int size) {
    float *to =
        array + (row * (size_t)clrnn_layer_directions(strand->desc) + (size_t)strand->direction) *
                    (size_t)size;
    for (int j = 0; j < size; j++) {
        to[j] = values != NULL ? values[j] : 0;
    }
}

/* A direction's output into a row of F. */
static void put_output(float *to, const struct strand *strand, const float *o) {
    const clrnn_layer_desc *desc = strand->desc;
    for (int j = 0; j < strand->width; j++) {
        const float value = o != NULL ? o[j] : 0;
        if (strand->direction == 0 || desc->merge == CLRNN_MERGE_CONCAT) {
            to[strand->direction * strand->width + j] = value;
        } else if (desc->merge == CLRNN_MERGE_MUL) {
            to[j] *= value;
        } else {
            to[j] += value;
            to[j] = desc->merge == CLRNN_MERGE_AVE ? to[j] / 2 : to[j];
        }
    }
}

static void start(float *to, const float *from, size_t at_row, int size) {
    for (int j = 0; j < size; j++) {
        to[j] = from != NULL ? from[at_row + (size_t)j] : 0;
    }
}

static void run_row(struct sample *s, const struct strand *strand, const float *below, int n) {
    struct sample_layer *of = &s->of[strand->layer];
    const size_t row = (size_t)(strand->direction * s->batch + n);
    const size_t width = (size_t)strand->width, hidden = (size_t)strand->hidden;
    const size_t outputs = (size_t)clrnn_layer_outputs(strand->desc);
    const int length = length_of(s, n);
    float *h = of->h_n + row * width, *c = of->c_n + row * hidden, *o = of->o_n + row * width;
    float *gates = calloc((size_t)strand->gates * hidden, sizeof *gates);
    start(h, of->h_0, row * width, strand->width);
    start(c, of->c_0, row * hidden, strand->hidden);
    start(o, of->o_0, row * width, strand->width);
    for (int step = 0; step < s->steps; step++) {
        const int within = step < length;
        const int t = within && strand->reverse ? length - 1 - step : step;
        const int valid = within && !is_masked(s, t, n);
        if (valid) {
            plain_step(strand, below + x_row(s, t, n) * (size_t)strand->inputs, h, c, gates);
            memcpy(o, h, width * sizeof *o);
        } else if (within && strand->desc->zero_masked) {
            memset(o, 0, width * sizeof *o);
        }
        if (within || s->batch_sizes == NULL) {
            put_output(of->y + x_row(s, t, n) * outputs, strand, within ? o : NULL);
        }
        put(of->hiddens, at(s, t, n), strand, within ? h : NULL, strand->width);
        put(of->cells, at(s, t, n), strand, within ? c : NULL, strand->hidden);
        put(of->gates, at(s, t, n), strand, valid ? gates : NULL, strand->gates * strand->hidden);
    }
    put_output(of->last + (size_t)n * outputs, strand, length == 0 ? h : o);
    free(gates);
}

void plain_forward(struct sample *s, const clrnn_net *net) {
    for (int i = 0; i < net->strand_count; i++) {
        const struct strand *strand = &net->strands[i];
        const float *below = strand->layer > 0 ? s->of[strand->layer - 1].y : s->x;
        for (int n = 0; n < s->batch; n++) {
            run_row(s, strand, below, n);
        }
    }
}
