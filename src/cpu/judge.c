/*
 * judge.c: clrnn_judge, which holds a result of any origin against the equations.
 *
 * Here: what is held against what. Not here: the checks of foreign shapes (judge_args.c), comparing
 * and counting (judge_count.c), and the equations with their error bounds (reference_cell.c).
 *
 * The one idea: a trajectory is no oracle, since a chaotic net forgets where it came from. Each
 * step is computed again from the result's own state of the step before, so that what is left is
 * the rounding of one step, and that has a bound. Where the result does not show its state, the
 * state is carried along in double precision, with a bound that grows.
 *
 * Rows do not depend on each other: a row goes through all layers before the next one begins.
 */
#include "cpu/judge.h"
#include "cpu/judge_count.h"
#include "cpu/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The largest relative error of one float32 rounding. */
#define ROUNDING 0x1p-24

/* Values with their errors, both dense. */
struct numbers {
    double *value;
    double *error;
};

struct judge {
    struct judge_args args;
    clrnn_judgement result;
    struct reference_walk *walks;   /* [S] */
    struct reference_layer *wanted; /* [L] what the fp64 trajectory of a row takes and gives */
    float *zeros;                   /* [the largest width or hidden]; for hold_copy of any size */
    double *memory;                 /* what follows */
    struct numbers in;              /* [T][F] what the layer takes: x or y of the layer below */
    struct numbers out[2];          /* [T][W] outputs of its directions */
    double *trajectory;             /* [T][F] of the last layer */
};

/* One direction of a layer in one row, on its way. Of the result's own state and last output, what
 * it shows; NULL: not shown, then it is that of the walk. */
struct lane {
    struct judge *j;
    const struct strand *strand;
    const struct judge_layer *arrays;
    struct reference_walk *walk;
    int64_t row, length;
    int shows_h;         /* y holds h of this direction as it is */
    const float *h, *c;  /* [W], [H] */
    const float *output; /* [W] */
};

/* ---- rows of floats -------------------------------------------------------------------------- */

static void widen(double *to, const float *from, int size) {
    for (int unit = 0; unit < size; unit++) {
        to[unit] = from[unit];
    }
}

/* Where the result shows a state (own), the walk goes on from there. */
static void adopt(double *value, double *error, const float *own, int size) {
    if (own != NULL) {
        widen(value, own, size);
        memset(error, 0, (size_t)size * sizeof *error);
    }
}

static struct judge_place place_of(const struct lane *lane, const char *what, int64_t t) {
    return (struct judge_place){what, lane->strand->layer, lane->strand->direction,
                                t,    lane->row,           0};
}

/* got: [count], or NULL: not given, nothing is held. The walk's values and errors: [count]. */
static void hold_values(const struct lane *lane, const float *got, const double *value,
                        const double *error, int size, const char *what, int64_t t) {
    struct judge_place place = place_of(lane, what, t);
    for (int unit = 0; got != NULL && unit < size; unit++) {
        place.unit = unit;
        judge_bound(&lane->j->result, got[unit], value[unit], error[unit], &place);
    }
}

/* The same for what must be the very same as `own`; our own zeros are 0 of either sign, and any count
 * of them. */
static void hold_copy(const struct lane *lane, const float *got, const float *own, int size,
                      const char *what, int64_t t) {
    struct judge_place place = place_of(lane, what, t);
    for (int unit = 0; got != NULL && unit < size; unit++) {
        place.unit = unit;
        if (own == lane->j->zeros) {
            judge_zero(&lane->j->result, got[unit], &place);
        } else {
            judge_same(&lane->j->result, got[unit], own[unit], &place);
        }
    }
}

static void hold_state(const struct lane *lane, const float *got, const float *own,
                       const double *value, const double *error, int size, const char *what,
                       int64_t t) {
    if (own != NULL) {
        hold_copy(lane, got, own, size, what, t);
    } else {
        hold_values(lane, got, value, error, size, what, t);
    }
}

/* ---- one direction --------------------------------------------------------------------------- */

