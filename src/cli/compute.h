/* compute.h: a workload through one engine, for run and check: context, plan, forward. */
#ifndef CLRNN_CLI_COMPUTE_H
#define CLRNN_CLI_COMPUTE_H

#include "cli/tuned.h"
#include "cli/workload.h"
#include <jansson.h>

typedef struct compute_setup {
    clrnn_engine engine;
    const char *device;    /* NULL: the best */
    int from_environment;  /* CLRNN_DEVICE named it */
    const char *algorithm; /* NULL: the library's choice */
    int strict;
    int64_t chunk;         /* 0: the library's choice */
    uint64_t memory_limit; /* 0: none */
    clrnn_weights weights;
    int for_judge;   /* keep what it needs of every step and layer */
    int last_only;   /* y is the last output of each row */
    int with_states; /* whole models: of --final-state */
    uint64_t moved;  /* whole models: as in clrnn_session_desc */
    int with_profile;
    tuned_file tuning;
    clrnn_trace *trace; /* NULL: none; else it takes what the contexts do */
} compute_setup;

typedef struct compute_result {
    clrnn_arrays *outputs; /* output, h_n, c_n, shaped as users get them; names: states.h */
    clrnn_arrays *carried; /* with a mask, o_n: the rest of a state */
    clrnn_arrays *judged;  /* what the judge alone asks for */
    clrnn_layer_arrays *layers;
    clrnn_forward_args args; /* the workload and its results, for clrnn_judge */
    char engine[16];
    char device[128];
    char device_type[16];
    char algorithm[64];
    char *description; /* clrnn_plan_describe, or NULL */
    double seconds;    /* of the forward calls */
    int has_profile;
    clrnn_profile profile;
} compute_result;

/* -e, -d, CLRNN_DEVICE, -a, --strict, --chunk, --memory-limit, --weights, --tuning */
int compute_configure(compute_setup *out, const options *opts);
/* Reports nothing: clrnn_last_error has the reason. */
clrnn_status compute_open(clrnn_context **out, const compute_setup *setup, const workload *load);
/* The same for so many multiply-adds, roughly: they say how long to wait for the device. */
clrnn_status compute_open_for(clrnn_context **out, const compute_setup *setup, double work);
/* Why it found no device, in a few words. */
const char *compute_open_reason(void);
/* Reports that compute_open failed while `doing`; gives the exit code. */
int compute_fail_open(const compute_setup *setup, const char *doing);
/* Fills *out with every algorithm (free it). Reports failures. */
int compute_algorithms(clrnn_algorithm_info **out, size_t *count, const clrnn_context *context,
                       const workload *load, const compute_setup *setup);
/* The table of them. */
void compute_print_algorithms(const clrnn_algorithm_info *infos, size_t count);
json_t *compute_algorithms_json(const clrnn_algorithm_info *infos, size_t count);
/* Does what -a list promises. */
int compute_list(const clrnn_context *context, const workload *load, const compute_setup *setup,
                 int as_json);
int compute_is_list(const compute_setup *setup); /* -a list */
/* The plan that compute_run makes. */
clrnn_plan_desc compute_plan(const workload *load, const compute_setup *setup);
int compute_run(compute_result *out, clrnn_context *context, const workload *load,
                const compute_setup *setup);
/* What -v says: engine, device, algorithm, why, time. */
void compute_explain(const compute_result *result);
void compute_free(compute_result *result);
/* Engine, device and algorithm of a plan's description (or NULL) into a result. */
void compute_name(compute_result *out, const clrnn_context *context, const char *description);

#endif
