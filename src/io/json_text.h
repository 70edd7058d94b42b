/*
 * json_text.h: JSON that stands in a file of somebody else's, read strictly.
 */
#ifndef CLRNN_IO_JSON_TEXT_H
#define CLRNN_IO_JSON_TEXT_H

#include "core/status.h"

#include <jansson.h>

enum { JSON_TEXT_MAX = 1 << 20, JSON_TEXT_SHOWN = 48 };

/* An object in UTF-8 of at most JSON_TEXT_MAX bytes, nested at most `depth` deep, without NaN,
 * infinity and zero characters, no key twice. `label` is for messages. */
clrnn_status json_text_read(json_t **out, const char *text, size_t size, int depth,
                            const char *label);

/* The value, or NULL where making it failed: it is freed then. */
json_t *json_text_unless(int failed, json_t *value);

/* What a message says of a value: "'lsmt'", "2.5", "a list"; of NULL "none". Returns text. */
const char *json_text_show(char text[JSON_TEXT_SHOWN], const json_t *value);

/* The word that was probably meant, or NULL if none is near. */
const char *json_text_nearest(const char *word, const char *const *words, size_t count);

#endif
