/* keras_file.c: archives and HDF5 files. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/keras_file.h"

#include "io/json_text.h"
#include "io/zip_entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH = 1000, DEPTH = 64, LARGEST = 1 << 30 /* bytes of weights in an archive */ };

static int has_text(const unsigned char *bytes, size_t size, const char *text) {
    return memmem(bytes, size, text, strlen(text)) != NULL;
}

/* Names of entries stand in a zip file as they are. */
int keras_file_probe(const unsigned char *bytes, size_t size) {
    return hdf5_file_probe(bytes, size) ||
           (arrays_probe(bytes, size) == ARRAYS_ZIP && has_text(bytes, size, "config.json") &&
            has_text(bytes, size, "metadata.json"));
}

static clrnn_status read_json(json_t **out, const char *text, size_t size, const char *label) {
    return json_text_read(out, text, size, DEPTH, label);
}

/* "2.15.0": archives were written by Keras 2, too, late in its life. */
static int version_of(const char *text, int fallback) {
    return text == NULL ? fallback : text[0] >= '1' && text[0] <= '2' && text[1] == '.' ? 2 : 3;
}

static clrnn_status open_archive(struct keras_file *out, const unsigned char *bytes, size_t size,
                                 const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    struct zip_archive zip = {0};
    unsigned char *text = NULL;
    json_t *about = NULL;
    size_t length = 0;
    TRY(zip_entry_open(&zip, bytes, size, path));
    out->is_archive = 1;
    TRY(zip_entry_read(&text, &length, &zip, "metadata.json", JSON_TEXT_MAX, path));
    TRY(read_json(&about, (const char *)text, length, arrays_label(label, path, "metadata.json")));
    out->version = version_of(json_string_value(json_object_get(about, "keras_version")), 3);
    free(text);
    text = NULL;
    TRY(zip_entry_read(&text, &length, &zip, "config.json", JSON_TEXT_MAX, path));
    TRY(read_json(&out->config, (const char *)text, length,
                  arrays_label(label, path, "config.json")));
    REQUIRE(!zip_entry_exists(&zip, "model.weights.npz"), FORMAT,
            "%s: model.weights.npz holds pickled Python objects, which are not read; Keras writes "
            "model.weights.h5 where h5py is installed",
            out->label);
    TRY(zip_entry_read(&out->bytes, &length, &zip, "model.weights.h5", LARGEST, path));
    TRY(hdf5_file_open(&out->weights, out->bytes, length,
                       arrays_label(label, path, "model.weights.h5")));
out:
    zip_entry_close(&zip);
    json_decref(about);
    free(text);
    return status;
}

static clrnn_status open_hdf5(struct keras_file *out, const unsigned char *bytes, size_t size) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *text = NULL, *version = NULL;
    TRY(hdf5_file_open(&out->weights, bytes, size, out->label));
    TRY(hdf5_file_text(&text, out->weights, "/", "model_config"));
    REQUIRE(text != NULL, FORMAT,
            "%s: has no model_config: weights alone do not say what layers they are of; save the "
            "whole model",
            out->label);
    TRY(read_json(&out->config, text, strlen(text), out->label));
    TRY(hdf5_file_text(&version, out->weights, "/", "keras_version"));
    out->version = version_of(version, 2);
out:
    free(text);
    free(version);
    return status;
}

clrnn_status keras_file_open(struct keras_file *out, const unsigned char *bytes, size_t size,
                             const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = (struct keras_file){0};
    arrays_label(out->label, path, NULL);
    TRY(hdf5_file_probe(bytes, size) ? open_hdf5(out, bytes, size)
                                     : open_archive(out, bytes, size, path));
out:
    if (status != CLRNN_STATUS_OK) {
        keras_file_close(out);
    }
    return status;
}

static void forget_layer(struct keras_file *file) {
    for (int i = 0; file->names != NULL && i < file->count; i++) {
        free(file->names[i]);
    }
    free(file->names);
    file->names = NULL;
    file->count = file->taken = file->trained = file->frozen = 0;
}

