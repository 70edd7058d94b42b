/* sched_single.c: one launch a sequence, the batch split over the groups. */
#include "algo/algo.h"

#include <stdio.h>

/* Rounds of loops of a group: to begin with its rows, and for one step of all of them. */
static int64_t begin_rounds(const struct algo_config *config, const struct problem *problem) {
    const int64_t rows = algo_rows_group(config, problem->batch);
    /* four arrays of outputs at most, of up to 4 x stride floats, are cleared past a row's length */
    return rows * (2 + (int64_t)config->params.stride * (7 * (int64_t)config->steps + 2));
}

static int64_t step_rounds(const struct algo_config *config, const struct problem *problem) {
    const int64_t rows = algo_rows_group(config, problem->batch);
    const int64_t tiles = (rows + config->tile.rows - 1) / config->tile.rows;
    int64_t rounds = 1;
    for (int phase = 0; phase < config->cell.phase_count; phase++) {
        const int64_t blocks = (config->params.units[phase] + config->tile.block[phase] - 1) /
                               config->tile.block[phase];
        rounds +=
            blocks * (1 + tiles * (1 + algo_tile_rounds(&config->tile, config->params.k[phase],
                                                        config->params.slices[phase])));
    }
    return rounds;
}

/* Every core takes rows of its own. */
static int split(struct algo_split *out, int index, const struct device_desc *device,
                 const struct problem *problem) {
    const int cores = device->compute_units;
    *out =
        (struct algo_split){.ranges = problem->batch < cores ? problem->batch : cores, .parts = 1};
    return index == 0;
}

static int refuse(const struct algo_config *config, const struct device_desc *device,
                  const struct problem *problem, char *reason, size_t size) {
    if (device->loop_limit > 0) {
        const int64_t rounds = begin_rounds(config, problem) + step_rounds(config, problem);
        if (rounds > device->loop_limit) {
            snprintf(reason, size,
                     "a group takes up to %lld rounds of loops, the driver stops after %lld",
                     (long long)rounds, (long long)device->loop_limit);
            return 1;
        }
    }
    return 0;
}

static void launches(struct algo_config *config, const struct device_desc *device,
                     const struct problem *problem) {
    if (device->loop_limit > 0) {
        const int64_t rest = device->loop_limit - begin_rounds(config, problem);
        const int64_t steps = rest / step_rounds(config, problem);
        config->chunk_steps = steps < config->chunk_steps ? (int)steps : config->chunk_steps;
    }
    config->launches[0] = (struct algo_launch){
        .kernel = "single_forward", .groups = ALGO_GROUPS_BATCH, .repeat = ALGO_EACH_CHUNK};
    config->launch_count = 1;
    snprintf(config->reason, sizeof config->reason,
             "one launch for all steps, the batch split over at most %d group%s", config->ranges,
             config->ranges == 1 ? "" : "s");
}

const struct schedule sched_single = {"sched_single.cl", split, 0, refuse, launches};
