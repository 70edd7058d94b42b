/* onnx_write_build.c: nodes, attributes, initializers and ports of a ModelProto. */
#ifdef WITH_PROTOBUF

#include "io/onnx_write.h"

#include "io/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTRIBUTES = 16, OUTPUTS = 3 }; /* the most a node of ours has */
/* AttributeProto.AttributeType */
enum {
    TYPE_FLOAT = 1,
    TYPE_INT = 2,
    TYPE_STRING = 3,
    TYPE_FLOATS = 6,
    TYPE_INTS = 7,
    TYPE_STRINGS = 8
};

/* ---- the arena ------------------------------------------------------------------------------- */

void *onnx_alloc(struct onnx_build *build, size_t count, size_t size) {
    void *block = NULL;
    if (build->block_count == build->block_room) {
        const size_t wider = build->block_room > 0 ? 2 * build->block_room : 256;
        void **moved = realloc(build->blocks, wider * sizeof *moved);
        if (moved != NULL) {
            build->blocks = moved;
            build->block_room = wider;
        }
    }
    if (build->block_count < build->block_room) {
        block = calloc(count > 0 ? count : 1, size);
    }
    if (block == NULL) {
        build->failed = 1;
    } else {
        build->blocks[build->block_count++] = block;
    }
    return block;
}

static char *copy(struct onnx_build *build, const char *text) {
    char *to = text != NULL ? onnx_alloc(build, strlen(text) + 1, 1) : NULL;
    if (to != NULL) {
        memcpy(to, text, strlen(text) + 1);
    }
    return to;
}

char *onnx_name(struct onnx_build *build, const char *wanted) {
    char text[ONNX_NAME + 32];
    json_t *last = json_object_get(build->names, wanted);
    json_int_t number = json_integer_value(last);
    snprintf(text, sizeof text, "%s", wanted);
    if (last != NULL) {
        do {
            snprintf(text, sizeof text, "%.*s_%lld", ONNX_NAME, wanted, (long long)++number);
        } while (json_object_get(build->names, text) != NULL);
        json_integer_set(last, number);
    }
    if (json_object_set_new(build->names, text, json_integer(0)) != 0) {
        build->failed = 1; /* of memory, or because it is no UTF-8 */
    }
    return copy(build, text);
}

/* "scope/what" */
static char *scoped(struct onnx_build *build, const char *what) {
    char text[ONNX_NAME];
    snprintf(text, sizeof text, "%.100s%s%.40s", build->scope, what != NULL ? "/" : "",
             what != NULL ? what : "");
    return onnx_name(build, text);
}

