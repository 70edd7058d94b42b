/* fuzz_npz.c: an archive of arrays, and the model that they may be. */
#include "fuzz/fuzz.h"

#include "io/model.h"
#include "io/npz.h"

int fuzz_npz(const unsigned char *data, size_t size) {
    clrnn_arrays *arrays = NULL;
    clrnn_model *model = NULL;
    if (clrnn_arrays_create(&arrays) == CLRNN_STATUS_OK &&
        npz_read(arrays, data, size, "fuzz") == CLRNN_STATUS_OK) {
        (void)model_read(&model, arrays, "fuzz", NULL);
    }
    clrnn_model_free(model);
    clrnn_arrays_free(arrays);
    return 0;
}
