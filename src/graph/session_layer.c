/*
 * session_layer.c: the nodes of a session that run on its context: recurrent and dense layers.
 *
 * A dense layer takes every row of its input as one row of a batch: T = 1, N = all of them.
 */
#include "graph/session.h"

#include "core/plan.h"
#include "core/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { X, MASK, LENGTHS, H_0, C_0, O_0 }; /* inputs of a NET */
enum { Y, H_N, C_N, O_N };                /* and its outputs */

static const clrnn_net_desc *desc_of(const struct session_layer *layer) {
    return clrnn_net_get_desc(layer->node->net);
}

static const clrnn_layer_desc *last_of(const struct session_layer *layer) {
    const clrnn_net_desc *desc = desc_of(layer);
    return &desc->layers[desc->num_layers - 1];
}

static const char *name_of(const struct session_layer *layer) {
    return layer->node->name != NULL ? layer->node->name : graph_op_name(layer->node->op);
}

/* Puts the node's name before a message. */
static clrnn_status say_where(clrnn_status status, const struct session_layer *layer) {
    const clrnn_error error = *clrnn_last_error();
    return status == CLRNN_STATUS_OK ? status
                                     : status_fail(status, error.cl_code, "layer %.80s: %s",
                                                   name_of(layer), error.message);
}

/* ---- plans ----------------------------------------------------------------------------------- */

static clrnn_plan_desc describe(const clrnn_session *session, const struct session_layer *layer,
                                int64_t steps, int64_t batch) {
    const int is_recurrent = layer->node->op == GRAPH_NET;
    const clrnn_plan_desc desc = {
        .algorithm = is_recurrent ? session->desc.algorithm : NULL,
        .steps = (int)steps,
        .batch = (int)batch,
        .batch_first = layer->node->batch_first,
        .projection = session->desc.projection,
        .chunk = is_recurrent ? session->desc.chunk : 0,
        .memory_limit = session->desc.memory_limit,
        .weights = session->desc.weights,
    };
    return desc;
}

/* A plan that takes so many steps and rows: the one that is there, or a larger one. */
static clrnn_status bring_plan(clrnn_session *session, struct session_layer *layer, int64_t steps,
                               int64_t batch) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { MOST = 1 << 30 };
    REQUIRE(steps >= 1 && batch >= 1 && steps <= MOST && batch <= MOST, SHAPE,
            "needs 1 to %d steps and rows, got %lld and %lld", MOST, (long long)steps,
            (long long)batch);
    if (layer->plan != NULL && steps <= layer->steps && batch <= layer->batch) {
        goto out;
    }
    const clrnn_plan_desc desc =
        describe(session, layer, steps > layer->steps ? steps : layer->steps,
                 batch > layer->batch ? batch : layer->batch);
    clrnn_plan_free(layer->plan);
    layer->plan = NULL;
    if (session->desc.moved != 0 && layer->moved == NULL) {
        const uint64_t number = (uint64_t)(layer - session->layers);
        TRY(session_move_net(&layer->moved, layer->node->net,
                             session->desc.moved ^ (number << 32)));
    }
    TRY(clrnn_plan_create(&layer->plan, session->context,
                          layer->moved != NULL ? layer->moved : layer->node->net, &desc));
    layer->steps = desc.steps;
    layer->batch = desc.batch;
out:
    return status;
}

/* ---- the judge ------------------------------------------------------------------------------- */

static clrnn_status make_steps(clrnn_tensor *out, struct graph_array *array, int batch_first,
                               int64_t steps, int64_t batch, int64_t features) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int64_t shape[3] = {batch_first ? batch : steps, batch_first ? steps : batch, features};
    TRY(graph_array_make(array, CLRNN_DTYPE_F32, 3, shape));
    *out = array->tensor;
out:
    return status;
}

/* One array of a state, [L D][N][W] of all layers, given layer by layer where there are several. */
static clrnn_status make_state(struct graph_array *out, const struct session_layer *layer,
                               int64_t batch, int of_cells) {
    const clrnn_net_desc *desc = desc_of(layer);
    const int64_t width = of_cells ? last_of(layer)->hidden : clrnn_layer_width(last_of(layer));
    int64_t strands = 0;
    for (int i = 0; i < desc->num_layers; i++) {
        strands += clrnn_layer_directions(&desc->layers[i]);
    }
    return graph_array_make(out, CLRNN_DTYPE_F32, 3, (const int64_t[]){strands, batch, width});
}

