/*
 * onnx_write.c: a chain of layers as an ONNX graph.
 *
 * ONNX's recurrent nodes take steps first (ONNX Runtime has no other layout), so within the graph
 * steps stand first from the first recurrent layer on, and are turned where somebody looks at them.
 *
 * A Keras mask becomes sequence_lens: the last step that is not masked, and all before it. That is
 * the same for padding on the right, which is what masks are for; a hole within a sequence is run
 * through. Past a length ONNX gives 0 and Keras repeats the last output: Where does that, unless only
 * layers that heed the same mask come behind.
 */
#include "io/onnx.h"

#ifdef WITH_PROTOBUF

#include "io/npy.h"
#include "io/onnx_write.h"

#include <stdio.h>
#include <string.h>

/* A mask as ONNX needs it. */
struct mask {
    const char *lengths;   /* int32 [N]; NULL: nobody heeds it */
    const char *lengths64; /* int64 [N] */
    const char *steps;     /* int64 [T]: 0 .. T - 1 */
};

struct writer {
    struct onnx_build build;
    const struct layer_chain *chain;
    struct mask *masks; /* [count], by the step that makes one */
    const char *value;  /* what the next step takes */
    int rank, time_first;
    const char *label; /* of the step, for messages */
};

/* ---- small parts ----------------------------------------------------------------------------- */

static const char *transposed(struct onnx_build *build, const char *x, int a, int b, int c, int d) {
    const char *const inputs[] = {x, NULL};
    const int64_t order[4] = {a, b, c, d};
    Onnx__NodeProto *node =
        x != NULL && !build->failed ? onnx_node(build, "Transpose", "Transpose", inputs) : NULL;
    if (node != NULL) {
        onnx_add_output(build, node, "Transpose_output");
        onnx_ints(build, node, "perm", d < 0 ? 3 : 4, order);
    }
    return onnx_output(node, 0);
}

/* Squeeze or Unsqueeze of one axis or two. */
static const char *axes(struct onnx_build *build, const char *op, const char *x, size_t count,
                        int64_t first, int64_t second) {
    const int64_t list[2] = {first, second};
    return onnx_op(build, op, x, onnx_list(build, "axes", count, list), NULL);
}

static const char *with_int(struct onnx_build *build, const char *op, const char *x,
                            const char *more, const char *name, int64_t value) {
    const char *const inputs[] = {x, more, NULL};
    Onnx__NodeProto *node = x != NULL && !build->failed ? onnx_node(build, op, op, inputs) : NULL;
    if (node != NULL) {
        char what[32];
        snprintf(what, sizeof what, "%.16s_output", op);
        onnx_add_output(build, node, what);
        onnx_int(build, node, name, value);
    }
    return onnx_output(node, 0);
}

static const char *reduce_max(struct onnx_build *build, const char *x, int64_t axis) {
    const char *const inputs[] = {x, NULL};
    Onnx__NodeProto *node =
        x != NULL && !build->failed ? onnx_node(build, "ReduceMax", "ReduceMax", inputs) : NULL;
    if (node != NULL) {
        onnx_add_output(build, node, "ReduceMax_output");
        onnx_ints(build, node, "axes", 1, &axis);
        onnx_int(build, node, "keepdims", 0);
    }
    return onnx_output(node, 0);
}

static void turn(struct writer *w, int time_first) {
    if (w->rank == 3 && w->time_first != time_first) {
        w->value = transposed(&w->build, w->value, 1, 0, 2, -1);
        w->time_first = time_first;
    }
}

/* ---- masks ----------------------------------------------------------------------------------- */

static int heeds(const struct layer_chain *chain, int maker) {
    for (int i = maker + 1; i < chain->count; i++) {
        if (chain->steps[i].mask == maker) {
            return 1;
        }
    }
    return 0;
}

