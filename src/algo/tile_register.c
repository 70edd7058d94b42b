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
    LOST_BYTES = 16,       /* `lost` of kernels/sched_words.cl, aligned */
    CYCLES_OF_WORD = 4,    /* and row: 8 waves on 4 schedulers that take 2 cycles for an fma */
    NEAR_CYCLES = 8,       /* 256 words from local memory, 128 bytes a cycle */
    FAR_CYCLES = 21,       /* from the cache that all share: 5 KiB a cycle for 108 compute units */
    AHEAD_WORDS = 16, /* 16 KiB of a group are on their way: a latency of 400 cycles is hidden */
    MOST_FAR = 256,   /* of one group: 5400 cycles, as long as the launch of a step */
    GROUP_CHAINS = 8, /* sums of an item, beside what is ahead: gfx90a spills 9 vectors of 4 */
    MOST_CHAINS = 16, /* of one of several groups */
    PHASE_WORDS = 16, /* fewer words stay with another phase, whose loops come on top */
    PAIR_WORDS = 16   /* and where two weights share one: they are widened on their way */
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
    {VENDOR_NVIDIA,
     {{196, 196, 196}, {190, 190, 168}, {144, 160, 128}, 128, 128, 64, 128, 104, 80}},
    {VENDOR_AMD, {{168, 168, 160}, {128, 112, 96}, {128, 128, 128}, 128, 64, 64, 112, 96, 80}},
    {VENDOR_ARM, {{16, 16, 16}, {16, 16, 16}, {16, 16, 16}, 16, 16, 16, 0, 0, 0}},
    {0, {{64, 48, 48}, {32, 32, 32}, {32, 32, 16}, 32, 32, 16, 32, 0, 0}},
};

/* On CPUs registers are memory, and any number is right. */
static const struct held_words of_a_cpu = {
    {196, 196, 196}, {196, 196, 196}, {160, 160, 160}, 128, 128, 128, 160, 160, 128};

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

/* One phase: an item holds so many rows of W times one slice, and so many items share a slice. The slice
 * is read in vectors of k: of so many the weights stay in registers, of so many in local memory, and others are
 * read in every step, some at once. */
struct share {
    int slices, slice, held, lines;
    int vectors, vector_words;
    int stay, near, ahead;
};

/* What a group needs, all phases together. */
struct needs {
    struct share phases[CELL_MAX_PHASES];
    int items;
    int64_t words;             /* of weights in an item */
    int64_t stays, nears, far; /* of them: in registers, in local memory, and elsewhere */
    int stride;                /* floats of a vector of a row of the batch */
    int sums;                  /* floats of the slices' sums, for each row of the batch */
    int biases;                /* floats */
    int64_t bytes;             /* of local memory for a row of the batch, biases among them */
};

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* Units of a part, the last of which may have fewer. */
static int part_of(int units, int parts) {
    return (units + parts - 1) / parts;
}

static struct share share_of(int rows, int k, int slices, clrnn_weights weights) {
    struct share share = {.slices = slices, .slice = pack_slice(k, slices)};
    const int lines = ITEMS / slices; /* that a slice may have */
    share.held = (rows + lines - 1) / lines;
    share.lines = pack_lines(rows, share.held);
    share.vectors = share.slice / pack_vec(share.slice);
    share.vector_words = tile_register_held(share.held, share.slice, weights) / share.vectors;
    return share;
}

/* Vectors of a row of the batch in local memory: WORK_VECTORS of kernels/rows.cl. */
static int local_vectors(const struct cell *cell, int parts) {
    return (parts > 1 ? 2 : 1) + (cell->phase_count > 1) + (cell->states > 1) + cell->carries;
}

/* Of a part of the units; `parts` of them share a row. */
static struct needs needs_of(const struct cell *cell, const int *units, const int *k, int parts,
                             clrnn_weights weights) {
    struct needs needs = {.items = WAVE};
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const int rows = cell->phases[phase].rows * part_of(units[phase], parts);
        const struct share share = share_of(rows, k[phase], algo_slices(cell, k[phase]), weights);
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
    needs.bytes =
        (int64_t)sizeof(struct row) +
        (int64_t)sizeof(float) * (local_vectors(cell, parts) * (int64_t)needs.stride + scratch) +
        (parts > 1 ? LOST_BYTES : 0);
    return needs;
}

/* Gives each weight a home: registers, if they have `room` for all. Else `beside` of them are for those that
 * stay and those that each phase asked for, which must leave as many; others come in each step from local
 * memory, of which there are so many bytes, or from the cache that all compute units share. */
