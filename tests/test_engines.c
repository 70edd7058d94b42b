/*
 * test_engines.c: everything that a forward gives, by layer and direction, gates too, is what a plain
 * evaluation gives: every kind of net, dense, packed and masked, whole and in pieces, in plans that
 * take more than the call has, from arrays and from states. On the cpu engine and the reference;
 * test_table.c holds the bits of OpenCL devices against the cpu engine's. And of these: what a plan
 * keeps under a limit from call to call, and when it may leave the projection to a library.
 */
#include "core/net.h"
#include "core/plan.h"
#include "nets.h"
#include "suites.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Both are float32, and nothing here multiplies differences. */
static const double apart = 5e-5;
static const float poison = -12345.678f;

/* The arrays of a layer that a forward writes. */
enum { WRITTEN = 8 };
struct written {
    const char *name;
    float *values;
    int64_t count; /* 0: it is not given */
    int64_t room;  /* behind the last one nothing may be written */
};

static void list_written(struct written out[WRITTEN], const struct sample *s, int layer, int last) {
    const clrnn_layer_desc *desc = &s->net->desc.layers[layer];
    const struct sample_layer *of = &s->of[layer];
    const int top = layer == s->net->desc.num_layers - 1;
    const int64_t steps = (int64_t)s->steps * s->batch, outputs = clrnn_layer_outputs(desc);
    const int64_t rows = s->batch_sizes == NULL
                             ? steps
                             : (int64_t)x_row(s, s->steps - 1, 0) + s->batch_sizes[s->steps - 1];
    const int64_t h = (int64_t)clrnn_layer_directions(desc) * clrnn_layer_width(desc);
    const int64_t c = (int64_t)clrnn_layer_directions(desc) * desc->hidden;
    const int lstm = desc->cell == CLRNN_CELL_LSTM;
    const struct written all[WRITTEN] = {
        {"h_n", of->h_n, s->batch * h, 0},
        {"c_n", of->c_n, lstm ? s->batch * c : 0, 0},
        {"o_n", of->o_n, of->o_n != NULL ? s->batch * h : 0, 0},
        {"y", of->y, top && last ? 0 : rows * outputs, steps * outputs}, /* a packed one is less */
        {"last", of->last, top && last ? s->batch * outputs : 0, 0},
        {"hiddens", of->hiddens, steps * h, 0},
        {"cells", of->cells, lstm ? steps * c : 0, 0},
        {"gates", of->gates, steps * c * clrnn_layer_gates(desc), 0},
    };
    memcpy(out, all, sizeof all);
}

/* How a sample runs. */
struct way {
    clrnn_plan *plan;
    int last;           /* y is the last outputs */
    clrnn_state *state; /* or NULL, with slots */
    const int32_t *slots;
    const char *text;
};

/* Runs `got` and holds all of it against `expected`. */
static void hold(struct sample *got, const struct sample *expected, const struct way *way) {
    struct written ours[WRITTEN], theirs[WRITTEN];
    const int top = got->net->desc.num_layers - 1;
    clrnn_forward_args args = args_of(got);
    args.state = way->state;
    args.slots = way->slots;
    if (way->last) {
        args.y = tensor_of(CLRNN_DTYPE_F32, got->of[top].last, 2, got->batch,
                           clrnn_layer_outputs(&got->net->desc.layers[top]), 0);
    }
    for (int layer = 0; layer <= top; layer++) {
        list_written(ours, got, layer, way->last);
        for (int i = 0; i < WRITTEN; i++) {
            for (int64_t at = 0; at < ours[i].count || at < ours[i].room; at++) {
                ours[i].values[at] = poison;
            }
        }
    }
    ok(clrnn_forward(way->plan, &args, 0, NULL, NULL));
    for (int layer = 0; layer <= top; layer++) {
        list_written(ours, got, layer, way->last);
        list_written(theirs, expected, layer, way->last);
        for (int i = 0; i < WRITTEN; i++) {
            for (int64_t at = 0; at < ours[i].count; at++) {
                const double off = fabs((double)ours[i].values[at] - (double)theirs[i].values[at]);
                if (!(off <= apart)) { /* ck_assert_msg would write a line for each value */
                    ck_abort_msg("%s: %s of layer %d: [%lld] is %.9g, expected %.9g", way->text,
                                 ours[i].name, layer, (long long)at, (double)ours[i].values[at],
                                 (double)theirs[i].values[at]);
                }
            }
            for (int64_t at = ours[i].count; at < ours[i].room; at++) {
                ck_assert_msg(ours[i].values[at] <= poison && ours[i].values[at] >= poison,
                              "%s: %s of layer %d was written past its end", way->text,
                              ours[i].name, layer);
            }
        }
    }
}

