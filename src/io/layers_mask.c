/*
 * layers_mask.c: masks as lengths, the way onnx_write.c says them: the last step that is not masked, and
 * all before it.
 *
 *     mask = not (x == value), of all features; or not (ids == 0)      [N][T]
 *     lengths = max over T of mask * (1 .. T)                          [N]
 */
#include "io/layers_walk.h"

#include <string.h>

const struct graph_node *layer_walk_made_by(const struct layer_walk *walk, int value,
                                            enum graph_op op) {
    const struct graph_node *node = layer_walk_producer(walk, value);
    return node != NULL && node->op == op && node->outputs[0] == value ? node : NULL;
}

/* Of another type, the same numbers. */
static int without_casts(const struct layer_walk *walk, int value) {
    const struct graph_node *cast = layer_walk_made_by(walk, value, GRAPH_CAST);
    for (; cast != NULL; cast = layer_walk_made_by(walk, value, GRAPH_CAST)) {
        value = cast->inputs[0];
    }
    return value;
}

/* A constant of one number, of whole ones or floats. */
static int is_number(double *out, const struct layer_walk *walk, int value) {
    const clrnn_tensor *constant = graph_constant(walk->graph, value);
    if (constant == NULL || clrnn_tensor_count(constant) != 1) {
        return 0;
    }
    const char *data = (const char *)constant->data + constant->offset;
    switch (constant->dtype) {
    case CLRNN_DTYPE_F32:
        *out = (double)*(const float *)data;
        return 1;
    case CLRNN_DTYPE_I32:
        *out = *(const int32_t *)data;
        return 1;
    case CLRNN_DTYPE_I64:
        *out = (double)*(const int64_t *)data;
        return 1;
    default:
        return 0;
    }
}

/* One input is this number; *other is the other one. */
static int has_number(int *other, double *number, const struct layer_walk *walk,
                      const struct graph_node *node) {
    for (int slot = 0; slot < 2; slot++) {
        if (is_number(number, walk, node->inputs[slot])) {
            *other = node->inputs[1 - slot];
            return 1;
        }
    }
    return 0;
}

/* The node of this op that takes the axes first .. last of its x out, or puts them in. */
static const struct graph_node *over_axes(const struct layer_walk *walk, int value,
                                          enum graph_op op, int64_t first, int64_t last) {
    const struct graph_node *node = layer_walk_made_by(walk, value, op);
    const clrnn_tensor *axes =
        node != NULL && node->input_count > 1 ? graph_constant(walk->graph, node->inputs[1]) : NULL;
    if (axes == NULL || axes->dtype != CLRNN_DTYPE_I64 ||
        clrnn_tensor_count(axes) != last - first + 1 || node->flag) {
        return NULL;
    }
    const int64_t *list = (const int64_t *)((const char *)axes->data + axes->offset);
    for (int64_t i = 0; i <= last - first; i++) {
        if (list[i] != first + i) {
            return NULL;
        }
    }
    return node;
}

static struct layer_mask mask_of(const struct layer_walk *walk, int value) {
    const struct layer_mask none = {0};
    struct layer_mask mask = {.value = without_casts(walk, value)};
    double masked;
    int same = mask.value;
    const struct graph_node *any = over_axes(walk, same, GRAPH_REDUCE_MAX, 2, 2);
    mask.is_ids = any == NULL;
    same = any != NULL ? without_casts(walk, any->inputs[0]) : same;
    const struct graph_node *not = layer_walk_made_by(walk, same, GRAPH_NOT);
    const struct graph_node *equal =
        not != NULL ? layer_walk_made_by(walk, not ->inputs[0], GRAPH_EQUAL) : NULL;
    if (equal == NULL || !has_number(&mask.x, &masked, walk, equal) ||
        (mask.is_ids && (masked < 0 || masked > 0))) {
        return none;
    }
    mask.x = mask.is_ids ? without_casts(walk, mask.x) : mask.x;
    mask.masked = (float)masked;
    mask.maker = equal;
    return mask;
}

