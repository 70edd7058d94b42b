/*
 * test_symmetry.c: what the equations say exactly of a stack: units and inputs in another order or
 * beside zeros, inputs split in two, sums, signs and scales of inputs, nets without a memory and without
 * weights. What test_numbers.c holds of one layer, on the reference too.
 *
 * Exact data are small integers in sparse rows: every sum is exact, so that no order matters. Elsewhere
 * another order of sums is held by the judge, against the net in the order that it had.
 */
#include "stacks.h"
#include "suites.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { W_IH, W_HH, B_IH, B_HH, ROLES };

static const clrnn_layer_desc *layer_at(const struct sample *s, int layer) {
    return &clrnn_net_get_desc(s->net)->layers[layer];
}

static int layers_of(const struct sample *s) {
    return clrnn_net_get_desc(s->net)->num_layers;
}

static int inputs_of(const struct sample *s) {
    return clrnn_net_get_desc(s->net)->inputs;
}

static struct sample copy_of(const struct sample *s) {
    return stack_mapped(s, s->steps, s->batch, s->batch_first, stack_as_is);
}

/* ---- data ------------------------------------------------------------------------------------ */

/* Calls `set` for each weight of a role, ROLES: of all. */
static void each_weight(const struct sample *s, int role,
                        void (*set)(float *value, int64_t columns, uint64_t *seed)) {
    uint64_t seed = 31;
    for (int layer = 0; layer < layers_of(s); layer++) {
        for (int d = 0; d < clrnn_layer_directions(layer_at(s, layer)); d++) {
            for (int r = 0; r < ROLES; r++) {
                const clrnn_tensor weight = stack_weight(s, layer, d, r);
                const int64_t count = weight.data != NULL ? clrnn_tensor_count(&weight) : 0;
                for (int64_t i = 0; i < count && (role == ROLES || role == r); i++) {
                    set((float *)weight.data + i, weight.rank == 2 ? weight.shape[1] : 1, &seed);
                }
            }
        }
    }
}

static void set_zero(float *value, int64_t columns, uint64_t *seed) {
    (void)columns;
    (void)seed;
    *value = 0.0f;
}

/* -1, 0 or 1, some three of a row. */
static void set_sparse(float *value, int64_t columns, uint64_t *seed) {
    const int64_t dice = (int64_t)(test_random(seed) >> 1);
    *value = dice / 64 % columns < 3 ? (float)(dice % 3 - 1) : 0.0f;
}

static void integers(float *values, size_t count, uint64_t *seed) {
    for (size_t i = 0; values != NULL && i < count; i++) {
        values[i] = (float)((int)(test_random(seed) % 5) - 2);
    }
}

/* Inputs and start states of a sample, one array after the other. */
static void each_input(struct sample *s, void (*change)(float *values, size_t count, void *data),
                       void *data) {
    const size_t rows = (size_t)(s->steps * s->batch);
    change(s->x, rows * (size_t)inputs_of(s), data);
    for (int layer = 0; layer < layers_of(s); layer++) {
        const clrnn_layer_desc *desc = layer_at(s, layer);
        const size_t states = (size_t)(clrnn_layer_directions(desc) * s->batch);
        if (s->of[layer].h_0 != NULL) {
            change(s->of[layer].h_0, states * (size_t)clrnn_layer_width(desc), data);
        }
        if (s->of[layer].o_0 != NULL) {
            change(s->of[layer].o_0, states * (size_t)clrnn_layer_width(desc), data);
        }
        if (s->of[layer].c_0 != NULL) {
            change(s->of[layer].c_0, states * (size_t)desc->hidden, data);
        }
    }
}

static void set_integers(float *values, size_t count, void *seed) {
    integers(values, count, seed);
}

static void scale(float *values, size_t count, void *factor) {
    for (size_t i = 0; i < count; i++) {
        values[i] *= *(const float *)factor;
    }
}

/* The case with exact data. */
static struct sample exact_of(const struct sample *s, uint64_t seed) {
    struct sample out = copy_of(s);
    each_weight(&out, ROLES, set_sparse);
    each_input(&out, set_integers, &seed);
    return out;
}

