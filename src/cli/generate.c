/*
 * generate.c: the data of a problem, the same bits on every machine.
 *
 * An array is one stream of splitmix64 (Steele, Lea, Flood 2014) that starts in the state
 * mix(mix(seed) + 16 s + k), where s counts the strands (layer 0 forward, layer 0 reverse, layer 1
 * forward, ...; 0 for what is of no strand) and k is:
 *
 *     0 weight_ih   1 weight_hh   2 bias_ih     3 bias_hh     4 x           5 h_0      6 c_0
 *     7 lengths     8 weight_hr   9 weight_ci   10 weight_cf  11 weight_co  12 o_0     13 mask
 *
 * An element takes one number of it:
 *
 *     floats   the upper 24 bits u as u / 2^23 - 1, in [-1, 1), exact in float32
 *     others   a whole number below `n` as the upper 32 bits times n, shifted right by 32
 *
 * weight_ih, weight_hr and the biases are that times 1 / sqrt(H), weight_hh times gain / sqrt(H),
 * computed in double and rounded once; peepholes and states are as they come. x is filled in the
 * order [T][N][I] in every layout, so that a problem and its batch-first twin have the same values.
 * Packed rows are sorted by falling length, and the first one has all T steps.
 */
#include "cli/generate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum stream_id {
    STREAM_W_IH,
    STREAM_W_HH,
    STREAM_B_IH,
    STREAM_B_HH,
    STREAM_X,
    STREAM_H_0,
    STREAM_C_0,
    STREAM_LENGTHS,
    STREAM_W_HR,
    STREAM_W_CI,
    STREAM_W_CF,
    STREAM_W_CO,
    STREAM_O_0,
    STREAM_MASK,
    STREAMS_A_STRAND = 16
} stream_id;

/* ---- random numbers -------------------------------------------------------------------------- */

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t stream_start(uint64_t seed, int strand, stream_id id) {
    return mix(mix(seed) + (uint64_t)strand * STREAMS_A_STRAND + (uint64_t)id);
}

static uint64_t stream_next(uint64_t *state) {
    *state += 0x9e3779b97f4a7c15u;
    return mix(*state);
}

static double next_unit(uint64_t *state) {
    return (double)(stream_next(state) >> 40) / 8388608.0 - 1.0;
}

static int64_t next_below(uint64_t *state, int64_t end) {
    return (int64_t)(((stream_next(state) >> 32) * (uint64_t)end) >> 32);
}

static void fill(const clrnn_tensor *out, uint64_t seed, int strand, stream_id id, double scale) {
    uint64_t state = stream_start(seed, strand, id);
    float *values = out->data;
    int64_t count = clrnn_tensor_count(out);
    for (int64_t i = 0; i < count; i++) {
        values[i] = (float)(scale * next_unit(&state));
    }
}

static clrnn_status add(clrnn_tensor *out, generated *made, const char *name, clrnn_dtype dtype,
                        int64_t a, int64_t b, int64_t c) {
    int64_t shape[3] = {a, b, c};
    int rank = b == 0 ? 1 : c == 0 ? 2 : 3;
    return clrnn_arrays_add(out, made->arrays, name, dtype, rank, shape);
}

/* ---- the net --------------------------------------------------------------------------------- */

static void take_acts(clrnn_activation out[CLRNN_MAX_ACTS], const problem_acts *from, int slots) {
    for (int slot = 0; slot < slots && from->count > 0; slot++) {
        out[slot] = from->list[slot % from->count];
    }
}

clrnn_layer_desc generate_layer(const problem *from, int layer) {
    static const struct {
        clrnn_cell cell;
        clrnn_reset reset;
        clrnn_act act;
        int slots;
    } cells[] = {
        [PROBLEM_CELL_RNN] = {CLRNN_CELL_RNN, CLRNN_RESET_AFTER, CLRNN_ACT_DEFAULT, 1},
        [PROBLEM_CELL_RNN_RELU] = {CLRNN_CELL_RNN, CLRNN_RESET_AFTER, CLRNN_ACT_RELU, 1},
        [PROBLEM_CELL_LSTM] = {CLRNN_CELL_LSTM, CLRNN_RESET_AFTER, CLRNN_ACT_DEFAULT, 5},
        [PROBLEM_CELL_GRU] = {CLRNN_CELL_GRU, CLRNN_RESET_AFTER, CLRNN_ACT_DEFAULT, 3},
        [PROBLEM_CELL_GRU_BEFORE] = {CLRNN_CELL_GRU, CLRNN_RESET_BEFORE, CLRNN_ACT_DEFAULT, 3},
    };
    const int64_t cell = problem_at(&from->cell, layer);
    clrnn_layer_desc out = {
        .cell = cells[cell].cell,
        .reset = cells[cell].reset,
        .direction = (clrnn_direction)problem_at(&from->direction, layer),
        .bias = (clrnn_bias)from->bias,
        .hidden = (int)problem_at(&from->hidden, layer),
        .gate_clip = from->gate_clip,
        .zero_masked = (int)from->zero_masked,
        .acts[0][0].kind = cells[cell].act,
    };
    take_acts(out.acts[0], &from->acts, cells[cell].slots);
    if (out.direction == CLRNN_DIRECTION_BIDIRECTIONAL) {
        out.merge = (clrnn_merge)from->merge;
        take_acts(out.acts[1], &from->reverse_acts, cells[cell].slots);
    }
    if (out.cell == CLRNN_CELL_LSTM) {
        out.projection = (int)from->projection;
        out.peepholes = (int)from->peepholes;
        out.couple = (clrnn_couple)from->couple;
        out.forget_bias = from->forget_bias;
        out.cell_clip = from->cell_clip;
    }
    return out;
}

