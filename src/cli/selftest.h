/*
 * selftest.h: the parts of `clrnn selftest`. Each group of tests runs in a child process
 * (supervise.h) and writes what it finds as JSON, one object a line:
 *
 *     {"test": 3, "name": "fma"}            begins; the same number in every child. With "into" and
 *                                           "row": what is found if it does not come to its end
 *     {"silence": 60}                       and what follows may take so many seconds
 *     {"into": "probes", "row": {...}}      found: a row has "name" or "problem", "status", "message"
 *     {"device": {...}}                     what the device says of itself
 *     {"stop": "no usable device", "code": 3}   nothing more can be tested
 *
 * The parent gathers the lines into one object. A test that hung or crashed its child is known by its
 * number, and the next child goes on behind it.
 */
#ifndef CLRNN_CLI_SELFTEST_H
#define CLRNN_CLI_SELFTEST_H

#include "cli/compute.h"
#include "cli/report.h"
#include "cli/supervise.h"
#include <jansson.h>

/* Seconds of one test at most, and of building its programs before it. */
enum { SELFTEST_SILENCE = 20, SELFTEST_BUILDING = 60 };

/* ---- in the child ---------------------------------------------------------------------------- */

typedef struct selftest_pen {
    FILE *out;
    const char *device; /* as -d says; NULL: the best */
    int skip;           /* tests that an earlier child has run */
    int count;          /* tests so far */
} selftest_pen;

/* How a row ended: "fine", "wrong" (a number), "error" (it did not run), "refused" or "note" (as the
 * device is). */
#define SELFTEST_FINE "fine"
#define SELFTEST_WRONG "wrong"
#define SELFTEST_ERROR "error"
#define SELFTEST_REFUSED "refused"
#define SELFTEST_NOTE "note"

/* Begins the next test; 0 where it has been run. */
int selftest_begin_row(selftest_pen *pen, const char *into, json_t *row, const char *name);
int selftest_begin(selftest_pen *pen, const char *format, ...) REPORT_PRINTF(2, 3);
/* Builds the plan's programs, which the context keeps: a compiler may take its time. What fails is
 * left for the test to say. */
void selftest_build(selftest_pen *pen, clrnn_context *context, const clrnn_net *net,
                    const clrnn_plan_desc *desc);
/* Takes the object over. */
void selftest_put(selftest_pen *pen, const char *into, json_t *row);
void selftest_put_device(selftest_pen *pen, json_t *device);
/* A row of a status and a message. */
void selftest_say(selftest_pen *pen, const char *into, const char *name, const char *status,
                  const char *format, ...) REPORT_PRINTF(5, 6);
/* A row for the library's last error. A device that failed is no use any more: ends the child. */
void selftest_put_error(selftest_pen *pen, const char *into, json_t *row);
/* An OpenCL context of the device; where there is none, the child ends with a line that says why. */
clrnn_context *selftest_open(selftest_pen *pen, int strict, int profile);

/* The groups; the context is a selftest_pen without `out`. */
void selftest_device(FILE *out, void *pen);
void selftest_probes(FILE *out, void *pen);
/* Of the times: a launch and a barrier. */
void selftest_speeds(selftest_pen *pen, const clrnn_context *context);
/* Of the probes: activations through the library. */
void selftest_acts(selftest_pen *pen, clrnn_context *context);
void selftest_answers(FILE *out, void *pen);
void selftest_times(FILE *out, void *pen);

/* Fills in "status", "ratio", "bad", ... of a row by the judge, and "bits" by another result of the
 * same data. */
void selftest_judge(json_t *row, const workload *load, const compute_result *result);
void selftest_compare(json_t *row, const compute_result *a, const compute_result *b);

/* ---- in the parent --------------------------------------------------------------------------- */

typedef struct selftest_gathered {
    json_t *root;   /* the object that --json prints */
    char test[160]; /* the last one that began */
    json_t *lost;   /* its line, which says what is found if it does not come to its end */
    int last;       /* its number, from 1 on; 0: none */
    int has_row;    /* and it has a row */
    int stop;       /* exit code, where nothing more can be tested */
    char reason[512];
} selftest_gathered;

void selftest_gather_init(selftest_gathered *out);
void selftest_gather_free(selftest_gathered *all);
/* A line of a child; `user` is a selftest_gathered. */
double selftest_gather(void *user, const char *line);
/* A test that did not come to its end: "hung", "crashed", "not run". */
void selftest_gather_failure(selftest_gathered *all, const char *test, const char *how,
                             const char *message);
/* Runs a group until its end, past tests that hang or crash; 0 at the deadline or on a stop. */
int selftest_run_group(selftest_gathered *all, const char *name, supervise_work work,
                       selftest_pen pen, const supervise_limits *limits);
/* Adds "verdict" and gives the exit code. */
int selftest_conclude(selftest_gathered *all, double seconds);

/* The parts of the table, of what is there. */
void selftest_print_device(const json_t *root);
void selftest_print_probes(const json_t *root);
void selftest_print_answers(const json_t *root);
void selftest_print_times(const json_t *root);
void selftest_print_verdict(const json_t *root);

#endif
