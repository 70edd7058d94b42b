/*
 * cl_plan.c: the executor: runs any config on an OpenCL device. It knows launches, buffers and
 * arguments, and neither cells nor time.
 *
 * What a plan needs is made when it is opened; only the copies of host arrays (x, y, masks ...) are
 * made at their first use. A repeated forward allocates and builds nothing, and nothing of a step
 * comes back to the host.
 */
#include "cl/cl_plan.h"
#include "core/clock.h"
#include "core/half.h"

#include <stdio.h>
#include <stdlib.h>

/* Calls at most that do not try to meet after a launch whose groups did not: it may be the moment,
 * or the driver, so that they double from one time to the next. */
enum { CALLS_ALONE = 64 };

void cl_plan_close(void *engine_plan) {
    struct cl_plan *plan = engine_plan;
    if (plan == NULL) {
        return;
    }
    for (int i = 0; plan->strands != NULL && i < plan->strand_count; i++) {
        cl_strand_close(&plan->strands[i]);
    }
    for (size_t i = 0; plan->stages != NULL && i < plan->stage_count; i++) {
        cl_stage_free(&plan->stages[i], plan);
    }
    cl_copy_free(&plan->rows_copy, plan);
    cl_copy_free(&plan->mask_copy, plan);
    cl_copy_free(&plan->starts_copy, plan);
    cl_copy_free(&plan->given_up, plan);
    cl_stage_free(&plan->mask, plan);
    cl_stage_free(&plan->starts, plan);
    cl_stage_free(&plan->gemm, plan);
    cl_space_free(plan);
    cl_buffer_free(&plan->rows, plan, 0);
    cl_buffer_free(&plan->flags, plan, 0);
    free(plan->strands);
    free(plan->stages);
    free(plan);
}

/* ---- weights --------------------------------------------------------------------------------- */

static clrnn_status upload(cl_mem *out, struct cl_plan *plan, const void *from, size_t bytes,
                           const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    *out = clCreateBuffer(plan->context->context, CL_MEM_READ_ONLY, bytes, NULL, &code);
    REQUIRE(code == CL_SUCCESS, MEMORY, "plan: the device gives no %zu bytes for %s: %s (%d)",
            bytes, what, cl_code_name(code), code);
    cl_event *event = cl_trace_copy(plan->context, "upload", what, bytes);
    TRY_CL("plan", clEnqueueWriteBuffer(plan->context->queue, *out, CL_FALSE, 0, bytes, from, 0,
                                        NULL, event));
    cl_trace_enqueued(plan->context);
    plan->profile.weight_bytes += bytes;
out:
    return status;
}

/* In 16 bits, which hold the rounded values exactly; NULL where they lie as floats. */
static clrnn_status to_16_bits(uint16_t **out, const float *from,
                               const struct algo_config *config) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t count = config->weight_floats;
    *out = NULL;
    if (config->stored != CLRNN_WEIGHTS_FP32) {
        uint16_t *narrowed = malloc(count * sizeof *narrowed);
        REQUIRE(narrowed != NULL, MEMORY, "plan: out of memory for %zu packed weights", count);
        for (size_t i = 0; i < count; i++) {
            narrowed[i] = config->stored == CLRNN_WEIGHTS_FP16 ? half_from_double((double)from[i])
                                                               : brain_from_float(from[i]);
        }
        *out = narrowed;
    }
out:
    return status;
}

static clrnn_status upload_weights(struct cl_plan *plan, int index, const struct strand *strand) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->configs[index];
    struct cl_strand *to = &plan->strands[index];
    struct engine_weights weights = {0};
    uint16_t *narrowed = NULL;
    const size_t span = trace_begin(plan->context->trace, "weights", NULL, "pack weights");
    TRY(engine_pack(&weights, config, strand));
    TRY(to_16_bits(&narrowed, weights.recurrent, config));
    trace_end(plan->context->trace, span);
    TRY(upload(&to->w_hh, plan, narrowed != NULL ? (const void *)narrowed : weights.recurrent,
               config->weight_floats * (narrowed != NULL ? sizeof *narrowed : sizeof(float)),
               "weight_hh"));
    TRY(upload(&to->b_hh, plan, weights.b_hh, weights.b_hh_floats * sizeof(float), "bias_hh"));
    TRY(upload(&to->b_ih, plan, weights.b_ih, weights.b_ih_floats * sizeof(float), "bias_ih"));
    if (weights.projection != NULL) {
        TRY(upload(&to->w_ih, plan, weights.projection, config->projection_floats * sizeof(float),
                   "weight_ih"));
    }
