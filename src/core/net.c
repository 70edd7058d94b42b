/* net.c: creating a net and setting its weights by PyTorch's names. */
#include "core/net.h"

#include "core/tensor.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Largest I and H: their products still fit 64-bit sizes with room to spare. */
enum { MAX_FEATURES = 1 << 20 };

static _Atomic uint64_t next_id = 1;

int clrnn_cell_gates(clrnn_cell cell) {
    switch (cell) {
    case CLRNN_CELL_RNN:
        return 1;
    case CLRNN_CELL_LSTM:
        return 4;
    case CLRNN_CELL_GRU:
        return 3;
    }
    return 0;
}

const char *clrnn_cell_name(clrnn_cell cell) {
    switch (cell) {
    case CLRNN_CELL_RNN:
        return "rnn";
    case CLRNN_CELL_LSTM:
        return "lstm";
    case CLRNN_CELL_GRU:
        return "gru";
    }
    return "unknown";
}

clrnn_status clrnn_net_create(clrnn_net **out, const clrnn_net_desc *desc) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_net *net = NULL;
    REQUIRE(out != NULL, ARGUMENT, "net: needs a place for the result, got NULL");
    *out = NULL;
    REQUIRE(desc != NULL, ARGUMENT, "net: needs a desc, got NULL");
    REQUIRE(clrnn_cell_gates(desc->cell) > 0, ARGUMENT, "net: unknown cell %d", (int)desc->cell);
    REQUIRE(desc->reset == CLRNN_RESET_AFTER || desc->reset == CLRNN_RESET_BEFORE, ARGUMENT,
            "net: unknown reset %d", (int)desc->reset);
    REQUIRE(desc->reset == CLRNN_RESET_AFTER || desc->cell == CLRNN_CELL_GRU, ARGUMENT,
            "net: reset is for gru, got it with %s", clrnn_cell_name(desc->cell));
    REQUIRE(desc->nonlinearity == CLRNN_NONLINEARITY_TANH ||
                desc->nonlinearity == CLRNN_NONLINEARITY_RELU,
            ARGUMENT, "net: unknown nonlinearity %d", (int)desc->nonlinearity);
    REQUIRE(desc->nonlinearity == CLRNN_NONLINEARITY_TANH || desc->cell == CLRNN_CELL_RNN, ARGUMENT,
            "net: nonlinearity relu is for rnn, got it with %s", clrnn_cell_name(desc->cell));
    REQUIRE(desc->direction == CLRNN_DIRECTION_FORWARD ||
                desc->direction == CLRNN_DIRECTION_REVERSE,
            ARGUMENT, "net: unknown direction %d", (int)desc->direction);
    REQUIRE(desc->inputs >= 1 && desc->inputs <= MAX_FEATURES, SHAPE,
            "net: inputs must be 1 to %d, got %d", MAX_FEATURES, desc->inputs);
    REQUIRE(desc->hidden >= 1 && desc->hidden <= MAX_FEATURES, SHAPE,
            "net: hidden must be 1 to %d, got %d", MAX_FEATURES, desc->hidden);

    net = calloc(1, sizeof *net);
    REQUIRE(net != NULL, MEMORY, "net: out of memory");
    net->desc = *desc;
    net->gates = clrnn_cell_gates(desc->cell);
    net->id = atomic_fetch_add(&next_id, 1);
    const size_t rows = (size_t)net->gates * (size_t)desc->hidden;
    net->w_ih = calloc(rows * (size_t)desc->inputs, sizeof(float));
    net->w_hh = calloc(rows * (size_t)desc->hidden, sizeof(float));
    net->b_ih = calloc(rows, sizeof(float));
    net->b_hh = calloc(rows, sizeof(float));
    REQUIRE(net->w_ih && net->w_hh && net->b_ih && net->b_hh, MEMORY,
            "net: out of memory for %zu x (%d + %d + 2) weights", rows, desc->inputs, desc->hidden);
    *out = net;
    net = NULL;
out:
    clrnn_net_free(net);
    return status;
}

void clrnn_net_free(clrnn_net *net) {
    if (net == NULL) {
        return;
    }
    free(net->w_ih);
    free(net->w_hh);
    free(net->b_ih);
    free(net->b_hh);
    free(net);
}

const clrnn_net_desc *clrnn_net_get_desc(const clrnn_net *net) {
    return net != NULL ? &net->desc : NULL;
}

/* One row a weight: its name without suffix, where it lies, its columns (0: a vector). */
struct weight {
    const char *name;
    float *values;
    int columns;
    int *present; /* NULL: may stay unset */
};

