/*
 * clrnn.h: recurrent networks (RNN, LSTM, GRU) on any OpenCL device, and on the CPU.
 *
 *     context   a device and its queue, or the CPU            clrnn_context_create
 *     net       shapes and weights of a stack of layers       clrnn_net_create, clrnn_net_set_weight
 *     plan      one way to run a net at up to T x N           clrnn_plan_create
 *     state     h and c of many streams, kept on the device   clrnn_state_create
 *     forward   x (and a state) in, y (and the state) out     clrnn_forward
 *
 * Around them: arrays (.npy and .npz files), models (files that hold a net, or a whole model: layers
 * round the recurrence, or a graph) and sessions, which run them, devices, and a judge that holds any
 * result, ours or foreign, against the equations in double precision.
 *
 * Rules that hold everywhere:
 *   - A zeroed field of a struct means its default; `clrnn_net_desc desc = {0};` is always valid.
 *   - Sizes: T time steps, N rows of the batch, I input features, H hidden features, P projected
 *     features, F output features, L layers, D directions, G gates (rnn 1, gru 3, lstm 4). The out
 *     parameter comes first. free(NULL) does nothing.
 *   - A function that can fail returns clrnn_status; clrnn_last_error() has the message with the
 *     numbers. After ARGUMENT, SHAPE and UNSUPPORTED nothing was changed; after a failure of the
 *     device a state may be. Everything can still be freed.
 *   - An object is used by one thread at a time; a net whose weights are all set may be shared by
 *     plans in several threads. After fork() the child gets CLRNN_STATUS_LOST from its parent's
 *     contexts, not a hang.
 *   - The library never prints, never exits, reads no environment variable, installs no signal
 *     handler and never finishes a queue that you gave it.
 *
 * What it does not do: training is not here.
 */
#ifndef CLRNN_H
#define CLRNN_H

#include <stddef.h>
#include <stdint.h>

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(CLRNN_BUILD) && defined(__GNUC__)
#define CLRNN_API __attribute__((visibility("default")))
#else
#define CLRNN_API
#endif

#define CLRNN_VERSION_MAJOR 0
#define CLRNN_VERSION_MINOR 2
#define CLRNN_VERSION_PATCH 0

/* ---- status ---------------------------------------------------------------------------------- */

/* X(name, value, text): values are never reused. */
#define CLRNN_STATUS_LIST(X)                                                                       \
    X(OK, 0, "fine")                                                                               \
    X(ARGUMENT, 1, "an argument breaks its rule")                                                  \
    X(SHAPE, 2, "shapes or sizes do not fit together")                                             \
    X(UNSUPPORTED, 3, "refused: this engine, algorithm or device cannot do it")                    \
    X(MEMORY, 4, "out of host or device memory")                                                   \
    X(NO_DEVICE, 5, "no usable device")                                                            \
    X(BUILD, 6, "an OpenCL program did not build")                                                 \
    X(OPENCL, 7, "an OpenCL call failed")                                                          \
    X(TIMEOUT, 8, "the device did not finish in time")                                             \
    X(LOST, 9, "the context hung, was lost, or belongs to the parent process")                     \
    X(IO, 10, "a file cannot be read or written")                                                  \
    X(FORMAT, 11, "a file's content is wrong or unsupported")

typedef enum clrnn_status {
#define CLRNN_STATUS_ENUM(name, value, text) CLRNN_STATUS_##name = value,
    CLRNN_STATUS_LIST(CLRNN_STATUS_ENUM)
#undef CLRNN_STATUS_ENUM
} clrnn_status;

/* The last failure of this thread. */
typedef struct clrnn_error {
    clrnn_status status; /* CLRNN_STATUS_OK when nothing failed yet */
    int cl_code;         /* the OpenCL code behind it, or 0 */
    char message[512];   /* one line: object, rule, expected, got */
} clrnn_error;

CLRNN_API const clrnn_error *clrnn_last_error(void);
CLRNN_API const char *clrnn_status_name(clrnn_status status); /* "OK", "ARGUMENT", ... */
CLRNN_API const char *clrnn_status_text(clrnn_status status);

/* "0.2.0" and what is built in, one "key: value" line each, in static memory. */
CLRNN_API const char *clrnn_version(void);
CLRNN_API const char *clrnn_build_info(void);

/* ---- tensors --------------------------------------------------------------------------------- */

typedef enum clrnn_dtype {
    CLRNN_DTYPE_F32 = 0,
    CLRNN_DTYPE_F64,
    CLRNN_DTYPE_F16,
    CLRNN_DTYPE_I32,
    CLRNN_DTYPE_I64,
    CLRNN_DTYPE_BOOL, /* one byte, 0 or 1 */
    CLRNN_DTYPE_TEXT  /* UTF-8, zero-terminated; rank 0; only in arrays read from a file */
} clrnn_dtype;

CLRNN_API size_t clrnn_dtype_size(clrnn_dtype dtype);      /* bytes of an element; TEXT: 1 */
CLRNN_API const char *clrnn_dtype_name(clrnn_dtype dtype); /* "float32", ... */

#define CLRNN_MAX_RANK 8

/* A view of memory that you own: host memory (data) or a device buffer (buffer), never both.
 * All strides 0: dense, C order. Otherwise strides count elements and the last one must be 1. */
typedef struct clrnn_tensor {
    void *data;
    cl_mem buffer;
    size_t offset; /* bytes from the start of data or buffer */
    clrnn_dtype dtype;
    int rank;
    int64_t shape[CLRNN_MAX_RANK];
    int64_t strides[CLRNN_MAX_RANK];
} clrnn_tensor;

CLRNN_API int64_t clrnn_tensor_count(const clrnn_tensor *tensor); /* elements */

/* ---- devices and contexts -------------------------------------------------------------------- */

