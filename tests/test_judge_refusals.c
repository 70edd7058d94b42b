/* test_judge_refusals.c: what the judge refuses to look at, by its messages, and ways to give states.
 */
#include "core/net.h"
#include "nets.h"
#include "suite_cases.h"

#include <string.h>

#define REFUSED(code, text)                                                                        \
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_##code);                       \
    ck_assert_str_eq(clrnn_last_error()->message, text);                                           \
    args = args_of(&s)

START_TEST(refusals) {
    static int32_t slots[1];
    struct sample s = small_sample(4); /* lstm, time first: x [6][4][5], y [6][4][9] */
    clrnn_judgement j = {.checked = -1};
    clrnn_forward_args args = args_of(&s);
    ck_assert_int_eq(clrnn_judge(NULL, s.net, 0, &args), CLRNN_STATUS_ARGUMENT);
    ck_assert_int_eq(clrnn_judge(&j, NULL, 0, &args), CLRNN_STATUS_ARGUMENT);
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, NULL), CLRNN_STATUS_ARGUMENT);
    args.slots = slots;
    REFUSED(ARGUMENT, "judge: slots must be NULL");
    args.state = (clrnn_state *)(void *)slots;
    REFUSED(ARGUMENT, "judge: state must be NULL: give h_0 and c_0");
    args.x = (clrnn_tensor){0};
    REFUSED(ARGUMENT, "x: needs data or a buffer, got neither");
    args.x.shape[2] = 6;
    REFUSED(SHAPE, "judge: x needs [T][N][5], got float32 [6][4][6]");
    args.x.rank = 2;
    REFUSED(SHAPE, "judge: x needs [T][N][5], got float32 [6][4]");
    args.x.shape[0] = 0;
    REFUSED(SHAPE, "judge: x needs at least one step and one row, got float32 [0][4][5]");
    args.x.dtype = CLRNN_DTYPE_F64;
    REFUSED(ARGUMENT, "judge: x must be float32, got float64");
    args.x = (clrnn_tensor){.buffer = (cl_mem)(void *)slots, .rank = 3, .shape = {6, 4, 5}};
    REFUSED(ARGUMENT, "judge: x must lie in host memory, got a buffer");
    args.y.shape[0] = 5;
    REFUSED(SHAPE, "judge: y needs [6][4][9] (time first), got float32 [5][4][9]");
    args.y.rank = 2;
    REFUSED(UNSUPPORTED, "judge: y must hold all steps, [6][4][9] (time first): the last "
                         "outputs are h_n, got float32 [6][4]");
    args.y = (clrnn_tensor){0};
    s.arrays[0].hiddens = s.arrays[0].cells = s.arrays[0].gates = (clrnn_tensor){0};
    args.h_n = args.c_n = s.arrays[0].h_n = s.arrays[0].c_n = s.arrays[0].o_n = (clrnn_tensor){0};
    REFUSED(ARGUMENT, "judge: there is no result among the arguments");
    s.arrays[0].y = args.y;
    REFUSED(ARGUMENT, "judge: y of the last layer is given twice");
    args.cells = s.arrays[0].cells;
    REFUSED(ARGUMENT, "judge: cells of the last layer is given twice");
    args.gates = s.arrays[0].gates;
    REFUSED(ARGUMENT, "judge: gates of the last layer is given twice");
    s.arrays[0].gates.shape[2] = 9;
    REFUSED(SHAPE, "judge: gates needs [6][4][36] (time first), got float32 [6][4][9]");
    s.arrays[0].gates.shape[1] = 3;
    REFUSED(SHAPE, "judge: gates needs [6][4][36] (time first), got float32 [6][3][36]");
    s.arrays[0].gates.dtype = CLRNN_DTYPE_F64;
    REFUSED(ARGUMENT, "judge: gates must be float32, got float64");
    s.arrays[0].gates.data = NULL;
    s.arrays[0].gates.buffer = (cl_mem)(void *)slots;
    REFUSED(ARGUMENT, "judge: gates must lie in host memory, got a buffer");
    s.arrays[0].cells.shape[2] = 8;
    REFUSED(SHAPE, "judge: cells needs [6][4][9] (time first), got float32 [6][4][8]");
    s.arrays[0].hiddens.shape[1] = 3;
    REFUSED(SHAPE, "judge: hiddens needs [6][4][9] (time first), got float32 [6][3][9]");
    args.lengths.shape[0] = 3;
    REFUSED(SHAPE, "judge: lengths needs [4], got int32 [3]");
    args.lengths.dtype = CLRNN_DTYPE_F32;
    REFUSED(ARGUMENT, "judge: lengths must be int32 or int64, got float32");
    s.lengths[2] = 7;
    REFUSED(ARGUMENT, "judge: lengths must be 0 to 6, got 7 in row 2");
    s.lengths[2] = -1;
    REFUSED(ARGUMENT, "judge: lengths must be 0 to 6, got -1 in row 2");
    s.lengths[2] = 1;
    s.arrays[0].h_n.shape[2] = 8;
    REFUSED(SHAPE, "h_n: needs its rows or [1][4][9], got float32 [1][4][8]");
    args.h_n = s.arrays[0].h_n;
    REFUSED(ARGUMENT, "judge: h_n is given twice, for all layers and for layer 0");
    s.arrays[0].h_0.dtype = CLRNN_DTYPE_F64;
    REFUSED(ARGUMENT, "h_0: must be float32, got float64");
    s.net->strands[0].given[WEIGHT_HH] = 0;
    REFUSED(ARGUMENT, "net: weight_hh_l0 was never set");
    s.net->strands[0].given[WEIGHT_HH] = 1;
    ck_assert_int_eq(j.checked, -1); /* a failure changes nothing */
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
    const int64_t checked = j.checked; /* gates in args are those of the only layer */
    args.gates = s.arrays[0].gates;
    s.arrays[0].gates = (clrnn_tensor){0};
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
    ck_assert(j.bad == 0 && j.checked == checked);
    free_sample(&s);

    s = small_sample(0);
    args = args_of(&s);
    s.arrays[0].cells = args.y;
    REFUSED(ARGUMENT, "judge: cells is for lstm, layer 0 is rnn");
    free_sample(&s);
}
END_TEST

