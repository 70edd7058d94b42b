/*
 * config_values.h: single values of a config, read strictly: `where` ("file: config: layers[3].hidden")
 * begins each message.
 */
#ifndef CLRNN_IO_CONFIG_VALUES_H
#define CLRNN_IO_CONFIG_VALUES_H

#include "core/status.h"

#include <jansson.h>

enum {
    CONFIG_WHERE = 320, /* "file: config: layers[3].activations.forward[0].alpha" */
    CONFIG_NAME = 128   /* bytes of a name and its zero */
};

/* Fails with what was expected and what is there. */
clrnn_status config_unexpected(const char *where, const char *expected, const json_t *got);
clrnn_status config_read_count(int *out, const json_t *value, int least, const char *where);
clrnn_status config_read_flag(int *out, const json_t *value, const char *where);
clrnn_status config_read_real(float *out, const json_t *value, const char *where);
/* A copy. Names end up in listings, so they are printable. */
clrnn_status config_read_name(char **out, const json_t *value, const char *where);
/* Its place among the choices, which end with NULL. */
clrnn_status config_read_choice(int *out, const json_t *value, const char *const *choices,
                                const char *where);
/* A name, or an object of name, alpha, beta, source; the source is a copy. */
clrnn_status config_read_activation(clrnn_activation *act, json_t *json, const char *where);
/* A custom activation has a source, and no other has. */
clrnn_status config_check_source(const clrnn_activation *act, const char *slot, const char *where);

/* As config_read of config.h, from what stands in another text. */
struct config;
clrnn_status config_read_json(struct config *out, json_t *json, const char *label);

/* Its place among the keys; count if it is none of them. */
size_t config_find_key(const char *key, const char *const *keys, size_t count);
/* Fails with the key that was probably meant. */
clrnn_status config_unknown_key(const char *where, const char *key, const char *const *keys,
                                size_t count);

/* A count as config_read_count takes it, at least 1; FORMAT: it is more than is read. */
clrnn_status config_write_count(json_t *into, const char *key, int64_t value, const char *where);
/* The shortest decimal number that is read as this float32; an activation as it is read. */
json_t *config_real_json(float value);
json_t *config_activation_json(const clrnn_activation *act);
/* As a text, to be freed; the json is released. Errors: MEMORY, ARGUMENT (more than is read). */
clrnn_status config_print(char **out, json_t *json);

#endif
