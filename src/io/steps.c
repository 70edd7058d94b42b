/* steps.c: from a graph to its steps: the chain that layers_of.h finds, as formats of layers list it. */
#include "io/steps.h"

#include "core/net.h"
#include "io/layers_of.h"
#include "io/model.h"

#include <stdlib.h>
#include <string.h>

const char *step_kind_name(enum step_kind kind) {
    static const char *const names[STEP_KINDS] = {"masking",    "embedding", "recurrent",  "dense",
                                                  "activation", "softmax",   "log_softmax"};
    return (unsigned)kind < STEP_KINDS ? names[kind] : "unknown";
}

const char *step_class(const struct step *step) {
    static const char *const classes[STEP_KINDS] = {"Masking",    "Embedding", "",          "Dense",
                                                    "Activation", "Softmax",   "LogSoftmax"};
    if (step->kind != STEP_RECURRENT) {
        return classes[step->kind];
    }
    const clrnn_layer_desc *first = &step->net->desc.layers[0];
    return model_type_name(first->cell, clrnn_layer_directions(first) == 2);
}

void steps_free(struct steps *steps) {
    free(steps->steps);
    *steps = (struct steps){0};
}

static const enum step_kind kinds[] = {
    [LAYER_EMBEDDING] = STEP_EMBEDDING,     [LAYER_MASKING] = STEP_MASKING,
    [LAYER_RECURRENT] = STEP_RECURRENT,     [LAYER_DENSE] = STEP_DENSE,
    [LAYER_ACTIVATION] = STEP_ACTIVATION,   [LAYER_SOFTMAX] = STEP_SOFTMAX,
    [LAYER_LOG_SOFTMAX] = STEP_LOG_SOFTMAX,
};

/* -1 is the features; the others by their places. */
static int64_t axis_of(const struct layer_step *step, int batch_first) {
    const int batch = step->rank == 3 && !batch_first;
    return step->axis == LAYER_AXIS_FEATURES ? -1 : step->axis == LAYER_AXIS_BATCH ? batch : !batch;
}

/* x of rows alone is read back as the steps of one. */
static clrnn_status check_axis(const struct layer_chain *chain, const struct layer_step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    const int is_rows = chain->rank == 2 && chain->features > 0;
    REQUIRE(!is_rows || step->axis == LAYER_AXIS_FEATURES, FORMAT,
            "%s: goes over a batch of rows, which a chain has as steps", layer_label(label, step));
out:
    return status;
}

/* What a layer of the chain says, as a step; a flip belongs to the net before it. */
static clrnn_status take(struct steps *out, const struct graph *graph,
                         const struct layer_step *from, int batch_first) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[LAYER_LABEL];
    struct step *step = &out->steps[out->count];
    struct step *before = out->count > 0 ? step - 1 : NULL;
    const struct graph_layer *layer =
        from->node->layer >= 0 ? &graph->layers[from->node->layer] : NULL;
    if (from->kind == LAYER_FLIP) {
        REQUIRE(before != NULL && before->kind == STEP_RECURRENT && !before->last_only, FORMAT,
                "%s: turns steps round that are not those of a recurrent layer",
                layer_label(label, from));
        before->flip = !before->flip;
        goto out;
    }
    REQUIRE(from->reverse == NULL, FORMAT,
            "%s: its two directions are not alike, which a config of one layer cannot say",
            layer_label(label, from));
    *step = (struct step){.kind = kinds[from->kind],
                          .name = from->name != NULL ? from->name : "",
                          .type = layer != NULL && layer->type != NULL ? layer->type : "",
                          .net = (clrnn_net *)from->net,
                          .last_only = from->last_only,
                          .is_masked = from->mask >= 0,
                          .zero_masked = from->zero_masked,
                          .value = from->masked,
                          .act = from->node->act,
                          .axis = axis_of(from, batch_first),
                          .rank = from->rank};
    step->is_own_layer = before == NULL || strcmp(before->name, step->name) != 0;
    if (from->kind == LAYER_EMBEDDING) {
        step->table = *from->table;
        step->mask_zero = from->marks >= 0;
    }
    out->count++;
out:
    return status;
}

clrnn_status steps_of_graph(struct steps *out, const struct graph *graph) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct layer_chain chain = {0};
    *out = (struct steps){.length = -1};
    TRY(layers_of(&chain, graph));
    REQUIRE(chain.batch_first == chain.out_batch_first || chain.out_rank < 3, FORMAT,
            "model: gives [T][N] of [N][T], or the other way round, which no chain of layers says");
    out->steps = calloc((size_t)chain.count + 1, sizeof *out->steps);
    REQUIRE(out->steps != NULL, MEMORY, "model: out of memory");
    for (int i = 0; i < chain.count; i++) {
        TRY(check_axis(&chain, &chain.steps[i]));
        TRY(take(out, graph, &chain.steps[i], chain.batch_first));
    }
    out->input = chain.input->name != NULL ? chain.input->name : "x";
    out->batch_first = chain.batch_first;
    out->inputs = chain.features;
    if (chain.input->rank == 3 || (chain.input->rank == 2 && chain.features == 0)) {
        out->length = chain.input->shape[chain.batch_first ? 1 : 0];
    }
out:
    layers_free(&chain);
    if (status != CLRNN_STATUS_OK) {
        steps_free(out);
    }
    return status;
}
