/* tuning_file.c: see tuning_file.h. */
#include "io/tuning_file.h"

#include "io/json_text.h"
#include "io/output.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file of another schema is of another version of clRNN. */
static const char schema[] = "clrnn-tuning-1";
enum { DEPTH = 6 };
static const char LIBRARY_KEY[] = "clblast";

/* ---- reading --------------------------------------------------------------------------------- */

/* All of it, or one byte more than a text may have. A tuning is read once for each engine and written in
 * its own place: standard input is none, nor what is no regular file. */
static clrnn_status read_file(char **out, size_t *size, const char *path, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    FILE *file = NULL;
    char *text = NULL;
    struct stat info;
    REQUIRE(strcmp(path, "-") != 0, IO, "%s: a tuning must be a file with a name", label);
    REQUIRE(stat(path, &info) != 0 || S_ISREG(info.st_mode), FORMAT,
            "%s: is no tuning file: it is %s", label,
            S_ISDIR(info.st_mode) ? "a directory" : "no regular file");
    file = fopen(path, "rb");
    REQUIRE(file != NULL, IO, "%s: cannot be opened: %s", label, strerror(errno));
    text = malloc(JSON_TEXT_MAX + 1);
    REQUIRE(text != NULL, MEMORY, "%s: out of memory", label);
    *size = fread(text, 1, JSON_TEXT_MAX + 1, file);
    REQUIRE(!ferror(file), IO, "%s: cannot be read: %s", label, strerror(errno));
    *out = text;
    text = NULL;
out:
    free(text);
    if (file != NULL) {
        fclose(file);
    }
    return status;
}

static clrnn_status read_root(json_t **out, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *text = NULL;
    size_t size = 0;
    char label[ARRAYS_LABEL], shown[JSON_TEXT_SHOWN];
    json_t *root = NULL;
    arrays_label(label, path, NULL);
    TRY(read_file(&text, &size, path, label));
    TRY(json_text_read(&root, text, size, DEPTH, label));
    const json_t *found = json_object_get(root, "schema");
    REQUIRE(found != NULL && json_is_array(json_object_get(root, "devices")), FORMAT,
            "%s: is no tuning file: it has no \"%s\"", label, found != NULL ? "devices" : "schema");
    REQUIRE(json_is_string(found) && strcmp(json_string_value(found), schema) == 0, FORMAT,
            "%s: schema must be '%s', got %s", label, schema, json_text_show(shown, found));
    *out = root;
    root = NULL;
out:
    json_decref(root);
    free(text);
    return status;
}

static clrnn_status read_text(char *out, size_t size, const json_t *entry, const char *key,
                              const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *text = json_string_value(json_object_get(entry, key));
    REQUIRE(text != NULL && strlen(text) < size, FORMAT,
            "%s: a device's %s must be a text of at most %zu letters", label, key, size - 1);
    snprintf(out, size, "%s", text);
out:
    return status;
}

static clrnn_status read_count(int *out, const json_t *entry, const char *key, int most,
                               const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *value = json_object_get(entry, key);
    REQUIRE(json_is_integer(value) && json_integer_value(value) >= 0 &&
                json_integer_value(value) <= most,
            FORMAT, "%s: a device's %s must be a whole number, 0 to %d", label, key, most);
    *out = (int)json_integer_value(value);
out:
    return status;
}

/* Speeds are positive, and 0 where there is nothing to wait for; no device is faster than FASTEST. */
#define FASTEST 1e12

static clrnn_status read_speeds(struct estimate_speeds *out, const json_t *entry,
                                const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *speeds = json_object_get(entry, "speeds");
    for (int field = 0; field < ESTIMATE_FIELDS; field++) {
        const char *name = estimate_fields[field].name;
        const json_t *value = json_object_get(speeds, name);
        const double number = json_number_value(value);
        REQUIRE(json_is_number(value) && isfinite(number) && number >= 0 && number <= FASTEST,
                FORMAT, "%s: a device's speeds must have %s, 0 to %g", label, name, FASTEST);
        *estimate_field_at(out, field) = number;
    }
    REQUIRE(out->gflops > 0 && out->near_gbps > 0 && out->far_gbps > 0, FORMAT,
            "%s: gflops, near_gbps and far_gbps must be more than 0", label);
out:
    return status;
}

