/* modelfile.h: opening the MODEL of a command line, with what the options say about it. */
#ifndef CLRNN_CLI_MODELFILE_H
#define CLRNN_CLI_MODELFILE_H

#include "cli/options.h"
#include "clrnn.h"

/* --nonlinearity and --snippet apply. Reports failures; gives the exit code. */
int modelfile_open(clrnn_model **out, const char *path, const options *opts);

#endif
