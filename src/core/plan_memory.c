/*
 * plan_memory.c: how a plan cuts time so that it fits into memory, and where things lie in its work
 * space.
 *
 * A layer takes all steps at once where that is not much. Where it is more than a limit allows, or
 * than the caches of a CPU hold, its projected input is made for a piece of `chunk` steps at a time. If all directions are forward, a piece then goes
 * through all layers before the next one: what lies between layers, and the copies of x and y, are
 * of a piece too. Otherwise a layer needs all of the layer below, and these stay whole.
 *
 *     work space   x_proj [chunk][N][columns] | work vectors | between 0 | between 1 | x_proj again
 *
 * The second x_proj is there where the projection of the next piece runs beside the recurrence of this
 * one, on a second queue. A GPU's sequence is cut into pieces for that alone, if it pays by the estimates;
 * layers then go one after the other, since a layer's projection has only the steps of its own layer to
 * run beside.
 */
#include "core/plan.h"

#include <string.h>

static size_t aligned(size_t bytes) {
    return (bytes + ENGINE_ALIGNMENT - 1) / ENGINE_ALIGNMENT * ENGINE_ALIGNMENT;
}

/* Bytes, by what they grow with. */
struct needs {
    size_t x_proj_step;                   /* of a step of the piece */
    size_t between_step[ENGINE_BETWEENS]; /* of a step: of the piece, or of all */
    size_t staged_step;                   /* copies of x and y, alike */
    size_t work;
    size_t rows, flags;  /* the tables by which rows run, and groups meet */
    size_t mask, starts; /* of a call that brings a mask, or packed steps */
    int all_forward;
    int by_piece;   /* a piece goes through all layers before the next one, if there are some */
    int by_library; /* CLBlast projects: its bits may change with the piece */
    int whole;      /* and takes all steps at once, as those of a piece do not lie together */
    int meets;      /* groups wait for each other: nothing may keep one of them from its core */
    int has_pair;   /* a layer has two directions: pieces that do not wait for each other */
    int beside;     /* x_proj is there twice */
};

static struct needs needs_of(const clrnn_net *net, const clrnn_plan_desc *desc,
                             const struct algo_config *configs) {
    struct needs needs = {.all_forward = 1};
    const size_t batch = (size_t)desc->batch;
    const int layers = net->desc.num_layers;
    for (int i = 0; i < net->strand_count; i++) {
        const struct algo_config *config = &configs[i];
        needs.x_proj_step =
            config->x_proj_step > needs.x_proj_step ? config->x_proj_step : needs.x_proj_step;
        needs.work = config->work_bytes > needs.work ? config->work_bytes : needs.work;
        const size_t flags = (size_t)config->flags * ALGO_FLAG_BYTES;
        needs.flags = flags > needs.flags ? flags : needs.flags;
        needs.all_forward &= !net->strands[i].reverse;
        const int by_library = config->projection == CLRNN_PROJECTION_CLBLAST;
        needs.by_library |= by_library;
        needs.whole |= by_library && (net->strands[i].reverse || desc->batch_first);
        needs.meets |= config->flags > 0;
        needs.has_pair |= net->strands[i].direction == 1;
    }
    for (int layer = 0; layer + 1 < layers; layer++) {
        const size_t bytes =
            sizeof(float) * batch * (size_t)clrnn_layer_outputs(&net->desc.layers[layer]);
        size_t *step = &needs.between_step[layer % ENGINE_BETWEENS];
        *step = bytes > *step ? bytes : *step;
    }
    needs.staged_step =
        sizeof(float) * batch *
        ((size_t)net->desc.inputs + (size_t)clrnn_layer_outputs(&net->desc.layers[layers - 1]));
    needs.rows = batch * sizeof(struct row);
    needs.mask = batch * (size_t)desc->steps;
    needs.starts = ((size_t)desc->steps + 1) * sizeof(wide);
    return needs;
}

