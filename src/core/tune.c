/* tune.c: see tune.h. */
#include "core/tune.h"

#include "core/clock.h"
#include "core/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* From calls that compute next to nothing to weights that no cache holds, with one row and with many,
 * so that each speed decides some of them. */
static const struct tune_shape shapes[TUNE_SHAPES] = {
    {CLRNN_CELL_RNN, 1, 1, 4, 8},        {CLRNN_CELL_RNN, 10, 1, 4, 8},
    {CLRNN_CELL_RNN, 400, 1, 4, 8},      {CLRNN_CELL_RNN, 100, 1, 64, 64},
    {CLRNN_CELL_RNN, 50, 1, 128, 128},   {CLRNN_CELL_RNN, 50, 1, 256, 256},
    {CLRNN_CELL_RNN, 50, 32, 256, 256},  {CLRNN_CELL_RNN, 50, 1, 512, 512},
    {CLRNN_CELL_RNN, 10, 64, 512, 512},  {CLRNN_CELL_RNN, 20, 1, 1024, 1024},
    {CLRNN_CELL_RNN, 5, 16, 1760, 1760}, {CLRNN_CELL_RNN, 16, 64, 1024, 16},
    {CLRNN_CELL_LSTM, 10, 1, 4, 8},      {CLRNN_CELL_LSTM, 100, 1, 64, 64},
    {CLRNN_CELL_LSTM, 50, 1, 128, 128},  {CLRNN_CELL_LSTM, 50, 1, 256, 256},
    {CLRNN_CELL_LSTM, 20, 32, 256, 256}, {CLRNN_CELL_LSTM, 20, 1, 512, 512},
    {CLRNN_CELL_LSTM, 5, 64, 512, 512},  {CLRNN_CELL_LSTM, 10, 1, 1024, 1024},
    {CLRNN_CELL_GRU, 100, 1, 64, 64},    {CLRNN_CELL_GRU, 50, 1, 128, 128},
    {CLRNN_CELL_GRU, 50, 1, 256, 256},   {CLRNN_CELL_GRU, 20, 32, 256, 256},
    {CLRNN_CELL_GRU, 20, 1, 512, 512},   {CLRNN_CELL_GRU, 10, 1, 1024, 1024},
};

/* Those by which lanes are chosen: one row, and many. */
static const struct tune_shape lane_shapes[] = {
    {CLRNN_CELL_RNN, 50, 1, 256, 256},
    {CLRNN_CELL_LSTM, 50, 1, 128, 128},
    {CLRNN_CELL_GRU, 20, 32, 192, 192},
};
enum { LANE_SHAPES = sizeof lane_shapes / sizeof lane_shapes[0] };

/* ---- what a tuning changes ------------------------------------------------------------------- */

/* The context as no tuning changed it; the caller keeps a copy of what it was. */
static void forget_tuning(clrnn_context *context) {
    const int strict = context->desc.strict;
    clrnn_device_info ignored;
    context->engine->describe(context->device, &context->desc, &ignored);
    context->desc.strict = strict;
    tuning_reset(context);
}

/* ---- one forward ----------------------------------------------------------------------------- */

/* Numbers in +-scale, the same on every machine; no time depends on them, but denormals would. */
static void fill(float *values, size_t count, float scale) {
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u; /* Numerical Recipes' generator */
        values[i] = ((float)(state >> 8) / 8388608.0f - 1.0f) * scale;
    }
}

static clrnn_status set_weight(clrnn_net *net, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_tensor weight;
    TRY(clrnn_net_get_weight(&weight, net, name));
    const size_t count = (size_t)clrnn_tensor_count(&weight);
    const float scale = 1.0f / sqrtf((float)weight.shape[weight.rank - 1]);
    float *values = calloc(count, sizeof *values);
    REQUIRE(values != NULL, MEMORY, "tune: out of memory for %zu weights", count);
    fill(values, count, scale);
    weight.data = values;
    status = clrnn_net_set_weight(net, name, &weight);
    free(values);
out:
    return status;
}

