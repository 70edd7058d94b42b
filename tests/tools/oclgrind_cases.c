/*
 * oclgrind_cases.c: every cell x algorithm x direction once, then options, masks, merges, stacks,
 * packed arrays, pieces and activations, in shapes so small that a simulator takes them, held against
 * the CPU engine bit for bit.
 *
 *     oclgrind_cases [DEVICE [KIND [NAME [NUMBER [clblast]]]]]
 *
 * Runs on the OpenCL device whose name, platform or type has the part DEVICE ("oclgrind" if none is
 * given), as if it were of the KIND cpu or gpu, the cases of that NAME and NUMBER. It prints how many
 * kernels it launched: an empty log of a tool proves nothing if nothing ran.
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

enum { MAX_LAYERS = 2 };

/* How a net runs. Lengths are ragged with a 0; a mask has holes, at the start too. */
struct shape {
    int steps, batch, inputs;
    int ragged, masked, packed, last_only, start, batch_first, chunk;
};

struct example {
    const char *name;
    int number; /* among those of the name */
    struct shape shape;
    int count; /* layers */
    clrnn_layer_desc layers[MAX_LAYERS];
};

/* ---- the cells, each by these shapes and in both directions ---------------------------------- */

static const struct {
    const char *name;
    clrnn_layer_desc layer;
} cells[] = {
    {"rnn", {.cell = CLRNN_CELL_RNN}},
    {"rnn-relu", {.cell = CLRNN_CELL_RNN, .acts[0][0].kind = CLRNN_ACT_RELU}},
    {"lstm", {.cell = CLRNN_CELL_LSTM}},
    {"gru", {.cell = CLRNN_CELL_GRU}},
    {"gru-before", {.cell = CLRNN_CELL_GRU, .reset = CLRNN_RESET_BEFORE}},
};

/* Ragged with a length of 0; a tile of 4 rows with a rest; slices, and two blocks of units. */
static const struct {
    int hidden;
    struct shape shape;
} shapes[] = {
    {5, {.steps = 3, .batch = 3, .inputs = 3, .ragged = 1, .start = 1}},
    {5, {.steps = 3, .batch = 5, .inputs = 3, .ragged = 1, .last_only = 1}},
    {66, {.steps = 2, .batch = 1, .inputs = 3, .start = 1}},
};

/* ---- all else, once each --------------------------------------------------------------------- */

#define RNN(...)                                                                                   \
    { .cell = CLRNN_CELL_RNN, __VA_ARGS__ }
#define LSTM(...)                                                                                  \
    { .cell = CLRNN_CELL_LSTM, __VA_ARGS__ }
#define GRU(...)                                                                                   \
    { .cell = CLRNN_CELL_GRU, __VA_ARGS__ }
#define BEFORE .reset = CLRNN_RESET_BEFORE
#define REVERSE .direction = CLRNN_DIRECTION_REVERSE
#define BOTH(way) .direction = CLRNN_DIRECTION_BIDIRECTIONAL, .merge = CLRNN_MERGE_##way
#define SIZES .steps = 2, .batch = 2, .inputs = 2

