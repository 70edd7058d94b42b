/*
 * foreign.h: what a file that is neither .npz nor .safetensors is, for messages.
 */
#ifndef CLRNN_IO_FOREIGN_H
#define CLRNN_IO_FOREIGN_H

#include <stddef.h>

/* "a PyTorch checkpoint", or NULL where the beginning of the file tells nothing. */
const char *foreign_name(const unsigned char *bytes, size_t size, const char *path);

#endif
