/*
 * test_golden.c: results of Keras, PyTorch and ONNX Runtime (tests/data/golden, made by the script
 * there): ours must be theirs, and theirs must be within the bounds of the equations, so that what
 * we take for the meaning of a mask, a clip or a peephole is what they mean.
 *
 * A file's text array `note` says its layers; what varies within a file is in the names of its
 * results: output_zero, output_sum, output.KEY (activations).
 */
#include "nets.h"
#include "suites.h"
#include "support.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER DATA "golden/"

/* Small nets, few steps: nothing here multiplies differences, and both are float32. */
static const double apart = 1e-5;

enum { MAX_LAYERS = 4 };

struct golden {
    const char *file;
    struct test_place places[16]; /* opened once: their programs are kept */
    size_t place_count;
    int every_algorithm;
    clrnn_arrays *arrays;
    clrnn_net_desc desc;
    clrnn_layer_desc layers[MAX_LAYERS];
    int batch_first;
};

/* What is varied: the names of the results. */
struct variant {
    char output[160], last[160],
        states[160]; /* "output.KEY", "last_zero", ".KEY" behind h_n, c_n */
};

/* ---- a file ---------------------------------------------------------------------------------- */

static const clrnn_tensor *of_layer(const struct golden *g, const char *stem, int layer) {
    char name[64];
    snprintf(name, sizeof name, "%s_l%d", stem, layer);
    const clrnn_tensor *found = clrnn_arrays_find(g->arrays, name);
    if (found == NULL) {
        snprintf(name, sizeof name, "%s_l%d_reverse", stem, layer);
        found = clrnn_arrays_find(g->arrays, name);
    }
    return found;
}

static int is_text(const json_t *object, const char *key, const char *text) {
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL && strcmp(value, text) == 0;
}

static void read_layer(struct golden *g, const json_t *note, int layer) {
    clrnn_layer_desc *desc = &g->layers[layer];
    const clrnn_tensor *hr = of_layer(g, "weight_hr", layer);
    desc->cell = is_text(note, "cell", "lstm")  ? CLRNN_CELL_LSTM
                 : is_text(note, "cell", "gru") ? CLRNN_CELL_GRU
                                                : CLRNN_CELL_RNN;
    desc->direction = is_text(note, "direction", "bidirectional") ? CLRNN_DIRECTION_BIDIRECTIONAL
                      : is_text(note, "direction", "reverse")     ? CLRNN_DIRECTION_REVERSE
                                                                  : CLRNN_DIRECTION_FORWARD;
    desc->reset = is_text(note, "reset", "before") ? CLRNN_RESET_BEFORE : CLRNN_RESET_AFTER;
    desc->couple = is_text(note, "couple", "forget") ? CLRNN_COUPLE_FORGET : CLRNN_COUPLE_NONE;
    desc->gate_clip = (float)json_number_value(json_object_get(note, "gate_clip"));
    desc->zero_masked = (int)json_integer_value(json_object_get(note, "zero_masked"));
    desc->hidden = (int)of_layer(g, "weight_hh", layer)->shape[0] / clrnn_layer_gates(desc);
    desc->projection = hr != NULL ? (int)hr->shape[0] : 0;
    desc->peepholes = of_layer(g, "weight_ci", layer) != NULL;
    if (is_text(note, "activations", "relu")) {
        desc->acts[0][0].kind = CLRNN_ACT_RELU;
    }
}

static struct golden open_golden(const char *file, const char *weights) {
    char path[160];
    struct golden g = {.file = file, .batch_first = 1, .every_algorithm = 1};
    g.place_count = test_places(g.places, 16);
    snprintf(path, sizeof path, FOLDER "%s", file);
    g.arrays = load(path);
    json_t *note = json_loads(find(g.arrays, "note")->data, 0, NULL);
    ck_assert_msg(note != NULL, "%s: note is no JSON", file);
    const json_t *layers = json_object_get(note, "layers");
    const json_t *order = json_object_get(note, "batch_first");
    g.batch_first = order == NULL || json_integer_value(order) != 0;
    if (weights != NULL) { /* they stand elsewhere */
        clrnn_model *model = load_model(weights);
        const clrnn_net *net = clrnn_model_net(model);
        const char *name;
        for (size_t i = 0; (name = clrnn_net_weight_name(net, i)) != NULL; i++) {
            clrnn_tensor value, copy;
            char own[64];
            snprintf(own, sizeof own, "%s", name);
            ok(clrnn_net_get_weight(&value, net, own));
            ok(clrnn_arrays_convert(&copy, g.arrays, own, CLRNN_DTYPE_F32, &value));
        }
        clrnn_model_free(model);
    }
    g.desc = (clrnn_net_desc){.inputs = (int)of_layer(&g, "weight_ih", 0)->shape[1],
                              .num_layers = (int)json_array_size(layers)};
    ck_assert_int_le(g.desc.num_layers, MAX_LAYERS);
    for (int layer = 0; layer < g.desc.num_layers; layer++) {
        read_layer(&g, json_array_get(layers, (size_t)layer), layer);
    }
    json_decref(note);
    return g;
}

