/*
 * config.h: the config of a net: JSON text that says what the names and shapes of weights cannot.
 *
 * It stands in an .npz file as a 0-d string array `config`, in a .safetensors file as the metadata
 * `clrnn.config`. An example, then every key:
 *
 *     {"format": "clrnn", "version": 1, "inputs": 12, "batch_first": true,
 *      "layers": [{"cell": "lstm", "hidden": 24, "direction": "bidirectional"},
 *                 {"cell": "rnn", "hidden": 9, "activations": ["relu"]}]}
 *
 *     format            "clrnn"
 *     version           1
 *     inputs            features of x, 1 .. 2^20
 *     layers            from the input to the output, 1 .. 1024 objects
 *     batch_first       true: x is [N][T][I]; false: [T][N][I]; not there: false, but the caller
 *                       may choose
 *     return_sequences  false: y is the last output, [N][F]; true (default): all steps
 *     prefix            what stands before the weights' names, such as "rnn."; default ""
 *
 * A layer; cell and hidden must be there, everything else has a default:
 *
 *     name                  its name in listings, none twice; default: from the prefix or the cell
 *     cell                  "rnn", "lstm", "gru", "custom", "dense" (y = act(W_ih x + b_ih), every step by
 *                           itself; bias "double" is one bias)
 *     hidden                features of its state H, 1 .. 2^20
 *     direction             "forward" (default), "reverse", "bidirectional"
 *     merge                 bidirectional: "concat" (default), "sum", "mul", "ave"
 *     bias                  "double" (default): bias_ih and bias_hh; "single": bias_ih; "none"
 *     reset                 gru: "after" (default: PyTorch, cuDNN, Keras), "before" (ONNX's)
 *     projection            lstm: features of h, 1 .. hidden - 1, by weight_hr; 0 (default): none
 *     peepholes             lstm: true: weight_ci, weight_cf, weight_co; default false
 *     couple                lstm: "none" (default), "forget": f = 1 - i, "input": i = 1 - f
 *     forget_bias           lstm: added to what f's activation takes; default 0
 *     gate_clip             all but custom: holds what gates' activations take in +-gate_clip;
 *                           0 (default): no clip
 *     cell_clip             lstm: holds c in +-cell_clip; 0 (default): no clip
 *     zero_output_for_mask  true: a masked step gives 0; false (default): the output before it
 *     activations           a list, or {"forward": list, "reverse": list} of a bidirectional layer
 *                           (one list is for both directions). Slots: rnn h; lstm i, f, g, o, h (of
 *                           c); gru r, z, n. Default: the cell's own
 *     gates, states         custom: G, 1 .. 4; 1 (h) or 2 (h and c)
 *     source                custom: name of a snippet that the caller gives
 *
 * An activation is a name ("default": the cell's own, in the reverse direction as forward) or an
 * object:
 *
 *     name         of clrnn.h's CLRNN_ACT_LIST, "silu" (swish), "default" or "custom"
 *     alpha, beta  parameters; each has the activation's default
 *     source       custom: name of a snippet that the caller gives
 *
 * Numbers with a fraction are rounded to float32. A key that is not listed, one given twice, a
 * value of another type and an option of another cell are errors that name it. A file never brings
 * code: a source is a name, which the caller binds to text (clrnn_model_options.snippets).
 */
#ifndef CLRNN_IO_CONFIG_H
#define CLRNN_IO_CONFIG_H

#include "core/status.h"

struct config {
    clrnn_net_desc desc; /* `layers` is owned; each source in it is the NAME of a snippet */
    int has_layout;      /* batch_first was said */
    int batch_first;
    int last_only; /* return_sequences: false */
    char *prefix;  /* never NULL */
    char **names;  /* [num_layers], each may be NULL */
};

/* Errors: FORMAT, MEMORY. `label` is for messages. */
clrnn_status config_read(struct config *out, const char *text, const char *label);
/* To be freed. Defaults are left out. */
clrnn_status config_write(char **out, const struct config *config);

/* What code is called: as the snippet of this text, or else "layer0" (a cell's), "layer0_act2" or
 * "layer0_reverse_act2" (an activation's). */
struct config_code {
    const clrnn_snippet *snippets;
    size_t count;
    int first; /* the number of layer 0 */
};

/* A config of `count` layers of zeros; a copy of a desc, with names in the place of code. */
clrnn_status config_create(struct config *out, int count, const char *prefix, size_t prefix_size);
clrnn_status config_from_desc(struct config *out, const clrnn_net_desc *desc,
                              const struct config_code *code);
void config_free(struct config *config);

/* The rules of layers, broken by a file. */
clrnn_status config_check(const struct config *config, const char *label);

/* PyTorch's names and shapes alone say all that the layers are. */
int config_is_plain(const clrnn_net_desc *desc);

#endif
