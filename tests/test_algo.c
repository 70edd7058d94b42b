/*
 * test_algo.c: the choice of an algorithm without a device. The committed table
 * tests/data/refusals.txt lists, for each pair, cell and kind of device, that it is allowed or why
 * it is refused: a refusal that is not in it fails, so a fast path cannot be lost in silence.
 */
#include "suites.h"
#include "support.h"

#include "algo/algo.h"

#include <stdio.h>
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
      .max_alloc = 1u << 30}},
    {"gpu",
     {.kind = DEVICE_GPU,
      .compute_units = 40,
      .vector_width = 1,
      .max_group = 1024,
      .local_memory = 49152,
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
};
enum { DEVICE_COUNT = sizeof devices / sizeof devices[0] };

static struct problem problem_of(const struct cell *cell, int hidden, int batch) {
    return (struct problem){.cell = *cell,
                            .inputs = 24,
                            .hidden = hidden,
                            .steps = 50,
                            .batch = batch,
                            .has_projection = cell->words == cell->gates};
}

START_TEST(refusals_are_the_committed_ones) {
    char line[512], expected[512];
    FILE *table = fopen("tests/data/refusals.txt", "r");
    ck_assert_msg(table != NULL, "tests/data/refusals.txt cannot be read");
    const struct cell *cell = NULL;
    for (size_t device = 0; device < DEVICE_COUNT; device++) {
        for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
            for (size_t pair = 0; pair < algo_count(); pair++) {
                clrnn_algorithm_info info;
                const struct problem problem = problem_of(cell, 128, 4);
                algo_explain(&info, pair, &devices[device].desc, &problem);
                snprintf(line, sizeof line, "%s %s %s %s%s%s\n", devices[device].name, cell->name,
                         info.name, info.allowed ? "yes" : "no", info.allowed ? "" : " ",
                         info.allowed ? "" : info.reason);
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

/* The same question has the same answer, and S depends on H and the cell alone. */
START_TEST(configure_is_pure) {
    const struct cell *cell = NULL;
    for (size_t device = 0; device < 4; device++) {
        for (size_t i = 0; (cell = cell_at(i)) != NULL; i++) {
            for (int hidden = 1; hidden < 300; hidden += 37) {
                struct algo_config a, b;
                const struct problem one = problem_of(cell, hidden, 1);
                const struct problem many = problem_of(cell, hidden, 33);
                ok(algo_configure(&a, &devices[device].desc, &one, NULL));
                ok(algo_configure(&b, &devices[device].desc, &one, NULL));
                ck_assert_int_eq(memcmp(&a, &b, sizeof a), 0);
                ok(algo_configure(&b, &devices[device].desc, &many, NULL));
                ck_assert_int_eq(a.params.slices, b.params.slices);
                ck_assert_int_eq(a.params.slice, b.params.slice);
                ck_assert_int_eq(a.params.slices, algo_slices(cell, hidden));
                ck_assert_int_ge(a.params.slices * a.params.slice, hidden);
                ck_assert_int_eq(a.params.stride % a.tile.vector_width, 0);
                ck_assert_int_eq(a.tile.items % 64 == 0 || a.tile.items == 1, 1);
                ck_assert_int_eq(a.params.slices % a.tile.split, 0);
            }
        }
    }
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
}
END_TEST

/* A projected input larger than the device allows in one piece is refused with the numbers. */
START_TEST(memory_is_counted) {
    struct algo_config config;
    struct problem problem = problem_of(cell_at(1), 128, 1000);
    problem.steps = 1000;
    fails(algo_configure(&config, &devices[3].desc, &problem, NULL), MEMORY,
          "(projected input: T 1000 x N 1000 x 512 floats)");
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
    tcase_add_test(choice, configure_is_pure);
    tcase_add_test(choice, projection_is_chosen);
    tcase_add_test(choice, memory_is_counted);
    tcase_add_test(choice, loop_limits_are_kept);
    tcase_add_test(choice, weights_survive_packing);
    suite_add_tcase(suite, choice);
    return suite;
}