/* Without weights, which no choice depends on. */
static clrnn_status make_bare_net(clrnn_net **out, const struct tune_shape *shape) {
    const clrnn_layer_desc layer = {.cell = shape->cell, .hidden = shape->hidden};
    const clrnn_net_desc desc = {.inputs = shape->inputs, .num_layers = 1, .layers = &layer};
    return clrnn_net_create(out, &desc);
}

static clrnn_status make_net(clrnn_net **out, const struct tune_shape *shape) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(make_bare_net(out, shape));
    TRY(set_weight(*out, "weight_ih_l0"));
    TRY(set_weight(*out, "weight_hh_l0"));
out:
    return status;
}

static clrnn_status make_array(clrnn_tensor *out, const struct tune_shape *shape, int features) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t count = (size_t)shape->steps * (size_t)shape->batch * (size_t)features;
    *out = (clrnn_tensor){.data = calloc(count, sizeof(float)),
                          .dtype = CLRNN_DTYPE_F32,
                          .rank = 3,
                          .shape = {shape->steps, shape->batch, features}};
    REQUIRE(out->data != NULL, MEMORY, "tune: out of memory for %zu floats", count);
    fill(out->data, count, 1.0f);
out:
    return status;
}

/* Calls of a plan: at least so many, and until they have taken so long; two before to warm up. */
enum { CALLS_LEAST = 5, CALLS_MOST = 400, WARM_UP = 2 };
#define CALLS_US 40e3

static int rises(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of a plan's forwards: the median, in us, and how far apart they are: the slow fourth of them takes more
 * than `spread` times what the quick fourth takes. */
struct timing {
    double us, spread;
};

static clrnn_status time_plan(struct timing *out, clrnn_plan *plan,
                              const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    double times[CALLS_MOST];
    double sum = 0;
    int count = 0;
    for (int i = 0; i < WARM_UP; i++) {
        TRY(clrnn_forward(plan, args, 0, NULL, NULL));
    }
    while (count < CALLS_MOST && (count < CALLS_LEAST || sum < CALLS_US)) {
        const double begin = clock_us();
        TRY(clrnn_forward(plan, args, 0, NULL, NULL));
        times[count] = clock_us() - begin;
        sum += times[count++];
    }
    qsort(times, (size_t)count, sizeof times[0], rises);
    out->us = times[count / 2];
    out->spread = times[count - 1 - count / 4] / times[count / 4];
out:
    return status;
}

/* One shape: its net and arrays, which its algorithms share. */
struct work {
    const struct tune_shape *shape;
    clrnn_net *net;
    clrnn_forward_args args;
};

static void work_free(struct work *work) {
    clrnn_net_free(work->net);
    free(work->args.x.data);
    free(work->args.y.data);
}

static clrnn_status work_make(struct work *out, const struct tune_shape *shape) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = (struct work){.shape = shape};
    TRY(make_net(&out->net, shape));
    TRY(make_array(&out->args.x, shape, shape->inputs));
    TRY(make_array(&out->args.y, shape, shape->hidden));
out:
    return status;
}

static clrnn_plan_desc plan_desc_of(const struct tune_shape *shape, const char *algorithm) {
    return (clrnn_plan_desc){.algorithm = algorithm, .steps = shape->steps, .batch = shape->batch};
}

/* Plans here are of the context alone, never of its sibling. */
static clrnn_status time_work(struct timing *out, clrnn_plan **plan, clrnn_context *context,
                              const struct work *work, const char *algorithm) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_plan_desc desc = plan_desc_of(work->shape, algorithm);
    clrnn_context *sibling = context->sibling;
    context->sibling = NULL;
    status = plan_create(plan, context, work->net, &desc, NULL);
    context->sibling = sibling;
    TRY(status);
    TRY(time_plan(out, *plan, &work->args));
out:
    return status;
}

/* ---- lanes ----------------------------------------------------------------------------------- */

