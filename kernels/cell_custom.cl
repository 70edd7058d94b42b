/*
 * cell_custom.cl: opens the unit function of a user's own cell, whose text stands between this file
 * and cell_custom_end.cl: statements that change h (and c) from gx and gh.
 */
#define PHASES 1
#define STATES CUSTOM_STATES
#define CARRIES 0
#define GATES 0 /* no values to give: they have no names */
#define PHASE_ROWS_0 CUSTOM_GATES
#define PHASE_GATE_0 0
#define PHASE_WORDS_0 CUSTOM_GATES

static inline real cell_phase_0(const struct params *p, GLOBAL const float *constants,
                                const real *gx, const real *gh, real *state, real *carry,
                                real *gates) {
    real h = state[0];
#if STATES == 2
    real c = state[1];
#endif
    (void)constants;
    (void)carry;
    (void)gates;
    (void)p;
    { /* the text's own names are its own */
