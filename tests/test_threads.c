/*
 * test_threads.c: the threads of the cpu engine: every group of a job is run once, groups may wait for
 * each other, and no two threads stay on one core where there are others. Threads of the program that
 * read and write Keras's files at once.
 */
#define _GNU_SOURCE /* sched_getcpu, affinity */
#include "files.h"
#include "suites.h"
#include "support.h"

#include "core/clock.h"
#include "cpu/cpu_pool.h"
#include "io/keras.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GROUPS = 1000 };

static void count_group(void *job, int group) {
    atomic_int *counts = job;
    atomic_fetch_add(&counts[group], 1);
}

START_TEST(every_group_once) {
    atomic_int *counts = calloc(GROUPS, sizeof *counts);
    struct cpu_pool *pool = NULL;
    ck_assert_ptr_nonnull(counts);
    ok(cpu_pool_open(&pool, _i));
    for (int job = 1; job <= 100; job++) {
        ck_assert_int_eq(cpu_pool_run(pool, count_group, counts, GROUPS, NULL), 1);
        for (int i = 0; i < GROUPS; i++) {
            const int count = atomic_load(&counts[i]);
            ck_assert_int_eq(count, job);
        }
    }
    cpu_pool_close(pool);
    free(counts);
}
END_TEST

/* Two groups that meet, where each ran, and on how many cores its thread may. */
struct meeting {
    atomic_int here;
    pthread_t caller;
    double us; /* that the caller then stays behind the worker */
    int cores[2];
    int worker_may;
};

static void meet(void *job, int group) {
    struct meeting *meeting = job;
    cpu_set_t may;
    atomic_fetch_add(&meeting->here, 1);
    while (atomic_load(&meeting->here) < 2) {
        sched_yield();
    }
    meeting->cores[group] = sched_getcpu();
    if (!pthread_equal(pthread_self(), meeting->caller) &&
        sched_getaffinity(0, sizeof may, &may) == 0) {
        meeting->worker_may = CPU_COUNT(&may);
    }
    const double end = clock_us() + meeting->us;
    while (pthread_equal(pthread_self(), meeting->caller) && clock_us() < end) {
    }
}

static struct meeting run_lasting(struct cpu_pool *pool, double us) {
    struct meeting meeting = {.caller = pthread_self(), .us = us, .cores = {-1, -1}};
    ck_assert_int_eq(cpu_pool_run(pool, meet, &meeting, 2, NULL), 1);
    return meeting;
}

static struct meeting run_meeting(struct cpu_pool *pool) {
    return run_lasting(pool, 0);
}

/* All threads of this process on one core: as a busy system may put them, or a user who says so. */
static void crowd(int core) {
    DIR *tasks = opendir("/proc/self/task");
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)core, &one);
    ck_assert_ptr_nonnull(tasks);
    for (struct dirent *task = readdir(tasks); task != NULL; task = readdir(tasks)) {
        if (task->d_name[0] != '.') {
            (void)sched_setaffinity(atoi(task->d_name), sizeof one, &one);
        }
    }
    closedir(tasks);
}

/* The cores of this process; 0: there is one alone, and nothing to be seen. */
static int find_cores(cpu_set_t *cores) {
    ck_assert_int_eq(sched_getaffinity(0, sizeof *cores, cores), 0);
    if (CPU_COUNT(cores) < 2) {
        (void)printf("threads: there is one core alone\n");
        return 0;
    }
    return 1;
}

/* A worker that cannot leave the caller's core by itself is let go. The caller may have left by itself, so
 * that nothing need be done: then it is brought back. */
START_TEST(threads_part) {
    enum { TRIES = 100 };
    struct cpu_pool *pool = NULL;
    cpu_set_t cores;
    struct meeting last = {.worker_may = 1};
    if (!find_cores(&cores)) {
        return;
    }
    ok(cpu_pool_open(&pool, 2));
    run_meeting(pool);
    for (int i = 0; i < TRIES && (last.worker_may == 1 || last.cores[0] == last.cores[1]); i++) {
        crowd(sched_getcpu());
        run_meeting(pool); /* the worker says where it is, if it had not before */
        ck_assert_int_eq(sched_setaffinity(0, sizeof cores, &cores), 0);
        last = run_meeting(pool);
    }
    ck_assert_int_eq(last.worker_may, CPU_COUNT(&cores));
    ck_assert_int_ne(last.cores[0], last.cores[1]);
    cpu_pool_close(pool);
}
END_TEST

/* A worker that has just gone to sleep, or sleeps for long, is not woken on the core that wakes it. Now and then
 * a busy system puts it there, or the caller. */
