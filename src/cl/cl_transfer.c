/*
 * cl_transfer.c: what a call moves between host and device: arrays, tables, states. A copy of a host
 * array is made at its first use and kept; where a call goes by pieces, it has room for a piece.
 */
#include "cl/cl_plan.h"
#include "core/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- arrays ---------------------------------------------------------------------------------- */

static const char *array_name(size_t index) {
    static const char *const names[] = {"y", "hiddens", "cells", "gates"};
    return index == 0 ? "x" : names[(index - 1) % 4];
}

struct cl_known cl_array_buffer(const struct cl_plan *plan, const struct engine_call *call,
                                size_t index) {
    const struct engine_array *array = engine_array_at(call, index);
    const struct stage *stage = &plan->stages[index];
    switch (array->home) {
    case ARRAY_CALLER:
        return (struct cl_known){array->tensor->buffer, 0};
    case ARRAY_STAGED:
        return stage->lends ? (struct cl_known){stage->lent, stage->lent_number}
                            : cl_stage_known(stage);
    case ARRAY_BETWEEN:
        return cl_known_lasting(plan->between[array->between]);
    case ARRAY_NONE:
        break;
    }
    return cl_known_lasting(plan->work);
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

/* The steps of a piece, as a view of the caller's array. */
static clrnn_tensor cut_steps(const struct engine_call *call, const struct engine_array *array,
                              const struct piece *piece) {
    const clrnn_tensor *whole = array->tensor;
    clrnn_tensor view = *whole;
    const int axis = array->batch_first ? 1 : 0;
    if (array->last) {
        return view;
    }
    for (int i = 0; i < whole->rank; i++) {
        view.strides[i] = tensor_stride(whole, i);
    }
    int64_t first = piece->first, count = piece->count;
    if (array->packed) {
        first = call->starts[piece->first];
        count = call->starts[piece->first + piece->count] - first;
    }
    view.offset += (size_t)(first * view.strides[axis]) * sizeof(float);
    view.shape[axis] = count;
    return view;
}

static size_t bytes_of(const clrnn_tensor *view) {
    return (size_t)clrnn_tensor_count(view) * sizeof(float);
}

static clrnn_status gather_reserve(struct stage *stage, size_t bytes, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (stage->gathered_bytes < bytes) {
        free(stage->gathered);
        stage->gathered = malloc(bytes);
        stage->gathered_bytes = stage->gathered != NULL ? bytes : 0;
        REQUIRE(stage->gathered != NULL, MEMORY, "forward: out of memory for %zu bytes of %s",
                bytes, what);
    }
out:
    return status;
}

/* Bytes of an array's copy in this call: of a piece, where the call goes by pieces. */
static size_t staged_bytes(const struct engine_call *call, const struct engine_array *array) {
    if (array->home != ARRAY_STAGED) {
        return 0;
    }
    const size_t rows = (size_t)call->chunk * (size_t)call->batch;
    return sizeof(float) * (call->by_piece && !array->last ? rows * (size_t)array->features
                                                           : (size_t)array->floats);
}

static size_t mask_bytes(const struct engine_call *call) {
    return call->mask != NULL ? (size_t)call->batch * (size_t)call->steps : 0;
}

static size_t starts_bytes(const struct engine_call *call) {
    return call->starts != NULL ? ((size_t)call->steps + 1) * sizeof(wide) : 0;
}

/* Under a limit nothing is kept that is larger than it must be. */
static void give_back(struct cl_plan *plan, const struct engine_call *call) {
    const struct engine_array *array;
    cl_stage_trim(&plan->mask, plan, mask_bytes(call));
    cl_stage_trim(&plan->starts, plan, starts_bytes(call));
    for (size_t i = 0; (array = engine_array_at(call, i)) != NULL; i++) {
        cl_stage_trim(&plan->stages[i], plan, staged_bytes(call, array));
    }
}

/* ---- arrays that are lent ---------------------------------------------------------------------- */

/* From here on two commands that move nothing are cheaper than one that copies. */
enum { LEND_BYTES = 64 << 10 };

static int can_lend(const struct cl_plan *plan, const struct engine_call *call,
                    const struct engine_array *array) {
    return plan->context->in_host_memory && plan->context->refused[0] == 0 &&
           array->home == ARRAY_STAGED && !call->by_piece && tensor_is_dense(array->tensor) &&
           staged_bytes(call, array) >= LEND_BYTES;
}

/* Two arrays in one place are copied, as their order may count. */
static int is_apart(const struct engine_call *call, const struct engine_array *array) {
    const struct engine_array *other;
    const char *at = (const char *)tensor_host(array->tensor);
    for (size_t i = 0; (other = engine_array_at(call, i)) != NULL; i++) {
        if (other != array && other->home == ARRAY_STAGED) {
            const char *there = (const char *)tensor_host(other->tensor);
            const size_t span = (size_t)tensor_span(other->tensor) * sizeof(float);
            if (at < there + span && there < at + staged_bytes(call, array)) {
                return 0;
            }
        }
    }
    return 1;
}

/* 0: the driver refuses to work in the caller's memory, though it may by the standard. */
static int lend(struct stage *stage, const struct cl_plan *plan, void *at, size_t bytes) {
    cl_int code = CL_SUCCESS;
    if (stage->lent_at != at || stage->lent_bytes != bytes) {
        cl_lent_free(stage, plan);
        stage->lent = clCreateBuffer(plan->context->context,
                                     CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, bytes, at, &code);
        if (code != CL_SUCCESS) {
            stage->lent = NULL;
            snprintf(plan->context->refused, sizeof plan->context->refused,
                     "arrays: copied, the driver refuses the caller's memory: %s (%d)",
                     cl_code_name(code), code);
            return 0;
        }
        stage->lent_at = at;
        stage->lent_number = cl_known_number();
        stage->lent_bytes = bytes;
    }
    stage->lends = 1;
    return 1;
}

/* What take_back mapped is the device's again. Nobody waits for that: it moves nothing. */
static void give_again(struct stage *stage, const struct cl_plan *plan) {
    if (stage->mapped != NULL) {
        clEnqueueUnmapMemObject(plan->context->queue, stage->lent, stage->mapped, 0, NULL, NULL);
        stage->mapped = NULL;
    }
}

void cl_lent_free(struct stage *stage, const struct cl_plan *plan) {
    give_again(stage, plan);
    if (stage->lent != NULL) {
        clReleaseMemObject(stage->lent);
        stage->lent = NULL;
        stage->lent_at = NULL;
    }
}

/* The device sees what the host wrote: the array was the host's until now. */
static clrnn_status hand_over(struct cl_plan *plan, struct stage *stage, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    cl_command_queue queue = plan->context->current;
    void *mapped = clEnqueueMapBuffer(queue, stage->lent, CL_FALSE, CL_MAP_WRITE_INVALIDATE_REGION,
                                      0, stage->lent_bytes, 0, NULL, NULL, &code);
    TRY_CL("forward", code);
    cl_event *event = cl_trace_copy(plan->context, "lend", what, 0);
    TRY_CL("forward", clEnqueueUnmapMemObject(queue, stage->lent, mapped, 0, NULL, event));
    cl_trace_enqueued(plan->context);
out:
    return status;
}

/* The host sees what the device wrote, once the queue is done. */
static clrnn_status take_back(struct cl_plan *plan, struct stage *stage, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    cl_event *event = cl_trace_copy(plan->context, "lend", what, 0);
    stage->mapped = clEnqueueMapBuffer(plan->context->queue, stage->lent, CL_FALSE, CL_MAP_READ, 0,
                                       stage->lent_bytes, 0, NULL, event, &code);
    TRY_CL("forward", code);
    cl_trace_enqueued(plan->context);
out:
    return status;
}

clrnn_status cl_reserve_arrays(struct cl_plan *plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine_array *array;
    if (plan->memory_limit > 0) {
        give_back(plan, call);
    }
    TRY(cl_stage_reserve(&plan->mask, plan, mask_bytes(call), "the mask"));
    TRY(cl_stage_reserve(&plan->starts, plan, starts_bytes(call), "batch_sizes"));
    for (size_t i = 0; (array = engine_array_at(call, i)) != NULL; i++) {
        struct stage *stage = &plan->stages[i];
        give_again(stage, plan); /* where a call failed */
        stage->lends = 0;
        const size_t bytes = staged_bytes(call, array);
        if (!can_lend(plan, call, array) || !is_apart(call, array) ||
            !lend(stage, plan, tensor_host(array->tensor), bytes)) {
            TRY(cl_stage_reserve(stage, plan, bytes, array_name(i)));
        }
    }
    if (plan->context->refused[0] != 0) {
        *call->note = plan->context->refused;
    }
out:
    return status;
}

clrnn_status cl_send_array(struct cl_plan *plan, const struct engine_call *call, size_t index,
                           const struct piece *piece) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine_array *array = engine_array_at(call, index);
    struct stage *stage = &plan->stages[index];
    if (array->home != ARRAY_STAGED) {
        return status;
    }
    if (stage->lends) {
        return hand_over(plan, stage, array_name(index));
    }
    const clrnn_tensor view = cut_steps(call, array, piece);
    const void *from = tensor_host(&view);
    if (!tensor_is_dense(&view)) {
        if (piece->first > 0) { /* the device may still read what was gathered before */
            TRY(cl_wait(plan->context, "forward"));
        }
        TRY(gather_reserve(stage, bytes_of(&view), array_name(index)));
        const size_t span = trace_begin(plan->context->trace, "gather", NULL, "gather");
        copy_strided(&view, stage->gathered, 1);
        trace_end(plan->context->trace, span);
        from = stage->gathered;
    }
    cl_event *event = cl_trace_copy(plan->context, "upload", array_name(index), bytes_of(&view));
    TRY_CL("forward", clEnqueueWriteBuffer(plan->context->current, stage->buffer, CL_FALSE, 0,
                                           bytes_of(&view), from, 0, NULL, event));
    cl_trace_enqueued(plan->context);
    plan->profile.bytes_to_device += bytes_of(&view);
out:
    return status;
}

