/* keras_recurrent.c: recurrent layers of Keras's as nets, in one direction or two. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/keras_reading.h"

#include "core/net.h"
#include "io/keras_cells.h"
#include "io/keras_weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t params_of(const struct strand *strand) {
    const int64_t biases = (strand->weights[BIAS_IH] != NULL) + (strand->weights[BIAS_HH] != NULL);
    return (int64_t)strand->gates * strand->hidden * (strand->inputs + strand->hidden + biases);
}

/* The net of a recurrent layer, whose weights are read part by part; the parts of a second direction,
 * which is like `second`, begin with another word. */
static clrnn_status make_net(clrnn_net **out, struct keras_reading *reading,
                             const struct keras_layer *layer,
                             const struct keras_recurrent *recurrent,
                             const struct keras_recurrent *second, const char *const *prefixes) {
    clrnn_status status = CLRNN_STATUS_OK;
    const clrnn_net_desc desc = {.inputs = (int)reading->features,
                                 .num_layers = recurrent->count,
                                 .layers = recurrent->cells};
    TRY(clrnn_net_create(out, &desc));
    for (int direction = 0; direction < (prefixes[1] != NULL ? 2 : 1); direction++) {
        for (int i = 0; i < recurrent->count; i++) {
            const struct keras_recurrent *from = direction == 1 ? second : recurrent;
            char part[160];
            snprintf(part, sizeof part, "%s%s", prefixes[direction], from->parts[i]);
            TRY(keras_weights_cell(*out, i, direction, reading->file, part,
                                   reading->has_order && from->frozen[i]));
            if (from->frozen[i]) {
                keras_reading_frozen(reading, keras_text(layer->config, "name"),
                                     params_of(net_strand(*out, i, direction)));
            }
        }
    }
out:
    return status;
}

/* What it gives: of two nets, or of both directions apart. */
static int64_t features_of(const struct step *step) {
    const clrnn_net_desc *desc = &step->net->desc;
    int64_t features = clrnn_layer_outputs(&desc->layers[desc->num_layers - 1]);
    if (step->second != NULL && !step->is_apart && step->merge == CLRNN_MERGE_CONCAT) {
        desc = &step->second->desc;
        features += clrnn_layer_outputs(&desc->layers[desc->num_layers - 1]);
    }
    return step->second == NULL && step->is_apart ? features / 2 : features;
}

static clrnn_status finish_recurrent(struct keras_reading *reading, const struct keras_layer *layer,
                                     const struct keras_recurrent *recurrent, clrnn_net **net) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct step *step = keras_reading_step(reading, STEP_RECURRENT, layer);
    step->net = *net;
    *net = NULL;
    step->last_only = !recurrent->sequences;
    step->flip = recurrent->sequences && recurrent->backwards;
    reading->features = features_of(step);
    TRY(keras_file_end(reading->file));
out:
    return status;
}

clrnn_status keras_add_recurrent(struct keras_reading *reading, const struct keras_layer *layer) {
    static const char *const prefixes[2] = {"", NULL};
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_recurrent *recurrent = malloc(sizeof *recurrent);
    clrnn_net *net = NULL;
    REQUIRE(recurrent != NULL, MEMORY, "%s: out of memory", layer->label);
    TRY(keras_reading_numbers(reading, layer));
    TRY(keras_cells_read(recurrent, layer));
    keras_file_split(reading->file, keras_cells_trained(recurrent));
    TRY(make_net(&net, reading, layer, recurrent, NULL, prefixes));
    TRY(finish_recurrent(reading, layer, recurrent, &net));
out:
    clrnn_net_free(net);
    free(recurrent);
    return status;
}

/* Both layers of a Bidirectional, alike but for the direction. */
static int are_alike(const struct keras_recurrent *a, const struct keras_recurrent *b) {
    int alike = a->count == b->count && a->sequences == b->sequences;
    for (int i = 0; alike && i < a->count; i++) {
        clrnn_layer_desc turned = b->cells[i];
        turned.direction = a->cells[i].direction;
        alike = memcmp(&turned, &a->cells[i], sizeof turned) == 0;
    }
    return alike;
}

