/* cmd_help.c: `clrnn help`, and what --help prints: the tables of commands and options as text. */
#include "cli/commands.h"
#include "cli/report.h"

#include <stdio.h>

static void print_program(void) {
    (void)printf("usage: clrnn COMMAND [options] ...\n\n"
                 "Recurrent networks (RNN, LSTM, GRU) on any OpenCL device, and on the CPU.\n\n"
                 "commands:\n");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].run != NULL) {
            (void)printf("  %-10s %s\n", commands[i].name, commands[i].purpose);
        }
    }
    (void)printf("\n'clrnn COMMAND --help' or 'clrnn help COMMAND' has the options.\n\n"
                 "exit status: 0 fine, 1 failed at run time, 2 usage, 3 no usable device, 4 bad\n"
                 "model or input file, 5 mismatch, 130 interrupted.\n");
}

void cmd_help_print(const command *which) {
    if (which == NULL) {
        print_program();
        return;
    }
    (void)printf("usage: clrnn %s %s\n\n%s\n\noptions:\n", which->name, which->synopsis,
                 which->purpose);
    options_print(which);
    if (which->notes != NULL) {
        (void)printf("\n%s", which->notes);
    }
}

int cmd_help(const options *opts) {
    const command *which = NULL;
    if (opts->num_arguments > 0) {
        which = commands_find(opts->arguments[0]);
        if (which == NULL) {
            return REPORT_USAGE;
        }
    }
    cmd_help_print(which);
    return REPORT_FINE;
}
