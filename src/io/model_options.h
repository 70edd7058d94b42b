/*
 * model_options.h: what the caller of clrnn_model_load adds to what a file says.
 */
#ifndef CLRNN_IO_MODEL_OPTIONS_H
#define CLRNN_IO_MODEL_OPTIONS_H

#include "io/config.h"

clrnn_status model_options_check(const clrnn_model_options *options);

/* Puts the nonlinearity into the config, and gives the config's desc with code in the place of the
 * names of snippets; its layers are to be freed, their texts are the options' own. An option that
 * the file has no use for is an error. `label` is for messages. */
clrnn_status model_options_apply(clrnn_net_desc *out, struct config *config,
                                 const clrnn_model_options *options, const char *label);

#endif
