/*
 * test_judge_exact.c: the judge sees every value where it stands, also where nothing else shows it:
 * hiddens, gates, NaN, infinity and padding, masked steps, final states; and judges each step from
 * the result's own state.
 */
#include "core/net.h"
#include "nets.h"
#include "suite_cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- each value counts ----------------------------------------------------------------------- */

/* One value after the other is a little off, or NaN; the judge must see it. */
static void poison(struct sample *s, const clrnn_net *net, float *values, int64_t count,
                   const char *what) {
    for (int64_t i = 0; values != NULL && i < count; i += 5) {
        const float kept = values[i];
        for (int nan = 0; nan < 2; nan++) {
            values[i] = nan ? NAN : kept + 1e-3f;
            const clrnn_judgement j = judge(net, s);
            ck_assert_msg(j.bad > 0, "%s [%d] %s: ratio %g", what, (int)i, nan ? "NaN" : "1e-3 off",
                          j.ratio);
        }
        values[i] = kept;
    }
}

START_TEST(each_value_counts) {
    for (int lie = DENSE; lie < LIES; lie++) {
        const struct net_kind kind = kind_of(_i, 3, 4);
        random_state = (uint64_t)(900 + _i);
        struct sample s = sample_of(random_net(&kind, 1), 5, 4, lie != PACKED && _i % 2);
        lay_sample(&s, (enum lie)lie);
        plain_forward(&s, s.net);
        ck_assert_int_eq(judge(s.net, &s).bad, 0);
        for (int layer = 0; layer < s.net->desc.num_layers; layer++) {
            const struct sample_layer *of = &s.of[layer];
            const clrnn_layer_desc *desc = &s.net->desc.layers[layer];
            const int64_t directions = clrnn_layer_directions(desc);
            const int64_t states = directions * s.batch * clrnn_layer_width(desc);
            const int lstm = desc->cell == CLRNN_CELL_LSTM;
            const int64_t c = lstm ? directions * s.batch * desc->hidden : 0;
            const int64_t rows = lie == PACKED
                                     ? (int64_t)x_row(&s, s.steps - 1, 0) + s.batch_sizes[4]
                                     : s.steps * s.batch;
            poison(&s, s.net, of->y, rows * clrnn_layer_outputs(desc), "y");
            poison(&s, s.net, of->hiddens, s.steps * states, "hiddens");
            poison(&s, s.net, of->h_n, states, "h_n");
            poison(&s, s.net, of->o_n, states, "o_n");
            poison(&s, s.net, of->cells, s.steps * c, "cells");
            poison(&s, s.net, of->c_n, c, "c_n");
            poison(&s, s.net, of->gates,
                   s.steps * s.batch * directions * desc->hidden * clrnn_layer_gates(desc),
                   "gates");
        }
        free_sample(&s);
    }
}
END_TEST

/* ---- hiddens and gates alone ----------------------------------------------------------------- */

/* Of the start states and one layer's array alone. */
static clrnn_forward_args args_alone(struct sample *s, int layer, int with_gates) {
    clrnn_forward_args args = args_of(s);
    args.y = (clrnn_tensor){0};
    for (int i = 0; i < s->net->desc.num_layers; i++) {
        const clrnn_layer_arrays from = s->arrays[i];
        s->arrays[i] = (clrnn_layer_arrays){.h_0 = from.h_0, .c_0 = from.c_0, .o_0 = from.o_0};
        if (i == layer && with_gates) {
            s->arrays[i].gates = from.gates;
        } else if (i == layer) {
            s->arrays[i].hiddens = from.hiddens;
        }
    }
    return args;
}

/* The last h of a row, which no step is computed from: one that is off is the only bad value. */
static void hold_last_h(struct sample *s, const clrnn_forward_args *args, int layer, int direction,
                        int n) {
    const struct strand *strand = net_strand(s->net, layer, direction);
    const int t = strand->reverse ? 0 : s->lengths[n] - 1, width = strand->width;
    const size_t row = at(s, t, n) * (size_t)clrnn_layer_directions(strand->desc);
    for (int unit = 0; unit < width; unit++) {
        float *h = s->of[layer].hiddens + (row + (size_t)direction) * (size_t)width + unit;
        const float kept = *h;
        *h = kept + 1e-3f;
        const clrnn_judgement j = judge_args(s->net, s, args);
        ck_assert_msg(j.bad == 1 && j.layer == layer && j.direction == direction && j.step == t &&
                          j.row == n && j.unit == unit,
                      "h %d of layer %d direction %d at %d %d: %d bad, ratio %g of %s", unit, layer,
                      direction, t, n, (int)j.bad, j.ratio, j.what);
        ck_assert_str_eq(j.what, "h");
        *h = kept;
    }
}

