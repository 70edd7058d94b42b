/* keras_names.h: what an archive calls a layer. */
#ifndef CLRNN_IO_KERAS_NAMES_H
#define CLRNN_IO_KERAS_NAMES_H

#include <stddef.h>

enum { KERAS_STORED = 128 };

/* By its class and its number among those of its class: "time_distributed", "simple_rnn_1", "lstm". */
void keras_stored_name(char out[KERAS_STORED], const char *class_name, int number);

#endif
