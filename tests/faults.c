/* faults.c: the wrappers, by kind: allocations, OpenCL calls, objects made, retained and released. */
#include "faults.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BLOCKS = 1 << 14, TRANSFERS = 1 << 10, NAMES = 64, ARGUMENTS = 1 << 10 };

struct span {
    const char *from;
    size_t bytes;
};

/* The lock guards what a driver's threads reach, by way of callbacks. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct span blocks[BLOCKS], transfers[TRANSFERS];
static size_t block_count, transfer_count;
static int objects;
static char freed_early[128];

/* How often each call was made since faults_enter, by whatever thread. */
static struct {
    const char *name;
    int count;
} counted[NAMES];
static size_t name_count;
static atomic_int watching;

/* What arguments of kernels were set to since faults_forget. */
static struct argument {
    cl_kernel kernel;
    cl_uint index;
    uint64_t hash;
} arguments[ARGUMENTS];
static size_t argument_count;
static int arguments_again;

static _Thread_local int inside;
static struct faults armed;
static int calls;
static const char *struck;

void faults_forget(void) {
    pthread_mutex_lock(&lock);
    block_count = transfer_count = argument_count = 0;
    objects = 0;
    freed_early[0] = '\0';
    pthread_mutex_unlock(&lock);
}

void faults_enter(struct faults faults) {
    armed = faults;
    calls = 0;
    struck = NULL;
    arguments_again = 0;
    pthread_mutex_lock(&lock);
    name_count = 0;
    pthread_mutex_unlock(&lock);
    inside = 1;
    watching = 1;
}

const char *faults_leave(void) {
    inside = 0;
    watching = 0;
    return struck;
}

static void count_call(const char *name) {
    size_t i = 0;
    pthread_mutex_lock(&lock);
    while (i < name_count && strcmp(counted[i].name, name) != 0) {
        i++;
    }
    if (i == name_count && name_count < NAMES) {
        counted[name_count].name = name;
        counted[name_count++].count = 0;
    }
    if (i < name_count) {
        counted[i].count++;
    }
    pthread_mutex_unlock(&lock);
}

int faults_calls(const char *prefix) {
    int count = 0;
    for (size_t i = 0; i < name_count; i++) {
        count += strncmp(counted[i].name, prefix, strlen(prefix)) == 0 ? counted[i].count : 0;
    }
    return count;
}

/* Is this the call that fails? */
static int strikes(const char *name) {
    if (watching) {
        count_call(name);
    }
    if (!inside || armed.nth == 0) {
        return 0;
    }
    calls++;
    const int strike = armed.forever ? calls >= armed.nth : calls == armed.nth;
    if (strike && struck == NULL) {
        struck = name;
    }
    return strike;
}

size_t faults_memory(size_t expected) {
    size_t count = 0;
    for (int tries = 0; tries < 1000; tries++) {
        pthread_mutex_lock(&lock);
        count = block_count;
        pthread_mutex_unlock(&lock);
        if (count <= expected) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return count;
}

int faults_objects(void) {
    return objects;
}

const char *faults_freed_early(void) {
    return freed_early[0] != '\0' ? freed_early : NULL;
}

static int overlap(const struct span *a, const struct span *b) {
    return a->from < b->from + b->bytes && b->from < a->from + a->bytes;
}

int faults_under_way(const void *from, size_t bytes) {
    const struct span span = {from, bytes};
    for (size_t i = 0; i < transfer_count; i++) {
        if (overlap(&transfers[i], &span)) {
            return 1;
        }
    }
    return 0;
}

/* ---- memory ---------------------------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *memory);

static void *keep(void *memory, size_t bytes) {
    if (inside && memory != NULL) {
        pthread_mutex_lock(&lock);
        if (block_count < BLOCKS) {
            blocks[block_count++] = (struct span){memory, bytes};
        }
        pthread_mutex_unlock(&lock);
    }
    return memory;
}

/* Takes a block out of the list, and says so if the device may touch it yet. */
static void drop(const void *memory) {
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < block_count; i++) {
        if (blocks[i].from != (const char *)memory) {
            continue;
        }
        if (faults_under_way(memory, blocks[i].bytes)) {
            snprintf(freed_early, sizeof freed_early, "%zu bytes", blocks[i].bytes);
        }
        blocks[i] = blocks[--block_count];
        break;
    }
    pthread_mutex_unlock(&lock);
}

void *__wrap_malloc(size_t size) {
    return strikes("malloc") ? NULL : keep(__real_malloc(size), size);
}

