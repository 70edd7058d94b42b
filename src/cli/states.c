/* states.c: see states.h. */
#include "cli/states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int has_kind(const clrnn_layer_desc *layer, state_kind kind) {
    return kind == STATE_H   ? 1
           : kind == STATE_C ? clrnn_layer_states(layer) == 2
                             : !layer->zero_masked;
}

static int width_of(const clrnn_layer_desc *layer, state_kind kind) {
    return kind == STATE_C ? layer->hidden : clrnn_layer_width(layer);
}

/* h and c of one array each for all layers. */
static int is_joint(const clrnn_net_desc *net) {
    for (int i = 1; i < net->num_layers; i++) {
        const clrnn_layer_desc *a = &net->layers[0];
        const clrnn_layer_desc *b = &net->layers[i];
        if (clrnn_layer_width(a) != clrnn_layer_width(b) || a->hidden != b->hidden ||
            clrnn_layer_states(a) != clrnn_layer_states(b)) {
            return 0;
        }
    }
    return 1;
}

/* 1 if all layers have the kind in one array. */
static int is_kind_joint(const clrnn_net_desc *net, state_kind kind, int joint) {
    for (int i = 0; i < net->num_layers; i++) {
        joint &= has_kind(&net->layers[i], kind);
    }
    return joint;
}

static void name_array(state_array *array, state_point point) {
    static const char letters[STATE_KINDS] = {'h', 'c', 'o'};
    const char end = point == STATE_START ? '0' : 'n';
    if (array->layer < 0) {
        (void)snprintf(array->name, sizeof array->name, "%c_%c", letters[array->kind], end);
    } else {
        (void)snprintf(array->name, sizeof array->name, "%c_%c_l%d", letters[array->kind], end,
                       array->layer);
    }
}

clrnn_status states_list(state_list *out, const clrnn_net *net, state_point point,
                         int with_outputs) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(net);
    const int kinds = with_outputs ? STATE_KINDS : STATE_O;
    int strands = 0;
    for (int i = 0; i < desc->num_layers; i++) {
        strands += clrnn_layer_directions(&desc->layers[i]);
    }
    *out = (state_list){.is_joint = is_joint(desc)};
    out->arrays = calloc((size_t)desc->num_layers * STATE_KINDS, sizeof *out->arrays);
    if (out->arrays == NULL) {
        return CLRNN_STATUS_MEMORY;
    }
    for (int kind = 0; kind < kinds; kind++) {
        const int joint = is_kind_joint(desc, (state_kind)kind, out->is_joint);
        for (int i = 0; i < desc->num_layers; i++) {
            const clrnn_layer_desc *layer = &desc->layers[i];
            if (!has_kind(layer, (state_kind)kind) || (joint && i > 0)) {
                continue;
            }
            state_array *array = &out->arrays[out->count++];
            array->kind = (state_kind)kind;
            array->layer = joint ? -1 : i;
            array->strands = joint ? strands : clrnn_layer_directions(layer);
            array->width = width_of(layer, array->kind);
            name_array(array, point);
        }
    }
    return CLRNN_STATUS_OK;
}

void states_free(state_list *list) {
    free(list->arrays);
    memset(list, 0, sizeof *list);
}

const state_array *states_find(const state_list *list, const char *name) {
    for (int i = 0; i < list->count; i++) {
        if (strcmp(list->arrays[i].name, name) == 0) {
            return &list->arrays[i];
        }
    }
    return NULL;
}

const char *states_names(const state_list *list, char *text, size_t size) {
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < list->count; i++) {
        if (used + 32 > size) {
            (void)snprintf(text + used, size - used, ", ...");
            break;
        }
        int length =
            snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", list->arrays[i].name);
        used += length > 0 ? (size_t)length : 0;
    }
    return text;
}

static clrnn_tensor *slot_of(clrnn_layer_arrays *arrays, state_kind kind, state_point point) {
    clrnn_tensor *const slots[STATE_KINDS][2] = {
        [STATE_H] = {&arrays->h_0, &arrays->h_n},
        [STATE_C] = {&arrays->c_0, &arrays->c_n},
        [STATE_O] = {&arrays->o_0, &arrays->o_n},
    };
    return slots[kind][point];
}

void states_bind(clrnn_layer_arrays *layers, const clrnn_net *net, const state_array *array,
                 state_point point, const clrnn_tensor *dense, int64_t rows) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(net);
    const int first = array->layer < 0 ? 0 : array->layer;
    const int end = array->layer < 0 ? desc->num_layers : array->layer + 1;
    int strand = 0;
    for (int i = first; i < end; i++) {
        const int directions = clrnn_layer_directions(&desc->layers[i]);
        clrnn_tensor *out = slot_of(&layers[i], array->kind, point);
        *out = (clrnn_tensor){
            .data = dense->data,
            .offset = dense->offset + (size_t)(strand * rows * array->width) * sizeof(float),
            .dtype = CLRNN_DTYPE_F32,
            .rank = 3,
            .shape = {directions, rows, array->width},
        };
        strand += directions;
    }
}

int states_end_there(const clrnn_net *net) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(net);
    int is_reverse = 0;
    for (int i = 0; i < desc->num_layers; i++) {
        is_reverse |= desc->layers[i].direction != CLRNN_DIRECTION_FORWARD;
    }
    return is_reverse;
}

int states_repeat(const clrnn_net *net) {
    const clrnn_net_desc *desc = clrnn_net_get_desc(net);
    int repeats = 0;
    for (int i = 0; i < desc->num_layers; i++) {
        repeats |= !desc->layers[i].zero_masked;
    }
    return repeats;
}
