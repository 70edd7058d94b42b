/*
 * algo.c: the list of pairs and the one function that turns a pair into a config.
 *
 * Schedules and tiles add their halves; what is common to all (sizes, program texts, weight
 * layouts, the projection) is set here, in one place.
 */
#include "algo/algo.h"

#include <stdio.h>
#include <string.h>

/* Steps of one launch at most: a driver stops every loop after 65,535 rounds, watchdogs sooner. */
enum { CHUNK_STEPS = 32768 };

static const struct pair {
    const char *name;
    const struct schedule *schedule;
    const struct tile *tile;
} pairs[] = {
    {"single/panel", &sched_single, &tile_panel},
    {"persist/panel", &sched_persist, &tile_panel},
    {"single/register", &sched_single, &tile_register},
    {"persist/register", &sched_words, &tile_part},
    {"persist/stream", &sched_words, &tile_part_far},
    {"single/stream", &sched_single, &tile_stream},
    {"step/stream", &sched_step, &tile_stream},
};
enum { PAIR_COUNT = sizeof pairs / sizeof pairs[0] };

size_t algo_count(void) {
    return PAIR_COUNT;
}

const char *algo_name(size_t index) {
    return pairs[index].name;
}

int algo_slices(const struct cell *cell, int k) {
    /* Shorter chains round less, and slices give a lone row independent chains to overlap. Below 64
     * a chain is short anyway. */
    if (k < 64) {
        return 1;
    }
    return cell->gates == 1 ? 8 : 4;
}

void algo_define(struct algo_program *program, const char *name, int index, int value) {
    const size_t at = strlen(program->defines);
    if (index < 0) {
        snprintf(program->defines + at, sizeof program->defines - at, "-D%s=%d ", name, value);
    } else {
        snprintf(program->defines + at, sizeof program->defines - at, "-D%s%d=%d ", name, index,
                 value);
    }
}

void algo_add_file(struct algo_program *program, const char *file, int phase) {
    program->files[program->count] = file;
    program->phases[program->count] = phase;
    program->count++;
}

void algo_add_text(struct algo_program *program, const char *name, const char *text) {
    program->texts[program->count] = text;
    algo_add_file(program, name, -1);
}

static void add_phase(struct algo_program *program, const char *phase_file, const struct tile *tile,
                      int phase) {
    algo_add_file(program, phase_file, phase);
    algo_add_file(program, tile->file, -1);
    algo_add_file(program, "phase_end.cl", -1);
}

/* Names of a user's texts in a compiler's messages. */
static const char *const snippet_names[CLRNN_MAX_ACTS] = {
    "activation-0", "activation-1", "activation-2", "activation-3", "activation-4"};

/* ACT_0 ... of the cell, and what of them the user wrote. */
static void add_activations(struct algo_program *program, const struct cell *cell) {
    for (int slot = 0; slot < cell->act_count; slot++) {
        const clrnn_activation *act = &cell->acts[slot];
        const size_t end = strlen(program->defines);
        if (act->kind == CLRNN_ACT_CUSTOM) {
            snprintf(program->defines + end, sizeof program->defines - end,
                     "-DACT_%d=act_custom_%d ", slot, slot);
            algo_add_file(program, "act_custom.cl", slot);
            algo_add_text(program, snippet_names[slot], act->source);
            algo_add_file(program, "act_custom_end.cl", -1);
        } else {
            snprintf(program->defines + end, sizeof program->defines - end, "-DACT_%d=act_%s ",
                     slot, clrnn_act_name(act->kind));
        }
    }
}

static void add_cell(struct algo_program *program, const struct cell *cell) {
    algo_define(program, "OPTIONS", -1, cell->options);
    if (cell->define != NULL) {
        algo_define(program, cell->define, -1, 1);
    }
    algo_add_file(program, "cell.cl", -1);
    if (cell->source != NULL) {
        algo_define(program, "CUSTOM_GATES", -1, cell->gates);
        algo_define(program, "CUSTOM_STATES", -1, cell->states);
    }
    algo_add_file(program, cell->file, -1);
    if (cell->source != NULL) {
        algo_add_text(program, "cell", cell->source);
        algo_add_file(program, "cell_custom_end.cl", -1);
    }
}

/* common, params, activations, cell, rows, then phase and tile for each phase, then range and
 * the schedule. */
