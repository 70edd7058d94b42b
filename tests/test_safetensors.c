/*
 * test_safetensors.c: .safetensors, read, written and refused.
 *
 * Files are built here from a header and data, or are one that the Python package wrote: what we
 * write must be its bytes. Hostile files are good ones cut at every byte and changed at every byte.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "files.h"
#include "suites.h"

#include "clrnn.h"
#include "io/arrays.h"
#include "io/bytes.h"
#include "io/safetensors.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* On memory of exactly that size, so that a read past the end is seen. */
static clrnn_status read_bytes(clrnn_arrays **out, const unsigned char *bytes, size_t size) {
    unsigned char *exact = malloc(size > 0 ? size : 1);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, bytes, size);
    EXPECT_OK(clrnn_arrays_create(out));
    const clrnn_status status = safetensors_read(*out, exact, size, "x");
    free(exact);
    return status;
}

static size_t build(unsigned char *to, const char *header, const void *data, size_t data_size) {
    const size_t length = strlen(header);
    ck_assert_uint_le(8 + length + data_size, SAMPLE);
    bytes_put(to, length, 8);
    memcpy(to + 8, header, length);
    memcpy(to + 8 + length, data, data_size);
    return 8 + length + data_size;
}

static clrnn_status read_built(clrnn_arrays **out, const char *header, const void *data,
                               size_t data_size) {
    unsigned char bytes[SAMPLE];
    return read_bytes(out, bytes, build(bytes, header, data, data_size));
}

/* ---- read ------------------------------------------------------------------------------------ */

#define ARRAY(dtype, shape, offsets)                                                               \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

/* clang-format off */
static const struct {
    const char *header;
    const char *data;
    size_t size;
    clrnn_dtype dtype;
    int rank;
    int64_t shape[3];
    double values[4];
} good[] = {
    {"{\"a\":" ARRAY("F32", "[2]", "[0,8]") "}", "\0\0\x80\x3f\0\0\x20\xc0", 8,
     CLRNN_DTYPE_F32, 1, {2}, {1, -2.5}},
    {"{\"a\":" ARRAY("F64", "[1,1,1]", "[0,8]") "}", "\0\0\0\0\0\0\xf0\x3f", 8,
     CLRNN_DTYPE_F64, 3, {1, 1, 1}, {1}},
    {"{\"a\":" ARRAY("F16", "[2,2]", "[0,8]") "}", "\0\x3c\x01\0\0\x7c\xff\xfb", 8,
     CLRNN_DTYPE_F16, 2, {2, 2}, {1, 0x1p-24, 1.0 / 0.0, -65504}},
    {"{\"a\":" ARRAY("BF16", "[2,2]", "[0,8]") "}", "\x80\x3f\x20\xc0\x80\xff\x01\0", 8,
     CLRNN_DTYPE_F32, 2, {2, 2}, {1, -2.5, -1.0 / 0.0, 0x1p-133}},
    {"{\"a\":" ARRAY("I32", "[2]", "[0,8]") "}", "\x01\x02\0\0\xff\xff\xff\xff", 8,
     CLRNN_DTYPE_I32, 1, {2}, {513, -1}},
    {"{\"a\":" ARRAY("I64", "[1]", "[0,8]") "}", "\0\0\0\0\0\0\0\x80", 8,
     CLRNN_DTYPE_I64, 1, {1}, {-0x1p63}},
    {"{\"a\":" ARRAY("BOOL", "[3]", "[0,3]") "}", "\0\x01\xff", 3,
     CLRNN_DTYPE_BOOL, 1, {3}, {0, 1, 1}},
    {"{\"a\":" ARRAY("F32", "[]", "[0,4]") "}", "\0\0\x80\x3f", 4, CLRNN_DTYPE_F32, 0, {0}, {1}},
    {"{\"a\":" ARRAY("F32", "[2,0]", "[0,0]") "}", "", 0, CLRNN_DTYPE_F32, 2, {2, 0}, {0}},
    /* Any order, any place, spaces behind, metadata of others. */
    {"{\"b\":" ARRAY("BOOL", "[1]", "[4,5]") ", \"a\": " ARRAY("F32", "[1]", "[ 0 , 4 ]") "}  \n ",
     "\0\0\x80\x3f\x01", 5, CLRNN_DTYPE_F32, 1, {1}, {1}},
    {"{\"b\":" ARRAY("BOOL", "[3]", "[0,3]") ",\"a\":" ARRAY("F32", "[1]", "[3,7]") "}",
     "\x01\x01\x01\0\0\x80\x3f", 7, CLRNN_DTYPE_F32, 1, {1}, {1}},
    {"{\"__metadata__\":{\"format\":\"pt\",\"\":\"\\u00e9\"},\"a\":"
     "{\"data_offsets\":[0,4],\"shape\":[1],\"dtype\":\"F32\"}}",
     "\0\0\x80\x3f", 4, CLRNN_DTYPE_F32, 1, {1}, {1}},
};
/* clang-format on */