static struct sample sample_that_lies(int kind, enum lie lie, int batch_first) {
    const struct net_kind of = kind_of(kind, 3, 6);
    random_state = (uint64_t)(1300 + kind);
    struct sample s = sample_of(random_net(&of, 0.7f), 7, 5, lie != PACKED && batch_first);
    lay_sample(&s, lie);
    plain_forward(&s, s.net);
    return s;
}

/* ---- start states that are not given --------------------------------------------------------- */

enum { WITHOUT_O = 1, WITHOUT_H = 2, WITHOUT_C = 4, WITHOUT_ALL = 7, WITHOUT_O_N = 8 };

/* The sample without some of the start states, in all layers or in the first one alone; `given` has
 * them all. Without o_n, only what a mask shows depends on o_0. */
static void forget(struct sample *s, const struct sample *given, int what, int layers) {
    for (int layer = 0; layer < NETS_LAYERS; layer++) {
        const struct sample_layer *from = &given->of[layer];
        struct sample_layer *of = &s->of[layer];
        const int without = layer < layers ? what : 0;
        of->o_0 = without & WITHOUT_O ? NULL : from->o_0;
        of->h_0 = without & WITHOUT_H ? NULL : from->h_0;
        of->c_0 = without & WITHOUT_C ? NULL : from->c_0;
        of->o_n = without & WITHOUT_O_N ? NULL : from->o_n;
    }
}

/* All but a call without o_n that has o_0. */
static int is_wanted(int what) {
    return !(what & WITHOUT_O_N) || what & WITHOUT_O;
}

/* What a call does not give is 0, whatever the call before left. */
static void hold_without(struct sample *got, struct sample *expected, const struct way *way) {
    const struct sample all_got = *got, all_expected = *expected;
    const int fewest = got->net->desc.num_layers > 1 ? 1 : NETS_LAYERS;
    for (int what = WITHOUT_O; what <= (WITHOUT_ALL | WITHOUT_O_N); what++) {
        for (int layers = fewest; is_wanted(what) && layers <= NETS_LAYERS;
             layers += NETS_LAYERS - 1) {
            char text[128];
            const struct way named = {way->plan, way->last, NULL, NULL, text};
            snprintf(text, sizeof text, "%s, without %d of %d", way->text, what, layers);
            forget(got, &all_got, what, layers);
            forget(expected, &all_expected, what & WITHOUT_ALL, layers);
            plain_forward(expected, expected->net);
            hold(got, expected, &named);
        }
    }
    forget(got, &all_got, 0, 0);
    forget(expected, &all_expected, 0, 0);
}

START_TEST(engines_give_everything) {
    static const clrnn_engine engines[] = {CLRNN_ENGINE_CPU, CLRNN_ENGINE_REFERENCE};
    static const int chunks[] = {0, 1, 3};
    const int kind = _i / 2, batch_first = _i % 2;
    for (int place = 0; place < 2; place++) {
        clrnn_context *context = NULL;
        ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = engines[place]}));
        for (int i = 0; i < LIES * 3 * 2; i++) {
            const enum lie lie = (enum lie)(i % LIES);
            const int chunk = chunks[i / LIES % 3], last = i / LIES / 3;
            struct sample got = sample_that_lies(kind, lie, batch_first);
            struct sample expected = sample_that_lies(kind, lie, batch_first);
            clrnn_plan *plan = NULL;
            char where[96];
            snprintf(where, sizeof where, "%s, lie %d, chunk %d, last %d",
                     clrnn_engine_name(engines[place]), (int)lie, chunk, last);
            ok(clrnn_plan_create(&plan, context, got.net,
                                 &(clrnn_plan_desc){.steps = got.steps + 2,
                                                    .batch = got.batch + 1,
                                                    .batch_first = got.batch_first,
                                                    .chunk = chunk}));
            const struct way way = {plan, last, NULL, NULL, where};
            hold(&got, &expected, &way);
            hold_without(&got, &expected, &way);
            clrnn_plan_free(plan);
            free_sample(&got);
            free_sample(&expected);
        }
        clrnn_context_free(context);
    }
}
END_TEST

