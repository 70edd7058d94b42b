/* cl_plan.h: the executor of configs and the states on a device. */
#ifndef CLRNN_CL_PLAN_H
#define CLRNN_CL_PLAN_H

#include "cl/cl_internal.h"

struct cl_state {
    struct cl_engine_context *context;
    cl_mem buffer; /* h [slots][H], then c */
};

/* A host array's copy on the device, and host memory to gather what is not dense. */
struct stage {
    cl_mem buffer;
    size_t bytes;
    float *gathered;
    size_t gathered_bytes;
};

struct cl_plan {
    struct cl_engine_context *context;
    struct algo_config config;
    cl_kernel launches[ALGO_LAUNCHES];
    cl_kernel projection, projection_bias;
    cl_mem w_hh, w_ih, b_ih, b_hh;
    cl_mem workspace, x_proj, work; /* x_proj and work are pieces of the work space */
    cl_mem rows;
    struct stage x, y, cells;
    clrnn_profile profile;
};

/* cl_transfer.c */
clrnn_status cl_buffer_make(cl_mem *out, const struct cl_engine_context *context,
                            cl_mem_flags flags, size_t bytes, const void *from, const char *what);
void cl_stage_free(struct stage *stage, const struct cl_engine_context *context);
clrnn_status cl_send_x(struct cl_plan *plan, const struct engine_call *call, cl_mem *out);
clrnn_status cl_send_projected(struct cl_plan *plan, const struct engine_call *call);
clrnn_status cl_send_rows(struct cl_plan *plan, const struct engine_call *call);
clrnn_status cl_move_rows(struct cl_plan *plan, const struct engine_call *call,
                          const clrnn_tensor *tensor, int64_t at, int loads);
clrnn_status cl_place_output(struct cl_plan *plan, const struct engine_array *array,
                             struct stage *stage, const char *what, cl_mem *out);
clrnn_status cl_fetch_output(struct cl_plan *plan, const struct engine_array *array,
                             struct stage *stage);
void cl_scatter_output(const struct engine_array *array, const struct stage *stage);
/* What can be refused of a call before anything is enqueued. */
clrnn_status cl_check_call(const struct cl_plan *plan, const struct engine_call *call);
int cl_has_host_array(const struct engine_call *call);

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
