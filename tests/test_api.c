/*
 * test_api.c: how the public functions refuse: the status, the message with its numbers, and that
 * nothing is changed or lost by it. What they promise beyond that is in test_promises.c.
 */
#include "api_fixture.h"
#include "suites.h"
#include "support.h"

#include <string.h>

static void open_rnn(void) {
    set_up(CLRNN_ENGINE_CPU, CLRNN_CELL_RNN);
}

/* ---- nothing given --------------------------------------------------------------------------- */

START_TEST(nothing_to_free) {
    clrnn_context_free(NULL);
    clrnn_net_free(NULL);
    clrnn_plan_free(NULL);
    clrnn_state_free(NULL);
    clrnn_arrays_free(NULL);
    clrnn_model_free(NULL);
    ck_assert_ptr_null(clrnn_net_get_desc(NULL));
    ck_assert_ptr_null(clrnn_context_device(NULL));
    ck_assert_str_eq(clrnn_plan_describe(NULL), "");
}
END_TEST

START_TEST(nothing_given) {
    size_t count = 9;
    clrnn_tensor tensor;
    const clrnn_net_desc desc = {.inputs = 1, .hidden = 1};
    fails(clrnn_context_create(NULL, NULL), ARGUMENT, "context: needs a place for the result");
    fails(clrnn_devices(NULL, NULL, 0), ARGUMENT, "devices: needs a place for the count");
    fails(clrnn_devices(&count, NULL, 3), ARGUMENT, "devices: needs a place for 3 infos");
    fails(clrnn_net_create(NULL, &desc), ARGUMENT, "net: needs a place for the result");
    fails(clrnn_net_set_weight(NULL, "weight_ih_l0", &it.args.x), ARGUMENT,
          "net: set_weight needs a net, a name and a tensor");
    fails(clrnn_net_get_weight(NULL, it.test->net, "x"), ARGUMENT, "net: get_weight needs a place");
    fails(clrnn_net_get_weight(&tensor, it.test->net, "x"), ARGUMENT, "no weight named x");
    fails(clrnn_plan_create(NULL, it.context, it.test->net, &it.desc), ARGUMENT,
          "plan: needs a place for the result");
    fails(clrnn_plan_workspace_size(NULL, it.context, it.test->net, &it.desc), ARGUMENT,
          "plan: needs a place for the size");
    fails(clrnn_plan_algorithms(NULL, NULL, 0, it.context, it.test->net, &it.desc), ARGUMENT,
          "plan: needs a place for the count");
    fails(clrnn_plan_algorithms(&count, NULL, 2, it.context, it.test->net, &it.desc), ARGUMENT,
          "plan: needs a place for 2 infos");
    fails(clrnn_plan_profile(NULL, it.plan), ARGUMENT, "profile needs a place and a plan");
    fails(clrnn_state_create(NULL, it.context, it.test->net, 1), ARGUMENT,
          "state: needs a place for the result");
    fails(clrnn_state_reset(NULL, 0), ARGUMENT, "state: needs a state");
    fails(clrnn_state_read(NULL, NULL, NULL), ARGUMENT, "state: needs a state");
    fails(clrnn_state_write(NULL, NULL, NULL), ARGUMENT, "state: needs a state");
    fails(clrnn_forward(NULL, &it.args, 0, NULL, NULL), ARGUMENT, "needs a plan and arguments");
    fails(clrnn_forward(it.plan, NULL, 0, NULL, NULL), ARGUMENT, "needs a plan and arguments");
}
END_TEST

/* ---- creating -------------------------------------------------------------------------------- */

