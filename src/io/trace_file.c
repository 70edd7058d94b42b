/*
 * trace_file.c: a trace as Chrome's trace events: an object with "traceEvents", complete events ("X")
 * with times in us, and the tracks' names as metadata ("M").
 */
#include "core/trace.h"
#include "io/json_text.h"
#include "io/output.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Starts and ends are cut to the same ns, so that spans that nest do so in the file too. */
static double whole_ns(double us) {
    return rint(us * 1e3) * 1e-3;
}

static json_t *args_of(const clrnn_trace_span *span) {
    json_t *args = json_object();
    int failed = args == NULL;
    for (int i = 0; i < span->num_args; i++) {
        const clrnn_trace_arg *arg = &span->args[i];
        failed |= json_object_set_new(
            args, arg->key, arg->text != NULL ? json_string(arg->text) : json_integer(arg->value));
    }
    return json_text_unless(failed, args); /* NULL is what json_pack refuses */
}

static json_t *event_of(const clrnn_trace_span *span) {
    const double start = whole_ns(span->start_us);
    return json_pack("{s:s,s:s,s:s,s:f,s:f,s:i,s:i,s:o}", "name", span->name, "cat", span->category,
                     "ph", "X", "ts", start, "dur", whole_ns(whole_ns(span->end_us) - start), "pid",
                     1, "tid", span->track, "args", args_of(span));
}

static json_t *name_of(const char *what, int track, const char *name) {
    return json_pack("{s:s,s:s,s:i,s:i,s:{s:s}}", "name", what, "ph", "M", "pid", 1, "tid", track,
                     "args", "name", name);
}

static int has_track(const clrnn_trace *trace, int track) {
    size_t i = 0;
    while (i < clrnn_trace_count(trace) && clrnn_trace_at(trace, i)->track != track) {
        i++;
    }
    return i < clrnn_trace_count(trace);
}

static int add_names(json_t *events, const clrnn_trace *trace, int last_track) {
    int failed = json_array_append_new(events, name_of("process_name", 0, "clrnn"));
    for (int track = 0; track <= last_track; track++) {
        char thread[32];
        snprintf(thread, sizeof thread, "thread %d of the cpu engine", track - CLRNN_TRACK_THREADS);
        const char *name = track == CLRNN_TRACK_HOST     ? "host"
                           : track == CLRNN_TRACK_DEVICE ? "device"
                           : track == CLRNN_TRACK_SECOND ? "device, second queue"
                                                         : thread;
        if (has_track(trace, track)) {
            failed |= json_array_append_new(events, name_of("thread_name", track, name));
        }
    }
    return failed;
}

/* The whole file; NULL: out of memory. */
static char *text_of(const clrnn_trace *trace) {
    json_t *events = json_array();
    json_t *file = json_pack("{s:s,s:o}", "displayTimeUnit", "ms", "traceEvents", events);
    int last_track = CLRNN_TRACK_HOST, failed = file == NULL;
    for (size_t i = 0; i < clrnn_trace_count(trace) && !failed; i++) {
        const clrnn_trace_span *span = clrnn_trace_at(trace, i);
        last_track = span->track > last_track ? span->track : last_track;
        failed |= json_array_append_new(events, event_of(span));
    }
    failed |= failed || add_names(events, trace, last_track);
    char *text = failed ? NULL : json_dumps(file, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(file);
    return text;
}

clrnn_status clrnn_trace_save(const clrnn_trace *trace, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *text = NULL;
    REQUIRE(trace != NULL && path != NULL, ARGUMENT, "trace: save needs a trace and a path");
    REQUIRE(trace_lost(trace) == 0, MEMORY, "trace: %zu spans found no memory or nest too deep",
            trace_lost(trace));
    text = text_of(trace);
    REQUIRE(text != NULL, MEMORY, "trace: out of memory for %zu spans", clrnn_trace_count(trace));
    TRY(output_text(path, text));
out:
    free(text);
    return status;
}
