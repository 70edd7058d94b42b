/* commands.c: the table of commands; what a command does is in cmd_NAME.c. */
#include "cli/commands.h"

#include "cli/report.h"
#include "cli/suggest.h"

#include <stddef.h>
#include <string.h>

static const char run_notes[] =
    "MODEL is an .npz file with Wx, Wh, b (one tanh layer); an .npz or .safetensors file with the\n"
    "names of PyTorch's RNN, LSTM or GRU, any layers and directions: weight_ih_l0, weight_hh_l0,\n"
    "bias_ih_l0, bias_hh_l0, _reverse, weight_hr_l0, under any prefix; or either with a config,\n"
    "which says everything. '-' is standard input.\n"
    "\n"
    "y is [T][N][F] or [N][T][F]; a config may ask for the last output alone, [N][F]. A\n"
    "two-dimensional x is one sequence [T][I] and gives y [T][F] and h_n [L*D][H]. A row past its\n"
    "length gives 0; its final state is the state after its last valid step. A masked step keeps\n"
    "the state and gives the output before it, or 0 where the config says zero_output_for_mask.\n"
    "\n"
    "h_0 and h_n are [L*D][N][H], layer 0 forward, layer 0 reverse, layer 1 forward, ... (with\n"
    "projections h has P features). Layers of unlike states have arrays of their own: h_0_l0\n"
    "[D][N][H], h_0_l1, ... With a mask a final state holds the last outputs too: o_n.\n"
    "\n"
    "  clrnn run model.npz -i x.npy -o y.npz --batch-first -l lengths.npy\n"
    "  clrnn run model.npz -i part2.npy --initial-state s1.npz --final-state s2.npz\n"
    "  clrnn run custom.safetensors -i x.npy -m mask.npy --snippet cell=cell.cl\n";

static const char check_notes[] =
    "check MODEL -i X runs the opencl and the cpu engine (with -e one of them) on the same data\n"
    "and holds each result against the equations in double precision: every step is computed\n"
    "again from the result's own state before it, and may differ by what rounding can do there.\n"
    "--expect judges a result from elsewhere in the same way; of a stack it may hold output_l0,\n"
    "output_l1, ..., the outputs of each layer, which makes the bounds tight. Max abs and max ulp\n"
    "are against the double-precision trajectory and decide nothing. A result from elsewhere does\n"
    "not show an lstm's c or the h of merged directions: the judge carries them along, and one\n"
    "wrong value is then seen in the steps after it too. A custom cell or activation has no\n"
    "equations to be judged by.\n"
    "\n"
    "check PROBLEM, or check with the options cell to seed, makes up the data. A problem is\n"
    "key=value, separated by commas, in any order, no key twice; --lengths and --mask then take a\n"
    "word too. L: a value, or one for each layer, joined by +, as in cell=lstm+gru,H=64+32\n"
    "\n"
    "  cell         L: rnn, rnn-relu, lstm, gru (reset after), gru-before default rnn\n"
    "  T, N         time steps, rows of the batch                         50, 1\n"
    "  I, H         input and (L) hidden features                         as H, 128\n"
    "  layers       1 to 64                                               as lists, 1\n"
    "  dir          L: forward, reverse, bi                               forward\n"
    "  merge        of bi layers: concat, sum, mul, ave                   concat\n"
    "  P            of lstm layers: features of the projection            0: none\n"
    "  bias         double, single, none                                  double\n"
    "  peep         of lstm layers: 1: peepholes                          0\n"
    "  couple       of lstm layers: none, forget (f=1-i), input (i=1-f)   none\n"
    "  fbias        of lstm layers: added to what f's activation takes    0\n"
    "  clip         gates' activations take at most +-clip                0: any\n"
    "  cellclip     of lstm layers: c stays within +-cellclip             0: any\n"
    "  act          activations by slot, joined by +, short lists repeat; the cell's\n"
    "               parameters behind ':', as in hard_sigmoid:0.25:0.5\n"
    "               slots: rnn h; lstm i, f, g, o, h; gru r, z, n\n"
    "  ract         the same of the reverse direction of bi layers        as act\n"
    "  mask         none, ones (masks nothing), ends, holes (every fourth none\n"
    "               step), zeros (holes, every third row all masked)\n"
    "  zeromask     1: masked steps give 0                                0\n"
    "  lengths      full, ragged (1..T), zeros (ragged, every third 0),   full\n"
    "               ties (T and (T+1)/2 by twos), random (0..T)\n"
    "  start        zero, random: the initial state                       zero\n"
    "  batch-first  0, 1                                                  0\n"
    "  last         1: y [N][F], the last outputs alone, is compared too  0\n"
    "  packed       1: x and y are packed, with ragged lengths or ties    0\n"
    "  chunk        steps of a piece                                      0: chosen\n"
    "  memory       limit of device memory, in bytes or as 64M            0: none\n"
    "  gain         recurrent weights are uniform in +-gain/sqrt(H)       1\n"
    "  seed         of all the data                                       0\n"
    "  engine       auto (both), opencl, cpu                              auto\n"
    "  algorithm    a name that -a list prints, or auto                   auto\n"
    "  strict       1: as --strict                                        0\n"
    "\n"
    "It is printed in this order: the first five keys always, others where they are not the\n"
    "default. The data are splitmix64's, the same bits everywhere; x, states and peepholes are\n"
    "uniform in [-1, 1), input weights, projections and biases in +-1/sqrt(H).\n"
    "\n"
    "  clrnn check model.npz -i x.npy --batch-first --expect y.npy\n"
    "  clrnn check cell=lstm,T=50,N=3,I=40,H=128,layers=2,dir=bi,lengths=ragged,seed=7\n"
    "  clrnn check --cell gru --steps 100 --hidden 64\n";

