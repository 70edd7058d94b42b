/*
 * test_problem.c: the grammar of the problem string: what is printed is read back, what is wrong is
 * refused with a suggestion. The data of a problem is tested through the program (test_cli.c).
 */
#include "cli/generate.h"
#include "cli/problem.h"
#include "cli/suggest.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

Suite *problem_suite(void);

static const struct {
    const char *text;
    const char *canonical;
} canonicals[] = {
    {"cell=lstm", "cell=lstm,T=50,N=1,I=128,H=128"},
    {"H=7", "cell=rnn,T=50,N=1,I=7,H=7"},
    {"I=3", "cell=rnn,T=50,N=1,I=3,H=128"},
    {"seed=7,lengths=ragged,H=128,I=40,N=3,T=50,cell=lstm",
     "cell=lstm,T=50,N=3,I=40,H=128,lengths=ragged,seed=7"},
    {"cell=gru-before,T=1,N=1,I=1,H=1,layers=1,dir=forward,lengths=full,start=zero,batch-first=0,"
     "last=0,gain=1.0,seed=0,engine=auto,algorithm=auto",
     "cell=gru-before,T=1,N=1,I=1,H=1"},
    {"cell=lstm,merge=concat,P=0,bias=double,peep=0,couple=none,fbias=0,clip=0,cellclip=0.0,"
     "act=default,ract=default+default,mask=none,zeromask=0,packed=0,chunk=0,memory=0,strict=0",
     "cell=lstm,T=50,N=1,I=128,H=128"},
    {"cell=rnn-relu,T=1073741824,N=1073741824,I=1048576,H=1048576,dir=reverse,lengths=random,"
     "start=random,batch-first=1,last=1,gain=1e6,seed=18446744073709551615,engine=opencl,"
     "algorithm=step/stream",
     "cell=rnn-relu,T=1073741824,N=1073741824,I=1048576,H=1048576,dir=reverse,lengths=random,"
     "start=random,batch-first=1,last=1,gain=1e+06,seed=18446744073709551615,engine=opencl,"
     "algorithm=step/stream"},
    {"gain=0.1", "cell=rnn,T=50,N=1,I=128,H=128,gain=0.1"},
    {"gain=0", "cell=rnn,T=50,N=1,I=128,H=128,gain=0"},
    {"gain=-0", "cell=rnn,T=50,N=1,I=128,H=128,gain=0"},
    {"gain=1.25e-300", "cell=rnn,T=50,N=1,I=128,H=128,gain=1.25e-300"},
    {"gain=0.30000000000000004", "cell=rnn,T=50,N=1,I=128,H=128,gain=0.30000000000000004"},
    {"seed=007", "cell=rnn,T=50,N=1,I=128,H=128,seed=7"},
    /* stacks: a list says how many layers there are, equal entries are one */
    {"layers=3", "cell=rnn,T=50,N=1,I=128,H=128,layers=3"},
    {"layers=64,dir=bidirectional", "cell=rnn,T=50,N=1,I=128,H=128,layers=64,dir=bi"},
    {"cell=lstm+gru", "cell=lstm+gru,T=50,N=1,I=128,H=128"},
    {"cell=lstm+gru,layers=2", "cell=lstm+gru,T=50,N=1,I=128,H=128"},
    {"H=8+8+8", "cell=rnn,T=50,N=1,I=8,H=8,layers=3"},
    {"cell=gru+gru,H=8+4", "cell=gru,T=50,N=1,I=8,H=8+4"},
    {"H=8+4+2,dir=bi+forward+reverse,cell=lstm+rnn+gru",
     "cell=lstm+rnn+gru,T=50,N=1,I=8,H=8+4+2,dir=bi+forward+reverse"},
    {"dir=bi+bi", "cell=rnn,T=50,N=1,I=128,H=128,layers=2,dir=bi"},
    {"dir=bi,merge=ave,layers=2", "cell=rnn,T=50,N=1,I=128,H=128,layers=2,dir=bi,merge=ave"},
    {"cell=lstm,P=127,bias=none,peep=1,couple=input,fbias=-1.5,clip=3,cellclip=0.1",
     "cell=lstm,T=50,N=1,I=128,H=128,P=127,bias=none,peep=1,couple=input,fbias=-1.5,clip=3,"
     "cellclip=0.1"},
    {"cell=rnn+lstm,peep=1", "cell=rnn+lstm,T=50,N=1,I=128,H=128,peep=1"},
    {"act=hard_sigmoid", "cell=rnn,T=50,N=1,I=128,H=128,act=hard_sigmoid"},
    {"cell=lstm,act=sigmoid+sigmoid+tanh+sigmoid+softsign",
     "cell=lstm,T=50,N=1,I=128,H=128,act=sigmoid+sigmoid+tanh+sigmoid+softsign"},
    {"cell=gru,dir=bi,act=hard_sigmoid:0.25:0.5+default,ract=leaky_relu:1e-1+affine:-0:1e6",
     "cell=gru,T=50,N=1,I=128,H=128,dir=bi,act=hard_sigmoid:0.25:0.5+default,"
     "ract=leaky_relu:0.1+affine:0:1e06"},
    {"act=affine:1e06", "cell=rnn,T=50,N=1,I=128,H=128,act=affine:1e06"},
    {"mask=holes,zeromask=1", "cell=rnn,T=50,N=1,I=128,H=128,mask=holes,zeromask=1"},
    {"packed=1,lengths=ties", "cell=rnn,T=50,N=1,I=128,H=128,lengths=ties,packed=1"},
    {"chunk=7,memory=64M,strict=1",
     "cell=rnn,T=50,N=1,I=128,H=128,chunk=7,memory=67108864,strict=1"},
    {"memory=1.5KiB", "cell=rnn,T=50,N=1,I=128,H=128,memory=1536"},
    {"memory=2kB", "cell=rnn,T=50,N=1,I=128,H=128,memory=2000"},
    {"memory=9223372036854775807", "cell=rnn,T=50,N=1,I=128,H=128,memory=9223372036854775807"},
};