static const struct example examples[] = {
    {"options", 0, {SIZES, .start = 1}, 1, {LSTM(.hidden = 3, .projection = 2)}},
    {"options", 1, {SIZES, .ragged = 1, .start = 1}, 1, {LSTM(.hidden = 3, .peepholes = 1)}},
    {"options",
     2,
     {SIZES, .ragged = 1, .start = 1},
     1,
     {LSTM(.hidden = 3, .projection = 2, .peepholes = 1, .forget_bias = 0.5f, .gate_clip = 0.4f,
           .cell_clip = 0.3f, REVERSE)}},
    {"options",
     3,
     {SIZES, .start = 1},
     1,
     {LSTM(.hidden = 3, .couple = CLRNN_COUPLE_FORGET, .cell_clip = 0.3f)}},
    {"options",
     4,
     {SIZES, .start = 1},
     1,
     {LSTM(.hidden = 3, .couple = CLRNN_COUPLE_INPUT, .peepholes = 1)}},
    {"options", 5, {SIZES, .start = 1}, 1, {GRU(.hidden = 3, BEFORE, .gate_clip = 0.2f)}},
    {"options", 6, {SIZES, .start = 1}, 1, {RNN(.hidden = 3, .gate_clip = 0.2f)}},
    {"options", 7, {SIZES, .start = 1}, 1, {RNN(.hidden = 3, .bias = CLRNN_BIAS_NONE)}},
    /* slices of the second phase, which has as many units as that */
    {"options",
     8,
     {.steps = 2, .batch = 1, .inputs = 2, .start = 1},
     1,
     {LSTM(.hidden = 66, .projection = 65)}},
    {"masks", 0, {SIZES, .masked = 1, .start = 1}, 1, {RNN(.hidden = 3)}},
    {"masks", 1, {SIZES, .masked = 1, .ragged = 1}, 1, {RNN(.hidden = 3, .zero_masked = 1)}},
    {"masks", 2, {SIZES, .masked = 1, .start = 1}, 1, {LSTM(.hidden = 3, REVERSE)}},
    {"masks",
     3,
     {SIZES, .masked = 1, .start = 1},
     1,
     {LSTM(.hidden = 3, .projection = 2, .zero_masked = 1)}},
    {"masks", 4, {SIZES, .masked = 1, .start = 1}, 1, {GRU(.hidden = 3)}},
    {"masks", 5, {SIZES, .masked = 1, .ragged = 1, .start = 1}, 1, {GRU(.hidden = 3, BEFORE)}},
    {"masks", 6, {SIZES, .masked = 1, .last_only = 1}, 1, {RNN(.hidden = 3, BOTH(SUM))}},
    {"masks",
     7,
     {SIZES, .masked = 1, .last_only = 1},
     1,
     {RNN(.hidden = 3, REVERSE, .zero_masked = 1)}},
    {"merges", 0, {SIZES, .ragged = 1, .start = 1}, 1, {LSTM(.hidden = 3, BOTH(CONCAT))}},
    {"merges", 1, {SIZES, .ragged = 1, .start = 1}, 1, {GRU(.hidden = 3, BOTH(SUM))}},
    {"merges", 2, {SIZES, .batch_first = 1}, 1, {RNN(.hidden = 3, BOTH(MUL))}},
    {"merges",
     3,
     {SIZES, .ragged = 1, .last_only = 1, .start = 1},
     1,
     {RNN(.hidden = 3, BOTH(AVE))}},
    {"merges", 4, {SIZES, .last_only = 1}, 1, {GRU(.hidden = 3, BEFORE, BOTH(CONCAT))}},
    {"stacks", 0, {SIZES, .start = 1}, 2, {RNN(.hidden = 3), GRU(.hidden = 2)}},
    {"stacks",
     1,
     {SIZES, .ragged = 1, .start = 1},
     2,
     {LSTM(.hidden = 3, .projection = 2), RNN(.hidden = 3, REVERSE)}},
    {"stacks", 2, {SIZES, .ragged = 1}, 2, {RNN(.hidden = 2, BOTH(CONCAT)), RNN(.hidden = 3)}},
    {"stacks",
     3,
     {SIZES, .masked = 1, .batch_first = 1, .start = 1},
     2,
     {RNN(.hidden = 3), LSTM(.hidden = 2, BOTH(SUM))}},
    {"packed", 0, {SIZES, .packed = 1, .start = 1}, 1, {RNN(.hidden = 3)}},
    {"packed", 1, {SIZES, .packed = 1, .start = 1}, 1, {LSTM(.hidden = 3, REVERSE)}},
    {"packed", 2, {SIZES, .packed = 1, .masked = 1}, 1, {GRU(.hidden = 3, BOTH(SUM))}},
    {"packed", 3, {SIZES, .packed = 1}, 2, {RNN(.hidden = 3), RNN(.hidden = 2)}},
    {"pieces", 0, {SIZES, .chunk = 1, .ragged = 1, .start = 1}, 1, {RNN(.hidden = 3)}},
    {"pieces", 1, {SIZES, .chunk = 1, .start = 1}, 1, {LSTM(.hidden = 3, .projection = 2)}},
    {"pieces", 2, {SIZES, .chunk = 1, .batch_first = 1}, 1, {GRU(.hidden = 3, BEFORE)}},
    {"pieces", 3, {SIZES, .chunk = 1, .ragged = 1, .masked = 1}, 1, {RNN(.hidden = 3, REVERSE)}},
    {"pieces", 4, {SIZES, .chunk = 1, .packed = 1}, 1, {RNN(.hidden = 3)}},
    {"pieces",
     5,
     {.steps = 3, .batch = 2, .inputs = 2, .chunk = 2, .start = 1},
     2,
     {RNN(.hidden = 3), GRU(.hidden = 2)}},
    {"pieces",
     6,
     {.steps = 3, .batch = 2, .inputs = 2, .chunk = 2, .ragged = 1, .last_only = 1},
     2,
     {RNN(.hidden = 2, BOTH(SUM)), RNN(.hidden = 2)}},
};

