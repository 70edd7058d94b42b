/*
 * test_reference.c: the fp64 reference against formulas written out by hand and against stored
 * results, and clrnn_judge against a plain float32 evaluation, right and wrong.
 *
 * It is longer than other files since the reference and the judge are tested by each other.
 *
 * The one idea: the judge must pass whatever float32 may give, and fail everything else. So a plain
 * evaluation by sequential sums and the C library has to pass on nets of every kind and gain, and
 * the same net with one weight a little off, or any usual mistake, has to fail.
 */
#include "core/net.h"
#include "cpu/reference.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Suite *reference_suite(void);

/* ---- random numbers -------------------------------------------------------------------------- */

static uint64_t random_state;

/* xorshift64*, in -1 .. 1 */
static float uniform(void) {
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

/* A net with inputs and results. Everything is dense; lengths hold 0, all T, and others. */
struct sample {
    clrnn_net *net;
    int steps, batch, batch_first;
    float *x, *h_0, *c_0;         /* inputs; h_0 or c_0 NULL: 0 */
    int32_t *lengths;             /* NULL: all T */
    float *y, *h_n, *c_n, *cells; /* results */
};

static clrnn_tensor tensor_of(clrnn_dtype dtype, void *data, int rank, int64_t a, int64_t b,
                              int64_t c) {
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

/* weights: w_ih, w_hh, b_ih, b_hh one behind the other */
static clrnn_net *net_of(const clrnn_net_desc *desc, float *weights) {
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

/* The spectral radius of W_hh is about gain: entries of variance gain^2 / H. */
static clrnn_net *random_net(const clrnn_net_desc *desc, float gain) {
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

static struct sample sample_of(clrnn_net *net, int steps, int batch, int batch_first) {
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

static void free_sample(struct sample *s) {
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

static clrnn_forward_args args_of(const struct sample *s) {
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

static clrnn_judgement judge(const clrnn_net *net, const struct sample *s) {
    clrnn_judgement result;
    const clrnn_forward_args args = args_of(s);
    ck_assert_msg(clrnn_judge(&result, net, s->batch_first, &args) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    return result;
}

static size_t at(const struct sample *s, int t, int n) {
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

/* Runs the sample by `net`, which may differ from its own. */
static void plain_forward(struct sample *s, const clrnn_net *net) {
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

/* Every kind of net, by number. */
enum { KINDS = 10 };
static clrnn_net_desc kind_of(int kind, int inputs, int hidden) {
    clrnn_net_desc desc = {.inputs = inputs, .hidden = hidden};
    desc.direction = kind % 2 ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
    desc.cell = (const clrnn_cell[]){CLRNN_CELL_RNN, CLRNN_CELL_RNN, CLRNN_CELL_LSTM,
                                     CLRNN_CELL_GRU, CLRNN_CELL_GRU}[kind / 2];
    desc.nonlinearity = kind / 2 == 1 ? CLRNN_NONLINEARITY_RELU : CLRNN_NONLINEARITY_TANH;
    desc.reset = kind / 2 == 4 ? CLRNN_RESET_BEFORE : CLRNN_RESET_AFTER;
    return desc;
}

/* ---- formulas by hand ------------------------------------------------------------------------ */

static double sigmoid(double a) {
    return 1 / (1 + exp(-a));
}

/* One step from h (and c) with I = 1 and H = 2, in the words of the equations. Row `k` of gate g
 * and unit j is 2 g + j; w is net_of's list. */
static void by_hand(const clrnn_net_desc *desc, const float *w, double x, double h[2],
                    double c[2]) {
    const int rows = 2 * clrnn_cell_gates(desc->cell);
    const float *u = w + rows, *bi = w + 3 * rows, *bh = w + 4 * rows;
    const double a = h[0], b = h[1];
#define GX(k) ((double)w[k] * x + (double)bi[k])
#define GH(k) ((double)u[2 * (k)] * a + (double)u[2 * (k) + 1] * b + (double)bh[k])
    const double was[2] = {a, b};
    for (int j = 0; j < 2; j++) {
        if (desc->cell == CLRNN_CELL_LSTM) {
            c[j] = sigmoid(GX(2 + j) + GH(2 + j)) * c[j] +
                   sigmoid(GX(j) + GH(j)) * tanh(GX(4 + j) + GH(4 + j));
            h[j] = sigmoid(GX(6 + j) + GH(6 + j)) * tanh(c[j]);
        } else if (desc->cell == CLRNN_CELL_GRU) {
            const double z = sigmoid(GX(2 + j) + GH(2 + j));
            const double r[2] = {sigmoid(GX(0) + GH(0)), sigmoid(GX(1) + GH(1))};
            const double n = desc->reset == CLRNN_RESET_AFTER
                                 ? tanh(GX(4 + j) + r[j] * GH(4 + j))
                                 : tanh(GX(4 + j) + (double)u[8 + 2 * j] * r[0] * a +
                                        (double)u[9 + 2 * j] * r[1] * b + (double)bh[4 + j]);
            h[j] = (1 - z) * n + z * was[j];
        } else if (desc->nonlinearity == CLRNN_NONLINEARITY_RELU) {
            h[j] = fmax(0, GX(j) + GH(j));
        } else {
            h[j] = tanh(GX(j) + GH(j));
        }
    }
#undef GX
#undef GH
}

START_TEST(reference_is_the_formula) {
    const clrnn_net_desc desc = kind_of(_i, 1, 2);
    float w[40]; /* 8 rows of at most 5 numbers, all different and of either sign */
    for (int i = 0; i < 40; i++) {
        w[i] = (i % 3 == 1 ? -0.0625f : 0.03125f) * (float)(i + 7);
    }
    const float x[3] = {0.75f, -1.5f, 0.3125f};
    const double h_0[2] = {0.4375, -0.8125}, c_0[2] = {1.25, -0.375};
    clrnn_net *net = net_of(&desc, w);
    double y[6], cells[6], h_n[2], c_n[2] = {0};
    const struct reference_sequence sequence = {.steps = 3,
                                                .batch = 1,
                                                .x = x,
                                                .x_step = 1,
                                                .h_0 = h_0,
                                                .c_0 = c_0,
                                                .y = y,
                                                .cells = cells,
                                                .h_n = h_n,
                                                .c_n = c_n};
    ck_assert_int_eq(reference_forward(net, &sequence), CLRNN_STATUS_OK);
    double h[2] = {h_0[0], h_0[1]}, c[2] = {c_0[0], c_0[1]};
    for (int step = 0; step < 3; step++) {
        const int t = desc.direction == CLRNN_DIRECTION_REVERSE ? 2 - step : step;
        by_hand(&desc, w, (double)x[t], h, c);
        for (int j = 0; j < 2; j++) {
            ck_assert_double_eq_tol(y[2 * t + j], h[j], 1e-15);
            if (desc.cell == CLRNN_CELL_LSTM) {
                ck_assert_double_eq_tol(cells[2 * t + j], c[j], 1e-15);
            }
        }
    }
    ck_assert_double_eq_tol(h_n[1], h[1], 1e-15);
    ck_assert(desc.cell != CLRNN_CELL_LSTM || fabs(c_n[1] - c[1]) < 1e-15);
    clrnn_net_free(net);
}
END_TEST

/* ---- bounds ---------------------------------------------------------------------------------- */

/* Inputs moved by up to their errors give results within the bound. */
START_TEST(bounds_enclose) {
    static const double errors[] = {1e-6, 1e-3, 0.1, 2};
    const clrnn_net_desc desc = kind_of(_i, 3, 7);
    double h_error[7], c_error[7], h[7], c[7] = {0}, h_bound[7], c_bound[7] = {0}, scratch[32];
    double moved_h[7], moved_c[7], new_h[7], new_c[7] = {0};
    for (int try = 0; try < 400; try++) {
        random_state = (uint64_t)(1 + 10 * try + _i);
        clrnn_net *net = random_net(&desc, 1);
        float x[3];
        double h_prev[7], c_prev[7];
        for (int j = 0; j < 7; j++) {
            x[j % 3] = uniform();
            h_prev[j] = (double)uniform();
            c_prev[j] = 3 * (double)uniform();
            h_error[j] = c_error[j] = errors[try % 4];
            moved_h[j] = h_prev[j] + (uniform() > 0 ? h_error[j] : -h_error[j]);
            moved_c[j] = c_prev[j] + (uniform() > 0 ? c_error[j] : -c_error[j]);
        }
        ck_assert_uint_le(reference_scratch_size(net), 32);
        struct reference_step step = {x, h_prev,  h_error, c_prev,  c_error,
                                      h, h_bound, c,       c_bound, scratch};
        reference_evaluate(net, &step);
        step = (struct reference_step){.x = x,
                                       .h_prev = moved_h,
                                       .c_prev = moved_c,
                                       .h = new_h,
                                       .c = new_c,
                                       .scratch = scratch};
        reference_evaluate(net, &step);
        for (int j = 0; j < 7; j++) {
            ck_assert_msg(fabs(new_h[j] - h[j]) <= h_bound[j] &&
                              fabs(new_c[j] - c[j]) <= c_bound[j],
                          "try %d unit %d: %g over %g, %g over %g", try, j, fabs(new_h[j] - h[j]),
                          h_bound[j], fabs(new_c[j] - c[j]), c_bound[j]);
        }
        clrnn_net_free(net);
    }
}
END_TEST

/* A value a little inside its bound is fine, a little outside it is bad. */
START_TEST(bounds_are_the_limit) {
    const clrnn_net_desc desc = kind_of(_i, 5, 9);
    random_state = (uint64_t)(99 + _i);
    struct sample s = sample_of(random_net(&desc, 1), 1, 1, 0);
    double h_prev[9], c_prev[9], h[9], h_error[9], c[9], c_error[9], scratch[32];
    for (int j = 0; j < 9; j++) {
        h_prev[j] = s.h_0[j];
        c_prev[j] = s.c_0[j];
    }
    const struct reference_step step = {s.x, h_prev,  NULL, c_prev,  NULL,
                                        h,   h_error, c,    c_error, scratch};
    reference_evaluate(s.net, &step);
    plain_forward(&s, s.net);
    clrnn_forward_args args = args_of(&s);
    args.h_n = args.c_n = args.cells = (clrnn_tensor){0};
    clrnn_judgement j;
    for (int unit = 0; unit < 9; unit++) {
        if (desc.nonlinearity == CLRNN_NONLINEARITY_RELU && h[unit] == 0) {
            continue; /* its bound is below what float32 can show */
        }
        const float kept = s.y[unit];
        s.y[unit] = (float)(h[unit] + 0.8 * h_error[unit]);
        ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
        ck_assert_msg(j.bad == 0, "unit %d: ratio %g", unit, j.ratio);
        s.y[unit] = (float)(h[unit] + 1.2 * h_error[unit]);
        ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
        ck_assert_msg(j.bad == 1 && j.ratio < 1.4, "unit %d: ratio %g", unit, j.ratio);
        s.y[unit] = kept;
    }
    free_sample(&s);
}
END_TEST

/* Judges one value: y of a net of H = 1, one step, or the cells where given. */
static int64_t bad_of(const clrnn_net *net, float *x, float *h_0, float *c_0, float *y,
                      float *cells) {
    clrnn_judgement j;
    clrnn_forward_args args = {.x = tensor_of(CLRNN_DTYPE_F32, x, 3, 1, 1, net->desc.inputs),
                               .h_0 = tensor_of(CLRNN_DTYPE_F32, h_0, 2, 1, 1, 0),
                               .y = tensor_of(CLRNN_DTYPE_F32, y, 3, 1, 1, 1)};
    if (c_0 != NULL) {
        args.c_0 = tensor_of(CLRNN_DTYPE_F32, c_0, 2, 1, 1, 0);
        args.cells = tensor_of(CLRNN_DTYPE_F32, cells, 3, 1, 1, 1);
    }
    ck_assert_int_eq(clrnn_judge(&j, net, 0, &args), CLRNN_STATUS_OK);
    return j.bad;
}

/* What float32 does at its ends, and double precision does not. */
START_TEST(ends_of_float32) {
    float none[1] = {0}, y[1], cells[1];
    const clrnn_net_desc tanh_desc = {.inputs = 2, .hidden = 1};
    float weights[6] = {2, -2, 0, 0, 0, 0};
    clrnn_net *net = net_of(&tanh_desc, weights);
    /* 6e38 - 6e38 is 0, and NaN in float32 */
    float x[2] = {3e38f, 3e38f};
    y[0] = NAN;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 0);
    x[1] = 1;
    y[0] = 1;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 0);
    clrnn_net_free(net);
    /* 1e30 times a denormal, on a device that flushes it */
    weights[0] = 1e30f;
    net = net_of(&tanh_desc, weights);
    x[0] = 1e-39f;
    x[1] = 0;
    y[0] = 0;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 0);
    y[0] = 1e-8f;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 1);
    clrnn_net_free(net);

    /* lstm with nothing but biases: i, f, g, o */
    const clrnn_net_desc lstm_desc = {.cell = CLRNN_CELL_LSTM, .inputs = 1, .hidden = 1};
    float biases[16] = {[8] = -100, [9] = -100, [10] = 0, [11] = 0};
    net = net_of(&lstm_desc, biases);
    /* f = sigmoid(-100) = 4e-44, or 1.6e-38 where exp stops, or 0 */
    float c_0[1] = {1e30f};
    for (int i = 0; i < 3; i++) {
        cells[0] = i == 0 ? 0 : i == 1 ? 1.6e-8f : 1e-6f;
        y[0] = 0.5f * cells[0];
        ck_assert_int_eq(bad_of(net, x, none, c_0, y, cells), i == 2 ? 2 : 0);
    }
    /* 4e-44 times infinity: infinity, or NaN where f was flushed */
    c_0[0] = INFINITY;
    for (int i = 0; i < 2; i++) {
        cells[0] = i == 0 ? INFINITY : NAN;
        y[0] = i == 0 ? 0.5f : NAN;
        ck_assert_int_eq(bad_of(net, x, none, c_0, y, cells), 0);
    }
    clrnn_net_free(net);
    /* 1 FLT_MAX + 1: infinity is as right as FLT_MAX; 1 infinity + 1 is nothing else */
    biases[8] = biases[9] = biases[10] = biases[11] = 30;
    net = net_of(&lstm_desc, biases);
    y[0] = 1;
    for (int i = 0; i < 4; i++) {
        c_0[0] = i < 2 ? FLT_MAX : INFINITY;
        cells[0] = i % 2 ? FLT_MAX : INFINITY;
        ck_assert_int_eq(bad_of(net, x, none, c_0, y, cells), i == 3);
    }
    clrnn_net_free(net);
}
END_TEST

/* A state that float32 cannot hold is infinite in the steps that follow. */
START_TEST(reference_overflows_as_float32) {
    const clrnn_net_desc desc = {.nonlinearity = CLRNN_NONLINEARITY_RELU, .inputs = 1, .hidden = 2};
    float weights[10] = {0, 0, 1e20f, 0, 0, 0, 0, 0, 0, 0};
    clrnn_net *net = net_of(&desc, weights);
    const float x[3] = {0};
    const double h_0[2] = {1e10, 0};
    double y[6];
    const struct reference_sequence sequence = {
        .steps = 3, .batch = 1, .x = x, .x_step = 1, .h_0 = h_0, .y = y};
    ck_assert_int_eq(reference_forward(net, &sequence), CLRNN_STATUS_OK);
    ck_assert(isfinite(y[0]) && isinf(y[2]) && y[3] == 0 && isinf(y[4]) && isnan(y[5]));
    clrnn_net_free(net);
}
END_TEST

/* c' = c + 0.1 for 1,000 steps, known by y alone: the carried bound grows as the rounding does. Row
 * 0 loses its bound by overflow and must not take that of row 1 with it. */
START_TEST(carried_cell_state) {
    const clrnn_net_desc desc = {.cell = CLRNN_CELL_LSTM, .inputs = 1, .hidden = 1};
    float biases[16] = {[8] = 30, [9] = 30, [10] = 0.10033535f, [11] = 0};
    struct sample s = sample_of(net_of(&desc, biases), 1000, 2, 0);
    s.lengths[1] = 1000;
    s.c_0[0] = FLT_MAX;
    plain_forward(&s, s.net);
    clrnn_forward_args args = args_of(&s);
    args.cells = (clrnn_tensor){0};
    clrnn_judgement j;
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
    ck_assert_msg(j.bad == 0, "%s: ratio %g", j.what, j.ratio);
    ck_assert_int_eq(j.checked, 1000 + 2 + 1); /* y and c_n of row 1, h_n of both */
    s.c_n[1] += 0.1f;
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
    ck_assert_int_eq(j.bad, 1);
    free_sample(&s);
}
END_TEST

/* ---- plain float32 passes -------------------------------------------------------------------- */

START_TEST(plain_float32_is_fine) {
    static const float gains[] = {0, 0.5f, 1, 1.5f, 3};
    static const int sizes[] = {1, 2, 3, 7, 16, 17, 31, 67};
    double worst = 0;
    double most = 0; /* of each net its worst */
    int nets = 0;
    for (int gain = 0; gain < 5; gain++) {
        for (int size = 0; size < 8; size++) {
            random_state = (uint64_t)(1 + _i + 100 * gain + 1000 * size);
            const clrnn_net_desc desc = kind_of(_i, sizes[(size * 3 + gain) % 8], sizes[size]);
            struct sample s = sample_of(random_net(&desc, gains[gain]), 30, 5, size % 2);
            plain_forward(&s, s.net);
            const clrnn_judgement j = judge(s.net, &s);
            ck_assert_msg(j.bad == 0 && j.ratio <= 1,
                          "seed %d gain %g I %d H %d: %s ratio %g at %d %d %d",
                          1 + _i + 100 * gain + 1000 * size, (double)gains[gain], desc.inputs,
                          desc.hidden, j.what, j.ratio, (int)j.step, (int)j.row, (int)j.unit);
            worst = fmax(worst, j.ratio);
            most += j.ratio;
            nets++;
            /* an lstm without cells: c is carried along */
            clrnn_judgement carried;
            clrnn_forward_args args = args_of(&s);
            args.cells = (clrnn_tensor){0};
            ck_assert_int_eq(clrnn_judge(&carried, s.net, s.batch_first, &args), CLRNN_STATUS_OK);
            ck_assert_msg(carried.bad == 0, "carried: %s ratio %g", carried.what, carried.ratio);
            free_sample(&s);
        }
    }
    /* a bound that is never nearly reached would see nothing */
    ck_assert_double_ge(worst, 0.1);
    ck_assert_double_ge(most / nets, 0.03);
}
END_TEST

/* ---- mistakes fail --------------------------------------------------------------------------- */

/* A copy of the net whose weights may be changed. */
static clrnn_net *copy_net(const clrnn_net *net, clrnn_net_desc desc) {
    clrnn_net *copy = NULL;
    const size_t rows = (size_t)net->gates * (size_t)net->desc.hidden;
    ck_assert_int_eq(clrnn_net_create(&copy, &desc), CLRNN_STATUS_OK);
    memcpy(copy->w_ih, net->w_ih, rows * (size_t)desc.inputs * sizeof(float));
    memcpy(copy->w_hh, net->w_hh, rows * (size_t)desc.hidden * sizeof(float));
    memcpy(copy->b_ih, net->b_ih, rows * sizeof(float));
    memcpy(copy->b_hh, net->b_hh, rows * sizeof(float));
    copy->has_w_ih = copy->has_w_hh = 1;
    return copy;
}

static void swap_floats(float *a, float *b, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const float kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

static void transpose_square(float *w, int size) {
    for (int row = 0; row < size; row++) {
        for (int column = 0; column < row; column++) {
            swap_floats(w + row * size + column, w + column * size + row, 1);
        }
    }
}

enum mistake {
    GATES_SWAPPED,
    R_TRANSPOSED,
    BIAS_FORGOTTEN,
    RESET_SWAPPED,
    DIRECTION_IGNORED,
    H_0_FORGOTTEN,
    C_0_FORGOTTEN,
    LENGTHS_IGNORED,
    X_ONE_LATE,
    LAST_STEP_SKIPPED,
    BATCH_FIRST_IGNORED,
    MISTAKES
};

/* Runs the sample with the mistake; 0 where the cell cannot make it. */
static int run_with(struct sample *s, enum mistake mistake) {
    const clrnn_net_desc *desc = &s->net->desc;
    const size_t hidden = (size_t)desc->hidden;
    clrnn_net_desc changed = *desc;
    struct sample other = *s; /* same results, other inputs */
    int32_t lengths[16];
    if ((mistake == GATES_SWAPPED && desc->cell == CLRNN_CELL_RNN) ||
        (mistake == RESET_SWAPPED && desc->cell != CLRNN_CELL_GRU) ||
        (mistake == C_0_FORGOTTEN && desc->cell != CLRNN_CELL_LSTM)) {
        return 0;
    }
    changed.reset = mistake == RESET_SWAPPED ? !desc->reset : desc->reset;
    changed.direction = mistake == DIRECTION_IGNORED ? !desc->direction : desc->direction;
    clrnn_net *net = copy_net(s->net, changed);
    for (int n = 0; n < s->batch; n++) {
        lengths[n] = mistake == LENGTHS_IGNORED     ? s->steps
                     : mistake != LAST_STEP_SKIPPED ? s->lengths[n]
                     : s->lengths[n] > 0            ? s->lengths[n] - 1
                                                    : 0;
    }
    other.lengths = lengths;
    other.h_0 = mistake == H_0_FORGOTTEN ? NULL : s->h_0;
    other.c_0 = mistake == C_0_FORGOTTEN ? NULL : s->c_0;
    other.batch_first = mistake == BATCH_FIRST_IGNORED ? !s->batch_first : s->batch_first;
    if (mistake == X_ONE_LATE) {
        other.x += desc->inputs * (s->batch_first ? 1 : s->batch);
        other.steps--;
        ck_assert_int_eq(s->batch, 1); /* so that the strides stay right */
        lengths[0]--;
    }
    if (mistake == GATES_SWAPPED) {
        swap_floats(net->w_ih, net->w_ih + hidden * (size_t)desc->inputs,
                    hidden * (size_t)desc->inputs);
        swap_floats(net->w_hh, net->w_hh + hidden * hidden, hidden * hidden);
        swap_floats(net->b_ih, net->b_ih + hidden, hidden);
        swap_floats(net->b_hh, net->b_hh + hidden, hidden);
    }
    for (int gate = 0; mistake == R_TRANSPOSED && gate < net->gates; gate++) {
        transpose_square(net->w_hh + (size_t)gate * hidden * hidden, desc->hidden);
    }
    if (mistake == BIAS_FORGOTTEN) {
        memset(net->b_hh, 0, (size_t)net->gates * hidden * sizeof(float));
    }
    plain_forward(&other, net);
    clrnn_net_free(net);
    return 1;
}

START_TEST(mistakes_are_bad) {
    for (int mistake = 0; mistake < MISTAKES; mistake++) {
        random_state = (uint64_t)(77 + _i + 100 * mistake);
        const clrnn_net_desc desc = kind_of(_i, 5, 9);
        const int batch = mistake == X_ONE_LATE ? 1 : 4;
        struct sample s = sample_of(random_net(&desc, 1), 6, batch, 0);
        plain_forward(&s, s.net);
        ck_assert_int_eq(judge(s.net, &s).bad, 0);
        if (run_with(&s, (enum mistake)mistake)) {
            const clrnn_judgement j = judge(s.net, &s);
            ck_assert_msg(j.bad > 0 && j.ratio > 100, "kind %d, mistake %d: bad %d ratio %g", _i,
                          mistake, (int)j.bad, j.ratio);
            if (desc.cell == CLRNN_CELL_LSTM) { /* also without cells */
                clrnn_judgement carried;
                clrnn_forward_args args = args_of(&s);
                args.cells = (clrnn_tensor){0};
                ck_assert_int_eq(clrnn_judge(&carried, s.net, 0, &args), CLRNN_STATUS_OK);
                ck_assert_int_gt(carried.bad, 0);
            }
        }
        free_sample(&s);
    }
}
END_TEST

/* ---- stored results -------------------------------------------------------------------------- */

#define DATA "tests/data/"

static clrnn_arrays *load(const char *path) {
    clrnn_arrays *arrays = NULL;
    ck_assert_msg(clrnn_arrays_load(&arrays, path) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    return arrays;
}

static clrnn_model *load_model(const char *path) {
    clrnn_model *model = NULL;
    ck_assert_msg(clrnn_model_load(&model, path, CLRNN_NONLINEARITY_TANH) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    return model;
}

static const clrnn_tensor *find(const clrnn_arrays *arrays, const char *name) {
    const clrnn_tensor *tensor = clrnn_arrays_find(arrays, name);
    ck_assert_msg(tensor != NULL, "no array %s", name);
    return tensor;
}

/* Our fp64 results against those of another fp64 implementation: a few roundings of 1e-16 a step.
 */
static double largest_difference(const double *a, const double *b, int64_t count) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(a[i] - b[i]));
    }
    return largest;
}

START_TEST(reference_agrees_with_numpy) {
    clrnn_arrays *x = load(DATA "x_test.npy"), *lengths = load(DATA "lengths_test.npy");
    clrnn_arrays *expected = load(DATA "expected_simple_rnn_f64.npz");
    clrnn_model *model = load_model(DATA "simple_rnn.npz");
    const int64_t rows = 370, steps = 29, hidden = 32;
    int64_t lengths_wide[370];
    double *y = calloc((size_t)(rows * steps * hidden), sizeof *y);
    double *h_n = calloc((size_t)(rows * hidden), sizeof *h_n);
    for (int n = 0; n < rows; n++) {
        lengths_wide[n] = ((const int32_t *)find(lengths, "")->data)[n];
    }
    const struct reference_sequence sequence = {.steps = steps,
                                                .batch = rows,
                                                .batch_first = 1,
                                                .x = find(x, "")->data,
                                                .x_step = 12,
                                                .x_row = steps * 12,
                                                .lengths = lengths_wide,
                                                .y = y,
                                                .h_n = h_n};
    ck_assert_int_eq(reference_forward(clrnn_model_net(model), &sequence), CLRNN_STATUS_OK);
    const clrnn_tensor *kept = find(expected, "rows");
    const double *output = find(expected, "output")->data;
    ck_assert_int_gt(kept->shape[0], 90);
    for (int64_t i = 0; i < kept->shape[0]; i++) {
        const int64_t n = kept->dtype == CLRNN_DTYPE_I64 ? ((const int64_t *)kept->data)[i]
                                                         : ((const int32_t *)kept->data)[i];
        const double apart =
            largest_difference(y + n * steps * hidden, output + i * steps * hidden, steps * hidden);
        ck_assert_msg(apart < 1e-12, "row %d is %g off", (int)n, apart);
    }
    ck_assert(largest_difference(h_n, find(expected, "h_n")->data, rows * hidden) < 1e-12);
    free(y);
    free(h_n);
    clrnn_model_free(model);
    clrnn_arrays_free(expected);
    clrnn_arrays_free(lengths);
    clrnn_arrays_free(x);
}
END_TEST

START_TEST(reference_agrees_with_the_lesson) {
    clrnn_arrays *x = load(DATA "seed_x.npy"), *expected = load(DATA "expected_seed_numpy.npy");
    clrnn_arrays *expected_f64 = load(DATA "expected_seed_numpy_f64.npy");
    clrnn_model *model = load_model(DATA "seed_numpy.npz");
    clrnn_forward_args args = {.x = *find(x, ""), .y = *find(expected, "")};
    double y[80];
    const struct reference_sequence sequence = {
        .steps = 10, .batch = 1, .x = args.x.data, .x_step = 4, .y = y};
    ck_assert_int_eq(reference_forward(clrnn_model_net(model), &sequence), CLRNN_STATUS_OK);
    ck_assert(largest_difference(y, find(expected_f64, "")->data, 80) < 1e-14);
    args.x = tensor_of(CLRNN_DTYPE_F32, args.x.data, 3, 10, 1, 4);
    args.y = tensor_of(CLRNN_DTYPE_F32, args.y.data, 3, 10, 1, 8);
    clrnn_judgement j;
    ck_assert_int_eq(clrnn_judge(&j, clrnn_model_net(model), 0, &args), CLRNN_STATUS_OK);
    ck_assert_int_eq(j.bad, 0);
    ck_assert_int_eq(j.checked, 80);
    clrnn_model_free(model);
    clrnn_arrays_free(expected_f64);
    clrnn_arrays_free(expected);
    clrnn_arrays_free(x);
}
END_TEST

/* PyTorch's float32 output is fine, and with any one weight 1e-3 off it is not. */
START_TEST(each_weight_of_a_trained_net_counts) {
    clrnn_arrays *x = load(DATA "x_test.npy"), *lengths = load(DATA "lengths_test.npy");
    clrnn_arrays *expected = load(DATA "expected_simple_rnn.npz");
    clrnn_model *model = load_model(DATA "simple_rnn.npz");
    clrnn_forward_args args = {.x = *find(x, ""),
                               .lengths = *find(lengths, ""),
                               .y = *find(expected, "output"),
                               .h_n = *find(expected, "h_n")};
    clrnn_judgement j;
    ck_assert_int_eq(clrnn_judge(&j, clrnn_model_net(model), 1, &args), CLRNN_STATUS_OK);
    ck_assert_msg(j.bad == 0 && j.ratio <= 1, "ratio %g", j.ratio);
    ck_assert_int_eq(j.checked, 370 * 29 * 32 + 370 * 32);
    ck_assert(j.max_abs < 2e-6);

    /* every 37th row alone, without its padding: 10 rows see every weight */
    enum { ROWS = 10, APART = 37 };
    int32_t few[ROWS];
    for (int n = 0; n < ROWS; n++) {
        few[n] = ((const int32_t *)args.lengths.data)[n * APART];
    }
    args.h_n = (clrnn_tensor){0};
    args.lengths = tensor_of(CLRNN_DTYPE_I32, few, 1, ROWS, 0, 0);
    args.x = (clrnn_tensor){.data = args.x.data,
                            .rank = 3,
                            .shape = {ROWS, 29, 12},
                            .strides = {APART * 29 * 12, 12, 1}};
    args.y = (clrnn_tensor){.data = args.y.data,
                            .rank = 3,
                            .shape = {ROWS, 29, 32},
                            .strides = {APART * 29 * 32, 32, 1}};
    clrnn_net *net = copy_net(clrnn_model_net(model), clrnn_model_net(model)->desc);
    const struct {
        float *values;
        int count;
    } weights[] = {{net->w_ih, 32 * 12}, {net->w_hh, 32 * 32}, {net->b_ih, 32}, {net->b_hh, 32}};
    double least = INFINITY;
    for (int which = 0; which < 4; which++) {
        for (int i = 0; i < weights[which].count; i++) {
            const float kept = weights[which].values[i];
            weights[which].values[i] = kept + 1e-3f;
            ck_assert_int_eq(clrnn_judge(&j, net, 1, &args), CLRNN_STATUS_OK);
            weights[which].values[i] = kept;
            ck_assert_msg(j.bad > 0, "array %d, weight %d: ratio %g", which, i, j.ratio);
            least = fmin(least, j.ratio);
        }
    }
    ck_assert_msg(least > 100, "least ratio %g", least); /* 179 */
    clrnn_net_free(net);
    clrnn_model_free(model);
    clrnn_arrays_free(expected);
    clrnn_arrays_free(lengths);
    clrnn_arrays_free(x);
}
END_TEST

/* ---- NaN, infinity, padding ------------------------------------------------------------------ */

/* T = 6, N = 4, I = 5, H = 9, lengths 6, 0, 1, 4. */
static struct sample small_sample(int kind) {
    const clrnn_net_desc desc = kind_of(kind, 5, 9);
    random_state = (uint64_t)(4242 + kind);
    struct sample s = sample_of(random_net(&desc, 1), 6, 4, kind % 2);
    s.lengths[2] = 1;
    s.lengths[3] = 4;
    plain_forward(&s, s.net);
    return s;
}

START_TEST(nan_and_infinity) {
    struct sample s = small_sample(_i);
    float *x = s.x + at(&s, 1, 0) * 5;
    x[2] = NAN;
    plain_forward(&s, s.net);
    ck_assert_int_eq(judge(s.net, &s).bad, 0);
    /* a finite value where NaN is right, NaN and infinity where a finite value is right */
    float *nan_y = s.y + at(&s, 1, 0) * 9 + 3;
    const float kept = *nan_y;
    ck_assert(isnan(kept));
    *nan_y = 0.25f;
    ck_assert_int_gt(judge(s.net, &s).bad, 0);
    *nan_y = kept;
    float *finite_y = s.y + at(&s, 2, 3) * 9 + 3;
    *finite_y = NAN;
    clrnn_judgement j = judge(s.net, &s);
    ck_assert(j.bad > 0 && isinf(j.ratio) && isnan(j.residual));
    ck_assert(j.step == 2 && j.row == 3 && j.unit == 3);
    *finite_y = -INFINITY;
    ck_assert_int_gt(judge(s.net, &s).bad, 0);
    free_sample(&s);

    s = small_sample(_i);
    s.x[at(&s, 2, 3) * 5 + 4] = -INFINITY; /* saturates the gates */
    plain_forward(&s, s.net);
    ck_assert_int_eq(judge(s.net, &s).bad, 0);
    for (int i = 0; i < 5; i++) {
        s.x[at(&s, 2, 3) * 5 + (size_t)i] = 3e38f; /* overflows on the way */
    }
    plain_forward(&s, s.net);
    ck_assert_int_eq(judge(s.net, &s).bad, 0);
    for (int i = 0; i < 5; i++) {
        s.x[at(&s, 0, 0) * 5 + (size_t)i] = 1e-39f; /* below the smallest normal */
        s.x[at(&s, 2, 3) * 5 + (size_t)i] = 0;
    }
    s.h_0[0] = 1e-40f;
    plain_forward(&s, s.net);
    ck_assert_int_eq(judge(s.net, &s).bad, 0);
    free_sample(&s);
}
END_TEST

/* Each place that must be exact, one after the other. */
START_TEST(padding_and_final_states) {
    struct sample s = small_sample(_i);
    const int lstm = s.net->desc.cell == CLRNN_CELL_LSTM;
    const int last = s.net->desc.direction == CLRNN_DIRECTION_REVERSE ? 0 : 3;
    s.x[at(&s, 4, 3) * 5] = NAN; /* past the length of row 3: changes nothing */
    clrnn_judgement j = judge(s.net, &s);
    ck_assert_int_eq(j.bad, 0);
    ck_assert_int_eq(j.checked, (lstm ? 2 : 1) * (6 * 4 * 9 + 4 * 9));
    const struct {
        float *value;
        const char *what;
        int step, row, of_lstm;
    } places[] = {
        {s.y + at(&s, 4, 3) * 9 + 5, "padding", 4, 3, 0},
        {s.cells + at(&s, 5, 2) * 9 + 5, "padding", 5, 2, 1},
        {s.h_n + 3 * 9 + 5, "h_n", last, 3, 0},
        {s.h_n + 1 * 9 + 5, "h_n", 0, 1, 0}, /* length 0: h_0 */
        {s.c_n + 3 * 9 + 5, "c_n", last, 3, 1},
        {s.c_n + 1 * 9 + 5, "c_n", 0, 1, 1},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (places[i].of_lstm && !lstm) {
            continue;
        }
        const float kept = *places[i].value;
        *places[i].value = nextafterf(kept, 2);
        j = judge(s.net, &s);
        ck_assert_int_eq(j.bad, 1);
        ck_assert(isinf(j.ratio) && j.bound == 0);
        ck_assert_str_eq(j.what, places[i].what);
        ck_assert(j.step == places[i].step && j.row == places[i].row && j.unit == 5);
        *places[i].value = NAN;
        ck_assert_int_eq(judge(s.net, &s).bad, 1);
        *places[i].value = kept;
    }
    if (lstm) { /* c_n without cells: within the carried bound, and wrong */
        clrnn_forward_args args = args_of(&s);
        args.cells = (clrnn_tensor){0};
        ck_assert_int_eq(clrnn_judge(&j, s.net, s.batch_first, &args), CLRNN_STATUS_OK);
        ck_assert_int_eq(j.bad, 0);
        s.c_n[3 * 9 + 5] += 1e-4f;
        ck_assert_int_eq(clrnn_judge(&j, s.net, s.batch_first, &args), CLRNN_STATUS_OK);
        ck_assert_int_eq(j.bad, 1);
        ck_assert_str_eq(j.what, "c_n");
    }
    free_sample(&s);
}
END_TEST

/* The reference's own results, rounded, are fine: it may serve as an engine. */
START_TEST(rounded_reference_is_fine) {
    struct sample s = small_sample(_i);
    int64_t lengths[4];
    double h_0[36], c_0[36], h_n[36], c_n[36], y[216], cells[216], last[36];
    for (int n = 0; n < 4; n++) {
        lengths[n] = s.lengths[n];
    }
    for (int i = 0; i < 36; i++) {
        h_0[i] = s.h_0[i];
        c_0[i] = s.c_0[i];
    }
    struct reference_sequence sequence = {.steps = 6,
                                          .batch = 4,
                                          .batch_first = s.batch_first,
                                          .x = s.x,
                                          .x_step = (s.batch_first ? 1 : 4) * 5,
                                          .x_row = (s.batch_first ? 6 : 1) * 5,
                                          .lengths = lengths,
                                          .h_0 = h_0,
                                          .c_0 = c_0,
                                          .y = y,
                                          .cells = cells,
                                          .h_n = h_n,
                                          .c_n = c_n};
    ck_assert_int_eq(reference_forward(s.net, &sequence), CLRNN_STATUS_OK);
    for (int i = 0; i < 216; i++) {
        s.y[i] = reference_round(y[i]);
        s.cells[i] = s.net->desc.cell == CLRNN_CELL_LSTM ? reference_round(cells[i]) : 0;
    }
    for (int i = 0; i < 36; i++) {
        s.h_n[i] = reference_round(h_n[i]);
        s.c_n[i] = s.net->desc.cell == CLRNN_CELL_LSTM ? reference_round(c_n[i]) : 0;
    }
    clrnn_forward_args args = args_of(&s);
    args.lengths = tensor_of(CLRNN_DTYPE_I64, lengths, 1, 4, 0, 0);
    clrnn_judgement j;
    ck_assert_int_eq(clrnn_judge(&j, s.net, s.batch_first, &args), CLRNN_STATUS_OK);
    ck_assert_msg(j.bad == 0 && j.max_ulp <= 0.5, "ratio %g, %g ulp", j.ratio, j.max_ulp);
    sequence.y = last;
    sequence.last_only = 1;
    ck_assert_int_eq(reference_forward(s.net, &sequence), CLRNN_STATUS_OK);
    ck_assert_mem_eq(last, h_n, sizeof last);
    free_sample(&s);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

START_TEST(refusals) {
    static int32_t slots[1];
    struct sample s = small_sample(4); /* lstm, time first: x [6][4][5], y [6][4][9] */
    const clrnn_forward_args good = args_of(&s);
    clrnn_judgement j = {.checked = -1};
    clrnn_forward_args args;
#define REFUSED(code, text)                                                                        \
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_##code);                       \
    ck_assert_str_eq(clrnn_last_error()->message, text);                                           \
    args = good
    args = good;
    ck_assert_int_eq(clrnn_judge(NULL, s.net, 0, &args), CLRNN_STATUS_ARGUMENT);
    ck_assert_int_eq(clrnn_judge(&j, NULL, 0, &args), CLRNN_STATUS_ARGUMENT);
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, NULL), CLRNN_STATUS_ARGUMENT);
    args.slots = slots;
    REFUSED(ARGUMENT, "judge: slots must be NULL");
    args.state = (clrnn_state *)(void *)slots;
    REFUSED(ARGUMENT, "judge: state must be NULL: give h_0 and c_0");
    args.x = (clrnn_tensor){0};
    REFUSED(ARGUMENT, "x: needs data or a buffer, got neither");
    args.x.shape[2] = 6;
    REFUSED(SHAPE, "judge: x needs [T][N][5], got float32 [6][4][6]");
    args.x.rank = 2;
    REFUSED(SHAPE, "judge: x needs [T][N][5], got float32 [6][4]");
    args.x.shape[0] = 0;
    REFUSED(SHAPE, "judge: x needs at least one step and one row, got float32 [0][4][5]");
    args.x.dtype = CLRNN_DTYPE_F64;
    REFUSED(ARGUMENT, "judge: x must be float32, got float64");
    args.x = (clrnn_tensor){.buffer = (cl_mem)(void *)slots, .rank = 3, .shape = {6, 4, 5}};
    REFUSED(ARGUMENT, "judge: x must lie in host memory, got a buffer");
    args.y.shape[0] = 5;
    REFUSED(SHAPE, "judge: y needs [T][N][H] [6][4][9], got float32 [5][4][9]");
    args.y.rank = 2;
    REFUSED(UNSUPPORTED, "judge: y must hold all steps, [T][N][H] [6][4][9]: final states alone "
                         "say nothing, got float32 [6][4]");
    args.cells.shape[2] = 8;
    REFUSED(SHAPE, "judge: cells needs [T][N][H] [6][4][9], got float32 [6][4][8]");
    args.lengths.shape[0] = 3;
    REFUSED(SHAPE, "judge: lengths needs [4], got int32 [3]");
    args.lengths.dtype = CLRNN_DTYPE_F32;
    REFUSED(ARGUMENT, "judge: lengths must be int32 or int64, got float32");
    s.lengths[2] = 7;
    REFUSED(ARGUMENT, "judge: lengths must be 0 to 6, got 7 in row 2");
    s.lengths[2] = -1;
    REFUSED(ARGUMENT, "judge: lengths must be 0 to 6, got -1 in row 2");
    s.lengths[2] = 1;
    args.h_n.shape[1] = 8;
    REFUSED(SHAPE, "h_n: needs [4][9] or [1][4][9], got float32 [4][8]");
    args.h_0.dtype = CLRNN_DTYPE_F64;
    REFUSED(ARGUMENT, "h_0: must be float32, got float64");
    s.net->has_w_hh = 0;
    REFUSED(ARGUMENT, "net: weight_hh_l0 was never set");
    s.net->has_w_hh = 1;
    ck_assert_int_eq(j.checked, -1); /* a failure changes nothing */
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
    free_sample(&s);

    s = small_sample(0);
    args = args_of(&s);
    args.cells = args.y;
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_ARGUMENT);
    ck_assert_str_eq(clrnn_last_error()->message, "judge: cells is for lstm, got it with rnn");
    free_sample(&s);
#undef REFUSED
}
END_TEST

Suite *reference_suite(void) {
    Suite *suite = suite_create("reference");
    TCase *equations = tcase_create("equations");
    tcase_add_loop_test(equations, reference_is_the_formula, 0, KINDS);
    tcase_add_test(equations, reference_agrees_with_numpy);
    tcase_add_test(equations, reference_agrees_with_the_lesson);
    tcase_add_loop_test(equations, rounded_reference_is_fine, 0, KINDS);
    tcase_add_test(equations, reference_overflows_as_float32);
    suite_add_tcase(suite, equations);
    TCase *bounds = tcase_create("bounds");
    tcase_add_loop_test(bounds, bounds_enclose, 0, KINDS);
    tcase_add_loop_test(bounds, bounds_are_the_limit, 0, KINDS);
    tcase_add_test(bounds, ends_of_float32);
    tcase_add_test(bounds, carried_cell_state);
    suite_add_tcase(suite, bounds);
    TCase *judging = tcase_create("judge");
    tcase_set_timeout(judging, 120); /* valgrind and sanitizers slow the 1,472 weights down */
    tcase_add_loop_test(judging, plain_float32_is_fine, 0, KINDS);
    tcase_add_loop_test(judging, mistakes_are_bad, 0, KINDS);
    tcase_add_test(judging, each_weight_of_a_trained_net_counts);
    tcase_add_loop_test(judging, nan_and_infinity, 0, KINDS);
    tcase_add_loop_test(judging, padding_and_final_states, 0, KINDS);
    tcase_add_test(judging, refusals);
    suite_add_tcase(suite, judging);
    return suite;
}
