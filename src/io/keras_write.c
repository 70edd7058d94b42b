/* keras_write.c: the .keras archive: metadata.json, config.json, model.weights.h5. */
#include "io/keras_write.h"

#include "io/keras.h"
#include "io/zip_out.h"

#include <stdlib.h>
#include <string.h>

#ifdef WITH_HDF5

/* A file in memory that grows. */
struct memory {
    unsigned char *bytes;
    size_t size, room;
};

static clrnn_status take_bytes(void *context, const void *data, size_t size) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct memory *memory = context;
    REQUIRE(size <= SIZE_MAX / 2 - memory->size, MEMORY, "keras: out of memory for %zu bytes",
            size);
    if (memory->size + size > memory->room) {
        const size_t wider = 2 * (memory->size + size);
        unsigned char *moved = realloc(memory->bytes, wider);
        REQUIRE(moved != NULL, MEMORY, "keras: out of memory for %zu bytes", wider);
        memory->bytes = moved;
        memory->room = wider;
    }
    memcpy(memory->bytes + memory->size, data, size);
    memory->size += size;
out:
    return status;
}

static clrnn_status put_entry(struct zip_out *zip, const char *name, const void *data,
                              size_t size) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct zip_sum sum;
    zip_sum_start(&sum);
    TRY(zip_sum_sink(&sum, data, size));
    TRY(zip_out_entry(zip, name, &sum));
    TRY(zip_out_sink(zip, data, size));
out:
    return status;
}

/* The version whose config this is; Keras needs both keys, and a date would change the bytes. */
static const char metadata[] =
    "{\"keras_version\": \"3.15.1\", \"date_saved\": \"1980-01-01@00:00:00\"}";

clrnn_status keras_write(unsigned char **out, size_t *size, const struct graph *graph,
                         const struct write_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct layer_chain chain = {0};
    struct keras_model model = {0};
    struct memory memory = {0};
    struct zip_out zip = {.sink = take_bytes, .context = &memory, .label = "keras"};
    char *config = NULL;
    unsigned char *weights = NULL;
    size_t weights_size = 0;
    TRY(layers_of(&chain, graph));
    TRY(keras_model_of(&model, &chain, options));
    TRY(keras_config_text(&config, &model));
    TRY(keras_weights_image(&weights, &weights_size, &model));
    TRY(put_entry(&zip, "metadata.json", metadata, strlen(metadata)));
    TRY(put_entry(&zip, "config.json", config, strlen(config)));
    TRY(put_entry(&zip, "model.weights.h5", weights, weights_size));
    TRY(zip_out_end(&zip));
    *out = memory.bytes;
    *size = memory.size;
    memory.bytes = NULL;
out:
    zip_out_free(&zip);
    free(memory.bytes);
    free(weights);
    free(config);
    keras_model_free(&model);
    layers_free(&chain);
    return status;
}

#else

clrnn_status keras_write(unsigned char **out, size_t *size, const struct graph *graph,
                         const struct write_options *options) {
    (void)out, (void)size, (void)graph, (void)options;
    return status_fail(CLRNN_STATUS_UNSUPPORTED, 0,
                       "keras: built without libhdf5, which .keras files need");
}

#endif
