/*
 * test_graph.c: the ops of a graph on host memory, and folding them: cases made by hand, cases whose
 * answers are ONNX Runtime's (tests/tools/make_graph_cases.py), folding, memory. What must be refused
 * is in test_graph_refusals.c.
 */
#include "faults.h"
#include "files.h"
#include "graph_cases.h"
#include "suite_cases.h"
#include "suites.h"

#include "core/tensor.h"
#include "graph/op_walk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- golden ---------------------------------------------------------------------------------- */

static const char golden_path[] = "tests/data/graph/ops.npz";

static int hold_golden(void (*hold)(const struct graph_case *)) {
    clrnn_arrays *pools = NULL;
    int count = 0;
    EXPECT_OK(clrnn_arrays_load(&pools, golden_path));
    const clrnn_tensor *cases = clrnn_arrays_find(pools, "cases");
    ck_assert_ptr_nonnull(cases);
    for (const char *line = cases->data; *line != '\0'; line = strchr(line, '\n') + 1) {
        struct graph_case test;
        graph_case_read(&test, line, pools);
        hold(&test);
        graph_case_free(&test);
        count++;
    }
    clrnn_arrays_free(pools);
    return count;
}

START_TEST(golden_run) {
    ck_assert_int_ge(hold_golden(graph_case_hold), 450);
}
END_TEST

START_TEST(golden_folded) {
    ck_assert_int_ge(hold_golden(graph_case_fold), 450);
}
END_TEST

/* ---- by hand --------------------------------------------------------------------------------- */

