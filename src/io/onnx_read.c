/*
 * onnx_read.c: ONNX models, from bytes to a graph.
 *
 * protobuf-c parses the bytes with memory that is limited by their number: a file of empty messages
 * would ask for a hundred times its size. Subgraphs are not parsed at all (onnx.proto), so that
 * nothing nests deeper than the schema.
 */
#include "io/onnx_read.h"

#include "io/arrays.h"
#include "io/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- probe ----------------------------------------------------------------------------------- */

/* Writers put fields in order, and a model without its ir_version is not valid. */
int onnx_probe(const unsigned char *bytes, size_t size) {
    enum { IR_VERSION_TAG = 0x08, MOST_VERSION = 64 };
    /* Behind it: producer's name and version, domain, model version, text, graph, opsets, metadata. */
    static const unsigned char next[] = {0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72};
    return size >= 4 && bytes[0] == IR_VERSION_TAG && bytes[1] >= 1 && bytes[1] <= MOST_VERSION &&
           memchr(next, bytes[2], sizeof next) != NULL;
}

#ifndef WITH_PROTOBUF

clrnn_status onnx_read(struct graph **out, const unsigned char *bytes, size_t size,
                       const char *path) {
    char label[ARRAYS_LABEL];
    (void)bytes;
    (void)size;
    *out = NULL;
    return status_fail(CLRNN_STATUS_UNSUPPORTED, 0,
                       "%s: needs protobuf-c, which this build is without",
                       arrays_label(label, path, NULL));
}

#else

/* ---- memory of the parser -------------------------------------------------------------------- */

struct purse {
    size_t left;
    int is_empty;   /* more was asked for than the file's size allows */
    int has_failed; /* the system had no more */
};

static void *purse_alloc(void *data, size_t size) {
    struct purse *purse = data;
    if (size > purse->left) {
        purse->is_empty = 1;
        return NULL;
    }
    void *memory = malloc(size > 0 ? size : 1);
    purse->has_failed |= memory == NULL;
    purse->left -= memory != NULL ? size : 0;
    return memory;
}

static void purse_free(void *data, void *memory) {
    (void)data;
    free(memory);
}

/* ---- what comes in --------------------------------------------------------------------------- */

static clrnn_status find_opset(struct onnx_reader *reader, const Onnx__ModelProto *model) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { OLDEST = 7, NEWEST = 22 };
    int found = 0;
    for (size_t i = 0; i < model->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *set = model->opset_import[i];
        if (set->domain == NULL || set->domain[0] == '\0' || strcmp(set->domain, "ai.onnx") == 0) {
            REQUIRE(!found || set->version == reader->opset, FORMAT,
                    "%s: asks for opset %lld and opset %lld", reader->label,
                    (long long)reader->opset, (long long)set->version);
            reader->opset = set->version;
            found = 1;
        }
    }
    REQUIRE(found, FORMAT, "%s: does not say its opset", reader->label);
    REQUIRE(reader->opset >= OLDEST && reader->opset <= NEWEST, FORMAT,
            "%s: opset %lld is not supported, %d to %d are", reader->label,
            (long long)reader->opset, OLDEST, NEWEST);
out:
    return status;
}

static clrnn_status read_initializers(struct onnx_reader *reader) {
    clrnn_status status = CLRNN_STATUS_OK;
    clrnn_tensor tensor = {0};
    for (size_t i = 0; i < reader->proto->n_initializer; i++) {
        const Onnx__TensorProto *proto = reader->proto->initializer[i];
        struct onnx_name *name = onnx_names_find(&reader->names, proto->name);
        REQUIRE(name != NULL, FORMAT, "%s: initializer %zu has no name", reader->label, i);
        TRY(onnx_tensor_read(&tensor, proto, reader->label, proto->name));
        TRY(graph_own_constant(&name->value, reader->graph, proto->name, &tensor));
        tensor.data = NULL;
    }
out:
    free(tensor.data);
    return status;
}

static clrnn_status shape_port(struct onnx_reader *reader, struct graph_port *port,
                               const Onnx__ValueInfoProto *proto) {
    clrnn_status status = CLRNN_STATUS_OK;
    const Onnx__TypeProto__Tensor *type = proto->type != NULL ? proto->type->tensor_type : NULL;
    REQUIRE(type != NULL, FORMAT, "%s: input '%.80s' must be a tensor", reader->label, port->name);
    TRY(onnx_dtype(&port->dtype, type->has_elem_type ? type->elem_type : 0, reader->label,
                   port->name));
    if (type->shape == NULL) {
        goto out; /* any rank */
    }
    REQUIRE(type->shape->n_dim <= CLRNN_MAX_RANK, FORMAT,
            "%s: input '%.80s' may have %d axes, got %zu", reader->label, port->name,
            CLRNN_MAX_RANK, type->shape->n_dim);
    port->rank = (int)type->shape->n_dim;
    for (int axis = 0; axis < port->rank; axis++) {
        const Onnx__TensorShapeProto__Dimension *dim = type->shape->dim[axis];
        const int is_known = dim->has_dim_value && dim->dim_value > 0;
        port->shape[axis] = is_known ? dim->dim_value : -1; /* some exporters write 0 or -1 */
    }
out:
    return status;
}

