/* model_lesson.c: Wx Wh b of the NumPy lesson, h = tanh(Wx x + Wh h + b). */
#include "core/net.h"
#include "core/tensor.h"
#include "io/arrays.h"
#include "io/model.h"
#include "io/model_weights.h"

static const char *const role_names[WEIGHT_ROLES] = {
    [WEIGHT_IH] = "Wx", [WEIGHT_HH] = "Wh", [BIAS_IH] = "b"};

static int probe(const clrnn_arrays *arrays) {
    return clrnn_arrays_find(arrays, "Wx") != NULL || clrnn_arrays_find(arrays, "Wh") != NULL;
}

static clrnn_status read_lesson(struct config *config, const struct model_source *source) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *tensors[WEIGHT_ROLES];
    char labels[WEIGHT_ROLES][ARRAYS_LABEL];
    char got[128];
    for (enum weight_role role = WEIGHT_IH; role <= WEIGHT_HH; role++) {
        arrays_label(labels[role], source->path, role_names[role]);
        tensors[role] = clrnn_arrays_find(source->arrays, role_names[role]);
        REQUIRE(tensors[role] != NULL, FORMAT, "%s: %s", labels[role], model_lesson.missing);
    }
    const clrnn_tensor *w_hh = tensors[WEIGHT_HH];
    REQUIRE(w_hh->rank == 2, FORMAT, "%s: expected [H][H], got %s", labels[WEIGHT_HH],
            tensor_text(w_hh, got, sizeof got));
    const int64_t hidden = w_hh->shape[1];
    TRY(model_check_shape(labels[WEIGHT_HH], w_hh, 2, hidden, hidden, ""));
    TRY(model_check_shape(labels[WEIGHT_IH], tensors[WEIGHT_IH], 2, hidden, -1, ""));
    TRY(config_create(config, 1, "", 0));
    config->desc.inputs = (int)tensors[WEIGHT_IH]->shape[1];
    *(clrnn_layer_desc *)config->desc.layers =
        (clrnn_layer_desc){.cell = CLRNN_CELL_RNN,
                           .hidden = (int)hidden,
                           .bias = CLRNN_BIAS_SINGLE,
                           .acts = {{{.kind = CLRNN_ACT_TANH}}}};
out:
    return status;
}

const struct model_format model_lesson = {
    .name = "lesson",
    .title = "Wx Wh b",
    .probe = probe,
    .read = read_lesson,
    .role_names = role_names,
    .missing = "is missing beside Wx, Wh, b",
    .unknown = "is not known beside Wx, Wh, b",
};
