/*
 * npz.c: reading .npz with zip_entry, writing it with zip_out.
 *
 * Written is what numpy.savez writes, byte by byte (zip_out.h); libzip would write other bytes in each
 * of its versions, and would hold everything in memory twice.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/npz.h"

#include "io/npy.h"
#include "io/zip_entry.h"
#include "io/zip_out.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ENTRIES = 65536, SUFFIX = 4 /* ".npy" */ };

/* ---- reading --------------------------------------------------------------------------------- */

/* The array's name: the entry's, without .npy; to be freed. */
static clrnn_status name_of(char **out, const struct zip_archive *archive, zip_uint64_t index,
                            const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    const char *name = zip_get_name(archive->zip, index, 0);
    arrays_label(label, path, NULL);
    REQUIRE(name != NULL, FORMAT, "%s: entry %llu cannot be read: %s", label,
            (unsigned long long)index, zip_strerror(archive->zip));
    const size_t length = strlen(name);
    arrays_label(label, path, name);
    REQUIRE(length >= SUFFIX && strcmp(name + length - SUFFIX, ".npy") == 0, FORMAT,
            "%s: is not an array: every entry of .npz must end in .npy", label);
    *out = strndup(name, length - SUFFIX);
    REQUIRE(*out != NULL, MEMORY, "%s: out of memory", label);
    REQUIRE(zip_name_locate(archive->zip, name, 0) == (zip_int64_t)index, FORMAT,
            "%s: two entries have this name", arrays_label(label, path, *out));
out:
    return status;
}

static clrnn_status read_entry(clrnn_arrays *into, struct zip_archive *archive, zip_uint64_t index,
                               const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    char *name = NULL;
    unsigned char *bytes = NULL;
    size_t size = 0;
    TRY(name_of(&name, archive, index, path));
    arrays_label(label, path, name);
    TRY(zip_entry_read_at(&bytes, &size, archive, index, SIZE_MAX - 1, label));
    TRY(npy_parse(into, name, bytes, size, label));
out:
    free(bytes);
    free(name);
    return status;
}

clrnn_status npz_read(clrnn_arrays *into, const unsigned char *bytes, size_t size,
                      const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    struct zip_archive archive = {0};
    arrays_label(label, path, NULL);
    TRY(zip_entry_open(&archive, bytes, size, path));
    const zip_int64_t count = zip_get_num_entries(archive.zip, 0);
    REQUIRE(count >= 0 && count <= MAX_ENTRIES, FORMAT,
            "%s: must have at most %d entries, got %lld", label, MAX_ENTRIES, (long long)count);
    for (zip_int64_t i = 0; i < count; i++) {
        TRY(read_entry(into, &archive, (zip_uint64_t)i, path));
    }
out:
    zip_entry_close(&archive);
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
