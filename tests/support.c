/* support.c: problems from seeds, and every way to run them. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t test_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

float test_uniform(uint64_t *state, double limit) {
    const double unit = (double)(test_random(state) >> 11) * 0x1p-53;
    return (float)((2.0 * unit - 1.0) * limit);
}

clrnn_tensor test_tensor(void *data, clrnn_dtype dtype, int rank, int64_t a, int64_t b, int64_t c) {
    return (clrnn_tensor){.data = data, .dtype = dtype, .rank = rank, .shape = {a, b, c}};
}

static float *random_floats(size_t count, uint64_t *state, double limit, int integers) {
    float *values = malloc((count > 0 ? count : 1) * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < count; i++) {
        values[i] =
            integers ? (float)((int)(test_random(state) % 5) - 2) : test_uniform(state, limit);
    }
    return values;
}

static const char *cell_text(const struct test_problem *p) {
    switch (p->cell) {
    case CLRNN_CELL_LSTM:
        return "lstm";
    case CLRNN_CELL_GRU:
        return p->reset == CLRNN_RESET_BEFORE ? "gru-before" : "gru";
    case CLRNN_CELL_DENSE:
        return "dense";
    default:
        return p->act == CLRNN_ACT_RELU ? "rnn-relu" : "rnn";
    }
}

static void set_weight(clrnn_net *net, const char *name, int rank, int rows, int columns,
                       uint64_t *state, double limit, int integers) {
    float *values = random_floats((size_t)rows * (size_t)columns, state, limit, integers);
    char full[64];
    const int reverse = clrnn_net_get_desc(net)->layer.direction == CLRNN_DIRECTION_REVERSE;
    snprintf(full, sizeof full, "%s_l0%s", name, reverse ? "_reverse" : "");
    const clrnn_tensor tensor = test_tensor(values, CLRNN_DTYPE_F32, rank, rows, columns, 0);
    ok(clrnn_net_set_weight(net, full, &tensor));
    free(values);
}

void test_fill_net(clrnn_net *net, double limit, uint64_t *state) {
    const char *found;
    for (size_t i = 0; (found = clrnn_net_weight_name(net, i)) != NULL; i++) {
        char name[64];
        clrnn_tensor tensor;
        snprintf(name, sizeof name, "%s", found);
        ok(clrnn_net_get_weight(&tensor, net, name));
        float *values = random_floats((size_t)clrnn_tensor_count(&tensor), state, limit, 0);
        tensor.data = values;
        ok(clrnn_net_set_weight(net, name, &tensor));
        free(values);
    }
}

static int32_t length_of(const struct test_problem *p, int row, uint64_t *state) {
    switch (p->lengths) {
    case LENGTHS_RAGGED:
        return row == 0 ? p->steps : (int32_t)(test_random(state) % (uint64_t)(p->steps + 1));
    case LENGTHS_TIES:
        return row % 2 ? p->steps : (p->steps + 1) / 2;
    case LENGTHS_ZEROS:
        return row % 3 == 1 ? p->steps : 0;
    case LENGTHS_NONE:
        break;
    }
    return p->steps;
}

struct test_case *test_case_make(const struct test_problem *problem) {
    static const char *const lengths_text[] = {"full", "ragged", "ties", "zeros"};
    struct test_case *test = calloc(1, sizeof *test);
    ck_assert_ptr_nonnull(test);
    test->problem = *problem;
    const struct test_problem *p = &test->problem;
    uint64_t state = p->seed * 7919 + 17;
    const size_t rows = (size_t)p->batch;
    snprintf(
        test->text, sizeof test->text,
        "cell=%s,T=%d,N=%d,I=%d,H=%d,dir=%s,lengths=%s,batch-first=%d,last=%d,gain=%g,seed=%llu",
        cell_text(p), p->steps, p->batch, p->inputs, p->hidden,
        p->direction == CLRNN_DIRECTION_REVERSE ? "reverse" : "forward", lengths_text[p->lengths],
        p->batch_first, p->last_only, p->gain, (unsigned long long)p->seed);
    const clrnn_net_desc desc = {.inputs = p->inputs,
                                 .layer = {.cell = p->cell,
                                           .reset = p->reset,
                                           .direction = p->direction,
                                           .hidden = p->hidden,
                                           .acts[0][0].kind = p->act}};
    const int gates = clrnn_layer_gates(&desc.layer);
    const double limit = p->gain / sqrt((double)p->hidden);
    ok(clrnn_net_create(&test->net, &desc));
    set_weight(test->net, "weight_ih", 2, gates * p->hidden, p->inputs, &state, 1.0, p->integers);
    const int is_dense = p->cell == CLRNN_CELL_DENSE;
    if (!is_dense) {
        set_weight(test->net, "weight_hh", 2, gates * p->hidden, p->hidden, &state, limit,
                   p->integers);
    }
    set_weight(test->net, "bias_ih", 1, gates * p->hidden, 1, &state, 0.5, p->integers);
    if (!is_dense) {
        set_weight(test->net, "bias_hh", 1, gates * p->hidden, 1, &state, 0.5, p->integers);
    }
    test->x = random_floats((size_t)p->steps * rows * (size_t)p->inputs, &state, 1.0, p->integers);
    test->h_0 = random_floats(rows * (size_t)p->hidden, &state, 0.9, p->integers);
    test->c_0 = random_floats(rows * (size_t)p->hidden, &state, 1.5, p->integers);
    test->lengths = malloc(rows * sizeof *test->lengths);
    ck_assert_ptr_nonnull(test->lengths);
    for (int n = 0; n < p->batch; n++) {
        test->lengths[n] = length_of(p, n, &state);
    }
    return test;
}

void test_case_free(struct test_case *test) {
    clrnn_net_free(test->net);
    free(test->x);
    free(test->h_0);
    free(test->c_0);
    free(test->lengths);
    free(test);
}

clrnn_tensor test_x(const struct test_case *test) {
    const struct test_problem *p = &test->problem;
    return p->batch_first ? test_tensor(test->x, CLRNN_DTYPE_F32, 3, p->batch, p->steps, p->inputs)
                          : test_tensor(test->x, CLRNN_DTYPE_F32, 3, p->steps, p->batch, p->inputs);
}

/* An array of all steps. */
static clrnn_tensor step_tensor(const struct test_problem *p, float *values, int features) {
    const int64_t outer = p->batch_first ? p->batch : p->steps;
    const int64_t inner = p->batch_first ? p->steps : p->batch;
    return test_tensor(values, CLRNN_DTYPE_F32, 3, outer, inner, features);
}

