/*
 * test_onnx_refusals.c: ONNX files that are wrong or say what is not supported. Each is a good model
 * with one thing changed; what is wrong stands in the message.
 */
#include "files.h"
#include "suites.h"

#include "io/arrays.h"
#include "io/onnx.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef WITH_PROTOBUF

#include "onnx.pb-c.h"

#define FOLDER "tests/data/onnx/"

/* ---- models to be changed -------------------------------------------------------------------- */

static char *text_of(const char *text) {
    char *copy = malloc(strlen(text) + 1);
    strcpy(copy, text);
    return copy;
}

/* Takes the place of a text of protobuf's, which may be its own empty one. */
static void say(char **place, const char *text) {
    if (*place != NULL && *place != (char *)protobuf_c_empty_string) {
        free(*place);
    }
    *place = text_of(text);
}

/* One more item at the end of a list of pointers. */
static void append(void *list_at, size_t *count, void *item) {
    void **list;
    memcpy(&list, list_at, sizeof list);
    list = realloc(list, (*count + 1) * sizeof *list);
    list[(*count)++] = item;
    memcpy(list_at, &list, sizeof list);
}

static Onnx__ModelProto *load(const char *name) {
    char path[160];
    size_t size;
    snprintf(path, sizeof path, FOLDER "%s", name);
    unsigned char *bytes = read_whole(path, &size);
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, bytes);
    ck_assert_ptr_nonnull(model);
    free(bytes);
    return model;
}

/* On memory of exactly the file's size. */
static clrnn_status read_bytes(const unsigned char *bytes, size_t size) {
    struct graph *graph = NULL;
    unsigned char *exact = malloc(size > 0 ? size : 1);
    memcpy(exact, bytes, size);
    const clrnn_status status = onnx_read(&graph, exact, size, "m.onnx");
    ck_assert((graph == NULL) == (status != CLRNN_STATUS_OK));
    graph_free(graph);
    free(exact);
    return status;
}

static unsigned char *pack(const Onnx__ModelProto *model, size_t *size) {
    unsigned char *bytes = malloc(onnx__model_proto__get_packed_size(model) + 1);
    *size = onnx__model_proto__pack(model, bytes);
    return bytes;
}

static clrnn_status read_model(const Onnx__ModelProto *model) {
    size_t size;
    unsigned char *bytes = pack(model, &size);
    const clrnn_status status = read_bytes(bytes, size);
    free(bytes);
    return status;
}

static Onnx__AttributeProto *attribute(Onnx__NodeProto *node, const char *name, int32_t type) {
    Onnx__AttributeProto *added = malloc(sizeof *added);
    onnx__attribute_proto__init(added);
    added->name = text_of(name);
    added->has_type = type > 0;
    added->type = type;
    append(&node->attribute, &node->n_attribute, added);
    return added;
}

static void number(Onnx__NodeProto *node, const char *name, int64_t value) {
    Onnx__AttributeProto *added = attribute(node, name, 2);
    added->has_i = 1;
    added->i = value;
}

static void text(Onnx__NodeProto *node, const char *name, const char *value) {
    Onnx__AttributeProto *added = attribute(node, name, 3);
    added->has_s = 1;
    added->s.data = (uint8_t *)text_of(value);
    added->s.len = strlen(value);
}

static void drop_attribute(Onnx__NodeProto *node, const char *name) {
    for (size_t i = 0; i < node->n_attribute; i++) {
        if (strcmp(node->attribute[i]->name, name) == 0) {
            onnx__attribute_proto__free_unpacked(node->attribute[i], NULL);
            node->attribute[i] = node->attribute[--node->n_attribute];
            return;
        }
    }
    ck_abort_msg("no attribute %s", name);
}

static Onnx__TensorProto *find(Onnx__GraphProto *graph, const char *name) {
    for (size_t i = 0; i < graph->n_initializer; i++) {
        if (strcmp(graph->initializer[i]->name, name) == 0) {
            return graph->initializer[i];
        }
    }
    ck_abort_msg("no initializer %s", name);
    return NULL;
}