static int find_weight(struct weight *found, const clrnn_net *net, const char *name) {
    clrnn_net *n = (clrnn_net *)net;
    const struct weight weights[] = {
        {"weight_ih_l0", n->w_ih, n->desc.inputs, &n->has_w_ih},
        {"weight_hh_l0", n->w_hh, n->desc.hidden, &n->has_w_hh},
        {"bias_ih_l0", n->b_ih, 0, NULL},
        {"bias_hh_l0", n->b_hh, 0, NULL},
    };
    const char *suffix = n->desc.direction == CLRNN_DIRECTION_REVERSE ? "_reverse" : "";
    for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
        char full[64];
        snprintf(full, sizeof full, "%s%s", weights[i].name, suffix);
        if (strcmp(full, name) == 0) {
            *found = weights[i];
            return 1;
        }
    }
    return 0;
}

clrnn_status clrnn_net_set_weight(clrnn_net *net, const char *name, const clrnn_tensor *value) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct weight weight;
    char got[128];
    REQUIRE(net != NULL && name != NULL && value != NULL, ARGUMENT,
            "net: set_weight needs a net, a name and a tensor");
    REQUIRE(find_weight(&weight, net, name), ARGUMENT, "net: a %s %s layer has no weight named %s",
            net->desc.direction == CLRNN_DIRECTION_REVERSE ? "reverse" : "forward",
            clrnn_cell_name(net->desc.cell), name);
    TRY(tensor_check(value, name));
    REQUIRE(value->data != NULL, ARGUMENT, "net: %s must lie in host memory", name);
    REQUIRE(value->dtype == CLRNN_DTYPE_F32 || value->dtype == CLRNN_DTYPE_F64, ARGUMENT,
            "net: %s must be float32 or float64, got %s", name, clrnn_dtype_name(value->dtype));
    const int64_t rows = (int64_t)net->gates * net->desc.hidden;
    if (weight.columns == 0) {
        REQUIRE(value->rank == 1 && value->shape[0] == rows, SHAPE, "net: %s needs [%lld], got %s",
                name, (long long)rows, tensor_text(value, got, sizeof got));
    } else {
        REQUIRE(value->rank == 2 && value->shape[0] == rows && value->shape[1] == weight.columns,
                SHAPE, "net: %s needs %lld floats [%lld][%d], got %s", name,
                (long long)(rows * weight.columns), (long long)rows, weight.columns,
                tensor_text(value, got, sizeof got));
    }
    const int64_t columns = weight.columns == 0 ? 1 : weight.columns;
    const int64_t stride = tensor_stride(value, 0);
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t column = 0; column < columns; column++) {
            const int64_t at = row * stride + column;
            weight.values[row * columns + column] =
                value->dtype == CLRNN_DTYPE_F32 ? ((const float *)tensor_host(value))[at]
                                                : (float)((const double *)tensor_host(value))[at];
        }
    }
    if (weight.present != NULL) {
        *weight.present = 1;
    }
    net->version++;
out:
    return status;
}

clrnn_status clrnn_net_get_weight(clrnn_tensor *out, const clrnn_net *net, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct weight weight;
    REQUIRE(out != NULL && net != NULL && name != NULL, ARGUMENT,
            "net: get_weight needs a place for the result, a net and a name");
    REQUIRE(find_weight(&weight, net, name), ARGUMENT, "net: has no weight named %s", name);
    *out = (clrnn_tensor){.data = weight.values, .dtype = CLRNN_DTYPE_F32, .rank = 1};
    out->shape[0] = (int64_t)net->gates * net->desc.hidden;
    if (weight.columns != 0) {
        out->rank = 2;
        out->shape[1] = weight.columns;
    }
out:
    return status;
}

clrnn_status net_require_complete(const clrnn_net *net) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *suffix = net->desc.direction == CLRNN_DIRECTION_REVERSE ? "_reverse" : "";
    REQUIRE(net->has_w_ih, ARGUMENT, "net: weight_ih_l0%s was never set", suffix);
    REQUIRE(net->has_w_hh, ARGUMENT, "net: weight_hh_l0%s was never set", suffix);
out:
    return status;
}

clrnn_status net_check_state(const clrnn_net *net, const clrnn_tensor *tensor, int64_t rows,
                             const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    char got[128];
    TRY(tensor_check(tensor, name));
    REQUIRE(tensor->dtype == CLRNN_DTYPE_F32, ARGUMENT, "%s: must be float32, got %s", name,
            clrnn_dtype_name(tensor->dtype));
    const int lead = tensor->rank == 3 && tensor->shape[0] == 1;
    REQUIRE((tensor->rank == 2 || lead) && tensor->shape[lead] == rows &&
                tensor->shape[lead + 1] == net->desc.hidden,
            SHAPE, "%s: needs [%lld][%d] or [1][%lld][%d], got %s", name, (long long)rows,
            net->desc.hidden, (long long)rows, net->desc.hidden,
            tensor_text(tensor, got, sizeof got));
out:
    return status;
}
