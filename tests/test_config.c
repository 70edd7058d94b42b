/*
 * test_config.c: the config of a net: what is read, what is refused and with which words, and that
 * what was written is read back, to the last bit of every number.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "files.h"
#include "suites.h"

#include "clrnn.h"
#include "core/layer.h"
#include "io/config.h"

#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- two configs ----------------------------------------------------------------------------- */

static int same_config(const struct config *a, const struct config *b) {
    int same = a->desc.inputs == b->desc.inputs && a->desc.num_layers == b->desc.num_layers &&
               a->has_layout == b->has_layout && a->batch_first == b->batch_first &&
               a->last_only == b->last_only && same_text(a->prefix, b->prefix);
    for (int i = 0; same && i < a->desc.num_layers; i++) {
        same = same_layer(&a->desc.layers[i], &b->desc.layers[i]) &&
               same_text(a->names[i], b->names[i]);
    }
    return same;
}

/* On memory of exactly that size, so that a read past the end is seen. */
static clrnn_status read_text(struct config *out, const char *text) {
    char *exact = strdup(text);
    ck_assert_ptr_nonnull(exact);
    const clrnn_status status = config_read(out, exact, "m: config");
    free(exact);
    return status;
}

/* ---- read ------------------------------------------------------------------------------------ */

#define CONFIG(rest) "{\"format\": \"clrnn\", \"version\": 1, \"inputs\": 3, " rest "}"
#define LAYERS(layers) CONFIG("\"layers\": [" layers "]")
#define LAYER(rest) LAYERS("{" rest "}")
#define LSTM(rest) LAYER("\"cell\": \"lstm\", \"hidden\": 5, " rest)

static const char everything[] = CONFIG(
    "\"batch_first\": true, \"return_sequences\": false, \"prefix\": \"rnn.\", \"layers\": ["
    "{\"name\": \"encoder\", \"cell\": \"lstm\", \"hidden\": 24, \"direction\": "
    "\"bidirectional\", \"merge\": \"sum\", \"bias\": \"single\", \"projection\": 7, "
    "\"peepholes\": true, \"couple\": \"forget\", \"forget_bias\": 1, \"gate_clip\": 0.1, "
    "\"cell_clip\": 3e2, \"zero_output_for_mask\": true, \"activations\": {\"forward\": "
    "[\"sigmoid\", {\"name\": \"hard_sigmoid\", \"beta\": 0.25}, \"silu\", \"default\", "
    "{\"name\": \"custom\", \"source\": \"mine\", \"alpha\": 2}], \"reverse\": [\"default\", "
    "\"relu\", \"tanh\", \"tanh\", {\"name\": \"elu\", \"alpha\": -0.5}]}}, "
    "{\"cell\": \"gru\", \"hidden\": 1, \"reset\": \"before\", \"direction\": \"reverse\", "
    "\"bias\": \"none\"}, "
    "{\"cell\": \"custom\", \"hidden\": 2, \"gates\": 3, \"states\": 2, \"source\": \"cell\"}]");

