/*
 * torch_linear.c: the state_dict of a PyTorch module that holds one recurrent module and linear layers,
 * without a config: `X.weight` [F][I] and `X.bias` [F] beside it. Names do not say in which order they
 * follow each other; shapes do, where one order alone fits.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "core/net.h"
#include "core/tensor.h"
#include "io/arrays.h"
#include "io/chain.h"
#include "io/model_options.h"
#include "io/model_weights.h"
#include "io/steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 32 }; /* linear layers */

struct linear {
    char name[128];
    const clrnn_tensor *weight, *bias;
    int is_taken;
};

struct module {
    const struct model_source *source;
    char label[ARRAYS_LABEL];
    clrnn_arrays *recurrent; /* copies of its arrays */
    struct linear linears[MOST];
    int count;
    const struct linear *order[MOST]; /* [layers] */
    int layers;                       /* linear ones, but for the embedding */
    int orders;                       /* in which they follow each other; 2: more than one */
    const struct linear *embedding;
};

static int ends_with(const char *name, const char *end) {
    const size_t length = strlen(name), of_end = strlen(end);
    return length > of_end && strcmp(name + length - of_end, end) == 0;
}

/* A matrix NAME.weight, or the vector NAME.bias beside one. */
static int is_linear(const clrnn_arrays *arrays, size_t i) {
    const char *name = clrnn_arrays_name(arrays, i);
    const clrnn_tensor *tensor = clrnn_arrays_at(arrays, i);
    char weight[160];
    if (strlen(name) >= 128) {
        return 0;
    }
    if (ends_with(name, ".weight")) {
        return tensor->rank == 2;
    }
    if (!ends_with(name, ".bias") || tensor->rank != 1) {
        return 0;
    }
    (void)snprintf(weight, sizeof weight, "%.*sweight", (int)(strlen(name) - strlen("bias")), name);
    const clrnn_tensor *matrix = clrnn_arrays_find(arrays, weight);
    return matrix != NULL && matrix->rank == 2;
}

int torch_linear_probe(const clrnn_arrays *arrays) {
    int recurrent = 0, linear = 0;
    for (size_t i = 0; i < clrnn_arrays_count(arrays); i++) {
        const int is_its_own = model_torch_owns(clrnn_arrays_name(arrays, i));
        recurrent += is_its_own;
        if (!is_its_own) {
            if (!is_linear(arrays, i)) {
                return 0; /* whoever reads it as a net says what is wrong */
            }
            linear++;
        }
    }
    return recurrent > 0 && linear > 0;
}

static clrnn_status check_array(const struct module *module, const char *name,
                                const clrnn_tensor *tensor) {
    clrnn_status status = CLRNN_STATUS_OK;
    char label[ARRAYS_LABEL];
    TRY(model_check_shape(arrays_label(label, module->source->path, name), tensor, tensor->rank,
                          tensor->shape[0], -1, ""));
    REQUIRE(tensor->shape[0] >= 1, FORMAT, "%s: has no rows", label);
out:
    return status;
}

static clrnn_status split(struct module *module) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_arrays *arrays = module->source->arrays;
    TRY(clrnn_arrays_create(&module->recurrent));
    for (size_t i = 0; i < clrnn_arrays_count(arrays); i++) {
        const char *name = clrnn_arrays_name(arrays, i);
        const clrnn_tensor *tensor = clrnn_arrays_at(arrays, i);
        clrnn_tensor copy;
        if (model_torch_owns(name)) {
            TRY(clrnn_arrays_convert(&copy, module->recurrent, name, tensor->dtype, tensor));
        } else if (ends_with(name, ".weight")) {
            REQUIRE(module->count < MOST, FORMAT, "%s: more than %d linear layers need a config",
                    module->label, MOST);
            struct linear *linear = &module->linears[module->count++];
            char bias[160];
            const int length = (int)(strlen(name) - strlen(".weight"));
            (void)snprintf(linear->name, sizeof linear->name, "%.*s", length, name);
            (void)snprintf(bias, sizeof bias, "%s.bias", linear->name);
            linear->weight = tensor;
            linear->bias = clrnn_arrays_find(arrays, bias);
            TRY(check_array(module, name, tensor));
            if (linear->bias != NULL) {
                TRY(check_array(module, bias, linear->bias));
            }
            REQUIRE(linear->bias == NULL || linear->bias->shape[0] == tensor->shape[0], FORMAT,
                    "%s: %s has %lld values, its weight %lld rows", module->label, bias,
                    (long long)linear->bias->shape[0], (long long)tensor->shape[0]);
        }
    }
