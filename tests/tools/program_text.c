/*
 * program_text.c: writes the text of every program that the planner can ask a driver to build, for
 * made-up devices: DIR/000.cl with its macros in DIR/000.opts, and so on. No device is needed.
 *
 *     program_text DIR
 */
#include "core/plan.h"
#include "program_files.h"

#include <string.h>

enum { MAX_PROGRAMS = 1024 };

/* Every driver kind and vector width, and devices at the edge of what the tiles take. */
static const struct device_desc devices[] = {
    {.kind = DEVICE_CPU, .vector_width = 4, .max_group = 4096, .local_memory = 1 << 19},
    {.kind = DEVICE_CPU, .vector_width = 8, .max_group = 4096, .local_memory = 1 << 19},
    {.kind = DEVICE_CPU, .vector_width = 16, .max_group = 4096, .local_memory = 1 << 19},
    {.kind = DEVICE_GPU,
     .compute_units = 80,
     .vector_width = 1,
     .max_group = 1024,
     .local_memory = 49152,
     .held = {{196, 196, 196}, {196, 196, 196}, {160, 160, 160}, 128, 128, 128, 160, 160, 128}},
    {.kind = DEVICE_GPU, .vector_width = 1, .max_group = 128, .local_memory = 32768},
    {.kind = DEVICE_GPU, .vector_width = 1, .max_group = 64, .local_memory = 16384},
};
static const int hiddens[] = {5, 64, 300};
static const int batches[] = {1, 5};

/* On every device in every size. A projection is of half the units. */
static const clrnn_layer_desc layers[] = {
    {.cell = CLRNN_CELL_RNN},
    {.cell = CLRNN_CELL_RNN, .acts[0][0].kind = CLRNN_ACT_RELU},
    {.cell = CLRNN_CELL_LSTM},
    {.cell = CLRNN_CELL_LSTM, .projection = 1},
    {.cell = CLRNN_CELL_GRU},
    {.cell = CLRNN_CELL_GRU, .reset = CLRNN_RESET_BEFORE},
    {.cell = CLRNN_CELL_CUSTOM,
     .gates = 2,
     .states = 1,
     .source = "real f = act_sigmoid(gx[0] + gh[0], 0.0f, 0.0f);\n"
               "h = FMA(f, h, (R(1.0f) - f) * act_tanh(FMA(f, gh[1], gx[1]), 0.0f, 0.0f));\n"},
};

/* What else goes into a text: options, activations and a user's own; on one device of each tile. */
static const clrnn_layer_desc variants[] = {
    {.cell = CLRNN_CELL_LSTM, .peepholes = 1},
    {.cell = CLRNN_CELL_LSTM, .peepholes = 1, .couple = CLRNN_COUPLE_FORGET, .cell_clip = 3},
    {.cell = CLRNN_CELL_LSTM, .couple = CLRNN_COUPLE_INPUT, .forget_bias = 1, .gate_clip = 2},
    {.cell = CLRNN_CELL_LSTM,
     .projection = 1,
     .peepholes = 1,
     .couple = CLRNN_COUPLE_FORGET,
     .forget_bias = 1,
     .gate_clip = 2,
     .cell_clip = 3},
    {.cell = CLRNN_CELL_LSTM,
     .acts[0] = {{.kind = CLRNN_ACT_HARD_SIGMOID},
                 {.kind = CLRNN_ACT_SOFTSIGN},
                 {.kind = CLRNN_ACT_SCALED_TANH},
                 {.kind = CLRNN_ACT_CUSTOM, .source = "x = x * act_sigmoid(x, alpha, beta);"},
                 {.kind = CLRNN_ACT_MISH}}},
    {.cell = CLRNN_CELL_GRU,
     .gate_clip = 1,
     .acts[0] = {{.kind = CLRNN_ACT_CUSTOM, .source = "x = R(alpha) * x + R(beta);"},
                 {.kind = CLRNN_ACT_CUSTOM, .source = "x = act_relu6(x, 0.0f, 0.0f);"},
                 {.kind = CLRNN_ACT_GELU}}},
    {.cell = CLRNN_CELL_GRU, .reset = CLRNN_RESET_BEFORE, .gate_clip = 1},
    {.cell = CLRNN_CELL_CUSTOM, .gates = 1, .states = 1, .source = "h = gx[0] + gh[0];"},
    {.cell = CLRNN_CELL_CUSTOM,
     .gates = 4,
     .states = 2,
     .source = "c = FMA(gx[0], c, gh[1] * gx[2]);\nh = gh[3] * act_tanh(c, 0.0f, 0.0f);"},
};

