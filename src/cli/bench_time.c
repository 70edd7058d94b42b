/* bench_time.c: see bench_time.h. */
#include "cli/bench_time.h"

#include "cli/compute.h"
#include "cli/report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MIN_RUNS = 5,      /* of a row that has no --runs */
    MAX_RUNS = 20000,  /* then more of them tell nothing new */
    MAX_WARM_UP = 100, /* calls */
    PROFILES = 3,      /* the quickest of so many is shown */
    MAX_TURN = 64      /* calls of one subject in a row */
};
#define WARM_UP 0.02 /* seconds: clocks rise, lazy compilers have compiled */
/* Seconds of a turn: short calls come in blocks, as in the loop of a caller. A call that always
 * follows one of another engine would find its caches full of that one's weights. */
#define TURN 2e-3

/* One engine with one algorithm. */
typedef struct subject {
    bench_row row;
    clrnn_context *profiling;
    clrnn_plan *plan;
    int turn;      /* calls in a row */
    double *times; /* seconds, [runs] */
    int capacity;
} subject;

typedef struct contest {
    const problem *task;
    workload load;
    clrnn_forward_args args;
    subject *subjects;
    int count;
} contest;

/* ---- what is counted ------------------------------------------------------------------------- */

static double valid_steps(const workload *load) {
    const int32_t *lengths = load->lengths.data;
    double sum = 0;
    if (load->packed_rows > 0) {
        return (double)load->packed_rows;
    }
    for (int64_t row = 0; row < load->batch && lengths != NULL; row++) {
        sum += lengths[row];
    }
    return lengths != NULL ? sum : (double)load->steps * (double)load->batch;
}

/* Weights that every step of a layer reads. */
static double recurrent_weights(const clrnn_layer_desc *layer) {
    const double rows = (double)clrnn_layer_gates(layer) * layer->hidden;
    return clrnn_layer_directions(layer) *
           (rows * clrnn_layer_width(layer) + (double)layer->projection * layer->hidden);
}

/* Two a multiply-add of projection and recurrence; what a cell does beside them does not count. */
static double count_flops(const workload *load) {
    const clrnn_net_desc *net = clrnn_net_get_desc(load->net);
    double inputs = net->inputs;
    double products = 0;
    for (int i = 0; i < net->num_layers; i++) {
        const clrnn_layer_desc *layer = &net->layers[i];
        const double rows = (double)clrnn_layer_gates(layer) * layer->hidden;
        products += clrnn_layer_directions(layer) * rows * inputs + recurrent_weights(layer);
        inputs = clrnn_layer_outputs(layer);
    }
    return 2.0 * products * valid_steps(load);
}

/* Seconds to read the recurrent weights anew at every step, each layer's from where they stay. */
static double count_read_seconds(const workload *load, const bench_peak *peak) {
    const clrnn_net_desc *net = clrnn_net_get_desc(load->net);
    double sum = 0;
    for (int i = 0; i < net->num_layers; i++) {
        const double bytes = sizeof(float) * recurrent_weights(&net->layers[i]);
        sum += bytes * (double)load->steps / (1e9 * bench_peak_bandwidth(peak, bytes));
    }
    return sum;
}

/*
 * roofline = max(flops / FMA peak, bytes of recurrent weights * T / bandwidth)
 *
 * where the bandwidth is that of reading so many bytes over and over, which is that of the level of
 * memory they stay in. The fraction is roofline / median: 1 cannot be beaten but for noise, as the
 * projection's own weights, x, y and the cell's functions are left out.
 */
static void fill_rates(bench_row *row, const workload *load, const bench_peak *peak) {
    const double seconds = row->median_us * 1e-6;
    const double flops = count_flops(load);
    row->gflops = 1e-9 * flops / seconds;
    row->peak_fraction = NAN;
    if (peak != NULL) {
        const double compute = 1e-9 * flops / peak->gflops;
        const double read = count_read_seconds(load, peak);
        row->peak_fraction = (compute > read ? compute : read) / seconds;
    }
}

