/* cli_tune.h: cases of the suite `cli` for `clrnn tune` and --tuning. */
#ifndef CLRNN_TESTS_CLI_TUNE_H
#define CLRNN_TESTS_CLI_TUNE_H

#include <check.h>

TCase *cli_tune(void);

#endif
