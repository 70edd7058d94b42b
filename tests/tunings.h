/*
 * tunings.h: tuning files that nobody measured: what the suites of tuning write and read.
 */
#ifndef CLRNN_TESTS_TUNINGS_H
#define CLRNN_TESTS_TUNINGS_H

#include "io/tuning_file.h"

/* What a fresh file would say of the device: its usual speeds, no lanes, measured on 2026-11-25. */
struct tuning tunings_of(const clrnn_context *context);

/* Puts them into the file, beside a row of times. Fails as tuning_file_update does, and nothing else
 * does. */
enum { TUNINGS_MOST = TUNING_FILE_MOST };
clrnn_status tunings_put(const char *path, const struct tuning *tunings, int count);

/* Fails unless the file has this of the tuning's own device; numbers to 6 digits. */
void tunings_expect(const char *path, const struct tuning *tuning);

#endif
