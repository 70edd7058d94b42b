/* half.h: numbers of 16 bits: IEEE's half, and bfloat16, the upper half of a float. */
#ifndef CLRNN_CORE_HALF_H
#define CLRNN_CORE_HALF_H

#include <stdint.h>

/* Both round to nearest, ties to even, in one step; what is too large becomes infinite. */
uint16_t half_from_double(double value);
uint16_t brain_from_float(float value);
double half_to_double(uint16_t half);
float brain_to_float(uint16_t brain);

#endif