START_TEST(nets_refused) {
    static const struct {
        clrnn_net_desc desc;
        clrnn_status status;
        const char *text;
    } table[] = {
        {{.cell = (clrnn_cell)9, .inputs = 1, .hidden = 1},
         CLRNN_STATUS_ARGUMENT,
         "unknown cell 9"},
        {{.inputs = 0, .hidden = 1}, CLRNN_STATUS_SHAPE, "inputs must be 1 to 1048576, got 0"},
        {{.inputs = 1, .hidden = -3}, CLRNN_STATUS_SHAPE, "hidden must be 1 to 1048576, got -3"},
        {{.inputs = 1048577, .hidden = 1}, CLRNN_STATUS_SHAPE, "got 1048577"},
        {{.inputs = 1, .hidden = 1, .direction = (clrnn_direction)2},
         CLRNN_STATUS_ARGUMENT,
         "unknown direction 2"},
        {{.inputs = 1, .hidden = 1, .nonlinearity = (clrnn_nonlinearity)5},
         CLRNN_STATUS_ARGUMENT,
         "unknown nonlinearity 5"},
        {{.inputs = 1, .hidden = 1, .reset = (clrnn_reset)4},
         CLRNN_STATUS_ARGUMENT,
         "unknown reset 4"},
        {{.inputs = 1, .hidden = 1, .reset = CLRNN_RESET_BEFORE},
         CLRNN_STATUS_ARGUMENT,
         "reset is for gru, got it with rnn"},
        {{.cell = CLRNN_CELL_GRU,
          .inputs = 1,
          .hidden = 1,
          .nonlinearity = CLRNN_NONLINEARITY_RELU},
         CLRNN_STATUS_ARGUMENT,
         "relu is for rnn, got it with gru"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        clrnn_net *net = (clrnn_net *)&net;
        ck_assert_int_eq(clrnn_net_create(&net, &table[i].desc), table[i].status);
        ck_assert_msg(strstr(clrnn_last_error()->message, table[i].text) != NULL, "%s",
                      clrnn_last_error()->message);
        ck_assert_int_eq(clrnn_last_error()->status, table[i].status);
        ck_assert_ptr_null(net);
    }
}
END_TEST

START_TEST(weights_refused) {
    clrnn_net *net = it.test->net;
    float values[4 * 7 * 5] = {0};
    clrnn_tensor good = test_tensor(values, CLRNN_DTYPE_F32, 2, 28, 5, 0), bad = good;
    fails(clrnn_net_set_weight(net, "weight_ih_l1", &good), ARGUMENT,
          "a forward lstm layer has no weight named weight_ih_l1");
    bad.dtype = CLRNN_DTYPE_I32;
    fails(clrnn_net_set_weight(net, "weight_ih_l0", &bad), ARGUMENT,
          "float32 or float64, got int32");
    bad = test_tensor(values, CLRNN_DTYPE_F32, 2, 5, 28, 0);
    fails(clrnn_net_set_weight(net, "weight_ih_l0", &bad), SHAPE,
          "weight_ih_l0 needs 140 floats [28][5], got float32 [5][28]");
    fails(clrnn_net_set_weight(net, "bias_ih_l0", &bad), SHAPE, "bias_ih_l0 needs [28]");
    fails(clrnn_net_set_weight(net, "weight_ih_l0", &(clrnn_tensor){0}), ARGUMENT, "got neither");
    bad = good;
    bad.strides[0] = 10;
    bad.strides[1] = 2;
    fails(clrnn_net_set_weight(net, "weight_ih_l0", &bad), SHAPE, "last stride must be 1, got 2");
    bad = good;
    bad.offset = 3;
    fails(clrnn_net_set_weight(net, "weight_ih_l0", &bad), ARGUMENT, "multiple of 4 bytes, got 3");
    bad = good;
    bad.rank = 9;
    fails(clrnn_net_set_weight(net, "weight_ih_l0", &bad), SHAPE, "rank must be 0 to 8, got 9");
    /* nothing was changed: the plan still fits its net */
    ok(clrnn_forward(it.plan, &it.args, 0, NULL, NULL));
}
END_TEST

START_TEST(missing_weights) {
    clrnn_net *net = NULL;
    clrnn_plan *plan = (clrnn_plan *)&net;
    float one = 1.0f;
    const clrnn_tensor value = test_tensor(&one, CLRNN_DTYPE_F32, 2, 1, 1, 0);
    const clrnn_net_desc desc = {.inputs = 1, .hidden = 1, .direction = CLRNN_DIRECTION_REVERSE};
    ok(clrnn_net_create(&net, &desc));
    fails(clrnn_plan_create(&plan, it.context, net, &it.desc), ARGUMENT,
          "net: weight_ih_l0_reverse was never set");
    ck_assert_ptr_null(plan);
    ok(clrnn_net_set_weight(net, "weight_ih_l0_reverse", &value));
    fails(clrnn_plan_create(&plan, it.context, net, &it.desc), ARGUMENT,
          "net: weight_hh_l0_reverse was never set");
    clrnn_net_free(net);
}
END_TEST

static void plan_fails(const clrnn_plan_desc *desc, clrnn_status status, const char *text) {
    clrnn_plan *plan = (clrnn_plan *)&plan;
    size_t bytes = 1;
    ck_assert_int_eq(clrnn_plan_create(&plan, it.context, it.test->net, desc), status);
    ck_assert_msg(strstr(clrnn_last_error()->message, text) != NULL, "expected \"%s\" in \"%s\"",
                  text, clrnn_last_error()->message);
    ck_assert_ptr_null(plan);
    if (desc->workspace == NULL) {
        ck_assert_int_eq(clrnn_plan_workspace_size(&bytes, it.context, it.test->net, desc), status);
        ck_assert_uint_eq(bytes, 0);
    }
}

START_TEST(plans_too_large) {
    clrnn_plan_desc desc = it.desc;
    desc.steps = desc.batch = 1 << 30; /* bytes that no size_t holds */
    plan_fails(&desc, CLRNN_STATUS_MEMORY, "plan: ");
}
END_TEST

START_TEST(plans_refused) {
    clrnn_plan_desc desc = it.desc;
    desc.steps = 0;
    plan_fails(&desc, CLRNN_STATUS_SHAPE, "steps must be 1 to 1073741824, got 0");
    desc = it.desc;
    desc.batch = -1;
    plan_fails(&desc, CLRNN_STATUS_SHAPE, "batch must be 1 to 1073741824, got -1");
    desc = it.desc;
    desc.projection = (clrnn_projection)7;
    plan_fails(&desc, CLRNN_STATUS_ARGUMENT, "unknown projection 7");
    desc = it.desc;
    desc.algorithm = "fast";
    plan_fails(&desc, CLRNN_STATUS_ARGUMENT, "unknown algorithm fast");
    desc.algorithm = "single/stream";
    plan_fails(&desc, CLRNN_STATUS_UNSUPPORTED,
               "single/stream is refused: streams need work-groups");
    desc.algorithm = "step/stream";
    plan_fails(&desc, CLRNN_STATUS_UNSUPPORTED, "step/stream is refused");
    desc = it.desc;
    desc.projection = CLRNN_PROJECTION_CLBLAST;
    plan_fails(&desc, CLRNN_STATUS_UNSUPPORTED, "clblast is for OpenCL devices");
    desc = it.desc;
    desc.workspace = (cl_mem)&desc;
    plan_fails(&desc, CLRNN_STATUS_ARGUMENT, "cpu engine takes no OpenCL work space");
}
END_TEST

START_TEST(contexts_refused) {
    clrnn_context *context = (clrnn_context *)&context;
    fails(clrnn_context_create(&context, &(clrnn_context_desc){.engine = (clrnn_engine)8}),
          ARGUMENT, "context: unknown engine 8");
    ck_assert_ptr_null(context);
    context = (clrnn_context *)&context;
    fails(clrnn_context_create(&context, &(clrnn_context_desc){.device = "no such device"}),
          NO_DEVICE, "device: ");
    ck_assert_ptr_null(context);
    fails(clrnn_context_create(&context, &(clrnn_context_desc){.device = "77:0"}), NO_DEVICE, "");
    fails(
        clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU,
                                                             .queue = (cl_command_queue)&context}),
        ARGUMENT, "cpu engine takes no OpenCL queue");
}
END_TEST

