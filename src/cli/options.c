/*
 * options.c: the table of options and the parser it drives: long options with `=` or a space, short
 * ones in clusters, anywhere behind the command; `--` ends them. Every value is a text here;
 * choices are checked, whatever else a value means is the commands' business.
 */
#include "cli/options.h"

#include "cli/commands.h"
#include "cli/problem_values.h"
#include "cli/report.h"
#include "cli/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RUN (1u << COMMAND_RUN)
#define SUMMARY (1u << COMMAND_SUMMARY)
#define CHECK (1u << COMMAND_CHECK)
#define DEVICES (1u << COMMAND_DEVICES)
#define BENCH (1u << COMMAND_BENCH)
#define TUNE (1u << COMMAND_TUNE)
#define CONVERT (1u << COMMAND_CONVERT)
#define SELFTEST (1u << COMMAND_SELFTEST)
#define VERSION (1u << COMMAND_VERSION)
#define ALL ((1u << COMMAND_COUNT) - 1)
#define HELP_COLUMN 30
#define HELP_WIDTH 78

typedef enum option_kind {
    KIND_FLAG = 0,
    KIND_TEXT,
    KIND_CHOICE, /* argument is "a|b|c" */
    KIND_LATER   /* promised, and refused by this version */
} option_kind;

typedef struct option_row {
    char letter; /* or 0 */
    const char *name;
    const char *argument; /* how --help calls the value; NULL: a flag */
    option_kind kind;
    unsigned commands; /* bits: the commands that take it */
    const char *help;
} option_row;

