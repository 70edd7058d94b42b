/*
 * oclgrind_cases.c: every cell x algorithm x direction once, in shapes so small that a simulator
 * takes them, held against the CPU engine bit for bit.
 *
 *     oclgrind_cases [PART-OF-A-NAME]
 *
 * Runs on the OpenCL device whose name, platform or type has the part ("oclgrind" if none is
 * given). It prints how many kernels it launched: an empty log of a tool proves nothing if nothing
 * ran.
 */
#include "clrnn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Linked with --wrap=clGetDeviceInfo. */
static cl_device_type pretended; /* 0: the device's own */
cl_int __real_clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                              size_t *needed);
cl_int __wrap_clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                              size_t *needed);
cl_int __wrap_clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                              size_t *needed) {
    const cl_int code = __real_clGetDeviceInfo(device, what, size, value, needed);
    if (code == CL_SUCCESS && value != NULL && pretended != 0) {
        if (what == CL_DEVICE_TYPE) {
            memcpy(value, &pretended, sizeof pretended);
        } else if (what == CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT ||
                   what == CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT) {
            memcpy(value, &(cl_uint){4}, sizeof(cl_uint));
        }
    }
    return code;
}

/* Linked with --wrap=clEnqueueWriteBuffer. Oclgrind 21.10 takes what a write does not cover for
 * uninitialised from then on, whatever was written before: here every write covers the buffer. */
typedef cl_int enqueue_write(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t at,
                             size_t size, const void *from, cl_uint num_wait, const cl_event *wait,
                             cl_event *done);
enqueue_write __real_clEnqueueWriteBuffer, __wrap_clEnqueueWriteBuffer;
cl_int __wrap_clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                   size_t at, size_t size, const void *from, cl_uint num_wait,
                                   const cl_event *wait, cl_event *done) {
    size_t whole = 0;
    clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof whole, &whole, NULL);
    if (size == whole) {
        return __real_clEnqueueWriteBuffer(queue, buffer, blocking, at, size, from, num_wait, wait,
                                           done);
    }
    char *copy = malloc(whole);
    cl_int code = copy == NULL ? CL_OUT_OF_HOST_MEMORY
                               : clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, whole, copy,
                                                     num_wait, wait, NULL);
    if (code == CL_SUCCESS) {
        memcpy(copy + at, from, size);
        code = __real_clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, whole, copy, 0, NULL, done);
    }
    free(copy);
    return code;
}

static const struct {
    const char *name;
    clrnn_cell cell;
    clrnn_reset reset;
    clrnn_nonlinearity nonlinearity;
} cells[] = {
    {"rnn", CLRNN_CELL_RNN, CLRNN_RESET_AFTER, CLRNN_NONLINEARITY_TANH},
    {"rnn-relu", CLRNN_CELL_RNN, CLRNN_RESET_AFTER, CLRNN_NONLINEARITY_RELU},
    {"lstm", CLRNN_CELL_LSTM, CLRNN_RESET_AFTER, CLRNN_NONLINEARITY_TANH},
    {"gru", CLRNN_CELL_GRU, CLRNN_RESET_AFTER, CLRNN_NONLINEARITY_TANH},
    {"gru-before", CLRNN_CELL_GRU, CLRNN_RESET_BEFORE, CLRNN_NONLINEARITY_TANH},
};

/* Ragged with a length of 0; a tile of 4 rows with a rest; slices, and two blocks of units. */
static const struct shape {
    int steps, batch, inputs, hidden, ragged, last_only, start;
} shapes[] = {
    {3, 3, 3, 5, 1, 0, 1},
    {3, 5, 3, 5, 1, 1, 0},
    {2, 1, 3, 66, 0, 0, 1},
};
enum { SHAPE_COUNT = sizeof shapes / sizeof shapes[0] };
static const int32_t ragged[] = {3, 0, 2, 1, 3};

struct result {
    float *y, *h_n, *c_n, *cells;
};

static unsigned long long launches, expected_launches, runs, wrong;

static void require(clrnn_status status, const char *what) {
    if (status != CLRNN_STATUS_OK) {
        fprintf(stderr, "oclgrind_cases: %s: %s\n", what, clrnn_last_error()->message);
        exit(EXIT_FAILURE);
    }
}

static float *floats(size_t count, float value) {
    float *values = malloc(count * sizeof *values);
    if (values == NULL) {
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = value;
    }
    return values;
}

/* Uniform in +-limit, by a multiplicative generator. */
static float *random_floats(size_t count, uint64_t *seed, double limit) {
    float *values = floats(count, 0.0f);
    for (size_t i = 0; i < count; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        values[i] = (float)(((double)(*seed >> 11) * 0x1p-53 * 2.0 - 1.0) * limit);
    }
    return values;
}

