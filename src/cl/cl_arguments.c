/* cl_arguments.c: see cl_arguments.h. */
#include "cl/cl_arguments.h"

#include <stdatomic.h>
#include <string.h>

uint64_t cl_known_number(void) {
    static atomic_uint_least64_t last;
    return atomic_fetch_add(&last, 1) + 1;
}

struct cl_known cl_known_lasting(cl_mem buffer) {
    return (struct cl_known){buffer, UINT64_C(1) << 63 | (uint64_t)(uintptr_t)buffer};
}

/* is_known: it is what the kernel has. A call that fails leaves nobody knows what. */
static clrnn_status set(struct cl_function *function, enum cl_argument argument, size_t size,
                        const void *value, int is_known) {
    clrnn_status status = CLRNN_STATUS_OK;
    const unsigned bit = 1u << argument;
    if ((function->is_set & bit) != 0 && is_known) {
        return CLRNN_STATUS_OK;
    }
    function->is_set &= ~bit;
    TRY_CL("forward", clSetKernelArg(function->kernel, argument, size, value));
    function->is_set |= bit;
out:
    return status;
}

clrnn_status cl_set_params(struct cl_function *function, const struct params *params) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(set(function, ARG_PARAMS, sizeof *params, params,
            memcmp(&function->params, params, sizeof *params) == 0));
    function->params = *params;
out:
    return status;
}

clrnn_status cl_set_buffer(struct cl_function *function, enum cl_argument argument,
                           struct cl_known known) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(set(function, argument, sizeof known.buffer, &known.buffer,
            known.number != 0 && known.number == function->buffers[argument]));
    function->buffers[argument] = known.number;
out:
    return status;
}

clrnn_status cl_set_number(struct cl_function *function, enum cl_argument argument, int number) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(set(function, argument, sizeof number, &number, number == function->numbers[argument]));
    function->numbers[argument] = number;
out:
    return status;
}

void cl_function_free(struct cl_function *function) {
    if (function->kernel != NULL) {
        clReleaseKernel(function->kernel);
        function->kernel = NULL;
    }
}
