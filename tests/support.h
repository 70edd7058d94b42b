/*
 * support.h: what the suites share: problems made from a seed, every way to run them, comparisons.
 *
 * A failing case prints its problem string, which `clrnn check` takes.
 */
#ifndef CLRNN_TESTS_SUPPORT_H
#define CLRNN_TESTS_SUPPORT_H

#include "clrnn.h"

#include <check.h>
#include <stddef.h>

/* Fails with the library's last error. */
#define ok(call)                                                                                   \
    do {                                                                                           \
        const clrnn_status status_ = (call);                                                       \
        ck_assert_msg(status_ == CLRNN_STATUS_OK, "%s: %s", #call, clrnn_last_error()->message);   \
    } while (0)

/* Fails unless the call fails with this status and a message that holds the text. */
#define fails(call, code, text)                                                                    \
    do {                                                                                           \
        const clrnn_status status_ = (call);                                                       \
        ck_assert_msg(status_ == CLRNN_STATUS_##code, "%s: expected %s, got %s (%s)", #call,       \
                      #code, clrnn_status_name(status_), clrnn_last_error()->message);             \
        ck_assert_msg(strstr(clrnn_last_error()->message, text) != NULL,                           \
                      "%s: expected \"%s\" in \"%s\"", #call, text, clrnn_last_error()->message);  \
    } while (0)

enum lengths { LENGTHS_NONE, LENGTHS_RAGGED, LENGTHS_TIES, LENGTHS_ZEROS };

/* One layer in one direction; nets of other kinds are their suites' own. */
struct test_problem {
    clrnn_cell cell;
    clrnn_reset reset;
    clrnn_act act; /* rnn: DEFAULT (tanh) or RELU */
    clrnn_direction direction;
    int steps, batch, inputs, hidden;
    enum lengths lengths;
    int batch_first, last_only;
    double gain;  /* of the weights: uniform in +-gain / sqrt(H) */
    int integers; /* 1: small integers, so that every sum is exact */
    uint64_t seed;
};

/* A problem with its arrays: a time-first or batch-first x, lengths, start states. */
struct test_case {
    struct test_problem problem;
    char text[192]; /* the problem string */
    clrnn_net *net;
    float *x, *h_0, *c_0;
    int32_t *lengths;
};

/* One result: y [T][N][H] (or as the problem says), final states, and every h, c and gate. */
struct test_outcome {
    float *y, *h_n, *c_n, *hiddens, *cells, *gates;
    size_t y_count, state_count, cells_count, gates_count; /* cells_count: of hiddens too */
};

struct test_case *test_case_make(const struct test_problem *problem);
void test_case_free(struct test_case *test);
int test_gates(const struct test_case *test); /* G */
clrnn_tensor test_x(const struct test_case *test);
clrnn_forward_args test_args(const struct test_case *test, const struct test_outcome *result);

/* Every array holds a value that no result has. */
void test_result_make(struct test_outcome *result, const struct test_case *test);
void test_result_free(struct test_outcome *result);

/* The tensors of test_args one by one: x, h_0, c_0, y, h_n, c_n, hiddens, cells, gates; unset ones
 * too. */
enum { TEST_READ = 3, TEST_TENSORS = 9 }; /* those that a forward reads come first */
clrnn_tensor *test_tensor_at(clrnn_forward_args *args, int index);
const char *test_tensor_name(int index);

/* Every place to run: cpu, and every usable OpenCL device there is. */
struct test_place {
    clrnn_context *context;
    char name[160];
};
size_t test_places(struct test_place *places, size_t capacity);
void test_places_free(struct test_place *places, size_t count);

/* Plans for the case's own T, N and layout. algorithm NULL: chosen. */
clrnn_plan_desc test_plan_desc(const struct test_case *test, const char *algorithm);
clrnn_plan *test_plan(const struct test_case *test, clrnn_context *context,
                      const clrnn_plan_desc *desc);
/* Fails unless all of the result was written, and nothing behind it. */
void test_check_written(const struct test_case *test, const struct test_outcome *result);
/* Run, and fail on an error. */
void test_run_plan(struct test_outcome *result, const struct test_case *test, clrnn_plan *plan);
void test_run(struct test_outcome *result, const struct test_case *test, clrnn_context *context,
              const char *algorithm);
/* Fails unless the result is within its bounds. */
void test_judge(const struct test_case *test, const struct test_outcome *result, const char *where);
/* Fails unless both results have the same bits. */
void test_same(const struct test_case *test, const struct test_outcome *a,
               const struct test_outcome *b, const char *where);
int test_same_bits(const float *a, const float *b, size_t count, size_t *at);

/* Allowed, and not so slow to build that only CLRNN_LONG takes it everywhere: persist/register and
 * persist/stream, a program for each size, which the suites persist and personalities run; single/stream with two phases, which takes
 * PoCL 15 s a size, and which the suite personalities runs. */
int test_takes(const clrnn_algorithm_info *info, const clrnn_net *net);

/* Algorithms of the context that take this problem. */
size_t test_algorithms(clrnn_algorithm_info *infos, size_t capacity, const clrnn_context *context,
                       const struct test_case *test);

/* A property of one way to run: `whole` is what the case gave there. */
typedef void test_property(const struct test_case *test, const struct test_outcome *whole,
                           clrnn_context *context, const char *algorithm, const char *where);
/* Holds the property against each problem on every place, by every algorithm that takes it. */
void test_hold(test_property *property, const struct test_problem *problems, size_t count);

/* The cells one after the other: rnn, rnn with relu, lstm, gru, gru with reset before. Where any size does,
 * take 7, 19, 67 or 131 units as others do: each is a program, and those are what takes a driver time. */
enum { TEST_CELLS = 5, TEST_RNN = 0, TEST_RELU, TEST_LSTM, TEST_GRU, TEST_GRU_BEFORE };
struct test_problem test_cell_problem(int cell, int steps, int batch, int inputs, int hidden,
                                      uint64_t seed);

/* Gives every weight of any net random values in +-limit. */
void test_fill_net(clrnn_net *net, double limit, uint64_t *state);

/* The net's own copy of a weight ("weight_ih", ...), to be changed before a plan of it is made. */
clrnn_tensor test_weight(const struct test_case *test, const char *name);
/* Fills a gate's part of a weight; gate < 0: all of it. */
void test_fill_weight(const struct test_case *test, const char *name, int gate, float value);

/* A net whose answer is known: changes the case, then says what each result must be. */
struct test_known {
    void (*prepare)(struct test_case *test);
    void (*check)(const struct test_case *test, const struct test_outcome *result,
                  const char *where);
};
void test_hold_known(const struct test_known *known, const struct test_problem *problem);

/* A case with the same weights: only T, N, the direction and the layout may differ. Its arrays are
 * to be filled from the other case's. */
struct test_case *test_case_like(const struct test_case *test, int steps, int batch);
/* Row of step t in an array [T][N][width], or [N][T][width] if the problem is batch first. */
float *test_row(const struct test_problem *problem, float *values, int width, int t, int n);
/* Copies x of `count` steps from `t_from`, h_0, c_0 of a row into another case's. */
void test_copy_row(struct test_case *to, int t_to, int n_to, const struct test_case *from,
                   int t_from, int n_from, int count);
/* Fail unless the steps, or the final states, have the same bits. */
void test_same_steps(const struct test_case *a, const struct test_outcome *ra, int t_a, int n_a,
                     const struct test_case *b, const struct test_outcome *rb, int t_b, int n_b,
                     int count, const char *where);
void test_same_final(const struct test_case *a, const struct test_outcome *ra, int n_a,
                     const struct test_outcome *rb, int n_b, const char *where);

/* splitmix64 */
uint64_t test_random(uint64_t *state);
float test_uniform(uint64_t *state, double limit); /* +-limit */

clrnn_tensor test_tensor(void *data, clrnn_dtype dtype, int rank, int64_t a, int64_t b, int64_t c);

/* A net with every weight uniform in +-limit. */
clrnn_net *test_net(const clrnn_net_desc *desc, uint64_t seed, double limit);

#endif
