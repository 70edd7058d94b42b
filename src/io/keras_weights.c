/* keras_weights.c: transposed, and gates in another order. */
#include "io/keras_weights.h"

#include "core/net.h"

#include <stdio.h>
#include <stdlib.h>

/* Which of Keras's gates is gate g here: r, z, n of z, r, h; an LSTM's are alike. */
static int gate_of(clrnn_cell cell, int gate) {
    static const int gru[3] = {1, 0, 2};
    return cell == CLRNN_CELL_GRU ? gru[gate] : gate;
}

static clrnn_status set(clrnn_net *net, const struct strand *strand, enum weight_role role,
                        float *values) {
    int64_t rows, columns;
    char name[48];
    strand_weight_shape(strand, role, &rows, &columns);
    const clrnn_tensor tensor = {
        .data = values, .rank = columns > 0 ? 2 : 1, .shape = {rows, columns}};
    return clrnn_net_set_weight(net, strand_weight_name(strand, role, name), &tensor);
}

/* kernel [k][G H] as [G H][k], or a bias [G H] with k = 1. */
static clrnn_status set_turned(clrnn_net *net, const struct strand *strand, enum weight_role role,
                               const float *kernel, int k) {
    clrnn_status status = CLRNN_STATUS_OK;
    const int gates = strand->gates, hidden = strand->hidden;
    const size_t width = (size_t)gates * (size_t)hidden;
    float *turned = malloc(width * (size_t)k * sizeof *turned);
    REQUIRE(turned != NULL, MEMORY, "weights: out of memory");
    for (int gate = 0; gate < gates; gate++) {
        const size_t from = (size_t)gate_of(strand->desc->cell, gate) * (size_t)hidden;
        for (int unit = 0; unit < hidden; unit++) {
            float *row = turned + ((size_t)gate * (size_t)hidden + (size_t)unit) * (size_t)k;
            for (int i = 0; i < k; i++) {
                row[i] = kernel[(size_t)i * width + from + (size_t)unit];
            }
        }
    }
    TRY(set(net, strand, role, turned));
out:
    free(turned);
    return status;
}

clrnn_status keras_weights_cell(clrnn_net *net, int layer, int direction, struct keras_file *file,
                                const char *part, int is_frozen) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct strand *strand = net_strand(net, layer, direction);
    const int width = strand->gates * strand->hidden;
    const int count = strand->desc->bias == CLRNN_BIAS_NONE ? 2 : 3;
    const int is_double = strand->desc->bias == CLRNN_BIAS_DOUBLE;
    float *kernel = NULL, *recurrent = NULL, *bias = NULL;
    TRY(keras_file_take(&kernel, file, part, 0, count, is_frozen, strand->inputs, width));
    TRY(set_turned(net, strand, WEIGHT_IH, kernel, strand->inputs));
    TRY(keras_file_take(&recurrent, file, part, 1, count, is_frozen, strand->hidden, width));
    TRY(set_turned(net, strand, WEIGHT_HH, recurrent, strand->hidden));
    if (count == 3) {
        TRY(keras_file_take(&bias, file, part, 2, count, is_frozen, is_double ? 2 : width,
                            is_double ? width : 0));
        TRY(set_turned(net, strand, BIAS_IH, bias, 1));
        if (is_double) {
            TRY(set_turned(net, strand, BIAS_HH, bias + width, 1));
        }
    }
out:
    free(kernel);
    free(recurrent);
    free(bias);
    return status;
}

clrnn_status keras_weights_dense(clrnn_net *net, struct keras_file *file, const char *part) {
    clrnn_status status = CLRNN_STATUS_OK;
    const struct strand *strand = &net->strands[0];
    const int count = strand->weights[BIAS_IH] != NULL ? 2 : 1;
    float *kernel = NULL, *bias = NULL;
    TRY(keras_file_take(&kernel, file, part, 0, count, 0, strand->inputs, strand->hidden));
    TRY(set_turned(net, strand, WEIGHT_IH, kernel, strand->inputs));
    if (count == 2) {
        TRY(keras_file_take(&bias, file, part, 1, count, 0, strand->hidden, 0));
        TRY(set(net, strand, BIAS_IH, bias));
    }
out:
    free(kernel);
    free(bias);
    return status;
}
