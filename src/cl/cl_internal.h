/* cl_internal.h: what the files of the OpenCL engine share. Only this folder calls cl*. */
#ifndef CLRNN_CL_INTERNAL_H
#define CLRNN_CL_INTERNAL_H

#include "core/engine.h"

/* Calls OpenCL, or fails with the call's text and the code's name. `what`: "forward", ... */
#define TRY_CL(what, call)                                                                         \
    do {                                                                                           \
        const cl_int code_ = (call);                                                               \
        if (code_ != CL_SUCCESS) {                                                                 \
            status = cl_fail(what, #call, code_);                                                  \
            goto out;                                                                              \
        }                                                                                          \
    } while (0)

clrnn_status cl_fail(const char *what, const char *call, cl_int code);
const char *cl_code_name(cl_int code);

/* A device as found: its ids and what is said of it. */
struct cl_found {
    cl_platform_id platform;
    cl_device_id device; /* NULL: a platform without one */
    clrnn_device_info info;
};

/* All of them, best first; free(*out). */
clrnn_status cl_device_scan(struct cl_found **out, size_t *count);
/* The one that `which` names (as in clrnn_context_desc), NULL: the best. */
clrnn_status cl_device_select(struct cl_found *out, const char *which);
/* What the list says of this device; a sub-device is not in it and is described alone. */
clrnn_status cl_device_of(struct cl_found *out, cl_device_id device);

struct cl_program_entry;

struct cl_engine_context {
    cl_context context;
    cl_device_id device;
    cl_command_queue queue;
    cl_command_queue second;  /* of our own, in order too; NULL: there is none */
    cl_command_queue current; /* of the two: where launches and copies of x go */
    int is_apart;             /* the second may have commands that the first does not wait for */
    struct cl_found found;
    uint64_t timeout_ms;
    size_t launch_items, launch_groups; /* of a launch at most, in the first and second dimension */
    const char *flag_standard; /* -cl-std of programs whose groups meet, or NULL: they cannot */
    int has_division;          /* quick and rounded once, as the driver says and strict probes */
    int in_host_memory; /* the device is the host's CPU: it may work in the caller's arrays */
    char refused[96];   /* what the driver said to that: arrays are copied; or empty */
    int profile;
    int strict;   /* a plan must give the same bits everywhere */
    int probed;   /* its arithmetic was seen to do that */
    int poisoned; /* hung or lost: every later call says so */
    struct cl_program_entry *programs;
    struct tuning_library library; /* CLBlast's kernels, where the tuning file says how */
    int has_gemm;                  /* CLBlast has compiled what it needs here */
    cl_kernel gather;              /* of embeddings; NULL: there was none yet */
    clrnn_trace *trace;            /* the caller's, or NULL: then all that follows stays 0 */
    int has_stamps;                /* the queue times its commands */
    size_t command;                /* the span of the one that is being enqueued */
    struct cl_traced *traced;
    size_t traced_count, traced_capacity;
    int is_aligned; /* the device's clock to the host's: offset_us is added, known to error_us */
    double offset_us, error_us;
};

/* A kernel of the program with this text: built once in a context, then shared. */
clrnn_status cl_program_kernel(cl_kernel *out, struct cl_engine_context *context,
                               const struct algo_program *program, const char *kernel);
/* How many were built in this context. */
size_t cl_program_count(const struct cl_engine_context *context);
void cl_program_free_all(struct cl_engine_context *context);

/* The text of a program, with #line names; free() it. */
clrnn_status cl_program_text(char **out, const struct algo_program *program);

/* A second queue, of our own: what goes there may run beside the first one's. */
clrnn_status cl_second_open(struct cl_engine_context *context);

/* An event behind all that a queue has, and the queue goes to the device: others may wait for it. */
clrnn_status cl_mark(cl_event *event, cl_command_queue queue, const char *what);
/* Waits until what was enqueued, on both queues, is done, at most timeout_ms. */
clrnn_status cl_wait(struct cl_engine_context *context, const char *what);
/* On a way out: after a failure waits for what was enqueued, keeping the first error. 0: the device
 * hangs, and may yet touch memory that it was given; 1: it is done with all of it. */
int cl_settle(struct cl_engine_context *context, clrnn_status *status);
clrnn_status cl_check_alive(const struct cl_engine_context *context);
/* Where a command is, negative: it failed; CL_COMPLETE of NULL, CL_QUEUED where the driver does not say. */
cl_int cl_event_state(cl_event event);

/* cl_trace.c */
/* A command is about to be enqueued: where its event goes, or NULL. Behind the call: */
void cl_trace_enqueued(struct cl_engine_context *context);
cl_event *cl_trace_command(struct cl_engine_context *context, size_t span);
/* category: "upload", "download", "copy", "lend" */
cl_event *cl_trace_copy(struct cl_engine_context *context, const char *category, const char *name,
                        size_t bytes);
/* Puts what is done of the commands on the device's tracks, one for each queue. */
void cl_trace_collect(struct cl_engine_context *context);
/* A plan or a forward begins: clocks are aligned anew. */
void cl_trace_restart(struct cl_engine_context *context);
void cl_trace_close(struct cl_engine_context *context);

/* UNSUPPORTED unless the device's arithmetic is IEEE's, denormals included. */
clrnn_status cl_probe(struct cl_engine_context *context);

/* x_proj [m][n] += x [m][k] . w [n][k], by CLBlast. x begins at float x_at. */
struct cl_gemm {
    size_t m, n, k;
    cl_mem x;
    size_t x_at;
    cl_mem w, x_proj;
    int replaces; /* what is there, instead of being added to it */
};
/* Memory that it takes for copies of its own: given to it, so that it makes none at each call. */
clrnn_status cl_gemm_temporary(size_t *bytes, cl_command_queue queue, const struct cl_gemm *gemm);
/* temporary: NULL where it takes none; event: NULL, or where the last command's goes */
clrnn_status cl_gemm(cl_command_queue queue, const struct cl_gemm *gemm, cl_mem temporary,
                     cl_event *event);
int cl_gemm_is_built(void);
/* Before the first call: CLBlast's kernels get the parameters of a tuning file. They are of the device in
 * this process, whoever calls CLBlast; which is why a plan that does not, sets none. */
clrnn_status cl_gemm_override(cl_device_id device, const struct tuning_library *library);
/* What a product that is known said of them: wrong ones stay in the process, and are for nobody. */
void cl_gemm_judge(cl_device_id device, int is_wrong);
/* cl_gemm_probe.c: UNSUPPORTED unless it gives a known product of such a size, or of fewer rows. */
clrnn_status cl_gemm_probe(struct cl_engine_context *context, size_t m, size_t n, size_t k);

/* A file of kernels/, embedded. NULL if there is none. */
const char *kernel_text(const char *file);

#endif
