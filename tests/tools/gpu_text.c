/*
 * gpu_text.c: writes the programs that a GPU's plans would build, for bench/gpu_report.py to compile:
 * DIR/NAME.cl with its options in DIR/NAME.opts, and for each plan a line
 *
 *     NAME cell H N algorithm kernel items words stays rows parts groups loads looks far us
 *
 * Plans that build the same program have the same NAME. words: of weights that an item has, stays: in registers;
 * rows: of the batch in a group; parts: groups that share a row; groups: of a launch; loads: words of x_proj that
 * an item reads in a step, looks: words of other groups, far: vectors of weights; us: a step by the planner's own
 * estimate.
 * DIR/NAME.args has the arguments of the kernel of the steps for a plain call, one a line, for
 * bench/gpu_estimate.py: `bytes HEX`, `pointer NAME [HEX]`, `int N`. No device is needed.
 *
 *     gpu_text DIR nvidia|amd|intel
 */
#include "core/plan.h"
#include "program_files.h"

#include <string.h>

#define COUNT(array) ((int)(sizeof array / sizeof array[0]))

enum {
    STEPS = 50,
    INPUTS = 64,
    MANY = 256, /* rows: more than there are compute units */
    PROGRAMS = 256,
    FLAG_BYTES =
        128 /* of the flags: what stands before the words, WORDS_FIRST of kernels/rows.cl */
};

/* The largest GPU of each maker that bench/gpu_report.py compiles for (tests/personalities.c). */
static const struct maker {
    const char *name;
    unsigned id; /* CL_DEVICE_VENDOR_ID */
    int compute_units;
    const char *standard; /* by which groups meet, as src/cl/cl_context.c asks; NULL: as in 1.2 */
} makers[] = {{"nvidia", VENDOR_NVIDIA, 132, NULL},
              {"amd", VENDOR_AMD, 104, "CL2.0"},
              {"intel", 0x8086, 512, "CL3.0"}};

static const struct cell_case {
    const char *name;
    clrnn_layer_desc layer;
    int held[12]; /* sizes that one group may hold; then those of which it does not hold all */
    int pairs[8]; /* likewise, of weights in 16 bits */
    int split[8]; /* and several groups */
    int split_pairs[4]; /* likewise, of weights in 16 bits */
    int far[4];         /* of several groups that do not hold all */
} cells[] = {
    /* clang-format off */
    {"rnn", {.cell = CLRNN_CELL_RNN},
     {64, 128, 192, 224, 240, 256}, {128, 256, 304}, {256, 512, 1024, 1280, 1760, 1792}, {1024, 1792}, {1024, 2048}},
    {"lstm", {.cell = CLRNN_CELL_LSTM},
     {64, 96, 112, 120, 128}, {112, 128, 152}, {256, 512, 640, 768}, {512, 1024}, {512, 1024, 1760}},
    {"gru", {.cell = CLRNN_CELL_GRU},
     {64, 96, 112, 128, 144, 168}, {128, 144, 168}, {256, 512, 640}, {512, 1024}, {1024, 1760}},
    {"gru-before", {.cell = CLRNN_CELL_GRU, .reset = CLRNN_RESET_BEFORE},
     {64, 96, 112, 128, 144}, {96, 128, 160}, {256, 512, 640}, {512, 1024}, {1024}},
    /* clang-format on */
};

/* Of the stream tile, whose programs do not know H: below and above 64 columns, one row and many. */
static const int stream_hiddens[] = {1024, 512, 32};
static const int stream_batches[] = {1, 16, MANY};

/* Behind a name, by clrnn_weights. */
static const char *const stored[] = {"", "-fp16", "-bf16"};

static const char *directory;
static struct device_desc device;
static const struct maker *maker;

static struct {
    char *key; /* options and text */
    char name[64];
} written[PROGRAMS];
static int written_count;

static void write_hex(FILE *file, const void *from, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        fprintf(file, "%02x", ((const unsigned char *)from)[i]);
    }
}