/* A node of one input (NULL: none) and one output, before or behind the others. */
static Onnx__NodeProto *add_node(Onnx__GraphProto *graph, int before, const char *op,
                                 const char *input, const char *output) {
    Onnx__NodeProto *node = malloc(sizeof *node);
    onnx__node_proto__init(node);
    node->op_type = text_of(op);
    node->name = text_of("added");
    if (input != NULL) {
        append(&node->input, &node->n_input, text_of(input));
    }
    append(&node->output, &node->n_output, text_of(output));
    append(&graph->node, &graph->n_node, node);
    if (before) {
        memmove(graph->node + 1, graph->node, (graph->n_node - 1) * sizeof *graph->node);
        graph->node[0] = node;
    }
    return node;
}

/* ---- one thing changed ------------------------------------------------------------------------ */

/* Of gru_bid_full.onnx: GRU 'node' (X, W, R, B, lens, initial_h) -> Y, Y_h; opset 14. */
#define CHANGE(name) static void name(Onnx__ModelProto *model)
#define GRAPH model->graph
#define NODE model->graph->node[0]

CHANGE(opset_old) {
    model->opset_import[0]->version = 6;
}
CHANGE(opset_new) {
    model->opset_import[0]->version = 23;
}
CHANGE(opset_missing) {
    say(&model->opset_import[0]->domain, "ai.onnx.ml");
}
CHANGE(no_graph) {
    onnx__graph_proto__free_unpacked(GRAPH, NULL);
    GRAPH = NULL;
}
CHANGE(domain) {
    say(&NODE->domain, "com.example");
}
CHANGE(op_unknown) {
    say(&NODE->op_type, "FancyRNN");
}
CHANGE(op_scan) {
    say(&NODE->op_type, "Scan");
}
CHANGE(op_if) {
    say(&NODE->op_type, "If");
}
CHANGE(op_later) {
    add_node(GRAPH, 0, "Gelu", "Y", "z");
}
CHANGE(attribute_unknown) {
    number(NODE, "output_sequence", 1);
}
CHANGE(attribute_twice) {
    number(NODE, "hidden_size", 4);
}
CHANGE(attribute_type) {
    drop_attribute(NODE, "hidden_size");
    text(NODE, "hidden_size", "4");
}
CHANGE(attribute_many) {
    for (int i = 0; i < 100; i++) {
        number(NODE, "noise", i);
    }
}
CHANGE(hidden_other) {
    drop_attribute(NODE, "hidden_size");
    number(NODE, "hidden_size", 5);
}
CHANGE(direction_bad) {
    drop_attribute(NODE, "direction");
    text(NODE, "direction", "sideways");
}
CHANGE(direction_single) {
    drop_attribute(NODE, "direction");
}
CHANGE(layout_bad) {
    number(NODE, "layout", 2);
}
CHANGE(layout_early) {
    model->opset_import[0]->version = 13;
    number(NODE, "layout", 0);
}
CHANGE(clip_nan) {
    Onnx__AttributeProto *clip = attribute(NODE, "clip", 1);
    clip->has_f = 1;
    clip->f = NAN;
}
static void activations(Onnx__NodeProto *node, int count, const char *name) {
    Onnx__AttributeProto *acts = attribute(node, "activations", 8);
    acts->strings = malloc((size_t)count * sizeof *acts->strings);
    acts->n_strings = (size_t)count;
    for (int i = 0; i < count; i++) {
        acts->strings[i].data = (uint8_t *)text_of(name);
        acts->strings[i].len = strlen(name);
    }
}
CHANGE(acts_few) {
    activations(NODE, 2, "Tanh");
}
CHANGE(acts_unknown) {
    activations(NODE, 4, "Tanhh");
}
CHANGE(acts_alpha) {
    activations(NODE, 4, "Tanh");
    Onnx__AttributeProto *alpha = attribute(NODE, "activation_alpha", 6);
    alpha->floats = calloc(1, sizeof *alpha->floats);
    alpha->n_floats = 1;
}
CHANGE(weight_input) {
    say(&find(GRAPH, "W")->name, "V");
    say(&NODE->input[1], "X");
}
CHANGE(weight_left_out) {
    say(&NODE->input[1], "");
}
CHANGE(weight_shape) {
    find(GRAPH, "W")->dims[1] = 6;
    find(GRAPH, "W")->dims[2] = 6;
}
CHANGE(weight_recurrent_shape) {
    find(GRAPH, "R")->dims[1] = 4;
    find(GRAPH, "R")->dims[2] = 12;
}
CHANGE(weight_directions) {
    find(GRAPH, "B")->dims[0] = 1;
    find(GRAPH, "B")->dims[1] = 48;
}
CHANGE(weight_whole) {
    find(GRAPH, "B")->data_type = 6;
}
CHANGE(tensor_negative) {
    find(GRAPH, "W")->dims[0] = -2;
}
CHANGE(tensor_huge) {
    find(GRAPH, "W")->dims[0] = INT64_MAX;
    find(GRAPH, "W")->dims[1] = INT64_MAX;
}
CHANGE(tensor_wrapped) { /* 2^62 2^2 of 0 is nothing, and 2^62 2^2 wraps round to nothing */
    find(GRAPH, "W")->dims[0] = INT64_C(1) << 62;
    find(GRAPH, "W")->dims[1] = 4;
    find(GRAPH, "W")->dims[2] = 0;
}
CHANGE(tensor_long) {
    find(GRAPH, "W")->dims[1]++;
}
CHANGE(tensor_typed) {
    find(GRAPH, "W")->has_raw_data = 0;
}
CHANGE(tensor_text) {
    find(GRAPH, "W")->data_type = 8;
}
CHANGE(tensor_type) {
    find(GRAPH, "W")->data_type = 77;
}
CHANGE(tensor_elsewhere) {
    find(GRAPH, "W")->has_data_location = 1;
    find(GRAPH, "W")->data_location = 1;
}
CHANGE(tensor_axes) {
    Onnx__TensorProto *w = find(GRAPH, "W");
    free(w->dims);
    w->n_dims = 9;
    w->dims = calloc(9, sizeof *w->dims);
}
CHANGE(tensor_nameless) {
    say(&find(GRAPH, "W")->name, "");
}
CHANGE(name_twice) {
    say(&find(GRAPH, "W")->name, "R");
}
CHANGE(name_of_input) {
    say(&NODE->output[1], "X");
}
CHANGE(name_of_output) {
    say(&NODE->output[1], "Y");
}
CHANGE(name_missing) {
    say(&NODE->input[4], "lenses");
}
CHANGE(order) {
    add_node(GRAPH, 1, "Tanh", "Y", "z");
}
CHANGE(cycle) {
    say(&NODE->input[5], "z");
    add_node(GRAPH, 0, "Tanh", "Y_h", "z");
}
CHANGE(itself) {
    say(&NODE->input[5], "Y_h");
}
CHANGE(inputs_many) {
    append(&NODE->input, &NODE->n_input, text_of("X"));
}
CHANGE(outputs_many) {
    append(&NODE->output, &NODE->n_output, text_of("Y_c"));
}
CHANGE(outputs_none) {
    NODE->n_output = 0;
}
CHANGE(output_unknown) {
    say(&GRAPH->output[0]->name, "Z");
}
CHANGE(output_twice) {
    say(&GRAPH->output[0]->name, "Y_h");
}
CHANGE(output_none) {
    GRAPH->n_output = 0;
}
CHANGE(input_text) {
    GRAPH->input[0]->type->tensor_type->elem_type = 8;
}
CHANGE(input_shapeless) {
    onnx__type_proto__free_unpacked(GRAPH->input[0]->type, NULL);
    GRAPH->input[0]->type = NULL;
}
CHANGE(mask_used) {
    Onnx__NodeProto *dropout = add_node(GRAPH, 0, "Dropout", "Y", "z");
    append(&dropout->output, &dropout->n_output, text_of("mask"));
    add_node(GRAPH, 0, "Not", "mask", "not");
}
CHANGE(mask_given) {
    Onnx__NodeProto *dropout = add_node(GRAPH, 0, "Dropout", "Y", "z");
    append(&dropout->output, &dropout->n_output, text_of("mask"));
    say(&GRAPH->output[0]->name, "mask");
}
CHANGE(training) {
    Onnx__NodeProto *dropout = add_node(GRAPH, 0, "Dropout", "Y", "z");
    append(&dropout->input, &dropout->n_input, text_of(""));
    append(&dropout->input, &dropout->n_input, text_of("lens"));
}
CHANGE(constant_text) {
    text(add_node(GRAPH, 0, "Constant", NULL, "z"), "value_string", "no");
}
CHANGE(constant_none) {
    add_node(GRAPH, 0, "Constant", NULL, "z");
}
CHANGE(concat_nowhere) {
    add_node(GRAPH, 0, "Concat", "Y", "z");
}
CHANGE(cast_text) {
    number(add_node(GRAPH, 0, "Cast", "Y", "z"), "to", 8);
}
CHANGE(cast_half) {
    number(add_node(GRAPH, 0, "Cast", "Y", "z"), "to", 10);
}
CHANGE(split_parts) {
    model->opset_import[0]->version = 18;
    number(add_node(GRAPH, 0, "Split", "Y", "z"), "num_outputs", 2);
}
CHANGE(fold_wrong) {
    add_node(GRAPH, 0, "Not", "W", "z");
}
CHANGE(fold_large) {
    Onnx__NodeProto *shape = add_node(GRAPH, 0, "Constant", NULL, "shape");
    Onnx__AttributeProto *list = attribute(shape, "value_ints", 7);
    list->n_ints = 2;
    list->ints = malloc(2 * sizeof *list->ints);
    list->ints[0] = list->ints[1] = 1 << 15;
    add_node(GRAPH, 0, "ConstantOfShape", "shape", "z");
}

