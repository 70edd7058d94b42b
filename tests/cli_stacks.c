/* cli_stacks.c: the program on stacks: states, masks, pieces, last outputs, snippets. */
#include "cli_stacks.h"

#include "cli/generate.h"
#include "cli_files.h"
#include "cli_program.h"
#include "cli_tables.h"

#include <stdio.h>
#include <string.h>

#define BILSTM                                                                                     \
    "DATA/torch_bilstm.safetensors -i DATA/x_test.npy --batch-first -l DATA/lengths_test.npy "

/* PyTorch's results of a trained stack, and those of each of its layers. */
START_TEST(stacks_are_judged) {
    const outcome *got = program_run("check " BILSTM "--expect DATA/expected_torch_bilstm.npz");
    program_expect_code(got, 0, "check of a stack");
    program_expect_contains(got, got->out, "expected ", "check of a stack");
    cli_copy("TMP/some_x.npz", "DATA/golden/expected_torch_bilstm_layers.npz", NAMES("x"));
    cli_copy("TMP/some_l.npz", "DATA/golden/expected_torch_bilstm_layers.npz", NAMES("lengths"));
    cli_copy("TMP/some_y.npz", "DATA/golden/expected_torch_bilstm_layers.npz",
             NAMES("output_l0", "output_l1", "h_n", "c_n"));
    got = program_run("check DATA/torch_bilstm.safetensors -i TMP/some_x.npz --batch-first "
                      "-l TMP/some_l.npz -e cpu --expect TMP/some_y.npz");
    program_expect_code(got, 0, "check of each layer");
    program_expect_contains(got, got->out, "cpu and expected differ in ", "check of each layer");
    /* the first layer's output moved by 1e-3 in one place */
    clrnn_arrays *arrays = cli_load("TMP/some_y.npz");
    ((float *)clrnn_arrays_find(arrays, "output_l0")->data)[5] += 1e-3f;
    cli_save(arrays, "TMP/some_off.npz");
    got = program_run("check DATA/torch_bilstm.safetensors -i TMP/some_x.npz --batch-first "
                      "-l TMP/some_l.npz -e cpu --expect TMP/some_off.npz");
    program_expect_code(got, 5, "check of a wrong layer");
    program_expect_contains(got, got->err, "mismatch: expected: y of layer 0", "a wrong layer");
}
END_TEST

START_TEST(pieces_of_stacks_change_nothing) {
    static const char *const cuts[] = {"--chunk 7", "--chunk 1", "--memory-limit 6M",
                                       "--chunk 100 --memory-limit 1GiB"};
    program_expect_code(program_run("run " BILSTM "-e cpu -o TMP/whole.npz"), 0, "whole");
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        char words[512];
        (void)snprintf(words, sizeof words, "run " BILSTM "-e cpu -o TMP/pieces.npz %s", cuts[i]);
        program_expect_code(program_run(words), 0, words);
        cli_expect_same("TMP/whole.npz", "TMP/pieces.npz", "output");
        cli_expect_same("TMP/whole.npz", "TMP/pieces.npz", "h_n");
        cli_expect_same("TMP/whole.npz", "TMP/pieces.npz", "c_n");
    }
}
END_TEST

/* A stream under a mask goes on with its last outputs: row 0 is valid at step 1 alone, row 1
 * never. */
START_TEST(masked_streams_go_on) {
    clrnn_arrays *arrays = NULL;
    ck_assert_int_eq(clrnn_arrays_create(&arrays), CLRNN_STATUS_OK);
    cli_add(arrays, "h_0", CLRNN_DTYPE_F32, SHAPE(2, 2, 8), 9, 1);
    cli_save(arrays, "TMP/begin.npz");
    cli_cut("TMP/x_first.npy", "TMP/x.npy", 0, 0, 2);
    cli_cut("TMP/x_second.npy", "TMP/x.npy", 0, 2, 1);
    cli_cut("TMP/m_first.npy", "TMP/m.npy", 1, 0, 2);
    cli_cut("TMP/m_second.npy", "TMP/m.npy", 1, 2, 1);
    program_expect_code(program_run("run " MASKED "-m TMP/m.npy --initial-state TMP/begin.npz "
                                    "-o TMP/all.npy --final-state TMP/end.npz"),
                        0, "whole");
    /* a row that is never valid gives 0, also where it stands alone */
    int64_t count = 0;
    clrnn_arrays *never = NULL;
    program_expect_code(program_run("run " MASKED "-m TMP/m.npy --rows 1:2 -o TMP/never.npy "
                                    "--initial-state TMP/begin.npz"),
                        0, "row 1");
    never = cli_load("TMP/never.npy");
    const float *values = cli_values(never, "", &count);
    for (int64_t i = 0; i < count; i++) {
        ck_assert_msg(values[i] == 0, "y[%d] of a masked row is %g", (int)i, (double)values[i]);
    }
    clrnn_arrays_free(never);
    cli_cut("TMP/all_never.npy", "TMP/all.npy", 1, 1, 1);
    cli_expect_same("TMP/all_never.npy", "TMP/never.npy", "");
    program_expect_code(
        program_run("run TMP/masked.npz -i TMP/x_first.npy -m TMP/m_first.npy -e cpu "
                    "--initial-state TMP/begin.npz --final-state TMP/s.npz"),
        0, "first");
    program_expect_code(
        program_run("run TMP/masked.npz -i TMP/x_second.npy -m TMP/m_second.npy -e cpu "
                    "--initial-state TMP/s.npz --final-state TMP/s2.npz -o TMP/second.npy"),
        0, "second");
    cli_cut("TMP/all_second.npy", "TMP/all.npy", 0, 2, 1);
    cli_expect_same("TMP/all_second.npy", "TMP/second.npy", "");
    cli_expect_same("TMP/end.npz", "TMP/s2.npz", "h_n");
    cli_expect_same("TMP/end.npz", "TMP/s2.npz", "o_n");
    /* without a mask the last outputs in the file are of no use, and no error */
    program_expect_code(program_run("run TMP/masked.npz -i TMP/x_second.npy -e cpu "
                                    "--initial-state TMP/s.npz"),
                        0, "without a mask");
}
END_TEST