START_TEST(reads_everything) {
    struct config config;
    EXPECT_OK(read_text(&config, everything));
    ck_assert_int_eq(config.desc.inputs, 3);
    ck_assert_int_eq(config.desc.num_layers, 3);
    ck_assert(config.has_layout && config.batch_first && config.last_only);
    ck_assert_str_eq(config.prefix, "rnn.");
    ck_assert_str_eq(config.names[0], "encoder");
    ck_assert_ptr_null(config.names[1]);
    const clrnn_layer_desc lstm = {
        .cell = CLRNN_CELL_LSTM,
        .direction = CLRNN_DIRECTION_BIDIRECTIONAL,
        .merge = CLRNN_MERGE_SUM,
        .bias = CLRNN_BIAS_SINGLE,
        .hidden = 24,
        .projection = 7,
        .peepholes = 1,
        .couple = CLRNN_COUPLE_FORGET,
        .forget_bias = 1,
        .gate_clip = 0.1f,
        .cell_clip = 300,
        .zero_masked = 1,
        .acts = {{{.kind = CLRNN_ACT_SIGMOID},
                  {.kind = CLRNN_ACT_HARD_SIGMOID, .parameters = 2, .alpha = 0.2f, .beta = 0.25f},
                  {.kind = CLRNN_ACT_SWISH},
                  {.kind = CLRNN_ACT_DEFAULT},
                  {.kind = CLRNN_ACT_CUSTOM, .parameters = 1, .alpha = 2, .source = "mine"}},
                 {{.kind = CLRNN_ACT_DEFAULT},
                  {.kind = CLRNN_ACT_RELU},
                  {.kind = CLRNN_ACT_TANH},
                  {.kind = CLRNN_ACT_TANH},
                  {.kind = CLRNN_ACT_ELU, .parameters = 1, .alpha = -0.5f}}}};
    const clrnn_layer_desc gru = {.cell = CLRNN_CELL_GRU,
                                  .reset = CLRNN_RESET_BEFORE,
                                  .direction = CLRNN_DIRECTION_REVERSE,
                                  .bias = CLRNN_BIAS_NONE,
                                  .hidden = 1};
    const clrnn_layer_desc custom = {
        .cell = CLRNN_CELL_CUSTOM, .hidden = 2, .gates = 3, .states = 2, .source = "cell"};
    ck_assert(same_layer(&config.desc.layers[0], &lstm));
    ck_assert(same_layer(&config.desc.layers[1], &gru));
    ck_assert(same_layer(&config.desc.layers[2], &custom));
    config_free(&config);
}
END_TEST

/* What is not said has its default; a default that is said changes nothing. */
START_TEST(reads_defaults) {
    static const char *const texts[] = {
        LAYER("\"hidden\": 5, \"cell\": \"gru\""),
        LAYER(
            "\"cell\": \"gru\", \"hidden\": 5, \"direction\": \"forward\", \"merge\": \"concat\", "
            "\"bias\": \"double\", \"reset\": \"after\", \"projection\": 0, \"peepholes\": false, "
            "\"couple\": \"none\", \"forget_bias\": 0, \"gate_clip\": 0.0, \"cell_clip\": 0, "
            "\"zero_output_for_mask\": false, \"gates\": 0, \"states\": 0, "
            "\"activations\": [\"default\", \"default\", \"default\"]"),
        CONFIG("\"prefix\": \"\", \"return_sequences\": true, "
               "\"layers\": [{\"cell\": \"gru\", \"hidden\": 5}]")};
    const clrnn_layer_desc gru = {.cell = CLRNN_CELL_GRU, .hidden = 5};
    for (int i = 0; i < COUNT(texts); i++) {
        struct config config;
        EXPECT_OK(read_text(&config, texts[i]));
        ck_assert(same_layer(&config.desc.layers[0], &gru));
        ck_assert(!config.has_layout && !config.batch_first && !config.last_only);
        ck_assert_str_eq(config.prefix, "");
        config_free(&config);
    }
}
END_TEST

/* ---- refused --------------------------------------------------------------------------------- */

#define L0 "m: config: layers[0]"

