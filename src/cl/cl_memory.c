/*
 * cl_memory.c: the device memory of a plan: every byte of it but the weights is counted here, and
 * held against the plan's limit before it is asked for.
 */
#include "cl/cl_plan.h"

#include <stdlib.h>

static clrnn_status count(struct cl_plan *plan, size_t bytes, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(plan->memory_limit == 0 || plan->held + bytes <= plan->memory_limit, MEMORY,
            "plan: %s needs %zu bytes beside %llu, memory_limit is %llu", what, bytes,
            (unsigned long long)plan->held, (unsigned long long)plan->memory_limit);
    plan->held += bytes;
    plan->held_most = plan->held > plan->held_most ? plan->held : plan->held_most;
out:
    return status;
}

clrnn_status cl_buffer_make(cl_mem *out, struct cl_plan *plan, cl_mem_flags flags, size_t bytes,
                            const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    TRY(count(plan, bytes, what));
    *out = clCreateBuffer(plan->context->context, flags, bytes, NULL, &code);
    if (code != CL_SUCCESS) {
        *out = NULL;
        plan->held -= bytes;
        TRY(status_fail(CLRNN_STATUS_MEMORY, code,
                        "plan: the device gives no %zu bytes for %s: %s (%d)", bytes, what,
                        cl_code_name(code), code));
    }
out:
    return status;
}

void cl_buffer_free(cl_mem *buffer, struct cl_plan *plan, size_t bytes) {
    if (*buffer != NULL) {
        clReleaseMemObject(*buffer);
        *buffer = NULL;
        plan->held -= bytes;
    }
}

clrnn_status cl_stage_reserve(struct stage *stage, struct cl_plan *plan, size_t bytes,
                              const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (stage->bytes < bytes) {
        cl_buffer_free(&stage->buffer, plan, stage->bytes);
        stage->bytes = 0;
        stage->number = 0;
        TRY(cl_buffer_make(&stage->buffer, plan, CL_MEM_READ_WRITE, bytes, what));
        stage->bytes = bytes;
        stage->number = cl_known_number();
    }
out:
    return status;
}

void cl_stage_trim(struct stage *stage, struct cl_plan *plan, size_t bytes) {
    if (stage->bytes != bytes) {
        cl_buffer_free(&stage->buffer, plan, stage->bytes);
        stage->bytes = 0;
        stage->number = 0;
    }
}

struct cl_known cl_stage_known(const struct stage *stage) {
    return (struct cl_known){stage->buffer, stage->number};
}

void cl_stage_free(struct stage *stage, struct cl_plan *plan) {
    cl_lent_free(stage, plan);
    cl_buffer_free(&stage->buffer, plan, stage->bytes);
    if (!plan->context->poisoned) { /* else the device may touch it yet */
        free(stage->gathered);
    }
}

/* ---- work space ------------------------------------------------------------------------------ */

static clrnn_status cut(cl_mem *out, cl_mem whole, size_t origin, size_t bytes) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    const cl_buffer_region region = {origin, bytes};
    if (bytes > 0) {
        *out = clCreateSubBuffer(whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region,
                                 &code);
        TRY_CL("plan", code);
    }
out:
    return status;
}

clrnn_status cl_space_make(struct cl_plan *plan, cl_mem given) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine_space *space = &plan->space;
    if (given != NULL) {
        size_t size = 0;
        TRY_CL("plan", clGetMemObjectInfo(given, CL_MEM_SIZE, sizeof size, &size, NULL));
        REQUIRE(size >= space->bytes, SHAPE, "plan: the work space needs %zu bytes, got %zu",
                space->bytes, size);
        TRY(count(plan, space->bytes, "the work space"));
        TRY_CL("plan", clRetainMemObject(given));
        plan->workspace = given;
    } else {
        TRY(cl_buffer_make(&plan->workspace, plan, CL_MEM_READ_WRITE, space->bytes,
                           "the work space"));
    }
    TRY(cut(&plan->x_proj[0], plan->workspace, 0, space->x_proj_bytes));
    TRY(cut(&plan->x_proj[1], plan->workspace, space->second_at, space->second_bytes));
    TRY(cut(&plan->work, plan->workspace, space->work_at, space->work_bytes));
    for (int i = 0; i < ENGINE_BETWEENS; i++) {
        TRY(cut(&plan->between[i], plan->workspace, space->between_at[i], space->between_bytes[i]));
    }
out:
    return status;
}

void cl_space_free(struct cl_plan *plan) {
    for (int i = 0; i < ENGINE_BETWEENS; i++) {
        cl_buffer_free(&plan->between[i], plan, 0);
    }
    cl_buffer_free(&plan->work, plan, 0);
    for (int i = 0; i < ENGINE_X_PROJS; i++) {
        cl_buffer_free(&plan->x_proj[i], plan, 0);
    }
    cl_buffer_free(&plan->workspace, plan, plan->space.bytes);
}
