/*
 * report.h: everything the program says, and its exit codes.
 *
 * Only data goes to standard output; errors, hints, notes and details go to standard error, one
 * line each, with control characters escaped whatever a file name holds. A function that can fail
 * prints its message through report_fail, which gives the exit code back: `return
 * report_fail(...)`.
 */
#ifndef CLRNN_CLI_REPORT_H
#define CLRNN_CLI_REPORT_H

#include "clrnn.h"
#include <jansson.h>

#if defined(__GNUC__)
#define REPORT_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#else
#define REPORT_PRINTF(format_at, args_at)
#endif

enum report_exit {
    REPORT_FINE = 0,
    REPORT_FAILED = 1,    /* at run time */
    REPORT_USAGE = 2,     /* options and arguments */
    REPORT_NO_DEVICE = 3, /* none, or none usable */
    REPORT_INPUT = 4,     /* bad model or input file */
    REPORT_MISMATCH = 5,  /* a result is not what the equations allow */
    REPORT_INTERRUPTED = 130
};

typedef enum report_when { REPORT_AUTO = 0, REPORT_ALWAYS, REPORT_NEVER } report_when;

/* Jumps to `out:` with the exit code of a failure that has been reported already. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        code = (call);                                                                             \
        if (code != REPORT_FINE) {                                                                 \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

/* Where there is nothing to run OpenCL on. */
#define REPORT_NO_DRIVER_HINT "install one, such as pocl-opencl-icd; -e cpu runs without"

/* The command's name leads every message; NULL: none yet. */
void report_set_command(const char *name);
/* verbosity: -1 quiet, 0, 1 details */
void report_set_style(int verbosity, report_when color, report_when progress);
int report_verbosity(void);

/* "clrnn: COMMAND: ..."; returns code. */
int report_fail(int code, const char *format, ...) REPORT_PRINTF(2, 3);
/* The library's last error behind "DOING: ", with the exit code that its status asks for; `input`
 * is 1 while the user's files are being read. */
int report_fail_library(int input, const char *format, ...) REPORT_PRINTF(2, 3);
/* The same for a file: "reading PATH: ...", whether the library's message names it or not. */
int report_fail_file(int input, const char *doing, const char *path);
/* The same for a model, with a hint where there is one. */
int report_fail_model(const char *path);
void report_hint(const char *format, ...) REPORT_PRINTF(1, 2);
void report_note(const char *format, ...) REPORT_PRINTF(1, 2);   /* not with -q */
void report_detail(const char *format, ...) REPORT_PRINTF(1, 2); /* only with -v */

/* A line on a terminal that the next message, or report_progress(NULL), erases. */
void report_progress(const char *format, ...) REPORT_PRINTF(1, 2);
void report_progress_end(void);
/* For signal handlers: erases the progress line with nothing but write(2). */
void report_progress_abandon(void);

/* Copies text with control characters and bytes that are no UTF-8 escaped; returns `out`. */
const char *report_escape(char *out, size_t size, const char *text);

/* Escape sequences, or "" where standard output gets no color. */
const char *report_bold(void);
const char *report_red(void);
const char *report_green(void);
const char *report_plain(void);

/* JSON: null for what JSON cannot hold. */
json_t *report_json_number(double value);
json_t *report_json_text(const char *text);
/* What the library's list says of a device, but for whether it may be chosen. */
json_t *report_json_device(const clrnn_device_info *info);
/* Prints the value and frees it. */
int report_json(json_t *value);

/* Flushes standard output and says whether all of it arrived. A reader that went away is no
 * message, but no success either. */
int report_finish_output(void);
/* 1 if standard output is a pipe that nobody reads any more. */
int report_output_is_gone(void);

#endif
