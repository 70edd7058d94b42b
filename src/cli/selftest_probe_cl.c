/*
 * selftest_probe_cl.c: what the device's arithmetic is like, by kernels that do one operation each.
 * What OpenCL requires may be wrong (fma, products, quotients within 2.5 ulp, loops, NaN); what it
 * leaves open is noted (denormals, quotients rounded once), and --strict has need of.
 *
 * Expected values are the host's own arithmetic, which is IEEE's (-ffp-contract=off).
 */
#include "cli/selftest.h"
#include "cli/selftest_cl.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 4096, ROUNDS = 70000, FINE_ULPS_TIMES_2 = 5, BARRIERS = 2000, LAUNCHES = 300 };

/* in: a, b, c. out: a b, a + c, fma(a, b, c), a b + c, a / b */
static const char source[] =
    "#pragma OPENCL FP_CONTRACT OFF\n"
    "kernel void arithmetic(global const float *in, global float *out, const int count) {\n"
    "    for (int i = get_global_id(0); i < count; i += get_global_size(0)) {\n"
    "        const float a = in[3 * i], b = in[3 * i + 1], c = in[3 * i + 2];\n"
    "        const float product = a * b;\n"
    "        out[5 * i] = product;\n"
    "        out[5 * i + 1] = a + c;\n"
    "        out[5 * i + 2] = fma(a, b, c);\n"
    "        out[5 * i + 3] = product + c;\n"
    "        out[5 * i + 4] = a / b;\n"
    "    }\n"
    "}\n"
    "kernel void compare(global const float *in, global float *out, const int count) {\n"
    "    for (int i = get_global_id(0); i < count; i += get_global_size(0)) {\n"
    "        const float a = in[3 * i], b = in[3 * i + 1];\n"
    "        out[3 * i] = a != a ? 1.0f : 0.0f;\n"
    "        out[3 * i + 1] = a > b ? 1.0f : 0.0f;\n"
    "        out[3 * i + 2] = a == b ? 1.0f : 0.0f;\n"
    "    }\n"
    "}\n"
    "kernel void rounds(global volatile float *out, const int count) {\n"
    "    out[0] = 0.0f;\n"
    "    for (int i = 0; i < count; i++) {\n"
    "        out[0] += 1.0f;\n"
    "    }\n"
    "}\n"
    "kernel void barriers(global float *out, const int count) {\n"
    "    local volatile int turn[1];\n"
    "    const int me = get_local_id(0), items = get_local_size(0);\n"
    "    int seen = 0;\n"
    "    if (me == 0) {\n"
    "        turn[0] = 0;\n"
    "    }\n"
    "    barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    for (int i = 0; i < count; i++) {\n"
    "        if (i % items == me) {\n"
    "            turn[0] += 1;\n"
    "        }\n"
    "        barrier(CLK_LOCAL_MEM_FENCE);\n"
    "    }\n"
    "    seen = turn[0];\n"
    "    out[get_global_id(0)] = (float)seen;\n"
    "}\n"
    "kernel void nothing(global float *out, const int count) {\n"
    "    if (count < 0) {\n"
    "        out[0] = 0.0f;\n"
    "    }\n"
    "}\n";

enum { PRODUCT, SUM, FMA, PRODUCT_SUM, QUOTIENT, RESULTS };

typedef struct probes {
    selftest_pen *pen;
    const clrnn_device_info *info;
    selftest_cl cl;
    float in[3 * SAMPLES], expected[RESULTS * SAMPLES], got[RESULTS * SAMPLES];
} probes;

/* ---- helpers --------------------------------------------------------------------------------- */

static void say_call(probes *job, const char *into, const char *name) {
    selftest_say(job->pen, into, name, SELFTEST_ERROR, "%s failed (%d)%s%s", job->cl.call,
                 job->cl.code, job->cl.log[0] != 0 ? ": " : "", job->cl.log);
    job->cl.call = NULL;
}

