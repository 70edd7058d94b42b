/* fuzz_onnx.c: a ModelProto. */
#include "fuzz/fuzz.h"

#include "io/onnx.h"

int fuzz_onnx(const unsigned char *data, size_t size) {
    struct graph *graph = NULL;
    (void)onnx_read(&graph, data, size, "fuzz");
    graph_free(graph);
    return 0;
}
