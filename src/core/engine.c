/* engine.c: the list of engines, and what they share: packed weights. */
#include "core/engine.h"

#include "core/aligned.h"

#include <stdlib.h>
#include <string.h>

static const struct engine *const engines[] = {&engine_opencl, &engine_cpu, &engine_reference};

const struct engine *engine_find(clrnn_engine id) {
    for (size_t i = 0; i < sizeof engines / sizeof engines[0]; i++) {
        if (engines[i]->id == id) {
            return engines[i];
        }
    }
    return NULL;
}

const char *clrnn_engine_name(clrnn_engine engine) {
    switch (engine) {
    case CLRNN_ENGINE_AUTO:
        return "auto";
    case CLRNN_ENGINE_OPENCL:
        return "opencl";
    case CLRNN_ENGINE_CPU:
        return "cpu";
    case CLRNN_ENGINE_REFERENCE:
        return "reference";
    }
    return "unknown";
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static void cut_piece(const struct engine_call *call, struct piece *piece) {
    const int rest = call->steps - piece->first;
    piece->count = rest < call->chunk ? rest : call->chunk;
}

int engine_next_piece(const struct engine_call *call, struct piece *piece) {
    if (piece->strand < 0) {
        piece->strand = piece->first = 0;
    } else if (call->by_piece) {
        piece->strand++;
        if (piece->strand == call->strand_count) {
            piece->strand = 0;
            piece->first += piece->count;
        }
    } else {
        piece->first += piece->count;
        if (piece->first >= call->steps) {
            piece->first = 0;
            piece->strand++;
        }
    }
    cut_piece(call, piece);
    return piece->strand < call->strand_count && piece->first < call->steps;
}

const struct engine_array *engine_input(const struct engine_call *call, int layer) {
    return layer == 0 ? &call->x : &call->layers[layer - 1].y;
}

const struct engine_array *engine_array_at(const struct engine_call *call, size_t index) {
    if (index == 0) {
        return &call->x;
    }
    const size_t layer = (index - 1) / 4;
    if (layer >= (size_t)call->layer_count) {
        return NULL;
    }
    const struct engine_layer *of = &call->layers[layer];
    const struct engine_array *const arrays[] = {&of->y, &of->hiddens, &of->cells, &of->gates};
    return arrays[(index - 1) % 4];
}

/* An array of which only the piece is there lies as if the rest were: its steps begin at `first`. */
static struct layout piece_layout(const struct engine_call *call, const struct engine_array *array,
                                  const struct piece *piece, int64_t part) {
    struct layout out = {.at = array->base + part, .step = array->at_step, .row = array->at_row};
    if (call->by_piece && (array->home == ARRAY_STAGED || array->home == ARRAY_BETWEEN)) {
        if (array->batch_first) {
            out.row = (wide)piece->count * array->features;
        }
        out.at -= (array->packed ? call->starts[piece->first] * array->features
                                 : piece->first * out.step);
    }
    return out;
}

/* x_proj by time, of the piece alone: its rows lie as those of x do, the first of them at 0. */
static void cut_rows(struct params *params, const struct engine_call *call,
                     const struct engine_array *x, const struct piece *piece) {
    const int last = piece->first + piece->count;
    const wide before = x->packed ? call->starts[piece->first] : (wide)piece->first * call->batch;
    const wide end = x->packed ? call->starts[last] : (wide)last * call->batch;
    params->x_rows = end - before;
    params->g.at = -before * params->columns;
}

struct params engine_piece_params(const struct engine_call *call, const struct piece *piece) {
    const struct engine_strand *strand = &call->strands[piece->strand];
    const struct engine_layer *layer = &call->layers[strand->layer];
    struct params params = strand->params;
    const int64_t second = strand->direction;
    const int gates = layer->gates.features > 0 ? params.columns / params.stride : 0;
    params.first = piece->first;
    params.count = piece->count;
    params.from_zero = call->from_zero && piece->first == 0;
    params.x = piece_layout(call, engine_input(call, strand->layer), piece, 0);
    params.y = piece_layout(call, &layer->y, piece,
                            params.merge == MERGE_STORE ? second * params.width : 0);
    if (params.by_time && piece->count < call->steps) {
        cut_rows(&params, call, engine_input(call, strand->layer), piece);
    }
    params.x_way = params.by_time && params.reverse ? -params.g.step : params.g.step;
    params.y_way = params.reverse ? -params.y.step : params.y.step;
    params.hiddens = piece_layout(call, &layer->hiddens, piece, second * params.width);
    params.cells = piece_layout(call, &layer->cells, piece, second * params.hidden);
    params.gates = piece_layout(call, &layer->gates, piece, second * gates * params.hidden);
    return params;
}

/* ---- traces ---------------------------------------------------------------------------------- */

static size_t begin_layer(clrnn_trace *trace, int layer, int direction, int reverse) {
    return trace_begin(trace, "layer",
                       TRACE_ARGS({"layer", layer, NULL}, {"direction", direction, NULL}),
                       "layer %d %s", layer, reverse ? "reverse" : "forward");
}

size_t engine_trace_strand(clrnn_trace *trace, const struct strand *strand) {
    return begin_layer(trace, strand->layer, strand->direction, strand->reverse);
}

void engine_spans_begin(struct engine_spans *spans, clrnn_trace *trace,
                        const struct engine_call *call, const struct piece *piece) {
    const struct engine_strand *strand = &call->strands[piece->strand];
    if (!call->by_piece || piece->strand == 0) {
        spans->piece =
            trace_begin(trace, "piece",
                        TRACE_ARGS({"first", piece->first, NULL}, {"steps", piece->count, NULL}),
                        "steps %d to %d", piece->first, piece->first + piece->count - 1);
    }
    spans->layer = begin_layer(trace, strand->layer, strand->direction, strand->params.reverse);
}

void engine_spans_end(const struct engine_spans *spans, clrnn_trace *trace,
                      const struct engine_call *call, const struct piece *piece) {
    trace_end(trace, spans->layer);
    if (!call->by_piece || piece->strand == call->strand_count - 1) {
        trace_end(trace, spans->piece);
    }
}

/* ---- weights --------------------------------------------------------------------------------- */

clrnn_status engine_pack(struct engine_weights *out, const struct algo_config *config,
                         const struct strand *strand) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct params *p = &config->params;
    const struct cell *cell = &config->cell;
    memset(out, 0, sizeof *out);
    out->b_ih_floats = (size_t)strand->gates * (size_t)p->stride;
    out->b_hh_floats = (size_t)(cell->bias_rows + cell->constants) * (size_t)p->stride;
    out->recurrent = aligned_floats(config->weight_floats);
    out->b_ih = aligned_floats(out->b_ih_floats);
    out->b_hh = aligned_floats(out->b_hh_floats);
    REQUIRE(out->recurrent && out->b_ih && out->b_hh, MEMORY,
            "plan: out of memory for %zu packed weights", config->weight_floats);
    for (int phase = 0; phase < cell->phase_count; phase++) {
        pack_weights(out->recurrent + config->weight_offset[phase],
                     strand->weights[cell->phases[phase].role], &config->layouts[phase]);
    }
    TRY(net_round(out->recurrent, config->weight_floats, config->weights, "weight_hh"));
    if (strand->weights[BIAS_IH] != NULL) {
        pack_gates(out->b_ih, strand->weights[BIAS_IH], strand->gates, p->hidden, p->stride);
    }
    if (strand->weights[BIAS_HH] != NULL) {
        pack_gates(out->b_hh, strand->weights[BIAS_HH], strand->gates, p->hidden, p->stride);
    }
    if (strand->weights[WEIGHT_CI] != NULL) {
        for (int i = 0; i < cell->constants; i++) {
            pack_gates(out->b_hh + p->constants + i * p->stride, strand->weights[WEIGHT_CI + i], 1,
                       p->hidden, p->stride);
        }
    }
    if (config->projection_floats > 0) {
        out->projection = aligned_floats(config->projection_floats);
        REQUIRE(out->projection, MEMORY, "plan: out of memory for %zu packed weights",
                config->projection_floats);
        pack_projection(out->projection, strand->weights[WEIGHT_IH], strand->gates, p->hidden,
                        p->stride, p->inputs, config->projection_tile.block[0]);
    }
out:
    if (status != CLRNN_STATUS_OK) {
        engine_unpack(out);
    }
    return status;
}

void engine_unpack(struct engine_weights *weights) {
    free(weights->recurrent);
    free(weights->projection);
    free(weights->b_ih);
    free(weights->b_hh);
    memset(weights, 0, sizeof *weights);
}
