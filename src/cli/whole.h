/*
 * whole.h: a whole model and the user's data for it: what its inputs are bound to. A model that is a
 * net and no more is a workload (workload.h).
 */
#ifndef CLRNN_CLI_WHOLE_H
#define CLRNN_CLI_WHOLE_H

#include "cli/compute.h"
#include "cli/deliver.h"
#include "cli/options.h"
#include "clrnn.h"

typedef struct whole {
    const clrnn_model *model;
    const char *path;
    clrnn_arrays *arrays;    /* owns the values */
    clrnn_binding *bindings; /* one an input at most, in the order of the model's inputs */
    size_t count;
    int64_t first_row, whole_batch; /* of --rows, and how many there were before; 0, 0: all */
    double work;                    /* multiply-adds, roughly: how long a device may take */
} whole;

/* -i, -l, -m, --initial-state, --rows. The model must outlive it. Gives the exit code. */
int whole_load(whole *out, const clrnn_model *model, const char *path, const options *opts);
void whole_free(whole *load);
/* Refuses a .npy for several outputs, and --final-state where there is no state. */
int whole_check_outputs(const whole *load, const deliver_file *files);

/* The names of the model's inputs or outputs, separated by commas; returns text. */
const char *whole_names(const clrnn_model *model, int of_outputs, char *text, size_t size);

/* What one engine made of it. */
typedef struct whole_result {
    clrnn_session *session;
    clrnn_arrays *outputs; /* as users get them */
    clrnn_arrays *states;  /* to go on with */
    double seconds;
    double roundings; /* clrnn_session_roundings */
} whole_result;

/* Fails with a message of its own. */
int whole_compute(whole_result *out, clrnn_context *context, const whole *load,
                  const compute_setup *setup);
/* An output or a state by name; NULL: there is none. */
const clrnn_tensor *whole_find(const whole_result *result, const char *name);
/* -a list: runs the model, to know the sizes of its layers, and lists what each of them could run. */
int whole_list(clrnn_context *context, const whole *load, const compute_setup *setup, int as_json);
/* What -v says of each layer. */
void whole_explain(const whole_result *result, const clrnn_context *context);
void whole_result_free(whole_result *result);

#endif
