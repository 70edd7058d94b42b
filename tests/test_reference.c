/*
 * test_reference.c: the fp64 reference. Its bounds: test_reference_bounds.c.
 *
 * The one idea: the reference is held against what knows nothing of it: formulas written out by
 * hand, a plain float32 evaluation, stored results of NumPy.
 */
#include "core/net.h"
#include "cpu/reference.h"
#include "nets.h"
#include "suite_cases.h"
#include "suites.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- formulas by hand ------------------------------------------------------------------------ */

/* Weight k of a role, 0 where there is none. */
static double weight(const struct strand *s, enum weight_role role, int k) {
    return s->weights[role] != NULL ? (double)s->weights[role][k] : 0;
}

static double held(double a, double limit) {
    return limit > 0 ? fmin(fmax(a, -limit), limit) : a;
}

#define ACT(slot, a) plain_activation(&s->acts[slot], a)
#define CLIPPED(slot, a) ACT(slot, held(a, (double)d->gate_clip))
/* Of row k, W h + b with h of one or two features, and W x + b. */
#define GX(k) (weight(s, WEIGHT_IH, k) * x + weight(s, BIAS_IH, k))
#define GH_OF(k, v0, v1)                                                                           \
    (s->width == 1 ? weight(s, WEIGHT_HH, k) * (v0) + weight(s, BIAS_HH, k)                        \
                   : weight(s, WEIGHT_HH, 2 * (k)) * (v0) +                                        \
                         weight(s, WEIGHT_HH, 2 * (k) + 1) * (v1) + weight(s, BIAS_HH, k))
#define GH(k) GH_OF(k, was[0], was[1])

/* i, f, g, o, c, and h or m of unit j; row k of gate g is 2 g + j */
static void lstm_by_hand(const struct strand *s, double x, const double was[2], double *c, int j,
                         double gates[4], double *m) {
    const clrnn_layer_desc *d = s->desc;
    gates[0] = CLIPPED(0, GX(j) + GH(j) + weight(s, WEIGHT_CI, j) * *c);
    gates[1] =
        CLIPPED(1, GX(2 + j) + GH(2 + j) + weight(s, WEIGHT_CF, j) * *c + (double)d->forget_bias);
    gates[1] = d->couple == CLRNN_COUPLE_FORGET ? 1 - gates[0] : gates[1];
    gates[0] = d->couple == CLRNN_COUPLE_INPUT ? 1 - gates[1] : gates[0];
    gates[2] = CLIPPED(2, GX(4 + j) + GH(4 + j));
    *c = held(gates[1] * *c + gates[0] * gates[2], (double)d->cell_clip);
    gates[3] = CLIPPED(3, GX(6 + j) + GH(6 + j) + weight(s, WEIGHT_CO, j) * *c);
    *m = gates[3] * ACT(4, *c);
}

/* One step from h (and c) with I = 1, H = 2 and W = 2 or 1, in the words of the equations. gates:
 * [G][2] */
static void by_hand(const struct strand *s, double x, double h[2], double c[2], double gates[8]) {
    const clrnn_layer_desc *d = s->desc;
    const double was[2] = {h[0], h[1]};
    double m[2];
    for (int j = 0; j < 2; j++) {
        if (d->cell == CLRNN_CELL_LSTM) {
            double of[4];
            lstm_by_hand(s, x, was, &c[j], j, of, &m[j]);
            for (int g = 0; g < 4; g++) {
                gates[2 * g + j] = of[g];
            }
        } else if (d->cell == CLRNN_CELL_GRU) {
            const double r[2] = {CLIPPED(0, GX(0) + GH(0)), CLIPPED(0, GX(1) + GH(1))};
            const double z = CLIPPED(1, GX(2 + j) + GH(2 + j));
            const double part = d->reset == CLRNN_RESET_AFTER
                                    ? r[j] * GH(4 + j)
                                    : GH_OF(4 + j, r[0] * was[0], r[1] * was[1]);
            const double n = CLIPPED(2, GX(4 + j) + part);
            gates[j] = r[j];
            gates[2 + j] = z;
            gates[4 + j] = n;
            m[j] = (1 - z) * n + z * was[j];
        } else {
            gates[j] = m[j] = CLIPPED(0, GX(j) + GH(j));
        }
    }
    h[0] = m[0];
    h[1] = m[1];
    if (d->projection == 1) {
        h[0] = weight(s, WEIGHT_HR, 0) * m[0] + weight(s, WEIGHT_HR, 1) * m[1];
    }
}
#undef ACT
#undef CLIPPED
#undef GX
#undef GH_OF
#undef GH