START_TEST(reads_arrays) {
    clrnn_arrays *arrays;
    clrnn_tensor doubles;
    EXPECT_OK(read_built(&arrays, good[_i].header, good[_i].data, good[_i].size));
    const clrnn_tensor *tensor = clrnn_arrays_find(arrays, "a");
    ck_assert_ptr_nonnull(tensor);
    ck_assert_int_eq(tensor->dtype, good[_i].dtype);
    ck_assert_int_eq(tensor->rank, good[_i].rank);
    ck_assert_mem_eq(tensor->shape, good[_i].shape, (size_t)tensor->rank * sizeof(int64_t));
    EXPECT_OK(clrnn_arrays_convert(&doubles, arrays, "doubles", CLRNN_DTYPE_F64, tensor));
    for (int64_t i = 0; i < clrnn_tensor_count(&doubles); i++) {
        ck_assert_double_eq(((double *)doubles.data)[i], good[_i].values[i]);
        if (tensor->dtype == CLRNN_DTYPE_BOOL) {
            ck_assert_int_le(((unsigned char *)tensor->data)[i], 1);
        }
    }
    clrnn_arrays_free(arrays);
}
END_TEST

START_TEST(reads_texts) {
    clrnn_arrays *arrays;
    EXPECT_OK(read_built(
        &arrays, "{\"__metadata__\":{\"clrnn.config\":\"{\\\"a\\\"}\",\"x\":\"y\"}}", "", 0));
    ck_assert_uint_eq(clrnn_arrays_count(arrays), 1);
    ck_assert_str_eq(clrnn_arrays_name(arrays, 0), "config");
    ck_assert_int_eq(clrnn_arrays_at(arrays, 0)->dtype, CLRNN_DTYPE_TEXT);
    ck_assert_str_eq(clrnn_arrays_at(arrays, 0)->data, "{\"a\"}");
    clrnn_arrays_free(arrays);
}
END_TEST

/* ---- refused --------------------------------------------------------------------------------- */

#define ONE(dtype, shape, offsets) "{\"a\":" ARRAY(dtype, shape, offsets) "}"
#define TWO(first, second)                                                                         \
    "{\"a\":" ARRAY("F32", "[1]", first) ",\"b\":" ARRAY("F32", "[1]", second) "}"
#define OFFSETS "x: a: data_offsets must be [begin, end]"
#define EXTENT "of the shape must be an integer that is not negative, got "