/* Mean of the logarithms of the times with so many lanes. */
static clrnn_status time_lanes(double *out, clrnn_context *context, int lanes) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct work work = {0};
    clrnn_plan *plan = NULL;
    const int before = context->desc.vector_width;
    context->desc.vector_width = lanes;
    *out = 0;
    for (int i = 0; i < LANE_SHAPES; i++) {
        struct timing timing;
        TRY(work_make(&work, &lane_shapes[i]));
        TRY(time_work(&timing, &plan, context, &work, "single/panel"));
        *out += log(timing.us) / LANE_SHAPES;
        clrnn_plan_free(plan);
        work_free(&work);
        plan = NULL;
        work = (struct work){0};
    }
out:
    context->desc.vector_width = before;
    clrnn_plan_free(plan);
    work_free(&work);
    return status;
}

/* Other lanes than the usual ones must be so much faster. */
#define WORTH 0.05

static clrnn_status choose_lanes(int *out, clrnn_context *context, const clrnn_tune_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    static const int widths[] = {4, 8, 16};
    const int usual = context->desc.vector_width;
    double least = INFINITY;
    *out = 0;
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        double mean = 0;
        if (!context->engine->takes_lanes(context->device, widths[i])) {
            continue;
        }
        if (desc->progress != NULL) {
            desc->progress(desc->user, context->info.name, 0, 0);
        }
        TRY(time_lanes(&mean, context, widths[i]));
        mean -= widths[i] == usual ? WORTH : 0;
        *out = mean < least ? widths[i] : *out;
        least = mean < least ? mean : least;
    }
out:
    return status;
}

/* ---- groups that meet ------------------------------------------------------------------------ */

/* Whether persist/register is quicker than what a GPU takes without it, where weights are too many for one
 * group's registers. Groups that wait in vain take much longer. */
static clrnn_status choose_meeting(int *out, clrnn_context *context) {
    clrnn_status status = CLRNN_STATUS_OK;
    static const struct tune_shape shape = {CLRNN_CELL_RNN, 100, 1, 64, 512};
    struct work work = {0};
    clrnn_plan *plan = NULL;
    struct timing meeting, usual;
    *out = 0;
    if (context->desc.kind != DEVICE_GPU) {
        goto out;
    }
    TRY(work_make(&work, &shape));
    status = time_work(&meeting, &plan, context, &work, "persist/register");
    if (status == CLRNN_STATUS_UNSUPPORTED) {
        status = CLRNN_STATUS_OK; /* it does not fit here */
        goto out;
    }
    TRY(status);
    clrnn_plan_free(plan);
    plan = NULL;
    TRY(time_work(&usual, &plan, context, &work, NULL));
    *out = meeting.us < usual.us;
out:
    clrnn_plan_free(plan);
    work_free(&work);
    return status;
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void keep(struct tune_row *row, const struct work *work, const clrnn_plan *plan,
                 const struct timing *timing) {
    const struct tune_shape *shape = work->shape;
    *row = (struct tune_row){.shape = shape,
                             .measured_us = timing->us,
                             .spread = timing->spread,
                             .config = plan->configs[0]};
    row->algorithm = row->config.algorithm;
    row->job = (struct estimate_job){.configs = &row->config,
                                     .strand_count = 1,
                                     .features = shape->inputs + shape->hidden,
                                     .steps = shape->steps,
                                     .batch = shape->batch,
                                     .chunk = plan->memory.chunk,
                                     .beside = plan->memory.space.second_bytes > 0};
}

/* The row of a shape and algorithm, or NULL. */
static const struct tune_row *find_row(const struct tune_result *result,
                                       const struct tune_shape *shape, const char *algorithm) {
    for (int i = 0; i < result->count; i++) {
        const struct tune_row *row = &result->rows[i];
        if (row->shape == shape && strcmp(row->algorithm, algorithm) == 0) {
            return row;
        }
    }
    return NULL;
}

/* What an untuned plan takes of this engine, and its time: where lanes were tuned, one of its own. */
static clrnn_status measure_untuned(struct tune_result *result, clrnn_context *context,
                                    const struct work *work) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_context tuned = *context;
    const clrnn_plan_desc desc = plan_desc_of(work->shape, NULL);
    struct tune_untuned *out = &result->untuned[work->shape - shapes];
    struct timing timing = {0};
    struct plan_memory memory;
    struct algo_config config;
    clrnn_plan *plan = NULL;
    forget_tuning(context);
    TRY(plan_configure(&config, &memory, context, work->net, &desc, NULL));
    const struct tune_row *row = find_row(result, work->shape, config.algorithm);
    if (row == NULL || context->desc.vector_width != tuned.desc.vector_width) {
        TRY(time_work(&timing, &plan, context, work, config.algorithm));
    }
    *out = (struct tune_untuned){config.algorithm, timing.us > 0 ? timing.us : row->measured_us};
out:
    clrnn_plan_free(plan);
    *context = tuned;
    return status;
}

