/* selftest_print.c: the selftest's object as a table of at most 100 columns. */
#include "cli/selftest.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 100, LABEL = 14, NAMES_MOST = 64, FAILURES_MOST = 12 };

/* ---- helpers --------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static double number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static int is(const json_t *row, const char *key, const char *text) {
    return strcmp(text_of(row, key), text) == 0;
}

/* A label and a text beside it, broken at blanks or behind commas. */
static void print_text(const char *label, const char *text) {
    char line[1024];
    const int room = COLUMNS - LABEL - 1;
    const char *at = report_escape(line, sizeof line, text);
    do {
        int length = (int)strlen(at);
        if (length > room) {
            length = room;
            while (length > room / 2 && at[length] != ' ' && at[length - 1] != ',') {
                length--;
            }
            length = length > room / 2 ? length : room;
        }
        (void)printf("%-*s %.*s\n", LABEL, label, length, at);
        at += length;
        at += strspn(at, " ");
        label = "";
    } while (at[0] != 0);
}

static void print_title(const char *title, const char *note) {
    (void)printf("\n%s%s%s%s%s\n", report_bold(), title, report_plain(), note[0] != 0 ? ": " : "",
                 note);
}

static const char *size_text(double bytes, char text[32]) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    while (bytes >= 1024 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    (void)snprintf(text, 32, "%.4g %s", bytes, units[unit]);
    return text;
}

static const char *yes(const json_t *object, const char *key) {
    return json_is_true(json_object_get(object, key)) ? "yes" : "no";
}

/* The words of a list, those alone that begin as one of `wanted` (NULL: all); returns text. */
static const char *join(const json_t *list, const char *const *wanted, char *text, size_t size) {
    size_t i = 0;
    size_t used = 0;
    const json_t *word;
    text[0] = 0;
    json_array_foreach(list, i, word) {
        int is_wanted = wanted == NULL;
        char number[32];
        const char *name = json_string_value(word);
        if (name == NULL) {
            (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(word));
            name = number;
        }
        for (int k = 0; wanted != NULL && wanted[k] != NULL; k++) {
            is_wanted |= strncmp(name, wanted[k], strlen(wanted[k])) == 0;
        }
        if (is_wanted && used + strlen(name) + 2 < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used > 0 ? " " : "", name);
        }
    }
    return text;
}

/* ---- the device ------------------------------------------------------------------------------ */

static void print_sizes(const json_t *device) {
    char line[256];
    char a[32];
    char b[32];
    char c[32];
    (void)snprintf(line, sizeof line, "%s, largest array %s, cache %s, %s memory",
                   size_text(number_of(device, "global_memory"), a),
                   size_text(number_of(device, "max_alloc"), b),
                   size_text(number_of(device, "cache_bytes"), c),
                   json_is_true(json_object_get(device, "unified_memory")) ? "unified" : "its own");
    print_text("memory", line);
    (void)snprintf(line, sizeof line, "%.0f items, local memory %s (%s)",
                   number_of(device, "max_group_size"),
                   size_text(number_of(device, "local_memory"), a),
                   number_of(device, "local_memory_type") == 1 ? "its own" : "of global memory");
    print_text("group", line);
}

