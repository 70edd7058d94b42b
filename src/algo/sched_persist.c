/* sched_persist.c: one launch a sequence, units split over groups that meet at every step. */
#include "algo/algo.h"

#include <math.h>
#include <stdio.h>

/* To meet: 0.1 to 0.2 us, and the slowest part of a step decides. */
enum { MEET_CYCLES = 600 };

/* All cores as ranges x parts, two parts at least. */
static int split(struct algo_split *out, int index, const struct device_desc *device,
                 const struct problem *problem) {
    const int cores = device->compute_units > 1 ? device->compute_units : 2;
    const int ranges = 1 + index;
    *out = (struct algo_split){.ranges = ranges, .parts = cores / ranges};
    return ranges <= problem->batch && cores / ranges >= 2;
}

/* Of the phase that has most: in the others some parts may have nothing to do. */
static int blocks_of(const struct algo_config *config) {
    int most = 0;
    for (int phase = 0; phase < config->cell.phase_count; phase++) {
        const int block = config->tile.block[phase];
        const int blocks = (config->params.units[phase] + block - 1) / block;
        most = blocks > most ? blocks : most;
    }
    return most;
}

static int refuse(const struct algo_config *config, const struct device_desc *device,
                  const struct problem *problem, char *reason, size_t size) {
    if (algo_refuses_meeting(device, 1, reason, size)) {
        return 1;
    }
    if (config->params.k[0] == 0) {
        snprintf(reason, size, "a dense layer has no steps that wait for each other");
    } else if (blocks_of(config) < 2) {
        snprintf(reason, size, "H=%d is one block of units (%d): there is nothing to split",
                 problem->hidden, config->tile.block[0]);
    } else {
        return 0;
    }
    return 1;
}

/* How long a part waits, in 1024 loads of a flag (2 us). Others may be a step behind; besides that as long as
 * all steps take, at 100 GFLOP/s: to go on alone costs about as much. At least 0.7 ms, in which a thread
 * wakes up, and at most 10 ms, some scheduler's times of another program on its core. */
static int patience_of(const struct algo_config *config, const struct problem *problem) {
    double flops = 0;
    for (int phase = 0; phase < config->cell.phase_count; phase++) {
        flops += 2.0 * problem->batch * config->cell.phases[phase].rows *
                 (double)config->params.units[phase] * config->params.k[phase];
    }
    const double step_us = fmin(flops / 100e3, 1e6);
    return (int)((step_us + fmin(fmax(step_us * config->steps, 700), 10e3)) / 2);
}

static void launches(struct algo_config *config, const struct device_desc *device,
                     const struct problem *problem) {
    (void)device;
    const int blocks = blocks_of(config);
    const int parts = config->params.parts < blocks ? config->params.parts : blocks;
    config->params.parts = parts;
    config->params.patience = patience_of(config, problem);
    config->ranges = device->compute_units / parts;
    config->launches[0] = (struct algo_launch){.kernel = "persist_forward",
                                               .groups = ALGO_GROUPS_PARTS,
                                               .repeat = ALGO_EACH_CHUNK,
                                               .meets = 1};
    config->launches[1] = (struct algo_launch){.kernel = "persist_forward",
                                               .groups = ALGO_GROUPS_BATCH,
                                               .repeat = ALGO_EACH_CHUNK,
                                               .meets = 1,
                                               .finish = 1};
    config->launch_count = 2;
    config->flags = 1 + config->ranges * parts;
    snprintf(config->reason, sizeof config->reason,
             "one launch for all steps, units in %d parts that meet at every step, the batch split "
             "over at most %d group%s",
             parts, config->ranges, config->ranges == 1 ? "" : "s");
}

const struct schedule sched_persist = {"sched_persist.cl", split, MEET_CYCLES, refuse, launches};