static struct engine_space space_of(const struct needs *needs, size_t chunk, size_t between_steps) {
    struct engine_space space = {.x_proj_bytes = chunk * needs->x_proj_step,
                                 .work_bytes = needs->work};
    space.work_at = aligned(space.x_proj_bytes);
    size_t end = space.work_at + space.work_bytes;
    for (int i = 0; i < ENGINE_BETWEENS; i++) {
        space.between_bytes[i] = between_steps * needs->between_step[i];
        space.between_at[i] = aligned(end);
        end = space.between_bytes[i] > 0 ? space.between_at[i] + space.between_bytes[i] : end;
    }
    if (needs->beside) {
        space.second_at = aligned(end);
        space.second_bytes = space.x_proj_bytes;
        end = space.second_at + space.second_bytes;
    }
    space.bytes = end;
    return space;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* No product of sizes passes what a size holds: T and N are at most 2^30, a row 2^25 floats. */
static clrnn_status check_overflow(const clrnn_plan_desc *desc, const struct needs *needs) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t step =
        needs->between_step[0] + needs->between_step[1] + needs->staged_step + needs->x_proj_step;
    REQUIRE(step <= (SIZE_MAX >> 4) / (size_t)desc->steps, MEMORY,
            "plan: T %d x N %d is more than memory can hold: %zu bytes a step", desc->steps,
            desc->batch, step);
out:
    return status;
}

/* Steps that lie between layers at once, for pieces of `chunk`. */
static size_t steps_between(const struct needs *needs, size_t steps, size_t chunk) {
    return needs->by_piece ? chunk : steps;
}

/* The work space of pieces of `chunk` steps, and all that a limit counts: rows and the copies of x
 * and y too. */
static size_t space_bytes(const struct needs *needs, size_t steps, size_t chunk) {
    return space_of(needs, chunk, steps_between(needs, steps, chunk)).bytes;
}

static size_t counted_bytes(const struct needs *needs, size_t steps, size_t chunk) {
    return space_bytes(needs, steps, chunk) + needs->rows + needs->flags +
           steps_between(needs, steps, chunk) * needs->staged_step;
}

/* The longest piece, of at most `chunk` steps, whose bytes are within the limit; 0: not even one. */
static size_t longest_within(size_t limit, const struct needs *needs, size_t steps, size_t chunk,
                             size_t (*bytes)(const struct needs *, size_t steps, size_t chunk)) {
    size_t fits = 0, beyond = chunk + 1;
    while (beyond - fits > 1) { /* bytes grow with the piece */
        const size_t middle = fits + (beyond - fits) / 2;
        if (bytes(needs, steps, middle) <= limit) {
            fits = middle;
        } else {
            beyond = middle;
        }
    }
    return fits;
}

/* What calls may bring is left room for wherever the shortest piece leaves it, `room`. */
static size_t set_aside(const struct needs *needs, size_t room) {
    const size_t choices[] = {needs->mask + needs->starts, needs->starts, needs->mask};
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if (choices[i] <= room) {
            return choices[i];
        }
    }
    return 0;
}

/* x_proj of a piece is to stay in the last cache of a CPU until its steps read it: with T = 20,000,
 * H = 64 an lstm takes 0.7 of the time. Where that would be pieces of a few steps, the cost of going
 * from one to the next is more than what they gain. */
enum { NEAR_BYTES = 4 << 20, SHORTEST_NEAR = 64 };

static size_t usual_chunk(const struct needs *needs, const struct device_desc *device,
                          size_t steps) {
    const size_t near = NEAR_BYTES / (needs->x_proj_step > 0 ? needs->x_proj_step : 1);
    const int has_caches = device->kind == DEVICE_HOST || device->kind == DEVICE_CPU;
    if (!has_caches || needs->by_library || near < SHORTEST_NEAR || near >= steps) {
        return steps;
    }
    const size_t pieces = (steps + near - 1) / near;
    return (steps + pieces - 1) / pieces;
}

/* Pieces that are cut for the overlap alone have so many steps at least, and there are so many at most:
 * the first projection, an eighth, has nothing to run beside. */
