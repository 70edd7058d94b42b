/* supervise.c: see supervise.h: one child, two pipes, and a clock. */
#include "cli/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum {
    LINE_MOST = 1 << 16, /* bytes; what is longer is cut */
    LOOK_MS = 100,       /* how often it is seen whether the child is there yet */
    KILL_LOOKS = 30      /* and after a kill: it may wait within a driver for ever */
};

/* A reading end and the line that is not whole yet. */
typedef struct supervise_pipe {
    int fd; /* -1: at its end */
    size_t used;
    char line[LINE_MOST];
} supervise_pipe;

typedef struct supervise_watch {
    pid_t child;
    int status;
    int is_gone; /* the child: status is known */
    supervise_pipe lines, words;
    double heard;   /* when the last line came */
    double silence; /* that may follow it; 0: as usual */
    supervise_outcome *out;
    supervise_take take;
    void *user;
} supervise_watch;

double supervise_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- the child ------------------------------------------------------------------------------- */

/* It leaves by _exit: destructors of drivers may hang, and buffers are the caller's. */
static void be_child(int lines, int words, supervise_work work, void *context) {
#ifdef __linux__
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a caller that is killed takes it along */
#endif
    FILE *out = fdopen(lines, "w");
    const int is_ready =
        out != NULL && dup2(words, STDOUT_FILENO) >= 0 && dup2(words, STDERR_FILENO) >= 0;
    if (is_ready) {
        work(out, context);
        (void)fflush(stdout);
    }
    _exit(is_ready && fflush(out) == 0 ? 0 : 1);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void take_line(supervise_watch *watch, supervise_pipe *from) {
    from->line[from->used] = 0;
    if (from == &watch->lines) {
        watch->heard = supervise_now();
        watch->silence = watch->take(watch->user, from->line);
    } else if (from->used > 0) {
        (void)snprintf(watch->out->said, sizeof watch->out->said, "%s", from->line);
    }
    from->used = 0;
}

/* All that is there now. */
static void drain(supervise_watch *watch, supervise_pipe *from) {
    char some[4096];
    ssize_t got = 0;
    while (from->fd >= 0 && (got = read(from->fd, some, sizeof some)) > 0) {
        for (ssize_t i = 0; i < got; i++) {
            if (some[i] == '\n') {
                take_line(watch, from);
            } else if (from->used + 1 < sizeof from->line) {
                from->line[from->used++] = some[i];
            }
        }
    }
    if (from->fd >= 0 && (got == 0 || (errno != EAGAIN && errno != EINTR))) {
        (void)close(from->fd);
        from->fd = -1;
    }
}

static void look(supervise_watch *watch) {
    if (!watch->is_gone) {
        watch->is_gone = waitpid(watch->child, &watch->status, WNOHANG) == watch->child;
    }
}

/* ---- the end --------------------------------------------------------------------------------- */

static void kill_child(supervise_watch *watch) {
    (void)kill(watch->child, SIGKILL);
    for (int i = 0; i < KILL_LOOKS && !watch->is_gone; i++) {
        (void)poll(NULL, 0, i == 0 ? 1 : LOOK_MS);
        look(watch);
    }
    watch->out->is_stuck = !watch->is_gone;
}

static void read_status(supervise_outcome *out, int status) {
    out->end = WIFSIGNALED(status)        ? SUPERVISE_SIGNAL
               : WEXITSTATUS(status) != 0 ? SUPERVISE_EXIT
                                          : SUPERVISE_DONE;
    out->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static void watch_child(supervise_watch *watch, const supervise_limits *limits) {
    supervise_outcome *out = watch->out;
    watch->heard = supervise_now();
    for (;;) {
        struct pollfd fds[] = {{.fd = watch->lines.fd, .events = POLLIN},
                               {.fd = watch->words.fd, .events = POLLIN}};
        look(watch); /* before the pipes, so that nothing is left in them */
        if (!watch->is_gone) {
            (void)poll(fds, 2, LOOK_MS);
        }
        drain(watch, &watch->lines);
        drain(watch, &watch->words);
        const double now = supervise_now();
        out->silence = now - watch->heard;
        const double silence = watch->silence > 0 ? watch->silence : limits->silence;
        if (watch->is_gone) {
            read_status(out, watch->status);
            break;
        }
        if (now >= limits->end || out->silence >= silence) {
            out->end = now >= limits->end ? SUPERVISE_DEADLINE : SUPERVISE_LATE;
            kill_child(watch);
            drain(watch, &watch->words);
            break;
        }
    }
    if (watch->words.used > 0) {
        take_line(watch, &watch->words); /* the last words may lack their end */
    }
}

/* ---- both ------------------------------------------------------------------------------------ */

/* Closed in programs that the child may start, so that none of them keeps a pipe open. */
static int open_pipe(int fds[2]) {
    if (pipe(fds) != 0) {
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        (void)fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    }
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    return 1;
}

static void close_all(const int *fds, int count) {
    for (int i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

void supervise(supervise_outcome *out, supervise_work work, void *context,
               const supervise_limits *limits, supervise_take take, void *user) {
    int fds[4] = {-1, -1, -1, -1};
    supervise_watch *watch = calloc(1, sizeof *watch);
    *out = (supervise_outcome){.end = SUPERVISE_NO_CHILD, .code = ENOMEM};
    if (watch == NULL) {
        return;
    }
    (void)fflush(NULL);
    *watch = (supervise_watch){.child = -1, .out = out, .take = take, .user = user};
    if (open_pipe(fds) && open_pipe(fds + 2)) {
        watch->child = fork();
    }
    if (watch->child == 0) {
        (void)close(fds[0]);
        (void)close(fds[2]);
        be_child(fds[1], fds[3], work, context);
    }
    out->code = errno;
    if (watch->child > 0) {
        (void)close(fds[1]);
        (void)close(fds[3]);
        watch->lines.fd = fds[0];
        watch->words.fd = fds[2];
        watch_child(watch, limits);
        close_all((int[]){watch->lines.fd, watch->words.fd}, 2);
    } else {
        close_all(fds, 4);
    }
    free(watch);
}
