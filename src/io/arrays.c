/*
 * arrays.c: the set of named arrays: creating, finding, loading, saving, converting.
 *
 * Conversion between types is at the end. What a file's bytes mean is in npy.c, npz.c and
 * safetensors.c, how a file is written in output.c. A set owns its arrays; every view that it gives
 * out points into them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "core/half.h"
#include "io/arrays.h"

#include "core/tensor.h"
#include "io/npy.h"
#include "io/npz.h"
#include "io/output.h"
#include "io/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the set --------------------------------------------------------------------------------- */

clrnn_status clrnn_arrays_create(clrnn_arrays **out) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(out != NULL, ARGUMENT, "arrays: needs a place for the result, got NULL");
    *out = calloc(1, sizeof **out);
    REQUIRE(*out != NULL, MEMORY, "arrays: out of memory");
out:
    return status;
}

static void free_entry(struct arrays_entry *entry) {
    if (entry != NULL) {
        free(entry->name);
        free(entry->tensor.data);
        free(entry);
    }
}

void clrnn_arrays_free(clrnn_arrays *arrays) {
    if (arrays == NULL) {
        return;
    }
    for (size_t i = 0; i < arrays->count; i++) {
        free_entry(arrays->entries[i]);
    }
    free(arrays->entries);
    free(arrays);
}

size_t clrnn_arrays_count(const clrnn_arrays *arrays) {
    return arrays != NULL ? arrays->count : 0;
}

const char *clrnn_arrays_name(const clrnn_arrays *arrays, size_t i) {
    return i < clrnn_arrays_count(arrays) ? arrays->entries[i]->name : NULL;
}

const clrnn_tensor *clrnn_arrays_at(const clrnn_arrays *arrays, size_t i) {
    return i < clrnn_arrays_count(arrays) ? &arrays->entries[i]->tensor : NULL;
}

const clrnn_tensor *clrnn_arrays_find(const clrnn_arrays *arrays, const char *name) {
    for (size_t i = 0; name != NULL && i < clrnn_arrays_count(arrays); i++) {
        if (strcmp(arrays->entries[i]->name, name) == 0) {
            return &arrays->entries[i]->tensor;
        }
    }
    return NULL;
}

int arrays_bytes(size_t *out, size_t item, int rank, const int64_t *shape) {
    size_t bytes = item;
    int empty = 0;
    for (int axis = 0; axis < rank; axis++) {
        if (shape[axis] == 0) {
            empty = 1;
        } else if (bytes > (size_t)(PTRDIFF_MAX / 2) / (size_t)shape[axis]) {
            return 0;
        } else {
            bytes *= (size_t)shape[axis];
        }
    }
    *out = empty ? 0 : bytes;
    return 1;
}

static int is_utf8(const char *text) {
    int32_t code;
    do {
        code = npy_utf8_next(&text);
    } while (code > 0);
    return code == 0;
}

clrnn_status arrays_insert(clrnn_arrays *arrays, const char *name, const clrnn_tensor *tensor) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct arrays_entry *entry = NULL;
    REQUIRE(is_utf8(name), ARGUMENT, "arrays: the name of an array must be UTF-8");
    if (arrays->count == arrays->capacity) {
        const size_t capacity = arrays->capacity == 0 ? 8 : 2 * arrays->capacity;
        struct arrays_entry **entries =
            realloc(arrays->entries, capacity * sizeof(struct arrays_entry *));
        REQUIRE(entries != NULL, MEMORY, "arrays: out of memory for %zu arrays", capacity);
        arrays->entries = entries;
        arrays->capacity = capacity;
    }
    entry = calloc(1, sizeof *entry);
    REQUIRE(entry != NULL, MEMORY, "arrays: out of memory");
    entry->name = strdup(name);
    REQUIRE(entry->name != NULL, MEMORY, "arrays: out of memory");
    entry->tensor = *tensor;
    arrays->entries[arrays->count++] = entry;
    entry = NULL;
out:
    free_entry(entry);
    return status;
}

