/*
 * test_api.c: how the public functions refuse: the status, the message with its numbers, and that
 * nothing is changed or lost by it. What they promise beyond that is in test_promises.c.
 */
#include "api_fixture.h"
#include "suites.h"
#include "support.h"

#include <math.h>
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
    const clrnn_net_desc desc = {.inputs = 1, .layer.hidden = 1};
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
    fails(clrnn_state_read(NULL, 0, NULL, NULL, NULL), ARGUMENT, "state: needs a state");
    fails(clrnn_state_write(NULL, 0, NULL, NULL, NULL), ARGUMENT, "state: needs a state");
    fails(clrnn_forward(NULL, &it.args, 0, NULL, NULL), ARGUMENT, "needs a plan and arguments");
    fails(clrnn_forward(it.plan, NULL, 0, NULL, NULL), ARGUMENT, "needs a plan and arguments");
}
END_TEST

/* ---- creating -------------------------------------------------------------------------------- */

static void net_fails(const clrnn_net_desc *desc, clrnn_status status, const char *text) {
    clrnn_net *net = (clrnn_net *)&net;
    ck_assert_int_eq(clrnn_net_create(&net, desc), status);
    ck_assert_msg(strstr(clrnn_last_error()->message, text) != NULL, "expected \"%s\" in \"%s\"",
                  text, clrnn_last_error()->message);
    ck_assert_int_eq(clrnn_last_error()->status, status);
    ck_assert_ptr_null(net);
}