static void place(struct needs *needs, int phase_count, int room, int beside, int64_t bytes) {
    const int64_t words = needs->words, room_near = bytes > 0 ? bytes / 4 / needs->items : 0;
    int asked = PHASE_WORDS * (phase_count - 1);
    for (int phase = 0; phase < phase_count; phase++) {
        struct share *share = &needs->phases[phase];
        share->ahead = larger(AHEAD_WORDS / share->vector_words, 1);
        asked += share->ahead * share->vector_words;
    }
    beside -= asked;
    needs->stays = needs->nears = 0;
    needs->far = words > room && beside < asked ? ALGO_NEVER : 0;
    if (needs->far > 0) {
        return;
    }
    for (int phase = 0; phase < phase_count; phase++) {
        struct share *share = &needs->phases[phase];
        const int64_t all = (int64_t)share->vectors * share->vector_words;
        const int stay = (int)(beside * all / words / share->vector_words);
        share->stay = words <= room || stay > share->vectors ? share->vectors : stay;
        const int rest = share->vectors - share->stay;
        const int fits = (int)(room_near * all / words / share->vector_words);
        share->near = rest < fits ? rest : fits;
        int far = rest - share->near;
        share->ahead = 2 * share->ahead > far ? larger(far / 2, 1) : share->ahead;
        while (far % (2 * share->ahead) != 0 && share->near + share->stay > 0) {
            far++;
            if (share->near > 0) {
                share->near--;
            } else {
                share->stay--;
            }
        }
        share->ahead = far % share->ahead == 0 ? share->ahead : 1;
        needs->stays += (int64_t)share->stay * share->vector_words;
        needs->nears += (int64_t)share->near * share->vector_words;
        needs->far += (int64_t)far * share->vector_words;
    }
}

/* Of `rows` rows of the batch; and the weights that lie there. */
static int64_t local_bytes(const struct needs *needs, int64_t rows) {
    return rows * needs->bytes + 4 * needs->nears * needs->items;
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

/* Local memory that is left of what a group may have. */
static int64_t left_of(const struct device_desc *device, int64_t bytes) {
    return (device->local_memory < PART_BYTES ? (int64_t)device->local_memory : PART_BYTES) - bytes;
}

/* Words that an item of such a group may keep, if all stay. */
static int group_room(const struct device_desc *device, const struct cell *cell,
                      clrnn_weights weights) {
    const int *held = weights == CLRNN_WEIGHTS_FP32 ? device->held.group : device->held.pairs;
    return held[tile_register_kind(cell)];
}

/* Registers in which weights of 16 bits are widened on their way. */
static int pair_words(clrnn_weights weights) {
    return weights == CLRNN_WEIGHTS_FP32 ? 0 : PAIR_WORDS;
}

/* Of one group that has all units of a row. */
static struct needs group_needs(const struct device_desc *device, const struct cell *cell,
                                const int *units, const int *k, clrnn_weights weights) {
    struct needs needs = needs_of(cell, units, k, 1, weights);
    place(&needs, cell->phase_count, group_room(device, cell, weights),
          device->held.beside - pair_words(weights), left_of(device, needs.bytes));
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const int is_much = needs.far > 0 && needs.phases[phase].held > GROUP_CHAINS;
        needs.far = is_much ? ALGO_NEVER : needs.far;
    }
    return needs;
}

