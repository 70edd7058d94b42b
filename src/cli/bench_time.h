/*
 * bench_time.h: one case on every engine and algorithm asked for, in turns, so that what disturbs
 * the machine disturbs all of them alike.
 *
 * What is timed is a whole clrnn_forward as its caller waits for it: the plan is made, the weights
 * are resident, x and y lie in host memory, and the first calls are over.
 */
#ifndef CLRNN_CLI_BENCH_TIME_H
#define CLRNN_CLI_BENCH_TIME_H

#include "cli/bench_engine.h"
#include "cli/bench_grid.h"

typedef struct bench_limits {
    int64_t runs;   /* 0: as many as `seconds` allow */
    double seconds; /* of each row */
} bench_limits;

/* A row of the table. */
typedef struct bench_row {
    const problem *task;
    char text[PROBLEM_MAX_TEXT]; /* the case as a problem string, engine and algorithm left out */
    const char *engine;          /* as it was asked for: auto, opencl, cpu */
    char asked[32];              /* the algorithm that was asked for, or auto */
    char runs_on[16];            /* opencl, cpu */
    char algorithm[64];          /* what ran */
    char device[128];
    int runs;
    double median_us, min_us, p90_us, p99_us;
    double gflops;        /* of matrix products alone */
    double peak_fraction; /* roofline / median; NaN: no peak was measured */
    double projection_us, recurrence_us, transfer_us;
} bench_row;

/* Called with each row as soon as it is there; gives an exit code. */
typedef int (*bench_take)(void *context, const bench_row *row);

/* Pairs of engine and algorithm that cannot run the case are noted and passed over. */
int bench_time_case(const problem *task, bench_engines *engines, const bench_words *engine_names,
                    const bench_words *algorithms, const bench_limits *limits, bench_take take,
                    void *context);

#endif
