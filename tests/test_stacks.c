/*
 * test_stacks.c: what must not change a bit of a stack: layers of several cells, directions, merges,
 * lengths and masks, each run again with rows or steps in another order, alone, fewer, or turned
 * round, and layer by layer. What test_invariance.c holds of one layer, on the reference too.
 */
#include "stacks.h"
#include "suites.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const texts[] = {
    "cell=lstm+gru-before+rnn,T=7,N=6,I=3,H=9+17+5,P=2,peep=1,fbias=0.5,cellclip=0.6,dir=forward,"
    "lengths=random,start=random,gain=1.5,seed=21",
    "cell=gru+lstm+rnn,T=6,N=5,I=4,H=8+15+33,dir=bi+bi+forward,merge=sum,lengths=zeros,mask=holes,"
    "start=random,batch-first=1,gain=1.5,seed=22",
    "cell=rnn-relu+lstm,T=5,N=5,I=3,H=9+66,dir=reverse+bi,merge=concat,lengths=ties,mask=ends,"
    "zeromask=1,start=random,seed=23",
    "cell=rnn+gru,T=6,N=9,I=5,H=65+16,dir=forward+bi,merge=mul,lengths=random,gain=3,seed=24",
    "cell=gru-before+rnn+lstm,T=5,N=5,I=3,H=7+16+8,dir=bi+reverse+bi,merge=ave,mask=zeros,"
    "start=random,seed=25",
};
enum { TEXTS = sizeof texts / sizeof texts[0], NAN_ROW = 1, NAN_STEP = 2 };

static const clrnn_layer_desc *layer_at(const struct sample *s, int layer) {
    return &clrnn_net_get_desc(s->net)->layers[layer];
}

static int layers_of(const struct sample *s) {
    return clrnn_net_get_desc(s->net)->num_layers;
}

/* Runs it and holds it against the whole; frees it. */
static void run_and_hold(struct sample *other, const struct sample *whole,
                         const struct stack_scope *scope, const struct stack_way *way) {
    stack_run(other, way);
    stack_same(whole, other, scope, way);
    free_sample(other);
}

/* ---- rows and steps -------------------------------------------------------------------------- */

static struct stack_place permuted(const struct sample *from, int t, int n) {
    return (struct stack_place){t, (n + from->batch - 2) % from->batch};
}

static void in_another_order(const struct sample *whole, const struct stack_way *way) {
    struct sample other =
        stack_mapped(whole, whole->steps, whole->batch, whole->batch_first, permuted);
    const struct stack_scope scope = {.map = permuted, .what = "rows in another order"};
    run_and_hold(&other, whole, &scope, way);
}

static void transposed(const struct sample *whole, const struct stack_way *way) {
    struct sample other =
        stack_mapped(whole, whole->steps, whole->batch, !whole->batch_first, stack_as_is);
    const struct stack_scope scope = {.map = stack_as_is, .what = "the other layout"};
    run_and_hold(&other, whole, &scope, way);
}

static int row_alone;
static struct stack_place alone(const struct sample *from, int t, int n) {
    (void)from;
    return (struct stack_place){t, row_alone + n};
}

/* Each row by itself, cut to its own length. */
static void rows_alone(const struct sample *whole, const struct stack_way *way) {
    const struct stack_scope scope = {.map = alone, .what = "a row alone"};
    for (row_alone = 0; row_alone < whole->batch; row_alone++) {
        if (whole->lengths[row_alone] > 0) {
            struct sample other = stack_mapped(whole, whole->lengths[row_alone], 1, 0, alone);
            run_and_hold(&other, whole, &scope, way);
        }
    }
}

/* Steps that come later change nothing of those before, in layers that go forward. */
static void fewer_steps(const struct sample *whole, const struct stack_way *way) {
    struct stack_scope scope = {.map = stack_as_is, .steps_only = 1, .what = "fewer steps"};
    while (scope.layers < layers_of(whole) &&
           layer_at(whole, scope.layers)->direction == CLRNN_DIRECTION_FORWARD) {
        scope.layers++;
    }
    for (int steps = 1; scope.layers > 0 && steps < whole->steps; steps += 2) {
        struct sample other =
            stack_mapped(whole, steps, whole->batch, whole->batch_first, stack_as_is);
        run_and_hold(&other, whole, &scope, way);
    }
}

/* ---- what x holds ---------------------------------------------------------------------------- */

