/*
 * test_persist.c: groups that meet at every step, and what happens where they cannot: the launch
 * that finishes leaves the same bits, whoever gave up and when.
 */
#include "suites.h"
#include "support.h"

#include "cl/cl_plan.h"
#include "core/plan.h"
#include "faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whose groups count what they have done; whose numbers are their own flags; and of these, who holds a part of
 * the weights alone. */
enum { PANELS, WORDS, FAR, KINDS };
static const char *const persists[KINDS] = {"persist/panel", "persist/register", "persist/stream"};

/* In 1024 looks: a group waits no longer on a driver that stops loops after 65,535 rounds, which for so
 * few steps is no reason to refuse there. */
enum { FEW_LOOKS = 4 };

/* Panels: units of several blocks, so that there is something to split. Words: few, since a simulator is
 * among those who run them; weights for which there is no room: as few as there must be. */
static struct test_problem split_problem(int kind, int cell, int batch, uint64_t seed) {
    const int far = cell <= TEST_RELU ? 256 : 128; /* rows of W are as many as gates say */
    struct test_problem problem = kind == PANELS  ? test_cell_problem(cell, 9, batch, 5, 131, seed)
                                  : kind == WORDS ? test_cell_problem(cell, 6, batch, 3, 34, seed)
                                                  : test_cell_problem(cell, 6, batch, 3, far, seed);
    problem.lengths = LENGTHS_RAGGED;
    problem.direction = batch % 2 == 0 ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
    return problem;
}

/* A case, every place to run it, and what the cpu engine says without groups that meet. */
struct setting {
    struct test_case *test;
    struct test_place places[16];
    size_t count;
    int is_simulated; /* which takes minutes for a call with weights for which there is no room */
    struct test_outcome whole;
};

static void open_setting(struct setting *setting, const struct test_problem *problem) {
    setting->test = test_case_make(problem);
    setting->count = test_places(setting->places, 16);
    setting->is_simulated = 0;
    for (size_t i = 0; i < setting->count; i++) {
        setting->is_simulated |= strstr(setting->places[i].name, "Oclgrind") != NULL;
    }
    faults_write_whole(setting->is_simulated);
    test_run(&setting->whole, setting->test, setting->places[0].context, "single/panel");
}

static void close_setting(struct setting *setting) {
    test_result_free(&setting->whole);
    test_places_free(setting->places, setting->count);
    test_case_free(setting->test);
}

/* How often, on what, and with what in the way. */
struct attempt {
    int kind, cores;
    int patience; /* of each strand; below 0: the plan's own */
    int calls;    /* in a row, since flags follow each other */
    int epoch;    /* where they begin, or 0 */
    int chunk;    /* steps of a piece, or 0 */
};

/* A plan of the attempt, or NULL: the place does not take it. `few`: it may not wait for long. */
static clrnn_plan *plan_attempt(const struct setting *setting, clrnn_context *context,
                                const struct attempt *attempt, int few) {
    clrnn_algorithm_info infos[16];
    clrnn_plan *plan = NULL;
    size_t count = 0;
    clrnn_plan_desc desc = test_plan_desc(setting->test, NULL);
    desc.chunk = attempt->chunk;
    desc.projection = CLRNN_PROJECTION_OWN; /* CLBlast's takes a simulator minutes */
    ok(clrnn_plan_algorithms(&count, infos, 16, context, setting->test->net, &desc));
    for (size_t i = 0; i < count; i++) {
        if (infos[i].allowed && strcmp(infos[i].name, persists[attempt->kind]) == 0) {
            desc.algorithm = persists[attempt->kind];
            plan = test_plan(setting->test, context, &desc);
        }
    }
    for (int i = 0; plan != NULL && i < plan->net->strand_count; i++) {
        if (attempt->patience >= 0 || few) {
            plan->configs[i].params.patience =
                attempt->patience >= 0 ? attempt->patience : FEW_LOOKS;
        }
    }
    if (plan != NULL && attempt->epoch > 0 &&
        clrnn_context_engine(context) == CLRNN_ENGINE_OPENCL) {
        ((struct cl_plan *)plan->engine_plan)->epoch = attempt->epoch;
    }
    return plan;
}

