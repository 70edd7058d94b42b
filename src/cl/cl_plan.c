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

#include <stdlib.h>
#include <string.h>

/* Groups that set the biases for CLBlast, each for many rows: enough for any device. */
enum { BIAS_GROUPS = 4096 };
static const char BIAS_KERNEL[] = "project_bias";

/* Flags count to here, then they begin anew. */
enum { EPOCH_MOST = 1 << 30 };

/* Calls at most that do not try to meet after a launch whose groups did not: it may be the moment,
 * or the driver, so that they double from one time to the next. */
enum { CALLS_ALONE = 64 };

/* Launches between two flushes: the device starts early, the queue is not pushed at every step. */
enum { FLUSH_EVERY = 32 };

static void close_strand(struct cl_strand *strand) {
    cl_mem *const buffers[] = {&strand->w_hh, &strand->w_ih, &strand->b_ih, &strand->b_hh};
    for (int i = 0; i < ALGO_LAUNCHES; i++) {
        cl_function_free(&strand->launches[i]);
    }
    cl_function_free(&strand->projection);
    cl_function_free(&strand->projection_bias);
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        if (*buffers[i] != NULL) {
            clReleaseMemObject(*buffers[i]);
        }
    }
}

void cl_plan_close(void *engine_plan) {
    struct cl_plan *plan = engine_plan;
    if (plan == NULL) {
        return;
    }
    for (int i = 0; plan->strands != NULL && i < plan->strand_count; i++) {
        close_strand(&plan->strands[i]);
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

/* ---- kernels --------------------------------------------------------------------------------- */

/* A kernel with the arguments that never change. Its group size is in its text (GROUP_SHAPE), so a
 * compiler that cannot grant it fails to build; CL_KERNEL_WORK_GROUP_SIZE is not asked, since
 * rusticl answers 32 for kernels that it runs with 256. */
static clrnn_status make_kernel(struct cl_function *out, struct cl_plan *plan,
                                const struct algo_program *program, const char *name, cl_mem w,
                                cl_mem b, cl_mem work) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(cl_program_kernel(&out->kernel, plan->context, program, name));
    TRY(cl_set_buffer(out, ARG_ROWS, cl_known_lasting(plan->rows)));
    TRY(cl_set_buffer(out, ARG_W, cl_known_lasting(w)));
    TRY(cl_set_buffer(out, ARG_B, cl_known_lasting(b)));
    TRY(cl_set_buffer(out, ARG_WORK, cl_known_lasting(work)));
out:
    return status;
}

static clrnn_status make_kernels(struct cl_plan *plan, int index) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->configs[index];
    struct cl_strand *strand = &plan->strands[index];
    for (int i = 0; i < config->launch_count; i++) {
        TRY(make_kernel(&strand->launches[i], plan, &config->program, config->launches[i].kernel,
                        strand->w_hh, strand->b_hh, plan->work));
        TRY(cl_set_buffer(&strand->launches[i], ARG_X, cl_known_lasting(plan->x_proj)));
        if (config->launches[i].meets) {
            TRY(cl_set_buffer(&strand->launches[i], ARG_FLAGS, cl_known_lasting(plan->flags)));
            TRY(cl_set_number(&strand->launches[i], ARG_FINISH, config->launches[i].finish));
        }
    }
    if (strand->w_ih != NULL) {
        TRY(make_kernel(&strand->projection, plan, &config->projection_program,
                        config->projection_launch.kernel, strand->w_ih, strand->b_ih,
                        plan->x_proj));
    }
    if (config->projection == CLRNN_PROJECTION_CLBLAST) {
        TRY(make_kernel(&strand->projection_bias, plan, &config->projection_program, BIAS_KERNEL,
                        strand->w_ih, strand->b_ih, plan->x_proj));
    }
out:
    return status;
}

/* ---- launches -------------------------------------------------------------------------------- */

/* What a launch takes but for its groups. */
struct launch {
    struct cl_function *function;
    const struct params *params;
    int items;         /* of a group */
    int first, second; /* its arguments */
    /* for a trace */
    const char *what, *kernel_name;
    int first_step, steps;
};

