/*
 * test_algo.c: the choice of an algorithm, and of pieces, without a device. The committed table
 * tests/data/refusals.txt lists, for each pair, cell and kind of device, that it is allowed or why
 * it is refused: a refusal that is not in it fails, so a fast path cannot be lost in silence.
 */
#include "suites.h"
#include "support.h"

#include "core/plan.h"

#include <stdio.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    struct device_desc desc;
} devices[] = {
    {"cpu-engine", {.kind = DEVICE_HOST, .compute_units = 1, .vector_width = 8}},
    {"cpu-driver",
     {.kind = DEVICE_CPU,
      .compute_units = 8,
      .vector_width = 16,
      .max_group = 4096,
      .local_memory = 262144,
      .held = {{196, 196, 196}, {196, 196, 196}, {160, 160, 160}, 128, 128, 128, 160, 160, 128},
      .max_alloc = 1u << 30,
      .has_flags = 1}},
    {"gpu",
     {.kind = DEVICE_GPU,
      .compute_units = 40,
      .vector_width = 1,
      .max_group = 1024,
      .local_memory = 49152,
      .held = {{196, 196, 196}, {190, 190, 168}, {144, 160, 128}, 128, 128, 64, 128, 104, 80},
      .max_alloc = 1u << 30,
      .has_clblast = 1}},
    {"small-gpu",
     {.kind = DEVICE_GPU,
      .compute_units = 2,
      .vector_width = 1,
      .max_group = 64,
      .local_memory = 16384,
      .max_alloc = 1u << 24}},
    {"tiny-groups",
     {.kind = DEVICE_GPU,
      .compute_units = 1,
      .vector_width = 1,
      .max_group = 32,
      .local_memory = 32768,
      .max_alloc = 1u << 24}},
    {"no-local-memory",
     {.kind = DEVICE_ACCELERATOR,
      .compute_units = 1,
      .vector_width = 8,
      .max_group = 256,
      .local_memory = 8192,
      .max_alloc = 1u << 24}},
    {"old-cpu-driver",
     {.kind = DEVICE_CPU,
      .compute_units = 8,
      .vector_width = 4,
      .max_group = 1024,
      .local_memory = 32768,
      .max_alloc = 1u << 30}},
    {"one-core",
     {.kind = DEVICE_CPU,
      .compute_units = 1,
      .vector_width = 8,
      .max_group = 1024,
      .local_memory = 32768,
      .max_alloc = 1u << 30,
      .has_flags = 1}},
};
enum { DEVICE_COUNT = sizeof devices / sizeof devices[0] };

static const struct device_desc *device_named(const char *name) {
    for (size_t i = 0; i < DEVICE_COUNT; i++) {
        if (strcmp(devices[i].name, name) == 0) {
            return &devices[i].desc;
        }
    }
    ck_abort_msg("no device %s", name);
}

static int is_custom(const struct cell *cell) {
    return strcmp(cell->name, "custom") == 0;
}

/* A cell of the table; a user's own one with a text. */
static struct problem problem_of(const struct cell *cell, int hidden, int batch) {
    struct problem problem = {.cell = *cell,
                              .inputs = 24,
                              .hidden = hidden,
                              .width = hidden,
                              .steps = 50,
                              .batch = batch,
                              .has_projection = cell->words == cell->gates};
    if (is_custom(cell)) {
        problem.cell.source = "h = act_tanh(gx[0] + gh[0], 0.0f, 0.0f);";
    }
    if (strcmp(cell->name, "lstm_projected") == 0) {
        problem.width = (hidden + 1) / 2;
    }
    return problem;
}

