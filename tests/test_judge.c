/*
 * test_judge.c: clrnn_judge against a plain float32 evaluation, right and wrong.
 *
 * The one idea: the judge must pass whatever float32 may give, and fail everything else. So a plain
 * evaluation by sequential sums and the C library has to pass on nets of every kind and gain, and
 * the same net with one weight a little off, or any usual mistake, has to fail.
 */
#include "core/net.h"
#include "nets.h"
#include "suites.h"

#include <check.h>
#include <math.h>
#include <string.h>

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

/* ---- each weight counts ---------------------------------------------------------------------- */

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

Suite *judge_suite(void) {
    Suite *suite = suite_create("judge");
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