static const clrnn_act acts[] = {
#define ACT_VALUE(name, value, text, parameters, alpha, beta) CLRNN_ACT_##name,
    CLRNN_ACT_LIST(ACT_VALUE)
#undef ACT_VALUE
};

#define COUNT(array) (sizeof array / sizeof array[0])

static unsigned long long launches, expected_launches, runs, wrong;

static void require(clrnn_status status, const char *what) {
    if (status != CLRNN_STATUS_OK) {
        fprintf(stderr, "oclgrind_cases: %s: %s\n", what, clrnn_last_error()->message);
        exit(EXIT_FAILURE);
    }
}

/* ---- nets and arrays ------------------------------------------------------------------------- */

/* Uniform in +-limit, by a multiplicative generator. */
static void fill(float *values, size_t count, uint64_t *seed, double limit) {
    for (size_t i = 0; i < count; i++) {
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        values[i] = (float)(((double)(*seed >> 11) * 0x1p-53 * 2.0 - 1.0) * limit);
    }
}

static clrnn_net *make_net(const struct example *it, uint64_t *seed) {
    static float values[4 * 66 * 66];
    clrnn_net *net = NULL;
    const char *found;
    const clrnn_net_desc desc = {
        .inputs = it->shape.inputs, .num_layers = it->count, .layers = it->layers};
    require(clrnn_net_create(&net, &desc), "net");
    for (size_t i = 0; (found = clrnn_net_weight_name(net, i)) != NULL; i++) {
        char name[64];
        clrnn_tensor weight;
        snprintf(name, sizeof name, "%s", found);
        require(clrnn_net_get_weight(&weight, net, name), name);
        fill(values, (size_t)clrnn_tensor_count(&weight), seed, 0.6);
        weight.data = values;
        require(clrnn_net_set_weight(net, name, &weight), name);
    }
    return net;
}

/* A call with all its arrays, one after the other in `values`, those that it reads first. */
struct call {
    clrnn_forward_args args;
    clrnn_layer_arrays layers[MAX_LAYERS];
    float values[16384];
    size_t inputs, count;
    uint8_t mask[64];
    int32_t lengths[8], sizes[8];
};

static void take(clrnn_tensor *out, struct call *call, int rank, int64_t a, int64_t b, int64_t c) {
    *out = (clrnn_tensor){.data = call->values + call->count, .rank = rank, .shape = {a, b, c}};
    call->count += (size_t)clrnn_tensor_count(out);
    if (call->count > COUNT(call->values)) {
        fprintf(stderr, "oclgrind_cases: more values than there is room for\n");
        exit(EXIT_FAILURE);
    }
}

