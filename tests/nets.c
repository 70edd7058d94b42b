/*
 * nets.c: nets and samples from seeds, stored arrays. Their plain evaluation is in nets_plain.c.
 */
#include "nets.h"
#include "core/net.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers -------------------------------------------------------------------------- */

uint64_t random_state;

float uniform(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (float)(random_state * 0x2545f4914f6cdd1dULL >> 40) * 0x1p-23f - 1.0f;
}

static float *floats(int64_t count, float scale) {
    float *values = malloc((size_t)(count + 1) * sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = scale * uniform();
    }
    return values;
}

/* ---- kinds ----------------------------------------------------------------------------------- */

#define ACT(name)                                                                                  \
    { .kind = CLRNN_ACT_##name }
#define ACT_WITH(name, count, a, b)                                                                \
    { .kind = CLRNN_ACT_##name, .parameters = count, .alpha = a, .beta = b }
#define BOTH .direction = CLRNN_DIRECTION_BIDIRECTIONAL

/* A projection of 1 stands for half of H. */
static const clrnn_layer_desc variants[VARIANTS] = {
    {.cell = CLRNN_CELL_RNN},
    {.cell = CLRNN_CELL_RNN, .acts = {{ACT(RELU)}}, .zero_masked = 1},
    {.cell = CLRNN_CELL_LSTM},
    {.cell = CLRNN_CELL_GRU, .zero_masked = 1},
    {.cell = CLRNN_CELL_GRU, .reset = CLRNN_RESET_BEFORE},
    {.cell = CLRNN_CELL_RNN, .bias = CLRNN_BIAS_SINGLE, .gate_clip = 0.75f, .zero_masked = 1},
    {.cell = CLRNN_CELL_RNN, .bias = CLRNN_BIAS_NONE, .acts = {{ACT_WITH(LEAKY_RELU, 1, 0.1f, 0)}}},
    {.cell = CLRNN_CELL_LSTM, .peepholes = 1, .zero_masked = 1},
    {.cell = CLRNN_CELL_LSTM, .projection = 1},
    {.cell = CLRNN_CELL_LSTM,
     .projection = 1,
     .peepholes = 1,
     .bias = CLRNN_BIAS_SINGLE,
     .gate_clip = 1.5f,
     .cell_clip = 0.8f,
     .forget_bias = 1,
     .zero_masked = 1},
    {.cell = CLRNN_CELL_LSTM, .couple = CLRNN_COUPLE_FORGET, .bias = CLRNN_BIAS_NONE},
    {.cell = CLRNN_CELL_LSTM,
     .couple = CLRNN_COUPLE_INPUT,
     .peepholes = 1,
     .forget_bias = -0.5f,
     .cell_clip = 0.5f,
     .zero_masked = 1},
    {.cell = CLRNN_CELL_LSTM,
     .acts = {{ACT(HARD_SIGMOID), ACT(SIGMOID), ACT_WITH(ELU, 1, 0.7f, 0), ACT(GELU),
               ACT(SOFTSIGN)}}},
    {.cell = CLRNN_CELL_GRU,
     .bias = CLRNN_BIAS_SINGLE,
     .gate_clip = 0.9f,
     .acts = {{ACT_WITH(HARD_SIGMOID, 2, 0.25f, 0.4f), ACT(SIGMOID), ACT(SOFTSIGN)}},
     .zero_masked = 1},
    {.cell = CLRNN_CELL_GRU,
     .reset = CLRNN_RESET_BEFORE,
     .bias = CLRNN_BIAS_NONE,
     .gate_clip = 0.6f,
     .acts = {{ACT(SIGMOID), ACT(HARD_SIGMOID), ACT_WITH(SCALED_TANH, 2, 1.5f, 0.5f)}}},
};

static const clrnn_layer_desc stacks[STACKS][NETS_LAYERS] = {
    {{.cell = CLRNN_CELL_LSTM, BOTH}},
    {{.cell = CLRNN_CELL_GRU, .merge = CLRNN_MERGE_SUM, BOTH}},
    {{.cell = CLRNN_CELL_RNN, .merge = CLRNN_MERGE_MUL, .zero_masked = 1, BOTH}},
    {{.cell = CLRNN_CELL_LSTM,
      .projection = 1,
      .merge = CLRNN_MERGE_AVE,
      .acts = {{ACT(DEFAULT)}, {ACT(HARD_SIGMOID), ACT(DEFAULT), ACT(SOFTSIGN)}},
      BOTH}},
    {{.cell = CLRNN_CELL_LSTM, BOTH}, {.cell = CLRNN_CELL_GRU}},
    {{.cell = CLRNN_CELL_RNN, .direction = CLRNN_DIRECTION_REVERSE},
     {.cell = CLRNN_CELL_GRU, .reset = CLRNN_RESET_BEFORE, .merge = CLRNN_MERGE_SUM, BOTH},
     {.cell = CLRNN_CELL_LSTM, .projection = 1, .peepholes = 1, BOTH}},
    {{.cell = CLRNN_CELL_LSTM, .merge = CLRNN_MERGE_MUL, BOTH},
     {.cell = CLRNN_CELL_LSTM, .merge = CLRNN_MERGE_AVE, .zero_masked = 1, BOTH}},
    {{.cell = CLRNN_CELL_LSTM, .zero_masked = 1, BOTH},
     {.cell = CLRNN_CELL_GRU},
     {.cell = CLRNN_CELL_RNN, .acts = {{ACT(RELU)}}}},
};

static void size_layer(clrnn_layer_desc *layer, int hidden) {
    layer->hidden = hidden;
    layer->projection = layer->projection > 0 ? hidden / 2 : 0;
}

struct net_kind kind_of(int kind, int inputs, int hidden) {
    struct net_kind out = {.desc = {.inputs = inputs, .num_layers = 1}};
    if (kind < SINGLES) {
        out.layers[0] = variants[kind / 2];
        out.layers[0].direction = kind % 2 ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
        size_layer(&out.layers[0], hidden);
        return out;
    }
    for (int layer = 0; layer < NETS_LAYERS; layer++) {
        out.layers[layer] = stacks[kind - SINGLES][layer];
        size_layer(&out.layers[layer], hidden + layer);
        /* what the table leaves out is an rnn of CLRNN_DIRECTION_FORWARD with nothing else */
    }
    static const int depths[STACKS] = {1, 1, 1, 1, 2, 3, 2, 3};
    out.desc.num_layers = depths[kind - SINGLES];
    return out;
}

clrnn_net *net_of(const struct net_kind *kind) {
    clrnn_net *net = NULL;
    clrnn_net_desc desc = kind->desc;
    desc.layers = kind->layers;
    ck_assert_msg(clrnn_net_create(&net, &desc) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    return net;
}

static void set_weight(clrnn_net *net, const char *name, const clrnn_tensor *value) {
    ck_assert_msg(clrnn_net_set_weight(net, name, value) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
}

void fill_net(clrnn_net *net, float gain) {
    for (size_t i = 0; clrnn_net_weight_name(net, i) != NULL; i++) {
        clrnn_tensor view;
        char name[64];
        snprintf(name, sizeof name, "%s", clrnn_net_weight_name(net, i));
        ck_assert_int_eq(clrnn_net_get_weight(&view, net, name), CLRNN_STATUS_OK);
        const float columns = view.rank == 2 ? (float)view.shape[1] : 3;
        const float scale = strstr(name, "weight_hh") != NULL ? gain : 1;
        view.data = floats(clrnn_tensor_count(&view), scale * sqrtf(3 / columns));
        set_weight(net, name, &view);
        free(view.data);
    }
}

clrnn_net *random_net(const struct net_kind *kind, float gain) {
    clrnn_net *net = net_of(kind);
    fill_net(net, gain);
    return net;
}

struct net_kind kind_of_net(const clrnn_net *net) {
    struct net_kind kind = {.desc = *clrnn_net_get_desc(net)};
    ck_assert_int_le(kind.desc.num_layers, NETS_LAYERS);
    memcpy(kind.layers, kind.desc.layers, (size_t)kind.desc.num_layers * sizeof *kind.layers);
    return kind;
}

clrnn_net *copy_net(const clrnn_net *net, const struct net_kind *kind) {
    clrnn_net *copy = net_of(kind);
    for (size_t i = 0; clrnn_net_weight_name(copy, i) != NULL; i++) {
        clrnn_tensor value;
        char name[64];
        ck_assert_int_eq(clrnn_net_get_weight(&value, net, clrnn_net_weight_name(net, i)),
                         CLRNN_STATUS_OK);
        snprintf(name, sizeof name, "%s", clrnn_net_weight_name(copy, i));
        set_weight(copy, name, &value);
    }
    return copy;
}

/* ---- samples --------------------------------------------------------------------------------- */

clrnn_tensor tensor_of(clrnn_dtype dtype, void *data, int rank, int64_t a, int64_t b, int64_t c) {
    return (clrnn_tensor){.data = data, .dtype = dtype, .rank = rank, .shape = {a, b, c}};
}

struct sample sample_of(clrnn_net *net, int steps, int batch, int batch_first) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(net);
    const int64_t rows = (int64_t)steps * batch;
    struct sample s = {.net = net, .steps = steps, .batch = batch, .batch_first = batch_first};
    s.x = floats(rows * desc->inputs, 2);
    for (int layer = 0; layer < desc->num_layers; layer++) {
        const clrnn_layer_desc *of = &desc->layers[layer];
        const int64_t directions = clrnn_layer_directions(of), width = clrnn_layer_width(of);
        const int64_t h = directions * width, c = directions * of->hidden;
        s.of[layer] = (struct sample_layer){
            .h_0 = floats(batch * h, 1),
            .c_0 = floats(batch * c, 1),
            .o_0 = floats(batch * h, 1),
            .h_n = floats(batch * h, 1),
            .c_n = floats(batch * c, 1),
            .o_n = floats(batch * h, 1),
            .y = floats(rows * clrnn_layer_outputs(of), 1),
            .last = floats((int64_t)batch * clrnn_layer_outputs(of), 1),
            .hiddens = floats(rows * h, 1),
            .cells = floats(rows * c, 1),
            .gates = floats(rows * c * clrnn_layer_gates(of), 1),
        };
    }
    s.lengths = malloc((size_t)batch * sizeof *s.lengths);
    for (int n = 0; n < batch; n++) {
        s.lengths[n] = n == 0 ? steps : n == 1 ? 0 : (n * 7) % (steps + 1);
    }
    return s;
}

struct sample small_sample(int kind) {
    const struct net_kind desc = kind_of(kind, 5, 9);
    random_state = (uint64_t)(4242 + kind);
    struct sample s = sample_of(random_net(&desc, 1), 6, 4, kind % 2);
    s.lengths[2] = 1;
    s.lengths[3] = 4;
    plain_forward(&s, s.net);
    return s;
}

static void mask_sample(struct sample *s) {
    s->mask = malloc((size_t)(s->batch * s->steps));
    for (int n = 0; n < s->batch; n++) {
        for (int t = 0; t < s->steps; t++) {
            const int hole = (t * 5 + n) % 3 == 0;
            s->mask[n * s->steps + t] = n % 4 == 2   ? 0
                                        : n % 4 == 3 ? t > 0 && t < s->steps - 1
                                                     : !hole;
        }
    }
}

static void pack_sample(struct sample *s) {
    ck_assert_int_eq(s->batch_first, 0);
    s->batch_sizes = calloc((size_t)s->steps, sizeof *s->batch_sizes);
    for (int n = 0; n < s->batch; n++) {
        const int length = s->steps - n * (s->steps - 1) / s->batch;
        s->lengths[n] = length;
        for (int t = 0; t < length; t++) {
            s->batch_sizes[t]++;
        }
    }
}

void lay_sample(struct sample *s, enum lie lie) {
    if (lie == PACKED) {
        pack_sample(s);
    } else if (lie == MASKED) {
        mask_sample(s);
    }
}

void free_sample(struct sample *s) {
    clrnn_net_free(s->net);
    free(s->x);
    free(s->lengths);
    free(s->batch_sizes);
    free(s->mask);
    for (int layer = 0; layer < NETS_LAYERS; layer++) {
        struct sample_layer *of = &s->of[layer];
        float *const arrays[] = {of->h_0, of->c_0,  of->o_0,     of->h_n,   of->c_n,  of->o_n,
                                 of->y,   of->last, of->hiddens, of->cells, of->gates};
        for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
            free(arrays[i]);
        }
    }
}

size_t at(const struct sample *s, int t, int n) {
    return (size_t)(s->batch_first ? n * s->steps + t : t * s->batch + n);
}

size_t x_row(const struct sample *s, int t, int n) {
    size_t row = (size_t)n;
    if (s->batch_sizes == NULL) {
        return at(s, t, n);
    }
    for (int before = 0; before < t; before++) {
        row += (size_t)s->batch_sizes[before];
    }
    return row;
}

int length_of(const struct sample *s, int n) {
    return s->lengths != NULL ? s->lengths[n] : s->steps;
}

int is_masked(const struct sample *s, int t, int n) {
    return s->mask != NULL && !s->mask[n * s->steps + t];
}

static clrnn_tensor steps_tensor(const struct sample *s, float *data, int features) {
    return tensor_of(CLRNN_DTYPE_F32, data, 3, s->batch_first ? s->batch : s->steps,
                     s->batch_first ? s->steps : s->batch, features);
}

static clrnn_tensor rows_tensor(const struct sample *s, float *data, int features) {
    if (s->batch_sizes == NULL) {
        return steps_tensor(s, data, features);
    }
    const int64_t rows = (int64_t)x_row(s, s->steps - 1, 0) + s->batch_sizes[s->steps - 1];
    return tensor_of(CLRNN_DTYPE_F32, data, 2, rows, features, 0);
}

clrnn_forward_args args_of(struct sample *s) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(s->net);
    const int top = desc->num_layers - 1;
    clrnn_forward_args args = {.x = rows_tensor(s, s->x, desc->inputs), .layers = s->arrays};
    for (int layer = 0; layer <= top; layer++) {
        const clrnn_layer_desc *of = &desc->layers[layer];
        const struct sample_layer *from = &s->of[layer];
        const int directions = clrnn_layer_directions(of), width = clrnn_layer_width(of);
#define STATE(data, size) tensor_of(CLRNN_DTYPE_F32, data, 3, directions, s->batch, size)
        s->arrays[layer] = (clrnn_layer_arrays){
            .h_0 = STATE(from->h_0, width),
            .h_n = STATE(from->h_n, width),
            .o_0 = STATE(from->o_0, width),
            .o_n = STATE(from->o_n, width),
            .y = rows_tensor(s, from->y, clrnn_layer_outputs(of)),
            .hiddens = steps_tensor(s, from->hiddens, directions * width),
            .gates = steps_tensor(s, from->gates, directions * clrnn_layer_gates(of) * of->hidden),
        };
        if (of->cell == CLRNN_CELL_LSTM) {
            s->arrays[layer].c_0 = STATE(from->c_0, of->hidden);
            s->arrays[layer].c_n = STATE(from->c_n, of->hidden);
            s->arrays[layer].cells = steps_tensor(s, from->cells, directions * of->hidden);
        }
#undef STATE
    }
    args.y = s->arrays[top].y;
    s->arrays[top].y = (clrnn_tensor){0};
    if (s->batch_sizes != NULL) {
        args.batch_sizes = tensor_of(CLRNN_DTYPE_I32, s->batch_sizes, 1, s->steps, 0, 0);
    } else if (s->lengths != NULL) {
        args.lengths = tensor_of(CLRNN_DTYPE_I32, s->lengths, 1, s->batch, 0, 0);
    }
    if (s->mask != NULL) {
        args.mask = tensor_of(CLRNN_DTYPE_BOOL, s->mask, 2, s->batch, s->steps, 0);
    }
    return args;
}

clrnn_forward_args args_showing(struct sample *s, int shown) {
    const clrnn_forward_args args = args_of(s);
    for (int layer = 0; layer < NETS_LAYERS; layer++) {
        clrnn_layer_arrays *of = &s->arrays[layer];
        of->hiddens = shown & SHOW_HIDDENS ? of->hiddens : (clrnn_tensor){0};
        of->cells = shown & SHOW_CELLS ? of->cells : (clrnn_tensor){0};
        of->y = shown & SHOW_BELOW ? of->y : (clrnn_tensor){0};
    }
    return args;
}

clrnn_judgement judge_args(const clrnn_net *net, const struct sample *s,
                           const clrnn_forward_args *args) {
    clrnn_judgement result;
    ck_assert_msg(clrnn_judge(&result, net, s->batch_first, args) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    return result;
}

clrnn_judgement judge(const clrnn_net *net, struct sample *s) {
    const clrnn_forward_args args = args_of(s);
    return judge_args(net, s, &args);
}

/* ---- stored arrays --------------------------------------------------------------------------- */

clrnn_arrays *load(const char *path) {
    clrnn_arrays *arrays = NULL;
    ck_assert_msg(clrnn_arrays_load(&arrays, path) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    return arrays;
}

clrnn_model *load_model(const char *path) {
    clrnn_model *model = NULL;
    ck_assert_msg(clrnn_model_load(&model, path, NULL) == CLRNN_STATUS_OK, "%s",
                  clrnn_last_error()->message);
    return model;
}

const clrnn_tensor *find(const clrnn_arrays *arrays, const char *name) {
    const clrnn_tensor *tensor = clrnn_arrays_find(arrays, name);
    ck_assert_msg(tensor != NULL, "no array %s", name);
    return tensor;
}
