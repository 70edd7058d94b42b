/*
 * cli_readme.c: what README.md shows, as a reader would try it: its C programs are compiled against
 * the public header and the shared library, with warnings as errors, and run; its OpenCL C runs as
 * snippets of the program, and its tuning is read.
 *
 * It runs from the root of the repository; CLRNN_BUILD names another build folder than `build`.
 */
#include "cli_readme.h"

#include "cli_files.h"
#include "cli_program.h"
#include "clrnn.h"
#include "files.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_README = 1 << 17, STEPS = 29, HIDDEN = 32 };

/* The text of the README's block number `index` in that language; NULL past the last one. */
static char *find_block(const char *language, int index) {
    char *readme = calloc(MAX_README, 1);
    char opening[32];
    char *block = NULL;
    FILE *file = fopen("README.md", "r");
    ck_assert(file != NULL && readme != NULL);
    ck_assert_uint_lt(fread(readme, 1, MAX_README - 1, file), MAX_README - 1);
    (void)fclose(file);
    (void)snprintf(opening, sizeof opening, "\n```%s\n", language);
    for (char *at = strstr(readme, opening); at != NULL; at = strstr(at, opening)) {
        char *end = strstr(at + 1, "\n```\n");
        ck_assert_ptr_nonnull(end);
        at += strlen(opening);
        if (index-- == 0) {
            block = strndup(at, (size_t)(end + 1 - at));
            break;
        }
        at = end;
    }
    free(readme);
    return block;
}

/* Compiles C, as a program or as an object alone; 0 where there is no compiler or library. */
static int compile(const char *text, int is_program, char *output, size_t size) {
    const char *build = getenv("CLRNN_BUILD") != NULL ? getenv("CLRNN_BUILD") : "build";
    char library[300];
    char command[1500];
    char *own = program_expand("TMP/");
    (void)snprintf(library, sizeof library, "%.256s/libclrnn.so", build);
    if (run_command("command -v cc", output, size) != 0 || access(library, R_OK) != 0) {
        (void)printf("readme: its C is not compiled: no cc, or no %s\n", library);
        free(own);
        return 0;
    }
    cli_write_text("TMP/readme.c", text);
    (void)snprintf(command, sizeof command,
                   "cc -std=c11 -Wall -Wextra -Werror -Iinclude %.256sreadme.c -o %.256sreadme %s "
                   "-L%.256s -lclrnn -lOpenCL -Wl,-rpath,\"$(cd %.256s && pwd)\" 2>&1",
                   own, own, is_program ? "" : "-c", build, build);
    const int compiled = run_command(command, output, size);
    ck_assert_msg(compiled == 0, "%s\n%s", text, output);
    if (is_program) {
        (void)snprintf(command, sizeof command, "%.256sreadme", own);
        const int ran = run_command(command, output, size);
        ck_assert_msg(ran == 0, "exit status %d of\n%s", ran, text);
    }
    free(own);
    return 1;
}

/* y[row][step][unit] as PyTorch has it. */
static double expected_at(const clrnn_arrays *expected, int row, int step, int unit) {
    int64_t count = 0;
    const float *values = cli_values(expected, "output", &count);
    ck_assert_int_lt((row * STEPS + step) * HIDDEN + unit, count);
    return (double)values[(row * STEPS + step) * HIDDEN + unit];
}

START_TEST(first_program_runs) {
    char output[4096];
    double y[2];
    char *block = find_block("c", 0);
    ck_assert_ptr_nonnull(block);
    if (compile(block, 1, output, sizeof output)) {
        clrnn_arrays *expected = cli_load("DATA/expected_simple_rnn.npz");
        ck_assert_msg(sscanf(output, "y[0][0] begins with %lf %lf", &y[0], &y[1]) == 2, "%s",
                      output);
        for (int unit = 0; unit < 2; unit++) {
            ck_assert_msg(fabs(y[unit] - expected_at(expected, 0, 0, unit)) < 1e-4, "%s", output);
        }
        clrnn_arrays_free(expected);
    }
    free(block);
}
END_TEST

