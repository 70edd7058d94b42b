/*
 * estimate.h: how long a forward will take, estimated from its configs and a few speeds of the
 * device: good to tell which of two engines is the faster one, not to promise a time.
 */
#ifndef CLRNN_CORE_ESTIMATE_H
#define CLRNN_CORE_ESTIMATE_H

#include "algo/algo.h"
#include "core/net.h"

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

/* Speeds that are usual for such a device. */
struct estimate_speeds estimate_speeds_of(const struct device_desc *device);

/* Microseconds of a forward with host arrays of the desc's T and N, y at all steps. configs: of all
 * strands; chunk: steps of a piece. */
double estimate_forward(const struct estimate_speeds *speeds, const struct algo_config *configs,
                        const clrnn_net *net, const clrnn_plan_desc *desc, int chunk);

#endif