/* The lengths of a mask of int64, [N][T], 1 where a step counts. */
static void make_lengths(struct mask *out, struct onnx_build *build, const char *mask) {
    static const int64_t zero[1] = {0}, one[1] = {1};
    const char *const inputs[] = {mask, NULL};
    Onnx__NodeProto *shape =
        mask != NULL && !build->failed ? onnx_node(build, "Shape", "Shape", inputs) : NULL;
    if (shape == NULL) {
        return;
    }
    onnx_add_output(build, shape, "Shape_output");
    onnx_int(build, shape, "start", 1);
    onnx_int(build, shape, "end", 2);
    const char *steps = axes(build, "Squeeze", onnx_output(shape, 0), 1, 0, 0);
    out->steps = onnx_op(build, "Range", onnx_list(build, "zero", 0, zero), steps,
                         onnx_list(build, "one", 0, one));
    const char *numbers =
        onnx_op(build, "Add", out->steps, onnx_list(build, "first", 0, one), NULL);
    const char *counted = onnx_op(build, "Mul", mask, numbers, NULL);
    out->lengths64 = reduce_max(build, counted, 1);
    out->lengths = with_int(build, "Cast", out->lengths64, NULL, "to", ONNX_INT32);
}

/* not (x == value), as int64 */
static const char *differs(struct onnx_build *build, const char *x, const char *value) {
    const char *equal = onnx_op(build, "Equal", x, value, NULL);
    return with_int(build, "Cast", onnx_op(build, "Not", equal, NULL, NULL), NULL, "to",
                    ONNX_INT64);
}

/* y where a step is within its row's length, else `last`; all time first, last [1][N][F]. */
static const char *repeated(struct onnx_build *build, const struct mask *mask, const char *y,
                            const char *last) {
    const char *steps = axes(build, "Unsqueeze", mask->steps, 2, 1, 2);       /* [T][1][1] */
    const char *lengths = axes(build, "Unsqueeze", mask->lengths64, 1, 1, 0); /* [N][1] */
    return onnx_op(build, "Where", onnx_op(build, "Less", steps, lengths, NULL), y, last);
}

/* ---- steps ----------------------------------------------------------------------------------- */

static clrnn_status write_embedding(struct writer *w, int at) {
    clrnn_status status = CLRNN_STATUS_OK;
    static const int64_t zero[1] = {0};
    struct onnx_build *build = &w->build;
    const struct layer_step *step = &w->chain->steps[at];
    const clrnn_tensor *table = step->table;
    const char *ids = w->value;
    float *data;
    const char *weights = onnx_weights(&data, build, "embeddings", 2, table->shape);
    if (data != NULL) {
        memcpy(data, (const char *)table->data + table->offset,
               (size_t)clrnn_tensor_count(table) * sizeof *data);
    }
    w->value = with_int(build, "Gather", weights, ids, "axis", 0);
    w->rank = 3;
    if (heeds(w->chain, at)) {
        REQUIRE(!w->time_first, FORMAT, "%s: makes a mask, which needs rows first", w->label);
        const char *wide = w->chain->input->dtype == CLRNN_DTYPE_I32
                               ? with_int(build, "Cast", ids, NULL, "to", ONNX_INT64)
                               : ids;
        make_lengths(&w->masks[at], build, differs(build, wide, onnx_list(build, "none", 0, zero)));
    }
out:
    return status;
}

static clrnn_status write_masking(struct writer *w, int at) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_build *build = &w->build;
    turn(w, 0);
    const char *x = w->value, *value = onnx_scalar(build, "value", w->chain->steps[at].masked);
    const char *mask = reduce_max(build, differs(build, x, value), 2); /* [N][T] */
    make_lengths(&w->masks[at], build, mask);
    if (layer_is_seen(w->chain, at, at)) {
        const char *is_given =
            with_int(build, "Cast", axes(build, "Unsqueeze", mask, 1, 2, 0), NULL, "to", ONNX_BOOL);
        w->value = onnx_op(build, "Where", is_given, x, onnx_scalar(build, "masked", 0));
    }
    REQUIRE(!build->failed, MEMORY, "%s: out of memory", w->label);