START_TEST(stream_program_runs) {
    static const struct {
        int step, slot, row, age;
    } lines[] = {{0, 5, 0, 0}, {1, 5, 0, 1}, {2, 5, 0, 2}, {2, 1, 1, 0},
                 {3, 5, 0, 3}, {3, 1, 1, 1}, {4, 1, 1, 2}, {5, 1, 1, 3}};
    char output[4096];
    char *block = find_block("c", 1);
    ck_assert_ptr_nonnull(block);
    if (compile(block, 1, output, sizeof output)) {
        clrnn_arrays *expected = cli_load("DATA/expected_simple_rnn.npz");
        const char *line = output;
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
            int step, slot, used = 0;
            double y;
            ck_assert_msg(sscanf(line, "step %d, slot %d: %lf\n%n", &step, &slot, &y, &used) == 3,
                          "%s", output);
            ck_assert(step == lines[i].step && slot == lines[i].slot);
            ck_assert_msg(fabs(y - expected_at(expected, lines[i].row, lines[i].age, 0)) < 1e-4,
                          "%s", output);
            line += used;
        }
        ck_assert_str_eq(line, "");
        clrnn_arrays_free(expected);
    }
    free(block);
}
END_TEST

/* Further blocks are statements. */
START_TEST(statements_compile) {
    char output[4096];
    char text[8192];
    char *block = NULL;
    for (int i = 2; (block = find_block("c", i)) != NULL; i++) {
        ck_assert_ptr_null(strstr(block, "int main"));
        /* what it takes as given, and gives */
        const int is_session = strstr(block, "clrnn_session") != NULL;
        const char *given = is_session
                                ? "clrnn_context *context, const clrnn_model *model, clrnn_tensor x"
                                : "void";
        (void)snprintf(text, sizeof text,
                       "#include <clrnn.h>\nint f(%s);\nint f(%s) {\n%.4000sreturn %s;\n}\n", given,
                       given, block, is_session ? "y->rank" : "own.hidden");
        (void)compile(text, 0, output, sizeof output);
        free(block);
    }
}
END_TEST