/* The direction's part of y, hiddens, cells or gates. */
static const float *part_at(const struct lane *lane, const struct judge_view *view, int64_t t,
                            int size) {
    const float *row = judge_view_at(view, t, lane->row);
    return row != NULL ? row + lane->strand->direction * size : NULL;
}

static const float *y_at(const struct lane *lane, int64_t t) {
    return lane->shows_h ? part_at(lane, &lane->arrays->y, t, lane->strand->width) : NULL;
}

/* All gates of the direction, side by side. */
static int gates_size(const struct strand *strand) {
    return strand->gates * strand->hidden;
}

static const float *gates_at(const struct lane *lane, int64_t t) {
    return part_at(lane, &lane->arrays->gates, t, gates_size(lane->strand));
}

static void judge_valid_step(struct lane *lane, int64_t t) {
    const struct strand *strand = lane->strand;
    const struct judge *j = lane->j;
    struct reference_walk *walk = lane->walk;
    const int width = strand->width;
    const float *y = y_at(lane, t);
    const float *h = part_at(lane, &lane->arrays->hiddens, t, width);
    const float *c = part_at(lane, &lane->arrays->cells, t, strand->hidden);
    reference_walk_step(walk, strand, j->in.value + t * strand->inputs,
                        j->in.error + t * strand->inputs);
    hold_values(lane, h, walk->h, walk->h_error, width, "h", t);
    hold_state(lane, y, h, walk->h, walk->h_error, width, "y", t);
    hold_values(lane, c, walk->c, walk->c_error, strand->hidden, "c", t);
    hold_values(lane, gates_at(lane, t), walk->gates, walk->gates_error, gates_size(strand),
                "gates", t);
    lane->h = h != NULL ? h : y;
    lane->c = c;
    lane->output = y != NULL ? y : h;
    adopt(walk->h, walk->h_error, lane->h, width);
    adopt(walk->c, walk->c_error, lane->c, strand->hidden);
}

/* The state is kept, and with it what the arrays show; the output is the one before, or 0; no gate
 * was computed. */
static void judge_masked_step(struct lane *lane, int64_t t) {
    const struct strand *strand = lane->strand;
    const int width = strand->width;
    if (strand->desc->zero_masked) {
        lane->output = lane->j->zeros;
    }
    hold_copy(lane, part_at(lane, &lane->arrays->hiddens, t, width), lane->h, width, "masked", t);
    hold_copy(lane, part_at(lane, &lane->arrays->cells, t, strand->hidden), lane->c, strand->hidden,
              "masked", t);
    hold_copy(lane, y_at(lane, t), lane->output, width, "masked", t);
    hold_copy(lane, gates_at(lane, t), lane->j->zeros, gates_size(strand), "masked", t);
}

/* The output of a step: the result's own, or h of the walk, which a masked step keeps too. */
static void keep_output(const struct lane *lane, int64_t t) {
    const int width = lane->strand->width;
    const struct numbers *out = &lane->j->out[lane->strand->direction];
    double *value = out->value + t * width, *error = out->error + t * width;
    memcpy(value, lane->walk->h, (size_t)width * sizeof *value);
    memcpy(error, lane->walk->h_error, (size_t)width * sizeof *error);
    adopt(value, error, lane->output, width);
}

/* Past a length everything is exactly 0, of either sign. */
static void judge_padding(const struct lane *lane, int64_t t) {
    const struct judge_layer *arrays = lane->arrays;
    const int width = lane->strand->width, hidden = lane->strand->hidden;
    const float *zeros = lane->j->zeros;
    if (arrays->y.starts == NULL) {
        hold_copy(lane, y_at(lane, t), zeros, width, "padding", t);
    }
    hold_copy(lane, part_at(lane, &arrays->hiddens, t, width), zeros, width, "padding", t);
    hold_copy(lane, part_at(lane, &arrays->cells, t, hidden), zeros, hidden, "padding", t);
    hold_copy(lane, gates_at(lane, t), zeros, gates_size(lane->strand), "padding", t);
}

/* h_n and c_n are the state that the last valid step left, o_n is the last output. Of a row without
 * steps all three are what it started from, 0 where that is not given. */
