/* chain_write.c: the steps of a graph as a config of version 2 and PyTorch's names. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "core/net.h"
#include "io/arrays.h"
#include "io/chain.h"
#include "io/config_values.h"
#include "io/model_weights.h"
#include "io/steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The layers of a recurrent step as version 1 writes them. */
static clrnn_status layers_json(json_t **out, const struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct config config = {0};
    char *text = NULL;
    TRY(config_from_desc(&config, &step->net->desc));
    clrnn_layer_desc *last = (clrnn_layer_desc *)&config.desc.layers[config.desc.num_layers - 1];
    last->zero_masked = step->zero_masked; /* which the net does not know of lengths */
    TRY(config_write(&text, &config));
    json_t *whole = json_loads(text, 0, NULL);
    *out = json_incref(json_object_get(whole, "layers"));
    json_decref(whole);
    REQUIRE(*out != NULL, MEMORY, "config: out of memory");
out:
    free(text);
    config_free(&config);
    return status;
}

static clrnn_status add(clrnn_arrays *into, const char *name, const char *what, const void *data,
                        int64_t rows, int64_t columns) {
    char full[200];
    clrnn_tensor copy;
    const clrnn_tensor value = {
        .data = (void *)data, .rank = columns > 0 ? 2 : 1, .shape = {rows, columns}};
    snprintf(full, sizeof full, "%s.%s", name, what);
    return clrnn_arrays_convert(&copy, into, full, CLRNN_DTYPE_F32, &value);
}

static clrnn_status write_recurrent(json_t *entry, clrnn_arrays *into, const struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_t *layers = NULL;
    char prefix[160];
    int failed = 0;
    TRY(layers_json(&layers, step));
    failed |= json_object_set_new(entry, "layers", layers);
    if (step->last_only) {
        failed |= json_object_set_new(entry, "return_sequences", json_false());
    }
    if (step->flip) {
        failed |= json_object_set_new(entry, "flip", json_true());
    }
    REQUIRE(!failed, MEMORY, "config: out of memory");
    snprintf(prefix, sizeof prefix, "%s.", step->name);
    TRY(model_write_weights(into, step->net, prefix, &model_torch));
out:
    return status;
}

static int set_activation(json_t *entry, const clrnn_activation *act) {
    return act->kind == CLRNN_ACT_DEFAULT || act->kind == CLRNN_ACT_LINEAR
               ? 0
               : json_object_set_new(entry, "activation", config_activation_json(act));
}

static clrnn_status write_dense(json_t *entry, clrnn_arrays *into, const struct step *step,
                                int has_softmax) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_net *net = step->net;
    const struct strand *strand = &net->strands[0];
    REQUIRE(net->strand_count == 1, FORMAT, "layer %.60s: several dense layers in one", step->name);
    int failed = json_object_set_new(entry, "features", json_integer(strand->hidden));
    if (strand->weights[BIAS_IH] == NULL) {
        failed |= json_object_set_new(entry, "bias", json_false());
    }
    failed |= has_softmax ? json_object_set_new(entry, "activation", json_string("softmax"))
                          : set_activation(entry, &strand->desc->acts[0][0]);
    REQUIRE(!failed, MEMORY, "config: out of memory");
    TRY(add(into, step->name, "weight", strand->weights[WEIGHT_IH], strand->hidden,
            strand->inputs));
    if (strand->weights[BIAS_IH] != NULL) {
        TRY(add(into, step->name, "bias", strand->weights[BIAS_IH], strand->hidden, 0));
    }
out:
    return status;
}

static clrnn_status write_embedding(json_t *entry, clrnn_arrays *into, const struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *table = &step->table;
    REQUIRE(table->dtype == CLRNN_DTYPE_F32 && table->rank == 2, FORMAT,
            "layer %.60s: the table of an embedding is float32 [V][E]", step->name);
    int failed = json_object_set_new(entry, "vocabulary", json_integer(table->shape[0])) |
                 json_object_set_new(entry, "features", json_integer(table->shape[1]));
    if (step->mask_zero) {
        failed |= json_object_set_new(entry, "mask_zero", json_true());
    }
    REQUIRE(!failed, MEMORY, "config: out of memory");
    TRY(add(into, step->name, "weight", table->data, table->shape[0], table->shape[1]));
out:
    return status;
}

