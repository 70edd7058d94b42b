/*
 * problem_acts.c: lists of activations in a problem: a name of CLRNN_ACT_LIST, or default, and
 * behind ':' its parameters. The table is the public header's, so that nothing of the library needs
 * to be there.
 */
#include "cli/problem_values.h"

#include "cli/suggest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARAMETER 1e6

static const struct {
    clrnn_act kind;
    const char *name;
    int parameters;
} rows[] = {{CLRNN_ACT_DEFAULT, "default", 0},
#define ROW(id, value, name, parameters, alpha, beta) {CLRNN_ACT_##id, name, parameters},
            CLRNN_ACT_LIST(ROW)
#undef ROW
};
enum { NUM_ROWS = sizeof rows / sizeof rows[0] };

static int refuse_name(const char *key, const char *name, problem_error *error) {
    const char *names[NUM_ROWS];
    for (size_t i = 0; i < NUM_ROWS; i++) {
        names[i] = rows[i].name;
    }
    (void)problem_refuse(error, "%s=%.40s: there is no such activation", key, name);
    const char *nearest = suggest_nearest(name, names, NUM_ROWS);
    if (nearest != NULL) {
        (void)snprintf(error->hint, sizeof error->hint, "did you mean %s=%s?", key, nearest);
    } else {
        (void)snprintf(error->hint, sizeof error->hint,
                       "a list looks like sigmoid+tanh or hard_sigmoid:0.25:0.5");
    }
    return 0;
}

/* "name:alpha:beta", which is cut to pieces. */
static int read_one(clrnn_activation *out, const char *key, char *text, problem_error *error) {
    clrnn_activation act = {0};
    float *const parameters[] = {&act.alpha, &act.beta};
    size_t row = 0;
    char *next = strchr(text, ':');
    if (next != NULL) {
        *next++ = 0;
    }
    while (row < NUM_ROWS && strcmp(rows[row].name, text) != 0) {
        row++;
    }
    if (row == NUM_ROWS) {
        return refuse_name(key, text, error);
    }
    act.kind = rows[row].kind;
    while (next != NULL) {
        double number = 0;
        char *value = next;
        next = strchr(value, ':');
        if (next != NULL) {
            *next++ = 0;
        }
        if (act.parameters == rows[row].parameters) {
            return problem_refuse(error, "%s=%s: takes %d parameters, got more", key, text,
                                  act.parameters);
        }
        if (!problem_read_number(&number, value) || fabs(number) > MAX_PARAMETER) {
            return problem_refuse(error, "%s=%s:%.40s: needs a number from -1e6 to 1e6", key, text,
                                  value);
        }
        *parameters[act.parameters++] = (float)number;
    }
    if (act.kind == CLRNN_ACT_CELU && act.parameters > 0 && act.alpha == 0) {
        return problem_refuse(error, "%s=celu:0: x is divided by it", key);
    }
    *out = act;
    return 1;
}

int problem_acts_read(problem_acts *out, const char *name, const char *value,
                      problem_error *error) {
    problem_acts acts = {0};
    char copy[PROBLEM_MAX_TEXT];
    char *item = copy;
    int is_default = 1;
    (void)snprintf(copy, sizeof copy, "%s", value);
    for (char *next = copy; next != NULL; item = next) {
        next = strchr(item, '+');
        if (next != NULL) {
            *next++ = 0;
        }
        if (acts.count == CLRNN_MAX_ACTS) {
            return problem_refuse(error, "%s: no cell has more than %d activations", name,
                                  CLRNN_MAX_ACTS);
        }
        if (!read_one(&acts.list[acts.count], name, item, error)) {
            return 0;
        }
        is_default &= acts.list[acts.count++].kind == CLRNN_ACT_DEFAULT;
    }
    if (is_default) {
        memset(&acts, 0, sizeof acts);
    }
    *out = acts;
    return 1;
}

/* ":0.25", the fewest digits that are read back as the same number; without the '+' of an exponent,
 * which would end the entry. */
static void print_parameter(float value, char text[24]) {
    for (int digits = 1; digits <= 9; digits++) {
        (void)snprintf(text, 24, ":%.*g", digits, (double)value);
        if (strtof(text + 1, NULL) == value) {
            break;
        }
    }
    char *plus = strchr(text, '+');
    if (plus != NULL) {
        memmove(plus, plus + 1, strlen(plus));
    }
}

void problem_acts_print(const problem_acts *from, char *text, size_t size) {
    size_t used = 0;
    (void)snprintf(text, size, "default");
    for (int i = 0; i < from->count && used < size; i++) {
        const clrnn_activation *act = &from->list[i];
        char alpha[24] = "";
        char beta[24] = "";
        size_t row = 0;
        while (row + 1 < NUM_ROWS && rows[row].kind != act->kind) {
            row++;
        }
        if (act->parameters > 0) {
            print_parameter(act->alpha, alpha);
        }
        if (act->parameters > 1) {
            print_parameter(act->beta, beta);
        }
        int length = snprintf(text + used, size - used, "%s%s%s%s", i > 0 ? "+" : "",
                              rows[row].name, alpha, beta);
        used += length > 0 ? (size_t)length : 0;
    }
}
