/*
 * plan.c: making a plan: configures every strand of the net by one algorithm, has the engine open
 * its half, and says what was chosen. How it runs is in plan_forward.c.
 */
#include "core/plan.h"

#include "core/tensor.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct problem plan_problem(const struct strand *strand, const clrnn_plan_desc *desc, int chunk) {
    return (struct problem){.cell = cell_of(strand),
                            .inputs = strand->inputs,
                            .hidden = strand->hidden,
                            .width = strand->width,
                            .steps = desc->steps,
                            .batch = desc->batch,
                            .reverse = strand->reverse,
                            .merges =
                                strand->direction == 1 && strand->desc->merge != CLRNN_MERGE_CONCAT,
                            .has_projection = 1,
                            .projection = desc->projection,
                            .chunk = chunk,
                            .together = desc->chunk == 0 && !strand->reverse && !desc->batch_first,
                            .limited = desc->memory_limit > 0,
                            .weights = desc->weights};
}

clrnn_status plan_check_desc(const clrnn_context *context, const clrnn_net *net,
                             const clrnn_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(context != NULL && net != NULL && desc != NULL, ARGUMENT,
            "plan: needs a context, a net and a desc");
    REQUIRE(desc->steps >= 1 && desc->steps <= PLAN_MAX_EXTENT, SHAPE,
            "plan: steps must be 1 to %d, got %d", PLAN_MAX_EXTENT, desc->steps);
    REQUIRE(desc->batch >= 1 && desc->batch <= PLAN_MAX_EXTENT, SHAPE,
            "plan: batch must be 1 to %d, got %d", PLAN_MAX_EXTENT, desc->batch);
    REQUIRE(desc->chunk >= 0, SHAPE, "plan: chunk must be 0 (chosen) or more steps, got %d",
            desc->chunk);
    REQUIRE(desc->projection >= CLRNN_PROJECTION_AUTO &&
                desc->projection <= CLRNN_PROJECTION_CLBLAST,
            ARGUMENT, "plan: unknown projection %d", (int)desc->projection);
    REQUIRE(desc->weights >= CLRNN_WEIGHTS_FP32 && desc->weights <= CLRNN_WEIGHTS_BF16, ARGUMENT,
            "plan: unknown weights %d", (int)desc->weights);
    REQUIRE(desc->weights == CLRNN_WEIGHTS_FP32 || context->id != CLRNN_ENGINE_REFERENCE,
            UNSUPPORTED,
            "plan: the reference engine takes weights as they are; round the net's own");
    TRY(net_require_complete(net));
out:
    return status;
}

/* ---- configs --------------------------------------------------------------------------------- */

static struct problem problem_of(const clrnn_net *net, int index, const clrnn_plan_desc *desc,
                                 const struct problem *only, int chunk) {
    struct problem problem = plan_problem(&net->strands[index], desc, chunk);
    if (only != NULL) {
        problem = *only;
        problem.chunk = chunk;
    }
    return problem;
}

/* All strands by the algorithm `name`, for pieces of `chunk` steps. */
static clrnn_status configure_strands(struct algo_config *configs, const clrnn_context *context,
                                      const clrnn_net *net, const clrnn_plan_desc *desc,
                                      const struct problem *only, const char *name, int chunk) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int i = 0; i < net->strand_count; i++) {
        const struct problem problem = problem_of(net, i, desc, only, chunk);
        TRY(algo_configure(&configs[i], &context->desc, &problem, name));
    }
out:
    return status;
}

/* Does a strand have a reason against the pair? */
static int is_refused(char *reason, size_t size, size_t pair, const clrnn_context *context,
                      const clrnn_net *net, const clrnn_plan_desc *desc,
                      const struct problem *only) {
    for (int i = 0; i < net->strand_count; i++) {
        const struct problem problem = problem_of(net, i, desc, only, desc->chunk);
        if (algo_refuses(pair, &context->desc, &problem, reason, size)) {
            return 1;
        }
    }
    return 0;
}