static clrnn_status make_net(generated *made, const problem *from) {
    clrnn_layer_desc layers[PROBLEM_MAX_LAYERS];
    for (int i = 0; i < from->layers; i++) {
        layers[i] = generate_layer(from, i);
    }
    clrnn_net_desc desc = {
        .inputs = (int)from->inputs, .num_layers = (int)from->layers, .layers = layers};
    return clrnn_net_create(&made->net, &desc);
}

/* The weights of one strand: its rows of the table that the net has. */
static clrnn_status set_weights(generated *made, const problem *from, int layer, int is_reverse,
                                int strand, int64_t inputs) {
    const clrnn_layer_desc *desc = &clrnn_net_get_desc(made->net)->layers[layer];
    const int64_t hidden = desc->hidden;
    const int64_t width = clrnn_layer_width(desc);
    const int64_t rows = clrnn_layer_gates(desc) * hidden;
    const double scale = 1 / sqrt((double)hidden);
    const struct {
        const char *name;
        stream_id id;
        int is_there;
        int64_t rows, columns;
        double scale;
    } weights[] = {
        {"weight_ih", STREAM_W_IH, 1, rows, inputs, scale},
        {"weight_hh", STREAM_W_HH, 1, rows, width, from->gain * scale},
        {"bias_ih", STREAM_B_IH, desc->bias != CLRNN_BIAS_NONE, rows, 0, scale},
        {"bias_hh", STREAM_B_HH, desc->bias == CLRNN_BIAS_DOUBLE, rows, 0, scale},
        {"weight_hr", STREAM_W_HR, desc->projection > 0, width, hidden, scale},
        {"weight_ci", STREAM_W_CI, desc->peepholes, hidden, 0, 1},
        {"weight_cf", STREAM_W_CF, desc->peepholes, hidden, 0, 1},
        {"weight_co", STREAM_W_CO, desc->peepholes, hidden, 0, 1},
    };
    clrnn_status status = CLRNN_STATUS_OK;
    for (size_t i = 0; i < sizeof weights / sizeof weights[0] && status == CLRNN_STATUS_OK; i++) {
        clrnn_tensor weight;
        char name[48];
        if (!weights[i].is_there) {
            continue;
        }
        (void)snprintf(name, sizeof name, "%s_l%d%s", weights[i].name, layer,
                       is_reverse ? "_reverse" : "");
        status = add(&weight, made, name, CLRNN_DTYPE_F32, weights[i].rows, weights[i].columns, 0);
        if (status == CLRNN_STATUS_OK) {
            fill(&weight, from->seed, strand, weights[i].id, weights[i].scale);
            status = clrnn_net_set_weight(made->net, name, &weight);
        }
    }
    return status;
}

/* The start state of a layer: an array [D][N][.], a stream a direction. */
static clrnn_status set_start(clrnn_tensor *out, generated *made, const problem *from,
                              const char *kind, int layer, int strand, stream_id id, int width) {
    char name[32];
    const int directions = clrnn_layer_directions(&clrnn_net_get_desc(made->net)->layers[layer]);
    (void)snprintf(name, sizeof name, "%s_l%d", kind, layer);
    clrnn_status status = add(out, made, name, CLRNN_DTYPE_F32, directions, from->batch, width);
    for (int i = 0; i < directions && status == CLRNN_STATUS_OK; i++) {
        clrnn_tensor part = *out;
        part.shape[0] = 1;
        part.data = (float *)out->data + i * from->batch * width;
        fill(&part, from->seed, strand + i, id, 1);
    }
    return status;
}

