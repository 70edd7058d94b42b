/* rows.c: see rows.h. */
#include "core/rows.h"

#include <stdlib.h>
#include <string.h>

static int longest_first(const void *a, const void *b) {
    const struct row *first = a, *second = b;
    return first->length != second->length
               ? (first->length < second->length) - (first->length > second->length)
               : (first->at > second->at) - (first->at < second->at);
}

static int is_ragged(const struct row *rows, int count) {
    for (int n = 1; n < count; n++) {
        if (rows[n].length != rows[0].length) {
            return 1;
        }
    }
    return 0;
}

void rows_order(struct row *rows, struct row *spare, int count, int share) {
    if (!is_ragged(rows, count)) {
        return;
    }
    memcpy(spare, rows, (size_t)count * sizeof *rows);
    qsort(spare, (size_t)count, sizeof *spare, longest_first);
    /* dealt out to the ranges in turns */
    const int ranges = (count + share - 1) / share;
    for (int round = 0, n = 0; round < share; round++) {
        for (int range = 0; range < ranges; range++) {
            const int place = range * share + round;
            if (place < count) { /* the last range, alone, may be shorter */
                rows[place] = spare[n++];
            }
        }
    }
}
