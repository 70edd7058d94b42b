/*
 * test_output.c: output files, sets of arrays, and conversion between their types.
 *
 * The one idea: a file is there as a whole or not at all. Whatever stops the writing leaves the old
 * file as it was and no other file behind. Conversion rounds to nearest; a value
 * that an integer type cannot hold is refused.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "clrnn.h"
#include "files.h"
#include "io/output.h"
#include "suites.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- output files ---------------------------------------------------------------------------- */

static clrnn_arrays *one_array(int64_t count) {
    clrnn_arrays *arrays;
    clrnn_tensor tensor;
    EXPECT_OK(clrnn_arrays_create(&arrays));
    EXPECT_OK(clrnn_arrays_add(&tensor, arrays, "a", CLRNN_DTYPE_F32, 1, &count));
    return arrays;
}

static void write_note(const char *path) {
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("note", file);
    fclose(file);
}

static void expect_note(const char *path) {
    char text[8] = "";
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(text, 1, sizeof text - 1, file), 4);
    ck_assert_str_eq(text, "note");
    fclose(file);
}

START_TEST(refuses_outputs) {
    clrnn_arrays *arrays = one_array(100000);
    clrnn_arrays *none;
    make_folder();
    expect_failure(clrnn_arrays_save(arrays, "/dev/full"), CLRNN_STATUS_IO,
                   "/dev/full: cannot be written: No space left on device");
    expect_failure(clrnn_arrays_save(arrays, folder), CLRNN_STATUS_IO, "Is a directory");
    expect_failure(clrnn_arrays_save(arrays, in_folder("new/")), CLRNN_STATUS_IO, "cannot");
    expect_failure(clrnn_arrays_save(arrays, in_folder("no/x.npy")), CLRNN_STATUS_IO,
                   "No such file or directory");
    expect_failure(clrnn_arrays_save(arrays, "/proc/x.npy"), CLRNN_STATUS_IO, "/proc/x.npy: ");
    expect_failure(clrnn_arrays_save(arrays, ""), CLRNN_STATUS_IO, "No such file or directory");
    expect_failure(clrnn_arrays_save(arrays, "/dev/fd/999999"), CLRNN_STATUS_IO, "cannot");
    expect_failure(clrnn_arrays_save(arrays, NULL), CLRNN_STATUS_ARGUMENT, "a path");
    EXPECT_OK(clrnn_arrays_create(&none));
    expect_failure(clrnn_arrays_save(none, in_folder("x.npy")), CLRNN_STATUS_ARGUMENT, "no array");
    if (geteuid() != 0) {
        write_note(in_folder("kept.npy"));
        chmod(in_folder("kept.npy"), 0444);
        expect_failure(clrnn_arrays_save(arrays, in_folder("kept.npy")), CLRNN_STATUS_IO, "denied");
        expect_note(in_folder("kept.npy"));
        unlink(in_folder("kept.npy"));
        chmod(folder, 0555);
        expect_failure(clrnn_arrays_save(arrays, in_folder("x.npy")), CLRNN_STATUS_IO, "denied");
        chmod(folder, 0755);
    }
    ck_assert_int_eq(count_files(), 0);
    clrnn_arrays_free(none);
    clrnn_arrays_free(arrays);
    remove_folder();
}
END_TEST

START_TEST(keeps_the_old_file_on_failure) {
    clrnn_arrays *arrays = one_array(100000);
    struct rlimit old;
    make_folder();
    write_note(in_folder("x.npz"));
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit small = {.rlim_cur = 4096, .rlim_max = old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    const clrnn_status status = clrnn_arrays_save(arrays, in_folder("x.npz"));
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    expect_failure(status, CLRNN_STATUS_IO, "x.npz: cannot be written: File too large");
    expect_note(in_folder("x.npz"));

    struct output output = {.fd = -1};
    EXPECT_OK(output_open(&output, in_folder("x.npz")));
    EXPECT_OK(output_write(&output, "half", 4));
    output_close(&output);
    expect_note(in_folder("x.npz"));
    ck_assert_int_eq(count_files(), 1);
    clrnn_arrays_free(arrays);
    remove_folder();
}
END_TEST

static int mode_of(const char *path) {
    struct stat info;
    ck_assert_int_eq(lstat(path, &info), 0);
    return (int)info.st_mode;
}

START_TEST(writes_as_the_user_expects) {
    clrnn_arrays *arrays = one_array(3);
    make_folder();
    const mode_t old = umask(027);
    EXPECT_OK(clrnn_arrays_save(arrays, in_folder("new.npy")));
    umask(old);
    ck_assert_int_eq(mode_of(in_folder("new.npy")) & 0777, 0640);

    write_note(in_folder("old.npy"));
    chmod(in_folder("old.npy"), 0600);
    ck_assert_int_eq(symlink("old.npy", in_folder("link.npy")), 0);
    EXPECT_OK(clrnn_arrays_save(arrays, in_folder("link.npy")));
    ck_assert(S_ISLNK(mode_of(in_folder("link.npy"))));
    ck_assert_int_eq(mode_of(in_folder("old.npy")), S_IFREG | 0600);

    size_t sizes[2];
    unsigned char piped[SAMPLE];
    char path[TEXT];
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[1]);
    EXPECT_OK(clrnn_arrays_save(arrays, path));
    sizes[0] = (size_t)read(ends[0], piped, sizeof piped);
    EXPECT_OK(clrnn_arrays_save(arrays, path));
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    clrnn_arrays *again;
    EXPECT_OK(clrnn_arrays_load(&again, path));
    ck_assert_int_eq(clrnn_tensor_count(clrnn_arrays_at(again, 0)), 3);
    clrnn_arrays_free(again);
    close(ends[0]);
    unsigned char *bytes = read_whole(in_folder("old.npy"), &sizes[1]);
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(piped, bytes, sizes[0]);
    free(bytes);
    EXPECT_OK(clrnn_arrays_save(arrays, "/dev/null"));
    ck_assert_int_eq(count_files(), 3);
    clrnn_arrays_free(arrays);
    remove_folder();
}
END_TEST

