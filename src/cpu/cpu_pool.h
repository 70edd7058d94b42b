/*
 * cpu_pool.h: the threads of a CPU context. A job is a number of groups; each is run once, by
 * whichever thread is free, the caller's among them. As many groups as threads run side by side, so
 * that they may wait for each other.
 */
#ifndef CLRNN_CPU_POOL_H
#define CLRNN_CPU_POOL_H

#include "core/status.h"

struct cpu_pool;

typedef void cpu_pool_task(void *job, int group);

/* What a thread did of a job: from the begin of its first group to the end of its last. */
struct cpu_pool_span {
    double begin_us, end_us;
    int groups;
};

/* threads: the caller's included, 1 .. CPU_POOL_MOST. Where the system gives fewer, there are fewer. */
enum { CPU_POOL_MOST = 256 };
clrnn_status cpu_pool_open(struct cpu_pool **out, int threads);
void cpu_pool_close(struct cpu_pool *pool);
int cpu_pool_threads(const struct cpu_pool *pool);

/* Returns once all groups are done; spans: [threads], the caller's first, or NULL. 0: another call
 * has the threads, and nothing was run. */
int cpu_pool_run(struct cpu_pool *pool, cpu_pool_task *task, void *job, int groups,
                 struct cpu_pool_span *spans);

/* Threads that this process may run at a time. */
int cpu_pool_usual_threads(void);

#endif
