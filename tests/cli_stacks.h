/* cli_stacks.h: the case of the suite `cli` that runs stacks. */
#ifndef CLRNN_TESTS_CLI_STACKS_H
#define CLRNN_TESTS_CLI_STACKS_H

#include <check.h>

TCase *cli_stacks(void);

#endif
