/*
 * test_personalities_run.c: what GPUs that are not here would run, on the driver that is here under their
 * description and limits: judged in fp64, and with the cpu engine's bits.
 */
#include "personalities.h"

#include "cli/problem.h"
#include "core/engine.h"
#include "stacks.h"
#include "suite_cases.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

static int has_device(void) {
    clrnn_device_info info = {0};
    size_t count = 0;
    ok(clrnn_devices(&count, &info, 1));
    return count > 0 && info.usable;
}

/* The same bits everywhere, or a refusal. NULL: the cpu engine. */
static clrnn_context *open_strict(const struct personality *who) {
    clrnn_context *context = NULL;
    personality_wear(who);
    ok(clrnn_context_create(
        &context,
        &(clrnn_context_desc){.engine = who != NULL ? CLRNN_ENGINE_OPENCL : CLRNN_ENGINE_CPU,
                              .strict = 1}));
    return context;
}

static void close_strict(clrnn_context *context) {
    clrnn_context_free(context);
    personality_wear(NULL);
}

/* The engine says of a device what the tables above take for granted. */
START_TEST(described_alike) {
    const struct personality *who = &personalities[_i];
    if (!has_device()) {
        return;
    }
    clrnn_context *context = open_strict(who);
    const struct device_desc expected = personality_desc(who), *got = &context->desc;
    const clrnn_device_info *info = clrnn_context_device(context);
    ck_assert_int_eq(got->kind, expected.kind);
    ck_assert_int_eq(got->compute_units, expected.compute_units);
    ck_assert_int_eq(got->vector_width, expected.vector_width);
    ck_assert_uint_eq(got->max_group, expected.max_group);
    ck_assert_uint_eq(got->local_memory, expected.local_memory);
    ck_assert_uint_eq(got->max_alloc, expected.max_alloc);
    ck_assert_mem_eq(&got->held, &expected.held, sizeof expected.held);
    ck_assert_int_le(got->has_flags, expected.has_flags); /* 3.0's features are the driver's own */
    ck_assert_int_eq(got->has_division, 0);
    ck_assert_int_eq(got->has_fetch, 0);
    ck_assert_int_eq(got->overlaps, expected.overlaps);
    ck_assert_str_eq(info->type, "GPU");
    ck_assert_str_eq(info->reason, who->is_unified ? "integrated GPU" : "discrete GPU");
    ck_assert_str_eq(info->vendor, who->vendor);
    ck_assert_uint_eq(info->global_memory, who->global_memory);
    ck_assert_int_eq(info->has_fp16, who->has_fp16);
    ck_assert_int_eq(info->has_fp64, who->has_fp64);
    close_strict(context);
}
END_TEST

static clrnn_plan *plan_of(const struct sample *s, const char *text, clrnn_context *context,
                           const char *algorithm, const char *name) {
    problem p;
    problem_error error;
    clrnn_plan *plan = NULL;
    ck_assert(problem_parse(&p, text, &error));
    const clrnn_plan_desc desc = {.algorithm = algorithm,
                                  .steps = s->steps,
                                  .batch = s->batch,
                                  .batch_first = s->batch_first,
                                  .chunk = (int)p.chunk};
    const clrnn_status status = clrnn_plan_create(&plan, context, s->net, &desc);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: %s: plan: %s", text, name,
                  clrnn_last_error()->message);
    return plan;
}

/* Judged by the equations in fp64, and the cpu engine's bits, by a plan whose description has `part`.
 * `expected` NULL: it is the cpu engine. */
static void run_and_hold(struct sample *s, const struct sample *expected, const char *text,
                         clrnn_context *context, const char *algorithm, const char *part,
                         const char *who) {
    struct stack_way way = {context, algorithm, 0, text, ""};
    snprintf(way.name, sizeof way.name, "%s %s", who, algorithm != NULL ? algorithm : "auto");
    clrnn_plan *plan = plan_of(s, text, context, algorithm, way.name);
    stack_run_plan(s, plan, &way);
    const clrnn_judgement result = judge(s->net, s);
    ck_assert_msg(result.bad == 0,
                  "%s: %s: %s of layer %d direction %d is off by %g (bound %g), %lld bad", text,
                  way.name, result.what, result.layer, result.direction, result.residual,
                  result.bound, (long long)result.bad);
    ck_assert_msg(strstr(clrnn_plan_describe(plan), part) != NULL, "%s: %s: no %s in\n%s", text,
                  way.name, part, clrnn_plan_describe(plan));
    if (expected != NULL) {
        const struct stack_scope scope = {.map = stack_as_is, .what = "the cpu engine's bits"};
        stack_same(expected, s, &scope, &way);
    }
    clrnn_plan_free(plan);
}

/* By what is named, or chosen. */
static void run_as(const struct personality *who, const struct sample *expected, const char *text,
                   const char *algorithm, const char *part) {
    struct sample s = stack_of(text);
    clrnn_context *context = open_strict(who);
    run_and_hold(&s, expected, text, context, algorithm, part, who->name);
    close_strict(context);
    free_sample(&s);
}

static struct sample run_cpu(const char *text) {
    struct sample s = stack_of(text);
    clrnn_context *context = open_strict(NULL);
    run_and_hold(&s, NULL, text, context, NULL, "/panel", "cpu");
    close_strict(context);
    return s;
}

/* Compiling is what takes time here, so that programs are few: every cell, once. The data are all else:
 * lengths, masks, states, directions, pieces. */
static const char *const cells_text =
    "cell=rnn+lstm+gru-before,T=7,N=4,I=3,H=9+16+7,lengths=zeros,mask=holes,start=random,"
    "batch-first=1,seed=1";
static const char *const pieces_text =
    "cell=rnn+lstm+gru-before,T=7,N=4,I=3,H=9+16+7,lengths=random,start=random,chunk=3,seed=2";
