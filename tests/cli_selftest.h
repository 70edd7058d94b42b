/* cli_selftest.h: the case of the suite `cli` that runs the selftest. */
#ifndef CLRNN_TESTS_CLI_SELFTEST_H
#define CLRNN_TESTS_CLI_SELFTEST_H

#include <check.h>

TCase *cli_selftest(void);

#endif
