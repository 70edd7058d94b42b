/*
 * safetensors.c: reading and writing .safetensors.
 *
 * Everything that the header says is held against the bytes that are there before memory is asked
 * for: an array takes at most twice its bytes in the file (BF16). What the reference implementation
 * refuses is refused here, and so is a key of an array that the format does not have.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/safetensors.h"

#include "core/tensor.h"
#include "io/bytes.h"
#include "io/json_text.h"
#include "io/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METADATA "__metadata__"
#define TEXT_PREFIX "clrnn."

enum {
    LENGTH_SIZE = 8,
    DEPTH = 3,    /* file, array, shape */
    ALIGNMENT = 8 /* of the data in the file */
};

/* In the order in which a file has them: by falling alignment. */
static const struct code {
    const char *name;
    clrnn_dtype dtype;
    size_t item; /* bytes of an element in the file */
    int brain;   /* BF16: the upper half of a float32 */
} codes[] = {{"I64", CLRNN_DTYPE_I64, 8, 0},  {"F64", CLRNN_DTYPE_F64, 8, 0},
             {"F32", CLRNN_DTYPE_F32, 4, 0},  {"I32", CLRNN_DTYPE_I32, 4, 0},
             {"F16", CLRNN_DTYPE_F16, 2, 0},  {"BF16", CLRNN_DTYPE_F32, 2, 1},
             {"BOOL", CLRNN_DTYPE_BOOL, 1, 0}};
enum { CODE_COUNT = sizeof codes / sizeof codes[0] };

/* ---- reading --------------------------------------------------------------------------------- */

/* An array as the header says it. */
struct record {
    const char *name;
    const struct code *code;
    clrnn_tensor tensor; /* dtype, rank and shape */
    uint64_t begin, end; /* in the data */
};

/* A number that is an integer and not negative; json_int_t has 64 bits. */
static int get_count(const json_t *value, uint64_t *out) {
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return 0;
    }
    *out = (uint64_t)json_integer_value(value);
    return 1;
}

static clrnn_status read_dtype(struct record *record, const json_t *value, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[JSON_TEXT_SHOWN];
    for (size_t i = 0; json_is_string(value) && i < CODE_COUNT; i++) {
        if (strcmp(json_string_value(value), codes[i].name) == 0) {
            record->code = &codes[i];
            record->tensor.dtype = codes[i].dtype;
        }
    }
    REQUIRE(
        record->code != NULL, FORMAT,
        "%s: dtype %s is not read, expected F16, BF16, F32, F64 (weights too), I32, I64 or BOOL",
        label, json_text_show(got, value));
out:
    return status;
}

static clrnn_status read_shape(struct record *record, const json_t *value, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[JSON_TEXT_SHOWN];
    REQUIRE(json_is_array(value), FORMAT, "%s: the shape must be a list, got %s", label,
            json_text_show(got, value));
    REQUIRE(json_array_size(value) <= CLRNN_MAX_RANK, FORMAT,
            "%s: the rank must be at most %d, got %zu", label, CLRNN_MAX_RANK,
            json_array_size(value));
    record->tensor.rank = (int)json_array_size(value);
    for (int axis = 0; axis < record->tensor.rank; axis++) {
        const json_t *extent = json_array_get(value, (size_t)axis);
        uint64_t count;
        REQUIRE(get_count(extent, &count), FORMAT,
                "%s: axis %d of the shape must be an integer that is not negative, got %s", label,
                axis, json_text_show(got, extent));
        record->tensor.shape[axis] = (int64_t)count;
    }
out:
    return status;
}

static clrnn_status read_offsets(struct record *record, const json_t *value, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(json_array_size(value) == 2 && get_count(json_array_get(value, 0), &record->begin) &&
                get_count(json_array_get(value, 1), &record->end) && record->begin <= record->end,
            FORMAT, "%s: data_offsets must be [begin, end], integers with 0 <= begin <= end",
            label);
out:
    return status;
}

