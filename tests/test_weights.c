/*
 * test_weights.c: weights in 16 bits: the bits of a plan in float32 of the net with rounded weights,
 * by every algorithm on every engine; how they are rounded, and what they cannot hold.
 */
#include "suites.h"
#include "support.h"

#include "core/engine.h"
#include "core/half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const clrnn_weights kinds[] = {CLRNN_WEIGHTS_FP16, CLRNN_WEIGHTS_BF16};

/* `whole` is of the weights as they are. */
static void rounds_the_same(const struct test_case *test, const struct test_outcome *whole,
                            clrnn_context *context, const char *algorithm, const char *where) {
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct test_outcome small, rounded;
        struct test_case *other = test_case_make(&test->problem);
        clrnn_profile profile, small_profile;
        clrnn_plan_desc desc = test_plan_desc(test, algorithm);
        desc.weights = kinds[i];
        clrnn_plan *plan = test_plan(test, context, &desc);
        test_run_plan(&small, test, plan);
        ok(clrnn_plan_profile(&small_profile, plan));
        clrnn_plan_free(plan);
        ok(clrnn_net_round_weights(other->net, kinds[i]));
        desc.weights = CLRNN_WEIGHTS_FP32;
        plan = test_plan(other, context, &desc);
        test_run_plan(&rounded, other, plan);
        ok(clrnn_plan_profile(&profile, plan));
        clrnn_plan_free(plan);
        test_same(test, &rounded, &small, where);
        ck_assert_msg(memcmp(whole->y, small.y, sizeof(float) * 16) != 0, "%s: %s rounds nothing",
                      where, clrnn_weights_name(kinds[i]));
        if (strstr(algorithm, "/stream") == NULL &&
            clrnn_context_engine(context) == CLRNN_ENGINE_OPENCL) {
            ck_assert_uint_lt(small_profile.weight_bytes, profile.weight_bytes);
        } else {
            ck_assert_uint_eq(small_profile.weight_bytes, profile.weight_bytes);
        }
        test_result_free(&small);
        test_result_free(&rounded);
        test_case_free(other);
    }
}

START_TEST(rounded_net) {
    struct test_problem problems[] = {test_cell_problem(_i, 6, 3, 5, 67, 1000),
                                      test_cell_problem(_i, 5, 6, 4, 131, 1010)};
    problems[0].direction = CLRNN_DIRECTION_REVERSE;
    problems[1].lengths = LENGTHS_RAGGED;
    test_hold(rounds_the_same, problems, 2);
}
END_TEST

/* Registers and local memory for a part of the weights alone, of H = 128: with more gates, and with two phases, more
 * are on their way. */
static void make_scarce(struct device_desc *device, int cell) {
    device->held = (struct held_words){.group = {8, 8, 8}, .pairs = {8, 8, 8}};
    device->held.beside = cell == TEST_GRU_BEFORE ? 130 : cell > TEST_RELU ? 100 : 50;
    device->local_memory = 16384;
}

static void hold_pairs(int cell, int hidden, int scarce) {
    static const char *const names[] = {"single/register", "persist/register"};
    struct test_problem problem = test_cell_problem(cell, 4, 3, 4, hidden, 1040);
    struct test_place places[16];
    problem.lengths = LENGTHS_RAGGED;
    struct test_case *test = test_case_make(&problem);
    const size_t count = test_places(places, 16);
    int held = 0;
    for (size_t place = 0; place < count && scarce; place++) {
        make_scarce(&places[place].context->desc, cell);
    }
    for (size_t place = 0; place < count; place++) {
        clrnn_algorithm_info infos[16];
        size_t known = 0;
        const clrnn_plan_desc desc = test_plan_desc(test, NULL);
        ok(clrnn_plan_algorithms(&known, infos, 16, places[place].context, test->net, &desc));
        for (size_t i = 0; i < known; i++) {
            for (size_t name = 0; name < sizeof names / sizeof names[0]; name++) {
                struct test_outcome whole;
                if (infos[i].allowed && strcmp(infos[i].name, names[name]) == 0) {
                    char where[256];
                    snprintf(where, sizeof where, "%.200s %.40s", places[place].name, names[name]);
                    held++;
                    test_run(&whole, test, places[0].context, "single/panel");
                    rounds_the_same(test, &whole, places[place].context, names[name], where);
                    test_result_free(&whole);
                }
            }
        }
    }
    ck_assert(held > 0 || count == 1); /* by the driver, if there is one */
    test_places_free(places, count);
    test_case_free(test);
}

/* Two weights that are neighbours in k share a register: by both tiles that hold them, in vectors of 4 and of
 * 2 (a slice of 10 in the vanilla cell). */
START_TEST(pairs) {
    hold_pairs(_i, 80, 0);
}
END_TEST

/* And share a word where they come from local memory and from afar. */
START_TEST(pairs_that_do_not_stay) {
    hold_pairs(_i, 128, 1);
}
END_TEST