typedef enum clrnn_engine {
    CLRNN_ENGINE_AUTO = 0, /* OPENCL or CPU, whichever is the faster: see clrnn_context_create */
    CLRNN_ENGINE_OPENCL,
    CLRNN_ENGINE_CPU,
    CLRNN_ENGINE_REFERENCE /* fp64 from the equations: slow, for checking */
} clrnn_engine;

CLRNN_API const char *clrnn_engine_name(clrnn_engine engine); /* "auto", "opencl", ... */

/* One OpenCL device, or a platform that has none (then index is -1 and reason says why). */
typedef struct clrnn_device_info {
    int index;    /* number among all devices, in the order listed; -1: not a device */
    int platform; /* P and D of "P:D" */
    int device;
    int score;  /* higher is preferred: discrete GPU > integrated > accelerator > CPU */
    int usable; /* 1, or 0 with the reason */
    int compute_units;
    int has_fp16;
    int has_fp64;
    int unified_memory;
    uint64_t global_memory; /* bytes */
    uint64_t local_memory;
    uint64_t max_alloc;
    uint64_t max_group_size;
    char type[16]; /* "GPU", "CPU", "accelerator", ... */
    char name[128];
    char vendor[128];
    char platform_name[128];
    char driver[128];
    char version[128];
    char reason[192]; /* why it is ranked as it is, or why it cannot be used */
} clrnn_device_info;

/* Lists platforms' devices, best first. Fills at most capacity entries and sets *count to how many
 * there are; infos may be NULL when capacity is 0. No driver at all is no error: *count is 0. */
CLRNN_API clrnn_status clrnn_devices(size_t *count, clrnn_device_info *infos, size_t capacity);

typedef struct clrnn_context clrnn_context;
typedef struct clrnn_trace clrnn_trace; /* see "traces" below */

typedef struct clrnn_context_desc {
    const char *device;     /* NULL: the best; else an index, "P:D", part of a name, "gpu", "cpu" */
    cl_command_queue queue; /* your own in-order queue (then its device is used); retained */
    clrnn_engine engine;
    int profile;         /* 1: time each forward by phase (clrnn_plan_profile) */
    int strict;          /* 1: refuse whatever could change a bit (CLBlast, flushed denormals) */
    uint64_t timeout_ms; /* longest wait for the device; 0: for ever */
    int threads;         /* of the cpu engine, the caller's included; 0: as many as may run */
    const char *tuning;  /* a file that clrnn_tune wrote; NULL: none */
    clrnn_trace *trace;  /* yours: takes when each part of plans and forwards ran; NULL: none */
} clrnn_context_desc;

/* AUTO opens the best OpenCL device with the cpu engine beside it, and each plan takes the one that is
 * estimated to be faster for its net, T and N; clrnn_plan_describe says which and why. The opencl
 * engine is kept for custom parts of a net, a work space, a memory_limit, a named projection, and an
 * algorithm that the device has. With a `device` or a `queue` it is opencl alone; where no device is
 * usable, cpu alone. A plan on the cpu engine takes neither buffers nor events: who has these gives a
 * queue, or asks for OPENCL.
 * By a tuning plans know what was measured of this device, driver and number of compute units; one of
 * others is passed over, and clrnn_plan_describe says so.
 * What a forward puts on a second queue of our own waits for your queue, and your queue for it.
 * Errors: NO_DEVICE (none matches, or none usable), ARGUMENT (out-of-order queue), OPENCL; IO, FORMAT
 * (of the tuning). */
CLRNN_API clrnn_status clrnn_context_create(clrnn_context **out, const clrnn_context_desc *desc);
CLRNN_API void clrnn_context_free(clrnn_context *context);
/* What was opened: of AUTO OPENCL, or CPU where no device is usable. */
CLRNN_API clrnn_engine clrnn_context_engine(const clrnn_context *context);
/* The device in use, of AUTO the OpenCL one. For the CPU engines: name like "cpu (v4, 16 lanes)",
 * index -1. */
CLRNN_API const clrnn_device_info *clrnn_context_device(const clrnn_context *context);

/* ---- tuning ---------------------------------------------------------------------------------- */

typedef struct clrnn_tune_desc {
    const char *path; /* the file, which need not be there */
    /* NULL, or told what is measured next: `done` of `count`, on a device */
    void (*progress)(void *user, const char *device, int done, int count);
    void *user;
} clrnn_tune_desc;

/* Measures forwards on the context's device, and on the cpu engine too where the context is AUTO: in
 * some 10 seconds each, on a machine that should do nothing else. From them it finds the speeds that
 * estimate them best and the lanes of panels, writes both to the file beside what it has of other
 * devices (JSON: README, "Tuning"), and the context takes them for the plans it makes from then on.
 * What plans choose never changes a bit with `strict`, nor on CPU devices. Errors: those of a plan
 * and a forward; before it measures UNSUPPORTED (the reference engine), FORMAT (what is there is no
 * tuning), IO. */
CLRNN_API clrnn_status clrnn_tune(clrnn_context *context, const clrnn_tune_desc *desc);

/* ---- nets ------------------------------------------------------------------------------------ */

typedef enum clrnn_cell {
    CLRNN_CELL_RNN = 0, /* h = act(W_ih x + b_ih + W_hh h + b_hh) */
    CLRNN_CELL_LSTM,    /* gates i, f, g, o */
    CLRNN_CELL_GRU,     /* gates r, z, n */
    CLRNN_CELL_CUSTOM,  /* your own, in OpenCL C: see clrnn_layer_desc.source */
    CLRNN_CELL_DENSE    /* y = act(W_ih x + b_ih), step by step: no recurrence and no state */
} clrnn_cell;

typedef enum clrnn_reset {
    CLRNN_RESET_AFTER = 0, /* n = tanh(gx_n + r (W_hn h + b_hn)): PyTorch, cuDNN, Keras */
    CLRNN_RESET_BEFORE     /* n = tanh(gx_n + W_hn (r h) + b_hn): ONNX's default */
} clrnn_reset;

