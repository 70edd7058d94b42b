/* tuning.c: see tuning.h. */
#include "core/tuning.h"

#include <stdio.h>
#include <string.h>

/* A driver's text, without what a file could not hold. */
static void copy_text(char *out, size_t size, const char *text) {
    snprintf(out, size, "%s", text);
    for (; *out != 0; out++) {
        *out = (char)(*out < ' ' || *out > '~' ? '?' : *out);
    }
}

void tuning_device_of(struct tuning_device *out, const clrnn_context *context) {
    memset(out, 0, sizeof *out);
    copy_text(out->engine, sizeof out->engine, clrnn_engine_name(context->id));
    copy_text(out->name, sizeof out->name, context->info.name);
    copy_text(out->vendor, sizeof out->vendor, context->info.vendor);
    copy_text(out->driver, sizeof out->driver, context->info.driver);
    out->compute_units = context->desc.compute_units;
}

static int is_same_device(const struct tuning_device *a, const struct tuning_device *b) {
    return strcmp(a->engine, b->engine) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->vendor, b->vendor) == 0;
}

int tuning_is_replaced(const struct tuning_device *old, const struct tuning_device *device) {
    return is_same_device(old, device) && old->compute_units == device->compute_units;
}

int tuning_is_for(const struct tuning *tuning, const struct tuning_device *device) {
    const struct tuning_device *own = &tuning->device;
    return is_same_device(own, device) && strcmp(own->driver, device->driver) == 0 &&
           own->compute_units == device->compute_units;
}

void tuning_difference(char *out, size_t size, const struct tuning *tuning,
                       const struct tuning_device *device) {
    const struct tuning_device *own = &tuning->device;
    out[0] = 0;
    if (!is_same_device(own, device)) {
        return;
    }
    if (strcmp(own->driver, device->driver) != 0) {
        snprintf(out, size, "driver %.40s, this is %.40s", own->driver, device->driver);
    } else if (own->compute_units != device->compute_units) {
        snprintf(out, size, "%d compute units, there are %d", own->compute_units,
                 device->compute_units);
    }
}

void tuning_reset(clrnn_context *context) {
    context->speeds = estimate_speeds_of(&context->desc);
    context->desc.runs_together = 0;
    snprintf(context->tuned, sizeof context->tuned, "usual speeds");
}

void tuning_apply(clrnn_context *context, const struct tuning *tuning) {
    context->speeds = tuning->speeds;
    context->speeds.cores = context->desc.compute_units;
    context->desc.runs_together = tuning->runs_together;
    if (tuning->lanes > 0 && context->engine->takes_lanes(context->device, tuning->lanes)) {
        context->desc.vector_width = tuning->lanes;
    }
    if (context->engine->take_library != NULL) {
        context->engine->take_library(context->device, &tuning->library);
    }
    snprintf(context->tuned, sizeof context->tuned, "speeds measured on %s%s", tuning->date,
             tuning->busy ? ", on a busy machine" : "");
}
