/*
 * start.h: the initial state of a workload from a file: h_0 and, of an lstm, c_0.
 */
#ifndef CLRNN_CLI_START_H
#define CLRNN_CLI_START_H

#include "cli/workload.h"

/* Behind workload_select: with --rows the file may hold those rows or the whole batch. Gives the
 * exit code. */
int start_load(workload *load, const char *path);

#endif
