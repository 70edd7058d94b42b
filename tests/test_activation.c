/*
 * test_activation.c: the activations of kernels/activation.cl, compiled as C right here, against
 * the reference and their own promises; and the bounds of the reference against its values.
 */
#include "cpu/cpu_language.h"

#include "common.cl"
#include "activation.cl"

#include "clrnn.h"
#include "cpu/reference_activation.h"
#include "suites.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

/* ck_assert_msg writes a line into a file each time; here are millions. */
#define must(condition, ...)                                                                       \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg(__VA_ARGS__);                                                             \
        }                                                                                          \
    } while (0)

/* ---- every activation ------------------------------------------------------------------------ */

enum { FALLS = -1 }; /* it may fall, and does */

struct entry {
    clrnn_act kind;
    const char *name;
    real (*function)(real x, float alpha, float beta);
    double ulps;      /* how far it may be off with the default parameters */
    int jitter;       /* ulp that it may fall from one float to the next, where f never falls */
    float low, high;  /* at -infinity and at infinity, with the default parameters */
    float sets[2][2]; /* other alpha, beta */
};

#define INF INFINITY
static const struct entry entries[] = {
    {CLRNN_ACT_TANH, "tanh", act_tanh, 1.94, 0, -1, 1, {{0}}},
    {CLRNN_ACT_SIGMOID, "sigmoid", act_sigmoid, 2.49, 0, 0x1.666d1p-126f, 1, {{0}}},
    {CLRNN_ACT_RELU, "relu", act_relu, 0, 0, 0, INF, {{0}}},
    {CLRNN_ACT_LINEAR, "linear", act_linear, 0, 0, -INF, INF, {{0}}},
    {CLRNN_ACT_HARD_SIGMOID,
     "hard_sigmoid",
     act_hard_sigmoid,
     0.5,
     0,
     0,
     1,
     {{-3, 1e-3f}, {0.5f, 7}}},
    {CLRNN_ACT_ELU, "elu", act_elu, 1, 0, -1, INF, {{0.37f, 0}, {-2, 0}}},
    {CLRNN_ACT_SELU, "selu", act_selu, 2.5, 0, -1.7580993f, INF, {{0.3f, -7}, {1e30f, 1e-3f}}},
    {CLRNN_ACT_SOFTSIGN, "softsign", act_softsign, 1.5, 0, -1, 1, {{0}}},
    {CLRNN_ACT_SOFTPLUS, "softplus", act_softplus, 2, 1, 0, INF, {{0}}},
    {CLRNN_ACT_LEAKY_RELU, "leaky_relu", act_leaky_relu, 0.5, 0, -INF, INF, {{0, 0}, {-0.3f, 0}}},
    {CLRNN_ACT_THRESHOLDED_RELU,
     "thresholded_relu",
     act_thresholded_relu,
     0,
     0,
     0,
     INF,
     {{-0.7f, 0}, {1e-39f, 0}}},
    {CLRNN_ACT_AFFINE, "affine", act_affine, 0.5, 0, -INF, INF, {{-2.7f, 0.3f}, {1e30f, -1e30f}}},
    {CLRNN_ACT_SCALED_TANH,
     "scaled_tanh",
     act_scaled_tanh,
     1.94,
     0,
     -1,
     1,
     {{1.7159f, 0.6667f}, {-3, 1e20f}}},
    {CLRNN_ACT_GELU, "gelu", act_gelu, 3, FALLS, 0, INF, {{0}}},
    {CLRNN_ACT_GELU_TANH, "gelu_tanh", act_gelu_tanh, 2.8, FALLS, 0, INF, {{0}}},
    {CLRNN_ACT_SWISH, "swish", act_swish, 2.9, FALLS, 0, INF, {{1.702f, 0}, {-1e-30f, 0}}},
    {CLRNN_ACT_EXPONENTIAL, "exponential", act_exponential, 1.1, 0, 0, INF, {{0}}},
    {CLRNN_ACT_RELU6, "relu6", act_relu6, 0, 0, 0, 6, {{0}}},
    {CLRNN_ACT_CELU, "celu", act_celu, 2, 0, -1, INF, {{0.3f, 0}, {-2.5f, 0}}},
    {CLRNN_ACT_HARD_TANH, "hard_tanh", act_hard_tanh, 0, 0, -1, 1, {{0}}},
    {CLRNN_ACT_LOG_SIGMOID, "log_sigmoid", act_log_sigmoid, 2, 1, -INF, 0, {{0}}},
    {CLRNN_ACT_MISH, "mish", act_mish, 3.1, FALLS, 0, INF, {{0}}},
};

