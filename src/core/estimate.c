/*
 * estimate.c: from configs to microseconds: a product takes the longer of its arithmetic and the way
 * of its weights to the core, a step what its groups take one after the other on the cores there
 * are. Pure functions, without a clock.
 */
#include "core/estimate.h"

#include <math.h>
#include <stddef.h>

/* ---- speeds ---------------------------------------------------------------------------------- */

/* From whole forwards of the cpu engine on a Zen 5 with AVX-512 (1 MiB of L2 a core) at 79 shapes: rnn,
 * lstm and gru, T 1 .. 1000, N 1 .. 64, H 8 .. 1024. Most of them take 0.8 to 1.25 of the estimate;
 * T = 1 with H = 256 takes 1.6. */
static struct estimate_speeds cpu_speeds(const struct device_desc *device) {
    return (struct estimate_speeds){
        .call_us = 0.5,
        .launch_us = device->compute_units > 1 ? 0.5 : 0, /* to hand a job to the threads */
        .step_us = 0.025,
        .meet_us = 0.2, /* two threads, by flags: 0.1 (Zen 3) to 0.2 (Xeon) */
        .tile_us = 0.01,
        .cores = device->compute_units,
        .gflops = 15.0 * device->vector_width, /* 240 with 16; Zen 3 100 with 8, Xeon 220 */
        .near_bytes = 768 * 1024,              /* L2 is 512 KiB to 2 MiB, x and y want a part */
        .near_gbps = 200,                      /* N = 1, H = 256: 100 GFLOP/s at 2 bytes each */
        .far_gbps = 95, /* N = 1, H = 1024, from L3; Zen 3 55, Xeon 29 to 65 */
        .act_us = 0.013,
        .unit_us = 0.010,
    };
}

/* The same text on the same cores, compiled by the driver. */
static struct estimate_speeds driver_speeds(const struct device_desc *device) {
    struct estimate_speeds speeds = cpu_speeds(device);
    speeds.call_us = 25;  /* enqueue and finish: PoCL 15 to 80, Intel's runtime 7 to 9 */
    speeds.copy_gbps = 0; /* large arrays are used where they lie */
    speeds.launch_us = 2; /* PoCL 1.7 to 2.5, Intel's runtime 2.1 to 3.4 */
    speeds.cores = device->compute_units;
    return speeds;
}

/* A guess, not measured: published figures are 5 to 10 us a step for launches one after the other
 * and 0.6 to 1.6 us for a persistent kernel (cuDNN), 10 TFLOP/s and more for all of a GPU. */
static struct estimate_speeds gpu_speeds(const struct device_desc *device) {
    return (struct estimate_speeds){
        .call_us = 30,
        .copy_gbps = 10,
        .launch_us = 5,
        .step_us = 2,
        .meet_us = 1.5,
        .tile_us = 0.1,
        .cores = device->compute_units,
        .gflops = 40,
        .near_bytes = 4 * 1024 * 1024,
        .near_gbps = 60,
        .far_gbps = 30,
        .act_us = 0.0005,
        .unit_us = 0.0005,
    };
}