/* What the judge takes the state before a step from, where the outputs do not have it. */
static clrnn_status ask_for_judge(struct session_layer *layer, clrnn_forward_args *args,
                                  const clrnn_layer_arrays *last, int64_t steps, int64_t batch) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_net_desc *desc = desc_of(layer);
    const size_t count = (size_t)desc->num_layers;
    const int batch_first = layer->node->batch_first, is_masked = args->mask.data != NULL;
    struct session_judged *judged = &layer->judged;
    if (judged->layers == NULL) {
        judged->layers = calloc(count, sizeof *judged->layers);
        judged->arrays = calloc(count * SESSION_JUDGED, sizeof *judged->arrays);
        REQUIRE(judged->layers != NULL && judged->arrays != NULL, MEMORY,
                "out of memory for the judge");
    }
    memset(judged->layers, 0, count * sizeof *judged->layers);
    for (size_t i = 0; i < count; i++) {
        const clrnn_layer_desc *one = &desc->layers[i];
        struct graph_array *arrays = &judged->arrays[i * SESSION_JUDGED];
        clrnn_layer_arrays *given = &judged->layers[i];
        const int64_t directions = clrnn_layer_directions(one), width = clrnn_layer_width(one);
        const int is_last = i + 1 == count;
        const int is_merged = directions == 2 && one->merge != CLRNN_MERGE_CONCAT;
        if (!is_last) {
            TRY(make_steps(&given->y, &arrays[SESSION_Y], batch_first, steps, batch,
                           clrnn_layer_outputs(one)));
        }
        if (is_merged || is_masked || (is_last && layer->node->last_only)) {
            TRY(make_steps(&given->hiddens, &arrays[SESSION_HIDDENS], batch_first, steps, batch,
                           directions * width));
        }
        given->o_0 = is_last ? last->o_0 : given->o_0;
        given->o_n = is_last ? last->o_n : given->o_n;
        if (is_masked && given->o_n.data == NULL) {
            const int64_t shape[3] = {directions, batch, width};
            TRY(graph_array_make(&arrays[SESSION_O_N], CLRNN_DTYPE_F32, 3, shape));
            given->o_n = arrays[SESSION_O_N].tensor;
        }
        if (is_last && layer->node->last_only && args->h_n.data == NULL) {
            const int64_t shape[3] = {directions, batch, width};
            TRY(graph_array_make(&arrays[SESSION_H_N], CLRNN_DTYPE_F32, 3, shape));
            given->h_n = arrays[SESSION_H_N].tensor;
        }
        if (clrnn_layer_states(one) == 2) {
            TRY(make_steps(&given->cells, &arrays[SESSION_CELLS], batch_first, steps, batch,
                           directions * one->hidden));
        }
    }
    args->layers = judged->layers;
out:
    return status;
}

/* ---- recurrent layers ------------------------------------------------------------------------ */

static clrnn_status make_outputs(clrnn_session *session, struct session_layer *layer,
                                 clrnn_forward_args *args, clrnn_tensor *o_n, int64_t steps,
                                 int64_t batch) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph_node *node = layer->node;
    const int64_t features = clrnn_layer_outputs(last_of(layer));
    struct session_value *y = session_output(session, node, Y);
    if (y != NULL) {
        const int64_t last[2] = {batch, features};
        const int64_t all[3] = {node->batch_first ? batch : steps,
                                node->batch_first ? steps : batch, features};
        TRY(session_make(&args->y, session, y, layer->plan->context, node->last_only ? 2 : 3,
                         node->last_only ? last : all));
    }
    clrnn_tensor *const ends[] = {[H_N] = &args->h_n, [C_N] = &args->c_n, [O_N] = o_n};
    for (int slot = H_N; slot <= O_N; slot++) {
        struct session_value *value = session_output(session, node, slot);
        if (value != NULL && (slot != O_N || args->mask.data != NULL)) {
            TRY(make_state(&value->array, layer, batch, slot == C_N));
            value->tensor = &value->array.tensor;
            *ends[slot] = value->array.tensor;
        }
    }
out:
    return status;
}

/* What is given, in host memory. */
static clrnn_status take(clrnn_tensor *out, clrnn_session *session,
                         const struct session_layer *layer, int slot) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_tensor *found;
    TRY(session_fetch(&found, session, session_input(session, layer->node, slot)));
    TRY(session_move(&found, session, layer->node, slot));
    if (found != NULL) {
        *out = *found;
    }
out:
    return status;
}

/* x may lie where the plan runs. */
static clrnn_status take_x(clrnn_tensor *out, clrnn_session *session,
                           const struct session_layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct session_value *x = session_input(session, layer->node, X);
    if (x->there.buffer != NULL && layer->plan->context == session->context) {
        *out = x->there;
    } else {
        TRY(take(out, session, layer, X));
    }
out:
    return status;
}

