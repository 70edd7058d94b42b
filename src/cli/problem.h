/*
 * problem.h: the problem string, a made-up task in one word that `check` takes and prints.
 *
 *     cell=lstm,T=50,N=3,I=40,H=128,dir=reverse,lengths=ragged,seed=7
 *
 * key=value, separated by commas, in any order, each key at most once, no blanks:
 *
 *     cell         rnn (tanh), rnn-relu, lstm, gru (reset after), gru-before    default rnn
 *     T, N         time steps and rows of the batch, 1 .. 2^30                  50, 1
 *     I, H         input and hidden features, 1 .. 2^20                         I = H, 128
 *     layers       1; more are for later versions                               1
 *     dir          forward, reverse; bi is for later versions                   forward
 *     lengths      full: none given. ragged: 1 .. T. zeros: as ragged, and      full
 *                  every third row, the first one too, is 0. ties: T and
 *                  (T + 1) / 2, two rows each. random: 0 .. T
 *     start        zero: no initial state. random: uniform in [-1, 1)           zero
 *     batch-first  1: x is [N][T][I], else [T][N][I]                            0
 *     last         1: y is [N][H], the final state of each row                  0
 *     gain         scale of the recurrent weights, 0 .. 1e6                     1
 *     seed         of all the data, 0 .. 2^64 - 1                               0
 *     engine       auto (both), opencl, cpu                                     auto
 *     algorithm    name of an algorithm, or auto                                auto
 *
 * It is printed in this order, the first five keys always and the others where they differ from
 * their default. What is printed is read back as the same problem.
 */
#ifndef CLRNN_CLI_PROBLEM_H
#define CLRNN_CLI_PROBLEM_H

#include <stddef.h>
#include <stdint.h>

typedef enum problem_cell {
    PROBLEM_CELL_RNN = 0,
    PROBLEM_CELL_RNN_RELU,
    PROBLEM_CELL_LSTM,
    PROBLEM_CELL_GRU,
    PROBLEM_CELL_GRU_BEFORE
} problem_cell;

typedef enum problem_lengths {
    PROBLEM_LENGTHS_FULL = 0,
    PROBLEM_LENGTHS_RAGGED,
    PROBLEM_LENGTHS_ZEROS,
    PROBLEM_LENGTHS_TIES,
    PROBLEM_LENGTHS_RANDOM
} problem_lengths;

typedef struct problem {
    int64_t cell; /* problem_cell */
    int64_t steps;
    int64_t batch;
    int64_t inputs; /* 0 until problem_finish: as hidden */
    int64_t hidden;
    int64_t layers;
    int64_t reverse;
    int64_t lengths; /* problem_lengths */
    int64_t start;   /* 1: random */
    int64_t batch_first;
    int64_t last_only;
    double gain;
    uint64_t seed;
    int64_t engine;     /* 0 auto, 1 opencl, 2 cpu */
    char algorithm[32]; /* "": auto */
} problem;

typedef struct problem_error {
    char message[256];
    char hint[256]; /* or "" */
} problem_error;

#define PROBLEM_MAX_TEXT 512

void problem_init(problem *out);
/* These give 1, or 0 with the reason in `error` and `out` unchanged. */
int problem_set(problem *out, const char *key, const char *value, problem_error *error);
/* Sets every key of the text on top of what is there. */
int problem_apply(problem *out, const char *text, problem_error *error);
/* Fills in what depends on other keys. */
void problem_finish(problem *out);
/* init, apply and finish. */
int problem_parse(problem *out, const char *text, problem_error *error);
/* The canonical text; returns `text`. PROBLEM_MAX_TEXT bytes are enough. */
const char *problem_print(const problem *from, char *text, size_t size);
int problem_equal(const problem *a, const problem *b);

#endif