static void take_steps(clrnn_tensor *out, struct call *call, const struct shape *s, int features) {
    if (s->batch_first) {
        take(out, call, 3, s->batch, s->steps, features);
    } else {
        take(out, call, 3, s->steps, s->batch, features);
    }
}

static int64_t packed_rows(const struct call *call, const struct shape *s) {
    int64_t rows = 0;
    for (int t = 0; t < s->steps; t++) {
        rows += call->sizes[t];
    }
    return rows;
}

static void take_inputs(struct call *call, const struct example *it) {
    const struct shape *s = &it->shape;
    if (s->packed) {
        take(&call->args.x, call, 2, packed_rows(call, s), s->inputs, 0);
    } else {
        take_steps(&call->args.x, call, s, s->inputs);
    }
    for (int i = 0; i < it->count && s->start; i++) {
        const clrnn_layer_desc *layer = &it->layers[i];
        const int directions = clrnn_layer_directions(layer);
        take(&call->layers[i].h_0, call, 3, directions, s->batch, clrnn_layer_width(layer));
        if (s->masked) {
            take(&call->layers[i].o_0, call, 3, directions, s->batch, clrnn_layer_width(layer));
        }
        if (layer->cell == CLRNN_CELL_LSTM) {
            take(&call->layers[i].c_0, call, 3, directions, s->batch, layer->hidden);
        }
    }
}

static void take_outputs(struct call *call, const struct example *it) {
    const struct shape *s = &it->shape;
    const int outputs = clrnn_layer_outputs(&it->layers[it->count - 1]);
    for (int i = 0; i < it->count; i++) {
        const clrnn_layer_desc *layer = &it->layers[i];
        clrnn_layer_arrays *out = &call->layers[i];
        const int directions = clrnn_layer_directions(layer), width = clrnn_layer_width(layer);
        take(&out->h_n, call, 3, directions, s->batch, width);
        take(&out->o_n, call, 3, directions, s->batch, width);
        take_steps(&out->hiddens, call, s, directions * width);
        take_steps(&out->gates, call, s, directions * clrnn_layer_gates(layer) * layer->hidden);
        if (layer->cell == CLRNN_CELL_LSTM) {
            take(&out->c_n, call, 3, directions, s->batch, layer->hidden);
            take_steps(&out->cells, call, s, directions * layer->hidden);
        }
    }
    if (s->last_only) {
        take(&call->args.y, call, 2, s->batch, outputs, 0);
    } else if (s->packed) {
        take(&call->args.y, call, 2, packed_rows(call, s), outputs, 0);
    } else {
        take_steps(&call->args.y, call, s, outputs);
    }
}

static clrnn_tensor integers(int32_t *values, int count) {
    return (clrnn_tensor){.data = values, .dtype = CLRNN_DTYPE_I32, .rank = 1, .shape = {count}};
}

static void make_call(struct call *call, const struct example *it, uint64_t seed) {
    static const int32_t ragged[] = {3, 0, 2, 1, 3};
    const struct shape *s = &it->shape;
    memset(call, 0, sizeof *call);
    call->args.layers = call->layers;
    for (int n = 0; n < s->batch; n++) {
        call->lengths[n] = ragged[n] < s->steps ? ragged[n] : s->steps;
    }
    for (int t = 0; t < s->steps; t++) {
        call->sizes[t] = t < s->batch ? s->batch - t : 1;
    }
    for (int i = 0; i < s->batch * s->steps; i++) {
        call->mask[i] = i % 3 != 0;
    }
    if (s->ragged) {
        call->args.lengths = integers(call->lengths, s->batch);
    }
    if (s->packed) {
        call->args.batch_sizes = integers(call->sizes, s->steps);
    }
    if (s->masked) {
        call->args.mask = (clrnn_tensor){.data = call->mask,
                                         .dtype = CLRNN_DTYPE_BOOL,
                                         .rank = 2,
                                         .shape = {s->batch, s->steps}};
    }
    take_inputs(call, it);
    fill(call->values, call->count, &seed, 1.0);
    call->inputs = call->count;
    take_outputs(call, it);
    for (size_t i = call->inputs; i < call->count; i++) {
        call->values[i] = -99.0f;
    }
}