static clrnn_status read_device(struct tuning_device *out, const json_t *entry, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    memset(out, 0, sizeof *out);
    TRY(read_text(out->engine, sizeof out->engine, entry, "engine", label));
    TRY(read_text(out->name, sizeof out->name, entry, "device", label));
    TRY(read_text(out->vendor, sizeof out->vendor, entry, "vendor", label));
    TRY(read_text(out->driver, sizeof out->driver, entry, "driver", label));
    TRY(read_count(&out->compute_units, entry, "compute_units", 1 << 24, label));
out:
    return status;
}

/* All of a kernel's parameters, and no others. */
static clrnn_status read_kernel(struct tuning_library *out, int index, const json_t *values,
                                const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct library_kernel *kernel = &library_kernels[index];
    char shown[JSON_TEXT_SHOWN];
    const char *key = NULL;
    json_t *value = NULL;
    REQUIRE(json_is_object(values), FORMAT, "%s: clblast.%s must be an object, got %s", label,
            kernel->name, json_text_show(shown, values));
    for (size_t i = 0; i < kernel->count; i++) {
        const json_t *number = json_object_get(values, kernel->parameters[i]);
        REQUIRE(json_is_integer(number) && json_integer_value(number) >= 0 &&
                    json_integer_value(number) <= LIBRARY_MOST,
                FORMAT, "%s: clblast.%s must have %s, a whole number, 0 to %d, got %s", label,
                kernel->name, kernel->parameters[i], LIBRARY_MOST, json_text_show(shown, number));
        out->values[index][i] = (int)json_integer_value(number);
    }
    json_object_foreach((json_t *)values, key, value) {
        size_t i = 0;
        while (i < kernel->count && strcmp(kernel->parameters[i], key) != 0) {
            i++;
        }
        REQUIRE(i < kernel->count, FORMAT,
                "%s: clblast.%s must have its own %zu parameters alone, got '%.32s' too", label,
                kernel->name, kernel->count, key);
    }
    out->given[index] = 1;
out:
    return status;
}

/* Parameters of CLBlast's kernels, which a person may have written there. */
static clrnn_status read_library(struct tuning_library *out, const json_t *entry,
                                 const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *kernels = json_object_get(entry, LIBRARY_KEY);
    char shown[JSON_TEXT_SHOWN];
    const char *key = NULL;
    json_t *values = NULL;
    REQUIRE(kernels == NULL || json_is_object(kernels), FORMAT,
            "%s: a device's clblast must be an object, got %s", label,
            json_text_show(shown, kernels));
    json_object_foreach((json_t *)kernels, key, values) {
        int index = 0;
        while (index < LIBRARY_KERNELS && strcmp(library_kernels[index].name, key) != 0) {
            index++;
        }
        REQUIRE(
            index < LIBRARY_KERNELS, FORMAT,
            "%s: clblast must have kernels that products take (Xgemm, XgemmDirect, GemmRoutine, "
            "Copy, Pad, Transpose, Padtranspose), got '%.32s'",
            label, key);
        TRY(read_kernel(out, index, values, label));
    }
out:
    return status;
}

static clrnn_status read_entry(struct tuning *out, const json_t *entry, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    memset(out, 0, sizeof *out);
    TRY(read_device(&out->device, entry, label));
    TRY(read_text(out->version, sizeof out->version, entry, "clrnn", label));
    TRY(read_text(out->date, sizeof out->date, entry, "date", label));
    TRY(read_count(&out->lanes, entry, "lanes", 16, label));
    REQUIRE(out->lanes == 0 || out->lanes == 4 || out->lanes == 8 || out->lanes == 16, FORMAT,
            "%s: a device's lanes must be 0, 4, 8 or 16, got %d", label, out->lanes);
    out->busy = json_is_true(json_object_get(entry, "busy"));
    out->runs_together = json_is_true(json_object_get(entry, "runs_together"));
    TRY(read_speeds(&out->speeds, entry, label));
    TRY(read_library(&out->library, entry, label));
out:
    return status;
}