static clrnn_tensor state_tensor(const struct test_problem *p, float *values) {
    return test_tensor(values, CLRNN_DTYPE_F32, 2, p->batch, p->hidden, 0);
}

int test_gates(const struct test_case *test) {
    return clrnn_layer_gates(&clrnn_net_get_desc(test->net)->layer);
}

clrnn_forward_args test_args(const struct test_case *test, const struct test_outcome *result) {
    const struct test_problem *p = &test->problem;
    clrnn_forward_args args = {.x = test_x(test)};
    if (p->lengths != LENGTHS_NONE) {
        args.lengths = test_tensor(test->lengths, CLRNN_DTYPE_I32, 1, p->batch, 0, 0);
    }
    args.h_0 = state_tensor(p, test->h_0);
    args.h_n = state_tensor(p, result->h_n);
    args.y = p->last_only ? state_tensor(p, result->y) : step_tensor(p, result->y, p->hidden);
    args.hiddens = step_tensor(p, result->hiddens, p->hidden);
    args.gates = step_tensor(p, result->gates, test_gates(test) * p->hidden);
    if (p->cell == CLRNN_CELL_LSTM) {
        args.c_0 = state_tensor(p, test->c_0);
        args.c_n = state_tensor(p, result->c_n);
        args.cells = step_tensor(p, result->cells, p->hidden);
    }
    return args;
}

