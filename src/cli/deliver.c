/*
 * deliver.c: see deliver.h. Arrays here are dense float32 in host memory.
 *
 * Interrupts: nothing is on disk while the program computes, so the handler may end it at once.
 * While files are written the signals wait, unless the file is a pipe, which may take for ever.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* realpath */
#endif

#include "cli/deliver.h"

#include "cli/report.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sha2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREVIEW_VALUES 6
#define MAX_FILES 3
#define MAX_LINKS 40

/* ---- interrupts ------------------------------------------------------------------------------ */

static void end_at_once(int signal_number) {
    (void)signal_number;
    report_progress_abandon();
    _exit(REPORT_INTERRUPTED);
}

void deliver_catch_interrupts(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    struct sigaction before;
    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigaction(SIGXFSZ, &action, NULL); /* the write fails, and is reported */
    /* a shell's background jobs start with SIGINT ignored, and it stays so */
    if (sigaction(SIGINT, NULL, &before) == 0 && before.sa_handler != SIG_IGN) {
        action.sa_handler = end_at_once;
        (void)sigaction(SIGINT, &action, NULL);
    }
}

/* ---- saving ---------------------------------------------------------------------------------- */

static int ends_with(const char *text, const char *end) {
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* The folder, resolved, and the name of a file that need not exist; symbolic links to nowhere are
 * followed. 0 where the folder does not exist. */
static int find_place(char out[2 * PATH_MAX], const char *path) {
    char now[PATH_MAX];
    char folder[PATH_MAX];
    (void)snprintf(now, sizeof now, "%s", path);
    for (int links = 0; links < MAX_LINKS; links++) {
        char target[PATH_MAX];
        char *slash = strrchr(now, '/');
        const char *name = slash != NULL ? slash + 1 : now;
        ssize_t length = readlink(now, target, sizeof target - 1);
        int directory = slash != NULL ? (int)(slash - now) + 1 : 0;
        if (length < 0) {
            char resolved[PATH_MAX];
            (void)snprintf(folder, sizeof folder, "%.*s", directory, now);
            if (realpath(directory > 0 ? folder : ".", resolved) == NULL) {
                return 0;
            }
            (void)snprintf(out, 2 * PATH_MAX, "%s/%s", resolved, name);
            return 1;
        }
        target[length] = 0;
        (void)snprintf(folder, sizeof folder, "%.*s", target[0] == '/' ? 0 : directory, now);
        (void)snprintf(now, sizeof now, "%s%s", folder, target);
    }
    return 0;
}

/* 1 if both name one file, or would once it is written. */
static int is_same_place(const char *a, const char *b) {
    char a_place[2 * PATH_MAX];
    char b_place[2 * PATH_MAX];
    struct stat a_stat;
    struct stat b_stat;
    if (strcmp(a, b) == 0) {
        return 1;
    }
    if (strcmp(a, "-") == 0 || strcmp(b, "-") == 0) {
        return 0;
    }
    if (stat(a, &a_stat) == 0 && stat(b, &b_stat) == 0) {
        return S_ISREG(a_stat.st_mode) && a_stat.st_dev == b_stat.st_dev &&
               a_stat.st_ino == b_stat.st_ino;
    }
    return find_place(a_place, a) && find_place(b_place, b) && strcmp(a_place, b_place) == 0;
}

/* `input` is what `what` says; a state may take the place of the one before it. */
static int check_input(const deliver_file *files, int count, const char *input, const char *what,
                       int is_state) {
    input = strcmp(input, "-") == 0 ? "/dev/stdin" : input;
    for (int i = 0; i < count; i++) {
        const int may = is_state && strcmp(files[i].option, "--final-state") == 0;
        if (files[i].path != NULL && !may && is_same_place(files[i].path, input)) {
            return report_fail(REPORT_USAGE, "%s %s: is also %s, which would be overwritten",
                               files[i].option, files[i].path, what);
        }
    }
    return REPORT_FINE;
}

/* The FILE of NAME=FILE; a file whose own name has a '=' is one by itself. */
static const char *file_of(const char *value) {
    const char *equals = strchr(value, '=');
    return equals != NULL && access(value, F_OK) != 0 ? equals + 1 : value;
}

int deliver_check_inputs(const deliver_file *files, int count, const options *opts,
                         const char *tuning) {
    static const option_id singles[] = {OPTION_LENGTHS, OPTION_MASK, OPTION_INITIAL_STATE};
    int code = check_input(files, count, opts->arguments[0], "the MODEL", 0);
    for (int i = 0; i < opts->num_inputs && code == REPORT_FINE; i++) {
        code = check_input(files, count, file_of(opts->inputs[i]), "the input of -i", 0);
    }
    for (int i = 0; i < opts->num_snippets && code == REPORT_FINE; i++) {
        code = check_input(files, count, file_of(opts->snippets[i]), "the input of --snippet", 0);
    }
    for (size_t i = 0; i < sizeof singles / sizeof singles[0] && code == REPORT_FINE; i++) {
        char what[40];
        (void)snprintf(what, sizeof what, "the input of --%s", options_name(singles[i]));
        if (opts->value[singles[i]] != NULL) {
            code = check_input(files, count, opts->value[singles[i]], what,
                               singles[i] == OPTION_INITIAL_STATE);
        }
    }
    if (tuning != NULL && tuning[0] != 0 && code == REPORT_FINE) {
        code = check_input(files, count, tuning, "the tuning that is read", 0);
    }
    return code;
}

/* Why a file cannot be put there; 0: as far as that is known before, it can. */
static int find_obstacle(const char *path) {
    struct stat there;
    char place[2 * PATH_MAX];
    if (strcmp(path, "-") == 0 || strncmp(path, "/dev/", 5) == 0 ||
        strncmp(path, "/proc/", 6) == 0) {
        return 0; /* open already, or found out when it is opened */
    }
    if (stat(path, &there) == 0) {
        return S_ISDIR(there.st_mode) ? EISDIR : access(path, W_OK) == 0 ? 0 : errno;
    }
    if (!find_place(place, path)) {
        return errno;
    }
    *strrchr(place, '/') = 0;
    return access(place[0] != 0 ? place : "/", W_OK | X_OK) == 0 ? 0 : errno;
}

int deliver_check_places(const deliver_file *files, int count) {
    for (int i = 0; i < count; i++) {
        const int obstacle = files[i].path != NULL ? find_obstacle(files[i].path) : 0;
        if (obstacle != 0) {
            return report_fail(REPORT_FAILED, "writing %s: cannot be written: %s", files[i].path,
                               strerror(obstacle));
        }
    }
    return REPORT_FINE;
}

int deliver_check(const deliver_file *files, int count, int must_be_npz, const char *names) {
    for (int i = 0; i < count; i++) {
        const char *path = files[i].path;
        if (path == NULL) {
            continue;
        }
        const char *slash = strrchr(path, '/');
        const char *name = slash != NULL ? slash + 1 : path;
        int is_trace = files[i].trace != NULL;
        int is_npz = ends_with(name, ".npz");
        int is_npy = ends_with(name, ".npy") || strchr(name, '.') == NULL;
        if (is_trace && strcmp(path, "-") == 0) {
            return report_fail(REPORT_USAGE, "%s -: needs a file, standard output is for data",
                               files[i].option);
        }
        if (!is_trace && !is_npz && !is_npy) {
            (void)report_fail(REPORT_USAGE, "%s %s: not a kind of file that can be written",
                              files[i].option, path);
            report_hint("the name ends in .npy or .npz");
            return REPORT_USAGE;
        }
        if (i == must_be_npz && !is_npz) {
            return report_fail(REPORT_USAGE, "%s %s: %s need one .npz file", files[i].option, path,
                               names);
        }
        if (strcmp(path, "-") == 0 && isatty(STDOUT_FILENO)) {
            return report_fail(REPORT_USAGE, "%s -: standard output is a terminal",
                               files[i].option);
        }
        for (int j = 0; j < i; j++) {
            if (files[j].path != NULL && is_same_place(files[j].path, path)) {
                return report_fail(REPORT_USAGE, "%s and %s are the same file: %s", files[j].option,
                                   files[i].option, path);
            }
        }
    }
    return REPORT_FINE;
}

static int is_plain_file(const char *path) {
    struct stat there;
    return strcmp(path, "-") != 0 && (stat(path, &there) != 0 || S_ISREG(there.st_mode));
}

static int save_one(const deliver_file *file) {
    int is_standard = strcmp(file->path, "-") == 0;
    const clrnn_status status = file->trace != NULL ? clrnn_trace_save(file->trace, file->path)
                                                    : clrnn_arrays_save(file->arrays, file->path);
    if (status == CLRNN_STATUS_OK) {
        return REPORT_FINE;
    }
    if (is_standard && report_output_is_gone()) {
        return REPORT_FAILED;
    }
    (void)report_fail_file(0, "writing", file->path);
    return REPORT_FAILED;
}

/* The files proper where `plain`, else pipes and devices. */
static int save_kind(const deliver_file *files, int count, int plain, int is_saved[MAX_FILES]) {
    int code = REPORT_FINE;
    for (int i = 0; i < count && i < MAX_FILES && code == REPORT_FINE; i++) {
        if (files[i].path != NULL && is_plain_file(files[i].path) == plain && !is_saved[i]) {
            code = save_one(&files[i]);
            is_saved[i] = code == REPORT_FINE;
        }
    }
    return code;
}

int deliver_save(const deliver_file *files, int count) {
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t held;
    sigset_t before;
    sigset_t pending;
    int is_streamed[MAX_FILES] = {0};
    int is_saved[MAX_FILES] = {0};
    int code = save_kind(files, count, 0, is_streamed);
    (void)sigemptyset(&held);
    (void)sigaddset(&held, SIGINT);
    (void)sigaddset(&held, SIGTERM);
    (void)sigaddset(&held, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &held, &before);
    if (code == REPORT_FINE) {
        code = save_kind(files, count, 1, is_saved);
    }
    if (sigpending(&pending) == 0 && sigismember(&pending, SIGINT) == 1) {
        code = REPORT_INTERRUPTED;
    }
    for (int i = 0; i < MAX_FILES && code != REPORT_FINE; i++) {
        if (is_saved[i]) {
            (void)unlink(files[i].path);
        }
    }
    /* All that is left is to exit: with the files and 0, or without them. */
    (void)sigaction(SIGINT, &ignore, NULL);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return code;
}

/* ---- statistics ------------------------------------------------------------------------------ */

typedef struct statistics {
    double min, mean, max; /* of the numbers; NaN where there is none */
    int64_t nans;
} statistics;

static const float *values_of(const clrnn_tensor *array) {
    return (const float *)(const void *)((const char *)array->data + array->offset);
}

static statistics measure(const clrnn_tensor *array) {
    statistics out = {.min = NAN, .mean = NAN, .max = NAN};
    const float *values = values_of(array);
    int64_t count = clrnn_tensor_count(array);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        double value = (double)values[i];
        if (isnan(value)) {
            out.nans++;
            continue;
        }
        out.min = isnan(out.min) || value < out.min ? value : out.min;
        out.max = isnan(out.max) || value > out.max ? value : out.max;
        sum += value;
    }
    if (count > out.nans) {
        out.mean = sum / (double)(count - out.nans);
    }
    return out;
}