typedef enum clrnn_direction {
    CLRNN_DIRECTION_FORWARD = 0,
    CLRNN_DIRECTION_REVERSE, /* each row from its last valid step to its first */
    CLRNN_DIRECTION_BIDIRECTIONAL
} clrnn_direction;

/* How a bidirectional layer joins its forward f and its reverse r. */
typedef enum clrnn_merge {
    CLRNN_MERGE_CONCAT = 0, /* [f, r]: features 2 x */
    CLRNN_MERGE_SUM,        /* f + r */
    CLRNN_MERGE_MUL,        /* f r */
    CLRNN_MERGE_AVE         /* (f + r) / 2 */
} clrnn_merge;

typedef enum clrnn_bias {
    CLRNN_BIAS_DOUBLE = 0, /* bias_ih and bias_hh */
    CLRNN_BIAS_SINGLE,     /* bias_ih */
    CLRNN_BIAS_NONE
} clrnn_bias;

/* An lstm with one gate less: the weights of the coupled gate are there and not used. */
typedef enum clrnn_couple {
    CLRNN_COUPLE_NONE = 0,
    CLRNN_COUPLE_FORGET, /* f = 1 - i: ONNX's input_forget */
    CLRNN_COUPLE_INPUT   /* i = 1 - f: CIFG as in TensorFlow and TFLite */
} clrnn_couple;

/* X(NAME, value, name, parameters, alpha, beta): how many parameters it takes, and their defaults.
 * Formulas: kernels/activation.cl. */
#define CLRNN_ACT_LIST(X)                                                                          \
    X(TANH, 1, "tanh", 0, 0.0f, 0.0f)                                                              \
    X(SIGMOID, 2, "sigmoid", 0, 0.0f, 0.0f)                                                        \
    X(RELU, 3, "relu", 0, 0.0f, 0.0f)                                                              \
    X(LINEAR, 4, "linear", 0, 0.0f, 0.0f)                                                          \
    X(HARD_SIGMOID, 5, "hard_sigmoid", 2, 0.2f, 0.5f) /* max(0, min(1, alpha x + beta)) */         \
    X(ELU, 6, "elu", 1, 1.0f, 0.0f)                   /* x; below 0 alpha (e^x - 1) */             \
    X(SELU, 7, "selu", 2, 1.67326319217681884765625f, 1.05070102214813232421875f)                  \
    X(SOFTSIGN, 8, "softsign", 0, 0.0f, 0.0f)                  /* x / (1 + |x|) */                 \
    X(SOFTPLUS, 9, "softplus", 0, 0.0f, 0.0f)                  /* log(1 + e^x) */                  \
    X(LEAKY_RELU, 10, "leaky_relu", 1, 0.01f, 0.0f)            /* x; below 0 alpha x */            \
    X(THRESHOLDED_RELU, 11, "thresholded_relu", 1, 1.0f, 0.0f) /* x above alpha, else 0 */         \
    X(AFFINE, 12, "affine", 2, 1.0f, 0.0f)                     /* alpha x + beta */                \
    X(SCALED_TANH, 13, "scaled_tanh", 2, 1.0f, 1.0f)           /* alpha tanh(beta x) */            \
    X(GELU, 14, "gelu", 0, 0.0f, 0.0f)                         /* x (1 + erf(x / sqrt 2)) / 2 */   \
    X(GELU_TANH, 15, "gelu_tanh", 0, 0.0f, 0.0f)               /* its approximation by tanh */     \
    X(SWISH, 16, "swish", 1, 1.0f, 0.0f)                       /* x sigmoid(alpha x) */            \
    X(EXPONENTIAL, 17, "exponential", 0, 0.0f, 0.0f)                                               \
    X(RELU6, 18, "relu6", 0, 0.0f, 0.0f)             /* max(0, min(6, x)) */                       \
    X(CELU, 19, "celu", 1, 1.0f, 0.0f)               /* x; below 0 alpha (e^(x / alpha) - 1) */    \
    X(HARD_TANH, 20, "hard_tanh", 0, 0.0f, 0.0f)     /* max(-1, min(1, x)) */                      \
    X(LOG_SIGMOID, 21, "log_sigmoid", 0, 0.0f, 0.0f) /* -log(1 + e^-x) */                          \
    X(MISH, 22, "mish", 0, 0.0f, 0.0f)               /* x tanh(softplus(x)) */

typedef enum clrnn_act {
    CLRNN_ACT_DEFAULT = 0, /* the cell's own; in the reverse direction: as forward */
#define CLRNN_ACT_ENUM(name, value, text, parameters, alpha, beta) CLRNN_ACT_##name = value,
    CLRNN_ACT_LIST(CLRNN_ACT_ENUM)
#undef CLRNN_ACT_ENUM
        CLRNN_ACT_CUSTOM = 1000 /* your own, in OpenCL C */
} clrnn_act;

CLRNN_API const char *clrnn_act_name(clrnn_act act);  /* "tanh", "default", "custom" */
CLRNN_API clrnn_act clrnn_act_find(const char *name); /* DEFAULT if there is none ("silu": SWISH) */

typedef struct clrnn_activation {
    clrnn_act kind;
    int parameters; /* how many of alpha, beta are given: 0 .. 2; the others have their defaults */
    float alpha, beta;
    /* CUSTOM: statements in OpenCL C 1.2 that change the vector `real x`, or return its new value,
     * from `float alpha, beta` (0 unless given) and the functions of kernels/activation.cl:
     * "x = x * act_sigmoid(x, 0.0f, 0.0f);" */
    const char *source;
} clrnn_activation;

enum {
    CLRNN_MAX_ACTS = 5,
    CLRNN_MAX_GATES = 4 /* of a custom cell */
};