/* NaN and infinities past a length and under a mask. */
static void padded(const struct sample *whole, const struct stack_way *way) {
    const float nothing[3] = {NAN, INFINITY, -INFINITY};
    const int inputs = clrnn_net_get_desc(whole->net)->inputs;
    const struct stack_scope scope = {.map = stack_as_is, .what = "padding"};
    struct sample other =
        stack_mapped(whole, whole->steps, whole->batch, whole->batch_first, stack_as_is);
    for (int n = 0; n < other.batch; n++) {
        for (int t = 0; t < other.steps; t++) {
            const int counts = t < other.lengths[n] && !is_masked(&other, t, n);
            for (int i = 0; i < inputs && !counts; i++) {
                other.x[at(&other, t, n) * (size_t)inputs + (size_t)i] = nothing[(t + n + i) % 3];
            }
        }
    }
    run_and_hold(&other, whole, &scope, way);
}

static void nan_in_a_row(const struct sample *whole, const struct stack_way *way) {
    const int inputs = clrnn_net_get_desc(whole->net)->inputs;
    const struct stack_scope scope = {
        .map = stack_as_is, .but_row = 1 + NAN_ROW, .what = "NaN in another row"};
    struct sample other =
        stack_mapped(whole, whole->steps, whole->batch, whole->batch_first, stack_as_is);
    other.x[at(&other, NAN_STEP, NAN_ROW) * (size_t)inputs] = NAN;
    run_and_hold(&other, whole, &scope, way);
}

/* ---- starts and plans ------------------------------------------------------------------------ */

/* Start states of 0, given or not. */
static void absent(const struct sample *whole, const struct stack_way *way) {
    const struct stack_scope scope = {.map = stack_as_is, .what = "no start state for one of 0"};
    struct sample zero =
        stack_mapped(whole, whole->steps, whole->batch, whole->batch_first, stack_as_is);
    struct sample none =
        stack_mapped(whole, whole->steps, whole->batch, whole->batch_first, stack_as_is);
    for (int layer = 0; layer < layers_of(whole); layer++) {
        const clrnn_layer_desc *desc = layer_at(whole, layer);
        const size_t rows = (size_t)(clrnn_layer_directions(desc) * whole->batch);
        float **const starts[] = {&zero.of[layer].h_0, &zero.of[layer].c_0, &zero.of[layer].o_0};
        float **const nones[] = {&none.of[layer].h_0, &none.of[layer].c_0, &none.of[layer].o_0};
        for (int i = 0; i < 3; i++) {
            const int width = i == 1 ? desc->hidden : clrnn_layer_width(desc);
            free(*starts[i]);
            *starts[i] = calloc(rows * (size_t)width, sizeof **starts[i]);
            free(*nones[i]);
            *nones[i] = NULL;
        }
    }
    stack_run(&zero, way);
    run_and_hold(&none, &zero, &scope, way);
    free_sample(&zero);
}

/* One plan for more, and a call of another size between two. */
static void plan_of_more(const struct sample *whole, const struct stack_way *way) {
    const struct stack_scope scope = {.map = stack_as_is, .what = "a plan for more"};
    struct sample less =
        stack_mapped(whole, whole->steps - 2, whole->batch - 1, whole->batch_first, stack_as_is);
    struct sample expected =
        stack_mapped(whole, whole->steps - 2, whole->batch - 1, whole->batch_first, stack_as_is);
    stack_run(&expected, way);
    clrnn_plan *plan = NULL;
    struct sample same =
        stack_mapped(whole, whole->steps, whole->batch, whole->batch_first, stack_as_is);
    /* a plan is for one net: the smaller call is of this one's */
    clrnn_net_free(less.net);
    less.net = same.net;
    plan = stack_plan(&same, way, 3);
    for (int run = 0; run < 2; run++) {
        stack_run_plan(&same, plan, way);
        stack_same(whole, &same, &scope, way);
        stack_run_plan(&less, plan, way);
        stack_same(&expected, &less, &scope, way);
    }
    clrnn_plan_free(plan);
    less.net = NULL;
    free_sample(&less);
    free_sample(&expected);
    free_sample(&same);
}

/* ---- directions and layers ------------------------------------------------------------------- */

static struct stack_place turned(const struct sample *from, int t, int n) {
    const int length = from->lengths[n];
    return (struct stack_place){t < length ? length - 1 - t : t, n};
}

static void set_weight(clrnn_net *to, const char *name, const clrnn_net *from, const char *source) {
    clrnn_tensor weight;
    ok(clrnn_net_get_weight(&weight, from, source));
    ok(clrnn_net_set_weight(to, name, &weight));
}

