/* cl_device.c: finds devices, ranks them and says why. */
#include "cl/cl_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PLATFORMS = 32, MAX_DEVICES = 64 };

/* Codes that users meet; the rest is printed as its number. */
const char *cl_code_name(cl_int code) {
    static const struct {
        cl_int code;
        const char *name;
    } names[] = {
        {-1, "CL_DEVICE_NOT_FOUND"},       {-2, "CL_DEVICE_NOT_AVAILABLE"},
        {-3, "CL_COMPILER_NOT_AVAILABLE"}, {-4, "CL_MEM_OBJECT_ALLOCATION_FAILURE"},
        {-5, "CL_OUT_OF_RESOURCES"},       {-6, "CL_OUT_OF_HOST_MEMORY"},
        {-11, "CL_BUILD_PROGRAM_FAILURE"}, {-14, "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST"},
        {-30, "CL_INVALID_VALUE"},         {-34, "CL_INVALID_CONTEXT"},
        {-36, "CL_INVALID_COMMAND_QUEUE"}, {-38, "CL_INVALID_MEM_OBJECT"},
        {-46, "CL_INVALID_KERNEL_NAME"},   {-48, "CL_INVALID_KERNEL"},
        {-52, "CL_INVALID_KERNEL_ARGS"},   {-54, "CL_INVALID_WORK_GROUP_SIZE"},
        {-61, "CL_INVALID_BUFFER_SIZE"},   {-1001, "CL_PLATFORM_NOT_FOUND_KHR"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].code == code) {
            return names[i].name;
        }
    }
    return "an OpenCL error";
}

clrnn_status cl_fail(const char *what, const char *call, cl_int code) {
    const int length = (int)strcspn(call, "(");
    const int memory = code == CL_MEM_OBJECT_ALLOCATION_FAILURE || code == CL_OUT_OF_HOST_MEMORY;
    return status_fail(memory ? CLRNN_STATUS_MEMORY : CLRNN_STATUS_OPENCL, code,
                       "%s: %.*s failed with %s (%d)", what, length, call, cl_code_name(code),
                       code);
}

static void device_text(cl_device_id device, cl_device_info what, char *to, size_t size) {
    char text[512] = "";
    if (clGetDeviceInfo(device, what, sizeof text - 1, text, NULL) != CL_SUCCESS) {
        text[0] = '\0';
    }
    const char *start = text;
    while (isspace((unsigned char)*start)) {
        start++;
    }
    snprintf(to, size, "%s", start);
}

static uint64_t device_number(cl_device_id device, cl_device_info what) {
    uint64_t value = 0; /* little-endian: narrower answers fill the low bytes */
    if (clGetDeviceInfo(device, what, sizeof value, &value, NULL) != CL_SUCCESS) {
        value = 0;
    }
    return value;
}

/* Discrete GPU > integrated GPU > accelerator > CPU; among equals more compute units. */
static void rank(clrnn_device_info *info, cl_device_type type) {
    int base = 0;
    if (type & CL_DEVICE_TYPE_GPU) {
        base = info->unified_memory ? 3 : 4;
        snprintf(info->type, sizeof info->type, "GPU");
        snprintf(info->reason, sizeof info->reason, "%s GPU",
                 info->unified_memory ? "integrated" : "discrete");
    } else if (type & CL_DEVICE_TYPE_ACCELERATOR) {
        base = 2;
        snprintf(info->type, sizeof info->type, "accelerator");
        snprintf(info->reason, sizeof info->reason, "accelerator");
    } else {
        base = 1;
        snprintf(info->type, sizeof info->type, type & CL_DEVICE_TYPE_CPU ? "CPU" : "other");
        snprintf(info->reason, sizeof info->reason, "CPU driver");
    }
    const int units = info->compute_units < 9999 ? info->compute_units : 9999;
    info->score = base * 10000 + units;
    info->usable = 1;
}

static void refuse(clrnn_device_info *info, const char *reason) {
    info->usable = 0;
    info->score = 0;
    snprintf(info->reason, sizeof info->reason, "%s", reason);
}

