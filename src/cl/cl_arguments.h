/*
 * cl_arguments.h: a kernel, and the arguments that it has: none is set to what it is already, so that
 * a repeated forward sets nothing.
 *
 * A handle does not say which buffer it is: once one was released, the next may come under the same.
 * So a buffer is known by a number, and one of the caller's, who may release it, is set each time.
 */
#ifndef CLRNN_CL_ARGUMENTS_H
#define CLRNN_CL_ARGUMENTS_H

#include "cl/cl_internal.h"

/* Arguments of every kernel: see KERNEL_ARRAYS in kernels/rows.cl. */
enum cl_argument {
    ARG_PARAMS,
    ARG_ROWS,
    ARG_X,
    ARG_W,
    ARG_B,
    ARG_STATE,
    ARG_WORK,
    ARG_Y,
    ARG_HIDDENS,
    ARG_CELLS,
    ARG_GATES,
    ARG_MASK,
    ARG_STARTS,
    ARG_FIRST,
    ARG_SECOND,
    ARG_FLAGS, /* of kernels whose groups meet */
    ARG_EPOCH,
    ARG_FINISH,
    ARG_COUNT
};

/* A buffer, and the number by which it is known; 0: none. */
struct cl_known {
    cl_mem buffer;
    uint64_t number;
};

/* A number that no buffer had before. */
uint64_t cl_known_number(void);
/* A buffer that lives as long as the kernel does: its handle is its number. */
struct cl_known cl_known_lasting(cl_mem buffer);

struct cl_function {
    cl_kernel kernel; /* NULL: there is none */
    struct params params;
    uint64_t buffers[ARG_COUNT]; /* numbers */
    int numbers[ARG_COUNT];
    unsigned is_set; /* a bit for each that has one of the three */
};

clrnn_status cl_set_params(struct cl_function *function, const struct params *params);
clrnn_status cl_set_buffer(struct cl_function *function, enum cl_argument argument,
                           struct cl_known known);
clrnn_status cl_set_number(struct cl_function *function, enum cl_argument argument, int number);
void cl_function_free(struct cl_function *function);

#endif
