/*
 * test_keras_refusals.c: Keras models that are not read, and what messages say of them; files that are cut
 * or changed, or hold more than their configs say (tests/tools/make_keras_surplus.py makes them). Configs stand alone here, with zeros for weights.
 */
#include "files.h"
#include "suites.h"

#include "io/json_text.h"
#include "io/keras.h"
#include "io/keras_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ' stands for " in all of these. */
#define INPUT "{'class_name':'InputLayer','config':{'name':'in','batch_shape':[null,7,4]}}"
#define IDS                                                                                        \
    "{'class_name':'InputLayer','config':{'name':'in','batch_shape':[null,7],'dtype':'int32'}}"
/* A model whose input is of a dtype; shape: what is behind the batch. */
#define FROM(dtype, shape, layers)                                                                 \
    MODEL("Sequential",                                                                            \
          "{'class_name':'InputLayer','config':{'name':'in','batch_shape':[null," shape            \
          "],'dtype':'" dtype "'}}," layers,                                                       \
          "")
#define MODEL(type, layers, more)                                                                  \
    "{'class_name':'" type "','config':{'name':'m','layers':[" layers "]" more "}}"
#define LINE(layers) MODEL("Sequential", INPUT "," layers, "")
#define LAYER(type, config) "{'class_name':'" type "','config':{'name':'it'," config "}}"
#define LSTM(config) LAYER("LSTM", "'units':3," config)
#define BOTH(config) LAYER("Bidirectional", "'merge_mode':'concat'," config)

/* A functional model: each layer with its calls. */
#define CALL(type, name, config, nodes)                                                            \
    "{'class_name':'" type "','name':'" name "','config':{'name':'" name "'" config                \
    "},'inbound_nodes':[" nodes "]}"
#define TENSOR(name, output)                                                                       \
    "{'class_name':'__keras_tensor__','config':{'keras_history':['" name "',0," output "]}}"
#define OF(name, options) "{'args':[" TENSOR(name, "0") "],'kwargs':{" options "}}"
#define WEB(layers, last)                                                                          \
    MODEL("Functional", CALL("InputLayer", "in", ",'batch_shape':[null,7,4]", "") "," layers,      \
          ",'output_layers':[['" last "',0,0]]")

