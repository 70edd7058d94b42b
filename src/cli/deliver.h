/*
 * deliver.h: results to files and to the eye: saving whole or not at all, statistics, SHA-256.
 */
#ifndef CLRNN_CLI_DELIVER_H
#define CLRNN_CLI_DELIVER_H

#include "cli/options.h"
#include "clrnn.h"
#include <jansson.h>

/* Ctrl-C ends the program at once with exit code 130, or after the file in hand. */
void deliver_catch_interrupts(void);

/* One output file of a run: a set of arrays, or a trace, and where it goes. */
typedef struct deliver_file {
    const char *option; /* for messages */
    const char *path;   /* NULL: not wanted */
    const clrnn_arrays *arrays;
    const clrnn_trace *trace; /* of a trace: not NULL from the beginning */
} deliver_file;

/* What can be said before anything is computed: kinds of files, places named twice. File number
 * `must_be_npz` (-1: none) takes the arrays `names`, which are several. */
int deliver_check(const deliver_file *files, int count, int must_be_npz, const char *names);
/* Refuses a file that is one of those that are read: the model, those of options, and the tuning (NULL or
 * empty: none). */
int deliver_check_inputs(const deliver_file *files, int count, const options *opts,
                         const char *tuning);
/* Refuses a place where no file can be written, as far as that is known before. */
int deliver_check_places(const deliver_file *files, int count);
/* Writes all of them; after a failure or an interrupt none of them is left. */
int deliver_save(const deliver_file *files, int count);

/* Name, shape, min, mean, max and a preview, as text on standard output. */
void deliver_describe(const char *name, const clrnn_tensor *array);
/* The same as an object. */
json_t *deliver_describe_json(const char *name, const clrnn_tensor *array, int with_sha256);
/* "SHA256 (output) = ..." */
void deliver_print_sha256(const char *name, const clrnn_tensor *array);

#endif