/* Uniform in [0, 1), the same everywhere. */
static double draw(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(*state >> 11) * 0x1p-53;
}

/* Magnitudes from 2^-20 to 2^20 of either sign: nothing overflows, nothing is denormal. */
static float draw_float(uint64_t *state) {
    const double size = exp2(40 * draw(state) - 20);
    return (float)(draw(state) < 0.5 ? -size : size);
}

static void expect(probes *job, int count) {
    for (int i = 0; i < count; i++) {
        const float a = job->in[3 * i], b = job->in[3 * i + 1], c = job->in[3 * i + 2];
        const volatile float product = a * b;
        float *expected = &job->expected[RESULTS * i];
        expected[PRODUCT] = product;
        expected[SUM] = a + c;
        expected[FMA] = fmaf(a, b, c);
        expected[PRODUCT_SUM] = product + c;
        expected[QUOTIENT] = a / b;
    }
}

static int run_arithmetic(probes *job, const char *name, int count) {
    expect(job, count);
    const int is_fine = selftest_cl_run(&job->cl, "arithmetic", job->in, 3 * count, job->got,
                                        RESULTS * count, count, 1, 1);
    if (!is_fine) {
        say_call(job, "probes", name);
    }
    return is_fine;
}

/* Floats in order, so that neighbours differ by 1. */
static int64_t order_of(float value) {
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits < 0 ? (int64_t)INT32_MIN - bits : bits;
}

/* How many differ, and by how many floats at most, in *worst. */
static int count_off(const probes *job, int result, int count, int64_t *worst) {
    int off = 0;
    *worst = 0;
    for (int i = 0; i < count; i++) {
        const float a = job->expected[RESULTS * i + result];
        const float b = job->got[RESULTS * i + result];
        const int64_t distance = llabs(order_of(a) - order_of(b));
        off += memcmp(&a, &b, sizeof a) != 0;
        *worst = distance > *worst ? distance : *worst;
    }
    return off;
}

/* ---- probes ---------------------------------------------------------------------------------- */

/* Random triples, and ones whose product needs all 48 bits. */
static void make_samples(probes *job) {
    uint64_t state = 1;
    for (int i = 0; i < SAMPLES; i++) {
        float *triple = &job->in[3 * i];
        triple[0] = draw_float(&state);
        triple[1] = draw_float(&state);
        triple[2] = draw_float(&state);
        if (i % 2 == 0) { /* what is left of the product when it is taken away */
            const volatile float product = triple[0] * triple[1];
            triple[2] = -product;
        }
    }
}

static void probe_fma(probes *job) {
    int64_t worst = 0;
    make_samples(job);
    if (!run_arithmetic(job, "fma", SAMPLES)) {
        return;
    }
    const int off = count_off(job, FMA, SAMPLES, &worst);
    if (off == 0) {
        selftest_say(job->pen, "probes", "fma", SELFTEST_FINE, "rounds once: %d of %d samples",
                     SAMPLES, SAMPLES);
    } else {
        selftest_say(job->pen, "probes", "fma", SELFTEST_WRONG,
                     "is no true fma: %d of %d samples are off", off, SAMPLES);
    }
}

static void probe_sums(probes *job) {
    int64_t worst[3];
    make_samples(job);
    if (!run_arithmetic(job, "a b, a + c", SAMPLES)) {
        return;
    }
    const int products = count_off(job, PRODUCT, SAMPLES, &worst[0]);
    const int sums = count_off(job, SUM, SAMPLES, &worst[1]);
    const int both = count_off(job, PRODUCT_SUM, SAMPLES, &worst[2]);
    if (products + sums > 0) {
        selftest_say(job->pen, "probes", "a b, a + c", SELFTEST_WRONG,
                     "%d products and %d sums of %d are off", products, sums, SAMPLES);
    } else {
        selftest_say(job->pen, "probes", "a b, a + c", SELFTEST_FINE,
                     "round once: %d of %d samples", SAMPLES, SAMPLES);
    }
    selftest_say(job->pen, "probes", "a b + c", both > 0 ? SELFTEST_NOTE : SELFTEST_FINE, "%s",
                 both > 0 ? "contracted into an fma, though FP_CONTRACT is OFF"
                          : "rounds twice with FP_CONTRACT OFF");
}

