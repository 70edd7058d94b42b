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

clrnn_status cl_gemm(cl_command_queue queue, size_t m, size_t n, size_t k, cl_mem x, size_t x_at,
                     cl_mem w, cl_mem x_proj) {
    clrnn_status status = CLRNN_STATUS_OK;
    pthread_mutex_lock(&lock);
    const CLBlastStatusCode code =
        CLBlastSgemm(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeYes, m, n, k, 1.0f,
                     x, x_at, k, w, 0, k, 1.0f, x_proj, 0, n, &queue, NULL);
    pthread_mutex_unlock(&lock);
    REQUIRE(code == CLBlastSuccess, OPENCL,
            "forward: CLBlastSgemm failed with %d (m %zu, n %zu, k %zu)", (int)code, m, n, k);
out:
    return status;
}

#else

int cl_gemm_is_built(void) {
    return 0;
}

clrnn_status cl_gemm(cl_command_queue queue, size_t m, size_t n, size_t k, cl_mem x, size_t x_at,
                     cl_mem w, cl_mem x_proj) {
    (void)queue, (void)m, (void)n, (void)k, (void)x, (void)x_at, (void)w, (void)x_proj;
    return status_fail(CLRNN_STATUS_UNSUPPORTED, 0,
                       "forward: CLBlast is not in this build (WITH_CLBLAST=0)");
}

#endif