/* A piece without a mask leaves no o_n: its h_n is the last output. */
START_TEST(a_mask_may_come_later) {
    static const uint8_t valid[6] = {1, 1, 0, 1, 1, 0};
    clrnn_arrays *arrays = cli_load("TMP/m.npy");
    memcpy(clrnn_arrays_at(arrays, 0)->data, valid, sizeof valid);
    cli_save(arrays, "TMP/m_end.npy");
    cli_cut("TMP/x_first.npy", "TMP/x.npy", 0, 0, 2);
    cli_cut("TMP/x_second.npy", "TMP/x.npy", 0, 2, 1);
    cli_cut("TMP/m_second.npy", "TMP/m_end.npy", 1, 2, 1);
    program_expect_code(program_run("run " MASKED "-m TMP/m_end.npy -o TMP/all.npy"), 0, "whole");
    program_expect_code(program_run("run TMP/masked.npz -i TMP/x_first.npy -e cpu "
                                    "--final-state TMP/s.npz"),
                        0, "first");
    program_expect_code(program_run("run TMP/masked.npz -i TMP/x_second.npy -m TMP/m_second.npy "
                                    "-e cpu --initial-state TMP/s.npz -o TMP/second.npy"),
                        0, "second");
    cli_cut("TMP/all_second.npy", "TMP/all.npy", 0, 2, 1);
    cli_expect_same("TMP/all_second.npy", "TMP/second.npy", "");
}
END_TEST

/* Layers of unlike states keep arrays of their own, which start them again. */
START_TEST(layers_have_their_own_states) {
    cli_cut("TMP/x_first.npy", "TMP/x.npy", 0, 0, 2);
    cli_cut("TMP/x_second.npy", "TMP/x.npy", 0, 2, 1);
    program_expect_code(program_run("run " MIXED "-o TMP/all.npz"), 0, "whole");
    program_expect_code(program_run("run TMP/mixed.npz -i TMP/x_first.npy -e cpu "
                                    "--final-state TMP/s.npz"),
                        0, "first");
    program_expect_code(program_run("run TMP/mixed.npz -i TMP/x_second.npy -e cpu "
                                    "--initial-state TMP/s.npz --final-state TMP/s.npz"),
                        0, "second");
    cli_expect_same("TMP/all.npz", "TMP/s.npz", "h_n_l0");
    cli_expect_same("TMP/all.npz", "TMP/s.npz", "h_n_l1");
    cli_expect_same("TMP/all.npz", "TMP/s.npz", "c_n_l0");
}
END_TEST

/* What a model gives of the last step alone is judged as the state that it is. */
START_TEST(last_outputs_are_judged) {
    program_expect_code(program_run("run TMP/last.safetensors -i TMP/x.npy -e cpu -o TMP/last.npz"),
                        0, "run");
    const outcome *got =
        program_run("check TMP/last.safetensors -i TMP/x.npy -e cpu --expect TMP/last.npz");
    program_expect_code(got, 0, "its own result");
    program_expect_contains(got, got->out, "cpu and expected differ in 0 of ", "its own result");
    clrnn_arrays *arrays = cli_load("TMP/last.npz");
    ((float *)clrnn_arrays_find(arrays, "output")->data)[7] += 1e-3f;
    cli_save(arrays, "TMP/last_off.npz");
    cli_copy("TMP/last_alone.npz", "TMP/last_off.npz", NAMES("output"));
    got = program_run("check TMP/last.safetensors -i TMP/x.npy -e cpu --expect TMP/last_off.npz");
    program_expect_code(got, 5, "output and h_n that differ");
    program_expect_contains(got, got->err, "y of the last outputs alone", "output and h_n");
    got = program_run("check TMP/last.safetensors -i TMP/x.npy -e cpu --expect TMP/last_alone.npz");
    program_expect_code(got, 5, "a wrong output");
    program_expect_contains(got, got->err, "mismatch: expected: h_n of layer 0", "a wrong output");
}
END_TEST

