/*
 * cpu.c: the CPU engine: the executor of a config whose kernels are C functions, on the threads of a
 * pool where there is enough to do.
 *
 * Host arrays are used where they lie. What a plan needs is reserved when it is opened: a forward
 * allocates nothing.
 */
#include "core/clock.h"
#include "core/engine.h"
#include "core/aligned.h"
#include "core/tensor.h"
#include "cpu/cpu_kernels.h"
#include "cpu/cpu_pool.h"
#include "cpu/cpu_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cpu_context {
    const char *isa;
    int vector_width;
    int threads;
    int profile;
    clrnn_trace *trace;          /* the caller's, or NULL */
    struct cpu_pool *pool;       /* from the first plan on that has use for it */
    struct cpu_pool_span *spans; /* [threads], for a trace */
};

struct cpu_strand {
    const struct cpu_kernels *kernels, *projection; /* projection NULL: x_proj is given */
    struct engine_weights weights;
};

struct cpu_plan {
    struct cpu_context *context;
    const struct algo_config *configs;
    struct cpu_strand *strands;
    int strand_count;
    struct engine_space space;
    float *memory; /* the work space */
    float *x_proj, *work, *between[ENGINE_BETWEENS];
    int *flags; /* by which groups meet, the first who gave up; or NULL */
    size_t flag_bytes;
    double lost_us; /* by groups that gave up, less a share of the time since */
    clrnn_profile profile;
};

static clrnn_status context_open(void **out, const clrnn_context_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cpu_context *context = NULL;
    REQUIRE(desc->queue == NULL, ARGUMENT, "context: the cpu engine takes no OpenCL queue");
    REQUIRE(desc->device == NULL, ARGUMENT, "context: the cpu engine takes no device, got %s",
            desc->device);
    context = calloc(1, sizeof *context);
    REQUIRE(context != NULL, MEMORY, "context: out of memory");
    context->isa = cpu_kernels_isa(&context->vector_width);
    context->profile = desc->profile;
    context->trace = desc->trace;
    REQUIRE(desc->threads >= 0 && desc->threads <= CPU_POOL_MOST, ARGUMENT,
            "context: threads must be 0 (as many as may run) to %d, got %d", CPU_POOL_MOST,
            desc->threads);
    context->threads = desc->threads > 0 ? desc->threads : cpu_pool_usual_threads();
    *out = context;
    context = NULL;
out:
    free(context);
    return status;
}

static void context_close(void *device) {
    struct cpu_context *context = device;
    if (context != NULL) {
        cpu_pool_close(context->pool);
        free(context->spans);
        free(context);
    }
}

static void describe(void *device, struct device_desc *desc, clrnn_device_info *info) {
    const struct cpu_context *context = device;
    *desc = (struct device_desc){.kind = DEVICE_HOST,
                                 .compute_units = context->threads,
                                 .vector_width = context->vector_width,
                                 .has_flags = 1};
    info->index = -1;
    info->usable = 1;
    info->compute_units = context->threads;
    snprintf(info->type, sizeof info->type, "CPU");
    snprintf(info->name, sizeof info->name, "cpu (%s, %d lanes)", context->isa,
             context->vector_width);
    cpu_brand(info->vendor);
    snprintf(info->driver, sizeof info->driver, "clrnn %s", clrnn_version());
    snprintf(info->reason, sizeof info->reason, "kernels compiled as C, %d thread%s",
             context->threads, context->threads == 1 ? "" : "s");
}

static int takes_lanes(void *device, int lanes) {
    (void)device;
    return cpu_kernels_isa_of(lanes) != NULL;
}

static void plan_close(void *engine_plan) {
    struct cpu_plan *plan = engine_plan;
    if (plan == NULL) {
        return;
    }
    for (int i = 0; plan->strands != NULL && i < plan->strand_count; i++) {
        engine_unpack(&plan->strands[i].weights);
    }
    free(plan->strands);
    free(plan->memory);
    free(plan->flags);
    free(plan);
}

