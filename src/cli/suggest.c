/*
 * suggest.c: edit distance between words of a command line (optimal string alignment: insert,
 * delete, replace, swap neighbours).
 */
#include "cli/suggest.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MAX_LETTERS 40

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Both words have at most MAX_LETTERS letters. */
static size_t distance(const char *a, const char *b) {
    size_t rows[3][MAX_LETTERS + 1]; /* of a's letters i - 2, i - 1 and i, in turn */
    size_t a_length = strlen(a);
    size_t b_length = strlen(b);
    for (size_t j = 0; j <= b_length; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3];
        const size_t *before_that = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            int x = tolower((unsigned char)a[i - 1]);
            int y = tolower((unsigned char)b[j - 1]);
            size_t best = smaller(before[j], now[j - 1]) + 1;
            best = smaller(best, before[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2])) {
                best = smaller(best, before_that[j - 2] + 1);
            }
            now[j] = best;
        }
    }
    return rows[a_length % 3][b_length];
}

/* The word that begins so; NULL where none or several do, or where one letter says too little. */
static const char *only_beginning(const char *start, const char *const *words, size_t count) {
    const size_t length = strlen(start);
    const char *only = NULL;
    for (size_t i = 0; i < count && length >= 2; i++) {
        if (strncasecmp(start, words[i], length) == 0) {
            if (only != NULL) {
                return NULL;
            }
            only = words[i];
        }
    }
    return only;
}

const char *suggest_nearest(const char *word, const char *const *words, size_t count) {
    const char *nearest = only_beginning(word, words, count);
    size_t length = strlen(word);
    size_t least = length / 3 > 1 ? length / 3 : smaller(1, length);
    if (nearest != NULL || length == 0 || length > MAX_LETTERS) {
        return nearest;
    }
    for (size_t i = 0; i < count; i++) {
        if (strlen(words[i]) > MAX_LETTERS) {
            continue;
        }
        size_t d = distance(word, words[i]);
        if (d < length && d <= least && (nearest == NULL || d < least)) {
            nearest = words[i];
            least = d;
        }
    }
    for (size_t i = 0; nearest == NULL && length >= 2 && i < count; i++) {
        if (strncasecmp(word, words[i], length) == 0) {
            nearest = words[i];
        }
    }
    return nearest;
}
