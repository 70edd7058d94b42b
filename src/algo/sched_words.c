/* sched_words.c: one launch a sequence, units split over groups that hand their numbers to each other. */
#include "algo/algo.h"

#include <limits.h>
#include <stdio.h>

/* To meet: a number's way through the cache that all compute units share, and half a look for it. */
enum { MEET_CYCLES = 1000 };

enum { MOST_PARTS = 64, WORDS_FIRST = 32 /* of kernels/rows.cl */ };

/* 2, 4, 8 ... parts, each number with as many ranges of rows as there are compute units for. */
static int split(struct algo_split *out, int index, const struct device_desc *device,
                 const struct problem *problem) {
    const int parts = index < 16 ? 2 << index : MOST_PARTS + 1;
    const int ranges = device->compute_units / parts;
    *out = (struct algo_split){.ranges = ranges < problem->batch ? ranges : problem->batch,
                               .parts = parts};
    if (index == 0 && ranges < 1) {
        *out = (struct algo_split){.ranges = 1, .parts = parts}; /* to be refused */
        return 1;
    }
    return parts <= MOST_PARTS && ranges >= 1;
}

static int64_t words_of(const struct algo_config *config) {
    return (int64_t)config->steps * config->cell.phase_count * config->batch *
           config->params.stride;
}

static int64_t bytes_of(const struct algo_config *config) {
    return (int64_t)sizeof(float) * (WORDS_FIRST + words_of(config));
}

static int refuse(const struct algo_config *config, const struct device_desc *device,
                  const struct problem *problem, char *reason, size_t size) {
    if (algo_refuses_meeting(device, 0, reason, size)) {
        return 1;
    }
    if (problem->merges) {
        snprintf(reason, size,
                 "a launch whose groups gave up is done again, and would join its output to the "
                 "first direction's twice");
    } else if (problem->hidden < 2 * config->params.parts) {
        snprintf(reason, size, "H=%d is too few units to split", problem->hidden);
    } else if (words_of(config) > (int64_t)(INT_MAX / 2)) {
        snprintf(reason, size, "the words of all %d steps are more than %d", config->steps,
                 INT_MAX / 2);
    } else if (device->max_alloc > 0 && (uint64_t)bytes_of(config) > device->max_alloc) {
        snprintf(reason, size, "the words of all %d steps take %lld bytes, a buffer at most %zu",
                 config->steps, (long long)bytes_of(config), device->max_alloc);
    } else {
        return 0;
    }
    return 1;
}

/* How long a group waits, in 1024 looks at its words, each some 0.5 us on a GPU and less on a CPU: for the
 * other groups to begin. */
enum { PATIENCE = 400 };

static void launches(struct algo_config *config, const struct device_desc *device,
                     const struct problem *problem) {
    const int parts = config->params.parts;
    const int64_t bytes = bytes_of(config);
    (void)device;
    (void)problem;
    config->params.patience = PATIENCE;
    config->chunk_steps = config->steps; /* a launch has the words of a whole piece */
    config->launches[0] = (struct algo_launch){.kernel = "words_clear",
                                               .groups = ALGO_GROUPS_PARTS,
                                               .repeat = ALGO_EACH_CHUNK,
                                               .meets = 1,
                                               .clears = 1};
    config->launches[1] = (struct algo_launch){.kernel = "words_forward",
                                               .groups = ALGO_GROUPS_PARTS,
                                               .repeat = ALGO_EACH_CHUNK,
                                               .meets = 1};
    config->launches[2] = (struct algo_launch){.kernel = "words_finish",
                                               .groups = ALGO_GROUPS_BATCH,
                                               .repeat = ALGO_EACH_CHUNK,
                                               .meets = 1,
                                               .finish = 1};
    config->launch_count = 3;
    config->flags = (int)((bytes + ALGO_FLAG_BYTES - 1) / ALGO_FLAG_BYTES);
    snprintf(config->reason, sizeof config->reason,
             "one launch for all steps, W_hh split over %d groups a row, which hand their "
             "units to each other; the batch split over at most %d",
             parts, config->ranges);
}

const struct schedule sched_words = {"sched_words.cl", split, MEET_CYCLES, refuse, launches};
