/* hdf5_turn.c: a lock, and settings of libhdf5 that are the whole process's. */
#ifdef WITH_HDF5

#include "io/hdf5_turn.h"

#include <hdf5.h>
#include <pthread.h>

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

/* What the program had set; who has the turn reads and writes it. */
static struct {
    H5E_auto2_t report;
    void *report_data;
    unsigned plugins;
} before;

void hdf5_turn_begin(void) {
    (void)pthread_mutex_lock(&turn);
    H5Eget_auto2(H5E_DEFAULT, &before.report, &before.report_data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLget_loading_state(&before.plugins);
    H5PLset_loading_state(0); /* a file names filters */
}

void hdf5_turn_end(void) {
    H5PLset_loading_state(before.plugins);
    H5Eset_auto2(H5E_DEFAULT, before.report, before.report_data);
    (void)pthread_mutex_unlock(&turn);
}

#else
typedef int hdf5_turn_without_hdf5;
#endif