static clrnn_status set_starts(generated *made, const problem *from, int layer, int strand) {
    const clrnn_layer_desc *desc = &clrnn_net_get_desc(made->net)->layers[layer];
    clrnn_layer_arrays *arrays = &made->layers[layer];
    const int width = clrnn_layer_width(desc);
    if (!from->start) {
        return CLRNN_STATUS_OK;
    }
    clrnn_status status =
        set_start(&arrays->h_0, made, from, "h_0", layer, strand, STREAM_H_0, width);
    if (status == CLRNN_STATUS_OK && clrnn_layer_states(desc) == 2) {
        status =
            set_start(&arrays->c_0, made, from, "c_0", layer, strand, STREAM_C_0, desc->hidden);
    }
    if (status == CLRNN_STATUS_OK && from->mask != PROBLEM_MASK_NONE && !desc->zero_masked) {
        status = set_start(&arrays->o_0, made, from, "o_0", layer, strand, STREAM_O_0, width);
    }
    return status;
}

static clrnn_status set_layers(generated *made, const problem *from) {
    clrnn_status status = CLRNN_STATUS_OK;
    int strand = 0;
    int64_t inputs = from->inputs;
    for (int i = 0; i < made->num_layers && status == CLRNN_STATUS_OK; i++) {
        const clrnn_layer_desc *desc = &clrnn_net_get_desc(made->net)->layers[i];
        const int directions = clrnn_layer_directions(desc);
        status = set_starts(made, from, i, strand);
        for (int k = 0; k < directions && status == CLRNN_STATUS_OK; k++) {
            int is_reverse = k == 1 || desc->direction == CLRNN_DIRECTION_REVERSE;
            status = set_weights(made, from, i, is_reverse, strand++, inputs);
        }
        inputs = clrnn_layer_outputs(desc);
    }
    return status;
}

/* ---- the data -------------------------------------------------------------------------------- */

static void fill_lengths(int32_t *values, const problem *from) {
    uint64_t state = stream_start(from->seed, 0, STREAM_LENGTHS);
    for (int64_t n = 0; n < from->batch; n++) {
        int64_t length = 0;
        switch ((problem_lengths)from->lengths) {
        case PROBLEM_LENGTHS_FULL:
            length = from->steps;
            break;
        case PROBLEM_LENGTHS_RAGGED:
            length = 1 + next_below(&state, from->steps);
            break;
        case PROBLEM_LENGTHS_ZEROS:
            length = 1 + next_below(&state, from->steps);
            length = n % 3 == 0 ? 0 : length;
            break;
        case PROBLEM_LENGTHS_TIES:
            length = n / 2 % 2 == 0 ? from->steps : (from->steps + 1) / 2;
            break;
        case PROBLEM_LENGTHS_RANDOM:
            length = next_below(&state, from->steps + 1);
            break;
        }
        values[n] = (int32_t)length;
    }
}

static int falls(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a;
    const int32_t y = *(const int32_t *)b;
    return (x < y) - (x > y);
}

/* From the lengths, which are sorted on the way. Gives the rows of all steps together. */
static int64_t fill_batch_sizes(int32_t *sizes, int32_t *lengths, const problem *from) {
    int64_t sum = 0;
    qsort(lengths, (size_t)from->batch, sizeof lengths[0], falls);
    lengths[0] = (int32_t)from->steps;
    for (int64_t t = 0, n = from->batch; t < from->steps; t++) {
        while (lengths[n - 1] <= t) {
            n--;
        }
        sizes[t] = (int32_t)n;
        sum += n;
    }
    return sum;
}

static clrnn_status set_lengths(generated *made, const problem *from, int64_t *packed_rows) {
    clrnn_tensor lengths;
    if (from->lengths == PROBLEM_LENGTHS_FULL) {
        return CLRNN_STATUS_OK;
    }
    clrnn_status status = add(&lengths, made, "lengths", CLRNN_DTYPE_I32, from->batch, 0, 0);
    if (status == CLRNN_STATUS_OK) {
        fill_lengths(lengths.data, from);
        made->lengths = lengths;
    }
    if (status == CLRNN_STATUS_OK && from->packed) {
        memset(&made->lengths, 0, sizeof made->lengths);
        status = add(&made->batch_sizes, made, "batch_sizes", CLRNN_DTYPE_I32, from->steps, 0, 0);
    }
    if (status == CLRNN_STATUS_OK && from->packed) {
        *packed_rows = fill_batch_sizes(made->batch_sizes.data, lengths.data, from);
    }
    return status;
}