#define FIELD(name)                                                                                \
    { #name, offsetof(struct estimate_speeds, name) }
const struct estimate_field estimate_fields[ESTIMATE_FIELDS] = {
    FIELD(call_us),   FIELD(copy_gbps), FIELD(launch_us), FIELD(step_us),
    FIELD(meet_us),   FIELD(tile_us),   FIELD(gflops),    FIELD(near_bytes),
    FIELD(near_gbps), FIELD(far_gbps),  FIELD(act_us),    FIELD(unit_us),
};
#undef FIELD

double *estimate_field_at(struct estimate_speeds *speeds, int field) {
    return (double *)((char *)speeds + estimate_fields[field].at);
}

struct estimate_speeds estimate_speeds_of(const struct device_desc *device) {
    switch (device->kind) {
    case DEVICE_HOST:
        return cpu_speeds(device);
    case DEVICE_CPU:
        return driver_speeds(device);
    case DEVICE_GPU:
    case DEVICE_ACCELERATOR:
        break;
    }
    return gpu_speeds(device);
}

/* ---- one strand ------------------------------------------------------------------------------ */

static double ceil_of(double count, double size) {
    return ceil(count / size);
}

/* Times that `groups` groups are taken up by the cores. */
static double waves(const struct estimate_speeds *speeds, const size_t groups[2]) {
    return ceil_of((double)groups[0] * (double)groups[1], speeds->cores);
}

/* More weights than so many times what is near do not stay in a processor's shared cache either, and
 * memory has half of its speed. From N = 1, H = 1760 on two cores: rnn (12 MB) 108 GB/s a core, gru
 * (37 MB) 65, lstm (50 MB) 44. */
#define SHARED_CACHE 17

/* `rows` rows times `units` units of a phase, on one core. A block's weights come from where all of
 * the core's `bytes` lie for the first tile of rows, and are near for the others; arithmetic hides
 * the way from near, and of the way from far a part: less, the more alike the two are. */
static double product_us(const struct estimate_speeds *speeds, const struct algo_config *config,
                         int phase, double rows, double units, double bytes) {
    const double weights = config->cell.phases[phase].rows * units * config->params.k[phase];
    const double arithmetic = 2 * weights * config->tile.rows / speeds->gflops;
    const int slice = config->params.slice[phase];
    /* what stays in registers is not on its way */
    const double moves = config->tile.held[phase] > 0
                             ? config->tile.far[phase] * pack_vec(slice) / (double)slice
                             : 1;
    const double near = fmax(arithmetic, moves * 4 * weights / speeds->near_gbps);
    const double all = 4 * (double)config->weight_floats;
    const double far_gbps = speeds->far_gbps / (all > SHARED_CACHE * speeds->near_bytes ? 2 : 1);
    const double first =
        bytes <= speeds->near_bytes ? near : hypot(arithmetic, moves * 4 * weights / far_gbps);
    return (first + (ceil_of(rows, config->tile.rows) - 1) * near) * 1e-3;
}

/* A step of a group with `rows` rows and, of each phase from first on, one in `parts` of its
 * units. */
static double step_us(const struct estimate_speeds *speeds, const struct algo_config *config,
                      double rows, double parts, int first, int count) {
    const double bytes = 4 * (double)config->weight_floats / parts;
    const double vectors = config->params.units[0] / parts / config->tile.vector_width;
    const int acts = config->cell.act_count > 0 ? config->cell.act_count : config->cell.gates;
    double us = speeds->step_us;
    for (int phase = first; phase < first + count; phase++) {
        us += product_us(speeds, config, phase, rows, config->params.units[phase] / parts, bytes);
    }
    return us + rows * vectors * (acts * speeds->act_us + speeds->unit_us);
}

/* A launch of the recurrence, as often as `steps` steps want it. */
static double launch_us(const struct estimate_speeds *speeds, const struct algo_config *config,
                        const struct algo_launch *launch, int steps, int batch) {
    size_t groups[2];
    const int phases = config->cell.phase_count;
    const double calls = launch->repeat == ALGO_ONCE        ? 1
                         : launch->repeat == ALGO_EACH_STEP ? steps
                                                            : ceil_of(steps, config->chunk_steps);
    const double meet = launch->meets ? speeds->meet_us * phases : 0;
    double step = 0;
    algo_launch_groups(groups, config, launch, &config->tile, steps, batch);
    switch (launch->groups) {
    case ALGO_GROUPS_TILES:
        step = step_us(speeds, config, config->tile.rows, launch->blocks, launch->phase, 1);
        break;
    case ALGO_GROUPS_BATCH:
    case ALGO_GROUPS_PARTS:
        step = step_us(speeds, config, fmin(algo_rows_group(config, batch), batch),
                       (double)groups[1], 0, phases) +
               meet;
        break;
    case ALGO_GROUPS_STEPS:
    case ALGO_GROUPS_ROWS:
        break;
    }
    const int is_idle = launch->finish || launch->clears;
    return calls * speeds->launch_us + (is_idle ? 0 : waves(speeds, groups) * step * steps);
}

/* x_proj of `steps` steps: tiles of rows by blocks of columns, the weights of a block kept near. */
static double projection_us(const struct estimate_speeds *speeds, const struct algo_config *config,
                            int steps, int batch) {
    size_t groups[2];
    const struct algo_tile *tile = &config->projection_tile;
    const double rows = (double)steps * batch, columns = config->params.columns;
    const double weights = columns * config->params.inputs;
    if (config->projection_floats == 0) {
        return 0;
    }
    algo_launch_groups(groups, config, &config->projection_launch, tile, steps, batch);
    const double cores = fmin((double)groups[0] * (double)groups[1], speeds->cores);
    const double gbps = 4 * weights <= speeds->near_bytes ? speeds->near_gbps : speeds->far_gbps;
    const double padded = ceil_of(rows, tile->rows) * tile->rows;
    const double product =
        fmax(2 * weights * padded / speeds->gflops, 4 * weights / gbps) * 1e-3 / cores;
    /* CLBlast's launches are its own, its tiles no smaller than others' */
    const double tiles = config->projection == CLRNN_PROJECTION_CLBLAST
                             ? 0
                             : waves(speeds, groups) * speeds->tile_us;
    return speeds->launch_us + product + tiles;
}

static double recurrence_us(const struct estimate_speeds *speeds, const struct algo_config *config,
                            int steps, int batch) {
    double us = 0;
    for (int i = 0; i < config->launch_count; i++) {
        us += launch_us(speeds, config, &config->launches[i], steps, batch);
    }
    return us;
}

static double piece_us(const struct estimate_speeds *speeds, const struct algo_config *config,
                       int steps, int batch) {
    return projection_us(speeds, config, steps, batch) +
           recurrence_us(speeds, config, steps, batch);
}

/* The part of the cores that a step's launch leaves to others, at the least. */
static double idle_part(const struct estimate_speeds *speeds, const struct algo_config *config,
                        int steps, int batch) {
    double idle = 1;
    for (int i = 0; i < config->launch_count; i++) {
        size_t groups[2];
        algo_launch_groups(groups, config, &config->launches[i], &config->tile, steps, batch);
        idle = fmin(idle, fmax(0, 1 - (double)groups[0] * (double)groups[1] / speeds->cores));
    }
    return idle;
}

/* Two queues wait for each other twice a piece: as long as for so many launches. */
enum { WAITS = 2 };

/* What a piece of `steps` steps saves where its projection runs beside the `before` steps of the one
 * before it. */
static double hidden_us(const struct estimate_speeds *speeds, const struct algo_config *config,
                        int before, int steps, int batch) {
    const double room =
        idle_part(speeds, config, before, batch) * recurrence_us(speeds, config, before, batch);
    return fmin(projection_us(speeds, config, steps, batch), room) - WAITS * speeds->launch_us;
}

/* ---- all of it ------------------------------------------------------------------------------- */

double estimate_forward(const struct estimate_speeds *speeds, const struct estimate_job *job) {
    const int whole = job->steps / job->chunk, rest = job->steps % job->chunk;
    double us = speeds->call_us;
    if (speeds->copy_gbps > 0) {
        us += 4.0 * job->features * job->steps * job->batch / speeds->copy_gbps * 1e-3;
    }
    for (int i = 0; i < job->strand_count; i++) {
        us += whole * piece_us(speeds, &job->configs[i], job->chunk, job->batch);
        us += rest > 0 ? piece_us(speeds, &job->configs[i], rest, job->batch) : 0;
        if (job->beside && whole > 0) {
            us -= (whole - 1) *
                  hidden_us(speeds, &job->configs[i], job->chunk, job->chunk, job->batch);
            us -= rest > 0 ? hidden_us(speeds, &job->configs[i], job->chunk, rest, job->batch) : 0;
        }
    }
    return us;
}
