/* cl_plan.h: the executor of configs and the states on a device. */
#ifndef CLRNN_CL_PLAN_H
#define CLRNN_CL_PLAN_H

#include "cl/cl_arguments.h"
#include "cl/cl_internal.h"

struct cl_state {
    struct cl_engine_context *context;
    cl_mem buffer; /* of all strands, as core/state.c lays them out */
    uint64_t number;
};

/* A host array's copy on the device, and host memory to gather what is not dense; or, where the
 * device works in the host's memory, the array itself, lent to it for the call. */
struct stage {
    cl_mem buffer;
    uint64_t number, lent_number; /* by which the two are known */
    size_t bytes;
    cl_mem lent; /* over lent_at, kept as long as the caller comes with the same array */
    void *lent_at, *mapped;
    size_t lent_bytes;
    int lends; /* in this call */
    float *gathered;
    size_t gathered_bytes;
};

/* Host memory from which the device reads, so that neither a call nor a later one waits for it. */
struct cl_copy {
    void *at;
    size_t bytes;
    cl_event read; /* by the last call, or NULL: it was read */
};

struct cl_strand {
    struct cl_function launches[ALGO_LAUNCHES];
    struct cl_function projection, projection_bias;
    cl_mem w_hh, w_ih, b_ih, b_hh;
};

struct cl_plan {
    struct cl_engine_context *context;
    const struct algo_config *configs; /* [strands] */
    struct cl_strand *strands;
    int strand_count;
    struct engine_space space;
    cl_mem workspace, work, between[ENGINE_BETWEENS]; /* pieces of the work space */
    cl_mem x_proj[ENGINE_X_PROJS];                    /* the second one NULL: nothing overlaps */
    cl_mem rows;
    cl_mem flags; /* by which groups of a launch meet, or NULL */
    size_t flag_bytes;
    int epoch;               /* where the flags of the next launch begin */
    int alone;               /* calls to come that do not try to meet, since a launch gave up */
    int alone_next;          /* so many at the next time */
    struct cl_copy given_up; /* the epoch of the last launch that gave up, as read behind a call */
    int asked, learnt;       /* up to which epoch it says so; up to which one it was looked at */
    struct stage mask, starts;
    struct cl_copy rows_copy, mask_copy, starts_copy;
    struct stage gemm;    /* CLBlast's temporary copies */
    double gemm_us;       /* that its first calls took, with what it compiled */
    struct stage *stages; /* of the arrays of a call, as engine_array_at numbers them */
    size_t stage_count;
    uint64_t memory_limit, held, held_most; /* bytes of the device but for weights */
    clrnn_profile profile;
};

/* Flags count to here, then they begin anew. */
enum { EPOCH_MOST = 1 << 30 };

/* cl_strand.c */
clrnn_status cl_strand_make_kernels(struct cl_plan *plan, int index);
/* Every kernel once, so that nothing is compiled later. rows: of the longest piece. */
clrnn_status cl_strand_warm_up(struct cl_plan *plan, int index, size_t rows);
/* The piece's x_proj number `place` is made, on the context's current queue, and its steps run. */
clrnn_status cl_strand_project(struct cl_plan *plan, const struct engine_call *call,
                               const struct params *params, int index, int place);
clrnn_status cl_strand_recur(struct cl_plan *plan, const struct engine_call *call,
                             const struct params *params, int index, int place);
void cl_strand_close(struct cl_strand *strand);

/* cl_pieces.c */
/* All pieces of a call. since: of cl_lap. */
clrnn_status cl_pieces_run(struct cl_plan *plan, const struct engine_call *call, double *since);
/* Arrays of a layer that are staged, from the device. last: those of one row for each of the batch,
 * which are complete only at the end. */
clrnn_status cl_fetch_layer(struct cl_plan *plan, const struct engine_call *call, int layer,
                            const struct piece *piece, int last);
/* With profiling on: waits, and gives the time since *since. */
clrnn_status cl_lap(struct cl_plan *plan, double *since, double *out);

/* cl_memory.c */
/* A buffer of the plan, counted and held against the limit; from: its content, or NULL. */
clrnn_status cl_buffer_make(cl_mem *out, struct cl_plan *plan, cl_mem_flags flags, size_t bytes,
                            const char *what);
void cl_buffer_free(cl_mem *buffer, struct cl_plan *plan, size_t bytes);
/* Room for an array's copy: kept, and made anew only where it must grow. */
clrnn_status cl_stage_reserve(struct stage *stage, struct cl_plan *plan, size_t bytes,
                              const char *what);
/* Gives it back, unless it has just these bytes. */
void cl_stage_trim(struct stage *stage, struct cl_plan *plan, size_t bytes);
void cl_stage_free(struct stage *stage, struct cl_plan *plan);
struct cl_known cl_stage_known(const struct stage *stage);
/* cl_transfer.c: what was lent of an array is taken back, and forgotten. */
void cl_lent_free(struct stage *stage, const struct cl_plan *plan);
/* Cuts the work space: the caller's (given) or one of its own. */
clrnn_status cl_space_make(struct cl_plan *plan, cl_mem given);
void cl_space_free(struct cl_plan *plan);

/* cl_transfer.c */
/* What can be refused of a call before anything is enqueued. */
clrnn_status cl_check_call(const struct cl_plan *plan, const struct engine_call *call);
int cl_has_host_array(const struct engine_call *call);
/* Room for the mask, the starts and all arrays that are staged. */
clrnn_status cl_reserve_arrays(struct cl_plan *plan, const struct engine_call *call);
/* The row table, the mask and the starts to the device. */
void cl_copy_free(struct cl_copy *copy, const struct cl_plan *plan);
clrnn_status cl_send_tables(struct cl_plan *plan, const struct engine_call *call);
/* The buffer that kernels use for an array; any, if it is not wanted. */
struct cl_known cl_array_buffer(const struct cl_plan *plan, const struct engine_call *call,
                                size_t index);
/* Steps first .. first + count - 1 of array `index` to the device, or from it, if it is staged. */
clrnn_status cl_send_array(struct cl_plan *plan, const struct engine_call *call, size_t index,
                           const struct piece *piece);
clrnn_status cl_fetch_array(struct cl_plan *plan, const struct engine_call *call, size_t index,
                            const struct piece *piece);
/* Once the device is done: what was fetched whole into host memory of our own, to its place; what was
 * lent is taken back. */
void cl_scatter_array(const struct cl_plan *plan, const struct engine_call *call, size_t index);
clrnn_status cl_send_projected(struct cl_plan *plan, const struct engine_call *call,
                               const struct params *p);
clrnn_status cl_move_rows(struct cl_plan *plan, const struct engine_call *call,
                          const struct engine_move *move, int loads);

clrnn_status cl_plan_open(void **out, void *context, const struct engine_plan_desc *desc);
void cl_plan_close(void *plan);
clrnn_status cl_plan_run(void *plan, const struct engine_call *call);
void cl_plan_profile(void *plan, clrnn_profile *out);

clrnn_status cl_state_open(void **out, void *context, size_t floats);
void cl_state_close(void *state);
clrnn_status cl_state_write(void *state, size_t at, size_t count, const float *values);
clrnn_status cl_state_read(void *state, size_t at, size_t count, float *values);
cl_mem cl_state_buffer(void *state);
clrnn_status cl_gather(void *out, void *table, void *ids, int features, size_t count);

#endif
