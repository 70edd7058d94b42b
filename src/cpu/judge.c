/*
 * judge.c: clrnn_judge, which holds a result of any origin against the equations.
 *
 * Here: the checks of foreign shapes, and the comparison. Not here: the equations and their error
 * bounds, which are in reference.c.
 *
 * The one idea: a trajectory is no oracle, since a chaotic net forgets where it came from. Each
 * step is computed again from the result's own state of the step before, so that what is left is
 * the rounding of one step, and that has a bound.
 */
#include "core/tensor.h"
#include "cpu/reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Floats in host memory: of step t and row n they begin at data + t at_step + n at_row. */
struct view {
    const float *data; /* NULL: not given */
    int64_t at_step;
    int64_t at_row;
};

struct judge {
    const struct clrnn_net *net;
    int batch_first;
    int64_t steps;
    int64_t batch;
    struct view x, y, cells;        /* [T][N][.] in either order */
    struct view h_0, c_0, h_n, c_n; /* [N][H] */
    const clrnn_tensor *lengths;    /* NULL: all T */
    clrnn_judgement result;
    struct reference_walk walk;    /* the fp64 trajectory of the row */
    float *zeros;                  /* [H] */
    double *memory;                /* what follows */
    double *h_prev, *h, *h_error;  /* [H] */
    double *c_prev, *c_prev_error; /* [H] */
    double *c, *c_error;           /* [H] */
    double *scratch;
};

/* Where a value stands and what it is. */
struct place {
    const char *what;
    int64_t step, row, unit;
};

static const float *view_at(const struct view *view, int64_t step, int64_t row) {
    return view->data + step * view->at_step + row * view->at_row;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static clrnn_status check_host(const clrnn_tensor *tensor, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(tensor_check(tensor, name));
    REQUIRE(tensor->data != NULL, ARGUMENT, "judge: %s must lie in host memory, got a buffer",
            name);
out:
    return status;
}

static clrnn_status check_floats(const clrnn_tensor *tensor, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(check_host(tensor, name));
    REQUIRE(tensor->dtype == CLRNN_DTYPE_F32, ARGUMENT, "judge: %s must be float32, got %s", name,
            clrnn_dtype_name(tensor->dtype));
out:
    return status;
}

static struct view view_sequence(const clrnn_tensor *tensor, int batch_first) {
    return (struct view){tensor_host(tensor), tensor_stride(tensor, batch_first ? 1 : 0),
                         tensor_stride(tensor, batch_first ? 0 : 1)};
}

static clrnn_status check_x(struct judge *j, const clrnn_tensor *x) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    TRY(check_floats(x, "x"));
    REQUIRE(x->rank == 3 && x->shape[2] == j->net->desc.inputs, SHAPE,
            "judge: x needs %s[%d], got %s", j->batch_first ? "[N][T]" : "[T][N]",
            j->net->desc.inputs, tensor_text(x, got, sizeof got));
    REQUIRE(x->shape[0] > 0 && x->shape[1] > 0, SHAPE,
            "judge: x needs at least one step and one row, got %s",
            tensor_text(x, got, sizeof got));
    j->steps = x->shape[j->batch_first ? 1 : 0];
    j->batch = x->shape[j->batch_first ? 0 : 1];
    j->x = view_sequence(x, j->batch_first);
out:
    return status;
}

/* y or cells: every step of every row. */
static clrnn_status check_states(struct judge *j, struct view *view, const clrnn_tensor *tensor,
                                 const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    char needed[128];
    const int64_t first = j->batch_first ? j->batch : j->steps;
    const int64_t second = j->batch_first ? j->steps : j->batch;
    TRY(check_floats(tensor, name));
    snprintf(needed, sizeof needed, "%s[%lld][%lld][%d]",
             j->batch_first ? "[N][T][H] " : "[T][N][H] ", (long long)first, (long long)second,
             j->net->desc.hidden);
    REQUIRE(tensor->rank != 2, UNSUPPORTED,
            "judge: %s must hold all steps, %s: final states alone say nothing, got %s", name,
            needed, tensor_text(tensor, got, sizeof got));
    REQUIRE(tensor->rank == 3 && tensor->shape[0] == first && tensor->shape[1] == second &&
                tensor->shape[2] == j->net->desc.hidden,
            SHAPE, "judge: %s needs %s, got %s", name, needed,
            tensor_text(tensor, got, sizeof got));
    *view = view_sequence(tensor, j->batch_first);
out:
    return status;
}