/* With y, h_n or a later step beside them another value would show the mistake. */
START_TEST(hiddens_are_found) {
    struct sample s = small_sample(_i); /* lengths 6, 0, 1, 4 */
    for (int layer = 0; layer < s.net->desc.num_layers; layer++) {
        const clrnn_layer_desc *desc = &s.net->desc.layers[layer];
        const int directions = clrnn_layer_directions(desc);
        const clrnn_forward_args args = args_alone(&s, layer, 0);
        const clrnn_judgement j = judge_args(s.net, &s, &args);
        ck_assert_int_eq(j.bad, 0);
        ck_assert_int_eq(j.checked, 6 * 4 * directions * clrnn_layer_width(desc));
        for (int direction = 0; direction < directions; direction++) {
            hold_last_h(&s, &args, layer, direction, 0);
            hold_last_h(&s, &args, layer, direction, 2);
            hold_last_h(&s, &args, layer, direction, 3);
        }
    }
    free_sample(&s);
}
END_TEST

/* One gate off is the only bad value, at its place: its layer, direction, step, row and unit. */
static void hold_gate(struct sample *s, const clrnn_forward_args *args, int layer, int direction,
                      int t, int n) {
    const clrnn_layer_desc *desc = &s->net->desc.layers[layer];
    const int size = clrnn_layer_gates(desc) * desc->hidden;
    const size_t row = at(s, t, n) * (size_t)clrnn_layer_directions(desc) + (size_t)direction;
    for (int unit = 0; unit < size; unit += 4) {
        float *gate = s->of[layer].gates + row * (size_t)size + unit;
        const float kept = *gate;
        for (int nan = 0; nan < 2; nan++) {
            *gate = nan ? NAN : kept + 1e-3f;
            const clrnn_judgement j = judge_args(s->net, s, args);
            ck_assert_msg(j.bad == 1 && j.layer == layer && j.direction == direction &&
                              j.step == t && j.row == n && j.unit == unit,
                          "gate %d of layer %d direction %d at %d %d: %d bad, ratio %g of %s %d, "
                          "layer %d direction %d at %d %d",
                          unit, layer, direction, t, n, (int)j.bad, j.ratio, j.what, (int)j.unit,
                          j.layer, j.direction, (int)j.step, (int)j.row);
            ck_assert_str_eq(j.what, "gates");
        }
        *gate = kept;
    }
}

/* Beside all else, and the gates of a layer as all there is of a result. */
START_TEST(gates_are_found) {
    struct sample s = small_sample(_i); /* lengths 6, 0, 1, 4 */
    const int layers = s.net->desc.num_layers;
    for (int layer = 0; layer < layers; layer++) {
        const clrnn_layer_desc *desc = &s.net->desc.layers[layer];
        const int directions = clrnn_layer_directions(desc);
        for (int direction = 0; direction < directions; direction++) {
            clrnn_forward_args args = args_of(&s);
            hold_gate(&s, &args, layer, direction, 0, 0);
            hold_gate(&s, &args, layer, direction, 5, 0);
            hold_gate(&s, &args, layer, direction, 3, 3);
            args = args_alone(&s, layer, 1);
            const clrnn_judgement j = judge_args(s.net, &s, &args);
            ck_assert_int_eq(j.bad, 0);
            ck_assert_int_eq(j.checked,
                             6 * 4 * directions * clrnn_layer_gates(desc) * desc->hidden);
            ck_assert(j.max_abs == 0); /* that is of y */
            hold_gate(&s, &args, layer, direction, 3, 3);
            hold_gate(&s, &args, layer, direction, 0, 2);
        }
    }
    free_sample(&s);
}
END_TEST

/* ---- steps from the result's own state ------------------------------------------------------- */

enum { JUMP_STEPS = 12, JUMP_AT = 4, JUMP_INPUTS = 5, JUMP_HIDDEN = 9 };

