/*
 * test_personalities.c: what the planner makes of GPUs that are not here; test_personalities_run.c is what
 * they would run.
 *
 * The committed table tests/data/personalities.txt has, for each GPU and problem, what is chosen, the
 * tile, the reason, and why weights do not stay in registers where they do not. CLRNN_WRITE_PERSONALITIES
 * prints it anew.
 */
#include "personalities.h"

#include "cli/generate.h"
#include "core/plan.h"
#include "suite_cases.h"
#include "suites.h"
#include "support.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- planning -------------------------------------------------------------------------------- */

enum { MAX_LAYERS = 3, MAX_STRANDS = 2 * MAX_LAYERS };

/* A problem string as a net without weights, on a device that is only described. */
struct planned {
    struct device_desc device;
    struct clrnn_context context;
    clrnn_net *net;
    clrnn_plan_desc desc;
    struct algo_config configs[MAX_STRANDS];
    struct plan_memory memory;
};

static void planned_open(struct planned *out, const struct device_desc *device, const char *text) {
    problem p;
    problem_error error;
    clrnn_layer_desc layers[MAX_LAYERS];
    ck_assert_msg(problem_parse(&p, text, &error), "%s: %s", text, error.message);
    ck_assert_int_le(p.layers, MAX_LAYERS);
    for (int layer = 0; layer < p.layers; layer++) {
        layers[layer] = generate_layer(&p, layer);
    }
    memset(out, 0, sizeof *out);
    out->device = *device;
    out->context.desc = *device;
    out->context.speeds = estimate_speeds_of(device);
    out->desc =
        (clrnn_plan_desc){.steps = (int)p.steps, .batch = (int)p.batch, .chunk = (int)p.chunk};
    ok(clrnn_net_create(
        &out->net,
        &(clrnn_net_desc){.inputs = (int)p.inputs, .num_layers = (int)p.layers, .layers = layers}));
    ck_assert_int_le(out->net->strand_count, MAX_STRANDS);
}

static void planned_close(struct planned *planned) {
    clrnn_net_free(planned->net);
}

static clrnn_status planned_choose(struct planned *planned) {
    return plan_configure(planned->configs, &planned->memory, &planned->context, planned->net,
                          &planned->desc, NULL);
}

static clrnn_algorithm_info explain(const struct planned *planned, const char *algorithm) {
    clrnn_algorithm_info info = {.name = ""};
    for (size_t pair = 0; pair < algo_count() && strcmp(info.name, algorithm) != 0; pair++) {
        plan_explain(&info, pair, &planned->context, planned->net, &planned->desc);
    }
    ck_assert_str_eq(info.name, algorithm);
    return info;
}

