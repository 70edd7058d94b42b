/* onnx_names.c: the names that a graph defines, each once: inputs, initializers, outputs of nodes. */
#include "io/onnx_read.h"

#ifdef WITH_PROTOBUF

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
    return strcmp(((const struct onnx_name *)a)->text, ((const struct onnx_name *)b)->text);
}

static void add(struct onnx_names *names, const char *text) {
    if (text != NULL && text[0] != '\0') {
        names->list[names->count++] = (struct onnx_name){text, ONNX_LATER, 0};
    }
}

static clrnn_status sort(struct onnx_names *names, const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    qsort(names->list, names->count, sizeof *names->list, compare);
    for (size_t i = 1; i < names->count; i++) {
        REQUIRE(strcmp(names->list[i - 1].text, names->list[i].text) != 0, FORMAT,
                "%s: the value '%.80s' is defined twice, each needs a name of its own", label,
                names->list[i].text);
    }
out:
    return status;
}

clrnn_status onnx_names_make(struct onnx_names *out, const Onnx__GraphProto *proto,
                             const char *label) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_names inputs = {0};
    size_t count = proto->n_initializer + proto->n_input;
    for (size_t i = 0; i < proto->n_node; i++) {
        count += proto->node[i]->n_output;
    }
    *out = (struct onnx_names){0};
    inputs.list = calloc(proto->n_input + 1, sizeof *inputs.list);
    out->list = calloc(count + 1, sizeof *out->list);
    REQUIRE(inputs.list != NULL && out->list != NULL, MEMORY, "%s: out of memory for %zu names",
            label, count);
    for (size_t i = 0; i < proto->n_input; i++) {
        add(&inputs, proto->input[i]->name);
    }
    TRY(sort(&inputs, label));
    for (size_t i = 0; i < proto->n_initializer; i++) {
        add(out, proto->initializer[i]->name);
    }
    TRY(sort(out, label));
    /* An initializer may be listed as an input, too. */
    struct onnx_names initializers = *out;
    for (size_t i = 0; i < inputs.count; i++) {
        if (onnx_names_find(&initializers, inputs.list[i].text) == NULL) {
            add(out, inputs.list[i].text);
        }
    }
    for (size_t i = 0; i < proto->n_node; i++) {
        for (size_t k = 0; k < proto->node[i]->n_output; k++) {
            add(out, proto->node[i]->output[k]);
        }
    }
    TRY(sort(out, label));
out:
    free(inputs.list);
    return status;
}

void onnx_names_free(struct onnx_names *names) {
    free(names->list);
    *names = (struct onnx_names){0};
}

struct onnx_name *onnx_names_find(const struct onnx_names *names, const char *text) {
    const struct onnx_name key = {text, 0, 0};
    return text != NULL && names->count > 0
               ? bsearch(&key, names->list, names->count, sizeof *names->list, compare)
               : NULL;
}

#endif
