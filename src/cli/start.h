/*
 * start.h: the initial state of a workload from a file: h_0, c_0 and, with a mask, o_0, by the
 * names of states.h.
 */
#ifndef CLRNN_CLI_START_H
#define CLRNN_CLI_START_H

#include "cli/workload.h"

/* Behind workload_select: with --rows the file may hold those rows or the whole batch. Gives the
 * exit code. */
int start_load(workload *load, const char *path);

#endif