static const char *const options_text =
    "cell=gru+lstm,T=6,N=5,I=3,H=9+17,P=7,peep=1,fbias=0.5,clip=0.9,cellclip=0.6,dir=bi+reverse,"
    "merge=ave,mask=ends,zeromask=1,lengths=ties,start=random,seed=3";
/* x is 860 KB, and x_proj 475 KB. */
static const char *const long_text =
    "cell=rnn,T=900,N=4,I=60,H=33,lengths=random,start=random,seed=4";

/* Whose groups are small takes a step a launch: PoCL 3.1 compiles `single/stream` for long where there are
 * two phases. */
START_TEST(everybody_runs_every_cell) {
    const char *texts[] = {cells_text, pieces_text};
    if (!has_device()) {
        return;
    }
    struct sample expected = run_cpu(texts[_i]);
    for (size_t i = 0; i < PERSONALITIES; i++) {
        const int is_small = personalities[i].max_group < 256;
        run_as(&personalities[i], &expected, texts[_i], is_small ? "step/stream" : NULL,
               is_small ? "step/stream" : "single/register");
    }
    free_sample(&expected);
}
END_TEST

START_TEST(options_run) {
    if (!has_device()) {
        return;
    }
    struct sample expected = run_cpu(options_text);
    run_as(personality_named("apple-m1"), &expected, options_text, "single/register",
           "single/register");
    run_as(personality_named("gfx906"), &expected, options_text, "step/stream", "step/stream");
    free_sample(&expected);
}
END_TEST

/* One launch for all steps of a cell of two phases. */
START_TEST(two_phases_run_in_one_launch) {
    static const char *const texts[] = {
        "cell=gru-before,T=4,N=3,I=3,H=9,mask=holes,lengths=zeros,start=random,seed=5",
        "cell=lstm,T=4,N=3,I=3,H=9,P=7,dir=reverse,lengths=zeros,start=random,seed=6"};
    if (!has_device()) {
        return;
    }
    struct sample expected = run_cpu(texts[_i]);
    run_as(personality_named("gfx906"), &expected, texts[_i], "single/stream", "single/stream");
    free_sample(&expected);
}
END_TEST

/* Nothing may be larger than 256 KiB: x_proj of 488 steps, and x of 273, which is what a call takes. */
START_TEST(long_ones_run_in_pieces) {
    const struct personality *who = personality_named("least");
    if (!has_device()) {
        return;
    }
    struct sample expected = run_cpu(long_text);
    run_as(who, &expected, long_text, NULL, "pieces: 488 steps");
    free_sample(&expected);
}
END_TEST

/* As large as weights in registers go; with more rows than compute units, where two share a group; larger
 * than that, so that some weights come from local memory and some from afar, in vectors of 4, 2 and 1; and what
 * has no room for that. */
static const struct {
    const char *who, *text, *part;
} large[] = {
    {"sm_75", "cell=rnn,T=4,N=3,I=5,H=224,lengths=random,start=random,seed=11", "single/register"},
    {"sm_90", "cell=lstm,T=3,N=3,I=5,H=112,mask=holes,start=random,seed=12", "single/register"},
    {"sm_80", "cell=gru,T=4,N=3,I=5,H=128,dir=bi,lengths=zeros,seed=13", "single/register"},
    {"sm_80", "cell=gru-before,T=4,N=3,I=5,H=128,lengths=random,chunk=3,seed=14",
     "single/register"},
    {"gfx1030", "cell=lstm,T=3,N=41,I=5,H=64,mask=ends,lengths=random,start=random,seed=15",
     "tile 2 rows x 64 units"},
    {"gfx906", "cell=lstm,T=3,N=5,I=5,H=112,lengths=random,start=random,seed=17",
     "84 of an item's 196 words"},
    {"sm_80", "cell=rnn,T=4,N=3,I=5,H=256,mask=holes,lengths=random,start=random,seed=18",
     "96 of an item's 256 words"},
    {"sm_75", "cell=gru,T=4,N=2,I=5,H=129,dir=bi,lengths=zeros,seed=19",
     "112 of an item's 231 words"},
    {"sm_90", "cell=gru-before,T=5,N=3,I=5,H=144,mask=ends,chunk=3,start=random,seed=20",
     "64 of an item's 288 words"},
    {"dg2", "cell=lstm,T=4,N=3,I=5,H=72,lengths=random,start=random,seed=21",
     "of an item's 90 words"},
    {"mali-g78", "cell=lstm,T=3,N=5,I=5,H=64,lengths=random,start=random,seed=22", "single/stream"},
    {"gfx90a", "cell=rnn,T=2,N=5,I=5,H=700,lengths=ties,seed=16", "step/stream"},
};
enum { LARGE = sizeof large / sizeof large[0] };

START_TEST(large_ones_run) {
    const char *text = large[_i].text;
    const struct personality *who = personality_named(large[_i].who);
    if (!has_device()) {
        return;
    }
    struct sample expected = run_cpu(text);
    run_as(who, &expected, text, NULL, large[_i].part);
    free_sample(&expected);
}
END_TEST

TCase *personalities_run_case(void) {
    TCase *runs = tcase_create("runs");
    tcase_set_timeout(runs, 600);
    tcase_add_loop_test(runs, described_alike, 0, PERSONALITIES);
    tcase_add_loop_test(runs, everybody_runs_every_cell, 0, 2);
    tcase_add_test(runs, options_run);
    tcase_add_loop_test(runs, two_phases_run_in_one_launch, 0, 2);
    tcase_add_test(runs, long_ones_run_in_pieces);
    tcase_add_loop_test(runs, large_ones_run, 0, LARGE);
    return runs;
}
