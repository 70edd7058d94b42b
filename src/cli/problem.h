/*
 * problem.h: the problem string, a made-up task in one word that `check` takes and prints.
 *
 *     cell=lstm+gru,T=50,N=3,I=40,H=128+64,dir=bi,lengths=ragged,seed=7
 *
 * key=value, separated by commas, in any order, each key at most once, no blanks. Where "list" is
 * said, a value of its own for each layer may stand, joined by '+', or one for all of them:
 *
 *     cell         list: rnn (tanh), rnn-relu, lstm, gru (reset after),         default rnn
 *                  gru-before
 *     T, N         time steps and rows of the batch, 1 .. 2^30                  50, 1
 *     I, H         input and (list) hidden features, 1 .. 2^20                  I = H, 128
 *     layers       1 .. 64; lists have that many entries                        as lists, 1
 *     dir          list: forward, reverse, bi                                   forward
 *     merge        of bi layers: concat, sum, mul, ave                          concat
 *     P            of lstm layers: projection to P < H features; 0: none        0
 *     bias         double (b_ih and b_hh), single, none                         double
 *     peep         1: lstm layers have peepholes                                0
 *     couple       of lstm layers: none, forget (f = 1 - i), input (i = 1 - f)  none
 *     fbias        of lstm layers: what f's activation takes too                0
 *     clip         gates' activations take at most +-clip; 0: no limit          0
 *     cellclip     of lstm layers: c stays within +-cellclip; 0: no limit       0
 *     act          activations by slot (rnn h; lstm i, f, g, o, h; gru r, z,    the cell's
 *                  n), joined by '+', with parameters behind ':', as in
 *                  hard_sigmoid:0.25:0.5+tanh; short lists repeat; default
 *     ract         the same for the reverse direction of bi layers              as act
 *     mask         none; ones: one that masks nothing. holes: every fourth      none
 *                  step or so. ends: some first and last steps. zeros: as
 *                  holes, and every third row, the first one too, is masked
 *     zeromask     1: masked steps give 0                                       0
 *     lengths      full: none given. ragged: 1 .. T. zeros: as ragged, and      full
 *                  every third row, the first one too, is 0. ties: T and
 *                  (T + 1) / 2, two rows each. random: 0 .. T
 *     start        zero: no initial state. random: uniform in [-1, 1)           zero
 *     batch-first  1: x is [N][T][I], else [T][N][I]                            0
 *     last         1: y of the last outputs alone is run too                    0
 *     packed       1: x and y are packed, of ragged or ties                     0
 *     chunk        steps of a piece; 0: the library's choice                    0
 *     memory       limit of device memory in bytes, also 64M, 1GiB; 0: none     0
 *     gain         scale of the recurrent weights, 0 .. 1e6                     1
 *     seed         of all the data, 0 .. 2^64 - 1                               0
 *     engine       auto (both), opencl, cpu                                     auto
 *     algorithm    name of an algorithm, or auto                                auto
 *     strict       1: every bit is the same everywhere, or a refusal            0
 *
 * What is for some layers alone passes the others by; where no layer takes it, it is refused.
 *
 * It is printed in this order, the first five keys always and the others where they differ from
 * their default. What is printed is read back as the same problem.
 */
#ifndef CLRNN_CLI_PROBLEM_H
#define CLRNN_CLI_PROBLEM_H

#include "clrnn.h"

#include <stddef.h>
#include <stdint.h>

typedef enum problem_cell {
    PROBLEM_CELL_RNN = 0,
    PROBLEM_CELL_RNN_RELU,
    PROBLEM_CELL_LSTM,
    PROBLEM_CELL_GRU,
    PROBLEM_CELL_GRU_BEFORE
} problem_cell;

typedef enum problem_mask {
    PROBLEM_MASK_NONE = 0,
    PROBLEM_MASK_ONES,
    PROBLEM_MASK_HOLES,
    PROBLEM_MASK_ENDS,
    PROBLEM_MASK_ZEROS
} problem_mask;

typedef enum problem_lengths {
    PROBLEM_LENGTHS_FULL = 0,
    PROBLEM_LENGTHS_RAGGED,
    PROBLEM_LENGTHS_ZEROS,
    PROBLEM_LENGTHS_TIES,
    PROBLEM_LENGTHS_RANDOM
} problem_lengths;

enum { PROBLEM_MAX_LAYERS = 64, PROBLEM_MAX_TEXT = 4096 };

/* A value for each layer, or one for all of them. */
typedef struct problem_list {
    int count;
    int64_t values[PROBLEM_MAX_LAYERS];
} problem_list;

/* Activations by slot; the layer's slot s takes entry s % count. */
typedef struct problem_acts {
    int count; /* 0: the default */
    clrnn_activation list[CLRNN_MAX_ACTS];
} problem_acts;

/* Words are int64_t that count them in the order above. The tag differs from the library's own
 * `struct problem`, so that tests may see both. */
typedef struct problem_desc {
    problem_list cell; /* problem_cell */
    int64_t steps;
    int64_t batch;
    int64_t inputs; /* 0 until problem_finish: as hidden */
    problem_list hidden;
    int64_t layers;         /* 0 until problem_finish: as the lists */
    problem_list direction; /* clrnn_direction */
    int64_t merge;          /* clrnn_merge */
    int64_t projection;
    int64_t bias; /* clrnn_bias */
    int64_t peepholes;
    int64_t couple; /* clrnn_couple */
    float forget_bias;
    float gate_clip;
    float cell_clip;
    problem_acts acts;
    problem_acts reverse_acts;
    int64_t mask; /* problem_mask */
    int64_t zero_masked;
    int64_t lengths; /* problem_lengths */
    int64_t start;   /* 1: random */
    int64_t batch_first;
    int64_t last_only;
    int64_t packed;
    int64_t chunk;
    uint64_t memory;
    double gain;
    uint64_t seed;
    int64_t engine;     /* 0 auto, 1 opencl, 2 cpu */
    char algorithm[32]; /* "": auto */
    int64_t strict;
} problem;

typedef struct problem_error {
    char message[256];
    char hint[256]; /* or "" */
} problem_error;

void problem_init(problem *out);
/* These give 1, or 0 with the reason in `error` and `out` unchanged. */
int problem_set(problem *out, const char *key, const char *value, problem_error *error);
/* Sets every key of the text on top of what is there. */
int problem_apply(problem *out, const char *text, problem_error *error);
/* Fills in what depends on other keys and refuses what does not go together. */
int problem_finish(problem *out, problem_error *error);
/* init, apply and finish. */
int problem_parse(problem *out, const char *text, problem_error *error);
/* The canonical text of a finished problem; returns `text`. PROBLEM_MAX_TEXT bytes are enough. */
const char *problem_print(const problem *from, char *text, size_t size);
int problem_equal(const problem *a, const problem *b);

/* The value of a layer. */
int64_t problem_at(const problem_list *list, int layer);

#endif