void selftest_print_device(const json_t *root) {
    /* what the library uses, or a maintainer asks for */
    static const char *const wanted[] = {"cl_khr_fp",
                                         "cl_khr_subgroups",
                                         "cl_khr_int64",
                                         "cl_khr_global_int32_base",
                                         "cl_intel_sub",
                                         "cl_intel_required_subgroup",
                                         "cl_nv_",
                                         "cl_amd_",
                                         "cl_khr_command",
                                         "cl_khr_integer_dot",
                                         "cl_arm_",
                                         "cl_qcom_",
                                         "cl_khr_spir",
                                         "cl_khr_il_program",
                                         NULL};
    const json_t *device = json_object_get(root, "device");
    const json_t *build = json_object_get(root, "build");
    char line[1024];
    char words[900];
    (void)printf("%sclrnn %s%s\n", report_bold(), text_of(root, "version"), report_plain());
    (void)snprintf(line, sizeof line, "%s, CLBlast %s, formats %s", text_of(build, "commit"),
                   text_of(build, "clblast"), text_of(build, "formats"));
    print_text("commit", line);
    if (!json_is_object(device)) {
        return;
    }
    print_text("host", text_of(device, "host"));
    (void)snprintf(line, sizeof line, "%s (%s %s, index %.0f)", text_of(device, "name"),
                   text_of(device, "vendor"), text_of(device, "type"), number_of(device, "index"));
    print_text("device", line);
    if (json_array_size(json_object_get(device, "others")) > 0) {
        print_text("others", join(json_object_get(device, "others"), NULL, words, sizeof words));
    }
    (void)snprintf(line, sizeof line, "%s, driver %s", text_of(device, "platform_name"),
                   text_of(device, "driver"));
    print_text("platform", line);
    (void)snprintf(line, sizeof line, "%s; %s; loader %s", text_of(device, "version"),
                   text_of(device, "opencl_c"), text_of(device, "icd_loader"));
    print_text("OpenCL", line);
    (void)snprintf(line, sizeof line,
                   "%.0f at %.0f MHz, vectors of %.0f floats, %.0f-bit addresses",
                   number_of(device, "compute_units"), number_of(device, "clock_mhz"),
                   number_of(device, "vector_width"), number_of(device, "address_bits"));
    print_text("compute units", line);
    print_sizes(device);
    (void)snprintf(line, sizeof line, "fp16 %s, fp64 %s; float32 claims %s", yes(device, "fp16"),
                   yes(device, "fp64"),
                   join(json_object_get(device, "claims"), NULL, words, sizeof words));
    print_text("arithmetic", line);
    print_text("extensions",
               join(json_object_get(device, "extensions"), wanted, words, sizeof words));
}

/* ---- probes ---------------------------------------------------------------------------------- */

void selftest_print_probes(const json_t *root) {
    size_t i = 0;
    const json_t *row;
    print_title("arithmetic", "seen by kernels on the device");
    json_array_foreach(json_object_get(root, "probes"), i, row) {
        char line[700];
        const int is_bad = is(row, "status", SELFTEST_WRONG) || is(row, "status", SELFTEST_ERROR);
        (void)snprintf(line, sizeof line, "%s%s%s", is_bad ? text_of(row, "status") : "",
                       is_bad ? ": " : "", text_of(row, "message"));
        print_text(text_of(row, "name"), line);
    }
}

/* ---- known answers --------------------------------------------------------------------------- */

/* One line: the rows of a cell by an algorithm. */
typedef struct answers_line {
    char cell[24];
    char algorithm[32];
    int fine, tried, same, compared, unpromised;
    double worst;        /* ratio */
    const char *refused; /* the last reason, of all or of --strict; or NULL */
    const char *why;
    const char *how; /* what the last one that is not fine is */
} answers_line;

static answers_line *find_line(answers_line *lines, int *count, const json_t *row) {
    const char *task = text_of(row, "problem");
    answers_line wanted = {.worst = -1};
    char cell[64];
    task += strncmp(task, "cell=", 5) == 0 ? 5 : 0;
    (void)snprintf(cell, sizeof cell, "%.*s", (int)strcspn(task, ","), task);
    report_escape(wanted.cell, sizeof wanted.cell, cell);
    report_escape(wanted.algorithm, sizeof wanted.algorithm, text_of(row, "algorithm"));
    for (int i = 0; i < *count; i++) {
        if (strcmp(lines[i].cell, wanted.cell) == 0 &&
            strcmp(lines[i].algorithm, wanted.algorithm) == 0) {
            return &lines[i];
        }
    }
    if (*count == NAMES_MOST) {
        return &lines[NAMES_MOST - 1];
    }
    lines[*count] = wanted;
    return &lines[(*count)++];
}