out:
    return status;
}

/* How many more of the layers left take so many features than give them. */
static int surplus(const struct module *module, int64_t features) {
    int count = 0;
    for (int i = 0; i < module->count; i++) {
        const struct linear *linear = &module->linears[i];
        if (!linear->is_taken) {
            count += linear->weight->shape[1] == features;
            count -= linear->weight->shape[0] == features;
        }
    }
    return count;
}

/* Which of the layers left may come somewhere behind so many features. */
static void reach(const struct module *module, int64_t features, char reached[MOST]) {
    int64_t ahead[MOST + 1] = {features};
    memset(reached, 0, MOST);
    for (int count = 1; count > 0;) {
        const int64_t at = ahead[--count];
        for (int i = 0; i < module->count; i++) {
            const struct linear *linear = &module->linears[i];
            if (!linear->is_taken && !reached[i] && linear->weight->shape[1] == at) {
                reached[i] = 1;
                ahead[count++] = linear->weight->shape[0];
            }
        }
    }
}

/* 1: all that are left can follow in some order. The layers are the edges of a graph of widths, an order
 * is a walk over each edge once, and Euler says when there is one: every edge can be reached, and each
 * width is given as often as it is taken, but for the first one and the last. */
static int may_follow(const struct module *module, int64_t features) {
    char reached[MOST];
    const int first = surplus(module, features);
    reach(module, features, reached);
    for (int i = 0; i < module->count; i++) {
        const struct linear *linear = &module->linears[i];
        for (int axis = 0; axis < 2 && !linear->is_taken; axis++) {
            const int64_t width = linear->weight->shape[axis];
            const int of_width = surplus(module, width);
            if (!reached[i] || (width != features && (of_width > 0 || of_width < -1))) {
                return 0;
            }
        }
    }
    return first == 0 || first == 1; /* all add up to 0: that leaves one last width, or this one */
}

/* Goes on with the one layer behind which the others can follow. Where there are two of them, there are
 * as many orders. */
static void find_order(struct module *module, int64_t features) {
    module->layers = module->count - (module->embedding != NULL);
    module->orders = may_follow(module, features);
    for (int depth = 0; depth < module->layers && module->orders == 1; depth++) {
        struct linear *next = NULL;
        for (int i = 0; i < module->count; i++) {
            struct linear *linear = &module->linears[i];
            if (!linear->is_taken && linear->weight->shape[1] == features) {
                linear->is_taken = 1;
                if (may_follow(module, linear->weight->shape[0])) {
                    module->orders += next != NULL;
                    next = linear;
                }
                linear->is_taken = 0;
            }
        }
        next->is_taken = 1; /* there is one, since they can follow */
        module->order[depth] = next;
        features = next->weight->shape[0];
    }
}

/* The one whose name says so and whose features are the recurrent module's. */
static void find_embedding(struct module *module, int inputs) {
    for (int i = 0; i < module->count; i++) {
        struct linear *linear = &module->linears[i];
        if (strstr(linear->name, "emb") != NULL && linear->bias == NULL &&
            linear->weight->shape[1] == inputs && module->embedding == NULL) {
            module->embedding = linear;
            linear->is_taken = 1;
        }
    }
}

static clrnn_status refuse_order(const struct module *module, int64_t features) {
    char shapes[240] = "";
    size_t used = 0;
    for (int i = 0; i < module->count && used + 60 < sizeof shapes; i++) {
        const struct linear *linear = &module->linears[i];
        used += (size_t)snprintf(
            shapes + used, sizeof shapes - used, "%s%.24s [%lld][%lld]", i > 0 ? ", " : "",
            linear->name, (long long)linear->weight->shape[0], (long long)linear->weight->shape[1]);
    }
    return status_fail(CLRNN_STATUS_FORMAT, 0,
                       "%s: linear layers follow %lld features in %s: %s; a config says it",
                       module->label, (long long)features,
                       module->orders == 0 ? "no order that fits" : "more than one order", shapes);
}

static clrnn_status read_net(clrnn_net **out, const struct module *module,
                             const clrnn_model_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct model_source source = {module->recurrent, module->source->path};
    struct config config = {0};
    clrnn_net_desc desc = {0};
    TRY(model_torch.read(&config, &source));
    TRY(model_options_apply(&desc, &config, options, module->label));
    TRY(model_read_weights(out, &desc, &config, &model_torch, &source));
out:
    free((clrnn_layer_desc *)desc.layers);
    config_free(&config);
    return status;
}

