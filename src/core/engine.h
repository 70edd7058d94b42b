/*
 * engine.h: what an engine is. It knows its device and how to execute a configured plan there; it
 * knows no cell and takes no decision. One table of functions each, listed in engine.c.
 */
#ifndef CLRNN_CORE_ENGINE_H
#define CLRNN_CORE_ENGINE_H

#include "algo/algo.h"
#include "core/estimate.h"
#include "core/net.h"
#include "core/trace.h"
#include "core/tuning_library.h"

/* Where an array of a call lies. */
enum array_home {
    ARRAY_NONE,    /* not wanted */
    ARRAY_CALLER,  /* in the caller's memory, or in a buffer of the caller's */
    ARRAY_STAGED,  /* in a dense copy that the engine keeps of a host array */
    ARRAY_BETWEEN, /* in the work space: what goes from layer to layer */
};

/* x, or an output of a layer: a row of `features` floats for each step and row of the batch. */
struct engine_array {
    enum array_home home;
    const clrnn_tensor *tensor; /* the caller's; NULL: BETWEEN */
    int features;
    int last;                      /* one row of features for each row of the batch */
    int packed;                    /* rows of a step begin at starts[time] */
    int batch_first;               /* [N][T][features], else [T][N][features] */
    int64_t at_step, at_row, base; /* floats; of a staged array: as if all of it were there */
    int64_t floats;                /* dense, all steps */
    int between;                   /* which of the two pieces of the work space */
};

struct engine_layer {
    struct engine_array y, hiddens, cells, gates;
};

/* What a strand takes besides its config. */
struct engine_strand {
    int layer, direction;
    struct params params; /* all but what belongs to a piece */
};

/* States of a strand of the call's rows, into or out of the state's memory. */
struct engine_move {
    clrnn_tensor tensor; /* [N][width]; of a load without data or buffer: zeros, slot n in row n */
    int64_t at;          /* floats of the state before slot 0 */
    int width;
};

/* One forward, checked and laid out; it lives as long as the call. */
struct engine_call {
    int steps, batch;
    int chunk;              /* steps of a piece */
    int by_piece;           /* each piece goes through all layers before the next one */
    const struct row *rows; /* [batch] */
    int rows_changed;       /* 0: the same table as in the call before */
    const uint8_t *mask;    /* [N][T], or NULL */
    const wide *starts;     /* [T], or NULL */
    struct engine_array x;
    const clrnn_tensor *x_proj; /* instead of x, where the plan has no projection: host, dense */
    const struct engine_layer *layers;   /* [L] */
    const struct engine_strand *strands; /* [S] */
    int layer_count, strand_count;
    void *state; /* an engine's state, never NULL */
    int from_zero;
    const struct engine_move *loads, *stores;
    int load_count, store_count;
    cl_uint num_wait;
    const cl_event *wait;
    cl_event *done;
    const char **note; /* an engine's line for the plan's description goes here */
};

/* Steps first .. first + count - 1 of a strand's way. */
struct piece {
    int strand, first, count;
};

/* The pieces of a call in their order: 1, or 0 behind the last. Begin with PIECE_NONE. */
#define PIECE_NONE                                                                                 \
    { -1, 0, 0 }
int engine_next_piece(const struct engine_call *call, struct piece *piece);

/* The params of a piece, complete. */
struct params engine_piece_params(const struct engine_call *call, const struct piece *piece);

/* The array that a strand reads: x, or y of the layer below. */
const struct engine_array *engine_input(const struct engine_call *call, int layer);

/* Every array that the caller may have given: x, then those of the layers. NULL behind the last. */
const struct engine_array *engine_array_at(const struct engine_call *call, size_t index);

/* What a trace shows of a piece: a piece that goes through all layers is one span round theirs. */
struct engine_spans {
    size_t piece, layer;
};
void engine_spans_begin(struct engine_spans *spans, clrnn_trace *trace,
                        const struct engine_call *call, const struct piece *piece);
void engine_spans_end(const struct engine_spans *spans, clrnn_trace *trace,
                      const struct engine_call *call, const struct piece *piece);
/* The span of a layer and direction while a plan is made. */
size_t engine_trace_strand(clrnn_trace *trace, const struct strand *strand);

