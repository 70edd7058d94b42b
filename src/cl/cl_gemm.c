/*
 * cl_gemm.c: the only file that knows CLBlast. Its calls stand under one lock for the whole
 * process, since CLBlast 1.5.3 shares caches between threads without one.
 */
#include "cl/cl_internal.h"

#ifdef WITH_CLBLAST

#include <clblast_c.h>
#include <pthread.h>
#include <string.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int cl_gemm_is_built(void) {
    return 1;
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* What was set, by device: CLBlast forgets what it compiled each time that it is told anything, even the
 * same. */
enum { DEVICES = 16 };
static struct known {
    cl_device_id device;
    struct tuning_library library;
    int is_wrong; /* it was seen to give wrong numbers */
} known[DEVICES];

static struct known *known_of(cl_device_id device) {
    for (int i = 0; i < DEVICES; i++) {
        if (known[i].device == device || known[i].device == NULL) {
            known[i].device = device;
            return &known[i];
        }
    }
    return NULL;
}

void cl_gemm_judge(cl_device_id device, int is_wrong) {
    pthread_mutex_lock(&lock);
    struct known *last = known_of(device);
    if (last != NULL) {
        last->is_wrong = is_wrong;
    }
    pthread_mutex_unlock(&lock);
}

static CLBlastStatusCode override(cl_device_id device, int index, const int *values) {
    const struct library_kernel *kernel = &library_kernels[index];
    const char *names[LIBRARY_PARAMETERS];
    size_t numbers[LIBRARY_PARAMETERS];
    for (size_t i = 0; i < kernel->count; i++) {
        names[i] = kernel->parameters[i];
        numbers[i] = (size_t)values[i];
    }
    return CLBlastOverrideParameters(device, kernel->name, CLBlastPrecisionSingle, kernel->count,
                                     names, numbers);
}

clrnn_status cl_gemm_override(cl_device_id device, const struct tuning_library *library) {
    clrnn_status status = CLRNN_STATUS_OK;
    pthread_mutex_lock(&lock);
    struct known *slot = known_of(device);
    struct tuning_library *last = slot != NULL ? &slot->library : NULL;
    REQUIRE(slot == NULL || !slot->is_wrong || tuning_library_is_given(library), UNSUPPORTED,
            "plan: CLBlast has wrong parameters in this process, from an earlier context's tuning "
            "file");
    for (int i = 0; i < LIBRARY_KERNELS; i++) {
        const size_t bytes = sizeof library->values[i];
        const int is_new = last == NULL || !last->given[i] ||
                           memcmp(last->values[i], library->values[i], bytes) != 0;
        if (!library->given[i] || !is_new) {
            continue;
        }
        const CLBlastStatusCode code = override(device, i, library->values[i]);
        REQUIRE(code == CLBlastSuccess, UNSUPPORTED,
                "plan: CLBlast does not take the tuning file's %s: %d", library_kernels[i].name,
                (int)code);
        if (last != NULL) {
            last->given[i] = 1;
            memcpy(last->values[i], library->values[i], bytes);
        }
    }
out:
    pthread_mutex_unlock(&lock);
    return status;
}

/* ---- products -------------------------------------------------------------------------------- */

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
        g->x, g->x_at, g->k, g->w, 0, g->k, g->replaces ? 0.0f : 1.0f, g->x_proj, 0, g->n, &queue,
        event, temporary);
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

void cl_gemm_judge(cl_device_id device, int is_wrong) {
    (void)device, (void)is_wrong;
}

clrnn_status cl_gemm_override(cl_device_id device, const struct tuning_library *library) {
    (void)device, (void)library;
    return CLRNN_STATUS_OK;
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