static clrnn_status open_strand(struct cpu_strand *out, struct cpu_plan *plan,
                                const struct algo_config *config, const struct strand *strand) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *isa = cpu_kernels_isa_of(config->tile.vector_width);
    REQUIRE(isa != NULL, UNSUPPORTED, "plan: this build has no kernels of %d lanes",
            config->tile.vector_width);
    out->kernels = cpu_kernels_find(config->cell.name, isa, config->tile.variant);
    REQUIRE(out->kernels != NULL, UNSUPPORTED, "plan: this build has no %s kernels for %s, tile %d",
            config->cell.name, isa, config->tile.variant);
    if (config->projection_floats > 0) {
        out->projection = cpu_kernels_find("project", isa, config->projection_tile.variant);
        REQUIRE(out->projection != NULL, UNSUPPORTED,
                "plan: this build has no projection kernels for %s, tile %d", isa,
                config->projection_tile.variant);
    }
    const size_t bytes = sizeof(float) * (config->weight_floats + config->projection_floats);
    const size_t span = trace_begin(plan->context->trace, "weights", NULL, "pack weights");
    TRY(engine_pack(&out->weights, config, strand));
    const size_t biases = sizeof(float) * (out->weights.b_ih_floats + out->weights.b_hh_floats);
    plan->profile.weight_bytes += bytes + biases;
    trace_tell(plan->context->trace, span, TRACE_ARGS({"bytes", (int64_t)(bytes + biases), NULL}));
    trace_end(plan->context->trace, span);
out:
    return status;
}

/* Cycles of a launch's work, roughly: two vectors of products a cycle in the projection. */
static double launch_cycles(const struct algo_config *config, int projection, int steps,
                            int batch) {
    const struct params *p = &config->params;
    return projection
               ? (double)steps * batch * p->columns * p->inputs / config->tile.vector_width / 2
               : (double)config->cycles * steps;
}

/* To hand a job to threads that wait for one takes about a microsecond: less than this many cycles
 * are done before. */
enum { WORTH_CYCLES = 8000 };

/* Will any launch of the plan's largest call be handed to threads? */
static int has_use_for_threads(const struct engine_plan_desc *desc) {
    int has_use = desc->flag_bytes > 0;
    for (int i = 0; i < desc->strand_count; i++) {
        for (int projection = 0; projection < 2; projection++) {
            has_use |= launch_cycles(&desc->configs[i], projection, desc->steps, desc->batch) >=
                       WORTH_CYCLES;
        }
    }
    return has_use;
}

/* The pool, and flags. */
static clrnn_status open_threads(struct cpu_plan *plan, const struct engine_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cpu_context *context = plan->context;
    if (context->pool == NULL && context->threads > 1 && has_use_for_threads(desc)) {
        TRY(cpu_pool_open(&context->pool, context->threads));
    }
    if (context->pool != NULL && context->trace != NULL && context->spans == NULL) {
        const size_t threads = (size_t)cpu_pool_threads(context->pool);
        context->spans = calloc(threads, sizeof *context->spans);
        REQUIRE(context->spans != NULL, MEMORY, "plan: out of memory for spans of %zu threads",
                threads);
    }
    if (desc->flag_bytes > 0) {
        plan->flag_bytes = desc->flag_bytes;
        plan->flags = aligned_alloc(ALGO_FLAG_BYTES, plan->flag_bytes);
        REQUIRE(plan->flags != NULL, MEMORY, "plan: out of memory for %zu bytes of flags",
                plan->flag_bytes);
    }
out:
    return status;
}

static clrnn_status plan_open(void **out, void *device, const struct engine_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cpu_plan *plan = NULL;
    REQUIRE(desc->workspace == NULL, ARGUMENT, "plan: the cpu engine takes no OpenCL work space");
    plan = calloc(1, sizeof *plan);
    REQUIRE(plan != NULL, MEMORY, "plan: out of memory");
    plan->context = device;
    plan->configs = desc->configs;
    plan->space = desc->space;
    plan->strands = calloc((size_t)desc->strand_count, sizeof *plan->strands);
    REQUIRE(plan->strands != NULL, MEMORY, "plan: out of memory");
    plan->strand_count = desc->strand_count;
    for (int i = 0; i < desc->strand_count; i++) {
        const struct strand *strand = &desc->net->strands[i];
        const size_t span = engine_trace_strand(plan->context->trace, strand);
        TRY(open_strand(&plan->strands[i], plan, &desc->configs[i], strand));
        trace_end(plan->context->trace, span);
    }
    TRY(open_threads(plan, desc));
    plan->memory = aligned_floats(desc->space.bytes / sizeof(float));
    REQUIRE(plan->memory != NULL, MEMORY, "plan: out of memory for %zu bytes of work space",
            desc->space.bytes);
    plan->x_proj = plan->memory;
    plan->work = plan->memory + desc->space.work_at / sizeof(float);
    for (int i = 0; i < ENGINE_BETWEENS; i++) {
        plan->between[i] = plan->memory + desc->space.between_at[i] / sizeof(float);
    }
    *out = plan;
    plan = NULL;
out:
    plan_close(plan);
    return status;
}

