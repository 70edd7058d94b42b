/*
 * test_onnx_hostile.c: ONNX files that mean harm: cut, with bits flipped, with 10^5 nodes, with graphs
 * within graphs, with messages that are nothing but structs in memory. Each ends in time, in a model or
 * in one clean message.
 */
#include "files.h"
#include "suites.h"

#include "io/arrays.h"
#include "io/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef WITH_PROTOBUF

#define FOLDER "tests/data/onnx/"

/* On memory of exactly the file's size. */
static clrnn_status read_bytes(const unsigned char *bytes, size_t size) {
    struct graph *graph = NULL;
    unsigned char *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, bytes, size);
    const clrnn_status status = onnx_read(&graph, exact, size, "m.onnx");
    ck_assert((graph == NULL) == (status != CLRNN_STATUS_OK));
    graph_free(graph);
    free(exact);
    return status;
}

/* ---- files that mean harm -------------------------------------------------------------------- */

static const char *const victims[] = {"gru_folded.onnx",         "torch_script_gru2bn_all.onnx",
                                      "torch_dynamo_embed.onnx", "glue_latest18.onnx",
                                      "glue_old7.onnx",          "keras_both.onnx",
                                      "lstm_bid_acts.onnx"};

static void expect_sane(clrnn_status status) {
    ck_assert_msg(status == CLRNN_STATUS_OK || status == CLRNN_STATUS_FORMAT, "%s: %s",
                  clrnn_status_name(status), clrnn_last_error()->message);
}

START_TEST(test_cut) {
    char path[160];
    size_t size;
    snprintf(path, sizeof path, FOLDER "%s", victims[_i]);
    unsigned char *bytes = read_whole(path, &size);
    EXPECT_OK(read_bytes(bytes, size));
    for (size_t cut = 0; cut < size; cut++) {
        expect_sane(read_bytes(bytes, cut));
    }
    free(bytes);
}
END_TEST

START_TEST(test_flipped) {
    char path[160];
    size_t size;
    uint32_t random = 12345;
    int refused = 0;
    snprintf(path, sizeof path, FOLDER "%s", victims[_i]);
    unsigned char *bytes = read_whole(path, &size);
    for (size_t at = 0; at < size; at++) {
        random = random * 1664525u + 1013904223u;
        const unsigned char kept = bytes[at];
        bytes[at] = (unsigned char)(kept ^ (1u << (random >> 29)));
        const clrnn_status status = read_bytes(bytes, size);
        expect_sane(status);
        refused += status == CLRNN_STATUS_FORMAT;
        bytes[at] = kept;
    }
    ck_assert_int_gt(refused, 0);
    free(bytes);
}
END_TEST

/* A list of bytes that grows. */
struct bytes {
    unsigned char *data;
    size_t size, room;
};

static void put(struct bytes *to, const void *data, size_t size) {
    if (to->size + size > to->room) {
        to->room = 2 * (to->size + size);
        to->data = realloc(to->data, to->room);
    }
    if (size > 0) {
        memcpy(to->data + to->size, data, size);
        to->size += size;
    }
}

/* A field whose value is the bytes. */
static void put_field(struct bytes *to, int field, const void *data, size_t size) {
    unsigned char head[12] = {(unsigned char)(field << 3 | 2)};
    size_t count = 1, left = size;
    for (; left >= 128; left >>= 7) {
        head[count++] = (unsigned char)(left | 128);
    }
    head[count++] = (unsigned char)left;
    put(to, head, count);
    put(to, data, size);
}