/* Weights that are all different and of either sign. */
static void fill_by_number(clrnn_net *net) {
    int number = 0;
    for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
        int64_t rows, columns;
        strand_weight_shape(&net->strands[0], role, &rows, &columns);
        for (int64_t i = 0;
             net->strands[0].weights[role] != NULL && i < rows * (columns ? columns : 1);
             i++, number++) {
            net->strands[0].weights[role][i] =
                (number % 3 == 1 ? -0.0625f : 0.03125f) * (float)(number + 7);
        }
    }
}

START_TEST(reference_is_the_formula) {
    const struct net_kind kind = kind_of(_i, 1, 2);
    const float x[3] = {0.75f, -1.5f, 0.3125f};
    const double h_0[2] = {0.4375, -0.8125}, c_0[2] = {1.25, -0.375};
    clrnn_net *net = net_of(&kind);
    const struct strand *strand = &net->strands[0];
    double y[6], cells[6], gates[24], h_n[2], c_n[2] = {0};
    fill_by_number(net);
    const struct reference_layer layer = {
        .h_0 = h_0, .c_0 = c_0, .y = y, .cells = cells, .gates = gates, .h_n = h_n, .c_n = c_n};
    const struct reference_call call = {
        .steps = 3, .batch = 1, .x = x, .x_step = 1, .layers = &layer};
    ck_assert_int_eq(reference_forward(net, &call), CLRNN_STATUS_OK);
    double h[2] = {h_0[0], h_0[1]}, c[2] = {c_0[0], c_0[1]}, of[8];
    const int width = strand->width;
    for (int step = 0; step < 3; step++) {
        const int t = strand->reverse ? 2 - step : step;
        by_hand(strand, (double)x[t], h, c, of);
        for (int j = 0; j < 2; j++) {
            ck_assert_double_eq_tol(y[width * t + j % width], h[j % width], 1e-14);
            if (strand->states == 2) {
                ck_assert_double_eq_tol(cells[2 * t + j], c[j], 1e-14);
            }
        }
        for (int g = 0; g < 2 * strand->gates; g++) {
            ck_assert_double_eq_tol(gates[2 * strand->gates * t + g], of[g], 1e-14);
        }
    }
    ck_assert_double_eq_tol(h_n[width - 1], h[width - 1], 1e-14);
    ck_assert(strand->states == 1 || fabs(c_n[1] - c[1]) < 1e-14);
    clrnn_net_free(net);
}
END_TEST

/* ---- whole nets ------------------------------------------------------------------------------ */

/* Every array of a sample, from the reference: all dense, time first. */
struct outcome {
    struct reference_layer layers[NETS_LAYERS];
};

static double *widened(const float *values, int64_t count) {
    double *wide = calloc((size_t)count + 1, sizeof *wide);
    for (int64_t i = 0; values != NULL && i < count; i++) {
        wide[i] = values[i];
    }
    return wide;
}

static void free_outcome(struct outcome *o) {
    for (int layer = 0; layer < NETS_LAYERS; layer++) {
        const struct reference_layer *of = &o->layers[layer];
        const double *const arrays[] = {of->h_0, of->c_0,  of->o_0,     of->h_n,   of->c_n,
                                        of->o_n, of->last, of->hiddens, of->cells, of->gates};
        for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
            free((double *)arrays[i]);
        }
        free(of->y);
    }
}

