/* suite_cases.h: cases of suites that are spread over several files. */
#ifndef CLRNN_TESTS_SUITE_CASES_H
#define CLRNN_TESTS_SUITE_CASES_H

#include <check.h>

TCase *graph_refusals_case(void);
TCase *judge_exact_case(void);
TCase *judge_refusals_case(void);
TCase *personalities_run_case(void);
TCase *reference_bounds_case(void);
TCase *tuning_file_case(void);
TCase *tune_measure_case(void);

#endif