typedef struct clrnn_layer_desc {
    clrnn_cell cell;
    clrnn_reset reset; /* gru */
    clrnn_direction direction;
    clrnn_merge merge; /* bidirectional */
    clrnn_bias bias;
    int hidden;          /* H, 1 .. 2^20 */
    int projection;      /* lstm: P < H, h = W_hr m with m = o act(c); 0: none */
    int peepholes;       /* lstm: 1: i and f see the old c, o the new one */
    clrnn_couple couple; /* lstm */
    float forget_bias;   /* lstm: added to what f's activation takes */
    float gate_clip;     /* > 0: holds what gates' activations take in +-gate_clip (ONNX's clip) */
    float cell_clip;     /* lstm: > 0: holds c in +-cell_clip (cuDNN's and TFLite's clip) */
    int zero_masked; /* 1: a masked step gives 0, not the output before (zero_output_for_mask) */
    /* [forward, reverse][slot]; slots: rnn h; lstm i, f, g, o, h (of c); gru r, z, n */
    clrnn_activation acts[2][CLRNN_MAX_ACTS];
    /* CUSTOM: gates G and arrays of state (1: h, 2: h and c), and statements in OpenCL C 1.2 that
     * change `real h` (and `real c`) from gx[G] = W_ih x + b_ih and gh[G] = W_hh h + b_hh. They run on
     * an OpenCL device alone, within the same kernels as other cells:
     *     "real f = act_sigmoid(gx[0] + gh[0], 0.0f, 0.0f);
     *      h = FMA(f, h, (R(1.0f) - f) * act_tanh(FMA(f, gh[1], gx[1]), 0.0f, 0.0f));" */
    int gates, states;
    const char *source;
} clrnn_layer_desc;

typedef struct clrnn_net_desc {
    int inputs;                     /* I, 1 .. 2^20 */
    int num_layers;                 /* L; 0: 1 */
    clrnn_layer_desc layer;         /* every layer, where `layers` is NULL */
    const clrnn_layer_desc *layers; /* [num_layers], from the input to the output; copied */
} clrnn_net_desc;

CLRNN_API const char *clrnn_cell_name(clrnn_cell cell);         /* "rnn", "lstm", "gru", "custom" */
CLRNN_API int clrnn_layer_gates(const clrnn_layer_desc *layer); /* G: 1, 4, 3, or its own */
CLRNN_API int clrnn_layer_directions(const clrnn_layer_desc *layer); /* D: 1 or 2 */
CLRNN_API int clrnn_layer_states(const clrnn_layer_desc *layer);     /* 1: h; 2: h and c */
/* Features of one direction's h: P or H. Features of the layer's output: of both, merged. */
CLRNN_API int clrnn_layer_width(const clrnn_layer_desc *layer);
CLRNN_API int clrnn_layer_outputs(const clrnn_layer_desc *layer);

/* A stack of layers: each takes the output of the one below, all steps of it. It needs no context. */
typedef struct clrnn_net clrnn_net;
/* Errors: ARGUMENT, SHAPE. */
CLRNN_API clrnn_status clrnn_net_create(clrnn_net **out, const clrnn_net_desc *desc);
CLRNN_API void clrnn_net_free(clrnn_net *net);
/* num_layers and layers are always set in it. */
CLRNN_API const clrnn_net_desc *clrnn_net_get_desc(const clrnn_net *net);
/* Names and shapes are PyTorch's, for layer k of a forward direction:
 *     weight_ih_lk [G H][features below]   weight_hh_lk [G H][P or H]   weight_hr_lk [P][H]
 *     bias_ih_lk [G H]                     bias_hh_lk [G H]
 *     weight_ci_lk, weight_cf_lk, weight_co_lk [H]: peepholes
 * with _reverse behind for a reverse direction. Gate order i,f,g,o and r,z,n. float32 or float64 in
 * host memory; copied. A bias that is never set is 0; all others must be set before the first plan.
 * Errors: ARGUMENT (no such name in this net), SHAPE. */
CLRNN_API clrnn_status clrnn_net_set_weight(clrnn_net *net, const char *name,
                                            const clrnn_tensor *value);
/* A view of the net's own float32 copy, valid until the net is changed or freed. */
CLRNN_API clrnn_status clrnn_net_get_weight(clrnn_tensor *out, const clrnn_net *net,
                                            const char *name);

/* How a plan keeps the weights that every step reads (weight_hh and weight_hr): in 16 bits they are
 * read in half the time, where that is what a step waits for. Sums and states stay float32. */
typedef enum clrnn_weights {
    CLRNN_WEIGHTS_FP32 = 0,
    CLRNN_WEIGHTS_FP16, /* 11 bits; magnitudes up to 65504, from 6e-8 on */
    CLRNN_WEIGHTS_BF16  /* 8 bits, the range of float32 */
} clrnn_weights;

CLRNN_API const char *clrnn_weights_name(clrnn_weights weights); /* "fp32", "fp16", "bf16" */
/* Rounds these weights of a net to what 16 bits hold: a plan of it gives the same bits as one of the
 * net before with clrnn_plan_desc.weights. Errors: ARGUMENT, UNSUPPORTED (too large for fp16; then
 * nothing is changed). */
CLRNN_API clrnn_status clrnn_net_round_weights(clrnn_net *net, clrnn_weights weights);

/* The names, in PyTorch's order: layer by layer, forward first. NULL past the last one. */
CLRNN_API const char *clrnn_net_weight_name(const clrnn_net *net, size_t index);

/* ---- plans ----------------------------------------------------------------------------------- */

typedef enum clrnn_projection {
    CLRNN_PROJECTION_AUTO = 0, /* CLBlast on GPUs where built in and not strict, else our own */
    CLRNN_PROJECTION_OWN,
    CLRNN_PROJECTION_CLBLAST
} clrnn_projection;

typedef struct clrnn_plan clrnn_plan;