/* Whether the pair takes the problem, or why not. */
static void explain(char *line, size_t size, size_t device, size_t pair,
                    const struct problem *problem) {
    struct algo_config config;
    const clrnn_status status =
        algo_configure(&config, &devices[device].desc, problem, algo_name(pair));
    const char *reason = strstr(clrnn_last_error()->message, " is refused: ");
    ck_assert(status == CLRNN_STATUS_OK || (status == CLRNN_STATUS_UNSUPPORTED && reason != NULL));
    snprintf(line, size, "%s %s %s %s%s%s\n", devices[device].name, problem->cell.name,
             algo_name(pair), status == CLRNN_STATUS_OK ? "yes" : "no",
             status == CLRNN_STATUS_OK ? "" : " ",
             status == CLRNN_STATUS_OK ? "" : reason + strlen(" is refused: "));
}

/* What GPUs that hold 196 words an item take first: weights in registers where they fit, some of them where not
 * too many are left, and what streams them beyond. */
START_TEST(registers_where_weights_fit) {
    static const struct {
        const char *cell;
        int hidden, held[CELL_MAX_PHASES];
        const char *algorithm;
        int words, stays;
    } rows[] = {
        {"rnn", 64, {2}, "single/register", 16, 16},
        {"rnn", 128, {4}, "single/register", 64, 64},
        {"rnn", 192, {6}, "single/register", 144, 144},
        {"rnn", 224, {7}, "single/register", 196, 196},
        {"rnn", 256, {8}, "single/register", 8 * 32, 3 * 32},
        {"rnn", 512, {0}, "single/stream", 0, 0},
        {"lstm", 64, {4}, "single/register", 64, 64},
        {"lstm", 96, {6}, "single/register", 144, 144},
        {"lstm", 112, {7}, "single/register", 196, 196},
        {"lstm", 128, {8}, "single/register", 8 * 32, 3 * 32},
        {"lstm", 256, {0}, "single/stream", 0, 0},
        {"gru_after", 64, {3}, "single/register", 48, 48},
        {"gru_after", 96, {5}, "single/register", 120, 120},
        {"gru_after", 128, {6}, "single/register", 192, 192},
        {"gru_after", 160, {8}, "single/register", 8 * 40, 3 * 32},
        {"gru_after", 256, {0}, "single/stream", 0, 0},
        {"gru_before", 64, {2, 1}, "single/register", 48, 48},
        {"gru_before", 96, {3, 2}, "single/register", 120, 120},
        {"gru_before", 128, {4, 2}, "single/register", 192, 192},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct cell *cell = NULL;
        for (size_t k = 0; (cell = cell_at(k)) != NULL && strcmp(cell->name, rows[i].cell) != 0;
             k++) {
        }
        ck_assert(cell != NULL);
        const struct problem problem = problem_of(cell, rows[i].hidden, 4);
        struct algo_config config;
        ck_assert_int_eq(algo_configure(&config, device_named("gpu"), &problem, NULL),
                         CLRNN_STATUS_OK);
        ck_assert_msg(strcmp(config.algorithm, rows[i].algorithm) == 0,
                      "%s %d takes %s, expected %s", rows[i].cell, rows[i].hidden, config.algorithm,
                      rows[i].algorithm);
        for (int phase = 0; phase < cell->phase_count; phase++) {
            ck_assert_msg(config.tile.held[phase] == rows[i].held[phase],
                          "%s %d phase %d holds %d rows an item, expected %d", rows[i].cell,
                          rows[i].hidden, phase, config.tile.held[phase], rows[i].held[phase]);
        }
        ck_assert_int_eq(config.tile.words, rows[i].words);
        ck_assert_int_eq(config.tile.stays, rows[i].stays);
        ck_assert(config.tile.held[0] == 0 || config.tile.items <= 256);
    }
}
END_TEST