clrnn_tensor *test_tensor_at(clrnn_forward_args *args, int index) {
    clrnn_tensor *const tensors[TEST_TENSORS] = {&args->x,       &args->h_0,   &args->c_0,
                                                 &args->y,       &args->h_n,   &args->c_n,
                                                 &args->hiddens, &args->cells, &args->gates};
    return tensors[index];
}

const char *test_tensor_name(int index) {
    static const char *const names[TEST_TENSORS] = {"x",   "h_0",     "c_0",   "y",    "h_n",
                                                    "c_n", "hiddens", "cells", "gates"};
    return names[index];
}

/* A value that no result holds, behind each array too: what was not written or overwritten shows.
 */
static const float poison = -12345.678f;
enum { CANARIES = 64 };

static float *poisoned(size_t count) {
    float *values = malloc((count + CANARIES) * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < count + CANARIES; i++) {
        values[i] = poison;
    }
    return values;
}

void test_result_make(struct test_outcome *result, const struct test_case *test) {
    const struct test_problem *p = &test->problem;
    result->state_count = (size_t)p->batch * (size_t)p->hidden;
    result->cells_count = (size_t)p->steps * result->state_count;
    result->gates_count = (size_t)test_gates(test) * result->cells_count;
    result->y_count = p->last_only ? result->state_count : result->cells_count;
    result->y = poisoned(result->y_count);
    result->h_n = poisoned(result->state_count);
    result->c_n = poisoned(result->state_count);
    result->hiddens = poisoned(result->cells_count);
    result->cells = poisoned(result->cells_count);
    result->gates = poisoned(result->gates_count);
}

void test_result_free(struct test_outcome *result) {
    free(result->y);
    free(result->h_n);
    free(result->c_n);
    free(result->hiddens);
    free(result->cells);
    free(result->gates);
}

size_t test_places(struct test_place *places, size_t capacity) {
    clrnn_device_info infos[16];
    size_t devices = 0, count = 0;
    ok(clrnn_context_create(&places[count].context,
                            &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    snprintf(places[count++].name, sizeof places->name, "cpu");
    ok(clrnn_devices(&devices, infos, 16));
    for (size_t i = 0; i < devices && i < 16 && count < capacity; i++) {
        char which[16];
        snprintf(which, sizeof which, "%d", infos[i].index);
        if (infos[i].usable) {
            ok(clrnn_context_create(
                &places[count].context,
                &(clrnn_context_desc){.engine = CLRNN_ENGINE_OPENCL, .device = which}));
            snprintf(places[count++].name, sizeof places->name, "opencl %s", infos[i].name);
        }
    }
    return count;
}

void test_places_free(struct test_place *places, size_t count) {
    for (size_t i = 0; i < count; i++) {
        clrnn_context_free(places[i].context);
    }
}

static void check_array(const struct test_case *test, const float *values, size_t count,
                        const char *what) {
    size_t i = 0;
    while (i < count && values[i] != poison) { /* Check notes every assertion in a file */
        i++;
    }
    ck_assert_msg(i == count, "%s: %s[%zu] was not written", test->text, what, i);
    for (; i < count + CANARIES; i++) {
        ck_assert_msg(values[i] == poison, "%s: %s was written past its end", test->text, what);
    }
}

void test_check_written(const struct test_case *test, const struct test_outcome *result) {
    check_array(test, result->y, result->y_count, "y");
    check_array(test, result->h_n, result->state_count, "h_n");
    check_array(test, result->hiddens, result->cells_count, "hiddens");
    check_array(test, result->gates, result->gates_count, "gates");
    if (test->problem.cell == CLRNN_CELL_LSTM) {
        check_array(test, result->c_n, result->state_count, "c_n");
        check_array(test, result->cells, result->cells_count, "cells");
    }
}

clrnn_plan_desc test_plan_desc(const struct test_case *test, const char *algorithm) {
    const struct test_problem *p = &test->problem;
    return (clrnn_plan_desc){.algorithm = algorithm,
                             .steps = p->steps,
                             .batch = p->batch,
                             .batch_first = p->batch_first};
}

clrnn_plan *test_plan(const struct test_case *test, clrnn_context *context,
                      const clrnn_plan_desc *desc) {
    clrnn_plan *plan = NULL;
    const clrnn_status status = clrnn_plan_create(&plan, context, test->net, desc);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: plan: %s", test->text,
                  clrnn_last_error()->message);
    return plan;
}

void test_run_plan(struct test_outcome *result, const struct test_case *test, clrnn_plan *plan) {
    test_result_make(result, test);
    const clrnn_forward_args args = test_args(test, result);
    const clrnn_status status = clrnn_forward(plan, &args, 0, NULL, NULL);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: forward: %s", test->text,
                  clrnn_last_error()->message);
    test_check_written(test, result);
}

