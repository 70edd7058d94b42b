/*
 * reference_arithmetic.h: sums and arithmetic in double precision with a running error bound. The
 * rules of the error are at the head of reference_arithmetic.c.
 */
#ifndef CLRNN_CPU_REFERENCE_ARITHMETIC_H
#define CLRNN_CPU_REFERENCE_ARITHMETIC_H

#include "cpu/reference_activation.h"

/* A sum of products on its way; start from {0}. */
struct sum {
    double value;
    double size;      /* sum of the |terms| that are finite */
    double inherited; /* error that came in with the factors, all of one sign */
    double squares;   /* of the same errors, the sum of their squares */
    double flushed;   /* sum of the |terms| with a factor that a device may flush to 0 */
    int terms;
};

/* Adds w v; v_error: [count], or NULL: v is exact. */
void sum_products(struct sum *sum, const float *w, const double *v, const double *v_error,
                  int count);
void sum_product(struct sum *sum, float w, struct number v);
void sum_term(struct sum *sum, float term);
struct number sum_finish(const struct sum *sum);

/* An infinite error where float32 may overflow; no error where the value is infinite or NaN by its
 * inputs. */
struct number number_settle(struct number n);
struct number number_multiply(struct number a, struct number b);
struct number number_add(struct number a, struct number b);
struct number number_halve(struct number a);
/* 1 - a */
struct number number_complement(struct number a);
/* (1 - z) n + z h */
struct number number_blend(struct number z, struct number n, struct number h);
/* Held in +-limit; as it is where limit is 0. */
struct number number_clip(struct number a, float limit);

#endif