static int rises(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The nearest rank: the least value that so many of all do not exceed. */
static double percentile_us(const double *sorted, int count, double part) {
    const int rank = (int)ceil(part * count);
    return 1e6 * sorted[rank > 0 ? rank - 1 : 0];
}

static void fill_times(subject *one) {
    bench_row *row = &one->row;
    qsort(one->times, (size_t)row->runs, sizeof one->times[0], rises);
    row->median_us = percentile_us(one->times, row->runs, 0.5);
    row->min_us = 1e6 * one->times[0];
    row->p90_us = percentile_us(one->times, row->runs, 0.9);
    row->p99_us = percentile_us(one->times, row->runs, 0.99);
}

/* ---- subjects -------------------------------------------------------------------------------- */

/* The value of "KEY: value" in a description. */
static void find_line(char *out, size_t size, const char *text, const char *key) {
    const size_t length = strlen(key);
    out[0] = 0;
    for (const char *line = text; line != NULL && out[0] == 0;) {
        if (strncmp(line, key, length) == 0 && line[length] == ':') {
            const char *value = line + length + 1;
            value += strspn(value, " ");
            (void)snprintf(out, size, "%.*s", (int)strcspn(value, "\n"), value);
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
}

static clrnn_status make_plan(clrnn_plan **out, const subject *one, clrnn_context *context,
                              const contest *game) {
    const problem *task = game->task;
    const clrnn_plan_desc desc = {
        .algorithm = strcmp(one->row.asked, "auto") == 0 ? NULL : one->row.asked,
        .steps = (int)task->steps,
        .batch = (int)task->batch,
        .batch_first = (int)task->batch_first,
        .chunk = (int)task->chunk,
        .memory_limit = task->memory,
    };
    return clrnn_plan_create(out, context, game->load.net, &desc);
}

static int refuse(const contest *game, const bench_engine *engine, const char *algorithm) {
    char text[PROBLEM_MAX_TEXT];
    report_note("%s: %s on the %s engine is passed over: %s",
                problem_print(game->task, text, sizeof text), algorithm, engine->name,
                clrnn_last_error()->message);
    return REPORT_FINE;
}

static int add_subject(contest *game, const bench_engine *engine, const char *algorithm) {
    const int strict = (int)game->task->strict;
    subject *more = realloc(game->subjects, ((size_t)game->count + 1) * sizeof *more);
    if (more == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    game->subjects = more;
    subject *one = &more[game->count];
    memset(one, 0, sizeof *one);
    one->row.task = game->task;
    one->row.engine = engine->name;
    one->profiling = engine->profiling[strict];
    one->turn = 1;
    (void)snprintf(one->row.asked, sizeof one->row.asked, "%s", algorithm);
    const clrnn_status status = make_plan(&one->plan, one, engine->timed[strict], game);
    if (status == CLRNN_STATUS_UNSUPPORTED || status == CLRNN_STATUS_ARGUMENT) {
        return refuse(game, engine, algorithm); /* as engines have algorithms of their own */
    }
    if (status != CLRNN_STATUS_OK) {
        return report_fail_library(0, "planning on the %s engine", engine->name);
    }
    const char *description = clrnn_plan_describe(one->plan);
    find_line(one->row.runs_on, sizeof one->row.runs_on, description, "engine");
    find_line(one->row.device, sizeof one->row.device, description, "device");
    find_line(one->row.algorithm, sizeof one->row.algorithm, description, "algorithm");
    game->count++;
    return REPORT_FINE;
}

/* Every algorithm that the engine allows here. */
static int add_all(contest *game, const bench_engine *engine) {
    const compute_setup setup = {.chunk = game->task->chunk, .memory_limit = game->task->memory};
    clrnn_algorithm_info *infos = NULL;
    size_t count = 0;
    int code = REPORT_FINE;
    TRY(compute_algorithms(&infos, &count, engine->timed[game->task->strict], &game->load, &setup));
    for (size_t i = 0; i < count; i++) {
        if (infos[i].allowed) {
            TRY(add_subject(game, engine, infos[i].name));
        }
    }
out:
    free(infos);
    return code;
}

static int add_subjects(contest *game, bench_engines *engines, const bench_words *names,
                        const bench_words *algorithms) {
    bench_engine *open[BENCH_ENGINES] = {NULL};
    int count = 0;
    int code = REPORT_FINE;
    for (int i = 0; i < names->count; i++) {
        TRY(bench_engine_open(&open[count], engines, names->words[i], (int)game->task->strict,
                              names->count > 1));
        count += open[count] != NULL;
    }
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < algorithms->count; k++) {
            TRY(strcmp(algorithms->words[k], "all") == 0
                    ? add_all(game, open[i])
                    : add_subject(game, open[i], algorithms->words[k]));
        }
    }
out:
    return code;
}

/* ---- timing ---------------------------------------------------------------------------------- */

/* Seconds of one forward pass, in *out. */
static int call(double *out, clrnn_plan *plan, const contest *game) {
    const double start = bench_now();
    const clrnn_status status = clrnn_forward(plan, &game->args, 0, NULL, NULL);
    *out = bench_now() - start;
    return status == CLRNN_STATUS_OK ? REPORT_FINE : report_fail_library(0, "running");
}

static int warm_up(subject *one, const contest *game, const bench_limits *limits) {
    const double start = bench_now();
    double least = INFINITY;
    int code = REPORT_FINE;
    for (int i = 0; i < MAX_WARM_UP && (i < 2 || bench_now() - start < WARM_UP); i++) {
        double seconds = 0;
        TRY(call(&seconds, one->plan, game));
        least = seconds < least ? seconds : least;
    }
    const double turn = TURN / least;
    one->turn = turn < 1 ? 1 : turn > MAX_TURN ? MAX_TURN : (int)turn;
    one->capacity = limits->runs > 0 ? (int)limits->runs : MAX_RUNS;
    one->times = calloc((size_t)one->capacity, sizeof *one->times);
    if (one->times == NULL) {
        code = report_fail(REPORT_FAILED, "out of memory");
    }
out:
    return code;
}

/* Some calls in a row; the first one finds the caches as another subject left them. */
static int take_turn(subject *one, const contest *game) {
    double seconds = 0;
    int code = REPORT_FINE;
    if (one->turn > 1 && one->row.runs < one->capacity) {
        TRY(call(&seconds, one->plan, game));
    }
    for (int i = 0; i < one->turn && one->row.runs < one->capacity; i++) {
        TRY(call(&one->times[one->row.runs], one->plan, game));
        one->row.runs++;
    }
out:
    return code;
}

static int is_over(const contest *game, const bench_limits *limits, double end) {
    const int is_late = limits->runs == 0 && bench_now() >= end;
    for (int i = 0; i < game->count; i++) {
        const subject *one = &game->subjects[i];
        if (one->row.runs < one->capacity && (!is_late || one->row.runs < MIN_RUNS)) {
            return 0;
        }
    }
    return 1;
}

static int take_turns(contest *game, const bench_limits *limits) {
    const double end = bench_now() + limits->seconds * game->count;
    int code = REPORT_FINE;
    while (!is_over(game, limits, end)) {
        for (int i = 0; i < game->count; i++) {
            TRY(take_turn(&game->subjects[i], game));
        }
    }
out:
    return code;
}

/* Phases of the quickest of some calls in the context that profiles. */
static int profile(subject *one, const contest *game) {
    clrnn_plan *plan = NULL;
    double least = INFINITY;
    double seconds = 0;
    int code = REPORT_FINE;
    if (make_plan(&plan, one, one->profiling, game) != CLRNN_STATUS_OK) {
        code = report_fail_library(0, "planning with profiling");
        goto out;
    }
    for (int i = 0; i < 1 + PROFILES; i++) { /* the first one warms up */
        clrnn_profile phases;
        TRY(call(&seconds, plan, game));
        if (clrnn_plan_profile(&phases, plan) != CLRNN_STATUS_OK) {
            code = report_fail_library(0, "profiling");
            goto out;
        }
        if (i > 0 && phases.total_us < least) {
            least = phases.total_us;
            one->row.projection_us = phases.projection_us;
            one->row.recurrence_us = phases.recurrence_us;
            one->row.transfer_us = phases.transfer_us;
        }
    }
out:
    clrnn_plan_free(plan);
    return code;
}

/* ---- a case ---------------------------------------------------------------------------------- */

static int make_args(contest *game) {
    const workload *load = &game->load;
    clrnn_tensor y;
    int64_t shape[3];
    int rank = 3;
    if (load->check_last) {
        rank = workload_output_shape(load, 1, shape);
    } else if (load->packed_rows > 0) {
        rank = workload_output_shape(load, 0, shape);
    } else {
        workload_steps_shape(load, load->outputs, shape);
    }
    if (clrnn_arrays_add(&y, load->arrays, "output", CLRNN_DTYPE_F32, rank, shape) !=
        CLRNN_STATUS_OK) {
        return report_fail_library(0, "reserving the output");
    }
    game->args = (clrnn_forward_args){.x = load->x,
                                      .y = y,
                                      .lengths = load->lengths,
                                      .mask = load->mask,
                                      .batch_sizes = load->batch_sizes,
                                      .layers = load->starts};
    return REPORT_FINE;
}

/* The case without engine and algorithm, which a row names by itself. */
static void name_case(bench_row *row, const problem *task) {
    problem bare = *task;
    bare.engine = 0;
    bare.algorithm[0] = 0;
    (void)problem_print(&bare, row->text, sizeof row->text);
}

int bench_time_case(const problem *task, bench_engines *engines, const bench_words *engine_names,
                    const bench_words *algorithms, const bench_limits *limits, bench_take take,
                    void *context) {
    contest game = {.task = task};
    int code = REPORT_FINE;
    TRY(workload_generate(&game.load, task));
    TRY(make_args(&game));
    TRY(add_subjects(&game, engines, engine_names, algorithms));
    for (int i = 0; i < game.count; i++) {
        TRY(warm_up(&game.subjects[i], &game, limits));
    }
    TRY(take_turns(&game, limits));
    for (int i = 0; i < game.count; i++) {
        subject *one = &game.subjects[i];
        TRY(profile(one, &game));
        fill_times(one);
        fill_rates(&one->row, &game.load, bench_engine_peak(engines, one->row.runs_on));
        name_case(&one->row, task);
        TRY(take(context, &one->row));
    }
out:
    for (int i = 0; i < game.count; i++) {
        clrnn_plan_free(game.subjects[i].plan);
        free(game.subjects[i].times);
    }
    free(game.subjects);
    workload_free(&game.load);
    return code;
}
