/* tile_register.c: shapes of the register tile: how many rows of W each item of a group of 256 holds. */
#include "algo/algo.h"

#include <stdio.h>

/*
 * 256 items: with them NVIDIA's GPUs and AMD's gfx906 grant an item 255 registers, with 512 half as
 * many, and what does not fit is memory, silently. Beside the weights a cell takes 30 to 60.
 */
enum {
    ITEMS = 256,
    WAVE = 64,
    LOCAL_BYTES = 32 << 10,
    PART_BYTES = 48 << 10, /* what a group may have everywhere, if it is one of few */
    CYCLES_OF_WORD = 4,    /* and row: 8 waves on 4 schedulers that take 2 cycles for an fma */
    VECTORS = 6            /* WORK_VECTORS of kernels/rows.cl */
};

/*
 * With no register spilled and none copied from elsewhere, as offline compilers of their targets say
 * (bench/results/gpu-report.md), by CL_DEVICE_VENDOR_ID. NVIDIA: ptxas, sm_75, 80, 90, 120. AMD: its library with
 * clang 15 and 19, gfx906, 90a, 1030, 1100; without gfx90a a cell of several gates could have 192. Arm's GPUs
 * have 64 registers an item for all there is. Others: Intel's compiler, dg2 and tgllp, which moves a whole array
 * to memory beyond; of others still nothing is known but that these are few.
 */
static const struct {
    unsigned vendor;
    struct held_words held;
} vendors[] = {
    {VENDOR_NVIDIA, {{196, 196, 196}, {190, 190, 168}, {144, 160, 128}, 128, 128, 64}},
    {VENDOR_AMD, {{168, 168, 168}, {128, 112, 96}, {128, 128, 128}, 128, 64, 64}},
    {VENDOR_ARM, {{16, 16, 16}, {16, 16, 16}, {16, 16, 16}, 16, 16, 16}},
    {0, {{64, 48, 48}, {32, 32, 32}, {32, 32, 16}, 32, 32, 16}},
};

/* On CPUs registers are memory, and any number is right. */
static const struct held_words of_a_cpu = {
    {196, 196, 196}, {196, 196, 196}, {160, 160, 160}, 128, 128, 128};

struct held_words tile_register_words(enum device_kind kind, unsigned vendor) {
    size_t at = 0;
    while (vendors[at].vendor != 0 && vendors[at].vendor != vendor) {
        at++;
    }
    return kind == DEVICE_GPU ? vendors[at].held : of_a_cpu;
}

int tile_register_kind(const struct cell *cell) {
    return cell->phase_count > 1 ? HELD_PHASES : cell->gates > 1 ? HELD_GATES : HELD_GATE;
}

int tile_register_held(int held, int slice, clrnn_weights weights) {
    const int pairs = weights != CLRNN_WEIGHTS_FP32 && pack_vec(slice) > 1;
    return held * slice / (pairs ? 2 : 1);
}

/* One phase: an item holds so many rows of W times one slice, and so many items share a slice. */
struct share {
    int slices, slice, held, lines;
};

/* What a group needs, all phases together. */
struct needs {
    struct share phases[CELL_MAX_PHASES];
    int items;
    int64_t words; /* of weights in an item */
    int stride;    /* floats of a vector of a row of the batch, of which there are VECTORS */
    int sums;      /* floats of the slices' sums, for each row of the batch */
    int biases;    /* floats */
    int64_t bytes; /* of local memory for a row of the batch, biases among them */
};

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* Units of a part, the last of which may have fewer. */
static int part_of(int units, int parts) {
    return (units + parts - 1) / parts;
}

static struct share share_of(int rows, int k, int slices) {
    struct share share = {.slices = slices, .slice = pack_slice(k, slices)};
    const int lines = ITEMS / slices; /* that a slice may have */
    share.held = (rows + lines - 1) / lines;
    share.lines = pack_lines(rows, share.held);
    return share;
}

/* Of a part of the units; `parts` of them share a row. */
static struct needs needs_of(const struct cell *cell, const int *units, const int *k, int parts,
                             clrnn_weights weights) {
    struct needs needs = {.items = WAVE};
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const int rows = cell->phases[phase].rows * part_of(units[phase], parts);
        const struct share share = share_of(rows, k[phase], algo_slices(cell, k[phase]));
        needs.phases[phase] = share;
        needs.items = larger(needs.items, (share.lines * share.slices + WAVE - 1) / WAVE * WAVE);
        needs.words += tile_register_held(share.held, share.slice, weights);
        needs.stride = larger(needs.stride, larger(units[phase], share.slices * share.slice));
        needs.biases += rows;
    }
    needs.stride = (needs.stride + 3) / 4 * 4; /* vectors of 4 are read at once */
    for (int phase = 0; phase < cell->phase_count; phase++) {
        /* items past the last slice store sums, too */
        const struct share *share = &needs.phases[phase];
        const int slices = (needs.items + share->lines - 1) / share->lines;
        needs.sums = larger(needs.sums, slices * share->lines * share->held);
    }
    const int scratch = (needs.sums + needs.biases + 3) / 4 * 4; /* the vectors' place is aligned */
    needs.bytes = (int64_t)sizeof(struct row) +
                  (int64_t)sizeof(float) * (VECTORS * (int64_t)needs.stride + scratch);
    return needs;
}

static void sizes_of(int *units, int *k, const struct problem *problem) {
    for (int phase = 0; phase < problem->cell.phase_count; phase++) {
        units[phase] = algo_size(problem, problem->cell.phases[phase].units);
        k[phase] = algo_size(problem, problem->cell.phases[phase].k);
    }
}

