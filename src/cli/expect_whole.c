/*
 * expect_whole.c: see expect_whole.h.
 *
 * Between the outputs of a whole model and its layers no step can be computed again from a result that has
 * the outputs alone. So it is measured what rounding does to this model on this data: RUNS runs in double
 * precision, each with its numbers moved by roundings of float32 (clrnn_session_desc.moved). How far a value
 * is then from that of the exact run is what one rounding in each place makes of it, whatever the layers
 * between do to it.
 *
 * The bound of a value is sqrt(k) (spread + half a unit in its last place), where
 *
 *     k       counts the roundings on the way to it (clrnn_session_roundings). A sum of n products in
 *             float32 is off by the n roundings of its partial sums, where the moved run has one of each
 *             product and one of the sum. They are independent of each other, with signs that change: n of
 *             them add up as sqrt(n) does (Higham and Mary, "A new approach to probabilistic rounding error
 *             analysis", 2019). Layers need no factor of their own: a moved run moves all of them, and so
 *             has the roundings of one behind another as they reach the output.
 *     spread  is the farthest that it went in RUNS runs. By chance a value may stay near its place in all of
 *             them, as where there are few weights: so the spread is not less than an eighth of the largest
 *             in its row, the values along the last axis, which stem from the same numbers.
 *
 * The last rounding is in no moved run; it is the half unit. All of this is an estimate, not a proof: what
 * it is good for is that a wrong weight, a gate or a step in another place is off by far more.
 */
#include "cli/expect_whole.h"

#include "cli/report.h"
#include "cli/workload.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RUNS = 8,
    OF_ROW = 8 /* no spread is less than the row's largest by more than this */
};

/* A bound over this part of the largest value says little, and a note says so. */
#define WIDE 1e-3

/* ---- files ----------------------------------------------------------------------------------- */

static int is_whole_numbers(clrnn_dtype dtype) {
    return dtype == CLRNN_DTYPE_I32 || dtype == CLRNN_DTYPE_I64 || dtype == CLRNN_DTYPE_BOOL;
}

/* Fills in the output of that name; "": the first one, or the first state. 0: there is none. */
static int find_output(clrnn_port_info *out, const clrnn_model *model, const char *name,
                       int of_state) {
    for (size_t i = 0; i < clrnn_model_output_count(model); i++) {
        if (clrnn_model_output(out, model, i) == CLRNN_STATUS_OK &&
            (name[0] != 0 ? strcmp(out->name, name) == 0 : out->is_state == of_state)) {
            return 1;
        }
    }
    return 0;
}

/* How many outputs are no state, or are one. */
static int count_outputs(const clrnn_model *model, int of_state) {
    int count = 0;
    for (size_t i = 0; i < clrnn_model_output_count(model); i++) {
        clrnn_port_info port;
        count +=
            clrnn_model_output(&port, model, i) == CLRNN_STATUS_OK && port.is_state == of_state;
    }
    return count;
}

static int keep(whole_expected *expected, const clrnn_port_info *port, const clrnn_tensor *found,
                const char *path) {
    clrnn_tensor copy;
    const int is_counted = is_whole_numbers(port->dtype) && is_whole_numbers(found->dtype);
    if (found->dtype == CLRNN_DTYPE_TEXT) {
        return report_fail(REPORT_INPUT, "%s: holds text, numbers are needed", path);
    }
    if (clrnn_arrays_find(expected->arrays, port->name) != NULL) {
        return report_fail(REPORT_USAGE, "%s: %s is given twice", path, port->name);
    }
    expected->with_states |= port->is_state;
    return clrnn_arrays_convert(&copy, expected->arrays, port->name,
                                is_counted ? CLRNN_DTYPE_I64 : CLRNN_DTYPE_F64,
                                found) == CLRNN_STATUS_OK
               ? REPORT_FINE
               : report_fail_file(1, "reading", path);
}

static int refuse_name(const whole *load, const char *path, const char *name, const char *what) {
    char names[512];
    (void)report_fail(REPORT_INPUT, "%s: holds %s, which is no %s of %s", path, name, what,
                      load->path);
    report_hint("its outputs are %s", whole_names(load->model, 1, names, sizeof names));
    return REPORT_INPUT;
}

