/* plan.h: a plan: a net, a config for the context's device, and the engine's half. */
#ifndef CLRNN_CORE_PLAN_H
#define CLRNN_CORE_PLAN_H

#include "core/engine.h"

/* Steps, rows and slots at most: their sums with one another stay far from 2^31. */
enum { PLAN_MAX_EXTENT = 1 << 30 };

struct clrnn_state {
    clrnn_context *context;
    void *engine_state;
    int slots, hidden, states;
    uint64_t calls;   /* that used it */
    uint64_t *stamps; /* [slots] the last call that took the slot: finds slots taken twice */
};

struct clrnn_plan {
    clrnn_context *context;
    const clrnn_net *net;
    clrnn_plan_desc desc;
    struct problem problem;
    struct algo_config config;
    void *engine_plan;
    struct row *rows;      /* [batch] of the last call */
    struct row *next_rows; /* of this call, before it is compared */
    int last_batch;        /* rows of the last call, 0 before the first */
    clrnn_state *scratch;  /* for calls without a state of their own */
    uint64_t net_version;
    char text[1024];
};

/* Zeroed h (and c) of `slots` streams. */
clrnn_status state_create(clrnn_state **out, clrnn_context *context, int hidden, int states,
                          int slots);

/* The problem that a net and a desc pose. */
struct problem plan_problem(const clrnn_net *net, const clrnn_plan_desc *desc);

clrnn_status plan_check_desc(const clrnn_context *context, const clrnn_net *net,
                             const clrnn_plan_desc *desc);

/* As clrnn_plan_create, for a problem of one's own: backward recurrences. */
clrnn_status plan_create(clrnn_plan **out, clrnn_context *context, const clrnn_net *net,
                         const clrnn_plan_desc *desc, const struct problem *problem);

/* A plan without projection: x_proj is a dense host array [T][N][words][H]. */
clrnn_status plan_forward_projected(clrnn_plan *plan, const clrnn_tensor *x_proj,
                                    const clrnn_forward_args *args);

#endif
