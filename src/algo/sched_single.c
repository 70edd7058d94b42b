/* sched_single.c: one launch a sequence, the batch split over the groups. */
#include "algo/algo.h"

#include <stdio.h>

static int refuse(const struct device_desc *device, const struct problem *problem, char *reason,
                  size_t size) {
    (void)device;
    (void)problem;
    (void)reason;
    (void)size;
    return 0;
}

static void launches(struct algo_config *config, const struct device_desc *device,
                     const struct problem *problem) {
    (void)problem;
    config->launches[0] = (struct algo_launch){
        .kernel = "single_forward", .groups = ALGO_GROUPS_BATCH, .repeat = ALGO_EACH_CHUNK};
    config->launch_count = 1;
    snprintf(config->reason, sizeof config->reason,
             "one launch for all steps, the batch split over %d groups at most",
             device->compute_units);
}

const struct schedule sched_single = {"sched_single.cl", refuse, launches};
