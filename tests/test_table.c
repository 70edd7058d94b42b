/*
 * test_table.c: random nets: cells x layers x directions x lengths and masks x states x activations
 * x clips, each held against the equations by residual and bound, on the cpu engine and on every
 * OpenCL device, whose bits must be the cpu engine's.
 *
 * A failure prints its problem string, which `clrnn check` takes and makes the same data of.
 * CLRNN_CASES says how many: 2000 by default, of at most 100 compiled programs a device, since these
 * are what takes time; with CLRNN_LONG 20000, of the programs of 50 random recipes. CLRNN_SEED begins
 * another table.
 */
#include "cl/cl_internal.h"
#include "problem_run.h"
#include "suites.h"
#include "support.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASES = 2000, LONG_CASES = 20000, LONG_RECIPES = 50, MOST_PROGRAMS = 100, MAX_LAYERS = 3 };

/* ---- problems -------------------------------------------------------------------------------- */

/* What a program's text depends on: the same few in a short run, so that they are compiled once. */
static const struct recipe {
    const char *options;
    const char *cells; /* letters of cell_names */
    const char *acts[CLRNN_MAX_ACTS];
} recipes[] = {
    {"", "rRlgb", {NULL}},
    {",clip=0.7", "rlgb", {NULL}},
    {",peep=1,P=2,fbias=0.5,cellclip=0.6", "l", {NULL}},
    {",peep=1,couple=forget,clip=0.9", "l", {NULL}},
    {",couple=input,cellclip=0.4,fbias=-0.25", "l", {NULL}},
    {"", "rlgb", {"hard_sigmoid:0.25:0.5", "softsign", "leaky_relu:0.125", "swish", "gelu"}},
    {",clip=1.5", "lgb", {"sigmoid", "elu:0.5", "softplus", "selu", "scaled_tanh:0.75:1.5"}},
    {",cellclip=2",
     "l",
     {"affine:0.5:0.25", "thresholded_relu:0.25", "linear", "relu6", "hard_tanh"}},
};
enum { RECIPES = sizeof recipes / sizeof recipes[0] };

static const struct {
    char letter;
    const char *name;
} cell_names[] = {
    {'r', "rnn"}, {'R', "rnn-relu"}, {'l', "lstm"}, {'g', "gru"}, {'b', "gru-before"}};

static int below(uint64_t *seed, int end) {
    return (int)(test_random(seed) % (uint64_t)end);
}

static const char *cell_of_letter(char letter) {
    size_t i = 0;
    while (cell_names[i].letter != letter) {
        i++;
    }
    return cell_names[i].name;
}

struct line {
    char text[1024];
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...) {
    va_list args;
    const size_t used = strlen(line->text);
    va_start(args, format);
    vsnprintf(line->text + used, sizeof line->text - used, format, args);
    va_end(args);
}

static const char *pick(uint64_t *seed, const char *const *words, int count) {
    return words[below(seed, count)];
}

/* An activation with parameters, any of them. */
static void add_any_act(struct line *line, uint64_t *seed) {
    static const char *const acts[] = {"tanh",
                                       "sigmoid",
                                       "relu",
                                       "linear",
                                       "hard_sigmoid",
                                       "elu:0.75",
                                       "selu",
                                       "softsign",
                                       "softplus",
                                       "leaky_relu:0.25",
                                       "thresholded_relu:0.125",
                                       "affine:0.5:0.125",
                                       "scaled_tanh:1.25:0.75",
                                       "gelu",
                                       "gelu_tanh",
                                       "swish",
                                       "swish:1.5",
                                       "exponential",
                                       "relu6",
                                       "celu:0.5",
                                       "hard_tanh",
                                       "log_sigmoid",
                                       "mish"};
    add(line, "%s", pick(seed, acts, sizeof acts / sizeof acts[0]));
}

/* Options of a long run: any activations, clips and variants of the lstm. */
static void add_any_options(struct line *line, uint64_t *seed, int has_lstm) {
    static const char *const couples[] = {"none", "forget", "input"};
    if (below(seed, 3) == 0) {
        add(line, ",clip=%g", 0.25 * (1 + below(seed, 8)));
    }
    if (has_lstm) {
        add(line, ",couple=%s,peep=%d", pick(seed, couples, 3), below(seed, 2));
        add(line, ",fbias=%g,cellclip=%g,P=%d", 0.25 * (below(seed, 5) - 2), 0.5 * below(seed, 4),
            below(seed, 3));
    }
}

