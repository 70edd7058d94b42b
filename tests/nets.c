/*
 * nets.c: nets and samples from seeds, their plain float32 evaluation, stored arrays.
 */
#include "nets.h"
#include "core/net.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers -------------------------------------------------------------------------- */

uint64_t random_state;

float uniform(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (float)(random_state * 0x2545f4914f6cdd1dULL >> 40) * 0x1p-23f - 1.0f;
}

static float *floats(int64_t count, float scale) {
    float *values = malloc((size_t)(count + 1) * sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = scale * uniform();
    }
    return values;
}

/* ---- samples --------------------------------------------------------------------------------- */

clrnn_tensor tensor_of(clrnn_dtype dtype, void *data, int rank, int64_t a, int64_t b, int64_t c) {
    return (clrnn_tensor){.data = data, .dtype = dtype, .rank = rank, .shape = {a, b, c}};
}

static void set(clrnn_net *net, const char *name, float *values, int rank, int64_t rows,
                int64_t columns) {
    char full[64];
    const int reverse = net->desc.direction == CLRNN_DIRECTION_REVERSE;
    const clrnn_tensor tensor = tensor_of(CLRNN_DTYPE_F32, values, rank, rows, columns, 0);
    snprintf(full, sizeof full, "%s%s", name, reverse ? "_reverse" : "");
    ck_assert_int_eq(clrnn_net_set_weight(net, full, &tensor), CLRNN_STATUS_OK);
}

clrnn_net *net_of(const clrnn_net_desc *desc, float *weights) {
    clrnn_net *net = NULL;
    const int64_t rows = (int64_t)clrnn_cell_gates(desc->cell) * desc->hidden;
    ck_assert_int_eq(clrnn_net_create(&net, desc), CLRNN_STATUS_OK);
    set(net, "weight_ih_l0", weights, 2, rows, desc->inputs);
    weights += rows * desc->inputs;
    set(net, "weight_hh_l0", weights, 2, rows, desc->hidden);
    weights += rows * desc->hidden;
    set(net, "bias_ih_l0", weights, 1, rows, 0);
    set(net, "bias_hh_l0", weights + rows, 1, rows, 0);
    return net;
}

clrnn_net *random_net(const clrnn_net_desc *desc, float gain) {
    const int64_t rows = (int64_t)clrnn_cell_gates(desc->cell) * desc->hidden;
    const int64_t columns = desc->inputs + desc->hidden + 2;
    float *weights = floats(rows * columns, 1);
    const float scale_ih = sqrtf(3.0f / (float)desc->inputs);
    const float scale_hh = gain * sqrtf(3.0f / (float)desc->hidden);
    for (int64_t i = 0; i < rows * (desc->inputs + desc->hidden); i++) {
        weights[i] *= i < rows * desc->inputs ? scale_ih : scale_hh;
    }
    clrnn_net *net = net_of(desc, weights);
    free(weights);
    return net;
}

struct sample sample_of(clrnn_net *net, int steps, int batch, int batch_first) {
    const int64_t states = (int64_t)batch * net->desc.hidden;
    struct sample s = {.net = net, .steps = steps, .batch = batch, .batch_first = batch_first};
    s.x = floats((int64_t)steps * batch * net->desc.inputs, 2);
    s.h_0 = floats(states, 1);
    s.c_0 = floats(states, 1);
    s.y = floats(states * steps, 1);
    s.cells = floats(states * steps, 1);
    s.h_n = floats(states, 1);
    s.c_n = floats(states, 1);
    s.lengths = malloc((size_t)batch * sizeof *s.lengths);
    for (int n = 0; n < batch; n++) {
        s.lengths[n] = n == 0 ? steps : n == 1 ? 0 : (n * 7) % (steps + 1);
    }
    return s;
}

void free_sample(struct sample *s) {
    clrnn_net_free(s->net);
    free(s->x);
    free(s->h_0);
    free(s->c_0);
    free(s->lengths);
    free(s->y);
    free(s->h_n);
    free(s->c_n);
    free(s->cells);
}

