/*
 * npz.c: reading .npz with libzip, writing it by hand.
 *
 * What the central directory says of an entry is held against the bytes that are there before
 * memory is asked for: deflate cannot expand more than 1032 times, and all entries together cannot
 * have more compressed bytes than the file. So a file asks for at most about 1032 times its own
 * size.
 *
 * Written is what numpy.savez writes, byte by byte; libzip would write other bytes in each of its
 * versions, and would hold everything in memory twice. An archive is
 *
 *     local header, data      of each entry; sizes in a zip64 field, as NumPy does even for small
 * ones central header          of each entry zip64 end, its locator  only past 65535 entries or 2
 * GiB end
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/npz.h"

#include "io/bytes.h"
#include "io/npy.h"

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

enum {
    LOCAL_SIZE = 30,
    LOCAL_EXTRA = 20,
    CENTRAL_SIZE = 46,
    CENTRAL_EXTRA = 28,
    DATE = 0x21,        /* 1980-01-01: day 1, month 1, year 0 */
    MADE_BY = 3 << 8,   /* Unix */
    VERSION = 45,       /* zip64 */
    UTF8_NAME = 1 << 11 /* flag */
};
static const uint64_t ZIP64_LIMIT = 0x7fffffff; /* past this NumPy writes 64-bit fields */
static const uint32_t MODE = 0600u << 16;

struct writer {
    struct output *output;
    uint64_t offset;        /* bytes written so far */
    unsigned char *central; /* the central headers */
    size_t central_size;
};

struct member {
    char *name; /* with .npy */
    uint16_t name_size;
    uint16_t flags;
    uint32_t crc;
    uint64_t size;
    uint64_t offset;
};

struct sum {
    uint32_t crc;
    uint64_t size;
    uint32_t table[256];
};

static void sum_start(struct sum *sum) {
    sum->crc = 0xffffffffu;
    sum->size = 0;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++) {
            value = value >> 1 ^ (value & 1 ? 0xedb88320u : 0);
        }
        sum->table[i] = value;
    }
}

static clrnn_status sum_sink(void *context, const void *data, size_t size) {
    struct sum *sum = context;
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) {
        sum->crc = sum->crc >> 8 ^ sum->table[(sum->crc ^ bytes[i]) & 0xff];
    }
    sum->size += size;
    return CLRNN_STATUS_OK;
}

static clrnn_status write_bytes(struct writer *writer, const void *data, size_t size) {
    writer->offset += size;
    return output_write(writer->output, data, size);
}

static clrnn_status write_local(struct writer *writer, const struct member *member) {
    clrnn_status status = CLRNN_STATUS_OK;
    unsigned char header[LOCAL_SIZE];
    unsigned char extra[LOCAL_EXTRA];
    unsigned char *at = bytes_put(header, 0x04034b50, 4);
    at = bytes_put(at, VERSION, 2);
    at = bytes_put(at, member->flags, 2);
    at = bytes_put(at, 0, 2); /* stored */
    at = bytes_put(at, 0, 2); /* 00:00:00 */
    at = bytes_put(at, DATE, 2);
    at = bytes_put(at, member->crc, 4);
    at = bytes_put(at, UINT32_MAX, 4);
    at = bytes_put(at, UINT32_MAX, 4);
    at = bytes_put(at, member->name_size, 2);
    bytes_put(at, LOCAL_EXTRA, 2);
    at = bytes_put(extra, 1, 2); /* zip64 */
    at = bytes_put(at, LOCAL_EXTRA - 4, 2);
    at = bytes_put(at, member->size, 8);
    bytes_put(at, member->size, 8);
    TRY(write_bytes(writer, header, sizeof header));
    TRY(write_bytes(writer, member->name, member->name_size));
    TRY(write_bytes(writer, extra, sizeof extra));
out:
    return status;
}

static void add_central(struct writer *writer, const struct member *member) {
    const int large = member->size > ZIP64_LIMIT;
    const int far = member->offset > ZIP64_LIMIT;
    const int extra = large || far ? 4 + 16 * large + 8 * far : 0;
    unsigned char *at = bytes_put(writer->central + writer->central_size, 0x02014b50, 4);
    at = bytes_put(at, MADE_BY | VERSION, 2);
    at = bytes_put(at, VERSION, 2);
    at = bytes_put(at, member->flags, 2);
    at = bytes_put(at, 0, 2);
    at = bytes_put(at, 0, 2);
    at = bytes_put(at, DATE, 2);
    at = bytes_put(at, member->crc, 4);
    at = bytes_put(at, large ? UINT32_MAX : member->size, 4);
    at = bytes_put(at, large ? UINT32_MAX : member->size, 4);
    at = bytes_put(at, member->name_size, 2);
    at = bytes_put(at, (uint64_t)extra, 2);
    at = bytes_put(at, 0, 6); /* no comment, disk 0, binary */
    at = bytes_put(at, MODE, 4);
    at = bytes_put(at, far ? UINT32_MAX : member->offset, 4);
    memcpy(at, member->name, member->name_size);
    at += member->name_size;
    if (extra > 0) {
        at = bytes_put(at, 1, 2);
        at = bytes_put(at, (uint64_t)extra - 4, 2);
        at = large ? bytes_put(bytes_put(at, member->size, 8), member->size, 8) : at;
        at = far ? bytes_put(at, member->offset, 8) : at;
    }
    writer->central_size = (size_t)(at - writer->central);
}