out:
    return status;
}

static clrnn_status write_dense(struct writer *w, const struct layer_step *step) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_build *build = &w->build;
    const struct strand *strand = net_strand(step->net, 0, 0);
    const int64_t inputs = strand->inputs, outputs = strand->hidden;
    const float *from = strand->weights[WEIGHT_IH], *bias = strand->weights[BIAS_IH];
    const int is_gemm = step->rank == 2;
    const int64_t shape[2] = {is_gemm ? outputs : inputs, is_gemm ? inputs : outputs};
    float *data, *bias_data = NULL;
    const char *y;
    const char *weights = onnx_weights(&data, build, is_gemm ? "weight" : "kernel", 2, shape);
    const char *second = bias != NULL ? onnx_weights(&bias_data, build, "bias", 1, &outputs) : NULL;
    REQUIRE(data != NULL && (bias == NULL || bias_data != NULL), MEMORY,
            "%s: out of memory for its weights", w->label);
    for (int64_t o = 0; o < outputs; o++) {
        for (int64_t i = 0; i < inputs; i++) {
            data[is_gemm ? o * inputs + i : i * outputs + o] = from[o * inputs + i];
        }
    }
    if (bias != NULL) {
        memcpy(bias_data, bias, (size_t)outputs * sizeof *bias);
    }
    if (is_gemm) {
        const char *const names[] = {w->value, weights, second, NULL};
        Onnx__NodeProto *node = onnx_node(build, "Gemm", NULL, names);
        REQUIRE(node != NULL, MEMORY, "%s: out of memory", w->label);
        onnx_add_output(build, node, "Gemm_output");
        onnx_int(build, node, "transB", 1);
        y = onnx_output(node, 0);
    } else {
        y = onnx_op(build, "MatMul", w->value, weights, NULL);
        y = second != NULL ? onnx_op(build, "Add", y, second, NULL) : y;
    }
    TRY(onnx_act(&w->value, build, &strand->acts[0], y, w->label));
out:
    return status;
}

static void write_softmax(struct writer *w, const struct layer_step *step) {
    const char *op = step->kind == LAYER_SOFTMAX ? "Softmax" : "LogSoftmax";
    const int batch = w->rank == 3 && w->time_first;
    const int64_t axis = step->axis == LAYER_AXIS_FEATURES ? -1
                         : step->axis == LAYER_AXIS_BATCH  ? batch
                                                           : !batch;
    w->value = with_int(&w->build, op, w->value, NULL, "axis", axis);
}

static void write_flip(struct writer *w) {
    struct onnx_build *build = &w->build;
    const int64_t axis = w->time_first ? 0 : 1, first = -1, end = INT64_MIN, by = -1;
    const char *const inputs[] = {w->value,
                                  onnx_list(build, "starts", 1, &first),
                                  onnx_list(build, "ends", 1, &end),
                                  onnx_list(build, "axes", 1, &axis),
                                  onnx_list(build, "steps", 1, &by),
                                  NULL};
    Onnx__NodeProto *node = build->failed ? NULL : onnx_node(build, "Slice", NULL, inputs);
    if (node != NULL) {
        onnx_add_output(build, node, "Slice_output");
    }
    w->value = onnx_output(node, 0);
}

/* ---- recurrent steps ------------------------------------------------------------------------- */

/* One layer of a step. */
struct layer {
    const struct strand *strands[2]; /* forward, reverse */
    int count;
    clrnn_merge merge;
    int last_only, mask; /* -1: none */
    int zero_masked;     /* gives 0 at masked steps */
    int is_seen;         /* somebody looks at masked steps */
};

