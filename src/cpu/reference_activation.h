/*
 * reference_activation.h: the activations in double precision, straight from their formulas, each
 * with an error bound. Part of the oracle (reference.h): no code, no table and no constant is
 * shared with the kernels, but for the default parameters.
 */
#ifndef CLRNN_CPU_REFERENCE_ACTIVATION_H
#define CLRNN_CPU_REFERENCE_ACTIVATION_H

#include "clrnn.h"

/* A value, and what float32 may differ by from it. */
struct number {
    double value;
    double error; /* INFINITY: anything is right, NaN included */
};

/* The plain value of an activation, at infinities the limit. NaN for DEFAULT and CUSTOM. */
double reference_function(clrnn_act kind, double alpha, double beta, double x);

/* The activation of a value known within +-error, with the bound of what float32 may differ by.
 * Anything is right for DEFAULT and CUSTOM. */
struct number reference_activate(clrnn_act kind, float alpha, float beta, struct number a);

#endif
