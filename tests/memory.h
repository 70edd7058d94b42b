/*
 * memory.h: where the arrays of a case may lie beside plain host memory: in views with gaps, and in
 * buffers of a device of the tester's own.
 */
#ifndef CLRNN_TESTS_MEMORY_H
#define CLRNN_TESTS_MEMORY_H

#include "support.h"

/* As test_run_plan, but every array is a view into a larger one: gaps behind each row and each outer
 * row, and some floats before the first. Fails if a gap was written. */
void test_run_views(struct test_outcome *result, const struct test_case *test, clrnn_plan *plan);
/* Fails unless the plan gives the same bits, with dense arrays and with views. */
void test_runs_same(const struct test_case *test, clrnn_plan *plan,
                    const struct test_outcome *expected, const char *where);

/* A device of the user's own: what a program that uses OpenCL itself brings along. */
struct test_device {
    cl_context context;
    cl_command_queue queue;
};

/* Usable device number `index` among all; 0: there is none. */
int test_device_open(struct test_device *device, int index);
void test_device_close(struct test_device *device);
cl_mem test_device_memory(const struct test_device *device, size_t bytes);

/* Moves every host array of args but lengths into a buffer of its own, each behind some bytes. */
void test_to_buffers(const struct test_device *device, clrnn_forward_args *args);
/* Back to where `home` has them, which is args before that. */
void test_from_buffers(const struct test_device *device, clrnn_forward_args *args,
                       const clrnn_forward_args *home);

#endif
