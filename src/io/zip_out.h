/*
 * zip_out.h: writing a zip archive of stored entries, the same bytes for the same content: as
 * NumPy's savez writes it, with dates fixed at 1980-01-01.
 *
 *     struct zip_out zip = {.sink = sink, .context = context, .label = label};
 *     struct zip_sum sum;
 *     zip_sum_start(&sum);
 *     TRY(zip_sum_sink(&sum, data, size));
 *     TRY(zip_out_entry(&zip, "config.json", &sum));
 *     TRY(zip_out_sink(&zip, data, size));
 *     TRY(zip_out_end(&zip));
 * out:
 *     zip_out_free(&zip);
 */
#ifndef CLRNN_IO_ZIP_OUT_H
#define CLRNN_IO_ZIP_OUT_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* Takes the next piece of a file. */
typedef clrnn_status zip_out_taker(void *context, const void *data, size_t size);

struct zip_out {
    zip_out_taker *sink;
    void *context;
    const char *label;      /* for messages */
    uint64_t offset;        /* bytes written so far */
    unsigned char *central; /* the central headers */
    size_t central_size, count;
};

/* What a header says of an entry's data: they go through here once before they are written. */
struct zip_sum {
    uint32_t crc; /* not yet inverted */
    uint64_t size;
    uint32_t table[256];
};

void zip_sum_start(struct zip_sum *sum);
/* The context is a zip_sum. */
clrnn_status zip_sum_sink(void *context, const void *data, size_t size);

/* The header of the next entry; exactly sum->size bytes go to zip_out_sink after it. */
clrnn_status zip_out_entry(struct zip_out *zip, const char *name, const struct zip_sum *sum);
/* The context is a zip_out. */
clrnn_status zip_out_sink(void *context, const void *data, size_t size);
clrnn_status zip_out_end(struct zip_out *zip);
void zip_out_free(struct zip_out *zip);

#endif
