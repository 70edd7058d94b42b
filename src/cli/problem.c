/*
 * problem.c: the grammar of problem.h as one table: a row a key, in the order of printing. Reading,
 * printing, refusing and suggesting loop over it; the data of a problem is in generate.c.
 */
#include "cli/problem.h"

#include "cli/suggest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 8

typedef enum key_kind { KEY_WORD, KEY_INTEGER, KEY_GAIN, KEY_SEED, KEY_ALGORITHM } key_kind;

typedef struct key_row {
    const char *name;
    const char *also; /* what others call it, for suggestions */
    key_kind kind;
    size_t field;                 /* offset of an int64_t */
    int64_t min, max;             /* KEY_INTEGER */
    const char *words[MAX_WORDS]; /* KEY_WORD: value n is word n; behind NULL those refused now */
    const char *later;            /* the word that a later version will take */
} key_row;

#define FIELD(name) offsetof(problem, name)
#define MAX_STEPS (INT64_C(1) << 30)
#define MAX_FEATURES (INT64_C(1) << 20)
#define NUM_ALWAYS 5 /* the first keys, which are always printed */

static const key_row keys[] = {
    {.name = "cell",
     .kind = KEY_WORD,
     .field = FIELD(cell),
     .words = {"rnn", "rnn-relu", "lstm", "gru", "gru-before"}},
    {.name = "T",
     .also = "steps",
     .kind = KEY_INTEGER,
     .field = FIELD(steps),
     .min = 1,
     .max = MAX_STEPS},
    {.name = "N",
     .also = "batch",
     .kind = KEY_INTEGER,
     .field = FIELD(batch),
     .min = 1,
     .max = MAX_STEPS},
    {.name = "I",
     .also = "inputs",
     .kind = KEY_INTEGER,
     .field = FIELD(inputs),
     .min = 1,
     .max = MAX_FEATURES},
    {.name = "H",
     .also = "hidden",
     .kind = KEY_INTEGER,
     .field = FIELD(hidden),
     .min = 1,
     .max = MAX_FEATURES},
    {.name = "layers", .kind = KEY_INTEGER, .field = FIELD(layers), .min = 1, .max = 1},
    {.name = "dir",
     .also = "direction",
     .kind = KEY_WORD,
     .field = FIELD(reverse),
     .words = {"forward", "reverse"},
     .later = "bi"},
    {.name = "lengths",
     .kind = KEY_WORD,
     .field = FIELD(lengths),
     .words = {"full", "ragged", "zeros", "ties", "random"}},
    {.name = "start",
     .also = "state",
     .kind = KEY_WORD,
     .field = FIELD(start),
     .words = {"zero", "random"}},
    {.name = "batch-first", .kind = KEY_INTEGER, .field = FIELD(batch_first), .min = 0, .max = 1},
    {.name = "last", .kind = KEY_INTEGER, .field = FIELD(last_only), .min = 0, .max = 1},
    {.name = "gain", .kind = KEY_GAIN, .field = FIELD(gain)},
    {.name = "seed", .kind = KEY_SEED, .field = FIELD(seed)},
    {.name = "engine",
     .kind = KEY_WORD,
     .field = FIELD(engine),
     .words = {"auto", "opencl", "cpu"}},
    {.name = "algorithm", .kind = KEY_ALGORITHM, .field = FIELD(algorithm)},
};
#define NUM_KEYS (sizeof keys / sizeof keys[0])

__attribute__((format(printf, 2, 3))) static int refuse(problem_error *error, const char *format,
                                                        ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error->message, sizeof error->message, format, args);
    va_end(args);
    error->hint[0] = 0;
    return 0;
}

static int64_t *integer_of(problem *from, const key_row *key) {
    return (int64_t *)(void *)((char *)from + key->field);
}

