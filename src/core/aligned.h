/* aligned.h: where kernels' numbers lie on the host. */
#ifndef CLRNN_CORE_ALIGNED_H
#define CLRNN_CORE_ALIGNED_H

#include <stddef.h>

/* Zeros from the beginning of a cache line on, as whole lines: a vector that crosses lines is two
 * reads. Large ones in huge pages, where the system has some. For free(); NULL: out of memory. */
float *aligned_floats(size_t count);
/* What that takes: 64 bytes more than the floats at most, of large ones 2 MiB more. */
size_t aligned_bytes(size_t count);

#endif