out:
    /* The packed copies must live until the device has read them: for ever, if it hangs. */
    if (cl_settle(plan->context, &status)) {
        engine_unpack(&weights);
        free(narrowed);
    }
    return status;
}

/* What the first calls took is known now; what they compiled is kept for the context's other plans. */
static void say_library(const struct cl_plan *plan, char *said) {
    if (plan->gemm_us > 0) {
        snprintf(said, ENGINE_SAID, "clblast: %s in %.1f s, %zu bytes for copies of its own",
                 plan->context->has_gemm ? "ready" : "compiled", plan->gemm_us * 1e-6,
                 plan->gemm.bytes);
        plan->context->has_gemm = 1;
    }
}

clrnn_status cl_plan_open(void **out, void *context, const struct engine_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_plan *plan = calloc(1, sizeof *plan);
    REQUIRE(plan != NULL, MEMORY, "plan: out of memory");
    plan->context = context;
    plan->configs = desc->configs;
    plan->strand_count = desc->strand_count;
    plan->space = desc->space;
    plan->memory_limit = desc->memory_limit;
    plan->stage_count = 1 + 4 * (size_t)desc->net->desc.num_layers;
    plan->strands = calloc((size_t)desc->strand_count, sizeof *plan->strands);
    plan->stages = calloc(plan->stage_count, sizeof *plan->stages);
    REQUIRE(plan->strands && plan->stages, MEMORY, "plan: out of memory");
    TRY(cl_check_alive(plan->context));
    cl_trace_restart(plan->context);
    if (plan->context->strict && !plan->context->probed) {
        TRY(cl_probe(plan->context));
        plan->context->probed = 1;
    }
    TRY(cl_buffer_make(&plan->rows, plan, CL_MEM_READ_ONLY,
                       (size_t)desc->batch * sizeof(struct row), "the row table"));
    if (desc->flag_bytes > 0) {
        TRY(cl_buffer_make(&plan->flags, plan, CL_MEM_READ_WRITE, desc->flag_bytes, "flags"));
        plan->flag_bytes = desc->flag_bytes;
        plan->epoch = EPOCH_MOST + 1; /* they are cleared before the first launch */
        plan->given_up.at = malloc(sizeof(int));
        REQUIRE(plan->given_up.at != NULL, MEMORY, "plan: out of memory");
    }
    TRY(cl_space_make(plan, desc->workspace));
    for (int i = 0; i < desc->strand_count; i++) {
        const size_t span = engine_trace_strand(plan->context->trace, &desc->net->strands[i]);
        TRY(upload_weights(plan, i, &desc->net->strands[i]));
        TRY(cl_strand_make_kernels(plan, i));
        TRY(cl_strand_warm_up(plan, i, (size_t)desc->configs[i].steps * (size_t)desc->batch));
        trace_end(plan->context->trace, span);
    }
    TRY(cl_wait(plan->context, "plan"));
    say_library(plan, desc->said);
    cl_trace_collect(plan->context);
    plan->learnt = plan->epoch;
    *out = plan;
    plan = NULL;
out:
    cl_plan_close(plan);
    return status;
}

/* ---- a call ---------------------------------------------------------------------------------- */

static clrnn_status enqueue_call(struct cl_plan *plan, const struct engine_call *call,
                                 double *since) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct piece whole = {0, 0, call->steps};
    clrnn_trace *trace = plan->context->trace;
    const size_t reserve = trace_begin(trace, "reserve", NULL, "reserve copies");
    TRY(cl_reserve_arrays(plan, call));
    trace_end(trace, reserve);
    TRY(cl_send_tables(plan, call));
    for (int i = 0; i < call->load_count; i++) {
        TRY(cl_move_rows(plan, call, &call->loads[i], 1));
    }
    if (!call->by_piece) {
        TRY(cl_send_array(plan, call, 0, &whole));
    }
    TRY(cl_pieces_run(plan, call, since));
    for (int layer = 0; layer < call->layer_count; layer++) {
        TRY(cl_fetch_layer(plan, call, layer, &whole, 1));
        if (!call->by_piece) {
            TRY(cl_fetch_layer(plan, call, layer, &whole, 0));
        }
    }
    for (int i = 0; i < call->store_count; i++) {
        TRY(cl_move_rows(plan, call, &call->stores[i], 0));
    }
    if (call->done != NULL) {
        TRY_CL("forward", clEnqueueMarkerWithWaitList(plan->context->queue, 0, NULL, call->done));
    }