START_TEST(nets_refused) {
    static const struct {
        clrnn_net_desc desc;
        clrnn_status status;
        const char *text;
    } table[] = {
        {{.inputs = 0, .layer.hidden = 1},
         CLRNN_STATUS_SHAPE,
         "net: inputs must be 1 to 1048576, got 0"},
        {{.inputs = 1048577, .layer.hidden = 1}, CLRNN_STATUS_SHAPE, "got 1048577"},
        {{.inputs = 1, .num_layers = -1, .layer.hidden = 1},
         CLRNN_STATUS_SHAPE,
         "num_layers must be 1 to 1024, got -1"},
        {{.inputs = 1, .num_layers = 1025, .layer.hidden = 1}, CLRNN_STATUS_SHAPE, "got 1025"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        net_fails(&table[i].desc, table[i].status, table[i].text);
    }
    net_fails(NULL, CLRNN_STATUS_ARGUMENT, "net: needs a desc");
}
END_TEST

/* Every rule of a layer, as the second one of a stack: messages name it. */
START_TEST(layers_refused) {
    static const struct {
        clrnn_layer_desc layer;
        clrnn_status status;
        const char *text;
    } table[] = {
#define REFUSED(code, text, ...) {{__VA_ARGS__}, CLRNN_STATUS_##code, "net: layer 1: " text}
        REFUSED(SHAPE, "hidden must be 1 to 1048576, got -3", .hidden = -3),
        REFUSED(SHAPE, "hidden must be 1 to 1048576, got 1048577", .hidden = 1048577),
        REFUSED(ARGUMENT, "unknown cell 9", .cell = (clrnn_cell)9, .hidden = 1),
        REFUSED(ARGUMENT, "unknown cell -1", .cell = (clrnn_cell)-1, .hidden = 1),
        REFUSED(ARGUMENT, "unknown direction 3", .direction = (clrnn_direction)3, .hidden = 1),
        REFUSED(ARGUMENT, "unknown reset 4", .reset = (clrnn_reset)4, .hidden = 1),
        REFUSED(ARGUMENT, "unknown merge 4", .merge = (clrnn_merge)4, .hidden = 1),
        REFUSED(ARGUMENT, "unknown bias 3", .bias = (clrnn_bias)3, .hidden = 1),
        REFUSED(ARGUMENT, "unknown couple 3", .couple = (clrnn_couple)3, .hidden = 1),
        REFUSED(ARGUMENT, "reset is for gru, got it with rnn", .reset = CLRNN_RESET_BEFORE,
                .hidden = 1),
        REFUSED(ARGUMENT, "projection is for lstm, got it with gru", .cell = CLRNN_CELL_GRU,
                .hidden = 4, .projection = 2),
        REFUSED(ARGUMENT, "peepholes is for lstm, got it with rnn", .hidden = 1, .peepholes = 1),
        REFUSED(ARGUMENT, "couple is for lstm, got it with rnn", .hidden = 1,
                .couple = CLRNN_COUPLE_INPUT),
        REFUSED(ARGUMENT, "forget_bias is for lstm, got it with rnn", .hidden = 1,
                .forget_bias = 1.0f),
        REFUSED(ARGUMENT, "cell_clip is for lstm, got it with rnn", .hidden = 1, .cell_clip = 1.0f),
        REFUSED(ARGUMENT, "source is for custom, got it with rnn", .hidden = 1, .source = ";"),
        REFUSED(ARGUMENT, "gates is for custom, got it with lstm", .cell = CLRNN_CELL_LSTM,
                .hidden = 1, .gates = 4),
        REFUSED(ARGUMENT, "states is for custom, got it with lstm", .cell = CLRNN_CELL_LSTM,
                .hidden = 1, .states = 2),
        REFUSED(ARGUMENT, "merge is for bidirectional layers", .hidden = 1,
                .merge = CLRNN_MERGE_SUM),
        REFUSED(ARGUMENT, "gate_clip is not for a custom cell", .cell = CLRNN_CELL_CUSTOM,
                .hidden = 1, .gates = 1, .states = 1, .source = ";", .gate_clip = 1.0f),
        REFUSED(SHAPE, "projection must be 0 (none) to hidden - 1 = 3, got 4",
                .cell = CLRNN_CELL_LSTM, .hidden = 4, .projection = 4),
        REFUSED(SHAPE, "projection must be 0 (none) to hidden - 1 = 3, got -1",
                .cell = CLRNN_CELL_LSTM, .hidden = 4, .projection = -1),
        REFUSED(ARGUMENT, "forget_bias must be finite, got inf", .cell = CLRNN_CELL_LSTM,
                .hidden = 1, .forget_bias = INFINITY),
        REFUSED(ARGUMENT, "gate_clip must be 0 (none) or above, got -1", .hidden = 1,
                .gate_clip = -1.0f),
        REFUSED(ARGUMENT, "gate_clip must be", .hidden = 1, .gate_clip = NAN),
        REFUSED(ARGUMENT, "cell_clip must be 0 (none) or above, got inf", .cell = CLRNN_CELL_LSTM,
                .hidden = 1, .cell_clip = INFINITY),
        REFUSED(ARGUMENT, "a custom cell has 1 to 4 gates, got 0", .cell = CLRNN_CELL_CUSTOM,
                .hidden = 1, .states = 1, .source = ";"),
        REFUSED(ARGUMENT, "a custom cell has 1 to 4 gates, got 5", .cell = CLRNN_CELL_CUSTOM,
                .hidden = 1, .gates = 5, .states = 1, .source = ";"),
        REFUSED(ARGUMENT, "a custom cell has 1 (h) or 2 states (h, c), got 3",
                .cell = CLRNN_CELL_CUSTOM, .hidden = 1, .gates = 1, .states = 3, .source = ";"),
        REFUSED(ARGUMENT, "a custom cell needs a source", .cell = CLRNN_CELL_CUSTOM, .hidden = 1,
                .gates = 1, .states = 1),
        REFUSED(ARGUMENT, "unknown activation 99 in slot 0", .hidden = 1,
                .acts[0][0].kind = (clrnn_act)99),
        REFUSED(ARGUMENT, "rnn has 1 activations, got one in slot 1", .hidden = 1,
                .acts[0][1].kind = CLRNN_ACT_RELU),
        REFUSED(ARGUMENT, "gru has 3 activations, got one in slot 3", .cell = CLRNN_CELL_GRU,
                .hidden = 1, .acts[0][3].kind = CLRNN_ACT_RELU),
        REFUSED(ARGUMENT, "has one direction, got activations of a second", .hidden = 1,
                .acts[1][0].kind = CLRNN_ACT_RELU),
        REFUSED(ARGUMENT, "relu takes 0 parameters, got 1", .hidden = 1,
                .acts[0][0] = {.kind = CLRNN_ACT_RELU, .parameters = 1}),
        REFUSED(ARGUMENT, "elu takes 1 parameters, got 2", .hidden = 1,
                .acts[0][0] = {.kind = CLRNN_ACT_ELU, .parameters = 2}),
        REFUSED(ARGUMENT, "elu takes 1 parameters, got -1", .hidden = 1,
                .acts[0][0] = {.kind = CLRNN_ACT_ELU, .parameters = -1}),
        REFUSED(
            ARGUMENT, "affine needs finite parameters, got 1, nan", .hidden = 1,
            .acts[0][0] = {.kind = CLRNN_ACT_AFFINE, .parameters = 2, .alpha = 1.0f, .beta = NAN}),
        REFUSED(ARGUMENT, "celu divides by alpha, got 0", .hidden = 1,
                .acts[0][0] = {.kind = CLRNN_ACT_CELU, .parameters = 1}),
        REFUSED(ARGUMENT, "slot 0: a source and the kind custom go together", .hidden = 1,
                .acts[0][0] = {.kind = CLRNN_ACT_RELU, .source = ";"}),
        REFUSED(ARGUMENT, "slot 0: a source and the kind custom go together", .hidden = 1,
                .acts[0][0].kind = CLRNN_ACT_CUSTOM),
#undef REFUSED
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const clrnn_layer_desc layers[] = {{.hidden = 3}, table[i].layer};
        const clrnn_net_desc desc = {.inputs = 2, .num_layers = 2, .layers = layers};
        net_fails(&desc, table[i].status, table[i].text);
    }
}
END_TEST

START_TEST(weights_refused) {
    clrnn_net *net = it.test->net;
    float values[4 * 7 * 5] = {0};
    clrnn_tensor good = test_tensor(values, CLRNN_DTYPE_F32, 2, 28, 5, 0), bad = good;
    fails(clrnn_net_set_weight(net, "weight_ih_l1", &good), ARGUMENT,
          "net: has no weight named weight_ih_l1, its first is weight_ih_l0");
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
    const clrnn_net_desc desc = {.inputs = 1,
                                 .layer = {.hidden = 1, .direction = CLRNN_DIRECTION_REVERSE}};
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
    desc.chunk = -1;
    plan_fails(&desc, CLRNN_STATUS_SHAPE, "chunk must be 0 (chosen) or more steps, got -1");
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
    FORWARD_FAILS(args.y.rank = 2, SHAPE, "y needs [3][7], got float32 [4][3]");
    FORWARD_FAILS(args.y.rank = 1, SHAPE, "y needs [4][3][7]");
    FORWARD_FAILS(args.hiddens.shape[2] = 14, SHAPE, "hiddens needs [4][3][7]");
    FORWARD_FAILS(args.hiddens.rank = 2, SHAPE, "hiddens needs [4][3][7]");
    FORWARD_FAILS(args.cells.shape[1] = 2, SHAPE, "cells needs [4][3][7]");
    FORWARD_FAILS(args.gates.shape[2] = 7, SHAPE, "gates needs [4][3][28]");
    FORWARD_FAILS(args.gates.dtype = CLRNN_DTYPE_F64, ARGUMENT, "gates must be float32");
    FORWARD_FAILS(args.h_0.shape[0] = 2, SHAPE,
                  "h_0: needs its rows or [1][3][7], got float32 [2][7]");
    FORWARD_FAILS(args.c_0.shape[1] = 6, SHAPE,
                  "c_0: needs its rows or [1][3][7], got float32 [3][6]");
    FORWARD_FAILS(args.h_n.dtype = CLRNN_DTYPE_I32, ARGUMENT, "h_n: must be float32, got int32");
    FORWARD_FAILS(args.c_n.rank = 1, SHAPE,
                  "c_n needs [1][3][.] (layers x directions), got float32 [3]");
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
    FORWARD_FAILS((args.gates.data = NULL, args.gates.buffer = buffer), ARGUMENT,
                  "cpu engine takes host arrays, got an OpenCL buffer");
    cl_event event = NULL;
    fails(clrnn_forward(it.plan, &it.args, 0, NULL, &event), ARGUMENT, "takes no events");
}
END_TEST

START_TEST(masks_and_packs_refused) {
    uint8_t values[12] = {1};
    int64_t sizes[] = {3, 2, 2, 1}, rising[] = {3, 1, 2, 1}, ending[] = {3, 1, 0, 0};
    int64_t large[] = {4, 1, 1, 1};
    int32_t lengths[] = {4, 3, 1};
    const clrnn_tensor mask = test_tensor(values, CLRNN_DTYPE_BOOL, 2, 3, 4, 0);
    FORWARD_FAILS((args.mask = mask, args.mask.dtype = CLRNN_DTYPE_F32), ARGUMENT,
                  "the mask must be bool, got float32");
    FORWARD_FAILS((args.mask = mask, args.mask.shape[0] = 4, args.mask.shape[1] = 3), SHAPE,
                  "the mask needs [3][4] (batch first), got bool [4][3]");
    FORWARD_FAILS((args.mask = mask, args.mask.strides[0] = 6, args.mask.strides[1] = 1), ARGUMENT,
                  "the mask must be a dense host array");
    FORWARD_FAILS((args.mask = mask, args.mask.data = NULL, args.mask.buffer = (cl_mem)values),
                  ARGUMENT, "the mask must be a dense host array");

    /* a plan that takes more, so that only the rule in question is broken */
    const clrnn_plan_desc batch_first = {.steps = 4, .batch = 3, .batch_first = 1};
    clrnn_plan *plan = NULL;
    ok(clrnn_plan_create(&plan, it.context, it.test->net, &batch_first));
#define PACKED(array, rows)                                                                        \
    (args.batch_sizes = test_tensor(array, CLRNN_DTYPE_I64, 1, 4, 0, 0),                           \
     args.x = test_tensor(it.test->x, CLRNN_DTYPE_F32, 2, rows, 5, 0),                             \
     args.y = test_tensor(it.result.y, CLRNN_DTYPE_F32, 2, rows, 7, 0),                            \
     args.hiddens = args.cells = args.gates = (clrnn_tensor){0})
    FORWARD_FAILS(PACKED(sizes, 7), SHAPE, "x needs [8][5] (packed), got float32 [7][5]");
    FORWARD_FAILS((PACKED(sizes, 8), args.y.shape[0] = 7), SHAPE, "y needs [3][7]");
    FORWARD_FAILS(PACKED(rising, 7), ARGUMENT,
                  "batch_sizes must never rise and stay above 0: step 2 has 2 after 1");
    FORWARD_FAILS(PACKED(ending, 4), ARGUMENT, "step 2 has 0 after 1");
    FORWARD_FAILS(PACKED(large, 7), SHAPE, "x has 4 rows, the plan takes 1 to 3");
    FORWARD_FAILS((PACKED(sizes, 8), args.batch_sizes.shape[0] = 0), SHAPE,
                  "batch_sizes are empty");
    FORWARD_FAILS((PACKED(sizes, 8), args.batch_sizes.dtype = CLRNN_DTYPE_F64), ARGUMENT,
                  "batch_sizes must be int32 or int64, got float64");
    FORWARD_FAILS((PACKED(sizes, 8), args.batch_sizes.rank = 2), SHAPE,
                  "batch_sizes must be a vector");
    FORWARD_FAILS(
        (PACKED(sizes, 8), args.lengths = test_tensor(lengths, CLRNN_DTYPE_I32, 1, 3, 0, 0)),
        ARGUMENT, "batch_sizes say the lengths, got lengths too");
    clrnn_forward_args args = it.args;
    PACKED(sizes, 8);
    fails(clrnn_forward(plan, &args, 0, NULL, NULL), ARGUMENT,
          "packed arrays are time first, the plan is batch first");
    ok(clrnn_forward(it.plan, &args, 0, NULL, NULL));
#undef PACKED
    clrnn_plan_free(plan);
}
END_TEST

START_TEST(lstm_arrays_refused_elsewhere) {
    const clrnn_tensor c = it.args.h_0, cells = it.args.y;
    FORWARD_FAILS(args.c_0 = c, ARGUMENT, "c_0 is for lstm, layer 0 is rnn");
    FORWARD_FAILS(args.c_n = c, ARGUMENT, "c_n is for lstm, layer 0 is rnn");
    FORWARD_FAILS(args.cells = cells, ARGUMENT, "cells is for lstm, layer 0 is rnn");
    fails(clrnn_state_write(it.state, 0, NULL, &c, NULL), ARGUMENT, "state: c is for lstm");
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
    fails(clrnn_state_write(it.state, 0, &h, NULL, NULL), SHAPE,
          "h: needs its rows or [1][3][7], got float32 [2][7]");
    fails(clrnn_state_write(it.state, 0, NULL, &h, NULL), SHAPE, "c: needs");
    fails(clrnn_state_write(it.state, 0, NULL, NULL, &h), SHAPE, "o: needs");
    h = it.args.h_0;
    fails(clrnn_state_read(it.state, 1, &h, NULL, NULL), ARGUMENT,
          "layer must be 0 to 0, or -1 for all, got 1");
    fails(clrnn_state_read(it.state, -2, &h, NULL, NULL), ARGUMENT, "got -2");
    h.strides[0] = 9;
    h.strides[1] = 1;
    fails(clrnn_state_read(it.state, 0, &h, NULL, NULL), ARGUMENT, "h must be a dense host array");

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
    const clrnn_net_desc desc = {.inputs = 5, .layer.hidden = 7};
    const clrnn_net_desc stack_desc = {
        .inputs = 5, .num_layers = 2, .layer = {.cell = CLRNN_CELL_LSTM, .hidden = 7}};
    clrnn_net *net = NULL;
    clrnn_state *state = NULL;
    ok(clrnn_net_create(&net, &desc));
    ok(clrnn_state_create(&state, it.context, net, 3));
    FORWARD_FAILS(args.state = state, SHAPE,
                  "the state has H=7 and 1 arrays, the net needs H=7 and 2");
    clrnn_state_free(state);
    clrnn_net_free(net);
    ok(clrnn_net_create(&net, &stack_desc));
    ok(clrnn_state_create(&state, it.context, net, 3));
    FORWARD_FAILS(args.state = state, SHAPE, "the state has 2 layers x directions, the net has 1");
    clrnn_state_free(state);
    clrnn_net_free(net);
}
END_TEST

/* Arrays of a stack: for all layers where they have one width, else layer by layer. */
START_TEST(stack_arrays_refused) {
    const clrnn_layer_desc layers[] = {{.hidden = 7}, {.hidden = 7}, {.hidden = 6}};
    clrnn_net_desc desc = {.inputs = 5, .num_layers = 2, .layers = layers};
    clrnn_net *net = NULL;
    clrnn_plan *plan = NULL;
    clrnn_state *state = NULL;
    uint64_t seed = 1;
    float h[2][3][7];
    const clrnn_tensor x = it.args.x, y = it.args.y, h_0 = it.args.h_0;
    const clrnn_tensor both = test_tensor(h, CLRNN_DTYPE_F32, 3, 2, 3, 7);
    clrnn_layer_arrays arrays[2];
    memset(arrays, 0, sizeof arrays);
    ok(clrnn_net_create(&net, &desc));
    test_fill_net(net, 0.5, &seed);
    ok(clrnn_plan_create(&plan, it.context, net, &it.desc));
#define STACK_FAILS(code, text, ...)                                                               \
    fails(clrnn_forward(plan, &(clrnn_forward_args){.x = x, __VA_ARGS__}, 0, NULL, NULL), code,    \
          text)
    STACK_FAILS(SHAPE, "h_n needs [2][3][.] (layers x directions), got float32 [3][7]", .h_n = h_0);
    STACK_FAILS(ARGUMENT, "hiddens of a net of 2 layers is given layer by layer", .hiddens = y);
    STACK_FAILS(ARGUMENT, "gates of a net of 2 layers is given layer by layer", .gates = y);
    arrays[1].y = y;
    STACK_FAILS(ARGUMENT, "y of the last layer is given twice", .y = y, .layers = arrays);
    arrays[1] = (clrnn_layer_arrays){.h_n = h_0};
    STACK_FAILS(ARGUMENT, "h_n is given twice, for all layers and for layer 1", .h_n = both,
                .layers = arrays);
    arrays[1] = (clrnn_layer_arrays){0};
    arrays[0].y = test_tensor(y.data, CLRNN_DTYPE_F32, 2, 3, 7, 0);
    STACK_FAILS(SHAPE, "y of layer 0 must have all steps", .y = y, .layers = arrays);
    arrays[0] = (clrnn_layer_arrays){.c_n = h_0};
    STACK_FAILS(ARGUMENT, "c_n is for lstm, layer 0 is rnn", .layers = arrays);
    ok(clrnn_forward(plan, &(clrnn_forward_args){.x = x, .y = y, .h_n = both}, 0, NULL, NULL));
    clrnn_plan_free(plan);
    clrnn_net_free(net);

    desc.layers = layers + 1; /* widths 7, 6 */
    ok(clrnn_net_create(&net, &desc));
    test_fill_net(net, 0.5, &seed);
    ok(clrnn_plan_create(&plan, it.context, net, &it.desc));
    ok(clrnn_state_create(&state, it.context, net, 3));
    STACK_FAILS(ARGUMENT, "layers differ in their states, give h_n layer by layer", .h_n = both);
    STACK_FAILS(SHAPE, "y needs [4][3][6] (time first), got float32 [4][3][7]", .y = y);
    fails(clrnn_state_write(state, -1, &both, NULL, NULL), ARGUMENT,
          "state: layers differ in width, give h layer by layer");
    ok(clrnn_state_write(state, 0, &h_0, NULL, NULL));
    fails(clrnn_state_write(state, 1, &h_0, NULL, NULL), SHAPE,
          "h: needs its rows or [1][3][6], got float32 [3][7]");
#undef STACK_FAILS
    clrnn_state_free(state);
    clrnn_plan_free(plan);
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
    ck_assert_str_eq(clrnn_version(), "0.2.0");
    ck_assert_ptr_nonnull(strstr(clrnn_build_info(), "clblast: "));
    ck_assert_str_eq(clrnn_engine_name(CLRNN_ENGINE_CPU), "cpu");
    ck_assert_str_eq(clrnn_dtype_name(CLRNN_DTYPE_F16), "float16");
    ck_assert_uint_eq(clrnn_dtype_size(CLRNN_DTYPE_I64), 8);
    ck_assert_uint_eq(clrnn_dtype_size((clrnn_dtype)50), 0);
    ck_assert_str_eq(clrnn_cell_name(CLRNN_CELL_GRU), "gru");
    ck_assert_str_eq(clrnn_cell_name((clrnn_cell)7), "unknown");
    ck_assert_int_eq(clrnn_layer_gates(&(clrnn_layer_desc){.cell = (clrnn_cell)7}), 0);
    ck_assert_int_eq(clrnn_layer_states(&(clrnn_layer_desc){.cell = (clrnn_cell)7}), 0);
}
END_TEST

START_TEST(sizes_of_layers) {
    const clrnn_layer_desc rnn = {.hidden = 5}, gru = {.cell = CLRNN_CELL_GRU, .hidden = 5};
    const clrnn_layer_desc lstm = {.cell = CLRNN_CELL_LSTM,
                                   .hidden = 5,
                                   .projection = 3,
                                   .direction = CLRNN_DIRECTION_BIDIRECTIONAL};
    const clrnn_layer_desc custom = {
        .cell = CLRNN_CELL_CUSTOM, .hidden = 5, .gates = 2, .states = 2, .source = ";"};
    clrnn_layer_desc merged = lstm;
    merged.merge = CLRNN_MERGE_AVE;
    const struct {
        const clrnn_layer_desc *layer;
        int gates, states, directions, width, outputs;
    } table[] = {{&rnn, 1, 1, 1, 5, 5},
                 {&gru, 3, 1, 1, 5, 5},
                 {&lstm, 4, 2, 2, 3, 6},
                 {&merged, 4, 2, 2, 3, 3},
                 {&custom, 2, 2, 1, 5, 5}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        ck_assert_int_eq(clrnn_layer_gates(table[i].layer), table[i].gates);
        ck_assert_int_eq(clrnn_layer_states(table[i].layer), table[i].states);
        ck_assert_int_eq(clrnn_layer_directions(table[i].layer), table[i].directions);
        ck_assert_int_eq(clrnn_layer_width(table[i].layer), table[i].width);
        ck_assert_int_eq(clrnn_layer_outputs(table[i].layer), table[i].outputs);
    }
}
END_TEST

/* A name finds its activation; what is not a name finds none. */
START_TEST(names_of_activations) {
#define ACT_NAMED(name, value, text, parameters, alpha, beta)                                      \
    ck_assert_str_eq(clrnn_act_name(CLRNN_ACT_##name), text);                                      \
    ck_assert_int_eq(clrnn_act_find(text), CLRNN_ACT_##name);                                      \
    ck_assert_int_eq(CLRNN_ACT_##name, value);
    CLRNN_ACT_LIST(ACT_NAMED)
#undef ACT_NAMED
    ck_assert_str_eq(clrnn_act_name(CLRNN_ACT_DEFAULT), "default");
    ck_assert_str_eq(clrnn_act_name(CLRNN_ACT_CUSTOM), "custom");
    ck_assert_str_eq(clrnn_act_name((clrnn_act)99), "unknown");
    ck_assert_int_eq(clrnn_act_find("silu"), CLRNN_ACT_SWISH);
    ck_assert_int_eq(clrnn_act_find("Tanh"), CLRNN_ACT_DEFAULT);
    ck_assert_int_eq(clrnn_act_find(""), CLRNN_ACT_DEFAULT);
}
END_TEST

/* The net's own copy: later changes of what was given are not seen, num_layers and layers are set. */
START_TEST(nets_own_their_desc) {
    char source[] = "h = h;";
    clrnn_layer_desc layers[] = {{.hidden = 3, .acts[0][0].kind = CLRNN_ACT_CUSTOM},
                                 {.cell = CLRNN_CELL_CUSTOM, .hidden = 4, .gates = 2, .states = 1}};
    const clrnn_net_desc desc = {.inputs = 2, .num_layers = 2, .layers = layers};
    clrnn_net *net = NULL, *alone = NULL;
    layers[0].acts[0][0].source = layers[1].source = source;
    ok(clrnn_net_create(&net, &desc));
    memset(source, 'x', 3);
    memset(layers, 0, sizeof layers);
    const clrnn_net_desc *own = clrnn_net_get_desc(net);
    ck_assert_int_eq(own->num_layers, 2);
    ck_assert_int_eq(own->layers[0].hidden, 3);
    ck_assert_int_eq(own->layers[1].gates, 2);
    ck_assert_str_eq(own->layers[0].acts[0][0].source, "h = h;");
    ck_assert_str_eq(own->layers[1].source, "h = h;");
    clrnn_net_free(net);

    ok(clrnn_net_create(&alone, &(clrnn_net_desc){.inputs = 2, .layer.hidden = 3}));
    own = clrnn_net_get_desc(alone);
    ck_assert_int_eq(own->num_layers, 1);
    ck_assert_ptr_nonnull(own->layers);
    ck_assert_int_eq(own->layers[0].hidden, 3);
    clrnn_net_free(alone);
}
END_TEST

/* Every kind of weight, in PyTorch's order. */
START_TEST(names_of_weights) {
    static const char *const expected[] = {
        "weight_ih_l0",         "weight_hh_l0",       "bias_ih_l0",
        "bias_hh_l0",           "weight_hr_l0",       "weight_ci_l0",
        "weight_cf_l0",         "weight_co_l0",       "weight_ih_l1",
        "weight_hh_l1",         "bias_ih_l1",         "weight_ih_l1_reverse",
        "weight_hh_l1_reverse", "bias_ih_l1_reverse", "weight_ih_l2_reverse",
        "weight_hh_l2_reverse",
    };
    const clrnn_layer_desc layers[] = {
        {.cell = CLRNN_CELL_LSTM, .hidden = 4, .projection = 3, .peepholes = 1},
        {.cell = CLRNN_CELL_GRU,
         .hidden = 2,
         .bias = CLRNN_BIAS_SINGLE,
         .direction = CLRNN_DIRECTION_BIDIRECTIONAL},
        {.hidden = 6, .bias = CLRNN_BIAS_NONE, .direction = CLRNN_DIRECTION_REVERSE}};
    static const int64_t shapes[][2] = {{16, 2}, {16, 3}, {16, 0}, {16, 0}, {3, 4}, {4, 0},
                                        {4, 0},  {4, 0},  {6, 3},  {6, 2},  {6, 0}, {6, 3},
                                        {6, 2},  {6, 0},  {6, 4},  {6, 6}};
    const clrnn_net_desc desc = {.inputs = 2, .num_layers = 3, .layers = layers};
    const size_t count = sizeof expected / sizeof expected[0];
    clrnn_net *net = NULL;
    ok(clrnn_net_create(&net, &desc));
    for (size_t i = 0; i < count; i++) {
        clrnn_tensor tensor;
        ck_assert_str_eq(clrnn_net_weight_name(net, i), expected[i]);
        ok(clrnn_net_get_weight(&tensor, net, expected[i]));
        ck_assert_int_eq(tensor.rank, shapes[i][1] > 0 ? 2 : 1);
        ck_assert_int_eq(tensor.shape[0], shapes[i][0]);
        ck_assert(tensor.rank == 1 || tensor.shape[1] == shapes[i][1]);
    }
    ck_assert_ptr_null(clrnn_net_weight_name(net, count));
    ck_assert_ptr_null(clrnn_net_weight_name(NULL, 0));
    fails(clrnn_net_get_weight(&(clrnn_tensor){0}, net, "bias_hh_l1"), ARGUMENT, "no weight named");
    clrnn_net_free(net);
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
    tcase_add_test(lstm, masks_and_packs_refused);
    tcase_add_test(lstm, stack_arrays_refused);
    tcase_add_test(lstm, states_refused);
    tcase_add_test(lstm, state_of_another_net);
    tcase_add_test(lstm, weights_changed_after_the_plan);
    tcase_add_checked_fixture(rnn, open_rnn, tear_down);
    tcase_add_test(rnn, lstm_arrays_refused_elsewhere);
    tcase_add_test(bare, nothing_to_free);
    tcase_add_test(bare, nets_refused);
    tcase_add_test(bare, layers_refused);
    tcase_add_test(bare, names);
    tcase_add_test(bare, sizes_of_layers);
    tcase_add_test(bare, names_of_activations);
    tcase_add_test(bare, nets_own_their_desc);
    tcase_add_test(bare, names_of_weights);
    tcase_add_test(bare, contexts_refused);
    suite_add_tcase(suite, lstm);
    suite_add_tcase(suite, rnn);
    suite_add_tcase(suite, bare);
    return suite;
}
