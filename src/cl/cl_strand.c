/*
 * cl_strand.c: a strand on a device: its kernels, and the launches of its projection and of its
 * recurrence for the steps of a piece.
 */
#include "cl/cl_plan.h"
#include "core/clock.h"

/* Groups that set the biases for CLBlast, each for many rows: enough for any device. */
enum { BIAS_GROUPS = 4096 };
static const char BIAS_KERNEL[] = "project_bias";

/* Launches between two flushes: the device starts early, the queue is not pushed at every step. */
enum { FLUSH_EVERY = 32 };

void cl_strand_close(struct cl_strand *strand) {
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

clrnn_status cl_strand_make_kernels(struct cl_plan *plan, int index) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->configs[index];
    struct cl_strand *strand = &plan->strands[index];
    for (int i = 0; i < config->launch_count; i++) {
        TRY(make_kernel(&strand->launches[i], plan, &config->program, config->launches[i].kernel,
                        strand->w_hh, strand->b_hh, plan->work));
        TRY(cl_set_buffer(&strand->launches[i], ARG_X, cl_known_lasting(plan->x_proj[0])));
        if (config->launches[i].meets) {
            TRY(cl_set_buffer(&strand->launches[i], ARG_FLAGS, cl_known_lasting(plan->flags)));
            TRY(cl_set_number(&strand->launches[i], ARG_FINISH, config->launches[i].finish));
        }
    }
    if (strand->w_ih != NULL) {
        TRY(make_kernel(&strand->projection, plan, &config->projection_program,
                        config->projection_launch.kernel, strand->w_ih, strand->b_ih,
                        plan->x_proj[0]));
    }
    if (config->projection == CLRNN_PROJECTION_CLBLAST) {
        TRY(make_kernel(&strand->projection_bias, plan, &config->projection_program, BIAS_KERNEL,
                        strand->w_ih, strand->b_ih, plan->x_proj[0]));
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
    TRY_CL("forward", clEnqueueNDRangeKernel(plan->context->current, launch->function->kernel, 2,
                                             NULL, global, local, 0, NULL, event));
    cl_trace_enqueued(plan->context);
    plan->profile.launches++;
    if (plan->profile.launches % FLUSH_EVERY == 0) {
        TRY_CL("forward", clFlush(plan->context->current));
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
                                   const struct bound *bound, struct cl_known x, int place,
                                   const size_t groups[2]) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(set_arguments(launch->function, launch->params, bound));
    TRY(cl_set_buffer(launch->function, ARG_WORK, cl_known_lasting(plan->x_proj[place])));
    TRY(cl_set_buffer(launch->function, ARG_X, x));
    TRY(enqueue(plan, launch, groups));
out:
    return status;
}

/* x_proj += x W_ih, by a library: m rows of x from float x_at on. */
static struct cl_gemm product(const struct cl_plan *plan, int index, int place, size_t m, cl_mem x,
                              size_t x_at) {
    const struct params *sizes = &plan->configs[index].params;
    return (struct cl_gemm){.m = m,
                            .n = (size_t)sizes->columns,
                            .k = (size_t)sizes->inputs,
                            .x = x,
                            .x_at = x_at,
                            .w = plan->strands[index].w_ih,
                            .x_proj = plan->x_proj[place]};
}

static clrnn_status multiply(struct cl_plan *plan, const struct cl_gemm *gemm) {
    clrnn_status status = CLRNN_STATUS_OK;
    size_t bytes = 0;
    TRY(cl_gemm_temporary(&bytes, plan->context->current, gemm));
    TRY(cl_stage_reserve(&plan->gemm, plan, bytes, "CLBlast's temporary copies"));
    const size_t span = trace_begin(plan->context->trace, "library", NULL, "CLBlastSgemm");
    TRY(cl_gemm(plan->context->current, gemm, bytes > 0 ? plan->gemm.buffer : NULL,
                cl_trace_command(plan->context, span)));
    cl_trace_enqueued(plan->context);
out:
    return status;
}

clrnn_status cl_strand_project(struct cl_plan *plan, const struct engine_call *call,
                               const struct params *params, int index, int place) {
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
        TRY(run_projection(plan, &bias, &bound, x, place, groups));
        const struct engine_array *input = engine_input(call, layer);
        const wide before = input->packed ? call->starts[params->first] * input->features
                                          : params->first * params->x.step;
        const struct cl_gemm gemm =
            product(plan, index, place, m, x.buffer, (size_t)(params->x.at + before));
        TRY(multiply(plan, &gemm));
    } else {
        algo_launch_groups(groups, config, &config->projection_launch, &config->projection_tile,
                           params->count, call->batch);
        TRY(run_projection(plan, &own, &bound, x, place, groups));
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
        plan->epoch = plan->learnt = plan->asked = 0;
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

clrnn_status cl_strand_recur(struct cl_plan *plan, const struct engine_call *call,
                             const struct params *params, int index, int place) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->configs[index];
    struct cl_strand *strand = &plan->strands[index];
    const struct bound bound = bind_layer(plan, call, call->strands[index].layer);
    size_t groups[ALGO_LAUNCHES][2];
    int by_step = 0;
    for (int i = 0; i < config->launch_count; i++) {
        const struct algo_launch *launch = &config->launches[i];
        TRY(set_arguments(&strand->launches[i], params, &bound));
        TRY(cl_set_buffer(&strand->launches[i], ARG_X, cl_known_lasting(plan->x_proj[place])));
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

/* An x of 0, and what lies in x_proj is not added: in new memory it is no number that one may ask for. */
static clrnn_status multiply_nothing(struct cl_plan *plan, struct cl_gemm *gemm, size_t bytes) {
    clrnn_status status = CLRNN_STATUS_OK;
    const cl_int zero = 0;
    gemm->replaces = 1;
    TRY_CL("plan", clEnqueueFillBuffer(plan->context->queue, gemm->x, &zero, sizeof zero, 0, bytes,
                                       0, NULL, NULL));
    TRY(multiply(plan, gemm));
out:
    return status;
}

/* CLBlast compiles all its kernels for products at its first call in a context, before it returns. Small
 * products take another kernel of them than large ones, and some drivers compile a kernel when it is first
 * launched: so both are made, one of a row and one of the longest piece. The copies that the second takes
 * are made now too, since the memory is to be known. Where there is none for an x to try it with, what is
 * compiled is. */
static clrnn_status warm_up_library(struct cl_plan *plan, int index, size_t rows) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_strand *strand = &plan->strands[index];
    const double start = clock_us();
    size_t bytes = 0;
    cl_int code = CL_SUCCESS;
    /* its own weights stand in for x: one row of as many floats is there */
    struct cl_gemm gemm = product(plan, index, 0, 1, strand->w_ih, 0);
    TRY(cl_gemm_override(plan->context->device, &plan->context->library));
    if (tuning_library_is_given(&plan->context->library)) {
        TRY(cl_gemm_probe(plan->context, 1, gemm.n, gemm.k));
        TRY(cl_gemm_probe(plan->context, rows, gemm.n, gemm.k));
    }
    TRY(multiply(plan, &gemm));
    gemm.m = rows;
    gemm.x_at = gemm.k; /* what does not begin at 0, as later pieces, may take one more copy */
    bytes = (rows + 1) * gemm.k * sizeof(float);
    gemm.x = clCreateBuffer(plan->context->context, CL_MEM_READ_ONLY, bytes, NULL, &code);
    if (code == CL_SUCCESS) {
        status = multiply_nothing(plan, &gemm, bytes);
        clReleaseMemObject(gemm.x); /* the device keeps it until then */
        TRY(status);
    } else {
        TRY(cl_gemm_temporary(&bytes, plan->context->queue, &gemm));
        TRY(cl_stage_reserve(&plan->gemm, plan, bytes, "CLBlast's temporary copies"));
    }
    TRY(cl_wait(plan->context, "plan"));
    plan->gemm_us += clock_us() - start;
out:
    return status;
}

/* Runs every kernel of a strand once on a row of no steps: some drivers compile a kernel only when
 * it is first launched. That belongs to the plan, not to a forward. */
clrnn_status cl_strand_warm_up(struct cl_plan *plan, int index, size_t rows) {
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
        TRY(run_projection(plan, &own, &bound, bound.state, 0, groups));
    }
    if (strand->projection_bias.kernel != NULL) {
        const struct launch bias = projection_launch(plan, index, &params, 1);
        TRY(run_projection(plan, &bias, &bound, bound.state, 0, groups));
        TRY(warm_up_library(plan, index, rows));
    }
    trace_end(plan->context->trace, span);
out:
    return status;
}
