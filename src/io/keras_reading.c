/* keras_reading.c: steps, masks and counts of a model that is being read. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/keras_reading.h"

#include <string.h>

/* Notes parameters of the layer in hand that are not trained. */
void keras_reading_frozen(struct keras_reading *reading, const char *name, int64_t params) {
    const int last = reading->frozen_count - 1;
    if (last < 0 || strcmp(reading->frozen[last].name, name) != 0) {
        reading->frozen[reading->frozen_count].name = name;
        reading->frozen[reading->frozen_count++].params = 0;
    }
    reading->frozen[reading->frozen_count - 1].params += params;
}

struct step *keras_reading_step(struct keras_reading *reading, enum step_kind kind,
                                const struct keras_layer *layer) {
    struct step *step = &reading->steps.steps[reading->steps.count++];
    *step = (struct step){.kind = kind,
                          .name = keras_text(layer->config, "name"),
                          .type = layer->type,
                          .is_own_layer = 1};
    return step;
}

clrnn_status keras_reading_numbers(const struct keras_reading *reading,
                                   const struct keras_layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(reading->features > 0, FORMAT, "%s: takes numbers, gets integers", layer->label);
out:
    return status;
}

/* 1: a layer before made a mask, and it still goes on. */
int keras_reading_is_masked(const struct keras_reading *reading) {
    int masked = 0;
    for (int i = 0; i < reading->steps.count; i++) {
        const struct step *step = &reading->steps.steps[i];
        masked |= step->kind == STEP_MASKING || step->mask_zero;
        masked &= !step->last_only;
    }
    return masked;
}