static void recurrence_text(struct algo_config *config, const struct pair *pair,
                            const struct device_desc *device) {
    struct algo_program *program = &config->program;
    const struct cell *cell = &config->cell;
    algo_add_file(program, "common.cl", -1);
    algo_add_file(program, "params.cl", -1);
    algo_add_file(program, "activation.cl", -1);
    add_activations(program, cell);
    add_cell(program, cell);
    algo_add_file(program, "rows.cl", -1);
    if (pair->schedule == &sched_words) {
        algo_define(program, "WORDS", -1, 1);
        algo_add_file(program, "words.cl", -1);
        program->flags = device->has_flags; /* atomics of later versions, where they are */
    }
    for (int phase = 0; phase < cell->phase_count; phase++) {
        add_phase(program, "phase.cl", pair->tile, phase);
    }
    algo_add_file(program, "range.cl", -1);
    if (pair->tile == &tile_panel && device->has_flags) {
        /* one program for both schedules, since building takes long */
        algo_add_file(program, sched_single.file, -1);
        algo_add_file(program, sched_persist.file, -1);
        program->flags = 1;
    } else {
        algo_add_file(program, pair->schedule->file, -1);
    }
}

static void projection_text(struct algo_program *program, const struct tile *tile) {
    algo_add_file(program, "common.cl", -1);
    algo_add_file(program, "params.cl", -1);
    algo_add_file(program, "project_shape.cl", -1);
    algo_add_file(program, "rows.cl", -1);
    add_phase(program, "project.cl", tile, 0);
    algo_add_file(program, "sched_step.cl", -1);
}

static int round_up(int value, int multiple) {
    return (value + multiple - 1) / multiple * multiple;
}

/* CLBlast's kernels count in 32 bits, what they pad included: rows and columns to 128 at most. */
static int too_large(const struct algo_config *config, const struct problem *problem) {
    const struct params *p = &config->params;
    const int64_t rows = (int64_t)problem->steps * problem->batch;
    const int64_t columns = round_up(p->columns > p->inputs ? p->columns : p->inputs, 128);
    return rows > INT32_MAX - 128 || (rows + 127) / 128 * 128 > INT32_MAX / columns;
}

static clrnn_status choose_projection(struct algo_config *config, const struct device_desc *device,
                                      const struct problem *problem) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int wanted = problem->projection == CLRNN_PROJECTION_CLBLAST;
    REQUIRE(!wanted || device->kind != DEVICE_HOST, UNSUPPORTED,
            "plan: projection clblast is for OpenCL devices, the engine is cpu");
    REQUIRE(!wanted || device->has_clblast, UNSUPPORTED,
            "plan: projection clblast is not in this build (WITH_CLBLAST=0)");
    REQUIRE(!wanted || !device->strict, UNSUPPORTED,
            "plan: projection clblast cannot keep strict's promise of equal bits");
    REQUIRE(!wanted || !problem->limited, UNSUPPORTED,
            "plan: projection clblast takes memory of its own, which memory_limit cannot promise");
    REQUIRE(!wanted || !too_large(config, problem), UNSUPPORTED,
            "plan: projection clblast counts to 2^31 floats, T %d x N %d has more", problem->steps,
            problem->batch);
    const int whole = problem->chunk == 0 || problem->chunk >= problem->steps || problem->together;
    REQUIRE(!wanted || whole, UNSUPPORTED,
            "plan: projection clblast takes all %d steps at once, not pieces of %d", problem->steps,
            problem->chunk);
    const int gpu = device->kind == DEVICE_GPU && device->has_clblast && !device->strict;
    const int automatic = problem->projection == CLRNN_PROJECTION_AUTO && gpu && whole &&
                          !problem->limited && !too_large(config, problem);
    config->projection = wanted || automatic ? CLRNN_PROJECTION_CLBLAST : CLRNN_PROJECTION_OWN;
out:
    return status;
}

int algo_refuses_meeting(const struct device_desc *device, int by_flags, char *reason,
                         size_t size) {
    if (device->loop_limit > 0) {
        snprintf(reason, size,
                 "groups wait for each other in loops, the driver stops them after "
                 "%lld rounds",
                 (long long)device->loop_limit);
    } else if (by_flags && !device->has_flags) {
        snprintf(reason, size,
                 "groups meet by acquire and release, which the driver does not have");
    } else if (device->compute_units < 2) {
        snprintf(reason, size, "parts need two %s, there is 1",
                 device->kind == DEVICE_HOST ? "threads" : "compute units");
    } else {
        return 0;
    }
    return 1;
}

int64_t algo_tile_rounds(const struct algo_tile *tile, int columns, int slices) {
    const int64_t staging = (int64_t)tile->rows * 2; /* per column, items of the group share it */
    const int64_t finish = (int64_t)tile->rows * (tile->vector_width + 16);
    return (int64_t)columns * (tile->items > 1 ? 1 + staging : 1) + slices + finish + 64;
}

