/* selftest_cl.c: see selftest_cl.h. The programs are built as the library builds its own. */
#include "cli/selftest_cl.h"

#include "cli/device_cl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int selftest_cl_is_fine(selftest_cl *cl, const char *call, cl_int code) {
    if (code != CL_SUCCESS && cl->call == NULL) {
        cl->call = call;
        cl->code = code;
    }
    return code == CL_SUCCESS;
}

int selftest_cl_open(selftest_cl *out, const clrnn_device_info *info) {
    cl_int code = CL_SUCCESS;
    *out = (selftest_cl){0};
    out->call = device_cl_find(&out->device, info);
    if (out->call != NULL) {
        out->code = CL_DEVICE_NOT_FOUND;
        return 0;
    }
    out->context = clCreateContext(NULL, 1, &out->device, NULL, NULL, &code);
    if (!selftest_cl_is_fine(out, "clCreateContext", code)) {
        return 0;
    }
    out->queue = clCreateCommandQueue(out->context, out->device, 0, &code);
    return selftest_cl_is_fine(out, "clCreateCommandQueue", code);
}

void selftest_cl_close(selftest_cl *cl) {
    if (cl->program != NULL) {
        (void)clReleaseProgram(cl->program);
    }
    if (cl->queue != NULL) {
        (void)clReleaseCommandQueue(cl->queue);
    }
    if (cl->context != NULL) {
        (void)clReleaseContext(cl->context);
    }
}

/* The line of the log that says "error", or the first one. */
static void keep_log(selftest_cl *cl) {
    char log[4096] = "";
    (void)clGetProgramBuildInfo(cl->program, cl->device, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log,
                                NULL);
    const char *line = strstr(log, "error") != NULL ? strstr(log, "error") : log;
    (void)snprintf(cl->log, sizeof cl->log, "%.*s", (int)strcspn(line, "\n"), line);
}

int selftest_cl_build(selftest_cl *cl, const char *source) {
    cl_device_fp_config config = 0;
    cl_int code = CL_SUCCESS;
    (void)clGetDeviceInfo(cl->device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof config, &config, NULL);
    const char *build_options = (config & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0
                                    ? "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt"
                                    : "-cl-std=CL1.2";
    cl->program = clCreateProgramWithSource(cl->context, 1, &source, NULL, &code);
    if (!selftest_cl_is_fine(cl, "clCreateProgramWithSource", code)) {
        return 0;
    }
    code = clBuildProgram(cl->program, 1, &cl->device, build_options, NULL, NULL);
    if (code != CL_SUCCESS) {
        keep_log(cl);
    }
    return selftest_cl_is_fine(cl, "clBuildProgram", code);
}

/* Enqueues it and reads what it gives. */
static void launch(selftest_cl *cl, cl_kernel kernel, cl_mem result, float *out, size_t bytes,
                   size_t items, size_t group) {
    (void)(selftest_cl_is_fine(
               cl, "clEnqueueNDRangeKernel",
               clEnqueueNDRangeKernel(cl->queue, kernel, 1, NULL, &items, &group, 0, NULL, NULL)) &&
           selftest_cl_is_fine(
               cl, "clEnqueueReadBuffer",
               clEnqueueReadBuffer(cl->queue, result, CL_TRUE, 0, bytes, out, 0, NULL, NULL)));
}

int selftest_cl_run(selftest_cl *cl, const char *name, const float *in, int count_in, float *out,
                    int count_out, int number, size_t items, size_t group) {
    const size_t bytes_in = (size_t)count_in * sizeof *in;
    const size_t bytes_out = (size_t)count_out * sizeof *out;
    cl_int code = CL_SUCCESS;
    cl_uint at = 0;
    cl_mem given = NULL;
    cl_mem result = NULL;
    cl_kernel kernel = clCreateKernel(cl->program, name, &code);
    if (selftest_cl_is_fine(cl, "clCreateKernel", code) && in != NULL) {
        given = clCreateBuffer(cl->context, CL_MEM_READ_ONLY, bytes_in, NULL, &code);
        if (selftest_cl_is_fine(cl, "clCreateBuffer", code)) {
            (void)selftest_cl_is_fine(
                cl, "clEnqueueWriteBuffer",
                clEnqueueWriteBuffer(cl->queue, given, CL_TRUE, 0, bytes_in, in, 0, NULL, NULL));
            (void)selftest_cl_is_fine(cl, "clSetKernelArg",
                                      clSetKernelArg(kernel, at++, sizeof given, &given));
        }
    }
    if (cl->call == NULL) {
        result = clCreateBuffer(cl->context, CL_MEM_READ_WRITE, bytes_out, NULL, &code);
        if (selftest_cl_is_fine(cl, "clCreateBuffer", code) &&
            selftest_cl_is_fine(cl, "clSetKernelArg",
                                clSetKernelArg(kernel, at++, sizeof result, &result)) &&
            selftest_cl_is_fine(cl, "clSetKernelArg",
                                clSetKernelArg(kernel, at, sizeof number, &number))) {
            launch(cl, kernel, result, out, bytes_out, items, group);
        }
    }
    if (given != NULL) {
        (void)clReleaseMemObject(given);
    }
    if (result != NULL) {
        (void)clReleaseMemObject(result);
    }
    if (kernel != NULL) {
        (void)clReleaseKernel(kernel);
    }
    return cl->call == NULL;
}
