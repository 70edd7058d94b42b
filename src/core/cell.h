/*
 * cell.h: the table of cells: what schedules, packing and engines must know of one, and no more.
 * The formulas are in kernels/cell_<name>.cl; a new cell is such a file and a row here.
 */
#ifndef CLRNN_CORE_CELL_H
#define CLRNN_CORE_CELL_H

#include "clrnn.h"

#include "core/shared.h"

enum { CELL_MAX_PHASES = 2, CELL_MAX_ACTS = 3 };

struct cell_phase {
    int rows; /* R: sums a unit */
    int gate; /* its first gate: row of W_hh, of the biases and of x_proj */
};

struct cell {
    const char *name;
    const char *file; /* in kernels/ */
    int phase_count;
    struct cell_phase phases[CELL_MAX_PHASES];
    int gates;  /* G: rows of W_hh a unit */
    int words;  /* words of a unit in its row of projected input; G but for backward cells */
    int states; /* 1: h; 2: h and c */
    int act_count;
    int acts[CELL_MAX_ACTS]; /* ACT_ID_... by slot */
};

/* The cell of a layer; its acts are copied from the desc. */
struct cell cell_of(const clrnn_net_desc *desc);

/* The table itself, for tests and for lists of kernels. NULL past its end. */
const struct cell *cell_at(size_t index);

#endif