static const option_row table[OPTION_COUNT] = {
    [OPTION_INPUT] =
        {'i', "input", "[NAME=]FILE", KIND_TEXT, RUN | CHECK,
         "x as .npy or .npz; '-' is standard input. May be given several times: NAME says which "
         "input of an ONNX graph it is; the arrays of an .npz bind by their names"},
    [OPTION_OUTPUT] = {'o', "output", "FILE", KIND_TEXT, RUN,
                       ".npz: output, h_n and, with an lstm, c_n; .npy, or a name without a dot: "
                       "the first output, as .npy; '-': standard output. Without it the outputs "
                       "are described"},
    [OPTION_LENGTHS] = {'l', "lengths", "FILE", KIND_TEXT, RUN | CHECK,
                        "[N] integers, 0..T: the valid steps of each row"},
    [OPTION_MASK] = {'m', "mask", "FILE", KIND_TEXT, RUN | CHECK,
                     "[N][T] booleans, 0: the step keeps the state (models with a config)"},
    [OPTION_INITIAL_STATE] = {0, "initial-state", "FILE", KIND_TEXT, RUN | CHECK,
                              ".npz with h_0 [L*D][N][H] (and c_0), or .npy for h_0 alone; h_n and "
                              "c_n are read as h_0 and c_0; a c_0 that is not there is 0"},
    [OPTION_FINAL_STATE] = {0, "final-state", "FILE", KIND_TEXT, RUN,
                            ".npz with h_n (and c_n): feed it back as --initial-state to go on "
                            "with a stream"},
    [OPTION_BATCH_FIRST] = {0, "batch-first", NULL, KIND_FLAG, RUN | CHECK | CONVERT,
                            "x is [N][T][I] and y [N][T][F]"},
    [OPTION_TIME_FIRST] = {0, "time-first", NULL, KIND_FLAG, RUN | CHECK | CONVERT,
                           "x is [T][N][I] and y [T][N][F] (default, unless a config says so)"},
    [OPTION_NONLINEARITY] = {0, "nonlinearity", "tanh|relu", KIND_CHOICE, RUN | CHECK | CONVERT,
                             "of a vanilla rnn (default tanh)"},
    [OPTION_SNIPPET] = {0, "snippet", "NAME=FILE", KIND_TEXT, RUN | SUMMARY | CHECK | CONVERT,
                        "OpenCL C of what a config calls NAME, a custom cell or activation; may be "
                        "given several times"},
    [OPTION_MERGE_BIAS] = {0, "merge-bias", NULL, KIND_FLAG, CONVERT,
                           "add bias_ih and bias_hh up where the target has one bias: a rounding"},
    [OPTION_ENGINE] = {'e', "engine", "auto|opencl|cpu", KIND_CHOICE, RUN | CHECK | TUNE,
                       "where it runs (default auto; check and tune: both)"},
    [OPTION_DEVICE] = {'d', "device", "WHICH", KIND_TEXT, RUN | CHECK | TUNE | SELFTEST,
                       "index, P:D, part of a name, gpu or cpu; also in the environment variable "
                       "CLRNN_DEVICE"},
    [OPTION_ALGORITHM] = {'a', "algorithm", "NAME", KIND_TEXT, RUN | CHECK,
                          "force one; 'list' prints which this device and shape allow, and why "
                          "not the others; one that is not allowed ends with exit status 1"},
    [OPTION_STRICT] = {0, "strict", NULL, KIND_FLAG, RUN | CHECK,
                       "the same bits on every engine, device and algorithm, or a refusal"},
    [OPTION_WEIGHTS] =
        {0, "weights", "fp32|fp16|bf16", KIND_CHOICE, RUN | CHECK,
         "keep weight_hh (and weight_hr) in 16 bits, rounded: faster where a step waits "
         "for them; check says what that costs"},
    [OPTION_CHUNK] =
        {0, "chunk", "T", KIND_TEXT, RUN | CHECK,
         "work in pieces of T steps, layer by layer, reverse layers from the end (same "
         "result)"},
    [OPTION_ROWS] =
        {0, "rows", "A:B", KIND_TEXT, RUN | CHECK,
         "only the rows A to B - 1 of the batch; without A from 0, without B to the end"},
    [OPTION_SHA256] = {0, "sha256", NULL, KIND_FLAG, RUN, "print the SHA-256 of each output"},
    [OPTION_MEMORY_LIMIT] = {0, "memory-limit", "SIZE", KIND_TEXT, RUN | CHECK,
                             "of device memory beside weights and states, in bytes or as 64M, "
                             "1.5GiB, 2GB (same result, more passes)"},
    [OPTION_PROFILE] = {0, "profile", NULL, KIND_FLAG, RUN,
                        "time by phase and memory, on standard error"},
    [OPTION_TRACE] = {0, "trace", "FILE", KIND_TEXT, RUN,
                      "when each part of the plan and of the run was busy, as Chrome's trace JSON "
                      "for chrome://tracing and ui.perfetto.dev"},
    [OPTION_TUNING] = {0, "tuning", "FILE", KIND_TEXT, RUN | CHECK | BENCH | TUNE,
                       "what tune learnt of this machine, or none (default clrnn/tuning.json in "
                       "XDG_DATA_HOME, else in ~/.local/share)"},
    [OPTION_EXPECT] =
        {0, "expect", "FILE", KIND_TEXT, CHECK,
         "judge this y too: .npy, or .npz with output (and output_l0 ..., h_n, c_n); of "
         "a whole model its outputs by name"},
    [OPTION_EXPECT_STATE] =
        {0, "expect-state", "FILE", KIND_TEXT, CHECK,
         ".npz with h_n (and c_n) that belong to --expect; of a whole model its states"},
    [OPTION_CELL] = {0, "cell", "NAME", KIND_TEXT, CHECK, "key cell of the problem"},
    [OPTION_STEPS] = {0, "steps", "T", KIND_TEXT, CHECK, "key T"},
    [OPTION_BATCH] = {0, "batch", "N", KIND_TEXT, CHECK, "key N"},
    [OPTION_INPUTS] = {0, "inputs", "I", KIND_TEXT, CHECK, "key I"},
    [OPTION_HIDDEN] = {0, "hidden", "H", KIND_TEXT, CHECK, "key H"},
    [OPTION_LAYERS] = {0, "layers", "L", KIND_TEXT, CHECK, "key layers"},
    [OPTION_DIRECTION] = {0, "direction", "DIR", KIND_TEXT, CHECK, "key dir"},
    [OPTION_START] = {0, "start", "zero|random", KIND_CHOICE, CHECK, "key start"},
    [OPTION_GAIN] = {0, "gain", "G", KIND_TEXT, CHECK, "key gain"},
    [OPTION_SEED] = {0, "seed", "S", KIND_TEXT, RUN | CHECK, "key seed"},
    [OPTION_RUNS] = {0, "runs", "N", KIND_TEXT, BENCH,
                     "time N calls for each row; without it, as many as --duration allows"},
    [OPTION_DURATION] = {0, "duration", "TIME", KIND_TEXT, BENCH,
                         "time calls for so long for each row, as 2s or 500ms (default 500ms), and "
                         "at least 5 of them"},
    [OPTION_FORMAT] = {0, "format", "md|csv|json|jsonl", KIND_CHOICE, BENCH,
                       "of the table (default md); jsonl is one object a line"},
    [OPTION_COMPARE] = {0, "compare", "OLD.json", KIND_TEXT, BENCH,
                        "set the old medians beside the new ones: OLD is what --format json or "
                        "jsonl printed"},
    [OPTION_TRAINING] = {0, "training", NULL, KIND_LATER, BENCH, NULL},
    [OPTION_DEADLINE] = {0, "deadline", "SECONDS", KIND_TEXT, SELFTEST,
                         "end after so long, whatever is left (default 120)"},
    [OPTION_JSON] = {0, "json", NULL, KIND_FLAG,
                     RUN | SUMMARY | CHECK | DEVICES | BENCH | TUNE | SELFTEST | VERSION,
                     "one JSON value instead of text"},
    [OPTION_VERBOSE] = {'v', "verbose", NULL, KIND_FLAG, ALL,
                        "say more on standard error; of -v and -q the last one counts"},
    [OPTION_QUIET] = {'q', "quiet", NULL, KIND_FLAG, ALL,
                      "nothing on standard error but errors (and --profile)"},
    [OPTION_PROGRESS] = {0, "progress", "auto|always|never", KIND_CHOICE, ALL,
                         "a line that says how far it is (default auto: on terminals)"},
    [OPTION_COLOR] = {0, "color", "auto|always|never", KIND_CHOICE, ALL,
                      "default auto: on terminals, unless NO_COLOR is set"},
    [OPTION_HELP] = {'h', "help", NULL, KIND_FLAG, ALL, "this text"},
};

