/*
 * state.c: h and c of many streams: created, reset, written and read. They lie where the context
 * computes; the engine moves the numbers.
 */
#include "core/plan.h"
#include "core/tensor.h"

#include <stdlib.h>

clrnn_status state_create(clrnn_state **out, clrnn_context *context, int hidden, int states,
                          int slots) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_state *state = calloc(1, sizeof *state);
    REQUIRE(state != NULL, MEMORY, "state: out of memory");
    state->context = context;
    state->slots = slots;
    state->hidden = hidden;
    state->states = states;
    state->stamps = calloc((size_t)slots, sizeof *state->stamps);
    REQUIRE(state->stamps != NULL, MEMORY, "state: out of memory for %d slots", slots);
    const size_t floats = (size_t)states * (size_t)slots * (size_t)hidden;
    TRY(context->engine->state_open(&state->engine_state, context->device, floats));
    TRY(context->engine->state_write(state->engine_state, 0, floats, NULL));
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
    TRY(state_create(out, context, net->desc.hidden, cell_of(&net->desc).states, slots));
out:
    return status;
}

void clrnn_state_free(clrnn_state *state) {
    if (state == NULL) {
        return;
    }
    if (state->engine_state != NULL) {
        state->context->engine->state_close(state->engine_state);
    }
    free(state->stamps);
    free(state);
}

clrnn_status clrnn_state_reset(clrnn_state *state, int slot) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(state != NULL, ARGUMENT, "state: needs a state, got NULL");
    REQUIRE(slot >= -1 && slot < state->slots, ARGUMENT,
            "state: slot must be 0 to %d, or -1 for all, got %d", state->slots - 1, slot);
    TRY(context_check_process(state->context));
    const size_t words = (size_t)state->slots * (size_t)state->hidden;
    const size_t count = slot < 0 ? words : (size_t)state->hidden;
    const size_t at = slot < 0 ? 0 : (size_t)slot * (size_t)state->hidden;
    for (int i = 0; i < state->states; i++) {
        TRY(state->context->engine->state_write(state->engine_state, (size_t)i * words + at, count,
                                                NULL));
    }
out:
    return status;
}

static clrnn_status move_state(clrnn_state *state, const clrnn_tensor *tensor, int index,
                               const char *name, int writes) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct engine *engine = state->context->engine;
    const struct clrnn_net shape = {.desc = {.hidden = state->hidden}};
    if (tensor != NULL) {
        const size_t words = (size_t)state->slots * (size_t)state->hidden;
        REQUIRE(index < state->states, ARGUMENT, "state: %s is for lstm", name);
        TRY(net_check_state(&shape, tensor, state->slots, name));
        REQUIRE(tensor->data != NULL && tensor_is_dense(tensor), ARGUMENT,
                "state: %s must be a dense host array", name);
        if (writes) {
            TRY(engine->state_write(state->engine_state, (size_t)index * words, words,
                                    tensor_host(tensor)));
        } else {
            TRY(engine->state_read(state->engine_state, (size_t)index * words, words,
                                   tensor_host(tensor)));
        }
    }
out:
    return status;
}

clrnn_status clrnn_state_write(clrnn_state *state, const clrnn_tensor *h, const clrnn_tensor *c) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(state != NULL, ARGUMENT, "state: needs a state, got NULL");
    TRY(context_check_process(state->context));
    TRY(move_state(state, h, 0, "h", 1));
    TRY(move_state(state, c, 1, "c", 1));
out:
    return status;
}

clrnn_status clrnn_state_read(const clrnn_state *state, clrnn_tensor *h, clrnn_tensor *c) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(state != NULL, ARGUMENT, "state: needs a state, got NULL");
    TRY(context_check_process(state->context));
    TRY(move_state((clrnn_state *)state, h, 0, "h", 0));
    TRY(move_state((clrnn_state *)state, c, 1, "c", 0));
out:
    return status;
}
