/*
 * tuning.h: what `tune` learnt of a device: speeds for estimate.h, and lanes. Only plans' choices
 * depend on it, and CLBlast's kernels; neither changes what `strict` promises.
 */
#ifndef CLRNN_CORE_TUNING_H
#define CLRNN_CORE_TUNING_H

#include "core/engine.h"
#include "core/tuning_library.h"

/* Whose speeds they are. Another driver, or other threads, is another device. */
struct tuning_device {
    char engine[16];
    char name[128], vendor[128], driver[128];
    int compute_units;
};

struct tuning {
    struct tuning_device device;
    char version[32];  /* of clRNN */
    char date[32];     /* 2026-11-25 */
    int lanes;         /* of panels; 0: as the device says */
    int busy;          /* the machine did other things meanwhile */
    int runs_together; /* groups of a launch meet, and quicker than launches are made */
    struct estimate_speeds speeds;
    struct tuning_library
        library; /* of CLBlast's kernels, where a person wrote them into the file */
};

void tuning_device_of(struct tuning_device *out, const clrnn_context *context);

int tuning_is_for(const struct tuning *tuning, const struct tuning_device *device);

/* Is a tuning of the old one of no use any more once there is one of the device? Its driver is gone. */
int tuning_is_replaced(const struct tuning_device *old, const struct tuning_device *device);

/* How far two devices are the same one: "driver 3.1, this is 4.0"; empty: another device. */
void tuning_difference(char *out, size_t size, const struct tuning *tuning,
                       const struct tuning_device *device);

/* Takes the speeds that are usual for such a device. */
void tuning_reset(clrnn_context *context);

/* Takes what was measured. */
void tuning_apply(clrnn_context *context, const struct tuning *tuning);

#endif