/* One of the two that make x_proj: of our own tile, or before a library's product. */
static struct launch projection_launch(const struct cl_plan *plan, int index,
                                       const struct params *params, int is_bias) {
    const struct algo_config *config = &plan->configs[index];
    struct cl_strand *strand = &plan->strands[index];
    return (struct launch){.function = is_bias ? &strand->projection_bias : &strand->projection,
                           .params = params,
                           .items = config->projection_tile.items,
                           .what = "projection",
                           .kernel_name = is_bias ? BIAS_KERNEL : config->projection_launch.kernel,
                           .first_step = params->first,
                           .steps = params->count};
}

static struct launch recurrence_launch(const struct cl_plan *plan, int index,
                                       const struct params *params, int which) {
    const struct algo_config *config = &plan->configs[index];
    return (struct launch){.function = &plan->strands[index].launches[which],
                           .params = params,
                           .items = config->tile.items,
                           .what = "recurrence",
                           .kernel_name = config->launches[which].kernel,
                           .first_step = params->first,
                           .steps = params->count};
}

static clrnn_status enqueue_groups(struct cl_plan *plan, const struct launch *launch,
                                   const size_t groups[2]) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t global[2] = {groups[0] * (size_t)launch->items, groups[1]};
    const size_t local[2] = {(size_t)launch->items, 1};
    const size_t span =
        trace_begin(plan->context->trace, "launch",
                    TRACE_ARGS({"kernel", 0, launch->kernel_name},
                               {"groups", (int64_t)(groups[0] * groups[1]), NULL},
                               {"first", launch->first_step, NULL}, {"steps", launch->steps, NULL}),
                    "%s", launch->what);
    cl_event *event = cl_trace_command(plan->context, span);
    TRY_CL("forward", clEnqueueNDRangeKernel(plan->context->queue, launch->function->kernel, 2,
                                             NULL, global, local, 0, NULL, event));
    cl_trace_enqueued(plan->context);
    plan->profile.launches++;
    if (plan->profile.launches % FLUSH_EVERY == 0) {
        TRY_CL("forward", clFlush(plan->context->queue));
    }
out:
    return status;
}

/* A launch of more groups than drivers take, in parts that do not meet. */
static clrnn_status enqueue_parts(struct cl_plan *plan, const struct launch *launch,
                                  const size_t groups[2], const size_t most[2]) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct params part = *launch->params;
    size_t first[2];
    for (first[0] = 0; first[0] < groups[0]; first[0] += most[0]) {
        for (first[1] = 0; first[1] < groups[1]; first[1] += most[1]) {
            size_t count[2];
            for (int dim = 0; dim < 2; dim++) {
                const size_t rest = groups[dim] - first[dim];
                part.group_first[dim] = (wide)first[dim];
                count[dim] = rest < most[dim] ? rest : most[dim];
            }
            TRY(cl_set_params(launch->function, &part));
            TRY(enqueue_groups(plan, launch, count));
        }
    }
    TRY(cl_set_params(launch->function, launch->params));
out:
    return status;
}

static clrnn_status enqueue(struct cl_plan *plan, const struct launch *launch,
                            const size_t groups[2]) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t most[2] = {plan->context->launch_items / (size_t)launch->items,
                            plan->context->launch_groups};
    TRY(cl_set_number(launch->function, ARG_FIRST, launch->first));
    TRY(cl_set_number(launch->function, ARG_SECOND, launch->second));
    if (groups[0] <= most[0] && groups[1] <= most[1]) {
        TRY(enqueue_groups(plan, launch, groups));
    } else {
        TRY(enqueue_parts(plan, launch, groups, most));
    }
out:
    return status;
}

/* The arrays that a strand writes. */
struct bound {
    struct cl_known state, y, hiddens, cells, gates, mask, starts;
};