/* Runs a time-first sample; of layers below the last y is not asked for, unless `below`. */
static struct outcome reference_outcome(const struct sample *s, int below) {
    struct outcome o = {0};
    const clrnn_net_desc *desc = &s->net->desc;
    const int64_t rows = (int64_t)s->steps * s->batch;
    int64_t lengths[8], starts[32] = {0};
    for (int layer = 0; layer < desc->num_layers; layer++) {
        const clrnn_layer_desc *of = &desc->layers[layer];
        const int64_t directions = clrnn_layer_directions(of), outputs = clrnn_layer_outputs(of);
        const int64_t h = directions * clrnn_layer_width(of), c = directions * of->hidden;
        const int is_top = layer == desc->num_layers - 1;
        o.layers[layer] = (struct reference_layer){
            .h_0 = widened(s->of[layer].h_0, s->batch * h),
            .c_0 = widened(s->of[layer].c_0, s->batch * c),
            .o_0 = widened(s->of[layer].o_0, s->batch * h),
            .h_n = widened(NULL, s->batch * h),
            .c_n = widened(NULL, s->batch * c),
            .o_n = widened(NULL, s->batch * h),
            .y = below || is_top ? widened(NULL, rows * outputs) : NULL,
            .last = widened(NULL, s->batch * outputs),
            .hiddens = widened(NULL, rows * h),
            .cells = widened(NULL, rows * c),
            .gates = widened(NULL, rows * c * clrnn_layer_gates(of)),
        };
    }
    for (int n = 0; n < s->batch; n++) {
        lengths[n] = length_of(s, n);
    }
    for (int t = 1; s->batch_sizes != NULL && t < s->steps; t++) {
        starts[t] = starts[t - 1] + s->batch_sizes[t - 1];
    }
    const struct reference_call call = {.steps = s->steps,
                                        .batch = s->batch,
                                        .x = s->x,
                                        .x_step = (int64_t)s->batch * desc->inputs,
                                        .x_row = desc->inputs,
                                        .starts = s->batch_sizes != NULL ? starts : NULL,
                                        .lengths = lengths,
                                        .mask = s->mask,
                                        .layers = o.layers};
    ck_assert_int_eq(reference_forward(s->net, &call), CLRNN_STATUS_OK);
    return o;
}

/* The largest |reference - plain|. */
static double apart(const double *reference, const float *plain, int64_t count) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(reference[i] - (double)plain[i]));
    }
    return largest;
}

static struct sample lying_sample(int kind, enum lie lie) {
    const struct net_kind of = kind_of(kind, 3, 6);
    random_state = (uint64_t)(300 + kind);
    struct sample s = sample_of(random_net(&of, 0.7f), 7, 4, 0);
    lay_sample(&s, lie);
    plain_forward(&s, s.net);
    return s;
}

/* Every array, of dense, packed and masked samples. */
START_TEST(reference_is_the_plain_evaluation) {
    for (int lie = DENSE; lie < LIES; lie++) {
        struct sample s = lying_sample(_i, (enum lie)lie);
        struct outcome o = reference_outcome(&s, 1);
        const int64_t rows = (int64_t)s.steps * s.batch;
        for (int layer = 0; layer < s.net->desc.num_layers; layer++) {
            const clrnn_layer_desc *of = &s.net->desc.layers[layer];
            const struct reference_layer *a = &o.layers[layer];
            const struct sample_layer *b = &s.of[layer];
            const int64_t directions = clrnn_layer_directions(of),
                          outputs = clrnn_layer_outputs(of);
            const int64_t h = directions * clrnn_layer_width(of), c = directions * of->hidden;
            const int lstm = of->cell == CLRNN_CELL_LSTM;
            const struct {
                const char *name;
                double value;
            } differences[] = {
                {"h_n", apart(a->h_n, b->h_n, s.batch * h)},
                {"c_n", lstm ? apart(a->c_n, b->c_n, s.batch * c) : 0},
                {"o_n", apart(a->o_n, b->o_n, s.batch * h)},
                {"y", lie == PACKED ? 0 : apart(a->y, b->y, rows * outputs)},
                {"last", apart(a->last, b->last, s.batch * outputs)},
                {"hiddens", apart(a->hiddens, b->hiddens, rows * h)},
                {"cells", lstm ? apart(a->cells, b->cells, rows * c) : 0},
                {"gates", apart(a->gates, b->gates, rows * c * clrnn_layer_gates(of))},
            };
            for (size_t i = 0; i < sizeof differences / sizeof differences[0]; i++) {
                ck_assert_msg(differences[i].value < 2e-5, "lie %d layer %d: %s is %g off", lie,
                              layer, differences[i].name, differences[i].value);
            }
            for (int t = 0; lie == PACKED && t < s.steps;
                 t++) { /* packed rows stand side by side */
                const double off =
                    apart(a->y + t * s.batch * outputs, b->y + x_row(&s, t, 0) * (size_t)outputs,
                          s.batch_sizes[t] * outputs);
                ck_assert_msg(off < 2e-5, "packed y of step %d is %g off", t, off);
            }
        }
        /* whoever holds y of the layers below */
        struct outcome alone = reference_outcome(&s, 0);
        const int top = s.net->desc.num_layers - 1;
        ck_assert_mem_eq(alone.layers[top].y, o.layers[top].y,
                         (size_t)rows * (size_t)clrnn_layer_outputs(&s.net->desc.layers[top]) *
                             sizeof(double));
        free_outcome(&alone);
        free_outcome(&o);
        free_sample(&s);
    }
}
END_TEST