/* 0 .. T - 1, of a mask's T. */
static int is_steps(const struct layer_walk *walk, int value, const struct layer_mask *mask) {
    const struct graph_node *range = layer_walk_made_by(walk, value, GRAPH_RANGE);
    double first, step;
    if (range == NULL || !is_number(&first, walk, range->inputs[0]) ||
        !is_number(&step, walk, range->inputs[2]) || first < 0 || first > 0 || step < 1 ||
        step > 1) {
        return 0;
    }
    const struct graph_node *one = over_axes(walk, range->inputs[1], GRAPH_SQUEEZE, 0, 0);
    const struct graph_node *shape =
        one != NULL ? layer_walk_made_by(walk, one->inputs[0], GRAPH_SHAPE) : NULL;
    return shape != NULL && shape->list_count == 2 && shape->list[0] == 1 && shape->list[1] == 2 &&
           without_casts(walk, shape->inputs[0]) == mask->value;
}

struct layer_mask layer_mask_of_lengths(const struct layer_walk *walk, int lengths) {
    const struct layer_mask none = {0};
    const struct graph_node *last =
        over_axes(walk, without_casts(walk, lengths), GRAPH_REDUCE_MAX, 1, 1);
    const struct graph_node *counted =
        last != NULL ? layer_walk_made_by(walk, last->inputs[0], GRAPH_MUL) : NULL;
    for (int slot = 0; counted != NULL && slot < 2; slot++) {
        const struct layer_mask mask = mask_of(walk, counted->inputs[slot]);
        const struct graph_node *numbers =
            layer_walk_made_by(walk, counted->inputs[1 - slot], GRAPH_ADD);
        double one;
        int steps;
        if (mask.maker != NULL && numbers != NULL && has_number(&steps, &one, walk, numbers) &&
            !(one < 1) && !(one > 1) && is_steps(walk, steps, &mask)) {
            return mask;
        }
    }
    return none;
}

struct layer_mask layer_mask_of_where(const struct layer_walk *walk,
                                      const struct graph_node *node) {
    const struct layer_mask none = {0};
    const struct graph_node *wide =
        over_axes(walk, without_casts(walk, node->inputs[0]), GRAPH_UNSQUEEZE, 2, 2);
    double masked;
    const struct layer_mask mask = wide != NULL ? mask_of(walk, wide->inputs[0]) : none;
    return mask.maker != NULL && !mask.is_ids && mask.x == node->inputs[1] &&
                   is_number(&masked, walk, node->inputs[2]) && !(masked < 0) && !(masked > 0)
               ? mask
               : none;
}

const struct graph_node *layer_repeated(const struct layer_walk *walk,
                                        const struct graph_node *node) {
    enum { H_N = 1, LENGTHS = 2 };
    const struct graph_node *less = layer_walk_made_by(walk, node->inputs[0], GRAPH_LESS);
    const struct graph_node *net = layer_walk_producer(walk, node->inputs[2]);
    if (less == NULL || net == NULL || net->op != GRAPH_NET || net->output_count <= H_N ||
        net->outputs[H_N] != node->inputs[2] || net->outputs[0] != node->inputs[1] ||
        net->batch_first || net->last_only || net->input_count <= LENGTHS) {
        return NULL;
    }
    const struct layer_mask mask = layer_mask_of_lengths(walk, net->inputs[LENGTHS]);
    const struct graph_node *steps = over_axes(walk, less->inputs[0], GRAPH_UNSQUEEZE, 1, 2);
    const struct graph_node *lengths = over_axes(walk, less->inputs[1], GRAPH_UNSQUEEZE, 1, 1);
    return mask.maker != NULL && steps != NULL && lengths != NULL &&
                   is_steps(walk, steps->inputs[0], &mask) &&
                   without_casts(walk, lengths->inputs[0]) ==
                       without_casts(walk, net->inputs[LENGTHS])
               ? net
               : NULL;
}
