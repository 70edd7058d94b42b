/* cl_gather.c: rows of a table, gathered on the device. The arrays are memory as of states. */
#include "cl/cl_plan.h"

/* Items of a launch in its second dimension, which some drivers bound by 65,535 groups. */
enum { MOST_ROWS = 32768 };

clrnn_status cl_gather(void *out, void *table, void *ids, int features, size_t count) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_program program = {.count = 1, .files = {"gather.cl"}, .phases = {-1}};
    const struct cl_state *to = out, *from = table, *numbers = ids;
    struct cl_engine_context *context = to->context;
    TRY(cl_check_alive(context));
    if (context->gather == NULL) {
        TRY(cl_program_kernel(&context->gather, context, &program, "gather_rows"));
    }
    TRY_CL("embedding", clSetKernelArg(context->gather, 0, sizeof from->buffer, &from->buffer));
    TRY_CL("embedding",
           clSetKernelArg(context->gather, 1, sizeof numbers->buffer, &numbers->buffer));
    TRY_CL("embedding", clSetKernelArg(context->gather, 2, sizeof to->buffer, &to->buffer));
    TRY_CL("embedding", clSetKernelArg(context->gather, 3, sizeof features, &features));
    for (size_t first = 0; first < count; first += MOST_ROWS) {
        const size_t rows = count - first < MOST_ROWS ? count - first : MOST_ROWS;
        const size_t offset[2] = {0, first}, size[2] = {(size_t)features, rows};
        TRY_CL("embedding", clEnqueueNDRangeKernel(context->queue, context->gather, 2, offset, size,
                                                   NULL, 0, NULL, NULL));
    }
out:
    return status;
}
