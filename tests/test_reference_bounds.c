/*
 * test_reference_bounds.c: the error bounds of the reference: inputs moved by up to their errors must
 * give results within them, a value outside must fail, and float32 at its ends must pass.
 */
#include "core/net.h"
#include "cpu/reference.h"
#include "nets.h"
#include "suite_cases.h"

#include <float.h>
#include <math.h>

static double held_in(double a, double limit) {
    return fmin(fmax(a, -limit), limit);
}

/* Up to 16 units and as many inputs. */
struct vectors {
    double x[16], h_prev[16], c_prev[16], h[16], c[16], gates[64];
};

static struct reference_step step_of(struct vectors *v, double *scratch) {
    return (struct reference_step){.x = v->x,
                                   .h_prev = v->h_prev,
                                   .c_prev = v->c_prev,
                                   .h = v->h,
                                   .c = v->c,
                                   .gates = v->gates,
                                   .scratch = scratch};
}

/* One step of a random net with inputs moved by up to their errors: the largest move / bound. */
static double moved_step(const struct strand *strand, struct vectors *v,
                         const struct vectors *error, struct vectors *moved) {
    struct vectors bound = {0};
    double scratch[64];
    double worst = 0;
    ck_assert_uint_le(reference_scratch_size(strand), 64);
    struct reference_step step = step_of(v, scratch);
    step.x_error = error->x;
    step.h_prev_error = error->h_prev;
    step.c_prev_error = error->c_prev;
    step.h_error = bound.h;
    step.c_error = bound.c;
    step.gates_error = bound.gates;
    ck_assert_int_le(strand->gates * strand->hidden, 64);
    reference_evaluate(strand, &step);
    step = step_of(moved, scratch);
    reference_evaluate(strand, &step);
    for (int j = 0; j < strand->hidden && strand->states == 2; j++) {
        worst = fmax(worst, fabs(moved->c[j] - v->c[j]) / bound.c[j]);
    }
    for (int j = 0; j < strand->width; j++) {
        worst = fmax(worst, fabs(moved->h[j] - v->h[j]) / bound.h[j]);
    }
    for (int j = 0; j < strand->gates * strand->hidden; j++) {
        worst = fmax(worst, fabs(moved->gates[j] - v->gates[j]) / bound.gates[j]);
    }
    return worst;
}

/* Where one unit (of x, h and c each) is off, the bound is a limit. Where all factors of a product
 * are off (each by any part of its error; those of a second product always are), they are taken for
 * independent: it may be passed, rarely and by little. */
START_TEST(bounds_enclose) {
    static const double errors[] = {1e-6, 1e-3, 0.1, 2};
    const struct net_kind kind = kind_of(_i, 3, 7);
    int passed = 0;
    for (int try = 0; try < 800; try++) {
        random_state = (uint64_t)(1 + 10 * try + _i);
        clrnn_net *net = random_net(&kind, 1);
        const struct strand *strand = &net->strands[net->strand_count - 1];
        const int alone = try % 2;
        struct vectors v = {0}, error = {0}, moved = {0};
        ck_assert_int_le(strand->inputs, 16);
        for (int j = 0; j < 16; j++) {
            const int is_off = !alone || j == try / 2 % strand->width;
            v.x[j] = (double)uniform();
            v.h_prev[j] = (double)uniform();
            v.c_prev[j] = 3 * (double)uniform();
            error.h_prev[j] = error.c_prev[j] = is_off ? errors[try / 2 % 4] : 0;
            error.x[j] = try % 3 == 0 && j < strand->inputs ? error.h_prev[j] : 0;
            const double part_x = (double)uniform(), part_h = (double)uniform();
            const double part_c = (double)uniform();
            moved.x[j] = v.x[j] + error.x[j] * (alone ? copysign(1, part_x) : part_x);
            moved.h_prev[j] =
                v.h_prev[j] + error.h_prev[j] * (alone ? copysign(1, part_h) : part_h);
            moved.c_prev[j] =
                v.c_prev[j] + error.c_prev[j] * (alone ? copysign(1, part_c) : part_c);
        }
        const double worst = moved_step(strand, &v, &error, &moved);
        const int products = strand->desc->projection > 0 || strand->desc->reset ? 2 : 1;
        ck_assert_msg(worst <= (alone && products == 1 ? 1 : 1.5), "try %d: %g of the bound", try,
                      worst);
        passed += worst > 1;
        clrnn_net_free(net);
    }
    ck_assert_msg(passed <= 8, "passed in %d of 400 nets", passed);
}
END_TEST

