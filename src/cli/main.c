/*
 * main.c: finds the command, lets options.c read its line, runs it, and sees to it that standard
 * output arrived. The program sees the library through clrnn.h alone.
 */
#define _GNU_SOURCE /* affinity */
#include "cli/commands.h"
#include "cli/deliver.h"
#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A closed standard stream would be the next file that is opened; writing to one fails here. */
static void fill_standard_streams(void) {
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
            (void)open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
        }
    }
}

/* PoCL's threads each stay on a core of their own if they are told so: groups that meet wait for milliseconds
 * where Linux puts two of them on one. It counts cores from 0 on, so that they all must be ours. */
static void spread_driver_threads(void) {
    cpu_set_t ours;
    if (sched_getaffinity(0, sizeof ours, &ours) == 0 &&
        CPU_COUNT(&ours) == sysconf(_SC_NPROCESSORS_ONLN) &&
        getenv("POCL_MAX_PTHREAD_COUNT") == NULL) {
        (void)setenv("POCL_AFFINITY", "1", 0);
    }
}

static report_when when_of(const char *value) {
    if (value == NULL || strcmp(value, "auto") == 0) {
        return REPORT_AUTO;
    }
    return strcmp(value, "always") == 0 ? REPORT_ALWAYS : REPORT_NEVER;
}

static int run_command(const command *which, int argc, char **argv) {
    options opts;
    report_set_command(which->name);
    int code = options_parse(&opts, which, argc, argv);
    if (code != REPORT_FINE) {
        return code;
    }
    int is_quiet = opts.given[OPTION_QUIET] > opts.given[OPTION_VERBOSE];
    report_set_style(is_quiet ? -1 : opts.given[OPTION_VERBOSE] != 0,
                     when_of(opts.value[OPTION_COLOR]), when_of(opts.value[OPTION_PROGRESS]));
    if (opts.given[OPTION_HELP]) {
        cmd_help_print(which);
        return REPORT_FINE;
    }
    return which->run(&opts);
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    int code;
    fill_standard_streams();
    spread_driver_threads();
    deliver_catch_interrupts();
    if (argc < 2) {
        code = report_fail(REPORT_USAGE, "a command is missing");
        report_hint("clrnn help lists the commands");
    } else if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        code = run_command(&commands[COMMAND_HELP], argc - 2, argv + 2);
    } else if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        code = run_command(&commands[COMMAND_VERSION], 0, argv);
    } else if (name[0] == '-') {
        code = report_fail(REPORT_USAGE, "%s: options stand behind the command", name);
        report_hint("clrnn COMMAND %s ...", name);
    } else {
        const command *which = commands_find(name);
        code = which != NULL ? run_command(which, argc - 2, argv + 2) : REPORT_USAGE;
    }
    int finished = report_finish_output();
    return code != REPORT_FINE ? code : finished;
}
