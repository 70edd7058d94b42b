/*
 * output.c: writing a file whole or not at all.
 *
 * A file made with O_TMPFILE has no name, so that nothing needs to be cleaned up whatever happens
 * to the process; only linkat and rename at the very end give it one. linkat cannot replace a file,
 * which is why an existing target takes both. No signal handlers here: they are the program's.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME_TRIES = 100 };

/* -1: not the name of an open descriptor. These are not opened again: a file behind /dev/stdout
 * would then be written from its begin, over what the shell put there. */
static int descriptor_of(const char *path) {
    static const struct {
        const char *name;
        int fd;
    } names[] = {
        {"-", STDOUT_FILENO}, {"/dev/stdout", STDOUT_FILENO}, {"/dev/stderr", STDERR_FILENO}};
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(path, names[i].name) == 0) {
            return names[i].fd;
        }
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const size_t length = strlen(folders[i]);
        const char *digits = path + length;
        if (strncmp(path, folders[i], length) == 0 && *digits != '\0' && strlen(digits) <= 6 &&
            strspn(digits, "0123456789") == strlen(digits)) {
            return (int)strtol(digits, NULL, 10);
        }
    }
    return -1;
}

/* Another name each time: DIRECTORY/.clrnn-PID-NUMBER.tmp */
static void name_temporary(struct output *output, size_t directory) {
    static _Atomic unsigned count;
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    sprintf(output->temporary + directory, ".clrnn-%ld-%lx-%x.tmp", (long)getpid(),
            (unsigned long)now.tv_nsec, atomic_fetch_add(&count, 1) & 0xffffu);
}

/* Bytes of the path up to and with its last '/'. */
static size_t directory_length(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? (size_t)(slash - path) + 1 : 0;
}

static int open_unnamed(struct output *output, size_t directory, mode_t mode) {
    int fd = -1;
#if defined(O_TMPFILE) && !defined(OUTPUT_NAMED_ONLY)
    char proof[64];
    memcpy(output->temporary, output->target, directory);
    strcpy(output->temporary + directory, ".");
    fd = open(output->temporary, O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
    /* Without /proc it could not be given a name later. */
    snprintf(proof, sizeof proof, "/proc/self/fd/%d", fd);
    if (fd >= 0 && access(proof, F_OK) != 0) {
        close(fd);
        fd = -1;
    }
#else
    (void)output, (void)directory, (void)mode;
#endif
    return fd;
}

static int open_named(struct output *output, size_t directory, mode_t mode) {
    int fd = -1;
    for (int i = 0; i < NAME_TRIES && fd < 0 && (i == 0 || errno == EEXIST); i++) {
        name_temporary(output, directory);
        fd = open(output->temporary, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, mode);
    }
    output->named = fd >= 0;
    return fd;
}

clrnn_status output_open(struct output *output, const char *path) {
    enum { NEW_FILE = 0666, NAME_ROOM = 64 };
    clrnn_status status = CLRNN_STATUS_OK;
    struct stat info;
    *output = (struct output){.fd = -1};
    arrays_label(output->label, path, NULL);
    const int given = descriptor_of(path);
    if (given >= 0) {
        snprintf(output->label, sizeof output->label, "%s",
                 given == STDOUT_FILENO ? "standard output" : path);
        output->direct = 1;
        output->fd = fcntl(given, F_DUPFD_CLOEXEC, 0);
        REQUIRE(output->fd >= 0, IO, "%s: cannot be written: %s", output->label, strerror(errno));
        goto out;
    }
    const int exists = stat(path, &info) == 0;
    REQUIRE(exists || errno == ENOENT, IO, "%s: cannot be written: %s", output->label,
            strerror(errno));
    REQUIRE(!exists || !S_ISDIR(info.st_mode), IO, "%s: cannot be written: %s", output->label,
            strerror(EISDIR));
    if (exists && !S_ISREG(info.st_mode)) {
        output->direct = 1;
        do {
            output->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        } while (output->fd < 0 && errno == EINTR);
        REQUIRE(output->fd >= 0, IO, "%s: cannot be written: %s", output->label, strerror(errno));
        goto out;
    }
    /* A rename would replace even a file that its owner made read-only. */
    REQUIRE(!exists || faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0, IO,
            "%s: cannot be replaced: %s", output->label, strerror(errno));
    errno = ENOMEM;
    output->target = exists ? realpath(path, NULL) : strdup(path);
    REQUIRE(output->target != NULL || errno != ENOMEM, MEMORY, "%s: out of memory", output->label);
    REQUIRE(output->target != NULL, IO, "%s: cannot be written: %s", output->label,
            strerror(errno));
    const size_t directory = directory_length(output->target);
    REQUIRE(output->target[directory] != '\0', IO, "%s: cannot be written: %s", output->label,
            strerror(directory > 0 ? EISDIR : ENOENT));
    output->temporary = calloc(directory + NAME_ROOM, 1);
    REQUIRE(output->temporary != NULL, MEMORY, "%s: out of memory", output->label);
    memcpy(output->temporary, output->target, directory);
    output->fd = open_unnamed(output, directory, NEW_FILE);
    if (output->fd < 0) {
        output->fd = open_named(output, directory, NEW_FILE);
    }
    REQUIRE(output->fd >= 0, IO, "%s: cannot be written: %s", output->label, strerror(errno));
    if (exists) {
        /* As good as it goes: the permissions that the user gave the old file. */
        (void)!fchmod(output->fd, info.st_mode & 0777);
    }
out:
    if (status != CLRNN_STATUS_OK) {
        output_close(output);
    }
    return status;
}

clrnn_status output_write(struct output *output, const void *data, size_t size) {
    enum { LARGEST = 1 << 30 }; /* bytes; Linux takes just under 2 GiB at once */
    clrnn_status status = CLRNN_STATUS_OK;
    const char *at = data;
    while (size > 0) {
        const ssize_t done = write(output->fd, at, size < LARGEST ? size : LARGEST);
        if (done >= 0) {
            at += done;
            size -= (size_t)done;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = output->fd, .events = POLLOUT}, 1, -1);
        } else {
            REQUIRE(errno == EINTR, IO, "%s: cannot be written: %s", output->label,
                    strerror(errno));
        }
    }