void *__wrap_calloc(size_t count, size_t size) {
    return strikes("calloc") ? NULL : keep(__real_calloc(count, size), count * size);
}

void *__wrap_realloc(void *old, size_t size) {
    if (strikes("realloc")) {
        return NULL;
    }
    drop(old);
    return keep(__real_realloc(old, size), size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    return strikes("aligned_alloc") ? NULL : keep(__real_aligned_alloc(alignment, size), size);
}

void __wrap_free(void *memory) {
    if (memory != NULL) {
        drop(memory);
    }
    __real_free(memory);
}

/* ---- OpenCL: calls that make nothing --------------------------------------------------------- */

#define WRAP(name, parameters, arguments)                                                          \
    cl_int __real_##name parameters;                                                               \
    cl_int __wrap_##name parameters;                                                               \
    cl_int __wrap_##name parameters {                                                              \
        return strikes(#name) ? armed.code : __real_##name arguments;                              \
    }

WRAP(clGetPlatformIDs, (cl_uint most, cl_platform_id *ids, cl_uint *count), (most, ids, count))
WRAP(clGetPlatformInfo,
     (cl_platform_id platform, cl_platform_info what, size_t size, void *value, size_t *needed),
     (platform, what, size, value, needed))
WRAP(clGetDeviceIDs,
     (cl_platform_id platform, cl_device_type type, cl_uint most, cl_device_id *ids,
      cl_uint *count),
     (platform, type, most, ids, count))
WRAP(clGetCommandQueueInfo,
     (cl_command_queue queue, cl_command_queue_info what, size_t size, void *value, size_t *needed),
     (queue, what, size, value, needed))
WRAP(clGetMemObjectInfo,
     (cl_mem memory, cl_mem_info what, size_t size, void *value, size_t *needed),
     (memory, what, size, value, needed))
WRAP(clGetProgramBuildInfo,
     (cl_program program, cl_device_id device, cl_program_build_info what, size_t size, void *value,
      size_t *needed),
     (program, device, what, size, value, needed))
WRAP(clBuildProgram,
     (cl_program program, cl_uint count, const cl_device_id *devices, const char *options,
      void(CL_CALLBACK *done)(cl_program, void *), void *data),
     (program, count, devices, options, done, data))
WRAP(clFlush, (cl_command_queue queue), (queue))
WRAP(clGetEventProfilingInfo,
     (cl_event event, cl_profiling_info what, size_t size, void *value, size_t *needed),
     (event, what, size, value, needed))
WRAP(clSetEventCallback,
     (cl_event event, cl_int type, void(CL_CALLBACK *call)(cl_event, cl_int, void *), void *data),
     (event, type, call, data))

/* ---- OpenCL: devices that pretend ------------------------------------------------------------ */

static const struct faults_pretence *pretended;

void faults_pretend(const struct faults_pretence *pretence) {
    pretended = pretence;
}

cl_int __real_clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                              size_t *needed);
cl_int __wrap_clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                              size_t *needed);
cl_int __wrap_clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                              size_t *needed) {
    size_t bytes = 0;
    if (strikes("clGetDeviceInfo")) {
        return armed.code;
    }
    if (pretended != NULL && pretended->answer != NULL && value != NULL &&
        pretended->answer(what, size, value, &bytes)) {
        if (needed != NULL) {
            *needed = bytes;
        }
        return CL_SUCCESS;
    }
    return __real_clGetDeviceInfo(device, what, size, value, needed);
}

/* ---- OpenCL: arguments ----------------------------------------------------------------------- */

int faults_arguments_again(void) {
    return arguments_again;
}