/* Exact as long as nothing is larger than that. */
static void check_exact(const struct sample *s, const struct stack_way *way) {
    float largest = 0;
    for (int layer = 0; layer < layers_of(s); layer++) {
        struct stack_output outputs[STACK_OUTPUTS];
        stack_outputs(outputs, s, layer);
        const size_t count = (size_t)(outputs[1].width * s->steps * s->batch);
        for (size_t i = 0; i < count; i++) {
            largest = fmaxf(largest, fabsf(outputs[1].values[i]));
        }
    }
    ck_assert_msg(largest > 8.0f && largest < 0x1p20f, "%s: %s: values up to %g", way->text,
                  way->name, (double)largest);
}

/* ---- units in other places ------------------------------------------------------------------- */

/* Where unit `unit` of `hidden` is. */
typedef int unit_place(int unit, int hidden);

static int same_place(int unit, int hidden) {
    (void)hidden;
    return unit;
}

static int other_place(int unit, int hidden) {
    return (hidden - 1 - unit + 3) % hidden;
}

/* Where feature `feature` of a layer's output, or an input, is. */
static int feature_place(const struct sample *from, const struct sample *to, int layer, int feature,
                         unit_place *place) {
    if (layer < 0) {
        return feature;
    }
    const int h = layer_at(from, layer)->hidden, wide = layer_at(to, layer)->hidden;
    return feature / h * wide + place(feature % h, h);
}

static void embed_strand(const struct sample *to, const struct sample *from, int layer, int d,
                         unit_place *place) {
    const clrnn_layer_desc *desc = layer_at(from, layer);
    const int h = desc->hidden, wide = layer_at(to, layer)->hidden;
    for (int role = 0; role < ROLES; role++) {
        const clrnn_tensor a = stack_weight(from, layer, d, role);
        const clrnn_tensor b = stack_weight(to, layer, d, role);
        const int columns = a.rank == 2 ? (int)a.shape[1] : 1;
        const int columns_wide = b.rank == 2 ? (int)b.shape[1] : 1;
        for (int row = 0; a.data != NULL && row < (int)a.shape[0]; row++) {
            const int there = row / h * wide + place(row % h, h);
            for (int k = 0; k < columns; k++) {
                const int column = role == W_IH   ? feature_place(from, to, layer - 1, k, place)
                                   : role == W_HH ? place(k, h)
                                                  : k;
                ((float *)b.data)[there * columns_wide + column] =
                    ((float *)a.data)[row * columns + k];
            }
        }
    }
}

/* [D][N][H] */
static void embed_start(float **to, const float *from, int directions, int batch, int h, int wide,
                        unit_place *place) {
    const size_t count = (size_t)(directions * batch);
    free(*to);
    *to = from != NULL ? calloc(count * (size_t)wide, sizeof **to) : NULL;
    for (size_t row = 0; from != NULL && row < count; row++) {
        for (int u = 0; u < h; u++) {
            (*to)[row * (size_t)wide + (size_t)place(u, h)] = from[row * (size_t)h + (size_t)u];
        }
    }
}

/* The case in a net of `more` units a layer and as many further inputs, whose weights are 0. */
static struct sample embedded(const struct sample *from, int more, unit_place *place) {
    struct net_kind kind = kind_of_net(from->net);
    const int inputs = kind.desc.inputs;
    kind.desc.inputs += more;
    for (int layer = 0; layer < kind.desc.num_layers; layer++) {
        kind.layers[layer].hidden += more;
    }
    struct sample s = sample_of(random_net(&kind, 1), from->steps, from->batch, from->batch_first);
    memcpy(s.lengths, from->lengths, (size_t)s.batch * sizeof *s.lengths);
    for (int row = 0; row < s.steps * s.batch; row++) {
        memcpy(s.x + row * kind.desc.inputs, from->x + row * inputs,
               (size_t)inputs * sizeof *s.x); /* the further ones stay random */
    }
    each_weight(&s, ROLES, set_zero);
    for (int layer = 0; layer < kind.desc.num_layers; layer++) {
        const int directions = clrnn_layer_directions(&kind.layers[layer]);
        const int wide = kind.layers[layer].hidden;
        for (int d = 0; d < directions; d++) {
            embed_strand(&s, from, layer, d, place);
        }
        embed_start(&s.of[layer].h_0, from->of[layer].h_0, directions, s.batch, wide - more, wide,
                    place);
        embed_start(&s.of[layer].c_0, from->of[layer].c_0, directions, s.batch, wide - more, wide,
                    place);
        free(s.of[layer].o_0);
        s.of[layer].o_0 = NULL;
    }
    return s;
}

