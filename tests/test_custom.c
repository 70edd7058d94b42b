/*
 * test_custom.c: a user's own cells and activations in OpenCL C. Those that say what a built-in one
 * is must give its bits, on every algorithm; whoever cannot run them says so.
 */
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 5, BATCH = 6, INPUTS = 3, HIDDEN = 19 };

/* with a name that the kernels have too */
static const char own_rnn[] =
    "const real p = gx[0] + gh[0];\nreal state = act_tanh(p, 0.0f, 0.0f);\n"
    "h = state;\n";
static const char own_lstm[] = "const real i = act_sigmoid(gx[0] + gh[0], 0.0f, 0.0f);\n"
                               "const real f = act_sigmoid(gx[1] + gh[1], 0.0f, 0.0f);\n"
                               "const real g = act_tanh(gx[2] + gh[2], 0.0f, 0.0f);\n"
                               "const real o = act_sigmoid(gx[3] + gh[3], 0.0f, 0.0f);\n"
                               "c = FMA(f, c, i * g);\n"
                               "h = o * act_tanh(c, 0.0f, 0.0f);\n";
static const char own_gru[] = "const real r = act_sigmoid(gx[0] + gh[0], 0.0f, 0.0f);\n"
                              "const real z = act_sigmoid(gx[1] + gh[1], 0.0f, 0.0f);\n"
                              "const real n = act_tanh(FMA(r, gh[2], gx[2]), 0.0f, 0.0f);\n"
                              "h = FMA(z, h, FMA(-z, n, n));\n";

static const struct {
    clrnn_layer_desc built_in, own;
} twins[] = {
    {{.cell = CLRNN_CELL_RNN},
     {.cell = CLRNN_CELL_CUSTOM, .gates = 1, .states = 1, .source = own_rnn}},
    {{.cell = CLRNN_CELL_LSTM},
     {.cell = CLRNN_CELL_CUSTOM, .gates = 4, .states = 2, .source = own_lstm}},
    {{.cell = CLRNN_CELL_GRU},
     {.cell = CLRNN_CELL_CUSTOM, .gates = 3, .states = 1, .source = own_gru}},
    {{.cell = CLRNN_CELL_RNN, .acts = {{{.kind = CLRNN_ACT_SOFTSIGN}}}},
     {.cell = CLRNN_CELL_RNN,
      .acts = {{{.kind = CLRNN_ACT_CUSTOM,
                 .source = "real beta = x; x = act_softsign(beta, 0.0f, 0.0f);"}}}}},
    {{.cell = CLRNN_CELL_GRU,
      .acts = {{{.kind = CLRNN_ACT_AFFINE, .parameters = 2, .alpha = 0.25f, .beta = 0.5f},
                {.kind = CLRNN_ACT_DEFAULT},
                {.kind = CLRNN_ACT_RELU}}}},
     {.cell = CLRNN_CELL_GRU,
      .acts = {{{.kind = CLRNN_ACT_CUSTOM,
                 .parameters = 2,
                 .alpha = 0.25f,
                 .beta = 0.5f,
                 .source = "x = act_affine(x, alpha, beta);"},
                {.kind = CLRNN_ACT_DEFAULT},
                {.kind = CLRNN_ACT_CUSTOM, .source = "x = PICK(x > R(0.0f), x, R(0.0f));"}}}}},
};
enum { TWINS = sizeof twins / sizeof twins[0] };

/* Two layers, the first in both directions. */
static clrnn_net *net_of(const clrnn_layer_desc *layer) {
    clrnn_layer_desc layers[2] = {*layer, *layer};
    layers[0].hidden = layers[1].hidden = HIDDEN;
    layers[0].direction = CLRNN_DIRECTION_BIDIRECTIONAL;
    return test_net(&(clrnn_net_desc){.inputs = INPUTS, .num_layers = 2, .layers = layers}, 31,
                    0.4);
}

enum { FLOATS = STEPS * BATCH * HIDDEN };

