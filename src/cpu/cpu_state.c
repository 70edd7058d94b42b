/* cpu_state.c: h and c of many streams in host memory. */
#include "cpu/cpu_state.h"

#include "core/aligned.h"

#include "core/tensor.h"

#include <stdlib.h>
#include <string.h>

clrnn_status cpu_state_open(void **out, void *context, size_t floats) {
    clrnn_status status = CLRNN_STATUS_OK;
    (void)context;
    struct cpu_state *state = calloc(1, sizeof *state);
    REQUIRE(state != NULL, MEMORY, "state: out of memory");
    state->values = aligned_floats(floats);
    REQUIRE(state->values != NULL, MEMORY, "state: out of memory for %zu floats", floats);
    *out = state;
    state = NULL;
out:
    cpu_state_close(state);
    return status;
}

void cpu_state_close(void *engine_state) {
    struct cpu_state *state = engine_state;
    if (state != NULL) {
        free(state->values);
        free(state);
    }
}

clrnn_status cpu_state_write(void *engine_state, size_t at, size_t count, const float *values) {
    struct cpu_state *state = engine_state;
    if (values == NULL) {
        memset(state->values + at, 0, count * sizeof(float));
    } else {
        memcpy(state->values + at, values, count * sizeof(float));
    }
    return CLRNN_STATUS_OK;
}

clrnn_status cpu_state_read(void *engine_state, size_t at, size_t count, float *values) {
    const struct cpu_state *state = engine_state;
    memcpy(values, state->values + at, count * sizeof(float));
    return CLRNN_STATUS_OK;
}

static float *row_of(const struct engine_call *call, const struct engine_move *move, int row) {
    const struct cpu_state *state = call->state;
    return state->values + move->at + (int64_t)call->rows[row].slot * move->width;
}

static float *row_in(const struct engine_call *call, const struct engine_move *move, int row) {
    return (float *)tensor_host(&move->tensor) +
           call->rows[row].at * tensor_stride(&move->tensor, 0);
}

void cpu_state_load(const struct engine_call *call, const struct engine_move *move) {
    const size_t bytes = (size_t)move->width * sizeof(float);
    for (int row = 0; row < call->batch; row++) {
        if (tensor_is_set(&move->tensor)) {
            memcpy(row_of(call, move, row), row_in(call, move, row), bytes);
        } else {
            memset(row_of(call, move, row), 0, bytes);
        }
    }
}

void cpu_state_store(const struct engine_call *call, const struct engine_move *move) {
    for (int row = 0; row < call->batch; row++) {
        memcpy(row_in(call, move, row), row_of(call, move, row),
               (size_t)move->width * sizeof(float));
    }
}

clrnn_status cpu_state_check_call(const struct engine_call *call, const char *engine) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine_array *array;
    int buffers = 0;
    for (size_t i = 0; (array = engine_array_at(call, i)) != NULL; i++) {
        buffers |= array->tensor != NULL && array->tensor->buffer != NULL;
    }
    for (int i = 0; i < call->load_count; i++) {
        buffers |= call->loads[i].tensor.buffer != NULL;
    }
    for (int i = 0; i < call->store_count; i++) {
        buffers |= call->stores[i].tensor.buffer != NULL;
    }
    REQUIRE(!buffers, ARGUMENT, "forward: the %s engine takes host arrays, got an OpenCL buffer",
            engine);
    REQUIRE(call->num_wait == 0 && call->done == NULL, ARGUMENT,
            "forward: the %s engine takes no events", engine);
out:
    return status;
}
