/*
 * test_fuzz.c: what fuzzing found (tests/data/fuzz/NAME) and broken copies of real files, through the
 * entry points that libFuzzer takes. A crash or a hang fails; what a parser says does not matter here.
 */
#include "files.h"
#include "fuzz/fuzz.h"
#include "suites.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct fuzzer {
    const char *name;
    int (*run)(const unsigned char *data, size_t size);
    const char *suffixes[2]; /* of real files */
} fuzzers[] = {
    {"npy", fuzz_npy, {".npy"}},
    {"npz", fuzz_npz, {".npz"}},
    {"safetensors", fuzz_safetensors, {".safetensors"}},
    {"config", fuzz_config, {".json"}},
    {"keras", fuzz_keras, {".keras", ".h5"}},
    {"onnx", fuzz_onnx, {".onnx"}},
};
enum {
    BROKEN = 24,
    LARGEST = 64 << 10
}; /* copies of a file; larger files are slow and say no more */

static const char *const folders[] = {"tests/data",       "tests/data/keras_cases",
                                      "tests/data/onnx",  "tests/data/chain",
                                      "tests/data/graph", "tests/data/golden"};

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* On memory of exactly that size, so that a sanitizer sees a read past its end. */
static void run_on(const struct fuzzer *fuzzer, const unsigned char *bytes, size_t size) {
    unsigned char *copy = malloc(size > 0 ? size : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, size);
    ck_assert_int_eq(fuzzer->run(copy, size), 0);
    free(copy);
}

/* Cut short, or with some bits, a byte or a length changed. */
static void run_broken(const struct fuzzer *fuzzer, const unsigned char *bytes, size_t size,
                       uint64_t seed) {
    unsigned char *copy = malloc(size + 1);
    ck_assert_ptr_nonnull(copy);
    for (int i = 0; i < BROKEN && size > 0; i++) {
        memcpy(copy, bytes, size);
        size_t left = size;
        const size_t at = (size_t)(next_random(&seed) % size);
        switch (i % 4) {
        case 0:
            left = at;
            break;
        case 1:
            copy[at] ^= (unsigned char)(1u << next_random(&seed) % 8);
            break;
        case 2:
            copy[at] = (unsigned char)next_random(&seed);
            break;
        default: /* near the front, where headers are */
            memset(copy + at % (size < 512 ? size : 512), 0xff,
                   size - at % (size < 512 ? size : 512) < 4 ? 1 : 4);
        }
        run_on(fuzzer, copy, left);
    }
    free(copy);
}

static int ends_with(const char *name, const char *suffix) {
    const size_t length = strlen(name);
    return suffix != NULL && length > strlen(suffix) &&
           strcmp(name + length - strlen(suffix), suffix) == 0;
}

/* Every file of the folder that the fuzzer takes; `any`: every file. */
static int run_folder(const struct fuzzer *fuzzer, const char *path, int any) {
    DIR *listing = opendir(path);
    struct dirent *entry;
    int count = 0;
    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        char file[600];
        size_t size;
        const int is_real = ends_with(entry->d_name, fuzzer->suffixes[0]) ||
                            ends_with(entry->d_name, fuzzer->suffixes[1]);
        if (entry->d_name[0] == '.' || !(any || is_real)) {
            continue;
        }
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        unsigned char *bytes = read_whole(file, &size);
        run_on(fuzzer, bytes, size);
        if (size <= LARGEST) {
            run_broken(fuzzer, bytes, size, size);
        }
        free(bytes);
        count++;
    }
    if (listing != NULL) {
        closedir(listing);
    }
    return count;
}

START_TEST(parsers_survive) {
    const struct fuzzer *fuzzer = &fuzzers[_i];
    char corpus[64];
    int count = 0;
    snprintf(corpus, sizeof corpus, "tests/data/fuzz/%s", fuzzer->name);
    count += run_folder(fuzzer, corpus, 1);
    for (int i = 0; i < COUNT(folders); i++) {
        count += run_folder(fuzzer, folders[i], 0);
    }
    ck_assert_msg(count > 0, "%s: no file to begin with", fuzzer->name);
    run_on(fuzzer, (const unsigned char *)"", 0);
}
END_TEST

Suite *fuzz_suite(void) {
    Suite *suite = suite_create("fuzz");
    TCase *files = tcase_create("files");
    tcase_add_loop_test(files, parsers_survive, 0, COUNT(fuzzers));
    suite_add_tcase(suite, files);
    return suite;
}