clrnn_status clrnn_arrays_add(clrnn_tensor *out, clrnn_arrays *arrays, const char *name,
                              clrnn_dtype dtype, int rank, const int64_t *shape) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    clrnn_tensor tensor = {.dtype = dtype, .rank = rank};
    size_t bytes;
    REQUIRE(out != NULL && arrays != NULL && name != NULL, ARGUMENT,
            "arrays: add needs a place for the result, a set and a name");
    arrays_label(label, "arrays", name);
    REQUIRE(clrnn_arrays_find(arrays, name) == NULL, ARGUMENT, "%s: the name is taken", label);
    REQUIRE(clrnn_dtype_size(dtype) > 0, ARGUMENT, "%s: unknown dtype %d", label, (int)dtype);
    REQUIRE(dtype != CLRNN_DTYPE_TEXT, ARGUMENT, "%s: text comes only from a file", label);
    REQUIRE(rank >= 0 && rank <= CLRNN_MAX_RANK, SHAPE, "%s: rank must be 0 to %d, got %d", label,
            CLRNN_MAX_RANK, rank);
    REQUIRE(rank == 0 || shape != NULL, ARGUMENT, "%s: rank %d needs a shape, got NULL", label,
            rank);
    for (int axis = 0; axis < rank; axis++) {
        REQUIRE(shape[axis] >= 0, SHAPE, "%s: axis %d must not be negative, got %lld", label, axis,
                (long long)shape[axis]);
        tensor.shape[axis] = shape[axis];
    }
    REQUIRE(arrays_bytes(&bytes, clrnn_dtype_size(dtype), rank, shape), SHAPE,
            "%s: has more elements than memory can hold", label);
    tensor.data = calloc(bytes > 0 ? bytes : 1, 1);
    REQUIRE(tensor.data != NULL, MEMORY, "%s: out of memory for %zu bytes", label, bytes);
    TRY(arrays_insert(arrays, name, &tensor));
    *out = tensor;
    tensor.data = NULL;
out:
    free(tensor.data);
    return status;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* The end of a text of at most `longest` bytes says more than its front. */
static const char *tail(const char *text, size_t longest, const char **dots) {
    const size_t length = strlen(text);
    *dots = length > longest ? "..." : "";
    return length > longest ? text + length - longest : text;
}

const char *arrays_label(char label[ARRAYS_LABEL], const char *path, const char *name) {
    enum { LONGEST_PATH = 120, LONGEST_NAME = 60 };
    const char *path_dots;
    const char *name_dots;
    path = tail(strcmp(path, "-") == 0 ? "standard input" : path, LONGEST_PATH, &path_dots);
    if (name == NULL) {
        snprintf(label, ARRAYS_LABEL, "%s%s", path_dots, path);
    } else {
        name = tail(name, LONGEST_NAME, &name_dots);
        snprintf(label, ARRAYS_LABEL, "%s%s: %s%s", path_dots, path, name_dots, name);
    }
    return label;
}

enum arrays_kind arrays_probe(const unsigned char *bytes, size_t size) {
    /* First, since a length may read PK; no .zip or .npy has zeros and a '{' there. */
    if (size >= 9 && memcmp(bytes + 4, "\0\0\0\0{", 5) == 0) {
        return ARRAYS_SAFETENSORS;
    }
    if (size >= 6 && memcmp(bytes, "\x93NUMPY", 6) == 0) {
        return ARRAYS_NPY;
    }
    return size >= 2 && memcmp(bytes, "PK", 2) == 0 ? ARRAYS_ZIP : ARRAYS_UNKNOWN;
}

/* read() that waits where standard input was left non-blocking. */
static ssize_t read_some(int fd, void *to, size_t size) {
    for (;;) {
        const ssize_t got = read(fd, to, size);
        if (got >= 0 || (errno != EINTR && errno != EAGAIN)) {
            return got;
        }
        if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
        }
    }
}

static int is_of_arrays(const unsigned char *bytes, size_t size) {
    return arrays_probe(bytes, size) != ARRAYS_UNKNOWN;
}

clrnn_status arrays_read_file(unsigned char **out, size_t *size, const char *path) {
    return arrays_read_known(out, size, path, is_of_arrays);
}

