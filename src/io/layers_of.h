/*
 * layers_of.h: a graph as what most formats can say: one chain of layers.
 *
 * The graph is followed from its output back to its input, through what each node takes its data from.
 * Whatever does not stand on that way (states that are given out, optional inputs) does not matter
 * here. What a layer is made of in a graph becomes one step: a backward net and the FLIP behind it, or
 * two nets and what joins them. ONNX has lengths and no masks: lengths that are computed from a mask, as
 * onnx_write.c does, are that mask.
 */
#ifndef CLRNN_IO_LAYERS_OF_H
#define CLRNN_IO_LAYERS_OF_H

#include "graph/graph.h"

enum layer_kind {
    LAYER_EMBEDDING,
    LAYER_MASKING,
    LAYER_RECURRENT,
    LAYER_DENSE,
    LAYER_ACTIVATION,
    LAYER_SOFTMAX,
    LAYER_LOG_SOFTMAX,
    LAYER_FLIP /* along time */
};

enum layer_axis { LAYER_AXIS_FEATURES, LAYER_AXIS_TIME, LAYER_AXIS_BATCH };

struct layer_step {
    enum layer_kind kind;
    const struct graph_node *node;
    const char *name; /* of the graph's layer, or of its node; may be NULL */
    int rank;         /* of what it takes: 3, or 2 after a layer that gives its last output */
    int features;     /* of what it takes; of an embedding: 0 */
    /* RECURRENT: a stack of layers, each in one direction or in both, or the two halves of one
     * bidirectional layer: net forward, reverse behind. */
    const clrnn_net *net, *reverse;
    clrnn_merge merge; /* of the halves */
    int last_only;
    int from_end;    /* it is the end state h_n, [D][N][H] in the graph */
    int64_t turned;  /* FLIP: the axis, as the node has it */
    int mask;        /* the step whose mask it heeds; -1: none */
    int marks;       /* EMBEDDING, MASKING: the value that is its mask; -1: none */
    float masked;    /* MASKING: the value of masked steps */
    int lengths_of;  /* RECURRENT: the value of the mask that it heeds as lengths; -1: none */
    int is_repeated; /* RECURRENT: its last output stands at masked steps */
    int zero_masked; /* RECURRENT, the last layer: 0 stands there */
    const clrnn_tensor *table; /* EMBEDDING: [V][E]; DENSE: net, of one layer */
    enum layer_axis axis;      /* SOFTMAX, LOG_SOFTMAX */
};

struct layer_chain {
    struct layer_step *steps;
    int count;
    const struct graph_port *input;
    const char *output; /* the port's name */
    int rank, features; /* of x; of ids: 2, 0 */
    int batch_first;    /* x is [N][T]... */
    int out_rank, out_features, out_batch_first;
};

/* Errors: FORMAT, with the node that does not fit; MEMORY. The chain points into the graph. */
clrnn_status layers_of(struct layer_chain *out, const struct graph *graph);
void layers_free(struct layer_chain *chain);

/* "layer 'lstm_1'", for messages; returns text. */
enum { LAYER_LABEL = 96 };
const char *layer_label(char text[LAYER_LABEL], const struct layer_step *step);

/* Features of what a recurrent step gives. */
int layer_outputs(const struct layer_step *step);

/* Does anything but layers with this mask look at what step `at` gives at masked steps? */
int layer_is_seen(const struct layer_chain *chain, int at, int mask);
/* Whether layer `index` of a recurrent step gives 0 at masked steps. */
int layer_zero_masked(const struct layer_step *step, int index);

#endif