typedef struct clrnn_plan_desc {
    const char *algorithm; /* NULL: chosen; else a name of clrnn_plan_algorithms: "step/stream" */
    int steps;             /* the most steps T of a call, 1 .. 2^30 */
    int batch;             /* the most rows N of a call, 1 .. 2^30 */
    int batch_first;       /* 1: x is [N][T][I] and y [N][T][F]; 0: [T][N][I] and [T][N][F] */
    clrnn_projection projection; /* CLBLAST, on GPUs AUTO too, takes an x in a buffer only dense */
    /* Steps of a piece: each layer works through time piece by piece, a reverse direction from the
     * end, with the same bits. 0: chosen, all at once unless memory or a CPU's caches are too small. */
    int chunk;
    /* bytes on the device at most, all but weights and states; 0: none. The least that is taken is
     * for x and y alone; other arrays, a mask or packed steps need more, or the call fails */
    uint64_t memory_limit;
    cl_mem workspace; /* your own device memory for work space, or NULL; OpenCL only; retained */
    clrnn_weights weights; /* rounded and kept in 16 bits; not by the reference engine */
} clrnn_plan_desc;

/* Net and context must outlive the plan and the net not change while it is used. Builds programs,
 * packs weights and reserves work space: a later forward allocates and builds nothing.
 * Errors: UNSUPPORTED (with the reason), BUILD, MEMORY (a memory_limit that is too small), SHAPE
 * (a workspace that is too small). */
CLRNN_API clrnn_status clrnn_plan_create(clrnn_plan **out, clrnn_context *context,
                                         const clrnn_net *net, const clrnn_plan_desc *desc);
CLRNN_API void clrnn_plan_free(clrnn_plan *plan);
/* Bytes of work space that such a plan takes (all but weights, states and copies of host arrays):
 * computed, nothing is allocated. The cpu engine puts it into whole cache lines, from 8 MiB on into
 * whole huge pages: up to 64 bytes, or 2 MiB, that no number here counts. */
CLRNN_API clrnn_status clrnn_plan_workspace_size(size_t *out, const clrnn_context *context,
                                                 const clrnn_net *net, const clrnn_plan_desc *desc);
/* What was chosen and why, "key: value" lines, and one more where a forward had to do otherwise; valid as
 * long as the plan. */
CLRNN_API const char *clrnn_plan_describe(const clrnn_plan *plan);

typedef struct clrnn_algorithm_info {
    char name[32];
    int allowed;
    char reason[192]; /* why it is refused, or what speaks for it */
} clrnn_algorithm_info;

/* Every algorithm of the context's engine, in order of preference; of AUTO also those that only the
 * cpu engine has. As clrnn_devices. */
CLRNN_API clrnn_status clrnn_plan_algorithms(size_t *count, clrnn_algorithm_info *infos,
                                             size_t capacity, const clrnn_context *context,
                                             const clrnn_net *net, const clrnn_plan_desc *desc);

/* ---- states ---------------------------------------------------------------------------------- */

/* h (and c) of every layer and direction, and for masks the last output, of `slots` streams, all 0
 * at first, kept where the context computes. Plans of either engine of an AUTO context take it: it
 * moves to the one that runs, with the same bits, and takes memory there at the first time. */
typedef struct clrnn_state clrnn_state;
CLRNN_API clrnn_status clrnn_state_create(clrnn_state **out, clrnn_context *context,
                                          const clrnn_net *net, int slots);
CLRNN_API void clrnn_state_free(clrnn_state *state);
CLRNN_API clrnn_status clrnn_state_reset(clrnn_state *state, int slot); /* -1: all slots */
/* Dense float32 host arrays of a layer: h and last outputs o [D][slots][W], c [D][slots][H]; with
 * D = 1 also without that axis. Layer -1: of all layers, [L D][slots][.], where they have one width.
 * Each may be NULL. c only for lstm. */
CLRNN_API clrnn_status clrnn_state_write(clrnn_state *state, int layer, const clrnn_tensor *h,
                                         const clrnn_tensor *c, const clrnn_tensor *o);
CLRNN_API clrnn_status clrnn_state_read(const clrnn_state *state, int layer, clrnn_tensor *h,
                                        clrnn_tensor *c, clrnn_tensor *o);

/* ---- forward --------------------------------------------------------------------------------- */

/* What one layer takes and gives; all may stay zeroed. W is P or H, F clrnn_layer_outputs. */
typedef struct clrnn_layer_arrays {
    clrnn_tensor h_0; /* [D][N][W], or [N][W] with D = 1: the state to start from */
    clrnn_tensor h_n; /* alike: the state after each row's last valid step */
    clrnn_tensor c_0; /* [D][N][H], or [N][H] with D = 1; lstm */
    clrnn_tensor c_n;
    clrnn_tensor o_0; /* as h_0: with a mask, the output before the first step */
    clrnn_tensor o_n; /* and the one at the last step */
    clrnn_tensor y;   /* all steps, [T][N][F] or [N][T][F] */
    /* Every h_t before directions are merged, [T][N][D W]; every c_t, [T][N][D H]; every gate as the
     * cell uses it, [T][N][D G H]; or batch first, as y. */
    clrnn_tensor hiddens, cells, gates;
} clrnn_layer_arrays;

/* Tensors that are not wanted stay zeroed. Each may lie in host memory or in a buffer of the
 * context (OpenCL engine only); float32 but for lengths, batch_sizes and mask. T and N are taken
 * from x. */
typedef struct clrnn_forward_args {
    clrnn_state *state;   /* start and end state; NULL: start from h_0, c_0 or 0, end in h_n, c_n */
    const int32_t *slots; /* [N] state slot of each row, all different; NULL: row n has slot n */
    clrnn_tensor x;       /* [T][N][I], or [N][T][I] if batch_first; packed: [sum][I] */
    /* Of the last layer: all steps, [T][N][F], [N][T][F] or packed [sum][F]; or, [N][F], the last
     * output of each row and direction. */
    clrnn_tensor y;
    clrnn_tensor lengths; /* [N] int32 or int64 in host memory, 0 .. T: valid steps of each row */
    clrnn_tensor mask;    /* [N][T] bool in host memory, dense; 0: the step keeps the state */
    /* [T] int32 or int64 in host memory, never rising, the first one N: x and y are packed as in
     * PyTorch's PackedSequence, all rows of a step side by side. Instead of lengths. */
    clrnn_tensor batch_sizes;
    clrnn_tensor h_0; /* [L D][N][W] where all layers have one width, or [N][W] if L D = 1 */
    clrnn_tensor c_0; /* lstm, alike: [L D][N][H] */
    clrnn_tensor h_n;
    clrnn_tensor c_n;
    clrnn_tensor hiddens, cells, gates; /* as in clrnn_layer_arrays, where L = 1 */
    const clrnn_layer_arrays *layers;   /* [L], or NULL */
} clrnn_forward_args;