static size_t count_words(const key_row *key) {
    size_t count = 0;
    while (count < MAX_WORDS && key->words[count] != NULL) {
        count++;
    }
    return count;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int set_word(problem *out, const key_row *key, const char *value, problem_error *error) {
    size_t count = count_words(key);
    char list[96] = "";
    for (size_t i = 0; i < count; i++) {
        if (strcmp(key->words[i], value) == 0) {
            *integer_of(out, key) = (int64_t)i;
            return 1;
        }
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", key->words[i]);
    }
    if (key->later != NULL && strncmp(value, key->later, strlen(key->later)) == 0) {
        (void)refuse(error, "%s=%s: this version runs one direction", key->name, value);
    } else {
        (void)refuse(error, "%s=%.40s: must be one of %s", key->name, value, list);
    }
    const char *nearest = suggest_nearest(value, key->words, count);
    if (nearest != NULL) {
        (void)snprintf(error->hint, sizeof error->hint, "did you mean %s=%s?", key->name, nearest);
    }
    return 0;
}

/* Digits alone: strtoull also takes blanks and signs. */
static int read_digits(uint64_t *out, const char *text) {
    char *end = NULL;
    if (text[0] == 0 || strspn(text, "0123456789") != strlen(text)) {
        return 0;
    }
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0;
}

static int set_integer(problem *out, const key_row *key, const char *value, problem_error *error) {
    uint64_t number = 0;
    int is_number = read_digits(&number, value);
    if (is_number && strcmp(key->name, "layers") == 0 && number > 1) {
        return refuse(error, "layers=%" PRIu64 ": this version runs one layer", number);
    }
    if (!is_number || number < (uint64_t)key->min || number > (uint64_t)key->max) {
        return refuse(error, "%s=%.40s: needs a whole number from %" PRId64 " to %" PRId64,
                      key->name, value, key->min, key->max);
    }
    *integer_of(out, key) = (int64_t)number;
    return 1;
}

static int set_gain(problem *out, const char *value, problem_error *error) {
    char *end = NULL;
    int is_plain = value[0] != 0 && strspn(value, "0123456789.eE+-") == strlen(value);
    double gain = is_plain ? strtod(value, &end) : -1;
    if (!is_plain || *end != 0 || !(gain >= 0 && gain <= 1e6)) {
        return refuse(error, "gain=%.40s: needs a number from 0 to 1e6", value);
    }
    out->gain = gain + 0.0; /* -0 becomes 0 */
    return 1;
}

static int set_seed(problem *out, const char *value, problem_error *error) {
    uint64_t seed = 0;
    if (!read_digits(&seed, value)) {
        return refuse(error, "seed=%.40s: needs a whole number from 0 to %" PRIu64, value,
                      UINT64_MAX);
    }
    out->seed = seed;
    return 1;
}

static int set_algorithm(problem *out, const char *value, problem_error *error) {
    const char *allowed = "abcdefghijklmnopqrstuvwxyz0123456789/-_";
    size_t length = strlen(value);
    if (length == 0 || length >= sizeof out->algorithm || strspn(value, allowed) != length) {
        return refuse(error, "algorithm=%.40s: needs a name such as single/panel, or auto", value);
    }
    (void)snprintf(out->algorithm, sizeof out->algorithm, "%s",
                   strcmp(value, "auto") == 0 ? "" : value);
    return 1;
}

static int refuse_key(const char *name, problem_error *error) {
    const char *words[2 * NUM_KEYS];
    const char *meant[2 * NUM_KEYS];
    size_t count = 0;
    for (size_t i = 0; i < NUM_KEYS; i++) {
        words[count] = keys[i].name;
        meant[count++] = keys[i].name;
        if (keys[i].also != NULL) {
            words[count] = keys[i].also;
            meant[count++] = keys[i].name;
        }
    }
    (void)refuse(error, "%.40s: there is no such key", name);
    const char *nearest = suggest_nearest(name, words, count);
    for (size_t i = 0; nearest != NULL && i < count; i++) {
        if (words[i] == nearest) {
            (void)snprintf(error->hint, sizeof error->hint, "did you mean %s?", meant[i]);
        }
    }
    if (nearest == NULL) {
        (void)snprintf(error->hint, sizeof error->hint,
                       "keys are cell, T, N, I, H, layers, dir, lengths, start, batch-first, last, "
                       "gain, seed, engine, algorithm");
    }
    return 0;
}

static const key_row *find_key(const char *name) {
    for (size_t i = 0; i < NUM_KEYS; i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

int problem_set(problem *out, const char *name, const char *value, problem_error *error) {
    const key_row *key = find_key(name);
    if (key == NULL) {
        return refuse_key(name, error);
    }
    switch (key->kind) {
    case KEY_WORD:
        return set_word(out, key, value, error);
    case KEY_INTEGER:
        return set_integer(out, key, value, error);
    case KEY_GAIN:
        return set_gain(out, value, error);
    case KEY_ALGORITHM:
        return set_algorithm(out, value, error);
    case KEY_SEED:
        break;
    }
    return set_seed(out, value, error);
}

int problem_apply(problem *out, const char *text, problem_error *error) {
    problem result = *out;
    char copy[PROBLEM_MAX_TEXT];
    unsigned seen = 0;
    char *item = copy;
    if (strlen(text) >= sizeof copy) {
        return refuse(error, "%zu letters are too many for a problem, at most %zu", strlen(text),
                      sizeof copy - 1);
    }
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *next = copy; next != NULL; item = next) {
        next = strchr(item, ',');
        if (next != NULL) {
            *next++ = 0;
        }
        char *equals = strchr(item, '=');
        if (equals == NULL) {
            (void)refuse(error, "'%.40s' is not key=value", item);
            (void)snprintf(error->hint, sizeof error->hint,
                           "a problem looks like cell=lstm,T=50,N=3,I=40,H=128");
            return 0;
        }
        *equals = 0;
        const key_row *key = find_key(item);
        unsigned bit = key != NULL ? 1u << (unsigned)(key - keys) : 0;
        if ((seen & bit) != 0) {
            return refuse(error, "%s is given twice", item);
        }
        seen |= bit;
        if (!problem_set(&result, item, equals + 1, error)) {
            return 0;
        }
    }
    *out = result;
    return 1;
}

/* ---- whole problems -------------------------------------------------------------------------- */

void problem_init(problem *out) {
    memset(out, 0, sizeof *out);
    out->steps = 50;
    out->batch = 1;
    out->hidden = 128;
    out->layers = 1;
    out->gain = 1;
}

void problem_finish(problem *out) {
    if (out->inputs == 0) {
        out->inputs = out->hidden;
    }
}

int problem_parse(problem *out, const char *text, problem_error *error) {
    problem result;
    problem_init(&result);
    if (!problem_apply(&result, text, error)) {
        return 0;
    }
    problem_finish(&result);
    *out = result;
    return 1;
}

/* The value of a key as it is printed, into `text`. */
static void print_value(const problem *from, const key_row *key, char *text, size_t size) {
    int64_t number = 0;
    switch (key->kind) {
    case KEY_WORD:
    case KEY_INTEGER:
        memcpy(&number, (const char *)from + key->field, sizeof number);
        if (key->kind == KEY_WORD) {
            (void)snprintf(text, size, "%s", key->words[number]);
        } else {
            (void)snprintf(text, size, "%" PRId64, number);
        }
        break;
    case KEY_GAIN:
        for (int digits = 1; digits <= 17; digits++) {
            (void)snprintf(text, size, "%.*g", digits, from->gain);
            if (strtod(text, NULL) == from->gain) {
                break;
            }
        }
        break;
    case KEY_SEED:
        (void)snprintf(text, size, "%" PRIu64, from->seed);
        break;
    case KEY_ALGORITHM:
        (void)snprintf(text, size, "%s", from->algorithm[0] != 0 ? from->algorithm : "auto");
        break;
    }
}

const char *problem_print(const problem *from, char *text, size_t size) {
    problem defaults;
    problem_init(&defaults);
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < NUM_KEYS && used < size; i++) {
        char value[64];
        char ordinary[64];
        print_value(from, &keys[i], value, sizeof value);
        print_value(&defaults, &keys[i], ordinary, sizeof ordinary);
        if (i < NUM_ALWAYS || strcmp(value, ordinary) != 0) {
            int length = snprintf(text + used, size - used, "%s%s=%s", used > 0 ? "," : "",
                                  keys[i].name, value);
            used += length > 0 ? (size_t)length : 0;
        }
    }
    return text;
}

int problem_equal(const problem *a, const problem *b) {
    char a_text[PROBLEM_MAX_TEXT];
    char b_text[PROBLEM_MAX_TEXT];
    return strcmp(problem_print(a, a_text, sizeof a_text),
                  problem_print(b, b_text, sizeof b_text)) == 0;
}
