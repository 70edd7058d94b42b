/*
 * bench_peak_cl.c: the peak of an OpenCL device, by two kernels of its own.
 *
 * It calls OpenCL itself: the library has no call for kernels of others, and a peak measured through
 * its own would be no measure of them.
 */
#include "cli/bench_peak.h"
#include "cli/device_cl.h"

#include <stdio.h>
#include <string.h>

enum { UNROLLED = 8, SUMS = 12, READS = 8 };

/* WIDTH is a build option. A read gives each group its slice of the data; where there are more
 * groups than slices they share. */
static const char source[] =
    "#define JOIN_(a, b) a##b\n"
    "#define JOIN(a, b) JOIN_(a, b)\n"
    "#if WIDTH == 1\n"
    "#define VECTOR float\n"
    "#else\n"
    "#define VECTOR JOIN(float, WIDTH)\n"
    "#endif\n"
    "#define ALL(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)\n"
    "#define MORE(X) ALL(X) X(8) X(9) X(10) X(11)\n"
    "#define MAKE(i) VECTOR s##i = (VECTOR)(i);\n"
    "#define STEP(i) s##i = fma(s##i, a, a);\n"
    "#define READ(i) s##i += from[at + i * items];\n"
    "#define ADD(i) s0 += s##i;\n"
    "kernel void peak_fma(global VECTOR *out, const int rounds, const float factor) {\n"
    "    const VECTOR a = (VECTOR)(factor);\n"
    "    MORE(MAKE)\n"
    "    for (int round = 0; round < rounds; round++) {\n"
    "        MORE(STEP) MORE(STEP) MORE(STEP) MORE(STEP)\n"
    "        MORE(STEP) MORE(STEP) MORE(STEP) MORE(STEP)\n"
    "    }\n"
    "    MORE(ADD)\n"
    "    out[get_global_id(0)] = s0;\n"
    "}\n"
    "kernel void peak_read(global VECTOR *out, const int rounds, global const VECTOR *data,\n"
    "                      const int slice, const int slices) {\n"
    "    const int items = get_local_size(0);\n"
    "    global const VECTOR *from = data + (size_t)(get_group_id(0) % slices) * slice\n"
    "                                + get_local_id(0);\n"
    "    ALL(MAKE)\n"
    "    for (int round = 0; round < rounds; round++) {\n"
    "        for (int at = 0; at < slice; at += 8 * items) {\n"
    "            ALL(READ)\n"
    "        }\n"
    "    }\n"
    "    ALL(ADD)\n"
    "    out[get_global_id(0)] = s0;\n"
    "}\n";

typedef struct cl_work {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    cl_program program;
    cl_kernel fma, read;
    cl_kernel kernel; /* the one that is timed */
    cl_mem data, out;
    size_t groups, items;
    int width;
    const char *call; /* that failed */
} cl_work;

