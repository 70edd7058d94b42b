/* cli_program.c: see cli_program.h. */
#include "cli_program.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_WORDS 40

static char folder[64];
static const char *program;
static const char *data;

void program_open(void) {
    const char *base = getenv("TMPDIR");
    program = getenv("CLRNN_PROGRAM") != NULL ? getenv("CLRNN_PROGRAM") : "build/clrnn";
    data = getenv("CLRNN_DATA") != NULL ? getenv("CLRNN_DATA") : "tests/data";
    (void)snprintf(folder, sizeof folder, "%.40s/clrnn-XXXXXX", base != NULL ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

void program_close(void) {
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

char *program_expand(const char *word) {
    char *out = calloc(1, 4096);
    size_t at = 0;
    while (*word != 0 && at < 3900) {
        const char *value = NULL;
        if (strncmp(word, "DATA/", 5) == 0) {
            value = data;
            word += 4;
        } else if (strncmp(word, "TMP/", 4) == 0) {
            value = folder;
            word += 3;
        }
        if (value != NULL) {
            at += (size_t)snprintf(out + at, 4096 - at, "%s", value);
        } else {
            out[at++] = *word++;
        }
    }
    return out;
}

static void redirect(const char *path, int flags, int fd) {
    char *expanded = program_expand(path);
    int file = open(expanded, flags, 0600);
    if (file < 0 || dup2(file, fd) < 0) {
        _exit(99);
    }
    free(expanded);
}

static void set_variables(const char *text) {
    char *all = program_expand(text);
    char *rest = NULL;
    for (char *name = strtok_r(all, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(name, '=');
        if (value == NULL) {
            (void)unsetenv(name);
        } else {
            *value++ = 0;
            (void)setenv(name, value, 1);
        }
    }
    free(all);
}

pid_t program_start(const call *from) {
    pid_t child = fork();
    if (child == 0) {
        char *words[MAX_WORDS] = {0};
        int count = 0;
        char text[4096];
        char *rest = NULL;
        words[count++] = strdup(program);
        (void)snprintf(text, sizeof text, "%s", from->words);
        for (char *word = strtok_r(text, " ", &rest); word != NULL && count < MAX_WORDS - 1;
             word = strtok_r(NULL, " ", &rest)) {
            words[count++] = program_expand(word);
        }
        const int is_closed = from->output != NULL && from->output[0] == 0;
        /* a pipe for input waits last, so that a reader of the output may be gone by then */
        if (!is_closed) {
            redirect(from->output != NULL ? from->output : "TMP/stdout",
                     O_WRONLY | O_CREAT | O_TRUNC, 1);
        }
        redirect("TMP/stderr", O_WRONLY | O_CREAT | O_TRUNC, 2);
        redirect(from->input != NULL ? from->input : "/dev/null", O_RDONLY, 0);
        if (is_closed) {
            (void)close(1);
        }
        (void)unsetenv("CLRNN_DEVICE");
        (void)setenv("XDG_DATA_HOME", folder, 1); /* no tuning of the machine's own */
        if (from->variable != NULL) {
            set_variables(from->variable);
        }
        (void)execv(program, words);
        _exit(98);
    }
    ck_assert_int_gt(child, 0);
    return child;
}

static void read_text(char *out, const char *path) {
    char *expanded = program_expand(path);
    FILE *file = fopen(expanded, "rb");
    size_t got = file != NULL ? fread(out, 1, PROGRAM_MAX_TEXT - 1, file) : 0;
    out[got] = 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    free(expanded);
}

outcome *program_finish(const call *from, pid_t child) {
    static outcome last;
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    last.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    last.out[0] = 0;
    if (from->output == NULL) {
        read_text(last.out, "TMP/stdout");
    }
    read_text(last.err, "TMP/stderr");
    return &last;
}

outcome *program_run(const char *words) {
    call from = {.words = words};
    return program_finish(&from, program_start(&from));
}

outcome *program_run_call(call from) {
    return program_finish(&from, program_start(&from));
}

int program_exists(const char *path) {
    char *expanded = program_expand(path);
    int is_there = access(expanded, F_OK) == 0;
    free(expanded);
    return is_there;
}

void program_drop(const char *path) {
    char *expanded = program_expand(path);
    (void)unlink(expanded);
    free(expanded);
}

void program_expect_contains(const outcome *got, const char *text, const char *part,
                             const char *words) {
    ck_assert_msg(strstr(text, part) != NULL,
                  "'%s' should say '%s'\nexit code %d\nstdout: %.2000s\nstderr: %.2000s", words,
                  part, got->code, got->out, got->err);
}

void program_expect_code(const outcome *got, int code, const char *words) {
    ck_assert_msg(got->code == code,
                  "'%s' should exit with %d, not %d\nstdout: %.2000s\nstderr: %.2000s", words, code,
                  got->code, got->out, got->err);
}
