/*
 * personalities.h: GPUs that are not here, as their drivers describe them: for the planner, which
 * decides from a description alone, and for a driver that is here, which then answers in their place, so
 * that what GPUs run does run, on a CPU.
 */
#ifndef CLRNN_TESTS_PERSONALITIES_H
#define CLRNN_TESTS_PERSONALITIES_H

#include "algo/algo.h"
#include "clrnn.h"

struct personality {
    const char *name;    /* the target's */
    const char *vendor;  /* CL_DEVICE_VENDOR */
    const char *version; /* CL_DEVICE_VERSION */
    cl_uint vendor_id;
    cl_uint compute_units;
    size_t max_group;
    cl_ulong local_memory, global_memory, max_alloc; /* bytes */
    int is_unified;                                  /* memory of device and host is one */
    int has_fp16, has_fp64;                          /* extensions */
    int has_flags; /* acquire and release at device scope: OpenCL C 2.0, or features of 3.0 */
    cl_uint wave;  /* items that run as one; no query of OpenCL 1.2 tells it */
    cl_uint preferred_width, native_width; /* of float vectors */
    struct held_words held;                /* what the planner makes of it */
};

enum { PERSONALITIES = 12 };
extern const struct personality personalities[PERSONALITIES];

const struct personality *personality_named(const char *name);

/* What the opencl engine says of such a device. */
struct device_desc personality_desc(const struct personality *who);

/* Every OpenCL device is such a one, but for its name, from here on: it answers as it does, and refuses
 * what is larger than it takes. NULL: itself. */
void personality_wear(const struct personality *who);

#endif
