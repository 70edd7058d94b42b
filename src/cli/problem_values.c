/*
 * problem_values.c: see problem_values.h. A kind is a row of one table: a function that reads a
 * value and one that prints it; both sides of a round trip stand next to each other.
 */
#include "cli/problem_values.h"

#include "cli/suggest.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int problem_refuse(problem_error *error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    error->hint[0] = 0;
    return 0;
}

static void *field_of(problem *from, const problem_key *key) {
    return (char *)from + key->field;
}

static const void *field_in(const problem *from, const problem_key *key) {
    return (const char *)from + key->field;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* Digits alone: strtoull also takes blanks and signs. */
static int read_digits(uint64_t *out, const char *text) {
    if (text[0] == 0 || strspn(text, "0123456789") != strlen(text)) {
        return 0;
    }
    errno = 0;
    *out = strtoull(text, NULL, 10);
    return errno == 0;
}

int problem_read_number(double *out, const char *text) {
    char *end = NULL;
    if (text[0] == 0 || text[0] == '+' || strspn(text, "0123456789.eE+-") != strlen(text)) {
        return 0;
    }
    *out = strtod(text, &end) + 0.0; /* -0 becomes 0 */
    return end != text && *end == 0 && isfinite(*out);
}

int problem_read_size(uint64_t *out, const char *text) {
    static const struct {
        const char *name;
        double bytes;
    } units[] = {
        {"", 1},         {"B", 1},      {"K", 0x1p10},   {"k", 0x1p10},
        {"KiB", 0x1p10}, {"kB", 1e3},   {"KB", 1e3},     {"M", 0x1p20},
        {"MiB", 0x1p20}, {"MB", 1e6},   {"G", 0x1p30},   {"GiB", 0x1p30},
        {"GB", 1e9},     {"T", 0x1p40}, {"TiB", 0x1p40}, {"TB", 1e12},
    };
    char digits[32];
    size_t length = strspn(text, "0123456789.");
    double number = 0;
    if (length == 0 || length >= sizeof digits) {
        return 0;
    }
    (void)snprintf(digits, sizeof digits, "%.*s", (int)length, text);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(units[i].name, text + length) != 0) {
            continue;
        }
        if (units[i].bytes == 1) {
            return read_digits(out, digits) && *out <= INT64_MAX; /* doubles end at 2^53 */
        }
        if (!problem_read_number(&number, digits) || number * units[i].bytes >= 0x1p63) {
            return 0;
        }
        *out = (uint64_t)(number * units[i].bytes);
        return 1;
    }
    return 0;
}

static int read_integer(int64_t *out, const problem_key *key, const char *value,
                        problem_error *error) {
    uint64_t number = 0;
    if (!read_digits(&number, value) || number < (uint64_t)key->min ||
        number > (uint64_t)key->max) {
        return problem_refuse(error, "%s=%.40s: needs a whole number from %" PRId64 " to %" PRId64,
                              key->name, value, key->min, key->max);
    }
    *out = (int64_t)number;
    return 1;
}

static int set_integer(problem *out, const problem_key *key, const char *value,
                       problem_error *error) {
    return read_integer(field_of(out, key), key, value, error);
}

static void print_integer(const problem *from, const problem_key *key, char *text, size_t size) {
    (void)snprintf(text, size, "%" PRId64, *(const int64_t *)field_in(from, key));
}

static int read_real(double *out, const problem_key *key, const char *value, problem_error *error) {
    double number = 0;
    if (!problem_read_number(&number, value) || number < (double)key->min ||
        number > (double)key->max) {
        return problem_refuse(error, "%s=%.40s: needs a number from %lld to 1e6", key->name, value,
                              (long long)key->min);
    }
    *out = number;
    return 1;
}

static int set_float(problem *out, const problem_key *key, const char *value,
                     problem_error *error) {
    double number = 0;
    int is_read = read_real(&number, key, value, error);
    if (is_read) {
        *(float *)field_of(out, key) = (float)number;
    }
    return is_read;
}

/* The fewest digits that are read back as the same number. */
static void print_float(const problem *from, const problem_key *key, char *text, size_t size) {
    float number = *(const float *)field_in(from, key);
    for (int digits = 1; digits <= 9; digits++) {
        (void)snprintf(text, size, "%.*g", digits, (double)number);
        if (strtof(text, NULL) == number) {
            break;
        }
    }
}

static int set_double(problem *out, const problem_key *key, const char *value,
                      problem_error *error) {
    return read_real(field_of(out, key), key, value, error);
}

static void print_double(const problem *from, const problem_key *key, char *text, size_t size) {
    double number = *(const double *)field_in(from, key);
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, size, "%.*g", digits, number);
        if (strtod(text, NULL) == number) {
            break;
        }
    }
}

static int set_seed(problem *out, const problem_key *key, const char *value, problem_error *error) {
    if (!read_digits(field_of(out, key), value)) {
        return problem_refuse(error, "%s=%.40s: needs a whole number from 0 to %" PRIu64, key->name,
                              value, UINT64_MAX);
    }
    return 1;
}

static void print_unsigned(const problem *from, const problem_key *key, char *text, size_t size) {
    (void)snprintf(text, size, "%" PRIu64, *(const uint64_t *)field_in(from, key));
}

