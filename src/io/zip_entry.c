/* zip_entry.c: reading entries with libzip. */
#include "io/zip_entry.h"

#include "io/arrays.h"

#include <stdlib.h>

enum {
    DEFLATE_RATIO = 1032,     /* the most that deflate's format can expand */
    DEFLATE_SLACK = 64 * 1024 /* bytes */
};

clrnn_status zip_entry_open(struct zip_archive *out, const unsigned char *bytes, size_t size,
                            const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    zip_error_t error;
    zip_error_init(&error);
    arrays_label(label, path, NULL);
    *out = (struct zip_archive){.left = size};
    zip_source_t *source = zip_source_buffer_create(bytes, size, 0, &error);
    REQUIRE(source != NULL, MEMORY, "%s: %s", label, zip_error_strerror(&error));
    out->zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    REQUIRE(out->zip != NULL || zip_error_code_zip(&error) != ZIP_ER_NOZIP, FORMAT,
            "%s: is not a whole zip file: it begins as one and has no end, got %zu bytes", label,
            size);
    REQUIRE(out->zip != NULL, FORMAT, "%s: is a damaged zip file: %s", label,
            zip_error_strerror(&error));
    source = NULL; /* belongs to zip now */
out:
    zip_source_free(source);
    zip_error_fini(&error);
    return status;
}

void zip_entry_close(struct zip_archive *archive) {
    if (archive->zip != NULL) {
        zip_discard(archive->zip);
    }
    archive->zip = NULL;
}

int zip_entry_exists(const struct zip_archive *archive, const char *name) {
    return zip_name_locate(archive->zip, name, 0) >= 0;
}

static clrnn_status check(zip_stat_t *info, const struct zip_archive *archive, zip_uint64_t index,
                          size_t limit, const char *label) {
    const zip_uint64_t wanted =
        ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(zip_stat_index(archive->zip, index, 0, info) == 0 && (info->valid & wanted) == wanted,
            FORMAT, "%s: cannot be read: %s", label, zip_strerror(archive->zip));
    REQUIRE(info->encryption_method == ZIP_EM_NONE, FORMAT, "%s: is encrypted", label);
    REQUIRE(info->comp_method == ZIP_CM_STORE || info->comp_method == ZIP_CM_DEFLATE, FORMAT,
            "%s: must be stored or deflated, got compression method %u", label,
            (unsigned)info->comp_method);
    REQUIRE(info->comp_size <= archive->left, FORMAT,
            "%s: says %llu compressed bytes, the file has %llu left", label,
            (unsigned long long)info->comp_size, (unsigned long long)archive->left);
    REQUIRE(info->comp_method == ZIP_CM_DEFLATE || info->size == info->comp_size, FORMAT,
            "%s: is stored and says %llu bytes in, %llu out", label,
            (unsigned long long)info->comp_size, (unsigned long long)info->size);
    REQUIRE(info->size <= DEFLATE_RATIO * info->comp_size + DEFLATE_SLACK, FORMAT,
            "%s: says %llu bytes out of %llu, more than deflate can do (x %d)", label,
            (unsigned long long)info->size, (unsigned long long)info->comp_size, DEFLATE_RATIO);
    REQUIRE(info->size <= limit, FORMAT, "%s: must have at most %zu bytes, says %llu", label, limit,
            (unsigned long long)info->size);
out:
    return status;
}

clrnn_status zip_entry_read_at(unsigned char **out, size_t *size, struct zip_archive *archive,
                               zip_uint64_t index, size_t limit, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    zip_stat_t info;
    zip_file_t *file = NULL;
    unsigned char *bytes = NULL;
    unsigned char more;
    zip_uint64_t used = 0;
    zip_int64_t got = 1;
    TRY(check(&info, archive, index, limit, label));
    archive->left -= info.comp_size;
    bytes = malloc((size_t)info.size + 1);
    REQUIRE(bytes != NULL, MEMORY, "%s: out of memory for %llu bytes", label,
            (unsigned long long)info.size);
    file = zip_fopen_index(archive->zip, index, 0);
    REQUIRE(file != NULL, FORMAT, "%s: cannot be read: %s", label, zip_strerror(archive->zip));
    while (used < info.size && got > 0) {
        got = zip_fread(file, bytes + used, info.size - used);
        used += got > 0 ? (zip_uint64_t)got : 0;
    }
    /* libzip checks the CRC where the data end. */
    got = got < 0 ? got : zip_fread(file, &more, 1);
    REQUIRE(got >= 0, FORMAT, "%s: is damaged: %s", label,
            zip_error_strerror(zip_file_get_error(file)));
    REQUIRE(used == info.size && got == 0, FORMAT, "%s: says %llu bytes, got %s%llu", label,
            (unsigned long long)info.size, got > 0 ? "more than " : "", (unsigned long long)used);
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

clrnn_status zip_entry_read(unsigned char **out, size_t *size, struct zip_archive *archive,
                            const char *name, size_t limit, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    const zip_int64_t index = zip_name_locate(archive->zip, name, 0);
    arrays_label(label, path, name);
    REQUIRE(index >= 0, FORMAT, "%s: is not in the archive", label);
    TRY(zip_entry_read_at(out, size, archive, (zip_uint64_t)index, limit, label));
out:
    return status;
}