int algo_size(const struct problem *problem, enum cell_size size) {
    return size == SIZE_WIDTH ? problem->width : size == SIZE_HIDDEN ? problem->hidden : 0;
}

/* A user's own text runs where it was written for, and nobody can vouch for its bits. */
static int refuse_custom(const struct device_desc *device, const struct cell *cell, char *reason,
                         size_t size) {
    const char *what = cell->source != NULL ? "cell" : NULL;
    for (int slot = 0; slot < cell->act_count; slot++) {
        what = cell->acts[slot].kind == CLRNN_ACT_CUSTOM ? "activation" : what;
    }
    if (what != NULL && device->kind == DEVICE_HOST) {
        snprintf(reason, size,
                 "a custom %s is OpenCL C: it needs the opencl engine, this one runs no OpenCL C",
                 what);
        return 1;
    }
    if (what != NULL && device->strict) {
        snprintf(reason, size, "strict cannot promise the bits of a custom %s", what);
        return 1;
    }
    return 0;
}

static void fill_params(struct params *params, const struct algo_tile *tile,
                        const struct problem *problem) {
    const struct cell *cell = &problem->cell;
    params->inputs = problem->inputs;
    params->hidden = problem->hidden;
    params->width = problem->width;
    params->stride = round_up(problem->hidden, tile->vector_width);
    params->columns = cell->words * params->stride;
    params->constants = cell->bias_rows * params->stride;
    params->turns = tile->turns > 1 ? tile->turns : 1;
    params->ahead = tile->ahead;
    params->blocks = 1;
    params->reverse = problem->reverse;
    params->options = cell->options;
    params->gate_clip = cell->gate_clip;
    params->cell_clip = cell->cell_clip;
    params->forget_bias = cell->forget_bias;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const int k = algo_size(problem, cell->phases[phase].k);
        params->k[phase] = k;
        params->units[phase] =
            round_up(algo_size(problem, cell->phases[phase].units), tile->vector_width);
        params->slices[phase] = algo_slices(cell, k);
        params->slice[phase] = pack_slice(k, params->slices[phase]);
    }
    for (int slot = 0; slot < cell->act_count; slot++) {
        params->act[slot] = (narrow)cell->acts[slot].kind;
        params->alpha[slot] = cell->acts[slot].alpha;
        params->beta[slot] = cell->acts[slot].beta;
    }
}

/* The fewest slices of a phase: a tile takes that many side by side, since counts of slices divide
 * each other. */
static int fewest_slices(const struct problem *problem) {
    int fewest = 8;
    for (int phase = 0; phase < problem->cell.phase_count; phase++) {
        const int slices =
            algo_slices(&problem->cell, algo_size(problem, problem->cell.phases[phase].k));
        fewest = slices < fewest ? slices : fewest;
    }
    return fewest;
}

/* The cheapest way to split a step. */
static void shape_recurrence(struct algo_config *config, const struct pair *pair,
                             const struct device_desc *device, const struct problem *problem) {
    const struct cell *cell = &problem->cell;
    struct algo_split split;
    for (int index = 0; pair->schedule->split(&split, index, device, problem); index++) {
        struct algo_product product = {.slices = fewest_slices(problem),
                                       .batch = problem->batch,

                                       .rows = (problem->batch + split.ranges - 1) / split.ranges,
                                       .parts = split.parts,
                                       .weights = problem->weights};
        for (int phase = 0; phase < cell->phase_count; phase++) {
            product.units[phase] = algo_size(problem, cell->phases[phase].units);
            product.k[phase] = algo_size(problem, cell->phases[phase].k);
        }
        struct algo_tile tile = {0};
        struct algo_program program = {0};
        const int64_t cycles = pair->tile->shape(&tile, &program, device, cell, &product) +
                               pair->schedule->meet_cycles * cell->phase_count;
        if (index == 0 || cycles < config->cycles) {
            config->tile = tile;
            config->program = program;
            config->cycles = cycles;
            config->ranges =
                tile.is_whole ? (problem->batch + tile.rows - 1) / tile.rows : split.ranges;
            config->params.parts = split.parts;
        }
    }
}