clrnn_status arrays_read_known(unsigned char **out, size_t *size, const char *path,
                               int (*is_known)(const unsigned char *bytes, size_t size)) {
    enum { FIRST_BLOCK = 4096, MAGIC_BYTES = 9 };
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    struct stat info;
    unsigned char *bytes = NULL;
    size_t used = 0;
    size_t capacity = 0;
    ssize_t got = 1;
    const int is_stdin = strcmp(path, "-") == 0;
    const int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    arrays_label(label, path, NULL);
    REQUIRE(fd >= 0, IO, "%s: cannot be opened: %s", label, strerror(errno));
    REQUIRE(fstat(fd, &info) == 0, IO, "%s: cannot be read: %s", label, strerror(errno));
    REQUIRE(!S_ISDIR(info.st_mode), IO, "%s: is a directory, expected a file", label);
    while (got > 0) {
        if (used == capacity) {
            /* One byte more than the file, so that its end is seen without growing again. */
            const size_t whole = S_ISREG(info.st_mode) ? (size_t)info.st_size + 1 : 0;
            const size_t wanted = capacity == 0 ? FIRST_BLOCK : whole > used ? whole : 2 * capacity;
            unsigned char *grown = realloc(bytes, wanted);
            REQUIRE(grown != NULL, MEMORY, "%s: out of memory for %zu bytes", label, wanted);
            bytes = grown;
            capacity = wanted;
        }
        got = read_some(fd, bytes + used, capacity - used);
        REQUIRE(got >= 0, IO, "%s: cannot be read: %s", label, strerror(errno));
        used += (size_t)got;
        if (used >= MAGIC_BYTES && !is_known(bytes, used)) {
            break;
        }
    }
    *out = bytes;
    *size = used;
    bytes = NULL;
out:
    free(bytes);
    if (fd >= 0 && !is_stdin) {
        close(fd);
    }
    return status;
}

clrnn_status arrays_parse(clrnn_arrays **out, const unsigned char *bytes, size_t size,
                          const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    clrnn_arrays *arrays = NULL;
    const enum arrays_kind kind = arrays_probe(bytes, size);
    arrays_label(label, path, NULL);
    REQUIRE(size > 0, FORMAT, "%s: is empty, expected .npy or .npz", label);
    REQUIRE(kind != ARRAYS_SAFETENSORS, FORMAT,
            "%s: is a safetensors file, which can hold a model; arrays are read from .npy and .npz",
            label);
    REQUIRE(kind != ARRAYS_UNKNOWN, FORMAT, "%s: is neither .npy nor .npz: starts with byte 0x%02x",
            label, bytes[0]);
    TRY(clrnn_arrays_create(&arrays));
    TRY(kind == ARRAYS_NPY ? npy_parse(arrays, "", bytes, size, label)
                           : npz_read(arrays, bytes, size, path));
    *out = arrays;
    arrays = NULL;
out:
    clrnn_arrays_free(arrays);
    return status;
}

clrnn_status clrnn_arrays_load(clrnn_arrays **out, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    unsigned char *bytes = NULL;
    size_t size = 0;
    REQUIRE(out != NULL, ARGUMENT, "arrays: needs a place for the result, got NULL");
    *out = NULL;
    REQUIRE(path != NULL, ARGUMENT, "arrays: load needs a path, got NULL");
    TRY(arrays_read_file(&bytes, &size, path));
    TRY(arrays_parse(out, bytes, size, path));
out:
    free(bytes);
    return status;
}

clrnn_status arrays_write(const clrnn_arrays *arrays, const char *path, enum arrays_kind kind) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct output output = {.fd = -1};
    TRY(output_open(&output, path));
    switch (kind) {
    case ARRAYS_ZIP:
        TRY(npz_write(&output, arrays));
        break;
    case ARRAYS_SAFETENSORS:
        TRY(safetensors_write(&output, arrays));
        break;
    default:
        TRY(npy_emit(&arrays->entries[0]->tensor, output_sink, &output));
    }
    TRY(output_commit(&output));
out:
    output_close(&output);
    return status;
}

clrnn_status clrnn_arrays_save(const clrnn_arrays *arrays, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(arrays != NULL && path != NULL, ARGUMENT, "arrays: save needs a set and a path");
    const size_t length = strlen(path);
    const int as_npz = length >= 4 && strcmp(path + length - 4, ".npz") == 0;
    REQUIRE(as_npz || arrays->count > 0, ARGUMENT, "arrays: there is no array to save as .npy");
    const int as_safetensors = length >= 12 && strcmp(path + length - 12, ".safetensors") == 0;
    TRY(arrays_write(arrays, path,
                     as_npz           ? ARRAYS_ZIP
                     : as_safetensors ? ARRAYS_SAFETENSORS
                                      : ARRAYS_NPY));
out:
    return status;
}

/* ---- conversion ------------------------------------------------------------------------------ */

/* An element on its way: integers travel as int64, everything else exactly as a double. */
struct element {
    int is_integer;
    int64_t integer;
    double real;
};

