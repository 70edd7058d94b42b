/* chain_write.c: the steps of a graph as a config of version 2 and PyTorch's names. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "core/net.h"
#include "io/arrays.h"
#include "io/chain.h"
#include "io/config_values.h"
#include "io/model_weights.h"
#include "io/npy.h"
#include "io/steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chain as it is written. The names are those of its entries, step by step. */
struct writing {
    struct steps steps;
    char (*names)[CONFIG_NAME]; /* [steps.count] */
    clrnn_arrays *into;
    json_t *list;
    struct config_code code; /* `first`: recurrent layers so far */
};

/* ---- names ----------------------------------------------------------------------------------- */

/* Steps of the entry that begins at i: 2 where the softmax behind a dense layer goes with it. */
static int steps_of_entry(const struct steps *steps, int i) {
    const struct step *step = &steps->steps[i], *after = step + 1;
    const int has_softmax = step->kind == STEP_DENSE && i + 1 < steps->count &&
                            after->kind == STEP_SOFTMAX && !after->is_own_layer &&
                            (after->axis == -1 || after->axis == step->rank - 1) &&
                            step->net->strands[0].acts[0].kind == CLRNN_ACT_LINEAR;
    return 1 + has_softmax;
}

/* A text as a name that is read: printable UTF-8, cut where it is too long. */
static void clean_name(char out[CONFIG_NAME], const char *text) {
    size_t used = 0;
    while (*text != '\0') {
        const char *from = text;
        const int32_t code = npy_utf8_next(&text);
        text = code < 0 ? from + 1 : text;
        const size_t length = (size_t)(text - from);
        if (used + length >= CONFIG_NAME) {
            break;
        }
        memcpy(out + used, from, length);
        if (code < 0x20 || code == 0x7f) {
            out[used] = '_';
        }
        used += length;
    }
    out[used] = '\0';
}