static const char *const by_hand[] = {
    /* whole numbers wrap round; NaN has one pattern, in float16 0x7e00 */
    "ADD : i32[2]{2147483647,-2147483648} i32[]{1} : i32[2]{-2147483648,-2147483647}",
    "SUB : i64[1]{-9223372036854775808} i64[1]{1} : i64[1]{9223372036854775807}",
    "MUL : i32[1]{65537} i32[1]{65537} : i32[1]{131073}",
    "MUL : i64[1]{4611686018427387904} i64[1]{2} : i64[1]{-9223372036854775808}",
    "DIV : i32[4]{-7,7,-2147483648,6} i32[4]{2,-2,-1,3} : i32[4]{-3,-3,-2147483648,2}",
    "DIV : i64[1]{-9223372036854775808} i64[]{-1} : i64[1]{-9223372036854775808}",
    "DIV : i64[0] i64[1]{0} : i64[0]",
    "DIV : f32[3]{1,-1,0} f32[1]{0} : f32[3]{inf,-inf,nan}",
    "ABS : i32[2]{-2147483648,-5} : i32[2]{-2147483648,5}",
    "NEG : i64[2]{-9223372036854775808,5} : i64[2]{-9223372036854775808,-5}",
    "ABS : f32[4]{-0.0,-inf,-nan,-1.5} : f32[4]{0,inf,nan,1.5}",
    "NEG : f64[3]{0,nan,inf} : f64[3]{-0.0,nan,-inf}",
    "ADD : f32[2]{-nan,inf} f32[2]{1,-inf} : f32[2]{nan,nan}",
    "MIN : f32[4]{nan,1,nan,2} f32[4]{1,nan,nan,1} : f32[4]{nan,nan,nan,1}",
    "MAX : f64[3]{nan,1,2} f64[3]{1,nan,3} : f64[3]{nan,nan,3}",
    "MIN : f32[1]{-nan} : f32[1]{nan}",
    "MIN : i32[3]{5,1,9} i32[2,1]{4,6} i32[]{7} : i32[2,3]{4,1,4,5,1,6}",
    "LESS : f32[3]{nan,1,1} f32[3]{1,nan,2} : bool[3]{0,0,1}",
    "GREATER_OR_EQUAL : i32[3]{1,2,3} i32[]{2} : bool[3]{0,1,1}",
    "EQUAL : bool[4]{2,1,0,0} bool[4]{1,0,0,1} : bool[4]{1,0,1,0}",
    "AND : bool[2]{2,4} bool[2]{1,0} : bool[2]{1,0}",
    "OR : bool[2]{0,4} bool[2]{0,0} : bool[2]{0,1}",
    "NOT : bool[3]{0,1,7} : bool[3]{1,0,0}",
    "WHERE : bool[2]{8,0} f16[2]{0x3c00,0x3c00} f16[2]{1,2} : f16[2]{0x3c00,2}",
    /* float to whole: nearest in range, NaN is 0 */
    "CAST to=i32 : f32[6]{nan,inf,-inf,2147483520,3e9,-2.9} : "
    "i32[6]{0,2147483647,-2147483648,2147483520,2147483647,-2}",
    "CAST to=i64 : f64[5]{nan,9.3e18,-1e30,9223372036854774784,-9223372036854775808} : "
    "i64[5]{0,9223372036854775807,-9223372036854775808,9223372036854774784,-9223372036854775808}",
    "CAST to=i32 : f64[4]{2147483647.5,-2147483648.5,-2147483649,2147483646.9} : "
    "i32[4]{2147483647,-2147483648,-2147483648,2147483646}",
    "CAST to=i32 : f64[2]{2147483648,-2147483648} : i32[2]{2147483647,-2147483648}",
    "CAST to=i64 : f32[2]{9223372036854775808,-9223372036854775808} : "
    "i64[2]{9223372036854775807,-9223372036854775808}",
    "CAST to=i32 : i64[2]{4294967298,-4294967297} : i32[2]{2,-1}",
    "CAST to=bool : f32[4]{nan,0,-0.0,0.5} : bool[4]{1,0,0,1}",
    "CAST to=f32 : bool[2]{9,0} : f32[2]{1,0}",
    "CAST to=i64 : f16[3]{0xc100,0x7c00,0x7e01} : i64[3]{-2,9223372036854775807,0}",
    "CAST to=f16 : f32[4]{nan,-nan,65520,5.9604645e-8} : f16[4]{0x7e00,0x7e00,0x7c00,1}",
    "CAST to=f32 : f16[2]{0xfe01,0x8001} : f32[2]{nan,-5.9604645e-8}",
    "CAST to=f32 : f64[2]{-nan,1e39} : f32[2]{nan,inf}",
    "CAST to=f16 : i64[2]{2049,100000} : f16[2]{0x6800,0x7c00}",
    "CAST to=bool : i64[2]{4294967296,0} : bool[2]{1,0}",
    /* slices: clamped, from behind, whatever is beyond */
    "SLICE : i32[4]{0,1,2,3} i64[1]{-9223372036854775808} i64[1]{9223372036854775807} : "
    "i32[4]{0,1,2,3}",
    "SLICE : i32[4]{0,1,2,3} i64[1]{9223372036854775807} i64[1]{-9223372036854775808} i64[1]{-1} "
    "i64[1]{-1} : i32[4]{3,2,1,0}",
    "SLICE : i32[4]{0,1,2,3} i64[1]{-9} i64[1]{-9223372036854775808} - i64[1]{-1} : i32[1]{0}",
    "SLICE : i32[4]{0,1,2,3} i64[1]{3} i64[1]{-1} - i64[1]{-9223372036854775808} : i32[0]",
    "SLICE : i32[4]{0,1,2,3} i64[1]{3} i64[1]{-99} - i64[1]{-9223372036854775808} : i32[1]{3}",
    "SLICE : i32[3]{0,1,2} i64[1]{-1} i64[1]{9223372036854775807} - i64[1]{-1} : i32[3]{2,1,0}",
    "SLICE : i32[3]{0,1,2} i64[1]{-1} i64[1]{2147483647} - i64[1]{-2} : i32[2]{2,0}",
    "SLICE : i32[3]{0,1,2} i64[1]{-1} i64[1]{99} - i64[1]{-2} : i32[0]",
    "SLICE : i32[0] i64[1]{-1} i64[1]{-9} - i64[1]{-1} : i32[0]",
    "SLICE : i32[2,3]{0,1,2,3,4,5} i32[1]{1} i32[1]{9} i32[1]{-1} : i32[2,2]{1,2,4,5}",
    "SLICE : i32[2,3]{0,1,2,3,4,5} i64[0] i64[0] : i32[2,3]{0,1,2,3,4,5}",
    "SLICE : i32[2,3]{0,1,2,3,4,5} i64[2]{-1} i64[2]{-9} i64[2]{0,1} i64[2]{-1,-2} : "
    "i32[2,2]{5,3,2,0}",
    /* shapes */
    "RESHAPE : f32[2,0,3] i64[2]{0,0} : f32[2,0]",
    "RESHAPE flag=1 : f32[2,0,3] i64[3]{0,4,5} : f32[0,4,5]",
    "RESHAPE : i32[4]{1,2,3,4} i32[2]{-1,2} : i32[2,2]{1,2,3,4}",
    "RESHAPE : f32[0] i64[2]{0,4} : f32[0,4]",
    "SQUEEZE : f32[1,2,1]{3,4} : f32[2]{3,4}",
    "SQUEEZE : f32[1,2,1]{3,4} i64[]{-1} : f32[1,2]{3,4}",
    "SQUEEZE : f32[1,2,1]{3,4} i64[0] : f32[1,2,1]{3,4}",
    "UNSQUEEZE : f32[2]{3,4} i64[2]{-1,0} : f32[1,2,1]{3,4}",
    "FLATTEN axis=0 : f32[0,3] : f32[1,0]",
    "SHAPE list=-2 : f32[2,3,4] : i64[2]{3,4}",
    "SHAPE list=-99,1 : f32[2,3,4] : i64[1]{2}",
    "EXPAND : f32[2,1]{1,2} i64[1]{3} : f32[2,3]{1,1,1,2,2,2}",
    "EXPAND : f32[3]{1,2,3} i64[2]{2,1} : f32[2,3]{1,2,3,1,2,3}",
    "EXPAND : f32[1]{1} i64[2]{0,2} : f32[0,2]",
    "CONSTANT_OF_SHAPE : i64[0] i64[]{5} : i64[]{5}",
    "CONSTANT_OF_SHAPE : i64[2]{3,1} bool[1,1]{1} : bool[3,1]{1}",
    "RANGE : i64[1]{9223372036854775800} i64[]{9223372036854775807} i64[]{5} : "
    "i64[2]{9223372036854775800,9223372036854775805}",
    "RANGE : i64[]{-9223372036854775808} i64[]{9223372036854775807} i64[]{9223372036854775807} : "
    "i64[3]{-9223372036854775808,-1,9223372036854775806}",
    "RANGE : i64[]{2} i64[]{-9223372036854775808} i64[]{-9223372036854775808} : "
    "i64[2]{2,-9223372036854775806}",
    "RANGE : f32[]{0} f32[]{1} f32[]{0.3} : f32[4]{0,0.3,0.6,0.90000004}",
    /* moves */
    "TRANSPOSE list=-1,0 : i32[2,3]{0,1,2,3,4,5} : i32[3,2]{0,3,1,4,2,5}",
    "FLIP axis=-2 : i32[2,2,1]{1,2,3,4} : i32[2,2,1]{2,1,4,3}",
    "FLIP axis=1 : f32[3,0] : f32[3,0]",
    "CONCAT axis=-1 : i32[2,1]{1,2} i32[2,0] i32[2,2]{3,4,5,6} : i32[2,3]{1,3,4,2,5,6}",
    "GATHER axis=1 : i32[2,3]{0,1,2,3,4,5} i32[]{-1} : i32[2]{2,5}",
    "GATHER axis=0 : f32[0,3] i64[0] : f32[0,3]",
    "SPLIT axis=0 : i32[5]{1,2,3,4,5} : i32[2]{1,2} i32[2]{3,4} i32[1]{5}",
    "SPLIT axis=-1 : i32[1,3]{1,2,3} i64[2]{0,3} : i32[1,0] i32[1,3]{1,2,3}",
    /* sums: 2^24 + 1 + 1, which float32 alone would not count; NaN; nothing at all */
    "REDUCE_SUM : f32[3]{16777216,1,1} : f32[]{16777218}",
    "REDUCE_SUM : i32[2]{2147483647,1} : i32[]{-2147483648}",
    "REDUCE_SUM flag=1 : f64[2,0] i64[1]{-1} : f64[2,1]{0}",
    "REDUCE_SUM : i32[2,2]{1,2,3,4} i64[0] : i32[]{10}",
    "REDUCE_SUM : i32[2,2]{1,2,3,4} i64[]{0} : i32[2]{4,6}",
    "REDUCE_MEAN : i32[2]{-3,-4} : i32[]{-3}",
    "REDUCE_MEAN : i32[2]{2147483647,2147483647} : i32[]{2147483647}",
    "REDUCE_MEAN : i32[0,0] i64[1]{1} : i32[0]",
    "REDUCE_MAX : f32[2,3]{nan,1,2,3,-nan,1} i64[1]{1} : f32[2]{nan,nan}",
    "REDUCE_MIN : f32[3]{-inf,nan,1} : f32[]{nan}",
    "REDUCE_MAX : i32[0] : i32[]{-2147483648}",
    "REDUCE_MIN : i64[0] : i64[]{9223372036854775807}",
    "REDUCE_MAX : bool[2,2]{0,0,0,3} i64[1]{1} : bool[2]{0,1}",
    "REDUCE_MIN : bool[0] : bool[]{1}",
    "MATMUL : f32[1,3]{16777216,1,1} f32[3,1]{1,1,1} : f32[1,1]{16777218}",
    "MATMUL : f64[3]{1e308,1e308,-1e308} f64[3]{10,1,10} : f64[]{nan}",
    "MATMUL : i32[2]{65537,1} i32[2]{65537,5} : i32[]{131078}",
    "MATMUL : f32[2,0] f32[0,1] : f32[2,1]{0}",
    "MATMUL : f32[0,2,3] f32[3,4] : f32[0,2,4]",
    /* softmax: too large for e^x alone; what has no answer */
    "SOFTMAX axis=-1 : f32[2,2]{1000,1000,-1e30,-1e30} : f32[2,2]{0.5}",
    "SOFTMAX axis=0 : f32[4]{1,nan,2,3} : f32[4]{nan}",
    "SOFTMAX axis=0 : f32[2]{nan,1} : f32[2]{nan}",
    "SOFTMAX axis=0 : f32[2]{-inf,0} : f32[2]{0,1}",
    "SOFTMAX axis=0 : f32[2]{-inf,-inf} : f32[2]{nan}",
    "LOG_SOFTMAX axis=0 : f64[2]{inf,0} : f64[2]{nan}",
    "LOG_SOFTMAX axis=1 : f32[1,2]{0,-1000} : f32[1,2]{0,-1000}",
    "SOFTMAX axis=0 : f32[0,2] : f32[0,2]",
    "EXP : f32[4]{-nan,-inf,inf,0} : f32[4]{nan,0,inf,1}",
    "LOG : f32[4]{0,-1,inf,1} : f32[4]{-inf,nan,inf,0}",
    "SQRT : f64[4]{4,-0.0,-1,inf} : f64[4]{2,-0.0,nan,inf}",
    "ERF : f32[4]{0,inf,-inf,nan} : f32[4]{0,1,-1,nan}",
    "ERF : f64[1]{0.5} : f64[1]{0.5204998778130465}",
    "POW : f32[2,2]{2,-2,0,9} f32[1]{3} : f32[2,2]{8,-8,0,729}",
    "POW : f64[4]{-2,0,nan,4} f64[4]{0.5,-1,0,-0.5} : f64[4]{nan,inf,1,0.5}",
    "POW : f32[1]{1.0000001} f32[1]{8388608} : f32[1]{2.7182817}",
    "ACTIVATION act=linear : f32[2]{-nan,-0.0} : f32[2]{nan,-0.0}",
    "ACTIVATION act=hard_sigmoid parameters=1 alpha=0.25 : f32[2]{0,1} : f32[2]{0.5,0.75}",
    /* the product is not rounded: 1/3 as a double is 2^-54 / 3 too small */
    "ACTIVATION act=affine parameters=2 alpha=3 beta=-1 : f64[1]{0.3333333333333333} : "
    "f64[1]{-5.551115123125783e-17}",
    "ACTIVATION act=hard_sigmoid parameters=2 alpha=-3 beta=1 : f64[1]{0.3333333333333333} : "
    "f64[1]{5.551115123125783e-17}",
    "ACTIVATION act=swish parameters=1 alpha=0 : f32[2]{-inf,4} : f32[2]{-inf,2}",
    "ACTIVATION act=mish : f64[]{-1e308} : f64[]{0}",
    "ACTIVATION act=gelu_tanh : f64[2]{-1e200,1e200} : f64[2]{0,1e200}",
    /* layers */
    "EMBEDDING : i32[2,2]{0,2,1,0} f32[3,2]{1,2,3,4,5,6} : "
    "f32[2,2,2]{1,2,5,6,3,4,1,2} bool[2,2]{0,1,1,0}",
    "EMBEDDING : f32[3]{2,-0.0,1} f32[3,1]{7,8,9} : f32[3,1]{9,7,8} bool[3]{1,0,1}",
    "EMBEDDING : f16[2]{0x3c00,0} f64[2,1]{7,8} : f64[2,1]{8,7} bool[2]{1,0}",
    "EMBEDDING : bool[2]{5,0} f32[2,1]{7,8} : f32[2,1]{8,7}",
    "EMBEDDING : i64[0] f32[0,3] : f32[0,3] bool[0]",
    "EMBEDDING : i64[2]{0,1} f32[2,0] : f32[2,0] bool[2]{0,1}",
    "MASKING value=-1 : f32[1,3,2]{-1,-1,-1,0,nan,-1} : f32[1,3,2]{0,0,-1,0,nan,-1} "
    "bool[1,3]{0,1,1}",
    "MASKING value=0 : f32[2,2,1]{0,1,2,-0.0} bool[2,2]{1,1,0,9} : f32[2,2,1]{0,1,0,0} "
    "bool[2,2]{0,1,0,0}",
    "MASKING value=nan : f32[1,1,1]{nan} : f32[1,1,1]{nan} bool[1,1]{1}",
    "MASKING value=5 : f32[1,2,0] : f32[1,2,0] bool[1,2]{0}",
};

