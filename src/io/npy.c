/*
 * npy.c: reading and writing one .npy file in memory.
 *
 * The header is a Python dict literal. It is parsed by hand and strictly: the three keys once each,
 * nothing else, so that no file means one thing here and another to NumPy. Every size is checked
 * against the bytes that are there before memory is asked for.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/npy.h"

#include "core/tensor.h"
#include "io/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAGIC_SIZE = 6,
    LENGTH_AT = 8,          /* behind the magic and two bytes of version */
    MAX_HEADER = 64 * 1024, /* bytes; a real one has about 120 */
    MAX_DTYPE = 32,         /* bytes of a dtype string that is worth showing */
    ALIGNMENT = 64,         /* of the data in the file, as NumPy has it */
    GROWTH_DIGITS = 21      /* NumPy leaves room to write a longer first extent later */
};

struct npy_header {
    clrnn_dtype dtype;
    size_t item; /* bytes of an element in the file */
    int swapped; /* not this machine's byte order */
    int fortran;
    int rank;
    int64_t shape[CLRNN_MAX_RANK];
};

/* ---- UTF-8 ----------------------------------------------------------------------------------- */

int32_t npy_utf8_next(const char **at) {
    const unsigned char *s = (const unsigned char *)*at;
    int32_t code = s[0];
    int tail = 0;
    int32_t least = 0;
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        code = s[0] & 0x07;
        tail = 3;
        least = 0x10000;
    } else if (s[0] >= 0xe0 && s[0] < 0xf0) {
        code = s[0] & 0x0f;
        tail = 2;
        least = 0x800;
    } else if (s[0] >= 0xc0 && s[0] < 0xe0) {
        code = s[0] & 0x1f;
        tail = 1;
        least = 0x80;
    } else if (s[0] >= 0x80) {
        return -1;
    }
    for (int i = 1; i <= tail; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            return -1;
        }
        code = code * 64 + (s[i] & 0x3f);
    }
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return -1;
    }
    *at += code == 0 ? 0 : tail + 1;
    return code;
}

/* Bytes written: 1 to 4. */
static size_t utf8_put(char *to, uint32_t code) {
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    const int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    to[0] = (char)(lead[tail] | code >> (6 * tail));
    for (int i = 1; i <= tail; i++) {
        to[i] = (char)(0x80 | (code >> (6 * (tail - i)) & 0x3f));
    }
    return (size_t)tail + 1;
}

/* ---- header: the dict literal ---------------------------------------------------------------- */

struct parser {
    const char *text;
    size_t size;
    size_t at;
    const char *label;
    char got[16]; /* what show_next wrote */
};

static int peek(const struct parser *parser) {
    return parser->at < parser->size ? (unsigned char)parser->text[parser->at] : -1;
}

static void skip_spaces(struct parser *parser) {
    while (parser->at < parser->size && memchr(" \t\r\n\f", peek(parser), 5) != NULL) {
        parser->at++;
    }
}

static int accept(struct parser *parser, char wanted) {
    skip_spaces(parser);
    if (peek(parser) != (unsigned char)wanted) {
        return 0;
    }
    parser->at++;
    return 1;
}

static const char *show_next(struct parser *parser) {
    const int next = peek(parser);
    if (next < 0) {
        return "its end";
    }
    snprintf(parser->got, sizeof parser->got, next > 0x20 && next < 0x7f ? "'%c'" : "byte 0x%02x",
             next);
    return parser->got;
}

#define EXPECT(condition, what)                                                                    \
    REQUIRE(condition, FORMAT, "%s: header: expected %s at byte %zu, got %s", parser->label, what, \
            parser->at, show_next(parser))

