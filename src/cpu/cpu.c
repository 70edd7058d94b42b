/*
 * cpu.c: the CPU engine: the executor of a config whose kernels are C functions, in one thread.
 *
 * Host arrays are used where they lie. What a plan needs is reserved when it is opened: a forward
 * allocates nothing.
 */
#include "core/clock.h"
#include "core/engine.h"
#include "core/tensor.h"
#include "cpu/cpu_kernels.h"
#include "cpu/cpu_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cpu_context {
    const char *isa;
    int vector_width;
    int profile;
};

struct cpu_plan {
    struct cpu_context *context;
    struct algo_config config;
    const struct cpu_kernels *kernels, *projection;
    struct engine_weights weights;
    float *x_proj, *work;
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
    *out = context;
out:
    return status;
}

static void context_close(void *context) {
    free(context);
}

static void describe(void *device, struct device_desc *desc, clrnn_device_info *info) {
    const struct cpu_context *context = device;
    *desc = (struct device_desc){
        .kind = DEVICE_HOST, .compute_units = 1, .vector_width = context->vector_width};
    info->index = -1;
    info->usable = 1;
    info->compute_units = 1;
    snprintf(info->type, sizeof info->type, "CPU");
    snprintf(info->name, sizeof info->name, "cpu (%s, %d lanes)", context->isa,
             context->vector_width);
    snprintf(info->driver, sizeof info->driver, "clrnn %s", clrnn_version());
    snprintf(info->reason, sizeof info->reason, "kernels compiled as C, one thread");
}

static void plan_close(void *engine_plan) {
    struct cpu_plan *plan = engine_plan;
    if (plan == NULL) {
        return;
    }
    engine_unpack(&plan->weights);
    free(plan->x_proj);
    free(plan->work);
    free(plan);
}

static clrnn_status plan_open(void **out, void *device, const struct algo_config *config,
                              const struct clrnn_net *net, cl_mem workspace) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cpu_context *context = device;
    struct cpu_plan *plan = NULL;
    REQUIRE(workspace == NULL, ARGUMENT, "plan: the cpu engine takes no OpenCL work space");
    plan = calloc(1, sizeof *plan);
    REQUIRE(plan != NULL, MEMORY, "plan: out of memory");
    plan->context = context;
    plan->config = *config;
    plan->kernels = cpu_kernels_find(config->cell.name, context->isa, config->tile.variant);
    REQUIRE(plan->kernels != NULL, UNSUPPORTED,
            "plan: this build has no %s kernels for %s, tile %d", config->cell.name, context->isa,
            config->tile.variant);
    if (config->projection_floats > 0) {
        plan->projection =
            cpu_kernels_find("project", context->isa, config->projection_tile.variant);
        REQUIRE(plan->projection != NULL, UNSUPPORTED,
                "plan: this build has no projection kernels for %s, tile %d", context->isa,
                config->projection_tile.variant);
    }
    TRY(engine_pack(&plan->weights, config, net));
    plan->x_proj = cpu_state_floats(config->x_proj_bytes / sizeof(float));
    plan->work = cpu_state_floats(config->work_bytes / sizeof(float));
    REQUIRE(plan->x_proj && plan->work, MEMORY, "plan: out of memory for %zu bytes of work space",
            config->x_proj_bytes + config->work_bytes);
    *out = plan;
    plan = NULL;
out:
    plan_close(plan);
    return status;
}

static void launch(const struct cpu_plan *plan, const struct engine_call *call, cpu_kernel *kernel,
                   const struct algo_launch *what, const struct algo_tile *tile, int first,
                   int second) {
    size_t groups[2];
    const int projection = what == &plan->config.projection_launch;
    const struct cpu_state *state = call->state;
    const float *x = projection ? tensor_host(call->x.tensor) : plan->x_proj;
    const float *w = projection ? plan->weights.projection : plan->weights.recurrent;
    const float *b = projection ? plan->weights.b_ih : plan->weights.b_hh;
    float *work = projection ? plan->x_proj : plan->work;
    float *y = call->y.tensor != NULL ? tensor_host(call->y.tensor) : NULL;
    float *cells = call->cells.tensor != NULL ? tensor_host(call->cells.tensor) : NULL;
    algo_launch_groups(groups, &plan->config, what, tile, call->steps, call->batch);
    /* blocks outside: the weights of one are used for all rows while they are in the cache */
    for (size_t block = 0; block < groups[1]; block++) {
        for (size_t rows = 0; rows < groups[0]; rows++) {
            kernel(call->params, call->rows, x, w, b, state->values, work, y, cells, first, second,
                   (int)rows, (int)block);
        }
    }
}

static cpu_kernel *find_kernel(const struct cpu_kernels *kernels, const char *name) {
    return strcmp(name, "single_forward") == 0 ? kernels->single_forward : NULL;
}

static void copy_projected(struct cpu_plan *plan, const struct engine_call *call) {
    const struct params *p = &call->params;
    const float *from = tensor_host(call->x_proj);
    const size_t words =
        (size_t)call->steps * (size_t)call->batch * (size_t)(p->columns / p->stride);
    for (size_t word = 0; word < words; word++) {
        memcpy(plan->x_proj + word * (size_t)p->stride, from + word * (size_t)p->hidden,
               (size_t)p->hidden * sizeof(float));
    }
}

static clrnn_status plan_run(void *engine_plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cpu_plan *plan = engine_plan;
    const struct algo_config *config = &plan->config;
    struct cpu_state *state = call->state;
    const int timed = plan->context->profile;
    const double start = timed ? clock_us() : 0;
    TRY(cpu_state_check_call(call, "cpu"));
    cpu_state_load(state, call, call->h_0, 0);
    cpu_state_load(state, call, call->c_0, call->state_words);
    if (plan->projection != NULL) {
        launch(plan, call, plan->projection->step_forward, &config->projection_launch,
               &config->projection_tile, 0, 0);
    } else {
        copy_projected(plan, call);
    }
    const double projected = timed ? clock_us() : 0;
    for (int first = 0; first < call->steps; first += config->chunk_steps) {
        const int rest = call->steps - first;
        const int count = rest < config->chunk_steps ? rest : config->chunk_steps;
        for (int i = 0; i < config->launch_count; i++) {
            launch(plan, call, find_kernel(plan->kernels, config->launches[i].kernel),
                   &config->launches[i], &config->tile, first, first + count);
        }
    }
    cpu_state_store(state, call, call->h_n, 0);
    cpu_state_store(state, call, call->c_n, call->state_words);
    if (timed) {
        const double end = clock_us();
        plan->profile = (clrnn_profile){.projection_us = projected - start,
                                        .recurrence_us = end - projected,
                                        .total_us = end - start};
    }
out:
    return status;
}

static void plan_profile(void *engine_plan, clrnn_profile *out) {
    const struct cpu_plan *plan = engine_plan;
    *out = plan->profile;
    out->workspace_bytes = algo_workspace_bytes(&plan->config);
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
    .stages_host = 0,
};