void keras_file_close(struct keras_file *file) {
    forget_layer(file);
    hdf5_file_close(file->weights);
    free(file->bytes);
    json_decref(file->config);
    json_decref(file->all_taken);
    *file = (struct keras_file){0};
}

/* ---- weights --------------------------------------------------------------------------------- */

/* The names of a layer's weights: one attribute, or weight_names0, 1, ... where one would pass the
 * 64 KiB that HDF5 gives an attribute. */
static clrnn_status read_names(struct keras_file *file) {
    clrnn_status status = CLRNN_STATUS_OK;
    char **part = NULL;
    int count = 0;
    TRY(hdf5_file_texts(&file->names, &file->count, file->weights, file->path, "weight_names"));
    for (int i = 0; file->count == 0 || i > 0; i++) {
        char attribute[32];
        snprintf(attribute, sizeof attribute, "weight_names%d", i);
        TRY(hdf5_file_texts(&part, &count, file->weights, file->path, attribute));
        if (count == 0) {
            break;
        }
        char **grown = realloc(file->names, (size_t)(file->count + count) * sizeof *grown);
        REQUIRE(grown != NULL, MEMORY, "%s: out of memory", file->label);
        file->names = grown;
        memcpy(grown + file->count, part, (size_t)count * sizeof *part);
        file->count += count;
        free(part); /* its texts have moved */
        part = NULL;
        count = 0;
    }
out:
    for (int i = 0; part != NULL && i < count; i++) {
        free(part[i]);
    }
    free(part);
    return status;
}

clrnn_status keras_file_begin(struct keras_file *file, const char *name, const char *stored) {
    clrnn_status status = CLRNN_STATUS_OK;
    forget_layer(file);
    snprintf(file->name, sizeof file->name, "%s", name);
    if (file->is_archive || file->weights == NULL) {
        snprintf(file->path, sizeof file->path, "layers/%s", stored);
        goto out;
    }
    snprintf(file->path, sizeof file->path, "model_weights/%s", name);
    REQUIRE(hdf5_file_has(file->weights, file->path), FORMAT,
            "%s: layer '%.60s': has no group of weights", file->label, file->name);
    TRY(read_names(file));
out:
    return status;
}

void keras_file_split(struct keras_file *file, int trained) {
    file->trained = trained;
}

/* Where the next weight is. */
static clrnn_status find_weight(char path[PATH], struct keras_file *file, const char *part, int i,
                                int count, int is_frozen) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (!file->is_archive) {
        const int next = is_frozen ? file->trained + file->frozen++ : file->taken++;
        REQUIRE(next < file->count, FORMAT,
                "%s: layer '%.60s': has %d weights, its config asks for more", file->label,
                file->name, file->count);
        snprintf(path, PATH, "%s/%s", file->path, file->names[next]);
        goto out;
    }
    const char *between = part[0] != '\0' ? "/" : "";
    snprintf(path, PATH, "%s%s%s/vars", file->path, between, part);
    const int found = hdf5_file_links(file->weights, path);
    REQUIRE(found == count, FORMAT, "%s: layer '%.60s': needs %d weights in %s, got %d",
            file->label, file->name, count, path, found > 0 ? found : 0);
    snprintf(path, PATH, "%s%s%s/vars/%d", file->path, between, part, i);
out:
    return status;
}

/* Names of weights may begin or go on with more than one stroke: each is one. */
static clrnn_status note_taken(struct keras_file *file, const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    char plain[PATH];
    size_t used = 0;
    for (const char *at = path; *at != '\0' && used + 1 < sizeof plain; at++) {
        if (at[0] != '/' || (at[1] != '/' && at[1] != '\0')) {
            plain[used++] = at[0];
        }
    }
    plain[used] = '\0';
    file->all_taken = file->all_taken != NULL ? file->all_taken : json_object();
    REQUIRE(json_object_set_new_nocheck(file->all_taken, plain, json_true()) == 0, MEMORY,
            "%s: out of memory", file->label);
out:
    return status;
}