/* ---- the set and conversion ------------------------------------------------------------------ */

START_TEST(holds_arrays) {
    clrnn_arrays *arrays;
    clrnn_tensor tensor;
    const int64_t shape[] = {2, -1, INT64_MAX};
    EXPECT_OK(clrnn_arrays_create(&arrays));
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "a%d", i);
        EXPECT_OK(clrnn_arrays_add(&tensor, arrays, name, CLRNN_DTYPE_I32, 1, shape));
        ((int32_t *)tensor.data)[1] = i;
    }
    const clrnn_tensor *first = clrnn_arrays_find(arrays, "a0");
    ck_assert_ptr_eq(first, clrnn_arrays_at(arrays, 0));
    ck_assert_int_eq(((int32_t *)clrnn_arrays_find(arrays, "a99")->data)[1], 99);
    ck_assert_str_eq(clrnn_arrays_name(arrays, 99), "a99");
    ck_assert_ptr_null(clrnn_arrays_at(arrays, 100));
    ck_assert_ptr_null(clrnn_arrays_name(arrays, 100));
    ck_assert_ptr_null(clrnn_arrays_find(arrays, "none"));
    ck_assert_ptr_null(clrnn_arrays_find(arrays, NULL));
    expect_failure(clrnn_arrays_add(&tensor, arrays, "a1", CLRNN_DTYPE_F32, 1, shape),
                   CLRNN_STATUS_ARGUMENT, "arrays: a1: the name is taken");
    expect_failure(clrnn_arrays_add(&tensor, arrays, "t", CLRNN_DTYPE_TEXT, 0, NULL),
                   CLRNN_STATUS_ARGUMENT, "text comes only from a file");
    expect_failure(clrnn_arrays_add(&tensor, arrays, "n", CLRNN_DTYPE_F32, 2, shape),
                   CLRNN_STATUS_SHAPE, "axis 1 must not be negative, got -1");
    expect_failure(clrnn_arrays_add(&tensor, arrays, "n", CLRNN_DTYPE_F32, 1, shape + 2),
                   CLRNN_STATUS_SHAPE, "more elements than memory can hold");
    expect_failure(clrnn_arrays_add(&tensor, arrays, "n", CLRNN_DTYPE_F32, 9, shape),
                   CLRNN_STATUS_SHAPE, "rank must be 0 to 8, got 9");
    expect_failure(clrnn_arrays_add(&tensor, arrays, "n", (clrnn_dtype)99, 1, shape),
                   CLRNN_STATUS_ARGUMENT, "unknown dtype 99");
    expect_failure(clrnn_arrays_add(&tensor, arrays, "\xff", CLRNN_DTYPE_F32, 1, shape),
                   CLRNN_STATUS_ARGUMENT, "must be UTF-8");
    ck_assert_uint_eq(clrnn_arrays_count(arrays), 100);
    clrnn_arrays_free(arrays);
    clrnn_arrays_free(NULL);
    ck_assert_uint_eq(clrnn_arrays_count(NULL), 0);
}
END_TEST

