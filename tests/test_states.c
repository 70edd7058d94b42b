/*
 * test_states.c: where h and c lie between calls, and where x and y lie: states and their slots,
 * device buffers, the user's own queue, events and work space.
 */
#include "memory.h"
#include "suites.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static clrnn_plan *make_plan(const struct test_case *test, clrnn_context *context,
                             const char *algorithm) {
    const clrnn_plan_desc desc = test_plan_desc(test, algorithm);
    return test_plan(test, context, &desc);
}

static clrnn_state *make_state(const struct test_case *test, clrnn_context *context, int slots) {
    clrnn_state *state = NULL;
    ok(clrnn_state_create(&state, context, test->net, slots));
    return state;
}

static clrnn_tensor state_tensor(const struct test_case *test, float *values, int slots) {
    return test_tensor(values, CLRNN_DTYPE_F32, 2, slots, test->problem.hidden, 0);
}

/* Writes h_0 and c_0 of the case into a state, or checks that a state holds h_n and c_n. */
static void write_start(clrnn_state *state, const struct test_case *test) {
    const clrnn_tensor h = state_tensor(test, test->h_0, test->problem.batch);
    const clrnn_tensor c =
        test_tensor(test->c_0, CLRNN_DTYPE_F32, 3, 1, test->problem.batch, test->problem.hidden);
    ok(clrnn_state_write(state, 0, &h, test->problem.cell == CLRNN_CELL_LSTM ? &c : NULL, NULL));
}

/* Without a mask the last output is the last h; a row that had no step keeps what was there. */
static void check_end(const clrnn_state *state, const struct test_case *test,
                      const struct test_outcome *whole, const char *where) {
    const struct test_problem *p = &test->problem;
    struct test_outcome end;
    test_result_make(&end, test);
    clrnn_tensor h = state_tensor(test, end.h_n, p->batch);
    clrnn_tensor c = state_tensor(test, end.c_n, p->batch);
    ok(clrnn_state_read(state, 0, &h, p->cell == CLRNN_CELL_LSTM ? &c : NULL, NULL));
    for (int n = 0; n < p->batch; n++) {
        test_same_final(test, whole, n, &end, n, where);
    }
    ok(clrnn_state_read(state, 0, NULL, NULL, &h));
    for (int n = 0; n < p->batch; n++) {
        if (test->lengths[n] > 0) {
            ck_assert_mem_eq(end.h_n + n * p->hidden, whole->h_n + n * p->hidden,
                             (size_t)p->hidden * sizeof(float));
        }
    }
    test_result_free(&end);
}

/* ---- time cut into pieces, the state carried on the device ----------------------------------- */

/* Steps `first` .. of the case through a state, without h_0, h_n. */
static void run_piece(clrnn_plan *plan, clrnn_state *state, const struct test_case *test,
                      const struct test_outcome *whole, int first, int count, const char *where) {
    const struct test_problem *p = &test->problem;
    struct test_case *piece = test_case_like(test, count, p->batch);
    struct test_outcome result;
    test_result_make(&result, piece);
    for (int n = 0; n < p->batch; n++) {
        const int rest = test->lengths[n] - first;
        piece->lengths[n] = rest < 0 ? 0 : rest < count ? rest : count;
        test_copy_row(piece, 0, n, test, first, n, count);
    }
    clrnn_forward_args args = test_args(piece, &result);
    args.state = state;
    args.h_0 = args.c_0 = args.h_n = args.c_n = (clrnn_tensor){0};
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    for (int n = 0; n < p->batch; n++) {
        test_same_steps(test, whole, first, n, piece, &result, 0, n, count, where);
    }
    test_result_free(&result);
    test_case_free(piece);
}

/* A reverse layer's state has come to its end: a piece before it goes on only from a state that was
 * written anew. */
static void take_up(clrnn_plan *plan, clrnn_state *state, const struct test_case *test) {
    struct test_outcome end;
    test_result_make(&end, test);
    clrnn_tensor h = state_tensor(test, end.h_n, test->problem.batch);
    clrnn_tensor c = state_tensor(test, end.c_n, test->problem.batch);
    clrnn_tensor *const c_or_not = test->problem.cell == CLRNN_CELL_LSTM ? &c : NULL;
    clrnn_forward_args args = test_args(test, &end);
    args.state = state;
    fails(clrnn_forward(plan, &args, 0, NULL, NULL), ARGUMENT,
          "slot 0 of row 0 ended with a reverse direction: reset it");
    ok(clrnn_state_read(state, 0, &h, c_or_not, NULL));
    ok(clrnn_state_write(state, 0, &h, c_or_not, NULL));
    test_result_free(&end);
}