/* What bench takes under the same names: lists. A row stands for that of `table`. */
static const option_row lists_of_bench[OPTION_COUNT] = {
    [OPTION_CELL] = {0, "cell", "LIST", KIND_TEXT, BENCH,
                     "rnn, rnn-relu, lstm, gru, gru-before (default rnn)"},
    [OPTION_STEPS] = {0, "steps", "LIST", KIND_TEXT, BENCH, "T (default 50)"},
    [OPTION_BATCH] = {0, "batch", "LIST", KIND_TEXT, BENCH, "N (default 1)"},
    [OPTION_INPUTS] = {0, "inputs", "LIST", KIND_TEXT, BENCH, "I (default: as H)"},
    [OPTION_HIDDEN] = {0, "hidden", "LIST", KIND_TEXT, BENCH, "H (default 128)"},
    [OPTION_LAYERS] = {0, "layers", "LIST", KIND_TEXT, BENCH, "L (default 1)"},
    [OPTION_DIRECTION] = {0, "direction", "LIST", KIND_TEXT, BENCH,
                          "forward, reverse, bidirectional (default forward)"},
    [OPTION_ENGINE] = {'e', "engine", "LIST", KIND_TEXT, BENCH,
                       "auto, opencl, cpu (default auto), timed in turns"},
    [OPTION_DEVICE] = {'d', "device", "WHICH", KIND_TEXT, BENCH,
                       "index, P:D, part of a name, gpu or cpu; also in the environment variable "
                       "CLRNN_DEVICE"},
    [OPTION_ALGORITHM] = {'a', "algorithm", "LIST", KIND_TEXT, BENCH,
                          "names, auto, or all that a case allows (default auto), timed in turns"},
    [OPTION_SEED] = {0, "seed", "S", KIND_TEXT, BENCH, "of weights and inputs (default 0)"},
};

