/*
 * commands.h: the table of commands. A command is a row there and a file cmd_NAME.c here.
 */
#ifndef CLRNN_CLI_COMMANDS_H
#define CLRNN_CLI_COMMANDS_H

#include "cli/options.h"

typedef enum command_id {
    COMMAND_RUN,
    COMMAND_SUMMARY,
    COMMAND_CHECK,
    COMMAND_DEVICES,
    COMMAND_BENCH,
    COMMAND_TUNE,
    COMMAND_CONVERT,
    COMMAND_PLOT,
    COMMAND_SELFTEST,
    COMMAND_VERSION,
    COMMAND_HELP,
    COMMAND_COUNT
} command_id;

typedef struct command {
    command_id id;
    const char *name;
    int (*run)(const options *opts); /* gives the exit code; NULL: this version has it not */
    const char *synopsis;            /* what stands behind the name */
    const char *purpose;             /* one line */
    const char *notes;               /* under the options in --help, or NULL */
    int min_arguments;
    int max_arguments;
} command;

extern const command commands[COMMAND_COUNT];

/* NULL if there is no such command, or none in this version; then it is reported. */
const command *commands_find(const char *name);

int cmd_run(const options *opts);
int cmd_summary(const options *opts);
int cmd_check(const options *opts);
int cmd_devices(const options *opts);
int cmd_bench(const options *opts);
int cmd_tune(const options *opts);
int cmd_convert(const options *opts);
int cmd_selftest(const options *opts);
int cmd_version(const options *opts);
int cmd_help(const options *opts);

/* --help of one command, or of the program where NULL. */
void cmd_help_print(const command *which);

#endif