static clrnn_tensor tensor(void *data, int rank, int64_t a, int64_t b, int64_t c) {
    return (clrnn_tensor){.data = data, .dtype = CLRNN_DTYPE_F32, .rank = rank, .shape = {a, b, c}};
}

static void set_weight(clrnn_net *net, const char *name, int rank, int rows, int columns,
                       uint64_t *seed) {
    char full[64];
    const int reverse = clrnn_net_get_desc(net)->direction == CLRNN_DIRECTION_REVERSE;
    float *values = random_floats((size_t)rows * (size_t)columns, seed, 0.6);
    const clrnn_tensor view = tensor(values, rank, rows, columns, 0);
    snprintf(full, sizeof full, "%s_l0%s", name, reverse ? "_reverse" : "");
    require(clrnn_net_set_weight(net, full, &view), full);
    free(values);
}

static clrnn_net *make_net(size_t cell, clrnn_direction direction, const struct shape *shape,
                           uint64_t *seed) {
    clrnn_net *net = NULL;
    const clrnn_net_desc desc = {cells[cell].cell, cells[cell].reset, cells[cell].nonlinearity,
                                 direction,        shape->inputs,     shape->hidden};
    const int rows = clrnn_cell_gates(cells[cell].cell) * shape->hidden;
    require(clrnn_net_create(&net, &desc), "net");
    set_weight(net, "weight_ih", 2, rows, shape->inputs, seed);
    set_weight(net, "weight_hh", 2, rows, shape->hidden, seed);
    set_weight(net, "bias_ih", 1, rows, 1, seed);
    set_weight(net, "bias_hh", 1, rows, 1, seed);
    return net;
}

static size_t state_floats(const struct shape *shape) {
    return (size_t)shape->batch * (size_t)shape->hidden;
}

static size_t all_floats(const struct shape *shape) {
    return (size_t)shape->steps * state_floats(shape);
}

/* Our own, so that nothing of a library is judged; or CLBlast, to see the kernel that sets its biases.
 * With so few inputs its sums are ours to the bit. */
static int by_clblast;

static clrnn_projection projection_on(const clrnn_context *context) {
    return by_clblast && clrnn_context_engine(context) == CLRNN_ENGINE_OPENCL
               ? CLRNN_PROJECTION_CLBLAST
               : CLRNN_PROJECTION_OWN;
}

/* One for the projection, then one for all steps, or one that begins and one a step and phase. */
static unsigned long long launches_of(const clrnn_net *net, const struct shape *shape,
                                      const char *algorithm) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(net);
    const int phases = desc->cell == CLRNN_CELL_GRU && desc->reset == CLRNN_RESET_BEFORE ? 2 : 1;
    return strncmp(algorithm, "step/", 5) == 0
               ? 2 + (unsigned long long)shape->steps * (unsigned long long)phases
               : 2;
}

static struct result run(clrnn_context *context, const clrnn_net *net, const struct shape *shape,
                         const char *algorithm, float *x, float *h_0, float *c_0) {
    const int lstm = clrnn_net_get_desc(net)->cell == CLRNN_CELL_LSTM;
    const int64_t steps = shape->steps, batch = shape->batch, hidden = shape->hidden;
    const struct result result = {
        floats(all_floats(shape), -99.0f), floats(state_floats(shape), -99.0f),
        floats(state_floats(shape), -99.0f), floats(all_floats(shape), -99.0f)};
    const clrnn_plan_desc desc = {.algorithm = algorithm,
                                  .steps = shape->steps,
                                  .batch = shape->batch,
                                  .last_only = shape->last_only,
                                  .projection = projection_on(context)};
    clrnn_forward_args args = {.x = tensor(x, 3, steps, batch, shape->inputs)};
    clrnn_plan *plan = NULL;
    clrnn_profile profile = {0};
    args.y = shape->last_only ? tensor(result.y, 2, batch, hidden, 0)
                              : tensor(result.y, 3, steps, batch, hidden);
    args.h_n = tensor(result.h_n, 2, batch, hidden, 0);
    if (shape->ragged) {
        args.lengths = tensor((void *)ragged, 1, batch, 0, 0);
        args.lengths.dtype = CLRNN_DTYPE_I32;
    }
    if (shape->start) {
        args.h_0 = tensor(h_0, 2, batch, hidden, 0);
    }
    if (lstm) {
        args.c_n = tensor(result.c_n, 2, batch, hidden, 0);
        args.cells = tensor(result.cells, 3, steps, batch, hidden);
        if (shape->start) {
            args.c_0 = tensor(c_0, 2, batch, hidden, 0);
        }
    }
    require(clrnn_plan_create(&plan, context, net, &desc), "plan");
    require(clrnn_forward(plan, &args, 0, NULL, NULL), "forward");
    require(clrnn_plan_profile(&profile, plan), "profile");
    if (clrnn_context_engine(context) == CLRNN_ENGINE_OPENCL) {
        launches += profile.launches;
        expected_launches += launches_of(net, shape, algorithm);
    }
    clrnn_plan_free(plan);
    return result;
}