static void chunked(const struct test_case *test, const struct test_outcome *whole,
                    clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    const int sizes[] = {1, 3, p->steps};
    clrnn_plan *plan = make_plan(test, context, algorithm);
    clrnn_state *state = make_state(test, context, p->batch);
    for (int i = 0; i < 3; i++) {
        write_start(state, test);
        for (int done = 0; done < p->steps; done += sizes[i]) {
            const int rest = p->steps - done, count = rest < sizes[i] ? rest : sizes[i];
            const int reverse = p->direction == CLRNN_DIRECTION_REVERSE;
            if (reverse && done > 0) {
                take_up(plan, state, test);
            }
            /* a reverse layer takes the pieces from the end */
            run_piece(plan, state, test, whole, reverse ? rest - count : done, count, where);
        }
        check_end(state, test, whole, where);
    }
    clrnn_state_free(state);
    clrnn_plan_free(plan);
}

START_TEST(time_cut_with_a_state) {
    struct test_problem problems[] = {test_cell_problem(_i, 8, 3, 5, 19, 200),
                                      test_cell_problem(_i, 5, 5, 5, 67, 200),
                                      test_cell_problem(_i, 7, 5, 5, 19, 200)};
    problems[1].direction = CLRNN_DIRECTION_REVERSE;
    problems[2].lengths = LENGTHS_RAGGED;
    test_hold(chunked, problems, 3);
}
END_TEST

/* One step a call. 10^5 calls, where a step's launch does not dominate, are for the long tests. */
static void single_steps(const struct test_case *test, const struct test_outcome *whole,
                         clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    const size_t hidden = (size_t)p->hidden;
    struct test_case *one = test_case_like(test, 1, 1);
    clrnn_plan *plan = make_plan(one, context, algorithm);
    clrnn_state *state = make_state(one, context, 1);
    struct test_outcome result;
    test_result_make(&result, one);
    write_start(state, test);
    clrnn_forward_args args = test_args(one, &result);
    args.state = state;
    args.h_0 = args.c_0 = args.h_n = args.c_n = (clrnn_tensor){0};
    args.hiddens = args.cells = args.gates = (clrnn_tensor){0};
    for (int t = 0; t < p->steps; t++) {
        size_t at = 0;
        memcpy(one->x, test->x + t * p->inputs, (size_t)p->inputs * sizeof(float));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        ck_assert_msg(test_same_bits(whole->y + (size_t)t * hidden, result.y, hidden, &at),
                      "%s: %s: step %d differs at %zu", test->text, where, t, at);
    }
    check_end(state, test, whole, where);
    test_result_free(&result);
    clrnn_state_free(state);
    clrnn_plan_free(plan);
    test_case_free(one);
}

START_TEST(steps_one_by_one) {
    const int steps = getenv("CLRNN_LONG") != NULL ? 100000 : 2000;
    const struct test_problem problem = test_cell_problem(_i, steps, 1, 5, 7, 200);
    test_hold(single_steps, &problem, 1);
}
END_TEST

/* ---- slots ----------------------------------------------------------------------------------- */

enum { STREAMS = 5, CALLS = 6 };

/* Which streams take part in a call, in which order, and for how many steps: rows join and leave.
 */
static const struct {
    int steps, rows;
    int32_t slots[STREAMS];
} calls[CALLS] = {
    {2, 3, {3, 0, 4}}, {1, 2, {4, 1}},       {3, 5, {4, 2, 0, 3, 1}},
    {1, 1, {2}},       {2, 4, {1, 3, 0, 2}}, {1, 5, {0, 1, 2, 3, 4}},
};

