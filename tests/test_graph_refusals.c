/* test_graph_refusals.c: what the ops of a graph refuse, and with which words. */
#include "files.h"
#include "graph_cases.h"
#include "suite_cases.h"

#include <check.h>
#include <string.h>

#define HUGE "4611686018427387904" /* 2^62 */

static const struct {
    const char *line;
    clrnn_status status;
    const char *part;
} refusals[] = {
    /* inputs */
    {"NET : f32[1]", CLRNN_STATUS_ARGUMENT, "on a device only"},
    {"DENSE : f32[1]", CLRNN_STATUS_ARGUMENT, "on a device only"},
    {"ADD name=sum : f32[1]", CLRNN_STATUS_ARGUMENT, "Add 'sum': takes 2 to 2 inputs, got 1"},
    {"ADD : f32[1] -", CLRNN_STATUS_ARGUMENT, "Add: input 1 must not be left out"},
    {"CONCAT : f32[1] - f32[1]", CLRNN_STATUS_ARGUMENT, "input 1 must not be left out"},
    {"MAX : f32[1] -", CLRNN_STATUS_ARGUMENT, "input 1 must not be left out"},
    {"NOT : - ", CLRNN_STATUS_ARGUMENT, "input 0 must not be left out"},
    {"NOT :", CLRNN_STATUS_ARGUMENT, "got 0"},
    {"NOT : bool[1] bool[1]", CLRNN_STATUS_ARGUMENT, "got 2"},
    {"NOT : bool[1] : bool[1] bool[1]", CLRNN_STATUS_ARGUMENT, "gives 1 to 1 outputs, got 2"},
    {"NOT : text[]", CLRNN_STATUS_UNSUPPORTED, "got text"},
    {"NOT : bool[0," HUGE "]", CLRNN_STATUS_SHAPE, "input 0: has more elements"},
    {"NOT : bool[-1]", CLRNN_STATUS_SHAPE, "axis 0 must not be negative"},
    /* dtypes */
    {"ADD name=a : i32[1] i64[1]", CLRNN_STATUS_ARGUMENT, "one dtype, got int32 and int64"},
    {"MIN : f32[1] f32[1] f64[1]", CLRNN_STATUS_ARGUMENT, "float32 and float64"},
    {"MATMUL : f32[1] f64[1]", CLRNN_STATUS_ARGUMENT, "float32 and float64"},
    {"CONCAT : bool[1] i32[1]", CLRNN_STATUS_ARGUMENT, "bool and int32"},
    {"WHERE : bool[1] f32[1] f16[1]", CLRNN_STATUS_ARGUMENT, "float32 and float16"},
    {"WHERE : i32[1] f32[1] f32[1]", CLRNN_STATUS_ARGUMENT, "must be bool, got int32"},
    {"RANGE : i32[] i64[] i32[]", CLRNN_STATUS_ARGUMENT, "int32 and int64"},
    {"RANGE : bool[] bool[] bool[]", CLRNN_STATUS_UNSUPPORTED, "Range: cannot be done with bool"},
    {"ADD : f16[1] f16[1]", CLRNN_STATUS_UNSUPPORTED, "float16"},
    {"ADD : bool[1] bool[1]", CLRNN_STATUS_UNSUPPORTED, "bool"},
    {"LESS : bool[1] bool[1]", CLRNN_STATUS_UNSUPPORTED, "bool"},
    {"AND : i32[1] i32[1]", CLRNN_STATUS_UNSUPPORTED, "int32"},
    {"NOT : f32[1]", CLRNN_STATUS_UNSUPPORTED, "float32"},
    {"NEG : f16[1]", CLRNN_STATUS_UNSUPPORTED, "float16"},
    {"ABS : bool[1]", CLRNN_STATUS_UNSUPPORTED, "bool"},
    {"EXP : i32[1]", CLRNN_STATUS_UNSUPPORTED, "int32"},
    {"SOFTMAX : i64[1]", CLRNN_STATUS_UNSUPPORTED, "int64"},
    {"ACTIVATION act=tanh : f16[1]", CLRNN_STATUS_UNSUPPORTED, "float16"},
    {"ACTIVATION : f32[1]", CLRNN_STATUS_UNSUPPORTED, "got default"},
    {"MATMUL : bool[1] bool[1]", CLRNN_STATUS_UNSUPPORTED, "bool"},
    {"REDUCE_SUM : bool[1]", CLRNN_STATUS_UNSUPPORTED, "bool"},
    {"REDUCE_MEAN : f16[1]", CLRNN_STATUS_UNSUPPORTED, "float16"},
    {"CAST to=text : f32[1]", CLRNN_STATUS_UNSUPPORTED, "cannot cast to text"},
    {"GATHER : f32[1] f32[1]", CLRNN_STATUS_ARGUMENT, "int32 or int64, got float32"},
    {"SQUEEZE : f32[1] f32[1]", CLRNN_STATUS_ARGUMENT, "axes must be a list of int64"},
    {"RESHAPE : f32[1] i64[1,1]", CLRNN_STATUS_ARGUMENT, "got int64 [1][1]"},
    /* axes */
    {"SOFTMAX axis=2 : f32[1,1]", CLRNN_STATUS_SHAPE, "rank 2 is -2 to 1, got 2"},
    {"SOFTMAX axis=-1 : f32[]", CLRNN_STATUS_SHAPE, "rank 0"},
    {"FLIP axis=-9223372036854775808 : f32[1]", CLRNN_STATUS_SHAPE, "got -9223372036854775808"},
    {"FLIP axis=9223372036854775807 : f32[1]", CLRNN_STATUS_SHAPE, "got 9223372036854775807"},
    {"FLATTEN axis=2 : f32[1]", CLRNN_STATUS_SHAPE, "rank 1 is -1 to 1, got 2"},
    {"CONCAT axis=0 : f32[]", CLRNN_STATUS_SHAPE, "rank 0"},
    {"GATHER axis=1 : f32[1] i64[1]", CLRNN_STATUS_SHAPE, "got 1"},
    {"SPLIT axis=3 : f32[1]", CLRNN_STATUS_SHAPE, "got 3"},
    {"TRANSPOSE list=0,0 : f32[1,1]", CLRNN_STATUS_SHAPE, "each axis once, got 0 twice"},
    {"TRANSPOSE list=0,2 : f32[1,1]", CLRNN_STATUS_SHAPE, "got 2"},
    {"TRANSPOSE list=0 : f32[1,1]", CLRNN_STATUS_SHAPE, "must have 2 axes, got 1"},
    {"SQUEEZE : f32[1,2] i64[1]{1}", CLRNN_STATUS_SHAPE, "axis 1 must be 1 to be taken out, got 2"},
    {"SQUEEZE : f32[1,1] i64[2]{1,-1}", CLRNN_STATUS_SHAPE, "got 1 twice"},
    {"SQUEEZE : f32[1,1] i64[9]", CLRNN_STATUS_SHAPE, "at most 8 numbers, got 9"},
    {"UNSQUEEZE : f32[1] i64[2]{0,-3}", CLRNN_STATUS_SHAPE, "got 0 twice"},
    {"UNSQUEEZE : f32[1] i64[1]{2}", CLRNN_STATUS_SHAPE, "got 2"},
    {"UNSQUEEZE : f32[1,1,1,1,1,1,1,1] i64[1]{0}", CLRNN_STATUS_SHAPE, "0 to 8, got 9"},
    {"REDUCE_SUM : f32[1,1] i64[2]{0,-2}", CLRNN_STATUS_SHAPE, "got 0 twice"},
    {"REDUCE_MAX : f32[1,1] i64[1]{-3}", CLRNN_STATUS_SHAPE, "got -3"},
    {"REDUCE_MEAN : i32[2,0] i64[1]{1}", CLRNN_STATUS_ARGUMENT, "no mean of nothing"},
    /* shapes that do not go together */
    {"ADD : f32[2,3] f32[2]", CLRNN_STATUS_SHAPE, "float32 [2][3] and float32 [2]"},
    {"MAX : f32[2,1] f32[3] f32[4]", CLRNN_STATUS_SHAPE, "float32 [2][3] and float32 [4]"},
    {"ADD : f32[0] f32[2]", CLRNN_STATUS_SHAPE, "[0] and float32 [2]"},
    {"WHERE : bool[2] f32[3] f32[1]", CLRNN_STATUS_SHAPE, "bool [2] and float32 [3]"},
    {"EXPAND : f32[2] i64[1]{3}", CLRNN_STATUS_SHAPE, "[2] and float32 [3]"},
    {"MATMUL : f32[2,3] f32[2,3]", CLRNN_STATUS_SHAPE, "float32 [2][3] and float32 [2][3]"},
    {"MATMUL : f32[] f32[1]", CLRNN_STATUS_SHAPE, "no scalars"},
    {"MATMUL : f32[2,1,1] f32[3,1,1]", CLRNN_STATUS_SHAPE, "[2] and float32 [3]"},
    {"CONCAT axis=0 : f32[1,2] f32[1,3]", CLRNN_STATUS_SHAPE, "but for axis 0"},
    {"CONCAT axis=0 : f32[1,2] f32[2]", CLRNN_STATUS_SHAPE, "but for axis 0"},
    {"SLICE : f32[4] i64[1] i64[2]", CLRNN_STATUS_SHAPE,
     "ends must be as many as starts, 1, got 2"},
    {"SLICE : f32[4] i64[1] i64[1] i64[1] i64[2]", CLRNN_STATUS_SHAPE, "steps"},
    {"SLICE : f32[4] i64[1] i64[1] i64[1] i64[1]{0}", CLRNN_STATUS_ARGUMENT, "must not be 0"},
    {"SLICE : f32[4,4] i64[2] i64[2] i64[2]{1,-1}", CLRNN_STATUS_SHAPE, "got 1 twice"},
    {"SLICE : f32[4] i64[2] i64[2]", CLRNN_STATUS_SHAPE, "got 1"},
    {"GATHER : f32[3] i64[2]{0,3}", CLRNN_STATUS_ARGUMENT, "-3 to 2, got 3 as number 1"},
    {"GATHER : f32[3] i64[1]{-4}", CLRNN_STATUS_ARGUMENT, "got -4"},
    {"GATHER : f32[0] i32[1]{0}", CLRNN_STATUS_ARGUMENT, "got 0"},
    {"GATHER : f32[1,1,1,1,1] i64[1,1,1,1,1]", CLRNN_STATUS_SHAPE, "0 to 8, got 9"},
    {"SPLIT : f32[3] i64[2]{1,1} : f32[1] f32[1]", CLRNN_STATUS_SHAPE, "axis 0, 3, got 2"},
    {"SPLIT : f32[3] i64[2]{2,2} : f32[1] f32[1]", CLRNN_STATUS_SHAPE, "0 to 1, got 2"},
    {"SPLIT : f32[3] i64[2]{4,-1} : f32[1] f32[1]", CLRNN_STATUS_SHAPE, "0 to 3, got 4"},
    {"SPLIT : f32[3] i64[2]{9223372036854775807} : f32[1] f32[1]", CLRNN_STATUS_SHAPE, "0 to 3"},
    {"SPLIT : f32[3] i64[1]{3} : f32[1] f32[1]", CLRNN_STATUS_SHAPE, "one for each output"},
    {"SPLIT : f32[5] : f32[2] f32[2] f32[1] f32[0]", CLRNN_STATUS_SHAPE, "part 2 of axis 0"},
    {"RESHAPE name=r : f32[2,3] i64[1]{4}", CLRNN_STATUS_SHAPE,
     "Reshape 'r': cannot turn float32 [2][3] into float32 [4]"},
    {"RESHAPE : f32[2,3] i64[2]{-1,4}", CLRNN_STATUS_SHAPE, "into float32 [-1][4]"},
    {"RESHAPE : f32[2,3] i64[2]{-1,-1}", CLRNN_STATUS_SHAPE, "got axes 0 and 1"},
    {"RESHAPE : f32[2,3] i64[2]{-2,3}", CLRNN_STATUS_SHAPE, "got -2 for axis 0"},
    {"RESHAPE : f32[6] i64[2]{6,0}", CLRNN_STATUS_SHAPE, "axis 1 is 0"},
    {"RESHAPE : f32[0,6] i64[2]{0,-1}", CLRNN_STATUS_SHAPE, "may be anything"},
    {"RESHAPE flag=1 : f32[6] i64[2]{6,0}", CLRNN_STATUS_SHAPE, "cannot turn"},
    {"RESHAPE : f32[6] i64[9]{1}", CLRNN_STATUS_SHAPE, "at most 8 numbers, got 9"},
    /* more than memory holds */
    {"RESHAPE : f32[1] i64[3]{" HUGE "}", CLRNN_STATUS_SHAPE, "more than memory can hold"},
    {"RESHAPE : f32[1] i64[2]{-1," HUGE "}", CLRNN_STATUS_SHAPE, "cannot turn"},
    {"RESHAPE flag=1 : f32[0] i64[3]{0," HUGE "}", CLRNN_STATUS_SHAPE, "more than memory can hold"},
    {"EXPAND : f32[1] i64[1]{" HUGE "}", CLRNN_STATUS_SHAPE, "more than memory can hold"},
    {"EXPAND : f32[1] i64[4]{0," HUGE "}", CLRNN_STATUS_SHAPE, "more than memory can hold"},
    {"EXPAND : f32[1] i64[1]{-1}", CLRNN_STATUS_SHAPE, "0 or more, got -1"},
    {"EXPAND : f32[1] i64[9]{1}", CLRNN_STATUS_SHAPE, "at most 8 numbers, got 9"},
    {"CONSTANT_OF_SHAPE : i64[8]{" HUGE "}", CLRNN_STATUS_SHAPE, "more than memory can hold"},
    {"CONSTANT_OF_SHAPE : i64[1]{-2}", CLRNN_STATUS_SHAPE, "axis 0 must not be negative, got -2"},
    {"CONSTANT_OF_SHAPE : i64[9]", CLRNN_STATUS_SHAPE, "got 9"},
    {"CONSTANT_OF_SHAPE : i64[1]{2} f32[2]", CLRNN_STATUS_SHAPE, "one number, got float32 [2]"},
    {"CONSTANT_OF_SHAPE : i64[1]{2} f32[0]", CLRNN_STATUS_SHAPE, "one number"},
    {"RANGE : i64[]{-9223372036854775808} i64[]{9223372036854775807} i64[]{1}", CLRNN_STATUS_SHAPE,
     "more than memory can hold"},
    {"RANGE : i64[] i64[]{" HUGE "} i64[]{1}", CLRNN_STATUS_SHAPE, "more than memory can hold"},
    {"RANGE : i64[] i64[]{5} i64[]{0}", CLRNN_STATUS_ARGUMENT, "delta must not be 0"},
    {"RANGE : f32[] f32[]{5} f32[]{0}", CLRNN_STATUS_ARGUMENT, "delta must not be 0"},
    {"RANGE : f32[] f32[]{nan} f32[]{1}", CLRNN_STATUS_ARGUMENT, "must be finite, got nan"},
    {"RANGE : f32[] f32[]{3e38} f32[]{1e-30}", CLRNN_STATUS_SHAPE, "more than memory can hold"},
    {"RANGE : f64[] f64[]{1e308} f64[]{1e-300}", CLRNN_STATUS_SHAPE, "more than memory can hold"},
    {"RANGE : i64[2] i64[] i64[]", CLRNN_STATUS_SHAPE, "input 0 must be one number"},
    {"RANGE : i64[] i64[] i64[0]", CLRNN_STATUS_SHAPE, "input 2 must be one number"},
    {"CONCAT axis=0 : bool[0,1] f32[1] bool[1]", CLRNN_STATUS_ARGUMENT, "bool and float32"},
    /* arithmetic */
    {"DIV : i32[2]{1,1} i32[2]{1,0}", CLRNN_STATUS_ARGUMENT, "divided by 0, got that as element 1"},
    {"DIV : i64[] i64[]", CLRNN_STATUS_ARGUMENT, "divided by 0"},
    /* layers */
    {"EMBEDDING name=e : i32[2,2]{0,1,2,3} f32[3,2]", CLRNN_STATUS_ARGUMENT,
     "embedding 'e': ids must be whole numbers, 0 to 2, got 3 at [1][1]"},
    {"EMBEDDING : i64[]{-1} f32[3,2]", CLRNN_STATUS_ARGUMENT, "got -1"},
    {"EMBEDDING : f32[1]{0.5} f32[3,2]", CLRNN_STATUS_ARGUMENT, "got 0.5 at [0]"},
    {"EMBEDDING : f32[1]{nan} f32[3,2]", CLRNN_STATUS_ARGUMENT, "got nan"},
    {"EMBEDDING : i64[1]{9223372036854775807} f32[3,2]", CLRNN_STATUS_ARGUMENT, "0 to 2"},
    {"EMBEDDING : i32[1] f32[0,2]", CLRNN_STATUS_ARGUMENT, "0 to -1, got 0"},
    {"EMBEDDING : i32[1] f32[3]", CLRNN_STATUS_SHAPE, "[V][E], got float32 [3]"},
    {"EMBEDDING : i32[1,1,1,1,1,1,1,1] f32[1,1]", CLRNN_STATUS_SHAPE, "0 to 8, got 9"},
    {"MASKING : f32[1,1]", CLRNN_STATUS_SHAPE, "takes float32 [N][T][I], got float32 [1][1]"},
    {"MASKING : f64[1,1,1]", CLRNN_STATUS_SHAPE, "got float64"},
    {"MASKING : f32[1,2,1] bool[2,1]", CLRNN_STATUS_SHAPE, "bool [N][T], got bool [2][1]"},
    {"MASKING : f32[1,2,1] f32[1,2]", CLRNN_STATUS_SHAPE, "got float32 [1][2]"},
};

