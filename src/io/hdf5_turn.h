/*
 * hdf5_turn.h: libhdf5 is one thread's at a time: it may be built without threads. Readers and writers take
 * turns.
 */
#ifndef CLRNN_IO_HDF5_TURN_H
#define CLRNN_IO_HDF5_TURN_H

/* Waits until no other thread has it. Until the turn ends, in the same thread, the library prints no errors
 * and loads no plug-ins; what the program had set comes back then. */
void hdf5_turn_begin(void);
void hdf5_turn_end(void);

#endif