/* Floats of weights that an item has. */
static int words_of(const struct algo_config *config) {
    int words = 0;
    for (int phase = 0; phase < config->cell.phase_count; phase++) {
        words += config->tile.held[phase] * config->params.slice[phase];
    }
    return words;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const char *const table_texts[] = {
    "cell=rnn,H=64",
    "cell=rnn,H=128",
    "cell=rnn,H=192",
    "cell=rnn,H=224",
    "cell=rnn,H=225",
    "cell=rnn,H=256",
    "cell=rnn,H=1024",
    "cell=rnn,H=1760,N=16",
    "cell=rnn,H=128,N=64",
    "cell=rnn,H=224,N=64",
    "cell=rnn,H=128,dir=bi",
    "cell=lstm,H=64",
    "cell=lstm,H=96",
    "cell=lstm,H=112",
    "cell=lstm,H=113",
    "cell=lstm,H=128",
    "cell=lstm,H=512,N=32",
    "cell=lstm,H=1024",
    "cell=lstm,H=64,N=600",
    "cell=lstm,H=128,P=64",
    "cell=lstm,H=64,dir=bi,peep=1",
    "cell=gru,H=64",
    "cell=gru,H=96",
    "cell=gru,H=128",
    "cell=gru,H=129",
    "cell=gru,H=512",
    "cell=gru-before,H=64",
    "cell=gru-before,H=96",
    "cell=gru-before,H=128",
    "cell=gru-before,H=129",
    "cell=rnn+lstm+gru,H=64+64+64,I=64",
    "cell=lstm+rnn,H=64+512,I=64",
};
enum { TABLE_TEXTS = sizeof table_texts / sizeof table_texts[0] };

struct line {
    char text[1024];
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...) {
    va_list args;
    const size_t used = strlen(line->text);
    va_start(args, format);
    vsnprintf(line->text + used, sizeof line->text - used, format, args);
    va_end(args);
}

/* rows x items of the tile; and the rows of W in an item, by phase, with what they take. */
static void add_tile(struct line *line, const struct algo_config *config) {
    add(line, " %dx%d", config->tile.rows, config->tile.items);
    for (int phase = 0; phase < config->cell.phase_count && config->tile.held[0] > 0; phase++) {
        add(line, "%s%d", phase == 0 ? " holds " : "+", config->tile.held[phase]);
    }
    if (config->tile.held[0] > 0) {
        add(line, config->tile.stays < words_of(config) ? " (%d, %d stay)" : " (%d)",
            words_of(config), config->tile.stays);
    }
}

static void write_line(struct line *line, const struct personality *who, const char *text) {
    struct planned planned;
    const struct device_desc device = personality_desc(who);
    line->text[0] = '\0';
    add(line, "%s %s: ", who->name, text);
    planned_open(&planned, &device, text);
    if (planned_choose(&planned) != CLRNN_STATUS_OK) {
        add(line, "%s\n", clrnn_last_error()->message);
    } else {
        add(line, "%s", planned.configs[0].algorithm);
        for (int i = 0; i < planned.net->strand_count; i++) {
            add_tile(line, &planned.configs[i]);
        }
        add(line, ": %s", planned.configs[0].reason);
        const clrnn_algorithm_info info = explain(&planned, "single/register");
        add(line, info.allowed ? "\n" : "; registers: %s\n", info.reason);
    }
    planned_close(&planned);
}

START_TEST(choices_are_the_committed_ones) {
    char expected[sizeof(struct line)];
    const int writes = getenv("CLRNN_WRITE_PERSONALITIES") != NULL;
    FILE *table = fopen("tests/data/personalities.txt", "r");
    ck_assert_msg(writes || table != NULL, "tests/data/personalities.txt cannot be read");
    for (size_t i = 0; i < PERSONALITIES; i++) {
        for (size_t k = 0; k < TABLE_TEXTS; k++) {
            struct line line;
            write_line(&line, &personalities[i], table_texts[k]);
            if (writes) {
                fputs(line.text, stderr);
                continue;
            }
            ck_assert_msg(fgets(expected, sizeof expected, table) != NULL,
                          "the table ends before: %s", line.text);
            ck_assert_msg(strcmp(line.text, expected) == 0, "got: %s the table has: %s", line.text,
                          expected);
        }
    }
    ck_assert_msg(writes || fgets(expected, sizeof expected, table) == NULL,
                  "the table has more: %s", expected);
    if (table != NULL) {
        fclose(table);
    }
}
END_TEST

/* ---- what must fit --------------------------------------------------------------------------- */

/* Words of an item, by hand: rows of W over the lines of 256 items, times a slice; and bytes of local
 * memory for one row of the batch, as compilers count them (bench/results/gpu-report.md). */
static const struct {
    const char *text;
    int hidden, words, bytes;
} fits[] = {
    {"cell=rnn,H=64", 64, 2 * 8, 2576},
    {"cell=rnn,H=128", 128, 4 * 16, 5136},
    {"cell=rnn,H=192", 192, 6 * 24, 7696},
    {"cell=rnn,H=224", 224, 7 * 28, 8976},
    {"cell=lstm,H=64", 64, 4 * 16, 5648},
    {"cell=lstm,H=96", 96, 6 * 24, 8464},
    {"cell=lstm,H=112", 112, 7 * 28, 9872},
    {"cell=gru,H=64", 64, 3 * 16, 4112},
    {"cell=gru,H=96", 96, 5 * 24, 7360},
    {"cell=gru,H=128", 128, 6 * 32, 8208},
    {"cell=gru-before,H=64", 64, 2 * 16 + 1 * 16, 3600},
    {"cell=gru-before,H=96", 96, 3 * 24 + 2 * 24, 5392},
    {"cell=gru-before,H=128", 128, 4 * 32 + 2 * 32, 7184},
};
enum { FITS = sizeof fits / sizeof fits[0] };

/* Of which cells the words are: by name, whatever the planner makes of it. */
static int kind_of(size_t fit) {
    const char *text = fits[fit].text;
    return strncmp(text, "cell=rnn", 8) == 0           ? HELD_GATE
           : strncmp(text, "cell=gru-before", 15) == 0 ? HELD_PHASES
                                                       : HELD_GATES;
}

static void expect_held(struct planned *planned, const char *where, int words, int rows) {
    const clrnn_status status = planned_choose(planned);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: %s", where, clrnn_last_error()->message);
    const struct algo_config *config = &planned->configs[0];
    ck_assert_msg(strcmp(config->algorithm, "single/register") == 0, "%s takes %s", where,
                  config->algorithm);
    ck_assert_msg(words_of(config) == words, "%s holds %d words, expected %d", where,
                  words_of(config), words);
    ck_assert_msg(config->tile.rows == rows, "%s takes %d rows a group, expected %d", where,
                  config->tile.rows, rows);
    ck_assert_int_eq(config->tile.words, words);
    ck_assert_int_le(config->tile.stays, words);
    ck_assert_int_le(config->tile.items, 256);
    ck_assert_int_eq(config->ranges, (planned->desc.batch + rows - 1) / rows);
}

/* All of them in registers, or some that come from elsewhere. */
static void expect_all_stay(const struct planned *planned, const char *where, int all) {
    const struct algo_tile *tile = &planned->configs[0].tile;
    ck_assert_msg((tile->stays == tile->words) == all, "%s: %d of %d words stay", where,
                  tile->stays, tile->words);
}

static void expect_refused(struct planned *planned, const char *where, const char *reason) {
    const clrnn_algorithm_info info = explain(planned, "single/register");
    ck_assert_msg(!info.allowed && strcmp(info.reason, reason) == 0, "%s: \"%s\", expected \"%s\"",
                  where, info.reason, reason);
    ok(planned_choose(planned));
    ck_assert_msg(strstr(planned->configs[0].algorithm, "/stream") != NULL, "%s takes %s", where,
                  planned->configs[0].algorithm);
}

/* With as many registers for those that stay and those on their way, all of these run in one group. */
enum { MANY_BESIDE = 96 };

/* A row for each compute unit has a group of its own, one more row makes it two a group. */
static void hold_fit(const struct device_desc *device, const char *who, size_t fit) {
    const int units = device->compute_units;
    const int batches[] = {1, units, units + 1, 3 * units + 1},
              room = device->held.group[kind_of(fit)];
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        struct planned planned;
        char where[128], reason[192];
        const int two = batches[i] > units && fits[fit].words <= device->held.rows;
        snprintf(where, sizeof where, "%s %s,N=%d", who, fits[fit].text, batches[i]);
        planned_open(&planned, device, fits[fit].text);
        planned.desc.batch = batches[i];
        if (device->max_group < 256) {
            snprintf(reason, sizeof reason, "needs work-groups of 256 items, the device takes %zu",
                     device->max_group);
            expect_refused(&planned, where, reason);
        } else if (room < fits[fit].words && device->held.beside < MANY_BESIDE) {
            snprintf(reason, sizeof reason,
                     "W_hh takes %d words of each item's registers (H=%d), the device has room for "
                     "%d",
                     fits[fit].words, fits[fit].hidden, room);
            if (!explain(&planned, "single/register").allowed) {
                expect_refused(&planned, where, reason);
            }
        } else {
            expect_held(&planned, where, fits[fit].words, two ? 2 : 1);
            expect_all_stay(&planned, where, room >= fits[fit].words);
        }
        planned_close(&planned);
    }
}

