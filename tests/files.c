/*
 * files.c: files of the tests: bytes parsed and read, what was read compared, and a folder that is
 * gone when a test ends.
 */
#include "files.h"
#include "io/arrays.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

void expect_failure(clrnn_status got, clrnn_status status, const char *part) {
    const clrnn_error *error = clrnn_last_error();
    ck_assert_msg(got == status, "expected %s with \"%s\", got %s: %s", clrnn_status_name(status),
                  part, clrnn_status_name(got), error->message);
    ck_assert_msg(strstr(error->message, part) != NULL, "expected \"%s\" in \"%s\"", part,
                  error->message);
}

clrnn_status parse(clrnn_arrays **out, const unsigned char *bytes, size_t size) {
    unsigned char *exact = malloc(size > 0 ? size : 1);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, bytes, size);
    *out = NULL;
    const clrnn_status status = arrays_parse(out, exact, size, "x.npy");
    free(exact);
    return status;
}

int same_text(const char *a, const char *b) {
    return (a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0);
}

static int same_real(float a, float b) {
    return memcmp(&a, &b, sizeof a) == 0;
}

static int same_act(const clrnn_activation *a, const clrnn_activation *b) {
    return a->kind == b->kind && a->parameters == b->parameters && same_real(a->alpha, b->alpha) &&
           same_real(a->beta, b->beta) && same_text(a->source, b->source);
}

int same_layer(const clrnn_layer_desc *a, const clrnn_layer_desc *b) {
    int same = a->cell == b->cell && a->reset == b->reset && a->direction == b->direction &&
               a->merge == b->merge && a->bias == b->bias && a->hidden == b->hidden &&
               a->projection == b->projection && a->peepholes == b->peepholes &&
               a->couple == b->couple && same_real(a->forget_bias, b->forget_bias) &&
               same_real(a->gate_clip, b->gate_clip) && same_real(a->cell_clip, b->cell_clip) &&
               a->zero_masked == b->zero_masked && a->gates == b->gates && a->states == b->states &&
               same_text(a->source, b->source);
    for (int i = 0; i < 2 * CLRNN_MAX_ACTS; i++) {
        same &= same_act(&a->acts[0][0] + i, &b->acts[0][0] + i);
    }
    return same;
}

unsigned char *read_whole(const char *path, size_t *size) {
    /* not by arrays_read_file, which leaves off early in a file of no kind that it knows */
    enum { GROWTH = 1 << 16 };
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    size_t got = GROWTH;
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    for (*size = 0; got == GROWTH; *size += got) {
        bytes = realloc(bytes, *size + GROWTH);
        ck_assert_ptr_nonnull(bytes);
        got = fread(bytes + *size, 1, GROWTH, file);
    }
    fclose(file);
    return bytes;
}

char folder[64];

void make_folder(void) {
    strcpy(folder, "/tmp/clrnn-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

const char *in_folder(const char *name) {
    static char path[4][TEXT];
    static unsigned turn;
    char *to = path[turn++ % 4];
    snprintf(to, TEXT, "%s/%s", folder, name);
    return to;
}

int count_files(void) {
    int count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count - 2;
}

void remove_folder(void) {
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        unlink(in_folder(entry->d_name));
    }
    closedir(dir);
    rmdir(folder);
}

int run_command(const char *command, char *output, size_t size) {
    FILE *pipe = popen(command, "r");
    ck_assert_ptr_nonnull(pipe);
    const size_t length = fread(output, 1, size - 1, pipe);
    output[length] = '\0';
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