static void add_row(answers_line *line, const json_t *row) {
    const double ratio = number_of(row, "ratio");
    if (is(row, "status", SELFTEST_REFUSED)) {
        line->refused = text_of(row, "message");
        return;
    }
    line->tried++;
    line->fine += is(row, "status", SELFTEST_FINE);
    line->how = is(row, "status", SELFTEST_FINE) ? line->how : text_of(row, "status");
    line->worst = ratio > line->worst ? ratio : line->worst;
    line->compared += is(row, "bits", "same") || is(row, "bits", "differ");
    line->same += is(row, "bits", "same");
    if (is(row, "bits", "not promised")) {
        line->unpromised++;
        line->why = text_of(row, "why");
    }
}

static void print_line(const answers_line *line) {
    char text[400] = "";
    int used = 0;
    if (line->tried == 0) {
        used = snprintf(text, sizeof text, "refused: ");
        report_escape(text + used, sizeof text - (size_t)used, line->refused);
        (void)printf("%-10.10s  %-16.16s  %.*s\n", line->cell, line->algorithm, COLUMNS - 30, text);
        return;
    }
    if (line->compared > 0) {
        used = snprintf(text, sizeof text, "bits of the cpu engine: %d of %d", line->same,
                        line->compared);
    }
    if (line->unpromised > 0) {
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%d not promised",
                         used > 0 ? ", " : "bits: ", line->unpromised);
    }
    if (line->refused != NULL) {
        (void)snprintf(text + used, sizeof text - (size_t)used, "%sother shapes refused",
                       used > 0 ? "; " : "");
    }
    char bad[32] = "";
    char ratio[32] = "-";
    if (line->fine < line->tried) {
        (void)snprintf(bad, sizeof bad, "  FAILED: %s", line->how);
    }
    if (line->worst >= 0) {
        (void)snprintf(ratio, sizeof ratio, "%.3f", line->worst);
    }
    (void)printf("%-10.10s  %-16.16s  %2d of %-2d  %6s%s%s%.*s\n", line->cell, line->algorithm,
                 line->fine, line->tried, ratio, bad, text[0] != 0 ? "  " : "",
                 COLUMNS - 48 - (int)strlen(bad), text);
}

void selftest_print_answers(const json_t *root) {
    static answers_line lines[NAMES_MOST];
    const json_t *row;
    size_t i = 0;
    int count = 0;
    const char *why = NULL;
    print_title("known answers", "residual / bound at worst (1 is the limit), and the bits under "
                                 "--strict");
    json_array_foreach(json_object_get(root, "answers"), i, row) {
        add_row(find_line(lines, &count, row), row);
    }
    for (int k = 0; k < count; k++) {
        print_line(&lines[k]);
        why = lines[k].why != NULL ? lines[k].why : why;
    }
    if (why != NULL) {
        print_text("not promised", why);
    }
}

/* ---- times ----------------------------------------------------------------------------------- */

enum { HIDDEN_MOST = 8 };

static void print_speeds(const json_t *root) {
    size_t i = 0;
    const json_t *row;
    json_array_foreach(json_object_get(root, "speeds"), i, row) {
        char line[700];
        if (!is(row, "status", SELFTEST_FINE)) {
            (void)snprintf(line, sizeof line, "%s", text_of(row, "message"));
        } else if (is(row, "name", "launch")) {
            (void)snprintf(line, sizeof line, "%.3g us behind others, %.3g us if waited for",
                           number_of(row, "us"), number_of(row, "waited_us"));
        } else {
            (void)snprintf(line, sizeof line, "%.3g us of %.0f items", number_of(row, "us"),
                           number_of(row, "items"));
        }
        print_text(text_of(row, "name"), line);
    }
}

/* The sizes that were timed, rising as they stand. */
static int list_hidden(int hidden[HIDDEN_MOST], const json_t *rows) {
    size_t i = 0;
    int count = 0;
    const json_t *row;
    json_array_foreach(rows, i, row) {
        const int size = (int)number_of(row, "hidden");
        int k = 0;
        while (k < count && hidden[k] != size) {
            k++;
        }
        if (k == count && count < HIDDEN_MOST) {
            hidden[count++] = size;
        }
    }
    return count;
}

