/*
 * bench_engine.h: the engines of a benchmark, each opened once for all cases, and their peaks.
 *
 * Every engine has two contexts: one that is timed, and one that profiles, so that what is timed
 * does not pay for it.
 */
#ifndef CLRNN_CLI_BENCH_ENGINE_H
#define CLRNN_CLI_BENCH_ENGINE_H

#include "cli/bench_peak.h"
#include "cli/options.h"

enum { BENCH_ENGINES = 3 };

typedef struct bench_engine {
    const char *name;            /* auto, opencl, cpu */
    clrnn_context *timed[2];     /* by strict; NULL: not opened */
    clrnn_context *profiling[2]; /* alike */
    int is_missing;              /* it has no device, and that was noted */
} bench_engine;

typedef struct bench_engines {
    const options *opts;
    bench_engine list[BENCH_ENGINES];
    /* by what the engine is: cpu or opencl; all opencl contexts have one device */
    bench_peak peaks[2];
    int is_measured[2];
} bench_engines;

void bench_engines_init(bench_engines *out, const options *opts);
void bench_engines_free(bench_engines *engines);

/* Opens the engine if it is not open, and measures its peak. Where it has no device and may be
 * passed over, it gives REPORT_FINE with *out NULL. */
int bench_engine_open(bench_engine **out, bench_engines *engines, const char *name, int strict,
                      int may_miss);
/* Refuses an algorithm that none of the engines that are open has. */
int bench_engines_check(const bench_engines *engines, const char *algorithm);
/* The peak of "opencl" or "cpu", measured once; NULL: of an engine that is not open. */
const bench_peak *bench_engine_peak(bench_engines *engines, const char *runs_on);
/* Of the contexts that are open, the device that matters more; NULL: none is. */
const clrnn_device_info *bench_engines_device(const bench_engines *engines);

#endif