static int load_file(whole_expected *expected, const whole *load, const char *path, int of_state) {
    const char *what = of_state ? "state" : "output";
    clrnn_arrays *file = NULL;
    clrnn_port_info port;
    int code = REPORT_FINE;
    TRY(workload_read(&file, path, of_state ? "--expect-state" : "--expect"));
    const size_t count = clrnn_arrays_count(file);
    const int is_sole = count == 1 && count_outputs(load->model, of_state) == 1;
    int kept = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = clrnn_arrays_name(file, i);
        const int is_known = find_output(&port, load->model, name, of_state);
        if (!is_known && !(is_sole && find_output(&port, load->model, "", of_state))) {
            code = refuse_name(load, path, name, what);
            goto out;
        }
        if (of_state && !port.is_state) {
            continue; /* an output in a file of all that Keras gives */
        }
        TRY(keep(expected, &port, clrnn_arrays_at(file, i), path));
        kept++;
    }
    if (kept == 0) {
        code = report_fail(REPORT_INPUT, "%s: holds no %s of %s", path, what, load->path);
    }
out:
    clrnn_arrays_free(file);
    return code;
}

int expect_whole_load(whole_expected *out, const whole *load, const options *opts) {
    const char *path = opts->value[OPTION_EXPECT];
    const char *state_path = opts->value[OPTION_EXPECT_STATE];
    int code = REPORT_FINE;
    memset(out, 0, sizeof *out);
    if (path == NULL && state_path == NULL) {
        return REPORT_FINE;
    }
    if (clrnn_arrays_create(&out->arrays) != CLRNN_STATUS_OK ||
        clrnn_arrays_create(&out->exact) != CLRNN_STATUS_OK ||
        clrnn_arrays_create(&out->spreads) != CLRNN_STATUS_OK) {
        return report_fail_library(0, "starting");
    }
    if (state_path != NULL && count_outputs(load->model, 1) == 0) {
        return report_fail(REPORT_USAGE, "--expect-state %s: %s gives no state", state_path,
                           load->path);
    }
    if (path != NULL) {
        TRY(load_file(out, load, path, 0));
    }
    if (state_path != NULL) {
        TRY(load_file(out, load, state_path, 1));
    }
out:
    return code;
}

int expect_whole_is_given(const whole_expected *expected) {
    return expected->arrays != NULL;
}