/* What the attempt says of a device, until what it gives is put back. */
static struct device_desc take_cores(const struct setting *setting, clrnn_context *context,
                                     const struct attempt *attempt) {
    const struct device_desc own = context->desc;
    context->desc.compute_units = attempt->cores > 0 ? attempt->cores : own.compute_units;
    context->desc.loop_limit = attempt->kind == PANELS ? own.loop_limit : 0;
    if (attempt->kind == WORDS) { /* 34 words an item are some GPUs' spilled registers, and right */
        context->desc.held = tile_register_words(DEVICE_CPU, 0);
    }
    if (attempt->kind == FAR) { /* with two phases more is on its way */
        struct held_words *held = &context->desc.held;
        *held = (struct held_words){.part = {8, 8, 8}, .part_rows = 8};
        held->part_beside = held->rows_beside =
            clrnn_net_get_desc(setting->test->net)->layers[0].reset == CLRNN_RESET_BEFORE ? 100
                                                                                          : 40;
        context->desc.local_memory = 16384;
    }
    return own;
}

static void as_it_is(clrnn_plan *plan) {
    (void)plan;
}

/* The same bits in each call, before which `around` is given the plan, and behind it NULL. Gives how many
 * places took it. */
static int hold_attempt(const struct setting *setting, const struct attempt *attempt,
                        void (*around)(clrnn_plan *plan)) {
    int taken = 0;
    for (size_t place = 0; place < setting->count; place++) {
        clrnn_context *context = setting->places[place].context;
        const struct device_desc own = take_cores(setting, context, attempt);
        clrnn_plan *plan = plan_attempt(setting, context, attempt, own.loop_limit > 0);
        for (int call = 0; call < attempt->calls && plan != NULL; call++) {
            struct test_outcome result;
            char text[320];
            snprintf(text, sizeof text, "%s, %s, %d cores, patience %d, call %d",
                     setting->places[place].name, persists[attempt->kind],
                     context->desc.compute_units, attempt->patience, call);
            around(plan);
            test_run_plan(&result, setting->test, plan);
            around(NULL);
            test_same(setting->test, &setting->whole, &result, text);
            test_result_free(&result);
        }
        taken += plan != NULL;
        clrnn_plan_free(plan);
        context->desc = own;
    }
    return taken;
}

/* ---- panels ---------------------------------------------------------------------------------- */

static void hold_panels(int cell, const int *cores, size_t core_count, const int *patience,
                        size_t patience_count) {
    for (int batch = 1; batch <= 6; batch += 5) {
        struct setting setting;
        const struct test_problem problem =
            split_problem(PANELS, cell, batch, 900 + (uint64_t)batch);
        open_setting(&setting, &problem);
        for (size_t i = 0; i < core_count * patience_count; i++) {
            const struct attempt attempt = {.kind = PANELS,
                                            .cores = cores[i / patience_count],
                                            .patience = patience[i % patience_count],
                                            .calls = 3};
            hold_attempt(&setting, &attempt, as_it_is);
        }
        close_setting(&setting);
    }
}

/* As many parts as cores. */
START_TEST(parts_meet) {
    hold_panels(_i, (const int[]){0}, 1, (const int[]){-1}, 1);
}
END_TEST

/* Parts that wait not at all, or hardly, end somewhere in the middle. */
START_TEST(parts_give_up) {
    hold_panels(_i, (const int[]){0}, 1, (const int[]){0, 1}, 2);
}
END_TEST

