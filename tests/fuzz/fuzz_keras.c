/*
 * fuzz_keras.c: the config of a Keras model, with zeros for its weights; and archives, whose checksums
 * keep what libhdf5 sees whole. An HDF5 file by itself is libhdf5's to survive.
 */
#include "fuzz/fuzz.h"

#include "io/hdf5_file.h"
#include "io/json_text.h"
#include "io/keras.h"
#include "io/keras_read.h"

#include <string.h>

int fuzz_keras(const unsigned char *data, size_t size) {
    struct graph *graph = NULL;
    struct keras_file file = {.version = size > 0 && data[size - 1] % 2 != 0 ? 2 : 3};
    strcpy(file.label, "fuzz");
    if (json_text_read(&file.config, (const char *)data, size, 64, "fuzz") == CLRNN_STATUS_OK) {
        (void)keras_read_file(&graph, &file);
    } else if (keras_probe(data, size) && !hdf5_file_probe(data, size)) {
        (void)keras_read(&graph, data, size, "fuzz");
    }
    keras_file_close(&file);
    graph_free(graph);
    return 0;
}