static clrnn_status read_record(struct record *record, const char *name, json_t *json,
                                const char *path) {
    enum { DTYPE, SHAPE, OFFSETS, KEYS };
    static const char *const keys[KEYS] = {"dtype", "shape", "data_offsets"};
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    char got[JSON_TEXT_SHOWN];
    const char *key;
    json_t *value;
    size_t needed;
    arrays_label(label, path, name);
    *record = (struct record){.name = name};
    REQUIRE(json_is_object(json), FORMAT,
            "%s: must be an object with dtype, shape and data_offsets, got %s", label,
            json_text_show(got, json));
    for (int i = 0; i < KEYS; i++) {
        REQUIRE(json_object_get(json, keys[i]) != NULL, FORMAT, "%s: has no %s", label, keys[i]);
    }
    json_object_foreach(json, key, value) {
        REQUIRE(strcmp(key, keys[DTYPE]) == 0 || strcmp(key, keys[SHAPE]) == 0 ||
                    strcmp(key, keys[OFFSETS]) == 0,
                FORMAT, "%s: has an unknown key '%.40s'", label, key);
    }
    TRY(read_dtype(record, json_object_get(json, keys[DTYPE]), label));
    TRY(read_shape(record, json_object_get(json, keys[SHAPE]), label));
    TRY(read_offsets(record, json_object_get(json, keys[OFFSETS]), label));
    char shown[128];
    tensor_text(&record->tensor, shown, sizeof shown);
    REQUIRE(arrays_bytes(&needed, record->code->item, record->tensor.rank, record->tensor.shape),
            FORMAT, "%s: says %s, more than memory can hold", label, shown);
    REQUIRE(needed == record->end - record->begin, FORMAT,
            "%s: says %s of %s, %zu bytes, and data_offsets of %llu bytes", label, shown,
            record->code->name, needed, (unsigned long long)(record->end - record->begin));
out:
    return status;
}

static int by_offset(const void *a, const void *b) {
    const struct record *left = a;
    const struct record *right = b;
    if (left->begin != right->begin) {
        return left->begin < right->begin ? -1 : 1;
    }
    return left->end < right->end ? -1 : left->end > right->end;
}

/* Sorts the records as they lie in the data, which they must cover. */
static clrnn_status check_cover(struct record *records, size_t count, size_t size,
                                const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    uint64_t at = 0;
    qsort(records, count, sizeof *records, by_offset);
    for (size_t i = 0; i < count; i++) {
        arrays_label(label, path, records[i].name);
        REQUIRE(records[i].begin == at, FORMAT,
                "%s: begins at byte %llu of the data, the array before it ends at %llu", label,
                (unsigned long long)records[i].begin, (unsigned long long)at);
        at = records[i].end;
        REQUIRE(at <= size, FORMAT, "%s: ends at byte %llu of the data, which have %zu", label,
                (unsigned long long)at, size);
    }
    REQUIRE(at == size, FORMAT, "%s: has %zu bytes of data, of which its arrays cover %llu",
            arrays_label(label, path, NULL), size, (unsigned long long)at);
out:
    return status;
}

/* The bytes may lie at any address, so they are copied, and only then looked at. */
static clrnn_status add_array(clrnn_arrays *into, const struct record *record,
                              const unsigned char *data, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    clrnn_tensor tensor = record->tensor;
    const struct code *code = record->code;
    const size_t size = (size_t)(record->end - record->begin);
    const size_t count = size / code->item;
    const unsigned char *from = data + record->begin;
    tensor.data = calloc(count > 0 ? count : 1, clrnn_dtype_size(tensor.dtype));
    REQUIRE(tensor.data != NULL, MEMORY, "%s: out of memory for %zu elements",
            arrays_label(label, path, record->name), count);
    if (code->brain) {
        for (size_t i = 0; i < count; i++) {
            const uint32_t bits = (uint32_t)bytes_get(from + 2 * i, 2) << 16;
            memcpy((char *)tensor.data + 4 * i, &bits, sizeof bits);
        }
    } else {
        memcpy(tensor.data, from, size);
        if (bytes_host_is_big()) {
            bytes_swap(tensor.data, count, code->item);
        }
    }
    for (size_t i = 0; code->dtype == CLRNN_DTYPE_BOOL && i < count; i++) {
        unsigned char *values = tensor.data;
        values[i] = values[i] != 0;
    }
    TRY(arrays_insert(into, record->name, &tensor));
    tensor.data = NULL;
out:
    free(tensor.data);
    return status;
}