/* merge_mode None: two outputs. */
static clrnn_status read_merge(clrnn_merge *out, int *is_apart, const struct keras_layer *layer) {
    static const char *const names[] = {"concat", "sum", "mul", "ave"};
    clrnn_status status = CLRNN_STATUS_OK;
    const json_t *value = json_object_get(layer->config, "merge_mode");
    const char *name = value == NULL ? "concat" : json_string_value(value);
    int i = 0;
    *is_apart = json_is_null(value);
    *out = CLRNN_MERGE_CONCAT;
    if (!*is_apart) {
        while (i < 4 && name != NULL && strcmp(name, names[i]) != 0) {
            i++;
        }
        REQUIRE(name != NULL && i < 4, FORMAT, "%s: merge_mode '%.40s' is not supported",
                layer->label, name != NULL ? name : "no text");
        *out = (clrnn_merge)i;
    }
out:
    return status;
}

/* The two layers of a Bidirectional, with the directions they have in the end. */
static clrnn_status read_both(struct keras_recurrent both[2], const struct keras_layer *layer) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_layer inner;
    const json_t *backward = json_object_get(layer->config, "backward_layer");
    TRY(keras_layer_within(&inner, layer, "layer", json_object_get(layer->config, "layer")));
    TRY(keras_cells_read(&both[0], &inner));
    if (backward != NULL && !json_is_null(backward)) {
        TRY(keras_layer_within(&inner, layer, "backward_layer", backward));
        TRY(keras_cells_read(&both[1], &inner));
    } else {
        both[1] = both[0];
        both[1].backwards = !both[0].backwards;
    }
    REQUIRE(both[0].backwards != both[1].backwards, FORMAT,
            "%s: of the two layers one must go backwards", layer->label);
    REQUIRE(both[0].sequences == both[1].sequences, FORMAT,
            "%s: both layers must have the same return_sequences", layer->label);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < both[i].count; k++) {
            clrnn_layer_desc *cell = &both[i].cells[k];
            cell->direction = both[i].backwards ? CLRNN_DIRECTION_REVERSE : CLRNN_DIRECTION_FORWARD;
            cell->zero_masked = both[i].sequences; /* as Keras does of its own accord */
        }
    }
out:
    return status;
}

/* One net of both directions where it can be, or two. */
clrnn_status keras_add_bidirectional(struct keras_reading *reading,
                                     const struct keras_layer *layer) {
    static const char *const keys[] = {"layer", "backward_layer", "merge_mode", KERAS_RUN_KEYS,
                                       NULL};
    static const char *const prefixes[2] = {"forward_layer/", "backward_layer/"};
    clrnn_status status = CLRNN_STATUS_OK;
    struct keras_recurrent *both = malloc(2 * sizeof *both);
    clrnn_net *nets[2] = {NULL, NULL};
    clrnn_merge merge = CLRNN_MERGE_CONCAT;
    int is_apart = 0;
    REQUIRE(both != NULL, MEMORY, "%s: out of memory", layer->label);
    TRY(keras_check_keys(layer, keys));
    TRY(keras_reading_numbers(reading, layer));
    TRY(read_merge(&merge, &is_apart, layer));
    TRY(read_both(both, layer));
    keras_file_split(reading->file, keras_cells_trained(&both[0]) + keras_cells_trained(&both[1]));
    const int is_one = !both[0].backwards && both[0].count == 1 && are_alike(&both[0], &both[1]);
    if (is_one) {
        both[0].cells[0].direction = CLRNN_DIRECTION_BIDIRECTIONAL;
        both[0].cells[0].merge = merge;
        TRY(make_net(&nets[0], reading, layer, &both[0], &both[1], prefixes));
    } else {
        for (int i = 0; i < 2; i++) {
            const char *const prefix[2] = {prefixes[i], NULL};
            TRY(make_net(&nets[i], reading, layer, &both[i], NULL, prefix));
        }
    }
    TRY(finish_recurrent(reading, layer, &both[0], &nets[0]));
    struct step *step = &reading->steps.steps[reading->steps.count - 1];
    step->second = nets[1];
    nets[1] = NULL;
    step->second_flip =
        both[1].sequences && !both[1].backwards; /* Keras turns it round at the end */
    step->merge = merge;
    step->is_apart = is_apart;
    reading->features = features_of(step);
out:
    clrnn_net_free(nets[0]);
    clrnn_net_free(nets[1]);
    free(both);
    return status;
}
