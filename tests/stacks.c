/* stacks.c: samples of problem strings, ways to run them, and comparisons by a map. */
#include "stacks.h"

#include "cli/generate.h"
#include "core/net.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float poison = -12345.678f;

/* ---- samples --------------------------------------------------------------------------------- */

static void copy_start(float **to, const clrnn_tensor *from) {
    if (from->data == NULL) {
        free(*to);
        *to = NULL;
    } else {
        memcpy(*to, from->data, (size_t)clrnn_tensor_count(from) * sizeof **to);
    }
}

struct sample stack_of(const char *text) {
    problem p;
    problem_error error;
    generated made;
    ck_assert_msg(problem_parse(&p, text, &error), "%s: %s", text, error.message);
    ck_assert_int_le(p.layers, NETS_LAYERS);
    ok(generate(&made, &p));
    random_state = 1;
    struct sample s = sample_of(made.net, (int)p.steps, (int)p.batch, (int)p.batch_first);
    memcpy(s.x, made.x.data, (size_t)clrnn_tensor_count(&made.x) * sizeof *s.x);
    for (int n = 0; n < s.batch; n++) {
        s.lengths[n] = made.lengths.data != NULL ? ((int32_t *)made.lengths.data)[n] : s.steps;
    }
    if (made.mask.data != NULL) {
        s.mask = malloc((size_t)s.batch * (size_t)s.steps);
        memcpy(s.mask, made.mask.data, (size_t)s.batch * (size_t)s.steps);
    }
    for (int layer = 0; layer < made.num_layers; layer++) {
        copy_start(&s.of[layer].h_0, &made.layers[layer].h_0);
        copy_start(&s.of[layer].c_0, &made.layers[layer].c_0);
        copy_start(&s.of[layer].o_0, &made.layers[layer].o_0);
    }
    made.net = NULL; /* the sample's now */
    generate_free(&made);
    return s;
}

struct stack_place stack_as_is(const struct sample *from, int t, int n) {
    (void)from;
    return (struct stack_place){t, n};
}

/* Rows of a start state [D][N][width]. */
static void map_start(float **to, const float *from, const struct sample *s,
                      const struct sample *of, int directions, int width, stack_map *map) {
    if (from == NULL) {
        free(*to);
        *to = NULL;
        return;
    }
    for (int d = 0; d < directions; d++) {
        for (int n = 0; n < s->batch; n++) {
            memcpy(*to + (size_t)(d * s->batch + n) * (size_t)width,
                   from + (size_t)(d * of->batch + map(of, 0, n).n) * (size_t)width,
                   (size_t)width * sizeof **to);
        }
    }
}

struct sample stack_mapped(const struct sample *from, int steps, int batch, int batch_first,
                           stack_map *map) {
    const struct net_kind kind = kind_of_net(from->net);
    const size_t inputs = (size_t)kind.desc.inputs;
    struct sample s = sample_of(copy_net(from->net, &kind), steps, batch, batch_first);
    s.mask = from->mask != NULL ? malloc((size_t)batch * (size_t)steps) : NULL;
    for (int n = 0; n < batch; n++) {
        const int length = from->lengths[map(from, 0, n).n];
        s.lengths[n] = length < steps ? length : steps;
        for (int t = 0; t < steps; t++) {
            const struct stack_place at_from = map(from, t, n);
            memcpy(s.x + at(&s, t, n) * inputs, from->x + at(from, at_from.t, at_from.n) * inputs,
                   inputs * sizeof *s.x);
            if (s.mask != NULL) {
                s.mask[n * steps + t] = from->mask[at_from.n * from->steps + at_from.t];
            }
        }
    }
    for (int layer = 0; layer < kind.desc.num_layers; layer++) {
        const clrnn_layer_desc *of = &kind.layers[layer];
        const int directions = clrnn_layer_directions(of), width = clrnn_layer_width(of);
        map_start(&s.of[layer].h_0, from->of[layer].h_0, &s, from, directions, width, map);
        map_start(&s.of[layer].c_0, from->of[layer].c_0, &s, from, directions, of->hidden, map);
        map_start(&s.of[layer].o_0, from->of[layer].o_0, &s, from, directions, width, map);
    }
    return s;
}

