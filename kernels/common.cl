/*
 * common.cl: the small language in which the other kernel files are written.
 *
 * Every kernel file is OpenCL C 1.2. Those that the CPU engine compiles too stay in the subset of
 * OpenCL C and C11 that the names below make: a `real` is VECTOR_WIDTH floats, one unit in each
 * lane, and arithmetic on it is +, -, * and FMA alone, so that every compiler gives the same bits.
 * What is here: types, loads, stores, selection, repetition. What is not: mathematics.
 */
/* Pastes names after their arguments were expanded. */
#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)

/* The same once more, for macros whose arguments paste with CAT: a macro cannot run inside itself.
 */
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#ifdef __OPENCL_C_VERSION__

#pragma OPENCL FP_CONTRACT OFF

#define GLOBAL __global
#define LOCAL __local
#define KERNEL __kernel
/* Offline compilers leave a large function that is called twice, and then what it is given is memory.
 * Oclgrind 21.10 lacks an intrinsic by which clang inlines what gives a struct: for it the name is empty. */
#ifndef INLINED
#define INLINED __attribute__((always_inline))
#endif
#define PARAMS_ARGUMENT const struct params params
#define PARAMS (&params)
#define GROUP_PARAMS /* the C build hands the group's number over as arguments */
#define GROUP_ID(dim) ((wide)get_group_id(dim) + params.group_first[dim])
#define LOCAL_ID ((int)get_local_id(0))
#define FAR_BARRIER barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)
#ifdef WORK_LOCAL /* within a step no item reads what another one stores in global memory */
#define GROUP_BARRIER barrier(CLK_LOCAL_MEM_FENCE)
#else
#define GROUP_BARRIER FAR_BARRIER
#endif
#define UNROLL _Pragma("unroll")
#define UNROLL_TWICE _Pragma("unroll 2")
#define GROUP_SHAPE __attribute__((reqd_work_group_size(GROUP_ITEMS, 1, 1)))

#if VECTOR_WIDTH == 1
typedef float real;
typedef int whole;
#define VLOAD(p) (*(p))
#define VSTORE(x, p) (*(p) = (x))
#define AS_WHOLE(x) as_int(x)
#define AS_REAL(i) as_float(i)
#else
typedef CAT(float, VECTOR_WIDTH) real;
typedef CAT(int, VECTOR_WIDTH) whole;
#define VLOAD(p) CAT(vload, VECTOR_WIDTH)(0, p)
#define VSTORE(x, p) CAT(vstore, VECTOR_WIDTH)(x, 0, p)
#define AS_WHOLE(x) CAT(as_int, VECTOR_WIDTH)(x)
#define AS_REAL(i) CAT(as_float, VECTOR_WIDTH)(i)
#endif
#define SPLAT(x) ((real)(x))
#define SPLAT_WHOLE(x) ((whole)(x))
#define FMA(a, b, c) fma(a, b, c)
#define PICK(condition, yes, no) ((condition) ? (yes) : (no))
/* the lesser, the greater of limit and x; a NaN of x stays */
#define LESSER(limit, x) PICK((limit) < (x), limit, x)
#define GREATER(limit, x) PICK((limit) > (x), limit, x)

/* What C keeps as a function of its own, with a loop that stays one: tile_panel.cl. */
#define UNROLL_CALLED UNROLL
#define CALLED INLINED static inline

/* Ask for the line of a number that is read soon, or later, towards the first or the second cache:
 * OpenCL's own prefetch() does nothing on PoCL. */
#ifdef HAS_FETCH
#define FETCH(p) __builtin_prefetch((const void *)(size_t)(p))
#define FETCH_FAR(p) __builtin_prefetch((const void *)(size_t)(p), 0, 2)
#else
#define FETCH(p) (void)(p)
#define FETCH_FAR(p) (void)(p)
#endif

#endif /* __OPENCL_C_VERSION__; in C the same names come from cpu_language.h */

/* How packed weights of the recurrence lie: WEIGHTS is 0: floats, 1: half, 2: bfloat16 (the upper
 * half of a float). Both widen exactly. */
#ifndef WEIGHTS
#define WEIGHTS 0
#endif
#if WEIGHTS == 1
typedef half weight;
#if VECTOR_WIDTH == 1
#define WLOAD(p) vload_half(0, p)
#else
#define WLOAD(p) CAT(vload_half, VECTOR_WIDTH)(0, p)
#endif
#elif WEIGHTS == 2
typedef ushort weight;
#if VECTOR_WIDTH == 1
#define WLOAD(p) as_float((uint) * (p) << 16)
#else
#define WLOAD(p) AS_REAL(CAT(convert_int, VECTOR_WIDTH)(CAT(vload, VECTOR_WIDTH)(0, p)) << 16)
#endif
#else
typedef float weight;
#define WLOAD(p) VLOAD(p)
#endif

/* Two of them that share a word, the first one in its lower half. zero: is 0; in a shift and a mask it costs
 * nothing. */
#if WEIGHTS == 1
static inline float2 widen_pair(uint word, uint zero) {
    const uint known = word ^ zero;
    return vload_half2(0, (const half *)&known);
}
#elif WEIGHTS == 2
static inline float2 widen_pair(uint word, uint zero) {
    return (float2)(as_float(word << (16u + zero)), as_float(word & (0xffff0000u + zero)));
}
#endif

#define R(constant) SPLAT(constant)

/* REPEAT_ROWS(M, a) writes M(0, a) M(1, a) ... for the ROWS rows of a tile, so that a tile's
 * accumulators are named variables: arrays of them cost up to a quarter of the speed. REPEAT_COLS
 * is the same text again, since a macro cannot repeat inside itself. */
#define ROWS_1(M, a) M(0, a)
#define ROWS_2(M, a) ROWS_1(M, a) M(1, a)
#define ROWS_3(M, a) ROWS_2(M, a) M(2, a)
#define ROWS_4(M, a) ROWS_3(M, a) M(3, a)
#define ROWS_5(M, a) ROWS_4(M, a) M(4, a)
#define ROWS_6(M, a) ROWS_5(M, a) M(5, a)
#define ROWS_7(M, a) ROWS_6(M, a) M(6, a)
#define ROWS_8(M, a) ROWS_7(M, a) M(7, a)
#define REPEAT_ROWS(M, a) JOIN(ROWS_, ROWS)(M, a)
#define COLS_1(M, a) M(a, 0)
#define COLS_2(M, a) COLS_1(M, a) M(a, 1)
#define COLS_3(M, a) COLS_2(M, a) M(a, 2)
#define COLS_4(M, a) COLS_3(M, a) M(a, 3)
#define COLS_5(M, a) COLS_4(M, a) M(a, 4)
#define COLS_6(M, a) COLS_5(M, a) M(a, 5)
#define COLS_7(M, a) COLS_6(M, a) M(a, 6)
#define COLS_8(M, a) COLS_7(M, a) M(a, 7)

/* FOR_PHASES(M) writes M(0) M(1) ... for the phases of the cell. */
#define PHASES_1(M) M(0)
#define PHASES_2(M) M(0) M(1)
#define FOR_PHASES(M) JOIN(PHASES_, PHASES)(M)