START_TEST(threads_wake_apart) {
    enum { TRIES = 200 };
    static const double waits[] = {50, 300};
    struct cpu_pool *pool = NULL;
    cpu_set_t cores;
    int together = 0;
    if (!find_cores(&cores)) {
        return;
    }
    ok(cpu_pool_open(&pool, 2));
    for (int i = 0; i < TRIES; i++) {
        run_lasting(pool, waits[_i]);
        const struct meeting meeting = run_meeting(pool);
        together += meeting.cores[0] == meeting.cores[1];
        usleep(2000);
    }
    ck_assert_int_lt(together, TRIES / 10);
    cpu_pool_close(pool);
}
END_TEST

/* What the user says of the process's cores, at any time, holds for its threads. */
START_TEST(threads_stay_where_they_may) {
    struct cpu_pool *pool = NULL;
    cpu_set_t cores;
    if (!find_cores(&cores)) {
        return;
    }
    ok(cpu_pool_open(&pool, 2));
    run_meeting(pool);
    const int core = sched_getcpu();
    crowd(core);
    for (int job = 0; job < 10; job++) {
        const struct meeting meeting = run_meeting(pool);
        ck_assert_int_eq(meeting.worker_may, 1);
        ck_assert(meeting.cores[0] == core && meeting.cores[1] == core);
    }
    cpu_pool_close(pool);
    ck_assert_int_eq(sched_setaffinity(0, sizeof cores, &cores), 0);
}
END_TEST

/* More threads than cores are nowhere else to go, and run. */
START_TEST(threads_that_cannot_part) {
    struct cpu_pool *pool = NULL;
    cpu_set_t cores;
    ck_assert_int_eq(sched_getaffinity(0, sizeof cores, &cores), 0);
    crowd(sched_getcpu());
    ok(cpu_pool_open(&pool, 2));
    for (int job = 0; job < 3; job++) {
        const struct meeting meeting = run_meeting(pool);
        ck_assert_int_eq(meeting.cores[0], meeting.cores[1]);
    }
    cpu_pool_close(pool);
    ck_assert_int_eq(sched_setaffinity(0, sizeof cores, &cores), 0);
}
END_TEST

/* ---- files ----------------------------------------------------------------------------------- */

/* A file that is read and written again, over and over: the same bytes come each time. */
struct copying {
    pthread_t thread;
    const char *file;
    int failures;
};

static void *copy_model(void *context) {
    struct copying *copying = context;
    size_t size, first_size = 0;
    unsigned char *bytes = read_whole(copying->file, &size), *first = NULL;
    for (int i = 0; i < 50; i++) {
        struct graph *graph = NULL;
        unsigned char *copy = NULL;
        size_t copy_size = 0;
        const int is_made =
            keras_read(&graph, bytes, size, "m") == CLRNN_STATUS_OK &&
            keras_write(&copy, &copy_size, graph, &(struct write_options){0}) == CLRNN_STATUS_OK;
        const int is_same =
            is_made &&
            (first == NULL || (copy_size == first_size && memcmp(copy, first, copy_size) == 0));
        copying->failures += !is_same;
        graph_free(graph);
        if (first == NULL) {
            first = copy;
            first_size = copy_size;
        } else {
            free(copy);
        }
    }
    free(first);
    free(bytes);
    return NULL;
}

START_TEST(threads_read_and_write_keras) {
    struct copying copies[4] = {{.file = "tests/data/keras_cases/functional_plain.keras"},
                                {.file = "tests/data/keras_cases/keras2.h5"},
                                {.file = "tests/data/keras_cases/gru_both.keras"},
                                {.file = "tests/data/keras_cases/twice.keras"}};
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&copies[i].thread, NULL, copy_model, &copies[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_join(copies[i].thread, NULL), 0);
        ck_assert_msg(copies[i].failures == 0, "%s: %d of 50 failed", copies[i].file,
                      copies[i].failures);
    }
}
END_TEST

Suite *threads_suite(void) {
    Suite *suite = suite_create("threads");
    TCase *jobs = tcase_create("jobs"), *place = tcase_create("cores");
    TCase *files = tcase_create("files");
    tcase_add_test(files, threads_read_and_write_keras);
    tcase_set_timeout(jobs, 120);
    tcase_add_loop_test(jobs, every_group_once, 1, 5);
    tcase_add_test(place, threads_part);
    tcase_add_loop_test(place, threads_wake_apart, 0, 2);
    tcase_add_test(place, threads_stay_where_they_may);
    tcase_add_test(place, threads_that_cannot_part);
    suite_add_tcase(suite, jobs);
    suite_add_tcase(suite, place);
    suite_add_tcase(suite, files);
    return suite;
}
