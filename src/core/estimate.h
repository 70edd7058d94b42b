/*
 * estimate.h: how long a forward will take, estimated from its configs and a few speeds of the
 * device: good to tell which of two engines is the faster one, not to promise a time.
 */
#ifndef CLRNN_CORE_ESTIMATE_H
#define CLRNN_CORE_ESTIMATE_H

#include "algo/algo.h"

/* A core is what runs one work-group: a thread of a CPU, a compute unit of a GPU. */
struct estimate_speeds {
    double call_us;   /* a forward that computes nothing, from the caller and back */
    double copy_gbps; /* host arrays to the device and back; 0: used where they lie */
    double launch_us; /* a launch behind another one */
    double step_us;   /* a step of a group beside its numbers: loops, barriers, row tables */
    double meet_us;   /* groups of a launch meet */
    double tile_us;   /* a tile of the projection, alike */
    int cores;
    double gflops;     /* of a core, fused multiply-adds on numbers that are near */
    double near_bytes; /* what a core keeps near */
    double near_gbps;  /* weights of up to near_bytes to a core */
    double far_gbps;   /* larger ones */
    double act_us;     /* an activation of a vector of units */
    double unit_us;    /* the rest of a cell, of such a vector */
};

/* Its numbers by name, as a tuning file has them; `cores` is the device's own. */
struct estimate_field {
    const char *name;
    size_t at;
};
enum { ESTIMATE_FIELDS = 12 };
extern const struct estimate_field estimate_fields[ESTIMATE_FIELDS];
double *estimate_field_at(struct estimate_speeds *speeds, int field);

/* Speeds that are usual for such a device. */
struct estimate_speeds estimate_speeds_of(const struct device_desc *device);

/* A forward with host arrays, y at all steps. */
struct estimate_job {
    const struct algo_config *configs; /* [strands] */
    int strand_count;
    int features; /* of x and of y, together */
    int steps, batch;
    int chunk;  /* steps of a piece */
    int beside; /* the projection of the next piece runs beside the recurrence of this one */
};

/* Microseconds. */
double estimate_forward(const struct estimate_speeds *speeds, const struct estimate_job *job);

#endif