/* All algorithms that a plan would choose from, and what it would take untuned. */
static clrnn_status measure_shape(struct tune_result *result, clrnn_context *context,
                                  const struct tune_shape *shape) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct work work = {0};
    clrnn_plan *plan = NULL;
    const char *names[PLAN_CANDIDATES];
    char reason[192];
    const clrnn_plan_desc desc = plan_desc_of(shape, NULL);
    TRY(work_make(&work, shape));
    const int count = plan_candidates(names, reason, sizeof reason, context, work.net, &desc, NULL);
    for (int i = 0; i < count; i++) {
        struct timing timing;
        TRY(time_work(&timing, &plan, context, &work, names[i]));
        keep(&result->rows[result->count++], &work, plan, &timing);
        clrnn_plan_free(plan);
        plan = NULL;
    }
    TRY(measure_untuned(result, context, &work));
out:
    clrnn_plan_free(plan);
    work_free(&work);
    return status;
}

/* A machine is busy where more than a fourth of the timings vary by a fourth from call to call. Seen on two
 * cores: none (cpu) and 15 to 19 % (PoCL) where nothing else ran, 28 to 45 % beside two busy loops. */
#define VARIES 1.25
#define BUSY 0.25

double tune_varying(const struct tune_row *rows, int count) {
    int varying = 0;
    for (int i = 0; i < count; i++) {
        varying += rows[i].spread > VARIES;
    }
    return count > 0 ? (double)varying / count : 0;
}

static void date_of_today(char *out, size_t size) {
    const time_t now = time(NULL);
    struct tm parts;
    out[0] = 0;
    if (gmtime_r(&now, &parts) != NULL) {
        strftime(out, size, "%Y-%m-%d", &parts);
    }
}

static void finish(struct tune_result *result, clrnn_context *context, int lanes) {
    struct tuning *tuning = &result->tuning;
    tuning_device_of(&tuning->device, context);
    snprintf(tuning->version, sizeof tuning->version, "%s", clrnn_version());
    date_of_today(tuning->date, sizeof tuning->date);
    tuning->lanes = lanes;
    result->varying = tune_varying(result->rows, result->count);
    tuning->busy = result->varying > BUSY;
    tuning->speeds = result->usual;
    tune_fit(&tuning->speeds, result->rows, result->count);
    for (int i = 0; i < result->count; i++) {
        struct tune_row *row = &result->rows[i];
        row->estimated_us = estimate_forward(&tuning->speeds, &row->job);
        row->usual_us = estimate_forward(&result->usual, &row->job);
    }
}