/* Those of a call. An argument that a kernel does not use still needs a buffer: any. */
static struct bound bind_layer(const struct cl_plan *plan, const struct engine_call *call,
                               int layer) {
    const struct cl_state *state = call->state;
    const size_t first = 1 + 4 * (size_t)layer;
    return (struct bound){
        .state = {state->buffer, state->number},
        .y = cl_array_buffer(plan, call, first),
        .hiddens = cl_array_buffer(plan, call, first + 1),
        .cells = cl_array_buffer(plan, call, first + 2),
        .gates = cl_array_buffer(plan, call, first + 3),
        .mask = call->mask != NULL ? cl_stage_known(&plan->mask) : cl_known_lasting(plan->rows),
        .starts =
            call->starts != NULL ? cl_stage_known(&plan->starts) : cl_known_lasting(plan->rows),
    };
}

static struct bound bind_nothing(const struct cl_plan *plan) {
    const struct cl_known work = cl_known_lasting(plan->work), rows = cl_known_lasting(plan->rows);
    return (struct bound){work, work, work, work, work, rows, rows};
}

static clrnn_status set_arguments(struct cl_function *function, const struct params *params,
                                  const struct bound *bound) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(cl_set_params(function, params));
    TRY(cl_set_buffer(function, ARG_STATE, bound->state));
    TRY(cl_set_buffer(function, ARG_Y, bound->y));
    TRY(cl_set_buffer(function, ARG_HIDDENS, bound->hiddens));
    TRY(cl_set_buffer(function, ARG_CELLS, bound->cells));
    TRY(cl_set_buffer(function, ARG_GATES, bound->gates));
    TRY(cl_set_buffer(function, ARG_MASK, bound->mask));
    TRY(cl_set_buffer(function, ARG_STARTS, bound->starts));
out:
    return status;
}

/* One of the kernels that make x_proj. */
static clrnn_status run_projection(struct cl_plan *plan, const struct launch *launch,
                                   const struct bound *bound, struct cl_known x,
                                   const size_t groups[2]) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(set_arguments(launch->function, launch->params, bound));
    TRY(cl_set_buffer(launch->function, ARG_X, x));
    TRY(enqueue(plan, launch, groups));
out:
    return status;
}

/* x_proj += x W_ih, by a library: m rows of x from float x_at on. */
static clrnn_status multiply(struct cl_plan *plan, int index, size_t m, cl_mem x, size_t x_at) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct params *sizes = &plan->configs[index].params;
    const struct cl_gemm gemm = {.m = m,
                                 .n = (size_t)sizes->columns,
                                 .k = (size_t)sizes->inputs,
                                 .x = x,
                                 .x_at = x_at,
                                 .w = plan->strands[index].w_ih,
                                 .x_proj = plan->x_proj};
    size_t bytes = 0;
    TRY(cl_gemm_temporary(&bytes, plan->context->queue, &gemm));
    TRY(cl_stage_reserve(&plan->gemm, plan, bytes, "CLBlast's temporary copies"));
    const size_t span = trace_begin(plan->context->trace, "library", NULL, "CLBlastSgemm");
    TRY(cl_gemm(plan->context->queue, &gemm, bytes > 0 ? plan->gemm.buffer : NULL,
                cl_trace_command(plan->context, span)));
    cl_trace_enqueued(plan->context);
out:
    return status;
}

static clrnn_status project(struct cl_plan *plan, const struct engine_call *call,
                            const struct params *params, int index) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->configs[index];
    const int layer = call->strands[index].layer;
    const struct bound bound = bind_layer(plan, call, layer);
    const struct cl_known x =
        cl_array_buffer(plan, call, layer == 0 ? 0 : 1 + 4 * (size_t)(layer - 1));
    const struct launch own = projection_launch(plan, index, params, 0);
    const struct launch bias = projection_launch(plan, index, params, 1);
    size_t groups[2] = {BIAS_GROUPS, 1};
    if (config->projection == CLRNN_PROJECTION_CLBLAST) {
        const size_t m = (size_t)params->x_rows;
        groups[0] = m < BIAS_GROUPS ? m : BIAS_GROUPS;
        TRY(run_projection(plan, &bias, &bound, x, groups));
        TRY(multiply(plan, index, m, x.buffer, (size_t)engine_input(call, layer)->base));
    } else {
        algo_launch_groups(groups, config, &config->projection_launch, &config->projection_tile,
                           params->count, call->batch);
        TRY(run_projection(plan, &own, &bound, x, groups));
    }
out:
    return status;
}

