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

clrnn_status model_options_begin(struct model_asked *out, const clrnn_model_options *options,
                                 const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = (struct model_asked){.options = options};
    out->used = calloc(options->num_snippets + 1, 1);
    REQUIRE(out->used != NULL, MEMORY, "%s: out of memory", label);
out:
    return status;
}

void model_options_free(struct model_asked *asked) {
    free(asked->used);
    asked->used = NULL;
}

/* Takes a name of code that a file asks for: into the text of all of them, once, and as used where
 * it was given. */
static void ask_for(struct model_asked *asked, const char *name) {
    char quoted[80];
    if (name == NULL) {
        return;
    }
    for (size_t i = 0; i < asked->options->num_snippets; i++) {
        asked->used[i] |= strcmp(asked->options->snippets[i].name, name) == 0;
    }
    snprintf(quoted, sizeof quoted, "'%.60s'", name);
    const size_t length = strlen(asked->names);
    if (strstr(asked->names, quoted) == NULL && length + sizeof quoted < sizeof asked->names) {
        snprintf(asked->names + length, sizeof asked->names - length, "%s%s",
                 length > 0 ? ", " : "", quoted);
    }
}

/* "lstm", "lstm and gru": each cell once. */
static void add_cell(struct model_asked *asked, clrnn_cell cell) {
    const size_t length = strlen(asked->cells);
    if ((asked->seen >> cell & 1u) == 0) {
        snprintf(asked->cells + length, sizeof asked->cells - length, "%s%s",
                 length > 0 ? " and " : "", clrnn_cell_name(cell));
        asked->seen |= 1u << cell;
    }
}

void model_options_ask(struct model_asked *asked, const struct config *config) {
    for (int i = 0; i < config->desc.num_layers; i++) {
        const clrnn_activation *acts = &config->desc.layers[i].acts[0][0];
        add_cell(asked, config->desc.layers[i].cell);
        ask_for(asked, config->desc.layers[i].source);
        for (int act = 0; act < 2 * CLRNN_MAX_ACTS; act++) {
            ask_for(asked, acts[act].source);
        }
    }
}

clrnn_status model_options_finish(const struct model_asked *asked, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_model_options *options = asked->options;
    for (size_t i = 0; i < options->num_snippets; i++) {
        REQUIRE(asked->used[i], ARGUMENT, "%s: does not ask for the snippet '%.60s', but for %s",
                label, options->snippets[i].name, asked->names[0] != '\0' ? asked->names : "none");
    }
    REQUIRE(options->nonlinearity == CLRNN_ACT_DEFAULT || (asked->seen >> CLRNN_CELL_RNN & 1u) != 0,
            ARGUMENT, "%s: nonlinearity %s is for rnn, the file holds %s", label,
            clrnn_act_name(options->nonlinearity),
            asked->seen != 0 ? asked->cells : "no recurrent layer");
out:
    return status;
}

/* Of every rnn layer: where the file leaves it open, it is as asked; what the file says stays. */
static clrnn_status apply_nonlinearity(struct config *config, clrnn_act kind, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int i = 0; i < config->desc.num_layers; i++) {
        clrnn_layer_desc *layer = (clrnn_layer_desc *)&config->desc.layers[i];
        for (int direction = 0; direction < 2 && layer->cell == CLRNN_CELL_RNN; direction++) {
            const clrnn_act said = layer->acts[direction][0].kind;
            REQUIRE(said == CLRNN_ACT_DEFAULT || said == kind, ARGUMENT,
                    "%s: layer %d is %s in the file, got nonlinearity %s", label, i,
                    clrnn_act_name(said), clrnn_act_name(kind));
        }
        /* tanh is the default, and a file that did not say it is not made to. */
        if (layer->cell == CLRNN_CELL_RNN && kind != CLRNN_ACT_TANH) {
            layer->acts[0][0].kind = kind;
        }
    }
out:
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

clrnn_status model_options_give(clrnn_net_desc *out, struct config *config,
                                const clrnn_model_options *options, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t count = (size_t)config->desc.num_layers;
    clrnn_layer_desc *layers = calloc(count, sizeof *layers);
    *out = config->desc;
    out->layers = NULL;
    REQUIRE(layers != NULL, MEMORY, "%s: out of memory", label);
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

clrnn_status model_options_apply(clrnn_net_desc *out, struct config *config,
                                 const clrnn_model_options *options, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct model_asked asked;
    *out = (clrnn_net_desc){0};
    TRY(model_options_begin(&asked, options, label));
    model_options_ask(&asked, config);
    TRY(model_options_finish(&asked, label));
    TRY(model_options_give(out, config, options, label));
out:
    model_options_free(&asked);
    return status;
}