clrnn_status tuning_file_find(struct tuning *out, int *found, char *why, size_t size,
                              const char *path, const struct tuning_device *device) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_t *root = NULL;
    json_t *entry = NULL;
    size_t i = 0;
    char label[ARRAYS_LABEL];
    *found = 0;
    why[0] = 0;
    arrays_label(label, path, NULL);
    TRY(read_root(&root, path));
    json_array_foreach(json_object_get(root, "devices"), i, entry) {
        struct tuning here;
        TRY(read_entry(&here, entry, label));
        if (tuning_is_for(&here, device)) {
            *out = here;
            *found = 1;
        } else if (why[0] == 0) {
            tuning_difference(why, size, &here, device);
        }
    }
out:
    *found = *found && status == CLRNN_STATUS_OK;
    json_decref(root);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* jansson's calls give NULL or -1 where memory runs out, and so does what takes their results. */

static json_t *speeds_json(const struct estimate_speeds *speeds) {
    struct estimate_speeds copy = *speeds;
    json_t *object = json_object();
    int bad = 0;
    for (int field = 0; field < ESTIMATE_FIELDS; field++) {
        bad |= json_object_set_new(object, estimate_fields[field].name,
                                   json_real(*estimate_field_at(&copy, field))) != 0;
    }
    return json_text_unless(bad, object);
}

static json_t *shape_json(const struct tune_shape *shape) {
    return json_pack("{s:s, s:i, s:i, s:i, s:i}", "cell", clrnn_cell_name(shape->cell), "steps",
                     shape->steps, "batch", shape->batch, "inputs", shape->inputs, "hidden",
                     shape->hidden);
}

/* Adds the members of `more` to a shape and gives it to the list. */
static int append(json_t *list, const struct tune_shape *shape, json_t *more) {
    json_t *object = shape_json(shape);
    const int bad = json_object_update(object, more) != 0;
    json_decref(more);
    if (bad) {
        json_decref(object);
        return -1;
    }
    return json_array_append_new(list, object);
}

static json_t *rows_json(const struct tune_result *result) {
    json_t *list = json_array();
    int bad = 0;
    for (int i = 0; i < result->count; i++) {
        const struct tune_row *row = &result->rows[i];
        bad |= append(list, row->shape,
                      json_pack("{s:s, s:f, s:f, s:f, s:f}", "algorithm", row->algorithm,
                                "measured_us", row->measured_us, "spread", row->spread,
                                "estimated_us", row->estimated_us, "usual_us", row->usual_us)) != 0;
    }
    return json_text_unless(bad, list);
}

static json_t *choices_json(const struct tune_choice choices[TUNE_SHAPES]) {
    json_t *list = json_array();
    int bad = 0;
    for (int i = 0; i < TUNE_SHAPES; i++) {
        const struct tune_choice *choice = &choices[i];
        bad |= append(list, choice->shape,
                      json_pack("{s:s, s:f, s:s, s:f, s:s, s:f}", "before", choice->before,
                                "before_us", choice->before_us, "after", choice->after, "after_us",
                                choice->after_us, "best", choice->best, "best_us",
                                choice->best_us)) != 0;
    }
    return json_text_unless(bad, list);
}

static json_t *entry_json(const struct tune_result *result) {
    const struct tuning *tuning = &result->tuning;
    const struct tuning_device *device = &tuning->device;
    return json_pack("{s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:b, s:f, s:i, s:b, s:o, s:o, s:o}",
                     "engine", device->engine, "device", device->name, "vendor", device->vendor,
                     "driver", device->driver, "compute_units", device->compute_units, "clrnn",
                     tuning->version, "date", tuning->date, "busy", tuning->busy, "varying",
                     result->varying, "lanes", tuning->lanes, "runs_together",
                     tuning->runs_together, "speeds", speeds_json(&tuning->speeds), "usual",
                     speeds_json(&result->usual), "measured", rows_json(result));
}

