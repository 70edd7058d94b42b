/*
 * workload.h: what is to be computed: a net and its data, from files (intake.c, start.c) or made up
 * from a problem (generate.c). Everything is dense and three-dimensional from here on, whatever the
 * files hold; packed data is the exception.
 */
#ifndef CLRNN_CLI_WORKLOAD_H
#define CLRNN_CLI_WORKLOAD_H

#include "cli/generate.h"
#include "cli/options.h"
#include "cli/problem.h"
#include "cli/states.h"
#include "clrnn.h"

typedef struct workload {
    const clrnn_net *net;
    clrnn_model *model; /* what owns net: this */
    generated made;     /* or this */
    clrnn_arrays *arrays;
    clrnn_tensor x;             /* [T][N][I], [N][T][I] if batch_first, or packed [sum][I] */
    clrnn_tensor lengths;       /* [N] int32, or zeroed: all T */
    clrnn_tensor mask;          /* [N][T], or zeroed: no mask */
    clrnn_tensor batch_sizes;   /* [T] int32 where packed, else zeroed */
    clrnn_layer_arrays *starts; /* [L]: h_0, c_0, o_0 where given */
    int batch_first;
    int is_flat;    /* x was [T][I]: results have no batch axis */
    int last_only;  /* the model gives the last output alone */
    int check_last; /* of a problem: y [N][F] is checked too */
    int has_snippets;
    int64_t steps;
    int64_t batch;
    int64_t packed_rows; /* of x where packed */
    int64_t whole_batch; /* before --rows, and where they begin; 0: all rows are there */
    int64_t first_row;
    int64_t inputs;
    int64_t outputs; /* F of the last layer */
    int layers;
} workload;

/* Refuses a line without -i, before the model is read. */
int workload_check_options(const char *model, const options *opts);
/* A model that is a net, with -i, -l, -m, --initial-state, the layout and --rows. Takes the model over,
 * whatever comes of it; `path` is its file. Gives the exit code. */
int workload_load(workload *out, clrnn_model *model, const char *path, const options *opts);
int workload_generate(workload *out, const problem *from);
/* "A:B" of --rows as the first of `batch` rows and the one behind the last. */
int workload_parse_rows(int64_t *first, int64_t *end, const char *text, int64_t batch);
/* Keeps the rows that --rows names. */
int workload_select(workload *load, const options *opts);
/* `axis` is where the batch stands in the dense *tensor, which becomes a copy of some rows. */
int workload_take_rows(clrnn_tensor *tensor, clrnn_arrays *keeper, const char *name, int axis,
                       int64_t first, int64_t count);
void workload_free(workload *load);

/* `what` is about to read path: several readers of standard input are refused. */
int workload_claim(const char *path, const char *what);

/* Reads an array file; `what` says what for. */
int workload_read(clrnn_arrays **out, const char *path, const char *what);
/* The shape as "[2][3]"; returns text. */
const char *workload_shape(const clrnn_tensor *tensor, char *text, size_t size);
/* The names of the arrays that are not known, separated by commas; NULL: all; returns text. */
const char *workload_names(const clrnn_arrays *file,
                           int (*is_known)(const char *name, const void *context),
                           const void *context, char *text, size_t size);

/* The shape of all steps with `features` each: [T][N][F], [N][T][F]. */
void workload_steps_shape(const workload *load, int64_t features, int64_t shape[3]);
/* The shapes of y and of a state array that users see, without the batch axis where x had none;
 * of the last output alone where `last`. Give the rank. */
int workload_output_shape(const workload *load, int last, int64_t shape[3]);
int workload_state_shape(const workload *load, const state_array *array, int64_t shape[3]);
/* The dense array with another shape of as many values. */
clrnn_tensor workload_view(const clrnn_tensor *array, int rank, const int64_t *shape);

#endif
