/*
 * status.h: how every function of the library fails.
 *
 * A function that can fail keeps its result in a local `status`, jumps to `out:` only through the
 * macros below, releases there what it holds, and returns status. The message goes to the thread's
 * last error; the innermost failure wins.
 */
#ifndef CLRNN_CORE_STATUS_H
#define CLRNN_CORE_STATUS_H

#include "clrnn.h"

#if defined(__GNUC__)
#define STATUS_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#else
#define STATUS_PRINTF(format_at, args_at)
#endif

/* Records the failure as this thread's last error and gives `code` back. Control characters in the
 * message are escaped, so that it stays one line whatever a file name holds. */
clrnn_status status_fail(clrnn_status code, int cl_code, const char *format, ...)
    STATUS_PRINTF(3, 4);

/* Forward a failure that has been recorded already. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != CLRNN_STATUS_OK) {                                                           \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

/* REQUIRE(steps > 0, SHAPE, "plan: steps must be at least 1, got %d", steps); */
#define REQUIRE(condition, code, ...)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            status = status_fail(CLRNN_STATUS_##code, 0, __VA_ARGS__);                             \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

#endif
