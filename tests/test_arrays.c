/*
 * test_arrays.c: .npy and .npz, read, written and refused.
 *
 * Samples are built here, byte by byte, or are files of tests/data that NumPy wrote: what we write
 * must be NumPy's bytes. Hostile files are good ones cut at every byte and changed at every byte.
 */
#include "clrnn.h"
#include "files.h"
#include "suites.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A .npy file around a header and data. */
static size_t build_npy(unsigned char *to, int version, const char *header, const char *data,
                        size_t data_size) {
    const size_t length = strlen(header);
    size_t at = 10;
    memcpy(to, "\x93NUMPY", 6);
    to[6] = (unsigned char)version;
    to[7] = 0;
    to[8] = (unsigned char)(length & 0xff);
    to[9] = (unsigned char)(length >> 8);
    if (version > 1) {
        to[at++] = 0;
        to[at++] = 0;
    }
    memcpy(to + at, header, length);
    memcpy(to + at + length, data, data_size);
    return at + length + data_size;
}

/* ---- .npy that is read ----------------------------------------------------------------------- */

#define DICT(descr, order, shape)                                                                  \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape ", }\n"

/* clang-format off */
static const struct {
    int version;
    const char *header;
    const char *data;
    size_t size;
    clrnn_dtype dtype;
    int rank;
    int64_t shape[3];
    double values[6];
} good[] = {
    {1, DICT("<f4", "False", "(2,)"), "\0\0\x80\x3f\0\0\x20\xc0", 8, CLRNN_DTYPE_F32, 1, {2},
     {1, -2.5}},
    {1, DICT("=f4", "False", "(1,)"), "\0\0\x80\x3f", 4, CLRNN_DTYPE_F32, 1, {1}, {1}},
    {1, DICT(">f4", "False", "(2,)"), "\x3f\x80\0\0\xc0\x20\0\0", 8, CLRNN_DTYPE_F32, 1, {2},
     {1, -2.5}},
    {2, DICT("<f8", "False", "()"), "\0\0\0\0\0\0\xf0\x3f", 8, CLRNN_DTYPE_F64, 0, {0}, {1}},
    {3, DICT(">f8", "False", "(1,)"), "\x3f\xf0\0\0\0\0\0\0", 8, CLRNN_DTYPE_F64, 1, {1}, {1}},
    {1, DICT("<f2", "False", "(4,)"), "\0\x3c\x01\0\0\x7c\xff\xfb", 8, CLRNN_DTYPE_F16, 1, {4},
     {1, 0x1p-24, 1.0 / 0.0, -65504}},
    {1, DICT(">f2", "False", "(1,)"), "\x3c\0", 2, CLRNN_DTYPE_F16, 1, {1}, {1}},
    {1, DICT("<i4", "False", "(2,)"), "\x02\0\0\0\xff\xff\xff\xff", 8, CLRNN_DTYPE_I32, 1, {2},
     {2, -1}},
    {1, DICT(">i4", "True", "(1,)"), "\0\0\x01\x02", 4, CLRNN_DTYPE_I32, 1, {1}, {258}},
    {1, DICT("<i8", "False", "(1,)"), "\x02\x01\0\0\0\0\0\0", 8, CLRNN_DTYPE_I64, 1, {1}, {258}},
    {1, DICT(">i8", "False", "(1,)"), "\xff\xff\xff\xff\xff\xff\xff\xfe", 8, CLRNN_DTYPE_I64, 1,
     {1}, {-2}},
    {1, DICT("|b1", "False", "(3,)"), "\0\x01\x07", 3, CLRNN_DTYPE_BOOL, 1, {3}, {0, 1, 1}},
    {1, DICT("<i4", "True", "(2, 3)"), "\0\0\0\0\x03\0\0\0\x01\0\0\0\x04\0\0\0\x02\0\0\0\x05\0\0\0",
     24, CLRNN_DTYPE_I32, 2, {2, 3}, {0, 1, 2, 3, 4, 5}},
    {1, DICT("|b1", "True", "(1, 2, 2)"), "\0\0\x01\0", 4, CLRNN_DTYPE_BOOL, 3, {1, 2, 2},
     {0, 1, 0, 0}},
    {1, DICT("<f8", "True", "(3, 0, 2)"), "", 0, CLRNN_DTYPE_F64, 3, {3, 0, 2}, {0}},
    {1, "{\"shape\":(1,1,),\"fortran_order\":False,\"descr\":\"|b1\"}", "\x01", 1, CLRNN_DTYPE_BOOL,
     2, {1, 1}, {1}},
    {1, " { 'shape' : ( 2L , ) ,\t'descr' : '|b1' , 'fortran_order' :True } \n \n", "\x01\0", 2,
     CLRNN_DTYPE_BOOL, 1, {2}, {1, 0}},
};
/* clang-format on */