/* The arguments for a call that wants y of all steps and no more, rows of equal length: in the order of
 * KERNEL_ARRAYS, then the kernel's own. */
static void write_arguments(const char *name, const struct algo_config *config, int batch) {
    static const char *const arrays[] = {"x",       "w",     "b",     "state", "work",  "y",
                                         "hiddens", "cells", "gates", "mask",  "starts"};
    static const unsigned char flags[FLAG_BYTES];
    struct params p = config->params;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.args", directory, name);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    p.batch = batch;
    p.count = STEPS;
    p.work_vector = (wide)batch * p.stride;
    p.rows_group = algo_rows_group(config, batch);
    p.y_mode = Y_ALL;
    p.plain = p.from_zero = 1;
    p.mask_row = STEPS;
    p.x_rows = (wide)STEPS * batch;
    p.g = (struct layout){0, (wide)p.columns * batch, p.columns};
    p.y = (struct layout){0, (wide)p.width * batch, p.width};
    p.x_way = p.g.step;
    p.y_way = p.y.step;
    fprintf(file, "bytes ");
    write_hex(file, &p, sizeof p);
    fprintf(file, "\npointer rows ");
    for (int n = 0; n < batch; n++) {
        const struct row row = {.slot = n, .length = STEPS, .at = n};
        write_hex(file, &row, sizeof row);
    }
    fputc('\n', file);
    for (int i = 0; i < COUNT(arrays); i++) {
        fprintf(file, "pointer %s\n", arrays[i]);
    }
    fprintf(file, "int 0\nint %d\n",
            config->launches[0].repeat == ALGO_ONCE ? 0 : STEPS); /* a phase, or step_end */
    if (config->flags > 0) { /* words_forward: flags, epoch, finish */
        fprintf(file, "pointer flags ");
        write_hex(file, flags, sizeof flags);
        fprintf(file, "\nint 1\nint 0\n");
    }
    fclose(file);
}

/* The name under which the program was written; *is_new: by this call. */
static const char *name_of(const struct algo_program *program, const char *wanted, int *is_new) {
    char options[sizeof program->defines + 16];
    char *text = program_text(program);
    snprintf(options, sizeof options, "-cl-std=%s %s", program->flags ? maker->standard : "CL1.2",
             program->defines);
    const size_t size = strlen(options) + strlen(text) + 2;
    char *key = malloc(size);
    if (key == NULL || written_count == PROGRAMS) {
        fprintf(stderr, "gpu_text: too many programs\n");
        exit(EXIT_FAILURE);
    }
    snprintf(key, size, "%s\n%s", options, text);
    int at = 0;
    while (at < written_count && strcmp(written[at].key, key) != 0) {
        at++;
    }
    *is_new = at == written_count;
    if (*is_new) {
        written_count++;
        written[at].key = key;
        snprintf(written[at].name, sizeof written[at].name, "%s", wanted);
        write_files(directory, wanted, text, options);
    } else {
        free(key);
    }
    free(text);
    return written[at].name;
}

/* Of pairs of a row of the group and a unit an item has so many. */
static int share_of(const struct algo_config *config, int units) {
    return (config->tile.rows * units + config->tile.items - 1) / config->tile.items;
}

/* A word for each sum of a phase and each pair that the item finishes: OUTS of kernels/tile_register.cl. */
static int loads_of(const struct algo_config *config) {
    int loads = 0;
    for (int phase = 0; phase < config->cell.phase_count; phase++) {
        loads += config->cell.phases[phase].rows * share_of(config, config->tile.block[phase]);
    }
    return loads;
}

/* A word for each unit that other groups may have: ROWS x TAKEN of kernels/words.cl. */
static int looks_of(const struct algo_config *config) {
    int looks = 0;
    for (int phase = 0; phase < config->cell.phase_count && config->flags > 0; phase++) {
        const int units = config->params.units[phase];
        looks += config->tile.rows * ((units + config->tile.items - 1) / config->tile.items);
    }
    return looks;
}

