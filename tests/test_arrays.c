/*
 * test_arrays.c: .npy and .npz, read, written and refused; output files; conversion.
 *
 * Samples are built here, byte by byte, or are files of tests/data that NumPy wrote: what we write
 * must be NumPy's bytes. Hostile files are good ones cut at every byte and changed at every byte.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "clrnn.h"
#include "io/arrays.h"
#include "io/output.h"

#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

Suite *arrays_suite(void);

enum { SAMPLE = 8192, TEXT = 512 };

/* ---- helpers --------------------------------------------------------------------------------- */

static void expect_failure(clrnn_status got, clrnn_status status, const char *part) {
    const clrnn_error *error = clrnn_last_error();
    ck_assert_msg(got == status, "expected %s with \"%s\", got %s: %s", clrnn_status_name(status),
                  part, clrnn_status_name(got), error->message);
    ck_assert_msg(strstr(error->message, part) != NULL, "expected \"%s\" in \"%s\"", part,
                  error->message);
}

#define EXPECT_OK(call)                                                                            \
    ck_assert_msg((call) == CLRNN_STATUS_OK, "%s: %s", #call, clrnn_last_error()->message)

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

/* On memory of exactly that size, so that a read past the end is seen. */
static clrnn_status parse(clrnn_arrays **out, const unsigned char *bytes, size_t size) {
    unsigned char *exact = malloc(size > 0 ? size : 1);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, bytes, size);
    *out = NULL;
    const clrnn_status status = arrays_parse(out, exact, size, "x.npy");
    free(exact);
    return status;
}

static unsigned char *read_whole(const char *path, size_t *size) {
    unsigned char *bytes = NULL;
    EXPECT_OK(arrays_read_file(&bytes, size, path));
    return bytes;
}

static char folder[64];

static void make_folder(void) {
    strcpy(folder, "/tmp/clrnn-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static const char *in_folder(const char *name) {
    static char path[4][TEXT];
    static unsigned turn;
    char *to = path[turn++ % 4];
    snprintf(to, TEXT, "%s/%s", folder, name);
    return to;
}

static int count_files(void) {
    int count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count - 2;
}

static void remove_folder(void) {
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        unlink(in_folder(entry->d_name));
    }
    closedir(dir);
    rmdir(folder);
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

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

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
