/*
 * states.h: what the state of a net is called in files, and how those arrays lie in the layers.
 *
 * Where all layers have one width and as many state arrays (h, or h and c), a state is one array of
 * all strands: h_0 and h_n [S][N][W], c_0 and c_n [S][N][H], S the directions of all layers. Else
 * each layer has its own: h_0_l0 [D][N][W], h_0_l1, ... With a mask the last output belongs to the
 * state too: o_0 and o_n as h, of layers that do not give 0 at masked steps.
 */
#ifndef CLRNN_CLI_STATES_H
#define CLRNN_CLI_STATES_H

#include "clrnn.h"

typedef enum state_kind { STATE_H = 0, STATE_C, STATE_O, STATE_KINDS } state_kind;
typedef enum state_point { STATE_START = 0, STATE_END } state_point;

typedef struct state_array {
    char name[24]; /* "h_n", "c_0_l3" */
    state_kind kind;
    int layer;   /* -1: of all layers */
    int strands; /* directions of the layer, or of all */
    int width;
} state_array;

typedef struct state_list {
    state_array *arrays; /* every h, then every c, then every o */
    int count;
    int is_joint; /* one array of all layers */
} state_list;

/* Fails with MEMORY alone. states_free frees it. */
clrnn_status states_list(state_list *out, const clrnn_net *net, state_point point,
                         int with_outputs);
void states_free(state_list *list);
/* NULL if none is called so. */
const state_array *states_find(const state_list *list, const char *name);
/* The names, separated by commas; returns text. */
const char *states_names(const state_list *list, char *text, size_t size);

/* Views of the dense float32 array, [strands][rows][width] whatever its shape says, in the layers
 * that it is of. */
void states_bind(clrnn_layer_arrays *layers, const clrnn_net *net, const state_array *array,
                 state_point point, const clrnn_tensor *dense, int64_t rows);

/* 1 if a layer runs backwards in time. */
int states_end_there(const clrnn_net *net);
/* 1 if a layer repeats its last output at masked steps. */
int states_repeat(const clrnn_net *net);

#endif
