/* model_options.c: the nonlinearity of a vanilla rnn, and code for custom parts. */
#include "io/model_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

clrnn_status model_options_check(const clrnn_model_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(options->nonlinearity == CLRNN_ACT_DEFAULT || options->nonlinearity == CLRNN_ACT_TANH ||
                options->nonlinearity == CLRNN_ACT_RELU,
            ARGUMENT, "model: nonlinearity must be tanh or relu, got %s",
            clrnn_act_name(options->nonlinearity));
    REQUIRE(options->num_snippets == 0 || options->snippets != NULL, ARGUMENT,
            "model: %zu snippets need a list, got NULL", options->num_snippets);
    for (size_t i = 0; i < options->num_snippets; i++) {
        const clrnn_snippet *snippet = &options->snippets[i];
        REQUIRE(snippet->name != NULL && snippet->source != NULL, ARGUMENT,
                "model: snippet %zu needs a name and a source, got NULL", i);
        for (size_t before = 0; before < i; before++) {
            REQUIRE(strcmp(options->snippets[before].name, snippet->name) != 0, ARGUMENT,
                    "model: two snippets are called '%.60s'", snippet->name);
        }
    }
out:
    return status;
}

/* Of every rnn layer: where the file leaves it open, it is as asked; what the file says stays. */
static clrnn_status apply_nonlinearity(struct config *config, clrnn_act kind, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    int found = 0;
    for (int i = 0; i < config->desc.num_layers; i++) {
        clrnn_layer_desc *layer = (clrnn_layer_desc *)&config->desc.layers[i];
        if (layer->cell != CLRNN_CELL_RNN) {
            continue;
        }
        found = 1;
        for (int direction = 0; direction < 2; direction++) {
            const clrnn_act said = layer->acts[direction][0].kind;
            REQUIRE(said == CLRNN_ACT_DEFAULT || said == kind, ARGUMENT,
                    "%s: layer %d is %s in the file, got nonlinearity %s", label, i,
                    clrnn_act_name(said), clrnn_act_name(kind));
        }
        /* tanh is the default, and a file that did not say it is not made to. */
        if (kind != CLRNN_ACT_TANH) {
            layer->acts[0][0].kind = kind;
        }
    }
    REQUIRE(found, ARGUMENT, "%s: nonlinearity %s is for rnn, the file holds %s", label,
            clrnn_act_name(kind), clrnn_cell_name(config->desc.layers[0].cell));
out:
    return status;
}

/* Replaces a name by the code that the caller gives for it. */
static clrnn_status give_code(const char **source, const clrnn_model_options *options, char *used,
                              const char *where) {
    clrnn_status status = CLRNN_STATUS_OK;
    size_t i = 0;
    if (*source == NULL) {
        goto out;
    }
    while (i < options->num_snippets && strcmp(options->snippets[i].name, *source) != 0) {
        i++;
    }
    REQUIRE(i < options->num_snippets, FORMAT,
            "%s needs the OpenCL C snippet '%.60s', which was not given: a file brings no code of "
            "its own",
            where, *source);
    *source = options->snippets[i].source;
    used[i] = 1;
out:
    return status;
}

clrnn_status model_options_apply(clrnn_net_desc *out, struct config *config,
                                 const clrnn_model_options *options, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t count = (size_t)config->desc.num_layers;
    clrnn_layer_desc *layers = calloc(count, sizeof *layers);
    char *used = calloc(options->num_snippets + 1, 1);
    *out = config->desc;
    REQUIRE(layers != NULL && used != NULL, MEMORY, "%s: out of memory", label);
    if (options->nonlinearity != CLRNN_ACT_DEFAULT) {
        TRY(apply_nonlinearity(config, options->nonlinearity, label));
    }
    for (size_t i = 0; i < count; i++) {
        clrnn_activation *acts = &layers[i].acts[0][0];
        char where[320];
        layers[i] = config->desc.layers[i];
        snprintf(where, sizeof where, "%s: layer %zu", label, i);
        TRY(give_code(&layers[i].source, options, used, where));
        for (int act = 0; act < 2 * CLRNN_MAX_ACTS; act++) {
            TRY(give_code(&acts[act].source, options, used, where));
        }
    }
    for (size_t i = 0; i < options->num_snippets; i++) {
        REQUIRE(used[i], ARGUMENT, "%s: does not ask for the snippet '%.60s'", label,
                options->snippets[i].name);
    }
    out->layers = layers;
    layers = NULL;
out:
    free(layers);
    free(used);
    return status;
}