/* Copies a quoted string without escapes; a longer one than fits is cut. */
static clrnn_status parse_string(struct parser *parser, char *to, size_t size) {
    clrnn_status status = CLRNN_STATUS_OK;
    size_t used = 0;
    skip_spaces(parser);
    const int quote = peek(parser);
    EXPECT(quote == '\'' || quote == '"', "a string");
    parser->at++;
    while (peek(parser) != quote) {
        const int next = peek(parser);
        EXPECT(next >= 0x20 && next < 0x7f && next != '\\', "the rest of a string");
        if (used + 1 < size) {
            to[used++] = (char)next;
        }
        parser->at++;
    }
    parser->at++;
    to[used] = '\0';
out:
    return status;
}

static int accept_word(struct parser *parser, const char *word) {
    const size_t length = strlen(word);
    skip_spaces(parser);
    if (parser->size - parser->at < length ||
        memcmp(parser->text + parser->at, word, length) != 0) {
        return 0;
    }
    parser->at += length;
    return 1;
}

static clrnn_status parse_extent(struct parser *parser, int64_t *out) {
    clrnn_status status = CLRNN_STATUS_OK;
    int64_t value = 0;
    skip_spaces(parser);
    EXPECT(peek(parser) >= '0' && peek(parser) <= '9', "a size that is not negative");
    while (peek(parser) >= '0' && peek(parser) <= '9') {
        const int digit = peek(parser) - '0';
        REQUIRE(value <= (INT64_MAX - digit) / 10, FORMAT,
                "%s: header: a size of the shape is over %lld", parser->label,
                (long long)INT64_MAX);
        value = value * 10 + digit;
        parser->at++;
    }
    /* Python 2 wrote long integers with an L. */
    if (peek(parser) == 'L') {
        parser->at++;
    }
    *out = value;
out:
    return status;
}

/* A tuple: (), (3,), (3, 4) or (3, 4,), but not (3), which is a number to Python. */
static clrnn_status parse_shape(struct parser *parser, struct npy_header *header) {
    clrnn_status status = CLRNN_STATUS_OK;
    int comma = 1;
    EXPECT(accept(parser, '('), "the shape's '('");
    header->rank = 0;
    while (!accept(parser, ')')) {
        int64_t extent = 0;
        EXPECT(comma, "',' or ')'");
        TRY(parse_extent(parser, &extent));
        REQUIRE(header->rank < CLRNN_MAX_RANK, FORMAT, "%s: header: the rank must be at most %d",
                parser->label, CLRNN_MAX_RANK);
        header->shape[header->rank++] = extent;
        comma = accept(parser, ',');
    }
    REQUIRE(header->rank != 1 || comma, FORMAT,
            "%s: header: the shape must be a tuple, got (%lld) without ','", parser->label,
            (long long)header->shape[0]);
out:
    return status;
}

static clrnn_status parse_dtype(struct parser *parser, struct npy_header *header) {
    static const struct {
        const char *code;
        clrnn_dtype dtype;
    } known[] = {{"f4", CLRNN_DTYPE_F32}, {"f8", CLRNN_DTYPE_F64}, {"f2", CLRNN_DTYPE_F16},
                 {"i4", CLRNN_DTYPE_I32}, {"i8", CLRNN_DTYPE_I64}, {"b1", CLRNN_DTYPE_BOOL}};
    clrnn_status status = CLRNN_STATUS_OK;
    char text[MAX_DTYPE];
    skip_spaces(parser);
    REQUIRE(peek(parser) != '[' && peek(parser) != '(', FORMAT,
            "%s: is a structured array, expected plain numbers", parser->label);
    TRY(parse_string(parser, text, sizeof text));
    const char *code = text[0] != '\0' && strchr("<>=|", text[0]) != NULL ? text + 1 : "";
    REQUIRE(code[0] != 'O' && text[0] != 'O', FORMAT,
            "%s: holds pickled Python objects (dtype '%s'), which are never read", parser->label,
            text);
    header->item = 0;
    if (code[0] == 'U' && code[1] != '\0' && strspn(code + 1, "0123456789") == strlen(code + 1) &&
        strlen(code) <= 11 && text[0] != '|') {
        header->dtype = CLRNN_DTYPE_TEXT;
        header->item = 4 * (size_t)strtoull(code + 1, NULL, 10);
    } else {
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            const size_t item = clrnn_dtype_size(known[i].dtype);
            if (strcmp(code, known[i].code) == 0 && (text[0] != '|' || item == 1)) {
                header->dtype = known[i].dtype;
                header->item = item;
            }
        }
        REQUIRE(header->item > 0, FORMAT,
                "%s: dtype '%s' is not read, expected f4 f8 f2 (weights too) i4 i8 (with < or >), "
                "|b1 or a text",
                parser->label, text);
    }
    header->swapped = text[0] == (bytes_host_is_big() ? '<' : '>');