clrnn_status cl_fetch_array(struct cl_plan *plan, const struct engine_call *call, size_t index,
                            const struct piece *piece) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine_array *array = engine_array_at(call, index);
    struct stage *stage = &plan->stages[index];
    if (array->home != ARRAY_STAGED) {
        return status;
    }
    if (stage->lends) {
        return take_back(plan, stage, array_name(index));
    }
    const clrnn_tensor view = cut_steps(call, array, piece);
    const int dense = tensor_is_dense(&view);
    if (!dense) {
        TRY(gather_reserve(stage, bytes_of(&view), array_name(index)));
    }
    cl_event *event = cl_trace_copy(plan->context, "download", array_name(index), bytes_of(&view));
    TRY_CL("forward",
           clEnqueueReadBuffer(plan->context->queue, stage->buffer, CL_FALSE, 0, bytes_of(&view),
                               dense ? tensor_host(&view) : stage->gathered, 0, NULL, event));
    cl_trace_enqueued(plan->context);
    plan->profile.bytes_from_device += bytes_of(&view);
    if (!dense && piece->count < call->steps) { /* before the next piece takes its place */
        TRY(cl_wait(plan->context, "forward"));
        const size_t span = trace_begin(plan->context->trace, "scatter", NULL, "scatter");
        copy_strided(&view, stage->gathered, 0);
        trace_end(plan->context->trace, span);
    }