/* "[3][0]" of a row of the last axis */
static void print_index(const clrnn_tensor *array, int64_t row) {
    int64_t index[CLRNN_MAX_RANK];
    for (int axis = array->rank - 2; axis >= 0; axis--) {
        index[axis] = row % array->shape[axis];
        row /= array->shape[axis];
    }
    for (int axis = 0; axis < array->rank - 1; axis++) {
        (void)printf("[%lld]", (long long)index[axis]);
    }
}

static void preview_row(const clrnn_tensor *array, int64_t row) {
    int64_t width = array->shape[array->rank - 1];
    const float *values = values_of(array) + row * width;
    (void)printf("  ");
    print_index(array, row);
    for (int64_t i = 0; i < width && i < PREVIEW_VALUES; i++) {
        (void)printf(" %11.7g", (double)values[i]);
    }
    (void)printf("%s\n", width > PREVIEW_VALUES ? " ..." : "");
}

static void print_shape(const clrnn_tensor *array) {
    for (int axis = 0; axis < array->rank; axis++) {
        (void)printf("[%lld]", (long long)array->shape[axis]);
    }
}

void deliver_describe(const char *name, const clrnn_tensor *array) {
    statistics all = measure(array);
    int64_t rows = clrnn_tensor_count(array) / array->shape[array->rank - 1];
    (void)printf("%s%s%s  %s ", report_bold(), name, report_plain(),
                 clrnn_dtype_name(array->dtype));
    print_shape(array);
    (void)printf("  min %.7g  mean %.7g  max %.7g", all.min, all.mean, all.max);
    if (all.nans > 0) {
        (void)printf("  %snan %lld%s", report_red(), (long long)all.nans, report_plain());
    }
    (void)putchar('\n');
    for (int64_t row = 0; row < rows; row++) {
        if (rows > 4 && row == 2) {
            (void)printf("  ...\n");
            row = rows - 1;
        }
        preview_row(array, row);
    }
}

