/* selftest_pen.c: what a child of the selftest writes: see selftest.h. */
#include "cli/selftest.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

/* Longer than the parent waits for a test: it is the parent who says that a device hangs. */
#define TIMEOUT_MS (2000u * SELFTEST_BUILDING)

static void put_line(selftest_pen *pen, json_t *line) {
    (void)json_dumpf(line, pen->out, JSON_COMPACT | JSON_REAL_PRECISION(9));
    (void)fputc('\n', pen->out);
    (void)fflush(pen->out);
    json_decref(line);
}

static void end_child(void) {
    (void)fflush(stdout);
    _exit(1);
}

int selftest_begin(selftest_pen *pen, const char *format, ...) {
    char name[160];
    va_list args;
    pen->count++;
    if (pen->count <= pen->skip) {
        return 0;
    }
    va_start(args, format);
    (void)vsnprintf(name, sizeof name, format, args);
    va_end(args);
    put_line(pen, json_pack("{s:i,s:o}", "test", pen->count, "name", report_json_text(name)));
    return 1;
}

int selftest_begin_row(selftest_pen *pen, const char *into, json_t *row, const char *name) {
    const int is_new = ++pen->count > pen->skip;
    if (is_new) {
        put_line(pen, json_pack("{s:i,s:o,s:s,s:O}", "test", pen->count, "name",
                                report_json_text(name), "into", into, "row", row));
    }
    json_decref(row);
    return is_new;
}

void selftest_build(selftest_pen *pen, clrnn_context *context, const clrnn_net *net,
                    const clrnn_plan_desc *desc) {
    clrnn_plan *plan = NULL;
    put_line(pen, json_pack("{s:i}", "silence", SELFTEST_BUILDING));
    (void)clrnn_plan_create(&plan, context, net, desc);
    clrnn_plan_free(plan);
    put_line(pen, json_pack("{s:i}", "silence", SELFTEST_SILENCE));
}

void selftest_put(selftest_pen *pen, const char *into, json_t *row) {
    put_line(pen, json_pack("{s:s,s:o}", "into", into, "row", row));
}

void selftest_put_device(selftest_pen *pen, json_t *device) {
    put_line(pen, json_pack("{s:o}", "device", device));
}

void selftest_say(selftest_pen *pen, const char *into, const char *name, const char *status,
                  const char *format, ...) {
    char message[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    selftest_put(pen, into,
                 json_pack("{s:s,s:s,s:o}", "name", name, "status", status, "message",
                           report_json_text(message)));
}

void selftest_put_error(selftest_pen *pen, const char *into, json_t *row) {
    const clrnn_error *error = clrnn_last_error();
    const int is_lost = error->status == CLRNN_STATUS_OPENCL ||
                        error->status == CLRNN_STATUS_TIMEOUT || error->status == CLRNN_STATUS_LOST;
    (void)json_object_set_new(row, "status", json_string(SELFTEST_ERROR));
    (void)json_object_set_new(row, "message", report_json_text(error->message));
    selftest_put(pen, into, row);
    if (is_lost) {
        end_child();
    }
}

clrnn_context *selftest_open(selftest_pen *pen, int strict, int profile) {
    clrnn_context *context = NULL;
    const clrnn_context_desc desc = {.device = pen->device,
                                     .engine = CLRNN_ENGINE_OPENCL,
                                     .strict = strict,
                                     .profile = profile,
                                     .timeout_ms = TIMEOUT_MS};
    if (clrnn_context_create(&context, &desc) != CLRNN_STATUS_OK) {
        const int is_missing = clrnn_last_error()->status == CLRNN_STATUS_NO_DEVICE;
        put_line(pen, json_pack("{s:o,s:i}", "stop", report_json_text(compute_open_reason()),
                                "code", is_missing ? REPORT_NO_DEVICE : REPORT_FAILED));
        end_child();
    }
    return context;
}
