/*
 * bench_peak.h: what a device can do at most, measured in the same run as the times: fused
 * multiply-adds out of registers, and reading of memory by how much is read over and over.
 *
 * An OpenCL device is measured with all its units, which share what is read as the groups of an
 * algorithm share the weights; the cpu engine with as many threads as it has.
 */
#ifndef CLRNN_CLI_BENCH_PEAK_H
#define CLRNN_CLI_BENCH_PEAK_H

#include "clrnn.h"
#include <jansson.h>

enum { BENCH_LEVELS = 5 };
extern const size_t bench_level_bytes[BENCH_LEVELS]; /* rising */

typedef struct bench_peak {
    double gflops;             /* 10^9 flops a second, a multiply-add is two; 0: not known */
    double gb_s[BENCH_LEVELS]; /* 10^9 bytes a second */
} bench_peak;

void bench_peak_cpu(bench_peak *out, int threads);
/* Gives 1, or 0 with the name of the OpenCL call that failed in *call; then *out is not known. */
int bench_peak_opencl(bench_peak *out, const clrnn_device_info *info, const char **call);

/* 10^9 bytes a second where `bytes` are read over and over: between two measured sizes a line
 * through them in logarithms, beyond the ends the value there. */
double bench_peak_bandwidth(const bench_peak *peak, double bytes);
json_t *bench_peak_json(const bench_peak *peak);

/* Units of work a second at best: `seconds` runs `rounds` rounds and says how long they took, or
 * something negative where that failed; then this gives 0. */
double bench_peak_best(double (*seconds)(void *context, int rounds), void *context, double units);
double bench_now(void); /* seconds, from some start */

#endif