void test_run(struct test_outcome *result, const struct test_case *test, clrnn_context *context,
              const char *algorithm) {
    const clrnn_plan_desc desc = test_plan_desc(test, algorithm);
    clrnn_plan *plan = test_plan(test, context, &desc);
    test_run_plan(result, test, plan);
    clrnn_plan_free(plan);
}

void test_judge(const struct test_case *test, const struct test_outcome *result,
                const char *where) {
    clrnn_judgement judgement;
    clrnn_forward_args args = test_args(test, result);
    if (test->problem.last_only) {
        args.y = (clrnn_tensor){0}; /* hiddens are judged */
    }
    ok(clrnn_judge(&judgement, test->net, test->problem.batch_first, &args));
    ck_assert_msg(judgement.bad == 0 && judgement.checked > 0,
                  "%s: on %s %s is off by %g (bound %g) at step %lld row %lld unit %lld, %lld bad",
                  test->text, where, judgement.what, judgement.residual, judgement.bound,
                  (long long)judgement.step, (long long)judgement.row, (long long)judgement.unit,
                  (long long)judgement.bad);
}

int test_same_bits(const float *a, const float *b, size_t count, size_t *at) {
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&a[i], &b[i], sizeof a[i]) != 0) {
            *at = i;
            return 0;
        }
    }
    return 1;
}

static void same_array(const struct test_case *test, const float *a, const float *b, size_t count,
                       const char *what, const char *where) {
    size_t at = 0;
    ck_assert_msg(test_same_bits(a, b, count, &at), "%s: %s: %s[%zu] %.9g and %.9g", test->text,
                  where, what, at, a[at], b[at]);
}

void test_same(const struct test_case *test, const struct test_outcome *a,
               const struct test_outcome *b, const char *where) {
    same_array(test, a->y, b->y, a->y_count, "y", where);
    same_array(test, a->h_n, b->h_n, a->state_count, "h_n", where);
    same_array(test, a->hiddens, b->hiddens, a->cells_count, "hiddens", where);
    same_array(test, a->gates, b->gates, a->gates_count, "gates", where);
    if (test->problem.cell == CLRNN_CELL_LSTM) {
        same_array(test, a->c_n, b->c_n, a->state_count, "c_n", where);
        same_array(test, a->cells, b->cells, a->cells_count, "cells", where);
    }
}

static int has_two_phases(const clrnn_net *net) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(net);
    int has = 0;
    for (int i = 0; i < desc->num_layers; i++) {
        has |= desc->layers[i].reset == CLRNN_RESET_BEFORE || desc->layers[i].projection > 0;
    }
    return has;
}

int test_takes(const clrnn_algorithm_info *info, const clrnn_net *net) {
    const int is_slow = strcmp(info->name, "persist/register") == 0 ||
                        strcmp(info->name, "persist/stream") == 0 ||
                        (strcmp(info->name, "single/stream") == 0 && has_two_phases(net));
    return info->allowed && (!is_slow || getenv("CLRNN_LONG") != NULL);
}

size_t test_algorithms(clrnn_algorithm_info *infos, size_t capacity, const clrnn_context *context,
                       const struct test_case *test) {
    clrnn_algorithm_info all[16];
    size_t count = 0, allowed = 0;
    const clrnn_plan_desc desc = test_plan_desc(test, NULL);
    ok(clrnn_plan_algorithms(&count, all, 16, context, test->net, &desc));
    for (size_t i = 0; i < count && allowed < capacity; i++) {
        if (test_takes(&all[i], test->net)) {
            infos[allowed++] = all[i];
        }
    }
    return allowed;
}

