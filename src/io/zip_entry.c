/* zip_entry.c: reading one entry with libzip. */
#include "io/zip_entry.h"

#include "io/arrays.h"

#include <stdlib.h>
#include <string.h>

enum { DEFLATE_RATIO = 1032, DEFLATE_SLACK = 64 * 1024 }; /* what deflate can expand: npz.c */

clrnn_status zip_entry_open(zip_t **out, const unsigned char *bytes, size_t size,
                            const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    zip_error_t error;
    zip_error_init(&error);
    arrays_label(label, path, NULL);
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &error);
    REQUIRE(source != NULL, MEMORY, "%s: %s", label, zip_error_strerror(&error));
    *out = zip_open_from_source(source, ZIP_RDONLY, &error);
    REQUIRE(*out != NULL, FORMAT, "%s: is a damaged zip file: %s", label,
            zip_error_strerror(&error));
    source = NULL; /* belongs to zip now */
out:
    zip_source_free(source);
    zip_error_fini(&error);
    return status;
}

void zip_entry_close(zip_t *zip) {
    if (zip != NULL) {
        zip_discard(zip);
    }
}

int zip_entry_exists(zip_t *zip, const char *name) {
    return zip_name_locate(zip, name, 0) >= 0;
}

clrnn_status zip_entry_read(unsigned char **out, size_t *size, zip_t *zip, const char *name,
                            size_t limit, const char *path) {
    const zip_uint64_t wanted =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    zip_stat_t info;
    zip_file_t *file = NULL;
    unsigned char *bytes = NULL;
    unsigned char more;
    zip_uint64_t used = 0;
    zip_int64_t got = 1;
    arrays_label(label, path, name);
    REQUIRE(zip_stat(zip, name, 0, &info) == 0 && (info.valid & wanted) == wanted, FORMAT,
            "%s: is not in the archive", label);
    REQUIRE(info.encryption_method == ZIP_EM_NONE, FORMAT, "%s: is encrypted", label);
    REQUIRE(info.comp_method == ZIP_CM_STORE || info.comp_method == ZIP_CM_DEFLATE, FORMAT,
            "%s: must be stored or deflated, got compression method %u", label,
            (unsigned)info.comp_method);
    REQUIRE(info.size <= limit, FORMAT, "%s: must have at most %zu bytes, says %llu", label, limit,
            (unsigned long long)info.size);
    REQUIRE(info.comp_method == ZIP_CM_STORE
                ? info.size == info.comp_size
                : info.size <= DEFLATE_RATIO * info.comp_size + DEFLATE_SLACK,
            FORMAT, "%s: says %llu bytes out of %llu", label, (unsigned long long)info.size,
            (unsigned long long)info.comp_size);
    bytes = malloc((size_t)info.size + 1);
    REQUIRE(bytes != NULL, MEMORY, "%s: out of memory for %llu bytes", label,
            (unsigned long long)info.size);
    file = zip_fopen(zip, name, 0);
    REQUIRE(file != NULL, FORMAT, "%s: cannot be read: %s", label, zip_strerror(zip));
    while (used < info.size && got > 0) {
        got = zip_fread(file, bytes + used, info.size - used);
        used += got > 0 ? (zip_uint64_t)got : 0;
    }
    /* libzip checks the CRC where the data end. */
    got = got < 0 ? got : zip_fread(file, &more, 1);
    REQUIRE(got == 0 && used == info.size, FORMAT, "%s: is damaged: %s", label,
            zip_error_strerror(zip_file_get_error(file)));
    bytes[used] = 0;
    *out = bytes;
    *size = (size_t)used;
    bytes = NULL;
out:
    if (file != NULL) {
        zip_fclose(file);
    }
    free(bytes);
    return status;
}
