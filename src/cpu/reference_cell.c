/*
 * reference_cell.c: one step of a cell in double precision with its error bound; see reference.h.
 *
 * Written to be read beside the equations, one loop a sum and one line a gate. Not here: speed.
 */
#include "cpu/reference.h"

struct evaluation {
    const struct strand *strand;
    const struct reference_step *step;
};

enum part { PART_X = 1, PART_H = 2, PART_BOTH = 3 };

/* Of one gate and unit: W_ih x + b_ih (PART_X), W_hh v + b_hh (PART_H), or their sum. v, v_error:
 * [W] */
static struct sum gate_of(const struct evaluation *e, int gate, int unit, enum part part,
                          const double *v, const double *v_error) {
    const struct strand *strand = e->strand;
    float *const *weights = strand->weights;
    const size_t row = (size_t)gate * (size_t)strand->hidden + (size_t)unit;
    struct sum sum = {0};
    if (part & PART_X) {
        sum_products(&sum, weights[WEIGHT_IH] + row * (size_t)strand->inputs, e->step->x,
                     e->step->x_error, strand->inputs);
    }
    if ((part & PART_X) && weights[BIAS_IH] != NULL) {
        sum_term(&sum, weights[BIAS_IH][row]);
    }
    if ((part & PART_H) && weights[WEIGHT_HH] != NULL) { /* a dense layer has none */
        sum_products(&sum, weights[WEIGHT_HH] + row * (size_t)strand->width, v, v_error,
                     strand->width);
    }
    if ((part & PART_H) && weights[BIAS_HH] != NULL) {
        sum_term(&sum, weights[BIAS_HH][row]);
    }
    return sum;
}

static struct sum gate(const struct evaluation *e, int number, int unit, enum part part) {
    return gate_of(e, number, unit, part, e->step->h_prev, e->step->h_prev_error);
}

/* Adds w_c c where the cell has peepholes. */
static void peep(struct sum *sum, const struct evaluation *e, enum weight_role role, int unit,
                 struct number c) {
    const float *weights = e->strand->weights[role];
    if (weights != NULL) {
        sum_product(sum, weights[unit], c);
    }
}

static struct number activate(const struct evaluation *e, int slot, struct number a) {
    const clrnn_activation *act = &e->strand->acts[slot];
    return reference_activate(act->kind, act->alpha, act->beta, a);
}

/* What a gate's activation takes may be held in +-gate_clip. */
static struct number activate_gate(const struct evaluation *e, int slot, struct number a) {
    return activate(e, slot, number_clip(a, e->strand->desc->gate_clip));
}

static struct number activate_sum(const struct evaluation *e, int slot, const struct sum *sum) {
    return activate_gate(e, slot, sum_finish(sum));
}

static struct number input(const double *values, const double *errors, int unit) {
    return (struct number){values[unit], errors != NULL ? errors[unit] : 0};
}

static void store(double *values, double *errors, int unit, struct number n) {
    values[unit] = n.value;
    if (errors != NULL) {
        errors[unit] = n.error;
    }
}

static void store_gate(const struct evaluation *e, int number, int unit, struct number n) {
    if (e->step->gates != NULL) {
        store(e->step->gates, e->step->gates_error, number * e->strand->hidden + unit, n);
    }
}

/* ---- cells ----------------------------------------------------------------------------------- */

static void evaluate_rnn(const struct evaluation *e) {
    const struct reference_step *s = e->step;
    for (int j = 0; j < e->strand->hidden; j++) {
        /* h' = act(W_ih x + b_ih + W_hh h + b_hh) */
        const struct sum a = gate(e, 0, j, PART_BOTH);
        const struct number h = activate_sum(e, 0, &a);
        store_gate(e, 0, j, h);
        store(s->h, s->h_error, j, h);
    }
}

/* m, m_error: [H]: o act(c') of every unit */
static void evaluate_lstm(const struct evaluation *e, double *m, double *m_error) {
    const struct reference_step *s = e->step;
    const clrnn_layer_desc *desc = e->strand->desc;
    for (int j = 0; j < e->strand->hidden; j++) {
        const struct number c_prev = input(s->c_prev, s->c_prev_error, j);
        struct sum a_i = gate(e, 0, j, PART_BOTH);
        struct sum a_f = gate(e, 1, j, PART_BOTH);
        const struct sum a_g = gate(e, 2, j, PART_BOTH);
        struct sum a_o = gate(e, 3, j, PART_BOTH);
        /* i = sigmoid(W_ii x + b_ii + W_hi h + b_hi + w_ci c) */
        peep(&a_i, e, WEIGHT_CI, j, c_prev);
        struct number i = activate_sum(e, 0, &a_i);
        /* f = sigmoid(W_if x + b_if + W_hf h + b_hf + w_cf c + forget_bias) */
        peep(&a_f, e, WEIGHT_CF, j, c_prev);
        if (desc->forget_bias != 0) {
            sum_term(&a_f, desc->forget_bias);
        }
        struct number f = activate_sum(e, 1, &a_f);
        /* coupled: f = 1 - i, or i = 1 - f */
        if (desc->couple == CLRNN_COUPLE_FORGET) {
            f = number_complement(i);
        } else if (desc->couple == CLRNN_COUPLE_INPUT) {
            i = number_complement(f);
        }
        /* g = tanh(W_ig x + b_ig + W_hg h + b_hg) */
        const struct number g = activate_sum(e, 2, &a_g);
        /* c' = f c + i g */
        const struct number c = number_clip(
            number_add(number_multiply(f, c_prev), number_multiply(i, g)), desc->cell_clip);
        /* o = sigmoid(W_io x + b_io + W_ho h + b_ho + w_co c') */
        peep(&a_o, e, WEIGHT_CO, j, c);
        const struct number o = activate_sum(e, 3, &a_o);
        store(s->c, s->h_error != NULL ? s->c_error : NULL, j, c);
        store_gate(e, 0, j, i);
        store_gate(e, 1, j, f);
        store_gate(e, 2, j, g);
        store_gate(e, 3, j, o);
        /* m = o tanh(c') */
        store(m, m_error, j, number_multiply(o, activate(e, 4, c)));
    }
}