static clrnn_status read_inputs(struct onnx_reader *reader) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph *graph = reader->graph;
    for (size_t i = 0; i < reader->proto->n_input; i++) {
        const Onnx__ValueInfoProto *proto = reader->proto->input[i];
        struct onnx_name *name = onnx_names_find(&reader->names, proto->name);
        REQUIRE(name != NULL, FORMAT, "%s: input %zu has no name", reader->label, i);
        if (name->value == ONNX_LATER) { /* else an initializer, a constant here */
            TRY(graph_add_input(&name->value, graph, proto->name));
            TRY(shape_port(reader, &graph->inputs[graph->input_count - 1], proto));
        }
    }
out:
    return status;
}

static clrnn_status read_outputs(struct onnx_reader *reader) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct graph *graph = reader->graph;
    REQUIRE(reader->proto->n_output > 0, FORMAT, "%s: gives no output", reader->label);
    for (size_t i = 0; i < reader->proto->n_output; i++) {
        const Onnx__ValueInfoProto *proto = reader->proto->output[i];
        const Onnx__TypeProto__Tensor *type = proto->type != NULL ? proto->type->tensor_type : NULL;
        const char *text = proto->name != NULL ? proto->name : "";
        struct onnx_name *name = onnx_names_find(&reader->names, text);
        REQUIRE(name != NULL && name->value != ONNX_LATER, FORMAT,
                "%s: nothing gives the output '%.80s'", reader->label, text);
        REQUIRE(name->value != ONNX_NO_MASK, FORMAT,
                "%s: output '%.80s' is the mask of a Dropout, which is not supported",
                reader->label, text);
        REQUIRE(!name->is_output, FORMAT, "%s: output '%.80s' is listed twice", reader->label,
                text);
        name->is_output = 1;
        TRY(graph_add_output(graph, text, name->value));
        if (type != NULL && type->has_elem_type) {
            TRY(onnx_dtype(&graph->outputs[i].dtype, type->elem_type, reader->label, text));
        }
    }
out:
    return status;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static clrnn_status find_op(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    const Onnx__NodeProto *proto = node->proto;
    const char *type = proto->op_type != NULL ? proto->op_type : "";
    const char *domain = proto->domain != NULL ? proto->domain : "";
    const int is_control =
        strcmp(type, "If") == 0 || strcmp(type, "Loop") == 0 || strcmp(type, "Scan") == 0;
    REQUIRE(domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0, FORMAT,
            "%s: is of the domain '%.60s', only ops of ONNX itself are supported", node->label,
            domain);
    REQUIRE(!is_control, FORMAT, "%s: has graphs within, which is not supported", node->label);
    node->op = onnx_op_find(type);
    REQUIRE(node->op != NULL, FORMAT, "%s: the op %.60s is not supported", node->label, type);
    REQUIRE(node->op->since <= node->reader->opset, FORMAT,
            "%s: the op %.60s is of opset %d, the model of opset %lld", node->label, type,
            node->op->since, (long long)node->reader->opset);
out:
    return status;
}

static clrnn_status find_inputs(struct onnx_node *node) {
    clrnn_status status = CLRNN_STATUS_OK;
    enum { MOST = 1 << 24 };
    const struct onnx_op *op = node->op;
    const size_t count = node->proto->n_input;
    REQUIRE(count < MOST && node->proto->n_output < MOST, FORMAT,
            "%s: has %zu inputs and %zu outputs", node->label, count, node->proto->n_output);
    node->inputs = calloc(count + 1, sizeof *node->inputs);
    REQUIRE(node->inputs != NULL, MEMORY, "%s: out of memory for %zu inputs", node->label, count);
    for (int i = 0; i < (int)count; i++) {
        const char *text = node->proto->input[i];
        node->inputs[i] = -1;
        if (text[0] != '\0') {
            const struct onnx_name *name = onnx_names_find(&node->reader->names, text);
            REQUIRE(name != NULL, FORMAT, "%s: nothing gives its input '%.80s'", node->label, text);
            REQUIRE(name->value != ONNX_LATER, FORMAT,
                    "%s: its input '%.80s' is given by a node that does not stand before it",
                    node->label, text);
            REQUIRE(name->value != ONNX_NO_MASK, FORMAT,
                    "%s: its input '%.80s' is the mask of a Dropout, which is not supported",
                    node->label, text);
            node->inputs[i] = name->value;
            node->input_count = i + 1;
        }
    }
    REQUIRE(op->most < 0 || node->input_count <= op->most, FORMAT,
            "%s: takes at most %d inputs, got %d", node->label, op->most, node->input_count);
    const int needed =
        op->most < 0 && node->input_count > op->needed ? node->input_count : op->needed;
    for (int i = 0; i < needed; i++) {
        REQUIRE(onnx_input(node, i) >= 0, FORMAT, "%s: needs input %d, which is left out",
                node->label, i);
    }
    REQUIRE(node->proto->n_output >= 1 &&
                (op->outputs < 0 || node->proto->n_output <= (size_t)op->outputs),
            FORMAT, "%s: gives 1 to %d outputs, got %zu", node->label, op->outputs,
            node->proto->n_output);
    node->output_count = (int)node->proto->n_output;
out:
    return status;
}

