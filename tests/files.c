/*
 * files.c: files of the tests: bytes parsed and read, and a folder that is gone when a test ends.
 */
#include "files.h"
#include "io/arrays.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

unsigned char *read_whole(const char *path, size_t *size) {
    unsigned char *bytes = NULL;
    EXPECT_OK(arrays_read_file(&bytes, size, path));
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