static const struct {
    const char *text;
    const char *error;
} bad[] = {
    {"", "m: config: is not JSON: "},
    {"{", "m: config: is not JSON: "},
    {"[]", "m: config: must be an object, got a list"},
    {"{}", "m: config: format: expected 'clrnn', got none"},
    {"{\"format\": \"keras\"}", "m: config: format: expected 'clrnn', got 'keras'"},
    {"{\"format\": \"clrnn\"}",
     "m: config: version: this version of clRNN reads 1 and 2, got none"},
    {"{\"format\": \"clrnn\", \"version\": 3}", "reads 1 and 2, got 3"},
    {"{\"format\": \"clrnn\", \"version\": 1.0}", "reads 1 and 2, got 1.0"},
    {"{\"format\": \"clrnn\", \"version\": \"1\"}", "reads 1 and 2, got '1'"},
    {"{\"format\": \"clrnn\", \"version\": 1}", "m: config: has no inputs"},
    {"{\"format\": \"clrnn\", \"version\": 1, \"inputs\": 1}", "m: config: has no layers"},
    {"{\"format\": \"clrnn\", \"version\": 1, \"inputs\": 0, \"layers\": [{}]}",
     "m: config: inputs: expected an integer, 1 to 1048576, got 0"},
    {"{\"format\": \"clrnn\", \"version\": 1, \"inputs\": 1048577, \"layers\": [{}]}",
     "m: config: inputs: expected an integer, 1 to 1048576, got 1048577"},
    {CONFIG("\"layers\": []"), "m: config: layers: must have 1 to 1024 layers, got 0"},
    {CONFIG("\"layers\": {}"), "m: config: layers: expected a list of objects, got an object"},
    {CONFIG("\"layers\": [1]"), L0 ": expected an object, got 1"},
    {CONFIG("\"prefix\": 1, \"layers\": [{}]"), "m: config: prefix: expected a text, got 1"},
    {CONFIG("\"batch_first\": 1, \"layers\": [{}]"),
     "m: config: batch_first: expected true or false, got 1"},
    {CONFIG("\"return_sequences\": null, \"layers\": [{}]"),
     "m: config: return_sequences: expected true or false, got null"},
    {CONFIG("\"batch_frist\": true, \"layers\": [{}]"),
     "m: config: unknown key 'batch_frist', did you mean 'batch_first'?"},
    {CONFIG("\"zzzzzzzzzzzzzzzz\": true, \"layers\": [{}]"), "unknown key 'zzzzzzzzzzzzzzzz'"},
    {CONFIG("\"inputs\": 3, \"layers\": [{}]"), "is not JSON: duplicate object key"},
    {LAYER("\"hidden\": 1"), L0 ": has no cell"},
    {LAYER("\"cell\": \"rnn\""), L0 ": has no hidden"},
    {LAYER("\"cell\": \"lsmt\", \"hidden\": 1"),
     L0 ".cell: expected 'rnn', 'lstm', 'gru', 'custom' or 'dense', got 'lsmt'"},
    {LAYER("\"cell\": \"LSTM\", \"hidden\": 1"), "got 'LSTM'"},
    {LAYER("\"cell\": 1, \"hidden\": 1"), "'gru', 'custom' or 'dense', got 1"},
    {LAYER("\"cell\": \"rnn\", \"hidden\": 0"),
     L0 ".hidden: expected an integer, 1 to 1048576, got 0"},
    {LAYER("\"cell\": \"rnn\", \"hidden\": -1"),
     L0 ".hidden: expected an integer, 1 to 1048576, got -1"},
    {LAYER("\"cell\": \"rnn\", \"hidden\": 24.0"), "1 to 1048576, got 24.0"},
    {LAYER("\"cell\": \"rnn\", \"hidden\": 9223372036854775807"), "got 9223372036854775807"},
    {LAYER("\"cell\": \"rnn\", \"hidden\": 9223372036854775808"), "is not JSON: too big integer"},
    {LAYER("\"cell\": \"rnn\", \"hidden\": \"24\""), "got '24'"},
    {LAYER("\"cell\": \"rnn\", \"hidden\": true"), "got true"},
    {LSTM("\"hiden\": 1"), L0 ": unknown key 'hiden', did you mean 'hidden'?"},
    {LSTM("\"return_sequences\": false"), L0 ": unknown key 'return_sequences'"},
    {LSTM("\"dropout\": 0.5"), L0 ": unknown key 'dropout'"},
    {LSTM("\"direction\": \"backward\""),
     L0 ".direction: expected 'forward', 'reverse' or 'bidirectional', got 'backward'"},
    {LSTM("\"merge\": \"sum\""), "m: config: layer 0: merge is for bidirectional layers"},
    {LSTM("\"bias\": true"), L0 ".bias: expected 'double', 'single' or 'none', got true"},
    {LSTM("\"reset\": \"before\""), "m: config: layer 0: reset is for gru, got it with lstm"},
    {LSTM("\"projection\": 5"), "layer 0: projection must be 0 (none) to hidden - 1 = 4, got 5"},
    {LSTM("\"projection\": -1"), L0 ".projection: expected an integer, 0 to 1048576, got -1"},
    {LSTM("\"gates\": 4"), "layer 0: gates is for custom, got it with lstm"},
    {LSTM("\"source\": \"x\""), "layer 0: source is for custom, got it with lstm"},
    {LSTM("\"peepholes\": 1"), L0 ".peepholes: expected true or false, got 1"},
    {LSTM("\"forget_bias\": \"1\""),
     L0 ".forget_bias: expected a number that float32 can hold, got '1'"},
    {LSTM("\"forget_bias\": 3.5e38"), "float32 can hold, got 3.5e38"},
    {LSTM("\"forget_bias\": -1e400"), "is not JSON: real number overflow"},
    {LSTM("\"forget_bias\": NaN"), "is not JSON: invalid token"},
    {LSTM("\"forget_bias\": Infinity"), "is not JSON: invalid token"},
    {LSTM("\"gate_clip\": -1"), "m: config: layer 0: gate_clip must be 0 (none) or above, got -1"},
    {LSTM("\"name\": \"\""), L0 ".name: expected a printable name of 1 to 127 bytes, got ''"},
    {LSTM("\"name\": \"a\\nb\""), "printable name of 1 to 127 bytes, got 'a\\nb'"},
    {LSTM("\"name\": 1"), "printable name of 1 to 127 bytes, got 1"},
    {LAYERS("{\"cell\": \"rnn\", \"hidden\": 1, \"name\": \"a\"}, "
            "{\"cell\": \"rnn\", \"hidden\": 1, \"name\": \"a\"}"),
     "m: config: layers[1].name: layers[0] is called a too"},
    {LAYERS("{\"cell\": \"rnn\", \"hidden\": 1}, {\"cell\": \"rnn\", \"hidden\": 1, \"x\": 1}"),
     "m: config: layers[1]: unknown key 'x'"},
    {LAYER("\"cell\": \"gru\", \"hidden\": 1, \"peepholes\": true"),
     "layer 0: peepholes is for lstm, got it with gru"},
    {LAYER("\"cell\": \"gru\", \"hidden\": 1, \"couple\": \"input\""),
     "layer 0: couple is for lstm, got it with gru"},
    {LAYER("\"cell\": \"custom\", \"hidden\": 1, \"states\": 1, \"source\": \"a\""),
     "a custom cell has 1 to 4 gates, got 0"},
    {LAYER("\"cell\": \"custom\", \"hidden\": 1, \"gates\": 1, \"states\": 1"),
     "a custom cell needs a source"},
    {LSTM("\"activations\": \"tanh\""),
     L0 ".activations: expected a list of activations, got 'tanh'"},
    {LSTM("\"activations\": [\"tanh\"]"),
     L0 ".activations: lstm has 5 activations (i, f, g, o, h), got 1"},
    {LAYER("\"cell\": \"gru\", \"hidden\": 1, \"activations\": []"),
     L0 ".activations: gru has 3 activations (r, z, n), got 0"},
    {LAYER("\"cell\": \"custom\", \"hidden\": 1, \"activations\": [\"tanh\"]"),
     L0 ".activations: custom has 0 activations, got 1"},
    {LSTM("\"activations\": [\"tanh\", \"tanh\", \"tanh\", \"custom\", \"tanh\"]"),
     L0 ".activations[3]: the activation of o is custom and needs a source"},
    {LSTM("\"activations\": {\"forward\": []}"), L0 ".activations: the layer has one direction"},
    {LAYER("\"cell\": \"rnn\", \"hidden\": 1, \"direction\": \"bidirectional\", "
           "\"activations\": {\"backward\": [\"tanh\"]}"),
     L0 ".activations: unknown key 'backward', did you mean 'forward'?"},
    {LAYER("\"cell\": \"rnn\", \"hidden\": 1, \"direction\": \"bidirectional\", "
           "\"activations\": {\"reverse\": [\"tanh\", \"tanh\"]}"),
     L0 ".activations.reverse: rnn has 1 activation (h), got 2"},
#define ACT(act) LAYER("\"cell\": \"rnn\", \"hidden\": 1, \"activations\": [" act "]")
    {ACT("\"tahn\""), L0 ".activations[0]: unknown activation 'tahn', did you mean 'tanh'?"},
    {ACT("1"), L0 ".activations[0]: expected the name of an activation, got 1"},
    {ACT("{}"), L0 ".activations[0]: has no name"},
    {ACT("{\"name\": 1}"), L0 ".activations[0].name: expected the name of an activation, got 1"},
    {ACT("{\"name\": \"elu\", \"alhpa\": 1}"),
     L0 ".activations[0]: unknown key 'alhpa', did you mean 'alpha'?"},
    {ACT("{\"name\": \"elu\", \"alpha\": null}"), L0 ".activations[0].alpha: expected a number"},
    {ACT("{\"name\": \"elu\", \"alpha\": 1, \"beta\": 1}"), "elu takes 1 parameters, got 2"},
    {ACT("{\"name\": \"elu\", \"beta\": 1}"), "elu takes 1 parameters, got 2"},
    {ACT("{\"name\": \"default\", \"alpha\": 1}"), "default takes 0 parameters, got 1"},
    {ACT("{\"name\": \"celu\", \"alpha\": 0}"), "celu divides by alpha, got 0"},
    {ACT("\"custom\""), L0 ".activations[0]: the activation of h is custom and needs a source"},
    {ACT("{\"name\": \"custom\"}"), "of h is custom and needs a source"},
    {ACT("{\"name\": \"tanh\", \"source\": \"a\"}"),
     L0 ".activations[0]: a source is for a custom activation, got it with tanh"},
    {ACT("{\"name\": \"custom\", \"source\": 1}"),
     L0 ".activations[0].source: expected a printable"},
    {ACT("{\"name\": [[]]}"), "m: config: must be nested at most 6 deep"},
};

