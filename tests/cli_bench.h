/* cli_bench.h: the case of the suite `cli` that times: tables, ranges, comparisons. */
#ifndef CLRNN_TESTS_CLI_BENCH_H
#define CLRNN_TESTS_CLI_BENCH_H

#include <check.h>

TCase *cli_bench(void);

#endif