/* What ONNX and Keras give at masked steps must be the same. */
static clrnn_status check_masked(const struct writer *w, const struct layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int d = 0; layer->mask >= 0 && d < layer->count; d++) {
        const struct strand *strand = layer->strands[d];
        const int zero_masked = layer->zero_masked;
        REQUIRE(!layer->last_only || !zero_masked || strand->reverse, FORMAT,
                "%s: its last output is 0 where the last step is masked; ONNX's is that of the "
                "last step that is not",
                w->label);
        REQUIRE(layer->last_only || zero_masked || layer->count == 1 || !layer->is_seen, FORMAT,
                "%s: repeats outputs at masked steps in two directions; ONNX gives 0 there",
                w->label);
    }
out:
    return status;
}

/* y of one node of one direction, [T][N][H] or the last one [N][H]. */
static clrnn_status write_direction(const char **out, struct writer *w, const struct layer *layer,
                                    int d) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_build *build = &w->build;
    const struct strand *strand = layer->strands[d];
    const char *y, *h;
    const int repeats = layer->mask >= 0 && !layer->last_only && !strand->reverse &&
                        !layer->zero_masked && layer->is_seen;
    const struct onnx_recurrent what = {.strands = {strand},
                                        .count = 1,
                                        .x = w->value,
                                        .lengths =
                                            layer->mask >= 0 ? w->masks[layer->mask].lengths : NULL,
                                        .wants_y = !layer->last_only,
                                        .wants_h = layer->last_only || repeats};
    TRY(onnx_recurrent(&y, &h, build, &what, w->label));
    if (layer->last_only) {
        *out = axes(build, "Squeeze", h, 1, 0, 0);
    } else {
        *out = axes(build, "Squeeze", y, 1, 1, 0);
        *out = repeats ? repeated(build, &w->masks[layer->mask], *out, h) : *out;
    }
out:
    return status;
}

/* Both directions in one node: [T][N][2 H] or [N][2 H]. */
static clrnn_status write_both(const char **out, struct writer *w, const struct layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_build *build = &w->build;
    static const int64_t all[3] = {0, 0, -1}, last[2] = {0, -1};
    const char *y, *h;
    const struct onnx_recurrent what = {.strands = {layer->strands[0], layer->strands[1]},
                                        .count = 2,
                                        .x = w->value,
                                        .lengths =
                                            layer->mask >= 0 ? w->masks[layer->mask].lengths : NULL,
                                        .wants_y = !layer->last_only,
                                        .wants_h = layer->last_only};
    TRY(onnx_recurrent(&y, &h, build, &what, w->label));
    if (layer->last_only) {
        *out = onnx_op(build, "Reshape", transposed(build, h, 1, 0, 2, -1),
                       onnx_list(build, "shape", 2, last), NULL);
    } else {
        *out = onnx_op(build, "Reshape", transposed(build, y, 0, 2, 1, 3),
                       onnx_list(build, "shape", 3, all), NULL);
    }
out:
    return status;
}

/* Forward and reverse as nodes of their own, and what joins them. */
static clrnn_status write_halves(const char **out, struct writer *w, const struct layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_build *build = &w->build;
    const char *forward, *reverse;
    TRY(write_direction(&forward, w, layer, 0));
    TRY(write_direction(&reverse, w, layer, 1));
    switch (layer->merge) {
    case CLRNN_MERGE_CONCAT:
        *out = with_int(build, "Concat", forward, reverse, "axis", -1);
        break;
    case CLRNN_MERGE_MUL:
        *out = onnx_op(build, "Mul", forward, reverse, NULL);
        break;
    case CLRNN_MERGE_SUM:
    case CLRNN_MERGE_AVE:
        *out = onnx_op(build, "Add", forward, reverse, NULL);
        if (layer->merge == CLRNN_MERGE_AVE) {
            *out = onnx_op(build, "Mul", *out, onnx_scalar(build, "half", 0.5f), NULL);
        }
        break;
    }
out:
    return status;
}

