/*
 * reference_engine.c: the fp64 reference as an engine: the same calls, rows and states, in double
 * precision and rounded at the end. Slow, and no plan changes what it does.
 */
#include "core/engine.h"
#include "core/tensor.h"
#include "cpu/cpu_state.h"
#include "cpu/reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reference_plan {
    const clrnn_net *net;
};

static clrnn_status context_open(void **out, const clrnn_context_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(desc->queue == NULL, ARGUMENT, "context: the reference engine takes no OpenCL queue");
    REQUIRE(desc->device == NULL, ARGUMENT, "context: the reference engine takes no device, got %s",
            desc->device);
    *out = NULL;
out:
    return status;
}

static void context_close(void *context) {
    (void)context;
}

static void describe(void *context, struct device_desc *desc, clrnn_device_info *info) {
    (void)context;
    *desc = (struct device_desc){.kind = DEVICE_HOST, .compute_units = 1, .vector_width = 4};
    info->index = -1;
    info->usable = 1;
    info->compute_units = 1;
    snprintf(info->type, sizeof info->type, "CPU");
    snprintf(info->name, sizeof info->name, "reference (double precision)");
    snprintf(info->driver, sizeof info->driver, "clrnn %s", clrnn_version());
    snprintf(info->reason, sizeof info->reason, "loops from the equations, for checking");
}

static clrnn_status plan_open(void **out, void *context, const struct engine_plan_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    (void)context;
    REQUIRE(desc->workspace == NULL, ARGUMENT,
            "plan: the reference engine takes no OpenCL work space");
    TRY(reference_check_net(desc->net));
    struct reference_plan *plan = calloc(1, sizeof *plan);
    REQUIRE(plan != NULL, MEMORY, "plan: out of memory");
    plan->net = desc->net;
    *out = plan;
out:
    return status;
}

static void plan_close(void *plan) {
    free(plan);
}

/* ---- states ---------------------------------------------------------------------------------- */

/* Slot of row 0 of one of a strand's arrays in the state, and how wide a slot is. */
static float *slot_of(const struct engine_call *call, int64_t at, int width, int row) {
    const struct cpu_state *state = call->state;
    return state->values + at + (int64_t)call->rows[row].slot * width;
}

/* The rows' slots into `to` [N][width], or back. */
static void read_slots(const struct engine_call *call, int64_t at, int width, double *to) {
    for (int row = 0; row < call->batch; row++) {
        const float *from = slot_of(call, at, width, row);
        for (int unit = 0; unit < width; unit++) {
            to[(int64_t)call->rows[row].at * width + unit] =
                call->from_zero ? 0.0 : (double)from[unit];
        }
    }
}

static void write_slots(const struct engine_call *call, int64_t at, int width, double *from) {
    for (int row = 0; row < call->batch; row++) {
        float *to = slot_of(call, at, width, row);
        for (int unit = 0; unit < width; unit++) {
            to[unit] = reference_round(from[(int64_t)call->rows[row].at * width + unit]);
        }
    }
}

/* ---- a layer's memory ------------------------------------------------------------------------ */

/* Everything a layer takes and gives, in double; states in place. */
struct layer_memory {
    double *h, *c, *o;       /* [D][N][W], [D][N][H] */
    double *y, *last;        /* [T][N][F], [N][F] */
    double *hiddens, *cells; /* [T][N][D W], [T][N][D H] */
    double *gates;           /* [T][N][D G H] */
};

static void free_memory(struct layer_memory *memory, int layers) {
    for (int i = 0; memory != NULL && i < layers; i++) {
        double *const arrays[] = {memory[i].h,     memory[i].c,    memory[i].o,
                                  memory[i].y,     memory[i].last, memory[i].hiddens,
                                  memory[i].cells, memory[i].gates};
        for (size_t at = 0; at < sizeof arrays / sizeof arrays[0]; at++) {
            free(arrays[at]);
        }
    }
    free(memory);
}

static clrnn_status reserve(double **out, int64_t count) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = calloc((size_t)count, sizeof **out);
    REQUIRE(*out != NULL, MEMORY, "forward: out of memory for %lld doubles of the reference",
            (long long)count);
out:
    return status;
}

static clrnn_status open_layer(struct layer_memory *out, struct reference_layer *layer,
                               const struct engine_call *call, const clrnn_layer_desc *desc,
                               const struct engine_layer *arrays) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int64_t rows = call->batch, steps = call->steps;
    const int64_t directions = clrnn_layer_directions(desc), width = clrnn_layer_width(desc);
    const int64_t hidden = desc->hidden, outputs = clrnn_layer_outputs(desc);
    TRY(reserve(&out->h, directions * rows * width));
    TRY(reserve(&out->o, directions * rows * width));
    if (clrnn_layer_states(desc) == 2) {
        TRY(reserve(&out->c, directions * rows * hidden));
    }
    if (arrays->y.home != ARRAY_NONE && arrays->y.last) {
        TRY(reserve(&out->last, rows * outputs));
    } else if (arrays->y.home == ARRAY_CALLER) {
        TRY(reserve(&out->y, steps * rows * outputs));
    }
    if (arrays->hiddens.home != ARRAY_NONE) {
        TRY(reserve(&out->hiddens, steps * rows * directions * width));
    }
    if (arrays->cells.home != ARRAY_NONE) {
        TRY(reserve(&out->cells, steps * rows * directions * hidden));
    }
    if (arrays->gates.home != ARRAY_NONE) {
        TRY(reserve(&out->gates, steps * rows * directions * clrnn_layer_gates(desc) * hidden));
    }
    *layer = (struct reference_layer){.h_0 = out->h,
                                      .c_0 = out->c,
                                      .o_0 = out->o,
                                      .h_n = out->h,
                                      .c_n = out->c,
                                      .o_n = out->o,
                                      .y = out->y,
                                      .last = out->last,
                                      .hiddens = out->hiddens,
                                      .cells = out->cells,
                                      .gates = out->gates};
