/*
 * forward_times.c: how long a whole forward pass takes, for a caller with x and y in host memory and
 * the weights resident: a table of the shapes that peers are measured on, for each engine.
 *
 * Plain times of this machine: the engines take turns, after warm-up, and the median is printed. What
 * is not here: peers, the roofline, a planner that uses the numbers.
 */
#include <clrnn.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 15, ENGINES = 2 };

static const struct shape {
    clrnn_cell cell;
    int steps, batch, inputs, hidden;
} shapes[] = {
    {CLRNN_CELL_RNN, 10, 1, 4, 8},      {CLRNN_CELL_RNN, 100, 1, 64, 64},
    {CLRNN_CELL_RNN, 50, 1, 128, 128},  {CLRNN_CELL_RNN, 50, 1, 256, 256},
    {CLRNN_CELL_RNN, 50, 32, 256, 256}, {CLRNN_CELL_LSTM, 50, 1, 128, 128},
    {CLRNN_CELL_LSTM, 50, 1, 256, 256}, {CLRNN_CELL_LSTM, 50, 32, 256, 256},
    {CLRNN_CELL_GRU, 50, 1, 128, 128},  {CLRNN_CELL_GRU, 50, 1, 256, 256},
    {CLRNN_CELL_GRU, 50, 32, 256, 256},
};

static void must(clrnn_status status) {
    if (status != CLRNN_STATUS_OK) {
        fprintf(stderr, "forward_times: %s\n", clrnn_last_error()->message);
        exit(1);
    }
}

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int by_value(const void *a, const void *b) {
    const double left = *(const double *)a, right = *(const double *)b;
    return left < right ? -1 : left > right;
}

/* count floats in +-limit, always the same ones */
static float *values(size_t count, float limit) {
    float *to = malloc(count * sizeof *to);
    unsigned state = 1;
    for (size_t i = 0; to != NULL && i < count; i++) {
        state = state * 1664525u + 1013904223u;
        to[i] = ((float)(state >> 8) * 0x1p-23f - 1.0f) * limit;
    }
    if (to == NULL) {
        fprintf(stderr, "forward_times: out of memory\n");
        exit(1);
    }
    return to;
}

static clrnn_net *net_of(const struct shape *s) {
    clrnn_net *net = NULL;
    const clrnn_net_desc desc = {.inputs = s->inputs,
                                 .layer = {.cell = s->cell, .hidden = s->hidden}};
    const int64_t rows = (int64_t)clrnn_layer_gates(&desc.layer) * s->hidden;
    const float limit = 1.0f / sqrtf((float)s->hidden);
    float *ih = values((size_t)(rows * s->inputs), limit);
    float *hh = values((size_t)(rows * s->hidden), limit);
    const clrnn_tensor w_ih = {.data = ih, .rank = 2, .shape = {rows, s->inputs}};
    const clrnn_tensor w_hh = {.data = hh, .rank = 2, .shape = {rows, s->hidden}};
    must(clrnn_net_create(&net, &desc));
    must(clrnn_net_set_weight(net, "weight_ih_l0", &w_ih));
    must(clrnn_net_set_weight(net, "weight_hh_l0", &w_hh));
    free(ih);
    free(hh);
    return net;
}

static void time_shape(clrnn_context *const contexts[ENGINES], const struct shape *s) {
    double times[ENGINES][RUNS];
    clrnn_plan *plans[ENGINES] = {NULL, NULL};
    const size_t rows = (size_t)s->steps * (size_t)s->batch;
    const clrnn_plan_desc desc = {.steps = s->steps, .batch = s->batch};
    clrnn_net *net = net_of(s);
    float *x = values(rows * (size_t)s->inputs, 1.0f);
    float *y = values(rows * (size_t)s->hidden, 1.0f);
    const clrnn_forward_args args = {
        .x = {.data = x, .rank = 3, .shape = {s->steps, s->batch, s->inputs}},
        .y = {.data = y, .rank = 3, .shape = {s->steps, s->batch, s->hidden}}};
    for (int engine = 0; engine < ENGINES; engine++) {
        if (contexts[engine] != NULL) {
            must(clrnn_plan_create(&plans[engine], contexts[engine], net, &desc));
            must(clrnn_forward(plans[engine], &args, 0, NULL,
                               NULL)); /* copies of x and y are made */
        }
    }
    for (int run = 0; run < RUNS; run++) {
        for (int engine = 0; engine < ENGINES; engine++) {
            if (plans[engine] != NULL) {
                const double start = now_us();
                must(clrnn_forward(plans[engine], &args, 0, NULL, NULL));
                times[engine][run] = now_us() - start;
            }
        }
    }
    printf("| %s | %d | %d | %d | %d |", clrnn_cell_name(s->cell), s->steps, s->batch, s->inputs,
           s->hidden);
    for (int engine = 0; engine < ENGINES; engine++) {
        if (plans[engine] != NULL) {
            qsort(times[engine], RUNS, sizeof times[engine][0], by_value);
            printf(" %.1f |", times[engine][RUNS / 2]);
        } else {
            printf(" - |");
        }
        clrnn_plan_free(plans[engine]);
    }
    printf("\n");
    free(x);
    free(y);
    clrnn_net_free(net);
}

int main(void) {
    clrnn_context *contexts[ENGINES] = {NULL, NULL};
    const clrnn_context_desc opencl = {.engine = CLRNN_ENGINE_OPENCL};
    const clrnn_context_desc cpu = {.engine = CLRNN_ENGINE_CPU};
    if (clrnn_context_create(&contexts[0], &opencl) != CLRNN_STATUS_OK) {
        fprintf(stderr, "forward_times: no opencl column: %s\n", clrnn_last_error()->message);
    }
    must(clrnn_context_create(&contexts[1], &cpu));
    printf("clrnn %s, opencl: %s, cpu: %s; microseconds, median of %d, whole forward pass\n\n",
           clrnn_version(), contexts[0] != NULL ? clrnn_context_device(contexts[0])->name : "none",
           clrnn_context_device(contexts[1])->name, RUNS);
    printf(
        "| cell | T | N | I | H | opencl | cpu |\n| --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        time_shape(contexts, &shapes[i]);
    }
    clrnn_context_free(contexts[0]);
    clrnn_context_free(contexts[1]);
    return 0;
}
