/*
 * cl_transfer.c: what a call moves between host and device: arrays, the row table, states. Nothing
 * is waited for here; copies of host arrays are made at their first use and kept.
 */
#include "cl/cl_plan.h"
#include "core/tensor.h"

#include <stdlib.h>
#include <string.h>

clrnn_status cl_buffer_make(cl_mem *out, const struct cl_engine_context *context,
                            cl_mem_flags flags, size_t bytes, const void *from, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    *out = clCreateBuffer(context->context, flags, bytes, NULL, &code);
    REQUIRE(code == CL_SUCCESS, MEMORY, "plan: the device gives no %zu bytes for %s: %s (%d)",
            bytes, what, cl_code_name(code), code);
    if (from != NULL) {
        TRY_CL("plan",
               clEnqueueWriteBuffer(context->queue, *out, CL_FALSE, 0, bytes, from, 0, NULL, NULL));
    }
out:
    return status;
}

void cl_stage_free(struct stage *stage, const struct cl_engine_context *context) {
    if (stage->buffer != NULL) {
        clReleaseMemObject(stage->buffer);
    }
    if (!context->poisoned) { /* else the device may touch it yet */
        free(stage->gathered);
    }
}

static clrnn_status stage_reserve(struct stage *stage, struct cl_plan *plan, size_t bytes,
                                  int dense, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (stage->bytes < bytes) {
        if (stage->buffer != NULL) {
            clReleaseMemObject(stage->buffer);
        }
        stage->buffer = NULL;
        stage->bytes = 0;
        TRY(cl_buffer_make(&stage->buffer, plan->context, CL_MEM_READ_WRITE, bytes, NULL, what));
        stage->bytes = bytes;
    }
    if (!dense && stage->gathered_bytes < bytes) {
        free(stage->gathered);
        stage->gathered = malloc(bytes);
        stage->gathered_bytes = stage->gathered != NULL ? bytes : 0;
        REQUIRE(stage->gathered != NULL, MEMORY, "forward: out of memory for %zu bytes of %s",
                bytes, what);
    }
out:
    return status;
}

/* Copies between a strided host array of rank 2 or 3 and a dense one. */
static void copy_strided(const clrnn_tensor *tensor, float *dense, int gathers) {
    const int last = tensor->rank - 1;
    const int64_t outer = tensor->rank == 3 ? tensor->shape[0] : 1;
    const int64_t inner = tensor->shape[last - 1];
    const size_t bytes = (size_t)tensor->shape[last] * sizeof(float);
    for (int64_t i = 0; i < outer; i++) {
        for (int64_t j = 0; j < inner; j++) {
            float *here = (float *)tensor_host(tensor) +
                          (tensor->rank == 3 ? i * tensor_stride(tensor, 0) : 0) +
                          j * tensor_stride(tensor, last - 1);
            float *there = dense + (i * inner + j) * tensor->shape[last];
            memcpy(gathers ? (void *)there : (void *)here, gathers ? (void *)here : (void *)there,
                   bytes);
        }
    }
}

clrnn_status cl_send_x(struct cl_plan *plan, const struct engine_call *call, cl_mem *out) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->x.tensor;
    const size_t bytes = (size_t)call->x.dense_bytes;
    if (x->buffer != NULL) {
        *out = x->buffer;
    } else {
        const int dense = tensor_is_dense(x);
        TRY(stage_reserve(&plan->x, plan, bytes, dense, "x"));
        if (!dense) {
            copy_strided(x, plan->x.gathered, 1);
        }
        const void *from = dense ? tensor_host(x) : plan->x.gathered;
        TRY_CL("forward", clEnqueueWriteBuffer(plan->context->queue, plan->x.buffer, CL_FALSE, 0,
                                               bytes, from, 0, NULL, NULL));
        plan->profile.bytes_to_device += bytes;
        *out = plan->x.buffer;
    }
out:
    return status;
}

/* Where kernels write an output: the caller's buffer, a copy to be read back, or (not wanted) any.
 */
clrnn_status cl_place_output(struct cl_plan *plan, const struct engine_array *array,
                             struct stage *stage, const char *what, cl_mem *out) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (array->tensor == NULL) {
        *out = plan->work;
    } else if (array->tensor->buffer != NULL) {
        *out = array->tensor->buffer;
    } else {
        TRY(stage_reserve(stage, plan, (size_t)array->dense_bytes, tensor_is_dense(array->tensor),
                          what));
        *out = stage->buffer;
    }
out:
    return status;
}

clrnn_status cl_fetch_output(struct cl_plan *plan, const struct engine_array *array,
                             struct stage *stage) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (array->tensor != NULL && array->tensor->data != NULL) {
        void *to = tensor_is_dense(array->tensor) ? tensor_host(array->tensor) : stage->gathered;
        TRY_CL("forward", clEnqueueReadBuffer(plan->context->queue, stage->buffer, CL_FALSE, 0,
                                              (size_t)array->dense_bytes, to, 0, NULL, NULL));
        plan->profile.bytes_from_device += (uint64_t)array->dense_bytes;
    }
out:
    return status;
}

void cl_scatter_output(const struct engine_array *array, const struct stage *stage) {
    if (array->tensor != NULL && array->tensor->data != NULL && !tensor_is_dense(array->tensor)) {
        copy_strided(array->tensor, stage->gathered, 0);
    }
}

