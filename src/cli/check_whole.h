/* check_whole.h: `clrnn check` of a model with more than a net in it. */
#ifndef CLRNN_CLI_CHECK_WHOLE_H
#define CLRNN_CLI_CHECK_WHOLE_H

#include "cli/compute.h"
#include "cli/options.h"

/* Gives the exit code. */
int check_whole(const clrnn_model *model, const options *opts, const compute_setup *setup);

#endif
