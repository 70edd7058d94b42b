/* cpu_wait.h: how a thread waits for another one that is about to be ready. */
#ifndef CLRNN_CPU_WAIT_H
#define CLRNN_CPU_WAIT_H

#include <sched.h>

/* Leaves the core's units to its other thread for a moment. */
static inline void cpu_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

/* Round `round` of waiting: the core is left to others only after many, some 20 us. */
static inline void cpu_wait_round(int round) {
    if (round < 1000) {
        cpu_pause();
    } else {
        sched_yield();
    }
}

#endif
