/*
 * cl_trace.c: commands as spans: on the host's track the call that enqueues one, and on the device's
 * what it took there, by its own time stamps.
 *
 * The device's clock is another than the host's. But a command is queued, by the device's clock, while
 * the call that enqueues it runs, by the host's; so each command bounds what is to be added to the one
 * to get the other. The bounds of all commands of a plan, or of a forward, are put together: anew for
 * each, since clocks drift.
 */
#include "cl/cl_internal.h"

#include <float.h>
#include <stdlib.h>

/* A command whose time stamps are still to be read. */
struct cl_traced {
    cl_event event; /* NULL: it was not enqueued */
    size_t span;    /* of the call */
    int track;      /* of its queue */
};

/* ---- commands -------------------------------------------------------------------------------- */

static cl_event *event_for(struct cl_engine_context *context, size_t span) {
    enum { FIRST_CAPACITY = 64 };
    if (context->traced_count == context->traced_capacity) {
        const size_t capacity =
            context->traced_capacity > 0 ? 2 * context->traced_capacity : FIRST_CAPACITY;
        struct cl_traced *traced = realloc(context->traced, capacity * sizeof *traced);
        if (traced == NULL) {
            return NULL; /* the device's track lacks one */
        }
        context->traced = traced;
        context->traced_capacity = capacity;
    }
    struct cl_traced *next = &context->traced[context->traced_count++];
    const int is_second = context->second != NULL && context->current == context->second;
    *next = (struct cl_traced){.span = span,
                               .track = is_second ? CLRNN_TRACK_SECOND : CLRNN_TRACK_DEVICE};
    return &next->event;
}

cl_event *cl_trace_command(struct cl_engine_context *context, size_t span) {
    context->command = span;
    return context->trace != NULL && context->has_stamps ? event_for(context, span) : NULL;
}

cl_event *cl_trace_copy(struct cl_engine_context *context, const char *category, const char *name,
                        size_t bytes) {
    return cl_trace_command(context, trace_begin(context->trace, category,
                                                 TRACE_ARGS({"bytes", (int64_t)bytes, NULL}),
                                                 "%s %s", category, name));
}

void cl_trace_enqueued(struct cl_engine_context *context) {
    trace_end(context->trace, context->command);
}

/* ---- time stamps ----------------------------------------------------------------------------- */

/* In us of the device's clock. 0: it has none for this command. */
static int stamp(cl_event event, cl_profiling_info which, double *out_us) {
    cl_ulong ns = 0;
    const int is_there =
        event != NULL && clGetEventProfilingInfo(event, which, sizeof ns, &ns, NULL) == CL_SUCCESS;
    *out_us = (double)ns * 1e-3;
    return is_there && ns > 0;
}

/* What is added to the device's clock: the middle of what every command allows. */
static void align(struct cl_engine_context *context, size_t count) {
    double low = -DBL_MAX, high = DBL_MAX, queued, called, returned;
    for (size_t i = 0; i < count; i++) {
        const struct cl_traced *one = &context->traced[i];
        if (stamp(one->event, CL_PROFILING_COMMAND_QUEUED, &queued) &&
            trace_times(context->trace, one->span, &called, &returned)) {
            low = called - queued > low ? called - queued : low;
            high = returned - queued < high ? returned - queued : high;
        }
    }
    context->is_aligned = low > -DBL_MAX && high < DBL_MAX;
    context->offset_us = 0.5 * (low + high);
    context->error_us = 0.5 * (high > low ? high - low : low - high);
}

static void add_to_track(const struct cl_engine_context *context, const struct cl_traced *one) {
    double start, end;
    if (context->is_aligned && stamp(one->event, CL_PROFILING_COMMAND_START, &start) &&
        stamp(one->event, CL_PROFILING_COMMAND_END, &end)) {
        trace_add(context->trace, one->span, one->track, start + context->offset_us,
                  end + context->offset_us,
                  TRACE_ARGS({"offset_ns", (int64_t)(context->offset_us * 1e3), NULL},
                             {"error_ns", (int64_t)(context->error_us * 1e3), NULL}));
    }
}

static void forget(struct cl_engine_context *context, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (context->traced[i].event != NULL) {
            clReleaseEvent(context->traced[i].event);
        }
    }
    context->traced_count -= count;
    for (size_t i = 0; i < context->traced_count; i++) {
        context->traced[i] = context->traced[count + i];
    }
}

void cl_trace_collect(struct cl_engine_context *context) {
    size_t count = 0;
    while (count < context->traced_count &&
           cl_event_state(context->traced[count].event) <= CL_COMPLETE) {
        count++;
    }
    if (count > 0 && !context->is_aligned) {
        align(context, count);
    }
    for (size_t i = 0; i < count; i++) {
        add_to_track(context, &context->traced[i]);
    }
    forget(context, count);
}

void cl_trace_restart(struct cl_engine_context *context) {
    cl_trace_collect(context);
    context->is_aligned = 0;
}

void cl_trace_close(struct cl_engine_context *context) {
    cl_trace_collect(context);
    forget(context, context->traced_count);
    free(context->traced);
}