static int is_named(const struct writing *writing, const char *name) {
    for (int i = 0; i < writing->steps.count; i++) {
        if (strcmp(writing->names[i], name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* "dense_7" for the seventh entry, or with the next number that makes it one of its own. */
static void make_name(struct writing *writing, int i, int number) {
    const struct step *step = &writing->steps.steps[i];
    char base[CONFIG_NAME], name[CONFIG_NAME];
    clean_name(base, step->name[0] != '\0' ? step->name : step_kind_name(step->kind));
    snprintf(name, sizeof name, "%s", base);
    for (; is_named(writing, name); number++) {
        char tail[16];
        snprintf(tail, sizeof tail, "_%d", number);
        size_t length = strlen(base);
        while (length + strlen(tail) >= CONFIG_NAME ||
               ((unsigned char)base[length] & 0xc0) == 0x80) {
            length--;
        }
        snprintf(name, sizeof name, "%.*s%s", (int)length, base, tail);
    }
    memcpy(writing->names[i], name, sizeof name);
}

/* Each entry keeps the name it has, if a config may have it and no entry before has it; the others are
 * given one after that. */
static clrnn_status name_entries(struct writing *writing) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct steps *steps = &writing->steps;
    char name[CONFIG_NAME];
    writing->names = calloc((size_t)steps->count + 1, sizeof *writing->names);
    REQUIRE(writing->names != NULL, MEMORY, "config: out of memory");
    for (int i = 0; i < steps->count; i += steps_of_entry(steps, i)) {
        clean_name(name, steps->steps[i].name);
        if (strcmp(name, steps->steps[i].name) == 0 && !is_named(writing, name)) {
            memcpy(writing->names[i], name, sizeof name);
        }
    }
    for (int i = 0, number = 1; i < steps->count; i += steps_of_entry(steps, i), number++) {
        if (writing->names[i][0] == '\0') {
            make_name(writing, i, number);
        }
    }
    for (int i = 0; i < steps->count; i++) {
        steps->steps[i].name = writing->names[i];
    }
out:
    return status;
}

/* ---- entries --------------------------------------------------------------------------------- */

/* The layers of a recurrent step as version 1 writes them. */
static clrnn_status layers_json(json_t **out, const struct step *step,
                                const struct config_code *code) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct config config = {0};
    char *text = NULL;
    TRY(config_from_desc(&config, &step->net->desc, code));
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

static clrnn_status write_recurrent(json_t *entry, struct writing *writing,
                                    const struct step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    json_t *layers = NULL;
    char prefix[160];
    int failed = 0;
    TRY(layers_json(&layers, step, &writing->code));
    writing->code.first += step->net->desc.num_layers;
    failed |= json_object_set_new(entry, "layers", layers);
    if (step->last_only) {
        failed |= json_object_set_new(entry, "return_sequences", json_false());
    }
    if (step->flip) {
        failed |= json_object_set_new(entry, "flip", json_true());
    }
    REQUIRE(!failed, MEMORY, "config: out of memory");
    snprintf(prefix, sizeof prefix, "%s.", step->name);
    TRY(model_write_weights(writing->into, step->net, prefix, &model_torch));
out:
    return status;
}

static clrnn_status write_act(json_t *entry, const clrnn_activation *act, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(act->kind != CLRNN_ACT_CUSTOM && act->source == NULL, FORMAT,
            "%s: its activation is custom, which a config has of recurrent layers alone", where);
    REQUIRE((act->parameters < 1 || isfinite(act->alpha)) &&
                (act->parameters < 2 || isfinite(act->beta)),
            FORMAT, "%s: %s of %g, %g, which JSON cannot say", where, clrnn_act_name(act->kind),
            (double)act->alpha, (double)act->beta);
    REQUIRE(act->kind == CLRNN_ACT_DEFAULT || act->kind == CLRNN_ACT_LINEAR ||
                json_object_set_new(entry, "activation", config_activation_json(act)) == 0,
            MEMORY, "config: out of memory");
out:
    return status;
}

static clrnn_status write_dense(json_t *entry, clrnn_arrays *into, const struct step *step,
                                int has_softmax, const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_net *net = step->net;
    const struct strand *strand = &net->strands[0];
    REQUIRE(net->strand_count == 1, FORMAT, "%s: several dense layers in one", where);
    REQUIRE(!(strand->desc->gate_clip > 0), FORMAT,
            "%s: a clip, which a config has of recurrent layers alone", where);
    TRY(config_write_count(entry, "features", strand->hidden, where));
    if (strand->weights[BIAS_IH] == NULL) {
        REQUIRE(json_object_set_new(entry, "bias", json_false()) == 0, MEMORY,
                "config: out of memory");
    }
    if (has_softmax) {
        REQUIRE(json_object_set_new(entry, "activation", json_string("softmax")) == 0, MEMORY,
                "config: out of memory");
    } else {
        TRY(write_act(entry, &strand->desc->acts[0][0], where));
    }
    TRY(add(into, step->name, "weight", strand->weights[WEIGHT_IH], strand->hidden,
            strand->inputs));
    if (strand->weights[BIAS_IH] != NULL) {
        TRY(add(into, step->name, "bias", strand->weights[BIAS_IH], strand->hidden, 0));
    }
out:
    return status;
}

static clrnn_status write_embedding(json_t *entry, clrnn_arrays *into, const struct step *step,
                                    const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *table = &step->table;
    REQUIRE(table->dtype == CLRNN_DTYPE_F32 && table->rank == 2, FORMAT,
            "%s: the table of an embedding is float32 [V][E]", where);
    TRY(config_write_count(entry, "vocabulary", table->shape[0], where));
    TRY(config_write_count(entry, "features", table->shape[1], where));
    if (step->mask_zero) {
        REQUIRE(json_object_set_new(entry, "mask_zero", json_true()) == 0, MEMORY,
                "config: out of memory");
    }
    TRY(add(into, step->name, "weight", table->data, table->shape[0], table->shape[1]));
out:
    return status;
}

static clrnn_status write_step(struct writing *writing, int i) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct step *step = &writing->steps.steps[i];
    const char *class = step->type[0] != '\0' ? step->type : step_class(step);
    char where[CONFIG_NAME + 16], shown[CONFIG_NAME];
    snprintf(where, sizeof where, "layer %.60s", step->name);
    clean_name(shown, class);
    json_t *entry = json_pack("{s:s, s:s, s:s}", "type", step_kind_name(step->kind), "name",
                              step->name, "class", shown);
    REQUIRE(entry != NULL && json_array_append_new(writing->list, entry) == 0, MEMORY,
            "config: out of memory");
    switch (step->kind) {
    case STEP_MASKING:
        REQUIRE(isfinite(step->value), FORMAT, "%s: masks %g, which JSON cannot say", where,
                (double)step->value);
        REQUIRE(json_object_set_new(entry, "value", config_real_json(step->value)) == 0, MEMORY,
                "config: out of memory");
        break;
    case STEP_EMBEDDING:
        TRY(write_embedding(entry, writing->into, step, where));
        break;
    case STEP_RECURRENT:
        TRY(write_recurrent(entry, writing, step));
        break;
    case STEP_DENSE:
        TRY(write_dense(entry, writing->into, step, steps_of_entry(&writing->steps, i) == 2,
                        where));
        break;
    case STEP_ACTIVATION:
        TRY(write_act(entry, &step->act, where));
        break;
    default:
        REQUIRE(json_object_set_new(entry, "axis", json_integer(step->axis)) == 0, MEMORY,
                "config: out of memory");
    }
out:
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* What stands beside the chain. */
static clrnn_status root_json(json_t **out, const struct steps *steps) {
    clrnn_status status = CLRNN_STATUS_OK;
    char input[CONFIG_NAME];
    clean_name(input, steps->input[0] != '\0' ? steps->input : "x");
    json_t *json = json_pack("{s:s, s:i, s:s, s:b}", "format", "clrnn", "version", 2, "input",
                             input, "batch_first", steps->batch_first);
    REQUIRE(json != NULL, MEMORY, "config: out of memory");
    if (steps->steps[0].kind != STEP_EMBEDDING) {
        TRY(config_write_count(json, "inputs", steps->inputs, "model"));
    }
    if (steps->length > 0) {
        TRY(config_write_count(json, "steps", steps->length, "model"));
    }
    *out = json;
    json = NULL;
out:
    json_decref(json);
    return status;
}

static clrnn_status check_masks(const struct steps *steps) {
    clrnn_status status = CLRNN_STATUS_OK;
    int is_masked = 0;
    for (int i = 0; i < steps->count; i++) {
        const struct step *step = &steps->steps[i];
        is_masked |= step->kind == STEP_MASKING || step->mask_zero;
        REQUIRE(step->kind != STEP_RECURRENT || step->is_masked || !is_masked, FORMAT,
                "layer %.60s: does not heed the mask before it, which a config cannot say",
                step->name);
        is_masked &= !(step->kind == STEP_RECURRENT && step->last_only);
    }
out:
    return status;
}

clrnn_status chain_write(clrnn_arrays *into, const struct graph *graph,
                         const struct config_code *code) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct writing writing = {.into = into, .list = json_array()};
    const struct steps *steps = &writing.steps;
    json_t *json = NULL;
    char *text = NULL;
    int entries = 0;
    if (code != NULL) {
        writing.code = *code;
    }
    TRY(steps_of_graph(&writing.steps, graph));
    for (int i = 0; i < steps->count; i += steps_of_entry(steps, i)) {
        entries++;
    }
    REQUIRE(entries <= CHAIN_MOST, FORMAT, "model: a config's chain is " CHAIN_ENTRIES ", got %d",
            entries);
    TRY(name_entries(&writing));
    TRY(check_masks(steps));
    TRY(root_json(&json, steps));
    for (int i = 0; i < steps->count; i += steps_of_entry(steps, i)) {
        TRY(write_step(&writing, i));
    }
    REQUIRE(json_object_set(json, "chain", writing.list) == 0, MEMORY, "config: out of memory");
    status = config_print(&text, json);
    json = NULL; /* is released */
    TRY(status);
    TRY(arrays_insert(into, "config", &(clrnn_tensor){.data = text, .dtype = CLRNN_DTYPE_TEXT}));
    text = NULL;
out:
    free(text);
    json_decref(writing.list);
    json_decref(json);
    free(writing.names);
    steps_free(&writing.steps);
    return status;
}
