/*
 * test_keras.c: models that Keras 2 and 3 wrote, through sessions, held against what Keras gave; the
 * summary's numbers; what is refused, and why. tests/tools/make_keras_models.py makes the files.
 */
#include "files.h"
#include "suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KERAS "tests/data/keras/"

enum { MODELS = 26 };

struct golden {
    char file[64], name[64];
    long params;
};

/* Line `number` of both lists. */
static struct golden golden_at(int number) {
    struct golden golden = {.params = -1};
    for (int part = 3; part >= 2; part--) {
        char path[64], line[160];
        snprintf(path, sizeof path, KERAS "index%d.txt", part);
        FILE *list = fopen(path, "r");
        ck_assert_msg(list != NULL, "%s cannot be read", path);
        while (fgets(line, sizeof line, list) != NULL) {
            if (number-- == 0) {
                ck_assert_int_eq(
                    sscanf(line, "%63s %63s %ld", golden.file, golden.name, &golden.params), 3);
            }
        }
        fclose(list);
    }
    return golden;
}

static clrnn_context *cpu(void) {
    clrnn_context *context = NULL;
    EXPECT_OK(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    return context;
}

/* The array NAME/WHAT of either file of values. */
static const clrnn_tensor *value_of(clrnn_arrays *const values[2], const char *name,
                                    const char *what) {
    char full[160];
    snprintf(full, sizeof full, "%s/%s", name, what);
    const clrnn_tensor *found = clrnn_arrays_find(values[0], full);
    return found != NULL ? found : clrnn_arrays_find(values[1], full);
}

/* How far the results are apart, in the largest of Keras's. Both sum in float32, in orders of their own:
 * a few dozen roundings of 2^-24 each stay far below 2^-18. */
static double distance(const clrnn_tensor *ours, const clrnn_tensor *theirs) {
    double most = 0, largest = 0;
    ck_assert_int_eq(ours->rank, theirs->rank);
    for (int axis = 0; axis < ours->rank; axis++) {
        ck_assert_int_eq(ours->shape[axis], theirs->shape[axis]);
    }
    for (int64_t i = 0; i < clrnn_tensor_count(ours); i++) {
        const double a = (double)((const float *)ours->data)[i];
        const double b = (double)((const float *)theirs->data)[i];
        most = fmax(most, fabs(a - b));
        largest = fmax(largest, fabs(b));
        ck_assert(isfinite(a));
    }
    return most / largest;
}

START_TEST(gives_what_keras_gave) {
    const struct golden golden = golden_at(_i);
    char path[160];
    clrnn_model *model = NULL;
    clrnn_arrays *values[2] = {NULL, NULL};
    clrnn_session *session = NULL;
    clrnn_context *context = cpu();
    snprintf(path, sizeof path, KERAS "%s", golden.file);
    EXPECT_OK(clrnn_model_load(&model, path, NULL));
    EXPECT_OK(clrnn_arrays_load(&values[0], KERAS "values3.npz"));
    EXPECT_OK(clrnn_arrays_load(&values[1], KERAS "values2.npz"));
    const clrnn_binding x = {.value = *value_of(values, golden.name, "x")};
    const clrnn_tensor *y = value_of(values, golden.name, "y");
    EXPECT_OK(clrnn_session_create(&session, context, model, NULL));
    EXPECT_OK(clrnn_session_run(session, 1, &x));
    const double apart = distance(clrnn_session_output(session, 0), y);
    ck_assert_msg(apart < ldexp(1, -18), "%s: %g apart", golden.file, apart);
    /* a second run is the same, and a changed number is seen */
    EXPECT_OK(clrnn_session_run(session, 1, &x));
    ck_assert(distance(clrnn_session_output(session, 0), y) == apart);
    float *first = (float *)clrnn_session_output(session, 0)->data;
    first[0] += 1e-3f;
    ck_assert(distance(clrnn_session_output(session, 0), y) > ldexp(1, -18));
    /* the summary's numbers are Keras's */
    int64_t params = 0;
    for (size_t i = 0; i < clrnn_model_layer_count(model); i++) {
        clrnn_layer_info layer;
        EXPECT_OK(clrnn_model_layer(&layer, model, i));
        params += layer.params;
    }
    ck_assert_int_eq(params, golden.params);
    clrnn_session_free(session);
    clrnn_model_free(model);
    clrnn_context_free(context);
    clrnn_arrays_free(values[0]);
    clrnn_arrays_free(values[1]);
}
END_TEST

START_TEST(list_is_whole) {
    ck_assert_int_ge(golden_at(MODELS - 1).params, 0);
    ck_assert_int_eq(golden_at(MODELS).params, -1);
}
END_TEST

Suite *keras_suite(void) {
    Suite *suite = suite_create("keras");
    TCase *golden = tcase_create("golden");
    tcase_add_loop_test(golden, gives_what_keras_gave, 0, MODELS);
    tcase_add_test(golden, list_is_whole);
    suite_add_tcase(suite, golden);
    return suite;
}
