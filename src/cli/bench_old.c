/* bench_old.c: see bench_old.h. */
#include "cli/bench_old.h"

#include "cli/report.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The problem of a row; of one that names its sizes alone, the string they make. */
static void name_problem(char *out, size_t size, const json_t *row) {
    const char *text = json_string_value(json_object_get(row, "problem"));
    const char *cell = json_string_value(json_object_get(row, "cell"));
    const char *direction = json_string_value(json_object_get(row, "direction"));
    out[0] = 0;
    if (text != NULL) {
        (void)snprintf(out, size, "%s", text);
    } else if (cell != NULL) {
        const json_int_t layers = json_integer_value(json_object_get(row, "layers"));
        const int used = snprintf(out, size, "cell=%s,T=%lld,N=%lld,I=%lld,H=%lld", cell,
                                  (long long)json_integer_value(json_object_get(row, "steps")),
                                  (long long)json_integer_value(json_object_get(row, "batch")),
                                  (long long)json_integer_value(json_object_get(row, "inputs")),
                                  (long long)json_integer_value(json_object_get(row, "hidden")));
        const int more = layers > 1 ? snprintf(out + used, size - (size_t)used, ",layers=%lld",
                                               (long long)layers)
                                    : 0;
        if (direction != NULL && strcmp(direction, "forward") != 0) {
            (void)snprintf(out + used + more, size - (size_t)(used + more), ",dir=%s",
                           direction[0] == 'b' ? "bi" : direction);
        }
    }
}

char *bench_old_key(const json_t *row) {
    enum { SIZE = 5000 };
    char problem[SIZE - 200];
    char *key = NULL;
    const char *engine = json_string_value(json_object_get(row, "engine"));
    const char *asked = json_string_value(json_object_get(row, "asked"));
    name_problem(problem, sizeof problem, row);
    if (problem[0] == 0 || engine == NULL || !json_is_number(json_object_get(row, "median_us"))) {
        return NULL;
    }
    key = malloc(SIZE);
    if (key != NULL) {
        (void)snprintf(key, SIZE, "%s on %.20s, algorithm %.40s", problem, engine,
                       asked != NULL ? asked : "auto");
    }
    return key;
}

static void keep_row(json_t *rows, json_t *row) {
    char *key = bench_old_key(row);
    if (key != NULL) {
        (void)json_object_set(rows, key, row);
    }
    free(key);
}

/* One object of the file: a row, a header, or all of a run. */
static void take_object(json_t *rows, json_t **header, json_t *object) {
    size_t i;
    json_t *row;
    keep_row(rows, object);
    json_array_foreach(json_object_get(object, "cases"), i, row) {
        keep_row(rows, row);
    }
    if (*header == NULL) {
        *header = json_incref(object);
    }
}

/* Moves to the next text; 0 at the end of the file. */
static int has_more(FILE *file) {
    int c = fgetc(file);
    while (c != EOF && isspace(c)) {
        c = fgetc(file);
    }
    return c != EOF && ungetc(c, file) != EOF;
}

int bench_old_load(json_t **rows, json_t **header, const char *path) {
    FILE *file = fopen(path, "rb");
    int code = REPORT_FINE;
    *header = NULL;
    *rows = json_object();
    if (file == NULL) {
        code = report_fail(REPORT_INPUT, "reading %s: cannot be opened: %s", path, strerror(errno));
        goto out;
    }
    while (has_more(file)) {
        json_error_t error;
        json_t *object = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error);
        if (object == NULL) {
            code = report_fail(REPORT_INPUT, "reading %s: is no JSON: %s", path, error.text);
            goto out;
        }
        take_object(*rows, header, object);
        json_decref(object);
    }
    if (json_object_size(*rows) == 0) {
        code = report_fail(
            REPORT_INPUT, "reading %s: needs rows of bench --format json or jsonl, has none", path);
    }
out:
    if (file != NULL) {
        (void)fclose(file);
    }
    if (code != REPORT_FINE) {
        json_decref(*rows);
        json_decref(*header);
        *rows = *header = NULL;
    }
    return code;
}
