/* cpu_state.h: states in host memory, for the engines that run there. */
#ifndef CLRNN_CPU_STATE_H
#define CLRNN_CPU_STATE_H

#include "core/engine.h"

struct cpu_state {
    float *values; /* of all strands, as core/state.c lays them out */
};

clrnn_status cpu_state_open(void **out, void *context, size_t floats);
void cpu_state_close(void *state);
clrnn_status cpu_state_write(void *state, size_t at, size_t count, const float *values);
clrnn_status cpu_state_read(void *state, size_t at, size_t count, float *values);

/* States of the call's rows into their slots, and out of them. */
void cpu_state_load(const struct engine_call *call, const struct engine_move *move);
void cpu_state_store(const struct engine_call *call, const struct engine_move *move);

/* Host arrays only, and no events. `engine` is for the message. */
clrnn_status cpu_state_check_call(const struct engine_call *call, const char *engine);

#endif