const char *options_shown(const char *text) {
    return text[0] != 0 ? text : "''";
}

/* ---- the parser ------------------------------------------------------------------------------ */

static const option_row *row_of(const command *which, option_id id) {
    const int is_own = which->id == COMMAND_BENCH && lists_of_bench[id].name != NULL;
    return is_own ? &lists_of_bench[id] : &table[id];
}

static int takes(const command *which, option_id id) {
    return (row_of(which, id)->commands & (1u << which->id)) != 0;
}

static int refuse_unknown(const command *which, const char *typed, const char *name) {
    const char *names[OPTION_COUNT];
    size_t count = 0;
    for (int id = 0; id < OPTION_COUNT; id++) {
        if (takes(which, (option_id)id) && table[id].kind != KIND_LATER) {
            names[count++] = table[id].name;
        }
    }
    const char *nearest = suggest_nearest(name, names, count);
    (void)report_fail(REPORT_USAGE, "%s: there is no such option", typed);
    if (nearest != NULL) {
        report_hint("did you mean --%s?", nearest);
    } else {
        report_hint("clrnn %s --help lists the options", which->name);
    }
    return REPORT_USAGE;
}

static int check_choice(const option_row *row, const char *value) {
    char text[64];
    const char *choices[8];
    size_t count = 0;
    char *rest = NULL;
    (void)snprintf(text, sizeof text, "%s", row->argument);
    for (char *choice = strtok_r(text, "|", &rest); choice != NULL;
         choice = strtok_r(NULL, "|", &rest)) {
        if (strcmp(choice, value) == 0) {
            return REPORT_FINE;
        }
        choices[count++] = choice;
    }
    const char *nearest = suggest_nearest(value, choices, count);
    (void)report_fail(REPORT_USAGE, "--%s %s: must be one of %s", row->name, options_shown(value),
                      row->argument);
    if (row == &table[OPTION_ENGINE] && strcasecmp(value, "gpu") == 0) {
        report_hint("-e opencl -d gpu");
    } else if (nearest != NULL) {
        report_hint("did you mean %s?", nearest);
    }
    return REPORT_USAGE;
}

/* `typed` is the option as it stands on the line, for messages. */
static int take(options *out, option_id id, const char *typed, const char *value, int place) {
    const option_row *row = row_of(out->command, id);
    if (!takes(out->command, id)) {
        return report_fail(REPORT_USAGE, "%s: not an option of this command", typed);
    }
    if (row->kind == KIND_LATER) {
        return report_fail(REPORT_USAGE, "--%s: this version does not have it yet", row->name);
    }
    if (row->kind == KIND_TEXT && value[0] == 0) {
        return report_fail(REPORT_USAGE, "%s '': needs a value: %s", typed, row->argument);
    }
    if ((id == OPTION_BATCH_FIRST && out->given[OPTION_TIME_FIRST]) ||
        (id == OPTION_TIME_FIRST && out->given[OPTION_BATCH_FIRST])) {
        return report_fail(REPORT_USAGE, "--batch-first and --time-first: only one can hold");
    }
    if (id == OPTION_SNIPPET || id == OPTION_INPUT) {
        const int is_input = id == OPTION_INPUT;
        const char **list = is_input ? out->inputs : out->snippets;
        int *count = is_input ? &out->num_inputs : &out->num_snippets;
        const int most = is_input ? OPTIONS_MAX_INPUTS : OPTIONS_MAX_SNIPPETS;
        if (*count == most) {
            return report_fail(REPORT_USAGE, "%s %s: at most %d are taken", typed, value, most);
        }
        list[(*count)++] = value;
    } else if (row->kind == KIND_TEXT && out->repeated[id] > 0) {
        return report_fail(REPORT_USAGE, "%s is given twice: %s and %s", typed, out->value[id],
                           value);
    }
    if (row->kind == KIND_CHOICE && check_choice(row, value) != REPORT_FINE) {
        return REPORT_USAGE;
    }
    out->value[id] = value;
    out->given[id] = place + 1;
    out->repeated[id]++;
    return REPORT_FINE;
}

