/* net.c: creating a net and setting its weights by PyTorch's names. What is asked of a layer is
 * checked in layer.c. */
#include "core/net.h"

#include "core/layer.h"
#include "core/tensor.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t next_id = 1;

static const char *const role_names[WEIGHT_ROLES] = {"weight_ih", "weight_hh", "bias_ih",
                                                     "bias_hh",   "weight_hr", "weight_ci",
                                                     "weight_cf", "weight_co"};

static int has_role(const clrnn_layer_desc *layer, enum weight_role role) {
    switch (role) {
    case BIAS_IH:
        return layer->bias != CLRNN_BIAS_NONE;
    case WEIGHT_HH:
        return layer->cell != CLRNN_CELL_DENSE;
    case BIAS_HH:
        return layer->bias == CLRNN_BIAS_DOUBLE && layer->cell != CLRNN_CELL_DENSE;
    case WEIGHT_HR:
        return layer->projection > 0;
    case WEIGHT_CI:
    case WEIGHT_CF:
    case WEIGHT_CO:
        return layer->peepholes;
    default:
        return 1;
    }
}

static int may_stay_unset(enum weight_role role) {
    return role == BIAS_IH || role == BIAS_HH;
}

void strand_weight_shape(const struct strand *strand, enum weight_role role, int64_t *rows,
                         int64_t *columns) {
    *rows = (int64_t)strand->gates * strand->hidden;
    *columns = 0;
    switch (role) {
    case WEIGHT_IH:
        *columns = strand->inputs;
        break;
    case WEIGHT_HH:
        *columns = strand->width;
        break;
    case WEIGHT_HR:
        *rows = strand->width;
        *columns = strand->hidden;
        break;
    case WEIGHT_CI:
    case WEIGHT_CF:
    case WEIGHT_CO:
        *rows = strand->hidden;
        break;
    default:
        break;
    }
}

int64_t net_count_params(const clrnn_net *net, int layer) {
    int64_t params = 0;
    for (int i = 0; i < net->strand_count; i++) {
        const struct strand *strand = &net->strands[i];
        for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
            int64_t rows, columns;
            strand_weight_shape(strand, role, &rows, &columns);
            if ((layer < 0 || strand->layer == layer) && strand->weights[role] != NULL) {
                params += rows * (columns > 0 ? columns : 1);
            }
        }
    }
    return params;
}

const char *strand_weight_name(const struct strand *strand, enum weight_role role, char name[48]) {
    snprintf(name, 48, "%s_l%d%s", role_names[role], strand->layer,
             strand->reverse ? "_reverse" : "");
    return name;
}

/* ---- creating -------------------------------------------------------------------------------- */

static char *copy_text(const char *text) {
    const size_t size = strlen(text) + 1;
    char *copy = malloc(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

/* The texts of a copied layer become its own. */
static clrnn_status own_sources(clrnn_layer_desc *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_activation *acts = &layer->acts[0][0];
    int failed = 0;
    if (layer->source != NULL) {
        layer->source = copy_text(layer->source);
        failed |= layer->source == NULL;
    }
    for (int i = 0; i < 2 * CLRNN_MAX_ACTS; i++) {
        if (acts[i].source != NULL) {
            acts[i].source = copy_text(acts[i].source);
            failed |= acts[i].source == NULL;
        }
    }
    REQUIRE(!failed, MEMORY, "net: out of memory for a snippet");
out:
    return status;
}

static clrnn_status own_layers(clrnn_net *net, const clrnn_net_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int count = net->desc.num_layers;
    clrnn_layer_desc *layers = calloc((size_t)count, sizeof *layers);
    REQUIRE(layers != NULL, MEMORY, "net: out of memory for %d layers", count);
    net->desc.layers = layers;
    for (int i = 0; i < count; i++) {
        const clrnn_layer_desc *from = desc->layers != NULL ? &desc->layers[i] : &desc->layer;
        TRY(layer_check(from, i));
        layers[i] = *from;
        TRY(own_sources(&layers[i]));
    }
    net->desc.layer = layers[0];
out:
    return status;
}

static clrnn_status make_strand(struct strand *strand) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
        int64_t rows, columns;
        if (!has_role(strand->desc, role)) {
            continue;
        }
        strand_weight_shape(strand, role, &rows, &columns);
        strand->weights[role] =
            calloc((size_t)rows * (size_t)(columns > 0 ? columns : 1), sizeof(float));
        REQUIRE(strand->weights[role] != NULL, MEMORY,
                "net: out of memory for %s of layer %d, %lld x %lld floats", role_names[role],
                strand->layer, (long long)rows, (long long)(columns > 0 ? columns : 1));
    }
out:
    return status;
}

