/* cmd_tune.c: clrnn tune: has the library measure, and prints what its file then says. */
#include "cli/commands.h"
#include "cli/compute.h"
#include "cli/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the folder ------------------------------------------------------------------------------ */

/* Makes what is missing of the folders above a file. */
static int make_folders(const char *path) {
    char folder[sizeof((tuned_file *)NULL)->path];
    (void)snprintf(folder, sizeof folder, "%s", path);
    for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
            return report_fail(REPORT_FAILED, "making the folder %s: %s", folder, strerror(errno));
        }
        *slash = '/';
    }
    return REPORT_FINE;
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static double number_of(const json_t *object, const char *key) {
    return json_number_value(json_object_get(object, key));
}

static int rises(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Half of the rows are missed by less than the first factor, all by at most the second. */
static void print_misses(const json_t *rows, const char *key, const char *label) {
    const size_t count = json_array_size(rows);
    double *factors = calloc(count + 1, sizeof *factors);
    if (factors == NULL || count == 0) {
        free(factors);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(rows, i);
        factors[i] = exp(fabs(log(number_of(row, key) / number_of(row, "measured_us"))));
    }
    qsort(factors, count, sizeof *factors, rises);
    (void)printf("  %s: half of %zu times are estimated within %.2fx, all within %.2fx\n", label,
                 count, factors[count / 2], factors[count - 1]);
    free(factors);
}

static void print_device(const json_t *entry) {
    static const struct {
        const char *key, *text;
    } speeds[] = {
        {"call_us", "us of a call that computes nothing"},
        {"copy_gbps", "GB/s of host arrays to and from the device, 0: not copied"},
        {"launch_us", "us of a launch behind another"},
        {"step_us", "us of a step beside its numbers"},
        {"meet_us", "us until the parts of a step meet"},
        {"tile_us", "us of a tile of the projection beside its numbers"},
        {"gflops", "GFLOP/s of a core, on numbers that are near"},
        {"near_bytes", "bytes that a core keeps near"},
        {"near_gbps", "GB/s of weights that are near, of a core"},
        {"far_gbps", "GB/s of larger ones"},
        {"act_us", "us of an activation of a vector of units"},
        {"unit_us", "us of the rest of a cell, of a vector of units"},
    };
    const json_t *measured = json_object_get(entry, "speeds");
    const json_t *usual = json_object_get(entry, "usual");
    const int lanes = (int)number_of(entry, "lanes");
    char name[256];
    report_escape(name, sizeof name, text_of(entry, "device"));
    (void)printf("%s%s: %s%s, %d compute units", report_bold(), text_of(entry, "engine"), name,
                 report_plain(), (int)number_of(entry, "compute_units"));
    if (lanes > 0) {
        (void)printf(", panels of %d lanes", lanes);
    }
    (void)printf("\n  %-10s  %10s  %10s\n", "", "usual", "measured");
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        (void)printf("  %-10s  %10.4g  %10.4g  %s\n", speeds[i].key,
                     number_of(usual, speeds[i].key), number_of(measured, speeds[i].key),
                     speeds[i].text);
    }
    const json_t *rows = json_object_get(entry, "measured");
    print_misses(rows, "usual_us", "by the usual speeds   ");
    print_misses(rows, "estimated_us", "by the measured speeds");
}

/* What the user should know of an entry, beside its numbers. */
static void note_device(const json_t *entry) {
    const char *replaced = text_of(entry, "replaced_driver");
    char name[256];
    report_escape(name, sizeof name, text_of(entry, "device"));
    if (json_is_true(json_object_get(entry, "busy"))) {
        report_note("%s: the machine was busy: %.0f %% of the timings varied from call to call; "
                    "tune again when nothing else runs",
                    name, 100 * number_of(entry, "varying"));
    }
    if (replaced[0] != 0) {
        char driver[256];
        report_escape(driver, sizeof driver, replaced);
        report_note("%s: takes the place of the tuning of driver %s", name, driver);
    }
}

/* How much longer what is chosen takes than the quickest: the mean and the worst. */
static void print_loss(const json_t *choices, const char *key, const char *label) {
    double sum = 0;
    double worst = 1;
    const size_t count = json_array_size(choices);
    for (size_t i = 0; i < count; i++) {
        const json_t *choice = json_array_get(choices, i);
        const double loss = number_of(choice, key) / number_of(choice, "best_us");
        sum += log(loss);
        worst = loss > worst ? loss : worst;
    }
    (void)printf("%s takes %.2fx the quickest in the geometric mean, %.2fx at most\n", label,
                 exp(sum / (double)count), worst);
}