/* The flags of launches whose groups meet, for `counts` of each part. */
static clrnn_status next_epoch(struct cl_plan *plan, struct cl_strand *strand,
                               const struct algo_config *config, int counts) {
    clrnn_status status = CLRNN_STATUS_OK;
    static const int zero;
    if (plan->epoch > EPOCH_MOST) {
        TRY_CL("forward", clEnqueueFillBuffer(plan->context->queue, plan->flags, &zero, sizeof zero,
                                              0, plan->flag_bytes, 0, NULL, NULL));
        plan->epoch = plan->learnt = 0;
    }
    plan->epoch++;
    for (int i = 0; i < config->launch_count; i++) {
        if (config->launches[i].meets) {
            TRY(cl_set_number(&strand->launches[i], ARG_EPOCH, plan->epoch));
        }
    }
    plan->epoch += counts;
out:
    return status;
}

/* Once a launch gave up, the next calls go without: the launch that finishes does all of it. */
static int is_left_out(const struct cl_plan *plan, const struct algo_launch *launch) {
    return launch->meets && !launch->finish && plan->alone > 0;
}

static clrnn_status recur(struct cl_plan *plan, const struct engine_call *call,
                          const struct params *params, int index) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->configs[index];
    struct cl_strand *strand = &plan->strands[index];
    const struct bound bound = bind_layer(plan, call, call->strands[index].layer);
    size_t groups[ALGO_LAUNCHES][2];
    int by_step = 0;
    for (int i = 0; i < config->launch_count; i++) {
        const struct algo_launch *launch = &config->launches[i];
        TRY(set_arguments(&strand->launches[i], params, &bound));
        algo_launch_groups(groups[i], config, launch, &config->tile, params->count, call->batch);
        by_step |= launch->repeat == ALGO_EACH_STEP;
        if (launch->repeat == ALGO_ONCE) {
            struct launch once = recurrence_launch(plan, index, params, i);
            once.second = launch->phase;
            TRY(enqueue(plan, &once, groups[i]));
        }
    }
    const int stride = by_step ? 1 : config->chunk_steps;
    const int last = params->first + params->count;
    for (int first = params->first; first < last; first += stride) {
        const int end = last - first < stride ? last : first + stride;
        if (config->flags > 0) {
            TRY(next_epoch(plan, strand, config, 1 + (end - first) * config->cell.phase_count));
        }
        for (int i = 0; i < config->launch_count; i++) {
            const struct algo_launch *launch = &config->launches[i];
            if (launch->repeat != ALGO_ONCE && !is_left_out(plan, launch)) {
                struct launch next = recurrence_launch(plan, index, params, i);
                next.first = next.first_step = first;
                next.second = by_step ? launch->phase : end;
                next.steps = end - first;
                TRY(enqueue(plan, &next, groups[i]));
            }
        }
    }
out:
    return status;
}

/* With profiling on: waits, and gives the time since *since. */
static clrnn_status lap(struct cl_plan *plan, double *since, double *out) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (plan->context->profile) {
        TRY(cl_wait(plan->context, "forward"));
        const double now = clock_us();
        *out += now - *since;
        *since = now;
    }
out:
    return status;
}

/* Runs every kernel of a strand once on a row of no steps: some drivers compile a kernel only when
 * it is first launched, and CLBlast compiles at its first call. That belongs to the plan, not to a
 * forward. */