static const struct {
    const char *config, *says;
} refused[] = {
    {LINE(LAYER("Conv1D", "'filters':3")), "'it': is a Conv1D, which is not supported"},
    {LINE(LSTM("'new_option':1")), "option new_option is not known"},
    {LINE(LSTM("'return_state':true")), "return_state is not supported"},
    {LINE(LSTM("'time_major':true")), "time_major is not supported"},
    {LINE(LSTM("'dtype':'float16'")), "its dtype is not float32"},
    {LINE(LSTM("'dtype':{'class_name':'DTypePolicy','config':{'name':'mixed_float16'}}")),
     "its dtype is not float32 but mixed_float16"},
    {LINE(LSTM("'dtype':'float64'")), "its dtype is not float32 but float64"},
    {LINE(LSTM("'dtype':{'class_name':'QuantizedDTypePolicy','config':{'mode':'int8'}}")),
     "its dtype is not float32 but one without a name"},
    {LINE(BOTH("'layer':{'class_name':'GRU','config':{'units':2,'dtype':'bfloat16'}}")),
     "layer: its dtype is not float32 but bfloat16"},
    {LINE(LAYER("RNN", "'cell':{'class_name':'GRUCell','config':{'units':2,'dtype':'float64'}}")),
     "cell: its dtype is not float32 but float64"},
    {LINE(LAYER("Dropout", "'rate':0.5,'dtype':'float16'")), "its dtype is not float32"},
    {FROM("int32", "7,4", LSTM("'use_bias':true")),
     "'in': its dtype is int32, to which Keras would round x"},
    {FROM("float16", "7,4", LAYER("Masking", "'mask_value':0")), "its dtype is float16, to which"},
    {FROM("bfloat16", "7,4", LAYER("Dense", "'units':2")), "its dtype is bfloat16, to which"},
    {FROM("bool", "7,4", LSTM("'use_bias':true")), "'in': its dtype bool is not supported"},
    {FROM("string", "7", LAYER("Embedding", "'input_dim':5,'output_dim':2")),
     "its dtype string is not supported"},
    {FROM("int8", "7", LAYER("Embedding", "'input_dim':129,'output_dim':2")),
     "its input_dim is 129, and the int8 that go into it hold no id above 127"},
    {FROM("float16", "7", LAYER("Embedding", "'input_dim':2050,'output_dim':2")),
     "hold no id above 2048"},
    {LINE(LSTM("'activation':'sparsemax'")), "activation 'sparsemax' is not supported"},
    {LINE(LSTM("'activation':'softmax'")), "activation 'softmax' is not supported"},
    {LINE(LSTM("'recurrent_activation':{'class_name':'Mine','config':{}}")),
     "recurrent_activation is Mine, which is not supported"},
    {LINE(LSTM("'units':0")), "JSON"}, /* a key twice */
    {LINE(LAYER("GRU", "'units':0")), "units: expected an integer, 1 to 1048576, got 0"},
    {LINE(LAYER("GRU", "'units':'five'")), "units: expected an integer, 1 to 1048576, got 'five'"},
    {LINE(LAYER("GRU", "'units':2.5")), "units: expected an integer"},
    {LINE(LAYER("GRU", "'use_bias':true")), "units: expected an integer, 1 to 1048576, got none"},
    {LINE(LSTM("'use_bias':1")), "use_bias: expected true or false, got 1"},
    {LINE(LAYER("RNN", "'cell':{'class_name':'ConvLSTMCell','config':{'name':'c'}}")),
     "is a ConvLSTMCell, which is not supported"},
    {LINE(LAYER("RNN", "'cell':5")), "cell: is no layer"},
    {LINE(LAYER("RNN", "'cell':{'class_name':'StackedRNNCells','config':{'cells':[]}}")),
     "cells: has none"},
    {LINE(BOTH("'layer':{'class_name':'Dense','config':{'units':2}}")), "is a Dense"},
    {LINE(BOTH("'layer':{'class_name':'GRU','config':{'units':2}},"
               "'backward_layer':{'class_name':'GRU','config':{'units':2}}")),
     "one must go backwards"},
    {LINE(LAYER("Bidirectional",
                "'merge_mode':'max','layer':{'class_name':'GRU','config':{'units':2}}")),
     "merge_mode 'max' is not supported"},
    {LINE(LAYER("Bidirectional",
                "'merge_mode':'sum','layer':{'class_name':'GRU','config':{'units':2}},"
                "'backward_layer':{'class_name':'GRU','config':{'units':3,'go_backwards':true}}")),
     "joins 2 and 3 features"},
    {LINE(LAYER("Bidirectional", "'merge_mode':null,'layer':{'class_name':'GRU','config':{'units':"
                                 "2}}") "," LAYER("Dense", "'units':2")),
     "takes one input, gets two"},
    {LINE(LAYER("TimeDistributed", "'layer':{'class_name':'GRU','config':{'units':2}}")),
     "of a GRU is not supported"},
    {LINE(LAYER("Masking", "'mask_value':0") "," LAYER("Masking", "'mask_value':1")),
     "a Masking where a mask is already"},
    {LINE(LAYER("Masking", "'mask_value':0") "," LAYER("Softmax", "'axis':-1")),
     "a Softmax layer under a mask"},
    {LINE(LAYER("Softmax", "'axis':[1,2]")), "axis: expected one integer"},
    {LINE(LAYER("ReLU", "'max_value':6.0")), "max_value, negative_slope and threshold"},
    {LINE(LAYER("GRU", "'units':2") "," LAYER("GRU", "'units':2")),
     "takes sequences of 2 features"},
    {LINE(LAYER("Embedding", "'input_dim':5,'output_dim':2,'lora_rank':2")), "lora_rank"},
    {MODEL("Sequential", IDS "," LAYER("GRU", "'units':2"), ""), "takes numbers, gets integers"},
    {MODEL("Sequential", LAYER("GRU", "'units':2"), ""), "does not say what its input is"},
    {MODEL("Sequential",
           "{'class_name':'InputLayer','config':{'name':'in','batch_shape':[null,7,4,2]}}," LSTM(
               "'use_bias':true"),
           ""),
     "its input has 4 axes"},
    {MODEL("Sequential",
           "{'class_name':'InputLayer','config':{'name':'in','batch_shape':[null,7,4],'ragged':"
           "true}}",
           ""),
     "ragged is not supported"},
    {MODEL("Sequential", "", ""), "needs 1 to 1024 layers, got 0"},
    {MODEL("Mine", INPUT, ""), "is a Mine, Sequential and Functional models are supported"},
    {LINE(MODEL("Sequential", INPUT, "")), "is a Sequential, which is not supported"},
    {LINE("5"), "a layer without class_name"},
    {LINE("{'class_name':'GRU','config':[]}"), "a layer without class_name"},
    {"{'class_name':5}", "has no class_name"},
    {"{}", "has no class_name"},
    {"{'class_name':'Sequential','config':{'layers':{}}}", "layers"},
    {WEB(CALL("GRU", "a", ",'units':2", OF("b", "")) "," CALL("Dense", "b", ",'units':2",
                                                              OF("a", "")),
         "b"),
     "'a' does not take what the layer before it gives"},
    {WEB(CALL("GRU", "a", ",'units':2", OF("in", "'training':true")), "a"),
     "is called with training"},
    {WEB(CALL("GRU", "a", ",'units':2", OF("in", "'initial_state':" TENSOR("in", "0"))), "a"),
     "is called with initial_state"},
    {WEB(CALL("GRU", "a", ",'units':2", OF("in", "'mask':" TENSOR("in", "0"))), "a"),
     "is called with a mask of its own"},
    {WEB(CALL("GRU", "a", ",'units':2", OF("in", "") "," OF("in", "")), "a"), "is called 2 times"},
    {WEB(CALL("InputLayer", "second", ",'batch_shape':[null,3]", ""), "second"),
     "is a second input"},
    {WEB(CALL("GRU", "a", ",'units':2,'return_sequences':true",
              OF("in", "")) "," CALL("Dense", "b", ",'units':2", OF("a", "")),
         "a"),
     "its output is that of 'a', not of its last layer 'b'"},
    {WEB(CALL("Masking", "m", ",'mask_value':0.5", OF("in", "")) "," CALL(
             "NotEqual", "n", "",
             "{'args':[" TENSOR(
                 "in",
                 "0") ",0.25],'kwargs':{}}") "," CALL("Any", "y", ",'axis':-1,'keepdims':false",
                                                      OF("n",
                                                         "")) "," CALL("GRU", "a", ",'units':2",
                                                                       OF("m", "'mask':" TENSOR(
                                                                                   "y", "0"))),
         "a"),
     "is called with a mask of its own"},
    {WEB(CALL("Any", "y", ",'axis':-1", OF("in", "")), "y"), "an Any that makes no mask"},
    {WEB(CALL("Bidirectional", "a",
              ",'merge_mode':null,'layer':{'class_name':'GRU','config':{'units':2}}", OF("in", "")),
         "a"),
     "gives 1 outputs of its last layer, which has 2"},
};

