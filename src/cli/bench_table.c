/* bench_table.c: see bench_table.h. A row is a JSON object first; the other formats print that. */
#include "cli/bench_table.h"

#include "cli/bench_old.h"
#include "cli/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- a row ----------------------------------------------------------------------------------- */

/* The value of a key in a problem's text: a number, or the text where layers differ. */
static json_t *key_json(const char *problem_text, const char *key) {
    const size_t length = strlen(key);
    const char *at = problem_text;
    while (strncmp(at, key, length) != 0 || at[length] != '=') {
        at = strchr(at, ',');
        if (at == NULL) {
            return json_null();
        }
        at++;
    }
    at += length + 1;
    const size_t size = strcspn(at, ",");
    return strspn(at, "0123456789") == size ? json_integer(strtoll(at, NULL, 10))
                                            : json_stringn(at, size);
}

static json_t *direction_json(const problem *task) {
    static const char *const names[] = {"forward", "reverse", "bidirectional"};
    char text[PROBLEM_MAX_LAYERS * 16] = "";
    size_t used = 0;
    for (int i = 0; i < task->direction.count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", i > 0 ? "+" : "",
                                 names[task->direction.values[i]]);
    }
    return json_string(text);
}

static json_t *row_json(const bench_row *row) {
    json_t *object =
        json_pack("{s:o,s:o,s:o,s:o,s:o,s:I,s:o,s:s,s:s,s:o,s:i}", "cell",
                  key_json(row->text, "cell"), "steps", key_json(row->text, "T"), "batch",
                  key_json(row->text, "N"), "inputs", key_json(row->text, "I"), "hidden",
                  key_json(row->text, "H"), "layers", (json_int_t)row->task->layers, "direction",
                  direction_json(row->task), "engine", row->engine, "algorithm", row->algorithm,
                  "device", report_json_text(row->device), "runs", row->runs);
    json_t *numbers = json_pack(
        "{s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:s,s:s}", "median_us",
        report_json_number(row->median_us), "min_us", report_json_number(row->min_us), "p90_us",
        report_json_number(row->p90_us), "p99_us", report_json_number(row->p99_us), "gflops",
        report_json_number(row->gflops), "projection_us", report_json_number(row->projection_us),
        "recurrence_us", report_json_number(row->recurrence_us), "transfer_us",
        report_json_number(row->transfer_us), "peak_fraction",
        report_json_number(row->peak_fraction), "runs_on", row->runs_on, "asked", row->asked,
        "problem", row->text);
    (void)json_object_update(object, numbers);
    json_decref(numbers);
    return object;
}

