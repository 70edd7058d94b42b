/*
 * steps.h: a graph that is one chain of layers, as a list of them: what formats of layers are written
 * from and read into.
 *
 * x goes through the steps one after the other. A mask begins at masking, at an embedding with mask_zero
 * or at the caller's, and goes on to each recurrent step up to the first one without sequences.
 */
#ifndef CLRNN_IO_STEPS_H
#define CLRNN_IO_STEPS_H

#include "graph/graph.h"

enum step_kind {
    STEP_MASKING,
    STEP_EMBEDDING,
    STEP_RECURRENT,
    STEP_DENSE,
    STEP_ACTIVATION,
    STEP_SOFTMAX,
    STEP_LOG_SOFTMAX,
    STEP_KINDS
};

const char *step_kind_name(enum step_kind kind); /* "masking" */

struct step {
    enum step_kind kind;
    const char *name, *type; /* of its layer: "dense_1", "Dense"; never NULL */
    int is_own_layer;        /* 0: it belongs to the layer of the step before */
    clrnn_net *net;          /* RECURRENT, DENSE */
    int last_only;           /* RECURRENT: gives the last output of each row */
    int flip;                /* RECURRENT, in reverse, all steps: in the order of processing */
    int is_masked;           /* RECURRENT: a mask may reach it */
    int zero_masked;         /* RECURRENT, from a graph: its last layer gives 0 at masked steps */
    clrnn_net
        *second; /* RECURRENT: runs over the same x; NULL: none. `merge` joins what they give */
    int second_flip;
    clrnn_merge merge;
    int is_apart;         /* RECURRENT: what both directions give stays two outputs of the model */
    clrnn_tensor table;   /* EMBEDDING: float32 [V][E] */
    int mask_zero;        /* EMBEDDING */
    float value;          /* MASKING */
    clrnn_activation act; /* ACTIVATION */
    int64_t axis;         /* SOFTMAX, LOG_SOFTMAX */
    int rank;             /* of what it gives */
    int64_t features;
};

struct steps {
    struct step *steps;
    int count;
    const char *input; /* what x is called */
    int64_t length;    /* T where it is known, else -1 */
    int64_t inputs;    /* features of x; 0: x is integers, for an embedding */
    int batch_first;
    int takes_lengths; /* there is an input for them where no step makes a mask */
};

/* What listings call a step where nobody says: "Dense", "Bidirectional LSTM". */
const char *step_class(const struct step *step);

/* The steps of a graph, which they point into. FORMAT names what is no part of such a chain. */
clrnn_status steps_of_graph(struct steps *out, const struct graph *graph);
void steps_free(struct steps *steps);

/* A graph of the steps: layers, ports, masks and states. Takes over the nets, and copies everything else,
 * when it succeeds. Inputs: `input`; `mask`, and `lengths` where they are taken; h_0 (c_0, o_0)
 * of one recurrent step, h_0, h_1 ... of several. Outputs: output, h_n (c_n, o_n), or as the inputs.
 * rank and features of the steps are set on the way; FORMAT where they do not fit together. */
clrnn_status steps_to_graph(struct graph **out, struct steps *steps, const char *label);

#endif
