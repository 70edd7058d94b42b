/*
 * test_division.c: kernels/activation.cl where a device does not divide (HAS_DIVISION is not
 * defined), against division: the same bits, so that a device's own division changes no result.
 */
#include "cpu/cpu_language.h"

#undef HAS_DIVISION
#include "common.cl"
#include "activation.cl"

#include "suites.h"

#include <stdint.h>
#include <string.h>

static float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float first(real x) {
    return x[0];
}

static void must_equal(const char *what, float at, float got, float expected) {
    if (!(got == expected)) { /* ck_assert_msg writes a line each time; here are millions */
        ck_abort_msg("%s of %a is %a, expected %a", what, (double)at, (double)got,
                     (double)expected);
    }
}

/* Every d of [1, 2]. */
START_TEST(reciprocals) {
    for (uint32_t bits = 0x3f800000u; bits <= 0x40000000u; bits++) {
        const float d = float_of(bits);
        must_equal("reciprocal", d, first(reciprocal(SPLAT(d))), 1.0f / d);
    }
}
END_TEST

/* And those of [1, 2^125] some: 1,009 is a prime, so every low bit occurs. */
START_TEST(reciprocals_of_any) {
    for (uint32_t bits = 0x3f800000u; bits <= 0x7e000000u; bits += 1009) {
        const float d = float_of(bits);
        must_equal("reciprocal_any", d, first(reciprocal_any(SPLAT(d))), 1.0f / d);
    }
}
END_TEST

/* The quotients that tanh asks for: n = 1 - e, d = 1 + e with e = 2^n (1 + f), for x from the smallest
 * number to 10. */
START_TEST(quotients) {
    for (uint32_t bits = 1; bits <= 0x41200000u; bits += 499) {
        const float x = float_of(bits);
        const real a = SPLAT(-2.0f * x);
        const real shifted = exp_shifted(a), f = exp_fraction(exp_remainder(a, shifted));
        const real power = exp_scale(shifted);
        const real n = absolute(FMA(f, power, power - R(1.0f)));
        const real d = FMA(f, power, power + R(1.0f));
        must_equal("quotient", x, first(ratio(n, d)), first(n) / first(d));
    }
}
END_TEST

Suite *division_suite(void) {
    Suite *suite = suite_create("division");
    TCase *tcase = tcase_create("division");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, reciprocals);
    tcase_add_test(tcase, reciprocals_of_any);
    tcase_add_test(tcase, quotients);
    suite_add_tcase(suite, tcase);
    return suite;
}