static void run(float *y, const clrnn_net *net, clrnn_context *context, const char *algorithm) {
    static unsigned char mask[BATCH * STEPS];
    static const int32_t lengths[BATCH] = {5, 0, 3, 5, 1, 4};
    static float x[STEPS * BATCH * INPUTS];
    uint64_t seed = 8;
    clrnn_plan *plan = NULL;
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        x[i] = test_uniform(&seed, 1.0);
    }
    for (size_t i = 0; i < sizeof mask; i++) {
        mask[i] = i % 3 != 1;
    }
    ok(clrnn_plan_create(
        &plan, context, net,
        &(clrnn_plan_desc){.algorithm = algorithm, .steps = STEPS, .batch = BATCH}));
    ok(clrnn_forward(plan,
                     &(clrnn_forward_args){
                         .x = test_tensor(x, CLRNN_DTYPE_F32, 3, STEPS, BATCH, INPUTS),
                         .y = test_tensor(y, CLRNN_DTYPE_F32, 3, STEPS, BATCH, HIDDEN),
                         .lengths = test_tensor((void *)lengths, CLRNN_DTYPE_I32, 1, BATCH, 0, 0),
                         .mask = test_tensor(mask, CLRNN_DTYPE_BOOL, 2, BATCH, STEPS, 0)},
                     0, NULL, NULL));
    clrnn_plan_free(plan);
}

START_TEST(own_text_gives_the_built_in_bits) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    clrnn_net *built_in = net_of(&twins[_i].built_in), *own = net_of(&twins[_i].own);
    for (size_t place = 0; place < count; place++) {
        clrnn_algorithm_info infos[16];
        size_t algorithms = 0;
        if (clrnn_context_engine(places[place].context) != CLRNN_ENGINE_OPENCL) {
            continue;
        }
        ok(clrnn_plan_algorithms(&algorithms, infos, 16, places[place].context, own,
                                 &(clrnn_plan_desc){.steps = STEPS, .batch = BATCH}));
        for (size_t i = 0; i < algorithms; i++) {
            float expected[FLOATS], got[FLOATS];
            size_t at = 0;
            if (!test_takes(&infos[i], own)) {
                continue;
            }
            run(expected, built_in, places[place].context, infos[i].name);
            run(got, own, places[place].context, infos[i].name);
            ck_assert_msg(test_same_bits(expected, got, FLOATS, &at),
                          "twin %d on %s %s: y[%zu] is %.9g, built in %.9g", _i, places[place].name,
                          infos[i].name, at, got[at], expected[at]);
        }
    }
    clrnn_net_free(built_in);
    clrnn_net_free(own);
    test_places_free(places, count);
}
END_TEST

static void refuses(const clrnn_context_desc *where, const char *text) {
    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    ok(clrnn_context_create(&context, where));
    for (int twin = 1; twin < TWINS; twin += 2) { /* a cell, an activation */
        clrnn_net *own = net_of(&twins[twin].own);
        fails(clrnn_plan_create(&plan, context, own,
                                &(clrnn_plan_desc){.steps = STEPS, .batch = BATCH}),
              UNSUPPORTED, text);
        fails(clrnn_plan_create(&plan, context, own,
                                &(clrnn_plan_desc){.steps = STEPS, .batch = BATCH}),
              UNSUPPORTED, twin == 1 ? "custom cell" : "custom activation");
        clrnn_net_free(own);
    }
    clrnn_context_free(context);
}

START_TEST(other_engines_refuse) {
    refuses(&(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}, "needs the opencl engine");
    refuses(&(clrnn_context_desc){.engine = CLRNN_ENGINE_REFERENCE}, "needs the opencl engine");
}
END_TEST

static int has_device(void) {
    clrnn_device_info info = {0};
    size_t count = 0;
    ok(clrnn_devices(&count, &info, 1));
    return count > 0 && info.usable;
}