START_TEST(prints_canonically) {
    problem first;
    problem again;
    problem_error error;
    char text[PROBLEM_MAX_TEXT];
    ck_assert_msg(problem_parse(&first, canonicals[_i].text, &error), "%s", error.message);
    ck_assert_str_eq(problem_print(&first, text, sizeof text), canonicals[_i].canonical);
    ck_assert_msg(problem_parse(&again, text, &error), "%s", error.message);
    ck_assert(problem_equal(&first, &again));
    ck_assert(first.seed == again.seed && first.gain == again.gain);
}
END_TEST

static const struct {
    const char *text;
    const char *message;
    const char *hint;
} refusals[] = {
    {"", "not key=value", "a problem looks like"},
    {"cell", "'cell' is not key=value", ""},
    {"cell=lstm,", "'' is not key=value", ""},
    {",cell=lstm", "'' is not key=value", ""},
    {"cell=lstm,,T=3", "'' is not key=value", ""},
    {"cell=lstm;T=3", "cell=lstm;T=3: must be one of", ""},
    {"cell=lstm, T=3", " T: there is no such key", ""},
    {"cell=ltsm", "cell=ltsm: must be one of rnn, rnn-relu, lstm, gru, gru-before",
     "did you mean cell=lstm?"},
    {"cell=", "cell=: must be one of", ""},
    {"cell=LSTM", "cell=LSTM: must be one of", "did you mean cell=lstm?"},
    {"cel=lstm", "cel: there is no such key", "did you mean cell?"},
    {"t=3", "t: there is no such key", "did you mean T?"},
    {"steps=3", "steps: there is no such key", "did you mean T?"},
    {"batchfirst=1", "batchfirst: there is no such key", "did you mean batch-first?"},
    {"zebra=1", "zebra: there is no such key", "keys are cell, T, N"},
    {"zebra=1", "zebra: there is no such key", "engine, algorithm, strict"},
    {"peepholes=1", "peepholes: there is no such key", "did you mean peep?"},
    {"direction=bi", "direction: there is no such key", "did you mean dir?"},
    {"=1", ": there is no such key", ""},
    {"T=3,T=4", "T is given twice", ""},
    {"T=0", "T=0: needs a whole number from 1 to 1073741824", ""},
    {"T=-1", "T=-1: needs a whole number", ""},
    {"T=+1", "T=+1: needs a whole number", ""},
    {"T= 1", "T= 1: needs a whole number", ""},
    {"T=1.5", "T=1.5: needs a whole number", ""},
    {"T=0x10", "T=0x10: needs a whole number", ""},
    {"T=", "T=: needs a whole number", ""},
    {"T=1073741825", "needs a whole number from 1 to 1073741824", ""},
    {"T=99999999999999999999999", "needs a whole number from 1 to 1073741824", ""},
    {"H=1048577", "needs a whole number from 1 to 1048576", ""},
    {"layers=65", "layers=65: needs a whole number from 1 to 64", ""},
    {"layers=0", "layers=0: needs a whole number from 1 to 64", ""},
    {"dir=revers", "dir=revers: must be one of forward, reverse, bi", "did you mean dir=reverse?"},
    {"merge=add", "merge=add: must be one of concat, sum, mul, ave", ""},
    {"bias=one", "bias=one: must be one of double, single, none", ""},
    {"mask=some", "mask=some: must be one of none, ones, holes, ends, zeros", ""},
    /* lists */
    {"cell=lstm+", "cell=: must be one of", ""},
    {"cell=lstm+gruu", "cell=gruu: must be one of", "did you mean cell=gru?"},
    {"H=8+0", "H=0: needs a whole number from 1", ""},
    {"H=8+4,layers=3", "H has 2 entries, layers says 3 layers", ""},
    {"H=8+8,layers=3", "H has 2 entries, layers says 3 layers", ""},
    {"H=8+4,layers=1", "H has 2 entries, layers says 1 layers", ""},
    {"cell=lstm+gru,H=1+2+3", "H has 3 entries, cell says 2 layers", ""},
    {"cell=lstm+gru,dir=bi+bi+bi", "dir has 3 entries, cell says 2 layers", ""},
    {"H=1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1"
     "+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1",
     "H has more than 64 entries", ""},
    /* activations */
    {"act=", "act=: there is no such activation", "a list looks like"},
    {"act=tanhh", "act=tanhh: there is no such activation", "did you mean act=tanh?"},
    {"act=custom", "act=custom: there is no such activation", ""},
    {"act=tanh:1", "act=tanh: takes 0 parameters, got more", ""},
    {"act=elu:1:2", "act=elu: takes 1 parameters, got more", ""},
    {"act=elu:", "act=elu:: needs a number from -1e6 to 1e6", ""},
    {"act=elu:+1", "act=elu:: needs a number", ""},
    {"act=elu:nan", "act=elu:nan: needs a number", ""},
    {"act=elu:1e7", "act=elu:1e7: needs a number", ""},
    {"act=celu:0", "act=celu:0: x is divided by it", ""},
    {"act=tanh+relu", "act has 2 entries, no layer has more than 1 activations", ""},
    {"cell=gru,act=tanh+relu+tanh+tanh", "act has 4 entries, no layer has more than 3", ""},
    {"cell=lstm,act=tanh+tanh+tanh+tanh+tanh+tanh", "act: no cell has more than 5", ""},
    {"dir=bi,ract=tanh+relu", "ract has 2 entries, no layer has more than 1", ""},
    /* what no layer takes */
    {"merge=sum", "merge is given, it needs a layer with dir=bi", ""},
    {"dir=reverse,merge=sum", "merge is given, it needs a layer with dir=bi", ""},
    {"ract=tanh", "ract is given, it needs a layer with dir=bi", ""},
    {"P=3", "P is given, it needs an lstm layer", ""},
    {"cell=gru,peep=1", "peep is given, it needs an lstm layer", ""},
    {"couple=input", "couple is given, it needs an lstm layer", ""},
    {"cell=rnn+gru,fbias=1", "fbias is given, it needs an lstm layer", ""},
    {"cellclip=1", "cellclip is given, it needs an lstm layer", ""},
    {"zeromask=1", "zeromask is given, it needs a mask", ""},
    {"packed=1", "packed is given, it needs lengths=ragged or lengths=ties", ""},
    {"packed=1,lengths=zeros", "packed is given, it needs lengths=ragged", ""},
    {"packed=1,lengths=ties,batch-first=1", "packed is given, it needs batch-first=0", ""},
    {"cell=lstm,H=8,P=8", "P=8: must be below H, which is 8 in an lstm layer", ""},
    {"cell=lstm+lstm,H=8+4,P=6", "P=6: must be below H, which is 4 in an lstm layer", ""},
    /* numbers */
    {"cell=lstm,fbias=x", "fbias=x: needs a number from -1000000 to 1e6", ""},
    {"clip=-1", "clip=-1: needs a number from 0 to 1e6", ""},
    {"clip=", "clip=: needs a number", ""},
    {"chunk=-1", "chunk=-1: needs a whole number from 0", ""},
    {"memory=", "memory=: needs bytes, such as 1048576, 64M or 1.5GiB", ""},
    {"memory=64m", "memory=64m: needs bytes", ""},
    {"memory=M", "memory=M: needs bytes", ""},
    {"memory=1.5", "memory=1.5: needs bytes", ""},
    {"memory=1.2.3M", "memory=1.2.3M: needs bytes", ""},
    {"memory=-1", "memory=-1: needs bytes", ""},
    {"memory=64 M", "memory=64 M: needs bytes", ""},
    {"memory=9223372036854775808", "needs bytes", ""},
    {"memory=8388608TiB", "needs bytes", ""},
    {"lengths=raged", "must be one of full, ragged", "did you mean lengths=ragged?"},
    {"batch-first=2", "batch-first=2: needs a whole number from 0 to 1", ""},
    {"gain=nan", "gain=nan: needs a number from 0 to 1e6", ""},
    {"gain=inf", "gain=inf: needs a number", ""},
    {"gain=-1", "gain=-1: needs a number", ""},
    {"gain=0x1p3", "gain=0x1p3: needs a number", ""},
    {"gain=1e7", "gain=1e7: needs a number", ""},
    {"gain=", "gain=: needs a number", ""},
    {"gain=1,5", "'5' is not key=value", ""},
    {"seed=-1", "seed=-1: needs a whole number from 0 to 18446744073709551615", ""},
    {"seed=18446744073709551616", "needs a whole number from 0 to 18446744073709551615", ""},
    {"engine=gpu", "engine=gpu: must be one of auto, opencl, cpu", ""},
    {"algorithm=", "algorithm=: needs a name", ""},
    {"algorithm=a b", "algorithm=a b: needs a name", ""},
};

