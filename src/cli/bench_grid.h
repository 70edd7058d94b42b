/*
 * bench_grid.h: which cases are timed: lists and ranges that multiply out, or problem strings.
 *
 *     8,16,32        a list
 *     128-1024*2     128, 256, 512, 1024: from, to, factor
 *     10-50+20       10, 30, 50: from, to, step
 */
#ifndef CLRNN_CLI_BENCH_GRID_H
#define CLRNN_CLI_BENCH_GRID_H

#include "cli/options.h"
#include "cli/problem.h"

/* More than anybody waits for: a slip of a few zeros in a range. */
enum { BENCH_MAX_CASES = 10000 };

typedef struct bench_words {
    int count;
    char **words;
} bench_words;

typedef struct bench_grid {
    int count;
    problem *cases;
} bench_grid;

/* The entries of a list, ranges written out where `has_ranges`. Reports what is wrong with it. */
int bench_words_read(bench_words *out, const char *option, const char *text, int has_ranges);
void bench_words_free(bench_words *words);

/* Every case that the command line asks for. Reports what is wrong with it. */
int bench_grid_read(bench_grid *out, const options *opts);
void bench_grid_free(bench_grid *grid);

#endif