/* ---- running --------------------------------------------------------------------------------- */

/* Our own, so that nothing of a library is judged; or CLBlast, to see the kernel that sets its biases.
 * With so few inputs its sums are ours to the bit. */
static int by_clblast;

static clrnn_plan_desc desc_of(const struct example *it, const clrnn_context *context,
                               const char *algorithm) {
    return (clrnn_plan_desc){.algorithm = algorithm,
                             .steps = it->shape.steps,
                             .batch = it->shape.batch,
                             .batch_first = it->shape.batch_first,
                             .projection =
                                 by_clblast && clrnn_context_engine(context) == CLRNN_ENGINE_OPENCL
                                     ? CLRNN_PROJECTION_CLBLAST
                                     : CLRNN_PROJECTION_OWN,
                             .chunk = it->shape.chunk};
}

/* Of each direction of each layer, for each piece: one for the projection, then one for all its steps,
 * or one that begins and one a step and phase. */
static unsigned long long launches_of(const struct example *it, const char *algorithm) {
    unsigned long long count = 0;
    const int steps = it->shape.steps, chunk = it->shape.chunk > 0 ? it->shape.chunk : steps;
    const int pieces = (steps + chunk - 1) / chunk;
    for (int i = 0; i < it->count; i++) {
        const clrnn_layer_desc *layer = &it->layers[i];
        const int phases = layer->reset == CLRNN_RESET_BEFORE || layer->projection > 0 ? 2 : 1;
        const int strand =
            strncmp(algorithm, "step/", 5) == 0 ? 2 * pieces + steps * phases : 2 * pieces;
        count += (unsigned long long)(clrnn_layer_directions(layer) * strand);
    }
    return count;
}

static void run(struct call *call, const struct example *it, clrnn_context *context,
                const clrnn_net *net, const char *algorithm, uint64_t seed) {
    const clrnn_plan_desc desc = desc_of(it, context, algorithm);
    clrnn_plan *plan = NULL;
    clrnn_profile profile = {0};
    make_call(call, it, seed);
    require(clrnn_plan_create(&plan, context, net, &desc), "plan");
    require(clrnn_forward(plan, &call->args, 0, NULL, NULL), "forward");
    require(clrnn_plan_profile(&profile, plan), "profile");
    if (clrnn_context_engine(context) == CLRNN_ENGINE_OPENCL) {
        launches += profile.launches;
        expected_launches += launches_of(it, algorithm);
    }
    clrnn_plan_free(plan);
}

/* Every output was written, and is what the CPU engine says. */
static void compare(const struct call *got, const struct call *expected, const struct example *it,
                    const char *algorithm) {
    runs++;
    for (size_t i = got->inputs; i < got->count; i++) {
        if (memcmp(&got->values[i], &expected->values[i], sizeof(float)) != 0 ||
            got->values[i] == -99.0f) {
            wrong++;
            printf("wrong: %s %d %s %s: value %zu of %zu is %.9g, cpu has %.9g\n", it->name,
                   it->number,
                   it->layers[0].direction == CLRNN_DIRECTION_REVERSE ? "reverse" : "forward",
                   algorithm, i - got->inputs, got->count - got->inputs, (double)got->values[i],
                   (double)expected->values[i]);
            return;
        }
    }
}

static clrnn_context_desc on_device = {.engine = CLRNN_ENGINE_OPENCL, .device = "oclgrind"};
static char device_name[128];

/* With a context of its own: Oclgrind 21.10 gives the number of a released buffer away again and takes
 * what is behind the old one's size for uninitialised for ever. */