out:
    return status;
}

static clrnn_status parse_header(struct npy_header *header, struct parser *parser) {
    enum { DESCR, FORTRAN_ORDER, SHAPE, KEYS };
    static const char *const keys[KEYS] = {"descr", "fortran_order", "shape"};
    clrnn_status status = CLRNN_STATUS_OK;
    int seen[KEYS] = {0};
    int comma = 1;
    EXPECT(accept(parser, '{'), "'{'");
    while (!accept(parser, '}')) {
        char key[MAX_DTYPE];
        int which = 0;
        EXPECT(comma, "',' or '}'");
        TRY(parse_string(parser, key, sizeof key));
        while (which < KEYS && strcmp(key, keys[which]) != 0) {
            which++;
        }
        REQUIRE(which < KEYS, FORMAT, "%s: header: unknown key '%s'", parser->label, key);
        REQUIRE(!seen[which], FORMAT, "%s: header: key '%s' stands twice", parser->label, key);
        seen[which] = 1;
        EXPECT(accept(parser, ':'), "':'");
        if (which == DESCR) {
            TRY(parse_dtype(parser, header));
        } else if (which == SHAPE) {
            TRY(parse_shape(parser, header));
        } else {
            header->fortran = accept_word(parser, "True");
            EXPECT(header->fortran || accept_word(parser, "False"), "True or False");
        }
        comma = accept(parser, ',');
    }
    skip_spaces(parser);
    EXPECT(parser->at == parser->size, "only spaces");
    for (int which = 0; which < KEYS; which++) {
        REQUIRE(seen[which], FORMAT, "%s: header: key '%s' is missing", parser->label, keys[which]);
    }
    REQUIRE(header->dtype != CLRNN_DTYPE_TEXT || header->rank == 0, FORMAT,
            "%s: a text must be 0-d, got rank %d", parser->label, header->rank);
out:
    return status;
}

/* ---- data ------------------------------------------------------------------------------------ */

/* `to` in C order from `from`, where the first index runs fastest. */
static void copy_from_fortran(unsigned char *to, const unsigned char *from,
                              const struct npy_header *header, size_t count) {
    size_t stride[CLRNN_MAX_RANK];
    int64_t index[CLRNN_MAX_RANK] = {0};
    size_t at = 0;
    for (int axis = 0; axis < header->rank; axis++) {
        stride[axis] = axis == 0 ? 1 : stride[axis - 1] * (size_t)header->shape[axis - 1];
    }
    for (size_t i = 0; i < count; i++) {
        memcpy(to + i * header->item, from + at * header->item, header->item);
        for (int axis = header->rank - 1; axis >= 0; axis--) {
            at += stride[axis];
            if (++index[axis] < header->shape[axis]) {
                break;
            }
            at -= stride[axis] * (size_t)header->shape[axis];
            index[axis] = 0;
        }
    }
}

/* UTF-32 to zero-terminated UTF-8. NumPy pads a text with zeros at the end. */
static clrnn_status copy_text(char *to, const unsigned char *from, const struct npy_header *header,
                              const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t count = header->item / 4;
    size_t used = 0;
    int ended = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t code;
        memcpy(&code, from + 4 * i, sizeof code);
        if (header->swapped) {
            bytes_swap((unsigned char *)&code, 1, sizeof code);
        }
        if (code == 0) {
            ended = 1;
            continue;
        }
        REQUIRE(!ended, FORMAT, "%s: the text goes on behind a zero at character %zu", label, i);
        REQUIRE(code <= 0x10ffff && (code < 0xd800 || code > 0xdfff), FORMAT,
                "%s: character %zu of the text must be Unicode, got 0x%x", label, i, code);
        used += utf8_put(to + used, code);
    }
    to[used] = '\0';