/* A value a little inside its bound is fine, a little outside it is bad. got, value, bound: [count] */
static void hold_limits(struct sample *s, const clrnn_forward_args *args, float *got,
                        const double *value, const double *bound, int count, const char *what) {
    for (int unit = 0; unit < count; unit++) {
        if (bound[unit] < 5e-7 * fabs(value[unit]) || value[unit] == 0) {
            continue; /* its bound is hardly more than what float32 can show */
        }
        const float kept = got[unit];
        got[unit] = (float)(value[unit] + 0.8 * bound[unit]);
        clrnn_judgement j = judge_args(s->net, s, args);
        ck_assert_msg(j.bad == 0, "%s %d: ratio %g", what, unit, j.ratio);
        got[unit] = (float)(value[unit] + 1.2 * bound[unit]);
        j = judge_args(s->net, s, args);
        ck_assert_msg(j.bad == 1 && j.ratio < 1.4, "%s %d: ratio %g", what, unit, j.ratio);
        ck_assert_str_eq(j.what, what);
        got[unit] = kept;
    }
}

START_TEST(bounds_are_the_limit) {
    const struct net_kind kind = kind_of(_i, 5, 9);
    random_state = (uint64_t)(99 + _i);
    struct sample s = sample_of(random_net(&kind, 1), 1, 1, 0);
    const struct strand *strand = &s.net->strands[0];
    struct vectors v = {0}, bound;
    double scratch[64];
    for (int j = 0; j < 9; j++) {
        v.x[j % 5] = s.x[j % 5];
        v.h_prev[j] = s.of[0].h_0[j % strand->width];
        v.c_prev[j] = s.of[0].c_0[j];
    }
    struct reference_step step = step_of(&v, scratch);
    step.h_error = bound.h;
    step.c_error = bound.c;
    step.gates_error = bound.gates;
    reference_evaluate(strand, &step);
    plain_forward(&s, s.net);
    clrnn_forward_args args = args_showing(&s, SHOW_Y);
    s.arrays[0].h_n = s.arrays[0].c_n = s.arrays[0].o_n = (clrnn_tensor){0};
    hold_limits(&s, &args, s.of[0].y, v.h, bound.h, strand->width, "y");
    hold_limits(&s, &args, s.of[0].gates, v.gates, bound.gates, strand->gates * strand->hidden,
                "gates");
    free_sample(&s);
}
END_TEST

/* What is held in +-k cannot be off by more than it can move. */
START_TEST(clipping_never_adds) {
    for (int try = 0; try < 2000; try++) {
        random_state = (uint64_t)(try + 1);
        const struct number a = {3 * (double)uniform(), fabs((double)uniform())};
        const float limit = fabsf(uniform()) + 0.1f;
        const struct number n = number_clip(a, limit);
        const double moved = held_in(a.value + a.error * (double)uniform(), (double)limit);
        ck_assert(n.value == held_in(a.value, (double)limit));
        ck_assert(n.error <= a.error && fabs(moved - n.value) <= n.error);
    }
    const struct number unclipped = number_clip((struct number){7, 2}, 0);
    ck_assert(unclipped.value == 7 && unclipped.error == 2);
    const struct number lost = number_clip((struct number){7, INFINITY}, 1);
    ck_assert(lost.value == 1 && isinf(lost.error)); /* it may be NaN */
    const struct number infinite = number_clip((struct number){-INFINITY, 0}, 1);
    ck_assert(infinite.value == -1 && infinite.error == 0);
    ck_assert(isnan(number_clip((struct number){NAN, 0}, 1).value));
}
END_TEST

