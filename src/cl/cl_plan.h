/* cl_plan.h: the executor of configs and the states on a device. */
#ifndef CLRNN_CL_PLAN_H
#define CLRNN_CL_PLAN_H

#include "cl/cl_internal.h"

struct cl_state {
    struct cl_engine_context *context;
    cl_mem buffer; /* h [slots][H], then c */
};

clrnn_status cl_plan_open(void **out, void *context, const struct algo_config *config,
                          const struct clrnn_net *net, cl_mem workspace);
void cl_plan_close(void *plan);
clrnn_status cl_plan_run(void *plan, const struct engine_call *call);
void cl_plan_profile(void *plan, clrnn_profile *out);

clrnn_status cl_state_open(void **out, void *context, size_t floats);
void cl_state_close(void *state);
clrnn_status cl_state_write(void *state, size_t at, size_t count, const float *values);
clrnn_status cl_state_read(void *state, size_t at, size_t count, float *values);

#endif
