/*
 * cpu_pool.c: see cpu_pool.h. A worker that has no job looks for the next one while others still work on
 * the last, and for a while after that, since the launches of a forward follow each other by
 * microseconds; and then sleeps.
 *
 * Threads that share a core share its time, though another one may be idle: Linux does not look for
 * that one where cores are few and busy (a third of the time is enough), nor does it soon move a
 * thread that spins; and it wakes a thread on the core of who wakes it where its own is not idle yet. So
 * a worker says where it runs, and one that sleeps, or was seen on the core of another thread of the job,
 * is kept away from there at the next, never sent to where the caller may not run itself; it may go
 * where the caller may afterwards.
 */
#define _GNU_SOURCE /* sched_getcpu, affinity */
#include "cpu/cpu_pool.h"

#include "core/clock.h"
#include "cpu/cpu_wait.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Looks for a job before a worker sleeps, once nobody works: some 50 us. To wake one takes as long. And while
 * others still work: some 2 ms. */
enum { LOOKS = 2000, LOOKS_OPEN = 40 * LOOKS };

struct worker {
    pthread_t thread;
    struct cpu_pool *pool;
    int index;       /* from 1 on: 0 is the caller */
    atomic_int core; /* where it began its last job; -1: not known */
    atomic_int sleeps;
    atomic_int is_moved; /* some of `cores` are forbidden to it, until it begins a job */
    cpu_set_t cores;     /* that the caller may run on: written while it is not moved */
};

struct cpu_pool {
    int workers;
    struct worker *threads;
    atomic_flag taken; /* by a call */
    /* the job: written while it is not open and no worker is inside */
    cpu_pool_task *task;
    void *job;
    int groups;
    struct cpu_pool_span *spans; /* or NULL: nobody wants to know */
    atomic_int next;             /* the first group that nobody took */
    atomic_int open, inside;
    atomic_uint serial; /* of the job */
    atomic_int sleepers;
    atomic_int closing;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    int core_count; /* that threads may run on */
};

/* ---- cores ----------------------------------------------------------------------------------- */

/* Away from the cores in use, if there are others. Where the caller may run is asked each time: others
 * may have changed it since the pool was opened. */
static void move(struct worker *worker, const cpu_set_t *used) {
    cpu_set_t rest;
    if (atomic_load(&worker->is_moved) ||
        sched_getaffinity(0, sizeof worker->cores, &worker->cores) != 0) {
        return;
    }
    CPU_AND(&rest, &worker->cores, used);
    CPU_XOR(&rest, &worker->cores, &rest);
    if (CPU_COUNT(&rest) > 0 && pthread_setaffinity_np(worker->thread, sizeof rest, &rest) == 0) {
        atomic_store(&worker->core, -1);
        atomic_store(&worker->is_moved, 1);
    }
}

/* No two threads of the job to come on one core, as far as it is known where they are. */
static void spread(struct cpu_pool *pool) {
    cpu_set_t used;
    const int here = sched_getcpu();
    CPU_ZERO(&used);
    if (here < 0 || here >= CPU_SETSIZE || pool->workers >= pool->core_count) {
        return;
    }
    CPU_SET((size_t)here, &used);
    for (int i = 0; i < pool->workers; i++) {
        const int core = atomic_load(&pool->threads[i].core);
        if (atomic_load(&pool->threads[i].sleeps) ||
            (core >= 0 && core < CPU_SETSIZE && CPU_ISSET((size_t)core, &used))) {
            move(&pool->threads[i], &used);
        } else if (core >= 0 && core < CPU_SETSIZE) {
            CPU_SET((size_t)core, &used);
        }
    }
}

/* A worker begins with a job. */
static void say_where(struct worker *self) {
    if (atomic_load(&self->is_moved)) {
        (void)pthread_setaffinity_np(pthread_self(), sizeof self->cores, &self->cores);
        atomic_store(&self->is_moved, 0);
    }
    atomic_store(&self->core, sched_getcpu());
}

/* ---- jobs ------------------------------------------------------------------------------------ */

static void run_timed(struct cpu_pool *pool, int group, struct cpu_pool_span *span) {
    if (span->groups++ == 0) {
        span->begin_us = clock_us();
    }
    pool->task(pool->job, group);
    span->end_us = clock_us();
}

static void run_groups(struct cpu_pool *pool, int thread) {
    for (;;) {
        const int group = atomic_fetch_add(&pool->next, 1);
        if (group >= pool->groups) {
            return;
        }
        if (pool->spans != NULL) {
            run_timed(pool, group, &pool->spans[thread]);
        } else {
            pool->task(pool->job, group);
        }
    }
}