static void judge_final(const struct lane *lane) {
    const struct judge_layer *arrays = lane->arrays;
    const struct strand *strand = lane->strand;
    const struct reference_walk *walk = lane->walk;
    const int direction = strand->direction, width = strand->width;
    const int64_t last =
        lane->length > 0 ? reference_time(strand, lane->length - 1, lane->length) : 0;
    hold_state(lane, judge_view_at(&arrays->h_n, direction, lane->row), lane->h, walk->h,
               walk->h_error, width, "h_n", last);
    hold_state(lane, judge_view_at(&arrays->c_n, direction, lane->row), lane->c, walk->c,
               walk->c_error, strand->hidden, "c_n", last);
    hold_state(lane, judge_view_at(&arrays->o_n, direction, lane->row), lane->output, walk->h,
               walk->h_error, width, "o_n", last);
}

static const float *start_at(const struct lane *lane, const struct judge_view *view) {
    const float *start = judge_view_at(view, lane->strand->direction, lane->row);
    return start != NULL ? start : lane->j->zeros;
}

static int is_masked(const struct judge_args *args, int64_t t, int64_t row) {
    return args->mask != NULL && !args->mask[row * args->steps + t];
}

static void judge_strand(struct judge *j, const struct strand *strand, int64_t row) {
    const struct judge_layer *arrays = &j->args.layers[strand->layer];
    const clrnn_layer_desc *desc = strand->desc;
    struct lane lane = {.j = j,
                        .strand = strand,
                        .arrays = arrays,
                        .walk = &j->walks[strand - j->args.net->strands],
                        .row = row,
                        .length = j->args.lengths[row]};
    lane.shows_h =
        desc->direction != CLRNN_DIRECTION_BIDIRECTIONAL || desc->merge == CLRNN_MERGE_CONCAT;
    lane.h = start_at(&lane, &arrays->h_0);
    lane.c = start_at(&lane, &arrays->c_0);
    lane.output = start_at(&lane, &arrays->o_0);
    adopt(lane.walk->h, lane.walk->h_error, lane.h, strand->width);
    adopt(lane.walk->c, lane.walk->c_error, lane.c, strand->hidden);
    for (int64_t step = 0; step < lane.length; step++) {
        const int64_t t = reference_time(strand, step, lane.length);
        if (is_masked(&j->args, t, row)) {
            judge_masked_step(&lane, t);
        } else {
            judge_valid_step(&lane, t);
        }
        keep_output(&lane, t);
    }
    for (int64_t t = lane.length; t < j->args.steps; t++) {
        judge_padding(&lane, t);
    }
    judge_final(&lane);
}

/* ---- one layer ------------------------------------------------------------------------------- */

static int is_merged(const clrnn_layer_desc *desc) {
    return desc->direction == CLRNN_DIRECTION_BIDIRECTIONAL && desc->merge != CLRNN_MERGE_CONCAT;
}

static struct number number_at(const struct numbers *numbers, int64_t at) {
    return (struct number){numbers->value[at], numbers->error[at]};
}

/* An output to be merged: the result may have joined it before it rounded it to what it shows. */
static struct number part_of(const struct numbers *numbers, int64_t at) {
    struct number n = number_at(numbers, at);
    n.error = isfinite(n.value) ? fmax(n.error, ROUNDING * fabs(n.value)) : n.error;
    return n;
}

/* y of a step, feature `unit`, from the outputs of the directions. */
static struct number join(const struct judge *j, const clrnn_layer_desc *desc, int64_t t,
                          int unit) {
    const int width = clrnn_layer_width(desc);
    if (!is_merged(desc)) {
        return number_at(&j->out[unit / width], t * width + unit % width);
    }
    return reference_merge(desc->merge, part_of(&j->out[0], t * width + unit),
                           part_of(&j->out[1], t * width + unit));
}