/* A named algorithm: first whole, to know what memory it takes, then in the pieces that fit. */
static clrnn_status configure_named(struct algo_config *configs, struct plan_memory *memory,
                                    const clrnn_context *context, const clrnn_net *net,
                                    const clrnn_plan_desc *desc, const struct problem *only,
                                    const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(configure_strands(configs, context, net, desc, only, name, desc->chunk));
    TRY(plan_memory_lay_out(memory, context, net, desc, configs));
    if (memory->chunk != (desc->chunk > 0 ? desc->chunk : desc->steps)) {
        TRY(configure_strands(configs, context, net, desc, only, name, memory->chunk));
    }
out:
    return status;
}

static const char *tile_of(const char *algorithm) {
    return strchr(algorithm, '/');
}

int plan_candidates(const char *names[PLAN_CANDIDATES], char *reason, size_t size,
                    const clrnn_context *context, const clrnn_net *net, const clrnn_plan_desc *desc,
                    const struct problem *only) {
    char why[192] = "";
    int count = 0;
    reason[0] = 0;
    for (size_t pair = 0; pair < algo_count() && count < PLAN_CANDIDATES; pair++) {
        const char *name = algo_name(pair);
        if (algo_is_by_name(pair, &context->desc)) {
            continue;
        }
        if (is_refused(why, sizeof why, pair, context, net, desc, only)) {
            /* the cpu engine runs the first pair alone, a device the last where no other does */
            if (pair == 0 || context->desc.kind != DEVICE_HOST) {
                snprintf(reason, size, "%s", why);
            }
        } else if (count == 0 || strcmp(tile_of(name), tile_of(names[0])) == 0) {
            names[count++] = name;
        }
    }
    return count;
}

double plan_estimate(const clrnn_context *context, const clrnn_net *net,
                     const clrnn_plan_desc *desc, const struct algo_config *configs, size_t chunk,
                     int beside) {
    const clrnn_layer_desc *last = &net->desc.layers[net->desc.num_layers - 1];
    const struct estimate_job job = {.configs = configs,
                                     .strand_count = net->strand_count,
                                     .features = net->desc.inputs + clrnn_layer_outputs(last),
                                     .steps = desc->steps,
                                     .batch = desc->batch,
                                     .chunk = (int)chunk,
                                     .beside = beside};
    return estimate_forward(&context->speeds, &job);
}

/* In the pieces that were laid out. */
static double estimate(const clrnn_context *context, const struct algo_config *configs,
                       const clrnn_net *net, const clrnn_plan_desc *desc,
                       const struct plan_memory *memory) {
    return plan_estimate(context, net, desc, configs, (size_t)memory->chunk,
                         memory->space.second_bytes > 0);
}

/* Is `name` estimated to be faster than what has taken `*least` us? Then it is the least. */
static int is_faster(double *least, struct algo_config *configs, const clrnn_context *context,
                     const clrnn_net *net, const clrnn_plan_desc *desc, const struct problem *only,
                     const char *name) {
    struct plan_memory memory;
    if (configure_named(configs, &memory, context, net, desc, only, name) != CLRNN_STATUS_OK) {
        return 0; /* too large for the memory: who remains says so */
    }
    /* groups that meet wait for each other on a busy machine: that must be worth it; where
     * weights come from memory, groups that do not meet wait for that */
    const double margin = configs[0].flags == 0 ? 1.0 : configs[0].tile.ahead ? 1.01 : 1.1;
    const double us = estimate(context, configs, net, desc, &memory) * margin;
    const int faster = us < *least;
    *least = faster ? us : *least;
    return faster;
}

clrnn_status plan_configure(struct algo_config *configs, struct plan_memory *memory,
                            const clrnn_context *context, const clrnn_net *net,
                            const clrnn_plan_desc *desc, const struct problem *only) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *names[PLAN_CANDIDATES] = {desc->algorithm};
    const char *name = desc->algorithm;
    char reason[192];
    double least = INFINITY;
    if (name == NULL) {
        const int count = plan_candidates(names, reason, sizeof reason, context, net, desc, only);
        REQUIRE(count > 0, UNSUPPORTED, "plan: no algorithm takes the net: %s", reason);
        name = names[0];
        for (int i = 0; i < count; i++) {
            name = is_faster(&least, configs, context, net, desc, only, names[i]) ? names[i] : name;
        }
    }
    TRY(configure_named(configs, memory, context, net, desc, only, name));
