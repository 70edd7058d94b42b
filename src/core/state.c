/*
 * state.c: h, c and last outputs of many streams: created, reset, written and read. They lie where
 * the plan that used them last computes; the engine moves the numbers.
 */
#include "core/plan.h"
#include "core/tensor.h"

#include <stdlib.h>
#include <string.h>

/* Where each strand's arrays lie, one after the other. */
static clrnn_status lay_out(clrnn_state *state, const clrnn_net *net) {
    clrnn_status status = CLRNN_STATUS_OK;
    state->strand_count = net->strand_count;
    state->layer_count = net->desc.num_layers;
    state->strands = calloc((size_t)net->strand_count, sizeof *state->strands);
    state->layers = calloc((size_t)state->layer_count + 1, sizeof *state->layers);
    REQUIRE(state->strands && state->layers, MEMORY, "state: out of memory");
    int has_reverse = 0;
    int64_t floats = 0;
    for (int i = 0; i < net->strand_count; i++) {
        const struct strand *from = &net->strands[i];
        struct state_strand *to = &state->strands[i];
        *to = (struct state_strand){
            .width = from->width, .hidden = from->hidden, .states = from->states};
        to->h = floats;
        to->o = to->h + (int64_t)state->slots * from->width;
        to->c = to->o + (int64_t)state->slots * from->width;
        floats = to->c + (from->states == 2 ? (int64_t)state->slots * from->hidden : 0);
        state->layers[from->layer + 1] = i + 1;
        has_reverse |= from->reverse;
    }
    state->floats = floats;
    state->stamps = calloc((size_t)state->slots, sizeof *state->stamps);
    state->spent = has_reverse ? calloc((size_t)net->strand_count * (size_t)state->slots, 1) : NULL;
    REQUIRE(state->stamps != NULL && (!has_reverse || state->spent != NULL), MEMORY,
            "state: out of memory for %d slots", state->slots);
out:
    return status;
}

/* ---- halves ---------------------------------------------------------------------------------- */

/* Floats that move from half to half at once: 1 MiB, so that a large state takes no second copy in
 * host memory. */
enum { MOVED_FLOATS = 1 << 18 };

static clrnn_context *context_of(const clrnn_state *state, int half) {
    return half == STATE_OWN ? state->context : state->context->sibling;
}

static const struct engine *home_engine(const clrnn_state *state) {
    return context_of(state, state->home)->engine;
}

static clrnn_status open_half(clrnn_state *state, int half) {
    const clrnn_context *context = context_of(state, half);
    return context->engine->state_open(&state->halves[half], context->device,
                                       (size_t)state->floats);
}

static clrnn_status move_home(clrnn_state *state, int half) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine *from = home_engine(state), *to = context_of(state, half)->engine;
    const size_t floats = (size_t)state->floats;
    const size_t most = floats < MOVED_FLOATS ? floats : MOVED_FLOATS;
    if (state->halves[half] == NULL) {
        TRY(open_half(state, half));
    }
    if (state->moved == NULL) {
        state->moved = malloc(most * sizeof *state->moved);
        REQUIRE(state->moved != NULL, MEMORY, "state: out of memory");
    }
    for (size_t at = 0; at < floats; at += most) {
        const size_t count = floats - at < most ? floats - at : most;
        TRY(from->state_read(state->halves[state->home], at, count, state->moved));
        TRY(to->state_write(state->halves[half], at, count, state->moved));
    }
    state->home = half;
out:
    return status;
}

clrnn_status state_bring(void **out, clrnn_state *state, const clrnn_context *context) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int half = context == state->context ? STATE_OWN : STATE_SIBLING;
    if (half != state->home) {
        TRY(move_home(state, half));
    }
    *out = state->halves[half];
out:
    return status;
}

/* ---- creating -------------------------------------------------------------------------------- */

clrnn_status state_create(clrnn_state **out, clrnn_context *context, const clrnn_net *net,
                          int slots) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_state *state = calloc(1, sizeof *state);
    REQUIRE(state != NULL, MEMORY, "state: out of memory");
    state->context = context;
    state->slots = slots;
    TRY(lay_out(state, net));
    TRY(open_half(state, STATE_OWN));
    TRY(context->engine->state_write(state->halves[STATE_OWN], 0, (size_t)state->floats, NULL));
    *out = state;
    state = NULL;
out:
    clrnn_state_free(state);
    return status;
}

clrnn_status clrnn_state_create(clrnn_state **out, clrnn_context *context, const clrnn_net *net,
                                int slots) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(out != NULL, ARGUMENT, "state: needs a place for the result, got NULL");
    *out = NULL;
    REQUIRE(context != NULL && net != NULL, ARGUMENT, "state: needs a context and a net");
    REQUIRE(slots >= 1 && slots <= PLAN_MAX_EXTENT, SHAPE, "state: slots must be 1 to %d, got %d",
            PLAN_MAX_EXTENT, slots);
    TRY(context_check_process(context));
    TRY(state_create(out, context, net, slots));
out:
    return status;
}

void clrnn_state_free(clrnn_state *state) {
    if (state == NULL) {
        return;
    }
    for (int half = 0; half < STATE_HALVES; half++) {
        if (state->halves[half] != NULL) {
            context_of(state, half)->engine->state_close(state->halves[half]);
        }
    }
    free(state->moved);
    free(state->strands);
    free(state->layers);
    free(state->stamps);
    free(state->spent);
    free(state);
}