START_TEST(as_by_hand) {
    struct graph_case test;
    graph_case_read(&test, by_hand[_i], NULL);
    graph_case_hold(&test);
    graph_case_fold(&test);
    graph_case_free(&test);
}
END_TEST

/* ---- folding --------------------------------------------------------------------------------- */

static struct graph *graph_of_one(int *constant) {
    static int64_t three[] = {3, 4, 5};
    const clrnn_tensor tensor = {.data = three, .dtype = CLRNN_DTYPE_I64, .rank = 1, .shape = {3}};
    struct graph *graph = NULL;
    EXPECT_OK(graph_create(&graph));
    EXPECT_OK(graph_add_constant(constant, graph, "three", &tensor));
    return graph;
}

START_TEST(folds_what_is_constant) {
    struct graph_node *node;
    int constant, input, folded;
    struct graph *graph = graph_of_one(&constant);
    EXPECT_OK(graph_fold_last(&folded, graph, 1000)); /* no nodes */
    ck_assert_int_eq(folded, 0);
    EXPECT_OK(graph_add_input(&input, graph, "x"));
    const int mixed[] = {constant, input};
    EXPECT_OK(graph_add_node(&node, graph, GRAPH_ADD, "kept", mixed, 2, 1));
    EXPECT_OK(graph_fold_last(&folded, graph, 1000));
    ck_assert(folded == 0 && graph->node_count == 1);
    const int same[] = {constant, constant};
    EXPECT_OK(graph_add_node(&node, graph, GRAPH_ADD, "sum", same, 2, 1));
    const int sum = node->outputs[0];
    EXPECT_OK(graph_fold_last(&folded, graph, 24));
    ck_assert(folded == 1 && graph->node_count == 1);
    ck_assert_int_eq(((const int64_t *)graph_constant(graph, sum)->data)[2], 10);
    /* of a folded one; an input and an output that are left out */
    const int cut[] = {sum, -1};
    EXPECT_OK(graph_add_node(&node, graph, GRAPH_SPLIT, NULL, cut, 2, 3));
    node->outputs[1] = -1;
    const int last = node->outputs[2];
    EXPECT_OK(graph_fold_last(&folded, graph, 16));
    ck_assert_int_eq(folded, 1);
    ck_assert_int_eq(((const int64_t *)graph_constant(graph, last)->data)[0], 10);
    EXPECT_OK(graph_add_node(&node, graph, GRAPH_NET, "net", same, 2, 1));
    EXPECT_OK(graph_fold_last(&folded, graph, 1000));
    ck_assert_int_eq(folded, 0);
    EXPECT_OK(graph_add_node(&node, graph, GRAPH_CONCAT, "none", NULL, 0, 1));
    EXPECT_OK(graph_fold_last(&folded, graph, 1000));
    ck_assert(folded == 0 && graph->node_count == 3);
    graph_free(graph);
}
END_TEST