out:
    return status;
}

/* Why an algorithm was refused, or what else failed last. */
static const char *last_refusal(void) {
    const char *message = clrnn_last_error()->message;
    const char *refused = strstr(message, " is refused: ");
    return refused != NULL ? refused + strlen(" is refused: ") : message;
}

clrnn_status plan_explain(clrnn_algorithm_info *out, size_t index, const clrnn_context *context,
                          const clrnn_net *net, const clrnn_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct plan_memory memory;
    struct algo_config *configs = calloc((size_t)net->strand_count, sizeof *configs);
    memset(out, 0, sizeof *out);
    snprintf(out->name, sizeof out->name, "%s", algo_name(index));
    REQUIRE(configs != NULL, MEMORY, "plan: out of memory");
    if (configure_named(configs, &memory, context, net, desc, NULL, out->name) == CLRNN_STATUS_OK) {
        out->allowed = 1;
        snprintf(out->reason, sizeof out->reason, "%s", configs[0].reason);
    } else {
        snprintf(out->reason, sizeof out->reason, "%.190s", last_refusal());
    }
out:
    free(configs);
    return status;
}

/* ---- choosing an engine ---------------------------------------------------------------------- */

/* What is for the opencl engine alone; 0: nothing of that kind is asked for. */
static int needs_opencl(char *why, size_t size, const clrnn_net *net, const clrnn_plan_desc *desc) {
    const char *custom = net_custom_part(net);
    if (custom != NULL) {
        snprintf(why, size, "opencl, a %s is OpenCL C", custom);
    } else if (desc->workspace != NULL) {
        snprintf(why, size, "opencl, the work space is a buffer");
    } else if (desc->memory_limit > 0) {
        snprintf(why, size, "opencl, memory_limit is of a device");
    } else if (desc->projection != CLRNN_PROJECTION_AUTO) {
        snprintf(why, size, "opencl, the projection is named");
    } else {
        return 0;
    }
    return 1;
}

/* The last failure, without what it is about. */
static const char *last_reason(void) {
    const char *reason = last_refusal();
    return strncmp(reason, "plan: ", 6) == 0 ? reason + 6 : reason;
}

/* A gain within 10 % is within the estimates' own error, and the cpu engine moves nothing. */
static void choose_faster(struct plan_choice *out, double opencl_us, double cpu_us) {
    out->is_sibling = opencl_us >= 0.9 * cpu_us;
    const char *const names[] = {"opencl", "cpu"};
    const double us[] = {opencl_us, cpu_us};
    const int one = out->is_sibling, other = !out->is_sibling;
    snprintf(out->why, sizeof out->why, "%s, estimated %.*f us against %.*f us on %s%s", names[one],
             us[one] < 100 ? 1 : 0, us[one], us[other] < 100 ? 1 : 0, us[other], names[other],
             us[one] > us[other] ? ", within 10 %" : "");
}

/* By the estimates, where both engines take the plan. An algorithm that was named is asked of the
 * device first. */
static void choose(struct plan_choice *out, struct algo_config *configs,
                   const clrnn_context *context, const clrnn_net *net,
                   const clrnn_plan_desc *desc) {
    const clrnn_context *cpu = context->sibling;
    struct plan_memory memory;
    if (plan_configure(configs, &memory, context, net, desc, NULL) != CLRNN_STATUS_OK) {
        snprintf(out->why, sizeof out->why, "cpu, opencl refuses: %.190s", last_reason());
        out->is_sibling = plan_configure(configs, &memory, cpu, net, desc, NULL) == CLRNN_STATUS_OK;
        return;
    }
    if (desc->algorithm != NULL) {
        snprintf(out->why, sizeof out->why, "opencl, which has the named algorithm");
        return;
    }
    const double opencl_us = estimate(context, configs, net, desc, &memory);
    if (plan_configure(configs, &memory, cpu, net, desc, NULL) != CLRNN_STATUS_OK) {
        snprintf(out->why, sizeof out->why, "opencl, cpu refuses: %.190s", last_reason());
        return;
    }
    choose_faster(out, opencl_us, estimate(cpu, configs, net, desc, &memory));
}

