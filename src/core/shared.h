/* shared.h: the structs that the host hands to kernels, from the kernels' own text. */
#ifndef CLRNN_CORE_SHARED_H
#define CLRNN_CORE_SHARED_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t wide;
typedef int32_t narrow;

#include "params.cl"

_Static_assert(sizeof(struct row) == 16, "struct row is laid out as in OpenCL C");
_Static_assert(offsetof(struct params, forget_bias) + sizeof(float) == sizeof(struct params),
               "struct params has no tail, which rusticl would not count");
/* Every OpenCL device takes 1024 bytes of arguments; the arrays need theirs. */
_Static_assert(sizeof(struct params) <= 768, "struct params leaves room for other arguments");

#endif
