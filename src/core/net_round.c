/* net_round.c: weights rounded to 16 bits. */
#include "core/half.h"
#include "core/net.h"

#include <math.h>

const char *clrnn_weights_name(clrnn_weights weights) {
    switch (weights) {
    case CLRNN_WEIGHTS_FP32:
        return "fp32";
    case CLRNN_WEIGHTS_FP16:
        return "fp16";
    case CLRNN_WEIGHTS_BF16:
        return "bf16";
    }
    return "unknown";
}

static float rounded(float value, clrnn_weights weights) {
    return weights == CLRNN_WEIGHTS_FP16   ? (float)half_to_double(half_from_double((double)value))
           : weights == CLRNN_WEIGHTS_BF16 ? brain_to_float(brain_from_float(value))
                                           : value;
}

/* What was finite stays so. */
static clrnn_status check_range(const float *values, size_t count, clrnn_weights weights,
                                const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        REQUIRE(!isfinite(values[i]) || isfinite(rounded(values[i], weights)), UNSUPPORTED,
                "net: %s has %g, which is more than %s holds", what, (double)values[i],
                clrnn_weights_name(weights));
    }
out:
    return status;
}

clrnn_status net_round(float *values, size_t count, clrnn_weights weights, const char *what) {
    clrnn_status status = CLRNN_STATUS_OK;
    if (weights != CLRNN_WEIGHTS_FP32) {
        TRY(check_range(values, count, weights, what));
        for (size_t i = 0; i < count; i++) {
            values[i] = rounded(values[i], weights);
        }
    }
out:
    return status;
}

static const enum weight_role roles[] = {WEIGHT_HH, WEIGHT_HR};
enum { ROLES = sizeof roles / sizeof roles[0] };

/* Of one role of a strand: looked at, or rounded too. */
static clrnn_status round_role(const struct strand *strand, enum weight_role role,
                               clrnn_weights weights, int rounds) {
    clrnn_status status = CLRNN_STATUS_OK;
    int64_t rows = 0, columns = 0;
    char name[48];
    if (strand->weights[role] != NULL) {
        strand_weight_shape(strand, role, &rows, &columns);
        const size_t count = (size_t)rows * (size_t)columns;
        strand_weight_name(strand, role, name);
        TRY(rounds ? net_round(strand->weights[role], count, weights, name)
                   : check_range(strand->weights[role], count, weights, name));
    }
out:
    return status;
}

clrnn_status clrnn_net_round_weights(clrnn_net *net, clrnn_weights weights) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(net != NULL, ARGUMENT, "net: round_weights needs a net, got NULL");
    REQUIRE(weights >= CLRNN_WEIGHTS_FP32 && weights <= CLRNN_WEIGHTS_BF16, ARGUMENT,
            "net: unknown weights %d", (int)weights);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < net->strand_count; i++) {
            for (int role = 0; role < ROLES; role++) {
                TRY(round_role(&net->strands[i], roles[role], weights, pass == 1));
            }
        }
    }
    net->version++;
out:
    return status;
}