static void round_into(float *to, const double *from, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        to[i] = reference_round(from[i]);
    }
}

/* The reference's own results, rounded, are fine: it may serve as an engine. */
START_TEST(rounded_reference_is_fine) {
    for (int lie = DENSE; lie < LIES; lie += MASKED) {
        struct sample s = lying_sample(_i, (enum lie)lie);
        struct outcome o = reference_outcome(&s, 1);
        const int64_t rows = (int64_t)s.steps * s.batch;
        for (int layer = 0; layer < s.net->desc.num_layers; layer++) {
            const clrnn_layer_desc *of = &s.net->desc.layers[layer];
            const struct reference_layer *a = &o.layers[layer];
            const struct sample_layer *b = &s.of[layer];
            const int64_t directions = clrnn_layer_directions(of);
            const int64_t h = directions * clrnn_layer_width(of), c = directions * of->hidden;
            round_into(b->h_n, a->h_n, s.batch * h);
            round_into(b->c_n, a->c_n, s.batch * c);
            round_into(b->o_n, a->o_n, s.batch * h);
            round_into(b->y, a->y, rows * clrnn_layer_outputs(of));
            round_into(b->hiddens, a->hiddens, rows * h);
            round_into(b->cells, a->cells, rows * c);
        }
        for (int shown = SHOW_Y; shown <= SHOW_ALL; shown++) {
            const clrnn_forward_args args = args_showing(&s, shown);
            const clrnn_judgement j = judge_args(s.net, &s, &args);
            ck_assert_msg(j.bad == 0 && j.max_ulp <= 0.5,
                          "lie %d shown %d: ratio %g of %s in layer %d, %g ulp", lie, shown,
                          j.ratio, j.what, j.layer, j.max_ulp);
        }
        free_outcome(&o);
        free_sample(&s);
    }
}
END_TEST

START_TEST(reference_refuses_snippets) {
    struct net_kind kind = kind_of(0, 2, 3);
    const struct reference_layer layer = {0};
    const struct reference_call call = {.layers = &layer};
    kind.layers[0].acts[0][0] =
        (clrnn_activation){.kind = CLRNN_ACT_CUSTOM, .source = "x = x * x;"};
    clrnn_net *net = net_of(&kind);
    ck_assert_int_eq(reference_forward(net, &call), CLRNN_STATUS_UNSUPPORTED);
    ck_assert_str_eq(
        clrnn_last_error()->message,
        "net: has a custom activation: the reference engine knows no OpenCL C snippets");
    clrnn_net_free(net);
    kind.layers[0] = (clrnn_layer_desc){
        .cell = CLRNN_CELL_CUSTOM, .hidden = 3, .gates = 1, .states = 1, .source = "h = gx[0];"};
    net = net_of(&kind);
    ck_assert_int_eq(reference_forward(net, &call), CLRNN_STATUS_UNSUPPORTED);
    ck_assert_str_eq(clrnn_last_error()->message,
                     "net: has a custom cell: the reference engine knows no OpenCL C snippets");
    clrnn_net_free(net);
}
END_TEST

/* A state that float32 cannot hold is infinite in the steps that follow. */
START_TEST(reference_overflows_as_float32) {
    struct net_kind kind = {.layers = {{.hidden = 2}}, .desc = {.inputs = 1, .num_layers = 1}};
    kind.layers[0].acts[0][0].kind = CLRNN_ACT_RELU;
    clrnn_net *net = net_of(&kind);
    net->strands[0].weights[WEIGHT_HH][0] = 1e20f;
    const float x[3] = {0};
    const double h_0[2] = {1e10, 0};
    double y[6];
    const struct reference_layer layer = {.h_0 = h_0, .y = y};
    const struct reference_call call = {
        .steps = 3, .batch = 1, .x = x, .x_step = 1, .layers = &layer};
    ck_assert_int_eq(reference_forward(net, &call), CLRNN_STATUS_OK);
    ck_assert(isfinite(y[0]) && isinf(y[2]) && y[3] == 0 && isinf(y[4]) && isnan(y[5]));
    clrnn_net_free(net);

    /* c = 1e20 1e20, and the sum of two directions of 3e38 each */
    kind.layers[0] = (clrnn_layer_desc){.cell = CLRNN_CELL_LSTM, .hidden = 1};
    for (int slot = 0; slot < 4; slot++) {
        kind.layers[0].acts[0][slot].kind = CLRNN_ACT_LINEAR;
    }
    net = net_of(&kind);
    net->strands[0].weights[BIAS_IH][0] = net->strands[0].weights[BIAS_IH][2] = 1e20f;
    double cells[3];
    const struct reference_layer lstm = {.cells = cells};
    struct reference_call of = call;
    of.layers = &lstm;
    ck_assert_int_eq(reference_forward(net, &of), CLRNN_STATUS_OK);
    ck_assert(isinf(cells[0]) && isnan(cells[1])); /* f = 0 */
    clrnn_net_free(net);
    kind.layers[0] = (clrnn_layer_desc){.hidden = 1,
                                        .direction = CLRNN_DIRECTION_BIDIRECTIONAL,
                                        .merge = CLRNN_MERGE_SUM,
                                        .acts = {{{.kind = CLRNN_ACT_LINEAR}}}};
    net = net_of(&kind);
    net->strands[0].weights[BIAS_IH][0] = net->strands[1].weights[BIAS_IH][0] = 3e38f;
    const struct reference_layer sum = {.y = y};
    of.layers = &sum;
    ck_assert_int_eq(reference_forward(net, &of), CLRNN_STATUS_OK);
    ck_assert(isinf(y[0]) && isinf(y[2]));
    clrnn_net_free(net);
}
END_TEST