/* The net whose every layer goes the other way. */
static clrnn_net *turned_net(const clrnn_net *net) {
    struct net_kind kind = kind_of_net(net);
    for (int layer = 0; layer < kind.desc.num_layers; layer++) {
        clrnn_direction *direction = &kind.layers[layer].direction;
        *direction = *direction == CLRNN_DIRECTION_FORWARD   ? CLRNN_DIRECTION_REVERSE
                     : *direction == CLRNN_DIRECTION_REVERSE ? CLRNN_DIRECTION_FORWARD
                                                             : *direction;
    }
    clrnn_net *out = net_of(&kind);
    for (size_t i = 0; clrnn_net_weight_name(net, i) != NULL; i++) {
        char source[64], name[80];
        snprintf(source, sizeof source, "%s", clrnn_net_weight_name(net, i));
        snprintf(name, sizeof name, "%s_reverse", source);
        char *suffix = strstr(source, "_reverse");
        if (suffix != NULL) {
            snprintf(name, sizeof name, "%.*s", (int)(suffix - source), source);
        }
        set_weight(out, name, net, source);
    }
    return out;
}

/* [D][N][width] with the directions in the other order. */
static void turn_start(float *values, int directions, size_t part) {
    for (size_t i = 0; values != NULL && directions == 2 && i < part; i++) {
        const float first = values[i];
        values[i] = values[part + i];
        values[part + i] = first;
    }
}

/* x and the layers turned round. Not where a layer takes both directions side by side: its sums would
 * be in another order. */
static void turned_round(const struct sample *whole, const struct stack_way *way) {
    const struct stack_scope scope = {.map = turned, .turned = 1, .what = "turned round"};
    for (int layer = 0; layer + 1 < layers_of(whole); layer++) {
        const clrnn_layer_desc *desc = layer_at(whole, layer);
        if (desc->direction == CLRNN_DIRECTION_BIDIRECTIONAL && desc->merge == CLRNN_MERGE_CONCAT) {
            return;
        }
    }
    struct sample other =
        stack_mapped(whole, whole->steps, whole->batch, whole->batch_first, turned);
    clrnn_net *net = turned_net(other.net);
    clrnn_net_free(other.net);
    other.net = net;
    for (int layer = 0; layer < layers_of(whole); layer++) {
        const clrnn_layer_desc *desc = layer_at(whole, layer);
        const size_t rows = (size_t)whole->batch;
        const int directions = clrnn_layer_directions(desc);
        turn_start(other.of[layer].h_0, directions, rows * (size_t)clrnn_layer_width(desc));
        turn_start(other.of[layer].o_0, directions, rows * (size_t)clrnn_layer_width(desc));
        turn_start(other.of[layer].c_0, directions, rows * (size_t)desc->hidden);
    }
    run_and_hold(&other, whole, &scope, way);
}

/* One direction of a layer as a net of its own, on what the layer below gave. */
static struct sample one_direction(const struct sample *whole, int layer, int direction) {
    const clrnn_layer_desc *desc = layer_at(whole, layer);
    const struct sample_layer *from = &whole->of[layer];
    struct net_kind kind = {.desc = {.inputs = layer > 0 ? clrnn_layer_outputs(desc - 1)
                                                         : clrnn_net_get_desc(whole->net)->inputs,
                                     .num_layers = 1},
                            .layers = {*desc}};
    const int reverse = direction == 1 || desc->direction == CLRNN_DIRECTION_REVERSE;
    kind.layers[0].merge = CLRNN_MERGE_CONCAT;
    kind.layers[0].direction = reverse ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
    struct sample s = sample_of(net_of(&kind), whole->steps, whole->batch, whole->batch_first);
    for (size_t i = 0; clrnn_net_weight_name(s.net, i) != NULL; i++) {
        char name[64], source[80];
        snprintf(name, sizeof name, "%s", clrnn_net_weight_name(s.net, i));
        const int stem = (int)(strstr(name, "_l0") - name);
        snprintf(source, sizeof source, "%.*s_l%d%s", stem, name, layer, reverse ? "_reverse" : "");
        set_weight(s.net, name, whole->net, source);
    }
    const size_t rows = (size_t)(whole->steps * whole->batch);
    memcpy(s.x, layer > 0 ? whole->of[layer - 1].y : whole->x,
           rows * (size_t)kind.desc.inputs * sizeof *s.x);
    memcpy(s.lengths, whole->lengths, (size_t)s.batch * sizeof *s.lengths);
    if (whole->mask != NULL) {
        s.mask = malloc(rows);
        memcpy(s.mask, whole->mask, rows);
    }
    float **const to[] = {&s.of[0].h_0, &s.of[0].c_0, &s.of[0].o_0};
    const float *const starts[] = {from->h_0, from->c_0, from->o_0};
    for (int i = 0; i < 3; i++) {
        const size_t part = (size_t)(s.batch * (i == 1 ? desc->hidden : clrnn_layer_width(desc)));
        if (starts[i] != NULL) {
            memcpy(*to[i], starts[i] + (size_t)direction * part, part * sizeof **to[i]);
        } else {
            free(*to[i]);
            *to[i] = NULL;
        }
    }
    return s;
}