START_TEST(registers_as_far_as_they_go) {
    for (size_t i = 0; i < PERSONALITIES; i++) {
        const struct device_desc device = personality_desc(&personalities[i]);
        for (size_t fit = 0; fit < FITS; fit++) {
            hold_fit(&device, personalities[i].name, fit);
        }
    }
}
END_TEST

/* Weights of 16 bits: two in a word, where slices are even; the last size that fits has the words by hand, and
 * what is beyond is refused with them where none may come from elsewhere. */
START_TEST(pairs_take_half_the_words) {
    static const struct {
        const char *text;
        int hidden, words, fits;
    } sizes[] = {
        {"cell=rnn,H=256,N=1", 256, 8 * 32 / 2, 1},
        {"cell=rnn,H=304,N=1", 304, 10 * 38 / 2, 1},
        {"cell=rnn,H=320,N=1", 320, 10 * 40 / 2, 0},
        {"cell=rnn,H=232,N=1", 232, 8 * 29, 0}, /* a slice of 29: no pairs */
        {"cell=lstm,H=152,N=1", 152, 10 * 38 / 2, 1},
        {"cell=lstm,H=160,N=1", 160, 10 * 40 / 2, 0},
        {"cell=gru,H=168,N=1", 168, 8 * 42 / 2, 1},
        {"cell=gru-before,H=160,N=1", 160, (5 * 40 + 3 * 40) / 2, 1},
    };
    struct device_desc device = personality_desc(personality_named("sm_80"));
    device.held.beside = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int weights = CLRNN_WEIGHTS_FP16; weights <= CLRNN_WEIGHTS_BF16; weights++) {
            struct planned planned;
            char reason[192];
            planned_open(&planned, &device, sizes[i].text);
            planned.desc.weights = (clrnn_weights)weights;
            const clrnn_algorithm_info info = explain(&planned, "single/register");
            snprintf(reason, sizeof reason,
                     "W_hh takes %d words of each item's registers (H=%d), the device has room for "
                     "190",
                     sizes[i].words, sizes[i].hidden);
            ck_assert_msg(info.allowed == sizes[i].fits, "%s: %s", sizes[i].text, info.reason);
            if (!info.allowed) {
                ck_assert_str_eq(info.reason, reason);
            }
            ok(planned_choose(&planned));
            ck_assert_int_eq(strcmp(planned.configs[0].algorithm, "single/register") == 0,
                             sizes[i].fits);
            planned_close(&planned);
        }
    }
}
END_TEST

