/*
 * problem.c: the grammar of problem.h as one table: a row a key, in the order of printing. Reading,
 * printing, refusing and suggesting loop over it; what a value looks like is in problem_values.c,
 * the data of a problem in generate.c.
 */
#include "cli/problem.h"

#include "cli/problem_values.h"
#include "cli/suggest.h"

#include <stdio.h>
#include <string.h>

#define FIELD(name) offsetof(problem, name)
#define MAX_STEPS (INT64_C(1) << 30)
#define MAX_FEATURES (INT64_C(1) << 20)
#define NUM_ALWAYS 5 /* the first keys, which are always printed */

static const problem_key keys[] = {
    {.name = "cell",
     .kind = KEY_WORDS,
     .field = FIELD(cell),
     .words = {"rnn", "rnn-relu", "lstm", "gru", "gru-before"}},
    {.name = "T",
     .also = "steps",
     .kind = KEY_INTEGER,
     .field = FIELD(steps),
     .min = 1,
     .max = MAX_STEPS},
    {.name = "N",
     .also = "batch",
     .kind = KEY_INTEGER,
     .field = FIELD(batch),
     .min = 1,
     .max = MAX_STEPS},
    {.name = "I",
     .also = "inputs",
     .kind = KEY_INTEGER,
     .field = FIELD(inputs),
     .min = 1,
     .max = MAX_FEATURES},
    {.name = "H",
     .also = "hidden",
     .kind = KEY_INTEGERS,
     .field = FIELD(hidden),
     .min = 1,
     .max = MAX_FEATURES},
    {.name = "layers",
     .kind = KEY_INTEGER,
     .field = FIELD(layers),
     .min = 1,
     .max = PROBLEM_MAX_LAYERS},
    {.name = "dir",
     .also = "direction",
     .kind = KEY_WORDS,
     .field = FIELD(direction),
     .words = {"forward", "reverse", "bi"},
     .alias = "bidirectional"},
    {.name = "merge",
     .kind = KEY_WORD,
     .field = FIELD(merge),
     .words = {"concat", "sum", "mul", "ave"}},
    {.name = "P",
     .also = "projection",
     .kind = KEY_INTEGER,
     .field = FIELD(projection),
     .min = 0,
     .max = MAX_FEATURES},
    {.name = "bias", .kind = KEY_WORD, .field = FIELD(bias), .words = {"double", "single", "none"}},
    {.name = "peep",
     .also = "peepholes",
     .kind = KEY_INTEGER,
     .field = FIELD(peepholes),
     .min = 0,
     .max = 1},
    {.name = "couple",
     .kind = KEY_WORD,
     .field = FIELD(couple),
     .words = {"none", "forget", "input"}},
    {.name = "fbias",
     .also = "forget-bias",
     .kind = KEY_FLOAT,
     .field = FIELD(forget_bias),
     .min = -1000000,
     .max = 1000000},
    {.name = "clip",
     .also = "gate-clip",
     .kind = KEY_FLOAT,
     .field = FIELD(gate_clip),
     .min = 0,
     .max = 1000000},
    {.name = "cellclip",
     .also = "cell-clip",
     .kind = KEY_FLOAT,
     .field = FIELD(cell_clip),
     .min = 0,
     .max = 1000000},
    {.name = "act", .also = "activation", .kind = KEY_ACTS, .field = FIELD(acts)},
    {.name = "ract", .kind = KEY_ACTS, .field = FIELD(reverse_acts)},
    {.name = "mask",
     .kind = KEY_WORD,
     .field = FIELD(mask),
     .words = {"none", "ones", "holes", "ends", "zeros"}},
    {.name = "zeromask",
     .also = "zero-masked",
     .kind = KEY_INTEGER,
     .field = FIELD(zero_masked),
     .min = 0,
     .max = 1},
    {.name = "lengths",
     .kind = KEY_WORD,
     .field = FIELD(lengths),
     .words = {"full", "ragged", "zeros", "ties", "random"}},
    {.name = "start",
     .also = "state",
     .kind = KEY_WORD,
     .field = FIELD(start),
     .words = {"zero", "random"}},
    {.name = "batch-first", .kind = KEY_INTEGER, .field = FIELD(batch_first), .min = 0, .max = 1},
    {.name = "last", .kind = KEY_INTEGER, .field = FIELD(last_only), .min = 0, .max = 1},
    {.name = "packed", .kind = KEY_INTEGER, .field = FIELD(packed), .min = 0, .max = 1},
    {.name = "chunk", .kind = KEY_INTEGER, .field = FIELD(chunk), .min = 0, .max = MAX_STEPS},
    {.name = "memory", .also = "memory-limit", .kind = KEY_SIZE, .field = FIELD(memory)},
    {.name = "gain", .kind = KEY_DOUBLE, .field = FIELD(gain), .min = 0, .max = 1000000},
    {.name = "seed", .kind = KEY_SEED, .field = FIELD(seed)},
    {.name = "engine",
     .kind = KEY_WORD,
     .field = FIELD(engine),
     .words = {"auto", "opencl", "cpu"}},
    {.name = "algorithm", .kind = KEY_NAME, .field = FIELD(algorithm)},
    {.name = "strict", .kind = KEY_INTEGER, .field = FIELD(strict), .min = 0, .max = 1},
};
#define NUM_KEYS (sizeof keys / sizeof keys[0])