/* Parameters by number of the kind, from clrnn.h. */
static const float defaults[][2] = {{0, 0},
#define DEFAULTS(name, value, text, parameters, alpha, beta) {alpha, beta},
                                    CLRNN_ACT_LIST(DEFAULTS)
#undef DEFAULTS
};

/* The kernels' numbers are clrnn.h's. */
#define SAME_NUMBER(name, value, text, parameters, alpha, beta)                                    \
    _Static_assert(ACT_ID_##name == CLRNN_ACT_##name, "ACT_ID of " text);
CLRNN_ACT_LIST(SAME_NUMBER)
#undef SAME_NUMBER

/* Set 0: the default parameters; 1 and 2: others, where it has any. */
enum { SETS = 3 };

static int has_set(const struct entry *entry, int set) {
    return set == 0 || entry->sets[set - 1][0] != 0 || entry->kind == CLRNN_ACT_LEAKY_RELU;
}

static const float *parameters_of(const struct entry *entry, int set) {
    return set == 0 ? defaults[entry->kind] : entry->sets[set - 1];
}

/* ---- numbers --------------------------------------------------------------------------------- */

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Distance of the float32 numbers around a normal value; 0 has none. */
static double ulp_of(double value) {
    return value != 0 ? ldexp(1.0, ilogb(value) - 23) : 0;
}

static uint64_t random_bits(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state >> 11;
}

/* Uniform in 0 .. 1 */
static double random_part(uint64_t *state) {
    return (double)random_bits(state) * 0x1p-53;
}

/* count floats, a multiple of VECTOR_WIDTH */
static void apply(const struct entry *entry, const float *parameters, const float *x, float *y,
                  int count) {
    for (int i = 0; i < count; i += VECTOR_WIDTH) {
        VSTORE(entry->function(VLOAD(x + i), parameters[0], parameters[1]), y + i);
    }
}

static float apply_one(const struct entry *entry, const float *parameters, float value) {
    float x[VECTOR_WIDTH], y[VECTOR_WIDTH];
    for (int lane = 0; lane < VECTOR_WIDTH; lane++) {
        x[lane] = value;
    }
    apply(entry, parameters, x, y, VECTOR_WIDTH);
    for (int lane = 1; lane < VECTOR_WIDTH; lane++) {
        must(bits_of(y[lane]) == bits_of(y[0]), "%s(%a): lanes differ", entry->name, (double)value);
    }
    return y[0];
}

/* Rising floats: from -infinity to infinity over all exponents, then, once more from the start, the
 * range where most of them bend. The odd stride takes every end of a mantissa in turn. */
enum {
    STRIDE = 20011,
    HALF = 0x7f800000 / STRIDE + 1,
    NEAR = 1 << 19,
    SWEEP = (2 * HALF + NEAR) / 16 * 16 /* the last few of the near ones are left out */
};
static float sweep[SWEEP];

static void sweep_fill(void) {
    for (int i = 0; i < HALF; i++) {
        const uint32_t bits = (uint32_t)(0x7f800000 - i * STRIDE);
        sweep[i] = float_of(bits | 0x80000000u);
        sweep[2 * HALF - 1 - i] = float_of(bits);
    }
    for (int i = 2 * HALF; i < SWEEP; i++) {
        const double part = 2.0 * (i - 2 * HALF) / NEAR - 1;
        sweep[i] = (float)(120 * part * part * part); /* most of them are small */
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Within the bound of the reference, from exact inputs, for all parameters. */
START_TEST(within_the_bound) {
    const struct entry *entry = &entries[_i];
    static float y[SWEEP];
    for (int set = 0; set < SETS; set++) {
        if (!has_set(entry, set)) {
            continue;
        }
        const float *p = parameters_of(entry, set);
        apply(entry, p, sweep, y, SWEEP);
        for (int i = 0; i < SWEEP; i++) {
            const struct number exact = {sweep[i], 0};
            const struct number n = reference_activate(entry->kind, p[0], p[1], exact);
            const int right = isinf(n.error) || (isnan(n.value) && isnan(y[i])) ||
                              (isinf(n.value) && (double)y[i] == n.value) ||
                              fabs((double)y[i] - n.value) <= n.error;
            must(right, "%s(%a) with %g, %g is %a, expected %a +- %g", entry->name,
                 (double)sweep[i], (double)p[0], (double)p[1], (double)y[i], n.value, n.error);
        }
    }
}
END_TEST

/* Nearer than the reference asks, with the default parameters, and swish, whose alpha x is rounded too,
 * with others. */
START_TEST(within_some_ulp) {
    const struct entry *entry = &entries[_i];
    static float y[SWEEP];
    const int sets = entry->kind == CLRNN_ACT_SWISH ? 2 : 1;
    for (int set = 0; set < sets; set++) {
        const float *p = parameters_of(entry, set);
        double worst = 0;
        float at = 0;
        apply(entry, p, sweep, y, SWEEP);
        for (int i = 0; i < SWEEP; i++) {
            const double value = reference_function(entry->kind, p[0], p[1], sweep[i]);
            const int stops = entry->kind == CLRNN_ACT_SIGMOID && sweep[i] < -87;
            if (fabs(value) >= 0x1p-126 && fabs(value) <= (double)FLT_MAX && !stops) {
                const double off = fabs((double)y[i] - value) / ulp_of(value);
                if (!(off <= worst)) {
                    worst = off;
                    at = sweep[i];
                }
            }
        }
        must(worst <= entry->ulps, "%s(%a) with %g, %g is %.3g ulp off", entry->name, (double)at,
             (double)p[0], (double)p[1], worst);
    }
}
END_TEST

/* From one float of the sweep to the next f never falls, but for a jitter of the last bits. */
START_TEST(never_falls) {
    const struct entry *entry = &entries[_i];
    static float y[SWEEP];
    if (entry->jitter == FALLS) {
        return;
    }
    apply(entry, parameters_of(entry, 0), sweep, y, SWEEP);
    for (int i = 1; i < 2 * HALF; i++) {
        float least = y[i - 1];
        for (int k = 0; k < entry->jitter; k++) {
            least = nextafterf(least, -INFINITY);
        }
        must(y[i] >= least, "%s falls from %a to %a at %a", entry->name, (double)y[i - 1],
             (double)y[i], (double)sweep[i]);
    }
}
END_TEST

/* The C build picks by number what an OpenCL build picks by name. */
START_TEST(picked_by_number) {
    const struct entry *entry = &entries[_i];
    const float p[2] = {0.75f, 0.3f};
    for (int i = 0; i + VECTOR_WIDTH <= SWEEP; i += 101) {
        float by_name[VECTOR_WIDTH], by_number[VECTOR_WIDTH];
        VSTORE(entry->function(VLOAD(sweep + i), p[0], p[1]), by_name);
        VSTORE(act_pick((narrow)entry->kind, VLOAD(sweep + i), p[0], p[1]), by_number);
        must(memcmp(by_name, by_number, sizeof by_name) == 0, "%s by number", entry->name);
    }
}
END_TEST

START_TEST(every_kind_is_here) {
    ck_assert_int_eq(COUNT(entries), COUNT(defaults) - 1);
    for (int i = 0; i < COUNT(entries); i++) {
        ck_assert_int_eq(entries[i].kind, i + 1);
    }
}
END_TEST

/* ---- NaN, infinities, identities ------------------------------------------------------------- */

START_TEST(nan_stays) {
    const struct entry *entry = &entries[_i];
    const uint32_t patterns[] = {0x7fc00000, 0xffc00000, 0x7fc12345, 0xffffffff, 0x7f800001};
    for (int set = 0; set < SETS; set++) {
        for (int i = 0; i < COUNT(patterns) && has_set(entry, set); i++) {
            const float y = apply_one(entry, parameters_of(entry, set), float_of(patterns[i]));
            must(isnan(y), "%s(%08x) is %a", entry->name, patterns[i], (double)y);
        }
    }
}
END_TEST

START_TEST(limits_at_infinity) {
    const struct entry *entry = &entries[_i];
    const float low = apply_one(entry, parameters_of(entry, 0), -INFINITY);
    const float high = apply_one(entry, parameters_of(entry, 0), INFINITY);
    must(low == entry->low, "%s(-inf) is %a", entry->name, (double)low);
    must(high == entry->high, "%s(inf) is %a", entry->name, (double)high);
}
END_TEST

static const struct entry *find(clrnn_act kind) {
    return &entries[kind - 1];
}

/* Limits that depend on a parameter. */
START_TEST(limits_of_parameters) {
    const struct {
        clrnn_act kind;
        float alpha, beta, low, high;
    } cases[] = {
        {CLRNN_ACT_ELU, 0.37f, 0, -0.37f, INF},   {CLRNN_ACT_SELU, 2, 3, -6, INF},
        {CLRNN_ACT_CELU, 0.3f, 0, -0.3f, INF},    {CLRNN_ACT_CELU, -2.5f, 0, -INF, INF},
        {CLRNN_ACT_SWISH, -1, 0, -INF, 0},        {CLRNN_ACT_SWISH, 0, 0, -INF, INF},
        {CLRNN_ACT_SCALED_TANH, -3, 0.5f, 3, -3}, {CLRNN_ACT_HARD_SIGMOID, -1, 0, 1, 0},
        {CLRNN_ACT_AFFINE, -1, 5, INF, -INF},     {CLRNN_ACT_THRESHOLDED_RELU, -5, 0, 0, INF},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        const struct entry *entry = find(cases[i].kind);
        const float p[2] = {cases[i].alpha, cases[i].beta};
        const double low = reference_function(entry->kind, p[0], p[1], -INFINITY);
        const double high = reference_function(entry->kind, p[0], p[1], INFINITY);
        must(low == (double)cases[i].low && high == (double)cases[i].high,
             "%s with %g, %g: the reference has limits %g, %g", entry->name, (double)p[0],
             (double)p[1], low, high);
        must(apply_one(entry, p, -INFINITY) == cases[i].low, "%s(-inf)", entry->name);
        must(apply_one(entry, p, INFINITY) == cases[i].high, "%s(inf)", entry->name);
    }
}
END_TEST

/* The value that it must be exactly, or NaN where the identity says nothing. */
static float exactly(clrnn_act kind, float x) {
    switch (kind) {
    case CLRNN_ACT_LINEAR:
    case CLRNN_ACT_AFFINE: /* 1 x + 0 */
        return x;
    case CLRNN_ACT_RELU:
        return x > 0 ? x : 0;
    case CLRNN_ACT_LEAKY_RELU:
        return x > 0 ? x : 0.01f * x;
    case CLRNN_ACT_THRESHOLDED_RELU:
        return x > 1 ? x : 0;
    case CLRNN_ACT_RELU6:
        return x > 6 ? 6 : x > 0 ? x : 0;
    case CLRNN_ACT_HARD_TANH:
        return x > 1 ? 1 : x < -1 ? -1 : x;
    case CLRNN_ACT_ELU:
    case CLRNN_ACT_CELU: /* x + x^2 / 2 and x round alike */
        return x > -1e-8f ? x : NAN;
    case CLRNN_ACT_SOFTSIGN:
        return fabsf(x) > 0x1p25f ? copysignf(1, x) : fabsf(x) < 0x1p-25f ? x : NAN;
    case CLRNN_ACT_GELU:
    case CLRNN_ACT_GELU_TANH:
        return x > 14.5f ? x : x < -14.5f ? 0 : NAN;
    case CLRNN_ACT_SWISH:
    case CLRNN_ACT_MISH:
        return x > 174 ? x : x < -174 ? 0 : NAN;
    case CLRNN_ACT_SOFTPLUS:
        return x > 20 ? x : x < -104 ? 0 : NAN;
    case CLRNN_ACT_LOG_SIGMOID:
        return x < -20 ? x : x > 104 ? 0 : NAN;
    case CLRNN_ACT_EXPONENTIAL:
        return x > 88.73f ? INF : x < -104 ? 0 : NAN;
    default:
        return NAN;
    }
}

START_TEST(exact_values) {
    const struct entry *entry = &entries[_i];
    static float y[SWEEP];
    apply(entry, parameters_of(entry, 0), sweep, y, SWEEP);
    for (int i = 0; i < SWEEP; i++) {
        const float value = exactly(entry->kind, sweep[i]);
        must(isnan(value) || y[i] == value, "%s(%a) is %a, expected %a", entry->name,
             (double)sweep[i], (double)y[i], (double)value);
    }
}
END_TEST

/* left(mirror x) = factor right(x) */
START_TEST(identities) {
    const struct {
        clrnn_act left;
        float left_parameters[2], mirror, factor;
        clrnn_act right;
        float right_parameters[2];
    } cases[] = {
        {CLRNN_ACT_TANH, {0, 0}, -1, -1, CLRNN_ACT_TANH, {0, 0}},
        {CLRNN_ACT_SOFTSIGN, {0, 0}, -1, -1, CLRNN_ACT_SOFTSIGN, {0, 0}},
        {CLRNN_ACT_HARD_TANH, {0, 0}, -1, -1, CLRNN_ACT_HARD_TANH, {0, 0}},
        {CLRNN_ACT_LOG_SIGMOID, {0, 0}, -1, -1, CLRNN_ACT_SOFTPLUS, {0, 0}},
        {CLRNN_ACT_LEAKY_RELU, {0, 0}, 1, 1, CLRNN_ACT_RELU, {0, 0}},
        {CLRNN_ACT_THRESHOLDED_RELU, {0, 0}, 1, 1, CLRNN_ACT_RELU, {0, 0}},
        {CLRNN_ACT_ELU, {0, 0}, 1, 1, CLRNN_ACT_RELU, {0, 0}},
        {CLRNN_ACT_SWISH, {0, 0}, 1, 0.5f, CLRNN_ACT_LINEAR, {0, 0}},
        {CLRNN_ACT_SELU, {0.5f, 1}, 1, 1, CLRNN_ACT_ELU, {0.5f, 0}},
        {CLRNN_ACT_CELU, {1, 0}, 1, 1, CLRNN_ACT_ELU, {1, 0}},
        {CLRNN_ACT_SCALED_TANH, {2, 1}, 1, 2, CLRNN_ACT_TANH, {0, 0}},
        {CLRNN_ACT_AFFINE, {0.5f, 0}, -1, -0.5f, CLRNN_ACT_LINEAR, {0, 0}},
    };
    for (int k = 0; k < COUNT(cases); k++) {
        const struct entry *left = find(cases[k].left), *right = find(cases[k].right);
        for (int i = 0; i < SWEEP; i += 5) {
            const float x = sweep[i];
            const float y = apply_one(left, cases[k].left_parameters, cases[k].mirror * x);
            const float z = cases[k].factor * apply_one(right, cases[k].right_parameters, x);
            const int is_nan = left->kind == CLRNN_ACT_LEAKY_RELU && x == -INFINITY; /* 0 x */
            must(y == z || is_nan, "%s(%a) is %a, by %s %a", left->name,
                 (double)(cases[k].mirror * x), (double)y, right->name, (double)z);
        }
    }
}
END_TEST

/* 1 / alpha is more, or less, than a float holds. */
START_TEST(celu_of_any_alpha) {
    const float alphas[] = {1e-45f, 1e-40f, 1.2e-38f, 1e-37f, 1e-3f, 7, 1e37f, 3.4e38f};
    const struct entry *entry = find(CLRNN_ACT_CELU);
    for (int k = 0; k < COUNT(alphas); k++) {
        const float p[2] = {alphas[k], 0};
        for (int i = 0; i < SWEEP; i += 3) {
            const double value = reference_function(CLRNN_ACT_CELU, p[0], 0, sweep[i]);
            const float y = apply_one(entry, p, sweep[i]);
            must((double)y == value || fabs((double)y - value) <= 2.3 * ulp_of(value) + 0x1p-126,
                 "celu(%a) with %g is %a, expected %a", (double)sweep[i], (double)p[0], (double)y,
                 value);
        }
    }
    const float negative[2] = {-1e-40f, 0};
    ck_assert(apply_one(entry, negative, -1) == -INFINITY);
    ck_assert(apply_one(entry, negative, 1) == 1);
    ck_assert(apply_one(entry, negative, 0) == 0);
}
END_TEST

START_TEST(at_the_threshold) {
    const struct entry *entry = find(CLRNN_ACT_THRESHOLDED_RELU);
    const float alphas[] = {-2, 0.3f, 1};
    for (int k = 0; k < COUNT(alphas); k++) {
        const float p[2] = {alphas[k], 0};
        const float next = nextafterf(alphas[k], INFINITY);
        must(apply_one(entry, p, alphas[k]) == 0, "alpha %g", (double)alphas[k]);
        must(apply_one(entry, p, next) == next, "alpha %g", (double)alphas[k]);
    }
}
END_TEST

START_TEST(held_in) {
    for (int i = 0; i + VECTOR_WIDTH <= SWEEP; i += 11) {
        float y[VECTOR_WIDTH];
        VSTORE(hold_in(VLOAD(sweep + i), 2.5f), y);
        for (int lane = 0; lane < VECTOR_WIDTH; lane++) {
            const float x = sweep[i + lane];
            must(y[lane] == (x > 2.5f ? 2.5f : x < -2.5f ? -2.5f : x), "%a", (double)x);
        }
    }
    const float nan[VECTOR_WIDTH] = {NAN};
    float y[VECTOR_WIDTH];
    VSTORE(hold_in(VLOAD(nan), 2.5f), y);
    ck_assert(isnan(y[0]) && y[1] == 0);
}
END_TEST

/* ---- the reference --------------------------------------------------------------------------- */

/* a and e of all magnitudes, often with a kink or a jump between a - e and a + e. */
static struct number random_number(uint64_t *state, float alpha) {
    const double marks[] = {0, 0, 1, -1, 6, (double)alpha};
    const double size = ldexp(random_part(state), (int)(random_bits(state) % 40) - 30);
    const double error = ldexp(random_part(state), (int)(random_bits(state) % 40) - 36);
    const double mark = marks[random_bits(state) % 6];
    const double value = mark + (random_bits(state) % 2 ? size : -size);
    return (struct number){value, random_bits(state) % 8 == 0 ? 0 : error};
}

/* Wherever in a +- e the argument is, f stays within the bound. */
START_TEST(bound_covers_the_interval) {
    const struct entry *entry = &entries[_i];
    uint64_t state = 88172645463325252u;
    for (int set = 0; set < SETS; set++) {
        if (!has_set(entry, set)) {
            continue;
        }
        const float *p = parameters_of(entry, set);
        for (int i = 0; i < 20000; i++) {
            const struct number a = random_number(&state, p[0]);
            const struct number n = reference_activate(entry->kind, p[0], p[1], a);
            for (int k = 0; k < 12; k++) {
                /* its ends, and points between */
                const double part = k == 0 ? -1 : k == 1 ? 1 : 2 * random_part(&state) - 1;
                const double x = a.value + part * a.error;
                const double value = reference_function(entry->kind, p[0], p[1], x);
                must(isinf(n.error) || fabs(value - n.value) <= n.error,
                     "%s(%a +- %a) with %g, %g: %a +- %g, but %a at %a", entry->name, a.value,
                     a.error, (double)p[0], (double)p[1], n.value, n.error, value, x);
            }
        }
    }
}
END_TEST

/* And it is not wide without need: some ulp at a point, of a gelu 2^-24 |x| too, twice e for slopes
 * below 2. */
START_TEST(bound_is_tight) {
    const struct entry *entry = &entries[_i];
    const float *p = parameters_of(entry, 0);
    uint64_t state = 88172645463325252u;
    const double reach = entry->kind == CLRNN_ACT_HARD_SIGMOID ? 2 : 20;
    const int gelu = entry->kind == CLRNN_ACT_GELU || entry->kind == CLRNN_ACT_GELU_TANH;
    for (int i = 0; i < 20000; i++) {
        const struct number a = {reach * (2 * random_part(&state) - 1), 0};
        const struct number n = reference_activate(entry->kind, p[0], p[1], a);
        const double summed = gelu ? 0x1p-24 * fabs(a.value) : 0;
        must(n.error <= 40 * ulp_of(n.value) + summed + 1e-36 || n.value == 0, "%s(%a): %a +- %g",
             entry->name, a.value, n.value, n.error);
        const struct number b = {a.value / reach / 2, 1e-3};
        const struct number m = reference_activate(entry->kind, p[0], p[1], b);
        must(m.error <= 2.1e-3, "%s(%a +- 1e-3): %a +- %g", entry->name, b.value, m.value, m.error);
    }
}
END_TEST

/* No bound holds what may overflow, or is not known; NaN in, NaN out. */
START_TEST(bound_of_special_values) {
    const struct entry *entry = &entries[_i];
    const float *p = parameters_of(entry, 0);
    const struct number nan = reference_activate(entry->kind, p[0], p[1], (struct number){NAN, 0});
    ck_assert(isnan(nan.value) && nan.error == 0);
    const struct number any =
        reference_activate(entry->kind, p[0], p[1], (struct number){0.5, INFINITY});
    ck_assert(isinf(any.error));
    const struct number high =
        reference_activate(entry->kind, p[0], p[1], (struct number){INFINITY, 0});
    ck_assert(isinf(high.value) ? high.error == 0 : high.error < 1e-5);
    must(fabs(high.value - (double)entry->high) < 1e-37 || high.value == (double)entry->high,
         "%s(inf) is %g", entry->name, high.value);
}
END_TEST

START_TEST(bound_of_overflow) {
    const struct {
        clrnn_act kind;
        float alpha, beta;
        double x;
    } cases[] = {
        {CLRNN_ACT_EXPONENTIAL, 0, 0, 88.8}, {CLRNN_ACT_EXPONENTIAL, 0, 0, 1e30},
        {CLRNN_ACT_AFFINE, 1e20f, -1, 1e19}, {CLRNN_ACT_LEAKY_RELU, 1e20f, 0, -1e19},
        {CLRNN_ACT_CELU, -1, 0, -89},        {CLRNN_ACT_SELU, 1e20f, 1e-20f, -1e-9},
        {CLRNN_ACT_CUSTOM, 0, 0, 0},         {CLRNN_ACT_DEFAULT, 0, 0, 0},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        const struct number n = reference_activate(cases[i].kind, cases[i].alpha, cases[i].beta,
                                                   (struct number){cases[i].x, 0});
        must(isinf(n.error) == (cases[i].kind != CLRNN_ACT_SELU), "case %d: %g +- %g", i, n.value,
             n.error);
    }
}
END_TEST

Suite *activation_suite(void) {
    Suite *suite = suite_create("activation");
    TCase *kernels = tcase_create("kernels");
    tcase_set_timeout(kernels, 600);
    tcase_add_unchecked_fixture(kernels, sweep_fill, NULL);
    tcase_add_test(kernels, every_kind_is_here);
    tcase_add_loop_test(kernels, within_the_bound, 0, COUNT(entries));
    tcase_add_loop_test(kernels, within_some_ulp, 0, COUNT(entries));
    tcase_add_loop_test(kernels, never_falls, 0, COUNT(entries));
    tcase_add_loop_test(kernels, picked_by_number, 0, COUNT(entries));
    tcase_add_loop_test(kernels, nan_stays, 0, COUNT(entries));
    tcase_add_loop_test(kernels, limits_at_infinity, 0, COUNT(entries));
    tcase_add_test(kernels, limits_of_parameters);
    tcase_add_loop_test(kernels, exact_values, 0, COUNT(entries));
    tcase_add_test(kernels, identities);
    tcase_add_test(kernels, celu_of_any_alpha);
    tcase_add_test(kernels, at_the_threshold);
    tcase_add_test(kernels, held_in);
    suite_add_tcase(suite, kernels);
    TCase *reference = tcase_create("reference");
    tcase_set_timeout(reference, 600);
    tcase_add_loop_test(reference, bound_covers_the_interval, 0, COUNT(entries));
    tcase_add_loop_test(reference, bound_is_tight, 0, COUNT(entries));
    tcase_add_loop_test(reference, bound_of_special_values, 0, COUNT(entries));
    tcase_add_test(reference, bound_of_overflow);
    suite_add_tcase(suite, reference);
    return suite;
}