/* Outputs past a row's length are 0. Its final state is the state after its last valid step, the
 * initial state where the length is 0. A row of length 0 takes no step: its last output in y is its
 * h_0, and its state (h, c and o) stays as it is.
 *
 * A step under a mask (within the length) keeps the state and gives the output of the step before,
 * 0 (or o_0) if there was none, or always 0 with zero_masked; hiddens and cells give what is kept,
 * gates 0. What x holds past a length or under a mask never matters.
 *
 * CPU devices and the cpu engine use large arrays where they lie, dense ones; what a call writes must
 * not overlap its other arrays, or results are undefined there.
 *
 * With any host tensor among x, y, states, hiddens, cells, gates the call returns when all results
 * are there; with buffers only it enqueues, returns, and *done is an event of yours to release.
 * `wait` as in OpenCL; the cpu and reference engines take neither. After TIMEOUT the device may
 * still touch the arrays of the call: keep them.
 *
 * A state that went through a reverse direction has come to its end: to use its slot again is an
 * ARGUMENT error until the slot is reset, or h (and c) of each layer with such a direction written.
 * Errors: SHAPE and ARGUMENT (nothing was enqueued), OPENCL, TIMEOUT, LOST. */
CLRNN_API clrnn_status clrnn_forward(clrnn_plan *plan, const clrnn_forward_args *args,
                                     cl_uint num_wait, const cl_event *wait, cl_event *done);

/* Times of the last forward of this plan that ran with profiling on, in microseconds; bytes. */
typedef struct clrnn_profile {
    double projection_us, recurrence_us, transfer_us, total_us;
    uint64_t launches, bytes_to_device, bytes_from_device;
    uint64_t workspace_bytes; /* as clrnn_plan_workspace_size */
    uint64_t memory_bytes;    /* held on the device at most, all but weights and states */
    uint64_t weight_bytes;
} clrnn_profile;
CLRNN_API clrnn_status clrnn_plan_profile(clrnn_profile *out, const clrnn_plan *plan);

/* ---- traces ---------------------------------------------------------------------------------- */

/* Who was busy. A device has a track only where its queue gives time stamps: of a queue of yours, if
 * it has CL_QUEUE_PROFILING_ENABLE. */
enum {
    CLRNN_TRACK_HOST = 0, /* the thread that called */
    CLRNN_TRACK_DEVICE,   /* commands as the device timed them, put on the host's clock */
    CLRNN_TRACK_SECOND,   /* alike, of a second queue: projections that run beside the recurrence */
    CLRNN_TRACK_THREADS   /* + n: thread n of the cpu engine, 0 is the caller */
};

/* layer, direction, first (step), steps, rows; launches: kernel, groups, and tasks of a thread; copies:
 * bytes; programs: kernel, cached (0: it was built). On a device's tracks: offset_ns, what was added to
 * the device's clock, and error_ns, by how much that may be wrong. It is known since the device queues
 * each command while the call that enqueues it runs. */
typedef struct clrnn_trace_arg {
    const char *key; /* static text */
    int64_t value;
    const char *text; /* static, instead of the value; or NULL */
} clrnn_trace_arg;

enum { CLRNN_TRACE_ARGS = 12 };

/* A span of time. On the host's track spans nest: forward > piece > layer > phase > launch, upload,
 * download, wait, ...; and plan > layer > program, weights, upload, launch, wait. A projection that runs
 * ahead is a piece within the one whose steps it runs beside. */
typedef struct clrnn_trace_span {
    char name[48];           /* "layer 1 reverse", "recurrence", "upload x" */
    const char *category;    /* "forward", "piece", ...: static text */
    int track;               /* CLRNN_TRACK_... */
    double start_us, end_us; /* since clrnn_trace_create, on the host's monotonic clock */
    clrnn_trace_arg args[CLRNN_TRACE_ARGS]; /* its own and of the spans round it */
    int num_args;
} clrnn_trace_span;

/* Give it to a context (clrnn_context_desc.trace), which it must outlive. It grows with every call. With
 * `profile` each phase is waited for, and the gaps of that are seen too. */
CLRNN_API clrnn_status clrnn_trace_create(clrnn_trace **out);
CLRNN_API void clrnn_trace_free(clrnn_trace *trace);
CLRNN_API size_t clrnn_trace_count(const clrnn_trace *trace);
/* A span comes before those within it. Valid until the context is used again; NULL past the last. */
CLRNN_API const clrnn_trace_span *clrnn_trace_at(const clrnn_trace *trace, size_t i);
/* Writes Chrome's trace events as JSON, for chrome://tracing and Perfetto, whole or not at all; "-" is
 * standard output. Errors: IO, MEMORY (for some spans there was none). */
CLRNN_API clrnn_status clrnn_trace_save(const clrnn_trace *trace, const char *path);

/* ---- judge ----------------------------------------------------------------------------------- */

/* How a result compares with the equations. Each step is computed again in double precision from
 * the result's own h (and c) of the step before; its difference is the residual, and the bound is
 * what rounding can do to one step in float32, computed from the data. */