/* From double to dtype and back; NULL error: `back` is what remains. */
/* clang-format off */
static const struct {
    clrnn_dtype dtype;
    double value;
    double back;
    const char *error;
} conversions[] = {
    {CLRNN_DTYPE_F32, 0.1, (double)0.1f, NULL},
    {CLRNN_DTYPE_F32, 1e300, 1.0 / 0.0, NULL},
    {CLRNN_DTYPE_F16, 65519.99, 65504, NULL},
    {CLRNN_DTYPE_F16, 65520, 1.0 / 0.0, NULL},
    {CLRNN_DTYPE_F16, 2049, 2048, NULL},
    {CLRNN_DTYPE_F16, 2051, 2052, NULL},
    {CLRNN_DTYPE_F16, 2049.0000001, 2050, NULL},
    {CLRNN_DTYPE_F16, -0x1p-24, -0x1p-24, NULL},
    {CLRNN_DTYPE_F16, 0x1p-25, 0, NULL},
    {CLRNN_DTYPE_F16, 0x1.8p-24, 0x1p-23, NULL},
    {CLRNN_DTYPE_F16, 0x1.fffp-15, 0x1p-14, NULL},
    {CLRNN_DTYPE_F16, 0, 0, NULL},
    {CLRNN_DTYPE_I32, -2147483648.0, -2147483648.0, NULL},
    {CLRNN_DTYPE_I32, 2147483648.0, 0, "int32 cannot hold 2147483648 of element 1"},
    {CLRNN_DTYPE_I32, 2.5, 0, "int32 cannot hold 2.5 of element 1"},
    {CLRNN_DTYPE_I64, 0x1p62, 0x1p62, NULL},
    {CLRNN_DTYPE_I64, 0x1p63, 0, "int64 cannot hold 9.2233720368547758e+18 of element 1"},
    {CLRNN_DTYPE_I64, 0.0 / 0.0, 0, "cannot hold"},
    {CLRNN_DTYPE_BOOL, 0.5, 1, NULL},
    {CLRNN_DTYPE_BOOL, -0.0, 0, NULL},
};
/* clang-format on */

START_TEST(converts) {
    double pair[2] = {1, conversions[_i].value};
    const clrnn_tensor source = {.data = pair, .dtype = CLRNN_DTYPE_F64, .rank = 1, .shape = {2}};
    clrnn_arrays *arrays;
    clrnn_tensor there;
    clrnn_tensor back;
    EXPECT_OK(clrnn_arrays_create(&arrays));
    if (conversions[_i].error != NULL) {
        expect_failure(clrnn_arrays_convert(&there, arrays, "a", conversions[_i].dtype, &source),
                       CLRNN_STATUS_ARGUMENT, conversions[_i].error);
        ck_assert_uint_eq(clrnn_arrays_count(arrays), 0);
    } else {
        EXPECT_OK(clrnn_arrays_convert(&there, arrays, "a", conversions[_i].dtype, &source));
        EXPECT_OK(clrnn_arrays_convert(&back, arrays, "b", CLRNN_DTYPE_F64, &there));
        ck_assert_double_eq(((double *)back.data)[0], 1);
        ck_assert_double_eq(((double *)back.data)[1], conversions[_i].back);
    }
    clrnn_arrays_free(arrays);
}
END_TEST

START_TEST(converts_views) {
    int64_t numbers[12];
    for (int i = 0; i < 12; i++) {
        numbers[i] = i;
    }
    /* Columns 1 and 2 of [3][4]. */
    clrnn_tensor view = {.data = numbers, .offset = sizeof numbers[0], .dtype = CLRNN_DTYPE_I64};
    view.rank = 2;
    view.shape[0] = 3;
    view.shape[1] = 2;
    view.strides[0] = 4;
    view.strides[1] = 1;
    static const float expected[] = {1, 2, 5, 6, 9, 10};
    clrnn_arrays *arrays;
    clrnn_tensor out;
    EXPECT_OK(clrnn_arrays_create(&arrays));
    EXPECT_OK(clrnn_arrays_convert(&out, arrays, "a", CLRNN_DTYPE_F32, &view));
    ck_assert_mem_eq(out.data, expected, sizeof expected);
    EXPECT_OK(clrnn_arrays_convert(&out, arrays, "same", CLRNN_DTYPE_I64, &view));
    ck_assert_int_eq(((int64_t *)out.data)[5], 10);
    expect_failure(clrnn_arrays_convert(&out, arrays, "t", CLRNN_DTYPE_TEXT, &view),
                   CLRNN_STATUS_ARGUMENT, "text");
    view.data = NULL;
    expect_failure(clrnn_arrays_convert(&out, arrays, "x", CLRNN_DTYPE_F32, &view),
                   CLRNN_STATUS_ARGUMENT, "needs data");
    clrnn_arrays_free(arrays);
}
END_TEST

Suite *output_suite(void) {
    Suite *suite = suite_create("output");
    TCase *outputs = tcase_create("outputs");
    tcase_add_test(outputs, refuses_outputs);
    tcase_add_test(outputs, keeps_the_old_file_on_failure);
    tcase_add_test(outputs, writes_as_the_user_expects);
    suite_add_tcase(suite, outputs);
    TCase *set = tcase_create("set");
    tcase_add_test(set, holds_arrays);
    tcase_add_loop_test(set, converts, 0, COUNT(conversions));
    tcase_add_test(set, converts_views);
    suite_add_tcase(suite, set);
    return suite;
}
