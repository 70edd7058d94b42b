/* tile_register.c: shapes of the register tile: how many rows of W each item of a group of 256 holds. */
#include "algo/algo.h"

#include <stdio.h>

/*
 * 256 items: with them NVIDIA's GPUs and AMD's gfx906 grant an item 255 registers, with 512 half as
 * many, and what does not fit is memory, silently. Beside the weights a cell takes 30 to 60.
 */
enum { ITEMS = 256, WAVE = 64, LOCAL_BYTES = 32 << 10 };

/* Words up to which registers are left for a second row, and for x_proj of the next step: more words
 * are a product that takes as long as a load. */
enum { FEW_WORDS = 128 };

/* An item's rows and what they take, for one phase. */
struct share {
    int slices, slice, held, lines;
};

static struct share share_of(int rows, int units, int k, int slices) {
    struct share share = {.slices = slices, .slice = pack_slice(k, slices)};
    const int lines = ITEMS / slices; /* that a slice may have */
    share.held = (rows * units + lines - 1) / lines;
    share.lines = (rows * units + share.held - 1) / share.held;
    return share;
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* Slices that a group has room for sums of: items past the last slice store, too. */
static int slices_of(const struct share *share, int items) {
    return (items + share->lines - 1) / share->lines;
}

/* Words of weights in an item, all phases together. */
static int words_of(const struct cell *cell, const int *units, const int *k) {
    int words = 0;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const struct share share =
            share_of(cell->phases[phase].rows, units[phase], k[phase], algo_slices(cell, k[phase]));
        words += share.held * share.slice;
    }
    return words;
}

/* Bytes of the rows' vectors, the slices' sums and the biases, as if each row of the batch had its own. */
static int local_bytes(const struct cell *cell, const int *units, const int *k) {
    int stride = 0, sums = 0, biases = 0;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const struct share share =
            share_of(cell->phases[phase].rows, units[phase], k[phase], algo_slices(cell, k[phase]));
        stride = larger(stride, larger(units[phase], share.slices * share.slice));
        sums = larger(sums, slices_of(&share, ITEMS) * share.lines * share.held);
        biases += cell->phases[phase].rows * units[phase];
    }
    return (int)sizeof(float) * (6 * (stride + 3) + sums + biases);
}

static int size_of(const struct problem *problem, enum cell_size size) {
    return size == SIZE_WIDTH ? problem->width : problem->hidden;
}

static int refuse(const struct device_desc *device, const struct problem *problem, char *reason,
                  size_t size) {
    const struct cell *cell = &problem->cell;
    int units[CELL_MAX_PHASES] = {0}, k[CELL_MAX_PHASES] = {0};
    for (int phase = 0; phase < cell->phase_count; phase++) {
        units[phase] = size_of(problem, cell->phases[phase].units);
        k[phase] = size_of(problem, cell->phases[phase].k);
    }
    if (device->kind == DEVICE_HOST) {
        snprintf(reason, size, "registers need work-groups: the cpu engine has none");
    } else if (device->max_group < ITEMS) {
        snprintf(reason, size, "needs work-groups of %d items, the device takes %zu", ITEMS,
                 device->max_group);
    } else if (problem->hidden > 1024 || words_of(cell, units, k) > device->held_words) {
        snprintf(reason, size,
                 "W_hh takes %d words of each item's registers (H=%d), the device has room for %d",
                 problem->hidden > 1024 ? 1024 : words_of(cell, units, k), problem->hidden,
                 device->held_words);
    } else if ((size_t)local_bytes(cell, units, k) > device->local_memory ||
               local_bytes(cell, units, k) > LOCAL_BYTES) {
        snprintf(reason, size, "needs %d bytes of local memory, the device has %zu",
                 local_bytes(cell, units, k), device->local_memory);
    } else {
        return 0;
    }
    return 1;
}

/* A group a row while there are compute units for them; then two, as far as registers and local memory
 * go. */
static int rows_of(const struct device_desc *device, const struct algo_product *product, int words,
                   int bytes) {
    const int room =
        words <= FEW_WORDS && 2 * bytes <= LOCAL_BYTES && 2 * (size_t)bytes <= device->local_memory;
    return product->batch > device->compute_units && room ? 2 : 1;
}

static int64_t shape(struct algo_tile *out, struct algo_program *program,
                     const struct device_desc *device, const struct cell *cell,
                     const struct algo_product *product) {
    int stride = 0, sums = 0, items = WAVE;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const struct share share =
            share_of(cell->phases[phase].rows, product->units[phase], product->k[phase],
                     algo_slices(cell, product->k[phase]));
        items = larger(items, (share.lines * share.slices + WAVE - 1) / WAVE * WAVE);
    }
    out->rows = rows_of(device, product, words_of(cell, product->units, product->k),
                        local_bytes(cell, product->units, product->k));
    out->vector_width = 1;
    out->split = 1;
    out->is_whole = 1;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const int units = product->units[phase], k = product->k[phase];
        const struct share share =
            share_of(cell->phases[phase].rows, units, k, algo_slices(cell, k));
        out->block[phase] = units;
        out->held[phase] = share.held;
        stride = larger(stride, larger(units, share.slices * share.slice));
        sums = larger(sums, slices_of(&share, items) * share.lines * share.held);
        algo_define(program, "HELD_", phase, share.held);
        algo_define(program, "LINES_", phase, share.lines);
        algo_define(program, "SPLIT_", phase, share.slices);
        algo_define(program, "SLICE_", phase, share.slice);
        algo_define(program, "VEC_", phase, pack_vec(share.slice));
        algo_define(program, "UNITS_", phase, units);
    }
    out->items = items;
    algo_define(program, "AHEAD", -1, words_of(cell, product->units, product->k) <= FEW_WORDS);
    algo_define(program, "WORK_LOCAL", -1, 1);
    algo_define(program, "WORK_STRIDE", -1, (stride + 3) / 4 * 4);
    algo_define(program, "VECTOR_WIDTH", -1, 1);
    algo_define(program, "ROWS", -1, out->rows);
    algo_define(program, "GROUP_ITEMS", -1, items);
    int biases = out->rows * sums; /* behind the sums */
    for (int phase = 0; phase < cell->phase_count; phase++) {
        algo_define(program, "BIAS_", phase, biases);
        biases += cell->phases[phase].rows * product->units[phase];
    }
    algo_define(program, "SCRATCH_FLOATS", -1, biases);
    return 0;
}

const struct tile tile_register = {"tile_register.cl", &tile_stream, 0, refuse, shape};
