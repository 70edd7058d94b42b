/*
 * api_fixture.h: a small forward that works, for the suites that spoil it in one place at a time.
 */
#ifndef CLRNN_TESTS_API_FIXTURE_H
#define CLRNN_TESTS_API_FIXTURE_H

#include "support.h"

/* A forward of T=4, N=3, I=5, H=7 on the CPU, to be spoilt in one place at a time. */
static struct {
    clrnn_context *context;
    struct test_case *test;
    struct test_outcome result;
    clrnn_plan *plan;
    clrnn_state *state;
    clrnn_plan_desc desc;
    clrnn_forward_args args;
} it;

static void set_up(clrnn_engine engine, clrnn_cell cell) {
    const struct test_problem problem = {
        .cell = cell, .steps = 4, .batch = 3, .inputs = 5, .hidden = 7, .gain = 1.0, .seed = 400};
    it.desc = (clrnn_plan_desc){.steps = 4, .batch = 3};
    ok(clrnn_context_create(&it.context, &(clrnn_context_desc){.engine = engine}));
    it.test = test_case_make(&problem);
    ok(clrnn_plan_create(&it.plan, it.context, it.test->net, &it.desc));
    ok(clrnn_state_create(&it.state, it.context, it.test->net, 3));
    test_result_make(&it.result, it.test);
    it.args = test_args(it.test, &it.result);
}

static void tear_down(void) {
    test_result_free(&it.result);
    clrnn_state_free(it.state);
    clrnn_plan_free(it.plan);
    test_case_free(it.test);
    clrnn_context_free(it.context);
}

static void open_lstm(void) {
    set_up(CLRNN_ENGINE_CPU, CLRNN_CELL_LSTM);
}

#endif
