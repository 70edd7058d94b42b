/*
 * streaming.c: samples that arrive one by one. Two streams share a state, each in a slot of its
 * own; a slot is reset when another stream takes it over.
 */
#include <clrnn.h>
#include <stdio.h>
#include <stdlib.h>

/* The message says object, rule, expected and got. */
static void check(clrnn_status status) {
    if (status != CLRNN_STATUS_OK) {
        fprintf(stderr, "%s\n", clrnn_last_error()->message);
        exit(1);
    }
}

/* A unit that adds what it gets. */
static clrnn_net *adder(void) {
    float one = 1;
    const clrnn_tensor weight = {.data = &one, .rank = 2, .shape = {1, 1}};
    const clrnn_net_desc desc = {.inputs = 1,
                                 .layer = {.hidden = 1, .acts[0][0].kind = CLRNN_ACT_RELU}};
    clrnn_net *net = NULL;
    check(clrnn_net_create(&net, &desc));
    check(clrnn_net_set_weight(net, "weight_ih_l0", &weight));
    check(clrnn_net_set_weight(net, "weight_hh_l0", &weight));
    return net;
}

int main(void) {
    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    clrnn_state *state = NULL;
    clrnn_net *net = adder();
    const clrnn_plan_desc desc = {.steps = 1, .batch = 1};
    check(clrnn_context_create(&context, NULL));
    check(clrnn_plan_create(&plan, context, net, &desc));
    check(clrnn_state_create(&state, context, net, 2));

    for (int i = 1; i <= 6; i++) {
        float x = (float)i, y = 0;
        const int32_t slot = i % 2;
        const clrnn_forward_args args = {.state = state,
                                         .slots = &slot,
                                         .x = {.data = &x, .rank = 3, .shape = {1, 1, 1}},
                                         .y = {.data = &y, .rank = 3, .shape = {1, 1, 1}}};
        if (i == 5) {
            check(clrnn_state_reset(state, slot)); /* a new stream in slot 1 */
        }
        check(clrnn_forward(plan, &args, 0, NULL, NULL));
        printf("slot %d: %g\n", (int)slot, y);
    }
    clrnn_state_free(state);
    clrnn_plan_free(plan);
    clrnn_net_free(net);
    clrnn_context_free(context);
    return 0;
}
