/*
 * bytes.h: numbers in files, which are little-endian whatever this machine is.
 */
#ifndef CLRNN_IO_BYTES_H
#define CLRNN_IO_BYTES_H

#include <stddef.h>
#include <stdint.h>

int bytes_host_is_big(void);

/* Turns round the bytes of each of `count` elements. */
void bytes_swap(unsigned char *bytes, size_t count, size_t item);

/* A little-endian number of `size` bytes. bytes_put returns where the next one goes. */
uint64_t bytes_get(const unsigned char *at, int size);
unsigned char *bytes_put(unsigned char *at, uint64_t value, int size);

#endif