/* What the embedded case gave, in the order of the case. */
static void take_back(struct sample *to, const struct sample *wide, unit_place *place) {
    for (int layer = 0; layer < layers_of(to); layer++) {
        struct stack_output a[STACK_OUTPUTS], b[STACK_OUTPUTS];
        const int h = layer_at(to, layer)->hidden, h_wide = layer_at(wide, layer)->hidden;
        stack_outputs(a, to, layer);
        stack_outputs(b, wide, layer);
        for (int i = 0; i < STACK_OUTPUTS; i++) {
            for (int t = 0; t < (a[i].is_end ? 1 : to->steps); t++) {
                for (int n = 0; n < to->batch; n++) {
                    for (int unit = 0; unit < a[i].width; unit++) {
                        *stack_value(&a[i], to, t, n, unit) =
                            *stack_value(&b[i], wide, t, n, unit / h * h_wide + place(unit % h, h));
                    }
                }
            }
        }
    }
}

/* A case that was run, against the same in an embedding. */
static void hold_embedded(const struct sample *base, int more, unit_place *place, const char *what,
                          const struct stack_way *way) {
    const struct stack_scope scope = {.map = stack_as_is, .what = what};
    struct sample wide = embedded(base, more, place), back = copy_of(base);
    stack_run(&wide, way);
    take_back(&back, &wide, place);
    stack_same(base, &back, &scope, way);
    free_sample(&wide);
    free_sample(&back);
}

/* Below 64 units a sum is one chain, which zeros in it do not change. */
static void beside_zeros(const struct sample *whole, const struct stack_way *way) {
    hold_embedded(whole, 6, same_place, "zeros beside it", way);
}

static void reordered_exactly(const struct sample *whole, const struct stack_way *way) {
    struct sample base = exact_of(whole, 7);
    stack_run(&base, way);
    check_exact(&base, way);
    hold_embedded(&base, 0, other_place, "units in another order, exact data", way);
    free_sample(&base);
}

static void reordered(const struct sample *whole, const struct stack_way *way) {
    struct sample other = embedded(whole, 0, other_place), back = copy_of(whole);
    stack_run(&other, way);
    take_back(&back, &other, other_place);
    const clrnn_judgement result = judge(back.net, &back);
    ck_assert_msg(result.bad == 0 && result.checked > 0,
                  "%s: %s: units in another order: %s of layer %d is off by %g (bound %g) at step "
                  "%lld row %lld unit %lld, %lld bad",
                  way->text, way->name, result.what, result.layer, result.residual, result.bound,
                  (long long)result.step, (long long)result.row, (long long)result.unit,
                  (long long)result.bad);
    free_sample(&other);
    free_sample(&back);
}

/* ---- inputs ---------------------------------------------------------------------------------- */

/* Each input twice: what the first takes of its weight, the second gives. */
static void split_inputs(const struct sample *whole, const struct stack_way *way) {
    const struct stack_scope scope = {.map = stack_as_is, .what = "inputs split in two"};
    const int inputs = inputs_of(whole);
    struct sample base = exact_of(whole, 8);
    struct sample twice = embedded(&base, 0, same_place);
    struct net_kind kind = kind_of_net(base.net);
    kind.desc.inputs = 2 * inputs;
    clrnn_net *net = random_net(&kind, 1);
    clrnn_net_free(twice.net);
    twice.net = net;
    for (int layer = 0; layer < layers_of(&base); layer++) {
        for (int d = 0; d < clrnn_layer_directions(layer_at(&base, layer)); d++) {
            embed_strand(&twice, &base, layer, d, same_place);
        }
    }
    for (int d = 0; d < clrnn_layer_directions(layer_at(&base, 0)); d++) {
        const clrnn_tensor weight = stack_weight(&twice, 0, d, W_IH);
        float *values = weight.data;
        for (int i = 0; i < (int)weight.shape[0] * inputs; i++) {
            const int row = i / inputs * 2 * inputs, k = i % inputs;
            const float part = (float)(i % 5 - 2);
            values[row + k] -= part;
            values[row + inputs + k] = part;
        }
    }
    free(twice.x);
    twice.x = malloc((size_t)(2 * inputs * base.steps * base.batch) * sizeof *twice.x);
    for (int i = 0; i < 2 * inputs * base.steps * base.batch; i++) {
        twice.x[i] = base.x[i / (2 * inputs) * inputs + i % inputs];
    }
    stack_run(&base, way);
    stack_run(&twice, way);
    check_exact(&base, way);
    stack_same(&base, &twice, &scope, way);
    free_sample(&base);
    free_sample(&twice);
}