static clrnn_net *make_own(void) {
    const clrnn_layer_desc layers[2] = {
        {.hidden = 8, .acts[0][0] = {.kind = CLRNN_ACT_CUSTOM, .source = "x = x;"}},
        {.cell = CLRNN_CELL_CUSTOM, .hidden = 8, .gates = 2, .states = 1, .source = "h = gx[0];"}};
    const clrnn_net_desc desc = {.inputs = 12, .num_layers = 2, .layers = layers};
    clrnn_net *net = NULL;
    float values[16 * 12];
    ck_assert_int_eq(clrnn_net_create(&net, &desc), CLRNN_STATUS_OK);
    for (int i = 0; i < 16 * 12; i++) {
        values[i] = (float)(i % 7 - 3) * 0.125f;
    }
    for (size_t i = 0; clrnn_net_weight_name(net, i) != NULL; i++) {
        clrnn_tensor weight;
        char name[64];
        (void)snprintf(name, sizeof name, "%s", clrnn_net_weight_name(net, i));
        ck_assert_int_eq(clrnn_net_get_weight(&weight, net, name), CLRNN_STATUS_OK);
        ck_assert_int_le(clrnn_tensor_count(&weight), 16 * 12);
        weight.data = values;
        ck_assert_int_eq(clrnn_net_set_weight(net, name, &weight), CLRNN_STATUS_OK);
    }
    return net;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* The first step of both layers from h = 0, by the formulas that the README's texts stand for. */
static void expect_first_step(const clrnn_net *net, const float *x, const float *y) {
    static const char *const names[] = {"weight_ih_l0", "bias_ih_l0", "bias_hh_l0",
                                        "weight_ih_l1", "bias_ih_l1", "bias_hh_l1"};
    const float *w[6];
    double h[8];
    for (int i = 0; i < 6; i++) {
        clrnn_tensor weight;
        ck_assert_int_eq(clrnn_net_get_weight(&weight, net, names[i]), CLRNN_STATUS_OK);
        w[i] = weight.data;
    }
    for (int u = 0; u < 8; u++) {
        double sum = (double)w[1][u] + (double)w[2][u];
        for (int k = 0; k < 12; k++) {
            sum += (double)w[0][u * 12 + k] * (double)x[k];
        }
        h[u] = sum > 0 ? sum * sum : 0.1 * sum;
    }
    for (int u = 0; u < 8; u++) {
        double gx[2];
        for (int gate = 0; gate < 2; gate++) {
            const int row = gate * 8 + u;
            gx[gate] = (double)w[4][row];
            for (int k = 0; k < 8; k++) {
                gx[gate] += (double)w[3][row * 8 + k] * h[k];
            }
        }
        const double f = sigmoid(gx[0] + (double)w[5][u]);
        const double result = (1 - f) * tanh(gx[1] + f * (double)w[5][8 + u]);
        ck_assert_msg(fabs(result - (double)y[u]) < 1e-5, "unit %d: %g, not %g", u, (double)y[u],
                      result);
    }
}

START_TEST(own_text_runs) {
    static const char config[] =
        "{\\\"format\\\":\\\"clrnn\\\",\\\"version\\\":1,\\\"inputs\\\":12,\\\"layers\\\":["
        "{\\\"cell\\\":\\\"rnn\\\",\\\"hidden\\\":8,\\\"activations\\\":[{\\\"name\\\":"
        "\\\"custom\\\",\\\"source\\\":\\\"bend\\\",\\\"alpha\\\":0.1}]},"
        "{\\\"cell\\\":\\\"custom\\\",\\\"hidden\\\":8,\\\"gates\\\":2,\\\"states\\\":1,"
        "\\\"source\\\":\\\"mgu\\\"}]}";
    char *bend = find_block("opencl", 0);
    char *mgu = find_block("opencl", 1);
    int64_t count = 0;
    clrnn_net *net = make_own();
    ck_assert(bend != NULL && mgu != NULL);
    cli_write_text("TMP/bend.cl", bend);
    cli_write_text("TMP/mgu.cl", mgu);
    cli_write_text("TMP/early.cl", "return act_tanh(x, alpha, beta);\n");
    cli_save_safetensors("TMP/own.safetensors", net, config);
    const outcome *got =
        program_run("run TMP/own.safetensors -i TMP/x.npy -e opencl -o TMP/own.npy "
                    "--snippet bend=TMP/bend.cl --snippet mgu=TMP/mgu.cl");
    if (got->code != 3) {
        program_expect_code(got, 0, "the README's snippets");
        clrnn_arrays *x = cli_load("TMP/x.npy");
        clrnn_arrays *y = cli_load("TMP/own.npy");
        expect_first_step(net, cli_values(x, "", &count), cli_values(y, "", &count));
        clrnn_arrays_free(x);
        clrnn_arrays_free(y);
        got = program_run("run TMP/own.safetensors -i TMP/x.npy -e opencl "
                          "--snippet bend=TMP/early.cl --snippet mgu=TMP/mgu.cl");
        program_expect_code(got, 0, "an activation that returns early");
    }
    clrnn_net_free(net);
    free(bend);
    free(mgu);
}
END_TEST

/* The tuning is of another machine, or of another version: but it is one. */
START_TEST(tuning_is_read) {
    char *tuning = find_block("json", 0);
    ck_assert_ptr_nonnull(tuning);
    cli_write_text("TMP/readme.json", tuning);
    const outcome *got = program_run("run DATA/seed_numpy.npz -i DATA/seed_x.npy -e cpu -v "
                                     "--tuning TMP/readme.json");
    program_expect_code(got, 0, "the README's tuning");
    program_expect_contains(got, got->err, "\ntuning: ", "the README's tuning");
    free(tuning);
}
END_TEST

TCase *cli_readme(void) {
    TCase *readme = tcase_create("readme");
    tcase_set_timeout(readme, 120);
    tcase_add_unchecked_fixture(readme, cli_files_open, program_close);
    tcase_add_test(readme, first_program_runs);
    tcase_add_test(readme, stream_program_runs);
    tcase_add_test(readme, statements_compile);
    tcase_add_test(readme, own_text_runs);
    tcase_add_test(readme, tuning_is_read);
    return readme;
}
