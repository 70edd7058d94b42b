/*
 * test_hdf5.c: reading HDF5: many links and attributes, what leads out of a file, what is too much. The files
 * are h5py's (tests/tools/make_hdf5_cases.py); models in other layouts are in test_keras_cases.c.
 */
#include "files.h"
#include "suites.h"

#include "io/hdf5_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned char *bytes;
static size_t size;
static struct hdf5_file *file;

static void open_links(void) {
    bytes = read_whole("tests/data/hdf5/links.h5", &size);
    EXPECT_OK(hdf5_file_open(&file, bytes, size, "links.h5"));
}

static void open_refused(void) {
    bytes = read_whole("tests/data/hdf5/refused.h5", &size);
    EXPECT_OK(hdf5_file_open(&file, bytes, size, "refused.h5"));
}

static void close_file(void) {
    hdf5_file_close(file);
    free(bytes);
}

START_TEST(many_links_are_found) {
    char path[40];
    ck_assert_int_eq(hdf5_file_links(file, "/g"), 100);
    ck_assert_int_eq(hdf5_file_links(file, "one"), -1);
    ck_assert_int_eq(hdf5_file_links(file, "none"), -1);
    for (int i = 0; i < 100; i++) {
        clrnn_tensor tensor;
        snprintf(path, sizeof path, "/g//name%d", i);
        EXPECT_OK(hdf5_file_read(&tensor, file, path));
        ck_assert_int_eq(tensor.rank, 1);
        ck_assert_int_eq(tensor.shape[0], 3);
        for (int k = 0; k < 3; k++) {
            ck_assert(((const float *)tensor.data)[k] == (float)k);
        }
        free(tensor.data);
    }
    ck_assert(!hdf5_file_has(file, "g/name"));
    ck_assert(!hdf5_file_has(file, "g/name100"));
    ck_assert(!hdf5_file_has(file, "g/name1/more"));
}
END_TEST

START_TEST(many_attributes_are_found) {
    char name[40], wanted[40];
    char *text, **texts;
    int count;
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "text%d", i);
        snprintf(wanted, sizeof wanted, "text number %d", i);
        EXPECT_OK(hdf5_file_text(&text, file, "g", name));
        ck_assert_str_eq(text, wanted);
        free(text);
    }
    EXPECT_OK(hdf5_file_text(&text, file, "g", "text30"));
    ck_assert_ptr_null(text);
    EXPECT_OK(hdf5_file_texts(&texts, &count, file, "g", "list"));
    ck_assert_int_eq(count, 3);
    ck_assert_str_eq(texts[2], "third one");
    for (int i = 0; i < count; i++) {
        free(texts[i]);
    }
    free(texts);
    expect_failure(hdf5_file_text(&text, file, "g", "list"), CLRNN_STATUS_FORMAT, "must be a text");
}
END_TEST

static const struct {
    const char *path, *says;
} refused[] = {
    {"soft", "is not in the file"},
    {"elsewhere", "is not in the file"},
    {"nothing", "is not in the file"},
    {"whole", "must hold floats"},
    {"lzf", "filter 32000 is not read"},
    {"outside", "its data lie in another file"},
    {"huge", "says 4398046511104 bytes, the file has"},
    {"nine", "has 9 axes, at most 8 are read"},
    {"/", "is not in the file"},
};

START_TEST(is_refused) {
    clrnn_tensor tensor = {0};
    expect_failure(hdf5_file_read(&tensor, file, refused[_i].path), CLRNN_STATUS_FORMAT,
                   refused[_i].says);
    ck_assert_ptr_null(tensor.data);
}
END_TEST

START_TEST(plain_is_read) {
    clrnn_tensor tensor;
    char *text;
    EXPECT_OK(hdf5_file_read(&tensor, file, "plain"));
    ck_assert(((const float *)tensor.data)[3] == 3.0f);
    free(tensor.data);
    expect_failure(hdf5_file_text(&text, file, "/", "number"), CLRNN_STATUS_FORMAT,
                   "must be a text");
}
END_TEST

Suite *hdf5_suite(void) {
    Suite *suite = suite_create("hdf5");
    TCase *links = tcase_create("links"), *refusals = tcase_create("refusals");
    tcase_add_checked_fixture(links, open_links, close_file);
    tcase_add_checked_fixture(refusals, open_refused, close_file);
    tcase_add_test(links, many_links_are_found);
    tcase_add_test(links, many_attributes_are_found);
    tcase_add_loop_test(refusals, is_refused, 0, COUNT(refused));
    tcase_add_test(refusals, plain_is_read);
    suite_add_tcase(suite, links);
    suite_add_tcase(suite, refusals);
    return suite;
}
