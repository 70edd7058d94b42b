/*
 * test_engines.c: everything that a forward gives, by layer and direction, gates too, is what a plain
 * evaluation gives: every kind of net, dense, packed and masked, whole and in pieces, in plans that
 * take more than the call has. On the cpu engine and the reference; test_table.c holds the bits of
 * OpenCL devices against the cpu engine's.
 */
#include "core/net.h"
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
        {"o_n", of->o_n, s->batch * h, 0},
        {"y", of->y, top && last ? 0 : rows * outputs, steps * outputs}, /* a packed one is less */
        {"last", of->last, top && last ? s->batch * outputs : 0, 0},
        {"hiddens", of->hiddens, steps * h, 0},
        {"cells", of->cells, lstm ? steps * c : 0, 0},
        {"gates", of->gates, steps * c * clrnn_layer_gates(desc), 0},
    };
    memcpy(out, all, sizeof all);
}

/* Runs `got` and holds all of it against `expected`. */
static void hold(struct sample *got, const struct sample *expected, clrnn_plan *plan, int last,
                 const char *where) {
    struct written ours[WRITTEN], theirs[WRITTEN];
    const int top = got->net->desc.num_layers - 1;
    clrnn_forward_args args = args_of(got);
    if (last) {
        args.y = tensor_of(CLRNN_DTYPE_F32, got->of[top].last, 2, got->batch,
                           clrnn_layer_outputs(&got->net->desc.layers[top]), 0);
    }
    for (int layer = 0; layer <= top; layer++) {
        list_written(ours, got, layer, last);
        for (int i = 0; i < WRITTEN; i++) {
            for (int64_t at = 0; at < ours[i].count || at < ours[i].room; at++) {
                ours[i].values[at] = poison;
            }
        }
    }
    ok(clrnn_forward(plan, &args, 0, NULL, NULL));
    for (int layer = 0; layer <= top; layer++) {
        list_written(ours, got, layer, last);
        list_written(theirs, expected, layer, last);
        for (int i = 0; i < WRITTEN; i++) {
            for (int64_t at = 0; at < ours[i].count; at++) {
                const double off = fabs((double)ours[i].values[at] - (double)theirs[i].values[at]);
                if (!(off <= apart)) { /* ck_assert_msg would write a line for each value */
                    ck_abort_msg("%s: %s of layer %d: [%lld] is %.9g, expected %.9g", where,
                                 ours[i].name, layer, (long long)at, (double)ours[i].values[at],
                                 (double)theirs[i].values[at]);
                }
            }
            for (int64_t at = ours[i].count; at < ours[i].room; at++) {
                ck_assert_msg(ours[i].values[at] <= poison && ours[i].values[at] >= poison,
                              "%s: %s of layer %d was written past its end", where, ours[i].name,
                              layer);
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

/* What a call does not give is 0, whatever the call before left: the last outputs, or all. */
static void forget_starts(struct sample *s, int all) {
    for (int layer = 0; layer < s->net->desc.num_layers; layer++) {
        struct sample_layer *of = &s->of[layer];
        float **const starts[] = {&of->o_0, &of->h_0, &of->c_0};
        for (int i = 0; i < (all ? 3 : 1); i++) {
            free(*starts[i]);
            *starts[i] = NULL;
        }
    }
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
            hold(&got, &expected, plan, last, where);
            for (int all = 0; all < 2; all++) {
                forget_starts(&got, all);
                forget_starts(&expected, all);
                plain_forward(&expected, expected.net);
                hold(&got, &expected, plan, last, where);
            }
            clrnn_plan_free(plan);
            free_sample(&got);
            free_sample(&expected);
        }
        clrnn_context_free(context);
    }
}
END_TEST

Suite *engines_suite(void) {
    Suite *suite = suite_create("engines");
    TCase *all = tcase_create("kinds");
    tcase_set_timeout(all, 120);
    tcase_add_loop_test(all, engines_give_everything, 0, 2 * KINDS);
    suite_add_tcase(suite, all);
    return suite;
}
