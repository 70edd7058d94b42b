/*
 * options.h: the command line. One table (options.c) drives parsing, refusals and --help.
 */
#ifndef CLRNN_CLI_OPTIONS_H
#define CLRNN_CLI_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

struct command;

typedef enum option_id {
    OPTION_INPUT,
    OPTION_OUTPUT,
    OPTION_LENGTHS,
    OPTION_MASK,
    OPTION_INITIAL_STATE,
    OPTION_FINAL_STATE,
    OPTION_BATCH_FIRST,
    OPTION_TIME_FIRST,
    OPTION_NONLINEARITY,
    OPTION_SNIPPET,
    OPTION_ENGINE,
    OPTION_DEVICE,
    OPTION_ALGORITHM,
    OPTION_STRICT,
    OPTION_WEIGHTS,
    OPTION_CHUNK,
    OPTION_ROWS,
    OPTION_SHA256,
    OPTION_MEMORY_LIMIT,
    OPTION_PROFILE,
    OPTION_TRACE,
    OPTION_TUNING,
    OPTION_MERGE_BIAS,
    OPTION_EXPECT,
    OPTION_EXPECT_STATE,
    OPTION_CELL,
    OPTION_STEPS,
    OPTION_BATCH,
    OPTION_INPUTS,
    OPTION_HIDDEN,
    OPTION_LAYERS,
    OPTION_DIRECTION,
    OPTION_START,
    OPTION_GAIN,
    OPTION_SEED,
    OPTION_RUNS,
    OPTION_DURATION,
    OPTION_FORMAT,
    OPTION_COMPARE,
    OPTION_TRAINING,
    OPTION_DEADLINE,
    OPTION_JSON,
    OPTION_VERBOSE,
    OPTION_QUIET,
    OPTION_PROGRESS,
    OPTION_COLOR,
    OPTION_HELP,
    OPTION_COUNT
} option_id;

#define OPTIONS_MAX_ARGUMENTS 4
#define OPTIONS_MAX_SNIPPETS 32
#define OPTIONS_MAX_INPUTS 32

typedef struct options {
    const struct command *command;
    const char *value[OPTION_COUNT]; /* the last one given; NULL: none, or a flag */
    int given[OPTION_COUNT];         /* 0, or 1 + its place on the line: the later one wins */
    int repeated[OPTION_COUNT];      /* how often it was given */
    const char *arguments[OPTIONS_MAX_ARGUMENTS];
    int num_arguments;
    const char *snippets[OPTIONS_MAX_SNIPPETS]; /* every --snippet */
    int num_snippets;
    const char *inputs[OPTIONS_MAX_INPUTS]; /* every --input */
    int num_inputs;
} options;

/* argv without the program's and the command's name. Reports what is wrong with it; gives the exit
 * code. Stops at --help. */
int options_parse(options *out, const struct command *command, int argc, char *const *argv);

/* Prints the options of a command to standard output. */
void options_print(const struct command *command);
/* "-i", "--chunk": as it is called in messages. */
const char *options_name(option_id id);

/* A value for messages: '' where it is empty. */
const char *options_shown(const char *text);

/* A value as a whole number; `fallback` where the option was not given. */
int options_integer(int64_t *out, const options *opts, option_id id, int64_t min, int64_t max,
                    int64_t fallback);
/* A value as a number of bytes, at least 1; 0 where the option was not given. */
int options_size(uint64_t *out, const options *opts, option_id id);
/* Refuses a --seed that is no whole number; what it means is the problem's business. */
int options_seed(const options *opts);
/* 1 where --batch-first holds, 0 where --time-first does; `fallback` where neither was given. */
int options_batch_first(const options *opts, int fallback);

#endif
