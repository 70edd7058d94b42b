/* memory.c: views with gaps, and buffers. */
#include "memory.h"

#include <stdlib.h>

/* ---- views ----------------------------------------------------------------------------------- */

enum { GAP = 2, OUTER_GAP = 5, LEAD = 3 };
static const float untouched = 4242.5f;

struct view {
    clrnn_tensor tensor;
    float *all;
    size_t count;
};

static struct view make_view(const clrnn_tensor *dense) {
    struct view view = {.tensor = *dense};
    const int last = dense->rank - 1;
    const int64_t row = dense->shape[last] + GAP;
    const int64_t outer = dense->rank == 3 ? row * dense->shape[1] + OUTER_GAP : 0;
    view.tensor.strides[last] = 1;
    view.tensor.strides[last - 1] = row;
    if (dense->rank == 3) {
        view.tensor.strides[0] = outer;
    }
    view.count =
        LEAD + (size_t)(dense->rank == 3 ? outer * dense->shape[0] : row * dense->shape[0]);
    view.all = malloc(view.count * sizeof *view.all);
    ck_assert_ptr_nonnull(view.all);
    for (size_t i = 0; i < view.count; i++) {
        view.all[i] = untouched;
    }
    view.tensor.data = view.all;
    view.tensor.offset = LEAD * sizeof(float);
    return view;
}

/* Copies the view's elements in or out; what is copied out is as if it had not been touched. */
static void copy_view(const struct view *view, float *dense, int into_view) {
    const clrnn_tensor *t = &view->tensor;
    const int last = t->rank - 1;
    const int64_t outer = t->rank == 3 ? t->shape[0] : 1;
    for (int64_t i = 0; i < outer; i++) {
        for (int64_t j = 0; j < t->shape[last - 1]; j++) {
            float *there = view->all + LEAD + (t->rank == 3 ? i * t->strides[0] : 0) +
                           j * t->strides[last - 1];
            float *here = dense + (i * t->shape[last - 1] + j) * t->shape[last];
            for (int64_t k = 0; k < t->shape[last]; k++) {
                if (into_view) {
                    there[k] = here[k];
                } else {
                    here[k] = there[k];
                    there[k] = untouched;
                }
            }
        }
    }
}

void test_run_views(struct test_outcome *result, const struct test_case *test, clrnn_plan *plan) {
    struct view views[TEST_TENSORS];
    float *homes[TEST_TENSORS];
    test_result_make(result, test);
    clrnn_forward_args args = test_args(test, result);
    for (int i = 0; i < TEST_TENSORS; i++) {
        clrnn_tensor *tensor = test_tensor_at(&args, i);
        homes[i] = tensor->data;
        if (homes[i] != NULL) {
            views[i] = make_view(tensor);
            *tensor = views[i].tensor;
        }
        if (homes[i] != NULL && i < TEST_READ) {
            copy_view(&views[i], homes[i], 1);
        }
    }
    const clrnn_status status = clrnn_forward(plan, &args, 0, NULL, NULL);
    ck_assert_msg(status == CLRNN_STATUS_OK, "%s: forward: %s", test->text,
                  clrnn_last_error()->message);
    for (int i = 0; i < TEST_TENSORS; i++) {
        if (homes[i] == NULL) {
            continue;
        }
        copy_view(&views[i], homes[i], 0);
        for (size_t j = 0; j < views[i].count; j++) {
            ck_assert_msg(views[i].all[j] == untouched, "%s: a gap of %s was written", test->text,
                          test_tensor_name(i));
        }
        free(views[i].all);
    }
}

void test_runs_same(const struct test_case *test, clrnn_plan *plan,
                    const struct test_outcome *expected, const char *where) {
    struct test_outcome result;
    test_run_plan(&result, test, plan);
    test_same(test, expected, &result, where);
    test_result_free(&result);
    test_run_views(&result, test, plan);
    test_same(test, expected, &result, where);
    test_result_free(&result);
}

/* ---- buffers --------------------------------------------------------------------------------- */

int test_device_open(struct test_device *device, int index) {
    clrnn_device_info infos[16];
    size_t count = 0;
    cl_platform_id platforms[16];
    cl_device_id ids[16];
    cl_int code = CL_SUCCESS;
    ok(clrnn_devices(&count, infos, 16));
    for (size_t i = 0; i < count && i < 16; i++) {
        if (infos[i].usable && index-- == 0) {
            clGetPlatformIDs(16, platforms, NULL);
            clGetDeviceIDs(platforms[infos[i].platform], CL_DEVICE_TYPE_ALL, 16, ids, NULL);
            const cl_device_id id = ids[infos[i].device];
            device->context = clCreateContext(NULL, 1, &id, NULL, NULL, &code);
            ck_assert_int_eq(code, CL_SUCCESS);
            device->queue = clCreateCommandQueue(device->context, id, 0, &code);
            ck_assert_int_eq(code, CL_SUCCESS);
            return 1;
        }
    }
    return 0;
}

void test_device_close(struct test_device *device) {
    ck_assert_int_eq(clReleaseCommandQueue(device->queue), CL_SUCCESS);
    ck_assert_int_eq(clReleaseContext(device->context), CL_SUCCESS);
}

cl_mem test_device_memory(const struct test_device *device, size_t bytes) {
    cl_int code = CL_SUCCESS;
    cl_mem memory = clCreateBuffer(device->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    return memory;
}

static size_t bytes_of(const clrnn_tensor *tensor) {
    return (size_t)clrnn_tensor_count(tensor) * sizeof(float);
}

void test_to_buffers(const struct test_device *device, clrnn_forward_args *args) {
    for (int i = 0; i < TEST_TENSORS; i++) {
        clrnn_tensor *tensor = test_tensor_at(args, i);
        const size_t lead = 4 * ((size_t)i * 3 + 1);
        if (tensor->data == NULL) {
            continue;
        }
        tensor->buffer = test_device_memory(device, lead + bytes_of(tensor));
        ck_assert_int_eq(clEnqueueWriteBuffer(device->queue, tensor->buffer, CL_TRUE, lead,
                                              bytes_of(tensor), tensor->data, 0, NULL, NULL),
                         CL_SUCCESS);
        tensor->data = NULL;
        tensor->offset = lead;
    }
}

void test_from_buffers(const struct test_device *device, clrnn_forward_args *args,
                       const clrnn_forward_args *home) {
    clrnn_forward_args homes = *home;
    for (int i = 0; i < TEST_TENSORS; i++) {
        clrnn_tensor *tensor = test_tensor_at(args, i);
        if (tensor->buffer != NULL) {
            ck_assert_int_eq(clEnqueueReadBuffer(device->queue, tensor->buffer, CL_TRUE,
                                                 tensor->offset, bytes_of(tensor),
                                                 test_tensor_at(&homes, i)->data, 0, NULL, NULL),
                             CL_SUCCESS);
            clReleaseMemObject(tensor->buffer);
        }
    }
}