START_TEST(refuses) {
    problem untouched;
    problem_error error;
    problem_init(&untouched);
    untouched.seed = 5;
    problem copy = untouched;
    ck_assert(!problem_parse(&untouched, refusals[_i].text, &error));
    ck_assert_msg(strstr(error.message, refusals[_i].message) != NULL, "'%s' says '%s'",
                  refusals[_i].text, error.message);
    ck_assert_msg(strstr(error.hint, refusals[_i].hint) != NULL, "'%s' hints '%s'",
                  refusals[_i].text, error.hint);
    ck_assert(problem_equal(&untouched, &copy));
}
END_TEST

START_TEST(refuses_long_texts) {
    char text[PROBLEM_MAX_TEXT + 1];
    problem out;
    problem_error error;
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    ck_assert(!problem_parse(&out, text, &error));
    ck_assert_ptr_nonnull(strstr(error.message, "too many"));
}
END_TEST

/* Random choices for made-up problems. */
static uint64_t bits = 88172645463325252u;

static int64_t below(int64_t end) {
    bits ^= bits << 13;
    bits ^= bits >> 7;
    bits ^= bits << 17;
    return (int64_t)((bits >> 11) % (uint64_t)end);
}

static float any_float(void) {
    return (float)(below(2000001) - 1000000) * (float)(below(3) == 0 ? 1 : 1e-5);
}

