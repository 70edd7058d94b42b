/* plan_args.h: the caller's arrays of a forward, checked and laid out for an engine. */
#ifndef CLRNN_CORE_PLAN_ARGS_H
#define CLRNN_CORE_PLAN_ARGS_H

#include "core/plan.h"

/* Steps and rows of a call, within what the plan takes. */
clrnn_status args_check_extents(struct engine_call *call, const clrnn_plan *plan, int64_t steps,
                                int64_t batch);

/* x, and from it (or from batch_sizes) steps and rows. */
clrnn_status args_lay_out_input(clrnn_plan *plan, struct engine_call *call,
                                const clrnn_forward_args *args);

/* Mask, lengths, outputs and states: fills plan->given and plan->layers. */
clrnn_status args_lay_out(clrnn_plan *plan, struct engine_call *call,
                          const clrnn_forward_args *args);

/* Valid steps of a row: *out stays where nothing is said of it. */
clrnn_status args_length(int *out, const clrnn_forward_args *args, int row, int steps);

#endif
