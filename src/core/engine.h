/*
 * engine.h: what an engine is. It knows its device and how to execute a configured plan there; it
 * knows no cell and takes no decision. One table of functions each, listed in engine.c.
 */
#ifndef CLRNN_CORE_ENGINE_H
#define CLRNN_CORE_ENGINE_H

#include "algo/algo.h"
#include "core/net.h"

/* How an array of a call lies in the memory that kernels see: floats from its start. */
struct engine_array {
    const clrnn_tensor *tensor; /* NULL: not wanted */
    int64_t at_step, at_row;    /* from one step, one row to the next */
    int64_t dense_bytes;
};

/* One forward, checked and laid out; it lives as long as the call. */
struct engine_call {
    int steps, batch;
    struct params params;
    const struct row *rows; /* [batch] */
    int rows_changed;       /* 0: the same table as in the call before */
    struct engine_array x, y, cells;
    const clrnn_tensor *x_proj; /* instead of x, where the plan has no projection: host, dense */
    void *state;                /* an engine's state, never NULL */
    const clrnn_tensor *h_0, *c_0, *h_n, *c_n; /* NULL: not wanted */
    int64_t state_words;                       /* floats of h of all slots */
    cl_uint num_wait;
    const cl_event *wait;
    cl_event *done;
};

struct engine {
    clrnn_engine id;
    clrnn_status (*context_open)(void **out, const clrnn_context_desc *desc);
    void (*context_close)(void *context);
    void (*describe)(void *context, struct device_desc *desc, clrnn_device_info *info);
    clrnn_status (*plan_open)(void **out, void *context, const struct algo_config *config,
                              const struct clrnn_net *net, cl_mem workspace);
    void (*plan_close)(void *plan);
    clrnn_status (*plan_run)(void *plan, const struct engine_call *call);
    void (*plan_profile)(void *plan, clrnn_profile *out);
    clrnn_status (*state_open)(void **out, void *context, size_t floats);
    void (*state_close)(void *state);
    /* floats at `at`; values NULL: zeros */
    clrnn_status (*state_write)(void *state, size_t at, size_t count, const float *values);
    clrnn_status (*state_read)(void *state, size_t at, size_t count, float *values);
    int stages_host; /* 1: host arrays are copied into dense ones before kernels see them */
};

extern const struct engine engine_cpu, engine_opencl, engine_reference;

/* NULL for AUTO. */
const struct engine *engine_find(clrnn_engine id);

struct clrnn_context {
    const struct engine *engine;
    void *device; /* the engine's context */
    struct device_desc desc;
    clrnn_device_info info;
    clrnn_engine id;
    long process; /* that created it */
};

/* LOST in a child of the process that made the context. */
clrnn_status context_check_process(const clrnn_context *context);

/* Packed weights of a net for a config: made by the engines when they open a plan. */
struct engine_weights {
    float *recurrent;  /* config->weight_floats */
    float *projection; /* config->projection_floats, or NULL */
    float *b_ih;       /* [G][stride] */
    float *b_hh;
    size_t bias_floats;
};
clrnn_status engine_pack(struct engine_weights *out, const struct algo_config *config,
                         const struct clrnn_net *net);
void engine_unpack(struct engine_weights *weights);

#endif