START_TEST(refuses_texts) {
    struct config config;
    expect_failure(read_text(&config, bad[_i].text), CLRNN_STATUS_FORMAT, bad[_i].error);
    ck_assert_ptr_null(config.desc.layers);
}
END_TEST

START_TEST(refuses_long_texts) {
    enum { LONG = (1 << 20) + 1 };
    struct config config;
    char *text = malloc(LONG + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, ' ', LONG);
    text[LONG] = '\0';
    expect_failure(config_read(&config, text, "m"), CLRNN_STATUS_FORMAT,
                   "m: must be at most 1048576 bytes, got 1048577");
    memset(text, '{', LONG - 1);
    text[LONG - 1] = '\0';
    expect_failure(config_read(&config, text, "m"), CLRNN_STATUS_FORMAT, "at most 6 deep");
    free(text);
}
END_TEST

START_TEST(refuses_too_many_layers) {
    enum { LAYERS_MADE = 1025 };
    static const char layer[] = "{\"cell\":\"rnn\",\"hidden\":1},";
    struct config config;
    char *text = malloc(100 + LAYERS_MADE * sizeof layer);
    ck_assert_ptr_nonnull(text);
    char *at = stpcpy(text, "{\"format\":\"clrnn\",\"version\":1,\"inputs\":1,\"layers\":[");
    for (int i = 0; i < LAYERS_MADE; i++) {
        at = stpcpy(at, layer);
    }
    strcpy(at - 1, "]}");
    expect_failure(config_read(&config, text, "m"), CLRNN_STATUS_FORMAT,
                   "1 to 1024 layers, got 1025");
    strcpy(at - sizeof layer, "]}");
    EXPECT_OK(config_read(&config, text, "m"));
    ck_assert_int_eq(config.desc.num_layers, LAYERS_MADE - 1);
    config_free(&config);
    free(text);
}
END_TEST