clrnn_tensor stack_weight(const struct sample *s, int layer, int direction, int role) {
    static const char *const names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    const clrnn_layer_desc *desc = &clrnn_net_get_desc(s->net)->layers[layer];
    const int reverse = direction == 1 || desc->direction == CLRNN_DIRECTION_REVERSE;
    clrnn_tensor tensor = {0};
    char name[64];
    snprintf(name, sizeof name, "%s_l%d%s", names[role], layer, reverse ? "_reverse" : "");
    if (clrnn_net_get_weight(&tensor, s->net, name) != CLRNN_STATUS_OK) {
        tensor.data = NULL;
    }
    return tensor;
}

/* ---- runs ------------------------------------------------------------------------------------ */

void stack_outputs(struct stack_output out[STACK_OUTPUTS], const struct sample *s, int layer) {
    const clrnn_layer_desc *desc = &clrnn_net_get_desc(s->net)->layers[layer];
    const struct sample_layer *of = &s->of[layer];
    const int d = clrnn_layer_directions(desc), h = d * clrnn_layer_width(desc);
    const int c = desc->cell == CLRNN_CELL_LSTM ? d * desc->hidden : 0;
    const int merged = d == 2 && desc->merge != CLRNN_MERGE_CONCAT;
    const struct stack_output all[STACK_OUTPUTS] = {
        {"y", of->y, clrnn_layer_outputs(desc), merged ? 1 : d, 0},
        {"hiddens", of->hiddens, h, d, 0},
        {"cells", of->cells, c, d, 0},
        {"gates", of->gates, d * clrnn_layer_gates(desc) * desc->hidden, d, 0},
        {"h_n", of->h_n, h, d, 1},
        {"c_n", of->c_n, c, d, 1},
        {"o_n", of->o_n, h, d, 1}};
    memcpy(out, all, sizeof all);
}

float *stack_value(const struct stack_output *output, const struct sample *s, int t, int n,
                   int unit) {
    const size_t part = (size_t)(output->width / output->halves);
    if (output->is_end) {
        return output->values + ((size_t)unit / part * (size_t)s->batch + (size_t)n) * part +
               (size_t)unit % part;
    }
    return output->values + at(s, t, n) * (size_t)output->width + (size_t)unit;
}

static size_t count_of(const struct stack_output *output, const struct sample *s) {
    return (size_t)output->width * (size_t)s->batch * (size_t)(output->is_end ? 1 : s->steps);
}

clrnn_plan *stack_plan(const struct sample *s, const struct stack_way *way, int more) {
    clrnn_plan *plan = NULL;
    const clrnn_status status =
        clrnn_plan_create(&plan, way->context, s->net,
                          &(clrnn_plan_desc){.algorithm = way->algorithm,
                                             .steps = s->steps + more,
                                             .batch = s->batch + more,
                                             .batch_first = s->batch_first});
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: %s: plan: %s", way->text, way->name,
                  clrnn_last_error()->message);
    return plan;
}

/* What the arrays hold: poison before; after, nothing of it but behind the end. */
static void each_output(const struct sample *s, int is_written, const struct stack_way *way) {
    for (int layer = 0; layer < clrnn_net_get_desc(s->net)->num_layers; layer++) {
        struct stack_output outputs[STACK_OUTPUTS];
        stack_outputs(outputs, s, layer);
        for (int i = 0; i < STACK_OUTPUTS; i++) {
            const size_t count = count_of(&outputs[i], s);
            for (size_t k = 0; k < count + (count > 0); k++) {
                float *value = &outputs[i].values[k];
                if (!is_written) {
                    *value = poison;
                } else if ((*value == poison) != (k == count)) {
                    ck_abort_msg("%s: %s: %s of layer %d: [%zu] of %zu was %s", way->text,
                                 way->name, outputs[i].name, layer, k, count,
                                 k == count ? "written" : "not written");
                }
            }
        }
    }
}