/* Jumps to `out:` with the name of what failed. */
#define CALL(name, result)                                                                         \
    do {                                                                                           \
        if ((result) != CL_SUCCESS) {                                                              \
            work->call = (name);                                                                   \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

static int is_fine(const cl_work *work) {
    return work->call == NULL;
}

/* On CPU drivers one group of one item a core, as the panels run; GPUs hide latency by many. */
static void open_device(cl_work *work, const clrnn_device_info *info) {
    const int is_cpu = strcmp(info->type, "CPU") == 0;
    const size_t units = info->compute_units > 0 ? (size_t)info->compute_units : 1;
    const float value = 0.25f;
    cl_int code = CL_SUCCESS;
    work->groups = is_cpu ? units : 16 * units;
    work->items = is_cpu ? 1 : 128;
    work->items = work->items < info->max_group_size ? work->items : info->max_group_size;
    work->context = clCreateContext(NULL, 1, &work->device, NULL, NULL, &code);
    CALL("clCreateContext", code);
    work->queue = clCreateCommandQueue(work->context, work->device, 0, &code);
    CALL("clCreateCommandQueue", code);
    work->data = clCreateBuffer(work->context, CL_MEM_READ_WRITE,
                                bench_level_bytes[BENCH_LEVELS - 1], NULL, &code);
    CALL("clCreateBuffer", code);
    work->out = clCreateBuffer(work->context, CL_MEM_READ_WRITE,
                               work->groups * work->items * 16 * sizeof value, NULL, &code);
    CALL("clCreateBuffer", code);
    CALL("clEnqueueFillBuffer",
         clEnqueueFillBuffer(work->queue, work->data, &value, sizeof value, 0,
                             bench_level_bytes[BENCH_LEVELS - 1], 0, NULL, NULL));
out:
    return;
}

static void drop_program(cl_work *work) {
    if (work->fma != NULL) {
        (void)clReleaseKernel(work->fma);
    }
    if (work->read != NULL) {
        (void)clReleaseKernel(work->read);
    }
    if (work->program != NULL) {
        (void)clReleaseProgram(work->program);
    }
    work->fma = work->read = NULL;
    work->program = NULL;
}

static void close_device(cl_work *work) {
    drop_program(work);
    if (work->out != NULL) {
        (void)clReleaseMemObject(work->out);
    }
    if (work->data != NULL) {
        (void)clReleaseMemObject(work->data);
    }
    if (work->queue != NULL) {
        (void)clReleaseCommandQueue(work->queue);
    }
    if (work->context != NULL) {
        (void)clReleaseContext(work->context);
    }
}

static void build(cl_work *work, int width) {
    char build_options[32];
    const char *text = source;
    cl_int code = CL_SUCCESS;
    drop_program(work);
    work->width = width;
    (void)snprintf(build_options, sizeof build_options, "-DWIDTH=%d", width);
    work->program = clCreateProgramWithSource(work->context, 1, &text, NULL, &code);
    CALL("clCreateProgramWithSource", code);
    CALL("clBuildProgram",
         clBuildProgram(work->program, 1, &work->device, build_options, NULL, NULL));
    work->fma = clCreateKernel(work->program, "peak_fma", &code);
    CALL("clCreateKernel", code);
    work->read = clCreateKernel(work->program, "peak_read", &code);
    CALL("clCreateKernel", code);
    CALL("clSetKernelArg", clSetKernelArg(work->fma, 0, sizeof work->out, &work->out));
    CALL("clSetKernelArg", clSetKernelArg(work->read, 0, sizeof work->out, &work->out));
    CALL("clSetKernelArg", clSetKernelArg(work->read, 2, sizeof work->data, &work->data));
out:
    return;
}

static double run(void *context, int rounds) {
    cl_work *work = context;
    const size_t global = work->groups * work->items;
    const double start = bench_now();
    CALL("clSetKernelArg", clSetKernelArg(work->kernel, 1, sizeof rounds, &rounds));
    CALL("clEnqueueNDRangeKernel", clEnqueueNDRangeKernel(work->queue, work->kernel, 1, NULL,
                                                          &global, &work->items, 0, NULL, NULL));
    CALL("clFinish", clFinish(work->queue));
out:
    return is_fine(work) ? bench_now() - start : -1;
}

static double time_fma(cl_work *work) {
    const float factor = 0.75f;
    double best = 0;
    CALL("clSetKernelArg", clSetKernelArg(work->fma, 2, sizeof factor, &factor));
    work->kernel = work->fma;
    best = bench_peak_best(
        run, work, 2.0 * UNROLLED * SUMS * work->width * (double)(work->groups * work->items));
out:
    return best;
}

static double time_read(cl_work *work, size_t bytes) {
    const size_t vector = (size_t)work->width * sizeof(float);
    const size_t least = READS * work->items; /* vectors of a group in one pass of its loop */
    const size_t share = (bytes / vector / work->groups + least - 1) / least * least;
    const int slice = (int)(share > 0 ? share : least);
    const size_t fit = bytes / vector / (size_t)slice;
    const int slices = (int)(fit < 1 ? 1 : fit < work->groups ? fit : work->groups);
    double best = 0;
    CALL("clSetKernelArg", clSetKernelArg(work->read, 3, sizeof slice, &slice));
    CALL("clSetKernelArg", clSetKernelArg(work->read, 4, sizeof slices, &slices));
    work->kernel = work->read;
    best = bench_peak_best(run, work, (double)vector * slice * (double)work->groups);
out:
    return best;
}

int bench_peak_opencl(bench_peak *out, const clrnn_device_info *info, const char **call) {
    static const int widths[] = {4, 8, 16};
    cl_work work = {0};
    *out = (bench_peak){0};
    work.call = device_cl_find(&work.device, info);
    if (is_fine(&work)) {
        open_device(&work, info);
    }
    /* Which width a driver does best in differs, and its own word on it is often wrong. */
    for (size_t i = 0; i < sizeof widths / sizeof widths[0] && is_fine(&work); i++) {
        build(&work, widths[i]);
        const double rate = is_fine(&work) ? 1e-9 * time_fma(&work) : 0;
        out->gflops = rate > out->gflops ? rate : out->gflops;
        for (int level = 0; level < BENCH_LEVELS && is_fine(&work); level++) {
            const double speed = 1e-9 * time_read(&work, bench_level_bytes[level]);
            out->gb_s[level] = speed > out->gb_s[level] ? speed : out->gb_s[level];
        }
    }
    close_device(&work);
    *call = work.call;
    if (!is_fine(&work)) {
        *out = (bench_peak){0};
    }
    return is_fine(&work);
}