/* A row's h (or c) is off at one step, and all that follows goes on from there. */
static void jump(struct sample *s, int in_c) {
    const struct strand *strand = &s->net->strands[0];
    const int width = strand->width, hidden = strand->hidden, size = in_c ? hidden : width;
    const int from = strand->reverse ? 0 : JUMP_AT + 1;
    struct sample rest = *s;
    struct sample_layer *of = &rest.of[0], *whole = &s->of[0];
    int32_t length = strand->reverse ? JUMP_AT : JUMP_STEPS - from;
    for (int unit = 0; unit < size; unit++) {
        float *value = (in_c ? whole->cells : whole->hiddens) + JUMP_AT * size + unit;
        *value += 0.1f;
        if (!in_c) {
            whole->y[JUMP_AT * width + unit] = *value;
        }
    }
    rest.steps = length;
    rest.lengths = &length;
    rest.x += from * JUMP_INPUTS;
    of->h_0 = whole->hiddens + JUMP_AT * width;
    of->c_0 = whole->cells + JUMP_AT * hidden;
    of->y += from * width;
    of->hiddens += from * width;
    of->cells += from * hidden;
    of->gates += from * strand->gates * hidden;
    plain_forward(&rest, s->net);
}

/* That step is the only bad one: what follows is right, seen from it. The oracle's own trajectory
 * would be off ever after. */
START_TEST(steps_after_a_jump_are_fine) {
    static const int shown[] = {SHOW_HIDDENS, SHOW_ALL, SHOW_CELLS, SHOW_Y};
    for (int in_c = 0; in_c < 2; in_c++) {
        const struct net_kind kind = kind_of(_i, JUMP_INPUTS, JUMP_HIDDEN);
        random_state = (uint64_t)(3100 + _i);
        struct sample s = sample_of(random_net(&kind, 1), JUMP_STEPS, 1, 0);
        const struct strand *strand = &s.net->strands[0];
        plain_forward(&s, s.net);
        if (!in_c || strand->states == 2) {
            jump(&s, in_c);
        }
        for (int i = 0; i < (in_c ? 2 : 4); i++) { /* c is to be seen, or carried from the start */
            const clrnn_forward_args args =
                args_showing(&s, in_c ? SHOW_CELLS | shown[i] : shown[i]);
            const clrnn_judgement j = judge_args(s.net, &s, &args);
            const int size = !in_c ? strand->width : strand->states == 2 ? strand->hidden : 0;
            ck_assert_msg(j.bad == size && (size == 0 || j.step == JUMP_AT),
                          "jump in %s, shown %d: %d of %d bad, ratio %g of %s at %d",
                          in_c ? "c" : "h", shown[i], (int)j.bad, size, j.ratio, j.what,
                          (int)j.step);
            ck_assert_str_eq(j.what, size == 0 ? j.what : in_c ? "c" : shown[i] & 1 ? "h" : "y");
        }
        free_sample(&s);
    }
}
END_TEST

/* ---- NaN, infinity, padding ------------------------------------------------------------------ */

START_TEST(nan_and_infinity) {
    struct sample s = small_sample(_i);
    const struct sample_layer *top = &s.of[s.net->desc.num_layers - 1];
    const size_t outputs =
        (size_t)clrnn_layer_outputs(&s.net->desc.layers[s.net->desc.num_layers - 1]);
    const clrnn_forward_args args = args_showing(&s, SHOW_CELLS);
    float *x = s.x + at(&s, 1, 0) * 5;
    x[2] = NAN;
    plain_forward(&s, s.net);
    ck_assert_int_eq(judge(s.net, &s).bad, 0);
    /* a finite value where NaN is right, NaN and infinity where a finite value is right */
    float *nan_y = top->y + at(&s, 1, 0) * outputs + 3;
    const float kept = *nan_y;
    ck_assert(isnan(kept));
    *nan_y = 0.25f;
    ck_assert_int_gt(judge_args(s.net, &s, &args).bad, 0);
    *nan_y = kept;
    float *finite_y = top->y + at(&s, 2, 3) * outputs + 3;
    *finite_y = NAN;
    clrnn_judgement j = judge_args(s.net, &s, &args);
    ck_assert(j.bad > 0 && isinf(j.ratio) && isnan(j.residual));
    ck_assert(j.step == 2 && j.row == 3 && j.unit == 3);
    ck_assert_int_eq(j.layer, s.net->desc.num_layers - 1);
    *finite_y = -INFINITY;
    ck_assert_int_gt(judge_args(s.net, &s, &args).bad, 0);
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
    s.of[0].h_0[0] = 1e-40f;
    plain_forward(&s, s.net);
    ck_assert_int_eq(judge(s.net, &s).bad, 0);
    free_sample(&s);
}
END_TEST

