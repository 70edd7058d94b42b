/* fuzz_npy.c: one array, and what messages say of it. */
#include "fuzz/fuzz.h"

#include "io/npy.h"

int fuzz_npy(const unsigned char *data, size_t size) {
    clrnn_arrays *arrays = NULL;
    if (clrnn_arrays_create(&arrays) == CLRNN_STATUS_OK) {
        (void)npy_parse(arrays, "x", data, size, "fuzz");
    }
    clrnn_arrays_free(arrays);
    return 0;
}
