/* cli_readme.h: the README's own programs and texts, as a case of the suite `cli`. */
#ifndef CLRNN_TESTS_CLI_README_H
#define CLRNN_TESTS_CLI_README_H

#include <check.h>

TCase *cli_readme(void);

#endif