static int refuse(const struct device_desc *device, const struct problem *problem, char *reason,
                  size_t size) {
    int units[CELL_MAX_PHASES] = {0}, k[CELL_MAX_PHASES] = {0};
    if (refuse_groups(device, problem, reason, size)) {
        return 1;
    }
    sizes_of(units, k, problem);
    const struct needs needs = group_needs(device, &problem->cell, units, k, problem->weights);
    const int64_t bytes = local_bytes(&needs, 1);
    if (needs.far >= ALGO_NEVER) {
        snprintf(
            reason, size,
            "W_hh takes %lld words of each item's registers (H=%d), the device has room for %d",
            (long long)needs.words, problem->hidden,
            group_room(device, &problem->cell, problem->weights));
    } else if (needs.far > MOST_FAR) {
        snprintf(
            reason, size,
            "W_hh takes %lld words of each item (H=%d), the device has room for %lld in registers "
            "and local memory, and for %d there is no time in a step",
            (long long)needs.words, problem->hidden, (long long)(needs.stays + needs.nears),
            MOST_FAR);
    } else if (left_of(device, bytes) < 0) {
        snprintf(reason, size, "needs %lld bytes of local memory, the device has %zu",
                 (long long)bytes, device->local_memory);
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
    const int room = needs->far + needs->nears == 0 && needs->words <= words &&
                     2 * needs->bytes <= LOCAL_BYTES &&
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
    out->words = (int)needs->words;
    out->stays = (int)needs->stays;
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
        out->far[phase] = share->vectors - share->stay - share->near;
        algo_define(program, "HELD_", phase, share->held);
        algo_define(program, "LINES_", phase, share->lines);
        algo_define(program, "SPLIT_", phase, share->slices);
        algo_define(program, "SLICE_", phase, share->slice);
        algo_define(program, "VEC_", phase, pack_vec(share->slice));
        algo_define(program, "UNITS_", phase, units);
        algo_define(program, "BIAS_", phase, scratch);
        scratch += cell->phases[phase].rows * units;
    }
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const struct share *share = &needs->phases[phase];
        scratch = (scratch + 3) / 4 * 4; /* vectors of 4 are read at once */
        algo_define(program, "STAY_", phase, share->stay);
        algo_define(program, "NEAR_", phase, share->near);
        algo_define(program, "NEAR_AT_", phase, scratch);
        algo_define(program, "AHEAD_", phase, share->ahead);
        scratch += share->near * share->vector_words * needs->items;
    }
    algo_define(program, "SCRATCH_FLOATS", -1, scratch);
}

static int64_t shape(struct algo_tile *out, struct algo_program *program,
                     const struct device_desc *device, const struct cell *cell,
                     const struct algo_product *product) {
    const struct needs needs =
        group_needs(device, cell, product->units, product->k, product->weights);
    lay_out(out, program, device, cell, product, &needs, rows_of(device, product, &needs));
    return 0;
}

const struct tile tile_register = {"tile_register.cl", &tile_stream, 1, refuse, shape};

/* ---- a part of the units --------------------------------------------------------------------- */

/* Rows of the batch in a group: the fewest that leave no row without one. What the group needs must fit;
 * may_be_far: weights that do not are read in every step. */
static int64_t shape_part_of(struct algo_tile *out, struct algo_program *program,
                             const struct device_desc *device, const struct cell *cell,
                             const struct algo_product *product, int may_be_far) {
    struct needs needs =
        needs_of(cell, product->units, product->k, product->parts, product->weights);
    const struct held_words *held = &device->held;
    const int64_t rows = product->rows;
    const int room = rows > 1 ? held->part_rows : held->part[tile_register_kind(cell)];
    int chains = 0, taken = 0;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        chains = larger(chains, needs.phases[phase].held * (int)rows);
        taken = larger(taken, (product->units[phase] + needs.items - 1) / needs.items);
    }
    const int less = (int)rows * taken + pair_words(product->weights);
    const int beside = (rows > 1 ? held->rows_beside : held->part_beside) - less;
    place(&needs, cell->phase_count, room, beside, left_of(device, rows * needs.bytes));
    const int64_t bytes = local_bytes(&needs, rows);
    const int is_far =
        needs.far > 0 && (!may_be_far || needs.far >= ALGO_NEVER || chains > MOST_CHAINS);
    if (rows > ALGO_PART_ROWS || left_of(device, bytes) < 0 || is_far) {
        return ALGO_NEVER;
    }
    lay_out(out, program, device, cell, product, &needs, (int)rows);
    for (int phase = 0; phase < cell->phase_count; phase++) {
        algo_define(program, "TOTAL_", phase, product->units[phase]);
    }
    algo_define(program, "TAKEN", -1, taken);
    return rows * needs.words * CYCLES_OF_WORD + needs.nears * NEAR_CYCLES + needs.far * FAR_CYCLES;
}

static int64_t shape_part(struct algo_tile *out, struct algo_program *program,
                          const struct device_desc *device, const struct cell *cell,
                          const struct algo_product *product) {
    return shape_part_of(out, program, device, cell, product, 0);
}

static int64_t shape_part_far(struct algo_tile *out, struct algo_program *program,
                              const struct device_desc *device, const struct cell *cell,
                              const struct algo_product *product) {
    return shape_part_of(out, program, device, cell, product, 1);
}

const struct tile tile_part = {"tile_register.cl", &tile_stream, 1, refuse_groups, shape_part};
const struct tile tile_part_far = {"tile_register.cl", &tile_stream, 1, refuse_groups,
                                   shape_part_far};