/* More parts than threads: they cannot all run at a time, whatever the driver does. */
START_TEST(parts_that_never_meet) {
    hold_panels(_i, (const int[]){3, 7}, 2, (const int[]){2}, 1);
}
END_TEST

/* Tiles of rows take turns with the weights, as where those come from memory, which nets of this size
 * are not asked for: two, three and more tiles, the last one not full, and more than a pass takes. */
static void take_turns(clrnn_plan *plan) {
    for (int i = 0; plan != NULL && i < plan->net->strand_count; i++) {
        ck_assert_int_gt(plan->configs[i].tile.rows, 1);
        plan->configs[i].params.turns = TURNS;
        plan->configs[i].params.ahead = 1;
    }
}

START_TEST(tiles_take_turns) {
    for (int batch = 12; batch <= 57; batch += 9) {
        struct setting setting;
        const struct test_problem problem = split_problem(PANELS, _i, batch, 970 + (uint64_t)batch);
        const struct attempt attempt = {.kind = PANELS, .patience = -1, .calls = 1};
        open_setting(&setting, &problem);
        hold_attempt(&setting, &attempt, take_turns);
        close_setting(&setting);
    }
}
END_TEST

/* ---- words ----------------------------------------------------------------------------------- */

/* Two groups, which meet where two threads are; seven compute units for those, which do not: of three
 * rows three ranges of two parts, of one row four parts; eight: of one row eight parts, the last of them without
 * units. Whoever waits hardly ends in the middle. */
static const struct attempt word_attempts[] = {
    {.cores = 2, .patience = -1, .calls = 3}, {.cores = 2, .patience = 0, .calls = 3},
    {.cores = 2, .patience = 1, .calls = 3},  {.cores = 7, .patience = 0, .calls = 2},
    {.cores = 7, .patience = 2, .calls = 2},  {.cores = 8, .patience = 0, .calls = 1},
};

/* Sizes are programs, which take long to build: all of them with CLRNN_LONG. */
static int is_wanted(const struct setting *setting, const struct attempt *attempt, int batch) {
    if (attempt->kind == FAR && setting->is_simulated) { /* one that meets, and one that gives up */
        return batch == 1 && attempt->patience == (attempt->cores == 2 ? -1 : 0);
    }
    if (attempt->cores == 8) {
        return attempt->kind == WORDS && batch == 1;
    }
    return getenv("CLRNN_LONG") != NULL || (batch == 1) == (attempt->cores == 2);
}

static void hold_words(int kind, int cell) {
    for (int batch = 1; batch <= 3; batch += 2) {
        struct setting setting;
        const struct test_problem problem = split_problem(kind, cell, batch, 980 + (uint64_t)batch);
        int taken = 0, wanted = 0;
        open_setting(&setting, &problem);
        for (size_t i = 0; i < sizeof word_attempts / sizeof word_attempts[0]; i++) {
            struct attempt attempt = word_attempts[i];
            attempt.kind = kind;
            if (is_wanted(&setting, &attempt, batch)) {
                attempt.calls = kind == FAR && setting.is_simulated ? 1 : attempt.calls;
                wanted++;
                taken += hold_attempt(&setting, &attempt, as_it_is);
            }
        }
        ck_assert(taken > 0 || wanted == 0 ||
                  setting.count == 1); /* by the driver, if there is one */
        close_setting(&setting);
    }
}

START_TEST(groups_meet_or_not) {
    hold_words(WORDS, _i);
}
END_TEST

START_TEST(groups_read_what_does_not_stay) {
    hold_words(FAR, _i);
}
END_TEST

/* Launches of a call that find, by the mask, that somebody gave up in them: their flag has the epoch
 * that words were cleared in. */
static struct {
    struct cl_plan *plan;
    unsigned mask;
    int launches;
} forced;

