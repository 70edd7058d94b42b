/*
 * output.h: an output file that is written whole or not at all.
 *
 *     struct output output = {.fd = -1};
 *     TRY(output_open(&output, path));
 *     TRY(output_write(&output, bytes, size));
 *     TRY(output_commit(&output));
 * out:
 *     output_close(&output);
 *
 * The bytes go to a file without a name (where the file system has that; else to a temporary beside
 * the target) that takes the target's place in output_commit. Until then the target is untouched,
 * and a process that is killed leaves nothing behind. Standard output ("-", /dev/stdout,
 * /dev/fd/N), devices, pipes and sockets are written directly: there half a result can arrive.
 */
#ifndef CLRNN_IO_OUTPUT_H
#define CLRNN_IO_OUTPUT_H

#include "io/arrays.h"

struct output {
    int fd;          /* -1: not open */
    int direct;      /* no temporary */
    int named;       /* the temporary exists under its name */
    char *target;    /* symbolic links resolved */
    char *temporary; /* in the target's directory */
    char label[ARRAYS_LABEL];
};

clrnn_status output_open(struct output *output, const char *path);
clrnn_status output_write(struct output *output, const void *data, size_t size);
clrnn_status output_commit(struct output *output);
/* Without a commit nothing remains. Safe on {.fd = -1}. */
void output_close(struct output *output);
/* A text and the end of its last line, as all of a file. */
clrnn_status output_text(const char *path, const char *text);
/* output_write as an npy_sink. */
clrnn_status output_sink(void *output, const void *data, size_t size);

#endif
