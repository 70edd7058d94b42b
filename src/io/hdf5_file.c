/* hdf5_file.c: reading with libhdf5, from memory. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/hdf5_file.h"

#include "io/arrays.h"
#include "io/hdf5_turn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char magic[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

int hdf5_file_probe(const unsigned char *bytes, size_t size) {
    return size >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

#ifdef WITH_HDF5
#include <float.h>
#include <hdf5.h>
#include <math.h>

struct hdf5_file {
    hid_t id;
    size_t size; /* of the file */
    char label[ARRAYS_LABEL];
};

enum { MOST_TEXTS = 4096, MOST_PATH = 1000 };

clrnn_status hdf5_file_open(struct hdf5_file **out, const unsigned char *bytes, size_t size,
                            const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { GROW = 1 << 16 };
    struct hdf5_file *file = calloc(1, sizeof *file);
    hid_t access = -1;
    int is_mine = 0;
    REQUIRE(file != NULL, MEMORY, "%s: out of memory", label);
    file->id = -1;
    file->size = size;
    strncpy(file->label, label, sizeof file->label - 1);
    hdf5_turn_begin();
    is_mine = 1;
    access = H5Pcreate(H5P_FILE_ACCESS);
    REQUIRE(access >= 0 && H5Pset_fapl_core(access, GROW, 0) >= 0 &&
                H5Pset_file_image(access, (void *)bytes, size) >= 0,
            MEMORY, "%s: HDF5 takes no file of %zu bytes in memory", label, size);
    file->id = H5Fopen("memory", H5F_ACC_RDONLY, access);
    REQUIRE(file->id >= 0, FORMAT, "%s: is a damaged HDF5 file", label);
    *out = file;
    file = NULL;
    is_mine = 0; /* until it is closed */
out:
    if (access >= 0) {
        H5Pclose(access);
    }
    free(file);
    if (is_mine) {
        hdf5_turn_end();
    }
    return status;
}

void hdf5_file_close(struct hdf5_file *file) {
    if (file != NULL) {
        H5Fclose(file->id);
        free(file);
        hdf5_turn_end();
    }
}

/* Every part of the path is a hard link. */
int hdf5_file_has(const struct hdf5_file *file, const char *path) {
    char part[MOST_PATH + 1];
    const size_t length = strlen(path);
    if (length == 0 || length > MOST_PATH) {
        return 0;
    }
    for (size_t i = 1; i <= length; i++) {
        H5L_info_t info;
        if (i < length && path[i] != '/') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (H5Lexists(file->id, part, H5P_DEFAULT) <= 0 ||
            H5Lget_info(file->id, part, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD) {
            return 0;
        }
    }
    return 1;
}

int hdf5_file_links(const struct hdf5_file *file, const char *path) {
    H5G_info_t info;
    return hdf5_file_has(file, path) && H5Gget_info_by_name(file->id, path, &info, H5P_DEFAULT) >= 0
               ? (int)(info.nlinks < MOST_TEXTS ? info.nlinks : MOST_TEXTS)
               : -1;
}

int hdf5_file_link(char *out, size_t size, const struct hdf5_file *file, const char *path, int i) {
    const ssize_t length = i < hdf5_file_links(file, path)
                               ? H5Lget_name_by_idx(file->id, path, H5_INDEX_NAME, H5_ITER_INC,
                                                    (hsize_t)i, out, size, H5P_DEFAULT)
                               : -1;
    return length > 0 && (size_t)length < size;
}

/* Data within the file, by filters of the library. */
static clrnn_status check_storage(hid_t dataset, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const hid_t plist = H5Dget_create_plist(dataset);
    REQUIRE(plist >= 0, FORMAT, "%s: is damaged", label);
    REQUIRE(H5Pget_external_count(plist) == 0, FORMAT, "%s: its data lie in another file", label);
    const H5D_layout_t layout = H5Pget_layout(plist);
    REQUIRE(layout == H5D_COMPACT || layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED, FORMAT,
            "%s: its data lie elsewhere", label);
    const int filters = H5Pget_nfilters(plist);
    for (int i = 0; i < filters; i++) {
        size_t values = 0;
        unsigned flags = 0, config = 0;
        const H5Z_filter_t filter =
            H5Pget_filter2(plist, (unsigned)i, &flags, &values, NULL, 0, NULL, &config);
        REQUIRE(filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE ||
                    filter == H5Z_FILTER_FLETCHER32,
                FORMAT, "%s: filter %d is not read", label, (int)filter);
    }
out:
    if (plist >= 0) {
        H5Pclose(plist);
    }
    return status;
}

/* 1: float32 has the number. */
static int is_float(double value) {
    const int is_within = fabs(value) <= (double)FLT_MAX;
    const double rounded = is_within ? (double)(float)value : 0;
    return is_within ? !(rounded < value) && !(rounded > value) : !isfinite(value);
}

/* Numbers of a dataset, none of them rounded. */
static clrnn_status read_floats(float *out, hid_t dataset, int is_wide, size_t count,
                                const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const hid_t type = is_wide ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT;
    double *wide = NULL;
    if (is_wide) {
        wide = malloc((count > 0 ? count : 1) * sizeof *wide);
        REQUIRE(wide != NULL, MEMORY, "%s: out of memory for %zu doubles", label, count);
    }
    REQUIRE(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                    is_wide ? (void *)wide : (void *)out) >= 0,
            FORMAT, "%s: cannot be read, it is damaged", label);
    for (size_t i = 0; is_wide && i < count; i++) {
        REQUIRE(is_float(wide[i]), FORMAT, "%s: value %zu is %.17g, which float32 does not hold",
                label, i, wide[i]);
        out[i] = (float)wide[i];
    }
out:
    free(wide);
    return status;
}