enum { SHORTEST_BESIDE = 32, MOST_BESIDE = 8 };

static size_t beside_chunk(const struct needs *needs, const clrnn_context *context,
                           const clrnn_net *net, const clrnn_plan_desc *desc,
                           const struct algo_config *configs) {
    const size_t steps = (size_t)desc->steps;
    size_t chosen = steps;
    double fewest = plan_estimate(context, net, desc, configs, steps, 0);
    for (size_t pieces = 2; pieces <= MOST_BESIDE && !needs->whole; pieces *= 2) {
        const size_t chunk = (steps + pieces - 1) / pieces;
        const double us = plan_estimate(context, net, desc, configs, chunk, 1);
        if (chunk >= SHORTEST_BESIDE && us < fewest) {
            fewest = us;
            chosen = chunk;
        }
    }
    return chosen;
}

/* Layers one after the other leave x and y whole, so that a driver in the host's memory takes them
 * where they lie; what lies between layers must then be whole too. */
static int goes_by_piece(const struct needs *needs, const clrnn_context *context,
                         const clrnn_plan_desc *desc, size_t chunk) {
    const size_t steps = (size_t)desc->steps, max_alloc = context->desc.max_alloc;
    const int is_asked = desc->chunk > 0 || desc->memory_limit > 0;
    const int can_be_whole = max_alloc == 0 || space_of(needs, chunk, steps).bytes <= max_alloc;
    const int for_memory = context->desc.kind != DEVICE_CPU && !needs->beside;
    return needs->all_forward && (is_asked || for_memory || !can_be_whole);
}

/* Pieces of `chunk` steps, or of fewer where memory is short. */
static clrnn_status lay_out(struct plan_memory *out, struct needs *needs,
                            const clrnn_context *context, const clrnn_plan_desc *desc,
                            size_t chunk) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t steps = (size_t)desc->steps;
    const size_t max_alloc = context->desc.max_alloc;
    needs->by_piece = goes_by_piece(needs, context, desc, chunk);
    if (max_alloc > 0) {
        chunk = longest_within(max_alloc, needs, steps, chunk, space_bytes);
        REQUIRE(chunk > 0, MEMORY,
                "plan: the work space needs %zu bytes (T %d, N %d), the device allows %zu in one "
                "piece",
                space_bytes(needs, steps, 1), desc->steps, desc->batch, max_alloc);
    }
    if (desc->memory_limit > 0) {
        const size_t limit = least(SIZE_MAX, (size_t)desc->memory_limit);
        const size_t shortest = counted_bytes(needs, steps, 1);
        REQUIRE(shortest <= limit, MEMORY,
                "plan: memory_limit must be at least %zu bytes for T %d, N %d%s, got %zu", shortest,
                desc->steps, desc->batch, needs->all_forward ? "" : " with a reverse direction",
                limit);
        chunk = longest_within(limit - set_aside(needs, limit - shortest), needs, steps, chunk,
                               counted_bytes);
    }
    out->chunk = (int)chunk;
    out->all_forward = needs->all_forward;
    out->by_piece = needs->by_piece && chunk < steps;
    out->space = space_of(needs, chunk, steps_between(needs, steps, chunk));
    out->tables = needs->rows + needs->flags;
    out->flag_bytes = needs->flags;
out:
    return status;
}

static size_t asked_chunk(const clrnn_plan_desc *desc) {
    return least((size_t)desc->steps, (size_t)desc->chunk);
}

/* With x_proj twice. 0: there is nothing to run beside, or no memory for it. */
static int lay_out_beside(struct plan_memory *out, struct needs *needs,
                          const clrnn_context *context, const clrnn_net *net,
                          const clrnn_plan_desc *desc, const struct algo_config *configs) {
    if (!context->desc.overlaps || needs->meets || needs->x_proj_step == 0) {
        return 0;
    }
    needs->beside = 1;
    const size_t chunk =
        desc->chunk > 0 ? asked_chunk(desc) : beside_chunk(needs, context, net, desc, configs);
    return lay_out(out, needs, context, desc, chunk) == CLRNN_STATUS_OK &&
           (needs->has_pair || out->chunk < desc->steps);
}

