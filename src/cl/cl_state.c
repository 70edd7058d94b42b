/* cl_state.c: h and c of many streams in one buffer of the device. */
#include "cl/cl_plan.h"

#include <stdlib.h>

/* Zeros to write from: a buffer filled by clEnqueueFillBuffer counts as uninitialised for some
 * tools, and this lives for ever, so that no write need wait. 16 KiB at a time. */
enum { ZEROS = 4096 };
static const float zeros[ZEROS];

clrnn_status cl_state_open(void **out, void *context, size_t floats) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    struct cl_state *state = calloc(1, sizeof *state);
    REQUIRE(state != NULL, MEMORY, "state: out of memory");
    state->context = context;
    state->number = cl_known_number();
    state->buffer = clCreateBuffer(state->context->context, CL_MEM_READ_WRITE,
                                   floats * sizeof(float), NULL, &code);
    REQUIRE(code == CL_SUCCESS, MEMORY, "state: the device gives no %zu bytes: %s (%d)",
            floats * sizeof(float), cl_code_name(code), code);
    *out = state;
    state = NULL;
out:
    free(state);
    return status;
}

void cl_state_close(void *engine_state) {
    struct cl_state *state = engine_state;
    if (state != NULL) {
        clReleaseMemObject(state->buffer);
        free(state);
    }
}

cl_mem cl_state_buffer(void *engine_state) {
    return ((struct cl_state *)engine_state)->buffer;
}

clrnn_status cl_state_write(void *engine_state, size_t at, size_t count, const float *values) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct cl_state *state = engine_state;
    TRY(cl_check_alive(state->context));
    if (values != NULL) {
        TRY_CL("state", clEnqueueWriteBuffer(state->context->queue, state->buffer, CL_FALSE,
                                             at * sizeof(float), count * sizeof(float), values, 0,
                                             NULL, NULL));
        TRY(cl_wait(state->context, "state"));
    } else {
        for (size_t done = 0; done < count; done += ZEROS) {
            const size_t rest = count - done < ZEROS ? count - done : ZEROS;
            cl_event *event =
                cl_trace_copy(state->context, "upload", "zeros", rest * sizeof(float));
            TRY_CL("state", clEnqueueWriteBuffer(state->context->queue, state->buffer, CL_FALSE,
                                                 (at + done) * sizeof(float), rest * sizeof(float),
                                                 zeros, 0, NULL, event));
            cl_trace_enqueued(state->context);
        }
    }
out:
    if (status != CLRNN_STATUS_OK) {
        cl_trace_enqueued(
            state->context); /* the command that failed: there may be no span round it */
    }
    return status;
}

clrnn_status cl_state_read(void *engine_state, size_t at, size_t count, float *values) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct cl_state *state = engine_state;
    TRY(cl_check_alive(state->context));
    TRY_CL("state",
           clEnqueueReadBuffer(state->context->queue, state->buffer, CL_FALSE, at * sizeof(float),
                               count * sizeof(float), values, 0, NULL, NULL));
    TRY(cl_wait(state->context, "state"));
out:
    return status;
}
