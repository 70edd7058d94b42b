/*
 * generate.c: the data of a problem, the same bits on every machine.
 *
 * Array k of a problem (0 weight_ih_l0, 1 weight_hh_l0, 2 bias_ih_l0, 3 bias_hh_l0, 4 x, 5 h_0,
 * 6 c_0, 7 lengths) is one stream of splitmix64 (Steele, Lea, Flood 2014) that starts in the state
 * mix(mix(seed) + k). An element takes one number of it:
 *
 *     floats   the upper 24 bits u as u / 2^23 - 1, in [-1, 1), exact in float32
 *     lengths  a whole number below `n` as the upper 32 bits times n, shifted right by 32
 *
 * The input weights and the biases are that times 1 / sqrt(H), the recurrent weights times
 * gain / sqrt(H), computed in double and rounded once. x is filled in the order [T][N][I] in both
 * layouts, so that a problem and its batch-first twin have the same values.
 */
#include "cli/workload.h"

#include "cli/report.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

typedef enum stream_id {
    STREAM_W_IH,
    STREAM_W_HH,
    STREAM_B_IH,
    STREAM_B_HH,
    STREAM_X,
    STREAM_H_0,
    STREAM_C_0,
    STREAM_LENGTHS
} stream_id;

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t stream_start(uint64_t seed, stream_id id) {
    return mix(mix(seed) + (uint64_t)id);
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

static void fill(const clrnn_tensor *out, uint64_t seed, stream_id id, double scale) {
    uint64_t state = stream_start(seed, id);
    float *values = out->data;
    int64_t count = clrnn_tensor_count(out);
    for (int64_t i = 0; i < count; i++) {
        values[i] = (float)(scale * next_unit(&state));
    }
}

/* x in the order [T][N][I], wherever it lies. */
static void fill_input(const workload *load, uint64_t seed) {
    uint64_t state = stream_start(seed, STREAM_X);
    float *values = load->x.data;
    for (int64_t t = 0; t < load->steps; t++) {
        for (int64_t n = 0; n < load->batch; n++) {
            int64_t at = load->batch_first ? n * load->steps + t : t * load->batch + n;
            for (int64_t i = 0; i < load->inputs; i++) {
                values[at * load->inputs + i] = (float)next_unit(&state);
            }
        }
    }
}

static void fill_lengths(const workload *load, const problem *from) {
    uint64_t state = stream_start(from->seed, STREAM_LENGTHS);
    int32_t *values = load->lengths.data;
    for (int64_t n = 0; n < load->batch; n++) {
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

static clrnn_status add(clrnn_tensor *out, workload *load, const char *name, clrnn_dtype dtype,
                        int64_t a, int64_t b, int64_t c) {
    int64_t shape[3] = {a, b, c};
    int rank = b == 0 ? 1 : c == 0 ? 2 : 3;
    return clrnn_arrays_add(out, load->arrays, name, dtype, rank, shape);
}

static clrnn_status set_weights(workload *load, const problem *from) {
    static const char *const names[] = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"};
    int64_t rows = clrnn_cell_gates(clrnn_net_get_desc(load->net)->cell) * load->hidden;
    const int64_t columns[] = {load->inputs, load->hidden, 0, 0};
    double scale = 1 / sqrt((double)load->hidden);
    for (int k = STREAM_W_IH; k <= STREAM_B_HH; k++) {
        clrnn_tensor weight;
        char name[48] = "";
        strcat(name, names[k]);
        strcat(name, from->reverse ? "_reverse" : "");
        clrnn_status status = add(&weight, load, name, CLRNN_DTYPE_F32, rows, columns[k], 0);
        if (status == CLRNN_STATUS_OK) {
            double gain = k == STREAM_W_HH ? from->gain : 1;
            fill(&weight, from->seed, (stream_id)k, gain * scale);
            status = clrnn_net_set_weight(load->own_net, name, &weight);
        }
        if (status != CLRNN_STATUS_OK) {
            return status;
        }
    }
    return CLRNN_STATUS_OK;
}

static clrnn_status set_data(workload *load, const problem *from) {
    clrnn_status status =
        load->batch_first
            ? add(&load->x, load, "x", CLRNN_DTYPE_F32, from->batch, from->steps, from->inputs)
            : add(&load->x, load, "x", CLRNN_DTYPE_F32, from->steps, from->batch, from->inputs);
    if (status == CLRNN_STATUS_OK) {
        fill_input(load, from->seed);
    }
    if (status == CLRNN_STATUS_OK && from->lengths != PROBLEM_LENGTHS_FULL) {
        status = add(&load->lengths, load, "lengths", CLRNN_DTYPE_I32, from->batch, 0, 0);
        if (status == CLRNN_STATUS_OK) {
            fill_lengths(load, from);
        }
    }
    if (status == CLRNN_STATUS_OK && from->start) {
        status = add(&load->h_0, load, "h_0", CLRNN_DTYPE_F32, 1, from->batch, from->hidden);
        if (status == CLRNN_STATUS_OK) {
            fill(&load->h_0, from->seed, STREAM_H_0, 1);
        }
    }
    if (status == CLRNN_STATUS_OK && from->start && load->is_lstm) {
        status = add(&load->c_0, load, "c_0", CLRNN_DTYPE_F32, 1, from->batch, from->hidden);
        if (status == CLRNN_STATUS_OK) {
            fill(&load->c_0, from->seed, STREAM_C_0, 1);
        }
    }
    return status;
}

/* A slip of a few zeros must not bring the machine down: zeroed memory is granted before it is
 * there. */
static int refuse_giant(const problem *from, int gates) {
    double weights = (double)gates * (double)from->hidden * (double)(from->inputs + from->hidden);
    double data = (double)from->steps * (double)from->batch *
                  (double)(from->inputs + 4 * from->hidden + gates * from->hidden);
    double needed = 4 * (data + 3 * weights);
    double there = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (there > 0 && needed > there) {
        return report_fail(REPORT_FAILED, "the problem takes about %.0f MiB, this machine has %.0f",
                           needed / 1048576, there / 1048576);
    }
    return REPORT_FINE;
}

int workload_generate(workload *out, const problem *from) {
    clrnn_net_desc desc = {
        .direction = from->reverse ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD,
        .inputs = (int)from->inputs,
        .hidden = (int)from->hidden,
    };
    memset(out, 0, sizeof *out);
    switch ((problem_cell)from->cell) {
    case PROBLEM_CELL_RNN_RELU:
        desc.nonlinearity = CLRNN_NONLINEARITY_RELU;
        break;
    case PROBLEM_CELL_LSTM:
        desc.cell = CLRNN_CELL_LSTM;
        break;
    case PROBLEM_CELL_GRU_BEFORE:
        desc.reset = CLRNN_RESET_BEFORE;
        desc.cell = CLRNN_CELL_GRU;
        break;
    case PROBLEM_CELL_GRU:
        desc.cell = CLRNN_CELL_GRU;
        break;
    case PROBLEM_CELL_RNN:
        break;
    }
    int code = refuse_giant(from, clrnn_cell_gates(desc.cell));
    if (code != REPORT_FINE) {
        return code;
    }
    clrnn_status status = clrnn_arrays_create(&out->arrays);
    if (status == CLRNN_STATUS_OK) {
        status = clrnn_net_create(&out->own_net, &desc);
    }
    if (status == CLRNN_STATUS_OK) {
        out->net = out->own_net;
        out->batch_first = (int)from->batch_first;
        out->last_only = (int)from->last_only;
        out->steps = from->steps;
        out->batch = from->batch;
        out->inputs = from->inputs;
        out->hidden = from->hidden;
        out->is_lstm = desc.cell == CLRNN_CELL_LSTM;
        status = set_weights(out, from);
    }
    if (status == CLRNN_STATUS_OK) {
        status = set_data(out, from);
    }
    return status == CLRNN_STATUS_OK ? REPORT_FINE
                                     : report_fail_library(0, "making the problem's data");
}