out:
    return status;
}

void cl_scatter_array(const struct cl_plan *plan, const struct engine_call *call, size_t index) {
    const struct engine_array *array = engine_array_at(call, index);
    struct stage *stage = &plan->stages[index];
    give_again(stage, plan);
    if (index > 0 && array->home == ARRAY_STAGED && !tensor_is_dense(array->tensor) &&
        (!call->by_piece || array->last)) {
        copy_strided(array->tensor, plan->stages[index].gathered, 0);
    }
}

/* ---- states ---------------------------------------------------------------------------------- */

/* h, c or o of all rows, into (loads) or out of the state. One command where slots follow rows. */
clrnn_status cl_move_rows(struct cl_plan *plan, const struct engine_call *call,
                          const struct engine_move *move, int loads) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_state *state = call->state;
    cl_command_queue queue = plan->context->queue;
    const clrnn_tensor *tensor = &move->tensor;
    if (!tensor_is_set(tensor)) {
        const size_t floats = (size_t)call->batch * (size_t)move->width;
        TRY(cl_state_write(state, (size_t)move->at, floats, NULL));
        plan->profile.bytes_to_device += floats * sizeof(float);
        return status;
    }
    const size_t row_bytes = (size_t)move->width * sizeof(float);
    const int64_t stride = tensor_stride(tensor, 0);
    const int first_slot = call->rows[0].slot - call->rows[0].at; /* of the caller's row 0 */
    int together = stride == move->width || call->batch == 1;
    for (int n = 0; n < call->batch && together; n++) {
        together = call->rows[n].slot - call->rows[n].at == first_slot;
    }
    const int commands = together ? 1 : call->batch;
    const size_t bytes = together ? row_bytes * (size_t)call->batch : row_bytes;
    for (int n = 0; n < commands; n++) {
        const int slot = together ? first_slot : call->rows[n].slot;
        const int at = together ? 0 : call->rows[n].at;
        const size_t there = (size_t)(move->at + (int64_t)slot * move->width) * sizeof(float);
        const size_t here = tensor->offset + (size_t)(at * stride) * sizeof(float);
        char *host = tensor->data != NULL ? (char *)tensor->data + here : NULL;
        cl_event *event = cl_trace_copy(plan->context,
                                        host == NULL ? "copy"
                                        : loads      ? "upload"
                                                     : "download",
                                        "states", bytes);
        if (host == NULL && loads) {
            TRY_CL("forward", clEnqueueCopyBuffer(queue, tensor->buffer, state->buffer, here, there,
                                                  bytes, 0, NULL, event));
        } else if (host == NULL) {
            TRY_CL("forward", clEnqueueCopyBuffer(queue, state->buffer, tensor->buffer, there, here,
                                                  bytes, 0, NULL, event));
        } else if (loads) {
            TRY_CL("forward", clEnqueueWriteBuffer(queue, state->buffer, CL_FALSE, there, bytes,
                                                   host, 0, NULL, event));
            plan->profile.bytes_to_device += bytes;
        } else {
            TRY_CL("forward", clEnqueueReadBuffer(queue, state->buffer, CL_FALSE, there, bytes,
                                                  host, 0, NULL, event));
            plan->profile.bytes_from_device += bytes;
        }
        cl_trace_enqueued(plan->context);
    }