static clrnn_status write_member(struct writer *writer, const struct arrays_entry *entry) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct member member = {.offset = writer->offset};
    struct sum sum;
    unsigned char *grown;
    const size_t length = strlen(entry->name) + SUFFIX;
    REQUIRE(length <= UINT16_MAX, ARGUMENT, "%s: array names must be at most %d bytes, got %zu",
            writer->output->label, UINT16_MAX - SUFFIX, length - SUFFIX);
    member.name_size = (uint16_t)length;
    member.name = malloc(length + 1);
    REQUIRE(member.name != NULL, MEMORY, "%s: out of memory", writer->output->label);
    memcpy(member.name, entry->name, length - SUFFIX);
    memcpy(member.name + length - SUFFIX, ".npy", SUFFIX + 1);
    for (size_t i = 0; i < length; i++) {
        member.flags = (unsigned char)member.name[i] >= 0x80 ? UTF8_NAME : member.flags;
    }
    sum_start(&sum);
    TRY(npy_emit(&entry->tensor, sum_sink, &sum));
    member.crc = ~sum.crc;
    member.size = sum.size;
    grown = realloc(writer->central, writer->central_size + CENTRAL_SIZE + CENTRAL_EXTRA + length);
    REQUIRE(grown != NULL, MEMORY, "%s: out of memory", writer->output->label);
    writer->central = grown;
    TRY(write_local(writer, &member));
    TRY(npy_emit(&entry->tensor, output_sink, writer->output));
    writer->offset += member.size;
    add_central(writer, &member);
out:
    free(member.name);
    return status;
}

static clrnn_status write_end(struct writer *writer, size_t count) {
    clrnn_status status = CLRNN_STATUS_OK;
    const uint64_t start = writer->offset;
    const uint64_t size = writer->central_size;
    unsigned char end[56 + 20 + 22];
    unsigned char *at = end;
    TRY(write_bytes(writer, writer->central, writer->central_size));
    if (count > UINT16_MAX || start > ZIP64_LIMIT || size > ZIP64_LIMIT) {
        at = bytes_put(at, 0x06064b50, 4);
        at = bytes_put(at, 44, 8); /* bytes that follow */
        at = bytes_put(at, VERSION, 2);
        at = bytes_put(at, VERSION, 2);
        at = bytes_put(at, 0, 8); /* disks */
        at = bytes_put(at, count, 8);
        at = bytes_put(at, count, 8);
        at = bytes_put(at, size, 8);
        at = bytes_put(at, start, 8);
        at = bytes_put(at, 0x07064b50, 4);
        at = bytes_put(at, 0, 4);
        at = bytes_put(at, start + size, 8);
        at = bytes_put(at, 1, 4);
    }
    at = bytes_put(at, 0x06054b50, 4);
    at = bytes_put(at, 0, 4);
    at = bytes_put(at, count < UINT16_MAX ? count : UINT16_MAX, 2);
    at = bytes_put(at, count < UINT16_MAX ? count : UINT16_MAX, 2);
    at = bytes_put(at, size < UINT32_MAX ? size : UINT32_MAX, 4);
    at = bytes_put(at, start < UINT32_MAX ? start : UINT32_MAX, 4);
    at = bytes_put(at, 0, 2); /* no comment */
    TRY(write_bytes(writer, end, (size_t)(at - end)));
out:
    return status;
}

clrnn_status npz_write(struct output *output, const clrnn_arrays *arrays) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct writer writer = {.output = output};
    REQUIRE(arrays->count <= MAX_ENTRIES, ARGUMENT, "%s: .npz must have at most %d arrays, got %zu",
            output->label, MAX_ENTRIES, arrays->count);
    for (size_t i = 0; i < arrays->count; i++) {
        TRY(write_member(&writer, arrays->entries[i]));
    }
    TRY(write_end(&writer, arrays->count));
out:
    free(writer.central);
    return status;
}