out:
    return status;
}

/* Asks whether a launch gave up. A call with buffers alone is not waited for: what it asked is known at a
 * later call, and until then the ones between ask nothing. */
static clrnn_status ask_given_up(struct cl_plan *plan, int waits) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_copy *copy = &plan->given_up;
    if (plan->flags == NULL || (copy->read != NULL && !waits)) {
        return status;
    }
    if (copy->read != NULL) {
        clReleaseEvent(copy->read);
        copy->read = NULL;
    }
    cl_event *traced = cl_trace_copy(plan->context, "download", "given up", sizeof(int));
    TRY_CL("forward", clEnqueueReadBuffer(plan->context->queue, plan->flags, CL_FALSE, 0,
                                          sizeof(int), copy->at, 0, NULL, &copy->read));
    cl_trace_enqueued(plan->context);
    if (traced != NULL && clRetainEvent(copy->read) == CL_SUCCESS) {
        *traced = copy->read;
    }
    plan->asked = plan->epoch;
    plan->profile.bytes_from_device += sizeof(int);
out:
    return status;
}

static void learn_to_meet(struct cl_plan *plan, int gave_up) {
    if (gave_up) {
        plan->alone_next = plan->alone_next < 1             ? 1
                           : plan->alone_next < CALLS_ALONE ? 2 * plan->alone_next
                                                            : CALLS_ALONE;
        plan->alone = plan->alone_next;
    } else if (plan->alone > 0) {
        plan->alone--;
    } else {
        plan->alone_next = 0;
    }
}

/* What was asked, if the device has said it by now. */
static void learn_given_up(struct cl_plan *plan) {
    struct cl_copy *copy = &plan->given_up;
    if (copy->read != NULL && cl_event_state(copy->read) == CL_COMPLETE) {
        clReleaseEvent(copy->read);
        copy->read = NULL;
        learn_to_meet(plan, *(const int *)copy->at > plan->learnt);
        plan->learnt = plan->asked;
    }
}

clrnn_status cl_plan_run(void *engine_plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_plan *plan = engine_plan;
    struct cl_engine_context *context = plan->context;
    int enqueued = 0;
    if (call->done != NULL) {
        *call->done = NULL;
    }
    TRY(cl_check_alive(context));
    TRY(cl_check_call(plan, call));
    cl_trace_restart(context);
    plan->profile = (clrnn_profile){.weight_bytes = plan->profile.weight_bytes};
    const double start = clock_us();
    double since = start;
    if (call->num_wait > 0) {
        TRY_CL("forward",
               clEnqueueBarrierWithWaitList(context->queue, call->num_wait, call->wait, NULL));
    }
    enqueued = 1;
    learn_given_up(plan);
    TRY(enqueue_call(plan, call, &since));
    const int waits = cl_has_host_array(call);
    TRY(ask_given_up(plan, waits));
    if (waits) {
        TRY(cl_wait(context, "forward"));
        learn_given_up(plan);
        const size_t span = trace_begin(context->trace, "scatter", NULL, "scatter");
        for (size_t i = 0; i < plan->stage_count; i++) {
            cl_scatter_array(plan, call, i);
        }
        trace_end(context->trace, span);
    } else {
        TRY_CL("forward", clFlush(context->queue));
    }
    TRY(cl_lap(plan, &since, &plan->profile.transfer_us));
    plan->profile.total_us = clock_us() - start;
    cl_trace_collect(context);
out:
    if (enqueued && status != CLRNN_STATUS_OK) {
        cl_settle(context, &status); /* what was enqueued may still read the caller's arrays */
        if (call->done != NULL && *call->done != NULL) {
            clReleaseEvent(*call->done);
            *call->done = NULL;
        }
    }
    return status;
}

void cl_plan_profile(void *engine_plan, clrnn_profile *out) {
    const struct cl_plan *plan = engine_plan;
    *out = plan->profile;
    out->workspace_bytes = plan->space.bytes;
    out->memory_bytes = plan->held_most;
}