/* One entry; *taken is 2 where the softmax behind a dense layer goes with it. */
static clrnn_status write_step(json_t *list, clrnn_arrays *into, const struct steps *steps, int i,
                               int *taken) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct step *step = &steps->steps[i];
    const struct step *after = i + 1 < steps->count ? step + 1 : NULL;
    const int has_softmax = step->kind == STEP_DENSE && after != NULL &&
                            after->kind == STEP_SOFTMAX && !after->is_own_layer &&
                            (after->axis == -1 || after->axis == step->rank - 1);
    json_t *entry = json_pack("{s:s, s:s}", "type", step_kind_name(step->kind), "name", step->name);
    REQUIRE(entry != NULL && json_array_append_new(list, entry) == 0, MEMORY,
            "config: out of memory");
    REQUIRE(step->name[0] != '\0' && strlen(step->name) < 128, FORMAT,
            "layer '%.60s': a config's names have 1 to 127 bytes", step->name);
    *taken = 1 + has_softmax;
    if (step->type[0] != '\0') {
        REQUIRE(json_object_set_new(entry, "class", json_string(step->type)) == 0, MEMORY,
                "config: out of memory");
    }
    switch (step->kind) {
    case STEP_MASKING:
        REQUIRE(isfinite(step->value), FORMAT, "layer %.60s: masks %g, which JSON cannot say",
                step->name, (double)step->value);
        status = json_object_set_new(entry, "value", config_real_json(step->value)) == 0
                     ? CLRNN_STATUS_OK
                     : CLRNN_STATUS_MEMORY;
        break;
    case STEP_EMBEDDING:
        TRY(write_embedding(entry, into, step));
        break;
    case STEP_RECURRENT:
        TRY(write_recurrent(entry, into, step));
        break;
    case STEP_DENSE:
        TRY(write_dense(entry, into, step, has_softmax));
        break;
    case STEP_ACTIVATION:
        REQUIRE(set_activation(entry, &step->act) == 0, MEMORY, "config: out of memory");
        break;
    default:
        REQUIRE(json_object_set_new(entry, "axis", json_integer(step->axis)) == 0, MEMORY,
                "config: out of memory");
    }
out:
    return status;
}

clrnn_status chain_write(clrnn_arrays *into, const struct graph *graph) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct steps steps = {0};
    json_t *json = NULL;
    json_t *list = json_array();
    char *text = NULL;
    int taken = 1;
    TRY(steps_of_graph(&steps, graph));
    json = json_pack("{s:s, s:i, s:s, s:b}", "format", "clrnn", "version", 2, "input", steps.input,
                     "batch_first", steps.batch_first);
    REQUIRE(json != NULL, MEMORY, "config: out of memory");
    if (steps.inputs > 0) {
        (void)json_object_set_new(json, "inputs", json_integer(steps.inputs));
    }
    if (steps.length > 0) {
        (void)json_object_set_new(json, "steps", json_integer(steps.length));
    }
    int is_masked = 0;
    for (int i = 0; i < steps.count; i++) {
        const struct step *step = &steps.steps[i];
        is_masked |= step->kind == STEP_MASKING || step->mask_zero;
        REQUIRE(step->kind != STEP_RECURRENT || step->is_masked || !is_masked, FORMAT,
                "layer %.60s: does not heed the mask before it, which a config cannot say",
                step->name);
        is_masked &= !(step->kind == STEP_RECURRENT && step->last_only);
    }
    for (int i = 0; i < steps.count; i += taken) {
        TRY(write_step(list, into, &steps, i, &taken));
    }
    REQUIRE(json_object_set(json, "chain", list) == 0, MEMORY, "config: out of memory");
    status = config_print(&text, json);
    json = NULL; /* is released */
    TRY(status);
    TRY(arrays_insert(into, "config", &(clrnn_tensor){.data = text, .dtype = CLRNN_DTYPE_TEXT}));
    text = NULL;
out:
    free(text);
    json_decref(list);
    json_decref(json);
    steps_free(&steps);
    return status;
}
