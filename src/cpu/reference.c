/*
 * reference.c: the cells in double precision with a running error bound; see reference.h.
 *
 * Written to be read beside the equations, one loop a sum and one line a gate. Not here: speed.
 *
 * The rules of the error, with u = 2^-24 (half an ulp of 1 in float32):
 *
 *     sum of K terms     2 sqrt(K) u sum|terms| + what the factors bring along. Rounding errors of
 *                        a sum behave like a random walk and 2 is the margin over it; only equal
 *                        terms in one long chain go beyond (1,000 times 0.1: 2.5 times)
 *     product a b        |a| eb + |b| ea + ea eb + u |a b|
 *     a + b              ea + eb + u |a + b|
 *     activation f(a)    the largest |f'| in a +- ea, times ea, + 3 ulp of f(a)
 */
#include "cpu/reference.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* u: the largest relative error of one float32 rounding. */
#define ROUNDING 0x1p-24
/* The smallest normal float32. Below it a device may flush to 0. */
#define SMALLEST_NORMAL 0x1p-126
/* The most that an activation may be off, in ulp: our own stay below 2, good libraries too. */
#define ACTIVATION_ULPS 3.0
/* 9.4e-38, the absolute error of an activation: one that stops at e^-87 = 1.6e-38 where the true
 * value is less, or that flushes a result and what it multiplies, is still right. */
#define ACTIVATION_FLOOR (8 * SMALLEST_NORMAL)

struct number {
    double value;
    double error; /* INFINITY: anything is right, NaN included */
};

/* A sum of products on its way. */
struct sum {
    double value;
    double size;      /* sum of the |terms| that are finite */
    double inherited; /* error that came in with the factors */
    double flushed;   /* sum of the |terms| with a factor that a device may flush to 0 */
};

/* An infinite error where float32 may overflow; no error where the value is infinite or NaN by its
 * inputs. */
