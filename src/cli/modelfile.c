/*
 * modelfile.c: see modelfile.h. A model file never brings code of its own: what a config's custom
 * cell or activation runs is in files that the user names by --snippet.
 */
#include "cli/modelfile.h"

#include "cli/report.h"
#include "cli/workload.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SNIPPET (1 << 20) /* bytes; a cell is some lines */

typedef struct snippets {
    clrnn_snippet list[OPTIONS_MAX_SNIPPETS];
    char names[OPTIONS_MAX_SNIPPETS][64];
    int count;
} snippets;

/* NAME=FILE: copies the name, gives the file. */
static int split(char name[64], const char **path, const char *value) {
    const char *equals = strchr(value, '=');
    size_t length = equals != NULL ? (size_t)(equals - value) : 0;
    if (equals == NULL || length == 0 || equals[1] == 0) {
        (void)report_fail(REPORT_USAGE, "--snippet %s: needs NAME=FILE", value);
        report_hint("NAME is what the model's config calls it");
        return REPORT_USAGE;
    }
    if (length >= 64) {
        return report_fail(REPORT_USAGE, "--snippet %s: the name has %zu letters, at most 63",
                           value, length);
    }
    (void)snprintf(name, 64, "%.*s", (int)length, value);
    *path = equals + 1;
    return REPORT_FINE;
}

/* A line that lets compilers name the user's own file in what they say of the text. */
static size_t put_line(char *out, const char *path) {
    size_t at = (size_t)sprintf(out, "#line 1 \"");
    for (; *path != 0; path++) {
        const unsigned char c = (unsigned char)*path;
        if (c == '"' || c == '\\') {
            out[at++] = '\\';
        }
        out[at++] = c >= 0x20 && c != 0x7f ? *path : '?';
    }
    return at + (size_t)sprintf(out + at, "\"\n");
}

static int read_text(char **out, const char *path) {
    int code = REPORT_FINE;
    FILE *file = fopen(path, "rb");
    char *whole = NULL;
    if (file == NULL) {
        return report_fail(REPORT_INPUT, "reading %s: cannot be read: %s", path, strerror(errno));
    }
    whole = malloc(MAX_SNIPPET + 1 + 2 * strlen(path) + 16);
    if (whole == NULL) {
        code = report_fail(REPORT_FAILED, "out of memory");
        goto out;
    }
    char *text = whole + put_line(whole, path);
    size_t size = fread(text, 1, MAX_SNIPPET + 1, file);
    if (ferror(file)) {
        code = report_fail(REPORT_INPUT, "reading %s: cannot be read: %s", path, strerror(errno));
    } else if (size == 0) {
        code = report_fail(REPORT_INPUT, "reading %s: is empty, needs OpenCL C", path);
    } else if (size > MAX_SNIPPET) {
        code = report_fail(REPORT_INPUT, "reading %s: is more than %d bytes of OpenCL C", path,
                           MAX_SNIPPET);
    } else if (memchr(text, 0, size) != NULL) {
        code = report_fail(REPORT_INPUT, "reading %s: holds a zero byte, is no text", path);
    } else {
        text[size] = 0;
        *out = whole;
        whole = NULL;
    }
out:
    free(whole);
    (void)fclose(file);
    return code;
}

static int read_snippets(snippets *out, const options *opts) {
    int code = REPORT_FINE;
    for (int i = 0; i < opts->num_snippets; i++) {
        const char *path = NULL;
        char *text = NULL;
        char *name = out->names[i];
        TRY(split(name, &path, opts->snippets[i]));
        for (int k = 0; k < out->count; k++) {
            if (strcmp(out->names[k], name) == 0) {
                code = report_fail(REPORT_USAGE, "--snippet: %s is given twice", name);
                goto out;
            }
        }
        TRY(read_text(&text, path));
        out->list[out->count++] = (clrnn_snippet){.name = name, .source = text};
    }
out:
    return code;
}

/* libhdf5 does not survive every damaged file: a child tries Keras's files first. */
static int try_reading(const char *path, const clrnn_model_options *asked) {
    enum { PATIENCE = 120 }; /* seconds, for what never ends */
    unsigned char first[8] = {0};
    int state = 0;
    FILE *file = strcmp(path, "-") != 0 ? fopen(path, "rb") : NULL;
    const size_t got = file != NULL ? fread(first, 1, sizeof first, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    const int is_keras =
        (got == sizeof first && memcmp(first, "\x89HDF", 4) == 0) ||
        (got >= 2 && memcmp(first, "PK", 2) == 0 && strstr(path, ".keras") != NULL);
    const pid_t child = is_keras ? fork() : -1;
    if (child == 0) {
        clrnn_model *model = NULL;
        (void)alarm(PATIENCE);
        (void)clrnn_model_load(&model, path, asked);
        _exit(0);
    }
    if (child < 0 || waitpid(child, &state, 0) != child || !WIFSIGNALED(state)) {
        return REPORT_FINE;
    }
    return report_fail(REPORT_INPUT, "reading %s: is damaged: libhdf5 %s", path,
                       WTERMSIG(state) == SIGALRM ? "did not come to an end" : "crashed on it");
}

int modelfile_open(clrnn_model **out, const char *path, const options *opts) {
    const char *nonlinearity = opts->value[OPTION_NONLINEARITY];
    clrnn_model_options asked = {0};
    int code = REPORT_FINE;
    snippets *texts = calloc(1, sizeof *texts);
    if (texts == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    TRY(workload_claim(path, "the model"));
    TRY(read_snippets(texts, opts));
    if (nonlinearity != NULL) {
        asked.nonlinearity = clrnn_act_find(nonlinearity);
    }
    if (opts->given[OPTION_BATCH_FIRST] || opts->given[OPTION_TIME_FIRST]) {
        asked.layout =
            options_batch_first(opts, 0) ? CLRNN_LAYOUT_BATCH_FIRST : CLRNN_LAYOUT_TIME_FIRST;
    }
    asked.snippets = texts->list;
    asked.num_snippets = (size_t)texts->count;
    TRY(try_reading(path, &asked));
    clrnn_status status = clrnn_model_load(out, path, &asked);
    if (status != CLRNN_STATUS_OK) {
        const int is_asked =
            nonlinearity != NULL || texts->count > 0 || asked.layout != CLRNN_LAYOUT_DEFAULT;
        code = report_fail_model(path);
        /* the file has no use for them */
        code = status == CLRNN_STATUS_ARGUMENT && is_asked ? REPORT_USAGE : code;
    }
out:
    for (int i = 0; i < texts->count; i++) {
        free((char *)texts->list[i].source);
    }
    free(texts);
    return code;
}
