/*
 * net.h: a stack of layers and its weights, in host memory, in PyTorch's layout.
 *
 * The unit is the strand: one direction of one layer, which one recurrence runs. Strands stand in
 * PyTorch's order: layer 0 forward, layer 0 reverse, layer 1 forward, ...
 */
#ifndef CLRNN_CORE_NET_H
#define CLRNN_CORE_NET_H

#include "core/status.h"

/* Largest I and H: their products still fit 64-bit sizes with room to spare. */
enum { NET_MAX_FEATURES = 1 << 20, NET_MAX_LAYERS = 1024 };

/* The weights of a strand, in PyTorch's order. */
enum weight_role {
    WEIGHT_IH, /* [G H][I] */
    WEIGHT_HH, /* [G H][W] */
    BIAS_IH,   /* [G H] */
    BIAS_HH,   /* [G H] */
    WEIGHT_HR, /* [P][H] */
    WEIGHT_CI, /* [H] peepholes: of the old c into i and f, of the new one into o */
    WEIGHT_CF,
    WEIGHT_CO,
    WEIGHT_ROLES
};

struct strand {
    const clrnn_layer_desc *desc; /* the net's own copy */
    int layer;
    int direction; /* 0: the layer's first; 1: the second one of a bidirectional layer */
    int reverse;   /* runs from the last valid step to the first */
    int inputs;    /* I: features of the layer below */
    int hidden;    /* H */
    int width;     /* W: features of h: H, or P with a projection */
    int gates;     /* G */
    int states;    /* 1: h; 2: h and c */
    int act_count; /* slots: rnn 1, lstm 5, gru 3, custom 0 */
    clrnn_activation acts[CLRNN_MAX_ACTS]; /* no DEFAULT; alpha and beta are set */
    float *weights[WEIGHT_ROLES];          /* NULL: the layer has none such */
    int given[WEIGHT_ROLES];               /* was set */
};

struct clrnn_net {
    clrnn_net_desc desc; /* layers: own copy; sources too */
    int strand_count;    /* S */
    struct strand *strands;
    uint64_t id;      /* unique in the process; with version it names a packed copy */
    uint64_t version; /* grows with every change of a weight */
};

/* A net of one dense layer: weight [F][I], bias [F] or NULL; act NULL: none. Errors: those of creating a net
 * and of its weights. */
clrnn_status net_make_dense(clrnn_net **out, const clrnn_tensor *weight, const clrnn_tensor *bias,
                            const clrnn_activation *act);

/* The strand of a layer and of its first (0) or second (1) direction. */
const struct strand *net_strand(const clrnn_net *net, int layer, int direction);

/* Rows and columns of a weight; columns 0: a vector. */
void strand_weight_shape(const struct strand *strand, enum weight_role role, int64_t *rows,
                         int64_t *columns);
/* Of a layer's weights, -1: of all. */
int64_t net_count_params(const clrnn_net *net, int layer);
/* "weight_hh_l1_reverse" */
const char *strand_weight_name(const struct strand *strand, enum weight_role role, char name[48]);

/* 1: h, c or o of all strands have one width, so that one array [S][N][width] holds them. */
int net_is_uniform(const clrnn_net *net);

/* Fails with the name of a weight that was never set. */
clrnn_status net_require_complete(const clrnn_net *net);

/* Rounds values in place to what the type holds; UNSUPPORTED where one is too large, `what` being its
 * name, and then none is changed. */
clrnn_status net_round(float *values, size_t count, clrnn_weights weights, const char *what);

/* Does any layer run custom OpenCL C? Its name for messages, or NULL. */
const char *net_custom_part(const clrnn_net *net);

/* Checks shape and dtype of states of `strands` strands and `rows` rows: [strands][rows][width] or,
 * of one strand, [rows][width], float32. `name` is for the message. */
clrnn_status net_check_state(const clrnn_tensor *tensor, int strands, int64_t rows, int width,
                             const char *name);

#endif