static int is_refused(const options *out, option_id id) {
    return !takes(out->command, id) || table[id].kind == KIND_LATER;
}

static int parse_long(options *out, int argc, char *const *argv, int *place) {
    const char *typed = argv[*place];
    const char *equals = strchr(typed, '=');
    char name[64];
    int id = 0;
    int length = equals != NULL ? (int)(equals - typed) - 2 : (int)strlen(typed) - 2;
    (void)snprintf(name, sizeof name, "%.*s", length, typed + 2);
    while (id < OPTION_COUNT && strcmp(table[id].name, name) != 0) {
        id++;
    }
    if (id == OPTION_COUNT) {
        char dashed[sizeof name + 2];
        (void)snprintf(dashed, sizeof dashed, "--%s", name);
        return refuse_unknown(out->command, dashed, name);
    }
    const char *value = equals != NULL ? equals + 1 : NULL;
    (void)snprintf(name, sizeof name, "--%s", table[id].name);
    if (value != NULL && table[id].argument == NULL) {
        return report_fail(REPORT_USAGE, "%s takes no value, got %s", name, value);
    }
    if (value == NULL && table[id].argument != NULL && !is_refused(out, (option_id)id)) {
        if (*place + 1 >= argc) {
            return report_fail(REPORT_USAGE, "%s needs a value: %s", name,
                               row_of(out->command, (option_id)id)->argument);
        }
        value = argv[++*place];
    }
    return take(out, (option_id)id, name, value, *place);
}

/* A cluster: flags, and at its end an option that takes the rest or the next word as its value. */
static int parse_short(options *out, int argc, char *const *argv, int *place) {
    const char *letters = argv[*place] + 1;
    while (*letters != 0) {
        char typed[3] = {'-', *letters, 0};
        int id = 0;
        while (id < OPTION_COUNT && table[id].letter != *letters) {
            id++;
        }
        if (id == OPTION_COUNT) {
            return refuse_unknown(out->command, typed, typed + 1);
        }
        letters++;
        const char *value = NULL;
        if (table[id].argument != NULL && !is_refused(out, (option_id)id)) {
            if (*letters != 0) {
                value = letters;
            } else if (*place + 1 < argc) {
                value = argv[++*place];
            } else {
                return report_fail(REPORT_USAGE, "%s needs a value: %s", typed,
                                   row_of(out->command, (option_id)id)->argument);
            }
            letters += strlen(letters);
        }
        int code = take(out, (option_id)id, typed, value, *place);
        if (code != REPORT_FINE) {
            return code;
        }
    }
    return REPORT_FINE;
}

static int parse_argument(options *out, const char *argument) {
    if (out->num_arguments == out->command->max_arguments) {
        (void)report_fail(REPORT_USAGE, "%s: one argument too many", argument);
        report_hint("usage: clrnn %s %s", out->command->name, out->command->synopsis);
        return REPORT_USAGE;
    }
    if (argument[0] == 0) {
        return report_fail(REPORT_USAGE, "'': an argument is empty: %s", out->command->synopsis);
    }
    out->arguments[out->num_arguments++] = argument;
    return REPORT_FINE;
}

int options_parse(options *out, const command *which, int argc, char *const *argv) {
    int only_arguments = 0;
    memset(out, 0, sizeof *out);
    out->command = which;
    for (int place = 0; place < argc && !out->given[OPTION_HELP]; place++) {
        const char *word = argv[place];
        int code;
        if (only_arguments || word[0] != '-' || word[1] == 0) {
            code = parse_argument(out, word);
        } else if (strcmp(word, "--") == 0) {
            only_arguments = 1;
            continue;
        } else if (word[1] == '-') {
            code = parse_long(out, argc, argv, &place);
        } else {
            code = parse_short(out, argc, argv, &place);
        }
        if (code != REPORT_FINE) {
            return code;
        }
    }
    if (out->num_arguments < which->min_arguments && !out->given[OPTION_HELP]) {
        (void)report_fail(REPORT_USAGE, "an argument is missing: %s", which->synopsis);
        report_hint("clrnn %s --help says more", which->name);
        return REPORT_USAGE;
    }
    return REPORT_FINE;
}