/* ---- reading --------------------------------------------------------------------------------- */

static int refuse_key(const char *name, problem_error *error) {
    const char *words[2 * NUM_KEYS];
    const char *meant[2 * NUM_KEYS];
    size_t count = 0;
    size_t used = 0;
    for (size_t i = 0; i < NUM_KEYS; i++) {
        words[count] = keys[i].name;
        meant[count++] = keys[i].name;
        if (keys[i].also != NULL) {
            words[count] = keys[i].also;
            meant[count++] = keys[i].name;
        }
    }
    (void)problem_refuse(error, "%.40s: there is no such key", name);
    const char *nearest = suggest_nearest(name, words, count);
    for (size_t i = 0; nearest != NULL && i < count; i++) {
        if (words[i] == nearest) {
            (void)snprintf(error->hint, sizeof error->hint, "did you mean %s?", meant[i]);
        }
    }
    for (size_t i = 0; nearest == NULL && i < NUM_KEYS && used < sizeof error->hint; i++) {
        int length = snprintf(error->hint + used, sizeof error->hint - used, "%s%s",
                              i > 0 ? ", " : "keys are ", keys[i].name);
        used += length > 0 ? (size_t)length : 0;
    }
    return 0;
}

static const problem_key *find_key(const char *name) {
    for (size_t i = 0; i < NUM_KEYS; i++) {
        if (strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

int problem_set(problem *out, const char *name, const char *value, problem_error *error) {
    const problem_key *key = find_key(name);
    if (key == NULL) {
        return refuse_key(name, error);
    }
    if (strlen(value) >= PROBLEM_MAX_TEXT) {
        return problem_refuse(error, "%s: %zu letters are too many for a value", name,
                              strlen(value));
    }
    return problem_value_read(out, key, value, error);
}

int problem_apply(problem *out, const char *text, problem_error *error) {
    problem result = *out;
    char copy[PROBLEM_MAX_TEXT];
    uint64_t seen = 0;
    char *item = copy;
    _Static_assert(NUM_KEYS <= 64, "a bit a key");
    if (strlen(text) >= sizeof copy) {
        return problem_refuse(error, "%zu letters are too many for a problem, at most %zu",
                              strlen(text), sizeof copy - 1);
    }
    (void)snprintf(copy, sizeof copy, "%s", text);
    for (char *next = copy; next != NULL; item = next) {
        next = strchr(item, ',');
        if (next != NULL) {
            *next++ = 0;
        }
        char *equals = strchr(item, '=');
        if (equals == NULL) {
            (void)problem_refuse(error, "'%.40s' is not key=value", item);
            (void)snprintf(error->hint, sizeof error->hint,
                           "a problem looks like cell=lstm,T=50,N=3,I=40,H=128");
            return 0;
        }
        *equals = 0;
        const problem_key *key = find_key(item);
        uint64_t bit = key != NULL ? UINT64_C(1) << (key - keys) : 0;
        if ((seen & bit) != 0) {
            return problem_refuse(error, "%s is given twice", item);
        }
        seen |= bit;
        if (!problem_set(&result, item, equals + 1, error)) {
            return 0;
        }
    }
    *out = result;
    return 1;
}

/* ---- what goes together ---------------------------------------------------------------------- */

int64_t problem_at(const problem_list *list, int layer) {
    return list->values[list->count > 1 ? layer : 0];
}

/* Lists have an entry for each layer or one for all; equal entries become one. */
static int settle_layers(problem *out, problem_error *error) {
    const struct {
        const char *name;
        problem_list *list;
    } lists[] = {{"cell", &out->cell}, {"H", &out->hidden}, {"dir", &out->direction}};
    const char *from = "layers";
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        problem_list *list = lists[i].list;
        int is_one = 1;
        if (list->count > 1 && out->layers == 0) {
            out->layers = list->count;
            from = lists[i].name;
        }
        if (list->count > 1 && list->count != out->layers) {
            return problem_refuse(error, "%s has %d entries, %s says %lld layers", lists[i].name,
                                  list->count, from, (long long)out->layers);
        }
        for (int k = 1; k < list->count; k++) {
            is_one &= list->values[k] == list->values[0];
        }
        if (is_one) {
            int64_t value = list->values[0];
            *list = (problem_list){.count = 1, .values = {value}};
        }
    }
    out->layers = out->layers > 0 ? out->layers : 1;
    out->inputs = out->inputs > 0 ? out->inputs : problem_at(&out->hidden, 0);
    return 1;
}

/* What the layers are, all of them taken together. */
typedef struct layer_facts {
    int has_lstm;
    int has_bi;
    int64_t least_lstm; /* the smallest H of an lstm layer */
    int slots;          /* the most activations of a layer */
} layer_facts;

static layer_facts look_at_layers(const problem *from) {
    static const int slots[] = {1, 1, 5, 3, 3};
    layer_facts facts = {.least_lstm = MAX_FEATURES};
    for (int i = 0; i < from->layers; i++) {
        int64_t cell = problem_at(&from->cell, i);
        int64_t hidden = problem_at(&from->hidden, i);
        facts.has_bi |= problem_at(&from->direction, i) == CLRNN_DIRECTION_BIDIRECTIONAL;
        facts.slots = slots[cell] > facts.slots ? slots[cell] : facts.slots;
        if (cell == PROBLEM_CELL_LSTM) {
            facts.has_lstm = 1;
            facts.least_lstm = hidden < facts.least_lstm ? hidden : facts.least_lstm;
        }
    }
    return facts;
}

static int check_together(const problem *from, problem_error *error) {
    const layer_facts facts = look_at_layers(from);
    const int is_ragged =
        from->lengths == PROBLEM_LENGTHS_RAGGED || from->lengths == PROBLEM_LENGTHS_TIES;
    const struct {
        const char *name;
        int is_given;
        int is_taken;
        const char *need;
    } rules[] = {
        {"merge", from->merge != CLRNN_MERGE_CONCAT, facts.has_bi, "a layer with dir=bi"},
        {"ract", from->reverse_acts.count > 0, facts.has_bi, "a layer with dir=bi"},
        {"P", from->projection > 0, facts.has_lstm, "an lstm layer"},
        {"peep", from->peepholes != 0, facts.has_lstm, "an lstm layer"},
        {"couple", from->couple != CLRNN_COUPLE_NONE, facts.has_lstm, "an lstm layer"},
        {"fbias", from->forget_bias != 0, facts.has_lstm, "an lstm layer"},
        {"cellclip", from->cell_clip != 0, facts.has_lstm, "an lstm layer"},
        {"zeromask", from->zero_masked != 0, from->mask != PROBLEM_MASK_NONE, "a mask"},
        {"packed", from->packed != 0, is_ragged, "lengths=ragged or lengths=ties"},
        {"packed", from->packed != 0, !from->batch_first, "batch-first=0"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].is_given && !rules[i].is_taken) {
            return problem_refuse(error, "%s is given, it needs %s", rules[i].name, rules[i].need);
        }
    }
    if (from->projection >= facts.least_lstm && facts.has_lstm) {
        return problem_refuse(error, "P=%lld: must be below H, which is %lld in an lstm layer",
                              (long long)from->projection, (long long)facts.least_lstm);
    }
    if (from->acts.count > facts.slots || from->reverse_acts.count > facts.slots) {
        int is_forward = from->acts.count > facts.slots;
        return problem_refuse(error, "%s has %d entries, no layer has more than %d activations",
                              is_forward ? "act" : "ract",
                              is_forward ? from->acts.count : from->reverse_acts.count,
                              facts.slots);
    }
    return 1;
}

/* ---- whole problems -------------------------------------------------------------------------- */

void problem_init(problem *out) {
    memset(out, 0, sizeof *out);
    out->cell.count = 1;
    out->direction.count = 1;
    out->hidden = (problem_list){.count = 1, .values = {128}};
    out->steps = 50;
    out->batch = 1;
    out->gain = 1;
}

int problem_finish(problem *out, problem_error *error) {
    problem result = *out;
    if (!settle_layers(&result, error) || !check_together(&result, error)) {
        return 0;
    }
    *out = result;
    return 1;
}

int problem_parse(problem *out, const char *text, problem_error *error) {
    problem result;
    problem_init(&result);
    if (!problem_apply(&result, text, error) || !problem_finish(&result, error)) {
        return 0;
    }
    *out = result;
    return 1;
}

/* 1 if a list says how many layers there are. */
static int lists_say_layers(const problem *from) {
    return from->cell.count > 1 || from->hidden.count > 1 || from->direction.count > 1;
}

const char *problem_print(const problem *from, char *text, size_t size) {
    problem defaults;
    size_t used = 0;
    problem_init(&defaults);
    defaults.layers = lists_say_layers(from) ? from->layers : 1;
    text[0] = 0;
    for (size_t i = 0; i < NUM_KEYS && used < size; i++) {
        char value[PROBLEM_MAX_TEXT];
        char ordinary[PROBLEM_MAX_TEXT];
        problem_value_print(from, &keys[i], value, sizeof value);
        problem_value_print(&defaults, &keys[i], ordinary, sizeof ordinary);
        if (i < NUM_ALWAYS || strcmp(value, ordinary) != 0) {
            int length = snprintf(text + used, size - used, "%s%s=%s", used > 0 ? "," : "",
                                  keys[i].name, value);
            used += length > 0 ? (size_t)length : 0;
        }
    }
    return text;
}

int problem_equal(const problem *a, const problem *b) {
    char a_text[PROBLEM_MAX_TEXT];
    char b_text[PROBLEM_MAX_TEXT];
    return strcmp(problem_print(a, a_text, sizeof a_text),
                  problem_print(b, b_text, sizeof b_text)) == 0;
}