/* h_0, c_0, h_n, c_n, where given: [N][H] or [1][N][H]. */
static clrnn_status check_state(struct judge *j, struct view *view, const clrnn_tensor *tensor,
                                const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (tensor_is_set(tensor)) {
        TRY(check_host(tensor, name));
        TRY(net_check_state(j->net, tensor, j->batch, name));
        *view = (struct view){tensor_host(tensor), 0, tensor_stride(tensor, tensor->rank - 2)};
    }
out:
    return status;
}

static int64_t length_of(const struct judge *j, int64_t row) {
    if (j->lengths == NULL) {
        return j->steps;
    }
    if (j->lengths->dtype == CLRNN_DTYPE_I32) {
        return ((const int32_t *)tensor_host(j->lengths))[row];
    }
    return ((const int64_t *)tensor_host(j->lengths))[row];
}

static clrnn_status check_lengths(struct judge *j, const clrnn_tensor *lengths) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    if (!tensor_is_set(lengths)) {
        return status;
    }
    TRY(check_host(lengths, "lengths"));
    REQUIRE(lengths->dtype == CLRNN_DTYPE_I32 || lengths->dtype == CLRNN_DTYPE_I64, ARGUMENT,
            "judge: lengths must be int32 or int64, got %s", clrnn_dtype_name(lengths->dtype));
    REQUIRE(lengths->rank == 1 && lengths->shape[0] == j->batch, SHAPE,
            "judge: lengths needs [%lld], got %s", (long long)j->batch,
            tensor_text(lengths, got, sizeof got));
    j->lengths = lengths;
    for (int64_t row = 0; row < j->batch; row++) {
        const int64_t length = length_of(j, row);
        REQUIRE(length >= 0 && length <= j->steps, ARGUMENT,
                "judge: lengths must be 0 to %lld, got %lld in row %lld", (long long)j->steps,
                (long long)length, (long long)row);
    }
out:
    return status;
}

static clrnn_status check_args(struct judge *j, const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct {
        const clrnn_tensor *tensor;
        const char *name;
    } of_lstm[] = {{&args->c_0, "c_0"}, {&args->c_n, "c_n"}, {&args->cells, "cells"}};
    REQUIRE(args->state == NULL, ARGUMENT, "judge: state must be NULL: give h_0 and c_0");
    REQUIRE(args->slots == NULL, ARGUMENT, "judge: slots must be NULL");
    for (size_t i = 0; i < sizeof of_lstm / sizeof of_lstm[0]; i++) {
        REQUIRE(j->net->desc.cell == CLRNN_CELL_LSTM || !tensor_is_set(of_lstm[i].tensor), ARGUMENT,
                "judge: %s is for lstm, got it with %s", of_lstm[i].name,
                clrnn_cell_name(j->net->desc.cell));
    }
    TRY(net_require_complete(j->net));
    TRY(check_x(j, &args->x));
    TRY(check_states(j, &j->y, &args->y, "y"));
    if (tensor_is_set(&args->cells)) {
        TRY(check_states(j, &j->cells, &args->cells, "cells"));
    }
    TRY(check_lengths(j, &args->lengths));
    TRY(check_state(j, &j->h_0, &args->h_0, "h_0"));
    TRY(check_state(j, &j->c_0, &args->c_0, "c_0"));
    TRY(check_state(j, &j->h_n, &args->h_n, "h_n"));
    TRY(check_state(j, &j->c_n, &args->c_n, "c_n"));
out:
    return status;
}

/* ---- comparison ------------------------------------------------------------------------------ */

