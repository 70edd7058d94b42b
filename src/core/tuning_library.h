/*
 * tuning_library.h: parameters of CLBlast's kernels, by the names that its own tuners print. A tuning
 * may give them; the opencl engine alone knows what they do.
 */
#ifndef CLRNN_CORE_TUNING_LIBRARY_H
#define CLRNN_CORE_TUNING_LIBRARY_H

#include <stddef.h>

enum { LIBRARY_KERNELS = 7, LIBRARY_PARAMETERS = 16, LIBRARY_MOST = 1 << 20 };

/* A kernel takes all of its parameters or none. */
struct library_kernel {
    const char *name;
    size_t count;
    const char *parameters[LIBRARY_PARAMETERS];
};
extern const struct library_kernel library_kernels[LIBRARY_KERNELS];

struct tuning_library {
    int given[LIBRARY_KERNELS];                      /* 1: it has parameters */
    int values[LIBRARY_KERNELS][LIBRARY_PARAMETERS]; /* 0 to LIBRARY_MOST */
};

/* Has any kernel parameters? */
int tuning_library_is_given(const struct tuning_library *library);

#endif