/* ---- properties ------------------------------------------------------------------------------ */

static void hold_at(test_property *property, const struct test_case *test,
                    const struct test_place *place) {
    clrnn_algorithm_info algorithms[8];
    const size_t count = test_algorithms(algorithms, 8, place->context, test);
    ck_assert_msg(count > 0, "%s: no algorithm on %s", test->text, place->name);
    for (size_t i = 0; i < count; i++) {
        struct test_outcome whole;
        char where[256];
        snprintf(where, sizeof where, "%.200s %.40s", place->name, algorithms[i].name);
        test_run(&whole, test, place->context, algorithms[i].name);
        property(test, &whole, place->context, algorithms[i].name, where);
        test_result_free(&whole);
    }
}

void test_hold(test_property *property, const struct test_problem *problems, size_t count) {
    struct test_place places[16];
    const size_t place_count = test_places(places, 16);
    for (size_t i = 0; i < count; i++) {
        struct test_case *test = test_case_make(&problems[i]);
        for (size_t place = 0; place < place_count; place++) {
            hold_at(property, test, &places[place]);
        }
        test_case_free(test);
    }
    test_places_free(places, place_count);
}

struct test_case *test_case_like(const struct test_case *test, int steps, int batch) {
    struct test_problem problem = test->problem;
    problem.steps = steps;
    problem.batch = batch;
    return test_case_make(&problem); /* the seed gives the weights first */
}

float *test_row(const struct test_problem *problem, float *values, int width, int t, int n) {
    const size_t at = problem->batch_first ? (size_t)n * (size_t)problem->steps + (size_t)t
                                           : (size_t)t * (size_t)problem->batch + (size_t)n;
    return values + at * (size_t)width;
}

void test_copy_row(struct test_case *to, int t_to, int n_to, const struct test_case *from,
                   int t_from, int n_from, int count) {
    const int inputs = from->problem.inputs;
    const size_t hidden = (size_t)from->problem.hidden;
    for (int t = 0; t < count; t++) {
        memcpy(test_row(&to->problem, to->x, inputs, t_to + t, n_to),
               test_row(&from->problem, from->x, inputs, t_from + t, n_from),
               (size_t)inputs * sizeof(float));
    }
    memcpy(to->h_0 + (size_t)n_to * hidden, from->h_0 + (size_t)n_from * hidden,
           hidden * sizeof(float));
    memcpy(to->c_0 + (size_t)n_to * hidden, from->c_0 + (size_t)n_from * hidden,
           hidden * sizeof(float));
}

void test_same_steps(const struct test_case *a, const struct test_outcome *ra, int t_a, int n_a,
                     const struct test_case *b, const struct test_outcome *rb, int t_b, int n_b,
                     int count, const char *where) {
    const int hidden = a->problem.hidden;
    const struct {
        const char *name;
        float *left, *right;
        int width;
    } arrays[] = {{"y", ra->y, rb->y, hidden},
                  {"hiddens", ra->hiddens, rb->hiddens, hidden},
                  {"gates", ra->gates, rb->gates, test_gates(a) * hidden},
                  {"cells", ra->cells, rb->cells, hidden}};
    for (int i = 0; i < (a->problem.cell == CLRNN_CELL_LSTM ? 4 : 3); i++) {
        for (int t = 0; t < count; t++) {
            size_t at = 0;
            const int width = arrays[i].width;
            const float *left = test_row(&a->problem, arrays[i].left, width, t_a + t, n_a);
            const float *right = test_row(&b->problem, arrays[i].right, width, t_b + t, n_b);
            ck_assert_msg(test_same_bits(left, right, (size_t)width, &at),
                          "%s: %s: %s[t=%d][n=%d][%zu] is %.9g, expected %.9g", a->text, where,
                          arrays[i].name, t_a + t, n_a, at, right[at], left[at]);
        }
    }
}

