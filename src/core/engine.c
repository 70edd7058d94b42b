/* engine.c: the list of engines, and what they share: packed weights. */
#include "core/engine.h"

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

clrnn_status engine_pack(struct engine_weights *out, const struct algo_config *config,
                         const struct clrnn_net *net) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct params *p = &config->params;
    memset(out, 0, sizeof *out);
    out->bias_floats = (size_t)net->gates * (size_t)p->stride;
    out->recurrent = calloc(config->weight_floats, sizeof(float));
    out->b_ih = calloc(out->bias_floats, sizeof(float));
    out->b_hh = calloc(out->bias_floats, sizeof(float));
    REQUIRE(out->recurrent && out->b_ih && out->b_hh, MEMORY,
            "plan: out of memory for %zu packed weights", config->weight_floats);
    for (int phase = 0; phase < config->cell.phase_count; phase++) {
        pack_weights(out->recurrent + config->weight_offset[phase], net->w_hh,
                     &config->weights[phase]);
    }
    pack_gates(out->b_ih, net->b_ih, net->gates, p->hidden, p->stride);
    pack_gates(out->b_hh, net->b_hh, net->gates, p->hidden, p->stride);
    if (config->projection_floats > 0) {
        out->projection = calloc(config->projection_floats, sizeof(float));
        REQUIRE(out->projection, MEMORY, "plan: out of memory for %zu packed weights",
                config->projection_floats);
        pack_projection(out->projection, net->w_ih, net->gates, p->hidden, p->stride, p->inputs,
                        config->projection_tile.block[0]);
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
