/*
 * test_guards.c: every array of a forward lies right against a page that may not be touched, before it
 * or behind it, and what is only read may not be written: a step outside ends the process. On every
 * engine; on OpenCL devices that compute where the host's memory is, kernels too meet the pages, in
 * buffers made of such memory, the work space among them.
 */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#endif
#include "memory.h"
#include "nets.h"
#include "suites.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum side { BEFORE, BEHIND, SIDES };

/* An array between two pages. */
struct guarded {
    void *map;
    size_t mapped, bytes;
    char *data;
    clrnn_tensor *tensor; /* NULL: slots, or the work space */
    clrnn_tensor home;    /* where it was, with what it must hold in the end */
    int is_read;
    cl_mem buffer;
};

enum { MOST = 64, SPARE = 2 }; /* SPARE: slots of a state more than rows */

struct guards {
    int count;
    struct guarded of[MOST];
};

/* `bytes` of fresh memory. */
static struct guarded *guard(struct guards *guards, size_t bytes, enum side side) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;
    ck_assert_int_lt(guards->count, MOST);
    struct guarded *out = &guards->of[guards->count++];
    memset(out, 0, sizeof *out);
    out->bytes = bytes;
    out->mapped = inner + 2 * page;
    out->map = mmap(NULL, out->mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_msg(out->map != MAP_FAILED, "no memory for %zu bytes", out->mapped);
    char *first = (char *)out->map + page;
    ck_assert_int_eq(mprotect(first, inner, PROT_READ | PROT_WRITE), 0);
    out->data = side == BEFORE ? first : first + inner - bytes;
    memset(first, 0xa5, inner);
    return out;
}

static void forbid_writing(const struct guarded *guarded) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    ck_assert_int_eq(mprotect((char *)guarded->map + page, guarded->mapped - 2 * page, PROT_READ),
                     0);
}

/* Moves an array there. What is read keeps its values; the rest holds what no result has. */
static void move(struct guards *guards, clrnn_tensor *tensor, int is_read, enum side side) {
    if (tensor->data == NULL) {
        return;
    }
    struct guarded *to =
        guard(guards, (size_t)clrnn_tensor_count(tensor) * clrnn_dtype_size(tensor->dtype), side);
    to->tensor = tensor;
    to->home = *tensor;
    to->is_read = is_read;
    if (is_read) {
        memcpy(to->data, tensor->data, to->bytes);
        forbid_writing(to);
    }
    tensor->data = to->data;
}

static void move_all(struct guards *guards, clrnn_forward_args *args, clrnn_layer_arrays *layers,
                     int count, enum side side) {
    clrnn_tensor *const reads[] = {&args->x, &args->lengths, &args->mask, &args->batch_sizes};
    for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
        move(guards, reads[i], 1, side);
    }
    move(guards, &args->y, 0, side);
    for (int layer = 0; layer < count; layer++) {
        clrnn_layer_arrays *of = &layers[layer];
        clrnn_tensor *const all[] = {&of->h_0, &of->c_0, &of->o_0,     &of->h_n,   &of->c_n,
                                     &of->o_n, &of->y,   &of->hiddens, &of->cells, &of->gates};
        for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
            move(guards, all[i], i < 3, side);
        }
    }
}

/* Fails unless every array holds what its home does. */
static void check(const struct guards *guards, const char *where) {
    for (int i = 0; i < guards->count; i++) {
        const struct guarded *of = &guards->of[i];
        ck_assert_msg(of->tensor == NULL || memcmp(of->data, of->home.data, of->bytes) == 0,
                      "%s: array %d of the call differs between pages", where, i);
    }
}

static void open_guards(struct guards *guards) {
    for (int i = 0; i < guards->count; i++) {
        struct guarded *of = &guards->of[i];
        if (of->buffer != NULL) {
            clReleaseMemObject(of->buffer);
        }
        ck_assert_int_eq(munmap(of->map, of->mapped), 0);
    }
    guards->count = 0;
}

/* ---- a forward ------------------------------------------------------------------------------- */