static clrnn_status make_strands(clrnn_net *net) {
    clrnn_status status = CLRNN_STATUS_OK;
    int inputs = net->desc.inputs;
    for (int layer = 0; layer < net->desc.num_layers; layer++) {
        net->strand_count += clrnn_layer_directions(&net->desc.layers[layer]);
    }
    net->strands = calloc((size_t)net->strand_count, sizeof *net->strands);
    REQUIRE(net->strands != NULL, MEMORY, "net: out of memory");
    struct strand *strand = net->strands;
    for (int layer = 0; layer < net->desc.num_layers; layer++) {
        const clrnn_layer_desc *desc = &net->desc.layers[layer];
        for (int direction = 0; direction < clrnn_layer_directions(desc); direction++, strand++) {
            *strand = (struct strand){.desc = desc,
                                      .layer = layer,
                                      .direction = direction,
                                      .reverse = direction == 1 ||
                                                 desc->direction == CLRNN_DIRECTION_REVERSE,
                                      .inputs = inputs,
                                      .hidden = desc->hidden,
                                      .width = clrnn_layer_width(desc),
                                      .gates = clrnn_layer_gates(desc),
                                      .states = clrnn_layer_states(desc),
                                      .act_count = layer_slots(desc)};
            layer_resolve_acts(strand->acts, desc, direction);
            TRY(make_strand(strand));
        }
        inputs = clrnn_layer_outputs(desc);
    }
out:
    return status;
}

clrnn_status clrnn_net_create(clrnn_net **out, const clrnn_net_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_net *net = NULL;
    REQUIRE(out != NULL, ARGUMENT, "net: needs a place for the result, got NULL");
    *out = NULL;
    REQUIRE(desc != NULL, ARGUMENT, "net: needs a desc, got NULL");
    REQUIRE(desc->inputs >= 1 && desc->inputs <= NET_MAX_FEATURES, SHAPE,
            "net: inputs must be 1 to %d, got %d", NET_MAX_FEATURES, desc->inputs);
    REQUIRE(desc->num_layers >= 0 && desc->num_layers <= NET_MAX_LAYERS, SHAPE,
            "net: num_layers must be 1 to %d, got %d", NET_MAX_LAYERS, desc->num_layers);
    net = calloc(1, sizeof *net);
    REQUIRE(net != NULL, MEMORY, "net: out of memory");
    net->desc.inputs = desc->inputs;
    net->desc.num_layers = desc->num_layers > 0 ? desc->num_layers : 1;
    net->id = atomic_fetch_add(&next_id, 1);
    TRY(own_layers(net, desc));
    TRY(make_strands(net));
    *out = net;
    net = NULL;
out:
    clrnn_net_free(net);
    return status;
}

static void free_layer(const clrnn_layer_desc *layer) {
    const clrnn_activation *acts = &layer->acts[0][0];
    free((char *)layer->source);
    for (int i = 0; i < 2 * CLRNN_MAX_ACTS; i++) {
        free((char *)acts[i].source);
    }
}