/* Without biases: x of factor x gives y of factor x, h and the states alike. */
static void hold_scaled(const struct sample *whole, float factor, const char *what,
                        const struct stack_way *way) {
    const struct stack_scope scope = {.map = stack_as_is, .what = what};
    struct sample base = copy_of(whole), other = copy_of(whole);
    each_weight(&base, B_IH, set_zero);
    each_weight(&base, B_HH, set_zero);
    each_weight(&other, B_IH, set_zero);
    each_weight(&other, B_HH, set_zero);
    each_input(&other, scale, &factor);
    stack_run(&base, way);
    stack_run(&other, way);
    for (int layer = 0; layer < layers_of(&base); layer++) {
        struct stack_output outputs[STACK_OUTPUTS];
        stack_outputs(outputs, &base, layer);
        for (int i = 0; i < STACK_OUTPUTS; i++) {
            const size_t rows = (size_t)(base.batch * (outputs[i].is_end ? 1 : base.steps));
            scale(outputs[i].values, rows * (size_t)outputs[i].width, &factor);
        }
    }
    /* +0 and -0 are one: adding 0 leaves +0 */
    for (int layer = 0; layer < layers_of(&base); layer++) {
        struct stack_output a[STACK_OUTPUTS], b[STACK_OUTPUTS];
        stack_outputs(a, &base, layer);
        stack_outputs(b, &other, layer);
        for (int i = 0; i < STACK_OUTPUTS; i++) {
            const size_t rows = (size_t)(base.batch * (a[i].is_end ? 1 : base.steps));
            for (size_t k = 0; k < rows * (size_t)a[i].width; k++) {
                a[i].values[k] += 0.0f;
                b[i].values[k] += 0.0f;
            }
        }
    }
    stack_same(&base, &other, &scope, way);
    free_sample(&base);
    free_sample(&other);
}

static void odd(const struct sample *whole, const struct stack_way *way) {
    hold_scaled(whole, -1.0f, "-x", way);
}

static void homogeneous(const struct sample *whole, const struct stack_way *way) {
    hold_scaled(whole, 0x1p-10f, "x / 1024", way);
    hold_scaled(whole, 0x1p20f, "x 2^20", way);
}

struct sum {
    const float *values[1 + NETS_LAYERS];
    int next;
};

static void add_next(float *values, size_t count, void *data) {
    struct sum *sum = data;
    const float *more = sum->values[sum->next++];
    for (size_t i = 0; i < count; i++) {
        values[i] += more[i];
    }
}

/* A linear net of a sum is the sum of what it gives. */
static void additive(const struct sample *whole, const struct stack_way *way) {
    const struct stack_scope scope = {.map = stack_as_is, .what = "a sum of inputs"};
    struct sample a = exact_of(whole, 9), b = exact_of(whole, 10), both = exact_of(whole, 9);
    struct sample *const all[] = {&a, &b, &both};
    struct sum sum = {.values = {b.x}};
    for (int layer = 0; layer < layers_of(whole); layer++) {
        sum.values[1 + layer] = b.of[layer].h_0;
    }
    each_input(&both, add_next, &sum);
    for (int i = 0; i < 3; i++) {
        each_weight(all[i], B_IH, set_zero);
        each_weight(all[i], B_HH, set_zero);
        stack_run(all[i], way);
        check_exact(all[i], way);
    }
    for (int layer = 0; layer < layers_of(whole); layer++) {
        struct stack_output to[STACK_OUTPUTS], from[STACK_OUTPUTS];
        stack_outputs(to, &a, layer);
        stack_outputs(from, &b, layer);
        for (int i = 0; i < STACK_OUTPUTS; i++) {
            const size_t rows = (size_t)(a.batch * (to[i].is_end ? 1 : a.steps));
            for (size_t k = 0; k < rows * (size_t)to[i].width; k++) {
                to[i].values[k] += from[i].values[k];
            }
        }
    }
    stack_same(&a, &both, &scope, way);
    free_sample(&a);
    free_sample(&b);
    free_sample(&both);
}

/* ---- nothing --------------------------------------------------------------------------------- */

static struct stack_place backwards(const struct sample *from, int t, int n) {
    return (struct stack_place){from->steps - 1 - t, n};
}