START_TEST(refusals_are_the_committed_ones) {
    char line[512], expected[512];
    FILE *table = fopen("tests/data/refusals.txt", "r");
    ck_assert_msg(table != NULL, "tests/data/refusals.txt cannot be read");
    const struct cell *cell = NULL;
    for (size_t device = 0; device < DEVICE_COUNT; device++) {
        for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
            for (size_t pair = 0; pair < algo_count(); pair++) {
                const struct problem problem = problem_of(cell, 128, 4);
                explain(line, sizeof line, device, pair, &problem);
                if (getenv("CLRNN_WRITE_REFUSALS") != NULL) {
                    fputs(line, stderr);
                    continue;
                }
                ck_assert_msg(fgets(expected, sizeof expected, table) != NULL,
                              "the table ends before: %s", line);
                ck_assert_msg(strcmp(line, expected) == 0, "got: %s the table has: %s", line,
                              expected);
            }
        }
    }
    ck_assert_msg(getenv("CLRNN_WRITE_REFUSALS") != NULL ||
                      fgets(expected, sizeof expected, table) == NULL,
                  "the table has more: %s", expected);
    fclose(table);
}
END_TEST

/* What a net is told of a pair is what the table says of its cells: refused as soon as one strand is,
 * with that reason. */
START_TEST(nets_are_told_the_same) {
    const clrnn_layer_desc layers[] = {
        {.cell = CLRNN_CELL_LSTM, .hidden = 128, .projection = 64},
        {.cell = CLRNN_CELL_CUSTOM, .hidden = 128, .gates = 1, .states = 1, .source = ";"}};
    static const size_t cells[] = {2, 5}; /* lstm_projected, custom */
    const clrnn_plan_desc desc = {.steps = 50, .batch = 4};
    for (int count = 1; count <= 2; count++) {
        clrnn_net *net = NULL;
        const clrnn_net_desc net_desc = {.inputs = 24, .num_layers = count, .layers = layers};
        ok(clrnn_net_create(&net, &net_desc));
        for (size_t device = 0; device < DEVICE_COUNT; device++) {
            const struct clrnn_context context = {.desc = devices[device].desc};
            for (size_t pair = 0; pair < algo_count(); pair++) {
                char line[512], expected[512], first[512];
                clrnn_algorithm_info info;
                struct problem problem = problem_of(cell_at(cells[0]), 128, 4);
                explain(first, sizeof first, device, pair, &problem);
                problem = problem_of(cell_at(cells[count - 1]), 128, 4);
                explain(expected, sizeof expected, device, pair, &problem);
                plan_explain(&info, pair, &context, net, &desc);
                /* the first strand's reason stands before the second one's */
                const char *part = strstr(first, info.name);
                part = strncmp(part + strlen(info.name), " no", 3) == 0
                           ? part
                           : strstr(expected, info.name);
                snprintf(line, sizeof line, "%s %s%s%s\n", info.name, info.allowed ? "yes" : "no",
                         info.allowed ? "" : " ", info.allowed ? "" : info.reason);
                ck_assert_str_eq(line, part);
            }
        }
        clrnn_net_free(net);
    }
}
END_TEST

static void check_config(const struct algo_config *config, const struct cell *cell) {
    for (int phase = 0; phase < cell->phase_count; phase++) {
        const int k = config->params.k[phase], slices = config->params.slices[phase];
        ck_assert_int_eq(slices, algo_slices(cell, k));
        ck_assert_int_ge(slices * config->params.slice[phase], k);
        ck_assert_int_eq(slices % config->tile.split, 0);
        ck_assert_int_eq(config->params.units[phase] % config->tile.vector_width, 0);
        ck_assert_int_ge(config->params.stride, config->params.units[phase]);
    }
    ck_assert_int_eq(config->params.stride % config->tile.vector_width, 0);
    ck_assert_int_eq(config->tile.items % 64 == 0 || config->tile.items == 1, 1);
}

