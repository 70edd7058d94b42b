/* tile_stream.c: shapes of the stream tile, for any device. */
#include "algo/algo.h"

#include <stdio.h>

enum {
    BLOCK = 64,      /* units of a group: at least a wave of every vendor */
    MAX_ITEMS = 256, /* what every GPU takes with registers to spare */
    MIN_ITEMS = 64,
    SCRATCH_BYTES = 16384 /* half of the 32 KiB that OpenCL grants: two groups a unit */
};

static int group_items(const struct device_desc *device) {
    int items = MAX_ITEMS;
    while (items > MIN_ITEMS && (size_t)items > device->max_group) {
        items /= 2;
    }
    return items;
}

static int refuse(const struct device_desc *device, const struct problem *problem, char *reason,
                  size_t size) {
    (void)problem;
    if (device->kind == DEVICE_HOST) {
        snprintf(reason, size, "streams need work-groups: the cpu engine has none");
        return 1;
    }
    if (device->max_group < MIN_ITEMS) {
        snprintf(reason, size, "needs work-groups of %d items, the device takes %zu", MIN_ITEMS,
                 device->max_group);
        return 1;
    }
    if (device->local_memory < SCRATCH_BYTES) {
        snprintf(reason, size, "needs %d bytes of local memory, the device has %zu", SCRATCH_BYTES,
                 device->local_memory);
        return 1;
    }
    return 0;
}

static int64_t shape(struct algo_tile *out, struct algo_program *program,
                     const struct device_desc *device, const struct cell *cell,
                     const struct algo_product *product) {
    const int items = group_items(device);
    out->rows = product->batch >= 4 ? 4 : 1;
    out->split = product->slices < items / BLOCK ? product->slices : items / BLOCK;
    out->items = BLOCK * out->split;
    out->vector_width = 1;
    int most_rows = 1;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        out->block[phase] = BLOCK;
        most_rows = cell->phases[phase].rows > most_rows ? cell->phases[phase].rows : most_rows;
    }
    const int chunk = SCRATCH_BYTES / (int)sizeof(float) / (out->split * out->rows) >= 256
                          ? 64
                          : 32; /* columns of v staged at once */
    const int staged = out->split * out->rows * chunk;
    const int partial = out->split > 1 ? out->split * out->rows * most_rows * BLOCK : 0;
    algo_define(program, "VECTOR_WIDTH", -1, 1);
    algo_define(program, "ROWS", -1, out->rows);
    algo_define(program, "BLOCK", -1, BLOCK);
    algo_define(program, "SPLIT", -1, out->split);
    algo_define(program, "CHUNK", -1, chunk);
    algo_define(program, "GROUP_ITEMS", -1, out->items);
    algo_define(program, "SCRATCH_FLOATS", -1, staged > partial ? staged : partial);
    return 0;
}

const struct tile tile_stream = {"tile_stream.cl", NULL, 0, refuse, shape};
