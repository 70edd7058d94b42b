/* first_forward.c: a sum over time, by a net of one unit, on the best device there is. */
#include <clrnn.h>
#include <stdio.h>

static clrnn_status run(clrnn_context **context, clrnn_net **net, clrnn_plan **plan) {
    float one = 1, x[4] = {1, 2, 3, 4}, y[4];
    const clrnn_tensor weight = {.data = &one, .rank = 2, .shape = {1, 1}};
    const clrnn_net_desc shape = {.inputs = 1,
                                  .layer = {.hidden = 1, .acts[0][0].kind = CLRNN_ACT_RELU}};
    const clrnn_plan_desc size = {.steps = 4, .batch = 1};
    const clrnn_forward_args args = {.x = {.data = x, .rank = 3, .shape = {4, 1, 1}},
                                     .y = {.data = y, .rank = 3, .shape = {4, 1, 1}}};
    clrnn_status status = clrnn_context_create(context, NULL);
    status = status ? status : clrnn_net_create(net, &shape);
    status = status ? status : clrnn_net_set_weight(*net, "weight_ih_l0", &weight);
    status = status ? status : clrnn_net_set_weight(*net, "weight_hh_l0", &weight);
    status = status ? status : clrnn_plan_create(plan, *context, *net, &size);
    status = status ? status : clrnn_forward(*plan, &args, 0, NULL, NULL);
    if (status == CLRNN_STATUS_OK) {
        printf("%g %g %g %g\n", y[0], y[1], y[2], y[3]); /* 1 3 6 10 */
    }
    return status;
}

int main(void) {
    clrnn_context *context = NULL;
    clrnn_net *net = NULL;
    clrnn_plan *plan = NULL;
    const clrnn_status status = run(&context, &net, &plan);
    if (status != CLRNN_STATUS_OK) {
        fprintf(stderr, "%s\n", clrnn_last_error()->message);
    }
    clrnn_plan_free(plan);
    clrnn_net_free(net);
    clrnn_context_free(context);
    return status == CLRNN_STATUS_OK ? 0 : 1;
}
