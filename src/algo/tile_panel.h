/*
 * tile_panel.h: the panel tiles that the C build has, as a table that both sides read: the planner
 * as numbers, the compilation of the kernels as macros. An OpenCL build may have any.
 *
 *     variant 0    1 row, one vector a gate: small H
 *     variant 1    1 row, 4 to 8 accumulators: chains that hide the latency of an fma, where weights
 *                  are not what a step waits for
 *     variant 2    4 rows: each weight that was read is used four times
 *     variant 3    8 rows, up to 3 sums a unit: for 32 registers of 16 lanes
 */
#ifndef CLRNN_ALGO_TILE_PANEL_H
#define CLRNN_ALGO_TILE_PANEL_H

enum { PANEL_VARIANTS = 4 };

#define PANEL_ROWS_V0 1
#define PANEL_ROWS_V1 1
#define PANEL_ROWS_V2 4
#define PANEL_ROWS_V3 8

/* Vectors of a block, and columns = vectors x sums a unit, for 1 .. 4 sums a unit. */
#define PANEL_VECTORS_V0_1 1
#define PANEL_VECTORS_V0_2 1
#define PANEL_VECTORS_V0_3 1
#define PANEL_VECTORS_V0_4 1
#define PANEL_VECTORS_V1_1 8
#define PANEL_VECTORS_V1_2 4
#define PANEL_VECTORS_V1_3 2
#define PANEL_VECTORS_V1_4 1
#define PANEL_VECTORS_V2_1 2
#define PANEL_VECTORS_V2_2 1
#define PANEL_VECTORS_V2_3 1
#define PANEL_VECTORS_V2_4 1
#define PANEL_VECTORS_V3_1 2
#define PANEL_VECTORS_V3_2 1
#define PANEL_VECTORS_V3_3 1
#define PANEL_VECTORS_V3_4 1

#define PANEL_COLS_V0_1 1
#define PANEL_COLS_V0_2 2
#define PANEL_COLS_V0_3 3
#define PANEL_COLS_V0_4 4
#define PANEL_COLS_V1_1 8
#define PANEL_COLS_V1_2 8
#define PANEL_COLS_V1_3 6
#define PANEL_COLS_V1_4 4
#define PANEL_COLS_V2_1 2
#define PANEL_COLS_V2_2 2
#define PANEL_COLS_V2_3 3
#define PANEL_COLS_V2_4 4
#define PANEL_COLS_V3_1 2
#define PANEL_COLS_V3_2 2
#define PANEL_COLS_V3_3 3
#define PANEL_COLS_V3_4 4

#endif