static const char *directory;
static char *written[MAX_PROGRAMS]; /* macros and text of each */
static int count;

/* Writes the program unless one with the same macros and text was. */
static void write_program(const struct algo_program *program) {
    char name[16], *text = program_text(program);
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
    snprintf(name, sizeof name, "%03d", count);
    write_files(directory, name, text, program->defines);
    written[count++] = key;
    free(text);
}

/* Every algorithm that takes the problem on the device. */
static void write_problem(const struct device_desc *found, const struct problem *problem) {
    struct device_desc device = *found;
    device.compute_units = 4;
    for (size_t i = 0; i < algo_count(); i++) {
        struct algo_config config;
        const clrnn_status status = algo_configure(&config, &device, problem, algo_name(i));
        if (status == CLRNN_STATUS_UNSUPPORTED) {
            continue;
        }
        if (status != CLRNN_STATUS_OK) {
            fail(algo_name(i));
        }
        write_program(&config.program);
        if (problem->has_projection) {
            write_program(&config.projection_program);
        }
    }
}

static void write_layer(const struct device_desc *device, const clrnn_layer_desc *like, int hidden,
                        int batch) {
    const clrnn_plan_desc size = {.steps = 3, .batch = batch};
    clrnn_net_desc desc = {.inputs = 7, .layer = *like};
    clrnn_net *net = NULL;
    desc.layer.hidden = hidden;
    desc.layer.projection = like->projection > 0 ? hidden / 2 : 0;
    if (clrnn_net_create(&net, &desc) != CLRNN_STATUS_OK) {
        fail("net");
    }
    const struct problem problem = plan_problem(net_strand(net, 0, 0), &size, 0);
    write_problem(device, &problem);
    clrnn_net_free(net);
}

/* Backward cells are no layer's: their problem is made by hand. */
static void write_backward(const struct device_desc *device, int hidden, int batch) {
    const struct cell *cell = NULL;
    for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
        if (cell->words != cell->gates) {
            write_problem(device, &(struct problem){.cell = *cell,
                                                    .inputs = 7,
                                                    .hidden = hidden,
                                                    .width = hidden,
                                                    .steps = 3,
                                                    .batch = batch,
                                                    .transposed = 1});
        }
    }
}

#define COUNT(array) (sizeof array / sizeof array[0])

static void write_everything(void) {
    for (size_t d = 0; d < COUNT(devices); d++) {
        for (size_t h = 0; h < COUNT(hiddens); h++) {
            for (size_t n = 0; n < COUNT(batches); n++) {
                for (size_t i = 0; i < COUNT(layers); i++) {
                    write_layer(&devices[d], &layers[i], hiddens[h], batches[n]);
                }
                write_backward(&devices[d], hiddens[h], batches[n]);
            }
        }
    }
    for (size_t i = 0; i < COUNT(variants); i++) {
        write_layer(&devices[1], &variants[i], 64, 5);
        write_layer(&devices[3], &variants[i], 64, 5);
    }
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: program_text DIR\n");
        return 2;
    }
    directory = argv[1];
    write_everything();
    printf("%d programs\n", count);
    for (int i = 0; i < count; i++) {
        free(written[i]);
    }
    return EXIT_SUCCESS;
}