/* R = 0: a step depends on its own input alone. */
static void forgets_time(const struct sample *whole, const struct stack_way *way) {
    const struct stack_scope scope = {.map = backwards, .steps_only = 1, .what = "R = 0"};
    struct sample base = copy_of(whole);
    each_weight(&base, W_HH, set_zero);
    struct sample other = stack_mapped(&base, base.steps, base.batch, base.batch_first, backwards);
    stack_run(&base, way);
    stack_run(&other, way);
    stack_same(&base, &other, &scope, way);
    free_sample(&base);
    free_sample(&other);
}

/* Without weights and a start there is nothing, whatever comes. */
static void nothing(const struct sample *whole, const struct stack_way *way) {
    struct sample zero = copy_of(whole);
    each_weight(&zero, ROLES, set_zero);
    for (int layer = 0; layer < layers_of(whole); layer++) {
        free(zero.of[layer].h_0);
        free(zero.of[layer].c_0);
        zero.of[layer].h_0 = zero.of[layer].c_0 = NULL;
    }
    stack_run(&zero, way);
    for (int layer = 0; layer < layers_of(whole); layer++) {
        struct stack_output outputs[STACK_OUTPUTS];
        stack_outputs(outputs, &zero, layer);
        for (int i = 0; i < STACK_OUTPUTS; i++) {
            const size_t rows = (size_t)(zero.batch * (outputs[i].is_end ? 1 : zero.steps));
            const int is_gate = strcmp(outputs[i].name, "gates") == 0;
            for (size_t k = 0; !is_gate && k < rows * (size_t)outputs[i].width; k++) {
                ck_assert_msg(outputs[i].values[k] == 0.0f,
                              "%s: %s: without weights %s of layer %d: [%zu] is %g", way->text,
                              way->name, outputs[i].name, layer, k, (double)outputs[i].values[k]);
            }
        }
    }
    free_sample(&zero);
}

/* ---- all ------------------------------------------------------------------------------------- */

enum { MOST = 4 };
static const struct {
    const char *text;
    stack_property *properties[MOST];
} cases[] = {
    {"cell=lstm+gru-before+rnn,T=5,N=5,I=3,H=9+17+5,dir=bi+forward+reverse,lengths=random,"
     "start=random,seed=31",
     {beside_zeros, reordered, nothing}},
    {"cell=gru+rnn-relu+lstm,T=4,N=5,I=4,H=8+15+16,dir=forward+bi+bi,merge=sum,start=random,"
     "batch-first=1,gain=1.5,seed=32",
     {beside_zeros, reordered, nothing}},
    {"cell=lstm+gru,T=4,N=5,I=3,H=66+65,dir=bi+reverse,start=random,seed=33", {reordered}},
    {"cell=rnn-relu,T=3,N=5,I=3,H=7+70+5,dir=bi+forward+reverse,start=random,lengths=random,"
     "seed=34",
     {reordered_exactly, split_inputs}},
    {"cell=rnn-relu,T=3,N=5,I=4,H=67+9,dir=reverse+bi,merge=ave,start=random,seed=35",
     {reordered_exactly, split_inputs, homogeneous}},
    {"cell=rnn,T=5,N=5,I=3,H=9+67+5,dir=bi+reverse+bi,merge=sum,start=random,lengths=ties,gain=1.5,"
     "seed=36",
     {odd}},
    {"cell=rnn-relu,T=5,N=5,I=3,H=9+67,dir=bi+forward,start=random,mask=holes,seed=37",
     {homogeneous}},
    {"cell=rnn,act=linear,T=3,N=5,I=3,H=7+70+5,dir=forward+bi+reverse,start=random,seed=38",
     {additive, reordered_exactly, homogeneous, odd}},
    {"cell=rnn,T=6,N=5,I=3,H=9+67+5,dir=forward+bi+reverse,merge=mul,seed=39", {forgets_time}},
};
enum { CASES = sizeof cases / sizeof cases[0] };

START_TEST(stacks_are_symmetric) {
    int count = 0;
    while (count < MOST && cases[_i].properties[count] != NULL) {
        count++;
    }
    stack_hold(cases[_i].text, cases[_i].properties, count);
}
END_TEST

Suite *symmetry_suite(void) {
    Suite *suite = suite_create("symmetry");
    TCase *each = tcase_create("stacks");
    tcase_set_timeout(each, 600);
    tcase_add_loop_test(each, stacks_are_symmetric, 0, CASES);
    suite_add_tcase(suite, each);
    return suite;
}