static float *array_data(const struct cpu_plan *plan, const struct engine_array *array) {
    switch (array->home) {
    case ARRAY_BETWEEN:
        return plan->between[array->between];
    case ARRAY_CALLER:
        return tensor_host(array->tensor);
    default:
        return NULL;
    }
}

/* ---- launches -------------------------------------------------------------------------------- */

/* Where flags begin: they are cleared before each launch. */
enum { EPOCH = 1 };

/* A launch with all that its kernel takes; rows of groups go in runs, which a task takes whole. */
struct launch {
    const struct params *params;
    const struct engine_call *call;
    const float *x, *w, *b;
    float *state, *work, *y, *hiddens, *cells, *gates;
    int first, second;
    cpu_kernel *kernel;
    cpu_meeting *meeting; /* instead of the kernel */
    int *flags;
    int finish;
    int phases;       /* of a step */
    int rows, blocks; /* groups */
    int row_run;      /* that a task takes one after the other */
};

static void run_group(const struct launch *l, int row, int block) {
    const struct engine_call *call = l->call;
    if (l->meeting != NULL) {
        l->meeting(l->params, call->rows, l->x, l->w, l->b, l->state, l->work, l->y, l->hiddens,
                   l->cells, l->gates, call->mask, call->starts, l->first, l->second, l->flags,
                   EPOCH, l->finish, row, block);
    } else {
        l->kernel(l->params, call->rows, l->x, l->w, l->b, l->state, l->work, l->y, l->hiddens,
                  l->cells, l->gates, call->mask, call->starts, l->first, l->second, row, block);
    }
}

static int divide_up(int value, int by) {
    return (value + by - 1) / by;
}

static int tasks_of(const struct launch *l) {
    return divide_up(l->rows, l->row_run) * l->blocks;
}

static int least(int a, int b) {
    return a < b ? a : b;
}

/* The same rows from task to task, so that they stay in the second cache; in one the weights of a group
 * are used for all of its rows while they are near. */
static void run_task(void *job, int task) {
    const struct launch *l = job;
    const int first_row = task / l->blocks * l->row_run;
    const int row_end = least(first_row + l->row_run, l->rows);
    for (int row = first_row; row < row_end; row++) {
        run_group(l, row, task % l->blocks);
    }
}

/* What each thread had of the launch, on a track of its own. */
static void trace_threads(const struct cpu_context *context, size_t span) {
    for (int i = 0; context->trace != NULL && i < cpu_pool_threads(context->pool); i++) {
        const struct cpu_pool_span *of = &context->spans[i];
        if (of->groups > 0) {
            trace_add(context->trace, span, CLRNN_TRACK_THREADS + i, of->begin_us, of->end_us,
                      TRACE_ARGS({"tasks", of->groups, NULL}));
        }
    }
}

/* On the threads, if it is worth it; 0: not all groups can run side by side, though they meet. */
static int run_launch(const struct cpu_plan *plan, struct launch *l, double cycles, size_t span) {
    const struct cpu_context *context = plan->context;
    struct cpu_pool *pool = context->pool;
    const int meets = l->meeting != NULL && !l->finish, tasks = tasks_of(l);
    const int many = pool != NULL && tasks > 1 && (meets || cycles >= WORTH_CYCLES);
    if (meets && (pool == NULL || tasks > cpu_pool_threads(pool))) {
        return 0;
    }
    if (many && cpu_pool_run(pool, run_task, l, tasks, context->spans)) {
        trace_threads(context, span);
        return 1;
    }
    for (int task = 0; task < tasks && !meets; task++) {
        run_task(l, task);
    }
    return !meets;
}

/* Rows of x that stay in the second cache, and at least so many, for which a group's panels are read once;
 * but all threads need tasks. */