static void close_golden(struct golden *g) {
    test_places_free(g->places, g->place_count);
    clrnn_arrays_free(g->arrays);
}

static clrnn_net *make_net(struct golden *g) {
    clrnn_net *net = NULL;
    const char *name;
    g->desc.layers = g->layers;
    ok(clrnn_net_create(&net, &g->desc));
    for (size_t i = 0; (name = clrnn_net_weight_name(net, i)) != NULL; i++) {
        char own[64];
        snprintf(own, sizeof own, "%s", name);
        const clrnn_tensor *value = clrnn_arrays_find(g->arrays, own);
        if (value != NULL) {
            ok(clrnn_net_set_weight(net, own, value));
        }
    }
    return net;
}

/* ---- arguments ------------------------------------------------------------------------------- */

/* An array of the file as a call takes it, or nothing. */
static clrnn_tensor given(const struct golden *g, const char *name, const char *behind) {
    char full[200];
    snprintf(full, sizeof full, "%s%s", name, behind);
    const clrnn_tensor *found = clrnn_arrays_find(g->arrays, full);
    return found != NULL ? *found : (clrnn_tensor){0};
}

static clrnn_tensor given_of(const struct golden *g, const char *stem, int layer) {
    char name[64];
    snprintf(name, sizeof name, "%s_l%d", stem, layer);
    return given(g, name, "");
}

/* A poisoned array of the same shape, kept in `keeper`. */
static clrnn_tensor like(const clrnn_tensor *tensor, clrnn_arrays *keeper) {
    clrnn_tensor copy = *tensor;
    char name[32];
    if (tensor->data == NULL) {
        return copy;
    }
    snprintf(name, sizeof name, "%zu", clrnn_arrays_count(keeper));
    ok(clrnn_arrays_convert(&copy, keeper, name, tensor->dtype, tensor));
    for (int64_t i = 0; i < clrnn_tensor_count(&copy); i++) {
        ((float *)copy.data)[i] = -12345.678f;
    }
    return copy;
}

/* The file's inputs and results; layers has room for all. */
static clrnn_forward_args foreign_args(const struct golden *g, const struct variant *v,
                                       clrnn_layer_arrays *layers) {
    const int top = g->desc.num_layers - 1;
    clrnn_forward_args args = {.layers = layers};
    memset(layers, 0, MAX_LAYERS * sizeof *layers);
    args.x = given(g, "x", "");
    args.x = args.x.data != NULL ? args.x : given(g, "data", "");
    args.batch_sizes = given(g, "batch_sizes", "");
    args.lengths = given(g, "lengths", "");
    args.mask = given(g, "mask", "");
    args.h_0 = given(g, "h_0", "");
    args.c_0 = given(g, "c_0", "");
    args.h_n = given(g, "h_n", v->states);
    args.c_n = given(g, "c_n", v->states);
    args.y = given(g, v->output, "");
    for (int layer = 0; layer <= top; layer++) {
        layers[layer].h_n = given_of(g, "h_n", layer);
        layers[layer].c_n = given_of(g, "c_n", layer);
        if (layer < top) {
            layers[layer].y = given_of(g, "output", layer);
        }
    }
    return args;
}

static void hold_near(const clrnn_tensor *ours, const clrnn_tensor *theirs, const char *what,
                      const struct golden *g, const struct variant *v, const char *where) {
    for (int64_t i = 0; theirs->data != NULL && i < clrnn_tensor_count(theirs); i++) {
        const double a = (double)((const float *)ours->data)[i];
        const double b = (double)((const float *)theirs->data)[i];
        ck_assert_msg(fabs(a - b) <= apart, "%s %s: %s on %s: [%lld] is %.9g, theirs is %.9g",
                      g->file, v->output, what, where, (long long)i, a, b);
    }
}