/* The same question has the same answer, and S depends on k and the cell alone. */
START_TEST(configure_is_pure) {
    const struct cell *cell = NULL;
    for (size_t device = 0; device < 4; device++) {
        for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
            for (int hidden = 1; hidden < 300; hidden += 37) {
                struct algo_config a, b;
                const struct problem one = problem_of(cell, hidden, 1);
                const struct problem many = problem_of(cell, hidden, 33);
                if (is_custom(cell) && devices[device].desc.kind == DEVICE_HOST) {
                    fails(algo_configure(&a, &devices[device].desc, &one, NULL), UNSUPPORTED,
                          "a custom cell is OpenCL C");
                    continue;
                }
                ok(algo_configure(&a, &devices[device].desc, &one, NULL));
                ok(algo_configure(&b, &devices[device].desc, &one, NULL));
                ck_assert_int_eq(memcmp(&a, &b, sizeof a), 0);
                ok(algo_configure(&b, &devices[device].desc, &many, NULL));
                ck_assert_mem_eq(a.params.slices, b.params.slices, sizeof a.params.slices);
                ck_assert_mem_eq(a.params.slice, b.params.slice, sizeof a.params.slice);
                check_config(&a, cell);
                check_config(&b, cell);
            }
        }
    }
}
END_TEST

/* Tiles take turns with weights that no shared cache holds, but a tile of one row has no text for it. */
START_TEST(one_row_takes_no_turns) {
    struct device_desc device = *device_named("cpu-engine");
    int turned = 0, alone = 0;
    device.compute_units = 2;
    device.has_flags = 1;
    for (int batch = 1; batch <= 16; batch++) {
        struct algo_config config;
        const struct problem problem = problem_of(cell_at(3), 1760, batch);
        ck_assert_str_eq(problem.cell.name, "gru_after");
        ok(algo_configure(&config, &device, &problem, "persist/panel"));
        if (config.tile.rows == 1) {
            ck_assert_int_eq(config.params.turns, 1);
            alone += batch > 1;
        }
        turned += config.params.turns > 1;
    }
    ck_assert_int_gt(alone, 0);
    ck_assert_int_gt(turned, 0);
}
END_TEST

/* Its sums, one vector of each row or column, and one that changes: of 16 registers, or 32 of 16 lanes. */
static void hold_registers(const struct algo_tile *tile, int phase, int sums) {
    const int rows = tile->rows, columns = tile->strip[phase] / tile->vector_width;
    ck_assert_int_gt(rows, 1);
    ck_assert_int_gt(columns, 0);
    ck_assert_int_eq(sums * tile->block[phase] % tile->strip[phase], 0);
    ck_assert_int_le(rows * columns + (rows < columns ? rows : columns) + 1,
                     tile->vector_width == 16 ? 32 : 16);
}

START_TEST(sums_stay_in_registers) {
    const struct cell *cell = NULL;
    for (int lanes = 8; lanes <= 16; lanes += 8) {
        struct device_desc device = *device_named("cpu-engine");
        device.vector_width = lanes;
        for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
            for (int batch = 4; batch <= 64 && !is_custom(cell); batch += 5) {
                struct algo_config config;
                const struct problem problem = problem_of(cell, 8 * batch, batch);
                ok(algo_configure(&config, &device, &problem, NULL));
                for (int phase = 0; phase < cell->phase_count; phase++) {
                    hold_registers(&config.tile, phase, cell->phases[phase].rows);
                }
                if (config.projection_tile.rows > 0) { /* a dense layer has none */
                    hold_registers(&config.projection_tile, 0, 1);
                }
            }
        }
    }
}
END_TEST

/* Nobody can vouch for the bits of a user's text, and only OpenCL devices run it. */
START_TEST(custom_parts_are_refused) {
    struct algo_config config;
    struct device_desc device = devices[1].desc;
    struct problem cell = problem_of(cell_at(5), 64, 4), act = problem_of(cell_at(0), 64, 4);
    act.cell.act_count = 1;
    act.cell.acts[0] = (clrnn_activation){.kind = CLRNN_ACT_CUSTOM, .source = "x = x;"};
    ok(algo_configure(&config, &device, &cell, NULL));
    ok(algo_configure(&config, &device, &act, NULL));
    device.strict = 1;
    fails(algo_configure(&config, &device, &cell, NULL), UNSUPPORTED,
          "strict cannot promise the bits of a custom cell");
    fails(algo_configure(&config, &device, &act, NULL), UNSUPPORTED,
          "strict cannot promise the bits of a custom activation");
    fails(algo_configure(&config, &devices[0].desc, &act, NULL), UNSUPPORTED,
          "a custom activation is OpenCL C: it needs the opencl engine");
}
END_TEST