/* A merged y, which no direction shows, is held here. */
static void judge_merged(struct judge *j, int layer, int64_t row) {
    const clrnn_layer_desc *desc = &j->args.net->desc.layers[layer];
    const struct judge_view *view = &j->args.layers[layer].y;
    const int width = clrnn_layer_width(desc);
    for (int64_t t = 0; t < j->args.steps; t++) {
        const int within = t < j->args.lengths[row];
        const int masked = within && is_masked(&j->args, t, row);
        struct judge_place place = {
            within ? masked ? "masked" : "y" : "padding", layer, 0, t, row, 0};
        if (!within && view->starts != NULL) {
            break;
        }
        const float *y = judge_view_at(view, t, row);
        for (int unit = 0; unit < width; unit++) {
            place.unit = unit;
            if (!within || (masked && desc->zero_masked)) {
                judge_zero(&j->result, y[unit], &place);
            } else {
                const struct number expected = join(j, desc, t, unit);
                judge_bound(&j->result, y[unit], expected.value, expected.error, &place);
            }
        }
    }
}

/* What the layer above takes: the result's own y, or what was carried. */
static void hand_up(struct judge *j, int layer, int64_t row) {
    const clrnn_layer_desc *desc = &j->args.net->desc.layers[layer];
    const int outputs = clrnn_layer_outputs(desc);
    for (int64_t t = 0; t < j->args.lengths[row]; t++) {
        const float *y = judge_view_at(&j->args.layers[layer].y, t, row);
        double *value = j->in.value + t * outputs, *error = j->in.error + t * outputs;
        for (int unit = 0; y == NULL && unit < outputs; unit++) {
            const struct number n = join(j, desc, t, unit);
            value[unit] = n.value;
            error[unit] = n.error;
        }
        adopt(value, error, y, outputs);
    }
}

static void judge_layer(struct judge *j, int layer, int64_t row) {
    const clrnn_layer_desc *desc = &j->args.net->desc.layers[layer];
    for (int direction = 0; direction < clrnn_layer_directions(desc); direction++) {
        judge_strand(j, net_strand(j->args.net, layer, direction), row);
    }
    if (is_merged(desc) && j->args.layers[layer].y.data != NULL) {
        judge_merged(j, layer, row);
    }
    if (layer + 1 < j->args.net->desc.num_layers) {
        hand_up(j, layer, row);
    }
}

/* ---- one row --------------------------------------------------------------------------------- */

static void load_starts(double *to, const struct judge_view *view, int directions, int64_t row,
                        int size) {
    for (int direction = 0; direction < directions; direction++) {
        const float *from = judge_view_at(view, direction, row);
        for (int unit = 0; unit < size; unit++) {
            to[direction * size + unit] = from != NULL ? (double)from[unit] : 0;
        }
    }
}

/* The fp64 trajectory of the row from its start, against y of the last layer. */
static clrnn_status compare_row(struct judge *j, int64_t row) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct judge_args *args = &j->args;
    const clrnn_net_desc *desc = &args->net->desc;
    const struct judge_view *y = &args->layers[desc->num_layers - 1].y;
    const int outputs = clrnn_layer_outputs(&desc->layers[desc->num_layers - 1]);
    const int packed = args->x.starts != NULL;
    const struct reference_call call = {
        .steps = args->lengths[row], /* so packed arrays are not read past it */
        .batch = 1,
        .x = args->x.data + row * args->x.at_row,
        .x_step = args->x.at_step,
        .x_row = packed ? args->x.at_row : 0,
        .starts = args->x.starts,
        .mask = args->mask != NULL ? args->mask + row * args->steps : NULL,
        .layers = j->wanted,
    };
    for (int layer = 0; layer < desc->num_layers; layer++) {
        const struct judge_layer *arrays = &args->layers[layer];
        const struct reference_layer *to = &j->wanted[layer];
        const int directions = clrnn_layer_directions(&desc->layers[layer]);
        const int width = clrnn_layer_width(&desc->layers[layer]);
        load_starts((double *)to->h_0, &arrays->h_0, directions, row, width);
        load_starts((double *)to->o_0, &arrays->o_0, directions, row, width);
        load_starts((double *)to->c_0, &arrays->c_0, directions, row, desc->layers[layer].hidden);
    }
    TRY(reference_forward(args->net, &call));
    for (int64_t t = 0; t < args->lengths[row]; t++) {
        const float *got = judge_view_at(y, t, row);
        for (int unit = 0; unit < outputs; unit++) {
            judge_compare(&j->result, got[unit], j->trajectory[t * outputs + unit]);
        }
    }
