/*
 * test_keras_cases.c: one Keras model a feature, through sessions: what Keras gave, what its summary says,
 * how masks and states are led; the same contents in other layouts of HDF5. tests/tools/make_keras_cases.py
 * makes the files.
 */
#include "files.h"
#include "suites.h"

#include "graph/graph_op.h"
#include "io/keras.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES "tests/data/keras_cases/"

enum { MODELS = 94, LONGEST = 2000 };

static clrnn_arrays *values_of_all; /* read once a process */

static const clrnn_tensor *value_of(const char *name, const char *what) {
    char full[160];
    if (values_of_all == NULL) {
        EXPECT_OK(clrnn_arrays_load(&values_of_all, CASES "values.npz"));
    }
    snprintf(full, sizeof full, "%s.%s", name, what);
    return clrnn_arrays_find(values_of_all, full);
}

/* Line `number` of the index; 0: there is none. name: the file's without its suffix. */
static int read_line(char line[LONGEST], char name[64], int number) {
    FILE *list = fopen(CASES "index.txt", "r");
    int found = 0;
    ck_assert_msg(list != NULL, "%sindex.txt cannot be read", CASES);
    while (!found && fgets(line, LONGEST, list) != NULL) {
        found = number-- == 0;
    }
    fclose(list);
    if (found) {
        snprintf(name, 64, "%.*s", (int)strcspn(line, "."), line);
    }
    return found;
}

/* Each output is the end of at most 7 steps of sums of at most 13 products, each rounded by 2^-24 of what
 * the largest are: another order of a sum is apart by that, another gate or step by a thousand times more. */
static void expect_near(const clrnn_tensor *ours, const clrnn_tensor *theirs, const char *name) {
    const double bound = 7 * 13 * ldexp(1, -24);
    double most = 0, largest = 0;
    ck_assert_msg(theirs != NULL && ours != NULL && ours->data != NULL, "%s: no output", name);
    ck_assert_int_eq(ours->rank, theirs->rank);
    for (int axis = 0; axis < ours->rank; axis++) {
        ck_assert_int_eq(ours->shape[axis], theirs->shape[axis]);
    }
    for (int64_t i = 0; i < clrnn_tensor_count(ours); i++) {
        const double a = (double)((const float *)ours->data)[i];
        const double b = (double)((const float *)theirs->data)[i];
        ck_assert_msg(isfinite(a), "%s: value %lld is not finite", name, (long long)i);
        most = fmax(most, fabs(a - b));
        largest = fmax(largest, fabs(b));
    }
    ck_assert_msg(most <= bound * fmax(largest, 1), "%s: %g apart, of %g", name, most, largest);
}

static void run_case(const char *path, const char *name) {
    clrnn_model *model = NULL;
    clrnn_session *session = NULL;
    clrnn_context *context = NULL;
    EXPECT_OK(clrnn_context_create(&context, &(clrnn_context_desc){.engine = CLRNN_ENGINE_CPU}));
    EXPECT_OK(clrnn_model_load(&model, path, NULL));
    clrnn_binding inputs[2] = {{.value = *value_of(name, "x")}, {.name = "mask"}};
    const clrnn_tensor *mask = value_of(name, "mask");
    if (mask != NULL) {
        inputs[1].value = *mask;
    }
    EXPECT_OK(clrnn_session_create(&session, context, model, NULL));
    for (int again = 0; again < 2; again++) { /* the same comes a second time */
        EXPECT_OK(clrnn_session_run(session, mask != NULL ? 2 : 1, inputs));
        expect_near(clrnn_session_output(session, 0), value_of(name, "output"), path);
        if (value_of(name, "output_1") != NULL) {
            expect_near(clrnn_session_output(session, 1), value_of(name, "output_1"), path);
        }
    }
    clrnn_session_free(session);
    clrnn_model_free(model);
    clrnn_context_free(context);
}

START_TEST(gives_what_keras_gave) {
    char line[LONGEST], name[64], path[200];
    ck_assert(read_line(line, name, _i));
    snprintf(path, sizeof path, CASES "%.*s", (int)strcspn(line, " "), line);
    run_case(path, name);
}
END_TEST

/* "-1x7x3" */
static void expect_shape(const clrnn_layer_info *layer, const char *text, const char *line) {
    for (int axis = 0; axis < layer->rank; axis++) {
        char *end;
        ck_assert_msg(strtol(text, &end, 10) == layer->shape[axis] && end != text,
                      "%s: %s: axis %d is %lld", line, layer->name, axis,
                      (long long)layer->shape[axis]);
        text = end + (*end == 'x');
    }
    ck_assert_msg(*text == '\0', "%s: %s has more than %d axes", line, layer->name, layer->rank);
}

START_TEST(summary_is_kerass) {
    char line[LONGEST], name[64], path[200];
    clrnn_model *model = NULL;
    int64_t params = 0, trainable = 0;
    ck_assert(read_line(line, name, _i));
    line[strcspn(line, "\n")] = '\0';
    char *word = strtok(line, " ");
    snprintf(path, sizeof path, CASES "%s", word);
    EXPECT_OK(clrnn_model_load(&model, path, NULL));
    const long long all = atoll(strtok(NULL, " ")), trained = atoll(strtok(NULL, " "));
    size_t count = 0;
    while ((word = strtok(NULL, " ")) != NULL) {
        char layer_name[64], type[64], shape[64];
        long long own;
        clrnn_layer_info layer;
        ck_assert_int_eq(
            sscanf(word, "%63[^:]:%63[^:]:%63[^:]:%lld", layer_name, type, shape, &own), 4);
        ck_assert_msg(count < clrnn_model_layer_count(model), "%s: no layer %s", path, layer_name);
        EXPECT_OK(clrnn_model_layer(&layer, model, count++));
        ck_assert_str_eq(layer.name, layer_name);
        ck_assert_str_eq(layer.type, type);
        ck_assert_int_eq(layer.params, own);
        expect_shape(&layer, shape, path);
        params += layer.params;
        trainable += layer.trainable;
    }
    ck_assert_int_eq((long long)count, (long long)clrnn_model_layer_count(model));
    ck_assert_int_eq(params, all);
    ck_assert_int_eq(trainable, trained);
    clrnn_model_free(model);
}
END_TEST

/* The same model in the newest layout, in chunks that are deflated, and as doubles of the other byte order. */
static const char *const layouts[] = {"latest", "gzip", "checked", "big_double"};

START_TEST(layout_does_not_matter) {
    char path[64];
    snprintf(path, sizeof path, "tests/data/hdf5/%s.h5", layouts[_i]);
    run_case(path, "keras2_hard");
}
END_TEST

START_TEST(index_is_whole) {
    char line[LONGEST], name[64];
    ck_assert(read_line(line, name, MODELS - 1));
    ck_assert(!read_line(line, name, MODELS));
}
END_TEST

Suite *keras_cases_suite(void) {
    Suite *suite = suite_create("keras_cases");
    TCase *golden = tcase_create("golden");
    tcase_add_loop_test(golden, gives_what_keras_gave, 0, MODELS);
    tcase_add_loop_test(golden, summary_is_kerass, 0, MODELS);
    tcase_add_loop_test(golden, layout_does_not_matter, 0, COUNT(layouts));
    tcase_add_test(golden, index_is_whole);
    suite_add_tcase(suite, golden);
    return suite;
}