static void any_list(problem_list *out, int64_t layers, int64_t end, int64_t least) {
    *out = (problem_list){.count = below(2) == 0 ? 1 : (int)layers};
    for (int i = 0; i < out->count; i++) {
        out->values[i] = least + below(end);
    }
}

static void any_acts(problem_acts *out, int slots) {
    static const clrnn_activation acts[] = {
        {.kind = CLRNN_ACT_TANH},   {.kind = CLRNN_ACT_HARD_SIGMOID}, {.kind = CLRNN_ACT_ELU},
        {.kind = CLRNN_ACT_SELU},   {.kind = CLRNN_ACT_SOFTSIGN},     {.kind = CLRNN_ACT_MISH},
        {.kind = CLRNN_ACT_AFFINE}, {.kind = CLRNN_ACT_SCALED_TANH},
    };
    static const int parameters[] = {0, 2, 1, 2, 0, 0, 2, 2};
    *out = (problem_acts){.count = (int)below(slots + 1)};
    for (int i = 0; i < out->count; i++) {
        const int64_t which = below(8);
        out->list[i] = acts[which];
        out->list[i].parameters = (int)below(parameters[which] + 1);
        out->list[i].alpha = out->list[i].parameters > 0 ? any_float() : 0;
        out->list[i].beta = out->list[i].parameters > 1 ? any_float() : 0;
    }
}