/* What is wrong is the file; nothing that a limit forbids is allocated. */
START_TEST(folds_within_limits) {
    struct graph_node *node;
    int constant, shape, folded;
    struct graph *graph = graph_of_one(&constant);
    EXPECT_OK(graph_add_node(&node, graph, GRAPH_GATHER, "g", (int[]){constant, constant}, 2, 1));
    expect_failure(graph_fold_last(&folded, graph, 1000), CLRNN_STATUS_FORMAT, "Gather 'g'");
    ck_assert(folded == 0 && graph->node_count == 1);
    int64_t large[] = {(int64_t)1 << 50};
    const clrnn_tensor tensor = {.data = large, .dtype = CLRNN_DTYPE_I64, .rank = 1, .shape = {1}};
    EXPECT_OK(graph_add_constant(&shape, graph, NULL, &tensor));
    EXPECT_OK(graph_add_node(&node, graph, GRAPH_CONSTANT_OF_SHAPE, "z", &shape, 1, 1));
    expect_failure(graph_fold_last(&folded, graph, 1 << 20), CLRNN_STATUS_FORMAT,
                   "'z': its constants may take 1048576 bytes, got float32 [1125899906842624]");
    graph_free(graph);
}
END_TEST

/* Each allocation fails once: a clean error, and the graph is as it was. */
START_TEST(folds_or_stays) {
    int failed = 0;
    for (int nth = 1; nth < 100; nth++) {
        struct graph_node *node;
        int constant, folded;
        struct graph *graph = graph_of_one(&constant);
        EXPECT_OK(graph_add_node(&node, graph, GRAPH_SPLIT, "s", &constant, 1, 3));
        faults_forget();
        faults_enter((struct faults){.nth = nth});
        const clrnn_status status = graph_fold_last(&folded, graph, 1000);
        const char *what = faults_leave();
        ck_assert_int_eq(status, what != NULL ? CLRNN_STATUS_MEMORY : CLRNN_STATUS_OK);
        ck_assert_int_eq(folded, what == NULL);
        ck_assert_int_eq(graph->node_count, what != NULL);
        graph_free(graph);
        failed += what != NULL;
        if (what == NULL) {
            break;
        }
    }
    ck_assert_int_eq(failed, 6); /* three lists, three outputs */
}
END_TEST

