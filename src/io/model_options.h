/*
 * model_options.h: what the caller of clrnn_model_load adds to what a file says.
 */
#ifndef CLRNN_IO_MODEL_OPTIONS_H
#define CLRNN_IO_MODEL_OPTIONS_H

#include "io/config.h"

clrnn_status model_options_check(const clrnn_model_options *options);

/* What all nets of a file ask for. */
struct model_asked {
    const clrnn_model_options *options;
    char *used;      /* snippet by snippet: is asked for */
    char names[160]; /* of code: "'mgu', 'square'", as many as fit */
    char cells[48];  /* "lstm and gru" */
    unsigned seen;   /* cells, one bit each */
};

clrnn_status model_options_begin(struct model_asked *out, const clrnn_model_options *options,
                                 const char *label);
void model_options_ask(struct model_asked *asked, const struct config *config);
/* An option that no net has a use for is an error. */
clrnn_status model_options_finish(const struct model_asked *asked, const char *label);
void model_options_free(struct model_asked *asked);

/* Puts the nonlinearity into the config, and gives the config's desc with code in the place of the
 * names of snippets; its layers are to be freed, their texts are the options' own. `label` is for
 * messages. */
clrnn_status model_options_give(clrnn_net_desc *out, struct config *config,
                                const clrnn_model_options *options, const char *label);

/* All of it, of a file that holds one net. */
clrnn_status model_options_apply(clrnn_net_desc *out, struct config *config,
                                 const clrnn_model_options *options, const char *label);

#endif
