/* tunings.c: see tunings.h. */
#include "tunings.h"

#include "support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

struct tuning tunings_of(const clrnn_context *context) {
    struct tuning tuning = {.version = "0.2.0", .date = "2026-11-25"};
    tuning_device_of(&tuning.device, context);
    tuning.speeds = estimate_speeds_of(&context->desc);
    return tuning;
}

clrnn_status tunings_put(const char *path, const struct tuning *tunings, int count) {
    static const struct tune_shape shape = {CLRNN_CELL_GRU, 5, 4, 3, 2};
    struct tune_row row = {.shape = &shape,
                           .algorithm = "single/panel",
                           .measured_us = 10,
                           .spread = 1.5,
                           .estimated_us = 11,
                           .usual_us = 12};
    struct tune_choice choices[TUNE_SHAPES];
    struct tune_result results[TUNINGS_MOST];
    for (int i = 0; i < TUNE_SHAPES; i++) {
        choices[i] = (struct tune_choice){&shape, "a", "b", "c", 1, 2, 3};
    }
    for (int i = 0; i < count && i < TUNINGS_MOST; i++) {
        results[i] = (struct tune_result){.tuning = tunings[i],
                                          .usual = tunings[i].speeds,
                                          .rows = &row,
                                          .count = 1,
                                          .varying = 0.5};
    }
    return tuning_file_update(path, results, count, choices);
}

void tunings_expect(const char *path, const struct tuning *tuning) {
    struct tuning expected = *tuning, got;
    char why[100];
    int found = 0;
    ok(tuning_file_find(&got, &found, why, sizeof why, path, &tuning->device));
    ck_assert_msg(found, "%s", why);
    ck_assert(tuning_is_for(&got, &tuning->device));
    ck_assert_str_eq(got.version, tuning->version);
    ck_assert_str_eq(got.date, tuning->date);
    ck_assert_int_eq(got.lanes, tuning->lanes);
    ck_assert_int_eq(got.busy, tuning->busy);
    for (int field = 0; field < ESTIMATE_FIELDS; field++) {
        const double a = *estimate_field_at(&got.speeds, field);
        const double b = *estimate_field_at(&expected.speeds, field);
        ck_assert_msg(fabs(a - b) <= 5.1e-6 * fabs(b), "%s: %.17g, not %.17g",
                      estimate_fields[field].name, a, b);
    }
}