static void print_choices(const json_t *choices) {
    size_t i = 0;
    const json_t *choice;
    (void)printf("%s%-5s %-18s %-22s %9s  %-22s %9s  %-22s %9s%s\n", report_bold(), "cell",
                 "T,N,I,H", "chosen", "us", "chosen untuned", "us", "quickest", "us",
                 report_plain());
    json_array_foreach(choices, i, choice) {
        char shape[48];
        (void)snprintf(shape, sizeof shape, "%d,%d,%d,%d", (int)number_of(choice, "steps"),
                       (int)number_of(choice, "batch"), (int)number_of(choice, "inputs"),
                       (int)number_of(choice, "hidden"));
        (void)printf("%-5s %-18s %-22s %9.1f  %-22s %9.1f  %-22s %9.1f\n", text_of(choice, "cell"),
                     shape, text_of(choice, "after"), number_of(choice, "after_us"),
                     text_of(choice, "before"), number_of(choice, "before_us"),
                     text_of(choice, "best"), number_of(choice, "best_us"));
    }
    print_loss(choices, "before_us", "untuned, auto");
    print_loss(choices, "after_us", "tuned, auto");
}

/* The entries that were written now: from the last one with choices on. */
static json_t *find_new(const json_t *root) {
    const json_t *devices = json_object_get(root, "devices");
    json_t *list = json_array();
    size_t from = json_array_size(devices);
    while (from > 0 && json_object_get(json_array_get(devices, from), "choices") == NULL) {
        from--;
    }
    for (size_t i = from; i < json_array_size(devices); i++) {
        (void)json_array_append(list, json_array_get(devices, i));
    }
    return list;
}

static int print_file(const char *path, int as_json) {
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    size_t i = 0;
    json_t *entry;
    if (root == NULL) {
        return report_fail(REPORT_FAILED, "reading %s again: %s", path, error.text);
    }
    json_t *devices = find_new(root);
    json_decref(root);
    json_array_foreach(devices, i, entry) {
        note_device(entry);
    }
    if (as_json) {
        return report_json(json_pack("{s:s, s:o}", "path", path, "devices", devices));
    }
    json_array_foreach(devices, i, entry) {
        print_device(entry);
    }
    print_choices(json_object_get(json_array_get(devices, 0), "choices"));
    json_decref(devices);
    return REPORT_FINE;
}

/* ---- the command ----------------------------------------------------------------------------- */

static void show_progress(void *user, const char *device, int done, int count) {
    (void)user;
    if (count == 0) {
        report_progress("%s: choosing lanes...", device);
    } else {
        report_progress("%s: shape %d of %d", device, done + 1, count);
    }
}

/* What is there and cannot be read is a bad input, what cannot be put there a failure. */
static int is_bad_input(clrnn_status status, const char *path) {
    return status == CLRNN_STATUS_FORMAT || (access(path, F_OK) == 0 && access(path, R_OK) != 0);
}

static int open_context(clrnn_context **out, const compute_setup *setup) {
    const clrnn_context_desc desc = {
        .device = setup->device, .engine = setup->engine, .strict = setup->strict};
    return clrnn_context_create(out, &desc) == CLRNN_STATUS_OK
               ? REPORT_FINE
               : compute_fail_open(setup, "opening the device");
}

int cmd_tune(const options *opts) {
    compute_setup setup;
    clrnn_context *context = NULL;
    int code = REPORT_FINE;
    TRY(compute_configure(&setup, opts));
    const clrnn_tune_desc desc = {.path = setup.tuning.path, .progress = show_progress};
    if (setup.tuning.path[0] == 0) {
        code =
            opts->value[OPTION_TUNING] != NULL
                ? report_fail(REPORT_USAGE, "--tuning none: there is no file to write")
                : report_fail(REPORT_USAGE, "there is no folder for the tuning: neither HOME nor "
                                            "XDG_DATA_HOME is set to an absolute path");
        report_hint("set XDG_DATA_HOME=FOLDER, or --tuning FILE says where to write it");
        goto out;
    }
    if (setup.tuning.is_usual) {
        TRY(make_folders(setup.tuning.path));
    }
    TRY(open_context(&context, &setup));
    const clrnn_status status = clrnn_tune(context, &desc);
    report_progress_end();
    if (status != CLRNN_STATUS_OK) {
        code = tuned_is_at_fault(&setup.tuning)
                   ? report_fail_file(is_bad_input(status, desc.path), "tuning", desc.path)
                   : report_fail_library(0, "tuning");
        goto out;
    }
    TRY(print_file(desc.path, opts->given[OPTION_JSON]));
    report_note("written to %s", desc.path);
out:
    clrnn_context_free(context);
    return code;
}