START_TEST(refused) {
    struct graph_case test;
    struct graph_array arrays[GRAPH_CASE_ARRAYS] = {{.memory = NULL}};
    struct graph_array *outputs[GRAPH_CASE_ARRAYS];
    graph_case_read(&test, refusals[_i].line, NULL);
    for (int i = 0; i < GRAPH_CASE_ARRAYS; i++) {
        outputs[i] = &arrays[i];
    }
    expect_failure(graph_op_run(&test.node, test.given, outputs), refusals[_i].status,
                   refusals[_i].part);
    for (int i = 0; i < GRAPH_CASE_ARRAYS; i++) {
        graph_array_free(&arrays[i]);
    }
    graph_case_free(&test);
}
END_TEST

/* A long name loses its front, and no character ends the line. */
START_TEST(names_in_messages) {
    struct graph_case test;
    char name[301];
    struct graph_array *const outputs[] = {NULL};
    graph_case_read(&test, "ADD : f32[1]", NULL);
    memset(name, 'a', 300);
    strcpy(name + 290, "\nend");
    test.node.name = name;
    expect_failure(graph_op_run(&test.node, test.given, outputs), CLRNN_STATUS_ARGUMENT,
                   "a\\nend': takes 2");
    ck_assert_int_lt((int)strlen(clrnn_last_error()->message), 150);
    graph_case_free(&test);
}
END_TEST

