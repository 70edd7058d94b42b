/* selftest_cl.h: a device with a program of the selftest's own on it: one kernel at a time. */
#ifndef CLRNN_CLI_SELFTEST_CL_H
#define CLRNN_CLI_SELFTEST_CL_H

#include "clrnn.h"

typedef struct selftest_cl {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    cl_program program;
    const char *call; /* the OpenCL call that failed; NULL: none did */
    int code;
    char log[256]; /* of a program that did not build: a line */
} selftest_cl;

/* Give 1, or 0 with `call`, `code` and `log`. */
int selftest_cl_open(selftest_cl *out, const clrnn_device_info *info);
int selftest_cl_build(selftest_cl *cl, const char *source);
void selftest_cl_close(selftest_cl *cl);
/* 1 if the call was fine; else keeps its name for messages. */
int selftest_cl_is_fine(selftest_cl *cl, const char *call, cl_int code);
/* Runs a kernel of (in, out, number) by so many items in groups of so many, and waits. Arrays of
 * `count` floats; where in is NULL the kernel takes (out, number). */
int selftest_cl_run(selftest_cl *cl, const char *kernel, const float *in, int count_in, float *out,
                    int count_out, int number, size_t items, size_t group);

#endif
