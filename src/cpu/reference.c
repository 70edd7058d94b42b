/*
 * reference.c: whole sequences and whole nets in double precision, each row a walk by the steps of
 * reference_cell.c; see reference.h. Not here: speed.
 */
#include "cpu/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

clrnn_status reference_check_net(const clrnn_net *net) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *part = net_custom_part(net);
    REQUIRE(part == NULL, UNSUPPORTED,
            "net: has a %s: the reference engine knows no OpenCL C snippets", part);
out:
    return status;
}

int64_t reference_time(const struct strand *strand, int64_t step, int64_t length) {
    return strand->reverse ? length - 1 - step : step;
}

float reference_round(double value) {
    return isnan(value) ? NAN : (float)value;
}

void reference_overflow(double *values, int64_t count) {
    for (int64_t j = 0; j < count; j++) {
        if (isinf((float)values[j])) {
            values[j] = copysign(INFINITY, values[j]);
        }
    }
}

/* ---- a walk ---------------------------------------------------------------------------------- */

clrnn_status reference_walk_open(struct reference_walk *out, const struct strand *strand,
                                 int with_errors) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t width = (size_t)strand->width, hidden = (size_t)strand->hidden;
    const size_t gates = (size_t)strand->gates * hidden;
    const size_t states = 2 * width + 2 * hidden;
    double *memory = calloc(2 * (states + gates) + reference_scratch_size(strand), sizeof *memory);
    REQUIRE(memory != NULL, MEMORY, "reference: out of memory for a state of %zu", hidden);
    *out = (struct reference_walk){.memory = memory,
                                   .h = memory,
                                   .h_next = memory + width,
                                   .c = memory + 2 * width,
                                   .c_next = memory + 2 * width + hidden,
                                   .gates = memory + 2 * states,
                                   .scratch = memory + 2 * (states + gates)};
    if (with_errors) {
        double *errors = memory + states;
        out->h_error = errors;
        out->h_error_next = errors + width;
        out->c_error = errors + 2 * width;
        out->c_error_next = errors + 2 * width + hidden;
        out->gates_error = out->gates + gates;
    }
out:
    return status;
}

void reference_walk_close(struct reference_walk *walk) {
    free(walk->memory);
    *walk = (struct reference_walk){0};
}

static void swap(double **a, double **b) {
    double *kept = *a;
    *a = *b;
    *b = kept;
}

/* NULL where all errors are 0: then nobody has to add them up. */
static const double *unless_exact(const double *errors, int count) {
    for (int j = 0; errors != NULL && j < count; j++) {
        if (errors[j] != 0) {
            return errors;
        }
    }
    return NULL;
}

void reference_walk_step(struct reference_walk *walk, const struct strand *strand, const double *x,
                         const double *x_error) {
    const struct reference_step step = {
        .x = x,
        .x_error = unless_exact(x_error, strand->inputs),
        .h_prev = walk->h,
        .h_prev_error = unless_exact(walk->h_error, strand->width),
        .c_prev = walk->c,
        .c_prev_error = walk->c_error,
        .h = walk->h_next,
        .h_error = walk->h_error_next,
        .c = walk->c_next,
        .c_error = walk->c_error_next,
        .gates = walk->gates,
        .gates_error = walk->gates_error,
        .scratch = walk->scratch,
    };
    reference_evaluate(strand, &step);
    swap(&walk->h, &walk->h_next);
    swap(&walk->c, &walk->c_next);
    swap(&walk->h_error, &walk->h_error_next);
    swap(&walk->c_error, &walk->c_error_next);
    reference_overflow(walk->h, strand->width);
    reference_overflow(walk->c, strand->hidden);
}

/* ---- a net ----------------------------------------------------------------------------------- */

/* One strand on its way through the rows of a call. */
struct way {
    const struct reference_call *call;
    const struct reference_layer *arrays; /* of the layer */
    const struct strand *strand;
    const double *below; /* [T][N][I] y of the layer below; NULL: x */
    struct reference_walk walk;
    double *x; /* [I] the step's input */
    double *o; /* [W] the last output */
};

static void copy_or_zero(double *to, const double *from, size_t count) {
    for (size_t j = 0; j < count; j++) {
        to[j] = from != NULL ? from[j] : 0;
    }
}

/* The strand's row in an array [D][N][width], or NULL. */
static size_t state_at(const struct way *w, int64_t row, int width) {
    return (size_t)((w->strand->direction * w->call->batch + row) * width);
}

static void load_state(double *to, const double *from, size_t at, int width) {
    copy_or_zero(to, from != NULL ? from + at : NULL, (size_t)width);
}

static void store_state(double *to, const double *from, size_t at, int width) {
    if (to != NULL) {
        copy_or_zero(to + at, from, (size_t)width);
    }
}

static const double *input_at(const struct way *w, int64_t t, int64_t row) {
    const struct reference_call *call = w->call;
    const int inputs = w->strand->inputs;
    if (w->below != NULL) {
        return w->below + (t * call->batch + row) * inputs;
    }
    const float *x = call->starts != NULL ? call->x + (call->starts[t] + row) * call->x_row
                                          : call->x + t * call->x_step + row * call->x_row;
    for (int i = 0; i < inputs; i++) {
        w->x[i] = x[i];
    }
    return w->x;
}

/* Puts a direction's output (NULL: 0) into a row of F features: beside the first direction's or, of
 * the second one, merged with what stands there. */
