/*
 * bench_peak_cpu.c: the peak of the engine's threads, in the widest vectors that this processor has: the same
 * loops, compiled for each instruction set and chosen at run time, as the kernels of the cpu engine
 * are.
 */
#include "cli/bench_peak.h"

#include <pthread.h>
#include <stdlib.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* A latency of 4 to 5 cycles times 2 units needs 8 to 10 sums under way; 12 and two operands fit 16
 * registers. */
enum { SUMS = 12, READS = 8, UNROLLED = 8 };

typedef struct cpu_work {
    const float *data; /* 64-byte aligned */
    size_t bytes;
    double (*fma_seconds)(void *context, int rounds);
    double (*read_seconds)(void *context, int rounds);
    int lanes;
} cpu_work;

static volatile float sink; /* results that nobody needs are not computed */

/* WIDTH lanes, of which MULTIPLY_ADD(a, b, c) gives a b + c. */
#define LOOPS(NAME, TARGET, WIDTH, MULTIPLY_ADD)                                                   \
    typedef float NAME##_vector __attribute__((vector_size((WIDTH)*4)));                           \
    TARGET static double NAME##_fma(void *context, int rounds) {                                   \
        const float factor = ((cpu_work *)context)->data[0] + 0.5f;                                \
        const NAME##_vector a = factor - (NAME##_vector){0};                                       \
        NAME##_vector sums[SUMS];                                                                  \
        for (int i = 0; i < SUMS; i++) {                                                           \
            sums[i] = (float)i - (NAME##_vector){0};                                               \
        }                                                                                          \
        const double start = bench_now();                                                          \
        for (int round = 0; round < rounds; round++) {                                             \
            for (int k = 0; k < UNROLLED; k++) {                                                   \
                _Pragma("GCC unroll 16") for (int i = 0; i < SUMS; i++) {                          \
                    sums[i] = MULTIPLY_ADD(NAME##_vector, sums[i], a, a);                          \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        const double time = bench_now() - start;                                                   \
        for (int i = 0; i < SUMS; i++) {                                                           \
            sink = sums[i][0];                                                                     \
        }                                                                                          \
        return time;                                                                               \
    }                                                                                              \
    TARGET static double NAME##_read(void *context, int rounds) {                                  \
        const cpu_work *work = context;                                                            \
        const NAME##_vector *data = (const NAME##_vector *)(const void *)work->data;               \
        const size_t count = work->bytes / sizeof data[0];                                         \
        NAME##_vector sums[READS] = {{0}};                                                         \
        const double start = bench_now();                                                          \
        for (int round = 0; round < rounds; round++) {                                             \
            for (size_t at = 0; at < count; at += READS) {                                         \
                _Pragma("GCC unroll 16") for (size_t i = 0; i < READS; i++) {                      \
                    sums[i] += data[at + i];                                                       \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        const double time = bench_now() - start;                                                   \
        for (int i = 0; i < READS; i++) {                                                          \
            sink = sums[i][0];                                                                     \
        }                                                                                          \
        return time;                                                                               \
    }

#define PLAIN(type, x, y, z) ((x) * (y) + (z))
LOOPS(plain, , 4, PLAIN)
#if defined(__x86_64__)
#define FMA_256(type, x, y, z) ((type)_mm256_fmadd_ps((__m256)(x), (__m256)(y), (__m256)(z)))
#define FMA_512(type, x, y, z) ((type)_mm512_fmadd_ps((__m512)(x), (__m512)(y), (__m512)(z)))
LOOPS(avx2, __attribute__((target("avx2,fma"))), 8, FMA_256)
LOOPS(avx512, __attribute__((target("avx512f"))), 16, FMA_512)
#endif

static void choose(cpu_work *work) {
    work->fma_seconds = plain_fma;
    work->read_seconds = plain_read;
    work->lanes = 4;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        work->fma_seconds = avx512_fma;
        work->read_seconds = avx512_read;
        work->lanes = 16;
    } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        work->fma_seconds = avx2_fma;
        work->read_seconds = avx2_read;
        work->lanes = 8;
    }
#endif
}

/* ---- side by side ---------------------------------------------------------------------------- */

typedef struct member {
    cpu_work work;
    double (*seconds)(void *context, int rounds);
    int rounds;
    double time;
    pthread_t thread;
    int runs;
} member;

typedef struct team {
    member *members;
    int count;
    int reads; /* else multiplies */
} team;

static void *run_member(void *argument) {
    member *m = argument;
    m->time = m->seconds(&m->work, m->rounds);
    return NULL;
}

/* All members at a time: the slowest one's. */
static double team_seconds(void *context, int rounds) {
    team *all = context;
    double most = 0;
    for (int i = 0; i < all->count; i++) {
        member *m = &all->members[i];
        m->seconds = all->reads ? m->work.read_seconds : m->work.fma_seconds;
        m->rounds = rounds;
        m->runs = i > 0 && pthread_create(&m->thread, NULL, run_member, m) == 0;
    }
    for (int i = 0; i < all->count; i++) {
        member *m = &all->members[i];
        if (m->runs) {
            pthread_join(m->thread, NULL);
        } else {
            run_member(m);
        }
        most = m->time > most ? m->time : most;
    }
    return most;
}

/* Each member reads a part of `bytes`, in whole rounds of its loop. */
static size_t share_out(team *all, const float *data, size_t bytes) {
    const size_t round = sizeof(float) * 16 * READS;
    const size_t part = bytes / (size_t)all->count / round * round;
    for (int i = 0; i < all->count; i++) {
        all->members[i].work.data = data + (size_t)i * part / sizeof *data;
        all->members[i].work.bytes = part > round ? part : round;
    }
    return (part > round ? part : round) * (size_t)all->count;
}

void bench_peak_cpu(bench_peak *out, int threads) {
    const size_t most = bench_level_bytes[BENCH_LEVELS - 1];
    float *data = aligned_alloc(64, most);
    team all = {.count = threads > 1 ? threads : 1};
    *out = (bench_peak){0};
    all.members = calloc((size_t)all.count, sizeof *all.members);
    if (data != NULL && all.members != NULL) {
        for (size_t i = 0; i < most / sizeof *data; i++) {
            data[i] = 0.25f;
        }
        for (int i = 0; i < all.count; i++) {
            choose(&all.members[i].work);
            all.members[i].work.data = data;
        }
        const double flops = 2.0 * UNROLLED * SUMS * all.members[0].work.lanes * all.count;
        out->gflops = 1e-9 * bench_peak_best(team_seconds, &all, flops);
        all.reads = 1;
        for (int i = 0; i < BENCH_LEVELS; i++) {
            const size_t bytes = share_out(&all, data, bench_level_bytes[i]);
            out->gb_s[i] = 1e-9 * bench_peak_best(team_seconds, &all, (double)bytes);
        }
    }
    free(all.members);
    free(data);
}