START_TEST(refusals_of_masks_and_packing) {
    struct sample s = small_sample(0);
    clrnn_judgement j;
    lay_sample(&s, MASKED);
    clrnn_forward_args args = args_of(&s);
    args.mask.dtype = CLRNN_DTYPE_F32;
    REFUSED(ARGUMENT, "judge: the mask must be bool, got float32");
    args.mask.shape[0] = 6;
    args.mask.shape[1] = 4;
    REFUSED(SHAPE, "judge: the mask needs [4][6] (batch first), got bool [6][4]");
    args.mask.strides[0] = 12;
    args.mask.strides[1] = 1;
    REFUSED(ARGUMENT, "judge: the mask must be dense");
    free_sample(&s);

    s = small_sample(0); /* batch sizes of 4 rows in 6 steps: lengths 6, 5, 4, 3 */
    lay_sample(&s, PACKED);
    plain_forward(&s, s.net);
    args = args_of(&s);
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_OK);
    ck_assert_int_eq(j.bad, 0);
    args.lengths = args.batch_sizes;
    REFUSED(ARGUMENT, "judge: batch_sizes say the lengths, got lengths too");
    ck_assert_int_eq(clrnn_judge(&j, s.net, 1, &args), CLRNN_STATUS_ARGUMENT);
    ck_assert_str_eq(clrnn_last_error()->message,
                     "judge: packed arrays are time first, got batch_sizes and batch first");
    args.batch_sizes.shape[0] = 0;
    REFUSED(SHAPE, "judge: batch_sizes are empty");
    args.batch_sizes.rank = 2;
    REFUSED(SHAPE, "judge: batch_sizes must be a vector, got int32 [6][0]");
    args.x.shape[0] = 17;
    REFUSED(SHAPE, "judge: x needs [18][5] (packed), got float32 [17][5]");
    args.y.shape[0] = 4;
    REFUSED(UNSUPPORTED, "judge: y must hold all steps, [6][4][9] (time first): the last "
                         "outputs are h_n, got float32 [4][9]");
    s.batch_sizes[3]++;
    REFUSED(SHAPE, "judge: x needs [19][5] (packed), got float32 [18][5]");
    s.batch_sizes[3] += 2;
    REFUSED(ARGUMENT, "judge: batch_sizes must never rise and stay above 0: step 3 has 6 after 4");
    s.batch_sizes[3] = 0;
    REFUSED(ARGUMENT, "judge: batch_sizes must never rise and stay above 0: step 3 has 0 after 4");
    s.batch_sizes[0] = 0;
    REFUSED(ARGUMENT, "judge: batch_sizes must begin with 1 to 1073741824, got 0");
    free_sample(&s);
}
END_TEST

