/* cpu_state.h: states in host memory, for the engines that run there. */
#ifndef CLRNN_CPU_STATE_H
#define CLRNN_CPU_STATE_H

#include "core/engine.h"

struct cpu_state {
    float *values; /* h [slots][H], then c */
};

/* Zeroed floats on 64-byte lines, so that a vector never lies on two; free() them. NULL: no memory.
 */
float *cpu_state_floats(size_t count);

clrnn_status cpu_state_open(void **out, void *context, size_t floats);
void cpu_state_close(void *state);
clrnn_status cpu_state_write(void *state, size_t at, size_t count, const float *values);
clrnn_status cpu_state_read(void *state, size_t at, size_t count, float *values);

/* A call's h_0 or c_0 into the slots of its rows, and h_n or c_n out of them. NULL: nothing to do.
 */
void cpu_state_load(struct cpu_state *state, const struct engine_call *call,
                    const clrnn_tensor *tensor, int64_t at);
void cpu_state_store(const struct cpu_state *state, const struct engine_call *call,
                     const clrnn_tensor *tensor, int64_t at);

/* Host arrays only, and no events. `engine` is for the message. */
clrnn_status cpu_state_check_call(const struct engine_call *call, const char *engine);

#endif