void clrnn_net_free(clrnn_net *net) {
    if (net == NULL) {
        return;
    }
    for (int i = 0; net->strands != NULL && i < net->strand_count; i++) {
        for (int role = 0; role < WEIGHT_ROLES; role++) {
            free(net->strands[i].weights[role]);
        }
    }
    free(net->strands);
    for (int i = 0; net->desc.layers != NULL && i < net->desc.num_layers; i++) {
        free_layer(&net->desc.layers[i]);
    }
    free((clrnn_layer_desc *)net->desc.layers);
    free(net);
}

const clrnn_net_desc *clrnn_net_get_desc(const clrnn_net *net) {
    return net != NULL ? &net->desc : NULL;
}

/* ---- weights --------------------------------------------------------------------------------- */

/* The strand and role that a name means, or NULL. */
static struct strand *find_weight(const clrnn_net *net, const char *name, enum weight_role *role) {
    for (int i = 0; i < net->strand_count; i++) {
        for (*role = 0; *role < WEIGHT_ROLES; (*role)++) {
            char own[48];
            if (net->strands[i].weights[*role] != NULL &&
                strcmp(strand_weight_name(&net->strands[i], *role, own), name) == 0) {
                return &net->strands[i];
            }
        }
    }
    return NULL;
}

static clrnn_status check_weight(const clrnn_tensor *value, const char *name, int64_t rows,
                                 int64_t columns) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    TRY(tensor_check(value, name));
    REQUIRE(value->data != NULL, ARGUMENT, "net: %s must lie in host memory", name);
    REQUIRE(value->dtype == CLRNN_DTYPE_F32 || value->dtype == CLRNN_DTYPE_F64, ARGUMENT,
            "net: %s must be float32 or float64, got %s", name, clrnn_dtype_name(value->dtype));
    if (columns == 0) {
        REQUIRE(value->rank == 1 && value->shape[0] == rows, SHAPE, "net: %s needs [%lld], got %s",
                name, (long long)rows, tensor_text(value, got, sizeof got));
    } else {
        REQUIRE(value->rank == 2 && value->shape[0] == rows && value->shape[1] == columns, SHAPE,
                "net: %s needs %lld floats [%lld][%lld], got %s", name, (long long)(rows * columns),
                (long long)rows, (long long)columns, tensor_text(value, got, sizeof got));
    }
out:
    return status;
}

clrnn_status clrnn_net_set_weight(clrnn_net *net, const char *name, const clrnn_tensor *value) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum weight_role role;
    int64_t rows, columns;
    REQUIRE(net != NULL && name != NULL && value != NULL, ARGUMENT,
            "net: set_weight needs a net, a name and a tensor");
    struct strand *strand = find_weight(net, name, &role);
    REQUIRE(strand != NULL, ARGUMENT, "net: has no weight named %s, its first is %s", name,
            clrnn_net_weight_name(net, 0));
    strand_weight_shape(strand, role, &rows, &columns);
    TRY(check_weight(value, name, rows, columns));
    columns = columns == 0 ? 1 : columns;
    const int64_t stride = tensor_stride(value, 0);
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t column = 0; column < columns; column++) {
            const int64_t at = row * stride + column;
            strand->weights[role][row * columns + column] =
                value->dtype == CLRNN_DTYPE_F32 ? ((const float *)tensor_host(value))[at]
                                                : (float)((const double *)tensor_host(value))[at];
        }
    }
    strand->given[role] = 1;
    net->version++;
out:
    return status;
}

clrnn_status net_make_dense(clrnn_net **out, const clrnn_tensor *weight, const clrnn_tensor *bias,
                            const clrnn_activation *act) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_net *net = NULL;
    clrnn_net_desc desc = {.inputs = (int)weight->shape[1],
                           .layer = {.cell = CLRNN_CELL_DENSE,
                                     .hidden = (int)weight->shape[0],
                                     .bias = bias != NULL ? CLRNN_BIAS_SINGLE : CLRNN_BIAS_NONE}};
    if (act != NULL) {
        desc.layer.acts[0][0] = *act;
    }
    *out = NULL;
    TRY(clrnn_net_create(&net, &desc));
    TRY(clrnn_net_set_weight(net, "weight_ih_l0", weight));
    if (bias != NULL) {
        TRY(clrnn_net_set_weight(net, "bias_ih_l0", bias));
    }
    *out = net;
    net = NULL;
