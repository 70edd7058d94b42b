/*
 * gpu_text.c: writes the programs that a GPU's plans would build for the sizes that bench/gpu_report.py
 * compiles: DIR/NAME.cl with its macros in DIR/NAME.opts, and for each a line
 *
 *     NAME cell H N algorithm items words
 *
 * words: weights in an item's registers. No device is needed.
 *
 *     gpu_text DIR WORDS        WORDS: what an item may hold, as the planner knows of the vendor
 */
#include "cl/cl_internal.h"
#include "core/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    clrnn_layer_desc layer;
} cells[] = {{"rnn", {.cell = CLRNN_CELL_RNN}},
             {"lstm", {.cell = CLRNN_CELL_LSTM}},
             {"gru", {.cell = CLRNN_CELL_GRU}},
             {"gru-before", {.cell = CLRNN_CELL_GRU, .reset = CLRNN_RESET_BEFORE}}};
static const int hiddens[] = {64, 96, 112, 128, 192, 224, 512};
/* one row a group, and more rows than compute units */
static const int batches[] = {1, 256};
enum { COMPUTE_UNITS = 80, CELLS = 4, HIDDENS = 7, BATCHES = 2 };

static void fail(const char *what) {
    fprintf(stderr, "gpu_text: %s: %s\n", what, clrnn_last_error()->message);
    exit(EXIT_FAILURE);
}

static void write_file(const char *directory, const char *name, const char *ending,
                       const char *text) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.%s", directory, name, ending);
    FILE *file = fopen(path, "w");
    if (file == NULL || fprintf(file, "%s\n", text) < 0 || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

/* What the planner takes first of a problem. */
static void write_choice(const char *directory, const struct device_desc *device, int cell,
                         int hidden, int batch) {
    const clrnn_plan_desc size = {.steps = 50, .batch = batch};
    clrnn_net_desc desc = {.inputs = 64, .layer = cells[cell].layer};
    clrnn_net *net = NULL;
    struct algo_config config;
    char name[64], *text = NULL;
    int words = 0;
    desc.layer.hidden = hidden;
    if (clrnn_net_create(&net, &desc) != CLRNN_STATUS_OK) {
        fail("net");
    }
    const struct problem problem = plan_problem(net_strand(net, 0, 0), &size, 0);
    if (algo_configure(&config, device, &problem, NULL) != CLRNN_STATUS_OK ||
        cl_program_text(&text, &config.program) != CLRNN_STATUS_OK) {
        fail("plan");
    }
    for (int phase = 0; phase < config.cell.phase_count; phase++) {
        words += config.tile.held[phase] * config.params.slice[phase];
    }
    snprintf(name, sizeof name, "%s-%d-%d", cells[cell].name, hidden, batch);
    write_file(directory, name, "cl", text);
    write_file(directory, name, "opts", config.program.defines);
    printf("%s %s %d %d %s %d %d\n", name, cells[cell].name, hidden, batch, config.algorithm,
           config.tile.items, words);
    free(text);
    clrnn_net_free(net);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: gpu_text DIR WORDS\n");
        return 2;
    }
    const struct device_desc device = {.kind = DEVICE_GPU,
                                       .compute_units = COMPUTE_UNITS,
                                       .vector_width = 1,
                                       .max_group = 1024,
                                       .local_memory = 49152,
                                       .max_alloc = (size_t)1 << 30,
                                       .held_words = atoi(argv[2])};
    for (int cell = 0; cell < CELLS; cell++) {
        for (int hidden = 0; hidden < HIDDENS; hidden++) {
            for (int batch = 0; batch < BATCHES; batch++) {
                write_choice(argv[1], &device, cell, hiddens[hidden], batches[batch]);
            }
        }
    }
    return 0;
}
