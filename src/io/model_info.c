/* model_info.c: what a model says of itself: its format, layers, inputs and outputs. */
#include "core/net.h"
#include "io/model.h"

#include <stdio.h>
#include <string.h>

const clrnn_net *clrnn_model_net(const clrnn_model *model) {
    return model != NULL ? model->net : NULL;
}

clrnn_model_info clrnn_model_get_info(const clrnn_model *model) {
    clrnn_model_info info = {0};
    if (model != NULL) {
        const int is_net = model->net != NULL;
        info.has_layout = is_net ? model->config.has_layout : model->graph->batch_axis >= 0;
        info.batch_first = is_net ? model->config.batch_first : model->graph->batch_axis == 0;
        info.last_only = is_net && model->config.last_only;
        snprintf(info.format, sizeof info.format, "%s", model->name);
    }
    return info;
}

size_t clrnn_model_layer_count(const clrnn_model *model) {
    return model == NULL        ? 0
           : model->net != NULL ? (size_t)model->config.desc.num_layers
                                : (size_t)model->graph->layer_count;
}

/* The config's name; else the prefix, with the layer where there are several; else the cell, with a
 * number from the second of its kind on. */
static void name_layer(char *name, size_t size, const struct config *config, int layer) {
    enum { LONGEST = 100 };
    const char *prefix = config->prefix;
    const clrnn_cell cell = config->desc.layers[layer].cell;
    size_t length = strlen(prefix);
    int before = 0;
    length -= length > 0 && prefix[length - 1] == '.';
    length = length < LONGEST ? length : LONGEST;
    while (length > 0 && (prefix[length] & 0xc0) == 0x80) {
        length--;
    }
    for (int i = 0; i < layer; i++) {
        before += config->desc.layers[i].cell == cell;
    }
    if (config->names[layer] != NULL) {
        snprintf(name, size, "%s", config->names[layer]);
    } else if (length > 0 && config->desc.num_layers == 1) {
        snprintf(name, size, "%.*s", (int)length, prefix);
    } else if (length > 0) {
        snprintf(name, size, "%.*s_l%d", (int)length, prefix, layer);
    } else if (before == 0) {
        snprintf(name, size, "%s", clrnn_cell_name(cell));
    } else {
        snprintf(name, size, "%s_%d", clrnn_cell_name(cell), before);
    }
}

const char *model_type_name(clrnn_cell cell, int both) {
    static const char *const types[][2] = {[CLRNN_CELL_RNN] = {"RNN", "Bidirectional RNN"},
                                           [CLRNN_CELL_LSTM] = {"LSTM", "Bidirectional LSTM"},
                                           [CLRNN_CELL_GRU] = {"GRU", "Bidirectional GRU"},
                                           [CLRNN_CELL_CUSTOM] = {"Custom", "Bidirectional Custom"},
                                           [CLRNN_CELL_DENSE] = {"Dense", "Bidirectional Dense"}};
    return types[cell][both != 0];
}

/* A layer of a net. */
static void describe_layer(clrnn_layer_info *out, const clrnn_model *model, int layer) {
    const clrnn_layer_desc *desc = &model->config.desc.layers[layer];
    const int is_last = model->config.last_only && layer + 1 == model->config.desc.num_layers;
    *out = (clrnn_layer_info){.outputs = clrnn_layer_outputs(desc),
                              .params = net_count_params(model->net, layer),
                              .rank = is_last ? 2 : 3,
                              .shape = {-1, -1, clrnn_layer_outputs(desc)}};
    if (is_last) {
        out->shape[1] = out->shape[2];
    }
    out->trainable = out->params;
    name_layer(out->name, sizeof out->name, &model->config, layer);
    snprintf(out->type, sizeof out->type, "%s",
             model_type_name(desc->cell, desc->direction == CLRNN_DIRECTION_BIDIRECTIONAL));
}

clrnn_status clrnn_model_layer(clrnn_layer_info *out, const clrnn_model *model, size_t layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(out != NULL && model != NULL, ARGUMENT,
            "model: layer needs a place for the result and a model");
    REQUIRE(layer < clrnn_model_layer_count(model), ARGUMENT,
            "model: layer must be less than %zu, got %zu", clrnn_model_layer_count(model), layer);
    if (model->net != NULL) {
        describe_layer(out, model, (int)layer);
        goto out;
    }
    const struct graph_layer *of = &model->graph->layers[layer];
    *out = (clrnn_layer_info){.params = of->params, .trainable = of->trainable, .rank = of->rank};
    snprintf(out->name, sizeof out->name, "%s", of->name != NULL ? of->name : "");
    snprintf(out->type, sizeof out->type, "%s", of->type != NULL ? of->type : "");
    memcpy(out->shape, of->shape, sizeof out->shape);
    if (of->rank > 0 && of->shape[of->rank - 1] > 0 &&
        of->shape[of->rank - 1] <= NET_MAX_FEATURES) {
        out->outputs = (int)of->shape[of->rank - 1];
    }
out:
    return status;
}

/* ---- inputs and outputs ---------------------------------------------------------------------- */

static clrnn_status describe_port(clrnn_port_info *out, const struct graph_port *ports, int count,
                                  size_t i, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(out != NULL && i < (size_t)count, ARGUMENT,
            "model: %s must be less than %d and have a place for the result, got %zu", what, count,
            i);
    const struct graph_port *port = &ports[i];
    *out = (clrnn_port_info){.dtype = port->dtype,
                             .rank = port->rank,
                             .optional = port->optional,
                             .is_state = port->is_state};
    snprintf(out->name, sizeof out->name, "%s", port->name != NULL ? port->name : "");
    memcpy(out->shape, port->shape, sizeof out->shape);
out:
    return status;
}

size_t clrnn_model_input_count(const clrnn_model *model) {
    return model != NULL ? (size_t)model->graph->input_count : 0;
}

size_t clrnn_model_output_count(const clrnn_model *model) {
    return model != NULL ? (size_t)model->graph->output_count : 0;
}

clrnn_status clrnn_model_input(clrnn_port_info *out, const clrnn_model *model, size_t i) {
    return describe_port(out, model != NULL ? model->graph->inputs : NULL,
                         (int)clrnn_model_input_count(model), i, "input");
}

clrnn_status clrnn_model_output(clrnn_port_info *out, const clrnn_model *model, size_t i) {
    return describe_port(out, model != NULL ? model->graph->outputs : NULL,
                         (int)clrnn_model_output_count(model), i, "output");
}