static int set_size(problem *out, const problem_key *key, const char *value, problem_error *error) {
    if (!problem_read_size(field_of(out, key), value)) {
        return problem_refuse(error, "%s=%.40s: needs bytes, such as 1048576, 64M or 1.5GiB",
                              key->name, value);
    }
    return 1;
}

/* ---- words ----------------------------------------------------------------------------------- */

static size_t count_words(const problem_key *key) {
    size_t count = 0;
    while (count < PROBLEM_MAX_WORDS && key->words[count] != NULL) {
        count++;
    }
    return count;
}

static int read_word(int64_t *out, const problem_key *key, const char *value,
                     problem_error *error) {
    size_t count = count_words(key);
    char list[96] = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(key->words[i], value) == 0) {
            *out = (int64_t)i;
            return 1;
        }
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", key->words[i]);
    }
    if (key->alias != NULL && strcmp(key->alias, value) == 0) {
        *out = (int64_t)count - 1;
        return 1;
    }
    (void)problem_refuse(error, "%s=%.40s: must be one of %s", key->name, value, list);
    const char *nearest = suggest_nearest(value, key->words, count);
    if (nearest != NULL) {
        (void)snprintf(error->hint, sizeof error->hint, "did you mean %s=%s?", key->name, nearest);
    }
    return 0;
}

static int set_word(problem *out, const problem_key *key, const char *value, problem_error *error) {
    return read_word(field_of(out, key), key, value, error);
}

static void print_word(const problem *from, const problem_key *key, char *text, size_t size) {
    (void)snprintf(text, size, "%s", key->words[*(const int64_t *)field_in(from, key)]);
}

static int set_name(problem *out, const problem_key *key, const char *value, problem_error *error) {
    const char *allowed = "abcdefghijklmnopqrstuvwxyz0123456789/-_";
    size_t length = strlen(value);
    if (length == 0 || length >= sizeof out->algorithm || strspn(value, allowed) != length) {
        return problem_refuse(error, "%s=%.40s: needs a name such as single/panel, or auto",
                              key->name, value);
    }
    (void)snprintf(field_of(out, key), sizeof out->algorithm, "%s",
                   strcmp(value, "auto") == 0 ? "" : value);
    return 1;
}

static void print_name(const problem *from, const problem_key *key, char *text, size_t size) {
    const char *name = field_in(from, key);
    (void)snprintf(text, size, "%s", name[0] != 0 ? name : "auto");
}

/* ---- lists ----------------------------------------------------------------------------------- */

static int set_list(problem *out, const problem_key *key, const char *value, problem_error *error) {
    problem_list list = {0};
    char copy[PROBLEM_MAX_TEXT];
    char *item = copy;
    (void)snprintf(copy, sizeof copy, "%s", value);
    for (char *next = copy; next != NULL; item = next) {
        next = strchr(item, '+');
        if (next != NULL) {
            *next++ = 0;
        }
        if (list.count == PROBLEM_MAX_LAYERS) {
            return problem_refuse(error, "%s has more than %d entries", key->name,
                                  PROBLEM_MAX_LAYERS);
        }
        int64_t *entry = &list.values[list.count++];
        int is_read = key->kind == KEY_WORDS ? read_word(entry, key, item, error)
                                             : read_integer(entry, key, item, error);
        if (!is_read) {
            return 0;
        }
    }
    *(problem_list *)field_of(out, key) = list;
    return 1;
}

static void print_list(const problem *from, const problem_key *key, char *text, size_t size) {
    const problem_list *list = field_in(from, key);
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < list->count && used < size; i++) {
        int64_t value = list->values[i];
        const char *joint = i > 0 ? "+" : "";
        int length = key->kind == KEY_WORDS
                         ? snprintf(text + used, size - used, "%s%s", joint, key->words[value])
                         : snprintf(text + used, size - used, "%s%" PRId64, joint, value);
        used += length > 0 ? (size_t)length : 0;
    }
}

static int set_acts(problem *out, const problem_key *key, const char *value, problem_error *error) {
    return problem_acts_read(field_of(out, key), key->name, value, error);
}

static void print_acts(const problem *from, const problem_key *key, char *text, size_t size) {
    problem_acts_print(field_in(from, key), text, size);
}

/* ---- kinds ----------------------------------------------------------------------------------- */

static const struct {
    int (*read)(problem *out, const problem_key *key, const char *value, problem_error *error);
    void (*print)(const problem *from, const problem_key *key, char *text, size_t size);
} kinds[KEY_KINDS] = {
    [KEY_WORD] = {set_word, print_word},          [KEY_WORDS] = {set_list, print_list},
    [KEY_INTEGER] = {set_integer, print_integer}, [KEY_INTEGERS] = {set_list, print_list},
    [KEY_FLOAT] = {set_float, print_float},       [KEY_DOUBLE] = {set_double, print_double},
    [KEY_SEED] = {set_seed, print_unsigned},      [KEY_SIZE] = {set_size, print_unsigned},
    [KEY_NAME] = {set_name, print_name},          [KEY_ACTS] = {set_acts, print_acts},
};

int problem_value_read(problem *out, const problem_key *key, const char *value,
                       problem_error *error) {
    return kinds[key->kind].read(out, key, value, error);
}

void problem_value_print(const problem *from, const problem_key *key, char *text, size_t size) {
    kinds[key->kind].print(from, key, text, size);
}