clrnn_status tune_measure(struct tune_result *out, clrnn_context *context,
                          const clrnn_tune_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_context before = *context;
    int lanes = 0;
    forget_tuning(context);
    *out = (struct tune_result){.usual = context->speeds};
    out->rows = calloc(TUNE_SHAPES * PLAN_CANDIDATES, sizeof *out->rows);
    REQUIRE(out->rows != NULL, MEMORY, "tune: out of memory");
    TRY(choose_lanes(&lanes, context, desc));
    TRY(choose_meeting(&out->tuning.runs_together, context));
    context->desc.runs_together = out->tuning.runs_together;
    if (lanes > 0) {
        context->desc.vector_width = lanes;
    }
    for (int i = 0; i < TUNE_SHAPES; i++) {
        if (desc->progress != NULL) {
            desc->progress(desc->user, context->info.name, i, TUNE_SHAPES);
        }
        TRY(measure_shape(out, context, &shapes[i]));
    }
    finish(out, context, lanes);
out:
    *context = before;
    return status;
}

void tune_result_free(struct tune_result *result) {
    free(result->rows);
    *result = (struct tune_result){0};
}

/* ---- choices --------------------------------------------------------------------------------- */

/* "cpu single/panel", what a plan takes. */
static clrnn_status choose(char out[40], const clrnn_context *context, const clrnn_net *net,
                           const struct tune_shape *shape) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_plan_desc desc = plan_desc_of(shape, NULL);
    struct plan_choice choice;
    struct plan_memory memory;
    struct algo_config config;
    TRY(plan_choose(&choice, context, net, &desc));
    const clrnn_context *where = choice.is_sibling ? context->sibling : context;
    TRY(plan_configure(&config, &memory, where, net, &desc, NULL));
    snprintf(out, 40, "%s %s", clrnn_engine_name(where->id), config.algorithm);
out:
    return status;
}

static void take_quicker(struct tune_choice *choice, const char *name, double us) {
    if (choice->best_us == 0 || us < choice->best_us) {
        choice->best_us = us;
        snprintf(choice->best, sizeof choice->best, "%s", name);
    }
}

/* The times of a shape: the quickest, and those of what plans take. */
static void look_up(struct tune_choice *choice, const struct tune_result *result) {
    const struct tune_untuned *untuned = &result->untuned[choice->shape - shapes];
    const char *engine = result->tuning.device.engine;
    char name[40];
    for (int i = 0; i < result->count; i++) {
        const struct tune_row *row = &result->rows[i];
        if (row->shape == choice->shape) {
            snprintf(name, sizeof name, "%s %s", engine, row->algorithm);
            take_quicker(choice, name, row->measured_us);
            choice->after_us =
                strcmp(name, choice->after) == 0 ? row->measured_us : choice->after_us;
        }
    }
    snprintf(name, sizeof name, "%s %s", engine, untuned->algorithm);
    take_quicker(choice, name, untuned->us);
    choice->before_us = strcmp(name, choice->before) == 0 ? untuned->us : choice->before_us;
}

clrnn_status tune_choices(struct tune_choice choices[TUNE_SHAPES], clrnn_context *context,
                          const struct tune_result *results, int result_count) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_context *const contexts[2] = {context, context->sibling};
    const clrnn_context before[2] = {*context,
                                     context->sibling != NULL ? *context->sibling : *context};
    clrnn_net *net = NULL;
    for (int i = 0; i < TUNE_SHAPES; i++) {
        struct tune_choice *choice = &choices[i];
        *choice = (struct tune_choice){.shape = &shapes[i]};
        TRY(make_bare_net(&net, &shapes[i]));
        for (int k = 0; k < result_count; k++) {
            forget_tuning(contexts[k]);
        }
        TRY(choose(choice->before, context, net, &shapes[i]));
        for (int k = 0; k < result_count; k++) {
            tuning_apply(contexts[k], &results[k].tuning);
        }
        TRY(choose(choice->after, context, net, &shapes[i]));
        for (int k = 0; k < result_count; k++) {
            look_up(choice, &results[k]);
        }
        clrnn_net_free(net);
        net = NULL;
    }
out:
    clrnn_net_free(net);
    for (int k = 0; k < result_count; k++) {
        *contexts[k] = before[k];
    }
    return status;
}