/* Stream s is row s of the case; each takes its next steps whenever it is called. */
static void pooled(const struct test_case *test, const struct test_outcome *whole,
                   clrnn_context *context, const char *algorithm, const char *where) {
    clrnn_plan *plan = make_plan(test, context, algorithm);
    clrnn_state *state = make_state(test, context, STREAMS);
    int done[STREAMS] = {0};
    write_start(state, test);
    for (int i = 0; i < CALLS; i++) {
        struct test_case *call = test_case_like(test, calls[i].steps, calls[i].rows);
        struct test_outcome result;
        test_result_make(&result, call);
        for (int row = 0; row < calls[i].rows; row++) {
            const int stream = calls[i].slots[row];
            test_copy_row(call, 0, row, test, done[stream], stream, calls[i].steps);
        }
        clrnn_forward_args args = test_args(call, &result);
        args.state = state;
        args.slots = calls[i].slots;
        args.h_0 = args.c_0 = (clrnn_tensor){0};
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        for (int row = 0; row < calls[i].rows; row++) {
            const int stream = calls[i].slots[row];
            test_same_steps(test, whole, done[stream], stream, call, &result, 0, row,
                            calls[i].steps, where);
            done[stream] += calls[i].steps;
            if (done[stream] == test->problem.steps) {
                test_same_final(test, whole, stream, &result, row, where);
            }
        }
        test_result_free(&result);
        test_case_free(call);
    }
    clrnn_state_free(state);
    clrnn_plan_free(plan);
}

START_TEST(rows_join_and_leave) {
    const struct test_problem problem = test_cell_problem(_i, 9, STREAMS, 5, 19, 200);
    test_hold(pooled, &problem, 1);
}
END_TEST

/* h_0 and c_0 replace the state of the rows that take part, and of no other slot; reset clears one
 * slot; a refused call leaves the state as it was. */
static void slots_apart(const struct test_case *test, const struct test_outcome *whole,
                        clrnn_context *context, const char *algorithm, const char *where) {
    const struct test_problem *p = &test->problem;
    const size_t hidden = (size_t)p->hidden;
    const int lstm = p->cell == CLRNN_CELL_LSTM;
    const int32_t slots[] = {4, 0, 2}, twice[] = {1, 3, 1}, outside[] = {0, 5, 1};
    float *filled = malloc(2 * 5 * hidden * sizeof *filled),
          *got = malloc(2 * 5 * hidden * sizeof *got);
    clrnn_plan *plan = make_plan(test, context, algorithm);
    clrnn_state *state = make_state(test, context, 5);
    struct test_outcome result;
    test_result_make(&result, test);
    for (size_t i = 0; i < 2 * 5 * hidden; i++) {
        filled[i] = 0.5f + (float)i;
    }
    const clrnn_tensor h = state_tensor(test, filled, 5);
    const clrnn_tensor c = state_tensor(test, filled + 5 * hidden, 5);
    clrnn_tensor h_got = state_tensor(test, got, 5);
    clrnn_tensor c_got = state_tensor(test, got + 5 * hidden, 5);
    ok(clrnn_state_write(state, 0, &h, lstm ? &c : NULL, NULL));

    clrnn_forward_args args = test_args(test, &result);
    args.state = state;
    args.slots = twice;
    fails(clrnn_forward(plan, &args, 0, NULL, NULL), ARGUMENT,
          "forward: row 2 has slot 1, which an earlier row has too");
    args.slots = outside;
    fails(clrnn_forward(plan, &args, 0, NULL, NULL), ARGUMENT,
          "forward: slot of row 1 must be 0 to 4, got 5");
    ok(clrnn_state_read(state, 0, &h_got, lstm ? &c_got : NULL, NULL));
    ck_assert_mem_eq(got, filled, (lstm ? 2u : 1u) * 5 * hidden * sizeof *got);

    args.slots = slots;
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    test_same(test, whole, &result, where);
    ok(clrnn_state_reset(state, 1));
    ok(clrnn_state_read(state, 0, &h_got, lstm ? &c_got : NULL, NULL));
    for (int array = 0; array <= lstm; array++) {
        const float *from = got + (size_t)array * 5 * hidden;
        const float *final = array ? whole->c_n : whole->h_n;
        for (size_t row = 0; row < 3; row++) {
            ck_assert_mem_eq(from + (size_t)slots[row] * hidden, final + row * hidden,
                             hidden * sizeof *got);
        }
        for (size_t u = 0; u < hidden; u++) {
            ck_assert_msg(from[hidden + u] == 0.0f, "%s: slot 1 was not reset", test->text);
        }
        ck_assert_mem_eq(from + 3 * hidden, filled + ((size_t)array * 5 + 3) * hidden,
                         hidden * sizeof *got);
    }
    ok(clrnn_state_reset(state, -1));
    ok(clrnn_state_read(state, 0, &h_got, lstm ? &c_got : NULL, NULL));
    for (size_t i = 0; i < (lstm ? 2u : 1u) * 5 * hidden; i++) {
        ck_assert_msg(got[i] == 0.0f, "%s: slot %zu was not reset", test->text, i / hidden % 5);
    }
    test_result_free(&result);
    clrnn_state_free(state);
    clrnn_plan_free(plan);
    free(filled);
    free(got);
}