static const char convert_notes[] =
    "IN is any model that run takes. OUT is .npz or .safetensors (a config and PyTorch's names),\n"
    ".keras (Keras 3) or .onnx, by its suffix. Gates are put in order, kernels transposed and "
    "biases\n"
    "split as the format wants; the file is read back and compared bit for bit before it takes "
    "its\n"
    "name. What the format cannot say is refused with the reason: a reset-before GRU in PyTorch's\n"
    "names alone, peepholes in Keras, two biases where there is one (--merge-bias adds them up).\n"
    "\n"
    "  clrnn convert model.keras model.safetensors\n"
    "  clrnn convert torch.safetensors model.onnx --batch-first\n";

static const char bench_notes[] =
    "LIST is values and ranges, separated by commas: 1,16 or 128-1024*2 (128, 256, 512, 1024) or\n"
    "10-50+20 (10, 30, 50). Lists multiply out. A PROBLEM is as check takes it; up to four.\n"
    "\n"
    "A row is a case on an engine with an algorithm: a whole forward pass as its caller waits for\n"
    "it, the plan made, weights resident, x and y in host memory, after warm-up. The engines and\n"
    "algorithms of a case take turns of a few calls, so that noise hits them alike. The data are\n"
    "random by the seed: weights uniform in +-1/sqrt(H), x in [-1, 1).\n"
    "\n"
    "  gflops         flops / median, two for each multiply-add of projection and recurrence\n"
    "  projection_us, recurrence_us, transfer_us\n"
    "                 phases of one more call, with profiling on, which is not timed\n"
    "  peak_fraction  roofline / median, where roofline = max(flops / FMA peak,\n"
    "                 T x bytes of the recurrent weights / bandwidth of reading so many bytes\n"
    "                 over and over). Both are measured at the start of the run: on all units of\n"
    "                 an OpenCL device, in all threads of the cpu engine\n"
    "\n"
    "JSON lines begin with version, commit, device, driver and the peaks; json is one object, "
    "with\n"
    "the rows in `cases`. With --compare a row has old_median_us and old_to_new, which is above 1\n"
    "where the new one is faster; cases that one of both runs has not are named. An algorithm "
    "that\n"
    "a case does not allow is passed over with a note.\n"
    "\n"
    "  clrnn bench --cell rnn,lstm,gru --steps 50 --batch 1,16 --hidden 128-1024*2\n"
    "  clrnn bench --hidden 256 --engine opencl,cpu -a all --duration 2s\n"
    "  clrnn bench cell=lstm,T=50,N=32,H=256 --format jsonl > new.jsonl\n"
    "  clrnn bench cell=lstm,T=50,N=32,H=256 --compare old.jsonl\n";

