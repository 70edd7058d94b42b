/* write_options.h: what a caller allows a writer of model files to do. */
#ifndef CLRNN_IO_WRITE_OPTIONS_H
#define CLRNN_IO_WRITE_OPTIONS_H

struct write_options {
    int merge_bias; /* add bias_ih and bias_hh up where the format has one bias: a rounding */
};

#endif