START_TEST(slots_stay_apart) {
    const struct test_problem problem = test_cell_problem(_i, 4, 3, 5, 19, 200);
    test_hold(slots_apart, &problem, 1);
}
END_TEST

/* ---- the end of a reverse direction ---------------------------------------------------------- */

/* The first rows of the case in these slots. */
static clrnn_status run_rows(clrnn_plan *plan, clrnn_state *state, const struct test_case *test,
                             int rows, const int32_t *slots) {
    struct test_case *some = test_case_like(test, test->problem.steps, rows);
    struct test_outcome result;
    test_result_make(&result, some);
    clrnn_forward_args args = test_args(some, &result);
    args.state = state;
    args.slots = slots;
    const clrnn_status status = clrnn_forward(plan, &args, 0, NULL, NULL);
    test_result_free(&result);
    test_case_free(some);
    return status;
}

/* A slot that a reverse direction went through is refused until it is reset or written, and a refused
 * call changes nothing. */
static void spent(const struct test_case *test, const struct test_outcome *whole,
                  clrnn_context *context, const char *algorithm, const char *where) {
    const size_t count = 5 * (size_t)test->problem.hidden;
    const int32_t first[] = {4, 0, 2}, mixed[] = {1, 3, 0}, others[] = {1, 3}, second = 4;
    float *before = malloc(count * sizeof *before), *after = malloc(count * sizeof *after);
    clrnn_tensor h_before = state_tensor(test, before, 5), h_after = state_tensor(test, after, 5);
    clrnn_plan *plan = make_plan(test, context, algorithm);
    clrnn_state *state = make_state(test, context, 5);
    size_t at = 0;
    (void)whole;
    ok(run_rows(plan, state, test, 3, first));
    ok(clrnn_state_read(state, 0, &h_before, NULL, NULL));
    fails(run_rows(plan, state, test, 3, first), ARGUMENT, "slot 4 of row 0 ended with a reverse");
    fails(run_rows(plan, state, test, 3, mixed), ARGUMENT, "slot 0 of row 2 ended with a reverse");
    ok(clrnn_state_read(state, 0, &h_after, NULL, NULL));
    ck_assert_msg(test_same_bits(before, after, count, &at),
                  "%s: %s: a refused call changed h[%zu]", test->text, where, at);
    ok(run_rows(plan, state, test, 2, others));
    ok(clrnn_state_reset(state, 4));
    ok(run_rows(plan, state, test, 1, &second));
    fails(run_rows(plan, state, test, 1, &second), ARGUMENT, "slot 4 of row 0");
    ok(clrnn_state_write(state, 0, &h_before, NULL, NULL));
    if (test->problem.cell == CLRNN_CELL_LSTM) { /* half of it is what the direction left */
        fails(run_rows(plan, state, test, 3, mixed), ARGUMENT, "slot 1 of row 0 ended");
        ok(clrnn_state_write(state, 0, NULL, &h_before, NULL));
    }
    ok(run_rows(plan, state, test, 3, mixed));
    fails(run_rows(plan, state, test, 2, others), ARGUMENT, "slot 1 of row 0");
    ok(clrnn_state_reset(state, -1));
    ok(run_rows(plan, state, test, 3, mixed));
    clrnn_state_free(state);
    clrnn_plan_free(plan);
    free(before);
    free(after);
}

START_TEST(reverse_ends_a_state) {
    struct test_problem problem = test_cell_problem(_i, 3, 3, 2, 5, 210);
    problem.direction = CLRNN_DIRECTION_REVERSE;
    test_hold(spent, &problem, 1);
}
END_TEST