clrnn_status plan_choose(struct plan_choice *out, const clrnn_context *context,
                         const clrnn_net *net, const clrnn_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct algo_config *configs = NULL;
    memset(out, 0, sizeof *out);
    if (context->sibling != NULL && !needs_opencl(out->why, sizeof out->why, net, desc)) {
        configs = calloc((size_t)net->strand_count, sizeof *configs);
        REQUIRE(configs != NULL, MEMORY, "plan: out of memory");
        choose(out, configs, context, net, desc);
    }
out:
    free(configs);
    return status;
}

/* ---- description ----------------------------------------------------------------------------- */

struct text {
    char *to;
    size_t size, used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(text->to + text->used, text->size - text->used, format, args);
    va_end(args);
    text->used += length > 0 ? (size_t)length : 0;
    text->used = text->used < text->size ? text->used : text->size - 1;
}

/* Behind a number and its noun. */
static const char *plural(int count) {
    return count == 1 ? "" : "s";
}

static void describe_strand(struct text *text, const clrnn_plan *plan, int index) {
    const struct strand *strand = &plan->net->strands[index];
    const struct algo_config *config = &plan->configs[index];
    const struct params *p = &config->params;
    add(text, "layer %d %s: cell %s, I=%d, H=%d", strand->layer,
        strand->reverse ? "reverse" : "forward", config->cell.name, strand->inputs, strand->hidden);
    if (strand->width != strand->hidden) {
        add(text, ", P=%d", strand->width);
    }
    if (plan->context->id != CLRNN_ENGINE_REFERENCE) {
        add(text,
            "; tile %d row%s x %d unit%s, %d lane%s, %d item%s a group; %d slice%s of %d; "
            "projection %s",
            config->tile.rows, plural(config->tile.rows), config->tile.block[0],
            plural(config->tile.block[0]), config->tile.vector_width,
            plural(config->tile.vector_width), config->tile.items, plural(config->tile.items),
            p->slices[0], plural(p->slices[0]), p->slice[0],
            config->projection == CLRNN_PROJECTION_CLBLAST
                ? "clblast: its bits may change with the batch, and strict refuses it"
                : "own");
    }
    add(text, "\n");
}

static clrnn_status describe(clrnn_plan *plan) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct algo_config *config = &plan->configs[0];
    struct text text = {.size =
                            1440 + ENGINE_SAID + PLAN_NOTE + 320 * (size_t)plan->net->strand_count};
    text.to = calloc(1, text.size);
    plan->text = text.to;
    REQUIRE(text.to != NULL, MEMORY, "plan: out of memory");
    add(&text, "engine: %s\ndevice: %s\nshape: T=%d, N=%d, %s first\n",
        clrnn_engine_name(plan->context->id), plan->context->info.name, plan->desc.steps,
        plan->desc.batch, plan->desc.batch_first ? "batch" : "time");
    if (plan->chosen[0] != 0) {
        add(&text, "chosen: %s\n", plan->chosen);
    }
    if (plan->context->id == CLRNN_ENGINE_REFERENCE) {
        add(&text, "algorithm: loops in double precision, from the equations\n");
    } else {
        add(&text, "tuning: %s\nalgorithm: %s\nreason: %s\nprojection: %s\nworkspace: %zu bytes\n",
            plan->context->tuned, config->algorithm, config->reason,
            config->projection == CLRNN_PROJECTION_CLBLAST ? "clblast" : "own",
            plan->memory.space.bytes);
        add(&text, "pieces: %s%d step%s%s\n", plan->memory.chunk < plan->desc.steps ? "" : "all ",
            plan->memory.chunk, plural(plan->memory.chunk),
            plan->memory.by_piece ? ", each through all layers" : "");
        if (plan->memory.space.second_bytes > 0) {
            add(&text,
                "overlap: the next projection beside the recurrence, on a second queue; x_proj "
                "twice, %zu bytes each\n",
                plan->memory.space.x_proj_bytes);
        }
        if (plan->said[0] != 0) {
            add(&text, "%s\n", plan->said);
        }
    }
    for (int i = 0; i < plan->net->strand_count; i++) {
        describe_strand(&text, plan, i);
    }