static void hold_judged(const clrnn_net *net, const clrnn_forward_args *args, const char *whose,
                        const struct golden *g, const struct variant *v) {
    clrnn_judgement result;
    ok(clrnn_judge(&result, net, g->batch_first, args));
    ck_assert_msg(result.bad == 0 && result.checked > 0,
                  "%s %s: %s: %s of layer %d is off by %g (bound %g) at step %lld row %lld unit "
                  "%lld, %lld bad",
                  g->file, v->output, whose, result.what, result.layer, result.residual,
                  result.bound, (long long)result.step, (long long)result.row,
                  (long long)result.unit, (long long)result.bad);
}

/* Ours on one place by one algorithm: near theirs, and within the bounds. */
static void run_one(const struct golden *g, const struct variant *v, const clrnn_net *net,
                    clrnn_context *context, const clrnn_plan_desc *desc, const char *where) {
    clrnn_layer_arrays theirs[MAX_LAYERS], ours[MAX_LAYERS];
    const clrnn_forward_args foreign = foreign_args(g, v, theirs);
    clrnn_forward_args args = foreign;
    clrnn_arrays *keeper = NULL;
    clrnn_plan *plan = NULL;
    ok(clrnn_arrays_create(&keeper));
    memcpy(ours, theirs, sizeof ours);
    args.layers = ours;
    args.y = like(&foreign.y, keeper);
    args.h_n = like(&foreign.h_n, keeper);
    args.c_n = like(&foreign.c_n, keeper);
    for (int layer = 0; layer < g->desc.num_layers; layer++) {
        ours[layer].y = like(&theirs[layer].y, keeper);
        ours[layer].h_n = like(&theirs[layer].h_n, keeper);
        ours[layer].c_n = like(&theirs[layer].c_n, keeper);
    }
    ok(clrnn_plan_create(&plan, context, net, desc));
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    hold_near(&args.y, &foreign.y, "output", g, v, where);
    hold_near(&args.h_n, &foreign.h_n, "h_n", g, v, where);
    hold_near(&args.c_n, &foreign.c_n, "c_n", g, v, where);
    for (int layer = 0; layer < g->desc.num_layers; layer++) {
        hold_near(&ours[layer].y, &theirs[layer].y, "y of a layer", g, v, where);
        hold_near(&ours[layer].h_n, &theirs[layer].h_n, "h_n of a layer", g, v, where);
        hold_near(&ours[layer].c_n, &theirs[layer].c_n, "c_n of a layer", g, v, where);
    }
    hold_judged(net, &args, where, g, v);
    if (v->last[0] != '\0') {
        const clrnn_tensor last = given(g, v->last, "");
        args.y = like(&last, keeper);
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        hold_near(&args.y, &last, v->last, g, v, where);
    }
    clrnn_plan_free(plan);
    clrnn_arrays_free(keeper);
}

/* ONNX Runtime computes log(1 + e^x) and e^x - 1 as they are written, which loses near 0 what the
 * bound asks for: a few units in the last place of the result. */
static int cancels(const struct golden *g, const struct variant *v) {
    return strncmp(g->file, "onnx_", 5) == 0 &&
           (strstr(v->output, "softplus") != NULL || strstr(v->output, ".elu") != NULL);
}

static void hold_variant(struct golden *g, const struct variant *v) {
    clrnn_layer_arrays layers[MAX_LAYERS];
    clrnn_net *net = make_net(g);
    const clrnn_forward_args foreign = foreign_args(g, v, layers);
    const int packed = foreign.batch_sizes.data != NULL;
    clrnn_plan_desc desc = {
        .steps = (int)(packed ? foreign.batch_sizes.shape[0] : foreign.x.shape[g->batch_first]),
        .batch = (int)(packed ? foreign.h_0.shape[1] : foreign.x.shape[!g->batch_first]),
        .batch_first = packed ? 0 : g->batch_first};
    if (packed) {
        g->batch_first = 0;
    }
    if (!cancels(g, v)) {
        hold_judged(net, &foreign, "theirs", g, v);
    }
    for (size_t place = 0; place < g->place_count; place++) {
        const struct test_place *at = &g->places[place];
        clrnn_algorithm_info infos[16];
        size_t algorithms = 0, run = 0;
        desc.algorithm = NULL;
        ok(clrnn_plan_algorithms(&algorithms, infos, 16, at->context, net, &desc));
        for (size_t i = 0; i < algorithms; i++) {
            char where[256];
            snprintf(where, sizeof where, "%.200s %.40s", at->name, infos[i].name);
            desc.algorithm = infos[i].name;
            if (test_takes(&infos[i], net) && (run == 0 || g->every_algorithm)) {
                run_one(g, v, net, at->context, &desc, where);
                run++;
            }
        }
    }
    clrnn_net_free(net);
}