/* ---- values ---------------------------------------------------------------------------------- */

const char *options_name(option_id id) {
    return table[id].name;
}

int options_integer(int64_t *out, const options *opts, option_id id, int64_t min, int64_t max,
                    int64_t fallback) {
    const char *text = opts->value[id];
    char *end = NULL;
    if (text == NULL) {
        *out = fallback;
        return REPORT_FINE;
    }
    errno = 0;
    long long value = strtoll(text, &end, 10);
    int is_number = (text[0] >= '0' && text[0] <= '9') || text[0] == '-';
    if (!is_number || *end != 0 || errno != 0 || value < min || value > max) {
        return report_fail(REPORT_USAGE, "--%s %s: needs a whole number from %lld to %lld",
                           table[id].name, options_shown(text), (long long)min, (long long)max);
    }
    *out = value;
    return REPORT_FINE;
}

int options_size(uint64_t *out, const options *opts, option_id id) {
    const char *text = opts->value[id];
    *out = 0;
    if (text != NULL && (!problem_read_size(out, text) || *out == 0)) {
        (void)report_fail(REPORT_USAGE, "--%s %s: needs a number of bytes above 0", table[id].name,
                          options_shown(text));
        report_hint("such as 67108864, 64M, 1.5GiB or 2GB");
        return REPORT_USAGE;
    }
    return REPORT_FINE;
}

int options_seed(const options *opts) {
    const char *text = opts->value[OPTION_SEED];
    if (text == NULL) {
        return REPORT_FINE;
    }
    errno = 0;
    (void)strtoull(text, NULL, 10);
    if (text[0] == 0 || strspn(text, "0123456789") != strlen(text) || errno != 0) {
        return report_fail(REPORT_USAGE, "--seed %s: needs a whole number from 0 to %llu",
                           options_shown(text), (unsigned long long)UINT64_MAX);
    }
    return REPORT_FINE;
}

int options_batch_first(const options *opts, int fallback) {
    int batch = opts->given[OPTION_BATCH_FIRST];
    int time = opts->given[OPTION_TIME_FIRST];
    return batch == time ? fallback : batch > time;
}

/* ---- help ------------------------------------------------------------------------------------ */

/* Words of text from HELP_COLUMN on; the cursor stands at column `at`. */
static void print_wrapped(const char *text, int at) {
    int column = at;
    if (column > HELP_COLUMN - 2) {
        (void)putchar('\n');
        column = 0;
    }
    (void)printf("%*s", HELP_COLUMN - column, "");
    column = HELP_COLUMN;
    while (*text != 0) {
        int length = (int)strcspn(text, " ");
        if (column > HELP_COLUMN && column + 1 + length > HELP_WIDTH) {
            (void)printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    (void)putchar('\n');
}

void options_print(const command *which) {
    for (int id = 0; id < OPTION_COUNT; id++) {
        const option_row *row = row_of(which, (option_id)id);
        char letter[8] = "    ";
        /* run takes a seed, so that both commands take the same line, and has no use for it */
        const int is_idle = id == OPTION_SEED && which->id == COMMAND_RUN;
        if (!takes(which, (option_id)id) || row->kind == KIND_LATER || is_idle) {
            continue;
        }
        if (row->letter != 0) {
            (void)snprintf(letter, sizeof letter, "-%c, ", row->letter);
        }
        int at = printf("  %s--%s%s%s", letter, row->name, row->argument != NULL ? " " : "",
                        row->argument != NULL ? row->argument : "");
        print_wrapped(row->help, at);
    }
}
