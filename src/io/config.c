/*
 * config.c: configs in memory. They are read in config_read.c and written in config_write.c.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "io/config.h"

#include "core/layer.h"
#include "io/config_fields.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELD(member) offsetof(clrnn_layer_desc, member)
const struct field config_fields[FIELD_COUNT] = {
    {"cell", CHOICE, FIELD(cell), {"rnn", "lstm", "gru", "custom", "dense"}},
    {"hidden", SIZE, FIELD(hidden), {NULL}},
    {"direction", CHOICE, FIELD(direction), {"forward", "reverse", "bidirectional"}},
    {"merge", CHOICE, FIELD(merge), {"concat", "sum", "mul", "ave"}},
    {"bias", CHOICE, FIELD(bias), {"double", "single", "none"}},
    {"reset", CHOICE, FIELD(reset), {"after", "before"}},
    {"projection", COUNT, FIELD(projection), {NULL}},
    {"peepholes", FLAG, FIELD(peepholes), {NULL}},
    {"couple", CHOICE, FIELD(couple), {"none", "forget", "input"}},
    {"forget_bias", REAL, FIELD(forget_bias), {NULL}},
    {"gate_clip", REAL, FIELD(gate_clip), {NULL}},
    {"cell_clip", REAL, FIELD(cell_clip), {NULL}},
    {"zero_output_for_mask", FLAG, FIELD(zero_masked), {NULL}},
    {"gates", COUNT, FIELD(gates), {NULL}},
    {"states", COUNT, FIELD(states), {NULL}},
};
#undef FIELD

_Static_assert(sizeof(clrnn_cell) == sizeof(int) && sizeof(clrnn_direction) == sizeof(int),
               "an enumeration is stored as an int");

const char *const config_directions[2] = {"forward", "reverse"};

clrnn_status config_create(struct config *out, int count, const char *prefix, size_t prefix_size) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = (struct config){.desc = {.num_layers = count}};
    out->desc.layers = calloc((size_t)count, sizeof *out->desc.layers);
    out->names = calloc((size_t)count, sizeof *out->names);
    out->prefix = strndup(prefix, prefix_size);
    REQUIRE(out->desc.layers != NULL && out->names != NULL && out->prefix != NULL, MEMORY,
            "config: out of memory for %d layers", count);
out:
    if (status != CLRNN_STATUS_OK) {
        config_free(out);
    }
    return status;
}

/* A name in the place of code, made up where no snippet has that text. */
static clrnn_status name_code(const char **out, const char *text, const struct config_code *code,
                              const char *made_up) {
    clrnn_status status = CLRNN_STATUS_OK;
    const char *name = made_up;
    for (size_t i = code->count; text != NULL && i-- > 0;) {
        name = strcmp(code->snippets[i].source, text) == 0 ? code->snippets[i].name : name;
    }
    *out = text != NULL ? strdup(name) : NULL;
    REQUIRE(*out != NULL || text == NULL, MEMORY, "config: out of memory");
out:
    return status;
}

static clrnn_status copy_layer(clrnn_layer_desc *to, const clrnn_layer_desc *from,
                               const struct config_code *code, int number) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_activation *acts = &to->acts[0][0];
    const clrnn_activation *from_acts = &from->acts[0][0];
    char name[64];
    /* At no time a source that is not the config's own, or freeing it would free that one. */
    *to = *from;
    to->source = NULL;
    for (int i = 0; i < 2 * CLRNN_MAX_ACTS; i++) {
        acts[i].source = NULL;
    }
    snprintf(name, sizeof name, "layer%d", number);
    TRY(name_code(&to->source, from->source, code, name));
    for (int i = 0; i < 2 * CLRNN_MAX_ACTS; i++) {
        snprintf(name, sizeof name, "layer%d_%sact%d", number, i < CLRNN_MAX_ACTS ? "" : "reverse_",
                 i % CLRNN_MAX_ACTS);
        TRY(name_code(&acts[i].source, from_acts[i].source, code, name));
    }
out:
    return status;
}

clrnn_status config_from_desc(struct config *out, const clrnn_net_desc *desc,
                              const struct config_code *code) {
    clrnn_status status = CLRNN_STATUS_OK;
    TRY(config_create(out, desc->num_layers, "", 0));
    out->desc.inputs = desc->inputs;
    for (int i = 0; i < desc->num_layers; i++) {
        TRY(copy_layer((clrnn_layer_desc *)&out->desc.layers[i], &desc->layers[i], code,
                       code->first + i));
    }
out:
    if (status != CLRNN_STATUS_OK) {
        config_free(out);
    }
    return status;
}

void config_free(struct config *config) {
    for (int i = 0; config->desc.layers != NULL && i < config->desc.num_layers; i++) {
        const clrnn_activation *acts = &config->desc.layers[i].acts[0][0];
        for (int act = 0; act < 2 * CLRNN_MAX_ACTS; act++) {
            free((char *)acts[act].source);
        }
        free((char *)config->desc.layers[i].source);
        if (config->names != NULL) {
            free(config->names[i]);
        }
    }
    free((clrnn_layer_desc *)config->desc.layers);
    free(config->names);
    free(config->prefix);
    *config = (struct config){0};
}

clrnn_status config_check(const struct config *config, const char *label) {
    static const char core[] = "net: ";
    clrnn_status status = CLRNN_STATUS_OK;
    for (int i = 0; i < config->desc.num_layers; i++) {
        if (layer_check(&config->desc.layers[i], i) != CLRNN_STATUS_OK) {
            char rule[sizeof clrnn_last_error()->message];
            snprintf(rule, sizeof rule, "%s", clrnn_last_error()->message);
            const size_t skip = strncmp(rule, core, strlen(core)) == 0 ? strlen(core) : 0;
            REQUIRE(0, FORMAT, "%s: %s", label, rule + skip);
        }
    }
out:
    return status;
}