/* ---- walks ----------------------------------------------------------------------------------- */

/* How many runs there are, and how long the last one is: what makes the loops quick. */
static int count_runs(struct op_walk *last, const int64_t *shape, int rank,
                      const clrnn_tensor *other) {
    struct op_strides strides[2];
    int runs = 0;
    op_walk_dense(&strides[0], rank, shape);
    op_walk_broadcast(&strides[1], other, rank);
    struct op_walk next;
    op_walk_begin(&next, rank, shape, 2, strides);
    do {
        *last = next;
        runs++;
    } while (op_walk_next(&next));
    return runs;
}

START_TEST(walks_in_long_runs) {
    const int64_t shape[] = {2, 3, 1, 4};
    const clrnn_tensor same = {.rank = 4, .shape = {2, 3, 1, 4}};
    const clrnn_tensor scalar = {.rank = 0};
    const clrnn_tensor vector = {.rank = 1, .shape = {4}};
    const clrnn_tensor column = {.rank = 3, .shape = {3, 1, 1}};
    const clrnn_tensor outer = {.rank = 4, .shape = {2, 1, 1, 1}};
    struct op_walk walk;
    ck_assert_int_eq(count_runs(&walk, shape, 4, &same), 1);
    ck_assert(walk.run == 24 && walk.step[0] == 1 && walk.step[1] == 1);
    ck_assert_int_eq(count_runs(&walk, shape, 4, &scalar), 1);
    ck_assert(walk.run == 24 && walk.step[0] == 1 && walk.step[1] == 0);
    ck_assert_int_eq(count_runs(&walk, shape, 4, &vector), 6);
    ck_assert(walk.run == 4 && walk.step[1] == 1 && walk.at[0] == 20 && walk.at[1] == 0);
    ck_assert_int_eq(count_runs(&walk, shape, 4, &column), 6);
    ck_assert(walk.run == 4 && walk.step[1] == 0 && walk.at[0] == 20 && walk.at[1] == 2);
    ck_assert_int_eq(count_runs(&walk, shape, 4, &outer), 2);
    ck_assert(walk.run == 12 && walk.at[0] == 12 && walk.at[1] == 1);
    const int64_t none[] = {2, 0, 3};
    op_walk_begin(&walk, 3, none, 0, NULL);
    ck_assert_int_eq(walk.run, 0);
}
END_TEST