/* Counts one value whose residual is `ratio` times its bound. */
static void count(clrnn_judgement *result, double ratio, double residual, double bound,
                  const struct place *place) {
    result->checked++;
    result->bad += ratio > 1;
    if (ratio > result->ratio || result->what[0] == '\0') {
        result->ratio = ratio;
        result->residual = residual;
        result->bound = bound;
        result->step = place->step;
        result->row = place->row;
        result->unit = place->unit;
        snprintf(result->what, sizeof result->what, "%s", place->what);
    }
}

/* Holds a float against the fp64 value and its bound. NaN must be NaN and infinity infinity; an
 * infinite bound allows anything and is not counted. */
static void hold(clrnn_judgement *result, float got, double value, double bound,
                 const struct place *place) {
    if (isinf(bound)) {
        return;
    }
    const double residual = fabs((double)got - value);
    double ratio = residual / bound;
    if ((isnan(got) && isnan(value)) || (double)got == value) {
        count(result, 0, 0, bound, place);
        return;
    }
    if (isnan(ratio)) {
        ratio = INFINITY;
    }
    count(result, ratio, residual, bound, place);
}

/* Holds a float that must be the very same as another one. */
static void hold_same(clrnn_judgement *result, float got, float expected,
                      const struct place *place) {
    const int same = memcmp(&got, &expected, sizeof got) == 0 || (isnan(got) && isnan(expected));
    count(result, same ? 0 : INFINITY, same ? 0 : fabs((double)got - (double)expected), 0, place);
}

/* Holds a result against the fp64 trajectory: what a reader asks first, though it proves nothing.
 */
static void compare(clrnn_judgement *result, float got, double value) {
    if ((isnan(got) && isnan(value)) || (double)got == value) {
        return;
    }
    double apart = fabs((double)got - value);
    double ulps = INFINITY;
    if (isfinite(apart)) {
        const int exponent = value == 0 ? -126 : ilogb(value); /* -126: of the smallest normal */
        ulps = apart / ldexp(1.0, (exponent < -126 ? -126 : exponent) - 23);
    } else {
        apart = INFINITY;
    }
    result->max_abs = fmax(result->max_abs, apart);
    result->max_ulp = fmax(result->max_ulp, ulps);
}

static void widen(double *to, const float *from, int size) {
    for (int unit = 0; unit < size; unit++) {
        to[unit] = from[unit];
    }
}

static void judge_step(struct judge *j, int64_t t, int64_t row) {
    const int hidden = j->net->desc.hidden;
    const float *x = view_at(&j->x, t, row);
    const float *y = view_at(&j->y, t, row);
    const float *cells = j->cells.data != NULL ? view_at(&j->cells, t, row) : NULL;
    const struct reference_step step = {
        .x = x,
        .h_prev = j->h_prev,
        .c_prev = j->c_prev,
        .c_prev_error = j->c_prev_error,
        .h = j->h,
        .h_error = j->h_error,
        .c = j->c,
        .c_error = j->c_error,
        .scratch = j->scratch,
    };
    reference_evaluate(j->net, &step);
    reference_walk_step(&j->walk, j->net, x);
    for (int unit = 0; unit < hidden; unit++) {
        struct place place = {"y", t, row, unit};
        hold(&j->result, y[unit], j->h[unit], j->h_error[unit], &place);
        compare(&j->result, y[unit], j->walk.h[unit]);
        if (cells != NULL) {
            place.what = "c";
            hold(&j->result, cells[unit], j->c[unit], j->c_error[unit], &place);
        }
    }
    widen(j->h_prev, y, hidden);
    if (cells != NULL) {
        widen(j->c_prev, cells, hidden);
    } else {
        memcpy(j->c_prev, j->c, (size_t)hidden * sizeof(double));
        memcpy(j->c_prev_error, j->c_error, (size_t)hidden * sizeof(double));
    }
}

/* Past a length everything is exactly 0, of either sign. */
static void judge_padding(struct judge *j, const struct view *view, int64_t t, int64_t row) {
    const float *values = view_at(view, t, row);
    for (int unit = 0; unit < j->net->desc.hidden; unit++) {
        const struct place place = {"padding", t, row, unit};
        hold_same(&j->result, values[unit] == 0 ? 0.0f : values[unit], 0.0f, &place);
    }
}