clrnn_forward_args args_of(const struct sample *s) {
    const int hidden = s->net->desc.hidden;
    const int first = s->batch_first ? s->batch : s->steps;
    const int second = s->batch_first ? s->steps : s->batch;
    clrnn_forward_args args = {
        .x = tensor_of(CLRNN_DTYPE_F32, s->x, 3, first, second, s->net->desc.inputs),
        .y = tensor_of(CLRNN_DTYPE_F32, s->y, 3, first, second, hidden),
        .h_n = tensor_of(CLRNN_DTYPE_F32, s->h_n, 2, s->batch, hidden, 0),
        .h_0 = tensor_of(CLRNN_DTYPE_F32, s->h_0, 3, 1, s->batch, hidden),
        .lengths = tensor_of(CLRNN_DTYPE_I32, s->lengths, 1, s->batch, 0, 0),
    };
    if (s->net->desc.cell == CLRNN_CELL_LSTM) {
        args.c_0 = tensor_of(CLRNN_DTYPE_F32, s->c_0, 2, s->batch, hidden, 0);
        args.c_n = tensor_of(CLRNN_DTYPE_F32, s->c_n, 3, 1, s->batch, hidden);
        args.cells = tensor_of(CLRNN_DTYPE_F32, s->cells, 3, first, second, hidden);
    }
    return args;
}

