/*
 * foreign.c: model files of others, told apart by content so that a message can name them. Nothing
 * of them is read.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/foreign.h"

#include "io/arrays.h"

#include <string.h>

static int starts_with(const unsigned char *bytes, size_t size, const char *magic, size_t length) {
    return size >= length && memcmp(bytes, magic, length) == 0;
}

/* Names of entries stand in a zip file as they are. */
static int has_entry(const unsigned char *bytes, size_t size, const char *name) {
    return memmem(bytes, size, name, strlen(name)) != NULL;
}

static int ends_with(const char *text, const char *end) {
    const size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

static int is_text(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if ((bytes[i] < ' ' && strchr("\t\n\r\f", bytes[i]) == NULL) || bytes[i] == 0 ||
            bytes[i] == 0x7f) {
            return 0;
        }
    }
    return size > 0;
}

const char *foreign_name(const unsigned char *bytes, size_t size, const char *path) {
    const char *name = NULL;
    if (arrays_probe(bytes, size) == ARRAYS_ZIP) {
        if (has_entry(bytes, size, "/data.pkl")) {
            name = "a PyTorch checkpoint";
        } else if (has_entry(bytes, size, "model.weights.h5") ||
                   (has_entry(bytes, size, "config.json") &&
                    has_entry(bytes, size, "metadata.json"))) {
            name = "a Keras model";
        }
    } else if (arrays_probe(bytes, size) == ARRAYS_NPY) {
        name = "one .npy array";
    } else if (starts_with(bytes, size, "\x89HDF\r\n\x1a\n", 8)) {
        name = "an HDF5 file, such as Keras writes";
    } else if (size > 0 && bytes[0] == 0x08 && ends_with(path, ".onnx")) {
        name = "an ONNX model";
    } else if (size >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5) {
        name = "a Python pickle, such as old PyTorch checkpoints are";
    } else if (is_text(bytes, size)) {
        name = "a text";
    }
    return name;
}
