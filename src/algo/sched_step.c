/* sched_step.c: one launch a step and phase, after one that loads the states. */
#include "algo/algo.h"

#include <stdio.h>

static int refuse(const struct algo_config *config, const struct device_desc *device,
                  const struct problem *problem, char *reason, size_t size) {
    const int64_t units = (config->params.stride + config->tile.items - 1) / config->tile.items;
    int64_t rounds = units * (7 * (int64_t)config->steps + 2); /* as in sched_single.c */
    for (int phase = 0; phase < config->cell.phase_count; phase++) {
        const int64_t tile =
            algo_tile_rounds(&config->tile, config->params.k[phase], config->params.slices[phase]);
        rounds = tile > rounds ? tile : rounds;
    }
    (void)problem;
    if (device->loop_limit > 0 && rounds > device->loop_limit) {
        snprintf(reason, size,
                 "a kernel takes up to %lld rounds of loops, the driver stops after %lld",
                 (long long)rounds, (long long)device->loop_limit);
        return 1;
    }
    return 0;
}

/* Tiles are groups of their own. */
static int split(struct algo_split *out, int index, const struct device_desc *device,
                 const struct problem *problem) {
    (void)device;
    (void)problem;
    *out = (struct algo_split){.ranges = 1, .parts = 1};
    return index == 0;
}

static void launches(struct algo_config *config, const struct device_desc *device,
                     const struct problem *problem) {
    (void)device;
    const struct cell *cell = &config->cell;
    config->launches[0] = (struct algo_launch){
        .kernel = "step_begin", .groups = ALGO_GROUPS_ROWS, .repeat = ALGO_ONCE};
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const int block = config->tile.block[phase];
        config->launches[1 + phase] =
            (struct algo_launch){.kernel = "step_forward",
                                 .groups = ALGO_GROUPS_TILES,
                                 .repeat = ALGO_EACH_STEP,
                                 .phase = phase,
                                 .blocks = (config->params.units[phase] + block - 1) / block};
    }
    config->launch_count = 1 + cell->phase_count;
    snprintf(config->reason, sizeof config->reason,
             "one launch a step and phase, units in %d part%s by rows in tiles of %d",
             config->launches[1].blocks, config->launches[1].blocks == 1 ? "" : "s",
             config->tile.rows);
    (void)problem;
}

const struct schedule sched_step = {"sched_step.cl", split, 0, refuse, launches};