void stack_run_plan(struct sample *s, clrnn_plan *plan, const struct stack_way *way) {
    each_output(s, 0, way);
    const clrnn_forward_args args = args_of(s);
    const clrnn_status status = clrnn_forward(plan, &args, 0, NULL, NULL);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: %s: forward: %s", way->text, way->name,
                  clrnn_last_error()->message);
    each_output(s, 1, way);
}

void stack_run(struct sample *s, const struct stack_way *way) {
    clrnn_plan *plan = stack_plan(s, way, 0);
    stack_run_plan(s, plan, way);
    clrnn_plan_free(plan);
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* A unit where directions have changed places. */
static int turned_unit(const struct stack_output *output, int unit) {
    const int part = output->width / output->halves;
    return output->halves == 1 ? unit : (unit + part) % output->width;
}

static void same_output(const struct sample *whole, const struct stack_output *a,
                        const struct sample *other, const struct stack_output *b,
                        const struct stack_scope *scope, int layer, const struct stack_way *way) {
    for (int t = 0; t < (a->is_end ? 1 : other->steps); t++) {
        for (int n = 0; n < other->batch; n++) {
            const struct stack_place from = scope->map(whole, t, n);
            for (int unit = 0; unit < a->width && n + 1 != scope->but_row; unit++) {
                const float *expected = stack_value(a, whole, from.t, from.n, unit);
                const float *got =
                    stack_value(b, other, t, n, scope->turned ? turned_unit(b, unit) : unit);
                if (memcmp(expected, got, sizeof *got) != 0) {
                    ck_abort_msg("%s: %s: %s: %s of layer %d: t=%d n=%d unit %d is %.9g, expected "
                                 "%.9g",
                                 way->text, way->name, scope->what, a->name, layer, t, n, unit,
                                 (double)*got, (double)*expected);
                }
            }
        }
    }
}

void stack_same(const struct sample *whole, const struct sample *other,
                const struct stack_scope *scope, const struct stack_way *way) {
    const int all = clrnn_net_get_desc(whole->net)->num_layers;
    for (int layer = 0; layer < (scope->layers > 0 ? scope->layers : all); layer++) {
        struct stack_output a[STACK_OUTPUTS], b[STACK_OUTPUTS];
        stack_outputs(a, whole, layer);
        stack_outputs(b, other, layer);
        for (int i = 0; i < STACK_OUTPUTS; i++) {
            if (!a[i].is_end || !scope->steps_only) {
                same_output(whole, &a[i], other, &b[i], scope, layer, way);
            }
        }
    }
}

/* ---- every way ------------------------------------------------------------------------------- */

static void hold_way(const struct stack_way *way, stack_property *const *properties, int count) {
    struct sample whole = stack_of(way->text);
    stack_run(&whole, way);
    for (int i = 0; i < count; i++) {
        properties[i](&whole, way);
    }
    free_sample(&whole);
}

static void hold_place(const struct test_place *place, const char *text,
                       stack_property *const *properties, int count) {
    clrnn_algorithm_info infos[16];
    size_t algorithms = 0;
    struct sample s = stack_of(text);
    ok(clrnn_plan_algorithms(&algorithms, infos, 16, place->context, s.net,
                             &(clrnn_plan_desc){.steps = s.steps, .batch = s.batch}));
    for (size_t i = 0; i < algorithms; i++) {
        struct stack_way way = {place->context, infos[i].name, 0, text, ""};
        snprintf(way.name, sizeof way.name, "%.120s %.30s", place->name, infos[i].name);
        if (test_takes(&infos[i], s.net)) {
            hold_way(&way, properties, count);
        }
    }
    free_sample(&s);
}

void stack_hold(const char *text, stack_property *const *properties, int count) {
    struct test_place places[16];
    const size_t place_count = test_places(places, 16);
    struct stack_way reference = {.is_reference = 1, .text = text, .name = "reference"};
    for (size_t place = 0; place < place_count; place++) {
        hold_place(&places[place], text, properties, count);
    }
    test_places_free(places, place_count);
    ok(clrnn_context_create(&reference.context,
                            &(clrnn_context_desc){.engine = CLRNN_ENGINE_REFERENCE}));
    hold_way(&reference, properties, count);
    clrnn_context_free(reference.context);
}
