/*
 * files.h: what the suites of files share: expected failures, bytes as a file, layers compared, a
 * test's own folder.
 *
 * The one idea: a test writes only into its own folder, counts what it left there, and removes it.
 */
#ifndef CLRNN_TESTS_FILES_H
#define CLRNN_TESTS_FILES_H

#include "clrnn.h"

#include <check.h>
#include <stddef.h>

enum { SAMPLE = 8192, TEXT = 512 };

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

/* Fails with the library's last error. */
#define EXPECT_OK(call)                                                                            \
    ck_assert_msg((call) == CLRNN_STATUS_OK, "%s: %s", #call, clrnn_last_error()->message)

/* Fails unless `got` is this status and the message holds the part. */
void expect_failure(clrnn_status got, clrnn_status status, const char *part);

/* On memory of exactly that size, so that a read past the end is seen. */
clrnn_status parse(clrnn_arrays **out, const unsigned char *bytes, size_t size);
/* Every field, sources by their text, numbers by their bits. */
int same_layer(const clrnn_layer_desc *a, const clrnn_layer_desc *b);
int same_text(const char *a, const char *b); /* either may be NULL */
/* To be freed. */
unsigned char *read_whole(const char *path, size_t *size);

/* Runs a command and keeps what it prints, as a text; its exit status, -1: none. */
int run_command(const char *command, char *output, size_t size);

extern char folder[64]; /* of the running test */
void make_folder(void);
void remove_folder(void);
int count_files(void);
/* A path in the folder; the last four stay valid. */
const char *in_folder(const char *name);

#endif
