/*
 * faults.h: calls that fail on purpose. The test program is linked with --wrap of every OpenCL call and
 * of every allocation that the library makes (FAULTS in the Makefile): between faults_enter and
 * faults_leave the nth of them fails instead of being made, all are counted, and so is what is not
 * given back. Outside it is as if they were not there.
 *
 * Memory that a command may touch yet is known by the commands themselves: a transfer that does not
 * block and gives no event of its own is under way until a wait succeeds, however fast the device was.
 */
#ifndef CLRNN_TESTS_FAULTS_H
#define CLRNN_TESTS_FAULTS_H

#include "clrnn.h"

struct faults {
    int nth;     /* the call that fails, from 1 on; 0: none */
    cl_int code; /* by this code */
    int forever; /* 1: and all after it, as those of a device that was lost */
};

/* Forgets all that is counted. */
void faults_forget(void);
void faults_enter(struct faults faults);
/* The first call that was made to fail since faults_enter, or NULL. */
const char *faults_leave(void);

/* A device that is not what the driver says, from here on. Its clGetDeviceInfo asks `answer` first: 1:
 * `value` and `needed`, neither of them NULL, were set. Larger buffers than `max_alloc` fail, and so do
 * what `launch` gives a code for, and buffers over the caller's memory by `host_memory`. A member that is
 * NULL or 0, but for max_alloc, changes nothing. NULL: as it is. */
struct faults_pretence {
    int (*answer)(cl_device_info what, size_t size, void *value, size_t *needed);
    cl_int (*launch)(cl_kernel kernel, cl_uint dims, const size_t *local);
    size_t max_alloc;
    cl_int host_memory; /* the code of CL_MEM_USE_HOST_PTR */
};
void faults_pretend(const struct faults_pretence *pretence);

/* 1: every fill is a write, every write covers its buffer, and no buffer is given back, from here on. Oclgrind
 * 21.10 takes what was filled, and what a write does not cover, for uninitialised, whatever was written before;
 * and it gives the number of a released buffer away again, and takes what is behind the old one's size for
 * uninitialised for ever. */
void faults_write_whole(int on);

/* Calls since faults_enter whose names begin so, but for those that give back. A transfer that blocks is
 * counted once more, as FAULTS_BLOCKING. */
#define FAULTS_BLOCKING "blocking transfer"
int faults_calls(const char *prefix);
/* Calls of clSetKernelArg among them that set what that argument had, since faults_forget, already. */
int faults_arguments_again(void);

/* What was made since faults_forget and is there yet. Memory may be given back by another thread when
 * a command is done: these wait for it for a while where there is more than `expected`. */
size_t faults_memory(size_t expected);
int faults_objects(void);
/* Is there a transfer under way to or from these bytes? */
int faults_under_way(const void *from, size_t bytes);
/* What was freed while a transfer was under way, or NULL. */
const char *faults_freed_early(void);

#endif