/* What the earlier run says of the case: old_median_us and old_to_new, null where it has it not. */
static int compare(bench_table *table, json_t *row) {
    char *key = bench_old_key(row);
    if (key == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    const json_t *before = json_object_get(json_object_get(table->old, key), "median_us");
    if (before == NULL) {
        report_note("%s: has no %s", table->old_path, key);
        (void)json_object_set_new(row, "old_median_us", json_null());
        (void)json_object_set_new(row, "old_to_new", json_null());
    } else {
        const double old = json_number_value(before);
        const double now = json_number_value(json_object_get(row, "median_us"));
        (void)json_object_set_new(row, "old_median_us", report_json_number(old));
        (void)json_object_set_new(row, "old_to_new", report_json_number(old / now));
        (void)json_object_del(table->old, key);
    }
    free(key);
    return REPORT_FINE;
}

/* ---- the header ------------------------------------------------------------------------------ */

static json_t *commit_json(void) {
    const char *line = strstr(clrnn_build_info(), "commit:");
    if (line == NULL) {
        return json_string("unknown");
    }
    line += strlen("commit:");
    line += strspn(line, " ");
    return json_stringn(line, strcspn(line, "\n"));
}

static json_t *header_json(const bench_engines *engines) {
    static const char *const names[2] = {"opencl", "cpu"};
    const clrnn_device_info *device = bench_engines_device(engines);
    char date[32] = "";
    const time_t now = time(NULL);
    struct tm parts;
    if (gmtime_r(&now, &parts) != NULL) {
        (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &parts);
    }
    json_t *peaks = json_object();
    for (int i = 0; i < 2; i++) {
        if (engines->is_measured[i]) {
            (void)json_object_set_new(peaks, names[i], bench_peak_json(&engines->peaks[i]));
        }
    }
    return json_pack("{s:s,s:o,s:s,s:o,s:o,s:o,s:o}", "version", clrnn_version(), "commit",
                     commit_json(), "date", date, "device",
                     report_json_text(device != NULL ? device->name : "none"), "driver",
                     report_json_text(device != NULL ? device->driver : ""), "platform",
                     report_json_text(device != NULL ? device->platform_name : ""), "peaks", peaks);
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static void print_peaks(const json_t *peaks) {
    const char *name;
    json_t *peak;
    json_object_foreach((json_t *)peaks, name, peak) {
        size_t i;
        json_t *level;
        (void)printf("peak of %s: %.1f GFLOP/s; GB/s of", name,
                     json_number_value(json_object_get(peak, "gflops")));
        json_array_foreach(json_object_get(peak, "bandwidth"), i, level) {
            (void)printf(" %lld KiB %.1f%s",
                         (long long)json_integer_value(json_object_get(level, "bytes")) / 1024,
                         json_number_value(json_object_get(level, "gb_s")),
                         i + 1 < BENCH_LEVELS ? "," : "");
        }
        (void)printf("\n\n");
    }
}

/* ---- formats --------------------------------------------------------------------------------- */

/* Columns of CSV, in this order; the last two where an earlier run is compared with. */
static const char *const columns[] = {
    "cell",    "steps",         "batch",         "inputs",        "hidden",
    "layers",  "direction",     "engine",        "algorithm",     "device",
    "runs",    "median_us",     "min_us",        "p90_us",        "p99_us",
    "gflops",  "projection_us", "recurrence_us", "transfer_us",   "peak_fraction",
    "runs_on", "asked",         "problem",       "old_median_us", "old_to_new"};
enum { NUM_COLUMNS = sizeof columns / sizeof columns[0], NUM_OLD = 2 };

static void print_csv_text(const char *text) {
    if (strpbrk(text, ",\"\n") == NULL) {
        (void)printf("%s", text);
        return;
    }
    (void)putchar('"');
    for (; *text != 0; text++) {
        (void)printf(*text == '"' ? "\"\"" : "%c", *text);
    }
    (void)putchar('"');
}

static void print_csv(const bench_table *table, const json_t *row) {
    const int count = NUM_COLUMNS - (table->old == NULL ? NUM_OLD : 0);
    for (int i = 0; i < count; i++) {
        const json_t *value = row != NULL ? json_object_get(row, columns[i]) : NULL;
        (void)printf("%s", i > 0 ? "," : "");
        if (row == NULL) {
            (void)printf("%s", columns[i]);
        } else if (json_is_integer(value)) {
            (void)printf("%lld", (long long)json_integer_value(value));
        } else if (json_is_real(value)) {
            (void)printf("%.6g", json_real_value(value));
        } else if (json_is_string(value)) {
            print_csv_text(json_string_value(value));
        }
    }
    (void)putchar('\n');
}

static void print_md_header(const bench_table *table) {
    const json_t *header = table->header;
    const char *platform = text_of(header, "platform");
    (void)printf("clrnn %s (%s), %s, %s%sdriver %s, %s\n\n", text_of(header, "version"),
                 text_of(header, "commit"), text_of(header, "device"), platform,
                 platform[0] != 0 ? ", " : "", text_of(header, "driver"), text_of(header, "date"));
    print_peaks(json_object_get(header, "peaks"));
    (void)printf("| %-40s | %-12s | %-14s | %10s | %10s | %10s | %10s | %5s | %8s | %10s | %10s | "
                 "%8s | %5s |",
                 "case", "engine", "algorithm", "median us", "min us", "p90 us", "p99 us", "runs",
                 "GFLOP/s", "projection", "recurrence", "transfer", "peak");
    (void)printf("%s\n|", table->old != NULL ? "     old us | old/new |" : "");
    for (int i = 0; i < 13 + (table->old != NULL ? NUM_OLD : 0); i++) {
        (void)printf(i < 3 ? " --- |" : " ---: |");
    }
    (void)putchar('\n');
}

/* A number of a row; '-' where it is null. */
static void print_md_number(const json_t *row, const char *key, int width, int digits) {
    const json_t *value = json_object_get(row, key);
    if (json_is_number(value)) {
        (void)printf(" %*.*f |", width, digits, json_number_value(value));
    } else {
        (void)printf(" %*s |", width, "-");
    }
}

static void print_md(const bench_table *table, const json_t *row) {
    char engine[48];
    const char *asked = text_of(row, "engine");
    const char *ran = text_of(row, "runs_on");
    (void)snprintf(engine, sizeof engine, "%s%s%s", asked, strcmp(asked, ran) == 0 ? "" : ": ",
                   strcmp(asked, ran) == 0 ? "" : ran);
    (void)printf("| %-40s | %-12s | %-14s |", text_of(row, "problem"), engine,
                 text_of(row, "algorithm"));
    print_md_number(row, "median_us", 10, 1);
    print_md_number(row, "min_us", 10, 1);
    print_md_number(row, "p90_us", 10, 1);
    print_md_number(row, "p99_us", 10, 1);
    print_md_number(row, "runs", 5, 0);
    print_md_number(row, "gflops", 8, 2);
    print_md_number(row, "projection_us", 10, 1);
    print_md_number(row, "recurrence_us", 10, 1);
    print_md_number(row, "transfer_us", 8, 1);
    print_md_number(row, "peak_fraction", 5, 2);
    if (table->old != NULL) {
        print_md_number(row, "old_median_us", 10, 1);
        print_md_number(row, "old_to_new", 7, 2);
    }
    (void)putchar('\n');
}

static int print_line(const json_t *value) {
    if (value == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    (void)json_dumpf(value, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    (void)putchar('\n');
    return REPORT_FINE;
}

/* ---- the table ------------------------------------------------------------------------------- */

int bench_table_begin(bench_table *table, const bench_engines *engines) {
    int code = REPORT_FINE;
    table->header = header_json(engines);
    table->rows = json_array();
    const char *before = text_of(table->old_header, "device");
    if (before[0] != 0 && strcmp(before, text_of(table->header, "device")) != 0) {
        report_note("%s: was measured on %s, this is %s", table->old_path, before,
                    text_of(table->header, "device"));
    }
    switch (table->format) {
    case BENCH_MD:
        print_md_header(table);
        break;
    case BENCH_CSV:
        print_csv(table, NULL);
        break;
    case BENCH_JSONL:
        code = print_line(table->header);
        break;
    case BENCH_JSON:
        break;
    }
    (void)fflush(stdout);
    return code;
}

int bench_table_row(void *context, const bench_row *one) {
    bench_table *table = context;
    json_t *row = row_json(one);
    int code = row != NULL ? REPORT_FINE : report_fail(REPORT_FAILED, "out of memory");
    if (code == REPORT_FINE && table->old != NULL) {
        code = compare(table, row);
    }
    if (code == REPORT_FINE) {
        report_progress_end();
        table->count++;
        switch (table->format) {
        case BENCH_MD:
            print_md(table, row);
            break;
        case BENCH_CSV:
            print_csv(table, row);
            break;
        case BENCH_JSONL:
            code = print_line(row);
            break;
        case BENCH_JSON:
            (void)json_array_append(table->rows, row);
            break;
        }
        (void)fflush(stdout);
    }
    json_decref(row);
    return code;
}

int bench_table_end(bench_table *table) {
    const char *key;
    json_t *row;
    int code = REPORT_FINE;
    if (table->format == BENCH_JSON) {
        (void)json_object_set(table->header, "cases", table->rows);
        code = report_json(json_incref(table->header));
    }
    if (table->old != NULL) {
        json_object_foreach(table->old, key, row) {
            report_note("%s: %s was not timed this time", table->old_path, key);
        }
    }
    return code;
}

void bench_table_free(bench_table *table) {
    json_decref(table->header);
    json_decref(table->rows);
    json_decref(table->old);
    json_decref(table->old_header);
    table->header = table->rows = table->old = table->old_header = NULL;
}
