/* status.c: the last error of each thread and the names of the codes. */
#include "core/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local clrnn_error last_error;

/* Copies text, writing control characters as \n, \t or \xHH. A byte above 0x7f stays: UTF-8. */
static void copy_escaped(char *to, size_t size, const char *text) {
    size_t at = 0;
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        char piece[8];
        if (c == '\n') {
            snprintf(piece, sizeof piece, "\\n");
        } else if (c == '\t') {
            snprintf(piece, sizeof piece, "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(piece, sizeof piece, "\\x%02x", c);
        } else {
            piece[0] = (char)c;
            piece[1] = '\0';
        }
        const size_t length = strlen(piece);
        if (at + length + 1 > size) {
            break;
        }
        memcpy(to + at, piece, length);
        at += length;
    }
    to[at] = '\0';
}

clrnn_status status_fail(clrnn_status code, int cl_code, const char *format, ...) {
    char text[sizeof last_error.message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    last_error.status = code;
    last_error.cl_code = cl_code;
    copy_escaped(last_error.message, sizeof last_error.message, text);
    return code;
}

const clrnn_error *clrnn_last_error(void) {
    return &last_error;
}

const char *clrnn_status_name(clrnn_status status) {
    switch (status) {
#define STATUS_CASE(name, value, text)                                                             \
    case CLRNN_STATUS_##name:                                                                      \
        return #name;
        CLRNN_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown";
}

const char *clrnn_status_text(clrnn_status status) {
    switch (status) {
#define STATUS_CASE(name, value, text)                                                             \
    case CLRNN_STATUS_##name:                                                                      \
        return text;
        CLRNN_STATUS_LIST(STATUS_CASE)
#undef STATUS_CASE
    }
    return "unknown status";
}
