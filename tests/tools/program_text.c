/*
 * program_text.c: writes the text of every program that the planner can ask a driver to build, for
 * made-up devices: DIR/000.cl with its macros in DIR/000.opts, and so on. No device is needed.
 *
 *     program_text DIR
 */
#include "algo/algo.h"
#include "cl/cl_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PROGRAMS = 1024 };

/* Every driver kind and vector width, and devices at the edge of what the tiles take. */
static const struct device_desc devices[] = {
    {.kind = DEVICE_CPU, .vector_width = 4, .max_group = 4096, .local_memory = 1 << 19},
    {.kind = DEVICE_CPU, .vector_width = 8, .max_group = 4096, .local_memory = 1 << 19},
    {.kind = DEVICE_CPU, .vector_width = 16, .max_group = 4096, .local_memory = 1 << 19},
    {.kind = DEVICE_GPU, .vector_width = 1, .max_group = 1024, .local_memory = 49152},
    {.kind = DEVICE_GPU, .vector_width = 1, .max_group = 128, .local_memory = 32768},
    {.kind = DEVICE_GPU, .vector_width = 1, .max_group = 64, .local_memory = 16384},
};
static const int hiddens[] = {5, 64, 300};
static const int batches[] = {1, 5};

static const char *directory;
static char *written[MAX_PROGRAMS]; /* macros and text of each */
static int count;

static void fail(const char *what) {
    fprintf(stderr, "program_text: %s: %s\n", what, clrnn_last_error()->message);
    exit(EXIT_FAILURE);
}

static void write_file(const char *ending, const char *text) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%03d.%s", directory, count, ending);
    FILE *file = fopen(path, "w");
    if (file == NULL || fprintf(file, "%s\n", text) < 0 || fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

/* Writes the program unless one with the same macros and text was. */
static void write_program(const struct algo_program *program) {
    char *text = NULL;
    if (cl_program_text(&text, program) != CLRNN_STATUS_OK) {
        fail("text");
    }
    const size_t size = strlen(program->defines) + strlen(text) + 2;
    char *key = malloc(size);
    if (key == NULL || count == MAX_PROGRAMS) {
        fail("too many programs");
    }
    snprintf(key, size, "%s\n%s", program->defines, text);
    for (int i = 0; i < count; i++) {
        if (strcmp(written[i], key) == 0) {
            free(key);
            free(text);
            return;
        }
    }
    write_file("cl", text);
    write_file("opts", program->defines);
    written[count++] = key;
    free(text);
}

/* Every algorithm that takes the problem on the device. */
static void write_problem(const struct device_desc *found, const struct problem *problem) {
    struct device_desc all = *found;
    const struct device_desc *device = &all;
    all.compute_units = 4;
    for (size_t i = 0; i < algo_count(); i++) {
        struct algo_config config;
        clrnn_algorithm_info info;
        algo_explain(&info, i, device, problem);
        if (!info.allowed) {
            continue;
        }
        if (algo_configure(&config, device, problem, info.name) != CLRNN_STATUS_OK) {
            fail(info.name);
        }
        write_program(&config.program);
        if (problem->has_projection) {
            write_program(&config.projection_program);
        }
    }
}

static void write_cell(const struct cell *cell) {
    for (size_t d = 0; d < sizeof devices / sizeof devices[0]; d++) {
        for (size_t h = 0; h < sizeof hiddens / sizeof hiddens[0]; h++) {
            for (size_t n = 0; n < sizeof batches / sizeof batches[0]; n++) {
                const int backward = cell->words != cell->gates;
                write_problem(&devices[d], &(struct problem){.cell = *cell,
                                                             .inputs = 7,
                                                             .hidden = hiddens[h],
                                                             .steps = 3,
                                                             .batch = batches[n],
                                                             .has_projection = !backward,
                                                             .transposed = backward});
            }
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: program_text DIR\n");
        return 2;
    }
    directory = argv[1];
    for (size_t i = 0; cell_at(i) != NULL; i++) {
        write_cell(cell_at(i));
        struct cell relu = *cell_at(i);
        if (relu.act_count == 1) {
            relu.acts[0] = ACT_ID_RELU;
            write_cell(&relu);
        }
    }
    printf("%d programs\n", count);
    for (int i = 0; i < count; i++) {
        free(written[i]);
    }
    return EXIT_SUCCESS;
}
