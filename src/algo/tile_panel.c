/*
 * tile_panel.c: shapes of the panel tile, for CPU drivers and for the CPU engine: as many rows and
 * vectors as registers hold, by a count of cycles.
 */
#include "algo/tile_panel.h"
#include "algo/algo.h"

#include <stdio.h>

/* Of the C build's variants, for 1 .. 4 sums a unit; columns are those of a strip. */
struct panel {
    int rows, vectors, columns;
};

#define PANELS_OF(v)                                                                               \
    {                                                                                              \
        {PANEL_##v##_1}, {PANEL_##v##_2}, {PANEL_##v##_3}, {                                       \
            PANEL_##v##_4                                                                          \
        }                                                                                          \
    }
static const struct panel variants[PANEL_VARIANTS][4] = {
    PANELS_OF(V0), PANELS_OF(V1), PANELS_OF(V2), PANELS_OF(V3), PANELS_OF(V4)};

/* Rows and columns of a tile at most: what common.cl repeats. */
enum { ROWS_MOST = 8, COLUMNS_MOST = 8 };

/*
 * A core as the count of cycles sees it: x86 since 2013 and what is like it. Each cycle two fmas of
 * a vector begin, which take four, and two loads; weights come from the second cache at some 40
 * bytes a cycle and from beyond at some 20 (measured: 107..178 GB/s and 40..107 GB/s a core).
 */
enum {
    FMA_LATENCY = 5, /* with what is lost where the chains just suffice (8 of Zen 3: 5.3 to 5.7) */
    L1_BYTES = 32 << 10,
    L2_BYTES = 512 << 10,
    SHARED_BYTES = 13 << 20, /* more weights do not stay in a cache that the cores share */
    L2_PER_CYCLE = 40,
    FAR_PER_CYCLE = 20,
    FINISH_CYCLES = 40, /* of a vector's cell for each of its activations, about */
};

struct shape {
    int rows;
    struct {
        int vectors, columns; /* of a block; of its strip: sums x vectors, or vectors of one sum */
    } of[CELL_MAX_PHASES];
};

static int64_t divide_up(int64_t value, int64_t by) {
    return (value + by - 1) / by;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int registers_of(const struct device_desc *device) {
    return device->vector_width == 16 ? 32 : 16;
}

/* Sums, one vector of each row or column, and one that changes. */
static int fits(const struct device_desc *device, int rows, int columns) {
    const int held = rows < columns ? rows : columns;
    return rows * columns + held + 1 <= registers_of(device);
}

/* Of a strip: all sums of a unit, or one where registers do not hold more; 0: not that, either. */
static int columns_of(const struct device_desc *device, int rows, int sums, int vectors) {
    const int all = sums * vectors;
    return all <= COLUMNS_MOST && fits(device, rows, all)                       ? all
           : rows > 1 && vectors <= COLUMNS_MOST && fits(device, rows, vectors) ? vectors
                                                                                : 0;
}

/* Cycles of one step's phase in one group. */
static int64_t phase_cycles(const struct algo_product *product, const struct device_desc *device,
                            int phase, int sums, int rows, int vectors, int columns) {
    const int64_t k = product->k[phase], strips = sums * vectors / columns;
    const int64_t lane_bytes = (int64_t)sizeof(float) * device->vector_width;
    const int64_t blocks = divide_up(
        divide_up(product->units[phase], (int64_t)vectors * device->vector_width), product->parts);
    const int64_t tiles = divide_up(product->rows, rows);
    const int64_t strip = k * columns * lane_bytes;
    /* of a column of k, in 1/40 of a cycle */
    const int64_t begin = larger(20 * rows * columns, 40 * FMA_LATENCY);
    const int64_t busy = larger(begin, 20 * (rows + columns)) + 10; /* a fourth to go on */
    const int64_t near = strip <= L1_BYTES ? 0 : columns * lane_bytes * (40 / L2_PER_CYCLE);
    const int64_t far =
        strip * strips * blocks <= L2_BYTES ? near : columns * lane_bytes * (40 / FAR_PER_CYCLE);
    const int64_t product_cycles =
        strips * (k * (larger(busy, far) + (tiles - 1) * larger(busy, near))) / 40;
    const int64_t finish = tiles * rows * vectors * (FINISH_CYCLES * (1 + sums));
    const int64_t adds = tiles * product->slices * rows * sums * vectors;
    return blocks * (product_cycles + finish + adds);
}

static int64_t cycles(const struct algo_product *product, const struct device_desc *device,
                      const struct cell *cell, const struct shape *shape) {
    int64_t sum = 0;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        sum += phase_cycles(product, device, phase, cell->phases[phase].rows, shape->rows,
                            shape->of[phase].vectors, shape->of[phase].columns);
    }
    return sum;
}

