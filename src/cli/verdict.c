/* verdict.c: see verdict.h. The judging is the library's (clrnn_judge). */
#include "cli/verdict.h"

#include "cli/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PLACE_TEXT = 192 };

static const char *data_of(const clrnn_tensor *array) {
    return (const char *)array->data + array->offset;
}

void verdict_compare(verdict_difference *sum, const clrnn_tensor *a, const clrnn_tensor *b) {
    const float *x = (const float *)(const void *)data_of(a);
    const float *y = (const float *)(const void *)data_of(b);
    int64_t count = clrnn_tensor_count(a);
    for (int64_t i = 0; i < count; i++) {
        sum->differ += memcmp(&x[i], &y[i], sizeof x[i]) != 0;
        double difference = fabs((double)x[i] - (double)y[i]);
        if (isnan(difference)) {
            int is_same = (isnan(x[i]) && isnan(y[i])) || x[i] == y[i];
            difference = is_same ? 0 : INFINITY;
        }
        sum->max_abs = difference > sum->max_abs ? difference : sum->max_abs;
    }
    sum->values += count;
}

void verdict_print_difference(const char *a, const char *b, const verdict_difference *difference) {
    if (difference->differ == 0) {
        (void)printf("%s and %s agree bit for bit: %lld values\n", a, b,
                     (long long)difference->values);
    } else {
        (void)printf("%s and %s differ in %lld of %lld values, at most by %.3e\n", a, b,
                     (long long)difference->differ, (long long)difference->values,
                     difference->max_abs);
    }
}

json_t *verdict_difference_json(const verdict_difference *difference) {
    return json_pack("{s:I,s:I,s:o}", "values", (json_int_t)difference->values, "differ",
                     (json_int_t)difference->differ, "max_abs",
                     report_json_number(difference->max_abs));
}

int verdict_report_bits(const verdict_difference *between) {
    return report_fail(REPORT_MISMATCH,
                       "mismatch: opencl and cpu differ in %lld of %lld values; on CPU devices "
                       "and with --strict they must not",
                       (long long)between->differ, (long long)between->values);
}

int verdict_is_fine(const verdict *one) {
    return one->judgement.bad == 0 && one->judgement.ratio <= 1 && !one->last_differs;
}

void verdict_print_header(void) {
    (void)printf("%s%-26s %21s%s\n", report_bold(), "", "---- informative ----", report_plain());
    (void)printf("%s%-9s %-16s %10s %10s %9s  %-23s %s%s\n", report_bold(), "result", "algorithm",
                 "max abs", "max ulp", "ratio", "residual / bound", "worst value", report_plain());
}

/* "y", "c of layer 1, second direction" */
static const char *what_text(const verdict *one, char text[64]) {
    const clrnn_judgement *j = &one->judgement;
    int used = snprintf(text, 64, "%s", j->what[0] != 0 ? j->what : "-");
    const char *second = j->direction == 1 ? ", second direction" : "";
    if (one->layer != NULL) {
        (void)snprintf(text + used, 64 - (size_t)used, " of layer %.24s%s", one->layer, second);
    } else if (one->names_layer) {
        (void)snprintf(text + used, 64 - (size_t)used, " of layer %d%s", j->layer, second);
    }
    return text;
}

/* "y step 3 row 1 unit 7" with `of` and `and` between them; returns text. */
static const char *place_text(const verdict *one, const char *of, const char *and,
                              char text[PLACE_TEXT]) {
    const clrnn_judgement *j = &one->judgement;
    char what[64];
    if (one->place[0] != 0) {
        (void)snprintf(text, PLACE_TEXT, "%s", one->place);
    } else {
        (void)snprintf(text, PLACE_TEXT, "%s%s step %lld%s row %lld%s unit %lld",
                       what_text(one, what), of, (long long)j->step, and,
                       (long long)(j->row + one->first_row), and, (long long)j->unit);
    }
    return text;
}

void verdict_print(const verdict *one) {
    const clrnn_judgement *j = &one->judgement;
    char pair[64];
    char place[PLACE_TEXT];
    int is_fine = verdict_is_fine(one);
    (void)snprintf(pair, sizeof pair, "%.3e / %.3e", j->residual, j->bound);
    (void)printf("%-9s %-16s %10.3e %10.4g %9.4g  %-23s %s  %s%s%s\n", one->name,
                 one->algorithm[0] != 0 ? one->algorithm : "-", j->max_abs, j->max_ulp, j->ratio,
                 pair, place_text(one, "", "", place), is_fine ? report_green() : report_red(),
                 is_fine ? "ok" : "MISMATCH", report_plain());
}

json_t *verdict_json(const verdict *one) {
    const clrnn_judgement *j = &one->judgement;
    json_t *worst =
        one->place[0] != 0
            ? json_pack("{s:o}", "place", report_json_text(one->place))
            : json_pack("{s:s,s:i,s:i,s:I,s:I,s:I}", "what", j->what, "layer", j->layer,
                        "direction", j->direction, "step", (json_int_t)j->step, "row",
                        (json_int_t)(j->row + one->first_row), "unit", (json_int_t)j->unit);
    json_t *object = json_pack(
        "{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:b}", "result", one->name, "algorithm",
        report_json_text(one->algorithm), "device", report_json_text(one->device), "max_abs",
        report_json_number(j->max_abs), "max_ulp", report_json_number(j->max_ulp), "ratio",
        report_json_number(j->ratio), "residual", report_json_number(j->residual), "bound",
        report_json_number(j->bound), "worst", worst, "checked", (json_int_t)j->checked, "bad",
        (json_int_t)j->bad, "ok", verdict_is_fine(one));
    return object;
}

int verdict_report(const verdict *one) {
    const clrnn_judgement *j = &one->judgement;
    char place[PLACE_TEXT];
    if (verdict_is_fine(one)) {
        return REPORT_FINE;
    }
    if (j->bad == 0 && j->ratio <= 1) {
        return report_fail(REPORT_MISMATCH,
                           "mismatch: %s: y of the last outputs alone is not that of all steps",
                           one->name);
    }
    return report_fail(REPORT_MISMATCH,
                       "mismatch: %s: %s is off by %.3e, the bound is %.3e; %lld of %lld values "
                       "are bad",
                       one->name, place_text(one, " of", ",", place), j->residual, j->bound,
                       (long long)j->bad, (long long)j->checked);
}
