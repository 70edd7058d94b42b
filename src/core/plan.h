/* plan.h: a plan: a net, a config for each of its strands, and the engine's half. */
#ifndef CLRNN_CORE_PLAN_H
#define CLRNN_CORE_PLAN_H

#include "core/engine.h"

/* Steps, rows and slots at most: their sums with one another stay far from 2^31. */
enum { PLAN_MAX_EXTENT = 1 << 30 };

/* What a state holds of a strand: each [slots][width or hidden], floats from its start. */
struct state_strand {
    int width, hidden, states;
    int64_t h, c, o;
};

/* A state lies in its context's engine, or in the sibling's: two halves, the second made when a plan
 * there first takes the state. One of them is current. */
enum { STATE_OWN, STATE_SIBLING, STATE_HALVES };

struct clrnn_state {
    clrnn_context *context;
    void *halves[STATE_HALVES]; /* engines' states; NULL: not made yet */
    int home;                   /* the current one */
    float *moved;               /* what moves from one to the other; NULL: nothing did yet */
    int slots, strand_count;
    struct state_strand *strands;
    int *layers;     /* [L + 1] the first strand of each layer */
    int layer_count; /* L */
    int64_t floats;
    uint64_t calls;   /* that used it */
    uint64_t *stamps; /* [slots] the last call that took the slot: finds slots taken twice */
    /* [strands][slots] SPENT_...: what a reverse direction left there; NULL: the net has none */
    unsigned char *spent;
};
enum { SPENT_H = 1, SPENT_C = 2 };

/* How a plan goes through time and how much memory that takes. */
struct plan_memory {
    int chunk;    /* steps of a piece */
    int by_piece; /* every piece goes through all layers before the next one */
    int all_forward;
    struct engine_space space;
    size_t tables;     /* bytes beside it, whatever a call brings */
    size_t flag_bytes; /* of the strand that needs most; strands run one after the other */
};

struct clrnn_plan {
    clrnn_context *context; /* where it runs: the caller's, or its sibling */
    const clrnn_net *net;
    clrnn_plan_desc desc;
    struct algo_config *configs; /* [S] */
    struct plan_memory memory;
    void *engine_plan;
    struct row *rows;      /* [batch] of the last call */
    struct row *next_rows; /* of this call, before it is compared */
    struct row *spare_rows;
    int last_batch; /* rows of the last call, 0 before the first */
    wide *starts;   /* [steps + 1], from the first packed call on */
    /* scratch of a call, so that a forward allocates nothing */
    clrnn_layer_arrays *given;     /* [L] the caller's arrays, by layer */
    struct engine_layer *layers;   /* [L] */
    struct engine_strand *strands; /* [S] */
    struct engine_move *moves;     /* [6 S] loads, then stores */
    clrnn_state *scratch;          /* for calls without a state of their own */
    uint64_t net_version;
    char chosen[256];       /* the engine, where the context has two, and why; or empty */
    char *text;             /* clrnn_plan_describe */
    char said[ENGINE_SAID]; /* of the engine, when it was made; or empty */
    const char *note;       /* of the engine, on a forward; NULL: none */
    int has_note;           /* the text has it */
};

/* Zeroed state of `slots` streams. */
clrnn_status state_create(clrnn_state **out, clrnn_context *context, const clrnn_net *net,
                          int slots);

/* The engine's state for a plan of `context`, the state's own or its sibling: what the other half
 * holds is moved over first. */
clrnn_status state_bring(void **out, clrnn_state *state, const clrnn_context *context);

/* The problem that a strand and a desc pose; chunk as in struct problem. */
struct problem plan_problem(const struct strand *strand, const clrnn_plan_desc *desc, int chunk);

clrnn_status plan_check_desc(const clrnn_context *context, const clrnn_net *net,
                             const clrnn_plan_desc *desc);

/* Configs of all strands by one algorithm, and the memory; `configs` has room for all. `only`: the
 * problem of a net of one strand that is not what net and desc say (backward recurrences), or
 * NULL. Errors: UNSUPPORTED, MEMORY. */
clrnn_status plan_configure(struct algo_config *configs, struct plan_memory *memory,
                            const clrnn_context *context, const clrnn_net *net,
                            const clrnn_plan_desc *desc, const struct problem *only);

/* The algorithms that a plan without a name chooses from: the first that takes the net, and those with
 * its tile. 0: none, with the reason. */
enum { PLAN_CANDIDATES = 4 };
int plan_candidates(const char *names[PLAN_CANDIDATES], char *reason, size_t size,
                    const clrnn_context *context, const clrnn_net *net, const clrnn_plan_desc *desc,
                    const struct problem *only);

/* Of a context with a sibling: which of the two such a plan takes, and why. Else the context. */
struct plan_choice {
    int is_sibling;
    char why[256]; /* empty: there was no choice */
};
clrnn_status plan_choose(struct plan_choice *out, const clrnn_context *context,
                         const clrnn_net *net, const clrnn_plan_desc *desc);

/* What a pair does with the whole net: see clrnn_plan_algorithms. */
clrnn_status plan_explain(clrnn_algorithm_info *out, size_t index, const clrnn_context *context,
                          const clrnn_net *net, const clrnn_plan_desc *desc);

/* Microseconds of a call of the largest size, by the estimates, in pieces of `chunk` steps. beside: x_proj is
 * there twice. */
double plan_estimate(const clrnn_context *context, const clrnn_net *net,
                     const clrnn_plan_desc *desc, const struct algo_config *configs, size_t chunk,
                     int beside);

/* plan_memory.c: chooses chunk and layout. configs: of all strands, for whole sequences. */
clrnn_status plan_memory_lay_out(struct plan_memory *out, const clrnn_context *context,
                                 const clrnn_net *net, const clrnn_plan_desc *desc,
                                 const struct algo_config *configs);

/* A call may ask for more arrays than x and y: shortens its pieces so that the copies of all of them
 * stay within the limit, and each within what the device gives at once. */
void plan_memory_fit(const clrnn_plan *plan, struct engine_call *call);

/* The engine's note becomes a line of the description, once; it has PLAN_NOTE letters at most. */
enum { PLAN_NOTE = 120 };
void plan_note(clrnn_plan *plan);
/* As clrnn_plan_create; `only` as in plan_configure: such a plan runs in `context` itself. */
clrnn_status plan_create(clrnn_plan **out, clrnn_context *context, const clrnn_net *net,
                         const clrnn_plan_desc *desc, const struct problem *only);

/* A plan without projection: x_proj is a dense host array [T][N][words][H]. */
clrnn_status plan_forward_projected(clrnn_plan *plan, const clrnn_tensor *x_proj,
                                    const clrnn_forward_args *args);

#endif
