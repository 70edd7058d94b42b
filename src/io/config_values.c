/* config_values.c: single values of a config, and what is said where one is not as it must be. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/config_values.h"

#include "core/net.h"
#include "io/json_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---------------------------------------------------------------------------------- */

clrnn_status config_unexpected(const char *where, const char *expected, const json_t *got) {
    char shown[JSON_TEXT_SHOWN];
    return status_fail(CLRNN_STATUS_FORMAT, 0, "%s: expected %s, got %s", where, expected,
                       json_text_show(shown, got));
}

clrnn_status config_read_count(int *out, const json_t *value, int least, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > NET_MAX_FEATURES) {
        char expected[48];
        snprintf(expected, sizeof expected, "an integer, %d to %d", least, NET_MAX_FEATURES);
        TRY(config_unexpected(where, expected, value));
    }
    *out = (int)json_integer_value(value);
out:
    return status;
}

clrnn_status config_write_count(json_t *into, const char *key, int64_t value, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(value >= 1 && value <= NET_MAX_FEATURES, FORMAT,
            "%s: a config's %s are 1 to %d, got %lld", where, key, NET_MAX_FEATURES,
            (long long)value);
    REQUIRE(json_object_set_new(into, key, json_integer(value)) == 0, MEMORY,
            "config: out of memory");
out:
    return status;
}

clrnn_status config_read_flag(int *out, const json_t *value, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!json_is_boolean(value)) {
        TRY(config_unexpected(where, "true or false", value));
    }
    *out = json_is_true(value);
out:
    return status;
}

clrnn_status config_read_real(float *out, const json_t *value, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!json_is_number(value) || fabs(json_number_value(value)) > (double)FLT_MAX) {
        TRY(config_unexpected(where, "a number that float32 can hold", value));
    }
    *out = (float)json_number_value(value);
out:
    return status;
}

/* A copy. Names end up in listings, so they are printable. */
clrnn_status config_read_name(char **out, const json_t *value, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    int printable = 1;
    for (const char *at = text; *at != '\0'; at++) {
        printable &= (unsigned char)*at >= 0x20 && *at != 0x7f;
    }
    if (text[0] == '\0' || strlen(text) >= CONFIG_NAME || !printable) {
        TRY(config_unexpected(where, "a printable name of 1 to 127 bytes", value));
    }
    *out = strdup(text);
    REQUIRE(*out != NULL, MEMORY, "%s: out of memory", where);
out:
    return status;
}

clrnn_status config_read_choice(int *out, const json_t *value, const char *const *choices,
                                const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    char expected[96] = "";
    for (int i = 0; choices[i] != NULL; i++) {
        if (json_is_string(value) && strcmp(json_string_value(value), choices[i]) == 0) {
            *out = i;
            goto out;
        }
        const char *between = i == 0 ? "" : choices[i + 1] == NULL ? " or " : ", ";
        const size_t used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s'%s'", between, choices[i]);
    }
    TRY(config_unexpected(where, expected, value));
out:
    return status;
}

size_t config_find_key(const char *key, const char *const *keys, size_t count) {
    size_t i = 0;
    while (i < count && strcmp(key, keys[i]) != 0) {
        i++;
    }
    return i;
}

clrnn_status config_unknown_key(const char *where, const char *key, const char *const *keys,
                                size_t count) {
    const char *nearest = json_text_nearest(key, keys, count);
    return status_fail(CLRNN_STATUS_FORMAT, 0, "%s: unknown key '%.40s'%s%s%s", where, key,
                       nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
                       nearest != NULL ? "'?" : "");
}

/* ---- activations ----------------------------------------------------------------------------- */

static clrnn_status read_kind(clrnn_activation *act, const json_t *value, const char *where) {
#define ACT_NAME(name, value, text, parameters, alpha, beta) text,
    static const char *const names[] = {CLRNN_ACT_LIST(ACT_NAME) "silu", "default", "custom"};
#undef ACT_NAME
    clrnn_status status = CLRNN_STATUS_OK;
    const char *name = json_is_string(value) ? json_string_value(value) : NULL;
    if (name == NULL) {
        TRY(config_unexpected(where, "the name of an activation", value));
    }
    act->kind = clrnn_act_find(name);
    if (act->kind == CLRNN_ACT_DEFAULT && strcmp(name, clrnn_act_name(CLRNN_ACT_DEFAULT)) != 0) {
        const char *nearest = json_text_nearest(name, names, sizeof names / sizeof names[0]);
        REQUIRE(0, FORMAT, "%s: unknown activation '%.40s'%s%s%s", where, name,
                nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
                nearest != NULL ? "'?" : "");
    }
out:
    return status;
}

/* The parameter that is not given has its default, so that beta can stand alone. */
static void fill_parameters(clrnn_activation *act, int has_alpha, int has_beta) {
    static const struct {
        clrnn_act kind;
        float alpha, beta;
    } defaults[] = {
#define ACT_DEFAULTS(name, value, text, parameters, alpha, beta) {CLRNN_ACT_##name, alpha, beta},
        CLRNN_ACT_LIST(ACT_DEFAULTS)
#undef ACT_DEFAULTS
    };
    act->parameters = has_beta ? 2 : has_alpha;
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        if (has_beta && !has_alpha && defaults[i].kind == act->kind) {
            act->alpha = defaults[i].alpha;
        }
    }
}

/* A file names the code of a custom activation, and of no other. */
clrnn_status config_check_source(const clrnn_activation *act, const char *slot, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int is_custom = act->kind == CLRNN_ACT_CUSTOM;
    REQUIRE(!is_custom || act->source != NULL, FORMAT,
            "%s: the activation of %s is custom and needs a source", where, slot);
    REQUIRE(is_custom || act->source == NULL, FORMAT,
            "%s: a source is for a custom activation, got it with %s", where,
            clrnn_act_name(act->kind));
out:
    return status;
}

clrnn_status config_read_activation(clrnn_activation *act, json_t *json, const char *where) {
    static const char *const keys[] = {"name", "alpha", "beta", "source"};
    clrnn_status status = CLRNN_STATUS_OK;
    const char *key;
    json_t *value;
    if (!json_is_object(json)) {
        TRY(read_kind(act, json, where));
        goto out;
    }
    REQUIRE(json_object_get(json, "name") != NULL, FORMAT, "%s: has no name", where);
    json_object_foreach(json, key, value) {
        char inner[CONFIG_WHERE];
        snprintf(inner, sizeof inner, "%s.%.20s", where, key);
        if (strcmp(key, "name") == 0) {
            TRY(read_kind(act, value, inner));
        } else if (strcmp(key, "alpha") == 0) {
            TRY(config_read_real(&act->alpha, value, inner));
        } else if (strcmp(key, "beta") == 0) {
            TRY(config_read_real(&act->beta, value, inner));
        } else if (strcmp(key, "source") == 0) {
            TRY(config_read_name((char **)&act->source, value, inner));
        } else {
            TRY(config_unknown_key(where, key, keys, sizeof keys / sizeof keys[0]));
        }
    }
    fill_parameters(act, json_object_get(json, "alpha") != NULL,
                    json_object_get(json, "beta") != NULL);
out:
    return status;
}
