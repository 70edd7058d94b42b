/* pack.c: one index function, used by packing and unpacking alike. */
#include "core/pack.h"

#include <string.h>

static size_t blocks_of(int units, int block) {
    return ((size_t)units + (size_t)block - 1) / (size_t)block;
}

int pack_slice(int columns, int slices) {
    return (columns + slices - 1) / slices;
}

int pack_vec(int slice) {
    return slice % 4 == 0 ? 4 : slice % 2 == 0 ? 2 : 1;
}

int pack_lines(int rows, int held) {
    return (rows + held - 1) / held;
}

/* Of one group. */
static size_t held_floats(const struct pack_layout *layout) {
    return (size_t)pack_slice(layout->columns, layout->slices) * (size_t)layout->held *
           (size_t)layout->items;
}

size_t pack_floats(const struct pack_layout *layout) {
    if (layout->held > 0) {
        return blocks_of(layout->units, layout->block) * held_floats(layout);
    }
    return blocks_of(layout->units, layout->block) * (size_t)layout->block * (size_t)layout->rows *
           (size_t)layout->columns;
}

static size_t held_at(const struct pack_layout *layout, int row, int unit, int k) {
    const int slice = pack_slice(layout->columns, layout->slices), vec = pack_vec(slice);
    const int lines = pack_lines(layout->block * layout->rows, layout->held);
    const int number = unit % layout->block * layout->rows + row;
    const size_t item = (size_t)(k / slice) * (size_t)lines + (size_t)(number / layout->held);
    const size_t vector =
        (size_t)(k % slice / vec) * (size_t)layout->held + (size_t)(number % layout->held);
    return (size_t)(unit / layout->block) * held_floats(layout) +
           (vector * (size_t)layout->items + item) * (size_t)vec + (size_t)(k % slice % vec);
}

static size_t packed_at(const struct pack_layout *layout, int row, int unit, int k) {
    if (layout->held > 0) {
        return held_at(layout, row, unit, k);
    }
    const size_t block = (size_t)layout->block, columns = (size_t)layout->columns;
    const size_t wide = block * (size_t)layout->rows;
    const size_t strip = layout->strip > 0 ? (size_t)layout->strip : wide;
    const size_t number = (size_t)row * block + (size_t)unit % block;
    return (size_t)unit / block * columns * wide + number / strip * columns * strip +
           (size_t)k * strip + number % strip;
}

static size_t source_at(const struct pack_layout *layout, int row, int unit, int k) {
    if (layout->transposed) {
        return (size_t)k * (size_t)layout->units + (size_t)unit;
    }
    const size_t gate_row = (size_t)(layout->gate + row) * (size_t)layout->units + (size_t)unit;
    return gate_row * (size_t)layout->columns + (size_t)k;
}

void pack_weights(float *to, const float *from, const struct pack_layout *layout) {
    const float padding = layout->held > 0 ? -0.0f : 0.0f;
    const size_t count = pack_floats(layout);
    for (size_t i = 0; i < count; i++) {
        to[i] = padding;
    }
    for (int row = 0; row < layout->rows; row++) {
        for (int unit = 0; unit < layout->units; unit++) {
            for (int k = 0; k < layout->columns; k++) {
                to[packed_at(layout, row, unit, k)] = from[source_at(layout, row, unit, k)];
            }
        }
    }
}

void pack_unpack(float *to, const float *from, const struct pack_layout *layout) {
    for (int row = 0; row < layout->rows; row++) {
        for (int unit = 0; unit < layout->units; unit++) {
            for (int k = 0; k < layout->columns; k++) {
                to[source_at(layout, row, unit, k)] = from[packed_at(layout, row, unit, k)];
            }
        }
    }
}

void pack_gates(float *to, const float *from, int gates, int units, int stride) {
    memset(to, 0, (size_t)gates * (size_t)stride * sizeof(float));
    for (int gate = 0; gate < gates; gate++) {
        memcpy(to + (size_t)gate * (size_t)stride, from + (size_t)gate * (size_t)units,
               (size_t)units * sizeof(float));
    }
}

size_t pack_projection_floats(int gates, int stride, int columns, int block) {
    return blocks_of(gates * stride, block) * (size_t)block * (size_t)columns;
}

void pack_projection(float *to, const float *from, int gates, int units, int stride, int columns,
                     int block) {
    const struct pack_layout layout = {.rows = 1, .columns = columns, .block = block};
    memset(to, 0, pack_projection_floats(gates, stride, columns, block) * sizeof(float));
    for (int gate = 0; gate < gates; gate++) {
        for (int unit = 0; unit < units; unit++) {
            const float *row =
                from + ((size_t)gate * (size_t)units + (size_t)unit) * (size_t)columns;
            for (int k = 0; k < columns; k++) {
                to[packed_at(&layout, 0, gate * stride + unit, k)] = row[k];
            }
        }
    }
}