/* ---- states ---------------------------------------------------------------------------------- */

/* A state of more slots than rows, which lie in it the other way round. */
enum { STATE_ROWS = 5, STATE_SLOTS = 7 };
static const int32_t state_slots[STATE_ROWS] = {5, 4, 3, 2, 0};

/* [D][N][size] to [D][slots][size]; what lies between is 0. */
static clrnn_tensor to_slots(float *to, const float *from, int directions, int size) {
    memset(to, 0, (size_t)(directions * STATE_SLOTS * size) * sizeof *to);
    for (int d = 0; d < directions; d++) {
        for (int n = 0; n < STATE_ROWS; n++) {
            memcpy(to + (d * STATE_SLOTS + state_slots[n]) * size,
                   from + (d * STATE_ROWS + n) * size, (size_t)size * sizeof *to);
        }
    }
    return tensor_of(CLRNN_DTYPE_F32, to, 3, directions, STATE_SLOTS, size);
}

enum { PART_OF_H = 1, PART_OF_C = 2, PART_OF_O = 4, PARTS = 7, PART_FLOATS = 2 * STATE_SLOTS * 16 };

/* Writes parts of the start of a sample's layer. */
static void write_layer(clrnn_state *state, const struct sample *s, int layer, int parts) {
    float h[PART_FLOATS], c[PART_FLOATS], o[PART_FLOATS];
    const clrnn_layer_desc *desc = &s->net->desc.layers[layer];
    const struct sample_layer *of = &s->of[layer];
    const int directions = clrnn_layer_directions(desc), width = clrnn_layer_width(desc);
    const int lstm = desc->cell == CLRNN_CELL_LSTM;
    ck_assert_int_le(directions * STATE_SLOTS * desc->hidden, PART_FLOATS);
    const clrnn_tensor h_of = to_slots(h, of->h_0, directions, width);
    const clrnn_tensor c_of = to_slots(c, of->c_0, directions, desc->hidden);
    const clrnn_tensor o_of = to_slots(o, of->o_0, directions, width);
    ok(clrnn_state_write(state, layer, parts & PART_OF_H ? &h_of : NULL,
                         lstm && parts & PART_OF_C ? &c_of : NULL,
                         parts & PART_OF_O ? &o_of : NULL));
}

static void hold_part(const struct sample *s, int layer, const float *got, const float *expected,
                      int size, const char *name) {
    const int directions = clrnn_layer_directions(&s->net->desc.layers[layer]);
    for (int i = 0; i < directions * STATE_ROWS * size; i++) {
        const int d = i / size / STATE_ROWS, slot = state_slots[i / size % STATE_ROWS];
        const float value = got[(d * STATE_SLOTS + slot) * size + i % size];
        ck_assert_msg(memcmp(&value, &expected[i], sizeof value) == 0,
                      "%s of layer %d: [%d] is %.9g in the state, %.9g in the array", name, layer,
                      i, (double)value, (double)expected[i]);
    }
}

/* What the state has at the end is what the arrays at the end have. */
static void hold_layer(const clrnn_state *state, const struct sample *s, int layer) {
    float h[PART_FLOATS], c[PART_FLOATS], o[PART_FLOATS];
    const clrnn_layer_desc *desc = &s->net->desc.layers[layer];
    const struct sample_layer *of = &s->of[layer];
    const int directions = clrnn_layer_directions(desc), width = clrnn_layer_width(desc);
    const int lstm = desc->cell == CLRNN_CELL_LSTM;
    clrnn_tensor h_of = tensor_of(CLRNN_DTYPE_F32, h, 3, directions, STATE_SLOTS, width);
    clrnn_tensor o_of = tensor_of(CLRNN_DTYPE_F32, o, 3, directions, STATE_SLOTS, width);
    clrnn_tensor c_of = tensor_of(CLRNN_DTYPE_F32, c, 3, directions, STATE_SLOTS, desc->hidden);
    ok(clrnn_state_read(state, layer, &h_of, lstm ? &c_of : NULL, &o_of));
    hold_part(s, layer, h, of->h_n, width, "h");
    hold_part(s, layer, o, of->o_n, width, "o");
    if (lstm) {
        hold_part(s, layer, c, of->c_n, desc->hidden, "c");
    }
}

