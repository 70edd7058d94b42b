/* cpu_kernels.h: the kernels of one cell as C functions, and how to find those that fit. */
#ifndef CLRNN_CPU_KERNELS_H
#define CLRNN_CPU_KERNELS_H

#include "core/shared.h"

/* The arguments of KERNEL_ARRAYS in kernels/rows.cl, the launch's two numbers, and the group. */
typedef void cpu_kernel(const struct params *restrict params, const struct row *restrict rows,
                        const float *restrict x, const float *restrict w, const float *restrict b,
                        float *state, float *work, float *y, float *hiddens, float *cells,
                        float *gates, const uint8_t *mask, const wide *starts, int first,
                        int second, int group_0, int group_1);

/* Of a launch whose groups meet, by flags. */
typedef void cpu_meeting(const struct params *restrict params, const struct row *restrict rows,
                         const float *restrict x, const float *restrict w, const float *restrict b,
                         float *state, float *work, float *y, float *hiddens, float *cells,
                         float *gates, const uint8_t *mask, const wide *starts, int first,
                         int second, int *flags, int epoch, int finish, int group_0, int group_1);

/* One object of the build: a cell, an instruction set, a panel variant. */
struct cpu_kernels {
    const char *cell;
    const char *isa; /* "base", "v3", "v4" */
    int variant;
    int vector_width;
    cpu_kernel *step_begin, *step_forward, *single_forward; /* NULL: not for this cell */
    cpu_meeting *persist_forward;
};

/* The best instruction set of this machine that the build has: its name, and lanes of a vector. */
const char *cpu_kernels_isa(int *vector_width);

/* That with so many lanes, or NULL. */
const char *cpu_kernels_isa_of(int lanes);

/* What the processor calls itself, where it does; else empty. */
enum { CPU_BRAND = 49 };
void cpu_brand(char brand[CPU_BRAND]);

/* NULL if the build has none such. */
const struct cpu_kernels *cpu_kernels_find(const char *cell, const char *isa, int variant);

#endif
