/*
 * gpu_text.c: writes the programs that a GPU's plans would build for the sizes that bench/gpu_report.py
 * compiles: DIR/NAME.cl with its macros in DIR/NAME.opts, and for each a line
 *
 *     NAME cell H N algorithm items words
 *
 * words: weights in an item's registers. DIR/NAME.args has the arguments of the kernel of the steps for
 * a plain call, one a line, for bench/gpu_estimate.py: `bytes HEX`, `pointer NAME [HEX]`, `int N`. No
 * device is needed.
 *
 *     gpu_text DIR nvidia|amd|intel
 */
#include "core/plan.h"
#include "program_files.h"

#include <string.h>

static const struct {
    const char *name;
    clrnn_layer_desc layer;
} cells[] = {{"rnn", {.cell = CLRNN_CELL_RNN}},
             {"lstm", {.cell = CLRNN_CELL_LSTM}},
             {"gru", {.cell = CLRNN_CELL_GRU}},
             {"gru-before", {.cell = CLRNN_CELL_GRU, .reset = CLRNN_RESET_BEFORE}}};
static const struct {
    const char *name;
    unsigned id; /* CL_DEVICE_VENDOR_ID */
} vendors[] = {{"nvidia", VENDOR_NVIDIA}, {"amd", VENDOR_AMD}, {"intel", 0x8086}};
static const int hiddens[] = {64, 96, 112, 128, 192, 224, 512};
/* one row a group, and more rows than compute units */
static const int batches[] = {1, 256};
enum { COMPUTE_UNITS = 80, STEPS = 50, CELLS = 4, HIDDENS = 7, BATCHES = 2 };

static void write_hex(FILE *file, const void *from, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) {
        fprintf(file, "%02x", ((const unsigned char *)from)[i]);
    }
}

/* The arguments for a call that wants y of all steps and no more, rows of equal length: in the order of
 * KERNEL_ARRAYS. */
static void write_arguments(const char *directory, const char *name,
                            const struct algo_config *config, int batch) {
    static const char *const arrays[] = {"x",       "w",     "b",     "state", "work",  "y",
                                         "hiddens", "cells", "gates", "mask",  "starts"};
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
    p.x_way = p.g.step;
    p.y_way = p.y.step;
    p.x_rows = (wide)STEPS * batch;
    p.g = (struct layout){0, (wide)p.columns * batch, p.columns};
    p.y = (struct layout){0, (wide)p.width * batch, p.width};
    fprintf(file, "bytes ");
    write_hex(file, &p, sizeof p);
    fprintf(file, "\npointer rows ");
    for (int n = 0; n < batch; n++) {
        const struct row row = {.slot = n, .length = STEPS, .at = n};
        write_hex(file, &row, sizeof row);
    }
    fputc('\n', file);
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        fprintf(file, "pointer %s\n", arrays[i]);
    }
    fprintf(file, "int 0\nint %d\n", STEPS);
    fclose(file);
}

/* What the planner takes first of a problem. */
static void write_choice(const char *directory, const struct device_desc *device, int cell,
                         int hidden, int batch) {
    const clrnn_plan_desc size = {.steps = STEPS, .batch = batch};
    clrnn_net_desc desc = {.inputs = 64, .layer = cells[cell].layer};
    clrnn_net *net = NULL;
    struct algo_config config;
    char name[64];
    int words = 0;
    desc.layer.hidden = hidden;
    if (clrnn_net_create(&net, &desc) != CLRNN_STATUS_OK) {
        fail("net");
    }
    const struct problem problem = plan_problem(net_strand(net, 0, 0), &size, 0);
    if (algo_configure(&config, device, &problem, NULL) != CLRNN_STATUS_OK) {
        fail("plan");
    }
    for (int phase = 0; phase < config.cell.phase_count; phase++) {
        words += config.tile.held[phase] * config.params.slice[phase];
    }
    snprintf(name, sizeof name, "%s-%d-%d", cells[cell].name, hidden, batch);
    char *text = program_text(&config.program);
    write_files(directory, name, text, config.program.defines);
    write_arguments(directory, name, &config, batch);
    printf("%s %s %d %d %s %d %d\n", name, cells[cell].name, hidden, batch, config.algorithm,
           config.tile.items, words);
    free(text);
    clrnn_net_free(net);
}

int main(int argc, char **argv) {
    unsigned vendor = 0;
    for (size_t i = 0; argc == 3 && i < sizeof vendors / sizeof vendors[0]; i++) {
        vendor = strcmp(argv[2], vendors[i].name) == 0 ? vendors[i].id : vendor;
    }
    if (vendor == 0) {
        fprintf(stderr, "usage: gpu_text DIR nvidia|amd|intel\n");
        return 2;
    }
    const struct device_desc device = {.kind = DEVICE_GPU,
                                       .compute_units = COMPUTE_UNITS,
                                       .vector_width = 1,
                                       .max_group = 1024,
                                       .local_memory = 49152,
                                       .max_alloc = (size_t)1 << 30,
                                       .held_words = tile_register_words(DEVICE_GPU, vendor)};
    for (int cell = 0; cell < CELLS; cell++) {
        for (int hidden = 0; hidden < HIDDENS; hidden++) {
            for (int batch = 0; batch < BATCHES; batch++) {
                write_choice(argv[1], &device, cell, hiddens[hidden], batches[batch]);
            }
        }
    }
    return 0;
}
