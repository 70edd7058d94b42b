/*
 * model_save.c: a model into a file. A net from named arrays keeps what its file said; any other model
 * is written from its graph.
 */
#include "io/arrays.h"
#include "io/chain.h"
#include "io/keras.h"
#include "io/model.h"
#include "io/model_weights.h"
#include "io/onnx.h"
#include "io/output.h"

#include "graph/graph_compare.h"

#include <stdlib.h>
#include <string.h>

static clrnn_status add_config(clrnn_arrays *into, const struct config *config) {
    clrnn_status status = CLRNN_STATUS_OK;
    char *text = NULL;
    TRY(config_write(&text, config));
    TRY(arrays_insert(into, "config", &(clrnn_tensor){.data = text, .dtype = CLRNN_DTYPE_TEXT}));
    text = NULL;
out:
    free(text);
    return status;
}

static clrnn_status add_net(clrnn_arrays *into, const clrnn_model *model, enum arrays_kind kind) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (model->format == &model_lesson && kind == ARRAYS_ZIP) {
        TRY(model_write_weights(into, model->net, "", &model_lesson));
        goto out;
    }
    /* PyTorch's names say nothing of a relu, for example, which would be lost. */
    if (model->format == &model_config || !config_is_plain(&model->config.desc)) {
        TRY(add_config(into, &model->config));
    }
    TRY(model_write_weights(into, model->net, model->config.prefix, &model_torch));
out:
    return status;
}

static clrnn_status save_arrays(const clrnn_model *model, const char *path, enum arrays_kind kind) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_arrays *arrays = NULL;
    const struct config_code code = {.snippets = model->snippets, .count = model->snippet_count};
    TRY(clrnn_arrays_create(&arrays));
    TRY(model->net != NULL ? add_net(arrays, model, kind)
                           : chain_write(arrays, model->graph, &code));
    TRY(arrays_write(arrays, path, kind));
out:
    clrnn_arrays_free(arrays);
    return status;
}

static clrnn_status save_bytes(const clrnn_model *model, const char *path, int as_keras,
                               const struct write_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct output output = {.fd = -1};
    unsigned char *bytes = NULL;
    size_t size = 0;
    TRY(as_keras ? keras_write(&bytes, &size, model->graph, options)
                 : onnx_write(&bytes, &size, model->graph, options));
    TRY(output_open(&output, path));
    TRY(output_sink(&output, bytes, size));
    TRY(output_commit(&output));
out:
    output_close(&output);
    free(bytes);
    return status;
}

clrnn_status clrnn_model_save(const clrnn_model *model, const char *path,
                              const clrnn_save_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(model != NULL && path != NULL, ARGUMENT, "model: save needs a model and a path");
    const struct write_options asked = {.merge_bias = options != NULL && options->merge_bias};
    const char *slash = strrchr(path, '/');
    const char *suffix = strrchr(slash != NULL ? slash : path, '.');
    suffix = suffix != NULL ? suffix : ".npz";
    if (strcmp(suffix, ".npz") == 0 || strcmp(suffix, ".safetensors") == 0) {
        TRY(save_arrays(model, path, suffix[1] == 's' ? ARRAYS_SAFETENSORS : ARRAYS_ZIP));
    } else {
        const int as_keras = strcmp(suffix, ".keras") == 0;
        REQUIRE(as_keras || strcmp(suffix, ".onnx") == 0, ARGUMENT,
                "%s: models are written as .npz, .safetensors, .keras or .onnx, got %s", path,
                suffix);
        TRY(save_bytes(model, path, as_keras, &asked));
    }
out:
    return status;
}

clrnn_status clrnn_model_compare(const clrnn_model *a, const clrnn_model *b, int merged) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(a != NULL && b != NULL, ARGUMENT, "model: compare needs two models");
    TRY(graph_compare(a->graph, b->graph, merged));
out:
    return status;
}