/* ---- the files ------------------------------------------------------------------------------- */

static const char *const one_result[] = {"torch_gru.npz",
                                         "torch_rnn_relu.npz",
                                         "torch_lstm_projection.npz",
                                         "keras_masks_stack.npz",
                                         "onnx_lstm_peepholes.npz",
                                         "onnx_lstm_input_forget.npz",
                                         "onnx_lstm_input_forget_peepholes.npz",
                                         "onnx_lstm_clip.npz",
                                         "onnx_gru_before.npz",
                                         "onnx_gru_before_clip.npz",
                                         "onnx_gru_after.npz",
                                         "onnx_gru_after_clip.npz",
                                         "onnx_rnn_clip.npz"};
enum { ONE_RESULT = sizeof one_result / sizeof one_result[0] };

START_TEST(one_result_a_file) {
    struct golden g = open_golden(one_result[_i], NULL);
    struct variant v = {.output = "output"};
    if (g.desc.num_layers > 1) {
        snprintf(v.output, sizeof v.output, "output_l%d", g.desc.num_layers - 1);
    }
    if (clrnn_arrays_find(g.arrays, "last") != NULL) {
        snprintf(v.last, sizeof v.last, "last");
    }
    hold_variant(&g, &v);
    close_golden(&g);
}
END_TEST

START_TEST(trained_bilstm) {
    struct golden g =
        open_golden("expected_torch_bilstm_layers.npz", DATA "torch_bilstm.safetensors");
    const struct variant v = {.output = "output_l1"};
    hold_variant(&g, &v);
    close_golden(&g);
}
END_TEST

START_TEST(packed_sequence) {
    struct golden g = open_golden("torch_packed.npz", NULL);
    const struct variant v = {.output = "output_data"};
    hold_variant(&g, &v);
    close_golden(&g);
}
END_TEST

static const char *const masks[] = {
    "keras_masks_rnn.npz",        "keras_masks_rnn_backwards.npz",
    "keras_masks_lstm.npz",       "keras_masks_lstm_backwards.npz",
    "keras_masks_gru_after.npz",  "keras_masks_gru_after_backwards.npz",
    "keras_masks_gru_before.npz", "keras_masks_gru_before_backwards.npz"};
enum { MASKS = sizeof masks / sizeof masks[0] };

START_TEST(masks_repeat_or_give_zero) {
    static const struct variant variants[] = {{"output_repeat", "last_repeat", ""},
                                              {"output_zero", "last_zero", ""}};
    struct golden g = open_golden(masks[_i], NULL);
    for (int zero = 0; zero < 2; zero++) {
        g.layers[0].zero_masked = zero;
        hold_variant(&g, &variants[zero]);
    }
    close_golden(&g);
}
END_TEST

/* Keras's Bidirectional zeroes masked steps of sequences, and repeats for the last output. */
START_TEST(masks_and_merges) {
    static const char *const names[] = {"concat", "sum", "mul", "ave"};
    struct golden g = open_golden("keras_masks_bilstm.npz", NULL);
    for (int merge = CLRNN_MERGE_CONCAT; merge <= CLRNN_MERGE_AVE; merge++) {
        struct variant v = {.output = ""};
        clrnn_tensor last, y;
        snprintf(v.output, sizeof v.output, "output_%s", names[merge]);
        g.layers[0].merge = (clrnn_merge)merge;
        g.layers[0].zero_masked = 1;
        hold_variant(&g, &v);

        g.layers[0].zero_masked = 0;
        snprintf(v.last, sizeof v.last, "last_%s", names[merge]);
        last = given(&g, v.last, "");
        clrnn_net *net = make_net(&g);
        for (size_t place = 0; place < g.place_count; place++) {
            clrnn_layer_arrays layers[MAX_LAYERS];
            clrnn_forward_args args = foreign_args(&g, &v, layers);
            clrnn_arrays *keeper = NULL;
            clrnn_plan *plan = NULL;
            ok(clrnn_arrays_create(&keeper));
            y = like(&last, keeper);
            args.y = y;
            args.h_n = args.c_n = (clrnn_tensor){0};
            ok(clrnn_plan_create(&plan, g.places[place].context, net,
                                 &(clrnn_plan_desc){.steps = (int)args.x.shape[1],
                                                    .batch = (int)args.x.shape[0],
                                                    .batch_first = 1}));
            ok(clrnn_forward(plan, &args, 0, NULL, NULL));
            hold_near(&y, &last, v.last, &g, &v, g.places[place].name);
            clrnn_plan_free(plan);
            clrnn_arrays_free(keeper);
        }
        clrnn_net_free(net);
    }
    close_golden(&g);
}
END_TEST