clrnn_status keras_file_take(float **out, struct keras_file *file, const char *part, int i,
                             int count, int is_frozen, int64_t rows, int64_t columns) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { ZEROS = 1 << 20 };
    char path[PATH];
    char wanted[64], got[64] = "a number";
    clrnn_tensor tensor = {0};
    *out = NULL;
    if (file->weights == NULL) {
        const int64_t all = columns > 0 ? columns : 1;
        REQUIRE(rows > 0 && rows <= ZEROS / all, MEMORY, "weights: too many for zeros");
        *out = calloc((size_t)(rows * all), sizeof(float));
        REQUIRE(*out != NULL, MEMORY, "weights: out of memory");
        goto out;
    }
    TRY(find_weight(path, file, part, i, count, is_frozen));
    TRY(hdf5_file_read(&tensor, file->weights, path));
    TRY(note_taken(file, path));
    const int rank = columns > 0 ? 2 : 1;
    snprintf(wanted, sizeof wanted, columns > 0 ? "[%lld][%lld]" : "[%lld]", (long long)rows,
             (long long)columns);
    if (tensor.rank == 1) {
        snprintf(got, sizeof got, "[%lld]", (long long)tensor.shape[0]);
    } else if (tensor.rank > 1) {
        snprintf(got, sizeof got, "[%lld][%lld]%s", (long long)tensor.shape[0],
                 (long long)tensor.shape[1], tensor.rank > 2 ? "[...]" : "");
    }
    REQUIRE(tensor.rank == rank && tensor.shape[0] == rows &&
                (rank == 1 || tensor.shape[1] == columns),
            FORMAT, "%s: layer '%.60s': weight %d must be %s, got %s", file->label, file->name, i,
            wanted, got);
    *out = tensor.data;
    tensor.data = NULL;
out:
    free(tensor.data);
    return status;
}

clrnn_status keras_file_end(struct keras_file *file) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int taken = file->is_archive ? file->count : file->taken + file->frozen;
    REQUIRE(taken == file->count, FORMAT,
            "%s: layer '%.60s': has %d weights, its config asks for %d", file->label, file->name,
            file->count, taken);
out:
    return status;
}

/* ---- what nothing takes ---------------------------------------------------------------------- */

/* A walk through the groups of a file; hard links may make it go on without end. */
struct walk {
    const struct keras_file *file;
    char path[PATH];
    int visits;
};

/* Goes on with a group's links, or holds an array against those that were taken. */
static clrnn_status walk_on(struct walk *walk, int depth) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { DEEPEST = 32, MOST_VISITS = 1 << 16 };
    const struct keras_file *file = walk->file;
    char *path = walk->path;
    const size_t length = strlen(path);
    const int count = hdf5_file_links(file->weights, path);
    REQUIRE(depth < DEEPEST && walk->visits++ < MOST_VISITS, FORMAT,
            "%s: has too many groups at %.200s", file->label, path);
    REQUIRE(count >= 0 || json_object_get(file->all_taken, path) != NULL, FORMAT,
            "%s: has the weight %.200s, which no layer of its config takes", file->label, path);
    for (int i = 0; i < count; i++) {
        char name[PATH];
        REQUIRE(hdf5_file_link(name, sizeof name - length - 1, file->weights, path, i), FORMAT,
                "%s: %.200s: is damaged", file->label, path);
        if (strcmp(name, "seed_generator") != 0) { /* of a Dropout, and of cells */
            (void)snprintf(path + length, PATH - length, "/%s", name);
            TRY(walk_on(walk, depth + 1));
            path[length] = '\0';
        }
    }
out:
    return status;
}

clrnn_status keras_file_finish(const struct keras_file *file) {
    static const char *const archive[] = {"layers", "vars", NULL};
    static const char *const hdf5[] = {"model_weights", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    const char *const *groups = file->is_archive ? archive : hdf5;
    for (int i = 0; file->weights != NULL && groups[i] != NULL; i++) {
        struct walk walk = {.file = file};
        if (hdf5_file_has(file->weights, groups[i])) {
            (void)snprintf(walk.path, sizeof walk.path, "%s", groups[i]);
            TRY(walk_on(&walk, 0));
        }
    }
out:
    return status;
}