/* On GPUs the projection is CLBlast's where it is built in, unless the plan must keep every bit. */
START_TEST(projection_is_chosen) {
    struct algo_config config;
    struct device_desc gpu = devices[2].desc;
    struct problem problem = problem_of(cell_at(0), 64, 4);
    ok(algo_configure(&config, &gpu, &problem, NULL));
    ck_assert_int_eq(config.projection, CLRNN_PROJECTION_CLBLAST);
    gpu.strict = 1;
    ok(algo_configure(&config, &gpu, &problem, NULL));
    ck_assert_int_eq(config.projection, CLRNN_PROJECTION_OWN);
    problem.projection = CLRNN_PROJECTION_CLBLAST;
    fails(algo_configure(&config, &gpu, &problem, NULL), UNSUPPORTED, "strict");
    problem.projection = CLRNN_PROJECTION_AUTO;
    ok(algo_configure(&config, &devices[1].desc, &problem, NULL));
    ck_assert_int_eq(config.projection, CLRNN_PROJECTION_OWN);

    /* CLBlast makes all steps at once */
    problem.chunk = 50;
    ok(algo_configure(&config, &devices[2].desc, &problem, NULL));
    ck_assert_int_eq(config.projection, CLRNN_PROJECTION_CLBLAST);
    problem.chunk = 49;
    ok(algo_configure(&config, &devices[2].desc, &problem, NULL));
    ck_assert_int_eq(config.projection, CLRNN_PROJECTION_OWN);
    problem.projection = CLRNN_PROJECTION_CLBLAST;
    fails(algo_configure(&config, &devices[2].desc, &problem, NULL), UNSUPPORTED,
          "takes all 50 steps at once, not pieces of 49");
}
END_TEST

/* Where the device does not allow all of the work space in one piece, time is cut; what is too much
 * for a single step is refused with the numbers. */
START_TEST(memory_is_counted) {
    const struct clrnn_context context = {.desc = devices[3].desc};
    clrnn_plan_desc desc = {.steps = 1000, .batch = 1000};
    struct algo_config config;
    struct plan_memory memory;
    clrnn_net *net = NULL;
    ok(clrnn_net_create(
        &net, &(clrnn_net_desc){.inputs = 24, .layer = {.cell = CLRNN_CELL_LSTM, .hidden = 128}}));
    ok(plan_configure(&config, &memory, &context, net, &desc, NULL));
    /* a step of x_proj: 1000 x 4 x 128 floats; work: 6 x 1000 x 128 */
    ck_assert_int_eq(memory.chunk, ((1 << 24) - 3072000 - 3 * ENGINE_ALIGNMENT) / 2048000);
    ck_assert_int_eq(config.steps, memory.chunk);
    ck_assert_int_eq(memory.by_piece, 1);
    ck_assert_uint_le(memory.space.bytes, devices[3].desc.max_alloc);
    desc.batch = 10000;
    fails(plan_configure(&config, &memory, &context, net, &desc, NULL), MEMORY,
          "(T 1000, N 10000), the device allows 16777216 in one piece");
    clrnn_net_free(net);
}
END_TEST

/* A driver that stops loops gets shorter launches, or another algorithm. */
START_TEST(loop_limits_are_kept) {
    struct algo_config config;
    struct device_desc device = devices[1].desc;
    struct problem problem = problem_of(cell_at(0), 32, 8);
    device.loop_limit = 65000;
    ok(algo_configure(&config, &device, &problem, NULL));
    ck_assert_str_eq(config.algorithm, "single/panel");
    ck_assert_int_lt(config.chunk_steps, 1000);
    problem.batch = 370;
    problem.hidden = 256;
    ok(algo_configure(&config, &device, &problem, NULL));
    ck_assert_str_eq(config.algorithm, "step/stream");
    fails(algo_configure(&config, &device, &problem, "single/panel"), UNSUPPORTED,
          "the driver stops after 65000");
}
END_TEST