/* What is there, with every device checked; else a file of none. */
static clrnn_status read_or_begin(json_t **out, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_t *root = NULL;
    json_t *entry = NULL;
    size_t i = 0;
    char label[ARRAYS_LABEL];
    arrays_label(label, path, NULL);
    if (strcmp(path, "-") == 0 || access(path, F_OK) == 0) {
        TRY(read_root(&root, path));
    } else {
        root = json_pack("{s:s, s:[]}", "schema", schema, "devices");
    }
    REQUIRE(root != NULL, MEMORY, "tune: out of memory");
    json_array_foreach(json_object_get(root, "devices"), i, entry) {
        struct tuning ignored;
        TRY(read_entry(&ignored, entry, label));
    }
    *out = root;
    root = NULL;
out:
    json_decref(root);
    return status;
}

clrnn_status tuning_file_check(const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_t *root = NULL;
    struct output output = {.fd = -1};
    TRY(read_or_begin(&root, path));
    TRY(output_open(&output, path));
out:
    output_close(&output); /* without a commit nothing is written */
    json_decref(root);
    return status;
}

/* Takes away what the list has of a device; gives another driver of which that was, and the parameters of
 * CLBlast that stood there: nobody measures them here. */
static void remove_device(json_t *list, const struct tuning_device *device, char *replaced,
                          json_t **library) {
    replaced[0] = 0;
    *library = NULL;
    for (size_t i = json_array_size(list); i-- > 0;) {
        struct tuning here;
        if (read_entry(&here, json_array_get(list, i), "tune") == CLRNN_STATUS_OK &&
            tuning_is_replaced(&here.device, device)) {
            if (strcmp(here.device.driver, device->driver) != 0) {
                memcpy(replaced, here.device.driver, sizeof here.device.driver);
            }
            json_t *found = json_object_get(json_array_get(list, i), LIBRARY_KEY);
            if (found != NULL && *library == NULL) {
                *library = json_incref(found);
            }
            json_array_remove(list, i);
        }
    }
}

static clrnn_status write_root(const json_t *root, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
    REQUIRE(text != NULL, MEMORY, "tune: out of memory");
    REQUIRE(strlen(text) < JSON_TEXT_MAX, FORMAT, "tune: the file would have more than %d bytes",
            JSON_TEXT_MAX);
    TRY(output_text(path, text));
out:
    free(text);
    return status;
}

clrnn_status tuning_file_update(const char *path, const struct tune_result *results, int count,
                                const struct tune_choice choices[TUNE_SHAPES]) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_t *root = NULL;
    char replaced[TUNING_FILE_MOST][sizeof results->tuning.device.driver];
    json_t *libraries[TUNING_FILE_MOST] = {NULL};
    TRY(read_or_begin(&root, path));
    json_t *list = json_object_get(root, "devices");
    for (int i = 0; i < count; i++) {
        remove_device(list, &results[i].tuning.device, replaced[i], &libraries[i]);
    }
    for (int i = 0; i < count; i++) {
        json_t *entry = entry_json(&results[i]);
        int bad = i == 0 ? json_object_set_new(entry, "choices", choices_json(choices)) != 0 : 0;
        if (replaced[i][0] != 0) {
            bad |= json_object_set_new(entry, "replaced_driver", json_string(replaced[i])) != 0;
        }
        if (libraries[i] != NULL) {
            bad |= json_object_set(entry, LIBRARY_KEY, libraries[i]) != 0;
        }
        REQUIRE(json_array_append_new(list, entry) == 0 && !bad, MEMORY, "tune: out of memory");
    }
    TRY(write_root(root, path));
out:
    for (int i = 0; i < TUNING_FILE_MOST; i++) {
        json_decref(libraries[i]);
    }
    json_decref(root);
    return status;
}