START_TEST(refusals_of_stacks) {
    struct sample s = small_sample(SINGLES + 4); /* both directions of an lstm, then a gru */
    clrnn_judgement j;
    clrnn_forward_args args = args_of(&s);
    args.h_0 = s.arrays[0].h_0;
    REFUSED(ARGUMENT, "judge: layers differ in their states, give h_0 layer by layer");
    args.hiddens = s.arrays[0].hiddens;
    REFUSED(ARGUMENT,
            "judge: hiddens, cells and gates of a net of 2 layers are given layer by layer");
    args.gates = s.arrays[0].gates;
    REFUSED(ARGUMENT,
            "judge: hiddens, cells and gates of a net of 2 layers are given layer by layer");
    s.arrays[1].gates.shape[2] = 60; /* gru: 3 of 10, one direction */
    REFUSED(SHAPE, "judge: gates of layer 1 needs [6][4][30] (time first), got float32 [6][4][60]");
    s.arrays[0].gates.shape[2] = 36;
    REFUSED(SHAPE, "judge: gates of layer 0 needs [6][4][72] (time first), got float32 [6][4][36]");
    s.arrays[1].c_n = s.arrays[0].c_n;
    REFUSED(ARGUMENT, "judge: c_n is for lstm, layer 1 is gru");
    s.arrays[0].y.shape[2] = 9;
    REFUSED(SHAPE, "judge: y of layer 0 needs [6][4][18] (time first), got float32 [6][4][9]");
    s.arrays[0].h_n.shape[0] = 1;
    REFUSED(SHAPE, "h_n of layer 0: needs [2][4][9], got float32 [1][4][9]");
    free_sample(&s);

    struct net_kind kind = kind_of(0, 5, 9);
    kind.layers[0].acts[0][0] =
        (clrnn_activation){.kind = CLRNN_ACT_CUSTOM, .source = "x = x * x;"};
    random_state = 5;
    s = sample_of(random_net(&kind, 1), 6, 4, 0);
    args = args_of(&s);
    REFUSED(UNSUPPORTED,
            "net: has a custom activation: the reference engine knows no OpenCL C snippets");
    free_sample(&s);
}
END_TEST

/* States of all layers in one array are the same as layer by layer. */
START_TEST(states_of_all_layers) {
    clrnn_layer_desc layer = {.cell = CLRNN_CELL_LSTM, .direction = CLRNN_DIRECTION_BIDIRECTIONAL};
    struct net_kind kind = {.layers = {layer, layer}, .desc = {.inputs = 3, .num_layers = 2}};
    kind.layers[0].hidden = kind.layers[1].hidden = 4;
    random_state = 6;
    struct sample s = sample_of(random_net(&kind, 1), 5, 3, 0);
    float h_0[4 * 3 * 4], c_0[4 * 3 * 4], h_n[4 * 3 * 4], c_n[4 * 3 * 4];
    plain_forward(&s, s.net);
    for (int i = 0; i < 2; i++) {
        memcpy(h_0 + 24 * i, s.of[i].h_0, 24 * sizeof(float));
        memcpy(c_0 + 24 * i, s.of[i].c_0, 24 * sizeof(float));
        memcpy(h_n + 24 * i, s.of[i].h_n, 24 * sizeof(float));
        memcpy(c_n + 24 * i, s.of[i].c_n, 24 * sizeof(float));
    }
    clrnn_forward_args args = args_of(&s);
    const clrnn_judgement by_layer = judge_args(s.net, &s, &args);
    for (int i = 0; i < 2; i++) {
        s.arrays[i].h_0 = s.arrays[i].c_0 = s.arrays[i].h_n = s.arrays[i].c_n = (clrnn_tensor){0};
    }
    args.h_0 = tensor_of(CLRNN_DTYPE_F32, h_0, 3, 4, 3, 4);
    args.c_0 = tensor_of(CLRNN_DTYPE_F32, c_0, 3, 4, 3, 4);
    args.h_n = tensor_of(CLRNN_DTYPE_F32, h_n, 3, 4, 3, 4);
    args.c_n = tensor_of(CLRNN_DTYPE_F32, c_n, 3, 4, 3, 4);
    clrnn_judgement j = judge_args(s.net, &s, &args);
    ck_assert(j.bad == 0 && j.checked == by_layer.checked && j.ratio == by_layer.ratio);
    c_n[(3 * 3 + 2) * 4 + 1] += 0.5f;
    j = judge_args(s.net, &s, &args);
    ck_assert(j.bad == 1 && j.layer == 1 && j.direction == 1 && j.row == 2 && j.unit == 1);
    args.h_0.shape[0] = 3;
    ck_assert_int_eq(clrnn_judge(&j, s.net, 0, &args), CLRNN_STATUS_SHAPE);
    ck_assert_str_eq(clrnn_last_error()->message,
                     "judge: h_0 needs [4][3][.] (layers x directions), got float32 [3][3][4]");
    free_sample(&s);
}
END_TEST
TCase *judge_refusals_case(void) {
    TCase *refused = tcase_create("refusals");
    tcase_add_test(refused, refusals);
    tcase_add_test(refused, refusals_of_masks_and_packing);
    tcase_add_test(refused, refusals_of_stacks);
    tcase_add_test(refused, states_of_all_layers);
    return refused;
}