/* One reverse direction anywhere in a stack is enough; a plan's own state never ends. */
START_TEST(bidirectional_ends_a_state) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    const clrnn_layer_desc layers[] = {{.hidden = 3},
                                       {.hidden = 2, .direction = CLRNN_DIRECTION_BIDIRECTIONAL}};
    const clrnn_net_desc desc = {.inputs = 2, .num_layers = 2, .layers = layers};
    const clrnn_plan_desc size = {.steps = 4, .batch = 1};
    uint64_t seed = 1;
    float x[4][1][2], y[4][1][4], zeros[4] = {0};
    const clrnn_tensor below = test_tensor(zeros, CLRNN_DTYPE_F32, 2, 1, 3, 0);
    const clrnn_tensor above = test_tensor(zeros, CLRNN_DTYPE_F32, 3, 2, 1, 2);
    clrnn_net *net = NULL;
    ok(clrnn_net_create(&net, &desc));
    test_fill_net(net, 0.7, &seed);
    for (int i = 0; i < 8; i++) {
        x[i / 2][0][i % 2] = test_uniform(&seed, 1.0);
    }
    for (size_t place = 0; place < count; place++) {
        clrnn_plan *plan = NULL;
        clrnn_state *state = NULL;
        clrnn_forward_args args = {.x = test_tensor(x, CLRNN_DTYPE_F32, 3, 4, 1, 2),
                                   .y = test_tensor(y, CLRNN_DTYPE_F32, 3, 4, 1, 4)};
        ok(clrnn_plan_create(&plan, places[place].context, net, &size));
        ok(clrnn_state_create(&state, places[place].context, net, 1));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        args.state = state;
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        fails(clrnn_forward(plan, &args, 0, NULL, NULL), ARGUMENT,
              "ended with a reverse direction");
        ok(clrnn_state_reset(state, 0));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        /* the layer with that direction is the one that must be written */
        ok(clrnn_state_write(state, 0, &below, NULL, NULL));
        fails(clrnn_forward(plan, &args, 0, NULL, NULL), ARGUMENT,
              "ended with a reverse direction");
        ok(clrnn_state_write(state, 1, &above, NULL, NULL));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        clrnn_state_free(state);
        clrnn_plan_free(plan);
    }
    clrnn_net_free(net);
    test_places_free(places, count);
}
END_TEST

/* ---- last outputs ---------------------------------------------------------------------------- */

/* A masked step gives 0 or the output before and keeps h: a state has both. */
static void hold_last_outputs(clrnn_context *context, int zero_masked) {
    enum { HIDDEN = 3 };
    const clrnn_layer_desc layer = {.hidden = HIDDEN, .zero_masked = zero_masked};
    clrnn_net *net = test_net(&(clrnn_net_desc){.inputs = 1, .layer = layer}, 7, 0.7);
    clrnn_plan *plan = NULL;
    clrnn_state *state = NULL;
    uint8_t mask[2] = {1, 0};
    float x[2] = {0.5f, 1}, y[2][HIDDEN], h[HIDDEN], o[HIDDEN], other[HIDDEN] = {0.25f, -0.5f, 2};
    clrnn_tensor h_of = test_tensor(h, CLRNN_DTYPE_F32, 2, 1, HIDDEN, 0);
    clrnn_tensor o_of = test_tensor(o, CLRNN_DTYPE_F32, 2, 1, HIDDEN, 0);
    const clrnn_tensor other_of = test_tensor(other, CLRNN_DTYPE_F32, 2, 1, HIDDEN, 0);
    ok(clrnn_plan_create(&plan, context, net, &(clrnn_plan_desc){.steps = 2, .batch = 1}));
    ok(clrnn_state_create(&state, context, net, 1));
    clrnn_forward_args args = {.state = state,
                               .x = test_tensor(x, CLRNN_DTYPE_F32, 3, 2, 1, 1),
                               .y = test_tensor(y, CLRNN_DTYPE_F32, 3, 2, 1, HIDDEN),
                               .mask = test_tensor(mask, CLRNN_DTYPE_BOOL, 2, 1, 2, 0)};
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    ok(clrnn_state_read(state, 0, &h_of, NULL, &o_of));
    ck_assert_mem_eq(h, y[0], sizeof h);
    ck_assert_mem_eq(o, y[1], sizeof o);
    ck_assert(zero_masked ? o[0] == 0 : o[0] == h[0]);
    /* written alone, h stays */
    ok(clrnn_state_write(state, 0, NULL, NULL, &other_of));
    mask[0] = 0;
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    for (int u = 0; u < HIDDEN; u++) {
        ck_assert(y[0][u] == (zero_masked ? 0 : other[u]));
    }
    ok(clrnn_state_read(state, 0, &h_of, NULL, &o_of));
    ck_assert(h[0] != other[0] && o[0] == y[1][0]);
    clrnn_state_free(state);
    clrnn_plan_free(plan);
    clrnn_net_free(net);
}

