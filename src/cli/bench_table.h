/*
 * bench_table.h: rows of a benchmark as Markdown, CSV, JSON or JSON lines, beside those of an
 * earlier run where one is given.
 */
#ifndef CLRNN_CLI_BENCH_TABLE_H
#define CLRNN_CLI_BENCH_TABLE_H

#include "cli/bench_time.h"

#include <jansson.h>

typedef enum bench_format { BENCH_MD = 0, BENCH_CSV, BENCH_JSON, BENCH_JSONL } bench_format;

typedef struct bench_table {
    bench_format format;
    json_t *old; /* key of a row -> that row of the earlier run; NULL: none is compared with */
    json_t *old_header;
    const char *old_path;
    json_t *header;
    json_t *rows; /* of BENCH_JSON, until its end */
    int count;
    int not_in_old; /* rows */
} bench_table;

/* Version, commit, device, driver, peaks: of engines that are open. Prints what stands above. */
int bench_table_begin(bench_table *table, const bench_engines *engines);
/* A bench_take: its context is the table. */
int bench_table_row(void *table, const bench_row *row);
/* Prints what is left, and names the cases of the earlier run that were not timed again. */
int bench_table_end(bench_table *table);
void bench_table_free(bench_table *table);

#endif
