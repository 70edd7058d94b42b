/* problem_run.c: room for everything that a net gives, runs into it, and what is asked of them. */
#include "problem_run.h"

#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const float poison = -12345.678f;

void problem_made(problem *p, generated *made, const char *text) {
    problem_error error;
    ck_assert_msg(problem_parse(p, text, &error), "%s: %s", text, error.message);
    ok(generate(made, p));
}

clrnn_plan_desc problem_plan_desc(const problem *p, const char *algorithm) {
    return (clrnn_plan_desc){.algorithm = algorithm,
                             .steps = (int)p->steps,
                             .batch = (int)p->batch,
                             .batch_first = (int)p->batch_first,
                             .chunk = (int)p->chunk};
}

size_t problem_algorithms(clrnn_algorithm_info infos[16], const problem *p, const generated *made,
                          const clrnn_context *context) {
    clrnn_algorithm_info all[16];
    size_t count = 0, allowed = 0;
    const clrnn_plan_desc desc = problem_plan_desc(p, NULL);
    ok(clrnn_plan_algorithms(&count, all, 16, context, made->net, &desc));
    for (size_t i = 0; i < count; i++) {
        if (all[i].allowed) {
            infos[allowed++] = all[i];
        }
    }
    return allowed;
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* A poisoned array. */
static clrnn_tensor room(clrnn_arrays *arrays, const char *what, int layer, int rank, int64_t a,
                         int64_t b, int64_t c) {
    clrnn_tensor tensor;
    char name[32];
    const int64_t shape[] = {a, b, c};
    snprintf(name, sizeof name, "%s of layer %d", what, layer);
    ok(clrnn_arrays_add(&tensor, arrays, name, CLRNN_DTYPE_F32, rank, shape));
    for (int64_t i = 0; i < clrnn_tensor_count(&tensor); i++) {
        ((float *)tensor.data)[i] = poison;
    }
    return tensor;
}

/* y of a layer: of the last one it may be packed, or of the last step alone. */
static clrnn_tensor room_for_y(clrnn_arrays *arrays, const generated *made, const problem *p,
                               int layer, int features) {
    const int is_top = layer + 1 == made->num_layers;
    if (is_top && p->last_only) {
        return room(arrays, "y", layer, 2, p->batch, features, 0);
    }
    if (is_top && p->packed) {
        return room(arrays, "y", layer, 2, made->x.shape[0], features, 0);
    }
    return room(arrays, "y", layer, 3, p->batch_first ? p->batch : p->steps,
                p->batch_first ? p->steps : p->batch, features);
}

static void make_room(struct problem_outcome *out, const problem *p, const generated *made) {
    const clrnn_net_desc *net = clrnn_net_get_desc(made->net);
    const int64_t outer = p->batch_first ? p->batch : p->steps;
    const int64_t inner = p->batch_first ? p->steps : p->batch;
    memset(out, 0, sizeof *out);
    ok(clrnn_arrays_create(&out->arrays));
    memcpy(out->layers, made->layers, (size_t)made->num_layers * sizeof *out->layers);
    out->args = (clrnn_forward_args){.x = made->x,
                                     .lengths = made->lengths,
                                     .mask = made->mask,
                                     .batch_sizes = made->batch_sizes,
                                     .layers = out->layers};
    for (int i = 0; i < net->num_layers; i++) {
        const clrnn_layer_desc *desc = &net->layers[i];
        clrnn_layer_arrays *layer = &out->layers[i];
        const int directions = clrnn_layer_directions(desc), width = clrnn_layer_width(desc);
        const int64_t gates = (int64_t)directions * clrnn_layer_gates(desc) * desc->hidden;
        layer->h_n = room(out->arrays, "h_n", i, 3, directions, p->batch, width);
        layer->o_n = room(out->arrays, "o_n", i, 3, directions, p->batch, width);
        layer->y = room_for_y(out->arrays, made, p, i, clrnn_layer_outputs(desc));
        layer->hiddens =
            room(out->arrays, "hiddens", i, 3, outer, inner, (int64_t)directions * width);
        layer->gates = room(out->arrays, "gates", i, 3, outer, inner, gates);
        if (clrnn_layer_states(desc) == 2) {
            layer->c_n = room(out->arrays, "c_n", i, 3, directions, p->batch, desc->hidden);
            layer->cells =
                room(out->arrays, "cells", i, 3, outer, inner, (int64_t)directions * desc->hidden);
        }
    }
}

void problem_run_plan(struct problem_outcome *out, const problem *p, const generated *made,
                      clrnn_plan *plan, const char *text) {
    make_room(out, p, made);
    const clrnn_status status = clrnn_forward(plan, &out->args, 0, NULL, NULL);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: forward: %s", text, clrnn_last_error()->message);
}

void problem_run(struct problem_outcome *out, const problem *p, const generated *made,
                 clrnn_context *context, const char *algorithm, const char *text) {
    clrnn_plan *plan = NULL;
    const clrnn_plan_desc desc = problem_plan_desc(p, algorithm);
    const clrnn_status status = clrnn_plan_create(&plan, context, made->net, &desc);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: plan: %s", text, clrnn_last_error()->message);
    problem_run_plan(out, p, made, plan, text);
    clrnn_plan_free(plan);
}

void problem_outcome_free(struct problem_outcome *out) {
    clrnn_arrays_free(out->arrays);
    memset(out, 0, sizeof *out);
}

/* ---- what is asked of it --------------------------------------------------------------------- */

void problem_written(const struct problem_outcome *out, const char *text, const char *where) {
    for (size_t i = 0; i < clrnn_arrays_count(out->arrays); i++) {
        const clrnn_tensor *array = clrnn_arrays_at(out->arrays, i);
        const float *values = array->data;
        const int64_t count = clrnn_tensor_count(array);
        int64_t at = 0;
        while (at < count && values[at] != poison) { /* Check notes every assertion in a file */
            at++;
        }
        ck_assert_msg(at == count, "%s: %s: %s: [%lld] of %lld was not written", text, where,
                      clrnn_arrays_name(out->arrays, i), (long long)at, (long long)count);
    }
}

void problem_judged(const struct problem_outcome *out, const problem *p, const generated *made,
                    const char *text, const char *where) {
    clrnn_judgement result;
    clrnn_layer_arrays layers[PROBLEM_MAX_LAYERS];
    clrnn_forward_args args = out->args;
    if (p->last_only) { /* hiddens are judged */
        memcpy(layers, out->layers, sizeof layers);
        layers[made->num_layers - 1].y = (clrnn_tensor){0};
        args.layers = layers;
    }
    const clrnn_status status = clrnn_judge(&result, made->net, (int)p->batch_first, &args);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: judge: %s", text, clrnn_last_error()->message);
    ck_assert_msg(result.bad == 0,
                  "%s: on %s %s of layer %d direction %d is off by %g (bound %g) at step %lld row "
                  "%lld unit %lld, %lld bad",
                  text, where, result.what, result.layer, result.direction, result.residual,
                  result.bound, (long long)result.step, (long long)result.row,
                  (long long)result.unit, (long long)result.bad);
}

int problem_same(const struct problem_outcome *expected, const struct problem_outcome *got,
                 char *message, size_t size) {
    for (size_t i = 0; i < clrnn_arrays_count(expected->arrays); i++) {
        const clrnn_tensor *left = clrnn_arrays_at(expected->arrays, i);
        const clrnn_tensor *right = clrnn_arrays_at(got->arrays, i);
        size_t at = 0;
        if (!test_same_bits(left->data, right->data, (size_t)clrnn_tensor_count(left), &at)) {
            snprintf(message, size, "%s: [%zu] of %lld is %.9g, expected %.9g",
                     clrnn_arrays_name(expected->arrays, i), at,
                     (long long)clrnn_tensor_count(left), (double)((float *)right->data)[at],
                     (double)((float *)left->data)[at]);
            return 0;
        }
    }
    return 1;
}

uint64_t problem_checksum(const struct problem_outcome *out) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < clrnn_arrays_count(out->arrays); i++) {
        const clrnn_tensor *array = clrnn_arrays_at(out->arrays, i);
        for (int64_t k = 0; k < clrnn_tensor_count(array); k++) {
            uint32_t bits;
            memcpy(&bits, (const float *)array->data + k, sizeof bits);
            for (int byte = 0; byte < 4; byte++) { /* the lowest first, whatever the machine does */
                hash = (hash ^ (bits >> 8 * byte & 0xff)) * UINT64_C(0x100000001b3);
            }
        }
    }
    return hash;
}