/* Until the serial is not `seen`. */
static void sleep_until_job(struct worker *self, unsigned seen) {
    struct cpu_pool *pool = self->pool;
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    atomic_store(&self->sleeps, 1);
    while (atomic_load(&pool->serial) == seen) {
        pthread_cond_wait(&pool->wake, &pool->mutex);
    }
    atomic_store(&self->sleeps, 0);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

static void *work(void *argument) {
    struct worker *self = argument;
    struct cpu_pool *pool = self->pool;
    unsigned seen = 0;
    for (;;) {
        int open_looks = 0;
        for (int look = 0; look < LOOKS && atomic_load(&pool->serial) == seen;) {
            const int is_open = atomic_load(&pool->open) && open_looks < LOOKS_OPEN;
            open_looks += is_open;
            look += !is_open;
            cpu_pause();
        }
        if (atomic_load(&pool->serial) == seen) {
            sleep_until_job(self, seen);
        }
        seen = atomic_load(&pool->serial);
        if (atomic_load(&pool->closing)) {
            return NULL;
        }
        say_where(self);
        /* who is late finds the job closed, or the next one open */
        atomic_fetch_add(&pool->inside, 1);
        if (atomic_load(&pool->open)) {
            run_groups(pool, self->index);
        }
        atomic_fetch_sub(&pool->inside, 1);
    }
}

/* The next serial, for workers that look and for those that sleep. */
static void announce(struct cpu_pool *pool) {
    atomic_fetch_add(&pool->serial, 1);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->mutex); /* who is about to sleep sleeps, or has seen the serial */
        pthread_mutex_unlock(&pool->mutex);
        pthread_cond_broadcast(&pool->wake);
    }
}

int cpu_pool_run(struct cpu_pool *pool, cpu_pool_task *task, void *job, int groups,
                 struct cpu_pool_span *spans) {
    if (atomic_flag_test_and_set(&pool->taken)) {
        return 0;
    }
    pool->task = task;
    pool->job = job;
    pool->groups = groups;
    pool->spans = spans;
    if (spans != NULL) {
        memset(spans, 0, (size_t)cpu_pool_threads(pool) * sizeof *spans);
    }
    atomic_store(&pool->next, 0);
    atomic_store(&pool->open, 1);
    spread(pool);
    announce(pool);
    run_groups(pool, 0);
    atomic_store(&pool->open, 0);
    for (int round = 0; atomic_load(&pool->inside) > 0; round++) {
        cpu_wait_round(round);
    }
    atomic_flag_clear(&pool->taken);
    return 1;
}

clrnn_status cpu_pool_open(struct cpu_pool **out, int threads) {
    clrnn_status status = CLRNN_STATUS_OK;
    struct cpu_pool *pool = calloc(1, sizeof *pool);
    REQUIRE(pool != NULL, MEMORY, "context: out of memory");
    threads = threads < CPU_POOL_MOST ? threads : CPU_POOL_MOST;
    atomic_flag_clear(&pool->taken);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->core_count = cpu_pool_usual_threads();
    pool->threads = calloc((size_t)threads, sizeof *pool->threads);
    REQUIRE(pool->threads != NULL, MEMORY, "context: out of memory for %d threads", threads);
    for (struct worker *next = pool->threads; pool->workers + 1 < threads; next++) {
        next->pool = pool;
        next->index = pool->workers + 1;
        atomic_init(&next->core, -1);
        atomic_init(&next->sleeps, 0);
        if (pthread_create(&next->thread, NULL, work, next) != 0) {
            break;
        }
        pool->workers++;
    }
    *out = pool;
    pool = NULL;
out:
    cpu_pool_close(pool);
    return status;
}

void cpu_pool_close(struct cpu_pool *pool) {
    if (pool == NULL) {
        return;
    }
    if (pool->workers > 0) {
        atomic_store(&pool->closing, 1);
        announce(pool);
    }
    for (int i = 0; i < pool->workers; i++) {
        pthread_join(pool->threads[i].thread, NULL);
    }
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->threads);
    free(pool);
}

int cpu_pool_threads(const struct cpu_pool *pool) {
    return pool->workers + 1;
}

int cpu_pool_usual_threads(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return count > 1 ? (count < CPU_POOL_MOST ? count : CPU_POOL_MOST) : 1;
}