static const char tune_notes[] =
    "Times forwards of 26 shapes with every algorithm that a plan chooses from, on the best "
    "OpenCL\n"
    "device and on the cpu engine, which should do nothing else meanwhile: some 20 seconds, more\n"
    "where a driver compiles slowly. From them it finds how many lanes a panel should have, and "
    "the\n"
    "speeds that estimate the times best: by these -e auto and -a auto choose. A result is the "
    "same\n"
    "bits on CPU devices, and with --strict everywhere, whatever they choose.\n"
    "\n"
    "It prints the speeds, how well they estimate, and for each shape what is chosen now, what "
    "was\n"
    "chosen untuned, and which was the quickest. The file keeps what it has of other devices; it "
    "is\n"
    "for one driver and number of compute units, and with another one the usual speeds hold "
    "again.\n"
    "\n"
    "  clrnn tune\n"
    "  clrnn tune -e cpu --tuning here.json && clrnn bench --tuning here.json --hidden 64,512\n";

static const char selftest_notes[] =
    "Sees one device from all sides, the best one or that of -d, and prints a table to paste into "
    "a\n"
    "bug report, nothing of your data in it:\n"
    "\n"
    "  device         what it, its driver and the loader say of themselves\n"
    "  arithmetic     seen by small kernels: fma, division, denormals, NaN, long loops, barriers, "
    "and\n"
    "                 the library's tanh and sigmoid in ulp\n"
    "  known answers  every cell by every algorithm that the device allows, with lengths, masks "
    "and\n"
    "                 both directions: held against the equations as check does, and with "
    "--strict\n"
    "                 against the cpu engine's bits\n"
    "  times          of a launch, a barrier, and a step of rnn and lstm by each algorithm\n"
    "  verdict        fine, or what is wrong\n"
    "\n"
    "All of it runs in child processes. A test that says nothing for 20 seconds, or crashes its\n"
    "process, is named and counts as failed; the others go on in a new process. No tuning is "
    "used,\n"
    "and nothing is written. Exit status: 0 fine, 5 a wrong number, 1 something hung, crashed or "
    "was\n"
    "not run, 3 no device.\n"
    "\n"
    "  clrnn selftest > selftest.txt\n"
    "  clrnn selftest -d gpu --json --deadline 300\n";

const command commands[COMMAND_COUNT] = {
    [COMMAND_RUN] = {COMMAND_RUN, "run", cmd_run, "MODEL -i X.npy [-o Y.npz] [options]",
                     "run a model on data", run_notes, 1, 1},
    [COMMAND_SUMMARY] = {COMMAND_SUMMARY, "summary", cmd_summary,
                         "MODEL [--snippet NAME=FILE] [--json]",
                         "layers, output shapes and parameters of a model", NULL, 1, 1},
    [COMMAND_CHECK] = {COMMAND_CHECK, "check", cmd_check,
                       "MODEL -i X.npy [--expect Y.npy] | PROBLEM | --cell NAME [options]",
                       "hold results against the equations in double precision", check_notes, 0, 1},
    [COMMAND_DEVICES] = {COMMAND_DEVICES, "devices", cmd_devices, "[--json]",
                         "OpenCL devices, best first", NULL, 0, 0},
    [COMMAND_BENCH] = {COMMAND_BENCH, "bench", cmd_bench,
                       "--cell LIST --hidden LIST [options] | PROBLEM ... [options]",
                       "time whole forward passes", bench_notes, 0, OPTIONS_MAX_ARGUMENTS},
    [COMMAND_TUNE] = {COMMAND_TUNE, "tune", cmd_tune, "[-e cpu | -d WHICH] [--tuning FILE]",
                      "measure this machine, for what auto chooses", tune_notes, 0, 0},
    [COMMAND_CONVERT] = {COMMAND_CONVERT, "convert", cmd_convert, "IN OUT [--merge-bias]",
                         "a model from one format into another", convert_notes, 2, 2},
    [COMMAND_PLOT] = {.id = COMMAND_PLOT, .name = "plot"},
    [COMMAND_SELFTEST] = {COMMAND_SELFTEST, "selftest", cmd_selftest,
                          "[-d WHICH] [--json] [--deadline SECONDS]",
                          "known answers on one device, as a table for a bug report",
                          selftest_notes, 0, 0},
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
