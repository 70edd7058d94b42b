/*
 * safetensors.h: the .safetensors format on memory.
 *
 *     8 bytes   length of the header, little-endian
 *     header    JSON: {name: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}
 *     data      offsets count from here; the arrays cover it, without a hole or an overlap
 *
 * Read are F32 F64 F16 I32 I64 BOOL, and BF16, which becomes float32. "__metadata__" holds texts:
 * an entry "clrnn.NAME" is the text array NAME here, others say nothing about arrays and are left
 * alone, as everybody does. Written are the bytes that the Python package writes.
 */
#ifndef CLRNN_IO_SAFETENSORS_H
#define CLRNN_IO_SAFETENSORS_H

#include "io/arrays.h"
#include "io/output.h"

/* Adds every array and text of the file; `path` is for messages. */
clrnn_status safetensors_read(clrnn_arrays *into, const unsigned char *bytes, size_t size,
                              const char *path);

clrnn_status safetensors_write(struct output *output, const clrnn_arrays *arrays);

#endif