static const struct {
    void (*change)(Onnx__ModelProto *model);
    const char *message;
} changes[] = {
    {opset_old, "m.onnx: opset 6 is not supported, 7 to 22 are"},
    {opset_new, "opset 23 is not supported"},
    {opset_missing, "does not say its opset"},
    {no_graph, "holds no graph"},
    {domain, "GRU 'node': is of the domain 'com.example'"},
    {op_unknown, "FancyRNN 'node': the op FancyRNN is not supported"},
    {op_scan, "Scan 'node': has graphs within"},
    {op_if, "If 'node': has graphs within"},
    {op_later, "Gelu is of opset 20, the model of opset 14"},
    {attribute_unknown, "GRU 'node': attribute output_sequence is not supported"},
    {attribute_twice, "attribute hidden_size is given twice"},
    {attribute_type, "attribute hidden_size must be INT, got STRING"},
    {attribute_many, "attribute noise is not supported"},
    {hidden_other, "hidden_size is 5, but R has 4 columns"},
    {direction_bad, "direction must be forward, reverse or bidirectional, got 'sideways'"},
    {direction_single, "R must be"},
    {layout_bad, "attribute layout must be 0 or 1, got 2"},
    {layout_early, "attribute layout is not supported"},
    {clip_nan, "clip must be a number above 0"},
    {acts_few, "needs 4 activations, got 2"},
    {acts_unknown, "the activation 'Tanhh' is not supported"},
    {acts_alpha, "activation_alpha has 1 numbers, its activations take 0"},
    {weight_input, "W must be an initializer or fold to a constant"},
    {weight_left_out, "needs input 1, which is left out"},
    {weight_shape, "W must be"},
    {weight_recurrent_shape, "R must be"},
    {weight_directions, "B must be"},
    {weight_whole, "B must be float32, got int32"},
    {tensor_negative, "W: axis 0 must be 0 or more, got -2"},
    {tensor_huge, "W: its shape is more than memory can hold"},
    {tensor_wrapped, "W: its shape is more than memory can hold"},
    {tensor_long, "W: its shape needs 312 bytes, got 288"},
    {tensor_typed, "W: its shape needs 72 numbers of FLOAT, got 0"},
    {tensor_text, "W: type 8, STRING, is not supported"},
    {tensor_type, "W: type 77, an unknown type, is not supported"},
    {tensor_elsewhere, "W: its data lies in another file"},
    {tensor_axes, "W: may have 8 axes, got 9"},
    {tensor_nameless, "has no name"},
    {name_twice, "the value 'R' is defined twice"},
    {name_of_input, "the value 'X' is defined twice"},
    {name_of_output, "the value 'Y' is defined twice"},
    {name_missing, "nothing gives its input 'lenses'"},
    {order, "its input 'Y' is given by a node that does not stand before it"},
    {cycle, "its input 'z' is given by a node that does not stand before it"},
    {itself, "its input 'Y_h' is given by a node that does not stand before it"},
    {inputs_many, "takes at most 6 inputs, got 7"},
    {outputs_many, "gives 1 to 2 outputs, got 3"},
    {outputs_none, "gives 1 to 2 outputs, got 0"},
    {output_unknown, "nothing gives the output 'Z'"},
    {output_twice, "output 'Y_h' is listed twice"},
    {output_none, "gives no output"},
    {input_text, "X: type 8, STRING, is not supported"},
    {input_shapeless, "input 'X' must be a tensor"},
    {mask_used, "its input 'mask' is the mask of a Dropout"},
    {mask_given, "output 'mask' is the mask of a Dropout"},
    {training, "training_mode must be false"},
    {constant_text, "attribute value_string is not supported"},
    {constant_none, "needs one value, got 0"},
    {concat_nowhere, "needs the attribute axis"},
    {cast_text, "to: type 8, STRING, is not supported"},
    {cast_half, "rounding to FLOAT16 is not supported"},
    {split_parts, "num_outputs is 2, but it has 1"},
    {fold_wrong, "Not 'added'"},
    {fold_large, "its constants may take"},
};