static char *with_quotes(const char *text) {
    char *copy = strdup(text);
    ck_assert_ptr_nonnull(copy);
    for (char *at = copy; *at != '\0'; at++) {
        *at = *at == '\'' ? '"' : *at;
    }
    return copy;
}

static clrnn_status read_config(struct graph **graph, const char *text) {
    struct keras_file file = {.version = 3, .label = "model.keras"};
    clrnn_status status = json_text_read(&file.config, text, strlen(text), 64, "config.json");
    if (status == CLRNN_STATUS_OK) {
        status = keras_read_file(graph, &file);
    }
    keras_file_close(&file);
    return status;
}

START_TEST(is_refused_by_name) {
    struct graph *graph = NULL;
    char *text = with_quotes(refused[_i].config);
    ck_assert_int_eq(read_config(&graph, text), CLRNN_STATUS_FORMAT);
    ck_assert_msg(strstr(clrnn_last_error()->message, refused[_i].says) != NULL, "%s\nsays: %s",
                  text, clrnn_last_error()->message);
    ck_assert_ptr_null(graph);
    free(text);
}
END_TEST

/* The same shapes of config, without what is refused. */
static const char *const taken[] = {
    LINE(LSTM("'use_bias':true,'unroll':true,'dropout':0.5,'kernel_initializer':{'a':1}")),
    LINE(LAYER("Masking", "'mask_value':0") "," LAYER("GRU", "'units':2") "," LAYER("Softmax",
                                                                                    "'axis':-1")),
    MODEL("Sequential", IDS "," LAYER("Embedding", "'input_dim':5,'output_dim':2,'lora_rank':null"),
          ""),
    FROM("float64", "7,4",
         LSTM("'dtype':{'class_name':'DTypePolicy','config':{'name':'float32'}}")),
    FROM("float32", "7", LAYER("Embedding", "'input_dim':5,'output_dim':2,'dtype':null")),
    FROM("int8", "7", LAYER("Embedding", "'input_dim':128,'output_dim':2")),
    FROM("float16", "7", LAYER("Embedding", "'input_dim':2049,'output_dim':2")),
    WEB(CALL("Masking", "m", ",'mask_value':0.5", OF("in", "")) "," CALL(
            "NotEqual", "n", "",
            "{'args':[" TENSOR(
                "in",
                "0") ",0.5],'kwargs':{}}") "," CALL("Any", "y", ",'axis':-1,'keepdims':false",
                                                    OF("n",
                                                       "")) "," CALL("GRU", "a", ",'units':2",
                                                                     OF("m",
                                                                        "'training':false,'mask'"
                                                                        ":" TENSOR("y", "0"))),
        "a"),
    MODEL("Functional",
          "{'class_name':'InputLayer','name':'in','config':{'name':'in','batch_input_shape':"
          "[null,null,4]},'inbound_nodes':[]},{'class_name':'GRU','name':'g','config':{'name':'g',"
          "'units':2},'inbound_nodes':[[['in',0,0,{}]]]}",
          ",'output_layers':[['g',0,0]]"),
};