static uint64_t hash_of(const void *value, size_t size) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ ((const unsigned char *)value)[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void note_argument(cl_kernel kernel, cl_uint index, uint64_t hash) {
    for (size_t i = 0; i < argument_count; i++) {
        struct argument *argument = &arguments[i];
        if (argument->kernel == kernel && argument->index == index) {
            arguments_again += argument->hash == hash;
            argument->hash = hash;
            return;
        }
    }
    if (argument_count < ARGUMENTS) {
        arguments[argument_count++] = (struct argument){kernel, index, hash};
    }
}

cl_int __real_clSetKernelArg(cl_kernel kernel, cl_uint index, size_t size, const void *value);
cl_int __wrap_clSetKernelArg(cl_kernel kernel, cl_uint index, size_t size, const void *value);
cl_int __wrap_clSetKernelArg(cl_kernel kernel, cl_uint index, size_t size, const void *value) {
    if (strikes("clSetKernelArg")) {
        return armed.code;
    }
    if (inside) {
        note_argument(kernel, index, hash_of(value, size));
    }
    return __real_clSetKernelArg(kernel, index, size, value);
}

/* ---- OpenCL: objects ------------------------------------------------------------------------- */

static void count_object(int change) {
    if (inside) {
        objects += change;
    }
}

#define WRAP_CREATE(type, name, parameters, arguments)                                             \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters {                                                                \
        if (strikes(#name)) {                                                                      \
            *code = armed.code;                                                                    \
            return NULL;                                                                           \
        }                                                                                          \
        type made = __real_##name arguments;                                                       \
        count_object(made != NULL);                                                                \
        return made;                                                                               \
    }

#define WRAP_HOLD(name, type, change)                                                              \
    cl_int __real_##name(type object);                                                             \
    cl_int __wrap_##name(type object);                                                             \
    cl_int __wrap_##name(type object) {                                                            \
        if (change > 0 && strikes(#name)) {                                                        \
            return armed.code;                                                                     \
        }                                                                                          \
        const cl_int result = __real_##name(object);                                               \
        count_object(result == CL_SUCCESS ? change : 0);                                           \
        return result;                                                                             \
    }

WRAP_CREATE(cl_context, clCreateContext,
            (const cl_context_properties *properties, cl_uint count, const cl_device_id *devices,
             void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data,
             cl_int *code),
            (properties, count, devices, notify, data, code))
WRAP_CREATE(cl_command_queue, clCreateCommandQueue,
            (cl_context context, cl_device_id device, cl_command_queue_properties properties,
             cl_int *code),
            (context, device, properties, code))
cl_mem __real_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                             cl_int *code);
cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                             cl_int *code);
cl_mem __wrap_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host,
                             cl_int *code) {
    const int is_too_large = pretended != NULL && size > pretended->max_alloc;
    const int is_refused =
        pretended != NULL && pretended->host_memory != 0 && (flags & CL_MEM_USE_HOST_PTR) != 0;
    if (strikes("clCreateBuffer") || is_too_large || is_refused) {
        *code = is_refused     ? pretended->host_memory
                : is_too_large ? CL_INVALID_BUFFER_SIZE
                               : armed.code;
        return NULL;
    }
    cl_mem made = __real_clCreateBuffer(context, flags, size, host, code);
    count_object(made != NULL);
    return made;
}

WRAP_CREATE(cl_mem, clCreateSubBuffer,
            (cl_mem buffer, cl_mem_flags flags, cl_buffer_create_type type, const void *info,
             cl_int *code),
            (buffer, flags, type, info, code))
WRAP_CREATE(cl_program, clCreateProgramWithSource,
            (cl_context context, cl_uint count, const char **texts, const size_t *lengths,
             cl_int *code),
            (context, count, texts, lengths, code))
WRAP_CREATE(cl_kernel, clCreateKernel, (cl_program program, const char *name, cl_int *code),
            (program, name, code))

WRAP_HOLD(clRetainContext, cl_context, 1)
WRAP_HOLD(clRetainCommandQueue, cl_command_queue, 1)
WRAP_HOLD(clRetainMemObject, cl_mem, 1)
WRAP_HOLD(clRetainEvent, cl_event, 1)
WRAP_HOLD(clReleaseContext, cl_context, -1)
WRAP_HOLD(clReleaseCommandQueue, cl_command_queue, -1)
WRAP_HOLD(clReleaseProgram, cl_program, -1)
WRAP_HOLD(clReleaseKernel, cl_kernel, -1)
WRAP_HOLD(clReleaseEvent, cl_event, -1)

/* ---- OpenCL: for Oclgrind -------------------------------------------------------------------- */

static int writes_whole;

void faults_write_whole(int on) {
    writes_whole = on;
}

cl_int __real_clReleaseMemObject(cl_mem memory);
cl_int __wrap_clReleaseMemObject(cl_mem memory);
cl_int __wrap_clReleaseMemObject(cl_mem memory) {
    const cl_int result = writes_whole ? CL_SUCCESS : __real_clReleaseMemObject(memory);
    count_object(result == CL_SUCCESS ? -1 : 0);
    return result;
}

#define TRANSFER(name, constant)                                                                   \
    cl_int name(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t at, size_t size,   \
                constant void *host, cl_uint num_wait, const cl_event *wait, cl_event *done)
TRANSFER(__real_clEnqueueWriteBuffer, const);
TRANSFER(__real_clEnqueueReadBuffer, );