/* Room for one more pointer in an array of the arena; NULL: memory is out. */
static void **grow(struct onnx_build *build, void *items, size_t count, size_t *room) {
    if (count < *room) {
        return items;
    }
    const size_t wider = *room > 0 ? 2 * *room : 64;
    void **moved = onnx_alloc(build, wider, sizeof *moved);
    if (moved != NULL && count > 0) {
        memcpy(moved, items, count * sizeof *moved);
    }
    *room = moved != NULL ? wider : *room;
    return moved;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

Onnx__NodeProto *onnx_node(struct onnx_build *build, const char *op, const char *what,
                           const char *const *inputs) {
    size_t count = 0;
    while (inputs[count] != NULL) {
        count++;
    }
    Onnx__NodeProto *node = onnx_alloc(build, 1, sizeof *node);
    char **names = onnx_alloc(build, count, sizeof *names);
    void **nodes = grow(build, build->graph.node, build->graph.n_node, &build->node_room);
    if (node == NULL || names == NULL || nodes == NULL) {
        return NULL;
    }
    onnx__node_proto__init(node);
    node->attribute = onnx_alloc(build, ATTRIBUTES, sizeof *node->attribute);
    node->output = onnx_alloc(build, OUTPUTS, sizeof *node->output);
    for (size_t i = 0; i < count; i++) {
        names[i] = copy(build, inputs[i]);
    }
    node->input = names;
    node->n_input = count;
    node->op_type = copy(build, op);
    node->name = scoped(build, what);
    if (build->failed) {
        return NULL;
    }
    build->graph.node = (Onnx__NodeProto **)nodes;
    build->graph.node[build->graph.n_node++] = node;
    return node;
}

void onnx_add_output(struct onnx_build *build, Onnx__NodeProto *node, const char *what) {
    if (node != NULL && node->n_output < OUTPUTS) {
        char *name = what[0] == '\0' ? copy(build, "") : scoped(build, what);
        if (name != NULL) {
            node->output[node->n_output++] = name;
        }
    }
}

const char *onnx_output(const Onnx__NodeProto *node, size_t i) {
    return node != NULL && i < node->n_output ? node->output[i] : NULL;
}

const char *onnx_op(struct onnx_build *build, const char *op, const char *a, const char *b,
                    const char *c) {
    const char *const inputs[] = {a, b, c, NULL};
    Onnx__NodeProto *node = a != NULL && !build->failed ? onnx_node(build, op, op, inputs) : NULL;
    if (node != NULL) {
        char what[48];
        snprintf(what, sizeof what, "%.32s_output", op);
        onnx_add_output(build, node, what);
    }
    return onnx_output(node, 0);
}

static Onnx__AttributeProto *add_attribute(struct onnx_build *build, Onnx__NodeProto *node,
                                           const char *name, int type) {
    Onnx__AttributeProto *attribute = node != NULL ? onnx_alloc(build, 1, sizeof *attribute) : NULL;
    if (attribute == NULL || node->n_attribute == ATTRIBUTES) {
        build->failed = 1;
        return NULL;
    }
    onnx__attribute_proto__init(attribute);
    attribute->name = copy(build, name);
    attribute->has_type = 1;
    attribute->type = type;
    node->attribute[node->n_attribute++] = attribute;
    return attribute;
}

void onnx_int(struct onnx_build *build, Onnx__NodeProto *node, const char *name, int64_t value) {
    Onnx__AttributeProto *attribute = add_attribute(build, node, name, TYPE_INT);
    if (attribute != NULL) {
        attribute->has_i = 1;
        attribute->i = value;
    }
}

void onnx_float(struct onnx_build *build, Onnx__NodeProto *node, const char *name, float value) {
    Onnx__AttributeProto *attribute = add_attribute(build, node, name, TYPE_FLOAT);
    if (attribute != NULL) {
        attribute->has_f = 1;
        attribute->f = value;
    }
}

static ProtobufCBinaryData bytes_of(struct onnx_build *build, const char *text) {
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)copy(build, text)};
}

void onnx_text(struct onnx_build *build, Onnx__NodeProto *node, const char *name,
               const char *value) {
    Onnx__AttributeProto *attribute = add_attribute(build, node, name, TYPE_STRING);
    if (attribute != NULL) {
        attribute->has_s = 1;
        attribute->s = bytes_of(build, value);
    }
}

void onnx_ints(struct onnx_build *build, Onnx__NodeProto *node, const char *name, size_t count,
               const int64_t *values) {
    Onnx__AttributeProto *attribute = add_attribute(build, node, name, TYPE_INTS);
    int64_t *to = attribute != NULL ? onnx_alloc(build, count, sizeof *to) : NULL;
    if (to != NULL) {
        memcpy(to, values, count * sizeof *to);
        attribute->ints = to;
        attribute->n_ints = count;
    }
}

void onnx_floats(struct onnx_build *build, Onnx__NodeProto *node, const char *name, size_t count,
                 const float *values) {
    Onnx__AttributeProto *attribute = add_attribute(build, node, name, TYPE_FLOATS);
    float *to = attribute != NULL ? onnx_alloc(build, count, sizeof *to) : NULL;
    if (to != NULL) {
        memcpy(to, values, count * sizeof *to);
        attribute->floats = to;
        attribute->n_floats = count;
    }
}