/* How a plan's work space is cut: bytes from its start. Device buffers may be cut at multiples of at
 * most 4096 bytes (CL_DEVICE_MEM_BASE_ADDR_ALIGN). */
enum { ENGINE_ALIGNMENT = 4096, ENGINE_BETWEENS = 2 };
enum { ENGINE_X_PROJS = 2 };
struct engine_space {
    size_t x_proj_bytes;
    size_t second_at,
        second_bytes; /* x_proj of the next piece, made beside this one's steps; or 0 */
    size_t work_at, work_bytes;
    size_t between_at[ENGINE_BETWEENS], between_bytes[ENGINE_BETWEENS];
    size_t bytes;
};

struct engine_plan_desc {
    const struct clrnn_net *net;
    const struct algo_config *configs; /* [strands] */
    int strand_count;
    int batch, steps;
    struct engine_space space;
    size_t flag_bytes;     /* by which groups meet: as many as any strand needs; 0: none does */
    uint64_t memory_limit; /* 0: none */
    cl_mem workspace;      /* the caller's, or NULL */
    char *said; /* [ENGINE_SAID] a line for the plan's description goes here, or nothing */
};
enum { ENGINE_SAID = 120 };

struct engine {
    clrnn_engine id;
    clrnn_status (*context_open)(void **out, const clrnn_context_desc *desc);
    void (*context_close)(void *context);
    void (*describe)(void *context, struct device_desc *desc, clrnn_device_info *info);
    clrnn_status (*plan_open)(void **out, void *context, const struct engine_plan_desc *desc);
    void (*plan_close)(void *plan);
    clrnn_status (*plan_run)(void *plan, const struct engine_call *call);
    void (*plan_profile)(void *plan, clrnn_profile *out);
    clrnn_status (*state_open)(void **out, void *context, size_t floats);
    void (*state_close)(void *state);
    /* floats at `at`; values NULL: zeros */
    clrnn_status (*state_write)(void *state, size_t at, size_t count, const float *values);
    clrnn_status (*state_read)(void *state, size_t at, size_t count, float *values);
    /* The buffer behind it, which forwards of the context take and give; NULL: there are none */
    cl_mem (*state_buffer)(void *state);
    /* out[i] = table[ids[i]], rows of `features` floats; all three are memory as of states, ids of
     * int32. NULL: not here */
    clrnn_status (*gather)(void *out, void *table, void *ids, int features, size_t count);
    /* Can panels have so many lanes? */
    int (*takes_lanes)(void *context, int lanes);
    /* Parameters of CLBlast's kernels for the context's plans to come. NULL: it has no use for them */
    void (*take_library)(void *context, const struct tuning_library *library);
    int stages_host; /* 1: host arrays are copied into dense ones before kernels see them */
};

extern const struct engine engine_cpu, engine_opencl, engine_reference;

/* NULL for AUTO. */
const struct engine *engine_find(clrnn_engine id);

struct clrnn_context {
    const struct engine *engine;
    void *device; /* the engine's context */
    struct device_desc desc;
    clrnn_device_info info;
    clrnn_engine id;
    struct estimate_speeds speeds; /* of the device: usual ones, or what a tuning measured */
    char tuned[160];               /* which, in words */
    clrnn_trace *trace;            /* the caller's, or NULL */
    long process;                  /* that created it */
    /* The cpu engine's context beside an OpenCL one of AUTO: each plan takes the faster one. Else
     * NULL. */
    clrnn_context *sibling;
};

/* LOST in a child of the process that made the context. */
clrnn_status context_check_process(const clrnn_context *context);

/* Packed weights of a strand for a config: made by the engines when they open a plan. */
struct engine_weights {
    float *recurrent;  /* config->weight_floats */
    float *projection; /* config->projection_floats, or NULL */
    float *b_ih;       /* [G][stride] */
    float *b_hh;       /* [bias rows][stride], then constants [.][stride] */
    size_t b_ih_floats, b_hh_floats;
};
clrnn_status engine_pack(struct engine_weights *out, const struct algo_config *config,
                         const struct strand *strand);
void engine_unpack(struct engine_weights *weights);

#endif