/* h' = W_hr m */
static void evaluate_projection(const struct evaluation *e, const double *m,
                                const double *m_error) {
    const int hidden = e->strand->hidden;
    for (int j = 0; j < e->strand->width; j++) {
        struct sum sum = {0};
        sum_products(&sum, e->strand->weights[WEIGHT_HR] + (size_t)j * (size_t)hidden, m, m_error,
                     hidden);
        store(e->step->h, e->step->h_error, j, sum_finish(&sum));
    }
}

static void evaluate_gru_after(const struct evaluation *e) {
    const struct reference_step *s = e->step;
    for (int j = 0; j < e->strand->hidden; j++) {
        const struct sum a_r = gate(e, 0, j, PART_BOTH), a_z = gate(e, 1, j, PART_BOTH);
        const struct sum gx_n = gate(e, 2, j, PART_X), gh_n = gate(e, 2, j, PART_H);
        /* r = sigmoid(W_ir x + b_ir + W_hr h + b_hr) */
        const struct number r = activate_sum(e, 0, &a_r);
        /* z = sigmoid(W_iz x + b_iz + W_hz h + b_hz) */
        const struct number z = activate_sum(e, 1, &a_z);
        /* n = tanh(W_in x + b_in + r (W_hn h + b_hn)) */
        const struct number reset = number_multiply(r, sum_finish(&gh_n));
        const struct number n = activate_gate(e, 2, number_add(sum_finish(&gx_n), reset));
        store_gate(e, 0, j, r);
        store_gate(e, 1, j, z);
        store_gate(e, 2, j, n);
        /* h' = (1 - z) n + z h */
        store(s->h, s->h_error, j, number_blend(z, n, input(s->h_prev, s->h_prev_error, j)));
    }
}

/* reset, reset_error: [H]: r h of every unit */
static void evaluate_gru_before(const struct evaluation *e, double *reset, double *reset_error) {
    const struct reference_step *s = e->step;
    const int hidden = e->strand->hidden;
    for (int j = 0; j < hidden; j++) {
        /* r = sigmoid(W_ir x + b_ir + W_hr h + b_hr) */
        const struct sum a_r = gate(e, 0, j, PART_BOTH);
        const struct number r = activate_sum(e, 0, &a_r);
        store_gate(e, 0, j, r);
        store(reset, reset_error, j, number_multiply(r, input(s->h_prev, s->h_prev_error, j)));
    }
    for (int j = 0; j < hidden; j++) {
        /* z = sigmoid(W_iz x + b_iz + W_hz h + b_hz) */
        const struct sum a_z = gate(e, 1, j, PART_BOTH);
        const struct number z = activate_sum(e, 1, &a_z);
        /* n = tanh(W_in x + b_in + W_hn (r h) + b_hn) */
        const struct sum a_n = gate_of(e, 2, j, PART_BOTH, reset, reset_error);
        const struct number n = activate_sum(e, 2, &a_n);
        store_gate(e, 1, j, z);
        store_gate(e, 2, j, n);
        /* h' = (1 - z) n + z h */
        store(s->h, s->h_error, j, number_blend(z, n, input(s->h_prev, s->h_prev_error, j)));
    }
}

/* ---- any of them ----------------------------------------------------------------------------- */

/* What a second product multiplies (o act(c') or r h), [H], and its error, [H]. */
size_t reference_scratch_size(const struct strand *strand) {
    return 2 * (size_t)strand->hidden;
}

void reference_evaluate(const struct strand *strand, const struct reference_step *step) {
    const struct evaluation e = {strand, step};
    double *between = step->scratch;
    double *between_error = between + strand->hidden;
    switch (strand->desc->cell) {
    case CLRNN_CELL_RNN:
    case CLRNN_CELL_DENSE:
        evaluate_rnn(&e);
        break;
    case CLRNN_CELL_LSTM:
        if (strand->desc->projection > 0) {
            evaluate_lstm(&e, between, between_error);
            evaluate_projection(&e, between, between_error);
        } else {
            evaluate_lstm(&e, step->h, step->h_error);
        }
        break;
    case CLRNN_CELL_GRU:
        if (strand->desc->reset == CLRNN_RESET_AFTER) {
            evaluate_gru_after(&e);
        } else {
            evaluate_gru_before(&e, between, between_error);
        }
        break;
    case CLRNN_CELL_CUSTOM:
        break; /* reference_check_net refused it */
    }
}

struct number reference_merge(clrnn_merge merge, struct number f, struct number r) {
    switch (merge) {
    case CLRNN_MERGE_MUL:
        return number_multiply(f, r);
    case CLRNN_MERGE_AVE:
        return number_halve(number_add(f, r));
    default:
        return number_add(f, r);
    }
}
