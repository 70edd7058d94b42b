/*
 * workload.h: what is to be computed: a net and its data, from files (workload.c) or made up from a
 * problem (generate.c). Everything is float32, dense and three-dimensional from here on, whatever
 * the files hold.
 */
#ifndef CLRNN_CLI_WORKLOAD_H
#define CLRNN_CLI_WORKLOAD_H

#include "cli/options.h"
#include "cli/problem.h"
#include "clrnn.h"

typedef struct workload {
    const clrnn_net *net;
    clrnn_model *model;   /* what owns net: this */
    clrnn_net *own_net;   /* or this */
    clrnn_arrays *arrays; /* own everything below */
    clrnn_tensor x;       /* [T][N][I], or [N][T][I] if batch_first */
    clrnn_tensor lengths; /* [N] int32, or zeroed: all T */
    clrnn_tensor h_0;     /* [1][N][H], or zeroed */
    clrnn_tensor c_0;
    int batch_first;
    int is_flat;   /* x was [T][I]: results have no batch axis */
    int last_only; /* of a problem: y [N][H] is checked too */
    int64_t steps;
    int64_t batch;
    int64_t whole_batch; /* before --rows, and where they begin; 0: all rows are there */
    int64_t first_row;
    int64_t inputs;
    int64_t hidden;
    int is_lstm;
} workload;

/* MODEL with -i, -l, --initial-state, the layout and --rows. Gives the exit code. */
int workload_load(workload *out, const char *model, const options *opts);
int workload_generate(workload *out, const problem *from);
/* Keeps the rows that --rows names. */
int workload_select(workload *load, const options *opts);
/* `axis` is where the batch stands in the dense *tensor, which becomes a copy of some rows. */
int workload_take_rows(clrnn_tensor *tensor, clrnn_arrays *keeper, const char *name, int axis,
                       int64_t first, int64_t count);
void workload_free(workload *load);

/* Reads an array file; `what` says what for. Several readers of standard input are refused. */
int workload_read(clrnn_arrays **out, const char *path, const char *what);
/* The shape as "[2][3]"; returns text. */
const char *workload_shape(const clrnn_tensor *tensor, char *text, size_t size);
/* The names of the arrays that are not known, separated by commas; NULL: all; returns text. */
const char *workload_names(const clrnn_arrays *file, int (*is_known)(const char *name), char *text,
                           size_t size);
/* A view of h, c or y of this workload on a dense float32 array of any rank: [1][N][H], or the
 * layout of x with H features. */
clrnn_tensor workload_state_view(const workload *load, const clrnn_tensor *array);
clrnn_tensor workload_output_view(const workload *load, const clrnn_tensor *array);
/* The shape that users see: without the batch axis where x had none. Gives the rank. */
int workload_state_shape(const workload *load, int64_t shape[3]);
int workload_output_shape(const workload *load, int64_t shape[3]);

#endif