clrnn_judgement judge(const clrnn_net *net, const struct sample *s) {
    clrnn_judgement result;
    const clrnn_forward_args args = args_of(s);
    ck_assert_msg(clrnn_judge(&result, net, s->batch_first, &args) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    return result;
}

size_t at(const struct sample *s, int t, int n) {
    return (size_t)(s->batch_first ? n * s->steps + t : t * s->batch + n);
}

/* ---- a plain float32 evaluation -------------------------------------------------------------- */

/* w v + bias, from left to right */
static float plain_sum(const float *w, const float *v, int count, float bias) {
    float sum = 0;
    for (int k = 0; k < count; k++) {
        sum += w[k] * v[k];
    }
    return sum + bias;
}

static float plain_sigmoid(float a) {
    return 1.0f / (1.0f + expf(-a));
}

/* One step; h and c: [H], changed in place; gx, gh: [G H], reset: [H] */
static void plain_step(const clrnn_net *net, const float *x, float *h, float *c) {
    const int inputs = net->desc.inputs;
    const int hidden = net->desc.hidden;
    const int rows = net->gates * hidden;
    float *gx = floats(rows, 0);
    float *gh = floats(rows, 0);
    float *reset = floats(hidden, 0);
    for (int row = 0; row < rows; row++) {
        gx[row] = plain_sum(net->w_ih + (size_t)row * (size_t)inputs, x, inputs, net->b_ih[row]);
        gh[row] = plain_sum(net->w_hh + (size_t)row * (size_t)hidden, h, hidden, net->b_hh[row]);
    }
    for (int j = 0; j < hidden; j++) {
        reset[j] = plain_sigmoid(gx[j] + gh[j]) * h[j];
    }
    for (int j = 0; j < hidden; j++) {
        const int second = hidden + j;
        const int third = 2 * hidden + j;
        if (net->desc.cell == CLRNN_CELL_RNN) {
            const float a = gx[j] + gh[j];
            h[j] = net->desc.nonlinearity == CLRNN_NONLINEARITY_TANH ? tanhf(a)
                   : a > 0 || isnan(a)                               ? a
                                                                     : 0;
        } else if (net->desc.cell == CLRNN_CELL_LSTM) {
            const float i = plain_sigmoid(gx[j] + gh[j]);
            const float f = plain_sigmoid(gx[second] + gh[second]);
            const float g = tanhf(gx[third] + gh[third]);
            const float o = plain_sigmoid(gx[third + hidden] + gh[third + hidden]);
            c[j] = f * c[j] + i * g;
            h[j] = o * tanhf(c[j]);
        } else {
            const float r = plain_sigmoid(gx[j] + gh[j]);
            const float z = plain_sigmoid(gx[second] + gh[second]);
            const float after = r * gh[third];
            const float before = plain_sum(net->w_hh + (size_t)third * (size_t)hidden, reset,
                                           hidden, net->b_hh[third]);
            const float n =
                tanhf(gx[third] + (net->desc.reset == CLRNN_RESET_AFTER ? after : before));
            h[j] = (1.0f - z) * n + z * h[j];
        }
    }
    free(gx);
    free(gh);
    free(reset);
}

void plain_forward(struct sample *s, const clrnn_net *net) {
    const size_t hidden = (size_t)net->desc.hidden;
    const size_t bytes = hidden * sizeof(float);
    memset(s->y, 0, bytes * (size_t)(s->steps * s->batch));
    memset(s->cells, 0, bytes * (size_t)(s->steps * s->batch));
    for (int n = 0; n < s->batch; n++) {
        float *h = s->h_n + (size_t)n * hidden;
        float *c = s->c_n + (size_t)n * hidden;
        const int length = s->lengths != NULL ? s->lengths[n] : s->steps;
        memset(h, 0, bytes);
        memset(c, 0, bytes);
        if (s->h_0 != NULL) {
            memcpy(h, s->h_0 + (size_t)n * hidden, bytes);
        }
        if (s->c_0 != NULL) {
            memcpy(c, s->c_0 + (size_t)n * hidden, bytes);
        }
        for (int step = 0; step < length; step++) {
            const int t = net->desc.direction == CLRNN_DIRECTION_REVERSE ? length - 1 - step : step;
            plain_step(net, s->x + at(s, t, n) * (size_t)net->desc.inputs, h, c);
            memcpy(s->y + at(s, t, n) * hidden, h, bytes);
            memcpy(s->cells + at(s, t, n) * hidden, c, bytes);
        }
    }
}

/* ---- kinds of nets, stored arrays ------------------------------------------------------------ */

clrnn_net_desc kind_of(int kind, int inputs, int hidden) {
    clrnn_net_desc desc = {.inputs = inputs, .hidden = hidden};
    desc.direction = kind % 2 ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
    desc.cell = (const clrnn_cell[]){CLRNN_CELL_RNN, CLRNN_CELL_RNN, CLRNN_CELL_LSTM,
                                     CLRNN_CELL_GRU, CLRNN_CELL_GRU}[kind / 2];
    desc.nonlinearity = kind / 2 == 1 ? CLRNN_NONLINEARITY_RELU : CLRNN_NONLINEARITY_TANH;
    desc.reset = kind / 2 == 4 ? CLRNN_RESET_BEFORE : CLRNN_RESET_AFTER;
    return desc;
}

struct sample small_sample(int kind) {
    const clrnn_net_desc desc = kind_of(kind, 5, 9);
    random_state = (uint64_t)(4242 + kind);
    struct sample s = sample_of(random_net(&desc, 1), 6, 4, kind % 2);
    s.lengths[2] = 1;
    s.lengths[3] = 4;
    plain_forward(&s, s.net);
    return s;
}

clrnn_arrays *load(const char *path) {
    clrnn_arrays *arrays = NULL;
    ck_assert_msg(clrnn_arrays_load(&arrays, path) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    return arrays;
}

clrnn_model *load_model(const char *path) {
    clrnn_model *model = NULL;
    ck_assert_msg(clrnn_model_load(&model, path, CLRNN_NONLINEARITY_TANH) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    return model;
}

const clrnn_tensor *find(const clrnn_arrays *arrays, const char *name) {
    const clrnn_tensor *tensor = clrnn_arrays_find(arrays, name);
    ck_assert_msg(tensor != NULL, "no array %s", name);
    return tensor;
}
