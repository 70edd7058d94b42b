/*
 * layers_walk.h: inside layers_of: the nodes from a graph's output back to its input, and what the
 * axes between them mean.
 */
#ifndef CLRNN_IO_LAYERS_WALK_H
#define CLRNN_IO_LAYERS_WALK_H

#include "io/layers_of.h"

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
    const struct graph_port *input, *output;
};

/* Links from the input to the output. Errors: FORMAT (what does not fit), MEMORY. */
clrnn_status layer_walk_back(struct layer_walk *walk, const struct graph *graph);
void layer_walk_free(struct layer_walk *walk);

int layer_walk_given(const struct layer_walk *walk, int value); /* value may be -1 */
int layer_walk_is_zero(const struct layer_walk *walk, int value);

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