out:
    return status;
}

/* ---- tables ---------------------------------------------------------------------------------- */

/* The device has read it. */
static void CL_CALLBACK free_read(cl_event event, cl_int state, void *at) {
    (void)event;
    (void)state;
    free(at);
}

static int is_read(const struct cl_copy *copy) {
    return cl_event_state(copy->read) == CL_COMPLETE;
}

/* Memory that the device has yet to read is left to it. Where it may read for ever, it is lost. */
void cl_copy_free(struct cl_copy *copy, const struct cl_plan *plan) {
    const int read = is_read(copy);
    if (!read) {
        clSetEventCallback(copy->read, CL_COMPLETE, free_read, copy->at);
    } else if (!plan->context->poisoned) {
        free(copy->at);
    }
    if (copy->read != NULL) {
        clReleaseEvent(copy->read);
    }
    *copy = (struct cl_copy){0};
}

/* Bytes to a buffer, by way of a copy. */
static clrnn_status send_copy(struct cl_plan *plan, struct cl_copy *copy, cl_mem buffer,
                              const void *from, size_t bytes, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (copy->bytes < bytes || !is_read(copy)) {
        cl_copy_free(copy, plan);
        copy->at = malloc(bytes);
        REQUIRE(copy->at != NULL, MEMORY, "forward: out of memory for %zu bytes of %s", bytes,
                what);
        copy->bytes = bytes;
    }
    if (copy->read != NULL) {
        clReleaseEvent(copy->read);
        copy->read = NULL;
    }
    memcpy(copy->at, from, bytes);
    cl_event *traced = cl_trace_copy(plan->context, "upload", what, bytes);
    TRY_CL("forward", clEnqueueWriteBuffer(plan->context->queue, buffer, CL_FALSE, 0, bytes,
                                           copy->at, 0, NULL, &copy->read));
    cl_trace_enqueued(plan->context);
    if (traced != NULL && clRetainEvent(copy->read) == CL_SUCCESS) {
        *traced = copy->read;
    }
    plan->profile.bytes_to_device += bytes;
out:
    return status;
}