/* Can the state be used again? If not, parts of the layers with a reverse direction are written. */
static void hold_refused(const struct way *way, struct sample *got, const struct sample *start,
                         int parts) {
    const clrnn_net_desc *desc = &got->net->desc;
    clrnn_forward_args args = args_of(got);
    args.state = way->state;
    args.slots = way->slots;
    fails(clrnn_forward(way->plan, &args, 0, NULL, NULL), ARGUMENT,
          "slot 5 of row 0 ended with a reverse direction");
    for (int layer = 0; layer < desc->num_layers; layer++) {
        if (desc->layers[layer].direction != CLRNN_DIRECTION_FORWARD) {
            write_layer(way->state, start, layer, parts);
        }
    }
}

/* It goes on as soon as h (and c) of the layers that have a reverse direction are written, and not
 * before: the last outputs are no such thing, and forward directions need nothing. */
static void hold_again(const struct way *way, struct sample *got, const struct sample *start) {
    const clrnn_net_desc *desc = &got->net->desc;
    int reverse = 0, lstm = 0;
    for (int layer = 0; layer < desc->num_layers; layer++) {
        const int ends = desc->layers[layer].direction != CLRNN_DIRECTION_FORWARD;
        reverse |= ends;
        lstm |= ends && desc->layers[layer].cell == CLRNN_CELL_LSTM;
    }
    if (reverse) {
        hold_refused(way, got, start, PART_OF_O);
        hold_refused(way, got, start, PART_OF_H);
    }
    if (lstm) {
        hold_refused(way, got, start, PART_OF_C);
    }
    clrnn_forward_args args = args_of(got);
    args.state = way->state;
    args.slots = way->slots;
    ok(clrnn_forward(way->plan, &args, 0, NULL, NULL));
}

/* A state that begins with h_0, c_0 and o_0 gives what these arrays give, and ends with h_n, c_n
 * and o_n. */
START_TEST(states_give_the_same) {
    static const clrnn_engine engines[] = {CLRNN_ENGINE_CPU, CLRNN_ENGINE_REFERENCE};
    for (int i = 0; i < 2 * LIES; i++) {
        const enum lie lie = (enum lie)(i % LIES);
        struct sample got = sample_that_lies(_i, lie, 0), expected = sample_that_lies(_i, lie, 0);
        const struct sample all_got = got;
        clrnn_context *context = NULL;
        struct way way = {.slots = state_slots, .text = clrnn_engine_name(engines[i / LIES])};
        ck_assert_int_eq(got.batch, STATE_ROWS);
        ok(clrnn_context_create(&context, &(clrnn_context_desc){.engine = engines[i / LIES]}));
        ok(clrnn_plan_create(&way.plan, context, got.net,
                             &(clrnn_plan_desc){.steps = got.steps, .batch = got.batch}));
        ok(clrnn_state_create(&way.state, context, got.net, STATE_SLOTS));
        for (int layer = 0; layer < got.net->desc.num_layers; layer++) {
            write_layer(way.state, &expected, layer, PARTS);
        }
        forget(&got, &all_got, WITHOUT_ALL, NETS_LAYERS);
        hold(&got, &expected, &way);
        for (int layer = 0; layer < got.net->desc.num_layers; layer++) {
            hold_layer(way.state, &got, layer);
        }
        hold_again(&way, &got, &expected);
        forget(&got, &all_got, 0, 0);
        clrnn_state_free(way.state);
        clrnn_plan_free(way.plan);
        clrnn_context_free(context);
        free_sample(&got);
        free_sample(&expected);
    }
}
END_TEST

/* ---- calls after one another under a limit --------------------------------------------------- */

/* A mask takes 4,000 bytes of the limit, where packed steps begin 32,008: what a call does not need
 * of them is there for its other arrays. A piece of all arrays takes less than 300 bytes a step, so
 * that hardly anything is left over. */
