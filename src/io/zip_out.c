/*
 * zip_out.c: the zip archive, byte by byte:
 *
 *     local header, data   of each entry; sizes in a zip64 field, as NumPy does even for small ones
 *     central header       of each entry
 *     zip64 end, locator   only past 65535 entries or 2 GiB
 *     end
 */
#include "io/zip_out.h"

#include "io/bytes.h"

#include <stdlib.h>
#include <string.h>

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

struct member {
    const char *name;
    uint16_t name_size;
    uint16_t flags;
    uint32_t crc;
    uint64_t size;
    uint64_t offset;
};

void zip_sum_start(struct zip_sum *sum) {
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

clrnn_status zip_sum_sink(void *context, const void *data, size_t size) {
    struct zip_sum *sum = context;
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) {
        sum->crc = sum->crc >> 8 ^ sum->table[(sum->crc ^ bytes[i]) & 0xff];
    }
    sum->size += size;
    return CLRNN_STATUS_OK;
}

clrnn_status zip_out_sink(void *context, const void *data, size_t size) {
    struct zip_out *zip = context;
    zip->offset += size;
    return zip->sink(zip->context, data, size);
}

static clrnn_status write_local(struct zip_out *zip, const struct member *member) {
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
    TRY(zip_out_sink(zip, header, sizeof header));
    TRY(zip_out_sink(zip, member->name, member->name_size));
    TRY(zip_out_sink(zip, extra, sizeof extra));
out:
    return status;
}

static void add_central(struct zip_out *zip, const struct member *member) {
    const int large = member->size > ZIP64_LIMIT;
    const int far = member->offset > ZIP64_LIMIT;
    const int extra = large || far ? 4 + 16 * large + 8 * far : 0;
    unsigned char *at = bytes_put(zip->central + zip->central_size, 0x02014b50, 4);
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
    zip->central_size = (size_t)(at - zip->central);
}

clrnn_status zip_out_entry(struct zip_out *zip, const char *name, const struct zip_sum *sum) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct member member = {
        .name = name, .crc = ~sum->crc, .size = sum->size, .offset = zip->offset};
    unsigned char *grown;
    const size_t length = strlen(name);
    REQUIRE(length <= UINT16_MAX, ARGUMENT,
            "%s: names of entries must be at most %d bytes, got %zu", zip->label, UINT16_MAX,
            length);
    member.name_size = (uint16_t)length;
    for (size_t i = 0; i < length; i++) {
        member.flags = (unsigned char)name[i] >= 0x80 ? UTF8_NAME : member.flags;
    }
    grown = realloc(zip->central, zip->central_size + CENTRAL_SIZE + CENTRAL_EXTRA + length);
    REQUIRE(grown != NULL, MEMORY, "%s: out of memory", zip->label);
    zip->central = grown;
    TRY(write_local(zip, &member));
    add_central(zip, &member);
    zip->count++;
out:
    return status;
}

clrnn_status zip_out_end(struct zip_out *zip) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t count = zip->count;
    const uint64_t start = zip->offset;
    const uint64_t size = zip->central_size;
    unsigned char end[56 + 20 + 22];
    unsigned char *at = end;
    TRY(zip_out_sink(zip, zip->central, zip->central_size));
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
    TRY(zip_out_sink(zip, end, (size_t)(at - end)));
out:
    return status;
}

void zip_out_free(struct zip_out *zip) {
    free(zip->central);
    zip->central = NULL;
}