void onnx_texts(struct onnx_build *build, Onnx__NodeProto *node, const char *name, size_t count,
                const char *const *values) {
    Onnx__AttributeProto *attribute = add_attribute(build, node, name, TYPE_STRINGS);
    ProtobufCBinaryData *to = attribute != NULL ? onnx_alloc(build, count, sizeof *to) : NULL;
    for (size_t i = 0; to != NULL && i < count; i++) {
        to[i] = bytes_of(build, values[i]);
        attribute->strings = to;
        attribute->n_strings = i + 1;
    }
}

/* ---- initializers ---------------------------------------------------------------------------- */

/* *data holds the elements, of `item` bytes each. */
static const char *add_initializer(void **data, struct onnx_build *build, const char *what,
                                   int type, size_t item, int rank, const int64_t *shape) {
    Onnx__TensorProto *tensor = onnx_alloc(build, 1, sizeof *tensor);
    int64_t *dims = onnx_alloc(build, (size_t)rank, sizeof *dims);
    void **all =
        grow(build, build->graph.initializer, build->graph.n_initializer, &build->initializer_room);
    size_t count = 1;
    *data = NULL;
    for (int i = 0; i < rank; i++) {
        count *= (size_t)shape[i];
    }
    void *bytes = onnx_alloc(build, count, item);
    if (tensor == NULL || dims == NULL || all == NULL || bytes == NULL) {
        return NULL;
    }
    onnx__tensor_proto__init(tensor);
    for (int i = 0; i < rank; i++) {
        dims[i] = shape[i];
    }
    tensor->dims = dims;
    tensor->n_dims = (size_t)rank;
    tensor->has_data_type = 1;
    tensor->data_type = type;
    tensor->has_raw_data = 1;
    tensor->raw_data = (ProtobufCBinaryData){.len = count * item, .data = bytes};
    tensor->name = scoped(build, what);
    build->graph.initializer = (Onnx__TensorProto **)all;
    build->graph.initializer[build->graph.n_initializer++] = tensor;
    *data = bytes;
    return tensor->name;
}

const char *onnx_weights(float **data, struct onnx_build *build, const char *what, int rank,
                         const int64_t *shape) {
    void *bytes;
    const char *name = add_initializer(&bytes, build, what, ONNX_FLOAT, sizeof(float), rank, shape);
    *data = bytes;
    return name;
}

const char *onnx_scalar(struct onnx_build *build, const char *what, float value) {
    float *data;
    const char *name = onnx_weights(&data, build, what, 0, NULL);
    if (data != NULL) {
        *data = value;
    }
    return name;
}