START_TEST(weights_survive_packing) {
    static const struct pack_layout layouts[] = {
        {.gate = 0, .rows = 1, .units = 1, .columns = 1, .block = 1},
        {.gate = 0, .rows = 4, .units = 17, .columns = 17, .block = 16},
        {.gate = 2, .rows = 1, .units = 33, .columns = 33, .block = 8},
        {.gate = 0, .rows = 2, .units = 65, .columns = 65, .block = 64},
        {.gate = 0, .rows = 1, .units = 20, .columns = 20, .block = 16, .transposed = 1},
        {.gate = 0, .rows = 4, .units = 50, .columns = 50, .block = 24, .strip = 24},
        {.rows = 1,
         .units = 224,
         .columns = 224,
         .block = 224,
         .held = 7,
         .items = 256,
         .slices = 8},
        {.rows = 4, .units = 65, .columns = 67, .block = 65, .held = 5, .items = 256, .slices = 4},
        {.gate = 2,
         .rows = 1,
         .units = 3,
         .columns = 3,
         .block = 3,
         .held = 1,
         .items = 64,
         .slices = 1},
        /* of several groups, the last of which has fewer units */
        {.rows = 3,
         .units = 131,
         .columns = 131,
         .block = 33,
         .held = 2,
         .items = 256,
         .slices = 4},
        {.rows = 1,
         .units = 100,
         .columns = 100,
         .block = 100,
         .held = 4,
         .items = 256,
         .slices = 8,
         .transposed = 1},
    };
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        const struct pack_layout *layout = &layouts[i];
        const size_t gates = (size_t)(layout->gate + layout->rows);
        const size_t count = gates * (size_t)layout->units * (size_t)layout->columns;
        float *from = malloc(count * sizeof *from), *back = calloc(count, sizeof *back);
        float *packed = malloc(pack_floats(layout) * sizeof *packed);
        const size_t skipped =
            (size_t)layout->gate * (size_t)layout->units * (size_t)layout->columns;
        for (size_t j = 0; j < count; j++) {
            from[j] = (float)(j + 1);
        }
        pack_weights(packed, from, layout);
        pack_unpack(back, packed, layout);
        for (size_t j = skipped; j < count; j++) {
            ck_assert_msg(back[j] == from[j], "layout %zu: value %zu came back as %g", i, j,
                          back[j]);
        }
        /* what stands behind rows, slices and items adds -0 to a sum */
        for (size_t j = 0; j < pack_floats(layout) && layout->held > 0; j++) {
            ck_assert_msg(packed[j] != 0 || signbit(packed[j]), "layout %zu: +0 at %zu", i, j);
        }
        double sum = 0, packed_sum = 0;
        for (size_t j = skipped; j < count; j++) {
            sum += from[j];
        }
        for (size_t j = 0; j < pack_floats(layout); j++) {
            packed_sum += packed[j];
        }
        ck_assert_msg(sum == packed_sum, "layout %zu: padding is not 0", i);
        free(from);
        free(back);
        free(packed);
    }
}
END_TEST

Suite *algo_suite(void) {
    Suite *suite = suite_create("algo");
    TCase *choice = tcase_create("choice");
    tcase_add_test(choice, refusals_are_the_committed_ones);
    tcase_add_test(choice, registers_where_weights_fit);
    tcase_add_test(choice, nets_are_told_the_same);
    tcase_add_test(choice, configure_is_pure);
    tcase_add_test(choice, one_row_takes_no_turns);
    tcase_add_test(choice, sums_stay_in_registers);
    tcase_add_test(choice, custom_parts_are_refused);
    tcase_add_test(choice, projection_is_chosen);
    tcase_add_test(choice, memory_is_counted);
    tcase_add_test(choice, loop_limits_are_kept);
    tcase_add_test(choice, weights_survive_packing);
    suite_add_tcase(suite, choice);
    return suite;
}