static clrnn_status add_texts(clrnn_arrays *into, json_t *metadata, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    char got[JSON_TEXT_SHOWN];
    clrnn_tensor tensor = {.dtype = CLRNN_DTYPE_TEXT};
    const char *key;
    json_t *value;
    arrays_label(label, path, METADATA);
    REQUIRE(json_is_object(metadata), FORMAT, "%s: must be an object of texts, got %s", label,
            json_text_show(got, metadata));
    json_object_foreach(metadata, key, value) {
        REQUIRE(json_is_string(value), FORMAT, "%s: %.40s must be a text, got %s", label, key,
                json_text_show(got, value));
        if (strncmp(key, TEXT_PREFIX, strlen(TEXT_PREFIX)) == 0) {
            const char *name = key + strlen(TEXT_PREFIX);
            REQUIRE(clrnn_arrays_find(into, name) == NULL, FORMAT,
                    "%s: %.40s has the name of an array", label, key);
            tensor.data = strdup(json_string_value(value));
            REQUIRE(tensor.data != NULL, MEMORY, "%s: out of memory", label);
            TRY(arrays_insert(into, name, &tensor));
            tensor.data = NULL;
        }
    }
out:
    free(tensor.data);
    return status;
}

clrnn_status safetensors_read(clrnn_arrays *into, const unsigned char *bytes, size_t size,
                              const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    json_t *header = NULL;
    struct record *records = NULL;
    size_t count = 0;
    const char *name;
    json_t *value;
    arrays_label(label, path, "header");
    REQUIRE(size >= LENGTH_SIZE, FORMAT, "%s: is cut off in its length: %zu bytes", label, size);
    const uint64_t length = bytes_get(bytes, LENGTH_SIZE);
    REQUIRE(length <= JSON_TEXT_MAX, FORMAT, "%s: must be at most %d bytes, got %llu", label,
            JSON_TEXT_MAX, (unsigned long long)length);
    REQUIRE(length <= size - LENGTH_SIZE, FORMAT, "%s: needs %llu bytes, the file has %zu left",
            label, (unsigned long long)length, size - LENGTH_SIZE);
    REQUIRE(length > 0 && bytes[LENGTH_SIZE] == '{', FORMAT, "%s: must start with '{'", label);
    TRY(json_text_read(&header, (const char *)bytes + LENGTH_SIZE, (size_t)length, DEPTH, label));

    const unsigned char *data = bytes + LENGTH_SIZE + length;
    const size_t data_size = size - LENGTH_SIZE - (size_t)length;
    records = calloc(json_object_size(header) + 1, sizeof *records);
    REQUIRE(records != NULL, MEMORY, "%s: out of memory for %zu arrays", label,
            json_object_size(header));
    json_object_foreach(header, name, value) {
        if (strcmp(name, METADATA) != 0) {
            TRY(read_record(&records[count++], name, value, path));
        }
    }
    TRY(check_cover(records, count, data_size, path));
    for (size_t i = 0; i < count; i++) {
        TRY(add_array(into, &records[i], data, path));
    }
    if (json_object_get(header, METADATA) != NULL) {
        TRY(add_texts(into, json_object_get(header, METADATA), path));
    }
out:
    free(records);
    json_decref(header);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static const struct code *code_of(clrnn_dtype dtype) {
    const struct code *code = codes;
    while (code->dtype != dtype) {
        code++;
    }
    return code;
}

/* As the reference implementation has them: by alignment, then by name. */
static int by_alignment(const void *a, const void *b) {
    const struct arrays_entry *left = *(struct arrays_entry *const *)a;
    const struct arrays_entry *right = *(struct arrays_entry *const *)b;
    const struct code *left_code = code_of(left->tensor.dtype);
    const struct code *right_code = code_of(right->tensor.dtype);
    if (left_code != right_code) {
        return left_code < right_code ? -1 : 1;
    }
    return strcmp(left->name, right->name);
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...}; NULL: out of memory. */
static json_t *record_json(const clrnn_tensor *tensor, uint64_t begin, uint64_t end) {
    json_t *shape = json_array();
    int failed = shape == NULL;
    for (int axis = 0; axis < tensor->rank; axis++) {
        failed |= json_array_append_new(shape, json_integer(tensor->shape[axis]));
    }
    json_t *record = json_pack("{s:s, s:o, s:[I, I]}", "dtype", code_of(tensor->dtype)->name,
                               "shape", shape, "data_offsets", (json_int_t)begin, (json_int_t)end);
    if (failed) {
        json_decref(record);
        record = NULL;
    }
    return record;
}

/* Texts become metadata. "format" is what PyTorch's tools look for. NULL: out of memory. */
static json_t *metadata_json(const clrnn_arrays *arrays) {
    json_t *metadata = json_object();
    int failed = metadata == NULL;
    for (size_t i = 0; i < arrays->count; i++) {
        const struct arrays_entry *entry = arrays->entries[i];
        if (entry->tensor.dtype == CLRNN_DTYPE_TEXT) {
            json_t *key = json_sprintf(TEXT_PREFIX "%s", entry->name);
            failed |= key == NULL || json_object_set_new(metadata, json_string_value(key),
                                                         json_string(entry->tensor.data));
            json_decref(key);
        }
    }
    failed |= json_object_set_new(metadata, "format", json_string("pt"));
    if (failed) {
        json_decref(metadata);
        metadata = NULL;
    }
    return metadata;
}

/* The header of arrays in this order; NULL: out of memory. */
static char *header_text(const clrnn_arrays *arrays, struct arrays_entry *const *sorted,
                         size_t count) {
    uint64_t at = 0;
    char *text = NULL;
    json_t *header = json_object();
    int failed = json_object_set_new(header, METADATA, metadata_json(arrays));
    for (size_t i = 0; i < count; i++) {
        const clrnn_tensor *tensor = &sorted[i]->tensor;
        const uint64_t size =
            (uint64_t)clrnn_tensor_count(tensor) * clrnn_dtype_size(tensor->dtype);
        failed |= json_object_set_new(header, sorted[i]->name, record_json(tensor, at, at + size));
        at += size;
    }
    if (!failed) {
        text = json_dumps(header, JSON_COMPACT);
    }
    json_decref(header);
    return text;
}

clrnn_status safetensors_write(struct output *output, const clrnn_arrays *arrays) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct arrays_entry **sorted = calloc(arrays->count + 1, sizeof(struct arrays_entry *));
    char *header = NULL;
    unsigned char prefix[LENGTH_SIZE];
    size_t count = 0;
    REQUIRE(sorted != NULL, MEMORY, "%s: out of memory", output->label);
    for (size_t i = 0; i < arrays->count; i++) {
        struct arrays_entry *entry = arrays->entries[i];
        REQUIRE(strcmp(entry->name, METADATA) != 0, ARGUMENT,
                "%s: no array can be called " METADATA " in safetensors", output->label);
        if (entry->tensor.dtype != CLRNN_DTYPE_TEXT) {
            sorted[count++] = entry;
        }
    }
    qsort(sorted, count, sizeof(struct arrays_entry *), by_alignment);
    header = header_text(arrays, sorted, count);
    REQUIRE(header != NULL, MEMORY, "%s: out of memory", output->label);
    const size_t length = strlen(header);
    const size_t padding = (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT;
    REQUIRE(length + padding <= JSON_TEXT_MAX, ARGUMENT,
            "%s: the header would have %zu bytes, at most %d are read", output->label,
            length + padding, JSON_TEXT_MAX);
    bytes_put(prefix, length + padding, LENGTH_SIZE);
    TRY(output_write(output, prefix, sizeof prefix));
    TRY(output_write(output, header, length));
    TRY(output_write(output, "       ", padding));
    for (size_t i = 0; i < count; i++) {
        TRY(npy_emit_data(&sorted[i]->tensor, output_sink, output));
    }
out:
    free(header);
    free(sorted);
    return status;
}