const char *onnx_list(struct onnx_build *build, const char *what, size_t count,
                      const int64_t *values) {
    void *data;
    const int64_t shape[1] = {(int64_t)count};
    const char *name =
        add_initializer(&data, build, what, ONNX_INT64, sizeof(int64_t), count > 0 ? 1 : 0, shape);
    if (data != NULL) {
        memcpy(data, values, (count > 0 ? count : 1) * sizeof *values);
    }
    return name;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static Onnx__TensorShapeProto__Dimension *dimension(struct onnx_build *build, int64_t extent,
                                                    const char *name) {
    Onnx__TensorShapeProto__Dimension *out = onnx_alloc(build, 1, sizeof *out);
    if (out != NULL) {
        onnx__tensor_shape_proto__dimension__init(out);
        out->has_dim_value = extent > 0;
        out->dim_value = extent;
        out->dim_param = extent > 0 ? NULL : copy(build, name);
    }
    return out;
}

void onnx_port(struct onnx_build *build, int is_output, const char *name, int type, int rank,
               const int64_t *shape, const char *const *names) {
    Onnx__ValueInfoProto *port = onnx_alloc(build, 1, sizeof *port);
    Onnx__TypeProto *kind = onnx_alloc(build, 1, sizeof *kind);
    Onnx__TypeProto__Tensor *tensor = onnx_alloc(build, 1, sizeof *tensor);
    Onnx__TensorShapeProto *extents = onnx_alloc(build, 1, sizeof *extents);
    Onnx__TensorShapeProto__Dimension **dims = onnx_alloc(build, (size_t)rank, sizeof *dims);
    Onnx__ValueInfoProto **ports = onnx_alloc(build, 1, sizeof *ports);
    if (build->failed) {
        return;
    }
    onnx__value_info_proto__init(port);
    onnx__type_proto__init(kind);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(extents);
    for (int axis = 0; axis < rank; axis++) {
        dims[axis] = dimension(build, shape[axis], names[axis]);
    }
    extents->dim = dims;
    extents->n_dim = build->failed ? 0 : (size_t)rank;
    tensor->has_elem_type = 1;
    tensor->elem_type = type;
    tensor->shape = extents;
    kind->tensor_type = tensor;
    port->name = copy(build, name);
    port->type = kind;
    ports[0] = port;
    if (is_output) {
        build->graph.output = ports;
        build->graph.n_output = 1;
    } else {
        build->graph.input = ports;
        build->graph.n_input = 1;
    }
}

void onnx_build_start(struct onnx_build *build) {
    *build = (struct onnx_build){.scope = ""};
    onnx__model_proto__init(&build->model);
    onnx__graph_proto__init(&build->graph);
    build->names = json_object();
    build->failed = build->names == NULL;
    Onnx__OperatorSetIdProto *opset = onnx_alloc(build, 1, sizeof *opset);
    Onnx__OperatorSetIdProto **opsets = onnx_alloc(build, 1, sizeof *opsets);
    if (build->failed) {
        return;
    }
    onnx__operator_set_id_proto__init(opset);
    opset->domain = copy(build, "");
    opset->has_version = 1;
    opset->version = ONNX_OPSET;
    opsets[0] = opset;
    build->model.opset_import = opsets;
    build->model.n_opset_import = 1;
    build->model.has_ir_version = 1;
    build->model.ir_version = ONNX_IR;
    build->model.producer_name = copy(build, "clrnn");
    build->model.producer_version = copy(build, clrnn_version());
    build->model.graph = &build->graph;
    build->graph.name = copy(build, "clrnn");
}

void onnx_build_free(struct onnx_build *build) {
    for (size_t i = 0; i < build->block_count; i++) {
        free(build->blocks[i]);
    }
    free(build->blocks);
    json_decref(build->names);
    *build = (struct onnx_build){0};
}

clrnn_status onnx_build_pack(unsigned char **out, size_t *size, struct onnx_build *build) {
    clrnn_status status = CLRNN_STATUS_OK;
    unsigned char *bytes = NULL;
    REQUIRE(!build->failed, MEMORY, "onnx: out of memory for the model");
    for (size_t i = 0; bytes_host_is_big() && i < build->graph.n_initializer; i++) {
        const Onnx__TensorProto *tensor = build->graph.initializer[i];
        const size_t item = tensor->data_type == ONNX_FLOAT ? sizeof(float) : sizeof(int64_t);
        bytes_swap(tensor->raw_data.data, tensor->raw_data.len / item, item);
    }
    const size_t wanted = onnx__model_proto__get_packed_size(&build->model);
    REQUIRE(wanted <= INT32_MAX, FORMAT,
            "onnx: a model must take at most %d bytes, as every protobuf message, got %zu",
            INT32_MAX, wanted);
    bytes = malloc(wanted);
    REQUIRE(bytes != NULL, MEMORY, "onnx: out of memory for %zu bytes", wanted);
    *size = onnx__model_proto__pack(&build->model, bytes);
    *out = bytes;
out:
    return status;
}

#else
typedef int onnx_write_build_without_protobuf;
#endif
