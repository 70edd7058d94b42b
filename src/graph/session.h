/*
 * session.h: a graph on a context: values by number, plans of the nodes that run there.
 *
 * A node runs when its turn comes; a value that nobody gave (an optional input) is absent, and so is
 * what only it leads to. Arrays and plans stay from run to run and grow where they must.
 */
#ifndef CLRNN_GRAPH_SESSION_H
#define CLRNN_GRAPH_SESSION_H

#include "core/engine.h"
#include "graph/graph_op.h"

/* What the judge asks for of a layer beside the outputs. */
struct session_judged {
    clrnn_layer_arrays *layers; /* [L] */
    struct graph_array *arrays; /* [L][SESSION_JUDGED] */
};
enum { SESSION_Y, SESSION_HIDDENS, SESSION_CELLS, SESSION_O_N, SESSION_H_N, SESSION_JUDGED };

/* A node with a net. */
struct session_layer {
    const struct graph_node *node;
    clrnn_net *moved; /* the node's net with moved weights (owned); NULL: it runs as it is */
    clrnn_plan *plan; /* NULL: never ran */
    int steps, batch; /* that the plan takes at most */
    int has_run;      /* in the last run */
    struct session_judged judged;
    clrnn_judgement judgement;
};

/* An embedding on the device. */
struct session_gather {
    void *table, *ids;        /* the engine's, as of states; NULL: none yet */
    int64_t room;             /* of ids */
    struct graph_array whole; /* ids of another dtype as int32 */
};

struct session_value {
    const clrnn_tensor *tensor; /* NULL: absent, or not computed yet, or on the device alone */
    struct graph_array array;   /* of computed values; of inputs the caller's view */
    int is_wanted;              /* a node or an output takes it */
    int may_stay;               /* only layers take it: on a device it need not leave that */
    clrnn_tensor there;         /* in the device's memory; buffer NULL: it is not */
    void *memory;               /* the engine's, as of a state; NULL: none yet */
    int64_t floats;             /* of memory */
};

struct clrnn_session {
    clrnn_context *context;
    const struct graph *graph;
    clrnn_session_desc desc;
    char algorithm[64];
    struct session_value *values; /* [value_count] */
    struct session_layer *layers; /* [layer_count] the nodes with a net, in their order */
    int layer_count;
    int *layer_of;                  /* [node_count] in layers; -1: has no net */
    struct session_gather *gathers; /* [node_count] of embeddings */
    clrnn_tensor *outputs;          /* [output_count] views; data NULL: absent */
    /* scratch of a node */
    const clrnn_tensor **inputs;
    struct graph_array **targets;
    struct graph_array *moves; /* [move_count] of its inputs */
    int move_count;
    double roundings; /* of the last run */
};

clrnn_status session_create(clrnn_session **out, clrnn_context *context, const struct graph *graph,
                            const clrnn_session_desc *desc);

/* 1: a NET or a DENSE. */
int session_has_net(const struct graph_node *node);
/* Runs such a node. */
clrnn_status session_run_layer(clrnn_session *session, struct session_layer *layer);
void session_layer_free(struct session_layer *layer);

/* session_gather.c: 1: what the embedding gives can be made on the device, and stay there. */
int session_may_gather(const clrnn_session *session, const struct graph_node *node);
/* Its rows; the op itself has looked at the ids, and made the mask. */
clrnn_status session_gather(clrnn_session *session, struct session_gather *gather,
                            const struct graph_node *node, const clrnn_tensor *ids);
void session_gather_free(clrnn_session *session, struct session_gather *gather);

/* session_move.c, for desc.moved. A net with its weights moved. */
clrnn_status session_move_net(clrnn_net **out, const clrnn_net *net, uint64_t seed);
/* What a node takes as input `slot`: where it computes with floats, a moved copy instead, valid until the
 * next node. */
clrnn_status session_move(const clrnn_tensor **value, clrnn_session *session,
                          const struct graph_node *node, int slot);

/* Counts the roundings of a node that ran. */
void session_count_roundings(clrnn_session *session, const struct graph_node *node, int steps);

/* The value of a node's input or output; NULL: the node has none there. */
struct session_value *session_input(const clrnn_session *session, const struct graph_node *node,
                                    int slot);
struct session_value *session_output(const clrnn_session *session, const struct graph_node *node,
                                     int slot);

/* session_value.c: a value is a host array, or lies in the device's memory, or is absent. */
/* Its dtype and shape wherever it lies; NULL: it is absent. */
const clrnn_tensor *session_shape(const struct session_value *value);
/* The host array, brought from the device where it must be; *out NULL: absent. value may be NULL. */
clrnn_status session_fetch(const clrnn_tensor **out, clrnn_session *session,
                           struct session_value *value);
/* A place for what a plan of `context` computes: in the device's memory where the value may stay there. */
clrnn_status session_make(clrnn_tensor *out, clrnn_session *session, struct session_value *value,
                          const clrnn_context *context, int rank, const int64_t *shape);
void session_value_free(clrnn_session *session, struct session_value *value);

#endif
