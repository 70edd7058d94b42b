/*
 * test_tuning_file.c: the file of `clrnn tune`: what was written is found again, for that device,
 * driver and number of compute units alone; what others wrote stays; bad files are refused with the
 * reason.
 */
#include "faults.h"
#include "files.h"
#include "io/tuning_file.h"
#include "suite_cases.h"
#include "support.h"
#include "tunings.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct tuning one = {.device = {"opencl", "a device", "a vendor", "1.0", 8},
                                  .version = "0.2.0",
                                  .date = "2026-11-25",
                                  .lanes = 8,
                                  .speeds = {.call_us = 25,
                                             .copy_gbps = 0,
                                             .launch_us = 2.5,
                                             .step_us = 0.025,
                                             .meet_us = 0.2,
                                             .tile_us = 1e-9,
                                             .gflops = 123.456,
                                             .near_bytes = 786432,
                                             .near_gbps = 1e12,
                                             .far_gbps = 95,
                                             .act_us = 0.013,
                                             .unit_us = 0}};

static void write_file(const char *text) {
    FILE *file = fopen(in_folder("t.json"), "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static clrnn_status find(struct tuning *out, int *found, char why[100],
                         const struct tuning_device *device) {
    return tuning_file_find(out, found, why, 100, in_folder("t.json"), device);
}

/* ---- written and found ----------------------------------------------------------------------- */

/* Speeds of at most six digits come back to the bit, others to six digits. */
START_TEST(written_is_found) {
    struct tuning got, odd = one;
    int found = 0;
    char why[100];
    ok(tunings_put(in_folder("t.json"), &one, 1));
    ok(find(&got, &found, why, &one.device));
    ck_assert(found && why[0] == 0);
    ck_assert_int_eq(memcmp(&got.device, &one.device, sizeof got.device), 0);
    ck_assert_str_eq(got.version, "0.2.0");
    ck_assert_str_eq(got.date, "2026-11-25");
    ck_assert_int_eq(got.lanes, 8);
    for (int field = 0; field < ESTIMATE_FIELDS; field++) {
        struct estimate_speeds expected = one.speeds;
        ck_assert_msg(*estimate_field_at(&got.speeds, field) ==
                          *estimate_field_at(&expected, field),
                      "%s", estimate_fields[field].name);
    }
    odd.speeds.call_us = 1.0 / 3;
    odd.speeds.gflops = 123456.789;
    odd.speeds.act_us = 1e-7 / 3;
    ok(tunings_put(in_folder("t.json"), &odd, 1));
    tunings_expect(in_folder("t.json"), &odd);
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

static json_t *load(void) {
    json_t *root = json_load_file(in_folder("t.json"), 0, NULL);
    ck_assert_ptr_nonnull(root);
    return root;
}

/* As it stands in the file, text and all. */
static json_t *entry_at(const json_t *root, size_t index) {
    return json_array_get(json_object_get(root, "devices"), index);
}

/* Another device, engine or number of compute units is another one; another driver takes the old one's
 * place, and the entry says so until the next time. */
START_TEST(others_stay_and_the_same_is_replaced) {
    struct tuning list[4] = {one, one, one, one}, again = one;
    strcpy(list[1].device.name, "another device");
    list[2].device.compute_units = 2;
    strcpy(list[3].device.driver, "0.9");
    ok(tunings_put(in_folder("t.json"), list, 4));
    json_t *before = load();
    again.speeds.call_us = 7;
    again.lanes = 0;
    again.busy = 1;
    strcpy(again.date, "2027-01-01");
    for (int i = 0; i < 2; i++) {
        ok(tunings_put(in_folder("t.json"), &again, 1));
        json_t *after = load();
        const json_t *replaced = json_object_get(entry_at(after, 2), "replaced_driver");
        ck_assert_uint_eq(json_array_size(json_object_get(after, "devices")), 3);
        ck_assert(json_equal(entry_at(after, 0), entry_at(before, 1)));
        ck_assert(json_equal(entry_at(after, 1), entry_at(before, 2)));
        ck_assert(i == 0 ? strcmp(json_string_value(replaced), "0.9") == 0 : replaced == NULL);
        tunings_expect(in_folder("t.json"), &again);
        tunings_expect(in_folder("t.json"), &list[1]);
        tunings_expect(in_folder("t.json"), &list[2]);
        json_decref(after);
    }
    json_decref(before);
}
END_TEST

/* What a person wrote of CLBlast's kernels is read, and stays where the rest of an entry is replaced, of an
 * older driver too. */
START_TEST(library_parameters_stay) {
    struct tuning list[2] = {one, one}, got;
    int found = 0;
    char why[100];
    strcpy(list[1].device.name, "another device");
    ok(tunings_put(in_folder("t.json"), list, 2));
    for (int again = 0; again < 3; again++) {
        json_t *root = load();
        json_t *pad = json_pack("{s:{s:i,s:i,s:i,s:i}}", "Pad", "PAD_DIMX", 8, "PAD_DIMY", 16,
                                "PAD_WPTX", 2, "PAD_WPTY", 4);
        json_t *last = entry_at(root, 1);
        ck_assert(again == 0 || json_equal(json_object_get(last, "clblast"), pad));
        ck_assert_ptr_null(json_object_get(entry_at(root, 0), "clblast"));
        if (again == 0) {
            json_object_set(last, "clblast", pad);
            ck_assert_int_eq(json_dump_file(root, in_folder("t.json"), 0), 0);
        }
        ok(find(&got, &found, why, &list[1].device));
        ck_assert(found && got.library.given[4] && !got.library.given[0]);
        ck_assert_str_eq(library_kernels[4].name, "Pad");
        ck_assert_int_eq(got.library.values[4][1], 16);
        ck_assert_int_eq(got.library.values[4][3], 4);
        json_decref(pad);
        json_decref(root);
        strcpy(list[1].device.driver, again == 0 ? "1.0" : "1.1");
        ok(tunings_put(in_folder("t.json"), &list[1], 1));
    }
}
END_TEST

/* Keys of a later version, and of whoever else, are kept. */
START_TEST(unknown_keys_stay) {
    write_file("{\"schema\": \"clrnn-tuning-1\", \"mine\": [1, 2], \"devices\": []}");
    ok(tunings_put(in_folder("t.json"), &one, 1));
    json_t *root = load();
    ck_assert_uint_eq(json_array_size(json_object_get(root, "mine")), 2);
    ck_assert_uint_eq(json_array_size(json_object_get(root, "devices")), 1);
    json_decref(root);
}
END_TEST

START_TEST(entries_are_complete) {
    static const char *const keys[] = {"engine", "device", "vendor",  "driver",  "compute_units",
                                       "clrnn",  "date",   "busy",    "varying", "lanes",
                                       "speeds", "usual",  "measured"};
    struct tuning list[2] = {one, one};
    strcpy(list[1].device.engine, "cpu");
    ok(tunings_put(in_folder("t.json"), list, 2));
    json_t *root = load();
    ck_assert_str_eq(json_string_value(json_object_get(root, "schema")), "clrnn-tuning-1");
    for (size_t i = 0; i < 2; i++) {
        const json_t *entry = entry_at(root, i);
        for (int k = 0; k < COUNT(keys); k++) {
            ck_assert_msg(json_object_get(entry, keys[k]) != NULL, "no %s", keys[k]);
        }
        const json_t *row = json_array_get(json_object_get(entry, "measured"), 0);
        ck_assert_str_eq(json_string_value(json_object_get(row, "cell")), "gru");
        ck_assert_int_eq(json_integer_value(json_object_get(row, "steps")), 5);
        ck_assert_int_eq(json_integer_value(json_object_get(row, "batch")), 4);
        ck_assert_int_eq(json_integer_value(json_object_get(row, "inputs")), 3);
        ck_assert_int_eq(json_integer_value(json_object_get(row, "hidden")), 2);
        ck_assert_double_eq(json_real_value(json_object_get(row, "measured_us")), 10);
        ck_assert_double_eq(json_real_value(json_object_get(row, "spread")), 1.5);
        ck_assert_double_eq(json_real_value(json_object_get(row, "estimated_us")), 11);
        ck_assert_double_eq(json_real_value(json_object_get(row, "usual_us")), 12);
        /* choices are of all engines: they stand once */
        ck_assert_uint_eq(json_array_size(json_object_get(entry, "choices")),
                          i == 0 ? TUNE_SHAPES : 0);
    }
    json_decref(root);
}
END_TEST

/* ---- whose it is ----------------------------------------------------------------------------- */

static void expect_missing(const struct tuning_device *device, const char *reason) {
    struct tuning got;
    int found = 1;
    char why[100] = "left";
    ok(find(&got, &found, why, device));
    ck_assert_int_eq(found, 0);
    ck_assert_str_eq(why, reason);
}

START_TEST(other_drivers_and_units_are_told) {
    struct tuning_device other = one.device;
    ok(tunings_put(in_folder("t.json"), &one, 1));
    strcpy(other.driver, "2.0");
    expect_missing(&other, "driver 1.0, this is 2.0");
    other.compute_units = 4;
    expect_missing(&other, "driver 1.0, this is 2.0");
    other = one.device;
    other.compute_units = 4;
    expect_missing(&other, "8 compute units, there are 4");
    strcpy(other.vendor, "another vendor");
    expect_missing(&other, "");
    other = one.device;
    strcpy(other.name, "another device");
    expect_missing(&other, "");
    other = one.device;
    strcpy(other.engine, "cpu");
    expect_missing(&other, "");
}
END_TEST

/* The first difference is told, and a fitting entry behind it is found all the same. */
START_TEST(every_entry_is_looked_at) {
    struct tuning list[3] = {one, one, one}, got;
    struct tuning_device device = one.device;
    int found = 0;
    char why[100];
    strcpy(list[0].device.driver, "0.9");
    list[1].device.compute_units = 2;
    list[2].speeds.call_us = 3;
    ok(tunings_put(in_folder("t.json"), list, 3));
    ok(find(&got, &found, why, &device));
    ck_assert(found && got.speeds.call_us == 3);
    device.compute_units = 16;
    expect_missing(&device, "driver 0.9, this is 1.0");
}
END_TEST

START_TEST(nothing_for_us_is_no_failure) {
    struct tuning other = one;
    write_file("{\"schema\": \"clrnn-tuning-1\", \"devices\": []}");
    expect_missing(&one.device, "");
    strcpy(other.device.name, "another device");
    ok(tunings_put(in_folder("t.json"), &other, 1));
    expect_missing(&one.device, "");
}
END_TEST

/* Texts of drivers are as long as they like, and a reason is a line. */
START_TEST(long_texts_fit) {
    struct tuning odd = one;
    struct tuning_device other;
    memset(odd.device.driver, 'a', 127);
    memset(odd.device.name, 'b', 127);
    memset(odd.version, 'c', 31);
    odd.device.driver[127] = odd.device.name[127] = odd.version[31] = 0;
    ok(tunings_put(in_folder("t.json"), &odd, 1));
    tunings_expect(in_folder("t.json"), &odd);
    other = odd.device;
    other.driver[0] = 'z';
    expect_missing(&other, "driver aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, this is "
                           "zaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}
END_TEST

/* ---- refused --------------------------------------------------------------------------------- */

#define SPEEDS                                                                                     \
    "{\"call_us\": 1, \"copy_gbps\": 0, \"launch_us\": 2, \"step_us\": 3, \"meet_us\": 4, "        \
    "\"tile_us\": 5, \"gflops\": 6, \"near_bytes\": 7, \"near_gbps\": 8, \"far_gbps\": 9, "        \
    "\"act_us\": 10, \"unit_us\": 11}"
static const char good[] =
    "{\"schema\": \"clrnn-tuning-1\", \"devices\": [{\"engine\": \"opencl\", \"device\": "
    "\"a device\", \"vendor\": \"a vendor\", \"driver\": \"1.0\", \"compute_units\": 8, "
    "\"clrnn\": \"0.2.0\", \"date\": \"today\", \"lanes\": 16, \"speeds\": " SPEEDS "}]}";

#define LETTERS_16 "\"0123456789abcdef\""
#define LETTERS_32 "\"0123456789abcdef0123456789abcdef\""
#define TEXT_OF(key, most) "t.json: a device's " key " must be a text of at most " most " letters"
#define UNITS "t.json: a device's compute_units must be a whole number, 0 to 16777216"
#define LANES "t.json: a device's lanes must be "
#define SPEED(key) "t.json: a device's speeds must have " key ", 0 to 1e+12"
#define ZERO "t.json: gflops, near_gbps and far_gbps must be more than 0"
#define NO_JSON "t.json: is not JSON: "
#define CLBLAST(value) "\"clblast\": " value ", \"lanes\""
#define PADS(last) "\"PAD_DIMX\": 8, \"PAD_DIMY\": 16, \"PAD_WPTX\": 2, \"PAD_WPTY\": " last
#define PAD "t.json: clblast.Pad must have "

/* The good file with `old` replaced. */
static const struct {
    const char *old, *new, *message;
} bad[] = {
    {good, "", NO_JSON},
    {good, "no", NO_JSON},
    {good, "\xff\xfe", NO_JSON},
    {good, "[]", "t.json: must be an object, got a list"},
    {good, "{}", "t.json: is no tuning file: it has no \"schema\""},
    {good, "{\"devices\": []}", "is no tuning file: it has no \"schema\""},
    {"\"devices\"", "\"device\"", "is no tuning file: it has no \"devices\""},
    {good, "{\"schema\": \"clrnn-tuning-1\", \"devices\": {}}", "it has no \"devices\""},
    {"clrnn-tuning-1", "clrnn-tuning-2",
     "t.json: schema must be 'clrnn-tuning-1', got 'clrnn-tuning-2'"},
    {"\"clrnn-tuning-1\"", "1", "t.json: schema must be 'clrnn-tuning-1', got 1"},
    {"\"clrnn-tuning-1\"", "null", "schema must be 'clrnn-tuning-1', got null"},
    {"\"devices\": [", "\"devices\": [1, ", TEXT_OF("engine", "15")},
    {"\"devices\": [", "\"devices\": [null, ", TEXT_OF("engine", "15")},
    {"\"devices\": [", "\"devices\": [[], ", TEXT_OF("engine", "15")},
    {"\"devices\": [", "\"devices\": [{}, ", TEXT_OF("engine", "15")},
    {SPEEDS "}]", SPEEDS "}, \"more\"]", TEXT_OF("engine", "15")},
    {"\"devices\": [", "\"devices\": [[[[[[1]]]]], ", "t.json: must be nested at most 6 deep"},
    {"\"schema\"", "\"devices\": [], \"schema\"", NO_JSON "duplicate object key"},
    {"\"opencl\"", LETTERS_16, TEXT_OF("engine", "15")},
    {"\"opencl\"", "1", TEXT_OF("engine", "15")},
    {"\"engine\"", "\"motor\"", TEXT_OF("engine", "15")},
    {"\"device\":", "\"name\":", TEXT_OF("device", "127")},
    {"\"a device\"", LETTERS_32, NULL},
    {"\"vendor\"", "\"seller\"", TEXT_OF("vendor", "127")},
    {"\"driver\"", "\"rider\"", TEXT_OF("driver", "127")},
    {"\"1.0\"", "1.0", TEXT_OF("driver", "127")},
    {"\"clrnn\"", "\"version\"", TEXT_OF("clrnn", "31")},
    {"\"0.2.0\"", LETTERS_32, TEXT_OF("clrnn", "31")},
    {"\"date\"", "\"day\"", TEXT_OF("date", "31")},
    {"\"today\"", LETTERS_32, TEXT_OF("date", "31")},
    {"\"today\"", LETTERS_16, NULL},
    {"\"compute_units\"", "\"cores\"", UNITS},
    {"units\": 8", "units\": 8.0", UNITS},
    {"units\": 8", "units\": \"8\"", UNITS},
    {"units\": 8", "units\": -1", UNITS},
    {"units\": 8", "units\": true", UNITS},
    {"units\": 8", "units\": 16777217", UNITS},
    {"units\": 8", "units\": 16777216", NULL},
    {"units\": 8", "units\": 9223372036854775808", NO_JSON "too big integer"},
    {"\"lanes\"", "\"width\"", LANES "a whole number, 0 to 16"},
    {"lanes\": 16", "lanes\": -4", LANES "a whole number, 0 to 16"},
    {"lanes\": 16", "lanes\": 32", LANES "a whole number, 0 to 16"},
    {"lanes\": 16", "lanes\": 8.0", LANES "a whole number, 0 to 16"},
    {"lanes\": 16", "lanes\": 7", LANES "0, 4, 8 or 16, got 7"},
    {"lanes\": 16", "lanes\": 1", LANES "0, 4, 8 or 16, got 1"},
    {"lanes\": 16", "lanes\": 0", NULL},
    {"lanes\": 16", "lanes\": 4", NULL},
    {SPEEDS, "[]", SPEED("call_us")},
    {SPEEDS, "1", SPEED("call_us")},
    {SPEEDS, "{}", SPEED("call_us")},
    {"\"speeds\"", "\"haste\"", SPEED("call_us")},
    {"_us\": 10", "_us\": -0.1", SPEED("act_us")},
    {"_us\": 10", "_us\": \"10\"", SPEED("act_us")},
    {"_us\": 10", "_us\": null", SPEED("act_us")},
    {"_us\": 10", "_us\": 1.1e12", SPEED("act_us")},
    {"_us\": 10", "_us\": 1e12", NULL},
    {"_us\": 10", "_us\": 0", NULL},
    {"_us\": 10", "_us\": 1e999", NO_JSON "real number overflow"},
    {"_us\": 10", "_us\": NaN", NO_JSON "invalid token"},
    {"_us\": 10", "_us\": Infinity", NO_JSON "invalid token"},
    {"gflops\": 6", "gflops\": 0", ZERO},
    {"near_gbps\": 8", "near_gbps\": 0.0", ZERO},
    {"far_gbps\": 9", "far_gbps\": 0", ZERO},
    {"\"lanes\"", CLBLAST("1"), "t.json: a device's clblast must be an object, got 1"},
    {"\"lanes\"", CLBLAST("[]"), "t.json: a device's clblast must be an object, got a list"},
    {"\"lanes\"", CLBLAST("{}"), NULL},
    {"\"lanes\"", CLBLAST("{\"Xgem\": {}}"), "Padtranspose), got 'Xgem'"},
    {"\"lanes\"", CLBLAST("{\"Pad\": 3}"), "t.json: clblast.Pad must be an object, got 3"},
    {"\"lanes\"", CLBLAST("{\"Pad\": {}}"), PAD "PAD_DIMX, a whole number, 0 to 1048576, got none"},
    {"\"lanes\"", CLBLAST("{\"Pad\": {" PADS("4") "}}"), NULL},
    {"\"lanes\"", CLBLAST("{\"Pad\": {" PADS("1048576") "}}"), NULL},
    {"\"lanes\"", CLBLAST("{\"Pad\": {" PADS("1048577") "}}"), PAD "PAD_WPTY, a whole number"},
    {"\"lanes\"", CLBLAST("{\"Pad\": {" PADS("-1") "}}"), "1048576, got -1"},
    {"\"lanes\"", CLBLAST("{\"Pad\": {" PADS("2.5") "}}"), "1048576, got 2.5"},
    {"\"lanes\"", CLBLAST("{\"Pad\": {" PADS("\"4\"") "}}"), "1048576, got '4'"},
    {"\"lanes\"", CLBLAST("{\"Pad\": {\"KWG\": 1, " PADS("4") "}}"),
     PAD "its own 4 parameters alone, got 'KWG' too"},
};

static void write_changed(const char *old, const char *new) {
    char text[2 * sizeof good];
    const char *at = strstr(good, old);
    ck_assert_ptr_nonnull(at);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, new, at + strlen(old));
    write_file(text);
}

/* Read, checked and updated alike; nothing is written over it. */
static void expect_refused(clrnn_status status, const char *message) {
    struct tuning got;
    int found = 0;
    char why[100];
    size_t before_size = 0, after_size = 0;
    unsigned char *before = read_whole(in_folder("t.json"), &before_size);
    expect_failure(find(&got, &found, why, &one.device), status, message);
    ck_assert_int_eq(found, 0);
    expect_failure(tuning_file_check(in_folder("t.json")), status, message);
    expect_failure(tunings_put(in_folder("t.json"), &one, 1), status, message);
    unsigned char *after = read_whole(in_folder("t.json"), &after_size);
    ck_assert(before_size == after_size && memcmp(before, after, before_size) == 0);
    ck_assert_int_eq(count_files(), 1);
    free(before);
    free(after);
}

START_TEST(refuses_files) {
    struct tuning got;
    int found = 0;
    char why[100];
    write_changed(bad[_i].old, bad[_i].new);
    if (bad[_i].message != NULL) {
        expect_refused(CLRNN_STATUS_FORMAT, bad[_i].message);
    } else {
        ok(find(&got, &found, why, &one.device));
        ok(tuning_file_check(in_folder("t.json")));
    }
}
END_TEST

START_TEST(every_speed_is_needed) {
    char message[100], old[32];
    const char *name = estimate_fields[_i].name;
    (void)snprintf(old, sizeof old, "\"%s\"", name);
    (void)snprintf(message, sizeof message, "speeds must have %s, 0 to 1e+12", name);
    write_changed(old, "\"other\"");
    expect_refused(CLRNN_STATUS_FORMAT, message);
}
END_TEST

/* A file that ends early is never taken for a whole one. */
START_TEST(cut_files_are_refused) {
    char text[sizeof good];
    struct tuning got;
    int found = 0;
    char why[100];
    for (size_t size = 0; size + 1 < sizeof good; size++) {
        (void)snprintf(text, size + 1, "%s", good);
        write_file(text);
        expect_failure(find(&got, &found, why, &one.device), CLRNN_STATUS_FORMAT, "t.json: is not");
    }
}
END_TEST

/* More than a block, and more than a tuning may have. */
START_TEST(size_is_limited) {
    enum { MOST = 1 << 20, REST = MOST - (int)(sizeof good - 1) };
    struct tuning got;
    int found = 0;
    char why[100];
    char *text = malloc(MOST + 2);
    ck_assert_ptr_nonnull(text);
    memset(text, ' ', MOST + 1);
    strcpy(text + REST, good);
    write_file(text);
    ok(find(&got, &found, why, &one.device));
    ck_assert_int_eq(found, 1);
    text[REST] = ' ';
    strcpy(text + REST + 1, good);
    write_file(text);
    expect_refused(CLRNN_STATUS_FORMAT, "t.json: must be at most 1048576 bytes, got 1048577");
    free(text);
}
END_TEST

/* What could not be read again is not written. */
START_TEST(full_files_stay_as_they_are) {
    enum { FILL = (1 << 20) - 1000 };
    static const char begin[] = "{\"schema\": \"clrnn-tuning-1\", \"mine\": \"";
    char *text = calloc(1, FILL + 200);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', FILL);
    memcpy(text, begin, strlen(begin));
    strcpy(text + FILL, "\", \"devices\": []}");
    write_file(text);
    ok(tuning_file_check(in_folder("t.json")));
    fails(tunings_put(in_folder("t.json"), &one, 1), FORMAT,
          "tune: the file would have more than 1048576 bytes");
    json_t *root = load();
    ck_assert_uint_eq(json_array_size(json_object_get(root, "devices")), 0);
    ck_assert_int_eq(count_files(), 1);
    json_decref(root);
    free(text);
}
END_TEST

START_TEST(what_is_no_file_is_refused) {
    struct tuning got;
    int found = 0;
    char why[100];
    const struct tuning_device *device = &one.device;
    fails(tuning_file_find(&got, &found, why, 100, in_folder("none.json"), device), IO,
          "none.json: cannot be opened: No such file");
    fails(tuning_file_find(&got, &found, why, 100, folder, device), FORMAT,
          "is no tuning file: it is a directory");
    fails(tuning_file_find(&got, &found, why, 100, "-", device), IO,
          "standard input: a tuning must be a file with a name");
    fails(tuning_file_check("-"), IO, "a tuning must be a file with a name");
    fails(tuning_file_check(folder), FORMAT, "is no tuning file: it is a directory");
    fails(tunings_put(folder, &one, 1), FORMAT, "is no tuning file: it is a directory");
    ck_assert_int_eq(mkfifo(in_folder("pipe"), 0600), 0);
    fails(tuning_file_find(&got, &found, why, 100, in_folder("pipe"), device), FORMAT,
          "pipe: is no tuning file: it is no regular file");
    fails(tuning_file_check(in_folder("pipe")), FORMAT, "is no tuning file: it is no regular file");
    fails(tunings_put(in_folder("pipe"), &one, 1), FORMAT, "it is no regular file");
    ck_assert_int_eq(unlink(in_folder("pipe")), 0);
    fails(tuning_file_check(in_folder("no/t.json")), IO, "t.json: cannot be written: No such file");
    fails(tunings_put(in_folder("no/t.json"), &one, 1), IO, "t.json: cannot be written: No such");
    ok(tuning_file_check(in_folder("none.json")));
    ck_assert_int_eq(count_files(), 0);
}
END_TEST

/* ---- what fails while it is written ---------------------------------------------------------- */

START_TEST(failed_write_leaves_the_old_file) {
    struct tuning again = one;
    struct rlimit before, small;
    again.speeds.call_us = 7;
    ok(tunings_put(in_folder("t.json"), &one, 1));
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100;
    void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    const clrnn_status status = tunings_put(in_folder("t.json"), &again, 1);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, was);
    fails(status, IO, "t.json: cannot be written: File too large");
    tunings_expect(in_folder("t.json"), &one);
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

static clrnn_status find_one(void) {
    struct tuning got;
    int found = 0;
    char why[100];
    return find(&got, &found, why, &one.device);
}

static clrnn_status check_one(void) {
    return tuning_file_check(in_folder("t.json"));
}

static clrnn_status put_one(void) {
    return tunings_put(in_folder("t.json"), &one, 1);
}

/* Each allocation of ours fails once: an error, nothing lost, and the file as it was. */
START_TEST(memory_may_run_out) {
    static clrnn_status (*const calls[])(void) = {find_one, check_one, put_one};
    ok(put_one());
    int nth = 1;
    for (const char *failed = ""; failed != NULL; nth++) {
        faults_forget();
        faults_enter((struct faults){.nth = nth});
        const clrnn_status status = calls[_i]();
        failed = faults_leave();
        ck_assert_int_eq(status, failed != NULL ? CLRNN_STATUS_MEMORY : CLRNN_STATUS_OK);
        ck_assert_uint_eq(faults_memory(0), 0);
        tunings_expect(in_folder("t.json"), &one);
        ck_assert_int_eq(count_files(), 1);
    }
    ck_assert_int_gt(nth, 2);
}
END_TEST

TCase *tuning_file_case(void) {
    TCase *file = tcase_create("file");
    tcase_add_checked_fixture(file, make_folder, remove_folder);
    tcase_add_test(file, written_is_found);
    tcase_add_test(file, others_stay_and_the_same_is_replaced);
    tcase_add_test(file, unknown_keys_stay);
    tcase_add_test(file, library_parameters_stay);
    tcase_add_test(file, entries_are_complete);
    tcase_add_test(file, other_drivers_and_units_are_told);
    tcase_add_test(file, every_entry_is_looked_at);
    tcase_add_test(file, nothing_for_us_is_no_failure);
    tcase_add_test(file, long_texts_fit);
    tcase_add_loop_test(file, refuses_files, 0, COUNT(bad));
    tcase_add_loop_test(file, every_speed_is_needed, 0, ESTIMATE_FIELDS);
    tcase_add_test(file, cut_files_are_refused);
    tcase_add_test(file, size_is_limited);
    tcase_add_test(file, full_files_stay_as_they_are);
    tcase_add_test(file, what_is_no_file_is_refused);
    tcase_add_test(file, failed_write_leaves_the_old_file);
    tcase_add_loop_test(file, memory_may_run_out, 0, 3);
    return file;
}
