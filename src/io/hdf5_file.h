/*
 * hdf5_file.h: an HDF5 file in memory, as much of it as Keras writes: groups, float datasets and
 * attributes of text. Nothing in it makes the library open another file or load a plug-in: links are
 * hard ones, data lie within, filters are deflate, shuffle and checksums.
 */
#ifndef CLRNN_IO_HDF5_FILE_H
#define CLRNN_IO_HDF5_FILE_H

#include "core/status.h"

struct hdf5_file;

int hdf5_file_probe(const unsigned char *bytes, size_t size);
/* UNSUPPORTED: built without HDF5. An open file has the turn (hdf5_turn.h): others wait. */
clrnn_status hdf5_file_open(struct hdf5_file **out, const unsigned char *bytes, size_t size,
                            const char *label);
void hdf5_file_close(struct hdf5_file *file);

/* 1: there is a group or a dataset at the path, whose parts are all within the file. */
int hdf5_file_has(const struct hdf5_file *file, const char *path);
/* How many links a group has; -1: there is none. */
int hdf5_file_links(const struct hdf5_file *file, const char *path);
/* The name of link i of a group, in the order of names; 0: there is none of at most size - 1 bytes. */
int hdf5_file_link(char *out, size_t size, const struct hdf5_file *file, const char *path, int i);
/* A dataset of floats as float32; its data are to be freed. FORMAT where it holds a double that is none. */
clrnn_status hdf5_file_read(clrnn_tensor *out, const struct hdf5_file *file, const char *path);
/* An attribute of one text, to be freed; *out NULL: there is none. */
clrnn_status hdf5_file_text(char **out, const struct hdf5_file *file, const char *path,
                            const char *name);
/* An attribute of a list of texts: each is to be freed, and the list. */
clrnn_status hdf5_file_texts(char ***out, int *count, const struct hdf5_file *file,
                             const char *path, const char *name);

#endif