START_TEST(survives_cuts_and_changes) {
    static const char flips[] = {0x01, 0x03, 0x10, 0x20, (char)0x80};
    char text[sizeof everything];
    struct config config;
    memcpy(text, everything, sizeof text);
    for (size_t at = 0; at + 1 < sizeof text; at++) {
        const char kept = text[at];
        text[at] = '\0';
        expect_failure(read_text(&config, text), CLRNN_STATUS_FORMAT, "m: config: ");
        for (int i = 0; i < COUNT(flips); i++) {
            text[at] = (char)(kept ^ flips[i]);
            const clrnn_status status = read_text(&config, text);
            ck_assert(status == CLRNN_STATUS_OK || status == CLRNN_STATUS_FORMAT);
            config_free(&config);
        }
        text[at] = kept;
    }
}
END_TEST

/* ---- written and read back ------------------------------------------------------------------- */

static uint64_t seed;

static uint32_t next_random(void) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33);
}

static int below(int limit) {
    return (int)(next_random() % (uint32_t)limit);
}

/* Any float32: all exponents, denormals too. -0 is not told from 0, as a default. */
static float any_real(void) {
    float value;
    do {
        const uint32_t bits = next_random() << 1 ^ next_random();
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value) || !(value < 0 || value > 0));
    return below(4) == 0 ? (float)below(8) * 0.25f : value;
}

