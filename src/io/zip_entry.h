/*
 * zip_entry.h: reading entries of a zip archive in memory, one after the other.
 *
 * What the central directory says of an entry is held against the bytes that are there before
 * memory is asked for: deflate cannot expand more than 1032 times, and all entries together cannot
 * have more compressed bytes than the file. So a file asks for at most about 1032 times its own
 * size.
 */
#ifndef CLRNN_IO_ZIP_ENTRY_H
#define CLRNN_IO_ZIP_ENTRY_H

#include "core/status.h"

#include <zip.h>

struct zip_archive {
    zip_t *zip;
    zip_uint64_t left; /* compressed bytes that further entries can have */
};

/* FORMAT: it is damaged. `path` is for messages, here and below. */
clrnn_status zip_entry_open(struct zip_archive *out, const unsigned char *bytes, size_t size,
                            const char *path);
/* Closes without a trace; {0} is fine. */
void zip_entry_close(struct zip_archive *archive);
int zip_entry_exists(const struct zip_archive *archive, const char *name);
/* The entry's bytes, a 0 behind them, to be freed. `limit`: bytes at most. */
clrnn_status zip_entry_read(unsigned char **out, size_t *size, struct zip_archive *archive,
                            const char *name, size_t limit, const char *path);
/* The same by its number; `label` begins messages. */
clrnn_status zip_entry_read_at(unsigned char **out, size_t *size, struct zip_archive *archive,
                               zip_uint64_t index, size_t limit, const char *label);

#endif