/* What is there, and from `at` on `size` bytes of the pattern, again and again. */
static cl_int write_whole(cl_command_queue queue, cl_mem buffer, size_t at, size_t size,
                          const char *pattern, size_t pattern_size, cl_uint num_wait,
                          const cl_event *wait, cl_event *done) {
    size_t whole = 0;
    clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof whole, &whole, NULL);
    char *copy = __real_malloc(whole);
    cl_int code = copy == NULL ? CL_OUT_OF_HOST_MEMORY
                               : __real_clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, whole, copy,
                                                            num_wait, wait, NULL);
    for (size_t i = 0; i < size && code == CL_SUCCESS; i++) {
        copy[at + i] = pattern[i % pattern_size];
    }
    if (code == CL_SUCCESS) {
        code = __real_clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, whole, copy, 0, NULL, done);
    }
    __real_free(copy);
    return code;
}

/* ---- OpenCL: commands ------------------------------------------------------------------------ */

/* The last parameters of each are num_wait, wait and done. */
#define WRAP_ENQUEUE(name, parameters, arguments)                                                  \
    cl_int __real_##name parameters;                                                               \
    cl_int __wrap_##name parameters;                                                               \
    cl_int __wrap_##name parameters {                                                              \
        if (strikes(#name)) {                                                                      \
            return armed.code;                                                                     \
        }                                                                                          \
        const cl_int result = __real_##name arguments;                                             \
        count_object(result == CL_SUCCESS && done != NULL);                                        \
        return result;                                                                             \
    }

typedef cl_int enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                              const size_t *first, const size_t *global, const size_t *local,
                              cl_uint num_wait, const cl_event *wait, cl_event *done);
enqueue_kernel __real_clEnqueueNDRangeKernel, __wrap_clEnqueueNDRangeKernel;
cl_int __wrap_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dims,
                                     const size_t *first, const size_t *global, const size_t *local,
                                     cl_uint num_wait, const cl_event *wait, cl_event *done) {
    if (strikes("clEnqueueNDRangeKernel")) {
        return armed.code;
    }
    const cl_int refused = pretended != NULL && pretended->launch != NULL
                               ? pretended->launch(kernel, dims, local)
                               : CL_SUCCESS;
    if (refused != CL_SUCCESS) {
        return refused;
    }
    const cl_int result = __real_clEnqueueNDRangeKernel(queue, kernel, dims, first, global, local,
                                                        num_wait, wait, done);
    count_object(result == CL_SUCCESS && done != NULL);
    return result;
}
WRAP_ENQUEUE(clEnqueueCopyBuffer,
             (cl_command_queue queue, cl_mem from, cl_mem to, size_t from_at, size_t to_at,
              size_t size, cl_uint num_wait, const cl_event *wait, cl_event *done),
             (queue, from, to, from_at, to_at, size, num_wait, wait, done))
typedef cl_int enqueue_fill(cl_command_queue queue, cl_mem buffer, const void *pattern,
                            size_t pattern_size, size_t at, size_t size, cl_uint num_wait,
                            const cl_event *wait, cl_event *done);
enqueue_fill __real_clEnqueueFillBuffer, __wrap_clEnqueueFillBuffer;
cl_int __wrap_clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer, const void *pattern,
                                  size_t pattern_size, size_t at, size_t size, cl_uint num_wait,
                                  const cl_event *wait, cl_event *done) {
    if (strikes("clEnqueueFillBuffer")) {
        return armed.code;
    }
    const cl_int result =
        writes_whole
            ? write_whole(queue, buffer, at, size, pattern, pattern_size, num_wait, wait, done)
            : __real_clEnqueueFillBuffer(queue, buffer, pattern, pattern_size, at, size, num_wait,
                                         wait, done);
    count_object(result == CL_SUCCESS && done != NULL);
    return result;
}
WRAP_ENQUEUE(clEnqueueWriteBufferRect,
             (cl_command_queue queue, cl_mem buffer, cl_bool blocking, const size_t *at,
              const size_t *host_at, const size_t *region, size_t row, size_t slice,
              size_t host_row, size_t host_slice, const void *from, cl_uint num_wait,
              const cl_event *wait, cl_event *done),
             (queue, buffer, blocking, at, host_at, region, row, slice, host_row, host_slice, from,
              num_wait, wait, done))
WRAP_ENQUEUE(clEnqueueBarrierWithWaitList,
             (cl_command_queue queue, cl_uint num_wait, const cl_event *wait, cl_event *done),
             (queue, num_wait, wait, done))
