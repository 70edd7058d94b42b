/* keras_names.c: names of layers in an archive: keras/src/utils/naming.py, to_snake_case. */
#include "io/keras_names.h"

#include <ctype.h>
#include <stdio.h>

void keras_stored_name(char out[KERAS_STORED], const char *class_name, int number) {
    enum { DIGITS = 16 };
    size_t used = 0;
    for (const char *at = class_name; *at != '\0' && used + DIGITS + 2 < KERAS_STORED; at++) {
        const int is_start = at > class_name && isupper((unsigned char)at[0]) &&
                             (islower((unsigned char)at[-1]) || islower((unsigned char)at[1]));
        if (is_start) {
            out[used++] = '_';
        }
        out[used++] = (char)tolower((unsigned char)at[0]);
    }
    out[used] = '\0';
    if (number > 0) {
        (void)snprintf(out + used, DIGITS, "_%d", number);
    }
}