static void probe_division(probes *job) {
    int64_t worst = 0;
    make_samples(job);
    if (!run_arithmetic(job, "a / b", SAMPLES)) {
        return;
    }
    const int off = count_off(job, QUOTIENT, SAMPLES, &worst);
    /* a result that is off by n floats is off by n + 1/2 ulp at most, by n - 1/2 at least */
    const int is_fine = 2 * worst - 1 <= FINE_ULPS_TIMES_2;
    if (off == 0) {
        selftest_say(job->pen, "probes", "a / b", SELFTEST_FINE, "rounds once: %d of %d samples",
                     SAMPLES, SAMPLES);
    } else {
        selftest_say(job->pen, "probes", "a / b", is_fine ? SELFTEST_NOTE : SELFTEST_WRONG,
                     "%d of %d samples are off, by %lld floats at most (2.5 ulp are allowed)", off,
                     SAMPLES, (long long)worst);
    }
}

/* Operands and results below the normal range. */
static void probe_denormals(probes *job) {
    static const float triples[][3] = {{0x1p-130f, 1.0f, 0x1p-131f},
                                       {0x1p-100f, 0x1p-40f, 0.0f},
                                       {0x1.8p-127f, 0x1p-1f, -0x1p-149f},
                                       {0x1p-120f, 0x1p-15f, 0x1p-140f}};
    enum { COUNT = sizeof triples / sizeof triples[0] };
    memcpy(job->in, triples, sizeof triples);
    if (!run_arithmetic(job, "denormals", COUNT)) {
        return;
    }
    int zeros = 0;
    int off = 0;
    for (int i = 0; i < RESULTS * COUNT; i++) {
        const int is_off = memcmp(&job->got[i], &job->expected[i], sizeof job->got[i]) != 0;
        off += is_off;
        zeros += is_off && job->got[i] == 0;
    }
    selftest_say(job->pen, "probes", "denormals", off == 0 ? SELFTEST_FINE : SELFTEST_NOTE, "%s",
                 off == 0    ? "kept"
                 : zeros > 0 ? "flushed to zero, which OpenCL allows; --strict refuses that"
                             : "kept in part; --strict refuses that");
}

/* Are both of one class: NaN, or the same number? */
static int is_same(float a, float b) {
    return (isnan(a) && isnan(b)) || a == b;
}

static void probe_nan(probes *job) {
    const float values[] = {NAN, INFINITY, -INFINITY, 0.0f, 1.0f, -2.0f, FLT_MAX};
    enum { COUNT = sizeof values / sizeof values[0], PAIRS = COUNT * COUNT };
    int off = 0;
    for (int i = 0; i < PAIRS; i++) {
        job->in[3 * i] = values[i / COUNT];
        job->in[3 * i + 1] = values[i % COUNT];
        job->in[3 * i + 2] = values[(i / COUNT + i) % COUNT];
    }
    if (!run_arithmetic(job, "NaN, infinity", PAIRS)) {
        return;
    }
    for (int i = 0; i < RESULTS * PAIRS; i++) {
        off += !is_same(job->got[i], job->expected[i]);
    }
    if (!selftest_cl_run(&job->cl, "compare", job->in, 3 * PAIRS, job->got, 3 * PAIRS, PAIRS, 1,
                         1)) {
        say_call(job, "probes", "NaN, infinity");
        return;
    }
    for (int i = 0; i < PAIRS; i++) {
        const float a = job->in[3 * i], b = job->in[3 * i + 1];
        off += job->got[3 * i] != (float)(isnan(a) != 0) || job->got[3 * i + 1] != (float)(a > b) ||
               job->got[3 * i + 2] != (float)(a == b);
    }
    selftest_say(job->pen, "probes", "NaN, infinity", off == 0 ? SELFTEST_FINE : SELFTEST_WRONG,
                 off == 0 ? "pass: %d of %d results" : "%d of %d results are wrong",
                 off == 0 ? (RESULTS + 3) * PAIRS : off, (RESULTS + 3) * PAIRS);
}