START_TEST(strict_refuses) {
    if (has_device()) {
        refuses(&(clrnn_context_desc){.engine = CLRNN_ENGINE_OPENCL, .strict = 1},
                "strict cannot promise");
    }
}
END_TEST

START_TEST(judge_refuses) {
    clrnn_judgement judgement;
    float x[STEPS * BATCH * INPUTS] = {0}, y[FLOATS] = {0};
    clrnn_net *own = net_of(&twins[0].own);
    fails(clrnn_judge(
              &judgement, own, 0,
              &(clrnn_forward_args){.x = test_tensor(x, CLRNN_DTYPE_F32, 3, STEPS, BATCH, INPUTS),
                                    .y = test_tensor(y, CLRNN_DTYPE_F32, 3, STEPS, BATCH, HIDDEN)}),
          UNSUPPORTED, "custom");
    clrnn_net_free(own);
}
END_TEST

/* The compiler's message names the user's text and its line. */
START_TEST(wrong_text_is_named) {
    static const clrnn_layer_desc wrong = {
        .cell = CLRNN_CELL_CUSTOM, .gates = 1, .states = 1, .source = "h = gx[0];\nh = nothing;\n"};
    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    if (!has_device()) {
        return;
    }
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_OPENCL}));
    clrnn_net *net = net_of(&wrong);
    fails(
        clrnn_plan_create(&plan, context, net, &(clrnn_plan_desc){.steps = STEPS, .batch = BATCH}),
        BUILD, "nothing");
    ck_assert_ptr_null(strchr(clrnn_last_error()->message, '\n'));
    ck_assert_msg(strstr(clrnn_last_error()->message, "cell") != NULL, "%s",
                  clrnn_last_error()->message);
    clrnn_net_free(net);
    clrnn_context_free(context);
}
END_TEST

/* What a snippet may not leave out, or bring along. */
START_TEST(descs_are_checked) {
    static const struct {
        clrnn_layer_desc layer;
        const char *text;
    } cases[] = {
        {{.cell = CLRNN_CELL_CUSTOM, .hidden = 2, .gates = 1, .states = 1}, "needs a source"},
        {{.cell = CLRNN_CELL_CUSTOM, .hidden = 2, .states = 1, .source = "h = h;"}, "1 to 4 gates"},
        {{.cell = CLRNN_CELL_CUSTOM, .hidden = 2, .gates = 5, .states = 1, .source = "h = h;"},
         "1 to 4 gates"},
        {{.cell = CLRNN_CELL_CUSTOM, .hidden = 2, .gates = 1, .states = 3, .source = "h = h;"},
         "1 (h) or 2 states"},
        {{.cell = CLRNN_CELL_LSTM, .hidden = 2, .source = "h = h;"}, "source is for custom"},
        {{.cell = CLRNN_CELL_RNN, .hidden = 2, .acts = {{{.kind = CLRNN_ACT_CUSTOM}}}},
         "go together"},
        {{.cell = CLRNN_CELL_RNN,
          .hidden = 2,
          .acts = {{{.kind = CLRNN_ACT_TANH, .source = "x = x;"}}}},
         "go together"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clrnn_net *net = NULL;
        fails(clrnn_net_create(&net, &(clrnn_net_desc){.inputs = 1, .layer = cases[i].layer}),
              ARGUMENT, cases[i].text);
    }
}
END_TEST

Suite *custom_suite(void) {
    Suite *suite = suite_create("custom");
    TCase *texts = tcase_create("texts");
    tcase_set_timeout(texts, 600);
    tcase_add_loop_test(texts, own_text_gives_the_built_in_bits, 0, TWINS);
    tcase_add_test(texts, other_engines_refuse);
    tcase_add_test(texts, strict_refuses);
    tcase_add_test(texts, judge_refuses);
    tcase_add_test(texts, wrong_text_is_named);
    tcase_add_test(texts, descs_are_checked);
    suite_add_tcase(suite, texts);
    return suite;
}
