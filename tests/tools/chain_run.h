/* chain_run.h: what graphs of chain_text.h give for an x made up: to see that two are the same model. */
#ifndef CLRNN_TESTS_CHAIN_RUN_H
#define CLRNN_TESTS_CHAIN_RUN_H

#include "support.h"

#include "graph/session.h"

#include <stdlib.h>
#include <string.h>

enum { CHAIN_N = 3, CHAIN_T = 5 };

/* What the graph gives for an x of a seed, some steps of it masked: here and there, or all from a row's
 * length on, which is what masks are in ONNX. */
static inline float *chain_run(const struct graph *graph, clrnn_context *context,
                               const float *padding, size_t *count) {
    static const int lengths[CHAIN_N] = {CHAIN_T, 3, 0};
    clrnn_session *session = NULL;
    const struct graph_port *port = &graph->inputs[0];
    const int is_ids = port->dtype != CLRNN_DTYPE_F32;
    const int64_t features = is_ids ? 1 : port->shape[2];
    float x[CHAIN_N * CHAIN_T * 8] = {0};
    int32_t ids[CHAIN_N * CHAIN_T];
    int64_t long_ids[CHAIN_N * CHAIN_T];
    uint64_t random = 7;
    for (int i = 0; i < CHAIN_N * CHAIN_T; i++) {
        const int is_masked = padding != NULL ? i % CHAIN_T >= lengths[i / CHAIN_T] : i % 4 == 3;
        const int32_t id = (int32_t)(test_random(&random) % 7);
        ids[i] = is_masked ? 0 : padding != NULL && id == 0 ? 1 : id;
        long_ids[i] = ids[i];
        for (int64_t k = 0; !is_ids && k < features; k++) {
            const float masked = padding != NULL ? *padding : i % 8 == 3 ? -1.0f : 0;
            x[i * features + k] = is_masked ? masked : test_uniform(&random, 1);
        }
    }
    clrnn_binding input = {.name = port->name};
    input.value = test_tensor(port->dtype == CLRNN_DTYPE_F32   ? (void *)x
                              : port->dtype == CLRNN_DTYPE_I32 ? (void *)ids
                                                               : (void *)long_ids,
                              port->dtype, is_ids ? 2 : 3, CHAIN_N, CHAIN_T, features);
    ok(session_create(&session, context, graph, NULL));
    ok(clrnn_session_run(session, 1, &input));
    const clrnn_tensor *y = clrnn_session_output(session, 0);
    *count = (size_t)clrnn_tensor_count(y);
    float *copy = malloc(*count * sizeof *copy);
    memcpy(copy, (const char *)y->data + y->offset, *count * sizeof *copy);
    clrnn_session_free(session);
    return copy;
}

/* Bit for bit. */
static inline void chain_same(const struct graph *a, const struct graph *b, const float *padding,
                              const char *what) {
    clrnn_context *context = NULL;
    size_t count_a = 0, count_b = 0;
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    float *y_a = chain_run(a, context, padding, &count_a);
    float *y_b = chain_run(b, context, padding, &count_b);
    ck_assert_msg(count_a == count_b && memcmp(y_a, y_b, count_a * sizeof *y_a) == 0,
                  "%s: another y", what);
    free(y_a);
    free(y_b);
    clrnn_context_free(context);
}

#endif