/* NVIDIA's keep all of them, AMD's what are 168 words, the others what 64 are, or 48 of several gates, and
 * Mali what 16 are: by number, whatever the table of personalities says. */
START_TEST(vendors_take_what_compilers_said) {
    static const struct {
        const char *who;
        int count; /* of `fits` */
    } expected[] = {{"sm_75", FITS}, {"sm_80", FITS},   {"sm_90", FITS}, {"gfx906", 9},
                    {"gfx90a", 9},   {"gfx1030", 9},    {"dg2", 4},      {"xe-lp", 4},
                    {"mali-g78", 1}, {"adreno-690", 4}, {"apple-m1", 4}, {"least", 0}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct personality *who = personality_named(expected[i].who);
        struct device_desc device = personality_desc(who);
        const int is_arm = strcmp(who->vendor, "ARM") == 0;
        int count = 0;
        device.held = tile_register_words(DEVICE_GPU, is_arm ? VENDOR_ARM : who->vendor_id);
        for (size_t fit = 0; fit < FITS; fit++) {
            struct planned planned;
            planned_open(&planned, &device, fits[fit].text);
            ok(planned_choose(&planned));
            count += strcmp(planned.configs[0].algorithm, "single/register") == 0 &&
                     planned.configs[0].tile.stays == fits[fit].words;
            planned_close(&planned);
        }
        ck_assert_msg(count == expected[i].count, "%s holds %d of them, expected %d", who->name,
                      count, expected[i].count);
    }
}
END_TEST

/* Weights of more than a group's registers: over the registers of several groups, where those were seen to
 * meet, of as few parts as have the least to do; and never where nothing is known of it. */
START_TEST(parts_where_groups_meet) {
    static const char *const names[] = {"sm_75", "sm_80", "sm_90", "gfx906", "gfx90a", "gfx1030"};
    static const struct {
        const char *text;
        int words;
    } split[] = {{"cell=rnn,H=256,N=1", 64},   {"cell=rnn,H=512,N=1", 128},
                 {"cell=rnn,H=1024,N=1", 128}, {"cell=lstm,H=256,N=1", 128},
                 {"cell=lstm,H=512,N=1", 128}, {"cell=gru,H=256,N=1", 128},
                 {"cell=gru,H=512,N=1", 128},  {"cell=gru-before,H=256,N=1", 128}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct device_desc device = personality_desc(personality_named(names[i]));
        for (size_t k = 0; k < sizeof split / sizeof split[0]; k++) {
            for (device.runs_together = 0; device.runs_together < 2; device.runs_together++) {
                struct planned planned;
                planned_open(&planned, &device, split[k].text);
                ok(planned_choose(&planned));
                const struct algo_config *config = &planned.configs[0];
                const int is_split = strcmp(config->algorithm, "persist/register") == 0;
                ck_assert_msg(is_split == device.runs_together, "%s %s takes %s", names[i],
                              split[k].text, config->algorithm);
                ck_assert(explain(&planned, "persist/register").allowed);
                if (is_split) {
                    ck_assert_msg(words_of(config) <= split[k].words, "%s %s: %d words", names[i],
                                  split[k].text, words_of(config));
                    ck_assert_int_le(config->ranges * config->params.parts, device.compute_units);
                }
                planned_close(&planned);
            }
        }
    }
}
END_TEST

