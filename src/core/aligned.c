/* aligned.c: see aligned.h. */
#define _DEFAULT_SOURCE /* madvise */
#include "core/aligned.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Of x86 and of AArch64 with small pages. Below LARGE the rest of a huge page would be waste. */
enum { LINE = 64, HUGE_PAGE = 2 << 20, LARGE = 8 << 20 };

static size_t unit_of(size_t count) {
    return count * sizeof(float) >= LARGE ? HUGE_PAGE : LINE;
}

size_t aligned_bytes(size_t count) {
    return (count * sizeof(float) / unit_of(count) + 1) * unit_of(count);
}

float *aligned_floats(size_t count) {
    if (count > (SIZE_MAX - HUGE_PAGE) / sizeof(float)) {
        return NULL;
    }
    const size_t unit = unit_of(count), bytes = aligned_bytes(count);
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
