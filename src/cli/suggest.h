/* suggest.h: the word that was probably meant. */
#ifndef CLRNN_CLI_SUGGEST_H
#define CLRNN_CLI_SUGGEST_H

#include <stddef.h>

/* The nearest of `count` words, or NULL if none is near: at most a third of the letters are wrong
 * (a pair swapped counts once, capitals count nothing), or the word is the start of one. */
const char *suggest_nearest(const char *word, const char *const *words, size_t count);

#endif