START_TEST(reads_npy) {
    unsigned char bytes[SAMPLE];
    clrnn_arrays *arrays;
    clrnn_tensor values;
    const size_t size =
        build_npy(bytes, good[_i].version, good[_i].header, good[_i].data, good[_i].size);
    EXPECT_OK(parse(&arrays, bytes, size));
    const clrnn_tensor *tensor = clrnn_arrays_find(arrays, "");
    ck_assert_ptr_nonnull(tensor);
    ck_assert_uint_eq(clrnn_arrays_count(arrays), 1);
    ck_assert_int_eq(tensor->dtype, good[_i].dtype);
    ck_assert_int_eq(tensor->rank, good[_i].rank);
    for (int axis = 0; axis < tensor->rank; axis++) {
        ck_assert_int_eq(tensor->shape[axis], good[_i].shape[axis]);
    }
    EXPECT_OK(clrnn_arrays_convert(&values, arrays, "f64", CLRNN_DTYPE_F64, tensor));
    for (int64_t i = 0; i < clrnn_tensor_count(tensor); i++) {
        ck_assert_double_eq(((double *)values.data)[i], good[_i].values[i]);
    }
    clrnn_arrays_free(arrays);
    for (size_t cut = 0; cut < size; cut++) {
        ck_assert_int_eq(parse(&arrays, bytes, cut), CLRNN_STATUS_FORMAT);
    }
}
END_TEST

/* clang-format off */
static const struct {
    const char *header;
    const char *data;
    size_t size;
    const char *text;
    const char *error;
} texts[] = {
    {DICT("<U3", "False", "()"), "h\0\0\0\xe9\0\0\0\0\xf6\x01\0", 12, "h\xc3\xa9\xf0\x9f\x98\x80",
     NULL},
    {DICT(">U2", "False", "()"), "\0\0\x20\xac\0\0\0\0", 8, "\xe2\x82\xac", NULL},
    {DICT("<U0", "False", "()"), "", 0, "", NULL},
    {DICT("<U2", "False", "()"), "\0\0\0\0a\0\0\0", 8, NULL, "behind a zero at character 1"},
    {DICT("<U1", "False", "()"), "\0\xd8\0\0", 4, NULL, "must be Unicode, got 0xd800"},
    {DICT("<U1", "False", "()"), "\0\0\x11\0", 4, NULL, "must be Unicode, got 0x110000"},
    {DICT("<U1", "False", "(1,)"), "a\0\0\0", 4, NULL, "a text must be 0-d, got rank 1"},
    {DICT("<U2", "False", "()"), "a\0\0\0", 4, NULL, "(8 bytes of data), got 4"},
    {DICT("<U9999999999999", "False", "()"), "", 0, NULL, "dtype '<U9999999999999' is not read"},
    {DICT("<U9999999999", "False", "()"), "", 0, NULL, "(39999999996 bytes of data), got 0"},
};
/* clang-format on */

START_TEST(reads_text) {
    unsigned char bytes[SAMPLE];
    clrnn_arrays *arrays;
    clrnn_arrays *again;
    const size_t size = build_npy(bytes, 1, texts[_i].header, texts[_i].data, texts[_i].size);
    if (texts[_i].error != NULL) {
        expect_failure(parse(&arrays, bytes, size), CLRNN_STATUS_FORMAT, texts[_i].error);
        return;
    }
    EXPECT_OK(parse(&arrays, bytes, size));
    ck_assert_int_eq(clrnn_arrays_at(arrays, 0)->dtype, CLRNN_DTYPE_TEXT);
    ck_assert_str_eq(clrnn_arrays_at(arrays, 0)->data, texts[_i].text);
    make_folder();
    EXPECT_OK(clrnn_arrays_save(arrays, in_folder("t.npz")));
    EXPECT_OK(clrnn_arrays_load(&again, in_folder("t.npz")));
    ck_assert_str_eq(clrnn_arrays_at(again, 0)->data, texts[_i].text);
    remove_folder();
    clrnn_arrays_free(again);
    clrnn_arrays_free(arrays);
}
END_TEST