typedef struct clrnn_judgement {
    int64_t checked; /* values held against a bound */
    int64_t bad;     /* values whose residual is over its bound, or is NaN where it must not be */
    double ratio;    /* the largest residual / bound; fine when <= 1 */
    double residual; /* the residual and the bound at the worst value */
    double bound;
    int64_t step, row, unit; /* where that is */
    int layer, direction;
    char what[16];  /* "y", "h", "c", "gates", "h_n", "c_n", "o_n", "padding", "masked" */
    double max_abs; /* against the fp64 trajectory; informative: a chaotic net may differ */
    double max_ulp;
} clrnn_judgement;

/* args as of clrnn_forward with host tensors. x, lengths, mask, batch_sizes and the start states are
 * read; y (all steps), layers[].y, hiddens, cells, gates, h_n, c_n and o_n are judged where given; of
 * gates the judgement's unit is g H + unit. The state of the step before is taken from hiddens, or
 * from a y that is h (one direction or concat); where a layer has neither, it is carried along in
 * double precision with the bound of float32 on its way, which grows with the steps. So is an lstm's
 * c without cells. A layer below the last whose y is not given is carried so too. state and slots
 * must be NULL.
 * Errors: ARGUMENT, SHAPE, UNSUPPORTED (custom cells and activations; a y of last outputs: give it
 * as h_n). */
CLRNN_API clrnn_status clrnn_judge(clrnn_judgement *out, const clrnn_net *net, int batch_first,
                                   const clrnn_forward_args *args);

/* ---- arrays: .npy and .npz ------------------------------------------------------------------- */

/* An ordered set of named arrays in host memory, always dense, C order and native byte order. */
typedef struct clrnn_arrays clrnn_arrays;
CLRNN_API clrnn_status clrnn_arrays_create(clrnn_arrays **out);
/* Reads .npy (one array, name "") or .npz, told apart by content; "-" is standard input.
 * Errors: IO (cannot be read), FORMAT (what is wrong with it), MEMORY. */
CLRNN_API clrnn_status clrnn_arrays_load(clrnn_arrays **out, const char *path);
/* Writes whole or not at all. A path ending in .npz or .safetensors: every array; otherwise .npy of the
 * first one.
 * "-" is standard output. */
CLRNN_API clrnn_status clrnn_arrays_save(const clrnn_arrays *arrays, const char *path);
CLRNN_API void clrnn_arrays_free(clrnn_arrays *arrays);
CLRNN_API size_t clrnn_arrays_count(const clrnn_arrays *arrays);
CLRNN_API const char *clrnn_arrays_name(const clrnn_arrays *arrays, size_t i);
/* Views valid as long as the set. NULL if there is no such array. */
CLRNN_API const clrnn_tensor *clrnn_arrays_at(const clrnn_arrays *arrays, size_t i);
CLRNN_API const clrnn_tensor *clrnn_arrays_find(const clrnn_arrays *arrays, const char *name);
/* Adds an array of zeros and gives its view to fill. Errors: ARGUMENT (name taken), MEMORY. */
CLRNN_API clrnn_status clrnn_arrays_add(clrnn_tensor *out, clrnn_arrays *arrays, const char *name,
                                        clrnn_dtype dtype, int rank, const int64_t *shape);
/* Adds a dense copy of `source` (host memory) converted to dtype. */
CLRNN_API clrnn_status clrnn_arrays_convert(clrnn_tensor *out, clrnn_arrays *arrays,
                                            const char *name, clrnn_dtype dtype,
                                            const clrnn_tensor *source);

/* ---- models ---------------------------------------------------------------------------------- */

/* What a file holds, told apart by content:
 *     .npz with `Wx Wh b`: the NumPy lesson, one tanh layer
 *     .npz or .safetensors with PyTorch's names under any one prefix: layers and directions from the
 *     names, and linear layers behind them
 *     either with a config (README, "The config"), which says everything
 *     .keras, and .h5 as Keras 2 and 3 write it: a chain of layers
 *     .onnx: a graph
 * The first three may be a net and no more (clrnn_model_net); a session runs all of them. */
typedef struct clrnn_model clrnn_model;

/* How x and y lie. */
typedef enum clrnn_layout {
    CLRNN_LAYOUT_DEFAULT = 0, /* as the file says; [T][N][.] where it says nothing */
    CLRNN_LAYOUT_TIME_FIRST,  /* [T][N][.] */
    CLRNN_LAYOUT_BATCH_FIRST  /* [N][T][.] */
} clrnn_layout;

/* Text of OpenCL C that a config's custom cell or activation asks for by name: a file never brings
 * code of its own. */
typedef struct clrnn_snippet {
    const char *name, *source;
} clrnn_snippet;

typedef struct clrnn_model_options {
    clrnn_act
        nonlinearity; /* TANH or RELU, of rnn layers to which the file gives none; else DEFAULT */
    size_t num_snippets;
    const clrnn_snippet *snippets;
    clrnn_layout layout; /* of files with PyTorch's names, with Wx Wh b, and with a config */
} clrnn_model_options;

/* options may be NULL. Errors: IO, FORMAT, MEMORY, ARGUMENT (options that the file has no use for). */
CLRNN_API clrnn_status clrnn_model_load(clrnn_model **out, const char *path,
                                        const clrnn_model_options *options);
/* A model of a net's weights, to be saved: a config and PyTorch's names. */
CLRNN_API clrnn_status clrnn_model_create(clrnn_model **out, const clrnn_net *net, int batch_first);
typedef struct clrnn_save_options {
    int merge_bias; /* 1: two biases may become one where the format has one: a rounding */
} clrnn_save_options;

/* Writes the model in the format of the path's suffix: .npz, .safetensors, .keras or .onnx. Files with
 * a config keep it. options may be NULL. Errors: FORMAT (what that format cannot say, by name), IO,
 * UNSUPPORTED (a format that this build is without). */
CLRNN_API clrnn_status clrnn_model_save(const clrnn_model *model, const char *path,
                                        const clrnn_save_options *options);
/* Do both hold the same layers with the same weights, bit for bit? FORMAT says what differs. merged: two
 * biases and their sum are the same. */
