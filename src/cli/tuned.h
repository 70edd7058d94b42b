/*
 * tuned.h: where the tuning of this machine is, and contexts that know it.
 *
 * --tuning FILE says where; else it is clrnn/tuning.json in XDG_DATA_HOME (~/.local/share). A file
 * that was named must be fine; the usual one need not be there, and if something is wrong with it a
 * note says so.
 */
#ifndef CLRNN_CLI_TUNED_H
#define CLRNN_CLI_TUNED_H

#include "cli/options.h"
#include "clrnn.h"

typedef struct tuned_file {
    char path[4096]; /* empty: none */
    int is_usual;    /* it was not named */
} tuned_file;

/* Gives the exit code. */
int tuned_find(tuned_file *out, const options *opts);

/* clrnn_context_create with the file as the tuning. */
clrnn_status tuned_open(clrnn_context **out, const clrnn_context_desc *desc,
                        const tuned_file *file);

/* 1: the last failure of tuned_open is the file's. */
int tuned_is_at_fault(const tuned_file *file);

#endif
