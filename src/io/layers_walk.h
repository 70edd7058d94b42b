/*
 * layers_walk.h: inside layers_of: the nodes from a graph's output back to its input, and what the
 * axes between them mean.
 */
#ifndef CLRNN_IO_LAYERS_WALK_H
#define CLRNN_IO_LAYERS_WALK_H

#include "io/layers_of.h"

/* A mask [N][T] by the value that it is in the graph, and what it is computed from. */
struct layer_mask {
    const struct graph_node *maker; /* compares x; NULL: there is no mask */
    int value;                      /* of 0 and 1 */
    int x;                          /* [N][T][I], or ids [N][T] */
    int is_ids;
    float masked; /* a step is, where all of x is this */
};

/* A node of the way: a step, or one that only moves axes. */
struct layer_link {
    int is_layout;
    struct layer_step step; /* kind, node, net, reverse, merge, last_only */
};

struct layer_walk {
    const struct graph *graph;
    /* Of each value: the node that gives it, or -1; what it is without the optional inputs of the
     * graph: itself, what is left of it, or -1; 1: nothing but zeros, whatever its shape. */
    int *producers, *given;
    unsigned char *zero;
    struct layer_link *links;
    int count, room;
    struct layer_mask mask;            /* whose maker the walk has not come to yet */
    const struct graph_node *repeated; /* the net whose last output stands at masked steps */
    const struct graph_port *input, *output;
};

/* Links from the input to the output. Errors: FORMAT (what does not fit), MEMORY. */
clrnn_status layer_walk_back(struct layer_walk *walk, const struct graph *graph);
void layer_walk_free(struct layer_walk *walk);

/* The node that gives a value, or NULL. Values may be -1. */
const struct graph_node *layer_walk_producer(const struct layer_walk *walk, int value);
int layer_walk_given(const struct layer_walk *walk, int value);
int layer_walk_is_zero(const struct layer_walk *walk, int value);

/* ---- layers_mask.c --------------------------------------------------------------------------- */

/* The mask that lengths are computed from. */
struct layer_mask layer_mask_of_lengths(const struct layer_walk *walk, int lengths);
/* The mask of a Where that gives 0 at masked steps of its x. */
struct layer_mask layer_mask_of_where(const struct layer_walk *walk, const struct graph_node *node);
/* The net whose last output a Where gives beyond the lengths; NULL: it does something else. */
const struct graph_node *layer_repeated(const struct layer_walk *walk,
                                        const struct graph_node *node);

/* The node that gives a value as its first output, if it is of this op; else NULL. */
const struct graph_node *layer_walk_made_by(const struct layer_walk *walk, int value,
                                            enum graph_op op);

/* ---- layers_axes.c --------------------------------------------------------------------------- */

/* Axes of a value: 'a' and 'b' the first two of x, 'F' features, 'D' directions, '1' of extent 1. */
struct layer_axes {
    int rank;
    char is[CLRNN_MAX_RANK];
    int features; /* of all directions; 0: not known */
    int halves;   /* 1: the features are those of two directions, one behind the other */
};

/* What a node that only moves axes makes of them. */
clrnn_status layer_axes_move(struct layer_axes *axes, const struct graph *graph,
                             const struct graph_node *node);

#endif