/* A place that must be exact. */
struct exact {
    float *value;
    const char *what;
    int step, row, unit;
};

/* Changed by one bit or to NaN it is the only bad value, and found where it stands. */
static void hold_exact(struct sample *s, const clrnn_forward_args *args, const struct exact *e) {
    const float kept = *e->value;
    *e->value = nextafterf(kept, 2);
    clrnn_judgement j = judge_args(s->net, s, args);
    ck_assert_msg(j.bad == 1 && isinf(j.ratio) && j.bound == 0, "%s: bad %d ratio %g", e->what,
                  (int)j.bad, j.ratio);
    ck_assert_str_eq(j.what, e->what);
    ck_assert_msg(j.step == e->step && j.row == e->row && j.unit == e->unit && j.layer == 0,
                  "%s: found at %d %d %d of layer %d", e->what, (int)j.step, (int)j.row,
                  (int)j.unit, j.layer);
    *e->value = NAN;
    ck_assert_int_eq(judge_args(s->net, s, args).bad, 1);
    *e->value = kept;
}

/* Each place that must be exact, one after the other. */
START_TEST(padding_and_final_states) {
    struct sample s = small_sample(_i);
    const clrnn_layer_desc *desc = &s.net->desc.layers[0];
    const size_t width = (size_t)clrnn_layer_width(desc), hidden = (size_t)desc->hidden;
    const int lstm = desc->cell == CLRNN_CELL_LSTM;
    const int last = desc->direction == CLRNN_DIRECTION_REVERSE ? 0 : 3;
    const size_t all_gates = (size_t)clrnn_layer_gates(desc) * hidden;
    const struct sample_layer *of = &s.of[0];
    clrnn_forward_args args = args_showing(&s, SHOW_CELLS);
    s.x[at(&s, 4, 3) * 5] = NAN; /* past the length of row 3: changes nothing */
    clrnn_judgement j = judge_args(s.net, &s, &args);
    ck_assert_int_eq(j.bad, 0);
    /* y, h_n, o_n; cells, c_n; gates */
    ck_assert_int_eq(j.checked, (6 * 4 + 2 * 4) * (int)width + lstm * (6 * 4 + 4) * (int)hidden +
                                    6 * 4 * (int)all_gates);
    const struct exact places[] = {
        {of->y + at(&s, 4, 3) * width + 2, "padding", 4, 3, 2},
        {of->h_n + 3 * width + 2, "h_n", last, 3, 2},
        {of->h_n + 1 * width + 2, "h_n", 0, 1, 2}, /* length 0: h_0 */
        {of->o_n + 3 * width + 2, "o_n", last, 3, 2},
        {of->o_n + 1 * width + 2, "o_n", 0, 1, 2}, /* length 0: o_0 */
        {of->gates + at(&s, 4, 3) * all_gates + all_gates - 1, "padding", 4, 3, (int)all_gates - 1},
        {of->gates + at(&s, 0, 1) * all_gates, "padding", 0, 1, 0},
        {of->cells + at(&s, 5, 2) * hidden + 5, "padding", 5, 2, 5},
        {of->c_n + 3 * hidden + 5, "c_n", last, 3, 5},
        {of->c_n + 1 * hidden + 5, "c_n", 0, 1, 5},
    };
    for (int i = 0; i < (lstm ? 10 : 7); i++) {
        hold_exact(&s, &args, &places[i]);
    }
    args = args_of(&s); /* hiddens too */
    const struct exact more[] = {
        {of->hiddens + at(&s, 4, 3) * width + 2, "padding", 4, 3, 2},
        {of->h_n + 3 * width + 2, "h_n", last, 3, 2},
        {of->y + at(&s, 1, 3) * width + 2, "y", 1, 3, 2}, /* hiddens say what it is */
    };
    for (int i = 0; i < 3; i++) {
        hold_exact(&s, &args, &more[i]);
    }
    if (lstm) { /* c_n without cells: within the carried bound, and wrong */
        args = args_showing(&s, SHOW_Y);
        ck_assert_int_eq(judge_args(s.net, &s, &args).bad, 0);
        of->c_n[3 * hidden + 5] += 1e-4f;
        j = judge_args(s.net, &s, &args);
        ck_assert_int_eq(j.bad, 1);
        ck_assert_str_eq(j.what, "c_n");
    }
    free_sample(&s);
}
END_TEST