static void probe_loop(probes *job) {
    float counted = 0;
    if (!selftest_cl_run(&job->cl, "rounds", NULL, 0, &counted, 1, ROUNDS, 1, 1)) {
        say_call(job, "probes", "long loops");
        return;
    }
    const int is_fine = counted == (float)ROUNDS;
    if (!is_fine && strncmp(job->info->name, "llvmpipe", 8) == 0) {
        selftest_say(job->pen, "probes", "long loops", SELFTEST_NOTE,
                     "end after %d of %d rounds, as is known of it: launches are kept shorter",
                     (int)counted, ROUNDS);
        return;
    }
    selftest_say(job->pen, "probes", "long loops", is_fine ? SELFTEST_FINE : SELFTEST_WRONG,
                 is_fine ? "%d of %d rounds" : "end after %d of %d rounds", (int)counted, ROUNDS);
}

/* Every item adds in its turn, and sees what the others added. */
static void probe_barriers(probes *job) {
    const size_t most = job->info->max_group_size;
    const size_t items = most < 256 ? most : 256;
    int off = 0;
    if (!selftest_cl_run(&job->cl, "barriers", NULL, 0, job->got, (int)items, BARRIERS, items,
                         items)) {
        say_call(job, "probes", "barriers");
        return;
    }
    for (size_t i = 0; i < items; i++) {
        off += job->got[i] != (float)BARRIERS;
    }
    selftest_say(job->pen, "probes", "barriers", off == 0 ? SELFTEST_FINE : SELFTEST_WRONG,
                 off == 0 ? "hold: %d meetings of %d items" : "fail: %d meetings of %d items",
                 BARRIERS, (int)items);
}

/* ---- speeds ---------------------------------------------------------------------------------- */

/* Seconds of a kernel, the least of some tries; negative: it failed. */
static double time_kernel(probes *job, const char *kernel, int number, size_t items) {
    double least = INFINITY;
    for (int i = 0; i < 5; i++) {
        const double start = supervise_now();
        if (!selftest_cl_run(&job->cl, kernel, NULL, 0, job->got, (int)items, number, items,
                             items)) {
            return -1;
        }
        least = fmin(least, supervise_now() - start);
    }
    return least;
}

/* The slope takes away what a launch takes. */
static void time_barriers(probes *job) {
    const size_t most = job->info->max_group_size;
    const size_t items = most < 256 ? most : 256;
    const double few = time_kernel(job, "barriers", BARRIERS, items);
    const double many = few >= 0 ? time_kernel(job, "barriers", 11 * BARRIERS, items) : -1;
    if (many < 0) {
        say_call(job, "speeds", "barrier");
        return;
    }
    selftest_put(job->pen, "speeds",
                 json_pack("{s:s,s:s,s:i,s:o}", "name", "barrier", "status", SELFTEST_FINE, "items",
                           (int)items, "us",
                           report_json_number(fmax(many - few, 0) * 1e6 / (10.0 * BARRIERS))));
}

/* Seconds from the first launch until the last one is done. */
static double time_launches(probes *job, cl_kernel kernel, int count) {
    const size_t items = 1;
    const double start = supervise_now();
    int is_fine = 1;
    for (int i = 0; i < count && is_fine; i++) {
        is_fine = selftest_cl_is_fine(
            &job->cl, "clEnqueueNDRangeKernel",
            clEnqueueNDRangeKernel(job->cl.queue, kernel, 1, NULL, &items, &items, 0, NULL, NULL));
    }
    (void)(is_fine && selftest_cl_is_fine(&job->cl, "clFinish", clFinish(job->cl.queue)));
    return supervise_now() - start;
}