/* ---- stored results -------------------------------------------------------------------------- */

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
    enum { ROWS = 370, STEPS = 29, HIDDEN = 32 };
    clrnn_arrays *x = load(DATA "x_test.npy"), *lengths = load(DATA "lengths_test.npy");
    clrnn_arrays *expected = load(DATA "expected_simple_rnn_f64.npz");
    clrnn_model *model = load_model(DATA "simple_rnn.npz");
    int64_t lengths_wide[ROWS];
    double *y = calloc(ROWS * STEPS * HIDDEN, sizeof *y);
    double *h_n = calloc(ROWS * HIDDEN, sizeof *h_n);
    for (int n = 0; n < ROWS; n++) {
        lengths_wide[n] = ((const int32_t *)find(lengths, "")->data)[n];
    }
    const struct reference_layer layer = {.y = y, .h_n = h_n};
    const struct reference_call call = {.steps = STEPS,
                                        .batch = ROWS,
                                        .x = find(x, "")->data,
                                        .x_step = 12,
                                        .x_row = STEPS * 12,
                                        .lengths = lengths_wide,
                                        .layers = &layer};
    ck_assert_int_eq(reference_forward(clrnn_model_net(model), &call), CLRNN_STATUS_OK);
    const clrnn_tensor *kept = find(expected, "rows");
    const double *output = find(expected, "output")->data;
    ck_assert_int_gt(kept->shape[0], 90);
    for (int64_t i = 0; i < kept->shape[0]; i++) {
        const int64_t n = kept->dtype == CLRNN_DTYPE_I64 ? ((const int64_t *)kept->data)[i]
                                                         : ((const int32_t *)kept->data)[i];
        for (int t = 0; t < STEPS; t++) { /* theirs are batch first */
            const double off = largest_difference(y + (t * ROWS + n) * HIDDEN,
                                                  output + (i * STEPS + t) * HIDDEN, HIDDEN);
            ck_assert_msg(off < 1e-12, "row %d is %g off", (int)n, off);
        }
    }
    ck_assert(largest_difference(h_n, find(expected, "h_n")->data, ROWS * HIDDEN) < 1e-12);
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
    const struct reference_layer layer = {.y = y};
    const struct reference_call call = {
        .steps = 10, .batch = 1, .x = args.x.data, .x_step = 4, .layers = &layer};
    ck_assert_int_eq(reference_forward(clrnn_model_net(model), &call), CLRNN_STATUS_OK);
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

Suite *reference_suite(void) {
    Suite *suite = suite_create("reference");
    TCase *equations = tcase_create("equations");
    tcase_set_timeout(equations, 60);
    tcase_add_loop_test(equations, reference_is_the_formula, 0, SINGLES);
    tcase_add_loop_test(equations, reference_is_the_plain_evaluation, 0, KINDS);
    tcase_add_loop_test(equations, rounded_reference_is_fine, 0, KINDS);
    tcase_add_test(equations, reference_agrees_with_numpy);
    tcase_add_test(equations, reference_agrees_with_the_lesson);
    tcase_add_test(equations, reference_overflows_as_float32);
    tcase_add_test(equations, reference_refuses_snippets);
    suite_add_tcase(suite, equations);
    suite_add_tcase(suite, reference_bounds_case());
    return suite;
}
