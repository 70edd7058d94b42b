/* json_text.c: what jansson does not refuse by itself, and words for messages. */
#include "io/json_text.h"

#include <stdio.h>
#include <string.h>

/* jansson's parser recurses as deep as a text is nested. The scan knows only strings and brackets:
 * what else is wrong with them jansson finds. */
static int is_deeper(const char *text, size_t size, int depth) {
    int level = 0;
    int in_string = 0;
    for (size_t i = 0; i < size; i++) {
        if (in_string) {
            in_string = text[i] != '"';
            i += text[i] == '\\';
        } else if (text[i] == '"') {
            in_string = 1;
        } else if (text[i] == '{' || text[i] == '[') {
            if (++level > depth) {
                return 1;
            }
        } else if (text[i] == '}' || text[i] == ']') {
            level--;
        }
    }
    return 0;
}

clrnn_status json_text_read(json_t **out, const char *text, size_t size, int depth,
                            const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_error_t error = {0};
    json_t *json = NULL;
    REQUIRE(size <= JSON_TEXT_MAX, FORMAT, "%s: must be at most %d bytes, got %zu", label,
            JSON_TEXT_MAX, size);
    REQUIRE(!is_deeper(text, size, depth), FORMAT, "%s: must be nested at most %d deep", label,
            depth);
    json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    REQUIRE(json != NULL || json_error_code(&error) != json_error_out_of_memory, MEMORY,
            "%s: out of memory", label);
    REQUIRE(json != NULL, FORMAT, "%s: is not JSON: %s, at line %d, column %d", label, error.text,
            error.line, error.column);
    REQUIRE(json_is_object(json), FORMAT, "%s: must be an object, got a list", label);
    *out = json;
    json = NULL;
out:
    json_decref(json);
    return status;
}

json_t *json_text_unless(int failed, json_t *value) {
    if (failed) {
        json_decref(value);
        return NULL;
    }
    return value;
}

const char *json_text_show(char text[JSON_TEXT_SHOWN], const json_t *value) {
    enum { LONGEST = 32 };
    if (value == NULL) {
        return strcpy(text, "none");
    }
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return strcpy(text, "an object");
    case JSON_ARRAY:
        return strcpy(text, "a list");
    case JSON_STRING: {
        const char *string = json_string_value(value);
        size_t length = strlen(string);
        const int cut = length > LONGEST;
        length = cut ? LONGEST : length;
        while (cut && length > 0 && (string[length] & 0xc0) == 0x80) {
            length--;
        }
        snprintf(text, JSON_TEXT_SHOWN, "'%.*s%s'", (int)length, string, cut ? "..." : "");
        return text;
    }
    case JSON_INTEGER:
    case JSON_REAL: {
        const size_t length =
            json_dumpb(value, text, JSON_TEXT_SHOWN - 1, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
        text[length < JSON_TEXT_SHOWN ? length : 0] = '\0';
        return text;
    }
    case JSON_TRUE:
        return strcpy(text, "true");
    case JSON_FALSE:
        return strcpy(text, "false");
    case JSON_NULL:
        break;
    }
    return strcpy(text, "null");
}

/* Letters to insert, delete or replace; both words have at most MAX_LETTERS. */
enum { MAX_LETTERS = 40 };
static size_t distance(const char *a, const char *b) {
    const size_t length = strlen(b);
    size_t row[MAX_LETTERS + 1];
    for (size_t j = 0; j <= length; j++) {
        row[j] = j;
    }
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < length; j++) {
            const size_t replaced = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            const size_t shifted = (row[j] < diagonal ? row[j] : diagonal) + 1;
            row[j + 1] = replaced < shifted ? replaced : shifted;
        }
    }
    return row[length];
}

const char *json_text_nearest(const char *word, const char *const *words, size_t count) {
    const char *nearest = NULL;
    const size_t length = strlen(word);
    size_t least = length / 2;
    for (size_t i = 0; length <= MAX_LETTERS && i < count; i++) {
        const size_t edits = distance(word, words[i]);
        if (edits < least || (nearest == NULL && edits == least && edits > 0)) {
            nearest = words[i];
            least = edits;
        }
    }
    return nearest;
}