/* A vector of each row that an item has and each k that does not stay: tile_read_ of kernels/tile_register.cl. */
static int far_of(const struct algo_config *config) {
    int far = 0;
    for (int phase = 0; phase < config->cell.phase_count; phase++) {
        far += config->tile.far[phase] * config->tile.held[phase];
    }
    return far;
}

/* The launch that does the steps. */
static const struct algo_launch *launch_of(const struct algo_config *config) {
    const struct algo_launch *found = NULL;
    for (int i = config->launch_count - 1; i >= 0; i--) {
        const struct algo_launch *launch = &config->launches[i];
        const int steps = launch->groups != ALGO_GROUPS_ROWS && !launch->clears && !launch->finish;
        found = steps ? launch : found;
    }
    return found;
}

/* What a plan takes: the algorithm, or by NULL what it chooses; us: of a step, as it estimates. 0: refused. */
static int configure(struct algo_config *out, double *us, int cell, int hidden, int batch,
                     const char *algorithm, clrnn_weights weights) {
    const clrnn_plan_desc size = {
        .steps = STEPS, .batch = batch, .algorithm = algorithm, .weights = weights};
    clrnn_net_desc desc = {.inputs = INPUTS, .layer = cells[cell].layer};
    clrnn_context context = {.desc = device, .speeds = estimate_speeds_of(&device)};
    struct plan_memory memory;
    clrnn_net *net = NULL;
    desc.layer.hidden = hidden;
    if (clrnn_net_create(&net, &desc) != CLRNN_STATUS_OK) {
        fail("net");
    }
    const clrnn_status status = plan_configure(out, &memory, &context, net, &size, NULL);
    if (status == CLRNN_STATUS_OK) {
        const struct estimate_job job = {.configs = out,
                                         .strand_count = 1,
                                         .features = INPUTS + hidden,
                                         .steps = STEPS,
                                         .batch = batch,
                                         .chunk = memory.chunk};
        *us = estimate_forward(&context.speeds, &job) / STEPS;
    } else if (status != CLRNN_STATUS_UNSUPPORTED) {
        fail("plan");
    }
    clrnn_net_free(net);
    return status == CLRNN_STATUS_OK;
}

static void write_weights(int cell, int hidden, int batch, const char *algorithm,
                          clrnn_weights weights) {
    struct algo_config config;
    char name[64];
    int is_new = 0;
    double us = 0;
    size_t groups[2];
    if (!configure(&config, &us, cell, hidden, batch, algorithm, weights)) {
        return;
    }
    snprintf(name, sizeof name, "%s-%d-%d-%s%s", cells[cell].name, hidden, batch, config.algorithm,
             stored[weights]);
    *strchr(name, '/') = '-';
    const char *written_name = name_of(&config.program, name, &is_new);
    const struct algo_launch *launch = launch_of(&config);
    if (is_new) {
        write_arguments(name, &config, batch);
    }
    algo_launch_groups(groups, &config, launch, &config.tile, STEPS, batch);
    printf("%s %s%s %d %d %s %s %d %d %d %d %d %zu %d %d %d %.2f\n", written_name, cells[cell].name,
           stored[weights], hidden, batch, config.algorithm, launch->kernel, config.tile.items,
           config.tile.words, config.tile.stays, config.tile.rows, config.params.parts,
           groups[0] * groups[1], loads_of(&config), looks_of(&config), far_of(&config), us);
}

static void write_plan(int cell, int hidden, int batch, const char *algorithm) {
    write_weights(cell, hidden, batch, algorithm, CLRNN_WEIGHTS_FP32);
}

/* The projection beside an algorithm: one row, as a single step of one row has, and many. */
static void write_projection(int batch) {
    struct algo_config config;
    char name[64];
    int is_new = 0;
    double us = 0;
    if (!configure(&config, &us, 0, MANY, batch, NULL, CLRNN_WEIGHTS_FP32)) {
        fail("projection");
    }
    snprintf(name, sizeof name, "projection-%d", batch);
    const char *written_name = name_of(&config.projection_program, name, &is_new);
    printf("%s any %d %d projection step_forward %d 0 0 %d 1 0 0 0 0 0\n", written_name, MANY,
           batch, config.projection_tile.items, config.projection_tile.rows);
}