static void put_output(const struct way *w, double *to, const double *o) {
    const clrnn_layer_desc *desc = w->strand->desc;
    const int width = w->strand->width;
    if (w->strand->direction == 0 || desc->merge == CLRNN_MERGE_CONCAT) {
        copy_or_zero(to + w->strand->direction * width, o, (size_t)width);
        return;
    }
    for (int j = 0; j < width; j++) {
        const struct number f = {to[j], 0}, r = {o != NULL ? o[j] : 0, 0};
        to[j] = reference_merge(desc->merge, f, r).value;
    }
    reference_overflow(to, width);
}

/* What every step gives but y: a row of `count` values for each direction. */
static void put_values(const struct way *w, double *array, const double *values, int64_t t,
                       int64_t row, int count) {
    const int directions = clrnn_layer_directions(w->strand->desc);
    if (array != NULL) {
        const int64_t place = (t * w->call->batch + row) * directions + w->strand->direction;
        copy_or_zero(array + place * count, values, (size_t)count);
    }
}

static void run_step(struct way *w, int64_t t, int64_t row, int64_t length) {
    const struct reference_call *call = w->call;
    const struct strand *strand = w->strand;
    const int within = t < length;
    const int masked = call->mask != NULL && !call->mask[row * call->steps + t];
    const int valid = within && !masked;
    if (valid) {
        reference_walk_step(&w->walk, strand, input_at(w, t, row), NULL);
        copy_or_zero(w->o, w->walk.h, (size_t)strand->width);
    } else if (within && strand->desc->zero_masked) {
        copy_or_zero(w->o, NULL, (size_t)strand->width);
    }
    if (w->arrays->y != NULL) {
        const int outputs = clrnn_layer_outputs(strand->desc);
        put_output(w, w->arrays->y + (t * call->batch + row) * outputs, within ? w->o : NULL);
    }
    put_values(w, w->arrays->hiddens, within ? w->walk.h : NULL, t, row, strand->width);
    put_values(w, w->arrays->gates, valid ? w->walk.gates : NULL, t, row,
               strand->gates * strand->hidden);
    if (strand->states == 2) {
        put_values(w, w->arrays->cells, within ? w->walk.c : NULL, t, row, strand->hidden);
    }
}

static void run_row(struct way *w, int64_t row) {
    const struct reference_call *call = w->call;
    const struct reference_layer *arrays = w->arrays;
    const struct strand *strand = w->strand;
    const int64_t length = call->lengths != NULL ? call->lengths[row] : call->steps;
    const size_t at_width = state_at(w, row, strand->width);
    const size_t at_hidden = state_at(w, row, strand->hidden);
    load_state(w->walk.h, arrays->h_0, at_width, strand->width);
    load_state(w->walk.c, strand->states == 2 ? arrays->c_0 : NULL, at_hidden, strand->hidden);
    load_state(w->o, arrays->o_0, at_width, strand->width);
    for (int64_t step = 0; step < call->steps; step++) {
        const int64_t t = step < length ? reference_time(strand, step, length) : step;
        run_step(w, t, row, length);
    }
    if (arrays->last != NULL) {
        const double *last = length == 0 ? w->walk.h : w->o;
        put_output(w, arrays->last + row * clrnn_layer_outputs(strand->desc), last);
    }
    store_state(arrays->h_n, w->walk.h, at_width, strand->width);
    store_state(arrays->o_n, w->o, at_width, strand->width);
    if (strand->states == 2) {
        store_state(arrays->c_n, w->walk.c, at_hidden, strand->hidden);
    }
}

static clrnn_status run_strand(const struct reference_call *call,
                               const struct reference_layer *arrays, const struct strand *strand,
                               const double *below) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct way w = {.call = call, .arrays = arrays, .strand = strand, .below = below};
    w.x = calloc((size_t)strand->inputs, sizeof *w.x);
    w.o = calloc((size_t)strand->width, sizeof *w.o);
    REQUIRE(w.x != NULL && w.o != NULL, MEMORY, "reference: out of memory for an input of %d",
            strand->inputs);
    TRY(reference_walk_open(&w.walk, strand, 0));
    for (int64_t row = 0; row < call->batch; row++) {
        run_row(&w, row);
    }
out:
    reference_walk_close(&w.walk);
    free(w.x);
    free(w.o);
    return status;
}

/* below: y of the layer below, where that is none of the caller's own; then *owned. */
static clrnn_status run_layer(const clrnn_net *net, const struct reference_call *call, int layer,
                              const double *below, double **owned, const double **y) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_layer_desc *desc = &net->desc.layers[layer];
    struct reference_layer arrays = call->layers[layer];
    *owned = NULL;
    if (arrays.y == NULL && layer + 1 < net->desc.num_layers) {
        const size_t count = (size_t)(call->steps * call->batch * clrnn_layer_outputs(desc));
        arrays.y = *owned = calloc(count > 0 ? count : 1, sizeof **owned);
        REQUIRE(*owned != NULL, MEMORY, "reference: out of memory for %zu outputs of layer %d",
                count, layer);
    }
    *y = arrays.y;
    for (int direction = 0; direction < clrnn_layer_directions(desc); direction++) {
        TRY(run_strand(call, &arrays, net_strand(net, layer, direction), below));
    }
out:
    return status;
}

clrnn_status reference_forward(const clrnn_net *net, const struct reference_call *call) {
    clrnn_status status = CLRNN_STATUS_OK;
    double *kept = NULL, *owned = NULL;
    const double *below = NULL;
    TRY(reference_check_net(net));
    for (int layer = 0; layer < net->desc.num_layers; layer++) {
        const double *y = NULL;
        TRY(run_layer(net, call, layer, below, &owned, &y));
        free(kept);
        kept = owned;
        owned = NULL;
        below = y;
    }
out:
    free(kept);
    free(owned);
    return status;
}