static clrnn_activation any_act(void) {
#define ROW(name, value, text, count, alpha, beta) {CLRNN_ACT_##name, count},
    static const struct {
        clrnn_act kind;
        int parameters;
    } kinds[] = {CLRNN_ACT_LIST(ROW){CLRNN_ACT_CUSTOM, 2}, {CLRNN_ACT_DEFAULT, 0}};
#undef ROW
    const int row = below(COUNT(kinds));
    clrnn_activation act = {.kind = kinds[row].kind};
    act.parameters = below(kinds[row].parameters + 1);
    act.alpha = act.parameters > 0 ? any_real() : 0;
    act.alpha +=
        act.kind == CLRNN_ACT_CELU && act.parameters > 0 && !(act.alpha > 0) && !(act.alpha < 0);
    act.beta = act.parameters > 1 ? any_real() : 0;
    act.source = act.kind == CLRNN_ACT_CUSTOM ? strdup("an \xc3\xa9 \"act\"") : NULL;
    return act;
}

static void any_layer(clrnn_layer_desc *layer) {
    const int lstm = below(2) == 0;
    layer->cell = lstm ? CLRNN_CELL_LSTM : (clrnn_cell)below(4);
    layer->hidden = 1 + below(1 << 20);
    layer->direction = (clrnn_direction)below(3);
    layer->bias = (clrnn_bias)below(3);
    layer->zero_masked = below(2);
    if (layer->direction == CLRNN_DIRECTION_BIDIRECTIONAL) {
        layer->merge = (clrnn_merge)below(4);
    }
    if (layer->cell != CLRNN_CELL_CUSTOM) {
        layer->gate_clip = fabsf(any_real());
    }
    if (layer->cell == CLRNN_CELL_LSTM) {
        layer->projection = below(layer->hidden);
        layer->peepholes = below(2);
        layer->couple = (clrnn_couple)below(3);
        layer->forget_bias = any_real();
        layer->cell_clip = fabsf(any_real());
    } else if (layer->cell == CLRNN_CELL_GRU) {
        layer->reset = (clrnn_reset)below(2);
    } else if (layer->cell == CLRNN_CELL_CUSTOM) {
        layer->gates = 1 + below(CLRNN_MAX_GATES);
        layer->states = 1 + below(2);
        layer->source = strdup("cell");
    }
    for (int direction = 0; direction < 2; direction++) {
        const int given =
            below(2) && (direction == 0 || layer->direction == CLRNN_DIRECTION_BIDIRECTIONAL);
        for (int slot = 0; given && slot < layer_slots(layer); slot++) {
            layer->acts[direction][slot] = any_act();
        }
    }
}