START_TEST(views_with_gaps) {
    struct graph_case test;
    struct graph_array *const outputs[] = {NULL};
    graph_case_read(&test, "NOT : bool[2,2]", NULL);
    test.inputs[0].strides[0] = 4;
    test.inputs[0].strides[1] = 1;
    expect_failure(graph_op_run(&test.node, test.given, outputs), CLRNN_STATUS_ARGUMENT,
                   "Not: input 0: must be dense and in host memory, got bool [2][2]");
    graph_case_free(&test);
}
END_TEST

/* Every op has a name, and says what it lacks rather than to fall over it. */
START_TEST(every_op_without_inputs) {
    for (int op = 0; op < GRAPH_OP_COUNT; op++) {
        const struct graph_node node = {.op = (enum graph_op)op, .output_count = 1};
        struct graph_array array = {.memory = NULL};
        struct graph_array *const outputs[] = {&array};
        expect_failure(graph_op_run(&node, NULL, outputs), CLRNN_STATUS_ARGUMENT,
                       graph_op_name((enum graph_op)op));
        ck_assert_ptr_null(array.memory);
    }
    const struct graph_node unknown = {.op = GRAPH_OP_COUNT, .output_count = 1};
    expect_failure(graph_op_run(&unknown, NULL, NULL), CLRNN_STATUS_ARGUMENT, "no op");
}
END_TEST

TCase *graph_refusals_case(void) {
    TCase *cases = tcase_create("refusals");
    tcase_add_loop_test(cases, refused, 0, COUNT(refusals));
    tcase_add_test(cases, names_in_messages);
    tcase_add_test(cases, views_with_gaps);
    tcase_add_test(cases, every_op_without_inputs);
    return cases;
}