static clrnn_status write_layer(struct writer *w, const struct layer *layer, int is_one_net) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *y = NULL;
    TRY(check_masked(w, layer));
    turn(w, 1);
    TRY(layer->count == 1                                  ? write_direction(&y, w, layer, 0)
        : is_one_net && layer->merge == CLRNN_MERGE_CONCAT ? write_both(&y, w, layer)
                                                           : write_halves(&y, w, layer));
    w->value = y;
    w->rank = layer->last_only ? 2 : 3;
out:
    return status;
}

static clrnn_status write_recurrent(struct writer *w, int at) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct layer_step *step = &w->chain->steps[at];
    const clrnn_net *net = step->net;
    const int count = net->desc.num_layers;
    for (int i = 0; i < count; i++) {
        const int is_last = i + 1 == count;
        const int is_both = clrnn_layer_directions(&net->desc.layers[i]) == 2;
        struct layer layer = {
            .strands = {net_strand(net, i, 0), is_both ? net_strand(net, i, 1) : NULL},
            .count = 1 + is_both,
            .merge = net->desc.layers[i].merge,
            .last_only = is_last && step->last_only,
            .mask = step->mask,
            .zero_masked = layer_zero_masked(step, i),
            .is_seen = is_last && layer_is_seen(w->chain, at, step->mask)};
        if (step->reverse != NULL) {
            layer.strands[1] = net_strand(step->reverse, 0, 0);
            layer.count = 2;
            layer.merge = step->merge;
        }
        TRY(write_layer(w, &layer, step->reverse == NULL));
    }
out:
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* A name as ONNX takes it, in whole UTF-8, and so long that more fits behind it. */
static char *plain_name(struct onnx_build *build, const char *from) {
    enum { ROOM = 100 };
    char *to = onnx_alloc(build, ROOM, 1);
    size_t used = 0;
    while (to != NULL && *from != '\0' && used + 5 < ROOM) {
        const char *next = from;
        const int is_text = npy_utf8_next(&next) > 0 && (unsigned char)*from >= ' ';
        next = is_text ? next : from + 1;
        for (; is_text && from < next; from++) {
            to[used++] = *from;
        }
        if (!is_text) {
            to[used++] = '_';
        }
        from = next;
    }
    return to;
}

/* One of a step's nodes goes by its plain name, so that it is there again in other formats: that which
 * readers make a layer of. */
static void name_step(struct writer *w, const struct layer_step *step, size_t first) {
    Onnx__GraphProto *graph = &w->build.graph;
    for (size_t i = first; i < graph->n_node; i++) {
        if (strcmp(graph->node[i]->name, w->build.scope) == 0) {
            return;
        }
    }
    const size_t at = step->kind == LAYER_ACTIVATION ? graph->n_node - 1 : first;
    if (first < graph->n_node) {
        graph->node[at]->name = onnx_name(&w->build, w->build.scope);
    }
}

static clrnn_status write_step(struct writer *w, int at) {
    clrnn_status status = CLRNN_STATUS_OK;
    static const char *const kinds[] = {
        [LAYER_EMBEDDING] = "embedding",     [LAYER_MASKING] = "masking",
        [LAYER_RECURRENT] = "rnn",           [LAYER_DENSE] = "dense",
        [LAYER_ACTIVATION] = "activation",   [LAYER_SOFTMAX] = "softmax",
        [LAYER_LOG_SOFTMAX] = "log_softmax", [LAYER_FLIP] = "flip"};
    const struct layer_step *step = &w->chain->steps[at];
    const int is_named = step->name != NULL && step->name[0] != '\0';
    const size_t first = w->build.graph.n_node;
    char label[LAYER_LABEL];
    w->label = layer_label(label, step);
    w->build.scope = plain_name(&w->build, is_named ? step->name : kinds[step->kind]);
    REQUIRE(w->build.scope != NULL, MEMORY, "%s: out of memory for its name", label);
    switch (step->kind) {
    case LAYER_EMBEDDING:
        TRY(write_embedding(w, at));
        break;
    case LAYER_MASKING:
        TRY(write_masking(w, at));
        break;
    case LAYER_RECURRENT:
        TRY(write_recurrent(w, at));
        break;
    case LAYER_DENSE:
        TRY(write_dense(w, step));
        break;
    case LAYER_ACTIVATION:
        TRY(onnx_act(&w->value, &w->build, &step->node->act, w->value, label));
        break;
    case LAYER_SOFTMAX:
    case LAYER_LOG_SOFTMAX:
        write_softmax(w, step);
        break;
    case LAYER_FLIP:
        write_flip(w);
        break;
    }
    name_step(w, step, first);
out:
    w->label = NULL;
    w->build.scope = "";
    return status;
}

