/*
 * report.c: messages, colors, the progress line and JSON values. What a command's data looks like
 * is in the commands.
 */
#include "cli/report.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 4608 /* a path of 4096 bytes and some words */
#define ERASE_LINE "\r\033[K"

static const char *command_name;
static int verbosity_level;
static report_when color_mode;
static report_when progress_mode;
static volatile sig_atomic_t progress_is_shown;

void report_set_command(const char *name) {
    command_name = name;
}

void report_set_style(int verbosity, report_when color, report_when progress) {
    verbosity_level = verbosity;
    color_mode = color;
    progress_mode = progress;
}

int report_verbosity(void) {
    return verbosity_level;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* Bytes of the UTF-8 sequence at text if it is whole and no control character, else 0. */
static size_t printable_bytes(const unsigned char *text) {
    size_t length;
    if (text[0] < 0x20 || text[0] == 0x7f) {
        return 0;
    }
    if (text[0] < 0x80) {
        return 1;
    }
    if (text[0] >= 0xc2 && text[0] <= 0xdf) {
        length = 2;
    } else if (text[0] >= 0xe0 && text[0] <= 0xef) {
        length = 3;
    } else if (text[0] >= 0xf0 && text[0] <= 0xf4) {
        length = 4;
    } else {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    int is_c1_control = text[0] == 0xc2 && text[1] < 0xa0;
    int is_overlong = (text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xf0 && text[1] < 0x90);
    int is_beyond = (text[0] == 0xed && text[1] > 0x9f) || (text[0] == 0xf4 && text[1] > 0x8f);
    return is_c1_control || is_overlong || is_beyond ? 0 : length;
}

const char *report_escape(char *out, size_t size, const char *text) {
    const unsigned char *from = (const unsigned char *)text;
    size_t at = 0;
    while (*from != 0 && at + 5 < size) {
        size_t length = printable_bytes(from);
        if (length > 0) {
            memcpy(out + at, from, length);
            at += length;
            from += length;
        } else if (*from == '\n') {
            memcpy(out + at, "\\n", 2);
            at += 2;
            from++;
        } else {
            (void)snprintf(out + at, 5, "\\x%02x", *from);
            at += 4;
            from++;
        }
    }
    out[at] = 0;
    return out;
}

static int wants_color(FILE *stream) {
    if (color_mode != REPORT_AUTO) {
        return color_mode == REPORT_ALWAYS;
    }
    const char *refused = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    int is_dumb = terminal != NULL && strcmp(terminal, "dumb") == 0;
    return (refused == NULL || refused[0] == 0) && !is_dumb && isatty(fileno(stream));
}

const char *report_bold(void) {
    return wants_color(stdout) ? "\033[1m" : "";
}

const char *report_red(void) {
    return wants_color(stdout) ? "\033[31m" : "";
}

const char *report_green(void) {
    return wants_color(stdout) ? "\033[32m" : "";
}

const char *report_plain(void) {
    return wants_color(stdout) ? "\033[0m" : "";
}

/* ---- messages -------------------------------------------------------------------------------- */

/* One write a line, so that lines of several processes do not mix. */
static void say(const char *color, const char *lead, const char *text) {
    char escaped[LINE_SIZE];
    char line[LINE_SIZE + 128];
    int is_colored = color[0] != 0 && wants_color(stderr);
    report_progress_end();
    report_escape(escaped, sizeof escaped, text);
    (void)snprintf(line, sizeof line, "%s%s%s%s\n", is_colored ? color : "", lead,
                   is_colored ? "\033[0m" : "", escaped);
    (void)fputs(line, stderr);
}

static void say_with_command(const char *color, const char *text) {
    char lead[64];
    (void)snprintf(lead, sizeof lead, "clrnn: %s%s", command_name != NULL ? command_name : "",
                   command_name != NULL ? ": " : "");
    say(color, lead, text);
}

int report_fail(int code, const char *format, ...) {
    char text[LINE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_with_command("\033[1;31m", text);
    return code;
}

static int exit_code_of(clrnn_status status, int input) {
    switch (status) {
    case CLRNN_STATUS_OK:
        return REPORT_FINE;
    case CLRNN_STATUS_NO_DEVICE:
        return REPORT_NO_DEVICE;
    case CLRNN_STATUS_ARGUMENT:
    case CLRNN_STATUS_SHAPE:
    case CLRNN_STATUS_UNSUPPORTED:
    case CLRNN_STATUS_IO:
    case CLRNN_STATUS_FORMAT:
        return input ? REPORT_INPUT : REPORT_FAILED;
    case CLRNN_STATUS_MEMORY:
    case CLRNN_STATUS_BUILD:
    case CLRNN_STATUS_OPENCL:
    case CLRNN_STATUS_TIMEOUT:
    case CLRNN_STATUS_LOST:
    default:
        return REPORT_FAILED;
    }
}

static int report_fail_after(int input, const char *doing, const char *separator) {
    const clrnn_error *error = clrnn_last_error();
    char text[LINE_SIZE + sizeof error->message];
    const char *message =
        error->message[0] != 0 ? error->message : clrnn_status_text(error->status);
    (void)snprintf(text, sizeof text, "%s%s%s", doing, separator, message);
    say_with_command("\033[1;31m", text);
    return exit_code_of(error->status, input);
}

int report_fail_library(int input, const char *format, ...) {
    char doing[LINE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(doing, sizeof doing, format, args);
    va_end(args);
    return report_fail_after(input, doing, ": ");
}

/* As the library escapes: control characters alone. */
static void escape_controls(char *out, size_t size, const char *text) {
    size_t at = 0;
    for (; *text != 0 && at + 5 < size; text++) {
        const unsigned char c = (unsigned char)*text;
        const char *format = c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\x%02x";
        if (c >= 0x20 && c != 0x7f) {
            out[at++] = *text;
        } else {
            at += (size_t)snprintf(out + at, size - at, format, c);
        }
    }
    out[at] = 0;
}

/* 1 if the message begins with the path, of which the library shows the end alone if it is long. */
static int names_path(const char *message, const char *path) {
    char escaped[LINE_SIZE];
    if (strcmp(path, "-") == 0) {
        return strncmp(message, "standard ", 9) == 0;
    }
    escape_controls(escaped, sizeof escaped, path);
    size_t whole = strlen(escaped);
    if (strncmp(message, escaped, whole) == 0) {
        return 1;
    }
    message += strncmp(message, "...", 3) == 0 ? 3 : strlen(message);
    for (const char *end = strstr(message, ": "); end != NULL; end = strstr(end + 1, ": ")) {
        size_t shown = (size_t)(end - message);
        if (shown > 0 && shown < whole && strncmp(message, escaped + whole - shown, shown) == 0) {
            return 1;
        }
    }
    return 0;
}

int report_fail_file(int input, const char *doing, const char *path) {
    if (names_path(clrnn_last_error()->message, path)) {
        return report_fail_after(input, doing, " ");
    }
    return report_fail_library(input, "%s %s", doing,
                               strcmp(path, "-") != 0 ? path
                               : input                ? "standard input"
                                                      : "standard output");
}

int report_fail_model(const char *path) {
    static const struct {
        const char *format; /* as the library calls it */
        const char *hint;
    } hints[] = {
        {"which was not given", "--snippet NAME=FILE gives it"},
        {"PyTorch checkpoint",
         "numpy.savez('m.npz', **{k: v.numpy() for k, v in net.state_dict().items()})"},
    };
    int code = report_fail_file(1, "reading", path);
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        if (strstr(clrnn_last_error()->message, hints[i].format) != NULL) {
            report_hint("%s", hints[i].hint);
        }
    }
    return code;
}

void report_hint(const char *format, ...) {
    char text[LINE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say("\033[1m", "hint: ", text);
}

void report_note(const char *format, ...) {
    char text[LINE_SIZE];
    va_list args;
    if (verbosity_level < 0) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_with_command("", text);
}

void report_detail(const char *format, ...) {
    char text[LINE_SIZE];
    va_list args;
    if (verbosity_level < 1) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say("", "", text);
}

/* ---- progress -------------------------------------------------------------------------------- */

void report_progress(const char *format, ...) {
    char text[256];
    va_list args;
    int is_wanted = progress_mode == REPORT_ALWAYS ||
                    (progress_mode == REPORT_AUTO && verbosity_level >= 0 && isatty(2));
    if (!is_wanted) {
        return;
    }
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)fprintf(stderr, ERASE_LINE "%s", text);
    (void)fflush(stderr);
    progress_is_shown = 1;
}

void report_progress_end(void) {
    if (progress_is_shown) {
        progress_is_shown = 0;
        (void)fputs(ERASE_LINE, stderr);
        (void)fflush(stderr);
    }
}

void report_progress_abandon(void) {
    if (progress_is_shown && write(2, ERASE_LINE, sizeof ERASE_LINE - 1) < 0) {
        progress_is_shown = 0;
    }
}

/* ---- standard output ------------------------------------------------------------------------- */

json_t *report_json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *report_json_text(const char *text) {
    char escaped[LINE_SIZE];
    json_t *value = json_string(text);
    return value != NULL ? value : json_string(report_escape(escaped, sizeof escaped, text));
}

json_t *report_json_device(const clrnn_device_info *info) {
    json_t *object = json_pack(
        "{s:i,s:i,s:i,s:o,s:o,s:o,s:o,s:o,s:o}", "index", info->index, "platform", info->platform,
        "device", info->device, "name", report_json_text(info->name), "vendor",
        report_json_text(info->vendor), "platform_name", report_json_text(info->platform_name),
        "type", report_json_text(info->type), "driver", report_json_text(info->driver), "version",
        report_json_text(info->version));
    json_t *numbers =
        json_pack("{s:i,s:I,s:I,s:I,s:I,s:b,s:b,s:b}", "compute_units", info->compute_units,
                  "global_memory", (json_int_t)info->global_memory, "local_memory",
                  (json_int_t)info->local_memory, "max_alloc", (json_int_t)info->max_alloc,
                  "max_group_size", (json_int_t)info->max_group_size, "fp16", info->has_fp16,
                  "fp64", info->has_fp64, "unified_memory", info->unified_memory);
    (void)json_object_update(object, numbers);
    json_decref(numbers);
    return object;
}

int report_json(json_t *value) {
    int code = REPORT_FINE;
    if (value == NULL) {
        code = report_fail(REPORT_FAILED, "out of memory");
    } else if (json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0) {
        (void)putchar('\n');
    }
    json_decref(value);
    return code;
}

int report_output_is_gone(void) {
    struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

int report_finish_output(void) {
    errno = 0;
    int is_lost = fflush(stdout) != 0 || ferror(stdout);
    int reason = errno;
    static int is_reported;
    if (!is_lost) {
        return REPORT_FINE;
    }
    if (is_reported++ || reason == EPIPE || report_output_is_gone()) {
        return REPORT_FAILED;
    }
    return report_fail(REPORT_FAILED, "writing standard output: %s",
                       reason != 0 ? strerror(reason) : "some of it was lost");
}