/* ---- forward --------------------------------------------------------------------------------- */

/* Runs with one field changed, then unchanged: the plan still works. */
#define FORWARD_FAILS(change, code, text)                                                          \
    do {                                                                                           \
        clrnn_forward_args args = it.args;                                                         \
        change;                                                                                    \
        fails(clrnn_forward(it.plan, &args, 0, NULL, NULL), code, text);                           \
        ok(clrnn_forward(it.plan, &it.args, 0, NULL, NULL));                                       \
    } while (0)

START_TEST(arrays_refused) {
    int32_t lengths[] = {4, 5, -1};
    int64_t wide[] = {4, 0, -1};
    const clrnn_tensor f64 = {
        .data = it.test->x, .dtype = CLRNN_DTYPE_F64, .rank = 3, .shape = {4, 3, 5}};
    cl_mem buffer = (cl_mem)&lengths;
    FORWARD_FAILS(args.x = (clrnn_tensor){0}, ARGUMENT, "x: needs data or a buffer, got neither");
    FORWARD_FAILS(args.x.buffer = buffer, ARGUMENT, "x: needs data or a buffer, got both");
    FORWARD_FAILS(args.x = f64, ARGUMENT, "x must be float32, got float64");
    FORWARD_FAILS(args.x.rank = 2, SHAPE, "x must be [T][N][features], got float32 [4][3]");
    FORWARD_FAILS(args.x.shape[2] = 6, SHAPE,
                  "x needs [4][3][5] (time first), got float32 [4][3][6]");
    FORWARD_FAILS(args.x.shape[0] = 5, SHAPE, "x has 5 steps, the plan takes 1 to 4");
    FORWARD_FAILS(args.x.shape[0] = 0, SHAPE, "x has 0 steps, the plan takes 1 to 4");
    FORWARD_FAILS(args.x.shape[1] = 4, SHAPE, "x has 4 rows, the plan takes 1 to 3");
    FORWARD_FAILS(args.x.shape[0] = -1, SHAPE, "x: axis 0 must not be negative, got -1");
    FORWARD_FAILS(args.x.offset = 2, ARGUMENT, "x: offset must be a multiple of 4 bytes, got 2");
    FORWARD_FAILS(args.y.dtype = CLRNN_DTYPE_F16, ARGUMENT, "y must be float32, got float16");
    FORWARD_FAILS(args.y.shape[2] = 8, SHAPE,
                  "y needs [4][3][7] (time first), got float32 [4][3][8]");
    FORWARD_FAILS(args.y.shape[0] = 3, SHAPE, "y needs [4][3][7]");
    FORWARD_FAILS(args.y.rank = 2, SHAPE, "y must be [T][N][features]");
    FORWARD_FAILS(args.cells.shape[1] = 2, SHAPE, "cells needs [4][3][7]");
    FORWARD_FAILS(args.h_0.shape[0] = 2, SHAPE,
                  "h_0: needs [3][7] or [1][3][7], got float32 [2][7]");
    FORWARD_FAILS(args.c_0.shape[1] = 6, SHAPE,
                  "c_0: needs [3][7] or [1][3][7], got float32 [3][6]");
    FORWARD_FAILS(args.h_n.dtype = CLRNN_DTYPE_I32, ARGUMENT, "h_n: must be float32, got int32");
    FORWARD_FAILS(args.c_n.rank = 1, SHAPE, "c_n: needs [3][7]");
    FORWARD_FAILS(args.lengths = test_tensor(lengths, CLRNN_DTYPE_I32, 1, 3, 0, 0), ARGUMENT,
                  "length of row 1 must be 0 to 4, got 5");
    FORWARD_FAILS(args.lengths = test_tensor(wide, CLRNN_DTYPE_I64, 1, 3, 0, 0), ARGUMENT,
                  "length of row 2 must be 0 to 4, got -1");
    FORWARD_FAILS(args.lengths = test_tensor(lengths, CLRNN_DTYPE_F32, 1, 3, 0, 0), ARGUMENT,
                  "lengths must be int32 or int64, got float32");
    FORWARD_FAILS(args.lengths = test_tensor(lengths, CLRNN_DTYPE_I32, 1, 2, 0, 0), SHAPE,
                  "lengths needs [3], got int32 [2]");
    FORWARD_FAILS((args.x.data = NULL, args.x.buffer = buffer), ARGUMENT,
                  "cpu engine takes host arrays, got an OpenCL buffer");
    FORWARD_FAILS((args.h_n.data = NULL, args.h_n.buffer = buffer), ARGUMENT,
                  "cpu engine takes host arrays, got an OpenCL buffer");
    FORWARD_FAILS((args.lengths = test_tensor(NULL, CLRNN_DTYPE_I32, 1, 3, 0, 0),
                   args.lengths.buffer = buffer),
                  ARGUMENT, "lengths must lie in host memory");
    cl_event event = NULL;
    fails(clrnn_forward(it.plan, &it.args, 0, NULL, &event), ARGUMENT, "takes no events");
}
END_TEST

