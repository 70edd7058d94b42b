/*
 * npy.h: the .npy format on memory, and the UTF-8 that its text arrays become.
 *
 * Reading: versions 1, 2 and 3; f4 f8 f2 i4 i8 b1 in either byte order, C or Fortran order; 0-d U.
 * Writing: the bytes that numpy.save writes.
 */
#ifndef CLRNN_IO_NPY_H
#define CLRNN_IO_NPY_H

#include "io/arrays.h"

/* Adds the array that the bytes of a .npy file hold. `label` names it in messages. */
clrnn_status npy_parse(clrnn_arrays *into, const char *name, const unsigned char *bytes,
                       size_t size, const char *label);

/* Takes the next piece of a file. */
typedef clrnn_status npy_sink(void *context, const void *data, size_t size);

/* Gives the .npy file of a dense host tensor to the sink, piece by piece. */
clrnn_status npy_emit(const clrnn_tensor *tensor, npy_sink *sink, void *context);
/* Its data alone: C order, little-endian. */
clrnn_status npy_emit_data(const clrnn_tensor *tensor, npy_sink *sink, void *context);

/* The next code point of zero-terminated UTF-8, moving *at behind it; 0 at the end, -1 if it is not
 * UTF-8 (overlong forms and surrogates are not). */
int32_t npy_utf8_next(const char **at);

#endif