/* h_n is y of the row's last valid step, c_n its cells there, or within the bound of the c that was
 * carried along; both are the initial state where the length is 0. */
static void judge_final(struct judge *j, int64_t row, int64_t length) {
    const int64_t last = reference_time(j->net, length - 1, length);
    const float *h = j->zeros;
    const float *c = NULL; /* only the carried c is known */
    if (length > 0) {
        h = view_at(&j->y, last, row);
        c = j->cells.data != NULL ? view_at(&j->cells, last, row) : NULL;
    } else {
        h = j->h_0.data != NULL ? view_at(&j->h_0, 0, row) : j->zeros;
        c = j->c_0.data != NULL ? view_at(&j->c_0, 0, row) : j->zeros;
    }
    for (int unit = 0; unit < j->net->desc.hidden; unit++) {
        struct place place = {"h_n", length > 0 ? last : 0, row, unit};
        if (j->h_n.data != NULL) {
            hold_same(&j->result, view_at(&j->h_n, 0, row)[unit], h[unit], &place);
        }
        place.what = "c_n";
        if (j->c_n.data != NULL && c != NULL) {
            hold_same(&j->result, view_at(&j->c_n, 0, row)[unit], c[unit], &place);
        } else if (j->c_n.data != NULL) {
            hold(&j->result, view_at(&j->c_n, 0, row)[unit], j->c_prev[unit], j->c_prev_error[unit],
                 &place);
        }
    }
}

static void judge_row(struct judge *j, int64_t row) {
    const int hidden = j->net->desc.hidden;
    const int64_t length = length_of(j, row);
    widen(j->h_prev, j->h_0.data != NULL ? view_at(&j->h_0, 0, row) : j->zeros, hidden);
    widen(j->c_prev, j->c_0.data != NULL ? view_at(&j->c_0, 0, row) : j->zeros, hidden);
    memset(j->c_prev_error, 0, (size_t)hidden * sizeof(double));
    memcpy(j->walk.h, j->h_prev, (size_t)hidden * sizeof(double));
    memcpy(j->walk.c, j->c_prev, (size_t)hidden * sizeof(double));
    for (int64_t step = 0; step < length; step++) {
        judge_step(j, reference_time(j->net, step, length), row);
    }
    for (int64_t t = length; t < j->steps; t++) {
        judge_padding(j, &j->y, t, row);
        if (j->cells.data != NULL) {
            judge_padding(j, &j->cells, t, row);
        }
    }
    judge_final(j, row, length);
}

static clrnn_status reserve(struct judge *j) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t hidden = (size_t)j->net->desc.hidden;
    j->zeros = calloc(hidden, sizeof *j->zeros);
    j->memory = calloc(7 * hidden + reference_scratch_size(j->net), sizeof *j->memory);
    REQUIRE(j->zeros != NULL && j->memory != NULL, MEMORY, "judge: out of memory for states of %zu",
            hidden);
    double **const arrays[] = {&j->h_prev,       &j->h, &j->h_error, &j->c_prev,
                               &j->c_prev_error, &j->c, &j->c_error, &j->scratch};
    for (size_t i = 0; i < sizeof arrays / sizeof arrays[0]; i++) {
        *arrays[i] = j->memory + i * hidden;
    }
    TRY(reference_walk_open(&j->walk, j->net));
out:
    return status;
}

clrnn_status clrnn_judge(clrnn_judgement *out, const clrnn_net *net, int batch_first,
                         const clrnn_forward_args *args) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct judge j = {.net = net, .batch_first = batch_first};
    REQUIRE(out != NULL && net != NULL && args != NULL, ARGUMENT,
            "judge: needs a place for the result, a net and args");
    TRY(check_args(&j, args));
    TRY(reserve(&j));
    for (int64_t row = 0; row < j.batch; row++) {
        judge_row(&j, row);
    }
    *out = j.result;
out:
    reference_walk_close(&j.walk);
    free(j.zeros);
    free(j.memory);
    return status;
}