/* A problem whose keys go together. */
static void any_problem(problem *out) {
    int has_lstm = 0, has_bi = 0, slots = 1;
    problem_init(out);
    const int64_t layers = below(3) == 0 ? 1 : 1 + below(PROBLEM_MAX_LAYERS);
    any_list(&out->cell, layers, 5, 0);
    any_list(&out->hidden, layers, 1 << 20, 1);
    any_list(&out->direction, layers, 3, 0);
    out->layers = layers;
    for (int i = 0; i < out->layers; i++) {
        const int64_t cell = problem_at(&out->cell, i);
        has_lstm |= cell == PROBLEM_CELL_LSTM;
        has_bi |= problem_at(&out->direction, i) == CLRNN_DIRECTION_BIDIRECTIONAL;
        slots = cell == PROBLEM_CELL_LSTM ? 5 : cell >= PROBLEM_CELL_GRU && slots < 3 ? 3 : slots;
    }
    out->steps = 1 + below(1 << 30);
    out->batch = 1 + below(1 << 30);
    out->inputs = 1 + below(1 << 20);
    out->merge = has_bi ? below(4) : 0;
    out->bias = below(3);
    out->gate_clip = below(2) == 0 ? 0 : (float)below(1000) / 7;
    if (has_lstm) {
        out->projection = 0;
        out->peepholes = below(2);
        out->couple = below(3);
        out->forget_bias = any_float();
        out->cell_clip = (float)below(1000) / 9;
    }
    any_acts(&out->acts, slots);
    if (has_bi) {
        any_acts(&out->reverse_acts, slots);
    }
    out->mask = below(5);
    out->zero_masked = out->mask != PROBLEM_MASK_NONE && below(2);
    out->lengths = below(5);
    out->start = below(2);
    const int is_ragged =
        out->lengths == PROBLEM_LENGTHS_RAGGED || out->lengths == PROBLEM_LENGTHS_TIES;
    out->packed = is_ragged && below(2);
    out->batch_first = !out->packed && below(2);
    out->last_only = below(2);
    out->chunk = below(2) == 0 ? 0 : below(1 << 30);
    out->memory = below(2) == 0 ? 0 : (uint64_t)below(INT64_MAX);
    out->gain = (double)below(INT64_C(1) << 53) * 0x1p-53 * 3;
    out->seed = bits;
    out->engine = below(3);
    out->strict = below(2);
    (void)snprintf(out->algorithm, sizeof out->algorithm, "%s", below(2) ? "single/panel" : "");
}

