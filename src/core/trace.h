/*
 * trace.h: spans of time on the host's clock, for those who want to see where it goes.
 *
 *     const size_t span = trace_begin(trace, "wait", NULL, "wait");
 *     TRY(...);
 *     trace_end(trace, span);
 *
 * With a trace that is NULL nothing is done and no clock is read. Spans begin and end on the thread of
 * the call, the one within the other; where a failure left some open, the end of one round them is
 * theirs.
 */
#ifndef CLRNN_CORE_TRACE_H
#define CLRNN_CORE_TRACE_H

#include "core/status.h"

/* Args of a span end with a key that is NULL. */
/* clang-format off */
#define TRACE_ARGS(...) (const clrnn_trace_arg[]) {__VA_ARGS__, {NULL, 0, NULL}}
/* clang-format on */

/* A span that begins now, on the host's track; it has the args of the span round it, and its own
 * (or NULL). What it is called in trace_end, which takes it back. */
size_t trace_begin(clrnn_trace *trace, const char *category, const clrnn_trace_arg *args,
                   const char *format, ...) STATUS_PRINTF(4, 5);
void trace_end(clrnn_trace *trace, size_t span);

/* Args that a span got to know after its begin. */
void trace_tell(clrnn_trace *trace, size_t span, const clrnn_trace_arg *args);

/* When a span of the host's began and ended, in us of clock_us. 0: it was not kept. */
int trace_times(const clrnn_trace *trace, size_t span, double *begin_us, double *end_us);

/* What became of a span on another track, at times of clock_us: its name and args, and more. */
void trace_add(clrnn_trace *trace, size_t span, int track, double begin_us, double end_us,
               const clrnn_trace_arg *args);

/* Spans that were lost for want of memory. */
size_t trace_lost(const clrnn_trace *trace);

#endif