static void print_time(const json_t *rows, const json_t *like, int hidden) {
    size_t i = 0;
    const json_t *row;
    json_array_foreach(rows, i, row) {
        if (is(row, "cell", text_of(like, "cell")) &&
            is(row, "algorithm", text_of(like, "algorithm")) &&
            (int)number_of(row, "hidden") == hidden) {
            if (is(row, "status", SELFTEST_FINE)) {
                (void)printf(" %9.4g", number_of(row, "step_us"));
            } else {
                (void)printf(" %9s", text_of(row, "status"));
            }
            return;
        }
    }
    (void)printf(" %9s", "-");
}

/* Is it the first row of its cell and algorithm? */
static int is_first(const json_t *rows, size_t at) {
    const json_t *row = json_array_get(rows, at);
    for (size_t i = 0; i < at; i++) {
        const json_t *other = json_array_get(rows, i);
        if (is(other, "cell", text_of(row, "cell")) &&
            is(other, "algorithm", text_of(row, "algorithm"))) {
            return 0;
        }
    }
    return 1;
}

void selftest_print_times(const json_t *root) {
    const json_t *rows = json_object_get(root, "times");
    int hidden[HIDDEN_MOST];
    const int sizes = list_hidden(hidden, rows);
    print_title("times", "us a step of the recurrence at H, one row");
    print_speeds(root);
    (void)printf("%-6s %-18s", "cell", "algorithm");
    for (int k = 0; k < sizes; k++) {
        (void)printf(" %9d", hidden[k]);
    }
    (void)printf("\n");
    for (int lstm = 0; lstm < 2; lstm++) {
        for (size_t i = 0; i < json_array_size(rows); i++) {
            const json_t *row = json_array_get(rows, i);
            if (is(row, "cell", "lstm") == lstm && is_first(rows, i)) {
                (void)printf("%-6s %-18.18s", text_of(row, "cell"), text_of(row, "algorithm"));
                for (int k = 0; k < sizes; k++) {
                    print_time(rows, row, hidden[k]);
                }
                (void)printf("\n");
            }
        }
    }
}

/* ---- the verdict ----------------------------------------------------------------------------- */

/* How many from `from` on went wrong alike. */
static int count_alike(const json_t *failures, const json_t *one, size_t from, size_t end) {
    int count = 0;
    for (size_t i = from; i < end; i++) {
        const json_t *other = json_array_get(failures, i);
        count +=
            is(other, "how", text_of(one, "how")) && is(other, "message", text_of(one, "message"));
    }
    return count;
}

/* The first of each kind. */
static void print_failures(const json_t *failures) {
    const size_t count = json_array_size(failures);
    int kinds = 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(failures, i);
        const int more = count_alike(failures, one, i + 1, count);
        char line[1000];
        if (count_alike(failures, one, 0, i) > 0) {
            continue;
        }
        if (kinds++ == FAILURES_MOST) {
            print_text("", "and more: --json lists all");
            break;
        }
        const int used = snprintf(line, sizeof line, "%.180s: %.600s", text_of(one, "test"),
                                  text_of(one, "message"));
        if (more > 0) {
            (void)snprintf(line + used, sizeof line - (size_t)used, " (and %d more alike)", more);
        }
        print_text(text_of(one, "how"), line);
    }
}

/* Rows but for refusals. */
static int count_tests(const json_t *rows) {
    size_t i = 0;
    int count = 0;
    const json_t *row;
    json_array_foreach(rows, i, row) {
        count += !is(row, "status", SELFTEST_REFUSED);
    }
    return count;
}

void selftest_print_verdict(const json_t *root) {
    const json_t *failures = json_object_get(root, "failures");
    const int is_fine = json_array_size(failures) == 0;
    print_title("verdict", "");
    (void)printf("%s%s%s in %.0f s: %d probes, %d answers, %d times\n",
                 is_fine ? report_green() : report_red(), text_of(root, "verdict"), report_plain(),
                 number_of(root, "seconds"), count_tests(json_object_get(root, "probes")),
                 count_tests(json_object_get(root, "answers")),
                 count_tests(json_object_get(root, "times")));
    print_failures(failures);
}
