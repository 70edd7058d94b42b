/*
 * cpu_language.h: the names of common.cl in C11, so that gcc and clang compile the same kernel
 * text.
 *
 * A `real` is a GCC vector as wide as the instruction set that the file is compiled for. Only fma
 * needs an intrinsic: where the hardware has none, fmaf of the C library gives the same bits,
 * slowly.
 */
#ifndef CLRNN_CPU_LANGUAGE_H
#define CLRNN_CPU_LANGUAGE_H

#include <math.h>

#include "core/shared.h"
#include "cpu/cpu_wait.h"

#if defined(__AVX512F__)
#include <immintrin.h>
#define VECTOR_WIDTH 16
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define VECTOR_WIDTH 8
#else
#define VECTOR_WIDTH 4
#endif

typedef float real __attribute__((vector_size(VECTOR_WIDTH * 4)));
typedef int32_t whole __attribute__((vector_size(VECTOR_WIDTH * 4)));
typedef uint8_t uchar;

#define GLOBAL
#define LOCAL
#define KERNEL static
#define INLINED __attribute__((always_inline))
#define SELDOM __attribute__((noinline, cold))
#define GROUP_SHAPE
#define PARAMS_ARGUMENT const struct params *restrict params
#define PARAMS params
#define GROUP_PARAMS , const int group_0, const int group_1
#define GROUP_ID(dim) ((wide)group_##dim)
#define LOCAL_ID 0
#define GROUP_ITEMS 1
#define SCRATCH_FLOATS 1
#define GROUP_BARRIER
#define FAR_BARRIER
#define UNROLL_TWICE
#define UNROLL _Pragma("GCC unroll 16")
/* A function with all that it calls in it, but those that are SELDOM, and a loop that is not unrolled. */
#define UNROLL_CALLED
#define CALLED __attribute__((noinline, flatten)) static

/* Flags by which groups meet: see kernels/sched_persist.cl. */
static inline int flag_read(const int *flag) {
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static inline void flag_write(int *flag, int value) {
    __atomic_store_n(flag, value, __ATOMIC_RELEASE);
}

/* A vector among floats. As one it may alias floats and nothing else: after a store by memcpy gcc reads
 * again what a struct says. */
typedef float vector_of_floats __attribute__((vector_size(VECTOR_WIDTH * 4), aligned(4)));

static inline real cpu_load(const float *from) {
    return *(const vector_of_floats *)(const void *)from;
}

static inline void cpu_store(real x, float *to) {
    *(vector_of_floats *)(void *)to = x;
}

static inline real cpu_fma(real a, real b, real c) {
#if VECTOR_WIDTH == 16
    return (real)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif VECTOR_WIDTH == 8
    return (real)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    real d = c;
    for (int lane = 0; lane < VECTOR_WIDTH; lane++) {
        d[lane] = fmaf(a[lane], b[lane], c[lane]);
    }
    return d;
#endif
}

/* yes where the lane's condition is all ones, no where it is 0 */
static inline real cpu_pick(whole condition, real yes, real no) {
    return (real)(((whole)yes & condition) | ((whole)no & ~condition));
}

/* limit < x ? limit : x, limit > x ? limit : x: what the instructions do for a NaN of x, too */
static inline real cpu_lesser(real limit, real x) {
#if VECTOR_WIDTH == 16
    return (real)_mm512_min_ps((__m512)limit, (__m512)x);
#elif VECTOR_WIDTH == 8
    return (real)_mm256_min_ps((__m256)limit, (__m256)x);
#else
    return cpu_pick(limit < x, limit, x);
#endif
}

static inline real cpu_greater(real limit, real x) {
#if VECTOR_WIDTH == 16
    return (real)_mm512_max_ps((__m512)limit, (__m512)x);
#elif VECTOR_WIDTH == 8
    return (real)_mm256_max_ps((__m256)limit, (__m256)x);
#else
    return cpu_pick(limit > x, limit, x);
#endif
}

#define HAS_DIVISION /* IEEE's, rounded once */
#define VLOAD(p) cpu_load(p)
#define VSTORE(x, p) cpu_store(x, p)
#define SPLAT(x) ((x) - (real){0}) /* x - 0 is x, -0 too; compilers see a broadcast */
#define SPLAT_WHOLE(x) ((whole){0} + (x))
#define AS_WHOLE(x) ((whole)(x))
#define AS_REAL(i) ((real)(i))
#define FMA(a, b, c) cpu_fma(a, b, c)
#define PICK(condition, yes, no) cpu_pick(condition, yes, no)
#define LESSER(limit, x) cpu_lesser(limit, x)
#define GREATER(limit, x) cpu_greater(limit, x)
#define FETCH(p) __builtin_prefetch(p)
#define FETCH_FAR(p) __builtin_prefetch(p, 0, 2)

#endif
