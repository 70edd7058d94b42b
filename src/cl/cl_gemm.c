/*
 * cl_gemm.c: the only file that knows CLBlast. Its calls stand under one lock for the whole
 * process, since CLBlast 1.5.3 shares caches between threads without one.
 */
#include "cl/cl_internal.h"

#ifdef WITH_CLBLAST

#include <clblast_c.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int cl_gemm_is_built(void) {
    return 1;
}

clrnn_status cl_gemm_temporary(size_t *bytes, cl_command_queue queue, const struct cl_gemm *g) {
    clrnn_status status = CLRNN_STATUS_OK;
    pthread_mutex_lock(&lock);
    const CLBlastStatusCode code = CLBlastSGemmTempBufferSize(
        CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeYes, g->m, g->n, g->k, g->x_at,
        g->k, 0, g->k, 0, g->n, &queue, bytes);
    pthread_mutex_unlock(&lock);
    REQUIRE(code == CLBlastSuccess, OPENCL,
            "forward: CLBlastSGemmTempBufferSize failed with %d (m %zu, n %zu, k %zu)", (int)code,
            g->m, g->n, g->k);
out:
    return status;
}

clrnn_status cl_gemm(cl_command_queue queue, const struct cl_gemm *g, cl_mem temporary,
                     cl_event *event) {
    clrnn_status status = CLRNN_STATUS_OK;
    pthread_mutex_lock(&lock);
    const CLBlastStatusCode code = CLBlastSgemmWithTempBuffer(
        CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeYes, g->m, g->n, g->k, 1.0f,
        g->x, g->x_at, g->k, g->w, 0, g->k, 1.0f, g->x_proj, 0, g->n, &queue, event, temporary);
    pthread_mutex_unlock(&lock);
    REQUIRE(code == CLBlastSuccess, OPENCL,
            "forward: CLBlastSgemm failed with %d (m %zu, n %zu, k %zu)", (int)code, g->m, g->n,
            g->k);
out:
    return status;
}

#else

int cl_gemm_is_built(void) {
    return 0;
}

clrnn_status cl_gemm_temporary(size_t *bytes, cl_command_queue queue, const struct cl_gemm *g) {
    (void)queue, (void)g;
    *bytes = 0;
    return CLRNN_STATUS_OK;
}

clrnn_status cl_gemm(cl_command_queue queue, const struct cl_gemm *g, cl_mem temporary,
                     cl_event *event) {
    (void)queue, (void)g, (void)temporary, (void)event;
    return status_fail(CLRNN_STATUS_UNSUPPORTED, 0,
                       "forward: CLBlast is not in this build (WITH_CLBLAST=0)");
}

#endif