/* Activations for as many slots as a layer has. */
static void add_acts(struct line *line, const char *key, int slots, const char *const *acts,
                     uint64_t *seed) {
    add(line, ",%s=", key);
    for (int slot = 0; slot < slots; slot++) {
        add(line, slot > 0 ? "+" : "");
        if (acts != NULL) {
            add(line, "%s", acts[slot]);
        } else {
            add_any_act(line, seed);
        }
    }
}

static int slots_of(char letter) {
    return letter == 'l' ? 5 : letter == 'g' || letter == 'b' ? 3 : 1;
}

/* What the layers of a case are. */
struct stack {
    int layers, slots, has_lstm, has_bi;
};

static void add_cells(struct line *line, struct stack *stack, const char *letters, uint64_t *seed) {
    add(line, "cell=");
    for (int layer = 0; layer < stack->layers; layer++) {
        const char letter = letters[below(seed, (int)strlen(letters))];
        stack->has_lstm |= letter == 'l';
        stack->slots = slots_of(letter) > stack->slots ? slots_of(letter) : stack->slots;
        add(line, "%s%s", layer > 0 ? "+" : "", cell_of_letter(letter));
    }
}

static void add_sizes(struct line *line, struct stack *stack, int widest, int fewest_rows,
                      uint64_t *seed) {
    static const char *const directions[] = {"forward", "reverse", "bi"};
    static const int sizes[] = {4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65};
    add(line, ",T=%d,N=%d,I=%d,H=", 1 + below(seed, 9), fewest_rows + below(seed, 6),
        1 + below(seed, 9));
    for (int layer = 0; layer < stack->layers; layer++) {
        add(line, "%s%d", layer > 0 ? "+" : "", sizes[below(seed, widest)]);
    }
    add(line, ",layers=%d,dir=", stack->layers);
    for (int layer = 0; layer < stack->layers; layer++) {
        const int direction = below(seed, 3);
        stack->has_bi |= direction == 2;
        add(line, "%s%s", layer > 0 ? "+" : "", directions[direction]);
    }
}

/* The options and activations of a random recipe: those of its own seed. */
static void add_random_recipe(struct line *line, const struct stack *stack, uint64_t seed) {
    add_any_options(line, &seed, stack->has_lstm);
    if (below(&seed, 3) != 0) {
        add_acts(line, "act", stack->slots, NULL, &seed);
    }
    if (stack->has_bi && below(&seed, 3) == 0) {
        add_acts(line, "ract", stack->slots, NULL, &seed);
    }
}

/* How the data lie and what is done with them: no program depends on it. */
static void add_data(struct line *line, const struct stack *stack, uint64_t number,
                     uint64_t *seed) {
    static const char *const merges[] = {"concat", "sum", "mul", "ave"};
    static const char *const biases[] = {"double", "single", "none"};
    static const char *const masks[] = {"none", "none", "ones", "holes", "ends", "zeros"};
    static const char *const lengths[] = {"full", "ragged", "zeros", "ties", "random"};
    static const double gains[] = {0, 0.5, 1, 1.5, 3};
    const char *length = pick(seed, lengths, 5);
    const char *mask = pick(seed, masks, 6);
    const int packed = below(seed, 4) == 0;
    if (stack->has_bi) {
        add(line, ",merge=%s", pick(seed, merges, 4));
    }
    if (packed) {
        length = below(seed, 2) ? "ragged" : "ties";
    }
    add(line, ",bias=%s,mask=%s,lengths=%s,start=%s", pick(seed, biases, 3), mask, length,
        below(seed, 2) ? "random" : "zero");
    if (strcmp(mask, "none") != 0) {
        add(line, ",zeromask=%d", below(seed, 2));
    }
    add(line, packed ? ",packed=1" : ",batch-first=%d", below(seed, 2));
    add(line, ",chunk=%d,gain=%g,seed=%llu", below(seed, 3) == 0 ? 1 + below(seed, 4) : 0,
        gains[below(seed, 5)], (unsigned long long)number);
}

