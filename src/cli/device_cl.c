/* device_cl.c: see device_cl.h. */
#include "cli/device_cl.h"

enum { MAX_NUMBER = 64 };

const char *device_cl_find(cl_device_id *out, const clrnn_device_info *info) {
    cl_platform_id platforms[MAX_NUMBER];
    cl_device_id devices[MAX_NUMBER];
    cl_uint count = 0;
    if (clGetPlatformIDs(MAX_NUMBER, platforms, &count) != CL_SUCCESS || info->platform < 0 ||
        (cl_uint)info->platform >= count) {
        return "clGetPlatformIDs";
    }
    if (clGetDeviceIDs(platforms[info->platform], CL_DEVICE_TYPE_ALL, MAX_NUMBER, devices,
                       &count) != CL_SUCCESS ||
        info->device < 0 || (cl_uint)info->device >= count) {
        return "clGetDeviceIDs";
    }
    *out = devices[info->device];
    return NULL;
}