static const char *const activations[] = {
    "keras_activations_rnn.npz",      "keras_activations_rnn_small.npz",
    "keras_activations_lstm.npz",     "keras_activations_gru.npz",
    "onnx_rnn_activations.npz",       "onnx_gru_before_activations.npz",
    "onnx_gru_after_activations.npz", "onnx_lstm_activations.npz",
    "onnx_lstm_everything.npz"};
enum { ACTIVATIONS = sizeof activations / sizeof activations[0] };

/* One direction's activations from names and rows of parameters: h; r z, n; or i f o, g, h. */
static int set_acts(clrnn_activation *acts, clrnn_cell cell, char **names,
                    const float *parameters) {
    static const int slots[][CLRNN_MAX_ACTS] = {
        [CLRNN_CELL_RNN] = {0}, [CLRNN_CELL_LSTM] = {0, 0, 1, 0, 2}, [CLRNN_CELL_GRU] = {0, 0, 1}};
    static const int counts[] = {[CLRNN_CELL_RNN] = 1, [CLRNN_CELL_LSTM] = 5, [CLRNN_CELL_GRU] = 3};
    int used = 0;
    for (int slot = 0; slot < counts[cell]; slot++) {
        const int from = slots[cell][slot];
        const clrnn_act kind = clrnn_act_find(names[from]);
        static const int takes[] = {
#define TAKES(name, value, text, count, alpha, beta) [value] = count,
            CLRNN_ACT_LIST(TAKES)
#undef TAKES
        };
        ck_assert_msg(kind != CLRNN_ACT_DEFAULT, "unknown activation %s", names[from]);
        acts[slot] = (clrnn_activation){
            .kind = kind,
            .parameters = kind == CLRNN_ACT_SELU || kind == CLRNN_ACT_SWISH ? 0 : takes[kind],
            .alpha = parameters[2 * from],
            .beta = parameters[2 * from + 1]};
        used = from + 1 > used ? from + 1 : used;
    }
    return used;
}

START_TEST(activations_of_each_gate) {
    struct golden g = open_golden(activations[_i], NULL);
    int variants = 0;
    g.every_algorithm = 0; /* a program each: test_activation.c has all of them on all algorithms */
    for (size_t i = 0; i < clrnn_arrays_count(g.arrays); i++) {
        const char *name = clrnn_arrays_name(g.arrays, i);
        struct variant v = {.output = ""};
        char key[160];
        char *names[2 * CLRNN_MAX_ACTS] = {0}, *rest = NULL;
        int count = 0;
        if (strncmp(name, "output.", 7) != 0) {
            continue;
        }
        snprintf(v.output, sizeof v.output, "%s", name);
        snprintf(v.states, sizeof v.states, "%s", name + 6);
        snprintf(key, sizeof key, "%s", name + 7);
        for (char *part = strtok_r(key, ".", &rest); part != NULL;
             part = strtok_r(NULL, ".", &rest)) {
            names[count++] = part;
        }
        const clrnn_tensor parameters = given(&g, "parameters", name + 6);
        ck_assert_int_eq(parameters.shape[0], count);
        const int used = set_acts(g.layers[0].acts[0], g.layers[0].cell, names, parameters.data);
        if (count > used) {
            set_acts(g.layers[0].acts[1], g.layers[0].cell, names + used,
                     (const float *)parameters.data + 2 * used);
        }
        hold_variant(&g, &v);
        variants++;
    }
    ck_assert_int_gt(variants, 0);
    close_golden(&g);
}
END_TEST

Suite *golden_suite(void) {
    Suite *suite = suite_create("golden");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 600);
    tcase_add_loop_test(files, one_result_a_file, 0, ONE_RESULT);
    tcase_add_test(files, trained_bilstm);
    tcase_add_test(files, packed_sequence);
    tcase_add_loop_test(files, masks_repeat_or_give_zero, 0, MASKS);
    tcase_add_test(files, masks_and_merges);
    tcase_add_loop_test(files, activations_of_each_gate, 0, ACTIVATIONS);
    suite_add_tcase(suite, files);
    return suite;
}