/* A graph as a model of opset 14. */
static struct bytes model_of(const struct bytes *graph) {
    static const unsigned char opset[] = {0x10, 14};
    struct bytes model = {0};
    put(&model, "\x08\x08", 2);
    put_field(&model, 7, graph->data, graph->size);
    put_field(&model, 8, opset, sizeof opset);
    return model;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

enum { MANY = 100000 };

static void put_node(struct bytes *graph, const char *op, const char *input, const char *output) {
    struct bytes node = {0};
    put_field(&node, 1, input, strlen(input));
    put_field(&node, 2, output, strlen(output));
    put_field(&node, 4, op, strlen(op));
    put_field(graph, 1, node.data, node.size);
    free(node.data);
}

static void put_ports(struct bytes *graph, const char *output) {
    static const unsigned char type[] = {0x0a, 0x02, 0x08, 0x01}; /* a float tensor */
    struct bytes port = {0};
    put_field(&port, 1, "x", 1);
    put_field(&port, 2, type, sizeof type);
    put_field(graph, 11, port.data, port.size);
    port.size = 0;
    put_field(&port, 1, output, strlen(output));
    put_field(graph, 12, port.data, port.size);
    free(port.data);
}

/* 10^5 nodes, one behind the other: what takes the square of their number takes minutes. */
START_TEST(test_many_nodes) {
    static const char *const ops[][2] = {{"Relu", "Relu"},
                                         {"Identity", "Identity"},
                                         {"Transpose", "Transpose"},
                                         {"Squeeze", "Flatten"},
                                         {"Shape", "Shape"}};
    struct bytes graph = {0};
    char names[2][32] = {"x", ""};
    for (int i = 0; i < MANY; i++) {
        snprintf(names[1], sizeof names[1], "value_%d", i);
        put_node(&graph, ops[_i][i % 2], names[0], names[1]);
        strcpy(names[0], names[1]);
    }
    put_ports(&graph, names[0]);
    struct bytes model = model_of(&graph);
    const double start = seconds();
    EXPECT_OK(read_bytes(model.data, model.size));
    ck_assert_double_lt(seconds() - start, 20);
    free(graph.data);
    free(model.data);
}
END_TEST

/* Messages of two bytes each would be structs of 100 and more. */
START_TEST(test_empty_messages) {
    static const int fields[] = {1, 5, 11, 12};
    struct bytes graph = {0};
    for (int i = 0; i < 10 * MANY; i++) {
        put_field(&graph, fields[_i], "", 0);
    }
    struct bytes model = model_of(&graph);
    expect_failure(read_bytes(model.data, model.size), CLRNN_STATUS_FORMAT, "m.onnx: ");
    free(graph.data);
    free(model.data);
}
END_TEST

/* Graphs in attributes in nodes in graphs: a parser that followed them would run out of stack. */
START_TEST(test_nested) {
    enum { DEEP = 20000 };
    struct bytes graph = {0};
    for (int i = 0; i < DEEP; i++) {
        struct bytes attribute = {0}, node = {0};
        put_field(&attribute, 6, graph.data, graph.size);
        put_field(&node, 5, attribute.data, attribute.size);
        graph.size = 0;
        put_field(&graph, 1, node.data, node.size);
        free(attribute.data);
        free(node.data);
    }
    struct bytes model = model_of(&graph);
    expect_failure(read_bytes(model.data, model.size), CLRNN_STATUS_FORMAT,
                   "the op  is not supported");
    free(graph.data);
    free(model.data);
}
END_TEST

static void put_number(struct bytes *to, int field, size_t number) {
    unsigned char text[12] = {(unsigned char)(field << 3)};
    size_t count = 1;
    for (; number >= 128; number >>= 7) {
        text[count++] = (unsigned char)(number | 128);
    }
    text[count++] = (unsigned char)number;
    put(to, text, count);
}

/* An initializer of zeros in float32; extent 0 ends its shape. */
static void put_zeros(struct bytes *graph, const char *name, const size_t shape[4]) {
    struct bytes tensor = {0};
    size_t size = sizeof(float);
    for (int axis = 0; shape[axis] != 0; axis++) {
        put_number(&tensor, 1, shape[axis]);
        size *= shape[axis];
    }
    unsigned char *zeros = calloc(size, 1);
    put_number(&tensor, 2, 1);
    put_field(&tensor, 8, name, strlen(name));
    put_field(&tensor, 9, zeros, size);
    put_field(graph, 5, tensor.data, tensor.size);
    free(zeros);
    free(tensor.data);
}

enum { SHARERS = 2000, WIDE = 64 };

/* Nodes that share x and a weight or two, as inputs of one Concat that is the model's output. */
static struct bytes sharing_model(const char *op, const char *const *weights, int weight_count) {
    struct bytes graph = {0}, all = {0};
    static const unsigned char axis[] = {0x0a, 4, 'a', 'x', 'i', 's', 0x18, 0};
    for (int i = 0; i < SHARERS; i++) {
        struct bytes node = {0};
        char name[32];
        snprintf(name, sizeof name, "value_%d", i);
        put_field(&node, 1, "x", 1);
        for (int k = 0; k < weight_count; k++) {
            put_field(&node, 1, weights[k], strlen(weights[k]));
        }
        put_field(&node, 2, name, strlen(name));
        put_field(&node, 4, op, strlen(op));
        put_field(&graph, 1, node.data, node.size);
        put_field(&all, 1, name, strlen(name));
        free(node.data);
    }
    put_field(&all, 2, "y", 1);
    put_field(&all, 4, "Concat", 6);
    put_field(&all, 5, axis, sizeof axis);
    put_field(&graph, 1, all.data, all.size);
    put_ports(&graph, "y");
    free(all.data);
    put_zeros(&graph, "w",
              weight_count > 1 ? (const size_t[4]){1, WIDE, WIDE, 0}
                               : (const size_t[4]){WIDE, WIDE, 0});
    put_zeros(&graph, "r", (const size_t[4]){1, WIDE, WIDE, 0});
    struct bytes model = model_of(&graph);
    free(graph.data);
    return model;
}

/* One array of weights for thousands of nodes: each would have a copy of its own, in sum thousands of
 * times the file. */
START_TEST(test_shared_weights) {
    static const char *const weights[] = {"w", "r"};
    struct bytes model = sharing_model("RNN", weights, 2);
    expect_failure(read_bytes(model.data, model.size), CLRNN_STATUS_FORMAT,
                   "its 8192 weights, with those of the nodes before, are too many");
    free(model.data);
}
END_TEST

/* A product can take the array where it lies, so that it stays one. */
START_TEST(test_shared_products) {
    static const char *const weights[] = {"w"};
    struct bytes model = sharing_model("MatMul", weights, 1);
    struct graph *graph;
    size_t dense = 0, products = 0;
    EXPECT_OK(onnx_read(&graph, model.data, model.size, "m.onnx"));
    for (int i = 0; i < graph->node_count; i++) {
        dense += graph->nodes[i].op == GRAPH_DENSE;
        products += graph->nodes[i].op == GRAPH_MATMUL;
    }
    ck_assert_uint_gt(dense, 0);
    ck_assert_uint_eq(dense + products, SHARERS);
    ck_assert_uint_le(dense * WIDE * WIDE * sizeof(float), 16 * model.size + (1 << 20));
    graph_free(graph);
    free(model.data);
}
END_TEST

START_TEST(test_nothing) {
    static const unsigned char zeros[64];
    expect_failure(read_bytes(zeros, 0), CLRNN_STATUS_FORMAT, "m.onnx: holds no graph");
    expect_failure(read_bytes(zeros, sizeof zeros), CLRNN_STATUS_FORMAT,
                   "m.onnx: is no ONNX model, or only a part of one");
}
END_TEST

#endif

Suite *onnx_hostile_suite(void) {
    Suite *suite = suite_create("onnx_hostile");
    TCase *files = tcase_create("files");
#ifdef WITH_PROTOBUF
    tcase_add_test(files, test_nothing);
    tcase_add_loop_test(files, test_cut, 0, COUNT(victims));
    tcase_add_loop_test(files, test_flipped, 0, COUNT(victims));
    tcase_add_loop_test(files, test_many_nodes, 0, 5);
    tcase_add_loop_test(files, test_empty_messages, 0, 4);
    tcase_add_test(files, test_nested);
    tcase_add_test(files, test_shared_weights);
    tcase_add_test(files, test_shared_products);
#endif
    suite_add_tcase(suite, files);
    return suite;
}