enum { RUN_BYTES = 256 << 10, RUN_ROWS = 128, RUN_TASKS = 8 };

static void cut_projection(struct launch *l, const struct algo_tile *tile, int threads) {
    const int bytes = (int)sizeof(float) * l->params->inputs;
    const int near = RUN_BYTES / bytes;
    l->row_run = divide_up(near > RUN_ROWS ? near : RUN_ROWS, tile->rows);
    while (l->row_run > 1 && tasks_of(l) < RUN_TASKS * threads) {
        l->row_run = divide_up(l->row_run, 2);
    }
}

/* Groups give up where a thread shares its core with another program: for a scheduler's time, some 4 ms. A time
 * or two is taken as it comes; where more of the time than a share is lost to it, launches go without groups
 * that meet, until it is not: the one that finishes does all of it. */
enum { LOST_SHARE = 8, LOST_US = 10000 };

static int goes_alone(const struct cpu_plan *plan) {
    return plan->lost_us > LOST_US;
}

/* Of a launch that took so long what the phases that all groups had done by then do not account for, if it gave
 * up. The others' launch begins where they were. */
static double lost_by(const struct cpu_plan *plan, const struct launch *l, double us) {
    const int phases = 1 + (l->second - l->first) * l->phases;
    int done = phases;
    if (l->finish || plan->flags[0] != EPOCH) {
        return 0;
    }
    for (int group = 0; group < l->rows * l->blocks; group++) {
        const int *flag = plan->flags + (1 + group) * (ALGO_FLAG_BYTES / (int)sizeof *plan->flags);
        done = least(done, *flag > EPOCH ? *flag - EPOCH : 0);
    }
    return us - us * done / phases;
}

static void learn_to_meet(struct cpu_plan *plan, const struct launch *l, double us) {
    plan->lost_us = fmax(plan->lost_us - us / LOST_SHARE, 0);
    plan->lost_us = fmin(plan->lost_us + lost_by(plan, l, us), 2 * LOST_US);
}

/* A launch of a strand's projection or recurrence. */
static void launch(struct cpu_plan *plan, const struct engine_call *call,
                   const struct params *params, int index, const struct algo_launch *what,
                   int first, int second) {
    size_t groups[2];
    const struct algo_config *config = &plan->configs[index];
    const struct cpu_strand *strand = &plan->strands[index];
    const int layer = call->strands[index].layer;
    const struct engine_layer *arrays = &call->layers[layer];
    const int projection = what == &config->projection_launch;
    const struct cpu_state *state = call->state;
    const struct cpu_kernels *kernels = projection ? strand->projection : strand->kernels;
    algo_launch_groups(groups, config, what, projection ? &config->projection_tile : &config->tile,
                       params->count, call->batch);
    struct launch l = {.params = params,
                       .call = call,
                       .x = projection ? array_data(plan, engine_input(call, layer)) : plan->x_proj,
                       .w = projection ? strand->weights.projection : strand->weights.recurrent,
                       .b = projection ? strand->weights.b_ih : strand->weights.b_hh,
                       .state = state->values,
                       .work = projection ? plan->x_proj : plan->work,
                       .y = array_data(plan, &arrays->y),
                       .hiddens = array_data(plan, &arrays->hiddens),
                       .cells = array_data(plan, &arrays->cells),
                       .gates = array_data(plan, &arrays->gates),
                       .first = first,
                       .second = second,
                       .kernel = projection ? kernels->step_forward : kernels->single_forward,
                       .meeting = what->meets ? kernels->persist_forward : NULL,
                       .flags = plan->flags,
                       .finish = what->finish,
                       .phases = config->cell.phase_count,
                       .rows = (int)groups[0],
                       .blocks = (int)groups[1],
                       .row_run = 1};
    if (projection) {
        cut_projection(&l, &config->projection_tile, plan->context->threads);
    }
    if (what->meets && !what->finish) {
        memset(plan->flags, 0, plan->flag_bytes);
        if (goes_alone(plan)) {
            return;
        }
    }
    const double start = what->meets ? clock_us() : 0;
    const size_t span = trace_begin(
        plan->context->trace, "launch",
        TRACE_ARGS({"kernel", 0, what->kernel}, {"groups", (int64_t)(groups[0] * groups[1]), NULL},
                   {"first", projection ? params->first : first, NULL},
                   {"steps", projection ? params->count : second - first, NULL}),
        projection ? "projection" : "recurrence");
    run_launch(plan, &l, launch_cycles(config, projection, params->count, call->batch), span);
    trace_end(plan->context->trace, span);
    if (what->meets) {
        learn_to_meet(plan, &l, clock_us() - start);
    }
}