/* x in the order [T][N][I], wherever it lies. */
static void fill_input(const generated *made, const problem *from) {
    uint64_t state = stream_start(from->seed, 0, STREAM_X);
    float *values = made->x.data;
    const int32_t *sizes = made->batch_sizes.data;
    int64_t packed = 0; /* rows of the steps before */
    for (int64_t t = 0; t < from->steps; t++) {
        for (int64_t n = 0; n < from->batch; n++) {
            int64_t at = sizes != NULL       ? packed + n
                         : from->batch_first ? n * from->steps + t
                                             : t * from->batch + n;
            for (int64_t i = 0; i < from->inputs; i++) {
                float value = (float)next_unit(&state);
                if (sizes == NULL || n < sizes[t]) {
                    values[at * from->inputs + i] = value;
                }
            }
        }
        packed += sizes != NULL ? sizes[t] : 0;
    }
}

static clrnn_status set_input(generated *made, const problem *from, int64_t packed_rows) {
    clrnn_status status;
    if (from->packed) {
        status = add(&made->x, made, "x", CLRNN_DTYPE_F32, packed_rows, from->inputs, 0);
    } else if (from->batch_first) {
        status = add(&made->x, made, "x", CLRNN_DTYPE_F32, from->batch, from->steps, from->inputs);
    } else {
        status = add(&made->x, made, "x", CLRNN_DTYPE_F32, from->steps, from->batch, from->inputs);
    }
    if (status == CLRNN_STATUS_OK) {
        fill_input(made, from);
    }
    return status;
}

static clrnn_status set_mask(generated *made, const problem *from) {
    uint64_t state = stream_start(from->seed, 0, STREAM_MASK);
    const int64_t steps = from->steps;
    if (from->mask == PROBLEM_MASK_NONE) {
        return CLRNN_STATUS_OK;
    }
    clrnn_status status = add(&made->mask, made, "mask", CLRNN_DTYPE_BOOL, from->batch, steps, 0);
    uint8_t *values = made->mask.data;
    for (int64_t n = 0; n < from->batch && status == CLRNN_STATUS_OK; n++) {
        int64_t first = 0;
        int64_t end = steps;
        if (from->mask == PROBLEM_MASK_ENDS) {
            first = next_below(&state, steps / 3 + 1);
            end = steps - next_below(&state, steps / 3 + 1);
        }
        for (int64_t t = 0; t < steps; t++) {
            int is_valid = t >= first && t < end;
            if (from->mask == PROBLEM_MASK_HOLES || from->mask == PROBLEM_MASK_ZEROS) {
                is_valid = next_below(&state, 4) != 0;
            }
            if (from->mask == PROBLEM_MASK_ZEROS && n % 3 == 0) {
                is_valid = 0;
            }
            values[n * steps + t] = (uint8_t)is_valid;
        }
    }
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

double generate_bytes(const problem *from) {
    double weights = 0;
    double data = (double)from->inputs;
    double inputs = (double)from->inputs;
    for (int i = 0; i < from->layers; i++) {
        const clrnn_layer_desc layer = generate_layer(from, i);
        const double hidden = layer.hidden;
        const double gates = clrnn_layer_gates(&layer);
        const double directions = clrnn_layer_directions(&layer);
        weights += directions * gates * hidden * (inputs + hidden);
        data += directions * hidden * (4 + gates);
        inputs = clrnn_layer_outputs(&layer);
    }
    return 4 * (data * (double)from->steps * (double)from->batch + 3 * weights);
}

clrnn_status generate(generated *out, const problem *from) {
    generated made = {.num_layers = (int)from->layers};
    int64_t packed_rows = 0;
    clrnn_status status = clrnn_arrays_create(&made.arrays);
    if (status == CLRNN_STATUS_OK) {
        made.layers = calloc((size_t)from->layers, sizeof *made.layers);
        status = made.layers != NULL ? CLRNN_STATUS_OK : CLRNN_STATUS_MEMORY;
    }
    if (status == CLRNN_STATUS_OK) {
        status = make_net(&made, from);
    }
    if (status == CLRNN_STATUS_OK) {
        status = set_layers(&made, from);
    }
    if (status == CLRNN_STATUS_OK) {
        status = set_lengths(&made, from, &packed_rows);
    }
    if (status == CLRNN_STATUS_OK) {
        status = set_input(&made, from, packed_rows);
    }
    if (status == CLRNN_STATUS_OK) {
        status = set_mask(&made, from);
    }
    if (status != CLRNN_STATUS_OK) {
        generate_free(&made);
    }
    *out = made;
    return status;
}

void generate_free(generated *made) {
    clrnn_arrays_free(made->arrays);
    clrnn_net_free(made->net);
    free(made->layers);
    memset(made, 0, sizeof *made);
}