/* h or c of all rows, into (loads) or out of the state. One command where slots follow rows. */
clrnn_status cl_move_rows(struct cl_plan *plan, const struct engine_call *call,
                          const clrnn_tensor *tensor, int64_t at, int loads) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (tensor == NULL) {
        return status;
    }
    const struct cl_state *state = call->state;
    cl_command_queue queue = plan->context->queue;
    const size_t row_bytes = (size_t)call->params.hidden * sizeof(float);
    const int64_t stride = tensor_stride(tensor, tensor->rank - 2);
    int together = stride == call->params.hidden || call->batch == 1;
    for (int n = 0; n < call->batch && together; n++) {
        together = call->rows[n].slot == call->rows[0].slot + n;
    }
    const int commands = together ? 1 : call->batch;
    const size_t bytes = together ? row_bytes * (size_t)call->batch : row_bytes;
    for (int n = 0; n < commands; n++) {
        const size_t there =
            (size_t)(at + (int64_t)call->rows[n].slot * call->params.hidden) * sizeof(float);
        const size_t here = tensor->offset + (size_t)(n * stride) * sizeof(float);
        char *host = tensor->data != NULL ? (char *)tensor->data + here : NULL;
        if (host == NULL && loads) {
            TRY_CL("forward", clEnqueueCopyBuffer(queue, tensor->buffer, state->buffer, here, there,
                                                  bytes, 0, NULL, NULL));
        } else if (host == NULL) {
            TRY_CL("forward", clEnqueueCopyBuffer(queue, state->buffer, tensor->buffer, there, here,
                                                  bytes, 0, NULL, NULL));
        } else if (loads) {
            TRY_CL("forward", clEnqueueWriteBuffer(queue, state->buffer, CL_FALSE, there, bytes,
                                                   host, 0, NULL, NULL));
        } else {
            TRY_CL("forward", clEnqueueReadBuffer(queue, state->buffer, CL_FALSE, there, bytes,
                                                  host, 0, NULL, NULL));
        }
    }
out:
    return status;
}

/* The device has read it. */
static void CL_CALLBACK free_rows(cl_event event, cl_int state, void *rows) {
    (void)event;
    (void)state;
    free(rows);
}

/* The row table, if it is another than the device has: from a copy that lives until it is read, so
 * that neither this call nor a later one waits for the queue. */
clrnn_status cl_send_rows(struct cl_plan *plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t bytes = (size_t)call->batch * sizeof(struct row);
    cl_event event = NULL;
    struct row *copy = NULL;
    if (call->rows_changed) {
        copy = malloc(bytes);
        REQUIRE(copy != NULL, MEMORY, "forward: out of memory for %d rows", call->batch);
        memcpy(copy, call->rows, bytes);
        TRY_CL("forward", clEnqueueWriteBuffer(plan->context->queue, plan->rows, CL_FALSE, 0, bytes,
                                               copy, 0, NULL, &event));
        plan->profile.bytes_to_device += bytes;
        if (clSetEventCallback(event, CL_COMPLETE, free_rows, copy) == CL_SUCCESS) {
            copy = NULL; /* the callback's now */
        } else {
            TRY(cl_wait(plan->context, "forward"));
        }
    }
out:
    if (event != NULL) {
        clReleaseEvent(event);
    }
    free(copy);
    return status;
}

/* Where there is no projection: the caller's rows, padded to whole vectors. */
clrnn_status cl_send_projected(struct cl_plan *plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct params *p = &call->params;
    const size_t words =
        (size_t)call->steps * (size_t)call->batch * (size_t)(p->columns / p->stride);
    const size_t to_pitch = (size_t)p->stride * sizeof(float);
    const size_t from_pitch = (size_t)p->hidden * sizeof(float);
    TRY_CL("forward", clEnqueueWriteBufferRect(
                          plan->context->queue, plan->x_proj, CL_TRUE, (const size_t[3]){0},
                          (const size_t[3]){0}, (const size_t[3]){from_pitch, words, 1}, to_pitch,
                          0, from_pitch, 0, tensor_host(call->x_proj), 0, NULL, NULL));
out:
    return status;
}

int cl_has_host_array(const struct engine_call *call) {
    const clrnn_tensor *const tensors[] = {call->x.tensor, call->y.tensor, call->cells.tensor,
                                           call->h_0,      call->c_0,      call->h_n,
                                           call->c_n};
    for (size_t i = 0; i < sizeof tensors / sizeof tensors[0]; i++) {
        if (tensors[i] != NULL && tensors[i]->data != NULL) {
            return 1;
        }
    }
    return call->x_proj != NULL;
}

/* A device array must hold what the kernels will touch. */
static clrnn_status check_buffer(const clrnn_tensor *tensor, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    size_t size = 0;
    if (tensor != NULL && tensor->buffer != NULL) {
        const size_t span = (size_t)tensor_span(tensor);
        TRY_CL("forward",
               clGetMemObjectInfo(tensor->buffer, CL_MEM_SIZE, sizeof size, &size, NULL));
        REQUIRE(tensor->offset <= size && span <= (size - tensor->offset) / sizeof(float), SHAPE,
                "forward: the buffer of %s needs %zu floats behind %zu bytes, it has %zu bytes",
                what, span, tensor->offset, size);
    }
out:
    return status;
}

clrnn_status cl_check_call(const struct cl_plan *plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *x = call->x.tensor;
    TRY(check_buffer(x, "x"));
    TRY(check_buffer(call->y.tensor, "y"));
    TRY(check_buffer(call->cells.tensor, "cells"));
    TRY(check_buffer(call->h_0, "h_0"));
    TRY(check_buffer(call->c_0, "c_0"));
    TRY(check_buffer(call->h_n, "h_n"));
    TRY(check_buffer(call->c_n, "c_n"));
    REQUIRE(plan->config.projection != CLRNN_PROJECTION_CLBLAST || x == NULL || x->buffer == NULL ||
                tensor_is_dense(x),
            UNSUPPORTED,
            "forward: projection clblast needs a dense x; make the plan with projection own");
out:
    return status;
}