/* Row 1 takes no step: o_n is its o_0, or 0 without one, and never h_0, a mask or none. */
START_TEST(empty_rows_keep_their_state) {
    for (int i = 0; i < 4; i++) {
        struct sample s = small_sample(_i);
        const int width = clrnn_layer_width(&s.net->desc.layers[0]), with_o = i % 2;
        struct sample_layer *of = &s.of[0];
        lay_sample(&s, i / 2 ? MASKED : DENSE);
        if (!with_o) {
            free(of->o_0);
            of->o_0 = NULL;
        }
        plain_forward(&s, s.net);
        for (int unit = 0; unit < width; unit++) {
            ck_assert(of->o_n[width + unit] == (with_o ? of->o_0[width + unit] : 0));
        }
        ck_assert_int_eq(judge(s.net, &s).bad, 0);
        memcpy(of->o_n + width, of->h_0 + width, (size_t)width * sizeof(float));
        const clrnn_judgement j = judge(s.net, &s);
        ck_assert_int_eq(j.bad, width);
        ck_assert_str_eq(j.what, "o_n");
        ck_assert(isinf(j.ratio) && j.bound == 0 && j.row == 1 && j.step == 0);
        free_sample(&s);
    }
}
END_TEST

/* Under a mask: row 0 has holes, row 2 is masked throughout, row 3 begins and ends masked. */
START_TEST(masked_steps_are_exact) {
    random_state = (uint64_t)(1700 + _i);
    const struct net_kind kind = kind_of(_i, 5, 9);
    struct sample s = sample_of(random_net(&kind, 1), 6, 4, 1);
    const clrnn_layer_desc *desc = &s.net->desc.layers[0];
    const struct sample_layer *of = &s.of[0];
    const size_t width = (size_t)clrnn_layer_width(desc), hidden = (size_t)desc->hidden;
    const size_t all_gates = (size_t)clrnn_layer_gates(desc) * hidden;
    lay_sample(&s, MASKED);
    s.lengths[2] = s.lengths[3] = 6;
    for (int n = 0; n < 4; n++) {
        for (int t = 0; t < 6; t++) { /* what x holds there never matters */
            s.x[at(&s, t, n) * 5 + 1] = is_masked(&s, t, n) ? NAN : s.x[at(&s, t, n) * 5 + 1];
        }
    }
    plain_forward(&s, s.net);
    ck_assert_int_eq(judge(s.net, &s).bad, 0);
    clrnn_forward_args args = args_showing(&s, SHOW_CELLS);
    const struct exact places[] = {
        {of->y + at(&s, 3, 0) * width + 2, "masked", 3, 0, 2},
        {of->y + at(&s, 5, 2) * width + 2, "masked", 5, 2, 2},
        {of->y + at(&s, 0, 3) * width + 2, "masked", 0, 3, 2},
        {of->y + at(&s, 5, 3) * width + 2, "masked", 5, 3, 2},
        {of->gates + at(&s, 3, 0) * all_gates + all_gates - 1, "masked", 3, 0, (int)all_gates - 1},
        {of->gates + at(&s, 5, 2) * all_gates, "masked", 5, 2, 0},
        {of->cells + at(&s, 3, 0) * hidden + 5, "masked", 3, 0, 5},
        {of->cells + at(&s, 1, 2) * hidden + 5, "masked", 1, 2, 5},
    };
    for (int i = 0; i < (desc->cell == CLRNN_CELL_LSTM ? 8 : 6); i++) {
        ck_assert(is_masked(&s, places[i].step, places[i].row));
        hold_exact(&s, &args, &places[i]);
    }
    args = args_of(&s);
    const struct exact more[] = {
        {of->hiddens + at(&s, 3, 0) * width + 2, "masked", 3, 0, 2},
        {of->hiddens + at(&s, 1, 2) * width + 2, "masked", 1, 2, 2},
    };
    for (int i = 0; i < 2; i++) {
        hold_exact(&s, &args, &more[i]);
    }
    free_sample(&s);
}
END_TEST

