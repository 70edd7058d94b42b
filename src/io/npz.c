/*
 * npz.c: reading .npz with libzip, writing it with zip_out.
 *
 * What the central directory says of an entry is held against the bytes that are there before
 * memory is asked for: deflate cannot expand more than 1032 times, and all entries together cannot
 * have more compressed bytes than the file. So a file asks for at most about 1032 times its own
 * size.
 *
 * Written is what numpy.savez writes, byte by byte (zip_out.h); libzip would write other bytes in each
 * of its versions, and would hold everything in memory twice.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/npz.h"

#include "io/npy.h"
#include "io/zip_out.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum {
    MAX_ENTRIES = 65536,
    DEFLATE_RATIO = 1032,      /* the most that deflate's format can expand */
    DEFLATE_SLACK = 64 * 1024, /* bytes */
    SUFFIX = 4                 /* ".npy" */
};

/* ---- reading --------------------------------------------------------------------------------- */

struct entry {
    zip_uint64_t index;
    zip_stat_t info;
    char *name; /* without .npy */
    char label[ARRAYS_LABEL];
};

static clrnn_status check_entry(struct entry *entry, zip_t *zip, zip_uint64_t left,
                                const char *path) {
    const zip_uint64_t wanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    clrnn_status status = CLRNN_STATUS_OK;
    char archive[ARRAYS_LABEL];
    zip_stat_t *info = &entry->info;
    arrays_label(archive, path, NULL);
    REQUIRE(zip_stat_index(zip, entry->index, 0, info) == 0 && (info->valid & wanted) == wanted,
            FORMAT, "%s: entry %llu cannot be read: %s", archive, (unsigned long long)entry->index,
            zip_strerror(zip));
    const size_t length = strlen(info->name);
    arrays_label(entry->label, path, info->name);
    REQUIRE(length >= SUFFIX && strcmp(info->name + length - SUFFIX, ".npy") == 0, FORMAT,
            "%s: is not an array: every entry of .npz must end in .npy", entry->label);
    entry->name = strndup(info->name, length - SUFFIX);
    REQUIRE(entry->name != NULL, MEMORY, "%s: out of memory", archive);
    arrays_label(entry->label, path, entry->name);
    REQUIRE(zip_name_locate(zip, info->name, 0) == (zip_int64_t)entry->index, FORMAT,
            "%s: two entries have this name", entry->label);
    REQUIRE(info->encryption_method == ZIP_EM_NONE, FORMAT, "%s: is encrypted", entry->label);
    REQUIRE(info->comp_method == ZIP_CM_STORE || info->comp_method == ZIP_CM_DEFLATE, FORMAT,
            "%s: must be stored or deflated, got compression method %u", entry->label,
            (unsigned)info->comp_method);
    REQUIRE(info->comp_size <= left, FORMAT,
            "%s: says %llu compressed bytes, the file has %llu left", entry->label,
            (unsigned long long)info->comp_size, (unsigned long long)left);
    REQUIRE(info->comp_method == ZIP_CM_DEFLATE || info->size == info->comp_size, FORMAT,
            "%s: is stored and says %llu bytes in, %llu out", entry->label,
            (unsigned long long)info->comp_size, (unsigned long long)info->size);
    REQUIRE(info->size <= DEFLATE_RATIO * info->comp_size + DEFLATE_SLACK, FORMAT,
            "%s: says %llu bytes out of %llu, more than deflate can do (x %d)", entry->label,
            (unsigned long long)info->size, (unsigned long long)info->comp_size, DEFLATE_RATIO);
out:
    return status;
}

