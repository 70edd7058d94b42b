/*
 * numpy_lesson.c: the lesson this project grew from, one step at a time:
 *
 *     h = tanh(Wx x + Wh h + b)
 *
 * After each step the new hidden state is put under the ones before: a stack whose shape grows from
 * (1, 8) to (10, 8). The state stays on the device between the steps; the stack is then held
 * against the lesson's own result.
 *
 *     numpy_lesson seed_numpy.npz seed_x.npy expected.npy
 */
#include <clrnn.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void must(clrnn_status status) {
    if (status != CLRNN_STATUS_OK) {
        fprintf(stderr, "numpy_lesson: %s\n", clrnn_last_error()->message);
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: numpy_lesson MODEL.npz X.npy EXPECTED.npy\n");
        return 2;
    }
    clrnn_model *model = NULL;
    clrnn_arrays *x_file = NULL, *expected_file = NULL;
    must(clrnn_model_load(&model, argv[1], NULL));
    must(clrnn_arrays_load(&x_file, argv[2]));
    must(clrnn_arrays_load(&expected_file, argv[3]));
    const clrnn_tensor *x = clrnn_arrays_at(x_file, 0);               /* [T][I] */
    const clrnn_tensor *expected = clrnn_arrays_at(expected_file, 0); /* [T][H] */
    const clrnn_net *net = clrnn_model_net(model);
    const int64_t steps = x->shape[0], inputs = x->shape[1], hidden = expected->shape[1];

    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    clrnn_state *state = NULL;
    const clrnn_plan_desc desc = {.steps = 1, .batch = 1};
    must(clrnn_context_create(&context, NULL));
    must(clrnn_plan_create(&plan, context, net, &desc));
    must(clrnn_state_create(&state, context, net, 1));

    float *stack = malloc((size_t)(steps * hidden) * sizeof *stack);
    for (int64_t t = 0; t < steps; t++) {
        const clrnn_forward_args args = {
            .state = state,
            .x = {.data = (float *)x->data + t * inputs, .rank = 3, .shape = {1, 1, inputs}},
            .y = {.data = stack + t * hidden, .rank = 3, .shape = {1, 1, hidden}}};
        must(clrnn_forward(plan, &args, 0, NULL, NULL));
        printf("(%lld, %lld)  ", (long long)(t + 1), (long long)hidden);
        for (int64_t unit = 0; unit < hidden; unit++) {
            printf(" %.6f", (double)stack[t * hidden + unit]);
        }
        printf("\n");
    }
    double worst = 0;
    for (int64_t i = 0; i < steps * hidden; i++) {
        const double difference = (double)stack[i] - (double)((const float *)expected->data)[i];
        worst = fmax(worst, fabs(difference));
    }
    printf("on %s, %lld single steps: the stack differs from the lesson's by %.1e at most\n",
           clrnn_context_device(context)->name, (long long)steps, worst);
    free(stack);
    clrnn_state_free(state);
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    clrnn_arrays_free(x_file);
    clrnn_arrays_free(expected_file);
    clrnn_model_free(model);
    return worst <= 2e-6 ? 0 : 5;
}
