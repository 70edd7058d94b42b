/* selftest_judge.c: one result against the equations, and against another one bit by bit. */
#include "cli/selftest.h"
#include "cli/verdict.h"

#include <stdio.h>
#include <string.h>

static void set(json_t *row, const char *key, json_t *value) {
    (void)json_object_set_new(row, key, value);
}

static void set_text(json_t *row, const char *key, const char *text) {
    set(row, key, report_json_text(text));
}

void selftest_judge(json_t *row, const workload *load, const compute_result *result) {
    verdict one = {.name = "", .names_layer = 1};
    const clrnn_judgement *found = &one.judgement;
    char message[256];
    if (clrnn_judge(&one.judgement, load->net, load->batch_first, &result->args) !=
        CLRNN_STATUS_OK) {
        set_text(row, "status", SELFTEST_ERROR);
        set_text(row, "message", clrnn_last_error()->message);
        return;
    }
    const int is_fine = verdict_is_fine(&one);
    set_text(row, "status", is_fine ? SELFTEST_FINE : SELFTEST_WRONG);
    set(row, "ratio", report_json_number(found->ratio));
    set(row, "residual", report_json_number(found->residual));
    set(row, "bound", report_json_number(found->bound));
    set(row, "checked", json_integer(found->checked));
    set(row, "bad", json_integer(found->bad));
    if (!is_fine) {
        (void)snprintf(message, sizeof message,
                       "%s of step %lld, row %lld, unit %lld is off by %.3e, the bound is %.3e; "
                       "%lld of %lld values are bad",
                       found->what, (long long)found->step, (long long)found->row,
                       (long long)found->unit, found->residual, found->bound, (long long)found->bad,
                       (long long)found->checked);
        set_text(row, "message", message);
    }
}

static void compare_sets(verdict_difference *sum, const clrnn_arrays *a, const clrnn_arrays *b) {
    for (size_t i = 0; i < clrnn_arrays_count(a); i++) {
        verdict_compare(sum, clrnn_arrays_at(a, i), clrnn_arrays_at(b, i));
    }
}

/* NaN is written as one pattern, so bits are compared as bits. */
void selftest_compare(json_t *row, const compute_result *a, const compute_result *b) {
    verdict_difference sum = {0};
    char message[256];
    compare_sets(&sum, a->outputs, b->outputs);
    compare_sets(&sum, a->carried, b->carried);
    compare_sets(&sum, a->judged, b->judged);
    set_text(row, "bits", sum.differ == 0 ? "same" : "differ");
    set(row, "values", json_integer(sum.values));
    set(row, "differ", json_integer(sum.differ));
    const char *status = json_string_value(json_object_get(row, "status"));
    if (sum.differ > 0 && (status == NULL || strcmp(status, SELFTEST_FINE) == 0)) {
        (void)snprintf(message, sizeof message,
                       "--strict: %lld of %lld values have other bits than the cpu engine's, at "
                       "most %.3e off",
                       (long long)sum.differ, (long long)sum.values, sum.max_abs);
        set_text(row, "status", SELFTEST_WRONG);
        set_text(row, "message", message);
    }
}