out:
    clrnn_net_free(net);
    return status;
}

clrnn_status clrnn_net_get_weight(clrnn_tensor *out, const clrnn_net *net, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum weight_role role;
    int64_t rows, columns;
    REQUIRE(out != NULL && net != NULL && name != NULL, ARGUMENT,
            "net: get_weight needs a place for the result, a net and a name");
    const struct strand *strand = find_weight(net, name, &role);
    REQUIRE(strand != NULL, ARGUMENT, "net: has no weight named %s", name);
    strand_weight_shape(strand, role, &rows, &columns);
    *out = (clrnn_tensor){.data = strand->weights[role],
                          .dtype = CLRNN_DTYPE_F32,
                          .rank = columns > 0 ? 2 : 1,
                          .shape = {rows, columns}};
out:
    return status;
}

const char *clrnn_net_weight_name(const clrnn_net *net, size_t index) {
    static _Thread_local char name[48];
    for (int i = 0; net != NULL && i < net->strand_count; i++) {
        for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
            if (net->strands[i].weights[role] != NULL && index-- == 0) {
                return strand_weight_name(&net->strands[i], role, name);
            }
        }
    }
    return NULL;
}

/* ---- questions ------------------------------------------------------------------------------- */

const struct strand *net_strand(const clrnn_net *net, int layer, int direction) {
    for (int i = 0; i < net->strand_count; i++) {
        if (net->strands[i].layer == layer && net->strands[i].direction == direction) {
            return &net->strands[i];
        }
    }
    return NULL;
}

int net_is_uniform(const clrnn_net *net) {
    for (int i = 1; i < net->strand_count; i++) {
        const struct strand *strand = &net->strands[i];
        if (strand->width != net->strands[0].width || strand->hidden != net->strands[0].hidden ||
            strand->states != net->strands[0].states) {
            return 0;
        }
    }
    return 1;
}

const char *net_custom_part(const clrnn_net *net) {
    for (int i = 0; i < net->strand_count; i++) {
        if (net->strands[i].desc->cell == CLRNN_CELL_CUSTOM) {
            return "custom cell";
        }
        for (int slot = 0; slot < net->strands[i].act_count; slot++) {
            if (net->strands[i].acts[slot].kind == CLRNN_ACT_CUSTOM) {
                return "custom activation";
            }
        }
    }
    return NULL;
}

clrnn_status net_require_complete(const clrnn_net *net) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (int i = 0; i < net->strand_count; i++) {
        for (enum weight_role role = 0; role < WEIGHT_ROLES; role++) {
            char name[48];
            const struct strand *strand = &net->strands[i];
            REQUIRE(strand->weights[role] == NULL || strand->given[role] || may_stay_unset(role),
                    ARGUMENT, "net: %s was never set", strand_weight_name(strand, role, name));
        }
    }
out:
    return status;
}

clrnn_status net_check_state(const clrnn_tensor *tensor, int strands, int64_t rows, int width,
                             const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    TRY(tensor_check(tensor, name));
    REQUIRE(tensor->dtype == CLRNN_DTYPE_F32, ARGUMENT, "%s: must be float32, got %s", name,
            clrnn_dtype_name(tensor->dtype));
    const int lead = tensor->rank == 3 && tensor->shape[0] == strands;
    REQUIRE(((tensor->rank == 2 && strands == 1) || lead) && tensor->shape[lead] == rows &&
                tensor->shape[lead + 1] == width,
            SHAPE, "%s: needs %s[%d][%lld][%d], got %s", name, strands == 1 ? "its rows or " : "",
            strands, (long long)rows, width, tensor_text(tensor, got, sizeof got));
out:
    return status;
}