/* A row without steps ends where it starts, a mask or none: y is h_0, and h and o stay. */
static void hold_no_steps(clrnn_context *context, int masked) {
    enum { HIDDEN = 3 };
    const clrnn_layer_desc layer = {.hidden = HIDDEN};
    clrnn_net *net = test_net(&(clrnn_net_desc){.inputs = 1, .layer = layer}, 7, 0.7);
    clrnn_plan *plan = NULL;
    uint8_t mask[2] = {1, 1};
    int32_t length = 0;
    float x[2] = {0.5f, 1}, y[HIDDEN], h_n[HIDDEN], o_n[HIDDEN];
    float h_0[HIDDEN] = {0.25f, -0.5f, 2}, o_0[HIDDEN] = {1, 2, 3};
    clrnn_layer_arrays arrays = {.h_0 = test_tensor(h_0, CLRNN_DTYPE_F32, 2, 1, HIDDEN, 0),
                                 .h_n = test_tensor(h_n, CLRNN_DTYPE_F32, 2, 1, HIDDEN, 0),
                                 .o_n = test_tensor(o_n, CLRNN_DTYPE_F32, 2, 1, HIDDEN, 0)};
    clrnn_forward_args args = {.x = test_tensor(x, CLRNN_DTYPE_F32, 3, 2, 1, 1),
                               .y = test_tensor(y, CLRNN_DTYPE_F32, 2, 1, HIDDEN, 0),
                               .lengths = test_tensor(&length, CLRNN_DTYPE_I32, 1, 1, 0, 0),
                               .layers = &arrays};
    ok(clrnn_plan_create(&plan, context, net, &(clrnn_plan_desc){.steps = 2, .batch = 1}));
    if (masked) {
        args.mask = test_tensor(mask, CLRNN_DTYPE_BOOL, 2, 1, 2, 0);
    }
    for (int with_o = 1; with_o >= 0; with_o--) { /* then without, where another one was before */
        arrays.o_0 =
            with_o ? test_tensor(o_0, CLRNN_DTYPE_F32, 2, 1, HIDDEN, 0) : (clrnn_tensor){0};
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        ck_assert_mem_eq(y, h_0, sizeof y);
        ck_assert_mem_eq(h_n, h_0, sizeof h_n);
        for (int u = 0; u < HIDDEN; u++) {
            ck_assert(o_n[u] == (with_o ? o_0[u] : 0));
        }
    }
    clrnn_plan_free(plan);
    clrnn_net_free(net);
}

START_TEST(a_state_has_last_outputs) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (size_t place = 0; place < count; place++) {
        hold_last_outputs(places[place].context, 0);
        hold_last_outputs(places[place].context, 1);
        hold_no_steps(places[place].context, 0);
        hold_no_steps(places[place].context, 1);
    }
    test_places_free(places, count);
}
END_TEST

/* ---- device memory --------------------------------------------------------------------------- */

/* Waits until only `count` hold the queue: a driver's thread lets go of a finished command a little
 * after its event is complete. */