static clrnn_status read_node(struct onnx_reader *reader, const Onnx__NodeProto *proto) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct onnx_node node = {.reader = reader, .proto = proto};
    const char *output = proto->n_output > 0 ? proto->output[0] : "";
    node.name = proto->name != NULL && proto->name[0] != '\0' ? proto->name : output;
    snprintf(node.label, sizeof node.label, "%.120s: %.30s '%.80s'", reader->label,
             proto->op_type != NULL ? proto->op_type : "node", node.name);
    TRY(find_op(&node));
    TRY(find_inputs(&node));
    TRY(node.op->read(&node));
    TRY(onnx_attributes_done(&node));
out:
    free(node.inputs);
    return status;
}

/* ---- the model ------------------------------------------------------------------------------- */

static clrnn_status read_model(struct onnx_reader *reader, const Onnx__ModelProto *model) {
    clrnn_status status = CLRNN_STATUS_OK;
    REQUIRE(model->graph != NULL, FORMAT, "%s: holds no graph", reader->label);
    reader->proto = model->graph;
    TRY(find_opset(reader, model));
    TRY(graph_create(&reader->graph));
    TRY(onnx_names_make(&reader->names, reader->proto, reader->label));
    TRY(read_initializers(reader));
    TRY(read_inputs(reader));
    for (size_t i = 0; i < reader->proto->n_node; i++) {
        TRY(read_node(reader, reader->proto->node[i]));
    }
    TRY(read_outputs(reader));
    TRY(onnx_fuse(reader));
out:
    return status;
}

clrnn_status onnx_read(struct graph **out, const unsigned char *bytes, size_t size,
                       const char *path) {
    clrnn_status status = CLRNN_STATUS_OK;
    /* A node of an op with an attribute takes some 10 times its bytes as structs. */
    enum { PARSED = 32, FOLDED = 16, NETS = 16, WORK = 64, FREE = 1 << 20 };
    char label[ARRAYS_LABEL];
    struct purse purse = {.left = SIZE_MAX};
    ProtobufCAllocator allocator = {purse_alloc, purse_free, &purse};
    Onnx__ModelProto *model = NULL;
    struct onnx_reader reader = {.label = arrays_label(label, path, NULL)};
    *out = NULL;
    REQUIRE(size <= (SIZE_MAX - FREE) / WORK, FORMAT, "%s: is too large", label);
    purse.left = PARSED * size + FREE;
    reader.bytes_left = FOLDED * size + FREE;
    reader.work_left = WORK * size + FREE;
    reader.nets_left = NETS * size + FREE;
    model = onnx__model_proto__unpack(&allocator, size, bytes);
    REQUIRE(model != NULL || !purse.has_failed, MEMORY, "%s: out of memory", label);
    REQUIRE(model != NULL || !purse.is_empty, FORMAT,
            "%s: its %zu bytes ask for more than %d times as much memory", label, size, PARSED);
    REQUIRE(model != NULL, FORMAT, "%s: is no ONNX model, or only a part of one", label);
    status = read_model(&reader, model);
    /* A graph, a net or an op that refuses what it is told: the file told it. */
    REQUIRE(status == CLRNN_STATUS_OK || status == CLRNN_STATUS_FORMAT ||
                status == CLRNN_STATUS_MEMORY,
            FORMAT, "%s: %s", label, clrnn_last_error()->message);
    TRY(status);
    *out = reader.graph;
    reader.graph = NULL;
out:
    onnx_names_free(&reader.names);
    graph_free(reader.graph);
    if (model != NULL) {
        onnx__model_proto__free_unpacked(model, &allocator);
    }
    return status;
}

#endif
