/*
 * cpu_kernels.c: kernel files compiled as C. Built once for each cell, instruction set and panel
 * variant, with CELL_NAME, CELL_FILE, ISA and PANEL_VARIANT given; the table of objects is
 * generated.
 */
#include "cpu/cpu_language.h"

#include "algo/tile_panel.h"
#include "cpu/cpu_kernels.h"

#include "common.cl"

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
/* Pasting apart from CAT, which a macro that CAT wrote cannot use again. */
#define JOIN4_(a, b, c, d) a##b##c##d
#define JOIN4(a, b, c, d) JOIN4_(a, b, c, d)

#define TILE_OF(sums) JOIN4(PANEL_V, PANEL_VARIANT, _, sums)
#define TILE_FIRST_(a, b, c) a
#define TILE_SECOND_(a, b, c) b
#define TILE_THIRD_(a, b, c) c
#define TILE_GIVEN(which, tile) which(tile)
#define TILE_ROWS_OF(sums) TILE_GIVEN(TILE_FIRST_, TILE_OF(sums))
#define TILE_VECTORS_OF(sums) TILE_GIVEN(TILE_SECOND_, TILE_OF(sums))
#define TILE_COLS_OF(sums) TILE_GIVEN(TILE_THIRD_, TILE_OF(sums))

#ifdef CELL_IS_PROJECTION

#define ROWS TILE_ROWS_OF(1)
#include "project_shape.cl"
#include "rows.cl"
#define TILE_VECTORS_0 TILE_VECTORS_OF(1)
#define TILE_COLS_0 TILE_COLS_OF(1)
#define PHASE 0
#include "project.cl"
#include "tile_panel.cl"
#include "phase_end.cl"
#include "sched_step.cl"
#define SINGLE_FORWARD 0
#define PERSIST_FORWARD 0

#else

#include "activation.cl"
#include "cell.cl"
#include CELL_FILE
#define ROWS TILE_ROWS_OF(PHASE_ROWS_0)
#include "rows.cl"
#define TILE_VECTORS_0 TILE_VECTORS_OF(PHASE_ROWS_0)
#define TILE_COLS_0 TILE_COLS_OF(PHASE_ROWS_0)
#define PHASE 0
#include "phase.cl"
#include "tile_panel.cl"
#include "phase_end.cl"
#if PHASES == 2
#define TILE_VECTORS_1 TILE_VECTORS_OF(PHASE_ROWS_1)
#define TILE_COLS_1 TILE_COLS_OF(PHASE_ROWS_1)
#define PHASE 1
#include "phase.cl"
#include "tile_panel.cl"
#include "phase_end.cl"
#endif
#include "range.cl"
#include "sched_persist.cl"
#include "sched_single.cl"
#define SINGLE_FORWARD single_forward
#define PERSIST_FORWARD persist_forward
#define step_begin 0
#define step_forward 0

#endif

#define CPU_KERNELS_(cell, isa, variant) cpu_kernels_##cell##_##isa##_##variant
#define CPU_KERNELS(cell, isa, variant) CPU_KERNELS_(cell, isa, variant)

extern const struct cpu_kernels CPU_KERNELS(CELL_NAME, ISA, PANEL_VARIANT);
const struct cpu_kernels CPU_KERNELS(CELL_NAME, ISA, PANEL_VARIANT) = {
    TEXT(CELL_NAME), TEXT(ISA),    PANEL_VARIANT,  VECTOR_WIDTH,
    step_begin,      step_forward, SINGLE_FORWARD, PERSIST_FORWARD};