static void free_result(struct result *result) {
    free(result->y);
    free(result->h_n);
    free(result->c_n);
    free(result->cells);
}

static int differ(const float *a, const float *b, size_t count, const char *what) {
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&a[i], &b[i], sizeof a[i]) != 0) {
            printf("  %s[%zu] is %.9g, cpu has %.9g\n", what, i, (double)a[i], (double)b[i]);
            return 1;
        }
    }
    return 0;
}

static void compare(const struct result *got, const struct result *expected,
                    const struct shape *shape, const char *name) {
    const size_t state = state_floats(shape), all = all_floats(shape);
    runs++;
    if (differ(got->y, expected->y, all, "y") || differ(got->h_n, expected->h_n, state, "h_n") ||
        differ(got->c_n, expected->c_n, state, "c_n") ||
        differ(got->cells, expected->cells, all, "cells")) {
        wrong++;
        printf("wrong: %s\n", name);
    }
}

static void run_case(clrnn_context *device, clrnn_context *cpu, size_t cell,
                     clrnn_direction direction, const struct shape *shape) {
    uint64_t seed = 1 + cell;
    clrnn_algorithm_info infos[16];
    size_t count = 0;
    const clrnn_plan_desc desc = {.steps = shape->steps, .batch = shape->batch};
    clrnn_net *net = make_net(cell, direction, shape, &seed);
    float *x = random_floats((size_t)shape->steps * (size_t)shape->batch * (size_t)shape->inputs,
                             &seed, 1.0);
    float *h_0 = random_floats(state_floats(shape), &seed, 0.9);
    float *c_0 = random_floats(state_floats(shape), &seed, 1.5);
    struct result expected = run(cpu, net, shape, NULL, x, h_0, c_0);
    require(clrnn_plan_algorithms(&count, infos, 16, device, net, &desc), "algorithms");
    for (size_t i = 0; i < count && i < 16; i++) {
        const int is_panel = strstr(infos[i].name, "/panel") != NULL;
        if (infos[i].allowed && (pretended != CL_DEVICE_TYPE_CPU || is_panel)) {
            char name[128];
            snprintf(name, sizeof name, "%s %s %s T=%d N=%d H=%d", cells[cell].name,
                     direction == CLRNN_DIRECTION_REVERSE ? "reverse" : "forward", infos[i].name,
                     shape->steps, shape->batch, shape->hidden);
            struct result got = run(device, net, shape, infos[i].name, x, h_0, c_0);
            compare(&got, &expected, shape, name);
            free_result(&got);
        }
    }
    free_result(&expected);
    free(x);
    free(h_0);
    free(c_0);
    clrnn_net_free(net);
}

static cl_device_type kind_of(const char *name) {
    return strcmp(name, "cpu") == 0   ? CL_DEVICE_TYPE_CPU
           : strcmp(name, "gpu") == 0 ? CL_DEVICE_TYPE_GPU
                                      : 0;
}

int main(int argc, char **argv) {
    clrnn_context *device = NULL, *cpu = NULL;
    const clrnn_context_desc on_device = {.engine = CLRNN_ENGINE_OPENCL,
                                          .device = argc > 1 ? argv[1] : "oclgrind",
                                          /* the known answers of probe.cl run there too; llvmpipe
                                           * flushes denormals and would be refused */
                                          .strict = argc < 6 &&
                                                    (argc < 2 || strcmp(argv[1], "oclgrind") == 0)};
    const clrnn_context_desc on_cpu = {.engine = CLRNN_ENGINE_CPU};
    by_clblast = argc > 5 && strcmp(argv[5], "clblast") == 0;
    pretended = argc > 2 ? kind_of(argv[2]) : 0;
    require(clrnn_context_create(&device, &on_device), "device");
    require(clrnn_context_create(&cpu, &on_cpu), "cpu");
    for (size_t cell = 0; cell < sizeof cells / sizeof cells[0]; cell++) {
        const int wanted = argc < 4 || strcmp(argv[3], cells[cell].name) == 0;
        for (size_t shape = 0; wanted && shape < SHAPE_COUNT; shape++) {
            if (argc > 4 && strtoul(argv[4], NULL, 10) != shape) {
                continue;
            }
            run_case(device, cpu, cell, CLRNN_DIRECTION_FORWARD, &shapes[shape]);
            run_case(device, cpu, cell, CLRNN_DIRECTION_REVERSE, &shapes[shape]);
        }
    }
    printf("%llu runs, %llu wrong, %llu launches of %llu expected on %s\n", runs, wrong, launches,
           expected_launches, clrnn_context_device(device)->name);
    clrnn_context_free(cpu);
    clrnn_context_free(device);
    return wrong == 0 && runs > 0 && launches == expected_launches ? EXIT_SUCCESS : EXIT_FAILURE;
}