static void run_example(clrnn_context *cpu, const struct example *it) {
    static struct call got, expected;
    clrnn_context *device = NULL;
    uint64_t seed = 1 + (uint64_t)it->number;
    clrnn_algorithm_info infos[16];
    size_t count = 0;
    clrnn_net *net = make_net(it, &seed);
    require(clrnn_context_create(&device, &on_device), "device");
    snprintf(device_name, sizeof device_name, "%s", clrnn_context_device(device)->name);
    const clrnn_plan_desc desc = desc_of(it, device, NULL);
    run(&expected, it, cpu, net, NULL, seed);
    require(clrnn_plan_algorithms(&count, infos, 16, device, net, &desc), "algorithms");
    for (size_t i = 0; i < count && i < 16; i++) {
        const int is_panel = strstr(infos[i].name, "/panel") != NULL;
        if (infos[i].allowed && (pretended != CL_DEVICE_TYPE_CPU || is_panel)) {
            run(&got, it, device, net, infos[i].name, seed);
            compare(&got, &expected, it, infos[i].name);
        }
    }
    clrnn_net_free(net);
    clrnn_context_free(device);
}

static cl_device_type kind_of(const char *name) {
    return strcmp(name, "cpu") == 0   ? CL_DEVICE_TYPE_CPU
           : strcmp(name, "gpu") == 0 ? CL_DEVICE_TYPE_GPU
                                      : 0;
}

/* What of the command line picks examples: NULL, -1: all. */
static const char *wanted_name;
static long wanted_number = -1;

static void run_wanted(clrnn_context *cpu, const struct example *it) {
    if ((wanted_name == NULL || strcmp(wanted_name, it->name) == 0) &&
        (wanted_number < 0 || wanted_number == it->number)) {
        run_example(cpu, it);
    }
}

static void run_all(clrnn_context *cpu) {
    for (size_t cell = 0; cell < COUNT(cells); cell++) {
        for (size_t shape = 0; shape < COUNT(shapes); shape++) {
            struct example it = {
                cells[cell].name, (int)shape, shapes[shape].shape, 1, {cells[cell].layer}};
            it.layers[0].hidden = shapes[shape].hidden;
            run_wanted(cpu, &it);
            it.layers[0].direction = CLRNN_DIRECTION_REVERSE;
            run_wanted(cpu, &it);
        }
    }
    for (size_t i = 0; i < COUNT(examples); i++) {
        run_wanted(cpu, &examples[i]);
    }
    for (size_t i = 0; i < COUNT(acts); i++) {
        const struct example it = {"activations",
                                   (int)i,
                                   {.steps = 2, .batch = 1, .inputs = 1},
                                   1,
                                   {{.hidden = 1, .acts[0][0].kind = acts[i]}}};
        run_wanted(cpu, &it);
    }
}

int main(int argc, char **argv) {
    clrnn_context *cpu = NULL;
    const clrnn_context_desc on_cpu = {.engine = CLRNN_ENGINE_CPU};
    by_clblast = argc > 5 && strcmp(argv[5], "clblast") == 0;
    pretended = argc > 2 ? kind_of(argv[2]) : 0;
    wanted_name = argc > 3 ? argv[3] : NULL;
    wanted_number = argc > 4 ? strtol(argv[4], NULL, 10) : -1;
    on_device.device = argc > 1 ? argv[1] : on_device.device;
    /* the known answers of probe.cl run there too; llvmpipe flushes denormals and would be refused */
    on_device.strict = argc < 6 && strcmp(on_device.device, "oclgrind") == 0;
    require(clrnn_context_create(&cpu, &on_cpu), "cpu");
    run_all(cpu);
    printf("%llu runs, %llu wrong, %llu launches of %llu expected on %s\n", runs, wrong, launches,
           expected_launches, device_name);
    clrnn_context_free(cpu);
    return wrong == 0 && runs > 0 && launches == expected_launches ? EXIT_SUCCESS : EXIT_FAILURE;
}