static void any_config(struct config *config) {
    static const char *const prefixes[] = {"", "rnn.", "a.\"b\"\\\n\xf0\x9f\x98\x80."};
    const char *prefix = prefixes[below(3)];
    EXPECT_OK(config_create(config, 1 + below(4), prefix, strlen(prefix)));
    config->desc.inputs = 1 + below(1 << 20);
    config->has_layout = below(2);
    config->batch_first = config->has_layout && below(2);
    config->last_only = below(2);
    for (int i = 0; i < config->desc.num_layers; i++) {
        any_layer((clrnn_layer_desc *)&config->desc.layers[i]);
        if (below(2)) {
            char name[32];
            snprintf(name, sizeof name, "layer \xc3\xa9 %d", i);
            config->names[i] = strdup(name);
        }
    }
}

static void check_round_trip(const struct config *config) {
    struct config again;
    char *text;
    char *twice;
    EXPECT_OK(config_write(&text, config));
    ck_assert_msg(read_text(&again, text) == CLRNN_STATUS_OK, "%s: %s", text,
                  clrnn_last_error()->message);
    ck_assert_msg(same_config(config, &again), "seed %llu: %s", (unsigned long long)seed, text);
    EXPECT_OK(config_write(&twice, &again));
    ck_assert_str_eq(text, twice);
    config_free(&again);
    free(text);
    free(twice);
}

START_TEST(reads_what_it_wrote) {
    for (int i = 0; i < 2000; i++) {
        struct config config;
        seed = (uint64_t)i;
        any_config(&config);
        EXPECT_OK(config_check(&config, "made"));
        check_round_trip(&config);
        config_free(&config);
    }
}
END_TEST

START_TEST(writes_short_text) {
    static const char expected[] =
        LAYER("\"cell\": \"lstm\", \"hidden\": 5, \"forget_bias\": 0.1, \"gate_clip\": 16777216.0, "
              "\"cell_clip\": 1e-45, \"activations\": [\"default\", \"tanh\", \"default\", "
              "{\"name\": \"leaky_relu\", \"alpha\": 0.33333334}, \"default\"]");
    struct config config;
    char *text;
    EXPECT_OK(read_text(&config, expected));
    EXPECT_OK(config_write(&text, &config));
    ck_assert_str_eq(text, expected);
    free(text);
    config_free(&config);
}
END_TEST

/* A comma as decimal point, where such a locale is installed, changes no number. */
START_TEST(ignores_the_locale) {
    static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
    struct config config;
    for (int i = 0; i < COUNT(locales) && setlocale(LC_ALL, locales[i]) == NULL; i++) {
    }
    EXPECT_OK(read_text(&config, everything));
    ck_assert_float_eq(config.desc.layers[0].gate_clip, 0.1f);
    check_round_trip(&config);
    config_free(&config);
    setlocale(LC_ALL, "C");
}
END_TEST

/* ---- descs ----------------------------------------------------------------------------------- */