static struct element load_element(const char *at, clrnn_dtype dtype) {
    struct element element = {0};
    float f32;
    uint16_t f16;
    int32_t i32;
    switch (dtype) {
    case CLRNN_DTYPE_F32:
        memcpy(&f32, at, sizeof f32);
        element.real = (double)f32;
        break;
    case CLRNN_DTYPE_F64:
        memcpy(&element.real, at, sizeof element.real);
        break;
    case CLRNN_DTYPE_F16:
        memcpy(&f16, at, sizeof f16);
        element.real = half_to_double(f16);
        break;
    case CLRNN_DTYPE_I32:
        memcpy(&i32, at, sizeof i32);
        element.is_integer = 1;
        element.integer = i32;
        break;
    case CLRNN_DTYPE_I64:
        memcpy(&element.integer, at, sizeof element.integer);
        element.is_integer = 1;
        break;
    case CLRNN_DTYPE_BOOL:
    case CLRNN_DTYPE_TEXT:
        element.is_integer = 1;
        element.integer = *at != 0;
        break;
    }
    return element;
}

/* 0 where an integer type cannot hold the value exactly. */
static int store_element(char *at, clrnn_dtype dtype, struct element element) {
    const double real = element.is_integer ? (double)element.integer : element.real;
    const float f32 = element.is_integer ? (float)element.integer : (float)element.real;
    uint16_t f16;
    int64_t i64 = element.integer;
    int32_t i32;
    switch (dtype) {
    case CLRNN_DTYPE_F32:
        memcpy(at, &f32, sizeof f32);
        break;
    case CLRNN_DTYPE_F64:
        memcpy(at, &real, sizeof real);
        break;
    case CLRNN_DTYPE_F16:
        f16 = half_from_double(real);
        memcpy(at, &f16, sizeof f16);
        break;
    case CLRNN_DTYPE_I32:
    case CLRNN_DTYPE_I64:
        if (!element.is_integer) {
            if (!(real >= -0x1p63 && real < 0x1p63) || rint(real) < real || rint(real) > real) {
                return 0;
            }
            i64 = (int64_t)real;
        }
        if (dtype == CLRNN_DTYPE_I64) {
            memcpy(at, &i64, sizeof i64);
            break;
        }
        if (i64 < INT32_MIN || i64 > INT32_MAX) {
            return 0;
        }
        i32 = (int32_t)i64;
        memcpy(at, &i32, sizeof i32);
        break;
    case CLRNN_DTYPE_BOOL:
    case CLRNN_DTYPE_TEXT:
        *at = element.is_integer ? element.integer != 0 : !(element.real == 0.0);
        break;
    }
    return 1;
}

static void remove_last(clrnn_arrays *arrays) {
    free_entry(arrays->entries[--arrays->count]);
}

clrnn_status clrnn_arrays_convert(clrnn_tensor *out, clrnn_arrays *arrays, const char *name,
                                  clrnn_dtype dtype, const clrnn_tensor *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    REQUIRE(out != NULL && arrays != NULL && name != NULL && source != NULL, ARGUMENT,
            "arrays: convert needs a place for the result, a set, a name and a source");
    arrays_label(label, "arrays", name);
    TRY(tensor_check(source, label));
    REQUIRE(source->data != NULL, ARGUMENT, "%s: the source must lie in host memory", label);
    REQUIRE(source->dtype != CLRNN_DTYPE_TEXT, ARGUMENT, "%s: text cannot be converted", label);
    TRY(clrnn_arrays_add(out, arrays, name, dtype, source->rank, source->shape));

    const size_t from_size = clrnn_dtype_size(source->dtype);
    const size_t to_size = clrnn_dtype_size(dtype);
    const char *from = tensor_host(source);
    char *to = out->data;
    const int64_t count = clrnn_tensor_count(source);
    if (source->dtype == dtype && tensor_is_dense(source)) {
        memcpy(to, from, (size_t)count * to_size);
        goto out;
    }
    int64_t index[CLRNN_MAX_RANK] = {0};
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int axis = 0; axis < source->rank; axis++) {
            at += index[axis] * tensor_stride(source, axis);
        }
        const struct element element = load_element(from + (size_t)at * from_size, source->dtype);
        if (!store_element(to + (size_t)i * to_size, dtype, element)) {
            remove_last(arrays);
            *out = (clrnn_tensor){0};
            REQUIRE(0, ARGUMENT, "%s: %s cannot hold %.17g of element %lld", label,
                    clrnn_dtype_name(dtype),
                    element.is_integer ? (double)element.integer : element.real, (long long)i);
        }
        for (int axis = source->rank - 1; axis >= 0 && ++index[axis] == source->shape[axis];
             axis--) {
            index[axis] = 0;
        }
    }
out:
    return status;
}