START_TEST(is_taken) {
    struct graph *graph = NULL;
    char *text = with_quotes(taken[_i]);
    ck_assert_msg(read_config(&graph, text) == CLRNN_STATUS_OK, "%s\nsays: %s", text,
                  clrnn_last_error()->message);
    graph_free(graph);
    free(text);
}
END_TEST

START_TEST(deep_json_is_refused) {
    enum { DEEP = 100000 };
    struct graph *graph = NULL;
    char *text = malloc(DEEP + 16);
    ck_assert_ptr_nonnull(text);
    strcpy(text, "{\"config\":");
    memset(text + 10, '[', DEEP);
    text[10 + DEEP] = '\0';
    ck_assert_int_eq(read_config(&graph, text), CLRNN_STATUS_FORMAT);
    ck_assert_ptr_nonnull(strstr(clrnn_last_error()->message, "nested"));
    free(text);
}
END_TEST

/* ---- files that hold more than their configs say --------------------------------------------- */

#define SURPLUS "tests/data/keras_surplus/"

static const struct {
    const char *file, *says; /* NULL: nothing is wrong */
} surplus[] = {
    {"layer.keras", "has the weight layers/dense/vars/0, which no layer of its config takes"},
    {"part.keras", "has the weight layers/simple_rnn/vars/0, which"},
    {"model.keras", "has the weight vars/0, which"},
    {"link.keras", "has the weight layers/simple_rnn/more, which"},
    {"loop.keras", "has too many groups at layers/again/again"},
    {"layer.h5", "has the weight model_weights/dense/dense/kernel:0, which"},
    {"unnamed.h5", "has the weight model_weights/lstm/more, which"},
    {"top.h5", "has the weight model_weights/top_level_model_weights/scale:0, which"},
    {"double.h5", "value 1 is 0.10000000000000001, which float32 does not hold"},
    {"large.h5", "value 1 is 1.0000000000000001e+300, which float32 does not hold"},
    {"beside.keras", NULL},
    {"beside.h5", NULL},
};