static void expect_same_numbers(const problem *a, const problem *b) {
    ck_assert(a->gain == b->gain && a->seed == b->seed && a->inputs == b->inputs);
    ck_assert(a->forget_bias == b->forget_bias && a->gate_clip == b->gate_clip);
    ck_assert(a->cell_clip == b->cell_clip && a->memory == b->memory);
    ck_assert(a->layers == b->layers && a->acts.count == b->acts.count);
    for (int i = 0; i < a->acts.count; i++) {
        ck_assert(a->acts.list[i].kind == b->acts.list[i].kind);
        ck_assert(a->acts.list[i].parameters == b->acts.list[i].parameters);
        ck_assert(a->acts.list[i].alpha == b->acts.list[i].alpha);
        ck_assert(a->acts.list[i].beta == b->acts.list[i].beta);
    }
    for (int i = 0; i < a->layers; i++) {
        ck_assert(problem_at(&a->cell, i) == problem_at(&b->cell, i));
        ck_assert(problem_at(&a->hidden, i) == problem_at(&b->hidden, i));
        ck_assert(problem_at(&a->direction, i) == problem_at(&b->direction, i));
    }
}

/* Made-up problems of every key: parse(print(p)) == p. */
START_TEST(round_trips) {
    for (int i = 0; i < 4000; i++) {
        problem made;
        problem again;
        problem_error error;
        char text[PROBLEM_MAX_TEXT];
        any_problem(&made);
        ck_assert_msg(problem_finish(&made, &error), "%s", error.message);
        problem_print(&made, text, sizeof text);
        ck_assert(strlen(text) < sizeof text - 1);
        ck_assert_msg(problem_parse(&again, text, &error), "%s: %s", text, error.message);
        ck_assert_msg(problem_equal(&made, &again), "%s", text);
        expect_same_numbers(&made, &again);
    }
}
END_TEST

/* The longest text there is fits. */
START_TEST(long_problems_fit) {
    problem made;
    problem again;
    problem_error error;
    char text[PROBLEM_MAX_TEXT];
    any_problem(&made);
    made.layers = PROBLEM_MAX_LAYERS;
    made.cell.count = made.hidden.count = made.direction.count = PROBLEM_MAX_LAYERS;
    for (int i = 0; i < PROBLEM_MAX_LAYERS; i++) {
        made.cell.values[i] = i == 0 ? PROBLEM_CELL_LSTM : PROBLEM_CELL_GRU_BEFORE;
        made.hidden.values[i] = 1048576 - i;
        made.direction.values[i] = i == 0 ? 2 : 0;
    }
    ck_assert_msg(problem_finish(&made, &error), "%s", error.message);
    problem_print(&made, text, sizeof text);
    ck_assert_msg(problem_parse(&again, text, &error), "%s: %s", text, error.message);
    ck_assert(problem_equal(&made, &again));
}
END_TEST