/* A launch behind others, and one that is waited for. */
static void time_launch(probes *job) {
    const int number = 0;
    cl_int code = CL_SUCCESS;
    cl_mem out = NULL;
    double row = INFINITY;
    double one = INFINITY;
    cl_kernel kernel = clCreateKernel(job->cl.program, "nothing", &code);
    if (selftest_cl_is_fine(&job->cl, "clCreateKernel", code)) {
        out = clCreateBuffer(job->cl.context, CL_MEM_READ_WRITE, sizeof(float), NULL, &code);
    }
    if (selftest_cl_is_fine(&job->cl, "clCreateBuffer", code) &&
        selftest_cl_is_fine(&job->cl, "clSetKernelArg",
                            clSetKernelArg(kernel, 0, sizeof out, &out)) &&
        selftest_cl_is_fine(&job->cl, "clSetKernelArg",
                            clSetKernelArg(kernel, 1, sizeof number, &number))) {
        for (int i = 0; i < 10 && job->cl.call == NULL; i++) {
            row = fmin(row, time_launches(job, kernel, LAUNCHES) / LAUNCHES);
            one = fmin(one, time_launches(job, kernel, 1));
        }
    }
    if (job->cl.call != NULL) {
        say_call(job, "speeds", "launch");
    } else {
        selftest_put(job->pen, "speeds",
                     json_pack("{s:s,s:s,s:o,s:o}", "name", "launch", "status", SELFTEST_FINE, "us",
                               report_json_number(row * 1e6), "waited_us",
                               report_json_number(one * 1e6)));
    }
    if (out != NULL) {
        (void)clReleaseMemObject(out);
    }
    if (kernel != NULL) {
        (void)clReleaseKernel(kernel);
    }
}

/* ---- the group ------------------------------------------------------------------------------- */

typedef struct probe_test {
    const char *name;
    void (*run)(probes *job);
} probe_test;

static const probe_test arithmetic[] = {
    {"fma", probe_fma},
    {"products and sums", probe_sums},
    {"division", probe_division},
    {"denormals", probe_denormals},
    {"NaN and infinity", probe_nan},
    {"long loops", probe_loop},
    {"barriers", probe_barriers},
};

static const probe_test speeds[] = {
    {"launch time", time_launch},
    {"barrier time", time_barriers},
};

static void run_tests(selftest_pen *pen, const clrnn_context *context, const char *into,
                      const probe_test *tests, size_t count) {
    probes *job = calloc(1, sizeof *job);
    if (job == NULL) {
        selftest_say(pen, into, "memory", SELFTEST_ERROR, "out of memory");
        return;
    }
    job->pen = pen;
    job->info = clrnn_context_device(context);
    if (!selftest_cl_open(&job->cl, job->info) || !selftest_cl_build(&job->cl, source)) {
        if (selftest_begin(pen, "building the kernels of the %s", into)) {
            say_call(job, into, "build");
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            if (selftest_begin(pen, "%s", tests[i].name)) {
                tests[i].run(job);
            }
        }
    }
    selftest_cl_close(&job->cl);
    free(job);
}

void selftest_speeds(selftest_pen *pen, const clrnn_context *context) {
    run_tests(pen, context, "speeds", speeds, sizeof speeds / sizeof speeds[0]);
}

void selftest_probes(FILE *out, void *context) {
    selftest_pen pen = *(const selftest_pen *)context;
    pen.out = out;
    clrnn_context *own = selftest_open(&pen, 0, 0);
    run_tests(&pen, own, "probes", arithmetic, sizeof arithmetic / sizeof arithmetic[0]);
    selftest_acts(&pen, own);
    clrnn_context_free(own);
}
