/*
 * pack.h: weights from PyTorch's layout into the order in which a tile reads them, and back.
 *
 *     source   [gates x units][k], gate-major
 *     packed   block 0: k = 0: row 0: unit 0 .. block-1 | row 1: ... | k = 1: ... | block 1: ...
 *
 * with zeros where units pad the last block. block = 1 is plain row-major. A block in strips is made of
 * several of these, one after the other, each of `strip` of the rows x block numbers of a k.
 *
 * Held in registers (held > 0), rows of a block numbered unit R + r, item = slice x lines + row / held:
 *
 *     packed   [block][slice's k / vec][held][items][vec]
 *
 * with -0 where rows, slices or items end: times 0 it adds -0 to a sum, which changes none.
 */
#ifndef CLRNN_CORE_PACK_H
#define CLRNN_CORE_PACK_H

#include <stddef.h>

struct pack_layout {
    int gate;       /* first gate of the source */
    int rows;       /* R: gates taken, side by side for each unit */
    int units;      /* of one gate in the source */
    int columns;    /* k */
    int block;      /* units of a block */
    int strip;      /* numbers of a k side by side, a part of rows x block, or 0: all of them */
    int transposed; /* 1: the source is read as [k][units] (one gate) */
    int held;       /* rows that an item holds, or 0: by blocks */
    int items;      /* of a group that holds them */
    int slices;     /* of k */
};

/* k of a slice, and how many of them are read at once: 4, 2 or 1. */
int pack_slice(int columns, int slices);
int pack_vec(int slice);
/* Items that hold so many rows of W together. */
int pack_lines(int rows, int held);

size_t pack_floats(const struct pack_layout *layout);
void pack_weights(float *to, const float *from, const struct pack_layout *layout);
void pack_unpack(float *to, const float *from, const struct pack_layout *layout);

/* [gates][units] into [gates][stride], 0 behind. */
void pack_gates(float *to, const float *from, int gates, int units, int stride);

/* W_ih [gates x units][k] as the columns of one matrix: gate g, unit u is column g stride + u. The
 * result is packed by blocks of columns, rows = 1; padding columns are 0. */
size_t pack_projection_floats(int gates, int stride, int columns, int block);
void pack_projection(float *to, const float *from, int gates, int units, int stride, int columns,
                     int block);

#endif