/* y of last outputs is what the judge takes as h_n: nothing but a copy of it. */
static int64_t count_unlike(const clrnn_tensor *y, const clrnn_tensor *h_n, int64_t directions,
                            int64_t batch, int64_t width) {
    int64_t unlike = 0;
    for (int64_t n = 0; n < batch; n++) {
        for (int64_t d = 0; d < directions; d++) {
            const float *of_y = (const float *)y->data + (n * directions + d) * width;
            const float *of_h = (const float *)h_n->data + (d * batch + n) * width;
            unlike += memcmp(of_y, of_h, (size_t)width * sizeof(float)) != 0;
        }
    }
    return unlike;
}

static clrnn_status judge_net(struct session_layer *layer, const clrnn_forward_args *ran) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_forward_args args = *ran;
    const clrnn_layer_desc *last = last_of(layer);
    const int64_t directions = clrnn_layer_directions(last);
    if (layer->node->last_only) {
        args.y = (clrnn_tensor){0};
    }
    TRY(clrnn_judge(&layer->judgement, layer->node->net, layer->node->batch_first, &args));
    const clrnn_tensor *own = &ran->layers[desc_of(layer)->num_layers - 1].h_n;
    const clrnn_tensor *h_n = own->data != NULL ? own : &ran->h_n;
    if (layer->node->last_only && ran->y.data != NULL && h_n->shape[0] == directions &&
        ran->mask.data == NULL && (directions == 1 || last->merge == CLRNN_MERGE_CONCAT)) {
        layer->judgement.bad +=
            count_unlike(&ran->y, h_n, directions, ran->y.shape[0], clrnn_layer_width(last));
    }
out:
    return status;
}

static clrnn_status run_net(clrnn_session *session, struct session_layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct graph_node *node = layer->node;
    const clrnn_tensor *x = session_shape(session_input(session, node, X));
    clrnn_forward_args args = {0};
    clrnn_layer_arrays last = {0};
    char got[160];
    REQUIRE(x->rank == 3 && x->dtype == CLRNN_DTYPE_F32 && x->shape[2] == desc_of(layer)->inputs,
            SHAPE, "x must be float32 %s[%d], got %s", node->batch_first ? "[N][T]" : "[T][N]",
            desc_of(layer)->inputs, tensor_text(x, got, sizeof got));
    const int64_t steps = x->shape[node->batch_first ? 1 : 0];
    const int64_t batch = x->shape[node->batch_first ? 0 : 1];
    TRY(bring_plan(session, layer, steps, batch));
    session_count_roundings(session, node, (int)steps);
    TRY(take_x(&args.x, session, layer));
    TRY(take(&args.mask, session, layer, MASK));
    TRY(take(&args.lengths, session, layer, LENGTHS));
    TRY(take(&args.h_0, session, layer, H_0));
    TRY(take(&args.c_0, session, layer, C_0));
    TRY(make_outputs(session, layer, &args, &last.o_n, steps, batch));
    if (args.mask.data != NULL) {
        TRY(take(&last.o_0, session, layer, O_0));
    }
    const int has_o = last.o_0.data != NULL || last.o_n.data != NULL;
    REQUIRE(!has_o || desc_of(layer)->num_layers == 1, UNSUPPORTED,
            "the last output is a state of one layer, got %d", desc_of(layer)->num_layers);
    if (session->desc.judge) {
        TRY(ask_for_judge(layer, &args, &last, steps, batch));
    } else if (has_o) {
        args.layers = &last;
    }
    TRY(clrnn_forward(layer->plan, &args, 0, NULL, NULL));
    if (session->desc.judge) {
        TRY(judge_net(layer, &args));
    }
out:
    return status;
}

/* ---- dense layers ---------------------------------------------------------------------------- */

/* Rows know nothing of each other: any of them may be steps. On CPUs few of them at a time find what they
 * share near, and take little work space; a GPU has enough to do with all of them alone. */
static int64_t rows_of_step(const clrnn_session *session, int64_t rows) {
    enum { LEAST = 16, MOST = 128 };
    int64_t most = rows;
    if (session->context->desc.kind == DEVICE_GPU || rows <= MOST) {
        return rows;
    }
    for (int64_t each = LEAST; each <= MOST; each++) {
        most = rows % each == 0 ? each : most;
    }
    return most;
}

/* A row of features for each, as [steps][each][features]. */
static clrnn_tensor as_rows(const clrnn_tensor *tensor, int64_t rows, int64_t each,
                            int64_t features) {
    clrnn_tensor out = *tensor;
    out.rank = 3;
    out.shape[0] = rows / each;
    out.shape[1] = each;
    out.shape[2] = features;
    return out;
}