START_TEST(lstm_arrays_refused_elsewhere) {
    const clrnn_tensor c = it.args.h_0, cells = it.args.y;
    FORWARD_FAILS(args.c_0 = c, ARGUMENT, "c_0 is for lstm, the net is rnn");
    FORWARD_FAILS(args.c_n = c, ARGUMENT, "c_n is for lstm, the net is rnn");
    FORWARD_FAILS(args.cells = cells, ARGUMENT, "cells is for lstm, the net is rnn");
    fails(clrnn_state_write(it.state, NULL, &c), ARGUMENT, "state: c is for lstm");
}
END_TEST

START_TEST(states_refused) {
    clrnn_context *other = NULL;
    clrnn_state *state = (clrnn_state *)&other, *small = NULL;
    const int32_t slots[] = {0, -1, 2};
    fails(clrnn_state_create(&state, it.context, it.test->net, 0), SHAPE,
          "slots must be 1 to 1073741824, got 0");
    ck_assert_ptr_null(state);
    fails(clrnn_state_create(&state, NULL, it.test->net, 1), ARGUMENT, "needs a context and a net");
    fails(clrnn_state_reset(it.state, 3), ARGUMENT, "slot must be 0 to 2, or -1 for all, got 3");
    fails(clrnn_state_reset(it.state, -2), ARGUMENT, "got -2");
    clrnn_tensor h = it.args.h_0;
    h.shape[0] = 2;
    fails(clrnn_state_write(it.state, &h, NULL), SHAPE, "h: needs [3][7] or [1][3][7]");
    h = it.args.h_0;
    h.strides[0] = 9;
    h.strides[1] = 1;
    fails(clrnn_state_read(it.state, &h, NULL), ARGUMENT, "h must be a dense host array");

    ok(clrnn_context_create(&other, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    ok(clrnn_state_create(&state, other, it.test->net, 3));
    ok(clrnn_state_create(&small, it.context, it.test->net, 2));
    FORWARD_FAILS(args.state = state, ARGUMENT, "the state belongs to another context");
    FORWARD_FAILS(args.state = small, SHAPE, "a batch of 3 needs as many slots, the state has 2");
    FORWARD_FAILS((args.state = it.state, args.slots = slots), ARGUMENT,
                  "slot of row 1 must be 0 to 2, got -1");
    FORWARD_FAILS(args.slots = slots, ARGUMENT, "slots need a state to point into");
    clrnn_state_free(small);
    clrnn_state_free(state);
    clrnn_context_free(other);
}
END_TEST

START_TEST(state_of_another_net) {
    const clrnn_net_desc desc = {.inputs = 5, .hidden = 7};
    clrnn_net *net = NULL;
    clrnn_state *state = NULL;
    ok(clrnn_net_create(&net, &desc));
    ok(clrnn_state_create(&state, it.context, net, 3));
    FORWARD_FAILS(args.state = state, SHAPE,
                  "the state has H=7 and 1 arrays, the net needs H=7 and 2");
    clrnn_state_free(state);
    clrnn_net_free(net);
}
END_TEST

START_TEST(weights_changed_after_the_plan) {
    float values[28] = {0};
    const clrnn_tensor bias = test_tensor(values, CLRNN_DTYPE_F32, 1, 28, 0, 0);
    ok(clrnn_net_set_weight(it.test->net, "bias_hh_l0", &bias));
    fails(clrnn_forward(it.plan, &it.args, 0, NULL, NULL), ARGUMENT,
          "weights changed after the plan was made");
}
END_TEST

START_TEST(names) {
    ck_assert_str_eq(clrnn_status_name(CLRNN_STATUS_NO_DEVICE), "NO_DEVICE");
    ck_assert_str_eq(clrnn_status_name((clrnn_status)99), "unknown");
    ck_assert_str_eq(clrnn_status_text(CLRNN_STATUS_OK), "fine");
    ck_assert_str_eq(clrnn_version(), "0.1.0");
    ck_assert_ptr_nonnull(strstr(clrnn_build_info(), "clblast: "));
    ck_assert_str_eq(clrnn_engine_name(CLRNN_ENGINE_CPU), "cpu");
    ck_assert_str_eq(clrnn_dtype_name(CLRNN_DTYPE_F16), "float16");
    ck_assert_uint_eq(clrnn_dtype_size(CLRNN_DTYPE_I64), 8);
    ck_assert_uint_eq(clrnn_dtype_size((clrnn_dtype)50), 0);
    ck_assert_str_eq(clrnn_cell_name(CLRNN_CELL_GRU), "gru");
    ck_assert_int_eq(clrnn_cell_gates(CLRNN_CELL_LSTM), 4);
    ck_assert_int_eq(clrnn_cell_gates((clrnn_cell)7), 0);
}
END_TEST

Suite *api_suite(void) {
    Suite *suite = suite_create("api");
    TCase *lstm = tcase_create("cpu lstm"), *rnn = tcase_create("cpu rnn");
    TCase *bare = tcase_create("bare");
    tcase_add_checked_fixture(lstm, open_lstm, tear_down);
    tcase_add_test(lstm, nothing_given);
    tcase_add_test(lstm, weights_refused);
    tcase_add_test(lstm, missing_weights);
    tcase_add_test(lstm, plans_refused);
    tcase_add_test(lstm, plans_too_large);
    tcase_add_test(lstm, arrays_refused);
    tcase_add_test(lstm, states_refused);
    tcase_add_test(lstm, state_of_another_net);
    tcase_add_test(lstm, weights_changed_after_the_plan);
    tcase_add_checked_fixture(rnn, open_rnn, tear_down);
    tcase_add_test(rnn, lstm_arrays_refused_elsewhere);
    tcase_add_test(bare, nothing_to_free);
    tcase_add_test(bare, nets_refused);
    tcase_add_test(bare, names);
    tcase_add_test(bare, contexts_refused);
    suite_add_tcase(suite, lstm);
    suite_add_tcase(suite, rnn);
    suite_add_tcase(suite, bare);
    return suite;
}
