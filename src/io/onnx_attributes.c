/* onnx_attributes.c: what a node is told. An attribute that is not asked for is refused by name. */
#include "io/onnx_read.h"

#ifdef WITH_PROTOBUF

#include <string.h>

static const char *type_name(int32_t type) {
    static const char *const names[] = {
        "no type", "FLOAT",   "INT",     "STRING", "TENSOR",        "GRAPH",         "FLOATS",
        "INTS",    "STRINGS", "TENSORS", "GRAPHS", "SPARSE_TENSOR", "SPARSE_TENSORS"};
    return type >= 0 && (size_t)type < sizeof names / sizeof names[0] ? names[type] : "unknown";
}

/* Files of IR version 1 give no types. */
static int has_value(const Onnx__AttributeProto *attribute, enum onnx_type type) {
    switch (type) {
    case ONNX_FLOAT:
        return attribute->has_f;
    case ONNX_INT:
        return attribute->has_i;
    case ONNX_STRING:
        return attribute->has_s;
    case ONNX_TENSOR:
        return attribute->t != NULL;
    default:
        return 1;
    }
}

clrnn_status onnx_attribute(const Onnx__AttributeProto **out, struct onnx_node *node,
                            const char *name, enum onnx_type type) {
    clrnn_status status = CLRNN_STATUS_OK;
    *out = NULL;
    for (size_t i = 0; i < node->proto->n_attribute && i < ONNX_MAX_ATTRIBUTES; i++) {
        const Onnx__AttributeProto *attribute = node->proto->attribute[i];
        if (attribute->name != NULL && strcmp(attribute->name, name) == 0) {
            REQUIRE(*out == NULL, FORMAT, "%s: attribute %.60s is given twice", node->label, name);
            REQUIRE(!attribute->has_type || attribute->type == (int32_t)type, FORMAT,
                    "%s: attribute %.60s must be %s, got %s", node->label, name,
                    type_name((int32_t)type), type_name(attribute->type));
            REQUIRE(has_value(attribute, type) || attribute->has_type, FORMAT,
                    "%s: attribute %.60s must be %s, got nothing", node->label, name,
                    type_name((int32_t)type));
            REQUIRE(type != ONNX_TENSOR || attribute->t != NULL, FORMAT,
                    "%s: attribute %.60s has no tensor", node->label, name);
            node->seen |= (uint64_t)1 << i;
            *out = attribute;
        }
    }
out:
    return status;
}

/* A value of 0 may be left out of the file. */
clrnn_status onnx_get_int(int64_t *out, struct onnx_node *node, const char *name,
                          int64_t fallback) {
    clrnn_status status = CLRNN_STATUS_OK;
    const Onnx__AttributeProto *attribute;
    TRY(onnx_attribute(&attribute, node, name, ONNX_INT));
    *out = attribute != NULL ? attribute->i : fallback;
out:
    return status;
}

clrnn_status onnx_get_float(float *out, struct onnx_node *node, const char *name, float fallback) {
    clrnn_status status = CLRNN_STATUS_OK;
    const Onnx__AttributeProto *attribute;
    TRY(onnx_attribute(&attribute, node, name, ONNX_FLOAT));
    *out = attribute != NULL ? attribute->f : fallback;
out:
    return status;
}

clrnn_status onnx_get_flag(int *out, struct onnx_node *node, const char *name, int fallback) {
    clrnn_status status = CLRNN_STATUS_OK;
    int64_t value;
    TRY(onnx_get_int(&value, node, name, fallback));
    REQUIRE(value == 0 || value == 1, FORMAT, "%s: attribute %.60s must be 0 or 1, got %lld",
            node->label, name, (long long)value);
    *out = (int)value;
out:
    return status;
}

clrnn_status onnx_get_ints(int64_t *list, int *count, struct onnx_node *node, const char *name) {
    clrnn_status status = CLRNN_STATUS_OK;
    const Onnx__AttributeProto *attribute;
    *count = -1;
    TRY(onnx_attribute(&attribute, node, name, ONNX_INTS));
    if (attribute != NULL) {
        REQUIRE(attribute->n_ints <= CLRNN_MAX_RANK, FORMAT,
                "%s: attribute %.60s may have %d numbers, got %zu", node->label, name,
                CLRNN_MAX_RANK, attribute->n_ints);
        *count = (int)attribute->n_ints;
        for (int i = 0; i < *count; i++) {
            list[i] = attribute->ints[i];
        }
    }
out:
    return status;
}

clrnn_status onnx_attributes_done(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (size_t i = 0; i < node->proto->n_attribute; i++) {
        const char *name = node->proto->attribute[i]->name;
        REQUIRE(i < ONNX_MAX_ATTRIBUTES && (node->seen >> i & 1) != 0, FORMAT,
                "%s: attribute %.60s is not supported", node->label, name != NULL ? name : "''");
    }
out:
    return status;
}

#endif
