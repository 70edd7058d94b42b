/* selftest_device_cl.c: what the device, its driver and the loader say of themselves. */
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS /* loaders answer to what a platform is not asked */
#include "cli/device_cl.h"
#include "cli/selftest.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

enum { MOST_EXTENSIONS = 1 << 14 };

static void set(json_t *object, const char *key, json_t *value) {
    (void)json_object_set_new(object, key, value);
}

/* Texts of any length but the extensions'; "" where the device does not say. */
static json_t *text_of(cl_device_id device, cl_device_info what) {
    char text[512] = "";
    (void)clGetDeviceInfo(device, what, sizeof text - 1, text, NULL);
    return report_json_text(text);
}

/* Numbers of 4 or 8 bytes, size_t among them; -1 where the device does not say. */
static json_t *number_of(cl_device_id device, cl_device_info what) {
    union {
        cl_uint narrow;
        cl_ulong wide;
    } value = {.wide = 0};
    size_t size = 0;
    if (clGetDeviceInfo(device, what, sizeof value, &value, &size) != CL_SUCCESS) {
        return json_integer(-1);
    }
    return json_integer(size == sizeof value.narrow ? (json_int_t)value.narrow
                                                    : (json_int_t)value.wide);
}

static json_t *sizes_of(cl_device_id device) {
    size_t sizes[16] = {0};
    size_t bytes = 0;
    json_t *list = json_array();
    if (clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sizes, sizes, &bytes) ==
        CL_SUCCESS) {
        for (size_t i = 0; i < bytes / sizeof sizes[0]; i++) {
            (void)json_array_append_new(list, json_integer((json_int_t)sizes[i]));
        }
    }
    return list;
}

/* What the driver claims of float32 arithmetic, which the probes see for themselves. */
static json_t *claims_of(cl_device_id device) {
    static const struct {
        cl_device_fp_config bit;
        const char *name;
    } bits[] = {
        {CL_FP_DENORM, "denormals"},
        {CL_FP_INF_NAN, "inf_nan"},
        {CL_FP_FMA, "fma"},
        {CL_FP_ROUND_TO_NEAREST, "round_to_nearest"},
        {CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT, "correctly_rounded_divide_sqrt"},
        {CL_FP_SOFT_FLOAT, "soft_float"},
    };
    cl_device_fp_config config = 0;
    json_t *list = json_array();
    (void)clGetDeviceInfo(device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof config, &config, NULL);
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        if ((config & bits[i].bit) != 0) {
            (void)json_array_append_new(list, json_string(bits[i].name));
        }
    }
    return list;
}

static json_t *extensions_of(cl_device_id device) {
    char *text = calloc(1, MOST_EXTENSIONS);
    char *rest = NULL;
    json_t *list = json_array();
    if (text != NULL && clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, MOST_EXTENSIONS - 1, text,
                                        NULL) == CL_SUCCESS) {
        for (char *name = strtok_r(text, " ", &rest); name != NULL;
             name = strtok_r(NULL, " ", &rest)) {
            (void)json_array_append_new(list, report_json_text(name));
        }
    }
    free(text);
    return list;
}

/* ocl-icd's and Khronos' loaders both answer to this; another one need not. */
static json_t *loader_name(void) {
    enum { LOADER_VERSION = 2, LOADER_NAME = 3 };
    typedef cl_int(CL_API_CALL * ask_loader)(cl_uint what, size_t size, void *value, size_t *got);
    union {
        void *object;
        ask_loader call;
    } ask;
    char name[96] = "";
    char version[96] = "";
    char text[200];
    ask.object = clGetExtensionFunctionAddress("clGetICDLoaderInfoOCLICD");
    if (ask.object == NULL || ask.call(LOADER_NAME, sizeof name - 1, name, NULL) != CL_SUCCESS ||
        ask.call(LOADER_VERSION, sizeof version - 1, version, NULL) != CL_SUCCESS) {
        return json_string("unknown");
    }
    (void)snprintf(text, sizeof text, "%s %s", name, version);
    return report_json_text(text);
}

static void add_device(json_t *object, cl_device_id device) {
    static const struct {
        const char *key;
        cl_device_info what;
    } numbers[] = {
        {"clock_mhz", CL_DEVICE_MAX_CLOCK_FREQUENCY},
        {"address_bits", CL_DEVICE_ADDRESS_BITS},
        {"cache_bytes", CL_DEVICE_GLOBAL_MEM_CACHE_SIZE},
        {"constant_bytes", CL_DEVICE_MAX_CONSTANT_BUFFER_SIZE},
        {"vector_width", CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT},
        {"alignment_bits", CL_DEVICE_MEM_BASE_ADDR_ALIGN},
        {"timer_ns", CL_DEVICE_PROFILING_TIMER_RESOLUTION},
        {"local_memory_type", CL_DEVICE_LOCAL_MEM_TYPE}, /* 1: its own, 2: global memory */
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        set(object, numbers[i].key, number_of(device, numbers[i].what));
    }
    set(object, "opencl_c", text_of(device, CL_DEVICE_OPENCL_C_VERSION));
    set(object, "profile", text_of(device, CL_DEVICE_PROFILE));
    set(object, "item_sizes", sizes_of(device));
    set(object, "claims", claims_of(device));
    set(object, "extensions", extensions_of(device));
    set(object, "icd_loader", loader_name());
}

/* The names of what else is there. */
static json_t *list_others(const clrnn_device_info *chosen) {
    size_t count = 0;
    json_t *list = json_array();
    clrnn_device_info *infos = NULL;
    if (clrnn_devices(&count, NULL, 0) == CLRNN_STATUS_OK) {
        infos = calloc(count + 1, sizeof *infos);
    }
    const size_t capacity = count;
    if (infos != NULL && clrnn_devices(&count, infos, capacity) == CLRNN_STATUS_OK) {
        for (size_t i = 0; i < count && i < capacity; i++) {
            if (infos[i].index >= 0 && infos[i].index != chosen->index) {
                (void)json_array_append_new(list, report_json_text(infos[i].name));
            }
        }
    }
    free(infos);
    return list;
}

static json_t *host_text(void) {
    struct utsname names;
    char text[400];
    if (uname(&names) < 0) {
        return json_string("unknown");
    }
    (void)snprintf(text, sizeof text, "%.64s %.64s %.64s", names.sysname, names.release,
                   names.machine);
    return report_json_text(text);
}

void selftest_device(FILE *out, void *context) {
    selftest_pen pen = *(const selftest_pen *)context;
    cl_device_id device = NULL;
    pen.out = out;
    clrnn_context *own = selftest_open(&pen, 0, 0);
    if (selftest_begin(&pen, "what the device says")) {
        const clrnn_device_info *info = clrnn_context_device(own);
        json_t *object = report_json_device(info);
        set(object, "others", list_others(info));
        set(object, "host", host_text());
        if (device_cl_find(&device, info) == NULL) {
            add_device(object, device);
        }
        selftest_put_device(&pen, object);
    }
    clrnn_context_free(own);
}
