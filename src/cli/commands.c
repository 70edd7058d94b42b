/* commands.c: the table of commands; what a command does is in cmd_NAME.c. */
#include "cli/commands.h"

#include "cli/report.h"
#include "cli/suggest.h"

#include <stddef.h>
#include <string.h>

static const char run_notes[] =
    "MODEL is an .npz file with Wx, Wh, b (one tanh layer) or with the names of PyTorch's\n"
    "RNN, LSTM or GRU: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, under any prefix.\n"
    "\n"
    "A two-dimensional x is one sequence [T][I] and gives y [T][H] and h_n [1][H]. A row past\n"
    "its length gives 0; its final state is the state after its last valid step.\n"
    "\n"
    "  clrnn run model.npz -i x.npy -o y.npz --batch-first -l lengths.npy\n"
    "  clrnn run model.npz -i part2.npy --initial-state s1.npz --final-state s2.npz\n";

static const char check_notes[] =
    "check MODEL -i X runs the opencl and the cpu engine (with -e one of them) on the same data\n"
    "and holds each result against the equations in double precision: every step is computed\n"
    "again from the result's own state before it, and may differ by what rounding can do there.\n"
    "--expect judges a result from elsewhere in the same way. Max abs and max ulp are against the\n"
    "double-precision trajectory and decide nothing.\n"
    "\n"
    "check PROBLEM, or check with the options cell to seed, makes up the data. A problem is\n"
    "key=value, separated by commas, in any order, no key twice; --lengths then takes a word too:\n"
    "\n"
    "  cell         rnn, rnn-relu, lstm, gru (reset after), gru-before    default rnn\n"
    "  T, N         time steps, rows of the batch                         50, 1\n"
    "  I, H         input and hidden features                             as H, 128\n"
    "  layers       1                                                     1\n"
    "  dir          forward, reverse                                      forward\n"
    "  lengths      full, ragged (1..T), zeros (ragged, every third 0),   full\n"
    "               ties (T and (T+1)/2 by twos), random (0..T)\n"
    "  start        zero, random: the initial state                       zero\n"
    "  batch-first  0, 1                                                  0\n"
    "  last         1: y [N][H], the final state, is compared too         0\n"
    "  gain         recurrent weights are uniform in +-gain/sqrt(H)       1\n"
    "  seed         of all the data                                       0\n"
    "  engine       auto (both), opencl, cpu                              auto\n"
    "  algorithm    a name that -a list prints, or auto                   auto\n"
    "\n"
    "It is printed in this order: the first five keys always, others where they are not the\n"
    "default. The data are splitmix64's, the same bits everywhere; x is uniform in [-1, 1), input\n"
    "weights and biases in +-1/sqrt(H).\n"
    "\n"
    "  clrnn check model.npz -i x.npy --batch-first --expect y.npy\n"
    "  clrnn check cell=lstm,T=50,N=3,I=40,H=128,lengths=ragged,seed=7\n"
    "  clrnn check --cell gru --steps 100 --hidden 64\n";

const command commands[COMMAND_COUNT] = {
    [COMMAND_RUN] = {COMMAND_RUN, "run", cmd_run, "MODEL -i X.npy [-o Y.npz] [options]",
                     "run a model on data", run_notes, 1, 1},
    [COMMAND_SUMMARY] = {COMMAND_SUMMARY, "summary", cmd_summary, "MODEL [--json]",
                         "layers, output shapes and parameters of a model", NULL, 1, 1},
    [COMMAND_CHECK] = {COMMAND_CHECK, "check", cmd_check,
                       "MODEL -i X.npy [--expect Y.npy] | PROBLEM | --cell NAME [options]",
                       "hold results against the equations in double precision", check_notes, 0, 1},
    [COMMAND_DEVICES] = {COMMAND_DEVICES, "devices", cmd_devices, "[--json]",
                         "OpenCL devices, best first", NULL, 0, 0},
    [COMMAND_BENCH] = {.id = COMMAND_BENCH, .name = "bench"},
    [COMMAND_TUNE] = {.id = COMMAND_TUNE, .name = "tune"},
    [COMMAND_CONVERT] = {.id = COMMAND_CONVERT, .name = "convert"},
    [COMMAND_PLOT] = {.id = COMMAND_PLOT, .name = "plot"},
    [COMMAND_SELFTEST] = {.id = COMMAND_SELFTEST, .name = "selftest"},
    [COMMAND_VERSION] = {COMMAND_VERSION, "version", cmd_version, "[--json]",
                         "version and what is built in", NULL, 0, 0},
    [COMMAND_HELP] = {COMMAND_HELP, "help", cmd_help, "[COMMAND]", "this text, or a command's",
                      NULL, 0, 1},
};

const command *commands_find(const char *name) {
    const char *names[COMMAND_COUNT];
    size_t count = 0;
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            if (commands[i].run != NULL) {
                return &commands[i];
            }
            (void)report_fail(REPORT_USAGE, "%s: this version does not have it yet", name);
            return NULL;
        }
        if (commands[i].run != NULL) {
            names[count++] = commands[i].name;
        }
    }
    const char *nearest = suggest_nearest(name, names, count);
    (void)report_fail(REPORT_USAGE, "%s: there is no such command", name);
    if (nearest != NULL) {
        report_hint("did you mean %s?", nearest);
    } else {
        report_hint("clrnn help lists the commands");
    }
    return NULL;
}