static cl_int launch_forced(cl_kernel kernel, cl_uint dims, const size_t *local) {
    enum { GIVEN_UP = 0, RUN = sizeof(cl_int) }; /* of kernels/sched_words.cl */
    char name[64] = "";
    (void)dims;
    (void)local;
    clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name, name, NULL);
    if (strcmp(name, "words_forward") != 0 || !(forced.mask >> forced.launches++ & 1)) {
        return CL_SUCCESS;
    }
    return clEnqueueCopyBuffer(forced.plan->context->queue, forced.plan->flags, forced.plan->flags,
                               RUN, GIVEN_UP, sizeof(cl_int), 0, NULL, NULL);
}

static void force(clrnn_plan *plan) {
    static const struct faults_pretence pretence = {.launch = launch_forced,
                                                    .max_alloc = (size_t)-1};
    faults_pretend(plan != NULL ? &pretence : NULL);
    if (plan != NULL) {
        forced.plan = plan->engine_plan;
        forced.launches = 0;
    }
}

/* None, one ... all six pieces of a call, spread over it: those between them meet. */
START_TEST(pieces_are_given_up) {
    enum { PIECES = 6 };
    const struct attempt attempt = {
        .kind = _i < TEST_CELLS ? WORDS : FAR, .cores = 2, .patience = -1, .calls = 1, .chunk = 2};
    struct setting setting;
    struct test_problem problem = split_problem(attempt.kind, _i % TEST_CELLS, 3, 990);
    problem.steps = PIECES * attempt.chunk;
    problem.lengths = LENGTHS_NONE;
    open_setting(&setting, &problem);
    const int most = attempt.kind == FAR && setting.is_simulated ? -1 : PIECES;
    for (int count = 0; count <= most; count++) {
        forced.mask = 0;
        for (int piece = 0; piece < PIECES; piece++) {
            forced.mask |= (unsigned)((piece + 1) * count / PIECES > piece * count / PIECES)
                           << piece;
        }
        if (hold_attempt(&setting, &attempt, force) > 0) {
            ck_assert_int_eq(forced.launches, PIECES);
        }
    }
    close_setting(&setting);
}
END_TEST

/* ---- flags ----------------------------------------------------------------------------------- */

/* The flags begin anew before they leave their type, and nothing of the old ones is taken for new. */
START_TEST(flags_begin_anew) {
    struct setting setting;
    const struct test_problem problem = split_problem(_i, TEST_GRU_BEFORE, 2, 950);
    const struct attempt attempt = {
        .kind = _i, .cores = 2, .patience = -1, .calls = 3, .epoch = (1 << 30) - 30};
    open_setting(&setting, &problem);
    hold_attempt(&setting, &attempt, as_it_is);
    close_setting(&setting);
}
END_TEST

/* Where a launch gave up, the next calls do not try again, and then one does. */
static void hold_alone(const struct setting *setting, struct test_place *place,
                       const struct attempt *attempt) {
    uint64_t launches[3], left_out = 0;
    clrnn_plan *plan = plan_attempt(setting, place->context, attempt, 0);
    for (int call = 0; call < 3 && plan != NULL; call++) {
        struct test_outcome result;
        clrnn_profile profile;
        if (call == 2) {
            ((struct cl_plan *)plan->engine_plan)->alone = 0;
        }
        test_run_plan(&result, setting->test, plan);
        test_same(setting->test, &setting->whole, &result, place->name);
        test_result_free(&result);
        ok(clrnn_plan_profile(&profile, plan));
        launches[call] = profile.launches;
    }
    for (int i = 0; plan != NULL && i < plan->configs[0].launch_count; i++) {
        left_out += !plan->configs[0].launches[i].finish;
    }
    if (plan != NULL) {
        ck_assert_uint_eq(launches[1], launches[0] - left_out);
        ck_assert_uint_eq(launches[2], launches[0]);
    }
    clrnn_plan_free(plan);
}