START_TEST(keys_lie_on_top) {
    problem out;
    problem_error error;
    char text[PROBLEM_MAX_TEXT];
    problem_init(&out);
    ck_assert(problem_apply(&out, "cell=gru,H=64", &error));
    ck_assert(problem_set(&out, "H", "32", &error));
    ck_assert(!problem_set(&out, "H", "x", &error));
    ck_assert(problem_finish(&out, &error));
    ck_assert_str_eq(problem_print(&out, text, sizeof text), "cell=gru,T=50,N=1,I=32,H=32");
}
END_TEST

/* What a layer of a problem is: the second direction has activations of its own. */
START_TEST(layers_are_made) {
    problem made;
    problem_error error;
    ck_assert(problem_parse(&made, "cell=gru,dir=bi,act=tanh+elu:0.5,ract=relu", &error));
    const clrnn_layer_desc layer = generate_layer(&made, 0);
    const clrnn_act expected[2][3] = {{CLRNN_ACT_TANH, CLRNN_ACT_ELU, CLRNN_ACT_TANH},
                                      {CLRNN_ACT_RELU, CLRNN_ACT_RELU, CLRNN_ACT_RELU}};
    for (int slot = 0; slot < 6; slot++) {
        ck_assert_int_eq(layer.acts[slot / 3][slot % 3].kind, expected[slot / 3][slot % 3]);
    }
    ck_assert(layer.acts[0][1].parameters == 1 && layer.acts[0][1].alpha == 0.5f);
}
END_TEST

START_TEST(suggests) {
    static const char *const words[] = {"run", "summary", "check", "devices", "version"};
    const size_t count = sizeof words / sizeof words[0];
    ck_assert_str_eq(suggest_nearest("sumamry", words, count), "summary");
    ck_assert_str_eq(suggest_nearest("RUN", words, count), "run");
    ck_assert_str_eq(suggest_nearest("devcies", words, count), "devices");
    ck_assert_str_eq(suggest_nearest("ver", words, count), "version");
    ck_assert_ptr_null(suggest_nearest("elephant", words, count));
    ck_assert_ptr_null(suggest_nearest("", words, count));
    ck_assert_ptr_null(suggest_nearest(
        "a-word-that-is-much-too-long-to-be-any-of-the-words-there-are", words, count));
}
END_TEST

/* A word's only beginning counts more than a word that is near; where several begin so, the nearest. */
START_TEST(beginnings_come_first) {
    static const char *const words[] = {"lengths", "layers", "layout", "seed", "steps", "step"};
    const size_t count = sizeof words / sizeof words[0];
    ck_assert_str_eq(suggest_nearest("see", words, count), "seed");
    ck_assert_str_eq(suggest_nearest("layo", words, count), "layout");
    ck_assert_str_eq(suggest_nearest("ste", words, count), "step");
    ck_assert_str_eq(suggest_nearest("lay", words, count), "layers");
    ck_assert_ptr_null(suggest_nearest("l", words, count));
    static const char *const near[] = {"cats", "catalogue"};
    ck_assert_str_eq(suggest_nearest("cata", near, 2), "catalogue");
    ck_assert_str_eq(suggest_nearest("CATA", near, 2), "catalogue");
    ck_assert_str_eq(suggest_nearest("cat", near, 2), "cats");
}
END_TEST

Suite *problem_suite(void) {
    Suite *suite = suite_create("problem");
    TCase *grammar = tcase_create("grammar");
    tcase_add_loop_test(grammar, prints_canonically, 0,
                        (int)(sizeof canonicals / sizeof canonicals[0]));
    tcase_add_loop_test(grammar, refuses, 0, (int)(sizeof refusals / sizeof refusals[0]));
    tcase_add_test(grammar, refuses_long_texts);
    tcase_add_test(grammar, round_trips);
    tcase_add_test(grammar, long_problems_fit);
    tcase_add_test(grammar, keys_lie_on_top);
    tcase_add_test(grammar, layers_are_made);
    tcase_add_test(grammar, suggests);
    tcase_add_test(grammar, beginnings_come_first);
    suite_add_tcase(suite, grammar);
    return suite;
}
