/* project_shape.cl: what the files before project.cl must know: one phase, and rows of all steps. */
#define PHASES 1
#define STATES 1
#define GATES 0
#define STEP_ROWS ((wide)p->count * p->batch)
#define STEP_BLOCKS p->blocks
#if defined(__OPENCL_C_VERSION__) && GROUP_ITEMS == 1
#define STEP_RUNS /* a CPU driver takes groups by their numbers: see step_place */
#endif