static clrnn_status warm_up(struct cl_plan *plan, int index) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->configs[index];
    struct cl_strand *strand = &plan->strands[index];
    const size_t groups[2] = {1, 1};
    const struct bound bound = bind_nothing(plan);
    struct params params = config->params;
    params.batch = params.count = params.rows_group = params.parts = 1;
    params.x_rows = 1;
    params.work_vector = params.stride;
    params.from_zero = 1;        /* the work space stands in for the state, and holds nothing yet */
    static const struct row row; /* no steps; it outlives the write */
    const size_t span = trace_begin(plan->context->trace, "warm up", NULL, "warm up");
    cl_event *event = cl_trace_copy(plan->context, "upload", "rows", sizeof row);
    TRY_CL("plan", clEnqueueWriteBuffer(plan->context->queue, plan->rows, CL_FALSE, 0, sizeof row,
                                        &row, 0, NULL, event));
    cl_trace_enqueued(plan->context);
    if (config->flags > 0) {
        TRY(next_epoch(plan, strand, config, 1));
    }
    for (int i = 0; i < config->launch_count; i++) {
        TRY(set_arguments(&strand->launches[i], &params, &bound));
        const struct launch launch = recurrence_launch(plan, index, &params, i);
        TRY(enqueue(plan, &launch, groups));
    }
    if (strand->projection.kernel != NULL) {
        const struct launch own = projection_launch(plan, index, &params, 0);
        TRY(run_projection(plan, &own, &bound, bound.state, groups));
    }
    if (strand->projection_bias.kernel != NULL) {
        const struct launch bias = projection_launch(plan, index, &params, 1);
        TRY(run_projection(plan, &bias, &bound, bound.state, groups));
        /* its own weights stand in for x: one row of as many floats is there */
        TRY(multiply(plan, index, 1, strand->w_ih, 0));
    }
    trace_end(plan->context->trace, span);
out:
    return status;
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
        TRY(make_kernels(plan, i));
        TRY(warm_up(plan, i));
        trace_end(plan->context->trace, span);
    }
    TRY(cl_wait(plan->context, "plan"));
    cl_trace_collect(plan->context);
    plan->learnt = plan->epoch;
    *out = plan;
    plan = NULL;
out:
    cl_plan_close(plan);
    return status;
}

/* ---- a call ---------------------------------------------------------------------------------- */

/* Arrays of a layer that are staged, from the device. last: those of one row for each of the batch,
 * which are complete only at the end. */
static clrnn_status fetch_layer(struct cl_plan *plan, const struct engine_call *call, int layer,
                                const struct piece *piece, int last) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t first = 1 + 4 * (size_t)layer;
    for (size_t index = first; index < first + 4; index++) {
        if (engine_array_at(call, index)->last == last) {
            TRY(cl_fetch_array(plan, call, index, piece));
        }
    }
out:
    return status;
}

static clrnn_status run_piece(struct cl_plan *plan, const struct engine_call *call,
                              const struct piece *piece, double *since) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int layer = call->strands[piece->strand].layer;
    const struct params params = engine_piece_params(call, piece);
    clrnn_trace *trace = plan->context->trace;
    if (call->by_piece && layer == 0 && call->x_proj == NULL) {
        TRY(cl_send_array(plan, call, 0, piece));
    }
    if (call->x_proj != NULL) {
        TRY(cl_send_projected(plan, call, &params));
    }
    TRY(lap(plan, since, &plan->profile.transfer_us));
    if (call->x_proj == NULL) {
        const size_t projection = trace_begin(trace, "phase", NULL, "projection");
        TRY(project(plan, call, &params, piece->strand));
        TRY(lap(plan, since, &plan->profile.projection_us));
        trace_end(trace, projection);
    }
    const size_t recurrence = trace_begin(trace, "phase", NULL, "recurrence");
    TRY(recur(plan, call, &params, piece->strand));
    TRY(lap(plan, since, &plan->profile.recurrence_us));
    trace_end(trace, recurrence);
    if (call->by_piece) {
        TRY(fetch_layer(plan, call, layer, piece, 0));
    }
out:
    return status;
}

static clrnn_status enqueue_call(struct cl_plan *plan, const struct engine_call *call,
                                 double *since) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct piece whole = {0, 0, call->steps};
    struct piece piece = PIECE_NONE;
    struct engine_spans spans = {0};
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
    while (engine_next_piece(call, &piece)) {
        engine_spans_begin(&spans, trace, call, &piece);
        TRY(run_piece(plan, call, &piece, since));
        engine_spans_end(&spans, trace, call, &piece);
    }
    for (int layer = 0; layer < call->layer_count; layer++) {
        TRY(fetch_layer(plan, call, layer, &whole, 1));
        if (!call->by_piece) {
            TRY(fetch_layer(plan, call, layer, &whole, 0));
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
    TRY(lap(plan, &since, &plan->profile.transfer_us));
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