/* The caller's own x_proj [T][N][words][H], in the order of the way: forward strands alone. */
static void copy_projected(struct cpu_plan *plan, const struct engine_call *call,
                           const struct params *p) {
    const size_t row = (size_t)call->batch * (size_t)(p->columns / p->stride);
    const size_t words = (size_t)p->count * row;
    const float *from =
        (const float *)tensor_host(call->x_proj) + (size_t)p->first * row * (size_t)p->hidden;
    for (size_t word = 0; word < words; word++) {
        memcpy(plan->x_proj + word * (size_t)p->stride, from + word * (size_t)p->hidden,
               (size_t)p->hidden * sizeof(float));
    }
}

static void run_piece(struct cpu_plan *plan, const struct engine_call *call,
                      const struct piece *piece) {
    const struct algo_config *config = &plan->configs[piece->strand];
    const struct cpu_strand *strand = &plan->strands[piece->strand];
    const struct params params = engine_piece_params(call, piece);
    clrnn_trace *trace = plan->context->trace;
    const int timed = plan->context->profile;
    const double start = timed ? clock_us() : 0;
    const size_t projection = trace_begin(trace, "phase", NULL, "projection");
    if (strand->projection != NULL) {
        launch(plan, call, &params, piece->strand, &config->projection_launch, 0, 0);
    } else {
        copy_projected(plan, call, &params);
    }
    trace_end(trace, projection);
    const size_t recurrence = trace_begin(trace, "phase", NULL, "recurrence");
    const double projected = timed ? clock_us() : 0;
    const int end = piece->first + piece->count;
    for (int first = piece->first; first < end; first += config->chunk_steps) {
        const int next = end - first < config->chunk_steps ? end : first + config->chunk_steps;
        for (int i = 0; i < config->launch_count; i++) {
            launch(plan, call, &params, piece->strand, &config->launches[i], first, next);
        }
    }
    trace_end(trace, recurrence);
    if (timed) {
        plan->profile.projection_us += projected - start;
        plan->profile.recurrence_us += clock_us() - projected;
    }
}

static clrnn_status plan_run(void *engine_plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cpu_plan *plan = engine_plan;
    struct piece piece = PIECE_NONE;
    struct engine_spans spans = {0};
    clrnn_trace *trace = plan->context->trace;
    TRY(cpu_state_check_call(call, "cpu"));
    plan->profile.projection_us = plan->profile.recurrence_us = 0;
    const double start = plan->context->profile ? clock_us() : 0;
    const size_t load = trace_begin(trace, "states", NULL, "load states");
    for (int i = 0; i < call->load_count; i++) {
        cpu_state_load(call, &call->loads[i]);
    }
    trace_end(trace, load);
    while (engine_next_piece(call, &piece)) {
        engine_spans_begin(&spans, trace, call, &piece);
        run_piece(plan, call, &piece);
        engine_spans_end(&spans, trace, call, &piece);
    }
    const size_t store = trace_begin(trace, "states", NULL, "store states");
    for (int i = 0; i < call->store_count; i++) {
        cpu_state_store(call, &call->stores[i]);
    }
    trace_end(trace, store);
    plan->profile.total_us = plan->context->profile ? clock_us() - start : 0;
out:
    return status;
}

static void plan_profile(void *engine_plan, clrnn_profile *out) {
    const struct cpu_plan *plan = engine_plan;
    *out = plan->profile;
    out->workspace_bytes = out->memory_bytes = plan->space.bytes;
}

const struct engine engine_cpu = {
    .id = CLRNN_ENGINE_CPU,
    .context_open = context_open,
    .context_close = context_close,
    .describe = describe,
    .plan_open = plan_open,
    .plan_close = plan_close,
    .plan_run = plan_run,
    .plan_profile = plan_profile,
    .state_open = cpu_state_open,
    .state_close = cpu_state_close,
    .state_write = cpu_state_write,
    .state_read = cpu_state_read,
    .takes_lanes = takes_lanes,
    .stages_host = 0,
};