static clrnn_status read_entry(clrnn_arrays *into, zip_t *zip, zip_uint64_t index,
                               zip_uint64_t *left, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct entry entry = {.index = index};
    zip_file_t *file = NULL;
    unsigned char *bytes = NULL;
    unsigned char more;
    zip_uint64_t used = 0;
    zip_int64_t got = 1;
    TRY(check_entry(&entry, zip, *left, path));
    *left -= entry.info.comp_size;
    const zip_uint64_t size = entry.info.size;
    bytes = malloc(size > 0 ? (size_t)size : 1);
    REQUIRE(bytes != NULL, MEMORY, "%s: out of memory for %llu bytes", entry.label,
            (unsigned long long)size);
    file = zip_fopen_index(zip, index, 0);
    REQUIRE(file != NULL, FORMAT, "%s: cannot be read: %s", entry.label, zip_strerror(zip));
    while (used < size && got > 0) {
        got = zip_fread(file, bytes + used, size - used);
        used += got > 0 ? (zip_uint64_t)got : 0;
    }
    /* libzip checks the CRC where the data end. */
    got = got < 0 ? got : zip_fread(file, &more, 1);
    REQUIRE(got >= 0, FORMAT, "%s: is damaged: %s", entry.label,
            zip_error_strerror(zip_file_get_error(file)));
    REQUIRE(used == size && got == 0, FORMAT, "%s: says %llu bytes, got %s%llu", entry.label,
            (unsigned long long)size, got > 0 ? "more than " : "", (unsigned long long)used);
    TRY(npy_parse(into, entry.name, bytes, (size_t)size, entry.label));
out:
    if (file != NULL) {
        zip_fclose(file);
    }
    free(bytes);
    free(entry.name);
    return status;
}

clrnn_status npz_read(clrnn_arrays *into, const unsigned char *bytes, size_t size,
                      const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    zip_t *zip = NULL;
    zip_error_t error;
    zip_uint64_t left = size;
    zip_error_init(&error);
    arrays_label(label, path, NULL);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &error);
    REQUIRE(source != NULL, MEMORY, "%s: %s", label, zip_error_strerror(&error));
    zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    REQUIRE(zip != NULL || zip_error_code_zip(&error) != ZIP_ER_NOZIP, FORMAT,
            "%s: is not a whole zip file: it begins as one and has no end, got %zu bytes", label,
            size);
    REQUIRE(zip != NULL, FORMAT, "%s: is a damaged zip file: %s", label,
            zip_error_strerror(&error));
    source = NULL; /* belongs to zip now */
    const zip_int64_t count = zip_get_num_entries(zip, 0);
    REQUIRE(count >= 0 && count <= MAX_ENTRIES, FORMAT,
            "%s: must have at most %d entries, got %lld", label, MAX_ENTRIES, (long long)count);
    for (zip_int64_t i = 0; i < count; i++) {
        TRY(read_entry(into, zip, (zip_uint64_t)i, &left, path));
    }
out:
    if (zip != NULL) {
        zip_discard(zip);
    }
    zip_source_free(source);
    zip_error_fini(&error);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static clrnn_status write_member(struct zip_out *zip, const struct arrays_entry *entry) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *name = NULL;
    struct zip_sum sum;
    const size_t length = strlen(entry->name) + SUFFIX;
    REQUIRE(length <= UINT16_MAX, ARGUMENT, "%s: array names must be at most %d bytes, got %zu",
            zip->label, UINT16_MAX - SUFFIX, length - SUFFIX);
    name = malloc(length + 1);
    REQUIRE(name != NULL, MEMORY, "%s: out of memory", zip->label);
    memcpy(name, entry->name, length - SUFFIX);
    memcpy(name + length - SUFFIX, ".npy", SUFFIX + 1);
    zip_sum_start(&sum);
    TRY(npy_emit(&entry->tensor, zip_sum_sink, &sum));
    TRY(zip_out_entry(zip, name, &sum));
    TRY(npy_emit(&entry->tensor, zip_out_sink, zip));
out:
    free(name);
    return status;
}

clrnn_status npz_write(struct output *output, const clrnn_arrays *arrays) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct zip_out zip = {.sink = output_sink, .context = output, .label = output->label};
    REQUIRE(arrays->count <= MAX_ENTRIES, ARGUMENT, "%s: .npz must have at most %d arrays, got %zu",
            output->label, MAX_ENTRIES, arrays->count);
    for (size_t i = 0; i < arrays->count; i++) {
        TRY(write_member(&zip, arrays->entries[i]));
    }
    TRY(zip_out_end(&zip));
out:
    zip_out_free(&zip);
    return status;
}
