/*
 * npz.h: the .npz format on memory: a zip archive with one .npy file an array.
 *
 * Reading (by libzip): stored and deflated entries, zip64. Writing: the bytes that numpy.savez
 * writes, dates fixed at 1980-01-01.
 */
#ifndef CLRNN_IO_NPZ_H
#define CLRNN_IO_NPZ_H

#include "io/arrays.h"
#include "io/output.h"

/* Adds every array of the archive; `path` is for messages. */
clrnn_status npz_read(clrnn_arrays *into, const unsigned char *bytes, size_t size,
                      const char *path);

clrnn_status npz_write(struct output *output, const clrnn_arrays *arrays);

#endif
