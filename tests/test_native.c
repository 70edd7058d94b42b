/*
 * test_native.c: the native form of whole models, a config of version 2 with its arrays: what is written
 * is read back the same, from .safetensors and from .npz; what a config cannot say is refused when it is
 * written; what a hostile file says is refused when it is read, by name and without a leak.
 */
#include "faults.h"
#include "files.h"
#include "suites.h"
#include "support.h"
#include "tools/chain_models.h"
#include "tools/chain_text.h"

#include "graph/graph_compare.h"
#include "graph/session.h"
#include "io/arrays.h"
#include "io/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3, T = 5 };

static const char *const endings[] = {"safetensors", "npz"};

static struct graph *make(const char *text, uint64_t seed) {
    struct graph *graph = NULL;
    ok(chain_graph(&graph, text, seed));
    return graph;
}

/* A path in the folder with one of the endings. */
static const char *path_of(const char *stem, int ending) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s", stem, endings[ending]);
    return in_folder(name);
}

/* The graph's own config and arrays as a file. */
static clrnn_status write_graph(const struct graph *graph, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_arrays *arrays = NULL;
    TRY(clrnn_arrays_create(&arrays));
    TRY(chain_write(arrays, graph));
    TRY(clrnn_arrays_save(arrays, path));
out:
    clrnn_arrays_free(arrays);
    return status;
}

static void same_files(const char *a, const char *b, const char *what) {
    size_t size_a, size_b;
    unsigned char *bytes_a = read_whole(a, &size_a), *bytes_b = read_whole(b, &size_b);
    ck_assert_msg(size_a == size_b && memcmp(bytes_a, bytes_b, size_a) == 0, "%s: other bytes",
                  what);
    free(bytes_a);
    free(bytes_b);
}

/* What the graph gives first for an x of a seed, some steps of it masked. */
static float *run(const struct graph *graph, clrnn_context *context, size_t *count) {
    clrnn_session *session = NULL;
    const struct graph_port *port = &graph->inputs[0];
    const int is_ids = port->dtype != CLRNN_DTYPE_F32;
    const int64_t features = is_ids ? 1 : port->shape[2];
    float x[N * T * 8] = {0};
    int32_t ids[N * T];
    int64_t long_ids[N * T];
    uint64_t random = 7;
    for (int i = 0; i < N * T; i++) {
        const int is_masked = i % 4 == 3;
        ids[i] = is_masked ? 0 : (int32_t)(test_random(&random) % 7);
        long_ids[i] = ids[i];
        for (int64_t k = 0; !is_ids && k < features; k++) {
            x[i * features + k] = is_masked ? (i % 8 == 3 ? -1.0f : 0) : test_uniform(&random, 1);
        }
    }
    clrnn_binding input = {.name = port->name};
    input.value = test_tensor(port->dtype == CLRNN_DTYPE_F32   ? (void *)x
                              : port->dtype == CLRNN_DTYPE_I32 ? (void *)ids
                                                               : (void *)long_ids,
                              port->dtype, is_ids ? 2 : 3, N, T, features);
    ok(session_create(&session, context, graph, NULL));
    ok(clrnn_session_run(session, 1, &input));
    const clrnn_tensor *y = clrnn_session_output(session, 0);
    *count = (size_t)clrnn_tensor_count(y);
    float *copy = malloc(*count * sizeof *copy);
    memcpy(copy, (const char *)y->data + y->offset, *count * sizeof *copy);
    clrnn_session_free(session);
    return copy;
}

static void same_outputs(const struct graph *a, const struct graph *b, const char *what) {
    clrnn_context *context = NULL;
    size_t count_a, count_b;
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    float *y_a = run(a, context, &count_a), *y_b = run(b, context, &count_b);
    ck_assert_msg(count_a == count_b && memcmp(y_a, y_b, count_a * sizeof *y_a) == 0,
                  "%s: another y", what);
    free(y_a);
    free(y_b);
    clrnn_context_free(context);
}

/* ---- there and back -------------------------------------------------------------------------- */

/* What a config of version 2 does not say. */
static const struct {
    const char *name, *refusal;
} unsaid[] = {
    {"lstm_halves", "layer 'lstm_1': its two directions are not alike"},
    {"lstm_halves_ave", "layer 'lstm_1': its two directions are not alike"},
    {"lstm_halves_sum", "layer 'lstm_1': its two directions are not alike"},
    {"lstm_halves_mul", "layer 'lstm_1': its two directions are not alike"},
    {"mask_halves", "layer 'gru_2': its two directions are not alike"},
    {"mask_unheeded", "layer gru_2: does not heed the mask before it"},
    {"mask_then_not", "layer gru_3: does not heed the mask before it"},
};

static const char *refusal_of(const char *name) {
    for (int i = 0; i < COUNT(unsaid); i++) {
        if (strcmp(unsaid[i].name, name) == 0) {
            return unsaid[i].refusal;
        }
    }
    return NULL;
}

/* Written, read, written again: the same bytes and the same y. */
static void goes_round(const struct graph *graph, const char *what) {
    for (int ending = 0; ending < COUNT(endings); ending++) {
        clrnn_model *model = NULL;
        const char *first = path_of("first", ending), *second = path_of("second", ending);
        ok(write_graph(graph, first));
        ok(clrnn_model_load(&model, first, NULL));
        ok(graph_compare(graph, model->graph, 0));
        ok(clrnn_model_save(model, second, NULL));
        same_files(first, second, what);
        same_outputs(graph, model->graph, what);
        clrnn_model_free(model);
    }
}

START_TEST(comes_back) {
    const char *name = chain_models[_i].name, *refusal = refusal_of(name);
    struct graph *graph = make(chain_models[_i].text, (uint64_t)_i + 1);
    if (refusal != NULL) {
        fails(write_graph(graph, path_of("first", 0)), FORMAT, refusal);
        ck_assert_int_eq(count_files(), 0);
    } else {
        goes_round(graph, name);
    }
    graph_free(graph);
}
END_TEST

Suite *native_suite(void) {
    Suite *suite = suite_create("native");
    TCase *round = tcase_create("round");
    tcase_set_timeout(round, 120);
    tcase_add_checked_fixture(round, make_folder, remove_folder);
    tcase_add_loop_test(round, comes_back, 0, CHAIN_MODELS);
    suite_add_tcase(suite, round);
    return suite;
}