/* ---- arrays ---------------------------------------------------------------------------------- */

START_TEST(arrays_stay) {
    struct graph_array array = {.memory = NULL};
    const int64_t shape[] = {3, 5};
    EXPECT_OK(graph_array_make(&array, CLRNN_DTYPE_F64, 2, shape));
    ck_assert_uint_eq(array.capacity, 120);
    void *const memory = array.memory;
    faults_forget();
    faults_enter((struct faults){.nth = 1});
    const clrnn_status again = graph_array_make(&array, CLRNN_DTYPE_F64, 2, shape);
    ck_assert_ptr_null(faults_leave()); /* nothing was allocated */
    EXPECT_OK(again);
    EXPECT_OK(graph_array_make(&array, CLRNN_DTYPE_F32, 2, shape));
    ck_assert(array.memory == memory && array.tensor.data == memory && array.capacity == 120);
    ck_assert(array.tensor.rank == 2 && array.tensor.shape[1] == 5 &&
              array.tensor.dtype == CLRNN_DTYPE_F32);
    EXPECT_OK(graph_array_make(&array, CLRNN_DTYPE_F64, 0, NULL));
    ck_assert_ptr_eq(array.tensor.data, memory);
    const int64_t wider[] = {16};
    EXPECT_OK(graph_array_make(&array, CLRNN_DTYPE_F64, 1, wider));
    ck_assert_uint_eq(array.capacity, 128);
    memset(array.memory, 1, 128);
    graph_array_free(&array);
    ck_assert_ptr_null(array.memory);
    const int64_t none[] = {0, 7};
    EXPECT_OK(graph_array_make(&array, CLRNN_DTYPE_BOOL, 2, none));
    ck_assert_ptr_nonnull(array.tensor.data);
    graph_array_free(&array);
    graph_array_free(&array);
}
END_TEST