clrnn_status plan_memory_lay_out(struct plan_memory *out, const clrnn_context *context,
                                 const clrnn_net *net, const clrnn_plan_desc *desc,
                                 const struct algo_config *configs) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t steps = (size_t)desc->steps;
    struct needs needs = needs_of(net, desc, configs), twice = needs;
    struct plan_memory beside = {0};
    memset(out, 0, sizeof *out);
    TRY(check_overflow(desc, &needs));
    const int is_laid = lay_out_beside(&beside, &twice, context, net, desc, configs);
    TRY(lay_out(out, &needs, context, desc,
                desc->chunk > 0 ? asked_chunk(desc) : usual_chunk(&needs, &context->desc, steps)));
    if (is_laid && (desc->chunk > 0 ||
                    plan_estimate(context, net, desc, configs, (size_t)beside.chunk, 1) <
                        plan_estimate(context, net, desc, configs, (size_t)out->chunk, 0))) {
        *out = beside;
    }
out:
    return status;
}

/* Can a call's pieces be shorter than the plan's? */
static int is_divisible(const clrnn_plan *plan) {
    int divisible = plan->memory.all_forward;
    for (int i = 0; i < plan->net->strand_count; i++) {
        divisible &= plan->configs[i].projection != CLRNN_PROJECTION_CLBLAST;
    }
    return divisible;
}

/* Is any array that is staged more, as a whole, than the device gives in one piece? */
static int is_too_long(const clrnn_plan *plan, const struct engine_call *call) {
    const struct engine_array *array;
    const size_t max_alloc = plan->context->desc.max_alloc;
    int too_long = 0;
    for (size_t i = 0; (array = engine_array_at(call, i)) != NULL; i++) {
        too_long |= max_alloc > 0 && array->home == ARRAY_STAGED && !array->last &&
                    (size_t)array->floats > max_alloc / sizeof(float);
    }
    return too_long;
}

/* Steps for which the copies of all arrays stay within the limit, and each within what the device
 * gives in one piece; 0: not even one. */
static size_t steps_that_fit(const clrnn_plan *plan, const struct engine_call *call) {
    const struct engine_array *array;
    const size_t limit =
        plan->desc.memory_limit > 0 ? least(SIZE_MAX, (size_t)plan->desc.memory_limit) : SIZE_MAX;
    const size_t max_alloc = plan->context->desc.max_alloc;
    size_t fixed = plan->memory.space.bytes + plan->memory.tables;
    size_t step = 0, longest = (size_t)call->chunk;
    fixed += call->mask != NULL ? (size_t)call->batch * (size_t)call->steps : 0;
    fixed += call->starts != NULL ? ((size_t)call->steps + 1) * sizeof(wide) : 0;
    for (size_t i = 0; (array = engine_array_at(call, i)) != NULL; i++) {
        const size_t bytes = sizeof(float) * (size_t)call->batch * (size_t)array->features;
        if (array->home == ARRAY_STAGED && array->last) {
            fixed += sizeof(float) * (size_t)array->floats;
        } else if (array->home == ARRAY_STAGED) {
            step += bytes;
            longest = max_alloc > 0 ? least(longest, max_alloc / bytes) : longest;
        }
    }
    const size_t within = limit > fixed ? (limit - fixed) / (step > 0 ? step : 1) : 0;
    return least(longest, within);
}

void plan_memory_fit(const clrnn_plan *plan, struct engine_call *call) {
    if (is_divisible(plan)) {
        const size_t steps = steps_that_fit(plan, call);
        call->chunk = steps > 0 ? (int)steps : call->chunk; /* 0: the engine says what is missing */
        call->by_piece |= call->chunk < plan->memory.chunk || is_too_long(plan, call);
    }
    call->by_piece = call->by_piece && call->chunk < call->steps;
}