/* The mean of two exact numbers is one rounding off, whichever way it is made. */
START_TEST(merges_round_once) {
    for (int try = 0; try < 2000; try++) {
        random_state = (uint64_t)(try + 1);
        const float f = uniform(), r = uniform();
        const struct number a = {(double)f, 0}, b = {(double)r, 0};
        const struct number sum = reference_merge(CLRNN_MERGE_SUM, a, b);
        const struct number product = reference_merge(CLRNN_MERGE_MUL, a, b);
        const struct number mean = reference_merge(CLRNN_MERGE_AVE, a, b);
        ck_assert(fabs((double)(f + r) - sum.value) <= sum.error);
        ck_assert(fabs((double)(f * r) - product.value) <= product.error);
        ck_assert(fabs((double)((f + r) / 2) - mean.value) <= mean.error);
        ck_assert(sum.error <= 6.1e-8 * fabs(sum.value) + 1e-37);
        ck_assert(product.error <= 6.1e-8 * fabs(product.value) + 1e-37);
        ck_assert(mean.error <= 6.1e-8 * fabs(mean.value) + 1e-37);
    }
}
END_TEST

static clrnn_net *unit_net(clrnn_cell cell, int inputs) {
    struct net_kind kind = {.layers = {{.cell = cell, .hidden = 1}},
                            .desc = {.inputs = inputs, .num_layers = 1}};
    clrnn_net *net = net_of(&kind);
    net->strands[0].given[WEIGHT_IH] = net->strands[0].given[WEIGHT_HH] = 1; /* of zeros */
    return net;
}

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
    clrnn_net *net = unit_net(CLRNN_CELL_RNN, 2);
    float *weights = net->strands[0].weights[WEIGHT_IH];
    weights[0] = 2;
    weights[1] = -2;
    /* 6e38 - 6e38 is 0, and NaN in float32 */
    float x[2] = {3e38f, 3e38f};
    y[0] = NAN;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 0);
    x[1] = 1;
    y[0] = 1;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 0);
    /* 1e30 times a denormal, on a device that flushes it */
    weights[0] = 1e30f;
    x[0] = 1e-39f;
    x[1] = 0;
    y[0] = 0;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 0);
    y[0] = 1e-8f;
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 1);
    clrnn_net_free(net);

    /* lstm with nothing but biases: i, f, g, o */
    net = unit_net(CLRNN_CELL_LSTM, 1);
    float *biases = net->strands[0].weights[BIAS_IH];
    biases[0] = biases[1] = -100;
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
    /* 1 FLT_MAX + 1: infinity is as right as FLT_MAX; 1 infinity + 1 is nothing else */
    biases[0] = biases[1] = biases[2] = biases[3] = 30;
    y[0] = 1;
    for (int i = 0; i < 4; i++) {
        c_0[0] = i < 2 ? FLT_MAX : INFINITY;
        cells[0] = i % 2 ? FLT_MAX : INFINITY;
        ck_assert_int_eq(bad_of(net, x, none, c_0, y, cells), i == 3);
    }
    clrnn_net_free(net);
}
END_TEST

/* c' = c + 0.1 for 1,000 steps, known by y alone: the carried bound grows as the rounding does. Row
 * 0 loses its bound by overflow and must not take that of row 1 with it. */
START_TEST(carried_cell_state) {
    struct sample s = sample_of(unit_net(CLRNN_CELL_LSTM, 1), 1000, 2, 0);
    float *biases = s.net->strands[0].weights[BIAS_IH];
    biases[0] = biases[1] = 30;
    biases[2] = 0.10033535f;
    s.lengths[1] = 1000;
    s.of[0].c_0[0] = FLT_MAX;
    plain_forward(&s, s.net);
    const clrnn_forward_args args = args_showing(&s, SHOW_Y);
    s.arrays[0].gates = (clrnn_tensor){0}; /* they do not know c */
    clrnn_judgement j = judge_args(s.net, &s, &args);
    ck_assert_msg(j.bad == 0, "%s: ratio %g", j.what, j.ratio);
    ck_assert_int_eq(j.checked, 1000 + 2 + 2 + 1); /* y and c_n of row 1, h_n and o_n of both */
    s.of[0].c_n[1] += 0.1f;
    j = judge_args(s.net, &s, &args);
    ck_assert_int_eq(j.bad, 1);
    /* where cells are shown each step goes on from them: a jump is bad where it is, not behind it */
    for (int t = 500; t < 1000; t++) {
        s.of[0].cells[at(&s, t, 1)] += 0.1f;
    }
    s.of[0].c_n[1] = s.of[0].cells[at(&s, 999, 1)];
    const clrnn_forward_args shown = args_showing(&s, SHOW_CELLS);
    j = judge_args(s.net, &s, &shown);
    ck_assert_int_eq(j.bad, 1);
    ck_assert_str_eq(j.what, "c");
    ck_assert(j.step == 500 && j.row == 1);
    free_sample(&s);
}
END_TEST