static const struct {
    int steps, batch, inputs, hidden;
} shapes[] = {{5, 3, 3, 17}, {3, 1, 1, 9}, {2, 5, 7, 66}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static struct sample sample_of_shape(int kind, enum lie lie, int shape) {
    const struct net_kind of = kind_of(kind, shapes[shape].inputs, shapes[shape].hidden);
    random_state = (uint64_t)(2600 + kind);
    struct sample s = sample_of(random_net(&of, 0.7f), shapes[shape].steps, shapes[shape].batch,
                                lie != PACKED && (kind + shape) % 2);
    lay_sample(&s, lie);
    return s;
}

struct way {
    clrnn_context *context;
    const char *algorithm;
    const struct test_device *device; /* NULL: arrays lie in host memory */
};

static clrnn_plan_desc plan_desc(const struct sample *s, const struct way *way, int chunk) {
    return (clrnn_plan_desc){.algorithm = way->algorithm,
                             .steps = s->steps,
                             .batch = s->batch,
                             .batch_first = s->batch_first,
                             .chunk = chunk};
}

/* A state whose slots are in another order than the rows. */
static clrnn_state *give_state(struct guards *guards, clrnn_forward_args *args,
                               const struct sample *s, clrnn_context *context, enum side side) {
    clrnn_state *state = NULL;
    struct guarded *of = guard(guards, (size_t)s->batch * sizeof(int32_t), side);
    int32_t *slots = (int32_t *)(void *)of->data;
    for (int n = 0; n < s->batch; n++) {
        slots[n] = s->batch + SPARE - 1 - n;
    }
    forbid_writing(of);
    ok(clrnn_state_create(&state, context, s->net, s->batch + SPARE));
    args->state = state;
    args->slots = slots;
    return state;
}

static void hold_host(int kind, enum lie lie, int shape, int chunk, const struct way *way,
                      const char *where) {
    struct sample s = sample_of_shape(kind, lie, shape);
    const int layers = clrnn_net_get_desc(s.net)->num_layers;
    clrnn_plan *plan = NULL;
    const clrnn_plan_desc desc = plan_desc(&s, way, chunk);
    ok(clrnn_plan_create(&plan, way->context, s.net, &desc));
    clrnn_forward_args args = args_of(&s);
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    for (int i = 0; i < 2 * SIDES; i++) {
        static struct guards guards;
        clrnn_layer_arrays arrays[NETS_LAYERS];
        args = args_of(&s);
        memcpy(arrays, s.arrays, sizeof arrays);
        args.layers = arrays;
        move_all(&guards, &args, arrays, layers, (enum side)(i % SIDES));
        clrnn_state *state =
            i < SIDES ? NULL : give_state(&guards, &args, &s, way->context, (enum side)(i % SIDES));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        check(&guards, where);
        clrnn_state_free(state);
        open_guards(&guards);
    }
    clrnn_plan_free(plan);
    free_sample(&s);
}

static void hold_lies(int kind, int shape, const struct way *way, const char *name) {
    for (int lie = 0; lie < LIES; lie++) {
        for (int chunk = 0; chunk <= 2; chunk += 2) {
            char where[160];
            snprintf(where, sizeof where, "%.80s, kind %d, lie %d, shape %d, chunk %d", name, kind,
                     lie, shape, chunk);
            hold_host(kind, (enum lie)lie, shape, chunk, way, where);
        }
    }
}

START_TEST(host_engines_stay_inside) {
    static const clrnn_engine engines[] = {CLRNN_ENGINE_CPU, CLRNN_ENGINE_REFERENCE};
    for (int i = 0; i < 2; i++) {
        struct way way = {0};
        ok(clrnn_context_create(&way.context, &(clrnn_context_desc){.engine = engines[i]}));
        for (int shape = 0; shape < SHAPES; shape++) {
            hold_lies(_i, shape, &way, clrnn_engine_name(engines[i]));
        }
        clrnn_context_free(way.context);
    }
}
END_TEST

/* ---- OpenCL ---------------------------------------------------------------------------------- */

/* Stacks of all cells; with CLRNN_LONG every kind. */
static int is_run(int kind) {
    return kind == SINGLES + 4 || kind == SINGLES + 5 || getenv("CLRNN_LONG") != NULL;
}

START_TEST(transfers_stay_inside) {
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    for (size_t place = 1; place < count && is_run(_i); place++) {
        const struct way way = {.context = places[place].context};
        hold_lies(_i, 0, &way, places[place].name);
    }
    test_places_free(places, count);
}
END_TEST

static void to_buffer(const struct test_device *device, struct guarded *of) {
    cl_int code = CL_SUCCESS;
    of->buffer = clCreateBuffer(
        device->context, CL_MEM_USE_HOST_PTR | (of->is_read ? CL_MEM_READ_ONLY : CL_MEM_READ_WRITE),
        of->bytes, of->data, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    if (of->tensor != NULL) {
        of->tensor->buffer = of->buffer;
        of->tensor->data = NULL;
    }
}

static void read_back(const struct test_device *device, struct guards *guards) {
    for (int i = 0; i < guards->count; i++) {
        struct guarded *of = &guards->of[i];
        if (of->buffer != NULL && !of->is_read) {
            cl_int code = CL_SUCCESS;
            void *mapped = clEnqueueMapBuffer(device->queue, of->buffer, CL_TRUE, CL_MAP_READ, 0,
                                              of->bytes, 0, NULL, NULL, &code);
            ck_assert_int_eq(code, CL_SUCCESS);
            clEnqueueUnmapMemObject(device->queue, of->buffer, mapped, 0, NULL, NULL);
        }
    }
    ck_assert_int_eq(clFinish(device->queue), CL_SUCCESS);
}

/* Every array in a buffer of such memory, and the work space. */
static void hold_buffers(int kind, enum lie lie, int shape, const struct way *way,
                         const char *where) {
    struct sample s = sample_of_shape(kind, lie, shape);
    const int layers = clrnn_net_get_desc(s.net)->num_layers;
    for (int side = 0; side < SIDES; side++) {
        static struct guards guards;
        clrnn_layer_arrays arrays[NETS_LAYERS];
        clrnn_plan *plan = NULL;
        size_t bytes = 0;
        clrnn_plan_desc desc = plan_desc(&s, way, 0);
        ok(clrnn_plan_create(&plan, way->context, s.net, &desc));
        clrnn_forward_args args = args_of(&s);
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        clrnn_plan_free(plan);
        args = args_of(&s);
        memcpy(arrays, s.arrays, sizeof arrays);
        args.layers = arrays;
        move_all(&guards, &args, arrays, layers, (enum side)side);
        for (int i = 0; i < guards.count; i++) {
            if (guards.of[i].tensor->dtype == CLRNN_DTYPE_F32) {
                to_buffer(way->device, &guards.of[i]);
            }
        }
        ok(clrnn_plan_workspace_size(&bytes, way->context, s.net, &desc));
        struct guarded *work = guard(&guards, bytes, (enum side)side);
        to_buffer(way->device, work);
        desc.workspace = work->buffer;
        ok(clrnn_plan_create(&plan, way->context, s.net, &desc));
        ok(clrnn_forward(plan, &args, 0, NULL, NULL));
        read_back(way->device, &guards);
        check(&guards, where);
        clrnn_plan_free(plan);
        open_guards(&guards);
    }
    free_sample(&s);
}

/* Does the device compute where the host's memory is? */
static int is_in_place(const clrnn_context *context) {
    const clrnn_device_info *info = clrnn_context_device(context);
    return info->unified_memory && strcmp(info->type, "CPU") == 0;
}

START_TEST(kernels_stay_inside) {
    struct test_device device;
    for (int index = 0; is_run(_i) && test_device_open(&device, index); index++) {
        struct way way = {.device = &device};
        clrnn_algorithm_info infos[16];
        size_t count = 0;
        ok(clrnn_context_create(&way.context, &(clrnn_context_desc){.queue = device.queue}));
        struct sample s = sample_of_shape(_i, DENSE, 0);
        const clrnn_plan_desc desc = plan_desc(&s, &way, 0);
        ok(clrnn_plan_algorithms(&count, infos, 16, way.context, s.net, &desc));
        for (size_t i = 0; i < count && is_in_place(way.context); i++) {
            const int takes = test_takes(&infos[i], s.net);
            for (int lie = 0; takes && lie < LIES; lie++) {
                char where[160];
                way.algorithm = infos[i].name;
                snprintf(where, sizeof where, "opencl %s, kind %d, lie %d", way.algorithm, _i, lie);
                hold_buffers(_i, (enum lie)lie, 0, &way, where);
            }
        }
        free_sample(&s);
        clrnn_context_free(way.context);
        test_device_close(&device);
    }
}
END_TEST

Suite *guards_suite(void) {
    Suite *suite = suite_create("guards");
    TCase *host = tcase_create("host"), *opencl = tcase_create("opencl");
    tcase_set_timeout(host, 120);
    tcase_set_timeout(opencl, 600);
    tcase_add_loop_test(host, host_engines_stay_inside, 0, KINDS);
    tcase_add_loop_test(opencl, transfers_stay_inside, SINGLES, KINDS);
    tcase_add_loop_test(opencl, kernels_stay_inside, SINGLES, KINDS);
    suite_add_tcase(suite, host);
    suite_add_tcase(suite, opencl);
    return suite;
}