clrnn_status hdf5_file_read(clrnn_tensor *out, const struct hdf5_file *file, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { RATIO = 1032 }; /* what deflate can expand */
    hid_t dataset = -1, space = -1, type = -1;
    hsize_t shape[CLRNN_MAX_RANK] = {0};
    char label[2 * ARRAYS_LABEL];
    float *data = NULL;
    size_t bytes = 0;
    clrnn_tensor tensor = {.dtype = CLRNN_DTYPE_F32};
    (void)snprintf(label, sizeof label, "%s: %.150s", file->label, path);
    REQUIRE(hdf5_file_has(file, path), FORMAT, "%s: is not in the file", label);
    dataset = H5Dopen2(file->id, path, H5P_DEFAULT);
    REQUIRE(dataset >= 0, FORMAT, "%s: is no array", label);
    TRY(check_storage(dataset, label));
    type = H5Dget_type(dataset);
    REQUIRE(type >= 0 && H5Tget_class(type) == H5T_FLOAT && H5Tget_size(type) <= 8, FORMAT,
            "%s: must hold floats", label);
    space = H5Dget_space(dataset);
    const int rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    REQUIRE(rank >= 0 && rank <= CLRNN_MAX_RANK, FORMAT, "%s: has %d axes, at most %d are read",
            label, rank, CLRNN_MAX_RANK);
    REQUIRE(H5Sget_simple_extent_dims(space, shape, NULL) == rank, FORMAT, "%s: is damaged", label);
    tensor.rank = rank;
    for (int axis = 0; axis < rank; axis++) {
        REQUIRE(shape[axis] <= INT32_MAX, FORMAT, "%s: axis %d has %llu values", label, axis,
                (unsigned long long)shape[axis]);
        tensor.shape[axis] = (int64_t)shape[axis];
    }
    REQUIRE(arrays_bytes(&bytes, sizeof(float), rank, tensor.shape) &&
                bytes / sizeof(float) <= file->size * RATIO,
            FORMAT, "%s: says %zu bytes, the file has %zu", label, bytes, file->size);
    data = malloc(bytes > 0 ? bytes : 1);
    REQUIRE(data != NULL, MEMORY, "%s: out of memory for %zu bytes", label, bytes);
    TRY(read_floats(data, dataset, H5Tget_size(type) > sizeof(float), bytes / sizeof(float),
                    label));
    *out = tensor;
    out->data = data;
    data = NULL;
out:
    free(data);
    if (type >= 0) {
        H5Tclose(type);
    }
    if (space >= 0) {
        H5Sclose(space);
    }
    if (dataset >= 0) {
        H5Dclose(dataset);
    }
    return status;
}

/* Texts of fixed size lie side by side, others are pointers of the library's. */
static clrnn_status copy_texts(char **texts, size_t count, hid_t attribute, hid_t type, hid_t space,
                               size_t limit, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int is_variable = H5Tis_variable_str(type) > 0;
    const size_t item = is_variable ? sizeof(char *) : H5Tget_size(type);
    char *raw = NULL;
    REQUIRE(item > 0 && count <= limit / item + MOST_TEXTS && item <= limit, FORMAT,
            "%s: says %zu texts of %zu bytes", label, count, item);
    raw = calloc(count + 1, item);
    REQUIRE(raw != NULL, MEMORY, "%s: out of memory", label);
    REQUIRE(H5Aread(attribute, type, raw) >= 0, FORMAT, "%s: cannot be read, it is damaged", label);
    for (size_t i = 0; i < count && status == CLRNN_STATUS_OK; i++) {
        const char *one = is_variable ? ((char **)(void *)raw)[i] : raw + i * item;
        texts[i] = is_variable ? strdup(one != NULL ? one : "") : strndup(one, item);
        status = texts[i] != NULL ? status
                                  : status_fail(CLRNN_STATUS_MEMORY, 0, "%s: out of memory", label);
    }
    if (is_variable) {
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, raw);
    }
