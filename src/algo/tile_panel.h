/*
 * tile_panel.h: the panel tiles that the C build has, as a table that both sides read: the planner
 * as numbers, the compilation of the kernels as macros. An OpenCL build may have any.
 *
 *     variant 0    1 row, one vector a gate: small H
 *     variant 1    1 row, 4 to 8 accumulators: chains that hide the latency of an fma, where weights
 *                  are not what a step waits for
 *     variant 2    4 rows: each weight that was read is used four times
 *     variant 3    8 rows, 24 accumulators: for 32 registers of 16 lanes
 *     variant 4    4 rows, 12 accumulators: what 16 registers of 8 lanes hold beside the weights and x
 */
#ifndef CLRNN_ALGO_TILE_PANEL_H
#define CLRNN_ALGO_TILE_PANEL_H

enum { PANEL_VARIANTS = 5 };

/* Rows, vectors of a block, columns of a strip: vectors x sums a unit, or a part of them; by variant and
 * sums a unit (1 .. 4). Rows of a cell of two phases are those of the first, which has more sums. */
#define PANEL_V0_1 1, 1, 1
#define PANEL_V0_2 1, 1, 2
#define PANEL_V0_3 1, 1, 3
#define PANEL_V0_4 1, 1, 4
#define PANEL_V1_1 1, 8, 8
#define PANEL_V1_2 1, 4, 8
#define PANEL_V1_3 1, 2, 6
#define PANEL_V1_4 1, 1, 4
#define PANEL_V2_1 4, 2, 2
#define PANEL_V2_2 4, 1, 2
#define PANEL_V2_3 4, 1, 3
#define PANEL_V2_4 4, 1, 4
#define PANEL_V3_1 8, 2, 2
#define PANEL_V3_2 8, 1, 2
#define PANEL_V3_3 8, 1, 3
#define PANEL_V3_4 8, 3, 3
#define PANEL_V4_1 4, 3, 3
#define PANEL_V4_2 4, 1, 2
#define PANEL_V4_3 4, 1, 3
#define PANEL_V4_4 4, 3, 3

#endif
