/*
 * cl_program.c: programs from embedded kernel files: assembled with #line names, built once for a
 * context, and with a build log that names the file and the line.
 */
#include "cl/cl_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cl_program_entry {
    struct cl_program_entry *next;
    char *key; /* options and text */
    cl_program program;
};

/* A user's own text, or a file of kernels/. */
static const char *part_text(const struct algo_program *program, int part) {
    return program->texts[part] != NULL ? program->texts[part] : kernel_text(program->files[part]);
}

clrnn_status cl_program_text(char **out, const struct algo_program *program) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *text = NULL;
    size_t size = 1;
    for (int i = 0; i < program->count; i++) {
        const char *file = part_text(program, i);
        REQUIRE(file != NULL, BUILD, "program: this build has no kernel file %s",
                program->files[i]);
        size += strlen(file) + strlen(program->files[i]) + 64;
    }
    text = malloc(size);
    REQUIRE(text != NULL, MEMORY, "program: out of memory for %zu bytes of text", size);
    size_t at = 0;
    for (int i = 0; i < program->count; i++) {
        if (program->phases[i] >= 0) {
            at += (size_t)snprintf(text + at, size - at, "#define PHASE %d\n", program->phases[i]);
        }
        at += (size_t)snprintf(text + at, size - at, "#line 1 \"%s\"\n%s\n", program->files[i],
                               part_text(program, i));
    }
    *out = text;
out:
    return status;
}

/* The first line of the log that says "error", or its first line. */
static clrnn_status fail_with_log(struct cl_engine_context *context, cl_program program,
                                  cl_int code) {
    static const char none[] = "the driver gave no log";
    size_t size = 0;
    char *log = NULL;
    clGetProgramBuildInfo(program, context->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
    log = size > 1 ? calloc(size + 1, 1) : NULL;
    if (log != NULL) {
        clGetProgramBuildInfo(program, context->device, CL_PROGRAM_BUILD_LOG, size, log, NULL);
    }
    const char *line = log != NULL ? strstr(log, "error") : NULL;
    while (line != NULL && line > log && line[-1] != '\n') {
        line--;
    }
    line = line != NULL ? line : log != NULL ? log : none;
    const clrnn_status status =
        status_fail(CLRNN_STATUS_BUILD, code, "program: does not build on %s (%s): %.*s",
                    context->found.info.name, cl_code_name(code), (int)strcspn(line, "\n"), line);
    free(log);
    return status;
}

static clrnn_status build(struct cl_engine_context *context, char *key, const char *text,
                          const char *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    struct cl_program_entry *entry = calloc(1, sizeof *entry);
    REQUIRE(entry != NULL, MEMORY, "program: out of memory");
    entry->program = clCreateProgramWithSource(context->context, 1, &text, NULL, &code);
    TRY_CL("program", code);
    code = clBuildProgram(entry->program, 1, &context->device, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        TRY(fail_with_log(context, entry->program, code));
    }
    entry->key = key;
    entry->next = context->programs;
    context->programs = entry;
    entry = NULL;
out:
    if (entry != NULL && entry->program != NULL) {
        clReleaseProgram(entry->program);
    }
    free(entry);
    return status;
}

clrnn_status cl_program_kernel(cl_kernel *out, struct cl_engine_context *context,
                               const struct algo_program *program, const char *kernel) {
    clrnn_status status = CLRNN_STATUS_OK;
    char options[sizeof program->defines + 96];
    char *text = NULL, *key = NULL;
    cl_int code = CL_SUCCESS;
    const struct cl_program_entry *entry = NULL;
    snprintf(options, sizeof options, "-cl-std=%s%s %s",
             program->flags ? context->flag_standard : "CL1.2",
             context->has_division ? " -cl-fp32-correctly-rounded-divide-sqrt" : "",
             program->defines);
    TRY(cl_program_text(&text, program));
    const size_t size = strlen(options) + strlen(text) + 2;
    key = malloc(size);
    REQUIRE(key != NULL, MEMORY, "program: out of memory for %zu bytes", size);
    snprintf(key, size, "%s\n%s", options, text);
    for (entry = context->programs; entry != NULL; entry = entry->next) {
        if (strcmp(entry->key, key) == 0) {
            break;
        }
    }
    const size_t span =
        trace_begin(context->trace, "program",
                    TRACE_ARGS({"kernel", 0, kernel}, {"cached", entry != NULL, NULL}),
                    "%s program", entry != NULL ? "find" : "build");
    if (entry == NULL) {
        status = build(context, key, text, options);
        if (status != CLRNN_STATUS_OK) {
            trace_end(context->trace, span);
            goto out;
        }
        key = NULL; /* the entry's now */
        entry = context->programs;
    }
    *out = clCreateKernel(entry->program, kernel, &code);
    trace_end(context->trace, span);
    if (code != CL_SUCCESS) {
        *out = NULL;
        status = status_fail(CLRNN_STATUS_BUILD, code, "program: no kernel %s: %s (%d)", kernel,
                             cl_code_name(code), code);
    }
out:
    free(text);
    free(key);
    return status;
}

size_t cl_program_count(const struct cl_engine_context *context) {
    size_t count = 0;
    for (const struct cl_program_entry *entry = context->programs; entry != NULL;
         entry = entry->next) {
        count++;
    }
    return count;
}

void cl_program_free_all(struct cl_engine_context *context) {
    while (context->programs != NULL) {
        struct cl_program_entry *entry = context->programs;
        context->programs = entry->next;
        clReleaseProgram(entry->program);
        free(entry->key);
        free(entry);
    }
}