static clrnn_status run_dense(clrnn_session *session, struct session_layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct session_value *value = session_output(session, layer->node, Y);
    const clrnn_tensor *x = session_shape(session_input(session, layer->node, X));
    const int64_t features = clrnn_layer_outputs(last_of(layer));
    clrnn_tensor from = {0}, y;
    int64_t shape[CLRNN_MAX_RANK];
    int64_t rows = 1;
    char got[160];
    REQUIRE(x->rank >= 1 && x->dtype == CLRNN_DTYPE_F32 &&
                x->shape[x->rank - 1] == desc_of(layer)->inputs,
            SHAPE, "x must be float32 [...][%d], got %s", desc_of(layer)->inputs,
            tensor_text(x, got, sizeof got));
    const int rank = x->rank;
    for (int axis = 0; axis + 1 < rank; axis++) {
        rows *= shape[axis] = x->shape[axis];
    }
    shape[rank - 1] = features;
    if (rows == 0) {
        TRY(graph_array_make(&value->array, CLRNN_DTYPE_F32, rank, shape));
        value->tensor = &value->array.tensor;
        goto out;
    }
    const int64_t each = rows_of_step(session, rows);
    TRY(bring_plan(session, layer, rows / each, each));
    session_count_roundings(session, layer->node, 1);
    TRY(take_x(&from, session, layer));
    TRY(session_make(&y, session, value, layer->plan->context, rank, shape));
    const clrnn_forward_args args = {
        .x = as_rows(&from, rows, each, desc_of(layer)->inputs),
        .y = as_rows(&y, rows, each, features),
    };
    TRY(clrnn_forward(layer->plan, &args, 0, NULL, NULL));
    if (session->desc.judge) {
        TRY(clrnn_judge(&layer->judgement, layer->node->net, 0, &args));
    }
out:
    return status;
}

/* ---- both ------------------------------------------------------------------------------------ */

clrnn_status session_run_layer(clrnn_session *session, struct session_layer *layer) {
    const clrnn_status status =
        layer->node->op == GRAPH_NET ? run_net(session, layer) : run_dense(session, layer);
    layer->has_run = status == CLRNN_STATUS_OK;
    return say_where(status, layer);
}

void session_layer_free(struct session_layer *layer) {
    const size_t count = layer->judged.arrays != NULL ? (size_t)desc_of(layer)->num_layers : 0;
    for (size_t i = 0; i < count * SESSION_JUDGED; i++) {
        graph_array_free(&layer->judged.arrays[i]);
    }
    free(layer->judged.arrays);
    free(layer->judged.layers);
    clrnn_plan_free(layer->plan);
    clrnn_net_free(layer->moved);
}

/* ---- what they say of themselves ------------------------------------------------------------- */

static const struct session_layer *layer_at(const clrnn_session *session, size_t i) {
    return session != NULL && i < (size_t)session->layer_count ? &session->layers[i] : NULL;
}

size_t clrnn_session_layer_count(const clrnn_session *session) {
    return session != NULL ? (size_t)session->layer_count : 0;
}

const char *clrnn_session_layer_name(const clrnn_session *session, size_t i) {
    const struct session_layer *layer = layer_at(session, i);
    return layer != NULL ? name_of(layer) : NULL;
}

const char *clrnn_session_describe(const clrnn_session *session, size_t i) {
    const struct session_layer *layer = layer_at(session, i);
    return layer != NULL && layer->plan != NULL ? clrnn_plan_describe(layer->plan) : NULL;
}

clrnn_status clrnn_session_algorithms(size_t *count, clrnn_algorithm_info *infos, size_t capacity,
                                      const clrnn_session *session, size_t i) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct session_layer *layer = layer_at(session, i);
    REQUIRE(layer != NULL && layer->plan != NULL, ARGUMENT, "session: layer %zu did not run", i);
    clrnn_plan_desc desc = describe(session, layer, layer->steps, layer->batch);
    desc.algorithm = NULL;
    TRY(clrnn_plan_algorithms(count, infos, capacity, session->context, layer->node->net, &desc));
out:
    return status;
}

clrnn_status clrnn_session_profile(clrnn_profile *out, const clrnn_session *session, size_t i) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct session_layer *layer = layer_at(session, i);
    REQUIRE(out != NULL && layer != NULL && layer->has_run, ARGUMENT,
            "session: layer %zu did not run", i);
    TRY(clrnn_plan_profile(out, layer->plan));
out:
    return status;
}

clrnn_status clrnn_session_judgement(clrnn_judgement *out, const clrnn_session *session, size_t i) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct session_layer *layer = layer_at(session, i);
    REQUIRE(out != NULL && layer != NULL && layer->has_run && session->desc.judge, ARGUMENT,
            "session: layer %zu was not judged", i);
    *out = layer->judgement;
out:
    return status;
}
