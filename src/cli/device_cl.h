/* device_cl.h: the OpenCL id behind what clrnn_devices lists, for what measures the device itself. */
#ifndef CLRNN_CLI_DEVICE_CL_H
#define CLRNN_CLI_DEVICE_CL_H

#include "clrnn.h"

/* NULL, or the name of the OpenCL call that failed. */
const char *device_cl_find(cl_device_id *out, const clrnn_device_info *info);

#endif