/* Lays out the recurrence for a pair; or says why not. */
static int lay_out(struct algo_config *config, const struct pair *pair,
                   const struct device_desc *device, const struct problem *problem, char *reason,
                   size_t size) {
    const struct cell *cell = &problem->cell;
    memset(config, 0, sizeof *config);
    if (refuse_custom(device, cell, reason, size) ||
        pair->tile->refuse(device, problem, reason, size)) {
        return 0;
    }
    config->algorithm = pair->name;
    config->cell = *cell;
    config->batch = problem->batch;
    config->steps =
        problem->chunk > 0 && problem->chunk < problem->steps ? problem->chunk : problem->steps;
    config->chunk_steps = CHUNK_STEPS;
    shape_recurrence(config, pair, device, problem);
    if (config->cycles >= ALGO_NEVER) {
        char most[48] = "its items can add up";
        if (pair->tile == &tile_part) {
            snprintf(most, sizeof most, "%d words an item",
                     device->held.part[tile_register_kind(cell)]);
        }
        snprintf(
            reason, size,
            "each split of W_hh (H=%d) and N=%d over the compute units (%d) leaves a group more "
            "than %s, %d rows or its local memory",
            problem->hidden, problem->batch, device->compute_units, most, ALGO_PART_ROWS);
        return 0;
    }
    if (pair->tile == &tile_part_far && config->tile.far[0] + config->tile.far[1] == 0) {
        snprintf(reason, size, "all of W_hh (H=%d) stays with %d groups, which is persist/register",
                 problem->hidden, config->params.parts);
        return 0;
    }
    config->weights = problem->weights;
    if (pair->tile->reads_16_bits && device->kind != DEVICE_HOST) {
        config->stored = problem->weights;
        algo_define(&config->program, "WEIGHTS", -1, (int)config->stored);
    }
    fill_params(&config->params, &config->tile, problem);
    if (pair->schedule->refuse(config, device, problem, reason, size)) {
        return 0;
    }
    pair->schedule->launches(config, device, problem);
    if (config->tile.stays < config->tile.words) {
        const size_t end = strlen(config->reason);
        snprintf(config->reason + end, sizeof config->reason - end,
                 "; %d of an item's %d words of W_hh stay", config->tile.stays, config->tile.words);
    }
    recurrence_text(config, pair, device);
    return 1;
}

int algo_is_by_name(size_t index, const struct device_desc *device) {
    return pairs[index].schedule == &sched_words && !device->runs_together;
}

int algo_refuses(size_t index, const struct device_desc *device, const struct problem *problem,
                 char *reason, size_t size) {
    struct algo_config config;
    return !lay_out(&config, &pairs[index], device, problem, reason, size);
}

/* The named pair, or the first that is not refused. */
static clrnn_status choose_pair(struct algo_config *config, const struct pair **out,
                                const struct device_desc *device, const struct problem *problem,
                                const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    char reason[192] = "";
    int known = 0;
    *out = NULL;
    for (size_t i = 0; i < PAIR_COUNT && *out == NULL; i++) {
        if (name == NULL ? !algo_is_by_name(i, device) : strcmp(name, pairs[i].name) == 0) {
            known = 1;
            *out = lay_out(config, &pairs[i], device, problem, reason, sizeof reason) ? &pairs[i]
                                                                                      : NULL;
        }
    }
    REQUIRE(known, ARGUMENT,
            "plan: unknown algorithm %s: there are single/panel, persist/panel, "
            "single/register, persist/register, persist/stream, single/stream, step/stream",
            name);
    REQUIRE(*out != NULL || name == NULL, UNSUPPORTED, "plan: algorithm %s is refused: %s", name,
            reason);
    REQUIRE(*out != NULL, UNSUPPORTED, "plan: no algorithm fits the device: %s", reason);
out:
    return status;
}

static void pack_recurrence(struct algo_config *config, const struct problem *problem) {
    const struct cell *cell = &config->cell;
    for (int phase = 0; phase < cell->phase_count; phase++) {
        config->layouts[phase] =
            (struct pack_layout){.gate = cell->phases[phase].weight_gate,
                                 .rows = cell->phases[phase].rows,
                                 .units = algo_size(problem, cell->phases[phase].units),
                                 .columns = config->params.k[phase],
                                 .block = config->tile.block[phase],
                                 .strip = config->tile.strip[phase],
                                 .transposed = problem->transposed,
                                 .held = config->tile.held[phase],
                                 .items = config->tile.items,
                                 .slices = config->params.slices[phase]};
        config->weight_offset[phase] = config->weight_floats;
        config->params.w_phase[phase] = (wide)config->weight_floats;
        config->weight_floats += pack_floats(&config->layouts[phase]);
    }
    config->weight_floats += config->weight_floats == 0; /* no buffer is empty */
}