void expect_whole_free(whole_expected *expected) {
    clrnn_arrays_free(expected->arrays);
    clrnn_arrays_free(expected->exact);
    clrnn_arrays_free(expected->spreads);
    memset(expected, 0, sizeof *expected);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

/* 1 if they are the same but for axes of extent 1. */
static int fits(const clrnn_tensor *a, const clrnn_tensor *b) {
    int i = 0, k = 0;
    for (;;) {
        while (i < a->rank && a->shape[i] == 1) {
            i++;
        }
        while (k < b->rank && b->shape[k] == 1) {
            k++;
        }
        if (i == a->rank || k == b->rank) {
            return i == a->rank && k == b->rank;
        }
        if (a->shape[i++] != b->shape[k++]) {
            return 0;
        }
    }
}

/* Where the batch stands in an output; -1: the file does not say. */
static int batch_axis_of(const whole *load, const clrnn_port_info *port, int rank) {
    const clrnn_model_info info = clrnn_model_get_info(load->model);
    const int axis = port->is_state ? 1 : info.batch_first || rank < 3 ? 0 : 1;
    return info.has_layout && axis < rank ? axis : -1;
}

/* Ours of that name as reals or whole numbers, and theirs in our shape: these rows, or all of the batch. */
static int fit(whole_expected *expected, const whole *load, const whole_result *exact, size_t i) {
    const char *name = clrnn_arrays_name(expected->arrays, i);
    const clrnn_tensor *theirs = clrnn_arrays_at(expected->arrays, i);
    const clrnn_tensor *ours = whole_find(exact, name);
    char is[256], wanted[256];
    clrnn_port_info port;
    clrnn_tensor copy;
    if (ours == NULL || !find_output(&port, load->model, name, 0)) {
        return report_fail(REPORT_INPUT, "%s is expected, which this run does not give", name);
    }
    const int axis = batch_axis_of(load, &port, ours->rank);
    clrnn_tensor all = *ours;
    if (axis >= 0 && load->whole_batch > 0) {
        all.shape[axis] = load->whole_batch;
    }
    const int is_all = !fits(theirs, ours) && fits(theirs, &all);
    if (!is_all && !fits(theirs, ours)) {
        return report_fail(REPORT_INPUT, "the expected %s is %s, ours is %s", name,
                           workload_shape(theirs, is, sizeof is),
                           workload_shape(ours, wanted, sizeof wanted));
    }
    if (is_all) {
        char rows[160];
        clrnn_tensor part = workload_view(theirs, all.rank, all.shape);
        (void)snprintf(rows, sizeof rows, "%s of rows", name);
        int code = workload_take_rows(&part, expected->spreads, rows, axis, load->first_row,
                                      ours->shape[axis]);
        if (code != REPORT_FINE) {
            return code;
        }
        /* the first of them lie in the place of all */
        memcpy(theirs->data, part.data,
               (size_t)clrnn_tensor_count(ours) * clrnn_dtype_size(theirs->dtype));
    }
    return clrnn_arrays_convert(&copy, expected->exact, name, theirs->dtype, ours) ==
                   CLRNN_STATUS_OK
               ? REPORT_FINE
               : report_fail_library(0, "keeping the outputs");
}

/* ---- spreads --------------------------------------------------------------------------------- */

static clrnn_status widen(whole_expected *expected, const whole_result *moved) {
    clrnn_arrays *scratch = NULL;
    clrnn_status status = clrnn_arrays_create(&scratch);
    for (size_t i = 0; i < clrnn_arrays_count(expected->exact) && status == CLRNN_STATUS_OK; i++) {
        const char *name = clrnn_arrays_name(expected->exact, i);
        const clrnn_tensor *exact = clrnn_arrays_at(expected->exact, i);
        const clrnn_tensor *found = whole_find(moved, name);
        clrnn_tensor values;
        if (exact->dtype != CLRNN_DTYPE_F64 || found == NULL ||
            clrnn_tensor_count(found) != clrnn_tensor_count(exact)) {
            continue;
        }
        double *spread = clrnn_arrays_find(expected->spreads, name)->data;
        status = clrnn_arrays_convert(&values, scratch, name, CLRNN_DTYPE_F64, found);
        for (int64_t k = 0; status == CLRNN_STATUS_OK && k < clrnn_tensor_count(exact); k++) {
            const double apart =
                fabs(((const double *)values.data)[k] - ((const double *)exact->data)[k]);
            /* NaN and infinity say nothing of how far */
            spread[k] = isfinite(apart) && apart > spread[k] ? apart : spread[k];
        }
    }
    clrnn_arrays_free(scratch);
    return status;
}

/* The extent of the last axis that has several values. */
static int64_t row_of(const clrnn_tensor *tensor) {
    for (int axis = tensor->rank - 1; axis >= 0; axis--) {
        if (tensor->shape[axis] > 1) {
            return tensor->shape[axis];
        }
    }
    return 1;
}

/* No value is much surer than its neighbours. */
static void level(const clrnn_tensor *spreads) {
    const int64_t width = row_of(spreads);
    double *row = spreads->data;
    for (int64_t left = clrnn_tensor_count(spreads); left >= width; left -= width, row += width) {
        double largest = 0;
        for (int64_t k = 0; k < width; k++) {
            largest = row[k] > largest ? row[k] : largest;
        }
        for (int64_t k = 0; k < width; k++) {
            row[k] = row[k] > largest / OF_ROW ? row[k] : largest / OF_ROW;
        }
    }
}

int expect_whole_measure(whole_expected *expected, const whole *load, const whole_result *exact) {
    compute_setup setup = {.engine = CLRNN_ENGINE_REFERENCE, .with_states = expected->with_states};
    clrnn_context *context = NULL;
    whole_result moved = {0};
    clrnn_tensor made;
    int code = REPORT_FINE;
    for (size_t i = 0; i < clrnn_arrays_count(expected->arrays); i++) {
        TRY(fit(expected, load, exact, i));
        const clrnn_tensor *ours = clrnn_arrays_at(expected->exact, i);
        if (clrnn_arrays_add(&made, expected->spreads, clrnn_arrays_name(expected->exact, i),
                             CLRNN_DTYPE_F64, ours->rank, ours->shape) != CLRNN_STATUS_OK) {
            code = report_fail_library(0, "reserving the bounds");
            goto out;
        }
    }
    expected->roundings = exact->roundings;
    if (compute_open_for(&context, &setup, load->work) != CLRNN_STATUS_OK) {
        code = compute_fail_open(&setup, "opening the reference");
        goto out;
    }
    for (int run = 0; run < RUNS; run++) {
        setup.moved = (uint64_t)run + 1;
        TRY(whole_compute(&moved, context, load, &setup));
        const clrnn_status status = widen(expected, &moved);
        whole_result_free(&moved);
        if (status != CLRNN_STATUS_OK) {
            code = report_fail_library(0, "comparing runs");
            goto out;
        }
    }
    for (size_t i = 0; i < clrnn_arrays_count(expected->exact); i++) {
        level(clrnn_arrays_find(expected->spreads, clrnn_arrays_name(expected->exact, i)));
    }
out:
    whole_result_free(&moved);
    clrnn_context_free(context);
    return code;
}

/* ---- judging --------------------------------------------------------------------------------- */

/* The distance of two values of the output's type near this one. */
static double unit_of(double value, clrnn_dtype dtype) {
    const int digits = dtype == CLRNN_DTYPE_F16 ? 11 : 24;
    const int least = dtype == CLRNN_DTYPE_F16 ? -24 : -149;
    int exponent;
    (void)frexp(value, &exponent);
    exponent = value == 0 || exponent - digits < least ? least : exponent - digits;
    return ldexp(1, exponent);
}

/* |a - b| where both are numbers; 0 where they are the same all the same, as NaN and NaN. */
static double distance(double a, double b) {
    const int is_same = a == b || (isnan(a) && isnan(b));
    const double apart = fabs(a - b);
    return is_same ? 0 : isfinite(apart) ? apart : INFINITY;
}

/* "output[3][7]", rows counted from the first of the batch */
static void say_place(verdict *out, const char *name, const clrnn_tensor *tensor, int64_t index,
                      int batch_axis, int64_t first_row) {
    size_t at = (size_t)snprintf(out->place, sizeof out->place, "%.80s", name);
    for (int axis = 0; axis < tensor->rank && at + 24 < sizeof out->place; axis++) {
        int64_t inner = 1;
        for (int i = axis + 1; i < tensor->rank; i++) {
            inner *= tensor->shape[i];
        }
        const int64_t place = index / inner % tensor->shape[axis];
        at += (size_t)snprintf(out->place + at, sizeof out->place - at, "[%lld]",
                               (long long)(place + (axis == batch_axis ? first_row : 0)));
    }
}

/* Values of one output. The worst one of all outputs stands in the verdict. */
static void judge_reals(verdict *out, const whole_expected *expected, const whole *load,
                        const clrnn_port_info *port) {
    const clrnn_tensor *exact = clrnn_arrays_find(expected->exact, port->name);
    const double *ours = exact->data;
    const double *theirs = clrnn_arrays_find(expected->arrays, port->name)->data;
    const double *spread = clrnn_arrays_find(expected->spreads, port->name)->data;
    const double factor = sqrt(expected->roundings > 1 ? expected->roundings : 1);
    clrnn_judgement *sum = &out->judgement;
    double widest = 0, largest = 0, worst = 0;
    for (int64_t i = 0; i < clrnn_tensor_count(exact); i++) {
        const double unit = isfinite(ours[i]) ? unit_of(ours[i], port->dtype) : 0;
        const double bound = factor * (spread[i] + unit / 2);
        const double apart = distance(theirs[i], ours[i]);
        const double ratio = apart == 0 ? 0 : bound > 0 ? apart / bound : INFINITY;
        sum->bad += ratio > 1;
        sum->max_abs = apart > sum->max_abs ? apart : sum->max_abs;
        if (apart > 0 && apart / unit > sum->max_ulp) {
            sum->max_ulp = apart / unit;
        }
        widest = bound > widest ? bound : widest;
        largest = isfinite(ours[i]) && fabs(ours[i]) > largest ? fabs(ours[i]) : largest;
        worst = ratio > worst ? ratio : worst;
        if (out->place[0] == 0 || ratio > sum->ratio) {
            sum->ratio = ratio;
            sum->residual = apart;
            sum->bound = bound;
            say_place(out, port->name, exact, i, batch_axis_of(load, port, exact->rank),
                      load->first_row);
        }
    }
    report_detail("%s: %s: ratio %.4g of %lld values; bounds are at most %.3e, sqrt(%.0f) times "
                  "what roundings do",
                  out->name, port->name, worst, (long long)clrnn_tensor_count(exact), widest,
                  expected->roundings);
    if (widest > WIDE * largest && widest > (double)FLT_MIN) {
        report_note("%s: roundings alone move this model's %s by up to %.3e, and so wide is the "
                    "bound",
                    out->name, port->name, widest);
    }
}

/* Whole numbers and truths are the same or not. */
static void judge_integers(verdict *out, const whole_expected *expected, const whole *load,
                           const clrnn_port_info *port) {
    const clrnn_tensor *exact = clrnn_arrays_find(expected->exact, port->name);
    const int64_t *ours = exact->data;
    const int64_t *theirs = clrnn_arrays_find(expected->arrays, port->name)->data;
    clrnn_judgement *sum = &out->judgement;
    for (int64_t i = 0; i < clrnn_tensor_count(exact); i++) {
        const int differs = ours[i] != theirs[i];
        sum->bad += differs;
        if (out->place[0] == 0 || (differs && !isinf(sum->ratio))) {
            sum->ratio = differs ? INFINITY : 0;
            sum->residual = fabs((double)ours[i] - (double)theirs[i]);
            sum->bound = 0;
            say_place(out, port->name, exact, i, batch_axis_of(load, port, exact->rank),
                      load->first_row);
        }
    }
}

int expect_whole_judge(verdict *out, const whole_expected *expected, const whole *load) {
    for (size_t i = 0; i < clrnn_arrays_count(expected->exact); i++) {
        const clrnn_tensor *exact = clrnn_arrays_at(expected->exact, i);
        clrnn_port_info port;
        if (!find_output(&port, load->model, clrnn_arrays_name(expected->exact, i), 0)) {
            continue;
        }
        if (exact->dtype == CLRNN_DTYPE_F64) {
            judge_reals(out, expected, load, &port);
        } else {
            judge_integers(out, expected, load, &port);
        }
        out->judgement.checked += clrnn_tensor_count(exact);
    }
    return REPORT_FINE;
}

int expect_whole_compare(verdict_difference *sum, const whole_expected *expected,
                         const whole_result *ours) {
    clrnn_arrays *scratch = NULL;
    clrnn_status status = clrnn_arrays_create(&scratch);
    for (size_t i = 0; i < clrnn_arrays_count(expected->exact) && status == CLRNN_STATUS_OK; i++) {
        const char *name = clrnn_arrays_name(expected->exact, i);
        const clrnn_tensor *exact = clrnn_arrays_at(expected->exact, i);
        const clrnn_tensor *found = whole_find(ours, name);
        clrnn_tensor a, b, theirs = *exact;
        char other[160];
        if (found == NULL || exact->dtype != CLRNN_DTYPE_F64) {
            continue;
        }
        theirs.data = clrnn_arrays_find(expected->arrays, name)->data;
        (void)snprintf(other, sizeof other, "%s of theirs", name);
        status = clrnn_arrays_convert(&a, scratch, name, CLRNN_DTYPE_F32, found);
        if (status == CLRNN_STATUS_OK) {
            status = clrnn_arrays_convert(&b, scratch, other, CLRNN_DTYPE_F32, &theirs);
        }
        if (status == CLRNN_STATUS_OK) {
            verdict_compare(sum, &a, &b);
        }
    }
    clrnn_arrays_free(scratch);
    return status == CLRNN_STATUS_OK ? REPORT_FINE : report_fail_library(0, "comparing results");
}