out:
    return status;
}

clrnn_status output_sink(void *output, const void *data, size_t size) {
    return output_write(output, data, size);
}

/* Gives the unnamed file a name: the target's own if that is free, else a temporary one. */
static int link_unnamed(struct output *output) {
    char source[64];
    const size_t directory = directory_length(output->target);
    snprintf(source, sizeof source, "/proc/self/fd/%d", output->fd);
    int failed = linkat(AT_FDCWD, source, AT_FDCWD, output->target, AT_SYMLINK_FOLLOW);
    for (int i = 0; i < NAME_TRIES && failed != 0 && errno == EEXIST; i++) {
        name_temporary(output, directory);
        failed = linkat(AT_FDCWD, source, AT_FDCWD, output->temporary, AT_SYMLINK_FOLLOW);
        output->named = failed == 0;
    }
    return failed;
}

clrnn_status output_commit(struct output *output) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int was_unnamed = !output->named;
    if (!output->direct) {
        REQUIRE(fsync(output->fd) == 0 || errno == EINVAL, IO, "%s: cannot be written: %s",
                output->label, strerror(errno));
        REQUIRE(!was_unnamed || link_unnamed(output) == 0, IO, "%s: cannot be created: %s",
                output->label, strerror(errno));
    }
    /* Network file systems report a full disk only here. */
    const int closed = close(output->fd);
    output->fd = -1;
    REQUIRE(closed == 0 || errno == EINTR, IO, "%s: cannot be written: %s", output->label,
            strerror(errno));
    if (output->named) {
        REQUIRE(rename(output->temporary, output->target) == 0, IO, "%s: cannot be replaced: %s",
                output->label, strerror(errno));
        output->named = 0;
    }
out:
    return status;
}

void output_close(struct output *output) {
    if (output->fd >= 0) {
        close(output->fd);
    }
    if (output->named) {
        unlink(output->temporary);
    }
    free(output->target);
    free(output->temporary);
    *output = (struct output){.fd = -1};
}

clrnn_status output_text(const char *path, const char *text) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct output output = {.fd = -1};
    TRY(output_open(&output, path));
    TRY(output_write(&output, text, strlen(text)));
    TRY(output_write(&output, "\n", 1));
    TRY(output_commit(&output));
out:
    output_close(&output);
    return status;
}
