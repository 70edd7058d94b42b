/* half.c: see half.h. */
#include "core/half.h"

#include <math.h>
#include <string.h>

double half_to_double(uint16_t half) {
    const int exponent = half >> 10 & 0x1f;
    const int fraction = half & 0x3ff;
    double value;
    if (exponent == 0x1f) {
        value = fraction != 0 ? (double)NAN : (double)INFINITY;
    } else {
        value = exponent == 0 ? ldexp(fraction, -24) : ldexp(fraction + 1024, exponent - 25);
    }
    return half & 0x8000 ? -value : value;
}

/* Rounds to nearest, ties to even, in one step. */
uint16_t half_from_double(double value) {
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const double magnitude = fabs(value);
    if (value != value) {
        return (uint16_t)(sign | 0x7e00);
    }
    if (magnitude >= 65520.0) { /* half way between the largest half and 2^16 */
        return (uint16_t)(sign | 0x7c00);
    }
    int exponent;
    frexp(magnitude, &exponent);
    /* Halves round the value are 2^step apart; a carry into the next binade gives the same sum. */
    const int step = magnitude < 0x1p-13 ? -24 : exponent - 11;
    const int units = (int)rint(ldexp(magnitude, -step));
    return (uint16_t)(sign | (uint16_t)((step + 24) * 1024 + units));
}

uint16_t brain_from_float(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) {
        return (uint16_t)(bits >> 16 | 0x40); /* stays NaN */
    }
    const uint32_t tie = bits >> 16 & 1; /* half way goes to the even one */
    return (uint16_t)((bits + 0x7fff + tie) >> 16);
}

float brain_to_float(uint16_t brain) {
    const uint32_t bits = (uint32_t)brain << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