void test_same_final(const struct test_case *a, const struct test_outcome *ra, int n_a,
                     const struct test_outcome *rb, int n_b, const char *where) {
    const size_t hidden = (size_t)a->problem.hidden;
    for (int array = 0; array < (a->problem.cell == CLRNN_CELL_LSTM ? 2 : 1); array++) {
        size_t at = 0;
        const float *left = (array ? ra->c_n : ra->h_n) + (size_t)n_a * hidden;
        const float *right = (array ? rb->c_n : rb->h_n) + (size_t)n_b * hidden;
        ck_assert_msg(test_same_bits(left, right, hidden, &at),
                      "%s: %s: %s[n=%d][%zu] is %.9g, expected %.9g", a->text, where,
                      array ? "c_n" : "h_n", n_a, at, right[at], left[at]);
    }
}

struct test_problem test_cell_problem(int cell, int steps, int batch, int inputs, int hidden,
                                      uint64_t seed) {
    static const clrnn_cell cells[TEST_CELLS] = {CLRNN_CELL_RNN, CLRNN_CELL_RNN, CLRNN_CELL_LSTM,
                                                 CLRNN_CELL_GRU, CLRNN_CELL_GRU};
    return (struct test_problem){.cell = cells[cell],
                                 .reset = cell == TEST_GRU_BEFORE ? CLRNN_RESET_BEFORE
                                                                  : CLRNN_RESET_AFTER,
                                 .act = cell == TEST_RELU ? CLRNN_ACT_RELU : CLRNN_ACT_DEFAULT,
                                 .steps = steps,
                                 .batch = batch,
                                 .inputs = inputs,
                                 .hidden = hidden,
                                 .gain = 1.0,
                                 .seed = seed + (uint64_t)cell};
}

clrnn_tensor test_weight(const struct test_case *test, const char *name) {
    clrnn_tensor tensor;
    char full[64];
    const int reverse = test->problem.direction == CLRNN_DIRECTION_REVERSE;
    snprintf(full, sizeof full, "%s_l0%s", name, reverse ? "_reverse" : "");
    ok(clrnn_net_get_weight(&tensor, test->net, full));
    return tensor;
}

void test_fill_weight(const struct test_case *test, const char *name, int gate, float value) {
    const clrnn_tensor tensor = test_weight(test, name);
    const int gates = test_gates(test);
    const int64_t count = clrnn_tensor_count(&tensor) / gates;
    for (int64_t i = 0; i < count * gates; i++) {
        if (gate < 0 || i / count == gate) {
            ((float *)tensor.data)[i] = value;
        }
    }
}

static void known_at(const struct test_known *known, const struct test_case *test,
                     const struct test_place *place) {
    clrnn_algorithm_info algorithms[8];
    const size_t count = test_algorithms(algorithms, 8, place->context, test);
    for (size_t i = 0; i < count; i++) {
        struct test_outcome result;
        char where[256];
        snprintf(where, sizeof where, "%.200s %.40s", place->name, algorithms[i].name);
        test_run(&result, test, place->context, algorithms[i].name);
        known->check(test, &result, where);
        test_result_free(&result);
    }
}

void test_hold_known(const struct test_known *known, const struct test_problem *problem) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    struct test_case *test = test_case_make(problem);
    known->prepare(test);
    for (size_t place = 0; place < count; place++) {
        known_at(known, test, &places[place]);
    }
    test_case_free(test);
    test_places_free(places, count);
}

clrnn_net *test_net(const clrnn_net_desc *desc, uint64_t seed, double limit) {
    clrnn_net *net = NULL;
    const char *name;
    ok(clrnn_net_create(&net, desc));
    for (size_t i = 0; (name = clrnn_net_weight_name(net, i)) != NULL; i++) {
        clrnn_tensor weight;
        char own[64];
        snprintf(own, sizeof own, "%s", name);
        ok(clrnn_net_get_weight(&weight, net, own));
        const size_t count = (size_t)clrnn_tensor_count(&weight);
        weight.data = random_floats(count, &seed, limit, 0);
        ok(clrnn_net_set_weight(net, own, &weight));
        free(weight.data);
    }
    return net;
}