START_TEST(test_change) {
    Onnx__ModelProto *model = load("gru_bid_full.onnx");
    EXPECT_OK(read_model(model));
    const size_t nodes = model->graph->n_node, inputs = model->graph->node[0]->n_output;
    const size_t outputs = model->graph->n_output;
    changes[_i].change(model);
    expect_failure(read_model(model), CLRNN_STATUS_FORMAT, changes[_i].message);
    ck_assert(strncmp(clrnn_last_error()->message, "m.onnx: ", 8) == 0);
    if (model->graph != NULL && model->graph->n_node == nodes) { /* what was hidden is freed, too */
        Onnx__NodeProto *node = model->graph->node[0];
        node->n_output = node->n_output < inputs ? inputs : node->n_output;
        model->graph->n_output = outputs;
    }
    for (size_t i = 0; model->graph != NULL && i < model->graph->n_initializer; i++) {
        Onnx__TensorProto *tensor = model->graph->initializer[i];
        tensor->has_raw_data = tensor->raw_data.data != NULL;
    }
    onnx__model_proto__free_unpacked(model, NULL);
}
END_TEST

#endif

/* ---- probe ----------------------------------------------------------------------------------- */

START_TEST(test_probe) {
    static const struct {
        const char *bytes;
        int is_model;
    } cases[] = {{"\x08\x08:\x05", 1}, {"\x08\x0a\x12\x03", 1}, {"\x08\x08:", 0},
                 {"\x08\x7f:\x05", 0}, {"{\"a\"", 0},           {"\x93NUM", 0},
                 {"PK\x03\x04", 0},    {"\x08\x08\x07\x05", 0}, {"\n\x08:\x05", 0},
                 {"2.5 3.5", 0},       {"\x80\x02}q\x01", 0}};
    for (int i = 0; i < COUNT(cases); i++) {
        const size_t size = strlen(cases[i].bytes);
        ck_assert_msg(onnx_probe((const unsigned char *)cases[i].bytes, size) == cases[i].is_model,
                      "case %d", i);
    }
}
END_TEST

Suite *onnx_refusals_suite(void) {
    Suite *suite = suite_create("onnx_refusals");
    TCase *refusals = tcase_create("refusals");
    tcase_add_test(refusals, test_probe);
#ifdef WITH_PROTOBUF
    tcase_add_loop_test(refusals, test_change, 0, COUNT(changes));
#endif
    suite_add_tcase(suite, refusals);
    return suite;
}
