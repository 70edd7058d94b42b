/* aligned.c: see aligned.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "core/aligned.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Of x86 and of AArch64 with small pages. Below LARGE the rest of a huge page would be waste. */
enum { LINE = 64, HUGE_PAGE = 2 << 20, LARGE = 8 << 20 };

float *aligned_floats(size_t count) {
    if (count > (SIZE_MAX - HUGE_PAGE) / sizeof(float)) {
        return NULL;
    }
    const size_t least = count * sizeof(float);
    const size_t unit = least >= LARGE ? HUGE_PAGE : LINE;
    const size_t bytes = (least / unit + 1) * unit;
    float *values = aligned_alloc(unit, bytes);
    if (values == NULL) {
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    if (unit == HUGE_PAGE) {
        (void)madvise(values, bytes, MADV_HUGEPAGE); /* a wish: without it all is as right */
    }
#endif
    memset(values, 0, bytes);
    return values;
}
