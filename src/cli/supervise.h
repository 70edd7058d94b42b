/*
 * supervise.h: work that may hang or crash, in a child process that is watched: what it finds comes
 * back line by line over a pipe, and what it had said by then is kept whatever becomes of it.
 *
 * A caller that has touched nothing which does not survive a fork (an OpenCL driver, threads) may
 * supervise as often as it likes: each child begins afresh.
 */
#ifndef CLRNN_CLI_SUPERVISE_H
#define CLRNN_CLI_SUPERVISE_H

#include <stdio.h>

typedef enum supervise_end {
    SUPERVISE_DONE = 0, /* the work came to its end */
    SUPERVISE_EXIT,     /* the child ended itself before, with an exit status */
    SUPERVISE_SIGNAL,   /* it died of a signal */
    SUPERVISE_LATE,     /* it said nothing for too long, and was killed */
    SUPERVISE_DEADLINE, /* it was killed at the deadline */
    SUPERVISE_NO_CHILD  /* there was none: errno in code */
} supervise_end;

typedef struct supervise_limits {
    double silence; /* seconds between two lines at most, unless a line asks for more */
    double end;     /* of all, by the clock of supervise_now */
} supervise_limits;

typedef struct supervise_outcome {
    supervise_end end;
    int code;       /* exit status, signal or errno */
    double silence; /* seconds since its last line */
    int is_stuck;   /* it was killed and is still there: it waits within a driver */
    char said[256]; /* the last line on its standard output and error, which nobody else sees */
} supervise_outcome;

/* Runs in the child; whole lines written to `out` are taken as they come. */
typedef void (*supervise_work)(FILE *out, void *context);
/* Runs in the caller, with a line without its end. Gives the seconds that may pass until the next one;
 * 0: as many as usual. */
typedef double (*supervise_take)(void *user, const char *line);

void supervise(supervise_outcome *out, supervise_work work, void *context,
               const supervise_limits *limits, supervise_take take, void *user);
double supervise_now(void); /* seconds, from some start */

#endif
