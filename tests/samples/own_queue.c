/*
 * own_queue.c: in a program that uses OpenCL itself. x and y are its buffers, the queue is its own,
 * and the call returns at once: an event says when y is there. Exit status 77: no OpenCL device.
 */
#include <clrnn.h>
#include <stdio.h>
#include <stdlib.h>

static void check(clrnn_status status) {
    if (status != CLRNN_STATUS_OK) {
        fprintf(stderr, "%s\n", clrnn_last_error()->message);
        exit(1);
    }
}

/* A queue of the first device of any platform. */
static cl_command_queue open_queue(cl_context *context) {
    cl_platform_id platforms[8];
    cl_device_id device = NULL;
    cl_uint count = 0;
    if (clGetPlatformIDs(8, platforms, &count) != CL_SUCCESS) {
        count = 0;
    }
    for (cl_uint i = 0; i < count && i < 8 && device == NULL; i++) {
        clGetDeviceIDs(platforms[i], CL_DEVICE_TYPE_ALL, 1, &device, NULL);
    }
    if (device == NULL) {
        exit(77);
    }
    *context = clCreateContext(NULL, 1, &device, NULL, NULL, NULL);
    return clCreateCommandQueue(*context, device, 0, NULL);
}

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
    cl_context mine = NULL;
    cl_command_queue queue = open_queue(&mine);
    float x[4] = {1, 2, 3, 4}, y[4] = {0};
    cl_mem x_buffer = clCreateBuffer(mine, CL_MEM_COPY_HOST_PTR, sizeof x, x, NULL);
    cl_mem y_buffer = clCreateBuffer(mine, CL_MEM_READ_WRITE, sizeof y, NULL, NULL);
    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    clrnn_net *net = adder();
    const clrnn_plan_desc desc = {.steps = 4, .batch = 1};
    check(clrnn_context_create(&context, &(clrnn_context_desc){.queue = queue}));
    check(clrnn_plan_create(&plan, context, net, &desc));

    cl_event done = NULL;
    const clrnn_forward_args args = {.x = {.buffer = x_buffer, .rank = 3, .shape = {4, 1, 1}},
                                     .y = {.buffer = y_buffer, .rank = 3, .shape = {4, 1, 1}}};
    check(clrnn_forward(plan, &args, 0, NULL, &done));
    /* ... other work ... */
    clEnqueueReadBuffer(queue, y_buffer, CL_TRUE, 0, sizeof y, y, 1, &done, NULL);
    printf("%g %g %g %g\n", y[0], y[1], y[2], y[3]); /* 1 3 6 10 */

    clReleaseEvent(done);
    clrnn_plan_free(plan);
    clrnn_net_free(net);
    clrnn_context_free(context);
    clReleaseMemObject(x_buffer);
    clReleaseMemObject(y_buffer);
    clReleaseCommandQueue(queue);
    clReleaseContext(mine);
    return 0;
}