/* Gives the value the name of the graph's output. */
static void name_output(struct writer *w, const char *input) {
    struct onnx_build *build = &w->build;
    const char *name = onnx_name(build, "output");
    if (w->value != NULL && strcmp(w->value, input) == 0) {
        w->value = onnx_op(build, "Identity", input, NULL, NULL);
    }
    for (size_t i = build->graph.n_node; name != NULL && w->value != NULL && i-- > 0;) {
        Onnx__NodeProto *node = build->graph.node[i];
        for (size_t k = 0; k < node->n_output; k++) {
            if (strcmp(node->output[k], w->value) == 0) {
                node->output[k] = (char *)name;
                w->value = name;
                return;
            }
        }
    }
    build->failed = 1;
}

static void write_port(struct writer *w, int is_output, const char *name) {
    const struct layer_chain *chain = w->chain;
    const int rank = is_output ? chain->out_rank : chain->rank;
    const int batch_first = is_output ? chain->out_batch_first : chain->batch_first;
    const int is_ids = !is_output && chain->steps[0].kind == LAYER_EMBEDDING;
    const int is_short = is_ids && chain->input->dtype == CLRNN_DTYPE_I32;
    const int features = is_output ? chain->out_features : chain->features;
    const int64_t shape[3] = {0, rank == 3 || is_ids ? 0 : features, features};
    const int is_flat = rank == 2 && !is_ids;
    const char *const names[3] = {batch_first || is_flat ? "N" : "T",
                                  is_flat       ? "F"
                                  : batch_first ? "T"
                                                : "N",
                                  "F"};
    onnx_port(&w->build, is_output, name,
              is_short ? ONNX_INT32
              : is_ids ? ONNX_INT64
                       : ONNX_FLOAT,
              rank, shape, names);
}

clrnn_status onnx_write(unsigned char **out, size_t *size, const struct graph *graph,
                        const struct write_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct layer_chain chain = {0};
    struct writer w = {.chain = &chain};
    const char *input;
    (void)options; /* ONNX keeps both biases */
    onnx_build_start(&w.build);
    TRY(layers_of(&chain, graph));
    w.masks = onnx_alloc(&w.build, (size_t)chain.count, sizeof *w.masks);
    char *name = plain_name(&w.build, chain.input->name != NULL ? chain.input->name : "x");
    input = name != NULL ? onnx_name(&w.build, name[0] != '\0' ? name : "x") : NULL;
    REQUIRE(w.masks != NULL && input != NULL, MEMORY, "onnx: out of memory for %d layers",
            chain.count);
    write_port(&w, 0, input);
    w.value = input;
    w.rank = chain.rank;
    w.time_first = !chain.batch_first;
    for (int i = 0; i < chain.count; i++) {
        TRY(write_step(&w, i));
    }
    turn(&w, !chain.out_batch_first);
    name_output(&w, input);
    write_port(&w, 1, w.value);
    TRY(onnx_build_pack(out, size, &w.build));
out:
    onnx_build_free(&w.build);
    layers_free(&chain);
    return status;
}

#else

clrnn_status onnx_write(unsigned char **out, size_t *size, const struct graph *graph,
                        const struct write_options *options) {
    (void)out, (void)size, (void)graph, (void)options;
    return status_fail(CLRNN_STATUS_UNSUPPORTED, 0,
                       "onnx: built without libprotobuf-c, which .onnx files need");
}

#endif