/* The best vectors of each phase for so many rows; 0: nothing fits. */
static int best_vectors(struct shape *shape, const struct algo_product *product,
                        const struct device_desc *device, const struct cell *cell) {
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const int sums = cell->phases[phase].rows;
        int64_t least = INT64_MAX;
        for (int vectors = 1; vectors <= COLUMNS_MOST; vectors++) {
            const int columns = columns_of(device, shape->rows, sums, vectors);
            const int64_t here = columns > 0 ? phase_cycles(product, device, phase, sums,
                                                            shape->rows, vectors, columns)
                                             : INT64_MAX;
            if (here < least) {
                least = here;
                shape->of[phase].vectors = vectors;
                shape->of[phase].columns = columns;
            }
        }
        if (least == INT64_MAX) {
            return 0;
        }
    }
    return 1;
}

/* A step of few weights is not worth a program of its own: shapes are few and those of the C build,
 * so that small nets share what was compiled. In weights of a sum: from H = 128 on. */
enum { SMALL_WEIGHTS = 128 * 128 };

static struct shape shape_of(int variant, const struct cell *cell) {
    struct shape out = {.rows = variants[variant][cell->phases[0].rows - 1].rows};
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const struct panel *panel = &variants[variant][cell->phases[phase].rows - 1];
        out.of[phase].vectors = panel->vectors;
        out.of[phase].columns = panel->columns;
    }
    return out;
}

/* What the C build has for so many lanes (VARIANTS_ of the Makefile), and registers hold. */
static int has_variant(const struct device_desc *device, int variant, const struct cell *cell) {
    const struct shape shape = shape_of(variant, cell);
    const int lanes = variant == 3 ? 16 : variant == 4 ? 8 : device->vector_width;
    int has = device->vector_width == lanes;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        has &= fits(device, shape.rows, shape.of[phase].columns);
    }
    return has;
}

/* One row: as many chains as hide the latency, if the units fill them. Several rows of the batch: the
 * cheapest tile that the C build has; the first one for a driver, so that its programs are few. */
static void choose_variant(struct shape *out, int *variant, const struct algo_product *product,
                           const struct device_desc *device, const struct cell *cell) {
    const int widest = shape_of(1, cell).of[0].vectors * device->vector_width;
    int64_t least = INT64_MAX;
    *variant = product->batch >= 4 ? 2 : product->units[0] >= widest * product->parts ? 1 : 0;
    for (int other = 2; product->batch >= 4 && other < PANEL_VARIANTS; other++) {
        const struct shape shape = shape_of(other, cell);
        if (has_variant(device, other, cell) && cycles(product, device, cell, &shape) < least) {
            least = device->kind == DEVICE_HOST ? cycles(product, device, cell, &shape) : 0;
            *variant = other;
        }
    }
    *out = shape_of(*variant, cell);
}

/* The cheapest of all that fit. */
static void choose_free(struct shape *out, const struct algo_product *product,
                        const struct device_desc *device, const struct cell *cell) {
    int64_t least = INT64_MAX;
    for (int rows = 1; rows <= ROWS_MOST; rows++) {
        struct shape shape = {.rows = rows};
        if (best_vectors(&shape, product, device, cell) &&
            cycles(product, device, cell, &shape) < least) {
            least = cycles(product, device, cell, &shape);
            *out = shape;
        }
    }
}

