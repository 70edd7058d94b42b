/* model_options.c: the nonlinearity of a vanilla rnn, and code for custom parts. */
#include "io/model_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ASKED = 160 }; /* "'mgu', 'square'": as many names as fit */

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

/* "lstm", "lstm and gru": each cell once. */
static void cells_text(char out[48], const struct config *config) {
    size_t used = 0;
    unsigned seen = 0;
    out[0] = '\0';
    for (int i = 0; i < config->desc.num_layers; i++) {
        const clrnn_cell cell = config->desc.layers[i].cell;
        if ((seen >> cell & 1u) == 0) {
            used += (size_t)snprintf(out + used, 48 - used, "%s%s", seen != 0 ? " and " : "",
                                     clrnn_cell_name(cell));
            seen |= 1u << cell;
        }
    }
}

/* Of every rnn layer: where the file leaves it open, it is as asked; what the file says stays. */
static clrnn_status apply_nonlinearity(struct config *config, clrnn_act kind, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    char cells[48];
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
    cells_text(cells, config);
    REQUIRE(found, ARGUMENT, "%s: nonlinearity %s is for rnn, the file holds %s", label,
            clrnn_act_name(kind), cells);
out:
    return status;
}

/* Takes a name of code that a file asks for: into the text of all of them, once, and as used where
 * it was given. */
static void ask_for(char names[MAX_ASKED], char *used, const char *name,
                    const clrnn_model_options *options) {
    char quoted[80];
    if (name == NULL) {
        return;
    }
    for (size_t i = 0; i < options->num_snippets; i++) {
        used[i] |= strcmp(options->snippets[i].name, name) == 0;
    }
    snprintf(quoted, sizeof quoted, "'%.60s'", name);
    const size_t length = strlen(names);
    if (strstr(names, quoted) == NULL && length + sizeof quoted < MAX_ASKED) {
        snprintf(names + length, MAX_ASKED - length, "%s%s", length > 0 ? ", " : "", quoted);
    }
}

/* Every snippet that was given must be asked for. */
static clrnn_status check_used(const struct config *config, const clrnn_model_options *options,
                               const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    char names[MAX_ASKED] = "";
    char *used = calloc(options->num_snippets + 1, 1);
    REQUIRE(used != NULL, MEMORY, "%s: out of memory", label);
    for (int i = 0; i < config->desc.num_layers; i++) {
        const clrnn_activation *acts = &config->desc.layers[i].acts[0][0];
        ask_for(names, used, config->desc.layers[i].source, options);
        for (int act = 0; act < 2 * CLRNN_MAX_ACTS; act++) {
            ask_for(names, used, acts[act].source, options);
        }
    }
    for (size_t i = 0; i < options->num_snippets; i++) {
        REQUIRE(used[i], ARGUMENT, "%s: does not ask for the snippet '%.60s', but for %s", label,
                options->snippets[i].name, names[0] != '\0' ? names : "none");
    }
out:
    free(used);
    return status;
}

/* Replaces a name by the code that the caller gives for it. */
static clrnn_status give_code(const char **source, const clrnn_model_options *options,
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
out:
    return status;
}

clrnn_status model_options_apply(clrnn_net_desc *out, struct config *config,
                                 const clrnn_model_options *options, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t count = (size_t)config->desc.num_layers;
    clrnn_layer_desc *layers = calloc(count, sizeof *layers);
    *out = config->desc;
    REQUIRE(layers != NULL, MEMORY, "%s: out of memory", label);
    TRY(check_used(config, options, label));
    if (options->nonlinearity != CLRNN_ACT_DEFAULT) {
        TRY(apply_nonlinearity(config, options->nonlinearity, label));
    }
    for (size_t i = 0; i < count; i++) {
        clrnn_activation *acts = &layers[i].acts[0][0];
        char where[320];
        layers[i] = config->desc.layers[i];
        snprintf(where, sizeof where, "%s: layer %zu", label, i);
        TRY(give_code(&layers[i].source, options, where));
        for (int act = 0; act < 2 * CLRNN_MAX_ACTS; act++) {
            TRY(give_code(&acts[act].source, options, where));
        }
    }
    out->layers = layers;
    layers = NULL;
out:
    free(layers);
    return status;
}