out:
    return status;
}

clrnn_status npy_parse(clrnn_arrays *into, const char *name, const unsigned char *bytes,
                       size_t size, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct npy_header header = {0};
    clrnn_tensor tensor = {0};
    char shown[128];
    REQUIRE(arrays_probe(bytes, size) == ARRAYS_NPY, FORMAT, "%s: is not .npy: no magic", label);
    REQUIRE(size >= LENGTH_AT + 2, FORMAT, "%s: is cut off in the header: %zu bytes", label, size);
    const int version = bytes[MAGIC_SIZE];
    REQUIRE(version >= 1 && version <= 3 && bytes[MAGIC_SIZE + 1] == 0, FORMAT,
            "%s: .npy version must be 1.0, 2.0 or 3.0, got %d.%d", label, version,
            bytes[MAGIC_SIZE + 1]);
    const size_t text_at = version == 1 ? LENGTH_AT + 2 : LENGTH_AT + 4;
    REQUIRE(size >= text_at, FORMAT, "%s: is cut off in the header: %zu bytes", label, size);
    const size_t length = (size_t)bytes_get(bytes + LENGTH_AT, version == 1 ? 2 : 4);
    REQUIRE(length <= MAX_HEADER, FORMAT, "%s: the header must be at most %d bytes, got %zu", label,
            MAX_HEADER, length);
    REQUIRE(length <= size - text_at, FORMAT,
            "%s: the header needs %zu bytes, the file has %zu left", label, length, size - text_at);
    struct parser parser = {.text = (const char *)bytes + text_at, .size = length, .label = label};
    TRY(parse_header(&header, &parser));

    tensor.dtype = header.dtype;
    tensor.rank = header.rank;
    memcpy(tensor.shape, header.shape, sizeof tensor.shape);
    const unsigned char *data = bytes + text_at + length;
    const size_t got = size - text_at - length;
    size_t needed;
    const int fits = arrays_bytes(&needed, header.item, header.rank, header.shape);
    tensor_text(&tensor, shown, sizeof shown);
    REQUIRE(fits, FORMAT, "%s: header says %s, more than memory can hold", label, shown);
    REQUIRE(needed == got, FORMAT, "%s: header says %s (%zu bytes of data), got %zu", label, shown,
            needed, got);

    /* A text never grows: 4 bytes a character there, at most 4 here; 1 for the end. */
    tensor.data = malloc(needed + 1);
    REQUIRE(tensor.data != NULL, MEMORY, "%s: out of memory for %zu bytes", label, needed);
    if (header.dtype == CLRNN_DTYPE_TEXT) {
        TRY(copy_text(tensor.data, data, &header, label));
    } else {
        const size_t count = needed / header.item;
        if (header.fortran && header.rank > 1) {
            copy_from_fortran(tensor.data, data, &header, count);
        } else {
            memcpy(tensor.data, data, needed);
        }
        if (header.swapped) {
            bytes_swap(tensor.data, count, header.item);
        }
        if (header.dtype == CLRNN_DTYPE_BOOL) {
            unsigned char *values = tensor.data;
            for (size_t i = 0; i < count; i++) {
                values[i] = values[i] != 0;
            }
        }
    }
    TRY(arrays_insert(into, name, &tensor));
    tensor.data = NULL;
out:
    free(tensor.data);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* Rank and extents are bounded, so that version 1.0 always has room: at most 8 x 20 digits. */
static clrnn_status emit_header(const clrnn_tensor *tensor, size_t characters, npy_sink *sink,
                                void *context) {
    static const char *const codes[] = {
        [CLRNN_DTYPE_F32] = "<f4", [CLRNN_DTYPE_F64] = "<f8", [CLRNN_DTYPE_F16] = "<f2",
        [CLRNN_DTYPE_I32] = "<i4", [CLRNN_DTYPE_I64] = "<i8", [CLRNN_DTYPE_BOOL] = "|b1"};
    enum { PREFIX = LENGTH_AT + 2, SIZE = 384 };
    char header[SIZE];
    char text[MAX_DTYPE];
    snprintf(text, sizeof text, "<U%zu", characters);
    size_t at = PREFIX;
    at += (size_t)snprintf(header + at, SIZE - at,
                           "{'descr': '%s', 'fortran_order': False, 'shape': (",
                           tensor->dtype == CLRNN_DTYPE_TEXT ? text : codes[tensor->dtype]);
    size_t growth = 0;
    for (int axis = 0; axis < tensor->rank; axis++) {
        const int digits = snprintf(header + at, SIZE - at, "%lld", (long long)tensor->shape[axis]);
        at += (size_t)digits;
        growth = axis == 0 ? (size_t)(GROWTH_DIGITS - digits) : growth;
        const char *comma = axis + 1 < tensor->rank ? ", " : tensor->rank == 1 ? "," : "";
        at += (size_t)snprintf(header + at, SIZE - at, "%s", comma);
    }
    at += (size_t)snprintf(header + at, SIZE - at, "), }");
    const size_t total = (at + growth + 1) / ALIGNMENT * ALIGNMENT + ALIGNMENT;
    memset(header + at, ' ', total - at - 1);
    header[total - 1] = '\n';
    memcpy(header, "\x93NUMPY\x01\x00", LENGTH_AT);
    header[LENGTH_AT] = (char)((total - PREFIX) & 0xff);
    header[LENGTH_AT + 1] = (char)((total - PREFIX) >> 8);
    return sink(context, header, total);
}

static clrnn_status emit_text(const clrnn_tensor *tensor, npy_sink *sink, void *context) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *at = tensor->data;
    size_t characters = 0;
    /* Never more characters than bytes, and NumPy has no text shorter than one character. */
    uint32_t *codes = calloc(strlen(at) + 1, sizeof *codes);
    REQUIRE(codes != NULL, MEMORY, "npy: out of memory for a text of %zu bytes", strlen(at));
    for (int32_t code = npy_utf8_next(&at); code > 0; code = npy_utf8_next(&at)) {
        codes[characters++] = (uint32_t)code;
    }
    characters += characters == 0;
    if (bytes_host_is_big()) {
        bytes_swap((unsigned char *)codes, characters, sizeof *codes);
    }
    TRY(emit_header(tensor, characters, sink, context));
    TRY(sink(context, codes, characters * sizeof *codes));
out:
    free(codes);
    return status;
}

clrnn_status npy_emit_data(const clrnn_tensor *tensor, npy_sink *sink, void *context) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t item = clrnn_dtype_size(tensor->dtype);
    const size_t size = (size_t)clrnn_tensor_count(tensor) * item;
    const unsigned char *data = tensor->data;
    if (!bytes_host_is_big()) {
        TRY(sink(context, data, size));
    } else {
        unsigned char piece[4096];
        for (size_t at = 0; at < size; at += sizeof piece) {
            const size_t part = size - at < sizeof piece ? size - at : sizeof piece;
            memcpy(piece, data + at, part);
            bytes_swap(piece, part / item, item);
            TRY(sink(context, piece, part));
        }
    }
out:
    return status;
}

clrnn_status npy_emit(const clrnn_tensor *tensor, npy_sink *sink, void *context) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (tensor->dtype == CLRNN_DTYPE_TEXT) {
        return emit_text(tensor, sink, context);
    }
    TRY(emit_header(tensor, 0, sink, context));
    TRY(npy_emit_data(tensor, sink, context));
out:
    return status;
}