/* Zeros `rows` slots from `slot` on of an array [slots][width]. */
static clrnn_status clear(const clrnn_state *state, int64_t at, int width, int slot, int rows) {
    return home_engine(state)->state_write(state->halves[state->home],
                                           (size_t)(at + (int64_t)slot * width),
                                           (size_t)rows * (size_t)width, NULL);
}

clrnn_status clrnn_state_reset(clrnn_state *state, int slot) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(state != NULL, ARGUMENT, "state: needs a state, got NULL");
    REQUIRE(slot >= -1 && slot < state->slots, ARGUMENT,
            "state: slot must be 0 to %d, or -1 for all, got %d", state->slots - 1, slot);
    TRY(context_check_process(state->context));
    const int first = slot < 0 ? 0 : slot, rows = slot < 0 ? state->slots : 1;
    for (int i = 0; i < state->strand_count; i++) {
        const struct state_strand *strand = &state->strands[i];
        TRY(clear(state, strand->h, strand->width, first, rows));
        TRY(clear(state, strand->o, strand->width, first, rows));
        if (strand->states == 2) {
            TRY(clear(state, strand->c, strand->hidden, first, rows));
        }
    }
    for (int i = 0; state->spent != NULL && i < state->strand_count; i++) {
        memset(state->spent + (size_t)i * (size_t)state->slots + first, 0, (size_t)rows);
    }
out:
    return status;
}

/* ---- reading and writing --------------------------------------------------------------------- */

enum part { PART_H, PART_C, PART_O };

/* The strands of a layer, or all (-1); fails if all are asked for and differ in width. */
static clrnn_status pick_strands(int *first, int *count, const clrnn_state *state, int layer,
                                 enum part part, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(layer >= -1 && layer < state->layer_count, ARGUMENT,
            "state: layer must be 0 to %d, or -1 for all, got %d", state->layer_count - 1, layer);
    *first = layer < 0 ? 0 : state->layers[layer];
    *count = layer < 0 ? state->strand_count : state->layers[layer + 1] - *first;
    for (int i = *first; i < *first + *count; i++) {
        const struct state_strand *strand = &state->strands[i], *other = &state->strands[*first];
        REQUIRE(part != PART_C || strand->states == 2, ARGUMENT, "state: %s is for lstm", name);
        REQUIRE(part == PART_C ? strand->hidden == other->hidden : strand->width == other->width,
                ARGUMENT, "state: layers differ in width, give %s layer by layer", name);
    }
out:
    return status;
}

/* Where h, or c, of a strand was written, it no longer is what a reverse direction left. */
static void renew(const clrnn_state *state, int strand, enum part part) {
    unsigned char *spent = state->spent + (size_t)strand * (size_t)state->slots;
    const unsigned kept = part == PART_H ? SPENT_C : part == PART_C ? SPENT_H : SPENT_H | SPENT_C;
    for (int slot = 0; slot < state->slots; slot++) {
        spent[slot] &= (unsigned char)kept;
    }
}

static clrnn_status move_part(clrnn_state *state, int layer, const clrnn_tensor *tensor,
                              enum part part, const char *name, int writes) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine *engine = home_engine(state);
    void *home = state->halves[state->home];
    int first = 0, count = 0;
    if (tensor == NULL) {
        return status;
    }
    TRY(pick_strands(&first, &count, state, layer, part, name));
    const struct state_strand *strands = &state->strands[first];
    const int width = part == PART_C ? strands[0].hidden : strands[0].width;
    TRY(net_check_state(tensor, count, state->slots, width, name));
    REQUIRE(tensor->data != NULL && tensor_is_dense(tensor), ARGUMENT,
            "state: %s must be a dense host array", name);
    const size_t floats = (size_t)state->slots * (size_t)width;
    for (int i = 0; i < count; i++) {
        const int64_t at = part == PART_H   ? strands[i].h
                           : part == PART_C ? strands[i].c
                                            : strands[i].o;
        float *values = (float *)tensor_host(tensor) + (size_t)i * floats;
        if (writes) {
            TRY(engine->state_write(home, (size_t)at, floats, values));
        } else {
            TRY(engine->state_read(home, (size_t)at, floats, values));
        }
        if (writes && state->spent != NULL) {
            renew(state, first + i, part);
        }
    }
out:
    return status;
}

clrnn_status clrnn_state_write(clrnn_state *state, int layer, const clrnn_tensor *h,
                               const clrnn_tensor *c, const clrnn_tensor *o) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(state != NULL, ARGUMENT, "state: needs a state, got NULL");
    TRY(context_check_process(state->context));
    TRY(move_part(state, layer, h, PART_H, "h", 1));
    TRY(move_part(state, layer, c, PART_C, "c", 1));
    TRY(move_part(state, layer, o, PART_O, "o", 1));
out:
    return status;
}

clrnn_status clrnn_state_read(const clrnn_state *state, int layer, clrnn_tensor *h, clrnn_tensor *c,
                              clrnn_tensor *o) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(state != NULL, ARGUMENT, "state: needs a state, got NULL");
    TRY(context_check_process(state->context));
    TRY(move_part((clrnn_state *)state, layer, h, PART_H, "h", 0));
    TRY(move_part((clrnn_state *)state, layer, c, PART_C, "c", 0));
    TRY(move_part((clrnn_state *)state, layer, o, PART_O, "o", 0));
out:
    return status;
}