out:
    return status;
}

static clrnn_status judge_row(struct judge *j, int64_t row) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct judge_args *args = &j->args;
    const int inputs = args->net->desc.inputs, top = args->net->desc.num_layers - 1;
    for (int64_t t = 0; t < args->lengths[row]; t++) {
        adopt(j->in.value + t * inputs, j->in.error + t * inputs, judge_view_at(&args->x, t, row),
              inputs);
    }
    for (int layer = 0; layer <= top; layer++) {
        judge_layer(j, layer, row);
    }
    if (args->layers[top].y.data != NULL) {
        TRY(compare_row(j, row));
    }
out:
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void take(double **to, double **memory, size_t count) {
    *to = *memory;
    *memory += count;
}

static clrnn_status reserve(struct judge *j) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_net *net = j->args.net;
    const size_t layers = (size_t)net->desc.num_layers, steps = (size_t)j->args.steps;
    size_t features = (size_t)net->desc.inputs, width = 0, hidden = 0, starts = 0;
    for (int i = 0; i < net->strand_count; i++) {
        const struct strand *strand = &net->strands[i];
        const size_t outputs = (size_t)clrnn_layer_outputs(strand->desc);
        features = outputs > features ? outputs : features;
        width = (size_t)strand->width > width ? (size_t)strand->width : width;
        hidden = (size_t)strand->hidden > hidden ? (size_t)strand->hidden : hidden;
        starts += 2 * (size_t)strand->width + (size_t)strand->hidden;
    }
    j->walks = calloc((size_t)net->strand_count, sizeof *j->walks);
    j->wanted = calloc(layers, sizeof *j->wanted);
    j->zeros = calloc(hidden, sizeof *j->zeros);
    double *memory = calloc(steps * (3 * features + 4 * width) + starts, sizeof *memory);
    j->memory = memory;
    REQUIRE(j->walks != NULL && j->wanted != NULL && j->zeros != NULL && memory != NULL, MEMORY,
            "judge: out of memory for %zu steps of %zu features", steps, features);
    take(&j->in.value, &memory, steps * features);
    take(&j->in.error, &memory, steps * features);
    take(&j->trajectory, &memory, steps * features);
    for (int direction = 0; direction < 2; direction++) {
        take(&j->out[direction].value, &memory, steps * width);
        take(&j->out[direction].error, &memory, steps * width);
    }
    for (size_t layer = 0; layer < layers; layer++) {
        const clrnn_layer_desc *desc = &net->desc.layers[layer];
        const size_t directions = (size_t)clrnn_layer_directions(desc);
        double *h_0, *c_0, *o_0;
        take(&h_0, &memory, directions * (size_t)clrnn_layer_width(desc));
        take(&o_0, &memory, directions * (size_t)clrnn_layer_width(desc));
        take(&c_0, &memory, directions * (size_t)desc->hidden);
        j->wanted[layer] = (struct reference_layer){.h_0 = h_0, .c_0 = c_0, .o_0 = o_0};
    }
    j->wanted[layers - 1].y = j->trajectory;
    for (int i = 0; i < net->strand_count; i++) {
        TRY(reference_walk_open(&j->walks[i], &net->strands[i], 1));
    }
out:
    return status;
}

static void release(struct judge *j) {
    for (int i = 0; j->walks != NULL && i < j->args.net->strand_count; i++) {
        reference_walk_close(&j->walks[i]);
    }
    free(j->walks);
    free(j->wanted);
    free(j->zeros);
    free(j->memory);
    judge_args_close(&j->args);
}

clrnn_status clrnn_judge(clrnn_judgement *out, const clrnn_net *net, int batch_first,
                         const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct judge j = {.args = {.net = net}};
    REQUIRE(out != NULL && net != NULL && args != NULL, ARGUMENT,
            "judge: needs a place for the result, a net and args");
    TRY(judge_args_open(&j.args, net, batch_first, args));
    TRY(reserve(&j));
    for (int64_t row = 0; row < j.args.batch; row++) {
        TRY(judge_row(&j, row));
    }
    *out = j.result;
out:
    release(&j);
    return status;
}