/* The last word, item and byte: with it a plan takes registers, without it the refusal has the number. */
START_TEST(limits_are_exact) {
    for (size_t fit = 0; fit < FITS; fit++) {
        const struct device_desc device = personality_desc(personality_named("sm_80"));
        const int words = fits[fit].words, bytes = fits[fit].bytes;
        struct planned planned;
        char reason[192];
        planned_open(&planned, &device, fits[fit].text);
        planned.context.desc.held.group[kind_of(fit)] = words;
        planned.context.desc.max_group = 256;
        planned.context.desc.local_memory = 16384; /* what a projection's streams take */
        expect_held(&planned, fits[fit].text, words, 1);
        expect_all_stay(&planned, fits[fit].text, 1);
        planned.context.desc.held.group[kind_of(fit)] = words - 1;
        planned.context.desc.held.beside = 0;
        snprintf(reason, sizeof reason,
                 "W_hh takes %d words of each item's registers (H=%d), the device has room for %d",
                 words, fits[fit].hidden, words - 1);
        expect_refused(&planned, fits[fit].text, reason);
        planned.context.desc = device;
        planned.context.desc.max_group = 255;
        expect_refused(&planned, fits[fit].text,
                       "needs work-groups of 256 items, the device takes 255");

        planned.context.desc = device;
        planned.context.desc.local_memory = (size_t)bytes;
        ck_assert(explain(&planned, "single/register").allowed);
        planned.context.desc.local_memory = (size_t)bytes - 1;
        snprintf(reason, sizeof reason, "needs %d bytes of local memory, the device has %d", bytes,
                 bytes - 1);
        ck_assert_str_eq(explain(&planned, "single/register").reason, reason);

        /* two rows take twice as much */
        planned.desc.batch = device.compute_units + 1;
        planned.context.desc.local_memory = (size_t)(2 * bytes);
        expect_held(&planned, fits[fit].text, words, words <= device.held.rows ? 2 : 1);
        planned.context.desc.local_memory = (size_t)(2 * bytes) - 1;
        expect_held(&planned, fits[fit].text, words, 1);
        planned_close(&planned);
    }
}
END_TEST

/* What a GPU refuses for its limits, it refuses with a number. */
START_TEST(refusals_have_numbers) {
    int refusals = 0;
    for (size_t i = 0; i < PERSONALITIES; i++) {
        for (size_t k = 0; k < TABLE_TEXTS; k++) {
            struct planned planned;
            const struct device_desc device = personality_desc(&personalities[i]);
            planned_open(&planned, &device, table_texts[k]);
            for (size_t pair = 0; pair < algo_count(); pair++) {
                clrnn_algorithm_info info;
                plan_explain(&info, pair, &planned.context, planned.net, &planned.desc);
                const int is_panel = strstr(info.name, "/panel") != NULL;
                ck_assert(!is_panel || !info.allowed);
                if (!info.allowed && !is_panel) { /* panels are for CPUs, whatever the numbers */
                    const char *digit = info.reason;
                    while (*digit != '\0' && !isdigit((unsigned char)*digit)) {
                        digit++;
                    }
                    ck_assert_msg(*digit != '\0', "%s %s %s: no number in \"%s\"",
                                  personalities[i].name, table_texts[k], info.name, info.reason);
                    refusals++;
                }
            }
            planned_close(&planned);
        }
    }
    ck_assert_int_gt(refusals, 0);
}
END_TEST

Suite *personalities_suite(void) {
    Suite *suite = suite_create("personalities");
    TCase *plans = tcase_create("plans");
    tcase_add_test(plans, choices_are_the_committed_ones);
    tcase_add_test(plans, registers_as_far_as_they_go);
    tcase_add_test(plans, pairs_take_half_the_words);
    tcase_add_test(plans, vendors_take_what_compilers_said);
    tcase_add_test(plans, parts_where_groups_meet);
    tcase_add_test(plans, limits_are_exact);
    tcase_add_test(plans, refusals_have_numbers);
    suite_add_tcase(suite, plans);
    suite_add_tcase(suite, personalities_run_case());
    return suite;
}