static const struct {
    const char *header;
    size_t size; /* of the data */
    const char *error;
} bad[] = {
    {"", 0, "x: header: must start with '{'"},
    {" {}", 0, "must start with '{'"},
    {"[]", 0, "must start with '{'"},
    {"{", 0, "x: header: is not JSON: "},
    {"{}}", 0, "is not JSON: "},
    {"{\"a\":1,}", 0, "is not JSON: "},
    {"{\"a\":NaN}", 0, "is not JSON: "},
    {"{\"\xff\":1}", 0, "is not JSON: unable to decode byte 0xff"},
    {"{\"\xed\xa0\x80\":1}", 0, "is not JSON: unable to decode byte 0xed"},
    {"{\"a\\u0000\":1}", 0, "is not JSON: "},
    {"{\"a\":\"\\u0000\"}", 0, "is not JSON: "},
    {"{\"a\":[[[1]]]}", 0, "x: header: must be nested at most 3 deep"},
    {"{\"a\":" ARRAY("F32", "[1]", "[0,4]") ",\"a\":" ARRAY("F32", "[1]", "[0,4]") "}", 4,
     "is not JSON: duplicate object key"},
    {"{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "is not JSON: duplicate object key"},
    {"{\"a\":1}", 0, "x: a: must be an object with dtype, shape and data_offsets, got 1"},
    {"{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "x: a: has no dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "x: a: has no shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "x: a: has no data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
     "x: a: has an unknown key 'x'"},
    {ONE("U8", "[1]", "[0,1]"), 1, "x: a: dtype 'U8' is not read, expected F16, BF16, F32, F64"},
    {ONE("f32", "[1]", "[0,4]"), 4, "x: a: dtype 'f32' is not read"},
    {"{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype 7 is not read"},
    {ONE("F32", "1", "[0,4]"), 4, "x: a: the shape must be a list, got 1"},
    {ONE("F32", "[1.0]", "[0,4]"), 4, "x: a: axis 0 " EXTENT "1.0"},
    {ONE("F32", "[1,-1]", "[0,4]"), 4, "x: a: axis 1 " EXTENT "-1"},
    {ONE("F32", "[true]", "[0,4]"), 4, EXTENT "true"},
    {ONE("F32", "[\"1\"]", "[0,4]"), 4, EXTENT "'1'"},
    {ONE("F32", "[null]", "[0,4]"), 4, EXTENT "null"},
    {ONE("F32", "[9223372036854775808]", "[0,4]"), 4, "is not JSON: too big integer"},
    {ONE("F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "x: a: the rank must be at most 8, got 9"},
    {ONE("F32", "[4611686018427387904,4]", "[0,0]"), 0, "more than memory can hold"},
    {ONE("F32", "[9223372036854775807]", "[0,0]"), 0, "more than memory can hold"},
    {ONE("F32", "[1152921504606846976]", "[0,4611686018427387904]"), 4,
     "more than memory can hold"},
    {ONE("F32", "[1]", "[0]"), 4, OFFSETS},
    {ONE("F32", "[1]", "[0,4,4]"), 4, OFFSETS},
    {ONE("F32", "[1]", "4"), 4, OFFSETS},
    {ONE("F32", "[1]", "[4,0]"), 4, OFFSETS},
    {ONE("F32", "[1]", "[-4,0]"), 4, OFFSETS},
    {ONE("F32", "[1]", "[0,4.0]"), 4, OFFSETS},
    {ONE("F32", "[1]", "[0,\"4\"]"), 4, OFFSETS},
    {ONE("F32", "[2]", "[0,4]"), 4,
     "x: a: says float32 [2] of F32, 8 bytes, and data_offsets of 4"},
    {ONE("BF16", "[2]", "[0,8]"), 8, "4 bytes, and data_offsets of 8"},
    {ONE("F32", "[1]", "[0,4]"), 3, "x: a: ends at byte 4 of the data, which have 3"},
    {ONE("F32", "[1]", "[0,4]"), 5, "x: has 5 bytes of data, of which its arrays cover 4"},
    {ONE("F32", "[1]", "[4,8]"), 8,
     "x: a: begins at byte 4 of the data, the array before it ends at 0"},
    {ONE("F32", "[1048576]", "[0,4194304]"), 4, "ends at byte 4194304 of the data, which have 4"},
    {TWO("[0,4]", "[0,4]"), 4, "begins at byte 0 of the data, the array before it ends at 4"},
    {TWO("[0,4]", "[2,6]"), 6, "x: b: begins at byte 2 of the data, the array before it ends at 4"},
    {TWO("[0,4]", "[8,12]"), 12, "x: b: begins at byte 8 of the data"},
    {TWO("[4,8]", "[8,12]"), 12, "x: a: begins at byte 4 of the data"},
    {"{}", 1, "x: has 1 bytes of data, of which its arrays cover 0"},
    {"{\"__metadata__\":[]}", 0, "x: __metadata__: must be an object of texts, got a list"},
    {"{\"__metadata__\":{\"a\":1}}", 0, "x: __metadata__: a must be a text, got 1"},
    {"{\"__metadata__\":{\"a\":{}}}", 0, "x: __metadata__: a must be a text, got an object"},
    {"{\"__metadata__\":{\"clrnn.a\":\"\"},\"a\":" ARRAY("F32", "[1]", "[0,4]") "}", 4,
     "x: __metadata__: clrnn.a has the name of an array"},
};

START_TEST(refuses_headers) {
    static const unsigned char data[16];
    clrnn_arrays *arrays;
    expect_failure(read_built(&arrays, bad[_i].header, data, bad[_i].size), CLRNN_STATUS_FORMAT,
                   bad[_i].error);
    clrnn_arrays_free(arrays);
}
END_TEST

START_TEST(refuses_lengths) {
    static const struct {
        uint64_t length;
        const char *error;
    } lengths[] = {
        {0, "must start with '{'"},
        {1, "is not JSON"},
        {3, "x: header: needs 3 bytes, the file has 2 left"},
        {1048576, "needs 1048576 bytes, the file has 2 left"},
        {1048577, "x: header: must be at most 1048576 bytes, got 1048577"},
        {UINT64_C(1) << 63, "at most 1048576 bytes, got 9223372036854775808"},
        {UINT64_MAX, "at most 1048576 bytes, got 18446744073709551615"},
        {UINT64_MAX - 7, "at most 1048576 bytes"},
    };
    for (int i = 0; i < COUNT(lengths); i++) {
        unsigned char bytes[10] = "........{}";
        clrnn_arrays *arrays;
        bytes_put(bytes, lengths[i].length, 8);
        expect_failure(read_bytes(&arrays, bytes, sizeof bytes), CLRNN_STATUS_FORMAT,
                       lengths[i].error);
        clrnn_arrays_free(arrays);
    }
}
END_TEST

/* A parser that recurses would need as much stack as there are brackets. */
START_TEST(refuses_deep_headers) {
    enum { DEEP = 1 << 20 };
    unsigned char *bytes = malloc(8 + DEEP);
    clrnn_arrays *arrays;
    ck_assert_ptr_nonnull(bytes);
    bytes_put(bytes, DEEP, 8);
    memset(bytes + 8, '[', DEEP);
    memcpy(bytes + 8, "{\"a\":", 5);
    expect_failure(read_bytes(&arrays, bytes, 8 + DEEP), CLRNN_STATUS_FORMAT, "at most 3 deep");
    clrnn_arrays_free(arrays);
    /* Brackets in a string are none. */
    EXPECT_OK(read_built(&arrays, "{\"__metadata__\":{\"[[[[\":\"\\\"{{{{\"}}", "", 0));
    clrnn_arrays_free(arrays);
    free(bytes);
}
END_TEST

START_TEST(survives_cuts_and_changes) {
    static const unsigned char flips[] = {0x01, 0x03, 0x10, 0x80, 0xff};
    unsigned char bytes[SAMPLE];
    clrnn_arrays *arrays;
    const size_t size = build(
        bytes,
        "{\"__metadata__\":{\"clrnn.config\":\"{}\"},"
        "\"a\":" ARRAY("F32", "[2,3]", "[0,24]") ",\"b\":" ARRAY("BF16", "[2]", "[24,28]") "}",
        "0123456789abcdefghijklmnopqr", 28);
    EXPECT_OK(read_bytes(&arrays, bytes, size));
    clrnn_arrays_free(arrays);
    for (size_t cut = 0; cut < size; cut++) {
        expect_failure(read_bytes(&arrays, bytes, cut), CLRNN_STATUS_FORMAT, "x: ");
        clrnn_arrays_free(arrays);
    }
    for (size_t at = 0; at < size; at++) {
        for (int i = 0; i < COUNT(flips); i++) {
            bytes[at] ^= flips[i];
            const clrnn_status status = read_bytes(&arrays, bytes, size);
            ck_assert(status == CLRNN_STATUS_OK || status == CLRNN_STATUS_FORMAT);
            clrnn_arrays_free(arrays);
            bytes[at] ^= flips[i];
        }
    }
}
END_TEST

START_TEST(is_told_by_content) {
    clrnn_arrays *arrays;
    ck_assert_int_eq(arrays_probe((const unsigned char *)"\x02\0\0\0\0\0\0\0{}", 10),
                     ARRAYS_SAFETENSORS);
    ck_assert_int_eq(arrays_probe((const unsigned char *)"\x02\0\0\0\0\0\0\0{", 8), ARRAYS_UNKNOWN);
    ck_assert_int_eq(arrays_probe((const unsigned char *)"\x02\0\0\0\0\0\0\0[]", 10),
                     ARRAYS_UNKNOWN);
    ck_assert_int_eq(arrays_probe((const unsigned char *)"{\"abcd\":{}}", 11), ARRAYS_UNKNOWN);
    /* A header of 19280 bytes starts as a .zip does. */
    ck_assert_int_eq(arrays_probe((const unsigned char *)"PK\0\0\0\0\0\0{}", 10),
                     ARRAYS_SAFETENSORS);
    ck_assert_int_eq(arrays_probe((const unsigned char *)"PK\3\4\x14\0\0\0\0\0", 10), ARRAYS_ZIP);
    expect_failure(clrnn_arrays_load(&arrays, "tests/data/torch_bilstm.safetensors"),
                   CLRNN_STATUS_FORMAT, "arrays are read from .npy and .npz");
    ck_assert_ptr_null(arrays);
}
END_TEST

/* ---- written --------------------------------------------------------------------------------- */

/* What safetensors 0.8.0 saves. */
static const char expected[] =
    "\xb8\x01\0\0\0\0\0\0"
    "{\"__metadata__\":{\"format\":\"pt\"},"
    "\"i64\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]},"
    "\"f64\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[8,16]},"
    "\"aa\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[16,20]},"
    "\"b\\\"\xc3\xa9/\":{\"dtype\":\"F32\",\"shape\":[2,0],\"data_offsets\":[20,20]},"
    "\"i32\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[20,24]},"
    "\"f16\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[24,26]},"
    "\"bool\":{\"dtype\":\"BOOL\",\"shape\":[1],\"data_offsets\":[26,27]}}       "
    "\x01\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\xf0\x3f"
    "\0\0\x80\x3f"
    "\x01\0\0\0"
    "\0\x3c"
    "\x01";

START_TEST(writes_reference_bytes) {
    static const struct {
        const char *name;
        clrnn_dtype dtype;
        int rank;
        int64_t shape[2];
    } rows[] = {{"bool", CLRNN_DTYPE_BOOL, 1, {1}}, {"b\"\xc3\xa9/", CLRNN_DTYPE_F32, 2, {2, 0}},
                {"f16", CLRNN_DTYPE_F16, 1, {1}},   {"aa", CLRNN_DTYPE_F32, 1, {1}},
                {"f64", CLRNN_DTYPE_F64, 0, {0}},   {"i32", CLRNN_DTYPE_I32, 1, {1}},
                {"i64", CLRNN_DTYPE_I64, 1, {1}}};
    const float ones[1] = {1};
    clrnn_arrays *arrays;
    size_t size;
    EXPECT_OK(clrnn_arrays_create(&arrays));
    for (int i = 0; i < COUNT(rows); i++) {
        clrnn_tensor source = {.data = (void *)ones, .rank = rows[i].rank};
        clrnn_tensor out;
        memcpy(source.shape, rows[i].shape, sizeof rows[i].shape);
        EXPECT_OK(clrnn_arrays_convert(&out, arrays, rows[i].name, rows[i].dtype, &source));
    }
    make_folder();
    EXPECT_OK(arrays_write(arrays, in_folder("x.safetensors"), ARRAYS_SAFETENSORS));
    unsigned char *bytes = read_whole(in_folder("x.safetensors"), &size);
    ck_assert_uint_eq(size, sizeof expected - 1);
    ck_assert_mem_eq(bytes, expected, size);
    free(bytes);
    clrnn_arrays_free(arrays);
    remove_folder();
}
END_TEST

/* A file of the Python package, read and written again. */
START_TEST(writes_what_it_read) {
    static const char path[] = "tests/data/torch_bilstm.safetensors";
    clrnn_arrays *arrays;
    size_t size, again_size;
    unsigned char *bytes = read_whole(path, &size);
    EXPECT_OK(read_bytes(&arrays, bytes, size));
    ck_assert_uint_eq(clrnn_arrays_count(arrays), 16);
    make_folder();
    EXPECT_OK(arrays_write(arrays, in_folder("x"), ARRAYS_SAFETENSORS));
    unsigned char *again = read_whole(in_folder("x"), &again_size);
    ck_assert_uint_eq(size, again_size);
    ck_assert_mem_eq(bytes, again, size);
    free(bytes);
    free(again);
    clrnn_arrays_free(arrays);
    remove_folder();
}
END_TEST

START_TEST(writes_texts) {
    static const char text[] = "{\"prefix\": \"\xc3\xa9\\\"\"}";
    clrnn_arrays *arrays;
    clrnn_arrays *again;
    size_t size;
    EXPECT_OK(clrnn_arrays_create(&arrays));
    EXPECT_OK(arrays_insert(arrays, "config",
                            &(clrnn_tensor){.data = strdup(text), .dtype = CLRNN_DTYPE_TEXT}));
    make_folder();
    EXPECT_OK(arrays_write(arrays, in_folder("x"), ARRAYS_SAFETENSORS));
    unsigned char *bytes = read_whole(in_folder("x"), &size);
    ck_assert_uint_eq(size % 8, 0);
    EXPECT_OK(read_bytes(&again, bytes, size));
    ck_assert_uint_eq(clrnn_arrays_count(again), 1);
    ck_assert_str_eq(clrnn_arrays_find(again, "config")->data, text);
    free(bytes);
    clrnn_arrays_free(again);
    clrnn_arrays_free(arrays);
    remove_folder();
}
END_TEST

START_TEST(refuses_to_write) {
    clrnn_arrays *arrays;
    clrnn_tensor out;
    EXPECT_OK(clrnn_arrays_create(&arrays));
    EXPECT_OK(clrnn_arrays_add(&out, arrays, "__metadata__", CLRNN_DTYPE_F32, 0, NULL));
    make_folder();
    expect_failure(arrays_write(arrays, in_folder("x"), ARRAYS_SAFETENSORS), CLRNN_STATUS_ARGUMENT,
                   "no array can be called __metadata__");
    clrnn_arrays_free(arrays);
    /* What could not be read back is not written. */
    char *name = malloc((1 << 20) + 1);
    ck_assert_ptr_nonnull(name);
    memset(name, 'a', 1 << 20);
    name[1 << 20] = '\0';
    EXPECT_OK(clrnn_arrays_create(&arrays));
    EXPECT_OK(clrnn_arrays_add(&out, arrays, name, CLRNN_DTYPE_F32, 0, NULL));
    expect_failure(arrays_write(arrays, in_folder("x"), ARRAYS_SAFETENSORS), CLRNN_STATUS_ARGUMENT,
                   "at most 1048576 are read");
    ck_assert_int_eq(count_files(), 0);
    clrnn_arrays_free(arrays);
    free(name);
    remove_folder();
}
END_TEST

Suite *safetensors_suite(void) {
    Suite *suite = suite_create("safetensors");
    TCase *files = tcase_create("files");
    tcase_set_timeout(files, 120);
    tcase_add_loop_test(files, reads_arrays, 0, COUNT(good));
    tcase_add_test(files, reads_texts);
    tcase_add_loop_test(files, refuses_headers, 0, COUNT(bad));
    tcase_add_test(files, refuses_lengths);
    tcase_add_test(files, refuses_deep_headers);
    tcase_add_test(files, survives_cuts_and_changes);
    tcase_add_test(files, is_told_by_content);
    tcase_add_test(files, writes_reference_bytes);
    tcase_add_test(files, writes_what_it_read);
    tcase_add_test(files, writes_texts);
    tcase_add_test(files, refuses_to_write);
    suite_add_tcase(suite, files);
    return suite;
}