/* Nearest, ties to even; the last bit that fits, denormals, what is not finite. */
START_TEST(nearest_even) {
    static const struct {
        float from, fp16, bf16;
    } known[] = {
        {1.0f, 1.0f, 1.0f},
        {-0.0f, -0.0f, -0.0f},
        {1.0f + 0x1p-11f, 1.0f, 1.0f},                       /* a tie of halves, to even */
        {1.0f + 0x3p-11f, 1.0f + 0x1p-9f, 1.0f},             /* the next one, up to even */
        {1.0f + 0x1p-11f + 0x1p-20f, 1.0f + 0x1p-10f, 1.0f}, /* just above the tie */
        {1.0f + 0x1p-8f, 1.0f + 0x1p-8f, 1.0f},              /* a tie of bfloat16 */
        {1.0f + 0x3p-8f, 1.0f + 0x3p-8f, 1.0f + 0x1p-6f},    /* up to even */
        {0x1p-24f, 0x1p-24f, 0x1p-24f},                      /* the least half */
        {0x1p-25f, 0.0f, 0x1p-25f},                          /* a tie, to zero */
        {0x1.8p-25f, 0x1p-24f, 0x1.8p-25f},                  /* above it */
        {65504.0f, 65504.0f, 65536.0f},                      /* the largest half */
        {-0x1.8p127f, -INFINITY, -0x1.8p127f},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const float fp16 = (float)half_to_double(half_from_double((double)known[i].from));
        const float bf16 = brain_to_float(brain_from_float(known[i].from));
        ck_assert_msg(memcmp(&fp16, &known[i].fp16, sizeof fp16) == 0, "fp16 of %a is %a, not %a",
                      (double)known[i].from, (double)fp16, (double)known[i].fp16);
        ck_assert_msg(memcmp(&bf16, &known[i].bf16, sizeof bf16) == 0, "bf16 of %a is %a, not %a",
                      (double)known[i].from, (double)bf16, (double)known[i].bf16);
    }
    for (uint32_t bits = 0; bits < 65536; bits++) { /* what they hold stays */
        const double half = half_to_double((uint16_t)bits);
        const float brain = brain_to_float((uint16_t)bits);
        ck_assert(isnan(half) || half_from_double(half) == bits);
        ck_assert(isnan(brain) || brain_from_float(brain) == bits);
    }
}
END_TEST

START_TEST(too_large) {
    const struct test_problem problem = test_cell_problem(TEST_LSTM, 3, 2, 4, 5, 1020);
    struct test_case *test = test_case_make(&problem);
    clrnn_tensor weight = test_weight(test, "weight_hh");
    const float before = ((float *)weight.data)[0];
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    ((float *)weight.data)[7] = -65520.0f;
    fails(clrnn_net_round_weights(test->net, CLRNN_WEIGHTS_FP16), UNSUPPORTED,
          "net: weight_hh_l0 has -65520, which is more than fp16 holds");
    ck_assert(memcmp(&before, weight.data, sizeof before) == 0);
    for (size_t place = 0; place < count; place++) {
        clrnn_plan *plan = NULL;
        clrnn_plan_desc desc = test_plan_desc(test, NULL);
        desc.weights = CLRNN_WEIGHTS_FP16;
        fails(clrnn_plan_create(&plan, places[place].context, test->net, &desc), UNSUPPORTED,
              "more than fp16 holds");
        desc.weights = (clrnn_weights)3;
        fails(clrnn_plan_create(&plan, places[place].context, test->net, &desc), ARGUMENT,
              "plan: unknown weights 3");
        desc.weights = CLRNN_WEIGHTS_BF16;
        ok(clrnn_plan_create(&plan, places[place].context, test->net, &desc));
        clrnn_plan_free(plan);
    }
    test_places_free(places, count);
    test_case_free(test);
}
END_TEST

START_TEST(not_by_the_reference) {
    const struct test_problem problem = test_cell_problem(TEST_RNN, 3, 2, 4, 5, 1030);
    struct test_case *test = test_case_make(&problem);
    clrnn_context *context = NULL;
    clrnn_plan *plan = NULL;
    clrnn_plan_desc desc = test_plan_desc(test, NULL);
    desc.weights = CLRNN_WEIGHTS_BF16;
    ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_REFERENCE}));
    fails(clrnn_plan_create(&plan, context, test->net, &desc), UNSUPPORTED,
          "the reference engine takes weights as they are");
    clrnn_context_free(context);
    test_case_free(test);
}
END_TEST

Suite *weights_suite(void) {
    Suite *suite = suite_create("weights");
    TCase *cells = tcase_create("each cell");
    tcase_add_loop_test(cells, rounded_net, 0, TEST_CELLS);
    tcase_add_loop_test(cells, pairs, 0, TEST_CELLS);
    tcase_add_loop_test(cells, pairs_that_do_not_stay, 0, TEST_CELLS);
    suite_add_tcase(suite, cells);
    TCase *numbers = tcase_create("numbers");
    tcase_add_test(numbers, nearest_even);
    tcase_add_test(numbers, too_large);
    tcase_add_test(numbers, not_by_the_reference);
    suite_add_tcase(suite, numbers);
    return suite;
}