/* Most rows that several groups take: the most in a group. */
static int most_rows(int cell, int hidden) {
    struct algo_config config;
    double us = 0;
    for (int batch = ALGO_PART_ROWS * device.compute_units; batch > 1; batch--) {
        if (configure(&config, &us, cell, hidden, batch, "persist/register", CLRNN_WEIGHTS_FP32)) {
            return batch;
        }
    }
    return 1;
}

/* Weights of 16 bits: sizes that one group may hold in pairs, alone and where groups take two rows, and that
 * several groups may. */
static void write_pairs(int cell) {
    for (int weights = CLRNN_WEIGHTS_FP16; weights <= CLRNN_WEIGHTS_BF16; weights++) {
        device.runs_together = 0;
        for (int i = 0; cells[cell].pairs[i] > 0; i++) {
            write_weights(cell, cells[cell].pairs[i], 1, NULL, (clrnn_weights)weights);
            write_weights(cell, cells[cell].pairs[i], MANY, NULL, (clrnn_weights)weights);
        }
        device.runs_together = 1;
        for (int i = 0; cells[cell].split_pairs[i] > 0; i++) {
            write_weights(cell, cells[cell].split_pairs[i], 1, NULL, (clrnn_weights)weights);
            write_weights(cell, cells[cell].split_pairs[i], 4, NULL, (clrnn_weights)weights);
        }
    }
    device.runs_together = 0;
}

static void write_cell(int cell) {
    device.runs_together = 0;
    for (int i = 0; cells[cell].held[i] > 0; i++) {
        write_plan(cell, cells[cell].held[i], 1, NULL);
        write_plan(cell, cells[cell].held[i], MANY, NULL);
    }
    write_pairs(cell);
    write_plan(cell, 1024, 16, NULL);
    for (int h = 0; h < COUNT(stream_hiddens); h++) {
        for (int n = 0; n < COUNT(stream_batches); n++) {
            write_plan(cell, stream_hiddens[h], stream_batches[n], "single/stream");
            write_plan(cell, stream_hiddens[h], stream_batches[n], "step/stream");
        }
    }
    device.runs_together = 1;
    for (int i = 0; cells[cell].far[i] > 0; i++) {
        write_plan(cell, cells[cell].far[i], 1, "persist/stream");
        write_plan(cell, cells[cell].far[i], 16, "persist/stream");
    }
    for (int i = 0; cells[cell].split[i] > 0; i++) {
        const int hidden = cells[cell].split[i], most = most_rows(cell, hidden);
        write_plan(cell, hidden, 1, NULL);
        if (most > 1) {
            write_plan(cell, hidden, most, NULL);
        }
    }
}

int main(int argc, char **argv) {
    for (int i = 0; argc == 3 && i < COUNT(makers); i++) {
        maker = strcmp(argv[2], makers[i].name) == 0 ? &makers[i] : maker;
    }
    if (maker == NULL) {
        fprintf(stderr, "usage: gpu_text DIR nvidia|amd|intel\n");
        return 2;
    }
    directory = argv[1];
    device = (struct device_desc){.kind = DEVICE_GPU,
                                  .compute_units = maker->compute_units,
                                  .vector_width = 1,
                                  .max_group = 1024,
                                  .local_memory = 49152,
                                  .max_alloc = (size_t)1 << 30,
                                  .held = tile_register_words(DEVICE_GPU, maker->id),
                                  .has_flags = maker->standard != NULL};
    for (int cell = 0; cell < COUNT(cells); cell++) {
        write_cell(cell);
    }
    write_projection(1);
    write_projection(MANY);
    for (int i = 0; i < written_count; i++) {
        free(written[i].key);
    }
    return 0;
}