/* What holds for one group a row and for several. */
static int refuse_groups(const struct device_desc *device, const struct problem *problem,
                         char *reason, size_t size) {
    if (algo_size(problem, problem->cell.phases[0].k) == 0) {
        snprintf(reason, size, "a dense layer has no recurrent weights to keep in registers");
    } else if (device->kind == DEVICE_HOST) {
        snprintf(reason, size, "registers need work-groups: the cpu engine has none");
    } else if (device->max_group < ITEMS) {
        snprintf(reason, size, "needs work-groups of %d items, the device takes %zu", ITEMS,
                 device->max_group);
    } else {
        return 0;
    }
    return 1;
}

static int refuse(const struct device_desc *device, const struct problem *problem, char *reason,
                  size_t size) {
    int units[CELL_MAX_PHASES] = {0}, k[CELL_MAX_PHASES] = {0};
    if (refuse_groups(device, problem, reason, size)) {
        return 1;
    }
    sizes_of(units, k, problem);
    const struct needs needs = needs_of(&problem->cell, units, k, 1, problem->weights);
    const int *held =
        problem->weights == CLRNN_WEIGHTS_FP32 ? device->held.group : device->held.pairs;
    const int words = held[tile_register_kind(&problem->cell)];
    if (needs.words > words) {
        snprintf(
            reason, size,
            "W_hh takes %lld words of each item's registers (H=%d), the device has room for %d",
            (long long)needs.words, problem->hidden, words);
    } else if ((size_t)needs.bytes > device->local_memory || needs.bytes > LOCAL_BYTES) {
        snprintf(reason, size, "needs %lld bytes of local memory, the device has %zu",
                 (long long)needs.bytes, device->local_memory);
    } else {
        return 0;
    }
    return 1;
}

/* A group a row while there are compute units for them; then two, as far as registers and local memory
 * go. */
static int rows_of(const struct device_desc *device, const struct algo_product *product,
                   const struct needs *needs) {
    const int words =
        product->weights == CLRNN_WEIGHTS_FP32 ? device->held.rows : device->held.pair_rows;
    const int room = needs->words <= words && 2 * needs->bytes <= LOCAL_BYTES &&
                     2 * (size_t)needs->bytes <= device->local_memory;
    return product->batch > device->compute_units && room ? 2 : 1;
}

static void lay_out(struct algo_tile *out, struct algo_program *program,
                    const struct device_desc *device, const struct cell *cell,
                    const struct algo_product *product, const struct needs *needs, int rows) {
    out->rows = rows;
    out->items = needs->items;
    out->vector_width = 1;
    out->split = 1;
    out->is_whole = 1;
    if (device->kind == DEVICE_GPU) {
        algo_define(program, "PLAIN_LOOP", -1, 1);
    }
    algo_define(program, "WORK_LOCAL", -1, 1);
    algo_define(program, "WORK_STRIDE", -1, needs->stride);
    algo_define(program, "VECTOR_WIDTH", -1, 1);
    algo_define(program, "ROWS", -1, out->rows);
    algo_define(program, "GROUP_ITEMS", -1, needs->items);
    int scratch = out->rows * needs->sums; /* biases stand behind the sums */
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const struct share *share = &needs->phases[phase];
        const int units = part_of(product->units[phase], product->parts);
        out->block[phase] = units;
        out->held[phase] = share->held;
        algo_define(program, "HELD_", phase, share->held);
        algo_define(program, "LINES_", phase, share->lines);
        algo_define(program, "SPLIT_", phase, share->slices);
        algo_define(program, "SLICE_", phase, share->slice);
        algo_define(program, "VEC_", phase, pack_vec(share->slice));
        algo_define(program, "UNITS_", phase, units);
        algo_define(program, "BIAS_", phase, scratch);
        scratch += cell->phases[phase].rows * units;
    }
    algo_define(program, "SCRATCH_FLOATS", -1, scratch);
}

static int64_t shape(struct algo_tile *out, struct algo_program *program,
                     const struct device_desc *device, const struct cell *cell,
                     const struct algo_product *product) {
    const struct needs needs = needs_of(cell, product->units, product->k, 1, product->weights);
    lay_out(out, program, device, cell, product, &needs, rows_of(device, product, &needs));
    return 0;
}

const struct tile tile_register = {"tile_register.cl", &tile_stream, 1, refuse, shape};

/* ---- a part of the units --------------------------------------------------------------------- */

/* Rows of the batch in a group: the fewest that leave no row without one. More than one where registers are
 * left; and what the group needs must fit. */
static int64_t shape_part(struct algo_tile *out, struct algo_program *program,
                          const struct device_desc *device, const struct cell *cell,
                          const struct algo_product *product) {
    const struct needs needs =
        needs_of(cell, product->units, product->k, product->parts, product->weights);
    const int64_t rows = product->rows;
    const int64_t bytes = rows * needs.bytes;
    const int most = needs.words <= device->held.part_rows ? ALGO_PART_ROWS : 1;
    if (rows > most || needs.words > device->held.part[tile_register_kind(cell)] ||
        bytes > PART_BYTES || (size_t)bytes > device->local_memory) {
        return ALGO_NEVER;
    }
    lay_out(out, program, device, cell, product, &needs, (int)rows);
    int taken = 0;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        algo_define(program, "TOTAL_", phase, product->units[phase]);
        taken = larger(taken, (int)rows * product->units[phase]);
    }
    algo_define(program, "TAKEN", -1, (taken + needs.items - 1) / needs.items);
    return rows * needs.words * CYCLES_OF_WORD;
}

const struct tile tile_part = {"tile_register.cl", &tile_stream, 1, refuse_groups, shape_part};
