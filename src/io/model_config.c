/* model_config.c: a file with a config, which says everything. */
#include "io/arrays.h"
#include "io/model.h"

static int probe(const clrnn_arrays *arrays) {
    return clrnn_arrays_find(arrays, "config") != NULL;
}

static clrnn_status read_config(struct config *config, const struct model_source *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    const clrnn_tensor *text = clrnn_arrays_find(source->arrays, "config");
    arrays_label(label, source->path, "config");
    REQUIRE(text->dtype == CLRNN_DTYPE_TEXT, FORMAT, "%s: must be a 0-d text, got %s", label,
            clrnn_dtype_name(text->dtype));
    TRY(config_read(config, text->data, label));
out:
    return status;
}

const struct model_format model_config = {
    .name = "config",
    .title = "a config",
    .probe = probe,
    .read = read_config,
    .missing = "is missing, but the config asks for it",
    .unknown = "is not a weight of the config's net",
};
