/* bench_grid.c: see bench_grid.h. What a single value may be is the problem's business. */
#include "cli/bench_grid.h"

#include "cli/commands.h"
#include "cli/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists and ranges ------------------------------------------------------------------------ */

static int add_word(bench_words *out, const char *option, const char *word) {
    if (out->count == BENCH_MAX_CASES) {
        return report_fail(REPORT_USAGE, "--%s: has more than %d values", option, BENCH_MAX_CASES);
    }
    char **more = realloc(out->words, ((size_t)out->count + 1) * sizeof *more);
    char *copy = strdup(word);
    if (more == NULL || copy == NULL) {
        out->words = more != NULL ? more : out->words;
        free(copy);
        return report_fail(REPORT_FAILED, "out of memory");
    }
    out->words = more;
    out->words[out->count++] = copy;
    return REPORT_FINE;
}

/* A whole number at *text, which is moved behind it; 0 if there is none. */
static int take_number(int64_t *out, const char **text) {
    char *end = NULL;
    if ((*text)[0] < '0' || (*text)[0] > '9') {
        return 0;
    }
    errno = 0;
    *out = strtoll(*text, &end, 10);
    *text = end;
    return errno == 0;
}

/* FROM-TO*FACTOR or FROM-TO+STEP */
static int add_range(bench_words *out, const char *option, const char *word) {
    const char *rest = word;
    int64_t from = 0;
    int64_t to = 0;
    int64_t by = 0;
    int is_range = take_number(&from, &rest) && *rest++ == '-' && take_number(&to, &rest);
    const char kind = is_range ? *rest : 0;
    if (is_range && kind == 0) {
        (void)report_fail(REPORT_USAGE, "--%s %s: a range needs a factor or a step", option, word);
        report_hint("%s*2 doubles, %s+32 counts on", word, word);
        return REPORT_USAGE;
    }
    rest += is_range;
    is_range = (kind == '*' || kind == '+') && take_number(&by, &rest) && *rest == 0;
    if (!is_range) {
        (void)report_fail(REPORT_USAGE, "--%s %s: needs a number or a range", option, word);
        report_hint("128-1024*2 is 128,256,512,1024, and 10-50+20 is 10,30,50");
        return REPORT_USAGE;
    }
    if (from > to) {
        return report_fail(REPORT_USAGE, "--%s %s: a range rises, got %lld to %lld", option, word,
                           (long long)from, (long long)to);
    }
    if (by < (kind == '*' ? 2 : 1) || (kind == '*' && from < 1)) {
        return report_fail(REPORT_USAGE,
                           "--%s %s: a factor is at least 2 and begins at 1 or more, a step is at "
                           "least 1; got %lld%c%lld",
                           option, word, (long long)from, kind, (long long)by);
    }
    int code = REPORT_FINE;
    for (int64_t value = from; code == REPORT_FINE;) {
        char text[24];
        (void)snprintf(text, sizeof text, "%lld", (long long)value);
        code = add_word(out, option, text);
        if (kind == '*' ? value > to / by : value > to - by) {
            break;
        }
        value = kind == '*' ? value * by : value + by;
    }
    return code;
}

int bench_words_read(bench_words *out, const char *option, const char *text, int has_ranges) {
    char *copy = strdup(text);
    char *word = copy;
    int code = copy != NULL ? REPORT_FINE : report_fail(REPORT_FAILED, "out of memory");
    while (code == REPORT_FINE && word != NULL) {
        char *comma = strchr(word, ',');
        if (comma != NULL) {
            *comma = 0;
        }
        if (word[0] == 0) {
            code = report_fail(REPORT_USAGE, "--%s %s: an entry of the list is empty", option,
                               options_shown(text));
        } else if (has_ranges && strspn(word, "0123456789") != strlen(word)) {
            code = add_range(out, option, word);
        } else {
            code = add_word(out, option, word);
        }
        word = comma != NULL ? comma + 1 : NULL;
    }
    free(copy);
    return code;
}

void bench_words_free(bench_words *words) {
    for (int i = 0; i < words->count; i++) {
        free(words->words[i]);
    }
    free(words->words);
    memset(words, 0, sizeof *words);
}

/* ---- cases ----------------------------------------------------------------------------------- */

/* From the slowest to the fastest in the table: the last one changes from row to row. */
static const struct {
    option_id id;
    const char *key;
    int has_ranges;
} axes[] = {
    {OPTION_CELL, "cell", 0}, {OPTION_LAYERS, "layers", 1}, {OPTION_DIRECTION, "dir", 0},
    {OPTION_STEPS, "T", 1},   {OPTION_BATCH, "N", 1},       {OPTION_INPUTS, "I", 1},
    {OPTION_HIDDEN, "H", 1},
};
#define NUM_AXES ((int)(sizeof axes / sizeof axes[0]))