/* All but y: that direction's part of what the layer gave. */
static void hold_direction(const struct sample *whole, const struct sample *one, int layer,
                           int direction, const struct stack_way *way) {
    struct stack_output a[STACK_OUTPUTS], b[STACK_OUTPUTS];
    stack_outputs(a, whole, layer);
    stack_outputs(b, one, 0);
    for (int i = 1; i < STACK_OUTPUTS; i++) {
        for (int t = 0; t < (a[i].is_end ? 1 : one->steps); t++) {
            for (int n = 0; n < one->batch; n++) {
                for (int unit = 0; unit < b[i].width; unit++) {
                    const float *expected =
                        stack_value(&a[i], whole, t, n, direction * b[i].width + unit);
                    const float *got = stack_value(&b[i], one, t, n, unit);
                    if (memcmp(expected, got, sizeof *got) != 0) {
                        ck_abort_msg("%s: %s: %s of layer %d direction %d alone: t=%d n=%d unit %d "
                                     "is %.9g, in the stack %.9g",
                                     way->text, way->name, a[i].name, layer, direction, t, n, unit,
                                     (double)*got, (double)*expected);
                    }
                }
            }
        }
    }
}

static float merged(clrnn_merge merge, float forward, float reverse) {
    return merge == CLRNN_MERGE_SUM   ? forward + reverse
           : merge == CLRNN_MERGE_MUL ? forward * reverse
                                      : (forward + reverse) / 2;
}

/* The layer's y is made of its directions'. */
static void hold_merge(const struct sample *whole, const struct sample ones[2], int layer,
                       const struct stack_way *way) {
    const clrnn_layer_desc *desc = layer_at(whole, layer);
    const int width = clrnn_layer_width(desc), outputs = clrnn_layer_outputs(desc);
    const int both = desc->direction == CLRNN_DIRECTION_BIDIRECTIONAL;
    const size_t rows = (size_t)(whole->steps * whole->batch);
    for (size_t row = 0; row < rows; row++) {
        for (int unit = 0; unit < outputs; unit++) {
            const float got = whole->of[layer].y[row * (size_t)outputs + (size_t)unit];
            const size_t from = row * (size_t)width + (size_t)(unit % width);
            float expected = ones[unit / width].of[0].y[from];
            if (both && desc->merge != CLRNN_MERGE_CONCAT) {
                expected = merged(desc->merge, ones[0].of[0].y[from], ones[1].of[0].y[from]);
            }
            if (memcmp(&got, &expected, sizeof got) != 0) {
                ck_abort_msg("%s: %s: y of layer %d, row %zu, unit %d is %.9g, its directions make "
                             "%.9g",
                             way->text, way->name, layer, row, unit, (double)got, (double)expected);
            }
        }
    }
}

static void layer_by_layer(const struct sample *whole, const struct stack_way *way) {
    for (int layer = 0; layer < layers_of(whole) && !way->is_reference; layer++) {
        struct sample ones[2];
        const int directions = clrnn_layer_directions(layer_at(whole, layer));
        for (int direction = 0; direction < directions; direction++) {
            ones[direction] = one_direction(whole, layer, direction);
            stack_run(&ones[direction], way);
            hold_direction(whole, &ones[direction], layer, direction, way);
        }
        hold_merge(whole, ones, layer, way);
        for (int direction = 0; direction < directions; direction++) {
            free_sample(&ones[direction]);
        }
    }
}

START_TEST(stacks_do_not_change) {
    static stack_property *const properties[] = {
        in_another_order, transposed, rows_alone,   fewer_steps,  padded,
        nan_in_a_row,     absent,     plan_of_more, turned_round, layer_by_layer};
    stack_hold(texts[_i], properties, sizeof properties / sizeof properties[0]);
}
END_TEST

Suite *stacks_suite(void) {
    Suite *suite = suite_create("stacks");
    TCase *each = tcase_create("stacks");
    tcase_set_timeout(each, 600);
    tcase_add_loop_test(each, stacks_do_not_change, 0, TEXTS);
    suite_add_tcase(suite, each);
    return suite;
}