static void inspect(struct cl_found *found) {
    clrnn_device_info *info = &found->info;
    cl_device_id device = found->device;
    char extensions[8192] = "";
    device_text(device, CL_DEVICE_NAME, info->name, sizeof info->name);
    device_text(device, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    device_text(device, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    device_text(device, CL_DEVICE_VERSION, info->version, sizeof info->version);
    clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL);
    info->compute_units = (int)device_number(device, CL_DEVICE_MAX_COMPUTE_UNITS);
    info->global_memory = device_number(device, CL_DEVICE_GLOBAL_MEM_SIZE);
    info->local_memory = device_number(device, CL_DEVICE_LOCAL_MEM_SIZE);
    info->max_alloc = device_number(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    info->max_group_size = device_number(device, CL_DEVICE_MAX_WORK_GROUP_SIZE);
    info->unified_memory = device_number(device, CL_DEVICE_HOST_UNIFIED_MEMORY) != 0;
    info->has_fp16 = strstr(extensions, "cl_khr_fp16") != NULL;
    info->has_fp64 = strstr(extensions, "cl_khr_fp64") != NULL;
    rank(info, (cl_device_type)device_number(device, CL_DEVICE_TYPE));
    int major = 0, minor = 0;
    if (sscanf(info->version, "OpenCL %d.%d", &major, &minor) == 2 && major * 10 + minor < 12) {
        refuse(info, "needs OpenCL 1.2");
    } else if (!device_number(device, CL_DEVICE_AVAILABLE)) {
        refuse(info, "the driver says that it is not available");
    } else if (!device_number(device, CL_DEVICE_COMPILER_AVAILABLE)) {
        refuse(info, "has no compiler");
    } else if (!device_number(device, CL_DEVICE_ENDIAN_LITTLE)) {
        refuse(info, "is big-endian");
    }
}

static int by_score(const void *a, const void *b) {
    const clrnn_device_info *left = &((const struct cl_found *)a)->info;
    const clrnn_device_info *right = &((const struct cl_found *)b)->info;
    if (left->score != right->score) {
        return left->score > right->score ? -1 : 1;
    }
    if (left->platform != right->platform) {
        return left->platform < right->platform ? -1 : 1;
    }
    return left->device < right->device ? -1 : left->device > right->device;
}

static void scan_platform(struct cl_found *list, size_t *count, cl_platform_id platform,
                          int number) {
    cl_device_id devices[MAX_DEVICES];
    cl_uint device_count = 0;
    char name[128] = "";
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name - 1, name, NULL);
    const cl_int code =
        clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, MAX_DEVICES, devices, &device_count);
    device_count = device_count < MAX_DEVICES ? device_count : MAX_DEVICES;
    if (code != CL_SUCCESS || device_count == 0) {
        struct cl_found *found = &list[(*count)++];
        memset(found, 0, sizeof *found);
        found->platform = platform;
        found->info.index = found->info.device = -1;
        found->info.platform = number;
        snprintf(found->info.platform_name, sizeof found->info.platform_name, "%s", name);
        snprintf(found->info.reason, sizeof found->info.reason, "the platform has no device%s",
                 code == CL_SUCCESS || code == CL_DEVICE_NOT_FOUND ? "" : ": it failed");
        return;
    }
    for (cl_uint i = 0; i < device_count; i++) {
        struct cl_found *found = &list[(*count)++];
        memset(found, 0, sizeof *found);
        found->platform = platform;
        found->device = devices[i];
        found->info.platform = number;
        found->info.device = (int)i;
        snprintf(found->info.platform_name, sizeof found->info.platform_name, "%s", name);
        inspect(found);
    }
}

