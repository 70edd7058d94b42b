/* suggest.h: the word that was probably meant. */
#ifndef CLRNN_CLI_SUGGEST_H
#define CLRNN_CLI_SUGGEST_H

#include <stddef.h>

/* Of `count` words the only one that begins so; else the nearest, at most a third of whose letters are
 * wrong (a pair swapped counts once, capitals count nothing); else the first that begins so, or NULL. */
const char *suggest_nearest(const char *word, const char *const *words, size_t count);

#endif