WRAP_ENQUEUE(clEnqueueMarkerWithWaitList,
             (cl_command_queue queue, cl_uint num_wait, const cl_event *wait, cl_event *done),
             (queue, num_wait, wait, done))

WRAP_ENQUEUE(clEnqueueUnmapMemObject,
             (cl_command_queue queue, cl_mem memory, void *mapped, cl_uint num_wait,
              const cl_event *wait, cl_event *done),
             (queue, memory, mapped, num_wait, wait, done))

void *__real_clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                cl_map_flags flags, size_t at, size_t size, cl_uint num_wait,
                                const cl_event *wait, cl_event *done, cl_int *code);
void *__wrap_clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                cl_map_flags flags, size_t at, size_t size, cl_uint num_wait,
                                const cl_event *wait, cl_event *done, cl_int *code);
void *__wrap_clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking,
                                cl_map_flags flags, size_t at, size_t size, cl_uint num_wait,
                                const cl_event *wait, cl_event *done, cl_int *code) {
    if (strikes("clEnqueueMapBuffer")) {
        *code = armed.code;
        return NULL;
    }
    void *mapped = __real_clEnqueueMapBuffer(queue, buffer, blocking, flags, at, size, num_wait,
                                             wait, done, code);
    count_object(mapped != NULL && done != NULL);
    if (blocking && watching) {
        count_call(FAULTS_BLOCKING);
    }
    return mapped;
}

/* A transfer is under way from here on, or, one that blocks, all are done: queues are in order. */
static void note_transfer(cl_int result, cl_bool blocking, const void *host, size_t size,
                          const cl_event *done) {
    if (!inside || result != CL_SUCCESS) {
        return;
    }
    count_object(done != NULL);
    if (blocking) {
        count_call(FAULTS_BLOCKING);
    }
    pthread_mutex_lock(&lock);
    if (blocking) {
        transfer_count = 0;
    } else if (done == NULL && transfer_count < TRANSFERS) {
        transfers[transfer_count++] = (struct span){host, size};
    }
    pthread_mutex_unlock(&lock);
}

TRANSFER(__wrap_clEnqueueReadBuffer, );
TRANSFER(__wrap_clEnqueueReadBuffer, ) {
    if (strikes("clEnqueueReadBuffer")) {
        return armed.code;
    }
    const cl_int result =
        __real_clEnqueueReadBuffer(queue, buffer, blocking, at, size, host, num_wait, wait, done);
    note_transfer(result, blocking, host, size, done);
    return result;
}

TRANSFER(__wrap_clEnqueueWriteBuffer, const);
TRANSFER(__wrap_clEnqueueWriteBuffer, const) {
    if (strikes("clEnqueueWriteBuffer")) {
        return armed.code;
    }
    if (writes_whole) {
        return write_whole(queue, buffer, at, size, host, size, num_wait, wait, done);
    }
    const cl_int result =
        __real_clEnqueueWriteBuffer(queue, buffer, blocking, at, size, host, num_wait, wait, done);
    note_transfer(result, blocking, host, size, done);
    return result;
}

static void all_done(void) {
    pthread_mutex_lock(&lock);
    transfer_count = 0;
    pthread_mutex_unlock(&lock);
}

cl_int __real_clWaitForEvents(cl_uint count, const cl_event *events);
cl_int __wrap_clWaitForEvents(cl_uint count, const cl_event *events);
cl_int __wrap_clWaitForEvents(cl_uint count, const cl_event *events) {
    if (strikes("clWaitForEvents")) {
        return armed.code;
    }
    const cl_int result = __real_clWaitForEvents(count, events);
    if (inside && result == CL_SUCCESS) {
        all_done();
    }
    return result;
}

cl_int __real_clGetEventInfo(cl_event event, cl_event_info what, size_t size, void *value,
                             size_t *needed);
cl_int __wrap_clGetEventInfo(cl_event event, cl_event_info what, size_t size, void *value,
                             size_t *needed);
cl_int __wrap_clGetEventInfo(cl_event event, cl_event_info what, size_t size, void *value,
                             size_t *needed) {
    if (strikes("clGetEventInfo")) {
        return armed.code;
    }
    const cl_int result = __real_clGetEventInfo(event, what, size, value, needed);
    if (inside && result == CL_SUCCESS && what == CL_EVENT_COMMAND_EXECUTION_STATUS &&
        *(const cl_int *)value == CL_COMPLETE) {
        all_done();
    }
    return result;
}