out:
    return status;
}

void plan_note(clrnn_plan *plan) {
    if (plan->note != NULL && !plan->has_note) {
        char *end = plan->text + strlen(plan->text);
        snprintf(end, PLAN_NOTE, "%s\n", plan->note);
        plan->has_note = 1;
    }
}

/* ---- creating -------------------------------------------------------------------------------- */

static clrnn_status reserve(clrnn_plan *plan) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t layers = (size_t)plan->net->desc.num_layers;
    const size_t strands = (size_t)plan->net->strand_count;
    const size_t batch = (size_t)plan->desc.batch;
    plan->rows = calloc(batch, sizeof *plan->rows);
    plan->next_rows = calloc(batch, sizeof *plan->next_rows);
    plan->spare_rows = calloc(batch, sizeof *plan->spare_rows);
    REQUIRE(plan->rows && plan->next_rows && plan->spare_rows, MEMORY,
            "plan: out of memory for %zu rows", batch);
    plan->given = calloc(layers, sizeof *plan->given);
    plan->layers = calloc(layers, sizeof *plan->layers);
    plan->strands = calloc(strands, sizeof *plan->strands);
    plan->moves = calloc(6 * strands, sizeof *plan->moves);
    REQUIRE(plan->given && plan->layers && plan->strands && plan->moves, MEMORY,
            "plan: out of memory for %zu layers", layers);
out:
    return status;
}

clrnn_status plan_create(clrnn_plan **out, clrnn_context *context, const clrnn_net *net,
                         const clrnn_plan_desc *desc, const struct problem *only) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct plan_choice choice = {0};
    clrnn_plan *plan = calloc(1, sizeof *plan);
    const size_t span =
        trace_begin(context->trace, "plan",
                    TRACE_ARGS({"steps", desc->steps, NULL}, {"rows", desc->batch, NULL}), "plan");
    REQUIRE(plan != NULL, MEMORY, "plan: out of memory");
    const size_t configure = trace_begin(context->trace, "configure", NULL, "configure");
    if (only == NULL) {
        TRY(plan_choose(&choice, context, net, desc));
        context = choice.is_sibling ? context->sibling : context;
        memcpy(plan->chosen, choice.why, sizeof plan->chosen);
    }
    plan->context = context;
    plan->net = net;
    plan->desc = *desc;
    plan->net_version = net->version;
    plan->configs = calloc((size_t)net->strand_count, sizeof *plan->configs);
    REQUIRE(plan->configs != NULL, MEMORY, "plan: out of memory");
    TRY(plan_configure(plan->configs, &plan->memory, context, net, desc, only));
    trace_end(context->trace, configure);
    TRY(reserve(plan));
    const struct engine_plan_desc engine_desc = {.net = net,
                                                 .configs = plan->configs,
                                                 .strand_count = net->strand_count,
                                                 .batch = desc->batch,
                                                 .steps = desc->steps,
                                                 .space = plan->memory.space,
                                                 .flag_bytes = plan->memory.flag_bytes,
                                                 .memory_limit = desc->memory_limit,
                                                 .workspace = desc->workspace,
                                                 .said = plan->said};
    TRY(context->engine->plan_open(&plan->engine_plan, context->device, &engine_desc));
    TRY(state_create(&plan->scratch, context, net, desc->batch));
    plan->desc.algorithm = plan->configs[0].algorithm;
    TRY(describe(plan));
    *out = plan;
    plan = NULL;
out:
    clrnn_plan_free(plan);
    trace_end(context->trace, span);
    return status;
}

void clrnn_plan_free(clrnn_plan *plan) {
    if (plan == NULL) {
        return;
    }
    clrnn_state_free(plan->scratch);
    if (plan->engine_plan != NULL) {
        plan->context->engine->plan_close(plan->engine_plan);
    }
    free(plan->configs);
    free(plan->rows);
    free(plan->next_rows);
    free(plan->spare_rows);
    free(plan->starts);
    free(plan->given);
    free(plan->layers);
    free(plan->strands);
    free(plan->moves);
    free(plan->text);
    free(plan);
}