START_TEST(calls_go_alone) {
    struct setting setting;
    const struct test_problem problem = split_problem(_i, TEST_RNN, 1, 960);
    const struct attempt attempt = {.kind = _i, .cores = 7, .patience = 0};
    open_setting(&setting, &problem);
    for (size_t place = 0; place < setting.count; place++) {
        clrnn_context *context = setting.places[place].context;
        if (clrnn_context_engine(context) == CLRNN_ENGINE_OPENCL) {
            const struct device_desc own = take_cores(&setting, context, &attempt);
            hold_alone(&setting, &setting.places[place], &attempt);
            context->desc = own;
        }
    }
    close_setting(&setting);
}
END_TEST

/* Launches of recurrences, from span `first` of the trace on. */
static int recurrences(const clrnn_trace *trace, size_t first) {
    int count = 0;
    for (size_t i = first; i < clrnn_trace_count(trace); i++) {
        const clrnn_trace_span *span = clrnn_trace_at(trace, i);
        count += span->track == CLRNN_TRACK_HOST && strcmp(span->category, "launch") == 0 &&
                 strcmp(span->name, "recurrence") == 0;
    }
    return count;
}

/* The cpu engine's too, once more was lost than it may, and until time has made up for it; the bits are the same
 * in all of them. */
START_TEST(host_calls_go_alone) {
    enum { CALLS = 100000 };
    struct test_outcome result, whole;
    const struct test_problem problem = split_problem(PANELS, TEST_GRU_BEFORE, 3, 970);
    struct test_case *test = test_case_make(&problem);
    clrnn_trace *trace = NULL;
    clrnn_context *context = NULL;
    int calls = 0, launches = 0, alone = 0;
    ok(clrnn_trace_create(&trace));
    ok(clrnn_context_create(
        &context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU, .threads = 2, .trace = trace}));
    test_run(&whole, test, context, "single/panel");
    const clrnn_plan_desc desc = test_plan_desc(test, persists[PANELS]);
    clrnn_plan *plan = test_plan(test, context, &desc);
    plan->configs[0].params.patience = 0;
    for (; calls < CALLS && !(alone > 0 && launches == 2); calls++) {
        const size_t first = clrnn_trace_count(trace);
        test_run_plan(&result, test, plan);
        test_same(test, &whole, &result, "cpu, given up");
        test_result_free(&result);
        launches = recurrences(trace, first);
        ck_assert_int_eq(launches, calls == 0 || launches != 1 ? 2 : 1);
        alone += launches == 1;
    }
    ck_assert_int_gt(alone, 0);
    ck_assert_int_eq(launches, 2); /* it tried again */
    test_result_free(&whole);
    clrnn_plan_free(plan);
    clrnn_context_free(context);
    clrnn_trace_free(trace);
    test_case_free(test);
}
END_TEST

Suite *persist_suite(void) {
    Suite *suite = suite_create("persist");
    TCase *panels = tcase_create("panels");
    tcase_add_loop_test(panels, parts_meet, 0, TEST_CELLS);
    tcase_add_loop_test(panels, parts_give_up, 0, TEST_CELLS);
    tcase_add_loop_test(panels, parts_that_never_meet, 0, TEST_CELLS);
    tcase_add_loop_test(panels, tiles_take_turns, 0, TEST_CELLS);
    suite_add_tcase(suite, panels);
    TCase *words = tcase_create("words");
    tcase_add_loop_test(words, groups_meet_or_not, 0, TEST_CELLS);
    tcase_add_loop_test(words, groups_read_what_does_not_stay, 0, TEST_CELLS);
    tcase_add_loop_test(words, pieces_are_given_up, 0, TEST_CELLS + 1);
    suite_add_tcase(suite, words);
    TCase *flags = tcase_create("flags");
    tcase_add_test(flags, flags_begin_anew);
    tcase_add_loop_test(flags, calls_go_alone, 0, KINDS);
    tcase_add_test(flags, host_calls_go_alone);
    suite_add_tcase(suite, flags);
    return suite;
}