START_TEST(surplus_is_refused) {
    clrnn_model *model = NULL;
    char path[80];
    snprintf(path, sizeof path, SURPLUS "%s", surplus[_i].file);
    if (surplus[_i].says == NULL) {
        EXPECT_OK(clrnn_model_load(&model, path, NULL));
    } else {
        expect_failure(clrnn_model_load(&model, path, NULL), CLRNN_STATUS_FORMAT, surplus[_i].says);
        ck_assert_ptr_null(model);
    }
    clrnn_model_free(model);
}
END_TEST

/* ---- files that are damaged ------------------------------------------------------------------ */

static const char *const files[] = {"tests/data/keras_cases/functional.keras",
                                    "tests/data/keras_cases/keras2.h5",
                                    "tests/data/keras_cases/keras3_functional.h5",
                                    "tests/data/hdf5/latest.h5", "tests/data/hdf5/gzip.h5"};

/* On memory of exactly that size, so that a sanitizer sees a read past its end. */
static clrnn_status read_copy(const unsigned char *bytes, size_t size) {
    unsigned char *copy = malloc(size > 0 ? size : 1);
    struct graph *graph = NULL;
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, size);
    const clrnn_status status = keras_read(&graph, copy, size, "damaged");
    ck_assert((status == CLRNN_STATUS_OK) == (graph != NULL));
    graph_free(graph);
    free(copy);
    return status;
}

START_TEST(cut_is_refused) {
    size_t size;
    unsigned char *bytes = read_whole(files[_i], &size);
    ck_assert_int_eq(read_copy(bytes, size), CLRNN_STATUS_OK);
    for (size_t left = 0; left < size; left += 97) {
        ck_assert_msg(read_copy(bytes, left) == CLRNN_STATUS_FORMAT, "%s: %zu bytes are taken",
                      files[_i], left);
    }
    free(bytes);
}
END_TEST

/* Each byte in turn: a bit, all bits, or a large number from there on. Of archives, whose checksums keep
 * from libhdf5 what it does not survive; for an .h5 file the program has a child of its own (whole). */
START_TEST(changed_is_survived) {
    size_t size;
    unsigned char *bytes = read_whole(files[_i], &size);
    int refused_count = 0;
    for (size_t at = 0; at < size; at++) {
        unsigned char kept[8];
        const size_t length = at % 3 == 2 && size - at >= 8 ? 8 : 1;
        memcpy(kept, bytes + at, length);
        bytes[at] ^= (unsigned char)(at % 3 == 0 ? 1u << at / 3 % 8 : 0xff);
        if (length == 8) {
            memset(bytes + at, 0xff, length - at / 3 % 5);
        }
        const clrnn_status status = read_copy(bytes, size);
        ck_assert_msg(status == CLRNN_STATUS_OK || status == CLRNN_STATUS_FORMAT ||
                          status == CLRNN_STATUS_MEMORY,
                      "%s: byte %zu: %s", files[_i], at, clrnn_last_error()->message);
        refused_count += status != CLRNN_STATUS_OK;
        memcpy(bytes + at, kept, length);
    }
    ck_assert_int_gt(refused_count, 100); /* the bytes that matter are looked at */
    free(bytes);
}
END_TEST

Suite *keras_refusals_suite(void) {
    Suite *suite = suite_create("keras_refusals");
    TCase *configs = tcase_create("configs"), *damaged = tcase_create("damaged");
    tcase_add_loop_test(configs, is_refused_by_name, 0, COUNT(refused));
    tcase_add_loop_test(configs, is_taken, 0, COUNT(taken));
    tcase_add_test(configs, deep_json_is_refused);
    tcase_add_loop_test(configs, surplus_is_refused, 0, COUNT(surplus));
    tcase_add_loop_test(damaged, cut_is_refused, 0, COUNT(files));
    tcase_add_loop_test(damaged, changed_is_survived, 0, 1);
    suite_add_tcase(suite, configs);
    suite_add_tcase(suite, damaged);
    return suite;
}
