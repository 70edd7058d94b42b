/* bench_peak.c: see bench_peak.h: what both kinds of devices share. */
#include "cli/bench_peak.h"

#include "cli/report.h"

#include <limits.h>
#include <math.h>
#include <time.h>

/* The best of many short tries: a machine that is not idle leaves all its cores to one program now
 * and then for a millisecond, rarely for longer. The launch, up to 0.1 ms on CPU drivers, is
 * subtracted. */
#define LONG_ENOUGH 1e-3 /* seconds */
enum { FEW_TRIES = 4, MANY_TRIES = 20 };

/* L1, L2 of small cores, L2 of large ones, L3, memory. */
const size_t bench_level_bytes[BENCH_LEVELS] = {32 << 10, 256 << 10, 1 << 20, 16 << 20, 64 << 20};

double bench_now(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* The shortest of some tries; something negative where one failed. */
static double shortest(double (*seconds)(void *context, int rounds), void *context, int rounds,
                       int tries) {
    double best = seconds(context, rounds);
    for (int i = 1; i < tries && best >= 0; i++) {
        const double time = seconds(context, rounds);
        best = time < best ? time : best;
    }
    return best;
}

double bench_peak_best(double (*seconds)(void *context, int rounds), void *context, double units) {
    const double launch = shortest(seconds, context, 0, FEW_TRIES);
    double best = launch;
    int rounds = 1;
    while (best >= 0 && best < launch + LONG_ENOUGH && rounds < INT_MAX / 2) {
        rounds *= 2;
        best = shortest(seconds, context, rounds, FEW_TRIES);
    }
    if (best >= 0) {
        best = shortest(seconds, context, rounds, MANY_TRIES);
    }
    return best > launch && launch >= 0 ? units * rounds / (best - launch) : 0;
}

double bench_peak_bandwidth(const bench_peak *peak, double bytes) {
    int above = 0;
    while (above < BENCH_LEVELS && (double)bench_level_bytes[above] < bytes) {
        above++;
    }
    if (above == 0 || above == BENCH_LEVELS) {
        return peak->gb_s[above == 0 ? 0 : BENCH_LEVELS - 1];
    }
    const double low = (double)bench_level_bytes[above - 1];
    const double high = (double)bench_level_bytes[above];
    const double place = log(bytes / low) / log(high / low);
    return peak->gb_s[above - 1] * pow(peak->gb_s[above] / peak->gb_s[above - 1], place);
}

json_t *bench_peak_json(const bench_peak *peak) {
    json_t *list = json_array();
    for (int i = 0; i < BENCH_LEVELS; i++) {
        (void)json_array_append_new(list, json_pack("{s:I,s:o}", "bytes",
                                                    (json_int_t)bench_level_bytes[i], "gb_s",
                                                    report_json_number(peak->gb_s[i])));
    }
    return json_pack("{s:o,s:o}", "gflops", report_json_number(peak->gflops), "bandwidth", list);
}
