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
    /* dealt out to the ranges in turns, until a range is full */
    const int ranges = (count + share - 1) / share;
    int round = 0, range = 0;
    for (int n = 0; n < count; n++) {
        while (round >= (count - range * share < share ? count - range * share : share)) {
            range++; /* the last one, alone, may be shorter */
            if (range == ranges) {
                range = 0;
                round++;
            }
        }
        rows[range * share + round] = spare[n];
        range++;
        if (range == ranges) {
            range = 0;
            round++;
        }
    }
}