static struct number settle(struct number n) {
    if (isnan(n.error) || isinf(n.error)) {
        n.error = INFINITY;
    } else if (!isfinite(n.value)) {
        n.error = 0;
    } else if (fabs(n.value) + n.error > (double)FLT_MAX) {
        n.error = INFINITY;
    }
    return n;
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* The finite |w v| alone, for rows in which some are not. */
static double finite_size(const float *w, const double *v, int count) {
    double size = 0;
    for (int k = 0; k < count; k++) {
        const double term = fabs((double)w[k] * v[k]);
        size += isfinite(term) ? term : 0;
    }
    return size;
}

/* Adds w v; v_error may be NULL. */
static void add_products(struct sum *sum, const float *w, const double *v, const double *v_error,
                         int count) {
    double value = sum->value;
    double size = 0;
    double flushed = 0;
    for (int k = 0; k < count; k++) {
        const double weight = w[k];
        const double term = weight * v[k];
        value += term;
        size += fabs(term);
        if (fabs(weight) < SMALLEST_NORMAL || fabs(v[k]) < SMALLEST_NORMAL) {
            flushed += fabs(term);
        }
    }
    if (!isfinite(size)) {
        size = finite_size(w, v, count);
        flushed = isnan(flushed) ? 0 : flushed; /* infinity times a denormal stays: no bound */
    }
    sum->value = value;
    sum->size += size;
    sum->flushed += flushed;
    for (int k = 0; v_error != NULL && k < count; k++) {
        sum->inherited += fabs((double)w[k]) * v_error[k];
    }
}

static void add_bias(struct sum *sum, float bias) {
    sum->value += bias;
    sum->size += isfinite(bias) ? fabs((double)bias) : 0;
}

static struct number finish(const struct sum *sum, int terms) {
    const double rounding = 2 * sqrt(terms) * ROUNDING * sum->size;
    /* each product and each partial sum may be flushed */
    const double underflow = 2 * terms * SMALLEST_NORMAL + sum->flushed;
    struct number n = {sum->value, rounding + underflow + sum->inherited};
    if (sum->size + n.error > (double)FLT_MAX) {
        n.error = INFINITY; /* a partial sum may overflow, whatever the whole is */
    }
    return settle(n);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static int may_be_zero(struct number n) {
    return fabs(n.value) <= n.error;
}

static struct number multiply(struct number a, struct number b) {
    struct number n = {.value = a.value * b.value};
    if (isinf(a.error) || isinf(b.error) || (isinf(a.value) && may_be_zero(b)) ||
        (isinf(b.value) && may_be_zero(a))) {
        n.error = INFINITY; /* infinity times what may round to 0 may be NaN */
    } else if (isfinite(a.value) && isfinite(b.value)) {
        n.error = fabs(a.value) * b.error + fabs(b.value) * a.error + a.error * b.error +
                  ROUNDING * fabs(n.value) + SMALLEST_NORMAL;
    }
    return settle(n);
}

static struct number add(struct number a, struct number b) {
    struct number n = {.value = a.value + b.value, .error = a.error + b.error};
    if (isfinite(n.value)) {
        n.error += ROUNDING * fabs(n.value) + SMALLEST_NORMAL;
    }
    return settle(n);
}

/* (1 - z) n + z h. Evaluated as it stands it rounds 1 - z, two products and their sum; as
 * n + z (h - n), a difference, a product and a sum. The larger of both counts. An error of z acts
 * through h - n. */
static struct number blend(struct number z, struct number n, struct number h) {
    const double keep = 1 - z.value;
    struct number out = {.value = keep * n.value + z.value * h.value};
    if (isinf(z.error) || isinf(n.error) || isinf(h.error) || (isinf(h.value) && may_be_zero(z))) {
        out.error = INFINITY;
    } else if (isfinite(out.value)) {
        const double apart = fabs(h.value - n.value);
        const double as_it_stands = 2 * fabs(keep) * fabs(n.value) + fabs(z.value) * fabs(h.value);
        const double by_difference = 2 * fabs(z.value) * apart;
        out.error = apart * z.error + fabs(keep) * n.error + fabs(z.value) * h.error +
                    z.error * (n.error + h.error) +
                    ROUNDING * (fmax(as_it_stands, by_difference) + fabs(out.value)) +
                    4 * SMALLEST_NORMAL;
    }
    return settle(out);
}

/* ---- activations ----------------------------------------------------------------------------- */

/* Distance of the float32 numbers around value. */
static double ulp(double value) {
    if (!(fabs(value) > SMALLEST_NORMAL)) {
        return 0x1p-149;
    }
    return ldexp(1.0, ilogb(value) - 23);
}

static double activation_error(double value, double slope, double incoming) {
    return slope * incoming + ACTIVATION_ULPS * ulp(value) + ACTIVATION_FLOOR;
}

/* The point of a +- error that is nearest to 0, where tanh and sigmoid are steepest. */
static double nearest_zero(struct number a) {
    return fmax(0, fabs(a.value) - a.error);
}

/* Formula: tanh(a); slope 1 - tanh^2 = 4 e / (1 + e)^2 with e = exp(-2 |a|) */
static struct number apply_tanh(struct number a) {
    if (isinf(a.error) || isnan(a.value)) {
        return a;
    }
    const double e = exp(-2 * nearest_zero(a));
    const double value = tanh(a.value);
    return (struct number){value, activation_error(value, 4 * e / ((1 + e) * (1 + e)), a.error)};
}

/* Formula: 1 / (1 + exp(-a)); slope e / (1 + e)^2 with e = exp(-|a|) */
static struct number apply_sigmoid(struct number a) {
    if (isinf(a.error) || isnan(a.value)) {
        return a;
    }
    const double e = exp(-nearest_zero(a));
    const double value = a.value >= 0 ? 1 / (1 + exp(-a.value)) : exp(a.value) / (1 + exp(a.value));
    return (struct number){value, activation_error(value, e / ((1 + e) * (1 + e)), a.error)};
}

static double relu(double a) {
    return a > 0 || isnan(a) ? a : 0;
}

/* Formula: max(a, 0); the kink by its interval, whose upper end is never nearer than its lower one
 */
static struct number apply_relu(struct number a) {
    if (isinf(a.error) || !isfinite(a.value)) {
        return (struct number){relu(a.value), a.error};
    }
    const double value = relu(a.value);
    return (struct number){value, relu(a.value + a.error) - value + SMALLEST_NORMAL};
}

/* ---- cells ----------------------------------------------------------------------------------- */

/* A step with its operands ready. */
struct evaluation {
    const struct clrnn_net *net;
    const double *x;       /* [I] */
    const double *h;       /* [H] what W_hh multiplies */
    const double *h_error; /* [H] or NULL */
};

enum part { PART_X = 1, PART_H = 2, PART_BOTH = 3 };

/* Of one gate and unit: W_ih x + b_ih (PART_X), W_hh h + b_hh (PART_H), or their sum. */
static struct number gate(const struct evaluation *e, int gate, int unit, enum part part) {
    const struct clrnn_net *net = e->net;
    const int inputs = net->desc.inputs;
    const int hidden = net->desc.hidden;
    const size_t row = (size_t)gate * (size_t)hidden + (size_t)unit;
    struct sum sum = {0};
    if (part & PART_X) {
        add_products(&sum, net->w_ih + row * (size_t)inputs, e->x, NULL, inputs);
        add_bias(&sum, net->b_ih[row]);
    }
    if (part & PART_H) {
        add_products(&sum, net->w_hh + row * (size_t)hidden, e->h, e->h_error, hidden);
        add_bias(&sum, net->b_hh[row]);
    }
    return finish(&sum, inputs + hidden + 2);
}

static struct number previous(const double *values, const double *errors, int unit) {
    return (struct number){values[unit], errors != NULL ? errors[unit] : 0};
}

static void store(double *values, double *errors, int unit, struct number n) {
    values[unit] = n.value;
    if (errors != NULL) {
        errors[unit] = n.error;
    }
}

/* h' = act(W_ih x + b_ih + W_hh h + b_hh) */
static void evaluate_rnn(const struct evaluation *e, const struct reference_step *s) {
    for (int j = 0; j < e->net->desc.hidden; j++) {
        const struct number a = gate(e, 0, j, PART_BOTH);
        store(s->h, s->h_error, j,
              e->net->desc.nonlinearity == CLRNN_NONLINEARITY_RELU ? apply_relu(a) : apply_tanh(a));
    }
}

static void evaluate_lstm(const struct evaluation *e, const struct reference_step *s) {
    for (int j = 0; j < e->net->desc.hidden; j++) {
        /* i = sigmoid(W_ii x + b_ii + W_hi h + b_hi), and f, o alike */
        const struct number i = apply_sigmoid(gate(e, 0, j, PART_BOTH));
        const struct number f = apply_sigmoid(gate(e, 1, j, PART_BOTH));
        /* g = tanh(W_ig x + b_ig + W_hg h + b_hg) */
        const struct number g = apply_tanh(gate(e, 2, j, PART_BOTH));
        const struct number o = apply_sigmoid(gate(e, 3, j, PART_BOTH));
        /* c' = f c + i g */
        const struct number c_prev = previous(s->c_prev, s->c_prev_error, j);
        const struct number c = add(multiply(f, c_prev), multiply(i, g));
        store(s->c, s->h_error != NULL ? s->c_error : NULL, j, c);
        /* h' = o tanh(c') */
        store(s->h, s->h_error, j, multiply(o, apply_tanh(c)));
    }
}

static void evaluate_gru_after(const struct evaluation *e, const struct reference_step *s) {
    for (int j = 0; j < e->net->desc.hidden; j++) {
        /* r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), and z alike */
        const struct number r = apply_sigmoid(gate(e, 0, j, PART_BOTH));
        const struct number z = apply_sigmoid(gate(e, 1, j, PART_BOTH));
        /* n = tanh(W_in x + b_in + r (W_hn h + b_hn)) */
        const struct number reset = multiply(r, gate(e, 2, j, PART_H));
        const struct number n = apply_tanh(add(gate(e, 2, j, PART_X), reset));
        /* h' = (1 - z) n + z h */
        store(s->h, s->h_error, j, blend(z, n, previous(s->h_prev, s->h_prev_error, j)));
    }
}

/* reset, reset_error: [H] scratch */
static void evaluate_gru_before(const struct evaluation *e, const struct reference_step *s,
                                double *reset, double *reset_error) {
    const int hidden = e->net->desc.hidden;
    for (int j = 0; j < hidden; j++) {
        /* r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), and r h of every unit */
        const struct number r = apply_sigmoid(gate(e, 0, j, PART_BOTH));
        store(reset, reset_error, j, multiply(r, previous(s->h_prev, s->h_prev_error, j)));
    }
    const struct evaluation after_reset = {e->net, e->x, reset, reset_error};
    for (int j = 0; j < hidden; j++) {
        /* z = sigmoid(W_iz x + b_iz + W_hz h + b_hz) */
        const struct number z = apply_sigmoid(gate(e, 1, j, PART_BOTH));
        /* n = tanh(W_in x + b_in + W_hn (r h) + b_hn) */
        const struct number n = apply_tanh(gate(&after_reset, 2, j, PART_BOTH));
        /* h' = (1 - z) n + z h */
        store(s->h, s->h_error, j, blend(z, n, previous(s->h_prev, s->h_prev_error, j)));
    }
}

/* Scratch: x in double [I], then r h [H] and its error [H]. */
size_t reference_scratch_size(const struct clrnn_net *net) {
    return (size_t)net->desc.inputs + 2 * (size_t)net->desc.hidden;
}

void reference_evaluate(const struct clrnn_net *net, const struct reference_step *step) {
    double *x = step->scratch;
    double *reset = x + net->desc.inputs;
    for (int i = 0; i < net->desc.inputs; i++) {
        x[i] = step->x[i];
    }
    const struct evaluation e = {net, x, step->h_prev, step->h_prev_error};
    switch (net->desc.cell) {
    case CLRNN_CELL_RNN:
        evaluate_rnn(&e, step);
        break;
    case CLRNN_CELL_LSTM:
        evaluate_lstm(&e, step);
        break;
    case CLRNN_CELL_GRU:
        if (net->desc.reset == CLRNN_RESET_AFTER) {
            evaluate_gru_after(&e, step);
        } else {
            evaluate_gru_before(&e, step, reset, reset + net->desc.hidden);
        }
        break;
    }
}

/* ---- sequences ------------------------------------------------------------------------------- */

int64_t reference_time(const struct clrnn_net *net, int64_t step, int64_t length) {
    return net->desc.direction == CLRNN_DIRECTION_REVERSE ? length - 1 - step : step;
}

float reference_round(double value) {
    return isnan(value) ? NAN : (float)value;
}

static void copy_or_zero(double *to, const double *from, size_t count) {
    for (size_t j = 0; j < count; j++) {
        to[j] = from != NULL ? from[j] : 0;
    }
}

/* What float32 cannot hold is infinite there, and so in the steps that follow. */
static void overflow(double *values, int count) {
    for (int j = 0; j < count; j++) {
        if (isinf((float)values[j])) {
            values[j] = copysign(INFINITY, values[j]);
        }
    }
}

clrnn_status reference_walk_open(struct reference_walk *out, const struct clrnn_net *net) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t hidden = (size_t)net->desc.hidden;
    double *memory = calloc(4 * hidden + reference_scratch_size(net), sizeof *memory);
    REQUIRE(memory != NULL, MEMORY, "reference: out of memory for a state of %zu", hidden);
    *out = (struct reference_walk){.memory = memory,
                                   .h = memory,
                                   .h_next = memory + hidden,
                                   .c = memory + 2 * hidden,
                                   .c_next = memory + 3 * hidden,
                                   .scratch = memory + 4 * hidden};
out:
    return status;
}

void reference_walk_close(struct reference_walk *walk) {
    free(walk->memory);
    *walk = (struct reference_walk){0};
}

void reference_walk_step(struct reference_walk *walk, const struct clrnn_net *net, const float *x) {
    const struct reference_step step = {
        .x = x,
        .h_prev = walk->h,
        .c_prev = walk->c,
        .h = walk->h_next,
        .c = walk->c_next,
        .scratch = walk->scratch,
    };
    reference_evaluate(net, &step);
    overflow(step.h, net->desc.hidden);
    overflow(step.c, net->desc.hidden);
    walk->h_next = walk->h;
    walk->h = step.h;
    walk->c_next = walk->c;
    walk->c = step.c;
}

clrnn_status reference_forward(const struct clrnn_net *net, const struct reference_sequence *s) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t hidden = (size_t)net->desc.hidden;
    const size_t bytes = hidden * sizeof(double);
    const int lstm = net->desc.cell == CLRNN_CELL_LSTM;
    struct reference_walk w = {0};
    TRY(reference_walk_open(&w, net));
    for (int64_t n = 0; n < s->batch; n++) {
        const int64_t length = s->lengths != NULL ? s->lengths[n] : s->steps;
        const size_t row = (size_t)n * hidden;
        copy_or_zero(w.h, s->h_0 != NULL ? s->h_0 + row : NULL, hidden);
        copy_or_zero(w.c, lstm && s->c_0 != NULL ? s->c_0 + row : NULL, hidden);
        for (int64_t step = 0; step < s->steps; step++) {
            const int valid = step < length;
            const int64_t t = valid ? reference_time(net, step, length) : step;
            const size_t at = (size_t)(s->batch_first ? n * s->steps + t : t * s->batch + n);
            if (valid) {
                reference_walk_step(&w, net, s->x + t * s->x_step + n * s->x_row);
            }
            if (s->y != NULL && !s->last_only) {
                copy_or_zero(s->y + at * hidden, valid ? w.h : NULL, hidden);
            }
            if (lstm && s->cells != NULL) {
                copy_or_zero(s->cells + at * hidden, valid ? w.c : NULL, hidden);
            }
        }
        if (s->y != NULL && s->last_only) {
            memcpy(s->y + row, w.h, bytes);
        }
        if (s->h_n != NULL) {
            memcpy(s->h_n + row, w.h, bytes);
        }
        if (lstm && s->c_n != NULL) {
            memcpy(s->c_n + row, w.c, bytes);
        }
    }
out:
    reference_walk_close(&w);
    return status;
}