static void hash(const clrnn_tensor *array, char hex[SHA256_DIGEST_STRING_LENGTH]) {
    size_t bytes = (size_t)clrnn_tensor_count(array) * clrnn_dtype_size(array->dtype);
    (void)SHA256Data((const uint8_t *)array->data + array->offset, bytes, hex);
}

void deliver_print_sha256(const char *name, const clrnn_tensor *array) {
    char hex[SHA256_DIGEST_STRING_LENGTH] = "";
    hash(array, hex);
    (void)printf("SHA256 (%s) = %s\n", name, hex);
}

json_t *deliver_describe_json(const char *name, const clrnn_tensor *array, int with_sha256) {
    statistics all = measure(array);
    json_t *shape = json_array();
    json_t *preview = json_array();
    const float *values = values_of(array);
    for (int axis = 0; axis < array->rank; axis++) {
        (void)json_array_append_new(shape, json_integer(array->shape[axis]));
    }
    for (int64_t i = 0; i < clrnn_tensor_count(array) && i < PREVIEW_VALUES; i++) {
        (void)json_array_append_new(preview, report_json_number((double)values[i]));
    }
    json_t *object = json_pack(
        "{s:s,s:s,s:o,s:o,s:o,s:o,s:I,s:o}", "name", name, "dtype", clrnn_dtype_name(array->dtype),
        "shape", shape, "min", report_json_number(all.min), "mean", report_json_number(all.mean),
        "max", report_json_number(all.max), "nan", (json_int_t)all.nans, "preview", preview);
    if (with_sha256) {
        char hex[SHA256_DIGEST_STRING_LENGTH] = "";
        hash(array, hex);
        (void)json_object_set_new(object, "sha256", json_string(hex));
    }
    return object;
}
