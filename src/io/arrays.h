/*
 * arrays.h: the set of named arrays behind clrnn_arrays, and reading a file whole.
 *
 * What the bytes of a file mean is in npy.h, npz.h and safetensors.h; how a file is written is in
 * output.h.
 * Entries are allocated one by one, so that a view given out stays valid while the set grows.
 */
#ifndef CLRNN_IO_ARRAYS_H
#define CLRNN_IO_ARRAYS_H

#include "core/status.h"

struct arrays_entry {
    char *name;
    clrnn_tensor tensor; /* data is owned; TEXT has its terminating zero behind it */
};

struct clrnn_arrays {
    struct arrays_entry **entries;
    size_t count;
    size_t capacity;
};

enum arrays_kind { ARRAYS_UNKNOWN, ARRAYS_NPY, ARRAYS_ZIP, ARRAYS_SAFETENSORS };

/* By the first bytes: \x93NUMPY, PK, or a length of less than 4 GiB in 8 bytes and a '{'. */
enum arrays_kind arrays_probe(const unsigned char *bytes, size_t size);

enum { ARRAYS_LABEL = 200 };

/* What messages call `path` (or the array `name` in it, unless NULL); a long one loses its front so
 * that the message keeps its numbers. Returns label. */
const char *arrays_label(char label[ARRAYS_LABEL], const char *path, const char *name);

/* The file's bytes, to be freed by the caller; "-" is standard input. Reading stops early where the
 * first bytes are of no kind we know, so that an endless stream cannot fill the memory. */
clrnn_status arrays_read_file(unsigned char **out, size_t *size, const char *path);
/* The same for files of other kinds, too, by their first bytes, at least 9 of them where there are. */
clrnn_status arrays_read_known(unsigned char **out, size_t *size, const char *path,
                               int (*is_known)(const unsigned char *bytes, size_t size));

/* As clrnn_arrays_load, on the bytes of a file. */
clrnn_status arrays_parse(clrnn_arrays **out, const unsigned char *bytes, size_t size,
                          const char *path);

/* As clrnn_arrays_save, with the format chosen by the caller. */
clrnn_status arrays_write(const clrnn_arrays *arrays, const char *path, enum arrays_kind kind);

/* Appends without looking for the name; takes over tensor->data when it succeeds. */
clrnn_status arrays_insert(clrnn_arrays *arrays, const char *name, const clrnn_tensor *tensor);

/* Bytes of an array with non-negative extents and `item` bytes an element; 0 when they are more
 * than memory can hold, else 1. */
int arrays_bytes(size_t *out, size_t item, int rank, const int64_t *shape);

#endif