static int fail_problem(const char *where, const problem_error *error) {
    (void)report_fail(REPORT_USAGE, "%s: %s", where, error->message);
    if (error->hint[0] != 0) {
        report_hint("%s", error->hint);
    }
    return REPORT_USAGE;
}

static int set_seed(problem *task, const options *opts) {
    problem_error error;
    const char *seed = opts->value[OPTION_SEED];
    if (seed != NULL && !problem_set(task, "seed", seed, &error)) {
        return fail_problem("--seed", &error);
    }
    return REPORT_FINE;
}

/* The case of the places on the axes. */
static int make_case(problem *out, const options *opts, const bench_words *lists,
                     const int *places) {
    problem_error error;
    problem_init(out);
    int code = set_seed(out, opts);
    for (int axis = 0; axis < NUM_AXES && code == REPORT_FINE; axis++) {
        if (lists[axis].count > 0 &&
            !problem_set(out, axes[axis].key, lists[axis].words[places[axis]], &error)) {
            char where[64];
            (void)snprintf(where, sizeof where, "--%s", options_name(axes[axis].id));
            code = fail_problem(where, &error);
        }
    }
    if (code == REPORT_FINE && !problem_finish(out, &error)) {
        code = fail_problem("case", &error);
    }
    return code;
}

static int multiply_out(bench_grid *out, const options *opts, const bench_words *lists) {
    int places[sizeof axes / sizeof axes[0]] = {0};
    int64_t total = 1;
    int code = REPORT_FINE;
    for (int axis = 0; axis < NUM_AXES; axis++) {
        total *= lists[axis].count > 0 ? lists[axis].count : 1;
        if (total > BENCH_MAX_CASES) {
            return report_fail(REPORT_USAGE, "the lists multiply to more than %d cases",
                               BENCH_MAX_CASES);
        }
    }
    out->cases = calloc((size_t)total, sizeof *out->cases);
    if (out->cases == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    for (out->count = 0; out->count < total && code == REPORT_FINE; out->count++) {
        code = make_case(&out->cases[out->count], opts, lists, places);
        for (int axis = NUM_AXES - 1; axis >= 0 && ++places[axis] >= lists[axis].count; axis--) {
            places[axis] = 0;
        }
    }
    return code;
}

static int read_problems(bench_grid *out, const options *opts) {
    problem_error error;
    int code = REPORT_FINE;
    for (int axis = 0; axis < NUM_AXES; axis++) {
        if (opts->given[axes[axis].id]) {
            return report_fail(REPORT_USAGE, "--%s: a problem says that itself: %s",
                               options_name(axes[axis].id), opts->arguments[0]);
        }
    }
    out->cases = calloc((size_t)opts->num_arguments, sizeof *out->cases);
    if (out->cases == NULL) {
        return report_fail(REPORT_FAILED, "out of memory");
    }
    for (out->count = 0; out->count < opts->num_arguments && code == REPORT_FINE; out->count++) {
        problem *task = &out->cases[out->count];
        problem_init(task);
        code = set_seed(task, opts);
        if (code == REPORT_FINE && (!problem_apply(task, opts->arguments[out->count], &error) ||
                                    !problem_finish(task, &error))) {
            code = fail_problem("problem", &error);
        }
    }
    return code;
}

int bench_grid_read(bench_grid *out, const options *opts) {
    bench_words lists[sizeof axes / sizeof axes[0]] = {0};
    int is_named = 0;
    int code = REPORT_FINE;
    if (opts->num_arguments > 0) {
        return read_problems(out, opts);
    }
    for (int axis = 0; axis < NUM_AXES; axis++) {
        const char *text = opts->value[axes[axis].id];
        is_named |= text != NULL;
        if (text != NULL) {
            TRY(bench_words_read(&lists[axis], options_name(axes[axis].id), text,
                                 axes[axis].has_ranges));
        }
    }
    if (!is_named) {
        code = report_fail(REPORT_USAGE, "nothing to time: %s", opts->command->synopsis);
        report_hint("clrnn bench --cell lstm --steps 50 --batch 1,32 --hidden 128-512*2");
        goto out;
    }
    TRY(multiply_out(out, opts, lists));
out:
    for (int axis = 0; axis < NUM_AXES; axis++) {
        bench_words_free(&lists[axis]);
    }
    return code;
}

void bench_grid_free(bench_grid *grid) {
    free(grid->cases);
    memset(grid, 0, sizeof *grid);
}