/* Where there is a device: code of one's own runs, and what does not build is a bad file. */
START_TEST(snippets_run) {
    const outcome *got = program_run("run " CUSTOM SNIPPETS "-e opencl -o TMP/y.npz");
    if (got->code == 3) {
        return;
    }
    program_expect_code(got, 0, "a custom cell");
    got = program_run("run " CUSTOM "--snippet layer0=TMP/wrong.cl "
                      "--snippet layer1_act0=TMP/act.cl -e opencl");
    program_expect_code(got, 4, "a snippet that does not build");
    /* some drivers have their own say first */
    program_expect_contains(got, got->err, "clrnn: run: planning on the opencl engine: ", "wrong");
    if (strstr(got->err, ".cl:") != NULL) { /* a driver that names files */
        program_expect_contains(got, got->err, "wrong.cl:1:", "the user's own file");
    }
    got = program_run("run " CUSTOM SNIPPETS "-e opencl --strict");
    program_expect_code(got, 1, "a custom cell with --strict");
    program_expect_contains(got, got->err, "strict cannot promise the bits", "strict");
    got = program_run("check " CUSTOM SNIPPETS "-e opencl -a list");
    program_expect_code(got, 0, "check -a list of a custom cell");
}
END_TEST

START_TEST(profiles_say_memory) {
    const outcome *got = program_run("run " STACK "--profile");
    program_expect_code(got, 0, "--profile");
    program_expect_contains(got, got->err, "work space ", "--profile");
    program_expect_contains(got, got->err, "\nmemory  ", "--profile");
    program_expect_contains(got, got->err, "\nweights ", "--profile");
    got = program_run("run " STACK "--profile --json");
    program_expect_contains(got, got->out, "\"memory_bytes\": ", "--profile --json");
    program_expect_contains(got, got->out, "\"weight_bytes\": ", "--profile --json");
}
END_TEST

/* FNV-1a over the bytes of an array. */
static void take_bytes(uint64_t *hash, const clrnn_tensor *array) {
    const unsigned char *bytes = array->data;
    const int64_t count = clrnn_tensor_count(array) * (int64_t)clrnn_dtype_size(array->dtype);
    for (int64_t i = 0; bytes != NULL && i < count; i++) {
        *hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
}

/* Problems of one layer have the data that version 0.1.0 made of them. */
START_TEST(problems_keep_their_data) {
    static const struct {
        const char *text;
        uint64_t hash;
    } kept[] = {
        {"cell=lstm,T=5,N=4,I=3,H=6,lengths=ragged,start=random,seed=7",
         UINT64_C(0x83c64b0c095b35a2)},
        {"cell=gru-before,T=5,N=4,H=6,dir=reverse,lengths=zeros,batch-first=1,gain=2.5,start="
         "random",
         UINT64_C(0x03fd813ea8c1507f)},
        {"cell=rnn-relu,T=6,N=7,I=2,H=3,lengths=ties,seed=18446744073709551615",
         UINT64_C(0x587d1f784c9b7c84)},
        {"cell=gru,T=1,N=1,H=1,lengths=random", UINT64_C(0x6554cdeb2188ecf2)},
        {"cell=rnn", UINT64_C(0xe8171727815cf000)},
    };
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        problem task;
        problem_error error;
        generated made;
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        ck_assert_msg(problem_parse(&task, kept[i].text, &error), "%s", error.message);
        ck_assert_int_eq(generate(&made, &task), CLRNN_STATUS_OK);
        for (size_t k = 0; clrnn_net_weight_name(made.net, k) != NULL; k++) {
            clrnn_tensor weight;
            ck_assert_int_eq(
                clrnn_net_get_weight(&weight, made.net, clrnn_net_weight_name(made.net, k)),
                CLRNN_STATUS_OK);
            take_bytes(&hash, &weight);
        }
        take_bytes(&hash, &made.x);
        take_bytes(&hash, &made.lengths);
        take_bytes(&hash, &made.layers[0].h_0);
        take_bytes(&hash, &made.layers[0].c_0);
        ck_assert_msg(hash == kept[i].hash, "%s has other data", kept[i].text);
        generate_free(&made);
    }
}
END_TEST

TCase *cli_stacks(void) {
    TCase *stacks = tcase_create("stacks");
    tcase_add_unchecked_fixture(stacks, cli_files_open, program_close);
    tcase_add_test(stacks, stacks_are_judged);
    tcase_add_test(stacks, pieces_of_stacks_change_nothing);
    tcase_add_test(stacks, masked_streams_go_on);
    tcase_add_test(stacks, a_mask_may_come_later);
    tcase_add_test(stacks, layers_have_their_own_states);
    tcase_add_test(stacks, last_outputs_are_judged);
    tcase_add_test(stacks, snippets_run);
    tcase_add_test(stacks, profiles_say_memory);
    tcase_add_test(stacks, problems_keep_their_data);
    return stacks;
}
