/*
 * zip_entry.h: single entries of a zip archive in memory, by name; with the limits of npz.c.
 */
#ifndef CLRNN_IO_ZIP_ENTRY_H
#define CLRNN_IO_ZIP_ENTRY_H

#include "core/status.h"

#include <zip.h>

clrnn_status zip_entry_open(zip_t **out, const unsigned char *bytes, size_t size, const char *path);
/* Closes without a trace; NULL is fine. */
void zip_entry_close(zip_t *zip);
int zip_entry_exists(zip_t *zip, const char *name);
/* The entry's bytes, a 0 behind them, to be freed. `limit`: bytes at most. */
clrnn_status zip_entry_read(unsigned char **out, size_t *size, zip_t *zip, const char *name,
                            size_t limit, const char *path);

#endif