clrnn_status cl_send_tables(struct cl_plan *plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (call->rows_changed) {
        TRY(send_copy(plan, &plan->rows_copy, plan->rows, call->rows,
                      (size_t)call->batch * sizeof(struct row), "rows"));
    }
    if (call->mask != NULL) {
        TRY(send_copy(plan, &plan->mask_copy, plan->mask.buffer, call->mask, mask_bytes(call),
                      "the mask"));
    }
    if (call->starts != NULL) {
        TRY(send_copy(plan, &plan->starts_copy, plan->starts.buffer, call->starts,
                      starts_bytes(call), "batch_sizes"));
    }
out:
    return status;
}

/* Where there is no projection: the caller's rows, padded to whole vectors. */
clrnn_status cl_send_projected(struct cl_plan *plan, const struct engine_call *call,
                               const struct params *p) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t row = (size_t)call->batch * (size_t)(p->columns / p->stride);
    const size_t words = (size_t)p->count * row;
    const size_t to_pitch = (size_t)p->stride * sizeof(float);
    const size_t from_pitch = (size_t)p->hidden * sizeof(float);
    const float *from =
        (const float *)tensor_host(call->x_proj) + (size_t)p->first * row * (size_t)p->hidden;
    cl_event *event = cl_trace_copy(plan->context, "upload", "x_proj", words * from_pitch);
    TRY_CL("forward", clEnqueueWriteBufferRect(plan->context->queue, plan->x_proj[0], CL_TRUE,
                                               (const size_t[3]){0}, (const size_t[3]){0},
                                               (const size_t[3]){from_pitch, words, 1}, to_pitch, 0,
                                               from_pitch, 0, from, 0, NULL, event));
    cl_trace_enqueued(plan->context);
    plan->profile.bytes_to_device += words * from_pitch;
out:
    return status;
}

/* ---- checks ---------------------------------------------------------------------------------- */

int cl_has_host_array(const struct engine_call *call) {
    const struct engine_array *array;
    int host = call->x_proj != NULL;
    for (size_t i = 0; (array = engine_array_at(call, i)) != NULL; i++) {
        host |= array->home == ARRAY_STAGED;
    }
    for (int i = 0; i < call->load_count; i++) {
        host |= call->loads[i].tensor.data != NULL;
    }
    for (int i = 0; i < call->store_count; i++) {
        host |= call->stores[i].tensor.data != NULL;
    }
    return host;
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
    const struct engine_array *array;
    for (size_t i = 0; (array = engine_array_at(call, i)) != NULL; i++) {
        TRY(check_buffer(array->tensor, array_name(i)));
    }
    for (int i = 0; i < call->load_count; i++) {
        TRY(check_buffer(&call->loads[i].tensor, "a start state"));
    }
    for (int i = 0; i < call->store_count; i++) {
        TRY(check_buffer(&call->stores[i].tensor, "a final state"));
    }
    for (int i = 0; i < call->strand_count; i++) {
        array = engine_input(call, call->strands[i].layer);
        REQUIRE(plan->configs[i].projection != CLRNN_PROJECTION_CLBLAST ||
                    array->base + call->strands[i].params.x_rows * array->features <= INT32_MAX,
                UNSUPPORTED,
                "forward: projection clblast counts to 2^31 floats, %s ends beyond; make the plan "
                "with projection own",
                array_name(call->strands[i].layer == 0 ? 0 : 1));
        REQUIRE(plan->configs[i].projection != CLRNN_PROJECTION_CLBLAST || array->tensor == NULL ||
                    array->tensor->buffer == NULL || tensor_is_dense(array->tensor),
                UNSUPPORTED,
                "forward: projection clblast needs a dense x; make the plan with projection own");
    }
out:
    return status;
}