/* Where a step's weights come from memory, the rows' tiles take turns with a slice, and ask for the
 * next one meanwhile: gru T=50 N=16 H=1760 takes 0.87 of the time. Where a shared cache holds them it
 * costs (lstm N=64 H=512: 1.07), and a core that has all the weights gains nothing, since the others
 * ask for the same ones. */
static int asks_ahead(const struct algo_product *product, const struct cell *cell, int rows) {
    int64_t weights = 0;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        weights += (int64_t)cell->phases[phase].rows * product->units[phase] * product->k[phase];
    }
    const int64_t bytes = weights * (int64_t)sizeof(float);
    /* a tile of one row has no text for turns: TILE_TURNS of tile_panel.cl */
    return product->parts > 1 && rows > 1 && product->rows > rows && bytes > SHARED_BYTES;
}

/* Blocks of a projection that a group takes for the rows that it has found: their weights stay in the second
 * cache from group to group; and every core has several groups. */
static int blocks_of(const struct algo_product *product, const struct device_desc *device, int rows,
                     int columns) {
    enum { NEAR_BYTES = 128 << 10, BLOCKS_MOST = 8, GROUPS_CORE = 8 };
    const int64_t lanes = (int64_t)columns * device->vector_width;
    const int64_t tiles = divide_up(product->rows, rows), all = divide_up(product->units[0], lanes);
    const int64_t bytes = (int64_t)sizeof(float) * lanes * product->k[0];
    int64_t blocks = bytes > 0 ? NEAR_BYTES / bytes : 1;
    blocks = blocks > BLOCKS_MOST ? BLOCKS_MOST : blocks;
    while (blocks > 1 &&
           tiles * divide_up(all, blocks) < (int64_t)GROUPS_CORE * device->compute_units) {
        blocks--;
    }
    return blocks > 1 ? (int)blocks : 1;
}

static int refuse(const struct device_desc *device, const struct problem *problem, char *reason,
                  size_t size) {
    (void)problem;
    if (device->kind != DEVICE_HOST && device->kind != DEVICE_CPU) {
        snprintf(reason, size, "panels are for CPU drivers: a group is one work-item");
        return 1;
    }
    return 0;
}

static int64_t shape(struct algo_tile *out, struct algo_program *program,
                     const struct device_desc *device, const struct cell *cell,
                     const struct algo_product *product) {
    struct shape best = {.rows = 1};
    if (device->kind == DEVICE_HOST || (int64_t)product->units[0] * product->k[0] < SMALL_WEIGHTS) {
        choose_variant(&best, &out->variant, product, device, cell);
    } else {
        choose_free(&best, product, device, cell);
    }
    out->rows = best.rows;
    out->items = 1;
    out->split = 1;
    out->ahead = asks_ahead(product, cell, best.rows);
    out->turns = out->ahead ? TURNS : 1;
    out->blocks = blocks_of(product, device, best.rows, best.of[0].columns);
    out->vector_width = device->vector_width;
    algo_define(program, "VECTOR_WIDTH", -1, out->vector_width);
    algo_define(program, "ROWS", -1, out->rows);
    algo_define(program, "GROUP_ITEMS", -1, 1);
    algo_define(program, "SCRATCH_FLOATS", -1, 1);
    if (device->has_fetch) {
        algo_define(program, "HAS_FETCH", -1, 1);
    }
    if (device->has_division) {
        algo_define(program, "HAS_DIVISION", -1, 1);
    }
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const int vectors = best.of[phase].vectors, columns = best.of[phase].columns;
        out->block[phase] = vectors * out->vector_width;
        out->strip[phase] = columns * out->vector_width;
        out->turns = vectors * cell->phases[phase].rows > columns ? TURNS : out->turns;
        algo_define(program, "TILE_VECTORS_", phase, vectors);
        algo_define(program, "TILE_COLS_", phase, columns);
    }
    return cycles(product, device, cell, &best);
}

const struct tile tile_panel = {"tile_panel.cl", NULL, 1, refuse, shape};
