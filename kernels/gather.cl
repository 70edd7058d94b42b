/*
 * gather.cl: rows of a table by number, for embeddings: y[i][f] = table[ids[i]][f]. The host has looked at
 * the numbers.
 */

/* One item a float of a row, one row of the launch's second dimension an id. */
__kernel void gather_rows(__global const float *restrict table, __global const int *restrict ids,
                          __global float *restrict y, const int features) {
    const size_t f = get_global_id(0), i = get_global_id(1);
    if (f < (size_t)features) {
        y[i * (size_t)features + f] = table[(size_t)ids[i] * (size_t)features + f];
    }
}