START_TEST(limits_fit_calls_of_every_lie) {
    enum { STEPS = 4000, LIMIT = 300000 };
    static const enum lie lies[] = {DENSE, MASKED, DENSE, PACKED, DENSE, PACKED, MASKED, PACKED};
    const struct net_kind kind = kind_of(4, 5, 9); /* lstm, forward */
    struct test_place places[16];
    const size_t count = test_places(places, 16);
    random_state = 1500;
    struct sample s = sample_of(random_net(&kind, 0.5f), STEPS, 1, 0);
    lay_sample(&s, MASKED);
    lay_sample(&s, PACKED);
    uint8_t *const mask = s.mask;
    int32_t *const batch_sizes = s.batch_sizes;
    for (size_t place = 0; place < count; place++) {
        clrnn_plan *plan = NULL;
        ok(clrnn_plan_create(
            &plan, places[place].context, s.net,
            &(clrnn_plan_desc){.steps = STEPS, .batch = 1, .memory_limit = LIMIT}));
        for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
            clrnn_profile profile;
            s.mask = lies[i] == MASKED ? mask : NULL;
            s.batch_sizes = lies[i] == PACKED ? batch_sizes : NULL;
            const clrnn_forward_args args = args_of(&s);
            ok(clrnn_forward(plan, &args, 0, NULL, NULL));
            ok(clrnn_plan_profile(&profile, plan));
            ck_assert_uint_le(profile.memory_bytes, LIMIT);
            ck_assert_int_eq(judge_args(s.net, &s, &args).bad, 0);
        }
        clrnn_plan_free(plan);
    }
    s.mask = mask;
    s.batch_sizes = batch_sizes;
    free_sample(&s);
    test_places_free(places, count);
}
END_TEST

/* ---- when a library makes the projection ----------------------------------------------------- */

/* Whose the projection is on a GPU, chosen and asked for; `refusal`: NULL where it may be
 * CLBlast's. */
static void hold_projection(int inputs, int batch, uint64_t limit, const char *refusal) {
    static const struct device_desc gpu = {.kind = DEVICE_GPU,
                                           .compute_units = 40,
                                           .vector_width = 1,
                                           .max_group = 1024,
                                           .local_memory = 49152,
                                           .max_alloc = 1u << 30,
                                           .has_clblast = 1};
    clrnn_plan_desc desc = {.steps = 1, .batch = batch, .memory_limit = limit};
    struct algo_config config;
    clrnn_net *net = NULL;
    ok(clrnn_net_create(&net, &(clrnn_net_desc){.inputs = inputs, .layer = {.hidden = 64}}));
    struct problem problem = plan_problem(&net->strands[0], &desc, 0);
    ok(algo_configure(&config, &gpu, &problem, NULL));
    ck_assert_int_eq(config.projection,
                     refusal == NULL ? CLRNN_PROJECTION_CLBLAST : CLRNN_PROJECTION_OWN);
    desc.projection = CLRNN_PROJECTION_CLBLAST;
    problem = plan_problem(&net->strands[0], &desc, 0);
    if (refusal == NULL) {
        ok(algo_configure(&config, &gpu, &problem, NULL));
        ck_assert_int_eq(config.projection, CLRNN_PROJECTION_CLBLAST);
    } else {
        fails(algo_configure(&config, &gpu, &problem, NULL), UNSUPPORTED, refusal);
    }
    clrnn_net_free(net);
}

/* Under no limit, and where rows x columns, each padded to 128s, stay below 2^31. */
START_TEST(clblast_within_its_counts) {
    static const char much[] = "clblast counts to 2^31 floats, T 1 x N ";
    hold_projection(5, 4, 0, NULL);
    hold_projection(5, 4, 1 << 30, "which memory_limit cannot promise");
    hold_projection(5, 131071 * 128, 0, NULL); /* 64 columns count as 128 */
    hold_projection(5, 131071 * 128 + 1, 0, much);
    hold_projection(200, 65535 * 128, 0, NULL); /* 200 inputs as 256 */
    hold_projection(200, 65535 * 128 + 1, 0, much);
    hold_projection(5, 1 << 30, 0, much);
}
END_TEST

Suite *engines_suite(void) {
    Suite *suite = suite_create("engines");
    TCase *all = tcase_create("kinds");
    TCase *plans = tcase_create("plans");
    tcase_set_timeout(all, 240);
    tcase_set_timeout(plans, 240);
    tcase_add_loop_test(all, engines_give_everything, 0, 2 * KINDS);
    tcase_add_loop_test(all, states_give_the_same, 0, KINDS);
    tcase_add_test(plans, limits_fit_calls_of_every_lie);
    tcase_add_test(plans, clblast_within_its_counts);
    suite_add_tcase(suite, all);
    suite_add_tcase(suite, plans);
    return suite;
}