/* ---- gelu as others evaluate it -------------------------------------------------------------- */

/* As the formulas stand, each operation rounded to float32. */
static float naive_gelu(float x) {
    return 0.5f * x * (1.0f + erff(x * 0.70710678f));
}

static float naive_gelu_tanh(float x) {
    const float cubed = x * x * x;
    return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * cubed)));
}

static const struct {
    clrnn_act kind;
    float (*naive)(float x);
} gelus[] = {{CLRNN_ACT_GELU, naive_gelu}, {CLRNN_ACT_GELU_TANH, naive_gelu_tanh}};

/* The difference of the naive value at x from what is known of a +- e, in bounds. */
static double naive_ratio(int gelu, float x, struct number a) {
    const struct number n = reference_activate(gelus[gelu].kind, 0, 0, a);
    return fabs((double)gelus[gelu].naive(x) - n.value) / n.error;
}

/* All along, in the negative tail too, where it has lost all digits, and for x known within +-e. */
START_TEST(naive_gelus_are_fine) {
    double worst = 0;
    int lost = 0;
    random_state = 12;
    for (int i = -400000; i <= 400000; i++) {
        const float x = 20 * (float)i / 400000 * (i % 2 ? 1 : fabsf(uniform()));
        const struct number exact = {(double)x, 0};
        const double value = reference_activate(gelus[_i].kind, 0, 0, exact).value;
        const double ratio = naive_ratio(_i, x, exact);
        const double error = exp(12 * (double)uniform() - 11);
        const struct number off = {(double)x + error * (double)uniform(), error};
        if (!(ratio <= 1) || !(naive_ratio(_i, x, off) <= 1)) { /* no line for each value */
            ck_abort_msg("%g: ratio %g, from %g +- %g %g", (double)x, ratio, off.value, error,
                         naive_ratio(_i, x, off));
        }
        worst = fmax(worst, ratio);
        lost += fabs((double)gelus[_i].naive(x) - value) > 0.5 * fabs(value);
    }
    ck_assert_msg(worst > 0.4 && lost > 1000, "worst %g, lost %d", worst, lost);
}
END_TEST

/* Some ulp where s is not small, 2^-24 |x| in the tail; so what is 1e-3 off is still found. */
START_TEST(wrong_gelus_are_found) {
    for (double x = -3; x <= 3; x += 0.01) {
        const struct number n = reference_activate(gelus[_i].kind, 0, 0, (struct number){x, 0});
        ck_assert_msg(n.error <= (x > 0 ? 6e-7 : 1e-3) * fabs(n.value) + 1e-36, "%g: bound %g", x,
                      n.error);
    }
    const struct number tail = reference_activate(gelus[_i].kind, 0, 0, (struct number){-8, 0});
    ck_assert_msg(fabs(tail.error / (8 * 0x1p-24) - 1) < 0.01, "bound %g", tail.error);

    /* in a cell, as the judge has it */
    float x[1], none[1] = {0}, y[1];
    clrnn_net *net = unit_net(CLRNN_CELL_RNN, 1);
    net->strands[0].weights[WEIGHT_IH][0] = 1;
    net->strands[0].acts[0] = (clrnn_activation){.kind = gelus[_i].kind};
    for (int i = 0; i < 80; i++) {
        x[0] = -6 + 0.1f * (float)i; /* to 1.9 */
        y[0] = gelus[_i].naive(x[0]);
        ck_assert_msg(bad_of(net, x, none, NULL, y, NULL) == 0, "%g", (double)x[0]);
    }
    x[0] = 1;
    y[0] = 1.001f * gelus[_i].naive(1);
    ck_assert_int_eq(bad_of(net, x, none, NULL, y, NULL), 1);
    clrnn_net_free(net);
}
END_TEST

