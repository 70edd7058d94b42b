/* trace.c: see trace.h. A list of spans in the order of their begin, and a stack of those open. */
#include "core/trace.h"

#include "core/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OPEN = 16, FIRST_CAPACITY = 256 };
#define NOT_KEPT SIZE_MAX

struct clrnn_trace {
    clrnn_trace_span *spans;
    size_t count, capacity;
    size_t open[MOST_OPEN]; /* the outermost first */
    int depth;
    size_t lost;
    double origin_us;
};

clrnn_status clrnn_trace_create(clrnn_trace **out) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(out != NULL, ARGUMENT, "trace: needs a place for the result, got NULL");
    *out = calloc(1, sizeof **out);
    REQUIRE(*out != NULL, MEMORY, "trace: out of memory");
    (*out)->origin_us = clock_us();
out:
    return status;
}

void clrnn_trace_free(clrnn_trace *trace) {
    if (trace != NULL) {
        free(trace->spans);
        free(trace);
    }
}

size_t clrnn_trace_count(const clrnn_trace *trace) {
    return trace != NULL ? trace->count : 0;
}

const clrnn_trace_span *clrnn_trace_at(const clrnn_trace *trace, size_t i) {
    return i < clrnn_trace_count(trace) ? &trace->spans[i] : NULL;
}

size_t trace_lost(const clrnn_trace *trace) {
    return trace->lost;
}

/* One more span, zeroed; NOT_KEPT where there is no memory for it. */
static size_t append(clrnn_trace *trace) {
    if (trace->count == trace->capacity) {
        const size_t capacity = trace->capacity > 0 ? 2 * trace->capacity : FIRST_CAPACITY;
        clrnn_trace_span *spans = realloc(trace->spans, capacity * sizeof *spans);
        if (spans == NULL) {
            trace->lost++;
            return NOT_KEPT;
        }
        trace->spans = spans;
        trace->capacity = capacity;
    }
    memset(&trace->spans[trace->count], 0, sizeof *trace->spans);
    return trace->count++;
}

/* An arg that is there already takes the new value. */
static void set_arg(clrnn_trace_span *span, const clrnn_trace_arg *arg) {
    int at = 0;
    while (at < span->num_args && strcmp(span->args[at].key, arg->key) != 0) {
        at++;
    }
    if (at < CLRNN_TRACE_ARGS) {
        span->args[at] = *arg;
        span->num_args += at == span->num_args;
    }
}

void trace_tell(clrnn_trace *trace, size_t span, const clrnn_trace_arg *args) {
    for (; trace != NULL && span != NOT_KEPT && args != NULL && args->key != NULL; args++) {
        set_arg(&trace->spans[span], args);
    }
}

static void copy_args(clrnn_trace *trace, size_t to, size_t from) {
    const clrnn_trace_span *source = &trace->spans[from];
    memcpy(trace->spans[to].args, source->args, sizeof source->args);
    trace->spans[to].num_args = source->num_args;
}

size_t trace_begin(clrnn_trace *trace, const char *category, const clrnn_trace_arg *args,
                   const char *format, ...) {
    if (trace == NULL) {
        return NOT_KEPT;
    }
    if (trace->depth == MOST_OPEN) {
        trace->lost++;
        return NOT_KEPT;
    }
    const size_t span = append(trace);
    if (span == NOT_KEPT) {
        return NOT_KEPT;
    }
    clrnn_trace_span *new = &trace->spans[span];
    va_list values;
    va_start(values, format);
    vsnprintf(new->name, sizeof new->name, format, values);
    va_end(values);
    new->category = category;
    new->track = CLRNN_TRACK_HOST;
    if (trace->depth > 0) {
        copy_args(trace, span, trace->open[trace->depth - 1]);
    }
    trace_tell(trace, span, args);
    trace->open[trace->depth++] = span;
    new->start_us = new->end_us = clock_us() - trace->origin_us;
    return span;
}

void trace_end(clrnn_trace *trace, size_t span) {
    if (trace == NULL || span == NOT_KEPT) {
        return;
    }
    const double now = clock_us() - trace->origin_us;
    while (trace->depth > 0 && trace->open[trace->depth - 1] >= span) {
        trace->spans[trace->open[--trace->depth]].end_us = now;
    }
}

int trace_times(const clrnn_trace *trace, size_t span, double *begin_us, double *end_us) {
    if (span == NOT_KEPT) {
        return 0;
    }
    *begin_us = trace->spans[span].start_us + trace->origin_us;
    *end_us = trace->spans[span].end_us + trace->origin_us;
    return 1;
}

void trace_add(clrnn_trace *trace, size_t span, int track, double begin_us, double end_us,
               const clrnn_trace_arg *args) {
    const size_t added = span != NOT_KEPT ? append(trace) : NOT_KEPT;
    if (added != NOT_KEPT) {
        clrnn_trace_span *new = &trace->spans[added];
        memcpy(new->name, trace->spans[span].name, sizeof new->name);
        new->category = trace->spans[span].category;
        new->track = track;
        new->start_us = begin_us - trace->origin_us;
        new->end_us = end_us - trace->origin_us;
        copy_args(trace, added, span);
        trace_tell(trace, added, args);
    }
}