/* Both directions give 0 there, so that their product is nothing else, not even a denormal. */
START_TEST(masked_merges_are_zero) {
    const struct net_kind kind = kind_of(SINGLES + 2, 5, 9);
    random_state = 1800;
    struct sample s = sample_of(random_net(&kind, 1), 6, 4, 1);
    lay_sample(&s, MASKED);
    plain_forward(&s, s.net);
    ck_assert_int_eq(judge(s.net, &s).bad, 0);
    ck_assert(is_masked(&s, 3, 0) && kind.layers[0].zero_masked);
    s.of[0].y[at(&s, 3, 0) * 9 + 2] = 1e-40f;
    const clrnn_judgement j = judge(s.net, &s);
    ck_assert_int_eq(j.bad, 1);
    ck_assert_str_eq(j.what, "masked");
    ck_assert(isinf(j.ratio) && j.step == 3 && j.row == 0 && j.unit == 2);
    free_sample(&s);
}
END_TEST

/* The place of the worst value, where layers and directions are many. */
START_TEST(places_in_stacks) {
    struct sample s = small_sample(SINGLES + 5); /* rnn; gru-before, sum of both; lstm, both */
    const size_t width = (size_t)clrnn_layer_width(&s.net->desc.layers[2]);
    float *hiddens = s.of[1].hiddens + at(&s, 2, 3) * 20; /* [D][10], length 4 */
    hiddens[10 + 7] += 0.5f;
    clrnn_judgement j = judge(s.net, &s);
    ck_assert_msg(j.layer == 1 && j.row == 3, "%s layer %d row %d", j.what, j.layer, (int)j.row);
    hiddens[10 + 7] -= 0.5f;
    s.of[2].y[at(&s, 5, 1) * 2 * width + width + 3] = 1; /* padding of a row of length 0 */
    j = judge(s.net, &s);
    ck_assert_int_eq(j.bad, 1);
    ck_assert_str_eq(j.what, "padding");
    ck_assert(j.layer == 2 && j.direction == 1 && j.step == 5 && j.row == 1 && j.unit == 3);
    s.of[2].y[at(&s, 5, 1) * 2 * width + width + 3] = 0;
    s.of[1].h_n[(4 + 3) * 10 + 6] = 2; /* of the reverse direction: its last step is time 0 */
    j = judge(s.net, &s);
    ck_assert_int_eq(j.bad, 1);
    ck_assert_str_eq(j.what, "h_n");
    ck_assert(j.layer == 1 && j.direction == 1 && j.step == 0 && j.row == 3 && j.unit == 6);
    free_sample(&s);
}
END_TEST

/* What is over its bound is bad, however little; what is not, is not. */
START_TEST(a_little_too_much_is_bad) {
    struct sample s = small_sample(0);
    const clrnn_forward_args args = args_showing(&s, SHOW_Y);
    float *y = s.of[0].y + at(&s, 2, 0) * 9 + 3;
    clrnn_judgement j;
    do {
        *y = nextafterf(*y, 2);
        j = judge_args(s.net, &s, &args);
        ck_assert_int_eq(j.bad, j.ratio > 1);
    } while (j.ratio <= 1);
    ck_assert(j.ratio < 1.5);
    free_sample(&s);
}
END_TEST

TCase *judge_exact_case(void) {
    TCase *exact = tcase_create("exact");
    tcase_add_test(exact, a_little_too_much_is_bad);
    tcase_set_timeout(exact, 240);
    tcase_add_loop_test(exact, each_value_counts, 0, KINDS);
    tcase_add_loop_test(exact, hiddens_are_found, 0, KINDS);
    tcase_add_loop_test(exact, gates_are_found, 0, KINDS);
    tcase_add_loop_test(exact, steps_after_a_jump_are_fine, 0, SINGLES);
    tcase_add_loop_test(exact, nan_and_infinity, 0, KINDS);
    tcase_add_loop_test(exact, padding_and_final_states, 0, SINGLES);
    tcase_add_loop_test(exact, empty_rows_keep_their_state, 0, SINGLES);
    tcase_add_loop_test(exact, masked_steps_are_exact, 0, SINGLES);
    tcase_add_test(exact, masked_merges_are_zero);
    tcase_add_test(exact, places_in_stacks);
    return exact;
}