START_TEST(names_code) {
    clrnn_layer_desc layers[2] = {
        {.cell = CLRNN_CELL_CUSTOM, .hidden = 2, .gates = 1, .states = 1, .source = "h = gx[0];"},
        {.cell = CLRNN_CELL_GRU, .hidden = 2, .direction = CLRNN_DIRECTION_BIDIRECTIONAL}};
    layers[1].acts[0][2] = (clrnn_activation){.kind = CLRNN_ACT_CUSTOM, .source = "x = -x;"};
    layers[1].acts[1][1] = (clrnn_activation){.kind = CLRNN_ACT_CUSTOM, .source = "x = x;"};
    const clrnn_net_desc desc = {.inputs = 3, .num_layers = 2, .layers = layers};
    struct config config;
    char *text;
    EXPECT_OK(config_from_desc(&config, &desc, &(struct config_code){0}));
    ck_assert_str_eq(config.desc.layers[0].source, "layer0");
    ck_assert_str_eq(config.desc.layers[1].acts[0][2].source, "layer1_act2");
    ck_assert_str_eq(config.desc.layers[1].acts[1][1].source, "layer1_reverse_act1");
    EXPECT_OK(config_write(&text, &config));
    ck_assert_ptr_null(strstr(text, "gx"));
    ck_assert_ptr_null(strstr(text, "x = "));
    check_round_trip(&config);
    free(text);
    config_free(&config);
}
END_TEST

START_TEST(knows_what_names_tell) {
    clrnn_layer_desc layers[2] = {{.cell = CLRNN_CELL_LSTM, .hidden = 4},
                                  {.cell = CLRNN_CELL_LSTM, .hidden = 4}};
    const clrnn_net_desc desc = {.inputs = 3, .num_layers = 2, .layers = layers};
    ck_assert(config_is_plain(&desc));
    layers[1].bias = CLRNN_BIAS_NONE;
    ck_assert(!config_is_plain(&desc));
    layers[0].bias = CLRNN_BIAS_NONE;
    ck_assert(config_is_plain(&desc));
    layers[0].bias = layers[1].bias = CLRNN_BIAS_SINGLE;
    ck_assert(!config_is_plain(&desc));
    layers[0].bias = layers[1].bias = CLRNN_BIAS_DOUBLE;
    layers[0].direction = layers[1].direction = CLRNN_DIRECTION_BIDIRECTIONAL;
    layers[0].projection = layers[1].projection = 2;
    ck_assert(config_is_plain(&desc));
    layers[0].direction = layers[1].direction = CLRNN_DIRECTION_REVERSE;
    ck_assert(!config_is_plain(&desc));
    layers[0].direction = layers[1].direction = CLRNN_DIRECTION_FORWARD;
    layers[0].hidden = 5;
    ck_assert(!config_is_plain(&desc));
    layers[0] = layers[1] = (clrnn_layer_desc){.cell = CLRNN_CELL_RNN, .hidden = 4};
    ck_assert(config_is_plain(&desc));
    layers[0].acts[0][0].kind = layers[1].acts[0][0].kind = CLRNN_ACT_RELU;
    ck_assert(!config_is_plain(&desc));
}
END_TEST

Suite *config_suite(void) {
    Suite *suite = suite_create("config");
    TCase *texts = tcase_create("texts");
    tcase_set_timeout(texts, 120);
    tcase_add_test(texts, reads_everything);
    tcase_add_test(texts, reads_defaults);
    tcase_add_loop_test(texts, refuses_texts, 0, COUNT(bad));
    tcase_add_test(texts, refuses_long_texts);
    tcase_add_test(texts, refuses_too_many_layers);
    tcase_add_test(texts, survives_cuts_and_changes);
    tcase_add_test(texts, reads_what_it_wrote);
    tcase_add_test(texts, writes_short_text);
    tcase_add_test(texts, ignores_the_locale);
    tcase_add_test(texts, names_code);
    tcase_add_test(texts, knows_what_names_tell);
    suite_add_tcase(suite, texts);
    return suite;
}
