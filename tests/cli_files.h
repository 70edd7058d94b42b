/*
 * cli_files.h: the files that the tables of cli_tables.h and the tests of the program need, in the
 * fresh folder of cli_program.h. Models are made from problem strings, through the public API.
 */
#ifndef CLRNN_TESTS_CLI_FILES_H
#define CLRNN_TESTS_CLI_FILES_H

#include "clrnn.h"

#define SHAPE(...) ((const int64_t[]){__VA_ARGS__, -1})
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Opens the folder and fills it. */
void cli_files_open(void);

/* In paths DATA/ and TMP/ stand for the folders; arrays are freed. */
void cli_save(clrnn_arrays *arrays, const char *path);
clrnn_arrays *cli_load(const char *path);
/* An array of zeros but for one value; shape ends at -1. */
void cli_add(clrnn_arrays *arrays, const char *name, clrnn_dtype dtype, const int64_t *shape,
             int64_t at, int value);
void cli_save_one(const char *path, const char *name, clrnn_dtype dtype, const int64_t *shape,
                  int64_t at, int value);
/* Some arrays of a file, under their names. */
void cli_copy(const char *to, const char *from, const char *const *names);
/* Steps `first` .. `first + count - 1` of the one array [T][...] of a file. */
void cli_cut(const char *to, const char *from, int axis, int64_t first, int64_t count);
void cli_write_text(const char *path, const char *text);

/* The net of a problem string as a model with a config. */
void cli_save_model(const char *path, const char *problem_text, int batch_first);

/* A net as .safetensors with a config of one's own: JSON with its quotes escaped. */
void cli_save_safetensors(const char *path, const clrnn_net *net, const char *config);

const float *cli_values(const clrnn_arrays *arrays, const char *name, int64_t *count);
/* Fails unless both files have the array with the same bits. */
void cli_expect_same(const char *a_path, const char *b_path, const char *name);

#endif
