/* tile_panel.c: shapes of the panel tile, for CPU drivers and for the CPU engine. */
#include "algo/tile_panel.h"
#include "algo/algo.h"

#include <stdio.h>

static const int panel_rows[PANEL_VARIANTS] = {PANEL_ROWS_V0, PANEL_ROWS_V1, PANEL_ROWS_V2};

#define VECTORS_OF(v)                                                                              \
    { PANEL_VECTORS_##v##_1, PANEL_VECTORS_##v##_2, PANEL_VECTORS_##v##_3, PANEL_VECTORS_##v##_4 }
static const int panel_vectors[PANEL_VARIANTS][4] = {VECTORS_OF(V0), VECTORS_OF(V1),
                                                     VECTORS_OF(V2)};

static int refuse(const struct device_desc *device, const struct problem *problem, char *reason,
                  size_t size) {
    (void)problem;
    if (device->kind != DEVICE_HOST && device->kind != DEVICE_CPU) {
        snprintf(reason, size, "panels are for CPU drivers: a group is one work-item");
        return 1;
    }
    return 0;
}

static void shape(struct algo_tile *out, struct algo_program *program,
                  const struct device_desc *device, const struct cell *cell, int units, int slices,
                  int64_t batch) {
    const int width = device->vector_width;
    const int widest = panel_vectors[1][cell->phases[0].rows - 1] * width;
    const int variant = batch >= 4 ? 2 : units >= widest ? 1 : 0;
    (void)slices;
    out->rows = panel_rows[variant];
    out->items = 1;
    out->split = 1;
    out->vector_width = width;
    out->variant = variant;
    algo_define(program, "VECTOR_WIDTH", -1, width);
    algo_define(program, "ROWS", -1, out->rows);
    algo_define(program, "GROUP_ITEMS", -1, 1);
    algo_define(program, "SCRATCH_FLOATS", -1, 1);
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const int rows = cell->phases[phase].rows;
        const int vectors = panel_vectors[variant][rows - 1];
        out->block[phase] = vectors * width;
        algo_define(program, "TILE_VECTORS_", phase, vectors);
        algo_define(program, "TILE_COLS_", phase, vectors * rows);
    }
}

const struct tile tile_panel = {"tile_panel.cl", refuse, shape};
