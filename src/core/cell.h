/*
 * cell.h: the table of cells: what schedules, packing and engines must know of one, and no more.
 * The formulas are in kernels/cell_<name>.cl; a new cell is such a file and a row here.
 */
#ifndef CLRNN_CORE_CELL_H
#define CLRNN_CORE_CELL_H

#include "core/net.h"
#include "core/shared.h"

enum { CELL_MAX_PHASES = 2 };

/* Which of a strand's two sizes something has: H, or W of its h. NONE is 0: a phase over nothing has no
 * product, its sums are 0. */
enum cell_size { SIZE_HIDDEN, SIZE_WIDTH, SIZE_NONE };

struct cell_phase {
    int rows;              /* R: sums a unit */
    int gate;              /* its first row of the biases and of x_proj */
    enum weight_role role; /* what it multiplies with */
    int weight_gate;       /* its first gate in there */
    enum cell_size k, units;
};

struct cell {
    const char *name;
    const char *file;   /* in kernels/ */
    const char *define; /* set before the file, or NULL */
    int phase_count;
    struct cell_phase phases[CELL_MAX_PHASES];
    int gates;     /* G: rows of W_hh a unit */
    int bias_rows; /* of b in a kernel: G, and a row of zeros for a phase without biases */
    int words;     /* words of a unit in its row of projected input; G but for backward cells */
    int states;    /* 1: h; 2: h and c */
    int carries;   /* words of a unit that a phase leaves for the next one */
    int constants; /* words a unit behind the biases: peepholes */
    /* of one strand */
    int act_count;
    clrnn_activation acts[CLRNN_MAX_ACTS];
    int options; /* OPTION_... */
    float gate_clip, cell_clip, forget_bias;
    const char *source; /* of a custom cell */
};

/* The cell of a strand, with what its layer asks for. */
struct cell cell_of(const struct strand *strand);

/* The table itself, for tests and for lists of kernels. NULL past its end. */
const struct cell *cell_at(size_t index);

#endif