static clrnn_status make_dense(clrnn_net **out, const struct linear *linear,
                               clrnn_arrays *scratch) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_tensor weight, bias;
    char name[160];
    const int64_t rows = linear->weight->shape[0], columns = linear->weight->shape[1];
    REQUIRE(rows <= NET_MAX_FEATURES, FORMAT,
            "linear layer %s: features are 1 to %d, got [%lld][%lld]", linear->name,
            NET_MAX_FEATURES, (long long)rows, (long long)columns);
    (void)snprintf(name, sizeof name, "%s.weight", linear->name);
    TRY(clrnn_arrays_convert(&weight, scratch, name, CLRNN_DTYPE_F32, linear->weight));
    if (linear->bias != NULL) {
        (void)snprintf(name, sizeof name, "%s.bias", linear->name);
        TRY(clrnn_arrays_convert(&bias, scratch, name, CLRNN_DTYPE_F32, linear->bias));
    }
    TRY(net_make_dense(out, &weight, linear->bias != NULL ? &bias : NULL, NULL));
out:
    return status;
}

/* "rnn" of "encoder.rnn.weight_ih_l0" is "encoder.rnn"; of no prefix the cell's name. */
static void name_net(char name[128], const struct module *module, const clrnn_net *net) {
    const char *first = clrnn_arrays_name(module->recurrent, 0);
    const char *dot = strrchr(first, '.');
    if (dot == NULL || dot == first) {
        (void)snprintf(name, 128, "%s", clrnn_cell_name(net->desc.layers[0].cell));
    } else {
        (void)snprintf(name, 128, "%.*s", (int)(dot - first), first);
    }
}

clrnn_status torch_linear_read(struct graph **out, const struct model_source *source,
                               const clrnn_model_options *options) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct module *module = calloc(1, sizeof *module);
    struct steps steps = {.length = -1, .input = "x", .takes_lengths = 1};
    clrnn_arrays *scratch = NULL;
    clrnn_net *net = NULL;
    char name[128];
    steps.steps = calloc(MOST + 2, sizeof *steps.steps);
    REQUIRE(module != NULL && steps.steps != NULL, MEMORY, "model: out of memory");
    module->source = source;
    arrays_label(module->label, source->path, NULL);
    TRY(clrnn_arrays_create(&scratch));
    TRY(split(module));
    TRY(read_net(&net, module, options));
    const clrnn_layer_desc *last = &net->desc.layers[net->desc.num_layers - 1];
    find_embedding(module, net->desc.inputs);
    find_order(module, clrnn_layer_outputs(last));
    if (module->orders != 1) {
        TRY(refuse_order(module, clrnn_layer_outputs(last)));
    }
    steps.batch_first = options->layout == CLRNN_LAYOUT_BATCH_FIRST;
    steps.inputs = module->embedding != NULL ? 0 : net->desc.inputs;
    if (module->embedding != NULL) {
        struct step *step = &steps.steps[steps.count++];
        *step = (struct step){.kind = STEP_EMBEDDING,
                              .name = module->embedding->name,
                              .type = "Embedding",
                              .is_own_layer = 1};
        TRY(clrnn_arrays_convert(&step->table, scratch, "table", CLRNN_DTYPE_F32,
                                 module->embedding->weight));
    }
    name_net(name, module, net);
    steps.steps[steps.count++] = (struct step){.kind = STEP_RECURRENT,
                                               .name = name,
                                               .type = model_type_name(net->desc.layers[0].cell, 0),
                                               .is_own_layer = 1,
                                               .net = net};
    net = NULL;
    for (int i = 0; i < module->layers; i++) {
        struct step *step = &steps.steps[steps.count++];
        *step = (struct step){.kind = STEP_DENSE,
                              .name = module->order[i]->name,
                              .type = "Linear",
                              .is_own_layer = 1};
        TRY(make_dense(&step->net, module->order[i], scratch));
    }
    TRY(steps_to_graph(out, &steps, module->label));
out:
    for (int i = 0; i < steps.count; i++) {
        clrnn_net_free(steps.steps[i].net);
    }
    steps_free(&steps);
    clrnn_net_free(net);
    clrnn_arrays_free(scratch);
    if (module != NULL) {
        clrnn_arrays_free(module->recurrent);
    }
    free(module);
    return status;
}