/* ---- .npy that is refused -------------------------------------------------------------------- */

/* clang-format off */
static const struct {
    int version;
    const char *header;
    size_t size;
    const char *error;
} bad[] = {
    {1, DICT("<f4", "False", "(3, 4)"), 40, "float32 [3][4] (48 bytes of data), got 40"},
    {1, DICT("<f4", "False", "(3, 4)"), 49, "float32 [3][4] (48 bytes of data), got 49"},
    {1, DICT("<f4", "False", "()"), 3, "float32 scalar (4 bytes of data), got 3"},
    {1, DICT("<f4", "False", "(0,)"), 1, "float32 [0] (0 bytes of data), got 1"},
    {0, DICT("<f4", "False", "(1,)"), 4, "version must be 1.0, 2.0 or 3.0, got 0.0"},
    {4, DICT("<f4", "False", "(1,)"), 4, "version must be 1.0, 2.0 or 3.0, got 4.0"},
    {1, DICT("|O", "False", "(1,)"), 8, "holds pickled Python objects (dtype '|O')"},
    {1, DICT("<O8", "False", "(1,)"), 8, "holds pickled Python objects (dtype '<O8')"},
    {1, DICT("<i2", "False", "(1,)"), 2, "dtype '<i2' is not read"},
    {1, DICT("|i1", "False", "(1,)"), 1, "dtype '|i1' is not read"},
    {1, DICT("|u1", "False", "(1,)"), 1, "dtype '|u1' is not read"},
    {1, DICT("<u4", "False", "(1,)"), 4, "dtype '<u4' is not read"},
    {1, DICT("<c8", "False", "(1,)"), 8, "dtype '<c8' is not read"},
    {1, DICT("<f16", "False", "(1,)"), 16, "dtype '<f16' is not read"},
    {1, DICT("|S4", "False", "(1,)"), 4, "dtype '|S4' is not read"},
    {1, DICT("|f4", "False", "(1,)"), 4, "dtype '|f4' is not read"},
    {1, DICT("f4", "False", "(1,)"), 4, "dtype 'f4' is not read"},
    {1, DICT("", "False", "(1,)"), 4, "dtype '' is not read"},
    {1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", 4, "structured array"},
    {1, DICT("<f4", "False", "(1)"), 4, "must be a tuple, got (1)"},
    {1, DICT("<f4", "False", "[1]"), 4, "expected the shape's '(' at byte 50, got '['"},
    {1, DICT("<f4", "False", "(,)"), 4, "expected a size that is not negative at byte 51, got ','"},
    {1, DICT("<f4", "False", "(-1,)"), 4, "a size that is not negative at byte 51, got '-'"},
    {1, DICT("<f4", "False", "(1 2)"), 4, "expected ',' or ')'"},
    {1, DICT("<f4", "False", "(0x1,)"), 0, "expected ',' or ')'"},
    {1, DICT("<f4", "False", "(1,1,1,1,1,1,1,1,1)"), 4, "rank must be at most 8"},
    {1, DICT("<f4", "False", "(9223372036854775808,)"), 4, "is over 9223372036854775807"},
    {1, DICT("<f4", "False", "(9223372036854775807,)"), 4, "more than memory can hold"},
    {1, DICT("<f4", "False", "(4294967296, 4294967296)"), 4, "more than memory can hold"},
    {1, DICT("<f4", "False", "(0, 4294967296, 4294967296)"), 0, "more than memory can hold"},
    {1, DICT("<f4", "false", "(1,)"), 4, "expected True or False"},
    {1, DICT("<f4", "Falsey", "(1,)"), 4, "expected ',' or '}'"},
    {1, DICT("<f\\x34", "False", "(1,)"), 4, "expected the rest of a string"},
    {1, "", 0, "expected '{' at byte 0, got its end"},
    {1, "{}", 0, "key 'descr' is missing"},
    {1, "{,}", 0, "expected a string at byte 1, got ','"},
    {1, "{'descr': '<f4', 'fortran_order': False}", 4, "key 'shape' is missing"},
    {1, "{'descr': '<f4', 'shape': (1,)}", 4, "key 'fortran_order' is missing"},
    {1, "{'descr': '<f4', 'descr': '<f4'}", 4, "key 'descr' stands twice"},
    {1, "{'x': 1}", 4, "unknown key 'x'"},
    {1, "{'descr' '<f4'}", 4, "expected ':'"},
    {1, "{'descr': '<f4' 'shape': ()}", 4, "expected ',' or '}'"},
    {1, "{'descr': '<f4", 4, "expected the rest of a string at byte 14, got its end"},
    {1, "{'descr\": '<f4'}", 4, "unknown key"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", 4, "expected only spaces"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", 4, "expected ',' or '}'"},
    {1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,", 4, "got its end"},
    {1, "\x01", 4, "got byte 0x01"},
};
/* clang-format on */

START_TEST(refuses_npy) {
    static const char zeros[64];
    unsigned char bytes[SAMPLE];
    clrnn_arrays *arrays;
    const size_t size = build_npy(bytes, bad[_i].version, bad[_i].header, zeros, bad[_i].size);
    expect_failure(parse(&arrays, bytes, size), CLRNN_STATUS_FORMAT, bad[_i].error);
    ck_assert_ptr_null(arrays);
    ck_assert_ptr_eq(strstr(clrnn_last_error()->message, "x.npy: "), clrnn_last_error()->message);
}
END_TEST

START_TEST(refuses_what_is_no_file_of_ours) {
    clrnn_arrays *arrays;
    const unsigned char large[] = "\x93NUMPY\x02\0\x01\0\x01\0{}";
    const unsigned char longer[] = "\x93NUMPY\x01\0\x03\0{}";
    expect_failure(parse(&arrays, large, 14), CLRNN_STATUS_FORMAT,
                   "at most 65536 bytes, got 65537");
    expect_failure(parse(&arrays, longer, 12), CLRNN_STATUS_FORMAT,
                   "needs 3 bytes, the file has 2");
    expect_failure(parse(&arrays, large, 0), CLRNN_STATUS_FORMAT, "is empty");
    expect_failure(parse(&arrays, (const unsigned char *)"GIF89a", 6), CLRNN_STATUS_FORMAT,
                   "neither .npy nor .npz: starts with byte 0x47");
    expect_failure(clrnn_arrays_load(&arrays, "/nonexistent.npy"), CLRNN_STATUS_IO,
                   "No such file or directory");
    expect_failure(clrnn_arrays_load(&arrays, "/tmp"), CLRNN_STATUS_IO, "is a directory");
    expect_failure(clrnn_arrays_load(&arrays, "/dev/zero"), CLRNN_STATUS_FORMAT, "neither");
    expect_failure(clrnn_arrays_load(&arrays, "/dev/null"), CLRNN_STATUS_FORMAT, "is empty");
    expect_failure(clrnn_arrays_load(&arrays, "no\nsuch"), CLRNN_STATUS_IO, "no\\nsuch: ");
    expect_failure(clrnn_arrays_load(NULL, "x"), CLRNN_STATUS_ARGUMENT, "NULL");
    expect_failure(clrnn_arrays_load(&arrays, NULL), CLRNN_STATUS_ARGUMENT, "NULL");
}
END_TEST

/* ---- .npz ------------------------------------------------------------------------------------ */

/* numpy.savez_compressed(a=arange(6, dtype=float32).reshape(2, 3)) */
static const unsigned char deflated[] = {
    0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x4f, 0xe9,
    0x00, 0x2a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x61, 0x2e,
    0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0x98, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x55,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b, 0x10, 0xc9, 0xc8, 0x50,
    0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0, 0x6e, 0x93, 0x66, 0xa2,
    0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a,
    0x12, 0x77, 0x4b, 0xcc, 0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xf9, 0x1a,
    0x46, 0x3a, 0x0a, 0xc6, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0x64, 0x03, 0x2e, 0x06, 0x30, 0x68, 0xb0,
    0x07, 0x12, 0x0e, 0x40, 0x04, 0xc4, 0x0d, 0x40, 0xbc, 0xc0, 0x01, 0x00, 0x50, 0x4b, 0x01, 0x02,
    0x2d, 0x03, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x4f, 0xe9, 0x00, 0x2a,
    0x55, 0x00, 0x00, 0x00, 0x98, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x61, 0x2e, 0x6e, 0x70, 0x79, 0x50,
    0x4b, 0x05, 0x06, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x33, 0x00, 0x00, 0x00, 0x8c,
    0x00, 0x00, 0x00, 0x00, 0x00,
};

START_TEST(reads_deflated_npz) {
    clrnn_arrays *arrays;
    EXPECT_OK(parse(&arrays, deflated, sizeof deflated));
    const clrnn_tensor *a = clrnn_arrays_find(arrays, "a");
    ck_assert_ptr_nonnull(a);
    ck_assert_int_eq(a->shape[0], 2);
    ck_assert_int_eq(a->shape[1], 3);
    for (int i = 0; i < 6; i++) {
        ck_assert_float_eq(((float *)a->data)[i], (float)i);
    }
    clrnn_arrays_free(arrays);
}
END_TEST

/* A good .npz of two arrays, `a` and `b`, with bytes changed in a local or central header. */
/* clang-format off */
static const struct {
    int use_deflated;
    int entry;
    int at; /* in the entry's central header */
    const char *change;
    size_t size;
    const char *error;
} patches[] = {
    {0, 0, 46, "a.npx", 5, "a.npx: is not an array: every entry of .npz must end in .npy"},
    {0, 1, 46, "a.npy", 5, "a: two entries have this name"},
    {0, 1, 8, "\x01", 1, "b: is encrypted"},
    {0, 1, 10, "\x0e", 1, "b: must be stored or deflated, got compression method 14"},
    {0, 0, 16, "\x01\x02\x03\x04", 4, "a: is damaged: CRC error"},
    {0, 0, 24, "\xff\xff\xff", 3, "a: is stored and says 136 bytes in, 16777215 out"},
    {0, 0, 20, "\xff\xff\xff\x0f\xff\xff\xff\x0f", 8,
     "a: says 268435455 compressed bytes, the file has 506 left"},
    {1, 0, 24, "\xff\xff\xff\x0f", 4, "more than deflate can do (x 1032)"},
    {1, 0, 24, "\x99", 1, "a: "},
    {1, 0, 24, "\x97", 1, "a: "},
};
/* clang-format on */

static unsigned char *find_central(unsigned char *bytes, size_t size, int entry) {
    for (size_t i = 0; i + 4 <= size; i++) {
        if (memcmp(bytes + i, "PK\x01\x02", 4) == 0 && entry-- == 0) {
            return bytes + i;
        }
    }
    ck_abort_msg("no central header");
    return NULL;
}

START_TEST(refuses_npz) {
    clrnn_arrays *arrays;
    clrnn_tensor tensor;
    const int64_t shape[] = {2};
    size_t size = sizeof deflated;
    unsigned char *bytes = malloc(size);
    make_folder();
    if (patches[_i].use_deflated) {
        memcpy(bytes, deflated, size);
    } else {
        free(bytes);
        EXPECT_OK(clrnn_arrays_create(&arrays));
        EXPECT_OK(clrnn_arrays_add(&tensor, arrays, "a", CLRNN_DTYPE_F32, 1, shape));
        EXPECT_OK(clrnn_arrays_add(&tensor, arrays, "b", CLRNN_DTYPE_F32, 1, shape));
        EXPECT_OK(clrnn_arrays_save(arrays, in_folder("g.npz")));
        clrnn_arrays_free(arrays);
        bytes = read_whole(in_folder("g.npz"), &size);
    }
    memcpy(find_central(bytes, size, patches[_i].entry) + patches[_i].at, patches[_i].change,
           patches[_i].size);
    expect_failure(parse(&arrays, bytes, size), CLRNN_STATUS_FORMAT, patches[_i].error);
    free(bytes);
    remove_folder();
}
END_TEST

static const char *const numpy_files[] = {
    "seed_x.npy",     "x_test.npy",     "lengths_test.npy",       "labels_test.npy",
    "seed_numpy.npz", "simple_rnn.npz", "expected_seed_numpy.npy"};

START_TEST(writes_what_numpy_writes) {
    char from[TEXT];
    clrnn_arrays *arrays;
    size_t sizes[2];
    snprintf(from, sizeof from, "tests/data/%s", numpy_files[_i]);
    make_folder();
    EXPECT_OK(clrnn_arrays_load(&arrays, from));
    EXPECT_OK(clrnn_arrays_save(arrays, in_folder(numpy_files[_i])));
    unsigned char *theirs = read_whole(from, &sizes[0]);
    unsigned char *ours = read_whole(in_folder(numpy_files[_i]), &sizes[1]);
    ck_assert_uint_eq(sizes[0], sizes[1]);
    ck_assert_mem_eq(theirs, ours, sizes[0]);
    ck_assert_int_eq(count_files(), 1);
    free(theirs);
    free(ours);
    clrnn_arrays_free(arrays);
    remove_folder();
}
END_TEST

START_TEST(reads_the_values_of_a_file) {
    clrnn_arrays *arrays;
    EXPECT_OK(clrnn_arrays_load(&arrays, "tests/data/lengths_test.npy"));
    const clrnn_tensor *lengths = clrnn_arrays_at(arrays, 0);
    int32_t least = INT32_MAX;
    int32_t most = 0;
    ck_assert_int_eq(lengths->dtype, CLRNN_DTYPE_I32);
    ck_assert_int_eq(clrnn_tensor_count(lengths), 370);
    for (int i = 0; i < 370; i++) {
        const int32_t length = ((int32_t *)lengths->data)[i];
        least = length < least ? length : least;
        most = length > most ? length : most;
    }
    ck_assert_int_eq(least, 7);
    ck_assert_int_eq(most, 29);
    clrnn_arrays_free(arrays);
}
END_TEST

/* Whatever the bytes, the parser returns; a cut file is always refused. */
static void torment(const unsigned char *bytes, size_t size) {
    static const unsigned char flips[] = {0x01, 0x80, 0xff};
    clrnn_arrays *arrays;
    unsigned char *changed = malloc(size);
    for (size_t cut = 0; cut < size; cut++) {
        ck_assert_int_eq(parse(&arrays, bytes, cut), CLRNN_STATUS_FORMAT);
    }
    for (size_t at = 0; at < size; at++) {
        for (size_t i = 0; i < sizeof flips; i++) {
            memcpy(changed, bytes, size);
            changed[at] ^= flips[i];
            if (parse(&arrays, changed, size) == CLRNN_STATUS_OK) {
                clrnn_arrays_free(arrays);
            }
        }
    }
    free(changed);
}

START_TEST(survives_hostile_files) {
    static const char *const files[] = {"tests/data/seed_x.npy", "tests/data/seed_numpy.npz"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t size;
        unsigned char *bytes = read_whole(files[i], &size);
        torment(bytes, size);
        free(bytes);
    }
    torment(deflated, sizeof deflated);
}
END_TEST

Suite *arrays_suite(void) {
    Suite *suite = suite_create("arrays");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 120);
    tcase_add_loop_test(files, reads_npy, 0, COUNT(good));
    tcase_add_loop_test(files, reads_text, 0, COUNT(texts));
    tcase_add_loop_test(files, refuses_npy, 0, COUNT(bad));
    tcase_add_test(files, refuses_what_is_no_file_of_ours);
    tcase_add_test(files, reads_deflated_npz);
    tcase_add_loop_test(files, refuses_npz, 0, COUNT(patches));
    tcase_add_loop_test(files, writes_what_numpy_writes, 0, COUNT(numpy_files));
    tcase_add_test(files, reads_the_values_of_a_file);
    tcase_add_test(files, survives_hostile_files);
    suite_add_tcase(suite, files);
    return suite;
}