out:
    free(raw);
    return status;
}

/* one: a text alone. */
static clrnn_status read_texts(char ***out, int *count, const struct hdf5_file *file,
                               const char *path, const char *name, int one) {
    clrnn_status status = CLRNN_STATUS_OK;
    hid_t attribute = -1, type = -1, space = -1;
    char label[2 * ARRAYS_LABEL];
    char **texts = NULL;
    *out = NULL;
    *count = 0;
    (void)snprintf(label, sizeof label, "%s: %.100s: %.40s", file->label, path, name);
    if ((strcmp(path, "/") != 0 && !hdf5_file_has(file, path)) ||
        H5Aexists_by_name(file->id, path, name, H5P_DEFAULT) <= 0) {
        goto out;
    }
    attribute = H5Aopen_by_name(file->id, path, name, H5P_DEFAULT, H5P_DEFAULT);
    type = attribute >= 0 ? H5Aget_type(attribute) : -1;
    space = attribute >= 0 ? H5Aget_space(attribute) : -1;
    REQUIRE(type >= 0 && space >= 0, FORMAT, "%s: is damaged", label);
    const hssize_t found = H5Sget_simple_extent_npoints(space);
    if (found == 0) { /* of an empty list Keras writes floats */
        goto out;
    }
    REQUIRE(H5Tget_class(type) == H5T_STRING && found > 0 && found <= (one ? 1 : MOST_TEXTS),
            FORMAT, "%s: must be %s", label, one ? "a text" : "a list of texts");
    texts = calloc((size_t)found + 1, sizeof *texts);
    REQUIRE(texts != NULL, MEMORY, "%s: out of memory", label);
    status = copy_texts(texts, (size_t)found, attribute, type, space, file->size, label);
    *count = (int)found;
    if (status == CLRNN_STATUS_OK) {
        *out = texts;
        texts = NULL;
    }
out:
    for (int i = 0; texts != NULL && i < *count; i++) {
        free(texts[i]);
    }
    free(texts);
    if (type >= 0) {
        H5Tclose(type);
    }
    if (space >= 0) {
        H5Sclose(space);
    }
    if (attribute >= 0) {
        H5Aclose(attribute);
    }
    return status;
}

clrnn_status hdf5_file_text(char **out, const struct hdf5_file *file, const char *path,
                            const char *name) {
    char **texts = NULL;
    int count = 0;
    const clrnn_status status = read_texts(&texts, &count, file, path, name, 1);
    *out = texts != NULL ? texts[0] : NULL;
    free(texts);
    return status;
}

clrnn_status hdf5_file_texts(char ***out, int *count, const struct hdf5_file *file,
                             const char *path, const char *name) {
    return read_texts(out, count, file, path, name, 0);
}

#else

struct hdf5_file {
    int unused;
};

clrnn_status hdf5_file_open(struct hdf5_file **out, const unsigned char *bytes, size_t size,
                            const char *label) {
    (void)out;
    (void)bytes;
    (void)size;
    return status_fail(CLRNN_STATUS_UNSUPPORTED, 0,
                       "%s: needs HDF5, which this build is without (libhdf5-dev)", label);
}

void hdf5_file_close(struct hdf5_file *file) {
    (void)file;
}

int hdf5_file_has(const struct hdf5_file *file, const char *path) {
    (void)file;
    (void)path;
    return 0;
}

int hdf5_file_links(const struct hdf5_file *file, const char *path) {
    (void)file;
    (void)path;
    return -1;
}

int hdf5_file_link(char *out, size_t size, const struct hdf5_file *file, const char *path, int i) {
    (void)out;
    (void)size;
    (void)file;
    (void)path;
    (void)i;
    return 0;
}

clrnn_status hdf5_file_read(clrnn_tensor *out, const struct hdf5_file *file, const char *path) {
    (void)out;
    (void)file;
    (void)path;
    return CLRNN_STATUS_UNSUPPORTED;
}

clrnn_status hdf5_file_text(char **out, const struct hdf5_file *file, const char *path,
                            const char *name) {
    (void)file;
    (void)path;
    (void)name;
    *out = NULL;
    return CLRNN_STATUS_UNSUPPORTED;
}

clrnn_status hdf5_file_texts(char ***out, int *count, const struct hdf5_file *file,
                             const char *path, const char *name) {
    (void)file;
    (void)path;
    (void)name;
    *out = NULL;
    *count = 0;
    return CLRNN_STATUS_UNSUPPORTED;
}
#endif