static void check_references(cl_command_queue queue, cl_uint count) {
    cl_uint got = 0;
    for (int round = 0; round < 1000; round++) {
        clGetCommandQueueInfo(queue, CL_QUEUE_REFERENCE_COUNT, sizeof got, &got, NULL);
        if (got == count) {
            return;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    ck_assert_uint_eq(got, count);
}

/* Everything in buffers, behind a user event and with the user's work space: the call returns
 * before it runs, and the results are those of host arrays. */
static void run_in_buffers(const struct test_device *mine, clrnn_context *context,
                           const struct test_case *test, const char *algorithm) {
    struct test_outcome whole, result;
    clrnn_plan_desc desc = test_plan_desc(test, algorithm);
    size_t bytes = 0;
    cl_int code = CL_SUCCESS, state = CL_QUEUED;
    test_run(&whole, test, context, algorithm);
    test_result_make(&result, test);
    ok(clrnn_plan_workspace_size(&bytes, context, test->net, &desc));
    desc.workspace = test_device_memory(mine, bytes);
    clrnn_plan *plan = test_plan(test, context, &desc);
    clReleaseMemObject(desc.workspace); /* the plan retains it */

    const clrnn_forward_args home = test_args(test, &result);
    clrnn_forward_args args = home;
    test_to_buffers(mine, &args);
    cl_event gate = clCreateUserEvent(mine->context, &code), done = NULL;
    ck_assert_int_eq(code, CL_SUCCESS);
    ok(clrnn_forward(plan, &args, 1, &gate, &done));
    ck_assert_ptr_nonnull(done);
    clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
    ck_assert_msg(state != CL_COMPLETE, "%s: ran before the event it waits for", test->text);
    clSetUserEventStatus(gate, CL_COMPLETE);
    ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
    clReleaseEvent(done);
    clReleaseEvent(gate);
    test_from_buffers(mine, &args, &home);
    test_same(test, &whole, &result, algorithm);
    clrnn_plan_free(plan);
    test_result_free(&whole);
    test_result_free(&result);
}

START_TEST(device_buffers) {
    struct test_device mine;
    for (int device = 0; test_device_open(&mine, device); device++) {
        clrnn_context *context = NULL;
        clrnn_algorithm_info algorithms[8];
        struct test_problem problem = test_cell_problem(_i, 6, 5, 5, 19, 200);
        problem.lengths = LENGTHS_RAGGED;
        problem.batch_first = _i % 2;
        struct test_case *test = test_case_make(&problem);
        ok(clrnn_context_create(&context, &(clrnn_context_desc){.queue = mine.queue}));
        ck_assert_int_eq(clrnn_context_engine(context), CLRNN_ENGINE_OPENCL);
        check_references(mine.queue, 2);
        const size_t count = test_algorithms(algorithms, 8, context, test);
        for (size_t i = 0; i < count; i++) {
            run_in_buffers(&mine, context, test, algorithms[i].name);
        }
        clrnn_context_free(context);
        check_references(mine.queue, 1);
        test_case_free(test);
        test_device_close(&mine);
    }
}
END_TEST

/* A call with host arrays may have an event too; it is complete when the call returns. */
START_TEST(event_of_a_host_call) {
    struct test_device mine;
    for (int device = 0; test_device_open(&mine, device); device++) {
        clrnn_context *context = NULL;
        const struct test_problem problem = test_cell_problem(TEST_RNN, 3, 2, 5, 7, 200);
        struct test_case *test = test_case_make(&problem);
        struct test_outcome result;
        cl_event done = NULL;
        cl_int state = CL_QUEUED;
        ok(clrnn_context_create(&context, &(clrnn_context_desc){.queue = mine.queue}));
        clrnn_plan *plan = make_plan(test, context, NULL);
        test_result_make(&result, test);
        const clrnn_forward_args args = test_args(test, &result);
        ok(clrnn_forward(plan, &args, 0, NULL, &done));
        clGetEventInfo(done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
        ck_assert_int_eq(state, CL_COMPLETE);
        clReleaseEvent(done);
        test_result_free(&result);
        clrnn_plan_free(plan);
        clrnn_context_free(context);
        test_case_free(test);
        test_device_close(&mine);
    }
}
END_TEST

Suite *states_suite(void) {
    Suite *suite = suite_create("states");
    TCase *each = tcase_create("each cell");
    tcase_set_timeout(each, 1200);
    tcase_add_loop_test(each, time_cut_with_a_state, 0, TEST_CELLS);
    tcase_add_loop_test(each, steps_one_by_one, 0, TEST_CELLS);
    tcase_add_loop_test(each, rows_join_and_leave, 0, TEST_CELLS);
    tcase_add_loop_test(each, slots_stay_apart, 0, TEST_CELLS);
    tcase_add_loop_test(each, reverse_ends_a_state, 0, TEST_CELLS);
    tcase_add_test(each, bidirectional_ends_a_state);
    tcase_add_test(each, a_state_has_last_outputs);
    tcase_add_loop_test(each, device_buffers, 0, TEST_CELLS);
    tcase_add_test(each, event_of_a_host_call);
    suite_add_tcase(suite, each);
    return suite;
}
