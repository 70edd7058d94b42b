/* program_files.h: the text of a program as files, for the tools that hand programs to compilers. */
#ifndef CLRNN_TESTS_PROGRAM_FILES_H
#define CLRNN_TESTS_PROGRAM_FILES_H

#include "cl/cl_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Ends with the last error. */
static inline void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, clrnn_last_error()->message);
    exit(EXIT_FAILURE);
}

/* With #line names; free() it. */
static inline char *program_text(const struct algo_program *program) {
    char *text = NULL;
    if (cl_program_text(&text, program) != CLRNN_STATUS_OK) {
        fail("text");
    }
    return text;
}

static inline void write_file(const char *directory, const char *name, const char *ending,
                              const char *text) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.%s", directory, name, ending);
    FILE *file = fopen(path, "w");
    if (file == NULL || fprintf(file, "%s\n", text) < 0 || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

/* DIRECTORY/NAME.cl, and its macros in NAME.opts. */
static inline void write_files(const char *directory, const char *name, const char *text,
                               const char *defines) {
    write_file(directory, name, "cl", text);
    write_file(directory, name, "opts", defines);
}

#endif