/* As PyTorch makes them: every weight uniform in +-1 / sqrt(H). Of the sum of both directions alone
 * the judge sees no h: the carried bound encloses float32 and stays of use. */
START_TEST(carried_state_stays_of_use) {
    static const struct {
        clrnn_cell cell;
        int hidden, steps;
        double most;                              /* bound */
    } nets[] = {{CLRNN_CELL_LSTM, 24, 29, 1e-5},  /* 3e-6 */
                {CLRNN_CELL_GRU, 24, 29, 1e-5},   /* 5e-6 */
                {CLRNN_CELL_LSTM, 64, 150, 2e-5}, /* 7e-6 */
                {CLRNN_CELL_RNN, 24, 29, 1e-4}};  /* 4e-5 */
    clrnn_layer_desc layer = {.cell = nets[_i].cell,
                              .hidden = nets[_i].hidden,
                              .direction = CLRNN_DIRECTION_BIDIRECTIONAL,
                              .merge = CLRNN_MERGE_SUM};
    const struct net_kind kind = {.layers = {layer}, .desc = {.inputs = 12, .num_layers = 1}};
    random_state = (uint64_t)(8 + _i);
    clrnn_net *net = net_of(&kind);
    fill_net(net, 0);
    for (int i = 0; i < net->strand_count; i++) {
        for (enum weight_role role = WEIGHT_IH; role <= BIAS_HH; role++) {
            int64_t rows, columns;
            strand_weight_shape(&net->strands[i], role, &rows, &columns);
            for (int64_t k = 0; k < rows * (columns > 0 ? columns : 1); k++) {
                net->strands[i].weights[role][k] = uniform() / sqrtf((float)nets[_i].hidden);
            }
        }
    }
    struct sample s = sample_of(net, nets[_i].steps, 2, 0);
    plain_forward(&s, net);
    clrnn_forward_args args = args_showing(&s, SHOW_Y);
    clrnn_judgement j = judge_args(net, &s, &args);
    ck_assert_msg(j.bad == 0 && j.ratio > 0.01, "ratio %g", j.ratio);

    /* the bound of h as the walk has it at the end of row 0 */
    struct reference_walk walk;
    ck_assert_int_eq(reference_walk_open(&walk, &net->strands[0], 1), CLRNN_STATUS_OK);
    for (int t = 0; t < s.steps; t++) {
        double x[12];
        for (int i = 0; i < 12; i++) {
            x[i] = s.x[at(&s, t, 0) * 12 + (size_t)i];
        }
        reference_walk_step(&walk, &net->strands[0], x, NULL);
    }
    for (int unit = 0; unit < nets[_i].hidden; unit++) {
        ck_assert_msg(walk.h_error[unit] <= nets[_i].most, "bound %g", walk.h_error[unit]);
    }
    reference_walk_close(&walk);
    free_sample(&s);
}
END_TEST

TCase *reference_bounds_case(void) {
    TCase *bounds = tcase_create("bounds");
    tcase_set_timeout(bounds, 60);
    tcase_add_loop_test(bounds, bounds_enclose, 0, KINDS);
    tcase_add_loop_test(bounds, bounds_are_the_limit, 0, SINGLES);
    tcase_add_test(bounds, clipping_never_adds);
    tcase_add_test(bounds, merges_round_once);
    tcase_add_test(bounds, ends_of_float32);
    tcase_add_test(bounds, carried_cell_state);
    tcase_add_loop_test(bounds, carried_state_stays_of_use, 0, 4);
    tcase_add_loop_test(bounds, naive_gelus_are_fine, 0, 2);
    tcase_add_loop_test(bounds, wrong_gelus_are_found, 0, 2);
    return bounds;
}
