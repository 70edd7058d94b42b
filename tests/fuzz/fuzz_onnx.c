/* fuzz_onnx.c: a ModelProto, and the chain of layers that it may be. */
#include "fuzz/fuzz.h"

#include "io/chain.h"
#include "io/onnx.h"

int fuzz_onnx(const unsigned char *data, size_t size) {
    struct graph *graph = NULL;
    clrnn_arrays *arrays = NULL;
    if (onnx_read(&graph, data, size, "fuzz") == CLRNN_STATUS_OK &&
        clrnn_arrays_create(&arrays) == CLRNN_STATUS_OK) {
        (void)chain_write(arrays, graph, NULL);
    }
    clrnn_arrays_free(arrays);
    graph_free(graph);
    return 0;
}