/* The text of case number `number`. */
static void make_text(struct line *line, uint64_t number, int any) {
    static const char *const letters[] = {"r", "R", "l", "lg", "lb", "g", "b", "rl", "rg"};
    uint64_t seed = number * 2654435761u + 12345;
    const int choice = below(&seed, any ? LONG_RECIPES : RECIPES);
    struct stack stack = {.layers = 1 + below(&seed, MAX_LAYERS), .slots = 1};
    line->text[0] = '\0';
    if (any) {
        add_cells(line, &stack, letters[choice % 9], &seed);
        add_sizes(line, &stack, 12, choice % 4 == 0 ? 1 : 4, &seed);
        add_random_recipe(line, &stack, 1000 + (uint64_t)choice);
    } else {
        /* Wide layers have programs of their own, with slices; panels and streams take rows by
         * fours: two programs each, or one for the rarer recipes. */
        const struct recipe *recipe = &recipes[choice];
        const int plain = choice == 0;
        add_cells(line, &stack, recipe->cells, &seed);
        add_sizes(line, &stack, plain ? 12 : 8, plain ? 1 : 4, &seed);
        add(line, "%s", recipe->options);
        if (recipe->acts[0] != NULL) {
            add_acts(line, "act", stack.slots, recipe->acts, &seed);
        }
    }
    add_data(line, &stack, number, &seed);
}

/* ---- a run ----------------------------------------------------------------------------------- */

/* Registers take a program for each size: too many for short runs, which other suites make up for. */
static const char *pick_algorithm(const generated *made, const problem *p, clrnn_context *context,
                                  uint64_t number, int any, clrnn_algorithm_info infos[16]) {
    const size_t count = problem_algorithms(infos, p, made, context);
    size_t taken = 0;
    for (size_t i = 0; i < count; i++) {
        if (any || strstr(infos[i].name, "/register") == NULL) {
            infos[taken++] = infos[i];
        }
    }
    ck_assert_uint_gt(taken, 0);
    return infos[number % taken].name;
}

static void run_case(uint64_t number, int any, const struct test_place *places, size_t count) {
    struct line line;
    problem p;
    generated made;
    struct problem_outcome expected;
    make_text(&line, number, any);
    problem_made(&p, &made, line.text);
    ck_assert_int_eq(clrnn_context_engine(places[0].context), CLRNN_ENGINE_CPU);
    problem_run(&expected, &p, &made, places[0].context, NULL, line.text);
    problem_written(&expected, line.text, "cpu");
    problem_judged(&expected, &p, &made, line.text, "cpu");
    for (size_t place = 1; place < count; place++) {
        struct problem_outcome got;
        clrnn_algorithm_info infos[16];
        char where[512];
        const char *algorithm =
            pick_algorithm(&made, &p, places[place].context, number / 7, any, infos);
        problem_run(&got, &p, &made, places[place].context, algorithm, line.text);
        ck_assert_msg(problem_same(&expected, &got, where, sizeof where), "%s: on %s %s: %s",
                      line.text, places[place].name, algorithm, where);
        problem_outcome_free(&got);
    }
    problem_outcome_free(&expected);
    generate_free(&made);
}

static uint64_t from_environment(const char *name, uint64_t fallback) {
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : fallback;
}

START_TEST(random_nets) {
    struct test_place places[16];
    const int any = getenv("CLRNN_LONG") != NULL;
    const size_t count = test_places(places, 16);
    const uint64_t first = from_environment("CLRNN_SEED", 1);
    const uint64_t cases = from_environment("CLRNN_CASES", any ? LONG_CASES : CASES);
    for (uint64_t number = first; number < first + cases; number++) {
        run_case(number, any, places, count);
    }
    for (size_t place = 1; place < count && !any; place++) {
        const size_t programs = cl_program_count(places[place].context->device);
        ck_assert_msg(programs <= MOST_PROGRAMS, "%s compiled %zu programs", places[place].name,
                      programs);
    }
    test_places_free(places, count);
}
END_TEST

Suite *table_suite(void) {
    Suite *suite = suite_create("table");
    TCase *table = tcase_create("table");
    tcase_set_timeout(table, 3600);
    tcase_add_test(table, random_nets);
    suite_add_tcase(suite, table);
    return suite;
}
