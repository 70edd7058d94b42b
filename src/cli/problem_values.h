/* problem_values.h: the kinds of values of a problem's keys: how they are read and printed. */
#ifndef CLRNN_CLI_PROBLEM_VALUES_H
#define CLRNN_CLI_PROBLEM_VALUES_H

#include "cli/problem.h"

enum { PROBLEM_MAX_WORDS = 8 };

typedef enum problem_kind {
    KEY_WORD,
    KEY_WORDS, /* a list */
    KEY_INTEGER,
    KEY_INTEGERS, /* a list */
    KEY_FLOAT,
    KEY_DOUBLE,
    KEY_SEED,
    KEY_SIZE,
    KEY_NAME,
    KEY_ACTS,
    KEY_KINDS
} problem_kind;

/* A row of the table of keys. */
typedef struct problem_key {
    const char *name;
    const char *also; /* what others call it, for suggestions */
    problem_kind kind;
    size_t field;                         /* offset of what the kind takes */
    int64_t min, max;                     /* of numbers */
    const char *words[PROBLEM_MAX_WORDS]; /* value n is word n */
    const char *alias;                    /* another word for the last one */
} problem_key;

/* 1, or 0 with the reason in `error` and `out` unchanged. */
int problem_value_read(problem *out, const problem_key *key, const char *value,
                       problem_error *error);
void problem_value_print(const problem *from, const problem_key *key, char *text, size_t size);

/* Fills in the message, without a hint; gives 0. */
__attribute__((format(printf, 2, 3))) int problem_refuse(problem_error *error, const char *format,
                                                         ...);

/* "hard_sigmoid:0.25:0.5+tanh"; "" is the default. `name` is the key's, for messages. */
int problem_acts_read(problem_acts *out, const char *name, const char *value, problem_error *error);
void problem_acts_print(const problem_acts *from, char *text, size_t size);

/* A plain number without a sign of '+' or hexadecimal digits; 0 if it is none. */
int problem_read_number(double *out, const char *text);
/* Bytes: "1048576", "64K", "1.5GiB", "2MB" (K, M, G, T and KiB ... by 1024, kB ... by 1000);
 * 0 if it is none. */
int problem_read_size(uint64_t *out, const char *text);

#endif
