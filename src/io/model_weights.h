/*
 * model_weights.h: the weights of a net from the arrays of a file, and back.
 *
 * Every array of the file is a weight of the net, and every weight of the net is there.
 */
#ifndef CLRNN_IO_MODEL_WEIGHTS_H
#define CLRNN_IO_MODEL_WEIGHTS_H

#include "core/net.h"
#include "io/model.h"

/* Behind a message of a stack without a config. */
#define MODEL_UNLIKE "; layers that are not alike need a config"

/* [rows] of rank 1, [rows][columns] of rank 2; columns -1: any, which messages call I. A message of
 * another shape ends with `more`. */
clrnn_status model_check_shape(const char *label, const clrnn_tensor *tensor, int rank,
                               int64_t rows, int64_t columns, const char *more);

/* What an array is called in a file; to be freed. */
clrnn_status model_weight_name(char **out, const struct model_format *format, const char *prefix,
                               size_t prefix_size, const struct strand *strand,
                               enum weight_role role);

/* Fails with what `name` may be, or with `otherwise`. */
clrnn_status model_refuse(const char *label, const char *name, const char *otherwise);

/* Makes the net, whose desc is the config's with its code, and sets every weight. No memory is
 * asked for that the arrays do not bound. */
clrnn_status model_read_weights(clrnn_net **out, const clrnn_net_desc *desc,
                                const struct config *config, const struct model_format *format,
                                const struct model_source *source);

/* Adds every weight as float32. */
clrnn_status model_write_weights(clrnn_arrays *into, const clrnn_net *net, const char *prefix,
                                 const struct model_format *format);

#endif
