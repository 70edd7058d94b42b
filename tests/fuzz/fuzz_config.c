/* fuzz_config.c: a config alone, of either version, without its weights. */
#include "fuzz/fuzz.h"

#include "io/arrays.h"
#include "io/model.h"

#include <stdlib.h>
#include <string.h>

int fuzz_config(const unsigned char *data, size_t size) {
    clrnn_arrays *arrays = NULL;
    clrnn_model *model = NULL;
    clrnn_tensor text = {.data = malloc(size + 1), .dtype = CLRNN_DTYPE_TEXT};
    if (text.data == NULL) {
        return 0;
    }
    memcpy(text.data, data, size);
    ((char *)text.data)[size] = '\0';
    if (clrnn_arrays_create(&arrays) == CLRNN_STATUS_OK &&
        arrays_insert(arrays, "config", &text) == CLRNN_STATUS_OK) {
        text.data = NULL; /* the set's */
        (void)model_read(&model, arrays, "fuzz", NULL);
    }
    free(text.data);
    clrnn_model_free(model);
    clrnn_arrays_free(arrays);
    return 0;
}