/* The projection is one product of its own: a cell with one phase of one sum, the gates' units
 * being its columns. */
static clrnn_status lay_out_projection(struct algo_config *config, const struct pair *pair,
                                       const struct device_desc *device,
                                       const struct problem *problem) {
    clrnn_status status = CLRNN_STATUS_OK;
    static const struct cell projection = {
        .name = "project", .file = "project.cl", .phase_count = 1, .phases = {{.rows = 1}}};
    struct params *params = &config->params;
    const struct tile *tile = pair->tile->projects != NULL ? pair->tile->projects : pair->tile;
    TRY(choose_projection(config, device, problem));
    const struct algo_product product = {.units = {params->columns},
                                         .k = {params->inputs},
                                         .slices = 1,
                                         .batch = (int64_t)config->steps * problem->batch,
                                         .rows = (int64_t)config->steps * problem->batch,
                                         .parts = 1};
    tile->shape(&config->projection_tile, &config->projection_program, device, &projection,
                &product);
    const int64_t rounds = algo_tile_rounds(&config->projection_tile, params->inputs, 1);
    REQUIRE(device->loop_limit == 0 || rounds <= device->loop_limit, UNSUPPORTED,
            "plan: a tile of the projection takes up to %lld rounds of loops (I=%d), the driver "
            "stops after %lld",
            (long long)rounds, params->inputs, (long long)device->loop_limit);
    projection_text(&config->projection_program, tile);
    if (config->projection == CLRNN_PROJECTION_CLBLAST) {
        config->projection_tile.block[0] = 1; /* CLBlast reads plain rows */
    }
    const int block = config->projection_tile.block[0];
    params->blocks = config->projection_tile.blocks > 1 ? config->projection_tile.blocks : 1;
    config->projection_floats =
        pack_projection_floats(config->cell.gates, params->stride, problem->inputs, block);
    config->projection_launch = (struct algo_launch){
        .kernel = "step_forward",
        .groups = ALGO_GROUPS_STEPS,
        .blocks = (params->columns + block * params->blocks - 1) / (block * params->blocks)};
out:
    return status;
}

/* Weights, projection and memory of a pair that was laid out. */
static clrnn_status complete(struct algo_config *config, const struct pair *pair,
                             const struct device_desc *device, const struct problem *problem) {
    clrnn_status status = CLRNN_STATUS_OK;
    pack_recurrence(config, problem);
    if (problem->has_projection) {
        TRY(lay_out_projection(config, pair, device, problem));
    }
    /* x_proj [steps][N][columns]; work: 6 vectors [N][stride], rows.cl has their list. N is at most
     * 2^30 and a row 2^25 floats: products of two of these fit, those of all three are checked. */
    config->x_proj_step = sizeof(float) * (size_t)problem->batch * (size_t)config->params.columns;
    config->work_bytes = sizeof(float) * 6 * (size_t)problem->batch * (size_t)config->params.stride;
out:
    return status;
}

clrnn_status algo_configure(struct algo_config *out, const struct device_desc *device,
                            const struct problem *problem, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct pair *pair = NULL;
    struct algo_config config;
    TRY(choose_pair(&config, &pair, device, problem, name));
    TRY(complete(&config, pair, device, problem));
    *out = config;
out:
    return status;
}

int algo_rows_group(const struct algo_config *config, int batch) {
    return (batch + config->ranges - 1) / config->ranges;
}

void algo_launch_groups(size_t groups[2], const struct algo_config *config,
                        const struct algo_launch *launch, const struct algo_tile *tile, int steps,
                        int batch) {
    const size_t rows = (size_t)tile->rows;
    groups[0] = 1;
    groups[1] = 1;
    switch (launch->groups) {
    case ALGO_GROUPS_TILES:
        groups[0] = ((size_t)batch + rows - 1) / rows;
        groups[1] = (size_t)launch->blocks;
        break;
    case ALGO_GROUPS_STEPS:
        groups[0] = ((size_t)steps * (size_t)batch + rows - 1) / rows;
        groups[1] = (size_t)launch->blocks;
        break;
    case ALGO_GROUPS_ROWS:
        groups[0] = (size_t)batch;
        break;
    case ALGO_GROUPS_BATCH:
    case ALGO_GROUPS_PARTS: {
        const size_t share = (size_t)algo_rows_group(config, batch);
        groups[0] = ((size_t)batch + share - 1) / share;
        groups[1] = launch->groups == ALGO_GROUPS_PARTS ? (size_t)config->params.parts : 1;
        break;
    }
    }
}