clrnn_status cl_device_scan(struct cl_found **out, size_t *count) {
    clrnn_status status = CLRNN_STATUS_OK;
    cl_platform_id platforms[MAX_PLATFORMS];
    cl_uint platform_count = 0;
    struct cl_found *list = NULL;
    *out = NULL;
    *count = 0;
    /* No driver is no error: the loader answers -1001, or 0 platforms. */
    if (clGetPlatformIDs(MAX_PLATFORMS, platforms, &platform_count) != CL_SUCCESS) {
        platform_count = 0;
    }
    platform_count = platform_count < MAX_PLATFORMS ? platform_count : MAX_PLATFORMS;
    if (platform_count > 0) {
        list = calloc((size_t)platform_count * MAX_DEVICES, sizeof *list);
        REQUIRE(list != NULL, MEMORY, "devices: out of memory");
        for (cl_uint i = 0; i < platform_count; i++) {
            scan_platform(list, count, platforms[i], (int)i);
        }
        qsort(list, *count, sizeof *list, by_score);
        int index = 0;
        for (size_t i = 0; i < *count; i++) {
            list[i].info.index = list[i].device != NULL ? index++ : -1;
        }
    }
    *out = list;
out:
    return status;
}

clrnn_status clrnn_devices(size_t *count, clrnn_device_info *infos, size_t capacity) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_found *list = NULL;
    size_t found = 0;
    REQUIRE(count != NULL, ARGUMENT, "devices: needs a place for the count, got NULL");
    *count = 0;
    REQUIRE(infos != NULL || capacity == 0, ARGUMENT,
            "devices: needs a place for %zu infos, got NULL", capacity);
    TRY(cl_device_scan(&list, &found));
    for (size_t i = 0; i < found && i < capacity; i++) {
        infos[i] = list[i].info;
    }
    *count = found;
out:
    free(list);
    return status;
}

static int contains(const char *text, const char *part) {
    const size_t length = strlen(part);
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) {
            i++;
        }
        if (i == length) {
            return 1;
        }
    }
    return 0;
}

static int matches(const clrnn_device_info *info, const char *which) {
    int platform = 0, device = 0, used = 0;
    if (sscanf(which, "%d:%d%n", &platform, &device, &used) == 2 && which[used] == '\0') {
        return info->platform == platform && info->device == device;
    }
    if (sscanf(which, "%d%n", &device, &used) == 1 && which[used] == '\0') {
        return info->index == device;
    }
    return contains(info->type, which) || contains(info->name, which) ||
           contains(info->platform_name, which);
}

clrnn_status cl_device_select(struct cl_found *out, const char *which) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_found *list = NULL;
    const struct cl_found *found = NULL, *unusable = NULL, *only = NULL;
    size_t count = 0;
    size_t devices = 0; /* the rest are platforms without one */
    TRY(cl_device_scan(&list, &count));
    for (size_t i = 0; i < count; i++) {
        devices += list[i].device != NULL;
        only = list[i].device != NULL ? &list[i] : only;
    }
    for (size_t i = 0; i < count && found == NULL; i++) {
        if (list[i].device != NULL && (which == NULL || matches(&list[i].info, which))) {
            if (list[i].info.usable) {
                found = &list[i];
            } else if (unusable == NULL) {
                unusable = &list[i];
            }
        }
    }
    REQUIRE(found != NULL || unusable == NULL, NO_DEVICE, "device: %s cannot be used: %s",
            unusable->info.name, unusable->info.reason);
    REQUIRE(found != NULL || which == NULL || devices != 1, NO_DEVICE,
            "device: no device matches '%s'; there is 1: %s", which, only->info.name);
    REQUIRE(found != NULL || which == NULL || devices == 0, NO_DEVICE,
            "device: no device matches '%s'; there are %zu", which, devices);
    REQUIRE(count > 0, NO_DEVICE, "device: there is no OpenCL driver");
    REQUIRE(found != NULL, NO_DEVICE, "device: no OpenCL device found (%zu platforms without one)",
            count);
    *out = *found;
out:
    free(list);
    return status;
}

clrnn_status cl_device_of(struct cl_found *out, cl_device_id device) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cl_found *list = NULL;
    size_t count = 0;
    memset(out, 0, sizeof *out);
    TRY(cl_device_scan(&list, &count));
    for (size_t i = 0; i < count && out->device == NULL; i++) {
        if (list[i].device == device) {
            *out = list[i];
        }
    }
    if (out->device == NULL) {
        out->device = device;
        out->info.index = out->info.platform = out->info.device = -1;
        inspect(out);
    }
out:
    free(list);
    return status;
}