out:
    return status;
}

/* The strands' states between the state's slots and the layers' memory. */
static void move_states(const struct engine_call *call, const struct layer_memory *memory,
                        void (*move)(const struct engine_call *call, int64_t at, int width,
                                     double *values)) {
    for (int i = 0; i < call->strand_count; i++) {
        const struct engine_strand *strand = &call->strands[i];
        const struct layer_memory *layer = &memory[strand->layer];
        const struct params *p = &strand->params;
        const int64_t part = (int64_t)strand->direction * call->batch;
        move(call, p->state_h, p->width, layer->h + part * p->width);
        move(call, p->state_o, p->width, layer->o + part * p->width);
        if (layer->c != NULL) {
            move(call, p->state_c, p->hidden, layer->c + part * p->hidden);
        }
    }
}

/* ---- outputs --------------------------------------------------------------------------------- */

static int is_in_packed(const struct engine_call *call, int64_t t, int64_t n) {
    return n < call->starts[t + 1] - call->starts[t];
}

/* from: [T][N][features], or [N][features] of a last output */
static void store(const struct engine_call *call, const struct engine_array *array,
                  const double *from) {
    if (array->home != ARRAY_CALLER || from == NULL) {
        return;
    }
    float *to = tensor_host(array->tensor);
    for (int64_t t = 0; t < (array->last ? 1 : call->steps); t++) {
        for (int64_t n = 0; n < call->batch; n++) {
            const int64_t at = array->packed ? (call->starts[t] + n) * array->at_row
                                             : t * array->at_step + n * array->at_row;
            if (array->packed && !is_in_packed(call, t, n)) {
                continue;
            }
            for (int unit = 0; unit < array->features; unit++) {
                to[at + unit] =
                    reference_round(from[(t * call->batch + n) * array->features + unit]);
            }
        }
    }
}

static clrnn_status plan_run(void *engine_plan, const struct engine_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct reference_plan *plan = engine_plan;
    const clrnn_net *net = plan->net;
    const size_t count = (size_t)net->desc.num_layers;
    struct layer_memory *memory = NULL;
    struct reference_layer *layers = NULL;
    int64_t *lengths = NULL;
    TRY(cpu_state_check_call(call, "reference"));
    REQUIRE(call->x_proj == NULL, UNSUPPORTED,
            "forward: the reference engine starts from x, got a projected input");
    memory = calloc(count, sizeof *memory);
    layers = calloc(count, sizeof *layers);
    lengths = calloc((size_t)call->batch, sizeof *lengths);
    REQUIRE(memory && layers && lengths, MEMORY, "forward: out of memory");
    for (size_t i = 0; i < count; i++) {
        TRY(open_layer(&memory[i], &layers[i], call, &net->desc.layers[i], &call->layers[i]));
    }
    for (int n = 0; n < call->batch; n++) {
        lengths[call->rows[n].at] = call->rows[n].length;
    }
    for (int i = 0; i < call->load_count; i++) {
        cpu_state_load(call, &call->loads[i]);
    }
    move_states(call, memory, read_slots);
    const struct reference_call reference = {.steps = call->steps,
                                             .batch = call->batch,
                                             .x = tensor_host(call->x.tensor),
                                             .x_step = call->x.at_step,
                                             .x_row = call->x.at_row,
                                             .starts = call->starts,
                                             .lengths = lengths,
                                             .mask = call->mask,
                                             .layers = layers};
    TRY(reference_forward(net, &reference));
    move_states(call, memory, write_slots);
    for (size_t i = 0; i < count; i++) {
        const struct engine_layer *to = &call->layers[i];
        store(call, &to->y, to->y.last ? memory[i].last : memory[i].y);
        store(call, &to->hiddens, memory[i].hiddens);
        store(call, &to->cells, memory[i].cells);
        store(call, &to->gates, memory[i].gates);
    }
    for (int i = 0; i < call->store_count; i++) {
        cpu_state_store(call, &call->stores[i]);
    }
out:
    free_memory(memory, (int)count);
    free(layers);
    free(lengths);
    return status;
}

static void plan_profile(void *plan, clrnn_profile *out) {
    (void)plan;
    (void)out;
}

const struct engine engine_reference = {
    .id = CLRNN_ENGINE_REFERENCE,
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
