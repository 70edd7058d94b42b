/* cl_probe.c: asks the device for known answers before a strict plan trusts its arithmetic. */
#include "cl/cl_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* a, b, c: a denormal product, denormal operands, an fma whose product needs 48 bits, a product plus
 * sum that differs from its fma, and quotients beside the middle of two floats. */
static const float questions[][3] = {
    {0x1p-100f, 0x1p-40f, 0.0f},
    {0x1p-130f, 1.0f, 0x1p-131f},
    {0x1.000002p0f, 0x1.000002p0f, -0x1.000004p0f},
    {0x1.fffffep0f, 0x1.fffffep0f, -0x1.fffffcp1f},
    {0x1.8p-127f, 0x1p-1f, -0x1p-149f},
    {1.0f, 0x1.fffffep0f, 1.0f},
    {0x1.fffffcp-1f, 0x1.fffffep-1f, 1.0f},
};
enum { QUESTIONS = sizeof questions / sizeof questions[0], ANSWERS = 5 };

static void expect(float *answers) {
    for (int i = 0; i < QUESTIONS; i++) {
        const float a = questions[i][0], b = questions[i][1], c = questions[i][2];
        const volatile float product = a * b; /* rounded here, not fused into the sum below */
        answers[ANSWERS * i] = product;
        answers[ANSWERS * i + 1] = a + c;
        answers[ANSWERS * i + 2] = fmaf(a, b, c);
        answers[ANSWERS * i + 3] = product + c;
        answers[ANSWERS * i + 4] = a / b;
    }
}

clrnn_status cl_probe(struct cl_engine_context *context) {
    static const char *const names[ANSWERS] = {"a product", "a sum", "an fma",
                                               "a product and a sum", "a quotient"};
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_program program = {.count = 1, .files = {"probe.cl"}, .phases = {-1}};
    float expected[QUESTIONS * ANSWERS], *got = malloc(sizeof expected);
    const int count = QUESTIONS;
    const size_t one = 1;
    cl_int code = CL_SUCCESS;
    cl_kernel kernel = NULL;
    cl_mem in = NULL, out_buffer = NULL;
    REQUIRE(got != NULL, MEMORY, "probe: out of memory");
    expect(expected);
    TRY(cl_program_kernel(&kernel, context, &program, "probe_numbers"));
    in = clCreateBuffer(context->context, CL_MEM_READ_ONLY, sizeof questions, NULL, &code);
    TRY_CL("probe", code);
    out_buffer = clCreateBuffer(context->context, CL_MEM_READ_WRITE, sizeof expected, NULL, &code);
    TRY_CL("probe", code);
    TRY_CL("probe", clEnqueueWriteBuffer(context->queue, in, CL_FALSE, 0, sizeof questions,
                                         questions, 0, NULL, NULL));
    TRY_CL("probe", clSetKernelArg(kernel, 0, sizeof in, &in));
    TRY_CL("probe", clSetKernelArg(kernel, 1, sizeof out_buffer, &out_buffer));
    TRY_CL("probe", clSetKernelArg(kernel, 2, sizeof count, &count));
    TRY_CL("probe",
           clEnqueueNDRangeKernel(context->queue, kernel, 1, NULL, &one, &one, 0, NULL, NULL));
    TRY_CL("probe", clEnqueueReadBuffer(context->queue, out_buffer, CL_FALSE, 0, sizeof expected,
                                        got, 0, NULL, NULL));
    TRY(cl_wait(context, "probe"));
    for (int i = 0; i < QUESTIONS * ANSWERS; i++) {
        if (i % ANSWERS == 4 && !context->has_division) {
            continue; /* the kernels do not divide there */
        }
        REQUIRE(memcmp(&got[i], &expected[i], sizeof(float)) == 0, UNSUPPORTED,
                "plan: strict needs IEEE arithmetic with denormals: %s on %s gives %a, expected %a",
                names[i % ANSWERS], context->found.info.name, (double)got[i], (double)expected[i]);
    }
out:
    if (kernel != NULL) {
        clReleaseKernel(kernel);
    }
    if (in != NULL) {
        clReleaseMemObject(in);
    }
    if (out_buffer != NULL) {
        clReleaseMemObject(out_buffer);
    }
    if (!context->poisoned) { /* else the device may write it yet */
        free(got);
    }
    return status;
}