START_TEST(arrays_refused) {
    struct graph_array array = {.memory = NULL};
    expect_failure(graph_array_make(&array, CLRNN_DTYPE_F32, 9, NULL), CLRNN_STATUS_SHAPE,
                   "0 to 8, got 9");
    expect_failure(graph_array_make(&array, CLRNN_DTYPE_F32, -1, NULL), CLRNN_STATUS_SHAPE,
                   "got -1");
    expect_failure(graph_array_make(&array, CLRNN_DTYPE_F32, 2, (const int64_t[]){1, -3}),
                   CLRNN_STATUS_SHAPE, "axis 1 must not be negative, got -3");
    /* 2^61 floats are 2^63 bytes, one more than PTRDIFF_MAX; 2^32 2^32 is 0 in 64 bits */
    expect_failure(graph_array_make(&array, CLRNN_DTYPE_F32, 1, (const int64_t[]){1LL << 61}),
                   CLRNN_STATUS_SHAPE, "more than memory can hold");
    expect_failure(
        graph_array_make(&array, CLRNN_DTYPE_BOOL, 2, (const int64_t[]){1LL << 32, 1LL << 32}),
        CLRNN_STATUS_SHAPE, "more than memory can hold");
    expect_failure(
        graph_array_make(&array, CLRNN_DTYPE_BOOL, 3, (const int64_t[]){0, 1LL << 62, 1LL << 62}),
        CLRNN_STATUS_SHAPE, "more than memory can hold");
    faults_forget();
    faults_enter((struct faults){.nth = 1});
    const clrnn_status status = graph_array_make(&array, CLRNN_DTYPE_F32, 1, (const int64_t[]){6});
    faults_leave();
    expect_failure(status, CLRNN_STATUS_MEMORY, "out of memory for float32 [6], 24 bytes");
    ck_assert(array.memory == NULL && array.tensor.data == NULL && array.capacity == 0);
    graph_array_free(&array);
}
END_TEST

Suite *graph_suite(void) {
    Suite *suite = suite_create("graph");
    TCase *cases = tcase_create("graph");
    tcase_add_test(cases, golden_run);
    tcase_add_test(cases, golden_folded);
    tcase_add_loop_test(cases, as_by_hand, 0, COUNT(by_hand));
    tcase_add_test(cases, folds_what_is_constant);
    tcase_add_test(cases, folds_within_limits);
    tcase_add_test(cases, folds_or_stays);
    tcase_add_test(cases, walks_in_long_runs);
    tcase_add_test(cases, arrays_stay);
    tcase_add_test(cases, arrays_refused);
    suite_add_tcase(suite, cases);
    suite_add_tcase(suite, graph_refusals_case());
    return suite;
}
