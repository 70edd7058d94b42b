/*
 * cl_gemm_probe.c: CLBlast with parameters from a tuning file, asked for a product that is known. Its
 * kernels take many parameters that do not fit together without a word, and give wrong numbers.
 *
 * x[i][k] = a(i) u(k), w[o][k] = b(o) v(k), so that the product is a(i) b(o) times one sum; all of it small
 * integers, exact in any order.
 */
#include "cl/cl_internal.h"

#include <stdlib.h>

/* Sums stay below 2^24 up to here; and what is asked for stays small. */
enum { MOST_K = 1 << 17, MOST_FLOATS = 1 << 22 };

static int left_of(size_t i) {
    return (int)(i % 7) + 1;
}

static int right_of(size_t o) {
    return (int)(o % 5) + 1;
}

static int start_of(size_t i, size_t o) {
    return (int)((i + o) % 4);
}

static void fill(const struct cl_gemm *g, float *x, float *w, float *product, int *sum) {
    *sum = 0;
    for (size_t k = 0; k < g->k; k++) {
        const int u = (int)(k % 3), v = (int)(k % 2) + 1;
        *sum += u * v;
        for (size_t i = 0; i < g->m; i++) {
            x[i * g->k + k] = (float)(left_of(i) * u);
        }
        for (size_t o = 0; o < g->n; o++) {
            w[o * g->k + k] = (float)(right_of(o) * v);
        }
    }
    for (size_t at = 0; at < g->m * g->n; at++) {
        product[at] = (float)start_of(at / g->n, at % g->n);
    }
}

static clrnn_status compare(const struct cl_gemm *g, const float *product, int sum) {
    clrnn_status status = CLRNN_STATUS_OK;
    for (size_t at = 0; at < g->m * g->n; at++) {
        const size_t i = at / g->n, o = at % g->n;
        const float expected = (float)(start_of(i, o) + left_of(i) * right_of(o) * sum);
        REQUIRE(product[at] == expected, UNSUPPORTED,
                "plan: CLBlast with the tuning file's parameters must give %g, got %g (row %zu of "
                "%zu, column %zu of %zu, k %zu)",
                (double)expected, (double)product[at], i, g->m, o, g->n, g->k);
    }
out:
    return status;
}

static clrnn_status copy_in(cl_mem *out, struct cl_engine_context *context, float *values,
                            size_t count) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_int code = CL_SUCCESS;
    *out = clCreateBuffer(context->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                          count * sizeof *values, values, &code);
    if (code != CL_SUCCESS) {
        *out = NULL;
        TRY(status_fail(CLRNN_STATUS_MEMORY, code, "plan: the device gives no %zu bytes: %s (%d)",
                        count * sizeof *values, cl_code_name(code), code));
    }
out:
    return status;
}

static clrnn_status multiply(struct cl_engine_context *context, const struct cl_gemm *g,
                             float *product) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_mem temporary = NULL;
    cl_int code = CL_SUCCESS;
    size_t bytes = 0;
    TRY(cl_gemm_temporary(&bytes, context->queue, g));
    if (bytes > 0) {
        temporary = clCreateBuffer(context->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
        TRY_CL("plan", code);
    }
    TRY(cl_gemm(context->queue, g, temporary, NULL));
    TRY_CL("plan", clEnqueueReadBuffer(context->queue, g->x_proj, CL_FALSE, 0,
                                       g->m * g->n * sizeof *product, product, 0, NULL, NULL));
out:
    cl_settle(context, &status);
    if (temporary != NULL) {
        clReleaseMemObject(temporary);
    }
    return status;
}

clrnn_status cl_gemm_probe(struct cl_engine_context *context, size_t m, size_t n, size_t k) {
    clrnn_status status = CLRNN_STATUS_OK;
    const size_t most = MOST_FLOATS / (n + k);
    struct cl_gemm g = {.m = m < most ? m : most, .n = n, .k = k};
    float *values = NULL;
    int sum = 0;
    if (g.m == 0 || k > MOST_K) {
        return status;
    }
    const size_t floats[] = {g.m * k, n * k, g.m * n};
    values = malloc((floats[0] + floats[1] + floats[2]) * sizeof *values);
    REQUIRE(values != NULL, MEMORY, "plan: out of memory");
    float *const product = values + floats[0] + floats[1];
    fill(&g, values, values + floats[0], product, &sum);
    TRY(copy_in(&g.x, context, values, floats[0]));
    TRY(copy_in(&g.w, context, values + floats[0], floats[1]));
    TRY(copy_in(&g.x_proj, context, product, floats[2]));
    TRY(multiply(context, &g, product));
    status = compare(&g, product, sum);
    cl_gemm_judge(context->device, status != CLRNN_STATUS_OK);
out:
    if (g.x != NULL) {
        clReleaseMemObject(g.x);
    }
    if (g.w != NULL) {
        clReleaseMemObject(g.w);
    }
    if (g.x_proj != NULL) {
        clReleaseMemObject(g.x_proj);
    }
    if (!context->poisoned) { /* else the device may write it yet */
        free(values);
    }
    return status;
}
