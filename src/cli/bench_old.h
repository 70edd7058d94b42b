/* bench_old.h: the rows of an earlier run, to compare with. */
#ifndef CLRNN_CLI_BENCH_OLD_H
#define CLRNN_CLI_BENCH_OLD_H

#include <jansson.h>

/* What `bench --format json` or jsonl wrote: key of a row -> row, in *rows, and its first object in
 * *header. Reports what is wrong with it. */
int bench_old_load(json_t **rows, json_t **header, const char *path);

/* "cell=lstm,T=50,N=1,I=128,H=128 on auto, algorithm auto": what makes rows of two runs the same
 * case; NULL: it is no row. Free it. */
char *bench_old_key(const json_t *row);

#endif