CLRNN_API clrnn_status clrnn_model_compare(const clrnn_model *a, const clrnn_model *b, int merged);
CLRNN_API void clrnn_model_free(clrnn_model *model);
/* The net of a model that is a net and no more; NULL of any other. */
CLRNN_API const clrnn_net *clrnn_model_net(const clrnn_model *model);
/* What the file says of x and y. */
typedef struct clrnn_model_info {
    char format[32]; /* "lesson", "torch", "config", "keras", "onnx" */
    int has_layout;  /* the file says batch_first; else it is the caller's to choose */
    int batch_first;
    int last_only; /* y is the last output, [N][F] */
} clrnn_model_info;
CLRNN_API clrnn_model_info clrnn_model_get_info(const clrnn_model *model);

typedef struct clrnn_layer_info {
    char name
        [128]; /* "rnn", from the names' prefix, from the config, or the type in small letters */
    char type[32];  /* "RNN", "LSTM", "GRU", "Custom"; "Bidirectional LSTM"; a file's own word */
    int outputs;    /* features of its output; 0: unknown */
    int64_t params; /* parameters stored in the file */
    int64_t trainable;
    int rank;                      /* of its output; -1: unknown */
    int64_t shape[CLRNN_MAX_RANK]; /* -1: any */
} clrnn_layer_info;
CLRNN_API size_t clrnn_model_layer_count(const clrnn_model *model);
CLRNN_API clrnn_status clrnn_model_layer(clrnn_layer_info *out, const clrnn_model *model,
                                         size_t layer);

/* What goes in and what comes out, by name. */
typedef struct clrnn_port_info {
    char name[128];
    clrnn_dtype dtype;
    int rank;                      /* -1: unknown */
    int64_t shape[CLRNN_MAX_RANK]; /* -1: any */
    int optional;                  /* input: may be left out */
    int is_state;                  /* a state to start from, or one to go on with */
} clrnn_port_info;
CLRNN_API size_t clrnn_model_input_count(const clrnn_model *model);
CLRNN_API size_t clrnn_model_output_count(const clrnn_model *model);
CLRNN_API clrnn_status clrnn_model_input(clrnn_port_info *out, const clrnn_model *model, size_t i);
CLRNN_API clrnn_status clrnn_model_output(clrnn_port_info *out, const clrnn_model *model, size_t i);

/* ---- sessions -------------------------------------------------------------------------------- */

/* A model on a context. Its recurrent and dense layers run there, each by a plan that is made when
 * sizes are first seen, or are larger than before; what stands between them runs on the host. A run
 * with the sizes of the one before it builds nothing and allocates nothing. */
typedef struct clrnn_session clrnn_session;

typedef struct clrnn_session_desc {
    const char *algorithm;       /* as in clrnn_plan_desc, of recurrent layers */
    clrnn_projection projection; /* of all plans */
    int chunk;
    uint64_t memory_limit; /* of each plan */
    clrnn_weights weights;
    int states; /* 1: states to go on with are outputs, too; 0: they are not brought from the device */
    int judge; /* 1: each layer that runs on the context is judged (clrnn_session_judgement) */
    /* Not 0, not with judge: the seed of signs by which each float32 weight of a layer moves by two units
     * in the last place or not at all, and each float32 value that goes into arithmetic by one; inputs,
     * masks and comparisons see values as they are. How far outputs move says what rounding can do to
     * them: it is what `clrnn check --expect` measures. */
    uint64_t moved;
} clrnn_session_desc;

/* Context and model must outlive the session. desc may be NULL. Errors: MEMORY, ARGUMENT (judge and moved). */
CLRNN_API clrnn_status clrnn_session_create(clrnn_session **out, clrnn_context *context,
                                            const clrnn_model *model,
                                            const clrnn_session_desc *desc);
CLRNN_API void clrnn_session_free(clrnn_session *session);

typedef struct clrnn_binding {
    const char *name;   /* of an input; NULL: the one that must be there */
    clrnn_tensor value; /* dense host memory, of the input's dtype */
} clrnn_binding;

/* Runs the model. Where its first input is a batch of sequences, one sequence without the batch's axis
 * is taken, too, and the outputs are without it. Errors: ARGUMENT (an input that is missing, unknown or
 * given twice), SHAPE, those of plans and forwards. */
CLRNN_API clrnn_status clrnn_session_run(clrnn_session *session, size_t num_inputs,
                                         const clrnn_binding *inputs);
/* Of the last run: how many roundings of float32 a value may have met on its way to an output, each some
 * 2^-24 of what it rounds: the products of each layer's longest sum, its activations, its steps. */
CLRNN_API double clrnn_session_roundings(const clrnn_session *session);
/* Of the last run, valid until the next one; by the index of clrnn_model_output. NULL: before the
 * first run, or there is none (a state that was not asked for). */
CLRNN_API const clrnn_tensor *clrnn_session_output(const clrnn_session *session, size_t i);

/* The layers that ran on the context: their names, what their plans chose (clrnn_plan_describe), times
 * and judgements of the last run. NULL or ARGUMENT past the last one. */
CLRNN_API size_t clrnn_session_layer_count(const clrnn_session *session);
CLRNN_API const char *clrnn_session_layer_name(const clrnn_session *session, size_t i);
CLRNN_API const char *clrnn_session_describe(const clrnn_session *session, size_t i);
/* What its layer could run in the last plan's sizes. As clrnn_plan_algorithms; of a layer that never ran
 * ARGUMENT. */
CLRNN_API clrnn_status clrnn_session_algorithms(size_t *count, clrnn_algorithm_info *infos,
                                                size_t capacity, const clrnn_session *session,
                                                size_t i);
CLRNN_API clrnn_status clrnn_session_profile(clrnn_profile *out, const clrnn_session *session,
                                             size_t i);
CLRNN_API clrnn_status clrnn_session_judgement(clrnn_judgement *out, const clrnn_session *session,
                                               size_t i);

#ifdef __cplusplus
}
#endif

#endif /* CLRNN_H */
